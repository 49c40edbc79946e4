"""A simulated cluster around one snapshot Backup: API server, Job controller, kubelet, backup program, and mishaps.

A `Cluster` is a frozen value. A request performed on it gives the next one or a `Refusal`; everything else that can
happen is a `Move`, which the caller picks from `moves(cluster)`: no clock, no randomness, nothing moves by itself. The
objects are those that an API server would store.

What it does not show: schema pruning and defaults, the deletion of the Backup, a program that is interrupted between
two writes by anything but the end of its pod, and Jobs of other modes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from fsm.adapter.observation import Observation, SeenJob, owned_by
from fsm.adapter.patches import CreateJobRequest, DeleteJobRequest, PatchBackup, Request, patched
from fsm.errors import UsageError
from fsm.model import Backup, Condition, Job, JobStatus, Mode, Phase, Pod, PodStatus, seconds_of, text_of
from fsm.rules import Update, is_restart, updated

T = TypeVar("T", Job, Pod)
FOREGROUND = "foregroundDeletion"
GRACE_SECONDS = 30
BACKOFF_LIMIT = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")


class Stage(StrEnum):
    """How far a backup program is, by its last write (operator-semantics 8.1)."""

    STARTED = "started"
    RESTARTED = "restarted"
    PREPARED = "prepared"
    RUNNING = "running"
    COMPLETED = "completed"
    REPORTED = "reported"  # it wrote Failed


class Program(NamedTuple):
    """The backup program in the pod with this uid."""

    pod: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is stored for one Backup, and what runs. `clock` is in Unix seconds.

    `version` is the last resourceVersion given, `uids` the number of uids given. `targets` says that a failing Job
    shows FailureTarget first, as from Kubernetes 1.31.
    """

    backup: Backup
    clock: int
    jobs: tuple[Job, ...] = ()
    pods: tuple[Pod, ...] = ()
    programs: tuple[Program, ...] = ()
    version: int = 0
    uids: int = 0
    targets: bool = True

    def job(self, name: str) -> Job | None:
        """The Job of that name, terminating or not."""
        return next((job for job in self.jobs if job.metadata.name == name), None)

    def pods_of(self, job: Job) -> tuple[Pod, ...]:
        """The pods that this Job owns."""
        return tuple(pod for pod in self.pods if owned_by(pod, job.metadata.uid))

    def stage_of(self, pod: Pod) -> Stage | None:
        """How far the program in a pod is; None where none runs."""
        return next((each.stage for each in self.programs if each.pod == pod.metadata.uid), None)


def cluster_of(backup: Backup, clock: int, *, targets: bool = True) -> Cluster:
    """A cluster in which this Backup was just created."""
    cluster = Cluster(backup, clock, targets=targets)
    metadata = {**backup.metadata.to_json(), **_birth(cluster)}
    return replace(_with_one_more(cluster), backup=Backup.from_json({**backup.to_json(), "metadata": metadata}))


def waited(cluster: Cluster, until: int) -> Cluster:
    """The same cluster at a later time; the clock never goes back."""
    return replace(cluster, clock=max(cluster.clock, until))


def observed(cluster: Cluster) -> Observation:
    """What one sees who reads the Backup, and then its Jobs and their pods, right now."""
    uid = cluster.backup.metadata.uid
    jobs = tuple(SeenJob(job) for job in cluster.jobs if owned_by(job, uid))
    pods = tuple(pod for job in cluster.jobs if owned_by(job, uid) for pod in cluster.pods_of(job))
    return Observation(cluster.backup, jobs, pods)


# ------------------------------------------------------------------ the API server


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the API server refused a request; nothing has changed."""

    message: str


class NotFound(Refusal):
    """404: there is no such object."""


class Conflict(Refusal):
    """409: the resourceVersion or the uid is not that of the object that is there."""


class AlreadyExists(Refusal):
    """409: the name is taken, be it by an object that is being deleted."""


def performed(cluster: Cluster, request: Request) -> Cluster | Refusal:
    """The cluster after a request. What changes nothing gives no new resourceVersion."""
    if request.namespace != cluster.backup.metadata.namespace:
        return NotFound(f"there is nothing in the namespace {request.namespace}")
    match request:
        case PatchBackup():
            return _patch(cluster, request)
        case CreateJobRequest():
            return _create(cluster, request)
        case DeleteJobRequest():
            return _delete(cluster, request)


def _patch(cluster: Cluster, request: PatchBackup) -> Cluster | Refusal:
    metadata = cluster.backup.metadata
    if request.name != metadata.name:
        return NotFound(f"there is no Backup {request.name}")
    if request.body.get("metadata", {}).get("resourceVersion", metadata.resource_version) != metadata.resource_version:
        return Conflict(f"the Backup {request.name} is at resourceVersion {metadata.resource_version} now")
    return _stored(cluster, Backup.from_json(patched(cluster.backup.to_json(), request.body)))


def _stored(cluster: Cluster, backup: Backup) -> Cluster:
    """The Backup written: without a status subresource every write counts up its generation."""
    document = backup.to_json()
    if document == cluster.backup.to_json():
        return cluster
    generation = cluster.backup.metadata.generation + 1
    document["metadata"] |= {"resourceVersion": str(cluster.version + 1), "generation": generation}
    return replace(cluster, backup=Backup.from_json(document), version=cluster.version + 1)


def _create(cluster: Cluster, request: CreateJobRequest) -> Cluster | Refusal:
    if cluster.job(request.name) is not None:
        return AlreadyExists(f"a Job {request.name} exists already")
    metadata = {**request.body["metadata"], **_birth(cluster)}
    job = Job.from_json({**request.body, "metadata": metadata, "status": {}})
    return replace(_with_one_more(cluster), jobs=(*cluster.jobs, job))


def _birth(cluster: Cluster) -> dict[str, Any]:
    """What the API server writes into the metadata of a new object."""
    return {
        "uid": _next_uid(cluster),
        "resourceVersion": str(cluster.version + 1),
        "generation": 1,
        "creationTimestamp": text_of(cluster.clock),
    }


def _next_uid(cluster: Cluster) -> str:
    return f"00000000-0000-4000-8000-{cluster.uids + 1:012d}"


def _with_one_more(cluster: Cluster) -> Cluster:
    return replace(cluster, version=cluster.version + 1, uids=cluster.uids + 1)


def _delete(cluster: Cluster, request: DeleteJobRequest) -> Cluster | Refusal:
    job = cluster.job(request.name)
    if job is None:
        return NotFound(f"there is no Job {request.name}")
    wanted = request.body.get("preconditions", {}).get("uid", job.metadata.uid)
    if wanted != job.metadata.uid:
        return Conflict(f"the Job {request.name} has the uid {job.metadata.uid}, not {wanted}")
    policy = request.body.get("propagationPolicy", "Background")
    if policy != "Foreground":
        raise UsageError(f"only foreground deletion is simulated as a request, not {policy}")
    return _deleted(cluster, job)


# ------------------------------------------------------------------ moves


class Actor(StrEnum):
    """Who makes a move. A fair run lets all but the faults move sooner or later."""

    JOB_CONTROLLER = "job controller"
    KUBELET = "kubelet"
    GARBAGE_COLLECTOR = "garbage collector"
    PROGRAM = "program"
    FAULT = "fault"


class Move(NamedTuple):
    """A row of the table of moves, and the uid of the Job or pod that it moves."""

    name: str
    uid: str


class _Rule(NamedTuple, Generic[T]):
    actor: Actor
    enabled: Callable[[Cluster, T], bool]
    after: Callable[[Cluster, T], Cluster]


def moves(cluster: Cluster) -> tuple[Move, ...]:
    """Everything that can happen now, in a fixed order."""
    return tuple(_moves(cluster))


def _moves(cluster: Cluster) -> Iterator[Move]:
    for job in cluster.jobs:
        yield from (Move(name, job.metadata.uid) for name, rule in JOB_MOVES.items() if rule.enabled(cluster, job))
    for pod in cluster.pods:
        yield from (Move(name, pod.metadata.uid) for name, rule in POD_MOVES.items() if rule.enabled(cluster, pod))


def moved(cluster: Cluster, move: Move) -> Cluster:
    """The cluster after a move; UsageError where it cannot happen now."""
    for job in cluster.jobs:
        job_rule = JOB_MOVES.get(move.name)
        if job_rule is not None and job.metadata.uid == move.uid and job_rule.enabled(cluster, job):
            return job_rule.after(cluster, job)
    for pod in cluster.pods:
        pod_rule = POD_MOVES.get(move.name)
        if pod_rule is not None and pod.metadata.uid == move.uid and pod_rule.enabled(cluster, pod):
            return pod_rule.after(cluster, pod)
    raise UsageError(f"{move.name} cannot happen to {move.uid} now")


def actor_of(move: Move) -> Actor:
    """Who makes this move."""
    return JOB_MOVES[move.name].actor if move.name in JOB_MOVES else POD_MOVES[move.name].actor


def _changed(cluster: Cluster, thing: T, status: JobStatus | PodStatus | None = None, **metadata: Any) -> Cluster:
    """With another status or metadata of a Job or pod, and a new resourceVersion."""
    version = cluster.version + 1
    new = thing.with_(metadata=thing.metadata.with_(resource_version=str(version), **metadata))
    new = new if status is None else new.with_(status=status)
    jobs = tuple(new if each is thing else each for each in cluster.jobs)
    pods = tuple(new if each is thing else each for each in cluster.pods)
    return replace(cluster, jobs=jobs, pods=pods, version=version)  # type: ignore[arg-type]


def _without(cluster: Cluster, *things: Job | Pod) -> Cluster:
    """Without these objects, and without the programs in them."""
    uids = {each.metadata.uid for each in things}
    return replace(
        cluster,
        jobs=tuple(job for job in cluster.jobs if job.metadata.uid not in uids),
        pods=tuple(pod for pod in cluster.pods if pod.metadata.uid not in uids),
        programs=tuple(each for each in cluster.programs if each.pod not in uids),
        version=cluster.version + 1,
    )


# ------------------------------------------------------------------ the Job controller


def _is_finished(job: Job) -> bool:
    return job.status.holds("Failed") or job.status.holds("Complete")


def _is_terminating(thing: Job | Pod) -> bool:
    return thing.metadata.deletion_timestamp is not None


def _is_over(pod: Pod) -> bool:
    return pod.status.phase in ("Failed", "Succeeded")


def _can_start(cluster: Cluster, job: Job) -> bool:
    return job.status.start_time is None and not _is_finished(job) and not _is_terminating(job)


def _start(cluster: Cluster, job: Job) -> Cluster:
    """The Job's only pod is created (backoffLimit 0, restartPolicy Never)."""
    template = job.spec.to_json().get("template", {})
    pod = Pod.from_json(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{job.metadata.name}-{cluster.uids + 1}",
                "namespace": job.metadata.namespace,
                "labels": template.get("metadata", {}).get("labels", {}),
                "ownerReferences": [_job_reference(job)],
                **_birth(cluster),
            },
            "spec": template.get("spec", {}),
            "status": {"phase": "Pending"},
        }
    )
    started = _job_status(cluster, job, active=1, ready=0, startTime=text_of(cluster.clock))
    return _changed(replace(_with_one_more(cluster), pods=(*cluster.pods, pod)), job, started)


def _job_reference(job: Job) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": job.metadata.name,
        "uid": job.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _job_status(cluster: Cluster, job: Job, condition: dict[str, Any] | None = None, **counts: Any) -> JobStatus:
    """The Job's status with other counts (None: left out, as the API server does with 0) and one more condition."""
    status = {**job.status.to_json(), **counts}
    if cluster.targets:  # the field came with the same versions
        status["terminating"] = sum(_is_terminating(pod) and not _is_over(pod) for pod in cluster.pods_of(job))
    if condition is not None:
        status["conditions"] = [*status.get("conditions", []), condition]
    return JobStatus.from_json({key: value for key, value in status.items() if value is not None})


def _job_condition(cluster: Cluster, type_: str, reason: str = "", message: str = "") -> dict[str, Any]:
    now = text_of(cluster.clock)
    texts = {key: text for key, text in (("reason", reason), ("message", message)) if text}
    return {"type": type_, "status": "True", "lastProbeTime": now, "lastTransitionTime": now, **texts}


def _is_failing(cluster: Cluster, job: Job) -> bool:
    """Its pod failed, is on its way out, or is gone: any of them is one failure too many."""
    if job.status.start_time is None or _is_finished(job) or job.status.holds("SuccessCriteriaMet"):
        return False
    return all(pod.status.phase == "Failed" or _is_leaving(pod) for pod in cluster.pods_of(job))


def _is_leaving(pod: Pod) -> bool:
    return _is_terminating(pod) and not _is_over(pod)


def _can_target_failure(cluster: Cluster, job: Job) -> bool:
    return cluster.targets and not job.status.holds("FailureTarget") and _is_failing(cluster, job)


def _target_failure(cluster: Cluster, job: Job) -> Cluster:
    condition = _job_condition(cluster, "FailureTarget", *BACKOFF_LIMIT)
    return _changed(cluster, job, _job_status(cluster, job, condition, active=None, ready=0))


def _can_fail(cluster: Cluster, job: Job) -> bool:
    """From 1.31 it waits until every pod is over; before, it does not wait for a pod that is on its way out."""
    if not cluster.targets:
        return _is_failing(cluster, job)
    over = all(_is_over(pod) for pod in cluster.pods_of(job))
    return job.status.holds("FailureTarget") and not _is_finished(job) and over


def _fail(cluster: Cluster, job: Job) -> Cluster:
    condition = _job_condition(cluster, "Failed", *BACKOFF_LIMIT)
    return _changed(cluster, job, _job_status(cluster, job, condition, active=None, ready=0, failed=1))


def _has_succeeded(cluster: Cluster, job: Job) -> bool:
    pods = cluster.pods_of(job)
    open_ = not _is_finished(job) and not job.status.holds("FailureTarget")
    return open_ and bool(pods) and all(pod.status.phase == "Succeeded" for pod in pods)


def _can_meet_success(cluster: Cluster, job: Job) -> bool:
    return cluster.targets and not job.status.holds("SuccessCriteriaMet") and _has_succeeded(cluster, job)


def _meet_success(cluster: Cluster, job: Job) -> Cluster:
    condition = _job_condition(cluster, "SuccessCriteriaMet", "CompletionsReached")
    return _changed(cluster, job, _job_status(cluster, job, condition, active=None, ready=0))


def _can_complete(cluster: Cluster, job: Job) -> bool:
    if not cluster.targets:
        return _has_succeeded(cluster, job)
    return job.status.holds("SuccessCriteriaMet") and not _is_finished(job)


def _complete(cluster: Cluster, job: Job) -> Cluster:
    counts = {"active": None, "ready": 0, "succeeded": 1, "completionTime": text_of(cluster.clock)}
    return _changed(cluster, job, _job_status(cluster, job, _job_condition(cluster, "Complete"), **counts))


# ------------------------------------------------------------------ deletion


def _can_be_deleted(cluster: Cluster, job: Job) -> bool:
    return not _is_terminating(job)


def _deleted(cluster: Cluster, job: Job) -> Cluster:
    """Foreground deletion asked for: the Job stays until its pods are gone. Asked twice it changes nothing."""
    if _is_terminating(job):
        return cluster
    finalizers = (*job.metadata.finalizers, FOREGROUND)
    return _changed(
        cluster,
        job,
        deletion_timestamp=text_of(cluster.clock),
        deletion_grace_period_seconds=0,
        finalizers=finalizers,
        generation=job.metadata.generation + 1,
    )


def _can_ask_pods(cluster: Cluster, job: Job) -> bool:
    return _is_terminating(job) and not all(_is_terminating(pod) for pod in cluster.pods_of(job))


def _ask_pods(cluster: Cluster, job: Job) -> Cluster:
    """The garbage collector deletes the pods; they get their grace period."""
    for pod in cluster.pods_of(job):
        cluster = _pod_deleted(cluster, pod)
    return cluster


def _pod_deleted(cluster: Cluster, pod: Pod) -> Cluster:
    if _is_terminating(pod):
        return cluster
    at = text_of(cluster.clock + GRACE_SECONDS)
    return _changed(cluster, pod, deletion_timestamp=at, deletion_grace_period_seconds=GRACE_SECONDS)


def _can_go(cluster: Cluster, job: Job) -> bool:
    return _is_terminating(job) and not cluster.pods_of(job)


def _vanish(cluster: Cluster, job: Job) -> Cluster:
    """Somebody deleted the Job in the background: Job, pod and program are gone."""
    return _without(cluster, job, *cluster.pods_of(job))


def _orphan(cluster: Cluster, job: Job) -> Cluster:
    """Somebody deleted the Job without its pod: the program goes on, and its writes cannot be told from another's."""
    for pod in cluster.pods_of(job):
        cluster = _changed(cluster, pod, owner_references=())
    return _without(cluster, job)


# ------------------------------------------------------------------ kubelet and pods


def _can_run(cluster: Cluster, pod: Pod) -> bool:
    return pod.status.phase == "Pending" and not _is_terminating(pod)


def _run(cluster: Cluster, pod: Pod) -> Cluster:
    """The containers start, and the program in them; the Job counts the pod as ready."""
    now = text_of(cluster.clock)
    status = _pod_status(pod, "Running", {"running": {"startedAt": now}}, startTime=now)
    cluster = _changed(cluster, pod, status)
    cluster = replace(cluster, programs=(*cluster.programs, Program(pod.metadata.uid, Stage.STARTED)))
    owner = next((job for job in cluster.jobs if owned_by(pod, job.metadata.uid)), None)
    return cluster if owner is None else _changed(cluster, owner, _job_status(cluster, owner, ready=1))


def _pod_status(pod: Pod, phase: str, state: Mapping[str, Any], **more: Any) -> PodStatus:
    container = {"name": "backup", "image": "", "restartCount": 0, "state": dict(state)}
    return PodStatus.from_json({**pod.status.to_json(), "phase": phase, "containerStatuses": [container], **more})


def _is_running(cluster: Cluster, pod: Pod) -> bool:
    return pod.status.phase == "Running"


def _ended(cluster: Cluster, pod: Pod, code: int, why: str, **more: Any) -> Cluster:
    """The pod is over, and with it its program."""
    end = {"exitCode": code, "reason": why, "finishedAt": text_of(cluster.clock)}
    if pod.status.start_time is not None:
        end["startedAt"] = pod.status.start_time
    status = _pod_status(pod, "Failed" if code else "Succeeded", {"terminated": end}, **more)
    programs = tuple(each for each in cluster.programs if each.pod != pod.metadata.uid)
    return _changed(replace(cluster, programs=programs), pod, status)


def _kill_for_memory(cluster: Cluster, pod: Pod) -> Cluster:
    """Without a word: the program gets no chance to write."""
    return _ended(cluster, pod, 137, "OOMKilled")


def _is_open(cluster: Cluster, pod: Pod) -> bool:
    return not _is_over(pod)


def _evict(cluster: Cluster, pod: Pod) -> Cluster:
    """The node is short of something: the kubelet ends the pod."""
    disruption = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "TerminationByKubelet",
        "lastTransitionTime": text_of(cluster.clock),
    }
    return _ended(cluster, pod, 137, "Error", reason="Evicted", conditions=[disruption])


def _can_exit(cluster: Cluster, pod: Pod) -> bool:
    return cluster.stage_of(pod) in (Stage.COMPLETED, Stage.REPORTED)


def _exit(cluster: Cluster, pod: Pod) -> Cluster:
    """The exit code is 0 only if the last write was Complete."""
    done = cluster.stage_of(pod) is Stage.COMPLETED
    return _ended(cluster, pod, 0, "Completed") if done else _ended(cluster, pod, 1, "Error")


def _can_leave(cluster: Cluster, pod: Pod) -> bool:
    return _is_terminating(pod)


# ------------------------------------------------------------------ the program


def _can_write(cluster: Cluster, pod: Pod) -> bool:
    return cluster.stage_of(pod) in _WRITES


def _write(cluster: Cluster, pod: Pod) -> Cluster:
    """The next write on the good path (operator-semantics 8.1). The writer is not told from any other pod's."""
    stage = cluster.stage_of(pod)
    assert stage is not None
    status = cluster.backup.status
    restarts = cluster.backup.mode == Mode.SNAPSHOT and (status.phase != Phase.SCHEDULED or is_restart(cluster.backup))
    if stage is Stage.STARTED and restarts:
        return _told(cluster, pod, Stage.RESTARTED, Condition(type=Phase.RESTART, status="True"))
    next_stage, phase = _WRITES[stage]
    update = {Phase.PREPARE: _path, Phase.COMPLETE: _result}.get(phase)
    return _told(
        cluster, pod, next_stage, Condition(type=phase, status="True"), update(cluster, pod) if update else None
    )


_WRITES = {
    Stage.STARTED: (Stage.PREPARED, Phase.PREPARE),
    Stage.RESTARTED: (Stage.PREPARED, Phase.PREPARE),
    Stage.PREPARED: (Stage.RUNNING, Phase.RUNNING),
    Stage.RUNNING: (Stage.COMPLETED, Phase.COMPLETE),
}


def _path(cluster: Cluster, pod: Pod) -> Update:
    return Update(backup_path=f"s3://backups/{cluster.backup.metadata.name}")


def _result(cluster: Cluster, pod: Pod) -> Update:
    started = pod.status.start_time
    return Update(
        time_started=cluster.clock if started is None else seconds_of(started),
        time_completed=cluster.clock,
        backup_size=1 << 30,
        backup_size_readable="1.1 GB",
        commit_ts="462034591744294919",
    )


_REASONS = {
    Stage.STARTED: "GetBackupRemotePathFailed",
    Stage.RESTARTED: "GetBackupRemotePathFailed",
    Stage.PREPARED: "SetTikvGCLifeTimeFailed",
    Stage.RUNNING: "BackupDataToRemoteFailed",
}


def _report_failure(cluster: Cluster, pod: Pod) -> Cluster:
    """The program itself gives up, and says so."""
    stage = cluster.stage_of(pod)
    assert stage is not None
    reason = _REASONS[stage]
    message = f"the backup program gave up while it was {stage}"
    return _told(
        cluster, pod, Stage.REPORTED, Condition(type=Phase.FAILED, status="True", reason=reason, message=message)
    )


def _told(cluster: Cluster, pod: Pod, stage: Stage, condition: Condition, update: Update | None = None) -> Cluster:
    """The program's write, through the operator's own status updater; a conflict makes it read and write again."""
    backup, _ = updated(cluster.backup, condition, update, cluster.clock)
    programs = tuple(each._replace(stage=stage) if each.pod == pod.metadata.uid else each for each in cluster.programs)
    return replace(_stored(cluster, backup), programs=programs)


# ------------------------------------------------------------------ the table

JOB_MOVES: Mapping[str, _Rule[Job]] = {
    "start": _Rule(Actor.JOB_CONTROLLER, _can_start, _start),
    "target_failure": _Rule(Actor.JOB_CONTROLLER, _can_target_failure, _target_failure),
    "fail": _Rule(Actor.JOB_CONTROLLER, _can_fail, _fail),
    "meet_success": _Rule(Actor.JOB_CONTROLLER, _can_meet_success, _meet_success),
    "complete": _Rule(Actor.JOB_CONTROLLER, _can_complete, _complete),
    "ask_pods": _Rule(Actor.GARBAGE_COLLECTOR, _can_ask_pods, _ask_pods),
    "go": _Rule(Actor.GARBAGE_COLLECTOR, _can_go, _without),
    "delete": _Rule(Actor.FAULT, _can_be_deleted, _deleted),
    "vanish": _Rule(Actor.FAULT, lambda cluster, job: True, _vanish),
    "orphan": _Rule(Actor.FAULT, lambda cluster, job: True, _orphan),
}
"""What can happen to a Job."""

POD_MOVES: Mapping[str, _Rule[Pod]] = {
    "run": _Rule(Actor.KUBELET, _can_run, _run),
    "write": _Rule(Actor.PROGRAM, _can_write, _write),
    "exit": _Rule(Actor.KUBELET, _can_exit, _exit),
    "leave": _Rule(Actor.KUBELET, _can_leave, _without),
    "report_failure": _Rule(Actor.FAULT, _can_write, _report_failure),
    "kill_for_memory": _Rule(Actor.FAULT, _is_running, _kill_for_memory),
    "evict": _Rule(Actor.FAULT, _is_open, _evict),
}
"""What can happen to a pod."""
