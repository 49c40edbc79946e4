"""The generated blocks of the pages are what the code says, and their generator says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_reading import ROOT

from fsm.adapter.traps import TRAPS
from fsm.cli.docgen import blocks, faults, main, rule_link, shown_in, traps
from fsm.diagram import markdown_of
from fsm.errors import InputError
from fsm.machines import MACHINES

DOCS = ROOT / "docs"


def page(directory: Path, name: str, text: str = "") -> Path:
    """A page with one block."""
    written = directory / "page.md"
    written.write_text(f"# By hand\n\n<!-- generated: {name} -->\n{text}<!-- end of generated -->\n\nBy hand too.\n")
    return written


def test_no_generated_block_is_stale_and_none_is_left_out() -> None:
    assert list(faults(DOCS)) == [], "write them anew: make docs"


@pytest.mark.parametrize("name", MACHINES)
def test_every_machine_has_a_page_with_its_picture_an_introduction_and_its_tables(name: str) -> None:
    text = (DOCS / "machines" / f"{name}.md").read_text("utf-8")
    assert shown_in(text) == (f"picture {name}", f"tables {name}")
    by_hand = text.partition("<!-- end of generated -->")[2].partition("<!-- generated")[0]
    assert len(by_hand.split()) > 50


@pytest.mark.parametrize("name", MACHINES)
def test_the_tables_of_a_page_are_those_of_the_diagrams_with_every_state_and_transition(name: str) -> None:
    made = blocks()[f"tables {name}"]()
    assert made in markdown_of(MACHINES[name])
    assert made.count('<a id="state-') == len(MACHINES[name].states)
    assert made.count('<a id="transition-') == len(MACHINES[name].transitions)


def test_every_trap_is_a_row_with_its_sentence_way_out_and_rule() -> None:
    made = traps()
    rows = [line for line in made.splitlines() if line.startswith("| `")]
    assert len(rows) == len(TRAPS)
    for trap in TRAPS:
        assert any(f"`{trap.id}`" in row and trap.escape in row and rule_link(trap.section) in row for row in rows)


def test_a_section_that_cannot_be_linked_is_an_error() -> None:
    assert rule_link("operator-semantics S14 (ii)") == "[S14 (ii)](operator-behaviour.md#rule-s14)"
    assert rule_link("operator-semantics 6.6") == "[6.6](operator-behaviour.md#rule-6-6)"
    with pytest.raises(InputError, match="operator-semantics S7"):
        rule_link("chapter seven")


def test_writing_renews_the_blocks_and_leaves_the_rest_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = page(tmp_path, "help stories", "of yesterday\n")
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{written}\n"
    text = written.read_text("utf-8")
    assert "of yesterday" not in text
    assert "Usage: backup-fsm stories [OPTIONS]" in text
    assert text.startswith("# By hand\n")
    assert text.endswith("\nBy hand too.\n")
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_the_check_names_stale_pages_and_blocks_without_a_page_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = page(tmp_path, "help stories", "of yesterday\n")
    assert main(["--check", str(tmp_path)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"{written} is stale"
    assert "no page shows <!-- generated: tables job -->" in told
    assert "no page shows <!-- generated: help stories -->" not in told
    assert "of yesterday" in written.read_text("utf-8")


def test_a_block_that_nobody_makes_is_an_error_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = page(tmp_path, "tables nothing")
    assert main([str(tmp_path)]) == 2
    assert f"{written}:3: there is no block 'tables nothing'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<!-- generated: traps -->\nnothing ends here\n", 1),
        ("<!-- generated: traps -->\n\n<!-- generated: help -->\n<!-- end of generated -->\n", 3),
    ],
    ids=["alone", "before another"],
)
def test_a_block_without_an_end_is_an_error(
    text: str, line: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would never be renewed, or swallow what follows."""
    written = tmp_path / "page.md"
    written.write_text(text)
    assert main([str(tmp_path)]) == 2
    assert f"{written}:{line}: " in capsys.readouterr().err
    assert written.read_text() == text
