"""Our decision runs snapshot backups in the operator's place, on a simulated cluster, and is interrupted everywhere."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm.adapter.decision import effects_of
from fsm.adapter.observation import Observation, SeenJob, time_of
from fsm.adapter.patches import (
    CreateJobRequest,
    DeleteJobRequest,
    Effect,
    PatchBackup,
    merge_patch,
    patched,
    request_of,
    status_patch,
)
from fsm.adapter.path import path_between
from fsm.adapter.snapshot import ATTEMPT_ANNOTATION, LIFECYCLE, WORKING
from fsm.environment import (
    Actor,
    Cluster,
    Move,
    Refusal,
    Stage,
    actor_of,
    cluster_of,
    moved,
    moves,
    observed,
    performed,
    waited,
)
from fsm.errors import InputError, UsageError
from fsm.kernel import MachineState
from fsm.machines import SNAPSHOT, CreateJob, DeleteJob, Policy, RequeueAt
from fsm.model import SECOND, Backup, Job, Phase, seconds_of, text_of

START = seconds_of("2026-11-22T02:00:00Z")
RESYNC = 30  # seconds; who lost a requeue looks again after at most that
MOST_ROUNDS = 2000
UNREADABLE = {"soon": "300s", "later": "30m"}
TEMPLATE = {"spec": {"serviceAccountName": "tidb-backup-manager", "containers": [{"name": "backup", "image": "bm:1"}]}}


def backup_of(status: dict[str, Any] | None = None, policy: dict[str, Any] | None = None, **spec: Any) -> Backup:
    """A stored snapshot Backup."""
    chosen = {"minRetryDuration": "60s", "maxRetryTimes": 2, "retryTimeout": "30m"} if policy is None else policy
    return Backup.from_json(
        {
            "apiVersion": "pingcap.com/v1alpha1",
            "kind": "Backup",
            "metadata": {
                "name": "demo",
                "namespace": "ns",
                "uid": "backup-uid",
                "resourceVersion": "7",
                "creationTimestamp": text_of(START),
            },
            "spec": {"br": {"cluster": "basic"}, "backoffRetryPolicy": chosen, "x-unknown": [None], **spec},
            **({} if status is None else {"status": status}),
        }
    )


# ------------------------------------------------------------------ the shell


class Fault(NamedTuple):
    """What goes wrong with the effect of this number, counted over the whole run."""

    kind: str
    at: int


FAULTS = (
    "dies before",
    "dies before, for long",
    "dies after",
    "dies after, for long",
    "loses it",
    "performs it twice",
    "somebody writes first",
)


@dataclass
class World:
    """A cluster, the shell that runs the decision against it, and a watcher who remembers every Job and checks."""

    cluster: Cluster
    fault: Fault | None = None
    timer: int | None = None
    asleep: bool = False
    effects: list[Effect] = field(default_factory=list)
    created: list[int] = field(default_factory=list)
    seen: dict[str, SeenJob] = field(default_factory=dict)
    states: list[MachineState] = field(default_factory=list)
    orphaned: bool = False
    """A program runs that no Job owns: what it writes cannot be told from the attempt's own words."""
    forgotten: bool = False
    """A Job went before `Scheduled` was written: it left no trace, so its attempt begins anew, for the watcher too."""

    def __post_init__(self) -> None:
        self.put(self.cluster)

    @property
    def state(self) -> MachineState:
        return self.states[-1]

    @property
    def final(self) -> bool:
        return SNAPSHOT.outcome(self.state.configuration) is not None

    def put(self, cluster: Cluster) -> None:
        """The next cluster, watched."""
        self.forgotten |= len(cluster.jobs) < len(self.cluster.jobs) and self._is_unwritten()
        self.cluster = cluster
        for job in cluster.jobs:
            self.seen[job.metadata.uid] = SeenJob(job)
        live = {job.metadata.uid for job in cluster.jobs}
        for uid, seen in self.seen.items():
            if uid not in live and not seen.gone:
                self.seen[uid] = SeenJob(seen.job, cluster.clock)
        self._check()

    def _is_unwritten(self) -> bool:
        """The Backup does not tell that the attempt has a Job."""
        leaf = SNAPSHOT.leaves(LIFECYCLE.state_of(observed(self.cluster)).configuration)[-1]
        return leaf in ("scheduled", "failed") and self.cluster.backup.status.phase not in WORKING

    def remembered(self) -> Observation:
        """What a watcher knows; unreadable durations it reads as the decision does, not as the operator."""
        spec = self.cluster.backup.spec
        policy = spec.backoff_retry_policy
        minimum, timeout = UNREADABLE.get(policy.min_retry_duration), UNREADABLE.get(policy.retry_timeout)
        read = policy.with_(
            min_retry_duration=minimum or policy.min_retry_duration, retry_timeout=timeout or policy.retry_timeout
        )
        backup = self.cluster.backup.with_(spec=spec.with_(backoff_retry_policy=read))
        return observed(self.cluster)._replace(backup=backup, jobs=tuple(self.seen.values()))

    def forked(self) -> World:
        """An independent copy."""
        fork = copy.copy(self)
        fork.effects, fork.created, fork.states = [*self.effects], [*self.created], [*self.states]
        fork.seen = dict(self.seen)
        return fork

    def _check(self) -> None:
        state = LIFECYCLE.state_of(self.remembered())
        if self.states and not self.orphaned and not self.forgotten:
            evidence = LIFECYCLE.evidence_of(self.remembered())
            path = path_between(LIFECYCLE, self.state, state, evidence, self.cluster.clock)
            assert path is not None, f"no declared path from {self.state} to {state}"
        self.states.append(state)
        check_invariants(self)

    def look(self) -> bool:
        """One run of the shell; whether it changed anything."""
        before = self.cluster
        observation = observed(before)
        effects = effects_of(observation, None, before.clock)
        self.timer = None
        for effect in effects:
            number = len(self.effects)
            self.effects.append(effect)
            kind = self.fault.kind if self.fault is not None and self.fault.at == number else ""
            if not self._survives(effect, observation, kind):
                break
        return self.cluster is not before

    def _survives(self, effect: Effect, observation: Observation, kind: str) -> bool:
        """Perform an effect, or what is left of it; False where the rest of the decision is dropped."""
        if kind.startswith("dies before"):
            self.asleep = kind.endswith("long")
            return False
        if kind == "loses it":
            return True
        if kind == "somebody writes first":
            self.put(annotated(self.cluster))
        went_well = self._perform(effect, observation)
        if kind == "performs it twice":
            self._perform(effect, observation)
        if kind.startswith("dies after"):
            self.asleep, self.timer = kind.endswith("long"), None
            return False
        return went_well

    def _perform(self, effect: Effect, observation: Observation) -> bool:
        request = request_of(effect, observation, template=TEMPLATE, tikv_version="v8.5.2")
        if request is None:
            assert isinstance(effect, RequeueAt)
            self.timer = effect.at
            return True
        answer = performed(self.cluster, request)
        if isinstance(answer, Refusal):
            return False
        if isinstance(effect, CreateJob):
            self.created.append(effect.attempt)
        if answer is not self.cluster:
            self.put(answer)
        return True


def annotated(cluster: Cluster) -> Cluster:
    """Somebody else wrote the Backup: nothing that matters, but there is a new resourceVersion."""
    metadata = cluster.backup.metadata
    noted = metadata.with_(
        annotations={**metadata.annotations, "note": str(cluster.version)}, resource_version=str(cluster.version + 1)
    )
    return replace(cluster, backup=cluster.backup.with_(metadata=noted), version=cluster.version + 1)


def check_invariants(world: World) -> None:
    """What holds at every moment of every run."""
    cluster, records = world.cluster, world.cluster.backup.status.backoff_retry_status
    jobs = [job for job in cluster.jobs if not (job.status.holds("Failed") or job.status.holds("Complete"))]
    assert len(jobs) <= 1
    if not world.orphaned:
        assert len([pod for pod in cluster.pods if pod.status.phase in ("Pending", "Running")]) <= 1
    assert [record.retry_num for record in records] == list(range(1, len(records) + 1))
    assert all(record.real_retry_at is not None for record in records[:-1])
    began = [record for record in records if record.real_retry_at is not None]
    assert len(began) <= max(0, cluster.backup.spec.backoff_retry_policy.max_retry_times)
    for record in began:
        assert (time_of(record.real_retry_at) or 0) > (time_of(record.expected_retry_at) or 0)
    for seen in world.seen.values():
        attempt = int(seen.job.metadata.annotations[ATTEMPT_ANNOTATION])
        assert attempt <= len(began)
        assert attempt == 0 or seen.created_at > (time_of(records[attempt - 1].expected_retry_at) or 0)


# ------------------------------------------------------------------ what happens to the attempts


class Attempt(NamedTuple):
    """How one attempt ends: a move, instead of the program's next write at a stage ("pending": before it runs).

    `seconds` pass before that; every other move takes one second.
    """

    end: str = "write"
    at: str = Stage.RUNNING
    seconds: int = 60


COMPLETES = Attempt()
KILLED = Attempt("kill_for_memory")


class Scenario(NamedTuple):
    """A story and its end. `jobs` is the number of Jobs ever created."""

    attempts: tuple[Attempt, ...]
    leaf: str
    attempt: int = 0
    records: int = 0
    retries: int = 0
    policy: dict[str, Any] | None = None

    @property
    def jobs(self) -> int:
        return self.attempt + 1


def policy_of(minimum: str, times: int, timeout: str) -> dict[str, Any]:
    return {"minRetryDuration": minimum, "maxRetryTimes": times, "retryTimeout": timeout}


SCENARIOS = {
    "it completes": Scenario((COMPLETES,), "complete"),
    "a silent death, a retry, and it completes": Scenario((KILLED, COMPLETES), "complete", 1, 1, 1),
    "two silent deaths, at the start and while it prepares": Scenario(
        (Attempt("kill_for_memory", Stage.STARTED), Attempt("evict", Stage.PREPARED), COMPLETES), "complete", 2, 2, 2
    ),
    "evicted before it ran, twice": Scenario(
        (Attempt("evict", "pending"), Attempt("evict", "pending"), COMPLETES), "complete", 2, 2, 2
    ),
    "retries exhausted": Scenario((KILLED, KILLED, KILLED), "exhausted", 2, 3, 2),
    "no retry allowed": Scenario((KILLED,), "exhausted", 0, 1, 0, policy_of("60s", -1, "30m")),
    "too late: found at the next failure": Scenario(
        (KILLED, KILLED._replace(seconds=3000)), "timed_out", 1, 2, 1, policy_of("60s", 5, "30m")
    ),
    "too late: passed while waiting": Scenario((KILLED,), "timed_out", 0, 1, 0, policy_of("1h", 2, "30m")),
    "its Job vanishes": Scenario((Attempt("vanish"), COMPLETES), "complete", 1, 1, 1),
    "its Job vanishes while it prepares, and every other too": Scenario(
        (Attempt("vanish", Stage.PREPARED),) * 3, "exhausted", 2, 3, 2
    ),
    "somebody deletes its Job in the foreground": Scenario((Attempt("delete"), COMPLETES), "complete", 1, 1, 1),
    "the program reports a failure": Scenario((Attempt("report_failure"),), "aborted"),
    "the program of a retry reports a failure": Scenario(
        (KILLED, Attempt("report_failure", Stage.PREPARED)), "aborted", 1, 1, 1
    ),
    "durations that do not parse": Scenario((KILLED, COMPLETES), "complete", 1, 1, 1, policy_of("soon", 2, "later")),
    "no waiting time": Scenario((KILLED, COMPLETES), "complete", 1, 1, 1, policy_of("0s", 2, "30m")),
}
CLUSTERS = pytest.mark.parametrize("targets", [True, False], ids=["from 1.31", "before 1.31"])
STORIES = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())


def attempt_at(world: World, uid: str) -> int | None:
    """The number of the attempt whose Job or pod has this uid."""
    for job in world.cluster.jobs:
        if uid in (job.metadata.uid, *(pod.metadata.uid for pod in world.cluster.pods_of(job))):
            return int(job.metadata.annotations[ATTEMPT_ANNOTATION])
    return None


def next_move(world: World, attempts: tuple[Attempt, ...]) -> tuple[Move, int] | None:
    """The next move of everybody else, and the seconds it takes."""
    fair = [move for move in moves(world.cluster) if actor_of(move) is not Actor.FAULT]
    fair.sort(key=lambda move: move.name != "leave")  # a pod that was asked to leave does so before it can go on
    if not fair:
        return None
    move, number = fair[0], attempt_at(world, fair[0].uid)
    if move.name not in ("run", "write") or number is None:
        return move, 1
    assert number < len(attempts), "one attempt more than the story has"
    plan = attempts[number]
    pod = next(pod for pod in world.cluster.pods if pod.metadata.uid == move.uid)
    if (world.cluster.stage_of(pod) or "pending") != plan.at:
        return move, 1
    owner = next(job.metadata.uid for job in world.cluster.jobs if pod in world.cluster.pods_of(job))
    return Move(plan.end, owner if plan.end in ("vanish", "delete") else move.uid), plan.seconds


def settled(world: World, attempts: tuple[Attempt, ...], forks: list[World] | None = None) -> World:
    """Run until nothing happens any more: the shell looks at every change, everybody else moves when it has looked.

    `forks` collects the world as it was before every effect.
    """
    for _ in range(MOST_ROUNDS):
        fork, count = world if forks is None else world.forked(), len(world.effects)
        changed = not world.asleep and world.look()
        if forks is not None:
            forks += [fork] * (len(world.effects) - count)
        if changed:
            continue
        move = next_move(world, attempts)
        if move is not None:
            world.put(moved(waited(world.cluster, world.cluster.clock + move[1]), move[0]))
        elif world.asleep:
            world.asleep = False
        elif world.final:
            return world
        else:
            until = world.cluster.clock + RESYNC if world.timer is None else world.timer
            world.put(waited(world.cluster, max(until, world.cluster.clock)))
    raise AssertionError(f"it does not come to an end: {world.state}")


def told(scenario: Scenario, targets: bool = True, forks: list[World] | None = None) -> World:
    """The whole story."""
    cluster = cluster_of(backup_of(policy=scenario.policy), START, targets=targets)
    return settled(World(cluster), scenario.attempts, forks)


def outcome_of(world: World) -> tuple[Any, ...]:
    context = world.state.context
    leaf = SNAPSHOT.leaves(world.state.configuration)[-1]
    return leaf, context.attempt, len(context.records), context.retries, world.created


def expected_of(scenario: Scenario) -> tuple[Any, ...]:
    jobs = list(range(scenario.jobs))
    return scenario.leaf, scenario.attempt, scenario.records, scenario.retries, jobs


@STORIES
@CLUSTERS
def test_it_brings_a_backup_to_its_end(scenario: Scenario, targets: bool) -> None:
    world = told(scenario, targets)
    assert outcome_of(world) == expected_of(scenario)


@STORIES
@CLUSTERS
def test_a_finished_backup_is_left_alone_for_ever(scenario: Scenario, targets: bool) -> None:
    world = told(scenario, targets)
    for later in (0, 1, 3600, 10**7):
        now = world.cluster.clock + later
        assert effects_of(observed(world.cluster), None, now) == ()
        assert effects_of(world.remembered(), Policy(max_times=9), now) == ()


@STORIES
@pytest.mark.parametrize(
    "targets", [True, pytest.param(False, marks=pytest.mark.exhaustive)], ids=["from 1.31", "before 1.31"]
)
def test_interrupted_at_any_effect_it_comes_to_the_same_end_with_the_same_jobs(
    scenario: Scenario, targets: bool
) -> None:
    forks: list[World] = []
    undisturbed = told(scenario, targets, forks)
    assert len(forks) == len(undisturbed.effects)
    for number, fork in enumerate(forks):
        for kind in FAULTS:
            world = fork.forked()
            world.fault = Fault(kind, number)
            assert outcome_of(settled(world, scenario.attempts)) == outcome_of(undisturbed), world.fault


@pytest.mark.parametrize("name", ["a silent death, a retry, and it completes", "its Job vanishes", "retries exhausted"])
def test_who_remembers_the_jobs_that_are_gone_decides_the_same(name: str) -> None:
    scenario = SCENARIOS[name]
    world = World(cluster_of(backup_of(policy=scenario.policy), START))
    for _ in range(MOST_ROUNDS):
        now = world.cluster.clock
        assert effects_of(observed(world.cluster), None, now) == effects_of(world.remembered(), None, now)
        if world.look():
            continue
        move = next_move(world, scenario.attempts)
        if move is None and world.final:
            return
        if move is not None:
            world.put(moved(waited(world.cluster, now + move[1]), move[0]))
        else:
            world.put(waited(world.cluster, world.timer or now + RESYNC))


# ------------------------------------------------------------------ anything in any order


def choices(world: World, faults_left: int, orphans: bool) -> Iterator[Any]:
    """What can happen next: everybody's moves, the shell, the passing of time; what is fair is more likely."""
    for move in moves(world.cluster):
        fair = actor_of(move) is not Actor.FAULT
        if fair or (faults_left and (orphans or move.name != "orphan")):
            yield from (move,) * (3 if fair else 1)
    yield from ("look",) * 6
    yield from ("wait 1", "wait 61", "wait 1000")
    if faults_left:
        yield from FAULTS


def happen(world: World, choice: Any) -> None:
    if isinstance(choice, Move):
        world.orphaned |= choice.name == "orphan"
        world.put(moved(world.cluster, choice))
    elif choice.startswith("wait"):
        world.put(waited(world.cluster, world.cluster.clock + int(choice.split()[1])))
    else:
        world.fault = None if choice == "look" else Fault(choice, len(world.effects))
        world.look()
        world.asleep, world.fault = False, None


@settings(max_examples=200, deadline=None)
@given(
    numbers=st.lists(st.integers(0, 2**20), max_size=150),
    orphans=st.booleans(),
    times=st.integers(-1, 3),
    minimum=st.sampled_from(["0s", "60s", "-5s", "300s", "soon"]),
    timeout=st.sampled_from(["30m", "10s", "5m", "later"]),
    targets=st.booleans(),
)
def test_whatever_happens_in_whatever_order_it_keeps_its_promises_and_ends(
    numbers: list[int], orphans: bool, times: int, minimum: str, timeout: str, targets: bool
) -> None:
    """The promises are checked after every change (World.put); then the faults stop, and it ends by itself."""
    world = World(cluster_of(backup_of(policy=policy_of(minimum, times, timeout)), START, targets=targets))
    faults_left = 8
    for number in numbers:
        options = list(choices(world, faults_left, orphans))
        choice = options[number % len(options)]
        faults_left -= choice in FAULTS or (isinstance(choice, Move) and actor_of(choice) is Actor.FAULT)
        happen(world, choice)
    settled(world, (COMPLETES,) * 10)
    assert effects_of(observed(world.cluster), None, world.cluster.clock + 10**6) == ()


# ------------------------------------------------------------------ single looks


def stored_job(
    attempt: int | None = None, *, created: int = START, failed: bool = False, uid: str = "job-1"
) -> SeenJob:
    """A Job of the Backup; without an attempt it is one that the operator created."""
    failure = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    job = {
        "kind": "Job",
        "metadata": {
            "name": "backup-demo",
            "namespace": "ns",
            "uid": uid,
            "creationTimestamp": text_of(created),
            "annotations": {} if attempt is None else {ATTEMPT_ANNOTATION: str(attempt)},
        },
        "status": {"conditions": [failure] if failed else []},
    }
    return SeenJob(Job.from_json(job))


def condition(type_: str, at: int = START, **more: str) -> dict[str, Any]:
    return {"type": type_, "status": "True", "lastTransitionTime": text_of(at), **more}


def status(phase: str, *records: dict[str, Any], conditions: tuple[str, ...] = ()) -> dict[str, Any]:
    held = [condition(each) for each in (*conditions, *((phase,) if phase else ()))]
    return {"phase": phase, "conditions": held, "backoffRetryStatus": list(records), "timeStarted": None}


def record(number: int, detected: int, *, expected: int | None = None, real: int | None = None) -> dict[str, Any]:
    found = {
        "retryNum": number,
        "detectFailedAt": text_of(detected),
        "expectedRetryAt": text_of(detected + 60 if expected is None else expected),
        "retryReason": "Job backup-demo has failed",
        "originalReason": "BackoffLimitExceeded",
    }
    return found if real is None else {**found, "realRetryAt": text_of(real)}


def look(
    phase_status: dict[str, Any] | None, *jobs: SeenJob, now: int = START, policy: Policy | None = None, **spec: Any
) -> tuple[Effect, ...]:
    return effects_of(Observation(backup_of(phase_status, **spec), jobs), policy, now)


def after(effects: tuple[Effect, ...], before: dict[str, Any] | None, **spec: Any) -> Backup:
    """The Backup after the one patch among the effects."""
    (patch,) = [effect for effect in effects if isinstance(effect, PatchBackup)]
    return Backup.from_json(patched(backup_of(before, **spec).to_json(), patch.body))


def others(effects: tuple[Effect, ...]) -> list[Effect]:
    return [effect for effect in effects if not isinstance(effect, PatchBackup)]


def test_a_new_backup_asks_for_its_first_job_and_writes_nothing() -> None:
    assert look(None) == (CreateJob(0),)


def test_the_job_that_exists_is_written_down_as_scheduled() -> None:
    effects = look(None, stored_job(0), now=START + 3)
    assert others(effects) == []
    assert after(effects, None).status.phase == Phase.SCHEDULED
    assert after(effects, None).status.conditions[0].last_transition_time == text_of(START + 3)


def test_a_patch_names_the_version_that_was_looked_at_and_touches_the_status_only() -> None:
    (patch,) = look(None, stored_job(0))
    assert isinstance(patch, PatchBackup)
    assert (patch.namespace, patch.name, patch.resource_version) == ("ns", "demo", "7")
    assert set(patch.body) == {"metadata", "status"}
    assert patch.body["metadata"] == {"resourceVersion": "7"}


@pytest.mark.parametrize("phase", ["Scheduled", "Prepare", "Running"])
def test_while_the_job_works_there_is_nothing_to_do(phase: str) -> None:
    assert look(status(phase), stored_job(0)) == ()


def test_a_failure_is_recorded_with_its_retry_in_one_patch_and_a_requeue() -> None:
    before = status("Running", conditions=("Scheduled", "Prepare"))
    effects = look(before, stored_job(0, failed=True), now=START + 100)
    written = after(effects, before).status
    assert others(effects) == [RequeueAt(START + 161)]
    assert [each.to_json() for each in written.backoff_retry_status] == [record(1, START + 100)]
    assert [each.to_json() for each in written.conditions] == [
        condition(x) for x in ("Scheduled", "Prepare", "Running")
    ]
    assert written.phase == Phase.RUNNING


def test_the_last_failure_and_the_end_are_one_patch() -> None:
    before = status("Running", record(1, START, real=START + 61), record(2, START + 100, real=START + 300))
    effects = look(before, stored_job(2, created=START + 301, failed=True), now=START + 500)
    written = after(effects, before).status
    assert others(effects) == []
    assert (len(written.backoff_retry_status), written.phase) == (3, Phase.FAILED)
    ended = written.condition(Phase.FAILED)
    assert ended is not None
    assert ended.message == (
        "exceed retry times, max is 2, failed reason Job backup-demo has failed, original reason BackoffLimitExceeded"
    )


@pytest.mark.parametrize(("later", "begins"), [(59, False), (60, False), (61, True)])
def test_a_retry_begins_in_a_later_second_than_expected_and_the_patch_comes_before_the_deletion(
    later: int, begins: bool
) -> None:
    before = status("Running", record(1, START))
    effects = look(before, stored_job(0, failed=True), now=START + later)
    if not begins:
        assert effects == (RequeueAt(START + 61),)
        return
    assert [type(effect) for effect in effects] == [PatchBackup, DeleteJob]
    assert others(effects) == [DeleteJob("job-1")]
    written = after(effects, before).status
    assert (written.phase, written.backoff_retry_status[0].real_retry_at) == (Phase.RETRY_FAILED, text_of(START + 61))
    assert written.holds(Phase.RESTART)
    assert written.condition(Phase.PREPARE) is None


RETRYING = {
    **status("RetryFailed", record(1, START, real=START + 61), conditions=("Scheduled", "Running", "Restart")),
}
RETRYING["conditions"][-1] |= {
    "reason": "RetryFailedBackup",
    "message": "reason Job backup-demo has failed, original reason BackoffLimitExceeded",
}


def test_a_failed_job_that_is_there_still_is_deleted_again() -> None:
    """S1: the operator asks once, and is stuck if that request fails."""
    assert look(RETRYING, stored_job(0, failed=True), now=START + 62) == (DeleteJob("job-1"),)


def test_the_next_job_is_asked_for_when_the_failed_one_is_gone() -> None:
    assert look(RETRYING, now=START + 62) == (CreateJob(1),)


def test_a_newer_job_is_recognised_although_scheduled_was_never_written() -> None:
    """S3: the operator goes by the phase alone."""
    effects = look(RETRYING, stored_job(1, created=START + 62), now=START + 63)
    assert others(effects) == []
    assert after(effects, RETRYING).status.phase == Phase.SCHEDULED


def test_a_newer_job_that_failed_before_scheduled_was_written_is_recorded() -> None:
    """S3: for the operator this is the end."""
    effects = look(RETRYING, stored_job(1, created=START + 62, failed=True), now=START + 99)
    written = after(effects, RETRYING).status
    assert (written.phase, [each.retry_num for each in written.backoff_retry_status]) == (Phase.SCHEDULED, [1, 2])
    assert others(effects) == [RequeueAt(START + 99 + 120 + 1)]


@pytest.mark.parametrize("phase", ["Scheduled", "Prepare", "Running"])
def test_a_job_that_vanished_is_recorded_as_a_failure(phase: str) -> None:
    """S7: for the operator it runs for ever."""
    effects = look(status(phase), now=START + 5)
    (found,) = after(effects, status(phase)).status.backoff_retry_status
    assert (found.original_reason, found.detect_failed_at) == ("JobVanished", text_of(START + 5))
    assert others(effects) == [RequeueAt(START + 66)]


SUCCEEDED = SeenJob(
    Job.from_json({**stored_job(0).job.to_json(), "status": {"conditions": [{"type": "Complete", "status": "True"}]}})
)


@pytest.mark.parametrize(
    ("before", "seen"),
    [
        (status("Running"), stored_job(0)),
        (status("Running"), SUCCEEDED),
        ({**RETRYING, "phase": "Running"}, stored_job(0)),
    ],
    ids=["it vanished", "it finished, and nothing was written", "it vanished long ago, and an old pod wrote Running"],
)
def test_a_job_that_is_remembered_to_be_gone_is_as_gone_as_any(before: dict[str, Any], seen: SeenJob) -> None:
    effects = look(before, replace(seen, deleted_at=START + 50), now=START + 70)
    last = after(effects, before).status.backoff_retry_status[-1]
    assert (last.detect_failed_at, last.original_reason) == (text_of(START + 70), "JobVanished")
    assert look(before, now=START + 70) == effects


def test_a_failed_job_of_an_earlier_attempt_does_not_stand_for_the_present_one() -> None:
    """A late write of an old pod said Running over RetryFailed."""
    before = {**RETRYING, "phase": "Running"}
    effects = look(before, stored_job(0, failed=True), now=START + 70)
    assert [each.retry_num for each in after(effects, before).status.backoff_retry_status] == [1, 2]


def test_a_working_job_of_unknown_origin_gets_the_benefit_of_the_doubt() -> None:
    """The operator created it, and its clock was ahead of the API server's."""
    before = status("Running", record(1, START, real=START + 61))
    assert look(before, stored_job(created=START + 60), now=START + 70) == ()


@pytest.mark.parametrize("minimum", ["soon", "", "5"])
@pytest.mark.parametrize("timeout", ["later", ""])
def test_durations_that_do_not_parse_are_the_defaults_of_the_crd(minimum: str, timeout: str) -> None:
    """S8: the operator records nothing, or never gets to its limits."""
    policy = policy_of(minimum, 2, timeout)
    first = status("Running")
    effects = look(first, stored_job(0, failed=True), backoffRetryPolicy=policy)
    assert others(effects) == [RequeueAt(START + 301)]
    waiting = status("Running", record(1, START, expected=START + 10**6))
    effects = look(waiting, stored_job(0, failed=True), now=START + 1801, backoffRetryPolicy=policy)
    ended = after(effects, waiting).status.condition(Phase.FAILED)
    assert ended is not None
    assert ended.message.startswith("retry timeout, max is 30m, ")


def test_a_given_policy_takes_the_place_of_the_spec() -> None:
    before = status("Running", record(1, START, real=START + 61), record(2, START + 100, real=START + 300))
    policy = Policy(10 * SECOND, 3, 90 * 60 * SECOND, "no duration")
    effects = look(before, stored_job(2, created=START + 301, failed=True), now=START + 500, policy=policy)
    assert others(effects) == [RequeueAt(START + 541)]
    pending = after(effects, before).status.to_json()
    effects = look(pending, stored_job(2, failed=True), now=START + 5401, policy=policy)
    ended = after(effects, pending).status.condition(Phase.FAILED)
    assert ended is not None
    assert ended.message.startswith("retry timeout, max is 1h30m0s, ")


def test_an_end_that_the_operator_found_and_did_not_write_is_written() -> None:
    """It writes the last record first, and Failed afterwards."""
    before = status("Running", record(1, START, real=START + 61), record(2, START + 100, real=START + 300))
    before["backoffRetryStatus"].append(record(3, START + 500))
    effects = look(before, stored_job(2, created=START + 301, failed=True), now=START + 501)
    assert others(effects) == []
    assert after(effects, before).status.phase == Phase.FAILED


HALF_BEGUN = {**RETRYING, "backoffRetryStatus": [record(1, START)]}


def test_a_retry_that_the_operator_half_began_is_begun() -> None:
    """It writes RetryFailed first, and realRetryAt afterwards."""
    effects = look(HALF_BEGUN, stored_job(0, failed=True), now=START + 61)
    written = after(effects, HALF_BEGUN).status
    assert (written.phase, written.backoff_retry_status[0].real_retry_at) == (Phase.RETRY_FAILED, text_of(START + 61))
    assert others(effects) == [DeleteJob("job-1")]


def test_a_retry_that_the_operator_began_too_early_waits() -> None:
    """S26: after an earlier error of a sync the operator does not wait."""
    assert look(HALF_BEGUN, stored_job(0, failed=True), now=START + 60) == (RequeueAt(START + 61),)


def test_an_earlier_error_of_a_sync_does_not_keep_the_first_job_from_being_created() -> None:
    before = {"phase": "RetryFailed", "conditions": [condition("RetryFailed", reason="CreateBackupJobFailed")]}
    assert look(before) == (CreateJob(0),)


def test_a_spec_that_the_operator_would_reject_is_rejected_before_the_first_job() -> None:
    effects = look(None, br={"cluster": ""})
    assert others(effects) == []
    found = after(effects, None).status.condition(Phase.INVALID)
    assert found is not None
    assert (found.reason, found.message) == (
        "InvalidSpec",
        "cluster should be configured for BR in spec of ns/demo",
    )


FINISHED = {
    "complete": status("Complete"),
    "failed": status("Failed"),
    "invalid": status("Invalid"),
    "complete, and an old pod wrote over it": {**status("Running"), "conditions": [condition("Complete")]},
    "exhausted under another policy": {
        **status("Failed", record(1, START, real=START + 61), record(2, START + 100)),
        "conditions": [condition("Failed", reason="AlreadyFailed", message="exceed retry times, max is 1, ...")],
    },
}


@pytest.mark.parametrize("before", FINISHED.values(), ids=FINISHED.keys())
@pytest.mark.parametrize("jobs", [(), (stored_job(0, failed=True),), (stored_job(0),)], ids=["no job", "failed", "job"])
def test_a_backup_whose_end_is_written_is_not_touched(before: dict[str, Any], jobs: tuple[SeenJob, ...]) -> None:
    assert look(before, *jobs, now=START + 10**5) == ()


@pytest.mark.parametrize(
    "spec",
    [{"backupMode": "log"}, {"backupMode": "volume-snapshot"}, {"backupMode": ""}, {"br": None}],
    ids=["log", "volume", "no mode", "export"],
)
def test_other_kinds_of_backups_are_left_alone(spec: dict[str, Any]) -> None:
    assert look(status("Running"), stored_job(0, failed=True), **spec) == ()


@pytest.mark.parametrize("phase", ["", "Running", "RetryFailed", "Clean", "CleanFailed"])
def test_a_backup_that_is_being_deleted_is_left_alone(phase: str) -> None:
    before = {"phase": phase, "conditions": [condition(phase, reason="ByTheOperator")] if phase else []}
    backup = backup_of(before)
    leaving = backup.with_(metadata=backup.metadata.with_(deletion_timestamp=text_of(START)))
    assert effects_of(Observation(leaving), None, START) == ()
    assert effects_of(Observation(backup, gone_at=START), None, START) == ()


def test_a_record_without_its_times_is_an_error_with_its_place() -> None:
    with pytest.raises(InputError, match=r"backoffRetryStatus\[0\].expectedRetryAt"):
        look(status("Running", {"retryNum": 1, "detectFailedAt": text_of(START)}))


# ------------------------------------------------------------------ requests


def test_the_job_of_an_attempt_is_the_operators_job_with_the_number_of_the_attempt() -> None:
    request = request_of(CreateJob(2), Observation(backup_of()), template=TEMPLATE, tikv_version="v8.5.2")
    assert isinstance(request, CreateJobRequest)
    assert (request.namespace, request.name) == ("ns", "backup-demo")
    metadata, spec = request.body["metadata"], request.body["spec"]
    assert metadata["annotations"] == {"backup-fsm.dev/attempt": "2"}
    assert metadata["labels"]["tidb.pingcap.com/backup"] == "demo"
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": "pingcap.com/v1alpha1",
            "kind": "Backup",
            "name": "demo",
            "uid": "backup-uid",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert spec["backoffLimit"] == 0
    assert spec["template"]["metadata"]["labels"] == metadata["labels"]
    assert spec["template"]["spec"] == {
        "serviceAccountName": "tidb-backup-manager",
        "restartPolicy": "Never",
        "containers": [
            {
                "name": "backup",
                "image": "bm:1",
                "args": ["backup", "--namespace=ns", "--backupName=demo", "--tikvVersion=v8.5.2", "--mode=snapshot"],
            }
        ],
    }
    assert Job.from_json({**request.body, "status": {}}).to_json() == {**request.body, "status": {}}


def test_without_a_template_a_job_has_only_what_the_backup_tells() -> None:
    request = request_of(CreateJob(0), Observation(backup_of()))
    assert isinstance(request, CreateJobRequest)
    (container,) = request.body["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "backup", "args": ["backup", "--namespace=ns", "--backupName=demo", "--mode=snapshot"]}


def test_other_containers_of_a_template_keep_their_arguments() -> None:
    template = {"spec": {"containers": [{"name": "sidecar", "args": ["x"]}], "nodeName": "n1"}}
    request = request_of(CreateJob(0), Observation(backup_of()), template=template)
    assert isinstance(request, CreateJobRequest)
    pod = request.body["spec"]["template"]["spec"]
    assert pod["nodeName"] == "n1"
    assert [each["name"] for each in pod["containers"]] == ["sidecar", "backup"]
    assert pod["containers"][0]["args"] == ["x"]
    assert template == {"spec": {"containers": [{"name": "sidecar", "args": ["x"]}], "nodeName": "n1"}}


def test_the_job_of_a_log_command_has_its_name_and_its_arguments() -> None:
    backup = backup_of(backupMode="log", logTruncateUntil="2026-01-01 00:00:00")
    request = request_of(CreateJob(1, "log-truncate"), Observation(backup))
    assert isinstance(request, CreateJobRequest)
    assert request.name == "backup-demo-log-truncate"
    (container,) = request.body["spec"]["template"]["spec"]["containers"]
    assert container["args"][-1] == "--truncate-until=2026-01-01 00:00:00"


def test_a_job_is_deleted_in_the_foreground_and_only_if_it_is_the_one_that_was_seen() -> None:
    request = request_of(DeleteJob("job-1"), Observation(backup_of(), (stored_job(0),)))
    assert request == DeleteJobRequest(
        "ns",
        "backup-demo",
        "job-1",
        {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": "job-1"},
        },
    )


@pytest.mark.parametrize("uid", ["", "job-9"])
def test_a_job_that_was_not_seen_cannot_be_deleted(uid: str) -> None:
    with pytest.raises(UsageError, match="no Job with the uid"):
        request_of(DeleteJob(uid), Observation(backup_of(), (stored_job(0),)))


def test_a_requeue_is_no_request() -> None:
    assert request_of(RequeueAt(START), Observation(backup_of())) is None


def test_a_backup_that_was_never_stored_cannot_be_patched_and_owns_no_job() -> None:
    backup = backup_of()
    manifest = backup.with_(metadata=backup.metadata.with_(resource_version="", uid=""))
    with pytest.raises(UsageError, match="resourceVersion"):
        effects_of(Observation(manifest, (stored_job(0),)), None, START)
    with pytest.raises(UsageError, match="can own no Job"):
        request_of(CreateJob(0), Observation(manifest))


def test_a_status_that_is_there_already_needs_no_patch() -> None:
    backup = backup_of(status("Running"))
    assert status_patch(backup, backup.status) is None


def test_a_key_that_is_new_and_has_no_value_is_not_written() -> None:
    """A merge patch cannot write a null; a key that had a value loses it."""
    backup = backup_of({"phase": "Running", "timeStarted": text_of(START), "timeCompleted": None})
    said = backup.status.with_(phase=Phase.FAILED, time_started=None, time_completed=None, time_synced=None)
    patch = status_patch(backup, said)
    assert patch is not None
    assert patch.body["status"] == {"phase": "Failed", "timeStarted": None}


# ------------------------------------------------------------------ merge patches

SCALARS = st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, width=16) | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner | st.none(), max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), inner, max_size=4)
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), VALUES, max_size=4)


@settings(deadline=None)
@given(before=DOCUMENTS, after_=DOCUMENTS)
def test_a_document_patched_with_its_difference_is_the_other_document(before: Any, after_: Any) -> None:
    result = patched(before, merge_patch(before, after_))
    assert repr(sorted_(result)) == repr(sorted_(after_))


def sorted_(value: Any) -> Any:
    """With its keys in order, to compare by text: == takes 1 for true."""
    if isinstance(value, dict):
        return {key: sorted_(value[key]) for key in sorted(value)}
    return [sorted_(each) for each in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(document=DOCUMENTS)
def test_the_difference_of_a_document_to_itself_is_empty(document: Any) -> None:
    assert merge_patch(document, document) == {}


RFC_7386 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("document", "patch", "result"), RFC_7386)
def test_the_examples_of_the_standard(document: Any, patch: Any, result: Any) -> None:
    assert patched(document, patch) == result


def test_a_null_that_stays_where_it_is_survives_and_one_in_a_list_can_be_written() -> None:
    before = {"kept": None, "list": [1], "gone": 1, "same": {"null": None, "x": 1}}
    wanted = {"kept": None, "list": [{"null": None}], "same": {"null": None, "x": 2}}
    patch = merge_patch(before, wanted)
    assert patch == {"list": [{"null": None}], "gone": None, "same": {"x": 2}}
    assert patched(before, patch) == wanted


@pytest.mark.parametrize("before", [{}, {"a": {"b": 1}}, {"a": 1}])
def test_a_null_that_no_merge_patch_can_write_is_an_error_with_its_path(before: Any) -> None:
    with pytest.raises(UsageError, match=r"null at a\.b"):
        merge_patch(before, {"a": {"b": None}})
