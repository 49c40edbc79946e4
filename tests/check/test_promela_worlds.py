"""A world's Promela text, read and run here: it has the same graph, edge by edge, as the world itself."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from promela_text import AssertionFailedError, Model, Walked, read, walked
from promela_worlds import WORLDS, mistakes_of, mutant

from benchmarks.snapshot_world import snapshot_properties, snapshot_world
from fsm.check.plain import PlainGraph, explored, verdict_of
from fsm.check.promela import claims_of, promela_of
from fsm.check.report import Verdict
from fsm.errors import DeclarationError, UsageError
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
    never,
    no_deadlock,
    recoverable,
    sometimes,
)

SEED = 20261126


def told(world: World, model: Model, found: Walked) -> tuple[set[Any], list[Any]]:
    """States and edges in words, without the state before any start."""
    words = [model.told[part] for part, _ in world.slots]

    def state(values: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(each[value] for each, value in zip(words, values, strict=False))

    begun = [values for values in found.states if "started" not in model.initial or values[-1]]
    said = {values: state(values) for values in begun}
    edges = [(said[source], label, said[target]) for source, label, target in found.edges if source in said]
    return set(said.values()), edges


def in_words(graph: PlainGraph) -> tuple[set[Any], list[Any]]:
    """The same of a graph of the executable specification."""
    world = graph.world

    def words(part: str, value: Any) -> str:
        facts = world.parts[part].told(part, value) if world.parts[part].facts else {}
        return ", ".join(f"{k} {v}" for k, v in facts.items()) or str(value)

    states = [
        tuple(words(part, value) for (part, _), value in zip(world.slots, state, strict=True)) for state in graph.states
    ]
    edges = [
        (states[source], f"{world.label((each.rule.name, each.component))}: {each.what}", states[target])
        for source, each, target in graph.edges
    ]
    return set(states), edges


def assert_same_graph(world: World) -> None:
    text = promela_of(world)
    model, graph = read(text), explored(world)
    assert f": {len(graph.states)} states, {len(graph.edges)} transitions. */" in text.splitlines()[0]
    states, edges = told(world, model, walked(model))
    wanted_states, wanted_edges = in_words(graph)
    assert states == wanted_states
    assert sorted(edges) == sorted(wanted_edges)


def refuted(world: World, claim: Property) -> bool:
    """What the executable specification says."""
    return verdict_of(explored(world), claim).verdict is Verdict.VIOLATED


@pytest.mark.parametrize("name", WORLDS)
def test_the_text_of_a_world_has_its_graph(name: str) -> None:
    assert_same_graph(WORLDS[name])


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param({"backups": 1}, id="one-backup"),
        pytest.param({"backups": 1, "relative": True}, id="relative-timers"),
        pytest.param({"backups": 2, "clock": 0, "retries": 0, "crashes": 0}, id="two-backups"),
        pytest.param({"backups": 1, "mutant": "adopts"}, id="adopts"),
        pytest.param({"backups": 1, "mutant": "blind"}, id="blind"),
    ],
)
def test_the_text_of_the_snapshot_world_has_its_graph(numbers: dict[str, Any]) -> None:
    assert_same_graph(snapshot_world(**numbers))


def test_the_heading_says_what_spin_will_count() -> None:
    lines = promela_of(snapshot_world(1, 3, 2, 1)).splitlines()
    assert lines[0] == "/* World snapshot benchmark: 1734 states, 5212 transitions. */"
    assert lines[1] == "/* SPIN without partial order reduction counts 1734 states and 5213 transitions. */"


def test_several_initial_states_come_out_of_one_in_which_nothing_has_been_decided() -> None:
    text = promela_of(WORLDS["starting"])
    graph, found = explored(WORLDS["starting"]), walked(read(text))
    assert len(found.states) == len(graph.states) + 1
    assert len(found.edges) == len(graph.edges) + 3
    assert text.splitlines()[1].endswith(
        f"counts {len(found.states)} states and {len(found.edges) + 1} transitions. */"
    )


# ------------------------------------------------------------------ any world


PARTS = ("a", "b", "c")


@st.composite
def programs(draw: st.DrawFn, own: bool, depth: int = 3) -> Any:
    """A rule as data: what it reads, in an order that depends on what it has read, and at the leaves its moves."""
    if depth and draw(st.booleans()):
        part = draw(st.sampled_from(("a", "b", "other b") if own else ("a", "b of 0", "b of 1")))
        return part, [draw(programs(own, depth - 1)) for _ in range(3)]
    places = st.sampled_from(("a", "b", ("b", 0), ("b", 1)) if own else ("a", "c", ("b", 0), ("b", 1)))
    moves = st.tuples(
        st.sampled_from(("goes", "stays")),
        st.dictionaries(places, st.integers(0, 2), max_size=2),
        st.sampled_from(((), ("turn",), ("fall",), ("turn", "fall"))),
    )
    return draw(st.lists(moves, max_size=3))


def rule_of(name: str, program: Any, own: bool) -> Rule:
    def moves(view: Any) -> list[Move]:
        rest = program
        while isinstance(rest, tuple):
            part, cases = rest
            rest = cases[reading(view, part)]
        # a part named twice, plainly and by its component, would be written twice
        return [Move(what, writes, applies) for what, writes, applies in rest if len(writes) < 2 or "b" not in writes]

    def reading(view: Any, part: str) -> int:
        if part == "other b":
            return int(view.of(1 - view.index).b)
        return int(view.of(int(part[-1])).b if part.startswith("b of") else view[part])

    return Rule(name, name, moves, own=own)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    tables = st.lists(st.integers(0, 2), min_size=3, max_size=3)
    maps = {
        name: {part: draw(tables).__getitem__ for part in draw(st.sets(st.sampled_from(PARTS)))}
        for name in ("turn", "fall")
    }
    kinds = draw(st.lists(st.booleans(), min_size=1, max_size=3))
    rules = tuple(rule_of(f"r{i}", draw(programs(own)), own) for i, own in enumerate(kinds))
    starts = draw(st.lists(st.dictionaries(st.sampled_from(PARTS), st.integers(0, 2)), min_size=1, max_size=2))
    parts = {"a": Part(0), "b": Part(0, own=True), "c": Part(0)}
    return World("random", parts, rules, maps, starts=tuple(starts), components=2)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(worlds())
def test_the_text_of_any_world_has_its_graph(world: World) -> None:
    assert_same_graph(world)


@pytest.mark.exhaustive
@settings(max_examples=1000, deadline=None)
@given(worlds())
def test_the_text_of_many_worlds_has_their_graph(world: World) -> None:
    assert_same_graph(world)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(worlds(), st.integers(0, 2), st.integers(0, 2))
def test_a_claim_is_violated_where_a_state_refutes_it(world: World, a: int, b: int) -> None:
    for claim in (
        never("shared", "s", lambda view: view.a == a and view.of(0).b == b, own=False),
        always("own", "s", lambda view: view.b != b, given=lambda view: view.a == a),
    ):
        violated = walked(read(promela_of(world, [claim]))).violated
        assert violated <= set(claims_of(world, claim))
        assert bool(violated) == refuted(world, claim)


# ------------------------------------------------------------------ mutants, and what must not pass in silence


def sample(world: World, number: int) -> list[Any]:
    return random.Random(SEED).sample(mistakes_of(world), number)


@pytest.mark.parametrize("mistake", sample(snapshot_world(1, 2, 1, 0), 12), ids=str)
def test_the_text_of_a_mutant_has_the_mutant_s_graph_and_its_violations(mistake: Any) -> None:
    world = mutant(snapshot_world(1, 2, 1, 0), mistake)
    properties = snapshot_properties(1)[:3]
    assert_same_graph(world)
    wanted = {claim for each in properties for claim in claims_of(world, each) if refuted(world, each)}
    assert walked(read(promela_of(world, properties))).violated == wanted


def test_a_state_that_the_export_has_not_seen_fails_an_assertion() -> None:
    world = snapshot_world(1, 2, 1, 0)
    text = promela_of(world)
    doctored = text.replace("pod_0 == 0", "pod_0 != 5")
    assert doctored != text
    walked(read(text))
    with pytest.raises(AssertionFailedError):
        walked(read(doctored))


def test_a_mapped_value_that_the_export_has_not_seen_fails_an_assertion() -> None:
    def step(view: Any) -> list[Move]:
        return [Move("up", {"a": view.a + 1})] if view.a < 3 else []

    def leap(view: Any) -> list[Move]:
        return [Move("leap", applies=("back",))] if view.b else []

    def arm(view: Any) -> list[Move]:
        return [Move("arm", {"b": 1})] if view.a == 2 else []

    rules = (Rule("step", "x", step), Rule("leap", "y", leap), Rule("arm", "z", arm))
    world = World("w", {"a": Part(0), "b": Part(0)}, rules, {"back": {"a": lambda a: max(a - 2, 1)}})
    text = promela_of(world)
    walked(read(text))
    doctored = text.replace("(a == 2 && b == 0) -> b = 1", "b == 0 -> b = 1")
    assert doctored != text
    with pytest.raises(AssertionFailedError):
        walked(read(doctored))


def test_a_rule_that_depends_on_more_than_it_reads_is_refused() -> None:
    asked: list[int] = []

    def fickle(view: Any) -> list[Move]:
        asked.append(1)
        return [Move("m", {"a": 1 - view.a})] if len(asked) % 2 else [Move("m", {"b": 1 - view.b})]

    world = World("w", {"a": Part(0), "b": Part(0)}, (Rule("fickle", "x", fickle),))
    with pytest.raises(DeclarationError, match="depends on something else"):
        promela_of(world)


@pytest.mark.parametrize(
    ("moves", "problem"),
    [
        pytest.param(lambda view: [Move("m", {"a": view.missing})], "'missing', which is no part", id="reads"),
        pytest.param(lambda view: [Move("m", {"missing": 1})], "'missing', which is no part", id="writes"),
        pytest.param(lambda view: [Move("m", applies=("missing",))], "'missing', which is no map", id="applies"),
        pytest.param(lambda view: [Move("m", {"a": view.index})], "asks which component it is", id="index"),
    ],
)
def test_a_rule_that_names_what_is_not_there_is_refused(moves: Any, problem: str) -> None:
    with pytest.raises(DeclarationError, match=problem):
        promela_of(World("w", {"a": Part(0)}, (Rule("r", "x", moves),)))


def test_a_world_that_is_too_large_is_refused() -> None:
    with pytest.raises(UsageError, match="more than 100 states"):
        promela_of(snapshot_world(1), limit=100)


def test_what_spin_cannot_judge_is_refused() -> None:
    world = WORLDS["lamp"]
    with pytest.raises(UsageError, match="cannot judge 'recoverable'"):
        promela_of(world, [recoverable("p", "s", lambda view: True)])
    for claim in (eventually("p", "s", lambda v: True), leads_to("p", "s", lambda v: True, lambda v: True)):
        with pytest.raises(UsageError, match="fair=True"):
            promela_of(world, [claim])
    strong = World("w", {"a": Part(0)}, (Rule("r", "x", lambda view: [Move("m", {"a": 1})], fairness=Fairness.STRONG),))
    with pytest.raises(UsageError, match="no strong fairness"):
        promela_of(strong, fair=True)


def test_a_deadlock_and_a_state_that_is_reached_are_claims_too() -> None:
    world = WORLDS["starting"]
    properties = [
        no_deadlock("rests", "s", lambda view: view.left == 0),
        no_deadlock("never_rests", "s", lambda view: view.mode == "log"),
        sometimes("two", "s", lambda view: view.left == 2 and view.mode == "snapshot"),
        sometimes("two_of_log", "s", lambda view: view.left == 2 and view.mode == "log"),
    ]
    assert walked(read(promela_of(world, properties))).violated == {"claim_never_rests", "claim_two"}


def test_what_only_a_person_can_leave_is_a_deadlock() -> None:
    def press(view: Any) -> list[Move]:
        return [Move("press", {"a": 1})]

    for kind in Kind:
        world = World("w", {"a": Part(0)}, (Rule("press", "x", press, kind),))
        claim = no_deadlock("rests", "s", lambda view: view.a == 1)
        violated = walked(read(promela_of(world, [claim]))).violated
        assert violated == (set() if kind is Kind.NORMAL else {"claim_rests"})
        assert bool(violated) == refuted(world, claim)


def test_every_weakly_fair_actor_is_a_process_and_what_promises_nothing_is_one_more() -> None:
    world = snapshot_world(2, 1, 0, 1)
    model = read(promela_of(world, fair=True))
    processes = dict.fromkeys(option.process for option in model.options)
    assert list(processes)[-1] == "unfair"
    assert {"controller_0", "controller_1", "clock_2", "restart"} <= set(processes)
    assert {option.process for option in model.options if option.label.startswith("crash")} == {"unfair"}
    found = walked(read(promela_of(WORLDS["budgeted"], fair=True)))
    assert sorted(source for source, _, target in found.edges if source == target) == sorted(found.states)
