"""Where a fair run can stay for ever, the loop that shows it, and the assumptions that a property needs."""

from __future__ import annotations

from typing import Any

import pytest
from small_worlds import at, graph_world

from fsm.check import Finding, Verdict, check, replayed
from fsm.kernel import Fairness, Kind, Move, Part, Rule, World, eventually, leads_to, recoverable, within

SCENARIOS = [
    pytest.param([("p", "a", "b")], {}, "holds", None, id="a fair actor moves"),
    pytest.param([("p", "a", "b")], {"p": Fairness.NONE}, "violated", 0, id="an unfair one may not"),
    pytest.param([("p", "a", "c")], {}, "violated", 0, id="it ends elsewhere"),
    pytest.param(
        [("p", "a", "c"), ("p", "c", "a"), ("q", "a", "b")], {}, "violated", 2, id="weak: can move only now and then"
    ),
    pytest.param(
        [("p", "a", "c"), ("p", "c", "a"), ("q", "a", "b")],
        {"q": Fairness.STRONG},
        "holds",
        None,
        id="strong: can move again and again",
    ),
    pytest.param(
        [("p", "a", "c"), ("p", "c", "a"), ("q", "a", "b"), ("q", "c", "b")], {}, "holds", None, id="weak: always can"
    ),
    pytest.param(
        [("p", "a", "c"), ("p", "c", "d"), ("p", "d", "c"), ("q", "a", "b")],
        {"q": Fairness.STRONG},
        "violated",
        2,
        id="strong: after a while it cannot any more",
    ),
    pytest.param(
        [("p", "a", "c"), ("p", "c", "a"), ("q", "a", "b"), ("q", "c", "a")],
        {"q": Fairness.STRONG},
        "violated",
        2,
        id="strong: it moves, but elsewhere",
    ),
    pytest.param(
        [("p", "a", "c"), ("p", "c", "d"), ("p", "d", "a"), ("q", "c", "d"), ("q", "d", "a"), ("r", "d", "b")],
        {"q": Fairness.STRONG},
        "violated",
        3,
        id="a loop serves several",
    ),
]


@pytest.mark.parametrize(("edges", "fair", "verdict", "loop"), SCENARIOS)
def test_a_fair_run_comes_to_b(edges: Any, fair: Any, verdict: str, loop: int | None) -> None:
    world = graph_world(edges, **fair)
    finding = the_finding(world)
    assert finding.verdict.value == verdict
    if loop is not None:
        assert finding.story is not None
        assert finding.story.loop is not None
        assert len(finding.story.steps) - finding.story.loop == loop
        assert replayed(world, finding.story)[-1] != ("b",)


def the_finding(world: World) -> Finding:
    return check(world, [eventually("b", "It comes to b.", at("b"))]).findings[0]


def test_faults_and_people_promise_nothing() -> None:
    for kind in (Kind.FAULT, Kind.USER):
        assert the_finding(graph_world([("p", "a", "b")], kinds={"p": kind})).verdict is Verdict.VIOLATED


def test_the_end_says_who_could_still_move() -> None:
    finding = the_finding(graph_world([("p", "a", "c"), ("u", "c", "b")], u=Fairness.NONE))
    assert finding.story is not None
    assert [(each.actor, each.enabled, each.fairness, each.rules) for each in finding.story.end] == [
        ("p", False, "weak", ()),
        ("u", True, "none", ("u",)),
    ]
    assert finding.story.because == (
        "Nothing that must move can move here (to b may happen, but need not), and it is not what is claimed."
    )


def test_only_what_is_needed_is_named_as_needed() -> None:
    edges = [("p", "a", "c"), ("q", "c", "b"), ("idle", "b", "d")]
    finding = the_finding(graph_world(edges))
    assert finding.fairness_assumed == ("p", "q", "idle")
    assert finding.fairness_needed == ("p", "q")


def test_either_of_two_is_enough() -> None:
    assert the_finding(graph_world([("p", "a", "b"), ("q", "a", "b")])).fairness_needed == ("p",)


def test_what_is_needed_with_strong_fairness() -> None:
    edges = [("p", "a", "c"), ("p", "c", "a"), ("q", "a", "b"), ("idle", "z", "a")]
    finding = the_finding(graph_world(edges, q=Fairness.STRONG))
    assert finding.verdict is Verdict.HOLDS
    assert finding.fairness_needed == ("p", "q")  # without p it may stay in c


def test_more_actors_than_bits_in_a_word() -> None:
    chain = [(f"p{i}", str(i), str(i + 1)) for i in range(150)]
    world = graph_world(chain, start="0")
    finding = check(world, [eventually("end", "", at("150"))]).findings[0]
    assert finding.fairness_needed == tuple(f"p{i}" for i in range(150))
    stuck = graph_world([*chain[:-1], ("p149", "149", "148"), ("x", "149", "150")], start="0", x=Fairness.NONE)
    finding = check(stuck, [eventually("end", "", at("150"))]).findings[0]
    assert finding.story is not None
    assert (finding.story.loop, len(finding.story.steps)) == (148, 150)


def test_an_actor_of_one_component_is_fair_by_itself() -> None:
    def move(view: Any) -> Any:
        return [Move("goes", {"a": view.a + 1})] if view.a < 2 else []

    world = World("two", {"a": Part(0, own=True)}, (Rule("r", "who", move, own=True),), components=2)
    claim = leads_to("on", "", lambda view: view.a == 1, lambda view: view.a == 2)
    assert check(world, [claim]).findings[0].fairness_needed == ("who[0]", "who[1]")


def test_the_cheapest_lasso_has_fewest_faults_then_fewest_steps() -> None:
    edges = [("f", "a", "x"), ("p", "a", "c"), ("p", "c", "d"), ("p", "d", "e"), ("p", "e", "d")]
    finding = the_finding(graph_world(edges, kinds={"f": Kind.FAULT}))
    assert finding.story is not None
    assert (finding.story.faults, finding.story.loop, len(finding.story.steps)) == (0, 2, 4)


def test_recovery_is_possible_where_some_run_leads_back() -> None:
    edges = [("p", "a", "b"), ("p", "b", "c"), ("u", "c", "a"), ("f", "c", "z")]
    world = graph_world(edges, kinds={"u": Kind.USER, "f": Kind.FAULT})
    lost = check(world, [recoverable("back", "", at("a"))]).findings[0]
    assert lost.verdict is Verdict.VIOLATED
    assert lost.story is not None
    assert [step.what for step in lost.story.steps] == ["to b", "to c", "to z"]
    assert lost.story.because == "From here no run leads to what is claimed: nothing can happen any more."
    assert check(world, [recoverable("back", "", at("a", "z"))]).findings[0].verdict is Verdict.HOLDS
    assert check(world, [recoverable("back", "", at("a"), given=at("c"))]).findings[0].verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("ticks", "verdict", "steps"),
    [(0, "violated", ["begin", "tick"]), (1, "violated", ["begin", "tick", "tick"]), (2, "holds", None)],
)
def test_a_response_takes_so_many_ticks_at_most(ticks: int, verdict: str, steps: list[str] | None) -> None:
    edges = [("begin", "a", "1"), ("tick", "1", "2"), ("other", "2", "1b"), ("tick", "2", "b"), ("tick", "b", "1")]
    world = graph_world([*edges, ("other", "1b", "2")])
    finding = check(world, [within("soon", "", at("1"), at("b"), ticks, "tick")]).findings[0]
    assert finding.verdict.value == verdict
    assert (finding.story and [step.rule for step in finding.story.steps]) == steps
