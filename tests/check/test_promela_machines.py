"""A machine's Promela text, read and run here: it has the configurations and steps of the compiled machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from promela_machines import ConfigurationGraph, configurations_of
from promela_text import Model, read, walked

from fsm.check.promela import promela_of_machine
from fsm.errors import UsageError
from fsm.kernel import Chart, Compound, Machine, Parallel, compile_chart, edge, state
from fsm.machines import MACHINES
from tests.kernel.random_charts import random_machines


def configuration(machine: Machine, model: Model, values: tuple[int, ...]) -> Any:
    """The configuration that the variables say."""
    active = {model.told[compound][number] for compound, number in zip(model.told, values, strict=True) if number}
    parallels = {each.id for each in machine.states if each.kind == "parallel"}
    regions = {each.id for each in machine.states if each.parent in active & parallels}
    return machine.configuration(tuple(each.id for each in machine.states if each.id in active | regions))


def assert_same_graph(machine: Machine) -> None:
    assert_graph(machine, configurations_of(machine))


def assert_graph(machine: Machine, wanted: ConfigurationGraph) -> None:
    model = read(promela_of_machine(machine))
    found = walked(model)
    said = {values: configuration(machine, model, values) for values in found.states}
    assert set(said.values()) == wanted.configurations
    assert len(said) == len(wanted.configurations)
    edges = [(said[source], label, said[target]) for source, label, target in found.edges]
    assert sorted(edges) == sorted(wanted.edges)


@pytest.mark.parametrize("name", MACHINES)
def test_the_text_of_a_registered_machine_has_its_graph(name: str) -> None:
    assert_same_graph(MACHINES[name])


@pytest.mark.parametrize("seeds", [range(start, start + 20) for start in range(0, 60, 20)], ids=str)
def test_the_text_of_random_charts_has_their_graph(seeds: range) -> None:
    judged = refused = 0
    for _, machine in random_machines(seeds):
        try:
            assert_same_graph(machine)
            judged += 1
        except UsageError:
            refused += 1
    assert judged >= 5, f"{refused} of the charts were refused, {judged} judged"


class Regions(Chart):
    """Two regions that move at once, and a way out of both."""

    class both(Parallel, initial=True):
        """Both."""

        class left(Compound):
            """Left."""

            l1 = state("L1.", initial=True)
            l2 = state("L2.", outcome="good")

        class right(Compound):
            """Right."""

            r1 = state("R1.", initial=True)
            r2 = state("R2.", outcome="good")

    out = state("Out.", outcome="good")
    edge(both.left.l1, both.left.l2, "Left moves.", event="go")
    edge(both.right.r1, both.right.r2, "Right moves.", event="go")
    edge(both, out, "Leaves.", event="leave")


class Deep(Chart):
    """A way past what a region would enter by default."""

    out = state("Out.", initial=True)

    class both(Parallel):
        """Both."""

        class left(Compound):
            """Left."""

            class first(Compound, initial=True):
                """What is entered by default, with a state of its own."""

                f1 = state("F1.", initial=True, outcome="good")

            second = state("Second.", outcome="good")

        right = state("Right.", outcome="good")

    edge(out, both, "By default.", event="enter")
    edge(out, both.left.second, "Past the default.", event="pass")
    edge(both, out, "Leaves.", event="leave")


def test_what_is_entered_by_name_is_not_also_entered_by_default() -> None:
    assert_same_graph(compile_chart(Deep))


def _leaving() -> type[Chart]:
    class Leaving(Chart):
        """A region that leaves."""

        class both(Parallel, initial=True):
            """Both."""

            left = state("Left.")
            right = state("Right.")

        out = state("Out.", outcome="good")
        edge(both.left, out, "Leaves.", event="go")
        edge(both.right, None, "Stays.", event="look")

    return Leaving


def _staying() -> type[Chart]:
    class Staying(Chart):
        """A region that stays while the whole may move."""

        class both(Parallel, initial=True):
            """Both."""

            left = state("Left.")
            right = state("Right.")

        out = state("Out.", outcome="good")
        edge(both.left, None, "Stays.", event="go")
        edge(both, out, "Moves.", event="go")

    return Staying


@pytest.mark.parametrize(
    ("chart", "problem"),
    [
        pytest.param(_leaving, "left --go--> out leaves both from inside", id="leaving"),
        pytest.param(_staying, "left --go--> left stays while both", id="staying"),
    ],
)
def test_what_the_text_cannot_say_is_refused(chart: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        promela_of_machine(compile_chart(chart()))


def test_two_regions_move_in_one_step() -> None:
    machine = compile_chart(Regions)
    found = walked(read(promela_of_machine(machine)))
    assert (len(found.states), len(found.edges)) == (3, 3)


def _retargeted(machine: Machine, row: int, target: str) -> Machine:
    """The declaration with another target in one row; the compiled code stays what it was."""
    rows = list(machine.transitions)
    rows[row] = replace(rows[row], target=target)
    return replace(machine, transitions=tuple(rows))


def _changed_rows(machine: Machine, rows: range) -> Iterator[Machine]:
    """The machine with another target in one row, a sibling of the right one."""
    for row in rows:
        edge = machine.transitions[row]
        parent = machine.info(edge.target or edge.source).parent
        others = (each.id for each in machine.states if each.parent == parent)
        for other in [each for each in others if each not in (edge.target, edge.source)][:1]:
            yield _retargeted(machine, row, other)


def _assert_noticed(machine: Machine, rows: range) -> None:
    wanted, changed = configurations_of(machine), list(_changed_rows(machine, rows))
    for other in changed:
        with pytest.raises(AssertionError):
            assert_graph(other, wanted)
    assert len(changed) > len(rows) / 2


@pytest.mark.parametrize("name", MACHINES)
def test_a_row_that_the_compiler_read_otherwise_is_noticed(name: str) -> None:
    machine = MACHINES[name]
    _assert_noticed(machine, range(0, len(machine.transitions), 8))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", MACHINES)
def test_every_row_that_the_compiler_read_otherwise_is_noticed(name: str) -> None:
    machine = MACHINES[name]
    _assert_noticed(machine, range(len(machine.transitions)))
