"""What is no vector is refused with its place, its path, and what would have been right."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from conform_vectors import EVENT, PLACE, SYNC, backup, given, job, judgement, line, rule_line
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from fsm.conform import vector_from
from fsm.conform.times import START, TIME_NAMES, offset_of, rendered, resolved, text_at
from fsm.conform.vector import id_of
from fsm.errors import InputError, Place
from fsm.model import text_of

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def refusal(text: str | bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        vector_from(text, PLACE)
    return caught.value


BROKEN: dict[str, tuple[str, str, str]] = {
    "no JSON": ("{", "", "not JSON"),
    "a list": ("[]", "", "found list"),
    "neither kind": (json.dumps({"id": "x", "runs": "operator"}), "runs", "Invalid value 'operator'"),
    "no kind": (json.dumps({"id": "x"}), "", "missing required field `runs`"),
    "no id": (json.dumps({"runs": "rules"}), "", "missing required field `id`"),
    "a key too many": (line([], note="x"), "", "unknown field `note`"),
    "no beginning": (json.dumps({"id": "x", "runs": "reference", "when": [], "then": []}), "", "field `given`"),
    "an unknown rule": (rule_line("is_happy", True), "rule", "there is no rule 'is_happy'"),
    "a missing argument": (rule_line("is_on", True, backup=backup()), "given", "missing required field `phase`"),
    "an unknown phase": (rule_line("is_on", True, backup=backup(), phase="Happy"), "given.phase", "'Happy'"),
    "an argument too many": (rule_line("parse_ts", "1", text="1", zone="UTC"), "given", "unknown field `zone`"),
    "no value": (json.dumps({**json.loads(rule_line("parse_ts", "1", text="1")), "then": {}}), "then", "field `value`"),
    "an unknown field of an update": (
        rule_line("updated", {}, backup=backup(), update={"phase": "x"}),
        "given.update",
        "unknown field `phase`",
    ),
    "a key too many in a beginning": (line([], begin={"sever": {}}), "given", "unknown field `sever`"),
    "a key too many in the server": (line([], begin=given({"job": []})), "given.server", "unknown field `job`"),
    "a Backup that is none": (line([], begin=given({"backup": 7})), "given.server.backup", "Expected `object`"),
    "a Backup without a name": (
        line([], begin=given({"backup": {"metadata": {}}})),
        "given.server.backup",
        "metadata.name: missing",
    ),
    "a Job with a wrong count": (
        line([], begin=given({"jobs": [{**job(), "status": {"active": "x"}}]})),
        "given.server.jobs[0]",
        "status.active",
    ),
    "a time that is none": (
        line([], begin=given({"backup": backup(deletionTimestamp="soon")})),
        "given.server.backup.metadata.deletionTimestamp",
        "found 'soon'",
    ),
    "a time of a calendar": (
        line([{}], {**EVENT, "object": backup(status={"timeStarted": "2026-01-01T00:00:00Z"})}),
        "when[0].object.status.timeStarted",
        "found '2026",
    ),
    "a time beyond the calendar": (
        line([], begin=given({"backup": backup(deletionTimestamp="now+999999999999s")})),
        "given.server.backup.metadata.deletionTimestamp",
        "found 'now+999999999999s'",
    ),
    "base64 that is none": (line([], begin=given(task={"info": {"values": ["!"]}})), "given.task.info.values[0]", ""),
    "a happening of no kind": (line([], {"wait": "60s"}), "when[0]", "found wait"),
    "an empty happening": (line([], {}), "when[0]", "found nothing"),
    "an unknown run": (line([{}], EVENT, {"run": "panic"}), "when[1].run", "Invalid value 'panic'"),
    "a refresh of what no informer has": (line([], {"refresh": ["secrets"]}), "when[0].refresh[0]", "'secrets'"),
    "a deleted Job without a Job": (line([{}], {"run": "jobDeleted"}), "when[0]", "found no job"),
    "a fault of an unknown call": (
        line([{}], {**SYNC, "answers": [{"call": "get etcd", "nth": 1, "error": "timeout", "message": ""}]}),
        "when[0].answers[0].call",
        "'get etcd'",
    ),
    "a fault before the first call": (
        line([{}], {**SYNC, "answers": [{"call": "create jobs", "nth": 0, "error": "timeout", "message": ""}]}),
        "when[0].answers[0].nth",
        ">= 1",
    ),
    "an unknown fault": (
        line([{}], {**SYNC, "answers": [{"call": "create jobs", "nth": 1, "error": "gone", "message": ""}]}),
        "when[0].answers[0].error",
        "'gone'",
    ),
    "outcomes too few": (line([{}], EVENT, SYNC), "then", "found 1; expected 2, one for each run"),
    "outcomes too many": (line([{}], {"refresh": ["backup"]}), "then", "found 1; expected 0"),
    "nested too deep": (line([{"result": 0}], EVENT).replace("0}", "[" * 200 + "]" * 200 + "}"), "", "nested deeper"),
    "nested much too deep": ("[" * 10_000, "", "nested deeper"),
}


@pytest.mark.parametrize(("text", "path", "said"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_vector_is_refused(text: str, path: str, said: str) -> None:
    error = refusal(text)
    assert error.place == Place("vectors.jsonl", 7, path)
    assert said in str(error)


def test_what_is_no_utf8_is_refused() -> None:
    assert "not JSON" in str(refusal(line([]).encode().replace(b"v-1", b"\xff\xfe")))


def test_an_event_without_a_cached_backup_cannot_be_played() -> None:
    with pytest.raises(InputError, match=r"vectors.jsonl:7: when\[1\]: found an event, but no Backup is cached then"):
        judgement(line([{}], {"set": {"cache": {"backup": None}}}, EVENT))


def test_the_source_of_a_vector_may_say_anything() -> None:
    assert vector_from(line([], source={"module": "m", "version": "v", "seed": 7, "note": []})).id == "v-1"


@examples(st.binary(max_size=40) | st.text(max_size=40))
def test_any_line_is_a_vector_or_an_input_error(text: bytes | str) -> None:
    with suppress(InputError):
        vector_from(text)
    assert id_of(text) is None or isinstance(id_of(text), str)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("part", ["given", "when", "then", "runs", "id"])
def test_a_vector_with_a_part_of_another_form_is_a_vector_or_an_input_error(part: str) -> None:
    @examples(_JSON)
    def run(value: Any) -> None:
        data = {**json.loads(line([{}], SYNC)), part: value}
        with suppress(InputError):
            judgement(json.dumps(data))

    run()


def test_the_id_of_a_line_is_found_without_reading_the_rest() -> None:
    assert id_of('{"given": {"nonsense": true}, "id": "v-9"}') == "v-9"
    assert id_of('{"id": 9}') is None
    assert id_of("nonsense") is None


# ------------------------------------------------------------------ times


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("now", 0),
        ("now+300s", 300),
        ("now-1800s", -1800),
        ("now+0s", 0),
        ("now+1m", None),
        ("now 1s", None),
        ("", None),
    ],
)
def test_a_time_is_now_or_some_seconds_away(text: str, offset: int | None) -> None:
    assert offset_of(text) == offset


@examples(st.integers(-(10**9), 10**9))
def test_a_time_is_written_as_it_is_read(offset: int) -> None:
    assert offset_of(text_at(offset)) == offset
    data = {"timeStarted": text_at(offset)}
    assert resolved(data) == {"timeStarted": text_of(START + offset)}
    assert rendered(resolved(data)) == data


@pytest.mark.parametrize("name", sorted(TIME_NAMES))
def test_a_time_stands_anywhere_under_its_name(name: str) -> None:
    data = {"a": [{name: "now-1s"}, {"b": {name: None}}]}
    assert resolved(data)["a"][0][name] == text_of(START - 1)
    assert rendered(resolved(data)) == data


def test_texts_under_other_names_are_left_as_they_are() -> None:
    data = {"message": "now", "commitTs": "now+1s", "labels": ["now"]}
    assert resolved(data) == rendered(data) == data
