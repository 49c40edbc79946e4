"""The shared fragment: a Job that runs, fails, waits and is retried, and the arithmetic of the retries.

As the operator: operator-semantics 4.2, 5. The functions declare edges in the body of the chart that calls them;
python-statemachine gives the transitions of a mixin empty targets without a word, while this works.
"""

from __future__ import annotations

from typing import Any

from fsm.kernel import Event, Start, Value, action, edge, guard
from fsm.machines.effects import CreateJob, DeleteJob, RequeueAt
from fsm.model import MINUTE, SECOND
from fsm.rules import due, exceeds, expected_retry_at, timeout_passed


class Policy(Value, frozen=True):
    """The retry policy in force, durations in nanoseconds.

    None is a text that is no duration: the operator then fails
    at every look, records no failure (`min_duration`) or never gets to its limits (`timeout`): operator-semantics S8.
    `timeout_text` is how the spec writes it; the operator's messages quote it."""

    min_duration: int | None = 300 * SECOND
    max_times: int = 2
    timeout: int | None = 30 * MINUTE
    timeout_text: str = "30m"


class Record(Value, frozen=True):
    """A failure and its planned retry; `number` is 1-based, times are Unix seconds, `real` is when the retry began."""

    number: int
    detected: int
    expected: int
    real: int | None = None
    reason: str = ""
    original: str = ""


class RunContext(Value, frozen=True):
    """What a lifecycle of Jobs knows beside its configuration.

    `attempt` is the number of the latest Job (0-based), `job` its uid ("" where it is unknown or gone). `reason` and
    `message` say why the present state was entered, in the words of whoever reported it. `sync_error` is the reason of
    a sync that failed and is requeued.
    """

    policy: Policy = Policy()
    attempt: int = 0
    job: str = ""
    records: tuple[Record, ...] = ()
    reason: str = ""
    message: str = ""
    sync_error: str = ""

    @property
    def retries(self) -> int:
        """Retries that really began."""
        return sum(record.real is not None for record in self.records)


LOWERED_WHILE_WAITING = Start(
    "maxRetryTimes was lowered to 0 while a retry waits",
    ("backoff_waiting",),
    RunContext(
        policy=Policy(max_times=0),
        job="job-1",
        records=(Record(1, 1_800_000_000, 1_800_000_300, None, "Job backup has failed", "BackoffLimitExceeded"),),
        reason="BackoffLimitExceeded",
        message="Job backup has failed",
    ),
    at=1_800_000_000,
)
"""No event changes a policy: it is the spec's, and read anew at every look."""

# ------------------------------------------------------------------ guards


@guard
def timed_out(context: RunContext, event: Event) -> bool:
    """More whole seconds than retryTimeout have passed since the first failure, running time included (2.8)."""
    timeout = context.policy.timeout
    if timeout is None:
        return False
    first = context.records[0].detected if context.records else event.at
    return timeout_passed(first, event.at, timeout)


@guard
def exceeded(context: RunContext, event: Event) -> bool:
    """The number of the pending retry is above maxRetryTimes; never asked while retryTimeout is unreadable (5.1)."""
    pending = context.records[-1].number if _pending(context) else len(context.records) + 1
    return context.policy.timeout is not None and exceeds(pending, context.policy.max_times)


@guard
def retry_is_due(context: RunContext, event: Event) -> bool:
    """A later whole second than expectedRetryAt has come (2.8, strict)."""
    return _pending(context) and due(context.records[-1].expected, event.at)


@guard
def job_is_gone(context: RunContext, event: Event) -> bool:
    """The Job of the failed attempt is no longer there."""
    return context.job == ""


@guard
def newer_job(context: RunContext, event: Event) -> bool:
    """It is not the Job of the failed attempt, which may be there still."""
    return context.job == "" or event.uid != context.job


def _pending(context: RunContext) -> bool:
    return bool(context.records) and context.records[-1].real is None


# ------------------------------------------------------------------ actions


@action()
def first_attempt(context: Any, event: Event) -> tuple[Any, tuple[()]]:
    """Remember the Job of the first attempt."""
    return context._replace(job=event.uid, reason="", message="", sync_error=""), ()


@action()
def next_attempt(context: RunContext, event: Event) -> tuple[RunContext, tuple[()]]:
    """Count the attempt up and remember its Job."""
    records = _begun(context, event.at)
    return context._replace(attempt=context.attempt + 1, job=event.uid, records=records, reason="", message=""), ()


@action()
def note_reason(context: Any, event: Event) -> tuple[Any, tuple[()]]:
    """Keep why, in the words of whoever reported it."""
    return context._replace(reason=event.reason, message=event.message, sync_error=""), ()


@action()
def forget_job(context: Any, event: Event) -> tuple[Any, tuple[()]]:
    """The Job is gone."""
    return context._replace(job=""), ()


@action(RequeueAt)
def plan_retry(context: RunContext, event: Event) -> tuple[RunContext, tuple[RequeueAt, ...]]:
    """Record the failure, and when its retry is expected: the minimum, doubled for every retry before (4.2)."""
    record = _record(context, event)
    return context._replace(records=(*context.records, record)), (RequeueAt(record.expected + 1),)


@action()
def record_failure(context: RunContext, event: Event) -> tuple[RunContext, tuple[()]]:
    """Record the failure; no retry will follow (5.5)."""
    return context._replace(records=(*context.records, _record(context, event))), ()


@action(DeleteJob)
def begin_retry(context: RunContext, event: Event) -> tuple[RunContext, tuple[DeleteJob, ...]]:
    """Note that the retry begins now, and remove the failed Job (5.2)."""
    effects = (DeleteJob(context.job),) if context.job else ()
    return context._replace(records=_begun(context, event.at)), effects


@action(RequeueAt)
def wait_for_retry(context: RunContext, event: Event) -> tuple[RunContext, tuple[RequeueAt, ...]]:
    """Come back in the first whole second after expectedRetryAt."""
    return context, (RequeueAt(context.records[-1].expected + 1),)


@action(DeleteJob)
def remove_job(context: RunContext, event: Event) -> tuple[RunContext, tuple[DeleteJob, ...]]:
    """Ask again for the failed Job's removal; asking twice changes nothing."""
    return context, (DeleteJob(context.job),)


@action(CreateJob)
def create_first_job(context: RunContext, event: Event) -> tuple[RunContext, tuple[CreateJob, ...]]:
    """Ask for the first attempt's Job."""
    return context, (CreateJob(0),)


@action(CreateJob)
def create_next_job(context: RunContext, event: Event) -> tuple[RunContext, tuple[CreateJob, ...]]:
    """Ask for the next attempt's Job; its number is the retry's."""
    return context, (CreateJob(context.attempt + 1),)


def _record(context: RunContext, event: Event) -> Record:
    number = len(context.records) + 1
    expected = expected_retry_at(event.at, context.policy.min_duration or 0, number)
    return Record(number, event.at, expected, None, event.message or context.message, event.reason or context.reason)


def _begun(context: RunContext, at: int) -> tuple[Record, ...]:
    if not _pending(context):
        return context.records
    return (*context.records[:-1], context.records[-1]._replace(real=at))


# ------------------------------------------------------------------ edges


def declare_run(scheduled: Any, preparing: Any, running: Any, failed: Any, aborted: Any) -> None:
    """A Job at work: what its pod and its program report, and how it ends without a result."""
    working = (scheduled, preparing, running)
    edge(scheduled, preparing, "The pod started; the program prepares.", event="pod_preparing")
    edge(preparing, running, "The program is about to run br.", event="br_started")
    edge(running, preparing, "The Job replaced its pod; the program starts over.", event="pod_preparing")
    edge(
        working, failed, "The Job failed and the program had not reported a result.", event="job_failed", do=note_reason
    )
    edge(
        working,
        failed,
        "The Job vanished before it had finished: somebody deleted it.",
        event="job_vanished",
        do=(note_reason, forget_job),
    )
    edge(failed, None, "The failed Job was removed.", event="job_vanished", do=forget_job)
    edge((*working, failed), aborted, "The program itself reported Failed.", event="aborted", do=note_reason)


def declare_retries(
    failed: Any, backoff_waiting: Any, retrying: Any, scheduled: Any, exhausted: Any, timed_out_: Any
) -> None:
    """After a failure: record it, wait, remove the failed Job, begin anew; or give up at a limit."""
    recorded = "failure_recorded"
    edge(
        failed,
        timed_out_,
        "Recorded, but too late: retryTimeout has passed.",
        event=recorded,
        when=timed_out,
        do=record_failure,
    )
    edge(failed, exhausted, "Recorded, but maxRetryTimes is used up.", event=recorded, when=exceeded, do=record_failure)
    edge(failed, backoff_waiting, "Recorded; the retry is planned.", event=recorded, do=plan_retry)
    edge(backoff_waiting, timed_out_, "retryTimeout passed while waiting.", event="tick", when=timed_out)
    edge(backoff_waiting, exhausted, "maxRetryTimes was lowered while waiting.", event="tick", when=exceeded)
    edge(backoff_waiting, retrying, "The waiting time is over.", event="tick", when=retry_is_due, do=begin_retry)
    edge(backoff_waiting, None, "Not yet.", event="tick", do=wait_for_retry)
    edge(backoff_waiting, None, "The failed Job is gone already.", event="job_vanished", do=forget_job)
    edge(
        backoff_waiting,
        retrying,
        "The retry began: RetryFailed was written.",
        event="retry_due",
        when=retry_is_due,
        do=begin_retry,
    )
    edge(retrying, None, "The failed Job is gone; the next attempt can start.", event="job_vanished", do=forget_job)
    edge(
        retrying,
        None,
        "The failed Job is gone: ask for the next attempt's.",
        event="tick",
        when=job_is_gone,
        do=create_next_job,
    )
    edge(retrying, None, "The failed Job is there still: ask for its removal.", event="tick", do=remove_job)
    edge(
        retrying, scheduled, "The next attempt's Job was created.", event="job_created", when=newer_job, do=next_attempt
    )
