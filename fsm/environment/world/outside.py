"""The rest of the world as a thread meets it: API server, TiKV, storage. A call comes in, effects and answer go out.

What is asked of the thread's own memory is answered here too; its effects stay in `Look` until the step is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from itertools import count
from typing import Any

from fsm.adapter import PatchBackup
from fsm.adapter.patches import patched
from fsm.environment import server as api
from fsm.environment.server import Server
from fsm.environment.simulation import COMMIT_TS, Task
from fsm.environment.world.held import NAME, NAMESPACE, Copy, Held, backup_of, held_of
from fsm.environment.world.slots import SLOTS, HeldJob, Lagging, held_job
from fsm.environment.world.thread import (
    HANDLER,
    POD,
    WORKER,
    Clock,
    InSlot,
    Read,
    Refusal,
    Shell,
    Sighting,
    Thread,
    held_tracked,
    overtaken,
    replaced,
)
from fsm.environment.world.words import change_in_words
from fsm.kernel import Key
from fsm.model import Backup, Mode
from fsm.reference import (
    Add,
    AddRateLimited,
    CachedBackup,
    CachedCluster,
    CachedJob,
    CachedPointer,
    CachedSecret,
    Call,
    CreateJob,
    DeleteJob,
    EditCached,
    Etcd,
    GetCluster,
    Local,
    Metadata,
    Now,
    OpenEtcd,
    Perform,
    QueryTask,
    QueueCall,
    ReadTracked,
    Refused,
    TidbCluster,
    UpdateBackup,
    WriteTracked,
)

CLUSTER = TidbCluster(NAMESPACE, "basic", tikv_image="pingcap/tikv:v8.5.0")
LIVE_BACKUP, CACHED_BACKUP, QUEUE, TRACKED, TASK, DATA = (
    "backup",
    "cached backup",
    "queue",
    "tracker",
    "log task",
    "data",
)
CLUSTER_CACHED = "cached cluster"
COMPANION = "companion"


class Fate(StrEnum):
    """How the calls of a step end: as they should; the call to the outside is refused; it is done, but not heard of;
    nobody answers for a while; or a look at the task finds nothing because PD does not answer."""

    WELL = "well"
    FAILS = "fails"
    UNHEARD = "unheard"
    OUTAGE = "outage"
    NO_TASK = "TiKV does not answer"


FAILURE = Refusal(Refused.INTERNAL.value, "an error on the server has prevented the request from succeeding")
UNHEARD = Refusal(Refused.TIMEOUT.value, "context deadline exceeded")


def job_part(slot: str) -> str:
    """The part that holds a Job."""
    return f"job {slot}"


def cached_job_part(slot: str) -> str:
    """The part that holds the operator's copy of it."""
    return f"cached job {slot}"


def pod_part(slot: str) -> str:
    """The part that holds its pod."""
    return f"pod {slot}"


class Look:
    """What a thread sees during one step, and what it has changed so far."""

    def __init__(self, view: Any, thread: Thread, fate: Fate = Fate.WELL) -> None:
        self.view = view
        self.fate = fate
        self.met = fate is Fate.WELL
        self.in_pod = thread.kind == POD
        self.writes: dict[Key, Any] = {}
        self.told: list[str] = []
        self.written = False

    def read(self, part: str) -> Any:
        """A part as it is by now."""
        return self.writes[part] if part in self.writes else self.view[part]

    # -------------------------------------------------------------- its own memory

    def own(self, call: Call) -> Any:
        """The answer to a call that does not leave the process, as it is held."""
        if isinstance(call, QueueCall):
            return self._queued(call)
        if isinstance(call, EditCached | WriteTracked):
            return self._written_to_memory(call)
        match call:
            case Now():
                return Clock()
            case CachedBackup() | CachedPointer():
                known: Held | None = self.read(LIVE_BACKUP) if self.in_pod else self.cached_backup()
                pointed = isinstance(call, CachedPointer)
                return None if known is None else Read(known, pointed, pointed and not self.in_pod)
            case CachedJob((_, name)):
                return InSlot(SLOTS[name], self.cached_job(SLOTS[name]))
            case CachedCluster():
                return CLUSTER if self.read(CLUSTER_CACHED) else None
            case ReadTracked():
                return self.read(TRACKED)
            case GetCluster():
                return CLUSTER
            case OpenEtcd() | CachedSecret():
                return None
            case QueryTask():
                return self._query()
        raise TypeError(f"nobody answers {call}")

    def cached_backup(self) -> Held | None:
        """What the informer holds."""
        copy: Copy | None = self.read(CACHED_BACKUP)
        held: Held | None = self.read(LIVE_BACKUP) if copy is None else copy.held
        return held

    def lags(self) -> bool:
        """The informer of Backups does."""
        copy: Copy | None = self.view[CACHED_BACKUP]
        return copy is not None and copy.lags

    def cached_job(self, slot: str) -> HeldJob | None:
        """What the informer holds of a Job."""
        lagging: Lagging | None = self.read(cached_job_part(slot))
        job: HeldJob | None = self.read(job_part(slot)) if lagging is None else lagging.job
        return job

    def _queued(self, call: QueueCall) -> None:
        """One that waits already does not wait twice; delays are not held, and Forget concerns nothing else."""
        if isinstance(call, Add | AddRateLimited) and not self.read(QUEUE):
            self.writes[QUEUE] = True
            self.told.append("enqueues" if isinstance(call, Add) else "enqueues again, later")

    def _written_to_memory(self, call: EditCached | WriteTracked) -> None:
        if isinstance(call, WriteTracked):
            self.writes[TRACKED] = held_tracked(call.entry)
        elif call.address and not self.in_pod:
            copy: Copy | None = self.read(CACHED_BACKUP)
            self.writes[CACHED_BACKUP] = Copy(held_of(call.backup), copy is not None and copy.lags)

    def _query(self) -> Etcd:
        if self.fate is Fate.NO_TASK:
            self.met = True
            self.told.append("asks TiKV for the log task, and gets no answer")
            return unanswered()
        task: Task = self.read(TASK)
        return task.etcd()

    # -------------------------------------------------------------- the outside

    def outside(self, call: Call) -> Any:
        """The answer to a call that leaves the process, as it is held."""
        if self.fate in {Fate.FAILS, Fate.OUTAGE}:
            self.met = True
            self.told.append(f"{_verb(call)}: this fails")
            return _failure(call)
        answer = self._done(call)
        if self.fate is Fate.UNHEARD and not isinstance(answer, Refusal):
            self.met = True
            self.told.append("and is told that it failed")
            return UNHEARD
        return answer

    def _done(self, call: Call) -> Any:
        match call:
            case UpdateBackup(backup):
                return self._update(backup)
            case CreateJob(job):
                return self._create(held_job(job))
            case DeleteJob((_, name)):
                return self._delete(SLOTS[name])
            case Perform(step, _):
                return self._perform(step)
        raise TypeError(f"nobody answers {call}")

    def _update(self, backup: Backup) -> Any:
        live: Held | None = self.read(LIVE_BACKUP)
        stored, error = (None, _absent("backups.pingcap.com", NAME)) if live is None else _stored(live, backup)
        if error is not None:
            self.told.append("writes the Backup, which is refused: " + _why(error))
            return error
        assert live is not None
        if stored is not live:
            self.told.append("the Backup is gone" if stored is None else f"writes {change_in_words(live, stored)}")
            self.writes[LIVE_BACKUP] = stored
            self.written = True
            if CACHED_BACKUP in self.writes:
                self.writes[CACHED_BACKUP] = outdated(self.writes[CACHED_BACKUP])
        return None

    def _create(self, created: tuple[str, HeldJob]) -> Any:
        slot, job = created
        name = _job_name(slot)
        if self.read(job_part(slot)) is not None:
            self.told.append(f"creates Job {name}, which is refused: it exists")
            return Refusal(Refused.ALREADY_EXISTS.value, f'jobs.batch "{name}" already exists')
        self.told.append(f"creates Job {name}")
        attempt = job.attempt if job.attempt >= 0 else self._number(slot)
        self.writes[job_part(slot)] = job._replace(attempt=attempt)
        return None

    def _number(self, slot: str) -> int:
        """The number of a new Job: that of the attempt; of a subcommand any that nobody remembers another Job by."""
        live: Held | None = self.read(LIVE_BACKUP)
        if live is None or live.mode != Mode.LOG:
            return 0 if live is None else sum(record.begun for record in live.records)
        known = {live.retry.failure.job} if live.retry is not None and live.retry.failure.command == slot else set()
        known |= remembered_jobs(self.view, slot)
        return next(number for number in count() if number not in known)

    def _delete(self, slot: str) -> Any:
        job: HeldJob | None = self.read(job_part(slot))
        name = _job_name(slot)
        if job is None:
            self.told.append(f"deletes Job {name}, which is gone already")
            return _absent("jobs.batch", name)
        self.told.append(f"deletes Job {name}")
        self.writes[job_part(slot)] = job._replace(deleting=True)
        return None

    def _perform(self, step: str) -> Any:
        """A step of the program in the pod: br changes the task and the data."""
        if step == "br":
            self.told.append("br completes the data")
            self.writes[DATA] = "complete"
        elif step == "clean data":
            self.told.append("deletes the data")
            self.writes[DATA] = "none"
        elif step.startswith("br log-"):
            return self._log(step.removeprefix("br log-"))
        else:
            self.told.append(step)
        return Metadata(COMMIT_TS, COMMIT_TS + 1, 123_456_789) if step == "read metadata" else None

    def _log(self, command: str) -> Any:
        task: Task = self.read(TASK)
        after = task.after(command)
        if after is None:
            there = "there is one" if task.exists else "there is none"
            self.told.append(f"br log {command} is refused: {there}")
            return Refusal(Refused.INTERNAL.value, f"br log-{command} failed")
        self.told.append(f"br log {command} is done")
        self.writes[TASK] = after
        return None


def remembered_jobs(view: Any, slot: str) -> set[int]:
    """The numbers of Jobs that a companion has in mind."""
    sighting: Sighting | None = view[COMPANION]
    jobs = () if sighting is None else sighting.jobs
    return {each.job.attempt for each in jobs if each.slot == slot and each.job is not None}


def outdated(copy: Copy | None) -> Copy | None:
    """The informer's copy after somebody has written the Backup: unless it lags it is replaced at once."""
    if copy is None or not copy.lags:
        return None
    return copy if copy.held is None else Copy(copy.held._replace(current=False), True)


def spread(view: Any, writer: str) -> dict[Key, Any]:
    """What a write of the Backup does to what others hold of it; `writer` is the kind of thread, "" where it is none.

    Every other copy is a stale one, and an informer that does not lag holds another object at once.
    """
    copy: Copy | None = view[CACHED_BACKUP]
    changes: dict[Key, Any] = {CACHED_BACKUP: outdated(copy)}
    if writer != HANDLER and (copy is None or not copy.lags):
        changes[HANDLER] = replaced(view[HANDLER])
    if writer not in {HANDLER, WORKER} and isinstance(view[WORKER], Shell):
        changes[WORKER] = overtaken(view[WORKER])
    live: Held | None = view[LIVE_BACKUP]
    if live is not None and live.mode == Mode.LOG:
        sighting: Sighting | None = view[COMPANION]
        changes[COMPANION] = None if sighting is None else overtaken(sighting)
    return changes


class Over:
    """A view of what is after some writes."""

    def __init__(self, view: Any, writes: Mapping[Key, Any]) -> None:
        self._view, self._writes = view, writes

    def __getitem__(self, part: str) -> Any:
        return self._writes[part] if part in self._writes else self._view[part]


def patched_live(live: Held, effect: PatchBackup) -> Held:
    """What the API server holds after a patch of the version that it names, which is another one then."""
    metadata = {key: value for key, value in effect.body["metadata"].items() if key != "resourceVersion"}
    body = {**effect.body, "metadata": metadata}
    return held_of(Backup.from_json(patched(backup_of(live).to_json(), body)))._replace(current=True)


def is_own(call: Call) -> bool:
    """The call does not leave the process; or it only looks, and what it sees may be as old in other ways."""
    return isinstance(call, Local | QueueCall | OpenEtcd | GetCluster | QueryTask)


def only_writes(call: Call) -> bool:
    """It belongs to the step before: nothing is looked at."""
    return isinstance(call, QueueCall | EditCached | WriteTracked)


def unanswered() -> Etcd:
    """PD does not answer."""
    return Etcd(checkpoint=UNHEARD.message, info=UNHEARD.message, pause=UNHEARD.message, last_error=UNHEARD.message)


def _failure(call: Call) -> Any:
    if isinstance(call, Perform):
        return Refusal(Refused.INTERNAL.value, f"{call.step} failed")
    return FAILURE


def _verb(call: Call) -> str:
    match call:
        case UpdateBackup():
            return "writes the Backup"
        case CreateJob(job):
            return f"creates Job {job.metadata.name}"
        case DeleteJob((_, name)):
            return f"deletes Job {name}"
        case Perform(step, _):
            return step
    return type(call).__name__


@lru_cache(maxsize=1 << 14)
def _server(live: Held) -> Server:
    return Server(backup=backup_of(live), version=1)


def _stored(live: Held, backup: Backup) -> tuple[Held | None, Refusal | None]:
    """What the API server holds after a whole object was sent to it; the same object where nothing changes."""
    before = _server(live)
    after, error = api.updated(before, backup)
    if error is not None:
        return live, Refusal(error.refused.value, error.message)
    if after.backup is None:
        return None, None
    return (live if after.backup is before.backup else held_of(after.backup)._replace(current=True)), None


def _why(error: Refusal) -> str:
    words = {Refused.CONFLICT.value: "409 Conflict, the copy is stale", Refused.NOT_FOUND.value: "it is gone"}
    return words.get(error.refused, error.message)


def _absent(resource: str, name: str) -> Refusal:
    return Refusal(Refused.NOT_FOUND.value, f'{resource} "{name}" not found')


def _job_name(slot: str) -> str:
    names: Mapping[str, str] = {slot: name for name, slot in SLOTS.items()}
    return names[slot]
