"""Claims against vacuity: that every state of the charts occurs in the checked world. Data.

They are `sometimes` claims, one for each leaf of a chart. A test holds that all do but those in `UNREACHED`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from fsm.environment.catalogue import HOLDS, VIOLATED, Claim, Known
from fsm.environment.world import BESIDE, OPERATOR, Watch, Wish
from fsm.environment.world.outside import LIVE_BACKUP, job_part
from fsm.environment.world.slots import OF_MODE
from fsm.kernel import sometimes
from fsm.machines import MACHINES
from fsm.machines.log_retry import WAITING
from fsm.model import Mode

_ALIVE: Mapping[str, Mapping[str, int]] = {
    "snapshot": {"kill": 2, "faults": 1, "program": 1},
    "log": {"kill": 1, "edit": 1, "faults": 1, "program": 1},
}
_DELETED: Mapping[str, int] = {"kill": 1, "faults": 1, "program": 1, "delete": 1}
_RETRIED: Mapping[str, int] = {"kill": 2, "faults": 1, "pd": 1, "node": 1}
"""Budgets that suffice to come to every state, by mode, and for those of a deletion, and of the companion's retries."""

UNREACHED: Mapping[tuple[str, str], str] = {
    ("snapshot", "invalid"): "the spec of this world is valid",
    ("log", "invalid"): "the spec of this world is valid",
}
"""Leaves that do not occur, with the reason."""


def coverage_claims() -> tuple[Claim, ...]:
    """The claims about the charts of all modes."""
    return tuple(claim for mode in _ALIVE for claim in _claims(mode))


def _claims(mode: str) -> Iterator[Claim]:
    machine = MACHINES[mode]
    for state in machine.states:
        leaf = state.id
        if any(other.parent == leaf for other in machine.states):
            continue
        claim = sometimes(f"{mode}-{leaf}", f"the chart's state {leaf} occurs", _is_in(mode, leaf), own=True)
        if mode == Mode.LOG and leaf in WAITING:
            yield Claim(claim, mode, "Coverage", _RETRIED, {BESIDE: Known(HOLDS)}, Wish(), policy="brief")
            continue
        budgets = _DELETED if state.parent == "deleting" else _ALIVE[mode]
        known = Known(VIOLATED if (mode, leaf) in UNREACHED else HOLDS)
        yield Claim(claim, mode, "Coverage", budgets, {OPERATOR: known}, Wish(retries=1, timeout="3m", clean="Delete"))


def _is_in(mode: str, leaf: str) -> Callable[[Any], bool]:
    def is_in(view: Any) -> bool:
        parts = {LIVE_BACKUP: view[LIVE_BACKUP]}
        if parts[LIVE_BACKUP] is not None:
            parts |= {job_part(slot): view[job_part(slot)] for slot in OF_MODE[mode]}
        return leaf in _leaves(tuple(parts.items()))

    return is_in


@lru_cache(maxsize=1 << 18)
def _leaves(parts: tuple[tuple[str, Any], ...]) -> tuple[str, ...]:
    """A Backup that is gone is where its deletion ends."""
    seen = dict(parts)
    return ("gone",) if seen[LIVE_BACKUP] is None else Watch().seen(seen).configuration
