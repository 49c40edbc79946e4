"""What happens to a machine. A value; it carries its own time, because nothing in here may read a clock."""

from __future__ import annotations

from fsm.kernel.value import Value


class Event(Value, frozen=True):
    """One thing that happened.

    `at` is in whole Unix seconds. `subject` names what the event is about where a machine runs several things at once,
    `uid` is the object that tells it, `reason` is its one-word reason and `message` its sentence.
    """

    name: str
    at: int
    subject: str = ""
    uid: str = ""
    reason: str = ""
    message: str = ""
