"""One Backup while it is replayed: what was seen of it last, where its machine stands, and how it got there."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fsm.adapter.lifecycle import CREATED, Lifecycle, Once
from fsm.adapter.observation import Observation, SeenJob, time_of
from fsm.adapter.path import Leg, path_between
from fsm.adapter.registry import lifecycle_of
from fsm.kernel import Machine, MachineState
from fsm.model import Backup, LogBackupRetryPolicy, Pod, text_of
from fsm.replay.reader import lean_object_of, object_of


class Entry(NamedTuple):
    """One line of a timeline: a transition that was taken."""

    at: int
    event: str
    source: str
    target: str
    guards: Mapping[str, bool]
    attempt: int
    command: str = ""
    inferred: bool = False
    at_least: bool = False
    doc: str = ""

    def to_json(self) -> dict[str, Any]:
        """The transition as DESIGN section 7 has it."""
        data: dict[str, Any] = {
            "at": text_of(self.at),
            "event": self.event,
            "source": self.source,
            "target": self.target,
            "guards": dict(self.guards),
            "attempt": self.attempt,
        }
        if self.command:
            data["command"] = self.command
        if self.inferred:
            data["inferred"] = True
        if self.at_least:
            data["atLeast"] = True
        return data


class When(NamedTuple):
    """The time of a leg. `inferred`: no object told its event. `timed`: an object gave its very time."""

    at: int
    inferred: bool
    timed: bool


class Unexpected(NamedTuple):
    """Something the machine does not allow: it was seen in `source` and then in `target`, and no path leads there."""

    at: int
    event: str
    source: str
    target: str
    uid: str
    because: str

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "at": text_of(self.at)}


class Track:
    """One Backup, by its uid. `backup` is None while only Jobs of it were seen.

    `backup`, `jobs` and `pods` are to be looked at only, since they may be lean twins; `texts` has what they were read
    from, by uid ("" for the Backup), as an item's (type, text). `begun` has the uids of the Jobs that
    were told to begin, `told` the times at which facts happened that were told last, by event and what that is about.
    `log_policy` is in force for a log backup that has none of its own; it is everybody's, so it is
    not written with a track.
    """

    __slots__ = (
        "backup",
        "begun",
        "dropped",
        "entries",
        "gone_at",
        "jobs",
        "keep",
        "key",
        "lifecycle",
        "log_policy",
        "numbers",
        "pods",
        "seen",
        "since",
        "state",
        "texts",
        "told",
        "uid",
        "unexpected",
        "version",
    )

    def __init__(self, uid: str, key: tuple[str, str], seen: int, keep: int) -> None:
        self.uid, self.key, self.seen, self.keep = uid, key, seen, keep
        self.backup: Backup | None = None
        self.version = -1
        self.gone_at: int | None = None
        self.jobs: dict[str, SeenJob] = {}
        self.numbers: dict[str, int] = {}
        self.pods: dict[str, Pod] = {}
        self.texts: dict[str, tuple[str, bytes]] = {}
        self.lifecycle: Lifecycle | None = None
        self.log_policy: LogBackupRetryPolicy | None = None
        self.state: MachineState | None = None
        self.begun: set[str] = set()
        self.told: dict[tuple[str, str], int] = {}
        self.since: dict[str, int] = {}
        self.entries: deque[Entry] = deque(maxlen=keep)
        self.dropped = 0
        self.unexpected: list[Unexpected] = []

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what follows from the texts: they are written as they were read, which costs nothing."""
        left_out = ("lifecycle", "log_policy", "backup", "pods")
        state = {name: getattr(self, name) for name in self.__slots__ if name not in left_out}
        state["jobs"] = {uid: seen.deleted_at for uid, seen in self.jobs.items()}
        state["entries"] = [tuple(entry) for entry in self.entries]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.entries = deque(map(Entry._make, state["entries"]), maxlen=self.keep)
        things = {uid: lean_object_of(*text) for uid, text in self.texts.items()}
        self.backup = next((thing for thing in things.values() if thing.kind == "Backup"), None)
        jobs = {uid: thing for uid, thing in things.items() if thing.kind == "Job"}
        self.jobs = {uid: SeenJob(jobs[uid], deleted_at) for uid, deleted_at in state["jobs"].items()}
        self.pods = {uid: thing for uid, thing in things.items() if thing.kind == "Pod"}
        self.lifecycle = lifecycle_of(self.backup) if self.backup is not None else None
        self.log_policy = None

    @property
    def observation(self) -> Observation:
        """What is seen now and the Backup can know, to be looked at only."""
        assert self.backup is not None
        jobs, pods = tuple(self.jobs.values()), tuple(self.pods.values())
        everything = Observation(self.backup, jobs, pods, self.gone_at, log_policy=self.log_policy)
        return lifecycle_of(self.backup).seen_as(everything)

    @property
    def full_observation(self) -> Observation:
        """The same with the Backup in full, every field that was given included."""
        backup = object_of(*self.texts[""])
        assert backup.kind == "Backup"
        return self.observation._replace(backup=backup)

    @property
    def finished(self) -> bool:
        """The lifecycle has no work left, and neither has a Job of it: no time will change what is said of them."""
        if self.lifecycle is None or self.state is None:
            return False
        over = self.lifecycle.machine.outcome(self.state.configuration) is not None
        return over and all(_is_over(seen) for seen in self.jobs.values())

    def catch_up(self, now: int) -> tuple[Entry, ...]:
        """Bring the machine to what is seen now; returns the transitions that were taken."""
        if self.backup is None:
            return ()
        lifecycle = lifecycle_of(self.backup)
        if lifecycle is not self.lifecycle or self.state is None:
            self.lifecycle, self.state = lifecycle, lifecycle.machine.start()
            born = time_of(self.backup.metadata.creation_timestamp)
            self.since = dict.fromkeys(
                lifecycle.machine.leaves(self.state.configuration), now if born is None else born
            )
        observation = self.observation
        target = lifecycle.state_of(observation)
        entries: tuple[Entry, ...] = ()
        if not lifecycle.same(self.state, target, True):
            entries = self._moved(lifecycle, observation, self.state, target, now)
        self.state = target
        return entries

    def _moved(
        self, lifecycle: Lifecycle, observation: Observation, start: MachineState, target: MachineState, now: int
    ) -> tuple[Entry, ...]:
        machine = lifecycle.machine
        evidence = Once(lifecycle.evidence_of(observation), self.begun)
        legs = path_between(lifecycle, start, target, evidence, now)
        if legs is None:
            if start.configuration != target.configuration and machine.outcome(start.configuration) is None:
                self.unexpected.append(self._surprise(machine, start, target, now))
            self._note_since(machine, target, now)
            return ()
        created = (leg.step.event.uid for leg in legs if leg.step.event.name in CREATED)
        self.begun.update(uid for uid in created if uid in self.jobs)
        times = self._times(legs, now)
        entries = tuple(
            entry for leg, when in zip(legs, times, strict=True) for entry in entries_of(machine, leg, when)
        )
        for entry in entries:
            if entry.source != entry.target:
                self.since[entry.target] = entry.at
        self._note_since(machine, target, now)
        self.dropped += max(len(self.entries) + len(entries) - self.keep, 0)
        self.entries.extend(entries)
        return entries

    def _times(self, legs: Sequence[Leg], now: int) -> list[When]:
        """When each leg was taken. What was told before tells of then: that it came again is inferred. What has no
        time of its own was not later than the next that has."""
        found = []
        for leg in legs:
            event = leg.step.event
            fact = event.name, event.subject
            timed = leg.timed and self.told.get(fact) != event.at
            if timed:
                self.told[fact] = event.at
            found.append(When(event.at if timed else now, leg.inferred or leg.timed != timed, timed))
        latest = now
        for i, when in reversed(list(enumerate(found))):
            if when.timed:
                latest = when.at
            else:
                found[i] = when._replace(at=min(now, latest))
        return found

    def _note_since(self, machine: Machine, target: MachineState, now: int) -> None:
        leaves = machine.leaves(target.configuration)
        self.since = {leaf: self.since.get(leaf, now) for leaf in leaves}

    def _surprise(self, machine: Machine, start: MachineState, target: MachineState, now: int) -> Unexpected:
        source, goal = _moved_leaf(machine, start, target)
        event = next((each.event for each in machine.transitions if each.target == goal), "")
        uid = target.context.job or self.uid
        because = f"the Backup went from {source} to {goal}, and no declared path leads there"
        return Unexpected(now, event, source, goal, uid, because)


def _is_over(seen: SeenJob) -> bool:
    gone, failed, succeeded, deleting = seen.standing
    return gone or ((failed or succeeded) and not deleting)


def _moved_leaf(machine: Machine, start: MachineState, target: MachineState) -> tuple[str, str]:
    """The first region's leaves that differ."""
    pairs = zip(machine.leaves(start.configuration), machine.leaves(target.configuration), strict=False)
    return next((pair for pair in pairs if pair[0] != pair[1]), (start.configuration[-1], target.configuration[-1]))


def entries_of(machine: Machine, leg: Leg, when: When) -> list[Entry]:
    """One line for every transition of a step: a step that moves two regions has two."""
    step = leg.step
    before, after = machine.leaves(step.before.configuration), machine.leaves(step.after.configuration)
    guards = machine.guard_values(step.before, step.event)
    found = []
    for transition in step.transitions:
        source = _leaf_under(machine, transition.source, before)
        target = _leaf_under(machine, transition.target or transition.source, after)
        found.append(
            Entry(
                when.at,
                step.event.name,
                source,
                target,
                guards,
                step.after.context.attempt,
                step.event.subject,
                when.inferred,
                not when.timed,
                transition.doc,
            )
        )
    return found


def _leaf_under(machine: Machine, state_id: str, leaves: tuple[str, ...]) -> str:
    """The one active leaf that is the state or lies inside it; the state itself where several do."""
    if len(leaves) == 1 or state_id in leaves:
        return leaves[0] if len(leaves) == 1 else state_id
    inside = [leaf for leaf in leaves if state_id in _lineage(machine, leaf)]
    return inside[0] if len(inside) == 1 else state_id


def _lineage(machine: Machine, state_id: str | None) -> tuple[str, ...]:
    found: tuple[str, ...] = ()
    while state_id is not None:
        found = (*found, state_id)
        state_id = machine.info(state_id).parent
    return found
