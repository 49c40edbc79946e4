"""Judges vectors: what they expect against what `fsm.rules` and `fsm.reference` do. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from fsm.conform.compare import DEFAULT_TOLERANCE, Difference, differences
from fsm.conform.play import Played
from fsm.conform.vector import RuleCase, Vector
from fsm.errors import InputError


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A difference, and in which outcome: `step` counts the entries of `then` from 0, and is None of a rule."""

    step: int | None
    difference: Difference


@dataclass(frozen=True, slots=True)
class Judgement:
    """A vector, what happened when it was played, and where that is not what was expected."""

    vector: Vector
    runs: tuple[Played, ...]
    mismatches: tuple[Mismatch, ...]

    @property
    def conforms(self) -> bool:
        return not self.mismatches


def judged(vector: Vector, tolerance: int = DEFAULT_TOLERANCE) -> Judgement:
    """Play a vector and compare. One that cannot be played is an InputError at the vector's place."""
    runs = tuple(_runs(vector))
    mismatches = [
        Mismatch(None if isinstance(vector.case, RuleCase) else step, each)
        for step, (expected, ours) in enumerate(zip(vector.then, runs, strict=True))
        for each in differences(expected, ours.outcome, tolerance)
    ]
    return Judgement(vector, runs, tuple(mismatches))


def _runs(vector: Vector) -> Iterator[Played]:
    try:
        yield from vector.case.played()
    except InputError as error:
        place = replace(vector.place, path=error.place.path)
        raise InputError(error.problem, expected=error.expected, place=place) from None


# ------------------------------------------------------------------ over many vectors


@dataclass
class Group:
    """The mismatches at paths of one shape: their first, how many there are, and in how many vectors."""

    first: Mismatch
    where: Vector
    count: int = 0
    vectors: int = 0


@dataclass
class Tally:
    """Counts judgements as they come; the mismatches by the shape of their paths."""

    conform: int = 0
    mismatched: int = 0
    _groups: dict[str, Group] = field(default_factory=dict)

    def add(self, judgement: Judgement) -> None:
        if judgement.conforms:
            self.conform += 1
            return
        self.mismatched += 1
        counts = Counter(each.difference.shape for each in judgement.mismatches)
        firsts = {each.difference.shape: each for each in reversed(judgement.mismatches)}
        for shape, count in counts.items():
            group = self._groups.setdefault(shape, Group(firsts[shape], judgement.vector))
            group.count += count
            group.vectors += 1

    @property
    def vectors(self) -> int:
        return self.conform + self.mismatched

    @property
    def groups(self) -> list[tuple[str, Group]]:
        """By the number of vectors, most first; then in the order in which they were met."""
        return sorted(self._groups.items(), key=lambda pair: -pair[1].vectors)
