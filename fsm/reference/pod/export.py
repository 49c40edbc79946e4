"""`export …`: a Dumpling export (operator-semantics 8.3)."""

from __future__ import annotations

from fsm.model import BackupSpec, Phase
from fsm.reference.calls import Perform
from fsm.reference.pod.arguments import Arguments
from fsm.reference.pod.steps import (
    Metadata,
    caught,
    done,
    found_or_panic,
    raise_gc_life_time,
    reported,
    restore_gc_life_time,
    result_of,
)
from fsm.reference.program import Handle, Program, ReasonedError, now
from fsm.reference.updater import condition_of, try_update_status, update_status
from fsm.rules import Update


def export(arguments: Arguments) -> Program[None]:
    """There is no restart here: what was dumped before stays."""
    handle = yield from found_or_panic(arguments.key)
    yield from reported(handle, _supported(handle.backup.spec))
    yield from reported(handle, done("connect", "ConnectTidbFailed"))
    handle = Handle(handle.backup)
    started = yield from now()
    yield from update_status(handle, condition_of(Phase.PREPARE))
    previous = yield from reported(handle, raise_gc_life_time(handle.backup.spec))
    path: str = yield Perform("export path")
    yield from update_status(handle, condition_of(Phase.RUNNING), Update(backup_path=path))
    yield from _dump(handle, previous)
    metadata = yield from reported(handle, _uploaded())
    completed = yield from now()
    yield from update_status(handle, condition_of(Phase.COMPLETE), result_of(started, completed, metadata))


def _supported(spec: BackupSpec) -> Program[None]:
    if spec.s3 is None and spec.gcs is None:
        raise ReasonedError("UnsupportedStorageType", "unsupported storage type")
    yield from ()


def _dump(handle: Handle, previous: str) -> Program[None]:
    failure = yield from caught(done("dump", "DumpTidbClusterFailed"))
    yield from restore_gc_life_time(handle, previous)
    if isinstance(failure, ReasonedError):
        yield from try_update_status(handle, condition_of(Phase.FAILED, failure.reason, failure.message))
        raise failure


def _uploaded() -> Program[Metadata]:
    version: int = yield from done("commit TS", "GetCommitTsFailed")
    yield from done("archive", "ArchiveBackupDataFailed")
    size: int = yield from done("archive size", "GetBackupSizeFailed")
    yield from done("upload", "BackupDataToRemoteFailed")
    return Metadata(end_version=version, size=size)
