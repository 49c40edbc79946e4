"""The way to a state of an exploration that kept no edges: whoever leads to it is found by expanding, once more, the
states that need one step less."""

from __future__ import annotations

import numpy as np

from fsm.check.exploration import Exploration
from fsm.check.space import Block, State
from fsm.kernel import Kind

CHUNK = 1 << 16


def state_at(exploration: Exploration, number: int) -> State:
    """The values of a state by its number."""
    level, i = _place(exploration, number)
    return exploration.space.state(exploration.levels[level].block, i)


def path_to(exploration: Exploration, number: int) -> list[State]:
    """States from an initial one to this one, with fewest faults, then fewest steps."""
    level, i = _place(exploration, number)
    path = [exploration.space.state(exploration.levels[level].block, i)]
    while exploration.levels[level].depth or exploration.levels[level].faults:
        level, i = _before(exploration, level, exploration.levels[level].block[:, i : i + 1])
        path.append(exploration.space.state(exploration.levels[level].block, i))
    return path[::-1]


def _place(exploration: Exploration, number: int) -> tuple[int, int]:
    """In which level a state is, and where there."""
    for i, level in enumerate(exploration.levels):
        if number < level.block.shape[1]:
            return i, number
        number -= level.block.shape[1]
    raise IndexError(number)


def _before(exploration: Exploration, level: int, state: Block) -> tuple[int, int]:
    """A state from which this one is reached: its level, and its place there."""
    here = exploration.levels[level]
    for faults, kinds in ((here.faults, {Kind.NORMAL, Kind.USER}), (here.faults - 1, {Kind.FAULT})):
        for i, earlier in enumerate(exploration.levels[:level]):
            if (earlier.faults, earlier.depth) == (faults, here.depth - 1):
                place = _source(exploration, earlier.block, kinds, state)
                if place is not None:
                    return i, place
    raise AssertionError("a state that was found has nothing before it")


def _source(exploration: Exploration, block: Block, kinds: set[Kind], state: Block) -> int | None:
    for start in range(0, block.shape[1], CHUNK):
        part = block[:, start : start + CHUNK]
        hits = []
        for counted in exploration.successors.counted(part, kinds):
            steps = exploration.successors.taken(part, counted)
            hits += steps.sources[(steps.targets == state).all(axis=0)].tolist()
        if hits:
            return start + int(np.min(hits))
    return None
