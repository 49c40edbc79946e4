"""Small random graphs, and the least cost of covering them, found by trying everything."""

from __future__ import annotations

import heapq
import random
from collections.abc import Hashable, Sequence
from itertools import pairwise

from fsm.testgen import Cover, Edge, Graph


def graph_of(*edges: tuple[int, int] | tuple[int, int, Hashable], initial: tuple[int, ...] = (0,)) -> Graph:
    """A graph of (source, target) or (source, target, class); every edge without one is a class of its own."""
    size = max((max(edge[:2]) for edge in edges), default=0) + 1
    made = tuple(Edge(e[0], e[1], f"e{n}", e[2] if len(e) > 2 else n) for n, e in enumerate(edges))
    return Graph(size, made, initial, lambda state: {"state": str(state)})


def random_graph(seed: int, most: int = 7) -> Graph:
    """Up to five states and `most` edges of up to four classes, not all reachable; one or two beginnings."""
    rng = random.Random(seed)
    size = rng.randint(1, 5)
    edges = [(rng.randrange(size), rng.randrange(size), rng.randrange(4)) for _ in range(rng.randint(1, most))]
    initial = (0,) if rng.random() < 0.7 or size == 1 else (0, size - 1)
    made = tuple(Edge(source, target, f"e{n}", kind) for n, (source, target, kind) in enumerate(edges))
    return Graph(size, made, initial, lambda state: {"state": str(state)})


def wanted_of(graph: Graph, cover: Cover) -> set[Hashable]:
    """What can be covered at all, said anew from the definition."""
    reached, queue = set(graph.initial), list(graph.initial)
    for state in queue:
        for edge in graph.edges:
            if edge.source == state and edge.target not in reached:
                reached.add(edge.target)
                queue.append(edge.target)
    numbers = [number for number, edge in enumerate(graph.edges) if edge.source in reached]
    if cover is Cover.STATES:
        return {s for number in numbers for s in (graph.edges[number].source, graph.edges[number].target)}
    if cover is Cover.TRANSITIONS:
        return set(numbers)
    if cover is Cover.CLASSES:
        return {graph.edges[number].kind for number in numbers}
    pairs = {(a, b) for a in numbers for b in numbers if graph.edges[a].target == graph.edges[b].source}
    return pairs | {(None, a) for a in numbers if graph.edges[a].source in graph.initial}


def covered_by(graph: Graph, cover: Cover, paths: Sequence[Sequence[int]]) -> set[Hashable]:
    """What tests cover, said anew from the definition. Every test has to be a way from a beginning."""
    found: set[Hashable] = set()
    for path in paths:
        assert graph.edges[path[0]].source in graph.initial
        assert all(graph.edges[one].target == graph.edges[two].source for one, two in pairwise(path))
        edges = [graph.edges[number] for number in path]
        found |= {
            Cover.STATES: {s for edge in edges for s in (edge.source, edge.target)},
            Cover.TRANSITIONS: set(path),
            Cover.CLASSES: {edge.kind for edge in edges},
            Cover.PAIRS: set(pairwise((None, *path))),
        }[cover]
    return found


def least_cost(graph: Graph, cover: Cover) -> int:
    """Dijkstra's algorithm over where one is, by which edge one came, and what is covered."""
    wanted = frozenset(wanted_of(graph, cover))
    queue: list[tuple[int, int, int | None, int | None, frozenset[Hashable]]] = [(0, 0, None, None, frozenset())]
    best: dict[tuple[int | None, int | None, frozenset[Hashable]], int] = {}
    count = 0
    while queue:
        cost, _, state, came, covered = heapq.heappop(queue)
        if covered == wanted:
            return cost
        place = (state, came if cover is Cover.PAIRS else None, covered)
        if best.get(place, cost + 1) <= cost:
            continue
        best[place] = cost
        nexts = [(cost + 1, begin, None, covered) for begin in graph.initial] if state is not None or cost == 0 else []
        for number, edge in enumerate(graph.edges):
            if edge.source == state:
                new = {
                    Cover.STATES: {edge.source, edge.target},
                    Cover.TRANSITIONS: {number},
                    Cover.CLASSES: {edge.kind},
                    Cover.PAIRS: {(came, number)},
                }[cover]
                nexts.append((cost + 1, edge.target, number, covered | new))
        for next_cost, next_state, next_came, next_covered in nexts:
            count += 1
            heapq.heappush(queue, (next_cost, count, next_state, next_came, next_covered))
    raise AssertionError("what is wanted cannot be covered")
