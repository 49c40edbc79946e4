"""Random lives of a Backup under the reference, each watched against its chart. Mode and seed tell all of a life."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from chart_watch import Followed, Watch

from fsm.environment.divergences import Movement, divergence_of
from fsm.environment.server import Item
from fsm.environment.simulation import COMMIT_TS, Author, Pod, Simulation, Task, Who, simulation_of
from fsm.kernel import Configuration
from fsm.model import Backup, Mode, Phase
from fsm.reference import Call, TidbCluster, UpdateBackup

MODES = ("snapshot", "log", "volume-snapshot")
LONGEST, AFTERLIFE = 600, 60
"""Moves after which a life is left, and after which one that has ended is."""

CLUSTER = TidbCluster("ns", "basic", tikv_image="pingcap/tikv:v8.5.0", across_k8s=True)
S3 = {"s3": {"bucket": "b"}}
LOCAL = {"local": {"volume": {"name": "v"}, "volumeMount": {"name": "v", "mountPath": "/data"}}}

Move = Callable[[], None]
Spec = dict[str, Any]


# ------------------------------------------------------------------ what a life is like


@dataclass
class Chance:
    """How often what goes wrong, drawn once for each life: in one nothing does, in another nearly everything.

    `faults` is for calls of the API server and PD, `failures` for what programs do, `lags` for their informers;
    `weights` says how often who moves. While it is `sheltered` nothing goes wrong and nobody interferes.
    """

    rng: random.Random
    faults: float
    failures: float
    lags: float
    weights: dict[str, float]
    noted: Callable[[str], None]
    sheltered: bool = False

    def __call__(self, what: str) -> bool:
        happens = not self.sheltered and self.rng.random() < self._rate(what)
        if happens:
            self.noted(f"    {what}")
        return happens

    def weight(self, actor: str) -> float:
        """How often this actor moves."""
        return 0 if self.sheltered and actor in _INTERFERING else self.weights[actor]

    def _rate(self, what: str) -> float:
        if what == "informer lags":
            return self.lags
        return self.failures if what.startswith(_OF_PROGRAMS) else self.faults


_INTERFERING = ("fault", "partition", "crash", "edit", "delete", "delete a job", "task", "cluster")
_OF_PROGRAMS = ("br", "clean data", "hold", "read metadata", "pause GC")


def chance_of(mode: str, rng: random.Random, noted: Callable[[str], None]) -> Chance:
    """Every second life is stormy: programs die and are lost, users get in between, watches lag, and nobody deletes.
    Most log backups are sheltered until they have started: one that never does has no life."""
    pick = rng.choice
    weights = {
        "operator": pick((1, 3, 3)),
        "watch": pick((0.3, 2, 2)),
        "worker": pick((0.5, 2, 2)),
        "ticker": 1,
        "program": pick((0.2, 1, 1, 3)),
        "job controller": pick((0.05, 1, 1)),
        "fault": pick((0, 0.005, 0.02, 0.3)),
        "partition": pick((0, 0, 0.02, 0.3)),
        "wait": pick((0.1, 0.3, 1)),
        "crash": pick((0, 0, 0.005, 0.05)),
        "edit": pick((0, 0.01, 0.05, 0.2)) if mode == "snapshot" else pick((0.05, 0.1, 0.2)),
        "delete": pick((0, 0.001, 0.005, 0.02)),
        "delete a job": pick((0, 0, 0.003, 0.02)),
        "task": pick((0, 0.01, 0.1)) if mode == "log" else 0,
        "cluster": pick((0, 0, 0.003, 0.02)),
    }
    faults, failures, lags = pick((0, 0, 0.02, 0.1, 0.3)), pick((0, 0.02, 0.1, 0.4)), pick((0, 0.1, 0.5))
    if rng.random() < 0.5:
        weights |= {"fault": pick((0.02, 0.1)), "partition": pick((0.1, 0.3)), "watch": pick((0.3, 1)), "delete": 0}
        weights |= {"edit": pick((0.1, 0.3, 0.6)), "wait": 0.3, "job controller": pick((0.05, 0.3, 1))}
        weights |= {"program": pick((0.02, 0.2, 1))}
        faults, failures = pick((0, 0.1, 0.3)), pick((0, 0.02))
    return Chance(rng, faults, failures, lags, weights, noted, sheltered=mode == Mode.LOG and rng.random() < 0.6)


def spec_of(mode: str, rng: random.Random) -> Spec:
    """A spec that the schema admits; now and then one that the operator rejects."""
    storage = LOCAL if rng.random() < 0.2 else S3
    spec: Spec = {"br": {"cluster": "basic"}, **storage, "backupMode": mode}
    spec["cleanPolicy"] = rng.choice(("Retain", "Delete", "OnFailure"))
    if rng.random() < 0.02:
        spec |= {"s3": {"bucket": ""}}
    return spec | _BEGINNINGS[mode](rng)


def _policy(rng: random.Random) -> Spec:
    timeouts = ("x", "-1s", "0s") if rng.random() < 0.1 else ("30m", "2m", "10h")
    return {
        "minRetryDuration": rng.choice(("300s", "60s", "1s", "1s", "0s", "-5s", "x")),
        "maxRetryTimes": rng.choice((1, 2, 2, 3, 5, -1)),
        "retryTimeout": rng.choice(timeouts),
    }


def _snapshot_spec(rng: random.Random) -> Spec:
    return {"backoffRetryPolicy": _policy(rng)} if rng.random() < 0.8 else {}


def _log_spec(rng: random.Random) -> Spec:
    spec = {"logSubcommand": "log-start"} if rng.random() < 0.9 else {}
    return spec | ({"logTruncateUntil": str(COMMIT_TS + 5)} if rng.random() < 0.1 else {})


def _volume_spec(rng: random.Random) -> Spec:
    return {"federalVolumeBackupPhase": "initialize"}


_BEGINNINGS: dict[str, Callable[[random.Random], Spec]] = {
    "snapshot": _snapshot_spec,
    "log": _log_spec,
    "volume-snapshot": _volume_spec,
}


# ------------------------------------------------------------------ what a user does


def edit_of(backup: Backup, rng: random.Random) -> Spec:
    """An edit that the schema admits: keys by their JSON names, None removes one."""
    roll = rng.random()
    if roll < 0.2:
        return {"cleanPolicy": rng.choice(("Retain", "Delete", "OnFailure"))}
    if roll < 0.23:
        return {"s3": {"bucket": rng.choice(("b", ""))}}
    return _EDITS[backup.mode](backup, rng)


def _snapshot_edit(backup: Backup, rng: random.Random) -> Spec:
    return {"backoffRetryPolicy": _policy(rng)}


def _log_edit(backup: Backup, rng: random.Random) -> Spec:
    """`logSubcommand` and `logStop` exclude each other; resume and truncate are no words of `logSubcommand`."""
    if rng.random() < 0.3:
        return {"logTruncateUntil": rng.choice((str(COMMIT_TS + 5), str(COMMIT_TS + 9), str(COMMIT_TS + 9), "0", None))}
    wish = rng.choice(("log-start", "log-start", "log-pause", "log-pause", "log-stop", None, "logStop"))
    if wish == "logStop":
        return {"logSubcommand": None, "logStop": True}
    return {"logSubcommand": wish, "logStop": None}


def _volume_edit(backup: Backup, rng: random.Random) -> Spec:
    """The federation controller goes from initialize over execute to teardown, mostly when it is time."""
    says, step = backup.status.holds, backup.spec.federal_volume_backup_phase
    patient = rng.random() < 0.7
    if step == "initialize" and (not patient or says(Phase.VOLUME_BACKUP_INITIALIZED)):
        return {"federalVolumeBackupPhase": "execute" if rng.random() < 0.9 else "teardown"}
    if step == "execute" and rng.random() < 0.5 and (not patient or says(Phase.VOLUME_BACKUP_SNAPSHOTS_CREATED)):
        return {"resumeGcSchedule": True}
    ended = says(Phase.VOLUME_BACKUP_COMPLETE) or says(Phase.VOLUME_BACKUP_FAILED)
    return {"federalVolumeBackupPhase": "teardown"} if step == "execute" and (not patient or ended) else {}


_EDITS: dict[str, Callable[[Backup, random.Random], Spec]] = {
    Mode.SNAPSHOT: _snapshot_edit,
    Mode.LOG: _log_edit,
    Mode.VOLUME: _volume_edit,
}


def _wait(simulation: Simulation, rng: random.Random) -> None:
    simulation.wait(rng.choice((1, 1, 5, 31, 61, 301)))


def _edit(simulation: Simulation, rng: random.Random) -> None:
    if simulation.server.backup is not None:
        simulation.edit(**edit_of(simulation.server.backup, rng))


def _delete_job(simulation: Simulation, rng: random.Random) -> None:
    if simulation.server.jobs:
        simulation.delete_job(rng.choice(sorted(simulation.server.jobs)))


def _change_task(simulation: Simulation, rng: random.Random) -> None:
    """Somebody pauses or resumes the task with br, it stops for an error, or it is gone."""
    simulation.task = rng.choice((Task(True, ""), Task(True), Task(True, "an error"), Task()))


def _change_cluster(simulation: Simulation, rng: random.Random) -> None:
    simulation.change_cluster(rng.choice((CLUSTER, CLUSTER, replace(CLUSTER, ready=False), None)))


def _other_moves(simulation: Simulation, rng: random.Random) -> Iterator[tuple[str, Move]]:
    """What the simulation does not offer: people, time, and the end of a process."""
    yield "wait", partial(_wait, simulation, rng)
    yield "crash", simulation.crash
    yield "edit", partial(_edit, simulation, rng)
    yield "delete", simulation.delete
    yield "delete a job", partial(_delete_job, simulation, rng)
    yield "task", partial(_change_task, simulation, rng)
    yield "cluster", partial(_change_cluster, simulation, rng)


# ------------------------------------------------------------------ a life


Pair = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass
class Life:
    """What became of one, or of many. `rows` counts the divergences by name, `unlisted` are the movements without one,
    each with the story that led to it. `edges` counts the movements along one edge by the leaves it leads between,
    `covered` those of them that a row would explain as well; `configurations` are those of `Watch`."""

    lives: int = 1
    steps: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    unlisted: list[tuple[Movement, str]] = field(default_factory=list)
    edges: Counter[Pair] = field(default_factory=Counter)
    covered: Counter[Pair] = field(default_factory=Counter)
    configurations: Counter[Configuration] = field(default_factory=Counter)

    def __iadd__(self, other: Life) -> Life:
        self.lives += other.lives
        self.steps += other.steps
        self.rows += other.rows
        self.unlisted += other.unlisted
        self.edges += other.edges
        self.covered += other.covered
        self.configurations += other.configurations
        return self

    def note(self, followed: Followed, story: str) -> None:
        """Count a movement."""
        movement, row = followed.movement, divergence_of(followed.movement)
        if followed.path is not None:
            if len(followed.path) == 1:
                self.edges[movement.source, movement.target] += 1
                self.covered[movement.source, movement.target] += row is not None
        elif row is not None:
            self.rows[row.name] += 1
        else:
            self.unlisted.append((movement, f"{story.partition(chr(10))[0]}: {movement}\n{story}"))

    @property
    def visited(self) -> frozenset[str]:
        """The ids of the states that were active."""
        return frozenset(state for configuration in self.configurations for state in configuration)

    @property
    def swallowed(self) -> set[Pair]:
        """Where rows explain all that an edge of the chart does: nobody would miss the edge."""
        return {pair for pair, count in self.edges.items() if count >= SEVERAL and count == self.covered[pair]}


SEVERAL = 5
"""Movements along the same edge, from which on they tell something."""

TOLD = 30
"""Lines of the story that is told of an unlisted movement."""


def life_of(mode: str, seed: int) -> Life:
    """From creation until the Backup is gone, or for long enough."""
    rng = random.Random(f"{mode} {seed}")
    life, story = Life(), list[str]()
    chance = chance_of(mode, rng, story.append)

    def seen(item: Item, author: Author) -> None:
        followed = watch.see(item, author)
        story.append(_told(item, author, watch))
        if followed is not None:
            life.note(followed, "\n".join((f"mode {mode}, seed {seed}", *story[-TOLD:])))

    backup = Backup.from_json(
        {"kind": "Backup", "metadata": {"name": "b", "namespace": "ns"}, "spec": spec_of(mode, rng)}
    )
    simulation = simulation_of(backup, chance, seen, CLUSTER)
    watch = Watch(lambda: simulation.now.seconds)
    assert simulation.server.backup is not None
    watch.see(Item("ADDED", simulation.server.backup), Author(Who.USER))
    ended = 0
    while simulation.steps < LONGEST and simulation.server.backup is not None and not watch.lost and ended < AFTERLIFE:
        actor, move = _next(simulation, chance)
        story.append(f"{simulation.steps:4} {simulation.now.seconds} {actor}: {_described(simulation, move)}")
        simulation.make(move)
        chance.sheltered = chance.sheltered and simulation.server.backup.status.commit_ts == ""
        ended += watch.ended
    life.steps, life.configurations = simulation.steps, watch.configurations
    return life


def _next(simulation: Simulation, chance: Chance) -> tuple[str, Move]:
    options = [(actor, move) for actor, moves in simulation.moves().items() for move in moves]
    options += _other_moves(simulation, chance.rng)
    return chance.rng.choices(options, [chance.weight(actor) for actor, _ in options])[0]


def lives_of(mode: str, seed: int, steps: int, rows: frozenset[str] = frozenset(), most: int = 0) -> Life:
    """Whole lives, one seed after the other: that many steps, and on until these rows were met, or `most` steps."""
    total = Life(lives=0)
    while total.steps < steps or (total.steps < most and not rows <= total.rows.keys()):
        total += life_of(mode, seed + total.lives)
    return total


# ------------------------------------------------------------------ the story


def _told(item: Item, author: Author, watch: Watch) -> str:
    metadata = item.object.metadata
    place = "/".join(watch.state.configuration) if watch.state is not None else "unreadable"
    writer = f"{author.who} of {author.job}" if author.job else author.who
    late = " (late)" if author.late else ""
    phase = f", phase {item.object.status.phase or '-'}" if isinstance(item.object, Backup) else ""
    return f"    {writer}{late}: {item.type} {metadata.name}{phase}: {place}"


def _described(simulation: Simulation, move: Move) -> str:
    if not isinstance(move, partial):
        return getattr(move, "__name__", "")
    name = move.func.__name__.strip("_")
    about = move.args[0]
    if isinstance(about, Pod):
        return f"{name} {about.job} {_asked(about.invocation.next)}"
    thread = simulation.threads.get(about) if isinstance(about, str) else None
    return f"{name} {about if isinstance(about, str) else ''} {_asked(thread.next) if thread is not None else ''}"


def _asked(call: object) -> str:
    if isinstance(call, UpdateBackup):
        return f"UpdateBackup {call.backup.metadata.resource_version} phase {call.backup.status.phase or '-'}"
    return type(call).__name__ if isinstance(call, Call) else str(call)
