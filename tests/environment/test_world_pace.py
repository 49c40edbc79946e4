"""Single steps of the checked world: who may move when, whose copy is which, what a failed call leaves behind."""

from __future__ import annotations

import pytest
from world_walks import Walk

from fsm.environment import OPERATOR, OURS, Wish, world_of
from fsm.environment.world.held import Copy
from fsm.environment.world.slots import CREATED, HeldJob
from fsm.environment.world.thread import Read

FAULTS = {"faults": 1, "kill": 2, "api": 1, "lag": 1, "slow": 1, "crash": 1, "edit": 1}
WORKER = ("worker begins", "worker goes on")
HANDLER = ("handler begins", "handler goes on")


def _walk(name: str = OPERATOR, mode: str = "snapshot", faults: int = 1) -> Walk:
    return Walk(world_of(name, mode, {**FAULTS, "faults": faults}, wish=Wish(retries=1, timeout="6m")))


def _failed_once(faults: int = 1) -> Walk:
    """The first Job has failed, and nobody of the operator has seen it."""
    walk = _walk(faults=faults).take("worker begins").take("worker goes on")
    return walk.take("Job backup starts").take("pod backup dies").take("Job backup ends")


def _failed_twice() -> Walk:
    """The last Job that the policy allows has failed, and nobody of the operator has seen it."""
    walk = _failed_once().take("handler begins").take("handler goes on", "record of failure 1").take("handler goes on")
    walk.take("clock ticks").settle("handler begins", "handler goes on", "Job backup goes", *WORKER)
    return walk.take("Job backup starts").take("pod backup dies").take("Job backup ends")


# ------------------------------------------------------------------ pace


OTHERS = {"Job backup starts", "user deletes", "user switches retries off", "clock ticks"}


def test_nobody_else_moves_between_two_calls_of_the_operator() -> None:
    walk = _walk().take("worker begins")
    assert walk["worker"] is not None
    assert not walk.able() & OTHERS
    assert "worker goes on" in walk.able(fair=True)


def test_others_move_while_the_operator_stands_still_which_ends_with_what_it_was_doing() -> None:
    walk = _walk().take("worker begins").take("operator is slow")
    assert walk.able() >= {"Job backup starts", "user switches retries off"}
    walk.take("Job backup starts").take("worker goes on")
    assert not walk["slow"]
    assert walk["backup"].phase == "Scheduled"


def test_no_minute_passes_while_the_handler_is_at_work_be_it_slow_or_not() -> None:
    walk = _failed_once().take("handler begins")
    assert not walk.ways("clock ticks")
    walk.take("operator is slow")
    walk.take("handler goes on", "record of failure 1")
    assert not walk.ways("clock ticks")


def test_a_crash_forgets_what_the_operator_was_doing_and_what_it_held() -> None:
    walk = _failed_once().take("handler begins").take("operator restarts")
    assert (walk["handler"], walk["worker"], walk["cached backup"], walk["slow"]) == (None, None, None, False)
    assert walk["job backup"].stage == "failed"


# ------------------------------------------------------------------ copies


def test_a_write_of_an_older_version_is_refused_until_the_informer_has_caught_up() -> None:
    walk = _walk().take("informer lags").take("user spoils the timeout").take("worker begins", "creates Job")
    walk.take("worker goes on", "409 Conflict")
    assert walk["backup"].phase == ""
    walk.take("Backup is delivered").take("worker goes on", "phase none → Scheduled")
    assert walk["backup"].wish.timeout == "soon"


def test_an_edit_in_place_that_was_not_written_stays_in_the_cache() -> None:
    walk = _failed_once().take("handler begins").take("handler: write fails for good")
    copy: Copy = walk["cached backup"]
    assert copy.held is not None
    assert copy.held.records
    assert not walk["backup"].records


def test_after_a_write_the_object_at_the_handlers_pointer_is_not_the_cached_one_any_more() -> None:
    walk = _failed_twice().take("handler begins").take("handler goes on", "record of failure 2")
    assert not walk["handler"].there
    walk.take("handler: call fails")
    assert walk["cached backup"] is None


def test_what_another_one_writes_replaces_the_object_at_the_handlers_pointer() -> None:
    walk = _failed_once().take("handler begins")
    assert walk["handler"].there
    walk.take("operator is slow").take("user switches retries off")
    assert not walk["handler"].there


def test_an_informer_that_lags_keeps_the_object_at_the_handlers_pointer_until_it_catches_up() -> None:
    walk = _failed_once().take("informer lags").take("handler begins").take("handler goes on", "record of failure 1")
    assert walk["handler"].there
    walk.take("Backup is delivered")
    assert not walk["handler"].there
    assert all(not answer.there for answer in walk["handler"].answers if isinstance(answer, Read))


# ------------------------------------------------------------------ calls that fail


def test_a_creation_that_is_not_heard_of_leaves_a_job_that_the_operator_says_it_could_not_create() -> None:
    walk = _walk().take("worker: call is not heard of", "creates Job backup-demo")
    assert walk["job backup"].stage == CREATED
    walk.settle("worker goes on")
    assert walk["backup"].phase == "RetryFailed"
    assert walk["queue"]


def test_a_creation_that_fails_leaves_no_job_and_the_key_is_tried_again() -> None:
    walk = _walk().take("worker: call fails", "this fails").settle("worker goes on")
    assert walk["job backup"] is None
    assert walk.take("worker begins")["job backup"] is not None


def test_a_write_that_fails_once_is_tried_again_with_what_is_read_anew() -> None:
    walk = _walk().take("worker begins").take("worker: call fails", "writes the Backup: this fails")
    walk.take("worker goes on", "Scheduled")
    assert walk["backup"].phase == "Scheduled"


@pytest.mark.parametrize("rule", ["shell: effect fails", "shell: effect is not heard of"])
def test_our_shell_decides_anew_after_an_effect_that_it_does_not_know_of(rule: str) -> None:
    walk = _walk(OURS).take("shell decides").take(rule)
    assert walk["worker"] is None
    assert walk.settle("shell decides", "shell performs")["job backup"].attempt == 0


def test_our_shell_does_not_delete_a_job_of_another_attempt() -> None:
    walk = _walk(OURS).settle("shell decides", "shell performs")
    walk.take("Job backup starts").take("pod backup dies").take("Job backup ends")
    walk.settle("shell decides", "shell performs").take("clock ticks").take("shell decides")
    while not walk.ways("shell performs", 0)[0][0].startswith("the shell: deletes"):
        walk.take("shell performs")
    walk.states[-1] = {**walk.state, ("job backup", 0): HeldJob(CREATED, attempt=7)}
    walk.take("shell performs", "gone already")
    assert not walk["job backup"].deleting
