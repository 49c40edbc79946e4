"""The check of a spec, rule by rule in the operator's order and words (operator-semantics 2.9)."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from fsm.model import Backup
from fsm.rules import Cluster, validate_spec
from fsm.rules.endpoint import endpoint_of

FOR_BR = "configured for BR in spec of tidb/demo"
HERE = "in spec of tidb/demo"
RFC = '"2006-01-02T15:04:05Z07:00"'
LOG = {"backupMode": "log"}
VOLUME = {"backupMode": "volume-snapshot"}
FROM = {"host": "tidb", "secretName": "secret"}


def problem(spec: dict[str, Any], cluster: Cluster | None = None, *, br: dict[str, Any] | None = None) -> str | None:
    base = {"br": {"cluster": "basic"} | (br or {})}
    metadata = {"name": "demo", "namespace": "tidb"}
    return validate_spec(Backup.from_json({"kind": "Backup", "metadata": metadata, "spec": base | spec}), cluster, UTC)


def local(name: str, path: str) -> dict[str, Any]:
    return {"local": {"volume": {"name": "v"}, "volumeMount": {"name": name, "mountPath": path}}}


EXPORT = {"br": None, "from": FROM, "storageSize": "1Gi"}
RULES: dict[str, tuple[dict[str, Any], str | None]] = {
    "export": (EXPORT, None),
    "export without access": (EXPORT | {"from": None}, f"missing cluster config {HERE}"),
    "export without host": (EXPORT | {"from": {"secretName": "s"}}, f"missing cluster config {HERE}"),
    "export without secret": (EXPORT | {"from": {"host": "h"}}, f"missing tidbSecretName config {HERE}"),
    "export without size": (EXPORT | {"storageSize": ""}, f"missing StorageSize config {HERE}"),
    "export is checked for nothing else": (EXPORT | {"backupType": "odd", "s3": {}}, None),
    "nothing wrong": ({}, None),
    "no cluster": ({"br": {}}, f"cluster should be {FOR_BR}"),
    "an odd type": ({"backupType": "odd"}, f"invalid backup type odd for BR {HERE}"),
    "full": ({"backupType": "full"}, None),
    "db": ({"backupType": "db"}, f"DB should be configured for BR with backup type db {HERE}"),
    "table, no db": ({"backupType": "table"}, f"DB should be configured for BR with backup type table {HERE}"),
    "table, no table": (
        {"backupType": "table", "br": {"cluster": "c", "db": "d"}},
        f"table should be configured for BR with backup type table {HERE}",
    ),
    "table": ({"backupType": "table", "br": {"cluster": "c", "db": "d", "table": "t"}}, None),
    "s3": ({"s3": {"bucket": "b"}}, None),
    "s3 without bucket": ({"s3": {"endpoint": "odd"}}, f"bucket should be {FOR_BR}"),
    "s3 that is no URL": (
        {"s3": {"bucket": "b", "endpoint": "10.0.0.1:9000"}},
        f"invalid endpoint 10.0.0.1:9000 is {FOR_BR}",
    ),
    "s3 without scheme": ({"s3": {"bucket": "b", "endpoint": "/x"}}, f"scheme not found in endpoint /x {FOR_BR}"),
    "s3 without host": (
        {"s3": {"bucket": "b", "endpoint": "minio:9000"}},
        f"host not found in endpoint minio:9000 {FOR_BR}",
    ),
    "s3 with an endpoint": ({"s3": {"bucket": "b", "endpoint": "http://minio:9000"}}, None),
    "gcs": ({"gcs": {"projectId": "p", "bucket": "b"}}, None),
    "gcs without project": ({"gcs": {}}, f"projectId should be {FOR_BR}"),
    "gcs without bucket": ({"gcs": {"projectId": "p"}}, f"bucket should be {FOR_BR}"),
    "azblob is not checked": ({"azblob": {}}, None),
    "of several storages the first": ({"s3": {"bucket": "b"}, "gcs": {}, "local": {}}, None),
    "gcs before local": ({"gcs": {"projectId": "p", "bucket": "b"}, "local": {}}, None),
    "azblob does not hide gcs": ({"azblob": {}, "gcs": {}}, f"projectId should be {FOR_BR}"),
    "local": (local("v", "/data"), None),
    "local, other volume": (local("w", ""), f"Spec.Local.Volume.Name != Spec.Local.VolumeMount.Name is {FOR_BR}"),
    "local, no path": (local("v", ""), f"empty Spec.Local.VolumeMount.MountPath is {FOR_BR}"),
    "local, colon": (local("v", "/a:b"), f"Spec.Local.VolumeMount.MountPath cannot contain ':' {FOR_BR}"),
    "log": (LOG | {"commitTs": "5", "logTruncateUntil": "2026-11-22 02:00:00"}, None),
    "log, odd start": (
        LOG | {"commitTs": "x", "logTruncateUntil": "y"},
        f'cannot parse ts string x, err: parsing time "x" as {RFC}: cannot parse "x" as "2006"',
    ),
    "log, odd truncation": (
        LOG | {"logTruncateUntil": "y"},
        f'cannot parse ts string y, err: parsing time "y" as {RFC}: cannot parse "y" as "2006"',
    ),
    "a snapshot's start is not checked": ({"commitTs": "x"}, None),
    "minimum": (
        {"backoffRetryPolicy": {"minRetryDuration": "5", "retryTimeout": "x"}},
        'fail to parse minRetryDuration 5 of backup tidb/demo, time: missing unit in duration "5"',
    ),
    "timeout": (
        {"backoffRetryPolicy": {"minRetryDuration": "5s", "retryTimeout": "x"}},
        'fail to parse retryTimeout x of backup tidb/demo, time: invalid duration "x"',
    ),
    "empty and negative durations pass": (
        {"backoffRetryPolicy": {"minRetryDuration": "", "retryTimeout": "-5s", "maxRetryTimes": -5}},
        None,
    ),
}


@pytest.mark.parametrize(("spec", "expected"), RULES.values(), ids=RULES)
def test_a_broken_rule_is_told_in_the_words_of_the_operator(spec: dict[str, Any], expected: str | None) -> None:
    assert problem(spec) == expected


ORDER: list[tuple[str, dict[str, Any]]] = [
    ("cluster should be", {"br": {}}),
    ("invalid backup type", {"backupType": "odd"}),
    ("bucket should be", {"s3": {}}),
    ("cannot parse ts string", LOG | {"commitTs": "x"}),
    ("fail to parse minRetryDuration", {"backoffRetryPolicy": {"minRetryDuration": "x"}}),
]


@pytest.mark.parametrize("first", range(len(ORDER)), ids=[start for start, _ in ORDER])
def test_of_several_broken_rules_the_first_is_told(first: int) -> None:
    spec: dict[str, Any] = {}
    for _, broken in ORDER[first:]:
        spec |= broken
    told = problem(spec)
    assert told is not None
    assert told.startswith(ORDER[first][0])


VERSIONS = {
    # TiKV image:            (needs `from`, too old for a log backup)
    "pingcap/tikv:v4.0.7": (True, True),
    "pingcap/tikv:4.0": (True, True),
    "pingcap/tikv:v4.0.8": (False, True),
    "pingcap/tikv:v4.0.8-0": (False, True),
    "pingcap/tikv:v4.0.8-alpha": (False, True),
    "pingcap/tikv:v6.0.0": (False, True),
    "pingcap/tikv:v6.1.0-alpha": (False, False),
    "pingcap/tikv:v6.1": (False, False),
    "pingcap/tikv:v7.5.0+build.5": (False, False),
    "pingcap/tikv:v10": (False, False),
    "pingcap/tikv:nightly": (False, False),
    "pingcap/tikv:v3.0.0.0": (False, False),
    "pingcap/tikv": (False, False),
    "": (False, False),
}


@pytest.mark.parametrize("image", VERSIONS)
def test_an_old_tikv_needs_access_and_cannot_back_up_its_log(image: str) -> None:
    needs_access, too_old = VERSIONS[image]
    cluster = Cluster(tikv_image=image)
    assert problem({}, cluster) == (f"missing cluster config {HERE}" if needs_access else None)
    unsupported = f"tikv {image} doesn't support log backup {HERE}, the first version is v6.1.0"
    assert problem(LOG | {"from": FROM}, cluster) == (unsupported if too_old else None)


CLUSTERS = {
    "one Kubernetes": (Cluster(across_k8s=False), "only support volume snapshot backup across k8s clusters"),
    "no TiKV": (
        Cluster(across_k8s=True, has_tikv=False),
        "not support backup TiDB cluster with no tikv replica",
    ),
    "both": (Cluster(across_k8s=False, has_tikv=False), "only support volume snapshot backup across k8s clusters"),
    "across": (Cluster(across_k8s=True), None),
    "unknown": (None, None),
}


@pytest.mark.parametrize(("cluster", "expected"), CLUSTERS.values(), ids=CLUSTERS)
def test_a_volume_snapshot_needs_a_cluster_across_kubernetes(cluster: Cluster | None, expected: str | None) -> None:
    assert problem(VOLUME, cluster) == expected
    assert problem({}, cluster) is None


ENDPOINTS = {
    # scheme and host as Go's url.Parse finds them; None where it refuses
    "http://minio:9000": ("http", "minio:9000"),
    "HTTPS://s3.local/a?b#c": ("https", "s3.local"),
    "http://user:pw@host": ("http", "host"),
    "http://[::1]:9000/": ("http", "[::1]:9000"),
    "http://[fe80::1%25en0]": ("http", "[fe80::1%25en0]"),
    "http://höst": ("http", "höst"),
    "http://:80": ("http", ":80"),
    "minio:9000": ("minio", ""),
    "http:/path": ("http", ""),
    "http:///path": ("http", ""),
    "minio": ("", ""),
    "1http://host": None,
    "/path:x": ("", ""),
    "//host": ("", "host"),
    "///path": ("", ""),
    "10.0.0.1:9000": None,
    ":80": None,
    "a b://c:d": None,
    "http://host:80a": None,
    "http://ho st": None,
    "http://host%20": None,
    "http://host%zz": None,
    "http://us er@host": None,
    "http://[::1": None,
    "http://[host]": None,
    "http://[::1%25]": None,
    "http://host/%zz": None,
    "http://host#%zz": None,
    "http://host\n": None,
}


@pytest.mark.parametrize("text", ENDPOINTS)
def test_an_endpoint_is_taken_apart_as_go_does(text: str) -> None:
    assert endpoint_of(text) == ENDPOINTS[text]
