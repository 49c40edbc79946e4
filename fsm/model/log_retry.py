"""`LogBackupRetryPolicy`: how a failed subcommand of a log backup is retried, and the records of its retries.

The operator knows neither. The policy is an annotation of the Backup, or a default from a file; the records are an
annotation too, because the CRD prunes fields that it does not know.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from fsm.errors import InputError, Place
from fsm.model.base import Bool, Int, Model
from fsm.model.command import LogCommand
from fsm.model.duration import SECOND, format_duration, parse_duration
from fsm.model.instant import Time
from fsm.model.policy import BackoffRetryRecord
from fsm.model.problems import CONTRADICTION, errors_of

POLICY_ANNOTATION = "backup-fsm.dev/log-retry-policy"
STATUS_ANNOTATION = "backup-fsm.dev/log-retry-status"

MOST_RECORDS = 10
"""As many records are kept, the newest; of an episode that is longer, its first one too."""


class OnErrorPause(StrEnum):
    """What is done about a task that TiKV has paused because of an error."""

    HOLD = "Hold"
    RESUME = "Resume"


class OnExhausted(StrEnum):
    """What an exhausted policy means: go on looking, or say Failed and look no more."""

    HOLD = "Hold"
    FAIL = "Fail"


# ------------------------------------------------------------------ what is in force for one command


class RetryLimits(NamedTuple):
    """The policy for one command, durations in nanoseconds, `jitter` in percent. Retries are counted from 1."""

    max_times: int
    min_duration: int
    max_duration: int
    jitter: int
    timeout: int
    attempt_timeout: int
    reset_after: int

    def base(self, retry: int) -> int:
        """The delay before a retry without its jitter: doubled each time, up to what leaves room for the jitter."""
        most = max(self.max_duration * 100 // (100 + self.jitter), self.min_duration)
        doublings = min(retry - 1, (most // self.min_duration).bit_length())
        return min(self.min_duration << doublings, most)

    def delay(self, retry: int, seed: str) -> int:
        """The delay before a retry: at least the minimum, at most the maximum, the same for the same seed."""
        base = self.base(retry)
        fraction = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
        return min(base + base * self.jitter * fraction // (100 << 64), self.max_duration)

    def longest(self) -> int:
        """All delays together, each with all its jitter and up to the full second in which its retry is expected: what
        the retries take where every attempt fails at once."""
        total, retry = 0, 1
        while retry <= self.max_times and (retry == 1 or self.base(retry) > self.base(retry - 1)):
            total, retry = total + self._longest(retry), retry + 1
        return total + max(self.max_times - retry + 1, 0) * self._longest(retry)

    def _longest(self, retry: int) -> int:
        base = self.base(retry)
        return -(-min(base + base * self.jitter // 100, self.max_duration) // SECOND) * SECOND


# ------------------------------------------------------------------ the policy as it is written


_EXPECTED = "a LogBackupRetryPolicy"


def _duration(text: str) -> str:
    try:
        nanoseconds = parse_duration(text)
    except InputError as error:
        raise PydanticCustomError("duration", "{expected}", {"expected": error.expected}) from None
    if nanoseconds < SECOND:
        raise PydanticCustomError("duration", "{expected}", {"expected": "a duration of at least 1s"})
    return text


Duration = Annotated[str, AfterValidator(_duration)]
"""Go text of at least a second, kept as it was given."""
Times = Annotated[Int, Field(ge=0, le=2**31 - 1)]
Percent = Annotated[Int, Field(ge=0, le=100)]


class _Strict(Model):
    """A value in which a key that is not known is an error: a misspelt limit would be no limit."""

    model_config = ConfigDict(extra="forbid")


class CommandRetryPolicy(_Strict):
    """What is different for one command; a key that is absent is as in the policy."""

    max_retry_times: Times | None = None
    min_retry_duration: Duration | None = None
    max_retry_duration: Duration | None = None
    jitter: Percent | None = None
    retry_timeout: Duration | None = None
    attempt_timeout: Duration | None = None
    reset_after: Duration | None = None


RETRIED = tuple(each for each in LogCommand if each is LogCommand.START or each.settles is not None)
"""What is retried where `commands` does not say: a look at the task tells whether a retry is needed."""

_TRUNCATE = {"min_retry_duration": "5m", "max_retry_duration": "1h", "retry_timeout": "24h", "attempt_timeout": "6h"}
"""A truncation is long, and leaves a lock in the storage when it is killed."""


class LogBackupRetryPolicy(_Strict):
    """How failed subcommands of a log backup are retried. Durations are Go text of at least a second.

    `maxRetryTimes` a failure episode, 0 for none. The delay before a retry is `minRetryDuration`, doubled each time up
    to what leaves room for the jitter below `maxRetryDuration`, plus up to `jitter` percent. No retry begins later than
    `retryTimeout` after the first failure of the episode was detected; that clock counts everything, attempts and
    suspension too. An attempt that is not finished `attemptTimeout` after its Job was created counts as failed. A
    command that has been complete for `resetAfter` begins a new episode when it fails; where that is not given, it is
    no longer than `retryTimeout`. `commands`: which are retried, and what is different for each; it is the only way to
    have log-truncate retried.

    It is valid as a whole or not at all: see `contradictions_of`.
    """

    max_retry_times: Times = 5
    min_retry_duration: Duration = "30s"
    max_retry_duration: Duration = "10m"
    jitter: Percent = 20
    retry_timeout: Duration = "6h"
    attempt_timeout: Duration = "10m"
    reset_after: Duration = "30m"
    commands: Mapping[LogCommand, CommandRetryPolicy] = Field(default={each: CommandRetryPolicy() for each in RETRIED})
    non_retryable_reasons: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    on_error_pause: OnErrorPause = OnErrorPause.HOLD
    on_exhausted: OnExhausted = OnExhausted.HOLD
    suspend: Bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for path, problem, expected in contradictions_of(self):
            context = {"path": path, "problem": problem, "expected": expected}
            raise PydanticCustomError(CONTRADICTION, "{problem}", context)
        return self

    @classmethod
    def from_text(cls, text: str, place: Place | None = None) -> Self:
        """The policy of a JSON or YAML text; an InputError says what is wrong, and where.

        An empty text is none: a policy that was lost on its way must not switch retries on.
        """
        from fsm.model.strict_text import data_of  # spares PyYAML where no policy is read

        try:
            data = data_of(text, _EXPECTED, place)
            if data is None:
                raise InputError("this is empty, or null", expected="{} for a policy with all defaults", place=place)
            return cls.model_validate(data, by_alias=True, by_name=False)
        except ValidationError as error:
            raise errors_of(error, place)[0] from None
        except RecursionError:
            raise InputError("it is nested too deep", expected=_EXPECTED, place=place) from None

    def limits_of(self, command: str) -> RetryLimits | None:
        """What is in force for a command, None where it is not retried."""
        known = next((each for each in LogCommand if each == command), None)
        return None if known is None or known not in self.commands else _limits(self, known)


def _limits(policy: LogBackupRetryPolicy, command: LogCommand) -> RetryLimits:
    own = policy.commands[command]
    usual = _TRUNCATE if command is LogCommand.TRUNCATE else {}

    def of(field: str) -> Any:
        given = getattr(own, field)
        if given is None:
            given = getattr(policy, field) if field in policy.model_fields_set or field not in usual else usual[field]
        return given

    timeout, reset_after = parse_duration(of("retry_timeout")), parse_duration(of("reset_after"))
    if own.reset_after is None and "reset_after" not in policy.model_fields_set:
        reset_after = min(reset_after, timeout)
    return RetryLimits(
        max_times=of("max_retry_times"),
        min_duration=parse_duration(of("min_retry_duration")),
        max_duration=parse_duration(of("max_retry_duration")),
        jitter=of("jitter"),
        timeout=timeout,
        attempt_timeout=parse_duration(of("attempt_timeout")),
        reset_after=reset_after,
    )


def contradictions_of(policy: LogBackupRetryPolicy) -> list[tuple[str, str, str]]:
    """What in a policy cannot be meant: (path, a sentence, what was expected), empty where there is nothing."""
    if not policy.commands and policy.max_retry_times:
        return [("commands", "no command is retried", "a command, or maxRetryTimes: 0 to switch retries off")]
    return [found for command in policy.commands for found in _of_command(policy, command)]


def _of_command(policy: LogBackupRetryPolicy, command: LogCommand) -> list[tuple[str, str, str]]:
    limits = _limits(policy, command)
    least, most = format_duration(limits.min_duration), format_duration(limits.max_duration)
    if limits.max_duration < limits.min_duration:
        problem = f"{command}: maxRetryDuration {most} is shorter than minRetryDuration {least}"
        return [(_path(policy, command, "max_retry_duration"), problem, f"at least {least}")]
    if not limits.max_times:
        return []  # nothing has to fit
    timeout, after = format_duration(limits.timeout), format_duration(limits.reset_after)
    needed = limits.longest() + limits.max_times * SECOND  # a retry begins in a later second than it is expected in
    if needed > _LONGEST:
        problem = f"{command}: no retryTimeout leaves room for {limits.max_times} retries"
        return [(_path(policy, command, "max_retry_times"), problem, "fewer retries, or shorter delays")]
    if needed > limits.timeout:
        problem = (
            f"{command}: retryTimeout {timeout} leaves no room for {limits.max_times} retries, "
            f"whose delays alone may take {format_duration(needed)}"
        )
        expected = f"at least {format_duration(needed)}, or fewer retries"
        return [(_path(policy, command, "retry_timeout"), problem, expected)]
    if limits.reset_after > limits.timeout:
        problem = (
            f"{command}: resetAfter {after} is longer than retryTimeout {timeout}; a failure in between comes too late"
        )
        return [(_path(policy, command, "reset_after"), problem, f"at most {timeout}, or a longer retryTimeout")]
    return []


_LONGEST = 2**63 - 1
"""Nanoseconds of the longest duration that Go can hold."""


def _path(policy: LogBackupRetryPolicy, command: LogCommand, field: str) -> str:
    """Where to mend it: with the command where that says something of its own."""
    words = field.split("_")
    name = words[0] + "".join(map(str.capitalize, words[1:]))
    return name if getattr(policy.commands[command], field) is None else f"commands.{command}.{name}"


# ------------------------------------------------------------------ the records


class LogRetryRecord(BackoffRetryRecord):
    """One failure of a subcommand and what came of it. `retryNum` is 1-based in its episode, episodes count on.

    `jobUid` is the Job that failed, "" where no Job did or it was never seen; `cause` is its pod's. At most one of
    `realRetryAt` (a retry began) and `mendedAt` (the wish was found to hold already) is set; `supersededAt` says that
    something else was wished before this was done: another command, or a truncation to another point than
    `logTruncatingUntil`.
    """

    episode: Int = 1
    command: str = ""
    job_uid: str = ""
    cause: str = ""
    log_truncating_until: str = ""
    mended_at: Time | None = None
    superseded_at: Time | None = None

    @property
    def is_open(self) -> bool:
        """Nothing has come of it yet."""
        return self.real_retry_at is None and self.mended_at is None and self.superseded_at is None


class LogRetryStatus(Model):
    """The annotation: the records, oldest first, and where the last one stands while nothing has come of it.

    `state` is an id of the log machine's lane, `reason` and `message` say why it is held or ended, `since` is when it
    came there. `mends` are the last times at which a started log backup was mended that was not on record as failed.
    `backupUid` is whose they are: a Backup that is created from a copy of another has no failures yet.
    """

    records: tuple[LogRetryRecord, ...] = ()
    mends: tuple[Time, ...] = ()
    backup_uid: str = ""
    state: str = ""
    reason: str = ""
    message: str = ""
    since: Time | None = None

    def to_text(self) -> str:
        """The text of the annotation: always the same for the same status."""
        return json.dumps(self.to_json(), separators=(",", ":"), sort_keys=True)

    @property
    def last(self) -> LogRetryRecord | None:
        """The newest record."""
        return self.records[-1] if self.records else None

    def episode(self, command: str) -> tuple[LogRetryRecord, ...]:
        """The records of the command's newest episode."""
        mine = [each for each in self.records if each.command == command]
        return tuple(each for each in mine if each.episode == mine[-1].episode)

    def with_record(self, record: LogRetryRecord) -> Self:
        """With one more; the oldest go, but of each command's newest episode neither the first nor the last."""
        status = self.with_(records=(*self.records, record))
        while len(status.records) > MOST_RECORDS:
            oldest = status._dispensable()
            status = status.with_(records=tuple(each for each in status.records if each is not oldest))
        return status

    def _dispensable(self) -> LogRetryRecord:
        """The oldest record that nothing rests on; there is one where there are more than two a command."""
        ends = {id(end) for command in LogCommand for end in _ends(self.episode(command))}
        return next((each for each in self.records if id(each) not in ends), self.records[0])

    def with_mend(self, at: str) -> Self:
        """With one more time at which a started log backup was mended."""
        return self.with_(mends=(*self.mends[1 - MOST_RECORDS :], at))

    def with_superseded(self, record: LogRetryRecord, at: str) -> Self:
        """With that record closed: something else is wished."""
        closed = record.with_(superseded_at=at)
        return self.with_(records=tuple(closed if each is record else each for each in self.records))

    def with_last(self, **changes: Any) -> Self:
        """With the newest record changed."""
        return self.with_(records=(*self.records[:-1], self.records[-1].with_(**changes)))


def _ends(records: tuple[LogRetryRecord, ...]) -> tuple[LogRetryRecord, ...]:
    return (records[0], records[-1]) if records else ()


NO_RETRIES = LogRetryStatus()
