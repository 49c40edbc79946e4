"""The colours of the pictures, light and dark, and nothing else.

Blue and vermillion are Okabe and Ito's, which people who cannot tell red from green can tell apart; every outcome also
has a mark and a double border, every loop a thicker line. The light value stands in the DOT text (and PNG); a style
sheet in the SVG puts the dark one in its place. Values are unique, because the style sheet finds them by value.
"""

from __future__ import annotations

from typing import NamedTuple


class Colour(NamedTuple):
    """Of one role, as #rrggbb: on a light and on a dark page."""

    light: str
    dark: str


PAPER = Colour("#ffffff", "#0d1117")
INK = Colour("#1f2328", "#e6edf3")
MUTED = Colour("#59636e", "#9198a1")
LIGHT = Colour("#a8b1ba", "#5a636e")
FAINT = Colour("#d0d7de", "#30363d")
BOX = Colour("#f6f8fa", "#161b22")
FRAME = Colour("#fbfcfd", "#10151c")
BORDER = Colour("#8c959f", "#6e7681")
GOOD = Colour("#0072b2", "#56b4e9")
GOOD_BOX = Colour("#e8f3fa", "#0b2636")
BAD = Colour("#b84a00", "#f0883e")
BAD_BOX = Colour("#fdefe4", "#33190a")
LOOP = Colour("#8b3f8f", "#d59be0")
PATH = Colour("#00795a", "#2fd6a8")
PATH_BOX = Colour("#e3f6ef", "#07291f")

COLOURS: dict[str, Colour] = {
    name.lower().replace("_", "-"): value for name, value in sorted(globals().items()) if isinstance(value, Colour)
}
