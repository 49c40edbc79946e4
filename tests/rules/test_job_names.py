"""Names and arguments of a Backup's Jobs: operator-semantics 1.5."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.errors import UsageError
from fsm.model import LOG_UNKNOWN, Backup, LogCommand
from fsm.rules import (
    Purpose,
    arguments_of,
    clean_job_name,
    init_job_name,
    job_name,
    log_job_name,
    purpose_of,
    stop_job_name,
)

COMMANDS = [*(command.value for command in LogCommand), LOG_UNKNOWN]


def backup(status: dict[str, Any] | None = None, **spec: Any) -> Backup:
    metadata = {"name": "demo", "namespace": "tidb"}
    spec = {"br": {"cluster": "basic"}} | spec
    return Backup.from_json({"kind": "Backup", "metadata": metadata, "spec": spec, "status": status or {}})


NAMES = {
    "snapshot": (backup(), "backup-demo"),
    "no mode": (backup(backupMode=""), "backup-demo"),
    "volume, initialize": (backup(backupMode="volume-snapshot", federalVolumeBackupPhase="initialize"), "backup-demo"),
    "volume, execute": (backup(backupMode="volume-snapshot", federalVolumeBackupPhase="execute"), "backup-demo"),
    "log": (backup(backupMode="log"), "backup-demo-log-start"),
    "log, paused": (backup({"phase": "Paused"}, backupMode="log"), "backup-demo-log-resume"),
    "log, to be truncated": (
        backup({"commitTs": "1"}, backupMode="log", logTruncateUntil="2"),
        "backup-demo-log-truncate",
    ),
    "log, unknown": (backup(backupMode="log", logSubcommand="x"), "backup-demo-log-unknown"),
}


@pytest.mark.parametrize(("one", "name"), NAMES.values(), ids=NAMES)
def test_the_job_of_a_backup_follows_the_current_command(one: Backup, name: str) -> None:
    assert job_name(one) == name


FORMS = {
    "backup-demo": Purpose("backup"),
    "backup-demo-init": Purpose("init"),
    "clean-demo": Purpose("clean"),
    "stop-demo": Purpose("stop"),
    **{f"backup-demo-{command}": Purpose("log", command) for command in COMMANDS},
}


@pytest.mark.parametrize("name", FORMS)
def test_a_name_tells_its_purpose(name: str) -> None:
    assert purpose_of(name, "demo") == FORMS[name]


@pytest.mark.parametrize("name", ["", "backup", "backup-demo-", "backup-demo2", "backup-demo-log-", "clean-demo-init"])
def test_a_name_the_operator_does_not_give_has_no_purpose(name: str) -> None:
    assert purpose_of(name, "demo") is None


@given(st.text("abc-", min_size=1), st.sampled_from(COMMANDS))
def test_every_name_and_its_purpose_belong_together(name: str, command: str) -> None:
    assert purpose_of(f"backup-{name}", name) == ("backup", None)
    assert purpose_of(f"backup-{name}-init", name) == ("init", None)
    assert purpose_of(clean_job_name(name), name) == ("clean", None)
    assert purpose_of(stop_job_name(name), name) == ("stop", None)
    assert purpose_of(log_job_name(name, command), name) == ("log", command)


def test_two_backups_may_share_a_name_of_a_job() -> None:
    assert purpose_of("backup-x-log-start", "x") == ("log", "log-start")
    assert purpose_of("backup-x-log-start", "x-log-start") == ("backup", None)


ARGUMENTS = {
    "snapshot": (backup(), "--mode=snapshot"),
    "an odd mode": (backup(backupMode="odd"), "--mode=snapshot"),
    "volume, initialize": (
        backup(backupMode="volume-snapshot", federalVolumeBackupPhase="initialize"),
        "--initialize=true --mode=volume-snapshot",
    ),
    "volume, execute": (
        backup(backupMode="volume-snapshot", federalVolumeBackupPhase="execute"),
        "--mode=volume-snapshot",
    ),
    "log-start": (backup(backupMode="log"), "--mode=log --subcommand=log-start"),
    "log-start from a time": (
        backup(backupMode="log", commitTs="5"),
        "--mode=log --subcommand=log-start --commit-ts=5",
    ),
    "log-stop": (
        backup(backupMode="log", logStop=True, commitTs="5", logTruncateUntil="6"),
        "--mode=log --subcommand=log-stop",
    ),
    "log-truncate": (
        backup({"commitTs": "5"}, backupMode="log", commitTs="5", logTruncateUntil="6"),
        "--mode=log --subcommand=log-truncate --truncate-until=6",
    ),
}


@pytest.mark.parametrize(("one", "rest"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_a_job_gets_the_arguments_of_its_mode(one: Backup, rest: str) -> None:
    common = "backup --namespace=tidb --backupName=demo"
    assert " ".join(arguments_of(one)) == f"{common} {rest}"
    assert " ".join(arguments_of(one, tikv_version="v7.5.0")) == f"{common} --tikvVersion=v7.5.0 {rest}"


def test_the_arguments_of_another_command_can_be_asked_for() -> None:
    one = backup(backupMode="log", commitTs="5")
    assert arguments_of(one, command="log-stop")[-1] == "--subcommand=log-stop"


def test_an_export_has_no_br_arguments() -> None:
    with pytest.raises(UsageError, match="Dumpling"):
        arguments_of(backup(br=None))


def test_the_init_job_is_named_after_the_backup_s_job() -> None:
    volume = Backup.from_json({"metadata": {"name": "demo"}, "spec": {"backupMode": "volume-snapshot"}})
    log = Backup.from_json({"metadata": {"name": "demo"}, "spec": {"backupMode": "log", "logSubcommand": "log-pause"}})
    assert (init_job_name(volume), init_job_name(log)) == ("backup-demo-init", "backup-demo-log-pause-init")
