"""A story as a Mermaid sequence diagram: every line is one that Mermaid's grammar of such diagrams has."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from story_examples import STORIES, SWALLOWED, TWO_AT_ONCE, UNSETTLED, beginning_of, said_by

from fsm.check.mermaid import escaped, mermaid_of
from fsm.check.story import Story
from fsm.check.wording import lanes_of, told

each_story = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)

# what may follow a colon: no `;` and `#` but in a code, none of the other characters that mean something
TEXT = r"(?!(?:no)?wrap:|:)(?:[\w .,:()\[\]→'/?!+*=-]|#\d+;|<br/>)*"
LINES = {
    "kind": r"sequenceDiagram",
    "title": rf"  (?:title|accTitle): (?P<text>{TEXT})",
    "lane": rf"  (?:actor|participant) (?P<name>l\d+) as (?P<text>{TEXT})",
    "arrow": rf" +(?P<name>l\d+)->>(?P<to>l\d+): (?P<text>{TEXT})",
    "note": rf" +Note over (?P<name>l\d+)(?:,(?P<to>l\d+))?: (?P<text>{TEXT})",
    "rect": r" +rect rgba\(\d+, \d+, \d+, 0\.\d+\)",
    "loop": r" +loop for ever",
    "end": r" +end",
}


def parsed(text: str) -> list[tuple[str, dict[str, str | None]]]:
    """The lines by kind; every one must be of exactly one, blocks closed, lanes declared before they are used."""
    found, lanes, opened = [], set(), []
    for line in text.removesuffix("\n").split("\n"):
        matches = [(kind, match) for kind, form in LINES.items() if (match := re.fullmatch(form, line))]
        assert len(matches) == 1, line
        kind, match = matches[0]
        groups = match.groupdict()
        if kind == "lane":
            lanes.add(groups["name"])
        elif groups.get("name"):
            assert {groups["name"], groups["to"] or groups["name"]} <= lanes
        if kind in ("rect", "loop"):
            opened.append(kind)
        if kind == "end":
            opened.pop()
        assert len(line) - len(line.lstrip()) == 2 * (len(opened) + (kind not in ("kind", "rect", "loop")))
        found.append((kind, groups))
    assert not opened
    return found


def shown(text: str | None) -> str:
    """What a reader sees of an escaped text, without its line breaks."""
    return html.unescape(re.sub(r"#(\d+);", r"&#\1;", (text or "").replace("<br/>", " ")))


@each_story
def test_every_step_is_an_arrow_in_its_lane_with_its_changes_below(story: Story) -> None:
    lines = parsed(mermaid_of(story))
    names = {lane: f"l{number}" for number, lane in enumerate(lanes_of(story))}
    arrows = [i for i, (kind, _) in enumerate(lines) if kind == "arrow"]
    assert len(arrows) == len(story.steps)
    for i, step in zip(arrows, story.steps, strict=True):
        kind = "" if step.kind == "normal" else f" {step.kind}"
        assert lines[i][1]["name"] == names[step.actor, step.component]
        assert shown(lines[i][1]["text"]) == f"{step.number}{kind}: {step.what}"
        below, note = lines[i + 1]
        assert (below, note["name"]) == ("note", lines[i][1]["name"])
        remarks = [*map(told, step.changes), *([f"({step.note})"] if step.note else [])]
        assert shown(note["text"]) == " ".join(remarks)
        assert (lines[i - 1][0] == "rect") == (lines[i + 2][0] == "end" and step.kind != "normal") == bool(kind)


def test_a_loop_is_around_its_steps_and_a_stuck_end_has_none() -> None:
    kinds = [kind for kind, _ in parsed(mermaid_of(UNSETTLED))]
    assert kinds.count("loop") == 1
    assert kinds[kinds.index("loop") :].count("arrow") == 6
    assert kinds[-2:] == ["end", "note"]
    assert "loop" not in {kind for kind, _ in parsed(mermaid_of(SWALLOWED))}


def test_the_end_says_why_over_all_lanes() -> None:
    last = parsed(mermaid_of(SWALLOWED))[-1][1]
    assert (last["name"], last["to"]) == ("l0", "l5")
    assert shown(last["text"]).startswith("For ever. Phase RetryFailed with a retry on record")
    assert shown(last["text"]).endswith("cannot move: Operator, Informer, Job controller, Pod, Clock")
    assert shown(parsed(mermaid_of(TWO_AT_ONCE))[-1][1]["text"]).startswith("The last step takes")


def test_whoever_only_acts_as_a_user_is_drawn_as_a_person() -> None:
    assert "  actor l0 as User\n" in mermaid_of(TWO_AT_ONCE)
    assert "  participant l2 as Operator\n" in mermaid_of(TWO_AT_ONCE)


def test_a_story_without_steps_is_a_diagram_too() -> None:
    assert [kind for kind, _ in parsed(mermaid_of(beginning_of(UNSETTLED)))] == [
        "kind",
        "title",
        "title",
        "lane",
        "note",
    ]


HOSTILE = [
    "a;b",
    "#35;",
    "%%{init: {}}%%",
    "end",
    "wrap: x",
    "NoWrap: x",
    ": x",
    "<br/>",
    "<b>",
    "$$x$$",
    "a\nend",
    "->>",
    "{}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_means_something_to_mermaid_is_only_text(text: str) -> None:
    parsed(mermaid_of(said_by(text)))
    assert shown(escaped(text)) == " ".join(text.split())


@seed(20261201)
@settings(max_examples=60, deadline=None)
@given(st.text())
def test_any_text_is_escaped(text: str) -> None:
    parsed(mermaid_of(replace(said_by(text), sentence=text)))
