"""What a chart says about its own events and beginnings, for tools that try it out and cannot know.

Most of it they find by themselves: which events are declared, which fields guards and actions read, at which second a
guard changes its mind, which texts a context holds. What is left stands here, beside the chart.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

_NONE: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType({})


class Start(NamedTuple):
    """A beginning beside `Machine.start()`, as leaves and context, in a few words; `at` is its time in Unix seconds.

    For places that no event leads to, because something outside of the machine has changed its context.
    """

    title: str
    leaves: tuple[str, ...]
    context: Any
    at: int


class Samples(NamedTuple):
    """`words`: texts worth trying, by event and field (subject, uid, reason, message). `starts`: other beginnings."""

    words: Mapping[str, Mapping[str, tuple[str, ...]]] = _NONE
    starts: tuple[Start, ...] = ()
