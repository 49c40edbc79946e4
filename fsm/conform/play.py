"""Lets a vector happen: one outcome for each run, in the words of `then` (docs/conformance.md). Pure.

A fault of the reference itself is an outcome too, which conforms to nothing: one bad vector must not hide the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from fsm.conform.shape import Event, Fault, Given, Happening, JobDeleted, Pod, Refresh, Run, Set, Step, Tick
from fsm.conform.times import rendered
from fsm.conform.world import World, world_of
from fsm.errors import InputError, Place
from fsm.model import Backup, Job
from fsm.reference import (
    KEYS,
    Add,
    AddRateLimited,
    ApiError,
    BackupEvent,
    Call,
    CreateClaim,
    CreateJob,
    DeleteJob,
    Done,
    Entry,
    Forget,
    GetCluster,
    JobDeletion,
    Key,
    Metadata,
    Perform,
    PodStart,
    QueryTask,
    Refused,
    Result,
    Tombstone,
    TrackerTick,
    UpdateBackup,
    Work,
    arguments_of_pod,
    run,
)

CRASH = "crash"
"""The result where the reference itself went wrong. No vector expects it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call, and the answer it got."""

    call: Call
    answer: Any


@dataclass(frozen=True, slots=True)
class Played:
    """A run: its place in `when`, everything that was asked in it, and its outcome as `then` has it."""

    index: int
    asked: tuple[Asked, ...]
    outcome: dict[str, Any]


def played(given: Given, when: Sequence[Happening]) -> Iterator[Played]:
    """The runs in order. An event without a cached object to deliver is an InputError."""
    world = world_of(given)
    key = _key(given, when)
    for index, happening in enumerate(when):
        match happening:
            case Set(set=changes):
                world = world.changed(changes)
            case Refresh():
                world = world.refreshed(happening)
            case _:
                running = _Running(world, happening)
                result = running.result(_entry(happening, world, key, f"when[{index}]"))
                world = running.world
                yield Played(index, tuple(running.asked), _outcome(running.asked, result, world))


def _key(given: Given, when: Sequence[Happening]) -> Key:
    """The key of the vector's one Backup; of a vector that has none any will do."""
    contents = [given.server, given.cache]
    for each in when:
        if isinstance(each, Set):
            contents += [each.set.server, each.set.cache]
    return next((each.backup.key for each in contents if isinstance(each.backup, Backup)), ("", ""))


def _entry(happening: Run, world: World, key: Key, path: str) -> Entry:
    """What wakes the operator."""
    match happening:
        case Event():
            return _event(happening, world, key, path)
        case JobDeleted(job=Job() as job, tombstone=False):
            return JobDeletion(job)
        case JobDeleted():
            return JobDeletion(Tombstone())
        case Tick():
            return TrackerTick(key)
        case Pod(args=args):
            return _pod(args, path)
    return Work(key)


def _event(happening: Event, world: World, key: Key, path: str) -> Entry:
    if happening.tombstone:
        return BackupEvent(Tombstone())
    if happening.object is not None:
        return BackupEvent(happening.object)
    cached = world.operator.cache.backups.get(key)
    if cached is None:
        expected = "a cached Backup, object, or tombstone"
        raise InputError("found an event, but no Backup is cached then", expected=expected, place=Place(path=path))
    return BackupEvent(cached.object, cached.address)


def _pod(args: Sequence[str], path: str) -> Entry:
    try:
        return PodStart(arguments_of_pod(args))
    except InputError as error:
        raise InputError(error.problem, expected=error.expected, place=Place(path=f"{path}.args")) from None


class _Running:
    """A run underway: it answers calls, with the faults that are due, and notes them."""

    def __init__(self, world: World, happening: Run) -> None:
        self.world = world
        self.asked: list[Asked] = []
        self._pod = happening if isinstance(happening, Pod) else None
        self._faults: dict[tuple[str, int], Fault] = {(each.call, each.nth): each for each in happening.answers}
        self._counts: Counter[str] = Counter()

    def result(self, entry: Entry) -> dict[str, Any]:
        """Run to the end: how it ended. Of a program's error only the exit code is known."""
        result = outcome_or_crash(lambda: _result(run(entry, self._answer)))
        return result | {"message": ""} if self._pod and result["result"] == Result.ERROR else result

    def _answer(self, call: Call) -> Any:
        fault = self._due(call)
        answer: Any = None
        if isinstance(call, Perform):
            answer = _yielded(self._pod.step(call.step) if self._pod else Step())
        elif fault is None or fault.performed:
            self.world, answer = self.world.answered(call)
            if self._pod and isinstance(call, UpdateBackup):
                self.world = self.world.refreshed(Refresh(("backup",)))
        if fault is not None:
            answer = ApiError(fault.error, fault.message)
        self.asked.append(Asked(call, answer))
        return answer

    def _due(self, call: Call) -> Fault | None:
        kind = kind_of(call)
        if kind is None:
            return None
        self._counts[kind] += 1
        return self._faults.get((kind, self._counts[kind]))


def _yielded(step: Step) -> Any:
    if step.error is not UNSET:
        return ApiError(Refused.INTERNAL, step.error)
    if step.metadata is not UNSET:
        return Metadata(step.metadata.start_version, step.metadata.end_version, step.metadata.size)
    return step.text if step.sizes is UNSET else step.sizes


def outcome_or_crash(outcome: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What it yields; an error, whatever it is, becomes an outcome too, so that the other vectors are judged."""
    try:
        return outcome()
    except Exception as error:
        return {"result": CRASH, "message": f"{type(error).__name__}: {error}"}


def _result(done: Done) -> dict[str, Any]:
    return {"result": done.result.value, "message": done.message}


# ------------------------------------------------------------------ in the words of `then`


def _outcome(asked: Sequence[Asked], result: dict[str, Any], world: World) -> dict[str, Any]:
    cached = next((each.object for each in world.operator.cache.backups.values()), None)
    stored = world.server.backup
    return {
        "calls": [call_json(each) for each in asked if kind_of(each.call) is not None],
        "queue": [verb for each in asked if (verb := _VERBS.get(type(each.call)))],
        **result,
        "cached": {"backup": cached and _backup(cached)},
        "server": {"backup": stored and _backup(stored), "jobs": sorted(name for _, name in world.server.jobs)},
    }


_VERBS: dict[type[Call], str] = {Add: "add", AddRateLimited: "addRateLimited", Forget: "forget"}


def _backup(backup: Backup) -> dict[str, Any]:
    meta = backup.metadata
    return {
        "resourceVersion": meta.resource_version,
        "finalizers": list(meta.finalizers),
        "status": rendered(backup.status.to_json()),
    }


def _created(call: CreateJob) -> dict[str, Any]:
    job = call.job.to_json()
    pod = job["spec"]["template"]["spec"]
    return {
        "job": {
            "name": job["metadata"]["name"],
            "ownerReferences": [
                {name: each.get(name) for name in ("kind", "name", "uid", "controller")}
                for each in job["metadata"]["ownerReferences"]
            ],
            "backoffLimit": job["spec"].get("backoffLimit"),
            "activeDeadlineSeconds": job["spec"].get("activeDeadlineSeconds"),
            "restartPolicy": pod["restartPolicy"],
            "args": pod["containers"][0]["args"],
        }
    }


_CALLS: dict[type[Call], tuple[str, Callable[[Any], dict[str, Any]]]] = {
    UpdateBackup: ("update backups", lambda call: _backup(call.backup)),
    CreateJob: ("create jobs", _created),
    DeleteJob: ("delete jobs", lambda call: {"name": call.key[1], "propagationPolicy": "Foreground"}),
    GetCluster: ("get tidbclusters", lambda call: {"namespace": call.key[0], "name": call.key[1]}),
    QueryTask: ("get etcd", lambda call: {"keys": sorted(KEYS)}),
    CreateClaim: ("create persistentvolumeclaims", lambda call: {"name": call.key[1], "storage": call.storage}),
}


def kind_of(call: Call) -> str | None:
    """The word that vectors have for a call; None for those that they do not show."""
    found = _CALLS.get(type(call))
    return None if found is None else found[0]


def call_json(asked: Asked) -> dict[str, Any]:
    """A call as `calls` has it; one that was refused has the `error`, too."""
    kind, fields = _CALLS[type(asked.call)]
    refused = {"error": asked.answer.refused.value} if isinstance(asked.answer, ApiError) else {}
    return {"call": kind, **fields(asked.call), **refused}
