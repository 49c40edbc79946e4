"""Durations as Go writes them: `300s`, `1h15m30.5s`. Here an int of nanoseconds in the range of an int64."""

from __future__ import annotations

import re

from fsm.errors import InputError
from fsm.model.gotime import quote

NANOSECOND = 1
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_UNITS = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "µs": MICROSECOND,  # U+00B5, the micro sign
    "μs": MICROSECOND,  # U+03BC, the Greek letter
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_LIMIT = 1 << 63
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^.0-9]*)", re.DOTALL)
_EXPECTED = 'a Go duration such as "300s" or "1h30m"'


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration; an InputError starts with the text of Go's `time.ParseDuration`."""
    sign = -1 if text[:1] == "-" else 1
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return 0
    if not rest:
        raise _invalid(text)
    total = 0
    while rest:
        match = _PART.match(rest)
        assert match is not None  # every part of the pattern may be empty
        total = (total + _part(match, text)) % (1 << 64)  # Go adds in uint64
        if total > _LIMIT:
            raise _invalid(text)
        rest = rest[match.end() :]
    if sign > 0 and total == _LIMIT:
        raise _invalid(text)
    return -total if sign < 0 else total


def _part(match: re.Match[str], text: str) -> int:
    """Nanoseconds of one number and its unit, at most 2**63."""
    whole, fraction, unit = match.group(1), match.group(2) or "", match.group(3)
    if not whole and not fraction:
        raise _invalid(text)
    value = _leading_int(whole, text)
    if not unit:
        raise InputError(f"time: missing unit in duration {quote(text)}", expected=_EXPECTED)
    if unit not in _UNITS:
        raise InputError(f"time: unknown unit {quote(unit)} in duration {quote(text)}", expected=_EXPECTED)
    value = value * _UNITS[unit] + _fraction(fraction, _UNITS[unit])
    if value > _LIMIT:
        raise _invalid(text)
    return value


def _leading_int(digits: str, text: str) -> int:
    value = int(digits[-_MAX_DIGITS:] or "0") if not digits[:-_MAX_DIGITS].strip("0") else _LIMIT + 1
    if value > _LIMIT:
        raise _invalid(text)
    return value


_MAX_DIGITS = 19  # of 2**63; Python limits the length of int(text), and zeros may lead


def _fraction(digits: str, unit: int) -> int:
    """Nanoseconds of the digits after the point, by float64 as in Go; digits beyond an int64 are dropped."""
    value, scale = 0, 1.0
    for digit in digits:
        longer = value * 10 + int(digit)
        if longer > _LIMIT:
            break
        value, scale = longer, scale * 10
    return int(float(value) * (float(unit) / scale))


def _invalid(text: str) -> InputError:
    return InputError(f"time: invalid duration {quote(text)}", expected=_EXPECTED)


def format_duration(nanoseconds: int) -> str:
    """The text of Go's `Duration.String()`: `5m0s`, `1.5s`, `0s`; a leading unit is never zero."""
    sign, value = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    return sign + (_long(value) if value >= SECOND else _short(value))


def _long(value: int) -> str:
    minutes, seconds = divmod(value, MINUTE)
    hours, minutes = divmod(minutes, 60)
    text = _decimal(seconds, SECOND) + "s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text


def _short(value: int) -> str:
    if value == 0:
        return "0s"
    if value < MICROSECOND:
        return f"{value}ns"
    if value < MILLISECOND:
        return _decimal(value, MICROSECOND) + "µs"
    return _decimal(value, MILLISECOND) + "ms"


def _decimal(value: int, unit: int) -> str:
    """`value` in `unit`s, exactly, without trailing zeros."""
    whole, rest = divmod(value, unit)
    digits = str(rest).zfill(len(str(unit)) - 1).rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
