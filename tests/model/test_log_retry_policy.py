"""The retry policy of a log backup at its boundaries: refused as a whole with a sentence and a place, or in force."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fsm.errors import InputError, Place
from fsm.model import (
    HOUR,
    MINUTE,
    SECOND,
    LogBackupRetryPolicy,
    LogCommand,
    OnErrorPause,
    OnExhausted,
    RetryLimits,
    format_duration,
)

PLACE = Place(path="spec")


def refusal(policy: Any) -> tuple[str, str, str]:
    """(path, problem, expected) of a policy that is refused, of data or of text."""
    text = policy if isinstance(policy, str) else json.dumps(policy)
    with pytest.raises(InputError) as caught:
        LogBackupRetryPolicy.from_text(text, PLACE)
    error = caught.value
    return error.place.path.removeprefix("spec").removeprefix("."), error.problem, error.expected


def limits(policy: Any, command: str = "log-start") -> RetryLimits:
    found = LogBackupRetryPolicy.from_text(json.dumps(policy)).limits_of(command)
    assert found is not None
    return found


# ------------------------------------------------------------------ in force


def test_an_empty_policy_has_the_defaults_of_a_stream_that_must_not_fall_behind() -> None:
    policy = LogBackupRetryPolicy.from_text("{}")
    assert policy.on_error_pause is OnErrorPause.HOLD
    assert policy.on_exhausted is OnExhausted.HOLD
    assert not policy.suspend
    usual = RetryLimits(5, 30 * SECOND, 10 * MINUTE, 20, 6 * HOUR, 10 * MINUTE, 30 * MINUTE)
    assert {each: policy.limits_of(each) for each in LogCommand} == {
        "log-start": usual,
        "log-stop": usual,
        "log-pause": usual,
        "log-resume": usual,
        "log-truncate": None,
    }


@pytest.mark.parametrize("command", ["", "log-unknown", "start"])
def test_a_command_that_nobody_knows_is_not_retried(command: str) -> None:
    assert LogBackupRetryPolicy().limits_of(command) is None


ACCEPTED: dict[str, Any] = {
    "no retries": {"maxRetryTimes": 0},
    "no retries of no command": {"maxRetryTimes": 0, "commands": {}},
    "one retry": {"maxRetryTimes": 1},
    "no jitter": {"jitter": 0},
    "all jitter": {"jitter": 100},
    "the shortest durations": dict.fromkeys(
        ("minRetryDuration", "maxRetryDuration", "attemptTimeout", "resetAfter"), "1s"
    ),
    "a second in other words": {"minRetryDuration": "1000ms"},
    "the longest duration of Go": {"retryTimeout": "2562047h47m16.854775807s"},
    "an override that is absent in other words": {"commands": {"log-start": {"jitter": None}}},
    "a cap that is the minimum": {"minRetryDuration": "1m", "maxRetryDuration": "1m"},
    "a policy that is suspended": {"suspend": True},
}


@pytest.mark.parametrize("policy", ACCEPTED.values(), ids=ACCEPTED)
def test_it_is_accepted_at_its_boundaries(policy: Any) -> None:
    assert LogBackupRetryPolicy.from_text(json.dumps(policy)).to_json() == policy


WRITTEN = """
# a comment
maxRetryTimes: 3
commands:
  log-start: {}
  log-truncate:
    minRetryDuration: 10m
nonRetryableReasons: [OOMKilled]
onErrorPause: Resume
"""


def test_yaml_and_json_say_the_same() -> None:
    from_yaml = LogBackupRetryPolicy.from_text(WRITTEN)
    assert from_yaml == LogBackupRetryPolicy.from_text(json.dumps(yaml.safe_load(WRITTEN)))
    assert from_yaml.on_error_pause is OnErrorPause.RESUME
    assert from_yaml.non_retryable_reasons == ("OOMKilled",)


# ------------------------------------------------------------------ refused: a value

FAR = 10**24
REFUSED: dict[str, tuple[Any, str, str, str]] = {
    # case: (policy, path, problem, start of what was expected)
    "nothing": ("", "", "this is empty, or null", "{} for a policy with all defaults"),
    "a comment and nothing else": ("# {}\n", "", "this is empty, or null", "{} for a policy with all defaults"),
    "null": ("null", "", "this is empty, or null", "{} for a policy with all defaults"),
    "a number": ("5", "", "found 5", "an object with named fields"),
    "a list": ([], "", "found []", "an object with named fields"),
    "an unknown key": ({"maxRetries": 5}, "maxRetries", "found 5", "no such key"),
    "a key by its name in Python": ({"max_retry_times": 5}, "max_retry_times", "found 5", "no such key"),
    "one of a command": (
        {"commands": {"log-start": {"max_retry_times": 1}}},
        "commands.log-start.max_retry_times",
        "found 1",
        "no such key",
    ),
    "an unknown key of a command": (
        {"commands": {"log-start": {"x": 1}}},
        "commands.log-start.x",
        "found 1",
        "no such key",
    ),
    "what is of the policy alone": (
        {"commands": {"log-start": {"suspend": True}}},
        "commands.log-start.suspend",
        "found true",
        "no such key",
    ),
    "an unknown command": ({"commands": {"log-go": {}}}, "commands.log-go", 'found "log-go"', "log-start, log-stop, "),
    "a command without an object": (
        {"commands": {"log-start": None}},
        "commands.log-start",
        "found null",
        "an object with named fields",
    ),
    "a list of commands": ({"commands": ["log-start"]}, "commands", 'found ["log-start"]', "a map of names to values"),
    "no map of commands": ({"commands": None}, "commands", "found null", "a map of names to values"),
    "a negative number": ({"maxRetryTimes": -1}, "maxRetryTimes", "found -1", "a number that is not negative"),
    "a huge number": ({"maxRetryTimes": FAR}, "maxRetryTimes", f"found {FAR}", "at most 2147483647"),
    "a huge number of a command": (
        {"commands": {"log-stop": {"maxRetryTimes": FAR}}},
        "commands.log-stop.maxRetryTimes",
        f"found {FAR}",
        "at most 2147483647",
    ),
    "a number in quotes": ({"maxRetryTimes": "5"}, "maxRetryTimes", 'found "5"', "a whole number"),
    "a number with a fraction": ({"maxRetryTimes": 5.0}, "maxRetryTimes", "found 5.0", "a whole number"),
    "no number": ({"maxRetryTimes": None}, "maxRetryTimes", "found null", "a whole number"),
    "a boolean for a number": ({"maxRetryTimes": True}, "maxRetryTimes", "found true", "a whole number"),
    "not a number": ('{"maxRetryTimes": NaN}', "maxRetryTimes", "found NaN", "a whole number"),
    "no duration": ({"minRetryDuration": None}, "minRetryDuration", "found null", "text"),
    "a number for a duration": ({"minRetryDuration": 30}, "minRetryDuration", "found 30", "text"),
    "an empty duration": ({"retryTimeout": ""}, "retryTimeout", 'found ""', "a Go duration such as "),
    "a duration without a unit": ({"resetAfter": "30"}, "resetAfter", 'found "30"', "a Go duration such as "),
    "a duration in days": ({"resetAfter": "1d"}, "resetAfter", 'found "1d"', "a Go duration such as "),
    "a duration that is too long for Go": (
        {"retryTimeout": "2562047h47m16.854775808s"},
        "retryTimeout",
        'found "2562047h47m16.854775808s"',
        "a Go duration such as ",
    ),
    "no time at all": ({"attemptTimeout": "0"}, "attemptTimeout", 'found "0"', "a duration of at least 1s"),
    "a negative duration": ({"attemptTimeout": "-5m"}, "attemptTimeout", 'found "-5m"', "a duration of at least 1s"),
    "less than a second": (
        {"minRetryDuration": "999ms"},
        "minRetryDuration",
        'found "999ms"',
        "a duration of at least 1s",
    ),
    "too much jitter": ({"jitter": 101}, "jitter", "found 101", "at most 100"),
    "negative jitter": ({"jitter": -1}, "jitter", "found -1", "a number that is not negative"),
    "a reason that is no list": ({"nonRetryableReasons": "OOM"}, "nonRetryableReasons", 'found "OOM"', "a list"),
    "an empty reason": (
        {"nonRetryableReasons": ["OOM", ""]},
        "nonRetryableReasons[1]",
        'found ""',
        "text that is not empty",
    ),
    "an unknown word": ({"onErrorPause": "resume"}, "onErrorPause", 'found "resume"', "Hold or Resume"),
    "another unknown word": ({"onExhausted": "Drop"}, "onExhausted", 'found "Drop"', "Hold or Fail"),
    "a boolean in quotes": ({"suspend": "true"}, "suspend", 'found "true"', "true or false"),
    "a date in YAML": ("resetAfter: 2026-11-22", "resetAfter", 'found "2026-11-22"', "a Go duration such as "),
    "a date that is none": ("suspend: 2026-13-45", "suspend", 'found "2026-13-45"', "true or false"),
    "a date as a key": ("commands: {2026-11-22: {}}", "commands.2026-11-22", 'found "2026-11-22"', "log-start, "),
    "a number as a key": ("commands: {5: {}}", "commands", "found 5", "field names that are text"),
    "a list as a key": ("? [a]\n: b", "", "found a list or a map as a key", "field names that are text"),
    "a number that is too long to read": (
        '{"maxRetryTimes":\t' + "1" * 5000 + "}",
        "maxRetryTimes",
        f"found {'1' * 59}…",
        "a number of few digits",
    ),
    "one of a command in YAML": (
        "commands: {log-start: {jitter: " + "1" * 5000 + "}}",
        "commands.log-start.jitter",
        f"found {'1' * 59}…",
        "a number of few digits",
    ),
    "one that can be read and not written": (
        "jitter: 0x" + "f" * 5000,
        "jitter",
        f"found 0x{'f' * 57}…",
        "a number of few digits",
    ),
    "one in sixties": ("jitter: 1" + ":59" * 3000, "jitter", f"found 1{':59' * 19}:…", "a number of few digits"),
    "a number without digits": ("jitter: 0b_", "jitter", "found 0b_", "a number of few digits"),
}


@pytest.mark.parametrize(("policy", "path", "problem", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_in_a_value_is_said_with_its_place(policy: Any, path: str, problem: str, expected: str) -> None:
    found = refusal(policy)
    assert found[:2] == (path, problem)
    assert found[2].startswith(expected)


UNREADABLE = {
    "a mapping in a mapping": "a: b: c",
    "a control character": "\x00",
    "a tag": "suspend: !!bool true",
    "a tag that does not fit": "suspend: !!timestamp x",
    "a tag without a name": "suspend: ! true",
    "a set": "commands: !!set {log-start}",
    "a merge key": "<<: {jitter: 1}\njitter: 2",
    "two merge keys": "<<: {jitter: 1}\n<<: {jitter: 2}",
    "an object of Python": "!!python/object/apply:os.getcwd []",
    "an alias": "{commands: &a {log-start: {}}, x: *a}",
    "a value that is inside itself": "&a [*a]",
    "laughter without end": "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]",
    "too many brackets": "[" * 100_000,
    "too many brackets that are closed": "[" * 990 + "]" * 990,
    "too many braces": '{"a":' * 100_000,
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_one_error_that_says_where_and_what_was_expected(text: str) -> None:
    path, problem, expected = refusal(text)
    assert (path, expected) == ("", "a LogBackupRetryPolicy")
    assert "\n" not in problem
    assert problem


TWICE = {
    # case: (text, path, problem, line)
    "in JSON": ('{"maxRetryTimes": 1,\n "maxRetryTimes": 2}', "", 'the key "maxRetryTimes" is there twice', 2),
    "in YAML": ("maxRetryTimes: 1\n\nmaxRetryTimes: 2\n", "", 'the key "maxRetryTimes" is there twice', 3),
    "with the same value": ("jitter: 1\njitter: 1\n", "", 'the key "jitter" is there twice', 2),
    "in other words": ("jitter: 1\n'jitter': 1\n", "", 'the key "jitter" is there twice', 2),
    "in other words of JSON": ('{"jitter": 1, "\\u006aitter": 1}', "", 'the key "jitter" is there twice', 1),
    "in JSON with tabs": (
        '{\n\t"commands": {\n\t\t"log-stop": {},\n\t\t"log-stop": {}\n\t}\n}',
        "commands",
        'the key "log-stop" is there twice',
        4,
    ),
    "a command in YAML": (
        "commands:\n  log-start: {jitter: 1}\n  log-start: {jitter: 2}\n",
        "commands",
        'the key "log-start" is there twice',
        3,
    ),
    "of a command": (
        "commands:\n  log-start: {jitter: 1, jitter: 2}\n",
        "commands.log-start",
        'the key "jitter" is there twice',
        2,
    ),
    "on several lines": ('? "a\n\n  b"\n: 1\n? "a\n\n  b"\n: 1\n', "", r'the key "a\nb" is there twice', 5),
}


@pytest.mark.parametrize(("text", "path", "problem", "line"), TWICE.values(), ids=TWICE)
def test_a_key_that_is_there_twice_is_refused_since_nobody_knows_which_is_meant(
    text: str, path: str, problem: str, line: int
) -> None:
    assert refusal(text) == (path, problem, "each key once")
    with pytest.raises(InputError) as caught:
        LogBackupRetryPolicy.from_text(text, Place("policy.yaml"))
    assert caught.value.place == Place("policy.yaml", line, path)


@pytest.mark.parametrize(
    ("text", "line"),
    [("jitter: 1\nsuspend: !!bool x", 2), ("\n<<: {}", 2), ("x: &a 1\ny: 2\nz: *a", 3), ("jitter: 1\na: b: c", 2)],
    ids=["a tag", "a merge key", "an alias", "no YAML"],
)
def test_what_cannot_be_read_in_a_file_has_a_line(text: str, line: int) -> None:
    with pytest.raises(InputError) as caught:
        LogBackupRetryPolicy.from_text(text, Place("policy.yaml"))
    assert caught.value.place == Place("policy.yaml", line)


def test_what_looks_like_a_date_is_text_where_text_is_right() -> None:
    assert LogBackupRetryPolicy.from_text("nonRetryableReasons: [2026-11-22]").non_retryable_reasons == ("2026-11-22",)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60) | st.text('{}[]:,"&*!-?|>% \n\t1a', max_size=30))
def test_no_text_at_all_does_anything_but_be_a_policy_or_an_input_error(text: str) -> None:
    wrong = None
    try:
        LogBackupRetryPolicy.from_text(text, PLACE)
    except InputError as error:
        wrong = error
    assert wrong is None or (wrong.place.path.startswith("spec") and wrong.expected)


# ------------------------------------------------------------------ refused: a contradiction

CONTRADICTIONS: dict[str, tuple[Any, str, str, str]] = {
    # case: (policy, path, problem, expected)
    "no command": (
        {"commands": {}},
        "commands",
        "no command is retried",
        "a command, or maxRetryTimes: 0 to switch retries off",
    ),
    "a cap below the minimum": (
        {"minRetryDuration": "1h"},
        "maxRetryDuration",
        "log-start: maxRetryDuration 10m0s is shorter than minRetryDuration 1h0m0s",
        "at least 1h0m0s",
    ),
    "a cap below the minimum by a nanosecond": (
        {"minRetryDuration": "2m", "maxRetryDuration": "1m59.999999999s"},
        "maxRetryDuration",
        "log-start: maxRetryDuration 1m59.999999999s is shorter than minRetryDuration 2m0s",
        "at least 2m0s",
    ),
    "a cap below the minimum of one command": (
        {"commands": {"log-stop": {"maxRetryDuration": "10s"}}},
        "commands.log-stop.maxRetryDuration",
        "log-stop: maxRetryDuration 10s is shorter than minRetryDuration 30s",
        "at least 30s",
    ),
    "a minimum of one command above the cap": (
        {"commands": {"log-start": {}, "log-stop": {"minRetryDuration": "11m"}}},
        "maxRetryDuration",
        "log-stop: maxRetryDuration 10m0s is shorter than minRetryDuration 11m0s",
        "at least 11m0s",
    ),
    "a cap below what truncation waits for": (
        {"maxRetryDuration": "2m", "commands": {"log-truncate": {}}},
        "maxRetryDuration",
        "log-truncate: maxRetryDuration 2m0s is shorter than minRetryDuration 5m0s",
        "at least 5m0s",
    ),
    "a timeout without room": (
        {"retryTimeout": "18m"},
        "retryTimeout",
        "log-start: retryTimeout 18m0s leaves no room for 5 retries, whose delays alone may take 18m41s",
        "at least 18m41s, or fewer retries",
    ),
    "a timeout that is a second too short": (
        {"maxRetryTimes": 3, "minRetryDuration": "1s", "maxRetryDuration": "1s", "jitter": 0, "retryTimeout": "5s"},
        "retryTimeout",
        "log-start: retryTimeout 5s leaves no room for 3 retries, whose delays alone may take 6s",
        "at least 6s, or fewer retries",
    ),
    "a timeout without room for one command": (
        {"commands": {"log-start": {}, "log-pause": {"retryTimeout": "1s", "maxRetryTimes": 1}}},
        "commands.log-pause.retryTimeout",
        "log-pause: retryTimeout 1s leaves no room for 1 retries, whose delays alone may take 37s",
        "at least 37s, or fewer retries",
    ),
    "more retries of one command than there is room for": (
        {"retryTimeout": "1h", "commands": {"log-start": {}, "log-stop": {"maxRetryTimes": 10}}},
        "retryTimeout",
        "log-stop: retryTimeout 1h0m0s leaves no room for 10 retries, whose delays alone may take 1h8m46s",
        "at least 1h8m46s, or fewer retries",
    ),
    "as many retries as can be written": (
        {"maxRetryTimes": 2147483647},
        "maxRetryTimes",
        "log-start: no retryTimeout leaves room for 2147483647 retries",
        "fewer retries, or shorter delays",
    ),
    "as many of one command": (
        {"commands": {"log-stop": {"maxRetryTimes": 2147483647}}},
        "commands.log-stop.maxRetryTimes",
        "log-stop: no retryTimeout leaves room for 2147483647 retries",
        "fewer retries, or shorter delays",
    ),
    "a new episode only after a failure is late": (
        {"resetAfter": "12h"},
        "resetAfter",
        "log-start: resetAfter 12h0m0s is longer than retryTimeout 6h0m0s; a failure in between comes too late",
        "at most 6h0m0s, or a longer retryTimeout",
    ),
    "the default, where it is given": (
        {"retryTimeout": "20m", "resetAfter": "30m"},
        "resetAfter",
        "log-start: resetAfter 30m0s is longer than retryTimeout 20m0s; a failure in between comes too late",
        "at most 20m0s, or a longer retryTimeout",
    ),
    "a new episode of one command": (
        {"commands": {"log-start": {}, "log-stop": {"resetAfter": "6h0m1s"}}},
        "commands.log-stop.resetAfter",
        "log-stop: resetAfter 6h0m1s is longer than retryTimeout 6h0m0s; a failure in between comes too late",
        "at most 6h0m0s, or a longer retryTimeout",
    ),
    "a timeout of one command": (
        {"resetAfter": "1h", "commands": {"log-start": {}, "log-stop": {"retryTimeout": "59m"}}},
        "resetAfter",
        "log-stop: resetAfter 1h0m0s is longer than retryTimeout 59m0s; a failure in between comes too late",
        "at most 59m0s, or a longer retryTimeout",
    ),
}


@pytest.mark.parametrize(("policy", "path", "problem", "expected"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_refused_with_a_sentence_where_it_can_be_mended(
    policy: Any, path: str, problem: str, expected: str
) -> None:
    assert refusal(policy) == (path, problem, expected)


def test_nothing_has_to_fit_the_retries_that_are_switched_off() -> None:
    assert limits({"maxRetryTimes": 0, "retryTimeout": "1s", "resetAfter": "1h"}).timeout == SECOND
    own = {"maxRetryTimes": 0, "resetAfter": "12h"}
    assert limits({"commands": {"log-start": own}}).reset_after == 12 * HOUR


RESETS: dict[str, tuple[Any, str, int]] = {
    # case: (policy, command, resetAfter in force)
    "the default": ({}, "log-start", 30 * MINUTE),
    "the timeout, where that is shorter": ({"retryTimeout": "20m"}, "log-start", 20 * MINUTE),
    "its own timeout": ({"commands": {"log-stop": {"retryTimeout": "19m"}}}, "log-stop", 19 * MINUTE),
    "its own, up to its timeout": ({"commands": {"log-stop": {"resetAfter": "6h"}}}, "log-stop", 6 * HOUR),
    "its own beside a timeout that is shorter than the default": (
        {"retryTimeout": "20m", "commands": {"log-stop": {"resetAfter": "5m"}}},
        "log-stop",
        5 * MINUTE,
    ),
    "the policy's, up to the timeout of truncation": (
        {"resetAfter": "24h", "commands": {"log-truncate": {}}},
        "log-truncate",
        24 * HOUR,
    ),
}


@pytest.mark.parametrize(("policy", "command", "expected"), RESETS.values(), ids=RESETS)
def test_a_new_episode_begins_no_later_than_the_old_one_ends(policy: Any, command: str, expected: int) -> None:
    assert limits(policy, command).reset_after == expected


# ------------------------------------------------------------------ what is different for one command

GIVEN = {"maxRetryTimes": 2, "minRetryDuration": "2m", "jitter": 0, "attemptTimeout": "7m"}


def test_a_command_overrides_key_by_key() -> None:
    policy = {**GIVEN, "commands": {"log-start": {"jitter": 50, "maxRetryTimes": 0}, "log-stop": {}}}
    usual = RetryLimits(2, 2 * MINUTE, 10 * MINUTE, 0, 6 * HOUR, 7 * MINUTE, 30 * MINUTE)
    assert limits(policy, "log-stop") == usual
    assert limits(policy, "log-start") == usual._replace(jitter=50, max_times=0)
    assert LogBackupRetryPolicy.from_text(json.dumps(policy)).limits_of("log-pause") is None


TRUNCATION = RetryLimits(5, 5 * MINUTE, HOUR, 20, 24 * HOUR, 6 * HOUR, 30 * MINUTE)
TRUNCATED: dict[str, tuple[Any, RetryLimits]] = {
    "asked for and nothing else: longer in all that a lock needs": ({"commands": {"log-truncate": {}}}, TRUNCATION),
    "the policy's own words are for it too": (
        {"attemptTimeout": "7m", "commands": {"log-truncate": {}}},
        TRUNCATION._replace(attempt_timeout=7 * MINUTE),
    ),
    "even where they repeat a default": (
        {"minRetryDuration": "30s", "commands": {"log-truncate": {}}},
        TRUNCATION._replace(min_duration=30 * SECOND),
    ),
    "its own words come first": (
        {"minRetryDuration": "30s", "commands": {"log-truncate": {"minRetryDuration": "10m"}}},
        TRUNCATION._replace(min_duration=10 * MINUTE),
    ),
    "what has no default of its own": (
        {"maxRetryTimes": 3, "jitter": 1, "commands": {"log-truncate": {"resetAfter": "1h"}}},
        TRUNCATION._replace(max_times=3, jitter=1, reset_after=HOUR),
    ),
}


@pytest.mark.parametrize(("policy", "expected"), TRUNCATED.values(), ids=TRUNCATED)
def test_a_truncation_is_retried_only_when_asked_for(policy: Any, expected: RetryLimits) -> None:
    assert limits(policy, "log-truncate") == expected
    without = {**policy, "commands": {"log-start": {}}}
    assert LogBackupRetryPolicy.from_text(json.dumps(without)).limits_of("log-truncate") is None


# ------------------------------------------------------------------ delays

DURATIONS = st.integers(SECOND, 2**63 - 1)


@st.composite
def retry_limits(draw: st.DrawFn, longest: int = 2**63 - 1) -> RetryLimits:
    least, most = sorted(draw(st.lists(st.integers(SECOND, longest), min_size=2, max_size=2)))
    times, jitter = draw(st.integers(0, 2**31 - 1)), draw(st.integers(0, 100))
    return RetryLimits(times, least, most, jitter, HOUR, HOUR, HOUR)


RETRIES = st.integers(1, 100) | st.just(10**18) | st.integers(1, 10**18)


@given(retry_limits(), RETRIES, st.text())
@example(RetryLimits(5, 2**63 - 1, 2**63 - 1, 100, 1, 1, 1), 10**18, "seed")
def test_every_delay_lies_between_the_minimum_and_the_maximum(found: RetryLimits, retry: int, seed: str) -> None:
    assert found.min_duration <= found.base(retry) <= found.delay(retry, seed) <= found.max_duration
    assert found.delay(retry, seed) <= found.base(retry) * (100 + found.jitter) // 100


@given(retry_limits(), RETRIES)
def test_the_delay_doubles_until_jitter_has_just_room_below_the_maximum(found: RetryLimits, retry: int) -> None:
    """No retry comes sooner than the one before it would have, and no count is too large."""
    here, later = found.base(retry), found.base(retry + 1)
    assert here <= later
    assert later in (2 * here, found.base(10**30))
    assert found.base(1) == found.min_duration
    assert found.base(10**30) == max(found.max_duration * 100 // (100 + found.jitter), found.min_duration)


@given(retry_limits(), RETRIES, st.text())
def test_a_delay_is_the_same_for_the_same_seed(found: RetryLimits, retry: int, seed: str) -> None:
    assert found.delay(retry, seed) == found._replace(max_times=1).delay(retry, seed)


def test_many_seeds_spread_over_the_whole_jitter() -> None:
    found = RetryLimits(5, 100 * SECOND, HOUR, 50, 6 * HOUR, HOUR, HOUR)
    delays = [found.delay(1, f"uid-{number}/log-start/1/1") / SECOND for number in range(500)]
    assert 100 <= min(delays) < 102
    assert 148 < max(delays) < 150
    assert 122 < sum(delays) / len(delays) < 128


def test_without_jitter_no_seed_matters() -> None:
    found = RetryLimits(5, 30 * SECOND, 10 * MINUTE, 0, 6 * HOUR, HOUR, HOUR)
    assert [found.delay(n, "any") // SECOND for n in range(1, 8)] == [30, 60, 120, 240, 480, 600, 600]


def slowest(found: RetryLimits) -> int:
    """Seconds that the retries take where every attempt fails at once and every delay is as long as it can be."""
    begun = 0
    for retry in range(1, found.max_times + 1):
        base = found.base(retry)
        delay = min(base + base * found.jitter // 100, found.max_duration)
        begun += -(-delay // SECOND) + 1  # it begins in a later second than the one it is expected in
    return begun


@given(retry_limits(longest=HOUR), st.integers(0, 60))
def test_the_longest_time_is_the_sum_of_all_delays(found: RetryLimits, times: int) -> None:
    few = found._replace(max_times=times)
    assert few.longest() + times * SECOND == slowest(few) * SECOND


@given(retry_limits(longest=HOUR), st.integers(1, 30), st.integers(0, 2))
@example(RetryLimits(10, 1500_000_000, 1500_000_000, 0, 1, 1, 1), 10, 1)
@example(RetryLimits(10, 1500_000_000, 1500_000_000, 0, 1, 1, 1), 10, 0)
def test_a_timeout_is_refused_exactly_where_the_last_retry_may_come_too_late(
    found: RetryLimits, times: int, missing: int
) -> None:
    """Its last retry begins while not more than retryTimeout has passed, however jitter falls."""
    few = found._replace(max_times=times)
    timeout = slowest(few) - missing
    assume(timeout >= 1)
    policy = {
        "maxRetryTimes": times,
        "minRetryDuration": format_duration(few.min_duration),
        "maxRetryDuration": format_duration(few.max_duration),
        "jitter": few.jitter,
        "retryTimeout": f"{timeout}s",
    }
    if missing:
        assert refusal(policy)[0] == "retryTimeout"
    else:
        LogBackupRetryPolicy.from_text(json.dumps(policy))


@given(retry_limits())
def test_the_longest_time_of_very_many_retries_is_found_at_once(found: RetryLimits) -> None:
    """And it grows by the longest delay with each."""
    many = found._replace(max_times=10**18)
    more = found._replace(max_times=10**18 + 1)
    assert found.max_duration // 2 <= more.longest() - many.longest() <= found.max_duration + SECOND


# ------------------------------------------------------------------ round trip


@st.composite
def overrides(draw: st.DrawFn) -> dict[str, Any]:
    keys = draw(st.sets(st.sampled_from(["maxRetryTimes", "jitter", "attemptTimeout", "resetAfter"])))
    numbers = {"maxRetryTimes": st.integers(0, 5), "jitter": st.integers(0, 100)}
    durations = st.integers(1, 6 * 3600).map(lambda seconds: f"{seconds}s")
    return {key: draw(numbers.get(key, durations)) for key in sorted(keys)}


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    commands = st.dictionaries(st.sampled_from(list(LogCommand)).map(str), overrides(), min_size=1)
    letters = st.characters(codec="utf-8", exclude_categories=["C", "Z"])  # PyYAML loses some line ends when it writes
    reasons = st.lists(st.text(letters, min_size=1), max_size=3)
    rest = st.fixed_dictionaries(
        {},
        optional={
            "commands": commands,
            "nonRetryableReasons": reasons,
            "onErrorPause": st.sampled_from(["Hold", "Resume"]),
            "onExhausted": st.sampled_from(["Hold", "Fail"]),
            "suspend": st.booleans(),
        },
    )
    return draw(overrides()) | draw(rest)


@given(policies())
def test_a_policy_goes_through_text_and_back(data: dict[str, Any]) -> None:
    """With the keys that were given: a default that was written counts as the user's own word."""
    policy = LogBackupRetryPolicy.from_text(json.dumps(data))
    assert policy.to_json() == data
    again = LogBackupRetryPolicy.from_text(yaml.safe_dump(policy.to_json(), allow_unicode=True))
    assert again == policy
    assert [again.limits_of(each) for each in LogCommand] == [policy.limits_of(each) for each in LogCommand]
