"""One execution as a value: what was, what happened, what it did, what is, and what the shell shall do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from fsm.errors import NotEnabled, UsageError
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


def step_from_json(machine: Machine, data: dict[str, Any]) -> Step:
    """The step that `step_to_json` wrote; UsageError where the data is of another machine."""
    if data.get("machine") != machine.name:
        raise UsageError(f"this step is of {data.get('machine')!r}, not of {machine.name}")
    kinds = {kind.__name__: kind for action in machine.actions.values() for kind in action.emits}
    effects = ({**effect} for effect in data["effects"])
    return Step(
        _state(machine, data["before"]),
        typed(Event, data["event"]),
        tuple(machine.transitions[index] for index in data["transitions"]),
        _state(machine, data["after"]),
        tuple(typed(kinds[effect.pop("effect")], effect) for effect in effects),
    )


def _state(machine: Machine, data: dict[str, Any]) -> MachineState:
    context = None if machine.context_type is None else typed(machine.context_type, data["context"])
    return MachineState(machine.configuration(tuple(data["configuration"])), context)
