"""The catalogue notices changes of the operator and of our decision: what is mended holds, what is broken does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest

from fsm.adapter import PatchBackup
from fsm.check import check
from fsm.environment import CATALOGUE, OPERATOR, OURS, server, world_of
from fsm.environment.world import ours, stepping
from fsm.kernel import Taken, steps
from fsm.machines import CreateJob, DeleteJob
from fsm.model import LogCommand, Phase
from fsm.reference.calls import CachedJob
from fsm.reference.calls import DeleteJob as DeleteCall
from fsm.reference.jobs import is_finished
from fsm.reference.program import GoError, Handle, IgnoreError, PanicError
from fsm.reference.updater import condition_of, update_status
from fsm.rules import FINALIZER, job_name, log_job_name, updated


class Mutant(NamedTuple):
    """`place` is replaced by `change(original)`; `claim` then has the verdict `found`, which it has not otherwise.

    `budgets`: instead of the claim's own, where under those it is violated anyhow.
    """

    name: str
    world: str
    place: str
    change: Callable[[Any], Any]
    claim: str
    found: str
    budgets: dict[str, int] | None = None


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


def _writes_blindly(original: Any) -> Any:
    """Conflicts are not looked for: the object that was sent becomes the latest one."""

    def update(server: Any, backup: Any) -> Any:
        if server.backup is None:
            return original(server, backup)
        version = server.backup.metadata.resource_version
        return original(server, backup.with_(metadata=backup.metadata.with_(resource_version=version)))

    return update


def _one_more(original: Any) -> Any:
    return lambda records, max_retry_times: original(records, max_retry_times + 1)


def _blames_nobody(original: Any) -> Any:
    """A task that is not found is an error of the sync, and nothing is written."""

    def not_found(handle: Handle) -> Iterator[Any]:
        raise GoError("log backup key not found")
        yield

    return not_found


def _one_after_the_other(original: Any) -> Any:
    """A subcommand waits for the Jobs of all others."""

    def wait(handle: Handle) -> Iterator[Any]:
        backup = handle.backup
        for command in LogCommand:
            name = log_job_name(backup.metadata.name, command)
            job = yield CachedJob((backup.metadata.namespace, name))
            if name != job_name(backup) and job is not None and not is_finished(job):
                raise IgnoreError(f"Job {name} is running")
        yield from original(handle)

    return wait


def _without_cleaning(original: Any) -> Any:
    return lambda backup: backup.metadata.deletion_timestamp is not None and FINALIZER in backup.metadata.finalizers


def _says_complete(original: Any) -> Any:
    """The program in the pod does not run br."""

    def run(handle: Handle, *arguments: Any) -> Iterator[Any]:
        yield from update_status(handle, condition_of(Phase.COMPLETE))

    return run


def _effects(change: Callable[[tuple[Any, ...]], Iterable[Any]]) -> Callable[[Any], Any]:
    """What is decided is changed."""
    return lambda original: lambda *arguments: tuple(change(original(*arguments)))


def _without(kind: type) -> Callable[[Any], Any]:
    return _effects(lambda effects: (each for each in effects if not isinstance(each, kind)))


def _of_first_attempt(effects: tuple[Any, ...]) -> Iterator[Any]:
    return (each._replace(attempt=0) if isinstance(each, CreateJob) else each for each in effects)


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
    Mutant("failed Jobs are kept", OURS, "fsm.environment.world.ours.effects_of", _without(DeleteJob),
           "delete-is-repeated", "violated"),
    Mutant("the clock is an hour ahead", OURS, "fsm.environment.world.ours.effects_of", _due_at_once,
           "no-retry-too-early", "violated", {"kill": 1}),
    Mutant("one retry too many", OPERATOR, "fsm.reference.retry.is_exceeded", _one_more, "retries-are-bounded",
           "violated"),
    Mutant("every retry is due", OPERATOR, "fsm.reference.retry._is_due", _always(True), "no-retry-too-early",
           "violated", {"kill": 1}),
    Mutant("no timeout ever passes", OPERATOR, "fsm.reference.retry.is_timed_out", _always(False), "it-ends", "holds"),
    Mutant("S10 mended", OPERATOR, "fsm.reference.log._not_found", _blames_nobody, "no-healthy-task-is-blamed",
           "holds"),
    Mutant("S23 mended", OPERATOR, "fsm.reference.sync._wait_for_earlier", _one_after_the_other, "one-subcommand",
           "holds"),
    Mutant("the finalizer goes at once", OPERATOR, "fsm.reference.sync.needs_finalizer_removed", _without_cleaning,
           "no-data-left", "violated"),
    Mutant("the task is not stopped", OPERATOR, "fsm.reference.clean.stop_log_backup", _sees_nothing,
           "deletion-completes", "violated", {"delete": 1}),
    Mutant("no br", OPERATOR, "fsm.reference.pod.backup._run", _says_complete, "complete-is-true", "violated"),
    Mutant("no br, ours", OURS, "fsm.reference.pod.backup._run", _says_complete, "complete-is-true", "violated"),
    Mutant("no Job is made", OURS, "fsm.environment.world.ours.effects_of", _without(CreateJob), "it-ends", "violated"),
    Mutant("nothing is written", OURS, "fsm.environment.world.ours.effects_of", _without(PatchBackup), "it-ends",
           "violated"),
    Mutant("every Job is of attempt 0", OURS, "fsm.environment.world.ours.effects_of", _effects(_of_first_attempt),
           "it-ends", "violated"),
    Mutant("deleted before it is said", OURS, "fsm.environment.world.ours.effects_of",
           _effects(lambda effects: effects[::-1]), "delete-is-repeated", "vacuous"),
)  # fmt: skip
"""Three need a word. A retry that is never due ends by its timeout, and one without a timeout by the number of retries,
so `it-ends` holds. A command that is never in sync makes Job after Job, but truncates no less."""

EQUIVALENT = {"no retry is ever due", "no timeout ever passes", "a stopped backup is not in sync"}
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
    world = world_of(name, claim.mode, budgets or claim.budgets, wish=claim.wish_in(name))
    return str(check(world, [claim.formula]).findings[0].verdict)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_noticed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch, unremembered: None) -> None:
    module, _, name = mutant.place.rpartition(".")
    monkeypatch.setattr(mutant.place, mutant.change(_resolved(module, name)))
    assert verdict(mutant.world, mutant.claim, mutant.budgets) == mutant.found


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_without_the_mutation_the_verdict_is_another_one(mutant: Mutant) -> None:
    claim = next(each for each in CATALOGUE if each.id == mutant.claim)
    known = claim.known[mutant.world].verdict
    if mutant.budgets is not None:
        known = verdict(mutant.world, mutant.claim, mutant.budgets)
    assert (known == mutant.found) == (mutant.name in EQUIVALENT)


def test_our_patch_is_safe_because_it_names_the_version_that_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, unremembered: None
) -> None:
    """An informer that lags makes a blind patch overwrite what the program in the pod has written."""
    budgets = {"faults": 1, "lag": 1, "kill": 1}
    assert verdict(OURS, "end-is-final", budgets) == "holds"
    monkeypatch.setitem(ours._PERFORM, PatchBackup, _patches_blindly(ours._patch))
    assert verdict(OURS, "end-is-final", budgets) == "violated"


def test_the_operator_does_not_lose_what_the_user_wrote_because_a_write_names_its_version(
    monkeypatch: pytest.MonkeyPatch, unremembered: None
) -> None:
    """No claim of the catalogue is about that: the operator breaks each of them in other ways, too."""
    world = partial(world_of, OPERATOR, "snapshot", {"faults": 1, "lag": 1, "edit": 1})
    lost = steps("no-lost-edit", "a timeout that the user wrote stays", _keeps_the_timeout)
    assert str(check(world(), [lost]).findings[0].verdict) == "holds"
    monkeypatch.setattr(server, "updated", _writes_blindly(server.updated))
    assert str(check(world(), [lost]).findings[0].verdict) == "violated"


def _keeps_the_timeout(before: Any, taken: Taken, after: Any) -> bool:
    was, is_ = before["backup"], after["backup"]
    return was is None or is_ is None or was.wish.timeout != "soon" or is_.wish.timeout == "soon"


def _resolved(module: str, name: str) -> Any:
    from importlib import import_module

    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError:
        owner, _, attribute = module.rpartition(".")
        return getattr(getattr(import_module(owner), attribute), name)
