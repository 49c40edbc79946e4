"""Start-up: what a program pays before it does anything, as wall time of a fresh process."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.measure import Finding, Settings

_NOTHING = (sys.executable, "-c", "pass")
_HELP_LIMIT_MS = 150.0


def commands() -> dict[str, tuple[str, ...]]:
    """What is started. The installed script is preferred, because that is what people run."""
    script = Path(sys.executable).with_name("backup-fsm")
    program = (str(script),) if script.exists() else (sys.executable, "-c", "from fsm.cli import main; main()")
    return {
        "import fsm": (sys.executable, "-c", "import fsm"),
        "import fsm.machines": (sys.executable, "-c", "import fsm.machines"),
        "backup-fsm --help": (*program, "--help"),
    }


def findings(settings: Settings) -> list[Finding]:
    """Each command against an interpreter that does nothing, in interleaved rounds."""
    every = {"an interpreter that does nothing": _NOTHING, **commands()}
    rng = random.Random(settings.seed)
    spent = _rounds(every, rng, settings.rounds)
    (idle, nothing), *measured = spent.items()
    return [
        Finding(
            "startup",
            name,
            idle,
            "ms",
            median(times),
            median(nothing),
            median(other / ours for ours, other in zip(times, nothing, strict=True)),
            limit=_HELP_LIMIT_MS if name.endswith("--help") else None,
        )
        for name, times in measured
    ]


def _rounds(every: dict[str, tuple[str, ...]], rng: random.Random, rounds: int) -> dict[str, list[float]]:
    spent: dict[str, list[float]] = {name: [] for name in every}
    for command in every.values():
        milliseconds(command)  # writes the byte code
    for _ in range(rounds):
        for name in rng.sample(list(every), len(every)):
            spent[name].append(milliseconds(every[name]))
    return spent


def milliseconds(command: tuple[str, ...]) -> float:
    """Wall time of one run; CalledProcessError where it fails."""
    start = time.perf_counter_ns()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter_ns() - start) / 1e6
