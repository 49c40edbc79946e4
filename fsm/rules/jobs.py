"""The names and arguments of a Backup's Jobs, and back from a name to its purpose (operator-semantics 1.5). Pure.

A name is no proof of ownership: other Backups' Jobs may have it too (S19). The owner reference's uid is.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from fsm.errors import UsageError
from fsm.model import LOG_UNKNOWN, Backup, LogCommand, Mode
from fsm.rules.command import current_command

INITIALIZE = "initialize"
"""The `federalVolumeBackupPhase` in which the init Job runs."""


class Purpose(NamedTuple):
    """What a Job is for; `command` is there for a log subcommand's Job."""

    kind: Literal["backup", "init", "clean", "stop", "log"]
    command: str | None = None


def job_name(backup: Backup) -> str:
    """BackupJobName(): of a log backup it follows the current subcommand, and so changes with spec and status.

    Of a volume snapshot it is the execute Job in every phase (operator-semantics 7.2); the other is `init_job_name`.
    """
    command = current_command(backup)
    name = backup.metadata.name
    return log_job_name(name, command) if command else f"backup-{name}"


def log_job_name(backup_name: str, command: str) -> str:
    """The Job of one log subcommand."""
    return f"backup-{backup_name}-{command}"


def init_job_name(backup: Backup) -> str:
    """The Job that holds GC and schedulers still while a volume snapshot is taken; other modes have none."""
    return f"{job_name(backup)}-init"


def clean_job_name(backup_name: str) -> str:
    """The Job that deletes the data when the Backup is deleted."""
    return f"clean-{backup_name}"


def stop_job_name(backup_name: str) -> str:
    """The Job that stops the log backup when the Backup is deleted."""
    return f"stop-{backup_name}"


def purpose_of(name: str, backup_name: str) -> Purpose | None:
    """What a Job of this name does for a Backup of that name; None if the operator gives no Job of it that name."""
    return _purposes(backup_name).get(name)


def _purposes(backup_name: str) -> dict[str, Purpose]:
    commands = [*(command.value for command in LogCommand), LOG_UNKNOWN]
    return {
        f"backup-{backup_name}": Purpose("backup"),
        f"backup-{backup_name}-init": Purpose("init"),
        clean_job_name(backup_name): Purpose("clean"),
        stop_job_name(backup_name): Purpose("stop"),
        **{log_job_name(backup_name, command): Purpose("log", command) for command in commands},
    }


def arguments_of(backup: Backup, *, tikv_version: str = "", command: str | None = None) -> tuple[str, ...]:
    """The container arguments of a BR Job, in the operator's order.

    `tikv_version` is the tag of the TiKV image, if it has one. `command` defaults to the current log subcommand.
    A Dumpling export has other arguments, which nothing here describes: it is a UsageError.
    """
    if backup.spec.br is None:
        raise UsageError("a Backup without spec.br is a Dumpling export, which takes no BR arguments")
    version = (f"--tikvVersion={tikv_version}",) if tikv_version else ()
    namespace, name = backup.key
    common = ("backup", f"--namespace={namespace}", f"--backupName={name}", *version)
    return common + _mode_arguments(backup, current_command(backup) if command is None else command)


def _mode_arguments(backup: Backup, command: str) -> tuple[str, ...]:
    if backup.mode == Mode.LOG:
        return ("--mode=log", f"--subcommand={command}", *_log_arguments(backup, command))
    if backup.mode == Mode.VOLUME:
        initialize = backup.spec.federal_volume_backup_phase == INITIALIZE
        return (*(("--initialize=true",) if initialize else ()), "--mode=volume-snapshot")
    return ("--mode=snapshot",)


def _log_arguments(backup: Backup, command: str) -> tuple[str, ...]:
    if command == LogCommand.START and backup.spec.commit_ts:
        return (f"--commit-ts={backup.spec.commit_ts}",)
    if command == LogCommand.TRUNCATE and backup.spec.log_truncate_until:
        return (f"--truncate-until={backup.spec.log_truncate_until}",)
    return ()
