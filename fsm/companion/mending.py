"""What the program in the pod would have written, had it lived: a status that says what was seen of the task.

Written with the operator's own status updater, so that it is what the operator knows how to read (8.2, 3.4).
"""

from __future__ import annotations

from fsm.adapter import Observation
from fsm.adapter.snapshot import ALREADY_FAILED
from fsm.model import Backup, BackupStatus, Condition, LogCommand, LogSubCommandStatus, ObjectMeta, Phase
from fsm.reference import storage_path
from fsm.rules import Update, update_log


def completed(observation: Observation, command: str, now: int) -> BackupStatus:
    """The status after this command was completed."""
    status = observation.backup.status
    update = Update(time_started=now, time_completed=now)
    if command != LogCommand.START:
        return _updated(status, command, Phase.COMPLETE, update, now)
    path = status.backup_path or storage_path(observation.backup.spec)
    status = _updated(status, command, Phase.RUNNING, Update(backup_path=path), now)
    commit_ts = status.commit_ts or observation.task_commit_ts
    at = now if status.time_started is None else None  # one that had started before keeps its times
    started = Update(time_started=at, time_completed=at, commit_ts=commit_ts)
    return _updated(status, command, Phase.COMPLETE, started, now)


def paused(observation: Observation, now: int) -> BackupStatus:
    """The status of a log backup that has started and is paused: where it is wished to run the operator resumes it."""
    status = completed(observation, LogCommand.START, now)
    return _updated(status, LogCommand.PAUSE, Phase.COMPLETE, Update(time_started=now, time_completed=now), now)


def handed_over(status: BackupStatus, command: str) -> BackupStatus:
    """The status at which the operator removes the command's finished Job and runs it again (4.1, 4.6, 6.6)."""
    return _with_phase(status, command, Phase.RETRY_FAILED)


def standing_still(backup: Backup, command: str) -> BackupStatus:
    """The status at which the operator leaves a command alone, whose Job it has made and not written of."""
    return _known(backup, _with_phase(backup.status, command, Phase.SCHEDULED), command)


def given_up(backup: Backup, status: BackupStatus, command: str, message: str, now: int) -> BackupStatus:
    """The command has failed for good; whole phase and conditions stay as they are, for a deletion reads them (S13)."""
    condition = Condition(type=Phase.FAILED, status="True", reason=ALREADY_FAILED, message=message, command=command)
    after = _with_condition(status, condition, None, now)
    return _known(backup, status.with_(log_sub_command_statuses=after.log_sub_command_statuses), command)


def _known(backup: Backup, status: BackupStatus, command: str) -> BackupStatus:
    """A truncation is known by the point that it truncates to; else the next look takes it for a new one (2.3)."""
    if command != LogCommand.TRUNCATE:
        return status
    sub = status.log_sub_command_statuses[command].with_(log_truncating_until=backup.spec.log_truncate_until)
    return status.with_(log_sub_command_statuses={**status.log_sub_command_statuses, command: sub})


def _updated(status: BackupStatus, command: str, phase: Phase, update: Update, now: int) -> BackupStatus:
    return _with_condition(status, Condition(type=phase, status="True", command=command), update, now)


def _with_condition(status: BackupStatus, condition: Condition, update: Update | None, now: int) -> BackupStatus:
    backup = Backup(metadata=ObjectMeta(name="-"), status=status)
    backup = backup.with_(spec=backup.spec.with_(backup_mode="log"))
    return update_log(backup, condition, update, now)[0]


def _with_phase(status: BackupStatus, command: str, phase: Phase) -> BackupStatus:
    subs = dict(status.log_sub_command_statuses)
    sub = subs.get(command) or LogSubCommandStatus(command=command, conditions=())
    return status.with_(log_sub_command_statuses={**subs, command: sub.with_(phase=phase)})
