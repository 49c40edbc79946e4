"""From one sighting to the next along declared edges: facts first, guesses marked, no path where none is declared."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from worlds import LIFECYCLES, NAME, UID, walk

from fsm.adapter import log, path, snapshot
from fsm.adapter.observation import Observation, SeenJob
from fsm.adapter.path import MOST_STEPS, Leg, path_between
from fsm.kernel import MachineState, step
from fsm.machines import LOG, SNAPSHOT, VOLUME_SNAPSHOT, LogContext, Record
from fsm.machines.log_retry import ONCE
from fsm.model import Backup, Job, seconds_of, text_of

STORIES = Path(__file__).parents[2] / "fsm" / "stories"
T = 1_000_000
NOBODY = Observation(Backup.from_json({"metadata": {"name": NAME, "uid": UID}}))
"""A Backup that tells nothing: every step has to be guessed."""


def guessed(start: MachineState, target: MachineState, now: int = T) -> tuple[Leg, ...] | None:
    """The path of a snapshot of which no facts are known."""
    return path_between(snapshot.LIFECYCLE, start, target, snapshot.LIFECYCLE.evidence_of(NOBODY), now)


def names(legs: tuple[Leg, ...] | None) -> list[str]:
    assert legs is not None
    return [leg.step.event.name for leg in legs]


# --- the recorded retry

_TIME = re.compile(r'"(\w+)":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"')


def _newest_time(line: str) -> int:
    return max(seconds_of(time) for key, time in _TIME.findall(line) if key != "expectedRetryAt")


def _sightings(name: str) -> list[Observation]:
    """What was seen after every item of a Backup's and its Jobs' streams, Jobs first in the same second."""
    items: list[tuple[int, int, dict[str, Any]]] = []
    for rank, file in enumerate((STORIES / f"{name}.jobs.jsonl", STORIES / f"{name}.jsonl")):
        lines = file.read_text().splitlines()
        items += [(_newest_time(line), rank, json.loads(line)) for line in lines]
    items.sort(key=lambda item: item[:2])
    seen: list[Observation] = []
    backup, jobs = Backup.from_json(items[0][2]["object"]) if items[0][1] else None, dict[str, SeenJob]()
    for at, rank, item in items:
        if rank:
            backup = Backup.from_json(item["object"])
        else:
            job = Job.from_json(item["object"])
            jobs[job.metadata.uid] = SeenJob(job, at if item["type"] == "DELETED" else None)
        if backup is not None:
            seen.append(Observation(backup, tuple(jobs.values())))
    return seen


TEN = [
    ("job_created", "02:00:01"),
    ("pod_preparing", "02:00:12"),
    ("br_started", "02:00:13"),
    ("job_failed", "02:00:43"),
    ("failure_recorded", "02:00:48"),
    ("retry_due", "02:01:50"),
    ("job_created", "02:01:54"),
    ("pod_preparing", "02:02:05"),
    ("br_started", "02:02:06"),
    ("completed", "02:04:20"),
]


def test_the_recorded_retry_is_exactly_ten_transitions_all_told_and_timed() -> None:
    lifecycle, state = snapshot.LIFECYCLE, SNAPSHOT.start()
    taken: list[Leg] = []
    for observation in _sightings("backup-snapshot-retry"):
        target = lifecycle.state_of(observation)
        legs = path_between(lifecycle, state, target, lifecycle.evidence_of(observation), T)
        assert legs is not None
        taken += [leg for leg in legs if leg.step.before.configuration != leg.step.after.configuration]
        state = target
    assert [(leg.step.event.name, text_of(leg.step.event.at)[11:19]) for leg in taken] == TEN
    assert [leg.inferred for leg in taken] == [False] * 10
    assert [leg.timed for leg in taken] == [True] * 10
    assert SNAPSHOT.leaves(state.configuration) == ("complete",)
    assert (state.context.attempt, state.context.retries) == (1, 1)


def test_the_whole_retry_is_found_from_its_last_objects_alone() -> None:
    """Nothing else was seen, and nothing has to be guessed: conditions, records and Jobs tell when it happened.

    The policy is the one in force now: under the defaults the retry would not have been due.
    """
    lifecycle = snapshot.LIFECYCLE
    last = _sightings("backup-snapshot-retry")[-1]
    target = lifecycle.state_of(last)
    legs = path_between(lifecycle, SNAPSHOT.start(), target, lifecycle.evidence_of(last), T)
    assert legs is not None
    told = [(leg.step.event.name, text_of(leg.step.event.at)[11:19]) for leg in legs]
    assert [each for each in TEN if each in told] == told
    assert {name for name, _ in told} >= {"job_failed", "failure_recorded", "retry_due", "completed"}
    assert not any(leg.inferred for leg in legs)


# --- shortcuts, and where there is none


def _at(leaf: str, **changes: Any) -> MachineState:
    context = SNAPSHOT.start().context._replace(**changes)
    return SNAPSHOT.state(leaf, context=context)


RECORD = Record(1, T - 400, T - 100)

SHORTCUTS: list[tuple[str, MachineState, MachineState, list[str]]] = [
    ("a Job ran unseen", _at("pending"), _at("running"), ["job_created", "pod_preparing", "br_started"]),
    (
        "it completed unseen",
        _at("pending"),
        _at("complete"),
        ["job_created", "pod_preparing", "br_started", "completed"],
    ),
    (
        "its failure was recorded unseen",
        _at("running"),
        _at("backoff_waiting", records=(RECORD,)),
        ["job_failed", "failure_recorded"],
    ),
    (
        "the next attempt runs",
        _at("retrying", records=(RECORD._replace(real=T),)),
        _at("running", attempt=1, records=(RECORD._replace(real=T),)),
        ["job_created", "pod_preparing", "br_started"],
    ),
    ("deleted and cleaned", _at("complete"), SNAPSHOT.state("cleaning"), ["deletion_requested", "clean_started"]),
    ("deleted at once", _at("complete"), SNAPSHOT.state("gone"), ["deleted"]),
]


@pytest.mark.parametrize(("start", "target", "path"), [row[1:] for row in SHORTCUTS], ids=[row[0] for row in SHORTCUTS])
def test_what_was_not_seen_is_inferred(start: MachineState, target: MachineState, path: list[str]) -> None:
    legs = guessed(start, target)
    assert names(legs) == path
    assert legs is not None
    assert all(leg.inferred and not leg.timed for leg in legs)
    assert all(leg.step.event.at == T for leg in legs)
    assert snapshot.LIFECYCLE.same(legs[-1].step.after, target, True)


FINAL = [each.id for each in SNAPSHOT.states if each.final and each.id != "gone"]


@pytest.mark.parametrize("leaf", FINAL)
def test_a_final_state_leads_nowhere_but_to_deletion(leaf: str) -> None:
    for other in ("pending", "scheduled", "running", "retrying", *(each for each in FINAL if each != leaf)):
        assert guessed(_at(leaf), _at(other)) is None
    assert names(guessed(_at(leaf), SNAPSHOT.state("stopping"))) == ["deletion_requested"]


@pytest.mark.parametrize(
    ("start", "target"), [("running", "pending"), ("failed", "pending"), ("gone", "pending"), ("stopping", "complete")]
)
def test_where_no_declared_path_leads_there_is_none(start: str, target: str) -> None:
    assert guessed(_at(start), _at(target)) is None


def test_an_attempt_never_goes_back() -> None:
    assert guessed(_at("running", attempt=1), _at("running", attempt=0)) is None


def test_the_same_state_is_the_empty_path() -> None:
    for lifecycle in LIFECYCLES.values():
        state = lifecycle.machine.start()
        assert path_between(lifecycle, state, state, lifecycle.evidence_of(NOBODY), T) == ()


def test_only_what_the_lifecycle_compares_makes_a_difference() -> None:
    assert guessed(_at("running", job="a"), _at("running", job="b", reason="R")) == ()


def test_what_the_conditions_tell_is_not_guessed() -> None:
    """A Job that was never seen, and a pod that was at work before anybody looked."""
    conditions = [
        {"type": type_, "status": "True", "lastTransitionTime": text_of(T + at)}
        for at, type_ in ((1, "Scheduled"), (2, "Prepare"), (3, "Running"))
    ]
    data = {"metadata": {"name": NAME, "uid": UID}, "status": {"phase": "Running", "conditions": conditions}}
    observation = Observation(Backup.from_json(data))
    lifecycle = snapshot.LIFECYCLE
    target = lifecycle.state_of(observation)
    legs = path_between(lifecycle, SNAPSHOT.start(), target, lifecycle.evidence_of(observation), T + 99)
    told = [(leg.step.event.name, leg.step.event.at - T, leg.inferred) for leg in legs or ()]
    assert told[0] == ("job_created", 1, False)
    assert told[-1] == ("br_started", 3, False)


def test_a_known_event_without_a_time_happened_now() -> None:
    data = {
        "metadata": {"name": NAME, "uid": UID},
        "status": {"phase": "Scheduled", "conditions": [{"type": "Scheduled", "status": "True"}]},
    }
    observation = Observation(Backup.from_json(data))
    lifecycle = snapshot.LIFECYCLE
    legs = path_between(
        lifecycle, SNAPSHOT.start(), lifecycle.state_of(observation), lifecycle.evidence_of(observation), T
    )
    assert legs is not None
    assert [(leg.step.event.at, leg.inferred, leg.timed) for leg in legs] == [(T, False, False)]


def test_a_log_backup_changes_its_wish_on_the_way() -> None:
    start = LOG.state("streaming", "idle", context=LogContext(commit_ts="1"))
    target = LOG.state(
        "paused", "idle", context=LogContext("log-pause", commit_ts="1").with_state("log-pause", "complete")
    )
    evidence = log.LIFECYCLE.evidence_of(NOBODY)
    legs = path_between(log.LIFECYCLE, start, target, evidence, T)
    assert legs is not None
    assert "wish_changed" in names(legs)
    assert log.LIFECYCLE.same(legs[-1].step.after, target, True)


def test_without_facts_a_retry_is_guessed_and_no_run_of_the_operator_s_own() -> None:
    failed = Record(1, T - 90, T - 60, None, "Job x has failed", "BackoffLimitExceeded")
    waits = LogContext(policy=ONCE, records=(failed,)).with_state("log-start", "backoff_waiting")
    start = LOG.state("not_started", "backoff_waiting", context=waits)
    target = LOG.state("not_started", "scheduled", context=waits.with_state("log-start", "scheduled"))
    legs = path_between(log.LIFECYCLE, start, target, log.LIFECYCLE.evidence_of(NOBODY), T)
    assert names(legs) == ["tick", "verified", "job_created"]


def test_a_search_gives_up_after_so_many_states(monkeypatch: pytest.MonkeyPatch) -> None:
    target = SNAPSHOT.state("running")
    assert names(guessed(SNAPSHOT.start(), target)) == ["job_created", "pod_preparing", "br_started"]
    monkeypatch.setattr(path, "MOST_STATES", 3)
    assert guessed(SNAPSHOT.start(), target) is None


# --- along random lives


@pytest.mark.parametrize("mode", LIFECYCLES)
def test_one_step_of_any_life_is_found_again_along_declared_edges(mode: str) -> None:
    """Both sightings were seen, so the path is short; its legs are steps of the machine, one after the other."""
    lifecycle = LIFECYCLES[mode]
    for seed in range(12):
        before = None
        for number, seen in enumerate(walk(mode, seed, 30)):
            target = lifecycle.state_of(seen.observation)
            evidence = lifecycle.evidence_of(seen.observation)
            before = before or target
            legs = path_between(lifecycle, before, target, evidence, seen.now)
            hint = f"{mode}, life {seed}, step {number} ({seen.event.name})"
            assert legs is not None, hint
            assert len(legs) <= MOST_STEPS
            state = before
            for leg in legs:
                assert step(lifecycle.machine, state, leg.step.event) == leg.step, hint
                state = leg.step.after
            assert lifecycle.same(state, target, False), hint
            before = target


@pytest.mark.parametrize("mode", LIFECYCLES)
def test_a_path_is_the_same_whenever_it_is_asked_for(mode: str) -> None:
    lifecycle = LIFECYCLES[mode]
    for seed in range(5):
        *_, last = walk(mode, seed, 12)
        target, evidence = lifecycle.state_of(last.observation), lifecycle.evidence_of(last.observation)
        first = path_between(lifecycle, lifecycle.machine.start(), target, evidence, last.now)
        assert first == path_between(lifecycle, lifecycle.machine.start(), target, evidence, last.now)


def test_a_volume_snapshot_that_was_initialized_unseen() -> None:
    lifecycle = LIFECYCLES["volume-snapshot"]
    start, target = VOLUME_SNAPSHOT.start(), VOLUME_SNAPSHOT.state("running")
    legs = path_between(lifecycle, start, target, lifecycle.evidence_of(NOBODY), T)
    assert names(legs) == ["execute_created", "pod_preparing", "br_started"]
