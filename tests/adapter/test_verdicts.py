"""Exactly one verdict, first match wins: done, trap, failed, uncertain, waiting, progressing."""

from __future__ import annotations

from typing import Any

import pytest

from fsm.adapter.observation import SeenJob
from fsm.adapter.verdict import DEADLINES, deadlines_with
from fsm.errors import UsageError
from tests.things import at, clock, condition, job, judged, log, pod, record, snapshot, terminated

STREAM = {"commitTs": "449000000000000000"}
START = {"log-start": "Complete"}
ALREADY = {"phase": "Failed", "backoffRetryStatus": [record(1, at(1), at(2), at(2, 1)), record(2, at(4), at(6))]}
WAITING_IMAGE = {
    "containerStatuses": [
        {
            "name": "backup",
            "image": "pingcap/br:v8.5.22",
            "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}},
        }
    ]
}


def _failed(message: str) -> dict[str, Any]:
    return {**ALREADY, "conditions": [condition("Failed", reason="AlreadyFailed", message=message)]}


ROWS: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "new": ((snapshot(),), {}, "waiting"),
    "new for too long": ((snapshot(),), {"now": clock(10)}, "stuck"),
    "scheduled, Job at work": ((snapshot("Scheduled", "Scheduled"), job()), {}, "progressing"),
    "scheduled, Job not given": ((snapshot("Scheduled", "Scheduled"),), {}, "uncertain"),
    "running, Job complete": ((snapshot("Running", "Scheduled"), job("Complete")), {}, "uncertain"),
    "running, Job suspended": (
        (snapshot("Running", "Scheduled"), job("Suspended", spec={"suspend": True})),
        {},
        "waiting",
    ),
    "FailureTarget": ((snapshot("Running", "Scheduled"), job("FailureTarget", ended=at(3))), {}, "waiting"),
    "FailureTarget for too long": (
        (snapshot("Running", "Scheduled"), job("FailureTarget", ended=at(3))),
        {"now": clock(18)},
        "stuck",
    ),
    "image pull": (
        (snapshot("Scheduled", "Scheduled"), job()),
        {"pods": (pod("Pending", status=WAITING_IMAGE),)},
        "waiting",
    ),
    "image pull for too long": (
        (snapshot("Scheduled", "Scheduled"), job()),
        {"pods": (pod("Pending", status=WAITING_IMAGE),), "now": clock(10)},
        "stuck",
    ),
    "waits for its retry": (
        (snapshot("Running", "Scheduled", status={"backoffRetryStatus": [record(1, at(1), at(2))]}), job("Failed")),
        {"now": clock(1, 30)},
        "waiting",
    ),
    "waits for its retry, Job not given": (
        (snapshot("Running", "Scheduled", status={"backoffRetryStatus": [record(1, at(1), at(2))]}),),
        {"now": clock(1, 30)},
        "uncertain",
    ),
    "complete": ((snapshot("Complete", "Scheduled", "Complete"),), {}, "done"),
    "complete, its Job failed late": ((snapshot("Complete", "Complete"), job("Failed")), {}, "done"),
    "exhausted": (
        (snapshot(status=_failed("exceed retry times, max is 1, failed reason R, original reason O")),),
        {},
        "failed",
    ),
    "timed out": (
        (snapshot(status=_failed("retry timeout, max is 30m, failed reason R, original reason O")),),
        {},
        "failed",
    ),
    "aborted": ((snapshot("Failed", "Failed"),), {}, "failed"),
    "gone": ((snapshot("Running", "Running"),), {"gone": True}, "done"),
    "being deleted": ((snapshot("Running", metadata={"deletionTimestamp": at(1)}),), {}, "progressing"),
    "streaming": ((log("Running", subs=START, status=STREAM),), {}, "progressing"),
    "starting, Job not given": ((log("Running", subs={"log-start": "Running"}),), {}, "uncertain"),
    "paused as wished": (
        (log("Paused", spec={"logSubcommand": "log-pause"}, subs={**START, "log-pause": "Complete"}, status=STREAM),),
        {},
        "waiting",
    ),
    "stopped": (
        (log("Stopped", spec={"logStop": True}, subs={**START, "log-stop": "Complete"}, status=STREAM),),
        {},
        "done",
    ),
    "stopped, truncate under way": (
        (
            log(
                "Stopped",
                spec={"logStop": True, "logTruncateUntil": "450000000000000000"},
                subs={**START, "log-stop": "Complete"},
                status=STREAM,
            ),
            job(name="backup-demo-log-truncate"),
        ),
        {},
        "progressing",
    ),
    "volume waits for execute": (
        (
            snapshot(
                "VolumeBackupInitialized",
                "Scheduled",
                "VolumeBackupInitialized",
                spec={"backupMode": "volume-snapshot", "federalVolumeBackupPhase": "initialize"},
            ),
        ),
        {},
        "waiting",
    ),
}


@pytest.mark.parametrize(("given", "options", "verdict"), ROWS.values(), ids=ROWS)
def test_a_situation_has_its_verdict(given: tuple[Any, ...], options: dict[str, Any], verdict: str) -> None:
    assert judged(*given, **options).backup.verdict == verdict


def test_every_verdict_says_why_and_a_bad_one_what_to_do() -> None:
    for name, (given, options, verdict) in ROWS.items():
        found = judged(*given, **options).backup
        assert found.because, name
        assert bool(found.escape) or verdict not in ("stuck", "failed"), name
        assert bool(found.needs) == (verdict == "uncertain"), name


@pytest.mark.parametrize("message", ["exceed retry times, max is 1", "retry timeout, max is 30m"])
def test_a_limit_is_read_from_the_beginning_of_the_message(message: str) -> None:
    backup = snapshot(status=_failed(message))
    assert judged(backup).backup.verdict == "failed"


def test_an_image_wait_names_the_image_and_ends_ten_minutes_after_the_pods_start() -> None:
    found = judged(snapshot("Scheduled", "Scheduled"), job(), pods=(pod("Pending", status=WAITING_IMAGE),)).backup
    assert "pingcap/br:v8.5.22" in found.because
    assert found.until == clock(10)


def test_the_worst_of_stream_and_current_command_is_the_verdict() -> None:
    backup = log("Running", spec={"logSubcommand": "log-pause"}, subs={**START, "log-pause": "Running"}, status=STREAM)
    found = judged(backup)
    assert found.backup.verdict == "uncertain"  # the pause's Job was not given
    assert {command: each.verdict for command, each in found.commands.items()} == {
        "log-start": "done",
        "log-pause": "uncertain",
    }


def test_a_job_of_another_owner_is_not_taken_for_ours() -> None:
    """The observation holds only Jobs whose ownerReference has the Backup's uid; a name proves nothing (S19)."""
    stranger = job("Failed", name="backup-other")
    assert judged(snapshot("Running", "Scheduled"), stranger).backup.verdict == "uncertain"


def test_a_finished_job_that_was_tidied_away_is_no_failure() -> None:
    assert judged(snapshot("Complete", "Complete"), SeenJob(job("Complete"), clock(3))).backup.verdict == "done"


def test_a_deadline_can_be_changed_by_name() -> None:
    assert judged(snapshot(), now=clock(2), no_job=60).backup.verdict == "stuck"
    assert deadlines_with({"no-job": 60}) == {**DEADLINES, "no-job": 60}


def test_an_unknown_deadline_is_an_error_that_lists_the_names() -> None:
    with pytest.raises(UsageError, match="image-pull, pod-pending"):
        deadlines_with({"coffee": 1})


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (terminated("OOMKilled"), "OOMKilled"),
        ({**terminated("Error"), "reason": "Evicted"}, "Evicted"),
        (terminated("Error", 1), "Error"),
    ],
)
def test_a_failed_job_tells_the_cause_its_pod_gives(status: dict[str, Any], cause: str) -> None:
    found = judged(snapshot("Running", "Scheduled"), job("Failed"), pods=(pod("Failed", status=status),)).backup
    assert cause in found.because
