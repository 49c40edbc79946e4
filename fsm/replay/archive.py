"""Where finished Backups wait for the report: a temporary SQLite database, so that they cost no memory.

A finished Backup can come back: a late item, or its deletion. Then it is taken out again.
"""

from __future__ import annotations

import json
import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

_SCHEMA = """
create table backup (uid text primary key, namespace text, name text, seen integer, track blob) without rowid;
create table job (uid text primary key, owner text) without rowid;
create table line (namespace text, name text, text text);
"""


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

    def put(self, uid: str, order: tuple[str, str, int], jobs: Iterable[str], track: Any) -> None:
        """Keep a track; `order` is (namespace, name, first seen)."""
        blob = pickle.dumps(track, protocol=pickle.HIGHEST_PROTOCOL)
        self._db.execute("insert into backup values (?, ?, ?, ?, ?)", (uid, *order, blob))
        self._db.executemany("insert or replace into job values (?, ?)", [(job, uid) for job in jobs])
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
        """Every track, in order of namespace, name, first seen; each is read when it is its turn."""
        rows = self._db.execute("select track from backup order by namespace, name, seen")
        for (blob,) in rows:
            yield pickle.loads(blob)

    def ordered(self, entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """JSON entries in order of namespace and name, equal ones as they came; on disk, however many they are."""
        self._db.execute("delete from line")
        rows = ((entry["namespace"], entry["name"], json.dumps(entry)) for entry in entries)
        self._db.executemany("insert into line values (?, ?, ?)", rows)
        for (text,) in self._db.execute("select text from line order by namespace, name, rowid"):
            yield json.loads(text)
