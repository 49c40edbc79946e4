"""Every rule of the format, with its arguments and the form of its value."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from conform_vectors import CLUSTER, STREAMING, backup, condition, found, judgement, log, rule_line

from fsm.conform.rule import RULES

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
VOLUME = {"backupMode": "volume-snapshot"}


def phased(phase: str) -> dict[str, Any]:
    return log(status={**STREAMING, "phase": phase})


def volume(type_: str) -> dict[str, Any]:
    return backup(VOLUME, {"conditions": [condition(type_)]})


def status_of(phase: str, *types: str, **more: Any) -> dict[str, Any]:
    return {"phase": phase, "conditions": [condition(each) for each in types], **more}


RUNNING = {"type": "Running", "status": "True"}

VECTORS: dict[str, tuple[Any, dict[str, Any]]] = {
    "current_command": ("log-resume", {"backup": phased("Paused")}),
    "job_name": ("backup-demo-log-start", {"backup": log()}),
    "clean_job_name": ("clean-demo", {"backup": backup()}),
    "stop_job_name": ("stop-demo", {"backup": log()}),
    "init_job_name": ("backup-demo-init", {"backup": backup(VOLUME)}),
    "is_synced": (True, {"backup": phased("Paused"), "command": "log-pause"}),
    "is_on": (True, {"backup": backup(status=status_of("Running", "Failed")), "phase": "Failed"}),
    "is_restart": (True, {"backup": backup(status=status_of("Running", "Restart"))}),
    "is_clean_failed": (True, {"backup": backup(status=status_of("CleanFailed", "CleanFailed"))}),
    "is_volume_initialized": (True, {"backup": volume("VolumeBackupInitialized")}),
    "is_volume_initialize_failed": (True, {"backup": volume("VolumeBackupInitializeFailed")}),
    "is_volume_snapshots_created": (True, {"backup": volume("VolumeBackupSnapshotsCreated")}),
    "is_volume_initialize_complete": (True, {"backup": volume("VolumeBackupInitializeComplete")}),
    "is_volume_complete": (True, {"backup": volume("VolumeBackupComplete")}),
    "is_volume_failed": (True, {"backup": volume("VolumeBackupFailed")}),
    "is_log_started": (True, {"backup": phased("Running")}),
    "is_log_stopped": (True, {"backup": phased("Stopped")}),
    "is_log_paused": (True, {"backup": phased("Paused")}),
    "is_log_running": (True, {"backup": phased("Running")}),
    "is_log_on_track": (True, {"backup": phased("Running")}),
    "is_clean_candidate": (True, {"backup": backup({"cleanPolicy": "Delete"})}),
    "needs_retained_data": (True, {"backup": backup()}),
    "is_clean": (True, {"backup": backup()}),
    "is_already_truncated": (True, {"backup": log({"logTruncateUntil": "1"}, STREAMING)}),
    "parse_ts": ("18446744073709551615", {"text": "18446744073709551615"}),
    "validate_spec": (
        "missing StorageSize config in spec of ns/demo",
        {"backup": backup({"br": None, "from": {"host": "tidb", "secretName": "password"}}), "cluster": CLUSTER},
    ),
    "update_condition": (
        {"changed": True, "status": {"phase": "Running", "conditions": [condition("Running", "now")]}},
        {"status": {}, "condition": RUNNING},
    ),
    "updated": (
        {
            "changed": True,
            "status": {
                "phase": "Running",
                "conditions": [condition("Running", "now")],
                "timeStarted": "now-5s",
                "backupPath": "s3://b",
                "progresses": [{"step": "Full", "progress": 12.5, "lastTransitionTime": "now-1s"}],
            },
        },
        {
            "backup": backup(),
            "condition": RUNNING,
            "update": {
                "timeStarted": "now-5s",
                "backupPath": "s3://b",
                "progressStep": "Full",
                "progress": 12.5,
                "progressUpdateTime": "now-1s",
            },
        },
    ),
}
"""A vector of each rule that conforms. None of its values is empty, so that none conforms by default."""


def test_every_rule_has_a_vector_here() -> None:
    assert set(VECTORS) == set(RULES)


def test_the_rules_are_those_of_the_format() -> None:
    table = PAGE.read_text("utf-8").partition("| rules | given |")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split(" | ")[0])]
    assert sorted(named) == sorted(RULES)


@pytest.mark.parametrize("rule", VECTORS)
def test_a_vector_of_a_rule_conforms(rule: str) -> None:
    value, arguments = VECTORS[rule]
    assert found(rule_line(rule, value, **arguments)) == []


@pytest.mark.parametrize("rule", VECTORS)
def test_a_wrong_value_of_a_rule_is_found(rule: str) -> None:
    value, arguments = VECTORS[rule]
    wrong = rule_line(rule, {"changed": False, "status": {}} if isinstance(value, dict) else None, **arguments)
    assert {(step, path.split(".")[0]) for step, path in found(wrong)} == {(None, "value")}


def test_a_text_that_is_no_timestamp_is_the_operators_error() -> None:
    (run,) = judgement(rule_line("parse_ts", {}, text="yesterday")).runs
    assert run.outcome["value"]["error"].startswith("cannot parse ts string yesterday, err: ")


def test_the_cluster_of_a_validation_counts() -> None:
    old = {**CLUSTER, "tikvImage": "pingcap/tikv:v6.0.0"}
    message = "tikv pingcap/tikv:v6.0.0 doesn't support log backup in spec of ns/demo, the first version is v6.1.0"
    assert found(rule_line("validate_spec", message, backup=log(), cluster=old)) == []
    assert found(rule_line("validate_spec", None, backup=log(), cluster=None)) == []


def test_an_update_of_nothing_changes_nothing() -> None:
    unchanged = {"changed": False, "status": {}}
    assert found(rule_line("updated", unchanged, backup=backup(), condition=None, update=None)) == []
    assert found(rule_line("updated", unchanged, backup=backup(), condition=None, update={})) == []
    assert found(rule_line("update_condition", unchanged, status={}, condition=None)) == []


def test_every_field_of_an_update_can_be_given() -> None:
    update = {
        "backupSize": 7,
        "commitTs": "9",
        "brOperation": {"operationID": "op-1", "startedAt": "now-9s", "observedAt": "now-1s"},
        "retryNum": 1,
        "detectFailedAt": "now",
        "expectedRetryAt": "now+300s",
        "retryReason": "r",
        "originalReason": "o",
    }
    status = {
        "backupSize": 7,
        "commitTs": "9",
        "brOperations": [update["brOperation"]],
        "backoffRetryStatus": [{name: update[name] for name in list(update)[3:]}],
    }
    assert found(rule_line("updated", {"changed": True, "status": status}, backup=backup(), update=update)) == []
