"""Pictures of travelled paths: one file a Backup and format, in a directory that is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fsm.diagram import FORMATS, highlight_from_json
from fsm.machines import MACHINES

FORMS = tuple(name for name in FORMATS if name != "markdown")
"""The formats that can show a path."""
LONGEST_NAME = 200


class Pictures:
    """Draws what a replay says of Backups, and remembers the names of its files."""

    def __init__(self, directory: Path, forms: Sequence[str], prefix: str = "", taken: set[str] | None = None) -> None:
        self.directory, self.forms, self.prefix = directory, forms, prefix
        self.taken: set[str] = set() if taken is None else taken

    def of_story(self, name: str) -> Pictures:
        """The same directory; the names of the files begin with that of the story."""
        return Pictures(self.directory, self.forms, f"{name}.", self.taken)

    def draw(self, entry: Mapping[str, Any]) -> None:
        """Write the pictures of one Backup; one that was not given has no machine, and no picture."""
        if entry["machine"] is None:
            return
        machine = MACHINES[entry["machine"]]
        path = highlight_from_json(machine, {"backups": [entry]})
        self.directory.mkdir(parents=True, exist_ok=True)
        stem = self._stem(entry)
        for form in self.forms:
            target = self.directory / f"{stem}.{FORMATS[form].suffix}"
            target.write_bytes(FORMATS[form].draw(machine, path, "pure"))

    def told(self) -> str:
        """What was written, as a sentence."""
        number = len(self.taken) * len(self.forms)
        if not number:
            return "no picture was written: no Backup was given"
        return f"wrote {number} {'picture' if number == 1 else 'pictures'} into {self.directory}"

    def _stem(self, entry: Mapping[str, Any]) -> str:
        """A file name that no object can lead out of the directory; Backups of one name differ by their uid."""
        stem = f"{self.prefix}{_safe(entry['namespace'])}.{_safe(entry['name'])}"[:LONGEST_NAME]
        if stem in self.taken:
            stem = f"{stem}.{_safe(entry['uid'])}"[-LONGEST_NAME:]
        self.taken.add(stem)
        return stem


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", text) or "_"
