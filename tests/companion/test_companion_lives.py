"""Random lives with and without companions: every decision and every write keeps the rules, and all is settled at last.

A failure names its seed: `Life(seed, …).lived(moves).settled()` lives it again.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from companion_lives import CALM, CLUSTER, PATIENT, POLICY, Life, Mishaps, keep_the_rules
from companion_scenes import at, clock, current, notes, record

from fsm.environment.simulation import Task, simulation_of
from fsm.machines.log_retry import WAITING

ALL = {"commands": {each: {} for each in ("log-start", "log-stop", "log-pause", "log-resume")}}
NONE = Mishaps(kill=0, lose=0, call=0, operator_dies=0, companion_dies=0, lost_effect=0)
SHORT = {key: POLICY[key] for key in ("minRetryDuration", "maxRetryDuration", "retryTimeout", "attemptTimeout")}


def policy(**more: Any) -> str:
    return json.dumps(POLICY | more)


# ------------------------------------------------------------------ off

OFF = {
    "no policy": None,
    "no retries": policy(maxRetryTimes=0),
    "a policy that cannot be read": "maxRetryTimes: many",
    "no retries of any of these commands": policy(commands={"log-truncate": {"minRetryDuration": "10s"}}),
}


@pytest.mark.parametrize("text", OFF.values(), ids=OFF)
@pytest.mark.parametrize("copies", [1, 2])
def test_with_the_policy_off_the_operator_s_life_is_the_same_as_without_a_companion(
    text: str | None, copies: int
) -> None:
    written = 0
    for seed in range(4):
        alone = Life(seed, None, copies=0).lived(400)
        beside = Life(seed, text, copies=copies).lived(400)
        assert beside.writes == alone.writes, f"seed {seed}"
        assert not any(who.startswith("companion") for who, _ in beside.writes), f"seed {seed}"
        written += len(alone.writes)
    assert written > 40


# ------------------------------------------------------------------ on

KINDS: dict[str, dict[str, Any]] = {
    "of everything a little": {},
    "two copies": {"copies": 2},
    "calls that fail and operators that die": {"mishaps": Mishaps(call=0.05, operator_dies=0.02, kill=0.04)},
    "lost nodes": {"mishaps": Mishaps(lose=0.05, kill=0.0)},
    "a user who cannot decide": {"mishaps": Mishaps(edit=0.03, kill=0.04), "policy": policy(**ALL)},
    "truncations": {
        "mishaps": Mishaps(edit=0.03, kill=0.04),
        "policy": policy(commands={**ALL["commands"], "log-truncate": SHORT}),
        "commands": ("log-start", "log-pause", "log-truncate", "log-truncate"),
    },
    "a task handled by hand": {"mishaps": Mishaps(by_hand=0.03, kill=0.03)},
    "error pauses that are resumed": {
        "mishaps": Mishaps(by_hand=0.03, kill=0.03),
        "policy": policy(onErrorPause="Resume"),
    },
    "a policy that fails": {"mishaps": Mishaps(kill=0.08), "policy": policy(onExhausted="Fail"), "copies": 2},
    "companions that die and repeat themselves": {
        "mishaps": Mishaps(companion_dies=0.1, lost_effect=0.2, repeat=0.4, unseen=0.4, kill=0.04),
        "copies": 2,
    },
    "Jobs that are deleted by hand": {"mishaps": Mishaps(job_deleted=0.02, kill=0.03)},
    "a policy that changes": {"mishaps": Mishaps(policy_edit=0.02, by_hand=0.02, kill=0.04)},
    "short episodes": {"policy": policy(resetAfter="1s", maxRetryTimes=1), "mishaps": Mishaps(edit=0.02, kill=0.05)},
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_whatever_goes_wrong_the_rules_are_kept_and_in_the_end_all_is_settled(kind: Any) -> None:
    """Done, superseded, or held, exhausted or timed out with a reason."""
    keep_the_rules(range(6), lambda seed: Life(seed, **kind).lived(500).settled())


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_whatever_goes_wrong_the_rules_are_kept_in_many_lives(kind: Any) -> None:
    keep_the_rules(range(1000, 1050), lambda seed: Life(seed, **kind).lived(700).settled())


def test_a_retry_of_which_the_operator_knows_nothing_is_held_and_taken_up_once_it_starts_again() -> None:
    """After a stop it tracks the log backup no more; where the phase says that all is done each sync is an error."""
    handed_over = record(command="log-pause", realRetryAt=at(2))
    backup = current("log-pause", "RetryFailed", status={"phase": "Paused"}, notes=notes(handed_over))
    life = Life(1, mishaps=NONE)
    life.simulation = simulation_of(backup, life._fate, life._seen, replace(CLUSTER, namespace="tidb"), clock(2))
    life.simulation.threads.clear()  # the operator has been running since before the stop
    life.simulation.task = Task(True)
    life.settled()
    assert life.simulation.operator.tracked == {}
    assert (life.standing.reason, life.created["log-pause"]) == ("NotTakenUp", 0)
    life.simulation.crash()
    life.settled()
    assert life.simulation.server.backup is not None
    assert life.simulation.server.backup.status.log_sub_command_statuses["log-pause"].phase == "Complete"
    assert (life.simulation.task.paused_by, life.created["log-pause"]) == ("", 1)


# ------------------------------------------------------------------ how many Jobs


def counted(seed: int, copies: int, moves: int = 400) -> Life:
    return Life(seed, PATIENT, copies, CALM).lived(moves).settled().counted()


@pytest.mark.parametrize("copies", [1, 2])
def test_where_only_pods_and_companions_die_there_is_one_job_and_one_for_each_retry(copies: int) -> None:
    """Never more, however often effects are repeated, lost, cut off, or raced by a second copy."""
    lives = [counted(seed, copies) for seed in range(12)]
    assert sum(life.handed_over["log-start"] for life in lives) > 10
    assert max(life.created["log-start"] for life in lives) == 1 + POLICY["maxRetryTimes"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("copies", [1, 2])
def test_there_is_one_job_and_one_for_each_retry_in_many_lives(copies: int) -> None:
    for seed in range(1000, 1100):
        counted(seed, copies, 700)


EVENTS = {
    "attempt_overdue", "blocked", "completed", "failure_recorded", "job_vanished", "released", "task_found", "tick",
    "verified",
}  # fmt: skip
"""Without job_failed, which is rare: only the operator's late word makes of a success a Job without a result."""


def test_lives_are_no_empty_claims() -> None:
    """Every event of the companion's happens in some of them, and every state is visited that it alone leads to."""
    missing = EVENTS | set(WAITING)
    for seed in range(30):
        for kind in KINDS.values():
            if missing:
                life = Life(seed, **kind).lived(300)
                missing -= life.events.keys() | life.visited
    assert not missing
