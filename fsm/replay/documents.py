"""Cuts what kubectl prints into documents: one text an object, JSON or YAML, streaming. Parses nothing it can avoid to.

What it does not see: YAML in flow style at the top of a document (a `{` there means JSON), and what stands around the
items of a List. Damage to an item can therefore hide the items that follow, if it makes them look like elements of an
array in that item or beside the items: with brackets alone they would be that. So can a line that starts something new
in the middle of a List, up to the next such line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO, Final, NamedTuple

import msgspec

from fsm.replay.problem import MAX_DEPTH, TOO_DEEP, BrokenError, Problem, broken, shown

LIMIT: Final = 64 * 2**20
"""Longest document that is held, in bytes; the API server itself refuses objects of more than a few MiB."""
YAML_LIMIT: Final = 4 * 2**20
"""The same for a YAML document, whose parser needs a hundred times the size of its text."""

_PIECE: Final = 2**20
_OVERHEAD: Final = 128
"""What holding a line costs besides its text, in bytes."""
_BOM: Final = b"\xef\xbb\xbf"


class Document(NamedTuple):
    """The text of one object, and the 1-based line on which it starts."""

    file: str
    line: int
    text: bytes


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
        if piece.endswith(b"\\") and (len(piece) - len(piece.rstrip(b"\\"))) % 2:
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

    def ahead(self, stop: Callable[[bytes], bool], limit: int) -> list[_Placed]:
        """The next lines, to the first at which to stop, the end of the input, or as many as fit into `limit` bytes."""
        lines = [self._placed()]
        size = 0
        while lines[-1][0] and size <= limit and not (self.fresh and stop(lines[-1][0])):
            size += len(lines[-1][0]) + _OVERHEAD
            lines.append(self._placed())
        return lines

    def rewind(self, lines: list[_Placed]) -> None:
        """Makes such lines come again."""
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
    """The bytes of the document that is being read: held up to `limit`, beyond it let go, and known to be too long.

    `indent`: the blanks before it, where it starts a line.
    """

    def __init__(self, line: int, limit: int, indent: bytes = b"") -> None:
        self.line = line
        self.limit = limit
        self.indent = indent
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
            return broken(file, self.line, f"longer than such a document may be ({_size_text(self.limit)})")
        return Document(file, self.line, b"".join(self._pieces).strip(b"\r\n"))


def _size_text(size: int) -> str:
    return f"{size // 2**20} MiB" if size >= 2**20 else f"{size} bytes"


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
    ended: _Json | None = None
    while piece := source.piece():
        if source.line == 1 and source.fresh and _is_utf16(piece):
            yield broken(file, 1, "UTF-16 text; expected UTF-8 (PowerShell: … | Out-File -Encoding utf8 FILE)")
            return
        text = piece.strip()
        if _is_one_object(text, limit):
            yield Document(file, source.line, text)
        elif text.startswith((b"{", b"[")):
            if source.fresh and _starts_anything(piece):
                ended = None
            value = _Json(source, file, limit, ended.resumes if ended else _starts_anything)
            yield from value.documents(piece)
            ended = ended or (value if value.around and value.indent else None)
        elif separator := _SEPARATOR.match(text):
            ended = None
            source.back(piece[separator.end() :], fresh=False)
        elif not text or text.startswith((b"#", b"%")):
            continue
        elif ended and (line := ended.ended_before(piece)):
            yield broken(file, line, f"found {shown(text)} where the next object should start")
            yield from ended.documents(source.piece())
        else:
            ended = None
            yield from _other(source, file, limit, piece)


def _other(source: _Source, file: str, limit: int, piece: bytes) -> Iterator[Document | Problem]:
    """What is no JSON: YAML, where it starts a line."""
    if source.fresh:
        yield from _Yaml(source, file, min(limit, YAML_LIMIT)).documents(piece)
    else:
        yield broken(file, source.line, f"found {shown(piece.strip())} where the next object should start")
        source.skip_to(lambda _: True, source.piece())


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


_TOKEN: Final = re.compile(rb'(?>(?:[^"{}\[\]]++|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+")*)(["{}\[\]])')
"""To the next bracket outside of texts, or to the quote of a text that does not end in the piece.

The outer group is atomic, not possessive: Python 3.11.2 gets a possessive repeat of a group wrong."""
_STRING_REST: Final = re.compile(rb'[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"')
_LIST_KEY: Final = re.compile(rb'"items"\s*:\s*\[$')
_CLOSER: Final = {ord("{"): b"}", ord("["): b"]"}
_LIST_IS_OVER: Final = -1


class _Json:
    """Cuts one JSON value into documents by its brackets: itself, or the items of the List or array that it is.

    `open`: the brackets that are open. `base`: how many of them are around each document (2 in a List, 1 in an array).
    `around`: those of the List, also when it is over. `indent`: the blanks before the value, or before the first item
    that starts a line: part of a damaged item may look like one and stand anywhere, the next sound one stands there.
    `starts`: whether a line can follow the value where it is broken. `wants_value`: behind the items of a List, whether
    the text so far ends with a colon.
    Whether the text between the brackets is JSON, `items` finds out.
    """

    def __init__(self, source: _Source, file: str, limit: int, starts: Callable[[bytes], bool]) -> None:
        self.source = source
        self.file = file
        self.limit = limit
        self.starts = starts
        self.open = bytearray()
        self.base = 0
        self.around = b""
        self.unit: _Unit | None = None
        self.indent: bytes | None = None
        self.in_string = False
        self.wants_value = False

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
                except BrokenError as error:
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
        indent = self.unit.indent if self.unit else b""
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
        return broken(self.file, result.line if result else self.source.line, message)

    def _is_cut_off_by(self, line: bytes) -> bool:
        """Whether a line cannot belong to what is open, so that this must have lost its end."""
        if self.unit and self.unit.deep is None and line.strip():
            self.unit.deep = len(_indent(line)) > len(self.indent or b"")
        if line.startswith((b" ", b"\t")):
            return self._is_at_item(line) and (self._is_next(line) if self.unit else self._is_no_value())
        if not line.startswith(b"{"):
            return _starts_anything(line) and not line.startswith(b"[")
        if self.unit:
            return bool(self.indent) or self._is_next(line)
        return bool(self.indent) or self.base == _LIST_IS_OVER

    def _is_no_value(self) -> bool:
        """Whether, after the end of a List, a `{` that stands where its items do can be no value of a field."""
        return self.base == _LIST_IS_OVER and self.open.endswith(b"{") and not self.wants_value

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
        over, indent = self.base == _LIST_IS_OVER, self.indent
        if not self.around or indent is None or (over and not indent):
            self.source.skip_to(self.starts, line)
            return False
        self._reopens()
        return self.source.skip_to(self.resumes if over else self._ends_item, line) and self._goes_on()

    def _goes_on(self) -> bool:
        """An indented List is left by a line without indentation that can start something."""
        line = self.source.piece()
        self.source.back(line, fresh=True)
        return not (self.indent and _starts_anything(line))

    def ended_before(self, piece: bytes) -> int:
        """The line of `piece`, if an item of this List follows it before anything new, and then comes next; else 0."""
        self.source.back(piece, fresh=self.source.fresh)
        lines = self.source.ahead(self.resumes, _PIECE)
        if not self._is_at_item(lines[-1][0]):
            self.source.rewind(lines)
            self.source.piece()
            return 0
        self.source.rewind(lines[-1:])
        self._reopens()
        return lines[0][1]

    def resumes(self, line: bytes) -> bool:
        """Whether, behind the end of an indented List, a line starts an item of it after all, or something new."""
        return self._is_at_item(line) or _starts_anything(line)

    def _ends_item(self, line: bytes) -> bool:
        """Whether, after a broken item of a List, a line starts the next one or ends the List."""
        if not line.strip():
            return False
        if not self.indent:
            return line.startswith((b"{", b"]"))
        return not line.startswith(self.indent) or self._is_at_item(line)

    def _is_at_item(self, line: bytes) -> bool:
        return bool(self.indent) and line.startswith((self.indent or b"") + b"{")

    def _reopens(self) -> None:
        """Goes back to where an item of the List can start."""
        self.unit, self.open[:], self.base = None, self.around, len(self.around)

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
            raise BrokenError("not JSON: a text has no closing quote before its line ends")
        self.in_string = True

    def _opens(self, sign: bytes, piece: bytes, end: int) -> bool:
        """Takes an opening bracket, which ends at `end`; whether a document starts with it."""
        depth = len(self.open)
        if depth == MAX_DEPTH:
            raise BrokenError(TOO_DEEP)
        self.open += sign
        if sign == b"[" and self.base == 0 and self._is_list(piece[max(end - 40, 0) : end], depth):
            self.unit, self.indent, self.base, self.around = None, None, depth + 1, bytes(self.open)
        elif depth == self.base:
            before = piece[: end - 1]
            starts_line = self.source.fresh and not before.strip(b" \t")
            self.unit = _Unit(self.source.line, self.limit, before if starts_line else b"")
            if starts_line and self.indent is None:
                self.indent = before
            return True
        return False

    def _is_list(self, until: bytes, depth: int) -> bool:
        return depth == 0 or (depth == 1 and _LIST_KEY.search(until) is not None)

    def _closes(self, sign: bytes) -> bool:
        """Takes a closing bracket; whether the open document ends with it."""
        if _CLOSER[self.open[-1]] != sign:
            raise BrokenError(f"not JSON: {sign.decode()} on line {self.source.line} closes nothing")
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
        elif not rest.isspace():
            self.wants_value = rest.rstrip().endswith(b":")

    def _check_between(self, text: bytes) -> None:
        if junk := text.strip(b" \t\r\n,"):
            raise BrokenError(f"found {shown(junk)} where an item of a List should start")


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
