"""`explain` and `replay` of log backups under a retry policy: the annotation's, or a default one from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_running import Run, story

from fsm.model import POLICY_ANNOTATION
from fsm.model.lean import lean_item

FILES = story("backup-log-retry", "backup-log-retry.jobs", "backup-log-retry.pods")
POLICY = "maxRetryTimes: 3\nminRetryDuration: 1m\nretryTimeout: 1h\n"
NOW = "2023-11-14T22:14:00Z"


@pytest.fixture
def waiting(tmp_path: Path) -> str:
    """The Backup of the story while its first retry waits."""
    path = tmp_path / "waiting.jsonl"
    path.write_text("".join(Path(FILES[0]).read_text().splitlines(keepends=True)[:5]))
    return str(path)


@pytest.fixture
def bare(waiting: str, tmp_path: Path) -> str:
    """The same without a policy of its own."""
    lines = [json.loads(line) for line in Path(waiting).read_text().splitlines()]
    for line in lines:
        del line["object"]["metadata"]["annotations"][POLICY_ANNOTATION]
    path = tmp_path / "bare.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return str(path)


def backup_of(run: Run, *arguments: str) -> Any:
    (found,) = run("explain", *arguments, "--at", NOW, "-o", "json").json["backups"]
    return found


RETRY = {
    "number": 1,
    "of": 3,
    "expectedAt": "2023-11-14T22:14:53Z",
    "timeoutAt": "2023-11-14T23:13:42Z",
    "attemptsLeft": 3,
    "held": None,
    "reason": "BackoffLimitExceeded",
    "cause": "OOMKilled",
}


def test_explain_tells_the_next_retry_in_json(run: Run, waiting: str) -> None:
    backup = backup_of(run, "-f", waiting)
    assert (backup["verdict"], backup["until"]) == ("waiting", "2023-11-14T22:14:54Z")
    assert backup["retry"] == backup["commands"]["log-start"]["retry"] == RETRY
    assert backup["next"] == {"at": "2023-11-14T22:14:54Z", "event": "tick", "target": "verifying"}
    fields = {each["guard"]: each["fields"] for each in backup["why"]}
    assert fields["timed_out"] == {
        "backup-fsm.dev/log-retry-policy: retryTimeout": "1h0m0s",
        "backup-fsm.dev/log-retry-status: records[0].detectFailedAt": "2023-11-14T22:13:42Z",
    }


def test_explain_tells_the_same_in_words(run: Run, waiting: str) -> None:
    text = " ".join(run("explain", "-f", waiting, "--at", NOW).out.split())
    assert "retry 1 of 3 of log-start waits for its time (BackoffLimitExceeded, because its pod: OOMKilled)" in text
    assert "retry log-start: 1 of 3, 3 attempts left, expected at 2023-11-14T22:14:53Z (in 53s)" in text
    assert "none begins after 2023-11-14T23:13:42Z (in 59m42s)" in text


def test_replay_has_the_same_answer(run: Run, waiting: str) -> None:
    (replayed,) = run("replay", waiting, "--at", NOW, "-o", "json").json["backups"]
    assert replayed["retry"] == RETRY


@pytest.mark.parametrize("command", [("explain", "-f"), ("replay",)], ids=["explain", "replay"])
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_default_policy_is_for_backups_without_one(
    run: Run, bare: str, tmp_path: Path, command: tuple[str, ...], form: str
) -> None:
    path = tmp_path / f"policy.{form}"
    given = {"maxRetryTimes": 3, "minRetryDuration": "1m", "retryTimeout": "1h"}
    path.write_text(POLICY if form == "yaml" else json.dumps(given))
    answer = run(*command, bare, "--log-retry-policy", str(path), "--at", NOW, "-o", "json").json
    assert answer["backups"][0]["retry"] == RETRY


def test_the_backup_s_own_policy_wins(run: Run, waiting: str, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("maxRetryTimes: 9\nretryTimeout: 24h\n")
    assert backup_of(run, "-f", waiting, "--log-retry-policy", str(path))["retry"] == RETRY


def test_without_any_policy_nothing_is_retried(run: Run, bare: str) -> None:
    backup = backup_of(run, "-f", bare)
    assert (backup["retry"], backup["commands"]["log-start"]["retry"]) == (None, None)


WRONG = {
    "maxRetryTime: 3": "maxRetryTime",
    "maxRetryTimes: -1": "maxRetryTimes",
    "minRetryDuration: 1h\nmaxRetryDuration: 1m": "maxRetryDuration",
    "maxRetryTimes: [": "neither JSON nor YAML",
    "- 1": "policy.yaml",
    "": "policy.yaml: this is empty, or null; expected {} for a policy with all defaults",
}


@pytest.mark.parametrize(("text", "named"), WRONG.items(), ids=["key", "number", "whole", "yaml", "list", "empty"])
def test_a_policy_that_cannot_be_meant_is_refused_with_file_and_place(
    run: Run, waiting: str, policy: str, text: str, named: str
) -> None:
    Path(policy).write_text(text)
    result = run("explain", "-f", waiting, "--log-retry-policy", policy)
    assert (result.code, result.out) == (2, "")
    assert "policy.yaml" in result.err
    assert named in result.err
    assert "Traceback" not in result.err


def test_a_policy_file_that_is_not_there_is_refused(run: Run, waiting: str, tmp_path: Path) -> None:
    result = run("replay", waiting, "--log-retry-policy", str(tmp_path / "none.yaml"))
    assert result.code == 2
    assert "none.yaml" in result.err


def test_a_policy_file_without_a_name_is_refused_by_its_option(run: Run, waiting: str) -> None:
    result = run("explain", "-f", waiting, "--log-retry-policy", "")
    assert (result.code, result.out) == (2, "")
    assert "Invalid value for '--log-retry-policy': File '' does not exist." in result.err


def test_a_key_that_is_there_twice_is_refused_with_its_line(run: Run, waiting: str, policy: str) -> None:
    Path(policy).write_text(POLICY + "maxRetryTimes: 4\n")
    result = run("replay", waiting, "--log-retry-policy", policy)
    assert (result.code, result.out) == (2, "")
    assert result.err == f'backup-fsm: {policy}:4: the key "maxRetryTimes" is there twice; expected each key once\n'


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "-f", "-", "--log-retry-policy", "-"),
        ("explain", "--log-retry-policy", "-", "-f", "-"),
        ("replay", "-", "--log-retry-policy", "-"),
    ],
    ids=["explain", "explain, the policy first", "replay"],
)
@pytest.mark.parametrize("given", ["a policy", "objects"])
def test_objects_and_policy_cannot_both_come_from_stdin(
    run: Run, waiting: str, arguments: tuple[str, ...], given: str
) -> None:
    text = POLICY if given == "a policy" else Path(waiting).read_text()
    result = run(*arguments, stdin=text.encode())
    assert (result.code, result.out) == (2, "")
    assert result.err == "backup-fsm: stdin (-) can be read only once\n"


def test_a_default_policy_may_come_from_stdin(run: Run, bare: str) -> None:
    text = run("explain", "-f", bare, "--log-retry-policy", "-", "--at", NOW, "-o", "json", stdin=POLICY.encode())
    assert text.json["backups"][0]["retry"] == RETRY
    told = run("replay", "--story", "log-retry", "--log-retry-policy", "-", stdin=b"maxRetryTimes: soon")
    assert (told.code, told.err) == (2, 'backup-fsm: <stdin>: maxRetryTimes: found "soon"; expected a whole number\n')


def test_an_annotation_that_cannot_be_read_says_its_place_and_the_way_out(run: Run, waiting: str) -> None:
    broken = Path(waiting).read_text().replace(r"\"minRetryDuration\": \"1m\"", r"\"minRetryDuration\": \"soon\"")
    assert broken != Path(waiting).read_text()
    result = run("explain", "-f", "-", "--at", NOW, "-o", "json", stdin=broken.encode())
    (backup,) = result.json["backups"]
    assert f"metadata.annotations[{POLICY_ANNOTATION}]" in backup["because"]
    assert "minRetryDuration" in backup["because"]
    assert backup["escape"].startswith("correct that annotation")


def test_the_story_ends_well(run: Run) -> None:
    result = run("replay", "--story", "log-retry", "--exit-code")
    assert result.code == 0
    assert "nothing unexpected" in result.out


def test_a_lean_twin_carries_the_annotations() -> None:
    """Or a replay, which reads twins, would know no policy."""
    for line in Path(FILES[0]).read_bytes().splitlines():
        item = lean_item(line)
        assert item is not None
        assert dict(item.object.metadata.annotations) == json.loads(line)["object"]["metadata"]["annotations"]
