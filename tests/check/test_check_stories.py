"""What a counterexample says, and that it can be taken again."""

from __future__ import annotations

from typing import Any

import pytest
from small_worlds import at, counter, graph_world

from fsm.check import Change, Story, check, replayed, story_from_json, story_to_json
from fsm.errors import InputError
from fsm.kernel import Kind, Move, Part, Property, Rule, World, always, never, no_deadlock, steps, within


def door(**rest: Any) -> World:
    """A door with a lock; somebody may force it."""

    def push(view: Any) -> Any:
        if view.door == ("shut", False):
            yield Move("pushes it open", {"door": ("open", False)}, note="it creaks")

    def turn(view: Any) -> Any:
        state, locked = view.door
        if state == "shut":
            yield Move("turns the key", {"door": (state, not locked)})

    def force(view: Any) -> Any:
        if view.door == ("shut", True):
            yield Move("forces it", {"door": ("broken", True)})
            yield Move("forces it", {"door": ("bent", True)})

    facts = {
        "door": Part(("shut", True), facts=lambda door: {"position": door[0], "locked": "yes" if door[1] else "no"})
    }
    rules = (
        Rule("push", "guest", push),
        Rule("turn", "host", turn, Kind.USER),
        Rule("force", "thief", force, Kind.FAULT, budget="thefts"),
    )
    return World("door", facts, rules, budgets={"thefts": 1}, **rest)


def story_of(world: World, claim: Property, **rest: Any) -> Story:
    story = check(world, [claim], **rest).findings[0].story
    assert story is not None
    return story


OPEN = never("shut", "The door is never open.", lambda view: view.door[0] == "open")
BENT = never("straight", "The door is never bent.", lambda view: view.door[0] == "bent")


def test_a_story_says_who_did_what_and_what_changed() -> None:
    story = story_of(door(), OPEN, options={"mode": "test"})
    assert (story.world, story.property, story.sentence, story.form) == (
        "door", "shut", "The door is never open.", "always",
    )  # fmt: skip
    assert (story.components, story.budgets, story.options, story.faults, story.loop) == (
        1, {"thefts": 1}, {"mode": "test"}, 0, None,
    )  # fmt: skip
    first, second = story.steps
    assert (first.number, first.actor, first.rule, first.what, first.kind) == (
        1,
        "host",
        "turn",
        "turns the key",
        "user",
    )
    assert first.changes == (Change("door", "locked", "yes", "no"),)
    assert (second.what, second.note) == ("pushes it open", "it creaks")
    assert second.changes == (Change("door", "position", "shut", "open"),)
    assert story.states[0] == {"door": {"position": "shut", "locked": "yes"}, "thefts_left": {}}
    assert len(story.states) == 3
    assert story.because == "Here it does not hold."


def test_a_way_without_faults_is_told_even_if_it_is_longer() -> None:
    somehow = never("closed", "", lambda view: view.door[0] != "shut")
    assert [step.kind for step in story_of(door(), somehow).steps] == ["user", "normal"]


def test_a_story_is_known_by_its_steps_options_and_budgets() -> None:
    story = story_of(door(), OPEN)
    assert story.id == story_of(door(), OPEN).id
    assert len(story.id) == 10
    assert story.id != story_of(door(), OPEN, options={"mode": "test"}).id
    assert story.id != story_of(door(), BENT).id


def test_a_story_survives_json() -> None:
    story = story_of(door(), BENT)
    assert story_from_json(story_to_json(story)) == story
    assert replayed(door(), story_from_json(story_to_json(story)))[-1][0] == ("bent", True)


def test_facts_tell_apart_moves_with_the_same_words() -> None:
    story = story_of(door(), BENT)
    assert [step.what for step in story.steps] == ["forces it"]
    assert replayed(door(), story) == [(("shut", True), 1), (("bent", True), 0)]


def test_a_step_that_cannot_be_taken_is_named_with_what_could() -> None:
    story = story_of(door(), OPEN)
    with pytest.raises(InputError, match=r"step 2, push \(pushes it open\), cannot be taken.*turn \(turns the key\)"):
        replayed(door(), altered(story, steps=story.steps[1:2], states=story.states[:2]))


def test_a_step_that_leads_elsewhere_is_named_with_the_difference() -> None:
    story = story_of(door(), OPEN)
    wrong = {**story.states[1], "door": {"position": "shut", "locked": "maybe"}}
    with pytest.raises(InputError, match=r"step 1, turn .*, leads elsewhere: not door locked 'maybe' but 'no'"):
        replayed(door(), altered(story, states=(story.states[0], wrong, story.states[2])))


def test_a_story_of_another_world_or_start_is_refused() -> None:
    story = story_of(door(), OPEN)
    with pytest.raises(InputError, match="a story of 'counter'"):
        replayed(counter(3), story)
    with pytest.raises(InputError, match="begins in a state in which this world does not"):
        replayed(door(starts=({"door": ("open", False)},)), story)


def altered(story: Story, **changes: Any) -> Story:
    from msgspec.structs import replace

    return replace(story, **changes)


def test_a_deadlock_is_told() -> None:
    world = graph_world([("p", "a", "b"), ("u", "b", "c")], kinds={"u": Kind.USER})
    story = story_of(world, no_deadlock("rest", "", at("c")))
    assert [step.what for step in story.steps] == ["to b"]
    assert story.because == "Nothing of the normal course can move any more, and this is no state to rest in."


def test_a_step_that_is_not_allowed_is_told_to_its_end() -> None:
    story = story_of(counter(9), steps("small", "", lambda before, taken, after: after.n < 3 or taken.what != "counts"))
    assert len(story.steps) == 3
    assert story.because == "The last step, 'counts', is not allowed."


def test_the_component_is_named() -> None:
    def go(view: Any) -> Any:
        return [Move("goes", {"a": 1})] if view.a == 0 and view.index == 1 else []

    world = World("two", {"a": Part(0, own=True)}, (Rule("go", "who", go, own=True),), components=2)
    finding = check(world, [always("zero", "", lambda view: view.a == 0)]).findings[0]
    assert finding.component == 1
    assert finding.story is not None
    assert finding.story.because == "Here it does not hold for component 1."
    assert finding.story.steps[0].changes == (Change("a[1]", "a", "0", "1"),)


def test_several_stories_begin_where_they_begin() -> None:
    world = World(
        "starts",
        {"n": Part(0)},
        (Rule("up", "who", lambda view: [Move("up", {"n": view.n + 1})] if view.n < 9 else []),),
        starts=({"n": 0}, {"n": 5}),
    )
    story = story_of(world, never("seven", "", lambda view: view.n == 7))
    assert [state["n"]["n"] for state in story.states] == ["5", "6", "7"]


def test_a_step_that_needs_no_fault_is_not_told_as_one() -> None:
    world = graph_world([("f", "a", "b"), ("p", "a", "b")], kinds={"f": Kind.FAULT})
    assert [step.rule for step in story_of(world, never("b", "", at("b"))).steps] == ["p"]


def test_a_late_response_is_told_with_its_ticks() -> None:
    world = graph_world([("other", "a", "c"), ("tick", "a", "c"), ("tick", "c", "d"), ("other", "c", "d")])
    story = story_of(world, within("soon", "", at("a"), at("z"), 1, "tick"))
    assert [step.rule for step in story.steps] == ["tick", "tick"]
    assert story.because == (
        "At the start its condition holds, and the rule tick is taken 2 times from then on without what is claimed."
    )
