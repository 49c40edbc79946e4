"""Section 10 of the semantics, statement by statement: what the reference shows is marked confirmed."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from re import findall
from typing import Any

import pytest

from fsm.model import Backup, Phase, text_of
from fsm.reference import (
    BackupEvent,
    CreateJob,
    DeleteJob,
    Etcd,
    JobDeletion,
    Metadata,
    Perform,
    QueryTask,
    Result,
    Tombstone,
    TrackerStart,
    UpdateBackup,
)
from fsm.rules import FINALIZER, is_clean
from tests.reference.stage import (
    BROKEN,
    CLUSTER,
    CONFLICT,
    NOW,
    PAUSED_TASK,
    POLICY,
    RUNNING_TASK,
    Stage,
    backup,
    job,
    log,
    record,
    snapshot,
    status_of,
)

confirmed = pytest.mark.confirmed
SCHEDULED = ("Scheduled", "Prepare", "Running")
STARTED = {"commitTs": "400"}
FAILED_JOB = job("backup-demo", "Failed")


def subs(**phases: str) -> dict[str, Any]:
    """logSubCommandStatuses; `pause="Failed"` is log-pause."""
    return {
        "logSubCommandStatuses": {
            f"log-{name}": {"command": f"log-{name}", "phase": phase, "conditions": []}
            for name, phase in phases.items()
        }
    }


def retrying(real: int | None = None) -> Backup:
    """A snapshot whose first failure is recorded and whose retry has been decided."""
    return snapshot(status_of(*SCHEDULED, "RetryFailed", backoffRetryStatus=[record(1, -400, -100, real)]))


# ------------------------------------------------------------------ snapshot retry


@confirmed("S1")
def test_a_delete_that_fails_is_forgotten_and_the_retry_waits_for_ever():
    stage = Stage(retrying(), FAILED_JOB)
    stage.fail(DeleteJob)
    stage.event()
    assert stage.condition(Phase.RESTART)
    assert stage.backup.status.backoff_retry_status[0].real_retry_at == text_of(NOW)
    assert stage.enqueued
    for _ in range(3):
        stage.refresh()
        stage.wait(3600)
        stage.event()
        assert stage.enqueued
        assert not stage.deleted
        assert stage.sync().result is Result.DONE
        assert not stage.calls
    assert stage.phase == "RetryFailed"


@confirmed("S2")
def test_an_old_job_that_stays_terminating_keeps_the_retry_waiting():
    stage = Stage(retrying(real=0), job("backup-demo", "Failed", deleting=True))
    stage.wait(86_400)
    stage.event()
    assert stage.enqueued
    assert (stage.sync().result, stage.calls) == (Result.DONE, [])


@confirmed("S3")
def test_a_second_silent_death_is_never_recorded_where_scheduled_was_lost():
    stage = Stage(retrying(real=0))
    stage.fail(UpdateBackup, CONFLICT, times=5)
    assert stage.sync().result is Result.ERROR
    assert stage.created == ["backup-demo"]
    stage.jobs["backup-demo"] = FAILED_JOB
    stage.refresh()
    stage.wait(3600)
    stage.event()
    assert not stage.updates
    assert stage.enqueued
    assert (stage.sync().result, stage.calls) == (Result.DONE, [])
    assert stage.phase == "RetryFailed"


@confirmed("S3")
def test_a_stale_job_cache_turns_scheduled_into_retry_failed():
    stage = Stage(snapshot(status_of("Scheduled")))
    stage.fail(CreateJob, BROKEN)
    stage.sync()
    assert stage.phase == "RetryFailed"
    stage.jobs["backup-demo"] = FAILED_JOB
    stage.refresh()
    stage.events_until_silent()
    assert [each.real_retry_at for each in stage.backup.status.backoff_retry_status] == [text_of(NOW)]


@confirmed("S4")
def test_a_failed_write_that_was_refused_once_is_lost_in_the_aliased_cache():
    policy = {**POLICY, "maxRetryTimes": -1}
    stage = Stage(snapshot(status_of(*SCHEDULED, backoffRetryStatus=[record(1, -10, 290)]), policy=policy), FAILED_JOB)
    stage.fail(UpdateBackup)
    stage.event()
    assert len(stage.updates) == 1
    assert stage.phase == "Running"
    assert stage.cached.status.phase == "Failed"
    stage.wait(3600)
    stage.event()
    assert not stage.calls
    stage.refresh()
    stage.event()
    assert stage.phase == "Failed"


@confirmed("S4")
def test_a_record_that_was_lost_is_delivered_by_the_next_write():
    stage = Stage(snapshot(status_of(*SCHEDULED)), FAILED_JOB)
    stage.fail(UpdateBackup, CONFLICT)
    stage.event()
    assert not stage.backup.status.backoff_retry_status
    stage.wait(301)
    stage.event()
    assert stage.phase == "RetryFailed"
    assert len(stage.backup.status.backoff_retry_status) == 1


@confirmed("S4")
def test_the_write_of_a_retry_is_repeated_because_restart_always_counts_as_changed():
    stage = Stage(retrying(), FAILED_JOB)
    stage.fail(UpdateBackup, times=5)
    stage.event()
    assert len(stage.updates) == 5
    assert not stage.enqueued
    assert stage.cached.status.backoff_retry_status[0].real_retry_at == text_of(NOW)


@confirmed("S5")
def test_nobody_is_woken_when_a_retry_is_due():
    stage = Stage(snapshot(status_of(*SCHEDULED)), FAILED_JOB)
    stage.event()
    assert not stage.queued
    stage.refresh()
    stage.wait(300)
    stage.event()
    assert not stage.calls
    stage.wait(1)
    stage.event()
    assert stage.phase == "RetryFailed"


@confirmed("S6")
def test_the_tombstone_of_a_missed_backup_deletion_crashes_the_operator_and_that_of_a_job_wakes_nobody():
    stage = Stage(snapshot())
    assert stage.invoke(BackupEvent(Tombstone())).result is Result.PANIC
    assert stage.invoke(JobDeletion(Tombstone())).result is Result.DONE
    assert not stage.queued


@confirmed("S7")
def test_a_snapshot_whose_job_vanished_runs_for_ever():
    stage = Stage(snapshot(status_of(*SCHEDULED)))
    stage.wait(86_400)
    stage.event()
    stage.job_deleted(job("backup-demo"))
    assert (stage.calls, stage.queued) == ([], [])


@confirmed("S7")
@pytest.mark.parametrize("phase", SCHEDULED)
def test_a_log_command_whose_job_died_in_silence_stays_as_it_is(phase):
    stage = Stage(log(status_of(phase, **subs(start=phase))), job("backup-demo-log-start", "Failed"))
    stage.event()
    stage.job_deleted(job("backup-demo-log-start", "Failed"))
    assert (stage.calls, stage.queued) == ([], [])


@confirmed("S7")
def test_a_log_command_whose_scheduled_was_not_written_is_run_again():
    stage = Stage(log(), job("backup-demo-log-start", "Failed"))
    stage.event()
    assert stage.enqueued
    assert stage.sync().result is Result.IGNORE
    assert stage.deleted == ["backup-demo-log-start"]
    stage.refresh()
    stage.sync()
    assert stage.created == ["backup-demo-log-start"]


@confirmed("S8")
@pytest.mark.parametrize("duration", ["", "5 minutes"])
def test_a_minimum_that_does_not_parse_drops_every_failure(duration):
    stage = Stage(snapshot(status_of(*SCHEDULED), policy={**POLICY, "minRetryDuration": duration}), FAILED_JOB)
    for _ in range(3):
        stage.event()
        assert (stage.calls, stage.queued) == ([], [])
        stage.wait(3600)


@confirmed("S8")
def test_a_timeout_that_does_not_parse_keeps_an_exhausted_backup_running():
    policy = {"minRetryDuration": "300s", "maxRetryTimes": -1, "retryTimeout": "soon"}
    stage = Stage(snapshot(status_of(*SCHEDULED), policy=policy), FAILED_JOB)
    stage.events_until_silent()
    stage.wait(86_400)
    stage.event()
    assert (stage.calls, stage.phase) == ([], "Running")
    assert len(stage.backup.status.backoff_retry_status) == 1


@confirmed("S8")
def test_a_negative_minimum_retries_in_the_detecting_call():
    stage = Stage(snapshot(status_of(*SCHEDULED), policy={**POLICY, "minRetryDuration": "-1s"}), FAILED_JOB)
    stage.event()
    assert len(stage.updates) == 2
    assert stage.phase == "RetryFailed"


@confirmed("S8")
def test_a_minimum_as_long_as_the_timeout_is_never_retried():
    stage = Stage(snapshot(status_of(*SCHEDULED), policy={**POLICY, "minRetryDuration": "30m"}), FAILED_JOB)
    stage.events_until_silent()
    stage.wait(1800)
    stage.event()
    assert not stage.calls
    stage.wait(1)
    stage.event()
    assert stage.condition(Phase.FAILED).message.startswith("retry timeout, max is 30m")


@confirmed("S8")
def test_a_negative_timeout_fails_in_the_detecting_call():
    stage = Stage(snapshot(status_of(*SCHEDULED), policy={**POLICY, "retryTimeout": "-1s"}), FAILED_JOB)
    stage.event()
    assert len(stage.updates) == 2
    assert stage.phase == "Failed"


@confirmed("S8")
@pytest.mark.parametrize("missing", ["detectFailedAt", "expectedRetryAt"])
def test_a_record_without_its_times_crashes_the_operator(missing):
    kept = {key: value for key, value in record(1, -10, 290).items() if key != missing}
    stage = Stage(snapshot(status_of(*SCHEDULED, backoffRetryStatus=[kept])), FAILED_JOB)
    assert stage.event().result is Result.PANIC


# ------------------------------------------------------------------ log backups


@confirmed("S9")
def test_a_started_log_backup_that_turned_retry_failed_never_runs_again():
    stage = Stage(log(status_of("Running", **STARTED, **subs(start="Complete"))), cluster=None)
    assert stage.sync().result is Result.ERROR
    assert (stage.phase, stage.sub("log-start")) == ("RetryFailed", "RetryFailed")
    stage.cluster = CLUSTER
    stage.track()
    stage.refresh()
    for _ in range(3):
        assert stage.sync().result is Result.DONE
        assert not stage.updates
        stage.tick()
        assert not stage.calls, "the tracker looks only where the phase is Running"
        stage.wait(61)
    assert stage.phase == "RetryFailed"


@confirmed("S10")
@pytest.mark.parametrize("info", ["context deadline exceeded", ()])
def test_a_get_that_failed_marks_a_healthy_log_backup_failed_for_ever(info):
    stage = Stage(log(status_of("Running", **STARTED, **subs(start="Complete"))), task=Etcd(info=info))
    stage.track()
    assert stage.sync().result is Result.ERROR
    assert (stage.phase, stage.condition(Phase.FAILED).reason) == ("Failed", "LogBackupTaskNotFound")
    stage.refresh()
    stage.event()
    assert not stage.queued


@confirmed("S10")
def test_a_tick_before_the_task_exists_is_believed_for_a_minute():
    stage = Stage(log(status_of("Running", **subs(start="Running"))), task=Etcd())
    stage.track()
    stage.tick()
    assert [type(call) for call in stage.calls][-1] is QueryTask
    stage.backup = log(status_of("Running", **STARTED, **subs(start="Complete")))
    stage.task = Etcd(info=(b"task",))
    stage.refresh()
    stage.wait(30)
    stage.sync()
    assert stage.condition(Phase.FAILED).reason == "LogBackupTaskNotFound"


@pytest.mark.parametrize("task", [RUNNING_TASK, PAUSED_TASK])
def test_what_the_ticker_removes_while_a_sync_asks_for_the_task_is_not_tracked_again(task):
    """Nobody would tick for it, and S10's query would be believed in a later life of that name."""
    stage = Stage(log(status_of("Running", **STARTED, **subs(start="Complete"))), task=task)
    stage.track()

    def deleted() -> None:
        stage.backup = None
        stage.refresh()
        stage.tick()

    stage.meanwhile[QueryTask] = deleted
    assert stage.sync().result is Result.DONE
    assert stage.operator.tracked == {}


@confirmed("S11")
@pytest.mark.parametrize("mode", ["snapshot", "log"])
def test_correcting_an_invalid_spec_does_nothing(mode):
    stage = Stage(backup({"backupMode": mode, "s3": {"bucket": ""}}))
    assert stage.sync().result is Result.IGNORE
    assert stage.phase == "Invalid"
    stage.backup = stage.backup.with_(spec=backup().spec.with_(backup_mode=mode))
    stage.refresh()
    stage.event()
    assert not stage.queued


@confirmed("S12")
def test_a_stopped_log_backup_that_is_no_longer_tracked_errs_at_every_sync():
    stage = Stage(log(status_of("Stopped", **STARTED, **subs(stop="Complete")), wish="log-stop"))
    stage.event()
    assert stage.enqueued
    ended = stage.sync()
    assert (ended.result, ended.message) == (Result.ERROR, "log backup ns/demo not found in tracker")
    assert stage.requeued


@confirmed("S12")
def test_a_stopped_log_backup_is_never_started_again_but_marked_failed():
    stage = Stage(log(status_of("Stopped", **STARTED, **subs(start="Complete", stop="Complete"))), task=Etcd())
    stage.track()
    stage.sync()
    assert (stage.created, stage.phase) == ([], "Failed")


def deleted(phase: str, policy: str = "Retain", **more: Any) -> Backup:
    """A started log backup that is being deleted."""
    spec = {"backupMode": "log", "logSubcommand": "log-start", "cleanPolicy": policy}
    status = status_of(phase, **STARTED, backupPath="s3://b", **more)
    return backup(spec, status, deletionTimestamp=text_of(NOW), finalizers=[FINALIZER])


@confirmed("S13")
@pytest.mark.parametrize("phase", ["Failed", "RetryFailed", "Invalid"])
def test_deleting_a_log_backup_in_a_bad_phase_orphans_its_task(phase):
    stage = Stage(deleted(phase))
    assert is_clean(stage.backup)
    assert stage.sync().result is Result.REQUEUE
    assert stage.backup.metadata.finalizers == ()
    assert not stage.created


@confirmed("S13")
def test_a_stop_job_that_cannot_be_made_once_lets_the_log_backup_go():
    stage = Stage(deleted("Running"))
    stage.fail(CreateJob)
    assert stage.sync().result is Result.ERROR
    assert stage.phase == "RetryFailed"
    stage.refresh()
    assert stage.sync().result is Result.REQUEUE
    assert stage.backup.metadata.finalizers == ()


@confirmed("S14")
def test_a_stop_job_that_died_in_silence_holds_the_deletion_for_ever():
    stage = Stage(deleted("Scheduled"), job("stop-demo", "Failed"))
    assert stage.sync().result is Result.DONE
    assert not stage.calls


@confirmed("S14")
def test_a_clean_job_that_is_exhausted_holds_the_deletion_for_ever():
    spec = {"backupMode": "snapshot", "cleanPolicy": "Delete"}
    status = {"phase": "Clean", "conditions": [{"type": "Clean", "status": "False"}]}
    dying = backup(spec, status, deletionTimestamp=text_of(NOW), finalizers=[FINALIZER])
    stage = Stage(dying, job("clean-demo", "Failed"))
    assert stage.sync().result is Result.DONE
    assert not stage.calls


@confirmed("S14")
def test_a_policy_edited_to_retain_keeps_the_finalizer_for_ever():
    spec = {"backupMode": "snapshot", "cleanPolicy": "Retain"}
    stage = Stage(backup(spec, status_of("Complete"), deletionTimestamp=text_of(NOW), finalizers=[FINALIZER]))
    assert stage.sync().result is Result.DONE
    assert not stage.calls


@confirmed("S14")
def test_a_log_backup_without_br_cannot_be_deleted():
    spec = {"backupMode": "log", "br": None, "cleanPolicy": "Delete"}
    stage = Stage(backup(spec, status_of("Running"), deletionTimestamp=text_of(NOW), finalizers=[FINALIZER]))
    assert stage.sync().result is Result.ERROR


@confirmed("S14")
def test_a_log_backup_cannot_be_stopped_without_its_cluster():
    stage = Stage(deleted("Running"), cluster=None)
    ended = stage.sync()
    assert (ended.result, ended.message) == (Result.ERROR, 'tidbcluster.pingcap.com "basic" not found')
    assert not stage.updates


@confirmed("S15")
def test_a_log_backup_without_br_crashes_the_operator_at_its_start():
    stage = Stage(None)
    assert stage.invoke(TrackerStart(backup({"backupMode": "log", "br": None}))).result is Result.PANIC


@confirmed("S16")
def test_a_truncate_that_is_covered_never_settles_and_invents_a_resume():
    status = status_of("Running", **STARTED, **subs(start="Complete"))
    stage = Stage(log(status, logTruncateUntil="300"))
    stage.track()
    written = []
    for _ in range(4):
        stage.event()
        assert stage.enqueued
        assert stage.sync().result is Result.DONE
        written.append([len(stage.updates), stage.sub("log-resume")])
        stage.refresh()
        stage.wait(30)
    assert written == [[1, ""], [2, "Complete"], [1, "Complete"], [2, "Complete"]]
    assert stage.backup.status.log_success_truncate_until == ""


@confirmed("S17")
@pytest.mark.parametrize(
    ("phase", "wish", "failed"),
    [("Running", "log-pause", "pause"), ("Paused", "log-start", "resume"), ("Running", "log-stop", "stop")],
)
def test_a_command_that_failed_cannot_be_repeated(phase, wish, failed):
    stage = Stage(log(status_of(phase, **STARTED, **subs(**{failed: "Failed"})), wish=wish))
    stage.event()
    assert (stage.calls, stage.queued) == ([], [])


@confirmed("S18")
def test_the_timeout_counts_running_time_and_a_retry_beyond_it_is_awaited_in_vain():
    records = [record(1, -1700, -1400, -1390)]
    stage = Stage(snapshot(status_of(*SCHEDULED, backoffRetryStatus=records)), FAILED_JOB)
    stage.events_until_silent()
    assert len(stage.backup.status.backoff_retry_status) == 2
    stage.wait(102)
    stage.event()
    assert stage.phase == "Failed"
    assert "retry timeout" in stage.condition(Phase.FAILED).message


@confirmed("S18")
def test_a_cluster_that_is_not_ready_stalls_a_retry_without_a_word():
    stage = Stage(retrying(real=0))
    stage.cluster = replace(CLUSTER, ready=False)
    stage.refresh()
    assert stage.sync().result is Result.REQUEUE
    assert not stage.calls


@confirmed("S19")
def test_the_failed_job_of_an_earlier_backup_of_the_same_name_counts():
    stage = Stage(snapshot(), job("backup-demo", "Failed", uid="an-earlier-one"))
    stage.event()
    assert len(stage.backup.status.backoff_retry_status) == 1
    stage.refresh()
    stage.job_deleted(job("backup-demo", "Failed", uid="an-earlier-one"))
    assert not stage.queued


@confirmed("S20")
@pytest.mark.parametrize(("tag", "wiped"), [("v6.5.0", True), ("nightly", True), ("v6.5.1", False), ("v8.5.0", False)])
def test_a_first_run_whose_scheduled_was_lost_is_taken_for_a_restart(tag, wiped):
    stage = Stage(snapshot(status_of("RetryFailed")))
    stage.pod("backup", f"--tikvVersion={tag}", "--mode=snapshot")
    steps = [call.step for call in stage.calls if isinstance(call, Perform)]
    assert ("clean data" in steps) is wiped


@confirmed("S21")
def test_a_backup_whose_metadata_cannot_be_read_is_reported_as_failed():
    stage = Stage(snapshot(status_of("Scheduled")))
    stage.steps = {}
    stage.faults.extend([(_step("read metadata"), BROKEN, False)])
    assert stage.pod("backup", "--mode=snapshot").result is Result.ERROR
    assert stage.condition(Phase.FAILED).reason == "GetBackupMetadataFailed"


def _step(name: str) -> Any:
    """A class whose instances are the Perform calls of that step."""

    class Named(type):
        def __instancecheck__(cls, call: object) -> bool:
            return isinstance(call, Perform) and call.step == name

    return Named("Step", (), {})


@confirmed("S21")
def test_a_program_of_an_earlier_run_can_complete_the_new_one():
    stage = Stage(retrying(real=0))
    stage.steps = {"read metadata": Metadata(1, 2, 3)}
    assert stage.pod("backup", "--mode=snapshot").result is Result.DONE
    assert stage.phase == "Complete"


@confirmed("S22")
def test_the_keys_of_a_task_with_a_longer_name_answer_for_it():
    stage = Stage(log(status_of("Stopped", **STARTED, **subs(stop="Complete")), wish="log-stop"))
    stage.track()
    for _ in range(2):
        stage.sync()
        stage.refresh()
    assert (stage.phase, stage.sub("log-stop")) == ("Running", "Complete")
    assert stage.sync().result is Result.DONE
    assert not stage.created


@confirmed("S23")
def test_two_commands_run_at_the_same_time():
    status = status_of("Running", **STARTED, **subs(start="Complete", pause="Running"))
    stage = Stage(log(status, wish="log-stop"), job("backup-demo-log-pause"))
    stage.event()
    assert stage.enqueued
    stage.sync()
    assert stage.created == ["backup-demo-log-stop"]


@confirmed("S23")
def test_a_deletion_does_not_wait_for_the_job_of_a_pause():
    stage = Stage(deleted("Stopped", "Delete"), job("backup-demo-log-pause"))
    stage.sync()
    assert (stage.deleted, stage.created) == ([], ["clean-demo"])


# ------------------------------------------------------------------ volume snapshots, and the rest


def volume(step: str, *phases: str, **spec: Any) -> Backup:
    return backup({"backupMode": "volume-snapshot", "federalVolumeBackupPhase": step, **spec}, status_of(*phases))


@confirmed("S24")
def test_after_a_silent_death_nobody_removes_the_init_job():
    stage = Stage(volume("execute", "Scheduled", "VolumeBackupInitialized"), FAILED_JOB, job("backup-demo-init"))
    stage.event()
    assert stage.condition(Phase.VOLUME_BACKUP_FAILED)
    assert not stage.queued


@confirmed("S24")
def test_a_teardown_without_any_execute_job_is_complete():
    stage = Stage(volume("teardown", "Scheduled"))
    stage.sync()
    assert stage.phase == "Complete"


@confirmed("S24")
def test_a_job_condition_that_is_false_counts_as_an_end():
    stage = Stage(volume("initialize", "Scheduled"), job("backup-demo-init", "Failed", status="False"))
    assert stage.sync().result is Result.IGNORE
    assert stage.condition(Phase.VOLUME_BACKUP_INITIALIZE_FAILED).reason == "InitializeJobCompletedOrFailed"


@confirmed("S24")
def test_a_failed_initialization_stops_nothing():
    stage = Stage(volume("initialize", "Scheduled", "VolumeBackupInitializeFailed"))
    stage.sync()
    assert stage.created == ["backup-demo-init"]


@confirmed("S25")
def test_an_ignored_sync_leaves_the_back_off_as_it_was():
    stage = Stage(backup({"backupMode": "snapshot", "s3": {"bucket": ""}}))
    assert stage.sync().result is Result.IGNORE
    assert not stage.queued


@confirmed("S25")
def test_a_program_that_finds_no_backup_panics():
    assert Stage(None).pod("backup", "--mode=snapshot").result is Result.PANIC


@confirmed("S26")
def test_a_job_created_while_a_record_is_pending_is_deleted_when_the_retry_is_due():
    stage = Stage(snapshot(status_of(*SCHEDULED, backoffRetryStatus=[record(1, -10, 5)])))
    assert stage.sync().result is Result.DONE
    assert stage.created == ["backup-demo"]
    stage.refresh()
    stage.wait(6)
    stage.event()
    assert stage.phase == "RetryFailed"
    stage.refresh()
    stage.event()
    assert stage.deleted == ["backup-demo"]


@confirmed("S27")
def test_data_are_cleaned_in_the_pass_that_makes_the_stop_job():
    stage = Stage(deleted("Running", "Delete"))
    stage.sync()
    assert stage.created == ["stop-demo", "clean-demo"]


# ------------------------------------------------------------------ the list


def test_every_statement_of_section_10_is_confirmed_by_a_scenario():
    marked = set(findall(r'@confirmed\("(S\d+)"\)', Path(__file__).read_text("utf-8")))
    assert marked == {f"S{number}" for number in range(1, 28)}


def test_an_error_pause_is_told_with_the_text_that_tikv_gives():
    payload = b64encode(b"region 7 is unavailable").decode()
    pause = json.dumps({"severity": "ERROR", "payload_type": "text/plain", "payload": payload}).encode()
    stage = Stage(
        log(status_of("Running", **STARTED, **subs(start="Complete"))), task=Etcd(info=(b"task",), pause=(pause,))
    )
    stage.track()
    ended = stage.sync()
    assert ended.message == "log backup paused due to error: region 7 is unavailable"
    assert stage.condition(Phase.RETRY_FAILED).message == "Log backup paused due to error: region 7 is unavailable"


def test_a_manual_pause_is_followed_at_the_second_sight_and_then_undone():
    stage = Stage(log(status_of("Running", **STARTED, **subs(start="Complete"))), task=PAUSED_TASK)
    stage.track()
    stage.sync()
    assert not stage.updates
    stage.sync()
    assert stage.phase == "Paused"
    stage.refresh()
    stage.sync()
    assert stage.created == ["backup-demo-log-resume"]
