"""Small builders of Kubernetes objects for tests: only what a test says differs from a healthy object."""

from __future__ import annotations

from typing import Any

from fsm.adapter.observation import Observation, SeenJob
from fsm.adapter.registry import lifecycle_of
from fsm.adapter.verdict import DEADLINES, Verdicts, verdicts_of
from fsm.model import Backup, Job, Pod, seconds_of

UID = "b-1"
BORN = "2026-11-22T02:00:00Z"
BR = {"cluster": "basic", "clusterNamespace": "tidb"}
S3 = {"bucket": "backups", "provider": "aws"}
POLICY = {"minRetryDuration": "60s", "maxRetryTimes": 2, "retryTimeout": "30m"}


def at(minute: int, second: int = 0) -> str:
    """A time after the Backup was created."""
    return f"2026-11-22T{2 + minute // 60:02}:{minute % 60:02}:{second:02}Z"


def clock(minute: int, second: int = 0) -> int:
    """The same in Unix seconds."""
    return seconds_of(at(minute, second))


def condition(type_: str, when: str = BORN, status: str = "True", **more: Any) -> dict[str, Any]:
    return {"type": type_, "status": status, "lastTransitionTime": when, **more}


def record(number: int, detected: str, expected: str, real: str | None = None) -> dict[str, Any]:
    found = {
        "retryNum": number,
        "detectFailedAt": detected,
        "expectedRetryAt": expected,
        "retryReason": "Job backup-demo has failed",
        "originalReason": "BackoffLimitExceeded",
    }
    return {**found, "realRetryAt": real} if real else found


def snapshot(phase: str = "", *types: str, spec: Any = (), status: Any = (), metadata: Any = ()) -> Backup:
    """A snapshot Backup in that phase, with True conditions of those types."""
    conditions = [condition(type_) for type_ in types]
    wished = {"backupMode": "snapshot", "br": BR, "s3": S3, "backoffRetryPolicy": POLICY, **dict(spec)}
    return _backup(wished, {"phase": phase, "conditions": conditions, **dict(status)}, dict(metadata))


def log(phase: str = "", *, spec: Any = (), subs: Any = (), status: Any = (), metadata: Any = ()) -> Backup:
    """A log Backup; `subs` is command -> phase, or command -> (phase, reason)."""
    found = {}
    for command, said in dict(subs).items():
        sub, reason = (said, "") if isinstance(said, str) else said
        more = {"reason": reason} if reason else {}
        found[command] = {
            "command": command,
            "phase": sub,
            "conditions": [condition("Scheduled"), condition(sub, **more)],
        }
    observed = {"phase": phase, "logSubCommandStatuses": found, **dict(status)}
    return _backup({"backupMode": "log", "br": BR, "s3": S3, **dict(spec)}, observed, dict(metadata))


def _backup(spec: dict[str, Any], status: dict[str, Any], metadata: dict[str, Any]) -> Backup:
    identity = {"name": "demo", "namespace": "ns", "uid": UID, "creationTimestamp": BORN, "resourceVersion": "100"}
    return Backup.from_json({"kind": "Backup", "metadata": {**identity, **metadata}, "spec": spec, "status": status})


def job(
    *conditions: str,
    name: str = "backup-demo",
    uid: str = "j-1",
    created: str = BORN,
    ended: str = BORN,
    metadata: Any = (),
    status: Any = (),
    spec: Any = (),
) -> Job:
    """A Job of the Backup with those conditions True."""
    owner = {"kind": "Backup", "name": "demo", "uid": UID, "controller": True}
    said = [condition(type_, ended, reason="BackoffLimitExceeded") for type_ in conditions]
    return Job.from_json(
        {
            "kind": "Job",
            "metadata": {
                "name": name,
                "namespace": "ns",
                "uid": uid,
                "creationTimestamp": created,
                "resourceVersion": "200",
                "ownerReferences": [owner],
                **dict(metadata),
            },
            "spec": dict(spec),
            "status": {"startTime": created, "conditions": said, **dict(status)},
        }
    )


def pod(phase: str = "Running", *, job_uid: str = "j-1", status: Any = (), metadata: Any = ()) -> Pod:
    """A pod of the Job."""
    owner = {"kind": "Job", "name": "backup-demo", "uid": job_uid, "controller": True}
    identity = {"name": "backup-demo-x", "namespace": "ns", "uid": "p-1", "ownerReferences": [owner]}
    return Pod.from_json(
        {
            "kind": "Pod",
            "metadata": {**identity, "creationTimestamp": BORN, **dict(metadata)},
            "status": {"phase": phase, "startTime": BORN, **dict(status)},
        }
    )


def terminated(reason: str, exit_code: int = 137) -> dict[str, Any]:
    return {
        "containerStatuses": [{"name": "backup", "state": {"terminated": {"exitCode": exit_code, "reason": reason}}}]
    }


def judged(
    backup: Backup, *jobs: Job | SeenJob, pods: tuple[Pod, ...] = (), now: int = 0, gone: bool = False, **deadlines: int
) -> Verdicts:
    """The verdicts on a Backup with these Jobs."""
    seen = tuple(each if isinstance(each, SeenJob) else SeenJob(each) for each in jobs)
    observation = Observation(backup, seen, pods, 0 if gone else None)
    lifecycle = lifecycle_of(backup)
    changes = {name.replace("_", "-"): seconds for name, seconds in deadlines.items()}
    state = lifecycle.state_of(observation)
    return verdicts_of(lifecycle, observation, state, now or clock(5), {**DEADLINES, **changes})
