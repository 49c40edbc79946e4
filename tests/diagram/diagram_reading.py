"""What a drawn DOT text says, as Graphviz itself reads it: nodes, clusters and edges, without any layout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from fsm.diagram.svg import drawn
from fsm.kernel import Machine


@dataclass(frozen=True)
class DrawnEdge:
    """An edge: node names, the clusters it is clipped at, and the numbers of the transitions it draws."""

    tail: str
    head: str
    ltail: str
    lhead: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """Node and cluster ids by name, the node names in each cluster (all the way down), and the edges."""

    ids: dict[str, str]
    inside: dict[str, frozenset[str]]
    edges: tuple[DrawnEdge, ...]
    attributes: dict[str, dict[str, str]]


@cache
def graph_of(text: str) -> Graph:
    data = json.loads(drawn(text, "dot_json", "pure"))
    things: list[dict[str, Any]] = data["objects"]
    names = [each["name"] for each in things]
    clusters = {each["name"]: each for each in things if each["name"].startswith("cluster_")}
    return Graph(
        ids={each["name"]: each.get("id", "") for each in things},
        inside={name: frozenset(names[node] for node in each.get("nodes", ())) for name, each in clusters.items()},
        edges=tuple(
            DrawnEdge(
                names[edge["tail"]],
                names[edge["head"]],
                edge.get("ltail", ""),
                edge.get("lhead", ""),
                tuple(int(number) for number in edge.get("transitions", "").split()),
            )
            for edge in data["edges"]
        ),
        attributes={each["name"]: each for each in things},
    )


def leaves(machine: Machine, state: str) -> set[str]:
    """The atomic states at or below a state."""
    children = [each.id for each in machine.states if each.parent == state]
    return set().union(*(leaves(machine, child) for child in children)) if children else {state}
