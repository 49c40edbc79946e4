"""Every example of README and docs runs, and prints what the page says."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from doc_reading import IDS, PAGES, ROOT, Block, Session, blocks, sessions

PYTHON = [(page, name) for page, name in zip(PAGES, IDS, strict=True) if blocks(page, "python")]
CONSOLE = [
    pytest.param(page, block, id=f"{name}:{block[0].line}")
    for page, name in zip(PAGES, IDS, strict=True)
    for block in sessions(page)
]
_PRINTED = re.compile(r"^\s*print\(.*\)  # (.*)$|^# prints: (.*)$")
LEFT_OUT = "..."
"""A line that stands for any number of lines."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where examples run: as in the repository, but what they write is thrown away."""
    (tmp_path / "fsm").symlink_to(ROOT / "fsm")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ------------------------------------------------------------------ Python


def promised(block: Block) -> list[str]:
    """The lines that a block says it prints: the comment behind each `print(…)`."""
    found = (_PRINTED.match(line) for line in block.text.splitlines())
    return [match[1] or match[2] for match in found if match]


@pytest.mark.parametrize("page", [page for page, _ in PYTHON], ids=[name for _, name in PYTHON])
def test_the_python_examples_of_a_page_run_one_after_another(page: Path, place: Path) -> None:
    """The blocks of a page share their names, as a reader would type them."""
    names: dict[str, object] = {"__name__": "example"}
    for block in blocks(page, "python"):
        printed = io.StringIO()
        code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
        with redirect_stdout(printed):
            exec(code, names)
        assert printed.getvalue().splitlines() == promised(block), f"{page}:{block.line}"


def test_a_promise_is_read_from_the_comment_behind_a_print() -> None:
    text = 'print(1)  # 1\nif True:\n    print("a")  # a\nx = 1  # not printed\n# prints: more\n'
    assert promised(Block("python", 1, text)) == ["1", "a", "more"]


# ------------------------------------------------------------------ console


def as_shown(shown: list[str]) -> re.Pattern[str]:
    """What the output has to be; spaces at the ends of lines and empty lines around it do not count."""
    lines = "\n".join(shown).strip("\n").split("\n")
    parts = (r"(?:.*\n)*" if line.strip() == LEFT_OUT else re.escape(line.rstrip()) + "\n" for line in lines)
    return re.compile("".join(parts) if any(lines) else "")


def told(text: str) -> str:
    """An output without what does not count."""
    body = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    return f"{body}\n" if body else ""


def outcome(session: Session) -> str:
    """What a command tells on both its streams, run by a plain shell that finds `backup-fsm`."""
    unwanted = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "BACKUP_FSM_DEBUG")
    environment = {key: value for key, value in os.environ.items() if key not in unwanted}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    ran = subprocess.run(
        ["sh", "-c", session.command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=120,
    )
    return told(ran.stdout.decode())


@pytest.mark.parametrize(("page", "block"), CONSOLE)
def test_the_commands_of_a_block_print_what_the_page_shows(page: Path, block: list[Session], place: Path) -> None:
    """One after another in the same place: a later one may read what an earlier one wrote."""
    for session in block:
        found = outcome(session)
        if as_shown(session.shown).fullmatch(found) is None:
            assert found == told("\n".join(session.shown)), f"{page}:{session.line}"


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        (["a", "b"], "a\nb\n", True),
        (["a  ", "", "b"], "a\n\nb \n", True),
        (["a", "...", "d"], "a\nb\nc\nd\n", True),
        (["a", "..."], "a\nb\n", True),
        (["a", "...", "d"], "a\nb\n", False),
        (["a"], "a\nb\n", False),
        (["a.c"], "abc\n", False),
        ([], "", True),
        ([], "a\n", False),
    ],
)
def test_dots_on_a_line_stand_for_what_is_left_out_and_for_nothing_else(
    shown: list[str], printed: str, fits: bool
) -> None:
    assert (as_shown(shown).fullmatch(told(printed)) is not None) is fits
