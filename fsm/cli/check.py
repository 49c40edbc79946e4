"""`check`: the property catalogue against a whole world, and stories taken again."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

import click
from click.shell_completion import CompletionItem

from fsm.cli import FINDINGS, FINE
from fsm.cli.conform import Duration
from fsm.cli.options import output_option
from fsm.cli.output import JsonObject, Output, Span, indented
from fsm.environment import CATALOGUE, MISHAPS, UNASKED, WORLDS, Claim, Watch, Wish, coverage_claims, world_of
from fsm.errors import InputError, Place, UsageError
from fsm.kernel import Form, World, plain, typed

EPILOG = """\b
Examples:
  backup-fsm check                                   the operator against the whole catalogue
  backup-fsm check --world ours --exit-code          our own decision; 3 unless every claim holds
  backup-fsm check --property delete-is-repeated     tells the shortest story that breaks it
  backup-fsm check --property no-orphan --budget faults=2 --budget api=1 --limit-time 5m
  backup-fsm check --property one-subcommand --output html > story.html
  backup-fsm check --property one-end --output promela > world.pml
  backup-fsm check --stories build/stories           every story as text, JSON, Mermaid and a page
  backup-fsm check --replay build/stories/delete-is-repeated.json

Each claim is checked with the fewest mishaps that it is worth asking about; --budget allows more. See --list.
"""

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
FORMS = ("text", "json", "html", "junit", "promela")
STORY_FORMS = ("txt", "json", "mmd", "html")


# ------------------------------------------------------------------ options


class Choice(click.ParamType[str]):
    """One of some names, with completion."""

    def __init__(self, name: str, choices: Sequence[str]) -> None:
        self.name = name
        self._choices = choices

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self._choices:
            self.fail(f"there is no {self.name} {value!r}; there are {', '.join(self._choices)}", param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(each) for each in self._choices if each.startswith(incomplete)]


class Budget(click.ParamType[tuple[str, int]]):
    """`NAME=N`: how often a mishap may happen."""

    name = "budget"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        name, _, number = value.partition("=")
        if name not in {mishap.name for mishap in MISHAPS}:
            there = ", ".join(mishap.name for mishap in MISHAPS)
            self.fail(f"there is no budget {name!r}; there are {there}", param, ctx)
        if not (number.isascii() and number.isdigit()):
            self.fail(f"{value!r} is not NAME=N, such as {name}=1", param, ctx)
        return name, int(number)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found = (mishap for mishap in MISHAPS if mishap.name.startswith(incomplete))
        return [CompletionItem(f"{mishap.name}=", type="nospace", help=mishap.sentence) for mishap in found]


class Size(click.ParamType[int]):
    """Bytes, as 500M or 2G."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        number, unit = (value[:-1], value[-1:].upper()) if value[-1:].upper() in UNITS else (value, "")
        if not (number.isascii() and number.isdigit()) or int(number) == 0:
            self.fail(f"{value!r} is no size such as 500M or 2G", param, ctx)
        return int(number) * UNITS[unit]


class Asked(NamedTuple):
    """What was asked for. Times are in nanoseconds, sizes in bytes; None is no limit."""

    world: str
    modes: tuple[str, ...]
    properties: tuple[str, ...]
    backups: int
    budgets: Mapping[str, int]
    states: int | None
    memory: int | None
    time: int | None
    first: bool
    coverage: bool


@click.command("check", epilog=EPILOG)
@click.option(
    "--world",
    type=Choice("world", tuple(dict.fromkeys(name for name, _ in WORLDS))),
    default=WORLDS[0][0],
    show_default=True,
    help="Who decides: the operator as it is, or our own decision in its place.",
)
@click.option(
    "--mode",
    "modes",
    multiple=True,
    type=Choice("mode", tuple(dict.fromkeys(mode for _, mode in WORLDS))),
    help="Only claims about this kind of backup. Repeatable.  [default: all that the world knows]",
)
@click.option(
    "--property",
    "properties",
    metavar="ID",
    multiple=True,
    type=Choice("property", tuple(claim.id for claim in CATALOGUE)),
    help="Only this claim, and tell its story. Repeatable.",
)
@click.option("--backups", type=click.IntRange(1, 4), default=1, show_default=True, help="How many Backups there are.")
@click.option(
    "--budget",
    "budgets",
    metavar="NAME=N",
    multiple=True,
    type=Budget(),
    help="How often a mishap may happen, in place of the claim's own budget. Repeatable.",
)
@click.option("--limit-states", metavar="N", type=click.IntRange(min=1), help="Stop at so many states.")
@click.option(
    "--limit-memory",
    metavar="SIZE",
    type=Size(),
    help="Stop before the data take more, such as 2G.  [default: half of the machine's]",
)
@click.option("--limit-time", metavar="DURATION", type=Duration(), help="Stop each world after so long, such as 5m.")
@click.option("--first", is_flag=True, help="Stop a world as soon as all its claims are refuted.")
@output_option(*FORMS)
@click.option(
    "--stories",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"Write every story into DIR, as {', '.join(STORY_FORMS)}.",
)
@click.option(
    "--replay",
    "file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take a story (JSON) again, on the reference and on the chart.",
)
@click.option(
    "--coverage", is_flag=True, help="Check instead that every state of the charts occurs, and name those that do not."
)
@click.option("--list", "listing", is_flag=True, help="List claims and budgets, and check nothing.")
@click.option("--exit-code", "findings_matter", is_flag=True, help="Exit with 3 unless every claim holds.")
def command(
    world: str,
    modes: tuple[str, ...],
    properties: tuple[str, ...],
    backups: int,
    budgets: tuple[tuple[str, int], ...],
    limit_states: int | None,
    limit_memory: int | None,
    limit_time: int | None,
    first: bool,
    output: str,
    stories: Path | None,
    file: Path | None,
    coverage: bool,
    listing: bool,
    findings_matter: bool,
) -> int:
    """Explore every interleaving of operator, cluster, pods, user, clock and mishaps, and judge the property catalogue.

    A claim holds, is violated (then the story with the fewest faults, and of those the shortest, is told), is vacuous
    (what it is about never happens), or was not finished (a limit was hit). Nothing passes in silence.
    """
    asked = Asked(
        world, modes, properties, backups, dict(budgets), limit_states, limit_memory, limit_time, first, coverage
    )
    if listing:
        return _list(asked)
    if file is not None:
        return _replay(file)
    campaign = Campaign(asked)
    if output == "promela":
        return _promela(campaign)
    code = {"text": _text, "json": _json, "html": _html, "junit": _junit}[output](campaign, stories)
    return code if code != FINE or not findings_matter else campaign.code


# ------------------------------------------------------------------ the work


@dataclass(frozen=True, slots=True)
class Answer:
    """One claim judged. `report` is of the whole world it was judged in, `seconds` for all claims in that one."""

    claim: Claim
    finding: Any
    report: Any
    seconds: float
    world: World

    @property
    def verdict(self) -> str:
        return str(self.finding.verdict)

    def bug(self, name: str) -> str:
        """What the violation is known as, "" where it is not known."""
        known = self.claim.known.get(name)
        return known.bug if known is not None and known.verdict == self.verdict else ""

    def expected(self, name: str) -> str:
        known = self.claim.known.get(name)
        return "" if known is None else known.verdict


class Group(NamedTuple):
    """Claims that are judged in one world."""

    mode: str
    wish: Wish
    budgets: tuple[tuple[str, int], ...]
    claims: list[Claim]


class Campaign:
    """All the claims that were asked for, world by world."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.groups = self._groups()
        self.code = FINE
        self._progress = _Counter()

    def _groups(self) -> list[Group]:
        found: dict[tuple[Any, ...], Group] = {}
        for claim in self._claims():
            budgets = {**claim.budgets, **self.asked.budgets}
            key = (claim.mode, claim.wish_in(self.asked.world), tuple(sorted(budgets.items())))
            found.setdefault(key, Group(*key, [])).claims.append(claim)
        return list(found.values())

    def _claims(self) -> list[Claim]:
        asked = self.asked
        catalogue = coverage_claims() if asked.coverage else CATALOGUE
        known = [claim for claim in catalogue if asked.world in claim.known]
        chosen = [
            claim
            for claim in known
            if (not asked.modes or claim.mode in asked.modes) and (not asked.properties or claim.id in asked.properties)
        ]
        if not chosen:
            raise UsageError(f"no claim fits: the world {asked.world} has none of these modes or properties")
        return chosen

    def answers(self) -> Iterator[Answer]:
        """One after the other; what is long tells how far it is on a terminal's stderr."""
        from fsm.check import Limits, check

        for group in self.groups:
            world = world_of(self.asked.world, group.mode, dict(group.budgets), self.asked.backups, group.wish)
            began = time.monotonic()
            limits = Limits(self.asked.states, self.asked.memory or _half_of_memory(), self._alarm(began))
            report = check(
                world,
                [claim.formula for claim in group.claims],
                limits,
                self._progress,
                self.asked.first,
                options=_options(self.asked.world, group),
            )
            self._progress.clear()
            seconds = time.monotonic() - began
            for claim, finding in zip(group.claims, report.findings, strict=True):
                if finding.verdict != "holds":
                    self.code = FINDINGS
                yield Answer(claim, finding, report, seconds, world)

    def _alarm(self, began: float) -> Callable[[], bool]:
        if self.asked.time is None:
            return lambda: False
        end = began + self.asked.time / 1e9
        return lambda: time.monotonic() > end


def _half_of_memory() -> int:
    """Bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _options(world: str, group: Group) -> dict[str, str]:
    """What a story needs to be taken again, beside its budgets."""
    return {"world": world, "mode": group.mode, "wish": json.dumps(plain(group.wish), sort_keys=True)}


class _Counter:
    """One line on a terminal's stderr, once the work takes longer than a second."""

    def __init__(self) -> None:
        self._on = sys.stderr is not None and sys.stderr.isatty()
        self._next = time.monotonic() + 1.0
        self._shown = False

    def __call__(self, progress: Any) -> None:
        if not self._on or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 0.2
        text = f"{progress.states:,} states, {progress.transitions:,} transitions, depth {progress.depth}"
        text += f", {progress.faults} faults"
        sys.stderr.write("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1])
        sys.stderr.flush()
        self._shown = True

    def clear(self) -> None:
        """Take the line away."""
        self._next = time.monotonic() + 1.0
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False


# ------------------------------------------------------------------ text


_STYLE = {"holds": "done", "violated": "failed", "vacuous": "waiting", "not finished": "uncertain"}


def _text(campaign: Campaign, stories: Path | None) -> int:
    out = Output()
    tallies: dict[str, int] = {}
    surprises = 0
    worlds: dict[int, Answer] = {}
    for answer in campaign.answers():
        worlds[id(answer.report)] = answer
        tallies[answer.verdict] = tallies.get(answer.verdict, 0) + 1
        surprise = not campaign.asked.budgets and answer.expected(campaign.asked.world) not in {"", answer.verdict}
        surprises += surprise
        out.line(*_row(answer, campaign.asked.world, surprise))
        for line in _details(answer):
            out.line(Span(line, "dim"))
        if campaign.asked.properties and answer.finding.story is not None:
            from fsm.check.text import lines_of

            out.line()
            for spans in lines_of(answer.finding.story, out.width or 110):
                out.line(*(Span(text, style) for text, style in spans))
            out.line()
        _write_stories(answer, stories)
    counted = ", ".join(f"{number} {verdict}" for verdict, number in tallies.items())
    reports = [answer.report for answer in worlds.values()]
    states, seconds = sum(each.states for each in reports), sum(answer.seconds for answer in worlds.values())
    out.line()
    out.line(f"{counted}; {states:,} states of {len(reports)} worlds in {seconds:.1f} s")
    if surprises:
        out.line(Span(f"{surprises} not as it is known of this world", "alarm"))
    if "violated" in tallies and not campaign.asked.properties:
        out.line(Span("A story is told by --property ID; all of them are written by --stories DIR.", "dim"))
    return FINE


def _row(answer: Answer, world: str, surprise: bool) -> list[Span]:
    story = answer.finding.story
    length = "" if story is None else f"  {_plural(story.faults, 'fault')}, {_plural(len(story.steps), 'step')}"
    known = answer.bug(world)
    spans = [
        Span(f"{answer.verdict:<13}", _STYLE[answer.verdict]),
        Span(f"{known:<5}"),
        Span(f"{answer.claim.id:<30}", "name"),
        Span(f"{answer.claim.formula.sentence}"),
        Span(length, "dim"),
    ]
    return spans + [Span(f"  known: {answer.expected(world)}", "alarm")] * surprise


def _details(answer: Answer) -> Iterator[str]:
    report, finding = answer.report, answer.finding
    if finding.fairness_needed:
        yield f"{'':<18}needs to be fair: {', '.join(finding.fairness_needed)}"
    if finding.note:
        yield f"{'':<18}{finding.note}"
    if not report.finished:
        yield f"{'':<18}stopped by {report.stopped_by} at {report.states:,} states"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


# ------------------------------------------------------------------ the other forms


def _json(campaign: Campaign, stories: Path | None) -> int:
    out = Output(data=True)
    document = JsonObject(out.raw)
    document.value("world", campaign.asked.world)
    document.value("backups", campaign.asked.backups)
    document.array("claims", _told(campaign, stories))
    document.end()
    return FINE


def _told(campaign: Campaign, stories: Path | None) -> Iterator[dict[str, Any]]:
    for answer in campaign.answers():
        _write_stories(answer, stories)
        yield _data(answer, campaign.asked.world)


def _data(answer: Answer, world: str) -> dict[str, Any]:
    from fsm.check import story_to_json

    claim, finding, report = answer.claim, answer.finding, answer.report
    return {
        "id": claim.id,
        "sentence": claim.formula.sentence,
        "form": str(claim.formula.form),
        "mode": claim.mode,
        "field": claim.field,
        "verdict": answer.verdict,
        "known": answer.expected(world),
        "bug": answer.bug(world),
        "component": finding.component,
        "budgets": {name: number for name, number in report.budgets.items() if number},
        "states": report.states,
        "transitions": report.transitions,
        "depth": report.depth,
        "faults": report.faults,
        "bytes": report.bytes_,
        "seconds": round(answer.seconds, 3),
        "finished": report.finished,
        "stoppedBy": report.stopped_by,
        "fairness": {
            "assumed": list(finding.fairness_assumed),
            "needed": None if finding.fairness_needed is None else list(finding.fairness_needed),
        },
        "silentRules": _silent(answer),
        "note": finding.note,
        "story": None if finding.story is None else story_to_json(finding.story),
    }


def _silent(answer: Answer) -> list[str]:
    """Rules that never fired although every budget that they draw on had something in it."""
    allowed = {rule.name for rule in answer.world.rules if all(answer.world.budgets[budget] for budget in rule.budgets)}
    return [rule for rule in answer.report.silent_rules if rule in allowed]


def _html(campaign: Campaign, stories: Path | None) -> int:
    from fsm.check.html import html_of

    violated = []
    for answer in campaign.answers():
        _write_stories(answer, stories)
        if answer.finding.story is not None:
            violated.append(answer)
    if len(violated) != 1:
        what = "no claim is violated" if not violated else f"{len(violated)} claims are violated"
        raise UsageError(f"a page tells one story, and {what}: choose with --property, or use --stories DIR")
    Output(data=True).raw(html_of(violated[0].finding.story))
    return FINE


def _junit(campaign: Campaign, stories: Path | None) -> int:
    """A claim fails where its verdict is not as it is known; a known violation is a test that is skipped."""
    cases: list[str] = []
    failures = skipped = 0
    for answer in campaign.answers():
        _write_stories(answer, stories)
        expected = answer.expected(campaign.asked.world) or "holds"
        inner = ""
        if answer.verdict != expected:
            failures += 1
            text = _story_text(answer)
            inner = f"<failure message={quoteattr(f'{answer.verdict}, known: {expected}')}>{escape(text)}</failure>"
        elif answer.verdict != "holds":
            skipped += 1
            inner = f"<skipped message={quoteattr(f'{answer.verdict} as known {answer.bug(campaign.asked.world)}')}/>"
        name, of = quoteattr(answer.claim.id), quoteattr(f"{campaign.asked.world}.{answer.claim.mode}")
        cases.append(f'  <testcase classname={of} name={name} time="{answer.seconds:.3f}">{inner}</testcase>')
    head = f'<testsuite name="backup-fsm check" tests="{len(cases)}" failures="{failures}" skipped="{skipped}">'
    Output(data=True).raw("\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>", ""]))
    return FINE


def _story_text(answer: Answer) -> str:
    from fsm.check.text import text_of

    return "" if answer.finding.story is None else text_of(answer.finding.story, None)


def _write_stories(answer: Answer, directory: Path | None) -> None:
    if directory is None or answer.finding.story is None:
        return
    from fsm.check import story_to_json
    from fsm.check.html import html_of
    from fsm.check.mermaid import mermaid_of
    from fsm.check.text import text_of

    story = answer.finding.story
    directory.mkdir(parents=True, exist_ok=True)
    texts = {
        "txt": text_of(story, 120),
        "json": indented(story_to_json(story)) + "\n",
        "mmd": mermaid_of(story),
        "html": html_of(story),
    }
    for form in STORY_FORMS:
        (directory / f"{answer.claim.id}.{form}").write_text(texts[form], encoding="utf-8")


def _promela(campaign: Campaign) -> int:
    """The world of the chosen claims as a model for SPIN, which then is the judge."""
    from fsm.check.promela import promela_of

    if len(campaign.groups) != 1:
        raise UsageError("a model is of one world, and these claims are about several: choose with --property")
    (group,) = campaign.groups
    world = world_of(campaign.asked.world, group.mode, dict(group.budgets), campaign.asked.backups, group.wish)
    fair = any(claim.formula.form in {Form.EVENTUALLY, Form.LEADS_TO} for claim in group.claims)
    Output(data=True).raw(promela_of(world, [claim.formula for claim in group.claims], fair=fair))
    return FINE


def _list(asked: Asked) -> int:
    out = Output()
    for claim in (each for group in Campaign(asked).groups for each in group.claims):
        known = claim.known.get(asked.world)
        bug = "" if known is None else f"{known.verdict} {known.bug}".strip()
        budgets = ", ".join(f"{name}={number}" for name, number in claim.budgets.items())
        out.line(Span(f"{claim.id:<30}", "name"), f"{claim.mode:<10}{bug:<15}{claim.formula.sentence}")
        out.line(Span(f"{'':<55}{claim.formula.form}; {budgets}", "dim"))
    out.line()
    for mishap in MISHAPS:
        out.line(Span(f"{mishap.name:<30}", "name"), f"{'budget':<25}{mishap.sentence}")
    out.line()
    for name, reason in UNASKED.items():
        out.line(Span(f"{name:<30}", "name"), f"{'not asked':<25}{reason}")
    return FINE


# ------------------------------------------------------------------ a story taken again


def _replay(file: Path) -> int:
    """On the reference, step by step; beside it what the chart and the verdict say of the objects alone."""
    from fsm.check import replayed, story_from_json

    try:
        story = story_from_json(json.loads(file.read_bytes()))
    except ValueError as error:
        raise InputError(
            f"this is no JSON: {error}", expected="a story of backup-fsm check", place=Place(str(file))
        ) from None
    except InputError as error:
        place = replace(error.place, file=str(file))
        raise InputError(error.problem, expected=error.expected, place=place) from None
    world = _world_of(story)
    try:
        states = replayed(world, story)
    except InputError as error:
        raise InputError(
            error.problem, expected=error.expected, place=Place(str(file), path=error.place.path)
        ) from None
    out = Output()
    out.line(Span(f"{story.property}: {story.sentence}", "title"))
    out.line()
    watch = Watch()
    for number, state in enumerate(states):
        parts = {name: value for (name, index), value in zip(world.slots, state, strict=True) if index in {None, 0}}
        chart = watch.seen(parts)
        what = "at first" if number == 0 else f"{story.steps[number - 1].actor}: {story.steps[number - 1].what}"
        leaves = ", ".join(chart.configuration) or "-"
        out.line(f"{number:>3}  ", Span(f"{leaves:<28}", "name"), Span(f"{chart.verdict:<13}", chart.verdict), what)
    end = watch.seen(parts, later=_LATER)
    out.line()
    out.line("an hour later: ", Span(end.verdict, end.verdict), f", {end.because}")
    if end.escape:
        out.line(f"way out: {end.escape}")
    out.line(f"All {_plural(len(story.steps), 'step')} were taken again on the reference, and the facts are the same.")
    return FINE


_LATER = 3600
_A_STORY = "a story as `backup-fsm check --stories` writes it"


def _world_of(story: Any) -> World:
    """The world that the story says it is from."""
    options, place = story.options, Place(path="options")
    missing = [key for key in ("world", "mode", "wish") if key not in options]
    if missing:
        raise InputError(f"the story does not say its {missing[0]}", expected=_A_STORY, place=place)
    try:
        wish: Wish = typed(Wish, json.loads(options["wish"]))
        return world_of(options["world"], options["mode"], story.budgets, story.components, wish)
    except (UsageError, ValueError) as error:
        raise InputError(str(error), expected="a world that there is", place=place) from None
