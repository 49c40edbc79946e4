"""The benchmark's world for a dictionary search: a state is a tuple, and its steps are written by hand for it alone.

What the engine is measured against in plain Python. It knows the model and nothing else: no rules, no names of steps,
no properties. A test holds its counts to those of the world.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

NEW, SCHEDULED, RUNNING, FAILED, WAITING, RETRYING, COMPLETE, EXHAUSTED = range(8)
NO_JOB, ACTIVE, JOB_FAILED, JOB_DONE, DELETING = range(5)
NO_POD, POD_RUNS, POD_OK, POD_FAILED = range(4)

Globals = tuple[int, bool, int, int, int]
"""The time, whether the operator is up, crashes left, the backup at work (-1: none), and the phase that was read."""

Backup = tuple[int, int, int, int, int, int]
"""Phase, retries, Job, pod, time of the next retry, cached phase."""

State = tuple[Globals, tuple[Backup, ...]]


class Size(NamedTuple):
    """How large the world is, as in `snapshot_world`."""

    backups: int
    clock: int
    retries: int
    crashes: int


def breadth_first(size: Size) -> tuple[int, int]:
    """How many states and transitions there are. Predecessors are kept, so that a way to any state could be told."""
    start: State = ((0, True, size.crashes, -1, 0), ((NEW, 0, NO_JOB, NO_POD, 0, NEW),) * size.backups)
    before: dict[State, State | None] = {start: None}
    waiting, transitions = deque([start]), 0
    while waiting:
        state = waiting.popleft()
        for target in _after(state, size):
            transitions += 1
            if target not in before:
                before[target] = state
                waiting.append(target)
    return len(before), transitions


def _after(state: State, size: Size) -> Iterator[State]:
    shared, backups = state
    now, up, crashes, worker, _ = shared
    if now < size.clock:
        yield (now + 1, *shared[1:]), backups
    if not up:
        yield (now, True, *shared[2:]), tuple((*each[:5], each[0]) for each in backups)
    elif crashes:
        yield (now, False, crashes - 1, -1, 0), backups
    for i, backup in enumerate(backups):
        for changed in _alone(*backup):
            yield shared, (*backups[:i], changed, *backups[i + 1 :])
        if up and (worker < 0 or worker == i):
            reconciled = _begun(shared, i, *backup) if worker < 0 else _finished(shared, size, *backup)
            if reconciled is not None:
                yield reconciled[0], (*backups[:i], reconciled[1], *backups[i + 1 :])


def _alone(phase: int, retries: int, job: int, pod: int, due: int, cached: int) -> Iterator[Backup]:
    """What happens without the operator."""
    if pod == POD_RUNS:
        if phase in (NEW, SCHEDULED, RETRYING):
            yield RUNNING, retries, job, pod, due, phase
        elif phase == RUNNING:
            yield COMPLETE, retries, job, pod, due, phase
        elif phase == COMPLETE:
            yield phase, retries, job, POD_OK, due, cached
        yield phase, retries, job, POD_FAILED, due, cached
    if job == ACTIVE:
        if pod == NO_POD:
            yield phase, retries, job, POD_RUNS, due, cached
        elif pod != POD_RUNS:
            yield phase, retries, JOB_DONE if pod == POD_OK else JOB_FAILED, pod, due, cached
    elif job == DELETING:
        yield phase, retries, NO_JOB, NO_POD, due, cached
    if cached != phase:
        yield phase, retries, job, pod, due, phase


def _begun(
    shared: Globals, i: int, phase: int, retries: int, job: int, pod: int, due: int, cached: int
) -> tuple[Globals, Backup] | None:
    now, up, crashes, _, _ = shared
    begun = (now, up, crashes, i, cached)
    if cached in (NEW, RETRYING):
        if job == DELETING:
            return None
        return begun, (phase, retries, job or ACTIVE, pod, due, cached)
    if cached in (SCHEDULED, RUNNING):
        return (begun, (phase, retries, job, pod, due, cached)) if job == JOB_FAILED else None
    if cached == FAILED:
        return begun, (phase, retries, job, pod, due, cached)
    if cached == WAITING and now >= due:
        return begun, (phase, retries, job and DELETING, pod, due, cached)
    return None


def _finished(
    shared: Globals, size: Size, phase: int, retries: int, job: int, pod: int, due: int, cached: int
) -> tuple[Globals, Backup]:
    now, up, crashes, _, seen = shared
    idle = (now, up, crashes, -1, 0)
    if phase != seen:
        return idle, (phase, retries, job, pod, due, cached)
    if seen in (NEW, RETRYING):
        return idle, (SCHEDULED, retries, job, pod, due, phase)
    if seen in (SCHEDULED, RUNNING):
        return idle, (FAILED, retries, job, pod, due, phase)
    if seen == WAITING:
        return idle, (RETRYING, min(retries + 1, 3), job, pod, 0, phase)
    if retries < size.retries:
        return idle, (WAITING, retries, job, pod, min(now + (1 << retries), size.clock), phase)
    return idle, (EXHAUSTED, retries, job, pod, due, phase)
