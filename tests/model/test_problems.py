"""What cannot be read is named by its place, by what was found and by what was expected, in plain words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fsm.errors import InputError, Place
from fsm.model import WATCH_ITEM, errors_of, object_from


def backup(**parts: Any) -> dict[str, Any]:
    return {"kind": "Backup", "metadata": {"name": "demo"}, **parts}


def status(**parts: Any) -> dict[str, Any]:
    return backup(status=parts)


PHASES = "Scheduled, Prepare, Running, Complete, Failed, RetryFailed, Invalid, Restart, Paused, Stopped, Repeatable, "
TRUE = {"type": "Failed", "status": "True"}

BROKEN: dict[str, tuple[Any, str, str, str]] = {
    # case: (input, path, problem, start of what was expected)
    "no object at all": (5, "", "found 5", "an object with named fields"),
    "null": (None, "", "found null", "an object with named fields"),
    "no kind": ({}, "kind", "found null", "a kind: Backup, Job or Pod"),
    "an unknown kind": ({"kind": "Node"}, "kind", 'found "Node"', "kind Backup, Job or Pod"),
    "no metadata": ({"kind": "Job"}, "metadata", "missing", "metadata with a name"),
    "no name": ({"kind": "Job", "metadata": {}}, "metadata.name", "missing", "a name that is not empty"),
    "an empty name": ({"kind": "Pod", "metadata": {"name": ""}}, "metadata.name", 'found ""', "text that is not empty"),
    "an unknown phase": (status(phase="Done"), "status.phase", 'found "Done"', "one of " + PHASES),
    "a phase that is no text": (status(phase=1), "status.phase", "found 1", "one of " + PHASES),
    "an unknown clean policy": (
        backup(spec={"cleanPolicy": "No"}),
        "spec.cleanPolicy",
        'found "No"',
        "one of Retain, ",
    ),
    "an unknown condition": (
        status(conditions=[TRUE, {"type": "Odd", "status": "True"}]),
        "status.conditions[1].type",
        'found "Odd"',
        PHASES,
    ),
    "a condition status that is a boolean": (
        status(conditions=[{"type": "Failed", "status": True}]),
        "status.conditions[0].status",
        "found true",
        "True, False or Unknown",
    ),
    "a time that is none": (
        status(conditions=[TRUE, TRUE, TRUE | {"lastTransitionTime": "yesterday"}]),
        "status.conditions[2].lastTransitionTime",
        'found "yesterday"',
        "an RFC 3339 time such as 2026-11-22T02:00:01Z",
    ),
    "a time that is a number": (status(timeStarted=5), "status.timeStarted", "found 5", "text"),
    "a list that is a map": (status(conditions={}), "status.conditions", "found {}", "a list"),
    "a status that is a list": (backup(status=[]), "status", "found []", "an object with named fields"),
    "a map that is a list": (
        status(logSubCommandStatuses=[]),
        "status.logSubCommandStatuses",
        "found []",
        "a map of names to values",
    ),
    "a broken subcommand": (
        status(logSubCommandStatuses={"log-start": {"phase": "x"}}),
        "status.logSubCommandStatuses.log-start.phase",
        'found "x"',
        "one of ",
    ),
    "a number in quotes": (
        backup(spec={"backoffRetryPolicy": {"maxRetryTimes": "2"}}),
        "spec.backoffRetryPolicy.maxRetryTimes",
        'found "2"',
        "a whole number",
    ),
    "a number that is a boolean": (status(backupSize=True), "status.backupSize", "found true", "a whole number"),
    "a boolean that is a word": (backup(spec={"logStop": "yes"}), "spec.logStop", 'found "yes"', "true or false"),
    "a text that is a number": (status(commitTs=5), "status.commitTs", "found 5", "text"),
    "not JSON": (b'{"kind":', "", "not JSON: EOF while parsing a value at line 1 column 8", "one JSON value"),
}


@pytest.mark.parametrize(("data", "path", "problem", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_broken_object_is_named_in_plain_words(data: Any, path: str, problem: str, expected: str) -> None:
    with pytest.raises(InputError) as broken:
        object_from(data, Place("a.jsonl", 7))
    error = broken.value
    assert (error.place.file, error.place.line, error.place.path) == ("a.jsonl", 7, path)
    assert error.problem == problem
    assert error.expected.startswith(expected)


def item_errors(data: Any) -> list[str]:
    with pytest.raises(ValidationError) as broken:
        WATCH_ITEM.validate_python(data)
    return [str(error) for error in errors_of(broken.value)]


def test_everything_wrong_with_an_item_is_named_and_paths_are_those_of_the_object() -> None:
    data = {"type": "NEW", "object": status(phase="Done", backupSize="1")}
    first, second, third = item_errors(data)
    assert first == 'type: found "NEW"; expected ADDED, MODIFIED or DELETED'
    assert second.startswith('status.phase: found "Done"; expected one of Scheduled')
    assert third == 'status.backupSize: found "1"; expected a whole number'


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"type": "ADDED"}, ["object: missing; expected the object"]),
        ({"type": "ADDED", "object": 5}, ["object: found 5; expected an object with named fields"]),
        ({"type": "ADDED", "object": {"kind": "X"}}, ['object.kind: found "X"; expected kind Backup, Job or Pod']),
        ({"object": backup()}, ["type: missing; expected a type"]),
    ],
)
def test_an_item_without_an_object_is_named_as_such(data: Any, expected: list[str]) -> None:
    assert item_errors(data) == expected


def test_a_path_given_by_the_reader_goes_before_the_path_inside_the_object() -> None:
    with pytest.raises(InputError) as broken:
        object_from(status(phase="Done"), Place("list.yaml", 3, "items[2]"))
    assert str(broken.value).startswith('list.yaml:3: items[2].status.phase: found "Done"; expected one of ')


def test_a_long_value_is_shortened() -> None:
    with pytest.raises(InputError) as broken:
        object_from(status(phase="x" * 1000))
    assert len(broken.value.problem) < 80
    assert broken.value.problem.endswith("…")


JARGON = ("<given>", "<null>", " valid", "Input", "tuple", "instance", "enum", "union", "tag", "[type=")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner))
FIELDS = st.sampled_from(
    [
        ("metadata", "name"),
        ("metadata", "labels"),
        ("metadata", "finalizers"),
        ("metadata", "ownerReferences"),
        ("metadata", "creationTimestamp"),
        ("spec", "backupMode"),
        ("spec", "br"),
        ("spec", "logStop"),
        ("spec", "cleanPolicy"),
        ("spec", "backoffRetryPolicy"),
        ("status", "phase"),
        ("status", "conditions"),
        ("status", "progresses"),
        ("status", "backupSize"),
        ("status", "timeSynced"),
        ("status", "logSubCommandStatuses"),
    ]
)


@given(FIELDS, VALUES)
def test_no_error_speaks_the_language_of_the_library(field: tuple[str, str], value: Any) -> None:
    part, name = field
    data = backup()
    data[part] = data.get(part, {}) | {name: value}
    error = error_of(data)
    if error is not None:
        assert error.place.path.startswith(f"{part}.{name}")
        assert not [word for word in JARGON if word in error.place.path + error.expected]
        assert error.expected


def error_of(data: dict[str, Any]) -> InputError | None:
    try:
        object_from(data)
    except InputError as error:
        return error
    return None
