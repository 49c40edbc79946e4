"""A replay under the companion: the bundled story is what the simulation plays, and its timeline needs no guess."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import fsm
from fsm.cli.demo import item_of
from fsm.environment.demo import DRAWN, Change, LogRetryStory
from fsm.model import POLICY_ANNOTATION, LogBackupRetryPolicy, seconds_of
from fsm.replay.fold import Fold
from fsm.replay.merge import merged, observed_at
from fsm.replay.reader import Item, Problem, documents, items
from tests.replay.retry_story import POLICY, Play, log_retry

STORIES = Path(fsm.__file__).parent / "stories"
FILES = ("backup-log-retry.jobs.jsonl", "backup-log-retry.jsonl", "backup-log-retry.pods.jsonl")


def folded(*texts: str, policy: LogBackupRetryPolicy | None = None) -> Fold:
    """The fold of these streams, merged by their times."""
    fold = Fold(log_policy=policy)
    fold.take_all(merged([items(documents(_Lines(text), "x")) for text in texts]))
    return fold


class _Lines:
    """A text as a stream."""

    def __init__(self, text: str) -> None:
        self.lines = text.encode().splitlines(keepends=True)

    def readline(self, size: int = -1) -> bytes:
        return self.lines.pop(0) if self.lines else b""


def only(fold: Fold) -> dict[str, Any]:
    (found,) = fold.backups(fold.newest)
    return found


@pytest.fixture(scope="module")
def played() -> Play:
    return log_retry()


@pytest.fixture(scope="module")
def texts(played: Play) -> list[str]:
    told = played.texts()
    return [told[name] for name in FILES]


def test_the_bundled_story_is_what_the_simulation_plays(played: Play) -> None:
    """Write it anew: python -m tests.replay.retry_story fsm/stories"""
    for name, text in played.texts().items():
        assert (STORIES / name).read_text() == text, name


TIMELINE = """
22:13:20 job_created idle scheduled 0
22:13:21 pod_preparing scheduled preparing 0
22:13:21 br_started preparing running 0
22:13:41 job_failed running failed 0
22:13:42 failure_recorded failed backoff_waiting 0
22:14:54 tick backoff_waiting verifying 0
22:14:54 verified verifying retrying 0
22:14:54 job_created retrying scheduled 1
22:14:55 pod_preparing scheduled preparing 1
22:14:55 br_started preparing running 1
22:15:15 job_failed running failed 1
22:15:25 failure_recorded failed backoff_waiting 1
22:17:45 tick backoff_waiting verifying 1
22:18:25 verified verifying retrying 1
22:18:25 job_created retrying scheduled 2
22:18:26 pod_preparing scheduled preparing 2
22:18:26 br_started preparing running 2
22:18:26 completed not_started streaming 2
22:18:26 completed running idle 2
22:18:26 wish_changed idle idle 0
22:19:16 job_created idle scheduled 0
22:19:17 pod_preparing scheduled preparing 0
22:19:17 br_started preparing running 0
22:19:37 job_failed running failed 0
22:19:47 failure_recorded failed backoff_waiting 0
22:20:07 completed streaming paused 0
22:20:07 completed backoff_waiting idle 0
"""


def timeline(entry: dict[str, Any]) -> list[str]:
    fields = ("event", "source", "target", "attempt")
    return [" ".join((each["at"][11:19], *(str(each[field]) for field in fields))) for each in entry["transitions"]]


def test_the_story_is_told_with_its_own_times_and_without_a_guess(texts: list[str]) -> None:
    entry = only(folded(*texts))
    assert timeline(entry) == TIMELINE.split("\n")[1:-1]
    assert entry["unexpected"] == []
    assert not [each for each in entry["transitions"] if each.get("inferred")]
    assert [each["event"] for each in entry["transitions"] if each.get("atLeast")] == ["wish_changed"]


def test_each_command_has_its_own_attempts_and_retries(texts: list[str]) -> None:
    entry = only(folded(*texts))
    told = {name: (each["attempt"], each["retries"]) for name, each in entry["commands"].items()}
    assert told == {"log-start": (2, 2), "log-pause": (0, 0)}
    assert (entry["attempt"], entry["retries"]) == (0, 0)  # of the current command
    assert entry["retry"] == entry["commands"]["log-pause"]["retry"]


def test_the_final_answer_does_not_depend_on_order_repetition_or_what_was_missed(texts: list[str]) -> None:
    """Shuffled, doubled, and only the last item of every object: the timeline may differ, the answer does not."""
    keys = ("state", "configuration", "attempt", "retries", "retry", "verdict", "because", "commands")
    wanted = only(folded(*texts))
    lines = [line for text in texts for line in text.splitlines(keepends=True)]
    for seed in range(5):
        mixed = random.Random(seed).sample(lines * 2, len(lines) * 2)
        found = only(folded("".join(mixed)))
        assert {key: found[key] for key in keys} == {key: wanted[key] for key in keys}, f"seed {seed}"


def words_of_others(text: str) -> list[tuple[str, bool]]:
    """The items of a Backup's stream, and whether each tells what somebody else than the companion did."""
    found, before = [], None
    for line in text.splitlines(keepends=True):
        data = json.loads(line)["object"]
        subs = data.get("status", {}).get("logSubCommandStatuses", {})
        told = (data["spec"], [each["conditions"] for each in subs.values()])
        found.append((line, told != before))
        before = told
    return found


@pytest.mark.parametrize("seed", range(8))
def test_what_the_companion_wrote_and_nobody_saw_is_told_in_time_by_what_it_wrote_later(
    texts: list[str], seed: int
) -> None:
    """Some items are missed in which nothing but the companion's word is new: no guess, nothing unexpected."""
    rng = random.Random(seed)
    jobs, backups, pods = texts
    lines = words_of_others(backups)
    own = [line for line, others in lines[1:-1] if not others]
    missed = rng.sample(own, rng.randint(1, len(own)))
    entry = only(folded(jobs, "".join(line for line, _ in lines if line not in missed), pods))
    assert entry["unexpected"] == [], f"seed {seed}"
    assert not [each for each in entry["transitions"] if each.get("inferred")], f"seed {seed}"
    known = {tuple(line.split()[:2]) for line in TIMELINE.splitlines()}
    told = {tuple(line.split()[:2]) for line in timeline(entry)}
    assert {each for each in told - known if each[1] != "tick"} == set(), f"seed {seed}"


# ------------------------------------------------------------------ the state after every item


def states(texts: list[str]) -> Iterable[tuple[str, str, str]]:
    """(lane, verdict, until) after every item of the story, each once in a row."""
    fold, before = Fold(), None
    for each in merged([items(documents(_Lines(text), "x")) for text in texts]):
        assert not isinstance(each, Problem)
        fold.take(*each)
        for entry in fold.backups(fold.newest):
            until = (entry["until"] or "")[11:19]
            said = (entry["configuration"][-1], entry["verdict"], until) if entry["machine"] else None
            if said is not None and said != before:
                yield said
            before = said


def test_nobody_is_stuck_while_the_companion_takes_care(texts: list[str]) -> None:
    told = list(states(texts))
    assert ("backoff_waiting", "waiting", "22:14:54") in told
    assert ("verifying", "waiting", "") in told
    assert not [each for each in told if each[1] in ("stuck", "failed")]


# ------------------------------------------------------------------ a default policy


def without_annotation(text: str) -> str:
    """The stream of Backups that carry no policy of their own."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        del line["object"]["metadata"]["annotations"][POLICY_ANNOTATION]
    return "".join(json.dumps(line) + "\n" for line in lines)


def test_a_default_policy_stands_in_for_the_annotation(texts: list[str]) -> None:
    policy = LogBackupRetryPolicy.from_text(json.dumps(POLICY))
    jobs, backups, pods = texts
    bare = without_annotation(backups)
    assert only(folded(jobs, bare, pods, policy=policy)) == only(folded(*texts))
    unexpected = only(folded(jobs, bare, pods))["unexpected"]
    assert unexpected, "without it a failed command cannot run again"


# ------------------------------------------------------------------ observed times

RECORD = {"retryNum": 1, "detectFailedAt": "2026-11-22T03:00:00Z", "expectedRetryAt": "2026-11-22T09:00:00Z"}
TIMES = {
    "detectFailedAt": ({"records": [RECORD]}, "2026-11-22T03:00:00Z"),
    "realRetryAt": ({"records": [{**RECORD, "realRetryAt": "2026-11-22T04:00:00Z"}]}, "2026-11-22T04:00:00Z"),
    "mendedAt": ({"records": [{**RECORD, "mendedAt": "2026-11-22T04:00:01Z"}]}, "2026-11-22T04:00:01Z"),
    "supersededAt": ({"records": [{**RECORD, "supersededAt": "2026-11-22T04:00:02Z"}]}, "2026-11-22T04:00:02Z"),
    "since": ({"records": [RECORD], "since": "2026-11-22T04:00:03Z"}, "2026-11-22T04:00:03Z"),
    "nothing that can be read": ("since 2026-11-22T04:00:03Z", "2026-11-22T02:00:00Z"),
}


@pytest.mark.parametrize(("status", "newest"), TIMES.values(), ids=TIMES)
def test_the_newest_observed_time_knows_the_records_and_no_plan(status: Any, newest: str) -> None:
    text = status if isinstance(status, str) else json.dumps(status)
    metadata = {
        "name": "b",
        "creationTimestamp": "2026-11-22T02:00:00Z",
        "annotations": {"backup-fsm.dev/log-retry-status": text},
    }
    line = json.dumps({"apiVersion": "pingcap.com/v1alpha1", "kind": "Backup", "metadata": metadata}) + "\n"
    (item,) = items(documents(_Lines(line), "x"))
    assert isinstance(item, Item)
    assert observed_at(item) == seconds_of(newest)


# ------------------------------------------------------------------ a stream with a user, and with mishaps


def told_of(seed: int, policy: str = "{}", **faults: int) -> dict[str, Any]:
    """The replay of a demonstration's watch items, as they were received."""
    story = LogRetryStory(policy, random.Random(seed), faults)
    items_of = [item_of(each, 1) for each in story.happenings() if isinstance(each, Change)]
    return only(folded("".join(each.text.decode() + "\n" for each in items_of)))


@pytest.mark.parametrize("seed", range(4))
def test_a_log_backup_without_mishaps_is_told_without_a_guess_and_in_the_order_of_time(seed: int) -> None:
    """A resume reopens the pause when its Job is made, before the operator writes so: no step back is told for that."""
    entry = told_of(seed)
    _check_order(entry)
    assert not [each for each in entry["transitions"] if each.get("inferred")]
    assert entry["unexpected"] == []


def _check_order(entry: dict[str, Any]) -> None:
    """One after the other; and what was inferred gives no time of its own."""
    times = [each["at"] for each in entry["transitions"]]
    assert times == sorted(times)
    assert not [each for each in entry["transitions"] if each.get("inferred") and not each.get("atLeast")]


MISHAPS = {
    "an error pause that follows a task that was not found": (1, {"node": 1, "pd": 1, "companion": 1}),
    "the same of a retry that is held": (13, {"crash": 1, "pd": 1, "companion": 1}),
    "a Scheduled that comes late": (27, {}),
    "another one, which no declared path explains": (10, {"program": 1, "crash": 1, "lost": 1}),
    "a Job that the operator makes by itself": (28, {"job_deletion": 1, "api": 1, "companion": 1}),
    "a Job that it makes and does not hear of": (31, {"job_deletion": 1, "api": 2}),
    "a second failure that has no record of its own": (57, {"job_deletion": 1, "crash": 1, "lost": 1}),
}


@pytest.mark.parametrize(("seed", "faults"), MISHAPS.values(), ids=MISHAPS)
def test_a_log_backup_with_mishaps_is_told_in_the_order_of_time(seed: int, faults: dict[str, int]) -> None:
    _check_order(told_of(seed, **faults))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("seed", range(10))
def test_after_any_fault_a_log_backup_is_told_in_the_order_of_time(name: str, seed: int) -> None:
    _check_order(told_of(seed, **{"pd": 1, "kill": 1, name: 3}))


def leading(entry: dict[str, Any], source: str, target: str) -> list[dict[str, Any]]:
    return [each for each in entry["transitions"] if (each["source"], each["target"]) == (source, target)]


@pytest.mark.parametrize("seed", range(3))
def test_a_task_that_is_paused_by_an_error_is_told_as_what_the_operator_says_of_it(seed: int) -> None:
    """No Job of log-start runs there."""
    entry = told_of(seed, '{"onErrorPause": "Resume"}')
    (*_, paused) = leading(entry, "idle", "aborted")
    assert (paused["event"], paused.get("inferred", False)) == ("aborted", False)
    assert [each["event"] for each in entry["transitions"] if each.get("inferred")] in ([], ["task_paused"])


def test_a_run_that_the_operator_begins_by_itself_is_told() -> None:
    """It had made a Job and not yet written so when somebody deleted that."""
    entry = told_of(28, job_deletion=1, api=1, companion=1)
    assert [each["event"] for each in leading(entry, "backoff_waiting", "scheduled")] == ["job_created"]
    assert entry["unexpected"] == []


def test_a_job_begins_once_and_what_follows_without_another_is_inferred() -> None:
    """Without a policy the chart has no failure of what is complete; the operator read it from the task (S10)."""
    story = LogRetryStory("{}", random.Random(0), {})
    plain = []
    for each in story.happenings():
        if isinstance(each, Change):
            data = each.object.to_json()
            data["metadata"].pop("annotations", None)
            plain.append(json.dumps({"type": each.type, "object": data}) + "\n")
    entry = only(folded("".join(plain)))
    begun = [each for each in entry["transitions"] if each["event"] == "job_created" and not each.get("inferred")]
    assert len({each["at"] for each in begun}) == len(begun)
    assert any(each["event"] == "job_created" and each.get("inferred") for each in entry["transitions"])
