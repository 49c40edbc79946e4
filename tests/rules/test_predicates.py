"""What the operator asks about one Backup: the tables of operator-semantics 2.1 and 2.3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fsm import rules
from fsm.model import Backup, LogCommand, Phase

SIX = [Phase.COMPLETE, Phase.INVALID, Phase.FAILED, Phase.SCHEDULED, Phase.RUNNING, Phase.PREPARE]
MODES = ["snapshot", "log", "volume-snapshot", "", "other"]


def condition(type_: str, status: str = "True") -> dict[str, str]:
    return {"type": type_, "status": status}


def backup(
    mode: str = "snapshot",
    spec: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    **status: Any,
) -> Backup:
    return Backup.from_json(
        {
            "kind": "Backup",
            "metadata": {"name": "demo"} | (metadata or {}),
            "spec": {"backupMode": mode} | (spec or {}),
            "status": status,
        }
    )


@pytest.mark.parametrize("mode", ["snapshot", "volume-snapshot", "", "other"])
@pytest.mark.parametrize("phase", SIX)
def test_outside_log_mode_the_condition_counts_and_not_the_phase(mode: str, phase: Phase) -> None:
    assert rules.is_on(backup(mode, conditions=[condition(phase)], phase="Clean"), phase)
    assert not rules.is_on(backup(mode, conditions=[condition(phase, "False")]), phase)
    assert not rules.is_on(backup(mode, phase=phase), phase)


@pytest.mark.parametrize("phase", SIX)
def test_in_log_mode_the_phase_of_the_current_command_counts_and_nothing_of_the_whole(phase: Phase) -> None:
    subs = {"log-start": {"phase": phase}}
    assert rules.is_on(backup("log", logSubCommandStatuses=subs), phase)
    assert not rules.is_on(backup("log", conditions=[condition(phase)], phase=phase), phase)
    assert not rules.is_on(backup("log", {"logSubcommand": "log-stop"}, logSubCommandStatuses=subs), phase)


def test_a_command_that_never_ran_is_on_nothing() -> None:
    assert not any(rules.is_on(backup("log"), phase) for phase in Phase)


def test_an_unknown_command_is_on_nothing_even_if_it_has_a_status() -> None:
    odd = backup("log", {"logSubcommand": "odd"}, logSubCommandStatuses={"log-unknown": {"phase": "RetryFailed"}})
    assert not rules.is_on(odd, Phase.RETRY_FAILED)


@pytest.mark.parametrize(
    ("wished", "truncating", "expected"),
    [("200", "200", True), ("300", "200", False), ("200", "0200", False), ("200", "", False)],
)
def test_a_truncation_counts_only_for_the_very_text_that_is_wished(
    wished: str, truncating: str, expected: bool
) -> None:
    sub = {"phase": "Running", "logTruncatingUntil": truncating}
    truncated = backup("log", {"logTruncateUntil": wished}, commitTs="1", logSubCommandStatuses={"log-truncate": sub})
    assert rules.is_on(truncated, Phase.RUNNING) is expected
    assert not rules.is_on(truncated, Phase.COMPLETE)


@pytest.mark.parametrize("command", [command for command in LogCommand if command.asked])
def test_every_command_that_can_be_asked_for_has_its_own_phase(command: LogCommand) -> None:
    subs = {command.value: {"phase": "Prepare", "logTruncatingUntil": "other"}}
    assert rules.is_on(backup("log", {"logSubcommand": command.value}, logSubCommandStatuses=subs), Phase.PREPARE)


@pytest.mark.parametrize("status", ["True", "False", "Unknown"])
@pytest.mark.parametrize("mode", MODES)
def test_the_restart_marker_counts_whatever_its_status_and_mode(mode: str, status: str) -> None:
    assert rules.is_restart(backup(mode, conditions=[condition("Restart", status)]))
    assert not rules.is_restart(backup(mode, conditions=[condition("Running")], phase="Restart"))


VOLUME: dict[str, Callable[[Backup], bool]] = {
    "VolumeBackupInitialized": rules.is_volume_initialized,
    "VolumeBackupInitializeFailed": rules.is_volume_initialize_failed,
    "VolumeBackupSnapshotsCreated": rules.is_volume_snapshots_created,
    "VolumeBackupInitializeComplete": rules.is_volume_initialize_complete,
    "VolumeBackupComplete": rules.is_volume_complete,
    "VolumeBackupFailed": rules.is_volume_failed,
}


@pytest.mark.parametrize("type_", VOLUME)
@pytest.mark.parametrize("held", VOLUME)
@pytest.mark.parametrize("mode", MODES)
def test_a_volume_condition_counts_in_volume_mode_only(type_: str, held: str, mode: str) -> None:
    holds = mode == "volume-snapshot" and held == type_
    assert VOLUME[type_](backup(mode, conditions=[condition(held)])) is holds
    assert not VOLUME[type_](backup(mode, conditions=[condition(held, "False")], phase=held))


def test_a_failed_cleaning_is_a_condition() -> None:
    assert rules.is_clean_failed(backup(conditions=[condition("CleanFailed")]))
    assert not rules.is_clean_failed(backup(phase="CleanFailed"))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("phase", ["", *Phase])
def test_a_log_backup_is_told_by_its_whole_phase(mode: str, phase: str) -> None:
    one = backup(mode, phase=phase)
    log = mode == "log"
    assert rules.is_log_stopped(one) is (log and phase == "Stopped")
    assert rules.is_log_paused(one) is (log and phase == "Paused")
    assert rules.is_log_running(one) is (log and phase == "Running")
    assert rules.is_log_on_track(one) is (log and phase in {"Scheduled", "Prepare", "Running", "Paused"})
    assert not rules.is_log_started(one)
    assert rules.is_log_started(backup(mode, phase=phase, commitTs="1")) is log


FAILED = {"conditions": [condition("Failed")]}
CLEANING = {
    # case: (mode, cleanPolicy, status, candidate, retains, clean)
    "snapshot, retain": ("snapshot", "Retain", {}, False, True, True),
    "snapshot, retain, failed": ("snapshot", "Retain", FAILED, False, True, True),
    "snapshot, on failure": ("snapshot", "OnFailure", {}, True, True, True),
    "snapshot, on failure, failed": ("snapshot", "OnFailure", FAILED, True, False, False),
    "snapshot, delete": ("snapshot", "Delete", {}, True, False, False),
    "snapshot, delete, cleaned": ("snapshot", "Delete", {"conditions": [condition("Clean")]}, True, False, True),
    "snapshot, delete, cleaning": (
        "snapshot",
        "Delete",
        {"conditions": [condition("Clean", "False")]},
        True,
        False,
        False,
    ),
    "snapshot, no policy": ("snapshot", "", {}, False, False, False),
    "log, retain, new": ("log", "Retain", {}, True, True, True),
    "log, retain, running": ("log", "Retain", {"phase": "Running"}, True, True, False),
    "log, retain, paused": ("log", "Retain", {"phase": "Paused"}, True, True, False),
    "log, retain, failed": ("log", "Retain", {"phase": "Failed"}, True, True, True),
    "log, retain, stopped": ("log", "Retain", {"phase": "Stopped"}, True, True, True),
    "log, delete, running, cleaned": (
        "log",
        "Delete",
        {"phase": "Running", "conditions": [condition("Clean")]},
        True,
        False,
        False,
    ),
    "log, delete, complete": ("log", "Delete", {"phase": "Complete"}, True, False, False),
    "log, on failure, whole failed": ("log", "OnFailure", FAILED | {"phase": "Failed"}, True, True, True),
    "log, on failure, command failed": (
        "log",
        "OnFailure",
        {"phase": "Failed", "logSubCommandStatuses": {"log-start": {"phase": "Failed"}}},
        True,
        False,
        False,
    ),
}


@pytest.mark.parametrize(("mode", "policy", "status", "candidate", "retains", "clean"), CLEANING.values(), ids=CLEANING)
def test_policy_and_outcome_decide_what_is_left_to_clean(
    *, mode: str, policy: str, status: dict[str, Any], candidate: bool, retains: bool, clean: bool
) -> None:
    one = backup(mode, {"cleanPolicy": policy}, **status)
    answers = (rules.is_clean_candidate(one), rules.needs_retained_data(one), rules.is_clean(one))
    assert answers == (candidate, retains, clean)


DELETED = {"deletionTimestamp": "2026-11-22T02:00:00Z"}
PROTECTED = {"finalizers": ["other", "tidb.pingcap.com/backup-protection"]}
OTHER = {"finalizers": ["other"]}
FINALIZERS = {
    # case: (metadata, candidate, clean, to be added, to be removed)
    "new": ({}, True, True, True, False),
    "others' finalizers do not protect": (OTHER, True, True, True, False),
    "protected": (PROTECTED, True, True, False, False),
    "no candidate": ({}, False, True, False, False),
    "deleted and clean": (DELETED | PROTECTED, True, True, False, True),
    "deleted, not clean": (DELETED | PROTECTED, True, False, False, False),
    "deleted, protected by others only": (DELETED | OTHER, True, True, False, False),
    "deleted, no candidate any more": (DELETED | PROTECTED, False, True, False, False),
}


@pytest.mark.parametrize(("metadata", "candidate", "clean", "added", "removed"), FINALIZERS.values(), ids=FINALIZERS)
def test_the_finalizer_is_held_while_there_is_something_to_clean(
    metadata: dict[str, Any], candidate: bool, clean: bool, added: bool, removed: bool
) -> None:
    policy = {"cleanPolicy": "Delete" if candidate else "Retain"}
    one = backup("snapshot", policy, metadata, conditions=[condition("Clean", str(clean))])
    assert (rules.needs_finalizer_added(one), rules.needs_finalizer_removed(one)) == (added, removed)
