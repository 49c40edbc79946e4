"""The set of all states that were seen: sorted runs, merged geometrically, so that membership is a binary search.

A state of one word is its own key. Longer ones are sorted by a 64-bit hash, and compared in full wherever two hashes
are equal; should two different states ever have one hash, the set is built anew with another one. So it is exact.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from fsm.check.space import Block, Layout

STRIP = 2048
"""Keys that are looked for together."""

Keys = npt.NDArray[np.uint64]


class _Collision(Exception):
    """Two different states have one hash."""


class Seen:
    """A set of states, each a column of a block."""

    def __init__(self) -> None:
        self._runs: list[tuple[Keys, Block]] = []  # ascending keys, and the states in that order
        self._salt = 1

    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self._runs)

    @property
    def nbytes(self) -> int:
        return sum(keys.nbytes + (block.nbytes if len(block) > 1 else 0) for keys, block in self._runs)

    def merging(self, more: int) -> int:
        """The bytes that adding so many states may take for a moment."""
        total, words = more, 1
        for keys, block in reversed(self._runs):
            if len(keys) >= 2 * total:
                break
            total, words = total + len(keys), 1 if len(block) == 1 else 1 + len(block)
        return 8 * words * total

    def add(self, block: Block) -> Block:
        """Adds the states; those that are new, each once. The block is used up."""
        fresh = self.fresh(block)
        if fresh.shape[1]:
            self._runs.append((self._keys(fresh), fresh))
            self._merge()
        return fresh

    def fresh(self, block: Block) -> Block:
        """The states that are not in the set, each once, in the order of their keys. The block is used up."""
        while True:
            try:
                return self._fresh(block)
            except _Collision:
                self._salted_anew()

    def _fresh(self, block: Block) -> Block:
        keys, block = self._sorted(block)
        for run, states in self._runs:
            at = _places(run, keys)
            at[at == len(run)] = 0
            new = run.take(at) != keys
            if len(block) > 1:
                known = np.flatnonzero(~new)
                if (states[:, at[known]] != block[:, known]).any():
                    raise _Collision
            if not new.all():
                keys, block = _picked(keys, block, new)
        return block

    def _sorted(self, block: Block) -> tuple[Keys, Block]:
        """In ascending order of keys, each state once."""
        if len(block) == 1:
            block[0].sort()
            keys = block[0]
        else:
            keys = self._keys(block)
            order = np.argsort(keys)
            keys, block = keys[order], block[:, order]
        first = np.ones(len(keys), bool)
        np.not_equal(keys[1:], keys[:-1], out=first[1:])
        if len(block) > 1:
            again = np.flatnonzero(~first)
            if (block[:, again] != block[:, again - 1]).any():
                raise _Collision
        return _picked(keys, block, first)

    def _keys(self, block: Block) -> Keys:
        return keys_of(block, self._salt)

    def _merge(self) -> None:
        while len(self._runs) > 1 and len(self._runs[-2][0]) < 2 * len(self._runs[-1][0]):
            (keys, block), (older, states) = self._runs.pop(), self._runs.pop()
            self._runs.append(_merged(np.concatenate([older, keys]), (states, block)))

    def _salted_anew(self) -> None:
        self._salt += 2
        self._rebuild([block for _, block in self._runs])

    def repack(self, older: Layout, layout: Layout) -> None:
        """Lays the states out anew."""
        self._rebuild([layout.repacked(block, older) for _, block in self._runs])

    def _rebuild(self, blocks: Iterable[Block]) -> None:
        runs = []
        for block in blocks:
            keys = self._keys(block)
            order = np.argsort(keys, kind="stable")
            keys = keys[order]
            runs.append((keys, keys[None] if len(block) == 1 else block[:, order]))
        self._runs = runs


def keys_of(block: Block, salt: int) -> Keys:
    """One number for each state, equal for equal states; of one word it is the word."""
    keys: Keys = block[0]
    if len(block) == 1:
        return keys
    keys = keys * np.uint64(0x9E3779B97F4A7C15 + 2 * salt & (1 << 64) - 1)
    for word in block[1:]:
        keys ^= keys >> np.uint64(29)
        keys += word
        keys *= np.uint64(0xBF58476D1CE4E5B9 + 4 * salt & (1 << 64) - 1)
    keys ^= keys >> np.uint64(32)
    return keys


def _places(run: Keys, keys: Keys) -> npt.NDArray[np.int64]:
    """Where sorted keys are, or would be, in a run. Done in strips, each in the part of the run that it can be in: many
    short searches near by are faster than long ones."""
    places = np.empty(len(keys), np.int64)
    low = 0
    ends = [*run.searchsorted(keys[STRIP::STRIP]).tolist(), len(run)]
    for start, high in zip(range(0, len(keys), STRIP), ends, strict=False):
        np.add(run[low:high].searchsorted(keys[start : start + STRIP]), low, out=places[start : start + STRIP])
        low = high
    return places


def _picked(keys: Keys, block: Block, which: npt.NDArray[np.bool_]) -> tuple[Keys, Block]:
    """Some of the states; of one word they are their own keys."""
    places = np.flatnonzero(which)
    keys = keys.take(places)
    return keys, keys[None] if len(block) == 1 else np.take(block, places, axis=1)


def _merged(keys: Keys, blocks: tuple[Block, Block]) -> tuple[Keys, Block]:
    if len(blocks[0]) == 1:
        keys.sort(kind="stable")
        return keys, keys[None]
    order = np.argsort(keys, kind="stable")
    return keys[order], np.concatenate(blocks, axis=1)[:, order]
