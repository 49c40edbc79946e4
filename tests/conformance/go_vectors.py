"""The checked-in vectors, all printed by the operator's own Go code, and how much of our code they reach.

`python tests/conformance/go_vectors.py` prints the functions of `fsm.rules` and `fsm.reference` of which the vectors
leave out a line or a branch.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from fsm.conform import Judgement, Vector, judged, vector_from
from fsm.errors import Place

ROOT = Path(__file__).parents[2]
FILES = sorted((Path(__file__).parent / "vectors").glob("*.jsonl.gz"))


@cache
def lines(file: Path) -> tuple[str, ...]:
    return tuple(gzip.decompress(file.read_bytes()).decode().splitlines())


def vectors(file: Path) -> Iterator[Vector]:
    return (vector_from(line, Place(file.name, number)) for number, line in enumerate(lines(file), 1))


def mismatched(file: Path) -> Iterator[Judgement]:
    """The vectors that do not conform, one by one."""
    return (judgement for judgement in map(judged, vectors(file)) if not judgement.conforms)


def unreached() -> dict[str, str]:
    """`module.function` to the lines and branches of it that no vector reaches. Measured in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        data, report = Path(directory, "data"), Path(directory, "report.json")
        coverage = [sys.executable, "-m", "coverage"]
        judge = [str(Path(sys.executable).with_name("backup-fsm")), "conform", *map(str, FILES)]
        measured = ["--branch", "--source=fsm.rules,fsm.reference", f"--data-file={data}"]
        subprocess.run([*coverage, "run", *measured, *judge], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*coverage, "json", f"--data-file={data}", "-o", str(report), "-q"], cwd=ROOT, check=True)
        files = json.loads(report.read_text("utf-8"))["files"]
    return {
        f"{path.removesuffix('.py').replace('/', '.')}.{name}": _missing(function)
        for path, file in sorted(files.items())
        for name, function in file["functions"].items()
        if name and _missing(function)
    }


def _missing(function: dict[str, list[object]]) -> str:
    branches = (f"{start}->{end}" for start, end in function["missing_branches"])  # type: ignore[misc]
    return ", ".join((*map(str, function["missing_lines"]), *branches))


if __name__ == "__main__":
    for name, missing in unreached().items():
        print(f"{name}: {missing}")
