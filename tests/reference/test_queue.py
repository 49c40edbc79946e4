"""The work queue: one key once, back-off by key, and nothing worked on twice at a time (operator-semantics 4.4)."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fsm.model import SECOND
from fsm.reference import Add, AddRateLimited, Forget, Instant, WorkQueue

A, B = ("ns", "a"), ("ns", "b")
START = Instant(0)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 64), (7, 100), (8, 100), (60, 100)]
)
def test_the_back_off_doubles_from_one_second_to_a_hundred(failures, seconds):
    queue = WorkQueue(failures={A: failures}).performed(AddRateLimited(A), START)
    assert queue.matured(START.plus(seconds * SECOND - 1)).ready == ()
    assert queue.matured(START.plus(seconds * SECOND)).ready == (A,)


def test_forget_begins_the_back_off_anew():
    queue = WorkQueue(failures={A: 5}).performed(Forget(A), START).performed(AddRateLimited(A), START)
    assert queue.delayed == {A: START.plus(SECOND)}


def test_a_key_that_waits_is_not_added_twice():
    queue = WorkQueue().performed(Add(A), START).performed(Add(B), START).performed(Add(A), START)
    assert queue.ready == (A, B)


def test_a_key_added_while_it_is_worked_on_waits_until_that_is_done():
    key, queue = WorkQueue().performed(Add(A), START).taken()
    queue = queue.performed(Add(A), START)
    assert (key, queue.ready) == (A, ())
    assert queue.done(A).ready == (A,)
    assert queue.done(A).taken()[1].done(A).ready == ()


class Queue(RuleBasedStateMachine):
    """Any order of operations of one operator with two keys."""

    def __init__(self):
        super().__init__()
        self.queue, self.now = WorkQueue(), START

    @rule(kind=st.sampled_from([Add, AddRateLimited, Forget]), key=st.sampled_from([A, B]))
    def perform(self, kind, key):
        self.queue = self.queue.performed(kind(key), self.now)

    @rule(seconds=st.integers(0, 120))
    def wait(self, seconds):
        self.now = self.now.plus(seconds * SECOND)
        self.queue = self.queue.matured(self.now)

    @precondition(lambda self: self.queue.ready)
    @rule()
    def take(self):
        _, self.queue = self.queue.taken()

    @precondition(lambda self: self.queue.working)
    @rule()
    def finish(self):
        self.queue = self.queue.done(min(self.queue.working))

    @invariant()
    def no_key_is_ready_twice_or_while_it_is_worked_on(self):
        assert len(set(self.queue.ready)) == len(self.queue.ready)
        assert not set(self.queue.ready) & self.queue.working
        assert self.queue.again <= self.queue.working


TestQueue = Queue.TestCase
