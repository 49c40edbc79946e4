"""What the rules and predicates of a small world read and answer, found by walking through all of its states.

An opaque Python function becomes a tree: each node reads one part, each leaf is the answer. This is a plain walk over a
dictionary, on purpose without anything of the engine: what is printed from it must be able to contradict the engine.
Values are numbered by part in the order in which they are met, so a state is a tuple of small numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fsm.errors import DeclarationError, UsageError
from fsm.kernel import Move, Predicate, Rule, World

State = tuple[int, ...]
"""The numbers of the values, in the order of the world's slots."""


class Effect(NamedTuple):
    """What a move does: constants by slot, and maps to all other slots that they are declared for."""

    what: str
    writes: tuple[tuple[int, int], ...]
    maps: tuple[str, ...]


@dataclass(slots=True)
class Node:
    """Reads `slot`; the answer depends on its value in a way that the subtrees say. Values never met are missing."""

    slot: int
    children: dict[int, Tree] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leaf:
    """The answer: the effects of a rule in the order of its moves, or (True,) or (False,) of a predicate."""

    answer: tuple[Any, ...]


Tree = Node | Leaf


class Values:
    """The values of each part by number. Equal values are one, as they are one state."""

    def __init__(self, world: World) -> None:
        self.slots = world.slots
        self._numbers: dict[str, dict[Any, int]] = {name: {} for name in world.parts}
        self._values: dict[str, list[Any]] = {name: [] for name in world.parts}

    def number(self, part: str, value: Any) -> int:
        """The number of a value, a new one where it is new."""
        numbers = self._numbers[part]
        found = numbers.setdefault(value, len(numbers))
        if found == len(self._values[part]):
            self._values[part].append(value)
        return found

    def value(self, part: str, number: int) -> Any:
        """The value of that number."""
        return self._values[part][number]

    def of(self, slot: int) -> list[Any]:
        """Every value of a slot's part that was met, by number."""
        return self._values[self.slots[slot][0]]


class RecordingView:
    """A state as a rule sees it, which remembers what was read, in order. `of` shares the memory."""

    __slots__ = ("_asking", "_component", "_read", "_state")

    def __init__(self, asking: Asking, state: State, component: int | None, read: dict[int, int]) -> None:
        self._asking, self._state, self._component, self._read = asking, state, component, read

    @property
    def index(self) -> int:
        if self._component is None:
            raise DeclarationError(f"{self._asking.name} is not a component's own, and asks which component it is")
        return self._component

    @property
    def components(self) -> int:
        return self._asking.components

    def of(self, index: int) -> RecordingView:
        return RecordingView(self._asking, self._state, index, self._read)

    def __getitem__(self, part: str) -> Any:
        slot = self._asking.slot(part, self._component)
        self._read[slot] = self._state[slot]
        return self._asking.values.value(part, self._state[slot])

    def __getattr__(self, part: str) -> Any:
        if part.startswith("__"):
            raise AttributeError(part)
        return self[part]


@dataclass(slots=True)
class Asking:
    """One rule or predicate of one component (None: of no component), with the tree of what it has answered so far."""

    name: str
    component: int | None
    components: int
    ask: Callable[[RecordingView], tuple[Any, ...]]
    values: Values
    positions: Mapping[tuple[str, int | None], int]
    tree: Tree | None = None

    def slot(self, part: str, component: int | None) -> int:
        """Where a part is that is read or written by its plain name."""
        shared = self.positions.get((part, None))
        found = self.positions.get((part, component)) if shared is None else shared
        if found is None:
            raise DeclarationError(f"{self.name} names {part!r}, which is no part that it can see")
        return found

    def answer(self, state: State) -> tuple[Any, ...]:
        """From the tree where this reading is known, else from the function, which is then remembered."""
        tree = self.tree
        while isinstance(tree, Node):
            tree = tree.children.get(state[tree.slot])
        return self._asked(state) if tree is None else tree.answer

    def _asked(self, state: State) -> tuple[Any, ...]:
        read: dict[int, int] = {}
        answer = self.ask(RecordingView(self, state, self.component, read))
        self.tree = _grown(self.tree, list(read.items()), Leaf(answer), self.name)
        return answer


def _grown(tree: Tree | None, read: list[tuple[int, int]], leaf: Leaf, name: str) -> Tree:
    """The tree with one more path; DeclarationError where the order of reading contradicts an earlier one."""
    if not read:
        if tree is not None:
            raise DeclarationError(f"{name} read less than before, of equal values: it depends on something else")
        return leaf
    (slot, value), *rest = read
    node = Node(slot) if tree is None else tree
    if not isinstance(node, Node) or node.slot != slot:
        raise DeclarationError(f"{name} read other parts than before, of equal values: it depends on something else")
    node.children[value] = _grown(node.children.get(value), rest, leaf, name)
    return node


@dataclass(frozen=True)
class RuleOf:
    """A rule, for one component if it is a component's own."""

    rule: Rule
    asking: Asking


@dataclass
class Reading:
    """A world, walked through: the trees, the values, and how much there is of it.

    `transitions` counts distinct (source, rule, component, what, target) with a target other than the source.
    """

    world: World
    values: Values
    rules: list[RuleOf]
    predicates: list[Asking]
    starts: list[State]
    positions: dict[tuple[str, int | None], int]
    states: int = 0
    transitions: int = 0
    _mapped: dict[tuple[tuple[str, ...], str], dict[int, int]] = field(default_factory=dict)

    def mapped(self, maps: tuple[str, ...], part: str) -> dict[int, int]:
        """What these maps, one after the other, made of the values of a part that they met."""
        return self._mapped.setdefault((maps, part), {})

    def concerned(self, maps: tuple[str, ...]) -> Iterator[int]:
        """The slots that one of these maps is declared for."""
        parts = {part for name in maps for part in self.world.maps[name]}
        return (slot for slot, (part, _) in enumerate(self.world.slots) if part in parts)

    def after(self, state: State, effect: Effect) -> State:
        """The state that an effect leads to."""
        changed = list(state)
        for slot in self.concerned(effect.maps):
            changed[slot] = self._image(effect.maps, self.world.slots[slot][0], state[slot])
        for slot, value in effect.writes:
            changed[slot] = value
        return tuple(changed)

    def _image(self, maps: tuple[str, ...], part: str, number: int) -> int:
        known = self.mapped(maps, part)
        if number not in known:
            value = self.values.value(part, number)
            for function in (self.world.maps[name].get(part) for name in maps):
                value = value if function is None else function(value)
            known[number] = self.values.number(part, value)
        return known[number]


def reading_of(world: World, predicates: Iterable[tuple[str, Predicate, int | None]], limit: int) -> Reading:
    """Every reachable state, visited once. UsageError where there are more than `limit`: this is for small worlds."""
    values, positions = Values(world), {slot: position for position, slot in enumerate(world.slots)}

    def asking(name: str, component: int | None, ask: Callable[[Asking, Any], tuple[Any, ...]]) -> Asking:
        made = Asking(name, component, world.components, lambda view: ask(made, view), values, positions)
        return made

    rules = [
        RuleOf(rule, asking(f"rule {rule.name!r}", component, _moves_of(rule, world)))
        for rule in world.rules
        for component in (range(world.components) if rule.own else (None,))
    ]
    asked = [asking(name, component, _truth_of(predicate)) for name, predicate, component in predicates]
    starts = [
        tuple(values.number(part, value) for (part, _), value in zip(world.slots, state, strict=True))
        for state in world.initial_states()
    ]
    reading = Reading(world, values, rules, asked, list(dict.fromkeys(starts)), positions)
    _walk(reading, limit)
    return reading


def _moves_of(rule: Rule, world: World) -> Callable[[Asking, Any], tuple[Effect, ...]]:
    def effects(asking: Asking, view: Any) -> tuple[Effect, ...]:
        return tuple(dict.fromkeys(_effect(asking, move, world) for move in rule.moves(view)))

    return effects


def _effect(asking: Asking, move: Move, world: World) -> Effect:
    for name in move.applies:
        if name not in world.maps:
            raise DeclarationError(f"{asking.name} applies {name!r}, which is no map")
    writes = {}
    for key, value in move.writes.items():
        part, component = (key, asking.component) if isinstance(key, str) else key
        slot = asking.slot(part, component)
        writes[slot] = asking.values.number(part, value)
    return Effect(move.what, tuple(sorted(writes.items())), tuple(move.applies))


def _truth_of(predicate: Predicate) -> Callable[[Asking, Any], tuple[bool]]:
    return lambda _, view: (bool(predicate(view)),)


def _walk(reading: Reading, limit: int) -> None:
    seen, waiting = set(reading.starts), deque(reading.starts)
    while waiting:
        state = waiting.popleft()
        for predicate in reading.predicates:
            predicate.answer(state)
        for each in reading.rules:
            steps = {(effect.what, reading.after(state, effect)) for effect in each.asking.answer(state)}
            targets = [target for _, target in steps if target != state]
            reading.transitions += len(targets)
            for target in targets:
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        if len(seen) > limit:
            raise UsageError(f"{reading.world.name} has more than {limit} states: a smaller one can be exported")
    reading.states = len(seen)
