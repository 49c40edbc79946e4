"""One step of a thread: from where it stands to right after its next call to the outside, or to its end."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from fsm.environment.world.held import Copy, Held, read_back
from fsm.environment.world.outside import CACHED_BACKUP, LIVE_BACKUP, Fate, Look, is_own, only_writes, spread
from fsm.environment.world.thread import (
    HANDLER,
    POD,
    TICKER,
    WORKER,
    Read,
    Refusal,
    Thread,
    concrete,
    remembered,
    remembered_without_records,
    replaced,
    resumed,
    seen_by_pod,
    seen_by_worker,
)
from fsm.kernel import Key
from fsm.reference import Call, Done, Result, UpdateBackup

ATTEMPTS = 5
"""How often the status updater tries (operator-semantics 3.1)."""


class Ran(NamedTuple):
    """What a step did. `thread` is where it stands now, None where it has ended, with `result`. `asked` says whether it
    called the outside at all."""

    what: str
    writes: dict[Key, Any]
    thread: Thread | None
    result: Result
    asked: bool


class _Recorder:
    """A thread that is being run, with the answers of this step."""

    def __init__(self, thread: Thread) -> None:
        self.thread = thread
        self.running, self.call = resumed(thread)
        self.answers: list[Any] = []
        self.calls: list[str] = []

    def answered(self, answer: Any) -> None:
        self.answers.append(answer)
        self.calls.append(type(self.call).__name__)
        self.call = self.running.sent(concrete(answer))

    def stands(self) -> Thread:
        """The thread after this step; what it read of the Backup is written in no later one."""
        keep = remembered if self.thread.kind == HANDLER else remembered_without_records
        answers = (*self.thread.answers, *map(keep, self.answers))
        stands = self.thread._replace(answers=answers, calls=(*self.thread.calls, *self.calls))
        return _without_vain_readings(stands)


@lru_cache(maxsize=1 << 16)
def _without_vain_readings(thread: Thread) -> Thread:
    """The thread with readings in place of its own that come to the same.

    What an attempt read that was refused is of no consequence once the next one has read again; and a pod goes by
    little of what it reads. A reading is only exchanged where the program would then have made the same calls.
    """
    readings = [i for i, answer in enumerate(thread.answers) if isinstance(answer, Read)]
    if thread.kind == POD:
        for position in readings:
            thread = _with_reading(thread, position, seen_by_pod(thread.answers[position].held))
        return thread
    if thread.kind == WORKER:
        for position in readings:
            thread = _with_reading(thread, position, seen_by_worker(thread.answers[position].held))
    vain = [i for i in readings[1:] if _was_refused(thread, i) and (thread.kind != HANDLER or i != readings[-1])]
    for position in vain:
        thread = _with_reading(thread, position, thread.answers[readings[0]].held)
    return thread


def _was_refused(thread: Thread, reading: int) -> bool:
    """The write that goes with a reading was."""
    writes = (i for i in range(reading, len(thread.calls)) if thread.calls[i] == "UpdateBackup")
    return isinstance(thread.answers[next(writes, 0)], Refusal)


def _with_reading(thread: Thread, position: int, held: Held) -> Thread:
    reading = thread.answers[position]._replace(held=held)
    changed = thread._replace(answers=(*thread.answers[:position], reading, *thread.answers[position + 1 :]))
    try:
        return changed if type(resumed(changed)[1]) is type(resumed(thread)[1]) else thread
    except TypeError:
        return thread


def ran(thread: Thread, view: Any, fate: Fate = Fate.WELL) -> Ran | None:
    """The step; None where no call of it could have this fate."""
    recorder, look = _Recorder(thread), Look(view, thread, fate)
    _run_own(recorder, look, is_own)
    asked = isinstance(recorder.call, Call)
    if fate is Fate.OUTAGE:
        _outlast(recorder, look)
    elif isinstance(recorder.call, Call):
        recorder.answered(look.outside(recorder.call))
    _run_own(recorder, look, only_writes)
    return _told(recorder, look, asked) if look.met else None


def ran_through(thread: Thread, view: Any, fate: Fate = Fate.WELL) -> Ran | None:
    """The program to its end as one step, for one whose writes are not held."""
    recorder, look = _Recorder(thread), Look(view, thread, fate)
    while isinstance(recorder.call, Call):
        recorder.answered(look.own(recorder.call) if is_own(recorder.call) else look.outside(recorder.call))
    return _told(recorder, look, False) if look.met else None


def _run_own(recorder: _Recorder, look: Look, which: Callable[[Call], bool]) -> None:
    while isinstance(recorder.call, Call) and which(recorder.call):
        recorder.answered(look.own(recorder.call))


def _outlast(recorder: _Recorder, look: Look) -> None:
    """Every attempt of one write fails."""
    for _ in range(ATTEMPTS):
        if not isinstance(recorder.call, UpdateBackup):
            return
        recorder.answered(look.outside(recorder.call))
        _run_own(recorder, look, is_own if len(_outside(recorder)) < ATTEMPTS else only_writes)


def _outside(recorder: _Recorder) -> list[str]:
    return [name for name in recorder.calls if name == "UpdateBackup"]


def _told(recorder: _Recorder, look: Look, asked: bool) -> Ran:
    ended = isinstance(recorder.call, Done)
    if CACHED_BACKUP in look.writes:
        look.writes[CACHED_BACKUP] = _settled(look, ended)
    thread = None if ended else recorder.stands()
    writes, kind = look.writes, recorder.thread.kind
    if look.written and kind != TICKER:
        writes = {**spread(look.view, kind), **writes}
        thread = replaced(thread) if kind == HANDLER and not look.lags() else thread
    result = recorder.call.result if isinstance(recorder.call, Done) else Result.DONE
    words = ", ".join(dict.fromkeys(look.told))
    if result is Result.PANIC:
        words = ", ".join(filter(None, (words, "panics")))
    return Ran(words, writes, thread, result, asked)


def _settled(look: Look, ended: bool) -> Copy | None:
    """The informer's copy after the step. Times that could not be written are nobody's own once their writer has ended;
    a copy that says what the API server says is none."""
    copy: Copy | None = look.writes[CACHED_BACKUP]
    if copy is None or copy.held is None:
        return copy
    held = read_back(copy.held) if ended else copy.held
    return None if not copy.lags and held == look.read(LIVE_BACKUP) else copy._replace(held=held)
