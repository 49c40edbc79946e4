"""The operator of the reference in a simulated cluster: API server, watches, Job controller, pods, TiKV, clock, user.

Nothing moves by itself: `moves` lists what can happen now, and `make` lets one of them happen, so whoever chooses
decides about every interleaving. Every call of an invocation is a move of its own. Chance is the caller's: `fate`
is asked where a call may fail or a program's step may end badly. What people do is never offered; it is a method.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, Protocol

from fsm.adapter import Task as Seen
from fsm.environment import server as api
from fsm.environment.server import Item, Server
from fsm.model import SECOND, Backup, Job, JobStatus, Mode, seconds_of, text_of
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
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")


class Fate(Protocol):
    """Who decides what is left to chance, by name."""

    def __call__(self, what: str) -> bool: ...


class Who(StrEnum):
    """Who can write. `HANDLER` is both event handlers of the operator, which decide in the same way."""

    HANDLER = "handler"
    WORKER = "worker"
    TICKER = "ticker"
    STARTER = "starter"
    PROGRAM = "program"
    JOB_CONTROLLER = "job controller"
    COLLECTOR = "garbage collector"
    USER = "user"
    COMPANION = "companion"


class Author(NamedTuple):
    """Who wrote something. Of a program: the name and uid of its Job, and whether that Job is gone or has finished."""

    who: Who
    job: str = ""
    uid: str = ""
    late: bool = False


OPERATOR = frozenset((Who.HANDLER, Who.WORKER, Who.TICKER, Who.STARTER))
_THREADS = {
    "handler": Author(Who.HANDLER),
    "job handler": Author(Who.HANDLER),
    "worker": Author(Who.WORKER),
    "ticker": Author(Who.TICKER),
    "starter": Author(Who.STARTER),
}
_USER, _JOB_CONTROLLER, _COLLECTOR = Author(Who.USER), Author(Who.JOB_CONTROLLER), Author(Who.COLLECTOR)


@dataclass(frozen=True, slots=True)
class Task:
    """The log task in TiKV. `paused_by` is None while it runs, "" where it was paused by hand."""

    exists: bool = False
    paused_by: str | None = None

    @property
    def standing(self) -> Seen:
        """As an observation says it."""
        if not self.exists:
            return Seen.ABSENT
        return Seen.RUNNING if self.paused_by is None else Seen.PAUSED

    def etcd(self) -> Etcd:
        """The keys in PD."""
        if not self.exists:
            return Etcd()
        paused = () if self.paused_by is None else (_pause_info(self.paused_by),)
        return Etcd((COMMIT_TS.to_bytes(8, "big"),), (b"task",), paused)

    def after(self, command: str) -> Task | None:
        """After a `br log` command; None where br refuses it."""
        if self.exists == (command == "start"):
            return None
        changes = {"start": Task(True), "stop": Task(), "pause": Task(True, ""), "resume": Task(True)}
        return changes.get(command, self)


def _pause_info(error: str) -> bytes:
    """What TiKV writes beside a task that it paused because of an error; of a pause by hand nothing need be there."""
    if not error:
        return b""
    payload = base64.b64encode(error.encode()).decode()
    info = {"severity": "ERROR", "payload_type": "text/plain;charset=UTF-8", "payload": payload}
    return json.dumps(info).encode()


@dataclass
class Pod:
    """The pod of a Job, its program, and what that one's informer holds. `failures` are earlier pods of the Job.

    Of a pod that is `lost`, on a node that nobody hears of, the program goes on whatever is said of its Job.
    """

    job: str
    uid: str
    invocation: Invocation
    failures: int = 0
    cached: Pointer[Backup] | None = None
    lost: bool = False

    @property
    def ended(self) -> Result | None:
        """How the program ended."""
        end = self.invocation.next
        return end.result if isinstance(end, Done) else None

    @property
    def holds(self) -> bool:
        """br of a volume's init Job ends only when it is killed."""
        return self.invocation.next == Perform("hold")


@dataclass
class Simulation:
    """Everything there is. Mutable; `seen` gets every watch item when it happens, and who made it.

    `pods` are by the uid of their Job.
    """

    server: Server
    fate: Fate
    seen: Callable[[Item, Author], None]
    cluster: TidbCluster | None
    namespace: str
    now: Instant = field(default_factory=lambda: at_second(1_700_000_000))
    operator: Operator = field(default_factory=Operator)
    threads: dict[str, Invocation] = field(default_factory=dict)
    backup_items: deque[Item] = field(default_factory=deque)
    job_items: deque[Item] = field(default_factory=deque)
    pods: dict[str, Pod] = field(default_factory=dict)
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
        """Let it happen."""
        self.steps += 1
        move()

    def _store(self, server: Server, author: Author) -> None:
        """The server as it is now; what was written is told."""
        self.server = replace(server, history=())
        for item in server.history:
            (self.backup_items if isinstance(item.object, Backup) else self.job_items).append(item)
            self.seen(item, author)

    def _moves(self) -> Iterator[tuple[str, Callable[[], None]]]:
        yield from (("operator", partial(self._go_on, name)) for name in self.threads)
        yield from self._wakings()
        for pod in self.pods.values():
            if pod.ended is None:
                yield "fault" if pod.holds else "program", partial(self._go_on_in_pod, pod)
        yield from self._job_moves()
        yield from self._mishaps()

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

    # -------------------------------------------------------------- people and time

    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.now = self.now.plus(seconds * SECOND)
        self.operator = replace(self.operator, queue=self.operator.queue.matured(self.now))

    def edit(self, **spec: Any) -> None:
        """A user changes keys of the spec by their JSON names; None removes one."""
        self._store(api.edited(self.server, **spec), _USER)

    def delete(self) -> None:
        """A user deletes the Backup."""
        self._store(api.deletion_requested(self.server, self.now.seconds), _USER)

    def delete_job(self, name: str) -> None:
        """A user deletes a Job."""
        server, _ = api.job_deleted(self.server, (self.namespace, name), self.now.seconds)
        self._store(server, _USER)

    def work(self, pod: Pod) -> None:
        """The program in a pod that has not ended makes its next step."""
        self.steps += 1
        self._go_on_in_pod(pod)

    def change_cluster(self, cluster: TidbCluster | None) -> None:
        """The TidbCluster is changed, or goes."""
        self.cluster = cluster
        cache = self.operator.cache.with_clusters(() if cluster is None else (cluster,))
        self.operator = replace(self.operator, cache=cache)

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
        self.threads[thread] = invocation.answered(self._answer(call, _THREADS[thread]))
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

    def _answer(self, call: Call, author: Author) -> Any:
        if not self.operator.answers(call):
            return self._remote(call, author)
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

    def _remote(self, call: Call, author: Author) -> Any:
        """The call as it is answered; it may fail before or after it was done."""
        name = type(call).__name__
        if self.fate(f"{name} fails"):
            return ApiError(Refused.INTERNAL, "an error on the server has prevented the request from succeeding")
        answer = self._done(call, author)
        if not isinstance(answer, ApiError) and self.fate(f"{name} is not heard of"):
            return ApiError(Refused.TIMEOUT, "context deadline exceeded")
        return answer

    def _done(self, call: Call, author: Author) -> Any:
        match call:
            case UpdateBackup(backup):
                return self.written(author, api.updated(self.server, backup))
            case CreateJob(job):
                return self.written(author, api.job_created(self.server, job, self.now.seconds))
            case DeleteJob(key):
                return self.written(author, api.job_deleted(self.server, key, self.now.seconds))
            case GetCluster((_, name)):
                absent = ApiError(Refused.NOT_FOUND, f'tidbclusters.pingcap.com "{name}" not found')
                return absent if self.cluster is None else self.cluster
            case QueryTask():
                return self._task_keys()
            case StorageHas(name):
                return name in self.storage
            case OpenEtcd() | CreateClaim():
                return None
            case WriteVolumeMetadata():
                return self._volume_metadata()
        raise TypeError(f"nobody answers {call}")

    def written(self, author: Author, answer: api.Answer) -> ApiError | None:
        """What somebody's write came to."""
        server, error = answer
        self._store(server, author)
        return error

    def _task_keys(self) -> Etcd:
        """Each of the gets may fail alone."""
        keys = self.task.etcd()
        lost = {name: "context deadline exceeded" for name in ("info", "pause") if self.fate(f"get {name} fails")}
        return replace(keys, **lost)

    def _volume_metadata(self) -> ApiError | None:
        if "clustermeta" in self.storage:
            return ApiError(Refused.ALREADY_EXISTS, "FileExistedInExternalStorage: clustermeta exist")
        self.storage.add("clustermeta")
        return None

    # -------------------------------------------------------------- Jobs and pods

    def _job_moves(self) -> Iterator[tuple[str, Callable[[], None]]]:
        for name, job in self.server.jobs.items():
            finished = _has_finished(job)
            pod = self.pods.get(job.metadata.uid)
            if job.metadata.deletion_timestamp is not None or not self._is_owned(job):
                yield "job controller", partial(self._collect, name)
            elif job.status.start_time is None and not finished:
                yield "job controller", partial(self._start, name)
            elif not finished and self._is_overdue(job):
                yield "job controller", partial(self._finish, name, "Failed", *DEADLINE)
            elif not finished and pod is not None and pod.ended is not None:
                yield "job controller", partial(self._conclude, pod)

    def _mishaps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        for pod in self.pods.values():
            job = self.server.jobs.get(pod.job)
            if pod.lost:
                yield "fault", partial(self.switch_off, pod)
            elif job is not None and job.metadata.uid == pod.uid and not _has_finished(job):
                yield "fault", partial(self.kill, pod)
                yield "partition", partial(self.lose, pod)

    def _is_owned(self, job: Job) -> bool:
        """The garbage collector leaves it alone."""
        backup = self.server.backup
        return backup is not None and any(o.uid == backup.metadata.uid for o in job.metadata.owner_references)

    def _is_overdue(self, job: Job) -> bool:
        limit: int | None = job.spec.to_json().get("activeDeadlineSeconds")
        started = job.status.start_time
        return bool(limit and started) and self.now.seconds - seconds_of(started or "") >= (limit or 0)

    def _start(self, name: str) -> None:
        """The Job's pod starts, and the program in it. It takes a second: no Job fails in the one it was made in."""
        self.wait(1)
        job = self.server.jobs[name]
        status = JobStatus.from_json({"active": 1, "startTime": text_of(self.now.seconds)})
        self._store(api.with_job(self.server, job.with_(status=status)), _JOB_CONTROLLER)
        self._start_pod(job, 0)

    def _start_pod(self, job: Job, failures: int) -> None:
        container = job.spec.to_json()["template"]["spec"]["containers"][0]
        invocation = Invocation(PodStart(arguments_of_pod(container["args"])))
        self.pods[job.metadata.uid] = Pod(job.metadata.name, job.metadata.uid, invocation, failures)

    def _collect(self, name: str) -> None:
        """A Job that is being deleted goes with its pod; the program is cut off wherever it is, unless it is lost."""
        uid = self.server.jobs[name].metadata.uid
        if uid in self.pods and not self.pods[uid].lost:
            del self.pods[uid]
        self._store(api.job_gone(self.server, name), _COLLECTOR)

    def _conclude(self, pod: Pod) -> None:
        """The Job controller sees how the program ended."""
        if pod.ended is Result.DONE:
            self._finish(pod.job, "Complete")
        else:
            self.kill(pod)

    def kill(self, pod: Pod) -> None:
        """The pod fails, without a word if its program was at work. A clean Job tries again."""
        del self.pods[pod.uid]
        job = self.server.jobs[pod.job]
        if pod.failures < job.spec.to_json().get("backoffLimit", 0) and job.metadata.deletion_timestamp is None:
            self._start_pod(job, pod.failures + 1)
        else:
            self._finish(pod.job, "Failed", *BACKOFF_LIMIT)

    def lose(self, pod: Pod) -> None:
        """Its node is partitioned off: the Job counts as failed, and the program goes on."""
        pod.lost = True
        self._finish(pod.job, "Failed", *BACKOFF_LIMIT)

    def switch_off(self, pod: Pod) -> None:
        """The node is switched off at last."""
        del self.pods[pod.uid]

    def _finish(self, name: str, type_: str, reason: str = "", message: str = "") -> None:
        """The Job has ended, and with it its pod."""
        job = self.server.jobs[name]
        if job.metadata.uid in self.pods and not self.pods[job.metadata.uid].lost:
            del self.pods[job.metadata.uid]
        at = text_of(self.now.seconds)
        condition = {"type": type_, "status": "True", "lastTransitionTime": at, "reason": reason, "message": message}
        conditions = [*job.status.to_json().get("conditions", []), condition]
        status = JobStatus.from_json({**job.status.to_json(), "active": None, "conditions": conditions})
        self._store(api.with_job(self.server, job.with_(status=status)), _JOB_CONTROLLER)

    def _go_on_in_pod(self, pod: Pod) -> None:
        call = pod.invocation.next
        assert isinstance(call, Call)
        pod.invocation = pod.invocation.answered(self._answer_in_pod(pod, call))
        if pod.lost and pod.ended is not None:
            del self.pods[pod.uid]

    def _author(self, pod: Pod) -> Author:
        job = self.server.jobs.get(pod.job)
        late = job is None or job.metadata.uid != pod.uid or _has_finished(job)
        return Author(Who.PROGRAM, pod.job, pod.uid, late)

    def _answer_in_pod(self, pod: Pod, call: Call) -> Any:
        self.now = self.now.plus(1)
        match call:
            case Now():
                return self.now
            case CachedPointer() | CachedBackup():
                pointer = self._informed(pod)
                if isinstance(call, CachedBackup) or pointer is None:
                    return None if pointer is None else pointer.object
                return pointer.object, pointer.address
            case EditCached(_, address, backup):
                if pod.cached is not None and pod.cached.address == address:
                    pod.cached = Pointer(address, backup)
                return None
            case Perform(step, detail):
                return self._performed(pod, step, detail)
        return self._remote(call, self._author(pod))

    def _informed(self, pod: Pod) -> Pointer[Backup] | None:
        """What the program's own informer holds: it lags behind where fate says so."""
        known, backup = pod.cached, self.server.backup
        if known is not None and self.fate("informer lags"):
            return known
        if backup is None:
            pod.cached = None
        elif known is None or known.object.metadata.resource_version != backup.metadata.resource_version:
            pod.cached = Pointer(self.server.version, backup)
        return pod.cached

    def _performed(self, pod: Pod, step: str, detail: str) -> Any:
        """A step outside Kubernetes. br's log commands change the task in TiKV, and may still end badly."""
        failed = ApiError(Refused.INTERNAL, f"{step} failed")
        if self.fate(f"{step} fails"):
            return failed
        if step.startswith("br log-"):
            task = self.task.after(step.removeprefix("br log-"))
            if task is None:
                return failed
            self.task = task
        if step == "br" and _is_execute(pod.invocation.entry):
            self.storage.add("backupmeta")
        answers: dict[str, Any] = {
            "get GC life time": "10m",
            "volume size": (2_500_000_000, 1_200_000),
            "read metadata": Metadata(COMMIT_TS, COMMIT_TS + 1, 123_456_789),
        }
        return failed if self.fate(f"{step} is not heard of") else answers.get(step)


def _has_finished(job: Job) -> bool:
    return job.status.holds("Failed") or job.status.holds("Complete")


def _is_execute(entry: Entry) -> bool:
    arguments: Arguments | None = entry.arguments if isinstance(entry, PodStart) else None
    return arguments is not None and arguments.mode == Mode.VOLUME and not arguments.initialize


def simulation_of(
    backup: Backup,
    fate: Fate,
    seen: Callable[[Item, Author], None],
    cluster: TidbCluster | None = None,
    created_at: int = 1_700_000_000,
) -> Simulation:
    """A cluster in which this Backup was created just now, at that Unix second."""
    start = at_second(created_at)
    server = replace(api.created(Server(), backup, start.seconds), history=())
    return Simulation(server, fate, seen, cluster, backup.metadata.namespace, start)
