"""Follows one Backup through its watch items, and asks of every movement whether it is a path in its chart.

It is one where declared edges lead there, with their guards, and every step is an event that the objects tell, or a
`tick`. Nothing is guessed, because every write is seen; and a Job that has ended does not begin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from fsm.adapter import Lifecycle, Observation, SeenJob, lifecycle_of
from fsm.adapter.lifecycle import CREATED, Evidence, Offer, guessed, told
from fsm.environment.divergences import Movement
from fsm.environment.server import Item
from fsm.environment.simulation import Author
from fsm.errors import InputError
from fsm.kernel import Configuration, Event, Machine, MachineState, try_step
from fsm.machines import LogContext
from fsm.model import Backup, Job, Phase

MOST_STEPS = 6
"""The longest path that is looked for; the longest one that was ever found has four."""


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


class Followed(NamedTuple):
    """A movement, and the events of its path; None where it has none."""

    movement: Movement
    path: tuple[Event, ...] | None


@dataclass
class Watch:
    """What was seen of one Backup so far, and where its machine is; `configurations` counts what was visited.

    After a Backup that cannot be read (`state` is None again) nothing is followed any more.
    """

    clock: Callable[[], int]
    observation: Observation | None = None
    jobs: dict[str, SeenJob] = field(default_factory=dict)
    state: MachineState | None = None
    configurations: Counter[Configuration] = field(default_factory=Counter)

    @property
    def lost(self) -> bool:
        """The Backup cannot be read any more."""
        return self.observation is not None and self.state is None

    @property
    def ended(self) -> bool:
        """Its lifecycle has no work left."""
        if self.state is None or self.observation is None:
            return False
        return lifecycle_of(self.observation.backup).machine.outcome(self.state.configuration) is not None

    def see(self, item: Item, author: Author) -> Followed | None:
        """Take a watch item in. The answer is None where the machine did not move."""
        was, seen, before = self.observation, self._observed(item), self.state
        if seen is None or self.lost:
            return None
        lifecycle = lifecycle_of(seen.backup)
        self.observation, self.state = seen, _state_of(lifecycle, seen)
        if self.state is not None:
            self.configurations[self.state.configuration] += 1
        if was is None or before is None:
            return None
        if self.state is not None and place_of(lifecycle.machine, before) == place_of(lifecycle.machine, self.state):
            return None
        movement = Movement(lifecycle.machine, before, self.state, was, seen, item, author, self.clock())
        return Followed(movement, path_of(lifecycle, movement))

    def _observed(self, item: Item) -> Observation | None:
        """Everything that was seen so far. A Job is there until it was seen to be gone."""
        gone_at = self.clock() if item.type == "DELETED" else None
        if isinstance(item.object, Backup):
            return Observation(item.object, tuple(self.jobs.values()), (), gone_at)
        self.jobs[item.object.metadata.uid] = SeenJob(item.object, gone_at)
        return None if self.observation is None else self.observation._replace(jobs=tuple(self.jobs.values()))


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
            if offer is not None and not (question.name in CREATED and offer.event.uid in self.ended):
                yield offer


def path_of(lifecycle: Lifecycle, movement: Movement) -> tuple[Event, ...] | None:
    """The events of a shortest path, None where there is none."""
    if movement.after is None:
        return None
    machine, target, facts = lifecycle.machine, movement.after, _facts_of(lifecycle, movement)
    goal, start = place_of(machine, target), lifecycle.wished_as(movement.before, target)
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


def _facts_of(lifecycle: Lifecycle, movement: Movement) -> _Facts:
    ended = frozenset(each.uid for each in movement.was.jobs if each.gone or each.failed or each.succeeded)
    return _Facts(lifecycle.evidence_of(movement.seen), _news_of(movement.item), ended, movement.at)
