"""A Backup is read as machine state and written back: along random lives, and for every status the operator writes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from worlds import LIFECYCLES, NAME, UID, Seen, walk

from fsm.adapter import log, snapshot, volume
from fsm.adapter.observation import Observation, SeenJob
from fsm.adapter.registry import lifecycle_of
from fsm.errors import InputError, UsageError
from fsm.kernel import MachineState
from fsm.machines import LOG, SNAPSHOT, Policy, Record
from fsm.machines.log_retry import WAITING
from fsm.model import Backup, BackupStatus, Condition, Job, Phase, text_of
from fsm.rules import Update, current_command, update_condition, updated

STORIES = Path(__file__).parents[2] / "fsm" / "stories"
MODES = tuple(LIFECYCLES)
LIVES, MANY = range(40), range(40, 1500)


# --- round trips


def _known(state: MachineState, *, taken_up: bool, job: bool) -> MachineState:
    """The state without what the machine was not told: the reason of a lane taken up, the Job where it is unknown."""
    blank: dict[str, str] = {"reason": "", "message": ""} if taken_up else {}
    return state._replace(context=state.context._replace(**blank, **({} if job else {"job": ""})))


def _assert_same(seen: Seen, found: MachineState, hint: str) -> None:
    job = seen.state.context.job != ""
    expected, answer = (_known(each, taken_up=seen.taken_up, job=job) for each in (seen.state, found))
    if "deleting" in expected.configuration and "commit_ts" in dir(expected.context):
        # Clean takes the phase's place, and the phase is what names a log backup's current command.
        assert answer.configuration == expected.configuration, hint
        assert answer.context.commit_ts == expected.context.commit_ts, hint
        return
    assert answer == expected, hint


def _round_trips(mode: str, lives: range) -> Counter[tuple[str, ...]]:
    lifecycle, reached = LIFECYCLES[mode], Counter[tuple[str, ...]]()
    for seed in lives:
        for number, seen in enumerate(walk(mode, seed)):
            hint = f"{mode}, life {seed}, step {number} ({seen.event.name}), in {seen.state}"
            _assert_same(seen, lifecycle.state_of(seen.observation), hint)
            reached[lifecycle.machine.leaves(seen.state.configuration)] += 1
    return reached


@pytest.mark.parametrize("mode", MODES)
def test_what_is_written_is_read_back_along_every_life(mode: str) -> None:
    """state_of(status_of(s, base)) == s; the base is the status before. `failed` is given its Job."""
    reached = _round_trips(mode, LIVES)
    assert {leaf for leaves in reached for leaf in leaves} >= _leaves(mode) - RARE


RARE = {"timed_out", "exhausted", "aborted", "snapshots_created", "teardown", "data_complete", "data_failed"}
"""Leaves that take a long life; the exhaustive run reaches them all."""


def _leaves(mode: str) -> set[str]:
    """Every leaf that a status can say. Where a log backup's retries stand its annotation says."""
    beside = set(WAITING) if mode == "log" else set()
    return {each.id for each in LIFECYCLES[mode].machine.states if each.kind == "atomic"} - beside


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
def test_what_is_written_is_read_back_along_very_many_lives(mode: str) -> None:
    reached = _round_trips(mode, MANY)
    leaves = {leaf for leaves in reached for leaf in leaves}
    assert leaves == _leaves(mode)


@pytest.mark.parametrize("mode", ["snapshot", "volume-snapshot"])
def test_what_is_written_on_an_empty_status_is_read_back(mode: str) -> None:
    """Except where the status must have been written before: a Job that vanished, and the time a retry's Job began."""
    lifecycle = LIFECYCLES[mode]
    for seed in LIVES:
        for seen in walk(mode, seed):
            leaf = lifecycle.machine.leaves(seen.state.configuration)[-1]
            if mode == "snapshot" and leaf in ("failed", "invalid", "stopping", "cleaning", "clean_failed", "gone"):
                continue
            status = lifecycle.status_of(seen.state, BackupStatus(), seen.now)
            backup = seen.observation.backup.with_(status=status)
            assert lifecycle.state_of(seen.observation._replace(backup=backup)) == seen.state, f"life {seed}, {leaf}"


@pytest.mark.parametrize("mode", MODES)
def test_writing_a_state_twice_changes_nothing(mode: str) -> None:
    lifecycle = LIFECYCLES[mode]
    for seed in LIVES:
        for seen in walk(mode, seed):
            status = seen.observation.backup.status
            assert lifecycle.status_of(seen.state, status, seen.now + 100).to_json() == status.to_json(), f"life {seed}"


@pytest.mark.parametrize("mode", MODES)
def test_what_the_base_holds_survives_every_write(mode: str) -> None:
    """Unknown fields, nulls, sizes, and the order in which conditions were first written."""
    lifecycle = LIFECYCLES[mode]
    extra = {"futureField": {"a": [1, None]}, "timeStarted": None, "backupPath": "s3://x", "progresses": None}
    for seed in LIVES:
        for seen in walk(mode, seed):
            base = BackupStatus.from_json({**seen.base.to_json(), **extra})
            written = lifecycle.status_of(seen.state, base, seen.now).to_json()
            assert {key: written[key] for key in extra} == extra
            before = [each.type for each in base.conditions]
            assert [each["type"] for each in written.get("conditions", [])][: len(before)] == before
            assert len(written.get("backoffRetryStatus", [])) >= len(base.backoff_retry_status)


def test_unknown_fields_inside_a_record_survive() -> None:
    record = {"retryNum": 1, "detectFailedAt": text_of(10), "expectedRetryAt": text_of(310), "note": "by hand"}
    base = BackupStatus.from_json({"phase": "Running", "backoffRetryStatus": [record]})
    context = SNAPSHOT.start().context._replace(records=(Record(1, 10, 310, 311),))
    written = snapshot.status_of(SNAPSHOT.state("retrying", context=context), base, 311).to_json()
    assert written["backoffRetryStatus"] == [{**record, "realRetryAt": text_of(311)}]


def test_a_stream_without_a_commit_ts_cannot_be_written() -> None:
    with pytest.raises(UsageError, match="a log backup that is streaming has a commitTs"):
        log.status_of(LOG.state("streaming", "idle"), BackupStatus())


# --- what the operator writes, snapshot

T = 1_000_000
POLICY = {"minRetryDuration": "300s", "maxRetryTimes": 2, "retryTimeout": "30m"}


def _job(name: str, uid: str, created: int, condition: str = "", reason: str = "BackoffLimitExceeded") -> SeenJob:
    owner = {"kind": "Backup", "name": NAME, "uid": UID, "controller": True}
    meta = {"name": name, "uid": uid, "creationTimestamp": text_of(created), "ownerReferences": [owner]}
    said = [{"type": condition, "status": "True", "reason": reason, "lastTransitionTime": text_of(created + 60)}]
    return SeenJob(Job.from_json({"metadata": meta, "status": {"conditions": said if condition else []}}))


class Operator:
    """A Backup that is written as the operator and its pod write it: through the status updater, one call a write."""

    def __init__(self, mode: str, **spec: Any) -> None:
        data = {"metadata": {"name": NAME, "uid": UID}, "spec": {"backupMode": mode, **spec}}
        self.backup = Backup.from_json(data)
        self.now = T

    def write(self, phase: str | None, status: str = "True", *, command: str = "", **fields: Any) -> None:
        """Update(bk, condition, fields), a second later than the one before."""
        self.now += 1
        reason, message = fields.pop("reason", ""), fields.pop("message", "")
        condition = None
        if phase is not None:
            said = {"type": phase, "status": status, "reason": reason, "message": message, "command": command}
            condition = Condition.from_json(said)
        self.backup = updated(self.backup, condition, Update(**fields) if fields else None, self.now)[0]

    def spec(self, **changes: Any) -> None:
        data = self.backup.to_json()
        data["spec"] = {key: value for key, value in {**data["spec"], **changes}.items() if value is not None}
        self.backup = Backup.from_json(data)

    def leaves(self, *jobs: SeenJob) -> str:
        lifecycle = lifecycle_of(self.backup)
        return " ".join(lifecycle.machine.leaves(lifecycle.state_of(Observation(self.backup, jobs)).configuration))


def test_one_retry_as_the_operator_writes_it() -> None:
    """The thirteen writes of operator-semantics 5.4."""
    it = Operator("snapshot", backoffRetryPolicy=POLICY)
    assert it.leaves() == "pending"
    first = _job("backup-demo", "job-1", T)
    assert it.leaves(first) == "scheduled"
    for phase, leaf in (("Scheduled", "scheduled"), ("Prepare", "preparing"), ("Running", "running")):
        it.write(phase)
        assert it.leaves(first) == leaf
    dead = _job("backup-demo", "job-1", T, "Failed")
    assert it.leaves(dead) == "failed"
    record = {"retry_num": 1, "detect_failed_at": T + 100, "expected_retry_at": T + 400}
    it.write(None, **record, retry_reason="Job backup-demo has failed", original_reason="BackoffLimitExceeded")
    assert it.leaves(dead) == "backoff_waiting"
    it.now = T + 401
    it.write("RetryFailed", reason="RetryFailedBackup", message="reason R, original reason O")
    assert it.leaves(dead) == "retrying"
    it.write("Restart", real_retry_at=T + 402)
    assert it.leaves(dead) == "retrying"
    assert it.leaves(SeenJob(dead.job, T + 410)) == "retrying"
    second = _job("backup-demo", "job-2", T + 420)
    gone = SeenJob(dead.job, T + 410)
    assert it.leaves(gone, second) == "scheduled", "a newer Job, though Scheduled was not written (S3)"
    for phase, leaf in (("Scheduled", "scheduled"), ("Restart", "scheduled"), ("Prepare", "preparing")):
        it.write(phase)
        assert it.leaves(gone, second) == leaf
    it.write("Running")
    assert it.leaves(gone, second) == it.leaves(second) == it.leaves() == "running"
    it.write("Complete", time_completed=it.now, commit_ts="456")
    assert it.leaves(gone, second) == it.leaves() == "complete"
    context = snapshot.state_of(Observation(it.backup, (gone, second))).context
    assert (context.attempt, context.retries, context.job) == (1, 1, "job-2")


def _records(*rows: tuple[int, int | None]) -> dict[str, Any]:
    """Records as (detected, real) seconds after T."""
    return {
        "backoffRetryStatus": [
            {
                "retryNum": number,
                "detectFailedAt": text_of(T + detected),
                "expectedRetryAt": text_of(T + detected + (300 << (number - 1))),
                **({} if real is None else {"realRetryAt": text_of(T + real)}),
                "retryReason": "Job backup-demo has failed",
                "originalReason": "OOM",
            }
            for number, (detected, real) in enumerate(rows, start=1)
        ]
    }


def _conditions(*phases: str, **words: tuple[str, str]) -> dict[str, Any]:
    """Conditions that are all True, the last one the phase."""
    made = []
    for number, phase in enumerate(phases):
        reason, message = words.get(phase, ("", ""))
        at = text_of(T + number)
        made.append({"type": phase, "status": "True", "reason": reason, "message": message, "lastTransitionTime": at})
    return {"phase": phases[-1] if phases else "", "conditions": made}


RAN = ("Scheduled", "Prepare", "Running")
EXCEEDED = ("AlreadyFailed", "exceed retry times, max is 2, failed reason R, original reason O")
LATE = ("AlreadyFailed", "retry timeout, max is 30m, failed reason R, original reason O")
RETRIED = ("RetryFailedBackup", "reason R, original reason O")

WRITTEN: list[tuple[str, dict[str, Any], str]] = [
    ("nothing", {}, "pending"),
    (
        "the TidbCluster is missing",
        _conditions("RetryFailed", RetryFailed=("failed to fetch tidbcluster", "")),
        "pending",
    ),
    ("a Job could not be created", _conditions("RetryFailed", RetryFailed=("CreateBackupJobFailed", "x")), "pending"),
    ("scheduled after an error", _conditions("RetryFailed", "Scheduled"), "scheduled"),
    (
        "exhausted",
        _conditions(*RAN, "RetryFailed", "Failed", Failed=EXCEEDED) | _records((0, 301), (400, 1001), (1100, None)),
        "exhausted",
    ),
    (
        "exhausted, W1 written and W2 not",
        _conditions(*RAN) | _records((0, 301), (400, 1001), (1100, None)),
        "exhausted",
    ),
    ("timed out while it waits", _conditions(*RAN, "Failed", Failed=LATE) | _records((0, None)), "timed_out"),
    (
        "timed out at detection",
        _conditions(*RAN, "Failed", Failed=LATE) | _records((0, 301), (2000, None)),
        "timed_out",
    ),
    ("timed out, W1 written and W2 not", _conditions(*RAN) | _records((0, 301), (2000, None)), "timed_out"),
    ("a second failure waits", _conditions(*RAN) | _records((0, 301), (400, None)), "backoff_waiting"),
    (
        "the second retry begins",
        _conditions(*RAN, "RetryFailed", RetryFailed=RETRIED) | _records((0, 301), (400, 1001)),
        "retrying",
    ),
    ("due, not yet begun", _conditions(*RAN, "RetryFailed", RetryFailed=RETRIED) | _records((0, None)), "retrying"),
    ("the program failed", _conditions(*RAN, "Failed", Failed=("BackupDataToRemoteFailed", "exit 1")), "aborted"),
    (
        "the program failed in a retry",
        _conditions(*RAN, "Failed", Failed=("GetBackupMetadataFailed", "x")) | _records((0, 301)),
        "aborted",
    ),
    ("the program says AlreadyFailed without records", _conditions("Failed", Failed=EXCEEDED), "aborted"),
    (
        "a failed condition that is not True",
        {"phase": "Running", "conditions": [{"type": "Failed", "status": "False"}]},
        "running",
    ),
    ("invalid", _conditions("Invalid", Invalid=("InvalidSpec", "bucket")), "invalid"),
    ("invalid wins over complete", _conditions("Complete", "Invalid"), "invalid"),
    ("complete wins over failed", _conditions("Failed", "Complete"), "complete"),
    ("conditions decide, the phase does not", {**_conditions(*RAN, "Complete"), "phase": "Running"}, "complete"),
    ("restart is never the phase", _conditions("Scheduled") | {"phase": "Scheduled"}, "scheduled"),
]


@pytest.mark.parametrize(("status", "leaf"), [row[1:] for row in WRITTEN], ids=[row[0] for row in WRITTEN])
def test_a_snapshot_status_is_read_as_the_operator_reads_it(status: dict[str, Any], leaf: str) -> None:
    spec = {"backupMode": "snapshot", "backoffRetryPolicy": POLICY}
    backup = Backup.from_json({"metadata": {"name": NAME, "uid": UID}, "spec": spec, "status": status})
    assert SNAPSHOT.leaves(snapshot.state_of(Observation(backup)).configuration) == (leaf,)


ATTEMPTS: list[tuple[str, dict[str, Any], int | None, int]] = [
    ("no retry", _conditions(*RAN), None, 0),
    ("a retry waits for its Job", _conditions(*RAN, "RetryFailed") | _records((0, 301)), None, 0),
    ("its Job came", _conditions(*RAN, "RetryFailed") | _records((0, 301)), 310, 1),
    ("its Job came in the very second", _conditions(*RAN, "RetryFailed") | _records((0, 301)), 301, 1),
    ("the failed Job is there still", _conditions(*RAN, "RetryFailed") | _records((0, 301)), 300, 0),
    (
        "Scheduled was written, its Job was not seen",
        _conditions("RetryFailed", "Scheduled") | _records((0, 301)),
        None,
        1,
    ),
    ("rejected while it waited", _conditions(*RAN, "RetryFailed", "Invalid") | _records((0, 301)), None, 0),
    ("the second retry completed", _conditions(*RAN, "Complete") | _records((0, 301), (400, 1001)), None, 2),
]


@pytest.mark.parametrize(
    ("status", "created", "attempt"), [row[1:] for row in ATTEMPTS], ids=[row[0] for row in ATTEMPTS]
)
def test_the_attempt_is_the_number_of_the_latest_job(status: dict[str, Any], created: int | None, attempt: int) -> None:
    """`created`: when the Job that is seen was created, in seconds after the first failure."""
    spec = {"backupMode": "snapshot", "backoffRetryPolicy": POLICY}
    backup = Backup.from_json({"metadata": {"name": NAME, "uid": UID}, "spec": spec, "status": status})
    jobs = () if created is None else (_job("backup-demo", "j", T + created),)
    assert snapshot.state_of(Observation(backup, jobs)).context.attempt == attempt


def test_what_we_wrote_on_a_job_says_its_attempt() -> None:
    """Whatever the clocks say: the annotation is ours."""
    seen = _job("backup-demo", "j", T)
    annotated = seen.job.with_(metadata=seen.job.metadata.with_(annotations={snapshot.ATTEMPT_ANNOTATION: "1"}))
    records = snapshot.records_of(
        Backup.from_json({"metadata": {"name": NAME}, "status": _records((0, 301))}).status.backoff_retry_status
    )
    assert (snapshot.attempt_of(seen, records), snapshot.attempt_of(SeenJob(annotated), records)) == (0, 1)


def test_an_unknown_mode_is_read_as_a_snapshot() -> None:
    for mode in ("", "nightly"):
        assert lifecycle_of(Operator(mode).backup) is snapshot.LIFECYCLE


@pytest.mark.parametrize(
    ("minimum", "times", "timeout", "policy"),
    [
        ("300s", 2, "30m", Policy()),
        ("soon", -1, "1h", Policy(None, -1, 3_600 * 10**9, "1h")),
        ("1m30s", 0, "later", Policy(90 * 10**9, 0, None, "later")),
    ],
)
def test_the_policy_is_read_with_what_does_not_parse_as_none(
    minimum: str, times: int, timeout: str, policy: Policy
) -> None:
    written = {"minRetryDuration": minimum, "maxRetryTimes": times, "retryTimeout": timeout}
    context = snapshot.state_of(Observation(Operator("snapshot", backoffRetryPolicy=written).backup)).context
    assert context.policy == policy


@pytest.mark.parametrize("field", ["detectFailedAt", "expectedRetryAt"])
def test_a_record_without_its_times_is_an_error_with_its_place(field: str) -> None:
    data = _records((0, 301), (400, None))
    del data["backoffRetryStatus"][1][field]
    backup = Backup.from_json({"metadata": {"name": NAME}, "status": data})
    with pytest.raises(InputError, match=rf"status.backoffRetryStatus\[1\].{field}: a retry record has no time"):
        snapshot.state_of(Observation(backup))


# --- what the operator writes, log

LOG_LIFE = [
    ("log-start", "not_started", "streaming"),
    ("log-pause", "streaming", "paused"),
    ("log-resume", "paused", "streaming"),
    ("log-truncate", "streaming", "streaming"),
    ("log-stop", "streaming", "stopped"),
]


def test_the_normal_life_of_every_command_as_the_operator_writes_it() -> None:
    """Operator-semantics 6.1, one command after the other: sub phase and whole phase, wish by wish."""
    it = Operator("log", logSubcommand="log-start")
    assert it.leaves() == "not_started idle"
    for command, before, after in LOG_LIFE:
        wished = {"log-resume": "log-start", "log-truncate": "log-start"}.get(command, command)
        it.spec(logSubcommand=wished, logTruncateUntil="999" if command == "log-truncate" else None)
        assert current_command(it.backup) == command
        assert it.leaves() == f"{before} idle"
        for phase, lane in (("Scheduled", "scheduled"), ("Prepare", "preparing"), ("Running", "running")):
            fields = {"log_truncating_until": "999"} if command == "log-truncate" and phase == "Scheduled" else {}
            it.write(phase, command=command, **fields)
            assert it.leaves() == f"{before} {lane}"
        told = {"log-start": {"commit_ts": "456"}, "log-truncate": {"log_success_truncate_until": "999"}}
        it.write("Complete", command=command, time_completed=it.now, **told.get(command, {}))
        assert it.leaves() == f"{after} idle"
    states = {each.command: each.state for each in log.state_of(Observation(it.backup)).context.commands}
    assert states == {
        "log-start": "complete",
        "log-pause": "repeatable",
        "log-resume": "complete",
        "log-truncate": "complete",
        "log-stop": "complete",
    }


def test_a_command_that_failed_stays_where_it_was_and_does_not_move_the_stream() -> None:
    for command, before, _ in LOG_LIFE[:1]:
        it = Operator("log", logSubcommand=command)
        it.write("Scheduled", command=command)
        it.write("Failed", command=command, reason="StartLogBackupFailed", message="exit 1")
        assert it.leaves() == f"{before} aborted"
        context = log.state_of(Observation(it.backup)).context
        assert (context.reason, context.message) == ("StartLogBackupFailed", "exit 1")


def test_a_dead_job_is_the_lane_s_failure_though_the_operator_never_looks() -> None:
    """S7: the sub-status says Running for ever."""
    it = Operator("log", logSubcommand="log-start")
    for phase in RAN:
        it.write(phase, command="log-start")
    name = "backup-demo-log-start"
    assert it.leaves(_job(name, "j", T)) == "not_started running"
    assert it.leaves(_job(name, "j", T, "Failed")) == "not_started failed"
    assert it.leaves(SeenJob(_job(name, "j", T).job, T + 99)) == "not_started failed"
    assert it.leaves(_job("backup-demo-log-stop", "j", T, "Failed")) == "not_started running"
    assert it.leaves(_job(name, "j", T, "Complete")) == "not_started running"


def test_another_truncate_than_the_recorded_one_is_a_new_wish() -> None:
    it = Operator("log", logSubcommand="log-start")
    it.write("Complete", command="log-start", commit_ts="1")
    it.spec(logTruncateUntil="700")
    it.write("Failed", command="log-truncate", log_truncating_until="700")
    assert it.leaves() == "streaming aborted"
    it.spec(logTruncateUntil="701")
    assert it.leaves() == "streaming idle"


def test_a_second_unfinished_command_stays_visible() -> None:
    """S23: switching the wish while a Job runs."""
    it = Operator("log", logSubcommand="log-start")
    it.write("Complete", command="log-start", commit_ts="1")
    it.write("Running", command="log-pause")
    it.spec(logSubcommand="log-stop")
    it.write("Scheduled", command="log-stop")
    states = {each.command: each.state for each in log.state_of(Observation(it.backup)).context.commands}
    assert states == {"log-start": "complete", "log-pause": "running", "log-stop": "scheduled"}
    assert it.leaves() in ("streaming scheduled", "not_started scheduled")


# --- what the operator writes, volume snapshot


def test_a_volume_snapshot_as_the_operator_writes_it() -> None:
    """Operator-semantics 7.3: the phase jumps between two Jobs, the conditions decide."""
    it = Operator("volume-snapshot", federalVolumeBackupPhase="initialize")
    execute = _job("backup-demo", "execute", T + 50)
    assert it.leaves() == "pending"
    for phase, leaf in (
        ("Scheduled", "init_scheduled"),
        ("Running", "init_running"),
        ("VolumeBackupInitialized", "initialized"),
    ):
        it.write(phase)
        assert it.leaves() == leaf
    it.spec(federalVolumeBackupPhase="execute")
    assert it.leaves() == "initialized"
    for phase, leaf in (
        ("Scheduled", "scheduled"),
        ("Prepare", "preparing"),
        ("Running", "running"),
        ("VolumeBackupSnapshotsCreated", "snapshots_created"),
        ("VolumeBackupInitializeComplete", "snapshots_created"),
        ("VolumeBackupComplete", "data_complete"),
    ):
        it.write(phase)
        assert it.leaves(execute) == leaf
    it.spec(federalVolumeBackupPhase="teardown")
    assert it.leaves(execute) == "teardown"
    it.write("Complete")
    assert it.leaves(execute) == "complete"


VOLUME_ENDS = [
    ("the execute Job died", ("Scheduled", "VolumeBackupInitialized", "Prepare", "Running"), "Failed", "data_failed"),
    (
        "the program failed",
        ("Scheduled", "VolumeBackupInitialized", "Running", "VolumeBackupFailed"),
        "",
        "data_failed",
    ),
    ("the init Job is gone", ("Scheduled", "Running", "VolumeBackupInitializeFailed"), None, "init_failed"),
    ("it was made anew", ("VolumeBackupInitializeFailed", "Scheduled"), None, "init_scheduled"),
    ("it runs anew", ("Scheduled", "VolumeBackupInitializeFailed", "Running"), None, "init_running"),
    (
        "it is initialized at last",
        ("Scheduled", "VolumeBackupInitializeFailed", "Running", "VolumeBackupInitialized"),
        None,
        "initialized",
    ),
    ("torn down after a failure", ("Scheduled", "VolumeBackupFailed", "Failed"), "Failed", "aborted"),
    ("clustermeta existed", ("Scheduled", "VolumeBackupInitialized", "Failed"), None, "aborted"),
    ("rejected", ("Invalid",), None, "invalid"),
]


@pytest.mark.parametrize(
    ("phases", "job", "leaf"), [row[1:] for row in VOLUME_ENDS], ids=[row[0] for row in VOLUME_ENDS]
)
def test_a_volume_snapshot_that_goes_wrong(phases: tuple[str, ...], job: str | None, leaf: str) -> None:
    """`job`: the condition of the execute Job, None where there is none."""
    it = Operator("volume-snapshot", federalVolumeBackupPhase="initialize" if job is None else "execute")
    for phase in phases:
        it.write(phase)
    assert it.leaves(*(() if job is None else (_job("backup-demo", "execute", T, job),))) == leaf


# --- deletion


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("phase", "leaf"), [("", "stopping"), ("Clean", "cleaning"), ("CleanFailed", "clean_failed")])
def test_a_deletion_is_read_from_the_deletion_timestamp_and_the_phase(mode: str, phase: str, leaf: str) -> None:
    meta = {"name": NAME, "uid": UID, "deletionTimestamp": text_of(T)}
    data = {"metadata": meta, "spec": {"backupMode": mode}, "status": _conditions(*RAN, *([phase] if phase else []))}
    backup = Backup.from_json(data)
    lifecycle = lifecycle_of(backup)
    assert lifecycle.state_of(Observation(backup)).configuration == ("deleting", leaf)
    assert lifecycle.state_of(Observation(backup, gone_at=T)).configuration == ("deleting", "gone")
    alive = Backup.from_json({**data, "metadata": {"name": NAME, "uid": UID}})
    assert "deleting" not in lifecycle.state_of(Observation(alive)).configuration


# --- the recorded stories

LAST: dict[str, tuple[str, ...]] = {
    "backup-snapshot-retry": ("complete",),
    "backup-log-pause-resume": ("streaming", "idle"),
    "backup-log-truncate": ("streaming", "idle"),
    "backup-logstart-failed": ("not_started", "aborted"),
    "backup-logstart-oomkilled-stuck": ("not_started", "running"),
}


def _last(name: str) -> Backup:
    lines = (STORIES / f"{name}.jsonl").read_text().splitlines()
    return [Backup.from_json(json.loads(line)["object"]) for line in lines][-1]


@pytest.mark.parametrize("name", LAST)
def test_a_story_ends_where_it_says(name: str) -> None:
    backup = _last(name)
    lifecycle = lifecycle_of(backup)
    assert lifecycle.machine.leaves(lifecycle.state_of(Observation(backup)).configuration) == LAST[name]


def test_every_backup_of_every_story_is_written_back_as_it_is() -> None:
    """The recorded status already says its state: nothing is to be written, and not a key is lost."""
    for path in sorted(STORIES.glob("backup-*.jsonl")):
        if path.name.endswith((".jobs.jsonl", ".pods.jsonl")):
            continue
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            backup = Backup.from_json(json.loads(line)["object"])
            lifecycle = lifecycle_of(backup)
            state = lifecycle.state_of(Observation(backup))
            status = lifecycle.status_of(state, backup.status, T)
            assert status.to_json() == backup.status.to_json(), f"{path.name}:{number}"


def test_a_condition_of_a_later_write_keeps_its_place() -> None:
    status, _ = update_condition(BackupStatus(), Condition(type=Phase.SCHEDULED, status="True"), T)
    assert volume.LIFECYCLE.status_of(volume.LIFECYCLE.machine.state("init_scheduled"), status, T).to_json() == (
        status.to_json()
    )
