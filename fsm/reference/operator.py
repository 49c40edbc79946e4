"""The operator's process as a value (operator-semantics 0): what it remembers, and what it answers itself.

A crash is `Operator()`: everything here is forgotten, and read again from the API server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fsm.reference.cache import Cache
from fsm.reference.calls import (
    CachedBackup,
    CachedClaim,
    CachedCluster,
    CachedJob,
    CachedPointer,
    CachedSecret,
    Call,
    EditCached,
    Key,
    Local,
    Now,
    QueueCall,
    ReadTracked,
    WriteTracked,
)
from fsm.reference.instant import Instant
from fsm.reference.queue import WorkQueue
from fsm.reference.tracked import Tracked


@dataclass(frozen=True, slots=True)
class Operator:
    """Its informer cache, its tracker, its work queue."""

    cache: Cache = field(default_factory=Cache)
    tracked: Mapping[Key, Tracked] = field(default_factory=dict)
    queue: WorkQueue = field(default_factory=WorkQueue)

    def answers(self, call: Call) -> bool:
        """The call concerns nobody else."""
        return isinstance(call, Local | QueueCall)

    def answered(self, call: Call, reading: Instant) -> tuple[Operator, Any]:
        """The operator after a call of its own, and the answer. `reading` is the clock's."""
        match call:
            case Now():
                return self, reading
            case QueueCall():
                return replace(self, queue=self.queue.performed(call, reading)), None
            case EditCached(key, address, backup):
                return replace(self, cache=self.cache.edited(key, address, backup)), None
            case WriteTracked(key, entry):
                return replace(self, tracked=_with(self.tracked, key, entry)), None
        return self, self._read(call)

    def _read(self, call: Call) -> Any:
        match call:
            case CachedBackup(key):
                return self.cache.backup(key)
            case CachedPointer(key):
                pointer = self.cache.backups.get(key)
                return None if pointer is None else (pointer.object, pointer.address)
            case CachedJob(key):
                return self.cache.jobs.get(key)
            case CachedCluster(key):
                return self.cache.clusters.get(key)
            case CachedSecret(key):
                return self.cache.secrets.get(key)
            case CachedClaim(key):
                return self.cache.claims.get(key)
            case ReadTracked(key):
                return self.tracked.get(key)
        raise TypeError(f"{call} is not answered by the operator itself")


def _with(tracked: Mapping[Key, Tracked], key: Key, entry: Tracked | None) -> Mapping[Key, Tracked]:
    others = {each: value for each, value in tracked.items() if each != key}
    return others if entry is None else {**others, key: entry}
