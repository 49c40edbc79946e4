"""Which log subcommand a Backup asks for now, and whether it is already done (operator-semantics 2.4 to 2.7). Pure."""

from __future__ import annotations

from datetime import UTC, tzinfo

from fsm.errors import InputError
from fsm.model import LOG_UNKNOWN, Backup, LogCommand, Mode, Phase, parse_ts

_ASKED = {command.value: command for command in LogCommand if command.asked}
_COMMANDS = {command.value: command for command in LogCommand}


def current_command(backup: Backup) -> str:
    """The subcommand that spec and status call for together; "" outside log mode (operator-semantics 2.4)."""
    if backup.mode != Mode.LOG:
        return ""
    base = _base(backup)
    if base is None:
        return LOG_UNKNOWN
    wished = is_synced(backup, base) and _truncate_wished(backup)
    return LogCommand.TRUNCATE.value if wished else base.value


def _base(backup: Backup) -> LogCommand | None:
    """The subcommand before truncation is thought of. A start of what is paused is a resume; nothing else is."""
    command = _ASKED.get(backup.spec.log_subcommand or _asked_by_absence(backup))
    if command is LogCommand.START and backup.status.phase == Phase.PAUSED:
        return LogCommand.RESUME
    return command


def _asked_by_absence(backup: Backup) -> str:
    stop = backup.spec.log_stop or backup.status.phase == Phase.STOPPED
    return LogCommand.STOP.value if stop else LogCommand.START.value


def _truncate_wished(backup: Backup) -> bool:
    """Compares text and not time, as the operator does: another notation of the same time is another wish (S16)."""
    return backup.spec.log_truncate_until not in {"", backup.status.log_success_truncate_until}


def is_synced(backup: Backup, command: str) -> bool:
    """Nothing is left to do for this subcommand (operator-semantics 2.5); never true of a truncation, nor outside log
    mode."""
    if backup.mode != Mode.LOG:
        return False
    if command == LogCommand.START:
        return backup.status.commit_ts != ""
    known = _COMMANDS.get(command)
    return known is not None and known.settles is not None and backup.status.phase == known.settles


def is_requeued(backup: Backup) -> bool:
    """The current subcommand waits for the log backup to start (operator-semantics 2.6)."""
    known = _COMMANDS.get(current_command(backup))
    return known is not None and known.needs_started and backup.status.commit_ts == ""


def is_already_truncated(backup: Backup, zone: tzinfo = UTC) -> bool:
    """`logTruncateUntil` is covered by a truncation or lies before the start (2.7); `zone` is the operator's."""
    if backup.mode != Mode.LOG:
        return False
    try:
        until = parse_ts(backup.spec.log_truncate_until, zone)
    except InputError:
        return False
    return until <= max(_ts_or_zero(backup.status.commit_ts, zone), _truncated_until(backup, zone))


def _truncated_until(backup: Backup, zone: tzinfo) -> int:
    return _ts_or_zero(backup.status.log_success_truncate_until, zone)


def _ts_or_zero(text: str, zone: tzinfo) -> int:
    """As the operator: a timestamp in the status that cannot be read is 0."""
    try:
        return parse_ts(text, zone)
    except InputError:
        return 0
