"""What can be wrong with an input, said so that a person can mend it."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import Final, Literal

MAX_DEPTH: Final = 200
"""Levels of nesting that are read."""
TOO_DEEP: Final = f"nested deeper than any Kubernetes object ({MAX_DEPTH} levels)"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the input that is no item. `path` is inside the Kubernetes object; "" means all of it.

    `gap`: the watch expired, changes were missed and a re-list follows. `order`: an object went back in time.
    """

    file: str
    line: int
    path: str
    message: str
    kind: Literal["broken", "error", "order", "gap"]


class BrokenError(Exception):
    """Why a text cannot be read, and on which of its lines (0 is the first). Never leaves this package."""

    def __init__(self, message: str, line: int = 0) -> None:
        self.line = line
        super().__init__(message)


def broken(file: str, line: int, message: str, path: str = "") -> Problem:
    return Problem(file, line, path, message, "broken")


_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def shown(value: object) -> str:
    """A foreign value, printable and short."""
    if isinstance(value, bytes):
        value = value[:80].decode(errors="replace")
    return _SHORT.repr(value)
