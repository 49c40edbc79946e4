"""A memo of a function of a view: a decision tree over what the function reads.

The function reads one part, then, depending on its value, perhaps another. A node says which part is read there, a
child follows for each value that was met, and a leaf says what came out. So the function is called once for each
distinct way of reading, and never again; whole blocks of states walk down the tree at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from fsm.check.space import Codes, Ints, Space
from fsm.errors import DeclarationError, FsmError

DENSE = 1 << 25
"""How many children may be held in dense rows, in all; others are hashed."""

FEW = 24
"""Up to so many states walk down one by one, which is faster than the least that an array operation costs."""

Path = tuple[tuple[int, int], ...]
"""What was read: codes, each with the number of the value."""


class Source(Protocol):
    """Many states at once, by code."""

    size: int

    def column(self, code: int) -> Ints:
        """The numbers of the values there, one for each state."""


class Reading:
    """One call's reading: fetches values, and remembers which."""

    def __init__(self, value_of: Callable[[int, int], Any], number_at: Callable[[int], int]) -> None:
        self._value_of, self._number_at = value_of, number_at
        self._seen: dict[int, Any] = {}
        self.path: list[tuple[int, int]] = []

    def read(self, code: int) -> Any:
        """The value at a place."""
        if code not in self._seen:
            number = self._number_at(code)
            self.path.append((code, number))
            self._seen[code] = self._value_of(code, number)
        return self._seen[code]


class RecordingView:
    """A state as a rule sees it; every reading is noticed. `base` is added to codes (0, or those of the state
    after)."""

    __slots__ = ("_base", "_codes", "_component", "_own", "_reading")

    def __init__(self, codes: Codes, reading: Reading, own: bool, component: int | None = None, base: int = 0) -> None:
        self._codes, self._reading, self._own, self._component, self._base = codes, reading, own, component, base

    @property
    def index(self) -> int:
        if self._component is not None:
            return self._component
        if not self._own:
            raise DeclarationError("a shared rule has no index; use view.of(index)")
        index: int = self._reading.read(self._codes.index)
        return index

    @property
    def components(self) -> int:
        return self._codes.components

    def of(self, index: int) -> RecordingView:
        return RecordingView(self._codes, self._reading, self._own, self._codes.checked(index), self._base)

    def __getattr__(self, part: str) -> Any:
        if part.startswith("__"):
            raise AttributeError(part)
        return self[part]

    def __getitem__(self, part: str) -> Any:
        return self._reading.read(self._codes.code(part, self._component, self._own) + self._base)


class Children:
    """Child by node and number: 0 where none is known. Dense rows while they are few, then open addressing."""

    def __init__(self) -> None:
        self._pool = np.zeros(64, np.int32)
        self._used = 0
        self._base = np.full(16, -1, np.int64)
        self._room = np.zeros(16, np.int64)
        self._keys = np.full(16, -1, np.int64)
        self._targets = np.zeros(16, np.int32)
        self._hashed = 0

    def hold(self, nodes: int) -> None:
        """Makes sure that there may be so many nodes."""
        if nodes > len(self._base):
            more = len(self._base)
            self._base = np.concatenate([self._base, np.full(more, -1, np.int64)])
            self._room = np.concatenate([self._room, np.zeros(more, np.int64)])

    def get(self, nodes: Ints, numbers: Ints) -> Ints:
        """The children of `nodes`, each by its number."""
        room = self._room[nodes]
        inside = numbers < room
        if inside.all():
            found: Ints = self._pool[self._base[nodes] + numbers]
            return found
        found = np.zeros(len(nodes), np.int32)
        found[inside] = self._pool[self._base[nodes[inside]] + numbers[inside]]
        if self._hashed:
            outside = np.flatnonzero(~inside)
            found[outside] = self._looked_up(nodes[outside] << 32 | numbers[outside])
        return found

    def one(self, node: int, number: int) -> int:
        """The child of one node."""
        if number < self._room[node]:
            return int(self._pool[self._base[node] + number])
        return int(self._looked_up(np.array([node << 32 | number]))[0]) if self._hashed else 0

    def put(self, node: int, number: int, child: int, width: int) -> None:
        """`width`: how many numbers there may be at this node, as far as is known."""
        if number >= self._room[node] and self._used < DENSE:
            self._make_room(node, max(number + 1, width))
        if number < self._room[node]:
            self._pool[self._base[node] + number] = child
        else:
            self._hash(node << 32 | number, child)

    def _make_room(self, node: int, needed: int) -> None:
        room = 1 << max(needed - 1, 3).bit_length()
        if self._used + room > len(self._pool):
            self._pool = np.concatenate([self._pool, np.zeros(max(len(self._pool), room), np.int32)])
        old, base = int(self._room[node]), int(self._base[node])
        if old:
            self._pool[self._used : self._used + old] = self._pool[base : base + old]
        self._base[node], self._room[node] = self._used, room
        self._used += room

    def _hash(self, key: int, child: int) -> None:
        if self._hashed * 2 >= len(self._keys):
            keys, targets = self._keys, self._targets
            self._keys, self._targets = np.full(2 * len(keys), -1, np.int64), np.zeros(2 * len(keys), np.int32)
            self._hashed = 0
            for i in np.flatnonzero(keys >= 0).tolist():
                self._hash(int(keys[i]), int(targets[i]))
        at = int(_mixed(np.array([key], np.int64), len(self._keys))[0])
        while self._keys[at] not in (-1, key):
            at = (at + 1) % len(self._keys)
        self._hashed += self._keys[at] == -1
        self._keys[at], self._targets[at] = key, child

    def _looked_up(self, keys: Ints) -> Ints:
        found = np.zeros(len(keys), np.int32)
        at, open_ = _mixed(keys, len(self._keys)), np.arange(len(keys))
        while len(open_):
            met = self._keys[at]
            here = met == keys[open_]
            found[open_[here]] = self._targets[at[here]]
            on = ~here & (met != -1)
            open_, at = open_[on], (at[on] + 1) % len(self._keys)
        return found

    @property
    def nbytes(self) -> int:
        return sum(a.nbytes for a in (self._pool, self._base, self._room, self._keys, self._targets))


def _mixed(keys: Ints, size: int) -> Ints:
    spread = keys.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return ((spread >> np.uint64(32)) & np.uint64(size - 1)).view(np.int64)


class Tree:
    """The memo of one function. `ask(reading)` calls it and gives the number of the leaf (equal numbers: equal
    outcomes); `name` says in errors whose memo it is. With `audit` it is asked twice each time, and must say the
    same."""

    def __init__(self, name: str, space: Space, ask: Callable[[Reading], int], audit: bool = False) -> None:
        self.name, self.space, self.ask, self.audit = name, space, ask, audit
        self.calls = 0
        self.reads: set[int] = set()
        self._children = Children()
        self._codes: list[int] = []
        self._code = np.zeros(16, np.int64)
        self._root: int | None = None  # a leaf, where nothing is read

    @property
    def nbytes(self) -> int:
        return self._children.nbytes + self._code.nbytes

    def leaves(self, source: Source) -> Ints:
        """The leaf of every state."""
        if not source.size:
            return np.zeros(0, np.int64)
        if self._root is None and not self._codes:
            self._learn(source, 0)
        if self._root is not None:
            return np.full(source.size, self._root, np.int64)
        if source.size <= FEW:
            return np.array([self._leaf(source, row) for row in range(source.size)], np.int64)
        leaves = np.empty(source.size, np.int64)
        rows, nodes = np.arange(source.size), np.zeros(source.size, np.int64)
        while len(rows):  # all of them are equally deep in the tree
            children = np.empty(len(rows), np.int64)
            codes = self._code[nodes]
            for code in _distinct(codes):
                here = _where(codes, code)
                children[here] = self._stepped(source, code, rows[here], nodes[here])
            ends = np.flatnonzero(children < 0)
            leaves[rows[ends]] = ~children[ends]
            on = np.flatnonzero(children > 0)
            rows, nodes = rows[on], children[on]
        return leaves

    def _leaf(self, source: Source, row: int) -> int:
        """The leaf of one state."""
        node, known = 0, True
        while True:
            child = self._children.one(node, int(source.column(self._codes[node])[row]))
            if child < 0:
                return ~child
            if child == 0:
                assert known, "what was just learned is known"
                self._learn(source, row)
                known = False
            else:
                node = child

    def _stepped(self, source: Source, code: int, rows: Ints, nodes: Ints) -> Ints:
        """The child of every node, asked for where it is not known."""
        numbers = source.column(code)[rows]
        child = self._children.get(nodes, numbers)
        unknown = np.flatnonzero(child == 0)
        if len(unknown):
            keys = nodes[unknown] << 32 | numbers[unknown]
            for i in np.unique(keys, return_index=True)[1].tolist():
                self._learn(source, int(rows[unknown[i]]))
            child[unknown] = self._children.get(nodes[unknown], numbers[unknown])
        return child

    def _learn(self, source: Source, row: int) -> None:
        leaf, path = self._asked(source, row)
        if self.audit:
            again = self._asked(source, row)
            if again != (leaf, path):
                self._unsteady(path, again[1])
        self._insert(path, leaf)

    def _asked(self, source: Source, row: int) -> tuple[int, Path]:
        self.calls += 1
        reading = Reading(self.space.value, lambda code: int(source.column(code)[row]))
        try:
            leaf = self.ask(reading)
        except Exception as error:
            told = str(error) if isinstance(error, FsmError) else f"{type(error).__name__}: {error}"
            raise DeclarationError(f"{self.name}: {told}; it had read {self.told(tuple(reading.path))}") from error
        return leaf, tuple(reading.path)

    def _insert(self, path: Path, leaf: int) -> None:
        if not path:
            if self._codes:
                self._unsteady((), ())
            self._root = leaf
            return
        node = 0
        if not self._codes:
            self._new_node(path[0][0])
        for depth, (code, number) in enumerate(path):
            if self._codes[node] != code:
                self._unsteady(path[:depth], path[: depth + 1])
            child = self._children.one(node, number)
            last = depth + 1 == len(path)
            if child == 0:
                child = ~leaf if last else self._new_node(path[depth + 1][0])
                self._children.put(node, number, child, self._width(code))
            elif last or child < 0:
                self._unsteady(path[: depth + 1], path)
            node = child

    def _width(self, code: int) -> int:
        values = self.space.values_of(code)
        return self.space.codes.components if values is None else len(values)

    def _new_node(self, code: int) -> int:
        if code not in self.reads:
            self.reads.add(code)
            self.space.readings += 1
        if len(self._codes) == len(self._code):
            self._code = np.concatenate([self._code, np.zeros_like(self._code)])
        self._code[len(self._codes)] = code
        self._codes.append(code)
        self._children.hold(len(self._codes))
        return len(self._codes) - 1

    def _unsteady(self, first: Path, second: Path) -> None:
        raise DeclarationError(
            f"{self.name} depends on something else than what it reads: once it read {self.told(first)}, and another "
            f"time, where all of that was the same, {self.told(second)}, or something else came out"
        )

    def told(self, path: Path) -> str:
        """A reading in words."""
        codes, told = self.space.codes, []
        for code, number in path:
            when = " afterwards" if codes.count <= code < codes.taken else ""
            told.append(f"{codes.name(code)}{when}={self.space.value(code, number)!r}")
        return ", ".join(told) or "nothing"


def _distinct(codes: Ints) -> list[int]:
    low, high = int(codes.min()), int(codes.max())
    return [low] if low == high else np.flatnonzero(np.bincount(codes)).tolist()


def _where(codes: Ints, code: int) -> Any:
    here = codes == code
    return slice(None) if here.all() else np.flatnonzero(here)
