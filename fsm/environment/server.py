"""The API server for one Backup and its Jobs, as far as a controller meets it. A frozen value, pure.

It does what operator-semantics 0, 1.4 and 9 say of it: one write replaces the whole Backup, guarded by resourceVersion;
times are cut to whole seconds; defaults fill in what Go leaves out; a write that changes nothing is no write; an object
that is being deleted goes when its last finalizer does. Every change is a watch item in `history`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from fsm.adapter import PatchBackup
from fsm.adapter.patches import patched as merged
from fsm.model import Backup, Job, text_of
from fsm.reference import ApiError, Key, Refused

FOREGROUND = "foregroundDeletion"
_POLICY = {"minRetryDuration": "300s", "maxRetryTimes": 2, "retryTimeout": "30m"}
_SPEC = {"backupMode": "snapshot", "cleanPolicy": "Retain", "volumeBackupInitJobMaxActiveSeconds": 600}


class Item(NamedTuple):
    """One watch item: ADDED, MODIFIED or DELETED, and the object."""

    type: str
    object: Backup | Job


@dataclass(frozen=True, slots=True)
class Server:
    """`backup` is None once it is gone. `jobs` by name. `version` is the last resourceVersion, `uids` how many were
    given. `history` holds the items since it was last emptied, in order."""

    backup: Backup | None = None
    jobs: Mapping[str, Job] = field(default_factory=dict)
    version: int = 0
    uids: int = 0
    history: tuple[Item, ...] = ()

    def job(self, name: str) -> Job | None:
        return self.jobs.get(name)


Answer = tuple[Server, ApiError | None]


def created(server: Server, backup: Backup, now: int) -> Server:
    """A user creates the Backup; `spec.backoffRetryPolicy` gets its defaults only where the key was given (1.4)."""
    data = backup.to_json()
    data["spec"] = _defaulted(data.get("spec", {}))
    data["metadata"] = {**data["metadata"], "uid": _uid(server), "creationTimestamp": text_of(now)}
    return _with_backup(replace(server, uids=server.uids + 1), data, "ADDED")


def edited(server: Server, **spec: Any) -> Server:
    """A user changes keys of the spec by their JSON names; None removes one."""
    if server.backup is None:
        return server
    data = server.backup.to_json()
    changed = {**data.get("spec", {}), **spec}
    data["spec"] = _defaulted({key: value for key, value in changed.items() if value is not None})
    return _with_backup(server, data)


def updated(server: Server, backup: Backup) -> Answer:
    """A Go client replaces the whole object."""
    stored = server.backup
    if stored is None:
        return server, _absent("backups.pingcap.com", backup.metadata.name)
    if backup.metadata.resource_version != stored.metadata.resource_version:
        return server, _conflict(backup.metadata.name)
    data = _as_go_writes(backup.to_json())
    if data["metadata"].get("deletionTimestamp") and not data["metadata"].get("finalizers"):
        return _without_backup(server), None
    return _with_backup(server, data), None


def patched(server: Server, patch: PatchBackup) -> Answer:
    """A client merges a patch into the Backup; the resourceVersion that the patch names is a precondition."""
    stored = server.backup
    if stored is None:
        return server, _absent("backups.pingcap.com", patch.name)
    if patch.resource_version != stored.metadata.resource_version:
        return server, _conflict(patch.name)
    data = merged(stored.to_json(), patch.body)
    data["spec"] = _defaulted(data.get("spec", {}))
    return _with_backup(server, data), None


def deletion_requested(server: Server, now: int) -> Server:
    """A user deletes the Backup."""
    if server.backup is None or server.backup.metadata.deletion_timestamp is not None:
        return server
    if not server.backup.metadata.finalizers:
        return _without_backup(server)
    data = server.backup.to_json()
    data["metadata"] |= {"deletionTimestamp": text_of(now), "deletionGracePeriodSeconds": 0}
    return _with_backup(server, data)


def job_created(server: Server, job: Job, now: int) -> Answer:
    """AlreadyExists holds for a Job that is being deleted too."""
    name = job.metadata.name
    if name in server.jobs:
        return server, ApiError(Refused.ALREADY_EXISTS, f'jobs.batch "{name}" already exists')
    data = job.to_json()
    data["metadata"] |= {"uid": _uid(server), "creationTimestamp": text_of(now)}
    return with_job(replace(server, uids=server.uids + 1), Job.from_json(data), "ADDED"), None


def job_deleted(server: Server, key: Key, now: int, uid: str = "") -> Answer:
    """Foreground: the Job stays until its pods are gone. Asked twice it changes nothing. `uid` is a precondition."""
    job = server.jobs.get(key[1])
    if job is None or (uid and job.metadata.uid != uid):
        return server, _absent("jobs.batch", key[1])
    if job.metadata.deletion_timestamp is not None:
        return server, None
    finalizers = (*job.metadata.finalizers, FOREGROUND)
    metadata = job.metadata.with_(deletion_timestamp=text_of(now), finalizers=finalizers)
    return with_job(server, job.with_(metadata=metadata)), None


def job_gone(server: Server, name: str) -> Server:
    """The garbage collector has done its work."""
    job = server.jobs[name]
    left = {each: other for each, other in server.jobs.items() if each != name}
    return _noted(replace(server, jobs=left, version=server.version + 1), Item("DELETED", job))


def with_job(server: Server, job: Job, type_: str = "MODIFIED") -> Server:
    """A Job as it is now."""
    version = server.version + 1
    new = job.with_(metadata=job.metadata.with_(resource_version=str(version)))
    jobs = {**server.jobs, job.metadata.name: new}
    return _noted(replace(server, jobs=jobs, version=version), Item(type_, new))


def _with_backup(server: Server, data: dict[str, Any], type_: str = "MODIFIED") -> Server:
    if server.backup is not None and data == server.backup.to_json():
        return server
    version = server.version + 1
    backup = Backup.from_json({**data, "metadata": {**data["metadata"], "resourceVersion": str(version)}})
    return _noted(replace(server, backup=backup, version=version), Item(type_, backup))


def _without_backup(server: Server) -> Server:
    """The Backup goes; the garbage collector deletes its Jobs, one by one."""
    assert server.backup is not None
    gone = Item("DELETED", server.backup)
    return _noted(replace(server, backup=None, version=server.version + 1), gone)


def _noted(server: Server, item: Item) -> Server:
    return replace(server, history=(*server.history, item))


def _defaulted(spec: dict[str, Any]) -> dict[str, Any]:
    """The schema's defaults for absent keys; those of the policy only where the policy itself is there (1.4)."""
    policy = spec.get("backoffRetryPolicy")
    filled = {**_SPEC, **spec}
    return filled if policy is None else {**filled, "backoffRetryPolicy": {**_POLICY, **policy}}


def _as_go_writes(data: dict[str, Any]) -> dict[str, Any]:
    """Go leaves out zero members, and the schema's defaults fill them in again (1.4)."""
    spec = data.get("spec", {})
    policy = {key: value for key, value in spec.get("backoffRetryPolicy", {}).items() if value}
    filled = {key: spec.get(key) or default for key, default in _SPEC.items()}
    return {**data, "spec": {**spec, **filled, "backoffRetryPolicy": {**_POLICY, **policy}}}


def _conflict(name: str) -> ApiError:
    text = "the object has been modified; please apply your changes to the latest version and try again"
    return ApiError(Refused.CONFLICT, f'Operation cannot be fulfilled on backups.pingcap.com "{name}": {text}')


def _absent(resource: str, name: str) -> ApiError:
    return ApiError(Refused.NOT_FOUND, f'{resource} "{name}" not found')


def _uid(server: Server) -> str:
    return f"00000000-0000-4000-8000-{server.uids + 1:012d}"
