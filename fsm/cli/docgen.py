"""The generated parts of the documentation: `python -m fsm.cli.docgen [--check] DIR` writes or compares them.

Pages are written by hand, all but their blocks: what stands between `<!-- generated: NAME -->` and
`<!-- end of generated -->` is replaced by what the code says. Every block must stand on some page, so a machine or a
command that no page tells of is a fault with a name. Nothing outside the blocks is ever touched.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from fsm.adapter.traps import TRAPS, Trap
from fsm.cli import COMMANDS, cli
from fsm.diagram import markdown_of
from fsm.diagram.generate import write_or_check
from fsm.environment import CATALOGUE, DIVERGENCES, MISHAPS, UNASKED, WORLDS, Claim, Divergence, Mishap
from fsm.errors import InputError, Place
from fsm.kernel import Machine
from fsm.machines import MACHINES

WIDTH = 100
"""Columns of the help texts."""

_BLOCK = re.compile(r"(^<!-- generated: (\S[^\n]*) -->\n)(.*?)(^<!-- end of generated -->$)", re.DOTALL | re.MULTILINE)
_OPENING = re.compile(r"^<!-- generated: ", re.MULTILINE)
_RULE = re.compile(r"operator-semantics ((S?)([\d.]+).*)")


def blocks() -> dict[str, Callable[[], str]]:
    """Every block by its name; its text is made when it is asked for."""
    found: dict[str, Callable[[], str]] = {"help": help_of, "machines": machines, "traps": traps}
    found |= {"divergences": divergences, "claims": claims, "mishaps": mishaps, "unasked": unasked}
    found |= {f"help {name}": partial(help_of, name) for name in commands()}
    found |= {f"picture {machine.name}": partial(picture, machine) for machine in MACHINES.values()}
    found |= {f"tables {machine.name}": partial(tables, machine) for machine in MACHINES.values()}
    return found


def commands() -> Iterator[str]:
    """Every command, and those of a group after it: `demo`, `demo log-retry`."""
    for name in COMMANDS:
        yield name
        found = cli.get_command(click.Context(cli), name)
        if isinstance(found, click.Group):
            yield from (f"{name} {each}" for each in found.commands)


# ------------------------------------------------------------------ the texts


def machines() -> str:
    """Every machine with its sentence, as seen from the top of the documentation."""
    head = "| Machine | What it is | States | Transitions |\n|---|---|---|---|"
    rows = (
        f"| [`{each.name}`](machines/{each.name}.md) | {each.doc} | {len(each.states)} | {len(each.transitions)} |"
        for each in MACHINES.values()
    )
    return "\n".join((head, *rows))


def picture(machine: Machine) -> str:
    """A machine's sentence and its picture, as seen from `docs/machines`."""
    return f"{machine.doc}\n\n![The states and transitions of {machine.name}](../../diagrams/{machine.name}.svg)"


def tables(machine: Machine) -> str:
    """A machine's tables; the page has a title and a sentence of its own."""
    _, _, rest = markdown_of(machine).partition("\n## ")
    return f"## {rest}".rstrip()


def help_of(name: str = "") -> str:
    """What `--help` prints, at a fixed width."""
    context = click.Context(cli, info_name="backup-fsm", terminal_width=WIDTH, max_content_width=WIDTH)
    command: click.Command = cli
    for word in name.split():
        assert isinstance(command, click.Group)
        found = command.get_command(context, word)
        assert found is not None  # the names are those of `commands`
        command, context = found, click.Context(found, context, word, terminal_width=WIDTH, max_content_width=WIDTH)
    context.help_option_names = ["-h", "--help"]
    return f"```text\n{command.get_help(context)}\n```"


def traps() -> str:
    """The traps in the order in which they are looked for, one table a machine."""
    parts = [_trap_table(name) for name in dict.fromkeys(trap.machine for trap in TRAPS)]
    return "\n\n".join(parts)


def _trap_table(machine: str) -> str:
    title = "Any Backup" if machine == "any" else f"Backups of the machine `{machine}`"
    head = "| Trap | What is wrong | The way out | Rests on | Rule |\n|---|---|---|---|---|"
    rows = [_trap_row(trap) for trap in TRAPS if trap.machine == machine]
    return "\n".join((f"### {title}", "", head, *rows))


def _trap_row(trap: Trap) -> str:
    evidence = ", ".join(f"`{each}`" for each in trap.evidence)
    cells = (f"`{trap.id}`", trap.sentence.rstrip(":"), trap.escape, evidence, rule_link(trap.section))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def divergences() -> str:
    """The divergences in the order in which they are looked for."""
    head = "| Divergence | Machines | What the operator does, and why the chart does not | Rule |\n|---|---|---|---|"
    return "\n".join((head, *map(_divergence_row, DIVERGENCES)))


def _divergence_row(row: Divergence) -> str:
    where = ", ".join(f"[`{machine.name}`](machines/{machine.name}.md)" for machine in row.machines)
    return f"| `{row.name}` | {where} | {row.sentence} | {rule_link(row.section)} |"


def claims() -> str:
    """The property catalogue, with what is known about each world."""
    worlds = tuple(dict.fromkeys(name for name, _ in WORLDS))
    head = f"| Claim | Of | Says | {' | '.join(worlds)} | Budgets |\n|---|---|---|{'---|' * len(worlds)}---|"
    return "\n".join((head, *(_claim_row(claim, worlds) for claim in CATALOGUE)))


def _claim_row(claim: Claim, worlds: Sequence[str]) -> str:
    known = (claim.known.get(world) for world in worlds)
    verdicts = ["" if each is None else f"{each.verdict} {each.bug}".strip() for each in known]
    budgets = ", ".join(f"{name} {number}" for name, number in claim.budgets.items())
    says = f"{claim.formula.sentence} ({claim.field})"
    return f"| `{claim.id}` | {claim.mode} | {says} | {' | '.join(verdicts)} | {budgets} |"


def mishaps() -> str:
    """What may go wrong, by budget."""
    head = "| Budget | What it bounds | Of |\n|---|---|---|"
    return "\n".join((head, *(f"| `{each.name}` | {each.sentence} | {_modes(each)} |" for each in MISHAPS)))


def _modes(mishap: Mishap) -> str:
    return ", ".join(sorted(mishap.modes, reverse=True))


def unasked() -> str:
    """What the field's catalogue claims and ours does not."""
    head = "| Field | Why nothing here asks it |\n|---|---|"
    return "\n".join((head, *(f"| {name} | {reason} |" for name, reason in UNASKED.items())))


def rule_link(section: str) -> str:
    """A section of operator-semantics as a link to the row that says what it is."""
    found = _RULE.fullmatch(section)
    if found is None:
        raise InputError(f"found the section {section!r}", expected="operator-semantics S7, or operator-semantics 6.6")
    return f"[{found[1]}](operator-behaviour.md#{rule_anchor(found[2] + found[3])})"


def rule_anchor(rule: str) -> str:
    """The anchor of a section such as S7 or 6.6."""
    return f"rule-{rule.lower().replace('.', '-')}"


# ------------------------------------------------------------------ the pages


def renewed(text: str, file: str) -> str:
    """A page with its blocks made anew; a block that is not known is an InputError with its line."""
    known = blocks()
    _refuse_endless(text, file)

    def block(found: re.Match[str]) -> str:
        opening, name, _, closing = found.groups()
        if name not in known:
            raise InputError(
                f"there is no block {name!r}", expected=", ".join(known), place=_place(text, file, found.start())
            )
        return f"{opening}{known[name]()}\n{closing}"

    return _BLOCK.sub(block, text)


def _refuse_endless(text: str, file: str) -> None:
    """Every opening has its own end: a block without one would swallow what follows, or stay as it is for ever."""
    begun = {found.start() for found in _BLOCK.finditer(text)}
    for found in _OPENING.finditer(text):
        if found.start() not in begun:
            place = _place(text, file, found.start())
            raise InputError(
                "this block has no end, or the one before it has none",
                expected="<!-- end of generated -->",
                place=place,
            )


def _place(text: str, file: str, position: int) -> Place:
    return Place(file, text.count("\n", 0, position) + 1)


def shown_in(text: str) -> tuple[str, ...]:
    """The names of the blocks of a page."""
    return tuple(found[2] for found in _BLOCK.finditer(text))


def pages(directory: Path) -> list[Path]:
    """All pages, by name."""
    return sorted(directory.rglob("*.md"))


def faults(directory: Path) -> Iterator[str]:
    """What is wrong: a page that is stale, a block that no page shows."""
    shown: set[str] = set()
    for page in pages(directory):
        text = page.read_text("utf-8")
        shown.update(shown_in(text))
        if renewed(text, str(page)) != text:
            yield f"{page} is stale"
    for name in blocks():
        if name not in shown:
            yield f"no page shows <!-- generated: {name} -->"


def write(directory: Path) -> Iterator[str]:
    """Renew the pages; yields those that changed."""
    for page in pages(directory):
        text = page.read_text("utf-8")
        new = renewed(text, str(page))
        if new != text:
            page.write_text(new, "utf-8")
            yield str(page)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or check them."""
    return write_or_check("fsm.cli.docgen", __doc__, write, faults, arguments)


if __name__ == "__main__":
    sys.exit(main())
