"""The decision: what to do now about a snapshot backup, from what is there now. Pure: no memory, no clock.

It could run a snapshot backup in the operator's place. Everything it needs to go on is in the Backup and its Jobs, so
whoever performs its effects may die at any point, repeat them, or lose a requeue.

The order of the effects is part of that. The patch comes first: it is refused where the Backup is not the one that was
looked at, and then nothing else of the decision may be performed. What it says (this failure is recorded, this retry
has begun) is true without the effects behind it, because the state it leads to asks for them again on every look:
`retrying` deletes the failed Job while it is there and creates the next one when it is gone. Deleting first would act
on a sighting that nothing has confirmed. A Job is created before `Scheduled` is written, never after: `Scheduled`
without a Job could not be told from a Job that vanished. A requeue comes last; it is forgotten when the shell dies.
"""

from __future__ import annotations

from fsm.adapter.observation import Observation
from fsm.adapter.patches import Effect, status_patch
from fsm.adapter.snapshot import WORKING, failure_of, policy_of, reading_of, state_of, status_of
from fsm.errors import InputError
from fsm.kernel import Event, MachineState, Step, try_step
from fsm.machines import SNAPSHOT, Policy, RequeueAt, RunContext
from fsm.model import BackoffRetryPolicy, Backup, BackupStatus, Mode, Phase, format_duration, parse_duration
from fsm.rules import job_name, validate_spec

_DECIDED = (Phase.COMPLETE, Phase.FAILED, Phase.INVALID)
_WORKING_LEAVES = frozenset(WORKING.values())


def effects_of(observation: Observation, policy: Policy | None, now: int) -> tuple[Effect, ...]:
    """What to perform now, in this order; after a refusal or an error the rest is dropped, and one looks again.

    `observation` holds the Backup, and every Job that it owns, read after it: a Job that is not there is gone. `policy`
    is the one to go by (None: the spec's). `now` is in Unix seconds. Nothing is done for a Backup that is finished or
    being deleted, for other modes, and for exports (no `spec.br`).

    Where the operator would be stuck this goes on: durations that do not parse count as the CRD's defaults (S8), a Job
    that vanished counts as failed (S7), a failed Job is deleted until it is gone (S1), and a newer Job is recognised
    although `Scheduled` was never written (S3). A retry record without its times is an InputError, a Backup that was
    never stored a UsageError.
    """
    backup = observation.backup
    if not _is_ours(backup) or _is_decided(observation):
        return ()
    looked_at = _under(observation, policy)
    state = state_of(looked_at)
    steps = _steps(looked_at, state, now)
    patch = status_patch(backup, _status(backup.status, [state, *(step.after for step in steps)], now))
    asked = [effect for step in steps for effect in step.effects]
    return (*(() if patch is None else (patch,)), *asked, *_waiting(state, steps))


def _is_ours(backup: Backup) -> bool:
    """A snapshot made with BR: the only one whose Job can be described here."""
    return backup.mode == Mode.SNAPSHOT and backup.spec.br is not None


def _is_decided(observation: Observation) -> bool:
    """Its end is written, or it is being deleted: as the operator, 4.1. Late writes by an old pod change nothing."""
    backup = observation.backup
    deleted = backup.metadata.deletion_timestamp is not None or observation.gone_at is not None
    return deleted or any(backup.status.holds(phase) for phase in _DECIDED)


# ------------------------------------------------------------------ the policy


def _under(observation: Observation, policy: Policy | None) -> Observation:
    """The observation as if its spec had this policy, every duration of it readable."""
    spec = observation.backup.spec
    chosen = policy_of(spec.backoff_retry_policy) if policy is None else policy
    if policy is None and None not in (chosen.min_duration, chosen.timeout):
        return observation
    backup = observation.backup.with_(spec=spec.with_(backoff_retry_policy=_readable(chosen)))
    return observation._replace(backup=backup)


def _readable(policy: Policy) -> BackoffRetryPolicy:
    """The policy in writing, with the CRD's defaults for durations that could not be parsed."""
    default = Policy()
    minimum = default.min_duration if policy.min_duration is None else policy.min_duration
    timeout = default.timeout_text if policy.timeout is None else _text(policy.timeout, policy.timeout_text)
    return BackoffRetryPolicy(
        min_retry_duration=format_duration(minimum or 0), max_retry_times=policy.max_times, retry_timeout=timeout
    )


def _text(duration: int, preferred: str) -> str:
    """The preferred text where it says this duration: messages quote it."""
    try:
        fits = parse_duration(preferred) == duration
    except InputError:
        fits = False
    return preferred if fits else format_duration(duration)


# ------------------------------------------------------------------ the steps


def _steps(observation: Observation, state: MachineState, now: int) -> list[Step]:
    """What the chart does now. An event that it refuses is no step."""
    steps: list[Step] = []
    events = _events(observation, state, now)
    if _is_half_begun(state):
        state = SNAPSHOT.state("backoff_waiting", context=state.context)
    for event in events:
        taken = try_step(SNAPSHOT, state, event)
        if taken is not None:
            steps.append(taken)
            state = taken.after
    return steps


def _events(observation: Observation, state: MachineState, now: int) -> tuple[Event, ...]:
    """What to tell the chart. No effect has to be performed between the events of one look."""
    leaf = _leaf(state)
    if leaf in _WORKING_LEAVES and _has_lost_its_job(observation):
        return (_loss(observation, now), Event("failure_recorded", now))
    if leaf == "failed":
        return (Event("failure_recorded", now),)
    problem = validate_spec(observation.backup) if leaf == "pending" else None
    if problem is not None:
        return (Event("rejected", now, reason="InvalidSpec", message=problem),)
    return (Event("retry_due" if _is_half_begun(state) else "tick", now),)


def _has_lost_its_job(observation: Observation) -> bool:
    """The Backup says that a Job works, and there is none, or only a failed one that is not this attempt's (S7).

    One that has not failed gets the benefit of the doubt, whoever created it and whatever clock stamped it.
    """
    reading = reading_of(observation)
    if reading.job is None or reading.job.gone:
        return True
    return reading.job.failed and not reading.fresh


def _loss(observation: Observation, now: int) -> Event:
    reason, message = failure_of(job_name(observation.backup), reading_of(observation).job)
    return Event("job_vanished", now, reason=reason, message=message)


def _leaf(state: MachineState) -> str:
    return SNAPSHOT.leaves(state.configuration)[-1]


def _is_half_begun(state: MachineState) -> bool:
    """The operator begins a retry in two writes, RetryFailed and then realRetryAt, and was relieved between the two.

    Its limits were tested before the first and are not tested again (5.2). The due time is tested: the phase may also
    be left over from an earlier error, after which the operator does not wait (S26).
    """
    context: RunContext = state.context
    return _leaf(state) == "retrying" and context.records[-1].real is None


def _waiting(state: MachineState, steps: list[Step]) -> tuple[RequeueAt, ...]:
    """When to come back for a retry that the operator has half begun too early."""
    if steps or not _is_half_begun(state):
        return ()
    return (RequeueAt(state.context.records[-1].expected + 1),)


# ------------------------------------------------------------------ the status


def _status(status: BackupStatus, states: list[MachineState], now: int) -> BackupStatus:
    """The status of the last state, grown through what the first one already tells.

    A failed Job was created, even if its `Scheduled` was never written; and while the phase stays RetryFailed the
    record of its failure would read as a retry that has begun.
    """
    first, last = states[0], states[-1]
    if _leaf(first) == "failed" and status.phase not in WORKING:
        status = status_of(SNAPSHOT.state("scheduled", context=first.context), status, now)
    return status_of(last, status, now)
