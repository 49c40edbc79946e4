"""How one step runs: which edges are taken, in which order the actions run, and what they see.

Every row is asked of the compiled table and of the library's own engine.
"""

from __future__ import annotations

import random
from functools import cache
from typing import NamedTuple

import pytest
from random_charts import random_machines, random_start

from fsm.kernel import (
    Action,
    Chart,
    Compound,
    Event,
    Guard,
    Machine,
    MachineState,
    Parallel,
    compile_chart,
    edge,
    state,
)
from fsm.kernel import try_step as tried
from fsm.kernel.judge import Judge


class Words(NamedTuple):
    """What was said so far."""

    said: tuple[str, ...] = ()


class Said(NamedTuple):
    """An effect: the word, and how many were said before it."""

    word: str
    before: int


@cache
def say(word: str) -> Action:
    """An action that says its word."""

    def speak(context: Words, event: Event) -> tuple[Words, tuple[Said, ...]]:
        return Words((*context.said, word)), (Said(word, len(context.said)),)

    return Action(speak, f"say_{word}", (Said,))


@cache
def heard(word: str) -> Guard:
    """The word was said before this step."""
    return Guard(lambda context, event: word in context.said, f"heard_{word}")


@cache
def at_least(time: int) -> Guard:
    """It is that late."""
    return Guard(lambda context, event: event.at >= time, f"at_least_{time}")


class Nested(Chart):
    """One compound in another, two roots beside them."""

    context_type = Words

    start = state("Start.", initial=True, exit=[say("leave_start")])

    class outer(Compound, enter=[say("enter_outer")], exit=[say("leave_outer")]):
        """Outer."""

        class inner(Compound, initial=True, enter=[say("enter_inner")], exit=[say("leave_inner")]):
            """Inner."""

            one = state("One.", initial=True, enter=[say("enter_one")], exit=[say("leave_one")])
            two = state("Two.", enter=[say("enter_two"), say("greet_two")], exit=[say("leave_two")])

        side = state("Side.", enter=[say("enter_side")], exit=[say("leave_side")])

    end = state("End.", outcome="good", enter=[say("enter_end")])

    edge(start, outer, "In.", event="into", do=(say("b"), say("a")))
    edge(start, outer.inner.two, "Deep in.", event="deep", do=say("a"))
    edge(outer.inner.one, end, "Out.", event="out", do=say("a"))
    edge(outer.inner.one, outer.side, "Aside.", event="aside", do=say("a"))
    edge(outer.inner.one, outer.inner.one, "Again.", event="again", do=say("a"))
    edge(outer.inner, outer.inner, "Again.", event="renew", do=say("a"))
    edge(outer, outer.inner.two, "Within.", event="within", do=say("a"))
    edge(outer.inner.one, outer, "Up.", event="up", do=say("a"))
    edge(outer.inner.one, None, "Stay.", event="stay", do=(say("a"), say("b")))
    edge(outer.inner, None, "Nothing at all.", event="nothing")


class Alternatives(Chart):
    """Several edges for one event, on several levels."""

    context_type = Words

    class outer(Compound, initial=True):
        """Outer."""

        x = state("X.", initial=True)
        y = state("Y.", outcome="good")

    first = state("First.", outcome="good")
    second = state("Second.", outcome="good")
    edge(outer.x, first, "Late.", event="go", when=at_least(20))
    edge(outer.x, second, "Early but loud.", event="go", when=(at_least(10), heard("loud")))
    edge(outer.x, outer.y, "Early and calm.", event="go", when=at_least(10), unless=heard("calm"))
    edge(outer, None, "Otherwise.", event="go", do=say("otherwise"))
    edge(outer.x, first, "Late.", event="only", when=at_least(20))


class Regions(Chart):
    """Three regions at once, and a way out."""

    context_type = Words

    class both(Parallel, initial=True, exit=[say("leave_both")]):
        """Both."""

        class left(Compound, exit=[say("leave_left")]):
            """Left."""

            l1 = state("L1.", initial=True, exit=[say("leave_l1")])
            l2 = state("L2.", enter=[say("enter_l2")], exit=[say("leave_l2")])

        class right(Compound, exit=[say("leave_right")]):
            """Right."""

            r1 = state("R1.", initial=True, exit=[say("leave_r1")])
            r2 = state("R2.", enter=[say("enter_r2")], exit=[say("leave_r2")])

        idle = state("Idle.")

    out = state("Out.", outcome="good")

    edge(both.left.l1, both.left.l2, "Left moves.", event="all", do=say("left"))
    edge(both.right.r1, both.right.r2, "Right moves.", event="all", do=say("right"))
    edge(both.left.l1, both.left.l2, "Left moves.", event="ask", unless=heard("left"), do=say("left"))
    edge(both.right.r1, both.right.r2, "Right moves if left had not.", event="ask", unless=heard("left"))
    edge(both.right.r1, None, "Right stays.", event="ask", do=say("right"))
    edge(both.left.l1, None, "Left stays.", event="half", do=say("left"))
    edge(both.right.r1, both.right.r2, "Right moves.", event="half", do=say("right"))
    edge(both.left.l1, out, "Left leaves.", event="quit", do=say("left"))
    edge(both.right.r1, out, "Right leaves.", event="quit", do=say("right"))
    edge(both, out, "All leave.", event="child", do=say("both"))
    edge(both.right.r1, both.right.r2, "Right moves.", event="child", do=say("right"))
    edge(both, both.left.l2, "Anew.", event="reset", do=say("both"))
    edge(both.left.l1, both.right.r2, "Across.", event="across", do=say("left"))
    edge(out, both.right.r2, "Back.", event="back", do=say("back"))


NESTED, ALTERNATIVES, REGIONS = (compile_chart(chart) for chart in (Nested, Alternatives, Regions))


def run(machine: Machine, state: MachineState, event: Event) -> tuple[str, str]:
    """(active leaves, words said in order), where table, trace and library agree that this happens."""
    judge = Judge(machine, state)
    effects = judge.send(event)
    found = machine.next_of(state, event)
    step = tried(machine, state, event)
    assert found is not None
    assert step is not None
    assert effects is not None
    assert (judge.state, effects) == (MachineState(*found[0]), found[1]) == (step.after, step.effects)
    assert [effect.before for effect in effects] == list(range(len(state.context.said), len(step.after.context.said)))
    said = step.after.context.said[len(state.context.said) :]
    assert said == tuple(effect.word for effect in effects)
    return " ".join(machine.leaves(step.after.configuration)), " ".join(said)


ORDERS = [
    ("start", "into", "one", "leave_start b a enter_outer enter_inner enter_one"),
    ("start", "deep", "two", "leave_start a enter_outer enter_inner enter_two greet_two"),
    ("one", "out", "end", "leave_one leave_inner leave_outer a enter_end"),
    ("one", "aside", "side", "leave_one leave_inner a enter_side"),
    ("one", "again", "one", "leave_one a enter_one"),
    ("one", "renew", "one", "leave_one leave_inner a enter_inner enter_one"),
    ("two", "renew", "one", "leave_two leave_inner a enter_inner enter_one"),
    ("one", "within", "two", "leave_one leave_inner a enter_inner enter_two greet_two"),
    ("side", "within", "two", "leave_side a enter_inner enter_two greet_two"),
    ("one", "up", "one", "leave_one leave_inner leave_outer a enter_outer enter_inner enter_one"),
    ("one", "stay", "one", "a b"),
    ("two", "nothing", "two", ""),
]


@pytest.mark.parametrize(("leaf", "event", "after", "said"), ORDERS, ids=[f"{row[0]}-{row[1]}" for row in ORDERS])
def test_a_step_exits_innermost_first_then_acts_then_enters_outermost_first(
    leaf: str, event: str, after: str, said: str
) -> None:
    assert run(NESTED, NESTED.state(leaf), Event(event, 0)) == (after, said)


CHOICES = [
    ("late", (), 20, "first", ""),
    ("late and loud: the first declared wins", ("loud",), 20, "first", ""),
    ("early but loud", ("loud",), 10, "second", ""),
    ("early", (), 10, "y", ""),
    ("early and calm: nothing inside agrees, so the compound is asked", ("calm",), 10, "x", "otherwise"),
    ("early, loud and calm", ("loud", "calm"), 10, "second", ""),
    ("too early", (), 9, "x", "otherwise"),
]


@pytest.mark.parametrize(
    ("said", "at", "after", "words"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES]
)
def test_the_innermost_alternative_whose_guards_all_agree_is_taken_in_document_order(
    said: tuple[str, ...], at: int, after: str, words: str
) -> None:
    assert run(ALTERNATIVES, ALTERNATIVES.state("x", context=Words(said)), Event("go", at)) == (after, words)


def test_an_active_state_without_an_edge_asks_its_ancestors() -> None:
    assert run(ALTERNATIVES, ALTERNATIVES.state("y"), Event("go", 99)) == ("y", "otherwise")


def test_an_event_whose_guards_all_refuse_changes_nothing_and_is_none() -> None:
    state = ALTERNATIVES.state("x", context=Words(("a",)))
    judge = Judge(ALTERNATIVES, state)
    assert ALTERNATIVES.next_of(state, Event("only", 19)) is None
    assert ALTERNATIVES.traced_of(state, Event("only", 19)) is None
    assert judge.send(Event("only", 19)) is None
    assert judge.state == state == ALTERNATIVES.state("x", context=Words(("a",)))


SEVERAL = [
    ("one event moves several", "l1 r1 idle", "all", "l2 r2 idle", "leave_r1 leave_l1 left right enter_l2 enter_r2"),
    ("a region that is done does not stop the other", "l2 r1 idle", "all", "l2 r2 idle", "leave_r1 right enter_r2"),
    ("one stays and one moves", "l1 r1 idle", "half", "l1 r2 idle", "leave_r1 left right enter_r2"),
    (
        "of two that leave the first declared wins",
        "l1 r1 idle",
        "quit",
        "out",
        "leave_r1 leave_right leave_l1 leave_left leave_both left",
    ),
    ("a descendant's edge beats its ancestor's", "l1 r1 idle", "child", "l1 r2 idle", "leave_r1 right enter_r2"),
    (
        "an ancestor's edge is taken once",
        "l1 r2 idle",
        "child",
        "out",
        "leave_r2 leave_right leave_l1 leave_left leave_both both",
    ),
    (
        "an edge from a parallel into a region leaves all regions",
        "l1 r2 idle",
        "reset",
        "l2 r1 idle",
        "leave_r2 leave_right leave_l1 leave_left leave_both both enter_l2",
    ),
    (
        "an edge across regions leaves both",
        "l1 r1 idle",
        "across",
        "l1 r2 idle",
        "leave_r1 leave_right leave_l1 leave_left leave_both left enter_r2",
    ),
    ("into one region enters the others by default", "out", "back", "l1 r2 idle", "back enter_r2"),
]


@pytest.mark.parametrize(
    ("leaves", "event", "after", "said"), [row[1:] for row in SEVERAL], ids=[row[0] for row in SEVERAL]
)
def test_orthogonal_regions_move_together_and_conflicts_are_settled(
    leaves: str, event: str, after: str, said: str
) -> None:
    assert run(REGIONS, REGIONS.state(*leaves.split()), Event(event, 0)) == (after, said)


def test_all_guards_see_the_context_before_the_step() -> None:
    """The left region says "left" in this very step; the right region's guard must not have heard it."""
    assert run(REGIONS, REGIONS.state("l1", "r1", "idle"), Event("ask", 0)) == (
        "l2 r2 idle",
        "leave_r1 leave_l1 left enter_l2 enter_r2",
    )
    heard_before = REGIONS.state("l1", "r1", "idle", context=Words(("left",)))
    assert run(REGIONS, heard_before, Event("ask", 0)) == ("l1 r1 idle", "right")


def test_a_guard_of_an_edge_is_asked_once_however_many_regions_could_take_it() -> None:
    asked: list[int] = []

    def listening(context: Words, event: Event) -> bool:
        asked.append(event.at)
        return event.at > 10

    class Shared(Chart):
        """Two regions under one guarded edge."""

        context_type = Words

        class both(Parallel, initial=True):
            """Both."""

            left = state("Left.")
            right = state("Right.")

        out = state("Out.", outcome="good")
        edge(both, out, "Leave.", event="go", when=Guard(listening, "listening"))

    machine = compile_chart(Shared)
    assert machine.next_of(machine.start(), Event("go", 1)) is None
    assert machine.next_of(machine.start(), Event("go", 11)) is not None
    assert asked == [1, 11]


def test_a_step_names_its_transitions_in_document_order_and_is_never_empty() -> None:
    step = tried(REGIONS, REGIONS.state("l1", "r1", "idle"), Event("all", 0))
    assert step is not None
    assert [str(transition) for transition in step.transitions] == ["l1 --all--> l2", "r1 --all--> r2"]
    stay = tried(NESTED, NESTED.state("two"), Event("nothing", 0))
    assert stay is not None
    assert [(each.source, each.target) for each in stay.transitions] == [("inner", None)]
    assert stay.after == stay.before


def test_guard_values_tell_every_guard_asked_in_every_region() -> None:
    state = ALTERNATIVES.state("x", context=Words(("loud",)))
    assert ALTERNATIVES.guard_values(state, Event("go", 10)) == {
        "at_least_20": False,
        "at_least_10": True,
        "heard_loud": True,
        "heard_calm": False,
    }
    assert REGIONS.guard_values(REGIONS.state("l1", "r1", "idle"), Event("ask", 0)) == {"heard_left": False}
    assert REGIONS.guard_values(REGIONS.state("out"), Event("ask", 0)) == {}


def test_an_edge_declares_the_effects_of_everything_that_runs_with_it() -> None:
    """Its own actions, the exit actions of what it can leave, and the entry actions on the way in."""
    nested = {(row.source, row.event): row.effects for row in NESTED.transitions}
    assert nested["one", "stay"] == nested["one", "again"] == nested["start", "into"] == ("Said",)
    assert nested["inner", "nothing"] == ()
    regions = {(row.source, row.event): row.effects for row in REGIONS.transitions}
    assert regions["r1", "ask"] == ("Said",), "only its exit and entry say anything"
    assert regions["out", "back"] == ("Said",)


def test_a_step_of_a_random_chart_emits_what_its_transitions_declare() -> None:
    for seed, machine in random_machines(range(40)):
        state = random_start(machine)(random.Random(seed))
        for number in range(40):
            taken = tried(machine, state, Event("abcd"[number % 4], number))
            if taken is not None:
                declared = {kind for transition in taken.transitions for kind in transition.effects}
                assert {type(effect).__name__ for effect in taken.effects} <= declared, f"seed {seed}, {taken}"
                state = taken.after
