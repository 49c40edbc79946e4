"""The log subcommands and the facts about each, one line a command (operator-semantics 2.4 to 2.6 and 3.4)."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from fsm.model.vocabulary import Phase

LOG_UNKNOWN = "log-unknown"
"""What the operator makes of a `spec.logSubcommand` that it does not know: a job name, never a command."""

_Facts = tuple[str, bool, bool, Phase | None]


def _command(text: str, *, asked: bool = False, needs_started: bool = False, settles: Phase | None = None) -> _Facts:
    return text, asked, needs_started, settles


class LogCommand(StrEnum):
    """A log subcommand.

    `asked`: may be written in `spec.logSubcommand`. `needs_started`: waits until the log backup has started.
    `settles`: the phase of the whole Backup that its Complete writes, and in which it needs not run again.
    """

    START = _command("log-start", asked=True)
    STOP = _command("log-stop", asked=True, needs_started=True, settles=Phase.STOPPED)
    PAUSE = _command("log-pause", asked=True, needs_started=True, settles=Phase.PAUSED)
    RESUME = _command("log-resume", settles=Phase.RUNNING)
    TRUNCATE = _command("log-truncate", needs_started=True)

    asked: bool
    needs_started: bool
    settles: Phase | None

    def __new__(cls, text: str, asked: bool = False, needs_started: bool = False, settles: Phase | None = None) -> Self:
        member = str.__new__(cls, text)
        member._value_ = text
        member.asked, member.needs_started, member.settles = asked, needs_started, settles
        return member
