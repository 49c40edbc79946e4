"""Replaying streams: the timeline of a story, and a final answer that does not depend on how it was told."""

from __future__ import annotations

import gc
import io
import itertools
import json
import random
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fsm
from fsm.errors import UsageError
from fsm.model import Backup, Job, Pod, seconds_of
from fsm.replay.fold import Fold
from fsm.replay.merge import merged
from fsm.replay.reader import documents, items

STORIES = Path(fsm.__file__).parent / "stories"
RETRY = ("backup-snapshot-retry.jsonl", "backup-snapshot-retry.jobs.jsonl")
OOM = ("backup-logstart-oomkilled-stuck.jsonl", "job-oomkilled.jsonl", "job-oomkilled.pods.jsonl")
GROUPS = {
    "snapshot retry": RETRY,
    "log-start killed": OOM,
    "pause and resume": ("backup-log-pause-resume.jsonl",),
    "truncate": ("backup-log-truncate.jsonl",),
    "log-start failed": ("backup-logstart-failed.jsonl",),
    "image pull": ("job-imagepull.jsonl", "job-imagepull.pods.jsonl"),
    "node lost": ("job-nodelost.jsonl", "job-nodelost.pods.jsonl"),
    "re-list": ("job-watch-bookmark-410.jsonl",),
    "recorded": ("recorded-k8s-1.20.2-delete-running-deadline-success.jsonl",),
}


def lines_of(*names: str) -> list[list[str]]:
    return [(STORIES / name).read_text().splitlines() for name in names]


def folded(*files: Iterable[str], **options: Any) -> Fold:
    """A replay of files given as lists of lines."""
    streams = [items(documents(io.BytesIO("\n".join(lines).encode()), f"file{i}")) for i, lines in enumerate(files)]
    fold = Fold(**options)
    fold.take_all(merged(streams))
    return fold


def answer(fold: Fold, at: str | None = None) -> dict[str, Any]:
    now = fold.clock(None if at is None else seconds_of(at))
    return {"backups": list(fold.backups(now)), "jobs": list(fold.jobs(now))}


FINAL = ("namespace", "name", "uid", "state", "configuration", "attempt", "retries", "verdict")


def final(fold: Fold) -> Any:
    """The part of the answer that may not depend on the order of the input."""
    found = answer(fold)
    backups = [
        ({k: b[k] for k in FINAL}, {c: (s["state"], s["verdict"]) for c, s in b["commands"].items()})
        for b in found["backups"]
    ]
    return backups, sorted(found["jobs"], key=lambda each: each["uid"])


def test_the_retry_story_has_exactly_its_ten_transitions() -> None:
    fold = folded(*lines_of(*RETRY))
    backup = answer(fold)["backups"][0]
    steps = [(t["event"], t["at"][11:19], t["attempt"]) for t in backup["transitions"]]
    assert steps == [
        ("job_created", "02:00:01", 0),
        ("pod_preparing", "02:00:12", 0),
        ("br_started", "02:00:13", 0),
        ("job_failed", "02:00:43", 0),
        ("failure_recorded", "02:00:48", 0),
        ("retry_due", "02:01:50", 0),
        ("job_created", "02:01:54", 1),
        ("pod_preparing", "02:02:05", 1),
        ("br_started", "02:02:06", 1),
        ("completed", "02:04:20", 1),
    ]
    assert (fold.events, backup["state"], backup["retries"], backup["verdict"]) == (24, "complete", 1, "done")
    assert backup["unexpected"] == []
    assert not any("inferred" in step or "atLeast" in step for step in backup["transitions"])
    assert backup["transitions"][4]["guards"] == {"exceeded": False, "timed_out": False}


def test_the_retry_story_is_healthy_wherever_it_is_cut_off() -> None:
    story = list(merged([items(documents(io.BytesIO("\n".join(lines).encode()), "f")) for lines in lines_of(*RETRY)]))
    for length in range(1, len(story) + 1):
        fold = Fold()
        fold.take_all(story[:length])
        backup = answer(fold)["backups"][0]
        assert backup["verdict"] in ("progressing", "waiting", "done"), (length, backup["because"])
        assert backup["unexpected"] == [], length


def test_the_retry_story_is_never_stuck_or_unexpected_while_one_of_its_files_lags_behind() -> None:
    backups, jobs = lines_of(*RETRY)
    for told, ran in itertools.product(range(1, len(backups) + 1), range(len(jobs) + 1)):
        found = answer(folded(backups[:told], jobs[:ran]))["backups"][0]
        assert found["unexpected"] == [], (told, ran)
        delete_lost = (told, ran) == (8, 5)  # the retry is written, its delete was not seen: just what S1 looks like
        assert (found["verdict"] in ("stuck", "failed")) == delete_lost, (told, ran, found["because"])


@pytest.mark.parametrize("missing", range(24))
def test_a_missing_item_is_bridged_by_inferred_steps_and_changes_nothing_in_the_end(missing: int) -> None:
    backups, jobs = lines_of(*RETRY)
    lines = [*(("b", line) for line in backups), *(("j", line) for line in jobs)]
    kept = [pair for i, pair in enumerate(lines) if i != missing]
    fold = folded([line for kind, line in kept if kind == "b"], [line for kind, line in kept if kind == "j"])
    found = answer(fold)["backups"][0]
    assert found["unexpected"] == []
    if missing != 11:  # without its last word the Backup is not complete
        assert (found["state"], found["attempt"], found["retries"], found["verdict"]) == ("complete", 1, 1, "done")


def test_a_killed_log_start_is_stuck_with_its_cause_and_uncertain_without_its_job() -> None:
    backup = answer(folded(*lines_of(*OOM)))["backups"][0]
    assert backup["commands"]["log-start"]["state"] == "failed"
    assert backup["verdict"] == "stuck"
    assert "OOMKilled" in backup["because"]
    alone = answer(folded(*lines_of(OOM[0])))["backups"][0]
    assert (alone["verdict"], alone["needs"]) == ("uncertain", ["Job tidb-cluster/backup-demo-log-log-start"])


def test_a_backup_that_was_not_given_but_owns_a_job_is_listed_as_needed() -> None:
    found = answer(folded(*lines_of("job-imagepull.jsonl", "job-imagepull.pods.jsonl")))
    backup, job = found["backups"][0], found["jobs"][0]
    assert (backup["machine"], backup["state"], backup["verdict"]) == (None, None, "uncertain")
    assert backup["needs"] == ["Backup tidb-cluster/demo-full"]
    assert (job["verdict"], job["until"]) == ("waiting", "2026-11-22T02:10:01Z")


def test_the_clock_of_the_verdict_can_be_moved_forward_only() -> None:
    fold = folded(*lines_of("job-imagepull.jsonl", "job-imagepull.pods.jsonl"))
    job = answer(fold, "2026-11-22T02:30:00Z")["jobs"][0]
    assert job["verdict"] == "stuck"
    assert "pingcap/br:v8.5.22" in job["because"]
    with pytest.raises(UsageError, match="before the newest observed time"):
        fold.clock(0)


def test_a_relist_after_410_is_a_gap_and_not_an_error() -> None:
    fold = folded(*lines_of("job-watch-bookmark-410.jsonl"))
    assert [problem.kind for problem in fold.problems] == ["gap"]
    assert answer(fold)["jobs"][0]["state"] == "failed"


def _retold(rng: random.Random, files: list[list[str]]) -> list[list[str]]:
    """Shuffled, repeated, and dealt anew to a random number of files."""
    lines = [line for file in files for line in file if '"BOOKMARK"' not in line and '"ERROR"' not in line]
    lines += rng.choices(lines, k=len(lines) // 2)
    rng.shuffle(lines)
    dealt: list[list[str]] = [[] for _ in range(rng.randint(1, 4))]
    for line in lines:
        rng.choice(dealt).append(line)
    return dealt


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_shuffled_and_repeated_items_give_the_same_final_answer(group: tuple[str, ...], seed: int) -> None:
    files = lines_of(*group)
    told, retold = folded(*files), folded(*_retold(random.Random(seed), files))
    assert final(retold) == final(told), f"seed {seed}"


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
def test_a_stream_twice_in_a_row_says_nothing_new(group: tuple[str, ...]) -> None:
    files = lines_of(*group)
    once, twice = folded(*files), folded(*([line for line in file for _ in (0, 1)] for file in files))
    assert [b["transitions"] for b in answer(twice)["backups"]] == [b["transitions"] for b in answer(once)["backups"]]
    assert final(twice) == final(once)


def test_an_object_that_goes_back_in_time_is_a_problem_and_changes_nothing() -> None:
    backups, jobs = lines_of(*RETRY)
    fold = folded([*backups, backups[3]], jobs)
    assert [problem.kind for problem in fold.problems] == ["order"]
    assert answer(fold)["backups"][0]["state"] == "complete"


def _edited(line: str, change: Any) -> str:
    data = json.loads(line)
    change(data["object"])
    return json.dumps(data)


def a_job(type_: str, version: int, reason: str = "") -> str:
    conditions = [{"type": "Failed", "status": "True", "reason": reason}] if reason else []
    metadata = {"name": "j", "uid": "u", "resourceVersion": str(version)}
    return json.dumps(
        {"type": type_, "object": {"kind": "Job", "metadata": metadata, "status": {"conditions": conditions}}}
    )


@pytest.mark.parametrize(
    "lines",
    [
        [a_job("ADDED", 1), a_job("MODIFIED", 3, "newest"), a_job("DELETED", 2, "older")],
        [a_job("ADDED", 1), a_job("DELETED", 2), a_job("MODIFIED", 3, "newest")],
    ],
    ids=["by an older state", "before a newer state"],
)
def test_a_job_stays_deleted_and_its_newest_state_is_told_whatever_came_first(lines: list[str]) -> None:
    job = answer(folded(lines))["jobs"][0]
    assert (job["state"], job["reason"]) == ("gone", "newest")


def test_what_the_chart_does_not_allow_is_unexpected_and_named() -> None:
    """A phase that falls back from Running to Scheduled within one attempt has no declared path."""
    backups, jobs = lines_of(*RETRY)

    def fall_back(thing: dict[str, Any]) -> None:
        thing["metadata"]["resourceVersion"] = "80013"
        thing["status"]["phase"] = "Scheduled"

    found = answer(folded([*backups[:4], _edited(backups[3], fall_back)], jobs[:3]))["backups"][0]
    assert [(each["source"], each["target"]) for each in found["unexpected"]] == [("running", "scheduled")]
    assert found["state"] == "scheduled"


def test_a_stopped_log_backup_that_is_paused_afterwards_is_unexpected() -> None:
    """Two commands at once: a late log-pause writes Paused over Stopped (operator-semantics S23)."""
    lines = lines_of("backup-log-pause-resume.jsonl")[0]

    def stop(thing: dict[str, Any]) -> None:
        thing["metadata"]["resourceVersion"] = "90001"
        thing["spec"]["logSubcommand"] = "log-stop"
        thing["status"]["phase"] = "Stopped"
        thing["status"]["logSubCommandStatuses"]["log-stop"] = {
            "command": "log-stop",
            "phase": "Complete",
            "conditions": [],
        }

    def pause(thing: dict[str, Any]) -> None:
        stop(thing)
        thing["metadata"]["resourceVersion"] = "90002"
        thing["status"]["phase"] = "Paused"

    found = answer(folded([*lines, _edited(lines[-1], stop), _edited(lines[-1], pause)]))["backups"][0]
    assert [(each["source"], each["target"]) for each in found["unexpected"]] == [("stopped", "paused")]


def test_a_recreated_backup_of_the_same_name_is_another_one() -> None:
    backups, _ = lines_of(*RETRY)

    def recreate(thing: dict[str, Any]) -> None:
        thing["metadata"]["uid"] = "another"

    found = answer(folded([*backups, _edited(backups[0], recreate)]))["backups"]
    assert [(each["uid"], each["state"]) for each in found] == [
        ("5f0c2a1e-7d3b-4c6e-9d45-000000000001", "complete"),
        ("another", "pending"),
    ]


def test_only_the_last_transitions_are_kept_and_the_rest_is_counted() -> None:
    found = answer(folded(*lines_of(*RETRY), keep=3))["backups"][0]
    assert [each["event"] for each in found["transitions"]] == ["pod_preparing", "br_started", "completed"]
    assert found["droppedTransitions"] == 7


def test_transitions_are_told_as_they_happen() -> None:
    heard: list[str] = []
    folded(*lines_of(*RETRY), listener=lambda track, entry: heard.append(f"{track.key[1]} {entry.event}"))
    assert len(heard) == 10
    assert heard[-1] == "demo-full completed"


def many(count: int) -> Iterator[str]:
    """So many Backups one after another, each through the whole retry story with its Jobs, then deleted."""
    backups, jobs = lines_of(*RETRY)
    for number in range(count):
        for line in (*backups[:1], *jobs[:3], *backups[1:5], *jobs[3:5], *backups[5:8], *jobs[5:], *backups[8:]):
            yield line.replace("5f0c2a1e", f"{number:08x}").replace("demo-full", f"demo-{number:06}")


def test_a_finished_backup_leaves_memory_and_is_still_in_the_answer() -> None:
    fold = folded(many(50), recent=10)
    assert (len(fold.live), len(fold.resting), fold.archive.size) == (0, 10, 40)
    found = answer(fold)["backups"]
    assert [each["name"] for each in found] == [f"demo-{number:06}" for number in range(50)]
    assert {each["state"] for each in found} == {"complete"}
    assert {len(each["transitions"]) for each in found} == {10}


def test_a_late_item_that_changes_nothing_does_not_keep_a_finished_backup_in_memory() -> None:
    """A Job's counters, and an object that goes back in time, touch a Backup that rests or lies in the archive."""
    told = list(many(12))
    job = next(line for line in reversed(told) if '"kind":"Job"' in line)
    echoes = [job.replace(f"{11:08x}", f"{number:08x}").replace(f"{11:06}", f"{number:06}") for number in range(12)]

    def tick(thing: dict[str, Any]) -> None:
        thing["metadata"]["resourceVersion"] = "99998"
        thing["status"]["ready"] = 1

    fold = folded([*told, *(_edited(line, tick) for line in echoes), *told[:3]], recent=4)
    assert (len(fold.live), len(fold.resting), fold.archive.size) == (0, 4, 8)


def test_a_finished_backup_comes_back_for_a_late_item() -> None:
    backups, _ = lines_of(*RETRY)
    first = backups[-1].replace("5f0c2a1e", f"{0:08x}").replace("demo-full", f"demo-{0:06}")

    def delete(thing: dict[str, Any]) -> None:
        thing["metadata"]["resourceVersion"] = "99999"
        thing["metadata"]["deletionTimestamp"] = "2026-11-22T03:00:00Z"

    late = _edited(first, delete).replace('"MODIFIED"', '"DELETED"')
    found = answer(folded([*many(9), late], recent=4))["backups"][0]
    assert (found["state"], found["attempt"], found["verdict"]) == ("gone", 1, "done")
    assert [each["event"] for each in found["transitions"][9:]] == ["completed", "deleted"]


def test_a_finished_backup_costs_at_most_200_bytes_of_memory_and_no_object() -> None:
    """What pydantic's reader allocates is not weighed, because it keeps a (bounded) cache of short texts; its objects
    are counted instead. Lean twins are weighed."""

    def weigh(count: int) -> tuple[int, int]:
        tracemalloc.start()
        fold = folded_lazily(many(count), recent=4)
        gc.collect()
        ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, "*/pydantic/*")])
        tracemalloc.stop()
        assert fold.archive.size == count - 4
        objects = sum(isinstance(each, Backup | Job | Pod) for each in gc.get_objects())
        return sum(trace.size for trace in ours.traces), objects

    weigh(60)  # caches fill
    (small, few), (large, many_more) = weigh(60), weigh(220)
    assert (large - small) / 160 <= 200
    assert many_more == few


class _Lines(io.RawIOBase):
    """A stream made while it is read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._rest = lines, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            line = next(self._lines, None)
            if line is None:
                return 0
            self._rest = line.encode() + b"\n"
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def folded_lazily(lines: Iterator[str], **options: Any) -> Fold:
    fold = Fold(**options)
    fold.take_all(merged([items(documents(io.BufferedReader(_Lines(lines)), "stream"))]))
    return fold
