"""Worlds of a few lines for the tests of the checker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fsm.kernel import Kind, Move, Part, Rule, World


def counter(last: int, **rest: Any) -> World:
    """Counts from 0 to `last`, one step each."""

    def up(view: Any) -> Iterable[Move]:
        if view.n < last:
            yield Move("counts", {"n": view.n + 1})

    return World("counter", {"n": Part(0)}, (Rule("up", "hand", up),), **rest)


def graph_world(
    edges: Iterable[tuple[str, str, str]], start: str = "a", kinds: Mapping[str, Kind] | None = None, **fair: Any
) -> World:
    """A world whose states are named: edges (actor, from, to), each actor with one rule of its name; `fair` gives some
    actors another fairness."""
    by_actor: dict[str, list[tuple[str, str]]] = {}
    for actor, source, target in edges:
        by_actor.setdefault(actor, []).append((source, target))

    def moves(pairs: list[tuple[str, str]]) -> Callable[[Any], Iterable[Move]]:
        return lambda view: [Move(f"to {target}", {"at": target}) for source, target in pairs if view.at == source]

    rules = tuple(
        Rule(actor, actor, moves(pairs), (kinds or {}).get(actor, Kind.NORMAL), fair.get(actor))
        for actor, pairs in by_actor.items()
    )
    return World("graph", {"at": Part(start)}, rules)


def at(*names: str) -> Callable[[Any], bool]:
    """A predicate of a `graph_world`."""
    return lambda view: view.at in names
