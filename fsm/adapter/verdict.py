"""The verdict on a Backup and on each of its commands: exactly one, with the reason in words.

First match wins: done, a trap, failed for good, an object that is missing, a wait, progress. Pure; the clock comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fsm.adapter import log, snapshot
from fsm.adapter.job_verdict import failed_because, job_verdict_of, terminating
from fsm.adapter.judgement import DEADLINES, Judgement, Verdict, by_deadline, deadlines_with, worst
from fsm.adapter.lifecycle import Lifecycle
from fsm.adapter.observation import Observation, SeenJob, time_of
from fsm.adapter.retry_verdict import (
    attempted,
    is_left_alone,
    reported,
    retried_verdict_of,
    unread,
    unretried,
)
from fsm.adapter.traps import Case, Finding, trap_of
from fsm.kernel import MachineState
from fsm.model import LogCommand, Pod
from fsm.rules import is_requeued, job_name, log_job_name

__all__ = ["DEADLINES", "Judgement", "Verdict", "Verdicts", "deadlines_with", "job_verdict_of", "verdicts_of", "worst"]


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
    if lifecycle is log.LIFECYCLE and is_left_alone(observation):
        observation = unretried(observation)
        state = lifecycle.state_of(observation)
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
        return _outdated(case, f"{failed_because(seen, _pods(case, seen))}, and is removed, as after a record of it")
    if case.leaf == "failed":
        because = f"{failed_because(seen, _pods(case, seen))}; the operator records it at its next look"
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
    return by_deadline(
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
        return terminating(seen, case.now, case.deadlines)
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
    found = {command: _command_verdict(case, command) for command in sorted(names)}
    return {**found, context.command: unread(case, found[context.command])}


def _of_stream_and_command(case: Case, commands: Mapping[str, Verdict]) -> Verdict:
    """The worst of the two; where both are done, the stream says it."""
    stream, command = _stream_verdict(case), commands[case.state.context.command]
    return unread(case, stream) if command.verdict is Judgement.DONE else worst(command, stream)


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
    trapped = _trapped(case, command) or retried_verdict_of(case, command, found)
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
    return attempted(case, command, _under_way(case, seen))


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
    return Verdict(Judgement.FAILED, f"{reported(case, command)}{why}", escape=escape, evidence=_sub(command))


_NO_START = ("failed", "aborted", "superseded")
"""Under a retry policy the task may run all the same, which the companion looks for."""


def _wished(case: Case, command: str) -> Verdict:
    backup = case.observation.backup
    if command == case.state.context.command and is_requeued(backup):
        because = f"{command} is asked for and waits until the log backup has started (status.commitTs)"
        start = log.command_state_of(case.observation, LogCommand.START)
        escape = "if there is no task (`br log status`), wish log-start first" if start in _NO_START else None
        return Verdict(Judgement.WAITING, because, escape=escape, evidence=("status.commitTs", "spec.logSubcommand"))
    if command == LogCommand.START and not backup.status.commit_ts:
        return _pending(case)
    return Verdict(
        Judgement.PROGRESSING, f"{command} is asked for; its Job is created at the next sync", evidence=("spec",)
    )


def _sub(command: str) -> tuple[str, ...]:
    return (f"status.logSubCommandStatuses[{command}]",)
