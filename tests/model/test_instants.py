"""Instants are whole Unix seconds; their text is RFC 3339 as Go reads it, and UTC when written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.errors import InputError
from fsm.model import seconds_of, text_of
from fsm.model.gotime import DATETIME, RFC3339, WallTime, wall_time, wrap64

READ = {
    "1970-01-01T00:00:00Z": 0,
    "2026-11-22T02:00:01Z": 1795312801,
    "2026-11-22T02:00:01.999999999Z": 1795312801,
    "2026-11-22T02:00:01,5Z": 1795312801,
    "2026-11-22T10:00:01+08:00": 1795312801,
    "2026-11-21T18:00:01-08:00": 1795312801,
    "2026-11-22T2:00:01Z": 1795312801,
    "2026-11-23T02:00:01+24:00": 1795312801,
    "2026-11-22T03:00:01+00:60": 1795312801,
    "1969-12-31T23:59:59.5Z": -1,
    "0001-01-01T00:00:00Z": -62135596800,
    "0000-02-29T00:00:00Z": -62162121600,
    "9999-12-31T23:59:59Z": 253402300799,
}

AS = 'as "2006-01-02T15:04:05Z07:00": cannot parse'
REFUSED = {
    "": f'parsing time "" {AS} "" as "2006"',
    "now": f'parsing time "now" {AS} "now" as "2006"',
    "2026-11-22": f'parsing time "2026-11-22" {AS} "" as "T"',
    "2026-11-22 02:00:01Z": f'parsing time "2026-11-22 02:00:01Z" {AS} " 02:00:01Z" as "T"',
    "2026-11-22T02:00:01": f'parsing time "2026-11-22T02:00:01" {AS} "" as "Z07:00"',
    "2026-11-22T02:00:01z": f'parsing time "2026-11-22T02:00:01z" {AS} "z" as "Z07:00"',
    "2026-11-22T02:00:1Z": f'parsing time "2026-11-22T02:00:1Z" {AS} "1Z" as "05"',
    "2026-11-22T02:00:01é08:00": r'parsing time "2026-11-22T02:00:01\xc3\xa908:00" '
    + AS
    + r' "\xc3\xa908:00" as "Z07:00"',
    "2026-13-22T02:00:01Z": 'parsing time "2026-13-22T02:00:01Z": month out of range',
    "2026-02-29T02:00:01Z": 'parsing time "2026-02-29T02:00:01Z": day out of range',
    "2026-11-22T24:00:01Z": 'parsing time "2026-11-22T24:00:01Z": hour out of range',
    "2026-11-22T02:60:01Z": 'parsing time "2026-11-22T02:60:01Z": minute out of range',
    "2026-11-22T02:00:60Z": 'parsing time "2026-11-22T02:00:60Z": second out of range',
    "2026-11-22T02:00:01+25:00": 'parsing time "2026-11-22T02:00:01+25:00": time zone offset hour out of range',
    "2026-11-22T02:00:01+00:61": 'parsing time "2026-11-22T02:00:01+00:61": time zone offset minute out of range',
    "2026-11-22T02:00:01+25:x1": 'parsing time "2026-11-22T02:00:01+25:x1": time zone offset hour out of range',
    "2026-11-22T02:00:01Zz": 'parsing time "2026-11-22T02:00:01Zz": extra text: "z"',
}


@pytest.mark.parametrize("text", READ)
def test_a_time_is_read_as_go_reads_it_rounded_down_to_seconds(text: str) -> None:
    assert seconds_of(text) == READ[text]


@pytest.mark.parametrize("text", REFUSED)
def test_a_text_that_is_no_time_is_refused_in_the_words_of_go(text: str) -> None:
    with pytest.raises(InputError) as refused:
        seconds_of(text)
    assert refused.value.problem == REFUSED[text]
    assert "2026-11-22T02:00:01Z" in refused.value.expected


@given(st.integers(-62135596800, 253402300799))
def test_every_instant_of_the_calendar_survives_writing_and_reading(seconds: int) -> None:
    assert seconds_of(text_of(seconds)) == seconds


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-1439, 1439))
def test_the_zone_in_which_an_instant_is_written_does_not_matter(moment: datetime, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    try:
        local = moment.astimezone(zone)
    except OverflowError:
        return
    assert seconds_of(local.isoformat()) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def test_an_instant_is_written_in_utc_with_whole_seconds() -> None:
    assert text_of(1795312801) == "2026-11-22T02:00:01Z"
    assert text_of(-62135596800) == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize("seconds", [-62135596801, 253402300800, 1 << 80])
def test_an_instant_beyond_the_calendar_has_no_text(seconds: int) -> None:
    with pytest.raises(InputError, match="years 0001 to 9999"):
        text_of(seconds)


@pytest.mark.parametrize("layout", [RFC3339, DATETIME])
@given(text=st.text(alphabet="0123456789-:. TZ+é,", max_size=35))
def test_reading_a_time_ends_in_a_time_or_an_input_error(layout: str, text: str) -> None:
    outcome = outcome_of(layout, text)
    if isinstance(outcome, InputError):
        assert outcome.problem.startswith("parsing time ")
    else:
        assert 0 <= outcome.nanoseconds < 1_000_000_000


def outcome_of(layout: str, text: str) -> WallTime | InputError:
    try:
        return wall_time(layout, text)
    except InputError as error:
        return error


@pytest.mark.parametrize(
    ("fraction", "nanoseconds"),
    [("", 0), (".5", 500_000_000), (".000000001", 1), (".123456789", 123_456_789), (",1234567899", 123_456_789)],
)
def test_nine_digits_of_a_fraction_count(fraction: str, nanoseconds: int) -> None:
    time = wall_time(RFC3339, f"2026-11-22T02:00:01{fraction}-00:30")
    assert time == (1795312801, nanoseconds, -1800)


@given(st.integers())
def test_wrapping_keeps_a_number_modulo_two_to_the_64_and_in_range(number: int) -> None:
    assert -(1 << 63) <= wrap64(number) < 1 << 63
    assert (wrap64(number) - number) % (1 << 64) == 0
