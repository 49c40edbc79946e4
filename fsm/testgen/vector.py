"""Stories as vectors, one a line of JSON in the style of the conformance vectors; read back, and judged on a machine.

What a vector says is described in docs/testgen.md. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from fsm.errors import InputError, Place, UsageError
from fsm.kernel import Event, Machine, MachineState, plain, try_step, typed
from fsm.testgen.graph import Graph
from fsm.testgen.story import Line, Story, Then, WorldStory, then_of

Source = Mapping[str, Any]
"""Who wrote a vector, and for what."""


# ------------------------------------------------------------------ writing


def vector_of(story: Story, source: Source) -> dict[str, Any]:
    """A test of a machine as JSON data."""
    return {
        "id": story.id,
        "title": story.title,
        "source": dict(source),
        "runs": "machine",
        "machine": story.machine,
        "given": {"beginning": story.beginning, **plain(story.start)},
        "when": [_event(line.event) for line in story.lines],
        "then": [_then(line.then) for line in story.lines],
    }


def _event(event: Event) -> dict[str, Any]:
    return {key: value for key, value in plain(event).items() if value != ""}


def _then(then: Then | None) -> dict[str, Any]:
    if then is None:
        return {"refused": True}
    return {
        "configuration": list(then.configuration),
        "changes": dict(then.changes),
        "transitions": list(then.transitions),
        "effects": [dict(each) for each in then.effects],
    }


def world_vector_of(story: WorldStory, world: str, source: Source) -> dict[str, Any]:
    """A test of a world as JSON data."""
    return {
        "id": story.id,
        "source": dict(source),
        "runs": "world",
        "world": world,
        "given": dict(story.start),
        "when": [label for label, _ in story.lines],
        "then": [dict(told) for _, told in story.lines],
    }


# ------------------------------------------------------------------ reading


class _Given(Struct, frozen=True, forbid_unknown_fields=True):
    configuration: tuple[str, ...]
    context: Any = None
    beginning: str = ""


class _When(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    at: int
    subject: str = ""
    uid: str = ""
    reason: str = ""
    message: str = ""


class _Outcome(Struct, frozen=True, forbid_unknown_fields=True):
    configuration: tuple[str, ...] = ()
    changes: dict[str, Any] = {}
    transitions: tuple[str, ...] = ()
    effects: tuple[dict[str, Any], ...] = ()
    refused: bool = False


class _MachineLine(Struct, frozen=True, forbid_unknown_fields=True, tag_field="runs", tag="machine"):
    id: str
    machine: str
    given: _Given
    when: tuple[_When, ...]
    then: tuple[_Outcome, ...]
    title: str = ""
    source: dict[str, Any] = {}


class _WorldLine(Struct, frozen=True, forbid_unknown_fields=True, tag_field="runs", tag="world"):
    id: str
    world: str
    given: dict[str, str]
    when: tuple[str, ...]
    then: tuple[dict[str, str | None], ...]
    source: dict[str, Any] = {}


def story_from(line: bytes | str, machines: Mapping[str, Machine], place: Place | None = None) -> Story:
    """The test that a line tells; InputError where it tells none, or one of a machine that is not there."""
    place = place or Place()
    try:
        return _story(_decoded(line, _MachineLine), machines)
    except InputError as error:
        where = replace(place, path=error.place.path)
        raise InputError(error.problem, expected=error.expected, place=where) from None


def _story(read: _MachineLine, machines: Mapping[str, Machine]) -> Story:
    machine = machines.get(read.machine)
    if machine is None:
        raise InputError(
            f"there is no machine {read.machine!r}", expected=", ".join(machines), place=Place(path="machine")
        )
    start = _configuration(machine, read.given.configuration, "given.configuration")
    context = read.given.context
    if machine.context_type is not None:
        context = typed(machine.context_type, context, "given.context")
    _expect_as_many(read.when, read.then)
    lines = tuple(
        Line(Event(**msgspec.structs.asdict(when)), _expected(machine, then, f"then[{number}].configuration"))
        for number, (when, then) in enumerate(zip(read.when, read.then, strict=True))
    )
    return Story(read.id, read.title, machine.name, read.given.beginning, MachineState(start, context), lines)


def _configuration(machine: Machine, ids: tuple[str, ...], path: str) -> tuple[str, ...]:
    try:
        return machine.configuration(ids)
    except UsageError as error:
        raise InputError(str(error), place=Place(path=path)) from None


def _expected(machine: Machine, outcome: _Outcome, path: str) -> Then | None:
    if outcome.refused:
        return None
    configuration = _configuration(machine, outcome.configuration, path)
    return Then(configuration, outcome.changes, outcome.transitions, outcome.effects)


def world_story_from(line: bytes | str, place: Place | None = None) -> WorldStory:
    """The test of a world that a line tells; InputError where it tells none."""
    try:
        read = _decoded(line, _WorldLine)
        _expect_as_many(read.when, read.then)
    except InputError as error:
        where = replace(place or Place(), path=error.place.path)
        raise InputError(error.problem, expected=error.expected, place=where) from None
    return WorldStory(read.id, read.given, tuple(zip(read.when, read.then, strict=True)))


_T = TypeVar("_T", _MachineLine, _WorldLine)


def _decoded(line: bytes | str, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"no vector of this kind: {error}", expected="what `backup-fsm testgen` writes") from None


def _expect_as_many(when: tuple[Any, ...], then: tuple[Any, ...]) -> None:
    if len(when) != len(then):
        raise InputError(f"found {len(then)}", expected=f"{len(when)}, one for each event", place=Place(path="then"))


# ------------------------------------------------------------------ judging


class Mismatch(NamedTuple):
    """Where a test fails: the number of the event from 0, what is not as it should be, and both sides."""

    step: int
    what: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"step {self.step}: {self.what}: expected {self.expected}, found {self.found}"


def mismatches_of(story: Story, machine: Machine) -> list[Mismatch]:
    """Send the events to the machine and compare, up to the first step that is not as it should be."""
    state = story.start
    for number, line in enumerate(story.lines):
        step = try_step(machine, state, line.event)
        found = list(_differences(number, line.then, then_of(step)))
        if found:
            return found
        state = state if step is None else step.after
    return []


def _differences(number: int, expected: Then | None, found: Then | None) -> Iterator[Mismatch]:
    if expected is None or found is None:
        if expected is not found:
            says = ["refused" if each is None else " ".join(each.configuration) for each in (expected, found)]
            yield Mismatch(number, "answer", *says)
        return
    for what, one, other in zip(Then._fields, expected, found, strict=True):
        if one != other:
            yield Mismatch(number, what, one, other)


def mismatches_in(graph: Graph, story: WorldStory) -> list[Mismatch]:
    """Follow the steps in a graph by what they say and lead to. Several states may fit; all are followed."""
    here = {state: dict(graph.told(state)) for state in graph.initial if graph.told(state) == story.start}
    if not here:
        return [Mismatch(0, "beginning", dict(story.start), [dict(graph.told(state)) for state in graph.initial])]
    for number, (label, changes) in enumerate(story.lines):
        merged = {**next(iter(here.values())), **changes}
        wanted = {fact: value for fact, value in merged.items() if value is not None}
        labelled = {
            edge.target: dict(graph.told(edge.target))
            for state in here
            for edge in map(graph.edges.__getitem__, graph.out[state])
            if edge.label == label
        }
        here = {state: told for state, told in labelled.items() if told == wanted}
        if not here:
            return [Mismatch(number, label, wanted, list(labelled.values()) or "no such step")]
    return []
