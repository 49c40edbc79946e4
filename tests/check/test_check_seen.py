"""The set of seen states is a set, however long the states are and however bad their hashes."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from fsm.check import seen


def block_of(states: list[tuple[int, ...]]) -> Any:
    return np.array(states, np.uint64).T.copy()


def states_of(block: Any) -> list[tuple[int, ...]]:
    return [tuple(column) for column in block.T.tolist()]


@pytest.mark.parametrize("words", [1, 2, 3])
@pytest.mark.parametrize("weak", [False, True], ids=["good hashes", "bad hashes at first"])
def test_it_says_what_is_new_once(words: int, weak: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if weak:
        worsen(monkeypatch)
    rng, ours, theirs = Random(words), seen.Seen(), set[tuple[int, ...]]()
    for _ in range(40):
        states = [tuple(rng.randrange(12) for _ in range(words)) for _ in range(rng.randrange(1, 60))]
        looked = states_of(ours.fresh(block_of(states)))
        added = states_of(ours.add(block_of(states)))
        assert looked == added
        assert len(added) == len(set(added))
        assert set(added) == set(states) - theirs
        theirs |= set(states)
        assert len(ours) == len(theirs)


def test_two_new_states_with_one_hash_are_both_new(monkeypatch: pytest.MonkeyPatch) -> None:
    worsen(monkeypatch)
    assert sorted(states_of(seen.Seen().add(block_of([(1, 2), (3, 4), (1, 2)])))) == [(1, 2), (3, 4)]


def worsen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes all hashes equal until another salt has been tried twice."""
    honest = seen.keys_of

    def keys_of(block: Any, salt: int) -> Any:
        return honest(block, salt) if len(block) == 1 or salt > 4 else np.zeros(block.shape[1], np.uint64)

    monkeypatch.setattr(seen, "keys_of", keys_of)
