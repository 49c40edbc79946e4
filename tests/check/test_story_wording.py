"""What every form of a story says alike."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from story_examples import STORIES, SWALLOWED, TWO_AT_ONCE, UNSETTLED, beginning_of

from fsm.check.story import Story, StoryStep, Waiting, story_from_json, story_to_json
from fsm.check.wording import Ending, Lane, endings_of, groups_of, lanes_of, length_of, subject_of, verdict_of

each_story = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)


@each_story
def test_the_examples_are_whole(story: Story) -> None:
    assert len(story.states) == len(story.steps) + 1
    assert story_from_json(story_to_json(story)) == story
    for step, before, after in zip(story.steps, story.states, story.states[1:], strict=False):
        changed = {
            (part, fact)
            for part in {*before, *after}
            for fact in {*before.get(part, {}), *after.get(part, {})}
            if before.get(part, {}).get(fact) != after.get(part, {}).get(fact)
        }
        assert changed == {(change.part, change.fact) for change in step.changes}
        assert changed
    if story.loop is not None:
        assert story.states[story.loop] == story.states[-1]


def stories_with(*parts: str) -> Story:
    return replace(SWALLOWED, steps=(), loop=None, states=({part: {"fact": "value"} for part in parts},))


@pytest.mark.parametrize(
    ("parts", "pairs"),
    [
        (("backup", "cached backup"), [("backup", "cached backup")]),
        (("cached backup", "backup"), [("backup", "cached backup")]),
        (("backup[1]", "backup[0]", "cached backup[0]"), [("backup[1]", None), ("backup[0]", "cached backup[0]")]),
        (("backup[0]", "backup[1]", "cached backup[1]"), [("backup[0]", None), ("backup[1]", "cached backup[1]")]),
        (("cached backup",), [("cached backup", None)]),
        (("job_log", "cached_job_log"), [("job_log", "cached_job_log")]),
        (("job log-stop", "cached job log-pause"), [("job log-stop", None), ("cached job log-pause", None)]),
        (("cached", "cachedbackup", "backup"), [("cached", None), ("cachedbackup", None), ("backup", None)]),
    ],
    ids=["pair", "any order", "one of two", "by index", "cache alone", "names of code", "another job", "no prefix"],
)
def test_a_cached_part_stands_beside_the_part_it_caches(
    parts: tuple[str, ...], pairs: list[tuple[str, str | None]]
) -> None:
    assert [(group.part, group.cached) for group in groups_of(stories_with(*parts))] == pairs


def test_a_group_has_the_facts_of_all_states_and_compares_those_of_the_part_itself() -> None:
    states = (
        {"job": {"state": "active"}, "cached job": {"age": "1"}, "pod": {"pod": "none"}},
        {"job": {"reason": "x"}, "cached job": {"state": "active"}, "pod": {}},
    )
    job, pod = groups_of(replace(SWALLOWED, steps=SWALLOWED.steps[:1], loop=None, states=states))
    assert job.facts == ("state", "reason", "age")
    assert job.compared == ("state", "reason")
    assert (pod.facts, pod.compared) == (("pod",), ())


@each_story
def test_every_part_and_fact_is_in_exactly_one_group(story: Story) -> None:
    told = [
        (part, fact) for each in groups_of(story) for part in (each.part, each.cached) if part for fact in each.facts
    ]
    assert len(told) == len(set(told))
    assert {(part, fact) for state in story.states for part, own in state.items() for fact in own} <= set(told)


@pytest.mark.parametrize(
    ("part", "fact", "words"),
    [
        ("backup", "phase", "backup phase"),
        ("crashes_left", "crashes left", "crashes left"),
        ("phase[1]", "phase", "phase[1]"),
        ("cached job", "job", "cached job"),
        ("backup[0]", "retried_at", "backup[0] retried at"),
        ("joblog", "log", "joblog log"),
    ],
)
def test_a_fact_is_not_said_twice(part: str, fact: str, words: str) -> None:
    assert subject_of(part, fact) == words


def test_lanes_are_actors_as_they_first_move_and_components_in_order() -> None:
    order = [("Pod", 2), ("User", None), ("Pod", 0), ("User", 1), ("Pod", 1), ("Pod", 0)]
    steps = tuple(StoryStep(i, actor, "r", "w", "normal", component) for i, (actor, component) in enumerate(order, 1))
    pods = [Lane("Pod", 0), Lane("Pod", 1), Lane("Pod", 2)]
    assert lanes_of(replace(UNSETTLED, steps=steps)) == (*pods, Lane("User", None), Lane("User", 1))
    user, informer, operator = (Lane("User", 0), Lane("User", 1)), (Lane("Informer", 0),), (Lane("Operator", 0),)
    assert lanes_of(UNSETTLED) == (*user, *informer, *operator)


def test_the_length_says_how_a_story_ends() -> None:
    assert length_of(SWALLOWED) == "21 steps, 1 fault, then nothing more, for ever"
    assert length_of(TWO_AT_ONCE) == "10 steps, 0 faults"
    assert length_of(UNSETTLED) == "12 steps, 0 faults, the last 6 for ever"
    assert length_of(beginning_of(UNSETTLED)) == "0 steps, 0 faults"


def test_a_story_of_what_happens_at_times_is_an_example_of_it() -> None:
    assert verdict_of(replace(TWO_AT_ONCE, form="sometimes")) == "reached"
    assert verdict_of(TWO_AT_ONCE) == "violated"


OPERATOR = Waiting("Operator", 0, True, "weak", ("take_next", "sync"))


@pytest.mark.parametrize(
    ("story", "who", "heading"),
    [
        (UNSETTLED, OPERATOR, "moves again and again"),
        (UNSETTLED, replace(OPERATOR, component=1), "can move at times, but never has to"),
        (UNSETTLED, replace(OPERATOR, component=1, enabled=False), "cannot move"),
        (UNSETTLED, replace(OPERATOR, component=1, fairness="none"), "could move, but nothing makes it"),
        (replace(TWO_AT_ONCE, form="recoverable"), OPERATOR, "can move"),
        (SWALLOWED, replace(OPERATOR, enabled=False), "cannot move"),
        (SWALLOWED, replace(OPERATOR, fairness="none"), "could move, but nothing makes it"),
    ],
)
def test_the_end_says_of_everybody_whether_it_can_move(story: Story, who: Waiting, heading: str) -> None:
    [ending] = endings_of(replace(story, end=(who,)))
    name = f"Operator[{who.component}]" if story.components > 1 else "Operator"
    assert ending == Ending(heading, (f"{name} (take next, sync)",))


def test_where_a_step_is_what_is_bad_nobody_asks_who_could_move_next() -> None:
    assert endings_of(replace(TWO_AT_ONCE, end=(OPERATOR,))) == ()
