"""Memory of one live machine that waits for its next event.

What a program keeps for each Backup: the machine state (configuration and context), the uid, and the times of the last
transition and of the last look. Measured with tracemalloc over many machines, each with values of its own.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.measure import Finding, Settings
from fsm.kernel import Event, MachineState, step, trace_of
from fsm.kernel.judge import Judge
from fsm.machines import SNAPSHOT

_BASE = 1_700_000_000


class Live(NamedTuple):
    """One live Backup."""

    uid: str
    state: MachineState
    since: int
    seen: int


def uid(number: int) -> str:
    """A uid like Kubernetes', in a string of its own."""
    return f"5f0c2a1e-7d3b-4c6e-9d45-{number:012x}"


def running(number: int) -> Live:
    """A backup whose Job runs."""
    at = _BASE + 1000 * number
    events = Event("job_created", at, uid=uid(number)), Event("pod_preparing", at + 1), Event("br_started", at + 2)
    return Live(uid(number + 2**40), trace_of(SNAPSHOT, SNAPSHOT.start(), events)[-1].after, at + 2, at + 3)


def waiting(number: int) -> Live:
    """A backup that waits for its first retry, with the record of the failure."""
    at = _BASE + 1000 * number
    live = running(number)
    failed = step(SNAPSHOT, live.state, Event("job_failed", at + 300, reason="BackoffLimitExceeded", message="")).after
    message = f"Job backup-demo-{number} has failed"
    recorded = step(SNAPSHOT, failed, Event("failure_recorded", at + 301, message=message)).after
    return Live(live.uid, recorded, at + 301, at + 302)


def library(number: int) -> object:
    """A running backup in python-statemachine's engine."""
    live = running(number)
    return live.uid, Judge(SNAPSHOT, live.state).chart, live.since, live.seen


def bytes_of(make: Callable[[int], Any], machines: int) -> float:
    """Bytes that one more machine takes, the reference to it included."""
    make(-1)
    gc.collect()
    tracemalloc.start()
    try:
        kept = [make(number) for number in range(machines)]
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return taken / len(kept)


def findings(settings: Settings) -> list[Finding]:
    """A running and a waiting backup, against an instance of the library."""
    machines = 1_000 if settings.quick else 10_000
    other = bytes_of(library, machines // 20)
    return [_finding(name, bytes_of(make, machines), other) for name, make in MACHINES]


MACHINES: tuple[tuple[str, Callable[[int], Any]], ...] = (
    ("running backup", running),
    ("backup waiting for its retry", waiting),
)


def _finding(name: str, ours: float, other: float) -> Finding:
    return Finding("memory", name, "python-statemachine instance", "B/machine", ours, other, other / ours, limit=1000)
