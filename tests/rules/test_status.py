"""What one write makes of a status: the tables of operator-semantics 3.2 to 3.6, whole objects compared as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.errors import UsageError
from fsm.model import Backup, BackupStatus, BrOperation, Condition, LogCommand, Phase, text_of
from fsm.rules import Update, apply_update, update_condition, update_log, update_records, updated

NOW = 1_795_312_801
T = text_of(NOW)
OLD = "2026-11-22T01:00:00Z"
LATER = NOW + 60


def status(**fields: Any) -> BackupStatus:
    return BackupStatus.from_json(fields)


def stored(type_: str, value: str = "True", time: str | None = OLD, **more: str) -> dict[str, Any]:
    return {"type": type_, "status": value, "lastTransitionTime": time} | more


def condition(type_: str, value: str = "True", **more: str) -> Condition:
    return Condition.from_json({"type": type_, "status": value} | more)


def backup(mode: str = "log", *, deleted: bool = False, **fields: Any) -> Backup:
    metadata = {"name": "demo"} | ({"deletionTimestamp": OLD} if deleted else {})
    return Backup.from_json(
        {"kind": "Backup", "metadata": metadata, "spec": {"backupMode": mode, "x": 1}, "status": fields}
    )


# --- 3.2 fields -------------------------------------------------------------------------------------------------------

FIELDS: dict[str, tuple[Update | None, dict[str, Any], dict[str, Any], bool]] = {
    # case: (update, status before, what it changes, changed)
    "no update": (None, {"commitTs": "1"}, {}, False),
    "an empty update": (Update(), {"commitTs": "1"}, {}, False),
    "a new value": (Update(commit_ts="2"), {"commitTs": "1"}, {"commitTs": "2"}, True),
    "the same value": (Update(commit_ts="1"), {"commitTs": "1"}, {}, False),
    "an empty value": (Update(commit_ts=""), {"commitTs": "1"}, {"commitTs": ""}, True),
    "sizes": (
        Update(backup_size=5, backup_size_readable="5 B", incremental_backup_size=0),
        {"backupSize": 4},
        {"backupSize": 5, "backupSizeReadable": "5 B"},
        True,
    ),
    "a path": (Update(backup_path="s3://b"), {}, {"backupPath": "s3://b"}, True),
    "checkpoint and truncation": (
        Update(log_checkpoint_ts="7", log_success_truncate_until="6"),
        {},
        {"logCheckpointTs": "7", "logSuccessTruncateUntil": "6"},
        True,
    ),
    "a truncation's wish stays in its command": (Update(log_truncating_until="6"), {}, {}, False),
    "a start": (Update(time_started=NOW), {}, {"timeStarted": T}, True),
    "a clock reading differs from the same second read back": (
        Update(time_started=NOW),
        {"timeStarted": T},
        {"timeStarted": T},
        True,
    ),
    "a synced time always changes": (Update(time_synced=NOW), {"timeSynced": T}, {"timeSynced": T}, True),
    "an end tells how long it took": (
        Update(time_started=NOW - 3661, time_completed=NOW),
        {"timeStarted": OLD},
        {"timeStarted": text_of(NOW - 3661), "timeCompleted": T, "timeTaken": "1h1m1s"},
        True,
    ),
    "an end takes the start it finds": (
        Update(time_completed=NOW),
        {"timeStarted": OLD},
        {"timeCompleted": T, "timeTaken": "1h0m1s"},
        True,
    ),
    "an end before the start": (
        Update(time_started=NOW, time_completed=NOW - 1),
        {},
        {"timeStarted": T, "timeCompleted": text_of(NOW - 1), "timeTaken": "-1s"},
        True,
    ),
    "an end without a start": (
        Update(time_completed=NOW),
        {"timeStarted": None},
        {"timeCompleted": T, "timeTaken": "2562047h47m16.854775807s"},
        True,
    ),
    "a start alone does not change how long it took": (
        Update(time_started=NOW),
        {"timeTaken": "5s", "timeCompleted": OLD},
        {"timeStarted": T},
        True,
    ),
}


@pytest.mark.parametrize(("update", "before", "changes", "changed"), FIELDS.values(), ids=FIELDS)
def test_an_update_sets_the_fields_it_has(
    update: Update | None, before: dict[str, Any], changes: dict[str, Any], changed: bool
) -> None:
    after, told = apply_update(status(**before), update, NOW)
    assert after.to_json() == before | changes
    assert told is changed


def step(name: str, progress: float, time: str = OLD) -> dict[str, Any]:
    return {"step": name, "progress": progress, "lastTransitionTime": time}


def report(name: str, progress: float) -> Update:
    return Update(progress_step=name, progress=progress, progress_update_time=NOW)


PROGRESSES: dict[str, tuple[Update, list[Any], list[Any]]] = {
    "the first step": (report("a", 5), [], [step("a", 5, T)]),
    "a new step ends the last": (
        report("c", 0),
        [step("a", 100), step("b", 40)],
        [step("a", 100), step("b", 100, text_of(LATER)), step("c", 0, T)],
    ),
    "a new step leaves what is over": (report("b", 0), [step("a", 100)], [step("a", 100), step("b", 0, T)]),
    "progress rises": (report("a", 60), [step("a", 50), step("b", 1)], [step("a", 60, T), step("b", 1)]),
    "progress never falls, its time moves": (report("a", 40), [step("a", 50)], [step("a", 50, T)]),
}


@pytest.mark.parametrize(("update", "before", "after"), PROGRESSES.values(), ids=PROGRESSES)
def test_a_report_moves_its_step_forward(update: Update, before: list[Any], after: list[Any]) -> None:
    result, changed = apply_update(status(progresses=before), update, LATER)
    assert result.to_json() == {"progresses": after}
    assert changed
    assert apply_update(result, update, LATER) == (result, False)


def operation(number: int) -> dict[str, Any]:
    return {"operationID": str(number), "startedAt": OLD}


@pytest.mark.parametrize(
    ("number", "before", "after"),
    [
        (1, [], [1]),
        (2, [1], [2, 1]),
        (1, [2, 1, 3], [1, 2, 3]),
        (1, [1, 2], [1, 2]),
        (11, range(10, 0, -1), range(11, 1, -1)),
        (1, range(10, 0, -1), [1, *range(10, 1, -1)]),
    ],
)
def test_the_newest_operation_is_first_and_ten_are_kept(number: int, before: Any, after: Any) -> None:
    update = Update(br_operation=BrOperation.from_json(operation(number)))
    result, changed = apply_update(status(brOperations=[operation(one) for one in before]), update, NOW)
    assert result.to_json() == {"brOperations": [operation(one) for one in after]}
    assert changed is (list(before) != list(after))


def test_an_operation_without_an_id_changes_nothing() -> None:
    assert apply_update(status(), Update(br_operation=BrOperation()), NOW) == (status(), False)


# --- 3.3 conditions ---------------------------------------------------------------------------------------------------

WHY = {"reason": "R", "message": "M"}
CONDITIONS: dict[str, tuple[dict[str, Any], Condition, dict[str, Any], bool]] = {
    # case: (status before, condition, what it changes, changed)
    "the first": (
        {},
        condition("Scheduled"),
        {"phase": "Scheduled", "conditions": [stored("Scheduled", time=T)]},
        True,
    ),
    "after a null list": (
        {"conditions": None},
        condition("Failed", **WHY),
        {"phase": "Failed", "conditions": [stored("Failed", time=T, **WHY)]},
        True,
    ),
    "another": (
        {"phase": "Scheduled", "conditions": [stored("Scheduled")]},
        condition("Running"),
        {"phase": "Running", "conditions": [stored("Scheduled"), stored("Running", time=T)]},
        True,
    ),
    "an older one again flips the phase back and is rewritten": (
        {"phase": "Running", "conditions": [stored("Scheduled"), stored("Running")]},
        condition("Scheduled"),
        {"phase": "Scheduled", "conditions": [stored("Scheduled", time=T), stored("Running")]},
        True,
    ),
    "the same again changes nothing": (
        {"phase": "Failed", "conditions": [stored("Failed", **WHY)]},
        condition("Failed", **WHY),
        {},
        False,
    ),
    "the same with another reason keeps its time": (
        {"phase": "Failed", "conditions": [stored("Failed", **WHY)]},
        condition("Failed", reason="S"),
        {"conditions": [stored("Failed", reason="S")]},
        True,
    ),
    "the same with another status gets a new time": (
        {"phase": "Clean", "conditions": [stored("Clean", "False")]},
        condition("Clean"),
        {"conditions": [stored("Clean", time=T)]},
        True,
    ),
    "the same without a time keeps having none": (
        {"phase": "Failed", "conditions": [stored("Failed", time=None)]},
        condition("Failed"),
        {},
        False,
    ),
    "an equal one with another command is stored but not written": (
        {"phase": "Failed", "conditions": [stored("Failed", command="log-stop")]},
        condition("Failed"),
        {"conditions": [stored("Failed")]},
        False,
    ),
    "Restart is never the phase": (
        {"phase": "RetryFailed", "conditions": [stored("RetryFailed")]},
        condition("Restart"),
        {"conditions": [stored("RetryFailed"), stored("Restart", time=T)]},
        True,
    ),
    "Restart again is always new": (
        {"phase": "Scheduled", "conditions": [stored("Restart"), stored("Scheduled")]},
        condition("Restart"),
        {"conditions": [stored("Restart", time=T), stored("Scheduled")]},
        True,
    ),
    "of two of a type the first is replaced": (
        {"phase": "Failed", "conditions": [stored("Failed"), stored("Failed", reason="second")]},
        condition("Failed", reason="new"),
        {"conditions": [stored("Failed", reason="new"), stored("Failed", reason="second")]},
        True,
    ),
}


@pytest.mark.parametrize(("before", "written", "changes", "changed"), CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_is_appended_or_replaced_and_moves_the_phase(
    before: dict[str, Any], written: Condition, changes: dict[str, Any], changed: bool
) -> None:
    after, told = update_condition(status(**before), written, NOW)
    assert after.to_json() == before | changes
    assert told is changed


def test_no_condition_changes_nothing() -> None:
    assert update_condition(status(phase="Failed"), None, NOW) == (status(phase="Failed"), False)


TYPES = st.sampled_from([phase for phase in Phase if phase != Phase.REPEATABLE])
WRITES = st.lists(st.tuples(TYPES, st.sampled_from(["True", "False"])), max_size=12)


@given(WRITES)
def test_conditions_keep_the_order_of_their_first_write_and_are_never_removed(writes: list[tuple[Phase, str]]) -> None:
    result = status()
    for type_, value in writes:
        result, _ = update_condition(result, condition(type_, value), NOW)
    assert [one.type for one in result.conditions] == list(dict.fromkeys(type_ for type_, _ in writes))
    phases = [type_ for type_, _ in writes if type_ != Phase.RESTART]
    assert result.phase == (phases[-1] if phases else "")


@given(WRITES, TYPES)
def test_writing_a_condition_twice_writes_once_unless_it_is_restart(
    writes: list[tuple[Phase, str]], last: Phase
) -> None:
    result = status()
    for type_, value in [*writes, (last, "True")]:
        result, _ = update_condition(result, condition(type_, value), NOW)
    again, changed = update_condition(result, condition(last), LATER)
    assert changed is (last == Phase.RESTART)
    assert changed or again == result


# --- 3.4 log backups: the whole part ----------------------------------------------------------------------------------

ALL_FIELDS = Update(time_started=NOW - 10, time_completed=NOW, commit_ts="5", log_success_truncate_until="6")
START, END = {"timeStarted": text_of(NOW - 10)}, {"timeCompleted": T}
VALUES = {"commitTs": "5", "logSuccessTruncateUntil": "6"}
NEVER = "2562047h47m16.854775807s"

COMPLETES: dict[str, tuple[str | None, dict[str, Any]]] = {
    # command: (phase its Complete writes to the whole, fields it writes to the whole)
    "log-start": (None, START | VALUES),
    "log-stop": ("Stopped", END | VALUES | {"timeTaken": NEVER}),
    "log-pause": ("Paused", VALUES),
    "log-resume": ("Running", VALUES),
    "log-truncate": (None, VALUES),
    "log-unknown": (None, {}),
}


def whole(result: BackupStatus) -> dict[str, Any]:
    data = result.to_json()
    data.pop("logSubCommandStatuses", None)
    return data


def test_every_subcommand_has_a_row_here() -> None:
    assert {command.value for command in LogCommand} | {"log-unknown"} == set(COMPLETES), "add a row to COMPLETES"


@pytest.mark.parametrize("command", COMPLETES)
def test_a_completed_command_writes_its_row_to_the_whole(command: str) -> None:
    phase, fields = COMPLETES[command]
    written = condition("Complete", reason="R", message="M", command=command)
    result, changed = update_log(backup(phase="Prepare"), written, ALL_FIELDS, NOW)
    told = {"phase": phase, "conditions": [stored(phase, time=T, **WHY)]} if phase else {"phase": "Prepare"}
    assert whole(result) == fields | told
    assert changed


@pytest.mark.parametrize("command", COMPLETES)
@pytest.mark.parametrize("type_", ["Scheduled", "Prepare", "Running", "RetryFailed", "Failed", "Invalid"])
def test_of_other_conditions_only_those_of_a_start_reach_the_whole(command: str, type_: str) -> None:
    result, changed = update_log(backup(), condition(type_, command=command), ALL_FIELDS, NOW)
    taken = {"timeTaken": "10s"}
    passed = {"phase": type_, "conditions": [stored(type_, time=T)]} | START | END | VALUES | taken
    assert whole(result) == (passed if command == "log-start" else {})
    assert changed


@pytest.mark.parametrize("command", [*COMPLETES, ""])
def test_while_a_backup_is_deleted_everything_is_written_to_the_whole_as_it_is(command: str) -> None:
    written = condition("Complete", **({"command": command} if command else {}))
    result, changed = update_log(backup(deleted=True, phase="Running"), written, Update(commit_ts="5"), NOW)
    kept = {"command": command} if command else {}
    assert result.to_json() == {
        "phase": "Complete",
        "commitTs": "5",
        "conditions": [stored("Complete", time=T, **kept)],
    }
    assert changed


def test_a_checkpoint_writes_fields_and_nothing_else() -> None:
    update = Update(log_checkpoint_ts="9", time_synced=NOW)
    result, changed = update_log(backup(), condition("Failed", command="log-start"), update, NOW)
    assert result.to_json() == {"logCheckpointTs": "9", "timeSynced": T}
    assert changed


def test_an_operation_writes_fields_to_the_whole_and_its_condition_to_the_command() -> None:
    update = Update(br_operation=BrOperation(operation_id="1"), commit_ts="5")
    result, changed = update_log(backup(), condition("Failed", command="log-start"), update, NOW)
    assert whole(result) == {"brOperations": [{"operationID": "1"}], "commitTs": "5"}
    assert result.log_sub_command_statuses["log-start"].phase == "Failed"
    assert changed


@pytest.mark.parametrize("written", [None, condition("Complete")], ids=["no condition", "no command"])
def test_what_belongs_to_no_command_is_dropped(written: Condition | None) -> None:
    one = backup(phase="Running")
    assert update_log(one, written, Update(commit_ts="5", time_synced=NOW), NOW) == (one.status, False)


# --- 3.4 log backups: the subcommand's part ---------------------------------------------------------------------------


def sub(command: str = "log-stop", **fields: Any) -> dict[str, Any]:
    return {"command": command} | fields


NEW = {"command": "log-stop", "timeStarted": None, "timeCompleted": None}
SUBS: dict[str, tuple[dict[str, Any], Condition, Update | None, dict[str, Any], bool]] = {
    # case: (sub before, condition, update, sub after, changed)
    "the first write": (
        {},
        condition("Scheduled", command="log-stop"),
        None,
        NEW | {"phase": "Scheduled", "conditions": [stored("Scheduled", time=T)]},
        True,
    ),
    "a new condition": (
        sub(phase="Scheduled", conditions=[stored("Scheduled")]),
        condition("Failed", command="log-stop", **WHY),
        None,
        sub(phase="Failed", conditions=[stored("Scheduled"), stored("Failed", time=T, **WHY)]),
        True,
    ),
    "the same again": (
        sub(phase="Failed", conditions=[stored("Failed", **WHY)]),
        condition("Failed", command="log-stop", **WHY),
        None,
        sub(phase="Failed", conditions=[stored("Failed", **WHY)]),
        False,
    ),
    "the same after another phase": (
        sub(phase="Running", conditions=[stored("Scheduled"), stored("Running")]),
        condition("Scheduled", command="log-stop"),
        None,
        sub(phase="Scheduled", conditions=[stored("Scheduled", time=T), stored("Running")]),
        True,
    ),
    "another message gets a new time": (
        sub(phase="Failed", conditions=[stored("Failed", **WHY)]),
        condition("Failed", command="log-stop", reason="R", message="N"),
        None,
        sub(phase="Failed", conditions=[stored("Failed", time=T, reason="R", message="N")]),
        True,
    ),
    "another status gets a new time": (
        sub(phase="Failed", conditions=[stored("Failed", "False")]),
        condition("Failed", command="log-stop"),
        None,
        sub(phase="Failed", conditions=[stored("Failed", time=T)]),
        True,
    ),
    "only times, the truncation and nothing else": (
        sub(phase="Failed", conditions=[stored("Failed")]),
        condition("Failed", command="log-stop"),
        Update(time_started=NOW, time_completed=LATER, log_truncating_until="5", commit_ts="7", time_synced=NOW),
        sub(
            phase="Failed",
            conditions=[stored("Failed")],
            timeStarted=T,
            timeCompleted=text_of(LATER),
            logTruncatingUntil="5",
        ),
        True,
    ),
    "a clock reading always differs": (
        sub(phase="Failed", conditions=[stored("Failed")], timeStarted=T),
        condition("Failed", command="log-stop"),
        Update(time_started=NOW),
        sub(phase="Failed", conditions=[stored("Failed")], timeStarted=T),
        True,
    ),
    "the same truncation": (
        sub(phase="Failed", conditions=[stored("Failed")], logTruncatingUntil="5"),
        condition("Failed", command="log-stop"),
        Update(log_truncating_until="5"),
        sub(phase="Failed", conditions=[stored("Failed")], logTruncatingUntil="5"),
        False,
    ),
}


@pytest.mark.parametrize(("before", "written", "update", "after", "changed"), SUBS.values(), ids=SUBS)
def test_a_command_keeps_its_own_phase_times_and_conditions(
    before: dict[str, Any], written: Condition, update: Update | None, after: dict[str, Any], changed: bool
) -> None:
    others = {"log-start": {"phase": "Complete", "x": 1}}
    subs = others | ({"log-stop": before} if before else {})
    result, told = update_log(backup(logSubCommandStatuses=subs), written, update, NOW)
    assert result.to_json() == {"logSubCommandStatuses": others | {"log-stop": after}}
    assert told is changed


PAIRS = {"log-pause": "log-resume", "log-resume": "log-pause"}


@pytest.mark.parametrize("command", COMPLETES)
@pytest.mark.parametrize("type_", ["Scheduled", "Complete"])
def test_any_write_of_a_pause_makes_the_resume_repeatable_and_the_other_way_round(command: str, type_: str) -> None:
    others = {name: {"phase": "Failed", "conditions": [stored("Failed")]} for name in COMPLETES if name != command}
    result, _ = update_log(backup(logSubCommandStatuses=others), condition(type_, command=command), None, NOW)
    reopened = {name for name, one in result.log_sub_command_statuses.items() if one.phase == "Repeatable"}
    assert reopened == {PAIRS[command]} & set(PAIRS) if command in PAIRS else not reopened
    for name in reopened:
        assert result.log_sub_command_statuses[name].to_json() == others[name] | {"phase": "Repeatable"}


def test_a_pause_that_writes_nothing_new_makes_nothing_repeatable() -> None:
    subs = {
        "log-pause": sub("log-pause", phase="Failed", conditions=[stored("Failed")]),
        "log-resume": sub("log-resume"),
    }
    one = backup(logSubCommandStatuses=subs)
    assert update_log(one, condition("Failed", command="log-pause"), None, NOW) == (one.status, False)


def test_a_pause_before_any_resume_creates_no_resume() -> None:
    result, _ = update_log(backup(), condition("Complete", command="log-pause"), None, NOW)
    assert set(result.log_sub_command_statuses) == {"log-pause"}


# --- 3.6 retry records ------------------------------------------------------------------------------------------------


def record(number: int, **fields: Any) -> dict[str, Any]:
    return {"retryNum": number} | fields


FAILURE = {"detect_failed_at": NOW, "expected_retry_at": LATER, "retry_reason": "R", "original_reason": "O"}
FAILED = {"detectFailedAt": T, "expectedRetryAt": text_of(LATER), "retryReason": "R", "originalReason": "O"}
RECORDS: dict[str, tuple[list[Any], Update, list[Any], bool]] = {
    # case: (records before, update, records after, changed)
    "the first failure": ([], Update(retry_num=1, **FAILURE), [record(1, **FAILED)], True),
    "the second failure": ([record(1)], Update(retry_num=2, **FAILURE), [record(1), record(2, **FAILED)], True),
    "a far number is appended too": ([record(1)], Update(retry_num=9), [record(1), record(9)], True),
    "an earlier record": (
        [record(1), record(2)],
        Update(retry_num=1, retry_reason="R"),
        [record(1, retryReason="R"), record(2)],
        True,
    ),
    "nothing new": (
        [record(1, retryReason="R")],
        Update(retry_num=1, retry_reason="R"),
        [record(1, retryReason="R")],
        False,
    ),
    "a retry begins": ([record(1), record(2)], Update(real_retry_at=NOW), [record(1), record(2, realRetryAt=T)], True),
    "a retry of no failure": ([], Update(real_retry_at=NOW), [{"realRetryAt": T}], True),
    "an empty record is new too": ([], Update(), [{}], True),
    "the same second again": ([record(1, realRetryAt=T)], Update(real_retry_at=NOW), [record(1, realRetryAt=T)], True),
}


@pytest.mark.parametrize(("before", "update", "after", "changed"), RECORDS.values(), ids=RECORDS)
def test_a_failure_gets_a_record_and_a_retry_completes_it(
    before: list[Any], update: Update, after: list[Any], changed: bool
) -> None:
    result, told = update_records(status(backoffRetryStatus=before).backoff_retry_status, update)
    assert [one.to_json() for one in result] == after
    assert told is changed


def test_only_a_number_or_a_retry_touches_the_records() -> None:
    before = status(backoffRetryStatus=[record(1)])
    assert apply_update(before, Update(retry_reason="R", detect_failed_at=NOW), NOW) == (before, False)
    after, changed = apply_update(before, Update(real_retry_at=NOW), NOW)
    assert after.to_json() == {"backoffRetryStatus": [record(1, realRetryAt=T)]}
    assert changed


def test_a_retry_is_counted_from_1() -> None:
    with pytest.raises(UsageError, match="counted from 1"):
        update_records((), Update(retry_num=0))


# --- 3.1 one attempt --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["snapshot", "volume-snapshot", ""])
def test_outside_log_mode_fields_and_condition_are_both_written(mode: str) -> None:
    written = condition("Complete", command="log-start")
    after, changed = updated(backup(mode, phase="Running"), written, Update(commit_ts="5"), NOW)
    told = {"phase": "Complete", "commitTs": "5", "conditions": [stored("Complete", time=T, command="log-start")]}
    assert after.status.to_json() == told
    assert changed


def test_either_a_field_or_the_condition_makes_a_write() -> None:
    one = backup("snapshot", phase="Failed", conditions=[stored("Failed")])
    assert updated(one, condition("Failed"), Update(), NOW) == (one, False)
    assert updated(one, condition("Failed"), Update(commit_ts="5"), NOW)[1]
    assert updated(one, condition("Clean"), Update(), NOW)[1]


def test_a_write_leaves_unknown_fields_nulls_and_the_spec_alone() -> None:
    one = backup("log", new={"a": [1, None]}, conditions=None, timeStarted=None)
    after, _ = updated(one, condition("Prepare", command="log-stop"), None, NOW)
    subs = after.to_json()["status"].pop("logSubCommandStatuses")
    expected = one.to_json()
    expected["status"]["logSubCommandStatuses"] = subs
    assert after.to_json() == expected
    assert set(subs) == {"log-stop"}


def test_nothing_to_write_returns_the_very_same_backup() -> None:
    one = backup(phase="Running")
    assert updated(one, None, None, NOW)[0] is one


UPDATES = st.builds(
    Update,
    commit_ts=st.none() | st.just("5"),
    time_started=st.none() | st.just(NOW),
    time_completed=st.none() | st.just(NOW),
    retry_num=st.none() | st.just(1),
    real_retry_at=st.none() | st.just(NOW),
    progress_step=st.none() | st.just("a"),
    progress_update_time=st.none() | st.just(NOW),
    log_truncating_until=st.none() | st.just("6"),
)
COMMANDS = st.sampled_from(["", *COMPLETES])


@given(st.sampled_from(["log", "snapshot"]), COMMANDS, TYPES, UPDATES, st.booleans())
def test_applied_again_to_its_own_result_an_update_is_lost_but_read_back_it_is_not(
    mode: str, command: str, type_: Phase, update: Update, deleted: bool
) -> None:
    """S4: the second attempt on the object that the first one edited in place finds nothing to change."""
    written = condition(type_, command=command)
    first, changed = updated(backup(mode, deleted=deleted), written, update, NOW)
    flips = type_ == Phase.RESTART
    if not flips:
        assert updated(first, written, update, NOW) == (first, False)
    read_back = Backup.from_json(json.dumps(first.to_json()))
    times = "T" in json.dumps([first.status.time_started, first.status.time_completed])
    if changed and times and not flips:
        assert updated(read_back, written, update, NOW) == (read_back, True)
