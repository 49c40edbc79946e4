"""What the chart and the verdicts say of a state of the checked world, from its objects alone, as `explain` would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fsm.adapter import Observation, SeenJob, lifecycle_of, verdicts_of
from fsm.environment.world.held import NOW, Held, backup_of
from fsm.environment.world.outside import LIVE_BACKUP, job_part
from fsm.environment.world.slots import OF_MODE, job_of
from fsm.errors import InputError
from fsm.model import Job


class Charted(NamedTuple):
    """`configuration`: the active leaves, () where the Backup is gone or no state explains it."""

    configuration: tuple[str, ...]
    verdict: str
    because: str
    escape: str


GONE = Charted((), "done", "the Backup is gone", "")


class Watch:
    """Who looks at one state after the other, and remembers the Jobs that it has seen go."""

    def __init__(self) -> None:
        self._jobs: dict[str, SeenJob] = {}

    def seen(self, parts: Mapping[str, Any], later: int = 0) -> Charted:
        """What is said of a state, given by part, so many seconds later."""
        held: Held | None = parts[LIVE_BACKUP]
        if held is None:
            return GONE
        backup = backup_of(held._replace(current=True))
        for slot in OF_MODE[held.mode]:
            self._look(slot, job_of(slot, parts[job_part(slot)]))
        observation = Observation(backup, tuple(self._jobs.values()))
        lifecycle = lifecycle_of(backup)
        try:
            state = lifecycle.state_of(observation)
        except InputError as error:
            return Charted((), "uncertain", str(error), "")
        found = verdicts_of(lifecycle, observation, state, NOW + later).backup
        leaves = lifecycle.machine.leaves(state.configuration)
        return Charted(leaves, str(found.verdict), found.because, found.escape or "")

    def _look(self, slot: str, job: Job | None) -> None:
        known = self._jobs.get(slot)
        if job is not None:
            self._jobs[slot] = SeenJob(job)
        elif known is not None and not known.gone:
            self._jobs[slot] = SeenJob(known.job, NOW)
