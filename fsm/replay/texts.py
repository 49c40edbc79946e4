"""Turns a text in JSON or YAML into plain data, and a path in that data into the line where it stands.

Kubernetes' own reading of YAML: timestamps stay text, tags are not read, a key is given once.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

import yaml

from fsm.replay.problem import MAX_DEPTH, TOO_DEEP, BrokenError, shown

NOTHING: Final = object()
"""The data of a YAML document that has nothing but comments."""
_MAX_VALUES: Final = 5 * 10**5
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"


def decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise BrokenError("not UTF-8 text", text.count(b"\n", 0, error.start)) from None


def json_data(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise BrokenError(TOO_DEEP) from None
    except json.JSONDecodeError as error:
        raise BrokenError(f"not JSON: {error.msg} (column {error.colno})", error.lineno - 1) from None
    except ValueError as error:  # a number of more digits than Python reads
        raise BrokenError(f"not JSON: {error}") from None


class Node(NamedTuple):
    """A YAML value, and the line of it or of its key, counted from 0. Collections hold nodes."""

    line: int
    value: Any


class Plain:
    """Turns nodes into data. Aliases are expanded, so that a short text could become an endless value: it counts."""

    def __init__(self) -> None:
        self.count = 0

    def data(self, node: Node, depth: int = 0) -> Any:
        self.count += 1
        if self.count > _MAX_VALUES or depth > MAX_DEPTH:
            many = f"more than {_MAX_VALUES} values, counting those of aliases"
            raise BrokenError(TOO_DEEP if depth > MAX_DEPTH else many, node.line)
        if isinstance(node.value, dict):
            return {key: self.data(value, depth + 1) for key, value in node.value.items()}
        if isinstance(node.value, list):
            return [self.data(value, depth + 1) for value in node.value]
        return node.value


def tree_of(text: str) -> Node | None:
    """The nodes of a YAML document (JSON is one, nearly always); None when it is empty."""
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise BrokenError(f"neither JSON nor YAML: {error.problem}", mark.line if mark else 0) from None
    except yaml.YAMLError as error:
        raise BrokenError(f"neither JSON nor YAML: {str(error).splitlines()[0]}") from None
    return builder.root


def _line(event: yaml.Event) -> int:
    return event.start_mark.line if event.start_mark else 0


class _Builder:
    """Builds nodes from the parser's events: flat, so that no nesting can exhaust a stack; no tag makes an object."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[tuple[yaml.CollectionStartEvent, list[Node]]] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: yaml.Event) -> None:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            self._add(self._known(event.anchor, line), None)
        elif isinstance(event, yaml.ScalarEvent):
            self._add(Node(line, _scalar(event)), event.anchor)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._starts(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            start, children = self._open.pop()
            value = children if isinstance(start, yaml.SequenceStartEvent) else _fields(children)
            self._add(Node(_line(start), value), start.anchor)

    def _known(self, anchor: str | None, line: int) -> Node:
        if anchor is None or anchor not in self._anchors:
            raise BrokenError(f"the anchor &{anchor} is not in this document", line)
        return Node(line, self._anchors[anchor].value)

    def _starts(self, event: yaml.CollectionStartEvent) -> None:
        line = _line(event)
        if event.tag not in (None, "!", _TAG + "map", _TAG + "seq"):
            raise BrokenError(f"the tag {event.tag} is not read", line)
        if len(self._open) == MAX_DEPTH:
            raise BrokenError(TOO_DEEP, line)
        self._open.append((event, []))

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1][1].append(node)
        elif self.root is None:
            self.root = node


def _fields(children: list[Node]) -> dict[str, Node]:
    """The fields of a mapping from its keys and values in turn; each value has the line of its key."""
    fields: dict[str, Node] = {}
    for key, value in zip(children[::2], children[1::2], strict=True):
        name = _name(key)
        if name in fields:
            raise BrokenError(f"the key {shown(name)} is given twice", key.line)
        fields[name] = Node(key.line, value.value)
    return fields


def _name(key: Node) -> str:
    if isinstance(key.value, dict | list) or key.value == "<<":
        raise BrokenError("a key that is not text, or that merges (<<)", key.line)
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
        raise BrokenError(f"the tag {shown(tag)} is not read", _line(event))
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


def node_at(node: Node, path: str) -> Node:
    """Paths are inside the object also where it is a watch item's."""
    step = _step(node, path)
    if step is None and isinstance(node.value, dict) and "object" in node.value:
        step = node.value["object"], path
    while step is not None:
        node, path = step
        step = _step(node, path)
    return node


def _step(node: Node, path: str) -> tuple[Node, str] | None:
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
