"""The fragment of the log machine that retries a subcommand: it waits, looks at the task, and only then begins anew.

The operator has none of it; see `LogBackupRetryPolicy`. Without a policy nothing here is enabled. The arithmetic of
limits and due times is that of the snapshot's retries, with delays that are capped and spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fsm.kernel import Event, Value, action, edge, guard
from fsm.machines import retry
from fsm.machines.effects import DeleteJob, RequeueAt
from fsm.machines.retry import Record
from fsm.model import MINUTE, SECOND, RetryLimits
from fsm.rules import exceeds

LOOK_AGAIN = 10
"""Seconds after which a task that could not be seen is looked at again."""

WAITING = ("backoff_waiting", "verifying", "retrying", "held", "exhausted", "timed_out")
"""Lane states of a failure that is on record; the wish for another command supersedes them all."""

BY_ITSELF = tuple(each for each in WAITING if each != "retrying")
"""Those in which a new Job is not the retry's: the operator made it by itself."""


class LogPolicy(Value, frozen=True):
    """The policy for the current command; `limits` is None where it is not retried.

    `seed` makes the delays of this Backup's episode different from all others'. `hopeless` are reasons after which no
    retry helps.
    """

    limits: RetryLimits | None = None
    seed: str = ""
    hopeless: tuple[str, ...] = ()

    @property
    def max_times(self) -> int:
        """Retries an episode."""
        return 0 if self.limits is None else self.limits.max_times

    @property
    def timeout(self) -> int | None:
        """Nanoseconds from the first failure of the episode on."""
        return None if self.limits is None else self.limits.timeout

    def expected(self, at: int, number: int) -> int:
        """The Unix second, rounded up, in which the retry of a failure at `at` is expected."""
        assert self.limits is not None
        return at - (-self.limits.delay(number, f"{self.seed}/{number}") // SECOND)


def retries_begun(records: Sequence[Record]) -> int:
    """How many retries of an episode really began. Those of its middle that are not kept any more are taken to have."""
    last = max((record.number for record in records if record.real is not None), default=0)
    return last - sum(record.real is None and record.number < last for record in records)


# ------------------------------------------------------------------ guards


@guard
def is_retried(context: Any, event: Event) -> bool:
    """The policy retries the current command."""
    return context.policy.limits is not None and context.policy.max_times > 0


@guard
def exceeded(context: Any, event: Event) -> bool:
    """The number of the pending retry, or of the next one, is above maxRetryTimes."""
    pending = bool(context.records) and context.records[-1].real is None
    return exceeds(context.records[-1].number if pending else _next_number(context), context.policy.max_times)


@guard
def is_hopeless(context: Any, event: Event) -> bool:
    """The reason of the failure is one of nonRetryableReasons."""
    return (event.reason or context.reason) in context.policy.hopeless


@guard
def has_begun(context: Any, event: Event) -> bool:
    """The retry of the newest record has begun."""
    return bool(context.records) and context.records[-1].real is not None


# ------------------------------------------------------------------ actions


@action(RequeueAt)
def plan_log_retry(context: Any, event: Event) -> tuple[Any, tuple[RequeueAt, ...]]:
    """Record the failure, and when its retry is expected."""
    record = _record(context, event)
    return _recorded(context, record), (RequeueAt(record.expected + 1),)


@action()
def record_log_failure(context: Any, event: Event) -> tuple[Any, tuple[()]]:
    """Record the failure; no retry follows now."""
    return _recorded(context, _record(context, event)), ()


@action(DeleteJob)
def end_attempt(context: Any, event: Event) -> tuple[Any, tuple[DeleteJob, ...]]:
    """Remove the Job that is not finished: the operator would wait for it for ever."""
    return context, ((DeleteJob(context.job),) if context.job else ())


@action()
def hand_over(context: Any, event: Event) -> tuple[Any, tuple[()]]:
    """Note that the retry begins now: the operator removes the finished Job and makes the next one."""
    records = (*context.records[:-1], context.records[-1]._replace(real=event.at))
    return context._replace(records=records, reason="", message=""), ()


@action(RequeueAt)
def look_again(context: Any, event: Event) -> tuple[Any, tuple[RequeueAt, ...]]:
    """Come back soon: what could not be seen proves nothing."""
    return context, (RequeueAt(event.at + LOOK_AGAIN),)


def _record(context: Any, event: Event) -> Record:
    number = _next_number(context)
    expected = context.policy.expected(event.at, number)
    return Record(number, event.at, expected, None, event.message or context.message, event.reason or context.reason)


def _next_number(context: Any) -> int:
    """An episode that is long has lost records of its middle."""
    return context.records[-1].number + 1 if context.records else 1


def _recorded(context: Any, record: Record) -> Any:
    return context._replace(records=(*context.records, record), reason=record.original, message=record.reason)


# ------------------------------------------------------------------ edges


def declare_log_retries(lane: Any) -> None:
    """After a failure: record it, wait, look at the task, hand over to the operator; or give up at a limit, or hold."""
    _declare_records(lane)
    _declare_waiting(lane)
    _declare_looking(lane)
    edge(
        lane.retrying,
        None,
        "The failed Job is gone; the operator makes the next one.",
        event="job_vanished",
        do=retry.forget_job,
    )
    edge(lane.retrying, None, "The operator has the retry; say so again where a late word hides it.", event="tick")
    edge(
        lane.retrying,
        lane.scheduled,
        "The next attempt's Job was created.",
        event="job_created",
        when=retry.newer_job,
        do=retry.next_attempt,
    )


def _declare_records(lane: Any) -> None:
    recorded, overdue = "failure_recorded", "attempt_overdue"
    edge(
        (lane.failed, lane.aborted),
        lane.held,
        "Recorded, but for this reason it is not retried.",
        event=recorded,
        when=(is_retried, is_hopeless),
        do=record_log_failure,
    )
    for sources, event in (((lane.failed, lane.aborted), recorded), (_working(lane), overdue)):
        late = "The attempt takes too long" if event == overdue else "Recorded"
        edge(
            sources,
            lane.timed_out,
            f"{late}, and retryTimeout has passed.",
            event=event,
            when=(is_retried, retry.timed_out),
            do=record_log_failure,
        )
        edge(
            sources,
            lane.exhausted,
            f"{late}, and maxRetryTimes is used up.",
            event=event,
            when=(is_retried, exceeded),
            do=record_log_failure,
        )
    edge(
        (lane.failed, lane.aborted),
        lane.backoff_waiting,
        "Recorded; the retry is planned.",
        event=recorded,
        when=is_retried,
        do=plan_log_retry,
    )
    edge(
        _working(lane),
        lane.held,
        "The attempt takes too long: it counts as failed, and its Job has to go first.",
        event=overdue,
        when=is_retried,
        do=(record_log_failure, end_attempt),
    )


def _working(lane: Any) -> tuple[Any, ...]:
    return lane.scheduled, lane.preparing, lane.running


def _declare_waiting(lane: Any) -> None:
    waiting = lane.backoff_waiting
    for state in (waiting, lane.verifying, lane.held):
        edge(state, lane.timed_out, "retryTimeout passed meanwhile.", event="tick", when=retry.timed_out)
        edge(state, lane.exhausted, "maxRetryTimes was lowered meanwhile.", event="tick", when=exceeded)
    edge(waiting, lane.verifying, "The waiting time is over: look at the task.", event="tick", when=retry.retry_is_due)
    edge(waiting, None, "Not yet.", event="tick", do=retry.wait_for_retry)
    edge(lane.held, None, "It is held still.", event="tick", do=look_again)
    edge(
        (waiting, lane.verifying, lane.exhausted, lane.timed_out),
        None,
        "The failed Job is gone already.",
        event="job_vanished",
        do=retry.forget_job,
    )
    edge(
        lane.held,
        lane.retrying,
        "The failed Job that would not go is gone.",
        event="job_vanished",
        when=has_begun,
        do=retry.forget_job,
    )
    edge(lane.held, waiting, "The Job that had to go is gone.", event="job_vanished", do=retry.forget_job)
    edge(
        (lane.held, lane.exhausted, lane.timed_out),
        waiting,
        "What held it is no longer so: another policy, another task, no other Job.",
        event="released",
    )


def _declare_looking(lane: Any) -> None:
    edge(
        lane.verifying,
        lane.retrying,
        "The wish does not hold, and nothing stands against it: the operator is told to run the command again.",
        event="verified",
        do=hand_over,
    )
    edge(lane.verifying, None, "The task could not be seen.", event="tick", do=look_again)
    edge(
        (lane.backoff_waiting, lane.verifying, lane.retrying),
        lane.held,
        "It must not begin, or cannot: the event says why.",
        event="blocked",
        do=retry.note_reason,
    )
    edge(lane.held, None, "Something else holds it.", event="blocked", do=retry.note_reason)


ONCE = LogPolicy(
    RetryLimits(1, 60 * SECOND, 60 * SECOND, 0, 30 * MINUTE, 10 * MINUTE, 30 * MINUTE), "uid/log-start/1", ("Hopeless",)
)
"""One retry, a minute after the failure: no event gives a machine its policy, so tools begin with this one."""
