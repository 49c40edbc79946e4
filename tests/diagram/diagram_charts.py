"""A small chart with everything a picture must draw, and the same with whatever names one likes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from fsm.kernel import Chart, Compound, Event, Machine, Parallel, action, compile_chart, edge, guard, state


@dataclass(frozen=True)
class Knock:
    """An effect."""

    times: int


@guard
def ready(context: Any, event: Event) -> bool:
    """It is ready."""
    return event.reason == "ready"


@guard
def late(context: Any, event: Event) -> bool:
    """It is late."""
    return event.reason == "late"


@action(Knock)
def knock(context: Any, event: Event) -> tuple[Any, tuple[Knock, ...]]:
    """Knock once."""
    return context, (Knock(1),)


class Tiny(Chart):
    """A door with a loop, a choice, a compound, two regions and a way out of everywhere."""

    idle = state("Nobody is there.", initial=True)

    class work(Compound):
        """Somebody works."""

        first = state("The first half.", initial=True)
        second = state("The second half.")

    class both(Parallel):
        """Two things at once."""

        class left(Compound):
            """The left one."""

            left_off = state("Off.", initial=True)
            left_on = state("On.")

        class right(Compound):
            """The right one."""

            right_off = state("Off.", initial=True)
            right_on = state("On.")

    done = state("It is done.", outcome="good")
    broken = state("It is broken.", outcome="bad")
    gone = state("Nothing is left.", outcome="good")

    start = edge(idle, work.first, "Work begins.", do=knock)
    go_on = edge(work.first, work.second, "The first half is over.")
    fail = edge((work.first, work.second), broken, "It broke.")
    finish = edge(work.second, done, "All is well.", when=ready, unless=late)
    edge(work.second, broken, "Too late.", event="finish", when=late)
    edge(work.second, idle, "Once more.", event="finish")
    look = edge(idle, None, "Nothing to see.", when=ready) | edge(idle, None, "Still nothing.", do=knock)
    split = edge(done, both, "Both at once.")
    turn_on = edge(both.left.left_off, both.left.left_on, "Left on.") | edge(
        both.right.right_off, both.right.right_on, "Right on."
    )
    turn_off = edge(both.left.left_on, both.left.left_off, "Left off.")
    jump = edge(work, work.second, "Skip the first half.")
    remove = edge((idle, work, both, done, broken), gone, "Removed.")


TINY = compile_chart(Tiny)


class Corner(Chart):
    """The corners of drawing: ways into one's own compound, too few for a fan, the same event inside and outside."""

    here = state("Here.", initial=True)
    there = state("There.")

    class box(Compound):
        """A box."""

        low = state("Low.", initial=True)
        middle = state("In between.")
        high = state("High.")

    out = state("Out.")

    lift = edge((box.low, box.middle, box.high), box.high, "To the top, from everywhere inside.")
    rise = edge(box.low, box.middle, "A bit.")
    throw = edge((here, there, box, box.low, box.middle, out), box.high, "Into the box, or up in it.")
    leave = edge(box.low, out, "Out at the bottom.") | edge(box, out, "Out from anywhere.")
    move = edge(here, there, "Over there.")
    pair = edge((here, there), out, "Only two.")
    back = edge(out, box, "Into the box.")
    again = edge(box, box, "The box once more.")
    knock = edge(box, None, "Somebody knocks at the box.", do=knock)


CORNER = compile_chart(Corner)


def renamed(machine: Machine, name: Callable[[str], str]) -> Machine:
    """The machine with every id, event, guard, effect and sentence put through `name`."""

    def each(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            f"not {name(text.removeprefix('not '))}" if text.startswith("not ") else name(text) for text in names
        )

    states = tuple(
        replace(
            info,
            id=name(info.id),
            parent=None if info.parent is None else name(info.parent),
            doc=name(info.doc),
            entry=each(info.entry),
        )
        for info in machine.states
    )
    transitions = tuple(
        replace(
            row,
            event=name(row.event),
            source=name(row.source),
            target=None if row.target is None else name(row.target),
            guards=each(row.guards),
            actions=each(row.actions),
            effects=each(row.effects),
            doc=name(row.doc),
        )
        for row in machine.transitions
    )
    initial = machine.configurations[0]
    return replace(
        machine,
        name=name(machine.name),
        doc=name(machine.doc),
        states=states,
        transitions=transitions,
        guards={name(key): value for key, value in machine.guards.items()},
        actions={name(key): value for key, value in machine.actions.items()},
        configurations=(type(initial)(tuple(name(each) for each in initial)), *machine.configurations[1:]),
        _by_id={info.id: info for info in states},
    )


NASTY = [
    *(
        '"',
        "\\",
        'a"b',
        "a\\",
        "\\N",
        "<b>",
        "</td>",
        "a&amp;b",
        "&",
        "{}",
        "a|b",
        "a:b:c",
        "-->",
        "]",
        "\n",
        "\x00",
        "]]>",
    ),
    *(
        "†",
        "é汉🎉",
        "end",
        "state",
        "note",
        "%%",
        "a: b",
        "#35;",
        ";",
        "[*]",
        "<<fork>>",
        "--",
        "<script>",
        "`",
        "_x_",
        "# x",
    ),
]
nasty = st.text(min_size=1, max_size=12) | st.sampled_from(NASTY)


@st.composite
def strange_machines(draw: st.DrawFn) -> Machine:
    """The small chart with nasty names, sentences and effects, no two the same."""
    pool = draw(st.lists(nasty.filter(lambda text: not text.startswith("not ")), min_size=1, max_size=8, unique=True))
    names: dict[str, str] = {}

    def name(text: str) -> str:
        if text not in names:
            number = len(names)
            new = pool[number % len(pool)] + (f"{number}" if number >= len(pool) else "")
            while new in names.values():
                new += "'"
            names[text] = new
        return names[text]

    return renamed(TINY, name)
