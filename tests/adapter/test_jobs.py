"""Jobs and their pods become events: the six adapter rules as rows, the recorded stories as whole lives."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from fsm.adapter.jobs import cause_of, decisive_condition, events_from, job_state_of, wait_of
from fsm.adapter.observation import Observation, SeenJob, owned_by
from fsm.kernel import MachineState, trace_of, try_step
from fsm.machines import JOB
from fsm.model import Backup, Job, Pod, seconds_of, text_of
from fsm.rules import Purpose, clean_job_name, job_name, log_job_name, purpose_of, stop_job_name

STORIES = Path(__file__).parents[2] / "fsm" / "stories"
T = 1_000_000
UID, POD = "job-uid", "pod-uid"


def job(*conditions: tuple[str, str], deleted: int | None = None, started: bool = True, uid: str = UID) -> Job:
    """A Job with these (type, status) conditions, each a second later than the one before."""
    said = [
        {"type": type_, "status": status, "reason": f"R{type_}", "message": "m", "lastTransitionTime": text_of(T + i)}
        for i, (type_, status) in enumerate(conditions, start=1)
    ]
    metadata: dict[str, Any] = {"name": "backup-demo", "uid": uid, "creationTimestamp": text_of(T)}
    if deleted is not None:
        metadata["deletionTimestamp"] = text_of(deleted)
    status: dict[str, Any] = {"conditions": said, **({"startTime": text_of(T)} if started else {})}
    return Job.from_json({"metadata": metadata, "status": status})


def pod(status: dict[str, Any], *, owner: str = UID) -> Pod:
    metadata = {"name": "p", "uid": POD, "creationTimestamp": text_of(T), "ownerReferences": [{"uid": owner}]}
    return Pod.from_json({"metadata": metadata, "status": status})


def container(**state: Any) -> dict[str, Any]:
    return {"name": "backup", "image": "br:v1", "state": state}


def leaf(state: MachineState) -> str:
    return JOB.leaves(state.configuration)[0]


def names(*arguments: Any, **options: Any) -> list[str]:
    return [event.name for event in events_from(*arguments, **options)]


# --- rule 1: conditions by type with status True, never by position; Failed > Complete > FailureTarget > Suspended

T_, F_ = "True", "False"
DECIDED = [
    ("nothing", (), "active"),
    ("failed", (("Failed", T_),), "failed"),
    ("complete", (("Complete", T_),), "succeeded"),
    ("failure target only", (("FailureTarget", T_),), "failing"),
    ("1.31 and later", (("FailureTarget", T_), ("Failed", T_)), "failed"),
    ("1.31 and later, success", (("SuccessCriteriaMet", T_), ("Complete", T_)), "succeeded"),
    ("success criteria met decide nothing yet", (("SuccessCriteriaMet", T_),), "active"),
    ("suspended", (("Suspended", T_),), "suspended"),
    ("resumed: the condition stays, as False", (("Suspended", F_),), "active"),
    ("failed while suspended", (("Suspended", T_), ("Failed", T_)), "failed"),
    ("failed is False", (("Failed", F_),), "active"),
    ("failed is Unknown", (("Failed", "Unknown"), ("FailureTarget", T_)), "failing"),
    ("failed wins over complete", (("Complete", T_), ("Failed", T_)), "failed"),
    ("a condition of the future", (("Sublimated", T_),), "active"),
]


@pytest.mark.parametrize(("conditions", "expected"), [row[1:] for row in DECIDED], ids=[row[0] for row in DECIDED])
def test_conditions_decide_by_type_and_truth_in_any_order(conditions: tuple[Any, ...], expected: str) -> None:
    for order in itertools.permutations(conditions):
        assert leaf(job_state_of(SeenJob(job(*order)))) == expected


def test_a_job_that_nobody_started_is_only_created() -> None:
    assert leaf(job_state_of(SeenJob(job(started=False)))) == "created"
    assert leaf(job_state_of(SeenJob(job(("Failed", T_), started=False)))) == "failed"


def test_the_event_of_a_condition_carries_its_time_reason_and_message() -> None:
    started, failed = events_from(job(("FailureTarget", T_), ("Failed", T_)))
    assert (started.name, started.at, started.uid) == ("job_started", T, UID)
    assert (failed.name, failed.at, failed.uid) == ("job_failed", T + 2, UID)
    assert (failed.reason, failed.message) == ("RFailed", "m")


def test_a_condition_without_a_time_happened_now() -> None:
    data = job().to_json()
    data["status"]["conditions"] = [{"type": "Failed", "status": "True"}]
    assert events_from(Job.from_json(data), now=T + 99)[-1].at == T + 99


def test_the_first_of_two_conditions_of_one_type_counts() -> None:
    found = decisive_condition(job(("Failed", F_), ("Failed", T_)))
    assert found is None


# --- rule 2: deletionTimestamp first

CONDITIONS = ("Failed", "Complete", "FailureTarget", "Suspended")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_terminating_job_tells_nothing_of_its_work(condition: str) -> None:
    """On 1.31 and later the deletion itself makes the controller say FailureTarget."""
    dying = job((condition, T_), deleted=T + 50)
    assert names(dying) == ["job_started", "deletion_requested"]
    assert events_from(dying)[-1].at == T + 50
    assert leaf(job_state_of(SeenJob(dying))) == "terminating"


# --- rule 3: by uid, not by name


def test_events_carry_the_uid_of_their_job() -> None:
    for each in events_from(job(("Failed", T_), uid="other"), deleted_at=T + 9, pods=[pod({"reason": "Evicted"})]):
        assert each.uid == "other"


def test_ownership_is_an_owner_reference_s_uid() -> None:
    mine, foreign = pod({}, owner=UID), pod({}, owner="another")
    assert owned_by(mine, UID)
    assert not owned_by(foreign, UID)
    assert not owned_by(mine, "")
    assert not owned_by(pod({}, owner=""), "")
    evicted = {"phase": "Failed", "reason": "Evicted"}
    assert cause_of(job(), [pod(evicted, owner="another")]) is None
    assert wait_of(job(), [pod({"phase": "Pending"}, owner="another")]) is None


def test_a_name_used_again_is_another_job_and_the_newest_counts() -> None:
    def seen(uid: str, created: int, version: str = "") -> SeenJob:
        meta = {"name": "backup-demo", "uid": uid, "creationTimestamp": text_of(created), "resourceVersion": version}
        return SeenJob(Job.from_json({"metadata": meta}))

    backup = Backup.from_json({"metadata": {"name": "demo", "uid": "b"}})
    rows = [seen("old", T), seen("new", T + 1), seen("same second, earlier", T + 1, "9")]
    for order in itertools.permutations([*rows, seen("same second, later", T + 1, "10")]):
        newest = Observation(backup, order).newest("backup-demo")
        assert newest is not None
        assert newest.uid == "same second, later"
    assert Observation(backup, tuple(rows)).newest("backup-demo-init") is None


# --- rule 4: level-triggered


def _fold(jobs: Iterable[Job]) -> MachineState:
    """A machine that is sent everything that every version tells, and refuses what is no news."""
    state = JOB.start()
    for each in jobs:
        for event in events_from(each):
            step = try_step(JOB, state, event)
            state = step.after if step else state
    return state


VERSIONS = (job(started=False), job(), job(("FailureTarget", T_)), job(("FailureTarget", T_), ("Failed", T_)))


def test_the_same_object_twice_changes_nothing() -> None:
    for version in VERSIONS:
        assert _fold([version, version]) == _fold([version])
    assert _fold([each for each in VERSIONS for _ in range(3)]) == _fold(VERSIONS)


def test_any_version_may_be_missing() -> None:
    for kept in itertools.product((True, False), repeat=3):
        seen = [version for version, keep in zip(VERSIONS, kept, strict=False) if keep] + [VERSIONS[-1]]
        assert leaf(_fold(seen)) == "failed"
        assert _fold(seen).context.reason == "RFailed"


def test_a_fold_over_versions_ends_where_the_last_version_is_read() -> None:
    for count in range(1, len(VERSIONS) + 1):
        assert _fold(VERSIONS[:count]) == job_state_of(SeenJob(VERSIONS[count - 1]))


GONE = [
    ("at work", (), True, False, False),
    ("failing", (("FailureTarget", T_),), True, False, False),
    ("failed", (("Failed", T_),), False, True, False),
    ("succeeded", (("Complete", T_),), False, False, True),
]


@pytest.mark.parametrize(
    ("conditions", "vanished", "failed", "succeeded"), [row[1:] for row in GONE], ids=[row[0] for row in GONE]
)
def test_a_job_that_goes_unfinished_vanished_and_a_finished_one_did_not(
    conditions: tuple[Any, ...], vanished: bool, failed: bool, succeeded: bool
) -> None:
    gone, there = SeenJob(job(*conditions), T + 99), SeenJob(job(*conditions))
    assert (gone.vanished, gone.failed, gone.succeeded) == (vanished, failed, succeeded)
    assert not there.vanished
    assert leaf(job_state_of(gone)) == "gone"


# --- rule 5: the cause is the pod's

TERMINATED = {"exitCode": 137, "reason": "OOMKilled"}
DISRUPTED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
CAUSES = [
    ("killed for memory", {"containerStatuses": [container(terminated=TERMINATED)]}, "OOMKilled"),
    ("an init container killed", {"initContainerStatuses": [container(terminated=TERMINATED)]}, "OOMKilled"),
    ("evicted by the kubelet", {"phase": "Failed", "reason": "Evicted"}, "Evicted"),
    ("drained", {"conditions": [DISRUPTED]}, "EvictionByEvictionAPI"),
    ("not disrupted after all", {"conditions": [{**DISRUPTED, "status": "False"}]}, None),
    ("node lost", {"reason": "NodeLost", "conditions": [DISRUPTED]}, "NodeLost"),
    (
        "killed for memory and evicted",
        {"reason": "Evicted", "containerStatuses": [container(terminated=TERMINATED)]},
        "OOMKilled",
    ),
    (
        "evicted, the container ended",
        {"reason": "Evicted", "containerStatuses": [container(terminated={"exitCode": 1})]},
        "Evicted",
    ),
    ("an error", {"containerStatuses": [container(terminated={"exitCode": 1, "reason": "Error"})]}, "Error"),
    ("an exit code only", {"containerStatuses": [container(terminated={"exitCode": 42})]}, "exit code 42"),
    ("completed", {"containerStatuses": [container(terminated={"exitCode": 0, "reason": "Completed"})]}, None),
    ("at work", {"phase": "Running", "containerStatuses": [container(running={})]}, None),
]


@pytest.mark.parametrize(("status", "cause"), [row[1:] for row in CAUSES], ids=[row[0] for row in CAUSES])
def test_the_cause_of_a_failure_is_what_the_pod_says(status: dict[str, Any], cause: str | None) -> None:
    assert cause_of(job(), [pod({}), pod(status)]) == cause
    told = [event for event in events_from(job(("Failed", T_)), pods=[pod(status)]) if event.name == "pod_failed"]
    assert [event.reason for event in told] == ([] if cause is None else [cause])


def test_the_cause_may_come_later_or_never() -> None:
    failed = SeenJob(job(("Failed", T_)))
    assert job_state_of(failed).context.cause == ""
    assert job_state_of(failed, [pod({"reason": "Evicted"})]).context == job_state_of(failed).context._replace(
        cause="Evicted"
    )


# --- rule 6: states with a deadline

PENDING = {"phase": "Pending", "startTime": text_of(T + 5)}
WAITING = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
WAITS = [
    (
        "an image",
        {**PENDING, "containerStatuses": [container(waiting=WAITING)]},
        ("ImagePullBackOff", "image-pull", 5, "br:v1"),
    ),
    (
        "an init container's image",
        {**PENDING, "initContainerStatuses": [container(waiting=WAITING)]},
        ("ImagePullBackOff", "image-pull", 5, "br:v1"),
    ),
    (
        "a secret",
        {**PENDING, "containerStatuses": [container(waiting={"reason": "CreateContainerConfigError"})]},
        ("CreateContainerConfigError", "pod-pending", 5, "br:v1"),
    ),
    (
        "no node",
        {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
        ("Unschedulable", "pod-pending", 0, ""),
    ),
    ("nobody took it up", {"phase": "Pending"}, ("Pending", "pod-pending", 0, "")),
    ("the usual start", {**PENDING, "containerStatuses": [container(waiting={"reason": "PodInitializing"})]}, None),
    ("it runs", {"phase": "Running", "containerStatuses": [container(running={})]}, None),
    ("an image, but it runs", {"phase": "Running", "containerStatuses": [container(waiting=WAITING)]}, None),
]


@pytest.mark.parametrize(("status", "expected"), [row[1:] for row in WAITS], ids=[row[0] for row in WAITS])
def test_a_pod_that_does_not_get_to_work_is_a_wait_with_a_deadline(
    status: dict[str, Any], expected: tuple[str, str, int, str] | None
) -> None:
    found = wait_of(job(), [pod(status)])
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found.reason, found.deadline, found.since - T, found.image) == expected


# --- names

NAMED = [
    ("snapshot", {"backupMode": "snapshot"}, "backup-demo"),
    ("volume execute", {"backupMode": "volume-snapshot", "federalVolumeBackupPhase": "execute"}, "backup-demo"),
    ("log-start", {"backupMode": "log"}, "backup-demo-log-start"),
    ("log-pause", {"backupMode": "log", "logSubcommand": "log-pause"}, "backup-demo-log-pause"),
    ("log-stop", {"backupMode": "log", "logStop": True}, "backup-demo-log-stop"),
    ("log-unknown", {"backupMode": "log", "logSubcommand": "dance"}, "backup-demo-log-unknown"),
]


@pytest.mark.parametrize(("spec", "name"), [row[1:] for row in NAMED], ids=[row[0] for row in NAMED])
def test_the_name_of_the_job_follows_the_spec(spec: dict[str, Any], name: str) -> None:
    assert job_name(Backup.from_json({"metadata": {"name": "demo"}, "spec": spec})) == name


def test_all_five_forms_of_a_job_s_name_are_told_apart() -> None:
    forms = {
        "backup-demo": Purpose("backup"),
        log_job_name("demo", "log-truncate"): Purpose("log", "log-truncate"),
        "backup-demo-init": Purpose("init"),
        clean_job_name("demo"): Purpose("clean"),
        stop_job_name("demo"): Purpose("stop"),
    }
    assert {name: purpose_of(name, "demo") for name in forms} == forms
    assert purpose_of("backup-demo-2", "demo") is None


def test_a_name_is_no_proof_of_ownership() -> None:
    """S19: a snapshot of demo-log-start and the log-start of demo have Jobs of one name."""
    assert purpose_of("backup-demo-log-start", "demo-log-start") == Purpose("backup")
    assert purpose_of("backup-demo-log-start", "demo") == Purpose("log", "log-start")


# --- the recorded stories

ENDS = {
    "job-success": ("succeeded", "CompletionsReached", ""),
    "job-success.k8s-1.27": ("succeeded", "", ""),
    "job-oomkilled": ("failed", "BackoffLimitExceeded", "OOMKilled"),
    "job-oomkilled.k8s-1.27": ("failed", "BackoffLimitExceeded", ""),
    "job-evicted": ("failed", "BackoffLimitExceeded", "Evicted"),
    "job-drained": ("failed", "BackoffLimitExceeded", "EvictionByEvictionAPI"),
    "job-nodelost": ("failed", "BackoffLimitExceeded", "NodeLost"),
    "job-deadline": ("failed", "DeadlineExceeded", ""),
    "job-imagepull": ("active", "", ""),
    "job-delete-background": ("gone", "", ""),
    "job-delete-foreground": ("gone", "", ""),
    "job-delete-orphan": ("gone", "", ""),
}


def _items(name: str) -> list[dict[str, Any]]:
    path = STORIES / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _told(name: str) -> tuple[SeenJob, list[Pod]]:
    items = _items(name)
    last = Job.from_json(items[-1]["object"])
    gone = seconds_of(last.metadata.creation_timestamp or "") + 999 if items[-1]["type"] == "DELETED" else None
    pods = {item["object"]["metadata"]["uid"]: Pod.from_json(item["object"]) for item in _items(f"{name}.pods")}
    return SeenJob(last, gone), list(pods.values())


@pytest.mark.parametrize("name", ENDS)
def test_a_job_s_story_ends_where_it_says(name: str) -> None:
    seen, pods = _told(name)
    state = job_state_of(seen, pods)
    expected, reason, cause = ENDS[name]
    assert leaf(state) == expected
    assert state.context.cause == cause
    if expected == "failed":
        assert state.context.reason == reason


@pytest.mark.parametrize("name", ENDS)
def test_every_event_of_a_job_s_story_is_taken_in_order_or_is_no_news(name: str) -> None:
    """Folding the stream ends where reading its last object ends, and every last object's own events form a trace."""
    versions = [Job.from_json(item["object"]) for item in _items(name)]
    seen, _ = _told(name)
    assert leaf(_fold(versions)) == leaf(job_state_of(SeenJob(seen.job)))
    for version in versions:
        assert trace_of(JOB, JOB.start(), events_from(version)) is not None


def test_the_image_pull_story_waits_for_its_image() -> None:
    seen, pods = _told("job-imagepull")
    wait = wait_of(seen.job, pods)
    assert wait is not None
    assert (wait.deadline, text_of(wait.since)) == ("image-pull", "2026-11-22T02:00:01Z")
    assert wait.image
