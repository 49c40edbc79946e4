"""The command `check`: verdicts, stories, budgets, limits, and stories that are taken again."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cli_running import Run

QUICK = ("--property", "vanished-job-is-noticed")
"""A claim that the operator breaks in a world of some dozens of states."""


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stories of one claim, as every form."""
    import subprocess

    from cli_running import SCRIPTS

    directory = tmp_path_factory.mktemp("stories")
    subprocess.run(
        [str(SCRIPTS / "backup-fsm"), "check", *QUICK, "--stories", str(directory)], check=True, capture_output=True
    )
    return directory


def test_a_violated_claim_is_told_with_its_story(run: Run) -> None:
    result = run("check", *QUICK)
    assert result.code == 0
    assert result.out.startswith("violated     S7   vanished-job-is-noticed ")
    assert "somebody deletes Job" in result.out
    assert "It stays so for ever." in result.out


@pytest.mark.parametrize(("world", "code"), [("operator-v1.6", 3), ("ours", 0)], ids=["violated", "holds"])
def test_the_exit_code_says_whether_every_claim_holds(run: Run, world: str, code: int) -> None:
    assert run("check", "--world", world, *QUICK, "--exit-code").code == code


def test_json_says_how_much_was_looked_at_and_holds_the_whole_story(run: Run) -> None:
    claim = run("check", *QUICK, "--output", "json").json["claims"][0]
    assert (claim["verdict"], claim["bug"], claim["finished"]) == ("violated", "S7", True)
    assert claim["states"] > 0
    assert claim["transitions"] > claim["states"] - 1
    assert claim["budgets"] == {"faults": 1, "job_deletion": 1}
    assert len(claim["story"]["states"]) == len(claim["story"]["steps"]) + 1
    assert any(step["kind"] == "fault" for step in claim["story"]["steps"])


def test_a_claim_that_holds_names_who_must_be_fair_for_it(run: Run) -> None:
    claim = run("check", "--property", "it-ends", "--output", "json").json["claims"][0]
    assert claim["verdict"] == "holds"
    assert {"handler", "worker"} <= set(claim["fairness"]["needed"])


def test_without_its_mishap_a_claim_about_it_is_vacuous(run: Run) -> None:
    result = run("check", *QUICK, "--budget", "job_deletion=0", "--exit-code")
    assert result.out.startswith("vacuous")
    assert result.code == 3


def test_a_limit_leaves_the_verdict_open_and_says_where_it_stopped(run: Run) -> None:
    result = run("check", "--property", "it-ends", "--limit-states", "20", "--exit-code")
    assert result.out.startswith("not finished")
    assert "stopped by states" in result.out
    assert result.code == 3


@pytest.mark.parametrize("limit", [("--limit-memory", "1K"), ("--limit-time", "1ns")], ids=["memory", "time"])
def test_other_limits_end_it_cleanly_too(run: Run, limit: tuple[str, str]) -> None:
    result = run("check", "--property", "it-ends", *limit)
    assert result.out.startswith("not finished")
    assert result.code == 0


def test_two_backups_share_the_mishaps_and_one_of_them_breaks_the_claim(run: Run) -> None:
    claim = run("check", *QUICK, "--backups", "2", "--output", "json").json["claims"][0]
    assert claim["verdict"] == "violated"
    assert claim["component"] in {0, 1}
    assert claim["story"]["components"] == 2


def test_junit_skips_what_is_known_to_be_broken_and_fails_on_what_is_not(run: Run) -> None:
    suite = ElementTree.fromstring(run("check", *QUICK, "--output", "junit").out)
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("1", "0", "1")
    suite = ElementTree.fromstring(run("check", *QUICK, "--budget", "job_deletion=0", "--output", "junit").out)
    assert (suite.get("failures"), suite.find("testcase/failure") is not None) == ("1", True)


def test_a_page_is_of_one_story(run: Run) -> None:
    assert run("check", *QUICK, "--output", "html").out.startswith("<!doctype html>")
    result = run("check", "--property", "it-ends", "--output", "html")
    assert result.code == 2
    assert "no claim is violated" in result.err


def test_every_form_of_a_story_is_written(stories: Path) -> None:
    assert {each.name for each in stories.iterdir()} == {
        f"vanished-job-is-noticed.{form}" for form in ("txt", "json", "mmd", "html")
    }


def test_a_story_is_taken_again_on_the_reference_and_on_the_chart(run: Run, stories: Path) -> None:
    result = run("check", "--replay", str(stories / "vanished-job-is-noticed.json"))
    assert result.code == 0
    assert "stuck, the Job is gone and its end was never recorded" in result.out
    assert "steps were taken again on the reference" in result.out


def test_a_story_that_was_changed_is_refused_with_the_step(run: Run, stories: Path, tmp_path: Path) -> None:
    story = json.loads((stories / "vanished-job-is-noticed.json").read_text())
    story["steps"][1]["what"] = "pigs fly"
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(story))
    result = run("check", "--replay", str(changed))
    assert result.code == 2
    assert "changed.json" in result.err
    assert "pigs fly" in result.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "this is no JSON"),
        ("{}", "expected"),
        ('{"world": 1}', "expected"),
    ],
    ids=["cut-off", "empty", "wrong-type"],
)
def test_what_is_no_story_is_refused_with_its_file(run: Run, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "story.json"
    file.write_text(text)
    result = run("check", "--replay", str(file))
    assert result.code == 2
    assert "story.json" in result.err
    assert said in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--budget", "bad-luck=1"),
        ("--budget", "kill=-1"),
        ("--budget", "kill"),
        ("--property", "nothing"),
        ("--world", "theirs"),
        ("--world", "ours", "--mode", "log"),
        ("--limit-memory", "much"),
        ("--limit-time", "soon"),
        ("--backups", "0"),
    ],
    ids=" ".join,
)
def test_what_does_not_exist_is_refused_in_one_sentence(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("check", *arguments)
    assert result.code == 2
    assert "Traceback" not in result.err


def test_the_list_names_claims_budgets_and_what_is_not_asked(run: Run) -> None:
    out = run("check", "--list").out
    for word in ("delete-is-repeated", "one-subcommand", "job_deletion", "not asked"):
        assert word in out


def test_a_world_can_be_given_to_spin_with_its_claim(run: Run) -> None:
    model = run("check", "--property", "one-end", "--output", "promela").out
    assert model.startswith("/* World operator-v1.6 snapshot: ")
    assert "claim_one_end_0" in model


def test_a_model_is_of_one_world(run: Run) -> None:
    result = run("check", "--output", "promela")
    assert result.code == 2
    assert "a model is of one world" in result.err
