"""The options that commands share, and the types of their values."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from fsm.adapter.verdict import DEADLINES
from fsm.cli.reading import STDIN
from fsm.errors import InputError, Place
from fsm.machines import MACHINES
from fsm.model import LogBackupRetryPolicy, parse_duration, seconds_of

SECOND = 1_000_000_000
FILE = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True)
"""An input: a file that is there, or `-` for stdin."""

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Instant(click.ParamType[int]):
    """An RFC 3339 time or `now`, as Unix seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if value == "now":
            return int(time.time())
        try:
            return seconds_of(value)
        except InputError:
            self.fail(f"{value!r} is no RFC 3339 time such as 2026-11-22T02:30:00Z, nor 'now'", param, ctx)


class Deadline(click.ParamType[tuple[str, int]]):
    """`NAME=DURATION`: which deadline, and how long it is in seconds (a fraction counts as a whole one)."""

    name = "deadline"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not equals:
            self.fail(f"{value!r} is not NAME=DURATION, such as image-pull=20m", param, ctx)
        if name not in DEADLINES:
            self.fail(f"there is no deadline {name!r}; there are {', '.join(DEADLINES)}", param, ctx)
        return name, self._seconds(text, param, ctx)

    def _seconds(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            duration = parse_duration(text)
        except InputError:
            self.fail(f"{text!r} is no duration such as 90s or 1h30m", param, ctx)
        if duration < 0:
            self.fail(f"{text} is negative", param, ctx)
        return -(-duration // SECOND)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(f"{name}=", type="nospace") for name in DEADLINES if name.startswith(incomplete)]


MOST_BYTES = 256 * 1024
"""All annotations of an object together may have as many."""


def policy_text(file: str) -> str:
    """The text of a file with a LogBackupRetryPolicy; an InputError with the place if it is none."""
    expected = "a LogBackupRetryPolicy as YAML or JSON"
    try:
        with click.open_file(file, "rb") as stream:
            text: bytes = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=_place(file)) from None
    if len(text) > MOST_BYTES:
        problem = f"this file has more than {MOST_BYTES} bytes, more than an annotation"
        raise InputError(problem, expected=expected, place=_place(file))
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("this is no UTF-8 text", expected=expected, place=_place(file)) from None
    LogBackupRetryPolicy.from_text(decoded, _place(file))
    return decoded


def policy_of(file: str | None) -> LogBackupRetryPolicy | None:
    """The LogBackupRetryPolicy of a file, None without one."""
    return None if file is None else LogBackupRetryPolicy.from_text(policy_text(file), _place(file))


def _place(file: str) -> Place:
    return Place(STDIN if file == "-" else file)


class MachineName(click.ParamType[str]):
    """The name of a declared machine."""

    name = "machine"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in MACHINES:
            self.fail(f"there is no machine {value!r}; there are {', '.join(MACHINES)}", param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in MACHINES if name.startswith(incomplete)]


def output_option(*forms: str) -> Callable[[Decorated], Decorated]:
    """`--output`, with text as the default."""
    return click.option(
        "-o", "--output", type=click.Choice(forms), default="text", show_default=True, help="What to print."
    )


def judging_options(function: Decorated) -> Decorated:
    """What every command has that reads objects and judges them."""
    for option in reversed(_JUDGING):
        function = option(function)
    return function


_DEADLINE_LIST = ", ".join(f"{name} {seconds // 60}m" for name, seconds in DEADLINES.items())
_JUDGING = (
    click.option(
        "--deadline",
        "deadlines",
        metavar="NAME=DURATION",
        type=Deadline(),
        multiple=True,
        help=f"Change how long a state may last before it counts as stuck: {_DEADLINE_LIST}. Repeatable.",
    ),
    click.option(
        "--log-retry-policy",
        "policy_file",
        metavar="FILE",
        type=FILE,
        help="A LogBackupRetryPolicy (YAML or JSON) for log backups that have none of their own.",
    ),
    click.option("--keep-going", is_flag=True, help="Report what cannot be read, and use the rest."),
    click.option(
        "--exit-code", "findings_matter", is_flag=True, help="Exit with 3 if anything is stuck or unexpected."
    ),
)
