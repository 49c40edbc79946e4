"""Standard output: coloured and fitted to the width on a terminal, plain and one record a line elsewhere.

Colour needs a terminal and no NO_COLOR. What is written is text made of spans; only this module knows how one looks.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import TextIOWrapper
from itertools import repeat
from typing import Any, NamedTuple

import click
import msgspec

from fsm.errors import UsageError

STYLES: dict[str, dict[str, Any]] = {
    "": {},
    "title": {"bold": True},
    "dim": {"dim": True},
    "name": {"fg": "cyan"},
    "event": {"bold": True},
    "alarm": {"fg": "red", "bold": True},
    "note": {"fg": "yellow"},
    "done": {"fg": "green", "bold": True},
    "progressing": {"fg": "blue", "bold": True},
    "waiting": {"fg": "yellow", "bold": True},
    "uncertain": {"fg": "magenta", "bold": True},
    "failed": {"fg": "red", "bold": True},
    "stuck": {"fg": "white", "bg": "red", "bold": True},
    "fault": {"fg": "red"},
    "user": {"fg": "cyan"},
}
"""The look of a span by name; a verdict has the style of its name."""

NARROWEST = 40


class Span(NamedTuple):
    """A piece of text and the name of its style."""

    text: str
    style: str = ""


class Output:
    """Where a command writes. `before` is called before anything is written: a progress line must go first.

    `data`: for programs, in UTF-8 whatever the locale says.
    """

    def __init__(self, before: Callable[[], None] = lambda: None, *, data: bool = False) -> None:
        if sys.stdout is None:
            raise UsageError("standard output is closed")
        self._stream = sys.stdout
        self._before = before
        self.terminal = self._stream.isatty()
        self.colour = self.terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self.width = max(shutil.get_terminal_size().columns, NARROWEST) if self.terminal else None
        self.live = self.terminal
        if isinstance(self._stream, TextIOWrapper):
            # where the locale has no arrow, people see a question mark
            self._stream.reconfigure(encoding="utf-8" if data else None, errors="replace")

    def raw(self, text: str) -> None:
        """Write as it is."""
        self._before()
        self._stream.write(text)
        if self.live:
            self._stream.flush()

    def bytes(self, content: bytes) -> None:
        """Write bytes as they are."""
        self._before()
        self._stream.flush()
        self._stream.buffer.write(content)
        self._stream.buffer.flush()

    def line(self, *spans: Span | str) -> None:
        """One line; on a terminal without the control characters that data could carry."""
        self.raw("".join(self._shown(each) for each in spans).rstrip(" ") + "\n")

    def title(self, text: str) -> None:
        """A heading, with an empty line before it."""
        self.line()
        self.line(Span(text, "title"))

    def banner(self, name: str, about: str) -> None:
        """What separates one answer from the next."""
        rule = "─" * (self.width or 100)
        self.line()
        self.line(Span(rule, "dim"))
        self.paragraph(Span(name, "title"), about, len(name) + 2)

    def cells(self, cells: Sequence[Span], widths: Sequence[int], indent: int) -> None:
        """Cells side by side, padded to `widths`; those that do not fit go on below, indented."""
        padded = list(zip(cells, [*widths, *repeat(0, len(cells))], strict=False))
        for row in self._rows(padded, min(indent, self._room // 4)):
            self.line(*row)

    def _rows(self, cells: Iterable[tuple[Span, int]], indent: int) -> Iterator[list[Span]]:
        row: list[Span] = []
        begin = used = 0
        for (text, style), width in cells:
            for part in self.wrapped(text, indent) if len(text) > self._room - indent else [text]:
                if used > begin and used + len(part) > self._room:
                    yield row
                    row, begin, used = [Span(" " * indent)], indent, indent
                gap = max(width - len(part), 0) + 2
                row += [Span(part, style), Span(" " * gap)]
                used += len(part) + gap
        yield row

    @property
    def _room(self) -> int:
        """How long a line may be."""
        return sys.maxsize if self.width is None else self.width

    def paragraph(self, label: Span, text: str, indent: int, style: str = "") -> None:
        """A label at the margin of an indented text, which is wrapped on a terminal."""
        if self.width is not None:
            indent = min(indent, self.width // 2 - 4)
        lines = self.wrapped(text, indent)
        if len(label.text) < indent:
            self.line(label, " " * (indent - len(label.text)), Span(lines.pop(0), style))
        else:
            self.line(label)
        for line in lines:
            self.line(" " * indent, Span(line, style))

    def wrapped(self, text: str, indent: int) -> list[str]:
        """The lines of a text beside an indentation."""
        clean = " ".join(text.split())
        if self.width is None:
            return [clean]
        return textwrap.wrap(clean, max(self.width - indent, NARROWEST // 2), break_on_hyphens=False) or [""]

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table: columns wrapped to the width on a terminal, aligned and unwrapped elsewhere."""
        if self.width is None:
            self._plain_table([heads, *rows])
        else:
            self._rich_table(heads, rows)

    def _plain_table(self, rows: Sequence[Sequence[str]]) -> None:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self.line("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)))

    def _rich_table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for number, head in enumerate(heads):
            table.add_column(head, overflow="fold", style="cyan" if number == 0 and self.colour else None)
        for row in rows:
            table.add_row(*(Text(text) for text in row))
        self._before()
        console = Console(
            file=self._stream,
            width=self.width,
            color_system="standard" if self.colour else None,  # None: not even bold
            force_terminal=True,
        )
        console.print(table)

    def _shown(self, each: Span | str) -> str:
        span = Span(each) if isinstance(each, str) else each
        text = span.text if span.text.isprintable() else _printable(span.text)
        return click.style(text, **STYLES[span.style]) if self.colour and span.style and text else text


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


# ------------------------------------------------------------------ JSON


def compact(data: Any) -> str:
    """One line of JSON."""
    return msgspec.json.encode(data).decode()


def indented(data: Any, depth: int = 0) -> str:
    """JSON for people too, its lines after the first indented by `depth` more."""
    text = msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
    return text.replace("\n", "\n" + " " * depth)


class JsonObject:
    """An object that is written piece by piece: its values, and arrays of which only one element is held at a time."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._begun = False

    def value(self, key: str, value: Any) -> None:
        self._key(key)
        self._write(indented(value, 2))

    def array(self, key: str, elements: Iterable[Any]) -> None:
        self._key(key)
        begun = False
        for element in elements:
            self._write((",\n    " if begun else "[\n    ") + indented(element, 4))
            begun = True
        self._write("\n  ]" if begun else "[]")

    def end(self) -> None:
        self._write("\n}\n" if self._begun else "{}\n")

    def _key(self, key: str) -> None:
        self._write(f"{',' if self._begun else '{'}\n  {compact(key)}: ")
        self._begun = True
