"""The pure step: declared charts, compiled to tables, executed as values. Knows nothing of backups or Kubernetes."""

from fsm.kernel.chart import Action, Chart, Compound, Guard, Parallel, action, edge, guard, state
from fsm.kernel.codec import plain, typed
from fsm.kernel.compile import compile_chart
from fsm.kernel.event import Event
from fsm.kernel.machine import Configuration, Machine, MachineState, StateInfo, Transition
from fsm.kernel.step import Step, step, step_from_json, step_to_json, trace_of, try_step
from fsm.kernel.value import Value

__all__ = [
    "Action",
    "Chart",
    "Compound",
    "Configuration",
    "Event",
    "Guard",
    "Machine",
    "MachineState",
    "Parallel",
    "StateInfo",
    "Step",
    "Transition",
    "Value",
    "action",
    "compile_chart",
    "edge",
    "guard",
    "plain",
    "state",
    "step",
    "step_from_json",
    "step_to_json",
    "trace_of",
    "try_step",
    "typed",
]
