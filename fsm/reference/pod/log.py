"""`backup --mode=log …`: one subcommand of a log backup (operator-semantics 8.2)."""

from __future__ import annotations

from fsm.model import BrOperation, Condition, LogCommand, Phase
from fsm.reference.pod.arguments import Arguments
from fsm.reference.pod.steps import done, reported
from fsm.reference.program import GoError, Handle, Program, ReasonedError, now
from fsm.reference.updater import condition_of, try_update_status, update_status
from fsm.rules import Update

_FAILED = {
    LogCommand.START: "StartLogBackupFailed",
    LogCommand.STOP: "StopLogBackupFailed",
    LogCommand.PAUSE: "PauseLogBackupFailed",
    LogCommand.RESUME: "ResumeLogBackuFailed",
    LogCommand.TRUNCATE: "TruncateLogBackuFailed",
}
"""The reasons, spelled as the operator spells them."""


def log_command(handle: Handle, arguments: Arguments, path: str | None) -> Program[None]:
    """Prepare, Running, br, Complete; a subcommand that nobody knows ends without another write."""
    command = arguments.command
    yield from update_status(handle, condition_of(Phase.PREPARE, command=command))
    if command not in set(LogCommand):
        raise GoError(f"unknown log subcommand {command}")
    ran = _run(handle, LogCommand(command), arguments.truncate_until, path)
    result = yield from reported(handle, ran, command=command)
    yield from update_status(handle, condition_of(Phase.COMPLETE, command=command), result)


def _run(handle: Handle, command: LogCommand, until: str, path: str | None) -> Program[Update]:
    """log-start alone has a path, and reads the commitTs after the task exists."""
    started = yield from now()
    starts = command is LogCommand.START
    if starts and path is None:
        raise ReasonedError("GetBackupRemotePathFailed", "storage unknown not supported yet")
    running = condition_of(Phase.RUNNING, command=command)
    yield from _written(handle, running, Update(backup_path=path) if starts else None)
    yield from done(f"br {command}", _FAILED[command], until)
    metadata = (yield from done("read metadata", "GetLogBackupMetadataFailed")) if starts else None
    completed = yield from now()
    return Update(
        time_started=started.seconds,
        time_completed=completed.seconds,
        commit_ts=None if metadata is None else str(metadata.start_version),
        log_success_truncate_until=until if command is LogCommand.TRUNCATE else None,
        reading=completed,
    )


def _written(handle: Handle, condition: Condition, update: Update | None) -> Program[None]:
    try:
        yield from update_status(handle, condition, update)
    except GoError as error:
        raise ReasonedError("UpdateStatusFailed", str(error)) from None


def note_operation(handle: Handle, operation: BrOperation) -> Program[None]:
    """A line of br that names its operation, while it truncates: no condition; an error is logged."""
    yield from try_update_status(handle, None, Update(br_operation=operation))
