"""Predicates on blocks of states and steps, memoised like rules; and the claims that one look at each state decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fsm.check.bundle import BlockSource, Bundle, Bundles
from fsm.check.exploration import Exploration, Level
from fsm.check.moves import Steps
from fsm.check.space import Block, Ints, Space
from fsm.check.tree import Reading, RecordingView, Tree
from fsm.kernel import Form, Kind, Predicate, Property, StepPredicate, Taken

Bools = npt.NDArray[np.bool_]
Cost = tuple[int, int]

CHUNK = 1 << 16


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
        self.exploration, self.space, self._audit = exploration, exploration.space, audit
        self.found = {claim.id: StepFound(claim) for claim in claims}
        self._trees: dict[tuple[str, Taken], Tree | None] = {}

    def look(self, stopped: Callable[[], bool]) -> bool:
        """At every step out of an expanded state; False where it was stopped before the end."""
        done = 0
        for level in self.exploration.levels:
            for start in range(0, level.block.shape[1], CHUNK):
                if done >= self.exploration.expanded:
                    return True
                if stopped():
                    return False
                block = level.block[:, start : start + CHUNK]
                for counted in self.exploration.successors.counted(block):
                    self._look(level, done, block, self.exploration.successors.taken(block, counted, folded=False))
                done += block.shape[1]
        return True

    def _look(self, level: Level, before: int, block: Block, steps: Steps) -> None:
        rows = self.exploration.rows
        words = rows.rule.array * len(rows.what.array) + rows.what.array
        kinds = words[steps.rows]
        for kind in _present(kinds):
            here = np.flatnonzero(kinds == kind)
            row = rows.all[int(steps.rows[here[0]])]
            rule = rows.rules[row.rule]
            taken = Taken(rule.name, rule.actor, rule.kind, row.what, steps.component)
            for found in self.found.values():
                tree = self._tree(found.claim, taken)
                if tree is None:
                    continue
                found.applied = True
                cost = (level.faults + (rule.kind is Kind.FAULT), level.depth + 1)
                if found.bad is None or cost < found.bad[0]:
                    bad = self._bad(tree, found.claim, block[:, steps.sources[here]], steps.targets[:, here])
                    if bad is not None:
                        found.bad = (cost, before + int(steps.sources[here[bad]]))

    def _bad(self, tree: Tree, claim: Property, before: Block, after: Block) -> int | None:
        for component in components_of(self.space, claim):
            leaves = tree.leaves(StepSource(self.space, before, after, component))
            if not leaves.all():
                return int((leaves == 0).argmax())
        return None

    def _tree(self, claim: Property, taken: Taken) -> Tree | None:
        """The memo of a claim about one kind of steps; None where they are not concerned."""
        key = (claim.id, taken)
        if key not in self._trees:
            concerned = claim.concerned is None or claim.concerned(taken)
            assert claim.step is not None
            self._trees[key] = step_tree(self.space, claim, claim.step, taken, self._audit) if concerned else None
        return self._trees[key]


class StepSource:
    """Steps as a component sees them: the codes of the state before, and, beyond those, of the state after."""

    def __init__(self, space: Space, before: Block, after: Block, component: int | None) -> None:
        self.size = before.shape[1]
        self._count = space.codes.count
        self._sides = (BlockSource(space, before, component), BlockSource(space, after, component))

    def column(self, code: int) -> Ints:
        """The numbers of the values there."""
        return self._sides[code // self._count].column(code % self._count)


def step_tree(space: Space, claim: Property, step: StepPredicate, taken: Taken, audit: bool = False) -> Tree:
    """The memo of a claim about steps of one kind: leaf 1 where it is allowed, 0 where not."""

    def ask(reading: Reading) -> int:
        before = RecordingView(space.codes, reading, claim.own)
        after = RecordingView(space.codes, reading, claim.own, base=space.codes.count)
        return int(bool(step(before, taken, after)))

    return Tree(f"the property {claim.id!r}", space, ask, audit)


def _present(numbers: Ints) -> list[int]:
    return np.flatnonzero(np.bincount(numbers)).tolist() if len(numbers) else []
