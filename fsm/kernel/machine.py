"""A compiled machine: what a chart declares, as immutable data, and the functions generated from it. No engine here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from fsm.errors import UsageError
from fsm.kernel.chart import Action, Effects, Guard, Outcome
from fsm.kernel.event import Event
from fsm.kernel.sample import Samples

Kind = Literal["atomic", "compound", "parallel"]
Configuration = tuple[str, ...]
"""The ids of the active states, ancestors first, in document order."""

Bare = tuple[Configuration, Any]


class MachineState(NamedTuple):
    """Where a machine is: its configuration, and its context. Equal to the bare pair that `next_of` returns."""

    configuration: Configuration
    context: Any = None


@dataclass(frozen=True, slots=True)
class StateInfo:
    """A declared state. `final` says that the lifecycle has no work left there (deletion is always possible)."""

    id: str
    parent: str | None
    kind: Kind
    initial: bool
    outcome: Outcome | None
    doc: str
    entry: tuple[str, ...] = ()
    exit: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        return self.outcome is not None


@dataclass(frozen=True, slots=True)
class Transition:
    """A declared edge. `target` is None where it stays; `guards` are names, "not NAME" where one must be false."""

    event: str
    source: str
    target: str | None
    guards: tuple[str, ...]
    actions: tuple[str, ...]
    effects: tuple[str, ...]
    doc: str

    def __str__(self) -> str:
        guards = f" [{' and '.join(self.guards)}]" if self.guards else ""
        return f"{self.source} --{self.event}{guards}--> {self.target or self.source}"


@dataclass(frozen=True, eq=False)
class Machine:
    """A compiled chart. Immutable; compare machines by identity.

    `next_of(state, event)` returns the bare next (configuration, context) and the effects, or None where the event is
    not enabled. `traced_of` does the same and also names the transitions that were taken.
    """

    name: str
    doc: str
    states: tuple[StateInfo, ...]
    transitions: tuple[Transition, ...]
    guards: Mapping[str, Guard]
    actions: Mapping[str, Action]
    configurations: tuple[Configuration, ...]
    alternatives: Mapping[tuple[Configuration, str], tuple[tuple[Transition, ...], ...]]
    context_type: type | None
    chart: type
    source: str
    next_of: Callable[[Bare, Event], tuple[Bare, Effects] | None]
    traced_of: Callable[[Bare, Event], tuple[Bare, Effects, tuple[Transition, ...]] | None]
    _interned: Mapping[Configuration, Configuration] = field(repr=False)
    _enabled: Mapping[Configuration, tuple[str, ...]] = field(repr=False)
    _by_id: Mapping[str, StateInfo] = field(repr=False)
    _by_leaves: Mapping[frozenset[str], Configuration] = field(repr=False)

    @property
    def events(self) -> tuple[str, ...]:
        """The declared event names, in the order of first use."""
        return tuple(dict.fromkeys(transition.event for transition in self.transitions))

    @property
    def samples(self) -> Samples:
        """What the chart says for tools that try it out."""
        found: Samples = self.chart.samples  # type: ignore[attr-defined]
        return found

    @property
    def initial(self) -> Configuration:
        """The configuration a new machine starts in."""
        return self.configurations[0]

    def start(self, context: Any = None) -> MachineState:
        """A new machine, with the given context or the context type's defaults."""
        if context is not None and self.context_type is None:
            raise UsageError(f"{self.name} has no context: its chart declares no context_type")
        if context is None and self.context_type is not None:
            context = self.context_type()
        return MachineState(self.initial, context)

    def state(self, *leaves: str, context: Any = None) -> MachineState:
        """The state with these active leaves: `SNAPSHOT.state("running")`, `LOG.state("streaming", "idle")`."""
        try:
            configuration = self._by_leaves[frozenset(leaves)]
        except KeyError:
            raise UsageError(f"{self.name} has no configuration with the leaves {', '.join(leaves)}") from None
        return MachineState(configuration, self.start().context if context is None else context)

    def configuration(self, ids: tuple[str, ...]) -> Configuration:
        """The machine's own configuration equal to `ids`."""
        try:
            return self._interned[tuple(ids)]
        except KeyError:
            raise UsageError(f"{{{', '.join(ids)}}} is not a configuration of {self.name}") from None

    def info(self, state_id: str) -> StateInfo:
        """The declared state of that id."""
        try:
            return self._by_id[state_id]
        except KeyError:
            known = ", ".join(self._by_id)
            raise UsageError(f"{self.name} has no state {state_id}; it has {known}") from None

    def leaves(self, configuration: tuple[str, ...]) -> tuple[str, ...]:
        """The active atomic states, one a region."""
        return self._leaves[configuration]

    @cached_property
    def _leaves(self) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        return {c: tuple(each for each in c if self._by_id[each].kind == "atomic") for c in self.configurations}

    def outcome(self, configuration: tuple[str, ...]) -> Outcome | None:
        """The outcome of a final configuration, the bad one where regions differ; None while work is left in any."""
        return self._outcomes[configuration]

    @cached_property
    def _outcomes(self) -> Mapping[tuple[str, ...], Outcome | None]:
        return {configuration: self._outcome(leaves) for configuration, leaves in self._leaves.items()}

    def _outcome(self, leaves: tuple[str, ...]) -> Outcome | None:
        outcomes = {self._by_id[leaf].outcome for leaf in leaves}
        if None in outcomes:
            return None
        return "bad" if "bad" in outcomes else "good"

    def enabled(self, configuration: tuple[str, ...]) -> tuple[str, ...]:
        """The events declared for a configuration, whatever their guards say."""
        return self._enabled[self.configuration(configuration)]

    def events_into(self, configuration: tuple[str, ...], target: tuple[str, ...]) -> tuple[str, ...]:
        """The events declared for a configuration that have an edge to a state of the target, or stay in one."""
        found = self._events_into.get((configuration, target))
        if found is None:
            found = tuple(
                event for event in self.enabled(configuration) if self._has_edge_into(configuration, event, target)
            )
            self._events_into[configuration, target] = found
        return found

    @cached_property
    def _events_into(self) -> dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[str, ...]]:
        return {}

    def _has_edge_into(self, configuration: tuple[str, ...], event: str, target: tuple[str, ...]) -> bool:
        edges = (edge for region in self.alternatives[configuration, event] for edge in region)
        return any((edge.target or edge.source) in target for edge in edges)

    def guard_values(self, state: tuple[tuple[str, ...], Any], event: Event) -> dict[str, bool]:
        """What every guard on the event's alternatives says, by name."""
        configuration = self.configuration(state[0])
        found: dict[str, bool] = {}
        for region in self.alternatives.get((configuration, event.name), ()):
            for transition in region:
                for name in transition.guards:
                    plain = name.removeprefix("not ")
                    found[plain] = bool(self.guards[plain](state[1], event))
        return found
