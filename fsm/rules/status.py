"""How one write changes a Backup's status: the operator's status updater, which the backup pod uses as well.

Operator-semantics 3.2 to 3.6, and one attempt of 3.1. Pure: the object that was read goes in, the object that would be
written comes out with a flag that says whether it would be. Reading again, retrying and writing are the caller's.

The operator compares times as Go values in memory, so a clock reading differs from every time read back from the API,
be it the same second; it equals only itself. Here a time that an Update wrote is a `Reading`, which knows its reading
of the clock: applied a second time to its own result the same Update changes nothing (which is how S4 loses writes).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fsm.errors import UsageError
from fsm.model import (
    SECOND,
    BackoffRetryRecord,
    Backup,
    BackupStatus,
    BrOperation,
    Condition,
    LogCommand,
    LogSubCommandStatus,
    Mode,
    Phase,
    Progress,
    format_duration,
    seconds_of,
    text_of,
)

MAX_BR_OPERATIONS = 10

_ZERO_TIME = "0001-01-01T00:00:00Z"  # what Go subtracts where a time was never set
_MAX_DURATION = (1 << 63) - 1

_VALUES = (
    "backup_path",
    "backup_size",
    "backup_size_readable",
    "incremental_backup_size",
    "incremental_backup_size_readable",
    "commit_ts",
    "log_checkpoint_ts",
    "log_success_truncate_until",
)
_RECORD_VALUES = ("retry_num", "retry_reason", "original_reason")
_RECORD_TIMES = ("detect_failed_at", "expected_retry_at", "real_retry_at")

_NOTHING: frozenset[str] = frozenset()
_BOTH_TIMES = frozenset({"time_started", "time_completed"})
_WITHHELD = {
    LogCommand.START: frozenset({"time_completed"}),
    LogCommand.STOP: frozenset({"time_started"}),
}
"""Times of a subcommand's run that its Complete does not write to the whole status; of other subcommands both."""


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """The fields one write may change; None leaves a field alone. Times are instants, read from the clock just now.

    `reading` stands for that reading of the clock: two Updates wrote the same time only if theirs are equal. By default
    no other Update's is.
    """

    backup_path: str | None = None
    time_started: int | None = None
    time_completed: int | None = None
    time_synced: int | None = None
    backup_size: int | None = None
    backup_size_readable: str | None = None
    incremental_backup_size: int | None = None
    incremental_backup_size_readable: str | None = None
    commit_ts: str | None = None
    log_checkpoint_ts: str | None = None
    log_success_truncate_until: str | None = None
    log_truncating_until: str | None = None
    progress_step: str | None = None
    progress: float = 0
    progress_update_time: int | None = None
    br_operation: BrOperation | None = None
    retry_num: int | None = None
    detect_failed_at: int | None = None
    expected_retry_at: int | None = None
    real_retry_at: int | None = None
    retry_reason: str | None = None
    original_reason: str | None = None
    reading: Hashable = field(default_factory=object)


class Reading(str):
    """The text of a time that was not read back from the API yet, and which reading of the clock it is."""

    source: Hashable

    @classmethod
    def of(cls, source: Update, instant: int) -> Reading:
        """A reading of that Update."""
        reading = cls(text_of(instant))
        reading.source = source.reading
        return reading


def updated(backup: Backup, condition: Condition | None, update: Update | None, now: int) -> tuple[Backup, bool]:
    """The Backup after one attempt of Update(bk, cond, upd), and whether it would be written (operator-semantics 3.1).

    Without a write the object may still differ: an equal condition replaces the stored one, its `command` included.
    """
    if backup.mode == Mode.LOG:
        status, changed = update_log(backup, condition, update, now)
    else:
        status, changed = _update_both(backup.status, condition, update, now)
    return (backup if status is backup.status else backup.with_(status=status)), changed


def _update_both(
    status: BackupStatus,
    condition: Condition | None,
    update: Update | None,
    now: int,
    without: frozenset[str] = _NOTHING,
) -> tuple[BackupStatus, bool]:
    status, fields_changed = apply_update(status, update, now, without)
    status, condition_changed = update_condition(status, condition, now)
    return status, fields_changed or condition_changed


# --- fields -----------------------------------------------------------------------------------------------------------


def apply_update(
    status: BackupStatus, update: Update | None, now: int, without: frozenset[str] = _NOTHING
) -> tuple[BackupStatus, bool]:
    """The status with an Update's fields, `without` some times, and whether any changed (operator-semantics 3.2)."""
    if update is None:
        return status, False
    changes = _changed_values(status, update, _VALUES) | _changed_times(status, update, _BOTH_TIMES - without)
    changes |= _changed_progresses(status, update, now) | _changed_operations(status, update)
    if update.retry_num is not None or update.real_retry_at is not None:
        records, changed = update_records(status.backoff_retry_status, update)
        changes |= {"backoff_retry_status": records} if changed else {}
    return (status.with_(**changes), True) if changes else (status, False)


def _changed_values(old: Any, update: Update, names: Iterable[str]) -> dict[str, Any]:
    given = {name: getattr(update, name) for name in names}
    return {name: value for name, value in given.items() if value is not None and value != getattr(old, name)}


def _changed_readings(old: Any, update: Update, names: Iterable[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in names:
        instant = getattr(update, name)
        if instant is not None and _is_other(getattr(old, name), instant, update):
            changes[name] = Reading.of(update, instant)
    return changes


def _is_other(stored: str | None, instant: int, update: Update) -> bool:
    """A stored time is this reading only if this very Update put it there."""
    return not (isinstance(stored, Reading) and stored.source == update.reading and stored == text_of(instant))


def _changed_times(status: BackupStatus, update: Update, names: frozenset[str]) -> dict[str, Any]:
    """`timeSynced` always counts as changed: the operator compares a pointer."""
    changes = _changed_readings(status, update, names)
    if "time_completed" in changes:
        started = changes.get("time_started", status.time_started)
        changes["time_taken"] = _time_taken(started, changes["time_completed"])
    if update.time_synced is not None:
        changes["time_synced"] = Reading.of(update, update.time_synced)
    return changes


def _time_taken(started: str | None, completed: str) -> str:
    """Go's text of the difference in whole seconds; it saturates where the start was never set."""
    taken = (seconds_of(completed) - seconds_of(started or _ZERO_TIME)) * SECOND
    return format_duration(max(-_MAX_DURATION - 1, min(taken, _MAX_DURATION)))


def _changed_progresses(status: BackupStatus, update: Update, now: int) -> dict[str, Any]:
    if update.progress_step is None:
        return {}
    old = status.progresses
    index = next((i for i, one in enumerate(old) if one.step == update.progress_step), None)
    if index is None:
        return {"progresses": (*_with_last_over(old, update, now), _new_progress(update.progress_step, update))}
    raised = _raised(old[index], update)
    return {"progresses": (*old[:index], raised, *old[index + 1 :])} if raised is not old[index] else {}


def _with_last_over(progresses: tuple[Progress, ...], update: Update, now: int) -> tuple[Progress, ...]:
    """A new step means that the one before is over, whatever it said."""
    if not progresses or progresses[-1].progress >= 100:
        return progresses
    return (*progresses[:-1], progresses[-1].with_(progress=100, last_transition_time=Reading.of(update, now)))


def _new_progress(step: str, update: Update) -> Progress:
    time = update.progress_update_time
    reading = None if time is None else Reading.of(update, time)
    return Progress(step=step, progress=update.progress).with_(
        last_transition_time=reading
    )  # unchecked: keeps a Reading


def _raised(progress: Progress, update: Update) -> Progress:
    """Progress never falls; its time follows every report."""
    changes: dict[str, Any] = {"progress": update.progress} if progress.progress < update.progress else {}
    time = update.progress_update_time
    if time is not None and _is_other(progress.last_transition_time, time, update):
        changes["last_transition_time"] = Reading.of(update, time)
    return progress.with_(**changes) if changes else progress


def _changed_operations(status: BackupStatus, update: Update) -> dict[str, Any]:
    """The newest operation first, each id once, at most ten."""
    newest = update.br_operation
    if newest is None or not newest.operation_id:
        return {}
    others = (one for one in status.br_operations if one.operation_id != newest.operation_id)
    operations = (newest, *others)[:MAX_BR_OPERATIONS]
    return {"br_operations": operations} if operations != status.br_operations else {}


def update_records(
    records: tuple[BackoffRetryRecord, ...], update: Update
) -> tuple[tuple[BackoffRetryRecord, ...], bool]:
    """The retry records with an Update's, and whether any changed (operator-semantics 3.6)."""
    index = _record_index(len(records), update.retry_num)
    new = index == len(records)
    old = BackoffRetryRecord() if new else records[index]
    changes = _changed_values(old, update, _RECORD_VALUES) | _changed_readings(old, update, _RECORD_TIMES)
    record = old.with_(**changes) if changes else old
    return (*records[:index], record, *records[index + 1 :]), new or bool(changes)


def _record_index(count: int, retry: int | None) -> int:
    """Where the record of a retry stands; `count` means that it is to be appended."""
    if retry is not None and retry < 1:
        raise UsageError(f"retry {retry} does not exist: retries are counted from 1")
    if retry is None:
        return max(count - 1, 0)
    return min(retry - 1, count)


# --- conditions -------------------------------------------------------------------------------------------------------


def update_condition(status: BackupStatus, condition: Condition | None, now: int) -> tuple[BackupStatus, bool]:
    """The status with a condition, and whether anything changed (operator-semantics 3.3).

    The phase follows the condition, unless it is `Restart`, the marker. A condition whose type is not the phase is
    rewritten even if it is equal, and flips the phase back.
    """
    if condition is None:
        return status, False
    old = status.condition(condition.type)
    same_phase = status.phase == condition.type
    new = _written(condition, condition.type, _transition(condition, now, old if same_phase else None))
    changed = old is None or not same_phase or _says_other(old, new)
    changes: dict[str, Any] = {"conditions": _with_condition(status.conditions, old, new)}
    if not same_phase and condition.type != Phase.RESTART:
        changes["phase"] = condition.type
    return status.with_(**changes), changed


def _transition(condition: Condition, now: int, old: Condition | None) -> str | None:
    """The time of this transition, or of the old one if that is of the same status."""
    return old.last_transition_time if old is not None and old.status == condition.status else text_of(now)


def _says_other(old: Condition, new: Condition) -> bool:
    return (old.status, old.reason, old.message) != (new.status, new.reason, new.message)


def _with_condition(conditions: tuple[Condition, ...], old: Condition | None, new: Condition) -> tuple[Condition, ...]:
    """Conditions keep the order of their first write."""
    if old is None:
        return (*conditions, new)
    return tuple(new if one is old else one for one in conditions)


def _written(condition: Condition, type_: Phase, time: str | None) -> Condition:
    """The condition as it is stored, with only the keys that Go would write."""
    texts = {"reason": condition.reason, "message": condition.message, "command": condition.command}
    given = {key: text for key, text in texts.items() if text}
    return Condition(type=type_, status=condition.status, last_transition_time=time, **given)


# --- log backups ------------------------------------------------------------------------------------------------------


def update_log(
    backup: Backup, condition: Condition | None, update: Update | None, now: int
) -> tuple[BackupStatus, bool]:
    """The status of a log backup after a write: the whole part, then the subcommand's (operator-semantics 3.4)."""
    status, whole_changed = _update_whole(backup, condition, update, now)
    if _is_deleted(backup) or _is_checkpoint(update) or condition is None or not condition.command:
        return status, whole_changed
    status, sub_changed = _update_sub(status, condition, update, now)
    return status, whole_changed or sub_changed


def _is_deleted(backup: Backup) -> bool:
    return backup.metadata.deletion_timestamp is not None


def _is_checkpoint(update: Update | None) -> bool:
    return update is not None and update.log_checkpoint_ts is not None


def _update_whole(
    backup: Backup, condition: Condition | None, update: Update | None, now: int
) -> tuple[BackupStatus, bool]:
    """While a Backup is deleted its conditions are written as they are, `command` included."""
    if _is_deleted(backup):
        return _update_both(backup.status, condition, update, now)
    if _is_checkpoint(update) or (update is not None and update.br_operation is not None):
        return apply_update(backup.status, update, now)
    if condition is None or not condition.command:
        return backup.status, False
    told, without = _whole_update(condition, update)
    return _update_both(backup.status, _whole_condition(condition), told, now, without)


def _whole_condition(condition: Condition) -> Condition | None:
    """What a subcommand's condition says about the whole Backup; of most nothing."""
    command = _known(condition.command)
    complete = condition.type == Phase.COMPLETE
    if command is LogCommand.START:
        return None if complete else condition.with_(command="")
    if command is None or command.settles is None or not complete:
        return None
    return condition.with_(type=command.settles, command="")


def _whole_update(condition: Condition, update: Update | None) -> tuple[Update | None, frozenset[str]]:
    """What a subcommand's fields say about the whole Backup, and the times among them that it keeps to itself."""
    command = _known(condition.command)
    if command is not None and condition.type == Phase.COMPLETE:
        return update, _WITHHELD.get(command, _BOTH_TIMES)
    return (update if command is LogCommand.START else None), _NOTHING


def _known(command: str) -> LogCommand | None:
    """None for `log-unknown`, of which only the subcommand's own status is kept."""
    return LogCommand(command) if command in _COMMANDS else None


_COMMANDS = frozenset(command.value for command in LogCommand)


def _update_sub(
    status: BackupStatus, condition: Condition, update: Update | None, now: int
) -> tuple[BackupStatus, bool]:
    subs = dict(status.log_sub_command_statuses)
    old = subs.get(condition.command) or _new_sub(condition.command)
    sub = _with_sub_condition(_with_sub_fields(old, update), condition, now)
    if sub is old:
        return status, False
    subs[condition.command] = sub
    return status.with_(log_sub_command_statuses=_reopened(subs, condition.command)), True


def _new_sub(command: str) -> LogSubCommandStatus:
    """Go writes the two times as null until they are set."""
    return LogSubCommandStatus(command=command, time_started=None, time_completed=None, conditions=())


def _with_sub_fields(sub: LogSubCommandStatus, update: Update | None) -> LogSubCommandStatus:
    if update is None:
        return sub
    changes = _changed_readings(sub, update, ("time_started", "time_completed"))
    changes |= _changed_values(sub, update, ("log_truncating_until",))
    return sub.with_(**changes) if changes else sub


def _with_sub_condition(sub: LogSubCommandStatus, condition: Condition, now: int) -> LogSubCommandStatus:
    """The phase follows the condition; a condition that says nothing new keeps its time only if the phase stays too."""
    old = next((one for one in sub.conditions if one.type == condition.type), None)
    if old is not None and sub.phase == condition.type and not _says_other(old, condition):
        return sub
    if old is None:
        new = _written(condition.with_(command=""), condition.type, text_of(now))
    else:
        new = old.with_(status=condition.status, last_transition_time=text_of(now), **_other_texts(old, condition))
    return sub.with_(phase=condition.type, conditions=_with_condition(sub.conditions, old, new))


def _other_texts(old: Condition, condition: Condition) -> dict[str, str]:
    texts = {"reason": condition.reason, "message": condition.message}
    return {key: text for key, text in texts.items() if text != getattr(old, key)}


def _reopened(subs: dict[str, LogSubCommandStatus], command: str) -> dict[str, LogSubCommandStatus]:
    """After a pause a resume may run again, and the other way round: only the phase says so."""
    known = _known(command)
    if known is None or known.reopens not in subs:
        return subs
    return subs | {known.reopens: subs[known.reopens].with_(phase=Phase.REPEATABLE)}
