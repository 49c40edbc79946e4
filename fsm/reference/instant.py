"""The one type of time in the reference: a reading of a clock, to the nanosecond (operator-semantics 5.3). Reads none.

The operator keeps nanoseconds until it reads an object back from the API server, which cuts them off; it compares in
whole seconds. Nothing else in this package calculates with times, so that a checker can put ticks in their place.
"""

from __future__ import annotations

from typing import NamedTuple

from fsm.model import SECOND


class Instant(NamedTuple):
    """Nanoseconds since 1970 in UTC. Two readings of a clock are never equal, as in Go."""

    nanoseconds: int

    @property
    def seconds(self) -> int:
        """Whole Unix seconds, rounded down: what is written and what is compared."""
        return self.nanoseconds // SECOND

    def plus(self, duration: int) -> Instant:
        """So many nanoseconds later."""
        return Instant(self.nanoseconds + duration)

    def since(self, earlier: Instant) -> int:
        """Nanoseconds that have passed since then."""
        return self.nanoseconds - earlier.nanoseconds


def at_second(seconds: int) -> Instant:
    """The beginning of a Unix second."""
    return Instant(seconds * SECOND)
