"""The secrets and storages that a Job is made from, and what is wrong with them (operator-semantics 4.8)."""

from __future__ import annotations

from collections.abc import Callable

from fsm.model import AzblobStorage, Backup, BackupSpec, GcsStorage, S3Storage
from fsm.reference.calls import CachedSecret, Key
from fsm.reference.program import NIL, CallError, PanicError, Program, ReasonedError, not_found, where

PASSWORD = ("password",)
S3_KEYS = ("access_key", "secret_key")
GCS_KEYS = ("credentials",)
AZBLOB_ACCOUNT = "AZURE_STORAGE_ACCOUNT"
AZBLOB_AAD = ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID")
AZBLOB_SHARED_KEY = ("AZURE_STORAGE_KEY",)
UNKNOWN_STORAGE = "unknown"
"""The type of a storage that the spec does not give."""

Keys = frozenset[str]


def check_password(backup: Backup) -> Program[None]:
    """The secret of `spec.from` with TiDB's password."""
    access = backup.spec.from_
    assert access is not None, "validation lets no export pass without spec.from"
    name = access.secret_name

    def absent(error: str) -> str:
        return f"backup {where(backup)} get tidb secret {name} failed, err: {error}"

    keys = yield from _secret((backup.metadata.namespace, name), "GetTidbSecretFailed", absent)
    missing = _missing(keys, PASSWORD)
    if missing:
        raise ReasonedError("KeyNotExist", f"backup {where(backup)}, tidb secret {name} missing password key {missing}")


def check_storage(backup: Backup) -> Program[None]:
    """The first storage of the spec, in the order S3, GCS, Azure, local; its secret where it names one."""
    spec, namespace = backup.spec, backup.metadata.namespace
    if spec.s3 is not None:
        yield from _check_s3(spec.s3, namespace)
    elif spec.gcs is not None:
        yield from _check_gcs(spec.gcs, namespace)
    elif spec.azblob is not None:
        yield from _check_azblob(spec.azblob, namespace)
    elif spec.local is None:
        raise ReasonedError("UnsupportedStorageType", f"unsupported storage type {UNKNOWN_STORAGE}")


def storage_type(spec: BackupSpec) -> str:
    """The type of the storage that counts."""
    kinds = {"s3": spec.s3, "gcs": spec.gcs, "azblob": spec.azblob, "local": spec.local}
    return next((kind for kind, storage in kinds.items() if storage is not None), UNKNOWN_STORAGE)


def _check_s3(s3: S3Storage, namespace: str) -> Program[None]:
    if s3.secret_name:
        yield from _check_keys((namespace, s3.secret_name), S3_KEYS, "s3", "s3 secret", "GetS3SecretFailed")
    schemed = "://" in s3.endpoint
    if s3.provider == "ceph" and schemed and not s3.endpoint.startswith("http://"):
        raise ReasonedError("InvalidS3Endpoint", f"ceph endpoint URI {s3.endpoint} must start with http://")


def _check_gcs(gcs: GcsStorage, namespace: str) -> Program[None]:
    if gcs.secret_name:
        yield from _check_keys((namespace, gcs.secret_name), GCS_KEYS, "gcs", "the gcs secret", "GetGcsSecretFailed")
    if not gcs.project_id:
        raise ReasonedError("ProjectIdIsEmpty", "the project id is not set")


def _check_keys(key: Key, wanted: tuple[str, ...], kind: str, title: str, reason: str) -> Program[None]:
    keys = yield from _secret(key, reason, lambda error: f"get {kind} secret {'/'.join(key)} failed, err: {error}")
    missing = _missing(keys, wanted)
    if missing:
        raise ReasonedError(f"{kind}KeyNotExist", f"{title} {'/'.join(key)} missing some keys {missing}")


def _check_azblob(azblob: AzblobStorage, namespace: str) -> Program[None]:
    """Where no secret is named, and account or signature are to be read from it, the operator crashes."""
    key = (namespace, azblob.secret_name)
    keys: Keys | None = None
    if azblob.secret_name:
        keys = yield from _secret(
            key, "GetAzblobSecretFailed", lambda error: f"get azblob secret {'/'.join(key)} failed, err: {error}"
        )
    if azblob.storage_account and azblob.sas_token:
        return
    if keys is None:
        raise PanicError(NIL)
    if not azblob.storage_account and AZBLOB_ACCOUNT not in keys:
        text = f"secret {'/'.join(key)} missing some keys, storage account unspecified: "
        raise ReasonedError("azblobAccountNotExist", text)
    if not azblob.sas_token and all(_missing(keys, auth) for auth in (AZBLOB_AAD, AZBLOB_SHARED_KEY)):
        raise ReasonedError("azblobKeyOrAADMissing", f"secret {'/'.join(key)} missing some keys")


def _secret(key: Key, reason: str, text: Callable[[str], str]) -> Program[Keys]:
    try:
        keys: Keys | None = yield CachedSecret(key)
        if keys is None:
            raise not_found("secret", key[1])
    except CallError as error:
        raise ReasonedError(reason, text(error.message)) from None
    return keys


def _missing(keys: Keys, wanted: tuple[str, ...]) -> str:
    return ",".join(key for key in wanted if key not in keys)
