"""A story as a Mermaid sequence diagram, which GitHub and many documentation tools draw. Pure.

A lane for everybody who moves, called `l0`, `l1` and so on, so that no name is a word of Mermaid's. A step is an arrow
of its lane to itself, and what it changed a note below; faults and what a user does stand on a tinted ground.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

from fsm.check.story import Story, StoryStep
from fsm.check.wording import (
    FOR_EVER,
    Lane,
    because_of,
    endings_of,
    is_stuck,
    lane_of,
    lanes_of,
    name_of,
    told,
    verdict_of,
)

WIDTH = 40
"""Characters in a line of a note or of an arrow's text."""

GROUNDS = {"fault": "rgba(213, 94, 0, 0.18)", "user": "rgba(0, 114, 178, 0.14)"}
"""The ground of a step by its kind; transparent, for light pages and dark ones."""

_MEANT = re.compile(r"[^\w .,:()\[\]→'/?!+*=-]|^:|(?<=^wrap):|(?<=^nowrap):", re.IGNORECASE)
"""What could mean something: all but what is known to be harmless. A text that begins with `wrap:` is a command."""


def mermaid_of(story: Story) -> str:
    """The story as Mermaid text; the same story always gives the same text."""
    return "\n".join(_lines(story)) + "\n"


def _lines(story: Story) -> Iterator[str]:
    names = {lane: f"l{number}" for number, lane in enumerate(lanes_of(story))}
    yield "sequenceDiagram"
    yield f"  title: {escaped(_headline(story))}"
    yield f"  accTitle: {escaped(_headline(story))}"
    for lane, name in names.items():
        kinds = {step.kind for step in story.steps if lane_of(step) == lane}
        yield f"  {'actor' if kinds == {'user'} else 'participant'} {name} as {_broken(name_of(story, lane), 16)}"
    if not names:
        yield "  participant l0 as world"
    yield from _steps(story, names)
    over = "l0" if len(names) < 2 else f"l0,l{len(names) - 1}"
    yield f"  Note over {over}: {_joined(_end(story), 2 * WIDTH)}"


def _headline(story: Story) -> str:
    return f"{verdict_of(story).capitalize()}: {story.sentence}"


def _steps(story: Story, names: dict[Lane, str]) -> Iterator[str]:
    looped = story.loop is not None and not is_stuck(story)
    for position, step in enumerate(story.steps):
        if looped and position == story.loop:
            yield f"  loop {FOR_EVER}"
        inside = looped and position >= (story.loop or 0)
        yield from _step(step, names[lane_of(step)], "    " if inside else "  ")
    if looped:
        yield "  end"


def _step(step: StoryStep, lane: str, indent: str) -> Iterator[str]:
    ground = GROUNDS.get(step.kind)
    if ground:
        yield f"{indent}rect {ground}"
    inner = f"{indent}  " if ground else indent
    kind = f" {step.kind}" if ground else ""
    yield f"{inner}{lane}->>{lane}: {_broken(f'{step.number}{kind}: {step.what}', WIDTH)}"
    remarks = [*(told(change) for change in step.changes), *([f"({step.note})"] if step.note else [])]
    if remarks:
        yield f"{inner}Note over {lane}: {_joined(remarks, WIDTH)}"
    if ground:
        yield f"{indent}end"


def _end(story: Story) -> Iterator[str]:
    yield f"{FOR_EVER.capitalize()}. {because_of(story)}" if story.loop is not None else because_of(story)
    yield from (f"{ending.heading}: {', '.join(ending.who)}" for ending in endings_of(story))


# ------------------------------------------------------------------ text


def escaped(text: str) -> str:
    """Text that Mermaid shows as it is: in one line, every character that means something to it as `#code;`."""
    return _MEANT.sub(lambda found: f"#{ord(found[0])};", " ".join(text.split()))


def _joined(texts: Iterable[str], width: int) -> str:
    return "<br/>".join(_broken(text, width) for text in texts)


def _broken(text: str, width: int) -> str:
    """Escaped text with line breaks: Mermaid makes no line longer than its text, but a box as wide as that."""
    lines = textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False) or [""]
    return "<br/>".join(map(escaped, lines))
