"""Every claim of the catalogue has the verdict that is known of it, in each world, and its story tells the truth."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from world_walks import Walk

from fsm.check import Finding, Story, check, replayed, story_from_json, story_to_json
from fsm.check.plain import transitions, view_of
from fsm.environment import BESIDE, CATALOGUE, MISHAPS, OPERATOR, OURS, UNASKED, Claim, Watch, world_of
from fsm.kernel import Form, Taken, World
from fsm.kernel.world import Kind

LARGE = {"pause-can-be-repeated", "clean-after-stop", "wish-is-obeyed", "retry-of-the-wish"}
"""Claims whose worlds have more than 50,000 states."""

OF_THE_OPERATOR = {"no-panic", "no-data-left"}
"""Claims about snapshots of which ours has nothing: no process of its own, and nothing that removes data."""

MUST_BE_FOUND = {"S1", "S2", "S3", "S4", "S7", "S10", "S23", "U3", "S17", "S16", "S13", "U7"}
"""Bugs of the operator that were there before there was a checker."""


class Judged(NamedTuple):
    world: World
    finding: Finding
    finished: bool


def _groups() -> list[tuple[str, tuple[Claim, ...]]]:
    """Claims that are judged in one world, which is explored once."""
    found: dict[Any, list[Claim]] = {}
    for world in (OPERATOR, OURS, BESIDE):
        for claim in CATALOGUE:
            if world in claim.known:
                key = (world, claim.mode, claim.wish_in(world), tuple(claim.budgets.items()), claim.id in LARGE)
                found.setdefault(key, []).append(claim)
    return [(key[0], tuple(claims)) for key, claims in found.items()]


CASES = [
    pytest.param(world, claims, id=f"{world}-{claims[0].id}", marks=[pytest.mark.exhaustive] * (claims[0].id in LARGE))
    for world, claims in _groups()
]


def judged(name: str, claims: tuple[Claim, ...]) -> list[Judged]:
    """Claims in their world."""
    world = world_of(name, claims[0].mode, claims[0].budgets, wish=claims[0].wish_in(name))
    report = check(world, [claim.formula for claim in claims])
    return [Judged(world, finding, report.finished) for finding in report.findings]


@pytest.mark.parametrize(("world", "claims"), CASES)
def test_a_claim_has_the_verdict_that_is_known_and_its_story_tells_the_truth(
    world: str, claims: tuple[Claim, ...]
) -> None:
    for claim, found in zip(claims, judged(world, claims), strict=True):
        assert found.finished
        assert str(found.finding.verdict) == claim.known[world].verdict, claim.id
        assert (found.finding.story is not None) == (claim.known[world].verdict == "violated"), claim.id
        if found.finding.story is not None:
            _tells_the_truth(claim, found.world, found.finding.story)


def _tells_the_truth(claim: Claim, world: World, told: Story) -> None:
    """The story is taken again from its file, and ends as it says."""
    story = story_from_json(json.loads(json.dumps(story_to_json(told))))
    assert story == told
    states = replayed(world, story)
    assert _walked(world, story) == [tuple(state) for state in states]
    assert len(states) == len(story.steps) + 1 <= 31
    _ends_badly(claim, world, story, states)
    if story.loop is not None:
        _gives_everybody_a_turn(world, story, states[story.loop :])


def _walked(world: World, story: Story) -> list[tuple[Any, ...]]:
    """The story taken again without anything of the checker's; each state is told as it is."""
    walk = Walk(world)
    for step, told in zip(story.steps, story.states[:-1], strict=True):
        assert _facts(walk) == told
        fitting = [state for what, state in walk.ways(step.rule, step.component) if what == step.what]
        assert fitting, step
        (after,) = fitting
        walk.states.append(after)
    assert _facts(walk) == story.states[-1]
    return [tuple(state[slot] for slot in world.slots) for state in walk.states]


def _facts(walk: Walk) -> dict[str, dict[str, str]]:
    parts = walk.world.parts
    return {walk.world.label(slot): parts[slot[0]].told(slot[0], walk.state[slot]) for slot in walk.world.slots}


def _ends_badly(claim: Claim, world: World, story: Story, states: list[Any]) -> None:
    formula, component = claim.formula, 0 if claim.formula.own else None
    views = [view_of(world, state, component) for state in states]
    if formula.form is Form.ALWAYS:
        assert formula.then is not None
        assert all(formula.then(view) for view in views[:-1])
        assert not formula.then(views[-1])
    elif formula.form is Form.STEP:
        assert formula.step is not None
        last = story.steps[-1]
        taken = Taken(last.rule, last.actor, Kind(last.kind), last.what, last.component)
        assert not formula.step(views[-2], taken, views[-1])
    elif formula.form is Form.RECOVERABLE:
        assert formula.given is not None
        assert formula.given(views[-1])
    else:
        _never_comes(claim, story, states, views)


def _never_comes(claim: Claim, story: Story, states: list[Any], views: list[Any]) -> None:
    """What is promised does not hold from some promise on, nor in the loop, which closes."""
    given, then = claim.formula.given, claim.formula.then
    assert then is not None
    assert story.loop is not None
    assert states[-1] == states[story.loop]
    promised = [i for i, view in enumerate(views) if given is None or given(view)]
    assert any(not any(then(view) for view in views[i:]) for i in promised)


def _gives_everybody_a_turn(world: World, story: Story, loop: list[Any]) -> None:
    """Who is fair and can move in all of the loop does move in it; taken from the world, not from the story."""
    fair = {rule.name: rule for rule in world.rules if rule.assumed != "none"}
    took = {(step.actor, step.component) for step in story.steps[story.loop :]}
    able = [
        {(fair[each.taken.rule].actor, each.component) for each in transitions(world, state) if each.taken.rule in fair}
        for state in loop
    ]
    assert set.intersection(*able) <= took


def test_the_known_bugs_of_the_operator_are_rediscovered() -> None:
    found = {claim.known[OPERATOR].bug for claim in CATALOGUE if OPERATOR in claim.known}
    assert found >= MUST_BE_FOUND


@pytest.mark.parametrize(
    ("claim", "bug"),
    [
        ("delete-is-repeated", "S1"),
        ("retry-starts", "S2"),
        ("failure-is-recorded", "S3"),
        ("vanished-job-is-noticed", "S7"),
    ],
    ids=["S1", "S2", "S3", "S7"],
)
def test_the_verdict_from_the_objects_alone_names_the_same_bug(claim: str, bug: str) -> None:
    """The end of the story, as `explain` would see it an hour later."""
    (found,) = judged(OPERATOR, tuple(each for each in CATALOGUE if each.id == claim))
    assert found.finding.story is not None
    watch = Watch()
    for state in replayed(found.world, found.finding.story):
        parts = {name: value for (name, _), value in zip(found.world.slots, state, strict=True)}
        seen = watch.seen(parts)
    seen = watch.seen(parts, later=3600)
    assert seen.verdict == "stuck"
    assert f"operator-semantics {bug}" in seen.because


def test_claims_have_names_of_their_own_and_know_a_verdict_for_every_world_of_their_mode() -> None:
    names = [claim.id for claim in CATALOGUE]
    assert len(names) == len(set(names))
    for claim in CATALOGUE:
        assert set(claim.known) in _worlds_of(claim)


def _worlds_of(claim: Claim) -> list[set[str]]:
    """A claim about log backups is about the operator with and without the companion, or about the companion alone."""
    if claim.mode == "log":
        return [{OPERATOR, BESIDE}, {BESIDE}]
    return [{OPERATOR}] if claim.id in OF_THE_OPERATOR else [{OPERATOR, OURS}]


def test_budgets_are_declared_and_what_is_not_asked_has_a_reason() -> None:
    names = {mishap.name for mishap in MISHAPS}
    assert all(set(claim.budgets) <= names for claim in CATALOGUE)
    assert all(UNASKED.values())
    assert not set(UNASKED) & {claim.field for claim in CATALOGUE}
