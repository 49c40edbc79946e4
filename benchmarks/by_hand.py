"""The snapshot lifecycle written by hand, as fast as it gets in plain Python: what `next_of` is measured against.

It calls the chart's own guards and actions and returns the same bare values. A test sends it the same random events as
the compiled machine: it says the same, in fewer words that nothing can be drawn, checked or explained from.
"""

from __future__ import annotations

from typing import Any

from fsm.kernel import Event
from fsm.machines import deletion, retry

Answer = tuple[tuple[tuple[str, ...], Any], tuple[Any, ...]] | None

PENDING = ("pending",)
SCHEDULED = ("active", "scheduled")
PREPARING = ("active", "preparing")
RUNNING = ("active", "running")
FAILED = ("failed",)
BACKOFF_WAITING = ("backoff_waiting",)
RETRYING = ("retrying",)
COMPLETE = ("complete",)
EXHAUSTED = ("exhausted",)
TIMED_OUT = ("timed_out",)
ABORTED = ("aborted",)
INVALID = ("invalid",)
STOPPING = ("deleting", "stopping")
CLEANING = ("deleting", "cleaning")
CLEAN_FAILED = ("deleting", "clean_failed")
GONE = ("deleting", "gone")

timed_out = retry.timed_out.function
exceeded = retry.exceeded.function
retry_is_due = retry.retry_is_due.function
job_is_gone = retry.job_is_gone.function
newer_job = retry.newer_job.function
first_attempt = retry.first_attempt.function
next_attempt = retry.next_attempt.function
note_reason = retry.note_reason.function
forget_job = retry.forget_job.function
plan_retry = retry.plan_retry.function
record_failure = retry.record_failure.function
begin_retry = retry.begin_retry.function
wait_for_retry = retry.wait_for_retry.function
remove_job = retry.remove_job.function
create_first_job = retry.create_first_job.function
create_next_job = retry.create_next_job.function
forget_reason = deletion.forget_reason.function


def next_by_hand(state: tuple[tuple[str, ...], Any], event: Event) -> Answer:  # noqa: PLR0912
    """The next (configuration, context) and the effects, or None where the event is not enabled."""
    configuration = state[0]
    context = state[1]
    name = event.name
    leaf = configuration[-1]
    if leaf == "scheduled":
        if name == "pod_preparing":
            return (PREPARING, context), ()
        return _ended(context, event, name)
    if leaf == "preparing":
        if name == "br_started":
            return (RUNNING, context), ()
        return _ended(context, event, name)
    if leaf == "running":
        if name == "completed":
            return (COMPLETE, context), ()
        if name == "pod_preparing":
            return (PREPARING, context), ()
        return _ended(context, event, name)
    if leaf == "failed":
        if name == "failure_recorded":
            return _recorded(context, event)
        if name == "job_vanished":
            context, effects = forget_job(context, event)
            return (FAILED, context), effects
        if name == "aborted":
            context, effects = note_reason(context, event)
            return (ABORTED, context), effects
        if name == "completed":
            context, effects = forget_reason(context, event)
            return (COMPLETE, context), effects
        return _rejected_or_deleted(context, event, name)
    if leaf == "backoff_waiting":
        if name == "retry_due":
            if retry_is_due(context, event):
                context, effects = begin_retry(context, event)
                return (RETRYING, context), effects
            return None
        if name == "tick":
            return _waited(context, event)
        if name == "job_vanished":
            context, effects = forget_job(context, event)
            return (BACKOFF_WAITING, context), effects
        return _rejected_or_deleted(context, event, name)
    if leaf == "retrying":
        if name == "job_vanished":
            context, effects = forget_job(context, event)
            return (RETRYING, context), effects
        if name == "job_created":
            if newer_job(context, event):
                context, effects = next_attempt(context, event)
                return (SCHEDULED, context), effects
            return None
        if name == "tick":
            if job_is_gone(context, event):
                context, effects = create_next_job(context, event)
            else:
                context, effects = remove_job(context, event)
            return (RETRYING, context), effects
        return _rejected_or_deleted(context, event, name)
    if leaf == "pending":
        if name == "job_created":
            context, effects = first_attempt(context, event)
            return (SCHEDULED, context), effects
        if name == "tick":
            context, effects = create_first_job(context, event)
            return (PENDING, context), effects
        return _rejected_or_deleted(context, event, name)
    if configuration[0] == "deleting":
        return _cleaned(leaf, context, name)
    return _deleted(context, event, name)


def _recorded(context: Any, event: Event) -> Answer:
    if timed_out(context, event):
        context, effects = record_failure(context, event)
        return (TIMED_OUT, context), effects
    if exceeded(context, event):
        context, effects = record_failure(context, event)
        return (EXHAUSTED, context), effects
    context, effects = plan_retry(context, event)
    return (BACKOFF_WAITING, context), effects


def _waited(context: Any, event: Event) -> Answer:
    if timed_out(context, event):
        return (TIMED_OUT, context), ()
    if exceeded(context, event):
        return (EXHAUSTED, context), ()
    if retry_is_due(context, event):
        context, effects = begin_retry(context, event)
        return (RETRYING, context), effects
    context, effects = wait_for_retry(context, event)
    return (BACKOFF_WAITING, context), effects


def _ended(context: Any, event: Event, name: str) -> Answer:
    if name == "job_failed":
        context, effects = note_reason(context, event)
        return (FAILED, context), effects
    if name == "job_vanished":
        context, first = note_reason(context, event)
        context, second = forget_job(context, event)
        return (FAILED, context), first + second
    if name == "aborted":
        context, effects = note_reason(context, event)
        return (ABORTED, context), effects
    return _rejected_or_deleted(context, event, name)


def _rejected_or_deleted(context: Any, event: Event, name: str) -> Answer:
    if name == "rejected":
        context, effects = note_reason(context, event)
        return (INVALID, context), effects
    return _deleted(context, event, name)


def _deleted(context: Any, event: Event, name: str) -> Answer:
    if name == "deletion_requested":
        context, effects = forget_reason(context, event)
        return (STOPPING, context), effects
    if name == "deleted":
        context, effects = forget_reason(context, event)
        return (GONE, context), effects
    return None


def _cleaned(leaf: str, context: Any, name: str) -> Answer:
    if leaf == "gone":
        return None
    if name == "deleted":
        return (GONE, context), ()
    if name == "clean_started" and leaf != "cleaning":
        return (CLEANING, context), ()
    if name == "clean_refused" and leaf != "clean_failed":
        return (CLEAN_FAILED, context), ()
    return None
