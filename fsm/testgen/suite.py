"""A suite: tests that together cover what is asked of a graph, in few steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any

from fsm.testgen.explore import Explored, Walk
from fsm.testgen.graph import Edge, Graph
from fsm.testgen.tour import MOST_EDGES, Path, Tour, tour


class Cover(StrEnum):
    """What has to occur in some test: every state, every transition, one of every class, every two in a row."""

    STATES = "states"
    TRANSITIONS = "transitions"
    CLASSES = "classes"
    PAIRS = "pairs"


@dataclass(frozen=True)
class Suite:
    """Tests as ways through a graph. Their cost is a step each and one for each beginning; no suite costs less than
    `bound`.

    `wanted` is what was to be covered, `missed` counts what no way leads to. `method` is `circulation` or `greedy`.
    """

    graph: Graph
    cover: Cover
    paths: tuple[Path, ...]
    bound: int
    method: str
    wanted: int
    missed: int

    @property
    def steps(self) -> int:
        return sum(map(len, self.paths))

    @property
    def cost(self) -> int:
        return self.steps + len(self.paths)


def suite_of(graph: Graph, cover: Cover, most: int = MOST_EDGES) -> Suite:
    """The suite of a graph. Where it has more edges than `most` (for pairs: more pairs), it is found greedily."""
    items = _items(graph, cover)
    found = _tour(graph, cover, items, most)
    done = _all_covered(graph, cover, found.paths)
    missed = sum(item not in done for item in items)
    return Suite(graph, cover, found.paths, found.bound, found.method, len(items), missed)


# ------------------------------------------------------------------ what is wanted, and what is covered


def _tour(graph: Graph, cover: Cover, items: Sequence[Any], most: int) -> Tour:
    """Ways that cover these items."""
    if cover is Cover.PAIRS:
        return _pairs(graph, items, most)
    if cover is Cover.TRANSITIONS:
        return tour(graph, [(edge,) for edge in items], most)
    if cover is Cover.CLASSES:
        return tour(graph, [graph.kinds[kind] for kind in items], most)
    into: dict[int, list[int]] = {}
    for number, edge in enumerate(graph.edges):
        into.setdefault(edge.target, []).append(number)
    # In a beginning a test is from its first step on.
    groups = [(*(graph.out[state] if state in graph.initial else ()), *into.get(state, ())) for state in items]
    return tour(graph, groups, most)


def _items(graph: Graph, cover: Cover) -> list[Hashable]:
    """What is to be covered, each once."""
    if cover is Cover.STATES:
        return list(range(graph.size))
    if cover is Cover.TRANSITIONS:
        return list(range(len(graph.edges)))
    if cover is Cover.CLASSES:
        return list(graph.kinds)
    first = ((None, one) for state in dict.fromkeys(graph.initial) for one in graph.out[state])
    return [*first, *((one, two) for one, edge in enumerate(graph.edges) for two in graph.out[edge.target])]


def _covered(graph: Graph, cover: Cover, path: Sequence[int]) -> list[tuple[Hashable, ...]]:
    """What each step of a test covers."""
    edges = [graph.edges[number] for number in path]
    if cover is Cover.STATES:
        return [(edge.target,) if place else (edge.source, edge.target) for place, edge in enumerate(edges)]
    if cover is Cover.TRANSITIONS:
        return [(number,) for number in path]
    if cover is Cover.CLASSES:
        return [(edge.kind,) for edge in edges]
    return [(pair,) for pair in pairwise((None, *path))]


def _all_covered(graph: Graph, cover: Cover, paths: Iterable[Sequence[int]]) -> set[Hashable]:
    return {item for path in paths for step in _covered(graph, cover, path) for item in step}


def _pairs(graph: Graph, wanted: Sequence[Any], most: int) -> Tour:
    """Two in a row are an edge of the graph whose states are the edges; its first state is before any."""
    first = len(graph.edges)
    every: list[Any] = _items(graph, Cover.PAIRS)
    lines = tuple(Edge(first if one is None else one, two, "", None) for one, two in every)
    number = {(None if line.source == first else line.source, line.target): n for n, line in enumerate(lines)}
    of_edges = Graph(first + 1, lines, (first,), lambda _: {})
    found = tour(of_edges, [(number[pair],) for pair in wanted], most)
    return replace(found, paths=tuple(tuple(lines[line].target for line in path) for path in found.paths))


# ------------------------------------------------------------------ suites of machines


ROUNDS = 4
"""How often ways are sought for what the ways before have not covered, before each gets a way of its own."""


@dataclass(frozen=True)
class MachineSuite:
    """The suite of a machine, with every test as it was really gone.

    Where a test's state goes another way than the state that represents its place, the test ends, and what it has not
    covered is covered by another. `missed` counts what the graph has and no test covers: of two transitions in a row,
    the second may exist only for the state that represents the place between them.
    """

    suite: Suite
    explored: Explored
    walks: tuple[Walk, ...]
    missed: int

    @property
    def steps(self) -> int:
        return sum(len(walk.taken) for walk in self.walks)

    @property
    def cost(self) -> int:
        return self.steps + len(self.walks)


def machine_suite_of(explored: Explored, cover: Cover, most: int = MOST_EDGES) -> MachineSuite:
    """The suite of a machine that was explored."""
    graph = explored.graph
    suite = suite_of(graph, cover, most)
    items = _items(graph, cover)
    walks = list(map(explored.walk, suite.paths))
    left = _left(graph, cover, items, walks)
    for _ in range(ROUNDS):
        if left:
            walks += map(explored.walk, _tour(graph, cover, left, 0).paths)
            left = _left(graph, cover, items, walks)
    walks += [explored.walk(_own_way(graph, cover, item)) for item in left]
    kept = _needed(graph, cover, walks)
    return MachineSuite(suite, explored, kept, len(_left(graph, cover, items, kept)))


def _left(graph: Graph, cover: Cover, items: Sequence[Hashable], walks: Iterable[Walk]) -> list[Hashable]:
    done = _all_covered(graph, cover, map(_gone, walks))
    return [item for item in items if item not in done]


def _needed(graph: Graph, cover: Cover, walks: Sequence[Walk]) -> tuple[Walk, ...]:
    """Without the walks, and the ends of walks, that cover nothing which another does not: the shortest go first."""
    covered = [_covered(graph, cover, _gone(walk)) for walk in walks]
    items = [{item for step in steps for item in step} for steps in covered]
    counts = Counter(item for each in items for item in each)
    kept = set(range(len(walks)))
    for number in sorted(kept, key=lambda n: (len(walks[n].taken), n)):
        if all(counts[item] > 1 for item in items[number]):
            counts.subtract(items[number])
            kept.remove(number)
    done: set[Hashable] = set()
    found: list[Walk] = []
    for number in sorted(kept):
        new = [length for length, step in enumerate(covered[number], 1) if not done.issuperset(step)]
        done |= items[number]
        found.append(walks[number]._replace(taken=walks[number].taken[: max(new)]))
    return tuple(found)


def _gone(walk: Walk) -> tuple[int, ...]:
    return tuple(taken.edge for taken in walk.taken)


def _own_way(graph: Graph, cover: Cover, item: Any) -> Path:
    """The shortest way that covers it, empty where none does."""
    if cover is Cover.STATES:
        return graph.path_to(item) or graph.out[item][:1]
    if cover is Cover.PAIRS:
        one, two = item
        return (two,) if one is None else (*graph.path_to(graph.edges[one].source), one, two)
    depth, _ = graph.tree
    edges = graph.kinds[item] if cover is Cover.CLASSES else (item,)
    nearest = min(edges, key=lambda edge: (depth[graph.edges[edge].source], edge))
    return (*graph.path_to(graph.edges[nearest].source), nearest)
