"""The world of a vector by itself: what no outcome shows, but other outcomes rest on."""

from __future__ import annotations

from typing import Any

import pytest
from conform_vectors import EVENT, POLICY, backup, given, job, outcomes

from fsm.conform.shape import Given, Refresh, shaped
from fsm.conform.times import START, resolved
from fsm.conform.world import Server, World, world_of
from fsm.model import Backup
from fsm.reference import Add, ApiError, BackupEvent, Call, Etcd, Now, Perform, QueryTask, Refused, UpdateBackup, run
from fsm.rules import Reading

KEY = ("ns", "demo")


def world() -> World:
    begin = given({"backup": backup(POLICY, {"phase": "Running"}), "jobs": [job("Failed")]})
    return world_of(shaped(resolved(begin), Given))


def test_every_reading_of_the_clock_is_another_one_of_the_same_second() -> None:
    seen = world()
    readings = []
    for _ in range(100):
        seen, reading = seen.answered(Now())
        readings.append(reading)
    assert len(set(readings)) == 100
    assert {reading.seconds for reading in readings} == {START}


class Underway:
    """A world in which something runs."""

    def __init__(self, seen: World) -> None:
        self.world = seen

    def answer(self, call: Call) -> Any:
        self.world, answer = self.world.answered(call)
        return answer


def test_a_refresh_makes_plain_times_of_readings_at_a_new_address() -> None:
    """An object in memory has nanoseconds, one that was read from the API server has none (operator-semantics 0)."""
    underway = Underway(world())
    before = underway.world.operator.cache.backups[KEY]
    run(BackupEvent(before.object, before.address), underway.answer)
    edited = underway.world.operator.cache.backups[KEY]
    assert isinstance(edited.object.status.backoff_retry_status[0].detect_failed_at, Reading)
    read = underway.world.refreshed(Refresh(("backup",))).operator.cache.backups[KEY]
    assert read.address != edited.address == before.address
    assert read.object == edited.object
    assert not isinstance(read.object.status.backoff_retry_status[0].detect_failed_at, Reading)


def test_an_update_reaches_no_backup_of_another_name() -> None:
    stored = Backup.from_json(resolved(backup()))
    other = stored.with_(metadata=stored.metadata.with_(name="other"))
    server, answer = Server(stored).answered(UpdateBackup(other))
    assert server.backup == stored
    assert answer == ApiError(Refused.NOT_FOUND, 'backups.pingcap.com "other" not found')


def test_the_jobs_of_an_outcome_are_sorted_by_name() -> None:
    begin = given({"jobs": [job(name="b"), job(name="c"), job(name="a")]})
    assert outcomes(EVENT, begin=begin)[0]["server"]["jobs"] == ["a", "b", "c"]


def test_a_call_that_nobody_answers_is_an_error_of_ours() -> None:
    with pytest.raises(TypeError, match="no API server answers"):
        world().answered(Perform("br"))


def test_the_queue_of_the_operator_is_its_own() -> None:
    seen, answer = world().answered(Add(KEY))
    assert (answer, seen.operator.queue.ready) == (None, (KEY,))


def test_each_get_of_etcd_finds_values_or_an_error() -> None:
    task = {"checkpoint": {"values": ["AAAAAAAAAQA="]}, "info": {"error": "timed out"}, "last-error": {"values": [""]}}
    _, answer = world_of(shaped(given(task=task) | {"server": {}}, Given)).answered(QueryTask("demo"))
    assert answer == Etcd(checkpoint=(bytes([0] * 6 + [1, 0]),), info="timed out", pause=(), last_error=(b"",))
