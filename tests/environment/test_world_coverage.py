"""Every state of the charts occurs in the checked world, or is listed with the reason why it does not."""

from __future__ import annotations

from typing import Any

import pytest

from fsm.check import check
from fsm.environment import UNREACHED, Claim, coverage_claims, world_of
from fsm.machines import MACHINES


def _groups() -> list[list[Claim]]:
    """Claims that are judged in one world."""
    found: dict[Any, list[Claim]] = {}
    for claim in coverage_claims():
        found.setdefault((claim.mode, *claim.known, *sorted(claim.budgets)), []).append(claim)
    return list(found.values())


@pytest.mark.parametrize("claims", _groups(), ids=lambda claims: f"{claims[0].mode}-{claims[0].id}")
def test_a_state_occurs_or_is_listed_as_unreached(claims: list[Claim]) -> None:
    (name,) = claims[0].known
    world = world_of(name, claims[0].mode, claims[0].budgets, wish=claims[0].wish_in(name))
    report = check(world, [claim.formula for claim in claims])
    found = {finding.property.id: str(finding.verdict) for finding in report.findings}
    assert found == {claim.id: claim.known[name].verdict for claim in claims}


def test_only_states_that_there_are_are_listed_with_a_reason() -> None:
    for (machine, leaf), reason in UNREACHED.items():
        assert leaf in {state.id for state in MACHINES[machine].states}
        assert reason
