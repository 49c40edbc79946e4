"""Runs the command line inside this process, which is fast."""

from __future__ import annotations

import io
import sys

import pytest
from cli_running import Result, Run

from fsm.cli import exit_code_of


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run in this process: `run("replay", FILE, stdin=b"…")`."""
    monkeypatch.delenv("BACKUP_FSM_DEBUG", raising=False)
    monkeypatch.setattr(sys, "argv", ["backup-fsm"])

    def command(*arguments: str, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = exit_code_of(arguments)
        return Result(code, *capsys.readouterr())

    return command
