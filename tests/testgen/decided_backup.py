"""Controllers to be held against the machines: what cluster and programs write as the operator's updater writes it.

Nothing here asks a chart. `DecidedBackup` lets our own decision act in the operator's place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fsm.adapter import Observation, PatchBackup, SeenJob, effects_of, job_state_of
from fsm.adapter.patches import patched
from fsm.adapter.snapshot import state_of
from fsm.kernel import Event, MachineState
from fsm.machines import SNAPSHOT
from fsm.model import Backup, Condition, Job, Phase, Pod, text_of
from fsm.rules import updated

OWNER = {"kind": "Backup", "name": "demo", "uid": "backup-uid", "controller": True}
WRITES = {
    "pod_preparing": Phase.PREPARE,
    "br_started": Phase.RUNNING,
    "completed": Phase.COMPLETE,
    "aborted": Phase.FAILED,
    "rejected": Phase.INVALID,
    "clean_started": Phase.CLEAN,
    "clean_refused": Phase.CLEAN_FAILED,
}
LOOKS = ("failure_recorded", "tick", "retry_due")
"""Events after which the decision is asked. `retry_due`: the operator wrote RetryFailed before it was relieved."""


def job_facts_of(state: MachineState) -> Any:
    """What a Job still tells: a deleted one is silent about its reason, and of a pod that failed before the Job did."""
    leaf, context = state.configuration[-1], state.context
    return leaf, context.reason if leaf in ("failing", "failed") else "", context.cause if leaf == "failed" else ""


def facts_of(state: MachineState) -> Any:
    """What can be read in objects without knowing anybody's words: no reasons, no messages."""
    context = state.context
    records = [(each.number, each.detected, each.expected, each.real) for each in context.records]
    return " ".join(SNAPSHOT.leaves(state.configuration)), context.attempt, context.job, records


class DecidedBackup:
    """A snapshot backup, its Jobs, and our decision, asked whenever the machine hears of time or of a failure."""

    def reset(self) -> None:
        self.backup = Backup.from_json(
            {
                "metadata": {"namespace": "ns", "name": "demo", "uid": "backup-uid", "resourceVersion": "1"},
                "spec": {"br": {"cluster": "basic"}, "s3": {"bucket": "b", "provider": "aws"}},
            }
        )
        self.job: SeenJob | None = None
        self.gone_at: int | None = None

    def state(self) -> Any:
        return facts_of(state_of(self._observation()))

    def _observation(self) -> Observation:
        return Observation(self.backup, () if self.job is None else (self.job,), gone_at=self.gone_at)

    def send(self, event: Event) -> Iterable[Any] | None:
        if event.name == "retry_due":
            self._write(Phase.RETRY_FAILED, event._replace(reason="RetryFailedBackup"))
        if event.name in LOOKS:
            return self._look(event.at)
        if event.name in WRITES:
            self._write(WRITES[event.name], event)
        elif event.name == "job_created":
            self.job = SeenJob(job_of("backup-demo", event.uid, event.at))
            self._write(Phase.SCHEDULED, event._replace(reason="", message=""))
        elif event.name == "job_failed" and self.job is not None:
            self.job = SeenJob(failed(self.job.job, event))
        elif event.name == "job_vanished" and self.job is not None:
            self.job = SeenJob(self.job.job, event.at)
        elif event.name == "deletion_requested":
            metadata = self.backup.metadata.with_(deletion_timestamp=text_of(event.at))
            self.backup = self.backup.with_(metadata=metadata)
        elif event.name == "deleted":
            self.gone_at = event.at
        return None

    def _look(self, now: int) -> list[Any]:
        """Decide, write the patch, and hand out the rest."""
        effects = effects_of(self._observation(), None, now)
        for effect in effects:
            if isinstance(effect, PatchBackup):
                self.backup = Backup.from_json(patched(self.backup.to_json(), effect.body))
        return [effect for effect in effects if not isinstance(effect, PatchBackup)]

    def _write(self, phase: Phase, event: Event) -> None:
        status = "False" if phase is Phase.CLEAN else "True"
        condition = Condition(type=phase, status=status, reason=event.reason, message=event.message)
        self.backup = updated(self.backup, condition, None, event.at)[0]


def job_of(name: str, uid: str, at: int) -> Job:
    """A Job as it was just created."""
    metadata = {"namespace": "ns", "name": name, "uid": uid, "creationTimestamp": text_of(at)}
    return Job.from_json({"metadata": {**metadata, "ownerReferences": [OWNER]}, "status": {}})


def with_condition(job: Job, type_: str, event: Event, status: str = "True") -> Job:
    """The Job with one more condition, or with another status of one."""
    data = job.to_json()
    said = {"type": type_, "status": status, "reason": event.reason, "lastTransitionTime": text_of(event.at)}
    others = [each for each in data.get("status", {}).get("conditions", []) if each["type"] != type_]
    return Job.from_json({**data, "status": {**data.get("status", {}), "conditions": [*others, said]}})


def failed(job: Job, event: Event) -> Job:
    """The Job once it has failed."""
    return with_condition(job, "Failed", event)


class JobObject:
    """A Job as its controller writes it, with the pod of which the cause is read."""

    def reset(self) -> None:
        self.job = job_of("backup-demo", "job-1", 1_800_000_000)
        self.pods: list[Pod] = []
        self.deleted_at: int | None = None

    def state(self) -> Any:
        return job_facts_of(job_state_of(SeenJob(self.job, self.deleted_at), self.pods))

    def send(self, event: Event) -> None:
        conditions = {"job_failing": "FailureTarget", "job_failed": "Failed", "job_succeeded": "Complete"}
        if event.name in conditions:
            self.job = with_condition(self.job, conditions[event.name], event)
        elif event.name == "job_suspended":
            self.job = self._started(None)
            self.job = with_condition(self.job, "Suspended", event)
        elif event.name == "job_started":
            self.job = self._started(text_of(event.at))
            self.job = with_condition(self.job, "Suspended", event, "False")
        elif event.name == "pod_failed":
            self.pods = [killed_pod(event.reason)]
        elif event.name == "deletion_requested":
            self.job = self.job.with_(metadata=self.job.metadata.with_(deletion_timestamp=text_of(event.at)))
        elif event.name == "deleted":
            self.deleted_at = event.at

    def _started(self, at: str | None) -> Job:
        data = self.job.to_json()
        status = {key: value for key, value in data.get("status", {}).items() if key != "startTime"}
        return Job.from_json({**data, "status": {**status, **({"startTime": at} if at else {})}})


def killed_pod(reason: str) -> Pod:
    """The Job's pod, with a container that ended for this reason."""
    owner = {"kind": "Job", "name": "backup-demo", "uid": "job-1", "controller": True}
    ended = {"name": "backup", "state": {"terminated": {"exitCode": 1, "reason": reason}}}
    metadata = {"namespace": "ns", "name": "p", "uid": "p-1", "ownerReferences": [owner]}
    return Pod.from_json({"metadata": metadata, "status": {"phase": "Failed", "containerStatuses": [ended]}})
