"""The Jobs, and what can keep them from being made (operator-semantics 4.8 and 1.5)."""

from __future__ import annotations

from typing import Any

from fsm.model import Backup, Job, LogCommand, Mode, Phase
from fsm.reference.calls import WriteVolumeMetadata
from fsm.reference.claim import claim_name, ensure_claim
from fsm.reference.cluster import TidbCluster
from fsm.reference.program import CallError, GoError, Handle, IgnoreError, Program, ReasonedError, where
from fsm.reference.secrets import check_password, check_storage, storage_type
from fsm.reference.tracker import track
from fsm.reference.updater import condition_of, try_update_status
from fsm.reference.validate import cached_cluster, cluster_key, no_cluster
from fsm.rules import (
    Update,
    arguments_of,
    clean_job_name,
    current_command,
    init_job_name,
    job_name,
    stop_job_name,
)

CLEAN_BACKOFF_LIMIT = 6
EXECUTE, INITIALIZE = "execute", "initialize"
_FILE_EXISTS = "FileExistedInExternalStorage"


def make_job(handle: Handle) -> Program[tuple[Job, Update | None]]:
    """make job, 4.8: the Job, and what is written with `Scheduled`. A stage that fails is told by its reason."""
    if handle.backup.spec.br is None:
        return (yield from _told(handle, _export_job(handle.backup), "")), None
    command = current_command(handle.backup)
    job = yield from _told(handle, _br_job(handle.backup), command)
    if command == LogCommand.START:
        yield from _told(handle, _tracked(handle), command)
    until = handle.backup.spec.log_truncate_until if command == LogCommand.TRUNCATE else None
    return job, None if until is None else Update(log_truncating_until=until)


def _told(handle: Handle, stage: Program[Any], command: str) -> Program[Any]:
    """RetryFailed with the reason, to be tried again; but metadata that exist already are the end (S24)."""
    try:
        return (yield from stage)
    except ReasonedError as error:
        ended = error.reason == _FILE_EXISTS
        phase = Phase.FAILED if ended else Phase.RETRY_FAILED
        yield from try_update_status(handle, condition_of(phase, error.reason, error.message, command))
        if ended:
            raise IgnoreError(f"{error.message}, reason is {error.reason}") from None
        raise GoError(error.message) from None


def _tracked(handle: Handle) -> Program[None]:
    try:
        yield from track(handle)
    except GoError as error:
        raise ReasonedError("start log backup progress tracker error", error.message) from None


# ------------------------------------------------------------------ by purpose


def _export_job(backup: Backup) -> Program[Job]:
    """A Dumpling export: its secrets, its claim, its bucket."""
    yield from check_password(backup)
    yield from _checked_storage(backup)
    yield from ensure_claim(backup)
    kind = storage_type(backup.spec)
    storage = backup.spec.s3 or backup.spec.gcs
    if kind not in {"s3", "gcs"} or storage is None:
        raise ReasonedError("UnsupportedStorageType", f"backup {where(backup)} unsupported storage type {kind}")
    tls = backup.spec.from_ is not None and backup.spec.from_.tls_client_secret_name is not None
    arguments = (
        *_addressed("export", backup),
        f"--bucket={storage.bucket}",
        f"--storageType={kind}",
        *(("--client-tls=true",) if tls else ()),
    )
    return _job(backup, job_name(backup), arguments, claim=claim_name(backup))


def _br_job(backup: Backup) -> Program[Job]:
    """The Job of a snapshot, a log command, or a step of a volume snapshot."""
    cluster = yield from _cluster_for(backup)
    step = backup.spec.federal_volume_backup_phase if backup.mode == Mode.VOLUME else ""
    if step == EXECUTE:
        yield from _write_metadata(backup)
    arguments = _with_tls(arguments_of(backup, tikv_version=cluster.tikv_version), cluster)
    if step == INITIALIZE:
        seconds = backup.spec.volume_backup_init_job_max_active_seconds
        return _job(backup, init_job_name(backup), arguments, deadline=seconds)
    return _job(backup, job_name(backup), arguments)


def _write_metadata(backup: Backup) -> Program[None]:
    try:
        yield WriteVolumeMetadata()
    except CallError as error:
        raise ReasonedError(*_reason_and_text(backup, error)) from None


def _reason_and_text(backup: Backup, error: CallError) -> tuple[str, str]:
    """The reason of the stage stands before the colon of the call's error."""
    reason, _, text = error.message.partition(": ")
    return reason, f"backup {where(backup)}, {text}"


def stop_job(backup: Backup) -> Program[Job]:
    """The Job that stops a log backup which is deleted; why it cannot be made is not written (9, step 1)."""
    cluster = yield from _cluster_for(backup)
    arguments = arguments_of(backup, tikv_version=cluster.tikv_version, command=LogCommand.STOP)
    return _job(backup, stop_job_name(backup.metadata.name), _with_tls(arguments, cluster))


def clean_job(backup: Backup) -> Program[Job]:
    """The Job that deletes the data."""
    yield from check_storage(backup)
    arguments = _addressed("clean", backup)
    return _job(backup, clean_job_name(backup.metadata.name), arguments, backoff_limit=CLEAN_BACKOFF_LIMIT)


def _cluster_for(backup: Backup) -> Program[TidbCluster]:
    key = cluster_key(backup)
    try:
        cluster = yield from cached_cluster(key)
    except GoError as error:
        raise ReasonedError(no_cluster(key), str(error)) from None
    if backup.spec.from_ is not None:
        yield from check_password(backup)
    yield from _checked_storage(backup)
    return cluster


def _checked_storage(backup: Backup) -> Program[None]:
    try:
        yield from check_storage(backup)
    except ReasonedError as error:
        raise ReasonedError(error.reason, f"backup {where(backup)}, {error.message}") from None


# ------------------------------------------------------------------ the objects


def _addressed(program: str, backup: Backup) -> tuple[str, ...]:
    namespace, name = backup.key
    return program, f"--namespace={namespace}", f"--backupName={name}"


def _with_tls(arguments: tuple[str, ...], cluster: TidbCluster) -> tuple[str, ...]:
    return (*arguments, "--cluster-tls=true") if cluster.tls else arguments


def _job(
    backup: Backup,
    name: str,
    arguments: tuple[str, ...],
    *,
    backoff_limit: int = 0,
    deadline: int | None = None,
    claim: str | None = None,
) -> Job:
    """A Job that the Backup controls, with one pod that is never restarted."""
    limits = {} if deadline is None else {"activeDeadlineSeconds": deadline}
    volumes = {} if claim is None else {"volumes": [{"name": "backup", "persistentVolumeClaim": {"claimName": claim}}]}
    pod = {"restartPolicy": "Never", "containers": [{"name": "backup", "args": list(arguments)}], **volumes}
    return Job.from_json(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "namespace": backup.metadata.namespace,
                "ownerReferences": [_owner(backup)],
            },
            "spec": {"backoffLimit": backoff_limit, **limits, "template": {"spec": pod}},
        }
    )


def _owner(backup: Backup) -> dict[str, Any]:
    return {
        "apiVersion": "pingcap.com/v1alpha1",
        "kind": "Backup",
        "name": backup.metadata.name,
        "uid": backup.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
