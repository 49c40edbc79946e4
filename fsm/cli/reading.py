"""From the names of files to a finished fold: what `replay` and `explain` have in common. Prints problems to stderr."""

from __future__ import annotations

import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

import click

from fsm.adapter.verdict import Judgement
from fsm.cli import FINDINGS, FINE, USAGE, say
from fsm.cli.progress import Progress
from fsm.errors import InputError, Place, UsageError
from fsm.model import LogBackupRetryPolicy
from fsm.replay.fold import Fold, Listener, collecting_seldom
from fsm.replay.merge import merged
from fsm.replay.reader import Item, Problem, documents, items

STDIN = "<stdin>"
MOST_SAID = 20
"""So many problems are reported one by one on stderr."""
FATAL = ("broken", "error")
"""Kinds of problems that end a command, unless it shall keep going."""


class CountingFold(Fold):
    """A fold that tells of every problem, and counts also those that it does not keep."""

    def __init__(self, on_problem: Callable[[Problem], None], **options: Any) -> None:
        super().__init__(**options)
        self.on_problem = on_problem
        self.kinds: Counter[str] = Counter()
        self.unread = 0

    def leave_out(self, problem: Problem) -> None:
        """Note what stands in the input instead of an item."""
        self.unread += problem.kind in FATAL
        self.note(problem)

    def note(self, problem: Problem) -> None:
        super().note(problem)
        self.kinds[problem.kind] += 1
        self.on_problem(problem)

    @property
    def bad(self) -> int:
        """Things that could not be used: no items at all, or items that the lifecycle cannot read."""
        return sum(self.kinds[kind] for kind in FATAL)

    @property
    def usable(self) -> bool:
        """Whether anything of the input could be used."""
        return self.events > self.bad - self.unread

    @property
    def unkept(self) -> int:
        """Problems that were told when they were met, but are not in `problems`."""
        return self.kinds.total() - len(self.problems)


class Reading:
    """One reading of some files. Without `keep_going` the first thing that cannot be read ends it."""

    def __init__(
        self,
        files: Sequence[str],
        *,
        keep_going: bool,
        listener: Listener | None = None,
        on_problem: Callable[[Problem], None] = lambda problem: None,
    ) -> None:
        self.files, self.keep_going, self.listener, self.on_problem = files, keep_going, listener, on_problem
        self.progress: Progress | None = None
        self._reported = 0

    def fold(
        self, deadlines: Mapping[str, int], keep: int, log_policy: LogBackupRetryPolicy | None = None
    ) -> CountingFold:
        """Read everything; InputError at the first thing that cannot be read, unless it shall keep going."""
        options = {"deadlines": deadlines, "keep": keep, "listener": self.listener, "log_policy": log_policy}
        fold = CountingFold(self._meet, **options)
        with ExitStack() as stack:
            streams = [stack.enter_context(_opened(name)) for name in self.files]
            self.progress = Progress(streams)
            stack.callback(self.clear)
            self._feed(fold, [_items(*pair) for pair in zip(self.files, streams, strict=True)], self.progress)
        self._sum_up(fold)
        return fold

    def clear(self) -> None:
        """Take the progress line away, so that something can be written."""
        if self.progress is not None:
            self.progress.clear()

    @staticmethod
    def _feed(fold: CountingFold, inputs: Sequence[Iterator[Item | Problem]], progress: Progress) -> None:
        with collecting_seldom():
            for each in merged(inputs):
                if isinstance(each, Problem):
                    fold.leave_out(each)
                else:
                    fold.take(*each)
                    progress.item(len(fold.live))

    def _meet(self, problem: Problem) -> None:
        if problem.kind in FATAL:
            if not self.keep_going:
                raise InputError(f"{problem.message}{_ADVICE}", place=_place(problem))
            self._report(problem)
        self.on_problem(problem)

    def _report(self, problem: Problem) -> None:
        self._reported += 1
        if self._reported <= MOST_SAID:
            self.clear()
            say(problem_text(problem))

    def _sum_up(self, fold: CountingFold) -> None:
        if fold.bad:
            rest = "the rest was used" if fold.usable else "nothing could be used"
            say(f"{fold.bad} {'thing' if fold.bad == 1 else 'things'} could not be read; {rest}")
        elif not fold.events:
            say("there is no Backup, Job or Pod in the input")


_ADVICE = "\nMend it, or use --keep-going to leave it out and use the rest."


def _place(problem: Problem) -> Place:
    return Place(problem.file, problem.line, problem.path)


def problem_text(problem: Problem) -> str:
    """`FILE:LINE: PATH: what is wrong`."""
    return f"{_place(problem)}: {problem.message}"


def is_live(files: Sequence[str]) -> bool:
    """Whether an input may come slowly: it is no regular file."""
    return any(name == "-" or not stat.S_ISREG(Path(name).stat().st_mode) for name in files)


def checked(files: Sequence[str], *others: str | None) -> tuple[str, ...]:
    """The names of the inputs; stdin can be read only once, also where other options read a file."""
    if not files:
        raise UsageError("give the files to read, or - for stdin")
    if [*files, *others].count("-") > 1:
        raise UsageError("stdin (-) can be read only once")
    if "-" in (*files, *others) and sys.stdin is not None and sys.stdin.isatty():
        say("reading from the terminal; end with Ctrl-D")
    return tuple(files)


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    """An input as a stream; stdin stays open afterwards."""
    try:
        return cast(AbstractContextManager[BinaryIO], click.open_file(name, "rb"))
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror}", place=Place(name)) from None


def _items(name: str, stream: BinaryIO) -> Iterator[Item | Problem]:
    """The items of one input; where it cannot be read any further, a Problem is the last."""
    shown = STDIN if name == "-" else name
    try:
        yield from items(documents(stream, shown))
    except OSError as error:
        yield Problem(shown, 0, "", f"cannot be read: {error.strerror}", "broken")


# ------------------------------------------------------------------ exit codes


class Findings:
    """Watches entries on their way out: was anything stuck or unexpected?"""

    def __init__(self) -> None:
        self.any = False

    def of(self, entries: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for entry in entries:
            self.any = self.any or is_finding(entry)
            yield entry


def is_finding(entry: Mapping[str, Any]) -> bool:
    """Whether a Backup, one of its commands, or a Job is stuck, or did what it should not."""
    verdicts = [entry["verdict"], *(each["verdict"] for each in entry.get("commands", {}).values())]
    return Judgement.STUCK in verdicts or bool(entry.get("unexpected"))


def code_of(fold: CountingFold, findings: Findings, *, matter: bool) -> int:
    """The exit code of a command that has read everything it could."""
    if fold.bad and not fold.usable:
        return USAGE
    return FINDINGS if matter and findings.any else FINE
