"""The snapshot lifecycle in a Backup: reading its state from conditions, records and Job, and writing it back.

The operator decides by conditions, which are never taken back, and by the phase only where it retries
(operator-semantics 2.1, 2.8); so does this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from fsm.adapter.lifecycle import (
    DELETION_EVENTS,
    Lifecycle,
    Question,
    deleting_leaf,
    deletion_event,
    event_of,
)
from fsm.adapter.observation import Observation, SeenJob, time_of
from fsm.errors import InputError, Place
from fsm.kernel import Event, MachineState
from fsm.machines import SNAPSHOT, Policy, Record, RunContext
from fsm.model import (
    BackoffRetryPolicy,
    BackoffRetryRecord,
    BackupStatus,
    Condition,
    Phase,
    parse_duration,
    text_of,
)
from fsm.rules import exceeds, timeout_passed, update_condition

ATTEMPT_ANNOTATION = "backup-fsm.dev/attempt"
"""On Jobs that our own shell creates: the number of the attempt, 0-based."""

EXCEEDED = "exceed retry times"
TIMED_OUT = "retry timeout"
ALREADY_FAILED = "AlreadyFailed"
WORKING = {Phase.SCHEDULED: "scheduled", Phase.PREPARE: "preparing", Phase.RUNNING: "running"}


class Reading(NamedTuple):
    """What the snapshot lifecycle reads in an observation before it decides.

    `job` is the Job of the latest attempt that the Backup can know, `fresh` whether it belongs to the attempt that the
    records say is the latest. `retries` have begun.
    """

    records: tuple[Record, ...]
    policy: Policy
    job: SeenJob | None
    fresh: bool
    retries: int


def reading_of(observation: Observation) -> Reading:
    """Records, policy and the Job of the latest attempt."""
    backup = observation.backup
    records = records_of(backup.status.backoff_retry_status)
    job = _job_known_to(records, observation.jobs_named(f"backup-{backup.metadata.name}"))
    retries = len([None for record in records if record.real is not None])
    fresh = job is not None and attempt_of(job, records) == retries
    return Reading(records, policy_of(backup.spec.backoff_retry_policy), job, fresh, retries)


def _job_known_to(records: tuple[Record, ...], jobs: list[SeenJob]) -> SeenJob | None:
    """The newest Job, unless the Backup is older than that: after a failure the next Job comes with a retry on record.

    Then it is the failed one, whose failure the Backup has yet to tell.
    """
    if len(jobs) > 1 and not (records and records[-1].real is None):
        *earlier, newest = jobs
        attempt = attempt_of(newest, records)
        if earlier[-1].failed and attempt_of(earlier[-1], records) == attempt:
            return earlier[-1]
    return jobs[-1] if jobs else None


def attempt_of(seen: SeenJob, records: tuple[Record, ...]) -> int:
    """The number of the attempt a Job is: retries that began before it was created, or what we wrote on it."""
    noted = seen.job.metadata.annotations.get(ATTEMPT_ANNOTATION, "")
    return int(noted) if noted.isdigit() else began_by(records, seen.created_at)


def began_by(records: tuple[Record, ...], at: int) -> int:
    """How many retries had begun at a time."""
    return len([None for record in records if record.real is not None and record.real <= at]) if records else 0


def records_of(written: tuple[BackoffRetryRecord, ...]) -> tuple[Record, ...]:
    """The compact records; a record without its times is an InputError (the operator panics on it, S8)."""
    return tuple([_record(index, record) for index, record in enumerate(written)]) if written else ()


def _record(index: int, written: BackoffRetryRecord) -> Record:
    detected, expected = time_of(written.detect_failed_at), time_of(written.expected_retry_at)
    if detected is None or expected is None:
        missing = "detectFailedAt" if detected is None else "expectedRetryAt"
        place = Place(path=f"status.backoffRetryStatus[{index}].{missing}")
        raise InputError("a retry record has no time", expected="an RFC 3339 time", place=place)
    real = time_of(written.real_retry_at)
    return Record(written.retry_num, detected, expected, real, written.retry_reason, written.original_reason)


def policy_of(written: BackoffRetryPolicy) -> Policy:
    """The policy with its durations parsed; None where a text is no duration.

    What is absent has the CRD's default: the API server fills it in at the operator's first write, long before a Job
    can fail (operator-semantics 1.4).
    """
    times = written.max_retry_times if "max_retry_times" in written.model_fields_set else Policy().max_times
    return _policy(written.min_retry_duration or "300s", times, written.retry_timeout or "30m")


@lru_cache(maxsize=1024)
def _policy(minimum: str, times: int, timeout: str) -> Policy:
    return Policy(_nanoseconds(minimum), times, _nanoseconds(timeout), timeout)


def _nanoseconds(text: str) -> int | None:
    try:
        return parse_duration(text)
    except InputError:
        return None


# ------------------------------------------------------------------ status -> state


def state_of(observation: Observation) -> MachineState:
    """Where the snapshot machine is, from what is there now."""
    reading = reading_of(observation)
    leaf, reason, message, sync_error = _leaf(observation, reading)
    exists = reading.job is not None and not reading.job.gone
    context = RunContext(
        policy=reading.policy,
        attempt=reading.retries - _restarting(observation, reading),
        job=reading.job.uid if reading.job is not None and exists else "",
        records=reading.records,
        reason=reason,
        message=message,
        sync_error=sync_error,
    )
    return SNAPSHOT.state(leaf, context=context)


_AFTER_A_RETRY_BEGAN = frozenset((Phase.INVALID, Phase.CLEAN, Phase.CLEAN_FAILED))
"""Phases that can be written while a retry waits for its Job; any other means that the Job has come."""


def _restarting(observation: Observation, reading: Reading) -> bool:
    """A retry began and the next attempt's Job is not known: the latest attempt is still the failed one."""
    real = reading.records[-1].real if reading.records else None
    if real is None or reading.fresh:
        return False
    status = observation.backup.status
    scheduled = status.condition(Phase.SCHEDULED)
    began = None if scheduled is None else time_of(scheduled.last_transition_time)
    waiting = status.phase in _AFTER_A_RETRY_BEGAN and began is not None and began < real
    return status.phase == Phase.RETRY_FAILED or waiting


def _leaf(observation: Observation, reading: Reading) -> tuple[str, str, str, str]:
    """(active leaf, reason, message, sync error), first match as the operator's event handler asks (4.1)."""
    status = observation.backup.status
    deleting = deleting_leaf(observation)
    if deleting is not None:
        return deleting, "", "", ""
    final = _final(status, reading)
    if final is not None:
        return *final, ""
    last = reading.records[-1] if reading.records else None
    if last is not None and last.real is None and status.phase != Phase.RETRY_FAILED:
        return _after_failure(reading, last), last.original, last.reason, ""
    return _at_work(status, reading, last)


_FINAL = {Phase.INVALID: "invalid", Phase.COMPLETE: "complete", Phase.FAILED: "aborted"}


def _final(status: BackupStatus, reading: Reading) -> tuple[str, str, str] | None:
    """The first final condition in the order the operator asks for them (4.1)."""
    said: dict[Phase, Condition] = {}
    for condition in status.conditions:
        if condition.type in _FINAL:
            said.setdefault(condition.type, condition)
    for phase, leaf in _FINAL.items() if said else ():
        found = said.get(phase)
        if found is None or found.status != "True":
            continue
        if phase is Phase.COMPLETE:
            return leaf, "", ""
        limit = _limit(found.message) if phase is Phase.FAILED and found.reason == ALREADY_FAILED else None
        if limit is not None and reading.records:
            return limit, reading.records[-1].original, reading.records[-1].reason
        return leaf, found.reason, found.message
    return None


def _limit(message: str) -> str | None:
    if message.startswith(EXCEEDED):
        return "exhausted"
    return "timed_out" if message.startswith(TIMED_OUT) else None


def _after_failure(reading: Reading, last: Record) -> str:
    """The failure is recorded. Where a limit was passed at that moment, the operator's next write says so."""
    timeout = reading.policy.timeout
    if timeout is None:
        return "backoff_waiting"
    if timeout_passed(reading.records[0].detected, last.detected, timeout):
        return "timed_out"
    return "exhausted" if exceeds(last.number, reading.policy.max_times) else "backoff_waiting"


def _at_work(status: BackupStatus, reading: Reading, last: Record | None) -> tuple[str, str, str, str]:
    job = reading.job if reading.fresh else None
    retry_failed = status.phase == Phase.RETRY_FAILED
    if last is not None and retry_failed and (last.real is None or job is None):
        return "retrying", last.original, last.reason, ""
    if job is not None and (job.failed or (job.vanished and status.phase in WORKING)):
        return "failed", *failure_of(job.job.metadata.name, job), ""
    if last is not None and retry_failed and job is not None and job.gone:
        return "retrying", last.original, last.reason, ""
    if status.phase and status.phase in WORKING:
        return WORKING[status.phase], "", "", ""
    if job is not None and not job.gone:
        return "scheduled", "", "", ""
    condition = status.condition(Phase.RETRY_FAILED) if retry_failed else None
    return "pending", "", "", (condition.reason or Phase.RETRY_FAILED.value) if condition is not None else ""


def failure_of(name: str, seen: SeenJob | None) -> tuple[str, str]:
    """(original reason, retry reason) as the operator records them (4.2); in our words where the Job is gone (S7)."""
    if seen is not None and seen.failed:
        condition = seen.job.status.condition("Failed")
        return condition.reason if condition is not None else "", f"Job {name} has failed"
    return "JobVanished", f"Job {name} was removed before it had finished"


# ------------------------------------------------------------------ state -> status

_BEFORE = (Phase.SCHEDULED, Phase.PREPARE, Phase.RUNNING)


def status_of(state: MachineState, base: BackupStatus, now: int | None = None) -> BackupStatus:
    """The status that says this state, grown from the previous one: condition order, nulls and unknown fields survive.

    `now` stamps new conditions; without it they carry the newest time that the state itself knows.
    """
    leaf = SNAPSHOT.leaves(state.configuration)[-1]
    context: RunContext = state.context
    at = now if now is not None else _newest(context, base)
    status = _with_records(base, context.records)
    wanted = _condition(leaf, context)
    if wanted is None or _says(status, wanted):
        return status
    if leaf in ("preparing", "running", "complete", "backoff_waiting", "retrying", "exhausted", "timed_out"):
        status = _with_past(status, leaf, at)
    if (
        leaf == "retrying"
        and context.records
        and context.records[-1].real is not None
        and not status.holds(Phase.RESTART)
    ):
        status, _ = update_condition(status, Condition(type=Phase.RESTART, status="True"), at)
    return update_condition(status, wanted, at)[0]


def _condition(leaf: str, context: RunContext) -> Condition | None:
    """The condition whose writing makes the phase of this state; None where the phase stays the old one."""
    last = context.records[-1] if context.records else Record(0, 0, 0)
    if leaf == "pending":
        reason = context.sync_error
        return Condition(type=Phase.RETRY_FAILED, status="True", reason=reason) if reason else None
    if leaf in _LEAF_PHASES:
        return Condition(type=_LEAF_PHASES[leaf], status="True")
    if leaf in ("failed", "backoff_waiting"):
        return Condition(type=Phase.RUNNING, status="True") if leaf == "backoff_waiting" else None
    if leaf == "retrying":
        message = f"reason {last.reason}, original reason {last.original}"
        return Condition(type=Phase.RETRY_FAILED, status="True", reason="RetryFailedBackup", message=message)
    if leaf in ("exhausted", "timed_out"):
        limit = f"{EXCEEDED}, max is {context.policy.max_times}"
        limit = limit if leaf == "exhausted" else f"{TIMED_OUT}, max is {context.policy.timeout_text}"
        message = f"{limit}, failed reason {last.reason}, original reason {last.original}"
        return Condition(type=Phase.FAILED, status="True", reason=ALREADY_FAILED, message=message)
    if leaf in ("aborted", "invalid"):
        type_ = Phase.FAILED if leaf == "aborted" else Phase.INVALID
        return Condition(type=type_, status="True", reason=context.reason, message=context.message)
    if leaf == "cleaning":
        return Condition(type=Phase.CLEAN, status="False")
    return Condition(type=Phase.CLEAN_FAILED, status="True") if leaf == "clean_failed" else None


_LEAF_PHASES = {
    "scheduled": Phase.SCHEDULED,
    "preparing": Phase.PREPARE,
    "running": Phase.RUNNING,
    "complete": Phase.COMPLETE,
}


def _says(status: BackupStatus, wanted: Condition) -> bool:
    """The status already has this phase, with this reason and message; or a phase that fits a waiting retry."""
    found = status.condition(wanted.type)
    if (
        wanted.type is Phase.RUNNING
        and status.backoff_retry_status
        and status.backoff_retry_status[-1].real_retry_at is None
    ):
        return status.phase in WORKING
    if found is None or status.phase != wanted.type:
        return False
    return (found.status, found.reason, found.message) == (wanted.status, wanted.reason, wanted.message)


def _with_past(status: BackupStatus, leaf: str, at: int) -> BackupStatus:
    """With the conditions that must have been written before this state could be; a Job may fail before it reports."""
    for phase in _BEFORE[: {"running": 2, "complete": 3}.get(leaf, 1)]:
        if status.condition(phase) is None:
            status, _ = update_condition(status, Condition(type=phase, status="True"), at)
    return status


def _with_records(base: BackupStatus, records: tuple[Record, ...]) -> BackupStatus:
    if records_of(base.backoff_retry_status) == records:
        return base
    written = tuple(
        _written(record, base.backoff_retry_status[i] if i < len(base.backoff_retry_status) else BackoffRetryRecord())
        for i, record in enumerate(records)
    )
    return base.with_(backoff_retry_status=written)


def _written(record: Record, base: BackoffRetryRecord) -> BackoffRetryRecord:
    real = {} if record.real is None else {"real_retry_at": text_of(record.real)}
    reasons = {"retry_reason": record.reason, "original_reason": record.original}
    return base.with_(
        retry_num=record.number,
        detect_failed_at=text_of(record.detected),
        expected_retry_at=text_of(record.expected),
        **{name: text for name, text in reasons.items() if text != getattr(base, name)},
        **real,
    )


def _newest(context: RunContext, base: BackupStatus) -> int:
    times = [time_of(condition.last_transition_time) or 0 for condition in base.conditions]
    times += [record.real or record.detected for record in context.records]
    return max(times, default=0)


# ------------------------------------------------------------------ when it happened


class Facts:
    """The events that a Backup and its Jobs tell, by name and attempt. Conditions, records and Jobs say when."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.uid = observation.backup.metadata.uid
        self.records = records_of(observation.backup.status.backoff_retry_status)

    def event(self, question: Question) -> Event | None:
        name, attempt = question.name, question.key
        if name in DELETION_EVENTS:
            return deletion_event(self.observation, name)
        if name == "failure_recorded":
            return self._recorded(attempt)
        if name in ("job_created", "job_failed", "job_vanished"):
            told = self._told_by_job(name, attempt)
            if told is not None or name != "job_created":
                return told
        return self._told_by_condition(name, attempt) or (self._retried(attempt) if name == "retry_due" else None)

    def _recorded(self, index: int) -> Event | None:
        if not 0 <= index < len(self.records):
            return None
        record = self.records[index]
        return Event("failure_recorded", record.detected, "", self.uid, record.original, record.reason)

    def _retried(self, index: int) -> Event | None:
        real = self.records[index].real if 0 <= index < len(self.records) else None
        return None if real is None else Event("retry_due", real, "", self.uid)

    def _told_by_job(self, name: str, attempt: int) -> Event | None:
        for seen in reversed(self.observation.jobs_named(f"backup-{self.observation.backup.metadata.name}")):
            if attempt_of(seen, self.records) == attempt:
                if name == "job_created":
                    return Event(name, seen.created_at, "", seen.uid)
                return _end_event(seen) if name == _job_end(seen) else None
        return None

    def _told_by_condition(self, name: str, attempt: int) -> Event | None:
        type_ = _TOLD_BY.get(name)
        condition = None if type_ is None else self.observation.backup.status.condition(type_)
        if condition is None or not self._is_meant(name, condition):
            return None
        event = event_of(name, condition, self.uid)
        return event if _attempt(name, event.at, self.records) == attempt else None

    def _is_meant(self, name: str, condition: Condition) -> bool:
        """A Failed at a limit tells that time passed, any other of the program; RetryFailed needs a record."""
        if condition.type is not Phase.FAILED:
            return condition.type is not Phase.RETRY_FAILED or bool(self.records)
        at_limit = condition.reason == ALREADY_FAILED and _limit(condition.message) is not None and bool(self.records)
        return at_limit == (name == "tick")


_TOLD_BY = {
    "job_created": Phase.SCHEDULED,
    "pod_preparing": Phase.PREPARE,
    "br_started": Phase.RUNNING,
    "completed": Phase.COMPLETE,
    "rejected": Phase.INVALID,
    "retry_due": Phase.RETRY_FAILED,
    "aborted": Phase.FAILED,
    "tick": Phase.FAILED,
}


def _attempt(name: str, at: int, records: tuple[Record, ...]) -> int:
    """The attempt a condition's time falls in; a retry belongs to the failure recorded last before it."""
    if not records:
        return 0
    if name in ("retry_due", "tick"):
        return max(sum(record.detected <= at for record in records) - 1, 0)
    return began_by(records, at)


def _job_end(seen: SeenJob) -> str | None:
    if seen.failed:
        return "job_failed"
    return "job_vanished" if seen.vanished else None


def _end_event(seen: SeenJob) -> Event:
    reason, message = failure_of(seen.job.metadata.name, seen)
    if not seen.failed:
        return Event("job_vanished", -1, uid=seen.uid, reason=reason, message=message)
    condition = seen.job.status.condition("Failed")
    at = time_of(condition.last_transition_time) if condition is not None else None
    return Event("job_failed", -1 if at is None else at, uid=seen.uid, reason=reason, message=message)


def questions_about(names: Sequence[str], state: MachineState, target: MachineState) -> Iterator[Question]:
    """About each event, for the attempt at hand."""
    context: RunContext = state.context
    for name in names:
        if name == "failure_recorded":
            yield Question(name, len(context.records))
        elif name in ("retry_due", "tick"):
            yield Question(name, len(context.records) - 1)
        else:
            yield Question(name, context.attempt + (name == "job_created" and "retrying" in state.configuration))


def same(found: MachineState, target: MachineState, exactly: bool) -> bool:
    """Same configuration and attempt; exactly: as many records too."""
    if found.configuration != target.configuration or found.context.attempt != target.context.attempt:
        return False
    return not exactly or len(found.context.records) == len(target.context.records)


def wished_as(start: MachineState, target: MachineState) -> MachineState:
    """With the policy in force now; without it a retry that was due would not be believed."""
    if start.context.policy == target.context.policy:
        return start
    return start._replace(context=start.context._replace(policy=target.context.policy))


LIFECYCLE = Lifecycle(SNAPSHOT, state_of, status_of, Facts, questions_about, same, wished_as)
