"""Exchangeable components: one state for all that differ only in which component is which."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from typing import Any

import pytest
from random_worlds import properties_of, world_of

from fsm.check import Verdict, check, explore, plain, replayed
from fsm.check.plain import State
from fsm.errors import UsageError
from fsm.kernel import Form, Move, Part, Property, Rule, World, eventually, leads_to, never

SEEDS = [pytest.param(seed, marks=pytest.mark.exhaustive if seed >= 9 else ()) for seed in range(100)]


def class_of(world: World, state: State) -> State:
    """The state of a class that is first in the order of its text; written without any of the engine."""
    variants = []
    for order in permutations(range(world.components)):
        place = dict(zip(world.slots, state, strict=True))

        def value(slot: tuple[str, int | None], order: Any = order, place: Any = place) -> Any:
            name, index = slot
            found = place[name, None if index is None else order[index]]
            return order.index(found) if world.parts[name].pointer and found is not None else found

        variants.append(tuple(map(value, world.slots)))
    return min(variants, key=repr)


@pytest.fixture(params=["sorted", "all orders are tried"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of finding the state that stands for others; all orders are tried where states are too wide to sort."""
    if request.param != "sorted":
        monkeypatch.setattr("fsm.check.space.WORD", 7)
        monkeypatch.setattr("fsm.check.symmetry.WORD", 1)
    return str(request.param)


@pytest.mark.parametrize("seed", SEEDS)
def test_folded_graph_is_the_quotient(seed: int, way: str) -> None:
    world = world_of(seed, symmetric=True)
    graph, expected = explore(world, symmetry=True), plain.explored(world, cache(lambda state: class_of(world, state)))
    found = [class_of(world, graph.state(i)) for i in range(graph.states)]
    assert len(set(found)) == len(found)
    costs = zip(graph.faults.tolist(), graph.depth.tolist(), strict=True)
    assert dict(zip(found, costs, strict=True)) == dict(zip(expected.states, expected.cost, strict=True))
    assert graph.transitions == len(expected.edges)
    edges = {
        (found[i], edge.rule, edge.what, found[edge.target]) for i in range(graph.states) for edge in graph.edges(i)
    }
    assert edges == {
        (expected.states[source], each.rule.name, each.what, expected.states[target])
        for source, each, target in expected.edges
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_verdicts_are_the_same_with_symmetry(seed: int, way: str) -> None:
    world = world_of(seed, symmetric=True)
    for claims in _together(properties_of(seed, world)):
        plainly, folded = check(world, claims), check(world, claims, symmetry=True)
        for one, other in zip(plainly.findings, folded.findings, strict=True):
            assert one.verdict is other.verdict
            if one.story is not None and other.story is not None:
                replayed(world, other.story)
                assert one.story.faults == other.story.faults
                if one.story.loop is None:
                    assert len(one.story.steps) == len(other.story.steps)


def _together(claims: list[Property]) -> tuple[list[Property], list[Property]]:
    """Those with which states are folded, and those that follow single components."""
    fair, followed = (Form.EVENTUALLY, Form.LEADS_TO), (Form.RECOVERABLE, Form.WITHIN)
    alone = [claim for claim in claims if claim.form in fair or (claim.own and claim.form in followed)]
    return [claim for claim in claims if claim not in alone], alone


def lamps(components: int, symmetric: bool = True) -> World:
    def switch(view: Any) -> list[Move]:
        return [Move("on", {"lamp": True})] if not view.lamp else []

    rules = (Rule("switch", "hand", switch, own=True),)
    return World("lamps", {"lamp": Part(False, own=True)}, rules, components=components, symmetric=symmetric)


def test_ten_lamps_are_eleven_states() -> None:
    assert explore(lamps(10), symmetry=True).states == 11


def test_symmetry_of_a_world_that_does_not_claim_it_is_refused() -> None:
    with pytest.raises(UsageError, match="may be exchanged"):
        explore(lamps(2, symmetric=False), symmetry=True)


def test_symmetry_is_off_where_a_property_follows_one_component() -> None:
    follows = leads_to("lit", "A lamp is lit in the end.", lambda view: not view.lamp, lambda view: view.lamp)
    state = never("dark", "No lamp is lit.", lambda view: view.lamp)
    report = check(lamps(3), [follows, state], symmetry=True)
    assert report.states == 8
    assert [finding.verdict for finding in report.findings] == [Verdict.HOLDS, Verdict.VIOLATED]
    assert "one was followed for all" in report.findings[0].note
    assert check(lamps(3), [state], symmetry=True).states == 4


def test_symmetry_is_off_where_each_component_is_fair_by_itself() -> None:
    some = eventually("some", "Some lamp is lit.", lambda view: view.of(0).lamp or view.of(1).lamp, own=False)
    report = check(lamps(2), [some], symmetry=True)
    assert (report.states, report.findings[0].verdict) == (4, Verdict.HOLDS)
