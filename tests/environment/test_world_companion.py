"""The companion beside the operator: off it changes nothing, on it keeps its claims, and its mutants do not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from fsm.adapter import Observation, PatchBackup, SeenJob, retries_of
from fsm.adapter.patches import patched
from fsm.check import check
from fsm.companion import case, effects_of, events, looking, mending
from fsm.environment import BESIDE, CATALOGUE, OPERATOR, Claim, Wish, world_of
from fsm.environment.beside import Companion, with_task
from fsm.environment.simulation import Simulation, Task, simulation_of
from fsm.environment.world import beside, held, slots
from fsm.kernel import Property
from fsm.machines import DeleteJob, RequeueAt
from fsm.machines.log import ERROR_PAUSE, TASK_NOT_FOUND
from fsm.machines.log_retry import LogPolicy
from fsm.model import POLICY_ANNOTATION, Backup, Phase, seconds_of
from fsm.reference import TidbCluster

OF_THE_COMPANION = tuple(claim for claim in CATALOGUE if set(claim.known) == {BESIDE})
SEEDS = range(40)


def verdicts(claims: tuple[Claim, ...], budgets: Mapping[str, int], policy: str) -> dict[str, str]:
    world = world_of(BESIDE, "log", budgets, wish=Wish(policy=policy))
    formulas: list[Property] = [claim.formula for claim in claims]
    return {found.property.id: str(found.verdict) for found in check(world, formulas).findings}


# ------------------------------------------------------------------ off


OFF = [
    pytest.param({"kill": 1, "edit": 1}, id="a death and an edit"),
    pytest.param({"faults": 1, "program": 1, "crash": 1, "slow": 1, "lag": 1, "api": 1}, id="any fault"),
    pytest.param({"faults": 2, "task_error": 1, "task": 1, "pd": 1}, id="the task"),
    pytest.param({"kill": 1, "delete": 1}, id="deletion"),
]


@pytest.mark.parametrize("policy", ["", "off"])
@pytest.mark.parametrize("budgets", OFF)
def test_with_its_policy_off_the_companion_changes_nothing_that_can_be_reached(
    budgets: dict[str, int], policy: str
) -> None:
    """The same states and the same transitions: it has not a single move."""
    alone = check(world_of(OPERATOR, "log", budgets, wish=Wish(policy=policy)), [])
    both = check(world_of(BESIDE, "log", budgets, wish=Wish(policy=policy)), [])
    assert (both.states, both.transitions, both.depth) == (alone.states, alone.transitions, alone.depth)
    assert {"companion acts", "companion is slow", "companion goes on"} <= set(both.silent_rules)


# ------------------------------------------------------------------ on, with more than its claims ask for


RAISED = [
    pytest.param({"faults": 2, "kill": 2, "crash": 2, "slow": 1, "api": 1}, "once", id="two faults of its own"),
    pytest.param({"faults": 2, "kill": 1, "node": 1, "pending": 1, "job_deletion": 1}, "once", id="two of a Job's"),
    pytest.param({"faults": 2, "program": 2, "write": 1, "pd": 1, "kill": 1}, "twice", id="two of a program's"),
    pytest.param({"faults": 2, "kill": 2, "slow": 2, "pending": 1}, "brief", id="slow twice, with a timeout"),
    pytest.param({"faults": 1, "kill": 2, "slow": 1, "edit": 1}, "once", id="an edit"),
    pytest.param({"faults": 2, "task_error": 1, "task": 1, "kill": 1, "pd": 1}, "resume", id="error pauses"),
    pytest.param({"faults": 1, "kill": 3, "program": 1}, "fail", id="the end of its retries"),
    pytest.param({"faults": 1, "kill": 1, "crash": 1, "delete": 1}, "once", id="deletion"),
    pytest.param({"edit": 1, "truncate": 1, "kill": 2}, "truncate", id="truncation"),
    pytest.param({"faults": 2, "lag": 2, "kill": 1, "api": 1}, "once", id="caches that lag"),
    pytest.param({"faults": 1, "kill": 2, "cluster": 1, "crash": 1}, "once", id="no TidbCluster"),
]


@pytest.mark.exhaustive
@pytest.mark.parametrize(("budgets", "policy"), RAISED)
def test_the_claims_about_the_companion_hold_with_more_faults_than_they_ask_for(
    budgets: dict[str, int], policy: str
) -> None:
    """Where nothing of a claim happens it is vacuous."""
    found = verdicts(OF_THE_COMPANION, budgets, policy)
    assert set(found.values()) <= {"holds", "vacuous"}, found


# ------------------------------------------------------------------ mutants


class Mutant(NamedTuple):
    """`place` is replaced by `change(original)`; then `claim` is violated, under these budgets or its own."""

    name: str
    place: tuple[Any, str]
    change: Callable[[Any], Any]
    claim: str
    policy: str = "once"
    budgets: Mapping[str, int] | None = None


def _always(answer: Any) -> Callable[[Any], Any]:
    return lambda original: lambda *arguments, **options: answer


def _in_two_writes(original: Any) -> Any:
    """First the records, then what the operator reads."""

    def effects(observation: Observation, policy: Any, now: int) -> tuple[Any, ...]:
        found: list[Any] = []
        for effect in original(observation, policy, now):
            if isinstance(effect, PatchBackup) and "status" in effect.body and "annotations" in effect.body["metadata"]:
                version = {"resourceVersion": effect.resource_version}
                first = {"metadata": effect.body["metadata"]}
                found += [_with(effect, first), _with(effect, {"metadata": version, "status": effect.body["status"]})]
            else:
                found.append(effect)
        return tuple(found)

    return effects


def _with(effect: PatchBackup, body: dict[str, Any]) -> PatchBackup:
    return PatchBackup(effect.namespace, effect.name, effect.resource_version, body)


def _whatever_uid(original: Any) -> Any:
    """The Job of that name is deleted, whichever it is."""

    def performed(effect: Any, sighting: Any, view: Any) -> Any:
        if isinstance(effect, DeleteJob):
            slot = effect.uid.rpartition("-")[0]
            job = view[beside.job_part(slot)]
            effect = effect if job is None else DeleteJob(f"{slot}-{job.attempt}")
        return original(effect, sighting, view)

    return performed


def _whole_too(original: Any) -> Any:
    def handed_over(status: Any, command: str) -> Any:
        return original(status, command).with_(phase=Phase.RETRY_FAILED)

    return handed_over


def _hopes(original: Any) -> Any:
    """What could not be seen is taken for a wish that holds."""

    def look(*arguments: Any) -> Any:
        found = original(*arguments)
        return looking.HOLDS if found == looking.UNSEEN else found

    return look


def _one_more(original: Any) -> Any:
    return property(lambda self: original.fget(self) + 1 if self.limits is not None else 0)


MUTANTS = (
    Mutant("retries without looking", (case, "look_of"), _always(looking.MAY_BEGIN), "look-before-retry"),
    Mutant("takes what it cannot see for done", (case, "look_of"), _hopes, "mend-is-true"),
    Mutant("writes twice instead of once", (beside, "effects_of"), _in_two_writes, "retry-is-one-write"),
    Mutant("deletes whatever Job has the name", (beside, "_performed"), _whatever_uid, "only-dead-jobs-go"),
    Mutant(
        "lets a late word fail a Job at work",
        (case.Case, "unfinished"),
        lambda original: property(lambda self: None),
        "failure-counts-once",
        budgets={"faults": 1, "node": 1, "kill": 1, "program": 1},
    ),
    Mutant(
        "retries beside another subcommand",
        (case.Case, "other_at_work"),
        _always(None),
        "retry-of-the-wish",
    ),
    Mutant("counts one retry too few", (LogPolicy, "max_times"), _one_more, "log-retries-are-bounded"),
    Mutant("writes the whole phase too", (mending, "handed_over"), _whole_too, "whole-is-left-alone"),
    Mutant("does not notice a Job that will not go", (events, "_of_retry"), _always(None), "handover-is-taken"),
    Mutant(
        "never hands over",
        (mending, "handed_over"),
        lambda original: lambda status, command: status,
        "failure-is-answered",
    ),
    Mutant(
        "looks at no Job that takes too long",
        (case.Case, "is_overdue"),
        lambda original: property(lambda self: False),
        "commands-have-a-limit",
    ),
    Mutant(
        "resumes what was paused by hand",
        (looking, "_of_start"),
        _always(looking.MAY_BEGIN),
        "manual-pause-stays",
        policy="resume",
    ),
)


def _marked(mutant: Mutant) -> Any:
    """A mutant that needs a large world is for the exhaustive run."""
    large = mutant.claim == "retry-of-the-wish"
    return pytest.param(mutant, id=mutant.name, marks=[pytest.mark.exhaustive] * large)


@pytest.fixture
def unremembered() -> Iterator[None]:
    """No decision that is remembered is believed of a mutant."""
    beside.decided.cache_clear()
    yield
    beside.decided.cache_clear()


@pytest.mark.parametrize("mutant", [_marked(each) for each in MUTANTS])
def test_a_mutant_of_the_companion_is_caught_by_its_claim(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch, unremembered: None
) -> None:
    claim = next(each for each in CATALOGUE if each.id == mutant.claim)
    budgets = mutant.budgets or claim.budgets
    if mutant.budgets is not None:
        assert verdicts((claim,), budgets, mutant.policy) == {claim.id: "holds"}
        beside.decided.cache_clear()
    owner, name = mutant.place
    monkeypatch.setattr(owner, name, mutant.change(owner.__dict__[name]))
    assert verdicts((claim,), budgets, mutant.policy) == {claim.id: "violated"}


# ------------------------------------------------------------------ forgetting


CLUSTER = TidbCluster("ns", "basic", tikv_image="pingcap/tikv:v8.5.0")


def lived(seed: int) -> Iterator[tuple[Observation, Task, int]]:
    """What a companion sees in a random life, each time it looks."""
    rng = random.Random(seed)
    data = held.backup_of(held.Held("log", wish=Wish(policy=rng.choice(["once", "twice", "resume", "fail"])))).to_json()
    backup = Backup.from_json({**data, "status": {}})
    simulation = simulation_of(backup, lambda what: rng.random() < 0.02, lambda item, author: None, CLUSTER)
    companion = Companion()
    for _ in range(600):
        if rng.random() < 0.2 and simulation.server.backup is not None:
            companion.look(simulation)
            assert companion.sighting is not None
            yield companion.sighting, simulation.task, simulation.now.seconds
            while companion.effects:
                companion.perform(simulation)
        elif rng.random() < 0.15:
            simulation.wait(rng.choice([1, 30, 91, 200]))
        elif rng.random() < 0.02:
            simulation.edit(logSubcommand=rng.choice(["log-start", "log-pause", "log-stop"]))
        elif rng.random() < 0.02 and simulation.task.exists:
            simulation.task = Task(True, rng.choice([None, "", "error"]))
        else:
            _move(simulation, rng)


def _move(simulation: Simulation, rng: random.Random) -> None:
    moves = simulation.moves()
    actors = sorted(actor for actor in moves if actor not in {"fault", "partition"} or rng.random() < 0.05)
    if actors:
        simulation.make(rng.choice(moves[rng.choice(actors)]))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_world_holds_is_all_that_a_decision_depends_on(seed: int) -> None:
    """The decision about what is held leads to what is held of the decision about what was seen."""
    compared = 0
    for seen, task, now in lived(seed):
        if not _is_between_seconds(seen, now):
            continue
        compared += 1
        jobs = dict(map(_held_job(now), seen.jobs))
        sighting = beside.Sighting(
            held.held_of(seen.backup, now)._replace(current=True),
            tuple(beside.InSlot(slot, jobs.get(slot)) for slot in beside._SLOTS),
            task,
        )
        concrete = effects_of(with_task(seen, task), None, now)
        assert _consequences(seen.backup, concrete, now) == _consequences(
            held.backup_of(sighting.backup), beside.decided(sighting), held.NOW
        ), f"seed {seed}"
    assert compared > 10, f"seed {seed}"


def _is_between_seconds(seen: Observation, now: int) -> bool:
    """The world knows minutes: what is due or late within a second, has just begun to go, or was just told is not
    compared."""
    last = retries_of(seen).status.last
    due = last is not None and last.expected_retry_at is not None and seconds_of(last.expected_retry_at) == now
    ages = [now - seconds_of(each.job.metadata.deletion_timestamp or "") for each in seen.jobs if _is_going(each)]
    status = seen.backup.status
    subs = (each for sub in status.log_sub_command_statuses.values() for each in sub.conditions)
    told = (each for each in (*status.conditions, *subs) if each.reason in {ERROR_PAUSE, TASK_NOT_FOUND})
    ages += [now - seconds_of(each.last_transition_time or "") - 1 for each in told]
    return not due and all(age >= events.PATIENCE for age in ages)


def _is_going(seen: SeenJob) -> bool:
    return seen.job.metadata.deletion_timestamp is not None


def _held_job(now: int) -> Callable[[SeenJob], tuple[str, slots.HeldJob]]:
    def held_job(seen: SeenJob) -> tuple[str, slots.HeldJob]:
        slot, job = slots.held_job(seen.job)
        late = now - seen.created_at > 90
        stage = slots.FAILED if seen.failed else slots.COMPLETE if seen.succeeded else ""
        stage = stage or (slots.UNSCHEDULABLE if late else slots.ACTIVE)
        return slot, job._replace(stage=stage, deleting=_is_going(seen), attempt=int(seen.uid.rpartition("-")[2]))

    return held_job


def _consequences(backup: Backup, effects: tuple[Any, ...], now: int) -> tuple[Any, ...]:
    """What is held of the Backup after the patch, and the number of the Job that is deleted.

    A phase that is set without a condition meets an old condition of its type, or none: no decision looks at that.
    """
    deleted = [int(each.uid.rpartition("-")[2]) for each in effects if isinstance(each, DeleteJob)]
    patches = [each for each in effects if isinstance(each, PatchBackup)]
    assert len(patches) + len(deleted) == len([each for each in effects if not isinstance(each, RequeueAt)])
    if not patches:
        return None, deleted
    (patch,) = patches
    after = Backup.from_json(patched(backup.to_json(), patch.body))
    assert POLICY_ANNOTATION in (after.metadata.annotations or {})
    found = held.held_of(after, now)
    return found._replace(current=True, subs=tuple(each._replace(conditions=()) for each in found.subs)), deleted
