"""The committed pictures: `python -m fsm.diagram.generate [--check] DIR` writes or compares them, and nothing else.

Every format but PNG, for every machine: the bytes are the same on every machine, so that a stale file is one that
differs. PNG is left out because a picture of text that is in the repository already is only weight.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from fsm.diagram import FORMATS
from fsm.errors import FsmError
from fsm.machines import MACHINES


def pictures() -> dict[str, bytes]:
    """File name -> content, of all pictures that are kept."""
    kept = [form for form in FORMATS.values() if not form.binary]
    return {
        f"{machine.name}.{form.suffix}": form.draw(machine, None, "pure")
        for machine in MACHINES.values()
        for form in kept
    }


def stale(directory: Path) -> list[str]:
    """The pictures that are missing, differ, or are left over in a directory, with the reason, by name."""
    wanted = pictures()
    suffixes = {f".{form.suffix}" for form in FORMATS.values()}
    there = {path.name for path in directory.glob("*") if path.suffix in suffixes}
    found = dict.fromkeys(there - wanted.keys(), "is of no machine")
    found |= dict.fromkeys(wanted.keys() - there, "is missing")
    for name in wanted.keys() & there:
        if (directory / name).read_bytes() != wanted[name]:
            found[name] = "is stale"
    return [f"{directory / name} {why}" for name, why in sorted(found.items())]


def write(directory: Path) -> list[Path]:
    """Write all pictures; returns the files whose content changed."""
    directory.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, content in pictures().items():
        path = directory / name
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
            changed.append(path)
    return changed


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures, or check them."""
    return write_or_check("fsm.diagram.generate", __doc__, write, stale, arguments)


def write_or_check(
    module: str,
    doc: str | None,
    written: Callable[[Path], Iterable[object]],
    faults: Callable[[Path], Iterable[object]],
    arguments: Sequence[str] | None,
) -> int:
    """The command line of what is generated into a directory; prints the files that changed, or what is wrong.

    Exit code 0: all is written or up to date; 1: the check found a fault; 2: it cannot be done.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=doc)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--check", action="store_true", help="write nothing; fail and name each file that is stale")
    chosen = parser.parse_args(arguments)
    try:
        found = list((faults if chosen.check else written)(chosen.directory))
    except (FsmError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for line in found:
        print(line, file=sys.stderr if chosen.check else sys.stdout)
    if chosen.check and found:
        print(f"write them anew: python -m {module} {chosen.directory}", file=sys.stderr)
    return int(chosen.check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
