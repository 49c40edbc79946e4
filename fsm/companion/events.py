"""Which event of the log chart has come for the current command, by one sighting. Pure; the chart says what follows."""

from __future__ import annotations

from fsm.adapter.log_facts import OVERDUE, UNWRITTEN, VANISHED
from fsm.adapter.log_retry import is_error_pause
from fsm.companion.case import Case, job_must_go
from fsm.companion.looking import BY_TASK, Finding, Look
from fsm.kernel import Event, MachineState
from fsm.machines import LOG, LogContext
from fsm.model import LogCommand, OnExhausted, Phase, format_duration
from fsm.rules import log_job_name

PATIENCE = 60
"""Seconds for which a Job that is being deleted may wait for its pods before that is said to hold the retry."""

SILENCE = 1200
"""Seconds within which an operator that works has tried whatever it met once more: its queue waits at most 1,000."""

AT_WORK = ("scheduled", "preparing", "running")
ENDED = ("exhausted", "timed_out")


def event_of(case: Case, state: MachineState) -> Event | None:
    """The event that has come for the current command, None where there is none."""
    leaf, context = lane_of(state), state.context
    if case.limits is None or leaf == "invalid":
        return None
    if leaf in AT_WORK:
        return _of_work(case)
    if leaf == "idle":
        return _completed(case) if is_forgotten(case) and case.holds() else None
    if not case.policy.suspend and leaf not in ended_for_good(case) and case.holds():
        return _completed(case)
    if leaf in ("failed", "aborted"):
        return _of_failure(case, leaf, context)
    if context.records[-1].real is not None:
        return _of_retry(case, leaf, context)
    return _of_waiting(case, state, leaf)


def _of_work(case: Case) -> Event | None:
    name = log_job_name(case.observation.backup.metadata.name, case.command)
    if case.job is None and case.is_of_an_older_wish:
        return None
    if case.job is None:
        gone = f"Job {name} was removed before it had finished"
        return Event("job_vanished", case.now, reason=VANISHED, message=gone)
    if case.job.finished:
        said = f"Job {name} has ended, and its program's result was never written"
        return Event("job_failed", case.now, reason=UNWRITTEN, message=said, uid=case.job.uid)
    if not case.is_overdue or case.is_on_record:
        return None
    assert case.limits is not None  # or nothing would be overdue
    after = format_duration(case.limits.attempt_timeout)
    said = f"Job {name} was not finished {after} after it was created"
    return Event("attempt_overdue", case.now, uid=case.job.uid, reason=OVERDUE, message=said)


def _of_failure(case: Case, leaf: str, context: LogContext) -> Event | None:
    """A failure is its Job's: before that has ended or takes too long nothing is recorded. What the operator says while
    the task shows otherwise, or cannot be seen, is no failure: it repeats what it saw up to a minute ago."""
    if case.unfinished is not None and not case.is_overdue:
        return None
    if case.unfinished is None and case.is_believed and case.look().look in (Look.HOLDS, Look.UNSEEN):
        return None
    reason, message = case.failure(leaf, context)
    return Event("failure_recorded", case.now, reason=reason, message=message)


def _of_retry(case: Case, leaf: str, context: LogContext) -> Event | None:
    """The operator has it: it removes the finished Job and makes the next one."""
    found = _stands_still(case, context)
    if found is None or (leaf == "held" and found.reason == context.reason):
        return None
    return _blocked(case, found)


def _stands_still(case: Case, context: LogContext) -> Finding | None:
    if case.terminating_since is not None and case.job is not None:
        return job_must_go(case.job, case.is_overdue) if case.now >= case.terminating_since + PATIENCE else None
    return case.not_taken_up(_begun_at(context)) if case.now >= silent_from(context) else None


def silent_from(context: LogContext) -> int:
    """The second from which on a retry that was handed over and not taken up is held."""
    return _begun_at(context) + SILENCE


def _begun_at(context: LogContext) -> int:
    return context.records[-1].real or 0


def _of_waiting(case: Case, state: MachineState, leaf: str) -> Event | None:
    tick = Event("tick", case.now)
    if leaf in ENDED:
        return None if _is_over(state, case.now) else Event("released", case.now)
    obstacle = case.obstacle(state.context)
    hopeless = obstacle is not None and obstacle.reason == "NotRetryable"
    if _is_over(state, case.now) and not hopeless:
        return tick
    if obstacle is None and leaf == "verifying":
        return _of_look(case, case.look())
    if obstacle is None and leaf == "held":
        return _of_hold(case, state)
    if obstacle is None:
        return tick if _is_due(state, case.now) else None
    return None if leaf == "held" and obstacle.reason == state.context.reason else _blocked(case, obstacle)


def _of_look(case: Case, found: Finding) -> Event | None:
    if found.look is Look.MAY_BEGIN:
        return Event("verified", case.now)
    return _blocked(case, found) if found.look is Look.BLOCKED else None


def _of_hold(case: Case, state: MachineState) -> Event | None:
    """Held by what the task showed: while that is so, or the task cannot be seen, it stays held."""
    found = case.look()
    by_task = state.context.reason in BY_TASK
    if by_task and (found.look is Look.UNSEEN or found.reason == state.context.reason):
        return None
    return _blocked(case, found) if by_task and found.look is Look.BLOCKED else Event("released", case.now)


def _blocked(case: Case, found: Finding) -> Event:
    return Event("blocked", case.now, reason=found.reason, message=found.message)


def _completed(case: Case) -> Event:
    started = case.status.commit_ts or case.observation.task_commit_ts
    return Event("completed", case.now, message=started if case.command == LogCommand.START else "")


def is_forgotten(case: Case) -> bool:
    """A log backup that has started and is marked RetryFailed: nothing in the operator ever says Running again (S9)."""
    is_start = case.command == LogCommand.START and bool(case.status.commit_ts) and not case.policy.suspend
    marked = case.sub is not None and case.sub.phase == Phase.RETRY_FAILED == case.status.phase
    return is_start and marked


def ended_for_good(case: Case) -> tuple[str, ...]:
    """The states after which the policy has nobody look any more. None while that would be wrong: the task cannot be
    seen, shows that the wish holds, or is paused by an error, of which the operator's word would be the last."""
    if case.policy.on_exhausted is not OnExhausted.FAIL:
        return ()
    if case.is_given_up:
        return ENDED
    hopeless = case.look().look in (Look.BLOCKED, Look.MAY_BEGIN) and not is_error_pause(case.observation.backup)
    return ENDED if hopeless and not case.policy.suspend else ()


def _is_over(state: MachineState, now: int) -> bool:
    values = _guards(state, now)
    return values["timed_out"] or values["exceeded"]


def _is_due(state: MachineState, now: int) -> bool:
    return _guards(state, now)["retry_is_due"]


def _guards(state: MachineState, now: int) -> dict[str, bool]:
    """What the chart's guards about limits say of the newest record."""
    waiting = LOG.state(LOG.leaves(state.configuration)[0], "backoff_waiting", context=state.context)
    return dict(LOG.guard_values(waiting, Event("tick", now)))


def lane_of(state: MachineState) -> str:
    """The leaf of the lane."""
    return LOG.leaves(state.configuration)[-1]
