"""Liveness under fairness: where can a fair run stay for ever, and which assumptions does a property need?

A fair run that never comes to q ends up in a strongly connected part of the graph without q. Such a part is a *fair
trap* if every weakly fair actor takes a step inside it, or cannot move in some state of it; a state that nobody must
leave is one too, for a run may stay there. A strongly fair actor that takes no step inside must be unable to move
everywhere in it: states where it can are dropped, and what remains is looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from fsm.check.graph import StateGraph
from fsm.check.space import Ints
from fsm.kernel import Fairness

Bools = npt.NDArray[np.bool_]
Masks = npt.NDArray[np.uint64]

Actor = tuple[str, int | None]
"""Who is assumed to be fair: an actor, of one component where its rules are own."""

MOST_TRIED = 16
"""Up to so many actors the smallest set of assumptions is searched for; beyond that a set of which none may be
dropped."""

WORD = 64


@dataclass(frozen=True)
class Groups:
    """All assumptions: actors with the strength of their fairness. `of_label[l]` is the group of an edge's label, or
    -1. Sets of groups are bits in rows of words."""

    actors: tuple[tuple[Fairness, Actor], ...]
    of_label: Ints

    @property
    def words(self) -> int:
        return len(self.actors) // WORD + 1

    def masks(self, groups: Iterable[int]) -> list[int]:
        """A set of groups as bits, one number for each word."""
        masks = [0] * self.words
        for group in groups:
            masks[group // WORD] |= 1 << group % WORD
        return masks

    def strong(self, groups: Iterable[int]) -> list[int]:
        """Those that are strongly fair."""
        return [group for group in groups if self.actors[group][0] is Fairness.STRONG]


def groups_of(graph: StateGraph) -> Groups:
    """The groups of a world's rules."""
    keys = [(rule.assumed, (rule.actor, component)) for rule, component in graph.labels]
    actors = tuple(dict.fromkeys(key for key in keys if key[0] is not Fairness.NONE))
    return Groups(actors, np.array([actors.index(key) if key in actors else -1 for key in keys], np.int64))


@dataclass(frozen=True)
class Traps:
    """`of_state[i]`: which trap state i belongs to, -1 for none. `missing`: for every strongly connected part, which
    groups keep it from being a trap (each set once); an empty set is a trap."""

    of_state: Ints
    missing: frozenset[frozenset[int]]

    @property
    def any(self) -> bool:
        """Whether there is a trap at all."""
        return bool((self.of_state >= 0).any())


class Liveness:
    """The questions of one graph."""

    def __init__(self, graph: StateGraph) -> None:
        self.graph, self.groups = graph, groups_of(graph)
        self._bits = np.zeros((self.groups.words, len(graph.labels)), np.uint64)
        for label, group in enumerate(self.groups.of_label.tolist()):
            if group >= 0:
                self._bits[group // WORD, label] = np.uint64(1 << group % WORD)
        self.enabled = self._enabled()

    @staticmethod
    def bytes_of(graph: StateGraph) -> int:
        """The bytes that a question may take beside the graph, in the worst case."""
        return graph.transitions * 44 + graph.states * (24 * groups_of(graph).words + 60)

    def enabled_in(self, state: int) -> frozenset[int]:
        """The groups that can move in a state."""
        return self._members(self.enabled[:, state])

    def traps(self, places: Bools, assumed: Sequence[int] | None = None) -> Traps:
        """The fair traps among some states; `assumed`: the groups that are fair, all of them by default."""
        fair = range(len(self.groups.actors)) if assumed is None else assumed
        of_state = np.full(self.graph.states, -1, np.int64)
        missing: set[frozenset[int]] = set()
        count = 0
        while places.any():
            parts = self._parts(places, fair)
            missing |= parts.missing
            again = np.zeros(self.graph.states, bool)
            if parts.trap.any():
                here = parts.trap[parts.of_state]
                ends = here & self._ending(parts, fair)
                split = np.zeros(len(parts.trap), bool)
                split[parts.of_state[ends]] = True
                whole = here & ~split[parts.of_state]
                of_state[parts.states[whole]] = count + parts.of_state[whole]
                again[parts.states[here & split[parts.of_state] & ~ends]] = True
            count += len(parts.trap)
            places = again
        return Traps(of_state, frozenset(missing))

    def needed(self, places: Bools, traps: Traps) -> tuple[int, ...]:
        """The smallest set of groups that must be fair so that there is no trap among the places."""
        if not self.groups.strong(range(len(self.groups.actors))):
            return _hitting_set(traps.missing)
        needed = list(range(len(self.groups.actors)))
        for group in list(needed):  # one after another; the set that remains may not be the smallest
            fewer = [each for each in needed if each != group]
            if not self.traps(places, fewer).any:
                needed = fewer
        return tuple(needed)

    def _enabled(self) -> Masks:
        graph = self.graph
        enabled = np.zeros((self.groups.words, graph.states), np.uint64)
        size = 1 << 20
        for start in range(0, graph.states, size):
            first = graph.first[start : start + size + 1]
            filled = np.flatnonzero(first[1:] > first[:-1])
            if len(filled):
                labels = graph.label[first[0] : first[-1]]
                for word, bits in enumerate(self._bits):
                    enabled[word, start + filled] = np.bitwise_or.reduceat(bits[labels], first[filled] - first[0])
        return enabled

    def _parts(self, places: Bools, fair: Sequence[int]) -> _Parts:
        """The strongly connected parts, and which of them have no weakly fair group against them."""
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import connected_components

        graph = self.graph
        states = np.flatnonzero(places)
        number = np.cumsum(places, dtype=np.int32) - np.int32(1)
        inner = np.flatnonzero(places[graph.target] & places[graph.sources])
        sources, targets = number[graph.sources[inner]], number[graph.target[inner]]
        first = np.zeros(len(states) + 1, np.int64)
        np.cumsum(np.bincount(sources, minlength=len(states)), out=first[1:])
        matrix = csr_matrix((np.ones(len(targets), np.int8), targets, first), shape=(len(states), len(states)))
        count, of_state = connected_components(matrix, directed=True, connection="strong")
        inside = of_state[sources] == of_state[targets]
        taken = np.zeros((self.groups.words, count), np.uint64)
        disabled = np.zeros((self.groups.words, count), np.uint64)
        for word in range(self.groups.words):
            bits = self._bits[word][graph.label[inner[inside]]]
            np.bitwise_or.at(taken[word], of_state[sources[inside]], bits)
            _or_into(disabled[word], of_state, ~self.enabled[word, states])
        wanted = np.array(self.groups.masks(fair), np.uint64)[:, None]
        lacking = wanted & ~(taken | disabled)
        profiles = np.unique(lacking, axis=1) if self.groups.words > 1 else np.unique(lacking[0])[None]
        missing = frozenset(self._members(profile) for profile in profiles.T)
        return _Parts(states, of_state, taken, np.asarray(~lacking.any(axis=0)), missing)

    def _ending(self, parts: _Parts, fair: Sequence[int]) -> Bools:
        """States where a strongly fair group can move that takes no step in the state's part."""
        strong = np.array(self.groups.masks(self.groups.strong(fair)), np.uint64)[:, None]
        if not strong.any():
            return np.zeros(len(parts.states), bool)
        ends = self.enabled[:, parts.states] & strong & ~parts.taken[:, parts.of_state]
        return np.asarray(ends.any(axis=0))

    def _members(self, masks: Masks) -> frozenset[int]:
        return frozenset(
            word * WORD + bit for word, mask in enumerate(masks.tolist()) for bit in range(WORD) if mask >> bit & 1
        ) & frozenset(range(len(self.groups.actors)))


@dataclass(frozen=True)
class _Parts:
    """Strongly connected parts of some states. `taken`: groups that take a step inside; `trap`: parts that no weakly
    fair group leaves."""

    states: Ints
    of_state: Ints
    taken: Masks
    trap: Bools
    missing: frozenset[frozenset[int]]


def _or_into(result: Masks, places: Ints, bits: Masks) -> None:
    """result[places] |= bits, where a place may occur often; most occur once."""
    once = np.bincount(places, minlength=len(result))[places] == 1
    result[places[once]] = bits[once]
    np.bitwise_or.at(result, places[~once], bits[~once])


def _hitting_set(sets: Iterable[frozenset[int]]) -> tuple[int, ...]:
    """The smallest set that has a member in each of the sets, none of which is empty; beyond MOST_TRIED elements one of
    which none can be dropped."""
    minimal: list[frozenset[int]] = []
    for each in sorted(sets, key=lambda each: (len(each), sorted(each))):
        if not any(other <= each for other in minimal):
            minimal.append(each)
    forced = {next(iter(each)) for each in minimal if len(each) == 1}
    open_ = [each for each in minimal if not each & forced]
    choices = sorted(frozenset().union(*open_)) if open_ else []
    if len(choices) <= MOST_TRIED:
        for size in range(len(choices) + 1):
            for chosen in combinations(choices, size):
                if all(each & set(chosen) for each in open_):
                    return tuple(sorted(forced | set(chosen)))
    kept = set(choices)
    for choice in choices:
        if all(each & (kept - {choice}) for each in open_):
            kept.discard(choice)
    return tuple(sorted(forced | kept))
