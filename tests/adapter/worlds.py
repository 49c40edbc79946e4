"""Random lives of Backups with their objects: after every step, the spec, Jobs and status that go with the state.

A world is what a cluster would show; it is told every step and keeps the objects that the state rests on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from fsm.adapter import log, snapshot, volume
from fsm.adapter.lifecycle import Lifecycle
from fsm.adapter.observation import Observation, SeenJob
from fsm.kernel import Event, MachineState, try_step
from fsm.machines import RunContext
from fsm.model import Backup, BackupStatus, Job, LogCommand, text_of
from fsm.rules import current_command, log_job_name

NAME, UID = "demo", "backup-uid"
START = 1_000_000
LIFECYCLES = {"snapshot": snapshot.LIFECYCLE, "log": log.LIFECYCLE, "volume-snapshot": volume.LIFECYCLE}
FAILED = ("BackoffLimitExceeded", "Job {} has failed")
VANISHED = ("JobVanished", "Job {} was removed before it had finished")
REPORTED = {
    "aborted": ("BackupDataToRemoteFailed", "exit status 1"),
    "rejected": ("InvalidSpec", "bucket should be configured"),
    "initialize_failed": ("InitializeJobDeleted", "the Job is gone"),
}

RARE = dict.fromkeys(("aborted", "rejected", "deletion_requested", "deleted", "initialize_failed"), 0.08)
"""Events that end a life early; without this few would come to its later parts."""


class Seen(NamedTuple):
    """A state of a walk with the objects that show it, and the status before.

    `taken_up`: the lane was found as an earlier command had left it; its reason is not in the context then.
    """

    state: MachineState
    observation: Observation
    base: BackupStatus
    event: Event
    now: int
    taken_up: bool = False


class World:
    """The objects around one Backup. Subclasses say what events look like in their mode, and what they leave behind."""

    mode = ""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.spec: dict[str, Any] = {"backupMode": self.mode}
        self.status = BackupStatus()
        self.jobs: dict[str, SeenJob] = {}
        self.metadata: dict[str, Any] = {"name": NAME, "namespace": "ns", "uid": UID}
        self.gone_at: int | None = None
        self.taken_up = False

    @property
    def lifecycle(self) -> Lifecycle:
        return LIFECYCLES[self.mode]

    def start(self) -> MachineState:
        """The state of a Backup that was just created."""
        return self.lifecycle.machine.start()

    def backup(self) -> Backup:
        data = {"metadata": self.metadata, "spec": self.spec, "status": self.status.to_json()}
        return Backup.from_json(data)

    def observation(self, state: MachineState) -> Observation:
        """What is seen; `state` may know less of the Jobs than the world."""
        return Observation(self.backup(), tuple(self.jobs.values()), gone_at=self.gone_at)

    def job_name(self, state: MachineState, event: str) -> str:
        """The Job that an event is about."""
        return f"backup-{NAME}"

    def candidates(self, state: MachineState) -> list[str]:
        return list(self.lifecycle.machine.enabled(state.configuration))

    def event(self, state: MachineState, name: str, now: int) -> Event:
        """The event as the objects would tell it."""
        job = self.job_name(state, name)
        if name in ("job_created", "execute_created"):
            return Event(name, now, uid=f"job-{now}")
        if name in ("job_failed", "job_vanished") and self.working(state):
            reason, message = FAILED if name == "job_failed" else VANISHED
            return Event(name, now, uid=state.context.job, reason=reason, message=message.format(job))
        reason, message = REPORTED.get(name, ("", ""))
        return Event(name, now, reason=reason, message=message)

    def working(self, state: MachineState) -> bool:
        leaves = self.lifecycle.machine.leaves(state.configuration)
        return bool({"scheduled", "preparing", "running", "snapshots_created"} & set(leaves))

    def happened(self, before: MachineState, event: Event, after: MachineState) -> None:
        """Keep the objects in step."""
        name = self.job_name(before, event.name)
        if event.name in ("job_created", "execute_created"):
            self.jobs[name] = SeenJob(_job(name, event.uid, event.at))
        elif event.name == "job_failed" and name in self.jobs:
            self.jobs[name] = SeenJob(_job(name, self.jobs[name].uid, self.jobs[name].created_at, "Failed", event))
        elif event.name == "job_vanished" and name in self.jobs:
            self.jobs[name] = SeenJob(self.jobs[name].job, event.at)
        elif event.name == "deletion_requested":
            self.metadata = {**self.metadata, "deletionTimestamp": text_of(event.at)}
        elif event.name == "deleted":
            self.gone_at = event.at
        self.status = self.lifecycle.status_of(after, self.status, event.at)

    def settled(self, state: MachineState, now: int) -> MachineState:
        """The state after what follows at once from spec and status."""
        return state


def _job(name: str, uid: str, created: int, condition: str = "", event: Event | None = None) -> Job:
    owner = {"kind": "Backup", "name": NAME, "uid": UID, "controller": True}
    metadata = {"name": name, "namespace": "ns", "uid": uid, "creationTimestamp": text_of(created)}
    status: dict[str, Any] = {"startTime": text_of(created)}
    if event is not None:
        told = {"type": condition, "status": "True", "reason": event.reason, "lastTransitionTime": text_of(event.at)}
        status["conditions"] = [told]
    return Job.from_json({"metadata": {**metadata, "ownerReferences": [owner]}, "status": status})


class SnapshotWorld(World):
    mode = "snapshot"

    def start(self) -> MachineState:
        choose = self.rng.choice
        policy = {
            "minRetryDuration": choose(["300s", "300s", "1s", "0s", "-1s", "soon", "2h"]),
            "maxRetryTimes": choose([2, 2, 0, -1, 1, 5]),
            "retryTimeout": choose(["30m", "30m", "1h", "5s", "later", "-1s"]),
        }
        self.spec |= {"backoffRetryPolicy": policy}
        parsed = snapshot.policy_of(self.backup().spec.backoff_retry_policy)
        return self.lifecycle.machine.start(RunContext(policy=parsed, sync_error=choose(["", "", "a reason"])))


class LogWorld(World):
    """Every wish is made by editing the spec, as a user would."""

    mode = "log"

    def start(self) -> MachineState:
        self.spec |= {"logSubcommand": "log-start"}
        return self.lifecycle.machine.start()

    def job_name(self, state: MachineState, event: str) -> str:
        return log_job_name(NAME, state.context.command)

    def observation(self, state: MachineState) -> Observation:
        """A living Job that the state does not know was not seen."""
        current = log_job_name(NAME, state.context.command)
        unknown = {current} if state.context.job == "" and self.working(state) else set()
        jobs = tuple(seen for name, seen in self.jobs.items() if name not in unknown)
        return Observation(self.backup(), jobs, gone_at=self.gone_at)

    def event(self, state: MachineState, name: str, now: int) -> Event:
        event = super().event(state, name, now)
        if name == "wish_changed":
            return event._replace(subject=self.wish())
        starts = name == "completed" and state.context.command == LogCommand.START and not state.context.commit_ts
        return event._replace(message="456") if starts else event

    def candidates(self, state: MachineState) -> list[str]:
        """What operator and TiKV can do: a command waits for the stream it needs, TiKV is followed while idle."""
        stream, lane = (*LIFECYCLES["log"].machine.leaves(state.configuration), "")[:2]
        command = LogCommand(state.context.command)
        early = stream == "not_started" and command.needs_started
        done = stream == "stopped" and command is not LogCommand.TRUNCATE
        busy = lane != "idle" or state.context.state_of(command) == "wished"
        names = super().candidates(state)
        if early or done:
            names = [name for name in names if name not in ("job_created", "completed", "rejected")]
        return [name for name in names if not (busy and name.startswith("task_"))]

    def wish(self) -> str:
        """Edit the spec; the command that is asked for now."""
        self.spec = {"backupMode": "log", "logSubcommand": self.rng.choice(["log-start", "log-stop", "log-pause"])}
        if self.rng.random() < 0.4:
            self.spec |= {"logTruncateUntil": "700"}  # another text would be another wish
        return current_command(self.backup())

    def happened(self, before: MachineState, event: Event, after: MachineState) -> None:
        super().happened(before, event, after)
        self.taken_up = event.name == "wish_changed" or (self.taken_up and before.configuration == after.configuration)
        command = before.context.command
        if command == LogCommand.TRUNCATE and event.name in ("job_created", "completed", "rejected"):
            self.truncated(event.name)

    def truncated(self, event: str) -> None:
        """What the operator and the program write beside the state: how far this truncate goes, and went (8.2)."""
        until = self.spec.get("logTruncateUntil", "")
        subs = dict(self.status.log_sub_command_statuses)
        subs["log-truncate"] = subs["log-truncate"].with_(log_truncating_until=until)
        self.status = self.status.with_(log_sub_command_statuses=subs)
        if event == "completed":
            self.status = self.status.with_(log_success_truncate_until=until)

    def settled(self, state: MachineState, now: int) -> MachineState:
        current = current_command(self.backup())
        if "alive" not in state.configuration or current == state.context.command:
            return state
        taken = try_step(self.lifecycle.machine, state, Event("wish_changed", now, current))
        assert taken is not None
        self.taken_up = True
        return taken.after


class VolumeWorld(World):
    mode = "volume-snapshot"

    def job_name(self, state: MachineState, event: str) -> str:
        return f"backup-{NAME}-init" if event == "job_created" else f"backup-{NAME}"

    def event(self, state: MachineState, name: str, now: int) -> Event:
        if name == "job_failed":
            return Event(name, now, uid=state.context.job, reason=FAILED[0])
        return super().event(state, name, now)

    def happened(self, before: MachineState, event: Event, after: MachineState) -> None:
        asked = {"job_created": "initialize", "execute_created": "execute", "teardown_requested": "teardown"}
        if event.name in asked:
            self.spec = {**self.spec, "federalVolumeBackupPhase": asked[event.name]}
        super().happened(before, event, after)


WORLDS = {world.mode: world for world in (SnapshotWorld, LogWorld, VolumeWorld)}


def walk(mode: str, seed: int, steps: int = 60) -> Iterator[Seen]:
    """The states of one random life."""
    rng = random.Random(seed)
    world = WORLDS[mode](rng)
    state, now = world.start(), START
    world.status = world.lifecycle.status_of(state, world.status, now)
    yield Seen(state, world.observation(state), BackupStatus(), Event("", now), now)
    for _ in range(steps):
        now += rng.choice((1, 1, 2, 30, 301, 900))
        names = world.candidates(state)
        if not names:
            return
        name = rng.choices(names, [RARE.get(name, 1) for name in names])[0]
        event = world.event(state, name, now)
        taken = try_step(world.lifecycle.machine, state, event)
        if taken is None or (name == "wish_changed" and event.subject == state.context.command):
            continue
        base = world.status
        world.happened(state, event, taken.after)
        state = world.settled(taken.after, now)
        yield Seen(state, world.observation(state), base, event, now, world.taken_up)
