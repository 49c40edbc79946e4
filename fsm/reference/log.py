"""What a sync of a log backup does where no Job is due: truncations that are covered, and TiKV's own state
(operator-semantics 6.3 and 6.5)."""

from __future__ import annotations

from dataclasses import replace

from fsm.model import LogCommand, Phase
from fsm.reference.calls import ReadTracked
from fsm.reference.program import GoError, Handle, Program, now, where
from fsm.reference.task import TaskState
from fsm.reference.tracked import Tracked
from fsm.reference.tracker import is_consistent, kept, queried
from fsm.reference.updater import condition_of, try_update_status, update_status
from fsm.rules import Update, current_command, is_already_truncated, is_synced

NOT_FOUND = "Log backup task not found in TiKV, the task may have been deleted or cluster state is inconsistent"
_ACTUAL = {"running": LogCommand.RESUME, "paused": LogCommand.PAUSE}


def skip_log(handle: Handle) -> Program[bool]:
    """6.3: nothing is to be run for the current command; then TiKV's state is compared all the same."""
    command = current_command(handle.backup)
    if command == LogCommand.TRUNCATE:
        if not is_already_truncated(handle.backup):
            return False
        yield from _note_truncated(handle)
    elif not is_synced(handle.backup, command):
        return False
    yield from sync_with_kernel(handle)
    return True


def _note_truncated(handle: Handle) -> Program[None]:
    """Complete without a run; `logSuccessTruncateUntil` stays, so the command is the current one for ever (S16)."""
    started = yield from now()
    completed = yield from now()
    update = Update(
        time_started=started.seconds,
        time_completed=completed.seconds,
        log_truncating_until=handle.backup.spec.log_truncate_until,
        reading=completed,
    )
    yield from update_status(handle, condition_of(Phase.COMPLETE, command=LogCommand.TRUNCATE), update)


def sync_with_kernel(handle: Handle) -> Program[None]:
    """SyncKernel, 6.5: a task that is gone, or paused by an error, is an error; any other difference has to be seen
    twice before the Backup follows it."""
    entry: Tracked | None = yield ReadTracked(handle.key)
    if entry is None:
        raise GoError(f"log backup {where(handle.backup)} not found in tracker")
    state = yield from _state(handle, entry)
    if not state.exists:
        yield from _not_found(handle)
        return
    if state.paused_by_error:
        yield from _error_paused(handle, state.pause_reason)
    yield from _double_checked(handle, state, entry)


def _state(handle: Handle, entry: Tracked) -> Program[TaskState]:
    """The cached state while it is fresh, unless a difference was seen before."""
    if not entry.inconsistent:
        reading = yield from now()
        fresh = entry.fresh_state(reading)
        if fresh is not None:
            return fresh
    return (yield from queried(handle, entry)).state


def _not_found(handle: Handle) -> Program[None]:
    """After a stop that is as it should be; else the log backup has failed, for a get that failed too (S10)."""
    command = current_command(handle.backup)
    if command == LogCommand.STOP:
        return
    failed = condition_of(Phase.FAILED, "LogBackupTaskNotFound", NOT_FOUND, command)
    yield from try_update_status(handle, failed)
    raise GoError("log backup key not found")


def _error_paused(handle: Handle, reason: str) -> Program[None]:
    problem = f"og backup paused due to error: {reason}"
    failed = condition_of(Phase.RETRY_FAILED, "LogBackupErrorPaused", f"L{problem}", current_command(handle.backup))
    reading = yield from now()
    yield from try_update_status(handle, failed, Update(time_synced=reading.seconds, reading=reading))
    raise GoError(f"l{problem}")


def _double_checked(handle: Handle, state: TaskState, held: Tracked) -> Program[None]:
    """A difference is noted at first, and followed when it is seen again under the same command. An entry that the
    ticker has removed meanwhile is `held` on to, and what is noted there is lost."""
    command = current_command(handle.backup)
    found: Tracked | None = yield ReadTracked(handle.key)
    entry = held if found is None else found
    seen_before = entry.inconsistent and entry.last_command == command
    differs = not is_consistent(command, state)
    if differs and seen_before:
        yield from _follow(handle, state)
    yield from kept(handle.key, replace(entry, inconsistent=differs and not seen_before, last_command=command))


def _follow(handle: Handle, state: TaskState) -> Program[None]:
    """The Backup is corrected to what TiKV does, as if that command had been run."""
    message = f"Synced with kernel state: {state.kernel}"
    complete = condition_of(Phase.COMPLETE, "LogBackupKernelSync", message, _ACTUAL[state.kernel])
    reading = yield from now()
    yield from try_update_status(handle, complete, Update(time_synced=reading.seconds, reading=reading))
