"""The property catalogue: what should be true of every Backup, and what is known of it. Data.

Each claim names the budgets under which it is worth asking: the fewest with which the operator is known to break it, so
that its counterexample is found in seconds and reads without noise. Whoever gives other budgets asks more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsm.environment.world.build import OPERATOR, OURS
from fsm.environment.world.held import Copy, Held, Wish
from fsm.environment.world.outside import CACHED_BACKUP, DATA, LIVE_BACKUP, TASK, job_part, pod_part
from fsm.environment.world.people import COVERED
from fsm.environment.world.slots import BACKUP, COMPLETE, CREATED, FAILED, OF_MODE, STOP, UNSCHEDULABLE, HeldJob
from fsm.kernel import Property, Taken, always, leads_to, never, recoverable, steps
from fsm.model import LogCommand, Mode

SNAPSHOT, LOG = Mode.SNAPSHOT.value, Mode.LOG.value
HOLDS, VIOLATED, VACUOUS = "holds", "violated", "vacuous"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about a claim in a world: its verdict, and the name of the bug where it is violated."""

    verdict: str
    bug: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A property with the mode that it is about. `field`: its id in the field's catalogue. `budgets` and `wish` are the
    world's. `known` by world; a world that is not named has nothing of the kind."""

    property: Property
    mode: str
    field: str
    budgets: Mapping[str, int]
    known: Mapping[str, Known]
    wish: Wish = field(default_factory=lambda: Wish(retries=1, timeout="3m"))

    @property
    def id(self) -> str:
        return self.property.id


# ------------------------------------------------------------------ what is asked of a state


def _live(view: Any) -> Held | None:
    held: Held | None = view[LIVE_BACKUP]
    return held


def _of_live(predicate: Callable[[Held], bool]) -> Callable[[Any], bool]:
    """A predicate of the Backup, false where there is none."""

    def asked(view: Any) -> bool:
        held = _live(view)
        return held is not None and predicate(held)

    return asked


_ENDS = {"Complete", "Failed", "Invalid"}
_WORKING = {"Scheduled", "Prepare", "Running"}
_COMMANDS = tuple(command.value for command in LogCommand)


def _is_settled(held: Held | None) -> bool:
    """Finished, or on its way out."""
    return held is None or held.deleting or held.phase in _ENDS


def _job(view: Any, slot: str = BACKUP) -> HeldJob | None:
    job: HeldJob | None = view[job_part(slot)]
    return job


def _begun(held: Held) -> int:
    return sum(record.begun for record in held.records)


def _pending(held: Held) -> bool:
    """The failure at hand is recorded."""
    return bool(held.records) and not held.records[-1].begun


def _failed(view: Any) -> bool:
    job = _job(view)
    return job is not None and job.stage == FAILED and not job.deleting


def _is_answered(view: Any) -> bool:
    """The failure of the attempt has had its consequence."""
    held = _live(view)
    if held is None or _is_settled(held) or _pending(held):
        return True
    job = _job(view)
    return job is not None and (job.deleting or job.stage != FAILED)


# ------------------------------------------------------------------ snapshots


def _keeps_its_end(before: Any, taken: Taken, after: Any) -> bool:
    was, is_ = _live(before), _live(after)
    if was is None or was.phase not in _ENDS or was.deleting or is_ is None or is_.deleting:
        return True
    return is_.phase == was.phase


def _records_only_grow(before: Any, taken: Taken, after: Any) -> bool:
    was, is_ = _live(before), _live(after)
    if was is None or is_ is None or was.records == is_.records:
        return True
    if len(is_.records) not in {len(was.records), len(was.records) + 1}:
        return False
    return all(new.begun >= old.begun for old, new in zip(was.records, is_.records, strict=False))


def _waits_until_due(before: Any, taken: Taken, after: Any) -> bool:
    was, is_ = _live(before), _live(after)
    if was is None or is_ is None:
        return True
    begun = [old for old, new in zip(was.records, is_.records, strict=False) if new.begun and not old.begun]
    return all(record.expected == 0 for record in begun)


def _is_no_attempt_too_many(before: Any, taken: Taken, after: Any) -> bool:
    """Data that are complete are neither made anew nor removed while the Backup lives."""
    held = _live(before)
    if held is None or held.deleting or before[DATA] != "complete":
        return True
    created = _job(before) is None and _job(after) is not None
    return not created and after[DATA] == "complete"


def _leaves_the_wish_alone(before: Any, taken: Taken, after: Any) -> bool:
    was, is_ = _live(before), _live(after)
    return taken.actor == "user" or was is None or is_ is None or was.wish == is_.wish


def _does_not_panic(before: Any, taken: Taken, after: Any) -> bool:
    return "panics" not in taken.what


def _copy_is_unwritten(view: Any) -> bool:
    """The operator's own copy says what was never written, and nothing is under way that would write it."""
    copy: Copy | None = view[CACHED_BACKUP]
    return copy is not None and not copy.lags and copy.held is not None and copy.held.current


def _vanished(view: Any) -> bool:
    held = _live(view)
    return held is not None and not held.deleting and held.phase in _WORKING and _job(view) is None


def _nobody_knows(view: Any) -> bool:
    job = _job(view)
    return job is not None and job.stage == UNSCHEDULABLE and not job.deleting


def _snapshot(property_: Property, field_: str, budgets: Mapping[str, int], operator: Known, ours: Known) -> Claim:
    return Claim(property_, SNAPSHOT, field_, budgets, {OPERATOR: operator, OURS: ours})


_HOLDS = Known(HOLDS)

SNAPSHOT_CLAIMS = (
    _snapshot(
        leads_to(
            "failure-is-recorded",
            "the failure of an attempt is recorded, or the backup ends",
            lambda view: _failed(view) and not _is_settled(_live(view)) and _is_newest(view),
            _is_answered,
        ),
        "L1",
        {"faults": 1, "crash": 1, "kill": 2},
        Known(VIOLATED, "S3"),
        _HOLDS,
    ),
)


def _is_newest(view: Any) -> bool:
    """The Job is of the latest attempt."""
    held, job = _live(view), _job(view)
    return held is not None and job is not None and job.attempt == _begun(held)
