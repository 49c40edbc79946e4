"""Reads what kubectl prints: bytes in any of its forms become typed watch items, or Problems that say what is wrong.

Two stages, both lazy. `documents` cuts a byte stream into one text an object; `items` turns each text into an Item.
They never raise for what they read, never hold more of the input than one document, never read a clock and never
guess: a broken item is reported with its place, and the rest of the input is read.

What they do not see: YAML in flow style at the top of a document (a `{` there means JSON), and what stands around the
items of a List.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, BinaryIO, Final, Literal, NamedTuple

import msgspec
import yaml
from pydantic import ValidationError

from fsm.model import OBJECT, WATCH_ITEM, Backup, Job, Pod, errors_of, seconds_of

LIMIT: Final = 64 * 2**20
"""Longest document that is held, in bytes; the API server itself refuses objects of more than a few MiB."""
YAML_LIMIT: Final = 4 * 2**20
"""The same for a YAML document, whose parser needs a hundred times the size of its text."""
REMEMBERED: Final = 4096
"""So many live objects `items` remembers by the digest of their last line; the least recently seen one is forgotten."""

_PIECE: Final = 2**20
_MAX_DEPTH: Final = 200
_TOO_DEEP: Final = f"nested deeper than any Kubernetes object ({_MAX_DEPTH} levels)"
_BOM: Final = b"\xef\xbb\xbf"


class Document(NamedTuple):
    """The text of one object, and the 1-based line on which it starts."""

    file: str
    line: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the input that is no item. `path` is inside the Kubernetes object; "" means all of it.

    `gap`: the watch expired, changes were missed and a re-list follows. `order`: an object went back in time.
    """

    file: str
    line: int
    path: str
    message: str
    kind: Literal["broken", "error", "order", "gap"]


class Item(NamedTuple):
    """One watch item. `type` is "" for a bare object; `at` is the item's own time of arrival in Unix seconds.

    `repeat`: the bytes of the object's last document came again; `object` is then the same value, not an equal one.
    `text`: the JSON it was read from, of the object itself where `type` is "", else of the whole watch item.
    """

    file: str
    line: int
    type: str
    object: Backup | Job | Pod
    at: int | None = None
    digest: bytes | None = None
    repeat: bool = False
    text: bytes = b""


class _BrokenError(Exception):
    """Why a text cannot be read, and on which of its lines (0 is the first). Never leaves this module."""

    def __init__(self, message: str, line: int = 0) -> None:
        self.line = line
        super().__init__(message)


# ---- bytes to documents


_Placed = tuple[bytes, int, bool]
"""A piece, its line, and whether it starts that line."""


class _Source:
    """A stream as lines, a long one in pieces. `line`: the last piece's, 1-based; `fresh`: it starts that line."""

    def __init__(self, stream: BinaryIO) -> None:
        self.line = 0
        self.fresh = False
        self._stream = stream
        self._again: list[_Placed] = []
        self._ended = True

    def piece(self) -> bytes:
        """The next line or piece of it, without a BOM, b"" at the end. No escape of a JSON text is cut in two."""
        if self._again:
            piece, self.line, self.fresh = self._again.pop()
            return piece
        piece = self._stream.readline(_PIECE)
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:
            piece += self._stream.readline(1)
        if self._ended and piece:
            self.line += 1
        self.fresh, self._ended = self._ended, piece.endswith(b"\n")
        return piece.removeprefix(_BOM) if self.fresh else piece

    def back(self, piece: bytes, *, fresh: bool) -> None:
        """Makes `piece`, of the present line, the next one."""
        if piece:
            self._again.append((piece, self.line, fresh))

    def block(self, indent: bytes, limit: int, stop: bytes) -> list[_Placed]:
        """The next lines, up to the first that is not indented deeper, has `stop` in it, or is beyond `limit` bytes."""
        inner = (indent + b" ", indent + b"\t")
        lines = [self._placed()]
        size = 0
        while lines[-1][0].startswith(inner) and stop not in lines[-1][0] and size <= limit:
            size += len(lines[-1][0])
            lines.append(self._placed())
        return lines

    def _placed(self) -> _Placed:
        return self.piece(), self.line, self.fresh

    def rewind(self, lines: list[_Placed]) -> None:
        """Makes a block come again."""
        self._again += reversed(lines)

    def skip_to(self, wanted: Callable[[bytes], bool], first: bytes) -> bool:
        """Drops lines, from `first` on, until a wanted one, which comes next; False at the end of the input."""
        piece = first
        while piece:
            if self.fresh and wanted(piece):
                self.back(piece, fresh=True)
                return True
            piece = self.piece()
        return False


class _Unit:
    """The bytes of the document that is being read: held up to `limit`, beyond it let go, and known to be too long."""

    def __init__(self, line: int, limit: int) -> None:
        self.line = line
        self.limit = limit
        self.too_long = False
        self.deep: bool | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        self.too_long = self._size > self.limit
        if self.too_long:
            self._pieces.clear()
        else:
            self._pieces.append(piece)

    def wants_element(self) -> bool:
        """Whether the text so far ends where an array of JSON goes on."""
        return not self._pieces or self._pieces[-1].rstrip().endswith((b"[", b","))

    def result(self, file: str) -> Document | Problem:
        if self.too_long:
            return _broken(file, self.line, f"longer than such a document may be ({_size_text(self.limit)})")
        return Document(file, self.line, b"".join(self._pieces).strip(b"\r\n"))


def _size_text(size: int) -> str:
    return f"{size // 2**20} MiB" if size >= 2**20 else f"{size} bytes"


def _broken(file: str, line: int, message: str, path: str = "") -> Problem:
    return Problem(file, line, path, message, "broken")


class _Head(msgspec.Struct):
    """Just enough of a line to know whether it is complete JSON, a List, or an object in its own right."""

    items: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    object: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    kind: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_HEAD: Final = msgspec.json.Decoder(_Head)
_SEPARATOR: Final = re.compile(rb"(?:---|\.\.\.)(?=\s|$)")
_START: Final = re.compile(rb"[{\[]|---(?=\s|$)|(?:apiVersion|kind|object|type|items):")


def documents(stream: BinaryIO, file: str = "", limit: int = LIMIT) -> Iterator[Document | Problem]:
    """Cuts a stream into documents: JSON values and YAML documents in any mixture, the items of a List one by one.

    Yields a JSON document as soon as its last line was read, so that a live pipe is not held up. One of more than
    `limit` bytes is a Problem and is not held; after a broken one reading resumes at the next line that can start one.
    """
    source = _Source(stream)
    while piece := source.piece():
        if source.line == 1 and source.fresh and _is_utf16(piece):
            yield _broken(file, 1, "UTF-16 text; expected UTF-8 (PowerShell: … | Out-File -Encoding utf8 FILE)")
            return
        text = piece.strip()
        if _is_one_object(text, limit):
            yield Document(file, source.line, text)
        elif text.startswith((b"{", b"[")):
            yield from _Json(source, file, limit).documents(piece)
        elif separator := _SEPARATOR.match(text):
            source.back(piece[separator.end() :], fresh=False)
        elif not text or text.startswith((b"#", b"%")):
            continue
        elif not source.fresh:
            yield _broken(file, source.line, f"found {_shown(text)} where the next object should start")
            source.skip_to(lambda _: True, source.piece())
        else:
            yield from _Yaml(source, file, min(limit, YAML_LIMIT)).documents(piece)


def _is_utf16(start: bytes) -> bool:
    """By its mark, or by a zero beside the first character."""
    marked = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    return marked or (start[:2].count(0) == 1 and start[:2].strip(b"\0").decode("latin-1").isprintable())


def _is_one_object(text: bytes, limit: int) -> bool:
    """The fast path: a line that is one JSON object and no List."""
    if not text.startswith(b"{") or not text.endswith(b"}") or len(text) > limit:
        return False
    head = _head(text)
    return head is not None and head.items is msgspec.UNSET


def _head(text: bytes) -> _Head | None:
    try:
        return _HEAD.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def _starts_anything(line: bytes) -> bool:
    return _START.match(line) is not None


def _indent(line: bytes) -> bytes:
    return line[: len(line) - len(line.lstrip(b" \t"))]


_TOKEN: Final = re.compile(rb'(?:[^"{}\[\]]++|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+")*+(["{}\[\]])')
"""To the next bracket outside of texts, or to the quote of a text that does not end in the piece."""
_STRING_REST: Final = re.compile(rb'[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"')
_LIST_KEY: Final = re.compile(rb'"items"\s*:\s*\[$')
_CLOSER: Final = {ord("{"): b"}", ord("["): b"]"}
_LIST_IS_OVER: Final = -1


class _Json:
    """Cuts one JSON value into documents by its brackets: itself, or the items of the List or array that it is.

    `open`: the brackets that are open. `base`: how many of them are around each document (2 in a List, 1 in an array).
    `indent`: what stands before the last document on its first line, None if that is more than blanks.
    Whether the text between the brackets is JSON, `items` finds out.
    """

    def __init__(self, source: _Source, file: str, limit: int) -> None:
        self.source = source
        self.file = file
        self.limit = limit
        self.open = bytearray()
        self.base = 0
        self.unit: _Unit | None = None
        self.indent: bytes | None = None
        self.in_string = False

    def documents(self, piece: bytes) -> Iterator[Document | Problem]:
        """Reads the value from `piece` on, and gives the source back what follows it on its last line."""
        while piece:
            if self.open and self.source.fresh and self._is_cut_off_by(piece):
                yield self._problem(f"breaks off: something new starts on line {self.source.line}")
                goes_on = self._recovers(piece)
            else:
                try:
                    yield from self._read(piece)
                    goes_on = bool(self.open)
                except _BrokenError as error:
                    yield self._problem(str(error))
                    goes_on = self._recovers(self.source.piece())
            if not goes_on:
                return
            piece = self.source.piece()
        yield self._problem("breaks off: the input ends here")

    def _read(self, piece: bytes) -> Iterator[Document | Problem]:
        end = yield from self._scan(piece)
        if not self.open:
            self.source.back(piece[end:], fresh=False)
        elif self.unit and self.unit.line == self.source.line and piece.strip() == b"{" and (block := self._block()):
            yield block

    def _block(self) -> Document | None:
        """The fast path for the usual indentation: the object ends with the first line that is not indented deeper."""
        indent = self.indent or b""
        # at the top "items" makes a List of it, whose first item is not to wait for the last
        lines = self.source.block(indent, min(self.limit, _PIECE), b"\0" if self.base else b'"items"')
        last = lines[-1][0]
        text = b"{\n" + b"".join(piece for piece, _, _ in lines[:-1]) + b"}"
        rest = last.removeprefix(indent + b"}").strip()
        head = _head(text) if last.startswith(indent + b"}") and rest in (b"", b",") else None
        if head is None or len(text) > self.limit or (self.base == 0 and (rest or head.items is not msgspec.UNSET)):
            self.source.rewind(lines)
            return None
        line = self.unit.line if self.unit else 0
        self.open.pop()
        self.unit = None
        return Document(self.file, line, text)

    def _problem(self, message: str) -> Problem:
        result = self.unit.result(self.file) if self.unit else None
        if isinstance(result, Problem):
            return result
        return _broken(self.file, result.line if result else self.source.line, message)

    def _is_cut_off_by(self, line: bytes) -> bool:
        """Whether a line cannot belong to what is open, so that this must have lost its end."""
        if self.unit and self.unit.deep is None and line.strip():
            self.unit.deep = len(_indent(line)) > len(self.indent or b"")
        if line.startswith((b" ", b"\t")):
            return bool(self.unit and self.indent and line.startswith(self.indent + b"{") and self._is_next(line))
        if not line.startswith(b"{"):
            return _starts_anything(line) and not line.startswith(b"[")
        if self.unit:
            return bool(self.indent) or self._is_next(line)
        return bool(self.indent) or self.base == _LIST_IS_OVER

    def _is_next(self, line: bytes) -> bool:
        """Whether a `{` that stands where the open document's does starts the next one, and is no element in it."""
        if not self.unit or self.open.endswith(b"{") or self.unit.deep or not self.unit.wants_element():
            return True
        if self.unit.line == self.source.line - 1 and line.strip() == b"{":
            return True  # a line that was cut off, and then an object over many lines
        head = _head(line.strip())
        return head is not None and (head.object is not msgspec.UNSET or head.kind is not msgspec.UNSET)

    def _recovers(self, line: bytes) -> bool:
        """Finds the line with which to go on, looking at `line` first; whether it still belongs to this value."""
        self.unit, self.in_string = None, False
        indent = self.indent if self.base > 0 else None
        if indent is None:
            self.source.skip_to(_starts_anything, line)
            return False
        del self.open[self.base :]
        return self.source.skip_to(lambda each: _ends_item(each, indent), line) and self._goes_on()

    def _goes_on(self) -> bool:
        """An indented List is left by a line without indentation that can start something."""
        line = self.source.piece()
        self.source.back(line, fresh=True)
        return not (self.indent and _starts_anything(line))

    def _scan(self, piece: bytes) -> Generator[Document | Problem, None, int]:
        """Yields the documents that end in `piece`; returns where the whole value ends, or the piece."""
        begin, at = 0, self._end_of_string(piece)
        while token := _TOKEN.match(piece, at):
            at = token.end()
            sign = token[1]
            if not self.unit and self.base > 0:
                self._check_between(piece[begin : at - 1])
            if sign == b'"':
                self._leaves_string_open(piece)
                break
            if sign in b"{[":
                begin = at - 1 if self._opens(sign, piece, at) else begin
            elif self._closes(sign):
                yield self._finished(piece[begin:at])
            if not self.unit:
                begin = at
            if not self.open:
                return at
        self._keep(piece[begin:])
        return len(piece)

    def _end_of_string(self, piece: bytes) -> int:
        """Where the text ends that an earlier piece of the line left open; 0 if there is none."""
        if not self.in_string:
            return 0
        if rest := _STRING_REST.match(piece):
            self.in_string = False
            return rest.end()
        self._leaves_string_open(piece)
        return len(piece)

    def _leaves_string_open(self, piece: bytes) -> None:
        if piece.endswith(b"\n"):
            raise _BrokenError("not JSON: a text has no closing quote before its line ends")
        self.in_string = True

    def _opens(self, sign: bytes, piece: bytes, end: int) -> bool:
        """Takes an opening bracket, which ends at `end`; whether a document starts with it."""
        depth = len(self.open)
        if depth == _MAX_DEPTH:
            raise _BrokenError(_TOO_DEEP)
        self.open += sign
        if sign == b"[" and self.base == 0 and self._is_list(piece[max(end - 40, 0) : end], depth):
            self.unit, self.indent, self.base = None, None, depth + 1
        elif depth == self.base:
            before = piece[: end - 1]
            self.unit = _Unit(self.source.line, self.limit)
            self.indent = before if self.source.fresh and not before.strip(b" \t") else None
            return True
        return False

    def _is_list(self, until: bytes, depth: int) -> bool:
        return depth == 0 or (depth == 1 and _LIST_KEY.search(until) is not None)

    def _closes(self, sign: bytes) -> bool:
        """Takes a closing bracket; whether the open document ends with it."""
        if _CLOSER[self.open[-1]] != sign:
            raise _BrokenError(f"not JSON: {sign.decode()} on line {self.source.line} closes nothing")
        self.open.pop()
        if self.unit:
            return len(self.open) == self.base
        if len(self.open) < self.base:
            self.base = _LIST_IS_OVER
        return False

    def _finished(self, rest: bytes) -> Document | Problem:
        unit, self.unit = self.unit or _Unit(self.source.line, self.limit), None
        unit.add(rest)
        return unit.result(self.file)

    def _keep(self, rest: bytes) -> None:
        if self.unit:
            self.unit.add(rest)
        elif self.base > 0:
            self._check_between(rest)

    def _check_between(self, text: bytes) -> None:
        if junk := text.strip(b" \t\r\n,"):
            raise _BrokenError(f"found {_shown(junk)} where an item of a List should start")


def _ends_item(line: bytes, indent: bytes) -> bool:
    """Whether, after a broken item of a List, a line starts the next one or ends the List."""
    if not line.strip():
        return False
    return not line.startswith(indent) or line.startswith(indent + b"{") or (not indent and line.startswith(b"]"))


_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def _shown(value: object) -> str:
    """A foreign value, printable and short."""
    if isinstance(value, bytes):
        value = value[:80].decode(errors="replace")
    return _SHORT.repr(value)


_DASH: Final = re.compile(rb"( *)-(?=\s)")
_ITEMS_KEY: Final = re.compile(rb"items:\s*(?:#.*)?$")
_COMMENT: Final = re.compile(rb"\s*(?:#|$)")
_ANCHOR: Final = re.compile(rb"(?<=[\s,\[{])&(?=\S)")


class _Yaml:
    """Cuts lines of YAML, or of anything else, up to the next separator or JSON value; the items of a List one by one.

    `dash`: the indentation of the List's items, while they last. `in_list`: they are below a key `items`, so that the
    lines after the last of them belong to the List and are no document (`unit` is None there). `anchored`: an item has
    an anchor, which may be meant by all that follow, so that these stay together in one document. The document of an
    item is a sequence: its text is that of the input, dash and all.
    """

    def __init__(self, source: _Source, file: str, limit: int) -> None:
        self.source = source
        self.file = file
        self.limit = limit
        self.dash: bytes | None = None
        self.may_list = True
        self.in_list = False
        self.anchored = False
        self.unit: _Unit | None = self._new_unit()

    def documents(self, piece: bytes) -> Iterator[Document | Problem]:
        """Reads from `piece` on; the line that ends the last document is left to the source."""
        first = True
        while piece:
            if not first and self.source.fresh and self._is_over(piece):
                self.source.back(piece, fresh=True)
                break
            if first or self.source.fresh:
                yield from self._line(piece)
            elif self.unit:
                self.unit.add(piece)
            first = False
            piece = self.source.piece()
        yield from self._finished()

    def _is_over(self, line: bytes) -> bool:
        return line.startswith((b"{", b"[")) or _SEPARATOR.match(line) is not None

    def _new_unit(self) -> _Unit:
        return _Unit(self.source.line, self.limit)

    def _finished(self) -> Iterator[Document | Problem]:
        if self.unit:
            yield self.unit.result(self.file)
        self.unit = None

    def _line(self, line: bytes) -> Iterator[Document | Problem]:
        dash = _DASH.match(line)
        if dash and (self.may_list or dash[1] == self.dash):
            yield from self._starts_item(dash[1])
        elif not _COMMENT.match(line):
            yield from self._takes(line)
        if self.dash is not None and not self.anchored:
            self.anchored = _ANCHOR.search(line) is not None
        if self.unit:
            self.unit.add(line)

    def _starts_item(self, dash: bytes) -> Iterator[Document | Problem]:
        if not self.anchored:
            if self.dash is not None:
                yield from self._finished()
            self.unit = self._new_unit()
        self.dash, self.may_list = dash, False

    def _takes(self, line: bytes) -> Iterator[Document | Problem]:
        """A line that starts no item: perhaps it ends the last one, perhaps it says that items follow."""
        if self.dash is None:
            self.may_list = self.in_list = self.unit is not None and _ITEMS_KEY.match(line) is not None
        elif len(_indent(line)) <= len(self.dash):
            yield from self._finished()
            self.dash, self.unit = None, None if self.in_list else self._new_unit()


# ---- documents to items


def items(documents: Iterable[Document | Problem], remembered: int = REMEMBERED) -> Iterator[Item | Problem]:
    """The items of the documents, in their order, and at most one Problem for each document that is none.

    `BOOKMARK` is skipped. A document that repeats the last one of the same object, byte for byte, is not parsed again:
    the items of the `remembered` objects seen last are kept, by digest, until the object is deleted.
    """
    memory = _Memory(remembered)
    bare = False
    for document in documents:
        if isinstance(document, Problem):
            yield document
            continue
        digest = blake2b(document.text, digest_size=16).digest()
        if known := memory.item(digest):
            yield Item(document.file, document.line, known.type, known.object, known.at, digest, True)
            continue
        for result in _results(document, digest, bare):
            if isinstance(result, Item):
                bare = not result.type
                memory.keep(result)
            yield result


class _Memory:
    """The last item of each live object by its digest, of at most `size` objects."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: OrderedDict[bytes, Item] = OrderedDict()
        self._digests: dict[tuple[str, ...], bytes] = {}

    def item(self, digest: bytes) -> Item | None:
        item = self._items.get(digest)
        if item:
            self._items.move_to_end(digest)
        return item

    def keep(self, item: Item) -> None:
        key = _identity(item)
        if old := self._digests.pop(key, None):
            del self._items[old]
        if item.digest is None or item.type == "DELETED":
            return
        self._items[item.digest] = item
        self._digests[key] = item.digest
        if len(self._items) > self._size:
            _, oldest = self._items.popitem(last=False)
            del self._digests[_identity(oldest)]


def _identity(item: Item) -> tuple[str, ...]:
    metadata = item.object.metadata
    return item.object.kind, metadata.namespace, metadata.name, metadata.uid


def _results(document: Document, digest: bytes, bare: bool) -> Iterable[Item | Problem]:
    """`bare`: how the last item was written, which is how this one will be."""
    try:
        return (_item(document, document.text, digest, bare),)
    except ValidationError:
        return _Explained(document, digest).results()


def _item(document: Document, text: bytes, digest: bytes | None, bare: bool) -> Item:
    if bare:
        return Item(document.file, document.line, "", OBJECT.validate_json(text), None, digest, False, text)
    watched = WATCH_ITEM.validate_json(text)
    at = None if watched.at is None else seconds_of(watched.at)
    return Item(document.file, document.line, watched.type, watched.object, at, digest, False, text)


class _Explained:
    """The slow path, for each document that is not JSON of the same form as the last: what it holds, or what is wrong.

    The `path`s here begin at the top of the document; those in problems at the top of the object.
    """

    def __init__(self, document: Document, digest: bytes) -> None:
        self.document = document
        self.digest = digest

    def results(self) -> Iterator[Item | Problem]:
        try:
            data = self._data()
        except _BrokenError as error:
            yield _broken(self.document.file, self.document.line + error.line, str(error))
        else:
            yield from self._items(data)

    def _data(self) -> Any:
        text = _decoded(self.document.text)
        if self._is_json():
            return _json_data(text)
        return _NOTHING if self._tree is None else _Plain().data(self._tree)

    def _is_json(self) -> bool:
        return self.document.text.lstrip().startswith((b"{", b"["))

    @cached_property
    def _tree(self) -> _Node | None:
        return _tree(self.document.text.decode())

    def _items(self, data: Any) -> Iterator[Item | Problem]:
        """A List is known by its items; a YAML sequence holds one or more items of one."""
        if isinstance(data, list) and not self._is_json():
            for number, one in enumerate(data):
                yield from self._read(one, f"[{number}]", self.digest if len(data) == 1 else None)
        elif isinstance(data, dict) and "object" not in data and isinstance(data.get("items", 0), list | None):
            for number, one in enumerate(data["items"] or ()):
                yield from self._read(one, f"items[{number}]", None)
        elif data is not _NOTHING:
            yield from self._read(data, "", self.digest)

    def _read(self, data: Any, path: str, digest: bytes | None) -> Iterator[Item | Problem]:
        if not isinstance(data, dict):
            yield self._problem(path, "", f"found {_shown(data)}; expected a Kubernetes object in JSON or YAML")
        elif "object" not in data and data.get("kind") == "Status" and data.get("status") != "Success":
            yield self._error(path, data)
        elif data.get("type") == "ERROR":
            yield self._error(path, data.get("object"))
        elif data.get("type") != "BOOKMARK":
            yield self._validated(data, path, digest)

    def _validated(self, data: dict[str, Any], path: str, digest: bytes | None) -> Item | Problem:
        bare = "object" not in data and ("kind" in data or "type" not in data)
        try:
            item = _item(self.document, json.dumps(data).encode(), digest, bare)
        except ValidationError as error:
            first, *others = errors_of(error)
            message = f"{first.problem}; expected {first.expected}" if first.expected else first.problem
            more = f" (and {len(others)} more in this object)" if others else ""
            return self._problem(path, first.place.path, message + more)
        return item._replace(line=self._line(path)) if path else item

    def _problem(self, path: str, inner: str, message: str) -> Problem:
        dot = "." if path and inner else ""
        return _broken(self.document.file, self._line(path + dot + inner), message, inner)

    def _error(self, path: str, status: Any) -> Problem:
        """What the API server said instead of an object."""
        told = status if isinstance(status, dict) else {}
        message = told.get("message") or told.get("reason") or f"without a message: {_shown(status)}"
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
        except _BrokenError:  # JSON that is no YAML, such as two fields of one name
            return self.document.line
        return self.document.line + (_found(tree, path).line if tree else 0)


# ---- texts to data


_NOTHING: Final = object()
"""The data of a YAML document that has nothing but comments."""
_MAX_VALUES: Final = 5 * 10**5
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise _BrokenError("not UTF-8 text", text.count(b"\n", 0, error.start)) from None


def _json_data(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise _BrokenError(_TOO_DEEP) from None
    except json.JSONDecodeError as error:
        raise _BrokenError(f"not JSON: {error.msg} (column {error.colno})", error.lineno - 1) from None
    except ValueError as error:  # a number of more digits than Python reads
        raise _BrokenError(f"not JSON: {error}") from None


class _Node(NamedTuple):
    """A YAML value, and the line of it or of its key, counted from 0. Collections hold nodes."""

    line: int
    value: Any


class _Plain:
    """Turns nodes into data. Aliases are expanded, so that a short text could become an endless value: it counts."""

    def __init__(self) -> None:
        self.count = 0

    def data(self, node: _Node, depth: int = 0) -> Any:
        self.count += 1
        if self.count > _MAX_VALUES or depth > _MAX_DEPTH:
            many = f"more than {_MAX_VALUES} values, counting those of aliases"
            raise _BrokenError(_TOO_DEEP if depth > _MAX_DEPTH else many, node.line)
        if isinstance(node.value, dict):
            return {key: self.data(value, depth + 1) for key, value in node.value.items()}
        if isinstance(node.value, list):
            return [self.data(value, depth + 1) for value in node.value]
        return node.value


def _tree(text: str) -> _Node | None:
    """The nodes of a YAML document (JSON is one, nearly always); None when it is empty."""
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise _BrokenError(f"neither JSON nor YAML: {error.problem}", mark.line if mark else 0) from None
    except yaml.YAMLError as error:
        raise _BrokenError(f"neither JSON nor YAML: {str(error).splitlines()[0]}") from None
    return builder.root


def _line(event: yaml.Event) -> int:
    return event.start_mark.line if event.start_mark else 0


class _Builder:
    """Builds nodes from the parser's events: flat, so that no nesting can exhaust a stack; no tag makes an object."""

    def __init__(self) -> None:
        self.root: _Node | None = None
        self._open: list[tuple[yaml.CollectionStartEvent, list[_Node]]] = []
        self._anchors: dict[str, _Node] = {}

    def take(self, event: yaml.Event) -> None:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            self._add(self._known(event.anchor, line), None)
        elif isinstance(event, yaml.ScalarEvent):
            self._add(_Node(line, _scalar(event)), event.anchor)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._starts(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            start, children = self._open.pop()
            value = children if isinstance(start, yaml.SequenceStartEvent) else _fields(children)
            self._add(_Node(_line(start), value), start.anchor)

    def _known(self, anchor: str | None, line: int) -> _Node:
        if anchor is None or anchor not in self._anchors:
            raise _BrokenError(f"the anchor &{anchor} is not in this document", line)
        return _Node(line, self._anchors[anchor].value)

    def _starts(self, event: yaml.CollectionStartEvent) -> None:
        line = _line(event)
        if event.tag not in (None, "!", _TAG + "map", _TAG + "seq"):
            raise _BrokenError(f"the tag {event.tag} is not read", line)
        if len(self._open) == _MAX_DEPTH:
            raise _BrokenError(_TOO_DEEP, line)
        self._open.append((event, []))

    def _add(self, node: _Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1][1].append(node)
        elif self.root is None:
            self.root = node


def _fields(children: list[_Node]) -> dict[str, _Node]:
    """The fields of a mapping from its keys and values in turn; each value has the line of its key."""
    fields: dict[str, _Node] = {}
    for key, value in zip(children[::2], children[1::2], strict=True):
        name = _name(key)
        if name in fields:
            raise _BrokenError(f"the key {_shown(name)} is given twice", key.line)
        fields[name] = _Node(key.line, value.value)
    return fields


def _name(key: _Node) -> str:
    if isinstance(key.value, dict | list) or key.value == "<<":
        raise _BrokenError("a key that is not text, or that merges (<<)", key.line)
    return key.value if isinstance(key.value, str) else json.dumps(key.value)


_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null"), None),
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
}
_INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18}|0x[0-9a-fA-F]{1,16}|0o?[0-7]{1,21})")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,2})?")


def _scalar(event: yaml.ScalarEvent) -> str | int | float | bool | None:
    """A scalar as YAML 1.1 types it, except that times and dates (and base 60) stay text."""
    tag = event.tag
    if (tag is None and not event.implicit[0]) or tag in ("!", _TAG + "str"):
        return str(event.value)
    if tag not in (None, _TAG + "null", _TAG + "bool", _TAG + "int", _TAG + "float"):
        raise _BrokenError(f"the tag {_shown(tag)} is not read", _line(event))
    return _typed(str(event.value))


def _typed(text: str) -> str | int | float | bool | None:
    if text.lower() in _WORDS and text in (text.lower(), text.upper(), text.capitalize()):
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(_octal(text), 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def _octal(text: str) -> str:
    """Go reads 0644 as an octal number, Python only 0o644."""
    return re.sub(r"^([-+]?)0(?=[0-7])", r"\g<1>0o", text)


# ---- paths to lines


_INDEX: Final = re.compile(r"\[([0-9]+)\]\.?")


def _found(node: _Node, path: str) -> _Node:
    """Paths are inside the object also where it is a watch item's."""
    step = _step(node, path)
    if step is None and isinstance(node.value, dict) and "object" in node.value:
        step = node.value["object"], path
    while step is not None:
        node, path = step
        step = _step(node, path)
    return node


def _step(node: _Node, path: str) -> tuple[_Node, str] | None:
    """One step down, and the path that is left. Names may have dots in them: the longest that fits is meant."""
    if isinstance(node.value, list):
        index = _INDEX.match(path)
        if index and int(index[1]) < len(node.value):
            return node.value[int(index[1])], path[index.end() :]
    elif isinstance(node.value, dict):
        for name in sorted(node.value, key=len, reverse=True):
            if path.startswith(name) and path[len(name) : len(name) + 1] in ("", ".", "["):
                return node.value[name], path[len(name) :].removeprefix(".")
    return None
