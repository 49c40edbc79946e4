"""Frozen values become JSON data and come back; what does not fit is refused with its path."""

from __future__ import annotations

import dataclasses
import json
from enum import StrEnum
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm.errors import InputError
from fsm.kernel import plain, typed


class Colour(StrEnum):
    """An enum of strings."""

    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    """A named tuple inside others."""

    x: int
    y: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Drawing:
    """Everything a context may hold."""

    name: str
    colour: Colour
    points: tuple[Point, ...] = ()
    visible: bool = True
    side: Literal["left", "right"] = "left"
    labels: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    either: Point | str | None = None
    anything: Any = None
    nothing: None = None


points = st.builds(Point, st.integers(), st.none() | st.integers())
drawings = st.builds(
    Drawing,
    st.text(),
    st.sampled_from(Colour),
    st.lists(points).map(tuple),
    st.booleans(),
    st.sampled_from(["left", "right"]),
    st.dictionaries(st.text(), st.lists(st.integers()).map(tuple)),
    st.none() | points | st.text(),
    st.none() | st.integers() | st.text(),
)


@settings(deadline=None)
@given(drawings)
def test_a_value_survives_the_round_trip_through_json_text(drawing: Drawing) -> None:
    again = typed(Drawing, json.loads(json.dumps(plain(drawing))))
    assert again == drawing
    assert type(again.colour) is Colour
    assert all(type(point) is Point for point in again.points)


GOOD = {"name": "d", "colour": "red"}
REFUSED: list[tuple[str, Any, Any, str]] = [
    ("a wrong type", Drawing, {**GOOD, "name": 1}, "name: found 1; expected a str"),
    ("in a list", Drawing, {**GOOD, "points": [{"x": 1}, {"x": "1"}]}, "points[1].x: found '1'; expected a int"),
    ("in a map", Drawing, {**GOOD, "labels": {"a": [1, None]}}, "labels.a[1]: found None; expected a int"),
    ("a list that is none", Drawing, {**GOOD, "points": {}}, "points: found {}; expected a list"),
    ("a map that is none", Drawing, {**GOOD, "labels": []}, "labels: found []; expected an object"),
    ("an object that is none", Drawing, [], "found []; expected an object"),
    ("an unknown field", Drawing, {**GOOD, "size": 1}, "found ['size']; expected only name, colour"),
    ("a missing field", Drawing, {"name": "d"}, "found ['name']; expected colour too"),
    ("a missing field of a tuple", Drawing, {**GOOD, "points": [{"y": 1}]}, "points[0]: found ['y']; expected x too"),
    ("a word that is no member", Drawing, {**GOOD, "colour": "green"}, "colour: found 'green'; expected one of red, b"),
    ("no word at all", Drawing, {**GOOD, "colour": ["red"]}, "colour: found ['red']; expected one of red, blue"),
    ("no literal", Drawing, {**GOOD, "side": "top"}, "side: found 'top'; expected one of left, right"),
    ("a truth for a number", Point, {"x": True}, "x: found True; expected a int"),
    ("a number for a truth", Drawing, {**GOOD, "visible": 1}, "visible: found 1; expected a bool"),
    ("none of several", Drawing, {**GOOD, "either": 1}, "either: found 1; expected Point or str or NoneType"),
    ("something for nothing", Drawing, {**GOOD, "nothing": 0}, "nothing: found 0; expected null"),
]


@pytest.mark.parametrize(("kind", "data", "text"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_does_not_fit_is_an_input_error_that_names_the_path(kind: Any, data: Any, text: str) -> None:
    with pytest.raises(InputError) as caught:
        typed(kind, data)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes"], ids=["object", "set", "bytes"])
def test_a_value_without_a_json_form_is_the_caller_s_error(value: Any) -> None:
    with pytest.raises(TypeError, match="has no JSON form"):
        plain(value)
