"""The sides of a benchmark do the same work; otherwise a ratio of their times says nothing."""

from __future__ import annotations

import random
from typing import Any

import pytest

from benchmarks import dispatch, memory, snapshot
from benchmarks.by_hand import next_by_hand
from benchmarks.measure import DisagreementError, Settings, Side, agreed, compared
from fsm.kernel import Event
from fsm.machines import SNAPSHOT, Policy, Record, RunContext
from fsm.model import SECOND


def test_all_ways_to_dispatch_pass_through_the_same_states() -> None:
    traces = dispatch.traces()
    assert len(traces) == 6
    agreed(traces)


def test_the_events_of_the_dispatch_benchmark_take_every_edge_and_end_where_they_began() -> None:
    states = ["pending", *dispatch.traces()["next_of"]]  # type: ignore[misc]
    assert states[-1] == "pending"
    taken = set(zip(states, dispatch.NAMES, strict=False))
    assert taken == {(edge.source, edge.event) for edge in dispatch.MACHINE.transitions}


def test_all_sides_of_the_snapshot_benchmark_give_the_same_states_contexts_and_effects() -> None:
    traces = snapshot.traces()
    assert len(traces) == 4
    agreed(traces)


def test_the_snapshot_stories_succeed_retry_give_up_and_run_out_of_time() -> None:
    stories: Any = snapshot.traces()["next_of"]
    assert [story[-1][0][0] for story in stories] == [("complete",), ("complete",), ("exhausted",), ("timed_out",)]
    assert [story[-1][0][1].retries for story in stories] == [0, 1, 2, 1]


def test_a_side_that_answers_differently_is_refused() -> None:
    with pytest.raises(DisagreementError, match="this and that differ: 2 is not 1"):
        agreed({"that": 1, "the other": 1, "this": 2})


def _policy(rng: random.Random) -> Policy:
    return Policy(
        rng.choice((None, 0, 300 * SECOND)),
        rng.choice((-1, 0, 1, 3)),
        rng.choice((None, 0, 1800 * SECOND, 3600 * SECOND)),
    )


def test_the_function_written_by_hand_says_what_the_compiled_machine_says() -> None:
    rng = random.Random(11)
    fired: set[int] = set()
    for _ in range(2000):
        context = RunContext(_policy(rng), job=rng.choice(("a", "")), records=(Record(1, 900, 1200),))
        at, now = (rng.choice(SNAPSHOT.configurations), context), 1000
        for _ in range(10):
            now += rng.choice((0, 1, 60, 301, 900))
            declared = SNAPSHOT.enabled(at[0])
            name = rng.choice(declared if declared and rng.random() < 0.8 else SNAPSHOT.events)
            event = Event(name, now, uid=rng.choice(("a", "b", "")), reason="Why", message="Why it failed")
            found = SNAPSHOT.traced_of(at, event)
            assert next_by_hand(at, event) == (found and found[:2]), (at, event)
            if found:
                at = found[0]
                fired |= {SNAPSHOT.transitions.index(each) for each in found[2]}
    assert fired == set(range(len(SNAPSHOT.transitions)))


def test_the_sides_take_turns_in_every_round_and_ours_is_compared_with_each_other() -> None:
    calls: list[str] = []

    def side(name: str) -> Side:
        def run(times: int) -> None:
            calls.append(name)
            sum(range(200 * times))

        return Side(name, run)

    settings = Settings(seed=3, rounds=4, slice_ns=1)
    found = compared("b", "ns/event", side("ours"), [(side("x"), 1.0), (side("y"), None)], settings)
    assert [(each.subject, each.against, each.wanted) for each in found] == [("ours", "x", 1.0), ("ours", "y", None)]
    rounds = [sorted(calls[at : at + 3]) for at in range(len(calls) - 12, len(calls), 3)]
    assert rounds == [["ours", "x", "y"]] * 4


@pytest.mark.parametrize(("make", "leaf"), [(memory.running, "running"), (memory.waiting, "backoff_waiting")])
def test_a_live_machine_with_its_uid_and_times_takes_less_than_a_kilobyte(make: Any, leaf: str) -> None:
    assert SNAPSHOT.leaves(make(1).state.configuration) == (leaf,)
    assert make(1) == make(1) != make(2)
    assert 200 < memory.bytes_of(make, 300) <= 1000
