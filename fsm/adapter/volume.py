"""The volume-snapshot lifecycle in a Backup, read from its conditions alone: its phase jumps between two Jobs (7.3)."""

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
from fsm.adapter.observation import Observation, SeenJob, time_of
from fsm.adapter.snapshot import policy_of
from fsm.kernel import Event, MachineState
from fsm.machines import VOLUME_SNAPSHOT, RunContext
from fsm.model import BackupStatus, Condition, Phase
from fsm.rules import init_job_name, job_name, update_condition

_FINAL = ((Phase.INVALID, "invalid"), (Phase.COMPLETE, "complete"), (Phase.FAILED, "aborted"))
_EXECUTE = (
    (Phase.VOLUME_BACKUP_FAILED, "data_failed"),
    (Phase.VOLUME_BACKUP_COMPLETE, "data_complete"),
    (Phase.VOLUME_BACKUP_SNAPSHOTS_CREATED, "snapshots_created"),
)
_EXECUTING = ("scheduled", "preparing", "running", *(leaf for _, leaf in _EXECUTE))
_WRITTEN: dict[str, Phase] = {
    "init_scheduled": Phase.SCHEDULED,
    "init_running": Phase.RUNNING,
    "initialized": Phase.VOLUME_BACKUP_INITIALIZED,
    "init_failed": Phase.VOLUME_BACKUP_INITIALIZE_FAILED,
    "scheduled": Phase.SCHEDULED,
    "preparing": Phase.PREPARE,
    "running": Phase.RUNNING,
    **{leaf: phase for phase, leaf in (*_EXECUTE, *_FINAL)},
    "cleaning": Phase.CLEAN,
    "clean_failed": Phase.CLEAN_FAILED,
}


def state_of(observation: Observation) -> MachineState:
    """Where the volume-snapshot machine is, from what is there now."""
    backup = observation.backup
    leaf = deleting_leaf(observation) or _leaf(observation)
    written = (
        backup.status.condition(_WRITTEN[leaf])
        if leaf in ("data_failed", "init_failed", "aborted", "invalid")
        else None
    )
    job = _job_of(observation, leaf)
    failed = leaf == "data_failed" and written is None and job is not None
    reason, message = (written.reason, written.message) if written is not None else ("", "")
    if failed and job is not None:
        condition = job.job.status.condition("Failed")
        reason = condition.reason if condition is not None else "JobVanished"
    context = RunContext(
        policy=policy_of(backup.spec.backoff_retry_policy),
        job=job.uid if job is not None and not job.gone else "",
        reason=reason,
        message=message,
    )
    return VOLUME_SNAPSHOT.state(leaf, context=context)


def _leaf(observation: Observation) -> str:
    status, wish = observation.backup.status, observation.backup.spec.federal_volume_backup_phase
    final = next((leaf for phase, leaf in _FINAL if status.holds(phase)), None)
    if final is not None:
        return final
    if wish == "teardown":
        return "teardown"
    return _execute_leaf(observation) or _initialize_leaf(status)


def _execute_leaf(observation: Observation) -> str | None:
    status = observation.backup.status
    done = next((leaf for phase, leaf in _EXECUTE if status.holds(phase)), None)
    if done is not None and done != "snapshots_created":
        return done
    job = observation.newest(f"backup-{observation.backup.metadata.name}")
    if job is not None and (job.failed or job.vanished):
        return "data_failed"
    if done is not None:
        return done
    if observation.backup.spec.federal_volume_backup_phase == "initialize":
        return None
    if status.holds(Phase.PREPARE):  # only the execute program writes it
        return "running" if status.phase == Phase.RUNNING else "preparing"
    scheduled = status.phase == Phase.SCHEDULED and (
        status.holds(Phase.VOLUME_BACKUP_INITIALIZED) or status.holds(Phase.VOLUME_BACKUP_INITIALIZE_FAILED)
    )
    return "scheduled" if job is not None or scheduled else None


_INITIALIZED_ANEW: dict[str, str] = {
    Phase.SCHEDULED: "init_scheduled",
    Phase.RUNNING: "init_running",
    Phase.VOLUME_BACKUP_INITIALIZED: "initialized",
}


def _initialize_leaf(status: BackupStatus) -> str:
    if status.holds(Phase.VOLUME_BACKUP_INITIALIZE_FAILED):  # a vanished init Job is made anew (7.2 1b)
        return _INITIALIZED_ANEW.get(status.phase, "init_failed")
    if status.holds(Phase.VOLUME_BACKUP_INITIALIZED):
        return "initialized"
    if status.phase == Phase.RUNNING:
        return "init_running"
    return "init_scheduled" if status.holds(Phase.SCHEDULED) else "pending"


def _job_of(observation: Observation, leaf: str) -> SeenJob | None:
    backup = observation.backup
    initialize, execute = observation.newest(init_job_name(backup)), observation.newest(job_name(backup))
    if leaf == "pending" or leaf.startswith("init"):
        return initialize
    return execute if leaf in _EXECUTING or execute is not None else initialize


def status_of(state: MachineState, base: BackupStatus, now: int | None = None) -> BackupStatus:
    """The status that says this state, grown from the previous one."""
    leaf = VOLUME_SNAPSHOT.leaves(state.configuration)[-1]
    at = now if now is not None else max((time_of(c.last_transition_time) or 0 for c in base.conditions), default=0)
    status = base
    for phase in _past(leaf):
        if status.condition(phase) is None:
            status, _ = update_condition(status, Condition(type=phase, status="True"), at)
    if leaf not in _WRITTEN or (status.phase == _WRITTEN[leaf] and status.condition(_WRITTEN[leaf]) is not None):
        return status
    context: RunContext = state.context
    truth = "False" if leaf == "cleaning" else "True"
    wanted = Condition.from_json(
        {"type": _WRITTEN[leaf].value, "status": truth, "reason": context.reason, "message": context.message}
    )
    return update_condition(status, wanted, at)[0]


def _past(leaf: str) -> tuple[Phase, ...]:
    """Conditions that must stand already for the leaf to be read back."""
    if leaf in ("scheduled", "preparing", "running"):
        prepared = (Phase.PREPARE,) if leaf == "running" else ()
        return (Phase.SCHEDULED, Phase.VOLUME_BACKUP_INITIALIZED, *prepared)
    return (Phase.SCHEDULED,) if leaf in ("init_running", "initialized", "init_failed") else ()


_TOLD = {
    "pod_preparing": Phase.PREPARE,
    "br_started": Phase.RUNNING,
    "initialized_reported": Phase.VOLUME_BACKUP_INITIALIZED,
    "initialize_failed": Phase.VOLUME_BACKUP_INITIALIZE_FAILED,
    "snapshots_reported": Phase.VOLUME_BACKUP_SNAPSHOTS_CREATED,
    "data_completed": Phase.VOLUME_BACKUP_COMPLETE,
    "job_failed": Phase.VOLUME_BACKUP_FAILED,
    "completed": Phase.COMPLETE,
    "aborted": Phase.FAILED,
    "rejected": Phase.INVALID,
    "job_created": Phase.SCHEDULED,
    "execute_created": Phase.SCHEDULED,
}


class Facts:
    """The events that the conditions and Jobs tell, by name: nothing runs twice here."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.uid = observation.backup.metadata.uid

    def event(self, question: Question) -> Event | None:
        name, backup = question.name, self.observation.backup
        if name in DELETION_EVENTS:
            return deletion_event(self.observation, name)
        if name == "teardown_requested":
            asked = backup.spec.federal_volume_backup_phase == "teardown"
            return Event(name, -1, uid=self.uid) if asked else None
        told = self._told_by_job(name)
        condition = backup.status.condition(_TOLD[name]) if told is None and name in _TOLD else None
        return event_of(name, condition, self.uid) if condition is not None else told

    def _told_by_job(self, name: str) -> Event | None:
        backup = self.observation.backup
        job = init_job_name(backup) if name == "job_created" else job_name(backup)
        seen = self.observation.newest(job) if name in ("job_created", "execute_created", "job_failed") else None
        if seen is None:
            return None
        if name != "job_failed":
            return Event(name, seen.created_at, uid=seen.uid)
        condition = seen.job.status.condition("Failed")
        at = time_of(condition.last_transition_time) if condition is not None else None
        reason = condition.reason if condition is not None else ""
        return Event(name, -1 if at is None else at, uid=seen.uid, reason=reason) if seen.failed else None


def questions_about(names: Sequence[str], state: MachineState, target: MachineState) -> Iterator[Question]:
    """About each event."""
    for name in names:
        yield Question(name, None)


def same(found: MachineState, target: MachineState, exactly: bool) -> bool:
    """Same configuration; there is nothing finer to compare."""
    return found.configuration == target.configuration


LIFECYCLE = Lifecycle(VOLUME_SNAPSHOT, state_of, status_of, Facts, questions_about, same)
