"""Counterexamples in words: a path of states becomes a story, by taking every rule again along it; and a story is taken
again in its world, to see that it still fits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsm.check.plain import PlainView, State, Transition, places_of, transitions
from fsm.check.story import Change, Facts, Story, StoryStep, Waiting
from fsm.errors import InputError, Place
from fsm.kernel import Fairness, Kind, Property, World


@dataclass(frozen=True, slots=True)
class Leg:
    """One step of a path: to which state, and by which rule and component where that matters."""

    target: State
    rule: str | None = None
    component: int | None = None


class Teller:
    """Tells stories of one world. `fold` gives the state that stands for another one, where paths are of such."""

    def __init__(
        self, world: World, options: Mapping[str, str], fold: Callable[[State], State] = lambda state: state
    ) -> None:
        self.world, self.options, self._fold = world, dict(options), fold

    def walked(self, start: State, legs: Iterable[Leg]) -> tuple[list[State], list[Transition]]:
        """The states themselves, and the transitions between them. A fault is only taken where nothing else does."""
        states = [next(state for state in self.world.initial_states() if self._fold(state) == start)]
        taken: list[Transition] = []
        for leg in legs:
            fitting = [
                each
                for each in transitions(self.world, states[-1])
                if self._fold(each.target) == leg.target
                and leg.rule in (None, each.rule.name)
                and leg.component in (None, each.component)
            ]
            taken.append(min(fitting, key=lambda each: each.rule.kind is Kind.FAULT))
            states.append(taken[-1].target)
        return states, taken

    def story(
        self,
        claim: Property,
        states: Sequence[State],
        taken: Sequence[Transition],
        because: str,
        loop: int | None = None,
    ) -> Story:
        """The story of a path."""
        told = [facts_of(self.world, state) for state in states]
        return Story(
            world=self.world.name,
            property=claim.id,
            sentence=claim.sentence,
            form=claim.form.value,
            components=self.world.components,
            budgets=dict(self.world.budgets),
            options=self.options,
            faults=sum(each.rule.kind is Kind.FAULT for each in taken),
            steps=tuple(_step(i, each, told[i], told[i + 1]) for i, each in enumerate(taken)),
            states=tuple({label: dict(facts) for label, facts in state.items()} for state in told),
            loop=loop,
            because=because,
            end=waiting_in(self.world, states[-1:] if loop in (None, len(taken)) else states[loop:-1]),
            id=self._id(taken),
        )

    def _id(self, taken: Sequence[Transition]) -> str:
        steps = [(each.rule.name, each.component, each.what) for each in taken]
        told = repr((self.world.name, sorted(self.options.items()), sorted(self.world.budgets.items()), steps))
        return hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest()[:10]


def facts_of(world: World, state: State) -> Facts:
    """A state in words, by slot."""
    return {
        world.label(slot): world.parts[slot[0]].told(slot[0], value)
        for slot, value in zip(world.slots, state, strict=True)
    }


def changes_between(before: Facts, after: Facts) -> tuple[Change, ...]:
    """The facts that differ."""
    return tuple(
        Change(part, fact, old.get(fact, ""), new.get(fact, ""))
        for part, new in after.items()
        for old in (before.get(part, {}),)
        for fact in dict.fromkeys([*old, *new])
        if old.get(fact, "") != new.get(fact, "")
    )


def _step(i: int, taken: Transition, before: Facts, after: Facts) -> StoryStep:
    return StoryStep(
        number=i + 1,
        actor=taken.rule.actor,
        rule=taken.rule.name,
        what=taken.what,
        kind=taken.rule.kind.value,
        component=taken.component,
        note=taken.note,
        changes=changes_between(before, after),
    )


_STRENGTH = list(Fairness)


def waiting_in(world: World, states: Sequence[State]) -> tuple[Waiting, ...]:
    """For every actor the rules that can be taken in one of the states."""
    enabled: dict[tuple[str, int | None], dict[str, None]] = {}
    assumed: dict[tuple[str, int | None], Fairness] = {}
    for rule in world.rules:
        for component in range(world.components) if rule.own else (None,):
            group = (rule.actor, component)
            enabled.setdefault(group, {})
            assumed[group] = max(assumed.get(group, Fairness.NONE), rule.assumed, key=_STRENGTH.index)
    for state in states:
        for each in transitions(world, state):
            enabled[each.rule.actor, each.component][each.rule.name] = None
    return tuple(
        Waiting(actor, component, bool(rules), assumed[actor, component].value, tuple(rules))
        for (actor, component), rules in enabled.items()
    )


def view_of(world: World, state: State, component: int | None) -> PlainView:
    """A state as a component sees it."""
    return PlainView(world, places_of(world), state, component)


def replayed(world: World, story: Story) -> list[State]:
    """The states that a story goes through when it is taken again; InputError where it does not fit this world."""
    if story.world != world.name:
        raise InputError(f"the story is of the world {story.world!r}", expected=f"a story of {world.name!r}")
    fitting = [state for state in world.initial_states() if not story.states or _plain(world, state) == story.states[0]]
    if not fitting:
        raise InputError("the story begins in a state in which this world does not", place=Place(path="states[0]"))
    states = [fitting[0]]
    for i, step in enumerate(story.steps):
        states.append(_taken_again(world, states[-1], step, story.states[i + 1] if story.states else None))
    if story.loop is not None and states[story.loop] != states[-1]:
        raise InputError("the loop does not close", place=Place(path="loop"))
    return states


def _plain(world: World, state: State) -> dict[str, dict[str, str]]:
    return {label: dict(facts) for label, facts in facts_of(world, state).items()}


def _taken_again(world: World, state: State, step: StoryStep, after: Mapping[str, Mapping[str, str]] | None) -> State:
    """The state after a step; of several with the same words the one with the facts of the story."""
    possible = transitions(world, state)
    named = [
        each
        for each in possible
        if (each.rule.name, each.component, each.what) == (step.rule, step.component, step.what)
    ]
    fitting = [each for each in named if after is None or _plain(world, each.target) == after]
    if fitting:
        return fitting[0].target
    if named:
        wrong = changes_between(after or {}, facts_of(world, named[0].target))
        told = ", ".join(f"{each.part} {each.fact} {each.before!r} but {each.after!r}" for each in wrong)
        raise InputError(f"step {step.number}, {step.rule} ({step.what}), leads elsewhere: not {told}")
    could = ", ".join(f"{each.rule.name} ({each.what})" for each in possible) or "nothing"
    raise InputError(f"step {step.number}, {step.rule} ({step.what}), cannot be taken", expected=f"one of: {could}")


def named(group: tuple[str, int | None], world: World) -> str:
    """An actor in words; with one component its number is not worth saying."""
    actor, component = group
    return actor if component is None or world.components == 1 else f"{actor}[{component}]"


def listed(words: Sequence[Any]) -> str:
    """a, b and c."""
    *most, last = map(str, words) if words else ("nothing",)
    return f"{', '.join(most)} and {last}" if most else last
