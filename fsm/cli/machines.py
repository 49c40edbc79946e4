"""`machines`: what is declared, as text or as the data that every other tool works from."""

from __future__ import annotations

from typing import Any

import click

from fsm.cli.options import MachineName, output_option
from fsm.cli.output import JsonObject, Output, Span
from fsm.errors import UsageError
from fsm.kernel import Machine, StateInfo, Transition
from fsm.machines import MACHINES

EPILOG = """\b
Examples:
  backup-fsm machines
  backup-fsm machines snapshot
  backup-fsm machines job --output promela > job.pml
  backup-fsm machines log --output json | jq -r '.machines[].transitions[] | [.source, .event, .target] | @tsv'
"""


@click.command("machines", epilog=EPILOG)
@click.argument("name", required=False, type=MachineName())
@output_option("text", "json", "promela")
def command(name: str | None, output: str) -> None:
    """Show the declared machines; with NAME, the states and transitions of one.

    `promela` is a model of one for SPIN.
    """
    shown = Output(data=output != "text")
    if output == "promela":
        shown.raw(_promela(name))
    elif output == "json":
        answer = JsonObject(shown.raw)
        chosen = [MACHINES[name]] if name else list(MACHINES.values())
        answer.array("machines", map(machine_json, chosen))
        answer.end()
    elif name:
        _one(shown, MACHINES[name])
    else:
        _all(shown)


def _promela(name: str | None) -> str:
    from fsm.check.promela import promela_of_machine

    if name is None:
        raise UsageError(f"a model is of one machine: name one of {', '.join(MACHINES)}")
    return promela_of_machine(MACHINES[name])


def machine_json(machine: Machine) -> dict[str, Any]:
    """A machine as DESIGN section 7 has it; `target` is null where a transition does not leave its state."""
    return {
        "name": machine.name,
        "doc": machine.doc,
        "states": [_state_json(state) for state in machine.states],
        "transitions": [_transition_json(transition) for transition in machine.transitions],
    }


def _state_json(state: StateInfo) -> dict[str, Any]:
    return {
        "id": state.id,
        "parent": state.parent,
        "final": state.final,
        "outcome": state.outcome,
        "doc": state.doc,
    }


def _transition_json(transition: Transition) -> dict[str, Any]:
    return {
        "event": transition.event,
        "source": transition.source,
        "target": transition.target,
        "guards": list(transition.guards),
        "effects": list(transition.effects),
        "doc": transition.doc,
    }


# ------------------------------------------------------------------ text


def _all(shown: Output) -> None:
    rows = [(m.name, str(len(m.states)), str(len(m.transitions)), m.doc) for m in MACHINES.values()]
    shown.table(("MACHINE", "STATES", "TRANSITIONS", "WHAT IT IS"), rows)


def _one(shown: Output, machine: Machine) -> None:
    """Each state with what leads out of it; as two tables where a program may read it."""
    shown.paragraph(Span(machine.name, "title"), machine.doc, MARGIN)
    if not shown.terminal:
        shown.title("States")
        shown.table(("STATE", "FINAL", "MEANING"), [_state_row(machine, state) for state in machine.states])
        shown.title("Transitions")
        heads = ("SOURCE", "EVENT", "TARGET", "IF", "EFFECTS", "MEANING")
        shown.table(heads, [_transition_row(transition) for transition in machine.transitions])
        return
    for state in machine.states:
        _show_state(shown, machine, state)


def _show_state(shown: Output, machine: Machine, state: StateInfo) -> None:
    name = " › ".join([*reversed(_ancestors(machine, state)), state.id])
    shown.line()
    shown.paragraph(Span(name, _STYLES[state.outcome]), state.doc, MARGIN)
    for transition in machine.transitions:
        if transition.source == state.id:
            _, event, target, condition, effects, doc = _transition_row(transition)
            condition = f" if {condition}" if condition else ""
            effects = f", {effects}" if effects else ""
            shown.paragraph(Span(f"  {event}", "dim"), f"→ {target}{condition}{effects}: {doc}", MARGIN)


_STYLES = {None: "title", "good": "done", "bad": "failed"}
MARGIN = 22
"""Where the sentences begin."""


def _ancestors(machine: Machine, state: StateInfo) -> list[str]:
    found = []
    while state.parent is not None:
        found.append(state.parent)
        state = machine.info(state.parent)
    return found


def _state_row(machine: Machine, state: StateInfo) -> tuple[str, str, str]:
    return "  " * len(_ancestors(machine, state)) + state.id, state.outcome or "", state.doc


def _transition_row(transition: Transition) -> tuple[str, str, str, str, str, str]:
    return (
        transition.source,
        transition.event,
        transition.target or "(stays)",
        " and ".join(transition.guards),
        ", ".join(transition.effects),
        transition.doc,
    )
