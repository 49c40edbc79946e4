"""What an invocation of the operator asks of the world, one call at a time, and how it ends. Values; nothing is done.

Three kinds. A `Local` call concerns the operator's own memory: its informer cache, its tracker, its clock. A `Remote`
call leaves the process and may fail, be lost, or come late: the API server, PD, the storage. A `QueueCall` puts a key
into the work queue. The answer to a call is a value, or an `ApiError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fsm.model import Backup, Job
from fsm.reference.tracked import Tracked

Key = tuple[str, str]
"""(namespace, name)."""


class Refused(StrEnum):
    """Why a call failed, as far as anybody asks."""

    CONFLICT = "conflict"
    NOT_FOUND = "notFound"
    ALREADY_EXISTS = "alreadyExists"
    FORBIDDEN = "forbidden"
    TIMEOUT = "timeout"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class ApiError:
    """A call that failed, or whose success was not heard of; `message` is the whole text of the error."""

    refused: Refused
    message: str


@dataclass(frozen=True, slots=True)
class Call:
    """Root of what is asked."""


# ------------------------------------------------------------------ the operator's own memory


@dataclass(frozen=True, slots=True)
class Local(Call):
    """Answered from the operator's own memory, at once; it fails only where a test says so."""


@dataclass(frozen=True, slots=True)
class Now(Local):
    """A reading of the clock. Answer: Instant, another one each time."""


@dataclass(frozen=True, slots=True)
class CachedBackup(Local):
    """What the lister has. Answer: Backup or None."""

    key: Key


@dataclass(frozen=True, slots=True)
class CachedPointer(Local):
    """The lister's very object. Answer: (Backup, its address), or None."""

    key: Key


@dataclass(frozen=True, slots=True)
class EditCached(Local):
    """The object at this address in the informer cache is edited in place (operator-semantics 0). Answer: None.

    It shows in the cache only if the object is still the one that the cache holds.
    """

    key: Key
    address: int
    backup: Backup


@dataclass(frozen=True, slots=True)
class CachedJob(Local):
    """Answer: Job or None, by name, whoever owns it."""

    key: Key


@dataclass(frozen=True, slots=True)
class CachedCluster(Local):
    """Answer: TidbCluster or None."""

    key: Key


@dataclass(frozen=True, slots=True)
class CachedSecret(Local):
    """Answer: the keys of the secret that have a value, or None where there is no secret."""

    key: Key


@dataclass(frozen=True, slots=True)
class CachedClaim(Local):
    """A PersistentVolumeClaim. Answer: the storage that it requests, or None."""

    key: Key


@dataclass(frozen=True, slots=True)
class ReadTracked(Local):
    """The tracker's entry of a log Backup. Answer: Tracked or None."""

    key: Key


@dataclass(frozen=True, slots=True)
class WriteTracked(Local):
    """Set the tracker's entry, or remove it with None. Answer: None."""

    key: Key
    entry: Tracked | None


# ------------------------------------------------------------------ the rest of the world


@dataclass(frozen=True, slots=True)
class Remote(Call):
    """Leaves the process: it may fail, and its answer may be lost although it was done."""


@dataclass(frozen=True, slots=True)
class UpdateBackup(Remote):
    """Replace the whole object, spec and status; resourceVersion is the precondition. Answer: None."""

    backup: Backup


@dataclass(frozen=True, slots=True)
class CreateJob(Remote):
    """Answer: None."""

    job: Job


@dataclass(frozen=True, slots=True)
class DeleteJob(Remote):
    """Foreground propagation, by name, no precondition (operator-semantics 1.5). Answer: None."""

    key: Key


@dataclass(frozen=True, slots=True)
class GetCluster(Remote):
    """A TidbCluster by API, not from the cache. Answer: TidbCluster."""

    key: Key


@dataclass(frozen=True, slots=True)
class CreateClaim(Remote):
    """Answer: None."""

    key: Key
    storage: str


@dataclass(frozen=True, slots=True)
class OpenEtcd(Remote):
    """An etcd client for a TidbCluster. Answer: None."""

    cluster: Key


@dataclass(frozen=True, slots=True)
class QueryTask(Remote):
    """The four concurrent gets about a log task, each of which may fail alone. Answer: Etcd."""

    name: str


@dataclass(frozen=True, slots=True)
class StorageHas(Remote):
    """Whether the Backup's storage holds an object of this name. Answer: bool."""

    name: str


@dataclass(frozen=True, slots=True)
class WriteVolumeMetadata(Remote):
    """Everything before the execute Job of a volume snapshot: manifests, snapshot metadata, `clustermeta`.

    Answer: None; the error is a `Reasoned` one (operator-semantics 7.2 step 8).
    """


@dataclass(frozen=True, slots=True)
class Perform(Remote):
    """A step of the in-pod program outside Kubernetes (operator-semantics 8). Answer: what the step yields, by name."""

    step: str
    detail: str = ""


# ------------------------------------------------------------------ the work queue


@dataclass(frozen=True, slots=True)
class QueueCall(Call):
    """An operation on the work queue. Answer: None."""

    key: Key


@dataclass(frozen=True, slots=True)
class Add(QueueCall):
    """Enqueue now, past the rate limit; a key that waits already is not added twice."""


@dataclass(frozen=True, slots=True)
class AddRateLimited(QueueCall):
    """Enqueue after the key's back-off, which this failure raises."""


@dataclass(frozen=True, slots=True)
class Forget(QueueCall):
    """The key's back-off begins anew."""


# ------------------------------------------------------------------ how it ends


class Result(StrEnum):
    """How an invocation ended (operator-semantics 4.4); a handler has no result but done and panic."""

    DONE = "done"
    REQUEUE = "requeue"
    IGNORE = "ignore"
    ERROR = "error"
    PANIC = "panic"


@dataclass(frozen=True, slots=True)
class Done:
    """The end of an invocation; `message` is the error's text."""

    result: Result = Result.DONE
    message: str = ""
