"""`explain`: one answer a Backup, from objects alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import click

from fsm.adapter.explanation import Explanation, Prospect, explanation_of
from fsm.adapter.verdict import deadlines_with
from fsm.cli.options import FILE, Instant, judging_options, output_option, policy_of
from fsm.cli.output import JsonObject, Output, Span
from fsm.cli.reading import CountingFold, Findings, Reading, checked, code_of, is_finding
from fsm.cli.replay import problem_json
from fsm.cli.timeline import Report
from fsm.errors import InputError
from fsm.machines import MACHINES
from fsm.model import SECOND, format_duration, seconds_of, text_of
from fsm.replay.fold import backup_entry
from fsm.replay.track import Track

EPILOG = """\b
Examples:
  kubectl get backup,jobs,pods -A -o json | backup-fsm explain -f -
  kubectl get backup demo -o yaml | backup-fsm explain -f - -f jobs.yaml
  backup-fsm explain -f objects.json --at 2026-11-22T02:30:00Z
  backup-fsm explain -f objects.json --output json | jq -r '.backups[] | select(.verdict == "stuck") | .escape'
  backup-fsm explain -f objects.json --exit-code || page-someone

Give the Jobs and Pods too: a verdict that would need them says `uncertain` and names what is missing.
"""


class Answer(NamedTuple):
    """A Backup's entry, and its explanation, None where the Backup itself was not given."""

    entry: Mapping[str, Any]
    explanation: Explanation | None

    def to_json(self) -> dict[str, Any]:
        more = self.explanation.to_json() if self.explanation is not None else {}
        return {**self.entry, **more}


@click.command("explain", epilog=EPILOG, options_metavar="-f FILE... [OPTIONS]")
@click.option(
    "-f", "--filename", "named", metavar="FILE...", multiple=True, type=FILE, help="What to read; - is stdin."
)
@click.argument("more", metavar="", nargs=-1, type=FILE)
@output_option("text", "json")
@click.option("--at", metavar="TIME", type=Instant(), help="The clock of the verdicts: RFC 3339.  [default: now]")
@judging_options
@click.option("-v", "--verbose", is_flag=True, help="Show also what the guards refuse now.")
def command(
    named: tuple[str, ...],
    more: tuple[str, ...],
    output: str,
    at: int | None,
    deadlines: tuple[tuple[str, int], ...],
    policy_file: str | None,
    keep_going: bool,
    findings_matter: bool,
    verbose: bool,
) -> int:
    """One answer a Backup: its state, since when, why, what comes next, and whether it is stuck.

    FILE is what kubectl prints, in JSON or YAML, or - for stdin.
    """
    reading = Reading(checked((*named, *more), policy_file), keep_going=keep_going)
    fold = reading.fold(deadlines_with(dict(deadlines)), 0, policy_of(policy_file))
    now = _now(fold, at)
    findings = Findings()
    if output == "json":
        _json(fold, now, findings)
    else:
        _text(fold, now, findings, verbose=verbose)
    return code_of(fold, findings, matter=findings_matter)


def _now(fold: CountingFold, at: int | None) -> int:
    """The time that was asked for; else the clock, unless the objects come from a clock ahead of it."""
    return fold.clock(max(int(time.time()), fold.newest) if at is None else at)


def _answers(fold: CountingFold, now: int, findings: Findings) -> Iterator[Answer]:
    for track in fold.tracks():
        verdicts = fold.verdicts(track, now)
        entry = backup_entry(track, verdicts, now)
        findings.any = findings.any or is_finding(entry)
        yield Answer(entry, _explanation(fold, track, now))


def _explanation(fold: CountingFold, track: Track, now: int) -> Explanation | None:
    """None for a Backup that was not given, or that the lifecycle cannot read."""
    if track.backup is None or track.lifecycle is None or track.state is None:
        return None
    try:
        return explanation_of(track.lifecycle, track.full_observation, track.state, now, fold.deadlines)
    except InputError:  # reported when it was met
        return None


def _json(fold: CountingFold, now: int, findings: Findings) -> None:
    answer = JsonObject(Output(data=True).raw)
    answer.value("at", text_of(now))
    answer.value("events", fold.events)
    answer.array("problems", map(problem_json, fold.problems))
    answer.array("backups", (each.to_json() for each in _answers(fold, now, findings)))
    answer.array("jobs", findings.of(fold.jobs(now)))
    answer.end()


# ------------------------------------------------------------------ text


def _text(fold: CountingFold, now: int, findings: Findings, *, verbose: bool) -> None:
    output = Output()
    report = Page(output, now, verbose=verbose)
    output.line(Span(f"as of {text_of(now)}", "dim"))
    for answer in _answers(fold, now, findings):
        report.answer(answer)
    for entry in findings.of(fold.jobs(now)):
        report.job(entry)
    report.end(fold)


class Page(Report):
    """The report of a replay, with explanations."""

    def __init__(self, output: Output, now: int, *, verbose: bool) -> None:
        super().__init__(output)
        self.now = now
        self.verbose = verbose

    def moment(self, at: str | None) -> str | None:
        """A time, and how far away it is."""
        return None if at is None else f"{at} ({_distance(seconds_of(at) - self.now)})"

    def answer(self, answer: Answer) -> None:
        """One Backup, explained."""
        self.backup(answer.entry)
        for name, command in answer.entry["commands"].items():
            if command["retry"] is not None:
                self.field("retry", f"{name}: {self._retry_text(command['retry'])}")
        if answer.explanation is not None:
            machine = MACHINES[answer.entry["machine"]]
            self._explanation(answer.explanation, machine.leaves(tuple(answer.entry["configuration"])))

    def _retry_text(self, retry: Mapping[str, Any]) -> str:
        """Which one, when, how many are left, until when, and what holds it."""
        left = retry["attemptsLeft"]
        parts = [f"{retry['number']} of {retry['of']}, {left} {'attempt' if left == 1 else 'attempts'} left"]
        if retry["expectedAt"]:
            parts.append(f"expected at {self.moment(retry['expectedAt'])}")
        if retry["timeoutAt"]:
            parts.append(f"none begins after {self.moment(retry['timeoutAt'])}")
        if retry["held"]:
            parts.append(f"held: {retry['held']}")
        return ", ".join(parts)

    def _explanation(self, explanation: Explanation, leaves: tuple[str, ...]) -> None:
        for state, doc in explanation.docs:
            if state in leaves:
                self.field("means", f"{state}: {doc}")
        if explanation.next is not None:
            coming = explanation.next
            self.field("next", f"{self.moment(text_of(coming.at))}: {coming.target}")
        for answer in explanation.why:
            fields = ", ".join(f"{path} {_shown(value)}" for path, value in answer.fields.items())
            said = f"{answer.guard} is {'true' if answer.value else 'false'}"
            self.field("guard", f"{said}: {answer.doc}" + (f" Looked at: {fields}." if fields else ""))
        self._prospects(list(dict.fromkeys(explanation.prospects)))

    def _prospects(self, prospects: Sequence[Prospect]) -> None:
        """What each event would do now; other alternatives, which the guards refuse, only where all is asked for."""
        moving = {each.event for each in prospects if each.taken}
        shown = [each for each in prospects if each.taken or self.verbose]
        for number, each in enumerate(shown):
            self.field("on event" if number == 0 else "", _prospect_text(each), "" if each.taken else "dim")
        refused = dict.fromkeys(each.event for each in prospects if each.event not in moving)
        if refused and not self.verbose:
            self.field("refused", f"{', '.join(refused)} (not now: see the guards)", "dim")


def _prospect_text(prospect: Prospect) -> str:
    guards = f" [{', '.join(prospect.guards)}]" if prospect.guards else ""
    target = prospect.target if prospect.target != prospect.source else "stays"
    refused = "" if prospect.taken else "(not now) "
    return f"{refused}{prospect.event}{guards} → {target}: {prospect.doc}"


def _shown(value: Any) -> str:
    return "is not set" if value is None else f"= {value}"


def _distance(seconds: int) -> str:
    """`in 1m5s`, `2h0m0s ago`."""
    text = format_duration(abs(seconds) * SECOND)
    return f"in {text}" if seconds > 0 else f"{text} ago" if seconds < 0 else "now"
