"""Dispatch alone: a chart without context, guards and actions.

What is left is finding the transition. The hand-written tables are given plain strings, which is less than `next_of`
has to do: it reads the event's name from an `Event` and returns the configuration, the context and the effects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from transitions import Machine as TransitionsMachine

from benchmarks.measure import Finding, Settings, Side, agreed, compared
from fsm.kernel import Chart, Event, compile_chart, edge, state


class Dispatch(Chart):
    """A backup in nine states: retried twice at most, and started anew at the end, so that it can run for ever."""

    pending = state("Accepted.", initial=True)
    scheduled = state("The Job exists.")
    running = state("The Job runs.")
    failed = state("The Job failed.")
    backoff_waiting = state("A retry is planned.")
    retrying = state("The retry begins.")
    complete = state("Done.")
    exhausted = state("No retries are left.")
    timed_out = state("It took too long.")

    edge(pending, scheduled, "The Job was created.", event="schedule")
    edge((scheduled, retrying), running, "The Job runs.", event="start")
    edge(running, complete, "The Job is done.", event="succeed")
    edge(running, failed, "The Job failed.", event="fail")
    edge(failed, backoff_waiting, "A retry was planned.", event="plan")
    edge(failed, exhausted, "There is no retry left.", event="exhaust")
    edge(failed, timed_out, "It took too long.", event="expire")
    edge(backoff_waiting, retrying, "The waiting is over.", event="elapse")
    edge((complete, exhausted, timed_out), pending, "Another backup.", event="reset")


MACHINE = compile_chart(Dispatch)

_ATTEMPT = ("schedule", "start", "fail", "plan", "elapse", "start", "fail", "plan", "elapse", "start")
NAMES = (
    *_ATTEMPT,
    "succeed",
    "reset",
    *_ATTEMPT,
    "fail",
    "exhaust",
    "reset",
    "schedule",
    "start",
    "fail",
    "expire",
    "reset",
)
"""Accepted events: a success after two retries, an exhausted run, one out of time; then again from the start."""
EVENTS = tuple(Event(name, 0) for name in NAMES)

PAIRS = {(edge.source, edge.event): edge.target for edge in MACHINE.transitions}
NESTED = {
    source: {edge.event: edge.target for edge in MACHINE.transitions if edge.source == source} for source, _ in PAIRS
}


def by_pairs(source: str, event: str) -> Any:
    """A hand-written table: one dict, keyed by state and event."""
    return PAIRS.get((source, event))


def by_nested(source: str, event: str) -> Any:
    """A hand-written table: a dict of dicts."""
    return NESTED[source].get(event)


def by_nested_event(source: str, event: Event) -> Any:
    """The same, from the same events that `next_of` gets."""
    return NESTED[source].get(event.name)


def library() -> Any:
    """A new instance of the chart in python-statemachine's engine."""
    return Dispatch()


def transitions() -> Any:
    """The same machine in the library `transitions`."""
    edges = [[edge.event, edge.source, edge.target] for edge in MACHINE.transitions]
    states = [each.id for each in MACHINE.states]
    return TransitionsMachine(states=states, transitions=edges, initial="pending", auto_transitions=False)


def findings(settings: Settings) -> list[Finding]:
    """`next_of` against the library it was compiled from, another library, and tables written by hand."""
    agreed(traces())
    wanted = ((_psm(), 1000.0), (_transitions(), None), *((_table(*each), least) for each, least in TABLES))
    return compared("dispatch", "ns/event", _next_of(), wanted, settings)


TABLES: tuple[tuple[tuple[str, Callable[[str, Any], Any], tuple[Any, ...]], float | None], ...] = (
    (("dict table by hand, of strings", by_pairs, NAMES), 1.0),
    (("nested dicts by hand, of strings", by_nested, NAMES), None),
    (("nested dicts by hand, same events", by_nested_event, EVENTS), None),
)


def traces() -> dict[str, object]:
    """The states that every side passes through."""
    found: dict[str, object] = {"next_of": [*_by_next_of()]}
    for (name, function, events), _ in TABLES:
        found[name] = [*_by_table(function, events)]
    psm, other = library(), transitions()
    found["python-statemachine"] = [psm.send(name) or next(iter(psm.configuration)).id for name in NAMES]
    found["transitions"] = [other.trigger(name) and other.state for name in NAMES]
    return found


def _by_next_of() -> Iterator[str]:
    at: Any = tuple(MACHINE.start())
    for event in EVENTS:
        at, effects = MACHINE.next_of(at, event)  # type: ignore[misc]
        assert effects == ()
        yield at[0][0]


def _by_table(function: Callable[[str, Any], Any], events: tuple[Any, ...]) -> Iterator[str]:
    at = "pending"
    for event in events:
        at = function(at, event)
        yield at


def _next_of() -> Side:
    next_of: Any = MACHINE.next_of
    start = tuple(MACHINE.start())

    def run(times: int) -> None:
        at = start
        for _ in range(times):
            for event in EVENTS:
                at, _effects = next_of(at, event)

    return Side("next_of", run, len(EVENTS))


def _table(name: str, function: Callable[[str, Any], Any], events: tuple[Any, ...]) -> Side:
    def run(times: int) -> None:
        at = "pending"
        for _ in range(times):
            for event in events:
                at = function(at, event)

    return Side(name, run, len(events))


def _psm() -> Side:
    send = library().send

    def run(times: int) -> None:
        for _ in range(times):
            for name in NAMES:
                send(name)

    return Side("python-statemachine send", run, len(NAMES))


def _transitions() -> Side:
    trigger = transitions().trigger

    def run(times: int) -> None:
        for _ in range(times):
            for name in NAMES:
                trigger(name)

    return Side("transitions trigger", run, len(NAMES))
