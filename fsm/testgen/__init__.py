"""Tests from the graph of a machine or a world: what can be sent, where it leads, and few ways that cover all of it.

Pure. `backup-fsm testgen` writes what is made here; `fsm.testing` draws from the same events.
"""

from fsm.testgen.choices import Choice, Choices
from fsm.testgen.explore import MOST_PLACES, Beginning, Explored, Taken, Walk, explored
from fsm.testgen.graph import Edge, Graph, graph_of_world
from fsm.testgen.pytest_file import pytest_file
from fsm.testgen.story import Line, Story, Then, WorldStory, stories_of, world_stories_of
from fsm.testgen.suite import Cover, MachineSuite, Suite, machine_suite_of, suite_of
from fsm.testgen.tour import MOST_EDGES, Tour, tour
from fsm.testgen.vector import (
    Mismatch,
    mismatches_in,
    mismatches_of,
    story_from,
    vector_of,
    world_story_from,
    world_vector_of,
)

__all__ = [
    "MOST_EDGES",
    "MOST_PLACES",
    "Beginning",
    "Choice",
    "Choices",
    "Cover",
    "Edge",
    "Explored",
    "Graph",
    "Line",
    "MachineSuite",
    "Mismatch",
    "Story",
    "Suite",
    "Taken",
    "Then",
    "Tour",
    "Walk",
    "WorldStory",
    "explored",
    "graph_of_world",
    "machine_suite_of",
    "mismatches_in",
    "mismatches_of",
    "pytest_file",
    "stories_of",
    "story_from",
    "suite_of",
    "tour",
    "vector_of",
    "world_stories_of",
    "world_story_from",
    "world_vector_of",
]
