"""Test a controller of your own with one of our machines as the model.

You write an adapter, a `Controller`. Two things run it against a machine: `model_test`, a rule-based state machine of
Hypothesis, which draws events at random and shrinks a disagreement to a short story; and `follow`, which sends the
stories of a generated suite. Both draw on the same events (see `fsm.testgen`). Hypothesis is not needed before
`model_test` is called: `pip install 'backup-fsm[testing]'`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from fsm.errors import UsageError
from fsm.kernel import Event, Machine, MachineState, Step, try_step
from fsm.testgen import MOST_PLACES, Choice, Cover, Story, explored, machine_suite_of, stories_of
from fsm.testgen.explore import BEGINS_AT, Explored

__all__ = ["BEGINS_AT", "Controller", "Disagreement", "follow", "leaves_of", "model_test", "stories"]


class Controller(Protocol):
    """The controller under test, as a test sees it.

    What `send` returns, unless it is None, has to be the effects that the machine asks for, in its order. What `state`
    returns is compared with what `seen` makes of the machine's state: by default the ids of the active leaves, such as
    "running" or "streaming idle".
    """

    def reset(self) -> None:
        """Be as new."""

    def send(self, event: Event) -> Iterable[Any] | None:
        """Let this happen."""

    def state(self) -> Any:
        """Where it is now."""


class _Sent(NamedTuple):
    event: Event
    step: Step | None


class Disagreement(AssertionError):
    """Machine and controller part: after these events, the last of which was None where the start itself differs."""

    def __init__(self, machine: Machine, story: list[_Sent], what: str, expected: Any, found: Any) -> None:
        self.events = tuple(sent.event for sent in story)
        self.expected, self.found = expected, found
        lines = [f"{what}: the machine has {expected!r}, the controller {found!r}"]
        lines += [_line(machine, number, sent) for number, sent in enumerate(story, 1)]
        super().__init__("\n".join(lines))


def _line(machine: Machine, number: int, sent: _Sent) -> str:
    event, step = sent
    fields = "".join(f" {name}={value}" for name in ("subject", "uid") if (value := getattr(event, name)))
    if step is None:
        leads = "is refused"
    else:
        places = [" ".join(machine.leaves(each.configuration)) for each in (step.before, step.after)]
        leads = " -> ".join(places) if places[0] != places[1] else f"stays {places[0]}"
    return f"  {number}. {event.name}{fields} at +{event.at - BEGINS_AT}s: {leads}"


Seen = Callable[[MachineState], Any]


def leaves_of(machine: Machine) -> Seen:
    """A state as the ids of its active leaves."""
    return lambda state: " ".join(machine.leaves(state.configuration))


class _Run:
    """Machine and controller side by side."""

    def __init__(self, machine: Machine, controller: Controller, seen: Seen | None) -> None:
        self.machine, self.controller = machine, controller
        self.seen = seen or leaves_of(machine)
        self.begin()

    def begin(self) -> None:
        self.state, self.now = self.machine.start(), BEGINS_AT
        self.sent: list[_Sent] = []
        self.controller.reset()
        self._compare("state of a new one")

    def send(self, event: Event) -> None:
        """Send the event to both; Disagreement where they then differ."""
        step = try_step(self.machine, self.state, event)
        self.sent.append(_Sent(event, step))
        answer = self.controller.send(event)
        if step is not None:
            self.state, self.now = step.after, event.at
        self._compare(f"state after {event.name}")
        asked = () if step is None else step.effects
        if answer is not None and tuple(answer) != asked:
            raise Disagreement(self.machine, self.sent, f"effects of {event.name}", asked, tuple(answer))

    def _compare(self, what: str) -> None:
        expected, found = self.seen(self.state), self.controller.state()
        if expected != found:
            raise Disagreement(self.machine, self.sent, what, expected, found)


# ------------------------------------------------------------------ generated suites


def stories(
    machine: Machine, cover: Cover | str = Cover.TRANSITIONS, *, refusals: bool = False, most: int = MOST_PLACES
) -> list[Story]:
    """The generated tests that begin with a new machine, for `follow`; see `backup-fsm testgen`.

    Without `refusals` a story is without the events that every guard refuses.
    """
    suite = machine_suite_of(explored(machine, most), Cover(cover))
    found = [story for story in stories_of(suite) if not story.beginning]
    if refusals:
        return found
    accepted = [story._replace(lines=tuple(line for line in story.lines if line.then)) for story in found]
    return [story for story in accepted if story.lines]


def follow(
    story: Story,
    machine: Machine,
    controller: Controller,
    *,
    seen: Seen | None = None,
    possible: Callable[[Event], bool] = lambda event: True,
) -> int:
    """Send a story's events to the machine and to the controller; Disagreement at the first difference.

    The story ends before the first event that is not `possible` where the controller lives. How many were sent.
    """
    run = _Run(machine, controller, seen)
    for number, line in enumerate(story.lines):
        if not possible(line.event):
            return number
        run.send(line.event)
    return len(story.lines)


# ------------------------------------------------------------------ Hypothesis


MOST_WAYS_FROM = 300
"""Places of a machine that a random test is led to; it finds others by itself."""


class _Way(tuple[str, ...]):
    """Labels of choices, one after another, from a new machine on."""

    def __repr__(self) -> str:
        return f"<{'; '.join(self)}>"


def _ways(found: Explored) -> list[list[_Way]]:
    """For each class of transitions the ways to and along one of them, the shortest first; the nearest class first."""
    graph = found.graph
    ways: list[list[_Way]] = []
    for numbers in graph.kinds.values():
        paths = [(*graph.path_to(graph.edges[number].source), number) for number in numbers]
        new = sorted((path for path in paths if graph.edges[path[0]].source == graph.initial[0]), key=len)
        if new:
            ways.append([_Way(graph.edges[number].label for number in path) for path in new])
    return sorted(ways, key=lambda each: len(each[0]))


def model_test(
    machine: Machine,
    controller: Callable[[], Controller],
    *,
    seen: Seen | None = None,
    refusals: bool = False,
    possible: Callable[[Event], bool] = lambda event: True,
) -> Any:
    """A `RuleBasedStateMachine` that lets the same things happen to the machine and to the controller.

    Rule `go` begins anew and leads to some transition of the machine's graph; then there is one rule for each event
    that the machine declares. An event is drawn among the concrete ones that make the guards say all they can say, at
    the very seconds at which they change their minds; with `refusals` also those that every guard refuses. Events that
    are not `possible` where the controller lives are never sent. Its `TestCase` is what unittest and pytest collect.
    UsageError without Hypothesis.
    """
    strategies, stateful = _hypothesis()
    found = explored(machine, MOST_WAYS_FROM)
    ways = strategies.sampled_from(_ways(found)).flatmap(strategies.sampled_from)

    class ModelTest(stateful.RuleBasedStateMachine):  # type: ignore[misc, name-defined]  # imported when it is used
        def __init__(self) -> None:
            super().__init__()
            self._run = _Run(machine, controller(), seen)
            self._offered: dict[str, list[Choice]] = {}

        @stateful.rule(way=ways)  # type: ignore[untyped-decorator]  # imported when it is used
        def go(self, way: _Way) -> None:
            self._run.begin()
            self._look()
            for label in way:
                offered = (choice for named in self._offered.values() for choice in named if choice.label == label)
                if (choice := next(offered, None)) is None:
                    return
                self._send(choice)

        def _send(self, choice: Choice) -> None:
            self._run.send(choice.event)
            self._look()

        def _look(self) -> None:
            """What can be sent now, by name."""
            self._offered = {}
            for choice in found.choices.at(self._run.state, self._run.now):
                if (refusals or not choice.refused) and possible(choice.event):
                    self._offered.setdefault(choice.event.name, []).append(choice)

    for name in machine.events:
        free = f"event_{name}" if hasattr(ModelTest, name) else name
        setattr(ModelTest, free, _rule(strategies, stateful, name, free))
    ModelTest.__name__ = ModelTest.__qualname__ = f"{''.join(map(str.capitalize, machine.name.split('_')))}Test"
    ModelTest.TestCase.__name__ = ModelTest.TestCase.__qualname__ = ModelTest.__name__
    return ModelTest


def _rule(strategies: Any, stateful: Any, name: str, called: str) -> Any:
    """The rule of one event. A failing story calls it by this name."""

    def happen(self: Any, event: Choice) -> None:
        self._send(event)

    happen.__name__ = happen.__qualname__ = called
    drawn = strategies.runner().flatmap(lambda test: strategies.sampled_from(test._offered[name]))
    return stateful.precondition(lambda test: name in test._offered)(stateful.rule(event=drawn)(happen))


def _hypothesis() -> tuple[Any, Any]:
    try:
        from hypothesis import stateful, strategies
    except ImportError:
        raise UsageError(
            "fsm.testing draws events with Hypothesis, which is not installed: pip install 'backup-fsm[testing]'"
        ) from None
    return strategies, stateful
