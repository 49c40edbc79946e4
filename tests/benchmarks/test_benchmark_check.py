"""The sides of the checker's benchmark explore the same world, and nothing is compared that was counted otherwise."""

from __future__ import annotations

import pytest

from benchmarks import check, exploring, spin
from benchmarks.dictionary import Size, breadth_first
from benchmarks.exploring import Explored, explored_by
from benchmarks.measure import DisagreementError, Settings
from benchmarks.snapshot_world import snapshot_properties, snapshot_world
from fsm.check import Verdict
from fsm.check import check as checked
from fsm.check.exploration import explored

needs_spin = pytest.mark.skipif(bool(spin.missing()), reason=spin.missing() or "SPIN is here")

SIZES = {
    "one-backup": (Size(1, 3, 2, 1), 1_734, 5_212),
    "long": (Size(1, 7, 3, 1), 5_118, 16_031),
    "two-backups": (Size(2, 1, 1, 0), 21_726, 79_165),
}


@pytest.mark.parametrize(("size", "states", "transitions"), SIZES.values(), ids=SIZES)
def test_the_engine_and_the_dictionary_count_the_same(size: Size, states: int, transitions: int) -> None:
    found = explored(snapshot_world(*size))
    assert (found.states, found.transitions) == breadth_first(size) == (states, transitions)


@needs_spin
@pytest.mark.parametrize(("size", "states", "transitions"), SIZES.values(), ids=SIZES)
def test_the_model_written_for_spin_counts_the_same(size: Size, states: int, transitions: int) -> None:
    with spin.Verifier(check.MODEL.read_text(), spin.EXHAUSTIVE, check.defined(size)) as verifier:
        found = check.explored_by_spin(verifier, "-m100000", "-w20")
    assert (found.states, found.transitions) == (states, transitions)


MUTANTS = {"": ("", []), "adopts": ("-DADOPTS", ["ends"]), "blind": ("-DBLIND", ["limit", "agreed", "final"])}


@needs_spin
@pytest.mark.parametrize("mutant", MUTANTS, ids=["right", "adopts", "blind"])
def test_the_model_written_for_spin_has_the_same_verdicts(mutant: str) -> None:
    size = Size(1, 3, 2, 1)
    flag, bad = MUTANTS[mutant]
    report = checked(snapshot_world(*size, mutant=mutant), snapshot_properties(size.retries))
    assert [each.property.id for each in report.findings if each.verdict is Verdict.VIOLATED] == bad
    defined = (*check.defined(size), *([flag] if flag else []))
    with spin.Verifier(check.MODEL.read_text(), spin.EXHAUSTIVE, (*defined, "-DSAFE")) as verifier:
        assert bool(verifier.run("-m100000", "-w20").errors) == bool(set(bad) - {"ends"})
    with spin.Verifier(check.MODEL.read_text(), spin.LIVE, (*defined, "-DLIVE=0")) as verifier:
        assert bool(verifier.run("-m100000", "-w20", "-a", "-f").errors) == ("ends" in bad)


@pytest.mark.parametrize("who", exploring.WHO)
def test_every_side_answers_from_a_process_of_its_own(who: str) -> None:
    found = explored_by(who, Size(1, 3, 2, 1))
    assert (found.states, found.transitions, found.violated) == (1_734, 5_212, ())
    assert found.seconds > 0
    assert found.peak > 1_000_000


def test_counts_that_differ_are_not_compared() -> None:
    right, wrong = Explored(10, 20, 1.0, 1), Explored(10, 21, 1.0, 1)
    check.compare({"a, 10 states": right, "b, 10 states": right, "c, 9 states": wrong})
    with pytest.raises(DisagreementError, match="b, 10 states"):
        check.compare({"a, 10 states": right, "b, 10 states": wrong})


def test_a_side_that_finds_a_violation_is_not_compared() -> None:
    with pytest.raises(DisagreementError, match="the world"):
        check.compare({"a, 10 states": Explored(10, 20, 1.0, 1, violated=("limit",))})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Instead of exploring, answers at once: with the counts of the size, and a time for each side."""
    asked: list[str] = []
    counts = {check.LARGE: (10_020_987, 56_603_732), check.MIDDLE: (969_396, 4_231_435), check.SMALL: (21_726, 79_165)}
    seconds = {"engine": 1.0, "dictionary": 20.0, "specification": 30.0, "checked": 2.0}

    def answer(who: str, size: Size) -> Explored:
        asked.append(who)
        return Explored(*counts[size], seconds[who], 1000, 23.0)

    monkeypatch.setattr(check, "explored_by", answer)
    monkeypatch.setattr(spin, "missing", lambda: "SPIN does not judge here: spin not found on PATH")
    return asked


def test_without_spin_its_rows_are_left_out_with_a_sentence(
    measured: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = check.findings(Settings(quick=True))
    assert "spin not found on PATH; its rows are left out" in capsys.readouterr().err
    assert [each.against for each in found] == ["dictionary by hand", "the specification", "", "", ""]
    assert (found[0].ratio, found[0].met) == (20, None)  # nothing was promised of this size
    assert found[2].ours == 2000
    assert [(each.ours, each.limit, each.met) for each in found if each.unit == "B/state"] == [(23.0, 30, True)]


def test_the_large_world_is_explored_in_several_rounds_and_by_the_dictionary_once(measured: list[str]) -> None:
    found = check.findings(Settings())
    assert measured.count("checked") == check.ROUNDS
    assert measured.count("dictionary") == check.ROUNDS + 1
    large = next(each for each in found if each.against == "dictionary by hand")
    assert large.subject == "engine, 10,020,987 states"
    assert (large.ratio, large.wanted, large.met) == (20, 15, True)
