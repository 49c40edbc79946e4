"""Random contexts and events for every machine: the odd corners of policies, records, commands and uids."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from fsm.kernel import Event, Machine, MachineState
from fsm.kernel.judge import WALKS_START_AT, Agreement, Disagreement, compared
from fsm.machines import CommandState, JobContext, LogContext, LogPolicy, Policy, Record, RunContext
from fsm.machines.log import TASK_NOT_FOUND
from fsm.machines.log_retry import WAITING
from fsm.model import HOUR, MINUTE, SECOND, LogCommand, RetryLimits

MINIMA = (None, 0, 1, SECOND // 2, SECOND, 300 * SECOND, -SECOND, -300 * SECOND, 1 << 62)
TIMEOUTS = (None, 0, SECOND // 2, -SECOND // 2, -90 * SECOND, 5 * SECOND, 30 * MINUTE, 10_000 * SECOND)
MAXIMA = (-1, 0, 1, 2, 5)
WITH_RECORDS = (*WAITING, "backoff_waiting", "retrying")
"""States that are only entered with a failure on record."""

UIDS = ("", "uid-1", "uid-2")
REASONS = ("", "BackoffLimitExceeded", "OOMKilled")
COMMAND_STATES = ("scheduled", "preparing", "running", "failed", "aborted", "invalid", "complete", "repeatable")
RETRIED_STATES = (*COMMAND_STATES, *WAITING, "superseded")


def _policy(rng: random.Random) -> Policy:
    if rng.random() < 0.4:
        return Policy()
    return Policy(rng.choice(MINIMA), rng.choice(MAXIMA), rng.choice(TIMEOUTS))


def _record(rng: random.Random, number: int) -> Record:
    detected = WALKS_START_AT - rng.choice((0, 1, 300, 1801, 5000))
    expected = detected + rng.choice((-10, 0, 1, 300, 600))
    real = rng.choice((None, None, WALKS_START_AT, WALKS_START_AT - 1))
    return Record(number, detected, expected, real, rng.choice(REASONS), rng.choice(REASONS))


def _run_context(rng: random.Random, leaf: str) -> RunContext:
    records = tuple(
        _record(rng, number) for number in range(1, rng.choice((1, 2, 3) if leaf in WITH_RECORDS else (0, 0, 1, 2)) + 1)
    )
    return RunContext(
        _policy(rng), rng.randrange(3), rng.choice(UIDS), records, *(rng.choice(REASONS) for _ in range(3))
    )


def _log_policy(rng: random.Random) -> LogPolicy:
    """None, one that is switched off, or one whose limits are soon reached."""
    if rng.random() < 0.15:
        return LogPolicy()
    limits = RetryLimits(
        max_times=rng.choice((0, 1, 1, 2, 5)),
        min_duration=rng.choice((SECOND, 30 * SECOND, 90 * SECOND)),
        max_duration=rng.choice((90 * SECOND, HOUR)),
        jitter=rng.choice((0, 20, 100)),
        timeout=rng.choice((5 * SECOND, 30 * MINUTE, 10_000 * SECOND, 10_000 * SECOND)),
        attempt_timeout=10 * MINUTE,
        reset_after=30 * MINUTE,
    )
    return LogPolicy(limits, rng.choice(UIDS), rng.choice(((), ("OOMKilled",))))


def _log_context(rng: random.Random, leaf: str) -> LogContext:
    known = rng.sample([each.value for each in LogCommand], rng.randrange(4))
    commands = tuple(sorted(CommandState(each, rng.choice(RETRIED_STATES)) for each in known))
    number = rng.choice((1, 1, 2, 3) if leaf in WITH_RECORDS else (0, 1, 2, 3))
    return LogContext(
        command=rng.choice(list(LogCommand)).value,
        attempt=rng.randrange(2),
        job=rng.choice(UIDS),
        commands=commands,
        commit_ts=rng.choice(("", "456")),
        reason=rng.choice(REASONS),
        policy=_log_policy(rng),
        records=tuple(_record(rng, each) for each in range(1, number + 1)),
    )


def _job_context(rng: random.Random, leaf: str) -> JobContext:
    return JobContext(rng.choice(REASONS), rng.choice(REASONS))


def _event(rng: random.Random, name: str, now: int, context: Any) -> Event:
    """Most often about the Job and the command at hand, sometimes about another or none."""
    uid = getattr(context, "job", "") if rng.random() < 0.3 else rng.choice(UIDS)
    subject = rng.choice([each.value for each in LogCommand])
    reasons = (*REASONS, TASK_NOT_FOUND) if name == "aborted" else REASONS
    return Event(name, now, subject, uid, rng.choice(reasons), rng.choice(("", "a message")))


class Life(NamedTuple):
    """How to draw a machine's contexts, for a leaf that is active, and its events."""

    context_of: Callable[[random.Random, str], Any]
    event_of: Callable[[random.Random, str, int, Any], Event] = _event


LIVES: dict[str, Life] = {
    "snapshot": Life(_run_context),
    "log": Life(_log_context),
    "volume_snapshot": Life(_run_context),
    "job": Life(_job_context),
}


def random_start(machine: Machine) -> Callable[[random.Random], MachineState]:
    """A function that draws a state to start in: half of them new, the others anywhere."""

    def start(rng: random.Random) -> MachineState:
        configuration = machine.initial if rng.random() < 0.5 else rng.choice(machine.configurations)
        leaf = machine.leaves(configuration)[-1]
        return MachineState(configuration, LIVES[machine.name].context_of(rng, leaf))

    return start


def judged(machine: Machine, events: int, seed: int) -> Agreement | Disagreement:
    """A random walk of a machine, judged by the library."""
    return compared(machine, events, seed, random_start(machine), LIVES[machine.name].event_of, restart=0.05)
