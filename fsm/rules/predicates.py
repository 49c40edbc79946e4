"""What the operator asks about one Backup, as functions of that object alone (operator-semantics 2.1 and 2.3). Pure."""

from __future__ import annotations

from fsm.model import Backup, CleanPolicy, LogCommand, Mode, Phase
from fsm.rules.command import current_command

FINALIZER = "tidb.pingcap.com/backup-protection"

_ON_TRACK = frozenset({Phase.SCHEDULED, Phase.PREPARE, Phase.RUNNING, Phase.PAUSED})
_CLEANING = frozenset({CleanPolicy.DELETE, CleanPolicy.ON_FAILURE})
_ON_CONDITION = frozenset(LogCommand)


def is_on(backup: Backup, phase: Phase) -> bool:
    """Is(X): of a log backup the current subcommand's phase counts, else the sticky condition, never the phase."""
    return _command_is_on(backup, phase) if backup.mode == Mode.LOG else backup.status.holds(phase)


def _command_is_on(backup: Backup, phase: Phase) -> bool:
    """OnCond(X): a truncation counts only if it is the one that is wished now (operator-semantics 2.3)."""
    command = current_command(backup)
    sub = backup.status.log_sub_command_statuses.get(command)
    if sub is None or command not in _ON_CONDITION or sub.phase != phase:
        return False
    return command != LogCommand.TRUNCATE or sub.log_truncating_until == backup.spec.log_truncate_until


def is_restart(backup: Backup) -> bool:
    """The marker is there, whatever its status and the mode: the next pod of a snapshot cleans its data first."""
    return backup.status.condition(Phase.RESTART) is not None


def is_clean_failed(backup: Backup) -> bool:
    """Cleaning the data has failed at least once."""
    return backup.status.holds(Phase.CLEAN_FAILED)


def is_volume_initialized(backup: Backup) -> bool:
    """GC and schedulers are paused for a volume snapshot."""
    return _is_volume(backup, Phase.VOLUME_BACKUP_INITIALIZED)


def is_volume_initialize_failed(backup: Backup) -> bool:
    """The init Job of a volume snapshot ended too early."""
    return _is_volume(backup, Phase.VOLUME_BACKUP_INITIALIZE_FAILED)


def is_volume_snapshots_created(backup: Backup) -> bool:
    """All volume snapshots were taken."""
    return _is_volume(backup, Phase.VOLUME_BACKUP_SNAPSHOTS_CREATED)


def is_volume_initialize_complete(backup: Backup) -> bool:
    """GC and schedulers run again."""
    return _is_volume(backup, Phase.VOLUME_BACKUP_INITIALIZE_COMPLETE)


def is_volume_complete(backup: Backup) -> bool:
    """The data of a volume snapshot is in the storage."""
    return _is_volume(backup, Phase.VOLUME_BACKUP_COMPLETE)


def is_volume_failed(backup: Backup) -> bool:
    """The execute Job of a volume snapshot failed."""
    return _is_volume(backup, Phase.VOLUME_BACKUP_FAILED)


def _is_volume(backup: Backup, phase: Phase) -> bool:
    return backup.mode == Mode.VOLUME and backup.status.holds(phase)


def is_log_started(backup: Backup) -> bool:
    """The stream was started once; only `commitTs` says so, the phase Running does not."""
    return backup.mode == Mode.LOG and backup.status.commit_ts != ""


def is_log_stopped(backup: Backup) -> bool:
    """The stream was stopped."""
    return _is_log_in(backup, Phase.STOPPED)


def is_log_paused(backup: Backup) -> bool:
    """The stream was paused."""
    return _is_log_in(backup, Phase.PAUSED)


def is_log_running(backup: Backup) -> bool:
    """The whole phase is Running, which it is from before the task exists."""
    return _is_log_in(backup, Phase.RUNNING)


def is_log_on_track(backup: Backup) -> bool:
    """The log backup has something to be stopped before it may be let go."""
    return backup.mode == Mode.LOG and backup.status.phase in _ON_TRACK


def _is_log_in(backup: Backup, phase: Phase) -> bool:
    return backup.mode == Mode.LOG and backup.status.phase == phase


def is_clean_candidate(backup: Backup) -> bool:
    """Deleting this Backup takes work: a log backup has to be stopped, or data may have to be cleaned."""
    return backup.mode == Mode.LOG or backup.spec.clean_policy in _CLEANING


def needs_retained_data(backup: Backup) -> bool:
    """The data outlives the Backup. An empty policy neither retains nor cleans."""
    policy = backup.spec.clean_policy
    return policy == CleanPolicy.RETAIN or (policy == CleanPolicy.ON_FAILURE and not is_on(backup, Phase.FAILED))


def is_clean(backup: Backup) -> bool:
    """Nothing is left to stop or to clean before the Backup may go."""
    if is_log_on_track(backup):
        return False
    return needs_retained_data(backup) or backup.status.holds(Phase.CLEAN)


def needs_finalizer_added(backup: Backup) -> bool:
    """The Backup lives and must not be deleted without the operator."""
    return not _is_deleted(backup) and is_clean_candidate(backup) and not _is_protected(backup)


def needs_finalizer_removed(backup: Backup) -> bool:
    """The Backup is deleted and everything was cleaned. One that is no candidate any more keeps its finalizer (S14)."""
    return is_clean_candidate(backup) and _is_deleted(backup) and _is_protected(backup) and is_clean(backup)


def _is_deleted(backup: Backup) -> bool:
    return backup.metadata.deletion_timestamp is not None


def _is_protected(backup: Backup) -> bool:
    return FINALIZER in backup.metadata.finalizers
