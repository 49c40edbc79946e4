"""Somebody's program underway as a value: what woke it, and the answers that it has got so far.

A thread of the checked world stands still right after a call that left its process was answered, and nowhere else; what
it asks its own memory from there on belongs to its next step. So a step is: look, then one call to the outside.
"""

from __future__ import annotations

from typing import Any, TypeVar

from fsm.environment.world.held import NAME, NAMESPACE, NOW, Held, backup_of
from fsm.environment.world.slots import HeldJob, job_of
from fsm.kernel import Value
from fsm.reference import (
    ApiError,
    BackupEvent,
    Call,
    Done,
    Entry,
    Instant,
    PodStart,
    Refused,
    Running,
    TaskState,
    Tracked,
    TrackerTick,
    Work,
    arguments_of_pod,
    at_second,
)

KEY = (NAMESPACE, NAME)
HANDLER, WORKER, TICKER, POD = "handler", "worker", "ticker", "pod"


class Clock(Value, frozen=True):
    """A reading of the clock. It is always now: no minute passes while a handler is at work."""


class Read(Value, frozen=True):
    """A Backup that was read. `pointed`: as the lister's very object, which is still `there`, in the cache, or not."""

    held: Held
    pointed: bool = False
    there: bool = False


class Refusal(Value, frozen=True):
    """A call that was refused, or that was not heard of."""

    refused: str
    message: str


class HeldTracked(Value, frozen=True):
    """An entry of the tracker; `state` is what was found less than a tick ago."""

    connected: bool = False
    state: TaskState | None = None
    inconsistent: bool = False
    last_command: str = ""


class InSlot(Value, frozen=True):
    """A Job by the slot in which it was looked for."""

    slot: str
    job: HeldJob | None


class Shell(Value, frozen=True):
    """What was looked at, and how many of the effects that follow from it are performed."""

    backup: Held
    job: HeldJob | None
    performed: int = 0


class Thread(Value, frozen=True):
    """`subject` is what was delivered: a Backup to the handler, arguments to a pod. `calls` names the calls that were
    answered, so that a replay that goes another way is noticed."""

    kind: str
    subject: Any = None
    there: bool = True
    answers: tuple[Any, ...] = ()
    calls: tuple[str, ...] = ()


# ------------------------------------------------------------------ to concrete values and back


def concrete(value: Any) -> Any:
    """The answer that stands for a held one."""
    match value:
        case Read(held=held, pointed=pointed, there=there):
            return (backup_of(held), int(there)) if pointed else backup_of(held)
        case InSlot(slot=slot, job=job):
            return job_of(slot, job)
        case Clock():
            return at_second(NOW)
        case Refusal(refused=refused, message=message):
            return ApiError(Refused(refused), message)
        case HeldTracked():
            return tracked_of(value)
    return value


def tracked_of(held: HeldTracked) -> Tracked:
    """The entry that stands for a held one."""
    refreshed: Instant | None = None if held.state is None else at_second(NOW)
    return Tracked((NAMESPACE, "basic"), held.connected, held.state, refreshed, held.inconsistent, held.last_command)


def held_tracked(tracked: Tracked | None) -> HeldTracked | None:
    """What is held of an entry."""
    if tracked is None:
        return None
    state = tracked.fresh_state(at_second(NOW))
    return HeldTracked(tracked.connected, state, tracked.inconsistent, tracked.last_command)


def entry_of(thread: Thread) -> Entry:
    """What woke the program."""
    match thread.kind:
        case "handler":
            return BackupEvent(backup_of(thread.subject), int(thread.there))
        case "worker":
            return Work(KEY)
        case "ticker":
            return TrackerTick(KEY)
    return PodStart(arguments_of_pod(thread.subject))


def resumed(thread: Thread) -> tuple[Running, Call | Done]:
    """The program with all its answers given, and what it asks now; TypeError where it does not ask what it asked."""
    running = Running(entry_of(thread).program())
    call = running.sent(None)
    for answer, asked in zip(thread.answers, thread.calls, strict=True):
        if type(call).__name__ != asked:
            raise TypeError(f"a {thread.kind} asked for {asked}, and asks for {call} when it is run again")
        call = running.sent(concrete(answer))
    return running, call


# ------------------------------------------------------------------ what happens to a thread that stands still


def replaced(thread: Thread | None) -> Thread | None:
    """The object in the cache is another one now."""
    if thread is None:
        return None
    return thread._replace(there=False, answers=tuple(map(_replaced, thread.answers)))


def _replaced(value: Any) -> Any:
    return value._replace(there=False) if isinstance(value, Read) else value


class Sighting(Value, frozen=True):
    """What a companion has looked at and decided upon, and how many of its effects are performed. `jobs` by slot;
    `task` is None where it could not be seen."""

    backup: Held
    jobs: tuple[InSlot, ...]
    task: Any
    performed: int = 0


Looker = TypeVar("Looker", Shell, Sighting)


def overtaken(looker: Looker) -> Looker:
    """Somebody has written the Backup since it was looked at."""
    return looker._replace(backup=looker.backup._replace(current=False))


def aged(entry: HeldTracked | None) -> HeldTracked | None:
    """An entry of the tracker one tick later: what it remembers is not believed any more."""
    return entry if entry is None else entry._replace(state=None)


def remembered(value: Any) -> Any:
    """An answer as it is kept: what was read in an earlier step is written in none, so its version does not matter."""
    return value._replace(held=value.held._replace(current=False, retry=None)) if isinstance(value, Read) else value


def remembered_without_records(value: Any) -> Any:
    """The same for who never looks at the records of retries: workers and pods."""
    if not isinstance(value, Read):
        return value
    return value._replace(held=value.held._replace(current=False, records=(), retry=None), there=False)


def seen_by_worker(held: Held) -> Held:
    """A Backup with all that a sync goes by after its first call: unless it is being deleted, not the subcommands."""
    return held._replace(current=False, records=(), retry=None, subs=held.subs if held.deleting else ())


def seen_by_pod(held: Held) -> Held:
    """A Backup with all that a program in a pod goes by: whether it was just scheduled, and the marker of a restart."""
    marker = tuple(each for each in held.conditions if each.type == "Restart")
    phase = held.phase if held.phase == "Scheduled" else ""
    return Held(held.mode, current=False, phase=phase, conditions=marker)
