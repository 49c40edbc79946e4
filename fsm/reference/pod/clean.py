"""`clean …`: the data of a Backup that is being deleted (operator-semantics 8.3)."""

from __future__ import annotations

from fsm.model import Phase
from fsm.reference.pod.arguments import Arguments
from fsm.reference.pod.steps import done, found, reported
from fsm.reference.program import GoError, Handle, Program
from fsm.reference.updater import condition_of, update_status


def clean(arguments: Arguments) -> Program[None]:
    """A Backup that is not there ends it without a write; one without a path is reported, and the exit code good."""
    handle = yield from found(arguments.key)
    if handle is None:
        raise GoError(f"no backup {'/'.join(arguments.key)}")
    handle = Handle(handle.backup)
    if not handle.backup.status.backup_path:
        message = f"the cluster {'/'.join(arguments.key)} backup path is empty"
        yield from update_status(handle, condition_of(Phase.FAILED, "BackupPathIsEmpty", message))
        return
    yield from reported(handle, done("clean data", "CleanBackupDataFailed"), Phase.CLEAN_FAILED)
    yield from update_status(handle, condition_of(Phase.CLEAN))
