"""A story as a page: whole, of one piece, and deaf to what its texts say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from story_examples import STORIES, SWALLOWED, TWO_AT_ONCE, UNSETTLED, beginning_of, said_by

from fsm.check.html import html_of
from fsm.check.story import Story, story_from_json
from fsm.check.wording import lanes_of, name_of, subject_of

each_story = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
VOID = {"meta"}
STYLE, SCRIPT = (files("fsm.check").joinpath(name).read_text("utf-8") for name in ("story.css", "story.js"))


class Page(HTMLParser):
    """The elements in order, each with its attributes and all text inside of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self.open: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        element: tuple[str, dict[str, str], list[str]] = (tag, {name: value or "" for name, value in attributes}, [])
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, _, text in self.open:
            text.append(data)

    def all(self, tag: str, kind: str = "") -> Iterator[tuple[dict[str, str], str]]:
        """Elements of a tag (and a class): attributes and text."""
        for name, attributes, text in self.elements:
            if name == tag and (not kind or kind in attributes.get("class", "").split()):
                yield attributes, "".join(text)

    def data(self, name: str) -> Any:
        [text] = [text for attributes, text in self.all("script") if attributes.get("id") == name]
        return json.loads(text)


@each_story
def test_the_page_asks_for_nothing_from_anywhere(story: Story) -> None:
    text = html_of(story)
    page = Page(text)
    assert not re.search(r"https?:|\bsrc=|@import|url\(|<link|<img|<iframe|<object", text)
    for _, attributes, _ in page.elements:
        assert not {"src", "srcset", "data", "poster", "action", "background"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
        assert re.fullmatch(r"#step=\d+", attributes.get("href", "#step=0"))
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|import|eval|Function|innerHTML)\b", SCRIPT)
    [policy] = [each["content"] for each, _ in page.all("meta") if "http-equiv" in each]
    assert policy.startswith("default-src 'none';")
    assert "script-src 'sha256-" in policy


@each_story
def test_the_story_can_be_read_back_from_its_page(story: Story) -> None:
    assert story_from_json(Page(html_of(story)).data("story")) == story


@each_story
def test_every_step_is_a_row_that_can_be_linked_to(story: Story) -> None:
    rows = list(Page(html_of(story)).all("a", "step"))
    assert [attributes["href"] for attributes, _ in rows] == [f"#step={i}" for i in range(len(story.steps) + 1)]
    for (attributes, text), step in zip(rows[1:], story.steps, strict=True):
        assert attributes["data-number"] == str(step.number)
        assert attributes["data-rule"] == step.rule
        assert [*lanes_of(story)][int(attributes["data-lane"])] == (step.actor, step.component)
        assert step.what in text
        assert step.note in text
        assert (step.kind in attributes["class"].split()) == (step.kind in ("fault", "user"))
        for change in step.changes:
            assert f"{subject_of(change.part, change.fact)}: {change.before or 'absent'} →" in text
            assert f"→ {change.after or 'absent'}" in text


@each_story
def test_every_part_and_fact_has_its_place(story: Story) -> None:
    groups = Page(html_of(story)).data("groups")
    placed = {(part, fact) for each in groups for part in (each["part"], each["cached"]) for fact in each["facts"]}
    assert {(part, fact) for state in story.states for part, own in state.items() for fact in own} <= placed
    for each in groups:
        assert list(each["names"]) == each["facts"]
        assert (each["alone"] is not None) == (len(each["facts"]) == 1 and each["cached"] is None)


@each_story
def test_every_lane_has_a_head_and_every_row_a_dot_in_its_lane(story: Story) -> None:
    page = Page(html_of(story))
    heads = [(attributes["data-lane"], text) for attributes, text in page.all("li") if "data-lane" in attributes]
    assert heads == [(str(i), name_of(story, lane)) for i, lane in enumerate(lanes_of(story))]
    assert len(list(page.all("i", "round"))) == sum(step.kind == "normal" for step in story.steps)
    assert len(list(page.all("i", "hop"))) == sum(
        (one.actor, one.component) != (other.actor, other.component)
        for one, other in zip(story.steps, story.steps[1:], strict=False)
    )


def test_the_loop_is_marked_from_its_first_step_to_its_last() -> None:
    rows = [attributes["class"].split() for attributes, _ in Page(html_of(UNSETTLED)).all("a", "step")]
    assert [i for i, kinds in enumerate(rows) if "looped" in kinds] == [7, 8, 9, 10, 11, 12]
    assert [i for i, kinds in enumerate(rows) if "first" in kinds] == [7]
    assert [i for i, kinds in enumerate(rows) if "last" in kinds] == [12]
    assert not any("looped" in attributes["class"] for attributes, _ in Page(html_of(SWALLOWED)).all("a", "step"))


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (SWALLOWED, "∞It stays so for ever."),
        (UNSETTLED, "∞Then again from step 7, for ever."),
        (TWO_AT_ONCE, "✕Violated after step 10."),
        (beginning_of(TWO_AT_ONCE), "✕Violated at the beginning."),
        (replace(TWO_AT_ONCE, form="sometimes"), "✓Reached after step 10."),
    ],
    ids=["stuck", "loop", "bad step", "bad start", "example"],
)
def test_below_the_steps_stands_how_they_end(story: Story, outcome: str) -> None:
    page = Page(html_of(story))
    assert [text for _, text in page.all("p", "outcome")] == [outcome]
    assert [text for _, text in page.all("p", "because")] == [story.because]


def test_the_head_tells_property_world_options_budgets_and_replay_id() -> None:
    page = Page(html_of(UNSETTLED))
    names, values = ([text for _, text in page.all(tag)] for tag in ("dt", "dd"))
    told = dict(zip(names, values, strict=True))
    assert told["property"] == "quiescence (eventually)"
    assert (told["world"], told["options"], told["components"]) == ("operator-v1.6", "mode log", "2")
    assert (told["budgets"], told["replay id"]) == ("edits 2", "5b1fd00c92")
    assert [text for _, text in page.all("h1")] == [UNSETTLED.sentence]
    assert [text for _, text in page.all("title")] == [f"Violated: {UNSETTLED.sentence}"]


def outline(page: Page) -> list[tuple[str, list[str]]]:
    return [(tag, sorted(attributes)) for tag, attributes, _ in page.elements]


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    '"><img src=x onerror=alert(1)>',
    "&lt;b&gt;",
    "]]>",
    "\u2028",
    "'`${1}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_markup(text: str) -> None:
    page = Page(html_of(said_by(text)))
    assert outline(page) == outline(Page(html_of(said_by("plain"))))
    assert story_from_json(page.data("story")) == said_by(text)
    assert [shown for _, shown in page.all("h1")] == [text]


@seed(20261201)
@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1))
def test_the_markup_does_not_depend_on_the_texts(text: str) -> None:
    page = Page(html_of(said_by(text)))
    assert outline(page) == outline(Page(html_of(said_by("plain"))))
    assert story_from_json(page.data("story")) == said_by(text)


def test_the_script_finds_every_element_that_it_looks_for() -> None:
    ids = {attributes["id"] for _, attributes, _ in Page(html_of(SWALLOWED)).elements if "id" in attributes}
    assert set(re.findall(r'by\("([\w-]+)"\)', SCRIPT)) <= ids


@each_story
def test_ids_are_unique_and_every_control_has_a_name(story: Story) -> None:
    page = Page(html_of(story))
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(attributes.get("aria-label") or text for attributes, text in page.all("button"))
    for _, attributes, _ in page.elements:
        assert {attributes[name] for name in ("aria-labelledby", "aria-controls") if name in attributes} <= set(ids)


# ------------------------------------------------------------------ colours


def themes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r":root \{([^}]*)\}", STYLE)[:2]
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks)
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


PAIRS = [
    (text, ground) for text in ("ink", "muted", "fault", "user", "stale") for ground in ("paper", "sunken", "selected")
]
PAIRS += [(text, f"{text}-ground") for text in ("bad", "fault", "user", "loop", "new", "stale")]
PAIRS += [("muted", "new-ground"), ("ink", "stale-ground"), ("good", "user-ground"), ("stale", "new-ground")]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS, ids=lambda name: name)
def test_text_can_be_read_in_light_and_dark(theme: str, text: str, ground: str) -> None:
    colours = themes()[theme]
    light, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2, level AA


def test_dark_has_a_colour_for_every_light_one() -> None:
    assert set(themes()["light"]) == set(themes()["dark"])
