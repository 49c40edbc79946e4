"""The whole graph, for what needs to follow edges: liveness, recovery, bounded response, test generation.

It is made in a second pass over an exploration that has finished: every state is expanded once more, with all answers
known, and targets are looked up in the sorted states. Edges are arrays in the order of their sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fsm.check.exploration import Exploration
from fsm.check.plain import PlainView, places_of, transitions
from fsm.check.seen import keys_of
from fsm.check.space import Block, Ints
from fsm.errors import UsageError
from fsm.kernel import Kind, Rule

CHUNK = 1 << 16

Label = tuple[Rule, int | None]
"""By whom an edge is taken: a rule, and its component where it is own."""


class GraphEdge(NamedTuple):
    """One transition out of a state; `target` is a state's number."""

    rule: str
    component: int | None
    what: str
    target: int


class StateGraph:
    """States 0 ... `states`-1 in the order of fewest faults, then fewest steps, and the edges between them.

    `first[i]` to `first[i + 1]` are the places of state i's edges in `target` (a state's number) and `label` (a place
    in `labels`). `faults` and `depth` say how many faults and steps a state needs. Symmetric states are one, where the
    exploration was symmetric.
    """

    def __init__(self, exploration: Exploration) -> None:
        if not exploration.finished:
            raise UsageError(f"the graph is not whole: the exploration was stopped by {exploration.stopped_by}")
        self.exploration, self.world, self.space = exploration, exploration.world, exploration.space
        levels = exploration.levels
        self.block: Block = np.concatenate([level.block for level in levels], axis=1)
        sizes = [level.block.shape[1] for level in levels]
        self.faults = np.repeat(np.array([level.faults for level in levels], np.uint16), sizes)
        self.depth = np.repeat(np.array([level.depth for level in levels], np.uint32), sizes)
        self.labels: list[Label] = [
            (rule, component)
            for rule in self.world.rules
            for component in (range(self.world.components) if rule.own else (None,))
        ]
        self._sort_states()
        self._find_edges()

    @staticmethod
    def bytes_of(exploration: Exploration) -> int:
        """The bytes that the graph will take, while it is made."""
        states, words = exploration.states, exploration.space.layout.words
        once = (
            min(states, CHUNK) * 2 * (exploration.transitions // max(states, 1) + 1)
        )  # edges made together, at a guess
        return states * (8 * words + 36) + exploration.transitions * 6 + once * (16 * words + 72)

    @property
    def states(self) -> int:
        return int(self.block.shape[1])

    @property
    def transitions(self) -> int:
        return len(self.target)

    @property
    def initial(self) -> Ints:
        """The numbers of the initial states."""
        return np.flatnonzero((self.faults == 0) & (self.depth == 0))

    def state(self, i: int) -> tuple[Any, ...]:
        """The values of a state, in the order of `World.slots`."""
        return self.space.state(self.block, i)

    def view(self, i: int, component: int | None = None) -> PlainView:
        """A state as a component, or nobody in particular, sees it."""
        return PlainView(self.world, places_of(self.world), self.state(i), component)

    def number(self, state: tuple[Any, ...]) -> int:
        """The number of a state; UsageError where it is not reachable."""
        numbers = [values.known(value) for values, value in zip(self.space.of_slot, state, strict=True)]
        if all(number is not None for number in numbers):
            block = self.space.layout.packed(np.array([[number] for number in numbers], np.int64))
            i = int(self._numbers(block)[0])
            if (self.block[:, i] == block[:, 0]).all():
                return i
        raise UsageError(f"no reachable state is {state!r}")

    def edges(self, i: int) -> list[GraphEdge]:
        """The edges out of a state, with their words, in the order of the rules."""
        fold = self.exploration.fold_state
        return [
            GraphEdge(each.rule.name, each.component, each.what, self.number(fold(each.target)))
            for each in transitions(self.world, self.state(i))
        ]

    @cached_property
    def sources(self) -> npt.NDArray[np.uint32]:
        """The source of every edge."""
        return np.repeat(np.arange(self.states, dtype=np.uint32), np.diff(self.first))

    @cached_property
    def faulty(self) -> npt.NDArray[np.bool_]:
        """By label, whether it is of a fault."""
        return np.array([rule.kind is Kind.FAULT for rule, _ in self.labels], bool)

    @cached_property
    def parents(self) -> Ints:
        """For every state one from which it is reached with fewest faults, then fewest steps; -1 for initial ones."""
        parents = np.full(self.states, -1, np.int64)
        for edges in self._slices():
            source, target = self.sources[edges], self.target[edges]
            faults = self.faults[source] + self.faulty[self.label[edges]]
            best = (faults == self.faults[target]) & (self.depth[source] + 1 == self.depth[target])
            target, source = target[best], source[best]
            unset = parents[target] < 0
            parents[target[unset][::-1]] = source[unset][::-1]  # of several the last one stays: the first source
        return parents

    def path_to(self, i: int) -> list[int]:
        """States from an initial one to this one."""
        path = [i]
        while self.parents[path[-1]] >= 0:
            path.append(int(self.parents[path[-1]]))
        return path[::-1]

    def _slices(self) -> Iterator[slice]:
        size = CHUNK << 6
        return (slice(start, start + size) for start in range(0, self.transitions, size))

    def _sort_states(self) -> None:
        self._salt = 1
        while True:
            keys = keys_of(self.block, self._salt)
            self._order = np.argsort(keys).astype(np.uint32)
            self._keys = keys[self._order]
            if (self._keys[1:] != self._keys[:-1]).all():
                return
            self._salt += 2

    def _numbers(self, block: Block) -> npt.NDArray[np.uint32]:
        """The numbers of states, which must be known; for others some number."""
        keys = keys_of(block, self._salt)
        order = np.argsort(keys)
        at = np.searchsorted(self._keys, keys[order])
        at[at == self.states] = 0
        numbers = np.empty(len(keys), np.uint32)
        numbers[order] = self._order[at]
        return numbers

    def _find_edges(self) -> None:
        label_of = {(rule.name, component): i for i, (rule, component) in enumerate(self.labels)}
        kind = np.uint16 if len(self.labels) < 1 << 16 else np.uint32
        self.first = np.zeros(self.states + 1, np.int64)
        self.target = np.empty(self.exploration.transitions, np.uint32)
        self.label = np.empty(self.exploration.transitions, kind)
        rows, successors, done = self.exploration.rows, self.exploration.successors, 0
        for start in range(0, self.states, CHUNK):
            block = self.block[:, start : start + CHUNK]
            steps = [successors.taken(block, each) for each in successors.counted(block)]
            if not steps:
                continue
            sources = np.concatenate([each.sources for each in steps])
            order = np.argsort(sources, kind="stable")
            end = done + len(sources)
            self.target[done:end] = self._numbers(np.concatenate([each.targets for each in steps], axis=1))[order]
            labels = [
                np.array([label_of.get((rule.name, each.component), 0) for rule in rows.rules])[
                    rows.rule.array[each.rows]
                ]
                for each in steps
            ]
            self.label[done:end] = np.concatenate(labels)[order]
            self.first[start + 1 : start + 1 + block.shape[1]] = np.bincount(sources, minlength=block.shape[1])
            done = end
        np.cumsum(self.first, out=self.first)
