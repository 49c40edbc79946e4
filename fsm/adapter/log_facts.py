"""What the retry records of a log backup tell of the events behind them, and when those happened.

The companion writes what came of a failure into its record. While nothing has, `state` and `since` of the annotation
say where the newest record stands. What stood in between and was never seen is not kept anywhere.
"""

from __future__ import annotations

from typing import NamedTuple

from fsm.adapter.log_retry import retries_of
from fsm.adapter.observation import Observation, time_of
from fsm.kernel import Event
from fsm.machines.log_retry import WAITING
from fsm.model import LogRetryRecord
from fsm.rules import log_job_name

OVERDUE = "AttemptTimeout"
"""The original reason of an attempt that took too long (fsm/companion/decision.py)."""
_SEEN_BY_COMPANION = {"JobVanished": "job_vanished", "ResultNotWritten": "job_failed"}
"""Failures that the companion found at the very look at which it recorded them."""


class Asked(NamedTuple):
    """Where a machine stands that is asked about: its command, its last leaf, and the number of its newest record."""

    command: str
    leaf: str
    number: int


def retry_event(observation: Observation, name: str, asked: Asked, command: str) -> Event | None:
    """An event of the retries as the records tell it, None where they do not."""
    if name in ("failure_recorded", "attempt_overdue"):
        return _recorded(observation, name, asked, command)
    record = _newest(observation, command)
    if record is None or asked.leaf not in WAITING:
        return None
    status, uid = retries_of(observation).status, record.job_uid
    if name == "verified":
        return _event(name, record.real_retry_at, command, uid)
    if name == "blocked":
        held = status.state == "held"
        return _event(name, status.since, command, uid, status.reason, status.message) if held else None
    if name == "tick" and asked.leaf == "retrying":
        return None
    return _event(name, record.real_retry_at or record.mended_at or status.since, command, uid)


def job_end_of(observation: Observation, name: str, asked: Asked, command: str) -> Event | None:
    """How the Job ended, as the record of that failure tells it, where no Job tells it."""
    record = _next(observation, asked, command)
    if record is None or name not in ("job_failed", "job_vanished"):
        return None
    told = _SEEN_BY_COMPANION.get(record.original_reason)
    if told == name:
        return _event(name, record.detect_failed_at, command, record.job_uid, record.original_reason)
    return None


def without_next_job(observation: Observation) -> Observation:
    """Without the Job of a retry that has not begun yet, as far as the Backup says: that was read before the Job was.

    The operator makes no Job while a failure waits. Where the sub-status has changed since, the Job is another's.
    """
    last = retries_of(observation).status.last
    if last is None or not last.is_open:
        return observation
    name, since = log_job_name(observation.backup.metadata.name, last.command), time_of(last.detect_failed_at) or 0
    sub = observation.backup.status.log_sub_command_statuses.get(last.command)
    written = () if sub is None else (time_of(each.last_transition_time) or 0 for each in sub.conditions)
    if max(written, default=0) > since:
        return observation
    jobs = tuple(
        seen
        for seen in observation.jobs
        if seen.job.metadata.name != name or seen.uid == last.job_uid or seen.created_at < since
    )
    return observation if len(jobs) == len(observation.jobs) else observation._replace(jobs=jobs)


def mended_at(observation: Observation, asked: Asked) -> int | None:
    """When the wish of the command was found to hold already, None where it was not, after a failure on record."""
    record = _newest(observation, asked.command)
    return None if record is None else time_of(record.mended_at)


def superseded_at(observation: Observation, command: str) -> int:
    """When it was seen that another command is wished than this one, whose failure is on record; -1: not told."""
    record = _newest(observation, command)
    at = None if record is None else time_of(record.superseded_at)
    return -1 if at is None else at


def _recorded(observation: Observation, name: str, asked: Asked, command: str) -> Event | None:
    record = _next(observation, asked, command)
    if record is None or (record.original_reason == OVERDUE) != (name == "attempt_overdue"):
        return None
    return _event(name, record.detect_failed_at, command, record.job_uid, record.original_reason, record.retry_reason)


def _event(name: str, at: str | None, command: str, uid: str, reason: str = "", message: str = "") -> Event | None:
    seconds = time_of(at)
    return None if seconds is None else Event(name, seconds, command, uid, reason, message)


def _newest(observation: Observation, command: str) -> LogRetryRecord | None:
    last = retries_of(observation).status.last
    return last if last is not None and last.command == command else None


def _next(observation: Observation, asked: Asked, command: str) -> LogRetryRecord | None:
    """The record that follows those which the machine knows: the next of its episode, else the first of a new one."""
    if _newest(observation, command) is None:
        return None
    episode = retries_of(observation).status.episode
    return next((each for each in episode if each.retry_num == asked.number + 1), episode[0] if asked.number else None)
