"""Builds small vectors: a healthy situation, of which a test says only what differs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from fsm.conform import Judgement, judged, vector_from
from fsm.errors import Place

PLACE = Place("vectors.jsonl", 7)
CLUSTER = {"namespace": "ns", "name": "basic", "ready": True, "tikvImage": "pingcap/tikv:v8.5.0", "hasTikv": True}
OWNER = {"kind": "Backup", "name": "demo", "uid": "b-1", "controller": True}
FINALIZER = "tidb.pingcap.com/backup-protection"


def backup(spec: Any = (), status: Any = (), **metadata: Any) -> dict[str, Any]:
    """A snapshot Backup that waits for its first sync."""
    identity = {"namespace": "ns", "name": "demo", "uid": "b-1", "resourceVersion": "100"}
    wished = {
        "backupMode": "snapshot",
        "cleanPolicy": "Retain",
        "br": {"cluster": "basic", "clusterNamespace": "ns"},
        "s3": {"bucket": "backups", "provider": "aws"},
    }
    return {
        "kind": "Backup",
        "metadata": {"creationTimestamp": "now-60s", **identity, **metadata},
        "spec": {**wished, **dict(spec)},
        "status": dict(status),
    }


def log(spec: Any = (), status: Any = (), **metadata: Any) -> dict[str, Any]:
    """A log Backup, which has its finalizer already."""
    return backup({"backupMode": "log", **dict(spec)}, status, **{"finalizers": [FINALIZER], **metadata})


POLICY = {"backoffRetryPolicy": {"minRetryDuration": "300s", "maxRetryTimes": 2, "retryTimeout": "30m"}}
STREAMING = {"phase": "Running", "commitTs": "400000000000000000"}


def condition(type_: str, at: str = "now-60s", status: str = "True", **more: Any) -> dict[str, Any]:
    return {"type": type_, "status": status, "lastTransitionTime": at, **more}


def job(*conditions: str, name: str = "backup-demo") -> dict[str, Any]:
    """A Job of the Backup with these conditions."""
    return {
        "kind": "Job",
        "metadata": {"namespace": "ns", "name": name, "uid": "j-1", "ownerReferences": [OWNER]},
        "status": {"conditions": [condition(each, reason="BackoffLimitExceeded") for each in conditions]},
    }


def given(server: Any = (), **more: Any) -> dict[str, Any]:
    """A beginning with a Backup and its TidbCluster."""
    return {"server": {"backup": backup(), "clusters": [CLUSTER], **dict(server)}, **more}


def line(then: Iterable[Any], *when: Any, begin: Any = None, **more: Any) -> str:
    """A vector of the controller."""
    data = {
        "id": "v-1",
        "runs": "reference",
        "given": given() if begin is None else begin,
        "when": list(when),
        "then": list(then),
    }
    return json.dumps({**data, **more})


def rule_line(rule: str, value: Any, **arguments: Any) -> str:
    """A vector of a rule."""
    return json.dumps({"id": "r-1", "runs": "rules", "rule": rule, "given": arguments, "then": {"value": value}})


def judgement(text: str) -> Judgement:
    return judged(vector_from(text, PLACE))


def outcomes(*when: Any, begin: Any = None) -> list[dict[str, Any]]:
    """What our side does in these runs."""
    runs = sum("run" in each for each in when)
    return [each.outcome for each in judgement(line([{}] * runs, *when, begin=begin)).runs]


def found(text: str) -> list[tuple[int | None, str]]:
    """Where a vector does not conform: steps and paths."""
    return [(each.step, each.difference.path) for each in judgement(text).mismatches]


EVENT, SYNC, TICK = {"run": "event"}, {"run": "sync"}, {"run": "tick"}


def fault(call: str, error: str = "timeout", nth: int = 1, *, performed: bool = False) -> dict[str, Any]:
    """The API server's answer to a call."""
    return {"call": call, "nth": nth, "error": error, "message": f"it says {error}", "performed": performed}


def calls(outcome: dict[str, Any]) -> list[tuple[str, str | None]]:
    """The calls of an outcome, with their errors."""
    return [(each["call"], each.get("error")) for each in outcome["calls"]]
