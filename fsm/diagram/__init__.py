"""Pictures and tables of a machine, drawn from its declaration. Generic: names no machine, no state, no subcommand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fsm.diagram.dot import dot_of
from fsm.diagram.highlight import Highlight, Visit, highlight_from_json, highlight_from_text, highlight_of
from fsm.diagram.markdown import markdown_of
from fsm.diagram.mermaid import mermaid_of
from fsm.diagram.svg import Engine, png_of, svg_of
from fsm.kernel import Machine


@dataclass(frozen=True, slots=True)
class Format:
    """How a machine can be shown: a file suffix, and bytes of a machine and a path. Text is UTF-8."""

    suffix: str
    binary: bool
    draw: Callable[[Machine, Highlight | None, Engine], bytes]


FORMATS: dict[str, Format] = {
    "svg": Format("svg", False, lambda machine, path, engine: svg_of(machine, path, engine).encode()),
    "png": Format("png", True, png_of),
    "dot": Format("dot", False, lambda machine, path, engine: dot_of(machine, path).encode()),
    "mermaid": Format("mmd", False, lambda machine, path, engine: mermaid_of(machine, path).encode()),
    "markdown": Format("md", False, lambda machine, path, engine: markdown_of(machine).encode()),
}

__all__ = [
    "FORMATS",
    "Engine",
    "Format",
    "Highlight",
    "Visit",
    "dot_of",
    "highlight_from_json",
    "highlight_from_text",
    "highlight_of",
    "markdown_of",
    "mermaid_of",
    "png_of",
    "svg_of",
]
