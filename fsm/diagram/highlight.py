"""Where a machine has been: a trace counted up, so that a picture can show it. Pure; reads no file.

A trace comes as steps of the kernel, as their JSON, or as the transitions that a replay found for a backup. The last
ones name states and guards, not numbers, so they are looked up among the declared transitions.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fsm.diagram.picture import lineage
from fsm.errors import FsmError, InputError, Place, UsageError
from fsm.kernel import Machine, Step, Transition, step_from_json

EXPECTED = "a list or lines of steps, or what `replay --output json` prints"


@dataclass(frozen=True, slots=True)
class Visit:
    """How often a state was entered, and when first and last (Unix seconds; None for where a machine started)."""

    count: int = 0
    first: int | None = None
    last: int | None = None

    def again(self, at: int | None) -> Visit:
        return Visit(self.count + 1, at if self.first is None else self.first, at if at is not None else self.last)


@dataclass(frozen=True)
class Highlight:
    """A travelled path: how often each transition (by number) was taken, each state's visits, and where it ends."""

    transitions: Mapping[int, int] = field(default_factory=dict)
    states: Mapping[str, Visit] = field(default_factory=dict)
    configuration: tuple[str, ...] = ()

    def times(self, numbers: Iterable[int]) -> int:
        """How often any of these transitions was taken."""
        return sum(self.transitions.get(number, 0) for number in numbers)


def highlight_of(machine: Machine, steps: Iterable[Step]) -> Highlight:
    """The path of a trace of the machine. An empty trace is at the start."""
    tally = _Tally(machine, machine.initial)
    for number, step in enumerate(steps):
        if number == 0:
            tally = _Tally(machine, step.before.configuration)
        for transition in step.transitions:
            tally.taken[machine.transitions.index(transition)] += 1
        again = {transition.target for transition in step.transitions if transition.target is not None}
        entered = (each for each in step.after.configuration if each not in step.before.configuration or each in again)
        tally.enter(entered, step.event.at)
        tally.configuration = tuple(step.after.configuration)
    return tally.highlight


def highlight_from_text(machine: Machine, text: str, *, file: str = "", backup: str = "") -> Highlight:
    """The path in a file's text: one JSON value, or one on each line. `backup` is as in `highlight_from_json`."""
    return highlight_from_json(machine, _json(text, file), file=file, backup=backup)


def highlight_from_json(machine: Machine, data: Any, *, file: str = "", backup: str = "") -> Highlight:
    """The path in JSON data: steps as `step_to_json` writes them, or a replay's answer, or transitions out of one.

    A replay may tell of several backups: `backup` is the name (or namespace/name) of the one meant; it may be left out
    where only one is of this machine. InputError where the data is something else or does not fit the machine,
    UsageError where there is no such backup, or more than one.
    """
    if isinstance(data, dict) and isinstance(data.get("backups"), list):
        chosen = _backup(machine, data["backups"], file, backup)
        where = f"backups[{data['backups'].index(chosen)}].transitions"
        return _of_records(machine, chosen.get("transitions"), Place(file, path=where), chosen.get("configuration"))
    if isinstance(data, dict):
        data = [data]
    if not isinstance(data, list):
        raise InputError(f"found {_kind(data)}", expected=EXPECTED, place=Place(file))
    if all(isinstance(each, dict) and "before" in each for each in data):
        return highlight_of(machine, [_step(machine, each, Place(file, path=f"[{i}]")) for i, each in enumerate(data)])
    return _of_records(machine, data, Place(file), None)


@dataclass
class _Tally:
    """Counts while a trace is read."""

    machine: Machine
    configuration: tuple[str, ...]
    taken: Counter[int] = field(default_factory=Counter)
    visits: dict[str, Visit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.enter(self.configuration, None)

    def enter(self, states: Iterable[str], at: int | None) -> None:
        for state in states:
            self.visits[state] = self.visits.get(state, Visit()).again(at)

    @property
    def highlight(self) -> Highlight:
        return Highlight(dict(self.taken), dict(self.visits), self.configuration)


def _json(text: str, file: str) -> Any:
    """One JSON value, or a list of those on the lines."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise InputError("the trace is empty", expected=EXPECTED, place=Place(file))
    return [_line(line, Place(file, number)) for number, line in lines]


def _line(line: str, place: Place) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise InputError(f"not JSON: {error}", expected=EXPECTED, place=place) from None


def _kind(data: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(data), "a number")


def _step(machine: Machine, data: Mapping[str, Any], place: Place) -> Step:
    try:
        return step_from_json(machine, dict(data))
    except (FsmError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        problem = f"not a step of {machine.name}: {error}"
        raise InputError(problem, expected="what step_to_json writes", place=place) from error


# ------------------------------------------------------------------ what a replay tells


def _backup(machine: Machine, backups: Sequence[Any], file: str, name: str) -> Mapping[str, Any]:
    """The one backup of this machine (and this name) among a replay's."""
    found = [each for each in backups if isinstance(each, dict) and each.get("machine") == machine.name]
    names = [f"{each.get('namespace')}/{each.get('name')}" for each in found]
    chosen = [each for each, full in zip(found, names, strict=True) if not name or name in (full, each.get("name"))]
    if len(chosen) == 1:
        return chosen[0]
    known = ", ".join(names) or "none"
    asked = f" called {name}" if name else ""
    if not chosen:
        raise UsageError(f"{file or 'the trace'} has no backup of machine {machine.name}{asked}; it has {known}")
    raise UsageError(f"{file or 'the trace'} has several backups of machine {machine.name}{asked}; name one of {known}")


def _of_records(machine: Machine, records: Any, place: Place, configuration: Any) -> Highlight:
    if not isinstance(records, list):
        raise InputError(f"found {_kind(records)}", expected=EXPECTED, place=place)
    tally = _Tally(machine, machine.initial)
    for number, record in enumerate(records):
        where = Place(place.file, place.line, f"{place.path}[{number}]")
        transition = _declared(machine, record, where)
        tally.taken[machine.transitions.index(transition)] += 1
        if transition.target is not None:
            _move(tally, record["source"], record["target"], _seconds(record.get("at"), where))
    if configuration is not None:
        tally.configuration = _configuration(machine, configuration, place)
    return tally.highlight


def _declared(machine: Machine, record: Any, place: Place) -> Transition:
    """The declared transition that a record tells of: event and ends must fit, and the guards, where it gives them."""
    if not isinstance(record, dict) or not all(
        isinstance(record.get(key), str) for key in ("event", "source", "target")
    ):
        raise InputError("found no transition", expected="an object with event, source and target", place=place)
    for end in ("source", "target"):
        if all(each.id != record[end] for each in machine.states):
            raise InputError(f"{machine.name} has no state {record[end]!r}", expected=EXPECTED, place=place)
    given = record.get("guards")
    guards = given if isinstance(given, dict) else {}
    fitting = [each for each in machine.transitions if _fits(machine, each, record, guards)]
    if fitting:  # the innermost one wins, and of its alternatives the first, as in a step
        return max(fitting, key=lambda each: len(lineage(machine, each.source)))
    told = f"{record['source']} --{record['event']}--> {record['target']}"
    raise InputError(f"{machine.name} has no transition {told}", expected="a trace of this machine", place=place)


def _fits(machine: Machine, transition: Transition, record: Mapping[str, Any], guards: Mapping[str, Any]) -> bool:
    if transition.event != record["event"] or transition.source not in lineage(machine, record["source"]):
        return False
    if transition.target is None:
        ends = record["source"] == record["target"]
    else:
        ends = transition.target in lineage(machine, record["target"])
    return ends and all(_holds(guard, guards) for guard in transition.guards)


def _holds(guard: str, values: Mapping[str, Any]) -> bool:
    """Whether a guard held; one whose value is not told is taken on trust."""
    name = guard.removeprefix("not ")
    return name not in values or bool(values[name]) == (name == guard)


def _move(tally: _Tally, source: str, target: str, at: int | None) -> None:
    """Count what a move from source to target enters, and follow the configuration."""
    machine = tally.machine
    path = _entered(machine, target)
    shared = set(lineage(machine, source)[1:]) & set(lineage(machine, target)[1:])
    tally.enter((each for each in path if each not in shared), at)
    left = _left(machine, tally.configuration, path)
    known = {each.id: number for number, each in enumerate(machine.states)}
    tally.configuration = tuple(sorted((set(tally.configuration) - left) | set(path), key=known.__getitem__))


def _left(machine: Machine, configuration: tuple[str, ...], entered: Sequence[str]) -> set[str]:
    """The active states that cannot stay beside the entered ones: those below another child of one compound."""
    chosen = {machine.info(each).parent: each for each in entered}
    left = set()
    for state in configuration:
        for each in lineage(machine, state):
            parent = machine.info(each).parent
            whole = parent is not None and machine.info(parent).kind == "parallel"
            if parent in chosen and chosen[parent] != each and not whole:
                left.add(state)
    return left


def _entered(machine: Machine, target: str) -> list[str]:
    """The target, its ancestors before it and what it enters by default after it."""
    found = [*reversed(lineage(machine, target))]
    waiting = [target]
    while waiting:
        parent = waiting.pop(0)
        children = [each for each in machine.states if each.parent == parent]
        if machine.info(parent).kind == "compound":
            children = [each for each in children if each.initial]
        found += [each.id for each in children]
        waiting += [each.id for each in children]
    return found


def _configuration(machine: Machine, ids: Any, place: Place) -> tuple[str, ...]:
    known = {each.id for each in machine.states}
    if not isinstance(ids, list) or not all(isinstance(each, str) and each in known for each in ids):
        raise InputError(f"found {ids!r}", expected=f"a configuration of {machine.name}", place=place)
    return tuple(ids)


def _seconds(at: Any, place: Place) -> int | None:
    """Unix seconds of a whole number or an RFC 3339 time."""
    if at is None or (isinstance(at, int) and not isinstance(at, bool)):
        return at
    try:
        found = datetime.fromisoformat(str(at))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InputError(f"found {at!r}", expected="an RFC 3339 time", place=place)
    return int(found.astimezone(UTC).timestamp())
