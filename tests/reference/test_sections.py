"""Every paragraph of the semantics is found where the page of the reference says, and the code there names it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"
ROWS = [
    (section, place)
    for sections, places in re.findall(r"^\| ([\d., ]+) \| [^|]+ \| ([^|]+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    for section in sections.split(", ")
    for place in re.findall(r"`([\w.]+)`", places)
]
STORIES = {"5.4", "5.5", "5.6", "6.1", "6.2", "6.6", "7.3"}
SECTIONS = {
    *("0", "9"),
    *(f"1.{number}" for number in range(1, 6)),
    *(f"2.{number}" for number in range(1, 10)),
    *(f"3.{number}" for number in range(1, 7)),
    *(f"4.{number}" for number in range(1, 9)),
    *(f"5.{number}" for number in range(1, 7)),
    *(f"6.{number}" for number in range(1, 7)),
    *(f"7.{number}" for number in range(1, 4)),
    *(f"8.{number}" for number in range(1, 4)),
}


def found(place: str) -> Any:
    module, _, name = place.rpartition(".")
    return import_module(module), getattr(import_module(module), name)


def test_every_section_has_a_place():
    assert {section for section, _ in ROWS} == SECTIONS - STORIES


@pytest.mark.parametrize(("section", "place"), ROWS)
def test_a_place_exists_and_its_module_says_which_section_it_is(section, place):
    module, thing = found(place)
    assert thing.__doc__
    cited = re.findall(r"\d+(?:\.\d+)?", f"{module.__doc__} {thing.__doc__}")
    chapter, _, paragraph = section.partition(".")
    spans = re.findall(
        r"(\d)\.(\d) to \1?\.?(\d)", f"{module.__doc__} {thing.__doc__}".replace(f"to {chapter}.", "to ")
    )
    inside = any(each == chapter and low <= paragraph <= high for each, low, high in spans)
    assert section in cited or chapter in cited or inside, f"{place} does not name {section}"
