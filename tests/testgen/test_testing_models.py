"""`fsm.testing`: a wrong controller is found and its story is short, a right one passes; Hypothesis is needed late."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from fsm.kernel import Chart, Event, Machine, compile_chart, edge, state, try_step
from fsm.machines import MACHINES, SNAPSHOT
from fsm.testing import BEGINS_AT, Disagreement, follow, leaves_of, model_test, stories

FEW = settings(max_examples=20, stateful_step_count=10, deadline=None, derandomize=True, database=None)
MANY = settings(FEW, max_examples=100)


class Chartered:
    """A controller that is the machine itself, with room for mistakes."""

    def __init__(self, machine: Machine = SNAPSHOT) -> None:
        self.machine = machine

    def reset(self) -> None:
        self.at = self.machine.start()

    def send(self, event: Event) -> Iterable[Any] | None:
        step = try_step(self.machine, self.at, event)
        if step is None:
            return ()
        self.at = step.after
        return step.effects

    def state(self) -> Any:
        return " ".join(self.machine.leaves(self.at.configuration))


class Impatient(Chartered):
    """Retries although the time for retries is over."""

    def state(self) -> Any:
        return "retrying" if super().state() == "timed_out" else super().state()


class Idle(Chartered):
    """Never asks for a Job."""

    def send(self, event: Event) -> Iterable[Any] | None:
        super().send(event)
        return ()


class Forward(Chartered):
    """Takes a refused event for an accepted one."""

    def send(self, event: Event) -> Iterable[Any] | None:
        if event.name == "retry_due":
            self.at = SNAPSHOT.state("retrying", context=self.at.context)
            return None
        return super().send(event)


class Used(Chartered):
    """Is not as new after a reset."""

    def reset(self) -> None:
        self.at = SNAPSHOT.state("running")


def found_in(controller: Any, **options: Any) -> Disagreement:
    """The disagreement at the end of shrinking."""
    with pytest.raises(Disagreement) as caught:
        run_state_machine_as_test(model_test(SNAPSHOT, controller, **options), settings=MANY)
    return caught.value


@pytest.mark.parametrize("name", MACHINES)
def test_a_right_controller_passes_with_every_event_and_every_refusal(name: str) -> None:
    machine = MACHINES[name]
    test = model_test(machine, lambda: Chartered(machine), refusals=True)
    assert issubclass(test, RuleBasedStateMachine)
    run_state_machine_as_test(test, settings=FEW)


def test_a_wrong_state_deep_in_a_life_is_shrunk_to_the_shortest_story() -> None:
    error = found_in(Impatient)
    assert [event.name for event in error.events] == ["job_created", "job_failed", "failure_recorded", "tick"]
    assert (error.expected, error.found) == ("timed_out", "retrying")
    assert str(error).splitlines()[-1] == "  4. tick at +1804s: backoff_waiting -> timed_out"


def test_missing_effects_are_found_where_they_are_told() -> None:
    error = found_in(Idle)
    assert [event.name for event in error.events] == ["tick"]
    assert str(error).startswith("effects of tick: the machine has (CreateJob(")


def test_a_refused_event_that_is_accepted_is_found_only_with_refusals() -> None:
    error = found_in(Forward, refusals=True, possible=lambda event: event.name != "tick")
    assert [event.name for event in error.events] == ["job_created", "job_failed", "failure_recorded", "retry_due"]
    assert str(error).splitlines()[-1] == "  4. retry_due at +4s: is refused"


def test_a_controller_that_starts_elsewhere_is_found_at_once() -> None:
    error = found_in(Used)
    assert error.events == ()
    assert str(error) == "state of a new one: the machine has 'pending', the controller 'running'"


def test_impossible_events_are_never_sent() -> None:
    sent: set[str] = set()

    class Noting(Chartered):
        def send(self, event: Event) -> Iterable[Any] | None:
            sent.add(event.name)
            return super().send(event)

    test = model_test(SNAPSHOT, Noting, possible=lambda event: event.name in ("job_created", "job_failed"))
    run_state_machine_as_test(test, settings=FEW)
    assert sent == {"job_created", "job_failed"}


def test_the_test_case_has_the_name_of_the_machine() -> None:
    assert model_test(MACHINES["volume_snapshot"], Chartered).TestCase.__name__ == "VolumeSnapshotTest"


class Round(Chart):
    """A machine without context."""

    here = state("Here.", initial=True)
    there = state("There.")
    edge(here, there, "Go.", event="go")
    edge(there, here, "Come.", event="come")


def test_a_machine_of_ones_own_is_a_model_too() -> None:
    """Even where an event has the name of the test's own rule."""
    machine = compile_chart(Round)
    run_state_machine_as_test(model_test(machine, lambda: Chartered(machine)), settings=FEW)
    assert [story.title for story in stories(machine)] == ["here stays here by go and come"]


# ------------------------------------------------------------------ stories


def test_stories_begin_with_a_new_machine_and_are_followed_to_their_end() -> None:
    told = stories(SNAPSHOT, "classes")
    assert told
    for story in told:
        assert (story.beginning, story.start) == ("", SNAPSHOT.start())
        assert all(line.then for line in story.lines)
        assert follow(story, SNAPSHOT, Chartered()) == len(story.lines)


def test_with_refusals_stories_have_the_events_that_are_refused() -> None:
    refused = [line for story in stories(SNAPSHOT, refusals=True) for line in story.lines if line.then is None]
    assert {line.event.name for line in refused} == {"retry_due", "job_created"}


def test_a_story_ends_before_what_is_not_possible_and_at_the_first_difference() -> None:
    story = next(story for story in stories(SNAPSHOT) if len(story.lines) > 3)
    ends = story.lines[2].event
    assert follow(story, SNAPSHOT, Chartered(), possible=lambda event: event != ends) == 2
    late = next(
        story for story in stories(SNAPSHOT) if any(line.then[0] == ("timed_out",) for line in story.lines if line.then)
    )
    with pytest.raises(Disagreement, match="timed_out"):
        follow(late, SNAPSHOT, Impatient())


def test_leaves_of_a_state_are_its_ids_in_document_order() -> None:
    log = MACHINES["log"]
    assert leaves_of(log)(log.start()) == "not_started idle"
    assert BEGINS_AT == 1_800_000_000


# ------------------------------------------------------------------ without Hypothesis


def test_without_hypothesis_stories_work_and_a_random_test_says_what_to_install() -> None:
    script = """
import sys
sys.modules["hypothesis"] = None
from fsm import MACHINES, UsageError
from fsm.testing import model_test, stories
print(len(stories(MACHINES["job"])))
try:
    model_test(MACHINES["job"], object)
except UsageError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "26",
        "fsm.testing draws events with Hypothesis, which is not installed: pip install 'backup-fsm[testing]'",
    ]
