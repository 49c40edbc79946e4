"""A machine as a Promela model: SCXML's choice of transitions, its exits and entries, said once more for SPIN to run.

Nothing compiled is used, only the declared states and transitions: a variable for each compound state holds its active
child (0 where it is not active), and every event is an option for each answer that its guards can give together. The
context is left out, so a guard may say anything at any time, but one thing only to all edges of one step.

SPIN counts as states the configurations that can be reached so, and as transitions the triples of configuration, event
and answers that some edge accepts; and one transition more, with which the first state comes into being.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fsm.check.promela.names import Names, remark, variable_type
from fsm.errors import UsageError
from fsm.kernel import Machine, StateInfo, Transition

MOST_GUARDS = 12
_TRUE, _FALSE = "true", "false"


def promela_of_machine(machine: Machine) -> str:
    """The model.

    UsageError for what this reading of SCXML does not cover: an edge that leaves a parallel state from inside a region,
    an event to which a region may stay as it is while the parallel state around it moves, and an event with more than
    `MOST_GUARDS` guards.
    """
    return "\n".join(_Printer(machine).lines()) + "\n"


@dataclass(eq=False)
class _Node:
    """A state with its place in the tree. The root is a compound of no id."""

    id: str
    kind: str
    parent: _Node | None
    initial: bool = False
    children: list[_Node] = field(default_factory=list)
    edges: list[Transition] = field(default_factory=list)

    @property
    def line(self) -> list[_Node]:
        """Itself and its ancestors, up to the root."""
        return [self, *(self.parent.line if self.parent else ())]

    @property
    def number(self) -> int:
        """Its number among its siblings, from 1."""
        return self.parent.children.index(self) + 1 if self.parent else 1

    def compounds(self) -> Iterator[_Node]:
        """Itself and all below that have one active child."""
        if self.kind == "compound":
            yield self
        for child in self.children:
            yield from child.compounds()


class _Printer:
    """Writes one model."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.root = _Node("", "compound", None)
        self.nodes: dict[str, _Node] = {}
        for info in machine.states:
            self._add(info)
        for edge in machine.transitions:
            self.nodes[edge.source].edges.append(edge)
        names = Names("machine")
        self.variables = {node: names.new(node.id or "top") for node in self.root.compounds()}

    def _add(self, info: StateInfo) -> None:
        parent = self.nodes[info.parent] if info.parent else self.root
        self.nodes[info.id] = _Node(info.id, info.kind, parent, info.initial)
        parent.children.append(self.nodes[info.id])

    # -------------------------------------------------------------- exits and entries

    def _domain(self, source: _Node, target: _Node) -> _Node:
        """The least compound that contains both and stays active; the source itself where the edge stays inside."""
        if source.kind == "compound" and source in target.line[1:]:
            return source
        return next(each for each in source.line[1:] if each.kind == "compound" and each in target.line[1:])

    def _moved(self, edge: Transition) -> dict[_Node, int]:
        """What an edge does to the variables: all below its domain is left, and the target is entered."""
        if edge.target is None:
            return {}
        source, target = self.nodes[edge.source], self.nodes[edge.target]
        domain = self._domain(source, target)
        self._refuse_leaving(edge, source, domain)
        way = target.line[: target.line.index(domain)][::-1]
        return {**dict.fromkeys(domain.compounds(), 0), domain: way[0].number, **_entered(way)}

    def _refuse_staying(self, edge: Transition) -> None:
        """Where a region stays, its parallel state's own edge is taken as well: they are not in conflict."""
        line = self.nodes[edge.source].line
        for region, around in itertools.pairwise(line):
            if around.kind == "parallel" and edge.target is None:
                outer = line[line.index(region) + 1 :]
                if any(other.event == edge.event for node in outer for other in node.edges):
                    raise UsageError(f"{self.machine.name}: {edge} stays while {around.id}, around it, may move")

    def _refuse_leaving(self, edge: Transition, source: _Node, domain: _Node) -> None:
        for region in source.line:
            if region is domain:
                return
            if region.parent and region.parent.kind == "parallel":
                raise UsageError(f"{self.machine.name}: {edge} leaves {region.parent.id} from inside a region")

    # -------------------------------------------------------------- the choice, under certain answers of the guards

    def _chosen(self, node: _Node, first: Mapping[_Node, Transition]) -> str:
        """When an edge is taken at or below a state, if it is active."""
        if node in first:
            return _TRUE
        parts = [(child, self._chosen(child, first)) for child in node.children]
        if node.kind != "parallel":
            variable = self.variables.get(node, "")
            parts = [(child, _both(f"{variable} == {child.number}", part)) for child, part in parts]
        return _either([part for _, part in parts])

    def _taken(self, node: _Node, first: Mapping[_Node, Transition], inherited: Transition | None) -> str:
        """The statements of the innermost edge in an active state, or of the one that an ancestor has."""
        edge = first.get(node, inherited)
        if node.kind == "atomic":
            return self._assignments(edge) if edge else "skip"
        if node.kind == "compound":
            variable = self.variables[node]
            return _case(
                [(f"{variable} == {child.number}", self._taken(child, first, edge)) for child in node.children]
            )
        inside = _either([self._chosen(region, first) for region in node.children])
        regions = "; ".join(
            statements for region in node.children if (statements := self._taken(region, first, None)) != "skip"
        )
        outside = self._assignments(edge) if edge else "skip"
        if inside in (_TRUE, _FALSE):
            return (regions or "skip") if inside == _TRUE else outside
        return f"if :: {inside} -> {regions or 'skip'} :: else -> {outside} fi"

    def _assignments(self, edge: Transition) -> str:
        moved = self._moved(edge)
        return "; ".join(f"{self.variables[node]} = {value}" for node, value in moved.items()) or "skip"

    # -------------------------------------------------------------- the text

    def lines(self) -> Iterator[str]:
        for edge in self.machine.transitions:
            self._refuse_staying(edge)
        yield remark(f"Machine {self.machine.name}: {self.machine.doc}")
        start = {**dict.fromkeys(self.root.compounds(), 0), **_entered([self.root])}
        for node, variable in self.variables.items():
            children = ", ".join(f"{child.number} = {child.id}" for child in node.children)
            yield remark(f"{node.id or 'all'}: {children}{', 0 = not active' if node.id else ''}")
            yield f"{variable_type(len(node.children) + 1)} {variable} = {start[node]};"
        yield ""
        yield "active proctype machine() {"
        yield "end: do"
        for event in self.machine.events:
            yield from self._options(event)
        yield "  od"
        yield "}"

    def _options(self, event: str) -> Iterator[str]:
        edges = [edge for edge in self.machine.transitions if edge.event == event]
        guards = sorted({guard.removeprefix("not ") for edge in edges for guard in edge.guards})
        if len(guards) > MOST_GUARDS:
            raise UsageError(f"{self.machine.name}: {event} has {len(guards)} guards; {MOST_GUARDS} can be exported")
        for answers in itertools.product((True, False), repeat=len(guards)):
            said = dict(zip(guards, answers, strict=True))
            first: dict[_Node, Transition] = {}
            for edge in edges:
                if all(said[guard.removeprefix("not ")] is not guard.startswith("not ") for guard in edge.guards):
                    first.setdefault(self.nodes[edge.source], edge)
            accepted = self._chosen(self.root, first)
            if accepted != _FALSE:
                words = ", ".join(guard if answer else f"not {guard}" for guard, answer in said.items())
                yield f"  {remark(event + (f' [{words}]' if words else ''))}"
                yield f"  :: d_step {{ {accepted} -> {self._taken(self.root, first, None)} }}"


def _entered(way: list[_Node]) -> dict[_Node, int]:
    """The variables of what is entered on the way down to its last state, and by default from there and beside."""
    entered: dict[_Node, int] = {}
    for node, following in itertools.zip_longest(way, way[1:]):
        if node.kind == "compound":
            child = following or next(each for each in node.children if each.initial)
            entered[node] = child.number
            if following is None:
                entered |= _entered([child])
        elif node.kind == "parallel":
            for region in node.children:
                if region is not following:
                    entered |= _entered([region])
    return entered


def _both(one: str, other: str) -> str:
    if _FALSE in (one, other):
        return _FALSE
    return one if other == _TRUE else f"({one} && {other})"


def _either(parts: list[str]) -> str:
    if _TRUE in parts:
        return _TRUE
    kept = [part for part in parts if part != _FALSE]
    if not kept:
        return _FALSE
    return kept[0] if len(kept) == 1 else f"({' || '.join(kept)})"


def _case(cases: list[tuple[str, str]]) -> str:
    """The statements of the case that holds; one of them does."""
    if len({statements for _, statements in cases}) == 1:
        return cases[0][1]
    busy = [(condition, statements) for condition, statements in cases if statements != "skip"]
    return f"if {' '.join(f':: {condition} -> {statements}' for condition, statements in busy)} :: else -> skip fi"
