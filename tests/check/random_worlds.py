"""Small worlds made by Hypothesis: random parts, tables for rules, maps, budgets, and properties to go with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

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


@st.composite
def worlds(draw: Any, most: int = 3, symmetric: bool = False) -> World:
    """A world of 1 to `most` components; small enough to be explored plainly."""
    components = draw(st.integers(1, most))
    sizes = {name: draw(st.integers(2, 3)) for name in (*SHARED, *OWN)}
    parts = {name: Part(0, own=name in OWN) for name in sizes}
    if symmetric:
        parts["at"] = Part(None, pointer=True)
    maps = {
        name: {
            part: draw(tables([part], {part: sizes[part]}, st.integers(0, sizes[part] - 1)))
            for part in draw(st.lists(st.sampled_from(sorted(sizes)), unique=True, max_size=3))
        }
        for name in ("m", "n")
    }
    rules = tuple(draw(rule(f"r{i}", sizes, components, symmetric)) for i in range(draw(st.integers(1, 5))))
    return World(
        name="random",
        parts=parts,
        rules=rules,
        maps={name: {part: _unpacked(table) for part, table in each.items()} for name, each in maps.items()},
        budgets={"f": draw(st.integers(0, 2))},
        starts=({}, {"s": 1}) if draw(st.booleans()) else ({},),
        components=components,
        symmetric=symmetric,
    )


def _unpacked(table: Callable[[tuple[Any, ...]], Any]) -> Callable[[Any], Any]:
    return lambda value: table((value,))


@st.composite
def tables(draw: Any, reads: list[str], sizes: dict[str, int], results: Any) -> Callable[[tuple[Any, ...]], Any]:
    """A function of the values of some parts."""
    count = 1
    for name in reads:
        count *= sizes[name]
    rows = draw(st.lists(results, min_size=count, max_size=count))

    def table(values: tuple[Any, ...]) -> Any:
        place = 0
        for name, value in zip(reads, values, strict=True):
            place = place * sizes[name] + int(value)
        return rows[place]

    return table


@st.composite
def moves(draw: Any, sizes: dict[str, int], own: bool, components: int, symmetric: bool) -> tuple[Any, ...]:
    """One move as plain data: words, writes of parts, of parts of a certain component, and maps."""
    names = [*SHARED, *OWN] if own else [*SHARED]
    written = draw(st.lists(st.sampled_from(names), unique=True, max_size=2))
    writes: dict[Any, Any] = {name: draw(st.integers(0, sizes[name] - 1)) for name in written}
    if not symmetric and draw(st.integers(0, 3)) == 0:
        part = draw(st.sampled_from(OWN))
        writes[part, draw(st.integers(0, components - 1))] = draw(st.integers(0, sizes[part] - 1))
    applies = tuple(draw(st.lists(st.sampled_from(["m", "n"]), max_size=2))) if draw(st.integers(0, 2)) == 0 else ()
    points = draw(st.sampled_from(["", "", "me", "none"])) if symmetric and own else ""
    return draw(st.sampled_from(["x", "y"])), writes, applies, points


@st.composite
def rule(draw: Any, name: str, sizes: dict[str, int], components: int, symmetric: bool) -> Rule:
    """A rule that looks its moves up in a table; own ones may read another component too, and their index."""
    own = draw(st.booleans())
    reads = draw(st.lists(st.sampled_from([*SHARED, *OWN] if own else [*SHARED]), unique=True, max_size=3))
    table = draw(tables(reads, sizes, st.lists(moves(sizes, own, components, symmetric), max_size=2)))
    pair = draw(st.sampled_from(OWN)) if draw(st.integers(0, 3)) == 0 else ""
    kind = draw(st.sampled_from([Kind.NORMAL, Kind.NORMAL, Kind.FAULT, Kind.USER]))
    fairness = draw(st.sampled_from([None, None, Fairness.STRONG, Fairness.NONE]))

    def found(view: Any) -> list[Move]:
        for other in range(view.components) if pair else ():
            if own and other == view.index:
                continue
            if view.of(other)[pair] == 1:
                return []
        listed = []
        for what, writes, applies, points in table(tuple(view[part] for part in reads)):
            pointer = {"me": lambda: {"at": view.index}, "none": lambda: {"at": None}}.get(points, dict)()
            if points == "none" and view.at != view.index:
                continue
            listed.append(Move(what, {**writes, **pointer}, applies))
        return listed

    budget = "f" if kind is Kind.FAULT and draw(st.booleans()) else ""
    return Rule(name, draw(st.sampled_from(["p", "q"])), found, kind, fairness, own, budget)


@st.composite
def predicates(draw: Any, own: bool) -> Callable[[Any], bool]:
    """A conjunction or disjunction of two comparisons."""
    names = [*SHARED, *OWN] if own else [*SHARED]
    part, other = draw(st.sampled_from(names)), draw(st.sampled_from(names))
    value, another, both = draw(st.integers(0, 2)), draw(st.integers(0, 2)), draw(st.booleans())

    def holds(view: Any) -> bool:
        if both:
            return bool(view[part] == value and view[other] == another)
        return bool(view[part] == value or view[other] == another)

    return holds


@st.composite
def properties(draw: Any, world: World) -> list[Property]:
    """One of each form."""
    own = draw(st.booleans())
    p, q, r = (draw(predicates(own)) for _ in range(3))
    clock = draw(st.sampled_from([rule.name for rule in world.rules]))
    part = draw(st.sampled_from(SHARED))
    return [
        always("always", "", p, q, own),
        sometimes("sometimes", "", p, own),
        eventually("eventually", "", p, own),
        leads_to("leads", "", p, q, own),
        recoverable("recoverable", "", p, r, own),
        within("within", "", p, q, draw(st.integers(0, 2)), clock, own),
        no_deadlock("deadlock", "", draw(predicates(False))),
        steps(
            "steps",
            "",
            lambda before, taken, after: before[part] <= after[part] or p(after),
            (lambda taken: taken.what == "x") if draw(st.booleans()) else None,
            own,
        ),
    ]
