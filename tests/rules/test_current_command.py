"""Which log subcommand is asked for, and whether it is done: the tables of operator-semantics 2.4 to 2.7."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.model import LOG_UNKNOWN, Backup, LogCommand, Phase
from fsm.rules import current_command, is_already_truncated, is_requeued, is_synced

ALL = ["", *Phase]
STARTED = {"commitTs": "100"}


def log(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None, mode: str = "log") -> Backup:
    data = {"kind": "Backup", "metadata": {"name": "demo"}, "spec": {"backupMode": mode} | (spec or {})}
    return Backup.from_json(data | {"status": status or {}})


SPECS: dict[str, dict[str, Any]] = {
    "absent": {},
    "empty": {"logSubcommand": ""},
    "logStop": {"logStop": True},
    "start": {"logSubcommand": "log-start"},
    "stop": {"logSubcommand": "log-stop"},
    "pause": {"logSubcommand": "log-pause"},
    "resume": {"logSubcommand": "log-resume"},
    "truncate": {"logSubcommand": "log-truncate"},
    "nonsense": {"logSubcommand": "LOG-START"},
}
BASES = {
    # spec:     (Paused,       Stopped,     any other phase)
    "absent": ("log-resume", "log-stop", "log-start"),
    "empty": ("log-resume", "log-stop", "log-start"),
    "logStop": ("log-stop", "log-stop", "log-stop"),
    "start": ("log-resume", "log-start", "log-start"),
    "stop": ("log-stop", "log-stop", "log-stop"),
    "pause": ("log-pause", "log-pause", "log-pause"),
    "resume": (LOG_UNKNOWN, LOG_UNKNOWN, LOG_UNKNOWN),
    "truncate": (LOG_UNKNOWN, LOG_UNKNOWN, LOG_UNKNOWN),
    "nonsense": (LOG_UNKNOWN, LOG_UNKNOWN, LOG_UNKNOWN),
}


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("phase", ALL)
def test_spec_and_phase_together_choose_the_command(spec: str, phase: str) -> None:
    paused, stopped, other = BASES[spec]
    expected = {"Paused": paused, "Stopped": stopped}.get(phase, other)
    assert current_command(log(SPECS[spec], {"phase": phase})) == expected


@pytest.mark.parametrize("mode", ["snapshot", "volume-snapshot", "", "LOG"])
def test_only_a_log_backup_has_a_command(mode: str) -> None:
    assert current_command(log({"logSubcommand": "log-stop", "logTruncateUntil": "5"}, STARTED, mode)) == ""


UNTIL = {"logTruncateUntil": "200"}
TRUNCATES = {
    # case: (spec, status, command)
    "started": (UNTIL, STARTED, "log-truncate"),
    "started and failed": (UNTIL, STARTED | {"phase": "Failed"}, "log-truncate"),
    "paused as wished": (UNTIL | {"logSubcommand": "log-pause"}, STARTED | {"phase": "Paused"}, "log-truncate"),
    "stopped as wished": (UNTIL | {"logSubcommand": "log-stop"}, STARTED | {"phase": "Stopped"}, "log-truncate"),
    "stopped, asked by absence": (UNTIL, STARTED | {"phase": "Stopped"}, "log-truncate"),
    "done already": (UNTIL, STARTED | {"logSuccessTruncateUntil": "200"}, "log-start"),
    "done to another time": (UNTIL, STARTED | {"logSuccessTruncateUntil": "150"}, "log-truncate"),
    "the same number in other words": (UNTIL, STARTED | {"logSuccessTruncateUntil": "0200"}, "log-truncate"),
    "before the start": (UNTIL, {}, "log-start"),
    "before a pause is done": (UNTIL | {"logSubcommand": "log-pause"}, STARTED | {"phase": "Running"}, "log-pause"),
    "before a stop is done": (UNTIL | {"logStop": True}, STARTED | {"phase": "Running"}, "log-stop"),
    "before a resume is done": (UNTIL, STARTED | {"phase": "Paused"}, "log-resume"),
    "an unknown command comes first": (UNTIL | {"logSubcommand": "x"}, STARTED, "log-unknown"),
    "nothing wished": ({"logTruncateUntil": ""}, STARTED, "log-start"),
}


@pytest.mark.parametrize(("spec", "status", "command"), TRUNCATES.values(), ids=TRUNCATES)
def test_a_truncation_waits_until_the_other_command_is_done(
    spec: dict[str, Any], status: dict[str, Any], command: str
) -> None:
    assert current_command(log(spec, status)) == command


SETTLED_IN = {"log-stop": "Stopped", "log-pause": "Paused", "log-resume": "Running"}


@pytest.mark.parametrize("command", [*LogCommand, LOG_UNKNOWN, ""])
@pytest.mark.parametrize("phase", ALL)
@pytest.mark.parametrize("commit_ts", ["", "100"])
def test_a_command_is_synced_by_the_start_or_by_its_phase(command: str, phase: str, commit_ts: str) -> None:
    started = command == "log-start" and commit_ts == "100"
    settled = phase != "" and SETTLED_IN.get(command) == phase
    assert is_synced(log({}, {"phase": phase, "commitTs": commit_ts}), command) is (started or settled)


@given(
    st.sampled_from([*SPECS]),
    st.sampled_from(ALL),
    st.sampled_from(["", "100"]),
    st.sampled_from(["", "50", "200"]),
)
def test_no_truncation_runs_while_a_paused_stream_is_to_be_started(
    spec: str, phase: str, commit_ts: str, until: str
) -> None:
    status = {"phase": phase, "commitTs": commit_ts}
    command = current_command(log(SPECS[spec] | {"logTruncateUntil": until}, status))
    if phase == "Paused" and spec in {"absent", "empty", "start"}:
        assert command == "log-resume"
    if command == "log-truncate":
        assert until


WAITING = {
    # case: (spec, waits before the start)
    "start": ({"logSubcommand": "log-start"}, False),
    "stop": ({"logSubcommand": "log-stop"}, True),
    "logStop": ({"logStop": True}, True),
    "pause": ({"logSubcommand": "log-pause"}, True),
    "resume": ({}, False),
    "unknown": ({"logSubcommand": "x"}, False),
}


@pytest.mark.parametrize(("spec", "waits"), WAITING.values(), ids=WAITING)
def test_a_stop_or_a_pause_is_requeued_until_the_start(spec: dict[str, Any], waits: bool) -> None:
    phase = {"phase": "Paused"} if spec == {} else {"phase": "Running"}
    assert is_requeued(log(spec, phase)) is waits
    assert not is_requeued(log(spec, phase | STARTED))
    assert not is_requeued(log(spec, phase, "snapshot"))


def test_a_truncation_after_an_unstarted_stop_is_requeued() -> None:
    backup = log({"logStop": True, "logTruncateUntil": "5"}, {"phase": "Stopped"})
    assert current_command(backup) == "log-truncate"
    assert is_requeued(backup)


TRUNCATED = {
    # case: (until, done until, started at, already truncated)
    "later than both": ("200", "150", "100", False),
    "done to this very time": ("200", "200", "100", True),
    "done further": ("200", "300", "100", True),
    "before the start": ("50", "", "100", True),
    "at the start": ("100", "", "100", True),
    "zero is always covered": ("0", "", "", True),
    "nothing wished counts as zero": ("", "", "", True),
    "nothing done, not started": ("1", "", "", False),
    "an unreadable wish": ("soon", "300", "300", False),
    "an unreadable result is zero": ("200", "soon", "100", False),
    "an unreadable start is zero": ("50", "", "soon", False),
    "compared as numbers and not as text": ("0200", "200", "", True),
    "compared as times": ("2026-11-22 02:00:01", "2026-11-22T02:00:01Z", "", True),
    "unsigned": ("1", str((1 << 64) - 1), "", True),
}


@pytest.mark.parametrize(("until", "done", "start", "expected"), TRUNCATED.values(), ids=TRUNCATED)
def test_a_truncation_that_is_covered_is_told_by_time(until: str, done: str, start: str, expected: bool) -> None:
    backup = log({"logTruncateUntil": until}, {"logSuccessTruncateUntil": done, "commitTs": start})
    assert is_already_truncated(backup) is expected
    assert not is_already_truncated(backup.with_(spec=backup.spec.with_(backup_mode="snapshot")))


def test_a_time_without_a_zone_is_in_the_operators_zone() -> None:
    backup = log({"logTruncateUntil": "2026-11-22 10:00:00"}, {"logSuccessTruncateUntil": "2026-11-22T02:00:00Z"})
    assert is_already_truncated(backup, timezone(timedelta(hours=8)))
    assert not is_already_truncated(backup)
