"""The work queue `backup`: de-duplicating, with a back-off for each key (operator-semantics 0 and 4.4). A value.

One key is never worked on twice at once: added meanwhile, it waits until its worker is done. What is left out is the
bucket that all keys share, ten adds a second and a hundred at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fsm.model import SECOND
from fsm.reference.calls import Add, AddRateLimited, Forget, Key, QueueCall
from fsm.reference.instant import Instant

FIRST_DELAY, LONGEST_DELAY = 1 * SECOND, 100 * SECOND


@dataclass(frozen=True, slots=True)
class WorkQueue:
    """`ready` in order of arrival; `delayed` says when a key will be added; `failures` since the last Forget."""

    ready: tuple[Key, ...] = ()
    working: frozenset[Key] = frozenset()
    again: frozenset[Key] = frozenset()
    delayed: Mapping[Key, Instant] = field(default_factory=dict)
    failures: Mapping[Key, int] = field(default_factory=dict)

    def performed(self, call: QueueCall, now: Instant) -> WorkQueue:
        """The queue after an operation."""
        match call:
            case Add():
                return self._added(call.key)
            case AddRateLimited():
                return self._delayed(call.key, now)
            case Forget():
                return replace(self, failures={key: count for key, count in self.failures.items() if key != call.key})
        raise TypeError(f"{call} is no operation on a queue")

    def _added(self, key: Key) -> WorkQueue:
        if key in self.working:
            return replace(self, again=self.again | {key})
        return self if key in self.ready else replace(self, ready=(*self.ready, key))

    def _delayed(self, key: Key, now: Instant) -> WorkQueue:
        """Of two delays of one key the earlier counts."""
        failed = self.failures.get(key, 0)
        due = now.plus(delay_after(failed))
        earliest = min(due, self.delayed.get(key, due))
        return replace(self, failures={**self.failures, key: failed + 1}, delayed={**self.delayed, key: earliest})

    def matured(self, now: Instant) -> WorkQueue:
        """The keys whose delay is over are added."""
        queue = self
        for key in sorted(key for key, due in self.delayed.items() if due <= now):
            left = {each: due for each, due in queue.delayed.items() if each != key}
            queue = replace(queue, delayed=left)._added(key)
        return queue

    def taken(self) -> tuple[Key, WorkQueue]:
        """The first ready key, which a worker takes."""
        key, *rest = self.ready
        return key, replace(self, ready=tuple(rest), working=self.working | {key})

    def done(self, key: Key) -> WorkQueue:
        """The worker is done with it; what was added meanwhile is ready now."""
        queue = replace(self, working=self.working - {key}, again=self.again - {key})
        return queue._added(key) if key in self.again else queue


def delay_after(failures: int) -> int:
    """Nanoseconds: 1 s, 2 s, 4 s, up to 100 s."""
    return min(FIRST_DELAY << min(failures, 7), LONGEST_DELAY)
