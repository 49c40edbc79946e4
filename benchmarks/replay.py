"""Replay of a long stream: reading, merging, folding and answering, against merely validating the same bytes.

Both sides get the same bytes from memory; the other one makes the same pydantic types of every line and drops them. The
ratio is the share of the parse-only rate that replay reaches.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

from benchmarks import stream
from benchmarks.measure import Finding, Settings, Side, agreed, compared
from fsm.model import WATCH_ITEM
from fsm.replay.fold import Fold
from fsm.replay.merge import merged
from fsm.replay.reader import documents, items

BACKUPS, QUICK_BACKUPS = 600, 60
"""More than are kept in memory once they are finished, so that the archive takes part; the quick run leaves it out."""
ROUNDS = 7


def findings(settings: Settings) -> list[Finding]:
    """A stream of changes and one in which nine of ten lines repeat."""
    backups = QUICK_BACKUPS if settings.quick else BACKUPS
    changes = b"".join(stream.changes(backups, settings.seed))
    repeats = b"".join(stream.repeats(backups // 5, settings.seed))
    check(changes, backups)
    check(repeats, backups // 5)
    fewer = replace(settings, rounds=min(settings.rounds, ROUNDS))
    return [
        *_measured("replay, every line a change", changes, 0.35, fewer),
        *_measured("replay, 9 of 10 repeat", repeats, 0.60, fewer),
    ]


def answer(data: bytes) -> dict[str, Any]:
    """What `backup-fsm replay` finds out."""
    fold = Fold()
    fold.take_all(merged([items(documents(io.BytesIO(data), "stream"))]))
    now = fold.clock(None)
    return {
        "events": fold.events,
        "problems": fold.problems,
        "backups": list(fold.backups(now)),
        "jobs": list(fold.jobs(now)),
    }


def parsed(data: bytes) -> int:
    """How many lines are valid watch items: all, or pydantic's ValidationError is raised."""
    number = 0
    for line in io.BytesIO(data):
        WATCH_ITEM.validate_json(line)
        number += 1
    return number


def check(data: bytes, backups: int) -> None:
    """Both sides read every line, and replay tells the story of every backup as it was recorded."""
    found = answer(data)
    agreed({"replay": found["events"], "validation": parsed(data)})
    ends = [(each["state"], each["verdict"], each["retries"], each["unexpected"]) for each in found["backups"]]
    agreed({"the stories": [("gone", "done", 1, [])] * backups, "replay": ends})
    agreed({"no problems": [], "replay": found["problems"]})


def _measured(name: str, data: bytes, wanted: float, settings: Settings) -> list[Finding]:
    lines = data.count(b"\n")

    def replay(times: int) -> None:
        for _ in range(times):
            answer(data)

    def validate(times: int) -> None:
        for _ in range(times):
            parsed(data)

    other = Side("validating the same bytes", validate, lines)
    return compared("replay", "ns/item", Side(name, replay, lines), [(other, wanted)], settings)
