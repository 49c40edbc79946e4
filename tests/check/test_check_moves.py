"""What a move means, and how often a rule is asked."""

from __future__ import annotations

from typing import Any

import pytest
from small_worlds import counter

from fsm.check import StateGraph, explore
from fsm.kernel import Kind, Move, Part, Rule, World


def one_rule(moves: Any, own: bool = False, **rest: Any) -> World:
    parts = {"s": Part(0), "t": Part(0), "a": Part(0, own=True)}
    return World("one", parts, (Rule("r", "who", moves, own=own),), **rest)


def states(graph: StateGraph) -> list[tuple[Any, ...]]:
    return [graph.state(i) for i in range(graph.states)]


def test_a_move_that_changes_nothing_is_no_move() -> None:
    assert explore(one_rule(lambda view: [Move("x", {"s": 0}), Move("y", {"t": view.t})])).transitions == 0


def test_a_move_that_writes_what_it_did_not_read_may_change_nothing() -> None:
    graph = explore(one_rule(lambda view: [Move("x", {"s": 1})]))
    assert (states(graph), graph.transitions) == ([(0, 0, 0), (1, 0, 0)], 1)


def test_two_moves_with_the_same_words_and_target_are_one_transition() -> None:
    same = one_rule(lambda view: [Move("x", {"s": 1}), Move("x", {"s": 1, "t": 0})] if not view.s else [])
    assert explore(same).transitions == 1
    other = one_rule(lambda view: [Move("x", {"s": 1}), Move("y", {"s": 1, "t": 0})] if not view.s else [])
    assert explore(other).transitions == 2


def test_maps_change_all_components_but_not_what_is_written() -> None:
    world = one_rule(
        lambda view: [Move("x", {"s": 5, ("a", 1): 7}, ("up",))] if view.s == 0 else [],
        maps={"up": {"s": lambda s: s + 1, "a": lambda a: a + 1, "t": lambda t: t + 2}},
        components=3,
    )
    assert states(explore(world))[1:] == [(5, 2, 1, 7, 1)]


def test_maps_apply_one_after_another() -> None:
    maps = {"add": {"t": lambda t: t + 1}, "double": {"t": lambda t: t * 2}}
    world = one_rule(lambda view: [Move("x", {"s": 1}, ("add", "double"))] if not view.s else [], maps=maps)
    assert states(explore(world))[1:] == [(1, 2, 0)]


def test_the_last_of_two_writes_to_one_slot_stays() -> None:
    world = one_rule(lambda view: [Move("x", {"a": 1, ("a", 0): 2})] if view.a == 0 else [], own=True, components=2)
    found = set(states(explore(world)))
    assert (0, 0, 2, 0) in found  # component 0 wrote its part twice
    assert (0, 0, 2, 1) in found  # component 1 wrote its own and that of component 0


def test_a_rule_is_asked_once_for_each_reading() -> None:
    asked: list[tuple[int, int]] = []

    def rule(view: Any) -> Any:
        asked.append((view.s, view.a if view.s else -1))
        if view.s == 0:
            return [Move("x", {"s": 1})]
        return [Move("y", {"a": view.a + 1})] if view.a < 2 else []

    def other(view: Any) -> Any:
        return [Move("z", {"t": view.t + 1})] if view.t < 50 else []

    world = one_rule(rule, own=True, components=3)
    world = World("many", world.parts, (world.rules[0], Rule("other", "else", other)), components=3)
    assert explore(world).states == 51 * (1 + 27)
    assert sorted(asked) == [(0, -1), (1, 0), (1, 1), (1, 2)]


def test_states_come_in_the_order_of_faults_then_steps() -> None:
    def fault(view: Any) -> Any:
        return [Move("jumps", {"n": 9})] if view.n == 1 else []

    calm = counter(4)
    world = World("c", calm.parts, (*calm.rules, Rule("fault", "hand", fault, Kind.FAULT)))
    graph = explore(world)
    assert states(graph) == [(0,), (1,), (2,), (3,), (4,), (9,)]
    assert graph.faults.tolist() == [0, 0, 0, 0, 0, 1]
    assert graph.depth.tolist() == [0, 1, 2, 3, 4, 2]
    assert graph.parents.tolist() == [-1, 0, 1, 2, 3, 1]
    assert graph.path_to(5) == [0, 1, 5]


def test_values_beyond_what_was_laid_out_widen_the_fields() -> None:
    graph = explore(counter(5000))
    assert states(graph) == [(n,) for n in range(5001)]
    assert graph.number((4321,)) == 4321


def test_a_state_of_many_words_is_held_exactly() -> None:
    parts = {f"p{i}": Part(0) for i in range(33)}

    def moves(view: Any) -> Any:
        for i in range(33):
            if view[f"p{i}"] == 0 and (i == 0 or view[f"p{i - 1}"]):
                return [Move(f"to {k}", {f"p{i}": k}) for k in ((1, 2, 3) if i % 5 == 0 else (1,))]
        return []

    graph = explore(World("wide", parts, (Rule("r", "who", moves),)))
    assert graph.block.shape[0] > 1
    assert graph.states == len(set(states(graph))) == 1 + sum(3 ** (i // 5 + 1) for i in range(33))


def test_two_states_with_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsm.check import seen

    honest = seen.keys_of
    salts: set[int] = set()

    def weak(block: Any, salt: int) -> Any:
        salts.add(salt)
        keys = honest(block, salt)
        return keys & 0x3F if salt < 5 and len(block) > 1 else keys

    monkeypatch.setattr("fsm.check.seen.keys_of", weak)
    monkeypatch.setattr("fsm.check.graph.keys_of", weak)
    test_a_state_of_many_words_is_held_exactly()
    assert 5 in salts


@pytest.mark.parametrize("components", [1, 3])
def test_a_rule_may_step_with_another_component(components: int) -> None:
    def swap(view: Any) -> Any:
        for other in range(view.components):
            if other != view.index and view.of(other).a != view.a:
                yield Move(f"swaps with {other}", {"a": view.of(other).a, ("a", other): view.a})

    def mark(view: Any) -> Any:
        return [Move("marks", {("a", 0): 1, "s": 1})] if not view.s else []

    rules = (Rule("swap", "who", swap, own=True), Rule("mark", "who", mark))
    world = World("swap", {"s": Part(0), "a": Part(0, own=True)}, rules, components=components)
    assert explore(world).states == 1 + components


def test_a_part_that_is_read_for_the_first_time_tells_states_apart_that_were_alike() -> None:
    def moves(view: Any) -> Any:
        if view.s == 0:
            return [Move("x", {"s": 1, "t": t}) for t in (0, 1)]
        return [Move("y", {"s": 2 + view.t})] if view.s == 1 else []

    assert set(states(explore(one_rule(moves)))) == {(0, 0, 0), (1, 0, 0), (1, 1, 0), (2, 0, 0), (3, 1, 0)}
