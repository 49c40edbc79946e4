"""python-statemachine as the judge of what we generate: the same chart, run by the library's own engine.

Slow and exact; used by tests and by anyone who doubts the compiled table. The library remembers configurations in the
order states were entered, and lets that order decide between regions; the judge puts them in document order after
every event, so that an execution depends on where a machine is and not on how it got there.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from statemachine.exceptions import TransitionNotAllowed
from statemachine.orderedset import OrderedSet

from fsm.kernel.chart import Effects
from fsm.kernel.event import Event
from fsm.kernel.machine import Machine, MachineState
from fsm.kernel.step import State

WALKS_START_AT = 1_000_000
"""Unix seconds at which every random walk starts."""


class _Model:
    """What the library stores its state in, and what our guards and actions ride on."""

    def __init__(self, context: Any, values: Any = None) -> None:
        self.context = context
        self.event: Event | None = None
        self.effects: Effects = ()
        self.state = values


class Judge:
    """One running instance of a machine's chart in the library's engine."""

    def __init__(self, machine: Machine, start: State | None = None) -> None:
        self.machine = machine
        start = start or machine.start()
        self.model = _Model(start[1], OrderedSet(start[0]) if len(start[0]) > 1 else start[0][0])
        self.chart = machine.chart(self.model)

    @property
    def state(self) -> MachineState:
        """Where the library says the machine is."""
        known = {each.id: number for number, each in enumerate(self.machine.states)}
        ids = sorted((each.id for each in self.chart.configuration), key=known.__getitem__)
        return MachineState(tuple(ids), self.model.context)

    def send(self, event: Event) -> Effects | None:
        """The effects of the event, or None where the library refuses it. An exception leaves everything as it was."""
        before = self.model.context
        self.model.event, self.model.effects = event, ()
        try:
            self.chart.send(event.name)
        except TransitionNotAllowed:
            return None
        except Exception:
            self.model.context = before
            raise
        finally:
            self.chart.configuration = OrderedSet(sorted(self.chart.configuration, key=lambda s: s.document_order))
        return self.model.effects


class Disagreement(NamedTuple):
    """Where library and table part: the number of the event, the state before, the event, and both answers."""

    number: int
    before: MachineState
    event: Event
    library: tuple[MachineState, Effects] | None
    table: tuple[MachineState, Effects] | None


class Agreement(NamedTuple):
    """A random walk without a disagreement: events sent, steps taken, transitions that fired at least once."""

    events: int
    steps: int
    fired: frozenset[int]


def compared(
    machine: Machine,
    events: int,
    seed: int,
    start_of: Callable[[random.Random], MachineState],
    event_of: Callable[[random.Random, str, int, Any], Event],
    restart: float = 0.01,
) -> Agreement | Disagreement:
    """Send random events to the library and to the table, and compare configuration, context, effects and refusals.

    Three of four events are chosen among those declared for the present configuration, the ones that were tried least
    first, so that rare corners are visited too. A walk starts in `start_of(rng)`, which may be any state that can be,
    and anew with probability `restart` and soon after the end of the lifecycle. `event_of(rng, name, now, context)`
    fills an event in.
    """
    rng = random.Random(seed)
    judge, state, now = Judge(machine), machine.start(), 0
    fired: set[int] = set()
    tried: Counter[tuple[tuple[str, ...], str]] = Counter()
    steps = 0
    for number in range(events):
        over = machine.outcome(state.configuration) is not None
        if number == 0 or rng.random() < (0.2 if over else restart):
            state, now = start_of(rng), WALKS_START_AT
            judge = Judge(machine, state)
        now += rng.choice((0, 0, 1, 1, 5, 60, 301, 900, 4000))
        event = event_of(rng, _chosen(rng, machine, state.configuration, tried), now, state.context)
        before = state
        found = machine.traced_of(state, event)
        effects = judge.send(event)
        library = None if effects is None else (judge.state, effects)
        table = None if found is None else (MachineState(*found[0]), found[1])
        if library != table or (library is None and judge.state != before):
            return Disagreement(number, before, event, library, table)
        if found is not None and machine.next_of(before, event) != found[:2]:
            return Disagreement(number, before, event, library, machine.next_of(before, event))  # type: ignore[arg-type]
        if found:
            steps += 1
            fired |= {machine.transitions.index(each) for each in found[2]}
            state = MachineState(*found[0])
    return Agreement(events, steps, frozenset(fired))


def _chosen(
    rng: random.Random,
    machine: Machine,
    configuration: tuple[str, ...],
    tried: Counter[tuple[tuple[str, ...], str]],
) -> str:
    declared = machine.enabled(configuration)
    if not declared or rng.random() < 0.25:
        return rng.choice(machine.events)
    name = rng.choices(declared, [1 / (1 + tried[configuration, each]) for each in declared])[0]
    tried[configuration, name] += 1
    return name
