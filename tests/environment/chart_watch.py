"""Follows one Backup through its watch items, and asks of every movement whether it is a path in its chart.

It is one where declared edges lead there, with their guards, and every step is an event that the objects tell, or a
`tick`. Nothing is guessed, because every write is seen; and a Job that has ended does not begin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fsm.adapter import Lifecycle, Observation, SeenJob, lifecycle_of
from fsm.adapter.lifecycle import Evidence, Offer, guessed, told
from fsm.environment.divergences import Movement
from fsm.environment.server import Item
from fsm.environment.simulation import Author
from fsm.errors import InputError
from fsm.kernel import Configuration, Event, Machine, MachineState, try_step
from fsm.machines import LogContext
from fsm.model import Backup, Job, Phase

MOST_STEPS = 6
"""The longest path that is looked for; the longest one that was ever found has four."""

_BEGINNINGS = ("job_created", "execute_created")


def place_of(machine: Machine, state: MachineState) -> tuple[object, ...]:
    """What is compared: the configuration, and which attempt or command it is about.

    A retry that begins anew without leaving its state has moved, too. What else may change in the context (reasons,
    times, the outcomes of other commands) tells of the same writes, and is compared elsewhere: the rules with the Go
    program. Of what is finished or deleted only the configuration is left.
    """
    context = state.context
    if machine.outcome(state.configuration) is not None or "deleting" in state.configuration:
        return (state.configuration,)
    if isinstance(context, LogContext):
        return state.configuration, context.command
    return state.configuration, context.attempt, len(context.records)


@dataclass
class Watch:
    """`movements` are those that are no path, and `paths` counts the others by their leaves. `configurations` counts
    what was visited. After a Backup that cannot be read (`Movement.after` is None) nothing is followed any more."""

    clock: Callable[[], int]
    observation: Observation | None = None
    jobs: dict[str, SeenJob] = field(default_factory=dict)
    state: MachineState | None = None
    movements: list[Movement] = field(default_factory=list)
    paths: Counter[tuple[str, ...]] = field(default_factory=Counter)
    configurations: Counter[Configuration] = field(default_factory=Counter)

    @property
    def lost(self) -> bool:
        """The Backup cannot be read any more."""
        return bool(self.movements) and self.movements[-1].after is None

    @property
    def ended(self) -> bool:
        """Its lifecycle has no work left."""
        if self.state is None or self.observation is None:
            return False
        return lifecycle_of(self.observation.backup).machine.outcome(self.state.configuration) is not None

    def see(self, item: Item, author: Author) -> Movement | None:
        """Take a watch item in; the movement is returned where it is no path."""
        was, seen = self.observation, self._observed(item)
        if seen is None or self.lost:
            return None
        lifecycle = lifecycle_of(seen.backup)
        before = self.state or lifecycle.machine.start()
        self.observation, self.state = seen, _state_of(lifecycle, seen)
        if self.state is not None:
            self.configurations[self.state.configuration] += 1
        if was is None or self._follows(lifecycle, before, self.state, was, item):
            return None
        self.movements.append(Movement(lifecycle.machine, before, self.state, was, seen, item, author))
        return self.movements[-1]

    def _observed(self, item: Item) -> Observation | None:
        """Everything that was seen so far. A Job is there until it was seen to be gone."""
        gone_at = self.clock() if item.type == "DELETED" else None
        if isinstance(item.object, Backup):
            return Observation(item.object, tuple(self.jobs.values()), (), gone_at)
        self.jobs[item.object.metadata.uid] = SeenJob(item.object, gone_at)
        return None if self.observation is None else self.observation._replace(jobs=tuple(self.jobs.values()))

    def _follows(
        self, lifecycle: Lifecycle, before: MachineState, after: MachineState | None, was: Observation, item: Item
    ) -> bool:
        """Nothing moved, or there is a path."""
        machine = lifecycle.machine
        if after is None:
            return False
        if place_of(machine, before) == place_of(machine, after):
            return True
        assert self.observation is not None
        ended = frozenset(each.uid for each in was.jobs if each.gone or each.failed or each.succeeded)
        facts = _Facts(lifecycle.evidence_of(self.observation), _news_of(item), ended, self.clock())
        path = path_of(lifecycle, before, after, facts)
        if path is not None:
            self.paths["/".join(machine.leaves(before.configuration)), *(event.name for event in path)] += 1
        return path is not None


def _state_of(lifecycle: Lifecycle, seen: Observation) -> MachineState | None:
    try:
        return lifecycle.state_of(seen)
    except InputError:
        return None


def _news_of(item: Item) -> frozenset[str]:
    """The events that a watch item tells by itself: a Job went, or the spec was found invalid."""
    if isinstance(item.object, Job):
        return frozenset(("job_vanished", "job_failed")) if item.type == "DELETED" else frozenset()
    return frozenset(("rejected",)) if item.object.status.phase == Phase.INVALID else frozenset()


@dataclass(frozen=True)
class _Facts:
    """What may be sent to the machine now."""

    evidence: Evidence
    news: frozenset[str]
    ended: frozenset[str]
    now: int

    def offers(self, lifecycle: Lifecycle, state: MachineState, target: MachineState) -> Iterator[Offer]:
        for question in lifecycle.questions_about(lifecycle.machine.enabled(state.configuration), state, target):
            offer = told(self.evidence, question, self.now)
            if offer is None and (question.name == "tick" or question.name in self.news):
                offer = guessed(question, self.now)
            if offer is not None and not (question.name in _BEGINNINGS and offer.event.uid in self.ended):
                yield offer


def path_of(lifecycle: Lifecycle, start: MachineState, target: MachineState, facts: _Facts) -> tuple[Event, ...] | None:
    """The events of a shortest path, None where there is none."""
    machine, goal = lifecycle.machine, place_of(lifecycle.machine, target)
    start = lifecycle.wished_as(start, target)
    layer: list[tuple[MachineState, tuple[Event, ...]]] = [(start, ())]
    done = {start}
    for _ in range(MOST_STEPS):
        following: list[tuple[MachineState, tuple[Event, ...]]] = []
        for state, path in layer:
            for offer in facts.offers(lifecycle, state, target):
                step = try_step(machine, state, offer.event)
                if step is None or step.after in done:
                    continue
                if place_of(machine, step.after) == goal:
                    return (*path, offer.event)
                done.add(step.after)
                following.append((step.after, (*path, offer.event)))
        layer = following
    return None
