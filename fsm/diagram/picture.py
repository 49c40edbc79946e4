"""What is drawn for a machine, before any notation: arrows, shared arrows, loops. Pure; knows no machine by name.

Every transition is in exactly one arrow or fan, by its number in `machine.transitions`:

* transitions between the same two states share an arrow with several labels;
* one that leaves every child of a compound in the same way is drawn once, from the compound;
* what leaves three or more states in the same way is a fan: light stems from each of them into one point, and one
  labelled arrow from there. Where five or more atomic states are left, or a final one too (as deletion does, which is
  beside the lifecycle and not a part of it), a stem ends at once in a connector: a letter that stands again where the
  arrow starts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fsm.kernel import Machine, StateInfo, Transition

FAN = 3
"""Fewest sources that are drawn as a fan."""
MANY = 5
"""Fewest atomic states left by a fan that is drawn with connectors."""
ALIKE = 0.8
"""Two fans share a point when this part of their sources, or more, is common to both."""

Key = tuple[str, str, tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """One label of an arrow, for all the transitions (by number) that read the same.

    `otherwise`: no guard of its own, but taken only when guarded alternatives before it were refused.
    """

    transition: Transition
    numbers: tuple[int, ...]
    otherwise: bool


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a state to a state; "" is the point of a fan.

    `stays`: nothing is left or entered. `loop`: it lies on a cycle of the lifecycle.
    """

    source: str
    target: str
    rows: tuple[Row, ...]
    stays: bool = False
    loop: bool = False

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(number for row in self.rows for number in row.numbers)


@dataclass(frozen=True, slots=True)
class Fan:
    """Light stems from several states into one point, and the arrows that leave it. `letter`: drawn with connectors."""

    letter: str
    stems: tuple[Arrow, ...]
    heads: tuple[Arrow, ...]


@dataclass(frozen=True)
class Picture:
    """A machine as it is drawn."""

    machine: Machine
    arrows: tuple[Arrow, ...]
    fans: tuple[Fan, ...]
    children: Mapping[str | None, tuple[StateInfo, ...]]

    def inside(self, state: str, other: str) -> bool:
        """Whether `state` is `other`, or somewhere below it."""
        return other in lineage(self.machine, state)

    def below(self, state: str) -> tuple[str, ...]:
        """The atomic states at or below a state, in document order."""
        return leaves_below(self.machine, state)

    def starts(self, parent: str | None) -> tuple[str, ...]:
        """The children of a compound (of the machine: None) that are entered first; none for a parallel state."""
        if parent is not None and self.machine.info(parent).kind == "parallel":
            return ()
        return tuple(child.id for child in self.children.get(parent, ()) if child.initial)[:1]

    def leads_inside(self, arrow: Arrow) -> bool:
        """From a compound to its own inside, or staying in one: such an edge cannot start at the compound's border."""
        if not arrow.source or self.machine.info(arrow.source).kind == "atomic":
            return False
        return arrow.stays or (bool(arrow.target) and self.inside(arrow.target, arrow.source))

    @property
    def anchors(self) -> frozenset[str]:
        """The compounds with edges that lead inside."""
        return frozenset(arrow.source for arrow in self.arrows if self.leads_inside(arrow))

    def entered(self, state: str) -> str:
        """The atomic state that stands for entering a state: its first child's first child and so on."""
        while children := self.children.get(state, ()):
            state = next(iter(self.starts(state)), children[0].id)
        return state


def picture_of(machine: Machine) -> Picture:
    """The picture of a machine; the same machine always gives the same one."""
    rows = _rows(machine)
    fans, rest = _fans(machine, rows)
    cycles = _cycles(machine)
    children: dict[str | None, list[StateInfo]] = defaultdict(list)
    for state in machine.states:
        children[state.parent].append(state)
    return Picture(
        machine,
        tuple(_judged(machine, cycles, arrow) for arrow in _arrows(rest)),
        tuple(_judged_fan(machine, cycles, fan) for fan in fans),
        {parent: tuple(states) for parent, states in children.items()},
    )


def lineage(machine: Machine, state: str) -> tuple[str, ...]:
    """A state and its ancestors, innermost first."""
    found = [state]
    while (parent := machine.info(found[-1]).parent) is not None:
        found.append(parent)
    return tuple(found)


def leaves_below(machine: Machine, state: str) -> tuple[str, ...]:
    """The atomic states at or below a state, in document order."""
    return tuple(each.id for each in machine.states if each.kind == "atomic" and state in lineage(machine, each.id))


def otherwise_of(machine: Machine, number: int) -> bool:
    """Whether a transition has no guard of its own, but alternatives before it that have: it is their `[else]`."""
    this = machine.transitions[number]
    before = machine.transitions[:number]
    return not this.guards and any(each.source == this.source and each.event == this.event for each in before)


def home_of(picture: Picture, fan: Fan) -> str | None:
    """The innermost compound that holds all ends of a fan; None is the machine."""
    ends = [stem.source for stem in fan.stems] + [head.target for head in fan.heads]
    outer = lineage(picture.machine, ends[0])[1:]
    return next((each for each in outer if all(picture.inside(end, each) for end in ends)), None)


def letters_of(picture: Picture) -> dict[str, tuple[str, Arrow]]:
    """For each state that lettered fans leave: their letters, and their stems from it as one arrow."""
    found: dict[str, tuple[str, Arrow]] = {}
    for fan in picture.fans:
        for stem in fan.stems if fan.letter else ():
            letters, known = found.get(stem.source, ("", Arrow(stem.source, "", ())))
            rows = (*known.rows, *stem.rows)
            found[stem.source] = f"{letters} {fan.letter}".strip(), Arrow(stem.source, "", rows)
    return found


# ------------------------------------------------------------------ rows, shared by the children of a compound


def _rows(machine: Machine) -> list[tuple[str, Row]]:
    """(source, row) for every transition, those that every child of a compound has lifted to the compound."""
    found: dict[tuple[str, Transition], Row] = {}
    for number, transition in enumerate(machine.transitions):
        found[transition.source, transition] = Row(transition, (number,), otherwise_of(machine, number))
    for compound in reversed([state for state in machine.states if state.kind == "compound"]):
        _lift(machine, compound.id, found)
    return [(source, row) for (source, _), row in found.items()]


def _lift(machine: Machine, compound: str, found: dict[tuple[str, Transition], Row]) -> None:
    children = {state.id for state in machine.states if state.parent == compound}
    alike: dict[tuple[Key, bool], list[tuple[str, Transition]]] = defaultdict(list)
    for place, row in found.items():
        target = row.transition.target
        if place[0] in children and target is not None and compound not in lineage(machine, target):
            alike[_key(row), row.otherwise].append(place)
    for places in alike.values():
        if len(children) > 1 and {source for source, _ in places} == children and len(places) == len(children):
            rows = [found[place] for place in places]
            numbers = tuple(sorted(number for row in rows for number in row.numbers))
            found[compound, rows[0].transition] = replace(rows[0], numbers=numbers)
            for place in places:
                del found[place]


def _key(row: Row) -> Key:
    transition = row.transition
    return transition.event, transition.target or "", transition.guards, transition.effects


def _arrows(rows: Iterable[tuple[str, Row]]) -> Iterator[Arrow]:
    """One arrow for each pair of states, and one more where something stays."""
    grouped: dict[tuple[str, str, bool], list[Row]] = defaultdict(list)
    for source, row in sorted(rows, key=lambda each: each[1].numbers):
        target = row.transition.target
        grouped[source, source if target is None else target, target is None].append(row)
    for (source, target, stays), together in grouped.items():
        yield Arrow(source, target, tuple(together), stays)


# ------------------------------------------------------------------ fans


def _fans(machine: Machine, rows: list[tuple[str, Row]]) -> tuple[list[Fan], list[tuple[str, Row]]]:
    """The fans, and the rows that are in none."""
    groups: list[tuple[set[str], set[tuple[Key, bool]]]] = []
    places = [(source, _key(row), _beside(machine, source, row)) for source, row in rows]
    leaving: dict[tuple[Key, bool], set[str]] = defaultdict(set)
    for (source, row), (_, key, beside) in zip(rows, places, strict=True):
        if _may_fan(machine, source, row):
            leaving[key, beside].add(source)
    for place, sources in leaving.items():
        if len(sources) >= FAN or _is_aside(machine, sources):
            _join(groups, sources, place)
    fans: list[Fan] = []
    taken: set[tuple[int, ...]] = set()
    for common, keys in groups:
        members = [
            each
            for each, (source, key, beside) in zip(rows, places, strict=True)
            if source in common and (key, beside) in keys
        ]
        taken |= {row.numbers for _, row in members}
        connected = len(_leaves(machine, common)) >= MANY or _is_aside(machine, common)
        letters = sum(bool(fan.letter) for fan in fans)
        fans.append(_fan(_letter(letters) if connected else "", members))
    return fans, [(source, row) for source, row in rows if row.numbers not in taken]


def _may_fan(machine: Machine, source: str, row: Row) -> bool:
    target = row.transition.target
    if target is None or row.otherwise:
        return False
    return target not in lineage(machine, source) and source not in lineage(machine, target)


def _is_aside(machine: Machine, sources: set[str]) -> bool:
    """Whether final states are left too, among others: no work is left there, so this is not the lifecycle's flow."""
    leaves = _leaves(machine, sources)
    return len(leaves) >= FAN and any(machine.info(leaf).final for leaf in leaves)


def _leaves(machine: Machine, states: Iterable[str]) -> set[str]:
    return {leaf for state in states for leaf in leaves_below(machine, state)}


def _letter(number: int) -> str:
    """A, B, … Z, A2, B2, …"""
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number % 26] + (str(number // 26 + 1) if number >= 26 else "")


def _beside(machine: Machine, source: str, row: Row) -> bool:
    """Whether source and target are in one compound: a fan does not mix those that are with those that are not."""
    parent = None if row.transition.target is None else machine.info(row.transition.target).parent
    return parent is not None and parent in lineage(machine, source)


def _join(groups: list[tuple[set[str], set[tuple[Key, bool]]]], sources: set[str], place: tuple[Key, bool]) -> None:
    for common, places in groups:
        if len(common & sources) >= max(1, ALIKE * len(common | sources)):
            common.intersection_update(sources)
            places.add(place)
            return
    groups.append((set(sources), {place}))


def _fan(letter: str, members: list[tuple[str, Row]]) -> Fan:
    stems: dict[str, list[Row]] = defaultdict(list)
    heads: dict[str, dict[Key, Row]] = defaultdict(dict)
    for source, row in members:
        stems[source].append(row)
        target, key = row.transition.target or "", _key(row)
        known = heads[target].get(key)
        heads[target][key] = replace(known, numbers=(*known.numbers, *row.numbers)) if known else row
    return Fan(
        letter,
        tuple(Arrow(source, "", tuple(rows)) for source, rows in stems.items()),
        tuple(Arrow("", target, tuple(rows.values())) for target, rows in heads.items()),
    )


# ------------------------------------------------------------------ loops


def _moves(machine: Machine, transition: Transition) -> Iterator[tuple[str, str]]:
    """The pairs of atomic states between which a transition moves.

    None where it stays, and none for a jump from a compound into its own inside: that one may begin anywhere, and would
    put everything on a loop.
    """
    target = transition.target
    if target is not None and (target == transition.source or transition.source not in lineage(machine, target)):
        for source in leaves_below(machine, transition.source):
            for leaf in first_leaves(machine, target):
                yield source, leaf


def first_leaves(machine: Machine, state: str) -> tuple[str, ...]:
    """The atomic states that are entered with a state: one, or one for each region."""
    children = [each for each in machine.states if each.parent == state]
    if machine.info(state).kind == "compound":
        children = [each for each in children if each.initial]
    return tuple(leaf for child in children for leaf in first_leaves(machine, child.id)) if children else (state,)


def _cycles(machine: Machine) -> list[frozenset[str]]:
    """The sets of two and more atomic states that can all be reached from each other."""
    after: dict[str, set[str]] = defaultdict(set)
    for transition in machine.transitions:
        for source, target in _moves(machine, transition):
            after[source].add(target)
    leaves = [state.id for state in machine.states if state.kind == "atomic"]
    reached = {leaf: _reached(after, leaf) for leaf in leaves}
    together = {frozenset(other for other in reached[leaf] if leaf in reached[other]) for leaf in leaves}
    return sorted((cycle for cycle in together if len(cycle) > 1), key=sorted)


def _reached(after: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for state in sorted(after.get(waiting.pop(), set()) - found):
            found.add(state)
            waiting.append(state)
    return found


# ------------------------------------------------------------------ what an arrow is, seen from the whole machine


def _judged(machine: Machine, cycles: list[frozenset[str]], arrow: Arrow) -> Arrow:
    moves = {move for number in arrow.numbers for move in _moves(machine, machine.transitions[number])}
    return replace(arrow, loop=any({source, target} <= cycle for source, target in moves for cycle in cycles))


def _judged_fan(machine: Machine, cycles: list[frozenset[str]], fan: Fan) -> Fan:
    return replace(fan, heads=tuple(_judged(machine, cycles, head) for head in fan.heads))
