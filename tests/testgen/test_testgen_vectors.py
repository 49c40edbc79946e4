"""What is read of vectors, what is refused, and where a wrong expectation is found; stories of worlds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fsm.errors import InputError, Place
from fsm.machines import JOB, MACHINES
from fsm.testgen import (
    Cover,
    Graph,
    explored,
    graph_of_world,
    machine_suite_of,
    mismatches_in,
    mismatches_of,
    stories_of,
    story_from,
    suite_of,
    vector_of,
    world_stories_of,
    world_story_from,
    world_vector_of,
)

STORY = next(iter(stories_of(machine_suite_of(explored(JOB), Cover.STATES))))
GOOD: dict[str, Any] = json.loads(json.dumps(vector_of(STORY, {"program": "a test"})))


def changed(**fields: Any) -> str:
    return json.dumps({**GOOD, **fields})


def with_then(**fields: Any) -> str:
    """The vector with its first expectation changed."""
    return changed(then=[{**GOOD["then"][0], **fields}, *GOOD["then"][1:]])


BROKEN = [
    ("not JSON", "{", "no vector of this kind", ""),
    ("of another kind", changed(runs="rules"), "no vector of this kind", ""),
    ("an unknown key", changed(more=1), "no vector of this kind", ""),
    ("an unknown machine", changed(machine="door"), "there is no machine 'door'", "machine"),
    ("no such configuration", changed(given={"configuration": ["ajar"]}), "not a configuration", "given.configuration"),
    (
        "a context that does not fit",
        changed(given={**GOOD["given"], "context": {"reason": 1}}),
        "found 1",
        "given.context.reason",
    ),
    ("an outcome too few", changed(then=GOOD["then"][1:]), "found ", "then"),
    ("no such outcome", with_then(configuration=["ajar"]), "not a configuration", "then[0].configuration"),
]


@pytest.mark.parametrize(("line", "problem", "path"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_line_that_is_no_vector_is_an_error_with_its_place(line: str, problem: str, path: str) -> None:
    with pytest.raises(InputError) as caught:
        story_from(line, MACHINES, Place("suite.jsonl", 7))
    assert problem in caught.value.problem
    assert caught.value.place == Place("suite.jsonl", 7, path)


WRONG = [
    ("another configuration", with_then(configuration=["failed"]), "configuration"),
    ("another change", with_then(changes={"reason": "x"}), "changes"),
    ("another transition", with_then(transitions=["a --b--> c"]), "transitions"),
    ("another effect", with_then(effects=[{"effect": "CreateJob"}]), "effects"),
    ("a refusal", changed(then=[{"refused": True}, *GOOD["then"][1:]]), "answer"),
]


@pytest.mark.parametrize(("line", "what"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_expectation_is_found_at_its_step(line: str, what: str) -> None:
    (found,) = mismatches_of(story_from(line, MACHINES), JOB)
    assert (found.step, found.what) == (0, what)
    assert str(found).startswith(f"step 0: {what}: expected ")


def test_an_event_that_should_be_refused_and_is_not_is_found_and_the_other_way_round() -> None:
    refused = changed(when=[{"name": "pod_failed", "at": 1}], then=[GOOD["then"][0]])
    (found,) = mismatches_of(story_from(refused, MACHINES), JOB)
    assert (found.what, found.found) == ("answer", "refused")


# ------------------------------------------------------------------ worlds

TOLD = [{"light": "red"}, {"light": "green"}, {"light": "red", "wet": "yes"}]
STEPS: dict[int, list[tuple[str, int | None, str, int]]] = {
    0: [("switch", None, "switches", 1)],
    1: [("switch", None, "switches", 0), ("switch", None, "switches", 2)],
    2: [("dry", None, "dries", 0)],
}


def world(told: list[dict[str, str]] = TOLD) -> Graph:
    return graph_of_world(3, [0], STEPS.__getitem__, told.__getitem__)


def test_a_worlds_story_is_read_back_and_holds_where_one_step_may_lead_to_two_states() -> None:
    told = list(world_stories_of(suite_of(world(), Cover.TRANSITIONS), "lights"))
    for story in told:
        line = json.dumps(world_vector_of(story, "lights", {}))
        assert world_story_from(line) == story
        assert mismatches_in(world(), story) == []
    assert ("dry: dries", {"wet": None}) in [line for story in told for line in story.lines], "no longer told"


def test_a_story_of_another_world_fails_where_it_is_told_otherwise() -> None:
    (story, *_) = world_stories_of(suite_of(world(), Cover.CLASSES), "lights")
    other = [TOLD[0], {"light": "amber"}, TOLD[2]]
    (found,) = mismatches_in(world(other), story)
    assert (found.step, found.expected, found.found) == (0, {"light": "green"}, [{"light": "amber"}])
    (elsewhere,) = mismatches_in(world([{"light": "off"}, *TOLD[1:]]), story)
    assert elsewhere.what == "beginning"
    (unknown,) = mismatches_in(world(), story._replace(lines=(("jump", {}),)))
    assert unknown.found == "no such step"


def test_a_line_that_is_no_worlds_vector_is_an_error_with_its_place() -> None:
    (story, *_) = world_stories_of(suite_of(world(), Cover.CLASSES), "lights")
    line = json.dumps({**world_vector_of(story, "lights", {}), "then": []})
    with pytest.raises(InputError, match=r"w\.jsonl:3: then: found 0"):
        world_story_from(line, Place("w.jsonl", 3))
