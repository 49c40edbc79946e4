"""Frozen values to JSON data and back: values, named tuples and data classes become objects, tuples lists.

Only the shapes that contexts, events and effects use: str, int, bool, None, enums of strings, tuples of one element
type, mappings from strings, and such values nested. Anything else is an error of the caller, not of the data.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Iterable
from enum import Enum
from typing import Any

from msgspec import Struct
from msgspec.structs import fields as struct_fields

from fsm.errors import InputError, Place


def plain(value: Any) -> Any:
    """JSON data of a value."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int | float | bool):
        return value
    kind: Any = type(value)
    if fields := _fields(kind):
        return {name: plain(getattr(value, name)) for name in fields}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def typed(kind: Any, data: Any, path: str = "") -> Any:
    """The value of type `kind` that `plain` wrote as `data`; InputError names the path that does not fit."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return data
    if origin is typing.Literal:
        _expect(data in arguments, data, f"one of {', '.join(map(str, arguments))}", path)
        return data
    if origin in (typing.Union, types.UnionType):
        return _one_of(arguments, data, path)
    if origin is tuple:
        _expect(isinstance(data, list), data, "a list", path)
        return tuple(typed(arguments[0], each, f"{path}[{i}]") for i, each in enumerate(data))
    if origin is dict:
        _expect(isinstance(data, dict), data, "an object", path)
        return {key: typed(arguments[1], each, f"{path}.{key}") for key, each in data.items()}
    if fields := _fields(kind):
        return kind(**{name: typed(fields[name], each, f"{path}.{name}") for name, each in _members(kind, data, path)})
    if isinstance(kind, type) and issubclass(kind, Enum):
        words = [member.value for member in kind]
        _expect(data in words, data, f"one of {', '.join(map(str, words))}", path)
        return kind(data)
    if kind is type(None):
        _expect(data is None, data, "null", path)
        return None
    _expect(isinstance(data, kind) and (kind is bool or not isinstance(data, bool)), data, f"a {kind.__name__}", path)
    return data


def _members(kind: Any, data: Any, path: str) -> Iterable[tuple[str, Any]]:
    """The members of an object that is to become a value of this kind: none unknown, none that is needed missing."""
    _expect(isinstance(data, dict), data, "an object", path)
    fields = _fields(kind)
    unknown, missing = sorted(set(data) - set(fields)), sorted(_needed(kind) - set(data))
    _expect(not unknown, unknown, f"only {', '.join(fields)}", path)
    _expect(not missing, sorted(data), f"{', '.join(missing)} too", path)
    items: Iterable[tuple[str, Any]] = data.items()
    return items


def _one_of(kinds: tuple[Any, ...], data: Any, path: str) -> Any:
    if data is None and type(None) in kinds:
        return None
    for kind in kinds:
        try:
            return typed(kind, data, path)
        except InputError:
            continue
    names = " or ".join(getattr(kind, "__name__", str(kind)) for kind in kinds)
    raise InputError(f"found {data!r}", expected=names, place=Place(path=path.lstrip(".")))


def _expect(holds: bool, found: Any, expected: str, path: str) -> None:
    if not holds:
        raise InputError(f"found {found!r}", expected=expected, place=Place(path=path.lstrip(".")))


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:
    """Field names and types of a value, named tuple or data class, else empty."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        hints = typing.get_type_hints(kind)
        return {name: hints[name] for name in kind.__struct_fields__}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        return {each.name: hints[each.name] for each in dataclasses.fields(kind)}
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        hints = typing.get_type_hints(kind)
        return {name: hints[name] for name in kind._fields}
    return {}


@functools.cache
def _needed(kind: Any) -> frozenset[str]:
    """The fields without a default."""
    if issubclass(kind, Struct):
        return frozenset(each.name for each in struct_fields(kind) if each.required)
    if dataclasses.is_dataclass(kind):
        absent = dataclasses.MISSING
        plain_fields = (each for each in dataclasses.fields(kind) if each.default is absent)
        return frozenset(each.name for each in plain_fields if each.default_factory is absent)
    return frozenset(kind._fields) - frozenset(kind._field_defaults)
