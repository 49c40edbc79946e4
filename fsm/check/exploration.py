"""Finds every reachable state, in the order of fewest faults, then fewest steps.

All states that need f faults (a layer) are found before any that needs more; within a layer one level of steps after
the other, whole blocks at once. A fault's target waits, with its number of steps, for the next layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fsm.check.moves import Counted, Outgrown, Rows, Steps, Successors
from fsm.check.report import Limits, Progress
from fsm.check.seen import Seen
from fsm.check.space import Block, Layout, Space, State
from fsm.check.symmetry import Fold
from fsm.kernel import Kind, World

CHUNK = 1 << 16
"""States that are expanded at once."""

BATCH = 1 << 22
"""Successors that are compared with what was seen at once."""

SMALL = 1 << 20
"""Bytes that are not worth counting while no limit is set."""

SLACK = 48
"""Bytes that a successor takes beside its words while it is made."""


@dataclass
class Level:
    """States that need the same numbers of faults and steps; `moves`: which of them a rule of the normal course
    leaves."""

    faults: int
    depth: int
    block: Block
    moves: npt.NDArray[np.bool_]

    @property
    def nbytes(self) -> int:
        return self.block.nbytes + self.moves.nbytes


@dataclass
class Exploration:
    """What was found. States are numbered in the order of the levels; the first `expanded` have all their successors.

    `stopped_by` names the limit that was hit, "" where there was none: then everything was found.
    """

    world: World
    fold: Fold | None
    space: Space
    rows: Rows
    successors: Successors
    levels: list[Level] = field(default_factory=list)
    transitions: int = 0
    expanded: int = 0
    stopped_by: str = ""
    most_bytes: int = 0
    fired: set[str] = field(default_factory=set)

    def fold_state(self, state: State) -> State:
        """The state that stands for it and all that are like it."""
        return state if self.fold is None else self.fold.state(state)

    @property
    def states(self) -> int:
        return sum(level.block.shape[1] for level in self.levels)

    @property
    def finished(self) -> bool:
        return not self.stopped_by

    @property
    def depth(self) -> int:
        return max((level.depth for level in self.levels), default=0)

    @property
    def faults(self) -> int:
        return max((level.faults for level in self.levels), default=0)

    @property
    def nbytes(self) -> int:
        return sum(level.nbytes for level in self.levels) + self.successors.nbytes


class Stop(Exception):
    """A limit was hit."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


def explored(
    world: World,
    limits: Limits | None = None,
    progress: Callable[[Progress], None] | None = None,
    symmetry: bool = False,
    audit: bool = False,
    watch: Callable[[Exploration], bool] = lambda _: False,
) -> Exploration:
    """Explores the world. `watch` sees each level before it is expanded, and ends the exploration where it says so."""
    space = Space(world)
    if limits is not None and limits.memory is not None:
        space.table_room = limits.memory // 4
    rows = Rows(space, audit)
    fold = Fold(space) if symmetry and world.components > 1 else None
    exploration = Exploration(world, fold, space, rows, Successors(space, rows, fold))
    Explorer(exploration, limits or Limits(), progress or (lambda _: None), watch).run()
    return exploration


class Explorer:
    """One exploration under way."""

    def __init__(
        self,
        exploration: Exploration,
        limits: Limits,
        progress: Callable[[Progress], None],
        watch: Callable[[Exploration], bool],
    ) -> None:
        self.found, self.space = exploration, exploration.space
        self.limits, self.progress, self.watch = limits, progress, watch
        self.seen = Seen()
        self.count = 0
        self.fresh: list[Block] = []  # of the next level
        self.seeds: dict[int, list[Block]] = {}  # of this layer, by steps
        self.later: dict[int, list[Block]] = {}  # of the next layer
        self.batch: list[Block] = []
        self.faulty: list[Block] = []
        self.depth = self.faults = 0
        self.ahead = 0  # 1: what is fresh belongs to the level after this one
        self.stored = 0  # bytes of all levels
        self.unfired = np.ones(len(exploration.rows.rules), bool)
        start = self.space.start()
        self.seeds[0] = [start if exploration.fold is None else exploration.fold.block(start)]

    def run(self) -> None:
        """To the end, or to a limit."""
        try:
            while self.seeds:
                self._layer()
                self.seeds, self.later = self.later, {}
                self.faults += 1
        except Stop as stop:
            self.found.stopped_by = stop.limit
            self._keep(self.fresh, self.depth + self.ahead)
        self.found.most_bytes = max(self.found.most_bytes, self._held())
        rules = self.found.rows.rules
        self.found.fired = {rule.name for rule, silent in zip(rules, self.unfired, strict=True) if not silent}

    def _layer(self) -> None:
        self.depth = min(self.seeds)
        while self.fresh or self.seeds:
            if not self.fresh:
                self.depth = min(self.seeds)
            self.ahead = 0
            if self.depth in self.seeds:
                self._add(self.seeds.pop(self.depth))
            blocks, self.fresh = self.fresh, []
            self.ahead = 1
            levels = self._keep(blocks, self.depth)
            if self.watch(self.found):
                raise Stop("every property is decided")
            for level in levels:
                self._expand(level)
            self._flush()
            self.depth += 1

    def _keep(self, blocks: list[Block], depth: int) -> list[Level]:
        """Stores new states."""
        if sum(block.shape[1] for block in blocks) <= BATCH and len(blocks) > 1:
            blocks = [np.concatenate(blocks, axis=1)]
        levels = [Level(self.faults, depth, block, np.zeros(block.shape[1], bool)) for block in blocks]
        self.found.levels += levels
        self.stored += sum(level.nbytes for level in levels)
        return levels

    def _expand(self, level: Level) -> None:
        start, size = 0, CHUNK
        while start < level.block.shape[1]:
            if self.limits.stopped():
                raise Stop("time")
            end = min(start + size, level.block.shape[1])
            block = level.block[:, start:end]
            try:
                counted = self.found.successors.counted(block)
                self._check_memory(sum(each.total for each in counted) * (8 * len(block) + SLACK))
                self._take(level, start, block, counted)
            except Outgrown:
                self._flush()
                self._repack()
                continue
            start = end
            self.found.expanded += block.shape[1]
            self.progress(Progress(self.count, self.found.transitions, self.depth, self.faults, level.block.shape[1]))
            if sum(each.shape[1] for each in self.batch) + sum(each.shape[1] for each in self.faulty) >= BATCH:
                self._flush()

    def _take(self, level: Level, start: int, block: Block, counted: list[Counted]) -> None:
        for steps in [self.found.successors.taken(block, each) for each in counted]:
            self.found.transitions += len(steps.rows)
            if steps.kind is Kind.NORMAL:
                level.moves[start + steps.sources] = True
            self._note_rules(steps)
            (self.faulty if steps.kind is Kind.FAULT else self.batch).append(steps.targets)

    def _note_rules(self, steps: Steps) -> None:
        if self.unfired.any():
            rule_of = self.found.rows.rule.array
            news = self.unfired[rule_of][steps.rows]
            if news.any():
                self.unfired[rule_of[steps.rows[news]]] = False

    def _flush(self) -> None:
        """Compares what was collected with what was seen; the new states are kept for the next level, or layer."""
        if self.batch:
            self._add(self.batch)
        if self.faulty:
            faulty, self.faulty = self.faulty, []
            self._check_memory(2 * sum(block.nbytes for block in faulty))
            seeds = self.seen.fresh(np.concatenate(faulty, axis=1))
            if seeds.shape[1]:
                self.later.setdefault(self.depth + 1, []).append(seeds)

    def _add(self, blocks: list[Block]) -> None:
        many = sum(block.shape[1] for block in blocks)
        self._check_memory(2 * sum(block.nbytes for block in blocks) + self.seen.merging(many))
        block = np.concatenate(blocks, axis=1)
        blocks.clear()
        fresh = self.seen.add(block)
        room = fresh.shape[1] if self.limits.states is None else self.limits.states - self.count
        self.fresh.append(fresh[:, :room])
        self.count += self.fresh[-1].shape[1]
        if room < fresh.shape[1]:
            raise Stop("states")

    def _repack(self) -> None:
        """Lays everything out anew, with fields that hold all values."""
        older, layout = self.space.widened()
        for level, block in zip(
            self.found.levels, _repacked(older, layout, [each.block for each in self.found.levels]), strict=True
        ):
            level.block = block
        self.fresh = _repacked(older, layout, self.fresh)
        for waiting in (self.seeds, self.later):
            for depth, blocks in waiting.items():
                waiting[depth] = _repacked(older, layout, blocks)
        self.seen.repack(older, layout)
        self.stored = sum(level.nbytes for level in self.found.levels)

    def _check_memory(self, more: int) -> None:
        """`more`: the bytes that are wanted next."""
        if self.limits.memory is None and more < SMALL:
            return
        wanted = self._held() + more
        if self.limits.memory is not None and wanted > self.limits.memory:
            raise Stop("memory")
        self.found.most_bytes = max(self.found.most_bytes, wanted)

    def _held(self) -> int:
        """The bytes of all data."""
        blocks = [*self.fresh, *self.batch, *self.faulty]
        for waiting in (self.seeds, self.later):
            for each in waiting.values():
                blocks += each
        return self.stored + self.found.successors.nbytes + self.seen.nbytes + sum(block.nbytes for block in blocks)


def _repacked(older: Layout, layout: Layout, blocks: list[Block]) -> list[Block]:
    """The blocks, laid out anew; small ones together, for there may be many of them."""
    found: list[Block] = []
    start = 0
    while start < len(blocks):
        end, many = start + 1, blocks[start].shape[1]
        while end < len(blocks) and many + blocks[end].shape[1] <= CHUNK:
            many += blocks[end].shape[1]
            end += 1
        whole = layout.repacked(np.concatenate(blocks[start:end], axis=1), older)
        found += np.split(whole, np.cumsum([block.shape[1] for block in blocks[start : end - 1]]), axis=1)
        start = end
    return found
