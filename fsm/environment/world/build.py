"""The world put together: whose decision runs the Backup, in which mode, with which budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fsm.environment.simulation import Task
from fsm.environment.world.beside import companion_facts, companion_rules
from fsm.environment.world.cluster import HeldPod, cluster_rules
from fsm.environment.world.faults import budgets_of
from fsm.environment.world.held import Copy, Held, Wish, ticked
from fsm.environment.world.operator import CRASHED, PANICKED, SLOW, is_at_rest, operator_rules
from fsm.environment.world.ours import our_rules, shell_facts
from fsm.environment.world.outside import (
    CACHED_BACKUP,
    CLUSTER_CACHED,
    COMPANION,
    DATA,
    LIVE_BACKUP,
    QUEUE,
    TASK,
    TRACKED,
    cached_job_part,
    job_part,
    pod_part,
)
from fsm.environment.world.people import people_rules
from fsm.environment.world.slots import OF_MODE
from fsm.environment.world.thread import HANDLER, WORKER, HeldTracked, aged
from fsm.environment.world.words import (
    backup_facts,
    cached_backup_facts,
    cached_job_facts,
    job_facts,
    task_facts,
    thread_facts,
    tracked_facts,
)
from fsm.errors import UsageError
from fsm.kernel import Fairness, Move, Part, Rule, World
from fsm.model import Mode

OPERATOR, OURS, BESIDE = "operator-v1.6", "ours", "operator-v1.6+companion"
WORLDS = (
    (OPERATOR, Mode.SNAPSHOT.value),
    (OPERATOR, Mode.LOG.value),
    (OURS, Mode.SNAPSHOT.value),
    (BESIDE, Mode.LOG.value),
)
TICKED = "ticked"
NO_WISH = Wish()


def world_of(name: str, mode: str, budgets: Mapping[str, int], backups: int = 1, wish: Wish = NO_WISH) -> World:
    """The world of that name in that mode; UsageError where there is none: ours runs snapshots only, and the companion
    looks after log backups."""
    if (name, mode) not in WORLDS:
        there = ", ".join(f"{each} {mode}" for each, mode in WORLDS)
        raise UsageError(f"there is no world {name} {mode}; there are {there}")
    slots = OF_MODE[mode]
    log = mode == Mode.LOG
    first = Held(mode=mode, wish=wish)
    parts = {
        LIVE_BACKUP: Part(first, backup_facts, own=True),
        CACHED_BACKUP: Part(None, cached_backup_facts, own=True),
        HANDLER: Part(None, thread_facts, own=True),
        QUEUE: Part(True, lambda waits: {"key": "waits" if waits else "is not there"}, own=True),
        WORKER: Part(None, thread_facts, own=True),
        SLOW: Part(False, lambda slow: {"operator": "stands still" if slow else "is prompt"}, own=True),
        CLUSTER_CACHED: Part(True, lambda there: {"cluster": "there" if there else "missing"}),
        DATA: Part("none", own=True),
    }
    if name != OURS:
        parts[PANICKED] = Part(False, lambda panicked: {"operator": "has panicked"} if panicked else {}, own=True)
    for slot in slots:
        parts[job_part(slot)] = Part(None, job_facts, own=True)
        parts[cached_job_part(slot)] = Part(None, cached_job_facts, own=True)
        parts[pod_part(slot)] = Part(None, pod_facts, own=True)
    if log:
        parts[TRACKED] = Part(None, tracked_facts, own=True)
        parts[TASK] = Part(Task(), task_facts, own=True)
        parts[COMPANION] = Part(None, companion_facts, own=True)
    if name == OURS:
        parts |= {
            WORKER: Part(None, shell_facts, own=True),
            QUEUE: Part(False, lambda _: {"key": "is not used"}, own=True),
        }
    deciding = our_rules() if name == OURS else operator_rules(mode)
    beside = companion_rules() if name == BESIDE else ()
    rules = (*deciding, *beside, *cluster_rules(slots, jobs_lag=name != OURS), *people_rules(mode), CLOCK)
    return World(f"{name} {mode}", parts, rules, _maps(parts), budgets_of(mode, budgets), components=backups)


def _tick(view: Any) -> Iterator[Move]:
    """What a handler does takes less than a minute, so that all its readings of the clock are one."""
    others = [view.of(index) for index in range(view.components)]
    if all(each[HANDLER] is None and is_at_rest(each) and not _is_sighted(each) for each in others):
        yield Move("a minute passes", {}, (TICKED,))


def _is_sighted(view: Any) -> bool:
    """A companion is about to perform what it has decided."""
    live: Held | None = view[LIVE_BACKUP]
    return live is not None and live.mode == Mode.LOG and view[COMPANION] is not None


CLOCK = Rule("clock ticks", "clock", _tick, fairness=Fairness.STRONG, sentence="A minute passes.")


def _maps(parts: Mapping[str, Part]) -> dict[str, dict[str, Callable[[Any], Any]]]:
    maps: dict[str, dict[str, Callable[[Any], Any]]] = {
        CRASHED: {HANDLER: _nothing, WORKER: _nothing, QUEUE: _no, SLOW: _no, CACHED_BACKUP: _nothing},
        TICKED: {LIVE_BACKUP: _later, CACHED_BACKUP: _copy_later},
    }
    maps[CRASHED] |= {part: _nothing for part in parts if part.startswith(cached_job_part(""))}
    if TRACKED in parts:
        maps[CRASHED][TRACKED] = _tracked_anew
        maps[TICKED][TRACKED] = aged
    return maps


def _later(held: Held | None) -> Held | None:
    return None if held is None else ticked(held)


def _copy_later(copy: Copy | None) -> Copy | None:
    return copy if copy is None else copy._replace(held=_later(copy.held))


def _nothing(_: Any) -> None:
    return None


def _tracked_anew(_: Any) -> HeldTracked:
    """Every log backup is registered when the operator starts."""
    return HeldTracked()


def _no(_: bool) -> bool:
    return False


def pod_facts(pod: HeldPod | None) -> Mapping[str, str]:
    """A pod in words."""
    if pod is None:
        return {"pod": "none"}
    state = f"ended ({pod.ended})" if pod.ended else "at work"
    return {"pod": f"{state}{', on a lost node' if pod.lost else ''}", **dict(thread_facts(pod.thread))}
