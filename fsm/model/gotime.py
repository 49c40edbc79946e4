"""How Go's `time` package reads text: the layouts RFC 3339 and `YYYY-MM-DD hh:mm:ss`, with Go's own error texts.

The operator and the API server are Go programs, so a time is what Go says it is: a fraction after the seconds and a
one-digit hour are accepted although no layout names them, and the error text ends up in a Backup's `Invalid`
condition. Pure: reads no clock and no local zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from fsm.errors import InputError

RFC3339 = "2006-01-02T15:04:05Z07:00"
DATETIME = "2006-01-02 15:04:05"

_DIGITS = frozenset("0123456789")
_CHUNK = re.compile(r"(\D?)(2006|01|02|15|04|05|Z07:00)")
_YEARS_400 = 146_097  # days in 400 Gregorian years
_EPOCH = date(1970, 1, 1).toordinal()
_MASK = (1 << 64) - 1


class WallTime(NamedTuple):
    """What a text says: seconds as if the wall clock were UTC, nanoseconds after them, the offset if one was given."""

    seconds: int
    nanoseconds: int
    offset: int | None


class _BadError(Exception):
    """An element that Go cannot read; Go quotes the text before the element."""


class _RangeError(Exception):
    """An element that is a number but not a legal one; carries Go's name for it."""


def wrap64(value: int) -> int:
    """`value` as a two's complement int64, as Go's integer arithmetic leaves it on overflow."""
    return ((value + (1 << 63)) & _MASK) - (1 << 63)


def quote(text: str) -> str:
    """`text` in double quotes as Go's time package prints it: control and non-ASCII bytes as `\\xhh`."""
    return _quoted(_as_bytes(text))


def _as_bytes(text: str) -> str:
    """The UTF-8 bytes of `text` as one character each, since Go's parsers count and cut bytes."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("latin-1")


def _quoted(raw: str) -> str:
    return '"' + "".join(map(_escaped, raw)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if " " <= char < "\x80" else f"\\x{ord(char):02x}"


def wall_time(layout: str, text: str) -> WallTime:
    """`text` read by one of the two layouts, as `time.Parse` does; an InputError carries Go's text."""
    fields: dict[str, int] = {}
    rest = text = _as_bytes(text)
    for prefix, element in _CHUNK.findall(layout):
        try:
            rest = _skip(rest, prefix)
        except _BadError as bad:
            raise _cannot(layout, text, str(bad), prefix) from None
        try:
            rest = _READERS[element](rest, fields)
        except _BadError:
            raise _cannot(layout, text, rest, element) from None
        except _RangeError as wrong:
            raise InputError(f"parsing time {_quoted(text)}: {wrong} out of range") from None
    if rest:
        raise InputError(f"parsing time {_quoted(text)}: extra text: {_quoted(rest)}")
    return _assembled(fields, text)


def _cannot(layout: str, text: str, rest: str, element: str) -> InputError:
    return InputError(
        f"parsing time {_quoted(text)} as {_quoted(layout)}: cannot parse {_quoted(rest)} as {_quoted(element)}"
    )


def _assembled(fields: dict[str, int], text: str) -> WallTime:
    try:
        days = _days(fields["2006"], fields["01"], fields["02"])
    except ValueError:
        raise InputError(f"parsing time {_quoted(text)}: day out of range") from None
    seconds = days * 86_400 + fields["15"] * 3_600 + fields["04"] * 60 + fields["05"]
    return WallTime(seconds, fields.get("fraction", 0), fields.get("Z07:00"))


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01; year 0, which Go knows and Python's `date` does not, is read 400 years later."""
    if year == 0:
        return date(400, month, day).toordinal() - _YEARS_400 - _EPOCH
    return date(year, month, day).toordinal() - _EPOCH


def _skip(value: str, prefix: str) -> str:
    """Go skips any number of spaces, none included at the end of the text, where the layout has one."""
    if prefix == " ":
        if value and value[0] != " ":
            raise _BadError(value)
        return value.lstrip(" ")
    if not value.startswith(prefix):
        raise _BadError(value)
    return value[len(prefix) :]


def _number(value: str, *, fixed: bool) -> tuple[int, str]:
    """One or two digits (`fixed`: exactly two) and the text after them: Go's getnum."""
    if value[:1] not in _DIGITS:
        raise _BadError
    if value[1:2] not in _DIGITS:
        if fixed:
            raise _BadError
        return int(value[0]), value[1:]
    return int(value[:2]), value[2:]


def _year(value: str, fields: dict[str, int]) -> str:
    if len(value) < 4 or not _DIGITS.issuperset(value[:4]):
        raise _BadError
    fields["2006"] = int(value[:4])
    return value[4:]


def _ranged(
    element: str, name: str, low: int, high: int, *, fixed: bool = True
) -> Callable[[str, dict[str, int]], str]:
    """A reader of one two-digit element whose value must lie in low..high."""

    def read(value: str, fields: dict[str, int]) -> str:
        fields[element], rest = _number(value, fixed=fixed)
        if not low <= fields[element] <= high:
            raise _RangeError(name)
        return rest

    return read


_whole_second = _ranged("05", "second", 0, 59)


def _second(value: str, fields: dict[str, int]) -> str:
    """Seconds, and a fraction that no layout names: `.` or `,` and digits, of which nine count."""
    rest = _whole_second(value, fields)
    if rest[:1] not in {".", ","} or rest[1:2] not in _DIGITS:
        return rest
    digits = 1
    while rest[digits : digits + 1] in _DIGITS:
        digits += 1
    fields["fraction"] = int(rest[1:digits][:9].ljust(9, "0"))
    return rest[digits:]


def _zone(value: str, fields: dict[str, int]) -> str:
    """`Z` or `±hh:mm`; Go allows 24 hours and 60 minutes here."""
    if value[:1] == "Z":
        fields["Z07:00"] = 0
        return value[1:]
    if len(value) < 6 or value[3] != ":":
        raise _BadError
    hours = _number(value[1:3], fixed=True)[0]
    fields["Z07:00"] = (hours * 3_600 + _offset_minutes(value[4:6], hours) * 60) * (-1 if value[0] == "-" else 1)
    if value[0] not in "+-":
        raise _BadError
    return value[6:]


def _offset_minutes(text: str, hours: int) -> int:
    """The minutes of an offset. Go names the last number out of range, and that before any that it cannot read."""
    readable = _DIGITS.issuperset(text)
    if readable and int(text) > 60:
        raise _RangeError("time zone offset minute")
    if hours > 24:
        raise _RangeError("time zone offset hour")
    if not readable:
        raise _BadError
    return int(text)


_READERS: dict[str, Callable[[str, dict[str, int]], str]] = {
    "2006": _year,
    "01": _ranged("01", "month", 1, 12),
    "02": _ranged("02", "day", 0, 99),  # checked against the month at the end, as Go does
    "15": _ranged("15", "hour", 0, 23, fixed=False),
    "04": _ranged("04", "minute", 0, 59),
    "05": _second,
    "Z07:00": _zone,
}
