"""Durations are read and written as Go does; the expected values and texts were printed by Go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.errors import InputError
from fsm.model import HOUR, MICROSECOND, MILLISECOND, MINUTE, SECOND, format_duration, parse_duration

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)

READ = {
    "0": 0,
    "+0": 0,
    "-0": 0,
    "0s": 0,
    "300s": 300 * SECOND,
    "30m": 30 * MINUTE,
    "+5s": 5 * SECOND,
    "-5s": -5 * SECOND,
    "1h30m0.5s": HOUR + 30 * MINUTE + SECOND // 2,
    "1.s": SECOND,
    ".5s": SECOND // 2,
    "1ns": 1,
    "1.9ns": 1,
    "3us": 3 * MICROSECOND,
    "3µs": 3 * MICROSECOND,
    "3μs": 3 * MICROSECOND,
    "4ms": 4 * MILLISECOND,
    "1m1m": 2 * MINUTE,
    "0000000000000000000000000001s": SECOND,
    "0.100000000000000000000h": 6 * MINUTE,
    "0.3333333333333333333h": 20 * MINUTE,
    "0.9223372036854775807h": 3320413933267,
    "9223372036854775807ns": (1 << 63) - 1,
    "-9223372036854775808ns": -(1 << 63),
    "2562047h47m16.854775807s": (1 << 63) - 1,
    # Go adds the parts in uint64, which two halves of it overflow to nothing
    "9223372036854775808ns9223372036854775808ns": 0,
}

REFUSED = {
    "": 'time: invalid duration ""',
    "-": 'time: invalid duration "-"',
    ".s": 'time: invalid duration ".s"',
    "s": 'time: invalid duration "s"',
    " 5s": 'time: invalid duration " 5s"',
    "--5s": 'time: invalid duration "--5s"',
    "1e3s": 'time: unknown unit "e" in duration "1e3s"',
    "3": 'time: missing unit in duration "3"',
    "1m3": 'time: missing unit in duration "1m3"',
    "0.": 'time: missing unit in duration "0."',
    "1d": 'time: unknown unit "d" in duration "1d"',
    "5S": 'time: unknown unit "S" in duration "5S"',
    "5 s": 'time: unknown unit " s" in duration "5 s"',
    '5"': r'time: unknown unit "\"" in duration "5\""',
    "5é": r'time: unknown unit "\xc3\xa9" in duration "5\xc3\xa9"',
    "5\n": r'time: unknown unit "\x0a" in duration "5\x0a"',
    "٣s": r'time: invalid duration "\xd9\xa3s"',
    "9223372036854775808ns": 'time: invalid duration "9223372036854775808ns"',
    "9223372036854775809ns": 'time: invalid duration "9223372036854775809ns"',
    "-9223372036854775809ns": 'time: invalid duration "-9223372036854775809ns"',
    "2562048h": 'time: invalid duration "2562048h"',
    "99999999999999999999s": 'time: invalid duration "99999999999999999999s"',
}

WRITTEN = {
    0: "0s",
    1: "1ns",
    -1: "-1ns",
    1100: "1.1µs",
    2200 * MICROSECOND: "2.2ms",
    999_999_999: "999.999999ms",
    SECOND: "1s",
    3300 * MILLISECOND: "3.3s",
    5 * MINUTE: "5m0s",
    5 * MINUTE + 1: "5m0.000000001s",
    HOUR: "1h0m0s",
    30 * HOUR + 20 * SECOND: "30h0m20s",
    (1 << 63) - 1: "2562047h47m16.854775807s",
    -(1 << 63): "-2562047h47m16.854775808s",
}


@pytest.mark.parametrize("text", READ)
def test_a_duration_is_read_as_go_reads_it(text: str) -> None:
    assert parse_duration(text) == READ[text]


@pytest.mark.parametrize("text", REFUSED)
def test_a_text_go_refuses_is_refused_in_the_words_of_go(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_duration(text)
    assert refused.value.problem == REFUSED[text]
    assert "Go duration" in str(refused.value)


@pytest.mark.parametrize("nanoseconds", WRITTEN)
def test_a_duration_is_written_as_go_writes_it(nanoseconds: int) -> None:
    assert format_duration(nanoseconds) == WRITTEN[nanoseconds]


@given(INT64)
def test_every_duration_survives_writing_and_reading(nanoseconds: int) -> None:
    assert parse_duration(format_duration(nanoseconds)) == nanoseconds


@given(st.text(alphabet='0123456789.+-hmsnuµ "\\é', max_size=30))
def test_every_text_is_a_duration_in_range_or_an_error_of_go(text: str) -> None:
    outcome = outcome_of(text)
    if isinstance(outcome, InputError):
        assert outcome.problem.startswith("time: ")
    else:
        assert -(1 << 63) <= outcome < 1 << 63


def outcome_of(text: str) -> int | InputError:
    try:
        return parse_duration(text)
    except InputError as error:
        return error
