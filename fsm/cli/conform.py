"""`conform`: vectors of another implementation against ours."""

from __future__ import annotations

import gzip
import io
import shutil
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Any, BinaryIO, NamedTuple, cast

import click

from fsm.cli import FINDINGS, FINE, USAGE, say
from fsm.cli.options import FILE, output_option
from fsm.cli.output import JsonObject, Output, Span, compact, indented
from fsm.cli.progress import Progress
from fsm.cli.reading import MOST_SAID, STDIN, checked
from fsm.conform import DEFAULT_TOLERANCE, Group, Judgement, Mismatch, Tally, Vector, judged, vector_from
from fsm.conform.telling import asked_text, happenings
from fsm.conform.vector import id_of
from fsm.errors import InputError, Place, UsageError
from fsm.model import format_duration, parse_duration

EPILOG = """\b
Examples:
  backup-fsm conform vectors.jsonl
  backup-fsm conform tests/conformance/*.jsonl.gz --max 3
  my-operator --print-vectors | backup-fsm conform - --output json | jq '.mismatches[].path' | sort | uniq -c
  backup-fsm conform vectors.jsonl --id snapshot-000017 --show

The format of vectors is described in docs/conformance.md. Exit code 3 says that a vector does not conform.
"""

WIDTH = 10
"""Where the values of a difference begin, after their label."""
SHOWN = 1_000
"""Characters of a value that is shown in text."""
IN_TABLE = 40
"""Characters of a value in a table."""
_ADVICE = "\nMend it, or use --keep-going to leave it out and judge the rest."


class Duration(click.ParamType[int]):
    """A duration as Go writes it, in nanoseconds; not negative."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            duration = parse_duration(value)
        except InputError:
            self.fail(f"{value!r} is no duration such as 2s or 1m", param, ctx)
        if duration < 0:
            self.fail(f"{value} is negative", param, ctx)
        return duration


class Wish(NamedTuple):
    """What was asked for."""

    files: tuple[str, ...]
    tolerance: int
    most: int
    keep_going: bool
    ids: tuple[str, ...]
    show: bool


@click.command("conform", epilog=EPILOG)
@click.argument("files", metavar="FILE...", nargs=-1, type=FILE)
@output_option("text", "json")
@click.option(
    "--tolerance",
    metavar="DURATION",
    type=Duration(),
    default=DEFAULT_TOLERANCE,
    help=f"How far times may differ.  [default: {format_duration(DEFAULT_TOLERANCE)}]",
)
@click.option(
    "--max",
    "most",
    metavar="N",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Show the differences of the first N vectors in text; all are counted.",
)
@click.option("--id", "ids", metavar="ID", multiple=True, help="Judge only the vector with this id. Repeatable.")
@click.option("--show", is_flag=True, help="Show what our side does, step by step: calls, answers, outcomes.")
@click.option("--keep-going", is_flag=True, help="Report what cannot be read, and judge the rest.")
def command(
    files: tuple[str, ...],
    output: str,
    tolerance: int,
    most: int,
    ids: tuple[str, ...],
    show: bool,
    keep_going: bool,
) -> int:
    """Judge conformance vectors: does another implementation say of the operator what fsm.rules and fsm.reference do?

    FILE has one vector a line, and may be compressed with gzip; - is stdin. A vector that does not conform is shown
    with all its differences.
    """
    judging = Judging(Wish(checked(files), tolerance, most, keep_going, ids, show))
    tally = _json(judging) if output == "json" else _text(judging)
    return judging.code(tally)


# ------------------------------------------------------------------ reading and judging


class VectorProgress(Progress):
    """Counts vectors."""

    def _show(self, live: int) -> None:
        text = f"{self._bytes()}{self._items:,} vectors, {live:,} differ"
        sys.stderr.write("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1])
        sys.stderr.flush()
        self._shown = True


class Judging:
    """One reading of the files. Without `keep_going` the first thing that cannot be read ends it."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.problems: list[InputError] = []
        self._progress: Progress | None = None
        self._missed = set(wish.ids)

    def clear(self) -> None:
        """Take the progress line away, so that something can be written."""
        if self._progress is not None:
            self._progress.clear()

    def judge(self, listener: Callable[[Judgement, Tally], None]) -> Tally:
        """Judge all vectors; `listener` gets each judgement, and the tally that has counted it."""
        tally = Tally()
        with ExitStack() as stack:
            streams = [cast(BinaryIO, stack.enter_context(click.open_file(name, "rb"))) for name in self.wish.files]
            progress = self._progress = VectorProgress(streams)
            stack.callback(self.clear)
            for name, stream in zip(self.wish.files, streams, strict=True):
                for judgement in self._of_file(STDIN if name == "-" else name, _lines(name, stream, stack)):
                    tally.add(judgement)
                    progress.item(tally.mismatched)
                    listener(judgement, tally)
        return tally

    def _of_file(self, name: str, lines: Iterable[bytes | OSError | EOFError | zlib.error]) -> Iterator[Judgement]:
        for number, line in enumerate(lines, 1):
            if isinstance(line, Exception):
                reason = getattr(line, "strerror", None) or line
                self._meet(InputError(f"cannot be read: {reason}", place=Place(name)))
            elif line.strip() and self._is_wanted(line):
                yield from self._of_line(line, Place(name, number))

    def _of_line(self, line: bytes, place: Place) -> Iterator[Judgement]:
        try:
            judgement = judged(vector_from(line, place), self.wish.tolerance)
        except InputError as error:
            self._meet(error)
        else:
            yield judgement

    def _is_wanted(self, line: bytes) -> bool:
        if not self.wish.ids:
            return True
        found = id_of(line)
        self._missed.discard(found or "")
        return found in self.wish.ids

    def _meet(self, problem: InputError) -> None:
        if not self.wish.keep_going:
            expected = problem.expected + _ADVICE if problem.expected else ""
            text = problem.problem if expected else problem.problem + _ADVICE
            raise InputError(text, expected=expected, place=problem.place)
        self.problems.append(problem)
        if len(self.problems) <= MOST_SAID:
            self.clear()
            say(str(problem))

    def code(self, tally: Tally) -> int:
        """The exit code after everything was judged."""
        if self._missed:
            raise UsageError(f"no vector has the id {', '.join(sorted(self._missed))}")
        if self.problems:
            number = len(self.problems)
            rest = "the rest was judged" if tally.vectors else "nothing could be judged"
            say(f"{number} {'thing' if number == 1 else 'things'} could not be read; {rest}")
        elif not tally.vectors:
            say("there is no vector in the input")
        if not tally.vectors:
            return USAGE
        return FINDINGS if tally.mismatched else FINE


_GZIP = b"\x1f\x8b"


def _lines(name: str, stream: BinaryIO, stack: ExitStack) -> Iterator[bytes | OSError | EOFError | zlib.error]:
    """The lines of a file; where it cannot be read on, the error is the last. `stack` ends before the stream does."""
    try:
        for line in _unpacked(name, stream, stack):  # noqa: UP028  # `yield from` would close the file early
            yield line
    except (OSError, EOFError, zlib.error) as error:
        yield error


def _unpacked(name: str, stream: BinaryIO, stack: ExitStack) -> Iterable[bytes]:
    """What is in a file that may be compressed, by its name or by its first bytes."""
    buffered = io.BufferedReader(cast(io.RawIOBase, stream))
    stack.callback(buffered.detach)  # else it would close stdin
    if name.endswith(".gz") or buffered.peek(len(_GZIP)).startswith(_GZIP):
        return gzip.GzipFile(fileobj=buffered)
    return buffered


# ------------------------------------------------------------------ JSON


def _json(judging: Judging) -> Tally:
    mismatches: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []

    def listener(judgement: Judgement, _: Tally) -> None:
        mismatches.extend(_mismatch_json(judgement.vector, each) for each in judgement.mismatches)
        if judging.wish.show:
            shown.append(_shown_json(judgement))

    tally = judging.judge(listener)
    answer = JsonObject(Output(data=True).raw)
    answer.value("vectors", tally.vectors)
    answer.value("conform", tally.conform)
    answer.value("mismatched", tally.mismatched)
    answer.array("problems", map(_problem_json, judging.problems))
    answer.array("mismatches", mismatches)
    if judging.wish.show:
        answer.array("shown", shown)
    answer.end()
    return tally


def _named(vector: Vector) -> dict[str, Any]:
    return {"id": vector.id, "file": vector.place.file, "line": vector.place.line}


def _mismatch_json(vector: Vector, mismatch: Mismatch) -> dict[str, Any]:
    found = mismatch.difference
    said = {"step": mismatch.step, "path": found.path, "expected": found.expected, "ours": found.ours}
    return _named(vector) | said


def _shown_json(judgement: Judgement) -> dict[str, Any]:
    asked = [[asked_text(each) for each in run.asked] for run in judgement.runs]
    return {**_named(judgement.vector), "asked": asked, "then": [run.outcome for run in judgement.runs]}


def _problem_json(problem: InputError) -> dict[str, Any]:
    """As DESIGN section 7 has it."""
    message = "; expected ".join(part for part in (problem.problem, problem.expected) if part)
    place = problem.place
    return {"file": place.file, "line": place.line, "path": place.path, "message": message, "kind": "broken"}


# ------------------------------------------------------------------ text


def _text(judging: Judging) -> Tally:
    wish = judging.wish
    page = Page(Output(judging.clear))

    def listener(judgement: Judgement, tally: Tally) -> None:
        if wish.show:
            page.run(judgement)
        if not judgement.conforms and tally.mismatched <= wish.most:
            page.differences(judgement)

    tally = judging.judge(listener)
    page.end(tally, wish.most)
    return tally


class Page:
    """Judgements for people."""

    def __init__(self, output: Output) -> None:
        self.output = output

    def differences(self, judgement: Judgement) -> None:
        """A vector that does not conform: for each outcome what happened before, and where it differs."""
        self._title(judgement)
        for step, mismatches in groupby(judgement.mismatches, lambda each: each.step):
            index = judgement.runs[step or 0].index
            self._before("rule" if step is None else "after", happenings(judgement.vector, index))
            for each in mismatches:
                place = "" if step is None else f"then[{step}]."
                self.output.line("  ", Span(f"{place}{each.difference.path}", "name"))
                self._value("expected", each.difference.expected)
                self._value("ours", each.difference.ours)

    def _title(self, judgement: Judgement) -> None:
        sign, style = ("✓", "done") if judgement.conforms else ("✗", "failed")
        vector = judgement.vector
        self.output.line()
        self.output.line(Span(f"{sign} {vector.id}", style), "  ", Span(str(vector.place), "dim"))

    def _before(self, label: str, texts: Sequence[str]) -> None:
        for number, text in enumerate(texts):
            self.output.paragraph(Span(f"  {label}" if number == 0 else "", "dim"), text, WIDTH)

    def _value(self, label: str, value: Any) -> None:
        self.output.line("      ", Span(label.ljust(WIDTH), "dim"), _shown(value, SHOWN))

    def run(self, judgement: Judgement) -> None:
        """What our side does in a vector, step by step, and what comes of it."""
        self._title(judgement)
        runs = {run.index: run for run in judgement.runs}
        for index, text in enumerate(happenings(judgement.vector)):
            self.output.line("  ", Span(text, "event"))
            if index in runs:
                for asked in runs[index].asked:
                    self.output.line("    ", asked_text(asked))
                self.output.line("    ", Span("then", "name"))
                for line in indented(runs[index].outcome).splitlines():
                    self.output.line("    ", line)

    def end(self, tally: Tally, most: int) -> None:
        """The differences by their paths, and the sum."""
        if tally.mismatched:
            self.output.title("Differences by path")
            heads = ("VECTORS", "TIMES", "PATH", "FIRST IN", "EXPECTED", "OURS")
            self.output.table(heads, [_row(*pair) for pair in tally.groups])
            self.output.line()
        shown = f" ({most:,} shown)" if tally.mismatched > most else ""
        differ = f"{tally.mismatched:,} {'differs' if tally.mismatched == 1 else 'differ'}{shown}"
        vectors = f"{tally.vectors:,} {'vector' if tally.vectors == 1 else 'vectors'}"
        self.output.line(f"{vectors}: {tally.conform:,} conform, {differ}")


def _row(shape: str, group: Group) -> tuple[str, ...]:
    """The mismatches at one shape of path, with the first of them."""
    first = group.first.difference
    values = (_shown(value, IN_TABLE) for value in (first.expected, first.ours))
    return f"{group.vectors:,}", f"{group.count:,}", shape, group.where.id, *values


def _shown(value: Any, limit: int) -> str:
    """JSON on one line, cut off where it is longer."""
    text = "(nothing)" if value is None else compact(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
