"""Suites of the machines: whole, runnable, bounded, and good enough to notice a changed edge."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from fsm.kernel import Chart, Event, Machine, Value, action, compile_chart, edge, guard, state
from fsm.kernel.chart import GuardFunction
from fsm.machines import MACHINES
from fsm.testgen import (
    Cover,
    Explored,
    MachineSuite,
    Story,
    explored,
    machine_suite_of,
    mismatches_of,
    stories_of,
    story_from,
    vector_of,
)
from fsm.testgen.explore import gist

SMALL = [name for name, machine in MACHINES.items() if len(machine.configurations) < 20]
PLACES = 150


@cache
def found(name: str, places: int = PLACES) -> Explored:
    return explored(MACHINES[name], places)


@cache
def suite(name: str, cover: Cover) -> MachineSuite:
    return machine_suite_of(found(name), cover)


def stories(name: str, cover: Cover) -> list[Story]:
    return list(stories_of(suite(name, cover)))


# ------------------------------------------------------------------ what they cover


@pytest.mark.parametrize("cover", [Cover.STATES, Cover.TRANSITIONS, Cover.CLASSES])
@pytest.mark.parametrize("name", MACHINES)
def test_a_suite_misses_nothing_and_costs_no_less_than_its_bound(name: str, cover: Cover) -> None:
    made = suite(name, cover)
    assert (made.missed, made.suite.missed) == (0, 0)
    assert made.cost >= made.suite.bound > 0
    graph = made.explored.graph
    gone = [graph.edges[taken.edge] for walk in made.walks for taken in walk.taken]
    if cover is Cover.STATES:
        assert {each.target for each in gone} | {each.source for each in gone} == set(range(graph.size))
    elif cover is Cover.TRANSITIONS:
        assert len(set(gone)) == len(graph.edges)
    else:
        assert {each.kind for each in gone} == set(graph.kinds)


@pytest.mark.parametrize("name", SMALL)
def test_all_transitions_of_a_small_machine_cost_what_they_must(name: str) -> None:
    """And every way through its graph can be gone: the abstraction loses nothing."""
    made = machine_suite_of(found(name, 1_000), Cover.TRANSITIONS)
    assert made.explored.left == 0
    assert made.suite.method == "circulation"
    assert made.cost == made.suite.bound
    assert all(walk.whole for walk in made.walks)


@pytest.mark.parametrize("name", ["job", "volume_snapshot"])
def test_all_pairs_of_a_small_machine_occur(name: str) -> None:
    made = machine_suite_of(found(name, 1_000), Cover.PAIRS)
    assert made.missed == 0
    assert made.cost == made.suite.bound


@pytest.mark.parametrize("name", MACHINES)
def test_every_declared_transition_is_in_the_suite_of_all_classes(name: str) -> None:
    told = {
        each for story in stories(name, Cover.CLASSES) for line in story.lines if line.then for each in line.then[2]
    }
    fired = {str(edge) for number, edge in enumerate(MACHINES[name].transitions) if number not in found(name).never}
    assert told == fired


def test_places_beyond_the_limit_are_counted_and_covered_as_states() -> None:
    few = explored(MACHINES["log"], 10)
    assert few.left == few.graph.size - 10 > 0
    assert {edge.source for edge in few.graph.edges} <= set(range(10))
    assert machine_suite_of(few, Cover.STATES).missed == 0


def test_every_beginning_is_looked_at_however_few_places_are() -> None:
    """Or there would be no way from it, not even to itself."""
    few = explored(MACHINES["log"], 1)
    assert few.left == few.graph.size - len(set(few.graph.initial)) > 0
    assert machine_suite_of(few, Cover.STATES).missed == 0


def test_progress_is_told_of_every_place() -> None:
    told: list[tuple[int, int]] = []
    explored(MACHINES["job"], progress=lambda done, seen: told.append((done, seen)))
    assert [done for done, _ in told] == list(range(1, 20))
    assert told[-1] == (19, 19)


# ------------------------------------------------------------------ contexts without end


class Count(Value, frozen=True):
    """How often, and since when."""

    number: int = 0
    since: int = 0


@action()
def count(context: Count, event: Event) -> tuple[Count, tuple[()]]:
    """Once more."""
    return Count(context.number + 1, event.at), ()


@guard
def seven(context: Count, event: Event) -> bool:
    """The seventh time."""
    return context.number == 6


class Endless(Chart):
    """Counts for ever; at seven it could stop, which is further than counts are told apart."""

    context_type = Count

    counting = state("On and on.", initial=True)
    done = state("Enough.", outcome="good")
    edge(counting, done, "Seven.", event="next", when=seven)
    edge(counting, None, "More.", event="next", do=count)


def test_a_context_without_end_has_few_places_and_what_lies_beyond_is_named() -> None:
    machine = compile_chart(Endless)
    few = explored(machine)
    assert (few.graph.size, few.left) == (5, 0)
    assert [str(machine.transitions[number]) for number in few.never] == ["counting --next [seven]--> done"]


def test_the_gist_of_a_context_keeps_counts_up_to_three_and_drops_times_and_texts() -> None:
    assert gist((0, 3, 4, 1_800_000_000, -7)) == 4
    assert gist(Count(3, 1_800_000_000)) == (3, 4)
    assert [gist(each) for each in ("", "x", None, True, -7, [1])] == [False, True, None, True, -1, 1]


# ------------------------------------------------------------------ vectors


@pytest.mark.parametrize("name", MACHINES)
def test_a_story_is_read_back_from_its_vector_and_holds(name: str) -> None:
    for story in stories(name, Cover.CLASSES):
        read = story_from(json.dumps(vector_of(story, {"program": "a test"})), MACHINES)
        assert read == story
        assert mismatches_of(read, MACHINES[name]) == []


def test_ids_and_sentences_say_what_a_story_is() -> None:
    first = stories("job", Cover.TRANSITIONS)[0]
    assert first.id == "job-transitions-01"
    assert first.title.startswith("created goes to ")
    assert len({story.id for story in stories("snapshot", Cover.TRANSITIONS)}) == len(
        suite("snapshot", Cover.TRANSITIONS).walks
    )


# ------------------------------------------------------------------ mutants


def _without(number: int) -> Callable[[Machine], Machine]:
    """The machine as if this edge were not there, where the guards that follow allow something else or nothing."""

    def mutant(machine: Machine) -> Machine:
        gone = machine.transitions[number]

        def traced_of(state: Any, event: Event) -> Any:
            taken = machine.traced_of(state, event)
            return None if taken is not None and gone in taken[2] else taken

        return replace(machine, traced_of=traced_of)

    return mutant


@pytest.mark.parametrize("name", MACHINES)
def test_the_suite_of_all_classes_misses_every_edge_that_is_taken_away(name: str) -> None:
    machine = MACHINES[name]
    told = stories(name, Cover.CLASSES)
    for number, edge_ in enumerate(machine.transitions):
        if number not in found(name).never:
            mutant = _without(number)(machine)
            assert any(mismatches_of(story, mutant) for story in told), edge_


SHIFTS = {"a second late": -1, "a second early": 1}


@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS.keys())
@pytest.mark.parametrize("guard_name", ["timed_out", "retry_is_due"])
def test_the_suite_of_all_transitions_notices_a_guard_that_looks_at_another_second(
    guard_name: str, shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = MACHINES["snapshot"]
    told = stories("snapshot", Cover.TRANSITIONS)
    mutate(
        machine,
        guard_name,
        lambda was: lambda context, event: was(context, event._replace(at=event.at + shift)),
        monkeypatch,
    )
    assert any(mismatches_of(story, machine) for story in told)


def mutate(machine: Machine, name: str, change: Callable[..., GuardFunction], monkeypatch: pytest.MonkeyPatch) -> None:
    """Change a guard where the generated functions find it."""
    names = machine.traced_of.__globals__
    monkeypatch.setitem(names, f"if_{name}", change(names[f"if_{name}"]))


@pytest.mark.parametrize(("name", "guard_name"), [(name, guard) for name, m in MACHINES.items() for guard in m.guards])
def test_the_suite_of_all_classes_notices_a_guard_that_says_the_contrary(
    name: str, guard_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = stories(name, Cover.CLASSES)
    mutate(MACHINES[name], guard_name, lambda was: lambda context, event: not was(context, event), monkeypatch)
    assert any(_differs(story, MACHINES[name]) for story in told)


def _differs(story: Story, machine: Machine) -> bool:
    """A machine that plans a retry without a policy breaks down, which is noticed too."""
    try:
        return bool(mismatches_of(story, machine))
    except AssertionError:
        return True
