"""Running and forgetting commute: a program makes the same calls on objects and on those that stand for them.

The objects come from random lives in the simulated cluster, which knows nothing of what is held. Its clock is moved in
ticks, because a tick is the unit of what is held.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from fsm.check import explore
from fsm.environment import OPERATOR, world_of
from fsm.environment.simulation import Simulation, simulation_of
from fsm.environment.world.held import NAME, NAMESPACE, TICK, Copy, Held, Wish, backup_of, held_of, spec_json
from fsm.environment.world.outside import CLUSTER
from fsm.environment.world.slots import ACTIVE, COMPLETE, CREATED, FAILED, SLOTS, HeldJob, held_job, job_of
from fsm.environment.world.thread import KEY, HeldTracked, Read, Thread, concrete
from fsm.model import Backup, Job
from fsm.reference import (
    ApiError,
    BackupEvent,
    CachedBackup,
    CachedCluster,
    CachedJob,
    CachedPointer,
    CachedSecret,
    Call,
    CreateJob,
    DeleteJob,
    Done,
    EditCached,
    Entry,
    Etcd,
    GetCluster,
    Instant,
    Metadata,
    Now,
    Perform,
    PodStart,
    QueryTask,
    ReadTracked,
    Refused,
    Running,
    Tracked,
    TrackerTick,
    UpdateBackup,
    Work,
    arguments_of_pod,
    at_second,
)

WISHES = {
    "snapshot": Wish(retries=1, timeout="3m"),
    "snapshot, data deleted": Wish(retries=2, timeout="5m", clean="Delete"),
    "log": Wish(),
    "log, data deleted": Wish(clean="Delete"),
}
LIVES, MOVES, TICKS = 12, 120, 6
SEED = 20_261_127


# ------------------------------------------------------------------ what stands for what is held


@pytest.mark.parametrize(
    ("mode", "budgets"),
    [
        ("snapshot", {"kill": 2, "faults": 1, "api": 1}),
        ("snapshot", {"kill": 1, "faults": 1, "lag": 1, "program": 1, "delete": 1}),
        ("log", {"edit": 1, "truncate": 1, "kill": 1}),
        ("log", {"faults": 1, "task_error": 1, "pd": 1, "delete": 1}),
    ],
    ids=["api", "lag", "edit", "task"],
)
def test_what_is_held_of_the_backup_that_stands_for_it_is_itself(mode: str, budgets: dict[str, int]) -> None:
    graph = explore(world_of(OPERATOR, mode, budgets, wish=WISHES[mode]))
    found = {held for values in graph.space.values.values() for value in values.all for held in _helds(value)}
    assert len(found) >= 30
    for held in found:
        assert held_of(backup_of(held)) == held


def _helds(value: Any) -> Iterator[Held]:
    match value:
        case Held():
            yield value
        case Copy(held=held) if held is not None:
            yield held
        case Read(held=held):
            yield held
        case Thread(subject=subject, answers=answers):
            for each in (subject, *answers):
                yield from _helds(each)


@pytest.mark.parametrize("minutes", range(1, 7))
@pytest.mark.parametrize("ticks", range(9))
def test_what_is_due_after_so_many_minutes_is_due_after_so_many_ticks(minutes: int, ticks: int) -> None:
    from fsm.rules import is_due, is_timed_out

    backup = _failed(minutes)
    now = 1_800_000_000 + ticks * TICK
    stands = backup_of(held_of(backup, now))
    for written, clock in ((backup, now), (stands, 1_700_000_000)):
        records = written.status.backoff_retry_status
        assert is_due(records, clock) == (ticks >= minutes)
        assert is_timed_out(records, "4m", clock) == (ticks >= 4)


def _failed(minutes: int) -> Backup:
    from fsm.model import text_of

    begun = 1_800_000_000
    record = {
        "retryNum": 1,
        "detectFailedAt": text_of(begun),
        "expectedRetryAt": text_of(begun + 60 * minutes),
    }
    spec = spec_json("snapshot", Wish(timeout="4m"))
    return Backup.from_json({"metadata": {"name": NAME}, "spec": spec, "status": {"backoffRetryStatus": [record]}})


# ------------------------------------------------------------------ running in lockstep


@pytest.mark.parametrize("life", range(LIVES))
@pytest.mark.parametrize("kind", WISHES)
def test_every_program_makes_the_same_calls_on_an_object_and_on_what_stands_for_it(kind: str, life: int) -> None:
    rng = random.Random(f"{SEED} {kind} {life}")
    simulation = _begun(kind.partition(",")[0], WISHES[kind], rng)
    compared = ticks = 0
    for _ in range(MOVES):
        for entry in _entries(simulation):
            compared += _in_lockstep(entry, simulation, rng)
        ticks += _moved(simulation, rng, ticks)
    assert compared > MOVES


def _begun(mode: str, wish: Wish, rng: random.Random) -> Simulation:
    metadata = {"namespace": NAMESPACE, "name": NAME}
    backup = Backup.from_json({"metadata": metadata, "spec": spec_json(mode, wish)})
    rate = rng.choice((0.0, 0.02, 0.1))
    return simulation_of(backup, lambda what: rng.random() < rate, lambda item, author: None, CLUSTER)


def _moved(simulation: Simulation, rng: random.Random, ticks: int) -> int:
    """One move, or a tick; pods die, and a user changes his mind at times. 1 where the clock ticked."""
    moves = simulation.moves()
    actors = [actor for actor in moves if actor != "partition" and (actor != "fault" or rng.random() < 0.2)]
    if ticks < TICKS and (not actors or rng.random() < 0.04):
        simulation.wait(TICK)
        return 1
    if actors:
        simulation.make(rng.choice(moves[rng.choice(actors)]))
    if simulation.server.backup is not None and rng.random() < 0.02:
        simulation.edit(logSubcommand=rng.choice(("log-start", "log-pause", "log-stop")))
    return 0


def _entries(simulation: Simulation) -> Iterator[tuple[Entry, Entry]]:
    """What could run now, and the same on what stands for it."""
    now = simulation.now.seconds
    for pointer in simulation.operator.cache.backups.values():
        stands = backup_of(held_of(pointer.object, now))
        yield BackupEvent(pointer.object, 1), BackupEvent(stands, 1)
    yield Work(KEY), Work(KEY)
    if simulation.operator.tracked:
        yield TrackerTick(KEY), TrackerTick(KEY)
    for job in simulation.server.jobs.values():
        arguments = arguments_of_pod(job.to_json()["spec"]["template"]["spec"]["containers"][0]["args"])
        yield PodStart(arguments), PodStart(arguments)


def _in_lockstep(entries: tuple[Entry, Entry], simulation: Simulation, rng: random.Random) -> int:
    """Both to their ends; how many calls there were."""
    runs = [Running(entry.program()) for entry in entries]
    first, second = (run.sent(None) for run in runs)
    calls = 0
    state = _Answers(simulation, rng, isinstance(entries[0], PodStart))
    while isinstance(first, Call):
        assert isinstance(second, Call), f"{first} against {second}"
        assert _held_call(first, simulation.now.seconds) == _held_call(second, at_second(1_700_000_000).seconds)
        answer, stands = state.answer(first)
        first, second = runs[0].sent(answer), runs[1].sent(stands)
        calls += 1
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert first.result == second.result
    return calls


def _held_call(call: Call, now: int) -> tuple[Any, ...]:
    """A call with its arguments as they are held."""
    match call:
        case UpdateBackup(backup) | EditCached(_, _, backup):
            return type(call), held_of(backup, now)._replace(current=True)
        case CreateJob(job):
            return type(call), held_job(job)
        case DeleteJob((_, name)) | CachedJob((_, name)):
            return type(call), name
        case Perform(step, detail):
            return type(call), step, detail
    return (type(call),)


class _Answers:
    """Gives a call its answer from the simulated cluster, and what stands for it."""

    def __init__(self, simulation: Simulation, rng: random.Random, in_pod: bool) -> None:
        self._simulation, self._rng, self._in_pod = simulation, rng, in_pod
        self._now = simulation.now
        self._edited: dict[str, Any] = {}

    def answer(self, call: Call) -> tuple[Any, Any]:
        """Both."""
        match call:
            case Now():
                self._now = self._now.plus(1)
                return self._now, at_second(1_700_000_000)
            case EditCached(_, _, backup):
                self._edited["backup"] = backup
                return None, None
            case CachedBackup() | CachedPointer():
                return self._backup(isinstance(call, CachedPointer))
            case CachedJob(key):
                job = self._simulation.operator.cache.jobs.get(key)
                return job, job_of(SLOTS[key[1]], _held_job(job))
            case CachedCluster() | GetCluster():
                return CLUSTER, CLUSTER
            case ReadTracked(key):
                entry = self._simulation.operator.tracked.get(key)
                return entry, _tracked(entry, self._now)
            case UpdateBackup() | CreateJob() | DeleteJob():
                return self._both(self._refused())
            case Perform(step, _):
                return self._both(Metadata(1, 2, 3) if step == "read metadata" else self._refused())
            case QueryTask():
                return self._both(self._rng.choice((self._simulation.task.etcd(), Etcd(), Etcd(info="no answer"))))
            case CachedSecret():
                return None, None
        return None, None

    def _both(self, answer: Any) -> tuple[Any, Any]:
        return answer, answer

    def _refused(self) -> ApiError | None:
        return ApiError(Refused.CONFLICT, "stale") if self._rng.random() < 0.2 else None

    def _backup(self, pointed: bool) -> tuple[Any, Any]:
        """The cached object, for a program in a pod the stored one; an edit is seen by whoever reads again."""
        cached = self._simulation.operator.cache.backup(KEY)
        found = self._simulation.server.backup if self._in_pod else self._edited.get("backup", cached)
        if found is None:
            return None, None
        stands = backup_of(held_of(found, self._simulation.now.seconds))
        return ((found, 1), (stands, 1)) if pointed else (found, stands)


def _held_job(job: Job | None) -> HeldJob | None:
    if job is None:
        return None
    finished = FAILED if job.status.holds("Failed") else COMPLETE if job.status.holds("Complete") else ""
    stage = finished or (ACTIVE if job.status.start_time else CREATED)
    _, held = held_job(job)
    return held._replace(stage=stage, deleting=job.metadata.deletion_timestamp is not None)


def _tracked(entry: Tracked | None, now: Instant) -> Tracked | None:
    if entry is None:
        return None
    held = HeldTracked(entry.connected, entry.fresh_state(now), entry.inconsistent, entry.last_command)
    found: Tracked = concrete(held)
    return found
