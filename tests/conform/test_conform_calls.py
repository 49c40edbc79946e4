"""Every call that a vector shows, and every error with which the server of a vector refuses one."""

from __future__ import annotations

from typing import Any

import pytest
from conform_vectors import (
    CLUSTER,
    EVENT,
    FINALIZER,
    OWNER,
    POLICY,
    STREAMING,
    SYNC,
    backup,
    calls,
    condition,
    fault,
    given,
    job,
    log,
    outcomes,
)

AZBLOB: dict[str, Any] = {"s3": None, "azblob": {"container": "c", "secretName": "keys"}}


def one(*when: Any, begin: Any = None) -> dict[str, Any]:
    """The outcome of the last run."""
    return outcomes(*when, begin=begin)[-1]


def export() -> dict[str, Any]:
    access = {"host": "tidb", "user": "root", "secretName": "password"}
    return backup({"br": None, "from": access, "storageSize": "10Gi"})


PASSWORD = {"namespace": "ns", "name": "password", "keys": ["password"]}


# ------------------------------------------------------------------ their fields


def test_an_update_shows_what_of_the_backup_was_sent() -> None:
    update = one(SYNC, begin=given({"backup": backup({"cleanPolicy": "Delete"})}))["calls"][0]
    assert update == {"call": "update backups", "resourceVersion": "100", "finalizers": [FINALIZER], "status": {}}


def test_a_created_job_shows_its_owner_limits_and_arguments() -> None:
    created = one(SYNC)["calls"][0]
    assert created == {
        "call": "create jobs",
        "job": {
            "name": "backup-demo",
            "ownerReferences": [OWNER],
            "backoffLimit": 0,
            "activeDeadlineSeconds": None,
            "restartPolicy": "Never",
            "args": [
                "backup",
                "--namespace=ns",
                "--backupName=demo",
                "--tikvVersion=v8.5.0",
                "--mode=snapshot",
            ],
        },
    }


def test_an_init_job_has_a_deadline() -> None:
    spec = {"backupMode": "volume-snapshot", "federalVolumeBackupPhase": "initialize"}
    begin = given({"backup": backup(spec), "clusters": [{**CLUSTER, "acrossK8s": True}]})
    assert one(SYNC, begin=begin)["calls"][0]["job"]["activeDeadlineSeconds"] == 600


def test_a_deleted_job_shows_its_name_and_propagation() -> None:
    records = [{"retryNum": 1, "detectFailedAt": "now-400s", "expectedRetryAt": "now-100s"}]
    status = {"phase": "RetryFailed", "backoffRetryStatus": records}
    retrying = one(EVENT, begin=given({"backup": backup(POLICY, status), "jobs": [job("Failed")]}))
    assert retrying["calls"][0] == {"call": "delete jobs", "name": "backup-demo", "propagationPolicy": "Foreground"}
    assert retrying["server"]["jobs"] == []


def test_a_fetched_cluster_shows_its_key() -> None:
    """What could not be tracked at the start, for want of its cluster, is tracked before log-start."""
    begin = given({"backup": log(), "clusters": []}, cache={"clusters": [CLUSTER]})
    assert (
        one(SYNC, begin=begin)["calls"][:5]
        == [{"call": "get tidbclusters", "namespace": "ns", "name": "basic", "error": "notFound"}] * 5
    )


def test_the_gets_of_etcd_are_one_call_with_all_its_keys() -> None:
    begin = given({"backup": log(status=STREAMING)}, task={"info": {"values": ["aW5mbw=="]}})
    assert one(SYNC, begin=begin)["calls"][0] == {
        "call": "get etcd",
        "keys": ["checkpoint", "info", "last-error", "pause"],
    }


def test_a_created_claim_shows_its_name_and_size() -> None:
    claim = one(SYNC, begin=given({"backup": export(), "secrets": [PASSWORD]}))["calls"][0]
    assert (claim["call"], claim["storage"]) == ("create persistentvolumeclaims", "10Gi")
    assert claim["name"].startswith("backup-pvc-")


def test_neither_etcd_clients_nor_the_storage_nor_what_a_volume_writes_are_calls() -> None:
    spec = {"backupMode": "volume-snapshot", "federalVolumeBackupPhase": "execute"}
    status = {"conditions": [condition("VolumeBackupInitialized")]}
    begin = given({"backup": backup(spec, status), "clusters": [{**CLUSTER, "acrossK8s": True}]}, storage=[])
    assert calls(one(SYNC, begin=begin)) == [("create jobs", None), ("update backups", None)]


# ------------------------------------------------------------------ what the server refuses


def test_a_backup_that_is_absent_cannot_be_updated() -> None:
    begin = given({"backup": None}, cache={"backup": backup({"cleanPolicy": "Delete"})})
    outcome = one(SYNC, begin=begin)
    assert calls(outcome) == [("update backups", "notFound")]
    assert outcome["message"].endswith('backups.pingcap.com "demo" not found')
    assert outcome["server"]["backup"] is None


def test_a_job_that_is_there_cannot_be_created() -> None:
    outcome = one(SYNC, begin=given({"jobs": [job()]}, cache={"jobs": []}))
    assert calls(outcome)[0] == ("create jobs", "alreadyExists")
    assert outcome["message"].endswith('jobs.batch "backup-demo" already exists')


def test_a_job_that_is_absent_cannot_be_deleted() -> None:
    """The earlier Job of log-pause is finished, in the cache only."""
    paused = log({"logSubcommand": "log-pause"}, STREAMING)
    finished = job("Complete", name="backup-demo-log-pause")
    outcome = one(SYNC, begin=given({"backup": paused}, cache={"jobs": [finished]}))
    assert calls(outcome) == [("delete jobs", "notFound")]
    assert outcome["message"].endswith('jobs.batch "backup-demo-log-pause" not found')


def test_a_cluster_that_is_absent_cannot_be_fetched() -> None:
    begin = given({"backup": log(), "clusters": []}, cache={"clusters": [CLUSTER]})
    assert one(SYNC, begin=begin)["message"].endswith('tidbclusters.pingcap.com "basic" not found')


def test_a_claim_that_is_there_cannot_be_created() -> None:
    begin = given({"backup": export(), "secrets": [PASSWORD]})
    name = one(SYNC, begin=begin)["calls"][0]["name"]
    claims = [{"namespace": "ns", "name": name, "storage": "10Gi"}]
    begin = given({"backup": export(), "secrets": [PASSWORD], "claims": claims}, cache={"claims": []})
    outcome = one(SYNC, begin=begin)
    assert calls(outcome)[0] == ("create persistentvolumeclaims", "alreadyExists")
    assert outcome["message"].endswith(f'persistentvolumeclaims "{name}" already exists')


def test_a_claim_that_was_created_is_there() -> None:
    begin = given({"backup": export(), "secrets": [PASSWORD]})
    first, second = outcomes(SYNC, {"set": {"server": {"jobs": []}}}, SYNC, begin=begin)
    assert calls(first)[0] == ("create persistentvolumeclaims", None)
    assert calls(second)[0] == ("create persistentvolumeclaims", "alreadyExists")


def test_volume_metadata_are_written_once() -> None:
    spec = {"backupMode": "volume-snapshot", "federalVolumeBackupPhase": "execute"}
    begin = given({"backup": backup(spec), "clusters": [{**CLUSTER, "acrossK8s": True}]}, storage=["clustermeta"])
    outcome = one(SYNC, begin=begin)
    assert outcome["result"] == "ignore"
    assert "clustermeta exist" in outcome["message"]
    fresh = {**begin, "storage": []}
    written, again = outcomes(SYNC, {"set": {"server": {"jobs": []}}}, SYNC, begin=fresh)
    assert (written["result"], again["result"]) == ("done", "ignore")


# ------------------------------------------------------------------ faults


@pytest.mark.parametrize("error", ["conflict", "notFound", "alreadyExists", "forbidden", "timeout", "internal"])
def test_a_fault_is_told_by_its_word_and_its_whole_text(error: str) -> None:
    outcome = one({**SYNC, "answers": [fault("create jobs", error)]})
    assert calls(outcome)[0] == ("create jobs", error)
    assert outcome["message"] == f"create backup ns/demo job backup-demo failed, err: it says {error}"
    assert outcome["server"]["jobs"] == []


def test_a_fault_that_was_performed_leaves_what_it_did() -> None:
    outcome = one({**SYNC, "answers": [fault("create jobs", performed=True)]})
    assert calls(outcome)[0] == ("create jobs", "timeout")
    assert outcome["server"]["jobs"] == ["backup-demo"]


def test_a_fault_hits_the_nth_call_of_its_kind() -> None:
    """The finalizer is the first update, the status the second, and its retry the third."""
    begin = given({"backup": backup({"cleanPolicy": "Delete"})})
    answers = [fault("update backups", "conflict", 2), fault("update backups", "timeout", 9)]
    outcome = one({**SYNC, "answers": answers}, begin=begin)
    updates = [error for call, error in calls(outcome) if call == "update backups"]
    assert updates == [None, "conflict", None]


def test_calls_are_counted_anew_in_each_run() -> None:
    first, second = outcomes({**SYNC, "answers": [fault("create jobs")]}, {**SYNC, "answers": [fault("create jobs")]})
    assert calls(first)[0] == calls(second)[0] == ("create jobs", "timeout")


def test_a_fault_lasts_no_longer_than_its_run() -> None:
    first, second = outcomes({**SYNC, "answers": [fault("create jobs")]}, SYNC)
    assert (calls(first)[0], calls(second)[0]) == (("create jobs", "timeout"), ("create jobs", None))


# ------------------------------------------------------------------ etcd


def test_a_task_that_cannot_be_reached_is_the_error_of_the_sync() -> None:
    begin = given({"backup": log(status=STREAMING)}, task={"unreachable": "PD is away"})
    outcome = one(SYNC, begin=begin)
    assert outcome["calls"] == []
    assert outcome["message"] == "get etcd client failed: PD is away"


def test_a_get_that_fails_counts_as_no_key() -> None:
    begin = given({"backup": log(status=STREAMING)}, task={"info": {"error": "timed out"}})
    assert one(SYNC, begin=begin)["message"] == "log backup key not found"


def test_an_open_message_of_ours_needs_only_be_the_beginning() -> None:
    begin = given({"backup": backup(AZBLOB), "secrets": [{"namespace": "ns", "name": "keys", "keys": []}]})
    (message,) = (each["message"] for each in one(SYNC, begin=begin)["calls"][0]["status"]["conditions"])
    assert message.endswith("storage account unspecified: ")
