"""How a replay looks as text: one line a transition, then a block a Backup, its Jobs, and the input's problems.

Renders what the fold says; every word of a verdict comes from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from fsm.cli.output import Output, Span
from fsm.cli.reading import CountingFold, problem_text
from fsm.machines import MACHINES
from fsm.model import text_of
from fsm.replay.reader import Problem
from fsm.replay.track import Entry, Track

SIGNS = {"done": "✓", "progressing": "▶", "waiting": "◷", "uncertain": "?", "failed": "✗", "stuck": "■"}
"""A sign a verdict, for those who see no colour."""
SUMMARY_ORDER = ("stuck", "failed", "uncertain", "waiting", "progressing", "done")
MARGIN = 16
"""Where the text of a block begins."""
MOST_LISTED = 20
FEW_GUARDS = 3

NARROW = 120
"""Below so many columns the name of a Backup is a heading."""

_EVENT_WIDTH, _ROUTE_WIDTH, _LARGEST_NAME = 16, 26, 40


class Timeline:
    """Writes transitions as they happen. On a terminal the day stands in a line of its own, and so does the name where
    there is no room for it beside the rest."""

    def __init__(self, output: Output, *, with_docs: bool) -> None:
        self.output = output
        self.with_docs = with_docs
        self.marks: set[str] = set()
        self._head = ("", "")
        self._name_width = 0
        self._narrow = output.width is not None and output.width < NARROW

    def entry(self, track: Track, entry: Entry) -> None:
        """One transition: time, who, event, route, attempt, guards, marks."""
        name = "/".join(track.key)
        self._name_width = max(self._name_width, min(len(name), _LARGEST_NAME))
        time = self._time(entry.at, name)
        who = [] if self._narrow else [(Span(name, "name"), self._name_width)]
        columns = [(Span(time, "dim"), 0), *who, (Span(entry.event, "event"), _EVENT_WIDTH)]
        columns += [
            (Span(_route(entry)), _ROUTE_WIDTH),
            *((Span(*each), 0) for each in self._remarks(entry) if each[0]),
        ]
        indent = len(time) + 2
        self.output.cells([cell for cell, _ in columns], [width for _, width in columns], indent)
        if self.with_docs and entry.doc:
            self.output.paragraph(Span(""), entry.doc, indent, "dim")

    def problem(self, problem: Problem) -> None:
        """A gap explains why the lines after it may be inferred; everything else is told elsewhere."""
        if problem.kind == "gap":
            self.output.paragraph(
                Span("gap", "note"), problem_text(problem), 10 if self.output.terminal else 22, "note"
            )

    def legend(self) -> None:
        """What the marks mean that were used."""
        for mark, meaning in _MARKS.items():
            if mark in self.marks:
                self.output.paragraph(Span(mark, "dim"), meaning, len(mark) + 1, "dim")

    def _time(self, at: int, name: str) -> str:
        text = text_of(at)
        if not self.output.terminal:
            return text
        day, clock = text.removesuffix("Z").split("T")
        head = (day, name if self._narrow else "")
        if head != self._head:
            self._head = head
            self.output.line(Span(f"{day} (UTC)", "dim"), Span(f"  {head[1]}", "name"))
        return clock

    def _remarks(self, entry: Entry) -> Iterable[tuple[str, str]]:
        yield ", ".join(part for part in (entry.command, f"attempt {entry.attempt}") if part), ""
        yield guards_text(entry.guards), "dim"
        for mark, holds in (("(inferred)", entry.inferred), ("(at least)", entry.at_least)):
            if holds:
                self.marks.add(mark)
                yield mark, "note"


_MARKS = {
    "(inferred)": "was not seen itself: the states before and after it were, and this is the declared way between them",
    "(at least)": "the objects do not tell the time: it was then or later",
}


def _route(entry: Entry) -> str:
    return f"{entry.source} → {entry.target}" if entry.source != entry.target else f"{entry.source} ↺"


def guards_text(guards: Mapping[str, bool]) -> str:
    """`[not timed_out, not exceeded]`: what the guards said; of many only those that hold."""
    said = [name if value else f"not {name}" for name, value in guards.items() if value or len(guards) <= FEW_GUARDS]
    if guards and not said:
        return "[otherwise]"
    return f"[{', '.join(said)}]" if said else ""


# ------------------------------------------------------------------ the answer


class Report:
    """The verdict blocks. It takes entries as the fold gives them, and keeps none."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.backups: Counter[str] = Counter()
        self.jobs: Counter[str] = Counter()
        self.unexpected = 0
        self._widths = [MARGIN - 2, 0, 0]

    def backup(self, entry: Mapping[str, Any]) -> None:
        """One Backup."""
        self.backups[entry["verdict"]] += 1
        self.unexpected += len(entry["unexpected"])
        self.head(entry)
        self.verdict(entry)
        self.field("state", self._state_text(entry))
        self.details(entry)

    def head(self, entry: Mapping[str, Any]) -> None:
        """Who it is."""
        name = Span(f"{entry['namespace']}/{entry['name']}", "title")
        self.output.line()
        self.output.line(name, Span(f"  {entry['machine'] or 'a Backup that was not given'}", "dim"))

    def verdict(self, entry: Mapping[str, Any]) -> None:
        """The word, and why."""
        word = verdict_span(entry["verdict"])
        self.output.paragraph(Span(f"  {word.text}", word.style), entry["because"], MARGIN)

    def details(self, entry: Mapping[str, Any]) -> None:
        """What follows from the verdict, each command's, and what should not have happened."""
        self.field("until", self.moment(entry["until"]))
        self.field("way out", entry["escape"])
        self.field("needs", ", ".join(entry["needs"]))
        self.field("rests on", ", ".join(entry["evidence"]), "dim")
        for name, command in entry["commands"].items():
            text = f"{command['state']}, {SIGNS[command['verdict']]} {command['verdict']}"
            self.field(name, text if command["because"] == entry["because"] else f"{text}: {command['because']}")
        for each in entry["unexpected"]:
            self.output.paragraph(Span("  unexpected", "alarm"), f"{each['at']} {each['because']}", MARGIN, "alarm")

    def moment(self, at: str | None) -> str | None:
        """How a time is shown; here as it is."""
        return at

    def field(self, label: str, text: str | None, style: str = "") -> None:
        """One labelled line, unless there is nothing to say."""
        if text:
            self.output.paragraph(Span(f"  {label}", "dim"), text, MARGIN, style)

    def _state_text(self, entry: Mapping[str, Any]) -> str:
        if entry["state"] is None:
            return ""
        retries = entry["retries"]
        parts = [" · ".join(MACHINES[entry["machine"]].leaves(tuple(entry["configuration"])))]
        if entry["since"]:
            parts.append(f"since {self.moment(entry['since'])}")
        parts.append(f"attempt {entry['attempt']}")
        parts.append("no retry" if not retries else f"{retries} {'retry' if retries == 1 else 'retries'}")
        return ", ".join(parts)

    def job(self, entry: Mapping[str, Any]) -> None:
        """One Job: a line, and why unless it is done."""
        if not self.jobs:
            self.output.title("Jobs")
        self.jobs[entry["verdict"]] += 1
        word = verdict_span(entry["verdict"])
        owner = f"of {entry['backup']}" if entry["backup"] else "of no Backup"
        name = f"{entry['namespace']}/{entry['name']}"
        why = ", ".join(text for text in (entry["reason"], entry["cause"], owner) if text)
        cells = [Span(f"  {word.text}", word.style), Span(name), Span(entry["state"]), Span(why, "dim")]
        self._widths[1:] = max(self._widths[1], len(name)), max(self._widths[2], len(entry["state"]))
        self.output.cells(cells, self._widths, MARGIN)
        if entry["verdict"] != "done":
            self.field("", entry["because"], "dim")
            self.field("until", self.moment(entry["until"]))
            self.field("way out", entry["escape"])

    def end(self, fold: CountingFold) -> None:
        """What was wrong with the input, and everything in one line."""
        if fold.problems:
            self._problems(fold)
        self.output.line()
        told = [f"{fold.events} events", _counted(self.backups, "backup"), _counted(self.jobs, "job")]
        told.append(f"{self.unexpected} unexpected" if self.unexpected else "nothing unexpected")
        for line in self.output.wrapped("; ".join(told), 0):
            self.output.line(Span(line, "alarm" if self.unexpected else "dim"))

    def _problems(self, fold: CountingFold) -> None:
        self.output.title("Problems of the input")
        for problem in fold.problems[:MOST_LISTED]:
            self.output.paragraph(Span(f"  {problem.kind}", "note"), problem_text(problem), MARGIN)
        more = fold.kinds.total() - min(len(fold.problems), MOST_LISTED)
        if more:
            self.output.line(" " * MARGIN, Span(f"and {more} more (--output jsonl tells them all)", "dim"))


def verdict_span(verdict: str) -> Span:
    """The word of a verdict with its sign."""
    return Span(f"{SIGNS[verdict]} {verdict}", verdict)


def _counted(verdicts: Counter[str], noun: str) -> str:
    total = verdicts.total()
    each = ", ".join(f"{verdicts[word]} {word}" for word in SUMMARY_ORDER if verdicts[word])
    return f"{total} {noun}{'' if total == 1 else 's'}" + (f" ({each})" if each else "")
