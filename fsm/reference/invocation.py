"""An invocation of the operator as a value: what woke it (operator-semantics 0), and the answers it has got so far.

What it asks next is a function of these alone, so an invocation can be stopped between any two calls, copied, compared,
hashed, given a different answer, and resumed. Nothing is remembered but answers: to find the next call the program is
run again from its beginning. Who never goes back uses `run`, which does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fsm.model import Backup, Job
from fsm.model.base import Model
from fsm.reference.calls import ApiError, Call, Done, Key, Result
from fsm.reference.handler import Tombstone, handle_backup, handle_job_deletion
from fsm.reference.pod import Arguments, program_of
from fsm.reference.program import CallError, PanicError, Program
from fsm.reference.sync import work
from fsm.reference.tracker import tick, track_at_start
from fsm.rules import Reading


@dataclass(frozen=True, slots=True)
class Entry:
    """Root of what wakes the operator."""

    def program(self) -> Program[Done | None]:
        """The program from its beginning."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class BackupEvent(Entry):
    """H: a Backup was added, updated, deleted, or resynced. `address`: where the object lies in the informer cache."""

    delivered: Backup | Tombstone
    address: int | None = None

    def program(self) -> Program[Done | None]:
        return handle_backup(self.delivered, self.address)


@dataclass(frozen=True, slots=True)
class JobDeletion(Entry):
    """HJ: a Job was deleted."""

    delivered: Job | Tombstone

    def program(self) -> Program[Done | None]:
        return handle_job_deletion(self.delivered)


@dataclass(frozen=True, slots=True)
class Work(Entry):
    """A worker took this key from the queue."""

    key: Key

    def program(self) -> Program[Done | None]:
        return work(self.key)


@dataclass(frozen=True, slots=True)
class TrackerTick(Entry):
    """The ticker of a tracked log Backup."""

    key: Key

    def program(self) -> Program[Done | None]:
        return tick(self.key)


@dataclass(frozen=True, slots=True)
class TrackerStart(Entry):
    """The operator has started and found this log Backup."""

    backup: Backup

    def program(self) -> Program[Done | None]:
        return track_at_start(self.backup)


@dataclass(frozen=True, slots=True)
class PodStart(Entry):
    """The program in a Job's pod; `done` is the exit code 0."""

    arguments: Arguments

    def program(self) -> Program[Done | None]:
        return program_of(self.arguments)


@dataclass(frozen=True, eq=False)
class Invocation:
    """`(situation, answers so far) -> next call | done`. An answer is the call's, or an ApiError."""

    entry: Entry
    answers: tuple[Any, ...] = ()

    @cached_property
    def next(self) -> Call | Done:
        """What it asks now, or how it ended."""
        running = Running(self.entry.program())
        asked = running.sent(None)
        for answer in self.answers:
            asked = running.sent(answer)
        return asked

    def answered(self, answer: Any) -> Invocation:
        """The same invocation, one answer further."""
        return Invocation(self.entry, (*self.answers, answer))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Invocation) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @cached_property
    def _identity(self) -> Any:
        return identity_of((self.entry, self.answers))


def run(entry: Entry, answer: Callable[[Call], Any]) -> Done:
    """Run to the end; `answer` gives each call its answer, or an ApiError."""
    running = Running(entry.program())
    asked = running.sent(None)
    while isinstance(asked, Call):
        asked = running.sent(answer(asked))
    return asked


class Running:
    """A program underway."""

    def __init__(self, program: Program[Done | None]) -> None:
        self._program = program

    def sent(self, answer: Any) -> Call | Done:
        """The call after an answer; the first answer of all is None."""
        try:
            if isinstance(answer, ApiError):
                return self._program.throw(CallError(answer))
            return self._program.send(answer)
        except StopIteration as end:
            return end.value or Done()
        except PanicError as panic:
            return Done(Result.PANIC, str(panic))


def identity_of(value: Any) -> Any:
    """Something hashable that is equal for equal values: of objects their fields, of times their reading as well."""
    if isinstance(value, Reading):
        return "reading", str(value), value.source
    if isinstance(value, Model):
        return type(value), identity_of(dict(value)), tuple(sorted(value.model_fields_set))
    if isinstance(value, Mapping):
        return tuple(sorted((key, identity_of(each)) for key, each in value.items()))
    if isinstance(value, tuple | list):
        return type(value), tuple(map(identity_of, value))
    fields = getattr(value, "__dataclass_fields__", None)
    return value if fields is None else (type(value), *(identity_of(getattr(value, name)) for name in fields))
