"""What kubectl prints becomes items, what is broken becomes problems, and nothing is lost, held or guessed."""

from __future__ import annotations

import io
import itertools
import json
import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from fsm.model import Backup, Job, Pod, seconds_of
from fsm.model.lean import lean_item
from fsm.replay import reader
from fsm.replay.reader import YAML_LIMIT, Document, Item, Problem, documents, items

STORIES = sorted((Path(reader.__file__).parent.parent / "stories").glob("*.jsonl"))

JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"creationTimestamp": "2026-11-22T02:00:00Z", "name": "backup-a", "namespace": "ns", "uid": "u1"},
    "spec": {"backoffLimit": 0},
    "status": {"conditions": [{"status": "True", "type": "Failed", "message": 'br said "no" {[\\'}], "failed": 1},
}
POD: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "backup-a-x", "uid": "u2"}}
BACKUP: dict[str, Any] = {
    "apiVersion": "pingcap.com/v1alpha1",
    "kind": "Backup",
    "metadata": {"name": "a", "namespace": "ns", "uid": "u3"},
    "spec": {"backupMode": "log"},
    "status": {"phase": "Running", "conditions": None},
}
OBJECTS = [JOB, POD, BACKUP]


def read(data: bytes | str, **limits: int) -> tuple[list[Item], list[Problem]]:
    """Everything that comes out of a text, items apart from problems."""
    text = data.encode() if isinstance(data, str) else data
    results = list(items(documents(io.BytesIO(text), "in", **limits)))
    return [r for r in results if isinstance(r, Item)], [r for r in results if isinstance(r, Problem)]


def plain(found: list[Item]) -> list[dict[str, Any]]:
    return [item.object.to_json() for item in found]


def line(obj: dict[str, Any], type_: str = "ADDED", **more: Any) -> str:
    return json.dumps({"type": type_, "object": obj, **more}, separators=(",", ":"))


def pretty(obj: Any, indent: int | str = 4) -> str:
    return json.dumps(obj, indent=indent)


def a_list(objects: list[dict[str, Any]], kind: str = "List") -> dict[str, Any]:
    return {"apiVersion": "v1", "items": objects, "kind": kind, "metadata": {"resourceVersion": "", "extra": {}}}


def as_yaml(data: Any, **options: Any) -> str:
    return str(yaml.dump(json.loads(json.dumps(data)), Dumper=yaml.CSafeDumper, **options))


def changed(obj: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(obj))
    *parents, last = path.split(".")
    place = copy
    for name in parents:
        place = place[int(name) if isinstance(place, list) else name]
    place[int(last) if isinstance(place, list) else last] = value
    return cast("dict[str, Any]", copy)


# ---- forms

FORMS: dict[str, Callable[[list[dict[str, Any]]], str]] = {
    "watch lines": lambda objs: "".join(line(obj) + "\n" for obj in objs),
    "watch lines, no last newline": lambda objs: "\n".join(map(line, objs)),
    "watch lines, CRLF": lambda objs: "".join(line(obj) + "\r\n" for obj in objs),
    "watch lines, blank lines": lambda objs: "".join("\n \n" + line(obj) + "\n\n" for obj in objs),
    "watch lines after a BOM": lambda objs: "\ufeff" + "\n".join(map(line, objs)),
    "watch lines indented": lambda objs: "".join("  " + line(obj) + "  \n" for obj in objs),
    "several values on one line": lambda objs: " ".join(map(line, objs)) + "\n",
    "values without anything between": lambda objs: "".join(map(line, objs)),
    "bare lines": lambda objs: "".join(json.dumps(obj) + "\n" for obj in objs),
    "pretty, as kubectl": lambda objs: "".join(pretty(obj) + "\n" for obj in objs),
    "pretty, CRLF": lambda objs: "".join(pretty(obj) + "\n" for obj in objs).replace("\n", "\r\n"),
    "pretty, tabs": lambda objs: "".join(pretty(obj, "\t") + "\n" for obj in objs),
    "pretty, no indentation": lambda objs: "".join(pretty(obj, 0) + "\n" for obj in objs),
    "pretty, without anything between": lambda objs: "".join(map(pretty, objs)),
    "pretty after a BOM": lambda objs: "\ufeff" + "\n".join(map(pretty, objs)),
    "pretty watch items": lambda objs: "\n".join(pretty({"type": "ADDED", "object": obj}) for obj in objs),
    "List, as kubectl": lambda objs: pretty(a_list(objs)),
    "List, tabs": lambda objs: pretty(a_list(objs), "\t"),
    "List, no indentation": lambda objs: pretty(a_list(objs), 0),
    "List on one line": lambda objs: json.dumps(a_list(objs, "JobList")),
    "List, one item a line": lambda objs: '{"items":[\n' + ",\n".join(map(json.dumps, objs)) + '\n],"kind":"List"}',
    "List with its kind first": lambda objs: pretty(dict(reversed(a_list(objs).items()))),
    "List, items on the next line": lambda objs: json.dumps(a_list(objs)).replace('"items":', '"items":\n'),
    "one List after another": lambda objs: "\n".join(pretty(a_list([obj])) for obj in objs),
    "List of watch items": lambda objs: pretty(a_list([{"type": "ADDED", "object": obj} for obj in objs])),
    "array": json.dumps,
    "array, pretty": pretty,
    "YAML documents": lambda objs: "---\n".join(map(as_yaml, objs)),
    "YAML documents, CRLF": lambda objs: "---\n".join(map(as_yaml, objs)).replace("\n", "\r\n"),
    "YAML with comments and ends": lambda objs: "%YAML 1.1\n" + "".join(f"--- # c\n{as_yaml(o)}...\n" for o in objs),
    "YAML after a BOM": lambda objs: "\ufeff" + "---\n".join(map(as_yaml, objs)),
    "YAML watch items": lambda objs: "---\n".join(as_yaml({"object": obj, "type": "ADDED"}) for obj in objs),
    "YAML List": lambda objs: as_yaml(a_list(objs)),
    "YAML List, indented": lambda objs: "items:\n" + "".join("  " + x for x in as_yaml(objs).splitlines(True)),
    "YAML List with anchors": lambda objs: "kind: List\nitems:\n" + as_yaml(objs).replace("- ", "- &x\n  ", 1),
    "YAML sequence": as_yaml,
    "JSON as YAML documents": lambda objs: "".join("--- " + json.dumps(obj) + "\n" for obj in objs),
    "lines, pretty, YAML and a List": lambda objs: "\n".join(
        [line(objs[0]), *map(pretty, objs[1:2]), as_yaml(objs[-1]), pretty(a_list(objs))]
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_kubectl_prints_gives_the_same_objects(form: str) -> None:
    found, problems = read(FORMS[form](OBJECTS))
    wanted = [JOB, POD, BACKUP] if form != "lines, pretty, YAML and a List" else [JOB, POD, BACKUP, JOB, POD, BACKUP]
    assert (plain(found), problems) == (wanted, [])
    assert [type(item.object) for item in found[:3]] == [Job, Pod, Backup]


@pytest.mark.parametrize("form", ["pretty, as kubectl", "List, as kubectl", "one List after another", "YAML documents"])
@pytest.mark.parametrize("limit", [2000, 700])
def test_cutting_does_not_depend_on_how_much_may_be_held(form: str, limit: int) -> None:
    assert plain(read(FORMS[form](OBJECTS), limit=limit)[0]) == OBJECTS


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.name)
def test_a_story_is_the_same_in_every_form(story: Path) -> None:
    objects = plain(read(story.read_bytes())[0])
    assert len(objects) > 1
    for form in FORMS.keys() - {"lines, pretty, YAML and a List", "YAML List with anchors"}:
        found, problems = read(FORMS[form](objects))
        assert (form, plain(found), problems) == (form, objects, [])


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_mixture_of_forms_gives_the_same_objects(data: st.DataObject) -> None:
    """The story is cut anywhere, each piece is printed in a form of its own, and all of it is one input."""
    story = data.draw(st.sampled_from([path for path in STORIES if path.stat().st_size < 20_000]))
    objects = plain(read(story.read_bytes())[0])
    cuts = sorted(data.draw(st.sets(st.integers(1, len(objects) - 1), max_size=4)))
    pieces = [objects[a:b] for a, b in itertools.pairwise([0, *cuts, len(objects)])]
    forms = [f for f in FORMS if f != "lines, pretty, YAML and a List" and "anchors" not in f]
    text = ""
    for piece in pieces:
        form = data.draw(st.sampled_from(forms))
        around = "---\n" if "YAML" in form else "\n"
        text += around + FORMS[form](piece) + "\n" + around
    found, problems = read(text)
    assert (plain(found), problems) == (objects, [])


def test_items_say_their_type_their_line_and_when_they_came() -> None:
    text = line(JOB, at="2026-11-22T03:00:00+01:00") + "\n\n" + line(JOB, "DELETED") + "\n" + pretty(POD) + "\n"
    found, _ = read(text)
    assert [(i.file, i.line, i.type, i.at) for i in found] == [
        ("in", 1, "ADDED", seconds_of("2026-11-22T02:00:00Z")),
        ("in", 3, "DELETED", None),
        ("in", 4, "", None),
    ]


@pytest.mark.parametrize(
    "form",
    [
        "pretty, as kubectl",
        "pretty, CRLF",
        "pretty, no indentation",
        "List, as kubectl",
        "List, one item a line",
        "array, pretty",
        "several values on one line",
        "YAML documents",
        "YAML List",
        "YAML List, indented",
        "YAML List with anchors",
        "YAML sequence",
    ],
)
def test_each_item_has_the_line_on_which_it_starts(form: str) -> None:
    text = FORMS[form](OBJECTS)
    firsts = [text.rindex("apiVersion", 0, text.index(obj["metadata"]["uid"])) for obj in OBJECTS]
    starts = firsts if "YAML" in form else [text.rindex("{", 0, first) for first in firsts]
    expected = [text.count("\n", 0, start) + 1 for start in starts]
    if "anchors" in form:
        expected[0] -= 1  # that of the dash
    assert [item.line for item in read(text)[0]] == expected


def test_bare_objects_and_watch_items_may_alternate() -> None:
    found, problems = read("\n".join([line(JOB), json.dumps(POD), line(BACKUP), json.dumps(JOB)]))
    assert ([item.type for item in found], problems) == (["ADDED", "", "ADDED", ""], [])


# ---- YAML


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("2026-11-22T02:00:00Z", "2026-11-22T02:00:00Z"),
        ("2026-11-22", "2026-11-22"),
        ("12:30:45", "12:30:45"),
        ('"yes"', "yes"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ('!!int "12"', 12),
        ("yes", True),
        ("True", True),
        ("OFF", False),
        ("tRUE", "tRUE"),
        ("~", None),
        ("Null", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("0644", 420),
        ("0o644", 420),
        ("0x1f", 31),
        ("+7", 7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("089", 89.0),
        (".", "."),
        ("1_000", "1_000"),
        ("1" * 30, float("1" * 30)),
        ("1e999", "1e999"),
        (".nan", ".nan"),
        ("|\n    two\n    lines", "two\nlines"),
        ("&x [1, *y]", None),
        ("[a, {b: c}]", ["a", {"b": "c"}]),
        ("{1: a, true: b}", {"1": "a", "true": "b"}),
    ],
)
def test_yaml_scalars_are_typed_as_kubectl_does_and_times_stay_text(scalar: str, value: Any) -> None:
    found, problems = read(f"kind: Job\nmetadata:\n  name: a\nspec:\n  template: {scalar}\n")
    if "*y" in scalar:
        assert [(p.line, "anchor &y" in p.message) for p in problems] == [(5, True)]
    else:
        assert problems == []
        spec = found[0].object.to_json()["spec"]
        assert (spec["template"], type(spec["template"])) == (value, type(value))


def test_yaml_anchors_reach_through_a_document_and_a_list() -> None:
    shared = "metadata: &m {name: a, labels: &l {x: y}}\nkind: Job\nspec: {template: *l}\n"
    assert plain(read(shared)[0])[0]["spec"] == {"template": {"x": "y"}}
    listed = "items:\n- kind: Pod\n  metadata: {name: p}\n- kind: Job\n  metadata: &m {name: a}\n"
    listed += "- kind: Pod\n  metadata: *m\n"
    found, problems = read(listed + "kind: List\n")
    assert ([(i.line, i.object.kind, i.object.metadata.name) for i in found], problems) == (
        [(2, "Pod", "p"), (4, "Job", "a"), (6, "Pod", "a")],
        [],
    )
    assert [item.line for item in read("- &j " + json.dumps(JOB) + "\n- *j\n")[0]] == [1, 2]


@pytest.mark.parametrize(
    ("text", "line_", "message"),
    [
        ("kind: !!python/object:os.system x\n", 1, "the tag 'tag:yaml.org,2002:python/object:os.system' is not read"),
        ("kind: Job\nx: !!python/tuple [1]\n", 2, "the tag tag:yaml.org,2002:python/tuple is not read"),
        ("kind: Job\nkind: Pod\n", 2, "the key 'kind' is given twice"),
        ("kind: Job\n<<: {a: b}\n", 2, "merges (<<)"),
        ("kind: Job\n? [a]\n: b\n", 2, "a key that is not text"),
        ("kind: Job\nmetadata: *x\n", 2, "the anchor &x is not in this document"),
        ("kind: Job\nmetadata: &x [*x]\n", 2, "the anchor &x is not in this document"),
        ("kind: Job\n\tname: a\n", 2, "neither JSON nor YAML"),
        ("kind: Job\nmetadata: {name: a\n", 3, "neither JSON nor YAML"),
        ("kind: \x01\n", 1, "neither JSON nor YAML"),
        ("- " * 300 + "\n", 1, "nested deeper"),
        ("a: " + "[" * 300 + "\n", 1, "nested deeper"),
    ],
)
def test_yaml_that_is_not_read_says_why_and_where(text: str, line_: int, message: str) -> None:
    found, problems = read(text + "---\n" + as_yaml(JOB))
    assert plain(found) == [JOB]
    assert [(p.line, p.kind) for p in problems] == [(line_, "broken")]
    assert message in problems[0].message


def test_aliases_that_multiply_are_a_problem_and_not_a_full_memory() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30))
    (problem,) = read(bomb)[1]
    assert "values" in problem.message


# ---- what is no object of ours


@pytest.mark.parametrize(
    ("text", "kind", "path", "message"),
    [
        ('{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}', "gap", "", "too old"),
        ('{"kind":"Status","status":"Failure","code":410,"reason":"Expired"}', "gap", "", "Expired"),
        ('{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}}', "error", "", "etcd"),
        ('{"type":"ERROR","object":{"code":"410"}}', "error", "", "without a message: {'code': '410'}"),
        ('{"type":"ERROR"}', "error", "", "without a message"),
        ('{"kind":"Status","status":"Failure","message":"forbidden"}', "error", "", "forbidden"),
        ('{"kind":"Status","status":"Success"}', "broken", "kind", "Backup, Job or Pod"),
        ('{"kind":"Event","type":"Normal","metadata":{"name":"x"}}', "broken", "kind", "Backup, Job or Pod"),
        ('{"kind":"ConfigMap","metadata":{"name":"x"}}', "broken", "kind", "Backup, Job or Pod"),
        ('{"type":"ADDED","object":{"kind":"TidbCluster","metadata":{"name":"x"}}}', "broken", "kind", "TidbCluster"),
        ('{"metadata":{"name":"x"}}', "broken", "kind", "Backup, Job or Pod"),
        ('{"type":"ADDED"}', "broken", "object", "missing"),
        ('{"type":"ADDED","object":[]}', "broken", "object", "expected"),
        ('{"object":{"kind":"Job","metadata":{"name":"x"}}}', "broken", "type", "missing"),
        ('{"type":"added","object":{"kind":"Job","metadata":{"name":"x"}}}', "broken", "type", 'found "added"'),
        ('{"type":"ADDED","object":{"kind":"Job","metadata":{"name":"x"}},"at":"now"}', "broken", "at", "RFC 3339"),
        ('{"kind":"Job"}', "broken", "metadata", "missing"),
        ('{"type":"ADDED","object":{"kind":"Job","metadata":{}}}', "broken", "metadata.name", "missing"),
        ('{"kind":"Backup","metadata":{"name":"x"},"status":{"phase":"Done"}}', "broken", "status.phase", '"Done"'),
        ("[[]]", "broken", "", "found []; expected a Kubernetes object"),
        ("hello", "broken", "", "found 'hello'; expected a Kubernetes object in JSON or YAML"),
        ("null", "broken", "", "found None"),
        ("{nope}", "broken", "", "not JSON: Expecting property name"),
        ('{"kind":"Job","metadata":{"name":nope}}', "broken", "", "not JSON: Expecting value"),
        ('{"kind":"Job","metadata":{"name":"\\ud800"}}', "broken", "", "not JSON"),
        ('{"a":' + "1" * 5000 + "}", "broken", "", ""),
        ('{"a":' * 20000 + "1" + "}" * 20000, "broken", "", "nested deeper"),
    ],
)
def test_what_is_no_object_of_ours_is_one_problem_that_says_what_was_expected(
    text: str, kind: str, path: str, message: str
) -> None:
    found, problems = read(text + "\n" + line(JOB) + "\n")
    assert plain(found) == [JOB]
    assert [(p.file, p.line, p.path.removeprefix("object."), p.kind) for p in problems] == [("in", 1, path, kind)]
    assert message in problems[0].message


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"BOOKMARK","object":{"kind":"Job","metadata":{"resourceVersion":"80400"}}}',
        '{"kind":"List","items":[]}',
        '{"kind":"JobList","items":null}',
        "kind: List\nitems: []\n",
        "[]",
        "---\n# only a comment\n---\n...\n",
        "\ufeff",
        "",
    ],
)
def test_bookmarks_and_empty_inputs_say_nothing(text: str) -> None:
    assert read(text) == ([], [])


@pytest.mark.parametrize(
    "form",
    [
        lambda bad: line(JOB) + "\n" + line(bad),
        lambda bad: line(JOB) + "\n" + pretty(bad),
        lambda bad: line(JOB) + "\n" + pretty({"type": "ADDED", "object": bad}),
        lambda bad: pretty(a_list([JOB, bad])),
        lambda bad: as_yaml(JOB) + "---\n" + as_yaml(bad),
        lambda bad: as_yaml(JOB) + "---\n" + as_yaml({"object": bad, "type": "ADDED"}),
        lambda bad: as_yaml(a_list([JOB, bad])),
    ],
    ids=["line", "pretty", "pretty watch item", "List", "YAML", "YAML watch item", "YAML List"],
)
def test_a_problem_points_to_the_line_of_its_path(form: Callable[[Any], str]) -> None:
    bad = changed(JOB, "status.conditions.0.status", 77777)
    text = form(bad)
    found, problems = read(text)
    assert plain(found) == [JOB]
    line_ = text.count("\n", 0, text.index("77777")) + 1
    assert [(p.line, p.path) for p in problems] == [(line_, "status.conditions[0].status")]


def test_names_with_dots_are_found_and_a_missing_field_points_to_what_should_hold_it() -> None:
    labels = changed(JOB, "metadata.labels", {"a": "b", "a.b/c": 1})
    (problem,) = read(pretty(labels))[1]
    assert (problem.line, problem.path) == (11, "metadata.labels.a.b/c")
    nameless = changed(JOB, "metadata", {"uid": "x"})
    for text in (pretty(nameless), "---\n" + as_yaml(nameless)):
        (problem,) = read(text)[1]
        assert (problem.line, problem.path) == (4, "metadata.name")
        assert "metadata" in text.splitlines()[3]


def test_several_faults_of_an_object_are_one_problem_that_counts_them() -> None:
    bad = changed(changed(JOB, "status.failed", "one"), "spec.backoffLimit", "none")
    (problem,) = read(line(bad))[1]
    assert problem.message.endswith("(and 1 more in this object)")


# ---- broken input, and going on after it

WHOLE = line(JOB)
PRETTY = pretty(JOB)
LIST = pretty(a_list([JOB, POD, BACKUP]))


@pytest.mark.parametrize(
    ("text", "line_", "kinds"),
    [
        (WHOLE[:100] + "\n" + line(POD), 1, ["Pod"]),
        (WHOLE[: WHOLE.index('"spec"')] + "\n" + line(POD), 1, ["Pod"]),
        (WHOLE[: WHOLE.index('{"status":"True"')] + "\n" + line(POD) + "\n" + line(BACKUP), 1, ["Pod", "Backup"]),
        (WHOLE[: WHOLE.index('{"status":"True"')] + "\n" + pretty(POD), 1, ["Pod"]),
        (WHOLE[:-1] + "\n" + line(POD), 1, ["Pod"]),
        (WHOLE + "}}\n" + line(POD), 1, ["Job", "Pod"]),
        (WHOLE.replace("]", "}") + "\n" + line(POD), 1, ["Pod"]),
        (WHOLE + "," + "\n" + line(POD), 1, ["Job", "Pod"]),
        (WHOLE[:80] + "\n" + as_yaml(POD), 1, ["Pod"]),
        (WHOLE[:80] + "\n---\n" + as_yaml(POD), 1, ["Pod"]),
        (PRETTY[:200] + "\n" + PRETTY, 1, ["Job"]),
        (PRETTY[: PRETTY.index('"status": "True"')] + "\n" + pretty(POD), 1, ["Pod"]),
        (PRETTY[: PRETTY.index("            {\n")] + pretty(POD), 1, ["Pod"]),
        (PRETTY[: PRETTY.rindex("}")] + pretty(POD), 1, ["Pod"]),
        (PRETTY[: PRETTY.rindex("}")] + line(POD), 1, ["Pod"]),
        (PRETTY.replace('"kind": "Job",\n', '"kind": "Job,\n') + "\n" + pretty(POD), 1, ["Pod"]),
        (LIST.replace('"Failed"', '"Failed'), 4, ["Pod", "Backup"]),
        (LIST.replace('"backoffLimit": 0', '"backoffLimit": ]'), 4, ["Pod", "Backup"]),
        (LIST.replace('"backoffLimit": 0', '"backoffLimit": 0}}]}, {}'), 14, ["Job", "Pod", "Backup"]),
        (LIST.replace('"backoffLimit": 0', '"backoffLimit": 0}}], "x": {'), 26, ["Job", "Pod", "Backup"]),
        (LIST + "\n    rubbish\n" + line(POD) + "\n        " + line(POD), 58, ["Job", "Pod", "Backup", "Pod", "Pod"]),
        (LIST.replace('"backoffLimit": 0', '"backoffLimit": zero'), 14, ["Pod", "Backup"]),
        (LIST.replace('"uid": "u2"\n            }\n        },\n', '"uid": "u2"\n'), 27, ["Job", "Backup"]),
        (LIST[: LIST.index('"u2"')] + "\n" + line(BACKUP), 27, ["Job", "Backup"]),
        (LIST[: LIST.index('    "kind": "List"')] + line(BACKUP), 52, ["Job", "Pod", "Backup", "Backup"]),
        (LIST[: LIST.index('        {\n            "apiVersion": "ping')] + pretty(JOB), 35, ["Job", "Pod", "Job"]),
        ('{"items":[' + json.dumps(JOB) + ", 7]}\n" + line(POD), 1, ["Job", "Pod"]),
        ('{"items":[' + json.dumps(JOB) + ', "7"]}\n' + line(POD), 1, ["Job", "Pod"]),
        (
            '{"items":[' + json.dumps(JOB) + ",\n" + json.dumps(POD)[:-9] + "\n" + json.dumps(POD) + "\n]}",
            2,
            ["Job", "Pod"],
        ),
        ("No resources found\n" + line(POD), 1, ["Pod"]),
        (line(JOB) + "\nerror: You must be logged in\n" + line(POD), 2, ["Job", "Pod"]),
        (as_yaml(JOB) + as_yaml(JOB) + line(POD), 16, ["Pod"]),
        (as_yaml([JOB]) + "and: more\n---\n" + as_yaml(POD), 16, ["Job", "Pod"]),
    ],
)
def test_after_something_broken_the_rest_is_read(text: str, line_: int, kinds: list[str]) -> None:
    found, problems = read(text)
    assert [item.object.kind for item in found] == kinds
    assert [(p.line, p.kind) for p in problems] == [(line_, "broken")]


def test_arrays_that_start_a_line_with_a_brace_are_not_taken_for_a_new_object() -> None:
    flat = line(JOB).replace('[{"status"', '[\n{"status"').replace("}],", "}\n],")
    assert plain(read(flat)[0]) == [JOB]


@pytest.mark.parametrize(
    "form", ["watch lines", "pretty, as kubectl", "List, as kubectl", "List on one line", "YAML documents", "YAML List"]
)
def test_truncated_anywhere_an_input_has_at_most_one_problem_and_keeps_what_was_whole(form: str) -> None:
    text = FORMS[form](OBJECTS).encode()
    before = 0
    for end in range(len(text) + 1):
        found, problems = read(text[:end])
        assert len(problems) <= 1, (end, problems)
        assert len(found) >= before - ("YAML" in form)  # a YAML document has no end of its own to be missing
        before = len(found)
    assert plain(found) == OBJECTS


@given(st.binary(max_size=300))
@settings(max_examples=400, deadline=None)
def test_random_bytes_are_never_an_exception(data: bytes) -> None:
    read(data)
    read(data, limit=20)


JUNK = st.binary(max_size=6) | st.sampled_from(
    [b"\n", b'"', b"{", b"}", b"]", b"[", b"\\", b"---\n", b"- ", b"\n{\n", b"}}", b"}]", b"}]}", b"}}]}"]
)
INDENTED_LISTS = ["List, as kubectl", "List, tabs", "List with its kind first", "List of watch items"]
SEPARABLE = [
    "watch lines",
    "bare lines",
    "pretty, as kubectl",
    "pretty, tabs",
    "pretty watch items",
    "one List after another",
    *INDENTED_LISTS,
]


@given(st.sampled_from(sorted(FORMS)), st.integers(0, 2000), st.integers(0, 40), JUNK)
@settings(max_examples=300, deadline=None)
def test_damage_is_never_an_exception(form: str, start: int, length: int, junk: bytes) -> None:
    text = FORMS[form](OBJECTS).encode()
    read(text[:start] + junk + text[start + length :], limit=5000)


@given(st.sampled_from(SEPARABLE), st.integers(0, 1000), st.integers(0, 40), JUNK)
@example("List, as kubectl", 336, 23, b"}")  # an item seems to end early, and another to start within the line
@example("List, as kubectl", 305, 0, b"}}]}")  # the List seems to be over
@example("List, as kubectl", 331, 29, b"}}]}")  # … and a value to follow on the line
@example("List, as kubectl", 305, 0, b'}}]}{"')  # … and one that is broken
@example("List, as kubectl", 159, 0, b"}}]{{")  # the items seem to be over, and the List goes on
@settings(max_examples=400, deadline=None)
def test_damage_to_one_object_loses_no_other(form: str, start: int, length: int, junk: bytes) -> None:
    """What was damaged may still be an object, or several; its neighbours are read as they were."""
    text = FORMS[form]([POD, JOB, BACKUP])
    first = text.rindex("{", 0, text.index('"batch/v1"'))
    end = text.rindex("}", 0, text.rindex("{", 0, text.index('"pingcap')))
    start, stop = min(first + 1 + start, end), min(first + 1 + start + length, end)
    damaged = text[:start].encode() + junk + text[stop:].encode()
    if form in INDENTED_LISTS:  # such a line would say that the List broke off and something else starts
        assume(not any(re.match(rb"[{\[]|---|[a-z]", row) for row in damaged.splitlines()[1:]))
    found = plain(read(damaged)[0])
    assert (found[0], found[-1]) == (POD, BACKUP)


NAMES = ["kind", "type", "object", "items", "metadata", "status", "code", "name"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.sampled_from(["Job", "ERROR", "Status", "List"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_any_json_or_yaml_value_is_never_an_exception(value: Any) -> None:
    read(json.dumps(value))
    read(pretty(value))
    read(yaml.safe_dump(value))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_one_problem_that_says_so(encoding: str) -> None:
    (problem,) = read(("\n".join([line(JOB)] * 3)).encode(encoding))[1]
    assert (problem.line, problem.kind) == (1, "broken")
    assert "UTF-16" in problem.message


def test_bytes_that_are_not_text_are_a_problem_at_their_line() -> None:
    found, problems = read(b"\x1f\x8b\x00\xff\xfe rubbish\n" + line(JOB).encode())
    assert (plain(found), [(p.line, p.message) for p in problems]) == ([JOB], [(1, "not UTF-8 text")])
    found, problems = read(pretty(JOB).encode().replace(b"br said", b"\xff"))
    assert (found, [(p.line, p.message) for p in problems]) == ([], [(18, "not UTF-8 text")])


# ---- bounds


class Endless(io.RawIOBase):
    """A stream that makes its bytes while they are read, and forgets them."""

    def __init__(self, *parts: tuple[bytes, int]) -> None:
        self.parts = (unit for unit, count in parts for _ in range(count))
        self.held = b""
        self.given = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        wanted = size or 0
        pieces = [self.held]
        have = len(self.held)
        while have < wanted and b"\n" not in pieces[-1] and (unit := next(self.parts, b"")):
            pieces.append(unit)
            have += len(unit)
        self.held = b"".join(pieces)
        end = self.held.find(b"\n") + 1 or wanted
        taken, self.held = self.held[: min(end, wanted)], self.held[min(end, wanted) :]
        self.given += len(taken)
        return taken


MIB = 2**20
TAIL = (line(POD).encode() + b"\n", 1)


@pytest.mark.parametrize(
    "parts",
    [
        [(b'{"a":"', 1), (b"x" * 2**16, 1600), (b'"}\n', 1)],
        [(b'{"a":"', 1), (b"x" * 2**16, 1600), (b"\n", 1)],
        [(b'{"a":[', 1), (b'{"b":"' + b"x" * 65_000 + b'"},', 1600), (b"{}]}\n", 1)],
        [(b'{"a":"', 1), (b"\\\\" * 2**15, 1600), (b'"}\n', 1)],
        [(b"[" * 2**16, 1600), (b"\n", 1)],
        [(b"x" * 2**16, 1600), (b"\n", 1)],
        [(b"a: b\n", 1), (b"x" * 2**16, 1600), (b"\n", 1)],
        [(b'{"items":[{"a":"', 1), (b"x" * 2**16, 1600), (b'"}]}\n', 1)],
        [(b"items:\n- a: ", 1), (b"x" * 2**16, 1600), (b"\n", 1)],
        [(b'{\n  "a": [\n', 1), (b'    "' + b"x" * 9000 + b'",\n', 12_000), (b"  1]\n}\n", 1)],
    ],
    ids=[
        "text",
        "text without end",
        "array",
        "escapes",
        "brackets",
        "no object",
        "YAML",
        "item of a List",
        "item of a YAML List",
        "over many lines",
    ],
)
def test_a_hundred_megabytes_are_one_problem_and_never_in_memory(parts: list[tuple[bytes, int]]) -> None:
    stream = Endless(*parts, TAIL)
    tracemalloc.start()
    try:
        results = list(items(documents(cast("BinaryIO", stream), "in", limit=2 * MIB)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert stream.given > 90 * MIB
    assert peak < 16 * MIB
    problem, item = results
    assert isinstance(problem, Problem)
    assert problem.message.startswith(("longer than such a document may be (2 MiB)", "nested deeper"))
    assert isinstance(item, Item)
    assert item.object.kind == "Pod"


@pytest.mark.parametrize("text", [line(JOB), json.dumps(JOB), pretty(JOB), pretty(a_list([JOB])), as_yaml(JOB)])
def test_a_document_may_be_exactly_as_long_as_the_limit(text: str) -> None:
    (document,) = documents(io.BytesIO(text.encode()))
    assert isinstance(document, Document)
    size = len(document.text)
    assert [type(d) for d in documents(io.BytesIO(text.encode()), limit=size + 1)] == [Document]
    (problem,) = documents(io.BytesIO(text.encode()), limit=size - 1)
    assert isinstance(problem, Problem)
    assert problem.message == f"longer than such a document may be ({size - 1} bytes)"


def test_yaml_has_a_lower_limit() -> None:
    (problem,) = read("a: " + "x" * YAML_LIMIT)[1]
    assert "4 MiB" in problem.message


@pytest.mark.parametrize("form", ["List, as kubectl", "List on one line", "YAML List", "array"])
def test_a_list_longer_than_the_limit_is_read_item_by_item(form: str) -> None:
    text = FORMS[form]([changed(JOB, "metadata.uid", str(n)) for n in range(50)])
    assert len(text) > 5000
    found, problems = read(text, limit=2000)
    assert ([item.object.metadata.uid for item in found], problems) == ([str(n) for n in range(50)], [])


@pytest.mark.parametrize("position", range(-3, 4))
def test_a_piece_of_a_long_line_may_end_anywhere(position: int) -> None:
    """The input is read in pieces of 1 MiB: quotes, escapes and brackets on the edge of one are still what they are."""
    for special in ('\\"', "\\\\", '"}', '"},"x":{"y":"', "é"):
        head = '{"type":"ADDED","object":{"kind":"Job","metadata":{"name":"a"},"spec":{"template":{"v":"'
        fill = "x" * (2**20 - len(head) - position)
        end = "" if special == '"}' else '"}'
        text = head + fill + special + end + "}}}\n"
        json.loads(text)
        found, problems = read(text + line(POD))
        assert ([item.object.kind for item in found], problems) == (["Job", "Pod"], [])


@pytest.mark.parametrize("form", ["List, as kubectl", "List on one line", "YAML List", "array", "YAML sequence"])
def test_the_items_of_a_list_are_documents_of_their_own(form: str) -> None:
    assert len(list(documents(io.BytesIO(FORMS[form](OBJECTS).encode())))) == 3


# ---- laziness


class Live(io.RawIOBase):
    """A pipe: asks for a line that was not written yet are an error."""

    def __init__(self, *lines: str) -> None:
        self.lines = [each.encode() for each in lines]

    def readline(self, size: int | None = -1, /) -> bytes:
        assert self.lines, "read further than was written"
        return self.lines.pop(0)


@pytest.mark.parametrize(
    "text", [line(JOB), pretty(JOB), pretty(a_list([JOB])), pretty({"type": "ADDED", "object": JOB})]
)
def test_an_object_is_there_as_soon_as_its_last_line_was_written(text: str) -> None:
    lines = [row + "\n" for row in text.splitlines()]
    end = lines.index("        }\n") + 1 if '"items"' in text else len(lines)
    results = items(documents(cast("BinaryIO", Live(*lines[:end]))))
    result = next(results)
    assert isinstance(result, Item)
    assert result.object.to_json() == JOB


# ---- lean twins


@pytest.mark.parametrize("form", [line, json.dumps], ids=["watch items", "bare"])
def test_an_object_is_read_lean_where_it_can_be_and_in_full_where_it_is_asked_for(form: Callable[[Any], str]) -> None:
    strange = changed(JOB, "metadata.name", "ü")
    first, usual, other = of(form(JOB), form(changed(JOB, "status.failed", 2)), form(strange).replace("\\u00fc", "ü"))
    assert isinstance(usual.lean, msgspec.Struct)
    assert isinstance(other.lean, Job)
    assert [each.object.to_json() for each in (first, other)] == [JOB, strange]


# ---- repeats


def of(*texts: str, remembered: int = 10) -> list[Item]:
    found = items(documents(io.BytesIO("\n".join(texts).encode()), "in"), remembered)
    return [item for item in found if isinstance(item, Item)]


def test_an_identical_line_is_a_repeat_with_the_same_object_and_a_line_of_its_own() -> None:
    first, other, again = of(line(JOB), line(POD), line(JOB) + " \r")
    assert not first.repeat
    assert not other.repeat
    assert again.repeat
    assert again.lean is first.lean
    assert again.object == first.object
    assert (again.line, again.type, again.source) == (3, "ADDED", first.source)


def test_a_repeat_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    monkeypatch.setattr(reader, "lean_item", lambda text: parsed.append(text) or lean_item(text))
    assert len(of(*[line(JOB)] * 50)) == 50
    assert len(parsed) == 1


def test_only_the_last_line_of_an_object_can_be_repeated() -> None:
    changed_job = changed(JOB, "status.failed", 2)
    assert [i.repeat for i in of(line(JOB), line(changed_job), line(JOB), line(JOB))] == [False, False, False, True]


def test_the_same_object_with_another_type_or_time_is_no_repeat() -> None:
    lines = (line(JOB), line(JOB, "MODIFIED"), line(JOB, "MODIFIED", at="2026-11-22T02:00:00Z"))
    assert [i.repeat for i in of(*lines)] == [False, False, False]


def test_a_deleted_object_is_forgotten() -> None:
    assert [i.repeat for i in of(line(JOB), line(JOB, "DELETED"), line(JOB, "DELETED"), line(JOB))] == [False] * 4


def test_the_object_seen_longest_ago_is_forgotten_first() -> None:
    a, b, c = (line(changed(JOB, "metadata.uid", uid)) for uid in "abc")
    found = of(a, b, a, c, a, b, remembered=2)
    assert [i.repeat for i in found] == [False, False, True, False, True, False]


def test_memory_is_bounded_by_the_number_of_remembered_objects() -> None:
    memory = reader._Memory(3)
    for item in of(*(line(changed(JOB, "metadata.uid", str(n))) for n in range(20)), remembered=0):
        memory.keep(item)
        assert len(memory._items) == len(memory._sources) <= 3


@pytest.mark.parametrize("form", ["pretty, as kubectl", "List, as kubectl", "YAML documents", "YAML List"])
def test_other_forms_repeat_too(form: str) -> None:
    assert [item.repeat for item in read(FORMS[form]([JOB, POD, JOB]))[0]] == [False, False, True]


def test_a_list_in_one_document_is_never_remembered_as_one_item() -> None:
    text = "kind: List\nitems: [" + json.dumps(JOB) + ", " + json.dumps(POD) + "]\n"
    found = read(text + "---\n" + text)[0]
    assert [(item.object.kind, item.repeat) for item in found] == [("Job", False), ("Pod", False)] * 2


def test_problems_pass_through_and_are_frozen() -> None:
    problem = Problem("in", 1, "", "no", "broken")
    assert list(items(iter([problem]))) == [problem]
    with pytest.raises(AttributeError):
        problem.line = 2  # type: ignore[misc]


def test_reading_is_lazy() -> None:
    def lines() -> Iterator[Document | Problem]:
        yield Document("in", 1, line(JOB).encode())
        raise AssertionError("read ahead")

    assert isinstance(next(iter(items(lines()))), Item)
