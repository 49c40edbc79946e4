"""SVG and PNG: DOT text given to a Graphviz engine through the `graphviz` package.

The engine is `graphviz-pure` (a wheel with the whole program and its fonts in it, so that the bytes are the same on
every machine) or, where it is asked for, the `dot` of the system. These are the only functions of this package that
start a process; it gets text and gives bytes, and touches no file.
"""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from fsm.diagram import palette
from fsm.diagram.dot import dot_of
from fsm.diagram.highlight import Highlight
from fsm.diagram.text import shown
from fsm.errors import UsageError
from fsm.kernel import Machine

Engine = Literal["pure", "dot"]
COMMANDS: dict[str, str] = {"pure": "graphviz-pure", "dot": "dot"}
DPI = 96
SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
# The wheel's fonts have no check mark, no ballot and no heavy line.
PLAIN_MARKS = str.maketrans({"✓": "√", "✗": "×", "━": "—"})


def svg_of(machine: Machine, highlight: Highlight | None = None, engine: Engine = "pure") -> str:
    """The machine as SVG for light and dark pages, with the documentation in tooltips."""
    root = ElementTree.fromstring(drawn(dot_of(machine, highlight), "svg", engine))
    _adorn(root, machine)
    ElementTree.register_namespace("", SVG)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def png_of(machine: Machine, highlight: Highlight | None = None, engine: Engine = "pure", scale: float = 2) -> bytes:
    """The machine as PNG on a light ground, `scale` pixels to the CSS pixel."""
    if not 0 < scale <= 10:
        raise UsageError(f"the scale of a picture is above 0 and at most 10, not {scale}")
    text = dot_of(machine, highlight)
    if engine == "pure":
        text = text.translate(PLAIN_MARKS)
    return drawn(text.replace("graph [", f"graph [dpi={DPI * scale:g} ", 1), "png", engine)


def drawn(text: str, form: str, engine: str) -> bytes:
    """DOT text as the engine puts it out in one of Graphviz' formats; UsageError where the engine is not there."""
    from graphviz.backend import dot_command, execute

    command = [_program(engine), *dot_command.command("dot", form)[1:]]
    try:
        done = execute.run_check(command, input=text.encode(), capture_output=True, quiet=True)
    except execute.ExecutableNotFound:
        raise UsageError(_missing(engine)) from None
    return bytes(done.stdout)


def _program(engine: str) -> str:
    """Where the engine is: beside this Python first, as wheels put it, then on the PATH."""
    if engine not in COMMANDS:
        raise UsageError(f"there is no engine {engine}; there are {', '.join(COMMANDS)}")
    name = COMMANDS[engine]
    beside = shutil.which(name, path=sysconfig.get_path("scripts")) if engine == "pure" else None
    found = beside or shutil.which(name)
    if found is None:
        raise UsageError(_missing(engine))
    return str(Path(found))


def _missing(engine: str) -> str:
    if engine == "dot":
        return "the engine dot is not installed; install Graphviz, or use the engine pure, which needs nothing"
    return "graphviz-pure is not installed; it comes with this package: pip install graphviz-pure"


# ------------------------------------------------------------------ what makes it one's own


def _adorn(root: ElementTree.Element, machine: Machine) -> None:
    """Style sheet, name and description; tooltips as titles, which every reader and browser knows."""
    _tooltips(root)
    root.set("role", "img")
    root.set("class", "fsm")
    style = ElementTree.Element(f"{{{SVG}}}style")
    style.text = STYLE
    description = ElementTree.Element(f"{{{SVG}}}desc")
    description.text = shown(machine.doc)
    root.insert(0, style)
    root.insert(1, description)
    for title in root.findall(f"./{{{SVG}}}g/{{{SVG}}}title"):
        title.text = shown(machine.name)


def _tooltips(element: ElementTree.Element) -> None:
    """Graphviz hangs a tooltip on a link around the shapes: make it the group's title and the shapes its children."""
    for child in list(element):
        _tooltips(child)
    title = element.find(f"{{{SVG}}}title")
    for child in list(element):
        link = child.find(f"{{{SVG}}}a") if child.tag == f"{{{SVG}}}g" else None
        if link is None:
            continue
        place = list(element).index(child)
        element.remove(child)
        for offset, shape in enumerate(link):
            element.insert(place + offset, shape)
        if title is not None and link.get(f"{{{XLINK}}}title"):
            title.text = link.get(f"{{{XLINK}}}title")


def _rules() -> str:
    return "".join(
        f'[fill="{colour.light}"]{{fill:var(--{name})}}[stroke="{colour.light}"]{{stroke:var(--{name})}}'
        for name, colour in palette.COLOURS.items()
    )


def _values(dark: bool) -> str:
    return ";".join(f"--{name}:{colour.dark if dark else colour.light}" for name, colour in palette.COLOURS.items())


STYLE = (
    f"svg.fsm{{{_values(False)};color:var(--ink);max-width:100%;height:auto}}"
    f"@media(prefers-color-scheme:dark){{svg.fsm{{{_values(True)}}}}}"
    '.fsm text{font-family:Arimo,"Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif}'
    f"{''.join('.fsm ' + rule + '}' for rule in _rules().split('}') if rule)}"
    ".fsm .edge:hover path,.fsm .edge:hover polygon{stroke-width:3}"
)
