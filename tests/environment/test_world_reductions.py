"""What a thread forgets of what it has read is of no consequence: with or without it the world does the same.

The world without any forgetting is kept true by hand: what a thread once read grows stale, ages and loses its place in
the cache like every other copy. Both worlds are walked together, and every step of one must be a step of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from fsm.check.plain import State, explored
from fsm.environment import OPERATOR, Wish, world_of
from fsm.environment.world import build, operator, people, stepping
from fsm.environment.world.cluster import HeldPod
from fsm.environment.world.held import Held, ticked
from fsm.environment.world.outside import LIVE_BACKUP, Look, pod_part
from fsm.environment.world.slots import OF_MODE
from fsm.environment.world.thread import HANDLER, WORKER, Read, Thread, remembered_without_records
from fsm.kernel import World

WORLDS = [
    pytest.param("snapshot", {"kill": 1}, Wish(retries=1, timeout="2m"), id="snapshot"),
    pytest.param("snapshot", {"faults": 1, "api": 1, "kill": 1}, Wish(retries=1, timeout="1m"), id="api"),
    pytest.param("snapshot", {"faults": 1, "slow": 1, "kill": 1}, Wish(retries=1, timeout="1m"), id="slow"),
    pytest.param("snapshot", {"faults": 1, "lag": 1}, Wish(retries=1, timeout="1m"), id="lag"),
    pytest.param("snapshot", {"faults": 1, "write": 1, "delete": 1}, Wish(clean="Delete"), id="write"),
    pytest.param("snapshot", {"faults": 1, "program": 1, "delete": 1}, Wish(clean="Delete"), id="program"),
    pytest.param("log", {"edit": 1}, Wish(), id="log"),
    pytest.param("log", {"faults": 1, "api": 1}, Wish(), id="log-api"),
    pytest.param("log", {"delete": 1, "kill": 1}, Wish(clean="Delete"), id="log-delete", marks=pytest.mark.exhaustive),
    pytest.param("log", {"faults": 1, "slow": 1, "edit": 1}, Wish(), id="log-slow", marks=pytest.mark.exhaustive),
    pytest.param(
        "snapshot",
        {"faults": 2, "slow": 1, "api": 1, "kill": 1},
        Wish(retries=1, timeout="1m"),
        id="slow-api",
        marks=pytest.mark.exhaustive,
    ),
    pytest.param(
        "snapshot",
        {"faults": 1, "lag": 1, "kill": 1},
        Wish(retries=1, timeout="1m"),
        id="lag-kill",
        marks=pytest.mark.exhaustive,
    ),
]


class Step(NamedTuple):
    """A step by its name, and where it leads as far as both worlds can tell."""

    rule: str
    component: int | None
    what: str
    seen: tuple[Any, ...]


Steps = Mapping[State, list[tuple[Step, State]]]


@pytest.mark.parametrize(("mode", "budgets", "wish"), WORLDS)
def test_a_world_that_forgets_takes_the_steps_of_one_that_does_not(
    mode: str, budgets: Mapping[str, int], wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    _compared(mode, budgets, wish, monkeypatch)


def _compared(mode: str, budgets: Mapping[str, int], wish: Wish, patches: pytest.MonkeyPatch) -> None:
    """Every state of either world is met, and no step is taken by one alone."""
    world = world_of(OPERATOR, mode, budgets, wish=wish)
    forgetting = _steps(world)
    _remember_all(patches, mode)
    remembering = _steps(world_of(OPERATOR, mode, budgets, wish=wish))
    (start,) = world.initial_states()
    pairs = _walked_together(start, forgetting, remembering)
    assert {one for one, _ in pairs} == set(forgetting)
    assert {other for _, other in pairs} == set(remembering)


def test_forgetting_makes_a_world_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else there would be nothing to compare."""
    budgets, wish = {"faults": 1, "api": 1, "kill": 1}, Wish(retries=1, timeout="1m")
    small = len(_steps(world_of(OPERATOR, "snapshot", budgets, wish=wish)))
    _remember_all(monkeypatch, "snapshot")
    assert len(_steps(world_of(OPERATOR, "snapshot", budgets, wish=wish))) > small


def _without_the_wish(value: Any) -> Any:
    return value._replace(held=value.held._replace(wish=Wish())) if isinstance(value, Read) else value


@pytest.mark.parametrize(
    ("mode", "budgets", "name", "change", "error"),
    [
        ("snapshot", {"kill": 2}, "remembered", remembered_without_records, AssertionError),
        ("log", {"edit": 1}, "remembered_without_records", _without_the_wish, TypeError),
    ],
    ids=["a handler forgets records", "a worker forgets the wish"],
)
def test_to_forget_too_much_is_noticed(
    mode: str,
    budgets: Mapping[str, int],
    name: str,
    change: Callable[[Any], Any],
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Steps differ; or a program that is run again with what it remembers does not ask what it asked."""

    def compared() -> None:
        with monkeypatch.context() as patches:
            patches.setattr(stepping, name, change)
            _compared(mode, budgets, Wish(retries=1, timeout="2m"), patches)

    with pytest.raises(error):
        compared()


# ------------------------------------------------------------------ walking


def _steps(world: World) -> Steps:
    graph = explored(world)
    told = {state: tuple(_told(value) for value in state) for state in graph.states}
    return {
        state: [
            (Step(taken.rule.name, taken.component, taken.what, told[taken.target]), taken.target)
            for _, taken, _ in edges
        ]
        for state, edges in zip(graph.states, graph.out, strict=True)
    }


def _walked_together(start: State, forgetting: Steps, remembering: Steps) -> set[tuple[State, State]]:
    """The pairs of states that the same steps lead to. A minute may change nothing but what is remembered, so that who
    forgets it takes no step."""
    pairs, waiting = {(start, start)}, [(start, start)]
    while waiting:
        one, other = waiting.pop()
        here, there = dict(forgetting[one]), dict(remembering[other])
        assert len(here) == len(forgetting[one])
        silent = {step for step in there.keys() - here.keys() if step.seen == tuple(map(_told, other))}
        assert here.keys() == there.keys() - silent
        assert {step.rule for step in silent} <= {"clock ticks"}
        met = {(here[step], there[step]) for step in here} | {(one, there[step]) for step in silent}
        waiting += met - pairs
        pairs |= met
    return pairs


def _told(value: Any) -> Any:
    """A value without what a thread has read: what woke it, which calls were answered, and which were refused."""
    match value:
        case Thread(kind=kind, subject=subject, answers=answers, calls=calls):
            told = tuple(_Reading if isinstance(each, Read) else each for each in answers)
            return kind, None if kind == HANDLER else subject, told, calls
        case HeldPod(thread=thread):
            return value._replace(thread=_told(thread))
    return value


_Reading = object()


# ------------------------------------------------------------------ a world that forgets nothing


def _remember_all(patches: pytest.MonkeyPatch, mode: str) -> None:
    for name in ("remembered", "remembered_without_records", "_without_vain_readings"):
        patches.setattr(stepping, name, lambda value: value)
    patches.setattr(stepping, "_told", _told_stale(stepping._told))
    for place in (stepping, people):
        patches.setattr(place, "spread", _stale_for_threads(place.spread, mode))
    patches.setattr(build, "_maps", _maps_of_threads(build._maps))
    patches.setattr(operator, "_handler_begins", _given_whole(operator._handler_begins))


def _told_stale(original: Callable[..., Any]) -> Callable[..., Any]:
    """A thread that has just written holds what it read as a stale copy."""

    def told(recorder: Any, look: Look, asked: bool) -> Any:
        step = original(recorder, look, asked)
        return step._replace(thread=_stale(step.thread)) if LIVE_BACKUP in step.writes else step

    return told


def _given_whole(original: Callable[..., Any]) -> Callable[..., Any]:
    """The handler holds the very version that it was given."""

    def begins(view: Any) -> Any:
        for move in original(view):
            thread = move.writes.get(HANDLER)
            if thread is not None:
                given = thread._replace(subject=Look(view, thread).cached_backup())
                yield move._replace(writes={**move.writes, HANDLER: given})
            else:
                yield move

    return begins


def _stale_for_threads(original: Callable[..., Any], mode: str) -> Callable[..., Any]:
    """A write makes stale what any thread has read."""
    parts = (HANDLER, WORKER, *map(pod_part, OF_MODE[mode]))

    def spread(view: Any, writer: str) -> Any:
        changes = original(view, writer)
        for part in parts:
            changes[part] = _in_pods(_stale)(changes.get(part, view[part]))
        return changes

    return spread


def _maps_of_threads(original: Callable[..., Any]) -> Callable[..., Any]:
    def maps(parts: Mapping[str, Any]) -> Any:
        found = original(parts)
        pods = [part for part in parts if part.startswith(pod_part(""))]
        found[build.TICKED] |= {part: _in_pods(_older) for part in (HANDLER, WORKER, *pods)}
        return found

    return maps


def _in_pods(change: Callable[[Thread | None], Thread | None]) -> Callable[[Any], Any]:
    def changed(value: Any) -> Any:
        return value._replace(thread=change(value.thread)) if isinstance(value, HeldPod) else change(value)

    return changed


def _stale(thread: Thread | None) -> Thread | None:
    return _with_helds(thread, lambda held: held._replace(current=False))


def _older(thread: Thread | None) -> Thread | None:
    return _with_helds(thread, ticked)


def _with_helds(thread: Thread | None, change: Callable[[Held], Held]) -> Thread | None:
    if thread is None:
        return None
    answers = tuple(
        each._replace(held=change(each.held)) if isinstance(each, Read) else each for each in thread.answers
    )
    subject = change(thread.subject) if isinstance(thread.subject, Held) else thread.subject
    return thread._replace(subject=subject, answers=answers)
