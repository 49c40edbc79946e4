"""What rules can do, as rows of numbers: which slots get which values, which maps apply, and in which words.

A tree of a rule leads to a leaf: the rows of all its moves. `Successors` turns a block of states and their rows into
the block of the states that follow.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fsm.check.bundle import Bundle, Bundles
from fsm.check.space import Block, Ints, Space
from fsm.check.symmetry import Fold
from fsm.check.tree import Reading, RecordingView, Tree
from fsm.errors import DeclarationError
from fsm.kernel import Kind, Move, Rule


class Row(NamedTuple):
    """One move. `writes`: codes with the numbers of their new values, in order. `surely`: it changes something, as its
    reading shows. `alike`: another move of the same leaf has the same words and might lead to the same state."""

    rule: int
    what: str
    note: str
    writes: tuple[tuple[int, int], ...]
    applies: tuple[str, ...]
    surely: bool
    alike: bool


class Rows:
    """All rows of a world, and the leaves of its rules' trees: tuples of rows."""

    def __init__(self, space: Space, audit: bool = False) -> None:
        self.space = space
        self.all: list[Row] = []
        self._numbers: dict[Row, int] = {}
        self.rules = space.world.rules
        self.leaves: list[list[tuple[int, ...]]] = [[] for _ in self.rules]
        self._leaf_numbers: list[dict[tuple[int, ...], int]] = [{} for _ in self.rules]
        self.trees = [
            Tree(f"the rule {rule.name!r}", space, self._asker(i, rule), audit) for i, rule in enumerate(self.rules)
        ]
        self.rule, self.what, self.applying = Column(np.int64), Column(np.int64), Column(np.int64)
        self.surely, self.alike = Column(bool), Column(bool)
        self.plain: list[bool] = []
        self._words: dict[str, int] = {}
        self._applying: dict[Any, int] = {None: 0}

    def _asker(self, number: int, rule: Rule) -> Callable[[Reading], int]:
        def ask(reading: Reading) -> int:
            moves = list(rule.moves(RecordingView(self.space.codes, reading, rule.own)))
            return self._leaf(number, self._rows(number, rule, moves, dict(reading.path)))

        return ask

    def _leaf(self, rule: int, rows: tuple[int, ...]) -> int:
        leaf = self._leaf_numbers[rule].setdefault(rows, len(self.leaves[rule]))
        if leaf == len(self.leaves[rule]):
            self.leaves[rule].append(rows)
        return leaf

    def _rows(self, number: int, rule: Rule, moves: list[Move], read: dict[int, int]) -> tuple[int, ...]:
        found: dict[tuple[Any, ...], Row] = {}
        for move in moves:
            if not isinstance(move, Move):
                raise DeclarationError(f"a rule yields moves, and this is none: {move!r}")
            unknown = [name for name in move.applies if name not in self.space.world.maps]
            if unknown:
                raise DeclarationError(f"there is no map {unknown[0]!r}")
            writes = self._writes(move, rule.own)
            surely = any(read.get(code, value) != value for code, value in writes.items())
            if not surely and not move.applies and all(code in read for code in writes):
                continue  # it changes nothing
            surely = surely and not self._mixed(writes)
            row = Row(number, move.what, move.note, tuple(writes.items()), tuple(move.applies), surely, False)
            found.setdefault((row.what, row.writes, row.applies), row)
        rows = list(found.values())
        return tuple(self._number(row._replace(alike=self._alike(row, rows, read))) for row in rows)

    def _mixed(self, codes: Iterable[int]) -> bool:
        """Whether two of the codes may mean one slot."""
        return len({self.space.codes.relative(code) for code in codes if code >= len(self.space.codes.shared)}) > 1

    def _writes(self, move: Move, own: bool) -> dict[int, int]:
        writes = {}
        for key, value in move.writes.items():
            code = self.space.codes.written(key, own)
            values = self.space.of_code[code]
            assert values is not None
            writes[code] = values.number(value)
        return writes

    def _alike(self, row: Row, rows: list[Row], read: dict[int, int]) -> bool:
        return any(row is not other and row.what == other.what and not self._differ(row, other, read) for other in rows)

    def _differ(self, one: Row, other: Row, read: dict[int, int]) -> bool:
        """Whether two moves surely lead to different states."""
        ours, theirs = dict(one.writes), dict(other.writes)
        either = {**ours, **theirs}
        if self._mixed(either):
            return False
        if any(ours[code] != theirs[code] for code in ours.keys() & theirs.keys()):
            return True
        if one.applies or other.applies:
            return False
        return any(read.get(code, either[code]) != either[code] for code in ours.keys() ^ theirs.keys())

    def _number(self, row: Row) -> int:
        number = self._numbers.setdefault(row, len(self.all))
        if number == len(self.all):
            self.all.append(row)
            self.rule.append(row.rule)
            self.surely.append(row.surely)
            self.alike.append(row.alike)
            self.plain.append(row.surely and not row.alike and not row.applies)
            self.what.append(self._words.setdefault(row.what, len(self._words)))
            kind = (row.rule, tuple(code for code, _ in row.writes), row.applies) if row.applies else None
            self.applying.append(self._applying.setdefault(kind, len(self._applying)))
        return number


class Column:
    """A numpy array that grows at its end."""

    def __init__(self, kind: type) -> None:
        self._data: npt.NDArray[Any] = np.zeros(64, kind)
        self._length = 0

    def append(self, value: Any) -> None:
        if self._length == len(self._data):
            self._data = np.concatenate([self._data, np.zeros_like(self._data)])
        self._data[self._length] = value
        self._length += 1

    @property
    def array(self) -> npt.NDArray[Any]:
        """What it holds now."""
        return self._data[: self._length]


class Effects:
    """The rows as bits, as `component` means them: a successor is `state & keep[row] | put[row]`."""

    def __init__(self, space: Space, rows: Rows) -> None:
        self._space, self._rows = space, rows
        self._version = -1
        self._known: dict[int | None, tuple[Block, Block]] = {}

    def of(self, component: int | None) -> tuple[Block, Block]:
        """`keep` and `put`, of shape (words, rows)."""
        if self._version != self._space.version:
            self._known, self._version = {}, self._space.version
        known = self._known.get(component)
        length = 0 if known is None else known[0].shape[1]
        if known is None or length < len(self._rows.all):
            keep, put = self._bits(component, self._rows.all[length:])
            if known is not None:
                keep, put = np.concatenate([known[0], keep], axis=1), np.concatenate([known[1], put], axis=1)
            known = self._known[component] = (keep, put)
        return known

    def _bits(self, component: int | None, rows: list[Row]) -> tuple[Block, Block]:
        layout = self._space.layout
        full = (1 << 64) - 1
        keep = [[full] * len(rows) for _ in range(layout.words)]
        put = [[0] * len(rows) for _ in range(layout.words)]
        for i, row in enumerate(rows):
            if component is None and self._rows.rules[row.rule].own:
                continue
            for code, number in row.writes:
                word, shift, width = layout.fields[self._space.codes.slot(code, component)]
                mask = full ^ ((1 << width) - 1 << shift)
                keep[word][i] &= mask
                put[word][i] = put[word][i] & mask | number << shift
        return np.array(keep, np.uint64).reshape(layout.words, -1), np.array(put, np.uint64).reshape(layout.words, -1)


class Maps:
    """The world's maps, by numbers of values, asked for each value once."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._known: dict[tuple[str, str], Ints] = {}

    def applied(self, name: str, part: str, numbers: Ints) -> Ints:
        """The numbers of what the values become; Outgrown where a new value does not fit in its field."""
        values = self._space.values[part]
        known = self._known.get((name, part), np.zeros(0, np.int64))
        if len(known) < len(values):
            known = np.concatenate([known, np.full(len(values) - len(known), -1, np.int64)])
        unknown = numbers[known[numbers] < 0]
        if len(unknown):
            change = self._space.world.maps[name][part]
            for number in np.unique(unknown).tolist():
                try:
                    known[number] = values.number(change(values.all[number]))
                except Exception as error:
                    what = f"the map {name!r} of the part {part!r}"
                    raise DeclarationError(
                        f"{what}: {type(error).__name__}: {error}; of {values.all[number]!r}"
                    ) from error
        self._known[name, part] = known
        if self._space.outgrown():
            raise Outgrown
        return known[numbers]


class Outgrown(Exception):
    """A value was met whose number does not fit in its field: all must be laid out anew, and the block taken again."""


class Steps(NamedTuple):
    """Transitions of one kind of rules, seen from a block: where each begins, by which row, where it leads."""

    kind: Kind
    component: int | None
    sources: Ints
    rows: Ints
    targets: Block


class Successors:
    """All that can follow."""

    def __init__(self, space: Space, rows: Rows, fold: Fold | None = None) -> None:
        self._space, self._rows = space, rows
        self._effects, self._maps, self._fold = Effects(space, rows), Maps(space), fold
        self._bundles = [(kind, own, RowBundles(space, rows, kind, own)) for kind in Kind for own in (False, True)]

    def counted(self, block: Block, kinds: Container[Kind] = frozenset(Kind)) -> list[Counted]:
        """The rows of every state, not yet taken. Outgrown where the layout does not do any more."""
        counted = [
            Counted(kind, component, *answer)
            for kind, own, bundles in self._bundles
            if kind in kinds
            for component in (range(self._space.codes.components) if own else (None,))
            for answer in bundles.counted(block, component)
        ]
        if self._space.outgrown():
            raise Outgrown
        return [each for each in counted if each.count.any()]

    def taken(self, block: Block, counted: Counted, folded: bool = True) -> Steps:
        """The steps themselves: those that change something, and each once; `folded`: by symmetry, where it is on."""
        sources, rows = counted.places()
        keep, put = self._effects.of(counted.component)
        begun = _picked(block, sources)
        targets = _picked(keep, rows)
        targets &= begun
        targets |= _picked(put, rows)
        if not counted.plain:
            self._apply(counted.component, rows, targets)
            if not self._rows.surely.array[rows].all():
                moved = np.flatnonzero((begun != targets).any(axis=0))
                sources, rows, targets = sources[moved], rows[moved], _picked(targets, moved)
            if self._rows.alike.array[rows].any():
                once = self._once(sources, rows, targets)
                sources, rows, targets = sources[once], rows[once], _picked(targets, once)
        if self._fold is not None and folded:
            targets = self._fold.block(targets)
        return Steps(counted.kind, counted.component, sources, rows, targets)

    def _apply(self, component: int | None, rows: Ints, targets: Block) -> None:
        applying = self._rows.applying.array[rows]
        if not applying.any():
            return
        for kind in np.unique(applying[applying > 0]).tolist():
            here = np.flatnonzero(applying == kind)
            row = self._rows.all[int(rows[here[0]])]
            written = {self._space.codes.slot(code, component) for code, _ in row.writes}
            block = targets[:, here]
            for name in row.applies:
                for slot, (part, _) in enumerate(self._space.slots):
                    if part in self._space.world.maps[name] and slot not in written:
                        word, mask = self._space.layout.mask(slot)
                        after = self._maps.applied(name, part, self._space.layout.column(block, slot))
                        block[word] &= np.uint64(~mask & (1 << 64) - 1)
                        block[word] |= after.view(np.uint64) << np.uint64(self._space.layout.fields[slot].shift)
            targets[:, here] = block

    def _once(self, sources: Ints, rows: Ints, targets: Block) -> Ints:
        """The places of steps that are not the same as an earlier one."""
        doubtful = np.flatnonzero(self._rows.alike.array[rows])
        keys = [*targets[:, doubtful], self._rows.what.array[rows[doubtful]], self._rows.rule.array[rows[doubtful]]]
        keys.append(sources[doubtful])
        order = np.lexsort([doubtful, *keys])
        same = np.ones(len(order) - 1, bool)
        for key in keys:
            same &= key[order[1:]] == key[order[:-1]]
        keep = np.ones(len(rows), bool)
        keep[doubtful[order[1:][same]]] = False
        return np.flatnonzero(keep)

    @property
    def nbytes(self) -> int:
        return sum(bundles.nbytes for _, _, bundles in self._bundles)


def _picked(block: Block, places: Ints) -> Block:
    """The states at some places."""
    picked: Block = block[0].take(places)[None] if len(block) == 1 else np.take(block, places, axis=1)
    return picked


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows that a block's states have: those of state i are rows[start[answers[i]] ...], `count[i]` of them.
    `plain`: every one of the rows surely changes something, is like no other, and applies no map."""

    kind: Kind
    component: int | None
    answers: Ints
    start: Ints
    count: Ints
    rows: Ints
    plain: bool

    @property
    def total(self) -> int:
        """How many there are of all states."""
        return int(self.count.sum())

    def places(self) -> tuple[Ints, Ints]:
        """For every step its state and its row: the first one of each state that has any, then the second ones, ..."""
        states = np.flatnonzero(self.count)
        rows = self.start.take(self.answers.take(states))
        left = self.count.take(states)
        all_states, all_rows = [states], [rows]
        while len(more := np.flatnonzero(left > len(all_states))):
            states, rows, left = states.take(more), rows.take(more) + 1, left.take(more)
            all_states.append(states)
            all_rows.append(rows)
        return np.concatenate(all_states), self.rows.take(np.concatenate(all_rows))


class _Span:
    """The rows of a bundle's answers: where each begins, how many there are."""

    def __init__(self) -> None:
        self.start, self.count, self.rows = Column(np.int64), Column(np.int32), Column(np.int64)
        self.plain = True


class RowBundles:
    """The bundled trees of all rules of one kind, own or shared, with the rows of their answers."""

    def __init__(self, space: Space, rows: Rows, kind: Kind, own: bool) -> None:
        self._rows = rows
        self._rule_of = {rows.trees[i]: i for i, rule in enumerate(rows.rules) if (rule.kind, rule.own) == (kind, own)}
        self._bundles = Bundles(space, list(self._rule_of))
        self._spans: dict[Bundle, _Span] = {}

    def counted(self, block: Block, component: int | None) -> Iterator[tuple[Ints, Ints, Ints, Ints, bool]]:
        """For each bundle what the states have, as `Counted` holds it."""
        for bundle in self._bundles:
            answers = bundle.answers(block, component)
            span = self._span(bundle)
            yield answers, span.start.array, span.count.array.take(answers), span.rows.array, span.plain

    def _span(self, bundle: Bundle) -> _Span:
        span = self._spans.setdefault(bundle, _Span())
        start, count, rows = span.start, span.count, span.rows
        for combo in bundle.combos[len(start.array) :]:
            start.append(len(rows.array))
            found = [
                row
                for tree, leaf in zip(bundle.trees, combo, strict=True)
                for row in self._rows.leaves[self._rule_of[tree]][leaf]
            ]
            count.append(len(found))
            for row in found:
                rows.append(row)
            span.plain = span.plain and all(self._rows.plain[row] for row in found)
        return span

    @property
    def nbytes(self) -> int:
        return self._bundles.nbytes
