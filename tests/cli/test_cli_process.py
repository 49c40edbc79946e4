"""The command as a process: what it imports, how it behaves on terminals and pipes, and when it is interrupted."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_running import clean_environment, finished, process, story

RETRY = story("backup-snapshot-retry", "backup-snapshot-retry.jobs")
HEAVY = ("pydantic", "statemachine", "rich", "yaml", "msgspec", "graphviz", "fsm.machines", "fsm.model", "fsm.kernel")


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(argument: str) -> None:
    script = f"""
import sys
from fsm.cli import exit_code_of
assert exit_code_of([{argument!r}]) == 0
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("program", "name"), [("backup-fsm", "backup-fsm"), ("kubectl-backup_fsm", "kubectl backup-fsm")]
)
def test_both_commands_are_installed_and_call_themselves_as_they_were_called(program: str, name: str) -> None:
    assert finished("--help", program=program).out.startswith(f"Usage: {name} [OPTIONS] COMMAND")
    refused = finished("replay", "--nonsense", program=program)
    assert (refused.code, refused.out) == (2, "")
    assert f"See '{name} replay --help'." in refused.err


def test_version_is_that_of_the_package() -> None:
    assert finished("--version").out == "backup-fsm 0.1.0\n"


def test_flags_come_after_the_name_of_the_plugin() -> None:
    result = finished("replay", *RETRY, "--output", "json", program="kubectl-backup_fsm")
    assert (result.code, result.err) == (0, "")


# ------------------------------------------------------------------ pipes and signals


@pytest.mark.parametrize("output", ["text", "json", "jsonl"])
def test_a_reader_that_leaves_early_is_no_error(output: str) -> None:
    files = story("backup-log-pause-resume", "backup-log-truncate")  # which fit into a pipe together
    lines = b"".join(Path(name).read_bytes() for name in files).splitlines()
    started = process("replay", "-", "--output", output)
    assert started.stdin
    assert started.stdout
    assert started.stderr
    started.stdout.close()
    started.stdin.write(b"\n".join(lines) + b"\n")
    started.stdin.close()
    assert started.wait(60) == 0
    assert started.stderr.read() == b""
    started.stderr.close()


def test_ctrl_c_ends_with_130_and_says_nothing() -> None:
    started = process("replay", "-")
    assert started.stdin
    assert started.stdout
    started.stdin.write(b"".join(Path(RETRY[0]).read_bytes().splitlines(keepends=True)[:2]))
    started.stdin.flush()
    started.stdout.readline()  # so that it is surely waiting for more
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=60)
    assert started.returncode == 130
    assert err.strip() == b""
    assert b"events;" not in out


def test_output_that_cannot_be_written_is_a_failure_in_a_sentence() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs a device that is full")
    with Path("/dev/full").open("wb") as full:
        result = finished("replay", *RETRY, stdout=full)
    assert (result.code, result.err) == (1, "backup-fsm: No space left on device\n")


def test_json_is_utf_8_whatever_the_locale_says() -> None:
    text = Path(RETRY[0]).read_text().replace("demo-full", "démo")
    posix = clean_environment(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert '"démo"' in finished("replay", "-", "-o", "json", stdin=text.encode(), env=posix).out


def test_a_locale_without_arrows_gets_question_marks() -> None:
    posix = clean_environment(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    result = finished("replay", *RETRY, env=posix)
    assert result.code == 0
    assert "pending ? scheduled" in result.out


# ------------------------------------------------------------------ terminals


class Terminal:
    """A process on a terminal of a given width, as far as it goes: what it shows is collected until it ends."""

    def __init__(self, *arguments: str, columns: int = 80, stdin: int | None = None, **environment: str) -> None:
        self.ours, theirs = pty.openpty()
        size = {"COLUMNS": str(columns), "LINES": "40", "TERM": "xterm-256color"} | environment
        self.process = process(*arguments, stdin=stdin, stdout=theirs, stderr=theirs, env=clean_environment(**size))
        os.close(theirs)

    def shown(self) -> str:
        """Everything it shows until it ends."""
        found = b""
        while piece := self._piece():
            found += piece
        self.process.wait(60)
        os.close(self.ours)
        return found.decode().replace("\r\n", "\n")

    def _piece(self) -> bytes:
        try:
            return os.read(self.ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            return b""


COLOUR = "\x1b["


def test_a_terminal_gets_colours_unless_it_does_not_want_them() -> None:
    assert COLOUR in Terminal("replay", *RETRY).shown()
    assert COLOUR not in Terminal("replay", *RETRY, NO_COLOR="1").shown()
    assert COLOUR not in Terminal("replay", *RETRY, TERM="dumb").shown()
    assert COLOUR not in Terminal("machines", NO_COLOR="1").shown()
    assert COLOUR not in finished("replay", *RETRY).out


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
@pytest.mark.parametrize(
    "arguments",
    [
        ("replay", *RETRY),
        ("replay", *story("backup-log-pause-resume"), "-v"),
        ("explain", "-f", *story("backup-logstart-oomkilled-stuck", "job-oomkilled")),
        ("machines",),
        ("machines", "log"),
        ("stories",),
    ],
    ids=lambda arguments: arguments[0] if len(arguments) < 3 else f"{arguments[0]} {Path(arguments[-1]).name}",
)
def test_no_line_is_wider_than_the_terminal(arguments: tuple[str, ...], columns: int) -> None:
    lines = Terminal(*arguments, columns=columns, NO_COLOR="1").shown().splitlines()
    assert len(lines) > 5
    too_wide = [line for line in lines if len(line) > columns]
    assert [line for line in too_wide if " " in line.strip()] == []  # one long word cannot be helped


def test_on_a_terminal_the_day_stands_once() -> None:
    lines = Terminal("replay", *RETRY, columns=140, NO_COLOR="1").shown().splitlines()
    assert [line for line in lines if "(UTC)" in line] == [lines[0]] == ["2026-11-22 (UTC)"]
    assert lines[1].split()[:3] == ["02:00:01", "tidb-cluster/demo-full", "job_created"]
    narrow = Terminal("replay", *RETRY, NO_COLOR="1").shown().splitlines()
    assert [line for line in narrow if "(UTC)" in line] == [narrow[0]] == ["2026-11-22 (UTC)  tidb-cluster/demo-full"]
    assert narrow[1].split()[:2] == ["02:00:01", "job_created"]


def test_progress_is_shown_on_a_terminal_after_a_while_and_taken_away_again() -> None:
    started = Terminal("replay", "-", "-o", "json", stdin=subprocess.PIPE)
    assert started.process.stdin
    line = Path(RETRY[0]).read_bytes().splitlines(keepends=True)[0]
    end = time.monotonic() + 60
    while not select.select([started.ours], [], [], 0)[0] and time.monotonic() < end:
        started.process.stdin.write(line * 100)
    started.process.stdin.close()
    shown = started.shown()
    assert " items, 1 live backups" in shown
    assert "\r\x1b[K{" in shown


def test_no_picture_in_bytes_is_sent_to_a_terminal() -> None:
    shown = Terminal("diagram", "log", "--format", "png").shown()
    assert "a terminal cannot show this format" in shown
    assert "PNG" not in shown
