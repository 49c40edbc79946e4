"""The story of a log backup under its retry policy: what becomes of it, whatever chance, faults and policy are."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm.adapter import Observation, cause_of, retries_of
from fsm.environment import kubelet
from fsm.environment.demo import DRAWN, ERROR, FAULTS, QUIET, Act, Change, Happening, LogRetryStory
from fsm.environment.simulation import Task
from fsm.errors import InputError, UsageError
from fsm.model import Backup, Job, Pod, seconds_of
from fsm.reference.task import MANUAL, task_state

ALL = ["start", "pause", "resume", "error", "stop"]
GENEROUS = '{"maxRetryTimes": 30, "retryTimeout": "100h"}'


def story_of(policy: str = "{}", seed: int = 1, **faults: int) -> tuple[LogRetryStory, list[Happening]]:
    """A story, told to its end."""
    story = LogRetryStory(policy, random.Random(seed), faults)
    return story, list(story.happenings())


def acts(told: Iterable[Happening], who: str) -> list[str]:
    return [each.text for each in told if isinstance(each, Act) and each.who == who]


def backups(told: Iterable[Happening]) -> list[Backup]:
    return [each.object for each in told if isinstance(each, Change) and isinstance(each.object, Backup)]


def records(story: LogRetryStory) -> list[tuple[str, int, str, str]]:
    """(command, number, cause, what came of it) of each record that is kept."""
    backup = story.simulation.server.backup
    assert backup is not None
    found = []
    for each in retries_of(story._observation()).status.records:
        came = [name for name in ("real_retry_at", "mended_at", "superseded_at") if getattr(each, name)]
        found.append((each.command, each.retry_num, each.cause, " ".join(came)))
    return found


# ------------------------------------------------------------------ the story itself


@pytest.mark.parametrize("seed", range(12))
def test_by_the_defaults_two_kills_are_retried_and_everything_that_is_wished_comes(seed: int) -> None:
    story, told = story_of(seed=seed)
    assert story.reached == ALL
    assert story.leaves == ("stopped", "idle")
    assert not story.simulation.task.exists
    assert not story.unmet
    assert acts(told, "fault") == ["the pod of backup-demo-log-log-start is killed without a word: OOMKilled"] * 2
    first_two = [("log-start", 1, "OOMKilled", "real_retry_at"), ("log-start", 2, "OOMKilled", "real_retry_at")]
    assert records(story)[:2] == first_two
    assert [text for text in acts(told, "companion") if text.startswith("looks at the task (Absent)")] == [
        "looks at the task (Absent): tells the operator to run log-start again, retry 1",
        "looks at the task (Absent): tells the operator to run log-start again, retry 2",
    ]


@pytest.mark.parametrize("seed", range(6))
def test_an_error_pause_is_left_alone_until_somebody_resumes_by_hand_and_then_it_is_mended(seed: int) -> None:
    story, told = story_of('{"onErrorPause": "Hold"}', seed)
    texts = [each.text for each in told if isinstance(each, Act)]
    paused = texts.index(f"pauses the task because of an error ({ERROR})")
    left = next(i for i, text in enumerate(texts) if text.startswith("leaves it so (TaskIsPausedByError)"))
    resumed = texts.index("has mended the cause, and resumes the task by hand: br log resume")
    mended = texts.index("writes what the task shows: phase Running", resumed)
    assert paused < left < resumed < mended
    assert not any("that the log backup is paused" in text for text in texts)
    assert story.reached == ALL


@pytest.mark.parametrize("seed", range(6))
def test_an_error_pause_is_resumed_by_the_operator_where_the_policy_says_so(seed: int) -> None:
    story, told = story_of('{"onErrorPause": "Resume"}', seed)
    assert any("that the log backup is paused, to resume it" in text for text in acts(told, "companion"))
    assert not any("by hand" in text for text in acts(told, "user"))
    assert story.reached == ALL


def test_the_operator_says_what_error_paused_the_task() -> None:
    _, told = story_of()
    said = {c.message for b in backups(told) for c in b.status.conditions if c.reason == "LogBackupErrorPaused"}
    assert said == {f"Log backup paused due to error: {ERROR}"}


def test_after_a_task_is_resumed_by_hand_the_companion_and_the_operator_do_not_undo_each_others_words() -> None:
    """The operator remembers for a minute what it has read of the task, and would write over a mend at once."""
    for seed in range(8):
        _, told = story_of(seed=seed)
        resumed = next(each.at for each in told if isinstance(each, Act) and "by hand" in each.text)
        before = backups(each for each in told if each.at < resumed)[-1:]
        after = backups(each for each in told if each.at >= resumed)
        phases = [str(each.status.phase) for each in (*before, *after)]
        mends = [pair for pair in pairwise(phases) if pair == ("RetryFailed", "Running")]
        assert 1 <= len(mends) <= 2, seed


# ------------------------------------------------------------------ the companion's lines


def companions(told: Iterable[Happening]) -> list[tuple[Act, Change]]:
    """Each line of the companion with the watch item of that write."""
    found, waiting = [], []
    for each in told:
        if isinstance(each, Act):
            if each.who == "companion" and not each.text.startswith("leaves it so"):
                waiting.append(each)
        elif waiting:
            found += [(act, each) for act in waiting]
            waiting = []
    assert not waiting
    return found


def _check_companion(told: list[Happening]) -> None:
    """Each of its lines is of the second of its write, and says what that write says."""
    for act, change in companions(told):
        assert act.at == change.at
        if isinstance(change.object, Backup):
            _check_line(act.text, change.object)
        else:
            assert act.text.startswith("deletes Job ")
            assert isinstance(change.object, Job)


def _check_line(text: str, backup: Backup) -> None:
    phase, subs = str(backup.status.phase), backup.status.log_sub_command_statuses
    status = retries_of(Observation(backup)).status
    handed_over = re.search(r": tells the operator (?:once more )?to run (\S+) again", text)
    if handed_over is not None:
        assert subs[handed_over[1]].phase == "RetryFailed"
    elif "tells the operator" in text:
        assert "that the log backup is paused, to resume it" in text
        assert (phase, str(subs["log-pause"].phase)) == ("Paused", "Complete")
    elif text.startswith("writes what the task shows"):
        assert text == f"writes what the task shows: phase {phase}"
    elif text.endswith("nothing follows from that yet"):
        assert status.state == "verifying"
    elif text.startswith("goes on with "):
        assert status.state == "backoff_waiting"
    elif text.startswith("writes once more"):
        assert str(subs[text.split()[4]].phase) == "Failed"


@pytest.mark.parametrize(
    ("policy", "seed", "faults", "lines"),
    [
        pytest.param(
            "{}",
            1,
            {"pd": 1},
            [
                "records that log-start failed (BackoffLimitExceeded, OOMKilled); retry 1 is due at "
                "2026-11-22T02:00:51Z",
                "looks at the task (Unknown), as retry 1 of log-start is due: nothing follows from that yet",
                "looks at the task (Absent): tells the operator to run log-start again, retry 1",
            ],
            id="a task that cannot be seen",
        ),
        pytest.param(
            "attemptTimeout: 1s",
            1,
            {},
            [
                "deletes Job backup-demo-log-log-start, which is not finished, in the foreground",
                "goes on with log-start: retry 1 is due at 2026-11-22T02:00:39Z",
            ],
            id="a Job that had to go is gone",
        ),
        pytest.param(
            "{}",
            10,
            {"program": 1, "crash": 1, "lost": 1},
            [
                "records that log-resume failed (ResumeLogBackuFailed, Error); retry 1 is due at 2026-11-22T02:09:24Z",
                "looks at the task (Paused): tells the operator to run log-resume again, retry 1",
            ],
            id="a failed resume",
        ),
        pytest.param(
            "minRetryDuration: 1s",
            15,
            {"node": 4, "lag": 1, "oom": 0},
            [
                "looks at the task (Running): tells the operator to run log-stop again, retry 1",
                "looks at the task (Running): tells the operator once more to run log-stop again, retry 1; "
                "a late word of the failed attempt had hidden that",
            ],
            id="a retry that was hidden",
        ),
        pytest.param(
            "{maxRetryTimes: 1, onExhausted: Fail, minRetryDuration: 1s}",
            0,
            {"node": 4, "job_deletion": 2, "oom": 0},
            [
                "retries log-stop no more: maxRetryTimes is used up",
                "writes once more that log-stop has failed; a late word had hidden that",
            ],
            id="an end that was hidden",
        ),
    ],
)
def test_a_line_of_the_companion_says_what_it_wrote(
    policy: str, seed: int, faults: dict[str, int], lines: list[str]
) -> None:
    _, told = story_of(policy, seed, **faults)
    said = acts(told, "companion")
    assert lines[0] in said
    first = said.index(lines[0])
    assert said[first : first + len(lines)] == lines


def test_what_the_companion_writes_twice_has_two_lines_each_of_its_own_second() -> None:
    """The operator remembers for a minute what it has read of the task, and has written over the first."""
    _, told = story_of("{}", 1)
    resumed = next(each.at for each in told if isinstance(each, Act) and "by hand" in each.text)
    mended = [(act, change.object) for act, change in companions(told) if act.at >= resumed]
    assert [act.text for act, _ in mended] == ["writes what the task shows: phase Running"] * 2
    assert mended[1][0].at - mended[0][0].at > 60
    assert [str(each.status.phase) for _, each in mended if isinstance(each, Backup)] == ["Running", "Running"]


@pytest.mark.parametrize("seed", [1, 12, 31])
def test_a_pause_is_said_to_be_left_so_once_the_companion_has_seen_it(seed: int) -> None:
    story = LogRetryStory("{}", random.Random(seed), {"companion": 1, "lag": 1})
    sightings = [
        story.companion.sighting
        for each in story.happenings()
        if isinstance(each, Act) and each.text.startswith("leaves it so")
    ]
    seen = [(str(each.backup.status.phase), str(each.task)) for each in sightings if each is not None]
    assert seen == [("RetryFailed", "Paused")]


# ------------------------------------------------------------------ policies at their boundaries


@pytest.mark.parametrize(
    ("policy", "faults", "reached", "leaves"),
    [
        pytest.param('{"maxRetryTimes": 0}', {}, [], ("not_started", "failed"), id="no retry: stuck as without"),
        pytest.param('{"maxRetryTimes": 1}', {}, [], ("not_started", "exhausted"), id="one retry, two kills"),
        pytest.param('{"maxRetryTimes": 2}', {}, ALL, ("stopped", "idle"), id="two retries, two kills"),
        pytest.param('{"maxRetryTimes": 1}', {"oom": 1}, ALL, ("stopped", "idle"), id="one retry, one kill"),
        pytest.param('{"maxRetryTimes": 0}', {"oom": 0}, [*ALL[:3], "stop"], ("stopped", "idle"), id="nothing killed"),
        pytest.param(
            '{"maxRetryTimes": 1, "onExhausted": "Fail"}', {}, [], ("not_started", "exhausted"), id="failed for good"
        ),
        pytest.param('{"suspend": true}', {}, [], ("not_started", "held"), id="suspended"),
        pytest.param('{"nonRetryableReasons": ["OOMKilled"]}', {}, [], ("not_started", "held"), id="hopeless"),
        pytest.param('{"commands": {"log-stop": {}}}', {}, [], ("not_started", "failed"), id="another command's"),
        pytest.param("commands: {log-start: {maxRetryTimes: 2}}", {}, ALL, ("stopped", "idle"), id="a command's own"),
        pytest.param('{"maxRetryTimes": 5}', {"oom": 999_999}, [], ("not_started", "exhausted"), id="endless kills"),
        pytest.param(
            '{"maxRetryTimes": 60, "retryTimeout": "100h"}', {"oom": 50}, ALL, ("stopped", "idle"), id="fifty kills"
        ),
        pytest.param(
            '{"minRetryDuration": "87600h", "maxRetryDuration": "87600h", "retryTimeout": "500000h"}',
            {},
            ALL,
            ("stopped", "idle"),
            id="ten years before a retry",
        ),
        pytest.param(
            "{minRetryDuration: 1s, maxRetryDuration: 1s, jitter: 0, maxRetryTimes: 3, retryTimeout: 6s}",
            {"oom": 3},
            [],
            ("not_started", "timed_out"),
            id="no time for a retry",
        ),
    ],
)
def test_a_policy_at_its_boundary_ends_where_it_should(
    policy: str, faults: dict[str, int], reached: list[str], leaves: tuple[str, str]
) -> None:
    story, _ = story_of(policy, **faults)
    assert (story.reached, story.leaves) == (reached, leaves)


def test_an_exhausted_policy_is_watched_and_one_that_fails_for_good_is_not() -> None:
    _, held = story_of('{"maxRetryTimes": 1}')
    _, failed = story_of('{"maxRetryTimes": 1, "onExhausted": "Fail"}')
    said = "log-start has not come to its end, and nothing else moves: not_started, exhausted"
    watched = next(text for text in acts(held, "story") if text.startswith(said))
    assert "; the companion goes on watching, and looks again at 2026-11-22T" in watched
    assert said in acts(failed, "story")
    at = {each.text: each.at for each in held if isinstance(each, Act)}
    assert at[watched] - at["retries log-start no more: maxRetryTimes is used up"] >= QUIET


def test_a_long_wait_is_no_work() -> None:
    short, _ = story_of('{"minRetryDuration": "10m", "maxRetryDuration": "10m", "retryTimeout": "10h"}')
    long, _ = story_of('{"minRetryDuration": "9999h", "maxRetryDuration": "9999h", "retryTimeout": "99999h"}')
    assert long.now - long.begin > 1000 * (short.now - short.begin)
    assert long.simulation.steps < 2 * short.simulation.steps


@pytest.mark.parametrize("oom", [0, 1, 3, 7])
def test_as_many_pods_are_killed_as_was_asked_and_each_is_a_record(oom: int) -> None:
    story, told = story_of(GENEROUS, oom=oom)
    killed = [text for text in acts(told, "fault") if "OOMKilled" in text]
    assert len(killed) == oom
    assert [each[2] for each in records(story) if each[2]] == ["OOMKilled"] * oom
    assert story.reached == ALL


# ------------------------------------------------------------------ faults


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_after_any_fault_everything_that_is_wished_still_comes(name: str, seed: int) -> None:
    story, told = story_of(GENEROUS, seed, **{name: 1}, oom=1)
    assert story.reached == ALL
    said = [text for text in acts(told, "fault") if "log-start is killed without a word: OOMKilled" not in text]
    if story.unmet[name]:
        assert f"these faults found no occasion: {name} 1" in acts(told, "story")
    elif name != "kill":
        assert said


@pytest.mark.parametrize("name", DRAWN)
def test_every_fault_finds_an_occasion_in_some_story(name: str) -> None:
    assert any(not story_of(GENEROUS, seed, **{name: 1}, oom=0)[0].unmet for seed in range(8))


FAULT_COUNTS = st.dictionaries(st.sampled_from(DRAWN), st.integers(1, 2), max_size=4)
POLICIES = st.sampled_from(
    ["{}", '{"onErrorPause": "Resume"}', '{"maxRetryTimes": 0}', '{"maxRetryTimes": 1}', '{"suspend": true}', GENEROUS]
)


@settings(max_examples=20, deadline=None, print_blob=True)
@given(seed=st.integers(0, 1 << 32), faults=FAULT_COUNTS, policy=POLICIES, oom=st.integers(0, 3))
def test_whatever_happens_the_story_ends_and_nothing_is_wrong_in_it(
    seed: int, faults: dict[str, int], policy: str, oom: int
) -> None:
    story, told = story_of(policy, seed, **faults, oom=oom)
    assert not story.simulation.panics
    times = [each.at for each in told]
    assert times == sorted(times)
    assert not story.unmet - Counter({**faults, "oom": oom})
    assert "the controllers go round in circles, and are left alone" not in acts(told, "story")
    if policy == GENEROUS:
        assert story.reached == ALL
    _check_versions(told)
    _check_one_at_a_time(told)
    _check_companion(told)


def _check_versions(told: list[Happening]) -> None:
    """As the API server gives them: each object's grow, and a deleted one's is its last."""
    newest: dict[str, int] = {}
    for each in told:
        if isinstance(each, Change) and each.type != "DELETED":
            uid, version = each.object.metadata.uid, int(each.object.metadata.resource_version)
            assert version > newest.get(uid, 0)
            newest[uid] = version


def _check_one_at_a_time(told: list[Happening]) -> None:
    """No retry begins while a Job of another command is at work; what users wish is theirs."""
    unfinished: set[str] = set()
    begun: set[str] = set()
    for each in told:
        if not isinstance(each, Change):
            continue
        if isinstance(each.object, Job):
            name = each.object.metadata.name
            over = each.type == "DELETED" or each.object.status.holds("Failed") or each.object.status.holds("Complete")
            unfinished = unfinished - {name} if over else unfinished | {name}
        elif isinstance(each.object, Backup):
            text = (each.object.metadata.annotations or {}).get("backup-fsm.dev/log-retry-status", "")
            now = {part.partition('"')[0] for part in text.split('"realRetryAt":"')[1:]}
            assert not (now - begun and unfinished)
            begun |= now


@settings(max_examples=4, deadline=None, print_blob=True)
@given(seed=st.integers(0, 1 << 32), faults=FAULT_COUNTS)
def test_the_same_dice_tell_the_same_story(seed: int, faults: dict[str, int]) -> None:
    assert story_of(seed=seed, **faults)[1] == story_of(seed=seed, **faults)[1]


def test_other_dice_tell_another_story() -> None:
    assert len({tuple(each.at for each in story_of(seed=seed)[1]) for seed in range(3)}) == 3


def test_what_is_no_fault_and_what_is_no_policy_is_refused_before_anything_is_told() -> None:
    with pytest.raises(UsageError, match="there is no fault 'rain'; there are oom, kill"):
        LogRetryStory("{}", random.Random(1), {"rain": 1})
    with pytest.raises(InputError, match="maxRetryTimes"):
        LogRetryStory('{"maxRetryTimes": -1}', random.Random(1))
    assert set(DRAWN) | {"oom"} == set(FAULTS)


# ------------------------------------------------------------------ pods, and TiKV's word


JOB = Job.from_json({"kind": "Job", "metadata": {"name": "j", "namespace": "ns", "uid": "uid-of-j"}})


@pytest.mark.parametrize(
    ("pod", "cause"),
    [
        pytest.param(kubelet.pod_of(JOB, "p", "u", 1_000_000), None, id="runs"),
        pytest.param(kubelet.ended(kubelet.pod_of(JOB, "p", "u", 1), 0, "Completed", 2), None, id="completed"),
        pytest.param(kubelet.ended(kubelet.pod_of(JOB, "p", "u", 1), 137, "OOMKilled", 2), "OOMKilled", id="memory"),
        pytest.param(kubelet.ended(kubelet.pod_of(JOB, "p", "u", 1), 1, "Error", 2), "Error", id="error"),
        pytest.param(kubelet.disrupted(kubelet.pod_of(JOB, "p", "u", 1), "Evicted", 2), "Evicted", id="evicted"),
        pytest.param(kubelet.disrupted(kubelet.pod_of(JOB, "p", "u", 1), "NodeLost", 2), "NodeLost", id="node"),
    ],
)
def test_the_cause_of_a_failure_is_read_from_the_pods_object(pod: Pod, cause: str | None) -> None:
    assert cause_of(JOB, (pod,)) == cause


def test_a_pods_times_are_those_of_what_happened() -> None:
    pod = kubelet.ended(kubelet.pod_of(JOB, "p", "u", 1_000), 137, "OOMKilled", 2_000)
    end = pod.status.container_statuses[0].state.terminated
    assert end is not None
    assert (seconds_of(end.started_at or ""), seconds_of(end.finished_at or "")) == (1_000, 2_000)
    assert pod.status.phase == "Failed"


@pytest.mark.parametrize("error", ["an error", '503 — "quoted" \n über'])
def test_what_tikv_writes_beside_a_paused_task_is_what_the_operator_reads(error: str) -> None:
    assert task_state(Task(True, error).etcd()).pause_reason == error
    assert task_state(Task(True, "").etcd()).pause_reason == MANUAL
    assert not task_state(Task(True).etcd()).paused
