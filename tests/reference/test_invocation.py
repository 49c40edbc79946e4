"""An invocation is a value: what it asks next follows from its entry and the answers it got, and from nothing else."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.reference import (
    ApiError,
    BackupEvent,
    CachedBackup,
    CachedJob,
    Call,
    CreateJob,
    Done,
    Entry,
    Instant,
    Invocation,
    Operator,
    Perform,
    Refused,
    Result,
    TrackerTick,
    UpdateBackup,
    Work,
    identity_of,
    run,
)
from fsm.rules import Reading, Update, update_records
from tests.reference.stage import (
    BROKEN,
    KEY,
    NOW,
    RUNNING_TASK,
    Stage,
    job,
    log,
    record,
    snapshot,
    status_of,
)

ENTRIES = {
    "a failure is detected": (snapshot(status_of("Running")), BackupEvent(snapshot(status_of("Running")), 1)),
    "a retry is decided": (
        snapshot(status_of("RetryFailed", backoffRetryStatus=[record(1, -400, -100)])),
        BackupEvent(snapshot(status_of("RetryFailed", backoffRetryStatus=[record(1, -400, -100)])), 1),
    ),
    "a first sync": (snapshot(), Work(KEY)),
    "a sync of a log backup in sync": (log(status_of("Running", commitTs="4")), Work(KEY)),
    "a tick": (log(status_of("Running", commitTs="4")), TrackerTick(KEY)),
}


def stage_for(name: str) -> Stage:
    stored, _ = ENTRIES[name]
    jobs = [job("backup-demo", "Failed")] if name.startswith("a ") and "Work" not in name else []
    stage = Stage(stored, *(jobs if stored.mode == "snapshot" and name != "a first sync" else []), task=RUNNING_TASK)
    stage.track()
    return stage


def told(entry: Entry, stage: Stage) -> tuple[list[tuple[Call, Any]], Done]:
    """The calls and answers of a run that is driven by values, one invocation a call."""
    invocation = Invocation(entry)
    calls = []
    while not isinstance(invocation.next, Done):
        answer = stage._answer(invocation.next)
        calls.append((invocation.next, answer))
        invocation = invocation.answered(answer)
    return calls, invocation.next


@pytest.mark.parametrize("name", ENTRIES)
def test_a_run_by_values_asks_what_a_run_in_one_go_asks(name):
    by_value, end = told(ENTRIES[name][1], stage_for(name))
    stage, calls = stage_for(name), []

    def answer(call: Call) -> Any:
        calls.append((call, stage._answer(call)))
        return calls[-1][1]

    assert run(ENTRIES[name][1], answer) == end
    assert identity_of(tuple(calls)) == identity_of(tuple(by_value))
    assert len(calls) > 2


@pytest.mark.parametrize("name", ENTRIES)
def test_a_copy_resumed_at_any_point_goes_on_the_same_way(name):
    entry = ENTRIES[name][1]
    calls, end = told(entry, stage_for(name))
    answers = tuple(answer for _, answer in calls)
    for stop in range(len(calls)):
        resumed = Invocation(entry, answers[:stop])
        assert identity_of(resumed.next) == identity_of(calls[stop][0])
        for answer in answers[stop:]:
            resumed = resumed.answered(answer)
        assert resumed.next == end
        assert resumed == Invocation(entry, answers)
        assert hash(resumed) == hash(Invocation(entry, answers))


@pytest.mark.parametrize("name", ENTRIES)
def test_asking_what_comes_next_changes_nothing_and_may_be_dropped_at_any_point(name, recwarn):
    entry = ENTRIES[name][1]
    calls, _ = told(entry, stage_for(name))
    for stop in range(len(calls)):
        fresh = Invocation(entry, tuple(answer for _, answer in calls[:stop]))
        assert fresh.next is fresh.next
        del fresh
    gc.collect()
    assert not [warning for warning in recwarn if "generator" in str(warning.message)]


def test_invocations_with_other_answers_are_other_invocations():
    start = Invocation(Work(KEY))
    assert start != start.answered(None)
    assert start.answered(None) != start.answered(snapshot())
    assert start.answered(snapshot()) != start.answered(snapshot(status_of("Running")))
    assert len({start, Invocation(Work(KEY)), start.answered(None)}) == 2


@given(st.sampled_from(sorted(Refused)), st.integers(0, 12), st.sampled_from(sorted(ENTRIES)))
def test_every_call_may_be_refused_and_the_invocation_still_ends(refused, nth, name):
    stage, count = stage_for(name), 0

    def answer(call: Call) -> Any:
        nonlocal count
        count += 1
        return ApiError(refused, "no") if count > nth and not stage.operator.answers(call) else stage._answer(call)

    end = run(ENTRIES[name][1], answer)
    assert end.result in set(Result) - {Result.PANIC}


@given(st.integers(0, 10), st.sampled_from(sorted(ENTRIES)))
def test_a_lister_may_fail_too(nth, name):
    stage, count = stage_for(name), 0

    def answer(call: Call) -> Any:
        nonlocal count
        count += isinstance(call, CachedJob | CachedBackup)
        return BROKEN if isinstance(call, CachedJob | CachedBackup) and count > nth else stage._answer(call)

    assert run(ENTRIES[name][1], answer).result is not Result.PANIC


def test_a_call_that_nobody_answers_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError, match="not answered by the operator itself"):
        Operator().answered(Perform("br"), Instant(0))


def test_a_failed_call_raises_where_it_was_made_and_nowhere_else():
    stage = Stage(snapshot())
    stage.fail(CreateJob, BROKEN)
    end = stage.sync()
    assert end.message == "create backup ns/demo job backup-demo failed, err: the server is on fire"
    assert [type(call) for call in stage.calls] == [CreateJob, UpdateBackup]


def test_two_readings_of_the_same_second_are_told_apart_in_an_identity():
    first, second = (Update(real_retry_at=NOW, retry_num=1, reading=each) for each in (Instant(1), Instant(2)))
    one, other = (update_records((), update)[0] for update in (first, second))
    assert isinstance(one[0].real_retry_at, Reading)
    assert one == other
    assert identity_of(one) != identity_of(other)
