"""The log lifecycle in a Backup: the stream from the whole status, the lane from the current command's sub-status.

The current command is what the operator would run now (operator-semantics 2.4). A command's own Job decides whether
one that is under way is still alive: the operator itself never looks (S7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fsm.adapter.lifecycle import (
    DELETION_EVENTS,
    Lifecycle,
    Question,
    deleting_leaf,
    deletion_event,
    event_of,
)
from fsm.adapter.log_facts import (
    Asked,
    is_failed_since,
    is_rerun,
    job_end_of,
    mended_at,
    retry_event,
    superseded_at,
    without_next_job,
)
from fsm.adapter.log_retry import limits_in_force, policy_for, records_for, retried_state, retries_of, written_at
from fsm.adapter.observation import Observation, SeenJob, time_of
from fsm.errors import UsageError
from fsm.kernel import Event, MachineState
from fsm.machines import LOG, CommandState, LogContext
from fsm.machines.log import ERROR_PAUSE, reopened
from fsm.machines.log_retry import BY_ITSELF, WAITING
from fsm.model import Backup, BackupSpec, BackupStatus, Condition, LogCommand, LogSubCommandStatus, ObjectMeta, Phase
from fsm.rules import current_command, log_job_name, update_log

WORKING = {Phase.SCHEDULED: "scheduled", Phase.PREPARE: "preparing", Phase.RUNNING: "running"}
SETTLED = {Phase.COMPLETE: "complete", Phase.REPEATABLE: "repeatable"}
KERNEL_SYNC = "LogBackupKernelSync"
"""The reason the operator gives where it followed what TiKV showed (operator-semantics 6.5)."""


def state_of(observation: Observation) -> MachineState:
    """Where the log machine is, from what is there now."""
    backup = observation.backup
    command = current_command(backup)
    lane = command_state_of(observation, command)
    leaf = "idle" if lane in ("wished", "complete", "repeatable", "superseded") else lane
    sub = backup.status.log_sub_command_statuses.get(command)
    job = job_of(observation, command)
    reason, message = _held_because(observation) if leaf in WAITING else _why(leaf, sub, job)
    retry_failed = sub is not None and sub.phase == Phase.RETRY_FAILED and leaf not in WAITING
    records = records_for(observation, command)
    begun = max((record.number for record in records if record.real is not None), default=0)
    context = LogContext(
        command=command,
        attempt=begun - (leaf in WAITING and bool(records) and records[-1].real is not None),
        job=job.uid if job is not None and not job.gone and leaf != "idle" else "",
        commands=_commands(observation),
        commit_ts=backup.status.commit_ts,
        reason=reason,
        message=message,
        sync_error=_sub_reason(sub, Phase.RETRY_FAILED)[0] or "RetryFailed" if retry_failed else "",
        policy=policy_for(observation, command),
        records=records,
    )
    if leaf == "scheduled" and _is_unwritten(observation, command):
        context = reopened(context, command)  # as the Scheduled will say that is about to be written
    deleting = deleting_leaf(observation)
    if deleting is not None:
        return LOG.state(deleting, context=context._replace(reason="", message="", sync_error=""))
    return LOG.state(_stream(backup.status), leaf, context=context)


def _stream(status: BackupStatus) -> str:
    if status.phase == Phase.STOPPED:
        return "stopped"
    if status.phase == Phase.PAUSED:
        return "paused"
    return "streaming" if status.commit_ts else "not_started"


def _commands(observation: Observation) -> tuple[CommandState, ...]:
    states = ((c, command_state_of(observation, c)) for c in observation.backup.status.log_sub_command_statuses)
    current = current_command(observation.backup)
    found = {command: state for command, state in states if state != "wished"}
    here = command_state_of(observation, current)
    if here != "wished":
        found[current] = here
    return tuple(sorted(CommandState(command, state) for command, state in found.items()))


def _is_unwritten(observation: Observation, command: str) -> bool:
    """Only its Job tells of the run."""
    sub = observation.backup.status.log_sub_command_statuses.get(command)
    return sub is None or sub.phase not in WORKING


def _held_because(observation: Observation) -> tuple[str, str]:
    status = retries_of(observation).status
    return status.reason, status.message


def command_state_of(observation: Observation, command: str) -> str:
    """Where one command stands: wished, an id of the lane, complete or repeatable (a contract, DESIGN section 5); under
    a retry policy superseded too."""
    return retried_state(observation, command, _plain_state(observation, command), job_of(observation, command))


def _plain_state(observation: Observation, command: str) -> str:
    """Where a command stands without a retry policy."""
    sub = observation.backup.status.log_sub_command_statuses.get(command)
    job = job_of(observation, command)
    if sub is None or not sub.phase or sub.phase == Phase.RETRY_FAILED:
        return "scheduled" if job is not None and job.at_work else "wished"
    if sub.phase in WORKING:
        if _is_of_an_older_wish(observation, command, sub, job):
            return "wished"
        return "failed" if job is not None and (job.failed or job.vanished) else WORKING[sub.phase]
    if command == LogCommand.TRUNCATE and _differs(observation, command, sub):
        is_next = job is not None and job.at_work and job.created_at >= written_at(sub)
        return "scheduled" if is_next else "wished"
    if sub.phase in SETTLED:
        return SETTLED[sub.phase]
    return {Phase.FAILED: "aborted", Phase.INVALID: "invalid"}.get(sub.phase, "wished")


def _differs(observation: Observation, command: str, sub: LogSubCommandStatus) -> bool:
    """A truncate is on record only for the point it truncates to (2.3); asked for another, it is a new wish."""
    spec = observation.backup.spec
    current = current_command(observation.backup) == command
    return current and command == LogCommand.TRUNCATE and sub.log_truncating_until != spec.log_truncate_until


def _is_of_an_older_wish(observation: Observation, command: str, sub: LogSubCommandStatus, job: SeenJob | None) -> bool:
    """An earlier truncate whose Job has ended: the operator removes that Job and runs the new one (6.2)."""
    return _differs(observation, command, sub) and job is not None and not job.at_work


def job_of(observation: Observation, command: str) -> SeenJob | None:
    """The Job of the command's present run, None where it was not seen.

    A Job that was gone before the run's Scheduled was written belongs to an earlier run.
    """
    found = observation.newest(log_job_name(observation.backup.metadata.name, command))
    sub = observation.backup.status.log_sub_command_statuses.get(command)
    if found is None or found.deleted_at is None or sub is None:
        return found
    began = next((time_of(c.last_transition_time) for c in sub.conditions if c.type == Phase.SCHEDULED), None)
    return None if began is not None and found.deleted_at < began else found


def _why(leaf: str, sub: LogSubCommandStatus | None, job: SeenJob | None) -> tuple[str, str]:
    if leaf == "failed" and job is not None:
        condition = job.job.status.condition("Failed")
        if job.failed and condition is not None:
            return condition.reason, f"Job {job.job.metadata.name} has failed"
        return "JobVanished", f"Job {job.job.metadata.name} was removed before it had finished"
    paused = leaf == "aborted" and sub is not None and sub.phase == Phase.RETRY_FAILED
    types = {"aborted": Phase.RETRY_FAILED if paused else Phase.FAILED, "invalid": Phase.INVALID}
    return _sub_reason(sub, types[leaf]) if leaf in types else ("", "")


def _sub_reason(sub: LogSubCommandStatus | None, type_: Phase) -> tuple[str, str]:
    found = next((c for c in sub.conditions if c.type == type_), None) if sub is not None else None
    return (found.reason, found.message) if found is not None else ("", "")


# ------------------------------------------------------------------ state -> status

_WRITTEN = {
    "scheduled": Phase.SCHEDULED,
    "preparing": Phase.PREPARE,
    "running": Phase.RUNNING,
    "complete": Phase.COMPLETE,
    "repeatable": Phase.REPEATABLE,
    "retrying": Phase.RETRY_FAILED,
    "aborted": Phase.FAILED,
    "invalid": Phase.INVALID,
}


def status_of(state: MachineState, base: BackupStatus, now: int | None = None) -> BackupStatus:
    """The status that says this state, grown from the previous one with the operator's own updater (3.4).

    A stream that runs needs a commitTs, from the context or the previous status; nobody can make one up.
    """
    leaves = LOG.leaves(state.configuration)
    context: LogContext = state.context
    at = now if now is not None else _newest(base)
    if len(leaves) == 1:
        return _deleting(leaves[0], base, at)
    stream = leaves[0]
    if stream != "not_started" and not (context.commit_ts or base.commit_ts):
        raise UsageError(f"a log backup that is {stream} has a commitTs; give it in the context or the previous status")
    status = base
    for each in context.commands:
        status = _with_command(status, context, each.command, each.state, at)
    if context.commit_ts and status.commit_ts != context.commit_ts:
        status = status.with_(commit_ts=context.commit_ts)
    if context.sync_error:
        failed = Condition(type=Phase.RETRY_FAILED, status="True", reason=context.sync_error, command=context.command)
        status = _updated(status, failed, at)
    return _with_stream(status, stream)


def _with_command(status: BackupStatus, context: LogContext, command: str, wanted: str, at: int) -> BackupStatus:
    sub = status.log_sub_command_statuses.get(command)
    phase = _WRITTEN.get(wanted)
    if phase is None or (sub is not None and sub.phase == phase):
        return status
    if phase in (Phase.REPEATABLE, Phase.RETRY_FAILED):
        kept = sub or LogSubCommandStatus(command=command)
        subs = {**status.log_sub_command_statuses, command: kept.with_(phase=phase)}
        return status.with_(log_sub_command_statuses=subs)
    why = (context.reason, context.message) if command == context.command else ("", "")
    condition = Condition(type=phase, status="True", reason=why[0], message=why[1], command=command)
    return _updated(status, condition, at)


def _updated(status: BackupStatus, condition: Condition, at: int) -> BackupStatus:
    backup = Backup(metadata=ObjectMeta(name="-"), spec=BackupSpec(backup_mode="log"), status=status)
    return update_log(backup, condition, None, at)[0]


_STREAM_PHASES = {"streaming": Phase.RUNNING, "paused": Phase.PAUSED, "stopped": Phase.STOPPED}


def _with_stream(status: BackupStatus, stream: str) -> BackupStatus:
    """The whole phase that says this stream, where the commands' own writes have not said it yet."""
    if stream in _STREAM_PHASES and _stream(status) != stream:
        return status.with_(phase=_STREAM_PHASES[stream])
    return status


def _deleting(leaf: str, base: BackupStatus, at: int) -> BackupStatus:
    written = {"cleaning": (Phase.CLEAN, "False"), "clean_failed": (Phase.CLEAN_FAILED, "True")}.get(leaf)
    if written is None or base.phase == written[0]:
        return base
    backup = Backup(
        metadata=ObjectMeta(name="-", deletion_timestamp="1970-01-01T00:00:00Z"),
        spec=BackupSpec(backup_mode="log"),
        status=base,
    )
    condition = Condition.from_json({"type": written[0].value, "status": written[1]})
    return update_log(backup, condition, None, at)[0]


def _newest(base: BackupStatus) -> int:
    whole = [c.last_transition_time for c in base.conditions]
    subs = [c.last_transition_time for sub in base.log_sub_command_statuses.values() for c in sub.conditions]
    return max((time_of(text) or 0 for text in (*whole, *subs)), default=0)


# ------------------------------------------------------------------ when it happened

_TOLD = {
    Phase.SCHEDULED: "job_created",
    Phase.PREPARE: "pod_preparing",
    Phase.RUNNING: "br_started",
    Phase.COMPLETE: "completed",
    Phase.FAILED: "aborted",
    Phase.INVALID: "rejected",
}


class Facts:
    """The events that a log backup and its Jobs tell, by name and command; a command's newest run is the one told."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.uid = observation.backup.metadata.uid

    def event(self, question: Question) -> Event | None:
        name, command = question.name, question.subject
        if name in DELETION_EVENTS:
            return deletion_event(self.observation, name)
        if name == "wish_changed":
            current = current_command(self.observation.backup)
            left = superseded_at(self.observation, question.key.command)
            return Event(name, left, command, self.uid) if command == current else None
        if name in _RETRYING:
            return retry_event(self.observation, name, question.key, command)
        if name == "task_found":
            return self._adopted()
        if name in _SYNCED:
            condition = self.observation.backup.status.condition(_SYNCED[name])
            synced = condition is not None and condition.reason == KERNEL_SYNC
            return event_of(name, condition, self.uid) if condition is not None and synced else None
        if name == "completed":
            return self._completed(question)
        if name == "job_created" and question.key.leaf in BY_ITSELF:
            event = self._told_by_job(name, command)
            return event if event is not None and is_rerun(self.observation, question.key, event.uid) else None
        by_job = self._told_by_job(name, command) or self._told_by_condition(name, command)
        return by_job or job_end_of(self.observation, name, question.key, command)

    def _completed(self, question: Question) -> Event | None:
        """By the program, or as the companion has mended it; what was complete before tells of an earlier run."""
        event = self._told_by_condition("completed", question.subject)
        if event is None or is_failed_since(self.observation, question.key):
            return None
        mended = mended_at(self.observation, question.key)
        return event if mended is None else event._replace(at=max(event.at, mended))

    def _adopted(self) -> Event | None:
        """log-start was written complete beside another command, and not by its own Job."""
        start = LogCommand.START.value
        retried = limits_in_force(self.observation, start) is not None
        job = job_of(self.observation, start)
        event = self._told_by_condition("completed", start)
        by_itself = job is not None and job.succeeded
        return event._replace(name="task_found") if retried and event is not None and not by_itself else None

    def _told_by_condition(self, name: str, command: str) -> Event | None:
        status = self.observation.backup.status
        sub = status.log_sub_command_statuses.get(command)
        paused = name == "aborted" and sub is not None and sub.phase == Phase.RETRY_FAILED
        for condition in sub.conditions if sub is not None else ():
            if paused and (condition.type, condition.reason) == (Phase.RETRY_FAILED, ERROR_PAUSE):
                return event_of(name, condition, self.uid, subject=command)
            if _TOLD.get(condition.type) == name and not paused:
                event = event_of(name, condition, self.uid, subject=command)
                started = name == "completed" and command == LogCommand.START
                return event._replace(message=status.commit_ts) if started else event
        return None

    def _told_by_job(self, name: str, command: str) -> Event | None:
        seen = job_of(self.observation, command)
        if seen is None:
            return None
        if name == "job_created":
            return Event(name, seen.created_at, command, seen.uid)
        condition = seen.job.status.condition("Failed")
        if name == "job_failed" and seen.failed:
            at = time_of(condition.last_transition_time) if condition is not None else None
            return Event(name, -1 if at is None else at, command, seen.uid, *_why("failed", None, seen))
        if name == "job_vanished" and seen.vanished:
            return Event(name, -1, command, seen.uid, *_why("failed", None, seen))
        return None


_SYNCED = {"task_paused": Phase.PAUSED, "task_resumed": Phase.RUNNING}
_RETRYING = frozenset(("failure_recorded", "attempt_overdue", "tick", "verified", "blocked", "released"))


def questions_about(names: Sequence[str], state: MachineState, target: MachineState) -> Iterator[Question]:
    """About each event for the current command; about a change of wish for every command that is known."""
    context: LogContext = state.context
    key = Asked(context.command, state.configuration[-1], context.records[-1].detected if context.records else -1)
    for name in names:
        if name != "wish_changed":
            yield Question(name, key, context.command, guessable=name != "job_created" or key.leaf not in BY_ITSELF)
            continue
        known = dict.fromkeys((target.context.command, *(each.command for each in target.context.commands)))
        for command in known:
            if command != context.command:
                yield Question(name, key, command)


def wished_as(start: MachineState, target: MachineState) -> MachineState:
    """With the policy as it is now; of another episode that is on record which had failed before what is known."""
    was, now = start.context, target.context
    if was.command != now.command or was.policy == now.policy:
        return start
    records = was.records
    if was.policy.seed != now.policy.seed and start.configuration[-1] not in WAITING:
        known = max((record.detected for record in was.records), default=-1)
        records = tuple(record for record in now.records if record.detected < known)
    return start._replace(context=was._replace(policy=now.policy, records=records))


def same(found: MachineState, target: MachineState, exactly: bool) -> bool:
    """Same configuration and current command; exactly: every other command too. What is deleted has no wish."""
    if found.configuration != target.configuration:
        return False
    if "deleting" in target.configuration:
        return True
    if found.context.command != target.context.command:
        return False
    return not exactly or found.context.commands == target.context.commands


LIFECYCLE = Lifecycle(LOG, state_of, status_of, Facts, questions_about, same, wished_as, without_next_job)
