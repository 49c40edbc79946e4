"""A fair run inside a fair trap: a loop, as short as is cheaply found, in which everybody moves who must."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from fsm.check.fairness import Liveness, Traps


def fair_loop(liveness: Liveness, traps: Traps, entry: int) -> list[int]:
    """The places of the edges of a loop from a state of a trap back to it: each weakly fair actor takes a step, or is
    in some state unable to; each strongly fair one that can move anywhere in the trap takes a step. Empty where nobody
    must leave the state. Nearest goal first, so it need not be the shortest."""
    return _Loop(liveness, traps, entry).edges()


class _Loop:
    def __init__(self, liveness: Liveness, traps: Traps, entry: int) -> None:
        self._graph, self._liveness, self._traps, self._entry = liveness.graph, liveness, traps, entry
        self._trap = int(traps.of_state[entry])
        groups = liveness.groups
        everybody = set(range(len(groups.actors)))
        self._strong = set(groups.strong(everybody))
        self._open = everybody - self._strong
        if self._strong:
            inside = (traps.of_state == self._trap).nonzero()[0].tolist()
            self._open |= {g for state in inside for g in liveness.enabled_in(state)} & self._strong

    def edges(self) -> list[int]:
        edges: list[int] = []
        at = self._entry
        self._pass(at)
        while self._open:
            edges += self._way(at, self._serves)
            at = int(self._graph.target[edges[-1]])
            for edge in edges:
                self._open.discard(int(self._liveness.groups.of_label[self._graph.label[edge]]))
                self._pass(int(self._graph.target[edge]))
        if at != self._entry:
            edges += self._way(at, lambda edge: self._graph.target[edge] == self._entry)
        return edges

    def _pass(self, state: int) -> None:
        """Weakly fair actors that cannot move in a state of the loop are content."""
        self._open &= self._liveness.enabled_in(state) | self._strong

    def _serves(self, edge: int) -> bool:
        """Whether taking the edge contents somebody."""
        if int(self._liveness.groups.of_label[self._graph.label[edge]]) in self._open:
            return True
        unable = self._open - self._strong - self._liveness.enabled_in(int(self._graph.target[edge]))
        return bool(unable)

    def _way(self, start: int, goal: Callable[[int], bool]) -> list[int]:
        """The shortest way inside the trap whose last edge is a goal."""
        graph = self._graph
        by: dict[int, int] = {start: -1}
        queue = deque([start])
        while queue:
            state = queue.popleft()
            for edge in range(int(graph.first[state]), int(graph.first[state + 1])):
                target = int(graph.target[edge])
                if self._traps.of_state[target] != self._trap:
                    continue
                if goal(edge):
                    way = [edge]
                    while by[state] >= 0:
                        way.append(by[state])
                        state = int(graph.sources[by[state]])
                    return way[::-1]
                if target not in by:
                    by[target] = edge
                    queue.append(target)
        raise AssertionError("a trap in which somebody must move who cannot")
