"""What a look at the task says about a retry: the wish holds already, a retry may begin, or what stands against it.

Unknown proves nothing. A table by command and task; what cannot be known is held, with the reason.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from fsm.adapter import Observation, Task
from fsm.adapter.log_retry import completed_at, retries_of
from fsm.adapter.observation import time_of
from fsm.model import LogBackupRetryPolicy, LogCommand, OnErrorPause, Phase
from fsm.reference import storage_path


class Look(StrEnum):
    """What follows from what was seen."""

    HOLDS = "the wish holds"
    MAY_BEGIN = "a retry may begin"
    BLOCKED = "a retry would be wrong or useless"
    UNSEEN = "the task could not be seen"


class Finding(NamedTuple):
    """`reason` is a word for programs, `message` a sentence with the way out; both only where it is blocked."""

    look: Look
    reason: str = ""
    message: str = ""


HOLDS, MAY_BEGIN, UNSEEN = Finding(Look.HOLDS), Finding(Look.MAY_BEGIN), Finding(Look.UNSEEN)

TASK_IS_GONE = Finding(
    Look.BLOCKED,
    "TaskIsGone",
    "the log backup had started, and its task is not there any more: changes since its checkpoint may be lost; "
    "delete this Backup and create a new one after a new full backup",
)
NOTHING_TO_DO_IT_TO = Finding(
    Look.BLOCKED,
    "TaskIsAbsent",
    "the log backup had started, and there is no task to pause or resume: changes since its checkpoint may be lost; "
    "delete this Backup and create a new one after a new full backup, or wish log-stop",
)
TASK_IS_BACK = Finding(
    Look.BLOCKED,
    "TaskIsBack",
    "the log backup was stopped, and its task is there again; `br log stop` ends it",
)
PAUSED_BY_HAND = Finding(
    Look.BLOCKED,
    "TaskIsPausedByHand",
    "somebody paused the task by hand, which is never undone here; `br log resume` ends it",
)
NO_COMMIT_TS = Finding(
    Look.BLOCKED,
    "CommitTsIsUnknown",
    "the task runs, but does not say where it starts, so that status.commitTs cannot be mended; set it by hand",
)
NO_PATH = Finding(
    Look.BLOCKED,
    "BackupPathIsUnknown",
    "the task runs, but where it writes to does not follow from the spec; set status.backupPath by hand",
)


def paused_by_error(error: str) -> Finding:
    """TiKV paused the task, and the policy says to leave it so."""
    return Finding(
        Look.BLOCKED,
        "TaskIsPausedByError",
        f"TiKV paused the task because of an error ({error}), and onErrorPause is Hold; mend the cause and resume it "
        "with `br log resume`",
    )


BY_TASK = frozenset(
    each.reason
    for each in (
        TASK_IS_GONE,
        NOTHING_TO_DO_IT_TO,
        TASK_IS_BACK,
        PAUSED_BY_HAND,
        NO_COMMIT_TS,
        NO_PATH,
        paused_by_error(""),
    )
)
"""The reasons for which a look at the task holds a retry."""

SHOWN = {Phase.STOPPED: Task.ABSENT, Phase.PAUSED: Task.PAUSED, Phase.RUNNING: Task.RUNNING}
"""What the task is where a command is done that settles the Backup in this phase."""


def look_of(observation: Observation, command: str, policy: LogBackupRetryPolicy) -> Finding:
    """What the task says about a failed command."""
    known = LogCommand(command)
    if known is not LogCommand.START and known.settles is None:
        return MAY_BEGIN  # it does nothing to the task: how far it came the storage alone knows
    if observation.task is Task.UNKNOWN:
        return UNSEEN
    if known is LogCommand.START:
        return _of_start(observation, policy)
    assert known.settles is not None
    if observation.task is SHOWN[known.settles]:
        return HOLDS
    if observation.task is Task.ABSENT:
        return NOTHING_TO_DO_IT_TO
    if known is LogCommand.RESUME and not observation.task_error and _was_never_paused(observation):
        return PAUSED_BY_HAND
    # a Backup that says Stopped is in sync with that wish for the operator, which runs nothing then (6.3)
    return TASK_IS_BACK if known.settles == Phase.STOPPED == observation.backup.status.phase else MAY_BEGIN


def _was_never_paused(observation: Observation) -> bool:
    """That the log backup is paused is the companion's word, to have an error's pause resumed: whoever pauses the task
    since does it by hand."""
    records = retries_of(observation).status.episode(LogCommand.START.value)
    pause = observation.backup.status.log_sub_command_statuses.get(LogCommand.PAUSE.value)
    resumed_at = time_of(records[-1].real_retry_at) if records else None
    return resumed_at is not None and resumed_at == completed_at(pause)


def _of_start(observation: Observation, policy: LogBackupRetryPolicy) -> Finding:
    """A start is only made where there is no task, and once: the operator makes none where there is a commitTs."""
    status = observation.backup.status
    if observation.task is Task.ABSENT:
        return TASK_IS_GONE if status.commit_ts else MAY_BEGIN
    if observation.task is Task.PAUSED and not observation.task_error:
        return PAUSED_BY_HAND
    if observation.task is Task.PAUSED and policy.on_error_pause is OnErrorPause.HOLD:
        return paused_by_error(observation.task_error)
    if not (status.commit_ts or observation.task_commit_ts):
        return NO_COMMIT_TS
    if not (status.backup_path or storage_path(observation.backup.spec)):
        return NO_PATH
    return HOLDS if observation.task is Task.RUNNING else MAY_BEGIN
