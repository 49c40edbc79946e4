"""What is still to come of a failed subcommand of a log backup: which retry of how many, when, and until when.

Pure, and from the objects alone: what the task does only the companion sees, and it writes what follows from that into
the annotation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fsm.adapter.log import command_state_of
from fsm.adapter.log_retry import limits_in_force, records_for, retries_of
from fsm.adapter.observation import Observation
from fsm.model import SECOND, text_of

_STANDING = ("backoff_waiting", "verifying", "held")


class Outlook(NamedTuple):
    """The retries of one command in its present failure episode, times in Unix seconds.

    `number` is the retry that is planned, or the last one that began (1-based, 0: none), of at most `of`.
    `expected_at` is when it is planned for, None where none is. No retry begins after `timeout_at`, None where the
    episode has no failure yet. `attempts_left` are the retries that can still begin. `held` is what holds the planned
    one, "" where nothing does. `reason` and `cause` are those of the last failure, `cause` its pod's.
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
        return self.number > self.of or self.is_late(now)

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


def outlook_of(observation: Observation, command: str) -> Outlook | None:
    """The outlook of a command; None where no policy that is in force retries it."""
    limits = limits_in_force(observation, command)
    if limits is None:
        return None
    state, status = command_state_of(observation, command), retries_of(observation).status
    records = () if state == "superseded" else records_for(observation, command)
    last = status.last
    if not records or last is None:
        return Outlook(0, limits.max_times, attempts_left=limits.max_times)
    newest = records[-1]
    stands, ended = state in _STANDING, state in ("exhausted", "timed_out")
    begun = newest.number - (newest.real is None)
    return Outlook(
        number=newest.number if stands else begun,
        of=limits.max_times,
        expected_at=newest.expected if stands and newest.real is None else None,
        timeout_at=records[0].detected + limits.timeout // SECOND,
        attempts_left=0 if ended else max(limits.max_times - begun, 0),
        held=status.reason if state == "held" else "",
        reason=newest.original,
        cause=last.cause,
    )
