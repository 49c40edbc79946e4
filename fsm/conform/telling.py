"""Vectors and what happens in them, in short texts for people. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from msgspec import UNSET, Struct, structs

from fsm.conform.play import Asked, kind_of
from fsm.conform.shape import Contents, Event, Fault, Happening, JobDeleted, Refresh, Run, Set
from fsm.conform.times import START, text_at
from fsm.conform.vector import RuleCase, Vector
from fsm.model import Backup, Job
from fsm.reference import ApiError, Call, Instant

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def happenings(vector: Vector, until: int | None = None) -> list[str]:
    """What happens in a vector, a line each, up to the happening with that index."""
    if isinstance(vector.case, RuleCase):
        return [vector.case.name]
    when = vector.case.when
    return [_happening(each) for each in (when if until is None else when[: until + 1])]


def _happening(happening: Happening) -> str:
    match happening:
        case Set(set=changes):
            return f"set {', '.join(_said(changes))}"
        case Refresh(refresh=what):
            return f"refresh {', '.join(what)}"
        case _:
            return "; ".join([f"run {_run(happening)}", *map(_fault, happening.answers)])


def _said(changes: Struct) -> Iterator[str]:
    """The names of what is replaced."""
    for name, value in structs.asdict(changes).items():
        if isinstance(value, Contents):
            yield from (f"{name}.{each}" for each in _said(value))
        elif value is not UNSET:
            yield name


def _run(happening: Run) -> str:
    verb = str(happening.__struct_config__.tag)
    match happening:
        case Event(tombstone=True) | JobDeleted(tombstone=True):
            return f"{verb} of a tombstone"
        case Event(object=Backup()):
            return f"{verb} with another object"
        case JobDeleted(job=Job() as job):
            return f"{verb} {job.metadata.name}"
    return verb


def _fault(fault: Fault) -> str:
    done = ", although it is performed" if fault.performed else ""
    return f"{fault.call} number {fault.nth} is answered {fault.error.value}{done}"


# ------------------------------------------------------------------ calls and answers


def asked_text(asked: Asked) -> str:
    """A call and its answer: `cached job ns/backup-demo: none`."""
    call = asked.call
    name = kind_of(call) or _WORD.sub(" ", type(call).__name__).lower()
    arguments = [_value(getattr(call, each.name)) for each in fields(call)]
    answer = _answer(call, asked.answer)
    return " ".join([name, *arguments]) + (f": {answer}" if answer else "")


def _answer(call: Call, answer: Any) -> str:
    """Of calls that answer nothing only a refusal is told."""
    if isinstance(answer, ApiError):
        return f"{answer.refused.value}: {answer.message}"
    return "" if answer is None and not _is_question(call) else _value(answer)


def _is_question(call: Call) -> bool:
    return type(call).__name__.startswith(("Cached", "Read"))


def _value(value: Any) -> str:
    match value:
        case None:
            return "none"
        case Backup() | Job():
            return _object(value)
        case Instant(nanoseconds):
            return f"{text_at(value.seconds - START)} and {nanoseconds % 10**9} ns"
        case str(namespace), str(name):
            return f"{namespace}/{name}"
        case tuple() | frozenset():
            return f"[{', '.join(sorted(map(_value, value)) if isinstance(value, frozenset) else map(_value, value))}]"
    if is_dataclass(value):
        inside = ", ".join(f"{each.name}={_value(getattr(value, each.name))}" for each in fields(value))
        return f"{type(value).__name__}({inside})"
    return str(value)


def _object(value: Backup | Job) -> str:
    """An object by its identity, and where it stands."""
    if isinstance(value, Backup):
        state = str(value.status.phase) or "no phase"
    else:
        state = ", ".join(each.type for each in value.status.conditions if each.status == "True") or "unfinished"
    return f"{value.kind} {'/'.join(value.key)} ({state})"
