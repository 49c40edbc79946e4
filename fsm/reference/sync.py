"""The worker and its sync S, which act: one key at a time (operator-semantics 4.4 to 4.6)."""

from __future__ import annotations

from typing import Any

from fsm.model import Backup, Job, Mode, Phase
from fsm.reference.calls import (
    AddRateLimited,
    CachedBackup,
    CreateJob,
    Done,
    Forget,
    Key,
    Result,
    UpdateBackup,
)
from fsm.reference.clean import clean
from fsm.reference.handler import TEARDOWN
from fsm.reference.jobs import cached_job, delete_job, is_finished
from fsm.reference.log import skip_log
from fsm.reference.make_job import make_job
from fsm.reference.program import CallError, GoError, Handle, IgnoreError, Program, RequeueError, where
from fsm.reference.updater import condition_of, try_update_status, update_status
from fsm.reference.validate import validate
from fsm.reference.volume import before_validation, check_snapshots_created, skip_volume, teardown
from fsm.rules import (
    FINALIZER,
    current_command,
    is_on,
    is_requeued,
    job_name,
    needs_finalizer_added,
    needs_finalizer_removed,
)

_DECIDED = (Phase.COMPLETE, Phase.FAILED, Phase.INVALID)


def work(key: Key) -> Program[Done]:
    """One turn of a worker, 4.4: sync the key, then tell the queue. RequeueError is asked for before IgnoreError."""
    try:
        yield from sync(key)
    except RequeueError as later:
        yield AddRateLimited(key)
        return Done(Result.REQUEUE, later.message)
    except IgnoreError as ignored:
        return Done(Result.IGNORE, ignored.message)
    except GoError as error:
        yield AddRateLimited(key)
        return Done(Result.ERROR, error.message)
    yield Forget(key)
    return Done()


def sync(key: Key) -> Program[None]:
    """S, 4.5, on a copy of the cached Backup."""
    backup: Backup | None = yield CachedBackup(key)
    if backup is None:
        return
    handle = Handle(backup)
    yield from _add_finalizer(handle)
    yield from _remove_finalizer(handle)
    yield from clean(handle)
    if handle.backup.metadata.deletion_timestamp is None:
        yield from sync_job(handle)


def _add_finalizer(handle: Handle) -> Program[None]:
    """Step 2. The copy keeps its old resourceVersion; later writes read the cache again."""
    if needs_finalizer_added(handle.backup):
        yield from _write_finalizers(handle, (*handle.backup.metadata.finalizers, FINALIZER), "add")


def _remove_finalizer(handle: Handle) -> Program[None]:
    """Step 3: the next pass finds no Backup."""
    if needs_finalizer_removed(handle.backup):
        left = tuple(each for each in handle.backup.metadata.finalizers if each != FINALIZER)
        yield from _write_finalizers(handle, left, "remove")
        raise RequeueError(f"backup {where(handle.backup)} has been cleaned up")


def _write_finalizers(handle: Handle, finalizers: tuple[str, ...], verb: str) -> Program[None]:
    changed = handle.backup.with_(metadata=handle.backup.metadata.with_(finalizers=finalizers))
    yield from handle.assign(changed)
    try:
        yield UpdateBackup(changed)
    except CallError as error:
        raise GoError(f"{verb} backup {where(changed)} protection finalizers failed, err: {error}") from None


# ------------------------------------------------------------------ the Job


def sync_job(handle: Handle) -> Program[None]:
    """syncBackupJob, 4.6. The command and the Job's name are those of the beginning, whatever is written meanwhile."""
    name, command = job_name(handle.backup), current_command(handle.backup)
    if handle.backup.mode == Mode.VOLUME:
        yield from before_validation(handle)
    yield from validate(handle)
    yield from check_snapshots_created(handle)
    if (yield from _can_skip(handle)):
        return
    if any(is_on(handle.backup, phase) for phase in _DECIDED):
        return
    yield from _wait_for_earlier(handle)
    if _is_teardown(handle.backup):
        yield from teardown(handle)
        return
    job, update = yield from make_job(handle)
    yield from _create(handle, job, name, command)
    yield from update_status(handle, condition_of(Phase.SCHEDULED, command=command), update)


def _create(handle: Handle, job: Job, name: str, command: str) -> Program[None]:
    """Step 9: AlreadyExists is an error like any other. The message names the execute Job even of an init Job."""
    try:
        yield CreateJob(job)
    except CallError as error:
        message = f"create backup {where(handle.backup)} job {name} failed, err: {error}"
        failed = condition_of(Phase.RETRY_FAILED, "CreateBackupJobFailed", message, command)
        yield from try_update_status(handle, failed)
        raise GoError(message) from None


def _is_teardown(backup: Backup) -> bool:
    return backup.mode == Mode.VOLUME and backup.spec.federal_volume_backup_phase == TEARDOWN


def _can_skip(handle: Handle) -> Program[bool]:
    """Step 4."""
    skip: Any = {Mode.LOG.value: skip_log, Mode.VOLUME.value: skip_volume}.get(handle.backup.mode, _skip_snapshot)
    answer: bool = yield from skip(handle)
    return answer


def _skip_snapshot(handle: Handle) -> Program[bool]:
    """A Job of the name is there, in whatever condition and whoever owns it (S19)."""
    return (yield from cached_job(handle.backup, job_name(handle.backup))) is not None


def _wait_for_earlier(handle: Handle) -> Program[None]:
    """Step 6: wait for log-start, or for the earlier Job of the same name, which is removed once it is finished."""
    backup = handle.backup
    if is_requeued(backup):
        command = current_command(backup)
        raise RequeueError(f"log backup {where(backup)} command {command} should wait log backup start complete")
    name = job_name(backup)
    job = yield from cached_job(backup, name)
    if job is None:
        return
    if job.metadata.deletion_timestamp is not None:
        raise RequeueError(f"backup {where(backup)} job {name} is being deleted")
    if is_finished(job):
        if _is_teardown(backup):
            return
        yield from delete_job(backup, name)
    raise IgnoreError(f"backup {where(backup)} job {name} is running, will be ignored")
