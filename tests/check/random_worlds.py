"""Small worlds from a seed: random parts, tables for rules, maps, budgets, and properties to go with them.

Hypothesis draws the seed, and a failure prints it: `world_of(seed)` is the same world again.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from fsm.kernel import (
    Fairness,
    Kind,
    Move,
    Part,
    Property,
    Rule,
    World,
    always,
    eventually,
    leads_to,
    no_deadlock,
    recoverable,
    sometimes,
    steps,
    within,
)

SHARED, OWN = ("s", "t"), ("a", "b")


def world_of(seed: int, most: int = 3, symmetric: bool = False) -> World:
    """A world of 1 to `most` components, small enough to be explored plainly. With `symmetric` its components are
    alike: they may be exchanged, and the pointer `at` means one of them, or none."""
    rng = Random(seed)
    components = rng.randint(1, most)
    most_values = 4 if components == 1 else 2 if components == 3 and symmetric else 3
    sizes = {name: rng.randint(2, most_values) for name in (*SHARED, *OWN)}
    parts = {name: Part(0, own=name in OWN) for name in sizes}
    if symmetric:
        parts["at"] = Part(None, pointer=True)
        parts["peer"] = Part(None, own=True, pointer=True)
        if components == 3 or rng.random() < 0.5:  # the worlds with it are large
            del parts["peer"]
    maps = {
        name: {
            part: _table(rng, [part], sizes, lambda part=part: rng.randrange(sizes[part]))
            for part in _some(rng, sizes, 3)
        }
        for name in ("m", "n")
    }
    make = _Maker(rng, sizes, components, parts, symmetric)
    return World(
        name=f"random {seed}",
        parts=parts,
        rules=tuple(make.rule(f"r{i}") for i in range(rng.randint(2, 5))),
        maps={
            name: {part: (lambda value, table=table: table((value,))) for part, table in each.items()}
            for name, each in maps.items()
        },
        budgets={"f": rng.randint(0, 2)},
        starts=({}, {"s": 1}) if rng.random() < 0.3 else ({},),
        components=components,
        symmetric=symmetric,
    )


def _some(rng: Random, names: Any, most: int, least: int = 0) -> list[str]:
    return rng.sample(sorted(names), rng.randint(least, min(most, len(names))))


def _table(
    rng: Random, reads: list[str], sizes: dict[str, int], result: Callable[[], Any]
) -> Callable[[tuple[Any, ...]], Any]:
    """A function of the values of some parts."""
    count = 1
    for name in reads:
        count *= sizes[name]
    rows = [result() for _ in range(count)]

    def table(values: tuple[Any, ...]) -> Any:
        place = 0
        for name, value in zip(reads, values, strict=True):
            place = place * sizes[name] + value
        return rows[place]

    return table


class _Maker:
    """Makes rules of one world."""

    def __init__(self, rng: Random, sizes: dict[str, int], components: int, parts: Any, symmetric: bool) -> None:
        self.rng, self.sizes, self.components, self.parts, self.symmetric = rng, sizes, components, parts, symmetric

    def move(self, own: bool) -> tuple[Any, ...]:
        """Words, writes, maps, and what becomes of the pointers."""
        rng = self.rng
        names = [*SHARED, *OWN] if own else [*SHARED]
        writes: dict[Any, Any] = {name: rng.randrange(self.sizes[name]) for name in _some(rng, names, 2)}
        if not self.symmetric and rng.random() < 0.25:
            part = rng.choice(OWN)
            writes[part, rng.randrange(self.components)] = rng.randrange(self.sizes[part])
        applies = tuple(rng.choices(["m", "n"], k=rng.randint(1, 2))) if rng.random() < 0.25 else ()
        points = rng.choice(["", "at", "free", "peer"]) if self.symmetric and own else ""
        return rng.choice("xy"), writes, applies, points

    def rule(self, name: str) -> Rule:
        """A rule that looks its moves up in a table; it may look at the other components too."""
        rng = self.rng
        own = rng.random() < 0.6
        reads = _some(rng, [*SHARED, *OWN] if own else SHARED, 3)
        table = _table(rng, reads, self.sizes, lambda: [self.move(own) for _ in range(rng.choice([0, 1, 1, 2, 3]))])
        pair = rng.choice(OWN) if rng.random() < 0.25 else ""
        barred = rng.randrange(3)

        def found(view: Any) -> list[Move]:
            for other in range(view.components) if pair else ():
                if not (own and other == view.index) and view.of(other)[pair] == barred:
                    return []
            listed = []
            for what, writes, applies, points in table(tuple(view[part] for part in reads)):
                pointers = self.pointers(view, points)
                if pointers is not None:
                    listed.append(Move(what, {**writes, **pointers}, applies))
            return listed

        kind = rng.choice([Kind.NORMAL, Kind.NORMAL, Kind.FAULT, Kind.USER])
        fairness = rng.choice([None, None, Fairness.STRONG, Fairness.NONE])
        budget = "f" if kind is Kind.FAULT and rng.random() < 0.5 else ""
        return Rule(name, rng.choice("pq"), found, kind, fairness, own, budget)

    def pointers(self, view: Any, points: str) -> dict[str, Any] | None:
        """What is written to the pointers; None where the move is not possible."""
        if points == "at":
            return {"at": view.index}
        if points == "free":
            return {"at": None} if view.at is not None and view.at == view.index else None
        if points == "peer" and "peer" in self.parts:
            return {"peer": view.at}
        return {}


def properties_of(seed: int, world: World) -> list[Property]:
    """One of each form."""
    rng = Random(seed)
    own = rng.random() < 0.5
    p, q, r = (_predicate(rng, own) for _ in range(3))
    clock, part = rng.choice([rule.name for rule in world.rules]), rng.choice(SHARED)
    concerned = (lambda taken: taken.what == "x") if rng.random() < 0.5 else None
    return [
        always("always", "", p, q, own),
        sometimes("sometimes", "", p, own),
        eventually("eventually", "", p, own),
        leads_to("leads", "", p, q, own),
        recoverable("recoverable", "", p, r, own),
        within("within", "", p, q, rng.randint(0, 2), clock, own),
        no_deadlock("deadlock", "", _predicate(rng, False)),
        steps("steps", "", lambda before, taken, after: before[part] <= after[part] or p(after), concerned, own),
    ]


def _predicate(rng: Random, own: bool) -> Callable[[Any], bool]:
    """A conjunction or disjunction of two comparisons."""
    names = [*SHARED, *OWN] if own else [*SHARED]
    part, other = rng.choice(names), rng.choice(names)
    value, another, both = rng.randrange(3), rng.randrange(3), rng.random() < 0.5

    def holds(view: Any) -> bool:
        if both:
            return bool(view[part] == value and view[other] == another)
        return bool(view[part] == value or view[other] == another)

    return holds
