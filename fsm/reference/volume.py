"""What a sync of a volume snapshot does beside the Jobs (operator-semantics 7.2)."""

from __future__ import annotations

from fsm.model import Backup, Mode, Phase
from fsm.reference.calls import StorageHas
from fsm.reference.handler import TEARDOWN
from fsm.reference.jobs import cached_job, delete_job, has_ended
from fsm.reference.make_job import EXECUTE, INITIALIZE
from fsm.reference.program import CallError, GoError, Handle, IgnoreError, Program, where
from fsm.reference.secrets import UNKNOWN_STORAGE, storage_type
from fsm.reference.updater import condition_of, update_status
from fsm.rules import (
    init_job_name,
    is_on,
    is_volume_failed,
    is_volume_initialize_complete,
    is_volume_initialize_failed,
    is_volume_initialized,
    is_volume_snapshots_created,
    job_name,
)

META_FILE = "backupmeta"
_DELETED = (
    "InitializeJobDeleted",
    "init job deleted before all the volume snapshots are created",
    "job was deleted, set it VolumeBackupInitializeFailed",
)
_ENDED = (
    "InitializeJobCompletedOrFailed",
    "init job completed or failed before all the volume snapshots are created",
    "job was completed or failed, set it VolumeBackupInitializeFailed",
)


def before_validation(handle: Handle) -> Program[None]:
    """Step 1: the init Job of a failed backup goes, that of a living one must run, and GC resumes when asked for."""
    if is_on(handle.backup, Phase.FAILED) or is_volume_failed(handle.backup):
        yield from _delete_init_job(handle.backup)
    else:
        yield from check_init_running(handle)
    if handle.backup.spec.resume_gc_schedule:
        yield from _resume_gc(handle)


def check_init_running(handle: Handle) -> Program[None]:
    """Step 1b. Whether the condition of an init Job that ended is True is not asked (S24)."""
    backup = handle.backup
    if not _needs_init(backup):
        return
    name = init_job_name(backup)
    job = yield from cached_job(backup, name)
    if job is not None and not has_ended(job):
        return
    reason, message, problem = _DELETED if job is None else _ENDED
    yield from update_status(handle, condition_of(Phase.VOLUME_BACKUP_INITIALIZE_FAILED, reason, message))
    raise IgnoreError(f"backup {where(backup)} {problem}")


def _needs_init(backup: Backup) -> bool:
    """GC and schedulers have to be held still now."""
    step = backup.spec.federal_volume_backup_phase
    if step == TEARDOWN or (step != INITIALIZE and not is_volume_initialized(backup)):
        return False
    if is_volume_snapshots_created(backup) and backup.spec.resume_gc_schedule:
        return False
    return is_on(backup, Phase.SCHEDULED) and not is_volume_initialize_failed(backup)


def _resume_gc(handle: Handle) -> Program[None]:
    """Step 1c."""
    backup = handle.backup
    settled = is_volume_initialize_failed(backup) or is_volume_initialize_complete(backup)
    if settled or not is_volume_snapshots_created(backup):
        return
    try:
        yield from _delete_init_job(backup)
    except GoError as error:
        raise GoError(f"delete initialize job failed, err: {error}") from None
    yield from _update_or_fail(handle, Phase.VOLUME_BACKUP_INITIALIZE_COMPLETE)


def check_snapshots_created(handle: Handle) -> Program[None]:
    """Step 3: the execute Job's `backupmeta` in the storage says that all snapshots were taken."""
    backup = handle.backup
    if backup.mode != Mode.VOLUME or backup.spec.federal_volume_backup_phase != EXECUTE:
        return
    if is_volume_initialize_failed(backup) or is_volume_snapshots_created(backup):
        return
    if storage_type(backup.spec) == UNKNOWN_STORAGE:
        raise GoError(f"create storage backend error: storage {UNKNOWN_STORAGE} not supported yet")
    try:
        there: bool = yield StorageHas(META_FILE)
    except CallError as error:
        raise GoError(f"check backupmeta existed error: {error}") from None
    if there:
        yield from _update_or_fail(handle, Phase.VOLUME_BACKUP_SNAPSHOTS_CREATED)


def _update_or_fail(handle: Handle, phase: Phase) -> Program[None]:
    try:
        yield from update_status(handle, condition_of(phase))
    except GoError as error:
        raise GoError(f"update status to {phase} error: {error}") from None


def skip_volume(handle: Handle) -> Program[bool]:
    """Step 4: the Job of this step is there; a teardown still has work with it."""
    backup = handle.backup
    step = backup.spec.federal_volume_backup_phase
    name = init_job_name(backup) if step in {INITIALIZE, TEARDOWN} else job_name(backup)
    return (yield from cached_job(backup, name)) is not None and step != TEARDOWN


def teardown(handle: Handle) -> Program[None]:
    """Step 7: the init Job goes, and the backup is Complete, or Failed where GC may have run meanwhile."""
    ended = False
    if not is_volume_initialize_complete(handle.backup):
        ended = yield from _end_init_job(handle.backup)
    backup = handle.backup
    if any(is_on(backup, phase) for phase in (Phase.FAILED, Phase.COMPLETE, Phase.INVALID)):
        return
    failed = ended or is_volume_initialize_failed(backup) or is_volume_failed(backup)
    yield from update_status(handle, condition_of(Phase.FAILED if failed else Phase.COMPLETE))


def _end_init_job(backup: Backup) -> Program[bool]:
    """Whether the init Job had ended before; else it is deleted."""
    job = yield from cached_job(backup, init_job_name(backup), "initializing job")
    if job is None:
        return False
    if has_ended(job):
        return True
    yield from delete_job(backup, job.metadata.name, "initializing job")
    return False


def _delete_init_job(backup: Backup) -> Program[None]:
    job = yield from cached_job(backup, init_job_name(backup), "initializing job")
    if job is not None:
        yield from delete_job(backup, job.metadata.name, "initializing job")
