"""Runs SPIN on a Promela model and reads what it says. Needs spin and gcc on PATH; `missing()` tells which are not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

EXHAUSTIVE = ("-DSAFETY", "-DNOREDUCE", "-DNOFAIR")
"""Every state, no liveness: how states and transitions are counted."""

BEST = ("-O3", "-march=native", "-DSAFETY", "-DNOREDUCE", "-DNOFAIR", "-DNOBOUNDCHECK")
"""The flags with which SPIN counts fastest here."""

BEST_LIVE = ("-O3", "-march=native", "-DNOREDUCE", "-DNOBOUNDCHECK", "-DNFAIR=4")
"""The same for accepting cycles under weak fairness."""

LIVE = ("-DNOREDUCE", "-DNFAIR=4")
"""Accepting cycles under weak fairness; to be run with `-a -f`."""


@dataclass(frozen=True)
class Judged:
    """What SPIN says: states stored and transitions taken, errors found, whether the search was complete.

    `seconds` is CPU time of the process; `peak` is the most memory that it had, in bytes; `output` is all that it
    printed.
    """

    states: int
    transitions: int
    errors: int
    complete: bool
    seconds: float
    peak: int
    output: str


def missing() -> str:
    """A sentence about what is not installed, or ""."""
    absent = [name for name in ("spin", "gcc") if shutil.which(name) is None]
    return f"SPIN does not judge here: {' and '.join(absent)} not found on PATH" if absent else ""


class SpinError(Exception):
    """SPIN, or the compiler behind it, refused a model."""


class Verifier:
    """A compiled verifier of one model, to be run as often as wanted. A context: its files are gone at the end."""

    def __init__(self, model: str, compile_with: Sequence[str] = EXHAUSTIVE, define: Sequence[str] = ()) -> None:
        self._folder = TemporaryDirectory(prefix="fsm-spin-")
        self.folder = Path(self._folder.name)
        (self.folder / "model.pml").write_text(model)
        # -o2: SPIN hides variables that no condition reads, and would take states that differ in one for the same
        self._call(["spin", "-a", "-o2", *define, "model.pml"])
        self._call(["gcc", "-w", *compile_with, "-o", "pan", "pan.c"])

    def __enter__(self) -> Verifier:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def run(self, *options: str) -> Judged:
        """One search. The depth limit is that of the caller's options; SpinError where it cut the search."""
        with (self.folder / "out").open("w") as out:
            process = subprocess.Popen(["./pan", *options], cwd=self.folder, stdout=out, stderr=subprocess.STDOUT)
            _, _, usage = os.wait4(process.pid, 0)
        spent = usage.ru_utime + usage.ru_stime
        output = (self.folder / "out").read_text()
        if "max search depth too small" in output:
            raise SpinError("the search was cut at its depth limit: give a larger -m")
        try:
            return _read(output, spent, usage.ru_maxrss * 1024)
        except ValueError:
            raise SpinError(f"pan said:\n{output}") from None

    def _call(self, command: list[str]) -> None:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SpinError(f"{' '.join(command)} said:\n{done.stdout}{done.stderr}")


def _read(output: str, seconds: float, peak: int) -> Judged:
    def number(pattern: str) -> int:
        """SPIN writes eight digits, and from 10^8 on an exponent."""
        found = re.search(pattern, output)
        if not found:
            raise ValueError(pattern)
        return round(float(found[1]))

    return Judged(
        states=number(r"(\S+) states, stored"),
        transitions=number(r"(\S+) transitions \(= (?:stored|visited)\+matched\)"),
        errors=number(r"errors: (\d+)"),
        complete="Search not completed" not in output,
        seconds=seconds,
        peak=peak,
        output=output,
    )
