"""Reads what kubectl prints: documents become typed watch items, or Problems that say what is wrong.

Lazy: it never raises for what it reads, never holds more of the input than one document, never reads a clock and never
guesses. A broken item is reported with its place, and the rest of the input is read.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from fsm.model import (
    OBJECT,
    WATCH_ITEM,
    Backup,
    Job,
    Pod,
    WatchItem,
    errors_of,
    seconds_of,
)
from fsm.model.lean import lean_item, lean_object
from fsm.replay.documents import LIMIT, YAML_LIMIT, Document, documents
from fsm.replay.problem import BrokenError, Problem, broken, shown
from fsm.replay.texts import NOTHING, Node, Plain, decoded, json_data, node_at, tree_of

__all__ = ["LIMIT", "REMEMBERED", "YAML_LIMIT", "Document", "Item", "Problem", "documents", "items"]

REMEMBERED: Final = 4096
"""So many live objects `items` remembers by the text of their last line; the least recently seen one is forgotten."""


class Item(NamedTuple):
    """One watch item. `type` is "" for a bare object; `at` is the item's own time of arrival in Unix seconds.

    `lean`: the object, to look at only: perhaps a twin (`fsm.model.lean`), which does not know what it does not need.
    `repeat`: the bytes of the object's last document came again; `lean` is then the same value, not an equal one.
    `text`: the JSON it was read from, of the object itself where `type` is "", else of the whole watch item.
    `source`: the document as it stands in the input, None where that has several items.
    """

    file: str
    line: int
    type: str
    lean: Backup | Job | Pod
    at: int | None = None
    source: bytes | None = None
    repeat: bool = False
    text: bytes = b""

    @property
    def object(self) -> Backup | Job | Pod:
        """The object in full, read from the text on every call."""
        return object_of(self.type, self.text)


def items(documents: Iterable[Document | Problem], remembered: int = REMEMBERED) -> Iterator[Item | Problem]:
    """The items of the documents, in their order, and at most one Problem for each document that is none.

    `BOOKMARK` is skipped. A document that repeats the last one of the same object, byte for byte, is not parsed again:
    the items of the `remembered` objects seen last are kept, by document, until the object is deleted.
    """
    memory = _Memory(remembered)
    bare = False
    for document in documents:
        if isinstance(document, Problem):
            yield document
            continue
        if known := memory.item(document.text):
            yield known._replace(file=document.file, line=document.line, repeat=True)
            continue
        for result in _results(document, bare):
            if isinstance(result, Item):
                bare = not result.type
                memory.keep(result)
            yield result


class _Memory:
    """The last item of each live object by its source, of at most `size` objects."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: OrderedDict[bytes, Item] = OrderedDict()
        self._sources: dict[tuple[str, ...], bytes] = {}

    def item(self, source: bytes) -> Item | None:
        item = self._items.get(source)
        if item:
            self._items.move_to_end(source)
        return item

    def keep(self, item: Item) -> None:
        key = _identity(item)
        if old := self._sources.pop(key, None):
            del self._items[old]
        if item.source is None or item.type == "DELETED":
            return
        self._items[item.source] = item
        self._sources[key] = item.source
        if len(self._items) > self._size:
            _, oldest = self._items.popitem(last=False)
            del self._sources[_identity(oldest)]


def _identity(item: Item) -> tuple[str, ...]:
    metadata = item.lean.metadata
    return item.lean.kind, metadata.namespace, metadata.name, metadata.uid


def _results(document: Document, bare: bool) -> Iterable[Item | Problem]:
    """`bare`: how the last item was written, which is how this one will be."""
    try:
        return (_item(document, document.text, document.text, bare),)
    except ValidationError:
        return _Explained(document).results()


def _item(document: Document, text: bytes, source: bytes | None, bare: bool) -> Item:
    if bare:
        return Item(document.file, document.line, "", _looked_at(text), None, source, False, text)
    watched = _watched(text)
    at = None if watched.at is None else seconds_of(watched.at)
    return Item(document.file, document.line, watched.type, watched.object, at, source, False, text)


def _watched(text: bytes) -> WatchItem:
    return lean_item(text) or WATCH_ITEM.validate_json(text)


def _looked_at(text: bytes) -> Backup | Job | Pod:
    return lean_object(text) or OBJECT.validate_json(text)


def object_of(type_: str, text: bytes) -> Backup | Job | Pod:
    """The object of an item's text, in full. It was read once before and so can be read again."""
    return WATCH_ITEM.validate_json(text).object if type_ else OBJECT.validate_json(text)


def lean_object_of(type_: str, text: bytes) -> Backup | Job | Pod:
    """The same to be looked at only."""
    return _watched(text).object if type_ else _looked_at(text)


class _Explained:
    """The slow path, for each document that is not JSON of the same form as the last: what it holds, or what is wrong.

    The `path`s here begin at the top of the document; those in problems at the top of the object.
    """

    def __init__(self, document: Document) -> None:
        self.document = document

    def results(self) -> Iterator[Item | Problem]:
        try:
            data = self._data()
        except BrokenError as error:
            yield broken(self.document.file, self.document.line + error.line, str(error))
        else:
            yield from self._items(data)

    def _data(self) -> Any:
        text = decoded(self.document.text)
        if self._is_json():
            return json_data(text)
        return NOTHING if self._tree is None else Plain().data(self._tree)

    def _is_json(self) -> bool:
        return self.document.text.lstrip().startswith((b"{", b"["))

    @cached_property
    def _tree(self) -> Node | None:
        return tree_of(self.document.text.decode())

    def _items(self, data: Any) -> Iterator[Item | Problem]:
        """A List is known by its items; a YAML sequence holds one or more items of one."""
        if isinstance(data, list) and not self._is_json():
            for number, one in enumerate(data):
                yield from self._read(one, f"[{number}]", self.document.text if len(data) == 1 else None)
        elif isinstance(data, dict) and "object" not in data and isinstance(data.get("items", 0), list | None):
            for number, one in enumerate(data["items"] or ()):
                yield from self._read(one, f"items[{number}]", None)
        elif data is not NOTHING:
            yield from self._read(data, "", self.document.text)

    def _read(self, data: Any, path: str, source: bytes | None) -> Iterator[Item | Problem]:
        if not isinstance(data, dict):
            yield self._problem(path, "", f"found {shown(data)}; expected a Kubernetes object in JSON or YAML")
        elif "object" not in data and data.get("kind") == "Status" and data.get("status") != "Success":
            yield self._error(path, data)
        elif data.get("type") == "ERROR":
            yield self._error(path, data.get("object"))
        elif data.get("type") != "BOOKMARK":
            yield self._validated(data, path, source)

    def _validated(self, data: dict[str, Any], path: str, source: bytes | None) -> Item | Problem:
        bare = "object" not in data and ("kind" in data or "type" not in data)
        try:
            item = _item(self.document, json.dumps(data).encode(), source, bare)
        except ValidationError as error:
            first, *others = errors_of(error)
            message = f"{first.problem}; expected {first.expected}" if first.expected else first.problem
            more = f" (and {len(others)} more in this object)" if others else ""
            return self._problem(path, first.place.path, message + more)
        return item._replace(line=self._line(path)) if path else item

    def _problem(self, path: str, inner: str, message: str) -> Problem:
        dot = "." if path and inner else ""
        return broken(self.document.file, self._line(path + dot + inner), message, inner)

    def _error(self, path: str, status: Any) -> Problem:
        """What the API server said instead of an object."""
        told = status if isinstance(status, dict) else {}
        message = told.get("message") or told.get("reason") or f"without a message: {shown(status)}"
        if told.get("code") == 410:
            text = f"the watch expired and a re-list follows; what happened in between was not seen: {message}"
            return Problem(self.document.file, self._line(path), "", text, "gap")
        return Problem(
            self.document.file, self._line(path), "", f"the API server reported an error: {message}", "error"
        )

    def _line(self, path: str) -> int:
        """The line of a path, or of the nearest thing around it; the document's own if it cannot be told."""
        text = self.document.text
        if not path or b"\n" not in text or len(text) > YAML_LIMIT:
            return self.document.line
        try:
            tree = self._tree
        except BrokenError:  # JSON that is no YAML, such as two fields of one name
            return self.document.line
        return self.document.line + (node_at(tree, path).line if tree else 0)
