"""Every known way to be stuck is recognised with its way out, and its healthy neighbour is not taken for it."""

from __future__ import annotations

from typing import Any

import pytest

from fsm.adapter.observation import SeenJob
from fsm.adapter.traps import TRAPS
from tests.things import at, clock, condition, job, judged, log, pod, record, snapshot, terminated

RETRIED = {"backoffRetryStatus": [record(1, at(1), at(2), at(2, 1))]}
RETRY_FAILED = {
    "phase": "RetryFailed",
    "conditions": [
        condition("Scheduled"),
        condition("RetryFailed", at(2), reason="RetryFailedBackup"),
        condition("Restart", at(2, 1)),
    ],
    **RETRIED,
}
DELETING = {"deletionTimestamp": at(3), "finalizers": ["tidb.pingcap.com/backup-protection"]}
FAILED_JOB = {"ended": at(1)}
STREAM = {"commitTs": "449000000000000000"}
START = {"log-start": "Complete"}


def _deleted(minute: int) -> dict[str, Any]:
    return {"metadata": {"deletionTimestamp": at(minute), "finalizers": ["foregroundDeletion"]}}


STUCK: dict[str, tuple[Any, str, int]] = {
    "S1 delete lost": ((snapshot(status=RETRY_FAILED), job("Failed", **FAILED_JOB)), "delete-lost", clock(3)),
    "S2 job never gone": (
        (snapshot(status=RETRY_FAILED), job("Failed", **FAILED_JOB, **_deleted(2))),
        "job-never-gone",
        clock(18),
    ),
    "S3 scheduled lost": (
        (snapshot(status=RETRY_FAILED), job("Failed", uid="j-2", created=at(2, 5), ended=at(2, 9))),
        "scheduled-lost",
        clock(4),
    ),
    "S7 snapshot job vanished": (
        (snapshot("Running", "Scheduled", "Running"), SeenJob(job(), clock(2))),
        "job-vanished",
        clock(3),
    ),
    "S8 minimum unreadable": (
        (snapshot("Running", "Scheduled", spec={"backoffRetryPolicy": {"minRetryDuration": "soon"}}), job("Failed")),
        "policy-unreadable",
        clock(3),
    ),
    "S8 timeout unreadable, recorded": (
        (
            snapshot(
                "Running",
                "Scheduled",
                spec={"backoffRetryPolicy": {"minRetryDuration": "60s", "maxRetryTimes": 2, "retryTimeout": "30"}},
                status={"backoffRetryStatus": [record(1, at(1), at(2))]},
            ),
            job("Failed", **FAILED_JOB),
        ),
        "policy-unreadable",
        clock(3),
    ),
    "S11 invalid corrected": ((snapshot("Invalid", "Invalid"),), "invalid-corrected", clock(3)),
    "S7 log job failed": (
        (log("Running", subs={"log-start": "Running"}), job("Failed", name="backup-demo-log-start")),
        "silent-death",
        clock(3),
    ),
    "S7 log job vanished": (
        (log("Running", subs={"log-start": "Running"}), SeenJob(job(name="backup-demo-log-start"), clock(2))),
        "silent-death",
        clock(3),
    ),
    "6.6 pause failed": (
        (log("Running", spec={"logSubcommand": "log-pause"}, subs={**START, "log-pause": "Failed"}, status=STREAM),),
        "not-repeatable",
        clock(3),
    ),
    "6.6 resume failed": (
        (log("Paused", spec={"logSubcommand": "log-start"}, subs={**START, "log-resume": "Failed"}, status=STREAM),),
        "not-repeatable",
        clock(3),
    ),
    "6.6 stop failed": (
        (log("Running", spec={"logStop": True}, subs={**START, "log-stop": "Failed"}, status=STREAM),),
        "not-repeatable",
        clock(3),
    ),
    "S11 log start invalid, corrected": (
        (log("Invalid", subs={"log-start": "Invalid"}),),
        "invalid-corrected",
        clock(3),
    ),
    "S10 task not found": (
        (log("Failed", subs={"log-start": ("Failed", "LogBackupTaskNotFound")}, status=STREAM),),
        "task-not-found",
        clock(3),
    ),
    "S16 truncate never settles": (
        (log("Running", spec={"logTruncateUntil": "448000000000000000"}, subs=START, status=STREAM),),
        "truncate-never-settles",
        clock(3),
    ),
    "6.2 stop waits for a dead start": (
        (log("Failed", spec={"logStop": True}, subs={"log-start": "Failed"}),),
        "start-is-dead",
        clock(3),
    ),
    "S9 RetryFailed for ever": (
        (log("RetryFailed", subs={"log-start": "RetryFailed"}, status=STREAM),),
        "retry-failed-for-ever",
        clock(3),
    ),
    "S14 i stop job died": (
        (log("Running", subs=START, status=STREAM, metadata=DELETING), job("Failed", name="stop-demo")),
        "stop-job-died",
        clock(5),
    ),
    "S14 ii clean job exhausted": (
        (
            snapshot("CleanFailed", "Complete", spec={"cleanPolicy": "Delete"}, metadata=DELETING),
            job("Failed", name="clean-demo"),
        ),
        "clean-job-exhausted",
        clock(5),
    ),
    "S14 iii finalizer kept": ((snapshot("Complete", "Complete", metadata=DELETING),), "finalizer-kept", clock(5)),
    "S14 iv log without br": (
        (log("", spec={"br": None, "cleanPolicy": "Delete"}, metadata=DELETING),),
        "log-without-br",
        clock(5),
    ),
}

HEALTHY: dict[str, tuple[Any, str, int]] = {
    "failed job not yet recorded": (
        (snapshot("Running", "Scheduled"), job("Failed", **FAILED_JOB)),
        "progressing",
        clock(2),
    ),
    "terminating within its time": (
        (snapshot(status=RETRY_FAILED), job("Failed", **FAILED_JOB, **_deleted(2))),
        "waiting",
        clock(16),
    ),
    "failed job removed, its record not seen": (
        (snapshot("Running", "Scheduled", "Running"), SeenJob(job("Failed", **FAILED_JOB), clock(2))),
        "uncertain",
        clock(3),
    ),
    "next job at work, the record of the retry not seen": (
        (
            snapshot("Running", "Scheduled", "Running"),
            SeenJob(job("Failed", **FAILED_JOB), clock(2)),
            job(uid="j-2", created=at(2, 5)),
        ),
        "uncertain",
        clock(3),
    ),
    "old job gone": (
        (snapshot(status=RETRY_FAILED), SeenJob(job("Failed", **FAILED_JOB), clock(2, 2))),
        "progressing",
        clock(3),
    ),
    "newer job at work, Scheduled not written yet": (
        (snapshot(status=RETRY_FAILED), job(uid="j-2", created=at(2, 5))),
        "progressing",
        clock(3),
    ),
    "newer job vanished while RetryFailed": (
        (snapshot(status=RETRY_FAILED), SeenJob(job(uid="j-2", created=at(2, 5)), clock(3))),
        "progressing",
        clock(4),
    ),
    "invalid as ever": ((snapshot("Invalid", "Invalid", spec={"s3": {"bucket": ""}}),), "failed", clock(3)),
    "invalid for its TiKV": (
        (
            snapshot(
                status={
                    "phase": "Invalid",
                    "conditions": [condition("Invalid", message="tikv pingcap/tikv:v4 doesn't support")],
                }
            ),
        ),
        "failed",
        clock(3),
    ),
    "start failed by its program": (
        (log("Failed", subs={"log-start": ("Failed", "StartLogBackupFailed")}),),
        "failed",
        clock(3),
    ),
    "truncate failed by its program": (
        (
            log(
                "Running",
                spec={"logTruncateUntil": "450000000000000000"},
                subs=START,
                status={
                    **STREAM,
                    "logSubCommandStatuses": {
                        "log-start": {"command": "log-start", "phase": "Complete", "conditions": []},
                        "log-truncate": {
                            "command": "log-truncate",
                            "phase": "Failed",
                            "logTruncatingUntil": "450000000000000000",
                            "conditions": [condition("Failed")],
                        },
                    },
                },
            ),
        ),
        "failed",
        clock(3),
    ),
    "pause waits for the start": (
        (
            log("Running", spec={"logSubcommand": "log-pause"}, subs={"log-start": "Running"}),
            job(name="backup-demo-log-start"),
        ),
        "waiting",
        clock(3),
    ),
    "stop job at work at deletion": (
        (log("Running", subs=START, status=STREAM, metadata=DELETING), job(name="stop-demo")),
        "progressing",
        clock(5),
    ),
}


@pytest.mark.parametrize(("given", "trap", "now"), STUCK.values(), ids=STUCK)
def test_a_trap_is_stuck_and_names_its_section_and_its_way_out(given: Any, trap: str, now: int) -> None:
    verdict = judged(*given, now=now).backup
    assert (verdict.verdict, verdict.trap) == ("stuck", trap)
    assert "operator-semantics" in verdict.because
    assert verdict.escape
    assert verdict.evidence


@pytest.mark.parametrize(("given", "verdict", "now"), HEALTHY.values(), ids=HEALTHY)
def test_its_healthy_neighbour_is_not_stuck(given: Any, verdict: str, now: int) -> None:
    found = judged(*given, now=now).backup
    assert (found.verdict, found.trap) == (verdict, None)


def test_every_row_of_the_table_has_a_scenario() -> None:
    missing = {trap.id for trap in TRAPS} - {trap for _, trap, _ in STUCK.values()}
    assert not missing, f"add a scenario for {sorted(missing)} to STUCK in tests/adapter/test_traps.py"


def test_a_silent_death_names_the_cause_that_the_pod_tells() -> None:
    dead = job("Failed", name="backup-demo-log-start")
    verdict = judged(
        log("Running", subs={"log-start": "Running"}), dead, pods=(pod("Failed", status=terminated("OOMKilled")),)
    ).backup
    assert "OOMKilled" in verdict.because


def test_a_terminating_job_becomes_a_trap_exactly_at_its_deadline() -> None:
    backup, dying = snapshot(status=RETRY_FAILED), job("Failed", **FAILED_JOB, **_deleted(2))
    assert judged(backup, dying, now=clock(16, 59)).backup.until == clock(17)
    assert judged(backup, dying, now=clock(17)).backup.verdict == "stuck"
    assert judged(backup, dying, now=clock(4), terminating=60).backup.verdict == "stuck"
