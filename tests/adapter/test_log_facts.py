"""What retry records tell of the events behind them: each event of the retries with the time that the record gives."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fsm.adapter import log
from fsm.adapter.log_facts import without_next_job
from fsm.adapter.observation import Observation, SeenJob
from fsm.adapter.path import path_between
from fsm.kernel import MachineState
from fsm.machines import LOG, LogContext, Record
from fsm.model import POLICY_ANNOTATION, STATUS_ANNOTATION, text_of
from tests.things import at, clock, condition, job, record
from tests.things import log as log_backup

POLICY = {"maxRetryTimes": 2, "minRetryDuration": "1m", "jitter": 0, "retryTimeout": "30m"}
START = "log-start"
NAME = "backup-demo-log-start"


def written(number: int = 1, **more: Any) -> dict[str, Any]:
    return {**record(number, at(1), at(2)), "episode": 1, "command": START, "jobUid": "j-1", **more}


def observation(
    *records: dict[str, Any], state: str = "", since: str | None = None, phase: str = "Running", **more: Any
) -> Observation:
    """A Backup with these records, whose first Job has failed."""
    status = {"records": list(records), "state": state, "since": since, "reason": more.pop("reason", "")}
    given = {POLICY_ANNOTATION: json.dumps(POLICY), STATUS_ANNOTATION: json.dumps(status)}
    subs = {START: phase}
    backup = log_backup("Running", subs=subs, metadata={"annotations": given}, **more)
    return Observation(backup, (SeenJob(job("Failed", name=NAME, ended=at(0, 50))),))


def standing(lane: str, seen: Observation, *records: Record) -> MachineState:
    """Where the machine stood before, under the policy that is in force now."""
    target = log.state_of(seen)
    known = LogContext().with_state(START, lane)
    context = known._replace(job="j-1", policy=target.context.policy, records=records)
    return LOG.state("not_started", lane, context=context)


PLANNED = Record(1, clock(1), clock(2), None, "Job backup-demo has failed", "BackoffLimitExceeded")

ROWS: dict[str, tuple[Observation, str, tuple[Record, ...], list[tuple[str, str]]]] = {
    "recorded": (
        observation(written(), state="backoff_waiting", since=at(1)),
        "failed",
        (),
        [("failure_recorded", at(1))],
    ),
    "due, the task unseen": (
        observation(written(), state="verifying", since=at(2, 3)),
        "backoff_waiting",
        (PLANNED,),
        [("tick", at(2, 3))],
    ),
    "begun at once": (
        observation(written(realRetryAt=at(2, 4)), phase="RetryFailed"),
        "backoff_waiting",
        (PLANNED,),
        [("tick", at(2, 4)), ("verified", at(2, 4))],
    ),
    "begun after a while": (
        observation(written(realRetryAt=at(2, 4)), phase="RetryFailed"),
        "verifying",
        (PLANNED,),
        [("verified", at(2, 4))],
    ),
    "blocked": (
        observation(written(), state="held", since=at(2, 5), reason="TaskIsGone"),
        "verifying",
        (PLANNED,),
        [("blocked", at(2, 5))],
    ),
    "released": (
        observation(written(), state="backoff_waiting", since=at(2, 6)),
        "held",
        (PLANNED,),
        [("released", at(2, 6))],
    ),
    "given up while it waited": (
        observation(written(), state="timed_out", since=at(31, 1)),
        "backoff_waiting",
        (PLANNED,),
        [("tick", at(31, 1))],
    ),
    "nothing seen since the failure": (
        observation(written(realRetryAt=at(2, 4)), phase="RetryFailed"),
        "failed",
        (),
        [("failure_recorded", at(1)), ("tick", at(2, 4)), ("verified", at(2, 4))],
    ),
    "begun, and its failed Job does not go": (
        observation(
            written(realRetryAt=at(2, 4)), state="held", since=at(3, 10), phase="RetryFailed", reason="JobIsTerminating"
        ),
        "backoff_waiting",
        (PLANNED,),
        [("tick", at(2, 4)), ("verified", at(2, 4)), ("blocked", at(3, 10))],
    ),
    "its Job failed": (
        observation(written(), state="backoff_waiting", since=at(1)),
        "running",
        (),
        [("job_failed", at(0, 50)), ("failure_recorded", at(1))],
    ),
    "its Job failed, and the retry is held": (
        observation(written(), state="held", since=at(1, 1), reason="Suspended"),
        "running",
        (),
        [("job_failed", at(0, 50)), ("failure_recorded", at(1)), ("blocked", at(1, 1))],
    ),
    "took too long": (
        observation(written(originalReason="AttemptTimeout"), state="held", since=at(1), reason="JobIsNotFinished"),
        "running",
        (),
        [("attempt_overdue", at(1))],
    ),
}


@pytest.mark.parametrize(("seen", "lane", "records", "told"), ROWS.values(), ids=ROWS)
def test_the_records_tell_every_event_of_the_retries_with_its_time(
    seen: Observation, lane: str, records: tuple[Record, ...], told: list[tuple[str, str]]
) -> None:
    legs = path_between(
        log.LIFECYCLE, standing(lane, seen, *records), log.state_of(seen), log.LIFECYCLE.evidence_of(seen), clock(50)
    )
    assert legs is not None
    assert [(leg.step.event.name, text_of(leg.step.event.at)) for leg in legs] == told
    assert all(leg.timed and not leg.inferred for leg in legs)


def test_a_result_that_was_never_written_is_a_failure_from_when_it_was_found() -> None:
    """The Job is complete, so that nothing but the record says that it counts as failed."""
    found = observation(written(originalReason="ResultNotWritten"), state="backoff_waiting", since=at(1))
    seen = found._replace(jobs=(SeenJob(job("Complete", name=NAME)),))
    start, target = standing("running", seen), log.state_of(seen)
    legs = path_between(log.LIFECYCLE, start, target, log.LIFECYCLE.evidence_of(seen), clock(50))
    assert legs is not None
    assert [(leg.step.event.name, leg.inferred) for leg in legs] == [("job_failed", False), ("failure_recorded", False)]


def test_a_wish_that_was_mended_was_complete_when_the_record_says_so() -> None:
    """Though the condition Complete may stand from an earlier run."""
    sub = {"command": START, "phase": "Complete", "conditions": [condition("Complete", at(0))]}
    status = {"commitTs": "400036290571534337", "logSubCommandStatuses": {START: sub}}
    seen = observation(written(mendedAt=at(3)), status=status)
    start, target = standing("backoff_waiting", seen, PLANNED), log.state_of(seen)
    legs = path_between(log.LIFECYCLE, start, target, log.LIFECYCLE.evidence_of(seen), clock(50))
    assert legs is not None
    assert [(leg.step.event.name, text_of(leg.step.event.at)) for leg in legs] == [("completed", at(3))]


@pytest.mark.parametrize("lane", ["backoff_waiting", "verifying", "held"])
def test_what_was_complete_before_a_failure_does_not_tell_what_came_after_it(lane: str) -> None:
    """The operator saw the task no more, and then that an error had paused it: nobody reports anything complete."""
    conditions = [
        condition("Complete", at(0)),
        condition("Failed", at(1), reason="LogBackupTaskNotFound"),
        condition("RetryFailed", at(3), reason="LogBackupErrorPaused"),
    ]
    sub = {"command": START, "phase": "RetryFailed", "conditions": conditions}
    status = {"phase": "RetryFailed", "commitTs": "400036290571534337", "logSubCommandStatuses": {START: sub}}
    seen = observation(written(detectFailedAt=at(1)), state=lane, since=at(2), status=status)
    start, target = standing(lane, seen, PLANNED), log.state_of(seen)
    assert target.configuration[-1] == "idle"
    legs = path_between(log.LIFECYCLE, start, target, log.LIFECYCLE.evidence_of(seen), clock(4))
    assert legs is not None
    (leg,) = legs
    assert (leg.step.event.name, leg.step.event.at, leg.inferred, leg.timed) == ("completed", clock(4), True, False)


def test_a_failure_that_is_known_already_is_not_told_by_the_first_record_of_its_episode() -> None:
    """The operator ran the command again by itself while its second retry waited, and that has failed too."""
    first = written(1, realRetryAt=at(2), jobUid="j-0")
    second = written(2, detectFailedAt=at(3), expectedRetryAt=at(5), jobUid="")
    seen = observation(first, second, state="backoff_waiting", since=at(3))
    known = (PLANNED._replace(real=clock(2)), PLANNED._replace(number=2, detected=clock(3), expected=clock(5)))
    start, target = standing("failed", seen, *known), log.state_of(seen)
    legs = path_between(log.LIFECYCLE, start, target, log.LIFECYCLE.evidence_of(seen), clock(4))
    assert legs is not None
    assert [(leg.step.event.name, leg.step.event.at, leg.inferred) for leg in legs] == [
        ("failure_recorded", clock(4), True)
    ]


def test_a_superseded_wish_had_changed_when_that_was_seen() -> None:
    seen = observation(written(supersededAt=at(4)), state="", spec={"logStop": True})
    before = standing("backoff_waiting", seen, PLANNED)
    legs = path_between(log.LIFECYCLE, before, log.state_of(seen), log.LIFECYCLE.evidence_of(seen), clock(50))
    assert legs is not None
    assert [(leg.step.event.name, text_of(leg.step.event.at)) for leg in legs] == [("wish_changed", at(4))]


def test_a_log_start_that_was_found_running_beside_another_wish_was_adopted() -> None:
    """Its Job did not say so."""
    sub = {"command": START, "phase": "Complete", "conditions": [condition("Complete", at(5))]}
    status = {"commitTs": "400036290571534337", "logSubCommandStatuses": {START: sub}}
    seen = observation(written(supersededAt=at(4)), status=status, spec={"logStop": True})
    before = LOG.state("not_started", "idle", context=LogContext("log-stop").with_state(START, "superseded"))
    legs = path_between(log.LIFECYCLE, before, log.state_of(seen), log.LIFECYCLE.evidence_of(seen), clock(50))
    assert legs is not None
    assert [(leg.step.event.name, text_of(leg.step.event.at)) for leg in legs] == [("task_found", at(5))]


# ------------------------------------------------------------------ a new episode


def test_a_failure_after_a_healthy_while_begins_an_episode_of_its_own() -> None:
    """The machine still knows the records of the old one, which are used up."""
    old = [written(n, realRetryAt=at(n)) for n in (1, 2)]
    new = {**record(1, at(90), at(91)), "episode": 2, "command": START, "jobUid": "j-1"}
    seen = observation(*old, new, state="backoff_waiting", since=at(90))
    before = standing("failed", seen, *(PLANNED._replace(number=n, real=clock(n)) for n in (1, 2)))
    policy = before.context.policy
    before = before._replace(context=before.context._replace(policy=policy._replace(seed="b-1/log-start/1")))
    legs = path_between(log.LIFECYCLE, before, log.state_of(seen), log.LIFECYCLE.evidence_of(seen), clock(95))
    assert legs is not None
    assert [(leg.step.event.name, text_of(leg.step.event.at)) for leg in legs] == [("failure_recorded", at(90))]
    assert [each.number for each in legs[-1].step.after.context.records] == [1]


def test_another_episode_s_policy_leaves_a_failure_that_waits_on_record() -> None:
    """It is what the state rests on."""
    seen = observation(written(), state="backoff_waiting", since=at(1))
    target = log.state_of(seen)
    for lane, kept in (("backoff_waiting", (PLANNED,)), ("failed", ())):
        before = standing(lane, seen, PLANNED)
        policy = before.context.policy._replace(seed="b-1/log-start/0")
        before = before._replace(context=before.context._replace(policy=policy))
        after = log.wished_as(before, target).context
        assert (after.policy, after.records) == (target.context.policy, kept)


def test_of_an_episode_that_goes_on_after_another_command_s_failure_what_failed_before_is_known() -> None:
    """Its next failure is the second one, whatever failed in between."""
    first = written(1, realRetryAt=at(2), jobUid="j-0")
    between = written(1, detectFailedAt=at(3), realRetryAt=at(4), command="log-resume", episode=2)
    second = written(2, detectFailedAt=at(6), expectedRetryAt=at(7))
    seen = observation(first, between, second, state="backoff_waiting", since=at(6))
    before = standing("failed", seen, PLANNED._replace(detected=clock(3), real=clock(4)))
    policy = before.context.policy._replace(seed="b-1/log-resume/2")
    before = before._replace(context=before.context._replace(policy=policy))
    legs = path_between(log.LIFECYCLE, before, log.state_of(seen), log.LIFECYCLE.evidence_of(seen), clock(50))
    assert legs is not None
    assert [(leg.step.event.name, text_of(leg.step.event.at)) for leg in legs] == [("failure_recorded", at(6))]
    assert [each.number for each in legs[-1].step.after.context.records] == [1, 2]


def test_a_wish_that_was_taken_up_unseen_has_the_policy_from_then_on() -> None:
    """No event gives a machine its policy, so a change of the wish on the way takes it from what is seen now."""
    subs = {START: "Complete", "log-pause": "Running"}
    status = {"records": [written(command="log-pause")], "state": "backoff_waiting", "since": at(1)}
    given = {POLICY_ANNOTATION: json.dumps(POLICY), STATUS_ANNOTATION: json.dumps(status)}
    more: dict[str, Any] = {"spec": {"logSubcommand": "log-pause"}, "status": {"commitTs": "1"}}
    backup = log_backup("Running", subs=subs, metadata={"annotations": given}, **more)
    seen = Observation(backup, (SeenJob(job("Failed", name="backup-demo-log-pause", ended=at(0, 50))),))
    start = LOG.state("streaming", "idle", context=LogContext(commit_ts="1").with_state(START, "complete"))
    legs = path_between(log.LIFECYCLE, start, log.state_of(seen), log.LIFECYCLE.evidence_of(seen), clock(50))
    assert legs is not None
    names = [leg.step.event.name for leg in legs]
    assert (names[0], names[-2:]) == ("wish_changed", ["job_failed", "failure_recorded"])


# ------------------------------------------------------------------ a Job that is ahead of its Backup

SECOND = job(name=NAME, uid="j-2", created=at(2, 4))


def _uids(seen: Observation) -> list[str]:
    return [each.uid for each in without_next_job(seen).jobs]


def test_a_job_that_the_backup_does_not_know_yet_is_left_out() -> None:
    """The retry has begun, its Job was made, and the Backup that says so was not read yet."""
    behind = observation(written(), state="backoff_waiting", since=at(1))
    assert _uids(behind._replace(jobs=(*behind.jobs, SeenJob(SECOND)))) == ["j-1"]
    assert _uids(behind._replace(jobs=(SeenJob(SECOND),))) == []
    unrecorded = observation()
    assert _uids(unrecorded._replace(jobs=(*unrecorded.jobs, SeenJob(SECOND)))) == ["j-1"]


def test_a_job_that_the_backup_knows_or_does_not_rule_out_is_kept() -> None:
    both = (SeenJob(job("Failed", name=NAME)), SeenJob(SECOND))
    handed_over = observation(written(realRetryAt=at(2, 4)), phase="RetryFailed")
    assert _uids(handed_over._replace(jobs=both)) == ["j-1", "j-2"]
    sub = {"command": START, "phase": "Scheduled", "conditions": [condition("Scheduled", at(2, 4))]}
    scheduled = observation(written(realRetryAt=at(2, 4)), status={"logSubCommandStatuses": {START: sub}})
    assert _uids(scheduled._replace(jobs=both)) == ["j-1", "j-2"]
    first = observation()
    assert _uids(first._replace(jobs=(SeenJob(SECOND),))) == ["j-2"]


def test_without_a_policy_every_job_counts() -> None:
    plain = Observation(log_backup("Running", subs={START: "Running"}))
    both = (SeenJob(job("Failed", name=NAME)), SeenJob(SECOND))
    assert _uids(plain._replace(jobs=both)) == ["j-1", "j-2"]
