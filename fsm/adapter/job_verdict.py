"""The verdict on a Job by itself: exactly one, with the reason in words. Pure; the clock comes in."""

from __future__ import annotations

from collections.abc import Mapping

from fsm.adapter.jobs import cause_of, decisive_condition, job_leaf_of, wait_of
from fsm.adapter.judgement import DEADLINES, Judgement, Verdict, by_deadline
from fsm.adapter.observation import SeenJob, time_of
from fsm.model import Pod


def job_verdict_of(seen: SeenJob, pods: tuple[Pod, ...], now: int, deadlines: Mapping[str, int] = DEADLINES) -> Verdict:
    """The verdict on one Job by itself, whatever its Backup makes of it."""
    leaf = job_leaf_of(seen, pods)
    name = seen.job.metadata.name
    if leaf == "gone":
        return Verdict(Judgement.DONE, f"Job {name} is gone")
    if leaf == "succeeded":
        return Verdict(Judgement.DONE, f"Job {name} is complete", evidence=("status.conditions[Complete]",))
    if leaf == "failed":
        return Verdict(Judgement.FAILED, failed_because(seen, pods), evidence=("status.conditions[Failed]",))
    if leaf == "terminating":
        return terminating(seen, now, deadlines)
    if leaf == "failing":
        return _failing(seen, now, deadlines)
    if leaf == "suspended":
        return Verdict(
            Judgement.WAITING,
            f"Job {name} is suspended; it goes on when spec.suspend is false",
            escape="set spec.suspend to false",
            evidence=("spec.suspend", "status.conditions[Suspended]"),
        )
    return _pod_wait(seen, pods, now, deadlines) or Verdict(Judgement.PROGRESSING, f"Job {name} is {leaf}")


def failed_because(seen: SeenJob, pods: tuple[Pod, ...]) -> str:
    """A sentence: which Job failed, with its reason and the cause that its pod tells."""
    condition = seen.job.status.condition("Failed")
    cause = cause_of(seen.job, pods)
    reason = condition.reason if condition is not None else ""
    return f"Job {seen.job.metadata.name} failed: {reason or 'no reason given'}" + (
        f", because its pod: {cause}" if cause else ""
    )


def terminating(seen: SeenJob, now: int, deadlines: Mapping[str, int]) -> Verdict:
    """The verdict on a Job that has a deletionTimestamp and is there still."""
    since = time_of(seen.job.metadata.deletion_timestamp) or 0
    return by_deadline(
        f"Job {seen.job.metadata.name} is being deleted and waits for its pods",
        since + deadlines["terminating"],
        now,
        "find out why its pod does not go (a lost node, a finalizer); once its node is surely off, delete it by force",
        ("metadata.deletionTimestamp",),
    )


def _failing(seen: SeenJob, now: int, deadlines: Mapping[str, int]) -> Verdict:
    found = decisive_condition(seen.job)
    since = time_of(found[0].last_transition_time) if found is not None else None
    return by_deadline(
        f"Job {seen.job.metadata.name} will fail (FailureTarget) once its pods have ended",
        (since or 0) + deadlines["failure-target"],
        now,
        "find out why its pod does not end (a lost node); delete the pod by force once its node is surely off",
        ("status.conditions[FailureTarget]",),
    )


def _pod_wait(seen: SeenJob, pods: tuple[Pod, ...], now: int, deadlines: Mapping[str, int]) -> Verdict | None:
    wait = wait_of(seen.job, pods)
    if wait is None:
        return None
    name = seen.job.metadata.name
    if wait.deadline == "image-pull":
        image = wait.image or _quoted(wait.message) or "of its pod"
        because = f"the pod of Job {name} cannot pull the image {image}: {wait.reason}"
        escape = f"make the image {image} available, or correct it in the spec and delete the Job {name}"
    else:
        because = f"the pod of Job {name} does not start: {wait.reason}" + (f", {wait.message}" if wait.message else "")
        escape = "make room for the pod or mend what it waits for; `kubectl describe pod` tells"
    until = wait.since + deadlines[wait.deadline]
    return by_deadline(because, until, now, escape, ("Pod status.containerStatuses", "Pod status.startTime"))


def _quoted(message: str) -> str:
    parts = message.split('"')
    return parts[1] if len(parts) > 2 else ""
