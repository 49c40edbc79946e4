"""What the operator's own Go code does when a controller beside it hands a failed log command over, or mends a status.

The handover is one update of the Backup: the command's phase becomes `RetryFailed`, the annotations change, and nothing
else does. A mend is one update that says what the program in the pod would have said. The vectors are the Go program's,
so each claim here is about it, not about our reference; that the reference agrees is tests/conformance/test_go_vectors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from fsm.adapter import Observation
from fsm.companion.mending import completed, handed_over, paused
from fsm.conform.times import START
from tests.conformance.handover_turns import (
    RETRY_POLICY,
    RETRY_STATUS,
    STORIES,
    Story,
    Turn,
    annotations_of,
    is_deleting,
    is_finished,
    modelled,
    phases_of,
)

TURNS = [turn for story in STORIES for turn in story.turns]


@dataclass(frozen=True)
class Claim:
    """Of every turn for which `where` is true `holds` is true; so many vectors exercise it, and `among` them so many
    with each of these words that `by` has for a turn."""

    where: Callable[[Turn], bool]
    holds: Callable[[Turn], bool]
    vectors: int
    by: Callable[[Turn], tuple[str, ...]] = field(default=lambda turn: ())
    among: Mapping[str, int] = field(default_factory=dict)


# ------------------------------------------------------------------ when


def handed(turn: Turn) -> bool:
    """The command that was handed over is the current one, and nobody has written its phase since."""
    return turn.command == turn.story.handed and turn.phase == "RetryFailed" and bool(_records(turn.cache["backup"]))


def event(turn: Turn) -> bool:
    return turn.run == "event"


def fit(turn: Turn) -> bool:
    """A sync in which the operator has what it needs: the cluster is ready, the spec valid, no call is refused, and
    the cached Jobs are those of the server."""
    spec = turn.cache["backup"]["spec"]
    secrets = [each["name"] for each in turn.cache["secrets"]]
    return (
        turn.run == "sync"
        and [each["ready"] for each in turn.cache["clusters"]] == [True]
        and "bucket" in spec["s3"]
        and spec["s3"].get("secretName", "") in ("", *secrets)
        and "answers" not in turn.happening
        and turn.cache["jobs"] == turn.server["jobs"]
    )


def due(turn: Turn) -> bool:
    """A fit sync of a command that was handed over, and that has something to do."""
    return fit(turn) and handed(turn) and not turn.is_synced and not turn.is_covered and not turn.waits_for_start


def finished(turn: Turn) -> bool:
    return turn.job is not None and is_finished(turn.job) and not is_deleting(turn.job)


def unfinished(turn: Turn) -> bool:
    return turn.job is not None and not is_finished(turn.job) and not is_deleting(turn.job)


def deleting(turn: Turn) -> bool:
    return turn.job is not None and is_deleting(turn.job)


def absent(turn: Turn) -> bool:
    return turn.job is None


def heard_of_owned_job(turn: Turn) -> bool:
    return turn.run == "jobDeleted" and is_owned(turn.story)


def is_owned(story: Story) -> bool:
    assert story.job is not None
    return bool(story.job["metadata"]["ownerReferences"][0]["uid"] == story.before["metadata"]["uid"])


def streams_already(turn: Turn) -> bool:
    """The handed-over log-start has a commitTs."""
    return handed(turn) and turn.command == "log-start" and turn.is_synced


def task_of(story: Story) -> str:
    task = story.vector["given"]["task"]
    plain = "info" in task and not any("error" in each for each in task.values() if isinstance(each, dict))
    if not task:
        return "absent"
    return "other" if not plain else "paused" if "pause" in task else "running"


def mended(command: str, wish: str = "", task: str = "") -> Callable[[Turn], bool]:
    """The first fit sync after a mend that said that the command is complete. `wish` is the current one since then."""

    def where(turn: Turn) -> bool:
        story = turn.story
        return (
            not story.is_handover
            and turn.index == 1
            and fit(turn)
            and newly_complete(story) == command
            and turn.command == (wish or command)
            and (not task or task_of(story) == task)
        )

    return where


def newly_complete(story: Story) -> str:
    """The commands that the mend made complete, one after the other."""
    was, now = phases_of(story.before), phases_of(story.update)
    return "+".join(name for name in COMMANDS if now.get(name) == "Complete" != was.get(name))


COMMANDS = ("log-start", "log-pause", "log-resume", "log-stop", "log-truncate")

# ------------------------------------------------------------------ then


def is_let_in(turn: Turn) -> bool:
    return turn.answer == ("done", ["add"]) and turn.calls == []


def is_left_alone(turn: Turn) -> bool:
    return turn.answer == ("done", []) and turn.calls == []


def deletes_the_job(turn: Turn) -> bool:
    """Foreground; nothing is written, and only the Job's deletion brings the operator back."""
    foreground = all(each.get("propagationPolicy", "Foreground") == "Foreground" for each in turn.outcome["calls"])
    untouched = turn.written == turn.server["backup"]["status"]
    return turn.answer == ("ignore", []) and turn.calls == [f"delete jobs {turn.job_name}"] and foreground and untouched


def makes_the_job(turn: Turn) -> bool:
    """A new Job of the same name and of this command, which the Backup owns; then `Scheduled` is written."""
    job = next((each["job"] for each in turn.outcome["calls"] if each["call"] == "create jobs"), None)
    calls = [each for each in turn.calls if each != "get tidbclusters"]
    if (
        job is None
        or calls != [f"create jobs {turn.job_name}", "update backups"]
        or turn.answer != ("done", ["forget"])
    ):
        return False
    owned = [each["uid"] for each in job["ownerReferences"]] == [turn.cache["backup"]["metadata"]["uid"]]
    subs = turn.written["logSubCommandStatuses"]
    return owned and f"--subcommand={turn.command}" in job["args"] and subs[turn.command]["phase"] == "Scheduled"


def writes_of_the_command_only(turn: Turn) -> bool:
    """Of log-start `Scheduled` becomes the whole phase; of another command phase and conditions of the whole stay."""
    whole = ("Scheduled", None) if turn.command == "log-start" else _whole(turn.status)
    now = _whole(turn.written)
    return now[0] == whole[0] and whole[1] in (None, now[1])


def _whole(status: dict[str, Any]) -> tuple[Any, Any]:
    return status.get("phase", ""), status.get("conditions") or []


def waits_without_an_end(turn: Turn) -> bool:
    """Nobody will wake the operator: no call, no write, and the queue is told nothing."""
    return turn.answer == ("ignore", []) and turn.changes_nothing


def comes_back(turn: Turn) -> bool:
    return turn.answer == ("requeue", ["addRateLimited"]) and turn.changes_nothing


def runs_nothing(turn: Turn) -> bool:
    return turn.job_calls == [] and all(each.job_calls == [] for each in turn.later)


def runs_nothing_of_it(turn: Turn) -> bool:
    """No Job of log-start is made or removed, whatever else is."""
    return not any(each.endswith("log-start") for run in (turn, *turn.later) for each in run.job_calls)


def leaves_everything(turn: Turn) -> bool:
    """In this and all later runs nothing but the task is asked for, and no sync fails."""
    return all(each.changes_nothing and each.outcome["result"] == "done" for each in (turn, *turn.later))


def runs_the_next_command(turn: Turn) -> bool:
    """It makes its Job, unless an earlier one of that name is there."""
    return makes_the_job(turn) and not any(each.startswith("create") for run in turn.later for each in run.job_calls)


def fails(reason: str) -> Callable[[Turn], bool]:
    """An error, after which the worker comes back: the phase is `RetryFailed` (still), with this reason."""

    def holds(turn: Turn) -> bool:
        sub = turn.written["logSubCommandStatuses"][turn.command]
        said = [each.get("reason", "") for each in sub.get("conditions") or () if each["type"] == "RetryFailed"]
        again = turn.answer == ("error", ["addRateLimited"])
        return again and sub["phase"] == "RetryFailed" and said[-1].startswith(reason) and not made_or_removed(turn)

    return holds


def made_or_removed(turn: Turn) -> bool:
    """A Job was, as far as the operator was told."""
    return any("error" not in each for each in turn.outcome["calls"] if each["call"].split()[1] == "jobs")


def is_invalid(turn: Turn) -> bool:
    phase = turn.written["logSubCommandStatuses"][turn.command]["phase"]
    return turn.answer == ("ignore", []) and turn.calls == ["update backups"] and phase == "Invalid"


def clusters(ready: list[bool]) -> Callable[[Turn], bool]:
    def where(turn: Turn) -> bool:
        return turn.run == "sync" and handed(turn) and [each["ready"] for each in turn.cache["clusters"]] == ready

    return where


def refused(turn: Turn, call: str) -> bool:
    """This call was refused in the run, and not done all the same."""
    answers = [each for each in turn.happening.get("answers", ()) if each["call"] == call]
    return bool(answers) and not answers[0]["performed"] and any("error" in each for each in turn.outcome["calls"])


def scheduled_was_lost(turn: Turn) -> bool:
    """In an earlier run the new Job was made, and all five attempts to write `Scheduled` were refused."""
    return any(
        "create jobs" in {each["call"] for each in earlier.outcome["calls"]}
        and [each.get("error") is None for each in earlier.outcome["calls"] if each["call"] == "update backups"]
        == [False] * 5
        for earlier in turn.story.turns[: turn.index]
    )


def late_word(turn: Turn) -> bool:
    """The old attempt's pod has written Failed over the handover."""
    return event(turn) and turn.index == 0 and turn.story.is_handover and turn.phase == "Failed"


def is_on_record(turn: Turn) -> bool:
    """The phase of a truncation counts for the `logTruncateUntil` that it was run with only."""
    spec, sub = turn.backup.spec, turn.backup.status.log_sub_command_statuses[turn.command]
    return turn.command != "log-truncate" or sub.log_truncating_until == spec.log_truncate_until


def whole_phase(turn: Turn) -> str:
    return str(turn.status.get("phase", ""))


def job_of(turn: Turn) -> str:
    """How the earlier attempt's Job is."""
    job = turn.story.job
    return "absent" if job is None else "deleting" if is_deleting(job) else "un" * (not is_finished(job)) + "finished"


def command(turn: Turn) -> tuple[str, ...]:
    return (turn.command,)


def command_and_whole_phase(turn: Turn) -> tuple[str, ...]:
    return turn.command, whole_phase(turn), f"{turn.command} {whole_phase(turn)}"


ALL = {"log-start": 10, "log-pause": 10, "log-resume": 10, "log-stop": 10, "log-truncate": 10}
PHASES = {"Failed": 3, "Running": 10, "Paused": 10, "Scheduled": 3, "RetryFailed": 3}

CLAIMS = {
    # -------------------------------------------------------------- the handover
    "the handler lets a handed-over command in, whatever the whole phase is": Claim(
        where=lambda turn: event(turn) and handed(turn),
        holds=is_let_in,
        vectors=350,
        by=command_and_whole_phase,
        among={
            **{f"log-start {phase}": 10 for phase in ("Failed", "Running", "Scheduled")},
            **{f"log-{each} Running": 10 for each in ("pause", "stop", "truncate")},
            **{
                f"log-{each} {phase}": 2
                for each in ("pause", "stop")
                for phase in ("Failed", "RetryFailed", "Scheduled")
            },
            "log-start RetryFailed": 2,
            "log-resume Paused": 50,
            "log-stop Paused": 10,
            "log-truncate Paused": 10,
            "log-truncate Stopped": 5,
        },
    ),
    "the sync deletes the finished Job, writes nothing, and does not come back": Claim(
        where=lambda turn: due(turn) and finished(turn),
        holds=deletes_the_job,
        vectors=120,
        by=command_and_whole_phase,
        among=ALL | PHASES,
    ),
    "the deletion of the Job wakes the operator": Claim(
        where=lambda turn: heard_of_owned_job(turn) and handed(turn),
        holds=is_let_in,
        vectors=120,
        by=command,
        among=ALL,
    ),
    "the deletion of a Job that another Backup owns wakes nobody": Claim(
        where=lambda turn: turn.run == "jobDeleted" and not is_owned(turn.story), holds=is_left_alone, vectors=8
    ),
    "the sync after the Job is gone makes a new one of the same name and writes Scheduled": Claim(
        where=lambda turn: due(turn) and absent(turn),
        holds=makes_the_job,
        vectors=180,
        by=command_and_whole_phase,
        among=ALL | PHASES,
    ),
    "the new Scheduled becomes the whole phase of a log-start only": Claim(
        where=lambda turn: due(turn) and absent(turn),
        holds=writes_of_the_command_only,
        vectors=180,
        by=command,
        among=ALL,
    ),
    "the handler leaves the new attempt alone": Claim(
        where=lambda turn: event(turn) and turn.story.is_handover and turn.index > 1 and turn.phase == "Scheduled",
        holds=is_left_alone,
        vectors=150,
        by=command,
        among=ALL,
    ),
    "a Job that is not finished is waited for without an end: nothing is made or deleted": Claim(
        where=lambda turn: due(turn) and unfinished(turn),
        holds=waits_without_an_end,
        vectors=50,
        by=command,
        among=dict.fromkeys(ALL, 4),
    ),
    "a Job that ends after all is deleted at the next event": Claim(
        where=lambda turn: due(turn) and finished(turn) and turn.index > 1 and not is_finished(turn.story.job or {}),
        holds=deletes_the_job,
        vectors=20,
    ),
    "a Job that is being deleted, finished or not, is asked for again": Claim(
        where=lambda turn: due(turn) and deleting(turn),
        holds=comes_back,
        vectors=50,
        by=lambda turn: ("finished" if is_finished(turn.job or {}) else "unfinished",),
        among={"finished": 30, "unfinished": 10},
    ),
    "stop, pause and truncate wait for the start, whatever the Job is: nothing is made or deleted": Claim(
        where=lambda turn: fit(turn) and handed(turn) and turn.waits_for_start and not turn.is_covered,
        holds=lambda turn: comes_back(turn) and runs_nothing(turn),
        vectors=40,
        by=lambda turn: (turn.command, turn.command + " finished" * finished(turn)),
        among={"log-stop finished": 3, "log-pause finished": 3, "log-stop": 3, "log-pause": 3, "log-truncate": 1},
    ),
    "a resume does not wait for the start": Claim(
        where=lambda turn: (
            due(turn) and absent(turn) and turn.command == "log-resume" and not turn.status.get("commitTs")
        ),
        holds=makes_the_job,
        vectors=5,
    ),
    "a log-start that streams already gets no Job, and none of its Jobs is removed": Claim(
        where=lambda turn: turn.run == "sync" and streams_already(turn), holds=runs_nothing_of_it, vectors=30
    ),
    "a log-start that streams already keeps its RetryFailed while its task runs": Claim(
        where=lambda turn: fit(turn) and streams_already(turn) and task_of(turn.story) == "running",
        holds=leaves_everything,
        vectors=15,
    ),
    "a truncation that is covered already is written as complete, and gets no Job": Claim(
        where=lambda turn: fit(turn) and handed(turn) and turn.is_covered and turn.index == 1,
        holds=lambda turn: runs_nothing(turn) and phases_of({"status": turn.written})[turn.command] == "Complete",
        vectors=3,
    ),
    # -------------------------------------------------------------- what hinders it
    "a TidbCluster that is not ready is waited for": Claim(where=clusters([False]), holds=comes_back, vectors=10),
    "a TidbCluster that is not cached is an error, and the finished Job stays": Claim(
        where=clusters([]), holds=fails("failed to fetch tidbcluster"), vectors=6
    ),
    "a missing secret is an error after the old Job is gone": Claim(
        where=lambda turn: (
            turn.run == "sync"
            and handed(turn)
            and absent(turn)
            and not turn.is_synced
            and not turn.is_covered
            and not turn.waits_for_start
            and bool(turn.cache["backup"]["spec"]["s3"].get("secretName"))
            and turn.cache["secrets"] == []
        ),
        holds=fails(""),
        vectors=2,
    ),
    "a spec that is not valid any more makes the handed-over command Invalid": Claim(
        where=lambda turn: turn.run == "sync" and handed(turn) and "bucket" not in turn.cache["backup"]["spec"]["s3"],
        holds=is_invalid,
        vectors=5,
    ),
    "an Invalid command is left alone, but for a truncation that was made of another wish": Claim(
        where=lambda turn: event(turn) and turn.phase == "Invalid" and is_on_record(turn),
        holds=is_left_alone,
        vectors=3,
    ),
    "a deletion that is refused is an error, after which the worker comes back": Claim(
        where=lambda turn: refused(turn, "delete jobs"),
        holds=lambda turn: (
            turn.answer == ("error", ["addRateLimited"]) and turn.written == turn.server["backup"]["status"]
        ),
        vectors=5,
    ),
    "a Job that cannot be made leaves the command handed over, and the worker comes back": Claim(
        where=lambda turn: refused(turn, "create jobs"), holds=fails("CreateBackupJobFailed"), vectors=5
    ),
    "a new Job whose Scheduled is lost is waited for under RetryFailed": Claim(
        where=lambda turn: turn.run == "sync" and scheduled_was_lost(turn) and unfinished(turn),
        holds=lambda turn: (
            waits_without_an_end(turn) and phases_of(turn.server["backup"])[turn.command] == "RetryFailed"
        ),
        vectors=3,
    ),
    "a new Job whose Scheduled is lost, and that ends without a word, is run again by the operator itself": Claim(
        where=lambda turn: due(turn) and scheduled_was_lost(turn) and finished(turn), holds=deletes_the_job, vectors=3
    ),
    "a Job that the cache does not show yet makes creation fail, and the command stays handed over": Claim(
        where=lambda turn: (
            turn.run == "sync"
            and handed(turn)
            and absent(turn)
            and turn.job_name in {each["metadata"]["name"] for each in turn.server["jobs"]}
            and not turn.waits_for_start
            and not turn.is_synced
            and not turn.is_covered
        ),
        holds=fails("CreateBackupJobFailed"),
        vectors=3,
    ),
    "a handover that the cache does not show yet does nothing": Claim(
        where=lambda turn: (
            event(turn)
            and turn.index == 0
            and turn.cache["backup"] != turn.server["backup"]
            and turn.phase in ("Failed", "Scheduled", "Prepare", "Running")
            and is_on_record(turn)
        ),
        holds=is_left_alone,
        vectors=2,
    ),
    "a command that is no longer wished is not run": Claim(
        where=lambda turn: (
            turn.run == "sync" and turn.story.is_handover and turn.command != turn.story.handed and turn.index == 1
        ),
        holds=lambda turn: not any(each.endswith(turn.story.handed) for each in turn.job_calls),
        vectors=8,
    ),
    "a late word of the old attempt hides the handover": Claim(
        where=lambda turn: late_word(turn) and is_on_record(turn), holds=is_left_alone, vectors=10
    ),
    # -------------------------------------------------------------- the mends
    "a log-start that is mended stays as it is while its task runs": Claim(
        where=lambda turn: mended("log-start", task="running")(turn) and whole_phase(turn) == "Running",
        holds=leaves_everything,
        vectors=20,
        by=lambda turn: (str(turn.story.before["status"]["phase"]), job_of(turn)),
        among={"Failed": 2, "Running": 2, "Scheduled": 1, "finished": 5, "unfinished": 2},
    ),
    "the wish that waited for a log-start is done once that is mended": Claim(
        where=lambda turn: absent(turn) and any(mended("log-start", each)(turn) for each in ("log-pause", "log-stop")),
        holds=runs_the_next_command,
        vectors=8,
        by=command,
        among={"log-pause": 3, "log-stop": 3},
    ),
    "a log-pause that is mended stays as it is while the pause is wished": Claim(
        where=lambda turn: mended("log-pause", task="paused")(turn) and whole_phase(turn) == "Paused",
        holds=leaves_everything,
        vectors=8,
    ),
    "a log backup that is mended to Paused is resumed where it shall run": Claim(
        where=lambda turn: (
            absent(turn)
            and (mended("log-pause", "log-resume")(turn) or mended("log-start+log-pause", "log-resume")(turn))
        ),
        holds=runs_the_next_command,
        vectors=12,
        by=lambda turn: (newly_complete(turn.story),),
        among={"log-pause": 6, "log-start+log-pause": 4},
    ),
    "a log-stop that is mended stays as it is when its task is gone": Claim(
        where=lambda turn: mended("log-stop", task="absent")(turn) and whole_phase(turn) == "Stopped",
        holds=leaves_everything,
        vectors=6,
    ),
    "a log-resume that is mended stays as it is while its task runs": Claim(
        where=lambda turn: mended("log-resume", "log-start", "running")(turn) and whole_phase(turn) == "Running",
        holds=leaves_everything,
        vectors=6,
    ),
    "the handler lets a mended log backup in": Claim(
        where=lambda turn: event(turn) and turn.index == 0 and not turn.story.is_handover, holds=is_let_in, vectors=60
    ),
}


@pytest.mark.parametrize("sentence", CLAIMS)
def test_of_the_operators_own_code(sentence):
    claim = CLAIMS[sentence]
    exercised = [turn for turn in TURNS if claim.where(turn)]
    assert [turn.id for turn in exercised if not claim.holds(turn)] == []
    assert len({turn.story.id for turn in exercised}) >= claim.vectors
    counted = Counter(word for _, word in {(turn.story.id, word) for turn in exercised for word in claim.by(turn)})
    assert {word: counted[word] for word in claim.among if counted[word] < claim.among[word]} == {}


def test_a_claim_that_nothing_exercises_fails():
    assert min(claim.vectors for claim in CLAIMS.values()) >= 1


def test_every_vector_exercises_a_claim():
    exercising = {turn.story.id for claim in CLAIMS.values() for turn in TURNS if claim.where(turn)}
    assert [story.id for story in STORIES if story.id not in exercising] == []


# ------------------------------------------------------------------ whole stories


def plain(story: Story) -> bool:
    """Nothing hinders the handover, and nobody writes in between."""
    syncs = [turn for turn in story.turns if turn.run == "sync"]
    return bool(story.handed) and bool(syncs) and syncs[0].index == 1 and all(due(turn) for turn in syncs)


@pytest.mark.parametrize(
    ("job", "calls", "number"),
    [
        ("finished", ["delete", "create"], 80),
        ("deleting", ["create"], 15),
        ("absent", ["create"], 20),
    ],
)
def test_a_handover_comes_to_one_new_job_whatever_is_there(job, calls, number):
    stories = [story for story in STORIES if plain(story) and job_of(story.turns[0]) == job]
    wanted = {story.id: [f"{call} jobs {story.turns[0].job_name}" for call in calls] for story in stories}
    assert {story.id: [call for turn in story.turns for call in turn.job_calls] for story in stories} == wanted
    assert len(stories) >= number


def test_a_handover_changes_one_phase_and_the_annotations():
    for story in STORIES:
        if story.is_handover:
            before, after = modelled(story.before), modelled(story.update)
            subs = dict(after.status.log_sub_command_statuses)
            handed = subs.pop(story.handed)
            earlier = before.status.log_sub_command_statuses.get(story.handed)
            assert handed.with_(phase="") == (earlier or handed.with_(conditions=())).with_(phase=""), story.id
            rest = {name: sub for name, sub in before.status.log_sub_command_statuses.items() if name != story.handed}
            assert (subs, before.spec) == (rest, after.spec), story.id
            assert after.status.with_(log_sub_command_statuses={}) == before.status.with_(log_sub_command_statuses={})
            assert annotations_of(story.update) != annotations_of(story.before)


def test_the_policy_is_there_or_not_and_changes_with_the_handover_or_not():
    there = [RETRY_POLICY in annotations_of(story.before) for story in STORIES if story.is_handover]
    changed = [_policy(story.before) != _policy(story.update) for story in STORIES if story.is_handover]
    counted = Counter(zip(there, changed, strict=True))
    assert len(counted) == 4
    assert min(counted.values()) >= 15


def _policy(backup: dict[str, Any]) -> str:
    return annotations_of(backup).get(RETRY_POLICY, "")


def test_the_operators_writes_keep_the_annotations():
    later = [
        (story, write)
        for story in STORIES
        for write in story.writes[1:]
        if any("update backups" in turn.calls for turn in story.turns)
    ]
    lost = [story.id for story, write in later if _records(write) != _records(story.update)]
    assert lost == []
    assert all(_records(write) for _, write in later)
    assert len(later) >= 60


def _records(backup: dict[str, Any]) -> str:
    return annotations_of(backup).get(RETRY_STATUS, "")


# ------------------------------------------------------------------ the companion


def test_the_companions_handover_is_the_update_that_was_judged():
    for story in STORIES:
        if story.is_handover:
            status = handed_over(modelled(story.before).status, story.handed)
            assert status == modelled(story.update).status, story.id


def test_the_companions_mend_is_the_update_that_was_judged():
    for story in STORIES:
        if not story.is_handover:
            seen = Observation(modelled(story.before), task_commit_ts="446000000000000000")
            names = newly_complete(story)
            status = paused(seen, START) if "+" in names else completed(seen, names, START)
            assert status == modelled(story.update).status, story.id


# ------------------------------------------------------------------ other operators


def doctored(turn: Turn) -> Iterator[tuple[str, Turn]]:
    """The turn with an outcome that the Go program did not print."""
    outcome = turn.outcome
    yield "asks for nothing", replace(turn, outcome={**outcome, "calls": []})
    for name in (turn.command, turn.story.handed):
        job = {"name": turn.job_name.replace(turn.command, name), "ownerReferences": [], "args": []}
        made = {"call": "create jobs", "job": job}
        yield f"makes a Job of {name}", replace(turn, outcome={**outcome, "calls": [*outcome["calls"], made]})
    queue = [] if outcome["queue"] else ["add"]
    yield "tells the queue something else", replace(turn, outcome={**outcome, "queue": queue})
    yield "panics", replace(turn, outcome={**outcome, "result": "panic"})
    status = {**turn.written, "phase": "Doctored"}
    status["logSubCommandStatuses"] = {
        name: {**sub, "phase": "Doctored"} for name, sub in turn.written["logSubCommandStatuses"].items()
    }
    server = {**outcome["server"], "backup": {**outcome["server"]["backup"], "status": status}}
    yield "writes another status", replace(turn, outcome={**outcome, "server": server})


@pytest.mark.parametrize("sentence", CLAIMS)
def test_an_operator_that_did_otherwise_would_be_told_from_it(sentence):
    claim = CLAIMS[sentence]
    exercised = [turn for turn in TURNS if claim.where(turn)]
    assert [turn.id for turn in exercised if all(claim.holds(other) for _, other in doctored(turn))] == []
