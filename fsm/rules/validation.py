"""The operator's check of a Backup's spec; its texts become the message of `Invalid` (operator-semantics 2.9).

Pure. What the operator knows about the TiDB cluster is an argument; without it the rules about the cluster are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import partial

from fsm.errors import InputError
from fsm.model import (
    Backup,
    GcsStorage,
    LocalStorage,
    Mode,
    S3Storage,
    parse_duration,
    parse_ts,
)
from fsm.rules.endpoint import endpoint_of

_TYPES = frozenset({"", "full", "db", "table"})
_BR_SETS_GC = (4, 0, 8)
_LOG_BACKUP = (6, 1, 0)
_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-{_IDENTIFIERS})?(?:\+{_IDENTIFIERS})?")


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the rules ask about a TidbCluster: its TiKV image, whether it spans Kubernetes clusters and has TiKV."""

    tikv_image: str = ""
    across_k8s: bool = False
    has_tikv: bool = True


def validate_spec(backup: Backup, cluster: Cluster | None = None, zone: tzinfo = UTC) -> str | None:
    """The message of the first rule that the spec breaks, word for word, or None; `zone` is the operator's."""
    export = backup.spec.br is None
    problems = _export_problems(backup) if export else _br_problems(backup, cluster, zone)
    return next(problems, None)


def _where(backup: Backup) -> str:
    return f"{backup.metadata.namespace}/{backup.metadata.name}"


def _for_br(backup: Backup) -> str:
    return f"configured for BR in spec of {_where(backup)}"


def _export_problems(backup: Backup) -> Iterator[str]:
    yield from _access_problems(backup)
    if not backup.spec.storage_size:
        yield f"missing StorageSize config in spec of {_where(backup)}"


def _access_problems(backup: Backup) -> Iterator[str]:
    access = backup.spec.from_
    if access is None or not access.host:
        yield f"missing cluster config in spec of {_where(backup)}"
    elif not access.secret_name:
        yield f"missing tidbSecretName config in spec of {_where(backup)}"


def _br_problems(backup: Backup, cluster: Cluster | None, zone: tzinfo) -> Iterator[str]:
    """The rules for BR in the operator's order."""
    if cluster is not None and _is_older(cluster.tikv_image, _BR_SETS_GC):
        yield from _access_problems(backup)
    yield from _target_problems(backup)
    yield from _storage_problems(backup)
    if backup.mode == Mode.LOG:
        yield from _log_problems(backup, cluster, zone)
    if backup.mode == Mode.VOLUME and cluster is not None:
        yield from _volume_problems(cluster)
    yield from _policy_problems(backup)


def _target_problems(backup: Backup) -> Iterator[str]:
    br, kind = backup.spec.br, backup.spec.backup_type
    if br is None or not br.cluster:
        yield f"cluster should be {_for_br(backup)}"
    elif kind not in _TYPES:
        yield f"invalid backup type {kind} for BR in spec of {_where(backup)}"
    elif kind in {"db", "table"} and not br.db:
        yield f"DB should be configured for BR with backup type {kind} in spec of {_where(backup)}"
    elif kind == "table" and not br.table:
        yield f"table should be configured for BR with backup type table in spec of {_where(backup)}"


def _storage_problems(backup: Backup) -> Iterator[str]:
    """Of several storages only the first counts; azblob is never checked."""
    spec = backup.spec
    if spec.s3 is not None:
        yield from _s3_problems(spec.s3, _for_br(backup))
    elif spec.gcs is not None:
        yield from _gcs_problems(spec.gcs, _for_br(backup))
    elif spec.local is not None:
        yield from _local_problems(spec.local, _for_br(backup))


def _s3_problems(s3: S3Storage, for_br: str) -> Iterator[str]:
    if not s3.bucket:
        yield f"bucket should be {for_br}"
    if not s3.endpoint:
        return
    endpoint = endpoint_of(s3.endpoint)
    if endpoint is None:
        yield f"invalid endpoint {s3.endpoint} is {for_br}"
    elif not endpoint.scheme:
        yield f"scheme not found in endpoint {s3.endpoint} {for_br}"
    elif not endpoint.host:
        yield f"host not found in endpoint {s3.endpoint} {for_br}"


def _gcs_problems(gcs: GcsStorage, for_br: str) -> Iterator[str]:
    if not gcs.project_id:
        yield f"projectId should be {for_br}"
    if not gcs.bucket:
        yield f"bucket should be {for_br}"


def _local_problems(local: LocalStorage, for_br: str) -> Iterator[str]:
    if local.volume_mount.name != local.volume.name:
        yield f"Spec.Local.Volume.Name != Spec.Local.VolumeMount.Name is {for_br}"
    if not local.volume_mount.mount_path:
        yield f"empty Spec.Local.VolumeMount.MountPath is {for_br}"
    if ":" in local.volume_mount.mount_path:
        yield f"Spec.Local.VolumeMount.MountPath cannot contain ':' {for_br}"


def _log_problems(backup: Backup, cluster: Cluster | None, zone: tzinfo) -> Iterator[str]:
    """The operator also rejects a truncation without a time, which no spec can ask for (operator-semantics 2.4)."""
    if cluster is not None and _is_older(cluster.tikv_image, _LOG_BACKUP):
        unsupported = f"tikv {cluster.tikv_image} doesn't support log backup in spec of {_where(backup)}"
        yield f"{unsupported}, the first version is v6.1.0"
    yield from _parsing_problems(partial(parse_ts, backup.spec.commit_ts, zone), "")
    yield from _parsing_problems(partial(parse_ts, backup.spec.log_truncate_until, zone), "")


def _volume_problems(cluster: Cluster) -> Iterator[str]:
    if not cluster.across_k8s:
        yield "only support volume snapshot backup across k8s clusters"
    if not cluster.has_tikv:
        yield "not support backup TiDB cluster with no tikv replica"


def _policy_problems(backup: Backup) -> Iterator[str]:
    """Only the form of the durations is checked: not the sign, not the size, and not the number of retries."""
    policy = backup.spec.backoff_retry_policy
    fields = {"minRetryDuration": policy.min_retry_duration, "retryTimeout": policy.retry_timeout}
    for name, text in fields.items():
        if text:
            prefix = f"fail to parse {name} {text} of backup {_where(backup)}, "
            yield from _parsing_problems(partial(parse_duration, text), prefix)


def _parsing_problems(parse: Callable[[], int], prefix: str) -> Iterator[str]:
    try:
        parse()
    except InputError as error:
        yield prefix + error.problem


def _is_older(image: str, version: tuple[int, int, int]) -> bool:
    """The image's tag is a version before the first build of `version`; a tag that is no version is not older."""
    match = _VERSION.fullmatch(image.rpartition(":")[2]) if ":" in image else None
    if match is None:
        return False
    return tuple(int(part or 0) for part in match.groups()) < version
