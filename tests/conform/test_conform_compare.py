"""What counts as equal, and that everything else is found at its place."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from conform_vectors import EVENT, POLICY, STREAMING, SYNC, backup, found, given, job, line, log, outcomes
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from fsm.conform import Difference, differences
from fsm.conform.compare import normalised
from fsm.model import SECOND

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def paths(expected: Any, ours: Any, tolerance: int = SECOND) -> list[str]:
    return [each.path for each in differences(expected, ours, tolerance)]


# ------------------------------------------------------------------ what is empty

EMPTY: list[Any] = [None, "", 0, 0.0, False, [], {}, {"a": {"b": {}}, "c": ""}]


@pytest.mark.parametrize("first", EMPTY, ids=repr)
@pytest.mark.parametrize("second", EMPTY, ids=repr)
def test_what_is_empty_is_as_if_it_were_absent(first: Any, second: Any) -> None:
    assert paths({"x": first, "y": 1}, {"x": second, "y": 1}) == []
    assert paths({"x": first}, {}) == paths({}, {"x": second}) == []


def test_an_empty_element_of_a_list_keeps_its_place() -> None:
    assert paths({"args": ["", "a"]}, {"args": ["a"]}) == ["args[0]", "args[1]"]
    assert paths({"args": ["a", ""]}, {"args": ["a"]}) == []


@pytest.mark.parametrize(("expected", "ours"), [(True, 1), (1, True), ("1", 1), (["a"], {"a": 1}), ({"a": 1}, "a")])
def test_values_of_different_kinds_differ(expected: Any, ours: Any) -> None:
    assert paths({"x": expected}, {"x": ours}) == ["x"]


def test_a_number_is_the_same_with_and_without_a_point() -> None:
    assert paths({"progress": 50}, {"progress": 50.0}) == []


# ------------------------------------------------------------------ times


@pytest.mark.parametrize(
    ("expected", "ours", "tolerance", "same"),
    [
        ("now", "now", 0, True),
        ("now", "now+0s", 0, True),
        ("now+1s", "now", SECOND, True),
        ("now", "now+1s", SECOND, True),
        ("now-301s", "now-300s", SECOND, True),
        ("now+2s", "now", SECOND, False),
        ("now+1s", "now", SECOND - 1, False),
        ("now+90s", "now", 90 * SECOND, True),
        ("now-1s", "now+1s", SECOND, False),
        ("2026-01-01T00:00:00Z", "now", SECOND, False),
        (None, "now", SECOND, False),
    ],
)
def test_times_may_differ_by_the_tolerance(expected: str | None, ours: str, tolerance: int, same: bool) -> None:
    assert (paths({"timeStarted": expected}, {"timeStarted": ours}, tolerance) == []) is same


def test_only_times_may_differ() -> None:
    """A message that happens to read like a time is none."""
    assert paths({"reason": "now+1s"}, {"reason": "now"}) == ["reason"]
    assert paths({"retryNum": 2}, {"retryNum": 1}) == ["retryNum"]


# ------------------------------------------------------------------ messages


@pytest.mark.parametrize(
    ("expected", "ours", "same"),
    [
        ("no: goroutine 7", "no", True),
        ("no", "no", True),
        ("no", "no: more", False),
        ("no", "", False),
        ("", "no", False),
        ("", "", True),
    ],
)
def test_the_message_must_begin_with_ours(expected: str, ours: str, same: bool) -> None:
    assert (paths({"message": expected}, {"message": ours}) == []) is same


@pytest.mark.parametrize(
    ("expected", "ours", "same"),
    [
        ("failed, err: map[]", "failed, err: ", True),
        ("failed, err: map[]", "failed, err", False),
        ("no", "fail: ", False),
    ],
)
def test_the_message_of_a_condition_is_open_only_where_ours_ends_with_a_colon(
    expected: str, ours: str, same: bool
) -> None:
    sides = ({"status": {"conditions": [{"message": text}]}} for text in (expected, ours))
    assert (paths(*sides) == []) is same


# ------------------------------------------------------------------ paths


def test_a_difference_says_where_and_what() -> None:
    expected = {"calls": [{"call": "update backups", "status": {"conditions": [{"type": "A"}]}}], "queue": ["add"]}
    ours = {"calls": [{"call": "update backups", "status": {"conditions": [{"type": "B"}]}}], "result": "done"}
    assert differences(expected, ours) == [
        Difference("calls[0].status.conditions[0].type", "A", "B"),
        Difference("queue", ["add"], None),
        Difference("result", None, "done"),
    ]


def test_a_call_too_many_is_one_difference_with_all_of_it() -> None:
    extra = {"call": "delete jobs", "name": "x"}
    assert differences({"calls": [extra]}, {"calls": [extra, extra]}) == [Difference("calls[1]", None, extra)]


def test_paths_of_one_shape_differ_in_numbers_only() -> None:
    assert Difference("calls[0].job.args[12]", 1, 2).shape == "calls[].job.args[]"


# ------------------------------------------------------------------ outcomes of our side

FAILING = given({"backup": backup(POLICY, {"phase": "Running"}), "jobs": [job("Failed")]})
LOG = given({"backup": log(status=STREAMING)}, task={"info": {"values": ["aW5mbw=="]}})
SCENES: dict[str, tuple[list[Any], Any]] = {
    "snapshot": ([EVENT, SYNC, {"refresh": ["backup", "jobs"]}, SYNC], None),
    "failure": ([EVENT, SYNC], FAILING),
    "log": ([SYNC, {"run": "tick"}, SYNC], LOG),
    "panic": ([{"run": "event", "tombstone": True}], None),
}


def leaves(value: Any, path: str = "", name: str = "") -> Iterator[tuple[str, str, list[Any]]]:
    """Every value that is no container and not empty: its path, its name, and the keys that lead to it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        inside = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}".removeprefix(".")
        if isinstance(each, dict | list):
            yield from ((p, n, [key, *keys]) for p, n, keys in leaves(each, inside, str(key)))
        elif each:
            yield inside, str(key) if isinstance(key, str) else name, [key]


def changed(outcome: Any, keys: list[Any], value: Any) -> Any:
    """A copy with another value at that place."""
    result = copy.deepcopy(outcome)
    inner = result
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return result


@pytest.mark.parametrize("scene", SCENES)
def test_what_our_side_does_conforms_to_itself(scene: str) -> None:
    when, begin = SCENES[scene]
    assert found(line(outcomes(*when, begin=begin), *when, begin=begin)) == []


@pytest.mark.parametrize("scene", SCENES)
def test_any_changed_leaf_of_an_expectation_is_found_at_its_step_and_path(scene: str) -> None:
    when, begin = SCENES[scene]
    ours = outcomes(*when, begin=begin)
    places = [(step, *leaf) for step, outcome in enumerate(ours) for leaf in leaves(outcome)]
    assert len(places) >= 2
    for step, path, name, keys in places:
        for wrong in ("now+3600s" if name.endswith(("Time", "At", "Synced")) else "wrong", None):
            expected = [changed(each, keys, wrong) if index == step else each for index, each in enumerate(ours)]
            paths_found = found(line(expected, *when, begin=begin))
            assert [step for step, _ in paths_found] == [step]
            # where the last of a list or an object is taken away, the whole is absent
            assert path.startswith(paths_found[0][1])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2) | st.sampled_from(["now", "now+9s"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "message", "timeStarted"]), inner, max_size=3)
    ),
    max_leaves=12,
)
OUTCOMES = st.dictionaries(st.sampled_from(["calls", "queue", "result", "message", "server"]), JSON)


@examples(OUTCOMES)
def test_an_outcome_conforms_to_itself(outcome: dict[str, Any]) -> None:
    assert differences(outcome, copy.deepcopy(outcome), 0) == []
    assert differences(normalised(outcome), outcome, 0) == []


@examples(OUTCOMES, st.data())
def test_a_changed_leaf_is_reported_whatever_the_outcome(outcome: dict[str, Any], data: st.DataObject) -> None:
    places = list(leaves(outcome))
    if not places:
        return
    path, _, keys = data.draw(st.sampled_from(places))
    reported = paths(changed(outcome, keys, "something else"), outcome, 0)
    assert reported == [path]


@examples(OUTCOMES, OUTCOMES)
def test_outcomes_differ_in_one_direction_if_they_do_in_the_other(first: Any, second: Any) -> None:
    """Except for messages, of which ours may be the shorter one."""
    first, second = ({**each, "message": ""} for each in (first, second))
    assert sorted(paths(first, second, 0)) == sorted(paths(second, first, 0))
