"""A story as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from story_examples import STORIES, SWALLOWED, TWO_AT_ONCE, UNSETTLED, beginning_of, said_by

from fsm.check.story import Story
from fsm.check.text import STYLES, lines_of, text_of
from fsm.check.wording import told

each_story = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
SGR = re.compile(r"\x1b\[[0-9;]*m")


def joined(text: str) -> str:
    return " ".join(text.split())


def test_a_stuck_story_reads_like_this() -> None:
    shortened = replace(SWALLOWED, steps=SWALLOWED.steps[17:19], states=SWALLOWED.states[17:20], loop=2)
    assert text_of(shortened, 110) == (
        """\
VIOLATED  A failed attempt is followed by a new attempt, by Complete, or by Failed with a reason
  property  failure-resolved (leads to)
  world     operator-v1.6, mode snapshot
  budgets   api errors 1, crashes 1
  story     2 steps, 1 fault, then nothing more, for ever
  replay id e91eee8dbe

   #         who         what                               changes
  18  fault  API server  refuses to delete the Job (500     handler: deleting the Job → writing status
                         InternalError)                     api errors left: 1 → 0
                                                            <- the operator logs the error and goes on as if
                                                               the Job were gone
  19         Operator    writes Restart and the time of     backup retried at: none → now
                         the retry, queues the backup       backup condition Restart: absent → True
                                                            handler: writing status → idle
                                                            handler read phase: RetryFailed → nothing
                                                            queue: empty → backup

>> It stays so for ever. Phase RetryFailed with a retry on record, and the failed Job still exists: every
   resync takes the retry for begun, every sync skips because of the Job, and nobody deletes the Job.
   could move, but nothing makes it  User (delete job, delete backup, edit policy), Operator process (crash)
   cannot move                       Operator, Informer, Job controller, Pod, Clock
"""
    )


def brackets(text: str) -> dict[int, str]:
    """The first character of a row by the step's number."""
    rows = re.findall(r"^(.) {1,2}(\d+) {2}", text, re.MULTILINE)
    return {int(number): bracket for bracket, number in rows}


def test_a_loop_has_a_bracket_and_says_which_steps_come_again() -> None:
    text = text_of(UNSETTLED)
    assert brackets(text) == {**dict.fromkeys(range(1, 7), " "), 7: "┌", 8: "│", 9: "│", 10: "│", 11: "│", 12: "└"}
    assert ">> Then steps 7 to 12 again, for ever. The truncate of backup 0" in joined(text)
    inside = text[text.index("┌") : text.index("└")]
    assert [line[0] for line in inside.splitlines()] == ["┌", *"│" * (inside.count("\n") - 1)]
    assert all(line.startswith(" ") for line in text[text.index("└") : text.index(">>")].splitlines()[1:] if line)
    once = text_of(replace(UNSETTLED, loop=11))
    assert brackets(once)[12] == "["
    assert "Then step 12 again, for ever." in once


def test_a_story_without_a_loop_has_no_bracket() -> None:
    assert set(brackets(text_of(TWO_AT_ONCE)).values()) == {" "}
    assert "for ever" not in text_of(TWO_AT_ONCE)


@each_story
@pytest.mark.parametrize("width", [None, 160, 120, 100, 80, 60])
def test_every_step_and_change_is_told_at_any_width_and_no_line_is_longer(story: Story, width: int | None) -> None:
    text = text_of(story, width)
    if width is not None:
        assert max(map(len, text.splitlines())) <= width
    assert [int(number) for number in brackets(text)] == [step.number for step in story.steps]
    for step in story.steps:
        for change in step.changes:
            assert width or told(change) in text
            # in 60 columns a long word may be broken
            assert width == 60 or all(word in text for word in told(change).split())
    for each in story.end:
        assert all(word in text for word in f"{each.actor} {' '.join(each.rules)}".replace("_", " ").split())
    assert all(line == line.rstrip() for line in text.splitlines())


def test_without_a_width_a_step_is_one_line() -> None:
    table = [line for line in text_of(SWALLOWED, None).splitlines() if re.match(r" +\d+ ", line)]
    assert len(table) == len(SWALLOWED.steps)
    assert (
        "job: absent → created; job attempt: none → 0; worker: idle → writing status; queue: backup → empty" in table[0]
    )


def test_a_story_that_is_bad_from_the_start_has_no_table() -> None:
    text = text_of(replace(beginning_of(TWO_AT_ONCE), because=""))
    assert "changes" not in text
    assert text.endswith(">> It is so at the very beginning.\n")


@each_story
def test_colour_adds_nothing_but_colour(story: Story) -> None:
    coloured = text_of(story, colour=True)
    plain = "".join(f"{line.rstrip()}\n" for line in SGR.sub("", coloured).splitlines())
    assert plain == text_of(story)
    assert "\x1b[1;31mVIOLATED\x1b[0m" in coloured
    assert "\x1b" not in text_of(story)


def test_every_style_that_is_used_has_a_look() -> None:
    stories = (*STORIES.values(), replace(TWO_AT_ONCE, form="sometimes"))
    used = {span.style for story in stories for line in lines_of(story) for span in line} - {""}
    assert used == set(STYLES)


def test_what_a_fault_and_a_user_do_is_marked() -> None:
    assert re.search(r"^ +18 +fault +API server", text_of(SWALLOWED), re.MULTILINE)
    assert re.search(r"^ +4 +user +User", text_of(TWO_AT_ONCE), re.MULTILINE)


@seed(20261201)
@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1), st.one_of(st.none(), st.integers(1, 200)))
def test_no_text_breaks_a_line_or_reaches_the_terminal_as_a_command(text: str, width: int | None) -> None:
    shown = text_of(said_by(text), width)
    assert all(character.isprintable() for line in shown.split("\n") for character in line)
    if width is not None:
        assert max(map(len, shown.split("\n"))) <= max(width, 60)
