"""What the checked world says about itself: facts of a value, and a change in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fsm.environment.world.held import Copy, Held, Record

if TYPE_CHECKING:
    from fsm.environment.simulation import Task
    from fsm.environment.world.retries import Retry
    from fsm.environment.world.slots import HeldJob, Lagging
    from fsm.environment.world.thread import HeldTracked, Thread


def backup_facts(held: Held | None) -> Mapping[str, str]:
    """A Backup in words."""
    if held is None:
        return {"exists": "no"}
    facts = {"phase": held.phase or "none", "wish": wish_in_words(held)}
    if held.conditions:
        facts["conditions"] = ", ".join(each.type for each in held.conditions if each.status == "True")
    reasons = [each for each in held.conditions if each.type == held.phase and each.reason]
    if reasons:
        facts["reason"] = f"{reasons[0].reason}: {reasons[0].message}" if reasons[0].message else reasons[0].reason
    if held.records and not {"Complete", "Failed", "Invalid"} & {each.type for each in held.conditions}:
        facts["first failure"] = f"{held.records[0].detected} min ago"
    for number, record in enumerate(held.records, 1):
        facts[f"retry {number}"] = record_in_words(record)
    for sub in held.subs:
        facts[sub.command] = sub.phase + (f" ({sub.until})" if sub.until else "")
    if held.retry is not None:
        facts["retry"] = retry_in_words(held.retry)
    if held.commit_ts:
        facts["commitTs"] = "set"
    if held.truncated:
        facts["truncated until"] = held.truncated
    if held.deleting:
        facts["deletion"] = "requested"
    if held.protected:
        facts["finalizer"] = "held"
    return facts


def cached_backup_facts(copy: Copy | None) -> Mapping[str, str]:
    """The operator's copy in words; it is told in full only where it differs."""
    if copy is None:
        return {"copy": "up to date"}
    facts = dict(backup_facts(copy.held))
    stale = copy.held is not None and not copy.held.current
    facts["copy"] = "of an older version" if stale else "lags" if copy.lags else "edited, and never written"
    return facts


def cached_job_facts(lagging: Lagging | None) -> Mapping[str, str]:
    """The operator's copy of a Job in words."""
    return {"copy": "up to date"} if lagging is None else {**job_facts(lagging.job), "copy": "lags"}


def wish_in_words(held: Held) -> str:
    """What the user wants."""
    wish = held.wish
    if held.mode != "log":
        return f"at most {wish.retries} retries, the first after {wish.wait}, within {wish.timeout}"
    asked = wish.command or ("log-stop" if wish.stop else "log-start")
    policy = f", retried as the policy '{wish.policy}' says" if wish.policy else ""
    return asked + (f", truncate until {wish.truncate}" if wish.truncate else "") + policy


def retry_in_words(retry: Retry) -> str:
    """The newest failure of a subcommand, and where it stands."""
    failure = retry.failure
    told = f"failure {failure.number} of {failure.command}"
    if failure.superseded:
        return f"{told}: superseded"
    because = f" ({retry.reason})" if retry.reason else ""
    if failure.begun:
        return f"{told}: its retry has begun{because}"
    due = f", due in {failure.left} min" if failure.left else ", due"
    return f"{told}: {retry.state}{because}{due}"


def record_in_words(record: Record) -> str:
    """A retry record."""
    if record.begun:
        return "begun"
    return "due" if record.expected == 0 else f"in {record.expected} min"


def job_facts(job: HeldJob | None) -> Mapping[str, str]:
    """A Job in words."""
    return {"job": "none" if job is None else job.told}


def thread_facts(thread: Thread | None) -> Mapping[str, str]:
    """What somebody is in the middle of."""
    if thread is None:
        return {"does": "nothing"}
    outside = [name for name in thread.calls if name in _OUTSIDE]
    return {
        "does": f"after {_OUTSIDE[outside[-1]]} ({len(outside)})" if outside else "about to act on what it was given"
    }


_OUTSIDE = {
    "UpdateBackup": "a write of the Backup",
    "CreateJob": "the creation of a Job",
    "DeleteJob": "the deletion of a Job",
    "QueryTask": "a look at TiKV",
    "Perform": "a step of its own",
}


def tracked_facts(entry: HeldTracked | None) -> Mapping[str, str]:
    """The tracker's entry in words."""
    if entry is None:
        return {"entry": "none"}
    state = entry.state
    if state is None:
        known = "nothing new"
    elif not state.exists:
        known = "no task"
    else:
        known = f"{state.kernel}{f' ({state.pause_reason})' if state.pause_reason else ''}"
    return {"entry": known, "difference seen": "yes" if entry.inconsistent else "no"}


def task_facts(task: Task) -> Mapping[str, str]:
    """The log task in TiKV in words."""
    if not task.exists:
        return {"task": "absent"}
    if task.paused_by is None:
        return {"task": "running"}
    return {"task": "paused by an error" if task.paused_by else "paused"}


def change_in_words(before: Held, after: Held) -> str:
    """What a write says that was not said before."""
    told = [
        *_changed("phase", before.phase or "none", after.phase or "none"),
        *_new_conditions(before, after),
        *_records_changed(before, after),
        *_subs_changed(before, after),
        *_retry_changed(before, after),
        *(("commitTs",) if after.commit_ts != before.commit_ts else ()),
        *(("the finalizer",) if after.protected and not before.protected else ()),
        *(("the spec's defaults",) if after.wish != before.wish else ()),
    ]
    return ", ".join(told) or "the same again"


def _changed(name: str, before: str, after: str) -> list[str]:
    return [f"{name} {before} → {after}"] if before != after else []


def _new_conditions(before: Held, after: Held) -> list[str]:
    known = {(each.type, each.status) for each in before.conditions}
    new = [each for each in after.conditions if (each.type, each.status) not in known and each.type != after.phase]
    return [f"condition {each.type} {each.status}" for each in new]


def _records_changed(before: Held, after: Held) -> list[str]:
    told = [f"the record of failure {len(after.records)}"] if len(after.records) > len(before.records) else []
    begun = [
        n for n, (old, new) in enumerate(zip(before.records, after.records, strict=False), 1) if new.begun > old.begun
    ]
    return told + [f"that retry {number} has begun" for number in begun]


def _retry_changed(before: Held, after: Held) -> list[str]:
    if after.retry is None:
        return ["that the failure is mended"] if before.retry is not None else []
    return [retry_in_words(after.retry)] if after.retry != before.retry else []


def _subs_changed(before: Held, after: Held) -> list[str]:
    changed = ((sub.command, before.phase_of(sub.command) or "none", sub.phase) for sub in after.subs)
    return [f"{command} {old} → {new}" for command, old, new in changed if old != new]
