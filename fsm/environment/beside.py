"""The companion in the simulated cluster: it looks, decides, and performs its effects one by one, beside the operator.

Whoever drives it chooses when it looks, whether what it looked at is old by the time it acts, and when it dies.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fsm.adapter import Effect, Observation, PatchBackup, SeenJob, request_of
from fsm.adapter.observation import owned_by
from fsm.adapter.patches import DeleteJobRequest
from fsm.companion import Decision, decision_of
from fsm.environment import server as api
from fsm.environment.simulation import COMMIT_TS, Author, Simulation, Task, Who
from fsm.machines import RequeueAt
from fsm.model import Backup, LogBackupRetryPolicy, Pod
from fsm.reference import ApiError

COMPANION = Author(Who.COMPANION)


@dataclass
class Companion:
    """`policy` is in force where the Backup has none. `pods` tells it of pods, which only the cause rests on.

    `wake` is when it asked to come back (Unix seconds), None where only a change wakes it. `refused` counts effects
    that were refused.
    """

    policy: LogBackupRetryPolicy | None = None
    pods: dict[str, Pod] = field(default_factory=dict)
    sighting: Observation | None = None
    effects: list[Effect] = field(default_factory=list)
    wake: int | None = None
    refused: int = 0

    def look(self, simulation: Simulation, task_is_seen: bool = True) -> Decision:
        """Look at everything and decide; what was decided before and is not performed yet is forgotten."""
        self.crash()
        backup = simulation.server.backup
        if backup is None:
            return Decision()
        self.sighting = observed(simulation, backup)._replace(pods=tuple(self.pods.values()))
        if task_is_seen:
            self.sighting = with_task(self.sighting, simulation.task)
        decision = decision_of(self.sighting, self.policy, simulation.now.seconds)
        self.effects = [each for each in decision.effects if not isinstance(each, RequeueAt)]
        self.wake = next((each.at for each in decision.effects if isinstance(each, RequeueAt)), None)
        return decision

    def perform(self, simulation: Simulation) -> ApiError | None:
        """Perform the next effect; where it is refused the rest is dropped."""
        effect = self.effects.pop(0)
        assert self.sighting is not None
        error = self._sent(simulation, effect, self.sighting)
        if error is not None:
            self.refused += 1
            self.crash()
        return error

    def crash(self) -> None:
        """It forgets what it was about to do, which is all that it knows."""
        self.sighting, self.effects, self.wake = None, [], None

    def _sent(self, simulation: Simulation, effect: Effect, sighting: Observation) -> ApiError | None:
        request = request_of(effect, sighting)
        if isinstance(request, PatchBackup):
            return simulation.written(COMPANION, api.patched(simulation.server, request))
        assert isinstance(request, DeleteJobRequest)
        key, now = (request.namespace, request.name), simulation.now.seconds
        return simulation.written(COMPANION, api.job_deleted(simulation.server, key, now, request.uid))


def observed(simulation: Simulation, backup: Backup) -> Observation:
    """The Backup with the Jobs that its uid owns; neither pods nor the task."""
    jobs = simulation.server.jobs.values()
    return Observation(backup, tuple(SeenJob(job) for job in jobs if owned_by(job, backup.metadata.uid)))


def with_task(sighting: Observation, task: Task) -> Observation:
    """The sighting with the log task as it is in TiKV."""
    commit_ts = str(COMMIT_TS) if task.exists else ""
    return sighting._replace(task=task.standing, task_commit_ts=commit_ts, task_error=task.paused_by or "")
