"""What the operator remembers of a log Backup that it tracks (operator-semantics 6.4). In memory only: a restart
forgets it. A value."""

from __future__ import annotations

from dataclasses import dataclass

from fsm.model import SECOND
from fsm.reference.instant import Instant
from fsm.reference.task import TaskState

REFRESH_PERIOD = 60 * SECOND
"""Nanoseconds: the period of the tracker's ticker, and how long a state that was queried is believed."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """One entry. `cluster` is the TidbCluster's key at registration, which is never looked up again.

    `state` is what the last query found, `refreshed_at` when. `inconsistent` and `last_command` belong to the double
    check of 6.5. `connected`: an etcd client was made, which is kept for ever.
    """

    cluster: tuple[str, str]
    connected: bool = False
    state: TaskState | None = None
    refreshed_at: Instant | None = None
    inconsistent: bool = False
    last_command: str = ""

    def fresh_state(self, now: Instant) -> TaskState | None:
        """What was queried less than a period ago."""
        if self.refreshed_at is None or now.since(self.refreshed_at) >= REFRESH_PERIOD:
            return None
        return self.state
