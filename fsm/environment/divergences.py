"""Where the operator moves and the charts do not: one row each, with its section of operator-semantics and the reason.

A row is data: a cause (who wrote, and what), asked of a movement that is no path in the chart; the first that holds is
its name. A test drives the reference through random lives and holds this list: a movement without a row fails it, and
so does a row without a movement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from fsm.adapter import Observation
from fsm.adapter.snapshot import began_by, records_of
from fsm.environment.server import Item
from fsm.environment.simulation import OPERATOR, Author, Who
from fsm.kernel import Machine, MachineState
from fsm.machines import LOG, SNAPSHOT, VOLUME_SNAPSHOT, RunContext
from fsm.machines.log import TASK_NOT_FOUND
from fsm.model import BackupStatus, Job, LogCommand, Phase
from fsm.rules import current_command, init_job_name, job_name, log_job_name, timeout_passed

Leaves = tuple[str, ...]


class Movement(NamedTuple):
    """One write that moved a machine: what was seen before and after it, who made it, and when (Unix seconds).

    `after` is None where no state explains what was written.
    """

    machine: Machine
    before: MachineState
    after: MachineState | None
    was: Observation
    seen: Observation
    item: Item
    author: Author
    at: int

    @property
    def source(self) -> Leaves:
        """The leaves that were active."""
        return self.machine.leaves(self.before.configuration)

    @property
    def target(self) -> Leaves:
        """The leaves that are active now."""
        return () if self.after is None else self.machine.leaves(self.after.configuration)

    @property
    def leaf(self) -> str:
        """The leaf that was active; of a log backup, in its lane."""
        return self.source[-1]

    @property
    def next_leaf(self) -> str:
        """The leaf that is active now; of a log backup, in its lane."""
        return self.target[-1] if self.target else ""

    @property
    def creates_job(self) -> bool:
        """The write created a Job."""
        return isinstance(self.item.object, Job) and self.item.type == "ADDED"

    @property
    def written(self) -> frozenset[tuple[str, str]]:
        """(command, phase) of all that the write made or renewed; "" stands for the whole Backup."""
        return frozenset(_written(self.was.backup.status, self.seen.backup.status))

    def wrote(self, phase: Phase) -> bool:
        """The phase was written, for the whole Backup or one of its commands."""
        return any(written == phase for _, written in self.written)

    def __str__(self) -> str:
        writer = f"{self.author.who} of {self.author.job}" if self.author.job else self.author.who
        late = ", late" if self.author.late else ""
        words = ", ".join(sorted(f"{command} {phase}".strip() for command, phase in self.written))
        what = f"{self.item.type} {type(self.item.object).__name__}{f' with {words}' if words else ''}"
        return f"{'/'.join(self.source)} -> {'/'.join(self.target)} by {writer}{late}: {what}"


def _written(was: BackupStatus, now: BackupStatus) -> Iterator[tuple[str, str]]:
    if now.phase != was.phase:
        yield "", now.phase
    yield from (("", each.type) for each in now.conditions if each not in was.conditions)
    for command, sub in now.log_sub_command_statuses.items():
        before = was.log_sub_command_statuses.get(command)
        if before != sub:
            yield command, sub.phase
        yield from ((command, each.type) for each in sub.conditions if before is None or each not in before.conditions)


class Divergence(NamedTuple):
    """A row. The sentence says what the operator does, and why the chart does not."""

    name: str
    machines: tuple[Machine, ...]
    section: str
    sentence: str
    holds: Callable[[Movement], bool]


def divergence_of(movement: Movement) -> Divergence | None:
    """The first row that explains the movement, None where it has none."""
    return next((row for row in DIVERGENCES if movement.machine in row.machines and row.holds(movement)), None)


# ------------------------------------------------------------------ every machine


def _is_deletion_undone(movement: Movement) -> bool:
    return movement.leaf in ("cleaning", "clean_failed") and movement.next_leaf == "stopping"


def _is_final_overwritten(movement: Movement) -> bool:
    ends = movement.leaf in _FINAL and movement.next_leaf in _FINAL
    return ends and movement.author.who is not Who.USER


_FINAL = ("complete", "exhausted", "timed_out", "aborted", "invalid")


def _is_late_word(movement: Movement) -> bool:
    """But that of a failure nobody has noted yet, or of an init Job whose failure nobody has: they are believed."""
    if movement.leaf == "failed" and movement.next_leaf in ("complete", "aborted", "idle"):
        return False
    late = movement.author.late and movement.leaf not in ("init_scheduled", "init_running")
    return late or _is_recorded_again(movement)


def _is_recorded_again(movement: Movement) -> bool:
    """A late word has ended the retry, and the failed Job is there still."""
    records = [len(each.backup.status.backoff_retry_status) for each in (movement.was, movement.seen)]
    return movement.author.who in OPERATOR and movement.leaf in _WORKING and records[0] < records[1]


def _is_scheduled_late(movement: Movement) -> bool:
    """After a word of the Job's program, or after its end."""
    if movement.author.who is not Who.WORKER or not movement.wrote(Phase.SCHEDULED):
        return False
    backup = movement.seen.backup
    commands = [command for command, phase in movement.written if phase == Phase.SCHEDULED and command]
    names = [log_job_name(backup.metadata.name, command) for command in commands]
    names = names or [job_name(backup), init_job_name(backup)]
    jobs = [job for name in names if (job := movement.seen.newest(name)) is not None]
    newest = max(jobs, key=lambda job: job.created_at, default=None)
    ended = newest is not None and not newest.at_work
    return ended or movement.leaf in _BEGUN or any(_is_known(movement, command) for command in commands)


_WORKING = ("scheduled", "preparing", "running")
_BEGUN = ("preparing", "running", "failed", "aborted", "invalid", "init_running")


def _is_known(movement: Movement, command: str) -> bool:
    """Something was said of the command before."""
    return command in movement.was.backup.status.log_sub_command_statuses


def _is_unrecorded_end(movement: Movement) -> bool:
    jobs = movement.author.who in (Who.JOB_CONTROLLER, Who.COLLECTOR)
    return jobs and movement.leaf == "scheduled" and movement.next_leaf in ("pending", "idle", "retrying")


def _is_begun_again(movement: Movement) -> bool:
    """A retry that has its Job already is the same attempt still."""
    if movement.author.who is not Who.WORKER or not movement.creates_job or movement.after is None:
        return False
    again = movement.leaf == "retrying" and movement.before.context.attempt == movement.after.context.attempt
    return (again or movement.leaf == "failed") and movement.next_leaf in _WORKING


def _is_hidden_by_sync_error(movement: Movement) -> bool:
    return movement.author.who is Who.WORKER and movement.wrote(Phase.RETRY_FAILED) and movement.leaf in _SAID


_SAID = (*_WORKING, "failed", "aborted", "invalid")


# ------------------------------------------------------------------ snapshot


def _is_retried_in_cache(movement: Movement) -> bool:
    """A retry was begun, and the record or the phase that it rests on was never stored."""
    began = movement.author.who is Who.HANDLER and movement.wrote(Phase.RESTART)
    unsaid = movement.leaf in ("failed", *_RECORDED) and movement.seen.backup.status.phase != Phase.RETRY_FAILED
    return began and (movement.after is None or unsaid)


def _is_limit_read_anew(movement: Movement) -> bool:
    """Nobody had written yet that the limit was passed, and the chart's own answer is another."""
    if movement.was.backup.status.holds(Phase.FAILED) or movement.author.who not in (Who.HANDLER, Who.USER):
        return False
    if movement.leaf == "failed":
        return movement.next_leaf in _LIMITS and movement.wrote(Phase.FAILED)
    if movement.leaf == "backoff_waiting":
        return movement.next_leaf == "exhausted" and _has_timed_out(movement)
    retried = movement.next_leaf == "retrying" and not _has_sync_error(movement)
    return movement.leaf in _LIMITS and (retried or movement.next_leaf in _RECORDED)


def _has_timed_out(movement: Movement) -> bool:
    if movement.after is None:
        return False
    context: RunContext = movement.after.context
    timeout = context.policy.timeout
    return timeout is not None and timeout_passed(context.records[0].detected, movement.at, timeout)


_LIMITS = ("exhausted", "timed_out")
_RECORDED = ("backoff_waiting", *_LIMITS)


def _has_sync_error(movement: Movement) -> bool:
    """The phase is `RetryFailed`, and not because a retry was due."""
    status = movement.seen.backup.status
    condition = status.condition(Phase.RETRY_FAILED)
    return status.phase == Phase.RETRY_FAILED and condition is not None and condition.reason != "RetryFailedBackup"


def _is_job_before_its_retry(movement: Movement) -> bool:
    """When the newest Job was made, the records knew of fewer Jobs than there were."""
    records = records_of(movement.was.backup.status.backoff_retry_status)
    jobs = movement.seen.jobs_named(job_name(movement.seen.backup))
    early = bool(records) and bool(jobs) and len(jobs) > began_by(records, jobs[-1].created_at) + 1
    return early and movement.author.who is not Who.USER and movement.leaf in ("retrying", *_RECORDED)


def _is_retried_at_once(movement: Movement) -> bool:
    failed = movement.leaf in ("failed", *_RECORDED) and movement.next_leaf == "retrying"
    return failed and movement.author.who in OPERATOR and _has_sync_error(movement)


# ------------------------------------------------------------------ log


def _is_other_command(movement: Movement) -> bool:
    backup = movement.was.backup
    of_current = movement.author.job == log_job_name(backup.metadata.name, current_command(backup))
    streams = movement.source[0] != movement.target[0] and movement.target[0] in _STREAM
    return movement.author.who is Who.PROGRAM and not of_current and streams


_STREAM = ("not_started", "streaming", "paused", "stopped")


def _is_other_truncation(movement: Movement) -> bool:
    """The point that is asked for is not, or was not, the one on record."""
    if movement.next_leaf not in _LANE or current_command(movement.seen.backup) != LogCommand.TRUNCATE:
        return False
    asked = [each.backup.spec.log_truncate_until for each in (movement.was, movement.seen)]
    sub = movement.seen.backup.status.log_sub_command_statuses.get(LogCommand.TRUNCATE)
    differs = sub is not None and sub.log_truncating_until != asked[1]
    return (movement.author.who is Who.USER and asked[0] != asked[1]) or (differs and movement.next_leaf == "idle")


_LANE = ("idle", *_WORKING, "failed", "aborted", "invalid")


def _is_stop_forgotten(movement: Movement) -> bool:
    left = movement.source[0] in ("stopped", "paused") and movement.target[0] == "streaming"
    return left and movement.author.who is Who.WORKER and _written_for_start(movement)


def _written_for_start(movement: Movement) -> bool:
    return any(("", phase) in movement.written for phase in (Phase.RETRY_FAILED, Phase.INVALID, Phase.FAILED))


def _is_moved_after_stop(movement: Movement) -> bool:
    return movement.source[0] == "stopped" and _moves_stream(movement)


def _moves_stream(movement: Movement) -> bool:
    """A pause or resume is complete, be it that its Job ran or that the operator follows TiKV."""
    return any((command, Phase.COMPLETE) in movement.written for command in ("log-pause", "log-resume"))


def _is_task_missed(movement: Movement) -> bool:
    failed = movement.author.who is Who.WORKER and movement.next_leaf == "aborted"
    return failed and movement.after is not None and movement.after.context.reason == TASK_NOT_FOUND


def _is_covered_truncation(movement: Movement) -> bool:
    return movement.author.who is Who.WORKER and ("log-truncate", Phase.COMPLETE) in movement.written


def _is_end_replaced(movement: Movement) -> bool:
    """By its own program, by a command that reopens it, or because the operator follows TiKV."""
    own = movement.author.who is Who.PROGRAM and movement.leaf in ("invalid", "aborted")
    current = {current_command(each.backup) for each in (movement.was, movement.seen)}
    reopened = any((command, Phase.REPEATABLE) in movement.written for command in current)
    followed = movement.author.who is Who.WORKER and _moves_stream(movement)
    return own or (movement.leaf in _SAID and movement.next_leaf == "idle" and (reopened or followed))


# ------------------------------------------------------------------ volume snapshot


def _is_phase_overwritten(movement: Movement) -> bool:
    """Where only the phase told how far it was."""
    was, now = (each.backup.status.phase for each in (movement.was, movement.seen))
    known = movement.leaf in _WAY and movement.next_leaf in _WAY and was in (Phase.SCHEDULED, Phase.RUNNING)
    return known and was != now and _WAY.index(movement.next_leaf) < _WAY.index(movement.leaf)


_WAY = (
    "pending",
    "init_scheduled",
    "init_running",
    "initialized",
    "init_failed",
    "scheduled",
    "preparing",
    "running",
)


def _is_failed_over_complete(movement: Movement) -> bool:
    return movement.author.who in OPERATOR and movement.leaf == "data_complete" and movement.next_leaf == "data_failed"


# ------------------------------------------------------------------ the rows

ALL = (SNAPSHOT, LOG, VOLUME_SNAPSHOT)

DIVERGENCES: tuple[Divergence, ...] = (
    Divergence(
        "retried-in-cache",
        (SNAPSHOT,),
        "operator-semantics S4",
        "The operator begins a retry on what only its own cache says, because the write was lost. `realRetryAt` then "
        "stands beside the old phase, and nobody creates the next Job; or in a record that has no other time, and the "
        "operator crashes on it later. In the chart a retry that began is `retrying`, and has a failure.",
        _is_retried_in_cache,
    ),
    Divergence(
        "limit-read-anew",
        (SNAPSHOT,),
        "operator-semantics 5.1",
        "Between the record of a failure and the `Failed` of its limit the operator reads policy and clock once more, "
        "so an edit, a crash or a second can change the answer. The chart takes both writes as one step.",
        _is_limit_read_anew,
    ),
    Divergence(
        "retried-at-once",
        (SNAPSHOT,),
        "operator-semantics 5.1",
        "Where a sync error has left or written `RetryFailed`, a failure on record is retried at once, before its time "
        "and past its limits. In the chart a retry begins when it is due.",
        _is_retried_at_once,
    ),
    Divergence(
        "second-command",
        (LOG,),
        "operator-semantics S23",
        "The program of a command that is not the current one any more completes it, and the stream moves. The chart "
        "has one lane, for the current command; of another it knows only the outcome.",
        _is_other_command,
    ),
    Divergence(
        "stop-forgotten",
        (LOG,),
        "operator-semantics S12",
        "An error of log-start (`RetryFailed`, `Invalid`, `Failed`) goes into the phase of the whole Backup, over "
        "`Stopped` or `Paused` too, and is taken for a stream that runs. In the chart only commands and TiKV move it.",
        _is_stop_forgotten,
    ),
    Divergence(
        "task-not-found",
        (LOG,),
        "operator-semantics S10",
        "A look at TiKV that fails, comes too early or finds no task makes the current command Failed although no Job "
        "of it ran. In the chart only the program of a Job reports that.",
        _is_task_missed,
    ),
    Divergence(
        "moved-after-stop",
        (LOG,),
        "operator-semantics 6.2",
        "Where somebody has started the task again, a pause or resume is completed after a stop, by its own Job or "
        "because the operator follows TiKV (S16). In the chart stopped is final.",
        _is_moved_after_stop,
    ),
    Divergence(
        "failed-over-complete",
        (VOLUME_SNAPSHOT,),
        "operator-semantics 7.1",
        "Where the execute Job fails after its program reported that the data is complete, the event handler writes "
        "`VolumeBackupFailed` over it. In the chart complete data stays complete.",
        _is_failed_over_complete,
    ),
    Divergence(
        "deletion-undone",
        ALL,
        "operator-semantics S13",
        "While a Backup is deleted its phase is whatever was written last: `Clean` and `CleanFailed` disappear under "
        "the words of programs and syncs that still run. In the chart a deletion only goes forward.",
        _is_deletion_undone,
    ),
    Divergence(
        "late-word",
        ALL,
        "operator-semantics S21 (iii)",
        "The program of a Job that has failed or is gone, on a node that nobody heard of, still writes its words, and "
        "the Backup takes them for those of the present attempt; one failure may even be recorded twice. In the chart "
        "a Job whose failure was noted is silent.",
        _is_late_word,
    ),
    Divergence(
        "final-overwritten",
        ALL,
        "operator-semantics 4.7",
        "A sync validates before it asks for an end, its cache may be too old to know of one, and a program does not "
        "ask: beside one of `Invalid`, `Complete` and `Failed` another is written, and may count from then on. In the "
        "chart an end is final.",
        _is_final_overwritten,
    ),
    Divergence(
        "job-before-its-retry",
        (SNAPSHOT,),
        "operator-semantics S26",
        "The next Job exists before its retry is on record: a stray sync created it, or the write of `realRetryAt` was "
        "lost or late. In the chart a retry begins before its Job, so what that Job does is nobody's.",
        _is_job_before_its_retry,
    ),
    Divergence(
        "scheduled-late",
        ALL,
        "operator-semantics 4.6",
        "The Job is created first and `Scheduled` written after it, over what its program has said, or when it is gone "
        "already. In the chart a Job is scheduled before it does anything.",
        _is_scheduled_late,
    ),
    Divergence(
        "covered-truncation",
        (LOG,),
        "operator-semantics S16",
        "A truncation to a point that is covered is noted as Complete at every sync, over a failure or a Job at work. "
        "In the chart the words of a command come from its Job.",
        _is_covered_truncation,
    ),
    Divergence(
        "other-truncation",
        (LOG,),
        "operator-semantics 2.3",
        "What is on record of a truncation counts only for its own point: asked for another, the operator begins anew, "
        "whatever became of the one before. The chart knows commands by their names, not by their arguments.",
        _is_other_truncation,
    ),
    Divergence(
        "end-without-trace",
        (SNAPSHOT, LOG),
        "operator-semantics S7",
        "A Job that ends before its `Scheduled` was written leaves nothing in the Backup, and the operator makes "
        "another as if there had been none. In the chart such a Job has failed, like any other.",
        _is_unrecorded_end,
    ),
    Divergence(
        "begun-again",
        (SNAPSHOT, LOG),
        "operator-semantics S7",
        "A sync that was underway, or was woken by its own error, creates the Job again although the one before has "
        "failed and no failure is on record. In the chart a failure is recorded first, and a log command runs once.",
        _is_begun_again,
    ),
    Divergence(
        "hidden-by-sync-error",
        (SNAPSHOT, LOG),
        "operator-semantics 4.6",
        "The error of a sync (no TidbCluster, a Job that exists already) writes `RetryFailed` over what a program has "
        "said and over failures, and the work may begin anew. In the chart such an error hides nothing.",
        _is_hidden_by_sync_error,
    ),
    Divergence(
        "end-replaced",
        (LOG,),
        "operator-semantics 6.6",
        "The end of a command does not last: a Job of it may be at work all the same, any write about a pause reopens "
        "the resume and the other way round, and following TiKV the operator writes such words itself. In the chart a "
        "command that failed, was aborted or is invalid does not go on.",
        _is_end_replaced,
    ),
    Divergence(
        "phase-overwritten",
        (VOLUME_SNAPSHOT,),
        "operator-semantics 7.3",
        "Two Jobs and the operator write one phase. Where only the phase tells how far a Job is, a write about "
        "something else takes that away, and the Backup seems to go back. In the chart a Job does not go back.",
        _is_phase_overwritten,
    ),
)
