"""A vector: one situation, what happens in it, and what the operator does about it (docs/conformance.md). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import Struct

from fsm.conform.play import Played, outcome_or_crash, played
from fsm.conform.rule import RULES, Rule
from fsm.conform.shape import Given, Happening, Part, Run, happening, shaped
from fsm.conform.times import resolved
from fsm.errors import InputError, Place

MAX_DEPTH = 100
"""Levels of nesting that are read."""


@dataclass(frozen=True, slots=True)
class RuleCase:
    """A function of `fsm.rules` and its arguments."""

    name: str
    rule: Rule
    given: Part

    def played(self) -> Iterator[Played]:
        """Its one evaluation, as a run in which nothing is asked."""
        yield Played(0, (), outcome_or_crash(lambda: self.rule.outcome(self.given)))


@dataclass(frozen=True, slots=True)
class ControllerCase:
    """A beginning, and what happens from it on."""

    given: Given
    when: tuple[Happening, ...]

    def played(self) -> Iterator[Played]:
        return played(self.given, self.when)


@dataclass(frozen=True, slots=True)
class Vector:
    """One line of a file. `then` has an outcome for each run; of a rule's vector it is the one outcome."""

    id: str
    place: Place
    case: RuleCase | ControllerCase
    then: tuple[dict[str, Any], ...]


def vector_from(line: bytes | str, place: Place | None = None) -> Vector:
    """The vector of a line; an InputError says what is wrong with it, at its place and with a path inside it."""
    place = place or Place()
    try:
        return _vector(_parsed(line), place)
    except InputError as error:
        where = replace(place, path=error.place.path)
        raise InputError(error.problem, expected=error.expected, place=where) from None


def _parsed(line: bytes | str) -> dict[str, Any]:
    try:
        data = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not JSON: {error}", expected="one vector a line") from None
    except RecursionError:
        raise InputError(_TOO_DEEP) from None
    if not isinstance(data, dict):
        raise InputError(f"found {type(data).__name__}", expected="a vector, which is a JSON object")
    if _is_deeper(data, MAX_DEPTH):
        raise InputError(_TOO_DEEP)
    return data


class _Head(Struct, frozen=True):
    id: str


def id_of(line: bytes | str) -> str | None:
    """The id of a line that may be a vector, found at little cost; None where it has none."""
    try:
        return msgspec.json.decode(line, type=_Head).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in parts)


# ------------------------------------------------------------------ the two kinds


class _Value(Part, frozen=True):
    value: Any


class _RuleLine(Part, tag_field="runs", tag="rules", frozen=True):
    id: str
    rule: str
    given: dict[str, Any]
    then: _Value
    source: dict[str, Any] = msgspec.field(default_factory=dict)


class _ReferenceLine(Part, tag_field="runs", tag="reference", frozen=True):
    id: str
    given: Given
    when: tuple[dict[str, Any], ...]
    then: tuple[dict[str, Any], ...]
    source: dict[str, Any] = msgspec.field(default_factory=dict)


def _vector(data: dict[str, Any], place: Place) -> Vector:
    known = {name: resolved(data[name], name) for name in ("given", "when") if name in data}
    line = shaped({**data, **known}, _RuleLine | _ReferenceLine)
    if isinstance(line, _RuleLine):
        return Vector(line.id, place, _rule_case(line), ({"value": line.then.value},))
    return Vector(line.id, place, _controller_case(line), line.then)


def _rule_case(line: _RuleLine) -> RuleCase:
    rule = RULES.get(line.rule)
    if rule is None:
        raise InputError(f"there is no rule {line.rule!r}", expected=", ".join(sorted(RULES)), place=Place(path="rule"))
    return RuleCase(line.rule, rule, shaped(line.given, rule.given, "given"))


def _controller_case(line: _ReferenceLine) -> ControllerCase:
    when = tuple(happening(each, f"when[{index}]") for index, each in enumerate(line.when))
    runs = sum(isinstance(each, Run) for each in when)
    if runs != len(line.then):
        raise InputError(f"found {len(line.then)}", expected=f"{runs}, one for each run", place=Place(path="then"))
    return ControllerCase(line.given, when)
