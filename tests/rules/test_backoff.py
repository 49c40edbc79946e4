"""When a failed snapshot is retried, and when no more: operator-semantics 2.8, 5.3 and the edges of S8."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.errors import InputError, UsageError
from fsm.model import HOUR, SECOND, BackoffRetryRecord, Backup, text_of
from fsm.rules import (
    backoff,
    due,
    exceeds,
    expected_retry_at,
    is_backoff_retrying,
    is_current_retry_done,
    is_due,
    is_exceeded,
    is_failure_recorded,
    is_timed_out,
    timeout_passed,
)

T = 1_795_312_800
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)


@pytest.mark.parametrize(("retry", "seconds"), [(1, 300), (2, 600), (3, 1200), (4, 2400)])
def test_the_waiting_time_doubles(retry: int, seconds: int) -> None:
    assert backoff(300 * SECOND, retry) == seconds * SECOND
    assert expected_retry_at(T, 300 * SECOND, retry) == T + seconds


def test_the_waiting_time_overflows_as_in_go() -> None:
    # 300 s: negative at a shift of 25 (-265.6 years), positive again at 26, nothing left from 53 on
    assert backoff(300 * SECOND, 26) == (300 * SECOND << 25) - (1 << 64)
    assert backoff(300 * SECOND, 26) / HOUR / 24 / 365.25 == pytest.approx(-265.6, abs=0.05)
    assert backoff(300 * SECOND, 27) > 0
    assert backoff(300 * SECOND, 54) == 0
    assert backoff(1, 64) == -(1 << 63)
    assert backoff(1, 65) == backoff(-1, 65) == backoff(1, 1 << 40) == 0


@given(INT64, st.integers(1, 200))
def test_the_waiting_time_is_the_doubled_minimum_modulo_two_to_the_64(minimum: int, retry: int) -> None:
    assert -(1 << 63) <= backoff(minimum, retry) < 1 << 63
    assert (backoff(minimum, retry) - minimum * 2 ** (retry - 1)) % (1 << 64) == 0


@pytest.mark.parametrize("retry", [0, -1])
def test_retries_are_counted_from_1(retry: int) -> None:
    with pytest.raises(UsageError, match="counted from 1"):
        backoff(SECOND, retry)


@pytest.mark.parametrize(
    ("minimum", "seconds"), [(0, 0), (SECOND // 2, 0), (-1, -1), (-SECOND, -1), (1_500_000_000, 1)]
)
def test_the_expected_time_is_rounded_down(minimum: int, seconds: int) -> None:
    assert expected_retry_at(T, minimum, 1) == T + seconds


@pytest.mark.parametrize(
    ("retry", "maximum", "expected"), [(1, 2, False), (2, 2, False), (3, 2, True), (1, 0, True), (1, -1, True)]
)
def test_a_retry_exceeds_a_maximum_that_is_smaller(retry: int, maximum: int, expected: bool) -> None:
    assert exceeds(retry, maximum) is expected
    assert is_exceeded((BackoffRetryRecord(retry_num=9), BackoffRetryRecord(retry_num=retry)), maximum) is expected


TIMEOUTS = {
    # case: (seconds since the first failure, timeout, timed out)
    "at the timeout": (1800, "30m", False),
    "a second later": (1801, "30m", True),
    "before": (1799, "30m", False),
    "a fraction is dropped": (1, "1.999s", False),
    "a fraction is dropped, later": (2, "1.999s", True),
    "less than a second is none": (0, "500ms", False),
    "less than a second is none, later": (1, "500ms", True),
    "a negative fraction is none": (0, "-500ms", False),
    "negative, truncated toward zero": (0, "-1500ms", True),
    "negative, before it": (-1, "-1500ms", False),
    "zero": (0, "0", False),
}


@pytest.mark.parametrize(("elapsed", "timeout", "expected"), TIMEOUTS.values(), ids=TIMEOUTS)
def test_the_timeout_counts_whole_seconds_since_the_first_failure(elapsed: int, timeout: str, expected: bool) -> None:
    records = (record(detectFailedAt=T), record(detectFailedAt=T + 5000))
    assert is_timed_out(records, timeout, T + elapsed) is expected


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40), INT64)
def test_the_timeout_looks_at_the_difference_only(first: int, now: int, timeout: int) -> None:
    assert timeout_passed(first, now, timeout) == timeout_passed(0, now - first, timeout)


@pytest.mark.parametrize(("offset", "expected"), [(-1, False), (0, False), (1, True)])
def test_a_retry_is_due_in_a_later_second_than_expected(offset: int, expected: bool) -> None:
    assert due(T, T + offset) is expected
    assert is_due((record(expectedRetryAt=T - 500), record(expectedRetryAt=T)), T + offset) is expected


def record(**fields: Any) -> BackoffRetryRecord:
    times = {name: text_of(value) for name, value in fields.items() if name.endswith("At")}
    return BackoffRetryRecord.from_json(fields | times)


def test_without_records_nothing_is_exceeded_timed_out_or_due() -> None:
    assert not is_exceeded((), -1)
    assert not is_timed_out((), "not even a duration", T)
    assert not is_due((), T)


@pytest.mark.parametrize("timeout", ["", "soon", "30"])
def test_a_timeout_that_is_no_duration_is_an_error_that_names_the_field(timeout: str) -> None:
    with pytest.raises(InputError, match=r"spec\.backoffRetryPolicy\.retryTimeout: time: "):
        is_timed_out((record(detectFailedAt=T),), timeout, T)


def test_a_record_without_the_time_that_counts_is_an_error_that_names_the_field() -> None:
    records = (record(retryNum=1), record(retryNum=2))
    with pytest.raises(InputError, match=r"status\.backoffRetryStatus\[0\]\.detectFailedAt"):
        is_timed_out(records, "30m", T)
    with pytest.raises(InputError, match=r"status\.backoffRetryStatus\[1\]\.expectedRetryAt"):
        is_due(records, T)


PENDING = {"retryNum": 1}
DONE = {"retryNum": 1, "realRetryAt": "2026-11-22T02:00:00Z"}
STATES = {
    # case: (mode, phase, records, retrying, last retry done, failure recorded)
    "no failure": ("snapshot", "Running", [], False, False, False),
    "a sync error without records": ("snapshot", "RetryFailed", [], False, False, False),
    "recorded": ("snapshot", "Running", [PENDING], False, False, True),
    "retried": ("snapshot", "Scheduled", [DONE], False, True, False),
    "failed again": ("snapshot", "Running", [DONE, PENDING], False, False, True),
    "retry begins": ("snapshot", "RetryFailed", [PENDING], True, False, True),
    "old Job is removed": ("snapshot", "RetryFailed", [DONE], True, True, True),
    "log": ("log", "RetryFailed", [DONE], False, False, False),
    "log, pending": ("log", "Running", [PENDING], False, False, False),
    "volume": ("volume-snapshot", "RetryFailed", [DONE], False, False, False),
    "an empty mode is not retried": ("", "RetryFailed", [PENDING], False, False, False),
}


@pytest.mark.parametrize(("mode", "phase", "records", "retrying", "done", "recorded"), STATES.values(), ids=STATES)
def test_records_and_phase_tell_how_far_a_retry_is(
    *, mode: str, phase: str, records: list[dict[str, Any]], retrying: bool, done: bool, recorded: bool
) -> None:
    status = {"phase": phase, "backoffRetryStatus": records}
    data = {"kind": "Backup", "metadata": {"name": "demo"}, "spec": {"backupMode": mode}, "status": status}
    backup = Backup.from_json(data)
    answers = (is_backoff_retrying(backup), is_current_retry_done(backup), is_failure_recorded(backup))
    assert answers == (retrying, done, recorded)
