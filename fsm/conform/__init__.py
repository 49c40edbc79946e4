"""Conformance vectors: what another implementation says the operator does, held against ours (docs/conformance.md).

Pure: text goes in, judgements come out. `backup-fsm conform` reads the files.
"""

from fsm.conform.compare import DEFAULT_TOLERANCE, Difference, differences
from fsm.conform.judge import Group, Judgement, Mismatch, Tally, judged
from fsm.conform.play import Asked, Played
from fsm.conform.vector import ControllerCase, RuleCase, Vector, vector_from

__all__ = [
    "DEFAULT_TOLERANCE",
    "Asked",
    "ControllerCase",
    "Difference",
    "Group",
    "Judgement",
    "Mismatch",
    "Played",
    "RuleCase",
    "Tally",
    "Vector",
    "differences",
    "judged",
    "vector_from",
]
