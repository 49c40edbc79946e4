"""`backup …` of a snapshot or a volume snapshot (operator-semantics 8.1 and 8.3)."""

from __future__ import annotations

import posixpath
import re

from fsm.model import BackupSpec, Mode, Phase
from fsm.reference.calls import Perform
from fsm.reference.instant import Instant
from fsm.reference.pod.arguments import Arguments
from fsm.reference.pod.log import log_command
from fsm.reference.pod.steps import (
    caught,
    done,
    found_or_panic,
    raise_gc_life_time,
    readable,
    reported,
    restore_gc_life_time,
    result_of,
)
from fsm.reference.program import CallError, GoError, Handle, Program, ReasonedError, now
from fsm.reference.updater import condition_of, try_update_status, update_status
from fsm.rules import Update, is_restart

_CHECKPOINTS = (6, 5, 1)
_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")

_FAILED = {False: Phase.FAILED, True: Phase.VOLUME_BACKUP_FAILED}
_COMPLETE = {False: Phase.COMPLETE, True: Phase.VOLUME_BACKUP_COMPLETE}
"""By whether it is a volume snapshot, which has conditions of its own."""


def backup(arguments: Arguments) -> Program[None]:
    """To step 4, where the ways part. A restart is known by phase and marker, not by the Job (S20)."""
    handle = yield from found_or_panic(arguments.key)
    snapshot = handle.backup.mode == Mode.SNAPSHOT
    if snapshot and (handle.backup.status.phase != Phase.SCHEDULED or is_restart(handle.backup)):
        yield from update_status(handle, condition_of(Phase.RESTART))
    if handle.backup.spec.br is None:
        raise GoError("no br config")
    handle = Handle(handle.backup)
    if arguments.mode == Mode.LOG:
        yield from log_command(handle, arguments, storage_path(handle.backup.spec))
    elif arguments.mode == Mode.VOLUME and arguments.initialize:
        yield from _initialize(handle)
    else:
        yield from _connect(handle)
        yield from _perform(handle, arguments)


def _connect(handle: Handle) -> Program[None]:
    """Step 3."""
    if handle.backup.spec.from_ is not None:
        yield from reported(handle, done("connect", "ConnectTidbFailed"))


def _perform(handle: Handle, arguments: Arguments) -> Program[None]:
    """Steps 4 to 12."""
    started = yield from now()
    path = yield from reported(handle, _path(handle.backup.spec))
    yield from update_status(handle, condition_of(Phase.PREPARE), Update(backup_path=path))
    previous = ""
    if handle.backup.spec.from_ is not None:
        previous = yield from reported(handle, raise_gc_life_time(handle.backup.spec))
    yield from _clean_on_restart(handle, arguments)
    yield from update_status(handle, condition_of(Phase.RUNNING))
    volume = arguments.mode == Mode.VOLUME
    error = yield from caught(_run(handle, started, previous, volume))
    if volume:
        yield from _note_volume_size(handle)
    if error is not None:
        raise error


def _path(spec: BackupSpec) -> Program[str]:
    path = storage_path(spec)
    if path is None:
        raise ReasonedError("GetBackupRemotePathFailed", "storage unknown not supported yet")
    yield from ()
    return path


def _clean_on_restart(handle: Handle, arguments: Arguments) -> Program[None]:
    """Step 7: everything under the prefix is deleted where br cannot go on from its own checkpoint."""
    restarted = handle.backup.mode == Mode.SNAPSHOT and is_restart(handle.backup)
    if restarted and not continues_by_checkpoint(arguments.tikv_version):
        yield Perform("clean data")


def continues_by_checkpoint(tikv_version: str) -> bool:
    """br of this version resumes an interrupted backup; of a tag that is no version that is not known."""
    match = _VERSION.fullmatch(tikv_version)
    return match is not None and tuple(int(part or 0) for part in match.groups()) >= _CHECKPOINTS


def _run(handle: Handle, started: Instant, previous: str, volume: bool) -> Program[None]:
    """Steps 9 to 11: br, then the GC life time, whose error comes first; then the metadata, and Complete."""
    failure = yield from caught(done("br", "BackupDataToRemoteFailed"))
    yield from restore_gc_life_time(handle, previous)
    if isinstance(failure, ReasonedError):
        yield from try_update_status(handle, condition_of(_FAILED[volume], failure.reason, failure.message))
        raise failure
    metadata = None
    if not volume:
        metadata = yield from reported(handle, done("read metadata", "GetBackupMetadataFailed"))
    completed = yield from now()
    yield from update_status(handle, condition_of(_COMPLETE[volume]), result_of(started, completed, metadata))


def _note_volume_size(handle: Handle) -> Program[None]:
    """Step 12, of a backup that failed too; errors are logged."""
    try:
        full, incremental = yield Perform("volume size")
    except CallError:
        return
    completed = yield from now()
    update = Update(
        backup_size=full,
        backup_size_readable=readable(full),
        incremental_backup_size=incremental,
        incremental_backup_size_readable=readable(incremental),
        time_completed=completed.seconds,
        reading=completed,
    )
    yield from try_update_status(handle, None, update)


def _initialize(handle: Handle) -> Program[None]:
    """br holds GC and schedulers still until it is killed, and ends without a word where it ends well."""
    yield from update_status(handle, condition_of(Phase.RUNNING))
    yield from reported(handle, _hold(handle), Phase.VOLUME_BACKUP_INITIALIZE_FAILED)


def _hold(handle: Handle) -> Program[None]:
    yield from done("pause GC and schedulers", "InitializeVolumeBackupFailed")
    yield from try_update_status(handle, condition_of(Phase.VOLUME_BACKUP_INITIALIZED))
    yield from done("hold", "InitializeVolumeBackupFailed")


def storage_path(spec: BackupSpec) -> str | None:
    """`backupPath`: the storage that counts, and the prefix in it."""
    if spec.s3 is not None:
        return f"s3://{_joined(spec.s3.bucket, spec.s3.prefix)}"
    if spec.gcs is not None:
        return f"gcs://{_joined(spec.gcs.bucket, spec.gcs.prefix)}/"
    if spec.azblob is not None:
        return f"azure://{_joined(spec.azblob.container, spec.azblob.prefix)}/"
    if spec.local is not None:
        return f"local://{_joined(spec.local.volume_mount.mount_path, spec.local.prefix)}"
    return None


def _joined(*parts: str) -> str:
    """As Go's path.Join: empty parts are left out, the rest is cleaned."""
    joined = "/".join(part for part in parts if part)
    cleaned = posixpath.normpath(joined) if joined else ""
    return cleaned[1:] if cleaned.startswith("//") else cleaned
