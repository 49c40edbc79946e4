"""A story told by the simulated cluster: one log backup under a retry policy, from log-start to log-stop, with faults.

Nothing of it is written down but what people and TiKV do, and in which order; what follows is what the reference
operator, the Job controller, the program in the pod, TiKV and the companion make of that. Pure: chance is the caller's
dice, time is the cluster's, and the same dice tell the same story.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, Protocol

from fsm.adapter import Observation, retries_of, state_of_log
from fsm.adapter import Task as Seen
from fsm.companion.looking import Finding, Look, look_of
from fsm.environment import kubelet
from fsm.environment.beside import Companion, observed
from fsm.environment.server import Item
from fsm.environment.simulation import RESYNC, TICK, Author, Pod, Task, Who, simulation_of
from fsm.errors import UsageError
from fsm.machines import LOG
from fsm.model import (
    POLICY_ANNOTATION,
    SECOND,
    Backup,
    Job,
    LogBackupRetryPolicy,
    LogCommand,
    LogRetryRecord,
    LogRetryStatus,
    Phase,
    text_of,
)
from fsm.model import Pod as PodObject
from fsm.reference import Perform, Result, TidbCluster
from fsm.rules import current_command, log_job_name

FAULTS: Mapping[str, str] = {
    "oom": "pods of the first log-start that are killed for memory, one after the other; 2 unless it is given",
    "kill": "a pod is killed without a word: out of memory, evicted, SIGKILL",
    "node": "the node of a pod is lost: its Job fails, and its program works on for a while",
    "program": "a br command fails, and the program reports it",
    "write": "the program in the pod cannot write its status",
    "job_deletion": "somebody deletes a Job that is at work",
    "crash": "the operator dies between two of its calls and starts again",
    "api": "a call of the operator fails, or is done and not heard of",
    "lag": "the operator's informers lag behind",
    "pd": "PD answers nobody for a while",
    "companion": "the companion dies, if it can between its decision and the effects",
    "lost": "a write of the companion is lost, or done and not heard of",
}
"""What may go wrong on purpose, by name; in the words of the checked world as far as that has it."""

DRAWN = tuple(name for name in FAULTS if name != "oom")
"""The faults among which chance chooses."""

NAMESPACE, NAME = "tidb-cluster", "demo-log"
"""Of the Backup."""

ERROR = "store 4: the external storage refused a write: 403 AccessDenied"
"""Why TiKV pauses the task."""

QUIET = 900
"""Seconds without a change after which nothing is expected to come by itself."""
SOON = 60
"""A companion that comes back within so many seconds only watches; one that comes back later has planned something."""
IDLE_ROUNDS = 6
"""Resyncs and ticks in a row that changed nothing, after which the next ones are taken not to either."""

MOST_MOVES = 20_000
"""Moves without a new Job after which a stage is given up."""

_STAGES = ("start", "pause", "resume", "error", "stop")
_CLUSTER = TidbCluster(NAMESPACE, "basic", tikv_image="pingcap/tikv:v8.5.2")
_WRITTEN = (Phase.SCHEDULED, Phase.PREPARE, Phase.RUNNING)
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_OPERATOR = ("operator", "watch", "worker", "ticker")
_WEIGHTS = {"program": 0.15}
"""How often who moves where several can; 1 for all others. Programs are slower than controllers."""


class Dice(Protocol):
    """Chance: a number from 0 up to, not including, 1."""

    def random(self) -> float: ...


class Act(NamedTuple):
    """What somebody did, in words, at that Unix second. `who`: user, fault, TiKV, companion, or story: a remark."""

    at: int
    who: str
    text: str


class Change(NamedTuple):
    """A watch item: what the API server told of an object at that Unix second."""

    at: int
    type: str
    object: Backup | Job | PodObject


Happening = Act | Change


@dataclass
class _Fault:
    """One fault. It strikes from `due` on (Unix seconds, None before its stage), at the first occasion."""

    name: str
    stage: str
    delay: int
    due: int | None = None


def backup_with(policy: str) -> Backup:
    """The Backup of the story; `policy` is the text of its annotation."""
    metadata = {"name": NAME, "namespace": NAMESPACE, "annotations": {POLICY_ANNOTATION: policy}}
    spec = {"backupMode": "log", "logSubcommand": "log-start", "br": {"cluster": "basic"}, "s3": {"bucket": "backups"}}
    return Backup.from_json(
        {"apiVersion": "pingcap.com/v1alpha1", "kind": "Backup", "metadata": metadata, "spec": spec}
    )


@dataclass
class LogRetryStory:
    """The story, to be heard once: iterate over `happenings`. `policy` is JSON or YAML, as in the annotation.

    `faults` are numbers by the names in FAULTS. Afterwards `unmet` counts those that found no occasion, and `reached`
    has the stages that came to what was wished. An InputError where the policy cannot be read, a UsageError where a
    fault is none.
    """

    policy: str
    dice: Dice
    faults: Mapping[str, int] = field(default_factory=dict)
    begin: int = 1_795_312_800
    companion: Companion = field(default_factory=Companion)
    unmet: Counter[str] = field(default_factory=Counter)
    reached: list[str] = field(default_factory=list)
    _last: Backup | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        LogBackupRetryPolicy.from_text(self.policy)
        unknown = sorted(self.faults.keys() - FAULTS.keys())
        if unknown:
            raise UsageError(f"there is no fault {unknown[0]!r}; there are {', '.join(FAULTS)}")
        self._out: deque[Happening] = deque()
        self._pods: dict[tuple[str, int], PodObject] = {}
        self._kills_ahead = self.faults.get("oom", 2)
        self._faults = [self._drawn_fault(name) for name in DRAWN for _ in range(self.faults.get(name, 0))]
        self._armed: Counter[str] = Counter()
        self._mover = ""
        self._until_when: dict[str, int] = {}
        self._news = True
        self._changed_at = self.begin
        self._idle = 0
        self._moves = 0
        self._attempts = 0
        self.simulation = simulation_of(
            backup_with(self.policy), self._fate, self._seen, _CLUSTER, created_at=self.begin
        )
        assert self.simulation.server.backup is not None
        self._act("user", f"creates the Backup {NAME} with spec.logSubcommand log-start and a LogBackupRetryPolicy")
        self._out.append(Change(self.begin, "ADDED", self.simulation.server.backup))

    # -------------------------------------------------------------- what can be asked while it is told

    @property
    def now(self) -> int:
        """The cluster's clock, in Unix seconds."""
        return self.simulation.now.seconds

    @property
    def leaves(self) -> tuple[str, ...]:
        """The active states of stream and lane."""
        return tuple(LOG.leaves(state_of_log(self._observation()).configuration))

    def _observation(self) -> Observation:
        backup = self.simulation.server.backup
        assert backup is not None
        return observed(self.simulation, backup)

    # -------------------------------------------------------------- the story

    def happenings(self) -> Iterator[Happening]:
        """Everything that happens, in order; it is made as it is asked for."""
        yield from self._begun("start", "log-start", self._streams)
        if "start" not in self.reached:
            without = "a Backup that says so" if self._task.exists else "a stream"
            self._remark(f"without {without} there is nothing to pause, to resume or to stop: the story ends here")
        else:
            yield from self._rest(120, 300)
            yield from self._wished("pause", "log-pause", lambda: self._task_is(paused=True, leaf="paused"))
            yield from self._rest(60, 180)
            yield from self._wished("resume", "log-start", self._streams)
            yield from self._rest(60, 180)
            yield from self._error()
            yield from self._rest(60, 180)
            yield from self._wished("stop", "log-stop", lambda: self._is_at("stopped") and not self._task.exists)
        yield from self._until(lambda: not self._until_when, most=QUIET)
        yield from self._rest(60, 61)
        self.unmet.update(fault.name for fault in self._faults)
        self.unmet.update(self._armed)
        if self._kills_ahead and "oom" in self.faults:
            self.unmet["oom"] += self._kills_ahead
        if self.unmet:
            told = ", ".join(f"{name} {count}" for name, count in sorted(self.unmet.items()))
            self._remark(f"these faults found no occasion: {told}")
        yield from self._told()

    def _wished(self, stage: str, command: str, reached: Callable[[], bool]) -> Iterator[Happening]:
        self._act("user", f"sets spec.logSubcommand to {command}")
        self.simulation.edit(logSubcommand=command)
        yield from self._begun(stage, command, reached)

    def _begun(self, stage: str, command: str, reached: Callable[[], bool]) -> Iterator[Happening]:
        """A stage, until what was wished has come, or nothing more will."""
        self._enter(stage)
        yield from self._until(reached)
        if reached():
            self.reached.append(stage)
        else:
            wake = self.companion.wake
            watched = "" if wake is None else f"; the companion goes on watching, and looks again at {text_of(wake)}"
            self._remark(
                f"{command} has not come to its end, and nothing else moves: {', '.join(self.leaves)}{watched}"
            )

    def _error(self) -> Iterator[Happening]:
        """TiKV pauses the task; the policy has it resumed, or people do that by hand."""
        self._enter("error")
        if not self._runs():
            self._remark("the task does not run, so that TiKV has nothing to pause")
            return
        self._act("TiKV", f"pauses the task because of an error ({ERROR})")
        self.simulation.task = replace(self._task, paused_by=ERROR)
        self._touch()
        yield from self._until(self._sees_the_pause)
        left = self._left_alone()
        if left is not None and not self._is_held:
            self._act("companion", f"leaves it so ({left.reason}): {left.message}")
        yield from self._until(self._streams, most=None if left is None else self._between(180, 480))
        if not self._task.exists:
            return
        if not self._runs():
            self._act("user", "has mended the cause, and resumes the task by hand: br log resume")
            self.simulation.task = Task(True)
            self._touch()
        yield from self._rest(90, 150)  # the operator remembers for a minute what it has read of the task
        yield from self._until(self._streams)
        if self._streams():
            self.reached.append("error")
        else:
            self._remark(f"the task runs, and the Backup does not say so: phase {self._phase}")

    def _sees_the_pause(self) -> bool:
        """The companion does, and has looked since the operator said so, or has said so itself."""
        seen = self.companion.sighting
        if seen is None or seen.task is not Seen.PAUSED:
            return False
        return self._is_held or self._phase == seen.backup.status.phase == Phase.RETRY_FAILED

    def _left_alone(self) -> Finding | None:
        """Why the companion does nothing about the task, None where it will, or is not asked to."""
        seen = self.companion.sighting
        policy = None if seen is None else retries_of(seen).policy
        if seen is None or policy is None or policy.suspend or not retries_of(seen).limits(LogCommand.START):
            return None
        found = look_of(seen, LogCommand.START, policy)
        return found if found.look is Look.BLOCKED else None

    @property
    def _task(self) -> Task:
        return self.simulation.task

    @property
    def _phase(self) -> str:
        backup = self.simulation.server.backup
        return str(backup.status.phase) if backup is not None else ""

    def _runs(self) -> bool:
        return self._task.exists and self._task.paused_by is None

    def _streams(self) -> bool:
        """It runs in TiKV, and the Backup says so."""
        return self._runs() and self._is_at("streaming") and self._phase != Phase.RETRY_FAILED

    @property
    def _is_held(self) -> bool:
        return self.leaves[-1] == "held"

    def _task_is(self, *, paused: bool, leaf: str) -> bool:
        return self._task.exists and (self._task.paused_by is not None) == paused and self._is_at(leaf)

    def _is_at(self, stream: str) -> bool:
        """Nobody is at work any more."""
        return not self.simulation.pods and not self.companion.effects and self.leaves == (stream, "idle")

    def _rest(self, least: int, most: int) -> Iterator[Happening]:
        yield from self._until(lambda: False, most=self._between(least, most))

    # -------------------------------------------------------------- one move after the other

    def _until(self, reached: Callable[[], bool], *, most: int | None = None) -> Iterator[Happening]:
        """Everything goes on until that is reached, for so many seconds at most; without `most` until nothing changes
        any more."""
        self._touch()
        moves, attempts = self._moves, self._attempts
        end = None if most is None else self.now + most
        yield from self._told()
        while not reached():
            if end is not None and self.now >= end:
                break
            if self._moves - moves > MOST_MOVES * (1 + self._attempts - attempts):
                self._remark("the controllers go round in circles, and are left alone")
                break
            self._moves += 1
            self._strike()
            options = list(self._options())
            if options:
                self._make(options)
            elif most is None and self._is_quiet():
                break
            else:
                self._pass_time(end)
            yield from self._told()

    def _is_quiet(self) -> bool:
        planned = self.companion.wake is not None and self.companion.wake > self.now + SOON
        return self.now >= self._changed_at + QUIET and not planned and not self._until_when

    def _told(self) -> Iterator[Happening]:
        while self._out:
            yield self._out.popleft()

    def _make(self, options: list[tuple[str, Callable[[], None]]]) -> None:
        """One of these moves, by chance."""
        self._mover, move = self._chosen(options)
        move()
        self._follow_pods()

    def _chosen(self, options: list[tuple[str, Callable[[], None]]]) -> tuple[str, Callable[[], None]]:
        weights = [_WEIGHTS.get(actor, 1.0) for actor, _ in options]
        left = self.dice.random() * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            left -= weight
            if left < 0:
                return option
        return options[-1]

    def _options(self) -> Iterator[tuple[str, Callable[[], None]]]:
        for actor, moves in self.simulation.moves().items():
            stands = actor in _OPERATOR and self._lasts("crash")
            late = actor == "watch" and self._lasts("lag") and bool(self.simulation.backup_items)
            if actor in ("fault", "partition", "program") or stands or late:
                continue
            for move in moves:
                yield actor, self._in_its_time(actor, move)
        for pod in self.simulation.pods.values():
            if pod.ended is None:
                yield "program", partial(self._work, pod)
        if not self._lasts("companion"):
            if self.companion.effects:
                yield "companion", self._perform
            elif self._news or (self.companion.wake is not None and self.companion.wake <= self.now):
                yield "companion", self._look

    def _in_its_time(self, actor: str, move: Callable[[], None]) -> Callable[[], None]:
        def made() -> None:
            if actor == "job controller":
                self.simulation.wait(self._between(0, 4))
            self.simulation.make(move)

        return made

    def _pass_time(self, end: int | None) -> None:
        """Until the next time that anybody waits for."""
        times = [self._changed_at + QUIET, self.companion.wake, end, *self._until_when.values()]
        times += [fault.due for fault in self._faults]
        times += [-(-due.nanoseconds // SECOND) for due in self.simulation.operator.queue.delayed.values()]
        beats: list[int] = []
        if not self._lasts("crash") and self._idle < IDLE_ROUNDS:
            beats.append(-(-self.simulation.resynced.plus(RESYNC).nanoseconds // SECOND))
            if self.simulation.operator.tracked:
                beats.append(-(-self.simulation.ticked.plus(TICK).nanoseconds // SECOND))
        later = [time for time in (*times, *beats) if time is not None and time > self.now]
        due = min(later, default=self.now + SOON)
        self._idle += due in beats
        self.simulation.wait(due - self.now)
        for name in [name for name, until in self._until_when.items() if until <= self.now]:
            self._over(name)

    # -------------------------------------------------------------- who moves

    def _work(self, pod: Pod) -> None:
        """The next step of a program; br takes its time, and the first ones run out of memory."""
        call = pod.invocation.next
        if isinstance(call, Perform) and call.step.startswith("br "):
            self.simulation.wait(self._between(3, 25))
            mine = pod.job == log_job_name(NAME, LogCommand.START)
            if self._kills_ahead and mine and not pod.lost and "start" not in self.reached:
                self._kills_ahead -= 1
                self._kill(pod, "OOMKilled")
                return
        else:
            self.simulation.wait(self._between(0, 2))
        self.simulation.work(pod)

    def _look(self) -> None:
        self._news = False
        self.simulation.wait(self._between(0, 2))
        self.companion.look(self.simulation, not self._lasts("pd"))
        if self.companion.effects and self._spend("companion"):
            self._die_between()

    def _perform(self) -> None:
        if self._spend("lost"):
            if self.dice.random() < 0.5:
                self._act("fault", "a write of the companion is lost on its way")
            else:
                refused = self.companion.perform(self.simulation) is not None
                self._act("fault", f"the companion does not hear that its write was {'refused' if refused else 'done'}")
            self.companion.crash()
            self._news = True
            return
        if self.companion.perform(self.simulation) is not None:
            self._news = True

    def _fate(self, what: str) -> bool:
        """Whether something goes wrong now that could."""
        if what == "informer lags":
            return False
        if what in ("get info fails", "get pause fails"):
            return self._lasts("pd")
        if what.startswith("br ") and what.endswith(" fails"):
            return self._lasts("pd") or (self._spend("program") and self._said(f"{what.removesuffix(' fails')} fails"))
        if what.startswith(("UpdateBackup", "CreateJob", "DeleteJob")):
            if self._mover == "program":
                return what.endswith(" fails") and self._spend("write") and self._said("the program cannot write")
            unheard = what.endswith("is not heard of")
            if self._armed["api"] and self._mover == "operator" and (unheard or self.dice.random() < 0.5):
                self._spend("api")
                return self._said(f"a call of the operator {_failing(what)}")
        return False

    def _said(self, text: str) -> bool:
        self._act("fault", text)
        return True

    # -------------------------------------------------------------- faults

    def _drawn_fault(self, name: str) -> _Fault:
        stage = _STAGES[self._between(0, len(_STAGES))]
        return _Fault(name, stage, self._between(0, 30))

    def _enter(self, stage: str) -> None:
        for fault in self._faults:
            if fault.stage == stage:
                fault.due = self.now + fault.delay

    def _strike(self) -> None:
        """Every fault that is due strikes, if there is an occasion."""
        for fault in [each for each in self._faults if each.due is not None and each.due <= self.now]:
            if _STRIKES[fault.name](self):
                self._faults.remove(fault)

    def _at_work(self) -> list[Pod]:
        """Pods that may still come to any end, and of whose Job the operator has written."""
        return [pod for pod in self.simulation.pods.values() if self._is_at_work(pod)]

    def _is_at_work(self, pod: Pod) -> bool:
        backup, job = self.simulation.server.backup, self.simulation.server.jobs.get(pod.job)
        if backup is None or job is None or job.metadata.uid != pod.uid or pod.ended is not None or pod.lost:
            return False
        subs = backup.status.log_sub_command_statuses.items()
        written = any(log_job_name(NAME, name) == pod.job and sub.phase in _WRITTEN for name, sub in subs)
        return written and job.metadata.deletion_timestamp is None

    def _kill_some(self) -> bool:
        pods = self._at_work()
        if pods:
            reasons = ("OOMKilled", "Evicted", "Error")
            self._kill(self._one_of(pods), reasons[self._between(0, len(reasons))])
        return bool(pods)

    def _kill(self, pod: Pod, reason: str) -> None:
        shown = self._pods[pod.uid, pod.failures]
        if reason == "Evicted":
            shown = kubelet.disrupted(shown, reason, self.now)
        else:
            shown = kubelet.ended(shown, kubelet.KILLED, reason, self.now)
        self._act("fault", f"the pod of {pod.job} is killed without a word: {reason}")
        self._show(pod, shown)
        self.simulation.kill(pod)

    def _lose_one(self) -> bool:
        pods = self._at_work()
        if pods and not self._lasts("node"):
            pod = self._one_of(pods)
            self._act("fault", f"the node of {pod.job}'s pod is lost; its program works on unseen")
            self._show(pod, kubelet.disrupted(self._pods[pod.uid, pod.failures], "NodeLost", self.now))
            self.simulation.lose(pod)
            self._until_when["node"] = self.now + self._between(30, 240)
            return True
        return False

    def _delete_one(self) -> bool:
        pods = self._at_work()
        if pods:
            pod = self._one_of(pods)
            self._act("fault", f"somebody deletes Job {pod.job}")
            self.simulation.delete_job(pod.job)
        return bool(pods)

    def _crash_operator(self) -> bool:
        if self._lasts("crash") or not self.simulation.threads:
            return False
        call = type(next(iter(self.simulation.threads.values())).next).__name__
        down = self._between(5, 90)
        self._act("fault", f"the operator crashes before its call {call}, and starts again after {down} s")
        self.simulation.crash()
        self._until_when["crash"] = self.now + down
        return True

    def _lag(self) -> bool:
        return self._stretch("lag", 20, 120, "the operator's informers lag behind for {} s")

    def _pd_outage(self) -> bool:
        return self._stretch("pd", 30, 180, "PD answers nobody for {} s")

    def _stretch(self, name: str, least: int, most: int, text: str) -> bool:
        if self._lasts(name):
            return False
        lasts = self._between(least, most)
        self._act("fault", text.format(lasts))
        self._until_when[name] = self.now + lasts
        return True

    def _die_between(self) -> None:
        down = self._between(5, 120)
        self._act("fault", f"the companion dies before it has done what it decided, and starts again after {down} s")
        self.companion.crash()
        self._until_when["companion"] = self.now + down

    def _arm(self, name: str) -> bool:
        self._armed[name] += 1
        return True

    def _spend(self, name: str) -> bool:
        if not self._armed[name]:
            return False
        self._armed[name] -= 1
        self._armed += Counter()
        return True

    def _lasts(self, name: str) -> bool:
        return self._until_when.get(name, 0) > self.now

    def _over(self, name: str) -> None:
        """A stretch of trouble has ended."""
        del self._until_when[name]
        self._idle = 0
        if name == "node":
            for pod in [pod for pod in self.simulation.pods.values() if pod.lost]:
                self._act("fault", f"the lost node of {pod.job}'s pod is switched off")
                self.simulation.switch_off(pod)
        if name == "companion":
            self._news = True

    # -------------------------------------------------------------- what is seen

    def _seen(self, item: Item, author: Author) -> None:
        self._news, self._idle = True, 0
        if not isinstance(item.object, Backup) or self._last is None or _is_news(self._last, item.object):
            self._changed_at = self.now
        if author.who is Who.COMPANION:
            for text in self._done_by_companion(item):
                self._act("companion", text)
        self._attempts += isinstance(item.object, Job) and item.type == "ADDED"
        self._last = item.object if isinstance(item.object, Backup) else self._last
        self._out.append(Change(self.now, item.type, item.object))

    def _touch(self) -> None:
        """Something has changed, or people are about to do something."""
        self._news, self._idle, self._changed_at = True, 0, self.now

    def _done_by_companion(self, item: Item) -> Iterator[str]:
        """What one write of the companion says, in words."""
        if isinstance(item.object, Job):
            yield f"deletes Job {item.object.metadata.name}, which is not finished, in the foreground"
            return
        assert self._last is not None
        assert self.companion.sighting is not None
        yield from _told_by(self._last, item.object, self.companion.sighting.task)

    def _follow_pods(self) -> None:
        """The pods' objects as the kubelet has them now."""
        alive = set()
        for pod in self.simulation.pods.values():
            key = pod.uid, pod.failures
            alive.add(key)
            job = self.simulation.server.jobs.get(pod.job)
            if key not in self._pods and job is not None:
                name = pod.job + "-" + "".join(_LETTERS[self._between(0, len(_LETTERS))] for _ in range(5))
                uid = f"00000000-0000-4000-9000-{len(self._pods) + 1:012d}"
                self._show(pod, kubelet.pod_of(job, name, uid, self.now), "ADDED")
            shown = self._pods[key]
            if pod.ended is not None and not pod.lost and shown.status.phase == "Running":
                code = 0 if pod.ended is Result.DONE else 1
                self._show(pod, kubelet.ended(shown, code, "Error" if code else "Completed", self.now))
        jobs = {job.metadata.uid for job in self.simulation.server.jobs.values()}
        for key, shown in self._pods.items():
            if key not in alive and key[0] not in jobs and shown.metadata.uid in self.companion.pods:
                del self.companion.pods[shown.metadata.uid]
                self._out.append(Change(self.now, "DELETED", shown))

    def _show(self, pod: Pod, shown: PodObject, type_: str = "MODIFIED") -> None:
        server = self.simulation.server
        self.simulation.server = replace(server, version=server.version + 1)
        shown = shown.with_(metadata=shown.metadata.with_(resource_version=str(server.version + 1)))
        self._pods[pod.uid, pod.failures] = self.companion.pods[shown.metadata.uid] = shown
        self._touch()
        self._out.append(Change(self.now, type_, shown))

    def _act(self, who: str, text: str) -> None:
        self._out.append(Act(self.now, who, text))

    def _remark(self, text: str) -> None:
        self._act("story", text)

    # -------------------------------------------------------------- chance

    def _between(self, least: int, beyond: int) -> int:
        return least + int(self.dice.random() * (beyond - least))

    def _one_of(self, pods: list[Pod]) -> Pod:
        return pods[self._between(0, len(pods))]


def _failing(what: str) -> str:
    """A call that fails, or is not heard of, in words."""
    call = what.removesuffix(" is not heard of")
    return f"fails: {call.removesuffix(' fails')}" if call == what else f"is done, and it does not hear of that: {call}"


def _armed(name: str) -> Callable[[LogRetryStory], bool]:
    return lambda story: story._arm(name)


_STRIKES: Mapping[str, Callable[[LogRetryStory], bool]] = {
    "kill": LogRetryStory._kill_some,
    "node": LogRetryStory._lose_one,
    "job_deletion": LogRetryStory._delete_one,
    "crash": LogRetryStory._crash_operator,
    "lag": LogRetryStory._lag,
    "pd": LogRetryStory._pd_outage,
    **{name: _armed(name) for name in ("program", "write", "api", "companion", "lost")},
}


def _is_news(before: Backup, after: Backup) -> bool:
    """More has changed than when the operator looked last, which it writes for ever about a task in trouble (S9)."""
    return _standing(before) != _standing(after)


def _standing(backup: Backup) -> tuple[object, ...]:
    status = backup.status
    subs = {name: (sub.phase, sub.time_completed) for name, sub in status.log_sub_command_statuses.items()}
    return status.phase, subs, status.commit_ts, backup.spec, backup.metadata.annotations


# ------------------------------------------------------------------ the companion's writes in words


def _told_by(old: Backup, new: Backup, task: Seen) -> Iterator[str]:
    """What one write has changed; `task` is what the companion saw of it before."""
    told = list(_told_by_records(old, new, task))
    yield from told
    if not told and old.status != new.status:
        yield _told_by_status(old, new, task)


def _records_of(backup: Backup) -> LogRetryStatus:
    return retries_of(Observation(backup)).status


def _told_by_status(old: Backup, new: Backup, task: Seen) -> str:
    """Nothing has come to the records: it is said again, because a late word had hidden it, or is none of them."""
    status, last = _records_of(new), _records_of(new).last
    if last is not None and status.state and last.command == current_command(old):
        if status.state in ("exhausted", "timed_out"):
            return f"writes once more that {last.command} has failed; a late word had hidden that"
        if last.real_retry_at:
            again = f"tells the operator once more {_handed_over(last, new)}"
            return f"looks at the task ({task}): {again}; a late word of the failed attempt had hidden that"
    return f"writes what the task shows: phase {new.status.phase}"


def _handed_over(record: LogRetryRecord, new: Backup) -> str:
    resumed = record.command == LogCommand.START and new.status.phase == Phase.PAUSED
    told = "that the log backup is paused, to resume it" if resumed else f"to run {record.command} again"
    return f"{told}, retry {record.retry_num}"


def _told_by_records(old: Backup, new: Backup, task: Seen) -> Iterator[str]:
    """What has come to the records, and where the last one stands now."""
    before, after = _records_of(old), _records_of(new)
    last = after.last
    if last is None:
        return
    was = before.last
    if was is None or (was.episode, was.retry_num) != (last.episode, last.retry_num):
        was = None
        yield _told_of_failure(last, after.state)
    if last.real_retry_at and not (was is not None and was.real_retry_at):
        yield f"looks at the task ({task}): tells the operator {_handed_over(last, new)}"
    if last.mended_at and not (was is not None and was.mended_at):
        yield f"looks at the task ({task}): {last.command} is done, and the Backup is mended to say so"
    superseded = {(each.episode, each.retry_num) for each in before.records if each.superseded_at}
    for each in after.records:
        if each.superseded_at and (each.episode, each.retry_num) not in superseded:
            yield f"takes back what was planned for {each.command}: another command is wished"
    if was is None or (after.state, after.reason) != (before.state, before.reason):
        yield from _told_of_state(last, after, task, known=was is not None)


def _told_of_failure(record: LogRetryRecord, state: str) -> str:
    reasons = dict.fromkeys((record.original_reason, record.cause))
    said = f"records that {record.command} failed ({', '.join(filter(None, reasons))})"
    planned = state in ("backoff_waiting", "held", "verifying")
    return f"{said}; retry {record.retry_num} is due at {record.expected_retry_at}" if planned else said


def _told_of_state(record: LogRetryRecord, after: LogRetryStatus, task: Seen, *, known: bool) -> Iterator[str]:
    """`known`: the failure was on record before."""
    if after.state == "held":
        yield f"holds {record.command} ({after.reason}): {after.message}"
    elif after.state in ("exhausted", "timed_out"):
        limit = "maxRetryTimes is used up" if after.state == "exhausted" else "retryTimeout has passed"
        yield f"retries {record.command} no more: {limit}"
    elif after.state == "backoff_waiting" and known:
        yield f"goes on with {record.command}: retry {record.retry_num} is due at {record.expected_retry_at}"
    elif after.state == "verifying":
        due = f"retry {record.retry_num} of {record.command} is due"
        yield f"looks at the task ({task}), as {due}: nothing follows from that yet"
