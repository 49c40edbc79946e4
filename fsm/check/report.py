"""What a check says: a verdict on each property, and how much was looked at for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from fsm.check.story import Story
from fsm.kernel.property import Property


class Verdict(StrEnum):
    """`holds` is only said of what was looked at to the end, and is about something."""

    HOLDS = "holds"
    VIOLATED = "violated"
    NOT_FINISHED = "not finished"
    VACUOUS = "vacuous"


@dataclass(frozen=True, slots=True)
class Limits:
    """Where to stop: a number of states, bytes of data, or whenever `stopped` says so. None: no such limit.

    Memory is counted before it is taken: the data of the next part of the work must fit, else the work ends before it.
    """

    states: int | None = None
    memory: int | None = None
    stopped: Callable[[], bool] = lambda: False


class Progress(NamedTuple):
    """How far an exploration is. `frontier`: states of the present level, which are not all expanded yet."""

    states: int
    transitions: int
    depth: int
    faults: int
    frontier: int


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one property.

    `story` tells a violation. `component` is the one that violates it, where the property is own. `fairness_assumed`
    names every actor that is assumed to be fair; `fairness_needed` those without whom the property would not hold (the
    smallest set found that suffices), None where it does not hold or the question does not arise.
    """

    property: Property
    verdict: Verdict
    story: Story | None = None
    component: int | None = None
    fairness_assumed: tuple[str, ...] = ()
    fairness_needed: tuple[str, ...] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All verdicts. `bytes_`: data held at most, in bytes. `depth`, `faults`: of the longest shortest path found.

    `stopped_by` says which limit was hit, and is "" when the exploration is `finished`. `silent_rules` never fired;
    `values` counts the values that were seen of each part.
    """

    world: str
    components: int
    budgets: Mapping[str, int]
    states: int
    transitions: int
    depth: int
    faults: int
    bytes_: int
    finished: bool
    stopped_by: str
    findings: tuple[Finding, ...]
    silent_rules: tuple[str, ...]
    values: Mapping[str, int]
