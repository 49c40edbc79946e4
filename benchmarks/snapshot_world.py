"""The world of the checker's benchmark: N backups, one controller that works on one at a time, Jobs, pods, a clock.

It was first written for other checkers, with other numbers of backups, clock ticks, retries and crashes, so that counts
can be compared: (2, 7, 3, 1) has 969,396 states, (3, 1, 1, 0) 1,850,796, (3, 2, 1, 1) 10,020,987.
A reconcile is two steps, the side effect and the status write, so that everything else may fall between them.
The cache lags at most one write behind. `relative`: a backup knows the ticks left until its retry instead of the time
of it, and the clock needs no hand: fewer states, and time does not end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fsm.kernel import Kind, Move, Part, Property, Rule, World, always, eventually, steps

NEW, SCHEDULED, RUNNING, FAILED, WAITING = "new", "scheduled", "running", "failed", "waiting"
RETRYING, COMPLETE, EXHAUSTED = "retryFailed", "complete", "failedTerminal"
FINAL = (COMPLETE, EXHAUSTED)


class Backup(NamedTuple):
    """`due` is the time of the next retry, or the ticks until then; `cached` is the phase that the controller sees."""

    phase: str = NEW
    retries: int = 0
    due: int = 0
    cached: str = NEW

    def written(self, phase: str, **changes: int) -> Backup:
        """With a new phase, of which the cache does not know yet."""
        return self._replace(phase=phase, cached=self.phase, **changes)

    def facts(self) -> dict[str, str]:
        return {
            "phase": self.phase,
            "retryNum": str(self.retries),
            "retry at": str(self.due),
            "cached phase": self.cached,
        }


def relisted(backup: Backup) -> Backup:
    """The cache is level with the object."""
    return backup._replace(cached=backup.phase)


def sooner(backup: Backup) -> Backup:
    """One tick less to wait."""
    return backup._replace(due=max(backup.due - 1, 0))


def snapshot_world(
    backups: int = 2, clock: int = 3, retries: int = 2, crashes: int = 1, *, relative: bool = False, mutant: str = ""
) -> World:
    """The world. `mutant`: "adopts" takes a Job that is still being deleted for its own; "blind" writes a status over
    one that was not read."""
    rules = _Rules(clock, retries, relative, mutant)
    hand = {} if relative else {"clock": Part(0)}
    return World(
        name="snapshot benchmark",
        parts={
            **hand,
            "operator": Part("up"),
            "worker": Part(None, pointer=True, title="worker busy with"),
            "read": Part(None, title="phase that was read"),
            "backup": Part(Backup(), facts=Backup.facts, own=True),
            "job": Part("none", own=True),
            "pod": Part("none", own=True),
        },
        rules=(
            Rule("tick", "clock", rules.countdown if relative else rules.tick),
            Rule("crash", "operator", rules.crash, Kind.FAULT, budget="crash"),
            Rule("restart", "restart", rules.restart),
            Rule("pod", "pod", rules.pod, own=True),
            Rule("job", "job controller", rules.job, own=True),
            Rule("cache", "informer", rules.cache, own=True),
            Rule("begin", "controller", rules.begin, own=True),
            Rule("finish", "controller", rules.finish, own=True),
        ),
        maps={"relist": {"backup": relisted}, "sooner": {"backup": sooner}},
        budgets={"crash": crashes},
        components=backups,
        symmetric=True,
    )


def snapshot_properties(retries: int = 2) -> tuple[Property, ...]:
    """What is claimed of it; all of it holds without a mutant."""
    return (
        always("limit", "No more retries than allowed.", lambda view: view.backup.retries <= retries),
        always(
            "quiet",
            "No pod runs while its backup has failed or waits.",
            lambda view: view.backup.phase not in (FAILED, WAITING, EXHAUSTED),
            given=lambda view: view.pod == "running",
        ),
        always(
            "agreed",
            "Where a Job is complete, so is its backup.",
            lambda view: view.backup.phase == COMPLETE,
            given=lambda view: view.job == "complete",
        ),
        steps(
            "final",
            "A final phase is never left.",
            lambda before, _, after: before.backup.phase not in FINAL or after.backup.phase == before.backup.phase,
        ),
        eventually("ends", "Every backup comes to a final phase.", lambda view: view.backup.phase in FINAL),
    )


class _Rules:
    """Who moves, and how, for one choice of the numbers."""

    def __init__(self, clock: int, retries: int, relative: bool, mutant: str) -> None:
        self.last, self.limit, self.relative, self.mutant = clock, retries, relative, mutant

    def tick(self, view: Any) -> Iterator[Move]:
        if view.clock < self.last:
            yield Move("time passes", {"clock": view.clock + 1})

    def countdown(self, view: Any) -> Iterator[Move]:
        yield Move("time passes", applies=("sooner",))

    def crash(self, view: Any) -> Iterator[Move]:
        if view.operator == "up":
            yield Move("the operator dies", {"operator": "down", "worker": None, "read": None})

    def restart(self, view: Any) -> Iterator[Move]:
        if view.operator == "down":
            yield Move("the operator is back and lists anew", {"operator": "up"}, applies=("relist",))

    def pod(self, view: Any) -> Iterator[Move]:
        if view.pod == "none":
            if view.job == "active":
                yield Move("the pod starts", {"pod": "running"})
            return
        if view.pod != "running":
            return
        phase = view.backup.phase
        if phase in (NEW, SCHEDULED, RETRYING):
            yield Move("reports running", {"backup": view.backup.written(RUNNING)})
        if phase == RUNNING:
            yield Move("reports complete", {"backup": view.backup.written(COMPLETE)})
        if phase == COMPLETE:
            yield Move("exits 0", {"pod": "ok"})
        yield Move("is killed", {"pod": "failed"})

    def job(self, view: Any) -> Iterator[Move]:
        if view.job == "active" and view.pod in ("ok", "failed"):
            verdict = "complete" if view.pod == "ok" else "failed"
            yield Move(f"marks the Job {verdict}", {"job": verdict})
        if view.job == "deleting":
            yield Move("the old Job and its pod are gone", {"job": "none", "pod": "none"})

    def cache(self, view: Any) -> Iterator[Move]:
        if view.backup.cached != view.backup.phase:
            yield Move("the cache catches up", {"backup": relisted(view.backup)})

    def begin(self, view: Any) -> Iterator[Move]:
        if view.operator == "down" or view.worker is not None:
            return
        seen, begun = view.backup.cached, {"worker": view.index, "read": view.backup.cached}
        if seen in (NEW, RETRYING) and (view.job != "deleting" or self.mutant == "adopts"):
            job = "active" if view.job == "none" else view.job
            yield Move(f"reads {seen} and creates the Job", {**begun, "job": job})
        if seen in (SCHEDULED, RUNNING) and view.job == "failed":
            yield Move("sees the failed Job", begun)
        if seen == FAILED:
            yield Move("computes the back-off", begun)
        if seen == WAITING and view.backup.due <= (0 if self.relative else view.clock):
            job = "deleting" if view.job in ("active", "failed", "complete") else view.job
            yield Move("the back-off is over: deletes the Job", {**begun, "job": job})

    def finish(self, view: Any) -> Iterator[Move]:
        if view.operator == "down" or view.worker is None or view.worker != view.index:
            return
        done = {"worker": None, "read": None}
        if view.backup.phase != view.read and self.mutant != "blind":
            yield Move("the status write is refused: 409 Conflict", done)
            return
        written = self._written(view)
        yield Move(f"writes {written.phase}", {**done, "backup": written})

    def _written(self, view: Any) -> Backup:
        backup: Backup = view.backup
        if view.read in (NEW, RETRYING):
            return backup.written(SCHEDULED)
        if view.read in (SCHEDULED, RUNNING):
            return backup.written(FAILED)
        if view.read == WAITING:
            return backup.written(RETRYING, retries=min(backup.retries + 1, 3), due=0)
        if backup.retries >= self.limit:
            return backup.written(EXHAUSTED)
        now = 0 if self.relative else view.clock
        return backup.written(WAITING, due=min(now + (1 << backup.retries), self.last))
