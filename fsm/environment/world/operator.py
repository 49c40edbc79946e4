"""TiDB Operator v1.6 as rules: its handlers, its worker, its tracker, each running the reference's own programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fsm.environment.world.outside import CACHED_BACKUP, QUEUE, TRACKED, Fate, Look, Over
from fsm.environment.world.stepping import Ran, ran, ran_through
from fsm.environment.world.thread import HANDLER, TICKER, WORKER, Thread
from fsm.kernel import Key, Kind, Move, Rule
from fsm.model import Mode
from fsm.reference import Result

Moves = Callable[[Any], Iterator[Move]]

SLOW = "slow"
"""The part that says whether the operator stands still between two of its calls for a while."""
PANICKED = "panicked"
"""The part that says whether the operator ever ended by a panic of its own; it starts again, and may do so for ever."""
CRASHED = "crashed"
"""The map after which the process has forgotten what it was doing."""


def operator_rules(mode: str) -> tuple[Rule, ...]:
    """All of the operator's rules."""
    rules = [
        Rule("handler begins", HANDLER, _handler_begins, own=True, sentence=_DELIVERY),
        Rule("handler goes on", HANDLER, _going_on(HANDLER), own=True, sentence="It makes its next call."),
        Rule("worker begins", WORKER, _beginning(Fate.WELL), own=True, sentence=_TAKEN),
        Rule("worker goes on", WORKER, _going_on(WORKER), own=True, sentence="It makes its next call."),
        CRASH,
        slowness(),
    ]
    for fate, (name, sentence) in _FATES.items():
        rules.append(fault(f"handler: {name}", _going_on(HANDLER, fate), "api", sentence))
        rules.append(fault(f"worker: {name}", _beginning_or_going_on(fate), "api", sentence))
    if mode == Mode.LOG:
        rules.append(Rule("tracker looks", TICKER, _tracking(Fate.WELL), own=True, sentence=_LOOK))
        rules.append(fault("tracker looks in vain", _tracking(Fate.NO_TASK), "pd", _IN_VAIN))
        rules.append(fault("worker looks in vain", _beginning_or_going_on(Fate.NO_TASK), "pd", _IN_VAIN))
    return tuple(rules)


_DELIVERY = "The event handler is given the Backup that the informer holds: an event or a resync."
_TAKEN = "A worker takes the key from the queue and syncs the Backup."
_LOOK = "The tracker looks at the log task in TiKV, as it does once a minute."
_IN_VAIN = "PD does not answer when the operator looks at the log task."
_FATES = {
    Fate.FAILS: ("call fails", "Its call is refused by an error of the API server."),
    Fate.UNHEARD: ("call is not heard of", "Its call is done, but it is told that it failed."),
    Fate.OUTAGE: ("write fails for good", "The API server refuses all attempts of one write."),
}


def fault(name: str, moves: Moves, budget: str, sentence: str) -> Rule:
    """A fault that draws on its own budget and on that of all faults."""
    return Rule(name, "fate", moves, Kind.FAULT, own=True, budget=("faults", budget), sentence=sentence)


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
    if step.result is Result.PANIC:
        yield _panic("the handler", step)
    elif step.asked:
        yield Move(
            "the handler is given the Backup",
            {HANDLER: thread._replace(subject=held._replace(current=False, retry=None))},
        )
    elif step.writes:
        yield Move(f"the handler looks at the Backup and {step.what}", step.writes)


def _beginning(fate: Fate) -> Moves:
    def moves(view: Any) -> Iterator[Move]:
        if view[QUEUE] and view[WORKER] is None:
            yield from _moves(view, WORKER, ran(Thread(WORKER), Over(view, {QUEUE: False}), fate), {QUEUE: False})

    return moves


def _going_on(kind: str, fate: Fate = Fate.WELL) -> Moves:
    def moves(view: Any) -> Iterator[Move]:
        if view[kind] is not None:
            yield from _moves(view, kind, ran(view[kind], view, fate), {})

    return moves


def _beginning_or_going_on(fate: Fate) -> Moves:
    begins, goes_on = _beginning(fate), _going_on(WORKER, fate)

    def moves(view: Any) -> Iterator[Move]:
        yield from begins(view)
        yield from goes_on(view)

    return moves


def _tracking(fate: Fate) -> Moves:
    """What it writes into the Backup, a checkpoint and the time, is not held, so it is one step."""

    def moves(view: Any) -> Iterator[Move]:
        if view[TRACKED] is None:
            return
        step = ran_through(Thread(TICKER), view, fate)
        if step is not None:
            yield Move("the tracker looks at the log task" + (" in vain" if fate is Fate.NO_TASK else ""), step.writes)

    return moves


_WHO = {HANDLER: "the handler", WORKER: "the sync"}


def _moves(view: Any, kind: str, step: Ran | None, before: dict[Key, Any]) -> Iterator[Move]:
    if step is None:
        return
    if step.result is Result.PANIC:
        yield _panic(_WHO[kind], step)
        return
    writes = {**before, **step.writes, kind: step.thread, **_hurried(view, kind, step)}
    yield Move(f"{_WHO[kind]} {step.what}" if step.what else f"{_WHO[kind]} has nothing to do", writes)


def _panic(who: str, step: Ran) -> Move:
    """What was done outside before stays done."""
    outside = {part: value for part, value in step.writes.items() if part not in _REMEMBERED}
    words = f"{who} {step.what}: the operator crashes and starts again"
    return Move(words, {**outside, PANICKED: True}, (CRASHED,))


_REMEMBERED = {QUEUE, TRACKED, CACHED_BACKUP, HANDLER, WORKER}


# ------------------------------------------------------------------ pace


def is_at_rest(view: Any) -> bool:
    """The operator is not in the middle of anything, or stands still there: others may move."""
    return (view[HANDLER] is None and view[WORKER] is None) or view[SLOW]


def at_rest(moves: Moves) -> Moves:
    """Between two calls of the operator only a few milliseconds pass, unless it is slow: nobody else moves."""

    def moves_at_rest(view: Any) -> Iterator[Move]:
        if is_at_rest(view):
            yield from moves(view)

    return moves_at_rest


def slowness() -> Rule:
    """The fault that lets others move between two calls of the operator."""

    def moves(view: Any) -> Iterator[Move]:
        if not is_at_rest(view):
            yield Move("the operator stands still for a while", {SLOW: True})

    sentence = "The operator stands still between two of its calls, and others move."
    return fault("operator is slow", moves, "slow", sentence)


def _hurried(view: Any, kind: str, step: Ran) -> dict[Key, Any]:
    """With the end of what it was doing its slowness is over."""
    other = HANDLER if kind == WORKER else WORKER
    return {SLOW: False} if step.thread is None and view[SLOW] and view[other] is None else {}


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
