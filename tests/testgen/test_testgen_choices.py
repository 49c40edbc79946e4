"""The events that are tried: each guard both ways, at the very second, and nothing that a state does not declare."""

from __future__ import annotations

import pytest

from fsm.kernel import (
    Chart,
    Event,
    Machine,
    MachineState,
    Samples,
    Value,
    action,
    compile_chart,
    edge,
    guard,
    state,
    try_step,
)
from fsm.machines import MACHINES, SNAPSHOT, Policy, Record, RunContext
from fsm.testgen import Choices, explored

T = 1_800_000_000


class Lock(Value, frozen=True):
    """When it was locked, by which key, and how often it was tried."""

    since: int = T
    key: str = "brass"
    tries: int = 0


@guard
def fits(context: Lock, event: Event) -> bool:
    """The key is the one."""
    return event.uid == context.key


@guard
def rusted(context: Lock, event: Event) -> bool:
    """A year has passed."""
    return event.at > context.since + 31_536_000


@guard
def asked(context: Lock, event: Event) -> bool:
    """Politely."""
    return event.subject == "please"


@action()
def fail(context: Lock, event: Event) -> tuple[Lock, tuple[()]]:
    """Count, and remember what was said."""
    return context._replace(tries=context.tries + 1), ()


@action()
def exchange(context: Lock, event: Event) -> tuple[Lock, tuple[()]]:
    """Another key."""
    return context._replace(key=event.uid), ()


class Door(Chart):
    """A door with a lock."""

    context_type = Lock
    samples = Samples(words={"turn": {"subject": ("please", "now")}})

    locked = state("Closed.", initial=True)
    opened = state("Open.", outcome="good")
    stuck = state("For good.", outcome="bad")

    edge(locked, stuck, "Too late.", event="turn", when=rusted)
    edge(locked, opened, "It opens.", event="turn", when=(fits, asked))
    edge(locked, None, "It does not.", event="turn", do=fail)
    edge(locked, None, "A new lock.", event="change", do=exchange)
    edge(locked, opened, "With force.", event="kick", when=rusted)


DOOR = compile_chart(Door)


def labels(machine: Machine, at: MachineState, now: int = T) -> list[str]:
    return [choice.label for choice in Choices(machine).at(at, now)]


def test_texts_that_guards_read_are_tried_fresh_and_as_the_context_has_them_and_times_to_the_second() -> None:
    found = [each for each in Choices(DOOR).at(DOOR.start(), T) if each.event.name == "turn"]
    assert [(each.event.subject, each.event.uid, each.event.at - T) for each in found] == [
        (word, key, at)
        for word in ("please", "now")
        for key in ("uid-1", "brass")
        for at in (1, 31_536_000, 31_536_001)
    ]
    assert len({each.label for each in found}) == len(found)
    assert found[3].label == "turn please [fits, asked]"
    assert found[4].label == "turn please [fits, asked], the last second"
    assert found[5].label == "turn please [rusted, fits, asked]"


def test_an_action_that_reads_a_text_gets_a_fresh_one_and_nothing_else_is_filled_in() -> None:
    (found,) = (each for each in Choices(DOOR).at(DOOR.start(Lock(key="uid-1")), T) if each.event.name == "change")
    assert found.event == Event("change", T + 1, uid="uid-2")


def test_an_event_that_its_guards_refuse_is_a_choice_without_transitions() -> None:
    refused = [each for each in Choices(DOOR).at(DOOR.start(), T) if each.refused]
    assert [each.label for each in refused] == [
        "kick [no guard agrees]: refused",
        "kick [no guard agrees], the last second: refused",
    ]
    assert all(try_step(DOOR, DOOR.start(), each.event) is None for each in refused)


def test_a_state_that_declares_nothing_offers_nothing() -> None:
    assert labels(DOOR, DOOR.state("opened")) == []


def test_a_choice_is_found_again_by_its_label_at_a_later_time() -> None:
    choices = Choices(DOOR)
    late = choices.find(DOOR.start(), T + 31_535_999, "turn please [fits, asked]")
    assert late is not None
    assert late.event.at == T + 31_536_000
    assert choices.find(DOOR.start(), T + 31_536_001, "turn please [fits, asked]") is None


WAITING = RunContext(policy=Policy(), job="job-1", records=(Record(1, T, T + 300),))


def test_the_seconds_of_a_retry_are_those_of_its_record_and_of_the_policy() -> None:
    at = SNAPSHOT.state("backoff_waiting", context=WAITING)
    found = [each for each in Choices(SNAPSHOT).at(at, T) if each.event.name == "tick"]
    assert [each.event.at - T for each in found] == [1, 300, 301, 1800, 1801]


@pytest.mark.parametrize("name", MACHINES)
def test_choices_are_what_the_machine_does_and_are_the_same_when_they_are_remembered(name: str) -> None:
    machine = MACHINES[name]
    once = Choices(machine)
    found = explored(machine, 60)
    for place in range(60):
        walk = found.walk(found.graph.path_to(place) or found.graph.out[place][:1])
        for taken in walk.taken:
            first = once.at(taken.after, taken.choice.event.at)
            assert (
                once.at(taken.after, taken.choice.event.at)
                == first
                == Choices(machine).at(taken.after, taken.choice.event.at)
            )
            for each in first:
                step = try_step(machine, taken.after, each.event)
                taken_now = () if step is None else tuple(machine.transitions.index(t) for t in step.transitions)
                assert each.transitions == taken_now
        if place >= found.graph.size - found.left - 1:
            break


@pytest.mark.parametrize("name", MACHINES)
def test_every_declared_transition_is_taken_and_every_guard_says_both(name: str) -> None:
    """Or a suite of the machine would leave something out. What no event leads to has a start beside the chart."""
    machine = MACHINES[name]
    found = explored(machine, 300)
    assert [str(machine.transitions[number]) for number in found.never] == []
    said: dict[str, set[bool]] = {guard: set() for guard in machine.guards}
    for edge_ in found.graph.edges:
        head, bracket, rest = edge_.label.partition(" [")
        if bracket:
            event = head.split()[0]
            agree = rest.partition("]")[0].split(", ")
            declared = {g.removeprefix("not ") for t in machine.transitions if t.event == event for g in t.guards}
            for each in declared:
                said[each].add(each in agree)
    assert {guard: answers for guard, answers in said.items() if answers != {True, False}} == {}
