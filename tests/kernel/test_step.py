"""Steps as values: refusals, errors, configurations from elsewhere, immutability, JSON, and source that is stable."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_charts import EVENTS, Trail, random_machine

from fsm.errors import InputError, NotEnabled, UsageError
from fsm.kernel import (
    Chart,
    Compound,
    Event,
    Machine,
    MachineState,
    Parallel,
    Step,
    action,
    compile_chart,
    edge,
    guard,
    state,
    step,
    step_from_json,
    step_to_json,
    trace_of,
    try_step,
)
from fsm.kernel.judge import Judge


class Count(NamedTuple):
    """A context."""

    n: int = 0
    names: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Ring:
    """An effect."""

    times: int


@guard
def even(context: Count, event: Event) -> bool:
    """The count is even; it cannot say of a negative one."""
    if context.n < 0:
        raise ValueError("a negative count")
    return context.n % 2 == 0


@action(Ring)
def count(context: Count, event: Event) -> tuple[Count, tuple[Ring, ...]]:
    """Count, and ring."""
    return context._replace(n=context.n + 1, names=(*context.names, event.subject)), (Ring(context.n),)


@action()
def burst(context: Count, event: Event) -> tuple[Count, tuple[()]]:
    """Always raises."""
    raise RuntimeError(event.reason)


class Bell(Chart):
    """A bell that rings, and a light beside it."""

    context_type = Count

    class alive(Parallel, initial=True):
        """Both."""

        class bell(Compound):
            """The bell."""

            still = state("Still.", initial=True)
            ringing = state("Ringing.")

        class light(Compound):
            """The light."""

            off = state("Off.", initial=True)
            on = state("On.")

    gone = state("Gone.", outcome="good")

    edge(alive.bell.still, alive.bell.ringing, "It rings.", event="pull", when=even, do=count)
    edge(alive.bell.ringing, alive.bell.still, "It falls still.", event="damp")
    edge(alive.light.off, alive.light.on, "It is lit.", event="pull", do=count)
    edge(alive.light.on, alive.light.off, "It bursts.", event="burst", do=(count, burst))
    edge(alive, gone, "It is taken down.", event="remove")


class Switch(Chart):
    """No context, no guards, no actions: an answer is a constant."""

    off = state("Off.", initial=True)
    on = state("On.")
    flip = edge(off, on, "On.") | edge(on, off, "Off.")


BELL, SWITCH = compile_chart(Bell), compile_chart(Switch)
UNLIT, LIT = BELL.state("still", "off"), BELL.state("ringing", "on", context=Count(3))


# --- refusals and errors


@pytest.mark.parametrize("machine", [BELL, SWITCH], ids=["with actions", "constant"])
@pytest.mark.parametrize("name", ["unheard_of", "", "rows", "__class__"])
def test_an_unknown_event_is_not_enabled_and_never_an_error(machine: Machine, name: str) -> None:
    start = machine.start()
    assert machine.next_of(start, Event(name, 0)) is None
    assert try_step(machine, start, Event(name, 0)) is None
    with pytest.raises(NotEnabled):
        step(machine, start, Event(name, 0))


def test_not_enabled_carries_event_and_configuration_and_says_what_is_enabled() -> None:
    with pytest.raises(NotEnabled) as caught:
        step(BELL, UNLIT, Event("damp", 0))
    assert caught.value.event == "damp"
    assert caught.value.configuration == ("alive", "bell", "still", "light", "off")
    assert caught.value.enabled == ("remove", "pull")
    assert str(caught.value) == "damp is not enabled in {alive, bell, still, light, off}; enabled: remove, pull"
    with pytest.raises(NotEnabled, match=r"pull is not enabled in {gone}; enabled: none"):
        step(BELL, BELL.state("gone"), Event("pull", 0))


def test_a_refused_event_leaves_the_state_as_it_was() -> None:
    state = BELL.state("ringing", "on", context=Count(1))
    assert BELL.next_of(state, Event("pull", 0)) is None
    assert state == BELL.state("ringing", "on", context=Count(1))


RAISING = [
    ("a guard", BELL.state("still", "off", context=Count(-1)), "pull", ValueError),
    ("an action after another", BELL.state("still", "on", context=Count(5)), "burst", RuntimeError),
]


@pytest.mark.parametrize(("state", "name", "error"), [row[1:] for row in RAISING], ids=[row[0] for row in RAISING])
def test_what_raises_is_seen_by_the_caller_and_the_state_is_as_it_was(
    state: MachineState, name: str, error: type[Exception]
) -> None:
    before, judge = MachineState(*state), Judge(BELL, state)
    for ask in (BELL.next_of, BELL.traced_of):
        with pytest.raises(error):
            ask(state, Event(name, 0, reason="bang"))
    with pytest.raises(error):
        step(BELL, state, Event(name, 0, reason="bang"))
    with pytest.raises(error):
        judge.send(Event(name, 0, reason="bang"))
    assert state == before == judge.state


def test_after_an_exception_the_judge_goes_on() -> None:
    judge = Judge(BELL, BELL.state("still", "on"))
    with pytest.raises(RuntimeError):
        judge.send(Event("burst", 0))
    assert judge.send(Event("pull", 0)) == (Ring(0),)


# --- traces


def test_a_trace_is_the_list_of_its_steps() -> None:
    events = [Event("pull", 1, "x"), Event("damp", 2), Event("remove", 3)]
    trace = trace_of(BELL, BELL.start(), events)
    assert [each.event for each in trace] == events
    assert [each.before for each in trace[1:]] == [each.after for each in trace[:-1]]
    assert trace[0].after == BELL.state("ringing", "on", context=Count(2, ("x", "x")))
    assert trace[0].effects == (Ring(0), Ring(1))
    assert [str(each) for each in trace[0].transitions] == ["still --pull [even]--> ringing", "off --pull--> on"]


def test_a_trace_stops_with_not_enabled_at_the_first_event_that_is_not() -> None:
    with pytest.raises(NotEnabled, match="damp"):
        trace_of(BELL, BELL.start(), [Event("pull", 1), Event("damp", 2), Event("damp", 3)])


# --- states and configurations


@pytest.mark.parametrize("machine", [BELL, SWITCH], ids=["with actions", "constant"])
def test_configurations_from_elsewhere_work_like_the_machine_s_own(machine: Machine) -> None:
    """Read from JSON, unpickled, or built by hand: a configuration is its ids."""
    own, name = machine.start(), machine.events[0]
    copies = [
        MachineState((*own.configuration,), own.context),
        pickle.loads(pickle.dumps(own)),
        MachineState(tuple(json.loads(json.dumps(own.configuration))), own.context),
        (tuple(str(each) for each in own.configuration), own.context),
    ]
    for copy in copies:
        assert copy == own
        assert machine.next_of(copy, Event(name, 0)) == machine.next_of(own, Event(name, 0)) is not None
        taken = try_step(machine, copy, Event(name, 0))
        assert taken is not None
        assert type(taken.before) is type(taken.after) is MachineState


def test_a_machine_state_equals_the_bare_pair_that_next_of_returns() -> None:
    found = BELL.next_of(UNLIT, Event("pull", 0))
    assert found is not None
    assert found[0] == step(BELL, UNLIT, Event("pull", 0)).after == MachineState(*found[0])
    assert hash(MachineState(*found[0])) == hash(found[0])
    assert found[0] != UNLIT


FOREIGN = [("still",), ("alive", "bell", "still"), ("gone", "alive"), (), ("alive", "bell", "still", "light", "lit")]


@pytest.mark.parametrize("ids", FOREIGN, ids=["+".join(row) or "empty" for row in FOREIGN])
def test_what_is_no_configuration_is_a_usage_error_and_not_a_silent_no(ids: tuple[str, ...]) -> None:
    for ask in (BELL.next_of, BELL.traced_of):
        with pytest.raises(UsageError, match="is not a configuration"):
            ask((ids, Count()), Event("pull", 0))
    with pytest.raises(UsageError, match="is not a configuration of bell"):
        BELL.configuration(ids)


def test_states_are_found_by_their_leaves_in_any_order() -> None:
    assert BELL.state("on", "ringing") == MachineState(("alive", "bell", "ringing", "light", "on"), Count())
    with pytest.raises(UsageError, match="bell has no configuration with the leaves still"):
        BELL.state("still")
    with pytest.raises(UsageError, match="bell has no state bell_2; it has alive, bell, still"):
        BELL.info("bell_2")


def test_every_state_of_a_configuration_stands_after_its_ancestors_in_document_order() -> None:
    order = {each.id: number for number, each in enumerate(BELL.states)}
    assert BELL.initial == BELL.configurations[0] == ("alive", "bell", "still", "light", "off")
    assert len(set(BELL.configurations)) == len(BELL.configurations) == 5
    for configuration in BELL.configurations:
        assert sorted(configuration, key=order.__getitem__) == list(configuration)


def test_outcome_and_enabled_follow_the_declaration() -> None:
    gone = BELL.state("gone").configuration
    assert (BELL.outcome(gone), BELL.enabled(gone)) == ("good", ())
    assert (BELL.outcome(UNLIT.configuration), BELL.enabled(UNLIT.configuration)) == (None, ("remove", "pull"))


# --- values


@pytest.mark.parametrize("value", [BELL, BELL.states[0], BELL.transitions[0]], ids=["machine", "state", "transition"])
def test_a_machine_and_its_parts_are_frozen(value: Any) -> None:
    name = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, "other")


def test_events_states_and_steps_are_frozen() -> None:
    taken = step(BELL, UNLIT, Event("pull", 0))
    for value, name in ((taken, "after"), (taken.after, "context"), (taken.event, "at")):
        with pytest.raises(AttributeError):
            setattr(value, name, None)


def test_running_a_machine_changes_nothing_in_it() -> None:
    before = (BELL.source, dict(BELL.alternatives), BELL.configurations, BELL.transitions)
    for name in (*BELL.events, "unheard_of"):
        BELL.next_of(LIT, Event(name, 0)) if name != "burst" else None
    assert before == (BELL.source, dict(BELL.alternatives), BELL.configurations, BELL.transitions)


# --- JSON


@settings(deadline=None)  # it compiles a chart
@given(st.integers(0, 150), st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 99)), max_size=30))
def test_the_steps_of_any_walk_survive_a_round_trip_through_json(seed: int, walk: list[tuple[str, int]]) -> None:
    machine = random_machine(seed)
    assert machine is not None
    state = machine.start(Trail(seed))
    for name, at in walk:
        taken = try_step(machine, state, Event(name, at, subject="s", uid="u", reason="r", message="m"))
        if taken is not None:
            again = step_from_json(machine, json.loads(json.dumps(step_to_json(machine, taken))))
            assert again == taken
            assert type(again) is Step
            assert type(again.after.context) is Trail
            state = taken.after


def _written(**changes: Any) -> dict[str, Any]:
    return json.loads(json.dumps(step_to_json(BELL, step(BELL, UNLIT, Event("pull", 7))))) | changes


BROKEN: list[tuple[str, Any, type[Exception], str]] = [
    ("another machine's", _written(machine="switch"), UsageError, "this step is of 'switch', not of bell"),
    ("no object", [1], InputError, r"found \[1\]; expected an object"),
    ("without its event", {k: v for k, v in _written().items() if k != "event"}, InputError, "expected event too"),
    (
        "a transition too far",
        _written(transitions=[0, 99]),
        InputError,
        r"transitions\[1\]: found 99; expected a number",
    ),
    ("a negative transition", _written(transitions=[-1]), InputError, r"transitions\[0\]: found -1"),
    ("an event without a time", _written(event={"name": "pull"}), InputError, "event: .*expected at too"),
    ("a time that is text", _written(event={"name": "pull", "at": "7"}), InputError, "event.at: found '7'"),
    ("no configuration", _written(after={}), InputError, "after.configuration: found None; expected a list"),
    ("an unknown configuration", _written(after={"configuration": ["x"], "context": {}}), UsageError, "{x} is not a"),
    (
        "a context of another kind",
        _written(before={"configuration": list(UNLIT.configuration), "context": {"m": 1}}),
        InputError,
        r"before.context: found \['m'\]; expected only n, names",
    ),
    ("an unknown effect", _written(effects=[{"effect": "Sing"}]), InputError, r"effects\[0\].effect: found 'Sing'"),
    ("an effect without a name", _written(effects=[{"times": 1}]), InputError, r"effects\[0\].effect: found None"),
    ("an effect without a field", _written(effects=[{"effect": "Ring"}]), InputError, r"effects\[0\]: .*times too"),
]


@pytest.mark.parametrize(("data", "error", "text"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_json_that_is_no_step_of_the_machine_is_refused_with_its_place(
    data: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        step_from_json(BELL, data)


def test_a_step_without_a_context_round_trips_too() -> None:
    taken = step(SWITCH, SWITCH.start(), Event("flip", 1))
    assert step_from_json(SWITCH, step_to_json(SWITCH, taken)) == taken
    assert step_to_json(SWITCH, taken)["before"] == {"configuration": ["off"], "context": None}


# --- the generated source


def test_the_generated_source_is_the_same_on_every_run() -> None:
    """Whatever the hash seed: no set is iterated for output."""
    here = Path(__file__).parent
    script = "import random_charts as r; print(*(m.source for _, m in r.random_machines(range(25))), sep='\\n')"

    def sources(hash_seed: str) -> str:
        path = os.pathsep.join([str(here), *sys.path])
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    first = sources("1")
    assert first.count("def ") > 200
    assert first == sources("2") == sources("3")


def test_the_source_reads_as_one_function_for_every_configuration_and_event() -> None:
    assert "# alive, bell, still, light, off on pull\n    if if_even(context, event):\n" in BELL.source
    assert compile_chart(Bell).source == BELL.source
