"""How the program in the pod was called (operator-semantics 1.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fsm.errors import InputError
from fsm.model import Mode
from fsm.reference.calls import Key

NO_TAG = "4.0"
"""The TiKV version that the program goes by where the image has no tag."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """`program` is `backup`, `export` or `clean`."""

    program: str
    key: Key
    mode: str = Mode.SNAPSHOT.value
    command: str = ""
    initialize: bool = False
    truncate_until: str = ""
    tikv_version: str = NO_TAG


def arguments_of_pod(args: Sequence[str]) -> Arguments:
    """The arguments of a container, as a Job of the operator has them."""
    program, *flags = args or ("",)
    given = dict(flag.removeprefix("--").split("=", 1) for flag in flags if "=" in flag)
    if program not in {"backup", "export", "clean"} or not given.keys() >= {"namespace", "backupName"}:
        raise InputError(f"{list(args)} are not the arguments of a backup's pod", expected="backup --namespace=NS …")
    return Arguments(
        program,
        (given["namespace"], given["backupName"]),
        given.get("mode", Mode.SNAPSHOT.value),
        given.get("subcommand", ""),
        given.get("initialize") == "true",
        given.get("truncate-until", ""),
        given.get("tikvVersion", NO_TAG),
    )
