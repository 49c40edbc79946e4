"""The verdict on a Backup, on each of its commands and on each of its Jobs: exactly one, with the reason in words.

First match wins: done, a trap, failed for good, an object that is missing, a wait, progress. Pure; the clock comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from fsm.adapter import log, snapshot
from fsm.adapter.jobs import cause_of, decisive_condition, job_leaf_of, wait_of
from fsm.adapter.lifecycle import Lifecycle
from fsm.adapter.observation import Observation, SeenJob, time_of
from fsm.adapter.traps import Case, Finding, trap_of
from fsm.errors import UsageError
from fsm.kernel import MachineState
from fsm.model import LogCommand, Pod, text_of
from fsm.rules import is_requeued, job_name, log_job_name


class Judgement(StrEnum):
    """The six words (a contract, DESIGN section 6), worst first."""

    STUCK = "stuck"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    WAITING = "waiting"
    PROGRESSING = "progressing"
    DONE = "done"


_WORST_FIRST = list(Judgement)

MINUTE = 60
DEADLINES: Mapping[str, int] = MappingProxyType(
    {
        "image-pull": 10 * MINUTE,  # since the pod's startTime
        "pod-pending": 10 * MINUTE,  # since the pod was created or started
        "failure-target": 15 * MINUTE,  # FailureTarget without Failed, since its condition
        "terminating": 15 * MINUTE,  # a Job with a deletionTimestamp, since then
        "no-job": 10 * MINUTE,  # pending without a Job, since the Backup was created
    }
)
"""How long a state may last before it counts as stuck, in seconds; `--deadline NAME=DURATION` changes one."""


class Verdict(NamedTuple):
    """A verdict. `until` is Unix seconds; `escape` is what a person can do; `needs` names objects that are missing;
    `evidence` names the fields and objects it rests on; `trap` is the id of the trap that holds."""

    verdict: Judgement
    because: str
    until: int | None = None
    escape: str | None = None
    needs: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    trap: str | None = None


def worst(first: Verdict, second: Verdict) -> Verdict:
    """The worse of two; the first where they are equally bad."""
    return min(first, second, key=lambda each: _WORST_FIRST.index(each.verdict))


def deadlines_with(changes: Mapping[str, int]) -> Mapping[str, int]:
    """The table with some rows changed; an unknown name is a UsageError that lists the names."""
    unknown = sorted(set(changes) - set(DEADLINES))
    if unknown:
        raise UsageError(f"there is no deadline {', '.join(unknown)}; there are {', '.join(DEADLINES)}")
    return {**DEADLINES, **changes}


# ------------------------------------------------------------------ Jobs


def job_verdict_of(seen: SeenJob, pods: tuple[Pod, ...], now: int, deadlines: Mapping[str, int] = DEADLINES) -> Verdict:
    """The verdict on one Job by itself, whatever its Backup makes of it."""
    leaf = job_leaf_of(seen, pods)
    name = seen.job.metadata.name
    if leaf == "gone":
        return Verdict(Judgement.DONE, f"Job {name} is gone")
    if leaf == "succeeded":
        return Verdict(Judgement.DONE, f"Job {name} is complete", evidence=("status.conditions[Complete]",))
    if leaf == "failed":
        return Verdict(Judgement.FAILED, _failed_because(seen, pods), evidence=("status.conditions[Failed]",))
    if leaf == "terminating":
        return _terminating(seen, now, deadlines)
    if leaf == "failing":
        return _failing(seen, now, deadlines)
    if leaf == "suspended":
        return Verdict(
            Judgement.WAITING,
            f"Job {name} is suspended; it goes on when spec.suspend is false",
            escape="set spec.suspend to false",
            evidence=("spec.suspend", "status.conditions[Suspended]"),
        )
    return _pod_wait(seen, pods, now, deadlines) or Verdict(Judgement.PROGRESSING, f"Job {name} is {leaf}")


def _failed_because(seen: SeenJob, pods: tuple[Pod, ...]) -> str:
    condition = seen.job.status.condition("Failed")
    cause = cause_of(seen.job, pods)
    reason = condition.reason if condition is not None else ""
    return f"Job {seen.job.metadata.name} failed: {reason or 'no reason given'}" + (
        f", because its pod: {cause}" if cause else ""
    )


def _terminating(seen: SeenJob, now: int, deadlines: Mapping[str, int]) -> Verdict:
    since = time_of(seen.job.metadata.deletion_timestamp) or 0
    return _deadline(
        f"Job {seen.job.metadata.name} is being deleted and waits for its pods",
        since + deadlines["terminating"],
        now,
        "find out why its pod does not go (a lost node, a finalizer); once its node is surely off, delete it by force",
        ("metadata.deletionTimestamp",),
    )


def _failing(seen: SeenJob, now: int, deadlines: Mapping[str, int]) -> Verdict:
    found = decisive_condition(seen.job)
    since = time_of(found[0].last_transition_time) if found is not None else None
    return _deadline(
        f"Job {seen.job.metadata.name} will fail (FailureTarget) once its pods have ended",
        (since or 0) + deadlines["failure-target"],
        now,
        "find out why its pod does not end (a lost node); delete the pod by force once its node is surely off",
        ("status.conditions[FailureTarget]",),
    )


def _pod_wait(seen: SeenJob, pods: tuple[Pod, ...], now: int, deadlines: Mapping[str, int]) -> Verdict | None:
    wait = wait_of(seen.job, pods)
    if wait is None:
        return None
    name = seen.job.metadata.name
    if wait.deadline == "image-pull":
        image = wait.image or _quoted(wait.message) or "of its pod"
        because = f"the pod of Job {name} cannot pull the image {image}: {wait.reason}"
        escape = f"make the image {image} available, or correct it in the spec and delete the Job {name}"
    else:
        because = f"the pod of Job {name} does not start: {wait.reason}" + (f", {wait.message}" if wait.message else "")
        escape = "make room for the pod or mend what it waits for; `kubectl describe pod` tells"
    until = wait.since + deadlines[wait.deadline]
    return _deadline(because, until, now, escape, ("Pod status.containerStatuses", "Pod status.startTime"))


def _quoted(message: str) -> str:
    parts = message.split('"')
    return parts[1] if len(parts) > 2 else ""


def _deadline(because: str, until: int, now: int, escape: str, evidence: tuple[str, ...]) -> Verdict:
    """Before the deadline it waits, from then on it is stuck."""
    if now < until:
        return Verdict(Judgement.WAITING, because, until=until, evidence=evidence)
    return Verdict(Judgement.STUCK, f"{because}, since {text_of(until)} too long", escape=escape, evidence=evidence)


# ------------------------------------------------------------------ Backups


class Verdicts(NamedTuple):
    """The verdict on a Backup and, for a log backup, on each of its commands."""

    backup: Verdict
    commands: Mapping[str, Verdict]


def verdicts_of(
    lifecycle: Lifecycle,
    observation: Observation,
    state: MachineState,
    now: int,
    deadlines: Mapping[str, int] = DEADLINES,
) -> Verdicts:
    """The verdicts on an observation whose state is `state`."""
    case = Case(
        lifecycle.machine.name, observation, state, lifecycle.machine.leaves(state.configuration), now, deadlines
    )
    commands = _command_verdicts(case) if lifecycle is log.LIFECYCLE else {}
    if len(case.leaves) > 1:
        return Verdicts(_of_stream_and_command(case, commands), commands)
    verdict = _done(lifecycle, case) or _trapped(case) or _final(lifecycle, case) or _run_verdict(case)
    return Verdicts(verdict, commands)


def _done(lifecycle: Lifecycle, case: Case) -> Verdict | None:
    if lifecycle.machine.outcome(case.state.configuration) != "good":
        return None
    said = "the Backup is gone" if case.leaf == "gone" else "the backup is complete"
    return Verdict(
        Judgement.DONE, said, evidence=("metadata",) if case.leaf == "gone" else ("status.conditions[Complete]",)
    )


def _trapped(case: Case, command: str = "") -> Verdict | None:
    finding = trap_of(case, command)
    return _of_finding(finding) if finding is not None else None


def _of_finding(finding: Finding) -> Verdict:
    """A trap whose time has not come is a wait."""
    if finding.until is not None:
        return Verdict(Judgement.WAITING, finding.because, until=finding.until, evidence=finding.evidence)
    return Verdict(
        Judgement.STUCK, finding.because, escape=finding.escape, evidence=finding.evidence, trap=finding.trap
    )


_RERUN = "a Backup is not run twice: mend the cause, delete this Backup and create a new one"
_ENDS = {
    "exhausted": "maxRetryTimes is used up",
    "timed_out": "retryTimeout passed since the first failure",
    "aborted": "the backup program reported it, and that is never retried",
    "invalid": "the spec was rejected",
}


def _final(lifecycle: Lifecycle, case: Case) -> Verdict | None:
    if lifecycle.machine.outcome(case.state.configuration) != "bad":
        return None
    because = f"failed for good: {_ENDS[case.leaf]}{_in_words(case.state.context.reason, case.state.context.message)}"
    evidence = ("status.conditions[Invalid]",) if case.leaf == "invalid" else ("status.conditions[Failed]",)
    return Verdict(Judgement.FAILED, because, escape=_RERUN, evidence=evidence)


def _in_words(reason: str, message: str) -> str:
    return "".join(f" ({part})" for part in (": ".join(p for p in (reason, message) if p),) if part)


def _run_verdict(case: Case) -> Verdict:
    """What is neither final nor trapped: missing objects, then waits, then progress."""
    if case.leaf in ("stopping", "cleaning", "clean_failed"):
        return Verdict(
            Judgement.PROGRESSING, f"it is being deleted: {case.leaf}", evidence=("metadata.deletionTimestamp",)
        )
    if case.machine == "volume_snapshot":
        return _volume_verdict(case)
    if case.leaf == "pending":
        return _pending(case)
    name = job_name(case.observation.backup)
    seen = snapshot_job(case)
    if seen is None:
        return _missing_job(case, name)
    if case.leaf == "backoff_waiting":
        return _backoff(case)
    if case.leaf == "retrying":
        return _retrying(case, seen)
    if case.leaf == "failed" and seen.gone:
        return _outdated(case, f"{_failed_because(seen, _pods(case, seen))}, and is removed, as after a record of it")
    if case.leaf == "failed":
        because = f"{_failed_because(seen, _pods(case, seen))}; the operator records it at its next look"
        return Verdict(Judgement.PROGRESSING, because, evidence=("Job status.conditions[Failed]",))
    return _under_way(case, seen)


def snapshot_job(case: Case) -> SeenJob | None:
    """The Job whose absence would leave the answer open: of this attempt, or while a retry begins of the last."""
    reading = snapshot.reading_of(case.observation)
    if case.leaf in ("retrying", "backoff_waiting"):
        return reading.job
    return reading.job if reading.fresh else None


def _pods(case: Case, seen: SeenJob) -> tuple[Pod, ...]:
    return case.observation.pods_of(seen.uid)


def _missing_job(case: Case, name: str) -> Verdict:
    namespace = case.observation.backup.metadata.namespace
    return Verdict(
        Judgement.UNCERTAIN,
        f"the Backup says {case.leaf}, but its Job {name} was not given: whether that is still alive cannot be told",
        needs=(f"Job {namespace}/{name}",),
        evidence=("status.phase",),
    )


def _pending(case: Case) -> Verdict:
    created = time_of(case.observation.backup.metadata.creation_timestamp)
    error = case.state.context.sync_error
    because = "accepted, without a Job yet" + (f"; the last sync failed: {error}" if error else "")
    if created is None:
        return Verdict(Judgement.PROGRESSING, because, evidence=("status.phase",))
    return _deadline(
        because,
        created + case.deadlines["no-job"],
        case.now,
        "look whether the operator runs, whether it may create Jobs, and whether its TidbCluster is ready",
        ("metadata.creationTimestamp", "status.phase"),
    )


def _backoff(case: Case) -> Verdict:
    last = case.state.context.records[-1]
    return Verdict(
        Judgement.WAITING,
        f"failure {last.number} is recorded ({last.original or last.reason}); the retry waits for its time",
        until=last.expected + 1,
        evidence=("status.backoffRetryStatus[-1].expectedRetryAt",),
    )


def _retrying(case: Case, seen: SeenJob) -> Verdict:
    if seen.gone:
        return Verdict(Judgement.PROGRESSING, "the failed Job is gone; the next attempt's is created at the next sync")
    if seen.job.metadata.deletion_timestamp is not None:
        return _terminating(seen, case.now, case.deadlines)
    return Verdict(Judgement.PROGRESSING, "the retry begins: the failed Job is about to be removed")


def _outdated(case: Case, said: str) -> Verdict:
    """The Job is ahead of the Backup."""
    return Verdict(
        Judgement.UNCERTAIN,
        f"{said}: the Backup has probably changed since it was given",
        needs=("Backup " + "/".join(case.observation.backup.key),),
        evidence=("Job status.conditions", "status.phase"),
    )


def _under_way(case: Case, seen: SeenJob) -> Verdict:
    """A Job is at work, as far as the Backup says; what its Job says decides."""
    if seen.succeeded:
        return _outdated(case, f"Job {seen.job.metadata.name} is complete")
    found = job_verdict_of(seen, _pods(case, seen), case.now, case.deadlines)
    if found.verdict is Judgement.DONE:  # gone without a trap: a finished Job that was tidied away
        return Verdict(Judgement.PROGRESSING, found.because)
    return found


def _volume_verdict(case: Case) -> Verdict:
    waits = {
        "pending": "the initialize phase to be asked for",
        "init_failed": "execute or teardown to be asked for; the initialize Job ended early",
        "initialized": "the execute phase to be asked for",
        "data_complete": "teardown to be asked for",
        "data_failed": "teardown to be asked for; the data is not complete",
    }
    if case.leaf in waits:
        because = f"waits for {waits[case.leaf]} (spec.federalVolumeBackupPhase)"
        return Verdict(Judgement.WAITING, because, evidence=("spec.federalVolumeBackupPhase", "status.conditions"))
    if case.leaf == "teardown":
        return Verdict(Judgement.PROGRESSING, "teardown was asked for and waits for the execute Job to end")
    name = case.observation.backup.metadata.name
    wanted = f"backup-{name}-init" if case.leaf.startswith("init") else f"backup-{name}"
    seen = case.observation.newest(wanted)
    return _missing_job(case, wanted) if seen is None else _under_way(case, seen)


# ------------------------------------------------------------------ log backups


def _command_verdicts(case: Case) -> dict[str, Verdict]:
    context = case.state.context
    names = {context.command, *(each.command for each in context.commands)}
    return {command: _command_verdict(case, command) for command in sorted(names)}


def _of_stream_and_command(case: Case, commands: Mapping[str, Verdict]) -> Verdict:
    """The worst of the two; where both are done, the stream says it."""
    stream, command = _stream_verdict(case), commands[case.state.context.command]
    return stream if command.verdict is Judgement.DONE else worst(command, stream)


def _stream_verdict(case: Case) -> Verdict:
    stream = case.leaves[0]
    paused_as_wished = case.state.context.command == LogCommand.PAUSE
    if stream == "stopped":
        return Verdict(Judgement.DONE, "the log backup is stopped", evidence=("status.phase",))
    if stream == "paused" and paused_as_wished:
        return Verdict(
            Judgement.WAITING,
            "the log backup is paused, as the spec asks",
            evidence=("spec.logSubcommand", "status.phase"),
        )
    said = {
        "not_started": "the log backup has not started",
        "streaming": "the log backup is streaming",
        "paused": "the log backup is paused",
    }
    return Verdict(Judgement.PROGRESSING, said[stream], evidence=("status.commitTs", "status.phase"))


def _command_verdict(case: Case, command: str) -> Verdict:
    found = log.command_state_of(case.observation, command)
    if found in ("complete", "repeatable"):
        trapped = _trapped(case, command)
        return trapped or Verdict(Judgement.DONE, f"{command} is {found}", evidence=_sub(command))
    trapped = _trapped(case, command)
    if trapped is not None:
        return trapped
    if found in ("aborted", "invalid"):
        return _command_failed(case, command, found)
    if found == "wished":
        return _wished(case, command)
    seen = log.job_of(case.observation, command)
    if seen is None:
        return _missing_job(
            case._replace(leaves=(found,)), log_job_name(case.observation.backup.metadata.name, command)
        )
    return _under_way(case, seen)


def _command_failed(case: Case, command: str, found: str) -> Verdict:
    context = case.state.context
    why = _in_words(context.reason, context.message) if command == context.command else ""
    if found == "invalid":
        escape = "correct the spec; only a log-truncate is looked at again, else create the Backup anew"
        return Verdict(
            Judgement.FAILED, f"the spec was rejected for {command}{why}", escape=escape, evidence=_sub(command)
        )
    escape = {
        LogCommand.START.value: "mend the cause, see with `br log status` if the task exists, then delete the Backup "
        "and create it anew",
        LogCommand.TRUNCATE.value: "mend the cause, then set another spec.logTruncateUntil: that runs it again",
    }.get(command, _RERUN)
    return Verdict(
        Judgement.FAILED, f"the program reported that {command} failed{why}", escape=escape, evidence=_sub(command)
    )


def _wished(case: Case, command: str) -> Verdict:
    backup = case.observation.backup
    if command == case.state.context.command and is_requeued(backup):
        because = f"{command} is asked for and waits until the log backup has started (status.commitTs)"
        return Verdict(Judgement.WAITING, because, evidence=("status.commitTs", "spec.logSubcommand"))
    if command == LogCommand.START and not backup.status.commit_ts:
        return _pending(case)
    return Verdict(
        Judgement.PROGRESSING, f"{command} is asked for; its Job is created at the next sync", evidence=("spec",)
    )


def _sub(command: str) -> tuple[str, ...]:
    return (f"status.logSubCommandStatuses[{command}]",)
