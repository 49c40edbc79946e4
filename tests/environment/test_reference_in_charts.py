"""The charts are an honest abstraction of the reference: whatever it writes is a path in them, or a listed divergence.

The reference runs against a simulated cluster, Job controller, pods, TiKV, clock, users and faults, through random
lives. Every write is watched (`chart_watch`), every life is told by its mode and seed (`charted_lives`).
"""

from __future__ import annotations

import pytest
from charted_lives import MODES, Life, life_of, lives_of

from fsm.environment import divergences
from fsm.environment.divergences import DIVERGENCES
from fsm.machines import MACHINES
from fsm.machines.log_retry import WAITING

SEED = 20_261_126
STEPS, MOST = 200_000, 2_400_000
"""Moves a mode, and after how many a row that was not met counts as one that does not occur."""


BESIDE = {"log": set(WAITING)}
"""By mode, the states that the operator does not lead to alone: only a companion writes what they are read from."""


def rows_of(mode: str) -> frozenset[str]:
    """The divergences of the machine of a mode."""
    machine = MACHINES[mode.replace("-", "_")]
    return frozenset(row.name for row in DIVERGENCES if machine in row.machines)


def refuse_unlisted(found: Life) -> None:
    """Fail with the story of the first."""
    if found.unlisted:
        pytest.fail(found.unlisted[0][1], pytrace=False)


@pytest.mark.parametrize("mode", MODES)
def test_every_write_is_a_path_in_the_chart_or_a_listed_divergence(mode: str) -> None:
    found = lives_of(mode, SEED, 6_000)
    refuse_unlisted(found)
    assert found.edges.total() > 40, "lives in which little happens compare little"


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
def test_in_two_hundred_thousand_steps_nothing_is_unlisted_every_row_occurs_and_every_state_is_visited(
    mode: str,
) -> None:
    """There is no state that the operator cannot reach, but those of its companion. Rare rows may take more steps."""
    rows = rows_of(mode)
    found = lives_of(mode, SEED, STEPS, rows, MOST)
    refuse_unlisted(found)
    assert rows - found.rows.keys() == set(), (
        f"in {found.steps} steps these divergences never occurred: strike them out"
    )
    never = {state.id for state in MACHINES[mode.replace("-", "_")].states} - found.visited
    assert never == BESIDE.get(mode, set()), f"in {found.steps} steps these states were never visited"
    assert found.swallowed == set(), "rows so wide that nobody would miss these edges of the chart"


@pytest.mark.parametrize("mode", MODES)
def test_without_the_list_there_are_movements_that_nobody_explains(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the test above would hold for any list."""
    monkeypatch.setattr(divergences, "DIVERGENCES", ())
    found = lives_of(mode, SEED, 6_000)
    assert len(found.unlisted) > 3
    assert f"mode {mode}, seed " in found.unlisted[0][1]


@pytest.mark.parametrize("mode", MODES)
def test_a_life_is_the_same_again_from_its_seed(mode: str) -> None:
    assert life_of(mode, SEED) == life_of(mode, SEED)


def test_every_row_has_a_name_of_its_own_a_machine_a_section_and_says_what_the_chart_does() -> None:
    names = [row.name for row in DIVERGENCES]
    assert len(set(names)) == len(names)
    for row in DIVERGENCES:
        assert row.machines, row.name
        assert row.section.startswith("operator-semantics "), row.name
        assert "the chart" in row.sentence.lower(), row.name
        assert row.sentence.endswith("."), row.name
