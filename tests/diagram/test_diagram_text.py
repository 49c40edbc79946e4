"""Mermaid and Markdown: complete, and safe against every name."""

from __future__ import annotations

import re

import pytest
from diagram_charts import CORNER, TINY, strange_machines
from hypothesis import given, settings
from markdown_it import MarkdownIt

from fsm.diagram import Visit, markdown_of, mermaid_of
from fsm.diagram.highlight import Highlight
from fsm.diagram.text import identifier, shown
from fsm.kernel import Machine
from fsm.machines import MACHINES

each_machine = pytest.mark.parametrize("machine", [*MACHINES.values(), TINY, CORNER], ids=lambda machine: machine.name)

NAME = r"[A-Za-z0-9_]+"
WORDS = r"(?:[\w ,./()!?+*@=|'\-\[\]·×…✓✗]|#\d+;|<br/>)*"
"""What may stand in our labels. Mermaid 11.17 showed every character from 1 to 0x17f, so written, as what it is."""
LINES = [
    r"stateDiagram-v2",
    r"direction LR",
    r"classDef \w+ [\w:#,.\-]+",
    rf"class {NAME}(?:,{NAME})* \w+",
    rf'state "{WORDS}" as {NAME}(?: \{{)?',
    rf"state {NAME} <<choice>>",
    r"\}",
    r"--",
    rf"(?:\[\*\]|{NAME}) --> {NAME}(?:: {WORDS})?",
    r"%% transitions \d+(?: \d+)*",
]
GRAMMAR = re.compile("|".join(f"(?:{line})" for line in LINES))


def read(text: str) -> set[int]:
    """The numbers of all transitions in a Mermaid text, each line of which must be one of those above."""
    for line in text.splitlines():
        assert GRAMMAR.fullmatch(line.strip()), line
    assert text.count("{\n") == len(re.findall(r"^ *\}$", text, re.MULTILINE))
    declared = set(re.findall(rf"^ *state (?:.* as )?({NAME})(?: \{{| <<choice>>)?$", text, re.MULTILINE))
    used = set(re.findall(rf"^ *({NAME}) -->", text, re.MULTILINE)) | set(re.findall(rf"--> ({NAME})", text))
    assert used <= declared
    edges = re.findall(r"%% transitions ([\d ]+)\n +\S+ --> ", text)
    return {int(number) for found in edges for number in found.split()}


@each_machine
def test_mermaid_has_every_state_and_every_transition(machine: Machine) -> None:
    text = mermaid_of(machine)
    assert read(text) == set(range(len(machine.transitions)))
    for state in machine.states:
        assert len(re.findall(rf" as s_{state.id}(?: {{)?$", text, re.MULTILINE)) == 1


def test_mermaid_never_draws_an_edge_between_a_compound_and_its_own_inside() -> None:
    text = mermaid_of(CORNER)
    assert not re.search(r"(?<!any_)s_box --> s_(low|high|box)|s_(low|high) --> s_box", text)
    assert "any_s_box --> s_high: throw" in text
    assert "any_s_box --> any_s_box: knock" in text


def test_a_transition_that_leaves_nothing_stays_in_the_table() -> None:
    assert re.search(r"\| knock \| \[box\]\(#state-box\) \| stays \|", markdown_of(CORNER))


@each_machine
def test_mermaid_keeps_states_in_their_compounds(machine: Machine) -> None:
    stack: list[str] = []
    found: dict[str, str | None] = {}
    for line in mermaid_of(machine).splitlines():
        if declared := re.search(r" as s_(\w+)( \{)?$", line):
            found[declared[1]] = stack[-1] if stack else None
            stack += [declared[1]] if declared[2] else []
        elif line.strip() == "}":
            stack.pop()
    assert found == {state.id: state.parent for state in machine.states}


@settings(max_examples=150, deadline=None)
@given(strange_machines())
def test_no_name_leaves_mermaids_grammar(machine: Machine) -> None:
    path = Highlight({0: 3}, {machine.states[0].id: Visit(2, 1, 10**9)}, ())
    assert read(mermaid_of(machine, path)) == set(range(len(machine.transitions)))


@each_machine
def test_the_tables_have_a_row_for_every_state_and_transition(machine: Machine) -> None:
    text = markdown_of(machine)
    assert re.findall(r'^\| <a id="state-([^"]+)"', text, re.MULTILINE) == [state.id for state in machine.states]
    numbers = re.findall(r'^\| <a id="transition-(\d+)"', text, re.MULTILINE)
    assert numbers == [str(number) for number in range(len(machine.transitions))]
    for each in (*machine.guards.values(), *machine.actions.values()):
        assert each.doc.split()[0] in text


@settings(max_examples=100, deadline=None)
@given(strange_machines())
def test_names_are_read_back_from_the_tables_as_they_are(machine: Machine) -> None:
    rows, links = tables(markdown_of(machine))
    states = rows[1 : 1 + len(machine.states)]
    docs = [words(state.doc) for state in machine.states]
    assert [row[0] for row in states] == [words(state.id) for state in machine.states]
    assert [row[-1][: len(doc)] for row, doc in zip(states, docs, strict=True)] == docs
    assert links <= {f"#state-{identifier(state.id)}" for state in machine.states}
    transitions = rows[len(states) + 2 : len(states) + 2 + len(machine.transitions)]
    assert [row[1] for row in transitions] == [words(row.event) for row in machine.transitions]


def words(text: str) -> str:
    return " ".join(shown(text).split())


def tables(text: str) -> tuple[list[list[str]], set[str]]:
    """The cells of all table rows as a Markdown reader shows them, and the targets of all links."""
    rows: list[list[str]] = []
    links: set[str] = set()
    in_row = False
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(text):
        in_row = (in_row or token.type == "tr_open") and token.type != "tr_close"
        rows += [[]] if token.type == "tr_open" else []
        if token.type == "inline" and in_row:
            children = token.children or []
            rows[-1].append(words("".join(each.content for each in children if each.type.startswith("text"))))
            links |= {str(each.attrs["href"]) for each in children if each.type == "link_open"}
    return rows, links
