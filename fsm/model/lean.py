"""Lean twins of the types that are read from Kubernetes: the same fields, defaults and methods, read in half the time.

pydantic knows which keys were given and keeps those it does not know. Whoever only looks at an object needs neither. A
twin is a frozen msgspec struct that is derived from the pydantic type, which remains the only declaration; it stands in
wherever nothing is written back. What is not read here is no error: pydantic reads it, and says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, reduce
from operator import attrgetter, or_
from types import FunctionType, UnionType
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

from msgspec import Meta, MsgspecError, Struct, convert, defstruct
from msgspec.json import Decoder
from pydantic import Strict
from pydantic.fields import FieldInfo

from fsm.errors import InputError
from fsm.model.backup import Backup
from fsm.model.base import EmptyOr, Model, NullAs
from fsm.model.instant import Time, seconds_of
from fsm.model.item import WatchItem
from fsm.model.job import Job
from fsm.model.pod import Pod
from fsm.model.policy import BackoffRetryPolicy

MOST_BRACKETS: Final = 200
"""As deep as pydantic's parser goes; a text with fewer brackets cannot be deeper."""

_AS_IT_IS: Final = (BackoffRetryPolicy,)
"""Types of which somebody asks which keys were given. They have no twin: pydantic reads them inside of one."""

_BUT_BRACKETS: Final = bytes(set(range(256)) - set(b"{["))
_ODD: Final = re.compile(rb'\\u(?!00[23])|_[a-z]*"\s*:|[0-9]{4000}')
"""What msgspec passes over in unknown fields and pydantic's parser might refuse: half a surrogate pair, an endless
number. And a key that is a field's Python name, or could become one: pydantic reads it as that field."""


def lean_item(text: bytes) -> WatchItem | None:
    """The watch item of a JSON text, as a twin; None where pydantic has to look at it."""
    return cast("WatchItem | None", _read(_ITEM, text))


def lean_object(text: bytes) -> Backup | Job | Pod | None:
    """The object of a JSON text, as a twin; None where pydantic has to look at it."""
    return cast("Backup | Job | Pod | None", _read(_OBJECT, text))


def _read(decoder: Decoder[Any], text: bytes) -> Any:
    if not _is_plain(text):
        return None
    try:
        return decoder.decode(text)
    except (MsgspecError, InputError):
        return None


def _is_plain(text: bytes) -> bool:
    """Whether what msgspec passes over is right, if it is JSON, in the eyes of pydantic's parser too."""
    if not text.isascii() or len(text.translate(None, _BUT_BRACKETS)) >= MOST_BRACKETS:
        return False
    may_be_odd = b"_" in text or b"\\" in text or len(text) >= 4000
    return not (may_be_odd and _ODD.search(text))


# ------------------------------------------------------------------ how a twin is made


@cache
def twin_of(model: type[Model]) -> type[Struct]:
    """The twin of a type. It reads fields by their JSON names alone, and no null that stands for an empty value."""
    space, fields, tag = _methods_of(model), [], {}
    for name, info in model.model_fields.items():
        if name == "kind" and get_origin(info.annotation) is Literal:
            space["kind"], tag = info.default, {"tag_field": "kind", "tag": info.default}
        else:
            fields.append((name, _type_of(info), *_default_of(info)))
    space["__post_init__"] = _check_of([name for name, info in model.model_fields.items() if _is_time(info)])
    rename = {name: info.alias or name for name, info in model.model_fields.items()}
    options: dict[str, Any] = {"frozen": True, "gc": False, "kw_only": True, "rename": rename, **tag}
    return defstruct(model.__name__, fields, namespace=space, **options)


def _methods_of(model: type[Model]) -> dict[str, Any]:
    """What the type and its bases add to a Model."""
    bases = reversed(model.__mro__[: model.__mro__.index(Model)])
    found = [(name, value) for base in bases for name, value in vars(base).items()]
    return {
        name: value
        for name, value in found
        if isinstance(value, FunctionType | property) and not name.startswith(("_", "model_"))
    }


def _check_of(times: list[str]) -> Callable[[Any], None]:
    """Refuses what is no time, as the field's validator does."""
    if not times:
        return lambda _: None
    first, *others = times
    rest = _check_of(others) if others else None
    get = attrgetter(first)

    def check(twin: Any) -> None:
        text = get(twin)
        if text is not None:
            seconds_of(text)
        if rest is not None:
            rest(twin)

    return check


def _is_time(info: FieldInfo) -> bool:
    return Time in get_args(info.annotation)


def _type_of(info: FieldInfo) -> Any:
    """A field's type. A mark on it that is not known here is a TypeError, so that none is passed over."""
    kind = _twinned(info.annotation)
    for mark in info.metadata:
        if least := getattr(mark, "min_length", None):
            kind = Annotated[kind, Meta(min_length=least)]
        elif not isinstance(mark, NullAs | EmptyOr | Strict):
            raise TypeError(f"a lean twin does not know the mark {mark!r}")
    return kind


def _twinned(kind: Any) -> Any:
    """A type with the twins of its models. A word that may be empty is left to pydantic where it is."""
    origin: Any = get_origin(kind)
    if origin is None or origin is Literal:
        return twin_of(kind) if _has_twin(kind) else kind
    first, *others = [_twinned(each) for each in get_args(kind) if each not in (Literal[""], ...)]
    if origin is Annotated:
        return first
    if origin in (Union, UnionType):
        return reduce(or_, others, first)
    return tuple.__class_getitem__((first, ...)) if origin is tuple else dict.__class_getitem__((first, *others))


def _has_twin(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model) and kind not in _AS_IT_IS


def _default_of(info: FieldInfo) -> tuple[Any, ...]:
    """The default, if there is one."""
    if info.is_required():
        return ()
    kind: type[Model] = type(info.default)
    return (convert(info.default.to_json(), twin_of(kind)) if _has_twin(kind) else info.default,)


def _by_pydantic(kind: type[Model], data: Any) -> Model:
    return kind.model_validate(data)


_ITEM: Final = Decoder(twin_of(WatchItem), dec_hook=_by_pydantic)
_OBJECT: Final = Decoder(_twinned(Backup | Job | Pod), dec_hook=_by_pydantic)
