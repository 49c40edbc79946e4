"""SPIN's own word: its counts are ours, and it judges mutants as we do. Skipped where SPIN is not installed."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from promela_machines import configurations_of
from promela_worlds import WORLDS, Mistake, mistakes_of, mutant

from benchmarks import spin
from benchmarks.snapshot_world import snapshot_properties, snapshot_world
from fsm.check import exploration, plain
from fsm.check.promela import claims_of, promela_of, promela_of_machine
from fsm.check.promela.world import LIVENESS
from fsm.check.report import Verdict
from fsm.kernel import (
    Form,
    Kind,
    Move,
    Part,
    Property,
    Rule,
    World,
    eventually,
    leads_to,
    never,
    no_deadlock,
    sometimes,
)
from fsm.machines import MACHINES

pytestmark = pytest.mark.skipif(bool(spin.missing()), reason=spin.missing() or "SPIN is here")

SEED = 20261126
OPTIONS = ("-m200000", "-w20")


def counted(text: str) -> tuple[int, int]:
    """States and transitions, by SPIN."""
    with spin.Verifier(text) as verifier:
        judged = verifier.run(*OPTIONS)
    assert judged.errors == 0, judged.output
    assert judged.complete
    return judged.states, judged.transitions


def refuted_by_spin(world: World, *claims: Property) -> list[str]:
    """The ids of the properties of which SPIN finds a violation, of any component."""
    refuted = []
    for fair, compiled, options in ((False, spin.EXHAUSTIVE, ()), (True, spin.LIVE, ("-a", "-f"))):
        asked = [each for each in claims if (each.form in LIVENESS) is fair]
        if asked:
            with spin.Verifier(promela_of(world, asked, fair=fair), compiled) as verifier:
                for each in asked:
                    judged = [verifier.run(*OPTIONS, *options, "-N", name) for name in claims_of(world, each)]
                    # a trap that was sprung is no verdict
                    assert not any("assertion violated" in one.output for one in judged)
                    refuted += [each.id] if any(one.errors for one in judged) else []
    return refuted


def refuted_by_us(world: World, *claims: Property) -> list[str]:
    """The same by the executable specification."""
    graph = plain.explored(world)
    return [each.id for each in claims if plain.verdict_of(graph, each).verdict is Verdict.VIOLATED]


# ------------------------------------------------------------------ counts


def assert_counts_agree(world: World) -> None:
    """SPIN, the engine and the executable specification. The corrections are those that `promela_of` documents."""
    graph, engine = plain.explored(world), exploration.explored(world)
    assert (engine.states, engine.transitions) == (len(graph.states), len(graph.edges))
    starts = len(set(world.initial_states()))
    before = (1, starts) if starts > 1 else (0, 0)
    assert counted(promela_of(world)) == (engine.states + before[0], engine.transitions + 1 + before[1])


@pytest.mark.parametrize("name", WORLDS)
def test_spin_counts_the_states_and_transitions_of_a_small_world(name: str) -> None:
    assert_counts_agree(WORLDS[name])


SNAPSHOTS = {
    "one-backup": ((1, 3, 2, 1), 1_734, 5_212),
    "one-backup-long": ((1, 7, 3, 1), 5_118, 16_031),
    "two-backups": ((2, 1, 1, 0), 21_726, 79_165),
}


@pytest.mark.parametrize(("numbers", "states", "transitions"), SNAPSHOTS.values(), ids=SNAPSHOTS)
def test_spin_counts_the_snapshot_world(numbers: tuple[int, ...], states: int, transitions: int) -> None:
    world = snapshot_world(*numbers)
    engine = exploration.explored(world)
    assert (engine.states, engine.transitions) == (states, transitions)
    assert counted(promela_of(world)) == (states, transitions + 1)


@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
@pytest.mark.parametrize("mutation", ["", "adopts", "blind"])
def test_spin_counts_the_snapshot_world_and_its_mutants(mutation: str, relative: bool) -> None:
    assert_counts_agree(snapshot_world(1, 3, 2, 1, relative=relative, mutant=mutation))


@pytest.mark.exhaustive
def test_spin_counts_two_backups_with_a_crash() -> None:
    world = snapshot_world(2, 3, 2, 1)
    engine = exploration.explored(world)
    assert (engine.states, engine.transitions) == (224_656, 958_749)
    assert counted(promela_of(world, limit=300_000)) == (224_656, 958_750)


@pytest.mark.parametrize("name", MACHINES)
def test_spin_counts_the_configurations_of_a_registered_machine(name: str) -> None:
    graph = configurations_of(MACHINES[name])
    assert counted(promela_of_machine(MACHINES[name])) == (len(graph.configurations), len(graph.edges) + 1)


# ------------------------------------------------------------------ verdicts


def judged_properties(retries: int) -> list[Property]:
    """Those of the snapshot world that SPIN can judge."""
    return [each for each in snapshot_properties(retries) if each.form is not Form.STEP]


@pytest.mark.parametrize(
    ("mutation", "bad"),
    [("", []), ("adopts", ["ends"]), ("blind", ["limit", "agreed"])],
    ids=["right", "adopts", "blind"],
)
def test_a_seeded_mutant_is_judged_equally(mutation: str, bad: list[str]) -> None:
    world = snapshot_world(1, 2, 1, 0, mutant=mutation)
    assert refuted_by_us(world, *judged_properties(1)) == bad
    assert refuted_by_spin(world, *judged_properties(1)) == bad


SMALL = snapshot_world(1, 2, 1, 1)


def sample(number: int) -> list[Mistake]:
    """The same in every run, and a longer sample begins with a shorter one."""
    mistakes = mistakes_of(SMALL)
    random.Random(SEED).shuffle(mistakes)
    return mistakes[:number]


def assert_judged_equally(mistake: Mistake) -> None:
    world = mutant(SMALL, mistake)
    assert_counts_agree(world)
    assert refuted_by_spin(world, *judged_properties(1)) == refuted_by_us(world, *judged_properties(1))


@pytest.mark.parametrize("mistake", sample(1), ids=str)
def test_a_mutant_with_a_dropped_guard_is_judged_equally(mistake: Mistake) -> None:
    assert_judged_equally(mistake)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mistake", sample(61)[1:], ids=str)
def test_many_mutants_with_a_dropped_guard_are_judged_equally(mistake: Mistake) -> None:
    assert_judged_equally(mistake)


# ------------------------------------------------------------------ forms of properties, fairness, and the trap


def _lift() -> World:
    """A lift that may go up and down for ever; a button that people may press; a fault that mends things."""

    def move(view: Any) -> list[Move]:
        if view.stuck:
            return []
        return [Move("up", {"floor": view.floor + 1})] if view.floor < 2 else [Move("down", {"floor": 0})]

    def press(view: Any) -> list[Move]:
        return [Move("press", {"called": True})]

    def answer(view: Any) -> list[Move]:
        return [Move("answer", {"called": False})] if view.called and view.floor == 1 else []

    def jolt(view: Any) -> list[Move]:
        return [Move("sticks", {"stuck": not view.stuck})]

    return World(
        "lift",
        {"floor": Part(0), "called": Part(False), "stuck": Part(False)},
        (
            Rule("move", "lift", move),
            Rule("answer", "door", answer),
            Rule("press", "people", press, Kind.USER),
            Rule("jolt", "fate", jolt, Kind.FAULT, budget="jolt"),
        ),
        budgets={"jolt": 2},
    )


LIFT = _lift()
FORMS = {
    "holds": (never("p", "s", lambda view: view.floor > 2, own=False), False),
    "violated": (never("p", "s", lambda view: view.floor == 2, given=lambda view: view.stuck, own=False), True),
    "reached": (sometimes("p", "s", lambda view: view.stuck and view.floor == 1), True),
    "not-reached": (sometimes("p", "s", lambda view: view.floor == 3), False),
    "rests": (no_deadlock("p", "s", lambda view: view.stuck), False),
    "does-not-rest": (no_deadlock("p", "s", lambda view: view.stuck and view.floor == 0), True),
    # nothing but fairness makes the lift move
    "fair": (eventually("p", "s", lambda view: view.floor == 1 or view.stuck), False),
    # nobody must press
    "unfair": (eventually("p", "s", lambda view: view.called), True),
    # what is stuck is mended by nothing but a fault, which need not come
    "fault-is-not-forced": (leads_to("p", "s", lambda view: view.stuck, lambda view: not view.stuck), True),
    # the door can answer again and again, but not for ever: weak fairness does not make it
    "weak": (leads_to("p", "s", lambda view: view.called, lambda view: not view.called or view.stuck), True),
    "passes": (leads_to("p", "s", lambda view: view.floor == 0, lambda view: view.floor == 1 or view.stuck), False),
}


def test_every_form_is_judged_equally() -> None:
    claims = [replace(claim, id=name) for name, (claim, _) in FORMS.items()]
    violated = [name for name, (_, bad) in FORMS.items() if bad]
    # for SPIN a claim that something happens sometimes is violated where it does
    opposite = {each.id for each in claims if each.form is Form.SOMETIMES}
    assert set(refuted_by_us(LIFT, *claims)) ^ opposite == set(violated)
    assert sorted(refuted_by_spin(LIFT, *claims)) == sorted(violated)


def test_a_bad_state_that_nothing_leaves_is_found() -> None:
    world = World("w", {"a": Part(0)}, (Rule("r", "x", lambda view: [Move("m", {"a": 1})]),))
    assert refuted_by_spin(world, never("p", "s", lambda view: view.a == 1))
    assert refuted_by_spin(world, eventually("p", "s", lambda view: view.a == 2))


def test_several_initial_states_are_all_judged() -> None:
    claims = [
        never("three", "s", lambda view: view.left == 3),
        eventually("ends", "s", lambda view: view.left == 0),
        eventually("one", "s", lambda view: view.left == 1 and view.mode == "snapshot"),
        leads_to("two_ends", "s", lambda view: view.left == 2, lambda view: view.left == 0),
    ]
    assert refuted_by_spin(WORLDS["starting"], *claims) == ["three", "one"]


def test_spin_stops_at_a_reading_that_was_not_exported() -> None:
    text = promela_of(snapshot_world(1, 2, 1, 0))
    with spin.Verifier(text.replace("pod_0 == 0", "pod_0 != 5")) as verifier:
        judged = verifier.run(*OPTIONS)
    assert judged.errors == 1
    assert "assertion violated" in judged.output
