"""A graph to be covered: states, edges and where it begins. Numbers and texts, whatever it was made from."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple


class Edge(NamedTuple):
    """A transition between two states, by their numbers. Edges of one `kind` are one class of transitions."""

    source: int
    target: int
    label: str
    kind: Hashable


@dataclass(frozen=True)
class Graph:
    """`told` says a state in words, by fact. Every edge leads from a state that there is to one that there is."""

    size: int
    edges: tuple[Edge, ...]
    initial: tuple[int, ...]
    told: Callable[[int], Mapping[str, str]]

    @cached_property
    def out(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of the edges that leave each state."""
        found: list[list[int]] = [[] for _ in range(self.size)]
        for number, edge in enumerate(self.edges):
            found[edge.source].append(number)
        return tuple(map(tuple, found))

    @cached_property
    def tree(self) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
        """For each state its distance from the beginning and the edge it is first reached by; None where there is none.

        A state with a distance and no such edge is a beginning.
        """
        depth: list[int | None] = [None] * self.size
        by: list[int | None] = [None] * self.size
        for state in self.initial:
            depth[state] = 0
        queue = list(dict.fromkeys(self.initial))
        for state in queue:
            for number in self.out[state]:
                target = self.edges[number].target
                if depth[target] is None:
                    depth[target], by[target] = (depth[state] or 0) + 1, number
                    queue.append(target)
        return tuple(depth), tuple(by)

    def path_to(self, state: int) -> tuple[int, ...]:
        """The shortest way there from the beginning; ValueError where there is none."""
        depth, by = self.tree
        if depth[state] is None:
            raise ValueError(f"no way leads to state {state}")
        path: list[int] = []
        while (number := by[state]) is not None:
            path.append(number)
            state = self.edges[number].source
        return tuple(reversed(path))

    @cached_property
    def kinds(self) -> Mapping[Hashable, tuple[int, ...]]:
        """The edges of each class of transitions, in the order of the classes' first edges."""
        found: dict[Hashable, list[int]] = {}
        for number, edge in enumerate(self.edges):
            found.setdefault(edge.kind, []).append(number)
        return {kind: tuple(numbers) for kind, numbers in found.items()}


Facts = Mapping[str, str]
Outgoing = tuple[str, int | None, str, int]
"""A step of a world: the rule's name, its component or None, what it does in words, and the target's number."""


def changes(rule: str, before: Facts, after: Facts) -> Hashable:
    """A class of steps of a world: the rule, and every fact that it changes, from what to what."""
    names = sorted(before.keys() | after.keys())
    changed = tuple((name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name))
    return rule, changed


def graph_of_world(
    size: int,
    initial: Iterable[int],
    edges: Callable[[int], Iterable[Outgoing]],
    told: Callable[[int], Facts],
    kind: Callable[[str, Facts, Facts], Hashable] = changes,
) -> Graph:
    """The graph of an explored world, however it is kept: `edges` yields the steps out of a state.

    `kind` says what counts as one class of transitions, from the rule and what is told before and after.
    """
    facts = [told(state) for state in range(size)]
    found = [
        Edge(state, target, _said(rule, component, what), kind(rule, facts[state], facts[target]))
        for state in range(size)
        for rule, component, what, target in edges(state)
    ]
    return Graph(size, tuple(found), tuple(initial), facts.__getitem__)


def _said(rule: str, component: int | None, what: str) -> str:
    return f"{rule}{'' if component is None else f'[{component}]'}: {what}"
