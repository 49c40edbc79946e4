"""The closed vocabularies of a Backup: phases, clean policies, modes (operator-semantics 1.1, 1.3)."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """A condition type, which is also a phase. "No phase yet" is the empty text and not a member."""

    SCHEDULED = "Scheduled"
    PREPARE = "Prepare"
    RUNNING = "Running"
    COMPLETE = "Complete"
    FAILED = "Failed"
    RETRY_FAILED = "RetryFailed"
    INVALID = "Invalid"
    RESTART = "Restart"  # a marker, never the phase
    PAUSED = "Paused"
    STOPPED = "Stopped"
    REPEATABLE = "Repeatable"  # only ever the phase of a log subcommand, never a condition
    CLEAN = "Clean"
    CLEAN_FAILED = "CleanFailed"
    VOLUME_BACKUP_INITIALIZED = "VolumeBackupInitialized"
    VOLUME_BACKUP_INITIALIZE_FAILED = "VolumeBackupInitializeFailed"
    VOLUME_BACKUP_SNAPSHOTS_CREATED = "VolumeBackupSnapshotsCreated"
    VOLUME_BACKUP_INITIALIZE_COMPLETE = "VolumeBackupInitializeComplete"
    VOLUME_BACKUP_COMPLETE = "VolumeBackupComplete"
    VOLUME_BACKUP_FAILED = "VolumeBackupFailed"


class CleanPolicy(StrEnum):
    """What becomes of the data when the Backup is deleted."""

    RETAIN = "Retain"
    ON_FAILURE = "OnFailure"
    DELETE = "Delete"


class Mode(StrEnum):
    """The backup modes the operator knows; any other text behaves as a snapshot that is never retried."""

    SNAPSHOT = "snapshot"
    LOG = "log"
    VOLUME = "volume-snapshot"
