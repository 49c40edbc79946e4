"""`python -m benchmarks [NAME…] [--quick] [--json] [--seed N] [--rounds N]`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import click
from rich.console import Console

from benchmarks import report
from benchmarks.measure import QUICK, Finding, Settings

BENCHMARKS = ("dispatch", "snapshot", "memory", "startup", "replay")
LONG = ("check",)
"""Those that run only when they are named."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice((*BENCHMARKS, *LONG)))
@click.option("--quick", is_flag=True, help="A few seconds, for a first look.")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output instead of tables.")
@click.option("--seed", type=int, default=Settings.seed, show_default=True, help="Orders the rounds, makes the input.")
@click.option("--rounds", type=click.IntRange(min=1), help="Rounds in which the sides take turns.")
def main(names: tuple[str, ...], quick: bool, as_json: bool, seed: int, rounds: int | None) -> None:
    """Compare the speed and size of fsm with other ways to do the same."""
    settings = replace(QUICK if quick else Settings(), seed=seed)
    settings = replace(settings, rounds=rounds or settings.rounds)
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else 150)
    console.print(report.heading(settings))
    findings: list[Finding] = []
    for name in names or BENCHMARKS:
        module: Any = import_module(f"benchmarks.{name}")
        measured: Callable[[Settings], list[Finding]] = module.findings
        found = measured(settings)
        findings += found
        report.print_table(name, module.__doc__.splitlines()[0], found, console)
    if as_json:
        click.echo(report.as_json(settings, findings))


if __name__ == "__main__":
    main()
