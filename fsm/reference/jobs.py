"""How the operator looks at Jobs: by name in its cache, and by their conditions (operator-semantics 2.8 and 4.6)."""

from __future__ import annotations

from fsm.model import Backup, Job
from fsm.reference.calls import CachedJob, DeleteJob
from fsm.reference.program import CallError, GoError, Program, where

_ENDS = frozenset({"Failed", "Complete"})


def is_finished(job: Job) -> bool:
    """A condition Failed or Complete is True."""
    return any(each.type in _ENDS and each.status == "True" for each in job.status.conditions)


def has_ended(job: Job) -> bool:
    """A condition Failed or Complete is there; in volume mode the operator does not ask for its status (S24)."""
    return any(each.type in _ENDS for each in job.status.conditions)


def failed_reason(job: Job) -> str | None:
    """The reason of the first condition Failed that is True; None where there is none."""
    found = (each for each in job.status.conditions if each.type == "Failed" and each.status == "True")
    return next((each.reason for each in found), None)


def cached_job(backup: Backup, name: str, what: str = "job") -> Program[Job | None]:
    """The Job of that name beside the Backup, whoever owns it (S19); a lister that fails is a plain error."""
    try:
        job: Job | None = yield CachedJob((backup.metadata.namespace, name))
    except CallError as error:
        raise GoError(f"backup {where(backup)} get {what} {name} failed, err: {error}") from None
    return job


def delete_job(backup: Backup, name: str, what: str = "job") -> Program[None]:
    """Delete it; an error is a plain one."""
    try:
        yield DeleteJob((backup.metadata.namespace, name))
    except CallError as error:
        raise GoError(f"backup {where(backup)} delete {what} {name} failed, err: {error}") from None
