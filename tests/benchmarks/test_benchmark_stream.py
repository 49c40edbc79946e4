"""The generated streams: deterministic, in order of time, of bounded width, and telling the recorded story."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from itertools import islice, pairwise
from typing import Any

import pytest

from benchmarks import replay, stream
from benchmarks.measure import DisagreementError
from fsm.replay.merge import observed_at
from fsm.replay.reader import Item, documents, items


def _things(lines: Iterable[bytes]) -> Iterable[tuple[tuple[str, str], str, bytes]]:
    """(kind and uid, type, line) of every line."""
    for line in lines:
        item: Any = json.loads(line)
        yield (item["object"]["kind"], item["object"]["metadata"]["uid"]), item["type"], line


@pytest.mark.parametrize("make", [stream.changes, stream.repeats])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(make: Any) -> None:
    assert list(make(5, 1)) == list(make(5, 1)) != list(make(5, 2))


def test_a_line_stands_at_the_newest_time_that_has_happened_and_a_plan_is_none() -> None:
    lines, began = stream.story()
    backup = [line.second for line in lines if line.thing.endswith("-000000000001")]
    assert backup == [0, 1, 12, 13, 30, 48, 110, 111, 114, 125, 126, 260, 260 + 1 + stream.REST]
    assert began.isoformat() == "2026-11-22T02:00:00+00:00"
    assert [line.second for line in lines] == sorted(line.second for line in lines)


def test_every_line_of_a_stream_of_changes_changes_its_object() -> None:
    last: dict[tuple[str, str], bytes] = {}
    for thing, _, line in _things(stream.changes(20, 4)):
        assert last.get(thing) != line
        last[thing] = line


def test_nine_of_ten_lines_of_a_stream_of_repeats_repeat_the_last_line_of_an_object_that_is_there() -> None:
    last: dict[tuple[str, str], bytes] = {}
    repeated = total = 0
    for thing, type_, line in _things(stream.repeats(20, 4)):
        repeated += last.get(thing) == line
        total += 1
        last[thing] = line
        if type_ == "DELETED":
            del last[thing]
    assert 0.89 < repeated / total <= 0.9


def test_the_new_lines_of_both_streams_are_the_same() -> None:
    assert list(dict.fromkeys(stream.repeats(10, 6))) == list(stream.changes(10, 6))


def test_live_objects_stay_few_however_long_the_stream_is() -> None:
    live: set[tuple[str, str]] = set()
    most = 0
    for thing, type_, _ in _things(stream.changes(300, 5, live=10)):
        (live.discard if type_ == "DELETED" else live.add)(thing)
        most = max(most, len(live))
    assert 10 < most < 60
    assert not live


def test_what_the_items_tell_never_goes_back_in_time() -> None:
    text = io.BytesIO(b"".join(stream.changes(30, 2)))
    read = list(items(documents(text, "s")))
    versions = [int(each.object.metadata.resource_version) for each in read if isinstance(each, Item)]
    assert len(versions) == len(read) == 30 * 26
    assert all(one < two for one, two in pairwise(versions))
    created = [observed_at(each) for each in read if isinstance(each, Item) and each.type == "ADDED"]
    assert created == sorted(created, key=lambda at: at or 0)


def test_the_stream_is_made_while_it_is_read() -> None:
    assert len(list(islice(stream.changes(10**9, 1), 100))) == 100


@pytest.mark.parametrize("make", [stream.changes, stream.repeats])
def test_replay_finds_the_recorded_story_in_every_backup(make: Any) -> None:
    replay.check(b"".join(make(12, 3)), 12)


def test_a_stream_with_a_missing_end_is_noticed_before_anything_is_timed() -> None:
    lines = list(stream.changes(3, 3))
    with pytest.raises(DisagreementError):
        replay.check(b"".join(lines[:-8]), 3)
