"""Makes long watch streams: the recorded story of a backup that fails once and succeeds, told by many backups at once.

Deterministic: the same arguments give the same bytes. Lazy: only the lines of the backups that are alive are held. A
finished backup is deleted, with its Job, so however long the stream is, the number of live ones stays the same.
"""

from __future__ import annotations

import heapq
import json
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import count
from typing import NamedTuple

STORY = "backup-snapshot-retry"
REST = 60
"""Seconds from the end of a story to the deletion of its objects."""
LIVE = 40
"""Backups that are alive at a time, on average."""
REPEATS = 9
"""Repeats that follow each new line in a stream of repeats."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_HAPPENED = re.compile(r'"(?!expectedRetryAt)\w+":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"')
_VERSION = re.compile(r'"resourceVersion":"\d+"')
_UID = re.compile(r"5f0c2a1e-7d3b-4c6e-9d45-0{9}")
_NAME = "demo-full"
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Line(NamedTuple):
    """One line of a story: seconds after its beginning, which object it is about, and the text."""

    second: int
    thing: str
    text: str
    gone: bool = False


class Told(NamedTuple):
    """One line of a stream: which object it is about, whether it is the object's last, and the bytes."""

    thing: str
    gone: bool
    line: bytes


def story() -> tuple[tuple[Line, ...], datetime]:
    """The recorded lines in order of time, Jobs before the Backup, then the deletions; and when it all began."""
    recorded = [line for kind in (".jobs", "") for line in _recorded(f"{STORY}{kind}.jsonl")]
    began = min(time for time, _ in recorded)
    lines = [
        Line(int((time - began).total_seconds()), *_thing(text)) for time, text in sorted(recorded, key=lambda r: r[0])
    ]
    return (*lines, *_deletions(lines)), began


def _recorded(name: str) -> Iterator[tuple[datetime, str]]:
    """The lines with the newest time that has happened by then."""
    newest = ""
    for text in (files("fsm") / "stories" / name).read_text("utf-8").splitlines():
        newest = max(newest, *_HAPPENED.findall(text))
        yield datetime.strptime(newest, _FORMAT).replace(tzinfo=UTC), text


def _thing(text: str) -> tuple[str, str, bool]:
    item = json.loads(text)
    return item["object"]["metadata"]["uid"], text, item["type"] == "DELETED"


def _deletions(lines: list[Line]) -> Iterator[Line]:
    """What is left at the end goes: the Backup first, then its Job."""
    last = {line.thing: line for line in lines}
    for line in sorted((line for line in last.values() if not line.gone), key=lambda line: line.thing):
        text = line.text.replace('{"type":"MODIFIED"', '{"type":"DELETED"', 1)
        yield Line(lines[-1].second + REST, line.thing, text, gone=True)


def changes(backups: int, seed: int, live: int = LIVE) -> Iterator[bytes]:
    """A stream in which every line tells of a change."""
    return (told.line for told in _told(backups, seed, live))


def repeats(backups: int, seed: int, live: int = LIVE) -> Iterator[bytes]:
    """A stream in which nine of ten lines repeat the last line of some live object, byte for byte."""
    rng = random.Random(seed)
    last: dict[str, bytes] = {}
    things: list[str] = []
    for told in _told(backups, seed, live):
        yield told.line
        if told.gone:
            del last[told.thing]
            things.remove(told.thing)
        else:
            if told.thing not in last:
                things.append(told.thing)
            last[told.thing] = told.line
        for _ in range(REPEATS if things else 0):
            yield last[rng.choice(things)]


def _told(backups: int, seed: int, live: int) -> Iterator[Told]:
    """The stories, begun at random intervals and interleaved by their times."""
    lines, began = story()
    rng = random.Random(seed)
    interval = lines[-1].second / live
    versions = count(100_000)
    waiting: list[tuple[int, int, int]] = []
    start = 0.0
    for number in range(backups):
        start += rng.uniform(0, 2 * interval)
        while waiting and waiting[0][0] < int(start):
            yield _spoken(lines, began, next(versions), *heapq.heappop(waiting))
        for position, line in enumerate(lines):
            heapq.heappush(waiting, (int(start) + line.second, number, position))
    while waiting:
        yield _spoken(lines, began, next(versions), *heapq.heappop(waiting))


def _spoken(lines: tuple[Line, ...], began: datetime, version: int, at: int, number: int, position: int) -> Told:
    """A line of the story as backup `number` tells it: with its own names, uids, times and resourceVersion."""
    line = lines[position]
    shift = timedelta(seconds=at - line.second)
    text = _TIME.sub(lambda found: _shifted(found[0], shift), line.text)
    text = text.replace(_NAME, f"{_NAME}-{number}")
    text = _VERSION.sub(f'"resourceVersion":"{version}"', text)
    text = _UID.sub(f"5f0c2a1e-7d3b-4c6e-9d45-{number:09x}", text)
    return Told(f"{number}/{line.thing}", line.gone, text.encode() + b"\n")


def _shifted(time: str, shift: timedelta) -> str:
    return (datetime.strptime(time, _FORMAT) + shift).strftime(_FORMAT)
