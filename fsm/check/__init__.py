"""The model checker: explores every state of a world and judges properties of it. Generic; it names no world."""

from fsm.check.checking import check, explore
from fsm.check.graph import GraphEdge, StateGraph
from fsm.check.report import Finding, Limits, Progress, Report, Verdict
from fsm.check.story import Change, Story, StoryStep, Waiting, story_from_json, story_to_json
from fsm.check.telling import replayed

__all__ = [
    "Change",
    "Finding",
    "GraphEdge",
    "Limits",
    "Progress",
    "Report",
    "StateGraph",
    "Story",
    "StoryStep",
    "Verdict",
    "Waiting",
    "check",
    "explore",
    "replayed",
    "story_from_json",
    "story_to_json",
]
