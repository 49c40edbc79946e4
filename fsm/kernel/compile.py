"""From a chart class to a machine: the SCXML algorithm, run once for every configuration and event, written as Python.

What cannot be compiled is refused with the reason, when the chart's module is imported: a machine that exists has no
eventless transitions, no history, no invocations, no validators, no delays, no callbacks found by naming convention.

The order of things in a step is SCXML's: innermost enabled transition of every region, chosen on the context before
the step; conflicts go to the descendant, then to document order; then exit actions (innermost first), transition
actions, entry actions (outermost first), each in document order, each seeing the context its predecessor left.
"""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from statemachine.callbacks import SpecReference
from statemachine.graph import iterate_states

from fsm.errors import ChartError, UsageError
from fsm.kernel.chart import Action, Effects, Guard, sentence
from fsm.kernel.event import Event
from fsm.kernel.machine import Bare, Configuration, Machine, StateInfo, Transition

MOST_CONFIGURATIONS = 4096

_Rules = Mapping[Configuration, Mapping[str, Callable[[Any, Event], Any]]]
_Answers = Mapping[Configuration, Mapping[str, tuple[Bare, Effects] | None]]


@dataclass(eq=False)
class _Node:
    """A state while it is compiled. Nodes and edges are compared by identity."""

    info: StateInfo
    order: int
    parent: _Node | None
    children: list[_Node] = field(default_factory=list)
    edges: list[_Edge] = field(default_factory=list)
    entry: tuple[Action, ...] = ()
    exit: tuple[Action, ...] = ()

    @property
    def ancestors(self) -> Iterator[_Node]:
        node = self.parent
        while node:
            yield node
            node = node.parent

    def inside(self, other: _Node | None) -> bool:
        """A proper descendant; everything is inside the root, which is None."""
        return other is None or other in self.ancestors

    @property
    def first(self) -> _Node:
        return next(child for child in self.children if child.info.initial)


@dataclass(eq=False)
class _Edge:
    """A transition while it is compiled."""

    row: Transition
    source: _Node
    target: _Node | None
    guards: tuple[tuple[Guard, bool], ...]
    actions: tuple[Action, ...]

    @property
    def domain(self) -> _Node | None:
        """The least compound that contains both ends, or the source if it is one; None is the root.

        What lies inside it is exited and entered. A parallel is no such place: all its regions are left with one.
        """
        assert self.target
        if self.source.info.kind == "compound" and self.target.inside(self.source):
            return self.source
        shared = (a for a in self.source.ancestors if a.info.kind == "compound" and self.target.inside(a))
        return next(shared, None)


def compile_chart(chart: Any, name: str = "") -> Machine:
    """The machine of a chart; ChartError says what cannot be compiled and why."""
    name = name or _snake(chart.__name__)
    nodes = _nodes(chart, name)
    _declare_edges(chart, name, nodes)
    edges = [edge for node in nodes.values() for edge in node.edges]
    _refuse_dead_ends(name, nodes.values())
    configurations = _configurations(name, nodes)
    _declare_effects(edges, [frozenset(nodes[each] for each in configuration) for configuration in configurations])
    guards = {g.name: g for edge in edges for g, _ in edge.guards}
    actions = {a.name: a for node in nodes.values() for a in (*node.entry, *node.exit)}
    actions |= {a.name: a for edge in edges for a in edge.actions}
    constant = not guards and not actions and chart.context_type is None
    code = _Code(name, nodes, configurations, guards, actions, constant=constant)
    return Machine(
        name=name,
        doc=sentence(chart.__doc__),
        states=tuple(node.info for node in nodes.values()),
        transitions=tuple(edge.row for edge in edges),
        guards=guards,
        actions=actions,
        configurations=tuple(configurations),
        alternatives=code.alternatives,
        context_type=chart.context_type,
        chart=chart,
        source=code.source,
        next_of=code.namespace["next_of"],
        traced_of=code.namespace["traced_of"],
        _interned={each: each for each in configurations},
        _enabled=code.enabled,
        _by_id={node.info.id: node.info for node in nodes.values()},
        _by_leaves={frozenset(e for e in c if nodes[e].info.kind == "atomic"): c for c in configurations},
    )


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


# ------------------------------------------------------------------ the declaration, read and judged


def _nodes(chart: Any, name: str) -> dict[str, _Node]:
    nodes: dict[str, _Node] = {}
    for order, state in enumerate(iterate_states(chart.states)):
        if state.id in nodes:
            raise ChartError(f"{name}: two states are called {state.id}")
        _refuse_state(chart, name, state)
        info = StateInfo(
            id=state.id,
            parent=state.parent.id if state.parent else None,
            kind="parallel" if state.parallel else "compound" if state.states else "atomic",
            initial=bool(state.initial),
            outcome=state.outcome,
            doc=state.doc,
            entry=tuple(call.name for call in _called(chart, name, state.enter, Action)),
            exit=tuple(call.name for call in _called(chart, name, state.exit, Action)),
        )
        node = _Node(info, order, nodes[state.parent.id] if state.parent else None)
        node.entry = tuple(_called(chart, name, state.enter, Action))
        node.exit = tuple(_called(chart, name, state.exit, Action))
        if node.parent:
            node.parent.children.append(node)
        nodes[state.id] = node
    return nodes


def _refuse_state(chart: Any, name: str, state: Any) -> None:
    where = f"{name}: state {state.id}"
    if state.history:
        raise ChartError(f"{where} has a history state; a pure step keeps no history outside its context")
    if not getattr(state, "doc", ""):
        raise ChartError(f"{where} has no documentation; declare it with state(…) or a class body with a docstring")
    if state.final:
        raise ChartError(f"{where} is final for the library; give it an outcome instead, so that it can be deleted")
    if any(not spec.is_convention or hasattr(chart, spec.attr_name) for spec in state.invoke):
        raise ChartError(f"{where} invokes something; a pure step starts nothing")
    entered = any(not spec.is_convention for spec in state.enter)
    if entered and all(each.initial for each in _chain(state)):  # the library calls every region of a parallel initial
        raise ChartError(f"{where} has an entry action and is where a machine starts: no event would run it")


def _chain(state: Any) -> Iterator[Any]:
    while state:
        yield state
        state = state.parent


def _called(chart: Any, name: str, specs: Iterable[Any], kind: type) -> list[Any]:
    """The guards or actions that the library's callback specs name, in order."""
    found = []
    for spec in specs:
        if spec.is_convention:
            if hasattr(chart, spec.attr_name):
                raise ChartError(
                    f"{name}: {spec.attr_name} would be called because of its name; declare it on the edge"
                )
            continue
        call = getattr(chart, spec.func, None) if spec.reference is SpecReference.NAME else None
        if not isinstance(call, kind):
            raise ChartError(f"{name}: {spec.func!r} is not a declared {kind.__name__.lower()}")
        found.append(call)
    return found


def _declare_edges(chart: Any, name: str, nodes: Mapping[str, _Node]) -> None:
    for state in iterate_states(chart.states):
        for transition in state.transitions:
            if not transition.initial:
                for edge in _edges(chart, name, nodes, transition):
                    nodes[state.id].edges.append(edge)


def _edges(chart: Any, name: str, nodes: Mapping[str, _Node], transition: Any) -> Iterator[_Edge]:
    where = f"{name}: {transition.source.id} -> {', '.join(t.id for t in transition.targets)}"
    _refuse_transition(chart, name, where, transition)
    target = nodes[transition.targets[0].id] if transition.targets else None
    specs = [spec for spec in transition.cond if not spec.is_convention]
    guards = tuple(
        (call, bool(spec.expected_value)) for spec, call in zip(specs, _called(chart, name, specs, Guard), strict=True)
    )
    actions = tuple(_called(chart, name, transition.on, Action))
    for event in dict.fromkeys(str(event) for event in transition.events):
        row = Transition(
            event=event,
            source=transition.source.id,
            target=target.info.id if target else None,
            guards=tuple(call.name if wanted else f"not {call.name}" for call, wanted in guards),
            actions=tuple(call.name for call in actions),
            effects=(),
            doc=transition.doc,
        )
        yield _Edge(row, nodes[transition.source.id], target, guards, actions)


def _refuse_transition(chart: Any, name: str, where: str, transition: Any) -> None:
    if transition.is_eventless:
        raise ChartError(f"{where} has no event; the library loses the event's data there: one event, one step")
    if len(transition.targets) > 1:
        raise ChartError(f"{where} has several targets; name the one state that contains them")
    if transition.internal != any(target.is_descendant(transition.source) for target in transition.targets):
        raise ChartError(f"{where} is internal to an atomic state; to stay, give the edge the target None")
    if not getattr(transition, "doc", ""):
        raise ChartError(f"{where} has no documentation; declare it with edge(…)")
    if any(str(event).startswith(("done.", "error.")) for event in transition.events):
        raise ChartError(f"{where} listens to an event of the engine; a pure step raises none")
    if any(getattr(event, "delay", 0) for event in transition.events):
        raise ChartError(f"{where} is delayed; time comes with events, a later look is an effect")
    for group in ("validators", "before", "after"):
        for spec in getattr(transition, group):
            if not spec.is_convention or hasattr(chart, spec.attr_name):
                raise ChartError(f"{where} has {group}: a step has guards, and actions on exit, edge and entry")


def _refuse_dead_ends(name: str, nodes: Iterable[_Node]) -> None:
    for node in nodes:
        ways_out = node.edges or any(ancestor.edges for ancestor in node.ancestors)
        if node.info.kind == "atomic" and not ways_out and node.info.outcome is None:
            raise ChartError(f"{name}: {node.info.id} has no edge out and no outcome; work would end there unseen")
        closed: set[str] = set()
        for edge in node.edges:
            if edge.row.event in closed:
                raise ChartError(f"{name}: {edge.row} can never be taken: an earlier edge has no guard")
            if not edge.guards:
                closed.add(edge.row.event)


# ------------------------------------------------------------------ configurations


def _configurations(name: str, nodes: Mapping[str, _Node]) -> list[Configuration]:
    """Every legal configuration, the initial one first."""
    roots = [node for node in nodes.values() if node.parent is None]
    found = list(itertools.islice((c for root in roots for c in _within(root)), MOST_CONFIGURATIONS + 1))
    if len(found) > MOST_CONFIGURATIONS:
        raise ChartError(f"{name} has more than {MOST_CONFIGURATIONS} configurations; split the chart")
    first = _entered_by_default(next(root for root in roots if root.info.initial))
    found.sort(key=lambda members: members != first)
    return [tuple(node.info.id for node in sorted(members, key=_order)) for members in found]


def _within(node: _Node) -> Iterator[frozenset[_Node]]:
    """The legal sets of active states at and below an active node."""
    own = frozenset((node,))
    if node.info.kind == "atomic":
        yield own
    elif node.info.kind == "compound":
        for child in node.children:
            for below in _within(child):
                yield own | below
    else:
        for regions in itertools.product(*(list(_within(child)) for child in node.children)):
            yield own.union(*regions)


def _entered_by_default(node: _Node) -> frozenset[_Node]:
    own = frozenset((node,))
    if node.info.kind == "compound":
        return own | _entered_by_default(node.first)
    return own.union(*(_entered_by_default(child) for child in node.children))


def _order(node: _Node) -> int:
    return node.order


# ------------------------------------------------------------------ the microstep, once for every choice


@dataclass
class _Microstep:
    """What taking some transitions together does: where it leads, and the actions in order."""

    edges: tuple[_Edge, ...]
    after: frozenset[_Node]
    actions: tuple[Action, ...]


def _exits(edge: _Edge, active: frozenset[_Node]) -> frozenset[_Node]:
    if edge.target is None:
        return frozenset()
    return frozenset(node for node in active if node.inside(edge.domain))


def _without_conflicts(chosen: Iterable[_Edge], active: frozenset[_Node]) -> tuple[_Edge, ...]:
    """Of two transitions that leave the same state, the one of the descendant stays, else the first chosen."""
    kept: list[_Edge] = []
    for edge in dict.fromkeys(chosen):
        rivals = [other for other in kept if _exits(edge, active) & _exits(other, active)]
        if all(edge.source.inside(other.source) for other in rivals):
            kept = [other for other in kept if other not in rivals] + [edge]
    return tuple(kept)


def _entered(edge: _Edge) -> frozenset[_Node]:
    """The target, what it enters by default, and the ancestors on the way with their other regions."""
    if edge.target is None:
        return frozenset()
    found = set(_entered_by_default(edge.target))
    for ancestor in edge.target.ancestors:
        if ancestor is edge.domain:
            break
        found.add(ancestor)
        if ancestor.info.kind == "parallel":
            for region in ancestor.children:
                if not any(node is region or node.inside(region) for node in found):
                    found |= _entered_by_default(region)
    return frozenset(found)


def _microstep(chosen: Iterable[_Edge], active: frozenset[_Node]) -> _Microstep:
    edges = _without_conflicts(chosen, active)
    left: frozenset[_Node] = frozenset().union(*(_exits(edge, active) for edge in edges))
    entered: frozenset[_Node] = frozenset().union(*(_entered(edge) for edge in edges))
    actions = [call for node in sorted(left, key=_order, reverse=True) for call in node.exit]
    actions += [call for edge in edges for call in edge.actions]
    actions += [call for node in sorted(entered, key=_order) for call in node.entry]
    return _Microstep(edges, (active - left) | entered, tuple(actions))


def _declare_effects(edges: Iterable[_Edge], actives: Sequence[frozenset[_Node]]) -> None:
    """What taking an edge may emit: with it run the exit actions of all it can leave, and the entry actions."""
    for edge in edges:
        left = {node for active in actives if edge.source in active for node in _exits(edge, active)}
        calls = [call for node in sorted(left, key=_order, reverse=True) for call in node.exit]
        calls += edge.actions
        calls += [call for node in sorted(_entered(edge), key=_order) for call in node.entry]
        kinds = dict.fromkeys(kind.__name__ for call in calls for kind in call.emits)
        edge.row = replace(edge.row, effects=tuple(kinds))


# ------------------------------------------------------------------ the generated source


class _Code:
    """Writes one function for every (configuration, event), and loads them."""

    def __init__(
        self,
        name: str,
        nodes: Mapping[str, _Node],
        configurations: list[Configuration],
        guards: Mapping[str, Guard],
        actions: Mapping[str, Action],
        *,
        constant: bool,
    ) -> None:
        self.nodes = nodes
        self.number = {c: i for i, c in enumerate(configurations)}
        self.enabled = {c: self._events(c) for c in configurations}
        self.alternatives: dict[tuple[Configuration, str], tuple[tuple[Transition, ...], ...]] = {}
        self.rows: dict[Transition, int] = {}
        self.namespace: dict[str, Any] = {f"C{i}": c for i, c in enumerate(configurations)}
        self.namespace |= {f"if_{g.name}": g.function for g in guards.values()}
        self.namespace |= {f"do_{a.name}": a.function for a in actions.values()}
        self.source = "\n\n".join(self._texts(constant))
        self._load(f"<compiled chart {name}>")
        self.namespace |= {"RULES": self._rules(""), "TRACED": self._rules("_traced"), "undeclared": _undeclared}
        if constant:
            self.namespace["ANSWERS"] = _answers(self.namespace["RULES"])

    def _texts(self, constant: bool) -> Iterator[str]:
        for configuration, events in self.enabled.items():
            for event in events:
                yield from self._function(configuration, event)
        yield _LOOK_UP if constant else _DISPATCH.format("next_of", "RULES")
        yield _DISPATCH.format("traced_of", "TRACED")

    def _load(self, file: str) -> None:
        self.namespace |= {f"T{i}": row for row, i in self.rows.items()}
        linecache.cache[file] = (len(self.source), None, self.source.splitlines(keepends=True), file)
        exec(compile(self.source, file, "exec"), self.namespace)  # our own source, from our own charts

    def _active(self, configuration: Configuration) -> frozenset[_Node]:
        return frozenset(self.nodes[each] for each in configuration)

    def _events(self, configuration: Configuration) -> tuple[str, ...]:
        found = (edge.row.event for each in configuration for edge in self.nodes[each].edges)
        return tuple(dict.fromkeys(found))

    def _regions(self, configuration: Configuration, event: str) -> list[list[_Edge]]:
        """For every active leaf the candidate transitions, innermost and first declared first."""
        leaves = [self.nodes[each] for each in configuration if self.nodes[each].info.kind == "atomic"]
        regions = [
            [edge for node in (leaf, *leaf.ancestors) for edge in node.edges if edge.row.event == event]
            for leaf in leaves
        ]
        return [region for region in regions if region]

    def _name(self, configuration: Configuration, event: str) -> str:
        return f"c{self.number[configuration]}_{event}"

    def _function(self, configuration: Configuration, event: str) -> tuple[str, str]:
        regions = self._regions(configuration, event)
        rows = (tuple(dict.fromkeys(edge.row for edge in region)) for region in regions)
        self.alternatives[(configuration, event)] = tuple(rows)
        active = self._active(configuration)
        head = (
            f"def {self._name(configuration, event)}%s(context, event):\n    # {', '.join(configuration)} on {event}\n"
        )
        plain = head % "" + "".join(self._choice(regions, (), frozenset(), active, 1, traced=False))
        traced = head % "_traced" + "".join(self._choice(regions, (), frozenset(), active, 1, traced=True))
        return plain, traced

    def _choice(
        self,
        regions: list[list[_Edge]],
        chosen: tuple[_Edge, ...],
        refused: frozenset[_Edge],
        active: frozenset[_Node],
        depth: int,
        *,
        traced: bool,
    ) -> Iterator[str]:
        """One nested if for every region; all guards are asked, each once, before anything is done."""
        if not regions:
            yield from self._body(chosen, active, "    " * depth, traced=traced)
            return
        region, rest = regions[0], regions[1:]
        for edge in region:
            if edge in refused:
                continue
            if edge.guards and edge not in chosen:
                asked = " and ".join(
                    f"{'' if wanted else 'not '}if_{g.name}(context, event)" for g, wanted in edge.guards
                )
                yield f"{'    ' * depth}if {asked}:\n"
                yield from self._choice(rest, (*chosen, edge), refused, active, depth + 1, traced=traced)
                refused |= {edge}
            else:
                yield from self._choice(rest, (*chosen, edge), refused, active, depth, traced=traced)
                return
        yield from self._choice(rest, chosen, refused, active, depth, traced=traced)

    def _body(self, chosen: tuple[_Edge, ...], active: frozenset[_Node], indent: str, *, traced: bool) -> Iterator[str]:
        if not chosen:
            yield f"{indent}return None\n"
            return
        step = _microstep(chosen, active)
        for i, call in enumerate(step.actions):
            yield f"{indent}context, e{i} = do_{call.name}(context, event)\n"
        effects = " + ".join(f"e{i}" for i in range(len(step.actions))) or "()"
        after = tuple(node.info.id for node in sorted(step.after, key=_order))
        taken = f", ({' '.join(self._row(edge.row) + ',' for edge in step.edges)})" if traced else ""
        yield f"{indent}return (C{self.number[after]}, context), {effects}{taken}\n"

    def _row(self, row: Transition) -> str:
        return f"T{self.rows.setdefault(row, len(self.rows))}"

    def _rules(self, suffix: str) -> _Rules:
        """The rule of every configuration and every event of the chart; `_refused` where the event is not declared."""
        every: dict[str, Any] = dict.fromkeys((event for events in self.enabled.values() for event in events), _refused)
        return {
            c: every | {event: self.namespace[self._name(c, event) + suffix] for event in events}
            for c, events in self.enabled.items()
        }


def _refused(context: Any, event: Event) -> None:
    """The rule of an event that no edge names in the configuration."""


# Two look-ups in plain dicts are the fastest dispatch that CPython has, and a global is found faster than a cell.
_DISPATCH = """\
def {0}(state, event):
    try:
        rule = {1}[state[0]][event.name]
    except KeyError:
        return undeclared({1}, state[0])
    return rule(state[1], event)
"""

# A chart without context, guards and actions: every answer is known before any event.
_LOOK_UP = """\
def next_of(state, event):
    try:
        return ANSWERS[state[0]][event.name]
    except KeyError:
        return undeclared(ANSWERS, state[0])
"""


def _answers(rules: _Rules) -> _Answers:
    nothing = Event("", 0)
    return {c: {name: rule(None, nothing) for name, rule in row.items()} for c, row in rules.items()}


def _undeclared(rules: _Rules | _Answers, configuration: Configuration) -> None:
    """An event that no edge names is not enabled; a configuration of no machine is the caller's mistake."""
    if configuration not in rules:
        raise UsageError(f"{{{', '.join(configuration)}}} is not a configuration of this machine") from None
