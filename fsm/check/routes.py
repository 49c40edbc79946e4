"""Following edges: what is reached, what leads there, and the cheapest way."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fsm.check.graph import StateGraph
from fsm.check.space import Ints

Bools = npt.NDArray[np.bool_]


def edges_of(graph: StateGraph, states: Ints) -> Ints:
    """The places of all edges out of some states, in their order."""
    first = graph.first[states]
    count = graph.first[states + 1] - first
    ends = np.cumsum(count)
    return np.repeat(first - ends + count, count) + np.arange(int(ends[-1]) if len(ends) else 0)


def reached(graph: StateGraph, starts: Ints, inside: Bools, barred: Bools | None = None) -> Bools:
    """The states that are reached from some by staying inside, themselves included where they are inside; edges with a
    `barred` label are not taken."""
    seen = np.zeros(graph.states, bool)
    frontier = starts[inside[starts]]
    seen[frontier] = True
    place = np.empty(graph.states, np.int32)  # where in the frontier a state is, for one of several mentions
    while len(frontier):
        edges = edges_of(graph, frontier)
        if barred is not None:
            edges = edges[~barred[graph.label[edges]]]
        targets = graph.target[edges]
        targets = targets[np.flatnonzero(inside[targets] & ~seen[targets])].astype(np.int64)
        seen[targets] = True
        mentions = np.arange(len(targets), dtype=np.int32)
        place[targets] = mentions
        frontier = targets[np.flatnonzero(place[targets] == mentions)]
    return seen


def leading_to(graph: StateGraph, good: Bools) -> Bools:
    """The states from which some run leads to a good one. Levels are taken last to first, so that one sweep goes along
    all edges but those that lead back; there are few sweeps."""
    good = good.copy()
    ends = np.cumsum([level.block.shape[1] for level in graph.exploration.levels]).tolist()
    bounds = list(zip([0, *ends[:-1]], ends, strict=True))[::-1]
    before = -1
    while (now := int(good.sum())) != before:
        before = now
        for start, end in bounds:
            edges = slice(int(graph.first[start]), int(graph.first[end]))
            good[graph.sources[edges][good[graph.target[edges]]]] = True
    return good


def cheapest(
    graph: StateGraph,
    starts: Ints,
    inside: Bools,
    goal: Callable[[Ints, Ints], Bools],
    clock: Bools | None = None,
    rounds: int = 1,
) -> tuple[int, list[int]] | None:
    """The way with fewest faults, then fewest steps (both counted from the initial states) from one of the starts to a
    goal: the start, and the places of the edges. `goal(states, rounds)` says which are one. Edges whose label `clock`
    marks lead to the next round; in the last round nothing but a goal may be reached, elsewhere only states that are
    inside. None where there is no way."""
    many = graph.states
    by = np.full(many * rounds, -2, np.int64)  # by node (round, state): the place of the edge to it; -1 at a start
    queue: list[tuple[int, int, int]] = []
    waiting: dict[tuple[int, int], list[tuple[Ints, Ints]]] = {}

    def put(faults: Ints, depth: Ints, nodes: Ints, edges: Ints) -> None:
        for cost in np.unique(faults.astype(np.int64) << 32 | depth.astype(np.int64)).tolist():
            here = (faults == cost >> 32) & (depth == cost & 0xFFFFFFFF)
            key = (cost >> 32, cost & 0xFFFFFFFF)
            if key not in waiting:
                heapq.heappush(queue, (*key, 0))
            waiting.setdefault(key, []).append((nodes[here], edges[here]))

    starts = starts[inside[starts]]
    put(graph.faults[starts], graph.depth[starts], starts, np.full(len(starts), -1, np.int64))
    while queue:
        faults, depth, _ = heapq.heappop(queue)
        pairs = waiting.pop((faults, depth))
        nodes, edges = (np.concatenate(each) for each in zip(*pairs, strict=True))
        nodes, where = np.unique(nodes, return_index=True)
        new = by[nodes] == -2
        nodes, edges = nodes[new], edges[where[new]]
        by[nodes] = edges
        hits = np.flatnonzero(goal(nodes % many, nodes // many))
        if len(hits):
            return _way(graph, by, int(nodes[hits[0]]), clock)
        edges = edges_of(graph, nodes % many)
        after = np.repeat(nodes // many, graph.first[nodes % many + 1] - graph.first[nodes % many])
        if clock is not None:
            after = after + clock[graph.label[edges]]
        targets = graph.target[edges].astype(np.int64)
        open_ = (inside[targets] | (after == rounds - 1 if clock is not None else False)) & (after < rounds)
        edges, targets, after = edges[open_], targets[open_], after[open_]
        more = faults + graph.faulty[graph.label[edges]].astype(np.int64)
        put(more, np.full(len(edges), depth + 1), after * many + targets, edges)
    return None


def _way(graph: StateGraph, by: Ints, node: int, clock: Bools | None) -> tuple[int, list[int]]:
    way: list[int] = []
    while (edge := int(by[node])) >= 0:
        way.append(edge)
        ticked = clock is not None and bool(clock[graph.label[edge]])
        node = (node // graph.states - ticked) * graph.states + int(graph.sources[edge])
    return node % graph.states, way[::-1]
