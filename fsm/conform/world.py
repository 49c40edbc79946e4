"""The world around the operator of a vector: API server, PD, storage, clock, and the operator's memory. A value.

The server behaves as docs/conformance.md says and no better: it stores what is written, deletes at once, and refuses
only what cannot be, with the texts of a fake clientset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import UNSET

from fsm.conform.shape import Changes, Contents, Given, Refresh, Task, by_key
from fsm.conform.times import START
from fsm.model import Backup, Job
from fsm.reference import (
    ApiError,
    Cache,
    Call,
    CreateClaim,
    CreateJob,
    DeleteJob,
    GetCluster,
    Instant,
    Key,
    Now,
    OpenEtcd,
    Operator,
    QueryTask,
    Refused,
    StorageHas,
    TidbCluster,
    TrackerStart,
    UpdateBackup,
    WriteVolumeMetadata,
    at_second,
    run,
)

VOLUME_METADATA = "clustermeta"


@dataclass(frozen=True, slots=True)
class Server:
    """What the API server holds. Secrets are read from informers only."""

    backup: Backup | None = None
    jobs: Mapping[Key, Job] = field(default_factory=dict)
    clusters: Mapping[Key, TidbCluster] = field(default_factory=dict)
    claims: Mapping[Key, str] = field(default_factory=dict)

    def holding(self, contents: Contents) -> Server:
        """The same with what is said."""
        changes: dict[str, Any] = {}
        if contents.backup is not UNSET:
            changes["backup"] = contents.backup
        if contents.jobs is not UNSET:
            changes["jobs"] = {each.key: each for each in contents.jobs}
        if contents.clusters is not UNSET:
            changes["clusters"] = {each.whole.key: each.whole for each in contents.clusters}
        if contents.claims is not UNSET:
            changes["claims"] = {key: each.storage for key, each in by_key(contents.claims).items()}
        return replace(self, **changes)

    def answered(self, call: Call) -> tuple[Server, Any]:
        """The server after a call, and its answer: a value, or an ApiError where it cannot be done."""
        match call:
            case UpdateBackup(backup):
                if self.backup is None or self.backup.key != backup.key:
                    return self, _not_found("backups.pingcap.com", backup.key)
                return replace(self, backup=backup), None
            case CreateJob(job):
                if job.key in self.jobs:
                    return self, _exists("jobs.batch", job.key)
                return replace(self, jobs={**self.jobs, job.key: job}), None
            case DeleteJob(key):
                if key not in self.jobs:
                    return self, _not_found("jobs.batch", key)
                return replace(self, jobs={each: job for each, job in self.jobs.items() if each != key}), None
            case GetCluster(key):
                return self, self.clusters.get(key) or _not_found("tidbclusters.pingcap.com", key)
            case CreateClaim(key, storage):
                if key in self.claims:
                    return self, _exists("persistentvolumeclaims", key)
                return replace(self, claims={**self.claims, key: storage}), None
        raise TypeError(f"no API server answers {call}")


def _not_found(resource: str, key: Key) -> ApiError:
    return ApiError(Refused.NOT_FOUND, f'{resource} "{key[1]}" not found')


def _exists(resource: str, key: Key) -> ApiError:
    return ApiError(Refused.ALREADY_EXISTS, f'{resource} "{key[1]}" already exists')


@dataclass(frozen=True, slots=True)
class World:
    """All that a run can meet. `clock` is the last reading; every reading is one nanosecond later."""

    server: Server
    operator: Operator
    task: Task
    storage: frozenset[str]
    clock: Instant

    def answered(self, call: Call) -> tuple[World, Any]:
        """The world after a call, and the answer."""
        if self.operator.answers(call):
            clock = self.clock.plus(1) if isinstance(call, Now) else self.clock
            operator, answer = self.operator.answered(call, clock)
            return replace(self, operator=operator, clock=clock), answer
        match call:
            case OpenEtcd():
                return self, ApiError(Refused.INTERNAL, self.task.unreachable) if self.task.unreachable else None
            case QueryTask():
                return self, self.task.etcd
            case StorageHas(name):
                return self, name in self.storage
            case WriteVolumeMetadata():
                return self._with_volume_metadata()
        server, answer = self.server.answered(call)
        return replace(self, server=server), answer

    def _with_volume_metadata(self) -> tuple[World, Any]:
        if VOLUME_METADATA in self.storage:
            text = f"FileExistedInExternalStorage: {VOLUME_METADATA} exist"
            return self, ApiError(Refused.ALREADY_EXISTS, text)
        return replace(self, storage=self.storage | {VOLUME_METADATA}), None

    # ---------------------------------------------------------------- what happens without the operator

    def changed(self, changes: Changes) -> World:
        """After a `set`."""
        world = replace(self, server=self.server.holding(changes.server))._with_cache(
            _held(self.operator.cache, changes.cache)
        )
        if changes.task is not UNSET:
            world = replace(world, task=changes.task)
        if changes.storage is not UNSET:
            world = replace(world, storage=changes.storage)
        return world

    def refreshed(self, refresh: Refresh) -> World:
        """After these informers have caught up: a new object, read from JSON, so that its times are whole seconds."""
        world = self
        for each in refresh.refresh:
            world = world._with_cache(_CAUGHT_UP[each](world.operator.cache, world.server))
        return world

    def _with_cache(self, cache: Cache) -> World:
        return replace(self, operator=replace(self.operator, cache=cache))


def _held(cache: Cache, contents: Contents) -> Cache:
    """The informers with what is said."""
    if contents.backup is not UNSET:
        cache = _with_backup(cache, contents.backup)
    if contents.jobs is not UNSET:
        cache = cache.with_jobs(contents.jobs)
    if contents.clusters is not UNSET:
        cache = cache.with_clusters(each.whole for each in contents.clusters)
    if contents.secrets is not UNSET:
        secrets = {key: frozenset(each.keys) for key, each in by_key(contents.secrets).items()}
        cache = replace(cache, secrets=secrets)
    if contents.claims is not UNSET:
        cache = replace(cache, claims={key: each.storage for key, each in by_key(contents.claims).items()})
    return cache


def _with_backup(cache: Cache, backup: Backup | None) -> Cache:
    """The one Backup of a vector is this, or there is none."""
    return replace(cache, backups={}) if backup is None else cache.with_backup(backup)


def _with_backup_read(cache: Cache, server: Server) -> Cache:
    return _with_backup(cache, None if server.backup is None else Backup.from_json(server.backup.to_json()))


def _with_jobs_read(cache: Cache, server: Server) -> Cache:
    return cache.with_jobs(Job.from_json(each.to_json()) for each in server.jobs.values())


def _with_clusters_read(cache: Cache, server: Server) -> Cache:
    return cache.with_clusters(server.clusters.values())


_CAUGHT_UP = {"backup": _with_backup_read, "jobs": _with_jobs_read, "clusters": _with_clusters_read}


def world_of(given: Given) -> World:
    """The world in which a vector begins: the operator was just started, and tracks what it found."""
    cache = _held(Cache(), given.cache.over(given.server))
    operator = Operator(cache)
    world = World(Server().holding(given.server), operator, given.task, given.storage, at_second(START))
    backup = world.server.backup
    if backup is None or backup.spec.br is None:
        return world
    started = _Underway(world)
    run(TrackerStart(backup), started.answer)
    return started.world


class _Underway:
    """A world in which something runs without faults."""

    def __init__(self, world: World) -> None:
        self.world = world

    def answer(self, call: Call) -> Any:
        self.world, answer = self.world.answered(call)
        return answer
