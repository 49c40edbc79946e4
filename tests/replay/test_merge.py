"""Inputs become one story: by what the objects say has happened, never by a wish or a plan, and never read ahead."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.model import object_from, seconds_of, text_of
from fsm.replay import merge
from fsm.replay.merge import NEVER, merged, observed_at
from fsm.replay.reader import Item, Problem, documents, items

STORIES = Path(merge.__file__).parent.parent / "stories"
START = seconds_of("2026-11-22T02:00:00Z")


def time(second: int) -> str:
    """So many seconds after the start of these stories."""
    return text_of(START + second)


def an_object(kind: str, **parts: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "a"}, **parts}


def an_item(obj: dict[str, Any], at: int | None = None, file: str = "in", line: int = 1) -> Item:
    return Item(file, line, "", object_from(obj), at, text=json.dumps(obj).encode())


def meta(**fields: Any) -> dict[str, Any]:
    return {"name": "a", **fields}


OBSERVED: dict[str, dict[str, Any]] = {
    "creation": an_object("Job", metadata=meta(creationTimestamp=time(7))),
    "deletion": an_object("Job", metadata=meta(deletionTimestamp=time(7), deletionGracePeriodSeconds=0)),
    "deletion of a Backup with a grace period": an_object(
        "Backup", metadata=meta(deletionTimestamp=time(7), deletionGracePeriodSeconds=30)
    ),
    "deletion of a pod, when it was asked for": an_object(
        "Pod", metadata=meta(deletionTimestamp=time(37), deletionGracePeriodSeconds=30)
    ),
    "deletion of a pod without a grace period": an_object("Pod", metadata=meta(deletionTimestamp=time(7))),
    "managed fields": an_object(
        "Job", metadata=meta(managedFields=[{"time": time(3)}, {"manager": "x", "time": time(7)}, {"manager": "y"}])
    ),
    "job start": an_object("Job", status={"startTime": time(7)}),
    "job completion": an_object("Job", status={"startTime": time(1), "completionTime": time(7)}),
    "job condition": an_object(
        "Job",
        status={
            "conditions": [
                {"type": "Failed", "status": "True", "lastTransitionTime": time(7)},
                {"type": "Complete", "status": "False", "lastTransitionTime": time(2)},
            ]
        },
    ),
    "pod start": an_object("Pod", status={"startTime": time(7)}),
    "pod condition": an_object(
        "Pod", status={"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": time(7)}]}
    ),
    "container started": an_object(
        "Pod", status={"containerStatuses": [{"state": {"running": {"startedAt": time(7)}}}]}
    ),
    "container ended": an_object(
        "Pod",
        status={"containerStatuses": [{"state": {"terminated": {"startedAt": time(2), "finishedAt": time(7)}}}]},
    ),
    "container ended without an end": an_object(
        "Pod",
        status={"containerStatuses": [{"state": {"terminated": {"startedAt": time(7), "finishedAt": None}}}]},
    ),
    "init container ended": an_object(
        "Pod", status={"initContainerStatuses": [{"state": {"terminated": {"finishedAt": time(7)}}}]}
    ),
    "container that waits": an_object(
        "Pod", status={"startTime": time(7), "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]}
    ),
    "backup condition": an_object(
        "Backup", status={"conditions": [{"type": "Running", "status": "True", "lastTransitionTime": time(7)}]}
    ),
    "backup start": an_object("Backup", status={"timeStarted": time(7), "timeCompleted": None}),
    "backup completion": an_object("Backup", status={"timeStarted": time(1), "timeCompleted": time(7)}),
    "backup synced": an_object("Backup", status={"timeSynced": time(7)}),
    "command start": an_object("Backup", status={"logSubCommandStatuses": {"log-start": {"timeStarted": time(7)}}}),
    "command completion": an_object(
        "Backup", status={"logSubCommandStatuses": {"log-start": {"timeCompleted": time(7)}, "log-stop": {}}}
    ),
    "command condition": an_object(
        "Backup",
        status={
            "logSubCommandStatuses": {
                "log-stop": {"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": time(7)}]}
            }
        },
    ),
    "failure detected": an_object(
        "Backup", status={"backoffRetryStatus": [{"detectFailedAt": time(7), "expectedRetryAt": time(99)}]}
    ),
    "really retried": an_object(
        "Backup", status={"backoffRetryStatus": [{"detectFailedAt": time(1), "realRetryAt": time(7)}]}
    ),
    "progress": an_object("Backup", status={"progresses": [{"step": "x", "lastTransitionTime": time(7)}]}),
    "br operation started": an_object("Backup", status={"brOperations": [{"startedAt": time(7)}]}),
    "br operation observed": an_object(
        "Backup", status={"brOperations": [{"startedAt": time(1), "observedAt": time(7)}]}
    ),
    "another zone": an_object("Job", metadata=meta(creationTimestamp="2026-11-22T04:30:07+02:30")),
    "a fraction, rounded down": an_object("Job", metadata=meta(creationTimestamp="2026-11-22T02:00:07.999Z")),
    "several zones, by time and not by text": an_object(
        "Job",
        metadata=meta(creationTimestamp="2026-11-22T09:00:00+08:00", deletionTimestamp="2026-11-22T02:00:07Z"),
    ),
}


@pytest.mark.parametrize("name", OBSERVED)
def test_the_newest_observed_time_is_found_wherever_an_object_has_it(name: str) -> None:
    assert observed_at(an_item(OBSERVED[name])) == START + 7


UNOBSERVED: dict[str, dict[str, Any]] = {
    "nothing at all": an_object("Job"),
    "the spec of a Backup": an_object("Backup", spec={"commitTs": time(7), "logTruncateUntil": time(7)}),
    "the spec of a Job": an_object("Job", spec={"template": {"metadata": {"creationTimestamp": time(7)}}}),
    "a plan": an_object("Backup", status={"backoffRetryStatus": [{"retryNum": 1, "expectedRetryAt": time(7)}]}),
    "TSOs": an_object(
        "Backup",
        status={
            "commitTs": "462034591744294912",
            "logCheckpointTs": "462034595676454913",
            "logSuccessTruncateUntil": "2026-11-22 02:00:07",
            "logSubCommandStatuses": {"log-truncate": {"logTruncatingUntil": time(7)}},
        },
    ),
    "annotations": an_object("Job", metadata=meta(annotations={"at": time(7)})),
    "nulls": an_object(
        "Backup", metadata=meta(creationTimestamp=None), status={"timeStarted": None, "conditions": None}
    ),
}


@pytest.mark.parametrize("name", UNOBSERVED)
def test_wishes_plans_and_timestamps_of_tikv_are_not_observed(name: str) -> None:
    assert observed_at(an_item(UNOBSERVED[name])) is None


def test_the_item_s_own_time_counts() -> None:
    job = an_object("Job", metadata=meta(creationTimestamp=time(7)))
    assert observed_at(an_item(an_object("Job"), at=START)) == START
    assert [observed_at(an_item(job, at=START + at)) for at in (3, 30)] == [START + 7, START + 30]


# ---- merging


def at(second: int | None, kind: str = "Job", name: str = "a") -> Item:
    return an_item({"kind": kind, "metadata": {"name": name}}, None if second is None else START + second)


def story(*streams: list[Item | Problem]) -> list[tuple[int, Item] | Problem]:
    return list(merged([iter(stream) for stream in streams]))


def order(*streams: list[Item | Problem]) -> list[tuple[int, str] | str]:
    return [r.message if isinstance(r, Problem) else (r[0] - START, r[1].object.metadata.name) for r in story(*streams)]


def test_items_of_several_inputs_come_in_the_order_of_their_times() -> None:
    assert order([at(1, name="a"), at(4, name="b")], [at(2, name="c"), at(3, name="d")], []) == [
        (1, "a"),
        (2, "c"),
        (3, "d"),
        (4, "b"),
    ]


@pytest.mark.parametrize("kind", ["Job", "Pod"])
def test_at_equal_seconds_jobs_and_pods_come_before_backups(kind: str) -> None:
    assert order([at(1, "Backup", "backup")], [at(1, kind, "other")]) == [(1, "other"), (1, "backup")]


def test_at_equal_seconds_of_one_rank_the_first_input_comes_first() -> None:
    assert order([at(1, "Pod", "a")], [at(1, "Job", "b")], [at(1, "Pod", "c")]) == [(1, "a"), (1, "b"), (1, "c")]


def test_an_input_keeps_its_own_order_and_its_time_never_goes_back() -> None:
    """An older object in an input (a deletion repeats what is long known) has the time of what stood before it."""
    assert order([at(5, name="a"), at(1, name="b"), at(6, name="c")], [at(4, name="x"), at(6, name="y")]) == [
        (4, "x"),
        (5, "a"),
        (5, "b"),
        (6, "c"),
        (6, "y"),
    ]


def test_a_backup_before_a_job_in_one_input_stays_there() -> None:
    assert order([at(1, "Backup", "backup"), at(1, "Job", "job")]) == [(1, "backup"), (1, "job")]


def test_an_item_without_a_time_has_that_of_what_stood_before_it() -> None:
    assert order([at(3, name="a"), at(None, name="b")], [at(4, name="c")]) == [(3, "a"), (3, "b"), (4, "c")]
    assert [r[0] for r in story([at(None)]) if isinstance(r, tuple)] == [NEVER]


def test_the_time_given_is_the_newest_of_all_inputs() -> None:
    late = at(9, name="late")
    assert order([late], [at(None, name="a")]) == [(NEVER - START, "a"), (9, "late")]
    assert order([late, at(None, name="b")], [at(10, name="c")])[1] == (9, "b")


def test_problems_come_right_after_what_stands_before_them() -> None:
    first, second, last = (Problem("in", n, "", name, "broken") for n, name in enumerate(("first", "second", "last")))
    assert order([first, at(1, name="a"), second, at(9, name="b"), last], [at(2, name="c")]) == [
        "first",
        (1, "a"),
        "second",
        (2, "c"),
        (9, "b"),
        "last",
    ]
    assert order([first, last]) == ["first", "last"]
    assert order() == []


def test_a_repeat_does_not_change_the_time() -> None:
    repeat = at(8, name="again")._replace(repeat=True)
    assert order([at(8, name="a"), repeat], [at(9, name="b")]) == [(8, "a"), (8, "again"), (9, "b")]


def test_each_input_is_read_once_and_no_further_than_one_item_ahead() -> None:
    read: list[str] = []

    def stream(name: str, times: list[int]) -> Iterator[Item | Problem]:
        for second in times:
            read.append(f"{name}{second}")
            yield at(second, name=f"{name}{second}")

    results = merged([stream("a", [1, 2, 9]), stream("b", [5, 6])])
    next(results)
    assert read == ["a1", "b5"]
    next(results)
    assert read == ["a1", "b5", "a2"]
    assert len(list(results)) == 3
    assert sorted(read) == ["a1", "a2", "a9", "b5", "b6"]


def test_one_live_input_is_not_held_up() -> None:
    def live() -> Iterator[Item | Problem]:
        yield at(1)
        raise AssertionError("read ahead")

    assert next(merged([live()])) == (START + 1, at(1))


TIMES = st.lists(
    st.lists(st.tuples(st.none() | st.integers(0, 20), st.sampled_from(["Job", "Pod", "Backup"])), max_size=8),
    max_size=4,
)


@given(TIMES)
def test_merging_keeps_every_item_the_order_of_each_input_and_the_order_of_times(
    inputs: list[list[tuple[int | None, str]]],
) -> None:
    streams: list[list[Item | Problem]] = [
        [at(second, kind, f"{number}-{place}") for place, (second, kind) in enumerate(stream)]
        for number, stream in enumerate(inputs)
    ]
    result = [r for r in story(*streams) if isinstance(r, tuple)]
    for number, stream in enumerate(streams):
        mine = [item for _, item in result if item.object.metadata.name.startswith(f"{number}-")]
        assert mine == stream
    times = [newest for newest, _ in result]
    assert times == sorted(times)
    newest = NEVER
    for told, item in result:
        newest = max(newest, item.at or NEVER)
        assert told == newest


@pytest.mark.parametrize("names", [("backup-snapshot-retry.jsonl", "backup-snapshot-retry.jobs.jsonl")])
def test_a_story_in_two_files_is_the_same_whichever_file_is_given_first(names: tuple[str, str]) -> None:
    def told(*files: str) -> list[tuple[int, str, str]]:
        streams = [items(documents(io.BytesIO((STORIES / file).read_bytes()), file)) for file in files]
        return [
            (r[0], r[1].object.kind, r[1].object.metadata.resource_version)
            for r in merged(streams)
            if not isinstance(r, Problem)
        ]

    assert told(*names) == told(*reversed(names))
    assert len(told(*names)) == 24
    kinds = [(newest, kind) for newest, kind, _ in told(*names)]
    assert kinds == sorted(kinds, key=lambda pair: (pair[0], pair[1] == "Backup"))
