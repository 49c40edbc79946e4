"""`backup-fsm testgen`: what it writes, what it says about it, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from fsm.cli import exit_code_of
from fsm.machines import MACHINES
from fsm.testgen import mismatches_of, story_from


class Result(NamedTuple):
    """What the command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `testgen` in this process and a directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["backup-fsm"])
    return lambda *arguments: Result(exit_code_of(["testgen", *arguments]), *capsys.readouterr())


def test_vectors_are_lines_that_the_machine_satisfies(run: Run) -> None:
    done = run("snapshot", "job", "--cover", "classes")
    stories = [story_from(line, MACHINES) for line in done.out.splitlines()]
    assert done.code == 0
    assert {story.machine for story in stories} == {"snapshot", "job"}
    assert all(mismatches_of(story, MACHINES[story.machine]) == [] for story in stories)
    source = json.loads(done.out.splitlines()[0])["source"]
    assert (source["program"], source["cover"]) == ("backup-fsm testgen", "classes")


def test_what_a_suite_covers_and_costs_is_said_on_stderr(run: Run) -> None:
    done = run("job")
    assert done.err == (
        "backup-fsm: job: 26 tests with 92 steps cover 59 of 59 transitions; cost 118, at least 118 for any suite\n"
    )


def test_what_was_not_looked_at_and_what_nothing_takes_is_said(run: Run) -> None:
    said = run("snapshot", "--places", "3", "--cover", "states").err.splitlines()
    assert said[1].startswith("backup-fsm: snapshot: 3 of ")
    assert "backup-fsm: snapshot: nothing takes failed --completed--> complete" in said


def test_pytest_files_pass_as_they_are_and_fail_where_the_machine_does_something_else(run: Run) -> None:
    tests = 0
    for name in MACHINES:
        done = run(name, "--cover", "classes", "--format", "pytest", "--places", "100", "--out", f"test_{name}.py")
        assert (done.code, done.out) == (0, "")
        tests += Path(f"test_{name}.py").read_text("utf-8").count("        [\n")
    right = Path("test_job.py").read_text("utf-8")
    touched = sum("('failing', " in each for each in right.split("        [\n"))
    Path("test_wrong.py").write_text(right.replace("('failing', ", "('failed', "), "utf-8")
    total = tests + right.count("        [\n")
    told = pytest_run()
    assert told.returncode == 1
    assert told.stdout.splitlines()[-1].startswith(f"{touched} failed, {total - touched} passed"), told.stdout
    assert touched > 0


def pytest_run() -> subprocess.CompletedProcess[str]:
    """Only the package and pytest: no settings of ours."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", "."]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_tests_of_a_pytest_file_are_sentences(run: Run) -> None:
    text = run("job", "--cover", "states", "--format", "pytest").out
    sentences = re.findall(r"^        '(\d+ .*)',$", text, re.MULTILINE)
    assert len(sentences) == text.count("        [\n")
    assert all(re.fullmatch(r"\d+ created (goes to|stays) \w+ by [\w, ()]+", each) for each in sentences)
    assert text.startswith('"""The machine `job` as it was declared: tests that cover its states.\n')


def test_the_same_command_writes_the_same(run: Run) -> None:
    assert run("volume_snapshot").out == run("volume_snapshot").out


REFUSED = [
    (("door",), "there is no machine 'door'"),
    (("--format", "pytest"), "a pytest file is of one machine, not of 4; name one"),
    (("job", "--cover", "everything"), "'everything' is not one of 'states', 'transitions', 'classes', 'pairs'"),
    (("job", "--places", "0"), "0 is not in the range"),
]


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED)
def test_a_request_that_cannot_be_met_is_a_usage_error(arguments: tuple[str, ...], sentence: str, run: Run) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert sentence in done.err


def test_a_file_that_cannot_be_written_is_an_error_before_anything_is_made(run: Run) -> None:
    done = run("job", "--out", "nowhere/suite.jsonl")
    assert (done.code, done.err) == (1, "backup-fsm: nowhere/suite.jsonl: No such file or directory\n")
