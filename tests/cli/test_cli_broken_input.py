"""Whatever is wrong with a request or an input is told in a sentence, with its place and without a traceback."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_running import STORIES, Run, clean_environment, process, story
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RETRY = story("backup-snapshot-retry", "backup-snapshot-retry.jobs")
GOOD = Path(RETRY[0]).read_bytes()


def with_status(**status: Any) -> bytes:
    """The first line of the story with another status."""
    item = json.loads(GOOD.splitlines()[0])
    item["object"]["status"] = status
    return json.dumps(item).encode()


BROKEN = {
    "random bytes": (b"\x89\xf3\x00\x01\xfe\x7fgarbage\xff\n", "not UTF-8 text"),
    "a number": (b"42\n", "expected a Kubernetes object"),
    "an object of nothing": (b"{}\n", "expected"),
    "an unknown kind": (b'{"kind": "Deployment", "metadata": {"name": "x"}}\n', "Deployment"),
    "an unknown phase": (with_status(phase="Sleeping"), "Sleeping"),
    "a phase that is no text": (with_status(phase=[1]), "status.phase"),
    "a time that is none": (with_status(timeStarted="yesterday"), "status.timeStarted"),
    "a Job without metadata": (b'{"type": "ADDED", "object": {"kind": "Job", "apiVersion": "batch/v1"}}\n', "metadata"),
    "a torn line": (GOOD.splitlines()[0][:200] + b"\n", "no closing quote"),
    "an error of the API server": (
        b'{"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "etcd is away"}}\n',
        "etcd is away",
    ),
}


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("command", [("replay",), ("explain", "-f")], ids=["replay", "explain"])
@pytest.mark.parametrize("output", ["text", "json"])
def test_a_broken_item_ends_the_command_with_2_and_its_place(
    run: Run, tmp_path: Path, content: bytes, said: str, command: tuple[str, ...], output: str
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(GOOD + content)
    result = run(*command, str(path), "--output", output)
    assert result.code == 2
    assert f"{path}:13" in result.err
    assert said in result.err
    assert "--keep-going" in result.err
    assert "Traceback" not in result.err
    if output == "json":
        assert result.out == ""


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN)
def test_with_keep_going_the_rest_is_replayed(run: Run, tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "in.jsonl"
    lines = GOOD.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:6]) + content.rstrip(b"\n") + b"\n" + b"".join(lines[6:]))
    result = run("replay", str(path), RETRY[1], "-o", "json", "--keep-going")
    assert result.code == 0
    backup = result.json["backups"][0]
    assert (backup["name"], backup["state"], backup["retries"], backup["unexpected"]) == (
        "demo-full",
        "complete",
        1,
        [],
    )
    problems = [each for each in result.json["problems"] if each["kind"] in ("broken", "error")]
    assert problems
    assert {(each["file"], each["line"]) for each in problems} == {(str(path), 7)}
    assert any(said in each["message"] or said in each["path"] for each in problems)
    assert f"{path}:7" in result.err
    assert "could not be read; the rest was used" in result.err


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN)
def test_with_keep_going_and_nothing_usable_the_code_is_2(run: Run, content: bytes, said: str) -> None:
    result = run("replay", "-", "-o", "json", "--keep-going", stdin=content)
    assert result.code == 2
    assert "nothing could be used" in result.err
    assert "<stdin>:1" in result.err


def test_an_object_that_only_the_lifecycle_cannot_read_is_broken_too(run: Run) -> None:
    content = with_status(phase="Running", backoffRetryStatus=[{"retryNum": 1}])
    strict = run("replay", "-", stdin=content)
    assert strict.code == 2
    assert "<stdin>:1: status.backoffRetryStatus[0].detectFailedAt: a retry record has no time" in strict.err
    alone = run("replay", "-", "-o", "json", "--keep-going", stdin=content)
    assert (alone.code, [each["kind"] for each in alone.json["problems"]]) == (2, ["broken"])
    assert "nothing could be used" in alone.err
    verdict = alone.json["backups"][0]
    assert (verdict["verdict"], verdict["needs"]) == ("uncertain", ["Backup tidb-cluster/demo-full"])
    assert "a retry record has no time" in verdict["because"]
    explained = run("explain", "-f", "-", "-o", "json", "--keep-going", stdin=content)
    assert (explained.code, explained.json["backups"][0]["verdict"]) == (2, "uncertain")
    rest = run("replay", "-", "-o", "json", "--keep-going", stdin=content + b"\n" + GOOD)
    assert (rest.code, rest.json["backups"][0]["state"]) == (0, "complete")


def test_findings_count_also_where_something_was_left_out(run: Run) -> None:
    files = story("backup-logstart-oomkilled-stuck", "job-oomkilled")
    content = b"".join(Path(file).read_bytes() for file in files)
    result = run("replay", "-", "--keep-going", "--exit-code", stdin=content + b"nonsense\n")
    assert result.code == 3
    assert run("replay", "-", "--keep-going", "--exit-code", stdin=GOOD + b"nonsense\n").code == 0
    assert run("replay", "-", "--exit-code", stdin=content + b"nonsense\n").code == 2


def test_what_was_told_before_the_broken_item_stays(run: Run) -> None:
    result = run("replay", "-", stdin=b"\n".join(GOOD.splitlines()[:3]) + b"\nnonsense\n")
    assert result.code == 2
    assert "job_created" in result.out
    assert "events;" not in result.out


@pytest.mark.parametrize("keep_going", [[], ["--keep-going"]], ids=["strict", "keep going"])
def test_a_gap_or_an_older_state_is_a_problem_but_never_2(run: Run, keep_going: list[str]) -> None:
    gap = run("replay", *story("job-watch-bookmark-410"), "-o", "json", *keep_going)
    assert (gap.code, gap.err, [each["kind"] for each in gap.json["problems"]]) == (0, "", ["gap"])
    lines = GOOD.splitlines()
    order = run("replay", "-", RETRY[1], "-o", "json", *keep_going, stdin=b"\n".join([*lines[6:], *lines[:6]]))
    assert (order.code, order.err) == (0, "")
    assert {each["kind"] for each in order.json["problems"]} == {"order"}
    assert order.json["backups"][0]["state"] == "complete"


def test_only_the_first_of_many_broken_items_are_told_one_by_one(run: Run) -> None:
    result = run("replay", "-", "-o", "json", "--keep-going", stdin=GOOD + b"{}\n" * 50)
    assert len(result.json["problems"]) == 50
    assert len(result.err.splitlines()) == 21
    assert "50 things could not be read" in result.err


def test_text_lists_the_first_problems_and_counts_the_others(run: Run) -> None:
    text = run("replay", "-", "--keep-going", stdin=GOOD + b"{}\n" * 50).out
    assert text.count("  broken ") == 20
    assert "and 30 more" in text


SMALL_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=200) | SMALL_JSON.map(lambda data: json.dumps(data).encode()))
def test_no_input_at_all_makes_a_traceback(run: Run, content: bytes) -> None:
    for options in ((), ("--keep-going",)):
        result = run("replay", "-", "-o", "json", *options, stdin=content)
        assert result.code in (0, 2)
        assert "error of this program" not in result.err
        assert "Traceback" not in result.err


KINDS = st.sampled_from(["Backup", "Job", "Pod"])
FIELDS = st.sampled_from(["metadata", "spec", "status", "conditions", "phase", "name", "uid", "mode"])
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(KINDS, st.dictionaries(FIELDS, ODD, max_size=4))
def test_no_object_of_a_wrong_shape_makes_a_traceback(run: Run, kind: str, fields: dict[str, Any]) -> None:
    content = json.dumps({"kind": kind, **fields}).encode()
    for command in (("replay", "-"), ("explain", "-f", "-")):
        result = run(*command, "-o", "json", stdin=content)
        assert result.code in (0, 2)
        assert "error of this program" not in result.err


RECORDED = [json.loads(line) for path in sorted(STORIES.glob("*.jsonl")) for line in path.read_bytes().splitlines()]
VALUES = ODD | st.sampled_from(
    ["RetryFailed", "Failed", "Running", "log-stop", "2026-11-22T02:00:00Z", "0001-01-01T00:00:00Z"]
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container inside with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [found for key in keys for found in places(value[key])]


@st.composite
def damaged_streams(draw: st.DrawFn) -> bytes:
    """Recorded items, some of them missing or out of order, with values that they never had."""
    items = copy.deepcopy(draw(st.lists(st.sampled_from(RECORDED), min_size=1, max_size=6)))
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(places(draw(st.sampled_from(items)))))
        container[key] = draw(VALUES)
    return b"\n".join(json.dumps(item).encode() for item in items)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(damaged_streams(), st.sampled_from([("replay", "-"), ("explain", "-f", "-")]))
def test_no_damage_to_a_recording_makes_a_traceback(run: Run, content: bytes, command: tuple[str, ...]) -> None:
    result = run(*command, "-o", "json", "--keep-going", "--at", "2999-01-01T00:00:00Z", stdin=content)
    assert "error of this program" not in result.err
    assert result.code in (0, 2)
    if result.out:
        assert set(result.json) >= {"events", "problems", "backups", "jobs"}
    elif "--at" not in result.err:
        raise AssertionError(result.err)


def test_a_line_of_100_mb_is_refused_in_a_sentence_and_the_rest_is_used() -> None:
    started = process("replay", "-", "-o", "json", "--keep-going")
    assert started.stdin
    started.stdin.write(GOOD + b'{"kind": "Backup", "metadata": {"name": "')
    for _ in range(100):
        started.stdin.write(b"x" * 2**20)
    out, err = started.communicate(b'"}}\n' + Path(RETRY[1]).read_bytes(), timeout=60)
    assert started.returncode == 0
    answer = json.loads(out)
    assert answer["events"] == 24
    assert answer["backups"][0]["state"] == "complete"
    assert b"<stdin>:13: longer than such a document may be (64 MiB)" in err


def test_an_input_that_cannot_be_read_any_further_is_a_problem_of_that_file(run: Run) -> None:
    memory = "/proc/self/mem"
    if not Path(memory).exists():
        pytest.skip("needs a file that opens and cannot be read")
    result = run("replay", RETRY[0], memory, "-o", "json")
    assert result.code == 2
    assert f"{memory}: cannot be read: Input/output error" in result.err
    kept = run("replay", *RETRY, memory, "-o", "json", "--keep-going")
    assert kept.code == 0
    assert kept.json["backups"][0]["state"] == "complete"


# ------------------------------------------------------------------ requests


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["replay", "not-there.jsonl"], "'not-there.jsonl' does not exist"),
        (["replay", "/"], "'/' is a directory"),
        (["replay"], "give the files to read, or - for stdin"),
        (["replay", "-", "-"], "stdin (-) can be read only once"),
        (["replay", *RETRY, "--at", "tomorrow"], "'tomorrow' is no RFC 3339 time such as 2026-11-22T02:30:00Z"),
        (
            ["replay", *RETRY, "--deadline", "lunch=5m"],
            "there is no deadline 'lunch'; there are image-pull, pod-pending",
        ),
        (["replay", *RETRY, "--deadline", "image-pull=soon"], "'soon' is no duration such as 90s or 1h30m"),
        (["replay", *RETRY, "--deadline", "image-pull=-5m"], "-5m is negative"),
        (["replay", *RETRY, "--deadline", "image-pull"], "'image-pull' is not NAME=DURATION"),
        (["replay", *RETRY, "--output", "xml"], "'xml' is not one of 'text', 'json', 'jsonl'"),
        (["replay", *RETRY, "--transitions", "-1"], "-1 is not in the range"),
        (["replay", *RETRY, "--nonsense"], "--nonsense"),
        (["explain"], "give the files to read, or - for stdin"),
        (["explain", "-f", "not-there.yaml"], "'not-there.yaml' does not exist"),
        (["machines", "toaster"], "there is no machine 'toaster'; there are snapshot, log, volume_snapshot, job"),
        (["diagram", "toaster"], "there is no machine 'toaster'"),
        (["diagram"], "one picture fits on stdout, not 4; name one machine, or give --out DIR"),
        (["diagram", "log", "--backup", "x"], "--backup chooses from a --highlight"),
        (["diagram", "--highlight", RETRY[0]], "a --highlight is the path of one machine; name it"),
        (["diagram", "log", "--highlight", RETRY[0]], "found no transition"),
        (["diagram", "log", "--highlight", "/bin/sh"], "not UTF-8 text"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
        (["make-coffee"], "No such command 'make-coffee'"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_a_sentence(run: Run, arguments: list[str], sentence: str) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert sentence in result.err
    assert "Traceback" not in result.err
    assert len(result.err.splitlines()) <= 2


def test_a_directory_for_pictures_that_cannot_be_made_fails_with_1(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("diagram", "--format", "dot", "--out", str(tmp_path / "file" / "pictures"))
    assert result.code == 1
    assert str(tmp_path / "file") in result.err
    assert "Traceback" not in result.err


def test_an_error_of_the_program_itself_asks_for_a_report_and_is_1() -> None:
    script = (
        "import fsm.replay.fold as fold, sys\n"
        "def take(self, now, item): raise RuntimeError('boom')\n"
        "fold.Fold.take = take\n"
        "from fsm.cli import main\n"
        "main(sys.argv[1:])\n"
    )

    def outcome(**environment: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", script, "replay", RETRY[0]],
            capture_output=True,
            env=clean_environment(**environment),
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    code, plain = outcome()
    assert code == 1
    assert "an error of this program, not of yours: RuntimeError: boom" in plain
    assert "BACKUP_FSM_DEBUG=1" in plain
    assert "Traceback" not in plain
    code, debug = outcome(BACKUP_FSM_DEBUG="1")
    assert code == 1
    assert "Traceback" in debug
