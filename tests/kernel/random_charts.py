"""Random charts with compounds, regions, guards, actions and edges across all of them. One seed, one chart.

Every action writes its name into a running hash and emits what it saw, so that two executions with the same context
have run the same actions in the same order on the same data.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from fsm.errors import ChartError
from fsm.kernel import (
    Action,
    Chart,
    Compound,
    Event,
    Guard,
    Machine,
    MachineState,
    Parallel,
    compile_chart,
    edge,
    state,
)

EVENTS = ("a", "b", "c", "d")
MODULUS = 1_000_003


class Trail(NamedTuple):
    """What ran so far, as a number."""

    value: int = 0


class Ran(NamedTuple):
    """An effect: this action saw this trail."""

    action: int
    value: int


def _guard(number: int, modulus: int, rest: int) -> Guard:
    def holds(context: Trail, event: Event) -> bool:
        return (context.value + event.at * number) % modulus == rest

    return Guard(holds, f"g{number}")


def _action(number: int) -> Action:
    def run(context: Trail, event: Event) -> tuple[Trail, tuple[Ran, ...]]:
        return Trail((context.value * 31 + event.at + number) % MODULUS), (Ran(number, context.value),)

    return Action(run, f"a{number}", (Ran,))


class _Builder:
    """One chart under construction. States know each other by what the library gave us, edges are drawn at the end."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.states: list[Any] = []
        self.count = 0
        self.guards = [_guard(n, m := self.rng.choice((2, 2, 3)), self.rng.randrange(m)) for n in range(1, 7)]
        self.actions = [_action(n) for n in range(1, 13)]

    def some(self, things: list[Any], most: int) -> list[Any]:
        return self.rng.sample(things, self.rng.choice([0, 0, *range(1, most + 1)]))

    def chart(self, name: str) -> type[Chart]:
        roots = self.children(depth=3, least=2, starts=True)
        self.edges()
        body = {"__doc__": "A random chart.", "__module__": __name__, "context_type": Trail, **dict(roots)}
        body["validate_disconnected_states"] = False  # chance draws the edges
        return type(Chart)(name, (Chart,), body)

    def children(self, depth: int, least: int, starts: bool, *, regions: bool = False) -> list[tuple[str, Any]]:
        """Named siblings; of a compound the first is initial, of a parallel all are active."""
        made = []
        for index in range(self.rng.randint(least, 3)):
            first = index == 0
            made.append(self.state(depth, initial=first and not regions, starts=starts and (first or regions)))
        return made

    def state(self, depth: int, *, initial: bool, starts: bool) -> tuple[str, Any]:
        self.count += 1
        name = f"s{self.count}"
        kind = self.rng.choice(("atomic", "atomic", "compound", "compound", "parallel")) if depth > 1 else "atomic"
        if kind == "atomic":
            enter = [] if starts else self.some(self.actions, 2)
            made = state(
                f"Atomic {name}.", initial=initial, outcome="good", enter=enter, exit=self.some(self.actions, 2)
            )
        else:
            made = self.nested(name, kind, depth, initial=initial, starts=starts)
        self.states.append(made)
        return name, made

    def nested(self, name: str, kind: str, depth: int, *, initial: bool, starts: bool) -> Any:
        """A compound or parallel state."""
        base = Parallel if kind == "parallel" else Compound
        inside = self.children(depth - 1, 2, starts, regions=kind == "parallel")
        body = {"__doc__": f"The {kind} {name}.", **dict(inside)}
        enter = [] if starts else self.some(self.actions, 2)
        return type(base)(name, (base,), body, initial=initial, enter=enter, exit=self.some(self.actions, 2))

    def edges(self) -> None:
        closed: set[tuple[int, str]] = set()
        for _ in range(self.rng.randint(len(self.states), 3 * len(self.states))):
            source, event = self.rng.choice(self.states), self.rng.choice(EVENTS)
            if (id(source), event) in closed:
                continue
            guards = self.some(self.guards, 2)
            asked = [guard for guard in guards if self.rng.random() < 0.6]
            target = self.rng.choice([None, *self.states])
            unless = [guard for guard in guards if guard not in asked]
            edge(source, target, "Somewhere.", event=event, when=asked, unless=unless, do=self.some(self.actions, 2))
            if not guards:
                closed.add((id(source), event))


def random_chart(seed: int) -> Any:
    """The chart class of one seed."""
    return _Builder(seed).chart(f"Random{seed}")


@cache
def random_machine(seed: int) -> Machine | None:
    """The machine of one seed, None where its chart has too many configurations to compile."""
    try:
        return compile_chart(random_chart(seed))
    except ChartError as error:
        if "configurations" in str(error):
            return None
        raise


def random_machines(seeds: range) -> Iterator[tuple[int, Machine]]:
    """The machines of many seeds, with their seed."""
    for seed in seeds:
        machine = random_machine(seed)
        if machine is not None:
            yield seed, machine


def random_start(machine: Machine) -> Callable[[random.Random], MachineState]:
    """A function that draws any configuration and any trail."""
    return lambda rng: MachineState(rng.choice(machine.configurations), Trail(rng.randrange(MODULUS)))


def random_event(rng: random.Random, name: str, now: int, context: Trail) -> Event:
    """An event whose time feeds guards and actions."""
    return Event(name, rng.randrange(100))
