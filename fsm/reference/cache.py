"""The informer cache, an object of its own (operator-semantics 0). A value: every change is a copy.

Handlers get the very objects that lie in it, by address, and edit them in place; a watch event puts a new object at a
new address, after which edits of the old one show nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from fsm.model import Backup, Job
from fsm.reference.calls import Key
from fsm.reference.cluster import TidbCluster

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pointer(Generic[T]):
    """An object and where it lies."""

    address: int
    object: T


@dataclass(frozen=True, slots=True)
class Cache:
    """What the informers hold. `secrets` maps to the keys that have a value, `claims` to the storage asked for.

    `addresses` counts the addresses given out: none is used twice.
    """

    backups: Mapping[Key, Pointer[Backup]] = field(default_factory=dict)
    jobs: Mapping[Key, Job] = field(default_factory=dict)
    clusters: Mapping[Key, TidbCluster] = field(default_factory=dict)
    secrets: Mapping[Key, frozenset[str]] = field(default_factory=dict)
    claims: Mapping[Key, str] = field(default_factory=dict)
    addresses: int = 0

    def with_backup(self, backup: Backup) -> Cache:
        """A watch event delivered this object."""
        pointer = Pointer(self.addresses + 1, backup)
        return replace(self, backups={**self.backups, backup.key: pointer}, addresses=pointer.address)

    def without_backup(self, key: Key) -> Cache:
        """A watch event said that it is gone."""
        return replace(self, backups=_without(self.backups, key))

    def with_job(self, job: Job) -> Cache:
        return replace(self, jobs={**self.jobs, job.key: job})

    def without_job(self, key: Key) -> Cache:
        return replace(self, jobs=_without(self.jobs, key))

    def with_jobs(self, jobs: Iterable[Job]) -> Cache:
        """A list: these and no others."""
        return replace(self, jobs={job.key: job for job in jobs})

    def with_clusters(self, clusters: Iterable[TidbCluster]) -> Cache:
        """A list: these and no others."""
        return replace(self, clusters={cluster.key: cluster for cluster in clusters})

    def backup(self, key: Key) -> Backup | None:
        """What a lister answers."""
        pointer = self.backups.get(key)
        return None if pointer is None else pointer.object

    def edited(self, key: Key, address: int, backup: Backup) -> Cache:
        """The object at the address now reads like this; nobody sees it if another lies in the cache."""
        pointer = self.backups.get(key)
        if pointer is None or pointer.address != address:
            return self
        return replace(self, backups={**self.backups, key: Pointer(address, backup)})


def _without(mapping: Mapping[Key, T], key: Key) -> Mapping[Key, T]:
    return {each: value for each, value in mapping.items() if each != key}
