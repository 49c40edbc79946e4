"""The log task as the operator reads it from PD's etcd: four keys in, one state out (operator-semantics 6.4). Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fsm.errors import InputError
from fsm.model import seconds_of

Got = tuple[bytes, ...] | str
"""What one get found: the values under a prefix, or the text of its error."""

KEYS = {kind: f"/tidb/br-stream/{kind}/" for kind in ("checkpoint", "info", "pause", "last-error")}
"""The prefixes that are read, each followed by the task's name; `log-2` answers for `log` too (S22)."""

MANUAL = "manual"
_CHECKPOINT_BYTES = 8
_UINT64 = 1 << 64


@dataclass(frozen=True, slots=True)
class Etcd:
    """The answers to the four gets."""

    checkpoint: Got = ()
    info: Got = ()
    pause: Got = ()
    last_error: Got = ()


@dataclass(frozen=True, slots=True)
class TaskState:
    """What the operator makes of the answers. Without any key the task counts as running."""

    exists: bool = False
    paused: bool = False
    pause_reason: str = ""
    checkpoint: int = 0

    @property
    def kernel(self) -> Literal["running", "paused"]:
        return "paused" if self.paused else "running"

    @property
    def paused_by_error(self) -> bool:
        """An error pause whose text is empty is taken for none."""
        return self.paused and self.pause_reason not in {"", MANUAL}


def task_state(etcd: Etcd) -> TaskState:
    """The state of the task. A get that failed only leaves its part out, as if there were no key (S10)."""
    pause = _found(etcd.pause)
    checkpoint = _found(etcd.checkpoint)
    return TaskState(
        exists=bool(_found(etcd.info)),
        paused=bool(pause),
        pause_reason=pause_reason(pause[0]) if pause else "",
        checkpoint=_checkpoint(checkpoint[0]) if checkpoint else 0,
    )


def _found(got: Got) -> tuple[bytes, ...]:
    return () if isinstance(got, str) else got


def _checkpoint(value: bytes) -> int:
    return int.from_bytes(value, "big") if len(value) == _CHECKPOINT_BYTES else 0


# ------------------------------------------------------------------ why it is paused


class _UnreadableError(Exception):
    """A pause key that the operator cannot read; what then counts as the reason."""


def pause_reason(value: bytes) -> str:
    """`manual`, the text of the error, or `unknown` or `error` where it cannot be read. An empty value is manual."""
    if not value:
        return MANUAL
    try:
        info = _go_struct(value, _PAUSE)
    except _UnreadableError:
        return "unknown"
    if info["severity"] == "MANUAL":
        return MANUAL
    try:
        return _error_text(info["payload_type"], info["payload"])
    except _UnreadableError:
        return "error"


def _error_text(payload_type: str, payload: bytes) -> str:
    kind, parameters = _media_type(payload_type)
    if kind == "text/plain":
        return payload.decode("utf-8", "surrogateescape")
    if kind != "application/x-protobuf" or parameters.get("messagetype") != "brpb.StreamBackupError":
        raise _UnreadableError
    error = _go_struct(payload, _STREAM_ERROR)
    return f"Paused by error(store {error['store_id']}): {error['error_message']}"


# ------------------------------------------------------------------ JSON as Go's encoding/json reads it into a struct


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _UnreadableError
    return value


def _int64(value: Any) -> int:
    return _integer(value, -_UINT64 // 2, _UINT64 // 2)


def _uint64(value: Any) -> int:
    return _integer(value, 0, _UINT64)


def _integer(value: Any, low: int, beyond: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value < beyond:
        raise _UnreadableError
    return value


def _time(value: Any) -> str:
    try:
        seconds_of(_text(value))
    except InputError:
        raise _UnreadableError from None
    return str(value)


def _bytes(value: Any) -> bytes:
    """Base64; a list of small numbers is read too, in which null is 0."""
    if isinstance(value, list) and not isinstance(value, _Object):
        return bytes(0 if each is None else _integer(each, 0, 1 << 8) for each in value)
    try:
        return base64.b64decode(re.sub(r"[\r\n]", "", _text(value)), validate=True)
    except (binascii.Error, ValueError):
        raise _UnreadableError from None


_PAUSE: Mapping[str, tuple[Any, Any]] = {
    "severity": ("", _text),
    "operation_hostname": ("", _text),
    "operation_pid": (0, _int64),
    "operation_time": ("", _time),
    "payload_type": ("", _text),
    "payload": (b"", _bytes),
}
_STREAM_ERROR: Mapping[str, tuple[Any, Any]] = {
    "happen_at": (0, _uint64),
    "error_code": ("", _text),
    "error_message": ("", _text),
    "store_id": (0, _uint64),
}


class _Object(list[tuple[str, Any]]):
    """A JSON object by its pairs, told apart from a list."""


def _go_struct(text: bytes, fields: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """The fields of a JSON object; names match in any case, null leaves a field alone, others are ignored."""
    try:
        data = json.loads(text.decode("utf-8", "replace"), object_pairs_hook=_Object, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise _UnreadableError from None
    found = {name: zero for name, (zero, _) in fields.items()}
    if data is None:
        return found
    if not isinstance(data, _Object):
        raise _UnreadableError
    for name, value in data:
        known = name if name in fields else name.casefold()
        if known in fields and value is not None:
            found[known] = fields[known][1](value)
    return found


def _refuse(constant: str) -> Any:
    """NaN and Infinity are not JSON."""
    raise ValueError(constant)


# ------------------------------------------------------------------ media types as Go's mime.ParseMediaType reads them

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE = re.compile(rf"\s*({_TOKEN}(?:/{_TOKEN})?)\s*(?=;|$)")
_PARAMETER = re.compile(rf'\s*;\s*({_TOKEN})\s*=\s*(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")\s*')


def _media_type(text: str) -> tuple[str, dict[str, str]]:
    """The type and its parameters, names in lower case. A parameter that cannot be read makes the whole unreadable."""
    head = _TYPE.match(text)
    if head is None:
        raise _UnreadableError
    parameters: dict[str, str] = {}
    position = head.end()
    while text[position:].strip():
        found = _PARAMETER.match(text, position)
        if found is None:
            if text[position:].strip() == ";":
                break  # a trailing semicolon is ignored
            raise _UnreadableError
        name = found[1].lower()
        value = found[2] if found[2] is not None else re.sub(r"\\(.)", r"\1", found[3])
        if parameters.setdefault(name, value) != value:
            raise _UnreadableError
        position = found.end()
    return head[1].lower(), parameters
