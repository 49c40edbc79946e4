"""Three counterexamples written by hand, of the shapes that there are: a stuck end, a bad step, a real loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from fsm.check.story import Change, Story, StoryStep, Waiting

State = dict[str, dict[str, str]]
Facts = Mapping[str, Mapping[str, str]]


def step(actor: str, rule: str, what: str, changes: Facts, **more: Any) -> tuple[StoryStep, Facts]:
    """A step without its number and its changes, and the facts that it sets; "" removes one."""
    return StoryStep(0, actor, rule, what, more.pop("kind", "normal"), **more), changes


def story_of(start: State, steps: list[tuple[StoryStep, Facts]], **about: Any) -> Story:
    """The story whose states and changes follow from what each step sets."""
    states, told = [start], []
    for number, (each, facts) in enumerate(steps, 1):
        before = states[-1]
        after = {part: {**before.get(part, {}), **facts.get(part, {})} for part in (*before, *facts)}
        states.append({part: {fact: v for fact, v in own.items() if v} for part, own in after.items()})
        changes = tuple(
            Change(part, fact, before.get(part, {}).get(fact, ""), value)
            for part, own in facts.items()
            for fact, value in own.items()
            if before.get(part, {}).get(fact, "") != value
        )
        told.append(StoryStep(number, each.actor, each.rule, each.what, each.kind, each.component, each.note, changes))
    faults = sum(each.kind == "fault" for each in told)
    return Story(steps=tuple(told), states=tuple(states), faults=faults, **about)


# ------------------------------------------------------------------ (a) a swallowed delete error, stuck

_NEW = {"phase": "none", "retries recorded": "0", "retried at": "none", "condition Restart": "absent"}


def _backup(phase: str, **more: str) -> Facts:
    return {"backup": {"phase": phase, **{key.replace("_", " "): value for key, value in more.items()}}}


def _cached(phase: str, **more: str) -> Facts:
    return {"cached backup": dict(_backup(phase, **more)["backup"])}


SWALLOWED = story_of(
    {
        "backup": dict(_NEW),
        "cached backup": dict(_NEW),
        "job": {"job": "absent", "attempt": "none"},
        "cached job": {"job": "absent", "attempt": "none", "filled by": "watch"},
        "pod": {"pod": "absent"},
        "handler": {"handler": "idle", "read phase": "nothing"},
        "worker": {"worker": "idle"},
        "queue": {"queue": "backup"},
        "clock": {"until the retry": "not set"},
        "api_errors_left": {"api errors left": "1"},
    },
    [
        step(
            "Operator",
            "sync_create",
            "reads phase none, creates the Job",
            {
                "job": {"job": "created", "attempt": "0"},
                "worker": {"worker": "writing status"},
                "queue": {"queue": "empty"},
            },
        ),
        step("Operator", "sync_write", "writes status", {**_backup("Scheduled"), "worker": {"worker": "idle"}}),
        step("Informer", "job_cache", "Job cache catches up", {"cached job": {"job": "created", "attempt": "0"}}),
        step("Job controller", "start_pod", "creates the pod", {"job": {"job": "active"}, "pod": {"pod": "pending"}}),
        step(
            "Pod",
            "prepare",
            "backup program reports Prepare",
            {**_backup("Prepare"), "pod": {"pod": "running"}},
        ),
        step("Pod", "run", "backup program reports Running", _backup("Running")),
        step("Informer", "backup_cache", "Backup cache catches up", _cached("Running")),
        step(
            "Pod",
            "die",
            "backup program ends without a report",
            {"pod": {"pod": "failed"}},
            note="phase stays Running: nobody wrote a result",
        ),
        step("Job controller", "fail_job", "marks the Job Failed (BackoffLimitExceeded)", {"job": {"job": "failed"}}),
        step("Informer", "job_cache", "Job cache catches up", {"cached job": {"job": "failed"}}),
        step(
            "Operator",
            "record_failure",
            "sees the failed Job at a resync, records the failure",
            {**_backup("Running", retries_recorded="1"), "clock": {"until the retry": "2 ticks"}},
        ),
        step("Informer", "backup_cache", "Backup cache catches up", _cached("Running", retries_recorded="1")),
        step("Clock", "tick", "time passes", {"clock": {"until the retry": "1 tick"}}),
        step("Clock", "tick", "time passes", {"clock": {"until the retry": "due"}}),
        step("Operator", "retry_due", "the waiting time is over, writes RetryFailed", _backup("RetryFailed")),
        step("Informer", "backup_cache", "Backup cache catches up", _cached("RetryFailed")),
        step(
            "Operator",
            "retry_begin",
            "reads phase RetryFailed, finds the old Job in the cache",
            {"handler": {"handler": "deleting the Job", "read phase": "RetryFailed"}},
        ),
        step(
            "API server",
            "refuse",
            "refuses to delete the Job (500 InternalError)",
            {"handler": {"handler": "writing status"}, "api_errors_left": {"api errors left": "0"}},
            kind="fault",
            note="the operator logs the error and goes on as if the Job were gone",
        ),
        step(
            "Operator",
            "retry_write",
            "writes Restart and the time of the retry, queues the backup",
            {
                "backup": {"retried at": "now", "condition Restart": "True"},
                "handler": {"handler": "idle", "read phase": "nothing"},
                "queue": {"queue": "backup"},
            },
        ),
        step("Operator", "sync_skip", "finds a Job of that name in the cache, skips", {"queue": {"queue": "empty"}}),
        step(
            "Informer",
            "backup_cache",
            "Backup cache catches up",
            {"cached backup": {"retried at": "now", "condition Restart": "True"}},
        ),
    ],
    world="operator-v1.6",
    property="failure-resolved",
    sentence="A failed attempt is followed by a new attempt, by Complete, or by Failed with a reason",
    form="leads to",
    components=1,
    budgets={"api_errors": 1, "crashes": 1},
    options={"mode": "snapshot"},
    loop=21,
    because="Phase RetryFailed with a retry on record, and the failed Job still exists: every resync takes the retry "
    "for begun, every sync skips because of the Job, and nobody deletes the Job.",
    end=(
        Waiting("Operator", None, False, "weak"),
        Waiting("Informer", None, False, "weak"),
        Waiting("Job controller", None, False, "weak"),
        Waiting("Pod", None, False, "weak"),
        Waiting("Clock", None, False, "weak"),
        Waiting("User", None, True, "none", ("delete_job", "delete_backup", "edit_policy")),
        Waiting("Operator process", None, True, "none", ("crash",)),
    ),
    id="e91eee8dbe",
)

# ------------------------------------------------------------------ (b) two subcommands at once

_STREAM = {"wished command": "log-start", "phase": "Running", "log-pause": "none", "log-stop": "none"}

TWO_AT_ONCE = story_of(
    {
        "backup": dict(_STREAM),
        "cached backup": dict(_STREAM),
        "job log-pause": {"state": "absent"},
        "cached job log-pause": {"state": "absent"},
        "job log-stop": {"state": "absent"},
        "cached job log-stop": {"state": "absent"},
        "log task": {"task": "running", "checkpoint": "advancing"},
        "worker": {"worker": "idle"},
        "queue": {"queue": "empty"},
        "edits_left": {"edits left": "2"},
    },
    [
        step(
            "User",
            "edit_command",
            "sets the log subcommand to log-pause",
            {"backup": {"wished command": "log-pause"}, "edits_left": {"edits left": "1"}},
            kind="user",
        ),
        step(
            "Informer",
            "backup_cache",
            "Backup cache catches up",
            {"cached backup": {"wished command": "log-pause"}, "queue": {"queue": "backup"}},
        ),
        step(
            "Operator",
            "sync",
            "reads log-pause on a running stream, creates its Job",
            {"job log-pause": {"state": "active"}, "backup": {"log-pause": "Scheduled"}, "queue": {"queue": "empty"}},
        ),
        step(
            "User",
            "edit_command",
            "sets the log subcommand to log-stop",
            {"backup": {"wished command": "log-stop"}, "edits_left": {"edits left": "0"}},
            kind="user",
        ),
        step(
            "Informer",
            "backup_cache",
            "Backup cache catches up",
            {"cached backup": {"wished command": "log-stop", "log-pause": "Scheduled"}, "queue": {"queue": "backup"}},
        ),
        step(
            "Operator",
            "sync",
            "reads log-stop on a running stream, creates its Job",
            {"job log-stop": {"state": "active"}, "backup": {"log-stop": "Scheduled"}, "queue": {"queue": "empty"}},
            note="only the Job of the new command is looked for; the one of log-pause is alive",
        ),
        step(
            "Pod log-pause",
            "pause_task",
            "pauses the log task",
            {"log task": {"task": "paused by hand", "checkpoint": "held"}},
        ),
        step("Pod log-stop", "stop_task", "removes the log task", {"log task": {"task": "absent", "checkpoint": ""}}),
        step(
            "Pod log-stop",
            "report",
            "reports that log-stop is complete",
            {"backup": {"phase": "Stopped", "log-stop": "Complete"}, "job log-stop": {"state": "complete"}},
        ),
        step(
            "Pod log-pause",
            "report",
            "reports that log-pause is complete",
            {"backup": {"phase": "Paused", "log-pause": "Complete"}, "job log-pause": {"state": "complete"}},
            note="whoever writes last decides the phase",
        ),
    ],
    world="operator-v1.6",
    property="stop-is-final",
    sentence="A stopped log backup stays stopped",
    form="step",
    components=1,
    budgets={"edits": 2},
    options={"mode": "log"},
    because="The last step takes the phase from Stopped to Paused, while the log task does not exist.",
    id="27c0a4b1d3",
)

# ------------------------------------------------------------------ (c) a loop that never settles, two backups

_TRUNCATE = {"truncate until": "none", "phase": "Running", "truncating until": "none", "truncated at": "none"}

UNSETTLED = story_of(
    {
        "backup[0]": dict(_TRUNCATE),
        "cached backup[0]": dict(_TRUNCATE),
        "job[0]": {"job": "absent"},
        "cached job[0]": {"job": "absent"},
        "backup[1]": dict(_TRUNCATE),
        "cached backup[1]": dict(_TRUNCATE),
        "job[1]": {"job": "absent"},
        "cached job[1]": {"job": "absent"},
        "worker": {"busy with": "nobody"},
        "queue": {"waiting": "nobody"},
        "edits_left": {"edits left": "2"},
    },
    [
        step(
            "User",
            "truncate",
            "asks to truncate until a time before the start",
            {"backup[0]": {"truncate until": "before the start"}, "edits_left": {"edits left": "1"}},
            kind="user",
            component=0,
        ),
        step(
            "Informer",
            "backup_cache",
            "Backup cache catches up",
            {"cached backup[0]": {"truncate until": "before the start"}, "queue": {"waiting": "backup 0"}},
            component=0,
        ),
        step(
            "Operator",
            "take",
            "takes the backup from the queue",
            {"worker": {"busy with": "backup 0"}, "queue": {"waiting": "nobody"}},
            component=0,
        ),
        step(
            "User",
            "truncate",
            "asks to truncate until a time before the start",
            {"backup[1]": {"truncate until": "before the start"}, "edits_left": {"edits left": "0"}},
            kind="user",
            component=1,
        ),
        step(
            "Operator",
            "sync",
            "finds it truncated already, writes Complete at once",
            {
                "backup[0]": {"truncating until": "before the start", "truncated at": "an even second"},
                "worker": {"busy with": "nobody"},
            },
            component=0,
            note="logSuccessTruncateUntil is left as it was, so the command stays log-truncate",
        ),
        step(
            "Informer",
            "backup_cache",
            "Backup cache catches up",
            {
                "cached backup[0]": {"truncating until": "before the start", "truncated at": "an even second"},
                "queue": {"waiting": "backup 0"},
            },
            component=0,
        ),
        step(
            "Operator",
            "take",
            "takes the backup from the queue",
            {"worker": {"busy with": "backup 0"}, "queue": {"waiting": "nobody"}},
            component=0,
        ),
        step(
            "Operator",
            "sync",
            "finds it truncated already, writes Complete at once",
            {"backup[0]": {"truncated at": "an odd second"}, "worker": {"busy with": "nobody"}},
            component=0,
        ),
        step(
            "Informer",
            "backup_cache",
            "Backup cache catches up",
            {"cached backup[0]": {"truncated at": "an odd second"}, "queue": {"waiting": "backup 0"}},
            component=0,
        ),
        step(
            "Operator",
            "take",
            "takes the backup from the queue",
            {"worker": {"busy with": "backup 0"}, "queue": {"waiting": "nobody"}},
            component=0,
        ),
        step(
            "Operator",
            "sync",
            "finds it truncated already, writes Complete at once",
            {"backup[0]": {"truncated at": "an even second"}, "worker": {"busy with": "nobody"}},
            component=0,
        ),
        step(
            "Informer",
            "backup_cache",
            "Backup cache catches up",
            {"cached backup[0]": {"truncated at": "an even second"}, "queue": {"waiting": "backup 0"}},
            component=0,
        ),
    ],
    world="operator-v1.6",
    property="quiescence",
    sentence="Once what is observed is what is wished, only finitely many writes follow",
    form="eventually",
    components=2,
    budgets={"edits": 2},
    options={"mode": "log"},
    loop=6,
    because="The truncate of backup 0 is covered already, but never counts as done: each write of its times wakes the "
    "operator, which writes them again.",
    end=(
        Waiting("Operator", 0, True, "weak", ("take", "sync")),
        Waiting("Informer", 0, True, "weak", ("backup_cache",)),
        Waiting("Operator", 1, False, "weak"),
        Waiting("Informer", 1, True, "none", ("backup_cache",)),
        Waiting("Job controller", 0, False, "weak"),
        Waiting("Job controller", 1, False, "weak"),
    ),
    id="5b1fd00c92",
)

STORIES = {"swallowed": SWALLOWED, "two-at-once": TWO_AT_ONCE, "unsettled": UNSETTLED}


def said_by(text: str) -> Story:
    """A story with two steps and a loop, all of whose texts are this one."""
    change = Change(text, text, text, text + text)
    steps = tuple(
        StoryStep(i, text, text, text, kind, None, text, (change,)) for i, kind in ((1, "fault"), (2, "user"))
    )
    return Story(
        world=text,
        property=text,
        sentence=text,
        form=text,
        components=1,
        budgets={text: 1},
        options={text: text},
        faults=1,
        steps=steps,
        states=({text: {text: text}}, {text: {text: text + text}}, {text: {text: text}}),
        loop=1,
        because=text,
        end=(Waiting(text, None, True, "none", (text,)),),
        id=text,
    )


def beginning_of(story: Story) -> Story:
    """The story without its steps: bad from the start."""
    return replace(story, steps=(), states=story.states[:1], loop=None, faults=0)
