"""Times as the checked world holds them: ticks of 61 s stand for minutes, and to age and to forget commute.

Where a time is `on the grid` it is so many ticks, and less than half a minute, from now: what happens within a tick
takes a few seconds at most.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from fsm.check import explore
from fsm.environment import OPERATOR, OURS, Wish, world_of
from fsm.environment.world.held import (
    LONGEST,
    MINUTE,
    NAME,
    NOW,
    TICK,
    Held,
    Record,
    Told,
    backup_of,
    held_of,
    read_back,
    spec_json,
    ticked,
)
from fsm.environment.world.slots import ACTIVE, COMPLETE, CREATED, FAILED, SLOTS, HeldJob, held_job, job_of
from fsm.environment.world.thread import HeldTracked, aged, held_tracked, tracked_of
from fsm.model import Backup, seconds_of, text_of
from fsm.reference import arguments_of_pod, at_second
from fsm.reference.jobs import failed_reason, is_finished
from fsm.rules import is_due, is_exceeded, is_timed_out

BEGUN = 1_800_000_000
SECONDS = st.integers(0, 25)
"""What passes beside the ticks."""
SEED = 20_261_127


@st.composite
def failing(draw: st.DrawFn) -> tuple[Backup, int]:
    """A snapshot whose Jobs failed one after the other, and a later time, on the grid of the first failure."""
    minutes, timeout = draw(st.integers(1, 3)), draw(st.integers(1, LONGEST - 1))
    records: list[dict[str, Any]] = []
    at = BEGUN + draw(SECONDS)
    for number in range(1, draw(st.integers(1, 3)) + 1):
        wait = minutes * 2 ** (number - 1)
        records.append(
            {"retryNum": number, "detectFailedAt": text_of(at), "expectedRetryAt": text_of(at + MINUTE * wait)}
        )
        at += TICK * draw(st.integers(wait, wait + 2))
        records[-1]["realRetryAt"] = text_of(at)
    if draw(st.booleans()):
        del records[-1]["realRetryAt"]
        at = seconds_of(records[-1]["detectFailedAt"]) + TICK * draw(st.integers(0, 14))
    ended = draw(st.sampled_from(["", "", "", "Failed", "Complete"]))
    conditions = [{"type": ended, "status": "True", "lastTransitionTime": text_of(at)}] * bool(ended)
    spec = spec_json("snapshot", Wish(wait=f"{minutes}m", timeout=f"{timeout}m", retries=draw(st.integers(0, 3))))
    status = {"backoffRetryStatus": records, "phase": ended or "RetryFailed", "conditions": conditions}
    return Backup.from_json({"metadata": {"name": NAME}, "spec": spec, "status": status}), at


@seed(SEED)
@settings(max_examples=300, deadline=None)
@given(failing(), st.integers(0, 10))
def test_to_let_a_minute_pass_and_to_forget_commute(drawn: tuple[Backup, int], ticks: int) -> None:
    backup, now = drawn
    held = held_of(backup, now)
    for passed in range(1, ticks + 1):
        held = ticked(held)
        assert held == held_of(backup, now + passed * TICK)


@seed(SEED)
@settings(max_examples=300, deadline=None)
@given(failing(), SECONDS)
def test_what_stands_for_a_failing_backup_is_due_timed_out_and_exceeded_when_that_one_is(
    drawn: tuple[Backup, int], seconds: int
) -> None:
    backup, now = drawn
    now += seconds
    if backup.status.phase != "RetryFailed":
        return  # nobody asks after the end
    answers = []
    for written, clock in ((backup, now), (backup_of(held_of(backup, now)), NOW)):
        records, policy = written.status.backoff_retry_status, written.spec.backoff_retry_policy
        answers.append(
            (
                is_due(records, clock) if records[-1].real_retry_at is None else None,
                is_timed_out(records, policy.retry_timeout, clock),
                is_exceeded(records, policy.max_retry_times),
            )
        )
    assert answers[0] == answers[1]


@seed(SEED)
@settings(max_examples=100, deadline=None)
@given(failing())
def test_what_is_held_of_what_stands_for_a_failing_backup_is_the_same(drawn: tuple[Backup, int]) -> None:
    held = held_of(*drawn)
    assert held_of(backup_of(held)) == held
    assert held_of(backup_of(ticked(held))) == ticked(held)


@seed(SEED)
@settings(max_examples=100, deadline=None)
@given(failing())
def test_times_that_come_back_from_the_api_server_are_those_that_were_sent(drawn: tuple[Backup, int]) -> None:
    held = held_of(*drawn)
    unread = held._replace(records=tuple(record._replace(unread=True) for record in held.records))
    assert held_of(backup_of(unread)) == unread
    assert read_back(unread) == held
    assert held_of(Backup.from_json(backup_of(unread).to_json())) == held


@pytest.mark.parametrize("phase", ["Complete", "Failed", "Invalid"])
def test_after_its_end_a_backup_does_not_age(phase: str) -> None:
    held = Held("snapshot", records=(Record(1, 0, True),))
    assert ticked(held) != held
    ended = held._replace(phase=phase, conditions=(Told(phase),))
    assert ticked(ended) == ended


def test_a_failure_ages_until_the_timeout_and_no_more() -> None:
    held = Held("snapshot", Wish(timeout="3m"), records=(Record(0, 2, False),))
    ages = []
    for _ in range(5):
        ages.append((held.records[0].detected, held.records[0].expected))
        held = ticked(held)
    assert ages == [(0, 2), (1, 1), (2, 0), (3, 0), (3, 0)]


# ------------------------------------------------------------------ Jobs, and what the tracker remembers


@pytest.fixture(scope="module")
def reached() -> list[Any]:
    """Values of parts, out of worlds that differ."""
    asked: list[tuple[str, str, dict[str, int]]] = [
        (OPERATOR, "snapshot", {"kill": 2, "faults": 1, "job_deletion": 1}),
        (OURS, "snapshot", {"kill": 2, "faults": 1, "pending": 1}),
        (OPERATOR, "log", {"edit": 1, "truncate": 1}),
        (OPERATOR, "log", {"faults": 1, "pd": 1, "task": 1}),
        (OPERATOR, "log", {"delete": 1}),
    ]
    worlds = [world_of(name, mode, budgets, wish=Wish(clean="Delete")) for name, mode, budgets in asked]
    spaces = [explore(world).space.values for world in worlds]
    return [(part, value) for space in spaces for part, values in space.items() for value in values.all]


def test_a_job_is_made_of_what_is_held_and_held_again_when_it_is_created(reached: list[Any]) -> None:
    jobs = {(part.removeprefix("job "), value) for part, value in reached if isinstance(value, HeldJob)}
    assert {slot for slot, _ in jobs} == set(SLOTS.values())
    for slot, held in jobs:
        job = job_of(slot, held)
        assert job is not None
        assert held_job(job) == (slot, held._replace(stage=CREATED, deleting=False))
        assert arguments_of_pod(held.arguments).program == ("clean" if slot == "clean" else "backup")


def test_the_operator_sees_of_a_job_what_is_held_of_it(reached: list[Any]) -> None:
    jobs = {value for _, value in reached if isinstance(value, HeldJob)}
    assert {job.stage for job in jobs} >= {CREATED, ACTIVE, FAILED, COMPLETE}
    assert {job.deleting for job in jobs} == {False, True}
    for held in jobs:
        job = job_of("backup", held)
        assert job is not None
        assert is_finished(job) == held.finished
        assert (failed_reason(job) is not None) == (held.stage == FAILED)
        assert (job.metadata.deletion_timestamp is not None) == held.deleting
        assert (job.status.start_time is None) == (held.stage == CREATED)


def test_a_trackers_entry_is_made_of_what_is_held_and_held_again(reached: list[Any]) -> None:
    entries = {value for _, value in reached if isinstance(value, HeldTracked)}
    assert {entry.state is None for entry in entries} == {False, True}
    for held in entries:
        assert held_tracked(tracked_of(held)) == held


def test_a_trackers_entry_is_believed_within_the_tick_and_not_after_it(reached: list[Any]) -> None:
    entries = {value for _, value in reached if isinstance(value, HeldTracked)}
    for held in entries:
        entry = tracked_of(held)
        assert entry.fresh_state(at_second(NOW)) == held.state
        assert entry.fresh_state(at_second(NOW + TICK)) is None
        older = aged(held)
        assert older is not None
        assert tracked_of(older).fresh_state(at_second(NOW)) is None
