"""A story as text: one row a step, only what changed, in words, and why it is bad at the end. Pure.

A line is made of spans, each with the name of a style; `text_of` joins them, `lines_of` leaves the look to the caller.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fsm.check.story import Story, StoryStep
from fsm.check.wording import (
    FOR_EVER,
    because_of,
    endings_of,
    is_looped,
    is_stuck,
    lane_of,
    length_of,
    listed,
    name_of,
    spent,
    told,
    told_options,
    verdict_of,
)

NARROWEST = 60
GAP = "  "

STYLES = {"title": "1", "dim": "2", "alarm": "1;31", "done": "1;32", "user": "34", "fault": "31", "note": "33"}
"""The SGR code of a style; a style that is not here has no look of its own."""

_MARKED = {"fault": "fault", "user": "user"}
"""The kinds of step that are marked, and the style of each."""


class Span(NamedTuple):
    """A piece of text and the name of its style."""

    text: str
    style: str = ""


Line = tuple[Span, ...]


def text_of(story: Story, width: int | None = 110, colour: bool = False) -> str:
    """The story for a reader, ending in a line break. Lines are at most `width` characters, which is at least 60, long;
    with None nothing is wrapped. Control characters in the story's own texts are not passed on."""
    look = _coloured if colour else _plain
    return "".join(f"{look(line)}\n" for line in lines_of(story, width))


def lines_of(story: Story, width: int | None = 110) -> Iterator[Line]:
    """The same, line by line, as spans."""
    room = sys.maxsize if width is None else max(width, NARROWEST)
    yield from _headline(story, room)
    yield ()
    if story.steps:
        yield from _table(story, room)
        yield ()
    yield from _end(story, room)


def _plain(line: Line) -> str:
    return "".join(span.text for span in line).rstrip()


def _coloured(line: Line) -> str:
    return "".join(
        f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style in STYLES and text.strip() else text for text, style in line
    ).rstrip()


# ------------------------------------------------------------------ the beginning


def _headline(story: Story, room: int) -> Iterator[Line]:
    verdict = verdict_of(story)
    style = "alarm" if verdict == "violated" else "done"
    yield from _labelled(Span(verdict.upper(), style), story.sentence, len(verdict) + len(GAP), room, "title")
    for label, text in _about(story):
        yield from _labelled(Span(f"{GAP}{label}", "dim"), text, 12, room)


def _about(story: Story) -> Iterator[tuple[str, str]]:
    yield "property", f"{story.property} ({story.form})"
    components = [("components", story.components)] if story.components > 1 else []
    world = [*told_options(story), *components]
    yield "world", f"{story.world}, {listed(world)}" if world else story.world
    yield "budgets", listed(spent(story)) or "none"
    yield "story", length_of(story)
    if story.id:
        yield "replay id", story.id


def _labelled(label: Span, text: str, indent: int, room: int, style: str = "") -> Iterator[Line]:
    """A label at the margin of an indented text, or above it where it is too long."""
    lines = _wrapped(text, room - indent)
    fits = len(label.text) < indent
    yield (label, Span(" " * (indent - len(label.text))), Span(lines[0], style)) if fits else (label,)
    yield from ((Span(" " * indent), Span(line, style)) for line in lines[fits:])


# ------------------------------------------------------------------ the steps


class _Row(NamedTuple):
    """A step's cells before they are wrapped, and what marks the loop in its first line and in its further ones."""

    brackets: tuple[str, str]
    number: str
    kind: str
    who: str
    what: str
    changes: tuple[str, ...]
    note: str


class _Widths(NamedTuple):
    number: int
    kind: int
    who: int
    what: int
    changes: int


def _table(story: Story, room: int) -> Iterator[Line]:
    rows = [_row(story, position, step) for position, step in enumerate(story.steps)]
    widths = _widths(rows, room)
    for row in (_Row((" ", " "), "#", "", "who", "what", ("changes",), ""), *rows):
        yield from _lines(row, widths)


def _row(story: Story, position: int, step: StoryStep) -> _Row:
    return _Row(
        _brackets(story, position),
        str(step.number),
        step.kind if step.kind in _MARKED else "",
        _clean(name_of(story, lane_of(step))),
        _clean(step.what),
        tuple(_clean(told(change)) for change in step.changes) or ("-",),
        _clean(f"<- {step.note}") if step.note else "",
    )


def _brackets(story: Story, position: int) -> tuple[str, str]:
    if not is_looped(story, position):
        return " ", " "
    first, last = position == story.loop, position == len(story.steps) - 1
    return ("[" if first and last else "┌" if first else "└" if last else "│"), " " if last else "│"


def _widths(rows: Sequence[_Row], room: int) -> _Widths:
    """What the cells need if it fits; otherwise the two texts share what is left, `what` with two fifths at least."""
    number = max(len(row.number) for row in rows)
    kind = max(len(row.kind) for row in rows)
    who = min(max(len(row.who) for row in rows), room // 5)
    left = room - len("┌ ") - number - kind - who - len(GAP) * (4 if kind else 3)
    what = max(len(row.what) for row in rows)
    changes = max(len(text) for row in rows for text in (*row.changes, row.note))
    if what + changes > left:
        what = min(what, max(left - changes, left * 2 // 5))
    return _Widths(number, kind, who, what, left - what)


def _lines(row: _Row, widths: _Widths) -> Iterator[Line]:
    """The lines of a row, its cells wrapped side by side."""
    head = "dim" if row.number == "#" else ""
    tone = head or _MARKED.get(row.kind, "")
    changes = [Span(line, head) for line in _fitted(row.changes, widths.changes)]
    changes += [Span(line, "note") for line in _wrapped(row.note, widths.changes, hanging=3) if row.note]
    who = [f"{line:<{widths.who}}{GAP}" for line in _wrapped(row.who, widths.who)]
    what = [f"{line:<{widths.what}}{GAP}" for line in _wrapped(row.what, widths.what)]
    for i in range(max(len(who), len(what), len(changes))):
        yield (
            Span(f"{row.brackets[min(i, 1)]} ", "title"),
            Span(f"{'' if i else row.number:>{widths.number}}{GAP}", "dim"),
            *([Span(f"{'' if i else row.kind:<{widths.kind}}{GAP}", tone)] if widths.kind else ()),
            Span(who[i] if i < len(who) else " " * (widths.who + len(GAP)), tone),
            Span(what[i] if i < len(what) else " " * (widths.what + len(GAP)), tone),
            *changes[i : i + 1],
        )


def _fitted(changes: Sequence[str], width: int) -> list[str]:
    """All changes in one line if they fit, and otherwise each in its own."""
    together = "; ".join(changes)
    if len(together) <= width:
        return [together]
    return [line for change in changes for line in _wrapped(change, width, hanging=2)]


# ------------------------------------------------------------------ the end


def _end(story: Story, room: int) -> Iterator[Line]:
    yield from _labelled(Span(">>", "alarm"), _closing(story), len(">> "), room)
    endings = endings_of(story)
    indent = max((len(ending.heading) for ending in endings), default=0) + len(">> ") + len(GAP)
    for ending in endings:
        yield from _labelled(Span(f"   {ending.heading}", "dim"), ", ".join(ending.who), min(indent, room // 2), room)


def _closing(story: Story) -> str:
    if story.loop is None:
        return because_of(story)
    if is_stuck(story):
        return f"It stays so {FOR_EVER}. {because_of(story)}"
    first, last = story.steps[story.loop].number, story.steps[-1].number
    again = f"step {first}" if first == last else f"steps {first} to {last}"
    return f"Then {again} again, {FOR_EVER}. {because_of(story)}"


# ------------------------------------------------------------------ characters


def _clean(text: str) -> str:
    """The text in one line, without the control characters that a terminal would obey."""
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def _wrapped(text: str, width: int, hanging: int = 0) -> list[str]:
    """The lines of a text, at least one."""
    clean = _clean(text)
    if len(clean) <= width:
        return [clean]
    indent = " " * min(hanging, width // 4)
    return textwrap.wrap(clean, width, subsequent_indent=indent, break_on_hyphens=False)
