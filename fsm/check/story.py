"""A counterexample as a value: what happened, step by step, in words, and why it is bad at the end.

A story knows everything that a reader needs, so that whoever shows it (text, Mermaid, HTML) needs no world. It can be
taken again: the rule, its component and the words of each move are the steps' names in the world of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsm.kernel import Value, typed
from fsm.kernel.codec import plain

FORMAT = 1


class Change(Value, frozen=True):
    """A fact that a step changed. `part` is the part's label; `before` and `after` are "" where the fact is absent."""

    part: str
    fact: str
    before: str
    after: str


class StoryStep(Value, frozen=True):
    """One step: who (`actor`), by which rule, what in words; `kind` is normal, fault or user."""

    number: int
    actor: str
    rule: str
    what: str
    kind: str
    component: int | None = None
    note: str = ""
    changes: tuple[Change, ...] = ()


class Waiting(Value, frozen=True):
    """Of the last state (or the loop): an actor, whether it can move, whether it is assumed to be fair, and its rules
    that could be taken."""

    actor: str
    component: int | None
    enabled: bool
    fairness: str
    rules: tuple[str, ...] = ()


Facts = Mapping[str, Mapping[str, str]]
"""A whole state in words: facts by part label."""


class Story(Value, frozen=True):
    """`states[i]` is the state before `steps[i]`; there is one more at the end.

    `form` is the property's. `loop` is the number of steps before the loop begins, where the story ends in one: the
    last state is the one at that position again; None where it does not loop. A loop without steps (`loop` equal to
    the number of steps) is a state in which nothing that must move can move: it stays for ever.
    `budgets` are those that the world was run with, `faults` how many steps are faults.
    """

    world: str
    property: str
    sentence: str
    form: str
    components: int
    budgets: dict[str, int]
    options: dict[str, str]
    faults: int
    steps: tuple[StoryStep, ...]
    states: tuple[dict[str, dict[str, str]], ...]
    loop: int | None = None
    because: str = ""
    end: tuple[Waiting, ...] = ()
    id: str = ""
    format: int = FORMAT


def story_to_json(story: Story) -> dict[str, Any]:
    """The story as JSON data."""
    return dict(plain(story))


def story_from_json(data: Any) -> Story:
    """The story that `story_to_json` wrote; InputError where it is none, with the place."""
    story: Story = typed(Story, data)
    return story
