"""Explores a world and judges properties of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fsm.check.backwards import path_to
from fsm.check.claims import Bools, Held, StateClaims, StateFound, StepClaims, StepFound, components_of
from fsm.check.exploration import Exploration, explored
from fsm.check.fairness import Liveness, Traps
from fsm.check.graph import StateGraph
from fsm.check.loops import fair_loop
from fsm.check.plain import State, Transition, transitions
from fsm.check.report import Finding, Limits, Progress, Report, Verdict
from fsm.check.routes import cheapest, leading_to, reached
from fsm.check.story import Story
from fsm.check.telling import Leg, Teller, listed, named, view_of
from fsm.errors import DeclarationError, UsageError
from fsm.kernel import Form, Property, World

ABOUT_STATES = (Form.ALWAYS, Form.SOMETIMES)
FAIR = (Form.EVENTUALLY, Form.LEADS_TO)
ABOUT_GRAPH = (*FAIR, Form.RECOVERABLE, Form.WITHIN)

Watcher = Callable[[Progress], None]


def explore(
    world: World,
    limits: Limits | None = None,
    progress: Watcher | None = None,
    symmetry: bool = False,
    audit: bool = False,
) -> StateGraph:
    """The whole graph of a world; UsageError where a limit was hit before all of it was found."""
    limits = limits or Limits()
    exploration = explored(world, limits, progress, symmetry, audit)
    if limits.memory is not None and StateGraph.bytes_of(exploration) > limits.memory:
        raise UsageError(_too_much("the graph", StateGraph.bytes_of(exploration), limits.memory))
    return StateGraph(exploration)


def check(
    world: World,
    properties: Sequence[Property],
    limits: Limits | None = None,
    progress: Watcher | None = None,
    first: bool = False,
    symmetry: bool = False,
    options: Mapping[str, str] | None = None,
    audit: bool = False,
) -> Report:
    """Verdicts on all the properties, in their order.

    `first`: end as soon as every property is refuted. `symmetry`: components are exchangeable, which the world must
    say; where a property follows single components along a run, states are not folded, but one component is followed
    for all, and the finding says so. `options` are
    only noted in the stories: with which options the world was made. `audit`: every rule and predicate is asked twice.
    """
    _refuse(world, properties, symmetry)
    followed = [claim for claim in properties if _follows(claim)]
    folded = symmetry and not (world.components > 1 and followed)
    check_ = _Check(world, properties, limits or Limits(), progress, first, folded, options or {}, audit, symmetry)
    findings = check_.findings()
    if symmetry and not folded:
        note = "states were not folded: this property follows single components along a run; one was followed for all"
        findings = [
            replace(each, note=note) if each.property in followed and not each.note else each for each in findings
        ]
    return check_.report(findings)


def _follows(claim: Property) -> bool:
    """Whether it matters to the claim which component is which along a run: because it is about one of them, or because
    each of them is fair by itself."""
    return claim.form in FAIR or (claim.form in ABOUT_GRAPH and claim.own)


def _refuse(world: World, properties: Sequence[Property], symmetry: bool) -> None:
    if symmetry and not world.symmetric:
        raise UsageError(f"the world {world.name!r} does not say that its components may be exchanged")
    names = [claim.id for claim in properties]
    for name in names:
        if names.count(name) > 1:
            raise DeclarationError(f"two properties are called {name!r}")
    rules = {rule.name for rule in world.rules}
    for claim in properties:
        if claim.form is Form.WITHIN and claim.clock not in rules:
            raise DeclarationError(f"the property {claim.id!r} counts the rule {claim.clock!r}, which does not exist")


def _too_much(what: str, needed: int, allowed: int) -> str:
    return f"{what} would take {needed:,} bytes; {allowed:,} are allowed"


@dataclass
class _Check:
    """One check of one world."""

    world: World
    properties: Sequence[Property]
    limits: Limits
    progress: Watcher | None
    first: bool
    symmetry: bool
    options: Mapping[str, str]
    audit: bool
    alike: bool  # what is claimed of one component along a run holds for all if it holds for the first
    graph_bytes: int = 0
    most_bytes: int = 0

    @cached_property
    def exploration(self) -> Exploration:
        """All states, looked at for the claims about single ones."""
        states: list[StateClaims] = []

        def watch(exploration: Exploration) -> bool:
            states[:] = states or [StateClaims(exploration, self._of(*ABOUT_STATES), self.audit)]
            states[0].look()
            return self.first and states[0].all_bad and len(states[0].found) == len(self.properties)

        exploration = explored(self.world, self.limits, self.progress, self.symmetry, self.audit, watch)
        watch(exploration)
        self.states = states[0]
        return exploration

    def _of(self, *forms: Form) -> list[Property]:
        return [claim for claim in self.properties if claim.form in forms]

    @cached_property
    def teller(self) -> Teller:
        return Teller(self.world, self.options, self.exploration.fold_state)

    @cached_property
    def graph(self) -> StateGraph | str:
        """The graph, or why there is none."""
        if not self.exploration.finished:
            return ""
        needed = StateGraph.bytes_of(self.exploration)
        if self.limits.memory is not None and needed > self.limits.memory:
            return _too_much("the graph's edges", needed, self.limits.memory)
        self.graph_bytes = self.most_bytes = needed
        return StateGraph(self.exploration)

    def findings(self) -> list[Finding]:
        """All verdicts, in the order of the properties."""
        exploration = self.exploration
        found = {name: self._about_states(each) for name, each in self.states.found.items()}
        if deadlocks := self._of(Form.NO_DEADLOCK):
            claims = StateClaims(exploration, deadlocks, self.audit)
            claims.look()
            found |= {name: self._about_states(each) for name, each in claims.found.items()}
        if steps := self._of(Form.STEP):
            step_claims = StepClaims(exploration, steps, self.audit)
            whole = step_claims.look(self.limits.stopped) and exploration.finished
            found |= {name: self._about_steps(each, whole) for name, each in step_claims.found.items()}
        for claim in self._of(*ABOUT_GRAPH):
            found[claim.id] = self._about_graph(claim)
        return [found[claim.id] for claim in self.properties]

    def report(self, findings: Iterable[Finding]) -> Report:
        """The findings with what was looked at for them."""
        found = self.exploration
        return Report(
            world=self.world.name,
            components=self.world.components,
            budgets=dict(self.world.budgets),
            states=found.states,
            transitions=found.transitions,
            depth=found.depth,
            faults=found.faults,
            bytes_=max(found.most_bytes, self.most_bytes),
            finished=found.finished,
            stopped_by=found.stopped_by,
            findings=tuple(findings),
            silent_rules=tuple(rule.name for rule in self.world.rules if rule.name not in found.fired),
            values={name: len(values) for name, values in found.space.values.items()},
        )

    def _about_states(self, found: StateFound) -> Finding:
        claim, whole = found.claim, self.exploration.finished
        if claim.form is Form.SOMETIMES:
            missing = Verdict.VIOLATED if whole else Verdict.NOT_FINISHED
            note = "no reachable state is like that" if whole and not found.held else ""
            return Finding(claim, Verdict.HOLDS if found.held else missing, note=note)
        if found.bad is not None:
            return self._bad_state(claim, found.bad[0])
        if not whole:
            return Finding(claim, Verdict.NOT_FINISHED)
        vacuous = claim.form is Form.ALWAYS and not found.applied
        return (
            Finding(claim, Verdict.VACUOUS, note="nowhere does its condition hold")
            if vacuous
            else Finding(claim, Verdict.HOLDS)
        )

    def _bad_state(self, claim: Property, number: int) -> Finding:
        path = path_to(self.exploration, number)
        states, taken = self.teller.walked(path[0], [Leg(state) for state in path[1:]])
        component = self._whose(claim, states[-1])
        if claim.form is Form.NO_DEADLOCK:
            because = "Nothing of the normal course can move any more, and this is no state to rest in."
        else:
            because = f"Here it does not hold{self._for(component)}."
        return self._violated(claim, component, self.teller.story(claim, states, taken, because))

    def _whose(self, claim: Property, state: State) -> int | None:
        """The component for which a claim about a state fails there."""
        for component in components_of(self.exploration.space, claim):
            view = view_of(self.world, state, component)
            if (claim.given is None or claim.given(view)) and not (claim.then is None or claim.then(view)):
                return component
        return None

    def _for(self, component: int | None) -> str:
        return "" if component is None or self.world.components == 1 else f" for component {component}"

    def _violated(self, claim: Property, component: int | None, story: Story, assumed: tuple[str, ...] = ()) -> Finding:
        return Finding(claim, Verdict.VIOLATED, story, component, assumed)

    def _about_steps(self, found: StepFound, whole: bool) -> Finding:
        if found.bad is not None:
            return self._bad_step(found.claim, found.bad[1])
        if not whole:
            return Finding(found.claim, Verdict.NOT_FINISHED)
        if not found.applied:
            return Finding(found.claim, Verdict.VACUOUS, note="no step is concerned")
        return Finding(found.claim, Verdict.HOLDS)

    def _bad_step(self, claim: Property, before: int) -> Finding:
        path = path_to(self.exploration, before)
        states, taken = self.teller.walked(path[0], [Leg(state) for state in path[1:]])
        step, component = min(
            ((each, c) for each, c in self._bad_steps(claim, states[-1])), key=lambda pair: pair[0].rule.kind == "fault"
        )
        states, taken = [*states, step.target], [*taken, step]
        because = f"The last step, {step.what!r}, is not allowed{self._for(component)}."
        return self._violated(claim, component, self.teller.story(claim, states, taken, because))

    def _bad_steps(self, claim: Property, state: State) -> Iterable[tuple[Transition, int | None]]:
        assert claim.step is not None
        for each in transitions(self.world, state):
            if claim.concerned is None or claim.concerned(each.taken):
                for component in components_of(self.exploration.space, claim):
                    before, after = (view_of(self.world, s, component) for s in (state, each.target))
                    if not claim.step(before, each.taken, after):
                        yield each, component

    def _about_graph(self, claim: Property) -> Finding:
        graph = self.graph
        if isinstance(graph, str):
            return Finding(claim, Verdict.NOT_FINISHED, note=graph)
        needed = self.graph_bytes + (Liveness.bytes_of(graph) if claim.form in FAIR else graph.states * 24)
        if self.limits.memory is not None and needed > self.limits.memory:
            return Finding(claim, Verdict.NOT_FINISHED, note=_too_much("the question", needed, self.limits.memory))
        self.most_bytes = max(self.most_bytes, needed)
        if self.limits.stopped():
            return Finding(claim, Verdict.NOT_FINISHED)
        judge = {Form.RECOVERABLE: self._recoverable, Form.WITHIN: self._within}.get(claim.form, self._leads_to)
        components = components_of(graph.space, claim)
        found = [judge(graph, claim, component) for component in (components[:1] if self.alike else components)]
        violated = [each for each in found if each.story is not None]
        if violated:
            return min(violated, key=lambda each: (each.story and (each.story.faults, len(each.story.steps))) or (0, 0))
        held = [each for each in found if each.verdict is Verdict.HOLDS]
        if not held:
            return found[0]
        names = dict.fromkeys(name for each in held for name in each.fairness_needed or ())
        return replace(
            held[0], component=None, fairness_needed=tuple(names) if held[0].fairness_needed is not None else None
        )

    def _where(self, graph: StateGraph, claim: Property, component: int | None) -> tuple[Bools, Bools]:
        """Where the condition holds, and where what is claimed does."""
        given = Held(graph.space, claim, claim.given, self.audit).of(graph.block, component)
        return given, Held(graph.space, claim, claim.then, self.audit).of(graph.block, component)

    def _recoverable(self, graph: StateGraph, claim: Property, component: int | None) -> Finding:
        given, then = self._where(graph, claim, component)
        if not given.any():
            return Finding(claim, Verdict.VACUOUS, note="nowhere does its condition hold")
        good = leading_to(graph, then)
        lost = np.flatnonzero(given & ~good)
        if not len(lost):
            return Finding(claim, Verdict.HOLDS)
        path = graph.path_to(int(lost[0]))
        states, taken = self._walked(graph, path[0], [Leg(graph.state(i)) for i in path[1:]])
        many = int(reached(graph, lost[:1], ~good).sum())
        rest = (
            "nothing can happen any more"
            if many == 1
            else f"none of the {many} states that can still come is like that"
        )
        because = f"From here no run leads to what is claimed{self._for(component)}: {rest}."
        return self._violated(claim, component, self.teller.story(claim, states, taken, because))

    def _walked(self, graph: StateGraph, start: int, legs: list[Leg]) -> tuple[list[State], list[Transition]]:
        return self.teller.walked(graph.state(start), legs)

    def _legs(self, graph: StateGraph, edges: Iterable[int]) -> list[Leg]:
        """The legs along some edges."""
        legs = []
        for edge in edges:
            rule, component = graph.labels[int(graph.label[edge])]
            legs.append(Leg(graph.state(int(graph.target[edge])), rule.name, None if self.symmetry else component))
        return legs

    def _within(self, graph: StateGraph, claim: Property, component: int | None) -> Finding:
        given, then = self._where(graph, claim, component)
        if not given.any():
            return Finding(claim, Verdict.VACUOUS, note="nowhere does its condition hold")
        inside = ~then
        clock = np.array([rule.name == claim.clock for rule, _ in graph.labels], bool)
        starts = np.flatnonzero(given & inside)
        way = self._late(graph, claim, starts, inside, clock)
        if way is None:
            return Finding(claim, Verdict.HOLDS)
        start, edges = way
        path = graph.path_to(start)
        legs = [Leg(graph.state(i)) for i in path[1:]]
        states, taken = self._walked(graph, path[0], legs + self._legs(graph, edges))
        begin = f"After step {len(legs)}" if legs else "At the start"
        because = (
            f"{begin} its condition holds, and the rule {claim.clock} is taken {claim.ticks + 1} times "
            f"from then on without what is claimed{self._for(component)}."
        )
        return self._violated(claim, component, self.teller.story(claim, states, taken, because))

    @staticmethod
    def _late(
        graph: StateGraph, claim: Property, starts: np.ndarray, inside: Bools, clock: Bools
    ) -> tuple[int, list[int]] | None:
        last = claim.ticks + 1
        return cheapest(graph, starts, inside, lambda _, rounds: rounds == last, clock, last + 1)

    @cached_property
    def liveness(self) -> Liveness:
        assert isinstance(self.graph, StateGraph)
        return Liveness(self.graph)

    def _leads_to(self, graph: StateGraph, claim: Property, component: int | None) -> Finding:
        given, then = self._where(graph, claim, component)
        if claim.form is Form.EVENTUALLY:
            given = np.zeros(graph.states, bool)
            given[graph.initial] = True
        elif not given.any():
            return Finding(claim, Verdict.VACUOUS, note="nowhere does its condition hold")
        starts = np.flatnonzero(given & ~then)
        places = reached(graph, starts, ~then)
        traps = self.liveness.traps(places)
        assumed = tuple(named(actor, self.world) for _, actor in self.liveness.groups.actors)
        if traps.any:
            return self._trapped(graph, claim, component, starts, ~then, traps, assumed)
        needed = [self.liveness.groups.actors[group] for group in self.liveness.needed(places, traps)]
        words = tuple(named(actor, self.world) for _, actor in needed)
        return Finding(claim, Verdict.HOLDS, fairness_assumed=assumed, fairness_needed=words)

    def _trapped(
        self,
        graph: StateGraph,
        claim: Property,
        component: int | None,
        starts: np.ndarray,
        inside: Bools,
        traps: Traps,
        assumed: tuple[str, ...],
    ) -> Finding:
        way = cheapest(graph, starts, inside, lambda states, _: traps.of_state[states] >= 0)
        assert way is not None
        start, edges = way
        path = graph.path_to(start)
        stem = [Leg(graph.state(i)) for i in path[1:]] + self._legs(graph, edges)
        entry = int(graph.target[edges[-1]]) if edges else start
        loop = fair_loop(self.liveness, traps, entry)
        states, taken = self._walked(graph, path[0], stem + self._legs(graph, loop))
        because = self._stuck(graph, entry, component, taken[len(stem) :])
        story = self.teller.story(claim, states, taken, because, loop=len(stem))
        return self._violated(claim, component, story, assumed)

    def _stuck(self, graph: StateGraph, entry: int, component: int | None, loop: Sequence[Transition]) -> str:
        claimed = f"what is claimed{self._for(component)}"
        if not loop:
            still = self.liveness.enabled_in(entry)
            assert not still, "a state in which somebody must move is no trap"
            others = [each.what for each in transitions(self.world, graph.state(entry))]
            may = f" ({listed(others)} may happen, but need not)" if others else ""
            return f"Nothing that must move can move here{may}, and it is not {claimed}."
        steps = listed(list(dict.fromkeys(each.what for each in loop)))
        return f"The loop takes {steps} again and again, lets everybody move who must, and never comes to {claimed}."
