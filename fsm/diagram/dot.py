"""A machine as DOT text, for Graphviz. Pure: no engine is started here.

Written by hand and not with `graphviz.Digraph`, which reads a colon in a state's name as a port. All edges stand in the
root graph: an edge inside a cluster would drag its target into the cluster. Colours are those of a light page.

Node and cluster ids are `state-<id>` (see `text.identifier`). Every edge carries the attribute `transitions`, the
numbers of the transitions that it draws, and so none can be lost unseen.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from fsm.diagram import palette
from fsm.diagram.highlight import Highlight, Visit
from fsm.diagram.palette import Colour
from fsm.diagram.picture import Arrow, Fan, Picture, Row, home_of, letters_of, lineage, picture_of
from fsm.diagram.text import effects_of, guards_of, html, identifier, quoted, tooltip
from fsm.kernel import Machine, StateInfo

MARKS = {"good": "✓", "bad": "✗"}
WIDE = 30
"""A guard longer than this many characters is broken at its `and`s."""

_DEFAULTS = (
    f'graph [rankdir=LR compound=true newrank=true fontname="Helvetica" fontsize=11 fontcolor="{palette.INK.light}" '
    f'bgcolor="{palette.PAPER.light}" nodesep=0.2 ranksep=0.25 labelloc=b labeljust=l pad=0.15]',
    'node [shape=box style="rounded,filled" fontname="Helvetica" fontsize=12 height=0.42 margin="0.12,0.06"]',
    'edge [fontname="Helvetica" fontsize=10 arrowsize=0.7]',
)
_DOT = "shape=circle style=filled width=0.13 height=0.13 fixedsize=true"
_LETTER = 'shape=box style="rounded,filled" fontsize=8 height=0.17 width=0.17 margin="0.04,0.01" penwidth=0.8'


def dot_of(machine: Machine, highlight: Highlight | None = None) -> str:
    """The machine as DOT text; the same machine and highlight always give the same text."""
    return "\n".join(_Drawing(picture_of(machine), highlight).lines()) + "\n"


class _Drawing:
    """One picture while it is written. Helper nodes are called `†…`, with more daggers than any state begins with."""

    def __init__(self, picture: Picture, highlight: Highlight | None) -> None:
        self.picture = picture
        self.machine = picture.machine
        self.highlight = highlight
        self.ids = frozenset(state.id for state in picture.machine.states)
        self.mark = "†" * (1 + max((len(each) - len(each.lstrip("†")) for each in self.ids), default=0))
        self.points = {id(fan): self._helper("fan", str(number)) for number, fan in enumerate(picture.fans)}
        self.letters = letters_of(picture)
        lettered = frozenset(each for each in self.letters if picture.machine.info(each).kind != "atomic")
        self.anchors = picture.anchors | lettered

    def lines(self) -> Iterator[str]:
        yield f"digraph {quoted(self.machine.name)} {{"
        yield from (f"  {line}" for line in _DEFAULTS)
        yield from self._states(None, "  ")
        yield from (f"  {line}" for line in self._edges())
        yield f"  label={self._caption()}"
        yield "}"

    # ------------------------------------------------------------ states

    def _states(self, parent: str | None, indent: str) -> Iterator[str]:
        """The inside of a compound (None: of the machine).

        What comes first in the text is drawn further left, and further up where it is not connected: so what only
        connectors lead to stands last. Regions are an exception: the engine stacks them from the bottom.
        """
        for start in self.picture.starts(parent):
            ink = _q(self._ink(palette.INK, travelled=self._visited(start), colour=palette.INK))
            name = self._helper("start", parent)
            yield f'{indent}{name} [{_DOT} label="" tooltip="where it starts" fillcolor={ink} color={ink}]'
        if parent in self.anchors:
            yield f"{indent}{self._anchor(parent)}"
        yield from (f"{indent}{self._point(fan)}" for fan in self._fans_in(parent) if not fan.letter)
        if parent is not None and parent in self.letters:
            yield f"{indent}{self._connector(parent)}"
        for state in self._in_order(parent):
            yield from self._node(state, indent) if state.kind == "atomic" else self._cluster(state, indent)
        yield from (f"{indent}{self._point(fan)}" for fan in self._fans_in(parent) if fan.letter)

    def _fans_in(self, parent: str | None) -> list[Fan]:
        return [fan for fan in self.picture.fans if home_of(self.picture, fan) == parent]

    def _in_order(self, parent: str | None) -> list[StateInfo]:
        children = list(self.picture.children.get(parent, ()))
        if parent is not None and self.machine.info(parent).kind == "parallel":
            return children[::-1]
        asides = {head.target for fan in self.picture.fans if fan.letter for head in fan.heads}
        return sorted(children, key=lambda state: any(self.picture.inside(each, state.id) for each in asides))

    def _node(self, state: StateInfo, indent: str) -> Iterator[str]:
        border, box, ink = self._tones(state)
        here = self.highlight is not None and state.id in self.highlight.configuration
        name = f"{MARKS[state.outcome]} {html(state.id)}" if state.outcome else html(state.id)
        lines = [f"<b>{name}</b>" if here or state.final else name, *self._visit(state.id), *self._stays(state.id)]
        width = 2.6 if self._visited(state.id) else 1.3
        yield (
            f"{indent}{quoted(state.id)} [id={_id(state)} label=<{'<br/>'.join(lines)}> tooltip={tooltip(state.doc)} "
            f"color={_q(border)} fillcolor={_q(box)} fontcolor={_q(ink)} penwidth={width} "
            f"peripheries={2 if state.final else 1}]"
        )

    def _cluster(self, state: StateInfo, indent: str) -> Iterator[str]:
        style = "rounded,filled,dashed" if self._is_region(state) else "rounded,filled"
        border = self._ink(palette.BORDER, travelled=self._visited(state.id), colour=palette.BORDER)
        faded = self.highlight is not None and not self._visited(state.id)
        ink = (palette.LIGHT if faded else palette.MUTED).light
        yield f"{indent}subgraph {quoted('cluster_' + state.id)} {{"
        yield (
            f"{indent}  graph [id={_id(state)} label=<<b>{html(state.id)}</b>> labeljust=l labelloc=t "
            f"style={_q(style)} tooltip={tooltip(state.doc)} color={_q(border)} fontcolor={_q(ink)} "
            f"fillcolor={_q(palette.FRAME.light)} penwidth=1.2 margin=12]"
        )
        yield from self._states(state.id, indent + "  ")
        yield f"{indent}}}"

    def _is_region(self, state: StateInfo) -> bool:
        return state.parent is not None and self.machine.info(state.parent).kind == "parallel"

    def _tones(self, state: StateInfo) -> tuple[str, str, str]:
        """Border, box and text of an atomic state."""
        if self.highlight is not None and not self._visited(state.id):
            return palette.FAINT.light, palette.PAPER.light, palette.LIGHT.light
        if state.outcome == "good":
            return palette.GOOD.light, palette.GOOD_BOX.light, palette.INK.light
        if state.outcome == "bad":
            return palette.BAD.light, palette.BAD_BOX.light, palette.INK.light
        if self.highlight is not None:
            return palette.PATH.light, palette.PATH_BOX.light, palette.INK.light
        return palette.INK.light, palette.BOX.light, palette.INK.light

    def _visited(self, state: str) -> bool:
        return self.highlight is not None and state in self.highlight.states

    def _ink(self, plain: Colour, *, travelled: bool, colour: Colour) -> str:
        """The plain colour; with a highlight the given one where the path leads, and faint elsewhere."""
        if self.highlight is None:
            return plain.light
        return colour.light if travelled else palette.FAINT.light

    def _visit(self, state: str) -> Iterator[str]:
        """How often, and when first and last; the day is in the caption where there is only one."""
        visit = self.highlight.states.get(state) if self.highlight else None
        if visit and (text := visit_text(visit, with_day=len(days_of(self.highlight)) > 1)):
            yield f'<font point-size="9.5" color={_q(palette.PATH.light)}>{html(text)}</font>'

    def _stays(self, state: str) -> Iterator[str]:
        """What happens in a state without leaving it, as UML writes it: in the box."""
        for arrow in self.picture.arrows:
            if arrow.stays and arrow.source == state:
                for row in arrow.rows:
                    yield f'<font point-size="9.5">{" ".join(self._row(row, palette.MUTED))}</font>'

    # ------------------------------------------------------------ helper nodes

    def _helper(self, kind: str, owner: str | None) -> str:
        """The name of a node that is no state."""
        return quoted(f"{self.mark}{kind}" if owner is None else f"{self.mark}{kind} {owner}")

    def _anchor(self, parent: str | None) -> str:
        """Where the edges start that lead from a compound, whichever of its states is active, into its own inside."""
        numbers = [number for arrow in self.picture.arrows if arrow.source == parent for number in arrow.numbers]
        ink = self._ink(palette.MUTED, travelled=self._times(numbers) > 0, colour=palette.PATH)
        colour = f"fillcolor={_q(palette.PAPER.light)} color={_q(ink)}"
        return (
            f'{self._helper("any", parent)} [{_DOT} label="" tooltip={tooltip(f"from any state in {parent}")} {colour}]'
        )

    def _point(self, fan: Fan) -> str:
        numbers = [number for stem in fan.stems for number in stem.numbers]
        ink = _q(self._ink(palette.MUTED, travelled=self._times(numbers) > 0, colour=palette.PATH))
        if fan.letter:
            tip = tooltip(f"from every state with the letter {fan.letter}")
            return f"{self.points[id(fan)]} [{_LETTER} label={_q(fan.letter)} {_letter_tones(ink)} tooltip={tip}]"
        return f'{self.points[id(fan)]} [shape=point width=0.07 label="" tooltip=" " color={ink}]'

    # ------------------------------------------------------------ edges

    def _order(self) -> Iterator[str]:
        """Invisible edges that stack what nothing else connects: the start, then the lettered fans."""
        column = [self._helper("start", None)] + [self.points[id(fan)] for fan in self._fans_in(None) if fan.letter]
        if len(column) > 1:
            yield f"{{rank=same {' '.join(column)}}}"
        for above, below in itertools.pairwise(column):
            yield f"{above} -> {below} [style=invis weight=0]"
        for parent in sorted(self.anchors, key=str):
            if self.picture.starts(parent):
                boxes = [self._helper("connector", parent)] if parent in self.letters else []
                yield f"{{rank=same {' '.join([self._helper('start', parent), self._helper('any', parent), *boxes])}}}"

    def _edges(self) -> Iterator[str]:
        yield from self._order()
        for parent in (None, *(state.id for state in self.machine.states if state.kind == "compound")):
            for start in self.picture.starts(parent):
                ink = self._ink(palette.INK, travelled=self._visited(start), colour=palette.PATH)
                head, clip = self._into(None, start)
                yield f"{self._helper('start', parent)} -> {head} [{clip}weight=8 color={_q(ink)}]"
        for arrow in self.picture.arrows:
            yield self._staying(arrow) if arrow.stays else self._arrow(arrow, None)
        for fan in self.picture.fans:
            if not fan.letter:
                yield from (self._stem(stem, fan) for stem in fan.stems)
            yield from (self._arrow(head, fan) for head in fan.heads)
        yield from self._connectors()

    def _arrow(self, arrow: Arrow, fan: Fan | None) -> str:
        tail, tail_clip = self._out_of(arrow) if fan is None else (self.points[id(fan)], "")
        head, head_clip = self._into(arrow.source or None, arrow.target)
        plain = palette.LOOP if arrow.loop else palette.INK if fan is None else palette.MUTED
        colour = self._ink(plain, travelled=self._times(arrow.numbers) > 0, colour=palette.PATH)
        width = 3.0 if self._times(arrow.numbers) else 2.0 if arrow.loop and self.highlight is None else 1.1
        label = '<br/><font point-size="4"> </font><br/>'.join(
            "<br/>".join(self._row(row, plain)) for row in arrow.rows
        )
        weight = "weight=4 " if arrow.loop else ""
        if self._folds(arrow):
            weight, label = "constraint=false ", _beside_the_line(label)
        return (
            f"{tail} -> {head} [{tail_clip}{head_clip}{weight}label=<{label}> color={_q(colour)} penwidth={width} "
            f"{self._told(arrow.numbers)}]"
        )

    def _folds(self, arrow: Arrow) -> bool:
        """From a compound into another one: they are stacked, because side by side they would make the picture wide."""
        if not {arrow.source, arrow.target} <= self.ids or self.machine.info(arrow.source).kind == "atomic":
            return False
        target = lineage(self.machine, arrow.target)
        return target[-1] != arrow.target and arrow.source not in target

    def _staying(self, arrow: Arrow) -> str:
        """A small dashed loop; its labels are in the box, where nothing crosses them."""
        tail, _ = self._out_of(arrow)
        colour = self._ink(palette.MUTED, travelled=self._times(arrow.numbers) > 0, colour=palette.PATH)
        label = ""
        if self.machine.info(arrow.source).kind != "atomic":
            label = f"label=<{'<br/>'.join(' '.join(self._row(row, palette.MUTED)) for row in arrow.rows)}> "
        return (
            f"{tail} -> {tail} [{label}style=dashed arrowsize=0.5 color={_q(colour)} penwidth=0.9 "
            f"{self._told(arrow.numbers)}]"
        )

    def _stem(self, stem: Arrow, fan: Fan) -> str:
        tail, clip = self._out_of(stem)
        times = self._times(stem.numbers)
        colour = self._ink(palette.LIGHT, travelled=times > 0, colour=palette.PATH)
        width = 3.0 if times else 0.8
        return (
            f"{tail} -> {self.points[id(fan)]} [{clip}arrowhead=none color={_q(colour)} penwidth={width} "
            f"{self._told(stem.numbers)}]"
        )

    def _connector(self, source: str) -> str:
        """The box with the letters of the fans that leave a state; a compound has it inside."""
        letters, stem = self.letters[source]
        ink = _q(self._ink(palette.MUTED, travelled=self._times(stem.numbers) > 0, colour=palette.PATH))
        return (
            f"{self._helper('connector', source)} [{_LETTER} label={_q(letters)} {_letter_tones(ink)} "
            f"tooltip={self._words(stem.numbers)}]"
        )

    def _connectors(self) -> Iterator[str]:
        """One short stem for each state that a lettered fan leaves."""
        for source, (_, stem) in self.letters.items():
            box = self._helper("connector", source)
            tail = self._helper("any", source) if source in self.anchors else quoted(source)
            times = self._times(stem.numbers)
            stroke = _q(self._ink(palette.LIGHT, travelled=times > 0, colour=palette.PATH))
            if source not in self.anchors:
                yield self._connector(source)
                yield f"{{rank=same {tail} {box}}}"
            yield (
                f"{tail} -> {box} [minlen=0 weight=20 arrowhead=none color={stroke} penwidth={3.0 if times else 0.8} "
                f"{self._told(stem.numbers)}]"
            )

    def _times(self, numbers: Iterable[int]) -> int:
        return self.highlight.times(numbers) if self.highlight else 0

    def _row(self, row: Row, colour: Colour) -> Iterator[str]:
        """The lines of a label: event, guards, effects."""
        times = self._times(row.numbers)
        faded = self.highlight is not None and not times
        event, ink, soft = (palette.LIGHT,) * 3 if faded else (colour, palette.INK, palette.MUTED)
        if times:
            event = palette.PATH
        count = f" ×{times}" if times > 1 else ""
        yield f"<font color={_q(event.light)}><b>{html(row.transition.event)}{count}</b></font>"
        for line in _broken(guards_of(row.transition, otherwise=row.otherwise)):
            yield f"<font color={_q(ink.light)}>{html(line)}</font>"
        if effects := effects_of(row.transition):
            yield f"<font color={_q(soft.light)}><i>{html(effects)}</i></font>"

    def _told(self, numbers: Iterable[int]) -> str:
        """The attributes that say which transitions an edge draws: words for a reader, numbers for a program."""
        numbers = tuple(numbers)
        tip = self._words(numbers)
        listed = " ".join(map(str, numbers))
        return f"tooltip={tip} labeltooltip={tip} id={_q('edge-' + listed.replace(' ', '-'))} transitions={_q(listed)}"

    def _words(self, numbers: Iterable[int]) -> str:
        return tooltip("\n".join(_in_words(self.machine, number) for number in numbers))

    # ------------------------------------------------------------ ends of edges

    def _out_of(self, arrow: Arrow) -> tuple[str, str]:
        """The node an edge starts at, and the clipping at its compound's border."""
        if self.picture.leads_inside(arrow):
            return self._helper("any", arrow.source), ""
        if self.machine.info(arrow.source).kind == "atomic":
            return quoted(arrow.source), ""
        leaves = list(self.picture.below(arrow.source))
        leaves.sort(key=lambda leaf: leaf == self.picture.entered(arrow.source) if self._folds(arrow) else 0)
        taken = {other.source for other in self.picture.arrows if other.target == arrow.target}
        free = [leaf for leaf in leaves if leaf not in taken] or leaves  # else two labels would stand on each other
        return quoted(free[-1]), f"ltail={quoted('cluster_' + arrow.source)} "

    def _into(self, source: str | None, target: str) -> tuple[str, str]:
        """The node an edge ends at, and the clipping at its compound's border."""
        if self.machine.info(target).kind == "atomic":
            return quoted(target), ""
        first = target
        while not self.picture.starts(first):
            first = self.picture.children[first][0].id
            if self.machine.info(first).kind == "atomic":
                return quoted(first), f"lhead={quoted('cluster_' + target)} "
        clip = "" if source and self.picture.inside(source, target) else f"lhead={quoted('cluster_' + target)} "
        return self._helper("start", first), clip

    # ------------------------------------------------------------ caption and legend

    def _caption(self) -> str:
        days = days_of(self.highlight)
        path = f" · {' to '.join(days)} UTC" if days else ""
        title = f'<font point-size="13"><b>{html(self.machine.name)}</b>{html(path)}</font>'
        cells = "".join(f"<td>{cell}</td>" for cell in (title, *self._legend()))
        return f'<<table border="0" cellborder="0" cellspacing="6"><tr>{cells}</tr></table>>'

    def _legend(self) -> Iterator[str]:
        outcomes = {state.outcome for state in self.machine.states}
        arrows = [*self.picture.arrows, *(head for fan in self.picture.fans for head in fan.heads)]
        if "good" in outcomes:
            yield _swatch(palette.GOOD, f"{MARKS['good']} final, good")
        if "bad" in outcomes:
            yield _swatch(palette.BAD, f"{MARKS['bad']} final, bad")
        if self.highlight is not None:
            yield _swatch(palette.PATH, "━ travelled (×: how often; times: entered first … last)")
        elif any(arrow.loop for arrow in arrows):
            yield _swatch(palette.LOOP, "━ on a loop")
        if any(arrow.stays for arrow in arrows):
            yield _swatch(palette.MUTED, "small in a box: stays there")
        if letters := [fan.letter for fan in self.picture.fans if fan.letter]:
            yield _swatch(palette.MUTED, f"{', '.join(letters)}: goes on where the letter stands again")
        if self.anchors:
            yield _swatch(palette.MUTED, "○ from any state in this box")


def _beside_the_line(label: str) -> str:
    """A label for a vertical edge, which the engine would put on the line: as much room to the left as to the right."""
    room = max(len(re.sub("<[^>]*>", "", line)) for line in label.split("<br/>")) * 7
    return f'<table border="0" cellborder="0"><tr><td width="{room}"></td><td>{label}</td></tr></table>'


def _letter_tones(ink: str) -> str:
    return f"color={ink} fontcolor={ink} fillcolor={_q(palette.PAPER.light)}"


def _swatch(colour: Colour, text: str) -> str:
    return f'<font point-size="10" color={_q(colour.light)}>{html(text)}</font>'


def _q(text: str) -> str:
    return f'"{text}"'


def _id(state: StateInfo) -> str:
    return _q("state-" + identifier(state.id))


def _in_words(machine: Machine, number: int) -> str:
    transition = machine.transitions[number]
    actions = f" ({', '.join(transition.actions)})" if transition.actions else ""
    return f"{transition}: {transition.doc}{actions}"


def _broken(guards: str) -> list[str]:
    """A long guard on several lines."""
    if len(guards) <= WIDE:
        return [guards] if guards else []
    first, *rest = guards.split(" and ")
    return [first, *(f"and {each}" for each in rest)]


# ------------------------------------------------------------------ times of a path


def days_of(highlight: Highlight | None) -> list[str]:
    """The first and the last day (UTC) of a path; one where they are the same, none where it has no times."""
    visits = highlight.states.values() if highlight else ()
    times = sorted(at for visit in visits for at in (visit.first, visit.last) if at is not None)
    return list(dict.fromkeys(_at(at).strftime("%Y-%m-%d") for at in (times[0], times[-1]))) if times else []


def visit_text(visit: Visit, *, with_day: bool) -> str:
    """`×2 · 02:00:13 … 02:02:06`, in UTC."""
    form = "%m-%d %H:%M:%S" if with_day else "%H:%M:%S"
    times = list(dict.fromkeys(_at(at).strftime(form) for at in (visit.first, visit.last) if at is not None))
    count = f"×{visit.count}" if visit.count > 1 else ""
    return " · ".join(part for part in (count, " … ".join(times)) if part)


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
