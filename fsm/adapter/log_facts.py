"""What the retry records of a log backup tell of the events behind them, and when those happened.

The companion writes what came of a failure into its record. While nothing has, `state` and `since` of the annotation
say where the newest record stands. What stood in between and was never seen is not kept anywhere.
"""

from __future__ import annotations

from typing import NamedTuple

from fsm.adapter.log_retry import is_done, limits_in_force, retries_of, written_at
from fsm.adapter.observation import Observation, SeenJob, time_of
from fsm.kernel import Event
from fsm.machines.log_retry import WAITING
from fsm.model import LogRetryRecord, Phase
from fsm.rules import current_command, log_job_name

OVERDUE, VANISHED, UNWRITTEN = "AttemptTimeout", "JobVanished", "ResultNotWritten"
"""The original reasons of failures that only the companion finds."""
_SEEN_BY_COMPANION = {VANISHED: "job_vanished", UNWRITTEN: "job_failed"}
"""Failures that the companion found at the very look at which it recorded them."""

_AT_REST = (Phase.SCHEDULED, Phase.PREPARE, Phase.RUNNING, Phase.FAILED)
"""Phases of a sub-status at which the operator makes no Job."""


class Asked(NamedTuple):
    """Where a machine stands that is asked about: its command, its last leaf, and when the failure was found that it
    knows as the newest, -1 where it knows none."""

    command: str
    leaf: str
    known: int


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
        began = record.real_retry_at is not None
        held = status.state == "held" and began == (asked.leaf == "retrying")
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


def is_rerun(observation: Observation, asked: Asked, uid: str) -> bool:
    """The Job is neither of the failure that is known, nor of its retry, which has not begun."""
    record = _newest(observation, asked.command)
    return record is not None and _is_known(record, asked) and record.real_retry_at is None and record.job_uid != uid


def without_next_job(observation: Observation) -> Observation:
    """Without the Job of a retry that has not begun yet, as far as the Backup says: that was read before the Job was.

    While a sub-status is at work or Failed the operator makes no Job. One that is younger than everything the
    sub-status says, and not the first, is the next attempt's.
    """
    command = current_command(observation.backup)
    sub = observation.backup.status.log_sub_command_statuses.get(command)
    if sub is None or sub.phase not in _AT_REST or limits_in_force(observation, command) is None:
        return observation
    first, *later = observation.jobs_named(log_job_name(observation.backup.metadata.name, command)) or (None,)
    record = _newest(observation, command)
    known = [] if record is None or not record.is_open or first is None else [first]
    written = written_at(sub)
    ahead = {each.uid for each in (*later, *known) if each.created_at > written and not _is_of(record, each)}
    if not ahead:
        return observation
    return observation._replace(jobs=tuple(each for each in observation.jobs if each.uid not in ahead))


def _is_of(record: LogRetryRecord | None, seen: SeenJob) -> bool:
    return record is not None and record.job_uid == seen.uid


def mended_at(observation: Observation, asked: Asked) -> int | None:
    """When the wish of the command was found to hold already, None where it was not, after a failure on record."""
    record = _newest(observation, asked.command)
    return None if record is None else time_of(record.mended_at)


def is_failed_since(observation: Observation, asked: Asked) -> bool:
    """The command has not been complete since the failure that the machine knows as the newest."""
    record = _newest(observation, asked.command)
    if record is None or not _is_known(record, asked) or record.mended_at is not None:
        return False
    return not is_done(observation.backup.status.log_sub_command_statuses.get(asked.command), record)


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


def _is_known(record: LogRetryRecord, asked: Asked) -> bool:
    return time_of(record.detect_failed_at) == asked.known


def _next(observation: Observation, asked: Asked, command: str) -> LogRetryRecord | None:
    """The record that follows those which the machine knows: the next of its episode, else the first of a new one."""
    if _newest(observation, command) is None:
        return None
    episode = retries_of(observation).status.episode(command)
    return next((each for each in episode if (time_of(each.detect_failed_at) or 0) > asked.known), None)
