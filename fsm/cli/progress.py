"""How far a long reading is, as one line on a terminal's stderr; nothing anywhere else."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from collections.abc import Sequence
from typing import BinaryIO

PATIENCE_S = 1.0
"""Nothing is shown before that much time has passed."""
PACE_S = 0.1
EVERY = 64
"""So many items pass between two looks at the clock."""


class Progress:
    """Counts items; `clear` takes the line away, so that something else can be written."""

    def __init__(self, streams: Sequence[BinaryIO]) -> None:
        self._streams = streams
        self._on = sys.stderr is not None and sys.stderr.isatty()
        known = self._on and all(map(_is_regular, streams))
        self._total = sum(map(_size, streams)) if known else 0
        self._next = time.monotonic() + PATIENCE_S
        self._items = 0
        self._shown = False

    def item(self, live: int) -> None:
        """One more item was taken, and `live` Backups are unfinished."""
        self._items += 1
        if self._on and self._items % EVERY == 0 and (now := time.monotonic()) >= self._next:
            self._next = now + PACE_S
            self._show(live)

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False

    def _show(self, live: int) -> None:
        text = f"{self._bytes()}{self._items:,} items, {live:,} live backups"
        sys.stderr.write("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1])
        sys.stderr.flush()
        self._shown = True

    def _bytes(self) -> str:
        if not self._total:
            return ""
        done = sum(stream.tell() for stream in self._streams if not stream.closed)
        return f"{done / 1e6:,.0f} of {self._total / 1e6:,.0f} MB ({100 * done // self._total} %), "


def _is_regular(stream: BinaryIO) -> bool:
    return stream.seekable() and stat.S_ISREG(os.fstat(stream.fileno()).st_mode)


def _size(stream: BinaryIO) -> int:
    return os.fstat(stream.fileno()).st_size
