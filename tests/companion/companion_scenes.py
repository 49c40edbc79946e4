"""Scenes for the companion's decision: a log Backup under a policy, its Jobs, its task, and what the decision comes to.

Times are minutes after the Backup was created, as in `things`. A scene of several looks is a sequence of observations,
each with the patch of the one before: nothing else happens in between.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from fsm.adapter import Observation, PatchBackup, SeenJob, Task, state_of_log
from fsm.adapter.log_retry import retries_of
from fsm.adapter.patches import patched
from fsm.companion import Decision, decision_of
from fsm.kernel import MachineState
from fsm.machines import LOG, DeleteJob, RequeueAt
from fsm.model import POLICY_ANNOTATION, STATUS_ANNOTATION, Backup, Job, LogRetryRecord, LogRetryStatus, Phase, Pod
from tests.things import BORN, at, clock, condition, job, log

NO_JITTER = {"jitter": 0, "maxRetryTimes": 3, "minRetryDuration": "60s"}
COMMIT_TS = "400036290571534337"
STARTED = {"commitTs": COMMIT_TS, "timeStarted": BORN, "backupPath": "s3://backups"}
COMMANDS = {
    # command: what the spec and the status say so that it is the current one
    "log-start": ({"logSubcommand": "log-start"}, {"phase": "Running"}),
    "log-stop": ({"logSubcommand": "log-stop"}, {"phase": "Running", **STARTED}),
    "log-pause": ({"logSubcommand": "log-pause"}, {"phase": "Running", **STARTED}),
    "log-resume": ({"logSubcommand": "log-start"}, {"phase": "Paused", **STARTED}),
    "log-truncate": (
        {"logSubcommand": "log-start", "logTruncateUntil": "400036290571534999"},
        {"phase": "Running", **STARTED},
    ),
}


def record(number: int = 1, command: str = "log-start", **more: Any) -> dict[str, Any]:
    """A failure at minute 1 whose retry is expected at minute 2."""
    found = {
        "retryNum": number,
        "detectFailedAt": at(1),
        "expectedRetryAt": at(2),
        "retryReason": f"Job backup-demo-{command} has failed",
        "originalReason": "BackoffLimitExceeded",
        "episode": 1,
        "command": command,
        "jobUid": "j-1",
        "cause": "",
    }
    return found | more


def notes(*records: dict[str, Any], **standing: Any) -> str:
    """The annotation of the records."""
    return json.dumps({"records": list(records), **standing})


def annotated(policy: Any = NO_JITTER, status: str = "") -> dict[str, Any]:
    """Metadata with the two annotations; a policy of None is none, a text stands as it is."""
    said = {} if policy is None else {POLICY_ANNOTATION: policy if isinstance(policy, str) else json.dumps(policy)}
    return {"annotations": {**said, **({STATUS_ANNOTATION: status} if status else {})}}


def current(
    command: str = "log-start",
    phase: str = "Running",
    *,
    policy: Any = NO_JITTER,
    notes: str = "",
    reason: str = "",
    spec: Any = (),
    status: Any = (),
    sub: Any = (),
    metadata: Any = (),
) -> Backup:
    """A log Backup whose current command is this one, in that phase since it was created."""
    wished, observed = COMMANDS[command]
    said = {"reason": reason} if reason else {}
    conditions = [condition("Scheduled"), *([condition(phase, **said)] if phase not in ("", "Repeatable") else [])]
    own = {"command": command, "phase": phase, "conditions": conditions, **dict(sub)}
    if command == "log-truncate":
        own.setdefault("logTruncatingUntil", wished["logTruncateUntil"])
    whole = {**observed, "logSubCommandStatuses": {command: own}, **dict(status)}
    if isinstance(policy, dict) and command == "log-truncate":
        policy = {"commands": {"log-start": {}, command: {"minRetryDuration": "60s"}}, **policy}
    return log(spec={**wished, **dict(spec)}, status=whole, metadata={**annotated(policy, notes), **dict(metadata)})


def job_of(command: str = "log-start", *conditions: str, **more: Any) -> Job:
    """The command's Job; made when the Backup was, unless said otherwise."""
    return job(*conditions, name=f"backup-demo-{command}", **more)


class Outcome(NamedTuple):
    """What a decision comes to. `state` is the lane that the patched Backup reads back as, `held` the reason on record,
    `patched` the keys below metadata and status that the patch touches, `wake` seconds until the next look."""

    state: str
    patched: tuple[str, ...] = ()
    held: str = ""
    deleted: tuple[str, ...] = ()
    wake: int | None = None


class Scene(NamedTuple):
    """A sighting and its decision."""

    seen: Observation
    now: int
    decision: Decision

    @property
    def patch(self) -> PatchBackup | None:
        return next((each for each in self.decision.effects if isinstance(each, PatchBackup)), None)

    @property
    def after(self) -> Observation:
        """The same sighting once the patch is written."""
        return self.seen if self.patch is None else self.seen._replace(backup=written(self.seen.backup, self.patch))

    @property
    def state(self) -> MachineState:
        """What the patched Backup reads back as."""
        return state_of_log(self.after)

    @property
    def standing(self) -> LogRetryStatus:
        return retries_of(self.after).status

    @property
    def records(self) -> tuple[LogRetryRecord, ...]:
        return self.standing.records

    @property
    def outcome(self) -> Outcome:
        effects = self.decision.effects
        return Outcome(
            lane(self.state),
            () if self.patch is None else touched(self.patch.body),
            self.standing.reason,
            tuple(each.uid for each in effects if isinstance(each, DeleteJob)),
            next((each.at - self.now for each in effects if isinstance(each, RequeueAt)), None),
        )


def look(
    backup: Backup,
    *jobs: Job | SeenJob,
    task: Task = Task.UNKNOWN,
    error: str = "",
    commit_ts: str = COMMIT_TS,
    pods: tuple[Pod, ...] = (),
    now: int = clock(5),
) -> Scene:
    """One look, and what is decided."""
    seen = tuple(each if isinstance(each, SeenJob) else SeenJob(each) for each in jobs)
    sighting = Observation(backup, seen, pods, task=task, task_error=error, task_commit_ts=commit_ts)
    return again(sighting, now)


def again(sighting: Observation, now: int) -> Scene:
    """A look at this."""
    return Scene(sighting, now, decision_of(sighting, None, now))


def written(backup: Backup, patch: PatchBackup) -> Backup:
    """The Backup as the API server has it after the patch."""
    data = patched(backup.to_json(), patch.body)
    data["metadata"]["resourceVersion"] = str(int(backup.metadata.resource_version) + 1)
    return Backup.from_json(data)


def touched(body: Any, path: str = "") -> tuple[str, ...]:
    """The keys that a patch changes; what the resourceVersion says is its precondition and no change."""
    keys: list[str] = []
    for key, value in body.items():
        here = f"{path}.{key}".lstrip(".")
        deeper = isinstance(value, dict) and not here.startswith("metadata.annotations")
        keys += touched(value, here) if deeper else [here]
    return tuple(sorted(dict.fromkeys(each for each in keys if each != "metadata.resourceVersion")))


def lane(state: MachineState) -> str:
    return LOG.leaves(state.configuration)[-1]


RECORDS = "metadata.annotations"
"""The patch touches the annotations."""


def phase_of(command: str) -> str:
    """The patch touches the phase of that command."""
    return f"status.logSubCommandStatuses.{command}.phase"


__all__ = [
    "BORN", "COMMANDS", "COMMIT_TS", "NO_JITTER", "RECORDS", "STARTED", "Outcome", "Phase", "Scene", "Task",
    "again", "annotated", "at", "clock", "condition", "current", "job_of", "look", "notes", "phase_of",
    "record", "touched", "written",
]  # fmt: skip
