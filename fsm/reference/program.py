"""How the reference is written: a program is a generator that yields calls and gets their answers.

So a program reads from top to bottom like the operator's own code, and whoever runs it may stop between any two calls.
A Go error is an exception here: `GoError` and its kinds are what a function returns as its error, `PanicError` is a
panic. A call that was answered with an `ApiError` raises `CallError` at the `yield`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from fsm.errors import FsmError
from fsm.model import Backup
from fsm.reference.calls import ApiError, CachedBackup, Call, EditCached, Key, Now, Refused
from fsm.reference.instant import Instant

NIL = "runtime error: invalid memory address or nil pointer dereference"
"""What the panic says where a pointer is nil."""

T = TypeVar("T")
Program = Generator[Call, Any, T]


class GoError(FsmError):
    """An error value; its text is the whole message."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)

    def __str__(self) -> str:
        return self.message


class RequeueError(GoError):
    """Not an error in truth: come back later (operator-semantics 4.4)."""


class IgnoreError(GoError):
    """Neither: whoever is waited for will wake the controller."""


class ReasonedError(GoError):
    """An error of a stage of making a Job, with the reason that the status shows."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class CallError(GoError):
    """A call was refused."""

    def __init__(self, error: ApiError) -> None:
        self.refused = error.refused
        super().__init__(error.message)


class PanicError(FsmError):
    """The operator crashes."""


def not_found(resource: str, name: str) -> CallError:
    """The error of a lister or an API server that has no such object."""
    return CallError(ApiError(Refused.NOT_FOUND, f'{resource} "{name}" not found'))


class Handle:
    """The Backup that functions pass on by pointer: an update replaces what all its holders see.

    `address` is where it lies in the informer cache, None for a private copy. Edits go to the cache too (S4).
    """

    def __init__(self, backup: Backup, address: int | None = None) -> None:
        self.backup = backup
        self.address = address

    @property
    def key(self) -> Key:
        return self.backup.key

    def assign(self, backup: Backup) -> Program[None]:
        """Overwrite the object at the pointer."""
        self.backup = backup
        if self.address is not None:
            yield EditCached(backup.key, self.address, backup)


def now() -> Program[Instant]:
    """A reading of the clock."""
    instant: Instant = yield Now()
    return instant


def lister_backup(key: Key) -> Program[Backup]:
    """The cached Backup, or the lister's not found."""
    backup: Backup | None = yield CachedBackup(key)
    if backup is None:
        raise not_found("backup.pingcap.com", key[1])
    return backup


def where(backup: Backup) -> str:
    """NS/N, as messages name a Backup."""
    return "/".join(backup.key)
