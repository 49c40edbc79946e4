"""Every state of the charts occurs in the checked world, or is listed with the reason why it does not."""

from __future__ import annotations

from itertools import groupby

import pytest

from fsm.check import check
from fsm.environment import OPERATOR, UNREACHED, Claim, coverage_claims, world_of
from fsm.machines import MACHINES


def _groups() -> list[list[Claim]]:
    """Claims that are judged in one world."""
    return [list(group) for _, group in groupby(coverage_claims(), lambda claim: (claim.mode, sorted(claim.budgets)))]


@pytest.mark.parametrize("claims", _groups(), ids=lambda claims: f"{claims[0].mode}-{claims[0].id}")
def test_a_state_occurs_or_is_listed_as_unreached(claims: list[Claim]) -> None:
    world = world_of(OPERATOR, claims[0].mode, claims[0].budgets, wish=claims[0].wish)
    report = check(world, [claim.formula for claim in claims])
    found = {finding.property.id: str(finding.verdict) for finding in report.findings}
    assert found == {claim.id: claim.known[OPERATOR].verdict for claim in claims}


def test_only_states_that_there_are_are_listed_with_a_reason() -> None:
    for (machine, leaf), reason in UNREACHED.items():
        assert leaf in {state.id for state in MACHINES[machine].states}
        assert reason
