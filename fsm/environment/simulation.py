"""The operator of the reference in a simulated cluster: API server, watches, Job controller, pods, TiKV, clock, user.

Nothing moves by itself: `moves` lists what can happen now, and `make` lets one of them happen, so whoever chooses
decides about every interleaving. Every call of an invocation is a move of its own. Chance is the caller's: `decide`
is asked where a call may fail or a program's step may end badly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from fsm.environment import server as api
from fsm.environment.server import Item, Server
from fsm.model import SECOND, Backup, Job, JobStatus, Mode, text_of
from fsm.reference import (
    ApiError,
    Arguments,
    BackupEvent,
    CachedBackup,
    CachedPointer,
    Call,
    CreateClaim,
    CreateJob,
    DeleteJob,
    Done,
    EditCached,
    Entry,
    Etcd,
    GetCluster,
    Instant,
    Invocation,
    JobDeletion,
    Metadata,
    Now,
    OpenEtcd,
    Operator,
    Perform,
    PodStart,
    Pointer,
    QueryTask,
    Refused,
    Result,
    StorageHas,
    TidbCluster,
    TrackerStart,
    TrackerTick,
    UpdateBackup,
    Work,
    WriteVolumeMetadata,
    arguments_of_pod,
    at_second,
)

RESYNC = 30 * SECOND
TICK = 60 * SECOND
COMMIT_TS = 400_036_290_571_534_337
BACKOFF_LIMIT = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")


class Fate(Protocol):
    """Who decides what is left to chance, by name."""

    def __call__(self, what: str) -> bool: ...


@dataclass
class Task:
    """The log task in TiKV. `paused_by` is None while it runs, "" where it was paused by hand."""

    exists: bool = False
    paused_by: str | None = None

    def etcd(self) -> Etcd:
        info = (b"task",) if self.exists else ()
        paused: tuple[bytes, ...] = ()
        if self.exists and self.paused_by is not None:
            paused = (b"" if not self.paused_by else b"not JSON",)
        checkpoint = ((COMMIT_TS).to_bytes(8, "big"),) if self.exists else ()
        return Etcd(checkpoint, info, paused)


@dataclass
class Running:
    """A program of a pod underway, and what its informer holds."""

    job: str
    invocation: Invocation
    cached: Pointer[Backup] | None = None


@dataclass
class Simulation:
    """Everything there is. Mutable; `seen` gets every watch item when it happens."""

    server: Server
    fate: Fate
    seen: Callable[[Item], None]
    cluster: TidbCluster | None
    now: Instant = field(default_factory=lambda: at_second(1_700_000_000))
    operator: Operator = field(default_factory=Operator)
    threads: dict[str, Invocation] = field(default_factory=dict)
    backup_items: deque[Item] = field(default_factory=deque)
    job_items: deque[Item] = field(default_factory=deque)
    pods: dict[str, Running] = field(default_factory=dict)
    task: Task = field(default_factory=Task)
    storage: set[str] = field(default_factory=set)
    resynced: Instant = field(default_factory=lambda: Instant(0))
    ticked: Instant = field(default_factory=lambda: Instant(0))
    panics: list[str] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        self._restart()

    # -------------------------------------------------------------- what can happen

    def moves(self) -> dict[str, list[Callable[[], None]]]:
        """What can happen now, by actor."""
        found: dict[str, list[Callable[[], None]]] = {}
        for actor, move in self._moves():
            found.setdefault(actor, []).append(move)
        return found

    def make(self, move: Callable[[], None]) -> None:
        """Let it happen, and tell of what was written."""
        self.steps += 1
        move()
        history = self.server.history
        self.server = replace(self.server, history=())
        for item in history:
            (self.backup_items if isinstance(item.object, Backup) else self.job_items).append(item)
            self.seen(item)

    def _moves(self) -> Iterator[tuple[str, Callable[[], None]]]:
        yield from (("operator", partial(self._go_on, name)) for name in self.threads)
        yield from self._wakings()
        for name, running in self.pods.items():
            yield "program", partial(self._go_on_in_pod, name, running)
        yield from self._job_moves()

    def _wakings(self) -> Iterator[tuple[str, Callable[[], None]]]:
        if "handler" not in self.threads:
            if self.backup_items:
                yield "watch", self._deliver_backup
            elif self.now.since(self.resynced) >= RESYNC and self.operator.cache.backups:
                yield "watch", self._resync
        if "job handler" not in self.threads and self.job_items:
            yield "watch", self._deliver_job
        if "worker" not in self.threads and self.operator.queue.ready:
            yield "worker", self._work
        if "ticker" not in self.threads and self.operator.tracked and self.now.since(self.ticked) >= TICK:
            yield "ticker", self._tick

    # -------------------------------------------------------------- the operator

    def crash(self) -> None:
        """The operator restarts: what it had in memory is gone, and what it was doing stays half done."""
        self.threads.clear()
        self._restart()

    def _restart(self) -> None:
        """A new process lists everything; every object is an event."""
        self.operator = Operator()
        self.backup_items.clear()
        self.job_items.clear()
        cache = self.operator.cache.with_jobs(self.server.jobs.values())
        cache = cache.with_clusters(() if self.cluster is None else (self.cluster,))
        self.operator = replace(self.operator, cache=cache)
        if self.server.backup is not None:
            self.backup_items.append(Item("ADDED", self.server.backup))
            if self.server.backup.mode == Mode.LOG and self.server.backup.spec.br is not None:
                self._begin("starter", TrackerStart(self.server.backup))

    def _begin(self, thread: str, entry: Entry) -> None:
        self.threads[thread] = Invocation(entry)
        self._settle(thread)

    def _go_on(self, thread: str) -> None:
        """Answer the thread's next call."""
        invocation = self.threads[thread]
        call = invocation.next
        assert isinstance(call, Call)
        self.threads[thread] = invocation.answered(self._answer(call))
        self._settle(thread)

    def _settle(self, thread: str) -> None:
        """A thread that has ended is gone; a panic ends the process."""
        invocation = self.threads[thread]
        if not isinstance(invocation.next, Done):
            return
        del self.threads[thread]
        if isinstance(invocation.entry, Work):
            self.operator = replace(self.operator, queue=self.operator.queue.done(invocation.entry.key))
        if invocation.next.result is Result.PANIC:
            self.panics.append(invocation.next.message)
            self.crash()

    def _answer(self, call: Call) -> Any:
        if not self.operator.answers(call):
            return self._remote(call)
        self.now = self.now.plus(1)
        self.operator, answer = self.operator.answered(call, self.now)
        return answer

    def _deliver_backup(self) -> None:
        item = self.backup_items.popleft()
        assert isinstance(item.object, Backup)
        cache = self.operator.cache
        cache = cache.without_backup(item.object.key) if item.type == "DELETED" else cache.with_backup(item.object)
        self.operator = replace(self.operator, cache=cache)
        address = None if item.type == "DELETED" else cache.addresses
        self._begin("handler", BackupEvent(item.object, address))

    def _resync(self) -> None:
        self.resynced = self.now
        pointer = next(iter(self.operator.cache.backups.values()))
        self._begin("handler", BackupEvent(pointer.object, pointer.address))

    def _deliver_job(self) -> None:
        item = self.job_items.popleft()
        assert isinstance(item.object, Job)
        cache = self.operator.cache
        cache = cache.without_job(item.object.key) if item.type == "DELETED" else cache.with_job(item.object)
        self.operator = replace(self.operator, cache=cache)
        if item.type == "DELETED":
            self._begin("job handler", JobDeletion(item.object))

    def _work(self) -> None:
        key, queue = self.operator.queue.taken()
        self.operator = replace(self.operator, queue=queue)
        self._begin("worker", Work(key))

    def _tick(self) -> None:
        self.ticked = self.now
        self._begin("ticker", TrackerTick(next(iter(self.operator.tracked))))

    # -------------------------------------------------------------- who answers remote calls

    def _remote(self, call: Call) -> Any:
        """The call as it is answered; it may fail before or after it was done."""
        name = type(call).__name__
        if self.fate(f"{name} fails"):
            return ApiError(Refused.INTERNAL, "an error on the server has prevented the request from succeeding")
        answer = self._done(call)
        if not isinstance(answer, ApiError) and self.fate(f"{name} is not heard of"):
            return ApiError(Refused.TIMEOUT, "context deadline exceeded")
        return answer

    def _done(self, call: Call) -> Any:
        match call:
            case UpdateBackup(backup):
                self.server, error = api.updated(self.server, backup)
                return error
            case CreateJob(job):
                self.server, error = api.job_created(self.server, job, self.now.seconds)
                return error
            case DeleteJob(key):
                self.server, error = api.job_deleted(self.server, key, self.now.seconds)
                return error
            case GetCluster((_, name)):
                absent = ApiError(Refused.NOT_FOUND, f'tidbclusters.pingcap.com "{name}" not found')
                return absent if self.cluster is None else self.cluster
            case QueryTask():
                return self.task.etcd()
            case StorageHas(name):
                return name in self.storage
            case OpenEtcd() | CreateClaim():
                return None
            case WriteVolumeMetadata():
                return self._volume_metadata()
        raise TypeError(f"nobody answers {call}")

    def _volume_metadata(self) -> ApiError | None:
        if "clustermeta" in self.storage:
            return ApiError(Refused.ALREADY_EXISTS, "FileExistedInExternalStorage: clustermeta exist")
        self.storage.add("clustermeta")
        return None

    # -------------------------------------------------------------- Jobs and pods

    def _job_moves(self) -> Iterator[tuple[str, Callable[[], None]]]:
        for name, job in self.server.jobs.items():
            terminating = job.metadata.deletion_timestamp is not None
            finished = job.status.holds("Failed") or job.status.holds("Complete")
            if terminating or self.server.backup is None or self.server.backup.metadata.uid not in _owners(job):
                yield "job controller", partial(self._collect, name)
            elif job.status.start_time is None and not finished:
                yield "job controller", partial(self._start, name)
            if name in self.pods and not finished:
                yield "fault", partial(self._die, name)

    def _start(self, name: str) -> None:
        """The Job's only pod starts, and the program in it."""
        job = self.server.jobs[name]
        status = JobStatus.from_json({"active": 1, "startTime": text_of(self.now.seconds)})
        self.server = api.with_job(self.server, job.with_(status=status))
        container = job.spec.to_json()["template"]["spec"]["containers"][0]
        self.pods[name] = Running(name, Invocation(PodStart(arguments_of_pod(container["args"]))))
        self._settle_pod(name)

    def _collect(self, name: str) -> None:
        """A Job that is being deleted goes with its pod; the program is cut off wherever it is."""
        self.pods.pop(name, None)
        self.server = api.job_gone(self.server, name)

    def _die(self, name: str) -> None:
        """The pod is killed without a word."""
        self.pods.pop(name)
        self._finish(name, "Failed", *BACKOFF_LIMIT)

    def _finish(self, name: str, type_: str, reason: str = "", message: str = "") -> None:
        job = self.server.jobs.get(name)
        if job is None:
            return
        at = text_of(self.now.seconds)
        condition = {"type": type_, "status": "True", "lastTransitionTime": at, "reason": reason, "message": message}
        conditions = [*job.status.to_json().get("conditions", []), condition]
        status = JobStatus.from_json({**job.status.to_json(), "active": None, "conditions": conditions})
        self.server = api.with_job(self.server, job.with_(status=status))

    def _go_on_in_pod(self, name: str, running: Running) -> None:
        call = running.invocation.next
        assert isinstance(call, Call)
        running.invocation = running.invocation.answered(self._answer_in_pod(running, call))
        self._settle_pod(name)

    def _settle_pod(self, name: str) -> None:
        end = self.pods[name].invocation.next
        if not isinstance(end, Done):
            return
        del self.pods[name]
        if end.result is Result.DONE:
            self._finish(name, "Complete")
        else:
            self._finish(name, "Failed", *BACKOFF_LIMIT)

    def _answer_in_pod(self, running: Running, call: Call) -> Any:
        self.now = self.now.plus(1)
        match call:
            case Now():
                return self.now
            case CachedPointer() | CachedBackup():
                pointer = self._informed(running)
                if isinstance(call, CachedBackup) or pointer is None:
                    return None if pointer is None else pointer.object
                return pointer.object, pointer.address
            case EditCached(_, address, backup):
                if running.cached is not None and running.cached.address == address:
                    running.cached = Pointer(address, backup)
                return None
            case Perform(step, detail):
                return self._performed(running, step, detail)
        return self._remote(call)

    def _informed(self, running: Running) -> Pointer[Backup] | None:
        """What the program's own informer holds: it lags behind where fate says so."""
        known, backup = running.cached, self.server.backup
        if known is not None and self.fate("informer lags"):
            return known
        if backup is None:
            running.cached = None
        elif known is None or known.object.metadata.resource_version != backup.metadata.resource_version:
            running.cached = Pointer(self.server.version, backup)
        return running.cached

    def _performed(self, running: Running, step: str, detail: str) -> Any:
        """A step outside Kubernetes. br's log commands change the task in TiKV, and may still end badly."""
        failed = ApiError(Refused.INTERNAL, f"{step} failed")
        if self.fate(f"{step} fails"):
            return failed
        if step.startswith("br log-"):
            self._change_task(step.removeprefix("br log-"))
        if step == "br" and _is_execute(running.invocation.entry):
            self.storage.add("backupmeta")
        answers: dict[str, Any] = {
            "get GC life time": "10m",
            "volume size": (2_500_000_000, 1_200_000),
            "read metadata": Metadata(COMMIT_TS, COMMIT_TS + 1, 123_456_789),
        }
        return (
            ApiError(Refused.INTERNAL, f"{step} failed") if self.fate(f"{step} is not heard of") else answers.get(step)
        )

    def _change_task(self, command: str) -> None:
        changes: dict[str, Task] = {
            "start": Task(exists=True),
            "stop": Task(),
            "pause": Task(exists=self.task.exists, paused_by=""),
            "resume": Task(exists=self.task.exists),
        }
        self.task = changes.get(command, self.task)


def _owners(job: Job) -> frozenset[str]:
    return frozenset(owner.uid for owner in job.metadata.owner_references)


def _is_execute(entry: Entry) -> bool:
    arguments: Arguments | None = entry.arguments if isinstance(entry, PodStart) else None
    return arguments is not None and arguments.mode == Mode.VOLUME and not arguments.initialize


def simulation_of(
    backup: Backup, fate: Fate, seen: Callable[[Item], None], cluster: TidbCluster | None = None
) -> Simulation:
    """A cluster in which this Backup was just created."""
    start = at_second(1_700_000_000)
    server = replace(api.created(Server(), backup, start.seconds), history=())
    return Simulation(server, fate, seen, cluster, start)
