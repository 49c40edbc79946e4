"""Nothing is left out of the pages: public names, commands, options, verdicts, deadlines, rules, layers, packages."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from doc_reading import IDS, PAGES, ROOT, anchors, blocks, text_of

import fsm
from fsm.adapter.traps import TRAPS
from fsm.adapter.verdict import DEADLINES, Judgement
from fsm.cli import COMMANDS, cli
from fsm.cli.docgen import rule_anchor
from fsm.model import parse_duration

DOCS = ROOT / "docs"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CODE = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in sorted((ROOT / "fsm").rglob("*.py"))}


def by_hand(name: str) -> str:
    """A page without its generated blocks."""
    return re.sub(r"<!-- generated: .*?<!-- end of generated -->", "", text_of(DOCS / name), flags=re.DOTALL)


def table(name: str, head: str) -> dict[str, list[str]]:
    """The rows of the table of a page whose header line starts so, by their first cell."""
    rows: dict[str, list[str]] = {}
    inside = False
    for line in text_of(DOCS / name).splitlines():
        if inside and not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if inside and not line.startswith("|---"):
            rows[cells[0]] = cells[1:]
        inside = inside or line.startswith(head)
    return rows


# ------------------------------------------------------------------ Python and the command line


@pytest.mark.parametrize("name", fsm.__all__)
def test_every_public_name_is_in_the_page_of_the_library(name: str) -> None:
    assert re.search(rf"\b{name}\b", by_hand("library.md"))


def options(command: click.Command) -> list[str]:
    return [option for each in command.params if isinstance(each, click.Option) for option in each.opts]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_every_option_of_it_is_in_the_page_of_the_command_line(name: str) -> None:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    page = text_of(DOCS / "command-line.md")
    assert f"\n## {name}\n" in page
    assert [option for option in options(found) if not re.search(rf"{option}(?![\w-])", page)] == []


def test_options_that_need_a_word_have_it_beside_the_help_texts() -> None:
    """Help says what an option is; the page says what it means."""
    page = by_hand("command-line.md")
    for option in ("--at", "--deadline", "--keep-going", "--exit-code", "--output", "--highlight", "--transitions"):
        assert f"`{option}" in page, option


# ------------------------------------------------------------------ verdicts


def test_the_verdicts_are_described_worst_first() -> None:
    assert list(table("verdicts.md", "| Verdict |")) == [f"`{each}`" for each in Judgement]


def test_the_deadlines_of_the_page_are_those_in_force() -> None:
    rows = table("verdicts.md", "| Name |")
    assert {name.strip("`"): parse_duration(cells[0]) // 10**9 for name, cells in rows.items()} == dict(DEADLINES)


# ------------------------------------------------------------------ rules of the operator

RULES = anchors(DOCS / "operator-behaviour.md")
_CITED = re.compile(r"[Oo]perator-semantics ((?:S?\d[\d.]*\d|S?\d)(?:(?:, | and | to )(?:S?\d[\d.]*\d|S?\d))*)")
_SHORT = re.compile(r"\((\d\.\d)[,:)]")
_SURPRISE = re.compile(r"\bS(\d{1,2})\b")


def cited(text: str) -> set[str]:
    """The sections and surprises that a text names. The storage called S3 passes for the third surprise."""
    long = {rule for found in _CITED.findall(text) for rule in re.split(r", | and | to ", found)}
    return long | set(_SHORT.findall(text)) | {f"S{number}" for number in _SURPRISE.findall(text)}


def test_citations_are_read_in_all_their_forms() -> None:
    text = "(operator-semantics 1.5, 2 and 3) (5.2) operator-semantics S14 (ii), S7, operator-semantics 2.4 to 2.7: 4.2"
    assert cited(text) == {"1.5", "2", "3", "5.2", "S14", "S7", "2.4", "2.7"}


def test_every_trap_has_its_rule_explained() -> None:
    rules = {rule for trap in TRAPS for rule in cited(trap.section)}
    assert rules
    assert {rule for rule in rules if rule_anchor(rule) not in RULES} == set()


@pytest.mark.parametrize("name", CODE)
def test_every_rule_that_the_code_cites_is_explained(name: str) -> None:
    unknown = {rule for rule in cited(CODE[name]) if rule_anchor(rule) not in RULES}
    assert unknown == set(), "explain it in operator-behaviour.md"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_rule_that_a_page_cites_is_explained(page: Path) -> None:
    assert {rule for rule in cited(text_of(page)) if rule_anchor(rule) not in RULES} == set()


# ------------------------------------------------------------------ how it is built, run and tested


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_target_of_make_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", text_of(page), re.MULTILINE)) <= targets


def test_every_folder_of_tests_has_its_row() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert {f"`tests/{name}`" for name in folders} <= set(table("testing.md", "| Folder |"))


def test_every_benchmark_has_its_row() -> None:
    program = (ROOT / "benchmarks/__main__.py").read_text("utf-8")
    listed = re.findall(r"^(?:BENCHMARKS|LONG) = (\(.*\))$", program, re.MULTILINE)
    names = [name for each in listed for name in ast.literal_eval(each)]
    assert list(table("benchmarks.md", "| Benchmark |")) == [f"`{name}`" for name in names]


def test_the_layers_of_the_page_are_those_of_the_contract() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    assert blocks(DOCS / "architecture.md", "text")[0].text.splitlines() == layers


def test_every_package_has_its_row_in_the_page_of_the_architecture() -> None:
    packages = {f"fsm.{path.parent.name}" for path in (ROOT / "fsm").glob("*/__init__.py")}
    described = set(re.findall(r"`(fsm\.\w+)`", " ".join(table("architecture.md", "| Package |"))))
    assert described == packages | {"fsm.errors"}


def dependencies(listed: list[str]) -> set[str]:
    return {re.split(r"[<>=!~\[; ]", each)[0] for each in listed}


@pytest.mark.parametrize(
    ("section", "listed"),
    [
        ("## What users install", PROJECT["project"]["dependencies"]),
        (
            "## What developers install",
            [name for group in PROJECT["project"]["optional-dependencies"].values() for name in group],
        ),
        ("## What builds the package", PROJECT["build-system"]["requires"]),
    ],
    ids=["users", "developers", "build"],
)
def test_every_dependency_has_a_line_that_says_why_and_no_line_is_left_over(section: str, listed: list[str]) -> None:
    part = text_of(DOCS / "dependencies.md").partition(section)[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE)) == dependencies(listed)
