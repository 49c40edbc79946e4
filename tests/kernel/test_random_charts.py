"""Random charts: whatever is declared, the compiled table does what the library's engine does."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from typing import Any

import pytest
from random_charts import Trail, random_event, random_machine, random_machines, random_start

from fsm.kernel import Action, Chart, Event, Guard, Machine, compile_chart, edge, state
from fsm.kernel.judge import Agreement, Disagreement, compared

DEFAULT, ALL = range(60), range(60, 1500)


def _judged(seed: int, machine: Machine, events: int) -> Agreement:
    found = compared(machine, events, seed, random_start(machine), random_event)
    assert isinstance(found, Agreement), f"random chart of seed {seed}, walk of seed {seed}: {found}"
    return found


def _parts(seeds: range, size: int) -> list[range]:
    return [seeds[start : start + size] for start in range(0, len(seeds), size)]


@pytest.mark.parametrize("seeds", _parts(DEFAULT, 10), ids=str)
def test_table_and_library_agree_on_random_charts(seeds: range) -> None:
    for seed, machine in random_machines(seeds):
        _judged(seed, machine, 50)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seeds", _parts(ALL, 60), ids=str)
def test_table_and_library_agree_on_many_random_charts(seeds: range) -> None:
    for seed, machine in random_machines(seeds):
        _judged(seed, machine, 150)


def test_the_random_charts_have_everything_that_can_be_compiled() -> None:
    """A generator that draws only simple charts would prove nothing."""
    seen: Counter[str] = Counter()
    for _, machine in random_machines(DEFAULT):
        kinds = {each.id: each.kind for each in machine.states}
        parents = {each.id: each.parent for each in machine.states}
        seen.update(each.kind for each in machine.states)
        seen.update("entry" for each in machine.states if each.entry and each.kind != "atomic")
        seen.update("exit" for each in machine.states if each.exit and each.kind != "atomic")
        for transition in machine.transitions:
            target = transition.target
            seen["stays"] += target is None
            seen["to itself"] += target == transition.source
            seen["unless"] += any(name.startswith("not ") for name in transition.guards)
            seen["into a region"] += target is not None and kinds.get(parents[target] or "") == "parallel"
            seen["up"] += target is not None and target == parents[transition.source]
            seen["down"] += target is not None and transition.source == parents[target]
    wanted = ["atomic", "compound", "parallel", "entry", "exit", "stays", "unless", "up", "down"]
    assert {name: seen[name] for name in (*wanted, "to itself", "into a region") if seen[name] < 20} == {}


def test_random_walks_take_steps_of_several_regions_at_once() -> None:
    """Else the order between regions is never compared."""
    several = 0
    for seed, machine in random_machines(DEFAULT):
        at = random_start(machine)(random.Random(seed))
        for number in range(60):
            found = machine.traced_of(at, Event("abcd"[number % 4], number))
            if found:
                several += len(found[2]) > 1
                at = found[0]
    assert several > 50


def test_a_chart_of_one_seed_is_always_the_same() -> None:
    assert [machine.source for _, machine in random_machines(range(10))] == [
        machine.source for _, machine in random_machines(range(10))
    ]


# --- the judge notices


def _wrong(machine: Machine, change: Any) -> Machine:
    """The machine with an answer of its table changed: `change(state, event, found)` returns another one."""

    def traced_of(state: Any, event: Event) -> Any:
        return change(state, event, machine.traced_of(state, event))

    def next_of(state: Any, event: Event) -> Any:
        found = traced_of(state, event)
        return found and found[:2]

    return dataclasses.replace(machine, next_of=next_of, traced_of=traced_of)


def _elsewhere(machine: Machine) -> Any:
    def change(state: Any, event: Event, found: Any) -> Any:
        other = machine.configurations[0]
        return found and ((other, found[0][1]), *found[1:])

    return change


WRONG: dict[str, Any] = {
    "another configuration": _elsewhere,
    "an effect dropped": lambda machine: lambda state, event, found: found and (found[0], found[1][1:], found[2]),
    "effects reordered": lambda machine: lambda state, event, found: found and (found[0], found[1][::-1], found[2]),
    "an old context": lambda machine: lambda state, event, found: found and ((found[0][0], state[1]), *found[1:]),
    "a refusal": lambda machine: lambda state, event, found: None if found and event.at % 7 == 0 else found,
    "an acceptance": lambda machine: lambda state, event, found: found or (tuple(state), (), ()),
}


@pytest.mark.parametrize("kind", WRONG)
def test_the_judge_notices_a_wrong_table(kind: str) -> None:
    machine = random_machine(12)
    assert machine is not None
    assert isinstance(compared(machine, 300, 1, random_start(machine), random_event), Agreement)
    found = compared(_wrong(machine, WRONG[kind](machine)), 300, 1, random_start(machine), random_event)
    assert isinstance(found, Disagreement), kind
    assert found.library != found.table


def test_the_judge_notices_a_bare_answer_that_differs_from_the_traced_one() -> None:
    machine = random_machine(12)
    assert machine is not None
    lying = dataclasses.replace(machine, next_of=lambda state, event: None)
    found = compared(lying, 300, 1, random_start(machine), random_event)
    assert isinstance(found, Disagreement)
    assert found.table is None


def _fork(first: Any, second: Any, do: Any) -> Machine:
    """A chart with two guarded alternatives, in the given order."""
    left = Guard(lambda context, event: event.at % 2 == 0, "left")
    wide = Guard(lambda context, event: event.at % 3 == 0, "wide")

    class Fork(Chart):
        """A fork."""

        context_type = Trail
        start = state("Start.", initial=True)
        a = state("A.")
        b = state("B.")
        for way in (first, second):
            edge(start, a if way == "a" else b, "There.", event="a", when=left if way == "a" else wide, do=do)
        edge((a, b), start, "Back.", event="b")
        del way

    return compile_chart(Fork)


def _count(context: Trail, event: Event) -> tuple[Trail, tuple[()]]:
    return Trail(context.value + 1), ()


MUTANTS = {"two alternatives swapped": ("b", "a", Action(_count, "count")), "an action dropped": ("a", "b", ())}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_judge_notices_a_table_compiled_from_a_slightly_different_chart(mutant: str) -> None:
    right = _fork("a", "b", Action(_count, "count"))
    other = _fork(*MUTANTS[mutant])
    assert isinstance(compared(right, 100, 1, random_start(right), random_event), Agreement)
    wrong = dataclasses.replace(right, next_of=other.next_of, traced_of=other.traced_of)
    assert isinstance(compared(wrong, 100, 1, random_start(right), random_event), Disagreement)
