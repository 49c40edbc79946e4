"""The property catalogue: what should be true of every Backup, and what is known of it. Data.

Each claim names the budgets under which it is worth asking: the fewest with which the operator is known to break it, so
that its counterexample is found in seconds and reads without noise. Whoever gives other budgets asks more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fsm.environment.world.build import BESIDE, OPERATOR, OURS
from fsm.environment.world.held import Copy, Held, Wish, backup_of
from fsm.environment.world.operator import PANICKED
from fsm.environment.world.outside import CACHED_BACKUP, DATA, LIVE_BACKUP, TASK, job_part
from fsm.environment.world.retries import is_retried
from fsm.environment.world.slots import BACKUP, CLEAN, FAILED, STOP, UNSCHEDULABLE, HeldJob
from fsm.environment.world.thread import HANDLER, WORKER
from fsm.kernel import Property, StepPredicate, Taken, always, eventually, leads_to, never, recoverable, steps
from fsm.machines.log import TASK_NOT_FOUND
from fsm.model import LogCommand, Mode
from fsm.rules import current_command

SNAPSHOT, LOG = Mode.SNAPSHOT.value, Mode.LOG.value
HOLDS, VIOLATED, VACUOUS = "holds", "violated", "vacuous"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about a claim in a world: its verdict, and where it is violated the name of the bug.

    That is one of section 10 of operator-semantics (S1 ...), of the field's list (U7, A4 ...), or a section (6.2).
    """

    verdict: str
    bug: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A property with the mode that it is about. `field`: its name in the field's catalogue.

    `budgets` and `wish` are the world's. `known` by world; a world that is not named has nothing of the kind. `policy`
    names the retry policy that the companion goes by.
    """

    formula: Property
    mode: str
    field: str
    budgets: Mapping[str, int]
    known: Mapping[str, Known]
    wish: Wish

    policy: str = "once"

    @property
    def id(self) -> str:
        """The property's."""
        return self.formula.id

    def wish_in(self, world: str) -> Wish:
        """The wish; the companion needs a policy too."""
        return self.wish._replace(policy=self.policy) if world == BESIDE else self.wish


# ------------------------------------------------------------------ what is asked of a state


def _live(view: Any) -> Held | None:
    held: Held | None = view[LIVE_BACKUP]
    return held


def _of_live(predicate: Callable[[Held], bool]) -> Callable[[Any], bool]:
    """A predicate of the Backup, false where there is none."""

    def asked(view: Any) -> bool:
        held = _live(view)
        return held is not None and predicate(held)

    return asked


_CONTROLLER = {HANDLER, WORKER}
_ENDS = {"Complete", "Failed", "Invalid"}
_WORKING = {"Scheduled", "Prepare", "Running"}
_COMMANDS = tuple(command.value for command in LogCommand)


def _is_settled(held: Held | None) -> bool:
    """Finished, or on its way out."""
    return held is None or held.deleting or held.phase in _ENDS


def _job(view: Any, slot: str = BACKUP) -> HeldJob | None:
    job: HeldJob | None = view[job_part(slot)]
    return job


def _begun(held: Held) -> int:
    return sum(record.begun for record in held.records)


def _pending(held: Held) -> bool:
    """The failure at hand is recorded."""
    return bool(held.records) and not held.records[-1].begun


def _failed(view: Any) -> bool:
    job = _job(view)
    return job is not None and job.stage == FAILED and not job.deleting


def _is_answered(view: Any) -> bool:
    """The failure of the attempt has had its consequence."""
    held = _live(view)
    if held is None or _is_settled(held) or _pending(held):
        return True
    job = _job(view)
    return job is not None and (job.deleting or job.stage != FAILED)


# ------------------------------------------------------------------ snapshots


def _keeps_its_end(before: Any, taken: Taken, after: Any) -> bool:
    was, is_ = _live(before), _live(after)
    if was is None or was.phase not in _ENDS or was.deleting or is_ is None or is_.deleting:
        return True
    return is_.phase == was.phase


def _records_only_grow(before: Any, taken: Taken, after: Any) -> bool:
    was, is_ = _live(before), _live(after)
    if was is None or is_ is None or was.records == is_.records:
        return True
    if len(is_.records) not in {len(was.records), len(was.records) + 1}:
        return False
    return all(new.begun >= old.begun for old, new in zip(was.records, is_.records, strict=False))


def _waits_until_due(before: Any, taken: Taken, after: Any) -> bool:
    was, is_ = _live(before), _live(after)
    if was is None or is_ is None:
        return True
    begun = [old for old, new in zip(was.records, is_.records, strict=False) if new.begun and not old.begun]
    return all(record.expected == 0 for record in begun)


def _is_no_attempt_too_many(before: Any, taken: Taken, after: Any) -> bool:
    """Data that are complete are neither made anew nor removed while the Backup lives."""
    held = _live(before)
    if held is None or held.deleting or before[DATA] != "complete":
        return True
    created = _job(before) is None and _job(after) is not None
    return not created and after[DATA] == "complete"


def _leaves_the_wish_alone(before: Any, taken: Taken, after: Any) -> bool:
    was, is_ = _live(before), _live(after)
    return taken.actor not in _CONTROLLER or was is None or is_ is None or was.wish == is_.wish


def _has_panicked(view: Any) -> bool:
    return bool(view[PANICKED])


def _copy_is_unwritten(view: Any) -> bool:
    """The operator's own copy says what was never written, and nothing is under way that would write it."""
    copy: Copy | None = view[CACHED_BACKUP]
    return copy is not None and not copy.lags and copy.held is not None and copy.held.current


def _vanished(view: Any) -> bool:
    held = _live(view)
    return held is not None and not held.deleting and held.phase in _WORKING and _job(view) is None


def _nobody_knows(view: Any) -> bool:
    job = _job(view)
    return job is not None and job.stage == UNSCHEDULABLE and not job.deleting


def _is_of_newest(view: Any) -> bool:
    """The Job is of the latest attempt."""
    held, job = _live(view), _job(view)
    return held is not None and job is not None and job.attempt == _begun(held)


def _is_settled_now(view: Any) -> bool:
    return _is_settled(_live(view))


def _heeds_no_late_word(before: Any, taken: Taken, after: Any) -> bool:
    """What a pod on a lost node writes belongs to an attempt that counts as failed."""
    was, is_ = _live(before), _live(after)
    return not taken.actor.startswith("lost pod") or was is None or is_ is None or was.phase == is_.phase


# ------------------------------------------------------------------ log backups


def _unfinished(view: Any) -> int:
    """Jobs of subcommands that are not finished, the one of a deletion included."""
    jobs = [_job(view, slot) for slot in (*_COMMANDS, STOP)]
    return sum(job is not None and not job.finished for job in jobs)


def _leaves_stopped_for_no(*phases: str) -> StepPredicate:
    def allowed(before: Any, taken: Taken, after: Any) -> bool:
        was, is_ = _live(before), _live(after)
        return was is None or is_ is None or was.phase != "Stopped" or is_.phase not in phases

    return allowed


def _blames_no_healthy_task(before: Any, taken: Taken, after: Any) -> bool:
    """Nobody writes that the task is gone while it is there."""
    was, is_ = _live(before), _live(after)
    if was is None or is_ is None:
        return True
    new = set(_blames(is_)) - set(_blames(was))
    return not new or not before[TASK].exists


def _blames(held: Held) -> list[str]:
    return [sub.command for sub in held.subs if any(each.reason == TASK_NOT_FOUND for each in sub.conditions)]


def _cleans_after_the_stop(before: Any, taken: Taken, after: Any) -> bool:
    return before[DATA] == after[DATA] or after[DATA] != "none" or not before[TASK].exists


def _starts_cleaning_after_the_stop(before: Any, taken: Taken, after: Any) -> bool:
    created = _job(before, CLEAN) is None and _job(after, CLEAN) is not None
    return not created or not before[TASK].exists


def _started(before: Any, after: Any) -> list[str]:
    """The subcommands whose Jobs the step creates."""
    return [slot for slot in _COMMANDS if _job(before, slot) is None and _job(after, slot) is not None]


def _starts_what_is_wished(before: Any, taken: Taken, after: Any) -> bool:
    held = _live(before)
    return held is None or all(command == _command(held) for command in _started(before, after))


def _starts_what_can_be_done(before: Any, taken: Taken, after: Any) -> bool:
    """A start where there is no task, a pause of what runs, a resume of what is paused, a stop of what is there."""
    task = before[TASK]
    possible = {
        "log-start": not task.exists,
        "log-pause": task.exists and task.paused_by is None,
        "log-resume": task.exists and task.paused_by is not None,
        "log-stop": task.exists,
        "log-truncate": True,
    }
    return all(possible[command] for command in _started(before, after))


def _truncations_grow(before: Any, taken: Taken, after: Any) -> bool:
    was, is_ = _live(before), _live(after)
    return was is None or is_ is None or is_.truncated == was.truncated or is_.truncated > was.truncated


def _command(held: Held) -> str:
    return current_command(backup_of(held))


def _is_command_dead(view: Any) -> bool:
    """The current command says that it is at work, and its Job failed or is not there."""
    held = _live(view)
    if held is None or held.deleting:
        return False
    command = _command(held)
    if held.phase_of(command) not in _WORKING:
        return False
    job = _job(view, command)
    return job is None or job.stage == FAILED


def _is_command_resolved(view: Any) -> bool:
    held = _live(view)
    return held is None or held.deleting or not _is_command_dead(view) or _is_held(held)


def _waits_for_a_node(view: Any) -> bool:
    """The Job of the current command has a pod that no node takes, and nobody does anything about it."""
    held = _live(view)
    if held is None or held.deleting or _is_held(held):
        return False
    job = _job(view, _command(held))
    return job is not None and job.stage == UNSCHEDULABLE and not job.deleting


_GIVEN_UP = {"held", "exhausted", "timed_out"}


def _is_held(held: Held) -> bool:
    """The failure of the current command is held, with the reason, or at the end of its retries."""
    retry = held.retry
    return retry is not None and retry.failure.command == _command(held) and retry.state in _GIVEN_UP


def _is_truncation_open(held: Held) -> bool:
    return not held.deleting and bool(held.commit_ts) and _command(held) == LogCommand.TRUNCATE


def _is_truncation_done(view: Any) -> bool:
    held = _live(view)
    if held is None or not _is_truncation_open(held):
        return True
    return held.phase_of(LogCommand.TRUNCATE) == "Failed"


def _has_orphan(view: Any) -> bool:
    """The Backup is gone and the task is not, and no Job is left that could end it."""
    if _live(view) is not None or not view[TASK].exists:
        return False
    stop = _job(view, STOP)
    return stop is None or stop.finished


def _resting_with_task(view: Any) -> bool:
    held = _live(view)
    return (
        held is not None and not held.deleting and held.phase == "RetryFailed" and _runs(view) and bool(held.commit_ts)
    )


def _runs(view: Any) -> bool:
    task = view[TASK]
    return bool(task.exists) and task.paused_by is None


def _is_phase(*phases: str) -> Callable[[Any], bool]:
    return _of_live(lambda held: held.phase in phases)


def _can_still_edit(view: Any, times: int) -> bool:
    return bool(view["edit_left"] >= times)


def _has_failed(command: str) -> Callable[[Any], bool]:
    def failed(view: Any) -> bool:
        held = _live(view)
        return (
            held is not None and not held.deleting and held.phase_of(command) == "Failed" and _can_still_edit(view, 2)
        )

    return failed


def _starts_again(view: Any) -> bool:
    return _runs(view)


# ------------------------------------------------------------------ the claims


_HOLDS = Known(HOLDS)


def _bug(name: str) -> Known:
    return Known(VIOLATED, name)


def _snapshot(
    property_: Property,
    field_: str,
    budgets: Mapping[str, int],
    operator: Known = _HOLDS,
    ours: Known | None = _HOLDS,
    **wish: Any,
) -> Claim:
    chosen = Wish(**{"retries": 1, "timeout": "3m", **wish})
    known = {OPERATOR: operator} | ({} if ours is None else {OURS: ours})
    return Claim(property_, SNAPSHOT, field_, budgets, known, chosen)


def _log(
    property_: Property,
    field_: str,
    budgets: Mapping[str, int],
    operator: Known = _HOLDS,
    beside: Known | None = None,
    policy: str = "once",
    **wish: Any,
) -> Claim:
    """Unless said, the companion changes nothing about it."""
    known = {OPERATOR: operator, BESIDE: operator if beside is None else beside}
    return Claim(property_, LOG, field_, budgets, known, Wish(**wish), policy)


def _beside(property_: Property, field_: str, budgets: Mapping[str, int], policy: str = "once") -> Claim:
    """A claim about the companion alone."""
    return Claim(property_, LOG, field_, budgets, {BESIDE: _HOLDS}, Wish(), policy)


SNAPSHOT_CLAIMS = (
    _snapshot(
        leads_to(
            "delete-is-repeated",
            "a retry that has begun sees to it that the failed Job is deleted",
            lambda view: _failed(view) and not _is_settled(_live(view)) and not _is_of_newest(view),
            lambda view: _is_settled(_live(view)) or not _failed(view),
        ),
        "RetryHappens",
        {"faults": 1, "api": 1, "kill": 1},
        _bug("S1"),
    ),
    _snapshot(
        leads_to(
            "retry-starts",
            "after the failed Job was deleted the next attempt starts, or the backup ends",
            lambda view: _of_live(lambda held: not _is_settled(held))(view) and _is_terminating(view),
            lambda view: _is_settled(_live(view)) or not _is_terminating(view),
        ),
        "RetryHappens",
        {"faults": 1, "node": 1},
        _bug("S2"),
        _bug("S2"),
    ),
    _snapshot(
        leads_to(
            "failure-is-recorded",
            "the failure of the latest attempt is recorded, or the backup ends",
            lambda view: _failed(view) and not _is_settled(_live(view)) and _is_of_newest(view),
            _is_answered,
        ),
        "FailureResolved",
        {"faults": 1, "crash": 1, "kill": 2},
        _bug("S3"),
    ),
    _snapshot(
        leads_to(
            "no-lost-write",
            "what the operator takes for written is written",
            _copy_is_unwritten,
            lambda view: not _copy_is_unwritten(view),
        ),
        "FailureResolved",
        {"faults": 1, "api": 1, "kill": 2},
        _bug("S4"),
        Known(VACUOUS),
    ),
    _snapshot(
        leads_to(
            "vanished-job-is-noticed",
            "a Job that is gone before it has finished counts as failed",
            _vanished,
            lambda view: not _vanished(view) or _of_live(_pending)(view),
        ),
        "FailureResolved",
        {"faults": 1, "job_deletion": 1},
        _bug("S7"),
    ),
    _snapshot(
        leads_to(
            "unreadable-policy",
            "the failure of an attempt is answered whatever the policy says",
            lambda view: _failed(view) and not _is_settled(_live(view)),
            lambda view: _is_settled(_live(view)) or not _failed(view),
        ),
        "FailureResolved",
        {"kill": 1, "edit": 1},
        _bug("S8"),
    ),
    _snapshot(
        leads_to(
            "attempts-have-a-limit",
            "an attempt whose pod is never scheduled is given up",
            lambda view: _nobody_knows(view) and not _is_settled(_live(view)),
            lambda view: not _nobody_knows(view) or _is_settled(_live(view)),
        ),
        "AttemptTimeout",
        {"faults": 1, "pending": 1},
        _bug("A7"),
        _bug("A7"),
    ),
    _snapshot(
        eventually(
            "it-ends",
            "where nothing but the deaths of pods goes wrong, every backup ends",
            _is_settled_now,
        ),
        "NoWedge",
        {"kill": 2},
    ),
    _snapshot(
        eventually("it-ends-after-a-crash", "a backup ends although the operator crashes once", _is_settled_now),
        "CrashRecovery",
        {"faults": 1, "crash": 1, "kill": 2},
        _bug("S3"),
    ),
    _snapshot(
        steps("no-late-word", "what a pod on a lost node writes does not move the backup", _heeds_no_late_word),
        "AttemptIdentity",
        {"faults": 1, "node": 1, "kill": 1},
        _bug("S21"),
        _bug("S21"),
    ),
    _snapshot(
        steps("end-is-final", "an end that is written stays", _keeps_its_end, lambda taken: True),
        "TerminalAbsorbing",
        {"faults": 1, "node": 1, "kill": 1},
        _bug("A11"),
        _bug("A11"),
    ),
    _snapshot(
        steps(
            "complete-data-are-left-alone", "data that are complete are not backed up again", _is_no_attempt_too_many
        ),
        "NoRetryAfterComplete",
        {"faults": 1, "write": 1},
        _bug("U7"),
        _bug("U7"),
    ),
    _snapshot(
        always(
            "retries-are-bounded",
            "no more retries begin than the policy allows",
            lambda view: not _of_live(lambda held: _begun(held) > max(held.wish.retries, 0))(view),
        ),
        "RetryBound",
        {"kill": 2},
        timeout="6m",
    ),
    _snapshot(
        steps("records-only-grow", "retry records are neither taken back nor skipped", _records_only_grow),
        "RecordMonotone",
        {"faults": 1, "crash": 1, "kill": 2},
    ),
    _snapshot(
        steps("no-retry-too-early", "a retry begins when it is due, not before", _waits_until_due),
        "NotEarly",
        {"faults": 1, "job_deletion": 1, "cluster": 1, "kill": 1},
        _bug("S26"),
    ),
    _snapshot(
        never(
            "retrying-has-a-record",
            "the phase RetryFailed means that a retry is on record",
            _of_live(lambda held: held.phase == "RetryFailed" and not held.records),
        ),
        "RetryWellFormed",
        {"faults": 1, "cluster": 1},
        _bug("A4"),
    ),
    _snapshot(
        always(
            "complete-is-true",
            "a backup that is said to be complete has all its data",
            lambda view: view[DATA] == "complete",
            _of_live(lambda held: held.phase == "Complete" and not held.deleting),
        ),
        "StatusTruth",
        {"faults": 1, "program": 1, "kill": 1},
    ),
    _snapshot(
        always(
            "no-data-left",
            "a Backup whose data shall go with it is only gone when they are",
            lambda view: view[DATA] == "none",
            lambda view: _live(view) is None,
        ),
        "NoOrphan",
        {"delete": 1},
        ours=None,
        clean="Delete",
    ),
    _snapshot(
        never("no-panic", "the operator does not panic", _has_panicked),
        "TotalAndCrashFree",
        {"faults": 1, "lag": 1, "kill": 1},
        ours=None,
    ),
    _snapshot(
        steps("spec-is-the-users", "the controller leaves the spec alone", _leaves_the_wish_alone),
        "SpecUntouched",
        {"edit": 1},
        _bug("U12"),
    ),
    _snapshot(
        never(
            "one-end",
            "a backup is not both complete and failed",
            _of_live(lambda held: held.holds("Complete") and held.holds("Failed")),
        ),
        "ConditionCoherence",
        {"faults": 1, "node": 1, "kill": 1},
        _bug("A11"),
        _bug("A11"),
    ),
)


def _is_terminating(view: Any) -> bool:
    job = _job(view)
    return job is not None and job.deleting


LOG_CLAIMS = (
    _log(
        leads_to(
            "dead-command-is-noticed",
            "a subcommand whose Job died, or is gone, does not stay at work",
            _is_command_dead,
            _is_command_resolved,
        ),
        "FailureResolved",
        {"kill": 1},
        _bug("S7"),
        _HOLDS,
    ),
    _log(
        leads_to(
            "commands-have-a-limit",
            "a subcommand whose pod is never scheduled is given up",
            _waits_for_a_node,
            lambda view: not _waits_for_a_node(view),
        ),
        "AttemptTimeout",
        {"faults": 1, "pending": 1},
        _bug("A7"),
        _HOLDS,
    ),
    _log(
        never("one-subcommand", "at most one subcommand is at work", lambda view: _unfinished(view) > 1),
        "OneSubcommand",
        {"edit": 2},
        _bug("S23"),
    ),
    _log(
        steps(
            "stopped-is-final",
            "a stopped log backup never is paused or runs again",
            _leaves_stopped_for_no("Paused", "Running"),
        ),
        "StopIsTerminal",
        {"edit": 2},
        _bug("U3"),
    ),
    _log(
        steps(
            "stopped-does-not-fail",
            "a stopped log backup does not fail afterwards",
            _leaves_stopped_for_no("Failed", "RetryFailed"),
        ),
        "TerminalAbsorbing",
        {"edit": 2},
        _bug("S12"),
    ),
    _log(
        steps(
            "no-healthy-task-is-blamed",
            "a task is only said to be gone when it is",
            _blames_no_healthy_task,
        ),
        "StatusTruth",
        {"faults": 1, "pd": 1},
        _bug("S10"),
    ),
    _log(
        recoverable(
            "pause-can-be-repeated",
            "after a failed log-pause the user can have it paused by asking again",
            _is_phase("Paused"),
            _has_failed("log-pause"),
        ),
        "UserEscape",
        {"faults": 1, "program": 1, "edit": 3},
        _bug("S17"),
        _HOLDS,
        policy="pause",
    ),
    _log(
        leads_to(
            "truncation-settles",
            "a truncation is done or fails",
            _of_live(_is_truncation_open),
            _is_truncation_done,
        ),
        "Quiescence",
        {"edit": 1, "truncate": 1},
        _bug("S16"),
    ),
    _log(
        never("no-orphan", "a Backup is only gone when its task is", _has_orphan),
        "NoOrphan",
        {"delete": 1},
        _bug("S13"),
    ),
    _log(
        steps("clean-after-stop", "the data are cleaned after the task has stopped", _starts_cleaning_after_the_stop),
        "CleanAfterStop",
        {"faults": 1, "lag": 1, "delete": 1},
        _bug("S27"),
        clean="Delete",
    ),
    _log(
        leads_to(
            "status-recovers",
            "once its task runs again the log backup is said to run",
            _resting_with_task,
            lambda view: not _resting_with_task(view),
        ),
        "StatusRecovers",
        {"faults": 1, "task_error": 1, "task": 1},
        _bug("S9"),
        _HOLDS,
    ),
    _log(
        leads_to(
            "deletion-completes",
            "a Backup that is deleted goes",
            _of_live(lambda held: held.deleting),
            lambda view: _live(view) is None,
        ),
        "DeletionCompletes",
        {"kill": 1, "delete": 1},
        _bug("S14"),
    ),
    _log(
        recoverable(
            "stopped-can-start",
            "a stopped log backup can be started again by asking for it",
            _starts_again,
            lambda view: _is_phase("Stopped")(view) and _can_still_edit(view, 1),
        ),
        "UserEscape",
        {"edit": 2},
        _bug("S12"),
    ),
    _log(
        steps("wish-is-obeyed", "a Job is only made for the subcommand that is wished now", _starts_what_is_wished),
        "DesireWins",
        {"faults": 1, "slow": 1, "edit": 2},
        _bug("4.6"),
    ),
    _log(
        steps("command-fits-the-task", "a Job is only made for what the task can do", _starts_what_can_be_done),
        "SubcommandPrecondition",
        {"edit": 2},
        _bug("6.2"),
    ),
    _log(
        steps("truncations-grow", "what was truncated is never taken back", _truncations_grow),
        "TruncateMonotone",
        {"edit": 2, "truncate": 2},
    ),
)

# ------------------------------------------------------------------ the companion


def _is_unanswered(view: Any) -> bool:
    """The current command has failed, by its own word or without one, and is neither retried nor held."""
    held = _live(view)
    if held is None or held.deleting or _is_held(held) or not is_retried(held.wish.policy, _command(held)):
        return False
    return _is_command_dead(view) or held.phase_of(_command(held)) == "Failed"


def _is_handed_over(view: Any) -> bool:
    """A retry of the current command has begun, and its Job is not made yet."""
    held = _live(view)
    if held is None or held.deleting or held.retry is None or _is_held(held):
        return False
    failure, command = held.retry.failure, _command(held)
    return failure.begun and not failure.done and failure.command == command and held.phase_of(command) == "RetryFailed"


def _by_companion(taken: Taken) -> bool:
    return "companion" in taken.rule


def _handed_over(before: Any, taken: Taken, after: Any) -> str:
    """The command that this step of the companion hands over to the operator, "" where it does not."""
    was, is_ = _live(before), _live(after)
    if not _by_companion(taken) or was is None or is_ is None:
        return ""
    return next(
        (c for c in _COMMANDS if is_.phase_of(c) == "RetryFailed" != was.phase_of(c)),
        "",
    )


def _task_shows(command: str, task: Any) -> bool:
    """The wish for this command holds."""
    running = task.exists and task.paused_by is None
    shown = {
        "log-start": running,
        "log-resume": running,
        "log-stop": not task.exists,
        "log-pause": task.exists and task.paused_by is not None,
        "log-truncate": False,
    }
    return bool(shown[command])


def _retries_what_is_needed(before: Any, taken: Taken, after: Any) -> bool:
    command = _handed_over(before, taken, after)
    return not command or not _task_shows(command, before[TASK])


def _retries_what_is_wished(before: Any, taken: Taken, after: Any) -> bool:
    """Only the current command, and only while no other one is at work."""
    command, held = _handed_over(before, taken, after), _live(before)
    if not command or held is None:
        return True
    others = [_job(before, slot) for slot in _COMMANDS if slot != command]
    return command == _command(held) and all(job is None or job.finished for job in others)


def _begins_with_its_record(before: Any, taken: Taken, after: Any) -> bool:
    """The handover and the record of it are one write."""
    was, is_ = _live(before), _live(after)
    if not _by_companion(taken) or was is None or is_ is None:
        return True
    begun = is_.retry is not None and is_.retry.failure.begun
    command = _handed_over(before, taken, after)
    newly = begun and not (was.retry is not None and was.retry.failure.begun)
    paused = is_.phase == "Paused" != was.phase
    return begun if command else not newly or paused


def _is_recorded_once(before: Any, taken: Taken, after: Any) -> bool:
    """A failure is recorded once, when its Job has ended or takes too long, and by that Job's number."""
    was, is_ = _live(before), _live(after)
    if was is None or is_ is None or is_.retry is None or is_.retry.failure.begun or is_.retry.failure.superseded:
        return True
    new, old = is_.retry.failure, was.retry.failure if was.retry is not None else None
    if old is not None and not old.superseded and (old.command, old.number, old.begun) == (new.command, new.number, 0):
        return True
    job = _job(before, new.command)
    is_there = job is not None and job.attempt == new.job  # else it is an earlier one, which is gone
    ended = job is None or not is_there or job.finished or job.stage == UNSCHEDULABLE
    counted = old is not None and not old.superseded and (old.command, old.job) == (new.command, new.job)
    return ended and not (counted and new.job >= 0)


def _has_retried_too_often(view: Any) -> bool:
    held = _live(view)
    if held is None or held.retry is None:
        return False
    return held.retry.failure.begun and held.retry.failure.number > (2 if held.wish.policy == "twice" else 1)


def _mends_what_is_seen(before: Any, taken: Taken, after: Any) -> bool:
    """What the companion says to be complete the task shows; a task that was paused by hand stays so."""
    was, is_ = _live(before), _live(after)
    if not _by_companion(taken) or was is None or is_ is None:
        return True
    task = before[TASK]
    said = [c for c in _COMMANDS if is_.phase_of(c) == "Complete" != was.phase_of(c)]
    resumed = is_.phase == "Paused" != was.phase and _command(is_) == LogCommand.RESUME
    if resumed:
        return task.exists and bool(task.paused_by)
    return all(_task_shows(command, task) for command in said)


def _leaves_the_whole_alone(before: Any, taken: Taken, after: Any) -> bool:
    """Without a mend the whole phase and whole conditions stay, and the spec always does."""
    was, is_ = _live(before), _live(after)
    if not _by_companion(taken) or was is None or is_ is None:
        return True
    mended = any(is_.phase_of(c) == "Complete" for c in _COMMANDS if is_.sub(c) != was.sub(c))
    return was.wish == is_.wish and (mended or (was.phase, was.conditions) == (is_.phase, is_.conditions))


def _removes_unfinished_jobs_only(before: Any, taken: Taken, after: Any) -> bool:
    """What the companion deletes is not finished, and its failure is on record."""
    if not _by_companion(taken):
        return True
    pairs = [(slot, _job(before, slot), _job(after, slot)) for slot in _COMMANDS]
    removed = [(s, old) for s, old, new in pairs if old and new and new.deleting and not old.deleting]
    held = _live(after)
    failure = held.retry.failure if held is not None and held.retry is not None else None
    return all(not job.finished and failure is not None and failure.job == job.attempt for _, job in removed)


_FAULTY = {"faults": 1, "kill": 2, "crash": 1, "slow": 1, "api": 1, "pd": 1}

COMPANION_CLAIMS = (
    _beside(
        leads_to(
            "failure-is-answered",
            "a subcommand that failed is done, retried, superseded, or held with a reason",
            _is_unanswered,
            lambda view: not _is_unanswered(view),
        ),
        "SubcommandResolves",
        {**_FAULTY, "program": 1, "job_deletion": 1, "pending": 1, "node": 1},
    ),
    _beside(
        leads_to(
            "handover-is-taken",
            "a retry that was handed over begins, or is held with a reason",
            _is_handed_over,
            lambda view: not _is_handed_over(view),
        ),
        "RetryHappens",
        {"faults": 1, "kill": 1, "node": 1, "crash": 1, "slow": 1, "lag": 1, "api": 1},
    ),
    _beside(
        steps(
            "look-before-retry",
            "nothing is retried that the task shows to be done already",
            _retries_what_is_needed,
            _by_companion,
        ),
        "NoRetryAfterComplete",
        {"faults": 1, "kill": 2, "crash": 1, "api": 1, "pd": 1, "write": 1},
    ),
    _beside(
        steps(
            "retry-of-the-wish",
            "only the current subcommand is retried, and only alone",
            _retries_what_is_wished,
            _by_companion,
        ),
        "DesireWins",
        {"kill": 1, "edit": 2},
    ),
    _beside(
        steps("retry-is-one-write", "a retry begins together with its record", _begins_with_its_record, _by_companion),
        "RetryAccounting",
        _FAULTY,
    ),
    _beside(
        steps(
            "failure-counts-once",
            "a failure is recorded once, and as that of its own Job",
            _is_recorded_once,
            _by_companion,
        ),
        "AttemptIdentity",
        {**_FAULTY, "node": 1},
    ),
    _beside(
        never("log-retries-are-bounded", "no more retries begin than the policy allows", _has_retried_too_often),
        "RetryBound",
        {"faults": 1, "kill": 3, "crash": 1, "slow": 1},
    ),
    _beside(
        steps("mend-is-true", "what is mended is what the task shows", _mends_what_is_seen, _by_companion),
        "StatusTruth",
        {"faults": 1, "kill": 1, "write": 1, "pd": 1, "crash": 1, "task": 1, "task_error": 1},
    ),
    _beside(
        steps(
            "manual-pause-stays",
            "a task that somebody paused is not resumed by the companion",
            _mends_what_is_seen,
            _by_companion,
        ),
        "ManualPauseRespected",
        {"faults": 1, "task": 1, "task_error": 1, "kill": 1},
        policy="resume",
    ),
    _beside(
        steps(
            "whole-is-left-alone",
            "but for a mend the whole status stays as it is",
            _leaves_the_whole_alone,
            _by_companion,
        ),
        "NoLostUpdate",
        {**_FAULTY, "pending": 1},
    ),
    _beside(
        steps(
            "only-dead-jobs-go",
            "the companion deletes only Jobs that take too long",
            _removes_unfinished_jobs_only,
            _by_companion,
        ),
        "AttemptTimeout",
        {"faults": 2, "pending": 1, "slow": 1, "job_deletion": 1, "kill": 1},
    ),
)

CATALOGUE = (*SNAPSHOT_CLAIMS, *LOG_CLAIMS, *COMPANION_CLAIMS)

UNASKED: Mapping[str, str] = {
    "OneAttempt": "cannot be broken here: all attempts have one Job name, and the API server holds one Job of a name",
    "ReplaceAfterGone": "cannot be broken here: a Job is refused while another one of its name is there",
    "NonRetryable": "the operator has no such list of reasons; the companion's is tested in tests/companion",
    "CleanStop": "what the task leaves behind in PD is not held: no pause keys, no safepoints",
    "CheckpointMonotone": "the checkpoint is not held",
    "ScheduleNoOverlap": "schedules are not part of the world",
    "GCOnlyTerminal": "schedules are not part of the world",
    "ScheduleProgress": "schedules are not part of the world",
    "LevelTriggered": "events are not held at all: a handler may look at any time, so none can be missed for ever",
    "ESR": "asked in parts: NoWedge, StatusRecovers and UserEscape",
    "CheckpointAdvances": "the checkpoint is not held",
    "Backoff": "arithmetic, which tests/rules holds; in the world a wait is a number of minutes",
    "Deadline": "the arithmetic is in tests/rules; that minutes of work count is S18 of the operator's behaviour",
    "Lateness": "a handler looks at any time, so how late it is has no bound here",
    "GCWindow": "safepoints are not held",
    "ResetWindow": "the operator's counter is never reset, and the while after which the companion's is, is long here",
    "ClockSafety": "the clock of the world only goes forward",
    "LockTTL": "locks in the storage are not held",
    "Refinement": "asked by the test of the divergences between reference and charts",
    "RefinementOfV2": "the operator's next version is not modelled",
    "Adapter": "asked by the tests of the adapter",
    "GeneratedPictures": "asked by the tests of diagrams and documentation",
    "TraceAcceptance": "what `backup-fsm replay` does",
}
"""What the field's catalogue claims and nothing here asks, with the reason."""
