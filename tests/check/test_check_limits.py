"""A limit ends an exploration cleanly, and what was not looked at is not said to hold."""

from __future__ import annotations

import pytest
from small_worlds import at, counter, graph_world

from benchmarks.snapshot_world import snapshot_properties, snapshot_world
from fsm.check import Limits, Progress, Verdict, check, explore
from fsm.errors import UsageError
from fsm.kernel import always, eventually, never, no_deadlock, recoverable, sometimes, steps

EARLY = never("early", "", lambda view: view.n == 3)
LATE = never("late", "", lambda view: view.n == 90)
SMALL = always("small", "", lambda view: view.n < 1000)
SEEN = sometimes("seen", "", lambda view: view.n == 4)
UNSEEN = sometimes("unseen", "", lambda view: view.n == 90)
ENDS = eventually("ends", "", lambda view: view.n == 100)
STEPS = steps("steps", "", lambda before, _, after: after.n > before.n)
RESTS = no_deadlock("rests", "", lambda view: view.n == 100)
BACK = recoverable("back", "", lambda view: view.n == 100)


def test_what_a_limit_cut_off_is_not_finished() -> None:
    claims = [EARLY, LATE, SMALL, SEEN, UNSEEN, ENDS, STEPS, RESTS, BACK]
    report = check(counter(100), claims, Limits(states=10))
    assert (report.finished, report.stopped_by, report.states) == (False, "states", 10)
    verdicts = {finding.property.id: finding.verdict for finding in report.findings}
    assert verdicts.pop("early") is Verdict.VIOLATED
    assert verdicts.pop("seen") is Verdict.HOLDS
    assert set(verdicts.values()) == {Verdict.NOT_FINISHED}


def test_without_a_limit_the_same_claims_are_decided() -> None:
    claims = [EARLY, LATE, SMALL, SEEN, UNSEEN, ENDS, STEPS, RESTS, BACK]
    verdicts = [finding.verdict.value for finding in check(counter(100), claims).findings]
    assert verdicts == ["violated", "violated", *["holds"] * 7]


def test_a_limit_that_is_just_reached_stops_nothing() -> None:
    report = check(counter(100), [SMALL], Limits(states=101))
    assert report.finished
    assert report.findings[0].verdict is Verdict.HOLDS


def test_time_is_asked_for_and_stops() -> None:
    asked = iter([False] * 5 + [True] * 1000)
    report = check(counter(100), [SMALL, STEPS, RESTS], Limits(stopped=lambda: next(asked)))
    assert report.stopped_by == "time"
    assert {finding.verdict for finding in report.findings} == {Verdict.NOT_FINISHED}
    assert report.states < 10


@pytest.mark.parametrize("limit", [100_000, 200_000, 400_000])
def test_memory_is_counted_before_it_is_taken(limit: int) -> None:
    world, claims = snapshot_world(2, 1, 1, 0), snapshot_properties(1)[:4]
    whole = check(world, claims)
    report = check(world, claims, Limits(memory=limit))
    assert (report.finished, report.stopped_by) == (False, "memory")
    assert report.bytes_ <= limit
    assert 0 < report.states < whole.states
    assert {finding.verdict for finding in report.findings} == {Verdict.NOT_FINISHED}


def test_with_little_memory_it_does_without_look_ups() -> None:
    world, claims = snapshot_world(2, 1, 1, 0), snapshot_properties(1)[:4]
    whole, report = check(world, claims), check(world, claims, Limits(memory=900_000))
    assert report.finished
    assert report.bytes_ < 900_000 < whole.bytes_
    assert (report.states, report.transitions) == (whole.states, whole.transitions)


def test_edges_that_do_not_fit_leave_the_rest_decided() -> None:
    world, claims = snapshot_world(2, 1, 1, 0), snapshot_properties(1)
    report = check(world, claims, Limits(memory=6_000_000))
    assert report.finished
    assert [finding.verdict.value for finding in report.findings] == ["holds"] * 4 + ["not finished"]
    assert "6,000,000 are allowed" in report.findings[-1].note


def test_a_graph_that_is_not_whole_is_refused() -> None:
    with pytest.raises(UsageError, match="not whole"):
        explore(counter(100), Limits(states=10))
    with pytest.raises(UsageError, match="are allowed"):
        explore(snapshot_world(2, 1, 1, 0), Limits(memory=6_000_000))


def test_first_ends_as_soon_as_everything_is_refuted() -> None:
    report = check(counter(100), [EARLY, never("earlier", "", lambda view: view.n == 2)], first=True)
    assert [finding.verdict for finding in report.findings] == [Verdict.VIOLATED] * 2
    assert report.states == 4
    assert not report.finished
    assert check(counter(100), [EARLY, SMALL], first=True).finished


def test_progress_is_told() -> None:
    told: list[Progress] = []
    check(counter(20), [SMALL], progress=told.append)
    assert [each.depth for each in told] == list(range(21))
    assert [each.states for each in told] == list(range(1, 22))


def test_rules_that_never_fire_and_values_that_were_seen_are_told() -> None:
    world = graph_world([("go", "a", "b"), ("never", "z", "a")])
    report = check(world, [always("any", "", at("a", "b"))])
    assert report.silent_rules == ("never",)
    assert report.values == {"at": 2}
