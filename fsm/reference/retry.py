"""The retry of a snapshot backup, in steps of which each may be the last (operator-semantics 5)."""

from __future__ import annotations

from fsm.errors import InputError
from fsm.model import BackoffRetryRecord, Backup, Phase, parse_duration
from fsm.reference.calls import Add, CachedJob, DeleteJob
from fsm.reference.instant import Instant
from fsm.reference.program import NIL, CallError, GoError, Handle, PanicError, Program, now
from fsm.reference.updater import condition_of, update_status
from fsm.rules import (
    Update,
    backoff,
    is_backoff_retrying,
    is_current_retry_done,
    is_due,
    is_exceeded,
    is_timed_out,
    job_name,
)


def record_failure(handle: Handle, reason: str, original: str) -> Program[None]:
    """RecordFailure, 4.2: append a record with the time of the next attempt. A duration that does not parse is an error
    before anything is written (S8)."""
    backup = handle.backup
    number = len(backup.status.backoff_retry_status) + 1
    detected = yield from now()
    minimum = _parsed(backup.spec.backoff_retry_policy.min_retry_duration)
    expected = detected.plus(backoff(minimum, number))
    yield from update_status(
        handle,
        None,
        Update(
            retry_num=number,
            detect_failed_at=detected.seconds,
            expected_retry_at=expected.seconds,
            retry_reason=reason,
            original_reason=original,
            reading=detected,
        ),
    )


def retry_snapshot(handle: Handle) -> Program[None]:
    """RetrySnapshot, 5.1. Its errors are the caller's to log: the next event tries again."""
    backup = handle.backup
    records = backup.status.backoff_retry_status
    if not records:
        return
    entered = yield from now()
    if is_backoff_retrying(backup):
        yield from do_retry(handle)
        return
    if is_current_retry_done(backup):
        return
    limit = _limit(backup, entered)
    if limit:
        yield from update_status(handle, condition_of(Phase.FAILED, "AlreadyFailed", limit))
        return
    again = yield from now()
    if _is_due(records, again):
        yield from update_status(handle, condition_of(Phase.RETRY_FAILED, "RetryFailedBackup", _why(records[-1])))


def _limit(backup: Backup, entered: Instant) -> str:
    """Step 3: which limit is passed, in words; the timeout's text wins. A timeout that does not parse is an error, even
    where the count is exceeded."""
    records, policy = backup.status.backoff_retry_status, backup.spec.backoff_retry_policy
    last = records[-1]
    why = f"failed reason {last.retry_reason}, original reason {last.original_reason}"
    _parsed(policy.retry_timeout)
    if records[0].detect_failed_at is None:
        raise PanicError(NIL)
    if is_timed_out(records, policy.retry_timeout, entered.seconds):
        return f"retry timeout, max is {policy.retry_timeout}, {why}"
    if is_exceeded(records, policy.max_retry_times):
        return f"exceed retry times, max is {policy.max_retry_times}, {why}"
    return ""


def _is_due(records: tuple[BackoffRetryRecord, ...], again: Instant) -> bool:
    """Step 4: the clock is read again."""
    if records[-1].expected_retry_at is None:
        raise PanicError(NIL)
    return is_due(records, again.seconds)


def _why(record: BackoffRetryRecord) -> str:
    return f"reason {record.retry_reason}, original reason {record.original_reason}"


def _parsed(duration: str) -> int:
    try:
        return parse_duration(duration)
    except InputError as error:
        raise GoError(error.problem) from None


def do_retry(handle: Handle) -> Program[None]:
    """doRetry, 5.2: delete the failed Job, say so, and ask for the next. It is said even where the deletion failed
    (S1)."""
    if is_current_retry_done(handle.backup):
        yield Add(handle.key)
        return
    yield from _delete_old_job(handle.backup)
    began = yield from now()
    update = Update(real_retry_at=began.seconds, reading=began)
    yield from update_status(handle, condition_of(Phase.RESTART), update)
    yield Add(handle.key)


def _delete_old_job(backup: Backup) -> Program[None]:
    """Every error is logged, and forgotten."""
    key = (backup.metadata.namespace, job_name(backup))
    try:
        if (yield CachedJob(key)) is not None:
            yield DeleteJob(key)
    except CallError:
        return
