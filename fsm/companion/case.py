"""One sighting of a log backup, and what is asked of it before anything is decided. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fsm.adapter import Observation, SeenJob, cause_of, job_of
from fsm.adapter.log_retry import NOT_TAKEN_UP, Retries, other_at_work, overdue_at
from fsm.adapter.observation import time_of
from fsm.adapter.snapshot import ALREADY_FAILED
from fsm.companion.looking import Finding, Look, look_of
from fsm.machines import LogContext, Record
from fsm.machines.log import SEEN_OF_TASK
from fsm.model import (
    BackupStatus,
    Condition,
    LogBackupRetryPolicy,
    LogCommand,
    LogSubCommandStatus,
    Phase,
    RetryLimits,
    text_of,
)
from fsm.rules import is_requeued

BELIEVED = 60
"""Seconds for which the operator goes by what it has seen of the task (operator-semantics 6.4)."""
LONGEST = 3600
"""Seconds; no mend of what the operator denies waits longer."""
AT_ONCE = 180
"""Seconds within which the operator has looked again, and so has the companion."""


@dataclass(frozen=True, slots=True)
class Case:
    """One sighting. `job` is the newest of the current command, None where there is none any more."""

    observation: Observation
    retries: Retries
    policy: LogBackupRetryPolicy
    command: str
    now: int
    limits: RetryLimits | None
    job: SeenJob | None

    @classmethod
    def of(
        cls, observation: Observation, retries: Retries, policy: LogBackupRetryPolicy, command: str, now: int
    ) -> Case:
        found = job_of(observation, command)
        job = None if found is None or found.gone else found
        return cls(observation, retries, policy, command, now, retries.limits(command), job)

    @property
    def status(self) -> BackupStatus:
        return self.observation.backup.status

    @property
    def sub(self) -> LogSubCommandStatus | None:
        """What the status says of the command."""
        return self.status.log_sub_command_statuses.get(self.command)

    @property
    def is_of_an_older_wish(self) -> bool:
        """What stands in the status is a truncation to another point: the operator runs the new one by itself (6.2)."""
        sub, until = self.sub, self.observation.backup.spec.log_truncate_until
        return self.command == LogCommand.TRUNCATE and sub is not None and sub.log_truncating_until != until

    @property
    def is_on_record(self) -> bool:
        """The Job is an older truncation's, and its failure is on record as that one's."""
        uids = {each.job_uid for each in self.retries.status.records}
        return self.is_of_an_older_wish and self.job is not None and self.job.uid in uids

    @property
    def is_given_up(self) -> bool:
        """The companion has written that the command failed for good, since the failure came to stand where it does."""
        told = () if self.sub is None or self.sub.phase != Phase.FAILED else self.sub.conditions
        since = time_of(self.retries.status.since) or 0
        times = [time_of(each.last_transition_time) or 0 for each in told if each.reason == ALREADY_FAILED]
        return any(at >= since for at in times)

    @property
    def unfinished(self) -> SeenJob | None:
        """The command's Job while it is not finished: the operator would wait for it for ever (4.6)."""
        return self.job if self.job is not None and self.job.at_work else None

    @property
    def overdue_at(self) -> int | None:
        """The second from which on the unfinished attempt counts as failed."""
        if self.limits is None or self.unfinished is None:
            return None
        return overdue_at(self.unfinished, self.limits)

    @property
    def is_overdue(self) -> bool:
        return self.overdue_at is not None and self.now >= self.overdue_at

    @property
    def terminating_since(self) -> int | None:
        """Since when the command's Job is being deleted, None where it is not."""
        return None if self.job is None else time_of(self.job.job.metadata.deletion_timestamp)

    def look(self) -> Finding:
        """What the task says."""
        return look_of(self.observation, self.command, self.policy)

    def holds(self) -> bool:
        """The wish holds already, no Job of the command is at work that might still change that, and the operator is
        not about to say otherwise again: it believes for a minute what it has seen of the task (6.5)."""
        return self.unfinished is None and not self.is_believed and self.is_shown

    @property
    def is_shown(self) -> bool:
        """The task shows that the wish holds."""
        return self.look().look is Look.HOLDS

    @property
    def _told(self) -> list[Condition]:
        """The conditions that give the command its phase."""
        sub = self.sub
        return [] if sub is None else [e for e in (*self.status.conditions, *sub.conditions) if e.type == sub.phase]

    @property
    def is_said_of_the_task(self) -> bool:
        """The status says what the operator saw of a log backup that has started; it is no program's word."""
        said = any(each.type == Phase.RETRY_FAILED or each.reason in SEEN_OF_TASK for each in self._told)
        return said and bool(self.status.commit_ts)

    @property
    def is_believed(self) -> bool:
        """The operator has told of late what it saw of the task, and has not had to look again."""
        return self.now < self.believed_until

    @property
    def believed_until(self) -> int:
        """The second in which the operator has to look at the task again, after what it told of it last. Where it says
        the same again and again over what was mended, that is waited for ever longer."""
        ends = [0]
        for each in self._told:
            at, is_seen = time_of(each.last_transition_time) or 0, each.reason in SEEN_OF_TASK
            denied = self._denied(at) if is_seen or each.type == Phase.RETRY_FAILED else 0
            wait = max(denied, BELIEVED if is_seen else 0)
            ends += [at + wait + 1] if wait else []
        return max(ends)

    def _denied(self, at: int) -> int:
        """Seconds to wait after what was said at that time: twice as many each time that a mend is denied at once, and
        mended as soon as it may."""
        wait, last = 0, None
        for mend in (time_of(each) or 0 for each in self.retries.status.mends):
            follows = last is not None and mend - last <= wait + AT_ONCE
            wait, last = min(2 * wait, LONGEST) if follows else BELIEVED, mend
        return wait if last is not None and at - last <= AT_ONCE else 0

    @property
    def is_told(self) -> bool:
        """The operator reads that it shall run the command again; a late word of the failed attempt may hide that."""
        return self.sub is None or self.sub.phase == Phase.RETRY_FAILED

    def not_taken_up(self, since: int) -> Finding:
        """The retry was handed over, and nothing comes of it."""
        if self.is_told:
            said = (
                f"the operator has not taken up the retry since {text_of(since)}; its log says why, and where that is "
                "`not found in tracker`, which comes after a stop, restart the operator"
            )
        else:
            because = self.look().message or "the task could not be seen"
            said = f"a late word of the failed attempt hides the retry, which is not handed over again: {because}"
        return Finding(Look.BLOCKED, NOT_TAKEN_UP, said)

    def other_at_work(self) -> SeenJob | None:
        """An unfinished Job of another command."""
        return other_at_work(self.observation, self.command)

    def obstacle(self, context: LogContext) -> Finding | None:
        """What stands against a retry whatever the task says and the clock."""
        if self.policy.suspend:
            said = "the policy says suspend: true; retryTimeout goes on meanwhile"
            return Finding(Look.BLOCKED, "Suspended", said)
        hopeless = sorted(self.reasons(context.records[-1]) & set(self.policy.non_retryable_reasons))
        if hopeless:
            said = f"{hopeless[0]} is one of nonRetryableReasons; mend the cause, then take it off that list"
            return Finding(Look.BLOCKED, "NotRetryable", said)
        if self.unfinished is not None:
            return job_must_go(self.unfinished, self.is_overdue)
        other = self.other_at_work()
        if other is not None:
            said = f"Job {other.job.metadata.name} is at work, and commands run one at a time"
            return Finding(Look.BLOCKED, "OtherCommandAtWork", said)
        if is_requeued(self.observation.backup):
            said = f"{self.command} needs a log backup that has started (status.commitTs); wish log-start first"
            return Finding(Look.BLOCKED, "NotStarted", said)
        return None

    def reasons(self, record: Record) -> set[str]:
        """Why it failed: what the record says, and the pod's cause where it was recorded before this sighting."""
        last = self.retries.status.last
        if last is None or last.command != self.command or time_of(last.detect_failed_at) != record.detected:
            return {record.original}
        return {record.original, last.cause}

    def failure(self, leaf: str, context: LogContext) -> tuple[str, str]:
        """(reason, message) of a failure that is about to be recorded; of a hopeless cause that is the reason."""
        cause = self.cause(context.reason)
        reason = cause if cause in self.policy.non_retryable_reasons else context.reason
        said = f"{self.command} failed" if leaf == "aborted" else context.message
        return reason, said

    def blamed(self, reason: str) -> SeenJob | None:
        """The Job that failed, or that has to go first. What the operator saw of the task no Job did."""
        return None if self.job is None or (self.job.finished and reason in SEEN_OF_TASK) else self.job

    def cause(self, reason: str) -> str:
        """Why the pod of the Job that failed for this reason did, "" where that is not known or no Job failed."""
        job = self.blamed(reason)
        return "" if job is None else cause_of(job.job, self.observation.pods_of(job.uid)) or ""


def job_must_go(seen: SeenJob, is_overdue: bool) -> Finding:
    """A Job stands against the retry, because the operator would wait for it."""
    name = seen.job.metadata.name
    if seen.job.metadata.deletion_timestamp is None:
        when = "it is removed, as attemptTimeout is over" if is_overdue else "it is removed once attemptTimeout is over"
        return Finding(Look.BLOCKED, "JobIsNotFinished", f"Job {name} is not finished; {when}")
    said = (
        f"Job {name} is being deleted and waits for its pods; find out why its pod does not go (a lost node, a "
        "finalizer), and once its node is surely off, delete it by force"
    )
    return Finding(Look.BLOCKED, "JobIsTerminating", said)
