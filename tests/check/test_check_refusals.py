"""A world or a property that contradicts itself is refused, with the name of the rule and what it had read."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from small_worlds import counter

from fsm.check import check, explore
from fsm.errors import DeclarationError
from fsm.kernel import Move, Part, Property, Rule, World, always, steps, within


def world(moves: Callable[[Any], Any], own: bool = False, maps: Any = None) -> World:
    parts = {"s": Part(0), "a": Part(0, own=True)}
    return World("wrong", parts, (Rule("r", "who", moves, own=own),), maps=maps or {}, components=2)


def test_a_rule_that_depends_on_something_else_is_refused() -> None:
    called = count()

    def fickle(view: Any) -> Any:
        return [Move("x", {"s": (view.s + next(called)) % 3})]

    with pytest.raises(DeclarationError, match=r"the rule 'r' depends on something else than what it reads.*s=0"):
        explore(world(fickle), audit=True)


def test_a_rule_that_reads_other_parts_the_second_time_is_refused() -> None:
    called = count()

    def fickle(view: Any) -> Any:
        return [view.s for _ in range(0)] if next(called) % 2 == view.s == 0 else [view.of(0).a][1:]

    with pytest.raises(DeclarationError, match="the rule 'r' depends on something else"):
        explore(world(fickle), audit=True)


@pytest.mark.parametrize(
    ("moves", "own", "told"),
    [
        pytest.param(
            lambda view: [1 // view.s], False, "the rule 'r': ZeroDivisionError.*it had read s=0", id="raises"
        ),
        pytest.param(lambda view: [view.a], False, "'a' is of one component: say which", id="own part, shared rule"),
        pytest.param(lambda view: [view.index], False, "a shared rule has no index", id="index of a shared rule"),
        pytest.param(lambda view: [view.z], False, "there is no part 'z'", id="no such part"),
        pytest.param(lambda view: [view.of(2).a], True, "no component 2; there are 2", id="no such component"),
        pytest.param(lambda view: [Move("x", {"z": 1})], True, "there is no part 'z'", id="writes no part"),
        pytest.param(lambda view: [Move("x", {"a": 1})], False, "'a' is of one component", id="writes an own part"),
        pytest.param(lambda view: [Move("x", {("a", 7): 1})], True, "no component 7", id="writes no component"),
        pytest.param(
            lambda view: [Move("x", {"s": [1]})], True, r"'s' has a value that cannot be hashed: \[1\]", id="list"
        ),
        pytest.param(lambda view: [Move("x", applies=("m",))], True, "there is no map 'm'", id="no such map"),
        pytest.param(lambda view: ["x"], True, "a rule yields moves, and this is none: 'x'", id="no move"),
    ],
)
def test_a_wrong_rule_is_named(moves: Callable[[Any], Any], own: bool, told: str) -> None:
    with pytest.raises(DeclarationError, match=told):
        explore(world(moves, own))


def test_a_map_that_fails_is_named_with_the_value() -> None:
    wrong = world(lambda view: [Move("x", applies=("m",))], maps={"m": {"s": lambda value: 1 // value}})
    with pytest.raises(DeclarationError, match=r"the map 'm' of the part 's': ZeroDivisionError.*of 0"):
        explore(wrong)


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        pytest.param([always("p", "", lambda view: view.z)], "the property 'p': there is no part 'z'", id="no part"),
        pytest.param(
            [steps("p", "", lambda before, _, after: 1 // before.n)],
            "the property 'p': ZeroDivisionError.*step=Taken.*n=0",
            id="raises",
        ),
        pytest.param([always("p", "", bool), always("p", "", bool)], "two properties are called 'p'", id="twice"),
        pytest.param(
            [within("p", "", bool, bool, 1, "tock")], "counts the rule 'tock', which does not exist", id="no clock"
        ),
    ],
)
def test_a_wrong_property_is_named(claims: list[Property], told: str) -> None:
    with pytest.raises(DeclarationError, match=told):
        check(counter(3), claims)


@pytest.mark.parametrize("again", ["reads another part", "reads no more"])
def test_a_rule_that_later_reads_otherwise_is_refused_without_being_asked_twice(again: str) -> None:
    called = count()

    def fickle(view: Any) -> Any:
        if view.s and next(called):
            return [view.of(0).a][1:] if again == "reads another part" else []
        return [Move("x", {"s": 1})] if view.t == 0 else []

    def other(view: Any) -> Any:
        return [Move("y", {"t": view.t + 1, ("a", 0): view.t + 1})] if view.s and view.t < 2 else []

    parts = {"s": Part(0), "t": Part(0), "a": Part(0, own=True)}
    with pytest.raises(DeclarationError, match="the rule 'r' depends on something else than what it reads"):
        explore(World("wrong", parts, (Rule("r", "who", fickle), Rule("other", "who", other))))
