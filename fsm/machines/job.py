"""A Kubernetes Job as its controller shows it, whatever it runs.

From 1.31 a Job says FailureTarget first and Failed only when every pod is terminal, hours later on a lost node; older
clusters say only Failed. Deleting wins over everything: a Job on its way out tells nothing about its work.
"""

from __future__ import annotations

from fsm.kernel import Chart, Event, Value, action, compile_chart, edge, state


class JobContext(Value, frozen=True):
    """`reason` is the Job's own (BackoffLimitExceeded, …), `cause` its pod's (OOMKilled, Evicted, …) once known."""

    reason: str = ""
    cause: str = ""


@action()
def note_reason(context: JobContext, event: Event) -> tuple[JobContext, tuple[()]]:
    """Keep the Job's reason."""
    return context._replace(reason=event.reason), ()


@action()
def note_cause(context: JobContext, event: Event) -> tuple[JobContext, tuple[()]]:
    """Keep what the pod says about why."""
    return context._replace(cause=event.reason), ()


class Job(Chart):
    """A Kubernetes Job with one pod and no retries of its own, from creation until it is gone."""

    context_type = JobContext

    created = state("The object exists; its controller has not started it.", initial=True)
    active = state("A pod is wanted or at work.")
    suspended = state("spec.suspend holds it back; its pods are removed.")
    failing = state("It will fail (FailureTarget); its pods are still on their way out.")
    failed = state("It failed for good.", outcome="bad")
    succeeded = state("It is complete.", outcome="good")
    terminating = state("It has a deletionTimestamp and waits for its pods.")
    gone = state("It is gone.", outcome="good")

    job_started = edge((created, suspended), active, "The controller started it.")
    job_suspended = edge((created, active), suspended, "It was suspended.")
    job_failing = edge((created, active, suspended), failing, "FailureTarget is True.", do=note_reason)
    job_failed = edge((created, active, suspended, failing), failed, "Failed is True.", do=note_reason)
    job_succeeded = edge((created, active, suspended), succeeded, "Complete is True.")
    pod_failed = edge((active, failing, failed, terminating), None, "The pod tells the cause.", do=note_cause)
    deletion_requested = edge(
        (created, active, suspended, failing, failed, succeeded), terminating, "A deletionTimestamp was set."
    )
    deleted = edge((created, active, suspended, failing, failed, succeeded, terminating), gone, "The object is gone.")


JOB = compile_chart(Job)
