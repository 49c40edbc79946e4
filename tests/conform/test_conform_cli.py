"""`backup-fsm conform`: its answers, its exit codes, and what it says of input that cannot be read."""

from __future__ import annotations

import gzip
import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conform_vectors import EVENT, SYNC, backup, fault, job, line, outcomes, rule_line

from fsm.cli import exit_code_of


class Result(NamedTuple):
    """What the command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `conform` in this process and a directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BACKUP_FSM_DEBUG", raising=False)
    monkeypatch.setattr(sys, "argv", ["backup-fsm"])

    def command(*arguments: str, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        return Result(exit_code_of(["conform", *arguments]), *capsys.readouterr())

    return command


def named(text: str, name: str) -> str:
    return json.dumps({**json.loads(text), "id": name})


GOOD = rule_line("parse_ts", "7", text="7")
WRONG = named(rule_line("parse_ts", "8", text="7"), "r-2")
STEPS = [EVENT, {"refresh": ["backup"]}, {**SYNC, "answers": [fault("create jobs", performed=True)]}]
OURS = outcomes(*STEPS)
DIFFERING = named(line([OURS[0], {**OURS[1], "queue": ["add", "forget"]}], *STEPS), "s-1")


def written(*lines: str, name: str = "vectors.jsonl") -> str:
    Path(name).write_text("".join(f"{each}\n" for each in lines), "utf-8")
    return name


# ------------------------------------------------------------------ exit codes


def test_vectors_that_conform_are_counted_and_the_code_is_0(run: Run) -> None:
    assert run(written(GOOD, line(OURS, *STEPS))) == Result(0, "2 vectors: 2 conform, 0 differ\n", "")


def test_a_mismatch_is_3_without_any_option(run: Run) -> None:
    assert run(written(GOOD, WRONG)).code == 3
    assert run(written(GOOD, WRONG), "--output", "json").code == 3


@pytest.mark.parametrize(
    "arguments", [[], ["no-such-file"], ["-", "-"], ["-", "--tolerance", "soon"], ["-", "--max", "x"]]
)
def test_a_request_that_cannot_be_read_is_2(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("backup-fsm: ")


def test_no_vector_at_all_is_2(run: Run) -> None:
    assert run("-", stdin=b"\n \n") == Result(
        2, "0 vectors: 0 conform, 0 differ\n", "backup-fsm: there is no vector in the input\n"
    )


# ------------------------------------------------------------------ input


def test_several_files_and_stdin_are_read_in_order(run: Run) -> None:
    result = run(written(WRONG), "-", "-o", "json", stdin=f"\n{WRONG}\n".encode())
    assert [(each["file"], each["line"]) for each in result.json["mismatches"]] == [
        ("vectors.jsonl", 1),
        ("<stdin>", 2),
    ]


@pytest.mark.parametrize("name", ["vectors.jsonl.gz", "vectors"])
def test_a_compressed_file_is_known_by_its_name_or_content(run: Run, name: str) -> None:
    Path(name).write_bytes(gzip.compress(f"{GOOD}\n{WRONG}\n".encode()))
    assert run(name, "-o", "json").json["vectors"] == 2


def test_a_compressed_stdin_is_understood(run: Run) -> None:
    assert run("-", "-o", "json", stdin=gzip.compress(GOOD.encode())).json["conform"] == 1


def test_a_file_that_only_says_that_it_is_compressed_is_2(run: Run) -> None:
    result = run(written(GOOD, name="vectors.gz"))
    assert result.code == 2
    assert "vectors.gz: cannot be read: Not a gzipped file" in result.err


@pytest.mark.parametrize("cut", [5, 40, -4], ids=["in the head", "in the content", "in the checksum"])
def test_a_compressed_file_that_breaks_off_is_2(run: Run, cut: int) -> None:
    Path("vectors.gz").write_bytes(gzip.compress(f"{GOOD}\n{WRONG}\n".encode())[:cut])
    result = run("vectors.gz")
    assert result.code == 2
    assert "vectors.gz: cannot be read: " in result.err
    assert "Traceback" not in result.err


def test_a_broken_line_ends_the_command_with_2_and_its_place(run: Run) -> None:
    result = run(written(GOOD, "{broken", GOOD))
    assert result.code == 2
    assert result.err.startswith("backup-fsm: vectors.jsonl:2: not JSON")
    assert "--keep-going" in result.err
    assert run(written("{broken"), "-o", "json").out == ""


def test_with_keep_going_the_rest_is_judged(run: Run) -> None:
    file = written(GOOD, "{broken", rule_line("is_happy", True), WRONG)
    result = run(file, "--keep-going", "-o", "json")
    assert (result.code, result.json["vectors"], result.json["mismatched"]) == (3, 2, 1)
    first, second = result.json["problems"]
    assert (first["file"], first["line"], first["path"], first["kind"]) == ("vectors.jsonl", 2, "", "broken")
    assert (second["line"], second["path"]) == (3, "rule")
    assert "there is no rule 'is_happy'; expected" in second["message"]
    assert "2 things could not be read; the rest was judged" in result.err
    assert run(written(GOOD, "{broken"), "--keep-going").code == 0


def test_with_keep_going_and_nothing_usable_the_code_is_2(run: Run) -> None:
    result = run(written("{broken"), "--keep-going")
    assert result.code == 2
    assert "1 thing could not be read; nothing could be judged" in result.err


def test_only_the_first_of_many_broken_lines_are_told(run: Run) -> None:
    result = run(written(GOOD, *["{broken"] * 50), "--keep-going", "-o", "json")
    assert len(result.json["problems"]) == 50
    assert len(result.err.splitlines()) == 21


# ------------------------------------------------------------------ text


def test_a_mismatch_is_shown_with_what_happened_before_it(run: Run) -> None:
    result = run(written(GOOD, DIFFERING))
    assert (
        result.out
        == """
✗ s-1  vectors.jsonl:2
  after   run event
          refresh backup
          run sync; create jobs number 1 is answered timeout, although it is performed
  then[1].queue[0]
      expected  "add"
      ours      "addRateLimited"
  then[1].queue[1]
      expected  "forget"
      ours      (nothing)

Differences by path
VECTORS  TIMES  PATH     FIRST IN  EXPECTED  OURS
1        2      queue[]  s-1       "add"     "addRateLimited"

2 vectors: 1 conform, 1 differs
"""
    )


def test_what_happened_later_is_not_shown_before_a_mismatch(run: Run) -> None:
    out = run(written(line([{**OURS[0], "queue": []}, OURS[1]], *STEPS))).out
    assert out.splitlines()[2:6] == [
        "  after   run event",
        "  then[0].queue",
        "      expected  (nothing)",
        '      ours      ["add"]',
    ]
    assert "refresh" not in out


def test_a_thousand_mismatches_stay_readable(run: Run) -> None:
    result = run(written(*[WRONG] * 900, *[DIFFERING] * 100), "--max", "2")
    assert len(result.out.splitlines()) < 25
    assert result.out.count("✗") == 2
    assert '900      900    value    r-2       "8"       "7"' in result.out
    assert "100      200    queue[]  s-1" in result.out
    assert result.out.endswith("1,000 vectors: 0 conform, 1,000 differ (2 shown)\n")


def test_a_long_value_is_cut_off(run: Run) -> None:
    result = run(written(rule_line("parse_ts", "x" * 5000, text="7")))
    assert max(map(len, result.out.splitlines())) < 1100
    assert "xxx…" in result.out


# ------------------------------------------------------------------ JSON


def test_json_has_every_mismatch_with_its_step_and_path(run: Run) -> None:
    answer = run(written(WRONG, DIFFERING), "-o", "json", "--max", "0").json
    assert list(answer) == ["vectors", "conform", "mismatched", "problems", "mismatches"]
    assert answer["mismatches"] == [
        {
            "id": "r-2",
            "file": "vectors.jsonl",
            "line": 1,
            "step": None,
            "path": "value",
            "expected": "8",
            "ours": "7",
        },
        {
            "id": "s-1",
            "file": "vectors.jsonl",
            "line": 2,
            "step": 1,
            "path": "queue[0]",
            "expected": "add",
            "ours": "addRateLimited",
        },
        {
            "id": "s-1",
            "file": "vectors.jsonl",
            "line": 2,
            "step": 1,
            "path": "queue[1]",
            "expected": "forget",
            "ours": None,
        },
    ]


# ------------------------------------------------------------------ options


def test_the_tolerance_is_a_duration(run: Run) -> None:
    begin = {"server": {"backup": backup(status={"timeStarted": "now"})}}
    ours = outcomes(EVENT, begin=begin)[0]
    status = {"timeStarted": "now+90s"}
    wrong = {**ours, "cached": {"backup": {**ours["cached"]["backup"], "status": status}}}
    file = written(line([wrong], EVENT, begin=begin))
    assert run(file).code == 3
    assert run(file, "--tolerance", "89s").code == 3
    assert run(file, "--tolerance", "1m30s").code == 0
    assert run(file, "--tolerance", "-1s").code == 2


def test_one_vector_is_chosen_by_its_id(run: Run) -> None:
    file = written(GOOD, WRONG, DIFFERING, "{broken")
    assert run(file, "--id", "r-1").out == "1 vector: 1 conform, 0 differ\n"
    both = run(file, "--id", "r-2", "--id", "s-1", "-o", "json").json
    assert (both["vectors"], both["mismatched"]) == (2, 2)


def test_an_id_that_no_vector_has_is_2(run: Run) -> None:
    result = run(written(GOOD), "--id", "r-1", "--id", "r-9")
    assert result.code == 2
    assert "no vector has the id r-9" in result.err


def test_a_vector_is_shown_step_by_step(run: Run) -> None:
    shown = run(written(line(OURS, *STEPS)), "--show").out
    head, _, rest = shown.partition("    then\n")
    assert (
        head
        == """
✓ v-1  vectors.jsonl:1
  run event
    cached job ns/backup-demo: none
    add ns/demo
"""
    )
    assert "\n  refresh backup\n  run sync; create jobs number 1" in rest
    assert "    create jobs Job ns/backup-demo (unfinished): timeout: it says timeout\n" in rest
    assert "    update backups Backup ns/demo (RetryFailed)\n" in rest
    assert '      "result": "error",\n' in rest
    assert shown.endswith("1 vector: 1 conform, 0 differ\n")


def test_json_shows_the_calls_and_outcomes_of_our_side_which_conform(run: Run) -> None:
    answer = run(written(DIFFERING), "--show", "-o", "json").json
    (shown,) = answer["shown"]
    assert (shown["id"], shown["file"], shown["line"]) == ("s-1", "vectors.jsonl", 1)
    assert shown["asked"][0] == ["cached job ns/backup-demo: none", "add ns/demo"]
    assert run(written(line(shown["then"], *STEPS))).code == 0


HAPPENINGS: dict[str, tuple[dict[str, Any], str]] = {
    "another object": ({**EVENT, "object": backup()}, "run event with another object"),
    "a tombstone": ({**EVENT, "tombstone": True}, "run event of a tombstone"),
    "a Job": ({"run": "jobDeleted", "job": job()}, "run jobDeleted backup-demo"),
    "a tick": ({"run": "tick"}, "run tick"),
    "a set": (
        {"set": {"server": {"jobs": []}, "cache": {"backup": backup()}, "task": {}, "storage": []}},
        "set server.jobs, cache.backup, task, storage",
    ),
}


@pytest.mark.parametrize(("happening", "text"), HAPPENINGS.values(), ids=HAPPENINGS)
def test_a_happening_is_told_in_a_line(run: Run, happening: dict[str, Any], text: str) -> None:
    file = written(line([{}] if "run" in happening else [], happening))
    assert f"\n  {text}\n" in run(file, "--show").out


def test_a_rule_is_shown_by_its_name_and_value(run: Run) -> None:
    assert run(written(GOOD), "--show").out.splitlines()[1:6] == [
        "✓ r-1  vectors.jsonl:1",
        "  parse_ts",
        "    then",
        "    {",
        '      "value": "7"',
    ]


# ------------------------------------------------------------------ as a process

COMMAND = Path(sys.executable).parent / "backup-fsm"


def test_ctrl_c_is_130() -> None:
    reading, writing = os.pipe()
    with subprocess.Popen(
        [COMMAND, "conform", "-"],
        stdin=reading,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (whoever runs the tests may ignore it)
    ) as command:
        os.close(reading)
        os.write(writing, f"{WRONG}\n".encode() * 2000)  # more than a pipe holds: it has begun
        command.send_signal(signal.SIGINT)
        os.close(writing)
        _, err = command.communicate(timeout=60)
    assert command.returncode == 130
    assert b"Traceback" not in err


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "vectors.jsonl"
    file.write_text(f"{WRONG}\n" * 2000)
    script = f"{COMMAND} conform {file} --max 2000 | head -n 1"
    ran = subprocess.run(["sh", "-c", script], capture_output=True, check=False, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_long_run_shows_its_progress_on_a_terminal(tmp_path: Path) -> None:
    """With a clock that runs, so that nobody has to wait."""
    file = tmp_path / "vectors.jsonl"
    file.write_text(f"{GOOD}\n" * 200)
    script = (
        "import sys, fsm.cli.progress as p, fsm.cli\n"
        "p.PATIENCE_S = p.PACE_S = 0\n"
        f"sys.exit(fsm.cli.exit_code_of(['conform', {str(file)!r}]))"
    )
    mine, theirs = pty.openpty()
    ran = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=theirs, check=False, timeout=60)
    os.close(theirs)
    told = os.read(mine, 10_000).decode()
    os.close(mine)
    assert ran.stdout.decode() == "200 vectors: 200 conform, 0 differ\n"
    assert "64 vectors, 0 differ" in told
    assert told.endswith("\r\x1b[K")
