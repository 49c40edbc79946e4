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
from typing import NamedTuple

from fsm.adapter import Effect, Observation, PatchBackup, Task, command_state_of, job_of, state_of_log
from fsm.adapter.log import WORKING
from fsm.adapter.log_retry import (
    LATEST,
    NOT_TAKEN_UP,
    completed_at,
    episode_of,
    is_done,
    is_looked_after,
    is_off,
    retries_of,
)
from fsm.adapter.patches import status_patch
from fsm.companion import mending
from fsm.companion.case import Case
from fsm.companion.events import AT_WORK, ENDED, PATIENCE, ended_for_good, event_of, is_forgotten, lane_of, silent_from
from fsm.companion.looking import Look, look_of
from fsm.kernel import Event, MachineState, Step, try_step
from fsm.machines import LOG, DeleteJob, LogContext, RequeueAt
from fsm.machines.log_retry import LOOK_AGAIN, WAITING
from fsm.model import (
    STATUS_ANNOTATION,
    BackupStatus,
    LogBackupRetryPolicy,
    LogCommand,
    LogRetryRecord,
    LogRetryStatus,
    Mode,
    Phase,
    format_duration,
    text_of,
)
from fsm.rules import is_requeued

WATCH_AGAIN = 60
"""Seconds after which what is held, exhausted or timed out is looked at again."""


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
    if observation.backup.mode != Mode.LOG or not is_looked_after(observation):
        return Decision()
    retries = retries_of(observation)
    if retries.policy is None:
        return Decision()
    state = state_of_log(observation)
    return _Deciding(Case.of(observation, retries, retries.policy, state.context.command, now), state).decided()


# ------------------------------------------------------------------ from events to effects


class _Deciding:
    """The steps of one decision, and what they make of status and records."""

    def __init__(self, case: Case, state: MachineState) -> None:
        self.case = case
        self.state = state
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
        self._give_up_again()
        patch = self._patch()
        effects = (*(() if patch is None else (patch,)), *self._deletions(), *self._requeues())
        return Decision(effects, tuple(self.steps))

    def _events(self) -> Iterator[Event]:
        """One after the other, each asked of the state that the one before led to; none comes twice in a row."""
        while True:
            event = event_of(self.case, self.state)
            if event is None or (self.steps and self.steps[-1].event == event):
                return
            yield event

    def _taken(self, step: Step) -> None:
        self.steps.append(step)
        before, self.state = self.state, step.after
        leaf, case = lane_of(step.after), self.case
        if len(step.after.context.records) > len(before.context.records):
            self._record(step.after.context)
        if step.event.name == "verified":
            self.retries = self.retries.with_last(real_retry_at=text_of(self._begins_at()))
            self.status = self._begun()
        if step.event.name == "completed":
            self.status = mending.completed(case.observation, case.command, case.now)
            if _is_recorded(self.retries, case.command):
                self.retries = self.retries.with_last(mended_at=text_of(case.now))
            elif lane_of(before) in ("idle", "aborted") and case.is_said_of_the_task:
                self.retries = self.retries.with_mend(text_of(case.now))
        if leaf in WAITING:
            self._stand(leaf, step.after.context)
        elif leaf == "idle" and self.retries.state:
            self.retries = self.retries.with_(state="", reason="", message="", since=None)

    def _stand(self, leaf: str, context: LogContext) -> None:
        because = (context.reason, context.message) if leaf == "held" else ("", "")
        since = text_of(self.case.now)
        if (leaf, because[0]) != (self.retries.state, self.retries.reason):
            self.retries = self.retries.with_(state=leaf, reason=because[0], message=because[1], since=since)
        if leaf in ended_for_good(self.case):
            self._give_up(leaf)

    def _give_up(self, leaf: str) -> None:
        case = self.case
        self.status = mending.given_up(case.observation.backup, self.status, case.command, self._ended(leaf), case.now)

    def _ended(self, leaf: str) -> str:
        """In the words of the operator's own."""
        assert self.case.limits is not None
        last = self.retries.records[-1]
        said = f"failed reason {last.retry_reason}, original reason {last.original_reason}"
        if leaf == "exhausted":
            return f"exceed retry times, max is {self.case.limits.max_times}, {said}"
        return f"retry timeout, max is {format_duration(self.case.limits.timeout)}, {said}"

    @property
    def _resumes(self) -> bool:
        """What runs is not started again: its task was paused by an error."""
        return self.case.command == LogCommand.START and self.case.observation.task is Task.PAUSED

    def _begins_at(self) -> int:
        """What was complete before, by another's clock too, is not what the retry completes."""
        case = self.case
        return case.now if self._resumes else min(max(case.now, completed_at(case.sub) + 1), LATEST)

    def _begun(self) -> BackupStatus:
        """The operator is told to run the command again; a task that an error has paused it resumes, once it is told
        that the log backup is paused."""
        case = self.case
        if self._resumes:
            return mending.paused(case.observation, case.now)
        return mending.handed_over(case.status, case.command)

    def _record(self, context: LogContext) -> None:
        """While it waits the operator shall leave the command alone; where it does not yet it is told."""
        case, new = self.case, context.records[-1]
        blamed = case.blamed(new.original)
        record = LogRetryRecord(
            retry_num=new.number,
            detect_failed_at=text_of(max(new.detected, completed_at(case.sub))),  # another's clock may be ahead
            expected_retry_at=text_of(new.expected),
            retry_reason=new.reason,
            original_reason=new.original,
            episode=episode_of(case.observation, case.command),
            command=case.command,
            job_uid="" if blamed is None else blamed.uid,
            cause=case.cause(new.original),
        )
        if case.command == LogCommand.TRUNCATE:
            record = record.with_(log_truncating_until=case.observation.backup.spec.log_truncate_until)
        self.retries = self.retries.with_record(record)
        told = "" if case.sub is None else case.sub.phase
        said_of_another = case.is_of_an_older_wish and told not in WORKING  # else the Job may be the older truncation's
        unwritten = told in ("", Phase.RETRY_FAILED, Phase.REPEATABLE) or said_of_another
        if unwritten and case.unfinished is not None:
            self.status = mending.standing_still(case.observation.backup, case.command)

    # -------------------------------------------------------------- beside the current command

    def _supersede(self) -> None:
        """Something else is wished than what has failed: its retry is off, whatever came of it."""
        self._supersede_last()
        for command in LogCommand:
            if command != self.case.command:
                self._supersede_earlier(command.value)

    def _supersede_earlier(self, command: str) -> None:
        """Of a command that is not wished and whose failure is not the last one: its retry was at work until now."""
        episode, observation = self.retries.episode(command), self.case.observation
        record = episode[-1] if episode else None
        if record is None or record is self.retries.last or record.superseded_at or record.mended_at:
            return
        at_work = command_state_of(observation, command) in AT_WORK and job_of(observation, command) is not None
        sub = self.case.status.log_sub_command_statuses.get(command)
        if not (at_work or self._streams(command) or is_done(sub, record)):
            self.retries = self.retries.with_superseded(record, text_of(self.case.now))

    def _supersede_last(self) -> None:
        """Where another command is wished, or a truncation to another point."""
        last = self.retries.last
        if last is None or last.superseded_at or last.mended_at:
            return
        if last.command == self.case.command:
            is_over = is_off(self.case.observation.backup, last) and not is_done(self.case.sub, last)
        else:
            state = command_state_of(self.case.observation, last.command)
            pending = last.is_open and state not in ("complete", "repeatable")
            is_over = pending or (state == "superseded" and not self._streams(last.command))
        if is_over:
            self.retries = self.retries.with_superseded(last, text_of(self.case.now))
            self.retries = self.retries.with_(state="", reason="", message="", since=None)

    def _streams(self, command: str) -> bool:
        """It is the start of a log backup that has started: what fails of it since is no other wish's business."""
        return command == LogCommand.START and bool(self.case.status.commit_ts)

    def _adopt(self) -> None:
        """A command waits for a log-start that nobody reported complete, and whose task runs."""
        case, start = self.case, LogCommand.START
        if not self._waits_for_start() or look_of(case.observation, start, case.policy).look is not Look.HOLDS:
            return
        step = try_step(LOG, self.state, Event("task_found", case.now, message=case.observation.task_commit_ts))
        if step is not None:
            self.steps.append(step)
            self.state = step.after
            self.status = mending.completed(case.observation, start, case.now)

    def _waits_for_start(self) -> bool:
        """For one that was begun: a task that this Backup never started is not its own."""
        case, start = self.case, LogCommand.START.value
        if case.policy.suspend or not is_requeued(case.observation.backup) or case.other_at_work() is not None:
            return False
        state, job = command_state_of(case.observation, start), job_of(case.observation, start)
        begun = job is not None if state == "wished" else state != "invalid"
        return begun and case.retries.limits(start) is not None

    # -------------------------------------------------------------- the effects

    def _write_again(self) -> None:
        """A late word of the failed attempt has hidden from the operator that it shall run the command again; whatever
        that attempt has done meanwhile, the task shows it."""
        case, leaf = self.case, lane_of(self.state)
        is_handed_over = leaf == "retrying" or (leaf == "held" and self.retries.reason == NOT_TAKEN_UP)
        if self.steps or not is_handed_over or case.is_told:
            return
        if case.obstacle(self.state.context) is None and case.look().look is Look.MAY_BEGIN:
            self.status = self._begun()
            if self._resumes:
                self.retries = self.retries.with_last(real_retry_at=text_of(case.now))

    def _give_up_again(self) -> None:
        """A late word of an attempt hides that the command has failed for good, or the policy says so only since."""
        case, leaf = self.case, lane_of(self.state)
        hidden = (case.unfinished is None or case.is_overdue) and (case.sub is None or case.sub.phase in WORKING)
        if not self.steps and leaf in ended_for_good(case) and hidden:
            self._give_up(leaf)

    def _patch(self) -> PatchBackup | None:
        backup = self.case.observation.backup
        patch = status_patch(backup, self.status)
        if self.retries == self.case.retries.status:
            return patch
        namespace, name = backup.key
        metadata = {
            "resourceVersion": backup.metadata.resource_version,
            "annotations": {STATUS_ANNOTATION: self.retries.with_(backup_uid=backup.metadata.uid).to_text()},
        }
        body = {**(patch.body if patch is not None else {}), "metadata": metadata}
        return PatchBackup(namespace, name, backup.metadata.resource_version, body)

    def _deletions(self) -> tuple[DeleteJob, ...]:
        """Asked for again while the Job is there and nobody has deleted it. After the last retry it is left to itself,
        but where its wish holds by now: it might undo that."""
        case, leaf = self.case, lane_of(self.state)
        seen = case.unfinished
        ended = leaf in ENDED and leaf not in ended_for_good(case) and case.is_shown
        in_the_way = leaf == "held" or ended or (leaf in (*AT_WORK, "idle") and case.is_on_record)
        wanted = in_the_way and not case.policy.suspend and case.is_overdue
        if seen is None or not wanted or seen.job.metadata.deletion_timestamp is not None:
            return ()
        return (DeleteJob(seen.uid),)

    def _requeues(self) -> tuple[RequeueAt, ...]:
        leaf, case = lane_of(self.state), self.case
        if leaf == "backoff_waiting":
            due = self.state.context.records[-1].expected + 1
            return (RequeueAt(min(due, case.believed_until) if case.is_believed else due),)
        if leaf == "verifying":
            return (RequeueAt(case.now + LOOK_AGAIN),)
        if leaf in ("held", *ENDED) and leaf not in ended_for_good(case):
            return (RequeueAt(case.now + WATCH_AGAIN),)
        if leaf == "retrying":
            since = case.terminating_since
            return (RequeueAt(silent_from(self.state.context) if since is None else since + PATIENCE),)
        if leaf in (*AT_WORK, "idle") and case.is_on_record:
            return (RequeueAt(case.now + WATCH_AGAIN),)
        if leaf in (*AT_WORK, *ENDED, "aborted") and case.overdue_at is not None and not case.is_overdue:
            return (RequeueAt(case.overdue_at),)
        if leaf == "aborted" and case.is_believed:
            return (RequeueAt(min(case.believed_until, case.now + WATCH_AGAIN)),)
        if leaf == "idle" and self._waits_for_start():
            return (RequeueAt(case.now + WATCH_AGAIN),)
        forgotten = leaf == "idle" and case.limits is not None and is_forgotten(case)
        return (RequeueAt(case.now + WATCH_AGAIN),) if forgotten else ()


def _is_recorded(status: LogRetryStatus, command: str) -> bool:
    last = status.last
    return last is not None and last.command == command and last.is_open
