"""What people do as rules, and what befalls the log task in TiKV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fsm.environment.simulation import COMMIT_TS, Task
from fsm.environment.world.held import Held, Wish
from fsm.environment.world.operator import at_rest
from fsm.environment.world.outside import CLUSTER_CACHED, LIVE_BACKUP, TASK, spread
from fsm.kernel import Kind, Move, Rule
from fsm.model import Mode

Moves = Callable[[Any], Iterator[Move]]

COVERED, LATER = str(COMMIT_TS - 1), str(COMMIT_TS + 1_000_000)
"""Truncations: one that the start covers, and one that it does not."""


def people_rules(mode: str) -> tuple[Rule, ...]:
    """The user, and whoever handles the task past the operator."""
    common = (
        _rule("deletes", _delete, "delete", "The user deletes the Backup."),
        Rule(
            "cluster leaves the cache",
            "fate",
            _cluster_leaves,
            Kind.FAULT,
            budget=("faults", "cluster"),
            sentence="The TidbCluster is not in the operator's cache.",
        ),
        Rule("cluster returns", "informer", _cluster_returns, sentence="It is there again."),
    )
    if mode != Mode.LOG:
        return (
            *common,
            _rule(
                "switches retries off",
                _policy("switches retries off", retries=0),
                "edit",
                "The user sets maxRetryTimes to 0.",
            ),
            _rule(
                "spoils the timeout",
                _policy("writes a retryTimeout that cannot be read", timeout="soon"),
                "edit",
                "The user writes a retryTimeout that is no duration; nobody validates it again.",
            ),
        )
    wishes = [
        _rule(f"wishes {command}", _wishing(command), "edit", f"The user asks for {command}.")
        for command in ("log-start", "log-pause", "log-stop")
    ]
    truncations = [
        _rule("wishes a truncation", _truncating(LATER), ("edit", "truncate"), "The user asks for a truncation."),
        _rule(
            "wishes a covered truncation",
            _truncating(COVERED),
            ("edit", "truncate"),
            "The user asks for a truncation to before the start.",
        ),
    ]
    task = (
        _task("pauses by hand", Task(True, None), Task(True, ""), "task", "Somebody pauses the task with br."),
        _task("resumes by hand", Task(True, ""), Task(True, None), "task", "Somebody resumes the task with br."),
        _task(
            "resumes after an error", Task(True, "error"), Task(True, None), "task", "Somebody mends it and resumes."
        ),
        _task("stops by hand", Task(True, None), Task(), "task", "Somebody stops the task with br."),
        Rule(
            "task pauses with an error",
            "TiKV",
            at_rest(_broken),
            Kind.FAULT,
            own=True,
            budget=("faults", "task_error"),
            sentence="TiKV pauses the task because of an error.",
        ),
    )
    return (*common, *wishes, *truncations, *task)


def _rule(name: str, moves: Moves, budget: str | tuple[str, ...], sentence: str) -> Rule:
    return Rule(f"user {name}", "user", at_rest(moves), Kind.USER, own=True, budget=budget, sentence=sentence)


def _delete(view: Any) -> Iterator[Move]:
    held: Held | None = view[LIVE_BACKUP]
    if held is not None and not held.deleting:
        after = held._replace(deleting=True) if held.protected else None
        yield Move("the user deletes the Backup", {**spread(view, ""), LIVE_BACKUP: after})


def _wishing(command: str) -> Moves:
    def moves(view: Any) -> Iterator[Move]:
        yield from _edited(view, f"the user asks for {command}", command=command)

    return moves


def _policy(words: str, **changes: Any) -> Moves:
    def moves(view: Any) -> Iterator[Move]:
        yield from _edited(view, f"the user {words}", **changes)

    return moves


def _truncating(until: str) -> Moves:
    def moves(view: Any) -> Iterator[Move]:
        before = "before the start" if until == COVERED else "a later time"
        yield from _edited(view, f"the user asks to truncate up to {before}", truncate=until)

    return moves


def _edited(view: Any, words: str, **changes: Any) -> Iterator[Move]:
    held: Held | None = view[LIVE_BACKUP]
    if held is None or held.deleting:
        return
    wish: Wish = held.wish._replace(**changes)
    if wish != held.wish:
        yield Move(words, {**spread(view, ""), LIVE_BACKUP: held._replace(wish=wish)})


def _task(name: str, before: Task, after: Task, budget: str, sentence: str) -> Rule:
    def moves(view: Any) -> Iterator[Move]:
        if view[TASK] == before:
            yield Move(f"somebody {name.replace('by hand', 'the task by hand')}", {TASK: after})

    return Rule(f"somebody {name}", "somebody", at_rest(moves), Kind.USER, own=True, budget=budget, sentence=sentence)


def _broken(view: Any) -> Iterator[Move]:
    task: Task = view[TASK]
    if task.exists and task.paused_by is None:
        yield Move("TiKV pauses the task because of an error", {TASK: Task(True, "error")})


def _cluster_leaves(view: Any) -> Iterator[Move]:
    if view[CLUSTER_CACHED]:
        yield Move("the TidbCluster is missing from the operator's cache", {CLUSTER_CACHED: False})


def _cluster_returns(view: Any) -> Iterator[Move]:
    if not view[CLUSTER_CACHED]:
        yield Move("the TidbCluster is in the operator's cache again", {CLUSTER_CACHED: True})
