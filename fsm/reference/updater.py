"""The status updater, which operator and backup program share (operator-semantics 3.1)."""

from __future__ import annotations

from fsm.model import Condition, Phase
from fsm.reference.calls import UpdateBackup
from fsm.reference.program import GoError, Handle, Program, lister_backup, now
from fsm.rules import Update, updated

ATTEMPTS = 5
"""client-go's DefaultRetry; every error is retried, within about 40 ms."""


def update_status(handle: Handle, condition: Condition | None, update: Update | None = None) -> Program[None]:
    """Update(bk, cond, upd), 3.1: read the cache, edit the object at the pointer, write it; the last error is raised.

    Where the pointer is the cache's own, the edit of a write that failed is still there at the next attempt, which
    finds nothing to change and reports success (S4).
    """
    error: GoError | None = None
    for _ in range(ATTEMPTS):
        try:
            yield from _attempt(handle, condition, update)
        except GoError as failed:
            error = failed
        else:
            return
    assert error is not None
    raise error


def _attempt(handle: Handle, condition: Condition | None, update: Update | None) -> Program[None]:
    fresh = yield from lister_backup(handle.key)
    reading = yield from now()
    backup, changed = updated(fresh, condition, update, reading.seconds)
    yield from handle.assign(backup)
    if changed:
        yield UpdateBackup(backup)


def try_update_status(handle: Handle, condition: Condition | None, update: Update | None = None) -> Program[None]:
    """The same where the operator ignores the error ("err ignored")."""
    try:
        yield from update_status(handle, condition, update)
    except GoError:
        return


def condition_of(
    type_: Phase, reason: str = "", message: str = "", command: str = "", status: str = "True"
) -> Condition:
    """A condition as the operator makes them: the keys that are empty in Go are absent."""
    texts = {"reason": reason, "message": message, "command": command}
    given = {name: text for name, text in texts.items() if text}
    return Condition.from_json({"type": type_.value, "status": status, **given})
