"""A JSON or YAML text as data, for what people write by hand: nothing that they wrote is passed over in silence.

A key may stand in its map once. Of YAML, what shows one thing and means another is refused (aliases, merge keys, tags),
and what looks like a date is text.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import yaml
from yaml.constructor import SafeConstructor

from fsm.errors import InputError, Place
from fsm.model.problems import cut, joined


def data_of(text: str, expected: str, place: Place | None = None) -> Any:
    """Its maps, lists, texts, numbers, booleans and None. An InputError says what is wrong, and where; a RecursionError
    that it is nested too deep."""
    reader = _YamlReader(expected, place or Place())
    try:
        return json.loads(text, object_pairs_hook=_map_of)
    except json.JSONDecodeError:
        return reader.read(text)
    except ValueError:  # JSON, but a key is there twice or a number is too long; only YAML's parser knows where
        return reader.read(text.replace("\t", " "))


def _map_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


_NO_TEXT = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float"))
_MOST_DIGITS = 100
"""Python neither reads nor writes numbers of some thousand."""


class _YamlReader(NamedTuple):
    expected: str
    place: Place

    def read(self, text: str) -> Any:
        try:
            for event in yaml.parse(text, yaml.SafeLoader):
                if problem := _refused(event):
                    raise InputError(problem, expected=self.expected, place=self._place(event.start_mark))
            root = yaml.compose(text, yaml.SafeLoader)
        except yaml.YAMLError as error:
            problem = " ".join(str(getattr(error, "problem", None) or error).split())
            place = self._place(getattr(error, "problem_mark", None))
            raise InputError(f"neither JSON nor YAML: {problem}", expected=self.expected, place=place) from None
        return None if root is None else self._value(root, "")

    def _value(self, node: yaml.Node, path: str) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._map(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(each, f"{path}[{number}]") for number, each in enumerate(node.value)]
        return self._scalar(node, path) if node.tag in _NO_TEXT else node.value

    def _map(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag in _NO_TEXT:
                shown = cut(key.value) if isinstance(key, yaml.ScalarNode) else "a list or a map as a key"
                place = self._place(key.start_mark, path)
                raise InputError(f"found {shown}", expected="field names that are text", place=place)
            name = key.value
            if name in found:
                problem = f"the key {cut(json.dumps(name, ensure_ascii=False))} is there twice"
                raise InputError(problem, expected="each key once", place=self._place(key.start_mark, path))
            found[name] = self._value(value, joined(path, name))
        return found

    def _scalar(self, node: yaml.Node, path: str) -> Any:
        try:
            if len(node.value) <= _MOST_DIGITS:
                return SafeConstructor().construct_object(node)
        except ValueError:  # 0b_
            pass
        place = self._place(node.start_mark, path)
        raise InputError(f"found {cut(node.value)}", expected="a number of few digits", place=place)

    def _place(self, mark: Any, path: str = "") -> Place:
        line = mark.line + 1 if mark is not None and self.place.file else 0
        return Place(self.place.file, line, joined(self.place.path, path))


def _refused(event: yaml.Event) -> str:
    """Why this part of YAML is not read, "" if it is."""
    if isinstance(event, yaml.AliasEvent):
        return "an alias (*) is not read"  # few of them make a value without end
    if getattr(event, "tag", None) is not None:
        return "a tag (!) is not read"
    if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
        return "a merge key (<<) is not read"
    return ""
