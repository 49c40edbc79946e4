"""Several trees asked at once: one dense table from the packed bits of all that they read to what they say.

A tree is walked part by part; where all parts that some trees ever read have few bits together, the whole answer is one
look-up, which is filled from the trees, for each reading that occurs. Trees that read too much for that are walked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from fsm.check.space import Block, Field, Ints, Space
from fsm.check.tree import Source, Tree

TABLE_BITS = 20
"""How many bits of a state may be looked up at once."""


class BlockSource:
    """The states of a block as a rule of `component` sees them; columns are taken out when they are asked for."""

    def __init__(self, space: Space, block: Block, component: int | None) -> None:
        self.size = block.shape[1]
        self._space, self._layout, self._block, self._component = space, space.layout, block, component
        self._columns: dict[int, Ints] = {}

    def column(self, code: int) -> Ints:
        """The numbers of the values there."""
        if code not in self._columns:
            self._columns[code] = self._taken_out(code)
        return self._columns[code]

    def _taken_out(self, code: int) -> Ints:
        codes = self._space.codes
        if code == codes.index:
            return np.full(self.size, self._component, np.int64)
        return self._layout.column(self._block, codes.slot(code, self._component))


class Bundle:
    """Trees with one numbering of their common answers: `combos[i]` is the leaf of each tree where the answer is i."""

    def __init__(self, space: Space, trees: Sequence[Tree]) -> None:
        self.space, self.trees = space, tuple(trees)
        self.combos: list[tuple[int, ...]] = []
        self._numbers: dict[tuple[int, ...], int] = {}
        self._table: npt.NDArray[np.int32] | None = None
        self._plan_ = Plan(space, self.trees)
        self._codes: list[int] = []
        self._bits = self._asked = 0

    @property
    def nbytes(self) -> int:
        return 0 if self._table is None else self._table.nbytes

    def answers(self, block: Block, component: int | None) -> Ints:
        """The number of the answer for every state of the block, as `component` sees it."""
        self._asked += block.shape[1]
        while True:
            self._plan()
            if self._table is None:
                return self._walked(block, component)
            keys = self._keys(block, component)
            answers = self._table[keys]
            unknown = np.flatnonzero(answers < 0)
            if not len(unknown):
                return answers
            asked, where = np.unique(keys[unknown], return_index=True)
            found = self._walked(block[:, unknown[where]], component)
            if not self._plan_.stale():
                self._table[asked] = found
                answers[unknown] = self._table[keys[unknown]]
                return answers

    def _walked(self, block: Block, component: int | None) -> Ints:
        source = BlockSource(self.space, block, component)
        leaves = [tree.leaves(source) for tree in self.trees]
        if len(leaves) == 1:  # the leaf's number will do
            self.combos += [(i,) for i in range(len(self.combos), int(leaves[0].max(initial=-1)) + 1)]
            return leaves[0]
        keys = leaves[0]
        for each in leaves[1:]:
            keys = np.unique(keys * (int(each.max(initial=0)) + 1) + each, return_inverse=True)[1]
        _, first, keys = np.unique(keys, return_index=True, return_inverse=True)
        combos = zip(*(each[first].tolist() for each in leaves), strict=True)
        return np.array([self._number(combo) for combo in combos], np.int64)[keys]

    def _number(self, combo: tuple[int, ...]) -> int:
        number = self._numbers.setdefault(combo, len(self.combos))
        if number == len(self.combos):
            self.combos.append(combo)
        return number

    def _plan(self) -> None:
        if self._plan_.renewed():
            self._codes = sorted(set().union(*(tree.reads for tree in self.trees)))
            self._bits = bits_of(self.space, self._codes)
            self.space.table_room += self.nbytes
            self._table = None
        pays = 0 < self._bits <= min(TABLE_BITS, worth(self._asked))
        if self._table is None and pays and 4 << self._bits <= self.space.table_room:
            self._table = np.full(1 << self._bits, -1, np.int32)
            self.space.table_room -= self._table.nbytes

    def _keys(self, block: Block, component: int | None) -> Ints:
        """The bits of all that is read, side by side."""
        keys: Block | None = None
        shift = 0
        for word, low, width in reversed(list(_runs(self.space, self._codes, component))):
            if word is None:
                part: Block = np.uint64(low << shift)  # type: ignore[assignment]
            else:
                part = (block[word] >> np.uint64(low)) & np.uint64((1 << width) - 1)
                part = part << np.uint64(shift) if shift else part
            keys = part if keys is None else keys | part
            shift += width
        assert keys is not None
        return np.broadcast_to(keys, block.shape[1]).view(np.int64) if keys.ndim == 0 else keys.view(np.int64)


class Table:
    """One tree's leaves by what it reads, of states or steps whose columns are at hand: a dense table, where its bits
    are few enough; else the tree is walked."""

    def __init__(self, space: Space, tree: Tree) -> None:
        self.space, self.tree = space, tree
        self._plan = Plan(space, [tree])
        self._widths: dict[int, int] = {}
        self._leaves: npt.NDArray[np.int32] | None = None
        self._asked = 0

    def leaves(self, source: Source) -> Ints:
        """The leaf of every one."""
        self._asked += source.size
        while True:
            self._renew()
            if self._leaves is None:
                return self.tree.leaves(source)
            keys = self._keys(source)
            leaves = self._leaves[keys]
            unknown = np.flatnonzero(leaves < 0)
            if not len(unknown):
                return leaves
            asked, where = np.unique(keys[unknown], return_index=True)
            found = self.tree.leaves(Sample(source, unknown[where]))
            if not self._stale():
                self._leaves[asked] = found
                leaves[unknown] = self._leaves[keys[unknown]]
                return leaves

    def _stale(self) -> bool:
        taken = self.space.codes.taken
        return self._plan.stale() or (taken in self._widths and _width(self.space, taken) > self._widths[taken])

    def _renew(self) -> None:
        if self._stale() or self._leaves is None:
            self._plan.renewed()
            self._widths = {code: _width(self.space, code) for code in sorted(self.tree.reads)}
            bits = sum(self._widths.values())
            self._leaves = None
            if 0 < bits <= min(TABLE_BITS, worth(self._asked)) and 4 << bits <= self.space.table_room:
                self._leaves = np.full(1 << bits, -1, np.int32)

    def _keys(self, source: Source) -> Ints:
        keys = np.zeros(source.size, np.int64)
        for code, width in self._widths.items():
            keys <<= width
            keys |= source.column(code)
        return keys


class Sample:
    """Some of many, by their places."""

    def __init__(self, source: Source, places: Ints) -> None:
        self.size = len(places)
        self._source, self._places = source, places

    def column(self, code: int) -> Ints:
        """The numbers of the values there."""
        return self._source.column(code)[self._places]


class Bundles:
    """Trees, bundled so that as few look-ups as possible answer for all of them; bundled anew when they read more."""

    def __init__(self, space: Space, trees: Sequence[Tree]) -> None:
        self.space, self.trees = space, tuple(trees)
        self._plan = Plan(space, self.trees)
        self._known: dict[tuple[Tree, ...], Bundle] = {}
        self._bundles: list[Bundle] = []

    def __iter__(self) -> Iterator[Bundle]:
        if self._plan.renewed():
            kept = {}
            for group in self._groups():
                kept[group] = self._known.get(group) or Bundle(self.space, group)
            self.space.table_room += sum(bundle.nbytes for group, bundle in self._known.items() if group not in kept)
            self._known, self._bundles = kept, list(kept.values())
        return iter(self._bundles)

    def _groups(self) -> list[tuple[Tree, ...]]:
        """Greedily: each tree goes to the group whose look-up grows least, if it stays small enough."""
        width = {code: bits_of(self.space, (code,)) for tree in self.trees for code in tree.reads}
        groups: list[tuple[list[Tree], set[int], int]] = []
        for tree in self.trees:
            fits = [
                (more, i)
                for i, (_, reads, bits) in enumerate(groups)
                if (more := sum(width[code] for code in tree.reads - reads)) + bits <= TABLE_BITS
            ]
            if fits:
                more, i = min(fits)
                members, reads, bits = groups[i]
                groups[i] = ([*members, tree], reads | tree.reads, bits + more)
            else:
                groups.append(([tree], set(tree.reads), sum(width[code] for code in tree.reads)))
        return [tuple(members) for members, _, _ in groups]

    @property
    def nbytes(self) -> int:
        return sum(bundle.nbytes for bundle in self._bundles) + sum(tree.nbytes for tree in self.trees)


class Plan:
    """Says when what was planned for some trees is out of date: the layout has changed, or one of them reads more."""

    def __init__(self, space: Space, trees: Sequence[Tree]) -> None:
        self._space, self._trees = space, trees
        self._readings = -1  # of all trees of the space, when it was looked last
        self._made: tuple[int, int] | None = None

    def _now(self) -> tuple[int, int]:
        return self._space.version, sum(len(tree.reads) for tree in self._trees)

    def stale(self) -> bool:
        """Whether it is out of date."""
        if self._made is not None and (self._made[0], self._readings) == (self._space.version, self._space.readings):
            return False
        if self._made != self._now():
            return True
        self._readings = self._space.readings
        return False

    def renewed(self) -> bool:
        """Whether it was out of date; it is not any more."""
        if not self.stale():
            return False
        self._made = self._now()
        return True


def worth(asked: int) -> int:
    """The bits of the largest table that pays after so many states were asked about: making it costs something too."""
    return max(asked, 1).bit_length() + 4


def bits_of(space: Space, codes: Iterable[int]) -> int:
    """How many bits hold what these codes mean."""
    return sum(_width(space, code) for code in codes)


def _width(space: Space, code: int) -> int:
    codes = space.codes
    if code == codes.taken:
        return max(len(space.steps) - 1, 1).bit_length()
    code %= codes.count
    if code == codes.index:
        return max(codes.components - 1, 1).bit_length()
    return space.layout.fields[codes.slot(code, 0)].width


def _runs(space: Space, codes: Sequence[int], component: int | None) -> Iterator[tuple[int | None, int, int]]:
    """Word, low end and width of the bits that the codes mean, neighbours taken together; (None, index, width)."""
    run: Field | None = None
    for code in codes:
        if code == space.codes.index:
            if run is not None:
                yield run
            run = None
            yield None, component or 0, _width(space, code)
            continue
        field = space.layout.fields[space.codes.slot(code, component)]
        if run is not None and field.word == run.word and field.shift + field.width == run.shift:
            run = Field(field.word, field.shift, run.width + field.width)
        else:
            if run is not None:
                yield run
            run = field
    if run is not None:
        yield run
