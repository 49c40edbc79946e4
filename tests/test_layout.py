"""A new log subcommand touches three places: proven on a copy of the package, with the lines that the docs show."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOC = ROOT / "docs" / "add-a-subcommand.md"

MODEL = "fsm/model/command.py"
MACHINE = "fsm/machines/log.py"
SCENARIOS = "tests/machines/test_log_machine.py"

ADDED = {
    MODEL: (
        '    TRUNCATE = _command("log-truncate", needs_started=True)\n',
        '    HOLD = _command("log-hold", asked=True, needs_started=True, settles=Phase.PAUSED)\n',
    ),
    MACHINE: (
        '        (), "log-truncate is complete: old log files are deleted; the stream goes on as it was."\n    ),\n',
        '    LogCommand.HOLD: Command((("streaming", "paused"),), "log-hold is complete: the task holds."),\n',
    ),
    SCENARIOS: (
        '    LogCommand.TRUNCATE: Row("streaming", "streaming"),\n',
        '    LogCommand.HOLD: Row("streaming", "paused"),\n',
    ),
}
"""File: the line after which one line is added, and that line."""

SCRIPT = """
from fsm.adapter.log import LIFECYCLE
from fsm.adapter.observation import Observation
from fsm.kernel import Event, step
from fsm.machines import COMMANDS, LOG
from fsm.model import Backup, LogCommand
from fsm.rules import current_command, is_requeued, is_synced, job_name, purpose_of

assert set(COMMANDS) == set(LogCommand)

def backup(status, wish="log-hold"):
    spec = {"backupMode": "log", "logSubcommand": wish}
    return Backup.from_json({"metadata": {"name": "demo"}, "spec": spec, "status": status})

# the current command, its Job, what it waits for, when it is settled
early, started = backup({}), backup({"phase": "Running", "commitTs": "456"})
held = backup({"phase": "Paused", "commitTs": "456"})
assert current_command(started) == "log-hold"
assert job_name(started) == "backup-demo-log-hold"
assert purpose_of("backup-demo-log-hold", "demo").command == "log-hold"
assert (is_requeued(early), is_requeued(started)) == (True, False)
assert (is_synced(started, "log-hold"), is_synced(held, "log-hold")) == (False, True)

# the lane, step by step; every state is written, and read back as it was
state = LIFECYCLE.state_of(Observation(started))
assert LOG.leaves(state.configuration) == ("streaming", "idle")
assert state.context.command == "log-hold"
status, seen = started.status, []
for at, name in enumerate(("job_created", "pod_preparing", "br_started", "completed")):
    state = step(LOG, state, Event(name, at)).after
    status = LIFECYCLE.status_of(state, status, at)
    assert LIFECYCLE.state_of(Observation(started.with_(status=status))) == state, name
    seen.append(" ".join(LOG.leaves(state.configuration)))
assert seen == ["streaming scheduled", "streaming preparing", "streaming running", "paused idle"]
assert (status.phase, status.log_sub_command_statuses["log-hold"].phase) == ("Paused", "Complete")

# what was declared is what is drawn and listed
rows = [each for each in LOG.transitions if "is_log_hold" in each.guards]
assert [(each.source, each.target) for each in rows] == [("streaming", "paused")]
print("log-hold works")
"""


def _copy(to: Path) -> Path:
    """The package and the tests of its machines, to be changed freely."""
    ignored = shutil.ignore_patterns("__pycache__", "*.jsonl")
    shutil.copytree(ROOT / "fsm", to / "fsm", ignore=ignored)
    shutil.copytree(ROOT / "tests" / "machines", to / "tests" / "machines", ignore=ignored)
    return to


def _add(copy: Path, file: str) -> None:
    after, line = ADDED[file]
    text = (copy / file).read_text()
    assert text.count(after) == 1, f"{file} has changed: mend ADDED in tests/test_layout.py"
    (copy / file).write_text(text.replace(after, after + line))


def _run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)


def _run_scenarios(copy: Path) -> subprocess.CompletedProcess[str]:
    options = ("-q", "-p", "no:cacheprovider", "--noconftest", "-c", os.devnull, "--rootdir", str(copy))
    return _run(copy, "-m", "pytest", *options, SCENARIOS)


def test_a_new_log_subcommand_touches_three_places(tmp_path: Path) -> None:
    """One line each: then commands, Job names, waiting, lane, status, declaration and scenarios all know it."""
    copy = _copy(tmp_path)
    for file in ADDED:
        _add(copy, file)
    done = _run(copy, "-c", SCRIPT)
    assert done.stdout == "log-hold works\n", done.stderr
    scenarios = _run_scenarios(copy)
    assert scenarios.returncode == 0, scenarios.stdout
    assert " failed" not in scenarios.stdout


@pytest.mark.parametrize("missing", [MACHINE, SCENARIOS])
def test_a_missing_place_is_named_by_a_failing_test(tmp_path: Path, missing: str) -> None:
    copy = _copy(tmp_path)
    for file in ADDED:
        if file != missing:
            _add(copy, file)
    done = _run_scenarios(copy)
    assert done.returncode == 1
    table = {MACHINE: "COMMANDS", SCENARIOS: "SCENARIOS"}[missing]
    assert f"add a row for log-hold to {table} in {missing}" in done.stdout


@pytest.mark.parametrize("file", ADDED)
def test_the_docs_show_the_very_lines(file: str) -> None:
    """The diff in the docs is the diff that the test above applies."""
    after, line = ADDED[file]
    shown = re.findall(r"```diff\n(.*?)```", DOC.read_text(), re.S)
    context = after.splitlines(keepends=True)[-1]
    wanted = f"--- {file}\n+++ {file}\n {context}+{line}"
    assert wanted in shown, "".join(difflib.unified_diff("".join(shown).splitlines(True), wanted.splitlines(True)))
