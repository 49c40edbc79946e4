"""Runs the installed command as a process of its own, and says what a command did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

STORIES = Path(__file__).parents[2] / "fsm" / "stories"
SCRIPTS = Path(sys.executable).parent


class Result(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Result]


def story(*names: str) -> list[str]:
    """The paths of bundled files."""
    return [str(STORIES / f"{name}.jsonl") for name in names]


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without what changes the output."""
    unwanted = ("NO_COLOR", "BACKUP_FSM_DEBUG", "COLUMNS", "FORCE_COLOR")
    return {key: value for key, value in os.environ.items() if key not in unwanted} | more


def interruptible() -> None:
    """In a process about to be started: Ctrl-C ends it, although whoever runs the tests may ignore it, as a shell's
    background jobs do."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def process(*arguments: str, program: str = "backup-fsm", **more: Any) -> subprocess.Popen[bytes]:
    """Start the installed command."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": clean_environment()}
    pipes["preexec_fn"] = interruptible
    return subprocess.Popen([str(SCRIPTS / program), *arguments], **(pipes | more))


def finished(*arguments: str, stdin: bytes = b"", **more: Any) -> Result:
    """Run the installed command to its end."""
    started = process(*arguments, **more)
    out, err = started.communicate(stdin, timeout=60)
    return Result(started.returncode, (out or b"").decode(), (err or b"").decode())
