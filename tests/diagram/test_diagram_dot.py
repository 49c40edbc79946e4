"""The picture: every state where it is declared, every transition drawn, and nothing that a name could break."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from diagram_charts import CORNER, TINY, nasty, renamed, strange_machines
from diagram_reading import DrawnEdge, Graph, graph_of, leaves
from hypothesis import given, settings
from statemachine.contrib.diagram.extract import extract

from fsm.diagram import dot_of, svg_of
from fsm.diagram.picture import picture_of
from fsm.diagram.text import identifier
from fsm.kernel import Machine
from fsm.machines import MACHINES

ALL = [*MACHINES.values(), TINY, CORNER]
SVG = "{http://www.w3.org/2000/svg}"
each_machine = pytest.mark.parametrize("machine", ALL, ids=lambda machine: machine.name)


def clusters_of(machine: Machine) -> dict[str, set[str]]:
    return {state.id: leaves(machine, state.id) for state in machine.states if state.kind != "atomic"}


@each_machine
def test_a_state_is_in_the_clusters_of_its_ancestors_and_in_no_other(machine: Machine) -> None:
    graph = graph_of(dot_of(machine))
    atomic = {state.id for state in machine.states if state.kind == "atomic"}
    drawn = {name.removeprefix("cluster_"): set(nodes) & atomic for name, nodes in graph.inside.items()}
    assert drawn == clusters_of(machine)


@each_machine
def test_every_state_is_drawn_once_and_named_by_its_id(machine: Machine) -> None:
    graph = graph_of(dot_of(machine))
    drawn = sorted(found for found in graph.ids.values() if found.startswith("state-"))
    assert drawn == sorted(f"state-{state.id}" for state in machine.states)


@each_machine
def test_every_transition_leads_from_its_source_to_its_target(machine: Machine) -> None:
    graph = graph_of(dot_of(machine))
    lost = [
        str(transition)
        for number, transition in enumerate(machine.transitions)
        if not leads(machine, graph, number, transition.source, transition.target or transition.source)
    ]
    assert lost == []


def leads(machine: Machine, graph: Graph, number: int, source: str, target: str) -> bool:
    """One edge, or a stem and an arrow that meet in a point, or two connectors with one letter."""
    edges = [edge for edge in graph.edges if number in edge.numbers]
    if len(edges) == 1:
        return starts(machine, edges[0], source) and ends(machine, graph, edges[0], target)
    stem, head = sorted(edges, key=lambda edge: ends(machine, graph, edge, target))
    met = stem.head == head.tail or shares_letter(graph, stem.head, head.tail)
    return met and starts(machine, stem, source) and ends(machine, graph, head, target)


def shares_letter(graph: Graph, connector: str, point: str) -> bool:
    letters = graph.attributes[connector].get("label", "").split()
    return graph.attributes[point].get("label", "") in letters


def starts(machine: Machine, edge: DrawnEdge, source: str) -> bool:
    """At the state, or (drawn once for all children of a compound) at a compound that holds it."""
    drawn = edge.ltail.removeprefix("cluster_") or edge.tail.removeprefix("†any ")
    return source in leaves(machine, source) | {source} and (drawn == source or source in family(machine, drawn))


def family(machine: Machine, state: str) -> set[str]:
    return {
        each.id for each in machine.states if each.id != state and leaves(machine, each.id) <= leaves(machine, state)
    }


def ends(machine: Machine, graph: Graph, edge: DrawnEdge, target: str) -> bool:
    drawn = edge.lhead.removeprefix("cluster_") or edge.head.removeprefix("†any ").removeprefix("†start ")
    return drawn == target


@each_machine
def test_no_edge_is_clipped_at_a_compound_that_holds_both_its_ends(machine: Machine) -> None:
    graph = graph_of(dot_of(machine))
    held = [
        edge
        for edge in graph.edges
        for clip in (edge.ltail, edge.lhead)
        if clip and {edge.tail, edge.head} <= graph.inside[clip]
    ]
    assert held == []


@each_machine
def test_no_two_labelled_edges_have_the_same_ends_where_their_labels_would_meet(machine: Machine) -> None:
    ends = [(edge.tail, edge.head) for edge in graph_of(dot_of(machine)).edges if edge.numbers]
    assert len(ends) == len(set(ends))


@each_machine
def test_states_and_transitions_are_those_that_the_library_extracts(machine: Machine) -> None:
    found = extract(machine.chart)

    def states(level: list[Any], parent: str | None) -> Iterator[tuple[str, str | None]]:
        for state in level:
            yield state.id, parent
            yield from states(state.children, state.id)

    assert sorted(states(found.states, None)) == sorted((state.id, state.parent) for state in machine.states)
    theirs = [
        (event, each.source, tuple(each.targets) or (each.source,), len(each.guards))
        for each in found.transitions
        if not each.is_initial
        for event in [each.event.lower().replace(" ", "_")]  # the library shows names, not ids
    ]
    picture = picture_of(machine)
    arrows = [*picture.arrows, *(head for fan in picture.fans for head in fan.heads)]
    numbers = sorted(number for arrow in arrows for number in arrow.numbers)
    rows = [machine.transitions[number] for number in numbers]
    ours = [(row.event, row.source, (row.target or row.source,), len(row.guards)) for row in rows]
    assert sorted(ours) == sorted(theirs)


def test_what_leaves_every_child_of_a_compound_is_drawn_from_the_compound() -> None:
    arrows = picture_of(TINY).arrows
    assert ("work", "broken") in {(arrow.source, arrow.target) for arrow in arrows}


def test_what_leaves_final_states_too_is_drawn_with_connectors() -> None:
    lettered = [fan for fan in picture_of(TINY).fans if fan.letter]
    assert [[head.target for head in fan.heads] for fan in lettered] == [["gone"]]
    assert {stem.source for stem in lettered[0].stems} == {"idle", "work", "both", "done", "broken"}


def test_ways_into_ones_own_compound_are_neither_lifted_to_it_nor_in_a_fan() -> None:
    picture = picture_of(CORNER)
    ends = {(arrow.source, arrow.target, row.transition.event) for arrow in picture.arrows for row in arrow.rows}
    assert {("low", "high", "lift"), ("high", "high", "lift"), ("box", "high", "throw")} <= ends
    assert [{stem.source for stem in fan.stems} for fan in picture.fans] == [{"here", "there", "out"}]


def test_two_sources_make_no_fan() -> None:
    ends = {(arrow.source, arrow.target) for arrow in picture_of(CORNER).arrows}
    assert {("here", "out"), ("there", "out")} <= ends


def test_states_whose_names_differ_only_in_what_cannot_be_shown_are_two_nodes() -> None:
    graph = graph_of(dot_of(renamed(CORNER, lambda text: {"low": "a\x00", "high": "a\x01"}.get(text, text))))
    assert {"state-a.0.", "state-a.1."} <= set(graph.ids.values())


def test_loops_are_the_ways_back_and_not_the_jumps_into_a_compound() -> None:
    loops = {(arrow.source, arrow.target) for arrow in picture_of(TINY).arrows if arrow.loop}
    assert loops == {
        ("idle", "first"),
        ("first", "second"),
        ("second", "idle"),
        ("left_off", "left_on"),
        ("left_on", "left_off"),
    }


def test_the_unguarded_last_alternative_says_else() -> None:
    rows = {str(row.transition): row for arrow in picture_of(TINY).arrows for row in arrow.rows}
    assert rows["second --finish--> idle"].otherwise
    assert not rows["idle --start--> first"].otherwise
    assert not rows["second --finish [late]--> broken"].otherwise
    assert "[else]" in dot_of(TINY)


def test_final_states_have_two_borders_a_colour_and_a_mark() -> None:
    nodes = graph_of(dot_of(TINY)).attributes
    assert {nodes[name]["peripheries"] for name in ("done", "broken", "gone")} == {"2"}
    assert {nodes[name]["peripheries"] for name in ("idle", "first")} == {"1"}
    assert nodes["done"]["color"] == nodes["gone"]["color"] != nodes["broken"]["color"] != nodes["idle"]["color"]
    assert ("✓" in nodes["done"]["label"], "✗" in nodes["broken"]["label"]) == (True, True)


@settings(max_examples=40, deadline=None)
@given(strange_machines())
def test_no_name_breaks_the_picture_or_loses_a_transition(machine: Machine) -> None:
    graph = graph_of(dot_of(machine))
    numbers = {number for edge in graph.edges for number in edge.numbers}
    assert numbers == set(range(len(machine.transitions)))
    root = ElementTree.fromstring(svg_of(machine))
    found = {group.get("id") for group in root.iter(f"{SVG}g")}
    assert {f"state-{identifier(state.id)}" for state in machine.states} <= found


@given(nasty, nasty)
def test_two_names_never_share_an_identifier(one: str, other: str) -> None:
    assert (identifier(one) == identifier(other)) == (one == other)


def test_the_text_of_a_name_is_shown_as_it_is() -> None:
    machine = renamed(TINY, lambda text: f"{text} <&\"\\N' {{}}")
    root = ElementTree.fromstring(svg_of(machine))
    texts = {"".join(each.itertext()) for each in root.iter(f"{SVG}text")}
    titles = {each.text for each in root.iter(f"{SVG}title")}
    assert "first <&\"\\N' {}" in texts
    assert "The first half. <&\"\\N' {}" in titles
