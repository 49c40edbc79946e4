"""A travelled path: the same from steps, from their JSON and from a replay; a wrong one says what was expected."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from diagram_charts import CORNER, TINY
from diagram_reading import graph_of

from fsm.diagram import Highlight, Visit, dot_of, highlight_from_json, highlight_from_text, highlight_of, mermaid_of
from fsm.errors import FsmError, InputError, UsageError
from fsm.kernel import Event, Step, step_to_json, trace_of

EVENTS = [
    Event("start", 100),
    Event("go_on", 160),
    Event("finish", 220),
    Event("look", 221, reason="ready"),
    Event("start", 230),
    Event("go_on", 240),
    Event("finish", 250, reason="ready"),
    Event("split", 260),
    Event("turn_on", 270),
]
STEPS = trace_of(TINY, TINY.start(), EVENTS)
STORY = {
    "idle --start--> first": 2,
    "first --go_on--> second": 2,
    "second --finish--> idle": 1,
    "idle --look [ready]--> idle": 1,
    "second --finish [ready and not late]--> done": 1,
    "done --split--> both": 1,
    "left_off --turn_on--> left_on": 1,
    "right_off --turn_on--> right_on": 1,
}


def records() -> list[dict[str, Any]]:
    """The same story as a replay tells it: states and guards by name, times as RFC 3339."""
    return [
        {
            "at": f"1970-01-01T00:0{step.event.at // 60}:{step.event.at % 60:02}Z",
            "event": row.event,
            "source": row.source,
            "target": row.target or row.source,
            "guards": {name.removeprefix("not "): not name.startswith("not ") for name in row.guards},
            "attempt": 0,
        }
        for step in STEPS
        for row in step.transitions
    ]


def replay(**changed: Any) -> dict[str, Any]:
    backup = {"namespace": "ns", "name": "one", "machine": "tiny", "transitions": records()}
    return {"events": 9, "problems": [], "backups": [backup | changed, {"machine": "other", "name": "two"}], "jobs": []}


SOURCES: dict[str, Callable[[], Highlight]] = {
    "steps": lambda: highlight_of(TINY, STEPS),
    "list of steps": lambda: highlight_from_json(TINY, [step_to_json(TINY, step) for step in STEPS]),
    "lines of steps": lambda: highlight_from_text(
        TINY, "\n".join(json.dumps(step_to_json(TINY, step)) for step in STEPS)
    ),
    "replay": lambda: highlight_from_json(TINY, replay()),
    "text of a replay": lambda: highlight_from_text(TINY, json.dumps(replay(), indent=2)),
    "list of transitions": lambda: highlight_from_json(TINY, records()),
    "lines of transitions": lambda: highlight_from_text(TINY, "\n".join(map(json.dumps, records())) + "\n\n"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_path_counts_transitions_and_visits_and_knows_where_it_ends(source: str) -> None:
    path = SOURCES[source]()
    assert {str(TINY.transitions[number]): count for number, count in path.transitions.items()} == STORY
    assert path.states["idle"] == Visit(2, 220, 220)
    assert path.states["first"] == Visit(2, 100, 230)
    assert path.states["second"] == Visit(2, 160, 240)
    assert path.states["done"] == Visit(1, 250, 250)
    assert path.states["left_on"] == path.states["right_on"] == Visit(1, 270, 270)
    assert path.states["both"] == path.states["left_off"] == Visit(1, 260, 260)
    assert "broken" not in path.states
    assert path.configuration == ("both", "left", "left_on", "right", "right_on")


def test_an_empty_trace_is_at_the_start() -> None:
    assert highlight_of(TINY, []) == Highlight({}, {"idle": Visit(1)}, ("idle",))


def test_a_trace_may_begin_anywhere() -> None:
    path = highlight_of(TINY, STEPS[4:6])
    assert path.configuration == ("work", "second")
    assert path.states["idle"] == Visit(1)


def test_guards_that_are_told_choose_among_alternatives() -> None:
    def number(**guards: bool) -> str:
        record = {"event": "finish", "source": "second", "target": "broken", "guards": guards}
        return str(TINY.transitions[next(iter(highlight_from_json(TINY, [record]).transitions))])

    assert number(late=True) == "second --finish [late]--> broken"
    with pytest.raises(InputError, match="no transition second --finish--> broken"):
        number(late=False)


def test_the_innermost_transition_is_the_one_that_was_taken() -> None:
    path = highlight_from_json(CORNER, [{"event": "leave", "source": "low", "target": "out"}])
    assert [str(CORNER.transitions[number]) for number in path.transitions] == ["low --leave--> out"]


def test_a_replay_with_a_configuration_ends_there() -> None:
    assert highlight_from_json(TINY, replay(configuration=["done"], transitions=[])).configuration == ("done",)


def test_the_travelled_path_is_thick_and_counted_and_the_rest_is_faint() -> None:
    path = highlight_of(TINY, STEPS)
    text = dot_of(TINY, path)
    nodes = graph_of(text).attributes
    assert "×2" in nodes["first"]["label"]
    assert "00:01:40 … 00:03:50" in nodes["first"]["label"]
    assert nodes["first"]["color"] != nodes["broken"]["color"]
    assert float(nodes["first"]["penwidth"]) > float(nodes["broken"]["penwidth"])
    assert "1970-01-01" in text
    widths = {line.split("transitions=")[1]: line for line in text.splitlines() if "transitions=" in line}
    assert "penwidth=3.0" in next(line for line in widths.values() if '"idle" -> "first"' in line)
    assert "penwidth=1.1" in next(line for line in widths.values() if '-> "broken"' in line)
    assert "start #215;2" in mermaid_of(TINY, path) or "start ×2" in mermaid_of(TINY, path)


def test_a_path_over_several_days_shows_the_days() -> None:
    days = [Step(step.before, step.event._replace(at=step.event.at * 1000), *step[2:]) for step in STEPS]
    text = dot_of(TINY, highlight_of(TINY, days))
    assert "1970-01-02 to 1970-01-04" in text
    assert "01-02 03:46:40 … 01-03 15:53:20" in text


WRONG: dict[str, tuple[Any, type[FsmError], str]] = {
    "a number": (7, InputError, "found a number; expected a list or lines of steps"),
    "nothing": ("", InputError, "trace.json: the trace is empty"),
    "no JSON": ('{"a"\n', InputError, "trace.json:1: not JSON"),
    "second line broken": (json.dumps(records()[0]) + "\n{oops", InputError, "trace.json:2: not JSON"),
    "an object of something else": ({"kind": "Backup"}, InputError, r"\[0\]: found no transition"),
    "a step of another machine": (
        [{"machine": "x", "before": {}}],
        InputError,
        r"\[0\]: not a step of tiny.*expected what step_to_json",
    ),
    "half a step": ([{"machine": "tiny", "before": {}}], InputError, "not a step of tiny"),
    "an unknown state": (
        [{"event": "e", "source": "nowhere", "target": "idle"}],
        InputError,
        "tiny has no state 'nowhere'",
    ),
    "an undeclared transition": (
        [{"event": "start", "source": "idle", "target": "done"}],
        InputError,
        "tiny has no transition idle --start--> done",
    ),
    "a time without a zone": ([{**records()[0], "at": "2026-01-01T00:00:00"}], InputError, "expected an RFC 3339 time"),
    "a number that is no time": ([{**records()[0], "at": True}], InputError, "expected an RFC 3339 time"),
    "transitions that are no list": (replay(transitions=None), InputError, r"backups\[0\].transitions: found null"),
    "a strange configuration": (replay(configuration=["nowhere"]), InputError, "expected a configuration of tiny"),
    "no backup of this machine": (
        {"backups": [{"machine": "x"}]},
        UsageError,
        "no backup of machine tiny; it has none",
    ),
    "two of them": ({"backups": [replay()["backups"][0]] * 2}, UsageError, "name one of ns/one, ns/one"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_trace_says_where_it_is_wrong_and_what_was_expected(case: str) -> None:
    data, error, message = WRONG[case]
    text = data if isinstance(data, str) else json.dumps(data)
    with pytest.raises(error, match=message):
        highlight_from_text(TINY, text, file="trace.json")


@pytest.mark.parametrize("name", ["one", "ns/one"])
def test_a_backup_is_chosen_by_name_where_there_are_several(name: str) -> None:
    data = replay()
    data["backups"].append({**data["backups"][0], "name": "three", "transitions": []})
    assert len(highlight_from_json(TINY, data, backup=name).transitions) == len(STORY)
    with pytest.raises(UsageError, match="called four; it has ns/one, ns/three"):
        highlight_from_json(TINY, data, backup="four")
