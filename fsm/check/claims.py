"""Predicates on blocks of states and steps, memoised like rules; and the claims that one look at each state decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fsm.check.bundle import BlockSource, Bundle, Bundles, Table
from fsm.check.exploration import Exploration, Level
from fsm.check.moves import Steps
from fsm.check.space import Block, Ints, Space
from fsm.check.tree import Reading, RecordingView, Tree
from fsm.kernel import Form, Kind, Predicate, Property, Taken

Bools = npt.NDArray[np.bool_]
Cost = tuple[int, int]

CHUNK = 1 << 15
"""States that are looked at together."""

SHIFT = 32
"""A cost as one number: faults above, steps below."""


def predicate_tree(space: Space, name: str, predicate: Predicate, own: bool, audit: bool = False) -> Tree:
    """The memo of a predicate of one state: leaf 1 where it holds, 0 where not."""

    def ask(reading: Reading) -> int:
        return int(bool(predicate(RecordingView(space.codes, reading, own))))

    return Tree(f"the property {name!r}", space, ask, audit)


class Held:
    """Where one predicate holds, of blocks."""

    def __init__(self, space: Space, claim: Property, predicate: Predicate | None, audit: bool = False) -> None:
        self._bundle = predicate and Bundle(space, [predicate_tree(space, claim.id, predicate, claim.own, audit)])

    def of(self, block: Block, component: int | None) -> Bools:
        """For every state of the block, as the component sees it."""
        held = np.ones(block.shape[1], bool)
        if self._bundle is not None:
            for start in range(0, len(held), CHUNK):
                part = slice(start, start + CHUNK)
                held[part] = self._bundle.answers(block[:, part], component) > 0
        return held


def components_of(space: Space, claim: Property) -> Sequence[int | None]:
    """For which components a property is claimed: each one, or (None) the world as a whole."""
    return range(space.codes.components) if claim.own and claim.form is not Form.NO_DEADLOCK else (None,)


OUT, FINE, BAD = 0, 1, 2
"""Leaves of a claim about states: it does not apply, or it applies and holds, or does not."""


def claim_tree(space: Space, claim: Property, audit: bool = False) -> Tree:
    """The memo of a claim about single states."""
    own = components_of(space, claim) != (None,)

    def ask(reading: Reading) -> int:
        view = RecordingView(space.codes, reading, own)
        if claim.given is not None and not claim.given(view):
            return OUT
        return FINE if claim.then is None or claim.then(view) else BAD

    return Tree(f"the property {claim.id!r}", space, ask, audit)


@dataclass
class StateFound:
    """What was found of a claim about states: whether it applied anywhere, whether it held anywhere, and the first
    state where it did not: its number, and the component."""

    claim: Property
    applied: bool = False
    held: bool = False
    bad: tuple[int, int | None] | None = None


class StateClaims:
    """Looks at every state once for all claims about states: `always`, `sometimes`, and `no_deadlock`, which is only
    about expanded states without a move of the normal course."""

    def __init__(self, exploration: Exploration, claims: Iterable[Property], audit: bool = False) -> None:
        self.exploration = exploration
        self.found = {claim.id: StateFound(claim) for claim in claims}
        self._looked = self._levels = 0
        self._found_of: dict[Tree, StateFound] = {}
        for found in self.found.values():
            self._found_of[claim_tree(exploration.space, found.claim, audit)] = found
        self._bundles = [
            (components, Bundles(exploration.space, trees)) for components, trees in self._by_components().items()
        ]

    def _by_components(self) -> dict[tuple[int | None, ...], list[Tree]]:
        grouped: dict[tuple[int | None, ...], list[Tree]] = {}
        for tree, found in self._found_of.items():
            components = tuple(components_of(self.exploration.space, found.claim))
            grouped.setdefault(components, []).append(tree)
        return grouped

    def look(self) -> None:
        """At the levels that were not looked at before."""
        for level in self.exploration.levels[self._levels :]:
            for start in range(0, level.block.shape[1], CHUNK):
                self._look(level, slice(start, start + CHUNK))
                self._looked += len(level.moves[start : start + CHUNK])
            self._levels += 1

    @property
    def all_bad(self) -> bool:
        """Whether every claim is refuted."""
        return all(found.bad is not None for found in self.found.values())

    def _look(self, level: Level, part: slice) -> None:
        block = level.block[:, part]
        still = ~level.moves[part]
        still[max(self.exploration.expanded - self._looked, 0) :] = False
        for components, bundles in self._bundles:
            for component in components:
                for bundle in bundles:
                    self._note(bundle, component, bundle.answers(block, component), still)

    def _note(self, bundle: Bundle, component: int | None, answers: Ints, still: Bools) -> None:
        present = np.flatnonzero(np.bincount(answers)).tolist()
        for i, tree in enumerate(bundle.trees):
            found = self._found_of[tree]
            leaves = {answer: bundle.combos[answer][i] for answer in present}
            found.applied |= any(leaf != OUT for leaf in leaves.values())
            found.held |= FINE in leaves.values()
            if BAD not in leaves.values():
                continue
            bad = np.isin(answers, [answer for answer, leaf in leaves.items() if leaf == BAD])
            if found.claim.form is Form.NO_DEADLOCK:
                bad &= still
            if bad.any():
                first = (self._looked + int(bad.argmax()), component)
                if found.bad is None or first[0] < found.bad[0]:
                    found.bad = first


@dataclass
class StepFound:
    """What was found of a claim about steps: whether any was concerned, and the cheapest bad one: its cost in faults
    and steps, and the number of the state before it."""

    claim: Property
    applied: bool = False
    bad: tuple[Cost, int] | None = None


class StepClaims:
    """Looks at every step once for all claims about steps."""

    def __init__(self, exploration: Exploration, claims: Iterable[Property], audit: bool = False) -> None:
        self.exploration, self.space = exploration, exploration.space
        self.found = {claim.id: StepFound(claim) for claim in claims}
        self._tables = {
            name: Table(self.space, step_tree(self.space, found.claim, audit)) for name, found in self.found.items()
        }
        self._concerned: dict[str, list[bool]] = {name: [] for name in self.found}
        self._kinds: dict[tuple[int, str, int | None], int] = {}

    def look(self, stopped: Callable[[], bool]) -> bool:
        """At every step out of an expanded state; False where it was stopped before the end."""
        done = 0
        for block, costs in self._blocks():
            if stopped():
                return False
            self._look(done, block, costs)
            done += block.shape[1]
        return True

    def _blocks(self) -> Iterator[tuple[Block, Ints]]:
        """The expanded states with their costs, levels together where they are small; costs are faults and steps in one
        number."""
        left, blocks, costs = self.exploration.expanded, list[Block](), list[Ints]()
        for level in self.exploration.levels:
            for start in range(0, level.block.shape[1], CHUNK):
                block = level.block[:, start : start + min(CHUNK, left)]
                left -= block.shape[1]
                blocks.append(block)
                costs.append(np.full(block.shape[1], level.faults << SHIFT | level.depth, np.int64))
                if sum(map(len, costs)) >= CHUNK:
                    yield np.concatenate(blocks, axis=1), np.concatenate(costs)
                    blocks, costs = [], []
        if blocks:
            yield np.concatenate(blocks, axis=1), np.concatenate(costs)

    def _look(self, done: int, block: Block, costs: Ints) -> None:
        steps = self._steps(block)
        if not steps:
            return
        sources = np.concatenate([each.sources for each in steps])
        targets = np.concatenate([each.targets for each in steps], axis=1)
        kinds = np.concatenate([self._kinds_of(each) for each in steps])
        faulty = np.repeat([each.kind is Kind.FAULT for each in steps], [len(each.rows) for each in steps])
        after = costs[sources] + (faulty.astype(np.int64) << SHIFT) + 1
        for name, found in self.found.items():
            concerned = np.flatnonzero(self._concerning(found.claim)[kinds])
            found.applied |= len(concerned) > 0
            if found.bad is not None:
                best = found.bad[0][0] << SHIFT | found.bad[0][1]
                concerned = concerned[after[concerned] < best]
            if not len(concerned):
                continue
            begun = sources[concerned]
            bad = self._bad(self._tables[name], found.claim, block[:, begun], targets[:, concerned], kinds[concerned])
            if len(bad):
                cheapest = bad[int(after[concerned[bad]].argmin())]
                cost = int(after[concerned[cheapest]])
                found.bad = ((cost >> SHIFT, cost & (1 << SHIFT) - 1), done + int(begun[cheapest]))

    def _steps(self, block: Block) -> list[Steps]:
        successors = self.exploration.successors
        return [successors.taken(block, counted, folded=False) for counted in successors.counted(block)]

    def _kinds_of(self, steps: Steps) -> Ints:
        """For every step the number of its `Taken`."""
        rows = self.exploration.rows
        rule_and_words = rows.rule.array * len(rows.what.array) + rows.what.array
        present, first, back = np.unique(rule_and_words[steps.rows], return_index=True, return_inverse=True)
        numbers = []
        for where in first.tolist():
            row = rows.all[int(steps.rows[where])]
            rule = rows.rules[row.rule]
            taken = Taken(rule.name, rule.actor, rule.kind, row.what, steps.component)
            numbers.append(self.space.steps.number(taken))
        return np.array(numbers, np.int64)[back] if len(present) else np.zeros(0, np.int64)

    def _concerning(self, claim: Property) -> Bools:
        """By number of a `Taken`: whether the claim is about it."""
        known = self._concerned[claim.id]
        for taken in self.space.steps.all[len(known) :]:
            known.append(claim.concerned is None or bool(claim.concerned(taken)))
        return np.array(known, bool)

    def _bad(self, table: Table, claim: Property, before: Block, after: Block, kinds: Ints) -> Ints:
        """The places of steps that are not allowed for some component."""
        allowed = np.ones(len(kinds), bool)
        for component in components_of(self.space, claim):
            allowed &= table.leaves(StepSource(self.space, before, after, kinds, component)) > 0
        return np.flatnonzero(~allowed)


class StepSource:
    """Steps as a component sees them: the codes of the state before, those of the state after, and the step itself."""

    def __init__(self, space: Space, before: Block, after: Block, kinds: Ints, component: int | None) -> None:
        self.size = len(kinds)
        self._codes, self._kinds = space.codes, kinds
        self._sides = (BlockSource(space, before, component), BlockSource(space, after, component))

    def column(self, code: int) -> Ints:
        """The numbers of the values there."""
        if code == self._codes.taken:
            return self._kinds
        return self._sides[code // self._codes.count].column(code % self._codes.count)


def step_tree(space: Space, claim: Property, audit: bool = False) -> Tree:
    """The memo of a claim about steps: leaf 1 where it is allowed, 0 where not."""
    allowed = claim.step
    assert allowed is not None

    def ask(reading: Reading) -> int:
        taken = reading.read(space.codes.taken)
        before = RecordingView(space.codes, reading, claim.own)
        after = RecordingView(space.codes, reading, claim.own, base=space.codes.count)
        return int(bool(allowed(before, taken, after)))

    return Tree(f"the property {claim.id!r}", space, ask, audit)
