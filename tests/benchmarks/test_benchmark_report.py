"""What `python -m benchmarks` prints."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as program
from benchmarks import dispatch, report
from benchmarks.measure import Finding, Settings


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (76.71, "ns/event", "76.7 ns/event"),
        (1234.0, "ns/event", "1.23 µs/event"),
        (2.5e9, "ns/event", "2.5 s/event"),
        (499.0, "B/machine", "499 B/machine"),
        (143_000.0, "B/machine", "143 kB/machine"),
        (61.3, "ms", "61.3 ms"),
        (1500.0, "ms", "1.5 s"),
        (5e7, "ms", "5e+04 s"),
    ],
)
def test_a_quantity_is_written_in_a_scale_that_can_be_read(value: float, unit: str, text: str) -> None:
    assert report.quantity(value, unit) == text


@pytest.mark.parametrize(
    ("ratio", "wanted", "ours", "limit", "met"),
    [
        (2.0, 1.5, 9.0, None, True),
        (1.5, 1.5, 9.0, None, True),
        (1.0, 1.5, 9.0, None, False),
        (1.0, None, 9.0, None, None),
        (9.9, None, 9.0, 9.0, True),
        (9.9, None, 9.1, 9.0, False),
    ],
)
def test_a_finding_is_met_by_its_ratio_or_by_its_limit(
    ratio: float, wanted: float | None, ours: float, limit: float | None, met: bool | None
) -> None:
    assert Finding("b", "us", "them", "ns/event", ours, ours * ratio, ratio, wanted, limit).met is met


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Instead of measuring, remembers how it was asked to measure."""
    asked: list[Settings] = []

    def findings(settings: Settings) -> list[Finding]:
        asked.append(settings)
        return [Finding("dispatch", "next_of", "a table", "ns/event", 50.0, 100.0, 2.0, wanted=3.0)]

    monkeypatch.setattr(dispatch, "findings", findings)
    return asked


def test_a_table_shows_the_ratio_beside_the_one_wanted_and_the_seed(measured: list[Settings]) -> None:
    printed = CliRunner().invoke(program.main, ["dispatch", "--seed", "7"]).output
    assert "seed 7" in printed
    row = next(line for line in printed.splitlines() if "next_of" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "next_of", "50 ns/event", "a table", "100 ns/event", "2.00x", "≥ 3.00x", "NO",
    ]  # fmt: skip
    assert measured == [Settings(seed=7)]


def test_json_alone_goes_to_standard_output(measured: list[Settings]) -> None:
    result = CliRunner().invoke(program.main, ["dispatch", "--json", "--quick", "--rounds", "2"])
    data = json.loads(result.stdout)
    assert data["findings"][0]["ratio"] == 2.0
    assert data["findings"][0]["met"] is False
    assert data["settings"]["rounds"] == measured[0].rounds == 2
    assert measured[0].quick
