"""The catalogue notices changes of the operator and of our decision: what is mended holds, what is broken does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from fsm.check import check
from fsm.environment import CATALOGUE, OPERATOR, OURS, world_of
from fsm.environment.world import ours, stepping
from fsm.machines import DeleteJob
from fsm.reference.calls import CachedJob
from fsm.reference.calls import DeleteJob as DeleteCall
from fsm.reference.program import Handle, PanicError
from fsm.rules import job_name, updated


class Mutant(NamedTuple):
    """`place` is replaced by `change(original)`; `claim` then has the verdict `found`, which it has not otherwise."""

    name: str
    world: str
    place: str
    change: Callable[[Any], Any]
    claim: str
    found: str


def _always(answer: Any) -> Callable[[Any], Any]:
    return lambda original: lambda *arguments, **options: answer


def _deletes_or_fails(original: Any) -> Any:
    """The error of a deletion is told, so that the retry is not said to have begun."""

    def delete(backup: Any) -> Iterator[Any]:
        key = (backup.metadata.namespace, job_name(backup))
        if (yield CachedJob(key)) is not None:
            yield DeleteCall(key)

    return delete


def _edits_a_copy(original: Any) -> Any:
    """The informer's object is left alone."""

    def assign(self: Handle, backup: Any) -> Iterator[Any]:
        self.backup = backup
        yield from ()

    return assign


def _panics(original: Any) -> Any:
    def retry(handle: Any) -> Iterator[Any]:
        raise PanicError("index out of range [-1]")
        yield

    return retry


def _sees_nothing(original: Any) -> Any:
    def detect(handle: Any) -> Iterator[Any]:
        yield from ()
        return None

    return detect


def _forgets_records(original: Any) -> Any:
    """The whole status is written from an older one: records are lost with the next condition."""

    def forgetful(backup: Any, condition: Any, update: Any, now: int) -> Any:
        after, changed = updated(backup, condition, update, now)
        if condition is None or not after.status.backoff_retry_status:
            return after, changed
        return after.with_(status=after.status.with_(backoff_retry_status=())), True

    return forgetful


def _waits_for_nobody(original: Any) -> Any:
    """Conflicts are not looked for: the object that was sent becomes the latest one."""

    def update(server: Any, backup: Any) -> Any:
        version = server.backup.metadata.resource_version
        return original(server, backup.with_(metadata=backup.metadata.with_(resource_version=version)))

    return update


def _keeps_old_jobs(original: Any) -> Any:
    return lambda *arguments: tuple(each for each in original(*arguments) if not isinstance(each, DeleteJob))


def _due_at_once(original: Any) -> Any:
    """Every retry is planned for now."""

    def effects(observation: Any, policy: Any, now: int) -> Any:
        return original(observation, policy, now + 3600)

    return effects


def _patches_blindly(original: Any) -> Any:
    """The version that was looked at is no precondition."""

    def patch(effect: Any, shell: Any, view: Any) -> Any:
        return original(effect, shell._replace(backup=shell.backup._replace(current=True)), view)

    return patch


MUTANTS = (
    Mutant("S1 mended", OPERATOR, "fsm.reference.retry._delete_old_job", _deletes_or_fails, "delete-is-repeated",
           "vacuous"),
    Mutant("S4 mended", OPERATOR, "fsm.reference.program.Handle.assign", _edits_a_copy, "no-lost-write", "vacuous"),
    Mutant("no limit of retries", OPERATOR, "fsm.reference.retry.is_exceeded", _always(False), "retries-are-bounded",
           "violated"),
    Mutant("no failure is seen", OPERATOR, "fsm.reference.handler.detect_failure", _sees_nothing, "it-ends",
           "violated"),
    Mutant("a handler that raises", OPERATOR, "fsm.reference.handler.retry_snapshot", _panics, "no-panic", "violated"),
    Mutant("records are lost", OPERATOR, "fsm.reference.updater.updated", _forgets_records, "records-only-grow",
           "violated"),
    Mutant("no retry is ever due", OPERATOR, "fsm.reference.retry._is_due", _always(False), "it-ends", "holds"),
    Mutant("a truncation is never covered", OPERATOR, "fsm.reference.log.is_already_truncated", _always(False),
           "truncation-settles", "holds"),
    Mutant("a stopped backup is not in sync", OPERATOR, "fsm.reference.log.is_synced", _always(False),
           "truncations-grow", "holds"),
    Mutant("vanished Jobs are not noticed", OURS, "fsm.adapter.decision._has_lost_its_job", _always(False),
           "vanished-job-is-noticed", "violated"),
    Mutant("failed Jobs are kept", OURS, "fsm.environment.world.ours.effects_of", _keeps_old_jobs, "delete-is-repeated",
           "violated"),
    Mutant("the clock is an hour ahead", OURS, "fsm.environment.world.ours.effects_of", _due_at_once,
           "no-retry-too-early", "violated"),
)  # fmt: skip
"""Two need a word. A retry that is never due ends by its timeout, so `it-ends` holds. A command that is never in sync
makes Job after Job, but truncates no less."""

EQUIVALENT = {"no retry is ever due", "a stopped backup is not in sync"}
"""Mutants that their claim does not tell from the original; the reason stands above."""


@pytest.fixture
def unremembered() -> Iterator[None]:
    """Nothing that is remembered of one program is believed of another one."""
    memories = (stepping._without_vain_readings, ours._effects)
    for memory in memories:
        memory.cache_clear()
    yield
    for memory in memories:
        memory.cache_clear()


def verdict(name: str, claim_id: str, budgets: dict[str, int] | None = None) -> str:
    claim = next(each for each in CATALOGUE if each.id == claim_id)
    world = world_of(name, claim.mode, budgets or claim.budgets, wish=claim.wish)
    return str(check(world, [claim.formula]).findings[0].verdict)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_noticed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch, unremembered: None) -> None:
    module, _, name = mutant.place.rpartition(".")
    monkeypatch.setattr(mutant.place, mutant.change(_resolved(module, name)))
    assert verdict(mutant.world, mutant.claim) == mutant.found


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_without_the_mutation_the_verdict_is_another_one(mutant: Mutant) -> None:
    claim = next(each for each in CATALOGUE if each.id == mutant.claim)
    assert (claim.known[mutant.world].verdict == mutant.found) == (mutant.name in EQUIVALENT)


def test_our_patch_is_safe_because_it_names_the_version_that_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, unremembered: None
) -> None:
    """An informer that lags makes a blind patch overwrite what the program in the pod has written."""
    budgets = {"faults": 1, "lag": 1, "kill": 1}
    assert verdict(OURS, "end-is-final", budgets) == "holds"
    monkeypatch.setitem(ours._PERFORM, ours.PatchBackup, _patches_blindly(ours._patch))
    assert verdict(OURS, "end-is-final", budgets) == "violated"


def _resolved(module: str, name: str) -> Any:
    from importlib import import_module

    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError:
        owner, _, attribute = module.rpartition(".")
        return getattr(getattr(import_module(owner), attribute), name)
