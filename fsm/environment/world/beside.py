"""The companion beside the operator, as rules: it looks, decides, and performs the effects of its decision.

It acts at once, as fast as the operator between two of its calls; where it is slow it stands still between looking and
acting, or between two effects, while everybody else moves, a second copy of it too. A companion remembers nothing, so
two copies are one that acts twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from fsm.adapter import Effect, Observation, PatchBackup, SeenJob
from fsm.companion import effects_of
from fsm.environment.beside import with_task
from fsm.environment.world.held import NOW, Held, backup_of
from fsm.environment.world.operator import Moves, at_rest, fault
from fsm.environment.world.outside import COMPANION, LIVE_BACKUP, TASK, Over, job_part, patched_live, spread
from fsm.environment.world.slots import NAMES, HeldJob, job_of
from fsm.environment.world.thread import InSlot, Sighting, overtaken
from fsm.environment.world.words import change_in_words
from fsm.kernel import Fairness, Key, Move, Rule
from fsm.machines import DeleteJob, RequeueAt
from fsm.model import LogCommand

_SLOTS = tuple(command.value for command in LogCommand)


def companion_rules() -> tuple[Rule, ...]:
    """All of the companion's rules."""
    return (
        Rule(
            "companion acts",
            COMPANION,
            at_rest(_acting()),
            own=True,
            fairness=Fairness.STRONG,
            sentence="It looks at Backup, Jobs and task, decides, and performs the effects.",
        ),
        Rule(
            "companion goes on",
            COMPANION,
            at_rest(_goes_on),
            own=True,
            fairness=Fairness.STRONG,
            sentence="It performs the next effect of what it had decided.",
        ),
        fault("companion is slow", at_rest(_stands), "slow", "It has decided, and stands still before it acts."),
        fault(
            "companion dies", at_rest(_acting(first=True)), "crash", "It performs its first effect, and no other one."
        ),
        fault("companion forgets", at_rest(_forgets), "crash", "It dies while it stands still."),
        fault(
            "companion looks in vain",
            at_rest(_acting(sees_task=False)),
            "pd",
            "PD does not answer when it looks at the log task.",
        ),
    )


def companion_facts(sighting: Sighting | None) -> Mapping[str, str]:
    """What is left to be performed, in words."""
    if sighting is None:
        return {}
    left = decided(sighting)[sighting.performed :]
    return {"does": "will " + ", then ".join(map(_words, left))}


# ------------------------------------------------------------------ looking


def _sighting(view: Any, sees_task: bool = True) -> Sighting | None:
    held: Held | None = view[LIVE_BACKUP]
    if held is None or held.deleting or not held.wish.policy:
        return None
    jobs = tuple(InSlot(slot, view[job_part(slot)]) for slot in _SLOTS)
    return Sighting(held, jobs, view[TASK] if sees_task else None)


@lru_cache(maxsize=1 << 16)
def decided(sighting: Sighting) -> tuple[Effect, ...]:
    """The effects of a decision; to come back later needs none where one always may look."""
    seen = [SeenJob(job) for each in sighting.jobs if (job := job_of(each.slot, each.job)) is not None]
    observation = Observation(backup_of(sighting.backup), tuple(seen))
    if sighting.task is not None:
        observation = with_task(observation, sighting.task)
    return tuple(each for each in effects_of(observation, None, NOW) if not isinstance(each, RequeueAt))


# ------------------------------------------------------------------ acting


def _acting(first: bool = False, sees_task: bool = True) -> Moves:
    """All effects at once; `first`: only the first of several."""

    def moves(view: Any) -> Iterator[Move]:
        sighting = _sighting(view, sees_task)
        if sighting is None:
            return
        effects = decided(sighting)
        if not effects or (first and len(effects) == 1):
            return
        told: list[str] = []
        writes: dict[Key, Any] = {}
        for effect in effects[:1] if first else effects:
            words, new = _performed(effect, sighting, Over(view, writes))
            told.append(words)
            writes |= new
        vain = "" if sees_task else ", which cannot see the task,"
        yield Move(f"the companion{vain} {', '.join(told)}{', and dies' if first else ''}", writes)

    return moves


def _stands(view: Any) -> Iterator[Move]:
    if view[COMPANION] is not None:
        return
    sighting = _sighting(view)
    if sighting is None:
        return
    effects = decided(sighting)
    if effects:
        told = ", then ".join(map(_words, effects))
        yield Move(f"the companion's decision is to {told}, and it stands still", {COMPANION: sighting})


def _goes_on(view: Any) -> Iterator[Move]:
    sighting: Sighting | None = view[COMPANION]
    if sighting is None:
        return
    effects = decided(_current(sighting))
    told, writes = _performed(effects[sighting.performed], sighting, view)
    left = sighting._replace(performed=sighting.performed + 1)
    if writes and LIVE_BACKUP in writes:
        left = overtaken(left)
    over = not writes or left.performed == len(effects)
    yield Move(f"the companion {told}", {**writes, COMPANION: None if over else left})


def _current(sighting: Sighting) -> Sighting:
    """As it was when it was looked at: a decision does not change because somebody writes the Backup."""
    return sighting._replace(backup=sighting.backup._replace(current=True), performed=0)


def _forgets(view: Any) -> Iterator[Move]:
    if view[COMPANION] is not None:
        yield Move("the companion dies before it acts", {COMPANION: None})


def _performed(effect: Effect, sighting: Sighting, view: Any) -> tuple[str, dict[Key, Any]]:
    """What it says, and what it changes: nothing where it is refused."""
    if isinstance(effect, PatchBackup):
        return _patch(effect, sighting, view)
    assert isinstance(effect, DeleteJob)
    slot, _, number = effect.uid.rpartition("-")
    job: HeldJob | None = view[job_part(slot)]
    if job is None or job.attempt != int(number):
        return f"does not delete Job {NAMES[slot]}, which is another one", {}
    return f"deletes Job {NAMES[slot]}", {job_part(slot): job._replace(deleting=True)}


def _patch(effect: PatchBackup, sighting: Sighting, view: Any) -> tuple[str, dict[Key, Any]]:
    live: Held | None = view[LIVE_BACKUP]
    if live is None or not sighting.backup.current:
        return "is refused its patch, the Backup is another one by now", {}
    after = patched_live(live, effect)
    return f"writes {change_in_words(live, after)}", {**spread(view, COMPANION), LIVE_BACKUP: after}


def _words(effect: Effect) -> str:
    return "patch the Backup" if isinstance(effect, PatchBackup) else "delete the Job"
