"""The Kubernetes `Job` that runs one attempt of a backup, as far as its lifecycle needs it."""

from __future__ import annotations

from typing import Annotated, Literal

from fsm.model.base import NULL_LIST, Bool, Int, Model, NullAs
from fsm.model.instant import Time
from fsm.model.meta import Resource


class JobCondition(Model):
    """`Complete`, `Failed`, `FailureTarget`, `SuccessCriteriaMet`, `Suspended`, or what later versions add."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: Time | None = None
    last_probe_time: Time | None = None


class JobSpec(Model):
    """The fields that decide when a Job ends; the pod template stays plain data."""

    suspend: Bool | None = None
    backoff_limit: Int | None = None
    active_deadline_seconds: Int | None = None


class JobStatus(Model):
    """Counts of pods by what became of them; None where the API server sent none."""

    active: Int | None = None
    ready: Int | None = None
    succeeded: Int | None = None
    failed: Int | None = None
    terminating: Int | None = None
    start_time: Time | None = None
    completion_time: Time | None = None
    conditions: Annotated[tuple[JobCondition, ...], NULL_LIST] = ()

    def condition(self, type_: str) -> JobCondition | None:
        """The first condition of that type."""
        for one in self.conditions:
            if one.type == type_:
                return one
        return None

    def holds(self, type_: str) -> bool:
        """The first condition of that type is True."""
        found = self.condition(type_)
        return found is not None and found.status == "True"


NO_JOB_STATUS = JobStatus()


class Job(Resource):
    """A Job. The controller that owns it is `metadata.owner`."""

    kind: Literal["Job"] = "Job"
    spec: JobSpec = JobSpec()
    status: Annotated[JobStatus, NullAs(NO_JOB_STATUS)] = NO_JOB_STATUS
