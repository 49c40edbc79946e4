"""The operator's own Go code has the last word: every vector that it printed conforms, and each can be failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import fsm.reference.clean
import fsm.reference.handler
import fsm.reference.log
import fsm.reference.make_job
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

EXHAUSTIVE_EVERY, DEFAULT_EVERY = 1, 4


def kind_of(file: Any) -> str:
    return file.name.partition(".")[0]


@pytest.mark.parametrize("file", FILES, ids=kind_of)
def test_every_vector_of_the_go_program_conforms(file):
    assert [(each.vector.id, each.mismatches) for each in mismatched(file)] == []


def test_there_are_a_few_thousand_of_every_kind():
    counted = {kind_of(file): len(lines(file)) for file in FILES}
    assert counted.keys() == {"deletion", "log", "rules", "snapshot", "tick", "volume"}
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


def off_by_one(original: Callable[..., int]) -> Callable[..., int]:
    return lambda *arguments: original(*arguments) + 1


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
    "the backoff is a nanosecond longer": (fsm.reference.retry, "backoff", lambda m, n: (m << (n - 1)) + 10**9),
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


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_of_the_operator_is_found_by_a_vector(mutant, monkeypatch):
    module, name, replacement = MUTANTS[mutant]
    monkeypatch.setattr(module, name, never_fresh if replacement is None else replacement)
    assert any(mismatched(file, DEFAULT_EVERY) for file in FILES)


# ------------------------------------------------------------------ coverage

LISTER = "a lister that fails with anything but not found: the operator's own never does"
POD = "the program in the pod runs br from an absolute path of its image, so the Go code cannot be driven"
VALUE = "the value of an invocation, which no judgement needs"
MODEL = "a queue or a cache of the environment, which a vector does not need"
CALLER = "a wrong call by a Python program"
NEVER = "validation or the handler lets nothing come here"
UNREACHED: dict[str, str] = {}


@pytest.mark.exhaustive
def test_the_vectors_reach_every_branch_that_the_go_program_can():
    found = unreached()
    unexplained = {name: missing for name, missing in found.items() if not _reason(name)}
    assert unexplained == {}
    assert {name for name in UNREACHED if not any(each.startswith(name) for each in found)} == set()


def _reason(name: str) -> str:
    return next((reason for prefix, reason in UNREACHED.items() if name.startswith(prefix)), "")
