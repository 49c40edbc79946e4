"""What can be sent to a machine in one place: a few concrete events that make its guards say everything they can say.

Nothing is known of the machine beside its declaration. Guards and actions are run on an event that notices which of its
fields are read; a text that is read is tried with the words that the chart declares, else with the texts that the
context holds and with a fresh one; a time that guards read is tried at every second at which one of them changes its
mind, and in the second before. Events that every guard refuses are choices too: nothing may happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count, product
from typing import Any, NamedTuple

from fsm.kernel import Event, Machine, MachineState, plain

FARTHEST = 1 << 31
"""Seconds: how far ahead a guard's change of mind is looked for."""

MOST_REMEMBERED = 100_000
"""Places whose choices are kept, at most."""

_TEXTS = ("subject", "uid", "reason", "message")
_State = tuple[tuple[str, ...], Any]


class Choice(NamedTuple):
    """An event that can be sent. `label` says it without times and uids, so that it can be found again in a like place.

    `transitions` are the numbers of the transitions it takes; none where every guard refuses it.
    """

    label: str
    event: Event
    transitions: tuple[int, ...]

    @property
    def refused(self) -> bool:
        """Nothing happens."""
        return not self.transitions

    @property
    def kind(self) -> tuple[str, tuple[int, ...]]:
        """What counts as the same transition: the declared edges that are taken, or the event that is refused."""
        return ("" if self.transitions else self.event.name), self.transitions

    def __repr__(self) -> str:
        """As a failing story shows it."""
        return f"<{self.label} at {self.event.at}>"


class Choices:
    """The choices of one machine. The same place always has the same ones, in the same order."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._numbers = {id(transition): number for number, transition in enumerate(machine.transitions)}
        self._words = machine.samples.words
        self._timeless: dict[_State, tuple[Choice, ...]] = {}
        self._timed: dict[tuple[_State, int], tuple[Choice, ...]] = {}

    def at(self, state: MachineState, now: int) -> tuple[Choice, ...]:
        """What can be sent next to a machine in `state`, the last event of which happened at `now`.

        A choice is later than `now`. Each label occurs once.
        """
        known = self._timeless.get(state)
        if known is not None:
            return tuple([each._replace(event=each.event._replace(at=now + 1)) for each in known])
        known = self._timed.get((state, now))
        if known is not None:
            return known
        found: dict[str, Choice] = {}
        timed = False
        for name in self.machine.enabled(state.configuration):
            look = _Look(self.machine, state, name, self._words.get(name, {}))
            for label, event in look.events(now):
                found.setdefault(label, self._choice(label, state, event))
            timed = timed or look.timed
        self._remember(state, now if timed else None, tuple(found.values()))
        return tuple(found.values())

    def _remember(self, state: MachineState, now: int | None, found: tuple[Choice, ...]) -> None:
        """Random tests and explorations come by the same places again and again."""
        if len(self._timeless) + len(self._timed) >= MOST_REMEMBERED:
            self._timeless.clear()
            self._timed.clear()
        if now is None:
            self._timeless[state] = found
        else:
            self._timed[state, now] = found

    def find(self, state: MachineState, now: int, label: str) -> Choice | None:
        """The choice with this label, None where the place does not have it."""
        return next((each for each in self.at(state, now) if each.label == label), None)

    def _choice(self, label: str, state: MachineState, event: Event) -> Choice:
        taken = self.machine.traced_of(state, event)
        if taken is None:
            return Choice(f"{label}: refused", event, ())
        return Choice(label, event, tuple(self._numbers[id(each)] for each in taken[2]))


class _Noticing:
    """An event that notes which of its fields were read."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.read: set[str] = set()

    def __getattr__(self, field: str) -> Any:
        self.read.add(field)
        return getattr(self.event, field)


class _Look:
    """One event name in one state."""

    def __init__(self, machine: Machine, state: _State, name: str, words: Mapping[str, tuple[str, ...]]) -> None:
        self.machine, self.state, self.name, self.words = machine, state, name, words
        edges = [edge for region in machine.alternatives[state[0], name] for edge in region]
        names = dict.fromkeys(guard.removeprefix("not ") for edge in edges for guard in edge.guards)
        self.guards = {guard: machine.guards[guard] for guard in names}
        self.timed = False

    def events(self, now: int) -> Iterator[tuple[str, Event]]:
        """Labels and events."""
        base = Event(self.name, now + 1)
        asked = self._read_by_guards(base)
        self.timed = "at" in asked
        for event in self._worded(base, [field for field in _TEXTS if field in asked], mined=True):
            for late, timed in self._moments(event) if self.timed else [("", event)]:
                for whole in self._worded(timed, self._read_by_actions(timed, asked), mined=False):
                    yield self._label(whole, late), whole

    # -------------------------------------------------------------- fields that are read

    def _read_by_guards(self, event: Event) -> set[str]:
        """Several times over, for a guard may read a field only where another has a certain value."""
        noticing = _Noticing(event)
        for guard in self.guards.values():
            guard(self.state[1], noticing)  # type: ignore[arg-type]  # it has an event's fields
        return noticing.read

    def _read_by_actions(self, event: Event, asked: set[str]) -> list[str]:
        noticing = _Noticing(event)
        self.machine.traced_of(self.state, noticing)  # type: ignore[arg-type]  # it has an event's fields
        return [field for field in _TEXTS if field in noticing.read - asked]

    # -------------------------------------------------------------- texts

    def _worded(self, event: Event, fields: list[str], *, mined: bool) -> Iterator[Event]:
        """The event with every text of these fields; texts that the chart does not declare only where they matter."""
        seen = set()
        declared = {field for field in fields if field in self.words}
        for texts in product(*(self._texts(field, mined=mined) for field in fields)):
            changed = event._replace(**dict(zip(fields, texts, strict=True)))
            telling = tuple(getattr(changed, field) for field in fields if field in declared)
            said = (telling, self._says(changed) if mined else ())
            if said not in seen:
                seen.add(said)
                yield changed

    def _texts(self, field: str, *, mined: bool) -> Iterable[str]:
        if field in self.words:
            return self.words[field]
        held = list(dict.fromkeys(_held(self.state[1])))
        fresh = next(text for text in _fresh(field, self.name) if text not in held)
        return (fresh, *held, "") if mined else (fresh,)

    # -------------------------------------------------------------- times

    def _says(self, event: Event) -> tuple[bool, ...]:
        return tuple(bool(guard(self.state[1], event)) for guard in self.guards.values())

    def _moments(self, event: Event) -> Iterator[tuple[str, Event]]:
        """The event at once, at each second at which a guard changes its mind, and in the second before."""
        yield "", event
        for change in self._changes(event):
            if change - 1 > event.at:
                yield ", the last second", event._replace(at=change - 1)
            yield "", event._replace(at=change)

    def _changes(self, event: Event) -> Iterator[int]:
        """The seconds at which the guards together say something else than before: found from distances that double."""
        low, said = event.at, self._says(event)
        distance = 1
        while distance <= FARTHEST:
            high = event.at + distance
            while self._says(event._replace(at=high)) != said:
                low = self._first_other(event, said, low, high)
                said = self._says(event._replace(at=low))
                yield low
            low, distance = high, distance * 2

    def _first_other(self, event: Event, said: tuple[bool, ...], low: int, high: int) -> int:
        """By bisection: at `low` the guards say this, at `high` they do not."""
        while high - low > 1:
            middle = (low + high) // 2
            if self._says(event._replace(at=middle)) == said:
                low = middle
            else:
                high = middle
        return high

    # -------------------------------------------------------------- in words

    def _label(self, event: Event, late: str) -> str:
        several = (getattr(event, field) for field in _TEXTS if len(self.words.get(field, ())) > 1)
        words = " ".join((self.name, *filter(None, several)))
        if not self.guards:
            return words
        agree = [guard for guard, said in zip(self.guards, self._says(event), strict=True) if said]
        return f"{words} [{', '.join(agree) or 'no guard agrees'}]{late}"


def _fresh(field: str, event: str) -> Iterator[str]:
    """Texts for a field, the first of which that the context does not hold is a fresh one."""
    if field == "uid":
        yield from (f"uid-{number}" for number in count(1))
    text = "".join(part.capitalize() for part in event.split("_"))
    text = text if field == "reason" else event.replace("_", " ")
    yield text
    yield from (f"{text} {number}" for number in count(2))


def _held(context: Any) -> Iterator[str]:
    """All texts in a context."""
    data = [plain(context)]
    while data:
        value = data.pop(0)
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            data.extend(value.values() if isinstance(value, dict) else value)
