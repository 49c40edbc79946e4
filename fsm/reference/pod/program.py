"""From arguments to a program, and from its error to an exit code."""

from __future__ import annotations

from collections.abc import Callable

from fsm.reference.calls import Done, Result
from fsm.reference.pod.arguments import Arguments
from fsm.reference.pod.backup import backup
from fsm.reference.pod.clean import clean
from fsm.reference.pod.export import export
from fsm.reference.program import GoError, Program


def program_of(arguments: Arguments) -> Program[Done]:
    """The program that these arguments call. It ends well only if its last write did."""
    programs: dict[str, Callable[[Arguments], Program[None]]] = {"backup": backup, "export": export, "clean": clean}
    try:
        yield from programs[arguments.program](arguments)
    except GoError as error:
        return Done(Result.ERROR, str(error))
    return Done()
