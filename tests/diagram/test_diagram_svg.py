"""SVG and PNG: readable in light and dark, documented, the same bytes everywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from diagram_charts import CORNER, TINY

from fsm.diagram import FORMATS, Visit, dot_of, png_of, svg_of
from fsm.diagram.highlight import Highlight
from fsm.diagram.palette import COLOURS, Colour
from fsm.errors import UsageError
from fsm.kernel import Machine
from fsm.machines import MACHINES

SVG = "{http://www.w3.org/2000/svg}"
each_machine = pytest.mark.parametrize("machine", [*MACHINES.values(), TINY, CORNER], ids=lambda machine: machine.name)


@each_machine
def test_every_colour_of_a_picture_has_a_dark_value(machine: Machine) -> None:
    path = Highlight({0: 2}, {machine.initial[0]: Visit(1)}, machine.initial)
    for highlight in (None, path):
        root = ElementTree.fromstring(svg_of(machine, highlight))
        shapes = [each for each in root.iter() if each.tag != f"{SVG}style"]
        used = {each.get(key) for each in shapes for key in ("fill", "stroke")} - {None, "none", "transparent"}
        assert used <= {colour.light for colour in COLOURS.values()}
        texts = list(root.iter(f"{SVG}text"))
        assert texts
        assert all(each.get("fill") for each in texts if (each.text or "").strip())


def test_colours_are_found_by_value_so_no_two_are_the_same() -> None:
    assert len({colour.light for colour in COLOURS.values()}) == len(COLOURS)


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        (text, ground)
        for text, grounds in {
            "ink": ("paper", "box", "frame", "good-box", "bad-box", "path-box"),
            "muted": ("paper", "box", "frame", "bad-box"),
            "loop": ("paper", "frame"),
            "path": ("paper", "frame", "path-box", "good-box", "bad-box"),
            "good": ("paper",),
            "bad": ("paper",),
        }.items()
        for ground in grounds
    ],
)
def test_text_stands_out_from_its_ground(shade: str, text: str, ground: str) -> None:
    def value(name: str) -> str:
        colour: Colour = COLOURS[name]
        return str(getattr(colour, shade))

    assert contrast(value(text), value(ground)) >= 4.5


def test_states_and_edges_carry_their_documentation() -> None:
    root = ElementTree.fromstring(svg_of(TINY))
    groups = {group.get("id"): group for group in root.iter(f"{SVG}g")}
    assert groups["state-first"].findtext(f"{SVG}title") == "The first half."
    assert groups["state-work"].findtext(f"{SVG}title") == "Somebody works."
    assert groups["edge-0"].findtext(f"{SVG}title") == "idle --start--> first: Work begins. (knock)"
    assert root.findtext(f"{SVG}desc") == TINY.doc


def test_nothing_of_the_machine_it_was_made_on_is_in_a_picture() -> None:
    for name, form in FORMATS.items():
        content = form.draw(TINY, None, "pure")
        assert str(Path.cwd()).encode() not in content
        assert not re.search(rb"[Gg]enerated by|graphviz version|20\d\d-\d\d-\d\d", content), name


def test_the_same_bytes_come_out_whatever_the_hash_seed() -> None:
    code = (
        "import hashlib; from fsm.diagram import FORMATS; from fsm.machines import MACHINES\n"
        "for name, form in FORMATS.items():\n"
        "    print(name, [hashlib.sha256(form.draw(m, None, 'pure')).hexdigest() for m in MACHINES.values()])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_a_png_is_a_png_and_grows_with_its_scale() -> None:
    small, large = png_of(TINY, scale=1), png_of(TINY, scale=2)
    assert small.startswith(b"\x89PNG")
    width = int.from_bytes(small[16:20], "big")
    assert abs(int.from_bytes(large[16:20], "big") - 2 * width) <= 2


@pytest.mark.parametrize("scale", [0, -1, 11, float("nan")])
def test_an_impossible_scale_is_refused(scale: float) -> None:
    with pytest.raises(UsageError, match="scale"):
        png_of(TINY, scale=scale)


def test_an_unknown_engine_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="there is no engine neat; there are pure, dot"):
        svg_of(TINY, engine="neat")  # type: ignore[arg-type]


@pytest.mark.parametrize(("engine", "advice"), [("dot", "use the engine pure"), ("pure", "pip install graphviz-pure")])
def test_a_missing_engine_says_what_to_do(engine: str, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *args, **options: None)
    with pytest.raises(UsageError, match=advice):
        svg_of(TINY, engine=engine)  # type: ignore[arg-type]


@pytest.mark.skipif(shutil.which("dot") is None, reason="the engine dot is not installed")
def test_the_system_engine_draws_the_same_states_and_edges() -> None:
    def ids(text: str) -> set[str | None]:
        found = {group.get("id") for group in ElementTree.fromstring(text).iter(f"{SVG}g")}
        return {each for each in found if each and each.startswith(("state-", "edge-"))}

    assert ids(svg_of(TINY, engine="dot")) == ids(svg_of(TINY))


def test_a_picture_without_a_path_has_no_path_colour() -> None:
    assert COLOURS["path"].light not in dot_of(TINY)
