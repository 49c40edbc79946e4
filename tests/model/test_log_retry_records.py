"""The records of the retries: few, whole, and the same after a way through text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.errors import InputError, Place
from fsm.model import NO_RETRIES, LogCommand, LogRetryRecord, LogRetryStatus
from fsm.model.log_retry import MOST_RECORDS

PLACE = Place(path="metadata.annotations[status]")


def record(number: int, episode: int = 1, **more: Any) -> LogRetryRecord:
    return LogRetryRecord(retry_num=number, episode=episode, command="log-start", **more)


def numbers(status: LogRetryStatus) -> list[tuple[int, int]]:
    return [(each.episode, each.retry_num) for each in status.records]


# ------------------------------------------------------------------ bounded


def test_of_a_long_episode_the_first_record_stays_and_the_oldest_others_go() -> None:
    """Its time is where retryTimeout begins."""
    status = NO_RETRIES
    for number in range(1, 101):
        status = status.with_record(record(number))
    assert numbers(status) == [(1, 1), *((1, number) for number in range(92, 101))]


def test_earlier_episodes_go_first() -> None:
    status = NO_RETRIES
    for number in range(1, 8):
        status = status.with_record(record(number))
    for number in range(1, 7):
        status = status.with_record(record(number, episode=2))
    assert numbers(status) == [*((1, number) for number in range(4, 8)), *((2, number) for number in range(1, 7))]


@given(st.lists(st.booleans(), max_size=60))
def test_there_are_never_too_many_and_the_newest_and_the_first_of_its_episode_are_there(anew: list[bool]) -> None:
    status, episode, number = NO_RETRIES, 1, 0
    for begins in anew:
        episode, number = (episode + 1, 1) if begins else (episode, number + 1)
        status = status.with_record(record(number, episode))
        assert len(status.records) <= MOST_RECORDS
        assert status.last == record(number, episode)
        assert status.episode("log-start")[0].retry_num == 1
        assert numbers(status) == sorted(numbers(status))


def test_what_other_commands_record_ends_no_episode_and_pushes_out_neither_its_first_nor_its_last_record() -> None:
    status = NO_RETRIES
    for number in (1, 2, 3):
        status = status.with_record(record(number))
    for number in range(1, 30):
        status = status.with_record(record(number, episode=2).with_(command="log-resume"))
    assert [each.retry_num for each in status.episode("log-start")] == [1, 3]
    assert [each.retry_num for each in status.episode("log-resume")] == [1, *range(23, 30)]


def test_two_records_of_every_command_are_the_most_that_has_to_stay() -> None:
    status = NO_RETRIES
    for number in range(1, 9):
        for episode, command in enumerate(LogCommand, 1):
            status = status.with_record(record(number, episode).with_(command=command.value))
    assert len(status.records) == MOST_RECORDS
    assert {tuple(each.retry_num for each in status.episode(command)) for command in LogCommand} == {(1, 8)}


def test_without_records_there_is_no_episode() -> None:
    assert (NO_RETRIES.last, NO_RETRIES.episode("log-start")) == (None, ())


@pytest.mark.parametrize(
    ("given_", "is_open"),
    [
        ({}, True),
        ({"real_retry_at": "2026-11-22T02:00:00Z"}, False),
        ({"mended_at": "2026-11-22T02:00:00Z"}, False),
        ({"superseded_at": "2026-11-22T02:00:00Z"}, False),
    ],
    ids=["nothing came of it", "a retry began", "mended", "superseded"],
)
def test_a_record_is_open_until_something_came_of_it(given_: dict[str, str], is_open: bool) -> None:
    assert record(1, **given_).is_open is is_open


# ------------------------------------------------------------------ through text

TIMES = st.none() | st.sampled_from(["2026-11-22T02:00:00Z", "2026-11-22T02:00:00.5+02:00", "0001-01-01T00:00:00Z"])
TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=12)
RECORDS = st.builds(
    LogRetryRecord,
    retry_num=st.integers(1, 100),
    detect_failed_at=TIMES,
    expected_retry_at=TIMES,
    real_retry_at=TIMES,
    retry_reason=TEXTS,
    original_reason=TEXTS,
    episode=st.integers(1, 100),
    command=TEXTS,
    job_uid=TEXTS,
    cause=TEXTS,
    mended_at=TIMES,
    superseded_at=TIMES,
)
STATUSES = st.builds(
    LogRetryStatus,
    records=st.lists(RECORDS, max_size=3).map(tuple),
    state=TEXTS,
    reason=TEXTS,
    message=TEXTS,
    since=TIMES,
)


@given(STATUSES)
def test_the_annotation_reads_back_as_it_was_written_and_writes_the_same_again(status: LogRetryStatus) -> None:
    text = status.to_text()
    assert LogRetryStatus.from_json(text) == status
    assert LogRetryStatus.from_json(text).to_text() == text
    assert "\n" not in text


def test_a_record_has_the_shape_of_the_operator_s_own_and_more() -> None:
    when = "2026-11-22T02:00:00Z"
    whole = LogRetryRecord(
        retry_num=1, detect_failed_at=when, expected_retry_at=when, real_retry_at=when, retry_reason="r",
        original_reason="o", episode=2, command="log-start", job_uid="u", cause="OOMKilled",
    )  # fmt: skip
    assert whole.to_json() == {
        "retryNum": 1,
        "detectFailedAt": when,
        "expectedRetryAt": when,
        "realRetryAt": when,
        "retryReason": "r",
        "originalReason": "o",
        "episode": 2,
        "command": "log-start",
        "jobUid": "u",
        "cause": "OOMKilled",
    }


FOREIGN: dict[str, Any] = {"records": [{"retryNum": 1, "episode": 1, "note": {"a": [1]}}], "gcRiskAt": "soon"}


def test_keys_of_a_newer_program_survive_every_change() -> None:
    status = LogRetryStatus.from_json(json.dumps(FOREIGN))
    assert json.loads(status.to_text()) == FOREIGN
    changed = status.with_last(real_retry_at="2026-11-22T02:00:00Z").with_record(record(2)).with_(state="held")
    written = json.loads(changed.to_text())
    assert written["gcRiskAt"] == "soon"
    assert written["records"][0] == {**FOREIGN["records"][0], "realRetryAt": "2026-11-22T02:00:00Z"}


GARBAGE = {
    # case: (text, path)
    "no JSON": ("held", ""),
    "YAML": ("state: held", ""),
    "cut off": ('{"records":[{"retryNum":1', ""),
    "a list": ("[]", ""),
    "null": ("null", ""),
    "records that are null": ('{"records":null}', ".records"),
    "a record that is null": ('{"records":[null]}', ".records[0]"),
    "a number that is none": ('{"records":[{},{"retryNum":"1"}]}', ".records[1].retryNum"),
    "an episode that is none": ('{"records":[{"episode":1.5}]}', ".records[0].episode"),
    "a time that is none": ('{"records":[{"detectFailedAt":"yesterday"}]}', ".records[0].detectFailedAt"),
    "a time of ours that is none": ('{"records":[{"mendedAt":5}]}', ".records[0].mendedAt"),
    "a state that is none": ('{"state":5}', ".state"),
    "a since that is none": ('{"since":"now"}', ".since"),
    "too many brackets": ("[" * 100_000, ""),
    "a number too long": ('{"records":[{"retryNum":' + "9" * 5000 + "}]}", ""),
}


@pytest.mark.parametrize(("text", "path"), GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_an_input_error_with_a_place(text: str, path: str) -> None:
    with pytest.raises(InputError) as caught:
        LogRetryStatus.from_json(text, PLACE)
    assert caught.value.place.path == PLACE.path + path
    assert caught.value.expected


@given(TEXTS)
def test_no_text_at_all_does_anything_but_be_a_status_or_an_input_error(text: str) -> None:
    wrong = None
    try:
        LogRetryStatus.from_json(text, PLACE)
    except InputError as error:
        wrong = error
    assert wrong is None or (wrong.place.path.startswith(PLACE.path) and wrong.expected)
