"""Why a Backup is where it is, what comes next and when, and what each possible event would do. Pure.

Everything is asked of the chart: the sentences are its documentation, the answers its guards', the future its steps'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fsm.adapter import log
from fsm.adapter.lifecycle import Lifecycle
from fsm.adapter.log_retry import retries_of
from fsm.adapter.observation import Observation
from fsm.adapter.retry_verdict import stands_still
from fsm.adapter.verdict import DEADLINES, Verdicts, verdicts_of
from fsm.kernel import Event, Machine, MachineState, Transition, try_step
from fsm.machines import RequeueAt
from fsm.model import POLICY_ANNOTATION, STATUS_ANNOTATION, format_duration, text_of

GUARD_FIELDS: dict[str, tuple[str, ...]] = {
    "timed_out": ("spec.backoffRetryPolicy.retryTimeout", "status.backoffRetryStatus[0].detectFailedAt"),
    "exceeded": ("spec.backoffRetryPolicy.maxRetryTimes", "status.backoffRetryStatus[-1].retryNum"),
    "retry_is_due": ("status.backoffRetryStatus[-1].expectedRetryAt",),
    "job_is_gone": ("Job",),
    "newer_job": ("Job metadata.uid",),
}
"""Which fields a guard looks at; a guard that is not listed looks at the current command."""

RETRY_FIELDS: dict[str, tuple[str, str]] = {
    "is_retried": ("maxRetryTimes", ""),
    "exceeded": ("maxRetryTimes", "records[-1].retryNum"),
    "timed_out": ("retryTimeout", "records[0].detectFailedAt"),
    "retry_is_due": ("minRetryDuration", "records[-1].expectedRetryAt"),
    "has_begun": ("maxRetryTimes", "records[-1].realRetryAt"),
    "is_hopeless": ("nonRetryableReasons", "records[-1].originalReason"),
}
"""The same for the retries of a log backup: a field of the policy, and one of the present episode's records."""

COMMAND_FIELDS = ("spec.logSubcommand", "spec.logStop", "spec.logTruncateUntil", "status.phase")


class Answer(NamedTuple):
    """What a guard says now, and the fields it looked at with their values."""

    guard: str
    value: bool
    doc: str
    fields: Mapping[str, Any]


class Prospect(NamedTuple):
    """What an event would do if it came now. `taken` is the alternative that the guards choose."""

    event: str
    source: str
    target: str
    guards: tuple[str, ...]
    effects: tuple[str, ...]
    taken: bool
    doc: str


class Next(NamedTuple):
    """The next thing that time alone brings (Unix seconds)."""

    at: int
    event: str
    target: str


class Explanation(NamedTuple):
    """The answer to "what is going on with this Backup?"."""

    state: str
    docs: tuple[tuple[str, str], ...]
    since: int | None
    why: tuple[Answer, ...]
    next: Next | None
    prospects: tuple[Prospect, ...]
    verdicts: Verdicts

    def to_json(self) -> dict[str, Any]:
        """What `explain` adds to the entry of a Backup."""
        return {
            "docs": dict(self.docs),
            "why": [{**answer._asdict(), "fields": dict(answer.fields)} for answer in self.why],
            "next": None if self.next is None else {**self.next._asdict(), "at": text_of(self.next.at)},
            "events": [
                {**each._asdict(), "guards": list(each.guards), "effects": list(each.effects)}
                for each in self.prospects
            ],
        }


def explanation_of(
    lifecycle: Lifecycle,
    observation: Observation,
    state: MachineState,
    now: int,
    deadlines: Mapping[str, int] = DEADLINES,
    since: int | None = None,
) -> Explanation:
    """The explanation of an observation whose state is `state`."""
    machine = lifecycle.machine
    leaves = machine.leaves(state.configuration)
    return Explanation(
        state=leaves[0],
        docs=tuple((each, machine.info(each).doc) for each in state.configuration),
        since=since,
        why=_answers(lifecycle, state, observation, now),
        next=None
        if lifecycle is log.LIFECYCLE and stands_still(observation, leaves[-1])
        else _next(machine, state, now),
        prospects=tuple(_prospects(machine, state, now)),
        verdicts=verdicts_of(lifecycle, observation, state, now, deadlines),
    )


def _answers(lifecycle: Lifecycle, state: MachineState, observation: Observation, now: int) -> tuple[Answer, ...]:
    """The guards on every event that is declared here, each once."""
    machine = lifecycle.machine
    retried = _retried(observation, state.context.command) if lifecycle is log.LIFECYCLE else {}
    found: dict[str, bool] = {}
    for name in machine.enabled(state.configuration):
        if name != "wish_changed":  # its guards are about a command that nobody has named yet
            found |= machine.guard_values(state, Event(name, now))
    document = observation.backup.to_json()
    return tuple(
        Answer(name, value, machine.guards[name].doc, retried.get(name) or _fields(document, name))
        for name, value in found.items()
    )


def _retried(observation: Observation, command: str) -> dict[str, dict[str, Any]]:
    """By guard, what the retry policy says for the command, and what its present episode's records say."""
    retries = retries_of(observation)
    if retries.policy is None:
        return {}
    limits = retries.policy.limits_of(command)
    policy: dict[str, Any] = {"nonRetryableReasons": list(retries.policy.non_retryable_reasons)}
    if limits is not None:
        durations = {"minRetryDuration": limits.min_duration, "retryTimeout": limits.timeout}
        policy |= {"maxRetryTimes": limits.max_times, **{name: format_duration(d) for name, d in durations.items()}}
    records = [each.to_json() for each in retries.status.episode(command)]
    found: dict[str, dict[str, Any]] = {}
    for guard, (limit, path) in RETRY_FIELDS.items():
        found[guard] = {f"{POLICY_ANNOTATION}: {limit}": policy.get(limit)}
        if path:
            found[guard][f"{STATUS_ANNOTATION}: {path}"] = _at({"records": records}, path)
    return found


def _fields(document: dict[str, Any], guard: str) -> dict[str, Any]:
    paths = GUARD_FIELDS.get(guard, COMMAND_FIELDS)
    return {path: _at(document, path) for path in paths if path.startswith(("spec", "status"))}


def _at(document: Any, path: str) -> Any:
    """The value at a path such as `status.records[-1].at`, None where it leads nowhere."""
    for step in path.replace("[", ".[").split("."):
        try:
            document = document[int(step[1:-1])] if step.startswith("[") else document[step]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _next(machine: Machine, state: MachineState, now: int) -> Next | None:
    """Ask the chart when it wants to be looked at again, and what it would do then."""
    step = try_step(machine, state, Event("tick", now))
    if step is None:
        return None
    if step.after.configuration != state.configuration:
        return Next(now, "tick", _target(machine, step.transitions[0], step.after))
    for effect in step.effects:
        if isinstance(effect, RequeueAt):
            later = try_step(machine, step.after, Event("tick", effect.at))
            return (
                None if later is None else Next(effect.at, "tick", _target(machine, later.transitions[0], later.after))
            )
    return None


def _prospects(machine: Machine, state: MachineState, now: int) -> Iterator[Prospect]:
    configuration = machine.configuration(state.configuration)
    for name in machine.enabled(configuration):
        step = try_step(machine, state, Event(name, now))
        for region in machine.alternatives[configuration, name]:
            for transition in region:
                taken = step is not None and transition in step.transitions
                yield Prospect(
                    name,
                    transition.source,
                    transition.target or transition.source,
                    transition.guards,
                    transition.effects,
                    taken,
                    transition.doc,
                )


def _target(machine: Machine, transition: Transition, after: MachineState) -> str:
    if transition.target is None:
        return transition.source
    leaves = machine.leaves(after.configuration)
    return transition.target if transition.target in leaves or len(leaves) > 1 else leaves[0]
