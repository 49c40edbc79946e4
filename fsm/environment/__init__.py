"""Who else moves around a Backup: simulated, as pure functions on values. No clock, no randomness, no network."""

from fsm.environment.divergences import DIVERGENCES, Divergence, Movement, divergence_of
from fsm.environment.job_controller import (
    Actor,
    AlreadyExists,
    Cluster,
    Conflict,
    Move,
    NotFound,
    Program,
    Refusal,
    Stage,
    actor_of,
    cluster_of,
    moved,
    moves,
    observed,
    performed,
    waited,
)

__all__ = [
    "DIVERGENCES",
    "Actor",
    "AlreadyExists",
    "Cluster",
    "Conflict",
    "Divergence",
    "Move",
    "Movement",
    "NotFound",
    "Program",
    "Refusal",
    "Stage",
    "actor_of",
    "cluster_of",
    "divergence_of",
    "moved",
    "moves",
    "observed",
    "performed",
    "waited",
]
