"""Small worlds, each with something that is easy to get wrong, and their mutants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from fsm.check.plain import explored, view_of
from fsm.kernel import Kind, Move, Part, Rule, World

# ------------------------------------------------------------------ the worlds


def _lamp() -> World:
    """One part, one rule whose every move but one changes something."""

    def press(view: Any) -> Iterator[Move]:
        yield Move("on" if view.lamp == "off" else "off", {"lamp": "on" if view.lamp == "off" else "off"})
        yield Move("nothing", {"lamp": view.lamp})

    return World("lamp", {"lamp": Part("off")}, (Rule("press", "user", press),))


def _workers(components: int) -> World:
    """Two kinds of part, a lock, and a rule of one component that reads another."""

    def begin(view: Any) -> Iterator[Move]:
        if view.lock is None and view.work == "todo":
            yield Move("begins", {"lock": view.index, "work": "doing"})

    def end(view: Any) -> Iterator[Move]:
        if view.work == "doing":
            yield Move("ends well", {"lock": None, "work": "done"})
            yield Move("ends badly", {"lock": None, "work": "todo"})

    def follow(view: Any) -> Iterator[Move]:
        before = view.of((view.index + 1) % view.components)
        if before.work == "done" and view.work == "todo":
            yield Move("skips", {"work": "done"})

    return World(
        "workers",
        {"lock": Part(None, pointer=True), "work": Part("todo", own=True)},
        (
            Rule("begin", "worker", begin, own=True),
            Rule("end", "worker", end, own=True),
            Rule("follow", "follower", follow, own=True),
        ),
        components=components,
        symmetric=True,
    )


def _pairs() -> World:
    """A shared rule that moves a token between any two components, by writing parts of both."""

    def pass_on(view: Any) -> Iterator[Move]:
        for giver in range(view.components):
            if view.of(giver).tokens:
                for taker in range(view.components):
                    if taker != giver and view.of(taker).tokens < 2:
                        has, gets = view.of(giver).tokens, view.of(taker).tokens
                        writes = {("tokens", giver): has - 1, ("tokens", taker): gets + 1}
                        yield Move(f"{giver} to {taker}", writes)

    return World("pairs", {"tokens": Part(1, own=True)}, (Rule("pass", "hands", pass_on),), components=3)


def _clock() -> World:
    """Maps: a tick lowers every timer; a leap applies two maps one after the other."""

    def tick(view: Any) -> Iterator[Move]:
        yield Move("tick", applies=("tick",))
        yield Move("tick, and the first timer is wound", {("timer", 0): 3}, applies=("tick",))

    def leap(view: Any) -> Iterator[Move]:
        if view.now % 2:
            yield Move("leap", {"now": 0}, applies=("tick", "halve"))

    def lower(value: int) -> int:
        return max(value - 1, 0)

    return World(
        "clock",
        {"now": Part(0), "timer": Part(2, own=True), "heat": Part(5, own=True)},
        (Rule("tick", "clock", tick), Rule("leap", "clock", leap)),
        maps={
            "tick": {"now": lambda now: (now + 1) % 4, "timer": lower, "heat": lower},
            "halve": {"timer": lambda value: value // 2, "heat": lambda value: value * 2 % 6},
        },
        components=2,
    )


def _budgeted() -> World:
    """Two rules on one budget, and one of nobody's."""

    def crash(view: Any) -> Iterator[Move]:
        if view.up:
            yield Move("crash", {"up": False})

    def restart(view: Any) -> Iterator[Move]:
        if not view.up:
            yield Move("restart", {"up": True})

    def lose(view: Any) -> Iterator[Move]:
        yield Move("lose", {"seen": False})

    def look(view: Any) -> Iterator[Move]:
        if view.up:
            yield Move("look", {"seen": True})

    return World(
        "budgeted",
        {"up": Part(True), "seen": Part(False)},
        (
            Rule("crash", "crash", crash, Kind.FAULT, budget="fault"),
            Rule("lose", "cache", lose, Kind.FAULT, budget="fault"),
            Rule("restart", "node", restart),
            Rule("look", "operator", look),
        ),
        budgets={"fault": 2},
    )


def _alike() -> World:
    """Moves of one rule with the same words, which are one transition in some states and two in others."""

    def both(view: Any) -> Iterator[Move]:
        yield Move("goes", {"a": 1})
        yield Move("goes", {"a": 1, "b": 1})
        yield Move("goes", applies=("up",))
        yield Move("jumps", {"a": 1})

    def back(view: Any) -> Iterator[Move]:
        yield Move("back", {"a": 0})

    def drop(view: Any) -> Iterator[Move]:
        yield Move("drop", {"b": 0})

    return World(
        "alike",
        {"a": Part(0), "b": Part(0)},
        (Rule("both", "x", both), Rule("back", "y", back), Rule("drop", "z", drop)),
        maps={"up": {"a": lambda value: min(value + 1, 2), "b": lambda value: min(value + 1, 1)}},
    )


def _starting() -> World:
    """Several initial states, one of them named twice."""

    def count(view: Any) -> Iterator[Move]:
        if view.left:
            yield Move("count", {"left": view.left - 1})

    starts: tuple[dict[str, Any], ...] = ({"left": 3}, {"left": 1, "mode": "log"}, {"left": 3}, {})
    return World("starting", {"left": Part(2), "mode": Part("snapshot")}, (Rule("count", "x", count),), starts=starts)


WORLDS: dict[str, World] = {
    "lamp": _lamp(),
    "one-worker": _workers(1),
    "two-workers": _workers(2),
    "three-workers": _workers(3),
    "pairs": _pairs(),
    "clock": _clock(),
    "budgeted": _budgeted(),
    "alike": _alike(),
    "starting": _starting(),
}


# ------------------------------------------------------------------ mutants


class Mistake(NamedTuple):
    """In one rule, a value of a part is taken for another one that the rule also meets: a guard on it is dropped."""

    rule: str
    part: str
    value: Any
    taken_for: Any

    def __str__(self) -> str:
        return f"{self.rule}: {self.part} {self.value} taken for {self.taken_for}"


def mistakes_of(world: World) -> list[Mistake]:
    """Every mistake that a rule can make about one part, found by watching what it reads in all states."""
    met: dict[tuple[str, str], dict[Any, None]] = {}
    for state in explored(world).states:
        for rule in world.rules:
            for component in range(world.components) if rule.own else (None,):
                list(rule.moves(_Watched(view_of(world, state, component), met, rule.name)))
    return [
        Mistake(rule, part, value, other)
        for (rule, part), values in met.items()
        for value in values
        for other in values
        if value != other
    ]


def mutant(world: World, mistake: Mistake) -> World:
    """The world with that mistake. Its budgets are ordinary parts already, and stay what they were."""
    rules = tuple(
        replace(rule, budget="", moves=_mistaken(rule.moves, mistake) if rule.name == mistake.rule else rule.moves)
        for rule in world.rules
    )
    return World(
        f"{world.name}, {mistake}", world.parts, rules, world.maps, {}, world.starts, world.components, world.symmetric
    )


def _mistaken(moves: Callable[[Any], Iterable[Move]], mistake: Mistake) -> Callable[[Any], Iterable[Move]]:
    return lambda view: moves(_Mistaken(view, mistake))


class _Through:
    """A view that looks at another one."""

    def __init__(self, view: Any, *more: Any) -> None:
        self._view, self._more = view, more

    @property
    def index(self) -> int:
        return int(self._view.index)

    @property
    def components(self) -> int:
        return int(self._view.components)

    def of(self, index: int) -> Any:
        return type(self)(self._view.of(index), *self._more)

    def __getattr__(self, part: str) -> Any:
        return self[part]

    def __getitem__(self, part: str) -> Any:
        return self._view[part]


class _Watched(_Through):
    """Notes the values that are read, by rule and part."""

    def __getitem__(self, part: str) -> Any:
        met, rule = self._more
        value = self._view[part]
        met.setdefault((rule, part), {})[value] = None
        return value


class _Mistaken(_Through):
    """Shows one value of one part as another."""

    def __getitem__(self, part: str) -> Any:
        (mistake,) = self._more
        value = self._view[part]
        return mistake.taken_for if part == mistake.part and value == mistake.value else value
