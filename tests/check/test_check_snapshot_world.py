"""The benchmark's world: the numbers of states that other checkers found too, and the bugs that were put in."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.snapshot_world import snapshot_properties, snapshot_world
from fsm.check import check, explore, plain, replayed

FULL = pytest.mark.exhaustive


@pytest.mark.parametrize(
    ("numbers", "options", "states", "transitions"),
    [
        pytest.param((1, 3, 2, 1), {}, 1_734, 5_212, id="one backup"),
        pytest.param((1, 15, 2, 1), {"relative": True}, 665, 1_616, id="one backup, ticks that are left"),
        pytest.param((2, 3, 2, 1), {}, 224_656, None, id="two backups", marks=FULL),
        pytest.param((2, 7, 3, 1), {}, 969_396, 4_231_435, id="A", marks=FULL),
        pytest.param((3, 1, 1, 0), {}, 1_850_796, 9_152_451, id="B", marks=FULL),
        pytest.param((3, 2, 1, 1), {}, 10_020_987, 56_603_732, id="C", marks=FULL),
    ],
)
def test_as_many_states_as_others_found(numbers: Any, options: Any, states: int, transitions: int | None) -> None:
    report = check(snapshot_world(*numbers, **options), [])
    assert report.finished
    assert report.states == states
    assert transitions in (None, report.transitions)


@pytest.mark.parametrize(
    ("numbers", "states"),
    [
        pytest.param((2, 3, 2, 1), 112_757, id="two backups"),
        pytest.param((3, 1, 1, 0), 315_394, id="three backups", marks=FULL),
    ],
)
def test_exchangeable_backups_are_as_many_states_as_others_found(numbers: Any, states: int) -> None:
    assert check(snapshot_world(*numbers), [], symmetry=True).states == states


def test_two_backups_are_the_same_graph_as_the_specification_finds() -> None:
    world = snapshot_world(2, 1, 1, 0)
    graph, expected = explore(world), plain.explored(world)
    costs = zip(graph.faults.tolist(), graph.depth.tolist(), strict=True)
    assert {graph.state(i): cost for i, cost in enumerate(costs)} == dict(
        zip(expected.states, expected.cost, strict=True)
    )
    assert graph.transitions == len(expected.edges)


@pytest.mark.parametrize("backups", [1, 2])
def test_it_keeps_what_it_claims(backups: int) -> None:
    report = check(snapshot_world(backups, 3 if backups == 1 else 1, 1, 1), snapshot_properties(1))
    assert [finding.verdict.value for finding in report.findings] == ["holds"] * 5
    assert report.silent_rules == ()
    if backups == 2:
        needed = set(report.findings[-1].fairness_needed or ())
        assert {"controller[0]", "controller[1]", "pod[0]", "clock", "restart"} <= needed


@pytest.mark.parametrize(("mutant", "broken"), [("adopts", {"ends"}), ("blind", {"limit", "agreed", "final"})])
def test_a_bug_is_found_and_its_story_can_be_taken_again(mutant: str, broken: set[str]) -> None:
    world = snapshot_world(1, 3, 2, 0, mutant=mutant)
    stories = {each.property.id: each.story for each in check(world, snapshot_properties(2)).findings if each.story}
    assert set(stories) == broken
    for story in stories.values():
        assert replayed(world, story)
        assert story.faults == 0
    if mutant == "adopts":
        assert len(stories["ends"].steps) == stories["ends"].loop == 22
