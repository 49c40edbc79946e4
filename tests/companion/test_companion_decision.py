"""The companion's decision in scenes: what was seen, and what is done about it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from companion_scenes import (
    COMMANDS,
    COMMIT_TS,
    NO_JITTER,
    RECORDS,
    STARTED,
    Outcome,
    Scene,
    Task,
    again,
    annotated,
    at,
    clock,
    condition,
    current,
    job_of,
    lane,
    look,
    notes,
    phase_of,
    record,
)
from hypothesis import given
from hypothesis import strategies as st

from fsm.adapter import Observation, PatchBackup, SeenJob, state_of_log
from fsm.adapter.log_retry import performed_of, retries_of
from fsm.companion import decision_of, effects_of
from fsm.companion.events import SILENCE
from fsm.machines import DeleteJob, RequeueAt
from fsm.model import POLICY_ANNOTATION, STATUS_ANNOTATION, Backup, LogBackupRetryPolicy, LogCommand, Phase
from tests.things import log, pod, snapshot, terminated

FAILED = ("Failed",)
AFTER = clock(5)
"""After the retry of `record` is due."""


def waiting(command: str = "log-start", state: str = "backoff_waiting", **standing: Any) -> str:
    return notes(record(command=command), state=state, **standing)


# ------------------------------------------------------------------ off

HEALTHY_JOB = job_of()
OFF: dict[str, Backup] = {
    "without a policy": current(policy=None),
    "without a policy, with records": current(policy=None, notes=waiting()),
    "no retries": current(policy={"maxRetryTimes": 0}),
    "no retries, with records": current(policy={"maxRetryTimes": 0}, notes=waiting()),
    "no retries of this command": current(policy={"commands": {"log-stop": {}}}),
    "no retries of this command alone": current(policy={"commands": {"log-start": {"maxRetryTimes": 0}}}),
    "a policy that cannot be read": current(policy="maxRetryTimes: -1"),
    "a policy that is no text for a policy": current(policy="[" * 100_000),
    "a policy that contradicts itself": current(policy={"maxRetryDuration": "1s"}),
    "records that cannot be read": current(notes='{"records":'),
    "a record without its time": current(notes=notes({**record(), "expectedRetryAt": None})),
    "truncation, which was not asked for": current("log-truncate", policy={**NO_JITTER, "commands": {"log-start": {}}}),
    "being deleted": current(metadata={"deletionTimestamp": at(4), "finalizers": ["f"]}),
    "without br": current(spec={"br": None}),
    "a spec that is invalid": current(phase="Invalid"),
    "a snapshot": snapshot("Running", metadata=annotated()),
}
STATES = {
    "its Job failed": ((job_of("log-start", "Failed"), job_of("log-truncate", "Failed")), Task.RUNNING),
    "its Job vanished": ((), Task.ABSENT),
    "its Job hangs": ((job_of(), job_of("log-truncate")), Task.UNKNOWN),
}


@pytest.mark.parametrize("backup", OFF.values(), ids=OFF)
@pytest.mark.parametrize(("jobs", "task"), STATES.values(), ids=STATES)
def test_off_is_off(backup: Backup, jobs: Any, task: Task) -> None:
    """Nothing is done, whatever has failed, and nothing is asked for later."""
    for now in (AFTER, clock(1200)):
        assert look(backup, *jobs, task=task, now=now).decision.effects == ()


def test_a_default_is_in_force_where_the_backup_says_nothing_itself() -> None:
    default = LogBackupRetryPolicy.from_text(json.dumps(NO_JITTER))
    for policy, found in ((None, (RECORDS,)), ({"maxRetryTimes": 0}, ()), ("a: b: c", ())):
        sighting = Observation(current(policy=policy), (SeenJob(job_of("log-start", *FAILED)),))
        decision = decision_of(sighting, default, AFTER)
        assert Scene(sighting, AFTER, decision).outcome.patched == found
        assert effects_of(sighting, default, AFTER) == decision.effects


SUSPENDED = {**NO_JITTER, "suspend": True}
SUSPENSIONS: dict[str, tuple[Backup, tuple[Any, ...], Task]] = {
    "a Job that failed": (current(policy=SUSPENDED), ("Failed",), Task.ABSENT),
    "a retry that is due": (current(policy=SUSPENDED, notes=waiting()), ("Failed",), Task.ABSENT),
    "a retry that was looked at": (current(policy=SUSPENDED, notes=waiting(state="verifying")), FAILED, Task.ABSENT),
    "a wish that holds": (current(policy=SUSPENDED), ("Failed",), Task.RUNNING),
    "a Job that has to go": (current(policy=SUSPENDED, notes=waiting(state="held", reason="JobGoes")), (), Task.ABSENT),
    "a program that failed while its Job hangs": (current(phase="Failed", policy=SUSPENDED), (), Task.ABSENT),
}  # fmt: skip


@pytest.mark.parametrize(("backup", "conditions", "task"), SUSPENSIONS.values(), ids=SUSPENSIONS)
def test_while_it_is_suspended_failures_are_only_noted(backup: Backup, conditions: Any, task: Task) -> None:
    """The status and the Jobs are left alone; that it is suspended is the reason on record."""
    scene = look(backup, job_of("log-start", *conditions), task=task, now=clock(50))
    assert scene.outcome == Outcome("held", (RECORDS,), "Suspended", (), 60)


@pytest.mark.parametrize("phase", ["Scheduled", "Prepare", "Running"])
def test_while_it_is_suspended_an_attempt_that_takes_too_long_is_noted_and_left(phase: str) -> None:
    """Its clock goes on: the failure began when it was found."""
    scene = look(current(phase=phase, policy=SUSPENDED), job_of(), task=Task.RUNNING, now=clock(500))
    assert scene.outcome == Outcome("held", (RECORDS,), "Suspended", (), 60)
    assert scene.records[0].original_reason == "AttemptTimeout"
    resumed = {**json.loads(scene.after.backup.metadata.annotations[POLICY_ANNOTATION]), "suspend": False}
    annotations = {**scene.after.backup.metadata.annotations, POLICY_ANNOTATION: json.dumps(resumed)}
    metadata = scene.after.backup.metadata.with_(annotations=annotations)
    goes_on = again(scene.after._replace(backup=scene.after.backup.with_(metadata=metadata)), clock(501))
    assert goes_on.outcome.deleted == ("j-1",)


def test_while_it_is_suspended_a_task_that_could_be_mended_is_not_looked_at() -> None:
    backup = current(phase="RetryFailed", policy=SUSPENDED, status=STARTED)
    assert look(backup, job_of("log-start", "Complete"), task=Task.RUNNING, now=clock(500)).decision.effects == ()


def test_a_suspension_that_ends_lets_the_retry_go_on() -> None:
    held = waiting(state="held", reason="Suspended")
    assert look(current(notes=held), job_of("log-start", *FAILED), task=Task.ABSENT).outcome.state == "retrying"


# ------------------------------------------------------------------ ways of failing

OVERDUE = clock(10, 1)
WRITTEN = {
    "a Job that failed": (job_of("log-start", "Failed"), "BackoffLimitExceeded"),
    "a Job that ended without a result on record": (job_of("log-start", "Complete"), "ResultNotWritten"),
    "a Job that vanished": (None, "JobVanished"),
    "a Job that was seen to go": (SeenJob(job_of(), clock(1)), "JobVanished"),
    "a Job that failed and was seen to go": (SeenJob(job_of("log-start", "Failed"), clock(1)), "BackoffLimitExceeded"),
}


@pytest.mark.parametrize("phase", ["Scheduled", "Prepare", "Running"])
@pytest.mark.parametrize(("seen", "reason"), WRITTEN.values(), ids=WRITTEN)
def test_a_command_whose_job_has_ended_without_a_result_has_failed(phase: str, seen: Any, reason: str) -> None:
    scene = look(current(phase=phase), *([] if seen is None else [seen]), now=clock(3))
    assert scene.outcome == Outcome("backoff_waiting", (RECORDS,), "", (), 61)
    (found,) = scene.records
    gone = not isinstance(seen, SeenJob) and seen is not None
    assert (found.original_reason, found.job_uid) == (reason, "j-1" if gone else "")
    assert (found.detect_failed_at, found.expected_retry_at, found.retry_num) == (at(3), at(4), 1)


@pytest.mark.parametrize("phase", ["", "Scheduled", "Prepare", "Running", "RetryFailed"])
def test_an_attempt_that_takes_too_long_is_removed_by_its_uid_once_it_is_on_record(phase: str) -> None:
    """Pending is included. The operator is kept from running the command again by itself when the Job is gone."""
    standing = (phase_of("log-start"),) if phase in ("", "RetryFailed") else ()
    scene = look(current(phase=phase), job_of(), now=OVERDUE)
    assert scene.outcome == Outcome("held", (RECORDS, *standing), "JobIsNotFinished", ("j-1",), 60)
    assert isinstance(scene.decision.effects[0], PatchBackup)
    assert scene.records[0].original_reason == "AttemptTimeout"
    assert scene.after.backup.status.log_sub_command_statuses["log-start"].phase == (
        phase if not standing else "Scheduled"
    )


def test_an_attempt_whose_scheduled_was_never_written_over_repeatable_takes_too_long_too() -> None:
    scene = look(current("log-pause", "Repeatable"), job_of("log-pause"), task=Task.RUNNING, now=OVERDUE)
    assert scene.outcome == Outcome("held", (RECORDS, phase_of("log-pause")), "JobIsNotFinished", ("j-1",), 60)


@pytest.mark.parametrize("phase", ["Scheduled", "Prepare", "Running", "Failed"])
def test_before_that_it_is_only_waited_for(phase: str) -> None:
    """Of a program that has reported Failed the Job is waited for too: its end is the attempt's."""
    for now, wake in ((clock(1), 541), (clock(10), 1)):
        outcome = look(current(phase=phase), job_of(), task=Task.RUNNING, now=now).outcome
        assert (outcome.patched, outcome.deleted, outcome.wake) == ((), (), wake)


def test_a_job_on_a_lost_node_is_unfinished_until_the_job_controller_says_failed() -> None:
    target = {"conditions": [condition("FailureTarget", at(1), reason="PodFailurePolicy")]}
    lost = job_of(status=target)
    assert look(current(), lost, now=clock(9)).outcome.wake == 61
    assert look(current(), lost, now=OVERDUE).outcome.deleted == ("j-1",)


def test_an_overdue_job_that_somebody_else_deletes_holds_the_retry_until_it_is_gone() -> None:
    going = job_of(metadata={"deletionTimestamp": at(8)})
    assert look(current(), going, now=OVERDUE).outcome == Outcome("held", (RECORDS,), "JobIsTerminating", (), 60)


REPORTED = {
    "the program reported it": ({}, "StartLogBackupFailed", "Failed"),
    "the operator found no task": (STARTED, "LogBackupTaskNotFound", "Failed"),
}


def test_what_an_earlier_failure_was_hopeless_for_does_not_hold_another_one() -> None:
    """The record of the start says OOMKilled, which is not retried; the pause that is wished now died otherwise."""
    policy = {**NO_JITTER, "nonRetryableReasons": ["OOMKilled"]}
    notes_ = notes(record(command="log-start", cause="OOMKilled"), state="held", reason="NotRetryable")
    scene = look(current("log-pause", policy=policy, notes=notes_), job_of("log-pause", *FAILED), task=Task.RUNNING)
    assert [each.command for each in scene.records] == ["log-start", "log-pause"]
    assert (scene.outcome.state, scene.outcome.held) == ("backoff_waiting", "")


@pytest.mark.parametrize(("status", "reason", "phase"), REPORTED.values(), ids=REPORTED)
@pytest.mark.parametrize("conditions", [("Failed",), ("Complete",)], ids=["failed", "complete"])
def test_what_was_reported_failed_is_recorded_with_its_reason(
    status: Any, reason: str, phase: str, conditions: tuple[str, ...]
) -> None:
    backup = current(phase=phase, reason=reason, status={"phase": phase, **status})
    scene = look(backup, job_of("log-start", *conditions), now=clock(3))
    assert scene.outcome == Outcome("backoff_waiting", (RECORDS,), "", (), 61)
    assert (scene.records[0].original_reason, scene.records[0].job_uid) == (reason, "" if status else "j-1")


def error_pause(policy: str, notes_: str = "") -> Backup:
    sub = {"conditions": [condition("Complete", at(0)), condition("RetryFailed", at(3), reason="LogBackupErrorPaused")]}
    return current(
        phase="RetryFailed",
        policy={**NO_JITTER, "onErrorPause": policy},
        notes=notes_,
        status={**STARTED, "phase": "RetryFailed"},
        sub=sub,
    )


def test_a_pause_by_an_error_is_a_failure_where_the_policy_has_it_resumed() -> None:
    scene = look(error_pause("Resume"), job_of("log-start", "Complete"), task=Task.PAUSED, error="disk", now=clock(3))
    assert scene.outcome == Outcome("backoff_waiting", (RECORDS,), "", (), 61)
    assert scene.records[0].original_reason == "LogBackupErrorPaused"


def test_a_pause_by_an_error_is_watched_where_the_policy_holds() -> None:
    """Whoever resumes it has the Backup mended, which nothing in the operator does (S9)."""
    scene = look(error_pause("Hold"), job_of("log-start", "Complete"), task=Task.PAUSED, error="disk", now=clock(3))
    assert scene.outcome == Outcome("idle", (), "", (), 60)
    resumed = look(error_pause("Hold"), job_of("log-start", "Complete"), task=Task.RUNNING, now=clock(4, 1))
    assert resumed.outcome.state == "idle"
    assert resumed.after.backup.status.phase == "Running"
    assert resumed.after.backup.status.log_sub_command_statuses["log-start"].phase == "Complete"


def test_what_the_operator_has_seen_of_the_task_is_not_mended_while_it_believes_it() -> None:
    """It would say so again (6.5): that takes a minute. Nor is a failure recorded: the task shows that it is none."""
    believed = look(error_pause("Hold"), task=Task.RUNNING, now=clock(4))
    assert believed.outcome.patched == ()
    gone = current(
        phase="Failed",
        status={"phase": "Failed", **STARTED},
        sub={"conditions": [condition("Failed", at(3), reason="LogBackupTaskNotFound")]},
    )
    believed = look(gone, task=Task.RUNNING, now=clock(4))
    assert believed.outcome == Outcome("aborted", (), "", (), 1)
    mended = again(believed.seen, clock(4, 1))
    assert (mended.outcome.state, mended.records) == ("idle", ())


def test_an_old_word_of_the_operator_does_not_end_a_log_backup_that_was_resumed() -> None:
    """After a resume that worked the operator repeats, from what it saw before, that an error has paused the task."""
    once = {**NO_JITTER, "onErrorPause": "Resume", "onExhausted": "Fail", "maxRetryTimes": 1}
    resumed = record(jobUid="", originalReason="LogBackupErrorPaused", realRetryAt=at(4))
    said = condition("RetryFailed", at(5), reason="LogBackupErrorPaused")
    repeated = current(
        phase="RetryFailed",
        policy=once,
        status={**STARTED, "phase": "RetryFailed"},
        notes=notes(resumed, state="retrying"),
        sub={"conditions": [condition("Complete", at(4)), said]},
    )
    for task in (Task.UNKNOWN, Task.RUNNING):
        first = look(repeated, job_of("log-start", "Complete"), task=task, now=clock(5, 1))
        assert first.outcome == Outcome("aborted", (), "", (), 60)
    mended = again(first.seen, clock(6, 1))
    assert (mended.outcome.state, mended.after.backup.status.phase) == ("idle", "Running")
    assert len(mended.records) == 1


@pytest.mark.parametrize(
    "jobs", [(), (job_of("log-start", "Complete"),)], ids=["no Job any more", "the Job of the start"]
)
def test_a_second_pause_by_an_error_is_a_failure_of_its_own(jobs: Any) -> None:
    """The first one's retry is over: the log backup has been complete since it began."""
    first = notes(record(realRetryAt=at(-1), originalReason="LogBackupErrorPaused"), state="retrying")
    first = first.replace(at(-1), at(0))
    scene = look(error_pause("Resume", first), *jobs, task=Task.PAUSED, error="disk", now=clock(3))
    assert (scene.outcome.state, [each.retry_num for each in scene.records]) == ("backoff_waiting", [1, 2])


def test_a_resumption_tells_the_operator_that_the_log_backup_is_paused() -> None:
    """For it then runs log-resume; the whole phase is Paused as it would be after a pause by hand."""
    backup = error_pause("Resume", notes(record(detectFailedAt=at(3), expectedRetryAt=at(4)), state="verifying"))
    scene = look(backup, task=Task.PAUSED, error="disk")
    status = scene.after.backup.status
    assert status.phase == "Paused"
    assert {command: sub.phase for command, sub in status.log_sub_command_statuses.items()} == {
        "log-start": "Complete",
        "log-pause": "Complete",
    }
    assert scene.records[0].real_retry_at == at(5)
    assert state_of_log(scene.after).context.command == "log-resume"
    assert (status.time_started, status.commit_ts) == (STARTED["timeStarted"], COMMIT_TS)
    assert again(scene.after, clock(6)).decision.effects == ()


def test_a_start_whose_task_an_error_has_paused_is_not_made_again_but_resumed() -> None:
    """Its Job died after the task was made: br would refuse to start it once more."""
    backup = current(policy={**NO_JITTER, "onErrorPause": "Resume"}, notes=waiting())
    scene = look(backup, job_of("log-start", *FAILED), task=Task.PAUSED, error="disk full")
    status = scene.after.backup.status
    assert (status.phase, status.commit_ts) == ("Paused", COMMIT_TS)
    assert {command: sub.phase for command, sub in status.log_sub_command_statuses.items()} == {
        "log-start": "Complete",
        "log-pause": "Complete",
    }
    assert state_of_log(scene.after).context.command == "log-resume"


def test_a_late_word_that_hides_a_start_is_not_written_over_where_the_task_is_there_by_now() -> None:
    """The dead attempt's program has made the task, and an error has paused it: it is resumed."""
    handed_over = notes(record(realRetryAt=at(4)), state="retrying")
    hidden = current(phase="Failed", policy={**NO_JITTER, "onErrorPause": "Resume"}, notes=handed_over)
    scene = look(hidden, job_of("log-start", *FAILED), task=Task.PAUSED, error="disk full")
    assert scene.after.backup.status.phase == "Paused"
    assert state_of_log(scene.after).context.command == "log-resume"
    assert scene.records[-1].real_retry_at == at(5), "when the pause was said, by which it is known later on"


def mended_and_denied(mends: int, reason: str) -> Backup:
    """A started log backup that the companion has mended so often, and the operator has marked again at minute 50."""
    status = notes(mends=[at(49 - n) for n in reversed(range(mends))])
    said = [condition("Complete", at(49)), condition("RetryFailed", at(50), reason=reason)]
    return current(
        phase="RetryFailed", status={**STARTED, "phase": "RetryFailed"}, notes=status, sub={"conditions": said}
    )


DENIED = [(0, "x", 0), (1, "x", 60), (2, "x", 120), (4, "x", 480), (6, "x", 1920), (1, "LogBackupErrorPaused", 60)]


@pytest.mark.parametrize(("mends", "reason", "wait"), DENIED)
def test_what_the_operator_denies_again_and_again_is_mended_ever_more_seldom(
    mends: int, reason: str, wait: int
) -> None:
    """Its cache may lack the TidbCluster, or its etcd client be broken: each mend would have it write at once."""
    backup = mended_and_denied(mends, reason)
    for seconds, patched in ((0, False), (wait, False), (wait + 1, True)):
        scene = look(backup, job_of("log-start", "Complete"), task=Task.RUNNING, now=clock(50) + seconds)
        assert bool(scene.outcome.patched) is (patched or wait == 0), seconds
        assert scene.outcome.wake == 60, "it looks all the same, for what else may happen"
    assert (
        scene.standing.mends[-1]
        == scene.after.backup.status.log_sub_command_statuses["log-start"].conditions[0].last_transition_time
    )


ALONE = {
    # case: (when it was mended, seconds after which the newest denial is answered)
    "long ago": ((10, 30), 0),
    "not so long ago": ((10, 30, 46), 0),
    "just now, and long ago": ((10, 30, 49), 60),
}


@pytest.mark.parametrize(("mends", "wait"), ALONE.values(), ids=ALONE)
def test_only_denials_that_follow_one_another_are_waited_for_ever_longer(mends: tuple[int, ...], wait: int) -> None:
    """An error pauses the task every so often, and each time somebody resumes it."""
    backup = mended_and_denied(1, "x")
    annotations = {**backup.metadata.annotations, STATUS_ANNOTATION: notes(mends=[at(each) for each in mends])}
    backup = backup.with_(metadata=backup.metadata.with_(annotations=annotations))
    for now, patched in ((clock(50) + wait, wait == 0), (clock(50) + wait + 1, True)):
        scene = look(backup, job_of("log-start", "Complete"), task=Task.RUNNING, now=now)
        assert bool(scene.outcome.patched) is patched


def test_a_pause_that_the_operator_denies_is_mended_ever_more_seldom_too() -> None:
    """Its connection to PD is broken for good (S10)."""
    failed = [condition("Complete", at(49)), condition("Failed", at(50), reason="LogBackupTaskNotFound")]
    backup = current("log-pause", "Failed", status={"phase": "Failed", **STARTED}, sub={"conditions": failed})
    annotations = {**backup.metadata.annotations, STATUS_ANNOTATION: notes(mends=[at(47), at(49)])}
    backup = backup.with_(metadata=backup.metadata.with_(annotations=annotations))
    for now, mends in ((clock(52), 2), (clock(52, 1), 3)):
        scene = look(backup, job_of("log-pause", "Complete"), task=Task.PAUSED, now=now)
        assert (len(scene.standing.mends), scene.records) == (mends, ())
    early = look(backup, job_of("log-pause", "Complete"), task=Task.PAUSED, now=clock(50, 10))
    assert early.outcome == Outcome("aborted", (), "", (), 60), "it looks all the same"


def test_a_pause_by_hand_after_an_error_s_is_not_undone_where_only_the_companion_said_paused() -> None:
    """It had the error's pause resumed; the Job died, and then somebody paused the task."""
    backup = error_pause("Resume", notes(record(detectFailedAt=at(3), expectedRetryAt=at(4)), state="verifying"))
    told = look(backup, task=Task.PAUSED, error="disk").after.backup
    job = job_of("log-resume", *FAILED, uid="j-7", created=at(5))
    sub = {"command": "log-resume", "phase": "Running", "conditions": [condition("Running", at(6))]}
    subs = {**told.to_json()["status"]["logSubCommandStatuses"], "log-resume": sub}
    resuming = Backup.from_json(
        {**told.to_json(), "status": {**told.to_json()["status"], "logSubCommandStatuses": subs}}
    )
    waits = look(resuming, job, task=Task.UNKNOWN, now=clock(8)).after
    by_hand = again(waits._replace(task=Task.PAUSED), clock(10))
    assert (by_hand.outcome.state, by_hand.outcome.held) == ("held", "TaskIsPausedByHand")
    by_error = again(waits._replace(task=Task.PAUSED, task_error="disk"), clock(10))
    assert by_error.outcome.state == "retrying"


def test_a_pause_by_hand_is_never_undone() -> None:
    for policy in ("Hold", "Resume"):
        scene = look(error_pause(policy, waiting()), job_of("log-start", *FAILED), task=Task.PAUSED)
        assert scene.outcome.state in ("held", "idle")
        assert not any(each.startswith("status") for each in scene.outcome.patched)


# ------------------------------------------------------------------ looking, command by task

SEEN = {
    "absent": (Task.ABSENT, ""),
    "running": (Task.RUNNING, ""),
    "paused by hand": (Task.PAUSED, ""),
    "paused by an error": (Task.PAUSED, "disk full"),
    "unknown": (Task.UNKNOWN, ""),
}
MENDED = ("idle", "")
LOOKS: dict[str, dict[str, tuple[str, str]]] = {
    # command: task -> (lane, reason)
    "log-start": {
        "absent": ("retrying", ""),
        "running": MENDED,
        "paused by hand": ("held", "TaskIsPausedByHand"),
        "paused by an error": ("held", "TaskIsPausedByError"),
        "unknown": ("verifying", ""),
    },
    "log-stop": {
        "absent": MENDED,
        "running": ("retrying", ""),
        "paused by hand": ("retrying", ""),
        "paused by an error": ("retrying", ""),
        "unknown": ("verifying", ""),
    },
    "log-pause": {
        "absent": ("held", "TaskIsAbsent"),
        "running": ("retrying", ""),
        "paused by hand": MENDED,
        "paused by an error": MENDED,
        "unknown": ("verifying", ""),
    },
    "log-resume": {
        "absent": ("held", "TaskIsAbsent"),
        "running": MENDED,
        "paused by hand": ("retrying", ""),
        "paused by an error": ("retrying", ""),
        "unknown": ("verifying", ""),
    },
    "log-truncate": dict.fromkeys(SEEN, ("retrying", "")),
}
LOOKED_AT = [(command, task) for command in COMMANDS for task in SEEN]


def test_every_command_has_a_row_for_every_task() -> None:
    assert LOOKS.keys() == set(LogCommand)
    assert all(row.keys() == SEEN.keys() for row in LOOKS.values())


def looked_at(command: str, task: str, state: str = "backoff_waiting", **more: Any) -> Scene:
    seen, error = SEEN[task]
    backup = current(command, notes=waiting(command, state), **more)
    return look(backup, job_of(command, *FAILED), task=seen, error=error)


@pytest.mark.parametrize(("command", "task"), LOOKED_AT)
@pytest.mark.parametrize("state", ["backoff_waiting", "verifying"])
def test_what_is_done_about_a_failed_command_follows_from_the_task(command: str, task: str, state: str) -> None:
    scene = looked_at(command, task, state)
    assert (scene.outcome.state, scene.outcome.held) == LOOKS[command][task]
    assert scene.outcome.deleted == ()


@pytest.mark.parametrize(("command", "task"), LOOKED_AT)
def test_before_a_retry_is_due_only_a_wish_that_holds_is_acted_upon(command: str, task: str) -> None:
    seen, error = SEEN[task]
    for now in (clock(1), clock(2)):  # due is the second after the one in which it is expected
        scene = look(
            current(command, notes=waiting(command)), job_of(command, *FAILED), task=seen, error=error, now=now
        )
        if LOOKS[command][task] == MENDED:
            assert scene.outcome.state == "idle"
        else:
            assert scene.outcome == Outcome("backoff_waiting", (), "", (), clock(2) + 1 - now)
    assert looked_at(command, task).now > clock(2)


@pytest.mark.parametrize(("command", "task"), [each for each in LOOKED_AT if LOOKS[each[0]][each[1]] == MENDED])
@pytest.mark.parametrize("phase", ["Scheduled", "Running", "Failed"])
def test_a_failure_of_a_wish_that_holds_is_mended_at_once_and_never_recorded(
    command: str, task: str, phase: str
) -> None:
    seen, error = SEEN[task]
    scene = look(current(command, phase), job_of(command, *FAILED), task=seen, error=error)
    assert (scene.outcome.state, scene.records) == ("idle", ())
    assert RECORDS not in scene.outcome.patched


@pytest.mark.parametrize("command", [each for each in COMMANDS if each != "log-truncate"])
def test_a_job_at_work_is_never_mended_away(command: str) -> None:
    """It may still change what was seen."""
    for seen, error in SEEN.values():
        assert look(current(command), job_of(command), task=seen, error=error, now=clock(1)).decision.steps == ()


def test_an_unknown_task_proves_nothing_and_is_looked_at_again_soon() -> None:
    scene = looked_at("log-start", "unknown")
    assert scene.outcome == Outcome("verifying", (RECORDS,), "", (), 10)
    assert again(scene.after, scene.now + 10).outcome == Outcome("verifying", (), "", (), 10)


START_HELD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "it had started, and the task is gone": ({"task": Task.ABSENT}, STARTED, "TaskIsGone"),
    "nobody can say where it starts": ({"task": Task.RUNNING, "commit_ts": ""}, {}, "CommitTsIsUnknown"),
}


@pytest.mark.parametrize(("seen", "status", "reason"), START_HELD.values(), ids=START_HELD)
def test_a_start_is_held_where_a_retry_would_be_wrong(seen: Any, status: Any, reason: str) -> None:
    scene = look(current(phase="Failed", notes=waiting(), status=status), job_of("log-start", *FAILED), **seen)
    assert scene.outcome == Outcome("held", (RECORDS,), reason, (), 60)


def test_a_start_is_held_where_its_path_does_not_follow_from_the_spec() -> None:
    backup = current(notes=waiting(), spec={"s3": None})
    assert look(backup, job_of("log-start", *FAILED), task=Task.RUNNING).outcome.held == "BackupPathIsUnknown"


@pytest.mark.parametrize("task", ["running", "paused by hand", "paused by an error"])
def test_a_stop_of_what_is_stopped_already_is_held_where_the_task_is_there_again(task: str) -> None:
    """The operator takes it for done and would never make the Job."""
    scene = looked_at("log-stop", task, status={"phase": "Stopped"})
    assert (scene.outcome.state, scene.outcome.held) == ("held", "TaskIsBack")


@pytest.mark.parametrize(
    "reason", ["TaskIsPausedByHand", "TaskIsPausedByError", "TaskIsGone", "TaskIsAbsent", "TaskIsBack"]
)
def test_what_the_task_holds_stays_held_while_the_task_cannot_be_seen(reason: str) -> None:
    backup = current(notes=waiting(state="held", reason=reason))
    assert look(backup, job_of("log-start", *FAILED)).outcome == Outcome("held", (), reason, (), 60)


@pytest.mark.parametrize("reason", ["TaskIsPausedByHand", "JobIsTerminating", "OtherCommandAtWork", "NotRetryable"])
def test_what_held_it_is_no_longer_so_and_it_goes_on_in_one_look(reason: str) -> None:
    backup = current(notes=waiting(state="held", reason=reason))
    assert look(backup, job_of("log-start", *FAILED), task=Task.ABSENT).outcome.state == "retrying"


# ------------------------------------------------------------------ the handover and the mend


@pytest.mark.parametrize("completed", [at(5), at(6, 30)], ids=["in the same second", "by a clock that is ahead"])
def test_what_was_complete_before_is_not_taken_for_what_the_retry_completes(completed: str) -> None:
    kept = notes(record(command="log-stop", detectFailedAt=completed), state="backoff_waiting")
    said = {"conditions": [condition("Complete", completed), condition("Failed", at(1))]}
    scene = look(current("log-stop", "Failed", notes=kept, sub=said), job_of("log-stop", *FAILED), task=Task.RUNNING)
    assert scene.outcome.state == "retrying"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_handover_is_exactly_one_patch_of_the_record_and_of_one_phase(command: str) -> None:
    """Whole phase and conditions stay: a whole RetryFailed would let a deletion orphan the task (S13)."""
    task = next(task for task, found in LOOKS[command].items() if found == ("retrying", ""))
    scene = looked_at(command, task)
    patch, wake = scene.decision.effects
    assert isinstance(patch, PatchBackup)
    assert isinstance(wake, RequeueAt)
    assert scene.outcome.patched == (RECORDS, phase_of(command))
    assert patch.resource_version == patch.body["metadata"]["resourceVersion"] == "100"
    assert list(patch.body["metadata"]["annotations"]) == [STATUS_ANNOTATION]
    assert patch.body["status"] == {"logSubCommandStatuses": {command: {"phase": "RetryFailed"}}}
    assert scene.records[-1].real_retry_at == at(5)
    assert again(scene.after, clock(6)).outcome == Outcome("retrying", (), "", (), SILENCE - 60)


@pytest.mark.parametrize(("command", "task"), LOOKED_AT)
def test_only_a_mend_touches_the_whole_status_and_nothing_ever_touches_the_spec(command: str, task: str) -> None:
    scene = looked_at(command, task)
    whole = [each for each in scene.outcome.patched if not each.startswith((RECORDS, "status.logSub"))]
    assert all(each.startswith("status.") for each in whole)
    assert bool(whole) == (LOOKS[command][task] == MENDED)
    assert scene.after.backup.spec == scene.seen.backup.spec


NULLS = {"timeStarted": None, "timeCompleted": None, "backupPath": "", "commitTs": ""}


@pytest.mark.parametrize(("command", "task"), LOOKED_AT)
def test_the_nulls_that_go_writes_for_times_that_were_never_set_are_no_obstacle(command: str, task: str) -> None:
    status = NULLS if command == "log-start" else {**STARTED, "timeCompleted": None}
    scene = looked_at(command, task, status=status, sub={"timeStarted": None, "timeCompleted": None})
    assert (scene.outcome.state, scene.outcome.held) == LOOKS[command][task]


# ------------------------------------------------------------------ what stands against a retry

OBSTACLES: dict[str, tuple[Backup, tuple[Any, ...], str]] = {
    "its own Job is at work": (current(notes=waiting()), (job_of(created=at(4)),), "JobIsNotFinished"),
    "another command's Job is at work": (
        current(notes=waiting()),
        (job_of("log-start", *FAILED), job_of("log-stop", uid="j-2")),
        "OtherCommandAtWork",
    ),
    "the reason is not retryable": (
        current(policy={**NO_JITTER, "nonRetryableReasons": ["BackoffLimitExceeded"]}, notes=waiting()),
        (job_of("log-start", *FAILED),),
        "NotRetryable",
    ),
    "the cause is not retryable": (
        current(
            policy={**NO_JITTER, "nonRetryableReasons": ["OOMKilled"]},
            notes=notes(record(cause="OOMKilled"), state="backoff_waiting"),
        ),
        (job_of("log-start", *FAILED),),
        "NotRetryable",
    ),
    "the log backup never started": (
        current("log-stop", notes=waiting("log-stop"), status={"commitTs": ""}),
        (job_of("log-stop", *FAILED),),
        "NotStarted",
    ),
}


@pytest.mark.parametrize(("backup", "jobs", "reason"), OBSTACLES.values(), ids=OBSTACLES)
@pytest.mark.parametrize("now", [clock(1), AFTER], ids=["before it is due", "when it is due"])
def test_an_obstacle_holds_the_retry_with_its_reason(backup: Backup, jobs: Any, reason: str, now: int) -> None:
    scene = look(backup, *jobs, task=Task.ABSENT if reason != "NotStarted" else Task.PAUSED, now=now)
    assert scene.outcome == Outcome("held", (RECORDS,), reason, (), 60)
    assert again(scene.after, now + 60).outcome == Outcome("held", (), reason, (), 60)


@pytest.mark.parametrize("conditions", [("Failed",), ("Complete",)])
def test_a_finished_job_of_another_command_stands_in_nobody_s_way(conditions: tuple[str, ...]) -> None:
    other = job_of("log-stop", *conditions, uid="j-2")
    backup = current(notes=waiting())
    assert look(backup, job_of("log-start", *FAILED), other, task=Task.ABSENT).outcome.state == "retrying"


def test_a_job_that_is_no_command_s_stands_in_nobody_s_way() -> None:
    other = job_of("elsewhere", uid="j-2")
    backup = current(notes=waiting())
    assert look(backup, job_of("log-start", *FAILED), other, task=Task.ABSENT).outcome.state == "retrying"


HOPELESS = {
    "by reason": (["BackoffLimitExceeded"], (), "BackoffLimitExceeded", ""),
    "by cause": (["OOMKilled"], (pod(status=terminated("OOMKilled")),), "OOMKilled", "OOMKilled"),
}


@pytest.mark.parametrize(("reasons", "pods", "reason", "cause"), HOPELESS.values(), ids=HOPELESS)
def test_a_failure_that_is_not_retryable_is_recorded_and_held(
    reasons: list[str], pods: Any, reason: str, cause: str
) -> None:
    backup = current(policy={**NO_JITTER, "nonRetryableReasons": reasons})
    scene = look(backup, job_of("log-start", *FAILED), pods=pods, now=clock(3))
    assert scene.outcome == Outcome("held", (RECORDS,), "NotRetryable", (), 60)
    assert (scene.records[0].original_reason, scene.records[0].cause) == (reason, cause)
    late = again(scene.after, clock(1200))
    assert late.outcome == Outcome("held", (), "NotRetryable", (), 60), (
        "the list is the reason, whatever the clock says"
    )


def test_a_wish_that_holds_is_mended_even_where_its_failure_was_not_retryable() -> None:
    backup = current(policy={**NO_JITTER, "nonRetryableReasons": ["BackoffLimitExceeded"]}, notes=waiting(state="held"))
    assert look(backup, job_of("log-start", *FAILED), task=Task.RUNNING).outcome.state == "idle"


# ------------------------------------------------------------------ a Job that has to go


def test_a_job_that_has_to_go_is_asked_to_go_until_it_goes() -> None:
    """Each look is from scratch: the patch that was written and the deletion that was lost."""
    first = look(current(), job_of(), task=Task.ABSENT, now=OVERDUE)
    lost = again(first.after, OVERDUE + 60)
    assert lost.outcome == Outcome("held", (), "JobIsNotFinished", ("j-1",), 60)
    going = first.after._replace(jobs=(SeenJob(job_of(metadata={"deletionTimestamp": at(11)})),))
    terminating = again(going, clock(11))
    assert terminating.outcome == Outcome("held", (RECORDS,), "JobIsTerminating", (), 60)
    assert again(terminating.after, clock(11, 5)).outcome == Outcome("held", (), "JobIsTerminating", (), 60)
    gone = again(terminating.after._replace(jobs=()), clock(13))
    assert gone.outcome == Outcome("retrying", (RECORDS, phase_of("log-start")), "", (), SILENCE)
    assert [each.job_uid for each in gone.records] == ["j-1"]


def test_an_attempt_that_ends_while_it_should_go_is_left_to_the_operator() -> None:
    """A finished Job is never deleted here."""
    first = look(current(), job_of(), task=Task.ABSENT, now=OVERDUE)
    ended = again(first.after._replace(jobs=(SeenJob(job_of("log-start", *FAILED)),)), clock(12))
    assert ended.outcome == Outcome("retrying", (RECORDS, phase_of("log-start")), "", (), SILENCE)
    done = again(first.after._replace(backup=current(phase="Complete", status=STARTED), jobs=()), clock(12))
    assert done.decision.effects == ()


def test_a_failed_job_that_the_operator_cannot_get_rid_of_is_said_to_hold_the_retry() -> None:
    handed = look(current(notes=waiting(state="verifying")), job_of("log-start", *FAILED), task=Task.ABSENT).after
    going = handed._replace(jobs=(SeenJob(job_of("log-start", *FAILED, metadata={"deletionTimestamp": at(6)})),))
    assert again(going, clock(6, 59)).outcome == Outcome("retrying", (), "", (), 1)
    held = again(going, clock(7))
    assert held.outcome == Outcome("held", (RECORDS,), "JobIsTerminating", (), 60)
    assert again(held.after, clock(8)).outcome == Outcome("held", (), "JobIsTerminating", (), 60)
    assert again(held.after._replace(jobs=()), clock(9)).outcome.state == "retrying"


def test_a_retry_that_the_operator_does_not_take_up_is_held_until_it_does() -> None:
    """After 20 minutes: an operator that works has tried once more by then, whatever it met."""
    failed = job_of("log-start", *FAILED)
    handed = look(current(notes=waiting(state="verifying")), failed, task=Task.ABSENT).after
    assert again(handed, clock(5) + SILENCE - 1).outcome == Outcome("retrying", (), "", (), 1)
    held = again(handed, clock(5) + SILENCE)
    assert held.outcome == Outcome("held", (RECORDS,), "NotTakenUp", (), 60)
    assert "not found in tracker" in held.standing.message
    assert again(held.after, clock(60)).outcome == Outcome("held", (), "NotTakenUp", (), 60)
    going = again(held.after._replace(jobs=()), clock(61))
    assert going.outcome == Outcome("held", (), "NotTakenUp", (), 60), "it has removed the Job, and made no other"
    taken = held.after._replace(jobs=(SeenJob(job_of(uid="j-2", created=at(61))),))
    assert again(taken, clock(62)).outcome.state == "scheduled"
    hanging = job_of("log-start", *FAILED, metadata={"deletionTimestamp": at(61)})
    stuck = again(held.after._replace(jobs=(SeenJob(hanging),)), clock(62))
    assert stuck.outcome == Outcome("held", (RECORDS,), "JobIsTerminating", (), 60)


def test_a_retry_that_a_late_word_hides_is_handed_over_again_when_the_task_allows_it() -> None:
    backup = current(phase="Prepare", notes=notes(record(realRetryAt=at(4)), state="retrying"))
    held = look(backup, job_of("log-start", *FAILED), task=Task.PAUSED, now=clock(4) + SILENCE)
    assert held.outcome == Outcome("held", (RECORDS,), "NotTakenUp", (), 60)
    assert "paused the task by hand" in held.standing.message
    assert again(held.after._replace(task=Task.ABSENT), clock(30)).outcome.patched == (phase_of("log-start"),)


EVERY = {**NO_JITTER, "commands": {command: {} for command in COMMANDS}}


def test_a_hanging_job_is_named_whatever_the_operator_says_of_the_task() -> None:
    """It has to go before anything else, and is counted once."""
    backup = current(phase="Failed", sub={"conditions": [condition("Failed", at(3), reason="LogBackupTaskNotFound")]})
    first = look(backup, job_of(), task=Task.ABSENT, now=OVERDUE)
    assert (first.outcome.state, first.outcome.deleted, first.records[-1].job_uid) == ("held", ("j-1",), "j-1")
    assert again(first.after, OVERDUE + 60).records == first.records


HANGING = job_of("log-truncate")


@pytest.mark.parametrize("fails", [False, True])
def test_a_truncation_whose_scheduled_was_never_written_is_known_by_what_is_written_of_it(fails: bool) -> None:
    """Or the operator, and the next look, would take it for another one, and run it again at once."""
    policy = {**EVERY, "maxRetryTimes": 1, "onExhausted": "Fail" if fails else "Hold"}
    spent = notes(record(command="log-truncate", jobUid="j-0", realRetryAt=at(1))) if fails else ""
    backup = current("log-truncate", "", policy=policy, notes=spent, sub={"logTruncatingUntil": ""})
    scene = look(backup, HANGING, now=clock(6 * 60 + 1))
    assert scene.outcome.state == ("exhausted" if fails else "held")
    ended = scene.after._replace(jobs=(SeenJob(job_of("log-truncate", *FAILED)),))
    assert again(ended, clock(6 * 60 + 2)).state.configuration[-1] == ("exhausted" if fails else "backoff_waiting")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("phase", ["Scheduled", "Running", "Complete", "Failed"])
def test_what_held_a_retry_that_was_taken_up_after_all_hands_nothing_over(command: str, phase: str) -> None:
    """The annotation says NotTakenUp still: nobody writes it when the operator goes on."""
    kept = notes(record(command=command, realRetryAt=at(2)), state="held", reason="NotTakenUp")
    ended = job_of(command, ("Complete" if phase == "Complete" else "Failed"), uid="j-2", created=at(3))
    job = ended if phase in ("Complete", "Failed") else job_of(command, uid="j-2", created=at(3))
    for task in Task:
        patch = look(current(command, phase, policy=EVERY, notes=kept), job, task=task).patch
        subs = patch.body.get("status", {}).get("logSubCommandStatuses", {}) if patch is not None else {}
        assert subs.get(command, {}).get("phase") != "RetryFailed", task


def test_a_job_that_the_failure_does_not_name_holds_the_retry_too() -> None:
    """The first one had vanished; what runs by now has failed before anything was written of it."""
    handed = current(phase="RetryFailed", notes=notes(record(jobUid="", realRetryAt=at(4)), state="retrying"))
    going = job_of("log-start", *FAILED, uid="j-2", created=at(4), metadata={"deletionTimestamp": at(5)})
    held = look(handed, going, task=Task.ABSENT, now=clock(6))
    assert held.outcome == Outcome("held", (RECORDS,), "JobIsTerminating", (), 60)
    assert again(held.after, clock(7)).decision.steps == ()


# ------------------------------------------------------------------ limits

LATE = clock(361)  # retryTimeout is 6h, and the first failure was at minute 1


@pytest.mark.parametrize("state", ["backoff_waiting", "verifying", "held"])
def test_a_retry_that_comes_too_late_is_not_begun(state: str) -> None:
    for task in (Task.ABSENT, Task.UNKNOWN):
        backup = current(notes=waiting(state=state, reason="TaskIsPausedByHand" if state == "held" else ""))
        assert look(backup, job_of("log-start", *FAILED), task=task, now=LATE).outcome.state != "timed_out"
        outcome = look(backup, job_of("log-start", *FAILED), task=task, now=LATE + 1).outcome
        assert outcome == Outcome("timed_out", (RECORDS,), "", (), 60)


def spent(**more: Any) -> str:
    """Three retries of three have begun."""
    retried = [record(number, realRetryAt=at(2), jobUid=f"j-{number}") for number in (1, 2, 3)]
    return notes(*retried, **more)


@pytest.mark.parametrize("fail", ["Hold", "Fail"])
def test_the_failure_after_the_last_retry_exhausts_the_policy(fail: str) -> None:
    backup = current(policy={**NO_JITTER, "onExhausted": fail}, notes=spent(state="retrying"))
    scene = look(backup, job_of("log-start", *FAILED, uid="j-4", created=at(3)), task=Task.ABSENT)
    status = scene.after.backup.status
    sub = status.log_sub_command_statuses["log-start"]
    assert scene.outcome.state == "exhausted"
    assert (scene.records[-1].retry_num, scene.records[-1].job_uid) == (4, "j-4")
    if fail == "Hold":
        assert (scene.outcome.patched, scene.outcome.wake, sub.phase) == ((RECORDS,), 60, "Running")
        return
    assert (status.phase, status.conditions) == ("Running", ()), "a deletion reads the whole status (S13)"
    (failed,) = [each for each in sub.conditions if each.type == "Failed"]
    assert (sub.phase, failed.reason, scene.outcome.wake) == ("Failed", "AlreadyFailed", None)
    assert failed.message == (
        "exceed retry times, max is 3, failed reason Job backup-demo-log-start has failed, "
        "original reason BackoffLimitExceeded"
    )


def test_a_timeout_says_failed_in_the_operator_s_words_where_the_policy_fails() -> None:
    backup = current(policy={**NO_JITTER, "onExhausted": "Fail"}, notes=waiting())
    scene = look(backup, job_of("log-start", *FAILED), task=Task.ABSENT, now=LATE + 1)
    (failed,) = [
        each
        for each in scene.after.backup.status.log_sub_command_statuses["log-start"].conditions
        if each.type == "Failed"
    ]
    assert failed.message.startswith("retry timeout, max is 6h0m0s, failed reason ")
    assert again(scene.after, LATE + 2).decision.effects == ()


@pytest.mark.parametrize("state", ["exhausted", "timed_out"])
def test_what_is_held_at_its_end_is_watched_and_mended_when_the_wish_holds(state: str) -> None:
    """Of a policy that fails nothing is looked at any more, once Failed is written."""
    failed = job_of("log-start", *FAILED, uid="j-4", created=at(3))
    ended = notes(*json.loads(spent())["records"], record(4, jobUid="j-4"), state=state)
    hold = current(notes=ended)
    assert look(hold, failed, task=Task.ABSENT).outcome == Outcome(state, (), "", (), 60)
    assert look(hold, failed, task=Task.RUNNING).outcome.state == "idle"
    fail = current(phase="Failed", reason="AlreadyFailed", policy={**NO_JITTER, "onExhausted": "Fail"}, notes=ended)
    for task in Task:
        now = LATE + 1 if state == "timed_out" else AFTER
        assert look(fail, failed, task=task, now=now).outcome == Outcome(state, (), "", (), None)


FAILS = {**NO_JITTER, "onExhausted": "Fail", "maxRetryTimes": 1}
LAST = notes(record(realRetryAt=at(3)), state="retrying")


def test_failed_is_never_written_over_a_task_that_cannot_be_seen() -> None:
    """It proves nothing: the lane has ended, and the task is looked at until it is seen."""
    backup = current(policy=FAILS, notes=LAST)
    dead = job_of("log-start", *FAILED, uid="j-2", created=at(4))
    unseen = look(backup, dead, task=Task.UNKNOWN)
    assert unseen.outcome == Outcome("exhausted", (RECORDS,), "", (), 60)
    assert again(unseen.after._replace(task=Task.RUNNING), clock(7)).outcome.state == "idle"
    absent = again(unseen.after._replace(task=Task.ABSENT), clock(7))
    assert absent.after.backup.status.log_sub_command_statuses["log-start"].phase == "Failed"


def test_failed_is_never_written_over_a_task_that_runs() -> None:
    """The last attempt hangs, and has done its work: it is removed and its wish mended."""
    scene = look(current(policy=FAILS, notes=LAST), job_of(uid="j-2", created=at(4)), task=Task.RUNNING, now=clock(15))
    assert scene.outcome == Outcome("exhausted", (RECORDS,), "", ("j-2",), 60)
    assert again(scene.after._replace(jobs=()), clock(16)).outcome.state == "idle"


def test_failed_of_an_earlier_time_does_not_end_what_was_let_go_on() -> None:
    """The limits were raised; now they are passed again, and the task cannot be seen."""
    sub = {"conditions": [condition("Failed", at(5), reason="AlreadyFailed")]}
    went_on = notes(record(realRetryAt=at(3)), record(2), state="verifying", since=at(10))
    backup = current(phase="Failed", policy=FAILS, notes=went_on, sub=sub)
    scene = look(backup, job_of("log-start", *FAILED), task=Task.UNKNOWN, now=clock(12))
    assert scene.outcome == Outcome("exhausted", (RECORDS,), "", (), 60)


@pytest.mark.parametrize("minute", [15, 8], ids=["overdue", "not yet overdue"])
def test_the_last_attempt_that_hangs_is_not_forgotten_whatever_its_program_writes_late(minute: int) -> None:
    hung = notes(record(realRetryAt=at(3)), record(2, jobUid="j-2"), state="exhausted")
    backup = current(policy=FAILS, notes=hung)
    scene = look(backup, job_of(uid="j-2", created=at(4)), task=Task.ABSENT, now=clock(minute))
    phase = scene.after.backup.status.log_sub_command_statuses["log-start"].phase
    assert (phase, scene.outcome.wake) == (("Failed", None) if minute == 15 else ("Running", (14 - minute) * 60 + 1))


def test_failed_is_not_written_while_the_policy_is_suspended() -> None:
    held = waiting(state="held", reason="Suspended")
    backup = current(policy={**FAILS, "suspend": True}, notes=held)
    scene = look(backup, job_of("log-start", *FAILED), task=Task.ABSENT, now=LATE + 1)
    assert scene.outcome == Outcome("timed_out", (RECORDS,), "", (), 60)


def test_a_pause_by_an_error_is_watched_even_where_the_policy_fails() -> None:
    """The operator says so again and again: Failed would not stand, and whoever resumes the task finds it mended."""
    said = [condition("Complete", at(2)), condition("RetryFailed", at(4), reason="LogBackupErrorPaused")]
    backup = current(
        phase="RetryFailed",
        policy={**FAILS, "onErrorPause": "Resume"},
        status={**STARTED, "phase": "RetryFailed"},
        notes=notes(record(realRetryAt=at(2), jobUid="", originalReason="LogBackupErrorPaused")),
        sub={"conditions": said},
    )
    scene = look(backup, job_of("log-start", "Complete"), task=Task.PAUSED, error="disk")
    assert scene.outcome == Outcome("exhausted", (RECORDS,), "", (), 60)
    assert again(scene.after._replace(task=Task.RUNNING), clock(9)).outcome.state == "idle"


@pytest.mark.parametrize("phase", ["Scheduled", "Prepare", "Running"])
def test_failed_is_written_whenever_the_policy_says_so_and_again_over_a_late_word(phase: str) -> None:
    """The policy was Hold until now; or the last attempt hung, was given up, and its program has written since."""
    ended = notes(*json.loads(spent())["records"], record(4, jobUid="j-4"), state="exhausted")
    fail = current(phase=phase, policy={**NO_JITTER, "onExhausted": "Fail"}, notes=ended)
    scene = look(fail, job_of("log-start", *FAILED, uid="j-4", created=at(3)), task=Task.ABSENT)
    assert scene.after.backup.status.log_sub_command_statuses["log-start"].phase == "Failed"
    assert again(scene.after, AFTER + 1).decision.effects == ()
    at_work = look(fail, job_of("log-start", uid="j-4", created=at(3)), task=Task.ABSENT)
    assert at_work.outcome == Outcome("exhausted", (), "", (), clock(13, 1) - AFTER), "it may do its work yet"


def test_limits_that_are_raised_go_on_with_what_has_failed_for_good() -> None:
    ended = notes(*json.loads(spent())["records"], record(4, jobUid="j-4"), state="exhausted")
    raised = {**NO_JITTER, "onExhausted": "Fail", "maxRetryTimes": 4}
    scene = look(
        current(phase="Failed", policy=raised, notes=ended),
        job_of("log-start", *FAILED, uid="j-4", created=at(3)),
        task=Task.ABSENT,
    )
    assert scene.outcome.state == "retrying"


def test_a_policy_that_allows_more_releases_what_was_exhausted() -> None:
    ended = notes(*json.loads(spent())["records"], record(4, jobUid="j-4"), state="exhausted")
    backup = current(policy={**NO_JITTER, "maxRetryTimes": 4}, notes=ended)
    scene = look(backup, job_of("log-start", *FAILED, uid="j-4", created=at(3)), task=Task.ABSENT)
    assert scene.outcome.state == "retrying"


def test_a_policy_that_allows_less_exhausts_what_waits() -> None:
    backup = current(policy={**NO_JITTER, "maxRetryTimes": 1}, notes=notes(record(2), state="backoff_waiting"))
    assert look(backup, job_of("log-start", *FAILED), task=Task.ABSENT).outcome.state == "exhausted"


def test_an_overdue_attempt_after_the_last_retry_is_left_to_itself() -> None:
    """Its Job is not deleted: nothing is to come after it."""
    backup = current(notes=spent(state="retrying"))
    scene = look(backup, job_of(uid="j-4", created=at(3)), now=clock(14))
    assert scene.outcome == Outcome("exhausted", (RECORDS,), "", (), 60)


def test_it_is_removed_where_its_wish_holds_by_now() -> None:
    """It would undo what is mended then."""
    hangs = notes(*json.loads(spent())["records"], record(4, jobUid="j-4", originalReason="AttemptTimeout"))
    backup = current(notes=hangs.replace('"records"', '"state": "exhausted", "records"'))
    scene = look(backup, job_of(uid="j-4", created=at(3)), task=Task.RUNNING, now=clock(14))
    assert scene.outcome == Outcome("exhausted", (), "", ("j-4",), 60)
    assert again(scene.after._replace(jobs=()), clock(15)).outcome.state == "idle"


# ------------------------------------------------------------------ episodes, retry numbers, jitter


def completed_then(phase: str, minute: int, **more: Any) -> Backup:
    """Retried at minute 2, complete at minute 3, and in this phase since that minute."""
    sub = {"conditions": [condition("Complete", at(3)), condition(phase, at(minute))]}
    return current("log-pause", phase, notes=notes(record(command="log-pause", realRetryAt=at(2))), sub=sub, **more)


@pytest.mark.parametrize(
    ("minute", "episode", "number"),
    [(32, 1, 2), (33, 2, 1), (300, 2, 1)],
    ids=["too short", "just long enough", "long"],
)
def test_a_healthy_while_closes_the_episode(minute: int, episode: int, number: int) -> None:
    """resetAfter is 30m, and it was complete since minute 3."""
    scene = look(completed_then("Failed", minute), job_of("log-pause", *FAILED, ended=at(minute)), now=clock(400))
    found = scene.records[-1]
    assert (found.episode, found.retry_num) == (episode, number)


def test_the_healthy_while_ends_where_the_next_run_begins() -> None:
    """The run may take long; that is not health."""
    sub = {"conditions": [condition("Complete", at(3)), condition("Scheduled", at(4)), condition("Failed", at(60))]}
    backup = current("log-pause", "Failed", notes=notes(record(command="log-pause", realRetryAt=at(2))), sub=sub)
    scene = look(backup, job_of("log-pause", *FAILED, uid="j-2", created=at(4), ended=at(60)), now=clock(61))
    assert (scene.records[-1].episode, scene.records[-1].retry_num) == (1, 2)


def test_an_old_handover_that_was_followed_by_success_is_no_handover_any_more() -> None:
    """The operator's own RetryFailed, long after."""
    backup = completed_then("RetryFailed", 100)
    assert look(backup, task=Task.RUNNING, now=clock(101)).decision.effects == ()


@pytest.mark.parametrize("closed", ["mendedAt", "supersededAt"])
def test_a_record_that_is_closed_ends_its_episode(closed: str) -> None:
    scene = look(current(notes=notes(record(2, **{closed: at(3)}))), job_of("log-start", *FAILED, uid="j-2"))
    assert (scene.records[-1].episode, scene.records[-1].retry_num) == (2, 1)


def test_a_failure_after_a_retry_that_began_counts_on() -> None:
    scene = look(
        current(notes=notes(record(realRetryAt=at(3)))), job_of("log-start", *FAILED, uid="j-2", created=at(4))
    )
    found = scene.records[-1]
    assert (found.episode, found.retry_num, found.job_uid) == (1, 2, "j-2")
    assert (found.detect_failed_at, found.expected_retry_at) == (at(5), at(7)), "two minutes, doubled"


def test_jitter_is_the_same_for_everybody_who_looks_and_differs_by_uid_command_episode_and_number() -> None:
    policy = {"jitter": 100, "minRetryDuration": "200s", "maxRetryDuration": "1h"}
    delays = {}
    for uid in ("b-1", "b-2"):
        for command in ("log-start", "log-stop"):
            for earlier in (
                (),
                (record(command=command, realRetryAt=at(2)),),
                (record(command=command, mendedAt=at(2)),),
            ):
                owned = {**annotated(policy, notes(*earlier)), "uid": uid}
                seen = [
                    look(current(command, metadata=owned), job_of(command, *FAILED, uid="j-9")).records[-1]
                    for _ in "ab"
                ]
                assert seen[0] == seen[1]
                delays[uid, command, len(delays)] = (seen[0].expected_retry_at, seen[0].retry_num)
    first = [expected for expected, number in delays.values() if number == 1]
    assert len(set(first)) == len(first) == 8
    assert all(at(5 + 3, 20) <= expected <= at(5 + 6, 40) for expected in first if expected is not None)


# ------------------------------------------------------------------ late words, and attribution by uid

LATE_WORDS = ["Scheduled", "Prepare", "Running", "Failed"]


@pytest.mark.parametrize("phase", LATE_WORDS)
def test_a_late_word_of_the_failed_attempt_is_written_over_and_no_failure(phase: str) -> None:
    """The handover is said again, for the operator reads the phase; where the task shows that no retry is needed any
    more, or must not begin, it is not."""
    backup = current(phase=phase, notes=notes(record(realRetryAt=at(4)), state="retrying"))
    failed = job_of("log-start", *FAILED)
    scene = look(backup, failed, task=Task.ABSENT)
    assert scene.outcome == Outcome("retrying", (phase_of("log-start"),), "", (), SILENCE - 60)
    assert scene.records == look(backup).records[:1]
    assert look(backup, failed).outcome == Outcome("retrying", (), "", (), SILENCE - 60)
    assert look(backup, failed, task=Task.RUNNING).outcome.state == "idle"
    assert look(backup, failed, task=Task.PAUSED).outcome == Outcome("retrying", (), "", (), SILENCE - 60)


@pytest.mark.parametrize("phase", ["Failed"])
def test_a_late_word_cannot_fail_the_next_attempt_while_its_job_is_at_work(phase: str) -> None:
    backup = current(phase=phase, notes=notes(record(realRetryAt=at(4)), state="retrying"))
    scene = look(backup, job_of(uid="j-2", created=at(4)), task=Task.ABSENT)
    assert scene.outcome.patched == ()
    assert scene.outcome.wake == clock(14) + 1 - scene.now


@pytest.mark.parametrize("phase", ["Scheduled", "Prepare", "Running", "Failed"])
def test_a_record_is_of_its_own_job_alone(phase: str) -> None:
    """A failed Job that is not the one on record is another failure, also while that one's retry waits."""
    scene = look(current(phase=phase, notes=waiting()), job_of("log-start", *FAILED, uid="j-2", created=at(4)))
    assert [(each.job_uid, each.retry_num) for each in scene.records] == [("j-1", 1), ("j-2", 2)]
    assert [each.episode for each in scene.records] == [1, 1], "whoever has run it again, nothing was well in between"


@pytest.mark.parametrize("state", ["backoff_waiting", "verifying", "held", "exhausted", "timed_out"])
@pytest.mark.parametrize(("minute", "episode", "number"), [(32, 1, 2), (33, 2, 1)], ids=["soon", "after resetAfter"])
def test_a_failure_that_mended_itself_is_over(state: str, minute: int, episode: int, number: int) -> None:
    """The attempt was complete after all, at minute 3: what fails later is not that failure, nor as old."""
    sub = {"conditions": [condition("Complete", at(3)), condition("Failed", at(minute))]}
    backup = current("log-pause", "Failed", notes=waiting("log-pause", state, reason="any"), sub=sub)
    scene = look(backup, job_of("log-pause", "Complete"), task=Task.RUNNING, now=clock(400))
    assert [(each.episode, each.retry_num) for each in scene.records] == [(1, 1), (episode, number)]
    assert scene.outcome.state == ("timed_out" if episode == 1 else "backoff_waiting")


def test_a_clock_that_is_behind_the_pod_s_counts_no_failure_twice() -> None:
    """The record is no earlier than the success that the pod told before."""
    sub = {"conditions": [condition("Complete", at(5, 30)), condition("Scheduled", at(5, 31))]}
    first = look(current("log-pause", sub=sub), job_of("log-pause", *FAILED), now=clock(5))
    assert first.records[0].detect_failed_at == at(5, 30)
    assert again(first.after, clock(5, 1)).decision.steps == ()
    seen = first.after._replace(task=Task.RUNNING)
    handed = again(seen, clock(7))
    assert handed.outcome.state == "retrying"
    assert again(handed.after, clock(7)).decision.steps == ()


@pytest.mark.parametrize("state", ["", "retrying", "idle", "nonsense"])
def test_a_record_of_which_nothing_has_come_waits_whatever_else_the_annotation_says(state: str) -> None:
    scene = look(current(notes=waiting(state=state)), job_of("log-start", *FAILED), task=Task.ABSENT)
    assert (scene.decision.steps[0].before.configuration[-1], scene.outcome.state) == ("backoff_waiting", "retrying")


def test_whoever_runs_a_command_again_no_failure_is_counted_anew() -> None:
    """Else there would be no end to them."""
    open_ = notes(*json.loads(spent())["records"][:2], record(3, jobUid="j-3"), state="held", reason="JobIsTerminating")
    scene = look(current(notes=open_), job_of("log-start", *FAILED, uid="j-4", created=at(4)), task=Task.ABSENT)
    assert (scene.outcome.state, scene.records[-1].retry_num) == ("exhausted", 4)


@pytest.mark.parametrize(
    "standing", [{"state": "backoff_waiting"}, {"state": "exhausted"}], ids=lambda each: each["state"]
)
def test_a_truncation_that_fails_after_another_one_begins_an_episode(standing: dict[str, str]) -> None:
    """A record knows the point that was truncated to."""
    later = current("log-truncate", notes=notes(record(command="log-truncate", logTruncatingUntil="4"), **standing))
    for begun in ("", at(3)):
        told = later.metadata.annotations[STATUS_ANNOTATION].replace('"cause"', f'"realRetryAt": "{begun}", "cause"')
        annotations = {**later.metadata.annotations, **({STATUS_ANNOTATION: told} if begun else {})}
        backup = later.with_(metadata=later.metadata.with_(annotations=annotations))
        scene = look(backup, job_of("log-truncate", *FAILED, uid="j-2", created=at(4)))
        assert [(each.episode, each.retry_num) for each in scene.records] == [(1, 1), (2, 1)]
        assert [each.superseded_at for each in scene.records] == [at(5), None]
        assert scene.records[1].log_truncating_until == COMMANDS["log-truncate"][0]["logTruncateUntil"]
        assert again(scene.after, clock(5, 1)).outcome.patched == ()


def test_a_truncation_that_its_retry_has_done_is_not_superseded_by_the_wish_for_another() -> None:
    done = notes(record(command="log-truncate", logTruncatingUntil="4", realRetryAt=at(3)), state="retrying")
    sub = {"logTruncatingUntil": "4", "conditions": [condition("Complete", at(4))]}
    scene = look(current("log-truncate", "Complete", notes=done, sub=sub), job_of("log-truncate", "Complete"))
    assert [each.superseded_at for each in scene.records] == [None]


@pytest.mark.parametrize("phase", ["", "Complete", "Failed", "RetryFailed"])
def test_a_truncation_that_hangs_is_found_whatever_is_said_of_the_one_before(phase: str) -> None:
    """The operator died between its Job and its Scheduled."""
    older = {"logTruncatingUntil": "400036290571534444"}
    backup = current("log-truncate", phase, sub={**older, "conditions": [condition("Complete", at(1))]})
    scene = look(backup, job_of("log-truncate", uid="j-9", created=at(5)), now=clock(900))
    assert (scene.outcome.state, scene.outcome.deleted) == ("held", ("j-9",))
    assert again(scene.after, clock(901)).outcome.patched == ()
    sub = scene.after.backup.status.log_sub_command_statuses["log-truncate"]
    assert sub.phase == "Scheduled", "at which the operator leaves it alone while it waits"


def test_the_failure_of_an_older_truncation_s_job_is_not_counted_again_for_the_new_one() -> None:
    """It hangs and is being deleted when another point is wished; it is still asked to go."""
    older = record(command="log-truncate", jobUid="t-5", logTruncatingUntil="4", originalReason="AttemptTimeout")
    sub = {"logTruncatingUntil": "4", "conditions": [condition("Scheduled"), condition("Running")]}
    backup = current("log-truncate", notes=notes(older, state="held", reason="JobIsNotFinished"), sub=sub)
    scene = look(backup, job_of("log-truncate", uid="t-5"), now=clock(1000))
    assert scene.outcome.deleted == ("t-5",)
    assert [(each.job_uid, each.superseded_at) for each in scene.records] == [("t-5", at(1000))]
    assert again(scene.after, clock(1001)).outcome == Outcome("running", (), "", ("t-5",), 60)


def test_the_job_of_an_older_truncation_that_was_given_up_makes_room_for_the_new_one() -> None:
    older = record(2, command="log-truncate", jobUid="t-5", logTruncatingUntil="4", supersededAt=at(900))
    said = condition("Failed", at(800), reason="AlreadyFailed")
    sub = {"logTruncatingUntil": "4", "conditions": [said]}
    backup = current("log-truncate", "Failed", policy=FAILS, notes=notes(older), sub=sub)
    scene = look(backup, job_of("log-truncate", uid="t-5"), now=clock(1000))
    assert scene.outcome == Outcome("idle", (), "", ("t-5",), 60)


def test_the_job_of_an_older_truncation_keeps_its_point() -> None:
    """Else it would complete the new one, which would never be run."""
    sub = {"logTruncatingUntil": "4", "conditions": [condition("Scheduled"), condition("Running")]}
    backup = current("log-truncate", sub=sub)
    scene = look(backup, job_of("log-truncate", uid="t-5"), now=clock(1000))
    assert scene.outcome.deleted == ("t-5",)
    assert scene.after.backup.status.log_sub_command_statuses["log-truncate"].log_truncating_until == "4"


def test_the_job_of_a_truncation_that_is_complete_is_not_taken_for_the_next_one_s() -> None:
    older = {"logTruncatingUntil": "400036290571534444", "conditions": [condition("Complete", at(6))]}
    backup = current("log-truncate", "Complete", sub=older)
    assert look(backup, job_of("log-truncate", uid="j-9", created=at(5)), now=clock(900)).decision.effects == ()


def test_a_failure_of_another_command_begins_no_new_episode_of_this_one() -> None:
    """Else a resume that fails once in between would let an error pause be resumed for ever."""
    once = {**NO_JITTER, "onErrorPause": "Resume", "maxRetryTimes": 1}
    first = record(jobUid="", originalReason="LogBackupErrorPaused", realRetryAt=at(4))
    between = record(command="log-resume", episode=2, detectFailedAt=at(4), realRetryAt=at(5))
    said = condition("RetryFailed", at(6), reason="LogBackupErrorPaused")
    backup = current(
        phase="RetryFailed",
        policy=once,
        status={**STARTED, "phase": "RetryFailed"},
        notes=notes(first, between, state="retrying"),
        sub={"conditions": [condition("Complete", at(4)), said]},
    )
    scene = look(backup, job_of("log-start", "Complete"), task=Task.PAUSED, error="disk", now=clock(6))
    assert scene.outcome.state == "exhausted"
    assert [(each.command, each.episode, each.retry_num) for each in scene.records] == [
        ("log-start", 1, 1),
        ("log-resume", 2, 1),
        ("log-start", 1, 2),
    ]


@pytest.mark.parametrize("job", ["j-1", "j-2"], ids=["its Job is the one that failed", "its next Job failed too"])
def test_a_retry_that_was_at_work_when_the_wish_changed_is_superseded_whatever_failed_since(job: str) -> None:
    """A truncation has failed in between; wished again a day later it is not late."""
    between = record(command="log-truncate", episode=2, jobUid="t-1", detectFailedAt=at(6), realRetryAt=at(8))
    left = notes(record(command="log-pause", realRetryAt=at(3), jobUid="j-1"), between)
    sub = {"command": "log-pause", "phase": "Running", "conditions": [condition("Running", at(4))]}
    backup = current(notes=left, phase="Complete", status={"logSubCommandStatuses": {"log-pause": sub}, **STARTED})
    at_work = look(backup, job_of("log-pause", uid="j-2", created=at(4)), task=Task.RUNNING)
    assert at_work.records[0].superseded_at is None
    dead = look(backup, job_of("log-pause", *FAILED, uid=job, created=at(4)), task=Task.RUNNING, now=clock(9))
    assert [each.superseded_at for each in dead.records] == [at(9), None]
    assert again(dead.after, clock(10)).outcome.patched == ()


def test_a_retry_that_began_long_after_the_command_was_complete_is_the_episode_s_still() -> None:
    """It was complete between the failure and the retry, by whoever's doing, and is not since."""
    late = notes(record(command="log-pause", realRetryAt=at(90)), state="retrying")
    sub = {"conditions": [condition("Complete", at(3)), condition("Scheduled", at(80))]}
    for jobs in ((), (job_of("log-pause", *FAILED),)):
        scene = look(current("log-pause", "RetryFailed", notes=late, sub=sub), *jobs, task=Task.RUNNING, now=clock(91))
        assert (lane(scene.state), len(scene.state.context.records)) == ("retrying", 1)


LEFT = {
    # case: (the command, what stands in its status)
    "it was done": ("log-pause", {"phase": "Complete", "conditions": [condition("Complete", at(4))]}),
    "it is of a stream": ("log-start", {"phase": "RetryFailed", "conditions": [condition("RetryFailed", at(4))]}),
}


@pytest.mark.parametrize(("command", "sub"), LEFT.values(), ids=LEFT)
def test_what_is_no_retry_any_more_is_not_superseded(command: str, sub: dict[str, Any]) -> None:
    between = record(command="log-stop", episode=2, jobUid="t-1", detectFailedAt=at(6), realRetryAt=at(8))
    left = notes(record(command=command, realRetryAt=at(3), jobUid="j-1"), between)
    subs = {command: {"command": command, **sub}, "log-stop": {"command": "log-stop", "phase": "RetryFailed"}}
    status = {"phase": "Running", "logSubCommandStatuses": subs, **STARTED}
    backup = log(spec={"logSubcommand": "log-stop"}, status=status, metadata=annotated(NO_JITTER, left))
    assert look(backup, task=Task.RUNNING, now=clock(9)).records[0].superseded_at is None


def test_what_runs_again_long_after_it_was_complete_begins_an_episode_though_nothing_is_written_of_it() -> None:
    left = notes(record(command="log-pause", realRetryAt=at(3)))
    day = 20 * 60
    sub = {"conditions": [condition("Scheduled", at(3)), condition("Complete", at(4))]}
    backup = current("log-pause", "Repeatable", notes=left, sub=sub)
    scene = look(backup, job_of("log-pause", uid="j-9", created=at(day)), task=Task.RUNNING, now=clock(day + 11))
    assert [(each.episode, each.retry_num) for each in scene.records] == [(1, 1), (2, 1)]
    assert scene.outcome.deleted == ("j-9",)


def test_what_the_operator_saw_of_the_task_is_no_job_s_failure() -> None:
    """The Job of the start, and its pod's cause, are of another failure, which was mended long ago."""
    killed = job_of("log-start", *FAILED)
    pods = (pod(status=terminated("OOMKilled")),)
    gone = current(
        phase="Failed",
        policy={**NO_JITTER, "nonRetryableReasons": ["OOMKilled"]},
        status={"phase": "Failed", **STARTED},
        notes=notes(record(cause="OOMKilled", mendedAt=at(2))),
        sub={"conditions": [condition("Complete", at(2)), condition("Failed", at(90), reason="LogBackupTaskNotFound")]},
    )
    scene = look(gone, killed, task=Task.ABSENT, pods=pods, now=clock(95))
    found = scene.records[-1]
    assert (found.original_reason, found.job_uid, found.cause) == ("LogBackupTaskNotFound", "", "")
    assert again(scene.after, clock(99)).outcome.held == "TaskIsGone"


IMPOSSIBLE: dict[str, tuple[dict[str, Any], str]] = {
    "a retry before the first": ({"retryNum": -1}, "records[0].retryNum: found -1; expected at least 1"),
    "a retry without a number": ({"retryNum": 0}, "records[0].retryNum: found 0; expected at least 1"),
    "an episode before the first": ({"episode": 0}, "records[0].episode: found 0; expected at least 1"),
    "a time after which there is none": (
        {"expectedRetryAt": "9999-12-31T23:59:59Z"},
        "records[0]: no clock is that far",
    ),
}


@pytest.mark.parametrize(("more", "problem"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
@pytest.mark.parametrize("real", [None, at(3)], ids=["open", "begun"])
def test_with_a_record_that_cannot_be_nothing_is_done(real: str | None, more: dict[str, Any], problem: str) -> None:
    backup = current(notes=notes({**record(realRetryAt=real), **more}, state="held"))
    scene = look(backup, job_of("log-start", *FAILED), task=Task.ABSENT, now=clock(30))
    assert scene.decision.effects == ()
    (found,) = retries_of(scene.seen).problems
    assert problem in str(found)


def test_a_time_of_the_status_that_no_clock_shows_does_not_end_the_program() -> None:
    backup = current("log-pause", sub={"conditions": [condition("Complete", "9999-12-31T23:59:59-01:00")]})
    scene = look(backup, job_of("log-pause", *FAILED), task=Task.RUNNING, now=clock(30))
    assert scene.outcome.state == "backoff_waiting"
    handed_over = again(scene.after, clock(40))
    assert handed_over.outcome.patched == (RECORDS, phase_of("log-pause"))
    retried = again(handed_over.after, clock(41))
    assert retries_of(retried.seen).problems == ()
    assert len(retried.records) == 1


def test_a_copy_of_a_backup_has_no_failures_yet() -> None:
    """Whoever creates a Backup anew from a copy of its text copies the annotation too."""
    old = notes(record(2, detectFailedAt="2026-11-20T02:00:00Z", jobUid="j-0"), state="held", backupUid="another")
    scene = look(current(phase="Failed", notes=old), job_of("log-start", *FAILED), task=Task.ABSENT)
    assert scene.outcome.state == "backoff_waiting"
    assert [(each.episode, each.retry_num) for each in scene.records] == [(1, 1)]
    assert scene.standing.backup_uid == scene.after.backup.metadata.uid
    assert performed_of(scene.seen.backup, "log-start") == 0


@pytest.mark.parametrize("phase", LATE_WORDS)
@pytest.mark.parametrize("state", ["backoff_waiting", "verifying", "held", "exhausted", "timed_out"])
def test_the_same_failure_is_never_recorded_twice(phase: str, state: str) -> None:
    backup = current(phase=phase, notes=waiting(state=state))
    for jobs in ((job_of("log-start", *FAILED),), (job_of(),), ()):
        for task in Task:
            assert len(look(backup, *jobs, task=task, now=clock(30)).records) == 1


# ------------------------------------------------------------------ a start that others wait for


def waits_for(start: dict[str, Any] | None) -> Backup:
    """log-stop is wished; log-start stands like this."""
    subs = {} if start is None else {"log-start": {"command": "log-start", **start}}
    return log(spec={"logSubcommand": "log-stop"}, status={"logSubCommandStatuses": subs}, metadata=annotated({}))


BEGUN: dict[str, dict[str, Any]] = {
    "its program was at work": {"phase": "Running", "conditions": [condition("Running")]},
    "its program failed": {"phase": "Failed", "conditions": [condition("Failed")]},
}


@pytest.mark.parametrize("start", BEGUN.values(), ids=BEGUN)
def test_a_start_that_others_wait_for_is_mended_once_its_task_is_seen_to_run(start: dict[str, Any]) -> None:
    """Nobody tells of the task, so it is looked at again and again."""
    failed = job_of("log-start", *FAILED)
    for task in (Task.UNKNOWN, Task.ABSENT, Task.PAUSED):
        assert look(waits_for(start), failed, task=task).outcome == Outcome("idle", (), "", (), 60)
    mended = look(waits_for(start), failed, task=Task.RUNNING)
    assert [step.event.name for step in mended.decision.steps] == ["task_found"]
    assert mended.after.backup.status.commit_ts == COMMIT_TS


NOT_BEGUN: dict[str, dict[str, Any] | None] = {
    "never": None,
    "never, for the operator could not make its Job": {
        "phase": "RetryFailed",
        "conditions": [condition("RetryFailed")],
    },
    "never, for its spec was rejected": {"phase": "Invalid", "conditions": [condition("Invalid")]},
}


@pytest.mark.parametrize("start", NOT_BEGUN.values(), ids=NOT_BEGUN)
def test_a_task_that_this_backup_never_started_is_not_its_own(start: dict[str, Any] | None) -> None:
    """To mend its start would have the operator stop what runs for somebody else."""
    assert look(waits_for(start), task=Task.RUNNING).decision.effects == ()


def test_where_only_its_job_tells_of_a_start_that_is_one() -> None:
    scene = look(waits_for(None), job_of("log-start", "Complete"), task=Task.RUNNING)
    assert scene.after.backup.status.commit_ts == COMMIT_TS


# ------------------------------------------------------------------ superseded


def two(sub: str, wish: str = "log-stop", **more: Any) -> Backup:
    """log-start stands in that phase, and another command is wished."""
    subs = {"log-start": {"command": "log-start", "phase": sub, "conditions": [condition(sub)]}}
    status = {"phase": "Running", "logSubCommandStatuses": subs, **dict(more.pop("status", ()))}
    return log(spec={"logSubcommand": wish}, status=status, metadata=annotated(NO_JITTER, more["notes"]))


@pytest.mark.parametrize("state", ["backoff_waiting", "verifying", "held", "exhausted", "timed_out"])
@pytest.mark.parametrize("phase", ["Scheduled", "Running", "Failed"])
@pytest.mark.parametrize("jobs", [(), (job_of("log-start", *FAILED),), (job_of(),)], ids=["gone", "failed", "at work"])
def test_another_wish_ends_the_retry_of_the_old_one(state: str, phase: str, jobs: Any) -> None:
    """Whatever has become of its Job: it is closed, nothing is told to the operator, and nothing deleted."""
    scene = look(two(phase, notes=waiting(state=state, reason="any")), *jobs, task=Task.ABSENT, now=clock(500))
    assert (scene.outcome.patched, scene.outcome.deleted) == ((RECORDS,), ())
    assert (scene.records[0].superseded_at, scene.outcome.held) == (at(500), "")
    assert again(scene.after, clock(501)).outcome.patched == ()


def test_a_retry_that_was_handed_over_and_is_not_wished_any_more_is_superseded() -> None:
    scene = look(two("RetryFailed", notes=notes(record(realRetryAt=at(4)), state="retrying")), task=Task.ABSENT)
    assert scene.records[0].superseded_at == at(5)


@pytest.mark.parametrize("closed", ["mendedAt", "supersededAt"])
def test_a_record_is_closed_once(closed: str) -> None:
    scene = look(two("Failed", notes=notes(record(**{closed: at(4)}))), task=Task.ABSENT)
    assert scene.outcome == Outcome("idle", (), "", (), 60)


def test_an_attempt_that_succeeded_after_all_is_not_superseded() -> None:
    scene = look(two("Complete", notes=waiting(), status=STARTED), task=Task.RUNNING)
    assert scene.records[0].superseded_at is None


def test_a_superseded_failure_that_is_wished_again_is_a_failure_of_a_new_episode() -> None:
    closed = notes(record(supersededAt=at(3)))
    scene = look(current(phase="Failed", notes=closed), job_of("log-start", *FAILED), task=Task.ABSENT)
    assert scene.outcome.state == "backoff_waiting"
    assert [(each.episode, each.retry_num) for each in scene.records] == [(1, 1), (2, 1)]


def test_a_failure_of_a_started_log_backup_is_superseded_by_the_wish_to_stop() -> None:
    scene = look(two("Failed", notes=waiting(state="held", reason="TaskIsGone"), status=STARTED), task=Task.ABSENT)
    assert scene.records[0].superseded_at == at(5)


@pytest.mark.parametrize("phase", ["Scheduled", "Prepare", "Running", "Complete", "Failed"])
@pytest.mark.parametrize("jobs", [(), (job_of("log-truncate", *FAILED),)], ids=["its Job is gone", "its Job failed"])
def test_a_truncation_to_another_point_is_a_new_wish_and_no_failure(phase: str, jobs: Any) -> None:
    """The operator removes the old one's Job and runs the new one by itself."""
    older = current("log-truncate", phase, sub={"logTruncatingUntil": "400036290571534444"})
    assert look(older, *jobs, task=Task.RUNNING).decision.effects == ()


# ------------------------------------------------------------------ a start that nobody reported


@pytest.mark.parametrize("wish", ["log-stop", "log-pause"])
def test_a_command_that_waits_for_a_start_whose_task_runs_has_it_mended(wish: str) -> None:
    """The operator would wait for commitTs for ever (2.6)."""
    backup = two("Failed", wish, notes=notes(record(supersededAt=at(3))))
    scene = look(backup, job_of("log-start", *FAILED), task=Task.RUNNING)
    status = scene.after.backup.status
    assert (status.commit_ts, status.phase) == (COMMIT_TS, "Running")
    assert status.log_sub_command_statuses["log-start"].phase == "Complete"
    assert not look(backup, job_of(), task=Task.RUNNING).outcome.patched, "its Job is at work"
    for task in (Task.ABSENT, Task.PAUSED, Task.UNKNOWN):
        assert not look(backup, job_of("log-start", *FAILED), task=task).outcome.patched
    assert not look(backup, job_of("log-start", *FAILED), task=Task.RUNNING, commit_ts="").outcome.patched


# ------------------------------------------------------------------ for every scene

PHASES = ["", *(phase for phase in Phase if phase not in ("Clean", "CleanFailed"))]


@st.composite
def sightings(draw: st.DrawFn) -> tuple[Observation, int]:
    """Any command in any phase with any records, Jobs and task, sensible or not."""
    command = draw(st.sampled_from(list(COMMANDS)))
    minutes = st.integers(0, 50)
    policy = NO_JITTER | draw(
        st.fixed_dictionaries(
            {},
            optional={
                "suspend": st.booleans(),
                "onErrorPause": st.sampled_from(["Hold", "Resume"]),
                "onExhausted": st.sampled_from(["Hold", "Fail"]),
                "maxRetryTimes": st.integers(0, 3),
                "retryTimeout": st.just("20m"),
                "nonRetryableReasons": st.just(["OOMKilled"]),
            },
        )
    )
    owners = st.sampled_from([command, command, draw(st.sampled_from(list(COMMANDS)))])
    closing = st.fixed_dictionaries(
        {}, optional={key: minutes.map(at) for key in ("realRetryAt", "mendedAt", "supersededAt")}
    )
    records = [
        record(
            draw(st.integers(0, 4)), draw(owners), detectFailedAt=at(draw(minutes)), expectedRetryAt=at(draw(minutes)),
            jobUid=draw(st.sampled_from(["", "j-1", "j-2"])), episode=draw(st.integers(1, 3)),
            originalReason=draw(st.sampled_from(["OOMKilled", "BackoffLimitExceeded"])),
            **(draw(closing) if draw(st.booleans()) else {}),
        )
        for _ in range(draw(st.integers(0, 3)))
    ]  # fmt: skip
    state = draw(
        st.sampled_from(["", "backoff_waiting", "verifying", "retrying", "held", "exhausted", "timed_out", "x"])
    )
    standing = notes(*records, state=state, reason=draw(st.sampled_from(["", "TaskIsGone", "JobIsTerminating", "y"])))
    phases = st.sampled_from(PHASES)
    subs = {
        each: {
            "command": each,
            "phase": draw(phases),
            "conditions": [
                condition(type_, at(draw(minutes)), reason=draw(st.sampled_from(["", "LogBackupErrorPaused"])))
                for type_ in draw(
                    st.lists(st.sampled_from(["Scheduled", "Complete", "Failed", "RetryFailed"]), unique=True)
                )
            ],
        }
        for each in draw(st.sets(st.sampled_from(list(COMMANDS)), max_size=3)) | {command}
    }
    started = draw(st.sampled_from([{}, STARTED]))
    status = {**COMMANDS[command][1], **started, "logSubCommandStatuses": subs}
    if draw(st.booleans()):
        status["phase"] = draw(phases)
    backup = current(command, policy=policy, notes=standing, status=status)
    jobs = [
        job_of(
            name, *draw(st.sampled_from([(), ("Failed",), ("Complete",)])), uid=f"j-{number}",
            created=at(draw(minutes)),
            ended=at(draw(minutes)), metadata=draw(st.sampled_from([{}, {"deletionTimestamp": at(draw(minutes))}])),
        )
        for number, name in enumerate(draw(st.lists(owners, max_size=2, unique=True)), 1)
    ]  # fmt: skip
    error = draw(st.sampled_from(["", "disk"]))
    task = draw(st.sampled_from(list(Task)))
    sighting = Observation(
        backup, tuple(map(SeenJob, jobs)), task=task, task_error=error if task is Task.PAUSED else "",
        task_commit_ts=draw(st.sampled_from(["", COMMIT_TS])) if task is not Task.UNKNOWN else "",
    )  # fmt: skip
    return sighting, clock(draw(minutes))


MOST_STEPS = 6


@given(sightings())
def test_whatever_is_seen_a_decision_keeps_its_shape(seen: tuple[Observation, int]) -> None:
    """One patch at most, and it comes first; deletions of unfinished Jobs by uid; one requeue; the spec is never
    touched, nor the whole status but by a mend; what was written reads back as the state the decision ended in; and
    the same look afterwards does not write again."""
    sighting, now = seen
    scene = again(sighting, now)
    kinds = [type(each) for each in scene.decision.effects]
    assert kinds == sorted(kinds, key=[PatchBackup, DeleteJob, RequeueAt].index)
    assert max((kinds.count(each) for each in (PatchBackup, RequeueAt)), default=0) <= 1
    unfinished = {each.uid for each in sighting.jobs if not (each.failed or each.succeeded)}
    assert set(scene.outcome.deleted) <= unfinished
    names = [step.event.name for step in scene.decision.steps]
    assert len(names) <= MOST_STEPS
    is_start = state_of_log(sighting).context.command == "log-start"
    resumes = names[-1:] in ([], ["verified"]) and is_start and sighting.task is Task.PAUSED and sighting.task_error
    if not {"completed", "task_found"} & set(names) and not resumes:
        assert not [each for each in scene.outcome.patched if not each.startswith((RECORDS, "status.logSub"))]
    assert scene.after.backup.spec == sighting.backup.spec
    assert all(each.at > now for each in scene.decision.effects if isinstance(each, RequeueAt))
    if names and scene.patch is not None and not resumes and "task_found" not in names:
        ended = scene.decision.steps[-1].after
        assert (
            scene.state.configuration[-1] == ended.configuration[-1]
            or scene.state.context.command != ended.context.command
        )
    twice = again(scene.after, now)
    assert twice.patch is None or twice.decision.steps == () or again(twice.after, now).patch is None
