"""A Backup as the checked world holds it: all that anybody's behaviour depends on, and nothing else. A value.

`held_of` forgets: times become ticks from now, texts and phases stay, sizes and other times go. `backup_of` gives the
one Backup that stands for all that are held alike. Running the operator on either comes to the same (a test holds it).

One tick is 61 s, a second more than the minute in which durations are given, so that what is due after a whole number
of minutes is due after that number of ticks, although the operator compares in whole seconds and strictly.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fsm.environment.world.retries import (
    Retry,
    annotations_of,
    held_retry,
    is_marked,
    policy_name,
    retry_ticked,
)
from fsm.errors import InputError
from fsm.kernel import Value
from fsm.model import (
    SECOND,
    BackoffRetryRecord,
    Backup,
    BackupStatus,
    Condition,
    LogSubCommandStatus,
    Phase,
    parse_duration,
    seconds_of,
    text_of,
)
from fsm.reference import at_second
from fsm.rules import FINALIZER, Reading, Update

NOW = 1_700_000_000
"""The Unix second that it always is: time moves by moving everything else."""
MINUTE, TICK = 60, 61
LONGEST = 8
"""Ticks after which a past time is only long ago; retry timeouts must be shorter."""

NAMESPACE, NAME, UID = "ns", "demo", "00000000-0000-4000-8000-000000000001"
LIVE, STALE = "1", "0"
"""resourceVersions: the one that the API server holds, and any other."""

_DECIDED = frozenset({Phase.COMPLETE.value, Phase.FAILED.value, Phase.INVALID.value})


class Wish(Value, frozen=True):
    """What the user has written into the spec; `retries`, `wait` and `timeout` are the retry policy. `policy` names the
    one for log backups, which is an annotation."""

    command: str = ""
    stop: bool = False
    truncate: str = ""
    clean: str = "Retain"
    wait: str = "1m"
    retries: int = 2
    timeout: str = "5m"
    policy: str = ""


class Told(Value, frozen=True):
    """A condition."""

    type: str
    status: str = "True"
    reason: str = ""
    message: str = ""


class Record(Value, frozen=True):
    """A retry record: ticks since `detected`, ticks until `expected`, whether the retry has begun.

    `unread`: its times have not come back from the API server yet; they are the writer's own (S4).
    """

    detected: int
    expected: int
    begun: bool
    reason: str = ""
    original: str = ""
    unread: bool = False


class Sub(Value, frozen=True):
    """The status of a log subcommand."""

    command: str
    phase: str
    conditions: tuple[Told, ...] = ()
    until: str = ""


class Held(Value, frozen=True):
    """`current`: its resourceVersion is the one that the API server holds. `mode` is the spec's."""

    mode: str
    wish: Wish = Wish()
    current: bool = True
    deleting: bool = False
    protected: bool = False
    phase: str = ""
    conditions: tuple[Told, ...] = ()
    records: tuple[Record, ...] = ()
    path: str = ""
    commit_ts: str = ""
    truncated: str = ""
    subs: tuple[Sub, ...] = ()
    retry: Retry | None = None

    def holds(self, type_: str) -> bool:
        """The condition is True."""
        return any(each.type == type_ and each.status == "True" for each in self.conditions)

    def sub(self, command: str) -> Sub | None:
        """The status of a subcommand."""
        return next((each for each in self.subs if each.command == command), None)

    def phase_of(self, command: str) -> str:
        """The phase of a subcommand, "" where it has none."""
        found = self.sub(command)
        return "" if found is None else found.phase


class Copy(Value, frozen=True):
    """What the informer holds where it does not follow the API server. `lags`: it stays behind until it is told to
    catch up; else it was edited in place, and the next version replaces it."""

    held: Held | None
    lags: bool = False


# ------------------------------------------------------------------ forgetting


def held_of(backup: Backup, now: int = NOW) -> Held:
    """What is held of a Backup; `now` in Unix seconds."""
    status, spec = backup.status, backup.spec
    policy = spec.backoff_retry_policy
    return Held(
        mode=backup.mode,
        wish=Wish(
            spec.log_subcommand,
            spec.log_stop,
            spec.log_truncate_until,
            spec.clean_policy or "",
            policy.min_retry_duration,
            policy.max_retry_times,
            policy.retry_timeout,
            policy_name(backup),
        ),
        current=backup.metadata.resource_version == LIVE,
        deleting=backup.metadata.deletion_timestamp is not None,
        protected=FINALIZER in backup.metadata.finalizers,
        phase=str(status.phase),
        conditions=_remembered(_told(status.conditions), str(status.phase), backup.mode),
        records=_records(status, now, policy.retry_timeout),
        path=status.backup_path,
        commit_ts=status.commit_ts,
        truncated=status.log_success_truncate_until,
        subs=tuple(
            Sub(command, str(sub.phase), _only(_told(sub.conditions), str(sub.phase)), sub.log_truncating_until)
            for command, sub in sorted(status.log_sub_command_statuses.items())
        ),
        retry=held_retry(backup, now, TICK, LONGEST),
    )


def _told(conditions: tuple[Condition, ...]) -> tuple[Told, ...]:
    """The order of conditions is that of their first writes, on which nothing depends."""
    told = (Told(str(each.type), each.status, each.reason, each.message) for each in conditions)
    return tuple(sorted(told))


def _remembered(told: tuple[Told, ...], phase: str, mode: str) -> tuple[Told, ...]:
    """Of a condition that is not the phase only that it is there is of consequence, and of most not even that.

    Whether a Job was ever at work any of three conditions says. In log mode the subcommands are asked instead.
    """
    others = [
        Told(each.type, each.status) for each in told if each.type != phase and each.type in _ASKED[mode == "log"]
    ]
    working = phase not in _AT_WORK and any(each.type in _AT_WORK for each in others)
    kept = [each for each in others if each.type not in _AT_WORK] + [Told("Scheduled")] * working
    return tuple(sorted([*_only(told, phase), *kept]))


_AT_WORK = {"Scheduled", "Prepare", "Running"}
_ASKED = {
    False: {*_AT_WORK, "Complete", "Failed", "Invalid", "Restart", "Clean", "CleanFailed"},
    True: {"Clean", "CleanFailed"},
}


def _only(told: tuple[Told, ...], phase: str) -> tuple[Told, ...]:
    return tuple(each for each in told if each.type == phase)


def _records(status: BackupStatus, now: int, timeout: str) -> tuple[Record, ...]:
    """Of the first the time of its failure counts, of the last the time of its retry; after the end none does."""
    records = status.backoff_retry_status
    decided = any(status.holds(Phase(phase)) for phase in _DECIDED)
    last = len(records) - 1
    return tuple(
        Record(
            0 if decided or number else _elapsed(record, now, timeout),
            0 if decided or number < last or record.real_retry_at is not None else _left(record, now),
            record.real_retry_at is not None,
            record.retry_reason,
            record.original_reason,
            _is_unread(record),
        )
        for number, record in enumerate(records)
    )


def _is_unread(record: BackoffRetryRecord) -> bool:
    """The failure was recorded by a write that has not been read back; of a retry's beginning that makes no difference,
    because the marker that goes with it is always written anew (3.3)."""
    return isinstance(record.detect_failed_at, Reading)


def _elapsed(record: BackoffRetryRecord, now: int, timeout: str) -> int:
    """Ticks since the failure; as many as the timeout has minutes are more than the timeout."""
    passed = round((now - _seconds(record.detect_failed_at)) / TICK)
    return min(passed, _minutes(timeout))


def _minutes(timeout: str) -> int:
    """Of a duration that cannot be read the operator knows none, and so nothing that has passed is too long."""
    try:
        return min(parse_duration(timeout) // (MINUTE * SECOND), LONGEST)
    except InputError:
        return 0


def _left(record: BackoffRetryRecord, now: int) -> int:
    return max(-((now - _seconds(record.expected_retry_at)) // MINUTE), 0)


def _seconds(text: str | None) -> int:
    return NOW if text is None else seconds_of(text)


# ------------------------------------------------------------------ one that stands for all


@lru_cache(maxsize=1 << 16)
def backup_of(held: Held) -> Backup:
    """The Backup that stands for what is held."""
    backup = _spec_of(held.mode, held.wish)
    metadata = backup.metadata.with_(
        resource_version=LIVE if held.current else STALE,
        deletion_timestamp=text_of(NOW - TICK) if held.deleting else None,
        finalizers=(FINALIZER,) if held.protected else (),
    )
    annotations = annotations_of(held.wish.policy, held.retry, NOW, TICK)
    if annotations:
        metadata = metadata.with_(annotations=annotations)
    status = BackupStatus(
        phase=held.phase,
        conditions=_conditions(held.conditions),
        backup_path=held.path,
        commit_ts=held.commit_ts,
        log_success_truncate_until=held.truncated,
        log_sub_command_statuses={sub.command: _sub(sub, is_marked(sub.command, held.retry)) for sub in held.subs},
    )
    records = tuple(_record(number, record) for number, record in enumerate(held.records, 1))
    status = status.with_(backoff_retry_status=records)
    return backup.with_(metadata=metadata, status=status)


@lru_cache(maxsize=256)
def _spec_of(mode: str, wish: Wish) -> Backup:
    return Backup.from_json(
        {
            "apiVersion": "pingcap.com/v1alpha1",
            "kind": "Backup",
            "metadata": {
                "namespace": NAMESPACE,
                "name": NAME,
                "uid": UID,
                "creationTimestamp": text_of(NOW - LONGEST * TICK),
            },
            "spec": spec_json(mode, wish),
        }
    )


def spec_json(mode: str, wish: Wish) -> dict[str, Any]:
    """The spec in writing."""
    return {
        "backupMode": mode,
        "br": {"cluster": "basic", "clusterNamespace": NAMESPACE},
        "local": {"volume": {"name": "v"}, "volumeMount": {"name": "v", "mountPath": "/data"}},
        "cleanPolicy": wish.clean,
        "volumeBackupInitJobMaxActiveSeconds": 600,
        "backoffRetryPolicy": {
            "minRetryDuration": wish.wait,
            "maxRetryTimes": wish.retries,
            "retryTimeout": wish.timeout,
        },
        **({"logSubcommand": wish.command} if wish.command else {}),
        **({"logStop": True} if wish.stop else {}),
        **({"logTruncateUntil": wish.truncate} if wish.truncate else {}),
    }


def _conditions(told: tuple[Told, ...]) -> tuple[Condition, ...]:
    return tuple(_condition(each) for each in told)


@lru_cache(maxsize=4096)
def _condition(told: Told) -> Condition:
    texts = {"reason": told.reason, "message": told.message}
    given = {key: text for key, text in texts.items() if text}
    return Condition(type=Phase(told.type), status=told.status, last_transition_time=text_of(NOW - TICK), **given)


@lru_cache(maxsize=4096)
def _sub(sub: Sub, done: bool) -> LogSubCommandStatus:
    conditions = _conditions(sub.conditions)
    if done:
        marker = Condition(type=Phase.COMPLETE, status="True", last_transition_time=text_of(NOW - 1))
        conditions = (*(each for each in conditions if each.type != Phase.COMPLETE), marker)
    return LogSubCommandStatus(
        command=sub.command,
        log_truncating_until=sub.until,
        phase=sub.phase,
        conditions=conditions,
    )


@lru_cache(maxsize=4096)
def _record(number: int, record: Record) -> BackoffRetryRecord:
    detected = at_second(NOW - record.detected * TICK)
    expected = NOW + record.expected * MINUTE - (record.expected == 0)
    times = {
        "detect_failed_at": text_of(detected.seconds),
        "expected_retry_at": text_of(expected),
        "real_retry_at": text_of(NOW - TICK) if record.begun else None,
    }
    if record.unread:
        source = Update(reading=detected)
        for name in ("detect_failed_at", "expected_retry_at"):
            times[name] = _unread(source, times[name] or "")
    reasons = {"retry_reason": record.reason, "original_reason": record.original}
    return BackoffRetryRecord(retry_num=number).with_(**times, **reasons)


def _unread(source: Update, text: str) -> Reading:
    return Reading.of(source, seconds_of(text))


# ------------------------------------------------------------------ time


def ticked(held: Held) -> Held:
    """The same one tick later."""
    if held.retry is not None:
        held = held._replace(retry=retry_ticked(held.retry, held.wish.policy, LONGEST))
    if not held.records or any(held.holds(phase) for phase in _DECIDED):
        return held
    last = len(held.records) - 1
    limit = _minutes(held.wish.timeout)
    records = tuple(_aged(record, number == 0, number == last, limit) for number, record in enumerate(held.records))
    return held._replace(records=records)


def _aged(record: Record, first: bool, last: bool, limit: int) -> Record:
    if first:
        record = record._replace(detected=min(record.detected + 1, limit))
    return record._replace(expected=max(record.expected - 1, 0)) if last and not record.begun else record


def read_back(held: Held) -> Held:
    """The same for everybody but the writer of its times."""
    if not any(record.unread for record in held.records):
        return held
    return held._replace(records=tuple(each._replace(unread=False) for each in held.records))
