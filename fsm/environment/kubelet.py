"""The objects of the pods that a simulated cluster runs: why a Job failed is written in them, or nowhere. Pure."""

from __future__ import annotations

from fsm.adapter.patches import CONTAINER
from fsm.model import Job, Pod, text_of

KILLED = 137
"""The exit code of a container that got a SIGKILL."""


def pod_of(job: Job, name: str, uid: str, now: int) -> Pod:
    """The pod of a Job whose program has just begun; times in Unix seconds."""
    at = text_of(now)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job.metadata.name, "uid": job.metadata.uid}
    return Pod.from_json(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": job.metadata.namespace,
                "uid": uid,
                "creationTimestamp": at,
                "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
            },
            "status": {
                "phase": "Running",
                "startTime": at,
                "containerStatuses": [{"name": CONTAINER, "state": {"running": {"startedAt": at}}}],
            },
        }
    )


def ended(pod: Pod, exit_code: int, reason: str, now: int) -> Pod:
    """The pod after its program has ended; `reason` is the container's: Completed, Error, OOMKilled."""
    began = pod.to_json()["status"].get("startTime")
    end = {"exitCode": exit_code, "reason": reason, "startedAt": began, "finishedAt": text_of(now)}
    return _with_status(
        pod,
        phase="Failed" if exit_code else "Succeeded",
        containerStatuses=[{"name": CONTAINER, "state": {"terminated": end}}],
    )


def disrupted(pod: Pod, reason: str, now: int) -> Pod:
    """The pod after the cluster has taken it away: Evicted, NodeLost. What became of its container is not told."""
    condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "lastTransitionTime": text_of(now)}
    return _with_status(pod, phase="Failed", reason=reason, conditions=[condition], containerStatuses=[])


def _with_status(pod: Pod, **changes: object) -> Pod:
    data = pod.to_json()
    return Pod.from_json({**data, "status": {**data["status"], **changes}})
