"""Our own decision in the operator's place, as rules: look, decide, and perform the effects one by one.

The Backup may be read from a lagging informer, because a patch is refused where it is not the latest; the Job is read
from the API server, and after the Backup, as the decision asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from fsm.adapter import Effect, Observation, PatchBackup, SeenJob, effects_of
from fsm.adapter.patches import job_manifest
from fsm.environment.world.held import NOW, Held, backup_of
from fsm.environment.world.operator import CRASH, SLOW, Moves, slowness
from fsm.environment.world.outside import LIVE_BACKUP, Fate, Look, job_part, patched_live, spread
from fsm.environment.world.slots import BACKUP, CREATED, NAMES, HeldJob, job_of
from fsm.environment.world.thread import WORKER, Shell, Thread, overtaken
from fsm.environment.world.words import change_in_words
from fsm.kernel import Key, Kind, Move, Rule
from fsm.machines import CreateJob, DeleteJob, RequeueAt


def our_rules() -> tuple[Rule, ...]:
    """The shell around the decision: it looks at any time, as after a watch item or when a timer is over."""
    fates = {
        Fate.FAILS: ("effect fails", "A request of it is refused by an error of the API server."),
        Fate.UNHEARD: ("effect is not heard of", "A request is performed, but it is told that it failed."),
    }
    faults = (
        Rule(f"shell: {name}", "fate", _performing(fate), Kind.FAULT, own=True, budget=("faults", "api"), sentence=text)
        for fate, (name, text) in fates.items()
    )
    return (
        Rule("shell decides", WORKER, _decide, own=True, sentence="It looks at Backup and Job, and decides."),
        Rule("shell performs", WORKER, _performing(Fate.WELL), own=True, sentence="It performs the next effect."),
        *faults,
        CRASH,
        slowness(),
    )


def shell_facts(shell: Shell | None) -> Mapping[str, str]:
    """What is left to be performed, in words."""
    if shell is None:
        return {"does": "nothing"}
    left = _effects(shell.backup, shell.job)[shell.performed :]
    return {"does": "will " + ", then ".join(map(_words, left))}


def _decide(view: Any) -> Iterator[Move]:
    if view[WORKER] is not None:
        return
    backup = Look(view, Thread(WORKER)).cached_backup()
    if backup is None:
        return
    shell = Shell(backup, view[job_part(BACKUP)])
    effects = _effects(shell.backup, shell.job)
    if effects:
        told = ", then ".join(map(_words, effects))
        yield Move(f"our decision is to {told}", {WORKER: shell})


@lru_cache(maxsize=1 << 16)
def _effects(held: Held, job: HeldJob | None) -> tuple[Effect, ...]:
    """Times apart, a decision depends on nothing else; to come back later needs no effect where one always may look."""
    found = () if job is None else (SeenJob(job_of(BACKUP, job)),)  # type: ignore[arg-type]
    effects = effects_of(Observation(backup_of(held), found), None, NOW)
    return tuple(effect for effect in effects if not isinstance(effect, RequeueAt))


def _words(effect: Effect) -> str:
    match effect:
        case PatchBackup():
            return "patch the Backup"
        case CreateJob(attempt=attempt):
            return f"create the Job of attempt {attempt}"
        case DeleteJob():
            return "delete the Job"
    return type(effect).__name__


def _performing(fate: Fate) -> Moves:
    def moves(view: Any) -> Iterator[Move]:
        shell: Shell | None = view[WORKER]
        if shell is None:
            return
        effects = _effects(shell.backup, shell.job)
        effect = effects[shell.performed]
        told, writes, done = (
            (f"to {_words(effect)} fails", {}, False)
            if fate is Fate.FAILS
            else _PERFORM[type(effect)](effect, shell, view)
        )
        if fate is Fate.UNHEARD:
            told, done = f"{told}, and is told that it failed", False
        left = shell._replace(performed=shell.performed + 1)
        after = left if done and left.performed < len(effects) else None
        if LIVE_BACKUP in writes:
            after, writes = None if after is None else overtaken(after), {**spread(view, WORKER), **writes}
        if after is None and view[SLOW]:
            writes = {**writes, SLOW: False}
        yield Move(f"the shell: {told}", {**writes, WORKER: after})

    return moves


Performed = tuple[str, dict[Key, Any], bool]


def _patch(effect: PatchBackup, shell: Shell, view: Any) -> Performed:
    live: Held | None = view[LIVE_BACKUP]
    if live is None or not shell.backup.current:
        return "the patch is refused, the Backup is another one by now", {}, False
    after = patched_live(live, effect)
    return f"writes {change_in_words(live, after)}", {LIVE_BACKUP: after}, True


def _create(effect: CreateJob, shell: Shell, view: Any) -> Performed:
    if view[job_part(BACKUP)] is not None:
        return f"Job {NAMES[BACKUP]} is not created, it exists", {}, False
    manifest = job_manifest(backup_of(shell.backup), effect)
    arguments = tuple(manifest["spec"]["template"]["spec"]["containers"][0]["args"])
    return f"creates Job {NAMES[BACKUP]}", {job_part(BACKUP): HeldJob(CREATED, arguments, attempt=effect.attempt)}, True


def _delete(effect: DeleteJob, shell: Shell, view: Any) -> Performed:
    job: HeldJob | None = view[job_part(BACKUP)]
    if job is None or job_uid(job) != effect.uid:
        return f"Job {NAMES[BACKUP]} is gone already", {}, True
    return f"deletes Job {NAMES[BACKUP]}", {job_part(BACKUP): job._replace(deleting=True)}, True


def job_uid(job: HeldJob) -> str:
    """The uid of the Job that stands for what is held."""
    found = job_of(BACKUP, job)
    return "" if found is None else found.metadata.uid


_PERFORM: dict[type, Callable[[Any, Shell, Any], Performed]] = {
    PatchBackup: _patch,
    CreateJob: _create,
    DeleteJob: _delete,
}
