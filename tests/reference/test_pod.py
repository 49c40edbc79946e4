"""What the program in the pod writes, step by step, and how it ends (operator-semantics 8)."""

from __future__ import annotations

from typing import Any

import pytest

from fsm.errors import InputError
from fsm.model import Phase, text_of
from fsm.reference import Arguments, CachedPointer, Call, Metadata, Perform, Result, UpdateBackup, arguments_of_pod
from fsm.reference.pod.backup import continues_by_checkpoint, storage_path
from fsm.reference.pod.steps import readable
from fsm.rules import arguments_of
from tests.reference.stage import BROKEN, KEY, NOW, Stage, backup, log, snapshot, status_of

FROM = {"from": {"host": "tidb", "secretName": "s"}}
SIZES = {"volume size": (2_500_000_000, 1_200_000)}
META = {"read metadata": Metadata(400, 500, 123_456_789), "get GC life time": "10m0s"}


def failing(step: str) -> Any:
    """The class of the Perform calls of one step."""

    class Meta(type):
        def __instancecheck__(cls, call: object) -> bool:
            return isinstance(call, Perform) and call.step == step

    return Meta("Step", (), {})


def story(stage: Stage) -> list[str]:
    """Phases written and steps done, in order."""
    told = []
    for call in stage.calls:
        if isinstance(call, UpdateBackup):
            told.append(str(call.backup.status.phase))
        elif isinstance(call, Perform):
            told.append(f"({call.step})")
    return told


def run(stored, *arguments: str, fail: str = "", **steps: Any) -> tuple[Stage, Result]:
    stage = Stage(stored)
    stage.steps = META | SIZES | steps
    if fail:
        stage.faults.append((failing(fail), BROKEN, False))
    return stage, stage.pod(*arguments).result


SNAPSHOT = ("backup", "--mode=snapshot", "--tikvVersion=v8.5.0")


def test_a_snapshot_prepares_runs_and_completes():
    stage, end = run(snapshot(status_of("Scheduled")), *SNAPSHOT)
    assert (end, story(stage)) == (Result.DONE, ["Prepare", "Running", "(br)", "(read metadata)", "Complete"])
    status = stage.backup.status
    assert (status.backup_path, status.backup_size, status.backup_size_readable) == ("s3://b", 123_456_789, "124 MB")
    assert (status.commit_ts, status.time_taken, status.time_started) == ("500", "0s", text_of(NOW))


def test_a_restart_writes_its_marker_and_keeps_the_phase():
    stage, _ = run(snapshot(status_of("Scheduled", "Running")), *SNAPSHOT)
    assert story(stage)[0] == "Running"
    assert stage.condition(Phase.RESTART)


def test_gc_is_held_back_while_a_cluster_is_backed_up_over_sql():
    stage, _ = run(backup({"backupMode": "snapshot", **FROM}, status_of("Scheduled")), *SNAPSHOT)
    assert story(stage) == [
        "(connect)",
        "Prepare",
        "(get GC life time)",
        "(set GC life time)",
        "Running",
        "(br)",
        "(reset GC life time)",
        "(read metadata)",
        "Complete",
    ]


FAILURES = {
    "connect": ("ConnectTidbFailed", ["(connect)", "Failed"]),
    "get GC life time": ("GetTikvGCLifeTimeFailed", ["(connect)", "Prepare", "(get GC life time)", "Failed"]),
    "br": (
        "BackupDataToRemoteFailed",
        ["(connect)", "Prepare", "(get GC life time)", "Running", "(br)", "Failed"],
    ),
    "read metadata": (
        "GetBackupMetadataFailed",
        ["(connect)", "Prepare", "(get GC life time)", "Running", "(br)", "(read metadata)", "Failed"],
    ),
}


@pytest.mark.parametrize("step", FAILURES)
def test_a_step_that_fails_is_reported_with_its_reason(step):
    reason, told = FAILURES[step]
    stored = backup({"backupMode": "snapshot", **FROM}, status_of("Scheduled"))
    stage, end = run(stored, *SNAPSHOT, fail=step, **{"get GC life time": "100h"})
    assert (end, story(stage)) == (Result.ERROR, told)
    assert stage.condition(Phase.FAILED).reason == reason


def test_a_gc_life_time_that_cannot_be_restored_is_reported_instead_of_br():
    stored = backup({"backupMode": "snapshot", **FROM}, status_of("Scheduled"))
    stage = Stage(stored)
    stage.steps = META
    stage.faults.extend([(failing("br"), BROKEN, False), (failing("reset GC life time"), BROKEN, False)])
    assert stage.pod(*SNAPSHOT).result is Result.ERROR
    assert stage.condition(Phase.FAILED).reason == "ResetTikvGCLifeTimeFailed"


@pytest.mark.parametrize("duration", ["", "ten minutes"])
def test_an_old_gc_life_time_that_does_not_parse_is_reported(duration):
    stored = backup({"backupMode": "snapshot", **FROM}, status_of("Scheduled"))
    stage, _ = run(stored, *SNAPSHOT, **{"get GC life time": duration})
    assert stage.condition(Phase.FAILED).reason == "ParseOldTikvGCLifeTimeFailed"


def test_data_that_cannot_be_cleaned_end_the_program_without_a_word():
    stage, end = run(snapshot(status_of("Running")), "backup", "--mode=snapshot", fail="clean data")
    assert (end, story(stage)) == (Result.ERROR, ["Running", "Prepare", "(clean data)"])


def test_a_first_write_that_fails_ends_the_program_without_a_word():
    stage = Stage(snapshot(status_of("Scheduled")))
    stage.fail(UpdateBackup, times=5)
    assert stage.pod(*SNAPSHOT).result is Result.ERROR
    assert len(stage.calls) == 5


def test_a_backup_without_br_ends_the_program_without_a_word():
    stage, end = run(backup({"backupMode": "snapshot", "br": None}, status_of("Scheduled")), *SNAPSHOT)
    assert (end, story(stage)) == (Result.ERROR, [])


# ------------------------------------------------------------------ log commands

REASONS = {
    "start": "StartLogBackupFailed",
    "stop": "StopLogBackupFailed",
    "pause": "PauseLogBackupFailed",
    "resume": "ResumeLogBackuFailed",
    "truncate": "TruncateLogBackuFailed",
}


@pytest.mark.parametrize(
    ("command", "phase"),
    [("start", "Running"), ("stop", "Stopped"), ("pause", "Paused"), ("resume", "Running"), ("truncate", "")],
)
def test_a_log_command_prepares_runs_and_completes(command, phase):
    arguments = ("backup", "--mode=log", f"--subcommand=log-{command}", "--truncate-until=401")
    stage, end = run(log(), *arguments)
    assert end is Result.DONE
    assert (stage.sub(f"log-{command}"), stage.phase) == ("Complete", phase)
    assert f"(br log-{command})" in story(stage)
    status = stage.backup.status
    assert status.commit_ts == ("400" if command == "start" else "")
    assert status.log_success_truncate_until == ("401" if command == "truncate" else "")


@pytest.mark.parametrize("command", REASONS)
def test_a_log_command_that_fails_says_so_in_the_operators_spelling(command):
    stage, end = run(log(), "backup", "--mode=log", f"--subcommand=log-{command}", fail=f"br log-{command}")
    sub = stage.backup.status.log_sub_command_statuses[f"log-{command}"]
    assert (end, sub.phase) == (Result.ERROR, "Failed")
    assert [each.reason for each in sub.conditions if each.type == "Failed"] == [REASONS[command]]


def test_a_started_task_whose_metadata_cannot_be_read_has_failed():
    stage, _ = run(log(), "backup", "--mode=log", "--subcommand=log-start", fail="read metadata")
    assert (stage.phase, stage.condition(Phase.FAILED).reason) == ("Failed", "GetLogBackupMetadataFailed")


def test_running_that_cannot_be_written_is_reported():
    stage = Stage(log())
    stage.faults.extend([(_Nth(2, 6), BROKEN, False)] * 5)
    assert stage.pod("backup", "--mode=log", "--subcommand=log-pause").result is Result.ERROR
    sub = stage.backup.status.log_sub_command_statuses["log-pause"]
    assert [each.reason for each in sub.conditions if each.type == "Failed"] == ["UpdateStatusFailed"]


class _Counted(type):
    def __instancecheck__(cls, call: object) -> bool:
        if not isinstance(call, UpdateBackup):
            return False
        cls.count += 1
        return cls.first <= cls.count <= cls.last


def _Nth(first: int, last: int) -> Any:  # noqa: N802
    """A class whose instances are the updates from the first to the last of a run."""
    return _Counted("Nth", (), {"count": 0, "first": first, "last": last})


def test_a_subcommand_that_nobody_knows_ends_after_prepare():
    stage, end = run(log(), "backup", "--mode=log", "--subcommand=log-unknown")
    assert (end, len(stage.updates)) == (Result.ERROR, 1)


# ------------------------------------------------------------------ volume, export, clean


def volume(**spec: Any):
    return backup({"backupMode": "volume-snapshot", **spec}, status_of("Scheduled"))


def test_a_volume_snapshot_completes_and_then_tells_its_size():
    stage, end = run(volume(), "backup", "--mode=volume-snapshot")
    assert end is Result.DONE
    assert story(stage) == [
        "Prepare",
        "Running",
        "(br)",
        "VolumeBackupComplete",
        "(volume size)",
        "VolumeBackupComplete",
    ]
    assert stage.backup.status.incremental_backup_size_readable == "1.2 MB"


def test_a_volume_snapshot_that_failed_tells_its_size_too():
    stage, end = run(volume(), "backup", "--mode=volume-snapshot", fail="br")
    assert (end, story(stage)[-3:]) == (Result.ERROR, ["VolumeBackupFailed", "(volume size)", "VolumeBackupFailed"])
    assert stage.backup.status.time_taken == "2562047h47m16.854775807s"


def test_an_initialization_says_when_gc_and_schedulers_are_held_and_how_it_ends():
    stage, end = run(volume(), "backup", "--initialize=true", "--mode=volume-snapshot", fail="hold")
    assert end is Result.ERROR
    told = story(stage)
    assert told == ["Running", "(pause GC and schedulers)", "VolumeBackupInitialized", "(hold)", told[-1]]
    assert stage.condition(Phase.VOLUME_BACKUP_INITIALIZE_FAILED).reason == "InitializeVolumeBackupFailed"


EXPORTED = {"export path": "s3://b/x.tgz", "commit TS": 7, "archive size": 999}


def test_an_export_dumps_archives_and_uploads():
    stage, end = run(backup({"br": None, **FROM}, status_of("Scheduled")), "export", **EXPORTED)
    assert end is Result.DONE
    assert (stage.phase, stage.backup.status.commit_ts, stage.backup.status.backup_size_readable) == (
        "Complete",
        "7",
        "999 B",
    )


EXPORT_REASONS = {
    "connect": "ConnectTidbFailed",
    "dump": "DumpTidbClusterFailed",
    "commit TS": "GetCommitTsFailed",
    "archive": "ArchiveBackupDataFailed",
    "archive size": "GetBackupSizeFailed",
    "upload": "BackupDataToRemoteFailed",
    "reset GC life time": "ResetTikvGCLifeTimeFailed",
}


@pytest.mark.parametrize("step", EXPORT_REASONS)
def test_a_step_of_an_export_that_fails_is_reported_with_its_reason(step):
    stage, end = run(backup({"br": None, **FROM}, status_of("Scheduled")), "export", fail=step, **EXPORTED)
    assert (end, stage.condition(Phase.FAILED).reason) == (Result.ERROR, EXPORT_REASONS[step])


def test_an_export_to_a_storage_that_dumpling_does_not_know_is_reported():
    stage, _ = run(backup({"br": None, "s3": None, "local": {}, **FROM}), "export")
    assert stage.condition(Phase.FAILED).reason == "UnsupportedStorageType"


def test_cleaning_ends_in_clean_or_clean_failed():
    stored = snapshot(status_of("Clean", backupPath="s3://b"))
    assert run(stored, "clean")[0].condition(Phase.CLEAN).status == "True"
    stage, end = run(stored, "clean", fail="clean data")
    assert (end, stage.condition(Phase.CLEAN_FAILED).reason) == (Result.ERROR, "CleanBackupDataFailed")


def test_cleaning_without_a_path_is_reported_and_ends_well():
    stage, end = run(snapshot(), "clean")
    assert (end, stage.condition(Phase.FAILED).reason) == (Result.DONE, "BackupPathIsEmpty")


def test_cleaning_a_backup_that_is_not_there_ends_badly_without_a_panic():
    assert Stage(None).pod("clean").result is Result.ERROR


# ------------------------------------------------------------------ arguments and texts


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (snapshot(), Arguments("backup", KEY, tikv_version="v8.5.0")),
        (log(), Arguments("backup", KEY, "log", "log-start", tikv_version="v8.5.0")),
        (
            log(status_of("Running", commitTs="4"), logTruncateUntil="9"),
            Arguments("backup", KEY, "log", "log-truncate", truncate_until="9", tikv_version="v8.5.0"),
        ),
        (
            volume(federalVolumeBackupPhase="initialize"),
            Arguments("backup", KEY, "volume-snapshot", initialize=True, tikv_version="v8.5.0"),
        ),
    ],
)
def test_a_program_reads_the_arguments_that_the_operator_writes(stored, expected):
    assert arguments_of_pod(arguments_of(stored, tikv_version="v8.5.0")) == expected


@pytest.mark.parametrize("arguments", [[], ["backup"], ["sleep", "--namespace=a", "--backupName=b"]])
def test_other_arguments_are_refused(arguments):
    with pytest.raises(InputError, match="arguments of a backup's pod"):
        arguments_of_pod(arguments)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (9, "9 B"), (10, "10 B"), (999, "999 B"), (1000, "1.0 kB"), (1500, "1.5 kB"), (82_854_982, "83 MB")],
)
def test_sizes_are_told_in_powers_of_a_thousand(size, text):
    assert readable(size) == text


@pytest.mark.parametrize(
    ("tag", "continues"),
    [("v6.5.1", True), ("6.5.1", True), ("v6.5.1-alpha", True), ("v6.5.0", False), ("4.0", False), ("nightly", False)],
)
def test_br_from_6_5_1_on_continues_by_its_checkpoint(tag, continues):
    assert continues_by_checkpoint(tag) is continues


@pytest.mark.parametrize(
    ("storage", "path"),
    [
        ({"s3": {"bucket": "b", "prefix": "/p/"}}, "s3://b/p"),
        ({"gcs": {"bucket": "b", "prefix": "p"}}, "gcs://b/p/"),
        ({"azblob": {"container": "c"}}, "azure://c/"),
        ({"local": {"volumeMount": {"mountPath": "/mnt"}, "prefix": "p"}}, "local:///mnt/p"),
        ({}, None),
    ],
)
def test_the_path_names_storage_and_prefix(storage, path):
    assert storage_path(backup({"s3": None, **storage}).spec) == path


def test_the_program_reads_its_own_cache_by_pointer():
    seen: list[Call] = []
    stage = Stage(snapshot(status_of("Scheduled")))
    stage.steps = META
    answer = stage._answer

    def noted(call: Call) -> Any:
        seen.append(call)
        return answer(call)

    stage._answer = noted  # type: ignore[method-assign]
    stage.pod(*SNAPSHOT)
    assert isinstance(seen[0], CachedPointer)
