"""What cannot be compiled is refused with the chart's name, the place and the reason: one row for every refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from statemachine import Event as LibraryEvent
from statemachine import HistoryState, State
from statemachine.transition import Transition as LibraryTransition

from fsm.errors import ChartError
from fsm.kernel import Action, Chart, Compound, Event, Guard, Parallel, action, compile_chart, edge, guard, state


class Count(NamedTuple):
    """A context."""

    n: int = 0


@guard
def open_(context: Count, event: Event) -> bool:
    """It is open."""
    return context.n == 0


@action()
def count(context: Count, event: Event) -> tuple[Count, tuple[()]]:
    """Count."""
    return Count(context.n + 1), ()


def _raw(source: Any, *targets: Any, **options: Any) -> None:
    """An edge of the library's own making, with a sentence, so that only the oddity at hand is refused."""
    made = LibraryTransition(source, list(targets), event="go", **options)
    made.doc, made.calls = "Go.", ()
    source.transitions.add_transitions(made)


def _chart(body: Callable[[Any, Any], dict[str, Any] | None], *, name: str = "Odd") -> type[Chart]:
    """A chart of the states a and b, and what `body` adds."""
    a, b = state("A.", initial=True), state("B.", outcome="good")
    members = {"__doc__": "Odd.", "a": a, "b": b, "context_type": Count}
    members |= {"validate_disconnected_states": False}
    members |= body(a, b) or {}
    return type(Chart)(name, (Chart,), members)


def _eventless(a: Any, b: Any) -> None:
    edge(a, b, "Go.")


def _history(a: Any, b: Any) -> dict[str, Any]:
    class p(Compound):
        """P."""

        x = state("X.", initial=True, outcome="good")
        h = HistoryState()

    edge(a, p.h, "Back.", event="go")
    return {"p": p}


def _validators(a: Any, b: Any) -> dict[str, Any]:
    _raw(a, b, validators="check")
    return {"check": lambda self: None}


def _before(a: Any, b: Any) -> dict[str, Any]:
    _raw(a, b, before="check")
    return {"check": lambda self: None}


def _after(a: Any, b: Any) -> dict[str, Any]:
    _raw(a, b, after="check")
    return {"check": lambda self: None}


def _several_targets(a: Any, b: Any) -> dict[str, Any]:
    class p(Parallel):
        """P."""

        x = state("X.", outcome="good")
        y = state("Y.", outcome="good")

    _raw(a, p.x, p.y)
    return {"p": p}


def _internal_self(a: Any, b: Any) -> None:
    _raw(a, a, internal=True)


def _by_convention(name: str) -> Callable[[Any, Any], dict[str, Any]]:
    def body(a: Any, b: Any) -> dict[str, Any]:
        edge(a, b, "Go.", event="go")
        return {name: lambda self: None}

    return body


def _string_guard(a: Any, b: Any) -> dict[str, Any]:
    _raw(a, b, cond="ready")
    return {"ready": True}


def _expression_guard(a: Any, b: Any) -> dict[str, Any]:
    edge(a, b, "Go.", event="go", when=open_)
    _raw(a, b, cond="guard_open_ and 1 > 2")
    return {}


def _lambda_guard(a: Any, b: Any) -> None:
    _raw(a, b, cond=lambda: True)


def _string_action(a: Any, b: Any) -> dict[str, Any]:
    _raw(a, b, on="work")
    return {"work": lambda self: None}


def _guard_for_action(a: Any, b: Any) -> dict[str, Any]:
    edge(a, b, "Go.", event="go", when=open_)
    _raw(a, b, on="guard_open_")
    return {}


def _undocumented_state(a: Any, b: Any) -> dict[str, Any]:
    edge(a, b, "Go.", event="go")
    return {"c": State()}


def _silent_state(a: Any, b: Any) -> dict[str, Any]:
    edge(a, b, "Go.", event="go")
    return {"c": state("", outcome="good")}


def _undocumented_compound(a: Any, b: Any) -> dict[str, Any]:
    class p(Compound):
        x = state("X.", initial=True, outcome="good")

    edge(a, p, "Go.", event="go")
    return {"p": p}


def _undocumented_edge(a: Any, b: Any) -> None:
    edge(a, b, "", event="go")


def _library_edge(a: Any, b: Any) -> None:
    a.to(b, event="go")


def _library_final(a: Any, b: Any) -> dict[str, Any]:
    end = State(final=True)
    end.doc, end.outcome, end.calls = "End.", None, ()
    edge((a, b), end, "Go.", event="go")
    return {"end": end}


def _two_unguarded(a: Any, b: Any) -> None:
    edge(a, b, "Go.", event="go")
    edge(a, None, "Stay.", event="go")


def _shadowed(a: Any, b: Any) -> None:
    edge(a, b, "Go.", event="go")
    edge(a, None, "Stay.", event="go", when=open_)


def _trap(a: Any, b: Any) -> dict[str, Any]:
    c = state("C.")
    edge(a, c, "Go.", event="go")
    return {"c": c}


def _invoke(a: Any, b: Any) -> dict[str, Any]:
    c = State(invoke=lambda: None)
    c.doc, c.outcome, c.calls = "C.", "good", ()
    edge(a, c, "Go.", event="go")
    return {"c": c}


def _delayed(a: Any, b: Any) -> dict[str, Any]:
    return {"go": LibraryEvent(edge(a, b, "Go."), delay=100)}


def _engine_event(name: str) -> Callable[[Any, Any], None]:
    def body(a: Any, b: Any) -> None:
        edge(a, b, "Go.", event=name)

    return body


def _busy_start(a: Any, b: Any) -> dict[str, Any]:
    start = state("Start.", initial=True, enter=[count])
    edge(start, b, "Go.", event="go")
    edge(a, b, "Go.", event="go")
    a._initial = False
    return {"start": start}


def _busy_compound(a: Any, b: Any) -> dict[str, Any]:
    class p(Compound, initial=True):
        """P."""

        x = state("X.", initial=True, outcome="good", enter=[count])

    a._initial = False
    edge(p, a, "Go.", event="go")
    edge(a, b, "Go.", event="go")
    return {"p": p}


def _busy_region(a: Any, b: Any) -> dict[str, Any]:
    class p(Parallel, initial=True):
        """P."""

        x = state("X.", outcome="good", enter=[count])
        y = state("Y.", outcome="good")

    a._initial = False
    edge(p, a, "Go.", event="go")
    edge(a, b, "Go.", event="go")
    return {"p": p}


def _busy_outside(a: Any, b: Any) -> dict[str, Any]:
    class p(Compound, initial=True, enter=[count]):
        """P."""

        x = state("X.", initial=True, outcome="good")

    a._initial = False
    edge(p, a, "Go.", event="go")
    edge(a, b, "Go.", event="go")
    return {"p": p}


def _too_many(a: Any, b: Any) -> dict[str, Any]:
    def region(number: int) -> Any:
        inside = {f"x{number}_{i}": state("X.", initial=i == 0, outcome="good") for i in range(2)}
        return type(Compound)(f"r{number}", (Compound,), {"__doc__": "R.", **inside})

    p = type(Parallel)("p", (Parallel,), {"__doc__": "P.", **{f"r{n}": region(n) for n in range(12)}})
    edge(a, p, "Go.", event="go")
    return {"p": p}


def _same_id(a: Any, b: Any) -> dict[str, Any]:
    class p(Compound):
        """P."""

        b = state("Another b.", initial=True, outcome="good")

    edge(a, p, "Go.", event="go")
    return {"p": p}


def _two_functions(a: Any, b: Any) -> None:
    edge(a, b, "Go.", event="go", when=Guard(lambda context, event: True, "open_"))
    edge(a, None, "Stay.", event="go", when=open_)


def _two_actions(a: Any, b: Any) -> None:
    other = Action(lambda context, event: (context, ()), "count")
    edge(a, b, "Go.", event="go", do=(count, other))


REFUSALS: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "eventless": (_eventless, "a -> b has no event; .* one event, one step"),
    "history": (_history, "state p has a history state; .* outside its context"),
    "validators": (_validators, "a -> b has validators: a step has guards"),
    "before": (_before, "a -> b has before: a step has guards"),
    "after": (_after, "a -> b has after: a step has guards"),
    "several targets": (_several_targets, "a -> x, y has several targets; name the one state"),
    "internal self": (_internal_self, "a -> a is internal to an atomic state; .* target None"),
    "convention on": (_by_convention("on_go"), "on_go would be called because of its name"),
    "convention on_transition": (_by_convention("on_transition"), "on_transition would be called because of its name"),
    "convention on_enter": (_by_convention("on_enter_b"), "on_enter_b would be called because of its name"),
    "convention on_enter_state": (_by_convention("on_enter_state"), "on_enter_state would be called because of its"),
    "convention on_exit": (_by_convention("on_exit_a"), "on_exit_a would be called because of its name"),
    "convention before": (_by_convention("before_go"), "a -> b has before: a step has guards"),
    "convention after": (_by_convention("after_go"), "a -> b has after: a step has guards"),
    "string guard": (_string_guard, "'ready' is not a declared guard"),
    "expression guard": (_expression_guard, "'guard_open_ and 1 > 2' is not a declared guard"),
    "lambda guard": (_lambda_guard, ".*lambda.* is not a declared guard"),
    "string action": (_string_action, "'work' is not a declared action"),
    "guard as action": (_guard_for_action, "'guard_open_' is not a declared action"),
    "state without documentation": (_undocumented_state, r"state c has no documentation; declare it with state\("),
    "state with an empty sentence": (_silent_state, "state c has no documentation"),
    "compound without documentation": (_undocumented_compound, "state p has no documentation; .*class body"),
    "edge without documentation": (_undocumented_edge, r"a -> b has no documentation; declare it with edge\("),
    "the library's own edge": (_library_edge, r"a -> b has no documentation; declare it with edge\("),
    "final for the library": (_library_final, "state end is final for the library; give it an outcome"),
    "two unguarded alternatives": (_two_unguarded, "a --go--> a can never be taken: an earlier edge has no guard"),
    "guarded after unguarded": (_shadowed, r"a --go \[open_\]--> a can never be taken: an earlier edge has no guard"),
    "trap state": (_trap, "c has no edge out and no outcome; work would end there unseen"),
    "invoke": (_invoke, "state c invokes something; a pure step starts nothing"),
    "delayed event": (_delayed, "a -> b is delayed; time comes with events"),
    "done event": (_engine_event("done.state.p"), "a -> b listens to an event of the engine"),
    "error event": (_engine_event("error.execution"), "a -> b listens to an event of the engine"),
    "entry action on the start": (_busy_start, "state start has an entry action and is where a machine starts"),
    "entry action on the start's child": (_busy_compound, "state x has an entry action and is where a machine starts"),
    "entry action on a starting region": (_busy_region, "state x has an entry action and is where a machine starts"),
    "entry action on a starting compound": (_busy_outside, "state p has an entry action and is where a machine starts"),
    "too many configurations": (_too_many, "has more than 4096 configurations; split the chart"),
    "one id twice": (_same_id, "two states are called b"),
    "one guard name twice": (_two_functions, "two different functions are called open_"),
    "one action name twice": (_two_actions, "two different functions are called count"),
}


@pytest.mark.parametrize("row", REFUSALS)
def test_what_cannot_be_compiled_is_refused_with_the_reason(row: str) -> None:
    body, reason = REFUSALS[row]
    with pytest.raises(ChartError, match=f"^(?i:odd):? {reason}"):
        compile_chart(_chart(body))


def test_the_same_states_with_one_plain_edge_compile() -> None:
    """The rows above are refused for their oddity, not for the chart around it."""
    machine = compile_chart(_chart(lambda a, b: edge(a, b, "Go.", event="go") and None))
    assert machine.events == ("go",)


def test_as_many_configurations_as_allowed_compile() -> None:
    """Ten regions of two states: 1,024, which is far from the limit in time and memory too."""

    def body(a: Any, b: Any) -> dict[str, Any]:
        regions: dict[str, Any] = {}
        for n in range(10):
            inside = {f"x{n}_{i}": state("X.", initial=i == 0, outcome="good") for i in range(2)}
            regions[f"r{n}"] = type(Compound)(f"r{n}", (Compound,), {"__doc__": "R.", **inside})
        p = type(Parallel)("p", (Parallel,), {"__doc__": "P.", **regions})
        edge(a, p, "Go.", event="go")
        return {"p": p}

    assert len(compile_chart(_chart(body)).configurations) == 2 + 1024
