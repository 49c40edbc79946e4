"""What the commands write with: JSON in pieces, tables and paragraphs."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.cli.output import JsonObject, Output, Span, compact, indented
from fsm.errors import UsageError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.dictionaries(st.text(), JSON, max_size=3), st.dictionaries(st.text(), st.lists(JSON, max_size=3), max_size=3))
def test_an_object_written_in_pieces_is_the_object(values: dict[str, Any], arrays: dict[str, list[Any]]) -> None:
    written: list[str] = []
    answer = JsonObject(written.append)
    for key, value in values.items():
        answer.value(key, value)
    for key, elements in arrays.items():
        answer.array(key, iter(elements))
    answer.end()
    pairs = json.loads("".join(written), object_pairs_hook=list) if arrays.keys() & values.keys() else None
    if pairs is None:
        assert json.loads("".join(written)) == {**values, **arrays}
    else:
        assert [key for key, _ in pairs] == [*values, *arrays]


def test_only_one_element_of_an_array_is_held() -> None:
    events: list[str] = []

    def elements() -> Any:
        for number in range(3):
            events.append(f"made {number}")
            yield number

    JsonObject(lambda text: events.append(text.strip(" \n,[]"))).array("a", elements())
    assert [each for each in events if each][1:] == ["made 0", "0", "made 1", "1", "made 2", "2"]


@given(JSON)
def test_compact_json_is_one_line(data: Any) -> None:
    text = compact(data)
    assert "\n" not in text
    assert json.loads(text) == data
    assert json.loads(indented(data, 4)) == data


class Fake(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> tuple[Output, Fake]:
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Fake()
    monkeypatch.setattr(sys, "stdout", stream)
    return Output(), stream


def test_cells_that_do_not_fit_go_below(terminal: tuple[Output, Fake]) -> None:
    output, stream = terminal
    output.cells([Span("a" * 20), Span("b" * 20), Span("c" * 20), Span("d")], (22, 0), 4)
    assert stream.getvalue().splitlines() == [f"{'a' * 20}    {'b' * 20}", f"    {'c' * 20}  d"]


def test_a_label_too_long_for_its_column_stands_above_the_text(terminal: tuple[Output, Fake]) -> None:
    output, stream = terminal
    output.paragraph(Span("short"), "text " * 12, 10)
    output.paragraph(Span("a label that is long"), "text", 10)
    assert stream.getvalue().splitlines() == [
        "short     " + " ".join(["text"] * 8),
        " " * 10 + " ".join(["text"] * 4),
        "a label that is long",
        " " * 10 + "text",
    ]


def test_styles_are_colours_on_a_terminal_only(terminal: tuple[Output, Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    output, stream = terminal
    output.line(Span("word", "stuck"))
    assert stream.getvalue().startswith("\x1b[")
    plain = io.StringIO()
    monkeypatch.setattr(sys, "stdout", plain)
    Output().line(Span("word", "stuck"))
    assert plain.getvalue() == "word\n"


def test_something_is_called_before_each_write(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    output = Output(before=lambda: stream.write("|"))
    output.line("a")
    output.table(("H",), [("x",)])
    assert stream.getvalue() == "|a\n|H\n|x\n"


def test_without_standard_output_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(UsageError, match="standard output is closed"):
        Output()
