"""Deletion: the log backup is stopped, the data are deleted, then the finalizer goes (operator-semantics 9)."""

from __future__ import annotations

from fsm.model import Backup, Job, LogCommand, Mode, Phase
from fsm.reference.calls import CachedJob, CreateJob, DeleteJob
from fsm.reference.jobs import is_finished
from fsm.reference.make_job import clean_job, stop_job
from fsm.reference.program import CallError, GoError, Handle, Program, ReasonedError, where
from fsm.reference.updater import condition_of, try_update_status, update_status
from fsm.rules import (
    clean_job_name,
    is_clean_candidate,
    is_log_started,
    is_log_stopped,
    job_name,
    log_job_name,
    needs_retained_data,
    stop_job_name,
)

_WAITED_FOR = (LogCommand.START, LogCommand.STOP, LogCommand.TRUNCATE)
"""Not the Jobs of pause and resume (S23)."""


def clean(handle: Handle) -> Program[None]:
    """Clean: nothing while the Backup is not being deleted."""
    if handle.backup.metadata.deletion_timestamp is None:
        return
    if handle.backup.mode == Mode.LOG:
        yield from stop_log_backup(handle)
    yield from clean_data(handle)


def stop_log_backup(handle: Handle) -> Program[None]:
    """Step 1: a Job of its own stops the task; whatever it ends like, it is not made again (S14)."""
    backup = handle.backup
    if backup.spec.br is None:
        raise GoError(f"backup {where(backup)} spec.BR shouldn't be nil")
    if not is_log_started(backup):
        yield from update_status(handle, condition_of(Phase.COMPLETE, command=LogCommand.STOP))
        return
    if is_log_stopped(backup) or (yield from _is_there(handle, stop_job_name(backup.metadata.name))):
        return
    try:
        job = yield from stop_job(backup)
    except ReasonedError as error:
        raise GoError(error.message) from None
    text = f"stop log backup {where(backup)} job {job.metadata.name} failed, err: "
    yield from _create(handle, job, "StopLogBackupJobFailed", text, LogCommand.STOP)
    yield from update_status(handle, condition_of(Phase.SCHEDULED, command=LogCommand.STOP))


def clean_data(handle: Handle) -> Program[None]:
    """Step 2: once the other Jobs are finished, a Job deletes what lies under `backupPath`."""
    backup = handle.backup
    deleted = backup.metadata.deletion_timestamp is not None
    if not deleted or not is_clean_candidate(backup) or needs_retained_data(backup):
        return
    if not (yield from _jobs_are_finished(backup)):
        return
    name = clean_job_name(backup.metadata.name)
    if (yield from _is_there(handle, name)):
        return
    if not backup.status.backup_path:
        yield from update_status(handle, condition_of(Phase.CLEAN))
        return
    try:
        job = yield from clean_job(backup)
    except ReasonedError as error:
        yield from try_update_status(handle, condition_of(Phase.RETRY_FAILED, error.reason, error.message))
        raise GoError(error.message) from None
    text = f"create backup {where(backup)} job {name} failed, err: "
    yield from _create(handle, job, "CreateCleanJobFailed", text, "")
    yield from update_status(handle, condition_of(Phase.CLEAN, status="False"))


def _create(handle: Handle, job: Job, reason: str, text: str, command: str) -> Program[None]:
    """AlreadyExists is an error like any other; while a Backup is deleted its phase becomes RetryFailed (S13)."""
    try:
        yield CreateJob(job)
    except CallError as error:
        message = text + error.message
        yield from try_update_status(handle, condition_of(Phase.RETRY_FAILED, reason, message, command))
        raise GoError(message) from None


def _is_there(handle: Handle, name: str) -> Program[bool]:
    """A Job of that name is cached, whatever became of it."""
    try:
        job = yield CachedJob((handle.backup.metadata.namespace, name))
    except CallError as error:
        failed = condition_of(Phase.RETRY_FAILED, "GetBackupFailed", error.message)
        yield from try_update_status(handle, failed)
        raise GoError(error.message) from None
    return job is not None


# ------------------------------------------------------------------ the other Jobs


def _jobs_are_finished(backup: Backup) -> Program[bool]:
    """ensureJobsFinished: every running Job is deleted, and waited for; errors are gathered."""
    finished = True
    problems: list[str] = []
    for name in _job_names(backup):
        try:
            finished = (yield from _is_finished(backup, name)) and finished
        except CallError as error:
            problems.append(error.message)
            finished = False
    if problems:
        raise GoError(f"ensure {where(backup)} jobs finished failed: {_aggregate(problems)}")
    return ((yield from _is_stop_finished(backup)) if backup.mode == Mode.LOG else True) and finished


def _job_names(backup: Backup) -> tuple[str, ...]:
    if backup.mode == Mode.LOG:
        return tuple(log_job_name(backup.metadata.name, command) for command in _WAITED_FOR)
    return (job_name(backup),)


def _is_finished(backup: Backup, name: str) -> Program[bool]:
    key = (backup.metadata.namespace, name)
    job: Job | None = yield CachedJob(key)
    if job is None:
        return True
    if job.metadata.deletion_timestamp is not None:
        return False
    if is_finished(job):
        return True
    yield DeleteJob(key)
    return False


def _is_stop_finished(backup: Backup) -> Program[bool]:
    """A stop Job that is absent counts as finished, although it may only not be seen yet (S27)."""
    if is_log_stopped(backup):
        return True
    try:
        job: Job | None = yield CachedJob((backup.metadata.namespace, stop_job_name(backup.metadata.name)))
    except CallError as error:
        raise GoError(f"ensure {where(backup)} jobs finished failed: {error}") from None
    return job is None or is_finished(job)


def _aggregate(problems: list[str]) -> str:
    """As Kubernetes' aggregate of errors: each text once, in brackets where there are several."""
    texts = list(dict.fromkeys(problems))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
