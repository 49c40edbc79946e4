"""A story as one HTML page that needs nothing else: lanes, steps, and the whole state at each of them. Pure.

The steps are in the page itself, so that it is read, searched and printed without a script; the story is there as JSON
too, from which the script shows the state at the chosen step. The page forbids itself every connection.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import msgspec

from fsm.check.story import Change, Story, StoryStep, story_to_json
from fsm.check.wording import (
    ARROW,
    FOR_EVER,
    Group,
    Lane,
    because_of,
    endings_of,
    groups_of,
    is_looped,
    is_stuck,
    lane_of,
    lanes_of,
    length_of,
    listed,
    name_of,
    spent,
    subject_of,
    told_options,
    verdict_of,
    words,
)

LONGEST = 24
"""Characters of a lane's name that are shown above it; each row has the whole name."""

MANY, TOO_MANY = 5, 18
"""Of lanes: so many leave no room for all names on a small screen, and on any."""

_SHAPES = {"fault": "diamond", "user": "square"}
_MEANT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_KEYS = (
    (("→", "↓", "j"), "next step; after a loop its first step again"),
    (("←", "↑", "k"), "step before"),
    (("Home",), "before the first step"),
    (("End",), "last step"),
    (("l",), "beginning of the loop"),
    (("?",), "this help"),
)
_PATHS = {
    "first": "M12 13 7 8l5-5M4 3v10",
    "back": "M10 13 5 8l5-5",
    "next": "m6 13 5-5-5-5",
    "last": "m4 13 5-5-5-5M12 3v10",
    "fold": "m3 6 5 5 5-5",
}


def html_of(story: Story) -> str:
    """The page. It names no other resource, and runs no script but its own whatever the story's texts are."""
    return "\n".join(_page(story)) + "\n"


def _page(story: Story) -> Iterator[str]:
    style, script = _resource("story.css"), _resource("story.js")
    lanes = lanes_of(story)
    longest = min(max((len(name_of(story, lane)) for lane in lanes), default=0), LONGEST)
    yield "<!doctype html>"
    yield f'<html lang="en" style="--lanes:{max(len(lanes), 1)};--longest:{longest}">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_text(f'{verdict_of(story).capitalize()}: {story.sentence}')}</title>"
    yield f"<style>{style}</style>"
    yield "</head>"
    yield "<body>"
    yield from _header(story)
    yield "<main>"
    yield from _story(story, lanes)
    yield from _panel()
    yield "</main>"
    yield from _help(story)
    yield _data("story", story_to_json(story))
    yield _data("groups", [_labelled(group) for group in groups_of(story)])
    yield f"<script>{script}</script>"
    yield "</body>"
    yield "</html>"


def _labelled(group: Group) -> dict[str, Any]:
    """A group for the script, with what each fact is called inside of it, and with one fact alone."""
    names = {fact: words(fact) for fact in group.facts}
    alone = subject_of(group.part, group.facts[0]) if len(group.facts) == 1 and not group.cached else None
    return {**group._asdict(), "names": names, "alone": alone}


def _header(story: Story) -> Iterator[str]:
    verdict = verdict_of(story)
    yield "<header>"
    yield f'<p class="verdict {verdict}">{verdict}</p>'
    yield f"<h1>{_text(story.sentence)}</h1>"
    yield f'<p class="because">{_text(because_of(story))}</p>'
    yield '<dl class="about">'
    for label, text in _about(story):
        kind = ' class="id"' if label == "replay id" else ""
        yield f"<div><dt>{label}</dt><dd{kind}>{_text(text)}</dd></div>"
    yield "</dl>"
    yield "</header>"


def _about(story: Story) -> Iterator[tuple[str, str]]:
    yield "property", f"{story.property} ({story.form})"
    yield "world", story.world
    if story.options:
        yield "options", listed(told_options(story)) or "-"
    if story.components > 1:
        yield "components", str(story.components)
    yield "budgets", listed(spent(story)) or "none"
    yield "story", length_of(story)
    if story.id:
        yield "replay id", story.id


# ------------------------------------------------------------------ lanes and steps


def _story(story: Story, lanes: tuple[Lane, ...]) -> Iterator[str]:
    yield '<section class="story" aria-label="Steps">'
    yield f'<div class="{" ".join(_crowd(lanes))}" id="heads">'
    yield '<ul class="names" aria-hidden="true">'
    for number, lane in enumerate(lanes):
        yield f'<li style="--i:{number}" data-lane="{number}">{_text(name_of(story, lane))}</li>'
    yield "</ul>"
    yield from _legend(story)
    yield "</div>"
    yield '<ol id="steps">'
    yield from _start()
    for position, step in enumerate(story.steps):
        yield from _step(story, lanes, position, step)
    yield "</ol>"
    yield from _ending(story)
    yield "</section>"


def _crowd(lanes: tuple[Lane, ...]) -> Iterator[str]:
    """Where lanes stand close, only the chosen step's has its name shown."""
    yield "heads"
    if len(lanes) > MANY:
        yield "many"
    if len(lanes) > TOO_MANY:
        yield "too-many"


def _legend(story: Story) -> Iterator[str]:
    kinds = {step.kind for step in story.steps}
    yield '<ul class="legend" aria-hidden="true">'
    for kind, shape in _SHAPES.items():
        if kind in kinds:
            yield f'<li><i class="dot {shape}"></i>{kind}</li>'
    yield "</ul>"


def _start() -> Iterator[str]:
    yield (
        '<li><a class="step" href="#step=0" data-number="0"><span class="bracket"></span><span class="number">0</span>'
        '<span class="lanes"></span><span class="told"><span class="who">the beginning</span></span></a></li>'
    )


def _step(story: Story, lanes: tuple[Lane, ...], position: int, step: StoryStep) -> Iterator[str]:
    lane = lanes.index(lane_of(step))
    yield (
        f'<li><a class="{" ".join(_classes(story, position, step))}" href="#step={position + 1}"'
        f' data-number="{step.number}" data-lane="{lane}" data-rule="{_text(step.rule)}">'
    )
    yield f'<span class="bracket"></span><span class="number">{step.number}</span>'
    yield f'<span class="lanes" style="--i:{lane}">{"".join(_thread(story, lanes, position, step))}</span>'
    yield '<span class="told">'
    yield f'<span class="who">{_text(name_of(story, lane_of(step)))}</span>'
    yield f'<span class="what">{_text(step.what)}</span>'
    if step.kind in _SHAPES:
        yield f'<span class="kind {step.kind}">{step.kind}</span>'
    yield f'<span class="changes">{" ".join(map(_change, step.changes))}</span>'
    if step.note:
        yield f'<span class="note">{_text(step.note)}</span>'
    yield "</span></a></li>"


def _classes(story: Story, position: int, step: StoryStep) -> Iterator[str]:
    yield "step"
    if step.kind in _SHAPES:
        yield step.kind
    if is_looped(story, position):
        yield "looped"
        if position == story.loop:
            yield "first"
        if position == len(story.steps) - 1:
            yield "last"


def _thread(story: Story, lanes: tuple[Lane, ...], position: int, step: StoryStep) -> Iterator[str]:
    """The line from step to step: across from the lane before, and down through this one."""
    here = lanes.index(lane_of(step))
    there = lanes.index(lane_of(story.steps[max(position - 1, 0)]))
    if here != there:
        yield f'<i class="hop" style="--a:{min(here, there)};--d:{abs(here - there)}"></i>'
    first, last = position == 0, position == len(story.steps) - 1
    if not (first and last):
        yield f'<i class="thread{" from" if first else " to" if last else ""}"></i>'
    yield f'<i class="dot {_SHAPES.get(step.kind, "round")}"></i>'


def _change(change: Change) -> str:
    before, after = _value(change.before), _value(change.after)
    return f"<span>{_text(subject_of(change.part, change.fact))}: {before} {ARROW} <b>{after}</b></span>"


def _value(value: str) -> str:
    return _text(value) if value else "<i>absent</i>"


# ------------------------------------------------------------------ the end


def _ending(story: Story) -> Iterator[str]:
    yield '<div class="ending">'
    kind, sign, text = _outcome(story)
    yield f'<p class="outcome {kind}"><span aria-hidden="true">{sign}</span><span>{text}</span></p>'
    yield '<div class="who-moves">'
    for ending in endings_of(story):
        who = "".join(f"<li>{_text(each)}</li>" for each in ending.who)
        yield f"<div><h3>{_text(ending.heading)}</h3><ul>{who}</ul></div>"
    yield "</div>"
    yield "</div>"


def _outcome(story: Story) -> tuple[str, str, str]:
    """How the steps end: a kind, a sign and a sentence."""
    if story.loop is None:
        verdict = verdict_of(story)
        where = f"after step {story.steps[-1].number}" if story.steps else "at the beginning"
        return verdict, "✓" if verdict == "reached" else "✕", f"{verdict.capitalize()} {where}."
    if is_stuck(story):
        return "for-ever", "∞", f"It stays so {FOR_EVER}."
    again = f'<a href="#step={story.loop + 1}">step {story.steps[story.loop].number}</a>'
    return "for-ever", "∞", f"Then again from {again}, {FOR_EVER}."


# ------------------------------------------------------------------ what the script fills


def _panel() -> Iterator[str]:
    yield '<aside class="panel" id="panel" aria-label="State">'
    yield '<div class="bar">'
    yield '<h2 id="where" role="status">State</h2>'
    yield _button("first", "Before the first step", far=True)
    yield _button("back", "Step before")
    yield _button("next", "Next step")
    yield _button("last", "Last step", far=True)
    yield '<button type="button" id="ask" class="far" aria-label="Keys" title="Keys (?)">?</button>'
    yield _button("fold", "Show or hide the state", extra=' aria-expanded="true" aria-controls="facts"')
    yield "</div>"
    yield '<div class="facts" id="facts" tabindex="0" role="region" aria-label="Facts">'
    yield "<p>The state at each step is shown by a script, which is not running here.</p>"
    yield "</div>"
    yield "</aside>"


def _button(name: str, label: str, far: bool = False, extra: str = "") -> str:
    kind = ' class="far"' if far else ""
    return (
        f'<button type="button" id="{name}"{kind} aria-label="{label}" title="{label}"{extra}>'
        f'<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{_PATHS[name]}"></path></svg></button>'
    )


def _help(story: Story) -> Iterator[str]:
    yield '<dialog id="help" aria-labelledby="keys">'
    yield '<h2 id="keys">Keys</h2>'
    yield "<dl>"
    for keys, meaning in _KEYS:
        if story.loop is not None or keys != ("l",):
            yield f"<dt>{' '.join(f'<kbd>{key}</kbd>' for key in keys)}</dt><dd>{meaning}</dd>"
    yield "</dl>"
    yield '<form method="dialog"><button>Close</button></form>'
    yield "</dialog>"


# ------------------------------------------------------------------ text and data


@cache
def _resource(name: str) -> str:
    return files("fsm.check").joinpath(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'"
    return f"{allowed}; script-src 'sha256-{digest}'"


def _text(text: str) -> str:
    return escape(text, quote=True)


def _data(name: str, data: Any) -> str:
    """JSON in a script element that no text in it can end."""
    text = "".join(_MEANT.get(character, character) for character in msgspec.json.encode(data).decode())
    return f'<script type="application/json" id="{name}">{text}</script>'
