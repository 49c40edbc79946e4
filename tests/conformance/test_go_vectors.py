"""The operator's own Go code has the last word: every vector that it printed conforms, and each can be failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest

import fsm.reference.clean
import fsm.reference.handler
import fsm.reference.log
import fsm.reference.make_job
import fsm.reference.pod.backup
import fsm.reference.retry
import fsm.reference.secrets
import fsm.reference.sync
import fsm.reference.tracked
import fsm.reference.tracker
import fsm.reference.updater
import fsm.reference.validate
import fsm.reference.volume
import fsm.rules.command
import fsm.rules.predicates
import fsm.rules.status
from fsm.reference.program import GoError
from tests.conformance.go_vectors import FILES, lines, mismatched, unreached


def kind_of(file: Any) -> str:
    return file.name.partition(".")[0]


@pytest.mark.parametrize("file", FILES, ids=kind_of)
def test_every_vector_of_the_go_program_conforms(file):
    assert [(each.vector.id, each.mismatches) for each in mismatched(file)] == []


def test_there_are_a_few_thousand_of_every_kind():
    counted = {kind_of(file): len(lines(file)) for file in FILES}
    assert counted.keys() == {"deletion", "handover", "log", "pod", "rules", "snapshot", "tick", "volume"}
    assert sum(counted.values()) > 3000


def test_every_vector_says_that_the_go_program_printed_it_and_how_to_print_it_again():
    for file in FILES:
        sources = {json.dumps(json.loads(line)["source"], sort_keys=True) for line in lines(file)}
        (source,) = map(json.loads, sources)
        assert (source["module"], source["version"]) == ("github.com/pingcap/tidb-operator", "v1.6.6")
        assert source["seed"] > 0


# ------------------------------------------------------------------ mutants


def never(*_: Any) -> bool:
    return False


def always(*_: Any) -> bool:
    return True


def nothing(*_: Any, **__: Any) -> Any:
    """A program that does nothing."""
    yield from ()


def without_retries(handle: Any, condition: Any, update: Any = None) -> Any:
    yield from fsm.reference.updater._attempt(handle, condition, update)


def private_copy(original: Callable[..., Any]) -> Callable[..., Any]:
    """H on a copy of the cached object: what the operator should do."""

    def handle(delivered: Any, address: int | None = None) -> Any:
        return original(delivered, None)

    return handle


def not_strict(original: Callable[..., bool]) -> Callable[..., bool]:
    def due(records: Any, now: int) -> bool:
        return original(records, now + 1)

    return due


def retried_delete(backup: Any) -> Any:
    """The deletion of the failed Job whose error is not swallowed."""
    yield fsm.reference.retry.DeleteJob((backup.metadata.namespace, fsm.reference.retry.job_name(backup)))


def forgiving(handle: Any, *arguments: Any) -> Any:
    """Errors that the operator raises are dropped."""
    try:
        yield from fsm.reference.updater.update_status(handle, *arguments)
    except GoError:
        return


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "the updater tries once": (fsm.reference.handler, "update_status", without_retries),
    "H works on a copy": (fsm.reference.invocation, "handle_backup", private_copy(fsm.reference.handler.handle_backup)),
    "a retry is due in its very second": (fsm.reference.retry, "is_due", not_strict(fsm.reference.retry.is_due)),
    "the backoff is two seconds longer": (fsm.reference.retry, "backoff", lambda m, n: (m << (n - 1)) + 2 * 10**9),
    "an exceeded count is not looked at": (fsm.reference.retry, "is_exceeded", never),
    "a timeout is not looked at": (fsm.reference.retry, "is_timed_out", never),
    "a retry is always done": (fsm.reference.retry, "is_current_retry_done", always),
    "a failed delete ends the retry": (fsm.reference.retry, "_delete_old_job", retried_delete),
    "a recorded failure is detected again": (fsm.reference.handler, "is_failure_recorded", never),
    "a job that is unfinished counts as finished": (fsm.reference.sync, "is_finished", always),
    "no finalizer is added": (fsm.reference.sync, "needs_finalizer_added", never),
    "no finalizer is removed": (fsm.reference.sync, "needs_finalizer_removed", never),
    "nothing is validated": (fsm.reference.validate, "validate_spec", lambda *_: None),
    "a failed Scheduled is forgiven": (fsm.reference.sync, "update_status", forgiving),
    "a log command never waits for the start": (fsm.reference.sync, "is_requeued", never),
    "a truncation is never covered": (fsm.reference.log, "is_already_truncated", never),
    "every command is in sync": (fsm.reference.log, "is_synced", always),
    "tikv is never asked": (fsm.reference.log, "sync_with_kernel", nothing),
    "a cached state is never fresh": (fsm.reference.log, "_state", None),
    "no log backup is registered": (fsm.reference.make_job, "track", nothing),
    "secrets are not looked at": (fsm.reference.make_job, "check_storage", nothing),
    "the log backup is not stopped": (fsm.reference.clean, "stop_log_backup", nothing),
    "the data are not cleaned": (fsm.reference.clean, "clean_data", nothing),
    "the stop job is waited for": (fsm.reference.clean, "is_log_stopped", always),
    "gc is not resumed": (fsm.reference.volume, "_resume_gc", nothing),
    "the init job may end": (fsm.reference.volume, "has_ended", never),
    "snapshots are never seen": (fsm.reference.volume, "is_volume_snapshots_created", always),
    "the storage is known": (fsm.reference.volume, "storage_type", lambda _: "s3"),
    "a program never knows a restart": (fsm.reference.pod.backup, "is_restart", never),
    "br always goes on where it was": (fsm.reference.pod.backup, "continues_by_checkpoint", always),
    "a step that fails is not reported": (fsm.reference.pod.backup, "reported", lambda _, step, *__: step),
    "a deleted backup is written like another": (fsm.rules.status, "_is_deleted", never),
    "pause and resume reopen nothing": (fsm.rules.status, "_reopened", lambda subs, _: subs),
    "a truncate is never wished": (fsm.rules.command, "_truncate_wished", never),
    "an equal condition is no change": (
        fsm.rules.status,
        "update_condition",
        lambda status, condition, now: (
            (status, False)
            if condition is None or status.condition(condition.type)
            else ORIGINAL_UPDATE(status, condition, now)
        ),
    ),
}
ORIGINAL_UPDATE = fsm.rules.status.update_condition


def never_fresh(handle: Any, entry: Any) -> Any:
    query = yield from fsm.reference.tracker.queried(handle, replace(entry))
    return query.state


LIKELY = {
    "clean": "deletion",
    "command": "log",
    "log": "log",
    "make_job": "log",
    "pod": "pod",
    "secrets": "log",
    "status": "log",
    "validate": "rules",
    "volume": "volume",
}
"""Where a mutant of a module is looked for first."""


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_of_the_operator_is_found_by_a_vector(mutant, monkeypatch):
    module, name, replacement = MUTANTS[mutant]
    monkeypatch.setattr(module, name, never_fresh if replacement is None else replacement)
    likely = LIKELY.get(module.__name__.split(".")[2], "snapshot")
    files = sorted(FILES, key=lambda file: kind_of(file) != likely)
    assert next(chain.from_iterable(map(mismatched, files)), None) is not None


# ------------------------------------------------------------------ coverage

LISTER = "a lister that fails with anything but not found: the operator's own never does"
VALUE = "an invocation as a value: vectors are run to their end"
ENVIRONMENT = "what the environment does with the operator's cache and queue between two invocations"
CALLER = "a wrong call by a Python program"
READER = "asked by the charts or by readers of Jobs, not by the operator"
SQL = "TiDB over SQL, which the Go program would have to reach"
CLOUD = "volumes and storages of a cloud"
TICKED = "a tick in the middle of a sync: vectors run one invocation after the other"
EARLIER = "a step before it lets nothing come here"

UNREACHED: dict[str, str] = {
    "fsm.reference.cache.": ENVIRONMENT,
    "fsm.reference.queue.": ENVIRONMENT,
    "fsm.reference.invocation.": VALUE,
    "fsm.reference.operator.Operator._read": CALLER,
    "fsm.reference.claim.ensure_claim": LISTER,
    "fsm.reference.clean._is_there": LISTER,
    "fsm.reference.clean._is_stop_finished": LISTER,
    "fsm.reference.handler._after_failed": LISTER,
    "fsm.reference.handler._at_work": LISTER,
    "fsm.reference.handler.handle_job_deletion": LISTER,
    "fsm.reference.jobs.cached_job": LISTER,
    "fsm.reference.tracker.tick": f"{LISTER}; or a Backup that was never tracked, which has no ticker",
    "fsm.reference.tracker.kept": TICKED,
    "fsm.reference.tracker._refresh": "a difference that was seen before the tick: a minute passes between them",
    "fsm.reference.tracker._fetched_cluster": "the end of a loop that always returns or raises before",
    "fsm.reference.validate.cached_cluster": LISTER,
    "fsm.reference.validate.cluster_key": "the operator's process ends (S15)",
    "fsm.reference.volume.check_snapshots_created": CLOUD,
    "fsm.reference.volume.teardown": EARLIER,
    "fsm.reference.pod.arguments.": CALLER,
    "fsm.reference.pod.backup._perform": SQL,
    "fsm.reference.pod.backup._run": CLOUD,
    "fsm.reference.pod.backup._note_volume_size": CLOUD,
    "fsm.reference.pod.backup.storage_path": CLOUD,
    "fsm.reference.pod.export.": SQL,
    "fsm.reference.pod.log.note_operation": "what br says while it truncates, which no vector tells",
    "fsm.reference.pod.steps.raise_gc_life_time": SQL,
    "fsm.reference.pod.steps._parsed": SQL,
    "fsm.reference.pod.steps.restore_gc_life_time": SQL,
    "fsm.reference.pod.steps.result_of": CLOUD,
    "fsm.rules.backoff.": READER,
    "fsm.rules.jobs.": READER,
    "fsm.rules.status._raised": CALLER,
    "fsm.rules.status._record_index": CALLER,
}
"""By the beginning of a function's name, why no vector reaches a part of it."""


@pytest.mark.exhaustive
def test_the_vectors_reach_every_branch_of_rules_and_reference_that_the_go_program_can():
    found = unreached()
    assert {name: missing for name, missing in found.items() if not name.startswith(tuple(UNREACHED))} == {}
    assert [prefix for prefix in UNREACHED if not any(name.startswith(prefix) for name in found)] == []
