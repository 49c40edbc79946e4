"""What the lives hold a companion to is noticed when it is broken: every mutant breaks the rule that is named here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import test_companion_decision as scenes
from companion_lives import CALM, PATIENT, Broken, Life, Mishaps

from fsm.adapter import PatchBackup, log_retry, request_of
from fsm.companion import case, decision, looking, mending
from fsm.environment import beside
from fsm.environment import server as api
from fsm.machines import DeleteJob
from fsm.model import Phase

SEEDS = range(40)
OBSTACLE = "another command's Job is at work"
UNDECIDED = Mishaps(edit=0.05, kill=0.08)
REPEATING = Mishaps(kill=0.0, lost_effect=0.4, repeat=0.8, companion_dies=0.0)


class Mutant(NamedTuple):
    """`place` is replaced by `change(original)`; a life of that kind then breaks `rule`, which it keeps otherwise."""

    name: str
    place: tuple[Any, str]
    change: Callable[[Any], Any]
    rule: str
    life: dict[str, Any]
    any_job: tuple[Any, str] | None = None
    """This takes any Job that is there for the one that is meant."""


def _always(answer: Any) -> Callable[[Any], Any]:
    return lambda original: lambda *arguments, **options: answer


def _hopes(original: Any) -> Any:
    """What could not be seen is taken for a wish that holds."""

    def look(*arguments: Any) -> Any:
        found = original(*arguments)
        return looking.HOLDS if found == looking.UNSEEN else found

    return look


def _in_two_writes(original: Any) -> Any:
    """First the records, then what the operator reads."""

    def decided(*arguments: Any) -> Any:
        found = original(*arguments)
        effects: list[Any] = []
        for each in found.effects:
            if isinstance(each, PatchBackup) and "status" in each.body and "annotations" in each.body["metadata"]:
                version = {"resourceVersion": each.resource_version}
                for body in ({"metadata": each.body["metadata"]}, {"metadata": version, "status": each.body["status"]}):
                    effects.append(PatchBackup(each.namespace, each.name, each.resource_version, body))
            else:
                effects.append(each)
        return found._replace(effects=tuple(effects))

    return decided


def _in_any_order(original: Any) -> Any:
    """The Job is deleted before its failure is on record."""

    def decided(*arguments: Any) -> Any:
        found = original(*arguments)
        return found._replace(effects=tuple(sorted(found.effects, key=lambda each: not isinstance(each, DeleteJob))))

    return decided


def _without_uid(original: Any) -> Any:
    """Whatever Job has the name by now."""

    def sent(self: Any, simulation: Any, effect: Any, sighting: Any) -> Any:
        if not isinstance(effect, DeleteJob):
            return original(self, simulation, effect, sighting)
        request: Any = request_of(effect, sighting)
        key = (request.namespace, request.name)
        return simulation.written(beside.COMPANION, api.job_deleted(simulation.server, key, simulation.now.seconds))

    return sent


def _whole_too(original: Any) -> Any:
    return lambda status, command: original(status, command).with_(phase=Phase.RETRY_FAILED)


def _any_job(job: Any, last: Any) -> bool:
    return job is not None and not job.gone


MUTANTS = (
    Mutant(
        "retries without looking",
        (case, "look_of"),
        _always(looking.MAY_BEGIN),
        "no retry without a look at the task",
        {},
    ),
    Mutant(
        "mends what it could not see",
        (case, "look_of"),
        _hopes,
        "nothing is mended because of a task that was not seen",
        {},
    ),
    Mutant(
        "looks at no uid",
        (log_retry, "_is_another"),
        _always(False),
        "one Job and one for each",
        {"mishaps": CALM, "policy": PATIENT},
        (log_retry, "_is_of"),
    ),
    Mutant(
        "takes the Job on record for another",
        (log_retry, "_is_another"),
        lambda original: _any_job,
        "reads back as",
        {},
    ),
    Mutant(
        "does not mind that another command is wished",
        (decision._Deciding, "_supersede"),
        _always(None),
        "another wish ends the retry of the old one",
        {"mishaps": UNDECIDED},
    ),
    Mutant(
        "writes twice instead of once",
        (beside, "decision_of"),
        _in_two_writes,
        "one patch, before everything else",
        {},
    ),
    Mutant("deletes first", (beside, "decision_of"), _in_any_order, "one patch, before everything else", {}),
    Mutant(
        "deletes whatever Job has the name",
        (beside.Companion, "_sent"),
        _without_uid,
        "only a Job whose failure is on record is deleted",
        {"mishaps": REPEATING, "copies": 2},
    ),
    Mutant(
        "writes the whole phase too",
        (mending, "handed_over"),
        _whole_too,
        "the whole phase is only written by a mend",
        {},
    ),
    Mutant(
        "resumes what was paused by hand",
        (looking, "_of_start"),
        _always(looking.MAY_BEGIN),
        "a pause by hand is not undone",
        {"mishaps": Mishaps(by_hand=0.05, kill=0.05)},
    ),
    Mutant(
        "never hands over",
        (mending, "handed_over"),
        lambda original: lambda status, command: status,
        "reads back as",
        {},
    ),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[each.name for each in MUTANTS])
def test_a_mutant_of_the_companion_breaks_the_rule_that_is_named(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name = mutant.place
    monkeypatch.setattr(owner, name, mutant.change(owner.__dict__[name]))
    if mutant.any_job is not None:
        monkeypatch.setattr(*mutant.any_job, _any_job)
    broken: list[str] = []
    for seed in SEEDS:
        try:
            life = Life(seed, **mutant.life).lived(400).settled()
            if mutant.life.get("mishaps") is CALM:
                life.counted()
        except Broken as error:
            broken.append(str(error))
            if mutant.rule in broken[-1]:
                return
    pytest.fail(f"no life of {SEEDS} broke “{mutant.rule}”, but: {broken}")


def test_a_retry_beside_another_command_is_noticed_by_its_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    """In lives it hardly ever comes to that."""
    monkeypatch.setattr(case.Case, "other_at_work", lambda self: None)
    with pytest.raises(AssertionError, match="Outcome"):
        scenes.test_an_obstacle_holds_the_retry_with_its_reason(*scenes.OBSTACLES[OBSTACLE], scenes.AFTER)
