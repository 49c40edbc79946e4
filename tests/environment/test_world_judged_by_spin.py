"""SPIN explores the operator's own world, exported, and comes to the same counts and the same verdicts."""

from __future__ import annotations

import pytest

from benchmarks import spin
from fsm.check import check
from fsm.check.promela import claims_of, promela_of
from fsm.environment import CATALOGUE, OPERATOR, OURS, Claim, world_of

pytestmark = pytest.mark.skipif(bool(spin.missing()), reason=spin.missing() or "SPIN is here")

OPTIONS = ("-m200000", "-w20")
JUDGED = ("one-end", "retrying-has-a-record", "retries-are-bounded")


def _claims(names: tuple[str, ...]) -> list[Claim]:
    return [claim for claim in CATALOGUE if claim.id in names]


@pytest.mark.parametrize("name", [OPERATOR, OURS])
@pytest.mark.parametrize("claim", _claims(JUDGED), ids=lambda claim: claim.id)
def test_spin_counts_and_judges_the_world_as_we_do(name: str, claim: Claim) -> None:
    world = world_of(name, claim.mode, claim.budgets, wish=claim.wish_in(name))
    report = check(world, [claim.formula])
    with spin.Verifier(promela_of(world)) as verifier:
        counted = verifier.run(*OPTIONS)
    assert (counted.states, counted.transitions) == (report.states, report.transitions + 1)
    with spin.Verifier(promela_of(world, [claim.formula])) as verifier:
        errors = [verifier.run(*OPTIONS, "-N", each).errors for each in claims_of(world, claim.formula)]
    assert any(errors) == (str(report.findings[0].verdict) == "violated")
