"""Everything that was seen of one Backup, as a value. Who collects it, and how, is not known here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from fsm.model import Backup, Job, LogBackupRetryPolicy, Pod, seconds_of


class Task(StrEnum):
    """The log task inside TiKV, as far as it was observed. Unknown proves nothing."""

    UNKNOWN = "Unknown"
    ABSENT = "Absent"
    RUNNING = "Running"
    PAUSED = "Paused"


@dataclass(frozen=True, slots=True)
class SeenJob:
    """A Job as it was last seen, and what its Backup's state can depend on, read once.

    `deleted_at` is set once it was seen to be gone: the newest time that its last object tells (Unix seconds), so it
    went then or later, and two readers agree on it. `failed` is the condition Failed with status True, whatever else is
    said: what the operator looks at (operator-semantics 2.8). `created_at` is 0 where the object does not say.
    """

    job: Job
    deleted_at: int | None = None
    created_at: int = field(init=False, compare=False)
    failed: bool = field(init=False, compare=False)
    succeeded: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        status = self.job.status
        failed = status.holds("Failed")
        object.__setattr__(self, "created_at", time_of(self.job.metadata.creation_timestamp) or 0)
        object.__setattr__(self, "failed", failed)
        object.__setattr__(self, "succeeded", not failed and status.holds("Complete"))

    @property
    def uid(self) -> str:
        return self.job.metadata.uid

    @property
    def gone(self) -> bool:
        return self.deleted_at is not None

    @property
    def finished(self) -> bool:
        """It has failed or is complete."""
        return self.failed or self.succeeded

    @property
    def at_work(self) -> bool:
        """It is there and not finished; it may be on its way out."""
        return not (self.gone or self.finished)

    @property
    def vanished(self) -> bool:
        """It went before it had finished."""
        return self.gone and not self.finished

    @property
    def standing(self) -> tuple[bool, bool, bool, bool]:
        """All that the state of its Backup can depend on, beside its name and age."""
        deleting = self.job.metadata.deletion_timestamp is not None
        return self.deleted_at is not None, self.failed, self.succeeded, deleting


class Observation(NamedTuple):
    """One Backup with the Jobs that its uid owns and their pods. `gone_at` is set once it was seen to be gone, as in
    `SeenJob`.

    Of a log backup's task `task_commit_ts` is where it says that it starts ("" where that is not known), and
    `task_error` why TiKV has paused it ("" where it was not, or by hand). `log_policy` is in force for a log backup
    without a policy of its own.
    """

    backup: Backup
    jobs: tuple[SeenJob, ...] = ()
    pods: tuple[Pod, ...] = ()
    gone_at: int | None = None
    task: Task = Task.UNKNOWN
    task_commit_ts: str = ""
    task_error: str = ""
    log_policy: LogBackupRetryPolicy | None = None

    def jobs_named(self, name: str) -> list[SeenJob]:
        """The Jobs that ever had this name, oldest first: on a retry the name is used again."""
        found = [seen for seen in self.jobs if seen.job.metadata.name == name]
        return sorted(found, key=_age) if len(found) > 1 else found

    def newest(self, name: str) -> SeenJob | None:
        """The latest Job of that name."""
        found = self.jobs_named(name)
        return found[-1] if found else None

    def pods_of(self, job_uid: str) -> tuple[Pod, ...]:
        """The pods that this Job owns."""
        return tuple(pod for pod in self.pods if owned_by(pod, job_uid))


def owned_by(thing: Job | Pod, uid: str) -> bool:
    """Ownership is the uid of an ownerReference, never a name (operator-semantics S19)."""
    return bool(uid) and any(owner.uid == uid for owner in thing.metadata.owner_references)


def time_of(text: str | None) -> int | None:
    """Unix seconds of an optional time."""
    return None if text is None else seconds_of(text)


def _age(seen: SeenJob) -> tuple[int, int, str]:
    version = seen.job.metadata.resource_version
    return seen.created_at, int(version) if version.isdigit() else 0, seen.uid
