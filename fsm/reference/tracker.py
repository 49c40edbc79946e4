"""The tracker of log backups: which are tracked, and what a look at TiKV every 60 s does (operator-semantics 6.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fsm.model import Backup, Mode, Phase
from fsm.reference.calls import CachedPointer, GetCluster, Key, OpenEtcd, QueryTask, ReadTracked, WriteTracked
from fsm.reference.cluster import TidbCluster
from fsm.reference.instant import Instant
from fsm.reference.program import CallError, GoError, Handle, Program, now, where
from fsm.reference.task import Etcd, TaskState, task_state
from fsm.reference.tracked import Tracked
from fsm.reference.updater import ATTEMPTS, try_update_status
from fsm.reference.validate import cluster_key
from fsm.rules import Update

_OVER = (Phase.COMPLETE, Phase.STOPPED)


def track(handle: Handle) -> Program[None]:
    """Registration: with the TidbCluster by API, five quick attempts; one that is there already is left as it is."""
    backup = handle.backup
    if backup.mode != Mode.LOG or (yield ReadTracked(handle.key)) is not None:
        return
    cluster = yield from _fetched_cluster(backup)
    yield WriteTracked(handle.key, Tracked(cluster.key))


def _fetched_cluster(backup: Backup) -> Program[TidbCluster]:
    key = cluster_key(backup)
    for attempt in range(ATTEMPTS):
        try:
            cluster: TidbCluster = yield GetCluster(key)
        except CallError as error:
            if attempt == ATTEMPTS - 1:
                problem = f"get log backup {where(backup)} tidbcluster {'/'.join(key)} failed, err is {error}"
                raise GoError(problem) from None
        else:
            break
    return cluster


def track_at_start(backup: Backup) -> Program[None]:
    """When the operator starts each log backup is registered; one whose cluster cannot be fetched is left out (S12).

    One without `spec.br` crashes the operator (S15).
    """
    try:
        yield from track(Handle(backup))
    except GoError:
        return


@dataclass(frozen=True, slots=True)
class Query:
    """A look at TiKV: the entry with it, what was found, and when."""

    entry: Tracked
    state: TaskState
    at: Instant


def queried(handle: Handle, entry: Tracked) -> Program[Query]:
    """A fresh query, kept in the entry; without an etcd client it is an error. The client is made once (S10)."""
    if not entry.connected:
        try:
            yield OpenEtcd(entry.cluster)
        except CallError as error:
            raise GoError(f"get etcd client failed: {error}") from None
        entry = replace(entry, connected=True)
    etcd: Etcd = yield QueryTask(handle.backup.metadata.name)
    state = task_state(etcd)
    reading = yield from now()
    entry = replace(entry, state=state, refreshed_at=reading)
    yield from kept(handle.key, entry)
    return Query(entry, state, reading)


def kept(key: Key, entry: Tracked) -> Program[None]:
    """Change an entry; one that the ticker has removed meanwhile stays removed."""
    if (yield ReadTracked(key)) is not None:
        yield WriteTracked(key, entry)


def tick(key: Key) -> Program[None]:
    """One tick of a tracked Backup's ticker. Only while the phase is Running is anything looked at (S9)."""
    entry: Tracked | None = yield ReadTracked(key)
    if entry is None:
        return
    try:
        found: tuple[Backup, int] | None = yield CachedPointer(key)
    except CallError:
        return
    if found is None or _is_over(found[0]):
        yield WriteTracked(key, None)
    elif found[0].status.phase == Phase.RUNNING:
        yield from _refresh(Handle(*found), entry)


def _is_over(backup: Backup) -> bool:
    return backup.metadata.deletion_timestamp is not None or backup.status.phase in _OVER


def _refresh(handle: Handle, entry: Tracked) -> Program[None]:
    """Query, forget a difference that has gone, and write the checkpoint. The Backup is the cached object itself."""
    try:
        query = yield from queried(handle, entry)
    except GoError:
        return
    if query.entry.inconsistent and is_consistent(query.entry.last_command, query.state):
        yield WriteTracked(handle.key, replace(query.entry, inconsistent=False))
    if query.state.checkpoint > 0:
        reading = yield from now()
        update = Update(log_checkpoint_ts=str(query.state.checkpoint), time_synced=reading.seconds, reading=reading)
        yield from try_update_status(handle, None, update)


def is_consistent(command: str, state: TaskState) -> bool:
    """TiKV does what this command is for. A stop and a truncation are consistent with nothing (S16)."""
    return command in _CONSISTENT[state.kernel]


_CONSISTENT = {"running": ("log-start", "log-resume"), "paused": ("log-pause",)}
