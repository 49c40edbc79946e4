"""What the programs have in common: finding the Backup, doing a step, reporting that it failed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

from fsm.errors import InputError
from fsm.model import BackupSpec, Phase, parse_duration
from fsm.reference.calls import CachedPointer, Key, Perform
from fsm.reference.instant import Instant
from fsm.reference.program import NIL, CallError, GoError, Handle, PanicError, Program, ReasonedError
from fsm.reference.updater import condition_of, try_update_status
from fsm.rules import Update

T = TypeVar("T")

DEFAULT_GC_LIFE_TIME = "72h"
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What `backupmeta` says: TSOs, and bytes."""

    start_version: int = 0
    end_version: int = 0
    size: int = 0


def found(key: Key) -> Program[Handle | None]:
    """The Backup in the program's own cache, by pointer."""
    pointer = yield CachedPointer(key)
    return None if pointer is None else Handle(*pointer)


def found_or_panic(key: Key) -> Program[Handle]:
    """A Backup that is not there is reported through a nil pointer (S25)."""
    handle = yield from found(key)
    if handle is None:
        raise PanicError(NIL)
    return handle


def done(step: str, reason: str, detail: str = "") -> Program[Any]:
    """What a step yields; its error has this reason."""
    try:
        return (yield Perform(step, detail))
    except CallError as error:
        raise ReasonedError(reason, error.message) from None


def reported(handle: Handle, step: Program[T], phase: Phase = Phase.FAILED, command: str = "") -> Program[T]:
    """A step whose error is written; whether that succeeds or not, the exit code is bad."""
    try:
        return (yield from step)
    except ReasonedError as error:
        yield from try_update_status(handle, condition_of(phase, error.reason, error.message, command))
        raise


def caught(step: Program[None]) -> Program[GoError | None]:
    """The error of a step, to be raised after something else was done."""
    try:
        yield from step
    except GoError as error:
        return error
    return None


def raise_gc_life_time(spec: BackupSpec) -> Program[str]:
    """8.1 step 6: the life time that was set before, "" where that is long enough."""
    old: str = yield from done("get GC life time", "GetTikvGCLifeTimeFailed")
    asked = (spec.model_extra or {}).get("tikvGCLifeTime")
    parsed = _parsed(old, "ParseOldTikvGCLifeTimeFailed")
    reason = "ParseDefaultTikvGCLifeTimeFailed" if asked is None else "ParseConfiguredTikvGCLifeTimeFailed"
    wanted: str = DEFAULT_GC_LIFE_TIME if asked is None else asked
    if parsed >= _parsed(wanted, reason):
        return ""
    yield from done("set GC life time", "SetTikvGCLifeTimeFailed", wanted)
    return old


def _parsed(duration: str, reason: str) -> int:
    try:
        return parse_duration(duration)
    except InputError as error:
        raise ReasonedError(reason, error.problem) from None


def restore_gc_life_time(handle: Handle, previous: str) -> Program[None]:
    """8.1 step 9b: where it fails that is reported, and nothing else of the backup."""
    if previous:
        yield from reported(handle, done("reset GC life time", "ResetTikvGCLifeTimeFailed", previous))


def result_of(started: Instant, completed: Instant, metadata: Metadata | None = None) -> Update:
    """What is written with Complete."""
    if metadata is None:
        return Update(time_started=started.seconds, time_completed=completed.seconds, reading=completed)
    return Update(
        time_started=started.seconds,
        time_completed=completed.seconds,
        backup_size=metadata.size,
        backup_size_readable=readable(metadata.size),
        commit_ts=str(metadata.end_version),
        reading=completed,
    )


def readable(size: int) -> str:
    """Bytes in powers of 1000: `9 B`, `1.5 kB`, `12 GB`."""
    if size < 10:
        return f"{size} B"
    power = math.floor(math.log(size) / math.log(1000))
    value = math.floor(size / 1000**power * 10 + 0.5) / 10
    return f"{value:.{0 if value >= 10 else 1}f} {_UNITS[power]}"
