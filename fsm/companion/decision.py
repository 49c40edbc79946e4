"""The decision about the retries of a log backup: what to do now, from what is there now. Pure: no memory, no clock.

The chart says what follows from what; here it is said which of its events has come. Everything is level-triggered:
whatever is decided follows again from the same sighting, so that effects may be repeated, lost, and raced with.

The order of the effects is part of that. The one patch comes first and carries the resourceVersion that was looked at:
where the Backup is another one by now it is refused, and then nothing else of the decision may be performed. It writes
the record together with whatever the operator shall read, so that there is no half of a retry. A Job is deleted with
its uid as precondition, and only one that is not finished; the next look asks again while it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from fsm.adapter import Effect, Observation, PatchBackup, SeenJob, cause_of, command_state_of, job_of, state_of_log
from fsm.adapter.log_retry import ERROR_PAUSE, TASK_NOT_FOUND, Retries, completed_at, episode_of, retries_of
from fsm.adapter.observation import time_of
from fsm.adapter.patches import status_patch
from fsm.companion import mending
from fsm.companion.looking import Finding, Look, look_of
from fsm.kernel import Event, MachineState, Step, try_step
from fsm.machines import LOG, DeleteJob, LogContext, RequeueAt
from fsm.machines.log_retry import LOOK_AGAIN, WAITING
from fsm.model import (
    SECOND,
    STATUS_ANNOTATION,
    BackupStatus,
    LogBackupRetryPolicy,
    LogCommand,
    LogRetryRecord,
    LogRetryStatus,
    Mode,
    OnExhausted,
    Phase,
    RetryLimits,
    format_duration,
    text_of,
)
from fsm.rules import is_requeued, log_job_name

BELIEVED = 60
"""Seconds for which the operator goes by what it has seen of the task (operator-semantics 6.4)."""

PATIENCE = 60
"""Seconds for which a Job that is being deleted may wait for its pods before that is said to hold the retry."""

WATCH_AGAIN = 60
"""Seconds after which what is held, exhausted or timed out is looked at again."""

_AT_WORK = ("scheduled", "preparing", "running")
_ENDED = ("exhausted", "timed_out")


class Decision(NamedTuple):
    """What to perform, in this order, and the steps of the chart that led to it: to show, and to test."""

    effects: tuple[Effect, ...] = ()
    steps: tuple[Step, ...] = ()


def effects_of(observation: Observation, policy: LogBackupRetryPolicy | None, now: int) -> tuple[Effect, ...]:
    """What to perform now about a log backup, in this order; after a refusal the rest is dropped, and one looks again.

    `observation` holds the Backup, every Job that it owns, read after it (a Job that is not there is gone), and the
    task. `policy` is in force where the Backup has none of its own; None: nothing is. `now` is in Unix seconds.
    """
    return decision_of(observation, policy, now).effects


def decision_of(observation: Observation, policy: LogBackupRetryPolicy | None, now: int) -> Decision:
    """The same with the steps behind it. Nothing is done about what is no log backup, is being deleted, has no policy,
    or has an annotation that cannot be read."""
    if policy is not None:
        observation = observation._replace(log_policy=policy)
    backup = observation.backup
    deleted = backup.metadata.deletion_timestamp is not None or observation.gone_at is not None
    if backup.mode != Mode.LOG or backup.spec.br is None or deleted:
        return Decision()
    retries = retries_of(observation)
    if retries.policy is None:
        return Decision()
    state = state_of_log(observation)
    return _Deciding(_Case.of(observation, retries, retries.policy, state.context.command, now), state).decided()


# ------------------------------------------------------------------ what is asked of a sighting


@dataclass(frozen=True, slots=True)
class _Case:
    """One sighting. `job` is the newest of the current command, None where there is none any more."""

    observation: Observation
    retries: Retries
    policy: LogBackupRetryPolicy
    command: str
    now: int
    limits: RetryLimits | None
    job: SeenJob | None

    @classmethod
    def of(
        cls, observation: Observation, retries: Retries, policy: LogBackupRetryPolicy, command: str, now: int
    ) -> _Case:
        found = job_of(observation, command)
        job = None if found is None or found.gone else found
        return cls(observation, retries, policy, command, now, retries.limits(command), job)

    @property
    def status(self) -> BackupStatus:
        return self.observation.backup.status

    @property
    def is_of_an_older_wish(self) -> bool:
        """What stands in the status is a truncation to another point: the operator runs the new one by itself (6.2)."""
        sub = self.status.log_sub_command_statuses.get(self.command)
        until = self.observation.backup.spec.log_truncate_until
        return self.command == LogCommand.TRUNCATE and sub is not None and sub.log_truncating_until != until

    @property
    def unfinished(self) -> SeenJob | None:
        """The command's Job while it is not finished: the operator would wait for it for ever (4.6)."""
        return self.job if self.job is not None and not (self.job.failed or self.job.succeeded) else None

    @property
    def overdue_at(self) -> int | None:
        """The second from which on the unfinished attempt counts as failed."""
        if self.limits is None or self.unfinished is None:
            return None
        return self.unfinished.created_at + self.limits.attempt_timeout // SECOND + 1

    @property
    def is_overdue(self) -> bool:
        return self.overdue_at is not None and self.now >= self.overdue_at

    @property
    def terminating_since(self) -> int | None:
        """Since when the command's Job is being deleted, None where it is not."""
        return None if self.job is None else time_of(self.job.job.metadata.deletion_timestamp)

    def look(self) -> Finding:
        """What the task says."""
        return look_of(self.observation, self.command, self.policy)

    def holds(self) -> bool:
        """The wish holds already, no Job of the command is at work that might still change that, and the operator is
        not about to say otherwise again: it believes for a minute what it has seen of the task (6.5)."""
        return self.unfinished is None and not self.is_believed and self.look().look is Look.HOLDS

    @property
    def is_believed(self) -> bool:
        """The operator has told within the last minute what it saw of the task."""
        return self.now < self.believed_until

    @property
    def believed_until(self) -> int:
        """The second in which the operator has to look at the task again, after what it told of it last."""
        sub = self.status.log_sub_command_statuses.get(self.command)
        if sub is None:
            return 0
        told = (each for each in (*self.status.conditions, *sub.conditions) if each.type == sub.phase)
        times = [
            time_of(each.last_transition_time) or 0 for each in told if each.reason in (ERROR_PAUSE, TASK_NOT_FOUND)
        ]
        return max(times, default=-BELIEVED - 1) + BELIEVED + 1

    def others_at_work(self) -> str:
        """The name of an unfinished Job of another command, "" where there is none."""
        name = self.observation.backup.metadata.name
        others = [log_job_name(name, each.value) for each in LogCommand if each != self.command]
        seen = (each for each in self.observation.jobs if each.job.metadata.name in others)
        return next((s.job.metadata.name for s in seen if not (s.gone or s.failed or s.succeeded)), "")

    def obstacle(self, context: LogContext) -> Finding | None:
        """What stands against a retry whatever the task says and the clock."""
        if self.policy.suspend:
            said = "the policy says suspend: true; retryTimeout goes on meanwhile"
            return Finding(Look.BLOCKED, "Suspended", said)
        last = self.retries.status.last
        told = {context.records[-1].original, *((last.original_reason, last.cause) if last is not None else ())}
        hopeless = sorted(told & set(self.policy.non_retryable_reasons))
        if hopeless:
            said = f"{hopeless[0]} is one of nonRetryableReasons; mend the cause, then take it off that list"
            return Finding(Look.BLOCKED, "NotRetryable", said)
        if self.unfinished is not None:
            return _job_must_go(self.unfinished)
        other = self.others_at_work()
        if other:
            return Finding(
                Look.BLOCKED, "OtherCommandAtWork", f"Job {other} is at work, and commands run one at a time"
            )
        if is_requeued(self.observation.backup):
            said = f"{self.command} needs a log backup that has started (status.commitTs); wish log-start first"
            return Finding(Look.BLOCKED, "NotStarted", said)
        return None

    def failure(self, leaf: str, context: LogContext) -> tuple[str, str]:
        """(reason, message) of a failure that is about to be recorded; of a hopeless cause that is the reason."""
        cause = self.cause()
        reason = cause if cause in self.policy.non_retryable_reasons else context.reason
        said = f"{self.command} failed" if leaf == "aborted" else context.message
        return reason, said

    def cause(self) -> str:
        """Why the pod of the Job failed, "" where that is not known."""
        return cause_of(self.job.job, self.observation.pods_of(self.job.uid)) or "" if self.job is not None else ""


def _job_must_go(seen: SeenJob) -> Finding:
    name = seen.job.metadata.name
    if seen.job.metadata.deletion_timestamp is None:
        return Finding(
            Look.BLOCKED, "JobIsNotFinished", f"Job {name} is not finished; it is removed once attemptTimeout is over"
        )
    said = (
        f"Job {name} is being deleted and waits for its pods; find out why its pod does not go (a lost node, a "
        "finalizer), and once its node is surely off, delete it by force"
    )
    return Finding(Look.BLOCKED, "JobIsTerminating", said)


# ------------------------------------------------------------------ which event has come


def _event(case: _Case, state: MachineState) -> Event | None:
    """The event that has come for the current command, None where there is none."""
    leaf, context = _lane(state), state.context
    if leaf in _AT_WORK:
        return _of_work(case)
    if case.limits is None or leaf == "invalid":
        return None
    if leaf == "idle":
        return _completed(case) if _is_forgotten(case) and case.holds() else None
    if not case.policy.suspend and leaf not in _ended_for_good(case) and case.holds():
        return _completed(case)
    if leaf in ("failed", "aborted"):
        return _of_failure(case, leaf, context)
    if context.records[-1].real is not None:
        return _of_retry(case) if leaf == "retrying" else None
    return _of_waiting(case, state, leaf)


def _of_work(case: _Case) -> Event | None:
    name = log_job_name(case.observation.backup.metadata.name, case.command)
    if case.job is None and case.is_of_an_older_wish:
        return None
    if case.job is None:
        gone = f"Job {name} was removed before it had finished"
        return Event("job_vanished", case.now, reason="JobVanished", message=gone)
    if case.job.failed or case.job.succeeded:
        said = f"Job {name} has ended, and its program's result was never written"
        return Event("job_failed", case.now, reason="ResultNotWritten", message=said, uid=case.job.uid)
    if case.limits is None or case.policy.suspend or not case.is_overdue:
        return None
    after = format_duration(case.limits.attempt_timeout)
    said = f"Job {name} was not finished {after} after it was created"
    return Event("attempt_overdue", case.now, uid=case.job.uid, reason="AttemptTimeout", message=said)


def _of_failure(case: _Case, leaf: str, context: LogContext) -> Event | None:
    """A failure is its Job's: before that has ended or takes too long nothing is recorded."""
    if case.unfinished is not None and not case.is_overdue:
        return None
    reason, message = case.failure(leaf, context)
    return Event("failure_recorded", case.now, reason=reason, message=message)


def _of_retry(case: _Case) -> Event | None:
    """The operator has it, and waits for the finished Job to go."""
    if case.terminating_since is None or case.now < case.terminating_since + PATIENCE or case.job is None:
        return None
    return _blocked(case, _job_must_go(case.job))


def _of_waiting(case: _Case, state: MachineState, leaf: str) -> Event | None:
    tick = Event("tick", case.now)
    if leaf in _ENDED:
        return None if leaf in _ended_for_good(case) or _is_over(state, case.now) else Event("released", case.now)
    obstacle = case.obstacle(state.context)
    hopeless = obstacle is not None and obstacle.reason == "NotRetryable"
    if _is_over(state, case.now) and not hopeless:
        return tick
    if obstacle is None and leaf == "verifying":
        return _of_look(case, case.look())
    if obstacle is None and leaf == "held":
        return _of_hold(case, state)
    if obstacle is None:
        return tick if _is_due(state, case.now) else None
    return None if leaf == "held" and obstacle.reason == state.context.reason else _blocked(case, obstacle)


def _of_look(case: _Case, found: Finding) -> Event | None:
    if found.look is Look.MAY_BEGIN:
        return Event("verified", case.now)
    return _blocked(case, found) if found.look is Look.BLOCKED else None


def _of_hold(case: _Case, state: MachineState) -> Event | None:
    """Held by what the task showed: while that is so, or the task cannot be seen, it stays held."""
    found = case.look()
    by_task = state.context.reason in _BY_TASK
    if by_task and (found.look is Look.UNSEEN or found.reason == state.context.reason):
        return None
    return _blocked(case, found) if by_task and found.look is Look.BLOCKED else Event("released", case.now)


_BY_TASK = (
    "TaskIsGone",
    "TaskIsAbsent",
    "TaskIsBack",
    "TaskIsPausedByHand",
    "CommitTsIsUnknown",
    "BackupPathIsUnknown",
    "TaskIsPausedByError",
)


def _blocked(case: _Case, found: Finding) -> Event:
    return Event("blocked", case.now, reason=found.reason, message=found.message)


def _completed(case: _Case) -> Event:
    started = case.status.commit_ts or case.observation.task_commit_ts
    return Event("completed", case.now, message=started if case.command == LogCommand.START else "")


def _is_forgotten(case: _Case) -> bool:
    """A log backup that has started and is marked RetryFailed: nothing in the operator ever says Running again (S9)."""
    is_start = case.command == LogCommand.START and bool(case.status.commit_ts) and not case.policy.suspend
    sub = case.status.log_sub_command_statuses.get(case.command)
    return is_start and case.status.phase == Phase.RETRY_FAILED and sub is not None and sub.phase == Phase.RETRY_FAILED


def _ended_for_good(case: _Case) -> tuple[str, ...]:
    return _ENDED if case.policy.on_exhausted is OnExhausted.FAIL else ()


def _is_over(state: MachineState, now: int) -> bool:
    values = _guards(state, now)
    return values["timed_out"] or values["exceeded"]


def _is_due(state: MachineState, now: int) -> bool:
    return _guards(state, now)["retry_is_due"]


def _guards(state: MachineState, now: int) -> dict[str, bool]:
    """What the chart's guards about limits say of the newest record."""
    waiting = LOG.state(LOG.leaves(state.configuration)[0], "backoff_waiting", context=state.context)
    return dict(LOG.guard_values(waiting, Event("tick", now)))


def _lane(state: MachineState) -> str:
    return LOG.leaves(state.configuration)[-1]


# ------------------------------------------------------------------ from events to effects


class _Deciding:
    """The steps of one decision, and what they make of status and records."""

    def __init__(self, case: _Case, state: MachineState) -> None:
        self.case = case
        self.before, self.state = state, state
        self.steps: list[Step] = []
        self.status = case.status
        self.retries = case.retries.status

    def decided(self) -> Decision:
        self._supersede()
        self._adopt()
        for event in self._events():
            step = try_step(LOG, self.state, event)
            if step is None:
                break
            self._taken(step)
        self._write_again()
        patch = self._patch()
        effects = (*(() if patch is None else (patch,)), *self._deletions(), *self._requeues())
        return Decision(effects, tuple(self.steps))

    def _events(self) -> Iterator[Event]:
        """One after the other, each asked of the state that the one before led to; none comes twice in a row."""
        while True:
            event = _event(self.case, self.state)
            if event is None or (self.steps and self.steps[-1].event == event):
                return
            yield event

    def _taken(self, step: Step) -> None:
        self.steps.append(step)
        before, self.state = self.state, step.after
        leaf, case = _lane(step.after), self.case
        if len(step.after.context.records) > len(before.context.records):
            self._record(step.after.context)
        if step.event.name == "verified":
            self.retries = self.retries.with_last(real_retry_at=text_of(case.now))
            self.status = self._begun()
        if step.event.name == "completed":
            self.status = mending.completed(case.observation, case.command, case.now)
            if _is_recorded(self.retries, case.command):
                self.retries = self.retries.with_last(mended_at=text_of(case.now))
        if leaf in WAITING and (leaf, step.after.context.reason) != (self.retries.state, self.retries.reason):
            self._stand(leaf, step.after.context)
        elif leaf == "idle" and self.retries.state:
            self.retries = self.retries.with_(state="", reason="", message="", since=None)

    def _stand(self, leaf: str, context: LogContext) -> None:
        because = (context.reason, context.message) if leaf == "held" else ("", "")
        since = text_of(self.case.now)
        if (leaf, because[0]) != (self.retries.state, self.retries.reason):
            self.retries = self.retries.with_(state=leaf, reason=because[0], message=because[1], since=since)
        if leaf in _ended_for_good(self.case):
            self.status = mending.given_up(self.status, self.case.command, self._ended(leaf), self.case.now)

    def _ended(self, leaf: str) -> str:
        """In the words of the operator's own."""
        assert self.case.limits is not None
        last = self.retries.records[-1]
        said = f"failed reason {last.retry_reason}, original reason {last.original_reason}"
        if leaf == "exhausted":
            return f"exceed retry times, max is {self.case.limits.max_times}, {said}"
        return f"retry timeout, max is {format_duration(self.case.limits.timeout)}, {said}"

    def _begun(self) -> BackupStatus:
        """The operator is told to run the command again; a task that an error has paused it resumes, once it is told
        that the log backup is paused."""
        case = self.case
        if case.command == LogCommand.START and case.status.commit_ts:
            return mending.paused(case.observation, case.now)
        return mending.handed_over(case.status, case.command)

    def _record(self, context: LogContext) -> None:
        """While it waits the operator shall leave the command alone; where it does not yet it is told."""
        case, new = self.case, context.records[-1]
        sub = case.status.log_sub_command_statuses.get(case.command)
        record = LogRetryRecord(
            retry_num=new.number,
            detect_failed_at=text_of(max(new.detected, completed_at(sub))),  # another's clock may be ahead
            expected_retry_at=text_of(new.expected),
            retry_reason=new.reason,
            original_reason=new.original,
            episode=episode_of(case.observation, case.command),
            command=case.command,
            job_uid=case.job.uid if case.job is not None and new.original not in (ERROR_PAUSE, TASK_NOT_FOUND) else "",
            cause=case.cause(),
        )
        self.retries = self.retries.with_record(record)
        if (sub is None or sub.phase in ("", Phase.RETRY_FAILED, Phase.REPEATABLE)) and case.unfinished is not None:
            self.status = mending.standing_still(case.status, case.command)

    # -------------------------------------------------------------- beside the current command

    def _supersede(self) -> None:
        """Another command is wished than the one that failed last: its retry is off, whatever came of it."""
        last = self.retries.last
        if last is None or last.command == self.case.command or last.superseded_at or last.mended_at:
            return
        state = command_state_of(self.case.observation, last.command)
        streams = last.command == LogCommand.START and bool(self.case.status.commit_ts)
        is_off = last.is_open and state not in ("complete", "repeatable")
        if is_off or (state == "superseded" and not streams):
            self.retries = self.retries.with_last(superseded_at=text_of(self.case.now))
            self.retries = self.retries.with_(state="", reason="", message="", since=None)

    def _adopt(self) -> None:
        """A command waits for a log-start that nobody reported complete, and whose task runs."""
        case = self.case
        if case.policy.suspend or not is_requeued(case.observation.backup) or case.others_at_work():
            return
        retried = case.retries.limits(LogCommand.START) is not None
        if not retried or look_of(case.observation, LogCommand.START, case.policy).look is not Look.HOLDS:
            return
        step = try_step(LOG, self.state, Event("task_found", case.now, message=case.observation.task_commit_ts))
        if step is not None:
            self.steps.append(step)
            self.state = step.after
            self.status = mending.completed(case.observation, LogCommand.START, case.now)

    # -------------------------------------------------------------- the effects

    def _write_again(self) -> None:
        """A late word of the failed attempt has hidden from the operator that it shall run the command again; whatever
        that attempt has done meanwhile, the task shows it."""
        case, sub = self.case, self.status.log_sub_command_statuses.get(self.case.command)
        if self.steps or _lane(self.state) != "retrying" or sub is None or sub.phase == Phase.RETRY_FAILED:
            return
        if case.obstacle(self.state.context) is None and case.look().look is Look.MAY_BEGIN:
            self.status = mending.handed_over(self.status, case.command)

    def _patch(self) -> PatchBackup | None:
        backup = self.case.observation.backup
        patch = status_patch(backup, self.status)
        if self.retries == self.case.retries.status:
            return patch
        namespace, name = backup.key
        metadata = {
            "resourceVersion": backup.metadata.resource_version,
            "annotations": {STATUS_ANNOTATION: self.retries.to_text()},
        }
        body = {**(patch.body if patch is not None else {}), "metadata": metadata}
        return PatchBackup(namespace, name, backup.metadata.resource_version, body)

    def _deletions(self) -> tuple[DeleteJob, ...]:
        """Asked for again while the Job is there and nobody has deleted it."""
        seen = self.case.unfinished
        wanted = _lane(self.state) == "held" and not self.case.policy.suspend and self.case.is_overdue
        if seen is None or not wanted or seen.job.metadata.deletion_timestamp is not None:
            return ()
        return (DeleteJob(seen.uid),)

    def _requeues(self) -> tuple[RequeueAt, ...]:
        leaf, case = _lane(self.state), self.case
        if leaf == "backoff_waiting":
            due = self.state.context.records[-1].expected + 1
            return (RequeueAt(min(due, case.believed_until) if case.is_believed else due),)
        if leaf == "verifying":
            return (RequeueAt(case.now + LOOK_AGAIN),)
        if leaf in ("held", *_ENDED) and leaf not in _ended_for_good(case):
            return (RequeueAt(case.now + WATCH_AGAIN),)
        if leaf == "retrying" and case.terminating_since is not None:
            return (RequeueAt(case.terminating_since + PATIENCE),)
        if leaf in (*_AT_WORK, "aborted") and case.overdue_at is not None and not case.is_overdue:
            return (RequeueAt(case.overdue_at),)
        forgotten = leaf == "idle" and case.limits is not None and _is_forgotten(case)
        return (RequeueAt(case.now + WATCH_AGAIN),) if forgotten else ()


def _is_recorded(status: LogRetryStatus, command: str) -> bool:
    last = status.last
    return last is not None and last.command == command and last.is_open
