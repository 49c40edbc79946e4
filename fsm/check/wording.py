"""What every form of a story says alike: the verdict's word, lanes, changes, and who can move at the end. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from fsm.check.story import Change, Story, StoryStep, Waiting
from fsm.kernel.property import Form

FOR_EVER = "for ever"
ARROW = "→"

_CACHED = re.compile(r"cached[ _-](?P<live>.+)", re.DOTALL)
_NUMBERED = re.compile(r"(?P<name>.*)\[\d+]", re.DOTALL)


class Lane(NamedTuple):
    """Who acts: an actor, and the component that it acts for, or None."""

    actor: str
    component: int | None


class Group(NamedTuple):
    """Parts that are shown as one: a part by its label, and the label of what a cache knows of it, or None.

    `facts` are all that either has in any state. `compared` are those of the part itself, which its cache can know:
    in a state in which the cache tells any of them, it tells all that it knows, and may differ.
    """

    title: str
    part: str
    cached: str | None
    facts: tuple[str, ...]
    compared: tuple[str, ...]


class Ending(NamedTuple):
    """Of the last state or the loop: a heading, and those of whom it is true, in words."""

    heading: str
    who: tuple[str, ...]


def verdict_of(story: Story) -> str:
    """One word. A story of a claim that something happens at times is the example that shows it."""
    return "reached" if story.form == Form.SOMETIMES else "violated"


def words(name: str) -> str:
    """A name of the code as words."""
    return name.replace("_", " ")


def listed(items: Iterable[tuple[str, object]]) -> str:
    """Names and values in one line, or the word none."""
    return ", ".join(f"{words(name)} {value}" for name, value in items) or "none"


def plural(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def length_of(story: Story) -> str:
    """How long the story is and how it ends, in a few words."""
    counted = f"{plural(len(story.steps), 'step')}, {plural(story.faults, 'fault')}"
    if story.loop is None:
        return counted
    if is_stuck(story):
        return f"{counted}, then nothing more, {FOR_EVER}"
    return f"{counted}, the last {len(story.steps) - story.loop} {FOR_EVER}"


def is_stuck(story: Story) -> bool:
    """Whether the last state is left by nobody who must move: a loop without steps."""
    return story.loop == len(story.steps)


def is_looped(story: Story, position: int) -> bool:
    """Whether the step at this position, from 0, is one of a loop."""
    return story.loop is not None and position >= story.loop


# ------------------------------------------------------------------ lanes


def lane_of(step: StoryStep) -> Lane:
    """Whose step it is."""
    return Lane(step.actor, step.component)


def lanes_of(story: Story) -> tuple[Lane, ...]:
    """Everybody who takes a step: actors in the order in which they first move, components in theirs."""
    actors = list(dict.fromkeys(step.actor for step in story.steps))
    lanes = {lane_of(step) for step in story.steps}
    return tuple(sorted(lanes, key=lambda lane: (actors.index(lane.actor), _at(lane))))


def name_of(story: Story, who: Lane | Waiting) -> str:
    """A lane in words; with one component its number is not worth saying."""
    numbered = who.component is not None and story.components > 1
    return f"{words(who.actor)}[{who.component}]" if numbered else words(who.actor)


def _at(lane: Lane) -> int:
    return -1 if lane.component is None else lane.component


# ------------------------------------------------------------------ facts


def subject_of(part: str, fact: str) -> str:
    """A fact of a part in words: both, or the part alone where its name ends in the fact's."""
    part, fact = words(part), words(fact)
    numbered = _NUMBERED.fullmatch(part)
    name = numbered["name"] if numbered else part
    return part if f" {name}".endswith(f" {fact}") else f"{part} {fact}"


def told(change: Change, absent: str = "-") -> str:
    """A change in words: what, before, after."""
    return f"{subject_of(change.part, change.fact)}: {change.before or absent} {ARROW} {change.after or absent}"


def groups_of(story: Story) -> tuple[Group, ...]:
    """All parts of all states, in their order; `cached X` stands beside the part `X` where there is one."""
    facts: dict[str, dict[str, None]] = {}
    for state in story.states:
        for part, own in state.items():
            facts.setdefault(part, {}).update(dict.fromkeys(own))
    cached_of = {found["live"]: part for part in facts if (found := _CACHED.fullmatch(part)) and found["live"] in facts}
    return tuple(_group(part, cached_of.get(part), facts) for part in facts if part not in cached_of.values())


def _group(part: str, cached: str | None, facts: Mapping[str, Mapping[str, None]]) -> Group:
    live, known = facts[part], facts[cached] if cached else {}
    return Group(words(part), part, cached, tuple({**live, **known}), tuple(live) if cached else ())


# ------------------------------------------------------------------ the end


def because_of(story: Story) -> str:
    """Why the end is bad: what the story says, or else what its form means."""
    if story.because:
        return story.because
    if story.loop is not None:
        return "Nothing that must move ever leaves this." if is_stuck(story) else "Nothing ever forces a way out."
    if not story.steps:
        return "It is so at the very beginning."
    return "It is so after the last step."


def told_options(story: Story) -> list[tuple[str, object]]:
    """The options that a reader wants to see: not those that the world's name says, nor data for a program."""
    return [(k, v) for k, v in story.options.items() if v not in story.world.split() and not v.startswith(("{", "["))]


def spent(story: Story) -> list[tuple[str, int]]:
    """The budgets that there were."""
    return [(name, number) for name, number in story.budgets.items() if number]


def endings_of(story: Story) -> tuple[Ending, ...]:
    """Who could move at the end and who cannot; with a loop, who moves in it. Only where this is why the end is bad."""
    if story.loop is None and story.form not in _OF_THE_END:
        return ()
    found: dict[str, list[str]] = {}
    for heading, text in sorted(_endings(story), key=lambda each: _HEADINGS.index(each[0])):
        found.setdefault(heading, []).append(text)
    return tuple(Ending(heading, tuple(who)) for heading, who in found.items())


_OF_THE_END = (Form.NO_DEADLOCK, Form.RECOVERABLE)
_MOVES = "moves again and again"
_AT_TIMES = "can move at times, but never has to"
_CAN = "can move"
_NEED_NOT = "could move, but nothing makes it"
_CANNOT = "cannot move"
_HEADINGS = (_MOVES, _AT_TIMES, _CAN, _NEED_NOT, _CANNOT)


def _endings(story: Story) -> Iterator[tuple[str, str]]:
    """Who promised nothing and can do nothing is not worth a word."""
    moving = {lane_of(step) for i, step in enumerate(story.steps) if is_looped(story, i)}
    for each in story.end:
        if not each.enabled and each.fairness == "none":
            continue
        name = name_of(story, each)
        rules = ", ".join(map(words, each.rules))
        yield _heading(story, each, moving), f"{name} ({rules})" if rules else name


def _heading(story: Story, each: Waiting, moving: set[Lane]) -> str:
    if Lane(each.actor, each.component) in moving:
        return _MOVES
    if not each.enabled:
        return _CANNOT
    if each.fairness == "none":
        return _NEED_NOT
    return _AT_TIMES if moving else _CAN
