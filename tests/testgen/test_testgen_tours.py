"""Suites of any graph: they cover what is wanted, and cost what they must, held against trying everything."""

from __future__ import annotations

import subprocess
import sys

import pytest
from small_graphs import covered_by, graph_of, least_cost, random_graph, wanted_of

from fsm.testgen import Cover, Graph, graph_of_world, suite_of
from fsm.testgen.graph import changes

SEEDS, MANY = range(40), range(40, 1000)


def _check(cover: Cover, seed: int, most: int) -> tuple[int, int, int]:
    graph = random_graph(seed, 3 if cover is Cover.PAIRS else 7)
    suite = suite_of(graph, cover, most)
    wanted = wanted_of(graph, cover)
    assert covered_by(graph, cover, suite.paths) >= wanted if suite.paths else not wanted, f"seed {seed}"
    every = {Cover.STATES: graph.size, Cover.TRANSITIONS: len(graph.edges), Cover.CLASSES: len(graph.kinds)}
    if cover in every:
        assert suite.wanted == every[cover], f"seed {seed}"
    return suite.cost, suite.bound, least_cost(graph, cover) if wanted else 0


@pytest.mark.parametrize("cover", Cover)
@pytest.mark.parametrize("most", [0, 1000], ids=["greedy", "circulation"])
def test_every_test_is_a_way_from_a_beginning_and_together_they_cover_all_that_can_be_reached(
    cover: Cover, most: int
) -> None:
    for seed in SEEDS:
        cost, bound, least = _check(cover, seed, most)
        assert bound <= least <= cost, f"seed {seed}: {bound} <= {least} <= {cost}"


@pytest.mark.parametrize("cover", [Cover.TRANSITIONS, Cover.PAIRS])
def test_all_transitions_and_all_pairs_cost_no_more_than_they_must(cover: Cover) -> None:
    for seed in SEEDS:
        cost, bound, least = _check(cover, seed, 1000)
        assert cost == least, f"seed {seed}"
        assert bound == least or len(random_graph(seed).initial) > 1, f"seed {seed}"


@pytest.mark.parametrize("cover", [Cover.STATES, Cover.CLASSES])
def test_all_states_and_all_classes_cost_nearly_what_they_must(cover: Cover) -> None:
    """There a choice among edges is left, which the linear program does not make."""
    excess = [cost - least for cost, _, least in (_check(cover, seed, 1000) for seed in SEEDS)]
    assert max(excess) <= 2
    assert sum(each == 0 for each in excess) >= 0.9 * len(excess)


@pytest.mark.exhaustive
@pytest.mark.parametrize("cover", Cover)
def test_very_many_graphs(cover: Cover) -> None:
    for seed in MANY:
        cost, bound, least = _check(cover, seed, 1000)
        assert bound <= least <= cost, f"seed {seed}"
        assert cost == least or cover in (Cover.STATES, Cover.CLASSES), f"seed {seed}"


TABLE: list[tuple[str, Graph, Cover, list[tuple[int, ...]]]] = [
    ("a chain is one test", graph_of((0, 1), (1, 2)), Cover.TRANSITIONS, [(0, 1)]),
    ("a fork is two", graph_of((0, 1), (0, 2)), Cover.TRANSITIONS, [(0,), (1,)]),
    ("a loop is gone first", graph_of((0, 1), (1, 1), (1, 2)), Cover.TRANSITIONS, [(0, 1, 2)]),
    ("one of a class is enough", graph_of((0, 1, "a"), (1, 2, "a"), (0, 3, "b")), Cover.CLASSES, [(0,), (2,)]),
    ("a state needs one edge", graph_of((0, 1), (0, 1), (1, 2)), Cover.STATES, [(0, 2)]),
    ("two in a row", graph_of((0, 0), (0, 1)), Cover.PAIRS, [(0, 0, 1), (1,)]),
    ("what nothing leads to is left out", graph_of((0, 1), (2, 1)), Cover.TRANSITIONS, [(0,)]),
]


@pytest.mark.parametrize(("graph", "cover", "paths"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_small_suites_are_the_ones_that_one_would_write(
    graph: Graph, cover: Cover, paths: list[tuple[int, ...]]
) -> None:
    assert sorted(suite_of(graph, cover).paths) == sorted(paths)


def test_what_cannot_be_reached_is_counted_as_missed() -> None:
    graph = graph_of((0, 1), (2, 3))
    assert [(suite_of(graph, cover).wanted, suite_of(graph, cover).missed) for cover in Cover] == [
        (4, 2),
        (2, 1),
        (2, 1),
        (1, 0),
    ]


def test_a_graph_without_edges_needs_no_test() -> None:
    suite = suite_of(graph_of(), Cover.TRANSITIONS)
    assert (suite.paths, suite.cost, suite.bound, suite.missed) == ((), 0, 0, 0)


def test_a_circuit_that_is_wanted_far_from_the_beginning_is_led_to() -> None:
    """The flow of least cost goes round in it without ever getting there."""
    graph = graph_of((0, 1, "way"), (1, 2, "way"), (2, 3, "way"), (3, 2, "far"))
    (path,) = suite_of(graph, Cover.CLASSES).paths
    assert path == (0, 1, 2, 3)


def test_the_suite_is_the_same_in_every_process() -> None:
    """Whatever the hashes of texts are."""
    script = """
from fsm.testgen import Cover, Edge, Graph, suite_of
edges = tuple(Edge(n % 7, (n * n + 3) % 7, str(n), f"class {n % 5}") for n in range(30))
graph = Graph(7, edges, (0,), lambda state: {})
print([suite_of(graph, cover, most).paths for cover in Cover for most in (0, 1000)])
"""
    seeds = ("0", "1")
    runs = [
        subprocess.run([sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        for seed in seeds
    ]
    assert len({run.stdout for run in runs}) == 1
    assert len(runs[0].stdout) > 100


# ------------------------------------------------------------------ worlds

TOLD = [{"light": "red"}, {"light": "green"}, {"light": "red", "wet": "yes"}]
STEPS = {
    0: [("switch", None, "turns green", 1)],
    1: [("switch", None, "turns red", 0), ("rain", 0, "it rains", 2)],
    2: [],
}


def world() -> Graph:
    return graph_of_world(3, [0], STEPS.__getitem__, TOLD.__getitem__)


def test_the_steps_of_a_world_are_edges_that_say_rule_component_and_what() -> None:
    assert [edge.label for edge in world().edges] == [
        "switch: turns green",
        "switch: turns red",
        "rain[0]: it rains",
    ]


def test_a_class_of_a_worlds_steps_is_the_rule_with_the_facts_that_it_changes() -> None:
    assert changes("rain", TOLD[1], TOLD[2]) == ("rain", (("light", "green", "red"), ("wet", None, "yes")))
    assert changes("rain", TOLD[0], TOLD[0]) == ("rain", ())
    assert [len(world().kinds), len(graph_of_world(3, [0], STEPS.__getitem__, TOLD.__getitem__, _rule).kinds)] == [3, 2]


def _rule(rule: str, before: object, after: object) -> str:
    return rule
