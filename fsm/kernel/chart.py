"""The language of charts: python-statemachine made strict, with guards and actions as pure functions.

A chart is a class of states and edges. It is only a declaration: `compile_chart` turns it into a machine, and the
library's own engine runs it as the judge of that machine. Every state and every edge carries one sentence.

python-statemachine is tolerant by default: unknown events vanish, a guard that raises is a silent "no", an action that
raises still moves the state. `Chart` switches all of that off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Literal

from statemachine import State, StateChart
from statemachine.factory import StateMachineMetaclass
from statemachine.graph import iterate_states
from statemachine.state import NestedStateFactory
from statemachine.transition_list import TransitionList

from fsm.errors import ChartError
from fsm.kernel.event import Event
from fsm.kernel.sample import Samples

Outcome = Literal["good", "bad"]
Effects = tuple[Any, ...]
GuardFunction = Callable[[Any, Event], bool]
ActionFunction = Callable[[Any, Event], tuple[Any, Effects]]


class Guard:
    """A named predicate on (context, event). Total, fast and silent: it answers and changes nothing."""

    prefix: ClassVar[str] = "guard_"

    def __init__(self, function: GuardFunction, name: str = "") -> None:
        self.function = function
        self.name = name or function.__name__
        self.doc = sentence(function.__doc__)

    def __call__(self, context: Any, event: Event) -> bool:
        return self.function(context, event)

    def __get__(self, instance: object | None, owner: type) -> Any:
        """What the library's engine calls: the same function, on the context and the event that ride on the model."""
        if instance is None:
            return self
        function = self.function

        def answer(model: Any) -> bool:
            return function(model.context, model.event)

        return answer


class Action:
    """A named update (context, event) -> (context, effects). `emits` are the effect types it may return."""

    prefix: ClassVar[str] = "do_"

    def __init__(self, function: ActionFunction, name: str = "", emits: tuple[type, ...] = ()) -> None:
        self.function = function
        self.name = name or function.__name__
        self.doc = sentence(function.__doc__)
        self.emits = emits

    def __call__(self, context: Any, event: Event) -> tuple[Any, Effects]:
        return self.function(context, event)

    def __get__(self, instance: object | None, owner: type) -> Any:
        """What the library's engine calls: the same function, threading the context that rides on the model."""
        if instance is None:
            return self
        function = self.function

        def act(model: Any) -> None:
            model.context, effects = function(model.context, model.event)
            model.effects += effects

        return act


def guard(function: GuardFunction) -> Guard:
    """Declare a guard; its name is the function's."""
    return Guard(function)


def action(*emits: type) -> Callable[[ActionFunction], Action]:
    """Declare an action that may return effects of the types `emits`; its name is the function's."""

    def declared(function: ActionFunction) -> Action:
        return Action(function, emits=emits)

    return declared


def sentence(text: str | None) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join((text or "").split("\n\n", 1)[0].split())


def state(
    doc: str,
    *,
    initial: bool = False,
    outcome: Outcome | None = None,
    enter: Iterable[Action] = (),
    exit: Iterable[Action] = (),  # noqa: A002  # the statechart word
) -> Any:
    """An atomic state with its one sentence.

    `outcome` makes it final in the sense of the lifecycle: no work is left. It is not final for the library, which
    would forbid the way out that every Kubernetes object has: being deleted.
    """
    enter, exit_ = tuple(enter), tuple(exit)
    made = State(initial=initial, enter=_attributes(enter), exit=_attributes(exit_))
    made.doc, made.outcome, made.calls = doc, outcome, (*enter, *exit_)
    return made


class _Nested(NestedStateFactory):
    """Keeps the docstring of a compound state's class body, which the library drops, and its entry and exit actions."""

    def __new__(
        cls,
        classname: str,
        bases: tuple[type, ...],
        attrs: dict[str, Any],
        *,
        enter: Iterable[Action] = (),
        exit: Iterable[Action] = (),  # noqa: A002  # the statechart word
        **options: Any,
    ) -> Any:
        enter, exit_ = tuple(enter), tuple(exit)
        if not bases:
            return super().__new__(cls, classname, bases, attrs, **options)
        calls = {"enter": _attributes(enter), "exit": _attributes(exit_)}
        made = super().__new__(cls, classname, bases, attrs, **calls, **options)
        made.doc, made.outcome, made.calls = sentence(attrs.get("__doc__")), None, (*enter, *exit_)
        return made


class Compound(metaclass=_Nested):
    """A state with exactly one active child: `class active(Compound, enter=[...], exit=[...]): ...`."""


class Parallel(metaclass=_Nested, parallel=True):
    """A state whose children (its regions) are all active at once."""


def edge(
    source: Any,
    target: Any,
    doc: str,
    *,
    when: Guard | Iterable[Guard] = (),
    unless: Guard | Iterable[Guard] = (),
    do: Action | Iterable[Action] = (),
    event: str | None = None,
) -> Any:
    """Edges from one or several sources to a target, with their one sentence. `when` and `unless` must all agree.

    `target` None stays: nothing is left or entered, only the actions run. An edge from a compound to a state inside it
    does not leave the compound. `event` names the event where an attribute of the chart cannot, because a state has the
    same name.
    """
    when, unless, do = _several(when, Guard), _several(unless, Guard), _several(do, Action)
    edges = TransitionList()
    for origin in source if isinstance(source, tuple | list) else (source,):
        made = origin.to(
            target,
            cond=_attributes(when),
            unless=_attributes(unless),
            on=_attributes(do),
            internal=target is not None and any(above is origin for above in _above(target)),
            **({"event": event} if event else {}),
        )
        for transition in made:
            transition.doc, transition.calls = doc, (*when, *unless, *do)
        edges.add_transitions(made)
    return edges


def _above(state: Any) -> Iterator[Any]:
    """The ancestors so far; by identity, because the library takes two states without a name yet for equal."""
    while state.parent:
        state = state.parent
        yield state


def _several(given: Any, kind: type) -> tuple[Any, ...]:
    return (given,) if isinstance(given, kind) else tuple(given)


def _attributes(calls: Iterable[Guard | Action]) -> list[str]:
    return [call.prefix + call.name for call in calls]


class _ChartMeta(StateMachineMetaclass):
    """Numbers the states in document order; the library's own numbering lets siblings and nephews collide."""

    def __init__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> None:
        super().__init__(name, bases, attrs)
        for number, each in enumerate(iterate_states(cls.states), start=1):
            each.document_order = number


class Chart(StateChart, metaclass=_ChartMeta):
    """Base of all charts: no ignored events, no swallowed exceptions, no half-moved state.

    `context_type` is the frozen value beside the configuration (None: the chart needs none). `samples` is for tools
    that try the chart out.
    """

    allow_event_without_transition = False
    catch_errors_as_events = False
    atomic_configuration_update = True
    enable_self_transition_entries = True  # else the library does not enter the target of an edge into its own source
    validate_trap_states = False  # ours is stricter: a state without a way out must have an outcome

    context_type: ClassVar[type | None] = None
    samples: ClassVar[Samples] = Samples()

    def __init_subclass__(cls, **options: Any) -> None:
        """Give the class the guards and actions that its edges and states name."""
        super().__init_subclass__(**options)
        states = [value for value in vars(cls).values() if isinstance(value, State)]
        for call in list(_calls(states)):
            attribute = call.prefix + call.name
            known = getattr(cls, attribute, call)
            if known is not call:
                raise ChartError(f"{cls.__name__}: two different functions are called {call.name}")
            setattr(cls, attribute, call)


def _calls(states: Iterable[Any]) -> Iterator[Guard | Action]:
    for each in states:
        yield from getattr(each, "calls", ())
        for transition in each.transitions:
            yield from getattr(transition, "calls", ())
        yield from _calls(each.states)
