"""Constructors of properties: what is claimed of every run of a world. Values; who checks them is not known here.

A predicate is a function of a view, like a rule: it reads what it needs, and must depend on nothing else. `own`: the
claim is made for each component by itself, whose parts the predicate sees by their plain names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from fsm.kernel.world import Kind

Predicate = Callable[[Any], bool]
"""Of one state, seen through a `View`."""


class Taken(NamedTuple):
    """Which step was taken: the rule's name, actor and kind, and the move's words; its component, or None."""

    rule: str
    actor: str
    kind: Kind
    what: str
    component: int | None


StepPredicate = Callable[[Any, Taken, Any], bool]
"""Of the states before and after a step, and the step."""


class Form(StrEnum):
    """What kind of claim it is, in the words of temporal logic."""

    ALWAYS = "always"
    STEP = "step"
    SOMETIMES = "sometimes"
    EVENTUALLY = "eventually"
    LEADS_TO = "leads to"
    RECOVERABLE = "recoverable"
    WITHIN = "within"
    NO_DEADLOCK = "no deadlock"


@dataclass(frozen=True, slots=True)
class Property:
    """A claim. `given` must hold somewhere, or the claim is vacuous; `then` is what it claims where `given` holds."""

    id: str
    sentence: str
    form: Form
    given: Predicate | None = None
    then: Predicate | None = None
    step: StepPredicate | None = None
    concerned: Callable[[Taken], bool] | None = None
    ticks: int = 0
    clock: str = ""
    own: bool = True


def always(name: str, sentence: str, then: Predicate, given: Predicate | None = None, own: bool = True) -> Property:
    """In every reachable state in which `given` holds, `then` holds."""
    return Property(name, sentence, Form.ALWAYS, given, then, own=own)


def never(name: str, sentence: str, bad: Predicate, given: Predicate | None = None, own: bool = True) -> Property:
    """No reachable state (in which `given` holds) is bad."""
    return always(name, sentence, lambda view: not bad(view), given, own)


def steps(
    name: str,
    sentence: str,
    allowed: StepPredicate,
    concerned: Callable[[Taken], bool] | None = None,
    own: bool = True,
) -> Property:
    """Every step that is `concerned` is `allowed`; vacuous where no step is concerned."""
    return Property(name, sentence, Form.STEP, step=allowed, concerned=concerned, own=own)


def sometimes(name: str, sentence: str, then: Predicate, own: bool = False) -> Property:
    """Some reachable state is like that: a claim against vacuity."""
    return Property(name, sentence, Form.SOMETIMES, then=then, own=own)


def eventually(name: str, sentence: str, then: Predicate, own: bool = True) -> Property:
    """Every fair run comes to such a state."""
    return Property(name, sentence, Form.EVENTUALLY, then=then, own=own)


def leads_to(name: str, sentence: str, given: Predicate, then: Predicate, own: bool = True) -> Property:
    """Whenever `given` holds in a fair run, `then` holds there or later."""
    return Property(name, sentence, Form.LEADS_TO, given, then, own=own)


def recoverable(
    name: str, sentence: str, then: Predicate, given: Predicate | None = None, own: bool = True
) -> Property:
    """From every reachable state (in which `given` holds) some run leads to `then`: AG EF, without fairness."""
    return Property(name, sentence, Form.RECOVERABLE, given, then, own=own)


def within(
    name: str, sentence: str, given: Predicate, then: Predicate, ticks: int, clock: str, own: bool = True
) -> Property:
    """After `given`, at most `ticks` steps of the rule `clock` are taken before `then` holds."""
    return Property(name, sentence, Form.WITHIN, given, then, ticks=ticks, clock=clock, own=own)


def no_deadlock(name: str, sentence: str, resting: Predicate) -> Property:
    """A state in which nothing but faults and people can move is `resting`."""
    return Property(name, sentence, Form.NO_DEADLOCK, then=resting, own=False)
