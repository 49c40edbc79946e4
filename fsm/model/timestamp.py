"""TiDB timestamps (TSO): uint64, milliseconds since 1970 above 18 bits of a counter (operator-semantics 2.2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from fsm.errors import InputError
from fsm.model.gotime import DATETIME, RFC3339, WallTime, wall_time, wrap64

_UINT64 = 1 << 64
_COUNTER_BITS = 18
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONED = (-62_135_000_000, 253_402_000_000)  # Unix seconds well inside Python's datetime, for any zone
_DECIMAL_DIGITS = 20  # of 2**64 - 1


def parse_ts(text: str, zone: tzinfo = UTC) -> int:
    """The TSO of a number, `YYYY-MM-DD hh:mm:ss` in `zone` (the operator: its process-local zone) or RFC 3339; "" is 0.

    As the operator's ParseTS: operator-semantics 2.2. An InputError starts with the operator's message.
    """
    if not text:
        return 0
    number = _uint64(text)
    if number is not None:
        return number
    time = _instant(text, zone)
    return tso_of(time.seconds, time.nanoseconds)


def tso_of(seconds: int, nanoseconds: int = 0) -> int:
    """The TSO of an instant, counter 0; before 1970 and outside the years 1678 to 2262 it wraps, as the operator's."""
    unix_nano = wrap64(seconds * 1_000_000_000 + nanoseconds)
    milliseconds = abs(unix_nano) // 1_000_000 * (-1 if unix_nano < 0 else 1)  # Go's division truncates
    return (milliseconds << _COUNTER_BITS) % _UINT64


def instant_of(tso: int) -> int:
    """Whole Unix seconds of a TSO, rounded down; the highest bit is magnitude, so a wrapped time lies far ahead."""
    return (tso >> _COUNTER_BITS) // 1_000


def _uint64(text: str) -> int | None:
    """The number of a text of decimal digits that fits a uint64; zeros may lead."""
    if not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0")
    value = int(digits or "0") if len(digits) <= _DECIMAL_DIGITS else _UINT64
    return value if value < _UINT64 else None


def _instant(text: str, zone: tzinfo) -> WallTime:
    try:
        time = wall_time(DATETIME, text)
    except InputError:
        return _with_zone(text)
    return time._replace(seconds=_from_local(time.seconds, zone))


def _with_zone(text: str) -> WallTime:
    try:
        time = wall_time(RFC3339, text)
    except InputError as error:
        expected = "a TSO, YYYY-MM-DD hh:mm:ss or an RFC 3339 time"
        raise InputError(f"cannot parse ts string {text}, err: {error.problem}", expected=expected) from None
    return time._replace(seconds=time.seconds - (time.offset or 0))


def _from_local(wall: int, zone: tzinfo) -> int:
    """Unix seconds of a wall clock reading; where summer time makes it ambiguous, the choice is Go's."""
    offset = _offset(wall, zone)
    return wall - _offset(wall - offset, zone) if offset else wall


def _offset(seconds: int, zone: tzinfo) -> int:
    """The zone's offset in seconds at an instant; the first or last known one outside Python's calendar."""
    low, high = _ZONED
    moment = (_EPOCH + timedelta(seconds=min(max(seconds, low), high))).astimezone(zone)
    return (moment.utcoffset() or timedelta()) // timedelta(seconds=1)
