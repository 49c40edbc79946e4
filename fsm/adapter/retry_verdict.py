"""The verdict on a failed subcommand of a log backup under its retry policy. Pure; the clock comes in.

It takes for granted that the companion runs: then what a look at the Backup leads to moves by itself. Where nothing but
a person can end a hold it is `stuck`; a suspended policy is `waiting`, as whatever a person has stopped on purpose is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fsm.adapter import log
from fsm.adapter.job_verdict import failed_because, job_verdict_of, terminating
from fsm.adapter.judgement import Judgement, Verdict
from fsm.adapter.log_facts import OVERDUE
from fsm.adapter.log_retry import (
    NOT_TAKEN_UP,
    Retries,
    is_error_pause,
    is_looked_after,
    limits_in_force,
    other_at_work,
    overdue_at,
    retries_of,
)
from fsm.adapter.observation import Observation, SeenJob
from fsm.adapter.outlook import Outlook, outlook_of
from fsm.adapter.snapshot import ALREADY_FAILED
from fsm.adapter.traps import Case
from fsm.machines.log import TASK_NOT_FOUND
from fsm.machines.log_retry import WAITING
from fsm.model import (
    POLICY_ANNOTATION,
    STATUS_ANNOTATION,
    LogBackupRetryPolicy,
    LogCommand,
    OnErrorPause,
    OnExhausted,
    Phase,
    RetryLimits,
    text_of,
)
from fsm.rules import is_requeued, log_job_name

STATUS, POLICY = f"metadata.annotations[{STATUS_ANNOTATION}]", f"metadata.annotations[{POLICY_ANNOTATION}]"
_NEXT_LOOK = "at its next look"

ESCAPES = {
    "NotRetryable": "mend the cause, then take the reason off nonRetryableReasons",
    "TaskIsGone": "take a new full backup, delete this Backup and create a new one",
    "TaskIsAbsent": "take a new full backup, delete this Backup and create a new one, or wish log-stop",
    "TaskIsBack": "end the task that was started behind the Backup with `br log stop`",
    "TaskIsPausedByHand": "end the pause with `br log resume` when it is no longer wanted",
    "TaskIsPausedByError": "mend the cause and resume the task with `br log resume`, or set onErrorPause to Resume",
    "CommitTsIsUnknown": "set status.commitTs by hand to where the task starts (`br log status`)",
    "BackupPathIsUnknown": "set status.backupPath by hand to where the task writes (`br log status`)",
    NOT_TAKEN_UP: "read the operator's log; where that says `not found in tracker`, restart the operator",
}
"""What a person can do about a hold that ends in no other way, by its reason."""

_AUTHORS = {
    TASK_NOT_FOUND: "the operator reported that it did not find the task of {}",
    ALREADY_FAILED: "the companion had reported that {} failed for good",
}
"""Who said that a command failed, where that was not its program, by the reason."""

_ANY_HOLD = "bring about what the reason asks for"
_NEW_EPISODE = f"remove the annotation {STATUS_ANNOTATION} for a new episode"
_BY_JOB = (OVERDUE, "JobIsNotFinished", "JobIsTerminating")


def retried_verdict_of(case: Case, command: str, found: str) -> Verdict | None:
    """The verdict on a command that stands at `found`; None where the retry policy has nothing to say about it."""
    observation = case.observation
    limits, retries = limits_in_force(observation, command), retries_of(observation)
    if limits is None or retries.policy is None:
        return _off(command) if found in (*WAITING, "superseded") else None
    is_current = command == case.state.context.command
    if found == "superseded" or (found in ("failed", "aborted") and not is_current):
        return _superseded(command)
    if found == "wished":
        return _marked(case, command, retries.policy) if is_current else None
    outlook = outlook_of(observation, command, case.now)
    judge = _JUDGES.get(found)
    if judge is None or outlook is None:
        return None
    seen = log.job_of(observation, command)
    return judge(_Asked(case, command, found, limits, retries, retries.policy, outlook, seen))


def attempted(case: Case, command: str, verdict: Verdict) -> Verdict:
    """The verdict on a Job at work, to which the policy sees: it counts as failed some day, healthy or not."""
    limits, seen = limits_in_force(case.observation, command), log.job_of(case.observation, command)
    if limits is None or seen is None or command != case.state.context.command:
        return verdict
    if not seen.at_work or seen.job.metadata.deletion_timestamp is not None:
        return verdict
    until = overdue_at(seen, limits)
    evidence = (*verdict.evidence, POLICY)
    if case.now < until:
        if verdict.until is not None and verdict.until < until:
            return verdict  # its own deadline comes first
        judgement = Judgement.WAITING if verdict.verdict is Judgement.STUCK else verdict.verdict
        because = f"{verdict.because}; the attempt counts as failed once attemptTimeout is over"
        return Verdict(judgement, because, until=until, escape=verdict.escape, evidence=evidence)
    because = f"{verdict.because}; attemptTimeout is over, and the companion counts it as failed {_NEXT_LOOK}"
    return Verdict(Judgement.PROGRESSING, because, escape=verdict.escape, evidence=evidence)


def is_left_alone(observation: Observation) -> bool:
    """The companion does nothing about it in spite of its policy, though nobody deletes it."""
    deleted = observation.backup.metadata.deletion_timestamp is not None or observation.gone_at is not None
    return not deleted and not is_looked_after(observation) and retries_of(observation).policy is not None


def unretried(observation: Observation) -> Observation:
    """Without its retry policy."""
    backup = observation.backup
    kept = {key: text for key, text in (backup.metadata.annotations or {}).items() if key != POLICY_ANNOTATION}
    backup = backup.with_(metadata=backup.metadata.with_(annotations=kept))
    return observation._replace(backup=backup, log_policy=None)


def stands_still(observation: Observation, leaf: str) -> bool:
    """No clock moves a lane that stands at `leaf` under a retry policy, whatever its chart says: the companion does
    nothing about it, holds it for its reason, or waits for what holds a retry that has begun."""
    retries = retries_of(observation)
    last = retries.status.last
    held = leaf == "held" and (_is_hopeless(retries) or (last is not None and last.real_retry_at is not None))
    return held or (leaf in WAITING and not is_looked_after(observation))


def unread(case: Case, verdict: Verdict) -> Verdict:
    """The verdict with what is wrong with an annotation that cannot be read: then nothing is retried."""
    problems = retries_of(case.observation).problems
    if not problems or verdict.verdict is Judgement.DONE:
        return verdict
    said = " and ".join(map(str, problems))
    return verdict._replace(
        because=f"{verdict.because}; nothing is retried, because an annotation cannot be read: {said}",
        escape="correct that annotation" + (f"; without retries: {verdict.escape}" if verdict.escape else ""),
        evidence=(*verdict.evidence, *dict.fromkeys(each.place.path for each in problems)),
    )


def reported(case: Case, command: str) -> str:
    """That a command failed, and who has said so."""
    return _AUTHORS.get(_told(case, command)[0], "the program reported that {} failed").format(command)


# ------------------------------------------------------------------ one state each


class _Asked(NamedTuple):
    """What is asked about. `job` is the newest of the command, None where it was not seen."""

    case: Case
    command: str
    found: str
    limits: RetryLimits
    retries: Retries
    policy: LogBackupRetryPolicy
    outlook: Outlook
    job: SeenJob | None

    @property
    def retry(self) -> str:
        """Which retry of what."""
        return f"retry {self.outlook.number} of {self.outlook.of} of {self.command}"

    @property
    def why(self) -> str:
        """Why it failed."""
        cause = f", because its pod: {self.outlook.cause}" if self.outlook.cause else ""
        return f"{self.outlook.reason or 'no reason given'}{cause}"

    @property
    def limit(self) -> str:
        """When the episode ends."""
        return "" if self.outlook.timeout_at is None else f"no retry begins after {text_of(self.outlook.timeout_at)}"

    def verdict(
        self, judgement: Judgement, because: str, until: int | None = None, escape: str | None = None
    ) -> Verdict:
        return Verdict(judgement, because, until=until, escape=escape, evidence=(STATUS, POLICY))

    @property
    def is_over(self) -> bool:
        """A limit has been passed, and at its next look the companion gives it up."""
        return self.outlook.is_over(self.case.now) and not _is_hopeless(self.retries)

    def moving(self, because: str) -> Verdict:
        return self.verdict(Judgement.PROGRESSING, because)


def _off(command: str) -> Verdict:
    because = f"{command} is not retried: the Backup is being deleted"
    return Verdict(Judgement.DONE, because, evidence=("metadata.deletionTimestamp",))


def _superseded(command: str) -> Verdict:
    because = f"{command} had failed, and another command is asked for by now: its retry is off"
    return Verdict(Judgement.DONE, because, evidence=("spec.logSubcommand", STATUS))


def _marked(case: Case, command: str, policy: LogBackupRetryPolicy) -> Verdict | None:
    """A log backup that has started and is marked RetryFailed, which the operator never takes back (S9)."""
    status = case.observation.backup.status
    if command != LogCommand.START or not status.commit_ts or status.phase != Phase.RETRY_FAILED:
        return None
    evidence = ("status.phase", f"status.logSubCommandStatuses[{command}]", POLICY)
    if is_error_pause(case.observation.backup) and policy.on_error_pause is OnErrorPause.HOLD:
        because = f"TiKV paused the task because of an error, and onErrorPause is Hold{_said(case, command)}"
        return Verdict(Judgement.STUCK, because, escape=ESCAPES["TaskIsPausedByError"], evidence=evidence)
    if policy.suspend:
        return None
    because = "marked RetryFailed although it has started; the companion mends that once it sees the task run"
    return Verdict(Judgement.PROGRESSING, because, evidence=evidence)


def _said(case: Case, command: str) -> str:
    """What the command's newest bad condition says."""
    words = ": ".join(part for part in _told(case, command) if part)
    return f" ({words})" if words else ""


def _told(case: Case, command: str) -> tuple[str, str]:
    """(reason, message) of the command's newest bad condition."""
    sub = case.observation.backup.status.log_sub_command_statuses.get(command)
    told = () if sub is None else (each for each in sub.conditions if each.type == sub.phase)
    return next(((each.reason, each.message) for each in told if each.reason or each.message), ("", ""))


def _unrecorded(it: _Asked) -> Verdict:
    if is_error_pause(it.case.observation.backup) and it.found == "aborted":
        said = f"TiKV paused the task because of an error{_said(it.case, it.command)}, which onErrorPause has resumed"
    elif it.found == "aborted":
        said = f"{reported(it.case, it.command)}{_said(it.case, it.command)}"
    elif it.job is not None and it.job.vanished:
        said = f"{it.command}: Job {it.job.job.metadata.name} vanished before it had finished"
    else:
        assert it.job is not None  # a Job that was not seen is not known to have failed
        said = f"{it.command}: {failed_because(it.job, it.case.observation.pods_of(it.job.uid))}"
    return it.moving(f"{said}; the companion records it {_NEXT_LOOK}")


def _backing_off(it: _Asked) -> Verdict:
    expected = it.outlook.expected_at
    assert expected is not None
    if it.is_over:
        return _over(it)
    if it.case.now > expected:
        return it.moving(f"{it.retry} is due ({it.why}); the companion looks at the task {_NEXT_LOOK}")
    because = f"{it.retry} waits for its time ({it.why}); {it.limit}"
    return it.verdict(Judgement.WAITING, because, until=expected + 1)


def _over(it: _Asked) -> Verdict:
    limit = "retryTimeout has passed" if it.outlook.is_late(it.case.now) else "maxRetryTimes was lowered"
    return it.moving(f"{it.retry} will not begin ({it.why}): {limit}, which the companion records {_NEXT_LOOK}")


def _verifying(it: _Asked) -> Verdict:
    if it.is_over:
        return _over(it)
    because = f"{it.retry} is due ({it.why}), and the task could not be seen yet, which proves nothing; {it.limit}"
    return it.verdict(Judgement.WAITING, because)


def _retrying(it: _Asked) -> Verdict:
    if it.job is None:
        return _unseen(it)
    if it.job.gone:
        return it.moving(f"{it.retry} began ({it.why}): the failed Job is gone, and the operator makes the next one")
    if it.job.job.metadata.deletion_timestamp is not None:
        return terminating(it.job, it.case.now, it.case.deadlines)
    return it.moving(f"{it.retry} began ({it.why}): the operator is about to remove the failed Job")


def _unseen(it: _Asked) -> Verdict:
    backup = it.case.observation.backup.metadata
    name = log_job_name(backup.name, it.command)
    return Verdict(
        Judgement.UNCERTAIN,
        f"{it.retry} is {it.found}, and its Job {name} was not given: what becomes of it cannot be told",
        needs=(f"Job {backup.namespace}/{name}",),
        evidence=(STATUS,),
    )


def _held(it: _Asked) -> Verdict:
    if it.is_over:
        return _over(it)
    reason, said = it.outlook.held, f"{it.retry} is held ({it.why})"
    message = f"{reason}: {it.retries.status.message}" if it.retries.status.message else reason
    if _has_ended(it, reason):
        return _released(it)
    if reason in _BY_JOB:
        return _held_by_job(it)
    if reason == "Suspended":
        because = f"{said}: the policy is suspended, and retryTimeout goes on; {it.limit}"
        return it.verdict(Judgement.WAITING, because, escape="set suspend to false in the policy")
    if reason == "OtherCommandAtWork":
        return _held_by_another(it, f"{said} by {message}")
    if reason == "NotStarted":
        because = f"{said}, until the log backup has started (status.commitTs)"
        return it.verdict(Judgement.WAITING, because, escape="wish log-start first, if nothing starts it")
    escape = ESCAPES.get(reason, _ANY_HOLD)
    if it.outlook.is_over(it.case.now):
        limits = " and ".join(it.outlook.passed(it.case.now))
        escape += f", and raise {limits} too: beyond that no retry begins"
    return it.verdict(Judgement.STUCK, f"{said} by {message}", escape=escape)


def _released(it: _Asked) -> Verdict:
    said = f"{it.retry} is held ({it.why}), and what held it ({it.outlook.held}) is no longer so"
    return it.moving(f"{said}: the companion goes on {_NEXT_LOOK}")


def _has_ended(it: _Asked, reason: str) -> bool:
    """It is no longer held for this reason, as the policy and the Backup say."""
    return {
        "Suspended": not it.policy.suspend,
        "NotRetryable": not _is_unretryable(it.retries),
        "NotStarted": not is_requeued(it.case.observation.backup),
        "TaskIsPausedByError": it.policy.on_error_pause is OnErrorPause.RESUME,
    }.get(reason, False)


def _is_hopeless(retries: Retries) -> bool:
    """It is held for its reason, and stays so whatever limit has been passed."""
    return retries.policy is not None and not retries.policy.suspend and _is_unretryable(retries)


def _is_unretryable(retries: Retries) -> bool:
    """The reason of the last failure, or its pod's cause, is one of nonRetryableReasons."""
    assert retries.policy is not None  # nothing is judged here without one
    last = retries.status.last
    return last is not None and not {last.original_reason, last.cause}.isdisjoint(retries.policy.non_retryable_reasons)


def _held_by_job(it: _Asked) -> Verdict:
    """Until the Job that is not finished is gone: the operator would wait for it for ever (4.6)."""
    if it.job is None:
        return _unseen(it)
    name = it.job.job.metadata.name
    if not it.job.gone and it.job.job.metadata.deletion_timestamp is not None:
        return terminating(it.job, it.case.now, it.case.deadlines)
    if not it.job.at_work:
        return it.moving(f"{it.retry} was held by Job {name}, which is out of the way: it goes on {_NEXT_LOOK}")
    until = overdue_at(it.job, it.limits)
    if it.case.now >= until:
        return it.moving(f"{it.retry} waits for Job {name}, which took too long: the companion removes it {_NEXT_LOOK}")
    because = f"{it.retry} waits for Job {name}, which is not finished and is removed once attemptTimeout is over"
    return it.verdict(Judgement.WAITING, because, until=until)


def _held_by_another(it: _Asked, because: str) -> Verdict:
    """As the Job of the other command stands; where it was not given the annotation, which names it, is believed."""
    observation = it.case.observation
    seen = other_at_work(observation, it.command)
    if seen is None and any(f"Job {each.job.metadata.name} " in because for each in observation.jobs):
        return _released(it)
    if seen is not None:
        found = job_verdict_of(seen, it.case.observation.pods_of(seen.uid), it.case.now, it.case.deadlines)
        if found.verdict is Judgement.STUCK:
            return found._replace(because=f"{because}, and that is stuck: {found.because}")
    return it.verdict(Judgement.WAITING, because)


def _ended(it: _Asked) -> Verdict:
    passed = it.outlook.passed(it.case.now)
    if not passed:
        return it.moving(f"{it.command} had failed for good, and the limits were raised: it goes on {_NEXT_LOOK}")
    values = {"maxRetryTimes": f"({it.outlook.of})", "retryTimeout": f"(until {text_of(it.outlook.timeout_at or 0)})"}
    limits = " and ".join(f"{limit} {values[limit]}" for limit in passed)
    said = f"{it.command} failed for good ({it.why}): {limits} {'is' if len(passed) == 1 else 'are'} used up"
    escape = f"mend the cause, then raise {' and '.join(passed)}, or {_NEW_EPISODE}"
    if it.policy.on_exhausted is OnExhausted.FAIL:
        final = it.command in (LogCommand.START, LogCommand.TRUNCATE)
        because = f"{said}, and onExhausted is Fail: the task is watched no more"
        return it.verdict(Judgement.FAILED if final else Judgement.STUCK, because, escape=escape)
    return it.verdict(Judgement.STUCK, f"{said}; it is degraded, and the task is watched still", escape=escape)


_JUDGES: dict[str, Callable[[_Asked], Verdict]] = {
    "failed": _unrecorded,
    "aborted": _unrecorded,
    "backoff_waiting": _backing_off,
    "verifying": _verifying,
    "retrying": _retrying,
    "held": _held,
    "exhausted": _ended,
    "timed_out": _ended,
}
