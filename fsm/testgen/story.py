"""A test of a suite as a value: where it begins, what is sent, and what has to follow. Pure, and told in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fsm.kernel import Event, Machine, MachineState, Step, plain
from fsm.testgen.choices import Choice
from fsm.testgen.explore import Walk
from fsm.testgen.suite import MachineSuite, Suite

NAMED = 6
"""Events that a sentence names, at most."""


class Then(NamedTuple):
    """What an event leads to: the configuration, the fields of the context that change, the declared transitions that
    are taken, the effects."""

    configuration: tuple[str, ...]
    changes: Mapping[str, Any]
    transitions: tuple[str, ...]
    effects: tuple[Mapping[str, Any], ...]


class Line(NamedTuple):
    """What is sent; `then` is None where it has to be refused."""

    event: Event
    then: Then | None


class Story(NamedTuple):
    """One test. `beginning` says in words where it starts, and is empty for a new machine."""

    id: str
    title: str
    machine: str
    beginning: str
    start: MachineState
    lines: tuple[Line, ...]


def stories_of(suite: MachineSuite) -> Iterator[Story]:
    """The tests of a suite."""
    machine = suite.explored.machine
    digits = len(str(len(suite.walks)))
    for number, walk in enumerate(suite.walks, 1):
        name = f"{machine.name}-{suite.suite.cover}-{number:0{digits}}"
        lines = tuple(Line(each.choice.event, then_of(each.step)) for each in walk.taken)
        beginning = walk.beginning
        yield Story(name, title_of(machine, walk), machine.name, beginning.title, beginning.state, lines)


def then_of(step: Step | None) -> Then | None:
    """What a step did, as data."""
    if step is None:
        return None
    return Then(
        configuration=step.after.configuration,
        changes=changes_of(plain(step.before.context), plain(step.after.context)),
        transitions=tuple(map(str, step.transitions)),
        effects=tuple({"effect": type(each).__name__, **plain(each)} for each in step.effects),
    )


def changes_of(before: Any, after: Any) -> dict[str, Any]:
    """The fields that differ; a context without fields is one field without a name."""
    if before == after:
        return {}
    if not isinstance(after, dict) or not isinstance(before, dict):
        return {"": after}
    return {name: value for name, value in after.items() if name not in before or before[name] != value}


def title_of(machine: Machine, walk: Walk) -> str:
    """A test in a sentence: from where to where, by which events."""
    start = " ".join(machine.leaves(walk.beginning.state.configuration))
    since = f" ({walk.beginning.title})" if walk.beginning.title else ""
    end = " ".join(machine.leaves(walk.taken[-1].after.configuration))
    goes = f"stays {end}" if end == start else f"goes to {end}"
    return f"{start}{since} {goes} by {_listed([_said(each.choice) for each in walk.taken])}"


def _said(choice: Choice) -> str:
    return f"{choice.event.name} (refused)" if choice.refused else choice.event.name


def _listed(words: list[str]) -> str:
    """All of a few, else the ends of them."""
    if len(words) > NAMED:
        words = [*words[:2], f"{len(words) - 4} more", *words[-2:]]
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


class WorldStory(NamedTuple):
    """One test of a world: what is told of the beginning, and after each step what is told anew; None: no longer."""

    id: str
    start: Mapping[str, str]
    lines: tuple[tuple[str, Mapping[str, str | None]], ...]


def world_stories_of(suite: Suite, world: str) -> Iterator[WorldStory]:
    """The tests of a world's suite, in the words of its graph."""
    digits = len(str(len(suite.paths)))
    for number, path in enumerate(suite.paths, 1):
        edges = [suite.graph.edges[edge] for edge in path]
        told = [suite.graph.told(edges[0].source), *(suite.graph.told(edge.target) for edge in edges)]
        lines = [
            (edge.label, _told_anew(before, after)) for edge, before, after in zip(edges, told, told[1:], strict=False)
        ]
        yield WorldStory(f"{world}-{suite.cover}-{number:0{digits}}", told[0], tuple(lines))


def _told_anew(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    names = dict.fromkeys((*before, *after))
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}
