"""pydantic's errors as InputErrors: the path inside the object, what was found, what was expected, in plain words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fsm.errors import InputError, Place

GIVEN = "<given>"
"""Label of the branch of a nullable field that was not null; never part of a path."""
NULL = "<null>"
"""Label of the branch that was null; its complaints say nothing, since the other branch has them."""

KEY = "[key]"
"""What pydantic says of a name in a map that may not stand there; the path ends with that name."""

CONTRADICTION = "contradiction"
"""The type of an error whose context says all: `path`, `problem`, `expected`."""

_KINDS = frozenset({"Backup", "Job", "Pod"})
_SHOWN = 60  # characters of a wrong value

_EXPECTED = {
    "extra_forbidden": "no such key",
    "greater_than_equal": "a number that is not negative",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a map of names to values",
    "model_type": "an object with named fields",
    "model_attributes_type": "an object with named fields",
    "union_tag_not_found": "a kind: Backup, Job or Pod",
    "union_tag_invalid": "kind Backup, Job or Pod",
    "string_unicode": "text in UTF-8",
    "invalid_key": "field names that are text",
}
_EXPECTED_FIELDS = {
    "metadata": "metadata with a name",
    "name": "a name that is not empty",
    "object": "the object",
    "type": "a type",
}


def errors_of(error: ValidationError, place: Place | None = None) -> list[InputError]:
    """One InputError for each thing wrong, in pydantic's order, never empty; `place.path` goes before each path."""
    details = error.errors(include_url=False)
    return [_input_error(one, place or Place()) for one in details if NULL not in one["loc"]]


def _input_error(error: ErrorDetails, place: Place) -> InputError:
    path = joined(place.path, _path(error))
    if error["type"] == CONTRADICTION:
        said = error["ctx"]
        return InputError(
            said["problem"], expected=said["expected"], place=replace(place, path=joined(path, said["path"]))
        )
    return InputError(_found(error), expected=_expected(error), place=replace(place, path=path))


def _path(error: ErrorDetails) -> str:
    """`status.conditions[2].lastTransitionTime`: inside the object, also where the object is a watch item's."""
    loc = [part for part in error["loc"] if part not in (GIVEN, KEY)]
    if loc[:1] == ["object"] and loc[1:2] and loc[1] in _KINDS:
        loc = loc[2:] or ["object"]
    elif loc[:1] and loc[0] in _KINDS:
        loc = loc[1:]
    if error["type"].startswith("union_tag"):
        loc.append("kind")
    path = ""
    for part in loc:
        path = f"{path}[{part}]" if isinstance(part, int) else joined(path, part)
    return path


def joined(path: str, name: str) -> str:
    """`path.name`; either may be empty."""
    return f"{path}.{name}" if path and name else path or name


def _found(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return "missing"
    if error["type"] == "json_invalid":
        return f"not JSON: {error.get('ctx', {}).get('error', error['msg'])}"
    return f"found {_shortened(_value(error))}"


def _value(error: ErrorDetails) -> Any:
    """What was found: for a missing or unknown kind, the kind and not the whole object."""
    value = error["input"]
    if error["type"].startswith("union_tag"):
        return value.get("kind") if isinstance(value, dict) else value
    return value


def _shortened(value: Any) -> str:
    return "null" if value is None else cut(json.dumps(value, default=repr, ensure_ascii=False))


def cut(text: str) -> str:
    """Of a long text, the beginning."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _expected(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "missing":
        return _EXPECTED_FIELDS.get(str(error["loc"][-1]), "a value")
    if error["type"] == "json_invalid":
        return "one JSON value"
    if error["type"] == "less_than_equal":
        return f"at most {context['le']}"
    return _EXPECTED.get(error["type"]) or _listed(str(context.get("expected") or error["msg"]))


def _listed(words: str) -> str:
    """pydantic's `'a', 'b' or 'c'` without the quotes."""
    return words.replace("'", "")
