"""Effects as the exact Kubernetes requests that perform them. Data: nothing is sent here, no client is known.

A Backup is only ever changed by a JSON merge patch (RFC 7386) under its own path: the CRD has no status subresource.
The patch carries the resourceVersion that was looked at, so that a decision about an old sighting is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsm.adapter.observation import Observation
from fsm.adapter.snapshot import ATTEMPT_ANNOTATION
from fsm.errors import UsageError
from fsm.machines import CreateJob, DeleteJob, RequeueAt
from fsm.model import Backup, BackupStatus
from fsm.rules import arguments_of, job_name, log_job_name

BACKUP_LABEL = "tidb.pingcap.com/backup"
INSTANCE_LABEL = "app.kubernetes.io/instance"
CONTAINER = "backup"
"""The container that runs the backup program, by the operator's name."""

_NO_TEMPLATE: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class PatchBackup:
    """Merge `body` into a Backup; it names the resourceVersion too. An effect and its own request."""

    namespace: str
    name: str
    resource_version: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CreateJobRequest:
    """Post the manifest `body`. AlreadyExists means that somebody was faster: look again."""

    namespace: str
    name: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteJobRequest:
    """Delete a Job with the DeleteOptions `body`. NotFound, or Conflict because of the uid, means that it is gone."""

    namespace: str
    name: str
    uid: str
    body: Mapping[str, Any]


Effect = PatchBackup | CreateJob | DeleteJob | RequeueAt
Request = PatchBackup | CreateJobRequest | DeleteJobRequest


def request_of(
    effect: Effect,
    observation: Observation,
    *,
    template: Mapping[str, Any] = _NO_TEMPLATE,
    tikv_version: str = "",
) -> Request | None:
    """What to send for an effect that was decided on this observation; None for a requeue, which is the shell's own.

    `template` and `tikv_version` are for CreateJob: see `job_manifest`.
    """
    match effect:
        case CreateJob():
            body = job_manifest(observation.backup, effect, template=template, tikv_version=tikv_version)
            return CreateJobRequest(observation.backup.metadata.namespace, body["metadata"]["name"], body)
        case DeleteJob():
            return _deletion(effect.uid, observation)
        case RequeueAt():
            return None
        case PatchBackup():
            return effect


# ------------------------------------------------------------------ the Backup


def status_patch(backup: Backup, status: BackupStatus) -> PatchBackup | None:
    """The patch that gives a Backup this status; None where it says so already.

    Without a resourceVersion it would overwrite whatever is there: a UsageError.
    """
    if status is backup.status:
        return None
    before = backup.to_json().get("status") or {}
    change = merge_patch(before, _without_new_nulls(before, status.to_json()))
    if not change:
        return None
    namespace, name = backup.key
    version = backup.metadata.resource_version
    if not version:
        raise UsageError(f"Backup {namespace}/{name} has no metadata.resourceVersion, so no patch of it is safe")
    return PatchBackup(namespace, name, version, {"metadata": {"resourceVersion": version}, "status": change})


def _without_new_nulls(before: Any, after: Mapping[str, Any]) -> dict[str, Any]:
    """To Kubernetes a key without a value and none are the same, and only the second can be written."""
    old = before if isinstance(before, Mapping) else {}
    return {
        key: _without_new_nulls(old.get(key), value) if isinstance(value, Mapping) else value
        for key, value in after.items()
        if value is not None or (key in old and old[key] is None)
    }


def merge_patch(before: Any, after: Any) -> Any:
    """The smallest merge patch (RFC 7386) that turns one JSON document into another; {} where they are the same object.

    Objects are compared key by key, anything else is replaced as a whole, lists too. A null in a merge patch removes,
    so a null that stands in `after` outside a list must stand in `before` at the same place: else a UsageError.
    """
    return _merge_patch(before, after, "")


def _merge_patch(before: Any, after: Any, path: str) -> Any:
    if not isinstance(after, Mapping):
        if after is None:
            raise UsageError(f"a merge patch cannot write the null at {path or 'the root'}")
        return after
    old = before if isinstance(before, Mapping) else {}
    removed: dict[str, Any] = {key: None for key in old if key not in after}
    changed = {
        key: _merge_patch(old.get(key), value, f"{path}.{key}".lstrip("."))
        for key, value in after.items()
        if key not in old or not _same(old[key], value)
    }
    return removed | changed


def _same(one: Any, other: Any) -> bool:
    """The same JSON: Python alone would take 1, 1.0 and true for equal."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def patched(document: Any, patch: Any) -> Any:
    """The document after a merge patch, as RFC 7386 says. Neither argument changes."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(document) if isinstance(document, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = patched(result.get(key), value)
    return result


# ------------------------------------------------------------------ Jobs


def job_manifest(
    backup: Backup, effect: CreateJob, *, template: Mapping[str, Any] = _NO_TEMPLATE, tikv_version: str = ""
) -> dict[str, Any]:
    """The Job of an attempt. Its name is the operator's, so that no two attempts can be at work at once.

    `template` is a pod template that what is known here is laid over: labels, restartPolicy, and the arguments of its
    container `backup`. Without one there is no image, environment, volume, service account or init container: those
    come from the TidbCluster, the storage's secrets and the operator's own flags, which no observation holds.
    """
    namespace, name = backup.key
    labels = {
        "app.kubernetes.io/component": "backup",
        INSTANCE_LABEL: backup.metadata.labels.get(INSTANCE_LABEL, name),
        "app.kubernetes.io/managed-by": "backup-operator",
        "app.kubernetes.io/name": "backup",
        BACKUP_LABEL: name,
    }
    arguments = list(arguments_of(backup, tikv_version=tikv_version, command=effect.command or None))
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": log_job_name(name, effect.command) if effect.command else job_name(backup),
            "namespace": namespace,
            "labels": labels,
            "annotations": {ATTEMPT_ANNOTATION: str(effect.attempt)},
            "ownerReferences": [_owner(backup)],
        },
        "spec": {"backoffLimit": 0, "template": _pod_template(template, labels, arguments)},
    }


def _owner(backup: Backup) -> dict[str, Any]:
    if not backup.metadata.uid:
        raise UsageError(f"Backup {backup.metadata.name} has no metadata.uid: it was never stored and can own no Job")
    return {
        "apiVersion": backup.api_version,
        "kind": "Backup",
        "name": backup.metadata.name,
        "uid": backup.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _pod_template(template: Mapping[str, Any], labels: Mapping[str, str], arguments: list[str]) -> dict[str, Any]:
    metadata, spec = template.get("metadata", {}), template.get("spec", {})
    return {
        **template,
        "metadata": {**metadata, "labels": {**metadata.get("labels", {}), **labels}},
        "spec": {**spec, "restartPolicy": "Never", "containers": _containers(spec.get("containers", ()), arguments)},
    }


def _containers(given: Any, arguments: list[str]) -> list[dict[str, Any]]:
    """The containers with the arguments in the one called `backup`, which is added where it is missing."""
    containers = list(given)
    if all(each.get("name") != CONTAINER for each in containers):
        containers.append({"name": CONTAINER})
    return [{**each, "args": arguments} if each.get("name") == CONTAINER else dict(each) for each in containers]


def _deletion(uid: str, observation: Observation) -> DeleteJobRequest:
    """In the foreground, so that the name is free only when the pods are gone; the uid guards a newer Job."""
    job = next((seen.job for seen in observation.jobs if uid and seen.uid == uid), None)
    if job is None:
        raise UsageError(f"the observation holds no Job with the uid {uid or 'that is missing'}")
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Foreground",
        "preconditions": {"uid": uid},
    }
    return DeleteJobRequest(job.metadata.namespace, job.metadata.name, uid, body)
