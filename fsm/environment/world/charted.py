"""What the chart and the verdicts say of a state of the checked world, from its objects alone, as `explain` would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fsm.adapter import Observation, SeenJob, lifecycle_of, verdicts_of
from fsm.environment.world.held import NOW, Held, backup_of
from fsm.environment.world.outside import LIVE_BACKUP, job_part
from fsm.environment.world.slots import OF_MODE, job_of
from fsm.errors import InputError

SOON = 3600
"""Seconds after which every deadline has passed: a state in which nothing moves any more is looked at then."""


class Charted(NamedTuple):
    """`configuration`: the active leaves, () where the Backup is gone or no state explains it."""

    configuration: tuple[str, ...]
    verdict: str
    because: str
    escape: str


GONE = Charted((), "done", "the Backup is gone", "")


def charted(parts: Mapping[str, Any], later: int = 0) -> Charted:
    """Of a state, given by part: what is seen of it so many seconds later."""
    held: Held | None = parts[LIVE_BACKUP]
    if held is None:
        return GONE
    backup = backup_of(held._replace(current=True))
    jobs = [job_of(slot, parts[job_part(slot)]) for slot in OF_MODE[held.mode]]
    observation = Observation(backup, tuple(SeenJob(job) for job in jobs if job is not None))
    lifecycle = lifecycle_of(backup)
    try:
        state = lifecycle.state_of(observation)
    except InputError as error:
        return Charted((), "uncertain", str(error), "")
    found = verdicts_of(lifecycle, observation, state, NOW + later).backup
    return Charted(lifecycle.machine.leaves(state.configuration), str(found.verdict), found.because, found.escape or "")
