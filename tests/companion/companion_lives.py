"""Random lives: the operator, none to two companions, pods, people and mishaps; then a time in which all goes well.

The world and the companions draw from streams of their own, so that the world's does not depend on how many companions
there are. Every companion's decision and every write is judged when it happens; a `Broken` says which rule, and when.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsm.adapter import Observation, PatchBackup, SeenJob, command_state_of, state_of_log
from fsm.adapter import Task as Seen
from fsm.adapter.log_retry import retries_of
from fsm.adapter.patches import patched
from fsm.companion import Decision
from fsm.environment import server
from fsm.environment.beside import Companion, with_task
from fsm.environment.server import Item
from fsm.environment.simulation import COMMIT_TS, OPERATOR, Author, Simulation, Task, Who, simulation_of
from fsm.machines import LOG, DeleteJob, RequeueAt
from fsm.model import POLICY_ANNOTATION, STATUS_ANNOTATION, Backup, Job, LogRetryRecord, LogRetryStatus
from fsm.reference import ApiError, TidbCluster
from fsm.rules import current_command, is_requeued

CLUSTER = TidbCluster("ns", "basic", tikv_image="pingcap/tikv:v8.5.0")
POLICY: dict[str, Any] = {
    "maxRetryTimes": 2,
    "minRetryDuration": "10s",
    "maxRetryDuration": "20s",
    "retryTimeout": "30m",
    "attemptTimeout": "2m",
    "resetAfter": "5m",
}
MOST_STEPS = 6
MOST_TEXT = 16_384
QUIET = 3 * 3600
"""Seconds within which everything has to be settled once nothing goes wrong any more."""


class Broken(AssertionError):
    """A rule was broken."""


@dataclass(frozen=True)
class Mishaps:
    """What may go wrong, each as a probability a move."""

    kill: float = 0.02
    lose: float = 0.005
    call: float = 0.01
    operator_dies: float = 0.003
    companion_dies: float = 0.02
    lost_effect: float = 0.02
    repeat: float = 0.1
    unseen: float = 0.1
    edit: float = 0.005
    by_hand: float = 0.005
    job_deleted: float = 0.002
    policy_edit: float = 0.0
    operator_is_quick: bool = False


PATIENT = json.dumps(POLICY | {"attemptTimeout": "24h"})
CALM = Mishaps(kill=0.2, lose=0, call=0, operator_dies=0, edit=0, by_hand=0, job_deleted=0, operator_is_quick=True)
"""Only pods die, and companions, and no pod before the operator has done all that it had to do: it makes a Job again by
itself where one has failed by the time that it comes to it (S7's other side). To be lived with the policy PATIENT: in a
random order of moves much time passes."""


def backup_of(annotations: Mapping[str, str]) -> Backup:
    """A log Backup that was just created."""
    spec = {
        "backupMode": "log",
        "br": {"cluster": "basic", "clusterNamespace": "ns"},
        "s3": {"bucket": "b", "provider": "aws", "prefix": "p"},
        "cleanPolicy": "Retain",
    }
    metadata = {"namespace": "ns", "name": "demo", "annotations": dict(annotations)}
    data = {"apiVersion": "pingcap.com/v1alpha1", "kind": "Backup", "metadata": metadata, "spec": spec}
    return Backup.from_json(data)


@dataclass
class Life:
    """One life. `policy` is the annotation's text, None for none."""

    seed: int
    policy: str | None = json.dumps(POLICY)
    copies: int = 1
    mishaps: Mishaps = Mishaps()
    commands: tuple[str, ...] = ("log-start", "log-stop", "log-pause")
    quiet: bool = False
    until: int = COMMIT_TS
    writes: list[tuple[str, Any]] = field(default_factory=list)
    created: Counter[str] = field(default_factory=Counter)
    handed_over: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    visited: set[str] = field(default_factory=set)
    looked: dict[int, tuple[str, ...]] = field(default_factory=dict)
    by_uid: dict[str, dict[tuple[int, int], LogRetryRecord]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world, self.beside = random.Random(self.seed), random.Random(self.seed + 1_000_003)
        annotations = {} if self.policy is None else {POLICY_ANNOTATION: self.policy}
        self.simulation: Simulation = simulation_of(backup_of(annotations), self._fate, self._seen, CLUSTER)
        self.companions = [Companion() for _ in range(self.copies)]
        self.done: list[tuple[Companion, Observation, tuple[Any, ...]]] = []

    # -------------------------------------------------------------- time that goes wrong, and time that does not

    def lived(self, moves: int) -> Life:
        """So many moves of the world, each with one chance for every companion."""
        for _ in range(moves):
            self._move_world()
            for companion in self.companions:
                self._move_companion(companion)
        return self

    def settled(self) -> Life:
        """Nothing goes wrong any more, and everybody is served; until all is settled, or time is up."""
        self.quiet = True
        end = self.simulation.now.seconds + QUIET
        calm = 0
        while calm < 4:
            moved = self._everybody()
            calm = 0 if moved or self._unsettled() else calm + 1
            if self.simulation.now.seconds > end:
                raise Broken(f"seed {self.seed}: after {QUIET} s it is not settled: {self._unsettled()}")
            self.simulation.wait(self.world.choice([1, 7, 31]))
        return self

    def _everybody(self) -> bool:
        """Every move but mishaps, as long as there are any in this second; then the companions look that are woken."""
        moved = False
        for _ in range(300):
            moves = self.simulation.moves()
            moves.pop("partition", None)
            faults = moves.pop("fault", [])
            ready = [move for each in moves.values() for move in each]
            ready += [move for move in faults if getattr(move, "func", None) == self.simulation.switch_off]
            if not ready:
                break
            self.simulation.make(self.world.choice(ready))
            moved = True
        for companion in self.companions:
            if not self._is_woken(companion):
                continue
            self.look(companion, True)
            self.looked[id(companion)] = self._versions()
            moved = moved or bool(companion.effects)
            while companion.effects:
                companion.perform(self.simulation)
        return moved

    def _is_woken(self, companion: Companion) -> bool:
        """By a change, or because it asked for it; nobody tells it of the task."""
        due = companion.wake is not None and self.simulation.now.seconds >= companion.wake
        return due or self.looked.get(id(companion)) != self._versions()

    def _versions(self) -> tuple[str, ...]:
        stored = self.simulation.server
        objects = (*(() if stored.backup is None else (stored.backup,)), *stored.jobs.values())
        return tuple(f"{each.metadata.uid}/{each.metadata.resource_version}" for each in objects)

    # -------------------------------------------------------------- moves

    def _chance(self, stream: random.Random, probability: float) -> bool:
        return stream.random() < probability and not self.quiet

    def _fate(self, what: str) -> bool:
        return self._chance(self.world, 0.2 if what == "informer lags" else self.mishaps.call)

    def _move_world(self) -> None:
        simulation, mishaps, rng = self.simulation, self.mishaps, self.world
        if self._chance(rng, mishaps.operator_dies):
            simulation.crash()
        if self._chance(rng, mishaps.edit) and simulation.server.backup is not None:
            self._edit(rng.choice(self.commands))
        if self._chance(rng, mishaps.by_hand):
            simulation.task = rng.choice([Task(True), Task(True, ""), Task(True, "disk full"), Task()])
        if self._chance(rng, mishaps.job_deleted) and simulation.server.jobs:
            simulation.delete_job(rng.choice(sorted(simulation.server.jobs)))
        if mishaps.policy_edit and self._chance(rng, mishaps.policy_edit):
            self._edit_policy()
        moves = simulation.moves()
        faults, losses = moves.pop("fault", []), moves.pop("partition", [])
        if faults and self._chance(rng, mishaps.kill) and not (mishaps.operator_is_quick and self._operator_is_busy()):
            simulation.make(rng.choice(faults))
        elif losses and self._chance(rng, mishaps.lose):
            simulation.make(rng.choice(losses))
        elif moves and not self._chance(rng, 0.1):
            simulation.make(rng.choice(moves[rng.choice(sorted(moves))]))
        else:
            simulation.wait(rng.choice([1, 5, 30, 70]))

    def _edit(self, command: str) -> None:
        """The user wishes this; a truncation beside what is wished already, and further than the one before.
        (Of one that is covered the operator writes without end while an error pauses the task, S16.)"""
        if command == "log-truncate":
            self.until += self.world.randrange(1, 9)
            self.simulation.edit(logTruncateUntil=str(self.until))
        else:
            self.simulation.edit(logSubcommand=command)

    def _edit_policy(self) -> None:
        """The user writes another policy."""
        backup, rng = self.simulation.server.backup, self.world
        if backup is None:
            return
        policy = POLICY | {
            "maxRetryTimes": rng.choice([1, 2, 3]),
            "suspend": rng.random() < 0.3,
            "onErrorPause": rng.choice(["Hold", "Resume"]),
            "onExhausted": rng.choice(["Hold", "Fail"]),
            "nonRetryableReasons": rng.choice([[], [], ["BackoffLimitExceeded"], ["AttemptTimeout"]]),
        }
        version = backup.metadata.resource_version
        metadata = {"resourceVersion": version, "annotations": {POLICY_ANNOTATION: json.dumps(policy)}}
        patch = PatchBackup(*backup.key, version, {"metadata": metadata})
        self.simulation.written(Author(Who.USER), server.patched(self.simulation.server, patch))

    def _operator_is_busy(self) -> bool:
        """It has something to do, or has not yet written of the Job that it made."""
        simulation, queue = self.simulation, self.simulation.operator.queue
        if simulation.threads or simulation.backup_items or simulation.job_items:
            return True
        if queue.ready or queue.again or queue.delayed or simulation.server.backup is None:
            return True
        subs = simulation.server.backup.status.log_sub_command_statuses
        sub = subs.get(current_command(simulation.server.backup))
        return sub is None or sub.phase not in ("Scheduled", "Prepare", "Running")

    def _move_companion(self, companion: Companion) -> None:
        rng, mishaps = self.beside, self.mishaps
        if self._chance(rng, mishaps.companion_dies):
            companion.crash()
        elif self._chance(rng, mishaps.repeat) and self.done:
            self._repeat()
        elif companion.effects and self._chance(rng, 0.5):
            self.perform(companion)
        elif not companion.effects and self._chance(rng, 0.3):
            self.look(companion, not self._chance(rng, mishaps.unseen))

    def look(self, companion: Companion, task_is_seen: bool) -> None:
        """It looks and decides; the decision is judged."""
        if self.simulation.server.backup is None:
            return
        decision = companion.look(self.simulation, task_is_seen)
        assert companion.sighting is not None
        self.judge(companion.sighting, decision, self.simulation.now.seconds)
        self.events.update(step.event.name for step in decision.steps)
        self.visited.update(state for step in decision.steps for state in step.after.configuration)

    def perform(self, companion: Companion) -> None:
        """One effect; it may be lost without anybody noticing."""
        if self._chance(self.beside, self.mishaps.lost_effect):
            companion.effects.pop(0)
            companion.crash()
            return
        assert companion.sighting is not None
        saved = (companion, companion.sighting, tuple(companion.effects))
        if companion.perform(self.simulation) is None:
            self.done = [*self.done[-3:], saved]

    def _repeat(self) -> None:
        """What was performed is performed once more from its beginning, by somebody who does not know it."""
        _, sighting, effects = self.beside.choice(self.done)
        other = Companion(sighting=sighting, effects=list(effects))
        before = self.simulation.server.backup
        while other.effects:
            effect = other.effects[0]
            error: ApiError | None = other.perform(self.simulation)
            if isinstance(effect, PatchBackup) and error is None:
                self._broken("an effect that was performed twice was accepted twice")
        if self.simulation.server.backup is not before:
            self._broken("an effect that was performed twice had its consequence twice")

    # -------------------------------------------------------------- rules about a decision

    def _broken(self, rule: str) -> None:
        raise Broken(f"seed {self.seed}, at {self.simulation.now.seconds}: {rule}")

    def judge(self, sighting: Observation, decision: Decision, now: int) -> None:
        """What holds of every decision."""
        effects = decision.effects
        kinds = [type(each) for each in effects]
        if kinds != sorted(kinds, key=[PatchBackup, DeleteJob, RequeueAt].index) or kinds.count(PatchBackup) > 1:
            self._broken("one patch, before everything else")
        if len(decision.steps) > MOST_STEPS:
            self._broken("a decision ends")
        patch = next((each for each in effects if isinstance(each, PatchBackup)), None)
        after = sighting
        if patch is not None:
            after = self._judge_patch(sighting, patch, decision)
        for each in effects:
            if isinstance(each, DeleteJob):
                self._judge_deletion(after, each)
        self._judge_wish(sighting, after)
        if decision.steps and not _changes_command(sighting, after):
            ended, found = decision.steps[-1].after.configuration[-1], state_of_log(after).configuration[-1]
            if patch is not None and ended != found:
                self._broken(f"what was written reads back as {found}, and the decision had ended in {ended}")

    def _judge_patch(self, sighting: Observation, patch: PatchBackup, decision: Decision) -> Observation:
        backup = sighting.backup
        if patch.body["metadata"]["resourceVersion"] != backup.metadata.resource_version:
            self._broken("a patch is of what was looked at")
        if set(patch.body) - {"metadata", "status"} or set(patch.body["metadata"]) - {"resourceVersion", "annotations"}:
            self._broken("only annotation and status are written")
        if set(patch.body["metadata"].get("annotations", ())) - {STATUS_ANNOTATION}:
            self._broken("no other annotation is written")
        after = Backup.from_json(patched(backup.to_json(), patch.body))
        names = {step.event.name for step in decision.steps}
        commands = {step.after.context.command for step in decision.steps}
        is_start = current_command(backup) == "log-start"
        resumes = is_start and sighting.task is Seen.PAUSED and (not names or "verified" in names)
        whole = (after.status.phase, after.status.conditions) != (backup.status.phase, backup.status.conditions)
        if whole and not names & {"completed", "task_found"} and not resumes:
            self._broken("the whole phase is only written by a mend")
        if names & {"completed", "task_found"} and sighting.task is Seen.UNKNOWN:
            self._broken("nothing is mended because of a task that was not seen")
        by_hand = sighting.task is Seen.PAUSED and not sighting.task_error
        if by_hand and "verified" in names and "log-start" in commands:
            self._broken("a pause by hand is not undone")
        if "verified" in names:
            self._judge_handover(sighting, next(iter(commands)))
        return sighting._replace(backup=after)

    def _judge_handover(self, sighting: Observation, command: str) -> None:
        if command != current_command(sighting.backup):
            self._broken("only the wished command is retried")
        if sighting.task is Seen.UNKNOWN and command != "log-truncate":
            self._broken("no retry without a look at the task")
        for each in sighting.jobs:
            if not (each.failed or each.succeeded):
                self._broken(f"no retry while Job {each.job.metadata.name} is at work")

    def _judge_wish(self, sighting: Observation, after: Observation) -> None:
        """Where another command is wished nothing is left that could be retried."""
        last = retries_of(after).status.last
        if last is None or not last.is_open or last.command == current_command(sighting.backup):
            return
        if command_state_of(after, last.command) not in ("complete", "repeatable"):
            self._broken("another wish ends the retry of the old one")

    def _judge_deletion(self, after: Observation, effect: DeleteJob) -> None:
        job = next((each for each in after.jobs if each.uid == effect.uid), None)
        if job is None or job.failed or job.succeeded:
            self._broken("only an unfinished Job is deleted, by its uid")
        if not any(record.job_uid == effect.uid for record in retries_of(after).status.records):
            self._broken("a Job is deleted after its failure is on record")

    # -------------------------------------------------------------- rules about what is written

    def _seen(self, item: Item, author: Author) -> None:
        if isinstance(item.object, Job):
            if item.type == "ADDED" and author.who in OPERATOR:
                self.created[item.object.metadata.name.removeprefix("backup-demo-")] += 1
            self.writes.append((f"{author.who} {item.type}", _plain(item.object.to_json())))
            if author.who is Who.COMPANION and item.object.metadata.uid not in self.by_uid:
                self._broken("only a Job whose failure is on record is deleted")
            return
        self.writes.append((f"{author.who} {item.type}", _plain(item.object.to_json())))
        if author.who is Who.COMPANION:
            self._judge_records(item.object)

    def _judge_records(self, backup: Backup) -> None:
        text = (backup.metadata.annotations or {}).get(STATUS_ANNOTATION, "")
        status = LogRetryStatus.from_json(text) if text else LogRetryStatus()
        if len(text) > MOST_TEXT or len(status.records) > 10:
            self._broken("the annotation stays small")
        for record in status.records:
            self._judge_record(backup, record)

    def _judge_record(self, backup: Backup, record: LogRetryRecord) -> None:
        """A Job fails once; what the operator says of a started log backup is no failure of the Job that started it."""
        same = self.by_uid.setdefault(record.job_uid, {})
        number = (record.episode, record.retry_num)
        known = same.get(number)
        if known is None and record.job_uid and not record.original_reason.startswith("LogBackup"):
            for other in same.values():
                closed = other.superseded_at is not None or other.mended_at is not None
                if not closed and not _was_complete_since(backup, other):
                    self._broken(f"two records for the failure of one Job: {other.to_json()}, {record.to_json()}")
        if record.real_retry_at is not None and (known is None or known.real_retry_at is None):
            self.handed_over[record.command] += 1
        same[number] = record

    def counted(self) -> Life:
        """Of a calm life: one Job a command, and one for each retry."""
        for command, jobs in self.created.items():
            retried = self.handed_over[command]
            if jobs > 1 + retried or retried > POLICY["maxRetryTimes"]:
                self._broken(f"one Job and one for each of so many retries: {jobs} of {command}, and {retried} retries")
        return self

    # -------------------------------------------------------------- is it settled?

    def _unsettled(self) -> str:
        """What has failed and is neither done, superseded, nor held with a reason; "" where there is nothing."""
        backup = self.simulation.server.backup
        if backup is None:
            return ""
        jobs = tuple(SeenJob(job) for job in self.simulation.server.jobs.values())
        sighting = with_task(Observation(backup, jobs), self.simulation.task)
        state = state_of_log(sighting)
        lane, context = LOG.leaves(state.configuration)[-1], state.context
        standing = retries_of(sighting).status
        if lane == "held" and not (standing.reason and standing.message):
            return "held without a reason"
        if lane in ("idle", "held", "exhausted", "timed_out", "invalid"):
            return ""
        return f"{context.command} is {lane}"

    @property
    def standing(self) -> LogRetryStatus:
        """What the annotation says."""
        assert self.simulation.server.backup is not None
        return retries_of(Observation(self.simulation.server.backup)).status

    def is_waiting_for_start(self) -> bool:
        """The wish needs a log-start that never was."""
        backup = self.simulation.server.backup
        return backup is not None and is_requeued(backup)


def _was_complete_since(backup: Backup, record: LogRetryRecord) -> bool:
    """What failed was good after all, and has failed again since."""
    sub = backup.status.log_sub_command_statuses.get(record.command)
    completed = [each.last_transition_time or "" for each in sub.conditions if each.type == "Complete"] if sub else []
    return any(at > (record.detect_failed_at or "") for at in completed)


def _changes_command(before: Observation, after: Observation) -> bool:
    return current_command(before.backup) != current_command(after.backup)


def _plain(data: dict[str, Any]) -> Any:
    """Without the annotations."""
    data["metadata"] = {key: value for key, value in data["metadata"].items() if key != "annotations"}
    return data


def keep_the_rules(seeds: Iterable[int], life: Callable[[int], Life]) -> None:
    """Every life keeps every rule; all seeds of those that do not are named."""
    broken = []
    for seed in seeds:
        try:
            life(seed)
        except Broken as error:
            broken.append(str(error))
    assert not broken, "\n".join(broken)
