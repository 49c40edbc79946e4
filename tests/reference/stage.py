"""A stage for scenarios: one Backup, its Jobs, and the operator of the reference, called by hand.

The server stores what is written and refuses nothing on its own; `faults` says which calls fail. The cache follows the
server only with `refresh`; `meanwhile` says what happens before a call of that kind is answered, once. Readings of the
clock are a nanosecond apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fsm.model import SECOND, Backup, Condition, Job, Phase, text_of
from fsm.reference import (
    Add,
    AddRateLimited,
    ApiError,
    BackupEvent,
    Call,
    CreateClaim,
    CreateJob,
    DeleteJob,
    Done,
    Entry,
    Etcd,
    Forget,
    GetCluster,
    Instant,
    JobDeletion,
    OpenEtcd,
    Operator,
    Perform,
    PodStart,
    QueryTask,
    QueueCall,
    Refused,
    StorageHas,
    TidbCluster,
    Tracked,
    TrackerTick,
    UpdateBackup,
    Work,
    WriteVolumeMetadata,
    arguments_of_pod,
    at_second,
    run,
)
from fsm.rules import FINALIZER

KEY = ("ns", "demo")
UID = "uid-of-demo"
NOW = 1_763_776_800  # 2025-11-22T02:00:00Z
CLUSTER = TidbCluster("ns", "basic", tikv_image="pingcap/tikv:v8.5.0", across_k8s=True)
BROKEN = ApiError(Refused.INTERNAL, "the server is on fire")
CONFLICT = ApiError(Refused.CONFLICT, "the object has been modified")
RUNNING_TASK = Etcd(info=(b"task",))
PAUSED_TASK = Etcd(info=(b"task",), pause=(b"",))


def backup(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **metadata: Any) -> Backup:
    """A Backup named demo of the cluster `basic` in S3; without a policy as Go reads it, with what is given."""
    return Backup.from_json(
        {
            "kind": "Backup",
            "metadata": {"namespace": KEY[0], "name": KEY[1], "uid": UID, "resourceVersion": "1", **metadata},
            "spec": {"br": {"cluster": "basic"}, "s3": {"bucket": "b"}, **(spec or {})},
            "status": status or {},
        }
    )


POLICY = {"minRetryDuration": "300s", "maxRetryTimes": 2, "retryTimeout": "30m"}


def snapshot(status: dict[str, Any] | None = None, policy: dict[str, Any] | None = None, **metadata: Any) -> Backup:
    """A snapshot backup with the CRD's policy."""
    return backup({"backupMode": "snapshot", "backoffRetryPolicy": policy or POLICY}, status, **metadata)


def log(status: dict[str, Any] | None = None, wish: str = "log-start", **spec: Any) -> Backup:
    """A log backup that was synced before, so that it has its finalizer; `wish` is spec.logSubcommand."""
    return backup({"backupMode": "log", "logSubcommand": wish, **spec}, status, finalizers=[FINALIZER])


def status_of(*phases: str, **fields: Any) -> dict[str, Any]:
    """A status with these conditions, all True; the last one is the phase."""
    at = text_of(NOW - 600)
    conditions = [{"type": phase, "status": "True", "lastTransitionTime": at} for phase in phases]
    return {"phase": phases[-1] if phases else "", "conditions": conditions, **fields}


def record(number: int, detected: int, expected: int, real: int | None = None) -> dict[str, Any]:
    """A retry record; times in seconds from NOW."""
    times = {"detectFailedAt": text_of(NOW + detected), "expectedRetryAt": text_of(NOW + expected)}
    done = {} if real is None else {"realRetryAt": text_of(NOW + real)}
    reasons = {"retryReason": "Job backup-demo has failed", "originalReason": "BackoffLimitExceeded"}
    return {"retryNum": number, **times, **done, **reasons}


def job(name: str, condition: str = "", *, uid: str = UID, deleting: bool = False, status: str = "True") -> Job:
    """A Job of the Backup with that uid; `condition` is Failed or Complete."""
    conditions = [{"type": condition, "status": status, "reason": "BackoffLimitExceeded"}] if condition else []
    deleted = {"deletionTimestamp": text_of(NOW)} if deleting else {}
    owner = {"kind": "Backup", "name": KEY[1], "uid": uid, "controller": True}
    metadata = {"name": name, "namespace": KEY[0], "ownerReferences": [owner], **deleted}
    return Job.from_json({"kind": "Job", "metadata": metadata, "status": {"conditions": conditions}})


class Stage:
    """What is there, and what was asked of it. `calls` are the remote ones, `queued` the operations on the queue."""

    def __init__(
        self, stored: Backup | None, *jobs: Job, cluster: TidbCluster | None = CLUSTER, task: Etcd = RUNNING_TASK
    ) -> None:
        self.backup = stored
        self.jobs = {each.metadata.name: each for each in jobs}
        self.cluster = cluster
        self.task = task
        self.storage: set[str] = set()
        self.now = at_second(NOW)
        self.faults: deque[tuple[type[Call], ApiError, bool]] = deque()
        self.steps: dict[str, Any] = {}
        self.meanwhile: dict[type[Call], Callable[[], object]] = {}
        self.calls: list[Call] = []
        self.queued: list[QueueCall] = []
        self.operator = Operator()
        self.following = False
        self.refresh()

    # -------------------------------------------------------------- the operator

    def event(self) -> Done:
        """H with the cached object itself."""
        pointer = self.operator.cache.backups[KEY]
        return self.invoke(BackupEvent(pointer.object, pointer.address))

    def events_until_silent(self, most: int = 10) -> None:
        """Each write's own watch event, as long as there are writes."""
        for _ in range(most):
            before = len(self.updates)
            self.event()
            self.refresh()
            if len(self.updates) == before:
                return

    def sync(self) -> Done:
        return self.invoke(Work(KEY))

    def job_deleted(self, deleted: Job) -> Done:
        return self.invoke(JobDeletion(deleted))

    def tick(self) -> Done:
        return self.invoke(TrackerTick(KEY))

    def pod(self, *arguments: str) -> Done:
        """The program with these arguments, behind those that name the Backup; its informer is never late."""
        program, *rest = arguments
        self.following = True
        return self.invoke(PodStart(arguments_of_pod([program, "--namespace=ns", "--backupName=demo", *rest])))

    def restart(self) -> None:
        """A new process: only what the server has is known."""
        self.operator = Operator()
        self.refresh()

    def refresh(self) -> None:
        """The informers catch up: times are read back as whole seconds."""
        cache = self.operator.cache
        cache = cache.without_backup(KEY) if self.backup is None else cache.with_backup(_read_back(self.backup))
        cache = cache.with_jobs(self.jobs.values())
        cache = cache.with_clusters(() if self.cluster is None else (self.cluster,))
        self.operator = replace(self.operator, cache=cache)

    def track(self) -> None:
        """The log backup was registered when the operator started."""
        assert self.cluster is not None
        self.operator = replace(self.operator, tracked={KEY: Tracked(self.cluster.key)})

    def wait(self, seconds: int) -> None:
        self.now = self.now.plus(seconds * SECOND)

    def fail(self, kind: type[Call], error: ApiError = BROKEN, *, times: int = 1, performed: bool = False) -> None:
        """The next calls of that kind are answered with an error."""
        self.faults.extend([(kind, error, performed)] * times)

    def invoke(self, entry: Entry) -> Done:
        self.calls, self.queued = [], []
        return run(entry, self._answer)

    # -------------------------------------------------------------- what was done

    @property
    def updates(self) -> list[UpdateBackup]:
        return [call for call in self.calls if isinstance(call, UpdateBackup)]

    @property
    def deleted(self) -> list[str]:
        return [call.key[1] for call in self.calls if isinstance(call, DeleteJob)]

    @property
    def created(self) -> list[str]:
        return [call.job.metadata.name for call in self.calls if isinstance(call, CreateJob)]

    @property
    def enqueued(self) -> bool:
        return any(isinstance(call, Add) for call in self.queued)

    @property
    def requeued(self) -> bool:
        return any(isinstance(call, AddRateLimited) for call in self.queued)

    @property
    def forgotten(self) -> bool:
        return any(isinstance(call, Forget) for call in self.queued)

    @property
    def phase(self) -> str:
        assert self.backup is not None
        return self.backup.status.phase

    @property
    def cached(self) -> Backup:
        found = self.operator.cache.backup(KEY)
        assert found is not None
        return found

    def sub(self, command: str) -> str:
        """The phase of a log command; "" where it has none."""
        assert self.backup is not None
        found = self.backup.status.log_sub_command_statuses.get(command)
        return "" if found is None else found.phase

    def condition(self, type_: Phase) -> Condition:
        assert self.backup is not None
        found = self.backup.status.condition(type_)
        assert found is not None, f"no condition {type_}"
        return found

    # -------------------------------------------------------------- answers

    def _answer(self, call: Call) -> Any:
        self.now = Instant(self.now.nanoseconds + 1)
        if isinstance(call, QueueCall):
            self.queued.append(call)
        if self.operator.answers(call):
            self.operator, answer = self.operator.answered(call, self.now)
            return answer
        self.calls.append(call)
        if self.faults and isinstance(call, self.faults[0][0]):
            _, error, performed = self.faults.popleft()
            if performed:
                self._done(call)
            return error
        return self._done(call)

    def _done(self, call: Call) -> Any:
        happens = self.meanwhile.pop(type(call), None)
        if happens is not None:
            happens()
        match call:
            case UpdateBackup(written):
                self.backup = written
                if self.following:
                    self.refresh()
            case CreateJob(made):
                self.jobs[made.metadata.name] = made
            case DeleteJob(key):
                self.jobs.pop(key[1], None)
            case GetCluster():
                return self.cluster
            case QueryTask():
                return self.task
            case StorageHas(name):
                return name in self.storage
            case OpenEtcd() | CreateClaim() | WriteVolumeMetadata():
                return None
            case Perform(step):
                return self.steps.get(step)
            case _:
                raise AssertionError(f"nobody answers {call}")
        return None


def _read_back(stored: Backup) -> Backup:
    return Backup.from_json(stored.to_json())
