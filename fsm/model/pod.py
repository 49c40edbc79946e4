"""The pod of a backup Job: why a Job failed is written here, or nowhere."""

from __future__ import annotations

from typing import Annotated, Literal

from fsm.model.base import NULL_LIST, Int, Model, NullAs
from fsm.model.instant import Time
from fsm.model.meta import Resource


class Waiting(Model):
    """A container that has not started: `ImagePullBackOff`, `CreateContainerConfigError`, …"""

    reason: str = ""
    message: str = ""


class Running(Model):
    """A container that runs."""

    started_at: Time | None = None


class Terminated(Model):
    """A container that ended: `OOMKilled`, `Error`, `Completed`, …"""

    exit_code: Int = 0
    reason: str = ""
    message: str = ""
    started_at: Time | None = None
    finished_at: Time | None = None


class ContainerState(Model):
    """At most one of the three is there; none means waiting."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


NO_STATE = ContainerState()


class ContainerStatus(Model):
    """What became of one container."""

    name: str = ""
    image: str = ""
    restart_count: Int = 0
    state: Annotated[ContainerState, NullAs(NO_STATE)] = NO_STATE


class PodCondition(Model):
    """`PodScheduled`, `Ready`, `DisruptionTarget`, …"""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: Time | None = None


class PodSpec(Model):
    """Where the pod runs; everything else of the spec stays plain data."""

    node_name: str = ""


class PodStatus(Model):
    """What the kubelet and the pod's controllers report."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    start_time: Time | None = None
    conditions: Annotated[tuple[PodCondition, ...], NULL_LIST] = ()
    container_statuses: Annotated[tuple[ContainerStatus, ...], NULL_LIST] = ()
    init_container_statuses: Annotated[tuple[ContainerStatus, ...], NULL_LIST] = ()

    def condition(self, type_: str) -> PodCondition | None:
        """The first condition of that type."""
        for one in self.conditions:
            if one.type == type_:
                return one
        return None


NO_POD_STATUS = PodStatus()


class Pod(Resource):
    """A pod. The Job that owns it is `metadata.owner`."""

    kind: Literal["Pod"] = "Pod"
    spec: PodSpec = PodSpec()
    status: Annotated[PodStatus, NullAs(NO_POD_STATUS)] = NO_POD_STATUS
