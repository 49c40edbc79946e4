"""The simulated cluster does what an API server, a Job controller, a kubelet and a backup program do, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm.adapter.jobs import job_state_of
from fsm.adapter.observation import Observation, SeenJob
from fsm.adapter.patches import CreateJobRequest, DeleteJobRequest, PatchBackup, Request, request_of
from fsm.environment import (
    Actor,
    AlreadyExists,
    Cluster,
    Conflict,
    Move,
    NotFound,
    Program,
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
from fsm.environment.job_controller import JOB_MOVES, POD_MOVES
from fsm.errors import UsageError
from fsm.machines import JOB, CreateJob, DeleteJob
from fsm.model import Backup, Job, Phase, Pod, seconds_of, text_of

START = seconds_of("2026-11-22T02:00:00Z")
CLUSTERS = pytest.mark.parametrize("targets", [True, False], ids=["from 1.31", "before 1.31"])
BACKUP = Backup.from_json(
    {
        "apiVersion": "pingcap.com/v1alpha1",
        "kind": "Backup",
        "metadata": {"name": "demo", "namespace": "ns", "labels": {"team": "storage"}},
        "spec": {"br": {"cluster": "basic"}, "x-unknown": {"kept": None}},
    }
)


def new(targets: bool = True) -> Cluster:
    """A cluster in which the Backup was just created."""
    return cluster_of(BACKUP, START, targets=targets)


def done(cluster: Cluster, request: Request | None) -> Cluster:
    """The cluster after a request that succeeds."""
    assert request is not None
    answer = performed(cluster, request)
    assert isinstance(answer, Cluster), answer
    return answer


def with_job(targets: bool = True) -> Cluster:
    cluster = new(targets)
    return done(cluster, creation(cluster))


def creation(cluster: Cluster, attempt: int = 0) -> CreateJobRequest:
    request = request_of(CreateJob(attempt), observed(cluster), template={"spec": {"containers": [{"name": "backup"}]}})
    assert isinstance(request, CreateJobRequest)
    return request


def deletion(cluster: Cluster) -> DeleteJobRequest:
    request = request_of(DeleteJob(cluster.jobs[0].metadata.uid), observed(cluster))
    assert isinstance(request, DeleteJobRequest)
    return request


def status_patch(cluster: Cluster, version: str | None = None, **status: Any) -> PatchBackup:
    wanted = cluster.backup.metadata.resource_version if version is None else version
    return PatchBackup("ns", "demo", wanted, {"metadata": {"resourceVersion": wanted}, "status": status})


def after(cluster: Cluster, *names: str, seconds: int = 1) -> Cluster:
    """The cluster after the moves of these names, each the first of its name, a second apart."""
    for name in names:
        found = [move for move in moves(cluster) if move.name == name]
        assert found, f"{name} cannot happen; {[move.name for move in moves(cluster)]} can"
        cluster = moved(waited(cluster, cluster.clock + seconds), found[0])
    return cluster


def fair(cluster: Cluster) -> list[str]:
    return [move.name for move in moves(cluster) if actor_of(move) is not Actor.FAULT]


def conditions_of(cluster: Cluster) -> list[str]:
    return [condition.type for condition in cluster.jobs[0].status.conditions]


# ------------------------------------------------------------------ the API server


def test_a_new_object_gets_a_uid_a_version_and_its_time() -> None:
    backup = new().backup
    assert backup.metadata.uid
    assert backup.metadata.resource_version == "1"
    assert backup.metadata.creation_timestamp == text_of(START)
    assert backup.to_json()["spec"] == BACKUP.to_json()["spec"]
    job = with_job().jobs[0]
    assert job.metadata.uid not in ("", backup.metadata.uid)
    assert (job.metadata.resource_version, job.status.to_json()) == ("2", {})


def test_a_patch_of_the_version_that_is_there_is_merged_and_counts_version_and_generation_up() -> None:
    cluster = done(new(), status_patch(new(), phase="Scheduled"))
    assert cluster.backup.status.phase == Phase.SCHEDULED
    assert (cluster.backup.metadata.resource_version, cluster.backup.metadata.generation) == ("2", 2)
    assert cluster.backup.metadata.labels == {"team": "storage"}
    assert cluster.backup.to_json()["spec"] == BACKUP.to_json()["spec"]


def test_a_patch_of_another_version_is_a_conflict() -> None:
    newer = done(new(), status_patch(new(), phase="Scheduled"))
    answer = performed(newer, status_patch(new(), phase="Running"))
    assert isinstance(answer, Conflict)
    assert "resourceVersion 2" in answer.message


def test_a_patch_that_changes_nothing_gives_no_new_version() -> None:
    cluster = done(new(), status_patch(new(), phase="Scheduled"))
    assert done(cluster, status_patch(cluster, phase="Scheduled")) is cluster


@pytest.mark.parametrize(("namespace", "name"), [("elsewhere", "demo"), ("ns", "other")])
def test_what_is_not_there_is_not_found(namespace: str, name: str) -> None:
    body: dict[str, Any] = {"metadata": {"resourceVersion": "1"}}
    assert isinstance(performed(new(), PatchBackup(namespace, name, "1", body)), NotFound)
    assert isinstance(performed(with_job(), DeleteJobRequest(namespace, name, "", {})), NotFound)


def test_a_name_is_free_only_when_the_old_job_is_gone() -> None:
    cluster = after(with_job(), "start", "run")
    assert isinstance(performed(cluster, creation(cluster, 1)), AlreadyExists)
    cluster = done(cluster, deletion(cluster))
    assert isinstance(performed(cluster, creation(cluster, 1)), AlreadyExists)
    cluster = after(cluster, "ask_pods", "leave")
    assert isinstance(performed(cluster, creation(cluster, 1)), AlreadyExists)
    cluster = after(cluster, "go")
    old, cluster = with_job().jobs[0].metadata.uid, done(cluster, creation(cluster, 1))
    assert [job.metadata.uid == old for job in cluster.jobs] == [False]


def test_a_deletion_names_the_uid_it_means() -> None:
    first = with_job()
    second = after(first, "vanish")
    second = done(second, creation(second, 1))
    assert isinstance(performed(second, deletion(first)), Conflict)
    assert isinstance(performed(after(first, "vanish"), deletion(first)), NotFound)


def test_a_foreground_deletion_marks_the_job_once_and_waits_for_its_pods() -> None:
    cluster = after(with_job(), "start", "run")
    deleted = done(cluster, deletion(cluster))
    job = deleted.jobs[0]
    assert job.metadata.deletion_timestamp == text_of(deleted.clock)
    assert job.metadata.finalizers == ("foregroundDeletion",)
    assert done(waited(deleted, deleted.clock + 9), deletion(deleted)).jobs == deleted.jobs
    assert "go" not in fair(deleted)
    assert "go" not in fair(after(deleted, "ask_pods"))
    assert after(deleted, "ask_pods", "leave", "go").jobs == ()


def test_a_deletion_that_is_not_simulated_is_refused_aloud() -> None:
    cluster = with_job()
    with pytest.raises(UsageError, match="Background"):
        performed(cluster, DeleteJobRequest("ns", "backup-demo", "", {}))


def test_a_refused_request_is_a_value_that_says_why() -> None:
    answer = performed(with_job(), creation(with_job()))
    assert answer == AlreadyExists("a Job backup-demo exists already")
    assert isinstance(answer, Refusal)


def test_only_jobs_that_the_backup_owns_are_observed() -> None:
    cluster = with_job()
    request = creation(cluster)
    body = {**request.body, "metadata": {**request.body["metadata"], "name": "foreign", "ownerReferences": []}}
    cluster = done(cluster, CreateJobRequest("ns", "foreign", body))
    assert len(cluster.jobs) == 2
    assert [seen.job.metadata.name for seen in observed(cluster).jobs] == ["backup-demo"]


# ------------------------------------------------------------------ Jobs and pods

TARGETED = ["FailureTarget", "Failed"]
STORIES = {
    "it completes": (
        ["start", "run", "write", "write", "write", "exit"],
        ["SuccessCriteriaMet", "Complete"],
        ["Complete"],
        ["meet_success", "complete"],
    ),
    "its pod is killed": (["start", "run", "kill_for_memory"], TARGETED, ["Failed"], ["target_failure", "fail"]),
    "its pod is evicted": (["start", "evict"], TARGETED, ["Failed"], ["target_failure", "fail"]),
    "its program fails": (
        ["start", "run", "write", "report_failure", "exit"],
        TARGETED,
        ["Failed"],
        ["target_failure", "fail"],
    ),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
@CLUSTERS
def test_a_job_ends_in_two_conditions_from_1_31_and_in_one_before(story: Any, targets: bool) -> None:
    names, newer, older, controller = story
    cluster = after(scheduled(targets), *names, *(controller if targets else controller[1:]))
    assert conditions_of(cluster) == (newer if targets else older)
    assert fair(cluster) == []
    status = cluster.jobs[0].status
    assert (status.active, status.ready) == (None, 0)
    assert (status.succeeded, status.failed) == ((1, None) if newer[-1] == "Complete" else (None, 1))
    assert (status.terminating is None) is not targets


def test_from_1_31_a_job_fails_only_when_its_pod_is_over_and_before_it_does_not_wait() -> None:
    newer = after(with_job(True), "start", "run", "delete", "ask_pods", "target_failure")
    assert "fail" not in fair(newer)
    assert newer.jobs[0].status.terminating == 1
    assert "fail" in fair(after(newer, "leave"))
    assert "fail" in fair(after(with_job(False), "start", "run", "delete", "ask_pods"))


def test_a_failed_job_tells_why_in_its_own_words_and_its_pod_in_its() -> None:
    cluster = after(with_job(), "start", "run", "kill_for_memory", "target_failure", "fail")
    failed = cluster.jobs[0].status.condition("Failed")
    assert failed is not None
    assert failed.reason == "BackoffLimitExceeded"
    state = job_state_of(SeenJob(cluster.jobs[0]), cluster.pods)
    assert (state.configuration, state.context.cause) == (("failed",), "OOMKilled")
    evicted = after(with_job(), "start", "evict")
    assert job_state_of(SeenJob(evicted.jobs[0]), evicted.pods).context.cause == "Evicted"


def test_a_job_has_one_pod_and_it_carries_the_labels_and_arguments_of_the_template() -> None:
    cluster = after(with_job(), "start")
    (pod,) = cluster.pods
    assert "start" not in fair(cluster)
    assert pod.metadata.labels["tidb.pingcap.com/backup"] == "demo"
    assert pod.spec.to_json()["containers"][0]["args"][0] == "backup"
    assert cluster.pods_of(cluster.jobs[0]) == (pod,)


def test_a_vanished_job_takes_its_pod_and_an_orphaned_one_does_not() -> None:
    cluster = after(scheduled(), "start", "run", "write")
    gone = after(cluster, "vanish")
    assert (gone.jobs, gone.pods, gone.programs) == ((), (), ())
    left = after(cluster, "orphan")
    assert (left.jobs, len(left.pods)) == ((), 1)
    assert left.pods[0].metadata.owner_references == ()
    assert after(left, "write", "write").backup.status.phase == Phase.COMPLETE


def test_a_terminating_job_starts_no_pod() -> None:
    assert fair(after(with_job(), "delete")) == ["go"]


# ------------------------------------------------------------------ the program


def phases(cluster: Cluster) -> list[str]:
    return [condition.type.value for condition in cluster.backup.status.conditions]


def scheduled(targets: bool = True) -> Cluster:
    """With the Job, and Scheduled written before its pod runs."""
    cluster = with_job(targets)
    condition = {"type": "Scheduled", "status": "True", "lastTransitionTime": text_of(cluster.clock)}
    return done(cluster, status_patch(cluster, phase="Scheduled", conditions=[condition]))


def test_a_program_that_finds_scheduled_prepares_runs_and_completes() -> None:
    cluster = after(scheduled(), "start", "run", "write", "write")
    assert (cluster.backup.status.phase, cluster.backup.status.backup_path) == (Phase.RUNNING, "s3://backups/demo")
    cluster = after(cluster, "write", seconds=90)
    status = cluster.backup.status
    assert phases(cluster) == ["Scheduled", "Prepare", "Running", "Complete"]
    assert (status.time_completed, status.time_taken) == (text_of(START + 94), "1m32s")
    assert after(cluster, "exit").pods[0].status.phase == "Succeeded"


def test_a_program_that_finds_another_phase_takes_it_for_a_restart() -> None:
    cluster = after(with_job(), "start", "run", "write")
    assert (phases(cluster), cluster.backup.status.phase) == (["Restart"], "")
    assert phases(after(cluster, "write")) == ["Restart", "Prepare"]


def test_a_program_refreshes_the_marker_that_is_there() -> None:
    cluster = after(with_job(), "start", "run", "write", "vanish")
    cluster = done(cluster, creation(cluster, 1))
    conditions = [condition.to_json() for condition in cluster.backup.status.conditions]
    conditions.append({"type": "Scheduled", "status": "True"})
    cluster = done(cluster, status_patch(cluster, phase="Scheduled", conditions=conditions))
    cluster = after(cluster, "start", "run", "write")
    restart = cluster.backup.status.condition(Phase.RESTART)
    assert restart is not None
    assert restart.last_transition_time == text_of(cluster.clock)


@pytest.mark.parametrize(
    ("writes", "reason"),
    [(0, "GetBackupRemotePathFailed"), (1, "SetTikvGCLifeTimeFailed"), (2, "BackupDataToRemoteFailed")],
)
def test_a_program_that_gives_up_says_where_and_exits_with_1(writes: int, reason: str) -> None:
    cluster = after(scheduled(), "start", "run", *["write"] * writes, "report_failure")
    failed = cluster.backup.status.condition(Phase.FAILED)
    assert failed is not None
    assert (failed.reason, cluster.backup.status.phase) == (reason, Phase.FAILED)
    assert "write" not in fair(cluster)
    (ended,) = after(cluster, "exit").pods[0].status.container_statuses
    assert ended.state.terminated is not None
    assert ended.state.terminated.exit_code == 1


def test_a_killed_program_writes_nothing_more() -> None:
    cluster = after(scheduled(), "start", "run", "write")
    killed = after(cluster, "kill_for_memory")
    assert killed.backup == cluster.backup
    assert killed.programs == ()
    assert "write" not in fair(killed)


def test_a_program_writes_whatever_version_is_there() -> None:
    cluster = after(scheduled(), "start", "run")
    cluster = done(cluster, status_patch(cluster, backupPath="somebody else"))
    assert after(cluster, "write").backup.status.phase == Phase.PREPARE


def test_the_stage_of_a_program_is_its_last_write() -> None:
    cluster = after(with_job(), "start")
    assert cluster.stage_of(cluster.pods[0]) is None
    seen = []
    for name in ("run", "write", "write", "write", "write"):
        cluster = after(cluster, name)
        seen.append(cluster.programs)
    uid = cluster.pods[0].metadata.uid
    stages = [Stage.STARTED, Stage.RESTARTED, Stage.PREPARED, Stage.RUNNING, Stage.COMPLETED]
    assert seen == [(Program(uid, stage),) for stage in stages]


# ------------------------------------------------------------------ moves


def test_a_move_that_cannot_happen_is_refused_by_name() -> None:
    cluster = with_job()
    for move in (Move("go", cluster.jobs[0].metadata.uid), Move("start", "nobody"), Move("fly", "x")):
        with pytest.raises(UsageError, match=move.name):
            moved(cluster, move)


def test_every_move_belongs_to_one_table_and_one_actor() -> None:
    assert not set(JOB_MOVES) & set(POD_MOVES)
    assert {rule.actor for rule in (*JOB_MOVES.values(), *POD_MOVES.values())} == set(Actor)


def test_the_clock_never_goes_back() -> None:
    assert waited(new(), START - 5).clock == START
    assert waited(new(), START + 5).clock == START + 5


def test_the_same_cluster_has_the_same_moves_and_a_move_leaves_it_as_it_is() -> None:
    cluster = after(with_job(), "start")
    before = repr(cluster)
    for move in moves(cluster):
        assert repr(moved(cluster, move)) == repr(moved(cluster, move))
    assert repr(cluster) == before


@settings(max_examples=100, deadline=None)
@given(numbers=st.lists(st.integers(0, 2**16), max_size=40), targets=st.booleans())
def test_whatever_moves_the_objects_stay_such_as_an_api_server_stores(numbers: list[int], targets: bool) -> None:
    """They survive JSON, versions and uids are never given twice, and a Job goes only along its own declared life."""
    cluster, attempt = with_job(targets), 0
    for number in numbers:
        options = list(moves(cluster))
        if not options:
            attempt += 1
            if cluster.jobs:
                break
            cluster = done(cluster, creation(cluster, attempt))
            continue
        before, cluster = cluster, moved(waited(cluster, cluster.clock + number % 3), options[number % len(options)])
        assert cluster.version >= before.version
        check(cluster)
        check_jobs(before, cluster)


def check(cluster: Cluster) -> None:
    things = (cluster.backup, *cluster.jobs, *cluster.pods)
    for thing, kind in zip(things, [Backup, *[Job] * len(cluster.jobs), *[Pod] * len(cluster.pods)], strict=True):
        again = kind.from_json(thing.to_json())
        assert again == thing
        assert again.to_json() == thing.to_json()
    assert len({thing.metadata.uid for thing in things}) == len(things)
    assert all(int(thing.metadata.resource_version) <= cluster.version for thing in things)
    assert {each.pod for each in cluster.programs} <= {pod.metadata.uid for pod in cluster.pods}


def check_jobs(before: Cluster, after_: Cluster) -> None:
    """Between two sightings a Job stays where it was, or goes where its chart has an edge to."""
    for old in before.jobs:
        kept = next((job for job in after_.jobs if job.metadata.uid == old.metadata.uid), None)
        source = job_state_of(SeenJob(old)).configuration[-1]
        seen = SeenJob(old, after_.clock) if kept is None else SeenJob(kept)
        target = job_state_of(seen).configuration[-1]
        edges = {(edge.source, edge.target) for edge in JOB.transitions}
        assert source == target or (source, target) in edges


def test_an_observation_is_what_is_there_now() -> None:
    cluster = after(with_job(), "start")
    assert observed(cluster) == Observation(cluster.backup, (SeenJob(cluster.jobs[0]),), cluster.pods)
