"""The six words of a verdict, what comes with one, and how long a state may last before it counts as stuck."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from fsm.errors import UsageError
from fsm.model import text_of


class Judgement(StrEnum):
    """The six words (a contract, DESIGN section 6), worst first."""

    STUCK = "stuck"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    WAITING = "waiting"
    PROGRESSING = "progressing"
    DONE = "done"


_WORST_FIRST = list(Judgement)

MINUTE = 60
DEADLINES: Mapping[str, int] = MappingProxyType(
    {
        "image-pull": 10 * MINUTE,  # since the pod's startTime
        "pod-pending": 10 * MINUTE,  # since the pod was created or started
        "failure-target": 15 * MINUTE,  # FailureTarget without Failed, since its condition
        "terminating": 15 * MINUTE,  # a Job with a deletionTimestamp, since then
        "no-job": 10 * MINUTE,  # pending without a Job, since the Backup was created
    }
)
"""How long a state may last before it counts as stuck, in seconds; `--deadline NAME=DURATION` changes one."""


class Verdict(NamedTuple):
    """A verdict. `until` is Unix seconds; `escape` is what a person can do; `needs` names objects that are missing;
    `evidence` names the fields and objects it rests on; `trap` is the id of the trap that holds."""

    verdict: Judgement
    because: str
    until: int | None = None
    escape: str | None = None
    needs: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    trap: str | None = None


def worst(first: Verdict, second: Verdict) -> Verdict:
    """The worse of two; the first where they are equally bad."""
    return min(first, second, key=lambda each: _WORST_FIRST.index(each.verdict))


def deadlines_with(changes: Mapping[str, int]) -> Mapping[str, int]:
    """The table with some rows changed; an unknown name is a UsageError that lists the names."""
    unknown = sorted(set(changes) - set(DEADLINES))
    if unknown:
        raise UsageError(f"there is no deadline {', '.join(unknown)}; there are {', '.join(DEADLINES)}")
    return {**DEADLINES, **changes}


def by_deadline(because: str, until: int, now: int, escape: str, evidence: tuple[str, ...]) -> Verdict:
    """Before the deadline it waits, from then on it is stuck."""
    if now < until:
        return Verdict(Judgement.WAITING, because, until=until, evidence=evidence)
    return Verdict(Judgement.STUCK, f"{because}, since {text_of(until)} too long", escape=escape, evidence=evidence)
