"""How a Backup is read as the state of one machine, and written back: one `Lifecycle` a mode, in one table.

`state_of` looks only at what is there now, so it does not depend on how it got there. `evidence_of` says when the facts
behind it happened; `events_at` offers them to a machine that has to catch up (see `path`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from fsm.adapter.observation import Observation, time_of
from fsm.kernel import Event, Machine, MachineState
from fsm.model import BackupStatus, Condition, Phase

Evidence = Mapping[tuple[str, Any], Event]


class Offer(NamedTuple):
    """An event a machine could be sent. `known` tells that the objects say it, `timed` that they give its very time."""

    event: Event
    known: bool
    timed: bool


class Lifecycle(NamedTuple):
    """The functions of one mode. `same(found, target, exactly)` compares two states of its machine."""

    machine: Machine
    state_of: Callable[[Observation], MachineState]
    status_of: Callable[[MachineState, BackupStatus, int | None], BackupStatus]
    evidence_of: Callable[[Observation], Evidence]
    offers_at: Callable[[MachineState, MachineState, Evidence, int], Iterator[Offer]]
    same: Callable[[MachineState, MachineState, bool], bool]


def deleting_leaf(observation: Observation) -> str | None:
    """Where a deletion stands, None where there is none (operator-semantics 9)."""
    if observation.gone_at is not None:
        return "gone"
    if observation.backup.metadata.deletion_timestamp is None:
        return None
    phases = {Phase.CLEAN: "cleaning", Phase.CLEAN_FAILED: "clean_failed"}
    phase = observation.backup.status.phase
    return phases.get(phase, "stopping") if phase else "stopping"


def deletion_evidence(observation: Observation) -> dict[tuple[str, Any], Event]:
    """What the object says of its own deletion; the key of all of it is None."""
    found: dict[tuple[str, Any], Event] = {}
    uid = observation.backup.metadata.uid
    requested = time_of(observation.backup.metadata.deletion_timestamp)
    if requested is not None:
        found["deletion_requested", None] = Event("deletion_requested", requested, uid=uid)
    if observation.gone_at is not None:
        found["deleted", None] = Event("deleted", -1, uid=uid)
    for type_, name in ((Phase.CLEAN, "clean_started"), (Phase.CLEAN_FAILED, "clean_refused")):
        condition = observation.backup.status.condition(type_)
        if condition is not None and requested is not None:
            found[name, None] = event_of(name, condition, uid)
    return found


def event_of(name: str, condition: Condition, uid: str, subject: str = "") -> Event:
    """The event that a condition tells; -1 stands for a condition without a time."""
    at = time_of(condition.last_transition_time)
    return Event(name, -1 if at is None else at, subject, uid, condition.reason, condition.message)


def offer_of(evidence: Evidence, name: str, key: Any, otherwise: Event) -> Offer:
    """The event as the objects tell it, or `otherwise` as a guess."""
    event = evidence.get((name, key)) or evidence.get((name, None))
    if event is None:
        return Offer(otherwise, known=False, timed=False)
    if event.at < 0:
        return Offer(event._replace(at=otherwise.at), known=True, timed=False)
    return Offer(event, known=True, timed=True)
