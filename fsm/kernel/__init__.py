"""The pure step: declared charts, compiled to tables, executed as values. Knows nothing of backups or Kubernetes."""

from fsm.kernel.chart import Action, Chart, Compound, Guard, Parallel, action, edge, guard, state
from fsm.kernel.codec import plain, typed
from fsm.kernel.compile import compile_chart
from fsm.kernel.event import Event
from fsm.kernel.machine import Configuration, Machine, MachineState, StateInfo, Transition
from fsm.kernel.property import (
    Form,
    Predicate,
    Property,
    StepPredicate,
    Taken,
    always,
    eventually,
    leads_to,
    never,
    no_deadlock,
    recoverable,
    sometimes,
    steps,
    within,
)
from fsm.kernel.sample import Samples, Start
from fsm.kernel.step import Step, step, step_from_json, step_to_json, trace_of, try_step
from fsm.kernel.value import Value
from fsm.kernel.world import Fairness, Key, Kind, Move, Part, Rule, View, World, budget_part

__all__ = [
    "Action",
    "Chart",
    "Compound",
    "Configuration",
    "Event",
    "Fairness",
    "Form",
    "Guard",
    "Key",
    "Kind",
    "Machine",
    "MachineState",
    "Move",
    "Parallel",
    "Part",
    "Predicate",
    "Property",
    "Rule",
    "Samples",
    "Start",
    "StateInfo",
    "Step",
    "StepPredicate",
    "Taken",
    "Transition",
    "Value",
    "View",
    "World",
    "action",
    "always",
    "budget_part",
    "compile_chart",
    "edge",
    "eventually",
    "guard",
    "leads_to",
    "never",
    "no_deadlock",
    "plain",
    "recoverable",
    "sometimes",
    "state",
    "step",
    "step_from_json",
    "step_to_json",
    "steps",
    "trace_of",
    "try_step",
    "typed",
    "within",
]
