"""A run of a world taken step by step, naively: a state is a dictionary, and a rule is asked where it is taken.

It knows how a world is declared (`fsm.kernel.world`) and nothing of the checker, so it can judge what that one tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fsm.kernel import Fairness, Rule, World

Slot = tuple[str, int | None]
State = dict[Slot, Any]


class Seen:
    """A state as a rule, or a reader, of one component sees it; None: of nobody in particular."""

    def __init__(self, world: World, state: State, component: int | None) -> None:
        self._world, self._state, self._component = world, state, component

    @property
    def components(self) -> int:
        return self._world.components

    def of(self, index: int) -> Seen:
        return Seen(self._world, self._state, index)

    def __getitem__(self, part: str) -> Any:
        return self._state[(part, self._component if self._world.parts[part].own else None)]


class Walk:
    """`states` are those before the steps, and the last one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.states: list[State] = [{(part, index): world.parts[part].initial for part, index in world.slots}]

    @property
    def state(self) -> State:
        return self.states[-1]

    def __getitem__(self, part: str) -> Any:
        """A part as it is now, of the first component where it is own."""
        return self.view(0)[part]

    def view(self, component: int | None = 0, position: int = -1) -> Seen:
        return Seen(self.world, self.states[position], component)

    def ways(self, rule: str, component: int | None = 0) -> list[tuple[str, State]]:
        """What a rule can do now, in words, and where that leads; without what changes nothing."""
        taken = next(each for each in self.world.rules if each.name == rule)
        whose = component if taken.own else None
        found: list[tuple[str, State]] = []
        for way in self._ways(taken, whose):
            found += [] if way in found else [way]
        return found

    def _ways(self, rule: Rule, component: int | None) -> Iterator[tuple[str, State]]:
        for move in rule.moves(Seen(self.world, self.state, component)):
            after = dict(self.state)
            for name in move.applies:
                changes = self.world.maps[name]
                after |= {slot: changes[slot[0]](value) for slot, value in self.state.items() if slot[0] in changes}
            for key, value in move.writes.items():
                part, index = key if isinstance(key, tuple) else (key, component)
                after[(part, index if self.world.parts[part].own else None)] = value
            if after != self.state:
                yield move.what, after

    def take(self, rule: str, what: str = "", component: int | None = 0) -> Walk:
        """The step, whose words contain these; it must be the only one of the kind."""
        (after,) = [state for told, state in self.ways(rule, component) if what in told]
        self.states.append(after)
        return self

    def settle(self, *rules: str) -> Walk:
        """Rules are taken in turn, until none of them can be."""
        while able := [rule for rule in rules if self.ways(rule)]:
            self.take(able[0])
        return self

    def able(self, fair: bool = False) -> set[str]:
        """The rules that can be taken now for the first component; `fair`: of those that promise to be."""
        rules = [rule for rule in self.world.rules if not fair or rule.assumed is not Fairness.NONE]
        return {rule.name for rule in rules if self.ways(rule.name)}
