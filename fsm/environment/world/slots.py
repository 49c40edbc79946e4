"""The Jobs of one Backup as the checked world holds them: each has a name of its own, and so a slot. Values."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fsm.adapter.snapshot import ATTEMPT_ANNOTATION
from fsm.environment.world.held import NAME, NAMESPACE, NOW, TICK, UID
from fsm.kernel import Value
from fsm.model import Job, LogCommand, Mode, text_of
from fsm.reference import Arguments, arguments_of_pod
from fsm.rules import clean_job_name, log_job_name, stop_job_name

BACKUP, STOP, CLEAN = "backup", "stop", "clean"
"""The Job of a snapshot, and the two of a deletion."""

NAMES = {
    BACKUP: f"backup-{NAME}",
    **{command.value: log_job_name(NAME, command.value) for command in LogCommand},
    STOP: stop_job_name(NAME),
    CLEAN: clean_job_name(NAME),
}
"""Slot to name."""
SLOTS = {name: slot for slot, name in NAMES.items()}

OF_MODE: dict[str, tuple[str, ...]] = {
    Mode.SNAPSHOT.value: (BACKUP, CLEAN),
    Mode.LOG.value: (*(command.value for command in LogCommand), STOP, CLEAN),
}

CREATED, UNSCHEDULABLE, ACTIVE, FAILED, COMPLETE = "created", "unschedulable", "active", "failed", "complete"


class HeldJob(Value, frozen=True):
    """A Job. `stage` is one of the five above; `arguments` are its container's; `attempt` is ours to number."""

    stage: str
    arguments: tuple[str, ...] = ()
    deleting: bool = False
    attempt: int = -1

    @property
    def finished(self) -> bool:
        return self.stage in {FAILED, COMPLETE}

    @property
    def told(self) -> str:
        """In words."""
        attempt = f" (attempt {self.attempt})" if self.attempt >= 0 else ""
        return f"{self.stage}{', being deleted' if self.deleting else ''}{attempt}"


class Lagging(Value, frozen=True):
    """What the informer holds of a Job where it lags behind."""

    job: HeldJob | None


def held_job(job: Job) -> tuple[str, HeldJob]:
    """The slot of a Job that is to be created, and what is held of it."""
    data = job.to_json()
    arguments = data["spec"]["template"]["spec"]["containers"][0]["args"]
    noted = data["metadata"].get("annotations", {}).get(ATTEMPT_ANNOTATION, "-1")
    return SLOTS[data["metadata"]["name"]], HeldJob(CREATED, tuple(arguments), attempt=int(noted))


def arguments_of(job: HeldJob) -> Arguments:
    """How its pod's program is called."""
    return arguments_of_pod(job.arguments)


@lru_cache(maxsize=4096)
def job_of(slot: str, held: HeldJob | None) -> Job | None:
    """The Job that stands for what is held."""
    if held is None:
        return None
    owner = {"apiVersion": "pingcap.com/v1alpha1", "kind": "Backup", "name": NAME, "uid": UID, "controller": True}
    metadata: dict[str, Any] = {
        "namespace": NAMESPACE,
        "name": NAMES[slot],
        "uid": f"{slot}-{held.attempt}",
        "creationTimestamp": text_of(NOW - (2 if held.stage == UNSCHEDULABLE else 1) * TICK),
        "ownerReferences": [owner],
    }
    if held.attempt >= 0:
        metadata["annotations"] = {ATTEMPT_ANNOTATION: str(held.attempt)}
    if held.deleting:
        metadata |= {"deletionTimestamp": text_of(NOW - TICK), "finalizers": ["foregroundDeletion"]}
    status: dict[str, Any] = {}
    if held.stage not in {CREATED}:
        status["startTime"] = text_of(NOW - TICK)
    if held.finished:
        status["conditions"] = [_condition(held.stage)]
    elif held.stage in {ACTIVE, UNSCHEDULABLE}:
        status["active"] = 1
    container = {"name": "backup", "args": list(held.arguments)}
    spec = {"template": {"spec": {"containers": [container]}}}
    return Job.from_json(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec, "status": status}
    )


def _condition(stage: str) -> dict[str, str]:
    condition = {"type": "Complete", "status": "True", "lastTransitionTime": text_of(NOW - TICK)}
    if stage == FAILED:
        message = "Job has reached the specified backoff limit"
        return {**condition, "type": "Failed", "reason": "BackoffLimitExceeded", "message": message}
    return condition
