"""`testgen`: suites of tests from the graphs of machines."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

import fsm
from fsm.cli import say
from fsm.cli.options import MachineName
from fsm.cli.output import Output, compact
from fsm.cli.progress import Progress
from fsm.errors import UsageError
from fsm.kernel import Machine
from fsm.machines import MACHINES
from fsm.testgen import (
    MOST_PLACES,
    Cover,
    MachineSuite,
    explored,
    graph_of_world,
    machine_suite_of,
    pytest_file,
    stories_of,
    suite_of,
    vector_of,
    world_stories_of,
    world_vector_of,
)

EPILOG = """\b
Examples:
  backup-fsm testgen snapshot > snapshot.jsonl
  backup-fsm testgen snapshot --format pytest --out test_snapshot_transitions.py
  backup-fsm testgen --cover classes | jq -r .title
  backup-fsm testgen log --cover states --places 5000 --out log.jsonl
  backup-fsm testgen --world operator-v1.6 --mode snapshot --budget kill=1 --cover classes --out operator.jsonl

The events are concrete: guards are tried at the seconds at which they change their minds. The same machine always has
the same suite. docs/testgen.md says what is covered, and describes the vectors.
"""


@click.command("testgen", epilog=EPILOG)
@click.argument("names", metavar="[MACHINE]...", nargs=-1, type=MachineName())
@click.option(
    "--cover",
    type=click.Choice([each.value for each in Cover]),
    default=Cover.TRANSITIONS.value,
    show_default=True,
    help="What has to occur in some test: every state, every transition, one of each class of transitions, every two "
    "transitions in a row.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("json", "pytest")),
    default="json",
    show_default=True,
    help="Vectors, one a line; or a file for pytest, of one machine.",
)
@click.option("--out", metavar="FILE", type=click.Path(dir_okay=False), help="Write there instead of to stdout.")
@click.option(
    "--places",
    metavar="N",
    type=click.IntRange(min=1),
    default=MOST_PLACES,
    show_default=True,
    help="Look at no more places of a machine than that, the nearest ones.",
)
@click.option("--world", metavar="WORLD", help="Of this world of `check` instead of machines; all of it is explored.")
@click.option("--mode", default="snapshot", show_default=True, help="With --world: the kind of backup in it.")
@click.option(
    "--budget",
    "budgets",
    metavar="NAME=N",
    multiple=True,
    help="With --world: how often a mishap may happen. Repeatable.",
)
def command(
    names: tuple[str, ...],
    cover: str,
    form: str,
    out: str | None,
    places: int,
    world: str | None,
    mode: str,
    budgets: tuple[str, ...],
) -> None:
    """Write tests that cover a machine in few steps: MACHINE..., or all of them; or a whole world.

    What a suite covers and costs is said on stderr, with the least that any suite of that graph can cost.
    """
    if world is not None:
        _refuse_with_world(names, form)
        _write(out, _world_texts(world, mode, budgets, Cover(cover)))
        return
    machines = [MACHINES[name] for name in dict.fromkeys(names or MACHINES)]
    if form == "pytest" and len(machines) > 1:
        raise UsageError(f"a pytest file is of one machine, not of {len(machines)}; name one")
    _write(out, (_text(suite, form) for suite in _suites(machines, Cover(cover), places)))


def _write(out: str | None, texts: Iterable[str]) -> None:
    if out is None:
        output = Output(data=True)
        for text in texts:
            output.raw(text)
    else:
        with Path(out).open("w", encoding="utf-8") as stream:
            stream.writelines(texts)
        say(f"wrote {out}")


# ------------------------------------------------------------------ worlds

MOST_STATES = 100_000
"""Of a world; a suite of more would be of no use."""


def _refuse_with_world(names: tuple[str, ...], form: str) -> None:
    if names:
        raise UsageError(f"a suite is of machines or of a world, not of {names[0]} and a world")
    if form == "pytest":
        raise UsageError("a pytest file is of one machine, not of a world; use --format json")


def _world_texts(name: str, mode: str, budgets: tuple[str, ...], cover: Cover) -> Iterator[str]:
    """The vectors of a world, one a line."""
    from fsm.check import Limits, explore
    from fsm.cli.check import Budget
    from fsm.environment import world_of

    given = dict(Budget().convert(each, None, None) for each in budgets)
    world = world_of(name, mode, given)
    graph = explore(world, Limits(states=MOST_STATES))

    def told(state: int) -> dict[str, str]:
        parts = zip(world.slots, graph.state(state), strict=True)
        return {
            f"{world.label(slot)} {fact}": text
            for slot, value in parts
            for fact, text in world.parts[slot[0]].told(slot[0], value).items()
        }

    def edges(state: int) -> list[tuple[str, int | None, str, int]]:
        return [(each.rule, each.component, each.what, int(each.target)) for each in graph.edges(state)]

    suite = suite_of(graph_of_world(graph.states, map(int, graph.initial), edges, told), cover)
    steps = sum(len(path) for path in suite.paths)
    say(f"{world.name}: {len(suite.paths):,} tests with {steps:,} steps cover its {_WHAT[cover]}")
    source = {"program": "backup-fsm testgen", "version": fsm.__version__, "cover": cover.value}
    for story in world_stories_of(suite, world.name.replace(" ", "-")):
        yield compact(world_vector_of(story, world.name, source)) + "\n"


# ------------------------------------------------------------------ making


class PlaceProgress(Progress):
    """Counts the places that were looked at."""

    def _show(self, live: int) -> None:
        text = f"{self._items:,} of {live:,} places"
        sys.stderr.write("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1])
        sys.stderr.flush()
        self._shown = True


def _suites(machines: list[Machine], cover: Cover, places: int) -> Iterator[MachineSuite]:
    for machine in machines:
        progress = PlaceProgress([])
        try:
            found = explored(machine, places, lambda done, seen, to=progress: to.item(seen))  # type: ignore[misc]
            suite = machine_suite_of(found, cover)
        finally:
            progress.clear()
        for sentence in _about(suite):
            say(f"{machine.name}: {sentence}")
        yield suite


def _text(suite: MachineSuite, form: str) -> str:
    machine, cover = suite.explored.machine, suite.suite.cover
    stories = list(stories_of(suite))
    if form == "pytest":
        doc = f"The machine `{machine.name}` as it was declared: tests that cover its {_WHAT[cover]}."
        return pytest_file(machine, stories, doc, f"Written by {_command(suite)} of version {fsm.__version__}.")
    source: dict[str, Any] = {"program": "backup-fsm testgen", "version": fsm.__version__, "cover": cover.value}
    return "".join(compact(vector_of(story, source)) + "\n" for story in stories)


def _command(suite: MachineSuite) -> str:
    return f"`backup-fsm testgen {suite.explored.machine.name} --cover {suite.suite.cover} --format pytest`"


# ------------------------------------------------------------------ in words

_WHAT = {
    Cover.STATES: "states",
    Cover.TRANSITIONS: "transitions",
    Cover.CLASSES: "classes of transitions",
    Cover.PAIRS: "pairs of transitions",
}


def _about(suite: MachineSuite) -> Iterator[str]:
    """What the suite is, and what it leaves out."""
    found, planned = suite.explored, suite.suite
    covered = planned.wanted - suite.missed
    yield (
        f"{_number(len(suite.walks), 'test')} with {_number(suite.steps, 'step')} cover {covered:,} of "
        f"{planned.wanted:,} {_WHAT[planned.cover]}; cost {suite.cost:,}, at least {planned.bound:,} for any suite"
    )
    if found.left:
        seen = found.graph.size
        yield f"{seen - found.left:,} of {seen:,} places were looked at from within, so there may be more; see --places"
    if suite.missed:
        yield f"{suite.missed:,} exist only for the state that represents a place; no test gets to them"
    for number in found.never:
        yield f"nothing takes {found.machine.transitions[number]}"


def _number(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
