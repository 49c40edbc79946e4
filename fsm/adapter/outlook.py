"""What is still to come of a failed subcommand of a log backup: which retry of how many, when, and until when.

Pure, and from the objects alone: what the task does only the companion sees, and it writes what follows from that into
the annotation. The clock comes in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fsm.adapter.log import command_state_of
from fsm.adapter.log_retry import completed_at, limits_in_force, records_for, retries_of
from fsm.adapter.observation import Observation, time_of
from fsm.machines.log_retry import WAITING
from fsm.model import SECOND, RetryLimits, text_of

_ENDED = ("exhausted", "timed_out")


class Outlook(NamedTuple):
    """The retries of one command in its present failure episode, times in Unix seconds.

    `number` is the retry that is planned, or the last one that was used up, by a retry that began or by a Job that the
    operator ran by itself (1-based, 0: none), of at most `of`. `expected_at` is when it is planned for, None where none
    is. No retry begins after `timeout_at`, None where the episode has no failure yet. `attempts_left` are the retries
    that can still begin. `held` is what holds the planned one, "" where nothing does. `reason` and `cause` are those of
    the last failure, `cause` its pod's.
    """

    number: int
    of: int
    expected_at: int | None = None
    timeout_at: int | None = None
    attempts_left: int = 0
    held: str = ""
    reason: str = ""
    cause: str = ""

    def is_over(self, now: int) -> bool:
        """A limit has been passed: the planned retry will not begin."""
        return self.expected_at is not None and bool(self.passed(now))

    def passed(self, now: int) -> tuple[str, ...]:
        """The limits, by their keys in the policy, that the next retry would be beyond."""
        following = self.number if self.expected_at is not None else self.number + 1
        used_up = ("maxRetryTimes",) if following > self.of else ()
        return (*used_up, "retryTimeout") if self.is_late(now) else used_up

    def is_late(self, now: int) -> bool:
        """retryTimeout has passed."""
        return self.timeout_at is not None and now > self.timeout_at

    def to_json(self) -> dict[str, Any]:
        """The `retry` of a command in the answers of `explain` and `replay`."""
        return {
            "number": self.number,
            "of": self.of,
            "expectedAt": None if self.expected_at is None else text_of(self.expected_at),
            "timeoutAt": None if self.timeout_at is None else text_of(self.timeout_at),
            "attemptsLeft": self.attempts_left,
            "held": self.held or None,
            "reason": self.reason or None,
            "cause": self.cause or None,
        }


def outlook_of(observation: Observation, command: str, now: int) -> Outlook | None:
    """The outlook of a command; None where no policy that is in force retries it."""
    limits = limits_in_force(observation, command)
    if limits is None:
        return None
    state, status = command_state_of(observation, command), retries_of(observation).status
    over = state == "superseded" or (state == "complete" and _is_healthy(observation, command, limits, now))
    records = () if over else records_for(observation, command)
    if not records:
        return Outlook(0, limits.max_times, attempts_left=limits.max_times)
    newest = records[-1]
    pending = newest.real is None and state in WAITING
    planned, used_up = pending and state not in _ENDED, newest.number - pending
    timeout_at = records[0].detected + limits.timeout // SECOND
    return Outlook(
        number=newest.number if planned else used_up,
        of=limits.max_times,
        expected_at=newest.expected if planned else None,
        timeout_at=timeout_at,
        attempts_left=0 if now > timeout_at else max(limits.max_times - used_up, 0),
        held=status.reason if state == "held" else "",
        reason=newest.original,
        cause=status.episode(command)[-1].cause,
    )


def _is_healthy(observation: Observation, command: str, limits: RetryLimits, now: int) -> bool:
    """What is complete has been so for resetAfter, since its last retry: its next failure begins a new episode."""
    episode = retries_of(observation).status.episode(command)
    since = time_of(episode[-1].real_retry_at or episode[-1].detect_failed_at) if episode else None
    completed = completed_at(observation.backup.status.log_sub_command_statuses.get(command))
    return completed >= (since or 0) and (now - completed) * SECOND >= limits.reset_after
