"""Objects are read and written without losing or adding a key, frozen, with nothing converted in silence."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fsm.errors import InputError, UsageError
from fsm.model import (
    WATCH_ITEM,
    Backup,
    BackupSpec,
    BackupStatus,
    CleanPolicy,
    Condition,
    Job,
    Mode,
    ObjectMeta,
    Phase,
    Pod,
    object_from,
    seconds_of,
)

STORIES = Path(__file__).parents[2] / "fsm" / "stories"


def lines() -> list[tuple[str, bytes]]:
    """Every recorded watch item that carries an object."""
    found = [
        (f"{path.name}:{number}", line)
        for path in sorted(STORIES.glob("*.jsonl"))
        for number, line in enumerate(path.read_bytes().splitlines(), start=1)
    ]
    return [(where, line) for where, line in found if json.loads(line)["type"] not in {"BOOKMARK", "ERROR"}]


def test_there_are_stories_to_read() -> None:
    kinds = {json.loads(line)["object"]["kind"] for _, line in lines()}
    assert kinds == {"Backup", "Job", "Pod"}


@pytest.mark.parametrize(("where", "line"), lines(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_recorded_item_is_written_as_it_was_read(where: str, line: bytes) -> None:
    item = WATCH_ITEM.validate_json(line)
    assert item.to_json() == json.loads(line)
    assert object_from(json.loads(line)["object"]) == item.object
    assert type(item.object).__name__ == json.loads(line)["object"]["kind"]


# --- any object -------------------------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
TIMES = st.none() | st.sampled_from(["2026-11-22T02:00:01Z", "2026-11-22T02:00:01.25+08:00", "0001-01-01T00:00:00Z"])
TEXTS = st.text(max_size=5)


def objects(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with some of the keys, and unknown ones beside them."""
    known = st.fixed_dictionaries(required, optional=optional)
    unknown = st.dictionaries(st.text(max_size=4).map("x-".__add__), JSON, max_size=2)
    return st.builds(lambda first, second: {**second, **first}, known, unknown)


def lists(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(items, max_size=3)


PHASES = st.sampled_from(list(Phase)).map(str)
CONDITIONS = lists(
    objects(
        {"type": PHASES, "status": st.sampled_from(["True", "False", "Unknown"])},
        {"lastTransitionTime": TIMES, "reason": TEXTS, "message": TEXTS, "command": TEXTS},
    )
)
SUBS = st.none() | st.dictionaries(
    st.sampled_from(["log-start", "log-pause", "log-new"]),
    objects(
        {},
        {
            "command": TEXTS,
            "conditions": CONDITIONS,
            "phase": PHASES | st.just(""),
            "timeStarted": TIMES,
            "timeCompleted": TIMES,
            "logTruncatingUntil": TEXTS,
        },
    ),
)
RECORDS = lists(
    objects(
        {},
        {
            "retryNum": st.integers(),
            "detectFailedAt": TIMES,
            "expectedRetryAt": TIMES,
            "realRetryAt": TIMES,
            "retryReason": TEXTS,
        },
    )
)
OPERATIONS = lists(objects({}, {"operationID": TEXTS, "startedAt": TIMES, "command": TEXTS, "observedAt": TIMES}))
PROGRESSES = lists(
    objects({}, {"step": TEXTS, "progress": st.integers() | st.floats(0, 100), "lastTransitionTime": TIMES})
)
STATUSES = st.none() | objects(
    {},
    {
        "phase": PHASES | st.just(""),
        "conditions": CONDITIONS,
        "commitTs": TEXTS,
        "timeStarted": TIMES,
        "backupSize": st.integers(),
        "logSubCommandStatuses": SUBS,
        "backoffRetryStatus": RECORDS,
        "brOperations": OPERATIONS,
        "progresses": PROGRESSES,
    },
)
SPECS = objects(
    {},
    {
        "backupMode": TEXTS | st.sampled_from([*Mode]).map(str),
        "br": st.none() | objects({}, {"cluster": TEXTS, "clusterNamespace": TEXTS}),
        "from": st.none() | objects({}, {"host": TEXTS, "port": st.integers()}),
        "s3": st.none() | objects({}, {"bucket": TEXTS}),
        "logStop": st.booleans(),
        "cleanPolicy": st.sampled_from([*CleanPolicy, ""]).map(str),
        "backoffRetryPolicy": st.none() | objects({}, {"maxRetryTimes": st.integers(), "retryTimeout": TEXTS}),
    },
)
METADATA = objects(
    {"name": st.text(min_size=1, max_size=5)},
    {
        "namespace": TEXTS,
        "uid": TEXTS,
        "generation": st.integers(),
        "deletionTimestamp": TIMES,
        "finalizers": lists(TEXTS),
        "labels": st.none() | st.dictionaries(TEXTS, TEXTS),
        "ownerReferences": lists(objects({}, {"uid": TEXTS, "controller": st.none() | st.booleans()})),
        "managedFields": lists(objects({}, {"manager": TEXTS, "time": TIMES})),
    },
)
BACKUPS = objects(
    {"kind": st.just("Backup"), "metadata": METADATA}, {"apiVersion": TEXTS, "spec": SPECS, "status": STATUSES}
)


@given(BACKUPS)
def test_every_backup_is_written_as_it_was_read(data: dict[str, Any]) -> None:
    assert Backup.from_json(data).to_json() == data
    assert Backup.from_json(json.dumps(data)).to_json() == data
    assert Backup.from_json(data) == object_from(json.dumps(data).encode())


@given(BACKUPS)
def test_a_backup_survives_a_pickle(data: dict[str, Any]) -> None:
    copy = pickle.loads(pickle.dumps(Backup.from_json(data)))
    assert copy == Backup.from_json(data)
    assert copy.status.conditions == Backup.from_json(data).status.conditions


def backup(**parts: Any) -> Backup:
    return Backup.from_json({"kind": "Backup", "metadata": {"name": "demo", "namespace": "tidb"}, **parts})


def test_a_missing_or_null_status_is_an_empty_one() -> None:
    assert backup().status == BackupStatus()
    assert backup(status=None).status == BackupStatus()
    assert backup(status=None).to_json()["status"] is None


def test_a_null_list_or_map_reads_as_empty() -> None:
    status = backup(status={"conditions": None, "logSubCommandStatuses": None, "backoffRetryStatus": None}).status
    assert status.conditions == ()
    assert status.log_sub_command_statuses == {}
    assert status.backoff_retry_status == ()


def test_a_null_that_is_replaced_is_no_longer_written() -> None:
    condition = Condition(type=Phase.FAILED, status="True")
    status = backup(status={"conditions": None}).status
    assert status.to_json() == {"conditions": None}
    assert status.with_(conditions=(condition,)).to_json() == {"conditions": [{"type": "Failed", "status": "True"}]}
    assert status.with_(conditions=()).to_json() == {"conditions": []}


def test_a_changed_copy_leaves_the_original_and_every_other_key_alone() -> None:
    before = backup(spec={"backupMode": "log", "new": {"a": [1]}}, status={"phase": "Running", "timeStarted": None})
    after = before.with_(status=before.status.with_(phase=Phase.PAUSED))
    assert before.status.phase == Phase.RUNNING
    assert after.to_json() == before.to_json() | {"status": {"phase": "Paused", "timeStarted": None}}


def test_an_object_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        backup().status.phase = Phase.FAILED  # type: ignore[misc]


def test_changing_a_field_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(UsageError, match="BackupStatus has no field phaze"):
        backup().status.with_(phaze="Failed")


def test_only_given_keys_are_written_for_an_object_made_by_hand() -> None:
    made = Backup(metadata=ObjectMeta(name="demo"), spec=BackupSpec(backup_mode="log", log_stop=True))
    assert made.to_json() == {"metadata": {"name": "demo"}, "spec": {"backupMode": "log", "logStop": True}}


@pytest.mark.parametrize(
    ("spec", "mode"),
    [({}, "snapshot"), ({"backupMode": ""}, ""), ({"backupMode": "log"}, "log"), ({"x": 1}, "snapshot")],
)
def test_an_absent_mode_is_a_snapshot_and_an_empty_one_stays_empty(spec: dict[str, Any], mode: str) -> None:
    assert backup(spec=spec).mode == mode


def test_absent_retry_settings_are_what_the_operator_reads_and_not_the_defaults_of_the_crd() -> None:
    policy = backup(spec={}).spec.backoff_retry_policy
    assert (policy.min_retry_duration, policy.max_retry_times, policy.retry_timeout) == ("", 0, "")


def test_a_condition_is_found_by_the_first_of_its_type() -> None:
    conditions = [{"type": "Failed", "status": "False"}, {"type": "Failed", "status": "True", "reason": "later"}]
    status = backup(status={"phase": "Running", "conditions": conditions}).status
    assert status.condition(Phase.FAILED) is status.conditions[0]
    assert not status.holds(Phase.FAILED)
    assert status.condition(Phase.RUNNING) is None


@pytest.mark.parametrize(("value", "holds"), [("True", True), ("False", False), ("Unknown", False)])
def test_a_condition_holds_only_if_its_status_is_true(value: str, holds: bool) -> None:
    assert backup(status={"conditions": [{"type": "Clean", "status": value}]}).status.holds(Phase.CLEAN) is holds


def test_an_object_has_a_key_and_at_most_one_controlling_owner() -> None:
    owners = [{"uid": "1", "controller": False}, {"uid": "2"}, {"uid": "3", "controller": True}]
    job = Job.from_json({"kind": "Job", "metadata": {"name": "j", "namespace": "n", "ownerReferences": owners}})
    assert job.key == ("n", "j")
    assert job.metadata.owner is not None
    assert job.metadata.owner.uid == "3"
    assert backup().metadata.owner is None


def test_a_job_condition_holds_only_if_its_status_is_true() -> None:
    conditions = [{"type": "Complete", "status": "False"}, {"type": "Failed", "status": "True", "reason": "Deadline"}]
    job = Job.from_json({"kind": "Job", "metadata": {"name": "j"}, "status": {"conditions": conditions}})
    assert job.status.holds("Failed")
    assert not job.status.holds("Complete")
    assert not job.status.holds("Suspended")


def test_a_pod_tells_how_its_containers_ended() -> None:
    state = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": None}}
    status = {
        "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{"name": "br", "state": state}],
    }
    pod = Pod.from_json({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"nodeName": "n1"}, "status": status})
    ended = pod.status.container_statuses[0].state.terminated
    assert ended is not None
    assert (ended.exit_code, ended.reason, ended.started_at) == (137, "OOMKilled", None)
    assert pod.spec.node_name == "n1"
    assert pod.status.condition("Ready") is pod.status.conditions[0]


def test_a_time_keeps_its_text_and_can_always_be_read() -> None:
    started = backup(status={"timeStarted": "2026-11-22T10:00:01.5+08:00"}).status.time_started
    assert started == "2026-11-22T10:00:01.5+08:00"
    assert seconds_of(started) == 1795312801


def test_from_json_raises_the_error_of_this_project_and_not_of_the_library() -> None:
    with pytest.raises(InputError):
        Backup.from_json({"kind": "Job"})
