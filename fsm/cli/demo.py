"""`demo`: stories told by the simulated cluster, shown as a replay shows what a real one has told."""

from __future__ import annotations

import math
import random
import shutil
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import click
from click.shell_completion import CompletionItem

from fsm.adapter import DEADLINES, retries_of
from fsm.cli import say
from fsm.cli.options import FILE, output_option, policy_text
from fsm.cli.output import JsonObject, Output, Span, compact
from fsm.cli.pictures import FORMS, Pictures
from fsm.cli.progress import Progress
from fsm.cli.reading import STDIN, CountingFold, Findings, code_of
from fsm.cli.timeline import Report, Timeline
from fsm.environment.demo import DRAWN, FAULTS, NAME, NAMESPACE, Act, Change, LogRetryStory
from fsm.errors import UsageError
from fsm.model import seconds_of, text_of
from fsm.replay.fold import KEEP
from fsm.replay.merge import merged
from fsm.replay.reader import Item

DEFAULT_POLICY = "{}"
"""A policy in which everything is as LogBackupRetryPolicy has it."""
PLACE = "build/demo"
SPEED = 60.0
REFRESH_S = 0.1
"""So often the live line is written anew."""
MOST_ACTS = 1000
"""So many acts are kept for JSON, the newest; text tells them all."""

_WHO = {"user": "user", "fault": "fault", "TiKV": "fault", "companion": "note", "story": "dim"}
_WHO_WIDTH = 16


class Faults(click.ParamType[tuple[str, int]]):
    """`N`: so many faults that chance chooses; `NAME=N`: so many of that name."""

    name = "faults"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        name, equals, number = value.rpartition("=")
        if not (number.isascii() and number.isdigit()) or bool(equals) != bool(name):
            self.fail(f"{value!r} is neither a number nor NAME=NUMBER, such as kill=2", param, ctx)
        if name and name not in FAULTS:
            self.fail(f"there is no fault {name!r}; there are {', '.join(FAULTS)}", param, ctx)
        if len(number) > _DIGITS:
            self.fail(f"{number} faults are too many to be told; at most {10**_DIGITS - 1}", param, ctx)
        return name, int(number)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found = [(f"{name}=", text) for name, text in FAULTS.items() if name.startswith(incomplete)]
        return [CompletionItem(name, type="nospace", help=text) for name, text in found]


_DIGITS = 6


class Speed(click.ParamType[float]):
    """How many seconds of the story pass in one of the clock."""

    name = "speed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            speed = float(value)
        except ValueError:
            speed = math.nan
        if not (math.isfinite(speed) and speed > 0):
            self.fail(f"{value!r} is no factor such as 60 or 0.5", param, ctx)
        return speed


@click.group(
    "demo", epilog="\b\nExamples:\n  backup-fsm demo log-retry\n  backup-fsm demo log-retry --seed 7 --faults 3"
)
def command() -> None:
    """Tell a story with the simulated cluster: no cluster is needed, and none is touched.

    Operator, Job controller, pods, API server and TiKV are those of the checked world; the transitions come from
    the watch items that they make, as in `replay`.
    """


EPILOG = f"""\b
Examples:
  backup-fsm demo log-retry
  backup-fsm demo log-retry --seed 7 --faults 3
  backup-fsm demo log-retry --faults oom=0 --faults pd=1 --faults companion=2
  backup-fsm demo log-retry --policy policy.yaml --output json | jq '.backups[0].verdict'
  backup-fsm demo log-retry --real-time --speed 30
  backup-fsm demo log-retry --record story.jsonl && backup-fsm replay story.jsonl

\b
What may go wrong:
{chr(10).join(f"  {name:<13} {text}" for name, text in FAULTS.items())}

A policy file holds what the annotation backup-fsm.dev/log-retry-policy would, for example:

\b
  maxRetryTimes: 3
  minRetryDuration: 1m
  onErrorPause: Resume
"""


class Wish(NamedTuple):
    """What was asked for."""

    output: str
    seed: int
    faults: Mapping[str, int]
    policy: str
    file: str
    speed: float | None
    pictures: Pictures | None
    record: str | None
    findings_matter: bool
    verbose: bool


@command.command("log-retry", epilog=EPILOG, short_help="A log backup that is killed twice, and its retry policy.")
@click.option(
    "--seed", metavar="N", type=click.IntRange(min=0), default=1, show_default=True, help="What chance draws from."
)
@click.option(
    "--faults",
    metavar="N|NAME=N",
    type=Faults(),
    multiple=True,
    help="Let N faults happen, drawn by chance; or N of that name, see below. Repeatable.",
)
@click.option(
    "--policy", "file", metavar="FILE", type=FILE, help="The LogBackupRetryPolicy, YAML or JSON; - for stdin."
)
@click.option("--real-time", is_flag=True, help="Show everything when it happens; on a terminal with a live line.")
@click.option(
    "--speed",
    metavar="FACTOR",
    type=Speed(),
    help=f"With --real-time: so many seconds of the story in one of the clock.  [default: {SPEED:g}]",
)
@output_option("text", "json")
@click.option("--record", metavar="FILE", type=click.Path(dir_okay=False), help="Write the watch items, for `replay`.")
@click.option(
    "--diagrams",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help=f"Where the picture of the travelled path is written.  [default: {PLACE}]",
)
@click.option(
    "--diagram-format", type=click.Choice(FORMS), default=("svg",), show_default=True, multiple=True, help="Of these."
)
@click.option("--no-diagrams", is_flag=True, help="Write no picture.")
@click.option("--exit-code", "findings_matter", is_flag=True, help="Exit with 3 if anything is stuck or unexpected.")
@click.option("-v", "--verbose", is_flag=True, help="Say with every transition what it means.")
def log_retry(
    seed: int,
    faults: tuple[tuple[str, int], ...],
    file: str | None,
    real_time: bool,
    speed: float | None,
    output: str,
    record: str | None,
    diagrams: str | None,
    diagram_format: tuple[str, ...],
    no_diagrams: bool,
    findings_matter: bool,
    verbose: bool,
) -> int:
    """A log backup that is killed for memory twice, and its retry policy.

    It is retried after a look at the task, and streams; the user pauses and resumes it; TiKV pauses it because of an
    error; the user stops it. The same seed, faults and policy tell the same story, byte for byte.
    """
    if speed is not None and not real_time:
        raise UsageError("--speed is only of use with --real-time")
    if real_time and output != "text":
        raise UsageError(f"--real-time shows the text; --output {output} comes when everything is over")
    if no_diagrams and diagrams is not None:
        raise UsageError("give --diagrams or --no-diagrams, not both")
    pictures = None if no_diagrams else Pictures(Path(diagrams or PLACE), diagram_format)
    pace = (SPEED if speed is None else speed) if real_time else None
    drawn = drawn_faults(faults, seed)
    wish = Wish(
        output,
        seed,
        drawn,
        DEFAULT_POLICY if file is None else policy_text(file),
        _shown(file),
        pace,
        pictures,
        record,
        findings_matter,
        verbose,
    )
    code = _text(wish) if output == "text" else _json(wish)
    if record is not None:
        say(f"wrote the watch items to {record}")
    if pictures is not None:
        say(pictures.told())
    return code


def drawn_faults(wished: Iterable[tuple[str, int]], seed: int) -> dict[str, int]:
    """The faults by name; those without one are drawn from all names, by the same seed always the same."""
    found: Counter[str] = Counter()
    dice = random.Random(f"faults {seed}")
    for name, number in wished:
        if name:
            found[name] += number
        else:
            found.update(DRAWN[int(dice.random() * len(DRAWN))] for _ in range(number))
    return {name: found[name] for name in FAULTS if name in found}


def _shown(file: str | None) -> str:
    return "the defaults" if file is None else STDIN if file == "-" else file


# ------------------------------------------------------------------ the telling


class _Telling:
    """Takes what happens when it is time for it: acts go to the timeline, watch items to the fold."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.story = LogRetryStory(wish.policy, random.Random(wish.seed), wish.faults)
        self.acts: deque[Act] = deque(maxlen=MOST_ACTS)
        self.count = 0
        self.live = LiveLine(self.story.begin, wish.speed)
        self.progress = Progress(())

    def clear(self) -> None:
        """Take away what stands on a terminal only for a while."""
        self.live.clear()
        self.progress.clear()

    def fold(self, timeline: StoryLine | None = None) -> CountingFold:
        """The whole story, folded; the timeline is told of it as it happens."""
        listener = None if timeline is None else timeline.entry
        fold = CountingFold(lambda problem: None, deadlines=DEADLINES, keep=KEEP, listener=listener)
        with ExitStack() as stack:
            stack.callback(self.clear)
            record = None
            if self.wish.record is not None:
                record = stack.enter_context(Path(self.wish.record).open("w", encoding="utf-8"))
            fold.take_all(merged([self._items(fold, timeline, record)]))
        return fold

    def _items(self, fold: CountingFold, timeline: StoryLine | None, record: TextIO | None) -> Iterator[Item]:
        for number, happening in enumerate(self.story.happenings(), 1):
            self.live.wait(happening.at)
            if isinstance(happening, Act):
                self.count += 1
                self.acts.append(happening)
                if timeline is not None:
                    timeline.act(happening)
            else:
                item = item_of(happening, number)
                if record is not None:
                    record.write(item.text.decode() + "\n")
                yield item
            if self.live.on:
                self.live.state, self.live.due = self._present(fold)
            elif self.wish.speed is None:
                self.progress.item(len(fold.live))

    def _present(self, fold: CountingFold) -> tuple[str, int | None]:
        """Where the Backup stands as far as the story is told, and when the next retry is due."""
        track = next(fold.tracks(), None)
        if track is None or track.state is None or track.lifecycle is None or track.backup is None:
            return "", None
        leaves = " · ".join(track.lifecycle.machine.leaves(track.state.configuration))
        status = retries_of(track.observation).status
        waits = status.last is not None and status.state == "backoff_waiting"
        due = seconds_of(status.last.expected_retry_at or "") if status.last is not None and waits else None
        phase = track.backup.status.phase or "none"
        return f"{leaves}, phase {phase}, task {self.story.simulation.task.standing}", due


def item_of(change: Change, number: int) -> Item:
    """A change as the reader of its watch has it."""
    text = compact({"type": change.type, "object": change.object.to_json(), "at": text_of(change.at)}).encode()
    return Item("", number, change.type, change.object, change.at, text, text=text)


class StoryLine(Timeline):
    """A timeline in which people, faults and the companion have their lines too."""

    def act(self, act: Act) -> None:
        """One line: time, who, what."""
        name = f"{NAMESPACE}/{NAME}"
        self._name_width = max(self._name_width, len(name))
        head = self._time(act.at, name) + "  "
        if not self._narrow:
            head += " " * (self._name_width + 2)
        self.output.paragraph(Span(head + act.who, _WHO[act.who]), act.text, len(head) + _WHO_WIDTH + 2)


class LiveLine:
    """Lets a story go by the clock, and shows on a terminal's stderr where it is. `due`: when a retry is."""

    def __init__(self, begin: int, speed: float | None) -> None:
        self.begin, self.speed = begin, speed
        self.on = speed is not None and sys.stderr is not None and sys.stderr.isatty()
        self.state = ""
        self.due: int | None = None
        self._started = time.monotonic()
        self._shown = False

    def wait(self, at: int) -> None:
        """Return when it is time for what happens at `at` (Unix seconds of the story)."""
        if self.speed is None:
            return
        due = self._started + (at - self.begin) / self.speed
        while (left := due - time.monotonic()) > 0:
            if self.on:
                self._show(self.speed)
            time.sleep(min(left, REFRESH_S))

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False

    def _show(self, speed: float) -> None:
        now = self.begin + int((time.monotonic() - self._started) * speed)
        waits = "" if self.due is None or self.due < now else f", next retry in {self.due - now} s"
        text = f"{text_of(now)[11:19]} ×{speed:g}  {self.state}{waits}"
        self._shown = True  # first, for Ctrl-C may come in between
        sys.stderr.write("\r\x1b[K" + _writable(text)[: shutil.get_terminal_size().columns - 1])
        sys.stderr.flush()


def _writable(text: str) -> str:
    """The text as far as the locale has its letters."""
    encoding = sys.stderr.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


# ------------------------------------------------------------------ the two outputs


def _text(wish: Wish) -> int:
    telling = _Telling(wish)
    output = Output(before=telling.clear)
    output.live = output.live or wish.speed is not None
    output.paragraph(Span("log-retry", "title"), _told(wish), len("log-retry") + 2, "dim")
    timeline = StoryLine(output, with_docs=wish.verbose)
    fold = telling.fold(timeline)
    timeline.legend()
    report, findings, now = Report(output), Findings(), telling.story.now
    for entry in _drawn(fold, now, wish, findings):
        report.backup(entry)
    for entry in findings.of(fold.jobs(now)):
        report.job(entry)
    report.end(fold)
    return code_of(fold, findings, matter=wish.findings_matter)


def _told(wish: Wish) -> str:
    faults = ", ".join(f"{name} {number}" for name, number in wish.faults.items()) or "none but the story's"
    return f"seed {wish.seed}; policy: {wish.file}; faults: {faults}"


def _json(wish: Wish) -> int:
    telling = _Telling(wish)
    output = Output(before=telling.clear, data=True)
    fold = telling.fold()
    findings, now = Findings(), telling.story.now
    answer = JsonObject(output.raw)
    answer.value("story", "log-retry")
    answer.value("seed", wish.seed)
    answer.value("faults", wish.faults)
    answer.value("unmetFaults", dict(sorted(telling.story.unmet.items())))
    answer.value("reached", telling.story.reached)
    answer.array("acts", ({"at": text_of(each.at), "who": each.who, "text": each.text} for each in telling.acts))
    answer.value("droppedActs", telling.count - len(telling.acts))
    answer.value("events", fold.events)
    answer.array("problems", ())
    answer.array("backups", _drawn(fold, now, wish, findings))
    answer.array("jobs", findings.of(fold.jobs(now)))
    answer.end()
    return code_of(fold, findings, matter=wish.findings_matter)


def _drawn(fold: CountingFold, now: int, wish: Wish, findings: Findings) -> Iterator[dict[str, Any]]:
    for entry in findings.of(fold.backups(now)):
        if wish.pictures is not None:
            wish.pictures.draw(entry)
        yield entry
