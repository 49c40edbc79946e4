"""A small world as a Promela model, for SPIN to judge what our engine says of it.

Every rule is a set of options `d_step { guard -> assignments }`, one for each distinct move, whose guard is what the
rule was seen to read. SPIN finds the reachable states by itself: where it meets a reading that the export has not seen,
an assertion fails, so a state that was forgotten here cannot be forgotten there in silence.

What SPIN counts is what we count, but for two things that are known exactly:
* it counts the coming into being of the first state as one more transition;
* a world with several initial states gets one state more, in which nothing has been decided, and from it a
  transition to each of them.
Moves that change nothing, and moves of one rule with the same words and the same target, are left out by the guards, as
they are no transitions of ours. Two of SPIN's economies must be off: partial order reduction (`-DNOREDUCE`), which
leaves states out, and the hiding of variables that no condition reads (`spin -a -o2`), which takes states for one.

Properties become never claims, one for each component where a property is a component's own. They are `always`,
`sometimes` (the claim is violated where such a state exists), `no deadlock`, `eventually` and `leads to`. The last two
want `fair=True` and SPIN's `-a -f`: then each weakly fair process is a process of SPIN's, and all that promises nothing
is one process more, which can also pass its turn: it is never forced to move. SPIN has no strong fairness, no `AG EF`
and no properties of steps; asking for one is a UsageError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fsm.check.promela.formula import FALSE, TRUE, Formula, among, both, either, negated, text, unlisted, where
from fsm.check.promela.names import Names, remark, variable_type
from fsm.check.promela.reading import Asking, Effect, Leaf, Reading, RuleOf, Tree, reading_of
from fsm.errors import UsageError
from fsm.kernel import Fairness, Form, Kind, Predicate, Property, World

JUDGED = (Form.ALWAYS, Form.SOMETIMES, Form.NO_DEADLOCK, Form.EVENTUALLY, Form.LEADS_TO)
LIVENESS = (Form.EVENTUALLY, Form.LEADS_TO)
UNFAIR = "unfair"


def promela_of(world: World, properties: Sequence[Property] = (), *, fair: bool = False, limit: int = 200_000) -> str:
    """The model, with a never claim for every name in `claims_of` of every property.

    UsageError where the world has more than `limit` states, or where SPIN cannot judge what is asked.
    """
    for each in properties:
        _refuse(each, fair=fair)
    claims = [claim for each in properties for claim in _claims(world, each)]
    predicates = {
        (id(predicate), claim.component): (f"property {claim.about.id!r}", predicate, claim.component)
        for claim in claims
        for predicate in (claim.about.given, claim.about.then)
        if predicate
    }
    reading = reading_of(world, predicates.values(), limit)
    trees = dict(zip(predicates, reading.predicates, strict=True))
    return "\n".join(_Printer(reading, claims, trees, fair=fair).lines()) + "\n"


def claims_of(world: World, about: Property) -> tuple[str, ...]:
    """The names of a property's never claims, one for each component that it is claimed of."""
    return tuple(claim.name for claim in _claims(world, about))


@dataclass(frozen=True)
class _Claim:
    name: str
    about: Property
    component: int | None


def _claims(world: World, about: Property) -> list[_Claim]:
    name = Names().new(f"claim {about.id}")
    if not about.own:
        return [_Claim(name, about, None)]
    return [_Claim(f"{name}_{component}", about, component) for component in range(world.components)]


def _refuse(about: Property, *, fair: bool) -> None:
    if about.form not in JUDGED:
        raise UsageError(f"property {about.id!r}: SPIN cannot judge {about.form.value!r}")
    if about.form in LIVENESS and not fair:
        raise UsageError(f"property {about.id!r}: {about.form.value!r} needs fairness; export with fair=True")


@dataclass(frozen=True)
class _Option:
    """One distinct move of a rule: when the rule offers it, and when it is a transition."""

    rule: RuleOf
    effect: Effect
    offered: Formula
    guard: Formula


class _Printer:
    """Writes one model."""

    def __init__(
        self,
        reading: Reading,
        claims: Sequence[_Claim],
        trees: Mapping[tuple[int, int | None], Asking],
        *,
        fair: bool,
    ) -> None:
        self.reading, self.claims, self.trees, self.fair = reading, claims, trees, fair
        self.world = reading.world
        given = Names("started", "world", UNFAIR)
        self.names = [given.new(name if i is None else f"{name}_{i}") for name, i in self.world.slots]
        self.given = given
        self.several = len(reading.starts) > 1
        self.options = [option for rule in reading.rules for option in self._options(rule)]

    # -------------------------------------------------------------- what a move does, as functions of single slots

    def _possible(self, slot: int) -> range:
        return range(len(self.reading.values.of(slot)))

    def _images(self, effect: Effect) -> dict[int, Mapping[int, int]]:
        """For every slot that the effect may change, what becomes of each of its values, as far as it is known."""
        images: dict[int, Mapping[int, int]] = {
            slot: self.reading.mapped(effect.maps, self.world.slots[slot][0])
            for slot in self.reading.concerned(effect.maps)
        }
        return images | {slot: dict.fromkeys(self._possible(slot), value) for slot, value in effect.writes}

    def _changes(self, effect: Effect, path: Mapping[int, int]) -> Formula:
        """When it changes anything, where the values on the path are known."""
        return either(
            *(
                _given(path, slot, among(slot, (v for v in image if image[v] != v), self._possible(slot)), image)
                for slot, image in self._images(effect).items()
            )
        )

    def _same(self, one: Effect, other: Effect, path: Mapping[int, int]) -> Formula:
        """When both lead to the same state."""
        ones, others = self._images(one), self._images(other)
        parts = []
        for slot in sorted({*ones, *others}):
            a, b = ones.get(slot, _SELF), others.get(slot, _SELF)
            known = path.get(slot)
            values = self._possible(slot) if known is None else (known,)
            equal = [value for value in values if a.get(value, value) == b.get(value, value)]
            parts.append(among(slot, equal, values))
        return both(*parts)

    def _options(self, rule: RuleOf) -> Iterator[_Option]:
        effects: dict[Effect, None] = {}
        _collect(rule.asking.tree, effects)
        for effect in effects:

            def offered(leaf: Leaf, path: Mapping[int, int], effect: Effect = effect) -> Formula:
                return TRUE if effect in leaf.answer else FALSE

            def taken(leaf: Leaf, path: Mapping[int, int], effect: Effect = effect) -> Formula:
                return self._taken(leaf, effect, path)

            yield _Option(rule, effect, where(rule.asking.tree, offered), where(rule.asking.tree, taken))

    def _taken(self, leaf: Leaf, effect: Effect, path: Mapping[int, int]) -> Formula:
        """At this leaf: the effect is a move, and none that comes before it is the same transition."""
        if effect not in leaf.answer:
            return FALSE
        earlier = leaf.answer[: leaf.answer.index(effect)]
        others = (self._same(each, effect, path) for each in earlier if each.what == effect.what)
        return both(self._changes(effect, path), *map(negated, others))

    def _unlisted(self) -> Formula:
        """When some rule, predicate or map would be asked what it was never asked."""
        asked = [*(rule.asking for rule in self.reading.rules), *self.trees.values()]
        unmapped = (
            both(option.offered, among(slot, set(self._possible(slot)) - set(image), self._possible(slot)))
            for option in self.options
            for slot, image in self._images(option.effect).items()
        )
        return either(*(unlisted(each.tree, self._possible) for each in asked), *unmapped)

    # -------------------------------------------------------------- the text

    def lines(self) -> Iterator[str]:
        yield from self._heading()
        yield from self._variables()
        for process, options in self._processes():
            yield ""
            yield f"active proctype {process}() {{"
            yield "end: do"
            yield from options
            yield "  od"
            yield "}"
        for claim in self.claims:
            yield ""
            yield from self._claim(claim)

    def _heading(self) -> Iterator[str]:
        states, transitions = self.reading.states, self.reading.transitions
        yield remark(f"World {self.world.name}: {states} states, {transitions} transitions.")
        if self.fair:
            yield "/* For liveness only: the process that promises nothing passes its turn, which SPIN counts too. */"
            return
        counted = (
            (states + 1, transitions + len(self.reading.starts) + 1) if self.several else (states, transitions + 1)
        )
        yield f"/* SPIN without partial order reduction counts {counted[0]} states and {counted[1]} transitions. */"

    def _variables(self) -> Iterator[str]:
        said: set[str] = set()
        for slot, (part, _) in enumerate(self.world.slots):
            values = self.reading.values.of(slot)
            if part not in said:
                said.add(part)
                told = (f"{number} = {self._told(part, value)}" for number, value in enumerate(values))
                yield remark(f"{part}: {', '.join(told)}")
            start = 0 if self.several else self.reading.starts[0][slot]
            yield f"{variable_type(len(values))} {self.names[slot]} = {start};"
        if self.several:
            yield "bit started = 0;"

    def _told(self, part: str, value: object) -> str:
        """The value in words; its text where the part declares none, or tells nothing."""
        declared = self.world.parts[part]
        facts = declared.told(part, value) if declared.facts else {}
        if len(facts) > 1:
            return ", ".join(f"{fact} {words}" for fact, words in facts.items())
        return next(iter(facts.values()), str(value))

    def _processes(self) -> Iterator[tuple[str, list[str]]]:
        if not self.fair:
            yield "world", [*self._starts(), *self._written(self.options), *self._trap()]
            return
        if self.several:
            yield self.given.new("start"), list(self._starts())
        groups: dict[tuple[str, int | None], list[_Option]] = {}
        unfair: list[_Option] = []
        for option in self.options:
            fairness = option.rule.rule.assumed
            if fairness is Fairness.STRONG:
                raise UsageError(f"{option.rule.asking.name}: SPIN has no strong fairness")
            fair_group = groups.setdefault((option.rule.rule.actor, option.rule.asking.component), [])
            (fair_group if fairness is Fairness.WEAK else unfair).append(option)
        for (actor, component), options in groups.items():
            if options:
                name = self.given.new(actor if component is None else f"{actor} {component}")
                yield name, list(self._written(options))
        yield UNFAIR, ["  :: d_step { true -> skip }", *self._written(unfair), *self._trap()]

    def _text(self, formula: Formula) -> str:
        return text(formula, lambda slot: self.names[slot])

    def _begun(self, condition: str) -> str:
        return f"started == 1 && {condition}" if self.several else condition

    def _starts(self) -> Iterator[str]:
        for start in self.reading.starts if self.several else ():
            writes = "; ".join(f"{self.names[slot]} = {value}" for slot, value in enumerate(start))
            yield f"  :: d_step {{ started == 0 -> {writes}; started = 1 }}"

    def _written(self, options: Iterable[_Option]) -> Iterator[str]:
        return (self._option(option) for option in options if option.guard != FALSE)

    def _option(self, option: _Option) -> str:
        words = remark(
            f"{self.world.label((option.rule.rule.name, option.rule.asking.component))}: {option.effect.what}"
        )
        assignments = "; ".join(
            f"{self.names[slot]} = {self._expression(slot, image)}"
            for slot, image in self._images(option.effect).items()
        )
        return f"  {words}\n  :: d_step {{ {self._begun(self._text(option.guard))} -> {assignments} }}"

    def _expression(self, slot: int, image: Mapping[int, int]) -> str:
        """A constant, or for each value that changes a case."""
        if len(set(image.values())) == 1 and len(image) == len(self._possible(slot)):
            return str(next(iter(image.values())))
        chain = self.names[slot]
        for value, after in image.items():
            if after != value:
                chain = f"({self.names[slot]} == {value} -> {after} : {chain})"
        return chain

    def _trap(self) -> Iterator[str]:
        condition = self._unlisted()
        if condition != FALSE:
            yield "  /* a reading that was not seen when this was written */"
            yield f"  :: d_step {{ {self._begun(self._text(condition))} -> assert(false) }}"

    def _claim(self, claim: _Claim) -> Iterator[str]:
        yield remark(claim.about.sentence)
        yield f"never {claim.name} {{"
        yield from _CLAIMS[claim.about.form](self, claim)
        yield "}"

    def _holds(self, predicate: Predicate | None, claim: _Claim) -> Formula:
        if predicate is None:
            return TRUE
        return where(self.trees[id(predicate), claim.component].tree, lambda leaf, _: TRUE if leaf.answer[0] else FALSE)

    def _reached(self, formula: Formula) -> Iterator[str]:
        """The claim ends, which is a violation, as soon as the condition holds."""
        yield f"  do :: {self._begun(self._text(formula))} -> break :: else od"

    def never(self, claim: _Claim) -> Iterator[str]:
        bad = both(self._holds(claim.about.given, claim), negated(self._holds(claim.about.then, claim)))
        return self._reached(bad)

    def once(self, claim: _Claim) -> Iterator[str]:
        return self._reached(self._holds(claim.about.then, claim))

    def rests(self, claim: _Claim) -> Iterator[str]:
        moving = either(*(option.guard for option in self.options if option.rule.rule.kind is Kind.NORMAL))
        return self._reached(both(negated(self._holds(claim.about.then, claim)), negated(moving)))

    def lasting(self, claim: _Claim) -> Iterator[str]:
        then = self._begun(self._text(self._holds(claim.about.then, claim)))
        yield f"accept: do :: !({then}) od"

    def answered(self, claim: _Claim) -> Iterator[str]:
        given = self._holds(claim.about.given, claim)
        then = self._holds(claim.about.then, claim)
        yield f"  do :: {self._begun(self._text(both(given, negated(then))))} -> goto accept :: true od;"
        yield f"accept: do :: !({self._text(then)}) od"


_CLAIMS: Mapping[Form, Callable[[_Printer, _Claim], Iterator[str]]] = {
    Form.ALWAYS: _Printer.never,
    Form.SOMETIMES: _Printer.once,
    Form.NO_DEADLOCK: _Printer.rests,
    Form.EVENTUALLY: _Printer.lasting,
    Form.LEADS_TO: _Printer.answered,
}

_SELF: Mapping[int, int] = {}


def _given(path: Mapping[int, int], slot: int, formula: Formula, image: Mapping[int, int]) -> Formula:
    """What is left of a condition on one slot where its value may be known."""
    if slot not in path:
        return formula
    return TRUE if image.get(path[slot], path[slot]) != path[slot] else FALSE


def _collect(tree: Tree | None, effects: dict[Effect, None]) -> None:
    """Every effect at a leaf of the tree, in the order in which they were met."""
    if isinstance(tree, Leaf):
        effects.update(dict.fromkeys(tree.answer))
    elif tree is not None:
        for child in tree.children.values():
            _collect(child, effects)
