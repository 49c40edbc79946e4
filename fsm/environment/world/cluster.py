"""Kubernetes around the Backup as rules: informers, the Job controller, the garbage collector, the pods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fsm.environment.world.held import Copy
from fsm.environment.world.operator import at_rest
from fsm.environment.world.outside import (
    CACHED_BACKUP,
    LIVE_BACKUP,
    Fate,
    cached_job_part,
    job_part,
    pod_part,
)
from fsm.environment.world.slots import ACTIVE, COMPLETE, CREATED, FAILED, NAMES, UNSCHEDULABLE, HeldJob, Lagging
from fsm.environment.world.stepping import ran
from fsm.environment.world.thread import HANDLER, POD, Thread, replaced
from fsm.kernel import Fairness, Key, Kind, Move, Rule, Value
from fsm.reference import Result


class HeldPod(Value, frozen=True):
    """A Job's pod. `ended`: "" while its program works, else how it ended. `lost`: nobody hears of its node."""

    thread: Thread | None
    ended: str = ""
    lost: bool = False


Moves = Callable[[Any], Iterator[Move]]


def cluster_rules(slots: tuple[str, ...], jobs_lag: bool = True) -> tuple[Rule, ...]:
    """The rules for these Jobs; `jobs_lag`: an informer of Jobs may lag behind."""
    rules = [
        Rule("Backup is delivered", "informer", _deliver, own=True, sentence="The informer catches up."),
        Rule(
            "informer lags",
            "fate",
            _lag,
            Kind.FAULT,
            own=True,
            budget=("faults", "lag"),
            sentence="The operator's informer is not told of the Backup's next versions until it catches up.",
        ),
    ]
    for slot in slots:
        rules.extend(_informer_rules(slot) if jobs_lag else ())
        rules.extend(_job_rules(slot))
        rules.extend(_pod_rules(slot))
    return tuple(rules)


def _deliver(view: Any) -> Iterator[Move]:
    copy: Copy | None = view[CACHED_BACKUP]
    if copy is not None and copy.lags:
        yield Move("the informer's copy catches up", {CACHED_BACKUP: None, HANDLER: replaced(view[HANDLER])})


def _lag(view: Any) -> Iterator[Move]:
    copy: Copy | None = view[CACHED_BACKUP]
    if copy is None:
        yield Move("the informer begins to lag", {CACHED_BACKUP: Copy(view[LIVE_BACKUP], True)})
    elif not copy.lags:
        yield Move("the informer begins to lag", {CACHED_BACKUP: copy._replace(lags=True)})


# ------------------------------------------------------------------ Jobs


def _informer_rules(slot: str) -> Iterator[Rule]:
    name, job, cached = NAMES[slot], job_part(slot), cached_job_part(slot)

    def deliver(view: Any) -> Iterator[Move]:
        if view[cached] is not None:
            yield Move(f"the informer's copy of Job {name} catches up", {cached: None})

    def lag(view: Any) -> Iterator[Move]:
        if view[cached] is None:
            yield Move(f"the informer begins to lag behind Job {name}", {cached: Lagging(view[job])})

    yield Rule(
        f"Job {slot} is delivered", f"informer of {slot}", deliver, own=True, sentence="The informer catches up."
    )
    yield Rule(
        f"informer lags behind Job {slot}",
        "fate",
        lag,
        Kind.FAULT,
        own=True,
        budget=("faults", "lag"),
        sentence="The operator's informer is not told of the Job's changes until it catches up.",
    )


def _job_rules(slot: str) -> Iterator[Rule]:
    name, job, pod = NAMES[slot], job_part(slot), pod_part(slot)

    def start(view: Any) -> Iterator[Move]:
        held: HeldJob | None = view[job]
        if held is not None and held.stage == CREATED and not held.deleting:
            started = HeldPod(Thread(POD, held.arguments))
            yield Move(f"the pod of Job {name} starts", {job: held._replace(stage=ACTIVE), pod: started})

    def conclude(view: Any) -> Iterator[Move]:
        held: HeldJob | None = view[job]
        if held is None or held.stage != ACTIVE:
            return
        ended: HeldPod | None = view[pod]
        if ended is not None and ended.ended:
            stage = COMPLETE if ended.ended == COMPLETE else FAILED
            yield Move(f"Job {name} is {stage}", {job: held._replace(stage=stage), pod: None})

    def collect(view: Any) -> Iterator[Move]:
        held: HeldJob | None = view[job]
        if held is None:
            return
        if not held.deleting:
            if view[LIVE_BACKUP] is None:
                yield Move(f"Job {name} is deleted, as its Backup is gone", {job: held._replace(deleting=True)})
            return
        left: HeldPod | None = view[pod]
        if left is None or not left.lost:
            yield Move(f"Job {name} and its pod are gone", {job: None, pod: None})

    yield Rule(
        f"Job {slot} starts",
        f"Job controller ({slot})",
        at_rest(start),
        own=True,
        fairness=Fairness.STRONG,
        sentence="Its pod is created and runs.",
    )
    yield Rule(
        f"Job {slot} ends",
        f"Job controller ({slot})",
        at_rest(conclude),
        own=True,
        fairness=Fairness.STRONG,
        sentence="Its pod has ended.",
    )
    yield Rule(
        f"Job {slot} goes",
        f"Job controller ({slot})",
        at_rest(collect),
        own=True,
        fairness=Fairness.STRONG,
        sentence="A deleted Job goes at last.",
    )


# ------------------------------------------------------------------ pods


def _pod_rules(slot: str) -> Iterator[Rule]:
    name, actor = NAMES[slot], f"pod ({slot})"
    pod, job = pod_part(slot), job_part(slot)

    def going_on(lost: bool, fate: Fate = Fate.WELL) -> Moves:
        def moves(view: Any) -> Iterator[Move]:
            held: HeldPod | None = view[pod]
            if held is None or held.thread is None or held.lost != lost:
                return
            step = ran(held.thread, view, fate)
            if step is None:
                return
            ended = "" if step.thread is not None else COMPLETE if step.result is Result.DONE else FAILED
            after = held._replace(thread=step.thread, ended=ended)
            end = {"": "", COMPLETE: "exits with 0", FAILED: "exits with 1"}[ended]
            words = ", ".join(filter(None, (step.what, end)))
            yield Move(f"the program of Job {name} {words}", {**step.writes, pod: after})

        return moves

    def dies(view: Any) -> Iterator[Move]:
        held: HeldPod | None = view[pod]
        if held is not None and held.thread is not None and not held.lost:
            yield Move(f"the pod of Job {name} is killed without a word", {pod: HeldPod(None, FAILED)})

    def lost(view: Any) -> Iterator[Move]:
        held: HeldPod | None = view[pod]
        if held is None or held.thread is None or held.lost:
            return
        running: HeldJob | None = view[job]
        if running is not None and running.stage == ACTIVE:
            writes: dict[Key, Any] = {pod: held._replace(lost=True), job: running._replace(stage=FAILED)}
            yield Move(f"the node of Job {name} is lost: the Job is failed, its pod stays terminating", writes)

    def unschedulable(view: Any) -> Iterator[Move]:
        held: HeldJob | None = view[job]
        if held is not None and held.stage == CREATED and not held.deleting:
            yield Move(f"no node takes the pod of Job {name}", {job: held._replace(stage=UNSCHEDULABLE)})

    def deleted(view: Any) -> Iterator[Move]:
        held: HeldJob | None = view[job]
        if held is not None and not held.deleting:
            yield Move(f"somebody deletes Job {name}", {job: held._replace(deleting=True)})

    def faulty(rule: str, moves: Moves, budget: str, sentence: str, kind: Kind = Kind.FAULT) -> Rule:
        return Rule(
            rule,
            "fate" if kind is Kind.FAULT else "user",
            moves,
            kind,
            own=True,
            budget=("faults", budget),
            sentence=sentence,
        )

    yield Rule(
        f"pod {slot} goes on",
        actor,
        at_rest(going_on(False)),
        own=True,
        fairness=Fairness.STRONG,
        sentence="Its program makes its next call.",
    )
    yield Rule(
        f"lost pod {slot} goes on",
        f"lost {actor}",
        at_rest(going_on(True)),
        fairness=Fairness.NONE,
        own=True,
        sentence="A program on a lost node works on, unheard of.",
    )
    yield Rule(
        f"pod {slot} dies",
        "fate",
        at_rest(dies),
        Kind.FAULT,
        own=True,
        budget="kill",
        sentence="Out of memory, evicted, SIGKILL: nothing is written.",
    )
    yield faulty(f"node of {slot} is lost", at_rest(lost), "node", "The Job counts as failed and can not be removed.")
    yield faulty(f"pod {slot} is unschedulable", at_rest(unschedulable), "pending", "The pod stays pending for ever.")
    yield faulty(
        f"Job {slot} is deleted by hand", at_rest(deleted), "job_deletion", "A person or a TTL deletes the Job."
    )
    yield faulty(
        f"program {slot} fails",
        at_rest(going_on(False, Fate.FAILS)),
        "program",
        "A step of the program fails, br gets a SIGTERM, or one write is refused; it can say so.",
    )
    yield faulty(
        f"program {slot} is not heard of",
        at_rest(going_on(False, Fate.UNHEARD)),
        "program",
        "A step of the program is done and reported as an error.",
    )
    yield faulty(
        f"write of {slot} is lost",
        at_rest(going_on(False, Fate.OUTAGE)),
        "write",
        "The API server is away as long as the program tries to write.",
    )
