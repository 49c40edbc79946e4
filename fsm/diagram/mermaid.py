"""A machine as a Mermaid state diagram, which GitHub and many documentation tools draw. Pure.

Drawn from the same picture as the DOT text: shared arrows, points and letters. A comment before every edge,
`%% transitions 3 4`, says which transitions it draws. States are called `s_<id>`, so that no id is a word of Mermaid's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fsm.diagram import palette
from fsm.diagram.dot import MARKS, days_of, visit_text
from fsm.diagram.highlight import Highlight
from fsm.diagram.picture import Arrow, Picture, Row, home_of, letters_of, picture_of
from fsm.diagram.text import effects_of, guards_of, mermaid
from fsm.kernel import Machine, StateInfo

_CLASSES = (
    f"classDef good stroke:{palette.GOOD.light},stroke-width:3px",
    f"classDef bad stroke:{palette.BAD.light},stroke-width:3px",
    f"classDef path stroke:{palette.PATH.light},stroke-width:3px",
    "classDef faded opacity:0.4",
    f"classDef letter stroke:{palette.LIGHT.light},stroke-dasharray:2",
)


def mermaid_of(machine: Machine, highlight: Highlight | None = None) -> str:
    """The machine as Mermaid text; the same machine and highlight always give the same text."""
    return "\n".join(_Text(picture_of(machine), highlight).lines()) + "\n"


class _Text:
    """One diagram while it is written."""

    def __init__(self, picture: Picture, highlight: Highlight | None) -> None:
        self.picture = picture
        self.machine = picture.machine
        self.highlight = highlight
        self.names = {state.id: _name(state.id, number) for number, state in enumerate(picture.machine.states)}
        self.points = {id(fan): f"p{number}" for number, fan in enumerate(picture.fans)}
        self.letters = letters_of(picture)

    def lines(self) -> Iterator[str]:
        yield "stateDiagram-v2"
        yield "  direction LR"
        yield from (f"  {line}" for line in _CLASSES)
        yield from self._inside(None, "  ")
        for arrow in self.picture.arrows:
            yield from self._arrow(arrow, self._tail(arrow), self._head(arrow))
        for fan in self.picture.fans:
            if not fan.letter:
                for stem in fan.stems:
                    yield from self._arrow(stem, self.names[stem.source], self.points[id(fan)])
            for head in fan.heads:
                yield from self._arrow(head, self.points[id(fan)], self.names[head.target])
        for source, (_, stem) in self.letters.items():
            yield from self._arrow(stem, self.names[source], self._connector(source))
        yield from self._classes()

    def _inside(self, parent: str | None, indent: str) -> Iterator[str]:
        """What a compound (None: the machine) contains, regions apart."""
        parallel = parent is not None and self.machine.info(parent).kind == "parallel"
        for number, state in enumerate(self.picture.children.get(parent, ())):
            if parallel and number:
                yield f"{indent}--"
            yield from self._state(state, indent)
        yield from (f"{indent}[*] --> {self.names[start]}" for start in self.picture.starts(parent))
        if parent in self.picture.anchors:
            yield f'{indent}state "any" as any_{self.names[str(parent)]}'
        for fan in self.picture.fans:
            if home_of(self.picture, fan) == parent:
                name = self.points[id(fan)]
                yield f'{indent}state "{fan.letter}" as {name}' if fan.letter else f"{indent}state {name} <<choice>>"
        for source, (letters, _) in self.letters.items():
            if self.machine.info(source).parent == parent:
                yield f'{indent}state "{letters}" as {self._connector(source)}'

    def _state(self, state: StateInfo, indent: str) -> Iterator[str]:
        label = "<br/>".join(self._label(state))
        head = f'{indent}state "{label}" as {self.names[state.id]}'
        if state.kind == "atomic":
            yield head
            return
        yield f"{head} {{"
        yield f"{indent}  direction LR"
        yield from self._inside(state.id, indent + "  ")
        yield f"{indent}}}"

    def _label(self, state: StateInfo) -> Iterator[str]:
        mark = f"{MARKS[state.outcome]} " if state.outcome else ""
        yield f"{mark}{mermaid(state.id)}"
        visit = self.highlight.states.get(state.id) if self.highlight and state.kind == "atomic" else None
        if visit and (text := visit_text(visit, with_day=len(days_of(self.highlight)) > 1)):
            yield mermaid(text)
        if state.kind == "atomic":
            yield from self._stays(state)

    def _stays(self, state: StateInfo) -> Iterator[str]:
        """What happens in a state without leaving it stands in its box: Mermaid puts labels of loops on each other."""
        for arrow in self.picture.arrows:
            if arrow.stays and arrow.source == state.id:
                yield from (self._row(row, " ") for row in arrow.rows)

    def _arrow(self, arrow: Arrow, tail: str, head: str) -> Iterator[str]:
        yield f"  %% transitions {' '.join(map(str, arrow.numbers))}"
        boxed = arrow.stays and self.machine.info(arrow.source).kind == "atomic"
        label = "" if boxed or not arrow.target else "<br/>".join(self._row(row, "<br/>") for row in arrow.rows)
        yield f"  {tail} --> {head}{f': {label}' if label else ''}"

    def _row(self, row: Row, between: str) -> str:
        times = self.highlight.times(row.numbers) if self.highlight else 0
        event = row.transition.event + (f" ×{times}" if times else "")
        parts = (event, guards_of(row.transition, otherwise=row.otherwise), effects_of(row.transition))
        return between.join(mermaid(part) for part in parts if part)

    def _tail(self, arrow: Arrow) -> str:
        name = self.names[arrow.source]
        return f"any_{name}" if self.picture.leads_inside(arrow) else name

    def _head(self, arrow: Arrow) -> str:
        """A state inside its target points at what is entered there: Mermaid draws no edge to its own surroundings."""
        if arrow.stays:
            return self._tail(arrow)
        if arrow.source != arrow.target and self.picture.inside(arrow.source, arrow.target):
            return self.names[self.picture.entered(arrow.target)]
        if arrow.source == arrow.target and self.machine.info(arrow.target).kind != "atomic":
            return self.names[self.picture.entered(arrow.target)]
        return self.names[arrow.target]

    def _connector(self, source: str) -> str:
        return f"c_{self.names[source]}"

    def _classes(self) -> Iterator[str]:
        helpers = [self.points[id(fan)] for fan in self.picture.fans if fan.letter]
        yield from _class([*helpers, *map(self._connector, self.letters)], "letter")
        leaves = [state for state in self.machine.states if state.kind == "atomic"]
        visited = self.highlight.states if self.highlight else {}
        for outcome in ("good", "bad"):
            yield from _class([self.names[state.id] for state in leaves if state.outcome == outcome], outcome)
        if self.highlight:
            travelled = [state for state in leaves if state.id in visited]
            yield from _class([self.names[state.id] for state in travelled if not state.final], "path")
            yield from _class([self.names[state.id] for state in leaves if state not in travelled], "faded")


def _class(names: Iterable[str], name: str) -> Iterator[str]:
    if listed := ",".join(names):
        yield f"  class {listed} {name}"


def _name(state: str, number: int) -> str:
    """`s_running`; a number for an id that Mermaid could not read."""
    return f"s_{state}" if re.fullmatch(r"[A-Za-z0-9_]+", state) else f"s{number}"
