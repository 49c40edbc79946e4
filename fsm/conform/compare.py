"""What an outcome has to have in common with ours (docs/conformance.md): what is empty is absent, and times are
relative. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsm.conform.times import TIME_NAMES, offset_of
from fsm.model import SECOND

DEFAULT_TOLERANCE = SECOND
"""Nanoseconds: a program without an injectable clock may cross a second."""

MESSAGE = "message"
OPEN_END = ": "
"""What follows this at the end of a message of ours is left open: there Go prints a value or a library's error."""

_INDEX = re.compile(r"\[[0-9]+\]")


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two outcomes differ; None stands for what is empty or absent."""

    path: str
    expected: Any
    ours: Any

    @property
    def shape(self) -> str:
        """The path without the numbers in it: alike in many outcomes."""
        return _INDEX.sub("[]", self.path)


def normalised(value: Any) -> Any:
    """JSON data without what is empty; an empty value becomes None. Elements of lists keep their places."""
    if isinstance(value, dict):
        members = {name: normalised(each) for name, each in value.items()}
        return {name: each for name, each in members.items() if each is not None} or None
    if isinstance(value, list | tuple):
        return [normalised(each) for each in value] or None
    return value or None


def differences(expected: Any, ours: Any, tolerance: int = DEFAULT_TOLERANCE) -> list[Difference]:
    """All differences of two outcomes, in the order of the expected one. `tolerance`: nanoseconds between times."""
    return list(_Comparison(tolerance).differences(normalised(expected) or {}, normalised(ours) or {}))


@dataclass(frozen=True, slots=True)
class _Comparison:
    tolerance: int

    def differences(self, expected: Any, ours: Any, path: str = "", name: str = "") -> Iterator[Difference]:
        """Of values without empty ones; `name` is the last one of the path."""
        if isinstance(expected, dict) and isinstance(ours, dict):
            yield from self._of_members(expected, ours, path)
        elif isinstance(expected, list) and isinstance(ours, list):
            yield from self._of_elements(expected, ours, path)
        elif not self._agree(expected, ours, path, name):
            yield Difference(path, expected, ours)

    def _of_members(self, expected: Mapping[str, Any], ours: Mapping[str, Any], path: str) -> Iterator[Difference]:
        for name in dict.fromkeys((*expected, *ours)):
            inside = f"{path}.{name}" if path else name
            yield from self.differences(expected.get(name), ours.get(name), inside, name)

    def _of_elements(self, expected: Sequence[Any], ours: Sequence[Any], path: str) -> Iterator[Difference]:
        for index in range(max(len(expected), len(ours))):
            yield from self.differences(_at(expected, index), _at(ours, index), f"{path}[{index}]")

    def _agree(self, expected: Any, ours: Any, path: str, name: str) -> bool:
        if isinstance(expected, str) and isinstance(ours, str):
            if path == MESSAGE or (name == MESSAGE and ours.endswith(OPEN_END)):
                return expected.startswith(ours)
            if name in TIME_NAMES:
                return self._are_close(expected, ours)
        return isinstance(expected, bool) is isinstance(ours, bool) and bool(expected == ours)

    def _are_close(self, expected: str, ours: str) -> bool:
        first, second = offset_of(expected), offset_of(ours)
        if first is None or second is None:
            return expected == ours
        return abs(first - second) * SECOND <= self.tolerance


def _at(elements: Sequence[Any], index: int) -> Any:
    return elements[index] if index < len(elements) else None
