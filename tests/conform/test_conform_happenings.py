"""Every happening of a vector, and what the operator of a vector remembers between two."""

from __future__ import annotations

from typing import Any

import pytest
from conform_vectors import (
    CLUSTER,
    EVENT,
    POLICY,
    STREAMING,
    SYNC,
    TICK,
    backup,
    calls,
    condition,
    found,
    given,
    job,
    judgement,
    line,
    log,
    outcomes,
    rule_line,
)

from fsm.errors import InputError

REFRESH = {"refresh": ["backup", "jobs", "clusters"]}
FAILING = given({"backup": backup(POLICY, {"phase": "Running"}), "jobs": [job("Failed")]})
INFO = {"values": ["aW5mbw=="]}


def records(part: dict[str, Any]) -> list[dict[str, Any]]:
    return list(part["backup"]["status"].get("backoffRetryStatus", []))


# ------------------------------------------------------------------ runs


def test_an_event_edits_the_cached_object_itself() -> None:
    (outcome,) = outcomes(EVENT, begin=FAILING)
    assert outcome["result"] == "done"
    assert records(outcome["cached"]) == records(outcome["server"])
    assert records(outcome["cached"])[0]["detectFailedAt"] == "now"
    assert records(outcome["cached"])[0]["expectedRetryAt"] == "now+300s"


def test_an_event_with_another_object_leaves_the_cached_one_alone() -> None:
    (outcome,) = outcomes({**EVENT, "object": backup(POLICY, {"phase": "Running"})}, begin=FAILING)
    assert (len(records(outcome["cached"])), len(records(outcome["server"]))) == (0, 1)


def test_a_tombstone_of_a_backup_is_a_panic() -> None:
    (outcome,) = outcomes({**EVENT, "tombstone": True})
    assert outcome["result"] == "panic"
    assert "DeletedFinalStateUnknown" in outcome["message"]
    assert (outcome["calls"], outcome["queue"]) == ([], [])


def test_the_deletion_of_a_job_is_an_event_of_its_backup() -> None:
    assert outcomes({"run": "jobDeleted", "job": job()})[0]["queue"] == ["add"]


def test_the_deletion_of_a_job_of_somebody_else_wakes_nobody() -> None:
    stranger = job()
    stranger["metadata"]["ownerReferences"][0]["uid"] = "b-2"
    assert outcomes({"run": "jobDeleted", "job": stranger})[0]["queue"] == []


@pytest.mark.parametrize("more", [{}, {"job": job()}], ids=["alone", "with its Job"])
def test_the_tombstone_of_a_job_wakes_nobody(more: dict[str, Any]) -> None:
    (outcome,) = outcomes({"run": "jobDeleted", "tombstone": True, **more})
    assert (outcome["result"], outcome["queue"]) == ("done", [])


def test_a_sync_ends_with_a_word_to_the_queue() -> None:
    (outcome,) = outcomes(SYNC)
    assert (outcome["queue"], outcome["result"], outcome["server"]["jobs"]) == (["forget"], "done", ["backup-demo"])


def test_a_sync_that_waits_is_requeued() -> None:
    (outcome,) = outcomes(SYNC, begin=given({"clusters": [{**CLUSTER, "ready": False}]}))
    assert (outcome["queue"], outcome["result"]) == (["addRateLimited"], "requeue")


def test_a_sync_without_a_cached_backup_has_nothing_to_do() -> None:
    (outcome,) = outcomes(SYNC, begin={"server": {}})
    assert (outcome["queue"], outcome["calls"], outcome["cached"]) == (["forget"], [], {"backup": None})


def test_a_tick_writes_the_checkpoint_of_a_tracked_backup() -> None:
    task = {"info": INFO, "checkpoint": {"values": ["AAAAAAAAAQA="]}}
    (outcome,) = outcomes(TICK, begin=given({"backup": log(status=STREAMING)}, task=task))
    assert calls(outcome) == [("get etcd", None), ("update backups", None)]
    assert outcome["server"]["backup"]["status"]["logCheckpointTs"] == "256"
    assert outcome["server"]["backup"]["status"]["timeSynced"] == "now"
    assert outcome["queue"] == []


# ------------------------------------------------------------------ the tracker


@pytest.mark.parametrize(
    ("server", "tracked"),
    [
        ({"backup": log(status=STREAMING)}, True),
        ({"backup": log(status=STREAMING), "clusters": []}, False),
        ({"backup": backup(status={"phase": "Running"})}, False),
        ({"backup": log({"br": None}, STREAMING)}, False),
        ({"backup": None}, False),
    ],
    ids=["a log backup", "without its cluster", "a snapshot", "without BR", "none"],
)
def test_the_operator_started_with_this_server(server: dict[str, Any], tracked: bool) -> None:
    (outcome,) = outcomes(TICK, begin=given(server, task={"info": INFO}))
    assert calls(outcome) == ([("get etcd", None)] if tracked else [])


def test_a_state_that_was_just_queried_is_believed() -> None:
    first, second = outcomes(SYNC, SYNC, begin=given({"backup": log(status=STREAMING)}, task={"info": INFO}))
    assert (calls(first), calls(second)) == ([("get etcd", None)], [])


# ------------------------------------------------------------------ what happens without the operator


def test_a_cache_says_what_the_server_says_unless_it_says_something_else() -> None:
    (same,) = outcomes(SYNC, begin=given({"jobs": [job()]}))
    assert (same["calls"], same["result"]) == ([], "done")
    (other,) = outcomes(SYNC, begin=given({"jobs": [job()]}, cache={"jobs": []}))
    assert calls(other)[0] == ("create jobs", "alreadyExists")


def test_a_change_of_the_server_is_not_seen_before_a_refresh() -> None:
    stopped = {"set": {"server": {"backup": backup(status={"phase": "Failed", "conditions": [condition("Failed")]})}}}
    seen = {"refresh": ["backup"]}
    before, after = outcomes(stopped, EVENT, seen, EVENT)
    assert (before["queue"], after["queue"]) == (["add"], [])


def test_a_set_replaces_each_key_of_server_and_cache_by_itself() -> None:
    (outcome,) = outcomes({"set": {"server": {"jobs": [job(name="other")]}, "cache": {"jobs": [job()]}}}, SYNC)
    assert (outcome["calls"], outcome["server"]["jobs"]) == ([], ["other"])
    assert outcome["server"]["backup"]["resourceVersion"] == "100"


def test_a_set_can_take_the_backup_away() -> None:
    (outcome,) = outcomes({"set": {"server": {"backup": None}, "cache": {"backup": None}}}, SYNC)
    assert (outcome["cached"], outcome["server"]["backup"]) == ({"backup": None}, None)


@pytest.mark.parametrize("key", ["secrets", "claims", "clusters"])
def test_a_set_replaces_everything_else_that_is_cached(key: str) -> None:
    access = {"host": "tidb", "secretName": "password"}
    exported = backup({"br": None, "from": access, "storageSize": "1Gi"})
    secret = {"namespace": "ns", "name": "password", "keys": ["password"]}
    begin = given({"secrets": [secret], "clusters": [CLUSTER]} | ({} if key == "clusters" else {"backup": exported}))
    (usual,) = outcomes(SYNC, begin=begin)
    claims = [
        {"namespace": "ns", "name": each["name"], "storage": "1Gi"} for each in usual["calls"] if "storage" in each
    ]
    change = {"secrets": [], "claims": claims, "clusters": []}[key]
    (outcome,) = outcomes({"set": {"cache": {key: change}}}, SYNC, begin=begin)
    assert outcome["calls"] != usual["calls"]


def test_a_set_replaces_the_task_as_a_whole() -> None:
    begin = given({"backup": log(status=STREAMING)}, task={"info": INFO})
    (outcome,) = outcomes({"set": {"task": {"pause": INFO}}}, SYNC, begin=begin)
    assert outcome["message"] == "log backup key not found"


def test_a_set_replaces_the_storage() -> None:
    spec = {"backupMode": "volume-snapshot", "federalVolumeBackupPhase": "execute"}
    begin = given({"backup": backup(spec), "clusters": [{**CLUSTER, "acrossK8s": True}]})
    (outcome,) = outcomes({"set": {"storage": ["backupmeta"]}}, SYNC, begin=begin)
    assert outcome["calls"][0]["status"]["phase"] == "VolumeBackupSnapshotsCreated"


def test_a_refresh_shows_what_the_server_has() -> None:
    first, second, third = outcomes(SYNC, EVENT, REFRESH, SYNC)
    assert first["cached"]["backup"]["status"] == second["cached"]["backup"]["status"] == {}
    assert third["cached"]["backup"]["status"]["phase"] == "Scheduled"
    assert third["calls"] == []


def test_a_refresh_shows_that_there_is_no_backup_any_more() -> None:
    (outcome,) = outcomes({"set": {"server": {"backup": None}}}, {"refresh": ["backup"]}, SYNC)
    assert outcome["cached"] == {"backup": None}


def test_a_refresh_takes_only_what_it_names() -> None:
    _, outcome = outcomes(SYNC, {"refresh": ["backup"]}, SYNC)
    assert outcome["cached"]["backup"]["status"]["phase"] == "Scheduled"
    assert calls(outcome)[0] == ("create jobs", "alreadyExists")


# ------------------------------------------------------------------ when the reference goes wrong


def test_an_error_of_the_reference_is_an_outcome_that_conforms_to_nothing() -> None:
    """Retries are counted from 1; the operator, given 0, would look before the first record."""
    arguments = {"backup": backup(), "condition": None, "update": {"retryNum": 0}}
    (run,) = judgement(rule_line("updated", {"changed": True}, **arguments)).runs
    assert run.outcome["result"] == "crash"
    assert run.outcome["message"].startswith("UsageError: retry 0 does not exist")
    assert found(rule_line("updated", None, **arguments)) == [(None, "result"), (None, "message")]


def test_runs_remember_where_they_stand_among_the_happenings() -> None:
    runs = judgement(line([{}, {}], {"refresh": ["jobs"]}, EVENT, {"set": {"storage": []}}, SYNC)).runs
    assert [each.index for each in runs] == [1, 3]


# ------------------------------------------------------------------ programs

PROGRAM = ["backup", "--namespace=ns", "--backupName=demo", "--tikvVersion=v8.5.0", "--mode=snapshot"]
SCHEDULED = given({"backup": backup((), {"phase": "Scheduled", "conditions": [condition("Scheduled")]})})
READ = {"read metadata": {"metadata": {"startVersion": 400, "endVersion": 500, "size": 12}}}


def pod(**steps: Any) -> dict[str, Any]:
    return {"run": "pod", "args": PROGRAM, "steps": steps}


def test_a_program_writes_and_its_informer_follows() -> None:
    (outcome,) = outcomes(pod(**READ), begin=SCHEDULED)
    phases = [call["status"]["phase"] for call in outcome["calls"]]
    assert (outcome["result"], phases) == ("done", ["Prepare", "Running", "Complete"])
    assert outcome["cached"]["backup"]["status"]["commitTs"] == "500"
    assert outcome["cached"]["backup"]["status"]["backupSizeReadable"] == "12 B"


def test_a_step_that_fails_is_reported_and_of_the_exit_code_only_that_it_is_bad() -> None:
    (outcome,) = outcomes(pod(br={"error": "boom"}), begin=SCHEDULED)
    failed = outcome["server"]["backup"]["status"]["conditions"][-1]
    assert (outcome["result"], outcome["message"]) == ("error", "")
    assert (failed["reason"], failed["message"]) == ("BackupDataToRemoteFailed", "boom")


def test_a_step_can_yield_a_text_or_sizes() -> None:
    from_tidb = backup({"from": {"host": "tidb", "secretName": "s"}}, {"phase": "Scheduled"})
    (outcome,) = outcomes(pod(**{"get GC life time": {"text": "soon"}}), begin=given({"backup": from_tidb}))
    assert outcome["server"]["backup"]["status"]["conditions"][-1]["reason"] == "ParseOldTikvGCLifeTimeFailed"
    volume = {
        "run": "pod",
        "args": [*PROGRAM[:-1], "--mode=volume-snapshot"],
        "steps": {"volume size": {"sizes": [3, 2]}},
    }
    (outcome,) = outcomes(volume, begin=given({"backup": backup({"backupMode": "volume-snapshot"})}))
    assert outcome["server"]["backup"]["status"]["incrementalBackupSize"] == 2


@pytest.mark.parametrize(
    ("happening", "path"),
    [
        ({"run": "pod", "args": ["sleep"]}, "when[0].args"),
        ({"run": "pod", "args": PROGRAM, "steps": {"lunch": {}}}, "when[0].steps"),
    ],
)
def test_arguments_and_steps_that_no_program_has_are_refused(happening: dict[str, Any], path: str) -> None:
    with pytest.raises(InputError) as error:
        judgement(line([{}], happening, begin=SCHEDULED))
    assert path in error.value.place.path
