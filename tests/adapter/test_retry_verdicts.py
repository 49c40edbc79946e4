"""Verdicts on failed subcommands under a retry policy: what moves by itself, what waits, and what needs a person."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from fsm.adapter import TRAPS
from fsm.adapter.explanation import explanation_of
from fsm.adapter.log import LIFECYCLE
from fsm.adapter.log import state_of as log_state_of
from fsm.adapter.log_retry import attempt_of, performed_of
from fsm.adapter.observation import Observation, SeenJob
from fsm.adapter.outlook import outlook_of
from fsm.adapter.retry_verdict import ESCAPES
from fsm.adapter.verdict import Verdict
from fsm.companion import decision_of, looking
from fsm.model import POLICY_ANNOTATION, STATUS_ANNOTATION, Backup, Job, LogBackupRetryPolicy
from tests.things import at, clock, condition, job, judged, log, pod, record

POLICY: dict[str, Any] = {"maxRetryTimes": 2, "minRetryDuration": "1m", "jitter": 0, "retryTimeout": "30m"}
STREAM = {"commitTs": "449000000000000000"}
START, PAUSE = "log-start", "log-pause"
NAME, OTHER = "backup-demo-log-start", "backup-demo-log-truncate"


def written(number: int = 1, detected: str = at(1), expected: str = at(2), **more: Any) -> dict[str, Any]:
    """A record of the companion."""
    return {**record(number, detected, expected), "episode": 1, "command": START, "jobUid": "j-1", **more}


def stands(state: str, *records: dict[str, Any], reason: str = "", message: str = "", **more: Any) -> dict[str, Any]:
    """The annotation where the newest record stands so."""
    said = {"state": state, "reason": reason, "message": message, "since": at(1)}
    return {"records": list(records or (written(),)), **said, **more}


def backup(
    retries: dict[str, Any] | str | None,
    policy: dict[str, Any] | str = POLICY,
    command: str = START,
    phase: Any = "Running",
    **more: Any,
) -> Backup:
    """A log backup whose current command has that phase (and reason)."""
    given = {POLICY_ANNOTATION: policy if isinstance(policy, str) else json.dumps(policy)}
    if retries is not None:
        given[STATUS_ANNOTATION] = retries if isinstance(retries, str) else json.dumps(retries)
    subs = {command: phase} if command == START else {START: "Complete", command: phase}
    started = {} if command == START else STREAM
    spec = {} if command == START else {"logSubcommand": command}
    more = {"spec": spec, "status": started, "metadata": {}, **more}
    more["metadata"] = {"annotations": given, **more["metadata"]}
    return log("Running", subs=subs, **more)


def dead(**more: Any) -> Job:
    return job("Failed", name=NAME, ended=at(1), **more)


def terminating(minute: int) -> Job:
    return job(name=NAME, metadata={"deletionTimestamp": at(minute), "finalizers": ["foregroundDeletion"]})


STUCK_JOB = dead(metadata={"deletionTimestamp": at(2, 2), "finalizers": ["foregroundDeletion"]})
"""It failed, and its pod does not go."""
BEGUN = written(realRetryAt=at(2, 1))
OOM = written(originalReason="BackoffLimitExceeded", cause="OOMKilled")
EXHAUSTED = (BEGUN, {**BEGUN, "retryNum": 2}, written(3, at(9), at(13)))
OF_PAUSE = written(command=PAUSE)
HOPELESS = {**POLICY, "nonRetryableReasons": ["OOMKilled"]}
ERROR_PAUSED = {
    "phase": "RetryFailed",
    **STREAM,
    "logSubCommandStatuses": {
        START: {
            "command": START,
            "phase": "RetryFailed",
            "conditions": [condition("RetryFailed", at(1), reason="LogBackupErrorPaused", message="region is gone")],
        }
    },
}


class Row(NamedTuple):
    """What was given, and what is said of it. `words` are in the reason, `way` is in the way out."""

    given: tuple[Any, ...]
    verdict: str
    words: str
    way: str = ""
    until: int | None = None
    now: int = clock(1, 30)


ROWS: dict[str, Row] = {
    "failed, not recorded": Row((backup(None), dead()), "progressing", "records it at its next look"),
    "vanished, not recorded": Row(
        (backup(None), SeenJob(job(name=NAME), clock(1))), "progressing", "vanished before it had finished"
    ),
    "aborted, not recorded": Row(
        (backup(None, phase=("Failed", "StartLogBackupFailed")),),
        "progressing",
        "the program reported that log-start failed (StartLogBackupFailed); the companion records it",
    ),
    "a pause aborted, which nothing else repeats": Row(
        (backup(None, command=PAUSE, phase="Failed"),), "progressing", "records it"
    ),
    "its task was not found": Row(
        (backup(None, phase=("Failed", "LogBackupTaskNotFound"), status=STREAM),),
        "progressing",
        "the operator reported that it did not find the task of log-start (LogBackupTaskNotFound); the companion",
    ),
    "it had failed for good, and its records were removed": Row(
        (backup(None, phase=("Failed", "AlreadyFailed")),),
        "progressing",
        "the companion had reported that log-start failed for good (AlreadyFailed); the companion records it",
    ),
    "waits for its time": Row(
        (backup(stands("backoff_waiting", OOM)), dead()),
        "waiting",
        "retry 1 of 2 of log-start waits for its time (BackoffLimitExceeded, because its pod: OOMKilled); "
        f"no retry begins after {at(31)}",
        until=clock(2, 1),
    ),
    "waits for its time, its Job was removed": Row(
        (backup(stands("backoff_waiting")),), "waiting", "waits for its time", until=clock(2, 1)
    ),
    "the second the wait is over": Row(
        (backup(stands("backoff_waiting")), dead()), "progressing", "is due", now=clock(2, 1)
    ),
    "the second before": Row(
        (backup(stands("backoff_waiting")), dead()), "waiting", "waits", until=clock(2, 1), now=clock(2)
    ),
    "waited beyond its timeout": Row(
        (backup(stands("backoff_waiting")), dead()), "progressing", "retryTimeout has passed", now=clock(31, 1)
    ),
    "waits, and the limit was lowered": Row(
        (backup(stands("backoff_waiting", BEGUN, written(2, at(4), at(6))), {**POLICY, "maxRetryTimes": 1}), dead()),
        "progressing",
        "maxRetryTimes was lowered",
    ),
    "due, the task unseen": Row((backup(stands("verifying")), dead()), "waiting", "proves nothing", now=clock(3)),
    "due, the task unseen for too long": Row(
        (backup(stands("verifying")), dead()), "progressing", "retryTimeout", now=clock(40)
    ),
    "the retry begins": Row(
        (backup(stands("retrying", BEGUN), phase="RetryFailed"), dead()), "progressing", "about to remove"
    ),
    "the retry begins, the failed Job is gone": Row(
        (backup(stands("retrying", BEGUN), phase="RetryFailed"), SeenJob(dead(), clock(2, 2))),
        "progressing",
        "the operator makes the next one",
    ),
    "the retry begins, the failed Job goes slowly": Row(
        (
            backup(stands("retrying", BEGUN), phase="RetryFailed"),
            STUCK_JOB,
        ),
        "waiting",
        "waits for its pods",
        until=clock(17, 2),
        now=clock(3),
    ),
    "the retry begins, the failed Job does not go": Row(
        (
            backup(stands("held", BEGUN, reason="JobIsTerminating"), phase="RetryFailed"),
            STUCK_JOB,
        ),
        "stuck",
        "too long",
        "by force",
        now=clock(17, 2),
    ),
    "the retry begins, its Job was not given": Row(
        (backup(stands("retrying", BEGUN), phase="RetryFailed"),), "uncertain", "was not given"
    ),
    "the retry is at work": Row(
        (backup(stands("retrying", BEGUN), phase="RetryFailed"), job(name=NAME, uid="j-2", created=at(2, 3))),
        "progressing",
        "is active; the attempt counts as failed once attemptTimeout is over",
        until=clock(12, 4),
        now=clock(3),
    ),
    "an attempt that hangs, in the last second of its timeout": Row(
        (backup(None), job(name=NAME)), "progressing", "counts as failed once", until=clock(10, 1), now=clock(10)
    ),
    "an attempt that hangs": Row(
        (backup(None), job(name=NAME)),
        "progressing",
        "attemptTimeout is over, and the companion counts it as failed at its next look",
        now=clock(10, 1),
    ),
    "an attempt that hangs, suspended": Row(
        (backup(None, {**POLICY, "suspend": True}), job(name=NAME)),
        "progressing",
        "the companion counts it as failed",
        now=clock(10, 1),
    ),
    "an image that cannot be pulled yet": Row(
        (backup(None, {**POLICY, "attemptTimeout": "20m"}, phase="Scheduled"), job(name=NAME)),
        "waiting",
        "cannot pull",
        until=clock(10),
        now=clock(9),
    ),
    "an image that cannot be pulled yet, and soon need not be": Row(
        (backup(None, {**POLICY, "attemptTimeout": "5m"}, phase="Scheduled"), job(name=NAME)),
        "waiting",
        "counts as failed once attemptTimeout is over",
        until=clock(5, 1),
        now=clock(5),
    ),
    "an image that cannot be pulled yet, and need not be": Row(
        (backup(None, {**POLICY, "attemptTimeout": "5m"}, phase="Scheduled"), job(name=NAME)),
        "progressing",
        "counts it as failed at its next look",
        now=clock(5, 1),
    ),
    "held, hopeless": Row(
        (
            backup(
                stands("held", OOM, reason="NotRetryable", message="OOMKilled is one of nonRetryableReasons"),
                HOPELESS,
            ),
            dead(),
        ),
        "stuck",
        "OOMKilled is one of nonRetryableReasons",
        "mend the cause, then take the reason off nonRetryableReasons",
    ),
    "held as hopeless, and no longer so": Row(
        (backup(stands("held", OOM, reason="NotRetryable")), dead()), "progressing", "is no longer so"
    ),
    "held by an attempt that takes too long": Row(
        (backup(stands("held", reason="AttemptTimeout")), job(name=NAME)),
        "progressing",
        "took too long",
        now=clock(10, 1),
    ),
    "held by a Job that is not finished": Row(
        (backup(stands("held", reason="JobIsNotFinished")), job(name=NAME)),
        "waiting",
        "once attemptTimeout is over",
        until=clock(10, 1),
    ),
    "held by a Job that goes": Row(
        (backup(stands("held", reason="JobIsTerminating")), terminating(3)),
        "waiting",
        "waits for its pods",
        until=clock(18),
        now=clock(4),
    ),
    "held by a Job that does not go": Row(
        (backup(stands("held", reason="JobIsTerminating")), terminating(3)),
        "stuck",
        "too long",
        "by force",
        now=clock(18),
    ),
    "held by a Job that is gone": Row(
        (backup(stands("held", reason="JobIsTerminating")), SeenJob(terminating(3), clock(4))),
        "progressing",
        "out of the way",
        now=clock(5),
    ),
    "held by a Job that was not given": Row(
        (backup(stands("held", reason="JobIsTerminating")),), "uncertain", "was not given"
    ),
    "held because the operator does not take it up, its Job gone": Row(
        (backup(stands("held", BEGUN, reason="NotTakenUp", message="no word since"), phase="RetryFailed"),),
        "stuck",
        "no word since",
        "restart the operator",
    ),
    "held by another command": Row(
        (backup(stands("held", reason="OtherCommandAtWork", message="Job x is at work")), dead()),
        "waiting",
        "Job x is at work",
    ),
    **{
        f"held by another command whose Job is {end}": Row(
            (backup(stands("held", reason="OtherCommandAtWork", message=f"Job {OTHER} is at work")), dead(), other),
            "progressing",
            "what held it (OtherCommandAtWork) is no longer so",
        )
        for end, other in {
            "complete": job("Complete", name=OTHER, uid="j-9"),
            "failed": job("Failed", name=OTHER, uid="j-9"),
            "gone": SeenJob(job(name=OTHER, uid="j-9"), clock(1)),
        }.items()
    },
    "held by another command, and the Job of a third is complete": Row(
        (
            backup(stands("held", reason="OtherCommandAtWork", message=f"Job {OTHER} is at work")),
            dead(),
            job("Complete", name="backup-demo-log-stop", uid="j-9"),
        ),
        "waiting",
        f"Job {OTHER} is at work",
    ),
    "held by another command whose Job is at work": Row(
        (
            backup(stands("held", reason="OtherCommandAtWork", message=f"Job {OTHER} is at work")),
            dead(),
            job(name=OTHER, uid="j-9"),
        ),
        "waiting",
        f"Job {OTHER} is at work",
    ),
    "held by another command whose Job is stuck": Row(
        (
            backup(stands("held", reason="OtherCommandAtWork", message="Job x is at work")),
            dead(),
            job("FailureTarget", name=OTHER, uid="j-9", ended=at(1)),
        ),
        "stuck",
        "that is stuck",
        "find out why",
        now=clock(16),
    ),
    "suspended by a person": Row(
        (backup(stands("held", reason="Suspended"), {**POLICY, "suspend": True}), dead()),
        "waiting",
        "retryTimeout goes on",
        "set suspend to false",
    ),
    "no longer suspended": Row((backup(stands("held", reason="Suspended")), dead()), "progressing", "is no longer so"),
    "held until the log backup has started": Row(
        (backup(stands("held", OF_PAUSE, reason="NotStarted"), command=PAUSE, status={}),),
        "waiting",
        "status.commitTs",
        "wish log-start",
    ),
    "held until it has started, which it has": Row(
        (backup(stands("held", OF_PAUSE, reason="NotStarted"), command=PAUSE),), "progressing", "is no longer so"
    ),
    "suspended beyond its timeout": Row(
        (backup(stands("held", reason="Suspended"), {**POLICY, "suspend": True}), dead()),
        "progressing",
        "will not begin (BackoffLimitExceeded): retryTimeout has passed",
        now=clock(31, 1),
    ),
    "suspended in the last second": Row(
        (backup(stands("held", reason="Suspended"), {**POLICY, "suspend": True}), dead()),
        "waiting",
        "retryTimeout goes on",
        "set suspend to false",
        now=clock(31),
    ),
    "held by the task beyond its timeout": Row(
        (backup(stands("held", reason="TaskIsPausedByHand")), dead()),
        "progressing",
        "retryTimeout has passed",
        now=clock(31, 1),
    ),
    "held as hopeless, and no longer so, beyond its timeout": Row(
        (backup(stands("held", OOM, reason="NotRetryable")), dead()),
        "progressing",
        "retryTimeout has passed",
        now=clock(31, 1),
    ),
    "held as hopeless beyond its timeout": Row(
        (backup(stands("held", OOM, reason="NotRetryable"), HOPELESS), dead()),
        "stuck",
        "is held (BackoffLimitExceeded, because its pod: OOMKilled) by NotRetryable",
        "take the reason off nonRetryableReasons, and raise retryTimeout too: beyond that no retry begins",
        now=clock(31, 1),
    ),
    "held as hopeless beyond both limits": Row(
        (backup(stands("held", {**OOM, "retryNum": 3}, reason="NotRetryable"), HOPELESS), dead()),
        "stuck",
        "NotRetryable",
        "and raise maxRetryTimes and retryTimeout too",
        now=clock(31, 1),
    ),
    "held as hopeless, suspended, beyond its timeout": Row(
        (backup(stands("held", OOM, reason="NotRetryable"), {**HOPELESS, "suspend": True}), dead()),
        "progressing",
        "retryTimeout has passed",
        now=clock(31, 1),
    ),
    "the retry begins beyond its timeout, the failed Job does not go": Row(
        (
            backup(stands("held", BEGUN, reason="JobIsTerminating"), phase="RetryFailed"),
            STUCK_JOB,
        ),
        "stuck",
        "too long",
        "by force",
        now=clock(31, 1),
    ),
    **{
        f"held: {reason}": Row(
            (backup(stands("held", reason=reason, message="what was seen")), dead()), "stuck", "what was seen", way
        )
        for reason, way in ESCAPES.items()
        if reason != "NotRetryable"
    },
    "held for a reason that is not known here": Row(
        (backup(stands("held", reason="Moonshine", message="it shines")), dead()),
        "stuck",
        "Moonshine: it shines",
        "ask",
    ),
    "exhausted": Row(
        (backup(stands("exhausted", *EXHAUSTED)), dead()),
        "stuck",
        "maxRetryTimes (2) is used up; it is degraded, and the task is watched still",
        "raise maxRetryTimes, or",
    ),
    "exhausted, and by now late too": Row(
        (backup(stands("exhausted", *EXHAUSTED)), dead()),
        "stuck",
        f"maxRetryTimes (2) and retryTimeout (until {at(31)}) are used up",
        "raise maxRetryTimes and retryTimeout, or",
        now=clock(31, 1),
    ),
    "exhausted, and raised too late": Row(
        (backup(stands("exhausted", *EXHAUSTED), {**POLICY, "maxRetryTimes": 3}), dead()),
        "stuck",
        f"log-start failed for good (BackoffLimitExceeded): retryTimeout (until {at(31)}) is used up",
        "raise retryTimeout, or",
        now=clock(31, 1),
    ),
    "exhausted, and the limit was raised": Row(
        (backup(stands("exhausted", BEGUN, written(2, at(9), at(13)))), dead()), "progressing", "were raised"
    ),
    "timed out": Row(
        (backup(stands("timed_out")), dead()),
        "stuck",
        f"retryTimeout (until {at(31)}) is used up",
        "raise retryTimeout, or",
        now=clock(40),
    ),
    "exhausted for good": Row(
        (
            backup(
                stands("exhausted", written(3)), {**POLICY, "onExhausted": "Fail"}, phase=("Failed", "AlreadyFailed")
            ),
            dead(),
        ),
        "failed",
        "maxRetryTimes (2) is used up, and onExhausted is Fail: the task is watched no more",
        "raise maxRetryTimes, or remove",
    ),
    "exhausted for good, and the limit was raised": Row(
        (
            backup(
                stands("exhausted", *EXHAUSTED),
                {**POLICY, "onExhausted": "Fail", "maxRetryTimes": 4},
                phase=("Failed", "AlreadyFailed"),
            ),
            dead(),
        ),
        "progressing",
        "had failed for good, and the limits were raised: it goes on",
    ),
    "a pause exhausted for good": Row(
        (
            backup(
                stands("exhausted", written(3, command=PAUSE)),
                {**POLICY, "onExhausted": "Fail"},
                command=PAUSE,
                phase=("Failed", "AlreadyFailed"),
            ),
        ),
        "stuck",
        "the task is watched no more",
        "for a new episode",
    ),
    "paused by an error, which is held": Row(
        (backup(None, status=ERROR_PAUSED),), "stuck", "onErrorPause is Hold", "br log resume"
    ),
    "paused by an error, which is resumed": Row(
        (backup(None, {**POLICY, "onErrorPause": "Resume"}, status=ERROR_PAUSED),),
        "progressing",
        "region is gone",
    ),
    "marked RetryFailed though it streams": Row(
        (backup(None, phase="RetryFailed", status={"phase": "RetryFailed", **STREAM}),), "progressing", "mends that"
    ),
    "marked RetryFailed under a suspended policy": Row(
        (backup(None, {**POLICY, "suspend": True}, phase="RetryFailed", status={"phase": "RetryFailed", **STREAM}),),
        "stuck",
        "S9",
        "log-pause",
    ),
    "an image that cannot be pulled, before its timeout": Row(
        (backup(None, {**POLICY, "attemptTimeout": "20m"}, phase="Scheduled"), job(name=NAME)),
        "waiting",
        "counts as failed",
        "",
        until=clock(20, 1),
        now=clock(11),
    ),
    "an image that cannot be pulled, after it": Row(
        (backup(None, phase="Scheduled"), job(name=NAME)), "progressing", "counts it as failed", now=clock(11)
    ),
    "an image that cannot be pulled, in the second of its timeout": Row(
        (backup(None, {**POLICY, "attemptTimeout": "20m"}, phase="Scheduled"), job(name=NAME)),
        "progressing",
        "counts it as failed",
        now=clock(20, 1),
    ),
    "an image that cannot be pulled, suspended": Row(
        (backup(None, {**POLICY, "suspend": True}, phase="Scheduled"), job(name=NAME)),
        "progressing",
        "the companion counts it as failed",
        now=clock(11),
    ),
    "due, the task unseen, in the last second": Row(
        (backup(stands("verifying")), dead()), "waiting", "proves nothing", now=clock(31)
    ),
    "a policy that cannot be read": Row(
        (backup(None, '{"maxRetryTimes": "many"}'), dead()),
        "stuck",
        f"metadata.annotations[{POLICY_ANNOTATION}]",
        "correct that annotation",
    ),
    "records that cannot be read": Row(
        (backup("records?"), dead()),
        "stuck",
        f"metadata.annotations[{STATUS_ANNOTATION}]",
        "correct that annotation",
    ),
    "a stream whose policy cannot be read": Row(
        (backup(None, "{", phase="Complete", status=STREAM),), "progressing", "nothing is retried", "correct"
    ),
    "it had failed for good, and the policy was removed": Row(
        (log("Running", subs={START: ("Failed", "AlreadyFailed")}),),
        "failed",
        "the companion had reported that log-start failed for good (AlreadyFailed)",
        "create it anew",
    ),
    "switched off": Row((backup(None, {**POLICY, "maxRetryTimes": 0}), dead()), "stuck", "S7", "br log status"),
    "not among the retried commands": Row(
        (backup(None, {**POLICY, "commands": {"log-stop": {}}}), dead()), "stuck", "S7", "br log status"
    ),
    **{
        f"no br, which the companion leaves alone: {state or 'no record'}": Row(
            (backup(stands(state) if state else None, spec={"br": None}), dead()), "stuck", "S7", "br log status"
        )
        for state in ("", "backoff_waiting", "verifying", "held", "exhausted")
    },
}
IMAGE = {"containerStatuses": [{"name": "b", "image": "i", "state": {"waiting": {"reason": "ErrImagePull"}}}]}


def verdict_of(name: str) -> Verdict:
    row = ROWS[name]
    pods = (pod("Pending", status=IMAGE),) if "image" in name else ()
    return judged(*row.given, pods=pods, now=row.now).backup


@pytest.mark.parametrize("name", ROWS)
def test_a_failed_command_under_a_policy_has_its_verdict(name: str) -> None:
    row, found = ROWS[name], verdict_of(name)
    assert (found.verdict, found.until) == (row.verdict, row.until)
    assert row.words in found.because
    assert row.way in (found.escape or "")


def test_who_is_stuck_or_failed_is_told_the_way_out_and_who_waits_what_for() -> None:
    for name, row in ROWS.items():
        found = verdict_of(name)
        assert bool(found.escape) or row.verdict not in ("stuck", "failed"), name
        assert bool(found.needs) == (row.verdict == "uncertain"), name


def test_every_hold_that_only_a_person_ends_has_its_way_out() -> None:
    """The reasons that the companion gives for what it saw of the task."""
    found = [each for each in vars(looking).values() if isinstance(each, looking.Finding)]
    reasons = {each.reason for each in (*found, looking.paused_by_error("E")) if each.look is looking.Look.BLOCKED}
    assert reasons == set(ESCAPES) - {"NotRetryable", "NotTakenUp"}


@pytest.mark.parametrize("said", [looking.NOTHING_TO_DO_IT_TO.message, ESCAPES["TaskIsAbsent"]])
def test_no_wish_starts_the_task_of_a_log_backup_that_has_started(said: str) -> None:
    """For the operator log-start is done where there is a commitTs: it makes no Job."""
    assert "new full backup" in said
    assert "log-start" not in said


def test_a_command_whose_wish_is_gone_is_done() -> None:
    """Recorded or not; what is wished now has its own verdict."""
    for status in (stands("backoff_waiting"), stands("backoff_waiting", written(supersededAt=at(2))), None):
        given = backup(status, spec={"logStop": True})
        found = judged(given, dead(), now=clock(3))
        assert (found.commands[START].verdict, found.backup.verdict) == ("done", "waiting")
        assert "its retry is off" in found.commands[START].because
        assert "wish log-start" in (found.backup.escape or "")


def test_without_a_policy_a_stop_waits_for_a_start_that_is_dead() -> None:
    plain = log("Failed", spec={"logStop": True}, subs={START: "Failed"})
    assert judged(plain, now=clock(3)).backup.trap == "start-is-dead"


@pytest.mark.parametrize("spec", [{}, {"br": None}], ids=["with br", "without br"])
def test_nothing_is_retried_while_the_backup_is_being_deleted(spec: dict[str, Any]) -> None:
    given = backup(stands("backoff_waiting"), metadata={"deletionTimestamp": at(2)}, spec=spec)
    found = judged(given, dead(), now=clock(3))
    assert (found.backup.verdict, found.commands[START].verdict) == ("progressing", "done")
    assert found.commands[START].because == "log-start is not retried: the Backup is being deleted"


NEXT: dict[str, tuple[Backup, str | None]] = {
    "waits for its time": (backup(stands("backoff_waiting", OOM)), "timed_out"),
    "held by the task": (backup(stands("held", OOM, reason="TaskIsPausedByHand")), "timed_out"),
    "held as hopeless": (backup(stands("held", OOM, reason="NotRetryable"), HOPELESS), None),
    "held as hopeless, and suspended": (
        backup(stands("held", OOM, reason="NotRetryable"), {**HOPELESS, "suspend": True}),
        "timed_out",
    ),
    "held after it began": (backup(stands("held", BEGUN, reason="NotTakenUp"), phase="RetryFailed"), None),
    "no br, which the companion leaves alone": (backup(stands("backoff_waiting", OOM), spec={"br": None}), None),
}


@pytest.mark.parametrize(("given", "target"), NEXT.values(), ids=NEXT)
def test_what_is_told_to_come_next_does_come(given: Backup, target: str | None) -> None:
    """What the companion does at its next look, long after every limit."""
    observation = Observation(given, (SeenJob(dead()),))
    state = LIFECYCLE.state_of(observation)
    found = explanation_of(LIFECYCLE, observation, state, clock(40)).next
    assert (None if found is None else found.target) == target
    steps = decision_of(observation, None, clock(40)).steps
    assert [step.after.configuration[-1] for step in steps] == ([] if target is None else [target])


def test_no_trap_holds_where_a_policy_takes_care() -> None:
    """Of every row that is progressing or waiting, and has a policy that can be read."""
    ids = {trap.id for trap in TRAPS}
    for name, row in ROWS.items():
        assert verdict_of(name).trap in (ids if row.verdict == "stuck" else {None}) | {None}, name


# ------------------------------------------------------------------ what is still to come


def outlook(given: Backup, *jobs: Job, now: int = clock(14)) -> dict[str, Any] | None:
    found = outlook_of(Observation(given, tuple(map(SeenJob, jobs))), START, now)
    return None if found is None else found.to_json()


NOTHING = {"expectedAt": None, "timeoutAt": None, "held": None, "reason": None, "cause": None}


def test_an_outlook_tells_the_planned_retry_and_how_many_are_left() -> None:
    assert outlook(backup(stands("backoff_waiting", OOM)), dead()) == {
        "number": 1,
        "of": 2,
        "expectedAt": at(2),
        "timeoutAt": at(31),
        "attemptsLeft": 2,
        "held": None,
        "reason": "BackoffLimitExceeded",
        "cause": "OOMKilled",
    }


OUTLOOKS: dict[str, tuple[Backup, dict[str, Any]]] = {
    "nothing failed yet": (backup(None), {"number": 0, "attemptsLeft": 2, **NOTHING}),
    "held": (backup(stands("held", reason="TaskIsGone")), {"number": 1, "attemptsLeft": 2, "held": "TaskIsGone"}),
    "begun": (backup(stands("", BEGUN), phase="RetryFailed"), {"number": 1, "attemptsLeft": 1, "expectedAt": None}),
    "the second waits": (
        backup(stands("backoff_waiting", BEGUN, written(2, at(4), at(6)))),
        {"number": 2, "attemptsLeft": 1, "expectedAt": at(6), "timeoutAt": at(31)},
    ),
    "exhausted": (backup(stands("exhausted", *EXHAUSTED)), {"number": 2, "attemptsLeft": 0, "expectedAt": None}),
    "exhausted, and the limit was raised": (
        backup(stands("exhausted", *EXHAUSTED), {**POLICY, "maxRetryTimes": 3}),
        {"number": 2, "of": 3, "attemptsLeft": 1, "expectedAt": None},
    ),
    "exhausted for good, and the limit was raised": (
        backup(
            stands("exhausted", *EXHAUSTED),
            {**POLICY, "onExhausted": "Fail", "maxRetryTimes": 4},
            phase=("Failed", "AlreadyFailed"),
        ),
        {"number": 2, "of": 4, "attemptsLeft": 2},
    ),
    "exhausted, and the limit was lowered": (
        backup(stands("exhausted", *EXHAUSTED), {**POLICY, "maxRetryTimes": 1}),
        {"number": 2, "of": 1, "attemptsLeft": 0},
    ),
    "superseded": (backup(stands("backoff_waiting"), spec={"logStop": True}), {"number": 0, **NOTHING}),
}


@pytest.mark.parametrize(("given", "told"), OUTLOOKS.values(), ids=OUTLOOKS)
def test_the_outlook_of_a_situation(given: Backup, told: dict[str, Any]) -> None:
    found = outlook(given, dead())
    assert found is not None
    assert {key: found[key] for key in told} == told


def test_a_job_that_the_operator_ran_by_itself_uses_up_a_retry() -> None:
    found = outlook(backup(stands("backoff_waiting")), job(name=NAME, uid="j-2", created=at(3)))
    assert found is not None
    assert (found["number"], found["attemptsLeft"], found["expectedAt"]) == (1, 1, None)


def test_the_failure_of_another_command_is_not_told_as_this_one_s() -> None:
    records = (
        written(realRetryAt=at(2, 1), cause="OOMKilled"),
        written(detected=at(8), command=PAUSE, cause="Evicted"),
    )
    sub = {"command": START, "phase": "Complete", "conditions": [condition("Complete", at(5))]}
    status = {**STREAM, "logSubCommandStatuses": {START: sub, PAUSE: {"command": PAUSE, "phase": "Running"}}}
    found = outlook(backup(stands("held", *records, reason="TaskIsAbsent"), command=PAUSE, status=status))
    assert found is not None
    assert [found[key] for key in ("number", "attemptsLeft", "held", "cause")] == [1, 1, None, "OOMKilled"]


@pytest.mark.parametrize(
    ("state", "record"),
    [("backoff_waiting", OOM), ("verifying", OOM), ("held", OOM), ("exhausted", OOM), ("timed_out", OOM), ("", BEGUN)],
)
def test_no_retry_is_left_once_its_timeout_has_passed(state: str, record: dict[str, Any]) -> None:
    given, left = backup(stands(state, record)), 1 if record is BEGUN else 2
    for now, expected in ((clock(31), left), (clock(31, 1), 0)):
        found = outlook(given, dead(), now=now)
        assert found is not None
        assert found["attemptsLeft"] == expected


def test_who_has_been_complete_for_reset_after_since_its_last_retry_has_all_its_retries_again() -> None:
    """From the very second on from which a failure would begin a new episode."""
    policy = {**POLICY, "retryTimeout": "2h", "resetAfter": "30m"}

    def told(completed: str, now: int) -> tuple[Any, ...]:
        sub = {"command": START, "phase": "Complete", "conditions": [condition("Complete", completed)]}
        status = {**STREAM, "logSubCommandStatuses": {START: sub}}
        found = outlook(backup(stands("", BEGUN), policy, status=status), now=now)
        assert found is not None
        return tuple(found[key] for key in ("number", "attemptsLeft", "timeoutAt", "reason"))

    used = (1, 1, at(121), "BackoffLimitExceeded")
    assert told(at(5), clock(34, 59)) == used
    assert told(at(5), clock(35)) == (0, 2, None, None)
    assert told(at(2), clock(90)) == used  # complete before the retry began


def test_there_is_no_outlook_without_a_policy_that_is_in_force() -> None:
    assert outlook(log("Running", subs={START: "Running"}), dead()) is None
    assert outlook(backup(None, {**POLICY, "maxRetryTimes": 0}), dead()) is None
    assert outlook(backup(None, metadata={"deletionTimestamp": at(2)}), dead()) is None


def test_a_default_policy_counts_where_the_backup_has_none_and_only_there() -> None:
    default = LogBackupRetryPolicy.from_text(json.dumps({**POLICY, "maxRetryTimes": 7, "retryTimeout": "24h"}))
    for given, times in ((log("Running", subs={START: "Running"}), 7), (backup(None), 2)):
        found = outlook_of(Observation(given, log_policy=default), START, clock(14))
        assert found is not None
        assert found.of == times


def test_while_a_retry_begins_the_latest_job_is_that_of_the_attempt_before() -> None:
    seen = Observation(backup(stands("retrying", BEGUN), phase="RetryFailed"), (SeenJob(dead()),))
    assert (attempt_of(seen, START, "retrying"), performed_of(seen.backup, START)) == (0, 1)
    assert attempt_of(seen, START, "scheduled") == 1


def test_a_long_episode_has_performed_as_many_retries_as_its_numbers_say() -> None:
    """Ten records are kept of it, the first one too."""
    kept = [written(1, realRetryAt=at(2)), *(written(n, at(n), at(n + 1), realRetryAt=at(n + 2)) for n in range(9, 18))]
    assert performed_of(backup(stands("", *kept)), START) == 17


def test_a_failure_that_the_operator_ran_again_by_itself_is_no_retry_that_began() -> None:
    """It has a number of its own all the same."""
    kept = [written(1), written(2, at(3), at(4), jobUid="j-2", realRetryAt=at(5))]
    seen = Observation(backup(stands("retrying", *kept), phase="RetryFailed"))
    assert performed_of(seen.backup, START) == 1
    assert log_state_of(seen).context.retries == 1
