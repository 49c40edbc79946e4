"""The log-backup retry controller's decision: beside the unmodified operator, from what is seen now. Pure.

It never makes a Job and never runs br. It finds failures that the operator does not look at, keeps their records, looks
at the task before every retry, mends a Backup whose wish holds already, and otherwise hands the retry to the operator.
"""

from fsm.companion.decision import Decision, decision_of, effects_of
from fsm.companion.looking import Finding, Look, look_of

__all__ = ["Decision", "Finding", "Look", "decision_of", "effects_of", "look_of"]
