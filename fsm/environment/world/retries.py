"""The retry annotations of a log backup as the checked world holds them. Values.

A policy goes by a name. Of the records all that matters is the newest failure, and when its episode began; one that was
mended matters to nobody. Seeds make no difference where there is no jitter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fsm.adapter import Observation, Retries, retries_of
from fsm.adapter.log_retry import is_done, is_off
from fsm.kernel import Value
from fsm.model import (
    MINUTE,
    POLICY_ANNOTATION,
    STATUS_ANNOTATION,
    Backup,
    LogBackupRetryPolicy,
    LogRetryRecord,
    LogRetryStatus,
    RetryLimits,
    seconds_of,
    text_of,
)

_TIMES = {
    "minRetryDuration": "1m",
    "maxRetryDuration": "1m",
    "jitter": 0,
    "retryTimeout": "24h",
    "attemptTimeout": "90s",
    "resetAfter": "24h",
}
_ONCE: dict[str, Any] = {"maxRetryTimes": 1, **_TIMES}

POLICIES: Mapping[str, str] = {
    name: json.dumps(policy, sort_keys=True)
    for name, policy in {
        "off": {"maxRetryTimes": 0},
        "once": _ONCE,
        "twice": {**_ONCE, "maxRetryTimes": 2},
        "brief": {**_ONCE, "retryTimeout": "2m", "resetAfter": "2m"},
        "suspended": {**_ONCE, "suspend": True},
        "resume": {**_ONCE, "onErrorPause": "Resume"},
        "fail": {**_ONCE, "onExhausted": "Fail"},
        "pause": {**_ONCE, "commands": {"log-pause": {}}},
        "truncate": {**_ONCE, "commands": {"log-start": {}, "log-truncate": {}}},
    }.items()
}
"""Name to annotation; "" stands for none. An attempt that is not stuck ends before its timeout, and no while is long
enough to begin a new episode."""
_NAMES = {text: name for name, text in POLICIES.items()}


class Failure(Value, frozen=True):
    """The newest record. `number` is at most one more than the policy allows, `first` is how many ticks ago the episode
    began, `left` those until the retry is due, `job` the number of the Job that failed, -1 where it was never seen.
    `done`: the command was complete after the failure, or after the retry had begun."""

    command: str
    number: int = 1
    first: int = 0
    left: int = 0
    job: int = -1
    begun: bool = False
    done: bool = False
    superseded: bool = False


class Retry(Value, frozen=True):
    """The annotation: the newest failure, and where it stands."""

    failure: Failure
    state: str = ""
    reason: str = ""


def is_retried(policy: str, command: str) -> bool:
    """The policy of that name retries the command."""
    return _limits(policy, command) is not None


def _limits(policy: str, command: str) -> RetryLimits | None:
    return Retries(_policy(policy)).limits(command)


def _longest(limits: RetryLimits | None, longest: int) -> int:
    """How many ticks of an episode are told apart: none where its timeout is longer than anything that is."""
    return 0 if limits is None or limits.timeout > longest * MINUTE else limits.timeout // MINUTE


# ------------------------------------------------------------------ forgetting


def policy_name(backup: Backup) -> str:
    """The name of its policy, "" where it has none."""
    written = (backup.metadata.annotations or {}).get(POLICY_ANNOTATION)
    return "" if written is None else _NAMES[written]


def held_retry(backup: Backup, now: int, tick: int, longest: int) -> Retry | None:
    """What is held of the records; None where nothing of them matters."""
    retries = retries_of(Observation(backup))
    status, last = retries.status, retries.status.last
    if last is None or last.mended_at is not None:
        return None
    limits = retries.limits(last.command)
    if is_off(backup, last):
        return Retry(Failure(last.command, superseded=True))
    failure = Failure(
        last.command,
        last.retry_num if limits is None else min(last.retry_num, limits.max_times + 1),
        min(round((now - _at(status.episode(last.command)[0])) / tick), _longest(limits, longest)),
        0 if last.real_retry_at is not None else _left(last, now),
        int(last.job_uid.rpartition("-")[2]) if last.job_uid else -1,
        last.real_retry_at is not None,
        is_done(backup.status.log_sub_command_statuses.get(last.command), last),
    )
    return Retry(failure, status.state, status.reason)


def _left(record: LogRetryRecord, now: int) -> int:
    return max(-((now - seconds_of(record.expected_retry_at or "")) // 60), 0)


def _at(record: LogRetryRecord) -> int:
    return seconds_of(record.detect_failed_at or "")


@lru_cache(maxsize=64)
def _policy(name: str) -> LogBackupRetryPolicy | None:
    return LogBackupRetryPolicy.from_text(POLICIES[name]) if name else None


# ------------------------------------------------------------------ what stands for all


def annotations_of(policy: str, retry: Retry | None, now: int, tick: int) -> dict[str, str]:
    """The annotations that stand for what is held."""
    annotations = {POLICY_ANNOTATION: POLICIES[policy]} if policy else {}
    if retry is not None:
        annotations[STATUS_ANNOTATION] = _text(retry, now, tick)
    return annotations


_A_WHILE = 30
"""Seconds, less than half a tick, by which a failure was found before anything that is written now."""


@lru_cache(maxsize=1 << 14)
def _text(retry: Retry, now: int, tick: int) -> str:
    failure = retry.failure
    expected = now + failure.left * 60 - (failure.left == 0)
    last = LogRetryRecord(
        retry_num=failure.number,
        detect_failed_at=text_of(now - failure.first * tick - _A_WHILE),
        expected_retry_at=text_of(expected),
        real_retry_at=text_of(now - 2 * tick) if failure.begun else None,
        episode=1,
        command=failure.command,
        job_uid="" if failure.job < 0 else f"{failure.command}-{failure.job}",
        mended_at=None,
        superseded_at=text_of(now - tick) if failure.superseded else None,
    )
    first = last.with_(retry_num=1, real_retry_at=text_of(now - 2 * tick))
    records = (last,) if failure.number == 1 else (first, last)
    since = text_of(now - tick) if retry.state else None
    return LogRetryStatus(records=records, state=retry.state, reason=retry.reason, message="", since=since).to_text()


def is_marked(command: str, retry: Retry | None) -> bool:
    """The command's status has to say that it was complete, whatever it says now."""
    return retry is not None and retry.failure.command == command and retry.failure.done


# ------------------------------------------------------------------ time


def retry_ticked(retry: Retry, policy: str, longest: int) -> Retry:
    """The same one tick later."""
    failure = retry.failure
    if failure.superseded:
        return retry
    most = _longest(_limits(policy, failure.command), longest)
    left = failure.left if failure.begun else max(failure.left - 1, 0)
    return retry._replace(failure=failure._replace(first=min(failure.first + 1, most), left=left))
