"""Kubernetes objects to events and states, and back; verdicts, traps, explanations and the decision. Pure."""

from fsm.adapter.decision import effects_of
from fsm.adapter.explanation import Explanation, explanation_of
from fsm.adapter.jobs import cause_of, events_from, job_state_of
from fsm.adapter.lifecycle import Lifecycle
from fsm.adapter.log import command_state_of, job_of
from fsm.adapter.log import state_of as state_of_log
from fsm.adapter.log_retry import Retries, retries_of
from fsm.adapter.observation import Observation, SeenJob, Task
from fsm.adapter.patches import Effect, PatchBackup, Request, request_of
from fsm.adapter.path import path_between
from fsm.adapter.registry import lifecycle_of
from fsm.adapter.traps import TRAPS
from fsm.adapter.verdict import DEADLINES, Judgement, Verdict, job_verdict_of, verdicts_of

__all__ = [
    "DEADLINES",
    "TRAPS",
    "Effect",
    "Explanation",
    "Judgement",
    "Lifecycle",
    "Observation",
    "PatchBackup",
    "Request",
    "Retries",
    "SeenJob",
    "Task",
    "Verdict",
    "cause_of",
    "command_state_of",
    "effects_of",
    "events_from",
    "explanation_of",
    "job_of",
    "job_state_of",
    "job_verdict_of",
    "lifecycle_of",
    "path_between",
    "request_of",
    "retries_of",
    "state_of_log",
    "verdicts_of",
]
