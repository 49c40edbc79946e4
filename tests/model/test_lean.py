"""What a lean twin reads, pydantic reads as the same value; what the twin refuses, nobody but pydantic judges."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

import fsm
from fsm.model import OBJECT, WATCH_ITEM, Backup, Job, Model, Pod, Time, WatchItem
from fsm.model.lean import MOST_BRACKETS, lean_item, lean_object, twin_of

LINES = [
    line
    for path in sorted((Path(fsm.__file__).parent / "stories").glob("*.jsonl"))
    for line in path.read_bytes().splitlines()
    if b'"BOOKMARK"' not in line and b'"ERROR"' not in line
]
KINDS = (Backup, Job, Pod)


def properties(kind: type[Model]) -> list[str]:
    own = kind.__mro__[: kind.__mro__.index(Model)]
    return [name for base in own for name, value in vars(base).items() if type(value) is property and name[0] != "_"]


def differences(twin: Any, whole: Any, path: str = "") -> Iterator[str]:
    """Where a twin and a value of pydantic do not read the same, field by field and property by property."""
    if isinstance(whole, Model) and not isinstance(twin, Model):
        for name in (*type(whole).model_fields, *properties(type(whole))):
            yield from differences(getattr(twin, name), getattr(whole, name), f"{path}.{name}")
    elif isinstance(whole, tuple) and isinstance(twin, tuple) and len(whole) == len(twin):
        for number, pair in enumerate(zip(twin, whole, strict=True)):
            yield from differences(*pair, f"{path}[{number}]")
    elif isinstance(whole, Mapping) and isinstance(twin, Mapping) and list(whole) == list(twin):
        for key, value in whole.items():
            yield from differences(twin[key], value, f"{path}.{key}")
    elif twin != whole or type(twin) is not type(whole):
        yield f"{path}: {twin!r} is not {whole!r}"


def judged(text: bytes) -> bool:
    """Whether the twin reads a watch item; an AssertionError where pydantic does not read the same."""
    twin = lean_item(text)
    if twin is None:
        return False
    try:
        whole = WATCH_ITEM.validate_json(text)
    except ValidationError as error:
        raise AssertionError(f"pydantic refuses {text!r}") from error
    assert list(differences(twin, whole)) == []
    return True


def item(obj: Any) -> bytes:
    return json.dumps({"type": "ADDED", "object": obj}).encode()


# ---- everything that is declared


def sample(kind: Any) -> Any:
    """Plain data of a type with every field that is declared in it, all of them different from their defaults."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind == Time:
        return "2026-11-22T02:00:01Z"
    if origin in (Union, UnionType, Annotated):
        return sample(inner[0])
    if origin is Literal:
        return inner[0]
    if origin is tuple:
        return [sample(inner[0])] * 2
    if origin is not None:
        return {"log-start": sample(inner[1]), "b": sample(inner[1])}
    if issubclass(kind, Model):
        return {info.alias: sample(info.annotation) for info in kind.model_fields.values()}
    return (
        next(iter(kind)).value if hasattr(kind, "__members__") else {str: "text", int: 7, float: 0.5, bool: True}[kind]
    )


WHOLE = [sample(kind) for kind in KINDS]


@pytest.mark.parametrize("data", WHOLE, ids=lambda data: data["kind"])
def test_every_declared_field_is_read_as_pydantic_reads_it(data: Any) -> None:
    assert judged(item(data))
    assert list(differences(lean_object(json.dumps(data).encode()), OBJECT.validate_python(data))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_default_and_method_is_that_of_the_pydantic_type(kind: type[Model]) -> None:
    least: Any = {"kind": kind.__name__, "metadata": {"name": "a"}}
    assert judged(item(least))
    twin = lean_object(json.dumps(least).encode())
    assert twin is not None
    assert twin.status.condition("Failed") is None  # type: ignore[arg-type]


def paths(data: Any) -> Iterator[tuple[Any, ...]]:
    """The paths of everything inside plain data."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data[:1]) if isinstance(data, list) else ():
        yield (key,)
        yield from ((key, *rest) for rest in paths(value))


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a path."""
    if not path:
        return value
    copy = data.copy()
    copy[path[0]] = changed(data[path[0]], path[1:], value)
    return copy


TIMES = [
    "2026-11-22T02:00:01.5Z",
    "2026-11-22T02:00:01+01:00",
    "2026-11-22t02:00:01z",
    "2026-11-31T02:00:01Z",
    "2026-02-29T02:00:01Z",
    "2026-11-22T24:00:01Z",
    "2026-11-22 02:00:01",
    "2026-11-22T02:00:01Z\n",
    "٢٠٢٦-11-22T02:00:01Z",
]
STRANGE: list[Any] = [None, "", "x", "True", 0, -1, 1.0, 0.5, 2**64, True, [], [None], ["x"], [{}], {}, {"x": {}}]
STRANGE += [{"x": 1}, {"x": "y"}, "Complete", *TIMES]


@pytest.mark.parametrize("data", WHOLE, ids=lambda data: data["kind"])
def test_whatever_stands_anywhere_the_twin_accepts_no_more_than_pydantic(data: Any) -> None:
    watched = {"type": "ADDED", "object": data, "at": "2026-11-22T02:00:01Z"}
    for path in paths(watched):
        for value in STRANGE:
            judged(json.dumps(changed(watched, path, value)).encode())


@pytest.mark.parametrize("data", WHOLE, ids=lambda data: data["kind"])
def test_a_field_that_is_missing_is_missed_by_both(data: Any) -> None:
    for *parents, last in paths(data):
        around = data
        for step in parents:
            around = around[step]
        if isinstance(around, dict):
            judged(item(changed(data, tuple(parents), {k: v for k, v in around.items() if k != last})))


# ---- names and marks


@pytest.mark.parametrize(
    "key", ["resource_version", r"resource\u005fversion", r"\u0072esource_version", "owner_references", "from_"]
)
def test_a_python_name_in_json_is_left_to_pydantic(key: str) -> None:
    text = b'{"type":"ADDED","object":{"kind":"Job","metadata":{"name":"a","%s" : "x"}}}' % key.encode()
    assert lean_item(text) is None


def test_python_names_in_values_are_no_reason_to_be_slow() -> None:
    assert judged(item({"kind": "Job", "metadata": {"name": "a_b", "labels": {"x": "resource_version"}}}))


def test_a_mark_that_is_not_known_is_an_error_of_whoever_declares_it() -> None:
    class Marked(Model):
        text: Annotated[str, Field(max_length=3)] = ""

    with pytest.raises(TypeError, match="does not know the mark"):
        twin_of(Marked)


def test_a_twin_is_a_frozen_struct() -> None:
    twin: Any = lean_object(b'{"kind":"Pod","metadata":{"name":"a"}}')
    with pytest.raises(AttributeError):
        twin.metadata = None
    assert isinstance(twin, msgspec.Struct)


# ---- the text


@pytest.mark.parametrize("number", range(len(LINES)))
def test_every_recorded_line_is_read(number: int) -> None:
    assert judged(LINES[number])


ODD = {
    "half a surrogate pair": (rb'"\ud800"', False),
    "half a surrogate pair before text": (rb'"\ud800abcdefgh"', False),
    "the other half": (rb'"\udc00"', False),
    "a surrogate pair": (rb'"\ud83d\ude00"', False),
    "an escaped sign": (rb'"a \u003c b \u0026"', True),
    "a control character": (b'"\x01"', False),
    "an endless number": (b"9" * 5000, False),
    "a long number": (b"9" * 3999, True),
    "a great number": (b"1e999", True),
    "no number": (b"NaN", False),
    "a leading zero": (b"01", False),
    "no UTF-8": (b'"\xff"', False),
    "UTF-8 that is not ASCII": ('"ü"'.encode(), False),
    "as deep as pydantic goes": (b"[" * 190 + b"]" * 190, True),
    "deeper": (b"[" * MOST_BRACKETS + b"]" * MOST_BRACKETS, False),
    "far deeper, of objects": (b'{"a":' * 5000 + b"1" + b"}" * 5000, False),
    "an open bracket": (b"[1", False),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("place", ["spec.unknown", "unknown", "spec.storageSize"])
def test_text_that_msgspec_passes_over_is_as_pydantic_wants_it(name: str, place: str) -> None:
    value, readable = ODD[name]
    *parents, last = place.split(".")
    field = b'"%s":%s' % (last.encode(), value)
    inner = b'"spec":{%s}' % field if parents else field
    text = b'{"type":"ADDED","object":{"kind":"Backup","metadata":{"name":"a"},%s}}' % inner
    assert judged(text) == (readable and (last == "unknown" or value.startswith(b'"')))


@given(st.sampled_from(LINES), st.integers(0, 3000), st.integers(0, 40), st.binary(max_size=6))
def test_a_damaged_line_is_read_as_pydantic_reads_it_or_not_at_all(
    line: bytes, start: int, length: int, junk: bytes
) -> None:
    judged(line[:start] + junk + line[start + length :])


_WORDS = [b'"', b"null", b"{}", b"[]", b"true", b"1", b"1.5", b",", b":", b'""', b'"x"', b'"kind":"Pod",', b'"type":']


@given(st.sampled_from(LINES), st.integers(0, 3000), st.integers(0, 12), st.sampled_from(_WORDS))
def test_a_line_with_something_put_into_it_is_read_as_pydantic_reads_it_or_not_at_all(
    line: bytes, start: int, length: int, word: bytes
) -> None:
    judged(line[:start] + word + line[start + length :])


@given(st.data())
def test_a_key_that_is_given_twice_is_read_as_pydantic_reads_it(data: st.DataObject) -> None:
    line = data.draw(st.sampled_from(LINES))
    at = data.draw(st.sampled_from([i for i, sign in enumerate(line) if sign == ord("{")]))
    fields = [
        '"name":"b"',
        '"kind":"Job"',
        '"kind":"Pod"',
        '"phase":"Failed"',
        '"status":null',
        '"metadata":{}',
        '"spec":1',
    ]
    field = data.draw(st.sampled_from(fields)).encode()
    end = line.rindex(b"}")
    judged(line[: at + 1] + field + b"," + line[at + 1 :])
    judged(line[:end] + b"," + field + line[end:])


def test_a_watch_item_is_a_twin_too() -> None:
    assert type(lean_item(LINES[0])) is twin_of(WatchItem)
