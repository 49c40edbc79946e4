"""How a Backup is read as the state of one machine, and written back: one `Lifecycle` a mode, in one table.

`state_of` looks only at what is there now, so it does not depend on how it got there. `evidence_of` says when the facts
behind it happened; `questions_about` asks for those that a machine could be sent next, to catch up (see `path`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from fsm.adapter.observation import Observation, time_of
from fsm.kernel import Event, Machine, MachineState
from fsm.model import BackupStatus, Condition, Phase


class Evidence(Protocol):
    """The facts that the objects tell, looked up one by one: most are never asked for."""

    def event(self, question: Question) -> Event | None:
        """The event as the objects tell it, with `at` -1 where they give no time; None where they do not tell it."""


class Question(NamedTuple):
    """An event a machine could be sent next: what the evidence would call it, and what it is about. One that leads to
    where other events lead too is not `guessable`: only a fact tells that it was this one."""

    name: str
    key: Any
    subject: str = ""
    guessable: bool = True


CREATED = frozenset(("job_created", "execute_created"))


class Once(NamedTuple):
    """Evidence in which a Job is created once: where a run begins after the one that it told of, that is a guess."""

    evidence: Evidence
    begun: set[str]

    def event(self, question: Question) -> Event | None:
        """As the objects tell it, but for what they have told before."""
        event = self.evidence.event(question)
        return None if event is not None and event.name in CREATED and event.uid in self.begun else event


class Offer(NamedTuple):
    """An event to send. `known` tells that the objects say it, `timed` that they give its very time."""

    event: Event
    known: bool
    timed: bool


def as_it_was(start: MachineState, target: MachineState) -> MachineState:
    """Nothing of a state is a wish."""
    return start


def all_of_it(observation: Observation) -> Observation:
    """Nothing is ahead of the Backup."""
    return observation


class Lifecycle(NamedTuple):
    """The functions of one mode.

    `same(found, target, exactly)` compares two states of its machine. `questions_about(names, state, target)` are those
    to ask about events that are declared for the state. `wished_as(start, target)` is a state with what the spec asks
    for now, which another state knows: the operator reads the policy anew on every look (5.1). `seen_as(observation)`
    leaves out what is ahead of the Backup, where objects were watched apart: what led to it will be told by the Backup.
    """

    machine: Machine
    state_of: Callable[[Observation], MachineState]
    status_of: Callable[[MachineState, BackupStatus, int | None], BackupStatus]
    evidence_of: Callable[[Observation], Evidence]
    questions_about: Callable[[Sequence[str], MachineState, MachineState], Iterator[Question]]
    same: Callable[[MachineState, MachineState, bool], bool]
    wished_as: Callable[[MachineState, MachineState], MachineState] = as_it_was
    seen_as: Callable[[Observation], Observation] = all_of_it


def deleting_leaf(observation: Observation) -> str | None:
    """Where a deletion stands, None where there is none (operator-semantics 9)."""
    if observation.gone_at is not None:
        return "gone"
    if observation.backup.metadata.deletion_timestamp is None:
        return None
    phases = {Phase.CLEAN: "cleaning", Phase.CLEAN_FAILED: "clean_failed"}
    phase = observation.backup.status.phase
    return phases.get(phase, "stopping") if phase else "stopping"


def deletion_event(observation: Observation, name: str) -> Event | None:
    """What the object says of its own deletion."""
    metadata = observation.backup.metadata
    requested = time_of(metadata.deletion_timestamp)
    if name == "deleted":
        return None if observation.gone_at is None else Event(name, -1, uid=metadata.uid)
    if requested is None:
        return None
    if name == "deletion_requested":
        return Event(name, requested, uid=metadata.uid)
    condition = observation.backup.status.condition(_CLEANING[name])
    return None if condition is None else event_of(name, condition, metadata.uid)


_CLEANING = {"clean_started": Phase.CLEAN, "clean_refused": Phase.CLEAN_FAILED}
DELETION_EVENTS = frozenset(("deletion_requested", "deleted", *_CLEANING))


def event_of(name: str, condition: Condition, uid: str, subject: str = "") -> Event:
    """The event that a condition tells; -1 stands for a condition without a time."""
    at = time_of(condition.last_transition_time)
    return Event(name, -1 if at is None else at, subject, uid, condition.reason, condition.message)


def told(evidence: Evidence, question: Question, now: int) -> Offer | None:
    """The event as the objects tell it, None where they do not; a fact without a time is told at `now`."""
    event = evidence.event(question)
    if event is None:
        return None
    return Offer(event, known=True, timed=True) if event.at >= 0 else Offer(event._replace(at=now), True, False)


def guessed(question: Question, now: int) -> Offer:
    """The event as nobody tells it."""
    return Offer(Event(question.name, now, question.subject), known=False, timed=False)
