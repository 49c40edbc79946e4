"""Text made safe for each notation a picture is written in. Nothing in here knows what the text says.

A state, event or guard may be called anything. Characters that no picture can show (controls, lone surrogates, the
two non-characters that XML forbids) become the replacement character; every other one is shown as it is.
"""

from __future__ import annotations

import re
from html import escape

from fsm.kernel import Transition

_SPACES = str.maketrans(
    {"\n": " ", "\r": " ", "\t": " ", "\v": " ", "\f": " ", "\x85": " ", "\u2028": " ", "\u2029": " "}
)
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MERMAID = re.compile(r"""[^\w ,./()!?+*@=|'\-\[\]]""")
_MARKDOWN = re.compile(r"[\\`*\[\]|~$<>&!]|(?<![^\W_])_|_(?![^\W_])|^[#+=-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")


def shown(text: str) -> str:
    """The text on one line, without what cannot be drawn."""
    return _HIDDEN.sub("\ufffd", text.translate(_SPACES))


def html(text: str) -> str:
    """For the inside of a Graphviz HTML-like label: XML, in which `\\N` and its like are expanded too."""
    return escape(shown(text), quote=True).replace("\\", "\\\\")


def quoted(text: str) -> str:
    """A DOT string for a name, which is compared and not read: backslashes doubled, so that none ends the string.

    Names that only differ in what cannot be shown are kept apart by their identifiers.
    """
    plain = shown(text)
    name = plain if plain == text else f"{plain} {identifier(text)}"
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def tooltip(text: str) -> str:
    """A DOT string for a tooltip, with its line breaks. Graphviz expands entities in it, and backslashes twice."""
    lines = (escape(shown(line), quote=False).replace("\\", "\\" * 4).replace('"', '\\"') for line in text.split("\n"))
    return '"' + "\\n".join(lines) + '"'


def mermaid(text: str) -> str:
    """Mermaid text: everything that its grammar might read is written as a character number."""
    return _MERMAID.sub(lambda found: f"#{ord(found[0])};", shown(text))


def markdown(text: str) -> str:
    """Markdown text that stands for itself: in a paragraph, in a table cell, and where HTML is allowed."""
    return _MARKDOWN.sub(lambda found: escape(found[0]) if found[0] in "<>&" else "\\" + found[0], shown(text).strip())


def identifier(text: str) -> str:
    """An XML id, URL fragment and Mermaid name: injective, and the text itself where that is a plain word.

    Other characters become their number between dots; a dot is one of them.
    """
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: f".{ord(found[0]):x}.", text)


def guards_of(transition: Transition, *, otherwise: bool = False) -> str:
    """`[a and not b]`, `[else]` for an unguarded last alternative, or nothing."""
    if transition.guards:
        return f"[{' and '.join(transition.guards)}]"
    return "[else]" if otherwise else ""


def effects_of(transition: Transition) -> str:
    """`/ CreateJob, RequeueAt`, or nothing."""
    return f"/ {', '.join(transition.effects)}" if transition.effects else ""
