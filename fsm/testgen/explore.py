"""The places a machine can get to, and how: its graph under the events of `choices`, with contexts abstracted.

A machine's own states are without end, for contexts hold times and counts. A *place* stands for all states that agree
in their configuration, in the gist of their context and in the transitions that could be taken next. The first state
that reaches a place represents it: what leaves the place is what leaves that state. So a way through the graph need not
exist for every state of its places; `walk` runs it and says how far it goes. The way on which a place was first reached
always exists.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from fsm.kernel import Machine, MachineState, Step, try_step
from fsm.testgen.choices import Choice, Choices
from fsm.testgen.graph import Edge, Graph

BEGINS_AT = 1_800_000_000
"""Unix seconds at which a machine without another beginning starts."""
MOST_PLACES = 1_000
"""How many places are looked at from within, unless one says otherwise."""
COUNTED = 3
"""Counts and lengths up to this are told apart; what is larger is many."""


class Beginning(NamedTuple):
    """Where a test starts. `title` is empty for a new machine."""

    title: str
    state: MachineState
    at: int


class Taken(NamedTuple):
    """A step of a test as it was made: what was sent, what it did (None: it was refused), and where that led."""

    choice: Choice
    step: Step | None
    after: MachineState
    edge: int


class Walk(NamedTuple):
    """A way through the graph that was really gone. `whole` says that nothing of it is left."""

    beginning: Beginning
    taken: tuple[Taken, ...]
    whole: bool


@dataclass(frozen=True)
class Explored:
    """The graph of a machine, and what is needed to walk in it.

    `left` counts the places that were seen and not looked at from within, because there were too many. `never` are the
    numbers of the declared transitions that nothing in the graph takes.
    """

    machine: Machine
    choices: Choices
    graph: Graph
    beginnings: tuple[Beginning, ...]
    left: int
    never: tuple[int, ...]
    _places: Mapping[Hashable, int]

    def walk(self, path: Iterable[int]) -> Walk:
        """Go along these edges from the beginning that the first one leaves; stop where a state goes another way."""
        path = tuple(path)
        place = self.graph.edges[path[0]].source
        beginning = self.beginnings[self.graph.initial.index(place)]
        state, now = beginning.state, beginning.at
        taken: list[Taken] = []
        for number in path:
            choice = self.choices.find(state, now, self.graph.edges[number].label)
            if choice is None:
                return Walk(beginning, tuple(taken), whole=False)
            step = try_step(self.machine, state, choice.event)
            state, now = state if step is None else step.after, _time(now, choice)
            taken.append(Taken(choice, step, state, number))
            place = self._places.get(_place(self.choices, state, now), -1)
            if place != self.graph.edges[number].target:
                return Walk(beginning, tuple(taken), whole=len(taken) == len(path))
        return Walk(beginning, tuple(taken), whole=True)


def explored(
    machine: Machine, most: int = MOST_PLACES, progress: Callable[[int, int], None] = lambda done, seen: None
) -> Explored:
    """Look at the places of a machine, nearest first, at `most` of them from within, and at every beginning.

    `progress` is told how many were looked at and how many were seen.
    """
    return _Exploration(machine, most, progress).run()


class _Exploration:
    def __init__(self, machine: Machine, most: int, progress: Callable[[int, int], None]) -> None:
        self.machine, self.most, self.progress = machine, most, progress
        self.choices = Choices(machine)
        self.places: dict[Hashable, int] = {}
        self.states: list[tuple[MachineState, int]] = []
        self.edges: list[Edge] = []

    def run(self) -> Explored:
        beginnings = _beginnings(self.machine)
        initial = tuple(self._place(each.state, each.at) for each in beginnings)
        done, most = 0, max(self.most, *(place + 1 for place in initial))
        while done < min(len(self.states), most):
            self._look(done)
            done += 1
            self.progress(done, len(self.states))
        fired = {number for edge in self.edges for number in _transitions(edge)}
        return Explored(
            machine=self.machine,
            choices=self.choices,
            graph=Graph(len(self.states), tuple(self.edges), initial, self._told),
            beginnings=beginnings,
            left=len(self.states) - done,
            never=tuple(each for each in range(len(self.machine.transitions)) if each not in fired),
            _places=self.places,
        )

    def _place(self, state: MachineState, now: int) -> int:
        key = _place(self.choices, state, now)
        if key not in self.places:
            self.places[key] = len(self.states)
            self.states.append((state, now))
        return self.places[key]

    def _look(self, place: int) -> None:
        state, now = self.states[place]
        for choice in self.choices.at(state, now):
            step = try_step(self.machine, state, choice.event)
            after = state if step is None else step.after
            self.edges.append(Edge(place, self._place(after, _time(now, choice)), choice.label, choice.kind))

    def _told(self, place: int) -> Mapping[str, str]:
        return {"state": " ".join(self.machine.leaves(self.states[place][0].configuration))}


def _beginnings(machine: Machine) -> tuple[Beginning, ...]:
    """A new machine, and what the chart declares beside it; each another place."""
    declared = (
        Beginning(each.title, machine.state(*each.leaves, context=each.context), each.at)
        for each in machine.samples.starts
    )
    return (Beginning("", machine.start(), BEGINS_AT), *declared)


def _time(now: int, choice: Choice) -> int:
    """What was refused has not happened."""
    return now if choice.refused else choice.event.at


def _transitions(edge: Edge) -> tuple[int, ...]:
    """The kind of a machine's edge is that of a choice."""
    kind: Any = edge.kind
    numbers: tuple[int, ...] = kind[1]
    return numbers


# ------------------------------------------------------------------ what a place is


def _place(choices: Choices, state: MachineState, now: int) -> Hashable:
    offered = frozenset(each.kind for each in choices.at(state, now))
    return state.configuration, gist(state.context), offered


def gist(value: Any) -> Hashable:
    """A context without what makes it endless: counts up to three, lengths, and whether a text is there."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return max(-1, min(value, COUNTED + 1))
    if isinstance(value, str):
        return value != ""
    fields = getattr(value, "__struct_fields__", None) or getattr(value, "_fields", None)
    fields = fields or tuple(getattr(value, "__dataclass_fields__", ()))
    if fields:
        return tuple(gist(getattr(value, field)) for field in fields)
    return min(len(value), COUNTED + 1) if hasattr(value, "__len__") else str(value)
