"""The lifecycle of TiDB Operator's Backup resource, declared as statecharts and made executable.

The public names, and nothing else. They are bound on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsm.errors import ChartError, FsmError, InputError, NotEnabled, UsageError
    from fsm.kernel import (
        Event,
        Machine,
        MachineState,
        Step,
        Transition,
        step,
        step_from_json,
        step_to_json,
        trace_of,
        try_step,
    )
    from fsm.machines import MACHINES
    from fsm.model import Backup, Job, Pod, object_from

__version__ = "0.1.0"

_HOMES = {
    "fsm.errors": ("ChartError", "FsmError", "InputError", "NotEnabled", "UsageError"),
    "fsm.kernel": (
        "Event",
        "Machine",
        "MachineState",
        "Step",
        "Transition",
        "step",
        "step_from_json",
        "step_to_json",
        "trace_of",
        "try_step",
    ),
    "fsm.machines": ("MACHINES",),
    "fsm.model": ("Backup", "Job", "Pod", "object_from"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "MACHINES",
    "Backup",
    "ChartError",
    "Event",
    "FsmError",
    "InputError",
    "Job",
    "Machine",
    "MachineState",
    "NotEnabled",
    "Pod",
    "Step",
    "Transition",
    "UsageError",
    "object_from",
    "step",
    "step_from_json",
    "step_to_json",
    "trace_of",
    "try_step",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'fsm' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
