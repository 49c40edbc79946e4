"""One exploration in a process of its own, so that its peak memory is its own.

`python -m benchmarks.exploring WHO SIZE`; SIZE is four numbers: backups, clock, retries, crashes. Prints one line of
JSON. The time is CPU time of the work alone, without the start of Python and without imports.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from benchmarks.dictionary import Size, breadth_first


@dataclass(frozen=True)
class Explored:
    """What one side says: states, transitions, seconds of CPU time, and peak resident bytes.

    `data`: bytes of data a state when most was held, 0 where nobody counts. `violated` names the refuted properties.
    """

    states: int
    transitions: int
    seconds: float
    peak: int
    data: float = 0.0
    violated: tuple[str, ...] = ()


Answer = tuple[int, int, float, tuple[str, ...]]
"""States, transitions, bytes of data a state, violated properties."""


def _engine(size: Size) -> Callable[[], Answer]:
    from benchmarks.snapshot_world import snapshot_world
    from fsm.check.exploration import explored

    def run() -> Answer:
        found = explored(snapshot_world(*size))
        return found.states, found.transitions, found.most_bytes / found.states, ()

    return run


def _checked(size: Size) -> Callable[[], Answer]:
    from benchmarks.snapshot_world import snapshot_properties, snapshot_world
    from fsm.check import Verdict, check

    def run() -> Answer:
        report = check(snapshot_world(*size), snapshot_properties(size.retries))
        violated = tuple(each.property.id for each in report.findings if each.verdict is not Verdict.HOLDS)
        return report.states, report.transitions, 0.0, violated

    return run


def _specification(size: Size) -> Callable[[], Answer]:
    from benchmarks.snapshot_world import snapshot_world
    from fsm.check.plain import explored

    def run() -> Answer:
        graph = explored(snapshot_world(*size))
        return len(graph.states), len(graph.edges), 0.0, ()

    return run


def _dictionary(size: Size) -> Callable[[], Answer]:
    def run() -> Answer:
        gc.disable()  # it makes no cycles, and looking for some takes a third of its time
        return (*breadth_first(size), 0.0, ())

    return run


WHO = {"engine": _engine, "checked": _checked, "specification": _specification, "dictionary": _dictionary}


def explored_by(who: str, size: Size) -> Explored:
    """Runs one side in a new process."""
    command = [sys.executable, "-m", "benchmarks.exploring", who, *map(str, size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    data = json.loads(done.stdout)
    return Explored(**{**data, "violated": tuple(data["violated"])})


def main(arguments: list[str]) -> None:
    """The side and the size as words."""
    who, *numbers = arguments
    run = WHO[who](Size(*map(int, numbers)))
    start = time.process_time()
    states, transitions, data, violated = run()
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(asdict(Explored(states, transitions, seconds, peak, data, violated))))


if __name__ == "__main__":
    main(sys.argv[1:])
