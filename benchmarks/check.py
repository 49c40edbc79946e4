"""Exploring and checking the snapshot world: the engine, SPIN, and a dictionary in plain Python, all in one run.

Every exploration is a process of its own; times are its CPU time. What is left out: for SPIN generating and compiling
the verifier, for Python starting and importing. Before a time is compared, the counts of both sides are.
What is checked are three invariants and that every backup ends, under weak fairness; on our side also that final phases
stay final.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import spin
from benchmarks.dictionary import Size
from benchmarks.exploring import Explored, explored_by
from benchmarks.measure import Finding, Settings, agreed

LARGE, MIDDLE, SMALL = Size(3, 2, 1, 1), Size(2, 7, 3, 1), Size(2, 1, 1, 0)
"""10,020,987 states, 969,396 and 21,726."""

MODEL = Path(__file__).with_name("snapshot.pml")
ROUNDS = 3

Run = Callable[[], Explored]


@dataclass(frozen=True)
class Row:
    """Ours against another, both by the name of the side, on one size; `other` is "" where there is nobody.

    `wanted` is the least ratio of the times that satisfies; only of the large size was anything promised.
    """

    ours: str
    against: str
    other: str
    wanted: float | None = None


def findings(settings: Settings) -> list[Finding]:
    """Speed, memory and data, at about 10^7 states, or 10^6 where it must be quick; in at most `ROUNDS` rounds."""
    absent = spin.missing()
    if absent:
        print(f"{absent}; its rows are left out", file=sys.stderr)
    with Sides(MIDDLE if settings.quick else LARGE, with_spin=not absent) as sides:
        rng, rounds = random.Random(settings.seed), []
        for number in range(1 if settings.quick else min(settings.rounds, ROUNDS)):
            names = [name for name in sides.runs if number == 0 or name not in sides.once]
            rounds.append({name: sides.runs[name]() for name in rng.sample(names, len(names))})
    for each in rounds:
        compare(each)
    found = [_speed(row, rounds) for row in sides.rows()]
    ours = sides.name("engine")
    found.append(_of_one(f"{ours}: data", "B/state", median(each[ours].data for each in rounds), limit=30))
    peak = median(each[ours].peak for each in rounds)
    theirs = sides.name("SPIN")
    if absent:
        found.append(_of_one(f"{ours}: peak memory", "B", peak))
    else:
        other = median(each[theirs].peak for each in rounds)
        found.append(Finding("check", f"{ours}: peak memory", theirs, "B", peak, other, other / peak))
    return found


class Sides:
    """Who is measured, by name; `once`: those that take minutes, and run in the first round only.

    A context: SPIN's compiled verifiers are gone at the end.
    """

    def __init__(self, size: Size, *, with_spin: bool) -> None:
        self.size, self.with_spin = size, with_spin
        self.verifiers: list[spin.Verifier] = []
        self.runs: dict[str, Run] = {
            self.name("engine"): lambda: explored_by("engine", size),
            self.name("dictionary by hand"): lambda: explored_by("dictionary", size),
            "engine, 969,396 states": lambda: explored_by("engine", MIDDLE),
            "dictionary by hand, 969,396 states": lambda: explored_by("dictionary", MIDDLE),
            "engine, 21,726 states": lambda: explored_by("engine", SMALL),
            "the specification, 21,726 states": lambda: explored_by("specification", SMALL),
            "check of 5 properties, 969,396 states": lambda: explored_by("checked", MIDDLE),
        }
        self.once = {self.name("dictionary by hand")} if size == LARGE else set()
        if with_spin:
            self.runs[self.name("SPIN")] = self._counting(size)
            self.runs["SPIN, 3 invariants and liveness, 969,396 states"] = self._judging(MIDDLE)

    def __enter__(self) -> Sides:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.verifiers:
            each.__exit__()

    def name(self, who: str) -> str:
        """A side of the size that is asked for."""
        states = {LARGE: "10,020,987", MIDDLE: "969,396", SMALL: "21,726"}[self.size]
        return f"{who}, {states} states"

    def rows(self) -> list[Row]:
        """What is compared with what."""
        large = self.size == LARGE
        found = [
            Row(self.name("engine"), "dictionary by hand", self.name("dictionary by hand"), 15 if large else None),
            Row("engine, 969,396 states", "dictionary by hand", "dictionary by hand, 969,396 states"),
            Row("engine, 21,726 states", "the specification", "the specification, 21,726 states"),
        ][not large :]
        if not self.with_spin:
            return [*found, Row("check of 5 properties, 969,396 states", "", "")]
        judged = "SPIN, 3 invariants and liveness, 969,396 states"
        return [
            Row(self.name("engine"), "SPIN at its best", self.name("SPIN"), 1 if large else None),
            *found,
            Row("check of 5 properties, 969,396 states", "SPIN -a -f", judged),
        ]

    def _verifier(self, size: Size, compiled: tuple[str, ...], *more: str) -> spin.Verifier:
        self.verifiers.append(spin.Verifier(MODEL.read_text(), compiled, (*defined(size), *more)))
        return self.verifiers[-1]

    def _counting(self, size: Size) -> Run:
        verifier = self._verifier(size, spin.BEST)
        return lambda: explored_by_spin(verifier)

    def _judging(self, size: Size) -> Run:
        """All invariants in one run, and a run for the liveness of each backup."""
        safe = self._verifier(size, spin.BEST, "-DSAFE")
        live = [self._verifier(size, spin.BEST_LIVE, f"-DLIVE={i}") for i in range(size.backups)]

        def run() -> Explored:
            judged = [safe.run(*OPTIONS), *(each.run(*OPTIONS, "-a", "-f") for each in live)]
            violated = tuple(str(i) for i, each in enumerate(judged) if each.errors)
            seconds, peak = sum(each.seconds for each in judged), max(each.peak for each in judged)
            return Explored(0, 0, seconds, peak, violated=violated)

        return run


OPTIONS = ("-m10000", "-w25")


def defined(size: Size) -> tuple[str, ...]:
    """The size, for the preprocessor of the model."""
    return tuple(f"-D{name}={value}" for name, value in zip(("N", "CMAX", "MAXR", "CRASH"), size, strict=True))


def explored_by_spin(verifier: spin.Verifier, *options: str) -> Explored:
    """One count by SPIN, which counts the coming into being of the first state as a transition."""
    judged = verifier.run(*(options or OPTIONS))
    violated = ("",) if judged.errors else ()
    return Explored(judged.states, judged.transitions - 1, judged.seconds, judged.peak, violated=violated)


def compare(sides: Mapping[str, Explored]) -> None:
    """DisagreementError where two sides of one size counted otherwise, or anything was violated."""
    by_size: dict[str, dict[str, object]] = {}
    for name, each in sides.items():
        agreed({name: each.violated, "the world": ()})
        if each.states:
            by_size.setdefault(name.rpartition(", ")[2], {})[name] = (each.states, each.transitions)
    for answers in by_size.values():
        agreed(answers)


def _speed(row: Row, rounds: list[dict[str, Explored]]) -> Finding:
    """Medians of the rounds in which both took part: a time for each state, or the whole time of a check."""
    both = [each for each in rounds if row.other in each or not row.other]
    checks = row.ours.startswith("check")
    scale, unit = (1e3, "ms") if checks else (1e9 / rounds[0][row.ours].states, "ns/state")
    ours = median(each[row.ours].seconds for each in both)
    if not row.other:
        return _of_one(row.ours, unit, ours * scale)
    other = median(each[row.other].seconds for each in both)
    ratio = median(each[row.other].seconds / each[row.ours].seconds for each in both)
    return Finding("check", row.ours, row.against, unit, ours * scale, other * scale, ratio, wanted=row.wanted)


def _of_one(subject: str, unit: str, value: float, limit: float | None = None) -> Finding:
    return Finding("check", subject, "", unit, value, limit=limit)
