"""Which lifecycle a Backup has: a function of its mode alone."""

from __future__ import annotations

from fsm.adapter import log, snapshot, volume
from fsm.adapter.lifecycle import Lifecycle
from fsm.model import Backup, Mode

_BY_MODE: dict[str, Lifecycle] = {
    Mode.SNAPSHOT: snapshot.LIFECYCLE,
    Mode.LOG: log.LIFECYCLE,
    Mode.VOLUME: volume.LIFECYCLE,
}


def lifecycle_of(backup: Backup) -> Lifecycle:
    """The lifecycle of its mode; every unknown mode is run as a snapshot (operator-semantics 2.1)."""
    return _BY_MODE.get(backup.mode, snapshot.LIFECYCLE)
