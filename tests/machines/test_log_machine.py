"""The log lifecycle: one scenario row a subcommand, and how stream and lane move together (operator-semantics 6)."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from fsm.errors import NotEnabled
from fsm.kernel import Event, MachineState, step, trace_of
from fsm.machines import COMMANDS, LOG, CommandState, CreateJob, LogContext
from fsm.model import LogCommand


class Row(NamedTuple):
    """What a completed run of a command does: the stream before and after, and the other commands it touches."""

    before: str
    after: str
    others: tuple[CommandState, ...] = ()


SCENARIOS: dict[LogCommand, Row] = {
    LogCommand.START: Row("not_started", "streaming"),
    LogCommand.STOP: Row("streaming", "stopped"),
    LogCommand.PAUSE: Row("streaming", "paused", (CommandState("log-resume", "repeatable"),)),
    LogCommand.RESUME: Row("paused", "streaming", (CommandState("log-pause", "repeatable"),)),
    LogCommand.TRUNCATE: Row("streaming", "streaming"),
}
TS = "456"


@pytest.fixture(params=list(LogCommand), ids=str)
def command(request: pytest.FixtureRequest) -> LogCommand:
    return request.param


def _row(command: LogCommand) -> Row:
    assert command in SCENARIOS, f"add a row for {command} to SCENARIOS in tests/machines/test_log_machine.py"
    return SCENARIOS[command]


def _begin(command: LogCommand) -> MachineState:
    row = _row(command)
    known = tuple(sorted(CommandState(other.command, "complete") for other in row.others))
    commit_ts = "" if row.before == "not_started" else TS
    return LOG.state(row.before, "idle", context=LogContext(command, commands=known, commit_ts=commit_ts))


def _run(state: MachineState, *names: str) -> MachineState:
    made = [Event(name, at, uid="job-1", reason="R", message=TS) for at, name in enumerate(names)]
    return trace_of(LOG, state, made)[-1].after


def test_every_subcommand_has_a_row_in_the_table_of_commands(command: LogCommand) -> None:
    assert command in COMMANDS, f"add a row for {command} to COMMANDS in fsm/machines/log.py"


def test_every_subcommand_has_a_scenario_row(command: LogCommand) -> None:
    assert _row(command)


def test_a_command_runs_through_the_lane_and_moves_the_stream(command: LogCommand) -> None:
    state = _begin(command)
    for name, lane in (("job_created", "scheduled"), ("pod_preparing", "preparing"), ("br_started", "running")):
        state = _run(state, name)
        assert LOG.leaves(state.configuration) == (_row(command).before, lane)
        assert state.context.state_of(command) == lane
        assert state.context.job == "job-1"
    state = _run(state, "completed")
    assert LOG.leaves(state.configuration) == (_row(command).after, "idle")
    assert state.context.state_of(command) == "complete"
    assert (state.context.job, state.context.commit_ts) == ("", TS)
    for other in _row(command).others:
        assert state.context.state_of(other.command) == other.state


def test_the_stream_does_not_move_before_the_command_completes(command: LogCommand) -> None:
    for names in (("job_failed",), ("job_vanished",), ("aborted",), ("rejected",)):
        state = _run(_begin(command), "job_created", "pod_preparing", "br_started", *names)
        assert LOG.leaves(state.configuration)[0] == _row(command).before


ENDS = [("job_failed", "failed"), ("job_vanished", "failed"), ("aborted", "aborted"), ("rejected", "invalid")]


@pytest.mark.parametrize(("name", "lane"), ENDS)
@pytest.mark.parametrize("begun", [1, 2, 3], ids=["scheduled", "preparing", "running"])
def test_a_command_that_ends_badly_stays_so_with_its_reason(
    command: LogCommand, begun: int, name: str, lane: str
) -> None:
    state = _run(_begin(command), *("job_created", "pod_preparing", "br_started")[:begun], name)
    assert LOG.leaves(state.configuration)[1] == lane
    assert state.context.state_of(command) == lane
    assert state.context.reason == "R"
    assert state.context.job == ("" if name == "job_vanished" else "job-1")


def test_nothing_is_retried_here(command: LogCommand) -> None:
    """Running a command again without looking at TiKV would be wrong; that is the companion's work."""
    for name, lane in ENDS:
        state = _run(_begin(command), "job_created", name)
        assert "tick" not in LOG.enabled(state.configuration), lane
        with pytest.raises(NotEnabled):
            step(LOG, state, Event("job_created", 9, uid="job-2"))


def test_an_idle_lane_asks_for_the_job_of_the_current_command(command: LogCommand) -> None:
    taken = step(LOG, _begin(command), Event("tick", 1))
    assert taken.effects == (CreateJob(0, command.value),)
    assert taken.after == taken.before


def test_a_complete_seen_after_the_job_s_failure_counts(command: LogCommand) -> None:
    state = _run(_begin(command), "job_created", "pod_preparing", "br_started", "job_failed", "completed")
    assert LOG.leaves(state.configuration) == (_row(command).after, "idle")
    assert state.context.reason == ""


def test_a_command_that_had_nothing_to_do_is_complete_without_a_job(command: LogCommand) -> None:
    state = _run(_begin(command), "completed")
    assert LOG.leaves(state.configuration) == (_row(command).after, "idle")


def test_one_completed_moves_stream_and_lane_in_one_step() -> None:
    state = _run(_begin(LogCommand.PAUSE), "job_created", "pod_preparing", "br_started")
    taken = step(LOG, state, Event("completed", 5))
    assert [(each.source, each.target) for each in taken.transitions] == [("streaming", "paused"), ("running", "idle")]


def test_only_the_current_command_moves_the_stream() -> None:
    """A truncate that completes while paused leaves the stream paused."""
    paused = LOG.state("paused", "idle", context=LogContext(LogCommand.TRUNCATE, commit_ts=TS))
    assert LOG.leaves(_run(paused, "job_created", "pod_preparing", "br_started", "completed").configuration) == (
        "paused",
        "idle",
    )


def test_a_stop_ends_a_paused_stream_too() -> None:
    paused = LOG.state("paused", "idle", context=LogContext(LogCommand.STOP, commit_ts=TS))
    stopped = _run(paused, "job_created", "pod_preparing", "br_started", "completed")
    assert LOG.leaves(stopped.configuration) == ("stopped", "idle")
    assert LOG.info(LOG.leaves(stopped.configuration)[0]).outcome == "good"
    assert LOG.outcome(stopped.configuration) is None  # a truncate may still run in the lane


def test_the_commit_ts_is_told_once_by_the_first_start() -> None:
    state = _run(_begin(LogCommand.START), "job_created", "pod_preparing", "br_started")
    assert step(LOG, state, Event("completed", 5, message="789")).after.context.commit_ts == "789"
    started = LOG.state("streaming", "running", context=LogContext(commit_ts=TS))
    assert step(LOG, started, Event("completed", 5, message="789")).after.context.commit_ts == TS


def test_a_changed_wish_finds_the_lane_as_that_command_was_left() -> None:
    known = tuple(CommandState(f"c-{lane}", lane) for lane in ("aborted", "failed", "invalid", "running"))
    context = LogContext(commands=known, commit_ts=TS, job="job-1", reason="R")
    for subject, lane in (("c-aborted", "aborted"), ("c-failed", "failed"), ("c-running", "running"), ("new", "idle")):
        taken = step(LOG, LOG.state("streaming", "preparing", context=context), Event("wish_changed", 1, subject))
        assert LOG.leaves(taken.after.configuration) == ("streaming", lane)
        assert (taken.after.context.command, taken.after.context.job, taken.after.context.reason) == (subject, "", "")
        assert taken.after.context.state_of("c-running") == "running", "a second unfinished command stays visible (S23)"


def test_a_pause_reopens_a_resume_that_ever_ran_and_no_other() -> None:
    ever = LogContext("log-pause", commands=(CommandState("log-resume", "aborted"),), commit_ts=TS)
    never = LogContext("log-pause", commit_ts=TS)
    for context, expected in ((ever, "repeatable"), (never, "wished")):
        state = _run(LOG.state("streaming", "idle", context=context), "job_created")
        assert state.context.state_of("log-resume") == expected


@pytest.mark.parametrize(
    ("stream", "event", "after", "command"),
    [("streaming", "task_paused", "paused", "log-pause"), ("paused", "task_resumed", "streaming", "log-resume")],
)
def test_the_backup_follows_what_tikv_does(stream: str, event: str, after: str, command: str) -> None:
    taken = step(LOG, LOG.state(stream, "idle", context=LogContext(commit_ts=TS)), Event(event, 1))
    assert LOG.leaves(taken.after.configuration) == (after, "idle")
    assert taken.after.context.state_of(command) == "complete"


def test_a_stopped_stream_is_never_moved_again() -> None:
    """Setting log-start on it changes nothing (S12)."""
    for command in LogCommand:
        stopped = LOG.state("stopped", "running", context=LogContext(command, commit_ts=TS))
        assert LOG.leaves(step(LOG, stopped, Event("completed", 1)).after.configuration)[0] == "stopped"


def test_deletion_leaves_stream_and_lane_together() -> None:
    for configuration in LOG.configurations:
        if "alive" in configuration:
            taken = step(LOG, (configuration, LogContext()), Event("deletion_requested", 1))
            assert taken.after.configuration == ("deleting", "stopping")


def test_a_completion_moves_the_stream_only_together_with_the_lane(command: LogCommand) -> None:
    """A lane that is scheduled, preparing, aborted or invalid takes no completion, and so neither does the stream."""
    for name in ("aborted", "rejected"):
        state = _run(_begin(command), "job_created", name)
        with pytest.raises(NotEnabled):
            step(LOG, state, Event("completed", 9, message=TS))
    for names in (("job_created",), ("job_created", "pod_preparing")):
        with pytest.raises(NotEnabled):
            step(LOG, _run(_begin(command), *names), Event("completed", 9, message=TS))


def test_a_rejected_command_is_a_write_of_it_and_reopens_the_other() -> None:
    """As the operator: every changed write of a pause makes a resume repeatable (operator-semantics 3.4)."""
    context = LogContext("log-pause", commands=(CommandState("log-resume", "complete"),), commit_ts=TS)
    for name in ("rejected", "completed"):
        state = _run(LOG.state("streaming", "idle", context=context), name)
        assert state.context.state_of("log-resume") == "repeatable"


def test_a_rejection_replaces_the_reason_of_an_earlier_failed_sync() -> None:
    context = LogContext(sync_error="a sync failed")
    assert _run(LOG.state("not_started", "idle", context=context), "rejected").context.sync_error == ""
