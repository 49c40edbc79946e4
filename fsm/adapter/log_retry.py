"""The retries of a log backup as its two annotations tell them: which policy is in force, and where a failure stands.

Nothing here looks at the task or the clock. The companion writes what it found into the annotation, and this reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from fsm.adapter.observation import Observation, SeenJob, time_of
from fsm.errors import InputError, Place
from fsm.machines import LogPolicy, Record
from fsm.machines.log import ERROR_PAUSE
from fsm.machines.log_retry import WAITING, retries_begun
from fsm.model import (
    NO_RETRIES,
    POLICY_ANNOTATION,
    SECOND,
    STATUS_ANNOTATION,
    Backup,
    LogBackupRetryPolicy,
    LogCommand,
    LogRetryRecord,
    LogRetryStatus,
    LogSubCommandStatus,
    OnErrorPause,
    Phase,
    RetryLimits,
    seconds_of,
    text_of,
)
from fsm.rules import current_command, log_job_name

NOT_TAKEN_UP = "NotTakenUp"
"""The reason of a hold that a Job does not end: the operator does nothing about what was handed to it."""
LATEST = seconds_of("9990-01-01T00:00:00Z")
"""No time that anything is reckoned from is later, so that what comes of it is a time still."""
_NONE: Mapping[str, str] = {}


class Retries(NamedTuple):
    """What is known of the retries of one log backup. `policy` is None where nothing is retried.

    `problems` are annotations that cannot be read; then nothing is retried either, and nothing of them is lost.
    """

    policy: LogBackupRetryPolicy | None = None
    status: LogRetryStatus = NO_RETRIES
    problems: tuple[InputError, ...] = ()

    def limits(self, command: str) -> RetryLimits | None:
        """What is in force for a command; None where it is not retried."""
        limits = None if self.policy is None else self.policy.limits_of(command)
        return None if limits is None or limits.max_times == 0 else limits


def retries_of(observation: Observation) -> Retries:
    """The policy of the Backup's annotation, else the observation's default, and the records."""
    annotations = observation.backup.metadata.annotations or _NONE
    written = annotations.get(POLICY_ANNOTATION)
    if written is None and observation.log_policy is None:
        return _OFF
    policy, wrong = (observation.log_policy, None) if written is None else _policy(written)
    status, broken = _records_of(observation.backup)
    problems = tuple(each for each in (wrong, broken) if each is not None)
    return Retries(None if problems else policy, status, problems)


_OFF = Retries()


def is_looked_after(observation: Observation) -> bool:
    """The companion does anything about it at all: not at a deletion, and not without spec.br."""
    backup = observation.backup
    deleted = backup.metadata.deletion_timestamp is not None or observation.gone_at is not None
    return not deleted and backup.spec.br is not None


def limits_in_force(observation: Observation, command: str) -> RetryLimits | None:
    """What is in force for a command; None too where the companion does nothing."""
    return retries_of(observation).limits(command) if is_looked_after(observation) else None


def overdue_at(job: SeenJob, limits: RetryLimits) -> int:
    """The second from which on an attempt that is not finished counts as failed."""
    return job.created_at + limits.attempt_timeout // SECOND + 1


def other_at_work(observation: Observation, command: str) -> SeenJob | None:
    """A Job of another subcommand that is not finished; commands run one at a time."""
    name = observation.backup.metadata.name
    others = {log_job_name(name, each.value) for each in LogCommand if each != command}
    return next((each for each in observation.jobs if each.job.metadata.name in others and each.at_work), None)


@lru_cache(maxsize=1024)
def _policy(text: str) -> tuple[LogBackupRetryPolicy | None, InputError | None]:
    try:
        return LogBackupRetryPolicy.from_text(text, Place(path=f"metadata.annotations[{POLICY_ANNOTATION}]")), None
    except InputError as error:
        return None, error


@lru_cache(maxsize=4096)
def _status(text: str) -> tuple[LogRetryStatus, InputError | None]:
    if not text:
        return NO_RETRIES, None
    place = Place(path=f"metadata.annotations[{STATUS_ANNOTATION}]")
    try:
        found = LogRetryStatus.from_json(text, place)
        for number, record in enumerate(found.records):
            _whole(record, number, place)
    except InputError as error:
        return NO_RETRIES, error
    return found, None


def _records_of(backup: Backup) -> tuple[LogRetryStatus, InputError | None]:
    """What its annotation says; nothing where it is a copy of another Backup's."""
    status, wrong = _status((backup.metadata.annotations or _NONE).get(STATUS_ANNOTATION, ""))
    return (status, wrong) if status.backup_uid in ("", backup.metadata.uid) else (NO_RETRIES, None)


def _whole(record: LogRetryRecord, number: int, place: Place) -> None:
    at = f"{place.path}.records[{number}]"
    for field, value in (("detectFailedAt", record.detect_failed_at), ("expectedRetryAt", record.expected_retry_at)):
        if value is None:
            found = Place(path=f"{at}.{field}")
            raise InputError("a retry record has no time", expected="an RFC 3339 time", place=found)
    times = (record.detect_failed_at, record.expected_retry_at, record.real_retry_at)
    if any((time_of(each) or 0) > LATEST for each in times):
        raise InputError("no clock is that far", expected=f"times up to {text_of(LATEST)}", place=Place(path=at))
    for field, count in (("retryNum", record.retry_num), ("episode", record.episode)):
        if count < 1:
            raise InputError(f"found {count}", expected="at least 1", place=Place(path=f"{at}.{field}"))


# ------------------------------------------------------------------ where a command stands


def retried_state(observation: Observation, command: str, plain: str, job: SeenJob | None) -> str:
    """Where a command stands under the policy. `plain` is where it stands without one, `job` that of its run."""
    retries = retries_of(observation)
    last = retries.status.last
    if retries.limits(command) is None:
        return plain
    sub = observation.backup.status.log_sub_command_statuses.get(command)
    if plain == "wished" and _is_resumed(observation.backup, retries, command):
        plain = "aborted"
    if plain == "repeatable" and command == current_command(observation.backup) and job is not None and job.at_work:
        plain = "scheduled"  # its Scheduled was never written
    if last is None or last.command != command or plain in ("complete", "repeatable", "invalid"):
        return plain
    off = is_off(observation.backup, last)
    if command != current_command(observation.backup):
        gone = job is None and off
        return "superseded" if plain in ("failed", "aborted") or gone or _is_handed_over(sub, last) else plain
    if off or last.mended_at is not None or _is_another(job, last) or is_done(sub, last):
        return plain
    if last.real_retry_at is not None:
        if not (_is_handed_over(sub, last) or is_hidden(plain, job, last)):
            return plain
        stands_still = (job is not None and not job.gone) or retries.status.reason == NOT_TAKEN_UP
        return "held" if retries.status.state == "held" and stands_still else "retrying"
    if plain == "wished":
        return plain
    standing = retries.status.state
    return standing if standing in WAITING and standing != "retrying" else "backoff_waiting"


def is_off(backup: Backup, record: LogRetryRecord) -> bool:
    """Something else was wished before it was done: a truncation to another point is another wish too."""
    elsewhere = record.log_truncating_until not in ("", backup.spec.log_truncate_until)
    return record.superseded_at is not None or (record.command == LogCommand.TRUNCATE and elsewhere)


def _is_handed_over(sub: LogSubCommandStatus | None, last: LogRetryRecord) -> bool:
    """The retry has begun, and the operator is yet to write of the next attempt."""
    marked = sub is not None and sub.phase == Phase.RETRY_FAILED
    return last.real_retry_at is not None and marked and not is_done(sub, last)


def is_done(sub: LogSubCommandStatus | None, last: LogRetryRecord) -> bool:
    """The command was complete after the failure: what has failed since is a failure of its own."""
    begun, detected = time_of(last.real_retry_at), time_of(last.detect_failed_at) or 0
    completed = completed_at(sub)
    return completed > detected if begun is None else completed >= begun


def completed_at(sub: LogSubCommandStatus | None) -> int:
    """When the command was complete last (Unix seconds), 0 where it never was; by the clock of who wrote that."""
    conditions = () if sub is None else sub.conditions
    times = (time_of(each.last_transition_time) or 0 for each in conditions if each.type == Phase.COMPLETE)
    return min(max(times, default=0), LATEST)


def written_at(sub: LogSubCommandStatus) -> int:
    """When something was last written of the command (Unix seconds), 0 where nothing was."""
    return max((time_of(each.last_transition_time) or 0 for each in sub.conditions), default=0)


def _is_another(job: SeenJob | None, last: LogRetryRecord) -> bool:
    """A Job of the command is there that has not to do with the record. Of one that names no Job only a Job at work is
    surely another one's."""
    if job is None or job.gone or job.uid == last.job_uid:
        return False
    return bool(last.job_uid) or not job.finished


def is_hidden(plain: str, job: SeenJob | None, last: LogRetryRecord) -> bool:
    """What the sub-status says is a late word of the attempt that has failed already: its Job is there still."""
    return plain in ("failed", "aborted", "scheduled", "preparing", "running") and _is_of(job, last)


def _is_of(job: SeenJob | None, last: LogRetryRecord) -> bool:
    return job is not None and not job.gone and job.uid == last.job_uid


def is_error_pause(backup: Backup) -> bool:
    """The operator found that TiKV has paused the task of a started backup because of an error, and says so (6.5)."""
    sub = backup.status.log_sub_command_statuses.get(LogCommand.START.value)
    if not backup.status.commit_ts or sub is None:
        return False
    failed = next((each for each in sub.conditions if each.type == Phase.RETRY_FAILED), None)
    marked = sub.phase == Phase.RETRY_FAILED == backup.status.phase
    return marked and failed is not None and failed.reason == ERROR_PAUSE


def _is_resumed(backup: Backup, retries: Retries, command: str) -> bool:
    """The policy has a task resumed that an error has paused."""
    resumed = retries.policy is not None and retries.policy.on_error_pause is OnErrorPause.RESUME
    return command == LogCommand.START and resumed and is_error_pause(backup)


# ------------------------------------------------------------------ what the machine knows


def policy_for(observation: Observation, command: str) -> LogPolicy:
    """The policy for a command as the machine has it."""
    retries = retries_of(observation)
    limits = retries.limits(command)
    if limits is None or retries.policy is None:
        return LogPolicy()
    seed = f"{observation.backup.metadata.uid}/{command}/{episode_of(observation, command)}"
    return LogPolicy(limits, seed, retries.policy.non_retryable_reasons)


def records_for(observation: Observation, command: str) -> tuple[Record, ...]:
    """The records of the command's present failure episode; none where the next failure would begin one."""
    retries = retries_of(observation)
    if retries.limits(command) is None or not _goes_on(observation, command):
        return ()
    return tuple(_record(each) for each in retries.status.episode(command) if each.mended_at is None)


def episode_of(observation: Observation, command: str) -> int:
    """The number of the present failure episode, or of the one that the next failure would begin."""
    status = retries_of(observation).status
    if _goes_on(observation, command):
        return status.episode(command)[-1].episode
    return max((each.episode for each in status.records), default=0) + 1


def _goes_on(observation: Observation, command: str) -> bool:
    """The command's newest episode is still the present one: not mended, superseded or long healthy, whatever other
    commands have failed meanwhile."""
    retries = retries_of(observation)
    episode, limits = retries.status.episode(command), retries.limits(command)
    if not episode or limits is None:
        return False
    last = episode[-1]
    if last.mended_at is not None or is_off(observation.backup, last):
        return False
    sub = observation.backup.status.log_sub_command_statuses.get(command)
    return not is_done(sub, last) or _healthy(observation, command) * SECOND < limits.reset_after


def _healthy(observation: Observation, command: str) -> int:
    """Seconds for which the command was complete, before anything else was seen of it."""
    sub = observation.backup.status.log_sub_command_statuses.get(command)
    if sub is None:
        return 0
    times = {each.type: time_of(each.last_transition_time) or 0 for each in sub.conditions}
    completed = times.get(Phase.COMPLETE, 0)
    job = newest_of(observation, command)
    ended = job.job.status.condition("Failed") if job is not None else None
    seen = [*times.values(), *((time_of(ended.last_transition_time) or 0,) if ended is not None else ())]
    seen += [job.created_at] if job is not None else []
    later = [at for at in seen if at > completed]
    return min(later, default=completed) - completed


def newest_of(observation: Observation, command: str) -> SeenJob | None:
    """The newest Job of a command, gone or not."""
    return observation.newest(log_job_name(observation.backup.metadata.name, command))


def _record(written: LogRetryRecord) -> Record:
    detected, expected = time_of(written.detect_failed_at), time_of(written.expected_retry_at)
    assert detected is not None
    assert expected is not None  # seen to when the annotation was read
    real = time_of(written.real_retry_at)
    return Record(written.retry_num, detected, expected, real, written.retry_reason, written.original_reason)


def happened_of(backup: Backup) -> list[str | None]:
    """The times at which, as the records tell, something has happened: never a plan. None of what cannot be read."""
    status, _ = _records_of(backup)
    times = [status.since]
    for each in status.records:
        times += (each.detect_failed_at, each.real_retry_at, each.mended_at, each.superseded_at)
    return times


def attempt_of(observation: Observation, command: str, state: str) -> int:
    """The number of a command's latest Job in its newest episode; while a retry begins, that of the one before."""
    last = retries_of(observation).status.last
    begins = state in WAITING and last is not None and last.command == command and last.real_retry_at is not None
    return performed_of(observation.backup, command) - begins


def performed_of(backup: Backup, command: str) -> int:
    """Retries that began in the newest episode of a command; of a long one not all records are kept."""
    status, _ = _records_of(backup)
    return retries_begun([_record(each) for each in status.episode(command)])
