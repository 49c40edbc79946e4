"""The pictures in `diagrams/` are those of the declared machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsm.diagram.generate import main, pictures, stale, write
from fsm.machines import MACHINES

COMMITTED = Path(__file__).parents[2] / "diagrams"


def test_no_committed_picture_is_stale() -> None:
    assert stale(COMMITTED) == [], "write them anew: make diagrams"


def test_every_machine_has_every_text_format() -> None:
    assert set(pictures()) == {f"{name}.{suffix}" for name in MACHINES for suffix in ("svg", "dot", "mmd", "md")}


def test_the_check_names_what_is_stale_missing_and_left_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    (tmp_path / "job.dot").write_text("digraph {}")
    (tmp_path / "job.md").unlink()
    (tmp_path / "old.svg").write_text("<svg/>")
    (tmp_path / "README").write_text("not a picture")
    capsys.readouterr()
    assert main(["--check", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert [line.removeprefix(str(tmp_path) + "/") for line in told.splitlines()[:3]] == [
        "job.dot is stale",
        "job.md is missing",
        "old.svg is of no machine",
    ]
    assert [path.name for path in write(tmp_path)] == ["job.dot", "job.md"]


def test_a_place_that_cannot_be_written_is_an_error_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file")]) == 2
    assert "file" in capsys.readouterr().err.lower()
