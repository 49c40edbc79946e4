"""The times of a vector: texts relative to its own clock (docs/conformance.md, "Times"). Pure, reads no clock."""

from __future__ import annotations

import re
from typing import Any

from fsm.errors import InputError, Place
from fsm.model import seconds_of, text_of

START = seconds_of("2026-01-01T00:00:00Z")
"""`now` in Unix seconds. Any second would do: a vector knows only how far away its times are."""

TIME_NAMES = frozenset(
    {
        "creationTimestamp",
        "deletionTimestamp",
        "lastTransitionTime",
        "lastProbeTime",
        "timeStarted",
        "timeCompleted",
        "timeSynced",
        "detectFailedAt",
        "expectedRetryAt",
        "realRetryAt",
        "startTime",
        "completionTime",
        "startedAt",
        "observedAt",
        "progressUpdateTime",
    }
)
"""Under these names a text is a time, wherever it stands."""

_RELATIVE = re.compile(r"now(?:([+-][0-9]{1,12})s)?")
_EXPECTED = "now, or now with whole seconds such as now+300s"


def offset_of(text: str) -> int | None:
    """Seconds from now; None where the text says no such time."""
    found = _RELATIVE.fullmatch(text)
    return None if found is None else int(found[1] or 0)


def text_at(offset: int) -> str:
    """So many seconds from now: `now`, `now+300s`, `now-1800s`."""
    return f"now{offset:+d}s" if offset else "now"


def resolved(value: Any, path: str = "") -> Any:
    """Parsed JSON with every time as an RFC 3339 text; one that is not relative is an InputError with its path."""
    if isinstance(value, dict):
        return {name: _resolved_member(name, each, f"{path}.{name}" if path else name) for name, each in value.items()}
    if isinstance(value, list):
        return [resolved(each, f"{path}[{index}]") for index, each in enumerate(value)]
    return value


def _resolved_member(name: str, value: Any, path: str) -> Any:
    if name not in TIME_NAMES or not isinstance(value, str):
        return resolved(value, path)
    offset = offset_of(value)
    try:
        if offset is not None:
            return text_of(START + offset)
    except InputError:
        pass  # beyond the calendar
    raise InputError(f"found {value!r}", expected=_EXPECTED, place=Place(path=path))


def rendered(value: Any) -> Any:
    """The way back: JSON data with every time relative to now, rounded down to a second."""
    if isinstance(value, dict):
        return {name: _rendered_member(name, each) for name, each in value.items()}
    if isinstance(value, list):
        return [rendered(each) for each in value]
    return value


def _rendered_member(name: str, value: Any) -> Any:
    if name in TIME_NAMES and isinstance(value, str):
        return text_at(seconds_of(value) - START)
    return rendered(value)
