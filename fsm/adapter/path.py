"""How a machine gets from where it was to where it is seen to be: along declared edges, by the facts first.

The cheapest path is taken: events that the objects tell cost little, guesses cost much. A guess is marked as inferred,
because an item that told it was never seen.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

from fsm.adapter.lifecycle import Evidence, Lifecycle, Offer, guessed, told
from fsm.kernel import MachineState, Step, try_step

MOST_STEPS = 12
"""The longest path that is looked for; the longest useful one runs through a whole attempt and its failure."""
MOST_STATES = 2_000
"""States that are looked at on the way. Of paths that exist none was seen to need 500; where there was none, a
log backup with all its commands had up to 18,706."""

_KNOWN, _GUESSED, _FAR_FETCHED = 1, 100, 1000
FAR_FETCHED = frozenset(
    (
        *("job_failed", "job_vanished", "aborted", "rejected", "deletion_requested", "deleted"),
        *("attempt_overdue", "blocked", "task_found"),
    )
)
"""What is guessed only where nothing else explains what is seen: bad news that nobody told."""


class Leg(NamedTuple):
    """One step of a path. `inferred`: no object told the event. `timed`: an object gave its very time."""

    step: Step
    inferred: bool
    timed: bool


def path_between(
    lifecycle: Lifecycle, start: MachineState, target: MachineState, evidence: Evidence, now: int
) -> tuple[Leg, ...] | None:
    """The legs from start to target; empty where they are the same already, None where no declared path leads there.

    First a path that agrees in everything the lifecycle compares, then one that agrees in the configuration.
    """
    if lifecycle.same(start, target, True):
        return ()
    start = lifecycle.wished_as(start, target)
    direct = _direct(lifecycle, start, target, evidence, now)
    if direct is not None:
        return (direct,)
    for exactly in (True, False):
        found = (
            ()
            if lifecycle.same(start, target, exactly)
            else _cheapest(lifecycle, start, target, evidence, now, exactly)
        )
        if found is not None:
            return found
    return None


def _direct(
    lifecycle: Lifecycle, start: MachineState, target: MachineState, evidence: Evidence, now: int
) -> Leg | None:
    """The one step that a fact tells, which is nearly always all there is; the search would find the same."""
    leading = lifecycle.machine.events_into(start.configuration, target.configuration)
    for question in lifecycle.questions_about(leading, start, target):
        offer = told(evidence, question, now)
        if offer is not None:
            leg = _leg(lifecycle, start, offer)
            if leg is not None and lifecycle.same(leg.step.after, target, True):
                return leg
    return None


def _leg(lifecycle: Lifecycle, state: MachineState, offer: Offer) -> Leg | None:
    step = try_step(lifecycle.machine, state, offer.event)
    return None if step is None else Leg(step, not offer.known, offer.timed)


def _cheapest(
    lifecycle: Lifecycle, start: MachineState, target: MachineState, evidence: Evidence, now: int, exactly: bool
) -> tuple[Leg, ...] | None:
    """Dijkstra's algorithm over machine states; ties go to what was found first, so the answer is always the same."""
    queue: list[tuple[int, int, MachineState, tuple[Leg, ...]]] = [(0, 0, start, ())]
    done: set[MachineState] = set()
    count = 0
    while queue and len(done) < MOST_STATES:
        cost, _, state, legs = heapq.heappop(queue)
        if legs and lifecycle.same(state, target, exactly):
            return legs
        if state in done or len(legs) == MOST_STEPS:
            continue
        done.add(state)
        for question in lifecycle.questions_about(lifecycle.machine.enabled(state.configuration), state, target):
            offer = told(evidence, question, now)
            if offer is None and not question.guessable:
                continue
            offer = offer or guessed(question, now)
            leg = _leg(lifecycle, state, offer)
            after = None if leg is None else lifecycle.wished_as(leg.step.after, target)
            if leg is not None and after is not None and after not in done:
                count += 1
                heapq.heappush(queue, (cost + _price(offer), count, after, (*legs, leg)))
    return None


def _price(offer: Offer) -> int:
    if offer.known:
        return _KNOWN
    return _FAR_FETCHED if offer.event.name in FAR_FETCHED else _GUESSED
