"""Symmetry: states that differ only in which component is which are one; the one that stands for them is the smallest.

The components' own fields are one number each, and are sorted. Pointer parts hold which component they mean, so they
are renamed with it: a shared pointer breaks ties, since what it points at is part of the number that is sorted by.
Where own parts point at components, all orders are tried, and the smallest result stays.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import numpy.typing as npt

from fsm.check.space import WORD, Block, Ints, Layout, Space, State
from fsm.errors import UsageError

MOST_TRIED = 6
"""With own pointers, so many components at most: all orders of them are tried."""


class Fold:
    """Folds a block, or one state, onto the states that stand for all."""

    def __init__(self, space: Space) -> None:
        world = space.world
        if not world.symmetric:
            raise UsageError(f"the world {world.name!r} does not say that its components may be exchanged")
        self._space = space
        self._slots = {slot: i for i, slot in enumerate(space.slots)}
        pointers = {name for name, part in world.parts.items() if part.pointer}
        self._pointers = [i for i, (name, _) in enumerate(space.slots) if name in pointers]
        own_pointers = any(world.parts[name].own for name in pointers)
        if own_pointers and world.components > MOST_TRIED:
            raise UsageError(f"symmetry with pointers in own parts goes up to {MOST_TRIED} components")
        for name in pointers:
            for value in range(world.components):
                space.values[name].number(value)  # so that a renamed pointer always has a number
        if space.outgrown():
            space.widened()

    def _slot(self, name: str, component: int | None) -> int:
        return self._slots[name, component]

    def state(self, state: State) -> State:
        """The state that stands for this one. All its values must have been met."""
        space = self._space
        numbers = [values.number(value) for values, value in zip(space.of_slot, state, strict=True)]
        block = space.layout.packed(np.array([[number] for number in numbers], np.int64))
        return space.state(self.block(block), 0)

    def block(self, block: Block) -> Block:
        """The states that stand for these, in their order."""
        bits = sum(self._space.layout.fields[self._slot(name, 0)].width for name in self._space.codes.own)
        shared = [slot for slot in self._pointers if self._space.slots[slot][1] is None]
        if len(shared) == len(self._pointers) and bits + len(shared) <= WORD:
            return self._sorted(block, shared, bits)
        return self._tried(block)

    def _sorted(self, block: Block, pointers: list[int], bits: int) -> Block:
        """By sorting the components' numbers; their lowest bits say which pointers mean them."""
        layout, components = self._space.layout, range(self._space.codes.components)
        targets = {slot: self._targets(slot) for slot in pointers}
        keys = [self._key(layout, block, component) << np.uint64(len(pointers)) for component in components]
        for bit, slot in enumerate(pointers):
            column = layout.column(block, slot)
            for component in components:
                keys[component] |= (column == targets[slot][component]).astype(np.uint64) << np.uint64(bit)
        for end in range(len(keys) - 1, 0, -1):
            for i in range(end):
                keys[i], keys[i + 1] = np.minimum(keys[i], keys[i + 1]), np.maximum(keys[i], keys[i + 1])
        folded = block.copy()
        for component in components:
            self._put(layout, folded, component, keys[component] >> np.uint64(len(pointers)))
        for bit, slot in enumerate(pointers):
            column = layout.column(block, slot)
            for component in components:
                here = (keys[component] >> np.uint64(bit) & np.uint64(1)).astype(bool)
                column[here] = targets[slot][component]
            _write(layout, folded, slot, column)
        return folded

    def _targets(self, slot: int) -> list[int]:
        """The number of each component's index in a pointer part."""
        return [self._space.of_slot[slot].number(i) for i in range(self._space.codes.components)]

    def _key(self, layout: Layout, block: Block, component: int) -> npt.NDArray[np.uint64]:
        key = np.zeros(block.shape[1], np.uint64)
        for name in self._space.codes.own:
            word, shift, width = layout.fields[self._slot(name, component)]
            key <<= np.uint64(width)
            key |= block[word] >> np.uint64(shift) & np.uint64((1 << width) - 1)
        return key

    def _put(self, layout: Layout, block: Block, component: int, key: npt.NDArray[np.uint64]) -> None:
        for name in reversed(self._space.codes.own):
            slot = self._slot(name, component)
            width = np.uint64(layout.fields[slot].width)
            _write(layout, block, slot, (key & ((np.uint64(1) << width) - np.uint64(1))).view(np.int64))
            key = key >> width

    def _tried(self, block: Block) -> Block:
        """By trying all orders."""
        layout, best = self._space.layout, block
        columns = [layout.column(block, slot) for slot in range(len(self._space.slots))]
        for order in permutations(range(self._space.codes.components)):
            arranged = layout.packed(self._arranged(slot, order, columns) for slot in range(len(columns)))
            smaller = _smaller(arranged, best)
            best = np.where(smaller, arranged, best)
        return best

    def _arranged(self, slot: int, order: tuple[int, ...], columns: list[Ints]) -> Ints:
        """A slot's numbers where component i is what was component order[i]."""
        name, component = self._space.slots[slot]
        column = columns[slot if component is None else self._slot(name, order[component])]
        if slot not in self._pointers:
            return column
        targets = self._targets(slot)
        renamed = np.arange(len(self._space.of_slot[slot]))
        for i, was in enumerate(order):
            renamed[targets[was]] = targets[i]
        return renamed[column]


def _write(layout: Layout, block: Block, slot: int, column: Ints) -> None:
    word, mask = layout.mask(slot)
    block[word] &= np.uint64(~mask & (1 << WORD) - 1)
    block[word] |= column.view(np.uint64) << np.uint64(layout.fields[slot].shift)


def _smaller(one: Block, other: Block) -> npt.NDArray[np.bool_]:
    """Where a state is less than another, word by word."""
    smaller = np.zeros(one.shape[1], bool)
    equal = np.ones(one.shape[1], bool)
    for ours, theirs in zip(one, other, strict=True):
        smaller |= equal & (ours < theirs)
        equal &= ours == theirs
    return smaller
