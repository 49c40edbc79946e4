"""For every machine the compiled table does what python-statemachine's own engine does: the library is the judge."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from random_lives import LIVES, judged

from fsm.kernel import Event, Machine
from fsm.kernel.judge import Agreement, Disagreement
from fsm.machines import MACHINES

SEED = 20_261_122


def _agreed(name: str, events: int, seed: int) -> Agreement:
    found = judged(MACHINES[name], events, seed)
    assert isinstance(found, Agreement), f"machine {name}, seed {seed}: {found}"
    return found


def _silent(name: str, fired: frozenset[int]) -> list[str]:
    """The declared transitions that never fired."""
    return [str(each) for number, each in enumerate(MACHINES[name].transitions) if number not in fired]


def test_every_machine_has_random_lives() -> None:
    assert set(LIVES) == set(MACHINES), "add a row to LIVES in tests/machines/random_lives.py"


@pytest.mark.parametrize("name", MACHINES)
def test_table_and_library_agree_on_random_events(name: str) -> None:
    """4,000 events; refusals, effects, contexts and configurations are compared after every one."""
    found = _agreed(name, 4_000, SEED)
    assert found.steps > 1_500, f"seed {SEED}: a walk that is mostly refused compares little"


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", MACHINES)
def test_table_and_library_agree_on_a_hundred_thousand_events_and_every_transition_fires(name: str) -> None:
    fired: frozenset[int] = frozenset()
    for seed in range(SEED, SEED + 5):
        fired |= _agreed(name, 20_000, seed).fired
    silent = _silent(name, fired)
    assert silent == [], f"seeds {SEED} to {SEED + 4}: these transitions of {name} never fired"


@pytest.mark.parametrize("name", MACHINES)
def test_every_declared_transition_can_fire(name: str) -> None:
    """The table alone, which is fast, on contexts and events drawn in the same way."""
    machine, life, rng = MACHINES[name], LIVES[name], random.Random(SEED)
    fired: set[int] = set()
    for _ in range(60):
        for configuration in machine.configurations:
            for event in machine.enabled(configuration):
                context = life.context_of(rng, machine.leaves(configuration)[-1])
                now = 1_000_000 + rng.choice((0, 1, 301, 900, 4000))
                found = machine.traced_of((configuration, context), life.event_of(rng, event, now, context))
                fired |= {machine.transitions.index(each) for each in (found[2] if found else ())}
    assert _silent(name, frozenset(fired)) == []


# --- the judge notices what is wrong


def _without_actions(machine: Machine, name: str) -> Machine:
    """The table that forgets what the action `name` does: it keeps the old context and emits nothing."""

    def traced_of(state: Any, event: Event) -> Any:
        found = machine.traced_of(state, event)
        dropped = found and any(name in each.actions for each in found[2])
        return ((found[0][0], state[1]), (), found[2]) if found and dropped else found

    def next_of(state: Any, event: Event) -> Any:
        found = traced_of(state, event)
        return found and found[:2]

    return dataclasses.replace(machine, next_of=next_of, traced_of=traced_of)


ACTIONS = [(name, action) for name, machine in MACHINES.items() for action in machine.actions]
ON_EDGES = [
    (name, action)
    for name, action in ACTIONS
    if any(action in transition.actions for transition in MACHINES[name].transitions)
]


@pytest.mark.parametrize(("name", "action"), ON_EDGES, ids=["-".join(row) for row in ON_EDGES])
def test_a_table_that_drops_an_action_is_noticed(name: str, action: str) -> None:
    found = judged(_without_actions(MACHINES[name], action), 40_000, SEED)
    assert isinstance(found, Disagreement), f"{action} of {name} was dropped, and seed {SEED} did not show it"


def test_a_table_with_two_alternatives_swapped_is_noticed() -> None:
    """`exhausted` asked before `timed_out`: where both limits are passed the operator says timeout."""
    machine = MACHINES["snapshot"]

    def traced_of(state: Any, event: Event) -> Any:
        found = machine.traced_of(state, event)
        if found and event.name == "failure_recorded" and machine.guard_values(state, event)["exceeded"]:
            return (machine.state("exhausted").configuration, found[0][1]), *found[1:]
        return found

    def next_of(state: Any, event: Event) -> Any:
        found = traced_of(state, event)
        return found and found[:2]

    wrong = dataclasses.replace(machine, next_of=next_of, traced_of=traced_of)
    found = judged(wrong, 40_000, SEED)
    assert isinstance(found, Disagreement)
    assert found.event.name == "failure_recorded"
