"""What a machine asks the shell to do. Values; performing them is somebody else's work.

The write of the Backup itself is not listed on edges: whenever a state changes, its status is written (`PatchBackup`).
"""

from __future__ import annotations

from fsm.kernel import Value


class CreateJob(Value, frozen=True):
    """Create the Job of an attempt (0-based); `command` is the log subcommand, "" for a snapshot."""

    attempt: int
    command: str = ""


class DeleteJob(Value, frozen=True):
    """Delete the Job with this uid in the foreground, with the uid as precondition; "" where the uid is not known."""

    uid: str


class RequeueAt(Value, frozen=True):
    """Come back at this time (Unix seconds), whatever else happens."""

    at: int
