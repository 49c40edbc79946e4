"""One execution as a value: what was, what happened, what it did, what is, and what the shell shall do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from fsm.errors import InputError, NotEnabled, Place, UsageError
from fsm.kernel.chart import Effects
from fsm.kernel.codec import plain, typed
from fsm.kernel.event import Event
from fsm.kernel.machine import Machine, MachineState, Transition

State = tuple[tuple[str, ...], Any]

_new = tuple.__new__  # makes a named tuple of parts known to be right in a third of the time of its own constructor


class Step(NamedTuple):
    """One step. `transitions` is never empty; several where one event moved several regions. Many are a trace."""

    before: MachineState
    event: Event
    transitions: tuple[Transition, ...]
    after: MachineState
    effects: Effects


def try_step(machine: Machine, state: State, event: Event) -> Step | None:
    """The step that the event causes, or None where it is not enabled."""
    found = machine.traced_of(state, event)
    if found is None:
        return None
    after, effects, transitions = found
    before = state if type(state) is MachineState else MachineState._make(state)
    return _new(Step, (before, event, transitions, _new(MachineState, after), effects))


def step(machine: Machine, state: State, event: Event) -> Step:
    """The step that the event causes; NotEnabled where there is none, naming the events that are declared there."""
    found = try_step(machine, state, event)
    if found is None:
        raise NotEnabled(event.name, tuple(state[0]), machine.enabled(state[0]))
    return found


def trace_of(machine: Machine, state: State, events: Iterable[Event]) -> list[Step]:
    """The steps of a sequence of events, each of which must be enabled."""
    steps: list[Step] = []
    for event in events:
        taken = step(machine, state, event)
        steps.append(taken)
        state = taken.after
    return steps


def step_to_json(machine: Machine, taken: Step) -> dict[str, Any]:
    """A step as JSON data: transitions by their number in `machine.transitions`."""
    return {
        "machine": machine.name,
        "before": plain(taken.before),
        "event": plain(taken.event),
        "transitions": [machine.transitions.index(transition) for transition in taken.transitions],
        "after": plain(taken.after),
        "effects": [{"effect": type(effect).__name__, **plain(effect)} for effect in taken.effects],
    }


class _Written(NamedTuple):
    """What `step_to_json` writes."""

    machine: str
    before: dict[str, Any]
    event: Event
    transitions: tuple[int, ...]
    after: dict[str, Any]
    effects: tuple[dict[str, Any], ...]


def step_from_json(machine: Machine, data: Any) -> Step:
    """The step that `step_to_json` wrote; UsageError where it is of another machine, InputError where it is no step."""
    written: _Written = typed(_Written, data)
    if written.machine != machine.name:
        raise UsageError(f"this step is of {written.machine!r}, not of {machine.name}")
    return Step(
        _state(machine, written.before, "before"),
        written.event,
        tuple(_transition(machine, number, i) for i, number in enumerate(written.transitions)),
        _state(machine, written.after, "after"),
        tuple(_effect(machine, each, f"effects[{i}]") for i, each in enumerate(written.effects)),
    )


def _transition(machine: Machine, number: int, index: int) -> Transition:
    if not 0 <= number < len(machine.transitions):
        expected = f"a number from 0 to {len(machine.transitions) - 1}"
        raise InputError(f"found {number}", expected=expected, place=Place(path=f"transitions[{index}]"))
    return machine.transitions[number]


def _state(machine: Machine, data: dict[str, Any], path: str) -> MachineState:
    ids: tuple[str, ...] = typed(tuple[str, ...], data.get("configuration"), f"{path}.configuration")
    context = data.get("context")
    if machine.context_type is not None:
        context = typed(machine.context_type, context, f"{path}.context")
    return MachineState(machine.configuration(ids), context)


def _effect(machine: Machine, data: dict[str, Any], path: str) -> Any:
    kinds = {kind.__name__: kind for action in machine.actions.values() for kind in action.emits}
    name, fields = data.get("effect"), {key: value for key, value in data.items() if key != "effect"}
    if not isinstance(name, str) or name not in kinds:
        expected = f"one of {', '.join(kinds) or 'none'}"
        raise InputError(f"found {name!r}", expected=expected, place=Place(path=f"{path}.effect"))
    return typed(kinds[name], fields, path)
