"""`explain` answers from objects alone: where a Backup is, why, what comes next, and what a person can do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_running import Run, story

RETRY = story("backup-snapshot-retry", "backup-snapshot-retry.jobs")
OOM = story("backup-logstart-oomkilled-stuck", "job-oomkilled", "job-oomkilled.pods")
WAITING = "2026-11-22T02:01:00Z"


@pytest.fixture
def waiting(tmp_path: Path) -> str:
    """The objects as they are while the retry of the story waits: the last of each, as a List."""
    backup = Path(RETRY[0]).read_text().splitlines()[5]
    job = Path(RETRY[1]).read_text().splitlines()[4]
    path = tmp_path / "objects.json"
    path.write_text(json.dumps({"kind": "List", "items": [json.loads(each)["object"] for each in (backup, job)]}))
    return str(path)


def backup_of(run: Run, *arguments: str) -> Any:
    answer = run("explain", *arguments, "--output", "json").json
    assert len(answer["backups"]) == 1
    return answer["backups"][0]


def test_a_waiting_retry_says_when_it_is_due_and_which_fields_say_so(run: Run, waiting: str) -> None:
    backup = backup_of(run, "-f", waiting, "--at", WAITING)
    assert (backup["state"], backup["verdict"], backup["until"]) == (
        "backoff_waiting",
        "waiting",
        "2026-11-22T02:01:49Z",
    )
    assert backup["next"] == {"at": "2026-11-22T02:01:49Z", "event": "tick", "target": "retrying"}
    fields = {each["guard"]: each["fields"] for each in backup["why"]}
    assert fields["retry_is_due"] == {"status.backoffRetryStatus[-1].expectedRetryAt": "2026-11-22T02:01:48Z"}
    events = {each["event"] for each in backup["events"] if each["taken"]}
    assert {"tick", "job_vanished", "deletion_requested"} <= events


def test_text_tells_the_same_in_words(run: Run, waiting: str) -> None:
    result = run("explain", "-f", waiting, "--at", WAITING)
    text = " ".join(result.out.split())
    assert "◷ waiting failure 1 is recorded" in text
    assert "until 2026-11-22T02:01:49Z (in 49s)" in text
    assert "since 2026-11-22T02:00:48Z (12s ago)" in text
    assert "next 2026-11-22T02:01:49Z (in 49s): retrying" in text
    assert "retry_is_due is false" in text
    assert "expectedRetryAt = 2026-11-22T02:01:48Z" in text
    assert "tick → stays: Not yet." in text
    assert "refused retry_due (not now: see the guards)" in text
    assert "1 backup (1 waiting); 1 job (1 failed)" in text
    assert (result.code, result.err) == (0, "")


def test_verbose_text_shows_also_what_the_guards_refuse(run: Run, waiting: str) -> None:
    refused = "(not now) tick [retry_is_due] → retrying"
    assert refused in run("explain", "-f", waiting, "--at", WAITING, "-v").out
    assert refused not in run("explain", "-f", waiting, "--at", WAITING).out


def test_the_stuck_log_start_names_its_trap_and_the_way_out(run: Run) -> None:
    result = run("explain", "-f", *OOM, "--exit-code")
    assert result.code == 3
    assert "■ stuck" in result.out
    assert "way out" in result.out
    assert "OOMKilled" in result.out
    backup = backup_of(run, "-f", *OOM)
    assert (backup["verdict"], backup["trap"]) == ("stuck", "silent-death")
    assert backup["commands"]["log-start"]["state"] == "failed"


def test_files_are_given_with_or_without_repeating_the_flag(run: Run) -> None:
    at = ("--at", "2026-11-22T03:00:00Z")
    repeated = [part for file in OOM for part in ("-f", file)]
    assert run("explain", *repeated, *at).out == run("explain", "-f", *OOM, *at).out
    assert run("explain", "--filename", OOM[0], "-f", OOM[1], OOM[2], *at).out == run("explain", "-f", *OOM, *at).out


def test_the_final_answer_is_that_of_replay(run: Run) -> None:
    replayed = run("replay", *OOM, "--at", "2026-11-22T03:00:00Z", "-o", "json").json
    explained = run("explain", "-f", *OOM, "--at", "2026-11-22T03:00:00Z", "-o", "json").json
    assert explained["jobs"] == replayed["jobs"]
    for entry, same in zip(replayed["backups"], explained["backups"], strict=True):
        shared = entry.keys() - {"transitions", "droppedTransitions", "since"}
        assert {key: same[key] for key in shared} == {key: entry[key] for key in shared}


def test_yaml_from_stdin_is_read_as_kubectl_prints_it(run: Run, waiting: str) -> None:
    text = yaml.safe_dump(json.loads(Path(waiting).read_text()))
    from_yaml = run("explain", "-f", "-", "--at", WAITING, stdin=text.encode())
    assert from_yaml.out == run("explain", "-f", waiting, "--at", WAITING).out


def test_the_clock_is_now_unless_the_objects_are_newer(run: Run, waiting: str) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    told = datetime.fromisoformat(run("explain", "-f", waiting, "-o", "json").json["at"])
    newest = datetime.fromisoformat("2026-11-22T02:00:48Z")
    assert max(before, newest) <= told <= max(datetime.now(UTC), newest)
    future = Path(waiting).read_text().replace("2026-11-22", "2999-11-22")
    assert run("explain", "-f", "-", "-o", "json", stdin=future.encode()).json["at"] == "2999-11-22T02:00:48Z"
    assert run("explain", "-f", waiting, "--at", "2020-01-01T00:00:00Z").code == 2


def test_a_backup_that_was_not_given_is_named_as_missing(run: Run) -> None:
    result = run("explain", "-f", OOM[1], "-o", "json")
    backup = result.json["backups"][0]
    assert (backup["machine"], backup["verdict"], backup["needs"]) == (
        None,
        "uncertain",
        ["Backup tidb-cluster/demo-log"],
    )
    assert "why" not in backup
    assert "a Backup that was not given" in run("explain", "-f", OOM[1]).out
