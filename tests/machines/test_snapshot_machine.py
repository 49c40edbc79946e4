"""The snapshot lifecycle by scenario: backoff, limits and boundaries are the operator's (operator-semantics 5)."""

from __future__ import annotations

from typing import Any

import pytest

from fsm.errors import NotEnabled
from fsm.kernel import Event, MachineState, step, trace_of, try_step
from fsm.machines import SNAPSHOT, CreateJob, DeleteJob, Policy, Record, RequeueAt, RunContext
from fsm.model import MINUTE, SECOND

T = 1_000_000
"""When the first attempt fails, Unix seconds."""

JOB = "backup-demo has failed"


def events(text: str) -> list[Event]:
    """`name@seconds after T`; a Job's uid is the number of job_created so far, a failure says the Job's reason."""
    made, jobs = [], 0
    for word in text.split():
        name, _, at = word.partition("@")
        jobs += name == "job_created"
        reason = "BackoffLimitExceeded" if name == "job_failed" else ""
        message = JOB if name == "job_failed" else ""
        made.append(Event(name, T + int(at), uid=f"job-{jobs}", reason=reason, message=message))
    return made


def after(text: str, policy: Policy | None = None) -> MachineState:
    """The state after these events."""
    state = SNAPSHOT.start(RunContext(policy=policy or Policy()))
    for taken in trace_of(SNAPSHOT, state, events(text)):
        state = taken.after
    return state


def leaf(state: MachineState) -> str:
    return SNAPSHOT.leaves(state.configuration)[0]


START = "job_created@-60 pod_preparing@-50 br_started@-40 "
FAIL_1 = START + "job_failed@0 failure_recorded@0 "
RETRY_1 = FAIL_1 + "tick@301 job_vanished@310 job_created@311 pod_preparing@320 br_started@325 "
FAIL_2 = RETRY_1 + "job_failed@400 failure_recorded@400 "
RETRY_2 = FAIL_2 + "tick@1001 job_vanished@1002 job_created@1003 "
FAIL_3 = RETRY_2 + "job_failed@1100 failure_recorded@1100 "

LIVES: dict[str, tuple[str, Policy | None, str]] = {
    # axis: how an attempt ends
    "nothing yet": ("", None, "pending"),
    "created": ("job_created@0", None, "scheduled"),
    "prepares": ("job_created@0 pod_preparing@1", None, "preparing"),
    "succeeds": (START + "completed@0", None, "complete"),
    "a replaced pod starts over": (START + "pod_preparing@0", None, "preparing"),
    "dies without a word": (START + "job_failed@0", None, "failed"),
    "vanishes": (START + "job_vanished@0", None, "failed"),
    "the program gives up": (START + "aborted@0", None, "aborted"),
    "the program gave up and its Job failed": (START + "job_failed@0 aborted@1", None, "aborted"),
    "Complete seen after the Job's failure": (START + "job_failed@0 completed@1", None, "complete"),
    "the spec is invalid": ("rejected@0", None, "invalid"),
    "the spec is invalid while it waits": (FAIL_1 + "rejected@10", None, "invalid"),
    # axis: the retry loop
    "first failure": (FAIL_1, None, "backoff_waiting"),
    "first retry begins": (FAIL_1 + "tick@301", None, "retrying"),
    "first retry runs": (RETRY_1, None, "running"),
    "first retry succeeds": (RETRY_1 + "completed@400", None, "complete"),
    "first retry gives up: never retried": (RETRY_1 + "aborted@400", None, "aborted"),
    "second failure": (FAIL_2, None, "backoff_waiting"),
    "second retry begins": (FAIL_2 + "tick@1001", None, "retrying"),
    "third failure": (FAIL_3, None, "exhausted"),
    # axis: maxRetryTimes
    "one allowed, second failure": (FAIL_2, Policy(max_times=1), "exhausted"),
    "none allowed": (FAIL_1, Policy(max_times=0), "exhausted"),
    "a negative maximum": (FAIL_1, Policy(max_times=-1), "exhausted"),
    "three allowed, third failure": (FAIL_3, Policy(max_times=3), "backoff_waiting"),
    # axis: retryTimeout, from the first failure, running time included
    "in its last second": (FAIL_1 + "tick@1800", Policy(10 * 60 * MINUTE), "backoff_waiting"),
    "one second later": (FAIL_1 + "tick@1801", Policy(10 * 60 * MINUTE), "timed_out"),
    "due, but too late: the limit is asked first": (FAIL_1 + "tick@1801", None, "timed_out"),
    "the second failure comes in the last second": (
        RETRY_1 + "job_failed@1800 failure_recorded@1800",
        None,
        "backoff_waiting",
    ),
    "the second failure comes too late": (RETRY_1 + "job_failed@1801 failure_recorded@1801", None, "timed_out"),
    "exceeded and too late: the timeout is named": (
        RETRY_2 + "job_failed@1801 failure_recorded@1801",
        None,
        "timed_out",
    ),
    "a retry that runs past the timeout may finish": (RETRY_1 + "completed@9000", None, "complete"),
    "a retry that began is no more timed": (FAIL_1 + "tick@301 tick@9000", None, "retrying"),
    "a negative timeout": (FAIL_1, Policy(timeout=-SECOND), "timed_out"),
    "less than a second is none": (FAIL_1, Policy(timeout=-SECOND // 2), "backoff_waiting"),
    "no timeout at all": (FAIL_1 + "tick@1", Policy(timeout=0), "timed_out"),
    # axis: durations that do not parse (S8)
    "the timeout is unreadable: no limit is ever asked": (
        FAIL_1,
        Policy(timeout=None, max_times=-1),
        "backoff_waiting",
    ),
    "the timeout is unreadable: it waits for ever so long": (
        FAIL_1 + "tick@300",
        Policy(timeout=None),
        "backoff_waiting",
    ),
    "the minimum is unreadable: retried at once": (FAIL_1 + "tick@1", Policy(min_duration=None), "retrying"),
    # axis: deletion
    "deleted while it runs": (START + "deletion_requested@0", None, "stopping"),
    "deleted while it waits": (FAIL_1 + "deletion_requested@1", None, "stopping"),
    "cleaned": (START + "completed@0 deletion_requested@1 clean_started@2", None, "cleaning"),
    "cleaned, badly": (
        START + "completed@0 deletion_requested@1 clean_started@2 clean_refused@3",
        None,
        "clean_failed",
    ),
    "cleaned at the second try": (
        START + "completed@0 deletion_requested@1 clean_refused@3 clean_started@4 deleted@5",
        None,
        "gone",
    ),
    "deleted at once": (START + "deleted@0", None, "gone"),
}


@pytest.mark.parametrize("name", LIVES)
def test_a_life_leads_to_its_state(name: str) -> None:
    text, policy, expected = LIVES[name]
    assert leaf(after(text, policy)) == expected


@pytest.mark.parametrize(
    ("minimum", "expected"),
    [(300 * SECOND, (300, 600, 1200)), (SECOND, (1, 2, 4)), (0, (0, 0, 0)), (-10 * SECOND, (-10, -20, -40))],
    ids=["300s", "1s", "0s", "-10s"],
)
def test_the_waiting_time_doubles_with_every_retry(minimum: int, expected: tuple[int, ...]) -> None:
    state = SNAPSHOT.start(RunContext(policy=Policy(minimum, 10, None)))
    at, waits = T, []
    for number in range(3):
        made = [Event("job_created", at, uid=f"{number}"), Event("job_failed", at), Event("failure_recorded", at)]
        state = trace_of(SNAPSHOT, state, made)[-1].after
        waits.append(state.context.records[-1].expected - at)
        at += 100_000
        state = step(SNAPSHOT, state, Event("tick", at)).after
        state = step(SNAPSHOT, state, Event("job_vanished", at)).after
    assert tuple(waits) == expected
    assert [record.number for record in state.context.records] == [1, 2, 3]


def test_a_retry_is_due_only_in_a_later_second_than_expected() -> None:
    waiting = after(FAIL_1)
    assert waiting.context.records[-1].expected == T + 300
    with pytest.raises(NotEnabled, match="retry_due is not enabled"):
        step(SNAPSHOT, waiting, Event("retry_due", T + 300))
    not_yet = step(SNAPSHOT, waiting, Event("tick", T + 300))
    assert (not_yet.after, not_yet.effects) == (waiting, (RequeueAt(T + 301),))
    for name in ("tick", "retry_due"):
        due = step(SNAPSHOT, waiting, Event(name, T + 301))
        assert leaf(due.after) == "retrying"
        assert due.after.context.records[-1].real == T + 301


def test_a_failure_is_recorded_with_its_words_and_the_next_look_is_planned() -> None:
    failed = after(START + "job_failed@0")
    assert (failed.context.reason, failed.context.message) == ("BackoffLimitExceeded", JOB)
    taken = step(SNAPSHOT, failed, Event("failure_recorded", T + 5))
    assert taken.after.context.records == (Record(1, T + 5, T + 305, None, JOB, "BackoffLimitExceeded"),)
    assert taken.effects == (RequeueAt(T + 306),)


def test_the_last_failure_is_recorded_too_and_its_retry_never_begins() -> None:
    """As the operator: an exhausted backup at a maximum of 2 has 3 records, 2 of them done (5.5)."""
    context = after(FAIL_3).context
    assert [record.real is None for record in context.records] == [False, False, True]
    assert context.records[2].expected == T + 1100 + 1200
    assert (context.retries, context.attempt) == (2, 2)


def test_a_maximum_lowered_while_waiting_takes_effect() -> None:
    """The operator reads the policy anew on every look (5.1)."""
    waiting = after(FAIL_2)
    lowered = MachineState(waiting.configuration, waiting.context._replace(policy=Policy(max_times=1)))
    assert leaf(step(SNAPSHOT, lowered, Event("tick", T + 401)).after) == "exhausted"


def test_a_timeout_shortened_while_waiting_takes_effect() -> None:
    waiting = after(FAIL_1)
    shortened = MachineState(waiting.configuration, waiting.context._replace(policy=Policy(timeout=10 * SECOND)))
    assert leaf(step(SNAPSHOT, shortened, Event("tick", T + 10)).after) == "backoff_waiting"
    assert leaf(step(SNAPSHOT, shortened, Event("tick", T + 11)).after) == "timed_out"


ASKED: list[tuple[str, str, str, tuple[Any, ...]]] = [
    ("no Job yet", "", "tick@0", (CreateJob(0),)),
    ("a Job at work", START, "br_started@0", ()),
    ("a retry begins, the failed Job is there", FAIL_1, "tick@301", (DeleteJob("job-1"),)),
    ("a retry begins, the failed Job is gone", FAIL_1 + "job_vanished@20", "tick@301", ()),
    ("the failed Job is there still", FAIL_1 + "tick@301", "tick@302", (DeleteJob("job-1"),)),
    ("the failed Job is gone", FAIL_1 + "tick@301 job_vanished@302", "tick@303", (CreateJob(1),)),
    ("the second one too", FAIL_2 + "tick@1001 job_vanished@1002", "tick@1003", (CreateJob(2),)),
    ("exhausted", FAIL_2, "tick@600", (RequeueAt(T + 1001),)),
]


@pytest.mark.parametrize(("text", "last", "effects"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED])
def test_the_shell_is_asked_to_do_exactly_this(text: str, last: str, effects: tuple[Any, ...]) -> None:
    """Where the text says nothing of a new Job, the last event is only about time."""
    name, _, at = last.partition("@")
    taken = try_step(SNAPSHOT, after(text), Event(name, T + int(at), uid="job-1"))
    assert (taken.effects if taken else ()) == effects


def test_the_next_attempt_is_another_job_than_the_failed_one() -> None:
    """A newer Job proves the retry, even where nobody saw the old one go (S3); the old one proves nothing."""
    retrying = after(FAIL_1 + "tick@301")
    assert retrying.context.job == "job-1"
    with pytest.raises(NotEnabled):
        step(SNAPSHOT, retrying, Event("job_created", T + 302, uid="job-1"))
    newer = step(SNAPSHOT, retrying, Event("job_created", T + 302, uid="job-2")).after
    assert leaf(newer) == "scheduled"
    assert (newer.context.attempt, newer.context.job, newer.context.reason) == (1, "job-2", "")


def test_a_job_that_vanished_is_not_remembered_and_its_failure_is_retried() -> None:
    failed = after(START + "job_vanished@0")
    assert failed.context.job == ""
    assert leaf(step(SNAPSHOT, failed, Event("failure_recorded", T)).after) == "backoff_waiting"


def test_deletion_forgets_what_was_wrong() -> None:
    gone = after(START + "aborted@0 deletion_requested@1")
    assert (gone.context.reason, gone.context.message) == ("", "")
