"""Ways through a graph that cover what is wanted, at least cost: each step costs one, and so does each new beginning.

The directed Chinese postman with resets: a circulation of least cost in which every wanted edge flows. It is a linear
program, and its corners are whole numbers where single edges or all edges into a state are wanted. A part of the flow
that goes round in itself is cut off by one more limit: something has to flow into it. Where one of several edges is
enough (a class of transitions), the program may be only a lower bound: one edge of each class is then taken as wanted,
that with most of the flow or that of the greedy ways, whichever costs less. Euler's circuit of the flow, cut at the
beginnings, are the ways. Graphs that are too large for the program are covered greedily. The same graph always has the
same ways.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

from fsm.testgen.graph import Graph

MOST_EDGES = 60_000
"""The largest graph that the linear program is tried on."""
MOST_CUTS = 40
"""How often the program is solved anew because its flow does not hang together."""
NEAR = 6
"""How many covered steps a greedy way goes on to get to the next one that is not."""

Path = tuple[int, ...]
Group = tuple[int, ...]
"""Edges, one of which at least has to be taken."""


@dataclass(frozen=True, slots=True)
class Tour:
    """Ways from a beginning, as numbers of edges. No set of ways costs less than `bound`.

    `method` is `circulation` or `greedy`. A group whose edges no way leads to is in none of them.
    """

    paths: tuple[Path, ...]
    bound: int
    method: str

    @property
    def cost(self) -> int:
        """A step costs one, and so does a beginning."""
        return _cost(self.paths)


def tour(graph: Graph, groups: Sequence[Group], most: int = MOST_EDGES) -> Tour:
    """Ways on which every group is taken that can be reached."""
    depth, _ = graph.tree
    reached = [tuple(e for e in group if depth[graph.edges[e].source] is not None) for group in groups]
    wanted = [group for group in dict.fromkeys(reached) if group]
    if not wanted:
        return Tour((), 0, "circulation")
    greedily = _without_needless(_greedy(graph, wanted), wanted)
    trivial = _least(wanted)
    if len(graph.edges) > most:
        return Tour(greedily, trivial, "greedy")
    circulations, bound = _circulated(graph, wanted, greedily)
    found = [Tour(paths, max(bound, trivial), "circulation") for paths in circulations]
    return min(*found, Tour(greedily, max(bound, trivial), "greedy"), key=lambda each: each.cost)


def _least(groups: Sequence[Group]) -> int:
    """Groups without an edge in common cost a step each, and there is one beginning."""
    used: set[int] = set()
    disjoint = 0
    for group in sorted(groups, key=len):
        if used.isdisjoint(group):
            used.update(group)
            disjoint += 1
    return disjoint + 1


# ------------------------------------------------------------------ greedy


def _greedy(graph: Graph, groups: Sequence[Group]) -> tuple[Path, ...]:
    """Go to the nearest edge that is wanted, then on and on to one that is near."""
    depth, _ = graph.tree
    left = _Left(groups)
    order = sorted(left.edges, key=lambda e: (depth[graph.edges[e].source], e))
    paths: list[Path] = []
    for edge in order:
        if not left.wants(edge):
            continue
        path = [*graph.path_to(graph.edges[edge].source), edge]
        left.take(path)
        while more := _near(graph, graph.edges[path[-1]].target, left):
            left.take(more)
            path += more
        paths.append(tuple(path))
    return tuple(paths)


class _Left:
    """The groups that were not taken yet."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.of_edge: dict[int, list[int]] = {}
        for number, group in enumerate(groups):
            for edge in group:
                self.of_edge.setdefault(edge, []).append(number)
        self.left = set(range(len(groups)))

    @property
    def edges(self) -> list[int]:
        return list(self.of_edge)

    def wants(self, edge: int) -> bool:
        return any(group in self.left for group in self.of_edge.get(edge, ()))

    def take(self, path: Sequence[int]) -> None:
        for edge in path:
            self.left.difference_update(self.of_edge.get(edge, ()))


def _near(graph: Graph, state: int, left: _Left) -> list[int]:
    """The shortest way to a wanted edge, that edge included; empty where none is near."""
    by: dict[int, int | None] = {state: None}
    queue = deque([(state, 0)])
    while queue:
        here, steps = queue.popleft()
        for edge in graph.out[here]:
            if left.wants(edge):
                return [*_back(graph, by, here), edge]
            target = graph.edges[edge].target
            if steps < NEAR and target not in by:
                by[target] = edge
                queue.append((target, steps + 1))
    return []


def _back(graph: Graph, by: dict[int, int | None], state: int) -> list[int]:
    path: list[int] = []
    while (edge := by[state]) is not None:
        path.append(edge)
        state = graph.edges[edge].source
    return path[::-1]


def _without_needless(paths: tuple[Path, ...], groups: Sequence[Group]) -> tuple[Path, ...]:
    """Without ways that take only what others take too, the longest looked at first, and without useless ends."""
    left = _Left(groups)
    counts = [0] * len(groups)
    taken = [{group for edge in path for group in left.of_edge.get(edge, ())} for path in paths]
    for each in taken:
        for group in each:
            counts[group] += 1
    kept = set(range(len(paths)))
    for number in sorted(kept, key=lambda n: (-len(paths[n]), n)):
        if all(counts[group] > 1 for group in taken[number]):
            kept.discard(number)
            for group in taken[number]:
                counts[group] -= 1
    return _shortened([paths[number] for number in sorted(kept)], left)


def _shortened(paths: list[Path], left: _Left) -> tuple[Path, ...]:
    """Each way up to the last edge that is the first of its group."""
    found: list[Path] = []
    for path in paths:
        end = 0
        for length, edge in enumerate(path, 1):
            if left.wants(edge):
                left.take((edge,))
                end = length
        if end:
            found.append(path[:end])
    return tuple(found)


# ------------------------------------------------------------------ the circulation


def _circulated(graph: Graph, groups: Sequence[Group], greedily: Sequence[Path]) -> tuple[list[tuple[Path, ...]], int]:
    """Ways, in one manner or in several, and the lower bound of all costs."""
    program = _Program(graph)
    ways, bound, flow = _joined(program, groups)
    if not ways or min(map(_cost, ways)) > bound + 1e-6:
        for chosen in (_fullest(groups, flow), _first_taken(groups, greedily)):
            ways += _joined(program, chosen)[0]
    return [_without_needless(paths, groups) for paths in ways], math.ceil(bound - 1e-6)


def _cost(paths: Sequence[Path]) -> int:
    return sum(map(len, paths)) + len(paths)


def _joined(program: _Program, groups: Sequence[Group]) -> tuple[list[tuple[Path, ...]], float, list[float]]:
    """Ways from flows that hang together more and more, the least cost that was proven, and the last flow.

    There are no ways where already the first flow is no whole number.
    """
    cuts: list[Group] = []
    ways: list[tuple[Path, ...]] = []
    bound, proven = 0.0, True
    for _ in range(MOST_CUTS):
        flow, cost = program.solved(groups, cuts)
        bound = cost if proven else bound
        if any(abs(each - round(each)) > 1e-6 for each in flow):
            break
        paths, apart = program.paths([round(each) for each in flow])
        ways.append(tuple(paths))
        if not apart:
            break
        cuts += map(program.into, apart)
        proven = proven and all(program.is_needed(states, groups) for states in apart)
    return ways, bound, flow


def _fullest(groups: Sequence[Group], flow: Sequence[float]) -> list[Group]:
    """The edge of each group that has most of the flow."""
    return [(max(group, key=lambda edge: (round(flow[edge], 6), -edge)),) for group in groups]


def _first_taken(groups: Sequence[Group], paths: Sequence[Path]) -> list[Group]:
    """The edge of each group that these ways take first."""
    order = {edge: place for place, edge in reversed(list(enumerate(edge for path in paths for edge in path)))}
    return [(min(group, key=lambda edge: order.get(edge, math.inf)),) for group in groups]


class _Program:
    """Flow through the edges of the graph, from each state back to a root, and from the root to the beginnings."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.root = graph, graph.size
        depth, _ = graph.tree
        back = [state for state in range(graph.size) if depth[state] is not None]
        begin = list(dict.fromkeys(graph.initial))
        self.sources = [edge.source for edge in graph.edges] + back + [self.root] * len(begin)
        self.targets = [edge.target for edge in graph.edges] + [self.root] * len(back) + begin
        self.begins = tuple(range(len(graph.edges) + len(back), len(self.sources)))
        self.costs = [1.0] * (len(graph.edges) + len(back)) + [0.0] * len(begin)
        self.unreached = [n for n, edge in enumerate(graph.edges) if depth[edge.source] is None]

    def into(self, states: Set[int]) -> Group:
        """The lines that lead into a part of the graph from outside."""
        ends = enumerate(zip(self.sources, self.targets, strict=True))
        return tuple(line for line, (source, target) in ends if target in states and source not in states)

    def is_needed(self, states: Set[int], groups: Sequence[Group]) -> bool:
        """Every suite has to get to this part of the graph: there is something wanted that leads nowhere else."""
        return any(all(self.targets[edge] in states for edge in group) for group in groups)

    def solved(self, groups: Sequence[Group], cuts: Sequence[Group]) -> tuple[list[float], float]:
        """The flow of least cost that takes every group, and of each cut one line at least; and its cost."""
        import numpy as np
        from scipy.optimize import linprog
        from scipy.sparse import coo_matrix

        number = len(self.costs)
        lines = np.r_[np.arange(number), np.arange(number)]
        signs = np.r_[np.ones(number), -np.ones(number)]
        shape = (self.root + 1, number)
        balance = coo_matrix((signs, (np.r_[self.sources, self.targets], lines)), shape=shape).tocsr()
        least, most = np.zeros(number), np.full(number, np.inf)
        most[self.unreached] = 0
        least[[group[0] for group in groups if len(group) == 1]] = 1
        done = linprog(
            self.costs,
            A_eq=balance,
            b_eq=np.zeros(self.root + 1),
            bounds=np.c_[least, most],
            method="highs-ds",
            **_at_least_one_of([self.begins, *cuts, *(group for group in groups if len(group) > 1)], number),
        )
        if done.status != 0:
            raise RuntimeError(f"the linear program has no answer: {done.message}")
        return done.x.tolist(), float(done.fun)

    def paths(self, flow: list[int]) -> tuple[list[Path], list[Set[int]]]:
        """Euler's circuit of a flow, cut at the root; and the parts of the flow that the root is not on.

        A circuit in such a part is led to from a beginning.
        """
        out: dict[int, list[int]] = {}
        for line in range(len(flow) - 1, -1, -1):
            out.setdefault(self.sources[line], []).extend([line] * flow[line])
        found = self._cut(self._circuit(out, self.root))
        parts: list[Set[int]] = []
        depth, _ = self.graph.tree
        for state in sorted((state for state, lines in out.items() if lines), key=lambda each: (depth[each], each)):
            if out[state]:
                circuit = self._circuit(out, state)
                found.append((*self.graph.path_to(state), *circuit))
                parts.append(frozenset(self.sources[line] for line in circuit))
        return found, parts

    def _cut(self, circuit: list[int]) -> list[Path]:
        """The ways between two visits of the root."""
        found: list[Path] = []
        path: list[int] = []
        for line in circuit:
            if line < len(self.graph.edges):
                path.append(line)
            elif path:
                found.append(tuple(path))
                path = []
        return found

    def _circuit(self, out: dict[int, list[int]], start: int) -> list[int]:
        """Hierholzer's algorithm: all that is left and hangs together, from here back to here."""
        stack: list[tuple[int, int | None]] = [(start, None)]
        found: list[int] = []
        while stack:
            here, by = stack[-1]
            if out.get(here):
                line = out[here].pop()
                stack.append((self.targets[line], line))
            else:
                stack.pop()
                if by is not None:
                    found.append(by)
        return found[::-1]


def _at_least_one_of(groups: Sequence[Group], number: int) -> dict[str, Any]:
    """The limits of the linear program that say so."""
    import numpy as np
    from scipy.sparse import coo_matrix

    rows = [row for row, group in enumerate(groups) for _ in group]
    columns = [edge for group in groups for edge in group]
    matrix = coo_matrix((-np.ones(len(rows)), (rows, columns)), shape=(len(groups), number))
    return {"A_ub": matrix.tocsr(), "b_ub": -np.ones(len(groups))}
