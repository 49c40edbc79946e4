"""What the operator makes of the four keys of a log task (operator-semantics 6.4)."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.reference import Etcd, task_state
from fsm.reference.task import pause_reason

STREAM_ERROR = "application/x-protobuf; messagetype=brpb.StreamBackupError"


def paused(severity="ERROR", payload_type="text/plain", payload=b"", **more):
    encoded = b64encode(payload).decode()
    return json.dumps({"severity": severity, "payload_type": payload_type, "payload": encoded, **more}).encode()


REASONS = {
    "an empty value is a pause by hand": (b"", "manual"),
    "severity MANUAL is a pause by hand": (paused("MANUAL"), "manual"),
    "text is told as it is": (paused(payload=b"no space left"), "no space left"),
    "an empty text is no reason": (paused(payload=b""), ""),
    "a stream error is told with its store": (
        paused(payload_type=STREAM_ERROR, payload=b'{"store_id": 7, "error_message": "boom"}'),
        "Paused by error(store 7): boom",
    ),
    "a real protobuf payload cannot be read": (paused(payload_type=STREAM_ERROR, payload=b"\x0a\x04boom"), "error"),
    "a message type that nobody knows": (paused(payload_type="application/x-protobuf; messagetype=x"), "error"),
    "a protobuf without a message type": (paused(payload_type="application/x-protobuf"), "error"),
    "parameters need a semicolon": (
        paused(payload_type="application/x-protobuf?messagetype=brpb.StreamBackupError"),
        "error",
    ),
    "another type": (paused(payload_type="image/png"), "error"),
    "no type": (paused(payload_type=""), "error"),
    "a type with a charset": (paused(payload_type="text/plain; charset=utf-8", payload=b"a"), "a"),
    "upper case": (paused(payload_type="TEXT/PLAIN", payload=b"a"), "a"),
    "no JSON": (b"paused", "unknown"),
    "a JSON list": (b"[]", "unknown"),
    "a payload in numbers": (
        b'{"severity": "ERROR", "payload_type": "text/plain", "payload": [104, null, 105]}',
        "h\0i",
    ),
    "a payload in numbers that are no bytes": (b'{"severity": "ERROR", "payload": [256]}', "unknown"),
    "a payload in words": (b'{"severity": "ERROR", "payload": ["a"]}', "unknown"),
    "a payload that is an object": (b'{"severity": "ERROR", "payload": {}}', "unknown"),
    "a number for the severity": (b'{"severity": 1}', "unknown"),
    "a payload that is no base64": (b'{"severity": "ERROR", "payload": "*"}', "unknown"),
    "a time that is none": (paused(operation_time="yesterday"), "unknown"),
    "a process id too large": (paused(operation_pid=1 << 63), "unknown"),
    "null is a JSON value without a word": (b"null", "error"),
    "keys in another case": (b'{"SEVERITY": "MANUAL"}', "manual"),
}


@pytest.mark.parametrize(("value", "reason"), REASONS.values(), ids=REASONS)
def test_why_a_task_is_paused(value, reason):
    assert pause_reason(value) == reason


@given(st.binary())
def test_no_value_of_the_key_crashes(value):
    pause_reason(value)


@pytest.mark.parametrize(
    ("etcd", "exists", "kernel", "by_error", "checkpoint"),
    [
        (Etcd(), False, "running", False, 0),
        (Etcd(info=(b"",)), True, "running", False, 0),
        (Etcd(info="timeout"), False, "running", False, 0),
        (Etcd(info=(b"x",), pause=(b"",)), True, "paused", False, 0),
        (Etcd(info=(b"x",), pause=(paused(payload=b"boom"),)), True, "paused", True, 0),
        (Etcd(info=(b"x",), pause=(paused(payload=b""),)), True, "paused", False, 0),
        (Etcd(checkpoint=((5).to_bytes(8, "big"), b"x")), False, "running", False, 5),
        (Etcd(checkpoint=(b"1234567",)), False, "running", False, 0),
        (Etcd(checkpoint="timeout"), False, "running", False, 0),
    ],
)
def test_a_get_that_failed_reads_like_a_key_that_is_absent(etcd, exists, kernel, by_error, checkpoint):
    state = task_state(etcd)
    assert (state.exists, state.kernel, state.paused_by_error, state.checkpoint) == (
        exists,
        kernel,
        by_error,
        checkpoint,
    )
