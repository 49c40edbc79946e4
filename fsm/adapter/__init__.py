"""Kubernetes objects to events and states, states back to objects; verdicts, traps, explanations, the decision. Pure."""

from fsm.adapter.explanation import Explanation, explanation_of
from fsm.adapter.jobs import cause_of, events_from, job_state_of
from fsm.adapter.lifecycle import Lifecycle
from fsm.adapter.observation import Observation, SeenJob, Task
from fsm.adapter.path import path_between
from fsm.adapter.registry import lifecycle_of
from fsm.adapter.traps import TRAPS
from fsm.adapter.verdict import DEADLINES, Judgement, Verdict, job_verdict_of, verdicts_of

__all__ = [
    "DEADLINES",
    "TRAPS",
    "Explanation",
    "Judgement",
    "Lifecycle",
    "Observation",
    "SeenJob",
    "Task",
    "Verdict",
    "cause_of",
    "events_from",
    "explanation_of",
    "job_state_of",
    "job_verdict_of",
    "lifecycle_of",
    "path_between",
    "verdicts_of",
]
