"""Stories as a pytest file that needs only `fsm` and pytest: a table of tests, and one function that runs each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fsm.kernel import Machine, plain
from fsm.testgen.story import Line, Story

_HEAD = '''\
"""{doc}

{note}
"""

from typing import Any

import pytest

from fsm import MACHINES, Event, MachineState, try_step
from fsm.kernel import plain, typed

MACHINE = MACHINES[{name!r}]
BEGINS_AT = {begin}
REFUSED = None
"""The machine does not accept the event, and nothing happens."""

STARTS: dict[str, dict[str, Any]] = {{
{starts}}}
"""Where tests begin, as configuration and context."""

# Each test: its sentence, where it begins, and its events. Each event: its name, seconds after BEGINS_AT, its other
# fields, and what follows: the active leaves, the fields of the context that change, the effects.
TESTS: list[tuple[str, str, list[Any]]] = [
{tests}]
'''

NEW = "a new machine"

_BODY = '''

def changes(before: Any, after: Any) -> Any:
    """The fields of the context that differ."""
    if not isinstance(after, dict):
        return {} if before == after else {"": after}
    return {name: value for name, value in after.items() if before.get(name, ...) != value}


def start(name: str) -> MachineState:
    """A beginning as a value."""
    given = STARTS[name]
    context = given["context"]
    kind = MACHINE.context_type
    return MachineState(
        MACHINE.configuration(tuple(given["configuration"])), context if kind is None else typed(kind, context)
    )


@pytest.mark.parametrize(("begin", "events"), [test[1:] for test in TESTS], ids=[test[0] for test in TESTS])
def test_the_machine_goes_this_way(begin: str, events: list[Any]) -> None:
    state = start(begin)
    for name, seconds, fields, then in events:
        event = Event(name, BEGINS_AT + seconds, **fields)
        step = try_step(MACHINE, state, event)
        if step is None or then is REFUSED:
            assert (step, then) == (None, REFUSED), event
            continue
        found = (
            " ".join(MACHINE.leaves(step.after.configuration)),
            changes(plain(state.context), plain(step.after.context)),
            [{"effect": type(each).__name__, **plain(each)} for each in step.effects],
        )
        assert found == then, event
        state = step.after
'''


def pytest_file(machine: Machine, stories: Sequence[Story], doc: str, note: str) -> str:
    """The file. `doc` is its first sentence, `note` says who wrote it and how."""
    begin = min((line.event.at for story in stories for line in story.lines), default=1) - 1
    starts = {story.beginning: story.start for story in stories}
    return (
        _HEAD.format(
            doc=doc,
            note=note,
            name=machine.name,
            begin=begin,
            starts="".join(f"    {name or NEW!r}: {plain(state)!r},\n" for name, state in starts.items()),
            tests="".join(_lines(machine, stories, begin)),
        )
        + _BODY
    )


def _lines(machine: Machine, stories: Iterable[Story], begin: int) -> Iterator[str]:
    for number, story in enumerate(stories, 1):
        yield f"    (\n        {f'{number} {story.title}'!r},\n        {story.beginning or NEW!r},\n        [\n"
        for line in story.lines:
            yield f"            {_row(machine, line, begin)},\n"
        yield "        ],\n    ),\n"


def _row(machine: Machine, line: Line, begin: int) -> str:
    event, then = line
    fields = {key: value for key, value in plain(event).items() if key not in ("name", "at") and value != ""}
    said = "REFUSED"
    if then is not None:
        leaves = " ".join(machine.leaves(then.configuration))
        said = repr((leaves, dict(then.changes), [dict(each) for each in then.effects]))
    return f"({event.name!r}, {event.at - begin}, {fields!r}, {said})"
