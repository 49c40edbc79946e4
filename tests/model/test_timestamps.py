"""TiDB timestamps: the four accepted forms, the wrap-around, and the operator's error text (operator-semantics 2.2)."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.errors import InputError
from fsm.model import instant_of, parse_ts, tso_of

UINT64 = 1 << 64
CHINA = timezone(timedelta(hours=8))
NEW_YORK = ZoneInfo("America/New_York")


def tso(seconds: float) -> int:
    return int(seconds * 1000) << 18


READ: dict[str, tuple[str, tzinfo, int]] = {
    "nothing": ("", UTC, 0),
    "zero": ("0", UTC, 0),
    "a number": ("450000000000000001", UTC, 450000000000000001),
    "leading zeros": ("00000000000000000000000000042", UTC, 42),
    "the largest number": (str(UINT64 - 1), UTC, UINT64 - 1),
    "date and time": ("2026-11-22 02:00:01", UTC, tso(1795312801)),
    "a fraction": ("2026-11-22 02:00:01.2345", UTC, tso(1795312801.234)),
    "a fraction after a comma": ("2026-11-22 02:00:01,2", UTC, tso(1795312801.2)),
    "a one-digit hour": ("2026-11-22 2:00:01", UTC, tso(1795312801)),
    "several spaces": ("2026-11-22   02:00:01", UTC, tso(1795312801)),
    "date and time in a zone": ("2026-11-22 10:00:01", CHINA, tso(1795312801)),
    "RFC 3339 ignores the zone": ("2026-11-22T02:00:01Z", CHINA, tso(1795312801)),
    "RFC 3339 with an offset": ("2026-11-22T10:00:01+08:00", UTC, tso(1795312801)),
    # the following six were printed by Go
    "summer time repeats an hour": ("2024-11-03 01:30:00", NEW_YORK, 453669499699200000),
    "summer time skips an hour": ("2024-03-10 02:30:00", NEW_YORK, 448279923916800000),
    "before 1970": ("1969-12-31 23:59:59", UTC, 18446744073447407616),
    "before 1970, truncated toward zero": ("1969-12-31 23:59:59.9995", UTC, 0),
    "nanoseconds that overflow": ("2500-01-01 00:00:00", UTC, 17995458334937579520),
    "the year 0": ("0000-02-29 00:00:00", UTC, 16658426704374792192),
}

REFUSED = [
    "-1",
    "+1",
    " 1",
    "1_000",
    "٣",
    str(UINT64),
    "9" * 5000,
    "2026-11-22",
    "2026-11-22 02:00:01Z",
    "2026-02-30 00:00:00",
    "2026-11-22 24:00:00",
    "yesterday",
]


@pytest.mark.parametrize(("text", "zone", "expected"), READ.values(), ids=READ)
def test_a_timestamp_is_read_as_the_operator_reads_it(text: str, zone: tzinfo, expected: int) -> None:
    assert parse_ts(text, zone) == expected


@pytest.mark.parametrize("text", REFUSED)
def test_any_other_text_is_refused_in_the_words_of_the_operator(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_ts(text)
    assert refused.value.problem.startswith(f"cannot parse ts string {text}, err: parsing time ")


def test_the_reason_is_the_one_of_the_last_form_tried() -> None:
    with pytest.raises(InputError) as refused:
        parse_ts("2026-11-22")
    reason = 'parsing time "2026-11-22" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'
    assert refused.value.problem == f"cannot parse ts string 2026-11-22, err: {reason}"


@given(st.integers(0, UINT64 - 1))
def test_a_number_is_its_own_timestamp(number: int) -> None:
    assert parse_ts(str(number)) == number


@given(st.integers(0, 9_000_000_000), st.integers(0, 999_999_999))
def test_a_timestamp_tells_the_second_it_was_made_of(seconds: int, nanoseconds: int) -> None:
    assert instant_of(tso_of(seconds, nanoseconds)) == seconds


@given(st.integers(-62135596800, 253402300799))
def test_every_instant_has_a_timestamp_in_64_bits(seconds: int) -> None:
    assert 0 <= tso_of(seconds) < UINT64
