"""Conditions on the numbered values of a state, made from trees of readings and printed as Promela."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fsm.check.promela.reading import Leaf, Node, Tree


@dataclass(frozen=True, slots=True)
class In:
    """The slot has one of the values, or (not `positive`) none of them. The values are sorted, and at least one."""

    slot: int
    positive: bool
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Every one of these holds; of none it is true."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """One of these holds; of none it is false."""

    parts: tuple[Formula, ...]


Formula = In | All | Any

TRUE: Formula = All(())
FALSE: Formula = Any(())


def both(*parts: Formula) -> Formula:
    """All of them. What is said of one slot is said in one place."""
    flat = dict.fromkeys(each for part in parts for each in (part.parts if isinstance(part, All) else (part,)))
    flat = dict.fromkeys(_met(flat))
    if FALSE in flat:
        return FALSE
    return next(iter(flat)) if len(flat) == 1 else All(tuple(flat))


def _met(parts: Iterable[Formula]) -> Iterator[Formula]:
    """The same parts, with those that test one slot for values made one."""
    left: dict[int, set[int]] = {}
    barred: dict[int, set[int]] = {}
    others = []
    for part in parts:
        if not isinstance(part, In):
            others.append(part)
        elif part.positive:
            left.setdefault(part.slot, set(part.values)).intersection_update(part.values)
        else:
            barred.setdefault(part.slot, set()).update(part.values)
    for slot in dict.fromkeys([*left, *barred]):
        values = left[slot] - barred.get(slot, set()) if slot in left else barred[slot]
        yield In(slot, slot in left, tuple(sorted(values))) if values else FALSE
    yield from others


def either(*parts: Formula) -> Formula:
    """One of them."""
    flat = dict.fromkeys(each for part in parts for each in (part.parts if isinstance(part, Any) else (part,)))
    if TRUE in flat:
        return TRUE
    return next(iter(flat)) if len(flat) == 1 else Any(tuple(flat))


def negated(formula: Formula) -> Formula:
    """The opposite."""
    if isinstance(formula, In):
        return replace(formula, positive=not formula.positive)
    if isinstance(formula, All):
        return either(*map(negated, formula.parts))
    return both(*map(negated, formula.parts))


def among(slot: int, values: Iterable[int], possible: Iterable[int]) -> Formula:
    """The slot has one of the values, where nothing but the possible ones can occur; the shorter way to say it."""
    wanted = set(values)
    others = set(possible) - wanted
    if not wanted or not others:
        return TRUE if wanted else FALSE
    if len(others) < len(wanted):
        return In(slot, False, tuple(sorted(others)))
    return In(slot, True, tuple(sorted(wanted)))


def where(tree: Tree | None, says: Callable[[Leaf, Mapping[int, int]], Formula]) -> Formula:
    """When the tree comes to a leaf of which `says` is true; it is given the leaf and the values on the way.

    What it says of values that the tree does not list is left open: `unlisted` tells these states.
    """
    return FALSE if tree is None else _where(tree, says, {})


def _where(tree: Tree, says: Callable[[Leaf, Mapping[int, int]], Formula], path: dict[int, int]) -> Formula:
    if isinstance(tree, Leaf):
        return says(tree, path)
    groups: dict[Formula, list[int]] = {}
    for value, child in tree.children.items():
        groups.setdefault(_where(child, says, {**path, tree.slot: value}), []).append(value)
    if len(groups) == 1:
        return next(iter(groups))
    return _switch(tree.slot, groups, tree.children)


def _switch(slot: int, groups: Mapping[Formula, list[int]], possible: Iterable[int]) -> Formula:
    """Each formula where the slot has one of its values. Behind a group that is true, the last other needs no test."""
    certain = among(slot, groups.get(TRUE, ()), possible)
    rest = [(formula, values) for formula, values in groups.items() if formula not in (TRUE, FALSE)]
    if FALSE not in groups and TRUE in groups and len(rest) == 1:
        return either(certain, rest[0][0])
    return either(certain, *(both(among(slot, values, possible), formula) for formula, values in rest))


def unlisted(tree: Tree | None, possible: Callable[[int], Iterable[int]]) -> Formula:
    """When a reading has no path in the tree. `possible` gives every value that a slot can have."""
    if tree is None:
        return TRUE
    if not isinstance(tree, Node):
        return FALSE
    everything = set(possible(tree.slot))
    groups: dict[Formula, list[int]] = {}
    for value in sorted(everything):
        child = tree.children.get(value)
        groups.setdefault(unlisted(child, possible), []).append(value)
    return next(iter(groups)) if len(groups) == 1 else _switch(tree.slot, groups, everything)


def text(formula: Formula, names: Callable[[int], str]) -> str:
    """The formula in Promela, in parentheses where it is made of several."""
    if isinstance(formula, In):
        joint, relation = (" || ", "==") if formula.positive else (" && ", "!=")
        return _joined(joint, [f"{names(formula.slot)} {relation} {value}" for value in formula.values])
    joint, nothing = (" && ", "true") if isinstance(formula, All) else (" || ", "false")
    return _joined(joint, [text(part, names) for part in formula.parts]) or nothing


def _joined(joint: str, parts: list[str]) -> str:
    return f"({joint.join(parts)})" if len(parts) > 1 else "".join(parts)
