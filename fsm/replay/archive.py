"""Where finished Backups wait for the report: a temporary SQLite database, so that they cost no memory.

What is said of a finished Backup and its Jobs no longer depends on the time, so it is kept ready. A finished Backup can
come back all the same, for a late item or its deletion: then it is taken out again.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from msgspec import json

_SCHEMA = """
create table backup
  (uid text primary key, namespace text, name text, seen integer, said blob, track blob) without rowid;
create table job
  (uid text primary key, owner text, namespace text, name text, seen integer, said blob) without rowid;
"""


class Place(NamedTuple):
    """Where an entry stands in the report: by namespace, name, first seen."""

    namespace: str
    name: str
    seen: int


class Archive:
    """Finished tracks by the uid of their Backup, and the uids of their Jobs. Private to one process; never shared."""

    def __init__(self, path: str = "") -> None:
        """`path` "" is a private file that disappears with the connection."""
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode = off")
        self._db.execute("pragma synchronous = off")
        self._db.execute("pragma cache_size = -1024")
        self._db.executescript(_SCHEMA)
        self.size = 0

    def put(self, uid: str, place: Place, said: Any, track: Any, jobs: Iterable[tuple[str, Place, Any]]) -> None:
        """Keep a track and what is said of it; `jobs` are (uid, place, what is said) of its Jobs."""
        blob = pickle.dumps(track, protocol=pickle.HIGHEST_PROTOCOL)
        self._db.execute("insert into backup values (?, ?, ?, ?, ?, ?)", (uid, *place, json.encode(said), blob))
        rows = [(job, uid, *where, json.encode(what)) for job, where, what in jobs]
        self._db.executemany("insert or replace into job values (?, ?, ?, ?, ?, ?)", rows)
        self.size += 1

    def take(self, uid: str) -> Any | None:
        """Take a track out again, None where it was never put."""
        if not self.size:
            return None
        found = self._db.execute("delete from backup where uid = ? returning track", (uid,)).fetchone()
        if found is None:
            return None
        self._db.execute("delete from job where owner = ?", (uid,))
        self.size -= 1
        return pickle.loads(found[0])

    def owner_of(self, job_uid: str) -> str | None:
        """The uid of the archived Backup that owns a Job."""
        if not self.size:
            return None
        found = self._db.execute("select owner from job where uid = ?", (job_uid,)).fetchone()
        return None if found is None else str(found[0])

    def tracks(self) -> Iterator[Any]:
        """Every track, by its place; each is read when it is its turn."""
        rows = self._db.execute("select track from backup order by namespace, name, seen")
        return (pickle.loads(blob) for (blob,) in rows)

    def backups(self) -> Iterator[tuple[Place, Any]]:
        """What is said of every Backup, by its place."""
        return self._said("backup")

    def jobs(self) -> Iterator[tuple[Place, Any]]:
        """What is said of every Job, by its place."""
        return self._said("job")

    def _said(self, table: str) -> Iterator[tuple[Place, Any]]:
        rows = self._db.execute(f"select namespace, name, seen, said from {table} order by namespace, name, seen")
        return ((Place(namespace, name, seen), json.decode(said)) for namespace, name, seen, said in rows)
