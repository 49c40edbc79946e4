"""Takes turns: runs several ways to do the same work in interleaved, shuffled rounds, and compares them by ratio.

Times are CPU times of this process, so that other programs on the computer disturb the caches and nothing else.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Settings:
    """How long to measure. `slice_ns` is the CPU time one side gets in one round."""

    seed: int = 1
    rounds: int = 15
    slice_ns: int = 60_000_000
    quick: bool = False


QUICK = Settings(rounds=5, slice_ns=10_000_000, quick=True)


@dataclass(frozen=True)
class Side:
    """One way to do the work: `run(n)` does all of it n times, which is `size` units (events, items) each time."""

    name: str
    run: Callable[[int], object]
    size: int = 1


@dataclass(frozen=True)
class Finding:
    """One row: `ours` and `other` in `unit` (less is better), `ratio` = other / ours.

    `wanted` is the least ratio that satisfies, `limit` the most that `ours` may be; None where nothing was promised.
    """

    benchmark: str
    subject: str
    against: str
    unit: str
    ours: float
    other: float | None = None
    ratio: float | None = None
    wanted: float | None = None
    limit: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether what was wanted is there; None where nothing was."""
        if self.wanted is not None and self.ratio is not None:
            return self.ratio >= self.wanted
        return None if self.limit is None else self.ours <= self.limit


class DisagreementError(Exception):
    """Two sides gave different answers, so comparing their speed would say nothing."""


def agreed(answers: dict[str, object]) -> None:
    """All answers are equal; DisagreementError names the first that is not."""
    (first, expected), *others = answers.items()
    for name, answer in others:
        if answer != expected:
            raise DisagreementError(f"{name} and {first} differ: {answer!r} is not {expected!r}")


def compared(
    benchmark: str,
    unit: str,
    ours: Side,
    others: Sequence[tuple[Side, float | None]],
    settings: Settings,
) -> list[Finding]:
    """One finding for each other side, with the ratio wanted of it. Units are nanoseconds of CPU time for one unit."""
    sides = [ours, *(side for side, _ in others)]
    rounds = _rounds(sides, settings)
    return [
        Finding(
            benchmark,
            ours.name,
            side.name,
            unit,
            median(each[ours.name] for each in rounds),
            median(each[side.name] for each in rounds),
            median(each[side.name] / each[ours.name] for each in rounds),
            wanted,
        )
        for side, wanted in others
    ]


def _rounds(sides: Sequence[Side], settings: Settings) -> list[dict[str, float]]:
    times = {side.name: _times(side, settings.slice_ns) for side in sides}
    rng = random.Random(settings.seed)
    rounds = []
    for _ in range(settings.rounds):
        order = rng.sample(sides, len(sides))
        rounds.append({side.name: _spent(side, times[side.name]) / times[side.name] / side.size for side in order})
    return rounds


def _times(side: Side, slice_ns: int) -> int:
    """How often a side must run to fill its slice; running it here also warms it up."""
    times = 1
    while (spent := _spent(side, times)) < slice_ns / 4:
        times *= 2
    return max(1, round(times * slice_ns / spent))


def _spent(side: Side, times: int) -> int:
    gc.collect()
    start = time.process_time_ns()
    side.run(times)
    return time.process_time_ns() - start
