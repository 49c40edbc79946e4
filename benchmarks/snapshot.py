"""The snapshot lifecycle: accepted events with the chart's own guards and actions."""

from __future__ import annotations

from typing import Any

from statemachine.orderedset import OrderedSet

from benchmarks.by_hand import next_by_hand
from benchmarks.measure import Finding, Settings, Side, agreed, compared
from fsm.kernel import Event, MachineState, step
from fsm.kernel.judge import Judge
from fsm.machines import SNAPSHOT

Story = tuple[Event, ...]
Trace = list[tuple[tuple[tuple[str, ...], Any], tuple[Any, ...]]]

_DIED = {"reason": "BackoffLimitExceeded", "message": "Job backup-demo-full has failed"}


def _attempt(at: int, uid: str) -> Story:
    return (
        Event("job_created", at, uid=uid),
        Event("pod_preparing", at + 12, uid=uid),
        Event("br_started", at + 13, uid=uid),
    )


def _failure(at: int, uid: str) -> Story:
    return Event("job_failed", at, uid=uid, **_DIED), Event("failure_recorded", at + 1, uid=uid, **_DIED)


def _retry(due: int, uid: str) -> Story:
    return Event("tick", due - 60), Event("retry_due", due + 1), Event("job_vanished", due + 3, uid=uid)


SUCCESS = (*_attempt(1, "a"), Event("completed", 600))
RETRIED = (
    *_attempt(1, "a"),
    *_failure(99, "a"),
    *_retry(400, "a"),
    *_attempt(404, "b"),
    Event("completed", 900),
)
EXHAUSTED = (
    *_attempt(1, "a"),
    *_failure(99, "a"),
    *_retry(400, "a"),
    *_attempt(404, "b"),
    *_failure(449, "b"),
    *_retry(1050, "b"),
    *_attempt(1060, "c"),
    *_failure(1199, "c"),
)
TIMED_OUT = (*_attempt(1, "a"), *_failure(99, "a"), *_retry(400, "a"), *_attempt(404, "b"), *_failure(2000, "b"))

STORIES: tuple[Story, ...] = (SUCCESS, RETRIED, EXHAUSTED, TIMED_OUT)
EVENTS = sum(map(len, STORIES))


def findings(settings: Settings) -> list[Finding]:
    """`next_of` against the library and a hand-written function, and `step` against the library."""
    agreed(traces())
    psm = _psm()
    bare = compared("snapshot", "ns/event", _bare("next_of", SNAPSHOT.next_of), ((psm, 100.0), (HAND, 0.9)), settings)
    return bare + compared("snapshot", "ns/event", _step(), ((psm, 50.0),), settings)


def traces() -> dict[str, object]:
    """Configuration, context and effects after every event of every story, as each side tells them."""
    return {
        "next_of": [_trace(SNAPSHOT.next_of, story) for story in STORIES],
        HAND.name: [_trace(next_by_hand, story) for story in STORIES],
        "step": [_trace(_stepped, story) for story in STORIES],
        "python-statemachine": [_judged(story) for story in STORIES],
    }


def _trace(next_of: Any, story: Story) -> Trace:
    at: Any = tuple(SNAPSHOT.start())
    found = []
    for event in story:
        at, effects = next_of(at, event)
        found.append((tuple(at), effects))
    return found


def _stepped(at: MachineState, event: Event) -> tuple[MachineState, Any]:
    taken = step(SNAPSHOT, at, event)
    return taken.after, taken.effects


def _judged(story: Story) -> Trace:
    judge = Judge(SNAPSHOT)
    found = []
    for event in story:
        effects = judge.send(event)
        assert effects is not None
        found.append((tuple(judge.state), effects))
    return found


def _bare(name: str, next_of: Any) -> Side:
    start = tuple(SNAPSHOT.start())

    def run(times: int) -> None:
        for _ in range(times):
            for story in STORIES:
                at = start
                for event in story:
                    at, _effects = next_of(at, event)

    return Side(name, run, EVENTS)


HAND = _bare("if/elif function by hand", next_by_hand)


def _step() -> Side:
    start = SNAPSHOT.start()

    def run(times: int) -> None:
        for _ in range(times):
            for story in STORIES:
                at = start
                for event in story:
                    at = step(SNAPSHOT, at, event).after

    return Side("step", run, EVENTS)


def _psm() -> Side:
    """The library's engine without the judge's bookkeeping; one instance is set back for each story, which is cheap."""
    judge = Judge(SNAPSHOT)
    model, chart, context = judge.model, judge.chart, judge.model.context
    first = tuple(chart.configuration)

    def run(times: int) -> None:
        for _ in range(times):
            for story in STORIES:
                chart.configuration = OrderedSet(first)
                model.context = context
                for event in story:
                    model.event, model.effects = event, ()
                    chart.send(event.name)

    return Side("python-statemachine send", run, EVENTS)
