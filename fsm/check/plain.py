"""The executable specification of the checker: states are tuples, seen states a dictionary, and nothing is clever.

`transitions` says what a world can do in one state. `explored` finds all states in the order of fewest faults, then
fewest steps. `verdict_of` judges a property on the explored graph by the textbook definition. The engine must agree
with all three; stories are told, and taken again, with the first.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fsm.check.report import Verdict
from fsm.errors import DeclarationError
from fsm.kernel import Fairness, Form, Kind, Move, Property, Rule, Taken, World

State = tuple[Any, ...]
"""The values of a state in the order of `World.slots`."""

Places = dict[tuple[str, int | None], int]
"""Where in a state each slot is."""

Cost = tuple[int, int]
"""Faults, and steps with them."""

Group = tuple[Fairness, str, int | None]
"""What fairness is assumed of: an actor, of a component where its rules are own."""


class Transition(NamedTuple):
    """One thing that can happen in a state."""

    rule: Rule
    component: int | None
    what: str
    note: str
    target: State

    @property
    def taken(self) -> Taken:
        """As properties see it."""
        return Taken(self.rule.name, self.rule.actor, self.rule.kind, self.what, self.component)

    @property
    def group(self) -> Group:
        """To whose fairness it counts."""
        return (self.rule.assumed, self.rule.actor, self.component)


class PlainView:
    """A state as a rule of `component` (or a shared rule, None) sees it."""

    def __init__(self, world: World, places: Places, state: State, component: int | None):
        self._world, self._places, self._state, self._component = world, places, state, component

    @property
    def index(self) -> int:
        if self._component is None:
            raise DeclarationError("a shared rule has no index; use view.of(index)")
        return self._component

    @property
    def components(self) -> int:
        return self._world.components

    def of(self, index: int) -> PlainView:
        return PlainView(self._world, self._places, self._state, _component(self._world, index))

    def __getattr__(self, part: str) -> Any:
        if part.startswith("__"):
            raise AttributeError(part)
        return self[part]

    def __getitem__(self, part: str) -> Any:
        return self._state[self._places[place(self._world, part, self._component)]]


def place(world: World, part: str, component: int | None) -> tuple[str, int | None]:
    """The slot that a name means to a rule of `component`; DeclarationError where it means none."""
    if part not in world.parts:
        raise DeclarationError(f"there is no part {part!r}")
    if not world.parts[part].own:
        return (part, None)
    if component is None:
        raise DeclarationError(f"the part {part!r} is of one component: say which, by view.of(index) or (name, index)")
    return (part, component)


def _component(world: World, index: int) -> int:
    if not 0 <= index < world.components:
        raise DeclarationError(f"there is no component {index!r}; there are {world.components}")
    return index


def places_of(world: World) -> Places:
    """Where each slot is in a state."""
    return {slot: i for i, slot in enumerate(world.slots)}


def view_of(world: World, state: State, component: int | None = None) -> PlainView:
    """A view of one state, from the outside or of a component."""
    return PlainView(world, places_of(world), state, component)


def transitions(world: World, state: State, places: Places | None = None) -> list[Transition]:
    """What can happen, in the order of the rules, their components and their moves; each thing once."""
    places = places or places_of(world)
    found: dict[tuple[str, int | None, str, State], Transition] = {}
    for rule in world.rules:
        for component in range(world.components) if rule.own else (None,):
            for move in rule.moves(PlainView(world, places, state, component)):
                target = _moved(world, places, state, component, move)
                if target != state:
                    key = (rule.name, component, move.what, target)
                    found.setdefault(key, Transition(rule, component, move.what, move.note, target))
    return list(found.values())


def _moved(world: World, places: Places, state: State, component: int | None, move: Move) -> State:
    after = list(state)
    written = set()
    for key, value in move.writes.items():
        part, index = key if isinstance(key, tuple) else (key, component)
        slot = places[place(world, part, None if index is None else _component(world, index))]
        after[slot] = value
        written.add(slot)
    for name in move.applies:
        if name not in world.maps:
            raise DeclarationError(f"there is no map {name!r}")
        for (part, _), slot in places.items():
            change = world.maps[name].get(part)
            if change is not None and slot not in written:
                after[slot] = change(after[slot])
    return tuple(after)


class Edge(NamedTuple):
    """A transition between numbered states."""

    source: int
    transition: Transition
    target: int


@dataclass
class PlainGraph:
    """All states in the order of their cost (faults, steps), and all transitions."""

    world: World
    states: list[State] = field(default_factory=list)
    number: dict[State, int] = field(default_factory=dict)
    cost: list[Cost] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    out: list[list[Edge]] = field(default_factory=list)


def explored(world: World, canonical: Callable[[State], State] = lambda state: state) -> PlainGraph:
    """The whole graph; with `canonical`, of one state for each class."""
    graph = PlainGraph(world)
    queue: list[tuple[Cost, int, State]] = []
    for state in world.initial_states():
        heapq.heappush(queue, ((0, 0), len(queue), canonical(state)))
    places, known = places_of(world), dict[State, list[Transition]]()
    pushed = len(queue)
    while queue:
        (faults, steps), _, state = heapq.heappop(queue)
        if state in graph.number:
            continue
        graph.number[state] = len(graph.states)
        graph.states.append(state)
        graph.cost.append((faults, steps))
        known[state] = [each._replace(target=canonical(each.target)) for each in transitions(world, state, places)]
        for each in known[state]:
            if each.target not in graph.number:
                cost = (faults + (each.rule.kind is Kind.FAULT), steps + 1)
                heapq.heappush(queue, (cost, pushed, each.target))
                pushed += 1
    for number, state in enumerate(graph.states):
        graph.out.append([Edge(number, each, graph.number[each.target]) for each in known[state]])
        graph.edges += graph.out[-1]
    return graph


class Judgement(NamedTuple):
    """A verdict; for a violation the cost of the cheapest bad state or step, where that is a matter of one."""

    verdict: Verdict
    cost: Cost | None = None


def verdict_of(graph: PlainGraph, claim: Property) -> Judgement:
    """The verdict on one property, for every component where it is own."""
    judged = [_JUDGES[claim.form](graph, claim, component) for component in components_of(graph.world, claim)]
    for wanted in (Verdict.VIOLATED, Verdict.HOLDS) if claim.form is not Form.SOMETIMES else (Verdict.HOLDS,):
        chosen = [each for each in judged if each.verdict is wanted]
        if chosen:
            return min(chosen, key=lambda each: each.cost or (0, 0))
    return judged[0]


def components_of(world: World, claim: Property) -> Iterable[int | None]:
    """For which components it is claimed."""
    return range(world.components) if claim.own and claim.form is not Form.NO_DEADLOCK else (None,)


def _holding(graph: PlainGraph, predicate: Callable[[Any], bool] | None, component: int | None) -> list[bool]:
    if predicate is None:
        return [True] * len(graph.states)
    places = places_of(graph.world)
    return [bool(predicate(PlainView(graph.world, places, state, component))) for state in graph.states]


def _bad(graph: PlainGraph, bad: Iterable[int], given: Iterable[bool] = (True,)) -> Judgement:
    costs = [graph.cost[each] for each in bad]
    if costs:
        return Judgement(Verdict.VIOLATED, min(costs))
    return Judgement(Verdict.HOLDS if any(given) else Verdict.VACUOUS)


def _always(graph: PlainGraph, claim: Property, component: int | None) -> Judgement:
    given, then = _holding(graph, claim.given, component), _holding(graph, claim.then, component)
    return _bad(graph, (i for i, here in enumerate(given) if here and not then[i]), given)


def _sometimes(graph: PlainGraph, claim: Property, component: int | None) -> Judgement:
    return Judgement(Verdict.HOLDS if any(_holding(graph, claim.then, component)) else Verdict.VIOLATED)


def _step(graph: PlainGraph, claim: Property, component: int | None) -> Judgement:
    places, costs, concerned = places_of(graph.world), [], False
    assert claim.step is not None
    for source, each, target in graph.edges:
        if claim.concerned is not None and not claim.concerned(each.taken):
            continue
        concerned = True
        before = PlainView(graph.world, places, graph.states[source], component)
        after = PlainView(graph.world, places, graph.states[target], component)
        if not claim.step(before, each.taken, after):
            faults, steps = graph.cost[source]
            costs.append((faults + (each.rule.kind is Kind.FAULT), steps + 1))
    if costs:
        return Judgement(Verdict.VIOLATED, min(costs))
    return Judgement(Verdict.HOLDS if concerned else Verdict.VACUOUS)


def _no_deadlock(graph: PlainGraph, claim: Property, component: int | None) -> Judgement:
    resting = _holding(graph, claim.then, component)
    moving = [any(edge.transition.rule.kind is Kind.NORMAL for edge in out) for out in graph.out]
    return _bad(graph, (i for i, moves in enumerate(moving) if not moves and not resting[i]))


def _recoverable(graph: PlainGraph, claim: Property, component: int | None) -> Judgement:
    given, then = _holding(graph, claim.given, component), _holding(graph, claim.then, component)
    back: list[list[int]] = [[] for _ in graph.states]
    for source, _, target in graph.edges:
        back[target].append(source)
    good = _reached((i for i, holds in enumerate(then) if holds), lambda i: back[i])
    return _bad(graph, (i for i, here in enumerate(given) if here and i not in good), given)


def _within(graph: PlainGraph, claim: Property, component: int | None) -> Judgement:
    given, then = _holding(graph, claim.given, component), _holding(graph, claim.then, component)
    if not any(given):
        return Judgement(Verdict.VACUOUS)

    def later(place: tuple[int, int]) -> Iterator[tuple[int, int]]:
        number, ticks = place
        if ticks <= claim.ticks and not then[number]:
            for edge in graph.out[number]:
                yield edge.target, ticks + (edge.transition.rule.name == claim.clock)

    starts = [(i, 0) for i, here in enumerate(given) if here]
    late = any(ticks > claim.ticks for _, ticks in _reached(starts, later))
    return Judgement(Verdict.VIOLATED if late else Verdict.HOLDS)


def _leads_to(graph: PlainGraph, claim: Property, component: int | None) -> Judgement:
    then = _holding(graph, claim.then, component)
    if claim.form is Form.EVENTUALLY:
        given = [cost == (0, 0) for cost in graph.cost]
    else:
        given = _holding(graph, claim.given, component)
        if not any(given):
            return Judgement(Verdict.VACUOUS)
    starts = (i for i, here in enumerate(given) if here and not then[i])
    places = _reached(starts, lambda i: (edge.target for edge in graph.out[i] if not then[edge.target]))
    return Judgement(Verdict.VIOLATED if fair_traps(graph, places) else Verdict.HOLDS)


def fair_traps(graph: PlainGraph, places: set[int]) -> list[set[int]]:
    """The sets of states among `places` in which a fair run can stay for ever."""
    groups = {edge.transition.group for edge in graph.edges if edge.transition.rule.assumed is not Fairness.NONE}
    traps, waiting = [], list(_components(graph, places))
    while waiting:
        trap = waiting.pop()
        inside = {edge.transition.group for i in trap for edge in graph.out[i] if edge.target in trap}
        enabled = {i: {edge.transition.group for edge in graph.out[i]} for i in trap}
        missed = groups - inside
        strong = {group for group in missed if group[0] is Fairness.STRONG}
        ends = {i for i in trap if enabled[i] & strong}
        if ends:
            waiting += _components(graph, trap - ends)
        elif all(any(group not in enabled[i] for i in trap) for group in missed):
            traps.append(trap)
    return traps


def _components(graph: PlainGraph, places: set[int]) -> Iterator[set[int]]:
    """Strongly connected components of a part of the graph (Tarjan, without recursion)."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on: set[int] = set()
    for root in sorted(places):
        if root in order:
            continue
        work = [(root, iter([edge.target for edge in graph.out[root] if edge.target in places]))]
        order[root] = low[root] = len(order)
        stack.append(root)
        on.add(root)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in order:
                    order[target] = low[target] = len(order)
                    stack.append(target)
                    on.add(target)
                    work.append((target, iter([e.target for e in graph.out[target] if e.target in places])))
                    break
                if target in on:
                    low[node] = min(low[node], order[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    found = set()
                    while node not in found:
                        found.add(stack.pop())
                    on -= found
                    yield found


def _reached(starts: Iterable[Any], later: Callable[[Any], Iterable[Any]]) -> set[Any]:
    seen = set(starts)
    stack = list(seen)
    while stack:
        for each in later(stack.pop()):
            if each not in seen:
                seen.add(each)
                stack.append(each)
    return seen


_JUDGES: dict[Form, Callable[[PlainGraph, Property, int | None], Judgement]] = {
    Form.ALWAYS: _always,
    Form.STEP: _step,
    Form.SOMETIMES: _sometimes,
    Form.EVENTUALLY: _leads_to,
    Form.LEADS_TO: _leads_to,
    Form.RECOVERABLE: _recoverable,
    Form.WITHIN: _within,
    Form.NO_DEADLOCK: _no_deadlock,
}
