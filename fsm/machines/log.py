"""The log-backup lifecycle: a stream that lives for months, and one lane in which the subcommands run as Jobs.

`stream` is what the log backup does; `lane` is the Job of the command that spec and status ask for now (its current
command, operator-semantics 2.4). A finished command returns the lane to `idle`; the last outcome of every other command
is context. A command is run again only under a `LogBackupRetryPolicy`, and only after a look at the task
(`log_retry`): running it again without looking would be wrong. The operator itself retries none.

A new subcommand is one line in `fsm/model/command.py` and one row in `COMMANDS`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fsm.kernel import (
    Action,
    Chart,
    Compound,
    Event,
    Guard,
    Parallel,
    Samples,
    Start,
    Value,
    action,
    compile_chart,
    edge,
    guard,
    state,
)
from fsm.machines import log_retry, retry
from fsm.machines.deletion import declare_deletion, deleting_states
from fsm.machines.effects import CreateJob
from fsm.machines.log_retry import BY_ITSELF, ONCE, WAITING, LogPolicy, is_retried, retries_begun
from fsm.machines.retry import Record
from fsm.model import LogCommand

ERROR_PAUSE, TASK_NOT_FOUND = "LogBackupErrorPaused", "LogBackupTaskNotFound"
"""What the operator says where TiKV has paused the task because of an error, and where it did not find the task."""
SEEN_OF_TASK = frozenset((ERROR_PAUSE, TASK_NOT_FOUND))
"""The reasons it gives for what it saw of the task, whatever became of the Job (operator-semantics 6.5)."""


class Command(NamedTuple):
    """What a subcommand does to the stream when it completes: from which state to which."""

    moves: tuple[tuple[str, str], ...]
    doc: str


COMMANDS: dict[LogCommand, Command] = {
    LogCommand.START: Command(
        (("not_started", "streaming"),), "log-start is complete: the task runs and commitTs is known."
    ),
    LogCommand.STOP: Command(
        (("streaming", "stopped"), ("paused", "stopped")), "log-stop is complete: the task is gone for good."
    ),
    LogCommand.PAUSE: Command((("streaming", "paused"),), "log-pause is complete: the task holds."),
    LogCommand.RESUME: Command((("paused", "streaming"),), "log-resume is complete: the task runs on."),
    LogCommand.TRUNCATE: Command(
        (), "log-truncate is complete: old log files are deleted; the stream goes on as it was."
    ),
}


class CommandState(Value, frozen=True):
    """Where a command stands: an id of the lane, or complete or repeatable. One that is not recorded is wished."""

    command: str
    state: str


class LogContext(Value, frozen=True):
    """What a log backup knows beside its configuration.

    `command` is the current one, `job` the uid of its Job ("" while the lane is idle or it is unknown), `attempt`
    the number of its Job (0-based). `commands` holds every command that was ever begun, by name. `commit_ts` is where
    the stream starts, "" until it does. `reason` and `message` say why the lane's state was entered; `sync_error` is
    the reason of a sync that failed and is requeued. `policy` is the one for the current command, `records` are those
    of its present failure episode.
    """

    command: str = LogCommand.START.value
    attempt: int = 0
    job: str = ""
    commands: tuple[CommandState, ...] = ()
    commit_ts: str = ""
    reason: str = ""
    message: str = ""
    sync_error: str = ""
    policy: LogPolicy = LogPolicy()
    records: tuple[Record, ...] = ()

    @property
    def retries(self) -> int:
        """Retries of the present episode that really began."""
        return retries_begun(self.records)

    def state_of(self, command: str) -> str:
        """The state of a command."""
        return next((each.state for each in self.commands if each.command == command), "wished")

    def with_state(self, command: str, state: str) -> LogContext:
        """With that state recorded."""
        others = (each for each in self.commands if each.command != command)
        return self._replace(commands=tuple(sorted((*others, CommandState(command, state)))))


def _is(command: LogCommand) -> Guard:
    def current(context: LogContext, event: Event) -> bool:
        return context.command == command

    current.__doc__ = f"The current command is {command}."
    return Guard(current, f"is_{command.replace('-', '_')}")


@guard
def can_complete(context: LogContext, event: Event) -> bool:
    """The lane takes a completion of the current command: it is idle, at work, or has failed and may be mended."""
    state = context.state_of(context.command)
    return state not in ("scheduled", "preparing", "invalid") and (state != "aborted" or is_retried(context, event))


@guard
def is_of_the_task(context: LogContext, event: Event) -> bool:
    """The operator says it, of what it saw of the task: no Job of the command ran."""
    return event.reason in SEEN_OF_TASK


def _was(lane: str) -> Guard:
    def recorded(context: LogContext, event: Event) -> bool:
        return context.state_of(event.subject) == lane

    recorded.__doc__ = f"The command that is wished now was left {lane}."
    return Guard(recorded, f"was_{lane}")


def _stands(lane: str) -> Action:
    def stands(context: LogContext, event: Event) -> tuple[LogContext, tuple[()]]:
        return context.with_state(context.command, lane), ()

    stands.__doc__ = f"Record the current command as {lane}."
    return Action(stands, f"stands_{lane}")


def _observed(command: LogCommand) -> Action:
    def observed(context: LogContext, event: Event) -> tuple[LogContext, tuple[()]]:
        return reopened(context, command).with_state(command.value, "complete"), ()

    observed.__doc__ = f"Record {command} as complete, as if it had been run."
    return Action(observed, f"observe_{command.replace('-', '_')}")


def reopened(context: LogContext, command: str) -> LogContext:
    """The command that this one reopens may run again, if it ever ran (operator-semantics 3.4)."""
    other = next((known.reopens for known in LogCommand if known == command), "")
    return context.with_state(other, "repeatable") if other and context.state_of(other) != "wished" else context


@action()
def begin_command(context: LogContext, event: Event) -> tuple[LogContext, tuple[()]]:
    """Remember the Job; the command that this one reopens may run again."""
    context = reopened(context, context.command)
    return context._replace(job=event.uid, sync_error="", reason="", message=""), ()


@action()
def settle(context: LogContext, event: Event) -> tuple[LogContext, tuple[()]]:
    """The current command is complete; log-start reports the commitTs as the event's message."""
    starts = context.command == LogCommand.START and not context.commit_ts
    context = reopened(context, context.command).with_state(context.command, "complete")
    return context._replace(
        job="", reason="", message="", sync_error="", commit_ts=event.message if starts else context.commit_ts
    ), ()


@action()
def adopt(context: LogContext, event: Event) -> tuple[LogContext, tuple[()]]:
    """Record log-start as complete, from where the task itself says that it starts."""
    return context.with_state(LogCommand.START.value, "complete")._replace(commit_ts=event.message), ()


@action()
def note_rejection(context: LogContext, event: Event) -> tuple[LogContext, tuple[()]]:
    """Keep why; like every write of a command, this one reopens the other."""
    return retry.note_reason(reopened(context, context.command), event)


@action()
def take_up(context: LogContext, event: Event) -> tuple[LogContext, tuple[()]]:
    """The wished command becomes the current one; a retry of the old one is off."""
    if context.state_of(context.command) in WAITING:
        context = context.with_state(context.command, "superseded")
    return context._replace(
        command=event.subject, job="", attempt=0, reason="", message="", sync_error="", policy=LogPolicy(), records=()
    ), ()


@action(CreateJob)
def create_job(context: LogContext, event: Event) -> tuple[LogContext, tuple[CreateJob, ...]]:
    """Ask for the Job of the current command."""
    return context, (CreateJob(context.attempt, context.command),)


def _lane_state(doc: str, lane: str) -> Any:
    return state(doc, enter=[_stands(lane)])


def _states(lane: Any, ids: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(getattr(lane, each) for each in ids)


_BEGAN = 1_800_000_000
_FIRST = Record(1, _BEGAN - 61, _BEGAN - 1, _BEGAN, "Job backup-log-start has failed", "BackoffLimitExceeded")
_WAITS = _FIRST._replace(detected=_BEGAN, expected=_BEGAN + 60, real=None)
_SECOND = _WAITS._replace(number=2)


def _under_a_policy_of_one_retry(title: str, lane: str, *records: Record) -> Start:
    """No event gives a machine its policy or takes it away, so tools begin with these too."""
    known = (CommandState("log-start", lane),)
    context = LogContext(job="job-1", commands=known, policy=ONCE, records=records)
    return Start(f"{title} under a policy of one retry", ("not_started", lane), context, _BEGAN)


_COMMIT_TS = "400036290571534337"
_RESUMED = Start(
    "log-resume at work",
    ("paused", "running"),
    LogContext(
        command="log-resume",
        job="job-1",
        commands=(
            CommandState("log-pause", "repeatable"),
            CommandState("log-resume", "running"),
            CommandState("log-start", "complete"),
        ),
        commit_ts=_COMMIT_TS,
    ),
    _BEGAN,
)


class Log(Chart):
    """A log backup: a stream of changes, and the lane in which its subcommands run as Jobs, one command at a time."""

    context_type = LogContext
    samples = Samples(
        words={
            "wish_changed": {"subject": tuple(command.value for command in LogCommand)},
            "aborted": {"reason": ("StartLogBackupFailed", TASK_NOT_FOUND)},
            "completed": {"message": (_COMMIT_TS,)},
            "task_found": {"message": (_COMMIT_TS,)},
        },
        starts=(
            _RESUMED,
            _under_a_policy_of_one_retry("log-start at work", "running"),
            _under_a_policy_of_one_retry("a retry waits", "backoff_waiting", _WAITS),
            _under_a_policy_of_one_retry("the task is looked at", "verifying", _FIRST._replace(real=None)),
            _under_a_policy_of_one_retry("the retry has begun", "retrying", _FIRST),
            _under_a_policy_of_one_retry("the retry at work", "scheduled", _FIRST),
            _under_a_policy_of_one_retry("one retry too many is looked at", "verifying", _FIRST, _SECOND),
        ),
    )

    class alive(Parallel, initial=True):  # a state is named by its id
        """The Backup exists and is not being deleted."""

        class stream(Compound):
            """What the log backup does, as far as the Backup says."""

            not_started = state("log-start has not completed: there is no commitTs.", initial=True)
            streaming = state("The task writes changes to the storage.")
            paused = state("The task holds; TiKV keeps the changes until its GC safepoint passes them.")
            stopped = state("The task is gone for good.", outcome="good")

        class lane(Compound):
            """The Job of the current command."""

            idle = state(
                "No Job of the current command is at work: it is wished, complete or repeatable.", initial=True
            )
            scheduled = _lane_state("The command's Job was created; its pod has not reported yet.", "scheduled")
            preparing = _lane_state("The command's pod prepares.", "preparing")
            running = _lane_state("br runs the command.", "running")
            failed = _lane_state("The command's Job ended and nobody wrote a result.", "failed")
            aborted = _lane_state(
                "The program reported Failed; the operator does not run the command again.", "aborted"
            )
            invalid = _lane_state("A sync found the spec invalid for this command.", "invalid")
            backoff_waiting = _lane_state(
                "The failure is on record; its retry is planned for expectedRetryAt.", "backoff_waiting"
            )
            verifying = _lane_state(
                "The retry is due; first the task is looked at, and so far it could not be seen.", "verifying"
            )
            retrying = _lane_state(
                "The retry began: the operator removes the finished Job and makes the next one.", "retrying"
            )
            held = _lane_state("A retry would be wrong or useless now; the reason says why.", "held")
            exhausted = _lane_state("maxRetryTimes is used up; the task is watched still.", "exhausted")
            timed_out = _lane_state(
                "retryTimeout passed since the first failure; the task is watched still.", "timed_out"
            )

    deleting = deleting_states()

    stream, lane = alive.stream, alive.lane
    edge(lane.idle, lane.scheduled, "The command's Job was created.", event="job_created", do=begin_command)
    edge(
        _states(lane, BY_ITSELF),
        lane.scheduled,
        "The operator runs the command again by itself: what it had begun was never written.",
        event="job_created",
        when=retry.newer_job,
        do=begin_command,
    )
    edge(lane.idle, None, "No Job of the command is at work: ask for one.", event="tick", do=create_job)
    edge(
        lane.idle,
        lane.aborted,
        "The operator found no task of what had started, or found it paused by an error.",
        event="aborted",
        when=(is_retried, is_of_the_task),
        do=retry.note_reason,
    )
    retry.declare_run(lane.scheduled, lane.preparing, lane.running, lane.failed, lane.aborted)
    log_retry.declare_log_retries(lane)
    edge((lane.running, lane.failed), lane.idle, "The program reported Complete.", event="completed", do=settle)
    edge(
        _states(lane, WAITING),
        lane.idle,
        "The wish holds: the task shows it, or the program reported it late.",
        event="completed",
        do=settle,
    )
    edge(
        lane.aborted,
        lane.idle,
        "The wish holds, whatever the program said: the task shows it.",
        event="completed",
        when=is_retried,
        do=settle,
    )
    edge(lane.idle, None, "Nothing was left to do, or TiKV already had it.", event="completed", do=settle)
    edge(
        (lane.idle, lane.scheduled, lane.preparing, lane.running, lane.failed, lane.retrying),
        lane.invalid,
        "A sync found the spec invalid.",
        event="rejected",
        do=note_rejection,
    )
    for _lane in ("scheduled", "preparing", "running", "failed", "aborted", "invalid"):
        edge(
            lane,
            getattr(lane, _lane),
            f"Spec or status ask for another command, which was left {_lane}.",
            event="wish_changed",
            when=_was(_lane),
            do=take_up,
        )
    edge(
        lane,
        lane.failed,
        "Spec or status ask again for a command whose retry was superseded.",
        event="wish_changed",
        when=_was("superseded"),
        do=take_up,
    )
    edge(lane, lane.idle, "Spec or status ask for another command.", event="wish_changed", do=take_up)
    for _command, _row in COMMANDS.items():
        _current = _is(_command)
        for _from, _to in _row.moves:
            edge(
                getattr(stream, _from), getattr(stream, _to), _row.doc, event="completed", when=(_current, can_complete)
            )
    edge(
        stream.streaming,
        stream.paused,
        "TiKV was seen to hold the task; the Backup follows.",
        event="task_paused",
        do=_observed(LogCommand.PAUSE),
    )
    edge(
        stream.paused,
        stream.streaming,
        "TiKV was seen to run the task; the Backup follows.",
        event="task_resumed",
        do=_observed(LogCommand.RESUME),
    )
    edge(
        stream.not_started,
        stream.streaming,
        "TiKV was seen to run the task of a log-start that is not wished any more and was never reported complete.",
        event="task_found",
        do=adopt,
    )
    declare_deletion((alive,), deleting)
    del stream, lane


LOG = compile_chart(Log)
