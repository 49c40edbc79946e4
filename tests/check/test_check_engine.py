"""The engine against its executable specification: states, edges, costs and verdicts, on random worlds."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from random_worlds import properties_of, world_of

from fsm.check import Story, Verdict, check, explore, plain, replayed
from fsm.kernel import Fairness, Form, Kind, World

SEEDS = [pytest.param(seed, marks=pytest.mark.exhaustive if seed >= 20 else ()) for seed in range(120)]


@pytest.fixture(
    params=["as it is", "short words, small chunks", "no look-ups, hashed children"],
)
def regime(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Bounds that make small worlds take the ways of large ones: states of many words, many chunks, walked trees."""
    if request.param == "short words, small chunks":
        monkeypatch.setattr("fsm.check.space.WORD", 7)
        monkeypatch.setattr("fsm.check.symmetry.WORD", 7)
        monkeypatch.setattr("fsm.check.bundle.TABLE_BITS", 4)
        monkeypatch.setattr("fsm.check.exploration.CHUNK", 3)
        monkeypatch.setattr("fsm.check.exploration.BATCH", 8)
        monkeypatch.setattr("fsm.check.graph.CHUNK", 5)
        monkeypatch.setattr("fsm.check.claims.CHUNK", 2)
        monkeypatch.setattr("fsm.check.backwards.CHUNK", 2)
    if request.param == "no look-ups, hashed children":
        monkeypatch.setattr("fsm.check.bundle.TABLE_BITS", 0)
        monkeypatch.setattr("fsm.check.tree.DENSE", 0)
    return str(request.param)


@pytest.mark.parametrize("seed", SEEDS)
def test_engine_and_specification_find_the_same_graph(seed: int, regime: str) -> None:
    world = world_of(seed)
    graph, expected = explore(world, audit=True), plain.explored(world)
    states = [graph.state(i) for i in range(graph.states)]
    costs = list(zip(graph.faults.tolist(), graph.depth.tolist(), strict=True))
    assert dict(zip(states, costs, strict=True)) == dict(zip(expected.states, expected.cost, strict=True))
    assert costs == sorted(costs)
    kinds = {rule.name: rule.kind for rule in world.rules}
    for i, parent in enumerate(graph.parents.tolist()):
        if parent < 0:
            assert costs[i] == (0, 0)
        else:
            faults, depth = costs[parent]
            ways = {faults + (kinds[edge.rule] is Kind.FAULT) for edge in graph.edges(parent) if edge.target == i}
            assert costs[i] == (min(ways), depth + 1)
    found = Counter(
        (states[i], edge.rule, edge.component, edge.what, states[edge.target])
        for i in range(graph.states)
        for edge in graph.edges(i)
    )
    wanted = Counter(
        (expected.states[source], each.rule.name, each.component, each.what, expected.states[target])
        for source, each, target in expected.edges
    )
    assert found == wanted
    arrays = Counter(
        (states[i], graph.labels[label][0].name, graph.labels[label][1], states[target])
        for i in range(graph.states)
        for label, target in zip(
            graph.label[graph.first[i] : graph.first[i + 1]].tolist(),
            graph.target[graph.first[i] : graph.first[i + 1]].tolist(),
            strict=True,
        )
    )
    assert arrays == Counter((a, b, c, e) for a, b, c, _, e in wanted.elements())


@pytest.mark.parametrize("seed", SEEDS)
def test_engine_and_specification_come_to_the_same_verdicts(seed: int, regime: str) -> None:
    world = world_of(seed)
    claims = properties_of(seed, world)
    report, graph = check(world, claims, audit=True), plain.explored(world)
    assert (report.states, report.transitions) == (len(graph.states), len(graph.edges))
    for finding in report.findings:
        expected = plain.verdict_of(graph, finding.property)
        assert finding.verdict is expected.verdict, finding.property.form
        if finding.verdict is Verdict.VIOLATED and finding.property.form is not Form.SOMETIMES:
            assert finding.story is not None
            states = replayed(world, finding.story)
            if expected.cost is not None:
                assert (finding.story.faults, len(finding.story.steps)) == expected.cost
            _shows(world, graph, finding.story, finding.property, finding.component, states)


def _shows(world: World, graph: Any, story: Story, claim: Any, component: int | None, states: list[Any]) -> None:
    """The story ends in what it says."""
    views = [plain.view_of(world, state, component) for state in states]
    if claim.form is Form.ALWAYS:
        assert claim.given(views[-1])
        assert not claim.then(views[-1])
    elif claim.form is Form.NO_DEADLOCK:
        assert not claim.then(views[-1])
        assert not any(each.rule.kind == "normal" for each in plain.transitions(world, states[-1]))
    elif claim.form is Form.STEP:
        step = story.steps[-1]
        taken = next(
            each.taken
            for each in plain.transitions(world, states[-2])
            if (each.rule.name, each.component, each.what) == (step.rule, step.component, step.what)
        )
        assert not claim.step(views[-2], taken, views[-1])
    elif claim.form in (Form.EVENTUALLY, Form.LEADS_TO):
        assert story.loop is not None
        begin = (
            0
            if claim.form is Form.EVENTUALLY
            else max(i for i, view in enumerate(views) if claim.given(view) and i <= story.loop)
        )
        assert not any(claim.then(view) for view in views[begin:])
        _fair(world, story, states)
    elif claim.form is Form.WITHIN:
        ticked = 0
        for view, step in zip(views[::-1][1:], story.steps[::-1], strict=True):
            assert not claim.then(view)
            ticked += step.rule == claim.clock
            if ticked == claim.ticks + 1 and claim.given(view):
                return
        pytest.fail("its condition does not hold where the counting begins")


def _fair(world: World, story: Story, states: list[Any]) -> None:
    """Who must move does, or cannot in some state of the loop."""
    assert story.loop is not None
    loop = states[story.loop : -1] or states[-1:]
    taken = {
        (world.rules[[r.name for r in world.rules].index(step.rule)].assumed, step.actor, step.component)
        for step in story.steps[story.loop :]
    }
    enabled = [{each.group for each in plain.transitions(world, state)} for state in loop]
    for group in set().union(*enabled) - taken:
        if group[0] is Fairness.WEAK:
            assert any(group not in here for here in enabled)
        if group[0] is Fairness.STRONG:
            assert not any(group in here for here in enabled)
