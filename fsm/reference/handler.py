"""The event handlers, which decide: H for Backups and HJ for deleted Jobs (operator-semantics 4.1 to 4.3)."""

from __future__ import annotations

from dataclasses import dataclass

from fsm.model import Backup, Job, Mode, Phase
from fsm.reference.calls import Add, CachedJob, CachedPointer, Key
from fsm.reference.jobs import failed_reason, is_finished
from fsm.reference.program import CallError, GoError, Handle, PanicError, Program
from fsm.reference.retry import record_failure, retry_snapshot
from fsm.reference.updater import condition_of, update_status
from fsm.rules import init_job_name, is_failure_recorded, is_on, job_name

_SILENT = (Phase.SCHEDULED, Phase.RUNNING, Phase.PREPARE, Phase.FAILED, Phase.INVALID)
TEARDOWN = "teardown"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What an informer delivers after it missed a deletion."""


def handle_backup(delivered: Backup | Tombstone, address: int | None = None) -> Program[None]:
    """H, 4.1. `address`: where the object lies in the informer cache, unless the cache has another one by now."""
    if isinstance(delivered, Tombstone):
        raise PanicError(
            "interface conversion: interface {} is cache.DeletedFinalStateUnknown, not *v1alpha1.Backup"
        )  # S6
    handle = Handle(delivered, address)
    if delivered.metadata.deletion_timestamp is not None:
        yield Add(handle.key)
    elif is_on(delivered, Phase.INVALID) or (delivered.mode != Mode.LOG and is_on(delivered, Phase.COMPLETE)):
        return
    elif is_on(delivered, Phase.FAILED):
        yield from _after_failed(handle)
    elif _is_volume(delivered) and delivered.spec.federal_volume_backup_phase == TEARDOWN:
        yield Add(handle.key)
    else:
        yield from _at_work(handle)


def _is_volume(backup: Backup) -> bool:
    return backup.mode == Mode.VOLUME


def _after_failed(handle: Handle) -> Program[None]:
    """Step 4: a volume backup whose init Job still runs is synced, so that the Job is removed."""
    if not _is_volume(handle.backup):
        return
    try:
        job = yield CachedJob(_beside(handle.backup, init_job_name(handle.backup)))
    except CallError:
        return
    if job is not None and not is_finished(job):
        yield Add(handle.key)


def _at_work(handle: Handle) -> Program[None]:
    """Steps 6 to 9."""
    if handle.backup.mode != Mode.LOG:
        try:
            failure = yield from detect_failure(handle)
        except GoError:
            return
        if failure is not None:
            yield from _retry_or_log(handle, *failure)
            return
    backup = handle.backup
    if _is_volume(backup) or not any(is_on(backup, phase) for phase in _SILENT):
        yield Add(handle.key)


def _retry_or_log(handle: Handle, reason: str, original: str) -> Program[None]:
    try:
        yield from retry_after_failure(handle, reason, original)
    except GoError:
        return


def handle_job_deletion(delivered: Job | Tombstone) -> Program[None]:
    """HJ, 4.1: the deletion of a Job is an event of the Backup that controls it; a tombstone wakes nobody."""
    owner = None if isinstance(delivered, Tombstone) else delivered.metadata.owner
    if isinstance(delivered, Tombstone) or owner is None or owner.kind != "Backup":
        return
    try:
        found: tuple[Backup, int] | None = yield CachedPointer((delivered.metadata.namespace, owner.name))
    except CallError:
        return
    if found is not None and found[0].metadata.uid == owner.uid:
        yield from handle_backup(*found)


def detect_failure(handle: Handle) -> Program[tuple[str, str] | None]:
    """DetectFailure, 4.2: reason and original reason of a failure, be it recorded or new; None where nothing failed."""
    backup = handle.backup
    if is_failure_recorded(backup):
        last = backup.status.backoff_retry_status[-1]
        return last.retry_reason, last.original_reason
    name = job_name(backup)
    job: Job | None = yield CachedJob(_beside(backup, name))
    original = None if job is None else failed_reason(job)
    if original is None:
        return None
    reason = f"Job {name} has failed"
    if backup.mode == Mode.SNAPSHOT:
        yield from _record_or_log(handle, reason, original)
    return reason, original


def _record_or_log(handle: Handle, reason: str, original: str) -> Program[None]:
    """The error of a record that could not be made is only logged."""
    try:
        yield from record_failure(handle, reason, original)
    except GoError:
        return


def retry_after_failure(handle: Handle, reason: str, original: str) -> Program[None]:
    """RetryAfterFailure, 4.3: a snapshot is retried, everything else has failed for good; a volume snapshot's execute
    Job by a condition of its own (7.1)."""
    if handle.backup.mode == Mode.SNAPSHOT:
        yield from retry_snapshot(handle)
        return
    failed = Phase.VOLUME_BACKUP_FAILED if _is_volume(handle.backup) else Phase.FAILED
    message = f"reason {reason}, original reason {original}"
    yield from update_status(handle, condition_of(failed, "AlreadyFailed", message))


def _beside(backup: Backup, name: str) -> Key:
    return backup.metadata.namespace, name
