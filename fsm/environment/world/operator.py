"""TiDB Operator v1.6 as rules: its handlers, its worker, its tracker, each running the reference's own programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fsm.environment.world.outside import QUEUE, TRACKED, Fate, Look
from fsm.environment.world.stepping import Ran, ran
from fsm.environment.world.thread import HANDLER, TICKER, WORKER, Thread
from fsm.kernel import Key, Kind, Move, Rule
from fsm.model import Mode
from fsm.reference import Result

DELIVERED, CRASHED = "delivered", "crashed"
"""Maps: the object in the cache is another one; the process forgets what it was doing."""


def operator_rules(mode: str) -> tuple[Rule, ...]:
    """All of the operator's rules."""
    threads = (HANDLER, WORKER, *((TICKER,) if mode == Mode.LOG else ()))
    begins = {HANDLER: _handler_begins, WORKER: _worker_begins, TICKER: _ticker_begins}
    rules: list[Rule] = []
    for kind in threads:
        sentence = _SENTENCES[kind]
        rules.append(Rule(f"{kind} begins", kind, begins[kind], own=True, sentence=sentence))
        rules.append(Rule(f"{kind} goes on", kind, _going_on(kind), own=True, sentence="It makes its next call."))
        rules.extend(_failing(kind))
    return (*rules, CRASH)


_SENTENCES = {
    HANDLER: "The event handler is given the Backup that the informer holds: an event or a resync.",
    WORKER: "A worker takes the key from the queue and syncs the Backup.",
    TICKER: "The tracker looks at TiKV, once a minute.",
}


def _handler_begins(view: Any) -> Iterator[Move]:
    """One that only looks is over at once; one that will write stands before its first call."""
    if view[HANDLER] is not None:
        return
    held = Look(view, Thread(HANDLER)).cached_backup()
    if held is None:
        return
    thread = Thread(HANDLER, held)
    step = ran(thread, view)
    assert step is not None
    if step.asked:
        yield Move("the handler is given the Backup", {HANDLER: thread._replace(subject=held._replace(current=False))})
    elif step.writes:
        yield Move(f"the handler looks at the Backup and {step.what}", step.writes)


def _worker_begins(view: Any) -> Iterator[Move]:
    if not view[QUEUE] or view[WORKER] is not None:
        return
    yield from _moves(WORKER, ran(Thread(WORKER), _Dequeued(view)), {QUEUE: False}, "the sync")


class _Dequeued:
    """The view of a worker that has taken the key."""

    def __init__(self, view: Any) -> None:
        self._view = view

    def __getitem__(self, part: str) -> Any:
        return False if part == QUEUE else self._view[part]


def _ticker_begins(view: Any) -> Iterator[Move]:
    if view[TICKER] is not None or view[TRACKED] is None:
        return
    yield from _moves(TICKER, ran(Thread(TICKER), view), {}, "the tracker")


def _going_on(kind: str, fate: Fate = Fate.WELL) -> Callable[[Any], Iterator[Move]]:
    def moves(view: Any) -> Iterator[Move]:
        thread = view[kind]
        if thread is None:
            if fate is Fate.WELL or kind != WORKER or not view[QUEUE]:
                return
            yield from _moves(kind, ran(Thread(kind), _Dequeued(view), fate), {QUEUE: False}, _WHO[kind])
            return
        yield from _moves(kind, ran(thread, view, fate), {}, _WHO[kind])

    return moves


_WHO = {HANDLER: "the handler", WORKER: "the sync", TICKER: "the tracker"}


def _moves(kind: str, step: Ran | None, before: dict[Key, Any], who: str) -> Iterator[Move]:
    if step is None:
        return
    if step.result is Result.PANIC:
        return  # a panic of the operator is a crash, which is a rule of its own
    writes = {**before, **step.writes, kind: step.thread}
    yield Move(f"{who} {step.what}" if step.what else f"{who} has nothing to do", writes, step.applies)


def _failing(kind: str) -> list[Rule]:
    """The same step where the API server or PD does not do as it should."""
    fates = {
        Fate.FAILS: "Its call is refused by an error of the API server, or PD does not answer.",
        Fate.UNHEARD: "Its call is done, but it is told that it failed.",
        Fate.OUTAGE: "The API server refuses all attempts of one write.",
    }
    names = {Fate.FAILS: "call fails", Fate.UNHEARD: "call is not heard of", Fate.OUTAGE: "write fails for good"}
    return [
        Rule(
            f"{kind}'s {names[fate]}",
            "API server",
            _going_on(kind, fate),
            Kind.FAULT,
            own=True,
            budget=("faults", "api"),
            sentence=sentence,
        )
        for fate, sentence in fates.items()
    ]


# ------------------------------------------------------------------ crash and restart


def _crash(view: Any) -> Iterator[Move]:
    yield Move("the operator crashes and starts again", {}, (CRASHED,))


CRASH = Rule(
    "operator restarts",
    "operator",
    _crash,
    Kind.FAULT,
    budget=("faults", "crash"),
    sentence="The operator's process ends and starts again: it lists all objects and forgets everything else.",
)
