"""A machine as Markdown tables: what a picture cannot say in full. Pure.

Every state has the anchor `state-<id>` (see `text.identifier`) and every transition `transition-<number>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fsm.diagram.dot import MARKS
from fsm.diagram.picture import otherwise_of
from fsm.diagram.text import guards_of, identifier, markdown
from fsm.kernel import Machine, StateInfo, Transition


def markdown_of(machine: Machine) -> str:
    """States, transitions, guards and actions with their documentation; the same machine always gives the same text."""
    return "\n".join(_lines(machine))


def _lines(machine: Machine) -> Iterator[str]:
    yield from (f"# {markdown(machine.name)}", "", markdown(machine.doc), "", "## States", "")
    yield from _table(("State", "Inside", "Kind", "Meaning"), (_state(machine, state) for state in machine.states))
    yield from ("## Transitions", "")
    yield "Of several for one event and state the first one counts whose guards agree. `[else]`: all before it did not."
    yield ""
    yield from _table(
        ("#", "Event", "From", "To", "Guards", "Effects", "Meaning"),
        (_transition(machine, number, each) for number, each in enumerate(machine.transitions)),
    )
    if machine.guards:
        yield from ("## Guards", "")
        rows = ((markdown(name), markdown(each.doc)) for name, each in machine.guards.items())
        yield from _table(("Guard", "Holds when"), rows)
    if machine.actions:
        yield from ("## Actions", "")
        rows = ((markdown(name), markdown(each.doc)) for name, each in machine.actions.items())
        yield from _table(("Action", "What it does"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _state(machine: Machine, state: StateInfo) -> tuple[str, ...]:
    name = f'<a id="state-{identifier(state.id)}"></a>{markdown(state.id)}'
    meaning = [markdown(state.doc)]
    meaning += [f"On entry: {markdown(', '.join(state.entry))}."] if state.entry else []
    meaning += [f"On exit: {markdown(', '.join(state.exit))}."] if state.exit else []
    return name, _link(state.parent), _kind(machine, state), " ".join(meaning)


def _kind(machine: Machine, state: StateInfo) -> str:
    kind = "" if state.kind == "atomic" else state.kind
    if state.parent is not None and machine.info(state.parent).kind == "parallel":
        return f"{kind} region".strip()
    words = [kind, "initial" if state.initial else "", _final(state)]
    return ", ".join(word for word in words if word)


def _final(state: StateInfo) -> str:
    return f"{MARKS[state.outcome]} final, {state.outcome}" if state.outcome else ""


def _link(state: str | None) -> str:
    return "" if state is None else f"[{markdown(state)}](#state-{identifier(state)})"


def _transition(machine: Machine, number: int, transition: Transition) -> tuple[str, ...]:
    guards = guards_of(transition, otherwise=otherwise_of(machine, number)).removeprefix("[").removesuffix("]")
    actions = f" Actions: {markdown(', '.join(transition.actions))}." if transition.actions else ""
    return (
        f'<a id="transition-{number}"></a>{number}',
        markdown(transition.event),
        _link(transition.source),
        "stays" if transition.target is None else _link(transition.target),
        f"\\[{guards}\\]" if guards == "else" and not transition.guards else markdown(guards),
        markdown(", ".join(transition.effects)),
        markdown(transition.doc) + actions,
    )
