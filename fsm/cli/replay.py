"""`replay`: recorded watch streams become timelines of transitions with verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from fsm.adapter.verdict import deadlines_with
from fsm.cli import say
from fsm.cli.options import FILE, Instant, judging_options, output_option, policy_of
from fsm.cli.output import JsonObject, Output, compact
from fsm.cli.pictures import FORMS, Pictures
from fsm.cli.reading import CountingFold, Findings, Reading, checked, code_of, is_live
from fsm.cli.stories import STORIES, StoryName
from fsm.cli.timeline import Report, Timeline
from fsm.errors import UsageError
from fsm.model import LogBackupRetryPolicy
from fsm.replay.fold import KEEP
from fsm.replay.reader import Problem
from fsm.replay.track import Entry, Track

EPILOG = """\b
Examples:
  backup-fsm replay backups.jsonl jobs.jsonl pods.jsonl
  kubectl get backups -A -w -o json --output-watch-events | backup-fsm replay -
  backup-fsm replay --output json --at 2026-11-22T02:30:00Z *.jsonl | jq '.backups[] | .name, .verdict'
  backup-fsm replay --exit-code --keep-going --deadline image-pull=30m night.jsonl
  backup-fsm replay --story snapshot-retry --diagrams pictures

\b
Record all three kinds, each in its own file; they are merged by the times that the objects tell:
  kubectl get jobs -A -w -o json --output-watch-events > jobs.jsonl
"""


class Wish(NamedTuple):
    """What was asked for, apart from the files."""

    output: str
    at: int | None
    keep_going: bool
    findings_matter: bool
    deadlines: dict[str, int]
    log_policy: LogBackupRetryPolicy | None
    transitions: int
    pictures: Pictures | None
    verbose: bool


@click.command("replay", epilog=EPILOG)
@click.argument("files", metavar="FILE...", nargs=-1, type=FILE)
@output_option("text", "json", "jsonl")
@click.option(
    "--at",
    metavar="TIME",
    type=Instant(),
    help="The clock of the verdicts: RFC 3339 or 'now'; hides nothing.  [default: the newest observed time]",
)
@judging_options
@click.option(
    "--transitions",
    metavar="N",
    type=click.IntRange(min=0),
    default=KEEP,
    show_default=True,
    help="Keep the last N transitions of each Backup for JSON and pictures; text and jsonl have all.",
)
@click.option(
    "--diagrams",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Write a picture of every Backup's machine with the travelled path.",
)
@click.option(
    "--diagram-format", type=click.Choice(FORMS), default=("svg",), show_default=True, multiple=True, help="Of these."
)
@click.option(
    "--story", "stories", type=StoryName(), multiple=True, help="Replay a bundled story, or 'all', not files."
)
@click.option("-v", "--verbose", is_flag=True, help="Say with every transition what it means.")
def command(
    files: tuple[str, ...],
    output: str,
    at: int | None,
    deadlines: tuple[tuple[str, int], ...],
    policy_file: str | None,
    keep_going: bool,
    findings_matter: bool,
    transitions: int,
    diagrams: str | None,
    diagram_format: tuple[str, ...],
    stories: tuple[str, ...],
    verbose: bool,
) -> int:
    """Fold recorded watch streams into timelines of transitions, with a verdict on every Backup and Job.

    FILE is what kubectl prints, or - for stdin: {type, object} lines of a watch, bare objects one after another, Lists,
    YAML. Objects of several kinds may come in several files or in one.
    """
    pictures = Pictures(Path(diagrams), diagram_format) if diagrams else None
    table = dict(deadlines_with(dict(deadlines)))
    inputs = files if stories else checked(files, policy_file)
    log_policy = policy_of(policy_file)
    wish = Wish(output, at, keep_going, findings_matter, table, log_policy, transitions, pictures, verbose)
    code = _replay_stories(inputs, stories, wish) if stories else _replay(inputs, wish)
    if pictures is not None:
        say(pictures.told())
    return code


def _replay_stories(files: Sequence[str], names: Sequence[str], wish: Wish) -> int:
    """Each story by itself: several tell of the same names."""
    if files:
        raise UsageError("give files or --story, not both")
    chosen = list(STORIES) if "all" in names else list(dict.fromkeys(names))
    if len(chosen) > 1 and wish.output != "text":
        raise UsageError(f"--output {wish.output} tells one story at a time")
    codes = [_replay_story(name, wish, titled=len(chosen) > 1) for name in chosen]
    return max(codes)


def _replay_story(name: str, wish: Wish, *, titled: bool) -> int:
    story = STORIES[name]
    if titled:
        Output().banner(name, story.about)
    pictures = wish.pictures.of_story(name) if wish.pictures else None
    with story.files() as files:
        return _replay(files, wish._replace(pictures=pictures))


def _replay(files: Sequence[str], wish: Wish) -> int:
    findings = Findings()
    fold = _WRITERS[wish.output](files, wish, findings)
    return code_of(fold, findings, matter=wish.findings_matter)


def _backups(fold: CountingFold, now: int, wish: Wish, findings: Findings) -> Iterator[dict[str, Any]]:
    for entry in findings.of(fold.backups(now)):
        if wish.pictures is not None:
            wish.pictures.draw(entry)
        yield entry


# ------------------------------------------------------------------ the three outputs


def _text(files: Sequence[str], wish: Wish, findings: Findings) -> CountingFold:
    reading = Reading(files, keep_going=wish.keep_going)
    output = Output(before=reading.clear)
    output.live = output.live or is_live(files)
    timeline = Timeline(output, with_docs=wish.verbose)
    reading.listener, reading.on_problem = timeline.entry, timeline.problem
    fold = reading.fold(wish.deadlines, wish.transitions if wish.pictures else 0, wish.log_policy)
    timeline.legend()
    now = fold.clock(wish.at)
    report = Report(output)
    for entry in _backups(fold, now, wish, findings):
        report.backup(entry)
    for entry in findings.of(fold.jobs(now)):
        report.job(entry)
    report.end(fold)
    return fold


def _json(files: Sequence[str], wish: Wish, findings: Findings) -> CountingFold:
    reading = Reading(files, keep_going=wish.keep_going)
    output = Output(before=reading.clear, data=True)
    fold = reading.fold(wish.deadlines, wish.transitions, wish.log_policy)
    now = fold.clock(wish.at)
    answer = JsonObject(output.raw)
    answer.value("events", fold.events)
    answer.array("problems", map(problem_json, fold.problems))
    if fold.unkept:
        answer.value("droppedProblems", fold.unkept)
    answer.array("backups", _backups(fold, now, wish, findings))
    answer.array("jobs", findings.of(fold.jobs(now)))
    answer.end()
    return fold


def _jsonl(files: Sequence[str], wish: Wish, findings: Findings) -> CountingFold:
    reading = Reading(files, keep_going=wish.keep_going)
    output = Output(before=reading.clear, data=True)
    output.live = output.live or is_live(files)
    tell = _teller(output)
    reading.listener, reading.on_problem = _transition_teller(tell), _problem_teller(tell)
    fold = reading.fold(wish.deadlines, wish.transitions if wish.pictures else 0, wish.log_policy)
    now = fold.clock(wish.at)
    for entry in _backups(fold, now, wish, findings):
        tell("backup", {key: value for key, value in entry.items() if key not in _STREAMED})
    for entry in findings.of(fold.jobs(now)):
        tell("job", entry)
    return fold


_WRITERS: dict[str, Callable[[Sequence[str], Wish, Findings], CountingFold]] = {
    "text": _text,
    "json": _json,
    "jsonl": _jsonl,
}
_STREAMED = ("transitions", "droppedTransitions")
"""What the line of a Backup does not repeat."""

Tell = Callable[[str, dict[str, Any]], None]


def _teller(output: Output) -> Tell:
    return lambda kind, data: output.raw(compact({"kind": kind, **data}) + "\n")


def _transition_teller(tell: Tell) -> Callable[[Track, Entry], None]:
    def listener(track: Track, entry: Entry) -> None:
        tell("transition", {"namespace": track.key[0], "name": track.key[1], "uid": track.uid, **entry.to_json()})

    return listener


def _problem_teller(tell: Tell) -> Callable[[Problem], None]:
    def on_problem(problem: Problem) -> None:
        data = problem_json(problem)
        tell("problem", {"problem": data.pop("kind"), **data})

    return on_problem


def problem_json(problem: Problem) -> dict[str, Any]:
    """A problem of the input as DESIGN section 7 has it."""
    return {
        "file": problem.file,
        "line": problem.line,
        "path": problem.path,
        "message": problem.message,
        "kind": problem.kind,
    }
