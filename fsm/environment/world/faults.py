"""Everything that may go wrong or be done by a person in the checked world, each with its budget. Data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fsm.errors import UsageError
from fsm.model import Mode


class Mishap(NamedTuple):
    """One budget: how many of it there may be in one run. `modes` in which it can happen at all."""

    name: str
    sentence: str
    modes: frozenset[str] = frozenset({Mode.SNAPSHOT.value, Mode.LOG.value})


_SNAPSHOT, _LOG = frozenset({Mode.SNAPSHOT.value}), frozenset({Mode.LOG.value})

MISHAPS = (
    Mishap("faults", "all faults together, but not the deaths of pods"),
    Mishap("kill", "a pod is killed without a word: out of memory, evicted, SIGKILL"),
    Mishap("node", "the node of a pod is lost: its Job fails, the pod stays terminating and may work on"),
    Mishap("pending", "a pod is never scheduled"),
    Mishap("program", "a step of the program in the pod fails, br gets a SIGTERM: it is reported"),
    Mishap("write", "the program in the pod cannot write its status"),
    Mishap("job_deletion", "a Job is deleted by hand or by a TTL"),
    Mishap("crash", "the operator, or the companion, dies between two of its calls and starts again"),
    Mishap("slow", "the operator, or the companion, stands still between two of its calls while others move"),
    Mishap("api", "a call of the operator fails, or is done and not heard of"),
    Mishap("lag", "an informer of the operator lags behind"),
    Mishap("cluster", "the TidbCluster is missing from the operator's cache"),
    Mishap("pd", "PD does not answer the operator, or the companion", _LOG),
    Mishap("task_error", "TiKV pauses the log task because of an error", _LOG),
    Mishap("task", "somebody handles the log task past the operator", _LOG),
    Mishap("edit", "the user edits the spec"),
    Mishap("truncate", "one of these edits asks for a truncation", _LOG),
    Mishap("delete", "the user deletes the Backup"),
)
"""In the order in which they are shown. `faults` bounds all that are neither a person's doing nor `kill`."""

_NAMES = {mishap.name for mishap in MISHAPS}


def budgets_of(mode: str, given: Mapping[str, int]) -> dict[str, int]:
    """All budgets of a mode: those given, and 0. UsageError for a name that is none."""
    unknown = sorted(given.keys() - _NAMES)
    if unknown:
        raise UsageError(f"there is no budget {unknown[0]!r}; there are {', '.join(sorted(_NAMES))}")
    return {mishap.name: given.get(mishap.name, 0) for mishap in MISHAPS}
