"""What every machine promises its readers: ids and event names, sentences, declared effects, traces as data."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_lives import LIVES, random_start

from fsm.kernel import Machine, step_from_json, step_to_json, try_step
from fsm.kernel.judge import WALKS_START_AT
from fsm.machines import MACHINES

DELETING = {"deleting": None, "stopping": "deleting", "cleaning": "deleting", "clean_failed": "deleting"}
DELETING |= {"gone": "deleting"}
IDS: dict[str, dict[str, str | None]] = {
    "snapshot": {
        "pending": None,
        "active": None,
        "scheduled": "active",
        "preparing": "active",
        "running": "active",
        **dict.fromkeys(("failed", "backoff_waiting", "retrying")),
        **dict.fromkeys(("complete", "exhausted", "timed_out", "aborted", "invalid")),
        **DELETING,
    },
    "log": {
        "alive": None,
        "stream": "alive",
        **dict.fromkeys(("not_started", "streaming", "paused", "stopped"), "stream"),
        "lane": "alive",
        **dict.fromkeys(("idle", "scheduled", "preparing", "running", "failed", "aborted", "invalid"), "lane"),
        **dict.fromkeys(("backoff_waiting", "verifying", "retrying", "held", "exhausted", "timed_out"), "lane"),
        **DELETING,
    },
    "volume_snapshot": {
        "pending": None,
        "initialize": None,
        **dict.fromkeys(("init_scheduled", "init_running", "initialized", "init_failed"), "initialize"),
        "execute": None,
        **dict.fromkeys(("scheduled", "preparing", "running"), "execute"),
        **dict.fromkeys(("snapshots_created", "data_complete", "data_failed"), "execute"),
        **dict.fromkeys(("teardown", "complete", "aborted", "invalid")),
        **DELETING,
    },
    "job": dict.fromkeys(
        ("created", "active", "suspended", "failing", "failed", "succeeded", "terminating", "gone"),
    ),
}
OUTCOMES = {
    "snapshot": {"complete": "good", "gone": "good"}
    | dict.fromkeys(("exhausted", "timed_out", "aborted", "invalid"), "bad"),
    "log": {"stopped": "good", "gone": "good"},
    "volume_snapshot": {"complete": "good", "gone": "good", "aborted": "bad", "invalid": "bad"},
    "job": {"succeeded": "good", "gone": "good", "failed": "bad"},
}
EVENTS = {
    "snapshot": {
        "job_created",
        "pod_preparing",
        "br_started",
        "job_failed",
        "job_vanished",
        "failure_recorded",
        "retry_due",
        "completed",
        "aborted",
        "rejected",
        "tick",
        "deletion_requested",
        "deleted",
        "clean_started",
        "clean_refused",
    },
    "log": {
        "job_created",
        "pod_preparing",
        "br_started",
        "job_failed",
        "job_vanished",
        "completed",
        "aborted",
        "rejected",
        "tick",
        "failure_recorded",
        "attempt_overdue",
        "verified",
        "blocked",
        "released",
        "wish_changed",
        "task_paused",
        "task_resumed",
        "task_found",
        "deletion_requested",
        "deleted",
        "clean_started",
        "clean_refused",
    },
    "volume_snapshot": {
        "job_created",
        "execute_created",
        "pod_preparing",
        "br_started",
        "initialized_reported",
        "initialize_failed",
        "snapshots_reported",
        "data_completed",
        "job_failed",
        "teardown_requested",
        "completed",
        "aborted",
        "rejected",
        "deletion_requested",
        "deleted",
        "clean_started",
        "clean_refused",
    },
    "job": {
        "job_started",
        "job_suspended",
        "job_failing",
        "job_failed",
        "job_succeeded",
        "pod_failed",
        "deletion_requested",
        "deleted",
    },
}
BACKUPS = [name for name in MACHINES if name != "job"]


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    return MACHINES[request.param]


def test_state_ids_and_their_nesting_are_the_contract(machine: Machine) -> None:
    assert {each.id: each.parent for each in machine.states} == IDS[machine.name]


def test_event_names_are_the_contract(machine: Machine) -> None:
    assert set(machine.events) == EVENTS[machine.name]


def test_outcomes_are_the_contract(machine: Machine) -> None:
    assert {each.id: each.outcome for each in machine.states if each.final} == OUTCOMES[machine.name]


@pytest.mark.parametrize("name", BACKUPS)
def test_every_backup_machine_can_be_deleted_from_everywhere_at_once_or_slowly(name: str) -> None:
    machine = MACHINES[name]
    info = machine.info("deleting")
    assert (info.kind, info.parent) == ("compound", None)
    for configuration in machine.configurations:
        expected = {"deleted", "deletion_requested"} if "deleting" not in configuration else {"deleted"}
        if "gone" in configuration:
            assert machine.enabled(configuration) == ()
        else:
            assert expected <= set(machine.enabled(configuration)), configuration


def test_a_machine_is_registered_under_its_own_name(machine: Machine) -> None:
    assert MACHINES[machine.name] is machine


def test_every_state_and_transition_has_a_sentence_that_says_more_than_its_id(machine: Machine) -> None:
    for thing in (*machine.states, *machine.transitions):
        words = thing.doc.lower().rstrip(".").replace(" ", "_")
        assert thing.doc.endswith("."), thing
        assert "\n" not in thing.doc
        assert len(thing.doc.split()) > 1, thing
        assert words not in {getattr(thing, name, "") for name in ("id", "event", "source", "target")}, thing


def test_every_guard_and_action_has_a_sentence(machine: Machine) -> None:
    for call in (*machine.guards.values(), *machine.actions.values()):
        assert call.doc.endswith("."), call.name
        assert len(call.doc.split()) >= 3, call.name
    assert machine.doc.endswith(".")


def test_alternatives_of_one_source_and_event_have_different_sentences(machine: Machine) -> None:
    seen: set[tuple[str, str, str]] = set()
    for transition in machine.transitions:
        key = (transition.source, transition.event, transition.doc)
        assert key not in seen, transition
        seen.add(key)


def test_a_step_emits_only_the_effects_that_its_transitions_declare(machine: Machine) -> None:
    rng, life = random.Random(7), LIVES[machine.name]
    emitted: set[str] = set()
    for _ in range(40):
        for configuration in machine.configurations:
            for name in machine.enabled(configuration):
                context = life.context_of(rng, machine.leaves(configuration)[-1])
                event = life.event_of(rng, name, WALKS_START_AT + rng.choice((0, 301, 4000)), context)
                step = try_step(machine, (configuration, context), event)
                if step is not None:
                    declared = {effect for transition in step.transitions for effect in transition.effects}
                    kinds = {type(effect).__name__ for effect in step.effects}
                    assert kinds <= declared, (step.transitions, step.effects)
                    emitted |= kinds
    assert emitted == {effect for transition in machine.transitions for effect in transition.effects}


@settings(deadline=None)
@given(data=st.data())
def test_the_steps_of_any_walk_survive_a_round_trip_through_json(data: st.DataObject) -> None:
    machine = MACHINES[data.draw(st.sampled_from(sorted(MACHINES)))]
    life, rng = LIVES[machine.name], random.Random(data.draw(st.integers(0, 10_000)))
    state, now = random_start(machine)(rng), WALKS_START_AT
    for _ in range(30):
        now += rng.choice((0, 1, 301))
        event = life.event_of(
            rng, rng.choice(machine.enabled(state.configuration) or machine.events), now, state.context
        )
        step = try_step(machine, state, event)
        if step is not None:
            assert step_from_json(machine, json.loads(json.dumps(step_to_json(machine, step)))) == step
            state = step.after


FINAL_EXITS = [
    (name, each.id)
    for name in BACKUPS
    for each in MACHINES[name].states
    if each.outcome and each.id not in ("gone", "stopped")
]


@pytest.mark.parametrize(("name", "leaf"), FINAL_EXITS, ids=["-".join(row) for row in FINAL_EXITS])
def test_a_final_state_is_left_by_deletion_only(name: str, leaf: str) -> None:
    machine = MACHINES[name]
    assert set(machine.enabled(machine.state(leaf).configuration)) == {"deletion_requested", "deleted"}
