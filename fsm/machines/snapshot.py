"""The snapshot lifecycle: a Backup that runs as one Job at a time, and is retried when that Job dies without a word."""

from __future__ import annotations

from fsm.kernel import Chart, Compound, Samples, compile_chart, edge, state
from fsm.machines import retry
from fsm.machines.deletion import declare_deletion, deleting_states, forget_reason


class Snapshot(Chart):
    """A snapshot backup: one Job at a time, retried with backoff when it dies without reporting a result."""

    context_type = retry.RunContext
    samples = Samples(starts=(retry.LOWERED_WHILE_WAITING,))

    pending = state("Accepted; there is no Job yet, or a sync failed and will be repeated.", initial=True)

    class active(Compound):
        """A Job exists and nothing has gone wrong with it."""

        scheduled = state("The Job was created; its pod has not reported yet.", initial=True)
        preparing = state("The pod runs and prepares: path, credentials, garbage collection settings.")
        running = state("br is at work.")

    failed = state("The Job failed and nobody wrote a result; left when the failure is recorded.")
    backoff_waiting = state("The failure is recorded and a retry planned; waits until expectedRetryAt has passed.")
    retrying = state("The retry began: the failed Job is being removed, the next starts when it is gone.")
    complete = state("The backup is complete.", outcome="good")
    exhausted = state("Failed for good: maxRetryTimes is used up.", outcome="bad")
    timed_out = state("Failed for good: retryTimeout has passed since the first failure.", outcome="bad")
    aborted = state("Failed for good: the backup program reported it, and that is never retried.", outcome="bad")
    invalid = state("The spec was rejected; correcting it does not help, the operator looks no more.", outcome="bad")
    deleting = deleting_states()

    edge(pending, active.scheduled, "The Job was created.", event="job_created", do=retry.first_attempt)
    edge(pending, None, "There is no Job: ask for one.", event="tick", do=retry.create_first_job)
    retry.declare_run(active.scheduled, active.preparing, active.running, failed, aborted)
    edge(active.running, complete, "The program reported Complete.", event="completed")
    edge(
        failed,
        complete,
        "The program's Complete was seen only after its Job's failure.",
        event="completed",
        do=forget_reason,
    )
    retry.declare_retries(failed, backoff_waiting, retrying, active.scheduled, exhausted, timed_out)
    edge(
        (pending, active, failed, backoff_waiting, retrying),
        invalid,
        "A sync found the spec invalid.",
        event="rejected",
        do=retry.note_reason,
    )
    declare_deletion(
        (pending, active, failed, backoff_waiting, retrying, complete, exhausted, timed_out, aborted, invalid), deleting
    )


SNAPSHOT = compile_chart(Snapshot)
