"""A world: several actors around shared state, declared as data. What explores it is not known here. Pure.

The state is a set of named parts, each with a hashable value. A rule is an ordinary function of a view of the state: it
reads the parts that it needs and yields the moves that its actor could make now. Nobody declares what a rule reads: a
checker sees it, and calls the function once for each distinct reading, not once for each state. So a rule must be a
function of what it reads and of nothing else, and reads cheap, telling parts first.

Parts and rules that are `own` exist once for each component (each backup, say); a rule then sees the parts of its own
component by their plain names, and those of another one through `view.of(index)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from fsm.errors import DeclarationError

Key = str | tuple[str, int]
"""A part by its name, or a part of a certain component."""


class View(Protocol):
    """One state as a rule sees it. Reading a part by attribute or by item is noticed."""

    @property
    def index(self) -> int:
        """Which component this is, from 0. Read it only where it matters: components are alike until somebody asks."""

    @property
    def components(self) -> int:
        """How many there are."""

    def of(self, index: int) -> View:
        """The same state as another component sees it."""

    def __getattr__(self, part: str) -> Any: ...

    def __getitem__(self, part: str) -> Any: ...


class Move(NamedTuple):
    """What an actor may do, as one atomic step.

    `what` says it in words and is part of the step's identity. `writes` gives parts their new values. `applies` names
    maps of the world, each of which changes every part that it is declared for, one by one, except those that are
    written. `note` is a remark for a reader. A move that changes nothing is no move.
    """

    what: str
    writes: Mapping[Key, Any] = {}
    applies: tuple[str, ...] = ()
    note: str = ""


class Kind(StrEnum):
    """What a rule stands for: the normal course, something that goes wrong on purpose, or a person."""

    NORMAL = "normal"
    FAULT = "fault"
    USER = "user"


class Fairness(StrEnum):
    """What is assumed of an actor: nothing; that it moves if it can for ever; or if it can again and again."""

    NONE = "none"
    WEAK = "weak"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the state. `facts` tells a value in words, by fact; without it there is one fact, the value's text.

    `pointer`: the values are the index of a component or None, so that symmetry may rename them.
    """

    initial: Any
    facts: Callable[[Any], Mapping[str, str]] | None = None
    own: bool = False
    pointer: bool = False
    title: str = ""

    def told(self, name: str, value: Any) -> dict[str, str]:
        """The value in words, by fact."""
        return {self.title or name: str(value)} if self.facts is None else dict(self.facts(value))


@dataclass(frozen=True, slots=True)
class Rule:
    """What an actor can do. Rules of one actor (and one component) are one process where fairness is concerned.

    `budget` names how often such moves may happen in all, together with every other rule of that budget; of several
    budgets each must have something left.
    `fairness` is weak by default for the normal course; faults and people promise nothing.
    """

    name: str
    actor: str
    moves: Callable[[Any], Iterable[Move]]
    kind: Kind = Kind.NORMAL
    fairness: Fairness | None = None
    own: bool = False
    budget: str | tuple[str, ...] = ""
    sentence: str = ""

    @property
    def budgets(self) -> tuple[str, ...]:
        """The budgets that it draws on."""
        if isinstance(self.budget, tuple):
            return self.budget
        return (self.budget,) if self.budget else ()

    @property
    def assumed(self) -> Fairness:
        """The fairness, with its default."""
        if self.fairness is not None:
            return self.fairness
        return Fairness.WEAK if self.kind is Kind.NORMAL else Fairness.NONE


@dataclass(frozen=True, slots=True)
class World:
    """All parts and rules. `maps`: by name, for each part a function of its value. `starts`: overrides of the initial
    values, one for each initial state. `symmetric`: components may be exchanged, as long as every index among the
    values lies in a `pointer` part. DeclarationError where a name does not fit."""

    name: str
    parts: Mapping[str, Part]
    rules: tuple[Rule, ...]
    maps: Mapping[str, Mapping[str, Callable[[Any], Any]]] = field(default_factory=dict)
    budgets: Mapping[str, int] = field(default_factory=dict)
    starts: tuple[Mapping[str, Any], ...] = ({},)
    components: int = 1
    symmetric: bool = False

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise DeclarationError(f"world {self.name}: {problem}")
        left = {budget_part(name): Part(amount, _untold) for name, amount in self.budgets.items()}
        object.__setattr__(self, "parts", {**self.parts, **left})
        object.__setattr__(self, "rules", tuple(map(_budgeted, self.rules)))

    @property
    def slots(self) -> tuple[tuple[str, int | None], ...]:
        """The places of a state: shared parts with None, then the own parts of each component in turn."""
        shared = [(name, None) for name, part in self.parts.items() if not part.own]
        own = [(name, i) for i in range(self.components) for name, part in self.parts.items() if part.own]
        return (*shared, *own)

    def initial_states(self) -> list[tuple[Any, ...]]:
        """Values in the order of `slots`; the same override holds for every component."""
        return [tuple({**self._initial(), **start}[name] for name, _ in self.slots) for start in self.starts]

    def _initial(self) -> dict[str, Any]:
        return {name: part.initial for name, part in self.parts.items()}

    def label(self, slot: tuple[str, int | None]) -> str:
        """A slot in words; with one component its number is not worth saying."""
        name, index = slot
        return name if index is None or self.components == 1 else f"{name}[{index}]"


def _untold(_: Any) -> Mapping[str, str]:
    """What is left of a budget is nothing that anybody in the world could see."""
    return {}


def budget_part(name: str) -> str:
    """The part that holds what is left of a budget."""
    return f"{name}_left"


def _budgeted(rule: Rule) -> Rule:
    """The rule with its budgets taken into account, which are looked at first: they rule out the most."""
    if not rule.budgets:
        return rule
    parts, inner = tuple(map(budget_part, rule.budgets)), rule.moves

    def moves(view: Any) -> Iterator[Move]:
        spent: dict[Key, int] = {}
        for part in parts:
            left = view[part]
            if not left:
                return
            spent[part] = left - 1
        for move in inner(view):
            yield move._replace(writes={**move.writes, **spent})

    return Rule(rule.name, rule.actor, moves, rule.kind, rule.fairness, rule.own, rule.budget, rule.sentence)


def _problems(world: World) -> Iterator[str]:
    if world.components < 1:
        yield f"{world.components} components: at least one is needed"
    names = [rule.name for rule in world.rules]
    yield from (f"two rules are called {name!r}" for name in sorted(set(names)) if names.count(name) > 1)
    for rule in world.rules:
        for name in rule.budgets:
            if name not in world.budgets:
                yield f"rule {rule.name!r} draws on the budget {name!r}, which is not declared"
    for name, amount in world.budgets.items():
        if amount < 0:
            yield f"the budget {name!r} is {amount}, which is less than nothing"
        if budget_part(name) in world.parts:
            yield f"the part {budget_part(name)!r} has the name of a budget's part"
    for name, parts in world.maps.items():
        yield from (f"the map {name!r} is of {part!r}, which is no part" for part in parts if part not in world.parts)
    for start in world.starts:
        yield from (f"a start sets {part!r}, which is no part" for part in start if part not in world.parts)
