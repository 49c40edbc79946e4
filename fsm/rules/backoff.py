"""When a failed snapshot is retried, and when no more (operator-semantics 2.8 and 5.3). Pure: `now` is given.

The arithmetic stands alone on plain numbers, for charts that keep their own records; the operator's predicates on
a Backup's records are written in terms of it. Retries are 1-based, instants whole Unix seconds, durations nanoseconds.
"""

from __future__ import annotations

from collections.abc import Sequence

from fsm.errors import InputError, Place, UsageError
from fsm.model import SECOND, BackoffRetryRecord, Backup, Mode, Phase, parse_duration, seconds_of, wrap64

_INT64_BITS = 64


def backoff(min_duration_ns: int, retry: int) -> int:
    """Nanoseconds to wait before a retry: doubled each time and wrapped as Go's int64, so it may turn negative or 0."""
    if retry < 1:
        raise UsageError(f"retry {retry} does not exist: retries are counted from 1")
    shift = retry - 1
    return 0 if shift >= _INT64_BITS else wrap64(min_duration_ns << shift)


def expected_retry_at(now: int, min_duration_ns: int, retry: int) -> int:
    """The instant, rounded down, of a failure at `now` plus its waiting time; whole seconds as the API server keeps."""
    return now + backoff(min_duration_ns, retry) // SECOND


def exceeds(retry: int, max_retry_times: int) -> bool:
    """This retry is one too many. A negative maximum forbids every retry, and 0 too."""
    return retry > max_retry_times


def timeout_passed(first_failed_at: int, now: int, timeout_ns: int) -> bool:
    """More whole seconds have passed since the first failure than the timeout has; strict, fractions are dropped."""
    whole = abs(timeout_ns) // SECOND * (-1 if timeout_ns < 0 else 1)  # Go's division truncates toward zero
    return now - first_failed_at > whole


def due(expected_at: int, now: int) -> bool:
    """The second in which the retry is expected has passed; strict."""
    return now > expected_at


def is_backoff_retrying(backup: Backup) -> bool:
    """A retry is carried out, or any sync failed while there are records: the phase does not tell which."""
    return _has_records(backup) and backup.status.phase == Phase.RETRY_FAILED


def is_current_retry_done(backup: Backup) -> bool:
    """The last recorded failure was answered by a retry."""
    return _has_records(backup) and backup.status.backoff_retry_status[-1].real_retry_at is not None


def is_failure_recorded(backup: Backup) -> bool:
    """The failure at hand is already in the records."""
    return _has_records(backup) and (is_backoff_retrying(backup) or not is_current_retry_done(backup))


def _has_records(backup: Backup) -> bool:
    return backup.mode == Mode.SNAPSHOT and bool(backup.status.backoff_retry_status)


def is_exceeded(records: Sequence[BackoffRetryRecord], max_retry_times: int) -> bool:
    """The last record is of a retry that the policy does not allow."""
    return bool(records) and exceeds(records[-1].retry_num, max_retry_times)


def is_timed_out(records: Sequence[BackoffRetryRecord], retry_timeout: str, now: int) -> bool:
    """Too long ago the first failure ever was found. A timeout that is no Go duration is an InputError (S8)."""
    if not records:
        return False
    timeout = _timeout(retry_timeout)
    return timeout_passed(_instant(records, 0, "detectFailedAt", records[0].detect_failed_at), now, timeout)


def is_due(records: Sequence[BackoffRetryRecord], now: int) -> bool:
    """The last record's retry may begin."""
    if not records:
        return False
    return due(_instant(records, len(records) - 1, "expectedRetryAt", records[-1].expected_retry_at), now)


def _timeout(text: str) -> int:
    try:
        return parse_duration(text)
    except InputError as error:
        place = Place(path="spec.backoffRetryPolicy.retryTimeout")
        raise InputError(error.problem, expected=error.expected, place=place) from None


def _instant(records: Sequence[BackoffRetryRecord], index: int, field: str, text: str | None) -> int:
    """A record's time, which every record written by the operator has; where a hand removed it the operator crashes."""
    if text is None:
        place = Place(path=f"status.backoffRetryStatus[{index}].{field}")
        raise InputError(f"missing in a list of {len(records)} retry records", expected="an RFC 3339 time", place=place)
    return seconds_of(text)
