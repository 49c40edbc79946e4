"""The log subcommands and the facts about each, one line a command (operator-semantics 2.4 to 2.6 and 3.4)."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from fsm.model.vocabulary import Phase

LOG_UNKNOWN = "log-unknown"
"""What the operator makes of a `spec.logSubcommand` that it does not know: a job name, never a command."""

_Facts = tuple[str, bool, bool, Phase | None, str]


def _command(
    text: str, *, asked: bool = False, needs_started: bool = False, settles: Phase | None = None, reopens: str = ""
) -> _Facts:
    return text, asked, needs_started, settles, reopens


class LogCommand(StrEnum):
    """A log subcommand.

    `asked`: may be written in `spec.logSubcommand`. `needs_started`: waits until the log backup has started.
    `settles`: the phase of the whole Backup that its Complete writes, and in which it needs not run again.
    `reopens`: the command that may run again after any write of this one; "" for none.
    """

    START = _command("log-start", asked=True)
    STOP = _command("log-stop", asked=True, needs_started=True, settles=Phase.STOPPED)
    PAUSE = _command("log-pause", asked=True, needs_started=True, settles=Phase.PAUSED, reopens="log-resume")
    RESUME = _command("log-resume", settles=Phase.RUNNING, reopens="log-pause")
    TRUNCATE = _command("log-truncate", needs_started=True)

    asked: bool
    needs_started: bool
    settles: Phase | None
    reopens: str

    def __new__(
        cls,
        text: str,
        asked: bool = False,
        needs_started: bool = False,
        settles: Phase | None = None,
        reopens: str = "",
    ) -> Self:
        member = str.__new__(cls, text)
        member._value_ = text
        member.asked, member.needs_started, member.settles, member.reopens = asked, needs_started, settles, reopens
        return member
