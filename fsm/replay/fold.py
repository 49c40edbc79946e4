"""Folds watch items into timelines: which Backup went through what, where it is now, and what is wrong with that.

The final answer looks only at the newest state of every object, so repeated, missing and shuffled items do not change
it; only the timeline depends on the order. Memory grows with the Backups that are alive, not with the input.
"""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from heapq import merge as merged_in_order
from typing import Any, NamedTuple

from fsm.adapter.jobs import cause_of, decisive_condition, job_leaf_of, wait_of
from fsm.adapter.log_retry import attempt_of, performed_of
from fsm.adapter.observation import Observation, SeenJob
from fsm.adapter.outlook import outlook_of
from fsm.adapter.verdict import DEADLINES, Judgement, Verdict, Verdicts, job_verdict_of, verdicts_of
from fsm.errors import InputError, UsageError
from fsm.model import Backup, Job, LogBackupRetryPolicy, Pod, text_of
from fsm.replay.archive import Archive, Place
from fsm.replay.merge import observed_at
from fsm.replay.reader import Item, Problem
from fsm.replay.track import Entry, Track
from fsm.rules import purpose_of

KEEP = 1000
"""Transitions kept of each Backup."""
RECENT = 256
"""Finished Backups kept in memory, because late items follow the end."""
MOST_PROBLEMS = 10_000

Listener = Callable[[Track, Entry], None]


class Touched(NamedTuple):
    """The Backup that an item is about, if it is about one, and whether its machine has to look again."""

    track: Track | None
    news: bool = False


class Fold:
    """The state of a replay. Feed it items with `take`; ask for the answer with `backups` and `jobs` at any time."""

    def __init__(
        self,
        *,
        deadlines: Mapping[str, int] = DEADLINES,
        keep: int = KEEP,
        recent: int = RECENT,
        listener: Listener | None = None,
        archive: Archive | None = None,
        log_policy: LogBackupRetryPolicy | None = None,
    ) -> None:
        """`log_policy` is in force for a log backup without a retry policy of its own."""
        self.deadlines, self.keep, self.recent, self.listener = deadlines, keep, recent, listener
        self.archive = archive or Archive()
        self.log_policy = log_policy
        self.events = 0
        self.newest = 0
        self.problems: list[Problem] = []
        self.live: dict[str, Track] = {}
        self.resting: OrderedDict[str, Track] = OrderedDict()
        self.owners: dict[str, str] = {}
        self.stray_jobs: dict[str, tuple[int, SeenJob]] = {}
        self.stray_pods: dict[str, dict[str, tuple[Pod, tuple[str, bytes]]]] = {}
        self._count = 0
        self._disordered: set[str] = set()

    # -------------------------------------------------------------- feeding

    def take_all(self, stream: Iterable[tuple[int, Item] | Problem]) -> None:
        """Feed everything that `merged` yields."""
        with collecting_seldom():
            for each in stream:
                if isinstance(each, Problem):
                    self.note(each)
                else:
                    self.take(*each)

    def note(self, problem: Problem) -> None:
        """Remember a problem of the input."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)

    def take(self, now: int, item: Item) -> None:
        """Take one item; `now` is the newest time observed so far (Unix seconds)."""
        self.events += 1
        self.newest = max(self.newest, now)
        if item.repeat:
            return
        thing = item.lean
        if thing.kind == "Backup":
            track, news = self._take_backup(item, thing)
        elif thing.kind == "Job":
            track, news = self._take_job(item, thing)
        else:
            track, news = self._take_pod(item, thing)
        if track is not None and news:
            self._catch_up(track, item)
        if track is not None and track.finished:
            self._rest(track)

    def _catch_up(self, track: Track, item: Item) -> None:
        try:
            entries = track.catch_up(self.newest)
        except InputError as error:
            place = error.place
            message = error.problem + (f"; expected {error.expected}" if error.expected else "")
            self.note(Problem(item.file, item.line, place.path, message, "broken"))
            return
        if self.listener is not None:
            for entry in entries:
                self.listener(track, entry)

    def _take_backup(self, item: Item, backup: Backup) -> Touched:
        uid = backup.metadata.uid or "/".join(backup.key)
        track = self._track(uid, backup.key)
        version = _version(backup)
        deleted = item.type == "DELETED"
        if track.backup is not None and not self._is_news(item, uid, version, track.version, deleted, track.gone_at):
            return Touched(track)
        if track.backup is None or version >= track.version:
            track.backup, track.version, track.key = backup, version, backup.key
            track.texts[""] = (item.type, item.text)
        if deleted and track.gone_at is None:
            track.gone_at = observed_at(item) or 0
        return Touched(track, news=True)

    def _take_job(self, item: Item, job: Job) -> Touched:
        uid = job.metadata.uid or "/".join(job.key)
        owner = job.metadata.owner
        deleted_at = (observed_at(item) or 0) if item.type == "DELETED" else None
        if owner is None or owner.kind != "Backup":
            number, old = self.stray_jobs.get(uid, (self._next(), None))
            newer = self._newer_job(item, uid, old, SeenJob(job, deleted_at))
            if newer is not None:
                self.stray_jobs[uid] = (number, newer)
            return Touched(None)
        owner_uid = owner.uid or f"{job.metadata.namespace}/{owner.name}"
        track = self._track(owner_uid, (job.metadata.namespace, owner.name))
        newer = self._newer_job(item, uid, track.jobs.get(uid), SeenJob(job, deleted_at))
        if newer is None:
            return Touched(track)
        if uid not in track.jobs:
            self.owners[uid] = owner_uid
            track.numbers[uid] = self._next()
            for pod_uid, (pod, text) in self.stray_pods.pop(uid, {}).items():
                track.pods[pod_uid], track.texts[pod_uid] = pod, text
        old = track.jobs.get(uid)
        track.jobs[uid] = newer
        if newer.job is job:
            track.texts[uid] = (item.type, item.text)
        return Touched(track, news=old is None or old.standing != newer.standing)

    def _newer_job(self, item: Item, uid: str, old: SeenJob | None, new: SeenJob) -> SeenJob | None:
        """What is known of a Job after an item, None where the item says nothing new."""
        if old is None:
            return new
        known, version = _version(old.job), _version(new.job)
        if not self._is_news(item, uid, version, known, new.gone, old.deleted_at):
            return None
        deleted_at = new.deleted_at if old.deleted_at is None else old.deleted_at
        if version >= known:
            return new if deleted_at == new.deleted_at else SeenJob(new.job, deleted_at)
        return SeenJob(old.job, deleted_at)

    def _is_news(self, item: Item, uid: str, version: int, known: int, deleted: bool, gone_at: int | None) -> bool:
        """An older state is out of order and says nothing; a deletion counts whenever it comes, and for good."""
        if version < known and uid not in self._disordered:
            self._disordered.add(uid)
            message = f"{item.lean.kind} {item.lean.metadata.name} went back to an older resourceVersion"
            self.note(Problem(item.file, item.line, "metadata.resourceVersion", message, "order"))
        return (deleted and gone_at is None) or version > known or version < 0

    def _take_pod(self, item: Item, pod: Pod) -> Touched:
        owner = pod.metadata.owner
        if owner is None or owner.kind != "Job":
            return Touched(None)
        uid = pod.metadata.uid or "/".join(pod.key)
        owner_uid = self.owners.get(owner.uid) or self.archive.owner_of(owner.uid)
        if owner_uid is None:
            pods = self.stray_pods.setdefault(owner.uid, {})
            if uid not in pods or _version(pod) > _version(pods[uid][0]):
                pods[uid] = pod, (item.type, item.text)
            return Touched(None)
        track = self._track(owner_uid, ("", ""))
        old = track.pods.get(uid)
        if old is None or _version(pod) > _version(old) or _version(pod) < 0:
            track.pods[uid], track.texts[uid] = pod, (item.type, item.text)  # one that is gone still tells the cause
        return Touched(track)

    # -------------------------------------------------------------- who is in memory

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _track(self, uid: str, key: tuple[str, str]) -> Track:
        track = self.live.get(uid)
        if track is None:
            track = self.resting.pop(uid, None) or self._out_of_archive(uid) or Track(uid, key, self._next(), self.keep)
            self.live[uid] = self._under_policy(track)
        return track

    def _under_policy(self, track: Track) -> Track:
        track.log_policy = self.log_policy
        return track

    def _out_of_archive(self, uid: str) -> Track | None:
        track: Track | None = self.archive.take(uid)
        if track is not None:
            self.owners.update(dict.fromkeys(track.jobs, uid))
        return track

    def _rest(self, track: Track) -> None:
        """A finished Backup stays a while for what comes late, then it leaves memory."""
        del self.live[track.uid]
        self.resting[track.uid] = track
        while len(self.resting) > self.recent:
            uid, oldest = self.resting.popitem(last=False)
            for job in oldest.jobs:
                self.owners.pop(job, None)
            self._disordered.discard(uid)
            verdicts = self.verdicts(oldest, self.newest)
            place = Place(*oldest.key, oldest.seen)
            jobs = zip(oldest.jobs, self._jobs_of(oldest, self.newest), strict=True)
            said = ((job, where, entry) for job, (where, entry) in jobs)
            self.archive.put(uid, place, backup_entry(oldest, verdicts, self.newest), oldest, said)

    def tracks(self) -> Iterator[Track]:
        """Every Backup that was seen, in order of namespace, name, first seen."""
        here = sorted((*self.live.values(), *self.resting.values()), key=_order)
        return merged_in_order(here, map(self._under_policy, self.archive.tracks()), key=_order)

    # -------------------------------------------------------------- the answer

    def clock(self, at: int | None) -> int:
        """The time of the verdicts: `at`, or the newest observed; a time before that is a UsageError."""
        if at is None:
            return self.newest
        if at < self.newest:
            raise UsageError(f"--at {text_of(at)} lies before the newest observed time {text_of(self.newest)}")
        return at

    def verdicts(self, track: Track, now: int) -> Verdicts:
        """The verdicts on one Backup; one that the lifecycle cannot read is uncertain, and says why."""
        if track.backup is None or track.lifecycle is None or track.state is None:
            needs = (f"Backup {track.key[0]}/{track.key[1]}",)
            because = "only Jobs of this Backup were given"
            return Verdicts(Verdict(Judgement.UNCERTAIN, because, needs=needs), {})
        try:
            return verdicts_of(track.lifecycle, track.observation, track.state, now, self.deadlines)
        except InputError as error:
            needs = (f"Backup {'/'.join(track.key)}",)
            because = f"this Backup cannot be read as it is: {error}"
            return Verdicts(Verdict(Judgement.UNCERTAIN, because, needs=needs), {})

    def backups(self, now: int) -> Iterator[dict[str, Any]]:
        """One entry a Backup, as DESIGN section 7 has it."""
        here = sorted((*self.live.values(), *self.resting.values()), key=_order)
        said = ((Place(*track.key, track.seen), backup_entry(track, self.verdicts(track, now), now)) for track in here)
        return (entry for _, entry in merged_in_order(said, self.archive.backups(), key=_place))

    def jobs(self, now: int) -> Iterator[dict[str, Any]]:
        """One entry a Job uid, in order of namespace, name, first seen."""
        tracks = (*self.live.values(), *self.resting.values())
        here = [found for track in tracks for found in self._jobs_of(track, now)]
        for uid, (number, seen) in self.stray_jobs.items():
            pods = tuple(pod for pod, _ in self.stray_pods.get(uid, {}).values())
            here.append((Place(*seen.job.key, number), self._job_entry(seen, pods, None, now)))
        here.sort(key=_place)
        return (entry for _, entry in merged_in_order(here, self.archive.jobs(), key=_place))

    def _jobs_of(self, track: Track, now: int) -> Iterator[tuple[Place, dict[str, Any]]]:
        pods = tuple(track.pods.values())
        for uid, seen in track.jobs.items():
            entry = self._job_entry(seen, pods, track.key[1], now)
            yield Place(*seen.job.key, track.numbers[uid]), entry

    def _job_entry(self, seen: SeenJob, pods: tuple[Pod, ...], backup: str | None, now: int) -> dict[str, Any]:
        job = seen.job
        found, wait, purpose = decisive_condition(job), wait_of(job, pods), purpose_of(job.metadata.name, backup or "")
        reason = found[0].reason if found is not None and found[1] != "job_succeeded" else ""
        verdict = job_verdict_of(seen, pods, now, self.deadlines)
        return {
            "namespace": job.metadata.namespace,
            "name": job.metadata.name,
            "uid": job.metadata.uid,
            "backup": backup,
            "command": purpose.command if backup is not None and purpose is not None else None,
            "state": job_leaf_of(seen, pods),
            "reason": reason or (wait.reason if wait is not None else "") or None,
            "cause": cause_of(job, pods),
            **verdict_json(verdict),
        }


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Let the cyclic garbage collector rest: what is read has no cycles, and scanning it over and over takes longer
    than everything else together. The thresholds are the process's, and are put back."""
    before = gc.get_threshold()
    gc.set_threshold(max(200_000, before[0]), 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The fields of a verdict."""
    return {
        "verdict": verdict.verdict.value,
        "because": verdict.because,
        "until": None if verdict.until is None else text_of(verdict.until),
        "escape": verdict.escape,
        "needs": list(verdict.needs),
        "evidence": list(verdict.evidence),
        "trap": verdict.trap,
    }


def backup_entry(track: Track, verdicts: Verdicts, now: int) -> dict[str, Any]:
    """One Backup's part of the answer."""
    machine = track.lifecycle.machine if track.lifecycle is not None and track.state is not None else None
    state = track.state
    context = state.context if state is not None else None
    leaf = machine.leaves(state.configuration)[0] if machine is not None and state is not None else None
    commands = _commands(track, verdicts, now)
    current = commands.get(getattr(context, "command", ""))
    since = track.since.get(leaf) if leaf is not None else None
    return {
        "namespace": track.key[0],
        "name": track.key[1],
        "uid": track.uid,
        "mode": track.backup.mode if track.backup is not None else None,
        "machine": machine.name if machine is not None else None,
        "state": leaf,
        "configuration": list(state.configuration) if state is not None else [],
        "attempt": current["attempt"] if current else context.attempt if context is not None else None,
        "retries": current["retries"] if current else getattr(context, "retries", 0) if context is not None else None,
        "retry": current["retry"] if current else None,
        **verdict_json(verdicts.backup),
        "since": None if since is None else text_of(since),
        "commands": commands,
        "transitions": [entry.to_json() for entry in track.entries],
        "droppedTransitions": track.dropped,
        "unexpected": [each.to_json() for each in track.unexpected],
    }


def _commands(track: Track, verdicts: Verdicts, now: int) -> dict[str, Any]:
    if track.state is None or track.backup is None:
        return {}
    observation, context = track.observation, track.state.context
    return {
        command: _command(observation, command, context.state_of(command), verdict, now)
        for command, verdict in verdicts.commands.items()
    }


def _command(observation: Observation, command: str, state: str, verdict: Verdict, now: int) -> dict[str, Any]:
    """A command's part."""
    outlook = outlook_of(observation, command, now)
    return {
        "state": state,
        "verdict": verdict.verdict.value,
        "because": verdict.because,
        "attempt": attempt_of(observation, command, state),
        "retries": performed_of(observation.backup, command),
        "retry": None if outlook is None else outlook.to_json(),
    }


def _version(thing: Backup | Job | Pod) -> int:
    """The resourceVersion as a number; -1 where it is none, and then the later item counts."""
    text = thing.metadata.resource_version
    return int(text) if text.isdigit() else -1


def _place(found: tuple[Place, Any]) -> Place:
    return found[0]


def _order(track: Track) -> tuple[str, str, int]:
    return (*track.key, track.seen)
