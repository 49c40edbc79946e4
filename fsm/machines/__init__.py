"""The lifecycles, one a file, and the registry that every tool reads. Nothing else may know a transition."""

from fsm.kernel import Machine
from fsm.machines.effects import CreateJob, DeleteJob, RequeueAt
from fsm.machines.job import JOB, JobContext
from fsm.machines.log import COMMANDS, LOG, CommandState, LogContext
from fsm.machines.log_retry import LogPolicy
from fsm.machines.retry import Policy, Record, RunContext
from fsm.machines.snapshot import SNAPSHOT
from fsm.machines.volume_snapshot import VOLUME_SNAPSHOT

MACHINES: dict[str, Machine] = {machine.name: machine for machine in (SNAPSHOT, LOG, VOLUME_SNAPSHOT, JOB)}

__all__ = [
    "COMMANDS",
    "JOB",
    "LOG",
    "MACHINES",
    "SNAPSHOT",
    "VOLUME_SNAPSHOT",
    "CommandState",
    "CreateJob",
    "DeleteJob",
    "JobContext",
    "LogContext",
    "LogPolicy",
    "Policy",
    "Record",
    "RequeueAt",
    "RunContext",
]
