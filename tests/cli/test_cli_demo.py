"""`demo log-retry`: what it prints and writes, what it refuses, and how it behaves by the clock."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import time
from pathlib import Path
from typing import Any

import click
import pytest
from cli_running import Result, Run, clean_environment, finished, process
from test_cli_process import Terminal

from fsm.cli import cli
from fsm.cli.demo import LiveLine, drawn_faults
from fsm.environment.demo import DRAWN, FAULTS
from fsm.machines import LOG

DOCS = Path(__file__).parents[2] / "docs"
DEMO = ("demo", "log-retry")
QUIET = (*DEMO, "--no-diagrams")
SHORT = "maxRetryTimes: 1"
"""A policy under which the story ends with the second kill."""


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written by default goes below the working directory."""
    monkeypatch.chdir(tmp_path)


def policy_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "policy.yaml"
    path.write_bytes(text.encode())
    return str(path)


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Arguments for a story that soon ends, where it does not matter what is told."""
    return (*DEMO, "--policy", policy_file(tmp_path_factory.mktemp("policies"), SHORT))


@pytest.fixture(scope="module")
def told() -> Result:
    """The story as text by the defaults."""
    return finished(*QUIET)


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, str]:
    """The story with faults as JSON, and the file with its watch items."""
    recorded = str(tmp_path_factory.mktemp("recorded") / "story.jsonl")
    result = finished(*QUIET, "-o", "json", "--faults", "2", "--record", recorded)
    assert (result.code, result.err) == (0, f"backup-fsm: wrote the watch items to {recorded}\n")
    return result.json, recorded


def in_order(text: str, *patterns: str) -> None:
    """Each pattern is found after the one before it."""
    position = 0
    for pattern in patterns:
        found = re.compile(pattern).search(text, position)
        assert found is not None, f"{pattern!r} is not there, or not after the ones before it:\n{text}"
        position = found.end()


# ------------------------------------------------------------------ what is told


def test_a_start_that_is_killed_twice_is_retried_and_streams_and_is_paused_and_stopped(told: Result) -> None:
    assert (told.code, told.err) == (0, "")
    in_order(
        told.out,
        r"^log-retry  seed 1; policy: the defaults; faults: none but the story's\n",
        r"user +creates the Backup demo-log",
        r"job_created +idle → scheduled +log-start, attempt 0",
        r"fault +the pod of \S+ is killed without a word: OOMKilled",
        r"job_failed +running → failed",
        r"companion +records that log-start failed \(BackoffLimitExceeded, OOMKilled\); retry 1 is due",
        r"failure_recorded +failed → backoff_waiting",
        r"companion +looks at the task \(Absent\): tells the operator to run log-start again, retry 1",
        r"tick +backoff_waiting → verifying",
        r"verified +verifying → retrying",
        r"job_created +retrying → scheduled +log-start, attempt 1",
        r"OOMKilled",
        r"retry 2 is due",
        r"job_created +retrying → scheduled +log-start, attempt 2",
        r"completed +not_started → streaming",
        r"user +sets spec\.logSubcommand to log-pause",
        r"completed +streaming → paused",
        r"user +sets spec\.logSubcommand to log-start",
        r"completed +paused → streaming",
        r"TiKV +pauses the task because of an error",
        r"companion +leaves it so \(TaskIsPausedByError\)",
        r"user +has mended the cause, and resumes the task by hand",
        r"companion +writes what the task shows: phase Running",
        r"user +sets spec\.logSubcommand to log-stop",
        r"completed +streaming → stopped",
        r"tidb-cluster/demo-log  log\n  ✓ done +the log backup is stopped",
        r"log-start +complete, ✓ done",
        r"Jobs\n",
        r"BackoffLimitExceeded, OOMKilled, of demo-log",
        r"nothing unexpected\n$",
    )


@pytest.mark.parametrize("more", [("--faults", "4"), ("-o", "json"), ("-v", "--seed", "9")], ids=" ".join)
def test_the_same_seed_has_the_same_output_byte_for_byte_in_every_process(
    more: tuple[str, ...], short: tuple[str, ...]
) -> None:
    arguments = (*short, "--no-diagrams", *more)
    first = finished(*arguments, env=clean_environment(PYTHONHASHSEED="1"))
    second = finished(*arguments, env=clean_environment(PYTHONHASHSEED="2"))
    assert first.code == 0
    assert first == second


def test_the_whole_story_is_the_same_in_every_process(told: Result) -> None:
    assert finished(*QUIET, env=clean_environment(PYTHONHASHSEED="3")) == told


def test_another_seed_tells_another_story_and_says_which(run: Run, short: tuple[str, ...]) -> None:
    told = [run(*short, "--no-diagrams", "--seed", str(seed)).out for seed in (0, 1, 2)]
    assert len(set(told)) == 3
    assert [text.partition(";")[0] for text in told] == [f"log-retry  seed {seed}" for seed in (0, 1, 2)]


def test_verbose_says_what_transitions_mean(run: Run, short: tuple[str, ...]) -> None:
    means = next(each.doc for each in LOG.transitions if each.event == "verified")
    assert means in run(*short, "--no-diagrams", "-v").out
    assert means not in run(*short, "--no-diagrams").out


def test_json_is_that_of_a_replay_with_the_story_beside_it(run: Run, answered: tuple[Any, str]) -> None:
    answer, _ = answered
    replayed = run("replay", "--story", "snapshot-retry", "-o", "json").json
    assert answer.keys() >= replayed.keys()
    assert answer["backups"][0].keys() == replayed["backups"][0].keys()
    assert answer["jobs"][0].keys() == replayed["jobs"][0].keys()
    assert (answer["story"], answer["seed"], answer["faults"]) == ("log-retry", 1, drawn_faults([("", 2)], 1))
    assert answer["reached"] == ["start", "pause", "resume", "error", "stop"]
    assert {each["who"] for each in answer["acts"]} >= {"user", "fault", "TiKV", "companion"}
    assert answer["droppedActs"] == 0
    backup = answer["backups"][0]
    assert (backup["state"], backup["verdict"], backup["unexpected"]) == ("stopped", "done", [])
    assert sum(each["cause"] == "OOMKilled" for each in answer["jobs"]) >= 1


def test_text_and_json_tell_the_same(run: Run, answered: tuple[Any, str]) -> None:
    answer, text = answered[0], run(*QUIET, "--faults", "2").out
    assert len(answer["acts"]) > 10
    for each in answer["acts"]:
        assert re.search(f"^{each['at']} +{each['who']} +{re.escape(each['text'])}$", text, re.MULTILINE), each
    assert f"{answer['events']} events" in text


def test_of_a_long_story_json_keeps_the_newest_acts(
    run: Run, short: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(*short, "--no-diagrams", "-o", "json").json
    monkeypatch.setattr("fsm.cli.demo.MOST_ACTS", 3)
    answer = run(*short, "--no-diagrams", "-o", "json").json
    assert answer["acts"] == whole["acts"][-3:]
    assert answer["droppedActs"] == len(whole["acts"]) - 3 > 0


# ------------------------------------------------------------------ what is written


def test_the_recorded_watch_is_a_watch_that_replay_reads_to_the_same_end(run: Run, answered: tuple[Any, str]) -> None:
    answer, recorded = answered
    replayed = run("replay", recorded, "-o", "json").json
    for key in ("events", "problems", "backups", "jobs"):
        assert replayed[key] == answer[key]


def test_the_picture_of_the_travelled_path_is_written_and_said_where(
    run: Run, short: tuple[str, ...], tmp_path: Path
) -> None:
    result = run(*short)
    assert result.err == "backup-fsm: wrote 1 picture into build/demo\n"
    picture = tmp_path / "build" / "demo" / "tidb-cluster.demo-log.svg"
    first = picture.read_bytes()
    assert b"backoff_waiting" in first
    picture.unlink()
    run(*short)
    assert picture.read_bytes() == first
    drawn = Path("drawn.json")
    drawn.write_text(run(*short, "--no-diagrams", "-o", "json").out)
    assert run("diagram", "log", "--highlight", str(drawn)).out.encode() == first
    assert run("diagram", "log").out.encode() != first


def test_pictures_go_where_and_in_what_formats_one_wishes(run: Run, short: tuple[str, ...], tmp_path: Path) -> None:
    result = run(*short, "--diagrams", "here", "--diagram-format", "mermaid", "--diagram-format", "dot")
    assert result.err == "backup-fsm: wrote 2 pictures into here\n"
    assert {path.name for path in (tmp_path / "here").iterdir()} >= {"tidb-cluster.demo-log.dot"}
    assert len(list((tmp_path / "here").iterdir())) == 2
    assert not (tmp_path / "build").exists()


def test_without_pictures_nothing_is_written(run: Run, short: tuple[str, ...], tmp_path: Path) -> None:
    assert run(*short, "--no-diagrams").err == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [("--diagrams", "file/below"), ("--no-diagrams", "--record", "file/below"), ("--no-diagrams", "--record", "no/x")],
    ids=" ".join,
)
def test_what_cannot_be_written_is_a_failure_in_a_sentence(
    run: Run, short: tuple[str, ...], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()
    result = run(*short, *arguments)
    assert result.code == 1
    assert re.fullmatch(r"backup-fsm: \S+: (Not a directory|No such file or directory|File exists)\n", result.err)


# ------------------------------------------------------------------ policies


@pytest.mark.parametrize(
    ("policy", "verdict", "lane", "code", "said"),
    [
        pytest.param("maxRetryTimes: 0", "stuck", "failed", 3, "nothing else moves: not_started, failed", id="none"),
        pytest.param("maxRetryTimes: 1", None, "exhausted", None, "the companion goes on watching", id="one"),
        pytest.param("maxRetryTimes: 2", "done", "idle", 0, "sets spec.logSubcommand to log-stop", id="two"),
        pytest.param("onErrorPause: Resume", "done", "idle", 0, "the log backup is paused, to resume it", id="resume"),
        pytest.param("suspend: true", None, "held", None, "holds log-start (Suspended)", id="suspended"),
        pytest.param(
            "nonRetryableReasons: [OOMKilled]", None, "held", None, "holds log-start (NotRetryable)", id="hopeless"
        ),
    ],
)
def test_a_policy_from_a_file_is_in_force(
    run: Run, tmp_path: Path, policy: str, verdict: str | None, lane: str, code: int | None, said: str
) -> None:
    file = policy_file(tmp_path, policy)
    result = run(*QUIET, "--policy", file, "--exit-code")
    assert f"policy: {file};" in result.out
    assert said in result.out
    answer = run(*QUIET, "--policy", file, "-o", "json").json
    assert answer["backups"][0]["configuration"][-1] == lane
    assert verdict in (None, answer["backups"][0]["verdict"])
    stuck = [each["verdict"] for each in answer["backups"][0]["commands"].values()].count("stuck")
    assert result.code == (code if code is not None else 3 if stuck else 0)


def test_a_policy_comes_from_stdin_too(run: Run) -> None:
    told = run(*QUIET, "--policy", "-", stdin=b'{"maxRetryTimes": 1}').out
    assert told.startswith("log-retry  seed 1; policy: <stdin>;")
    assert "not_started · exhausted" in told


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("", "", "this is empty, or null; expected {} for a policy with all defaults"),
        ("jitter: 1\njitter: 2", ":2: ", 'the key "jitter" is there twice; expected each key once'),
        ("- 1", "", "found [1]; expected an object"),
        ("maxRetryTimes: -1", "maxRetryTimes: ", "found -1; expected a number that is not negative"),
        ("maxRetryTime: 1", "maxRetryTime: ", "expected no such key"),
        ("minRetryDuration: soon", "minRetryDuration: ", 'found "soon"; expected'),
        ("minRetryDuration: 1h\nmaxRetryDuration: 1m", "maxRetryDuration: ", "shorter than minRetryDuration"),
        ("{maxRetryTimes: 1000000, retryTimeout: 1h}", "retryTimeout: ", "leaves no room for 1000000 retries"),
        ("commands: {}", "commands: ", "no command is retried"),
        ("commands: {log-start: {jitter: 101}}", "commands.log-start.jitter: ", "found 101; expected"),
        ("onErrorPause: Maybe", "onErrorPause: ", "Hold"),
        ("a: 1\nb: [", ":2: ", "neither JSON nor YAML"),
        ("a\tb: 1: 2", ":1: ", "neither JSON nor YAML"),
        ("[" * 100_000, "", "nested too deep"),
        ("#" * 300_000, "", "more than an annotation"),
    ],
    ids=lambda text: text[:30] if isinstance(text, str) else None,
)
def test_an_error_in_a_policy_names_the_file_the_place_and_what_was_expected(
    run: Run, tmp_path: Path, text: str, place: str, problem: str
) -> None:
    file = policy_file(tmp_path, text)
    result = run(*QUIET, "--policy", file)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(
        f"backup-fsm: {file}{place}" if place.startswith(":") else f"backup-fsm: {file}: {place}"
    )
    assert problem in result.err
    assert "expected" in result.err


def test_a_policy_that_is_no_text_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "policy").write_bytes(b"\xff\xfe\x00")
    result = run(*QUIET, "--policy", "policy")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("backup-fsm: policy: this is no UTF-8 text; expected a LogBackupRetryPolicy")


# ------------------------------------------------------------------ faults and other options


def test_faults_by_their_names_are_told_and_the_story_ends_well(run: Run) -> None:
    result = run(*QUIET, "--faults", "oom=0", "--faults", "pd=1", "--faults", "pd=1", "--exit-code")
    assert result.code == 0
    assert "faults: oom 0, pd 2\n" in result.out
    assert len(re.findall(r"fault +PD answers nobody for \d+ s", result.out)) == 2
    assert "OOMKilled" not in result.out
    assert "  ✓ done        the log backup is stopped" in result.out


def test_faults_without_a_name_are_drawn_by_the_seed() -> None:
    drawn = [drawn_faults([("", 4)], seed) for seed in range(20)]
    assert all(sum(each.values()) == 4 and each.keys() <= set(DRAWN) for each in drawn)
    assert drawn == [drawn_faults([("", 4)], seed) for seed in range(20)]
    assert set().union(*drawn) == set(DRAWN)
    assert drawn_faults([("kill", 1), ("oom", 0), ("kill", 2)], 1) == {"oom": 0, "kill": 3}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--faults", "rain=1"), "there is no fault 'rain'; there are oom, kill"),
        (("--faults", "many"), "'many' is neither a number nor NAME=NUMBER"),
        (("--faults", "kill="), "'kill=' is neither a number nor NAME=NUMBER"),
        (("--faults", "=1"), "'=1' is neither a number nor NAME=NUMBER"),
        (("--faults", "kill=-1"), "'kill=-1' is neither a number nor NAME=NUMBER"),
        (("--faults", "-1"), "'-1' is neither a number nor NAME=NUMBER"),
        (("--faults", "²"), "'²' is neither a number nor NAME=NUMBER"),
        (("--faults", "1000000"), "too many"),
        (("--seed", "-1"), "--seed"),
        (("--seed", "x"), "--seed"),
        (("--speed", "2"), "--speed is only of use with --real-time"),
        (("--real-time", "--speed", "0"), "'0' is no factor such as 60 or 0.5"),
        (("--real-time", "--speed", "-1"), "'-1' is no factor such as 60 or 0.5"),
        (("--real-time", "--speed", "nan"), "'nan' is no factor such as 60 or 0.5"),
        (("--real-time", "--speed", "inf"), "'inf' is no factor such as 60 or 0.5"),
        (("--real-time", "-o", "json"), "--real-time shows the text"),
        (("--diagrams", "d", "--no-diagrams"), "give --diagrams or --no-diagrams, not both"),
        (("--diagram-format", "gif"), "--diagram-format"),
        (("--policy", "absent.yaml"), "does not exist"),
        (("--output", "xml"), "--output"),
        (("extra",), "unexpected extra argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_meant_is_refused_with_2_and_a_sentence(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    result = run(*DEMO, *arguments)
    assert (result.code, result.out) == (2, "")
    assert problem in result.err
    assert "Traceback" not in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_story_that_is_not_known_is_refused(run: Run) -> None:
    assert run("demo", "log-rain").code == 2
    assert "log-retry" in run("demo", "--help").out


# ------------------------------------------------------------------ help and completion


def test_the_help_has_examples_and_every_fault(run: Run) -> None:
    told = run(*DEMO, "--help").out
    assert "backup-fsm demo log-retry --seed 7 --faults 3" in told
    assert all(re.search(rf"^ +{name} +{re.escape(text)}$", told, re.MULTILINE) for name, text in FAULTS.items())


def test_every_option_of_the_story_is_in_the_page_of_the_command_line() -> None:
    group = cli.get_command(click.Context(cli), "demo")
    assert isinstance(group, click.Group)
    page = (DOCS / "command-line.md").read_text("utf-8")
    page = re.sub(r"<!-- generated: .*?<!-- end of generated -->", "", page, flags=re.DOTALL)
    options = {each.opts[-1] for each in group.commands["log-retry"].params}
    own = options - {"--output", "--exit-code", "--verbose"}
    assert [option for option in sorted(own) if f"`{option}" not in page] == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("dem",), ["demo"]),
        (("demo", ""), ["log-retry"]),
        (("demo", "log-retry", "--re"), ["--real-time", "--record"]),
        (("demo", "log-retry", "--faults", "c"), ["companion=", "crash="]),
        (("demo", "log-retry", "--output", ""), ["json", "text"]),
    ],
    ids=" ".join,
)
def test_a_shell_completes_it(words: tuple[str, ...], expected: list[str]) -> None:
    environment = clean_environment(
        _BACKUP_FSM_COMPLETE="bash_complete",
        COMP_WORDS=" ".join(("backup-fsm", *words)),
        COMP_CWORD=str(len(words)),
    )
    result = finished(env=environment)
    assert sorted(line.partition(",")[2] for line in result.out.splitlines()) == expected


# ------------------------------------------------------------------ by the clock


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.slept = 1000.0, list[float]()
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_in_real_time_the_same_is_told_only_slower(
    run: Run, short: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run(*short, "--no-diagrams")
    clock = Clock(monkeypatch)
    paced = run(*short, "--no-diagrams", "--real-time", "--speed", "30")
    assert paced == plain
    last = re.findall(r"^(\S+Z) ", plain.out, re.MULTILINE)[-1]
    minutes, seconds = map(int, last[14:19].split(":"))
    assert clock.now - 1000 == pytest.approx((minutes * 60 + seconds) / 30, abs=1)


@pytest.mark.parametrize(("speed", "expected"), [(1.0, 90.0), (60.0, 1.5), (0.5, 180.0), (1e-300, None), (1e300, 0.0)])
def test_the_speed_divides_the_time(speed: float, expected: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    line = LiveLine(5_000, speed)
    if expected is None:
        monkeypatch.setattr(time, "sleep", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            line.wait(5_090)
        return
    line.wait(5_090)
    assert clock.now - 1000 == pytest.approx(expected)
    line.wait(5_000)
    assert clock.now - 1000 == pytest.approx(expected)


def _interrupt(seconds: float) -> Any:
    raise KeyboardInterrupt


def test_lines_come_at_once_when_piped_and_ctrl_c_ends_with_130_and_no_word() -> None:
    started = process(*QUIET, "--real-time", "--speed", "20")
    assert started.stdout
    assert started.stdout.readline().startswith(b"log-retry  seed 1")
    assert b"creates the Backup" in started.stdout.readline()
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=60)
    assert started.returncode == 130
    assert err.strip() == b""
    assert b"events;" not in out


def test_on_a_terminal_a_live_line_says_where_it_is_and_ctrl_c_takes_it_away() -> None:
    shown = _shown_until(b"next retry in", "--real-time", "--speed", "40")
    assert re.search(r"\r\x1b\[K02:0\d:\d\d ×40  not_started · \w+, phase \w+, task Absent", shown)
    assert re.search(r"not_started · backoff_waiting, phase Running, task Absent, next retry in \d+ s", shown)
    assert shown.rstrip("\n").endswith("\r\x1b[K")
    assert "Traceback" not in shown


def test_without_real_time_there_is_no_live_line(short: tuple[str, ...]) -> None:
    assert "×" not in Terminal(*short, "--no-diagrams", columns=200).shown()


def _shown_until(sign: bytes, *arguments: str) -> str:
    """What a terminal of 150 columns shows until then, and after Ctrl-C."""
    terminal = Terminal(*QUIET, *arguments, columns=150, NO_COLOR="1")
    found, end = b"", time.monotonic() + 60
    while sign not in found and time.monotonic() < end:
        if select.select([terminal.ours], [], [], 1)[0]:
            found += os.read(terminal.ours, 65536)
    terminal.process.send_signal(signal.SIGINT)
    found += terminal.shown().replace("\n", "\r\n").encode()
    assert terminal.process.returncode == 130
    return found.decode().replace("\r\n", "\n")


# ------------------------------------------------------------------ terminals and pipes


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(columns: int, short: tuple[str, ...]) -> None:
    arguments = (*short, "--no-diagrams") if columns != 80 else (*QUIET, "--faults", "2")
    lines = Terminal(*arguments, columns=columns, NO_COLOR="1").shown().splitlines()
    assert len(lines) > 20
    too_wide = [line for line in lines if len(line.removeprefix("\x1b[K")) > columns]
    assert [line for line in too_wide if " " in line.strip()] == []


def test_on_a_terminal_people_and_faults_are_coloured_unless_one_does_not_want_it(short: tuple[str, ...]) -> None:
    coloured = Terminal(*short, "--no-diagrams").shown()
    assert "\x1b[31m" in coloured
    assert "\x1b[36m" in coloured
    plain = Terminal(*short, "--no-diagrams", NO_COLOR="1").shown()
    assert "\x1b[3" not in plain


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_reader_that_leaves_early_is_no_error(output: str, short: tuple[str, ...]) -> None:
    started = process(*short, "--no-diagrams", "-o", output)
    assert started.stdout
    assert started.stderr
    started.stdout.close()
    assert started.wait(60) == 0
    assert started.stderr.read() == b""
    started.stderr.close()


def test_the_output_is_json_whatever_the_locale_says(short: tuple[str, ...]) -> None:
    posix = clean_environment(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    result = finished(*short, "--no-diagrams", "-o", "json", env=posix)
    assert json.loads(result.out)["backups"][0]["configuration"][-1] == "exhausted"
    assert "idle ? scheduled" in finished(*short, "--no-diagrams", env=posix).out
