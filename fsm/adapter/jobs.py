"""Turns Kubernetes Jobs and their pods into events of the Job machine. Pure; the six rules stand beside the code.

1 conditions count only with status "True", never by position · 2 a deletionTimestamp comes first · 3 a Job is its uid ·
4 level-triggered: the same object twice says nothing new · 5 the cause is the pod's and may come later or never ·
6 FailureTarget without Failed, and waits for an image, are states with a deadline, raised by the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fsm.adapter.observation import SeenJob, owned_by, time_of
from fsm.kernel import Event, MachineState, try_step
from fsm.machines import JOB
from fsm.model import ContainerStatus, Job, JobCondition, Pod

IMAGE_WAITS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
CONFIG_WAITS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
DECISIVE = (("Failed", "job_failed"), ("Complete", "job_succeeded"), ("FailureTarget", "job_failing"))


class Wait(NamedTuple):
    """A pod that does not get to work. `deadline` names the row of the table of deadlines, `since` is Unix seconds."""

    reason: str
    message: str
    image: str
    deadline: str
    since: int


def events_from(
    job: Job, *, deleted_at: int | None = None, pods: Iterable[Pod] = (), now: int = 0
) -> tuple[Event, ...]:
    """What this state of a Job tells, in the order in which it can happen. `now` stands in where no time is given."""
    return tuple(_events(job, deleted_at, tuple(pods), now))


def _events(job: Job, deleted_at: int | None, pods: tuple[Pod, ...], now: int) -> Iterator[Event]:
    uid, status = job.metadata.uid, job.status
    started = time_of(status.start_time)
    if started is not None:
        yield Event("job_started", started, uid=uid)
    terminating = time_of(job.metadata.deletion_timestamp)
    decisive = None if terminating is not None else decisive_condition(job)
    if decisive is not None:
        condition, name = decisive
        at = time_of(condition.last_transition_time)
        yield Event(name, now if at is None else at, uid=uid, reason=condition.reason, message=condition.message)
    elif status.holds("Suspended") and terminating is None:
        suspended = status.condition("Suspended")
        yield Event("job_suspended", time_of(suspended.last_transition_time if suspended else None) or now, uid=uid)
    if terminating is not None:
        yield Event("deletion_requested", terminating, uid=uid)
    cause = cause_of(job, pods)
    if cause:
        yield Event("pod_failed", now, uid=uid, reason=cause)
    if deleted_at is not None:
        yield Event("deleted", deleted_at, uid=uid)


def decisive_condition(job: Job) -> tuple[JobCondition, str] | None:
    """The condition that decides where a Job stands, and its event: Failed before Complete before FailureTarget."""
    for type_, event in DECISIVE:
        if job.status.holds(type_):
            found = job.status.condition(type_)
            assert found is not None
            return found, event
    return None


def job_state_of(seen: SeenJob, pods: Iterable[Pod] = ()) -> MachineState:
    """Where the Job machine stands."""
    state = JOB.start()
    for event in events_from(seen.job, deleted_at=seen.deleted_at, pods=pods):
        step = try_step(JOB, state, event)
        state = step.after if step else state
    return state


def job_leaf_of(seen: SeenJob, pods: Iterable[Pod] = ()) -> str:
    """The id of the state the Job machine is in."""
    return JOB.leaves(job_state_of(seen, pods).configuration)[0]


def cause_of(job: Job, pods: Iterable[Pod]) -> str | None:
    """Why the pod of a Job failed (OOMKilled, Evicted, NodeLost, Error, …), where it is known."""
    for pod in pods:
        if not owned_by(pod, job.metadata.uid):
            continue
        if found := _killed_container(pod) or _disruption(pod) or _failed_container(pod):
            return found
    return None


def _disruption(pod: Pod) -> str | None:
    condition = pod.status.condition("DisruptionTarget")
    disrupted = condition is not None and condition.status == "True"
    return pod.status.reason or (condition.reason if condition is not None and disrupted else None) or None


def _killed_container(pod: Pod) -> str | None:
    ended = (each.state.terminated for each in _containers(pod))
    return next((end.reason for end in ended if end is not None and end.reason == "OOMKilled"), None)


def _failed_container(pod: Pod) -> str | None:
    ended = (each.state.terminated for each in _containers(pod))
    return next((end.reason or f"exit code {end.exit_code}" for end in ended if end and end.exit_code != 0), None)


def _containers(pod: Pod) -> Iterator[ContainerStatus]:
    yield from pod.status.init_container_statuses
    yield from pod.status.container_statuses


def wait_of(job: Job, pods: Iterable[Pod]) -> Wait | None:
    """The wait that keeps the pod of a Job from working, if there is one."""
    for pod in pods:
        if owned_by(pod, job.metadata.uid) and pod.status.phase in ("", "Pending"):
            created = time_of(pod.metadata.creation_timestamp) or 0
            started = time_of(pod.status.start_time)
            return _container_wait(pod, created if started is None else started) or _unscheduled(pod, created)
    return None


def _container_wait(pod: Pod, since: int) -> Wait | None:
    for container in _containers(pod):
        waiting = container.state.waiting
        if waiting is not None and waiting.reason in IMAGE_WAITS:
            return Wait(waiting.reason, waiting.message, container.image, "image-pull", since)
        if waiting is not None and waiting.reason in CONFIG_WAITS:
            return Wait(waiting.reason, waiting.message, container.image, "pod-pending", since)
    return None


def _unscheduled(pod: Pod, since: int) -> Wait | None:
    scheduled = pod.status.condition("PodScheduled")
    if scheduled is not None and scheduled.status == "False":
        return Wait(scheduled.reason or "Unschedulable", scheduled.message, "", "pod-pending", since)
    return Wait("Pending", "", "", "pod-pending", since) if pod.status.start_time is None else None
