"""The known ways to be stuck: one row each, with the section of operator-semantics it comes from and the way out.

A row is data: a predicate on what was seen, a sentence, an escape. The first row that holds is the answer. A trap that
only time makes one (a Job that does not go) waits until its deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from fsm.adapter import log, snapshot
from fsm.adapter.jobs import cause_of
from fsm.adapter.log_retry import limits_in_force, retries_of
from fsm.adapter.observation import Observation, SeenJob, time_of
from fsm.kernel import MachineState
from fsm.machines.log import TASK_NOT_FOUND
from fsm.model import CleanPolicy, LogCommand, Phase, text_of
from fsm.rules import (
    FINALIZER,
    clean_job_name,
    is_already_truncated,
    is_clean_candidate,
    is_log_on_track,
    is_requeued,
    needs_retained_data,
    stop_job_name,
    validate_spec,
)


class Case(NamedTuple):
    """What a trap is asked about. `now` is Unix seconds, `deadlines` are seconds by name."""

    machine: str
    observation: Observation
    state: MachineState
    leaves: tuple[str, ...]
    now: int
    deadlines: Mapping[str, int]

    @property
    def leaf(self) -> str:
        return self.leaves[-1]


class Finding(NamedTuple):
    """A trap that holds; with `until` it is one only from that time (Unix seconds) on."""

    because: str
    escape: str
    evidence: tuple[str, ...]
    until: int | None = None
    trap: str = ""


class Said(NamedTuple):
    """What a predicate found: words for the sentence, and the deadline where there is one."""

    words: str = ""
    until: int | None = None


class Trap(NamedTuple):
    """One row. `holds(case, command)` answers None where it does not; `command` is "" outside log backups."""

    id: str
    section: str
    machine: str
    holds: Callable[[Case, str], Said | None]
    sentence: str
    escape: str
    evidence: tuple[str, ...]


def trap_of(case: Case, command: str = "") -> Finding | None:
    """The first trap that holds, in the order of the table."""
    for trap in TRAPS:
        if trap.machine in (case.machine, "any"):
            said = trap.holds(case, command)
            if said is not None and (said.until is None or case.now >= said.until):
                because = f"{trap.sentence} {said.words}".strip() + f" ({trap.section})"
                return Finding(because, trap.escape, trap.evidence, trap=trap.id)
            if said is not None:
                return Finding(f"{trap.sentence} {said.words}".strip(), trap.escape, trap.evidence, said.until)
    return None


# ------------------------------------------------------------------ snapshot


def _failed_job(case: Case) -> SeenJob | None:
    return snapshot.reading_of(case.observation).job


def _retry_began(case: Case) -> bool:
    records = case.state.context.records
    return "retrying" in case.leaves and bool(records) and records[-1].real is not None


def _delete_lost(case: Case, command: str) -> Said | None:
    seen = _failed_job(case)
    if not _retry_began(case) or seen is None or seen.gone or not seen.failed:
        return None
    return Said(f"Job {seen.job.metadata.name}") if seen.job.metadata.deletion_timestamp is None else None


def _never_gone(case: Case, command: str) -> Said | None:
    seen = _failed_job(case)
    if not _retry_began(case) or seen is None or seen.gone:
        return None
    since = time_of(seen.job.metadata.deletion_timestamp)
    if since is None:
        return None
    until = since + case.deadlines["terminating"]
    return Said(f"Job {seen.job.metadata.name}, being deleted since {text_of(since)}", until)


def _scheduled_lost(case: Case, command: str) -> Said | None:
    if (
        case.leaf != "failed"
        or case.observation.backup.status.phase != Phase.RETRY_FAILED
        or not case.state.context.records
    ):
        return None
    seen = _failed_job(case)
    return Said(f"Job {seen.job.metadata.name} (uid {seen.uid})") if seen is not None else None


def _unreadable(case: Case, command: str) -> Said | None:
    policy, written = case.state.context.policy, case.observation.backup.spec.backoff_retry_policy
    texts = []
    if policy.min_duration is None and case.leaf == "failed":
        texts.append(f"minRetryDuration {written.min_retry_duration!r}")
    if policy.timeout is None and case.leaf in ("failed", "backoff_waiting"):
        texts.append(f"retryTimeout {written.retry_timeout!r}")
    seen = _failed_job(case)
    if case.leaf == "failed" and (seen is None or not seen.failed):
        return None
    return Said(" and ".join(texts)) if texts else None


def _vanished(case: Case, command: str) -> Said | None:
    if case.leaf != "failed":
        return None
    seen = _failed_job(case)
    return Said(f"Job {seen.job.metadata.name}") if seen is not None and seen.vanished else None


def _corrected(case: Case, command: str) -> Said | None:
    return Said() if case.leaf == "invalid" and _spec_is_right(case) else None


def _spec_is_right(case: Case) -> bool:
    """As far as the spec alone tells; what was said of TiKV or the cluster cannot be judged from here."""
    backup = case.observation.backup
    condition = backup.status.condition(Phase.INVALID)
    message = condition.message if condition is not None else case.state.context.message
    of_the_cluster: bool = message.startswith(("tikv ", "only support", "not support"))
    return not of_the_cluster and validate_spec(backup) is None


# ------------------------------------------------------------------ log


def _current(case: Case, command: str) -> bool:
    return bool(command == case.state.context.command)


def _is_retried(case: Case, command: str) -> bool:
    """A retry policy that is in force takes care of this command."""
    return limits_in_force(case.observation, command) is not None


def _is_suspended(case: Case) -> bool:
    policy = retries_of(case.observation).policy
    return policy is not None and policy.suspend


def _silent_death(case: Case, command: str) -> Said | None:
    if log.command_state_of(case.observation, command) != "failed" or _is_retried(case, command):
        return None
    seen = log.job_of(case.observation, command)
    if seen is None:
        return None
    if seen.vanished:
        return Said(f"{command}: Job {seen.job.metadata.name} vanished")
    cause = cause_of(seen.job, case.observation.pods_of(seen.uid))
    condition = seen.job.status.condition("Failed")
    why = cause or (condition.reason if condition is not None else "")
    return Said(f"{command}: Job {seen.job.metadata.name} failed" + (f", {why}" if why else ""))


def _not_found(case: Case, command: str) -> Said | None:
    sub = case.observation.backup.status.log_sub_command_statuses.get(command)
    if not _current(case, command) or sub is None or sub.phase != Phase.FAILED or _is_retried(case, command):
        return None
    failed = next((c for c in sub.conditions if c.type == Phase.FAILED), None)
    return Said() if failed is not None and failed.reason == TASK_NOT_FOUND else None


def _not_repeatable(case: Case, command: str) -> Said | None:
    final = command in (LogCommand.START, LogCommand.TRUNCATE)
    if final or not _current(case, command) or _is_retried(case, command):
        return None
    return Said(command) if log.command_state_of(case.observation, command) == "aborted" else None


def _corrected_command(case: Case, command: str) -> Said | None:
    if command == LogCommand.TRUNCATE or not _current(case, command):
        return None
    invalid = log.command_state_of(case.observation, command) == "invalid"
    return Said(command) if invalid and _spec_is_right(case) else None


def _never_settles(case: Case, command: str) -> Said | None:
    backup = case.observation.backup
    if command != LogCommand.TRUNCATE or not _current(case, command) or not backup.status.commit_ts:
        return None
    return Said(f"to {backup.spec.log_truncate_until!r}") if is_already_truncated(backup) else None


def _start_is_dead(case: Case, command: str) -> Said | None:
    watched = _is_retried(case, LogCommand.START) and not _is_suspended(case)
    if not _current(case, command) or not is_requeued(case.observation.backup) or watched:
        return None
    start = log.command_state_of(case.observation, LogCommand.START)
    return (
        Said(f"{command} waits for log-start, which is {start}") if start in ("failed", "aborted", "invalid") else None
    )


def _retry_failed_for_ever(case: Case, command: str) -> Said | None:
    status = case.observation.backup.status
    started = bool(status.commit_ts) and command == LogCommand.START and _current(case, command)
    if _is_retried(case, command) and not _is_suspended(case):
        return None
    return Said() if started and status.phase == Phase.RETRY_FAILED else None


# ------------------------------------------------------------------ deletion


def _deleting(case: Case) -> bool:
    return case.observation.backup.metadata.deletion_timestamp is not None and case.observation.gone_at is None


def _stop_died(case: Case, command: str) -> Said | None:
    backup = case.observation.backup
    stop = case.observation.newest(stop_job_name(backup.metadata.name))
    retained = needs_retained_data(backup)
    if (
        not _deleting(case)
        or stop is None
        or not stop.failed
        or stop.gone
        or not retained
        or not is_log_on_track(backup)
    ):
        return None
    return Said(f"Job {stop.job.metadata.name}")


def _clean_exhausted(case: Case, command: str) -> Said | None:
    clean = case.observation.newest(clean_job_name(case.observation.backup.metadata.name))
    if not _deleting(case) or clean is None or clean.gone or not clean.failed:
        return None
    return Said(f"Job {clean.job.metadata.name}")


def _finalizer_kept(case: Case, command: str) -> Said | None:
    backup = case.observation.backup
    kept = FINALIZER in backup.metadata.finalizers
    return Said() if _deleting(case) and kept and not is_clean_candidate(backup) else None


def _no_br(case: Case, command: str) -> Said | None:
    backup = case.observation.backup
    stuck = backup.spec.br is None and backup.spec.clean_policy != CleanPolicy.RETAIN
    return Said() if _deleting(case) and stuck and FINALIZER in backup.metadata.finalizers else None


# ------------------------------------------------------------------ the table

_DELETE_AND_CREATE = "delete this Backup and create a new one"

TRAPS: tuple[Trap, ...] = (
    Trap(
        "stop-job-died",
        "operator-semantics S14 (i)",
        "log",
        _stop_died,
        "the Job that should stop the log task at deletion died without a word, and it is not created again:",
        "stop the task with `br log stop` and delete the stop Job: the operator makes it anew and goes on",
        ("Job status.conditions[Failed]", "status.phase", "metadata.deletionTimestamp"),
    ),
    Trap(
        "clean-job-exhausted",
        "operator-semantics S14 (ii)",
        "any",
        _clean_exhausted,
        "the clean Job has used up its retries, and the finalizer stays until the data is clean:",
        "mend what the clean Job failed on and delete that Job, or remove the data by hand and the finalizer after it",
        ("Job status.conditions[Failed]", "metadata.finalizers"),
    ),
    Trap(
        "finalizer-kept",
        "operator-semantics S14 (iii)",
        "any",
        _finalizer_kept,
        "cleanPolicy became Retain after the finalizer was added, and now nobody takes it off",
        f"set spec.cleanPolicy back to Delete, or remove the finalizer {FINALIZER} by hand",
        ("spec.cleanPolicy", "metadata.finalizers"),
    ),
    Trap(
        "log-without-br",
        "operator-semantics S14 (iv)",
        "log",
        _no_br,
        "a log backup without spec.br cannot be stopped, so every sync of its deletion fails",
        f"remove the finalizer {FINALIZER} by hand once no task of that name runs",
        ("spec.br", "spec.cleanPolicy", "metadata.finalizers"),
    ),
    Trap(
        "delete-lost",
        "operator-semantics S1",
        "snapshot",
        _delete_lost,
        "the retry is on record, but the failed Job was never deleted, and the operator does not ask again:",
        "delete the failed Job (`kubectl delete job`): the operator then creates the next attempt",
        ("status.backoffRetryStatus[-1].realRetryAt", "Job metadata.deletionTimestamp"),
    ),
    Trap(
        "job-never-gone",
        "operator-semantics S2",
        "snapshot",
        _never_gone,
        "the retry waits for the failed Job to go:",
        "find out why its pod does not go (a lost node, a finalizer); once its node is surely off, delete it by force",
        ("status.backoffRetryStatus[-1].realRetryAt", "Job metadata.deletionTimestamp"),
    ),
    Trap(
        "scheduled-lost",
        "operator-semantics S3",
        "snapshot",
        _scheduled_lost,
        "the retried attempt failed too, but the phase is still RetryFailed, so the operator takes it for the old one:",
        "delete the failed Job: the operator then creates another attempt (which it does not count)",
        ("status.phase", "Job status.conditions[Failed]"),
    ),
    Trap(
        "policy-unreadable",
        "operator-semantics S8",
        "snapshot",
        _unreadable,
        "the Job failed, and the operator cannot read its retry policy, at every look anew:",
        "correct the duration in spec.backoffRetryPolicy (such as 300s or 30m): it is read again at the next look",
        ("spec.backoffRetryPolicy",),
    ),
    Trap(
        "job-vanished",
        "operator-semantics S7",
        "snapshot",
        _vanished,
        "the Job is gone and its end was never recorded; the operator looks only at Jobs that exist:",
        _DELETE_AND_CREATE,
        ("status.phase", "Job (deleted)"),
    ),
    Trap(
        "invalid-corrected",
        "operator-semantics S11",
        "snapshot",
        _corrected,
        "the spec was rejected and is right by now, but the operator never looks at an Invalid Backup again",
        _DELETE_AND_CREATE,
        ("status.conditions[Invalid]", "spec"),
    ),
    Trap(
        "task-not-found",
        "operator-semantics S10",
        "log",
        _not_found,
        "marked Failed because its task was not found in PD, which one failed look can cause; it may run on unmanaged",
        "see with `br log status` whether the task runs; if so pause it through the Backup and start it again, "
        "else delete the Backup and create a new one",
        ("status.logSubCommandStatuses[].conditions[Failed].reason",),
    ),
    Trap(
        "silent-death",
        "operator-semantics S7",
        "log",
        _silent_death,
        "the Job ended without a word, and the operator never looks at the Jobs of log backups:",
        "see with `br log status` what the task does; then delete the Backup and create it anew, or mend "
        "status.logSubCommandStatuses by hand",
        ("status.logSubCommandStatuses[].phase", "Job status.conditions"),
    ),
    Trap(
        "not-repeatable",
        "operator-semantics 6.6",
        "log",
        _not_repeatable,
        "the program reported Failed, and nothing lets this command run again while the stream lives on:",
        "run the same br log command by hand and mend status.logSubCommandStatuses, or delete the Backup",
        ("status.logSubCommandStatuses[].phase",),
    ),
    Trap(
        "invalid-corrected",
        "operator-semantics S11",
        "log",
        _corrected_command,
        "the spec was rejected and is right by now, but the operator never looks at an Invalid command again:",
        "ask for another command and back (pause, then start), or delete the Backup and create it anew",
        ("status.logSubCommandStatuses[].phase", "spec"),
    ),
    Trap(
        "truncate-never-settles",
        "operator-semantics S16",
        "log",
        _never_settles,
        "log-truncate has nothing left to do, and the operator repeats it at every sync:",
        "set spec.logTruncateUntil to the very text of status.logSuccessTruncateUntil, to a later time, or remove it",
        ("spec.logTruncateUntil", "status.logSuccessTruncateUntil", "status.commitTs"),
    ),
    Trap(
        "start-is-dead",
        "operator-semantics 6.2",
        "log",
        _start_is_dead,
        "this command waits for a start that will not come:",
        _DELETE_AND_CREATE,
        ("status.commitTs", "status.logSubCommandStatuses[log-start]"),
    ),
    Trap(
        "retry-failed-for-ever",
        "operator-semantics S9",
        "log",
        _retry_failed_for_ever,
        "marked RetryFailed although it has started; nothing sets it back, and the checkpoint is no longer followed",
        "set spec.logSubcommand to log-pause and, when it is Paused, to log-start",
        ("status.phase", "status.commitTs"),
    ),
)
