"""`diagram`: pictures of machines, drawn from their declaration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from fsm.cli import say
from fsm.cli.options import FILE, MachineName
from fsm.cli.output import Output
from fsm.diagram import FORMATS, Engine, Format, Highlight, highlight_from_text
from fsm.errors import InputError, Place, UsageError
from fsm.kernel import Machine
from fsm.machines import MACHINES

EPILOG = """\b
Examples:
  backup-fsm diagram snapshot > snapshot.svg
  backup-fsm diagram --format png --out pictures
  backup-fsm diagram log --format mermaid
  backup-fsm replay --output json night.jsonl | backup-fsm diagram snapshot --highlight - > night.svg
"""


@click.command("diagram", epilog=EPILOG)
@click.argument("names", metavar="[NAME]...", nargs=-1, type=MachineName())
@click.option("--format", "form", type=click.Choice(tuple(FORMATS)), default="svg", show_default=True, help="Of what.")
@click.option("--out", metavar="DIR", type=click.Path(file_okay=False), help="Write files there, one a machine.")
@click.option(
    "--highlight",
    metavar="TRACE",
    type=FILE,
    help="Show a travelled path: steps as JSON, or what `replay --output json` printed.",
)
@click.option("--backup", metavar="NAME", default="", help="Which Backup of the replay, where it tells of several.")
@click.option(
    "--engine",
    type=click.Choice(("pure", "dot")),
    default="pure",
    show_default=True,
    help="What lays out SVG and PNG: the wheel that comes along, or the system's dot.",
)
def command(
    names: tuple[str, ...], form: str, out: str | None, highlight: str | None, backup: str, engine: Engine
) -> None:
    """Draw machines from their declaration: NAME..., or all of them.

    One machine goes to stdout; several need --out.
    """
    machines = [MACHINES[name] for name in dict.fromkeys(names or MACHINES)]
    path = _path(machines, highlight, backup)
    if out is not None:
        _write(machines, FORMATS[form], path, engine, Path(out))
        return
    if len(machines) > 1:
        raise UsageError(f"one picture fits on stdout, not {len(machines)}; name one machine, or give --out DIR")
    _show(FORMATS[form].draw(machines[0], path, engine), FORMATS[form])


def _path(machines: Sequence[Machine], trace: str | None, backup: str) -> Highlight | None:
    """The path to highlight, which is that of one machine."""
    if trace is None:
        if backup:
            raise UsageError("--backup chooses from a --highlight, and there is none")
        return None
    if len(machines) != 1:
        raise UsageError("a --highlight is the path of one machine; name it")
    return highlight_from_text(machines[0], _text(trace), file="<stdin>" if trace == "-" else trace, backup=backup)


def _text(trace: str) -> str:
    with click.open_file(trace, "rb") as stream:
        content: bytes = stream.read()
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InputError("not UTF-8 text", expected="a trace in JSON", place=Place(trace)) from None


def _write(machines: Sequence[Machine], form: Format, path: Highlight | None, engine: Engine, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for machine in machines:
        target = out / f"{machine.name}.{form.suffix}"
        target.write_bytes(form.draw(machine, path, engine))
        say(f"wrote {target}")


def _show(content: bytes, form: Format) -> None:
    output = Output()
    if form.binary and output.terminal:
        raise UsageError("a terminal cannot show this format; send it to a file, or use --out DIR")
    output.bytes(content)
