"""Instants: whole Unix seconds (UTC) as the API server stores them, and their RFC 3339 text. Reads no clock."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from fsm.errors import InputError
from fsm.model.gotime import RFC3339, wall_time

EXPECTED_TIME = "an RFC 3339 time such as 2026-11-22T02:00:01Z"

_PLAIN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_EPOCH = datetime(1970, 1, 1)  # naive on purpose: only differences to it are used


@lru_cache(maxsize=1 << 16)
def seconds_of(text: str) -> int:
    """Whole Unix seconds of an RFC 3339 text in any zone, rounded down; an InputError carries Go's reason."""
    if _PLAIN.fullmatch(text):  # what an API server writes; the slow path has the reasons
        try:
            return (datetime.fromisoformat(text[:-1]) - _EPOCH) // timedelta(seconds=1)
        except ValueError:
            pass
    try:
        time = wall_time(RFC3339, text)
    except InputError as error:
        raise InputError(error.problem, expected=EXPECTED_TIME) from None
    return time.seconds - (time.offset or 0)


@lru_cache(maxsize=1 << 16)
def text_of(seconds: int) -> str:
    """The RFC 3339 text of an instant in UTC: `2026-11-22T02:00:01Z`; years 1 to 9999, else an InputError."""
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat() + "Z"
    except OverflowError:
        raise InputError(f"{seconds} s is not a time of the years 0001 to 9999", expected="Unix seconds") from None


def _checked(text: str) -> str:
    try:
        seconds_of(text)
    except InputError:
        raise PydanticCustomError("time", "{expected}", {"expected": EXPECTED_TIME}) from None
    return text


Time = Annotated[str, AfterValidator(_checked)]
"""A field with an RFC 3339 text, kept as it was given; `seconds_of` cannot fail on it."""
