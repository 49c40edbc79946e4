"""The generated stories and the random tests, run against our own decision and adapter; and that both would notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from decided_backup import DecidedBackup, JobObject, facts_of, job_facts_of
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from read_back import ReadBack
from read_back import facts_of as read_facts_of

from fsm.kernel import Event, Machine, MachineState, Transition, compile_chart
from fsm.machines import JOB, MACHINES, SNAPSHOT
from fsm.machines.log_retry import WAITING
from fsm.machines.snapshot import Snapshot
from fsm.testing import Disagreement, follow, model_test, stories

RANDOM = settings(max_examples=25, stateful_step_count=12, deadline=None, derandomize=True, database=None)
UNTIL_FOUND = settings(RANDOM, max_examples=300, phases=[Phase.generate], report_multiple_bugs=False)


# ------------------------------------------------------------------ our decision


def test_every_story_of_the_snapshot_machine_is_what_our_decision_makes_of_the_same_objects() -> None:
    """States, attempts, Jobs, records and effects; objects are written by the operator's updater, not by the chart."""
    told = stories(SNAPSHOT)
    assert sum(follow(story, SNAPSHOT, DecidedBackup(), seen=facts_of) for story in told) > 1_000


def test_at_random_our_decision_goes_with_the_snapshot_machine() -> None:
    run_state_machine_as_test(model_test(SNAPSHOT, DecidedBackup, seen=facts_of), settings=RANDOM)


def test_every_story_of_the_job_machine_is_read_in_the_objects_that_a_job_controller_writes() -> None:
    assert sum(follow(story, JOB, JobObject(), seen=job_facts_of) for story in stories(JOB)) > 80


def test_at_random_the_job_machine_is_read_in_the_objects_that_a_job_controller_writes() -> None:
    run_state_machine_as_test(model_test(JOB, JobObject, seen=job_facts_of), settings=RANDOM)


# ------------------------------------------------------------------ the adapter

UNTOLD = {
    "snapshot": {"backoff_waiting --tick [exceeded]--> exhausted"},
    "volume-snapshot": set(),
    "log": {
        "streaming --task_paused--> paused",
        "paused --completed [is_log_stop and can_complete]--> stopped",
        "paused --completed [is_log_resume and can_complete]--> streaming",
        "paused --task_resumed--> streaming",
        "lane --wish_changed [was_running]--> running",
        "lane --wish_changed [was_superseded]--> failed",
        "not_started --task_found--> streaming",
    },
}
"""Not in the stories that a Backup can tell: the policy would have to be edited; the event itself changes what spec and
status ask for, so that a Backup is never seen in between; or it lies beyond the places that were looked at."""


def _needs_a_policy(transition: Transition) -> bool:
    """Its state is told by the companion's annotation, which is beside the status that the machine writes."""
    retried = {transition.source, transition.target} & set(WAITING)
    return bool(retried) or "is_retried" in transition.guards


@pytest.mark.parametrize("mode", UNTOLD)
def test_every_state_of_every_story_is_written_into_objects_and_read_back(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun new: a suite with other beginnings need not come by everything from there on."""
    machine = MACHINES[mode.replace("-", "_")]
    monkeypatch.setattr(machine.chart, "samples", machine.samples._replace(starts=()))
    told: set[str] = set()
    for story in stories(machine, most=120 if mode == "log" else 1_000):
        controller = ReadBack(mode)
        gone = follow(story, machine, controller, seen=read_facts_of, possible=controller.possible)
        told.update(name for line in story.lines[:gone] if line.then for name in line.then.transitions)
    tellable = {str(each) for each in machine.transitions if mode != "log" or not _needs_a_policy(each)}
    assert tellable - told == UNTOLD[mode]


# ------------------------------------------------------------------ mutants of the chart

Change = Callable[[Any, Event], Any]


def _shifted(by: int) -> Callable[[Any], Change]:
    return lambda was: lambda context, event: was(context, event._replace(at=event.at + by))


def _forgetful(was: Any) -> Change:
    """The retry begins, and the failed Job is not removed."""
    return lambda context, event: (was(context, event)[0], ())


def _miscounting(was: Any) -> Change:
    return lambda context, event: (was(context, event)[0]._replace(attempt=0), was(context, event)[1])


MUTANTS: list[tuple[str, str, Callable[[Any], Change]]] = [
    ("a retry is due a second early", "if_retry_is_due", _shifted(1)),
    ("a retry is due a second late", "if_retry_is_due", _shifted(-1)),
    ("one retry too many", "if_exceeded", lambda was: lambda context, event: False),
    ("a timeout that never passes", "if_timed_out", lambda was: lambda context, event: False),
    ("the failed Job is not removed", "do_begin_retry", _forgetful),
    ("the next attempt is not counted", "do_next_attempt", _miscounting),
]


@pytest.fixture(params=[mutant[1:] for mutant in MUTANTS], ids=[mutant[0] for mutant in MUTANTS])
def mutant(request: pytest.FixtureRequest) -> Machine:
    """A second snapshot machine with a function changed. (Our decision takes its steps in the first.)"""
    name, change = request.param
    machine = compile_chart(Snapshot)
    names = machine.traced_of.__globals__
    names[name] = change(names[name])
    return machine


def test_the_stories_of_a_wrong_chart_are_not_what_our_decision_does(mutant: Machine) -> None:
    assert disagreement(mutant, DecidedBackup, facts_of) is not None


def test_at_random_a_wrong_chart_is_found_out(mutant: Machine) -> None:
    with pytest.raises(Disagreement):
        run_state_machine_as_test(model_test(mutant, DecidedBackup, seen=facts_of), settings=UNTIL_FOUND)


def disagreement(machine: Machine, controller: Callable[[], Any], seen: Callable[[MachineState], Any]) -> str | None:
    """The first one that the stories find."""
    for story in stories(machine):
        try:
            follow(story, machine, controller(), seen=seen)
        except Disagreement as found:
            return str(found)
    return None


@pytest.mark.parametrize("wrong", ["running", "aborted", "retrying", "clean_failed"])
def test_a_state_that_is_taken_for_another_is_found_by_both(wrong: str) -> None:
    class Misread(DecidedBackup):
        def state(self) -> Any:
            leaf, *rest = super().state()
            return ("pending" if leaf == wrong else leaf, *rest)

    assert disagreement(SNAPSHOT, Misread, facts_of) is not None
    with pytest.raises(Disagreement):
        run_state_machine_as_test(model_test(SNAPSHOT, Misread, seen=facts_of), settings=UNTIL_FOUND)


def test_a_state_that_is_read_wrong_is_found_in_the_round_trip() -> None:
    class Misread(ReadBack):
        def read(self) -> MachineState:
            found = super().read()
            return found if "data_failed" not in found.configuration else found._replace(configuration=("pending",))

    found = disagreement(MACHINES["volume_snapshot"], lambda: Misread("volume-snapshot"), read_facts_of)
    assert found is not None
    assert "data_failed" in found
