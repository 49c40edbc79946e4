"""How a world is put together: what it is asked for, what its rules draw on, and that each of them can be taken."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from world_walks import Walk

from fsm.check import explore
from fsm.check.exploration import explored
from fsm.environment import BESIDE, MISHAPS, OPERATOR, OURS, WORLDS, Wish, world_of
from fsm.environment.world.slots import CLEAN, OF_MODE, STOP
from fsm.errors import UsageError
from fsm.kernel import Kind, World

# ------------------------------------------------------------------ what it is asked for


@pytest.mark.parametrize(
    ("name", "mode", "budgets", "words"),
    [
        ("operator-v2", "snapshot", {}, "there is no world operator-v2 snapshot; there are operator-v1.6 snapshot"),
        (OURS, "log", {}, "there is no world ours log"),
        (OPERATOR, "volume-snapshot", {}, "there is no world operator-v1.6 volume-snapshot"),
        (OPERATOR, "snapshot", {"meteor": 1}, "there is no budget 'meteor'; there are api, "),
    ],
    ids=["name", "ours in log mode", "mode", "budget"],
)
def test_a_world_that_there_is_not_is_refused_with_those_that_there_are(
    name: str, mode: str, budgets: Mapping[str, int], words: str
) -> None:
    with pytest.raises(UsageError, match=words.replace(".", r"\.")):
        world_of(name, mode, budgets)


def test_a_budget_that_is_not_given_is_nothing() -> None:
    world = world_of(OPERATOR, "snapshot", {"kill": 2})
    assert world.budgets == {mishap.name: 2 * (mishap.name == "kill") for mishap in MISHAPS}


# ------------------------------------------------------------------ what rules draw on


@pytest.mark.parametrize(("name", "mode"), WORLDS)
def test_the_budgets_that_rules_draw_on_are_those_of_the_mode(name: str, mode: str) -> None:
    drawn = {budget for rule in world_of(name, mode, {}).rules for budget in rule.budgets}
    assert drawn == {mishap.name for mishap in MISHAPS if mode in mishap.modes}


@pytest.mark.parametrize(("name", "mode"), WORLDS)
def test_what_is_no_normal_course_has_a_budget_and_all_faults_but_deaths_of_pods_have_a_common_one(
    name: str, mode: str
) -> None:
    for rule in world_of(name, mode, {}).rules:
        assert bool(rule.budgets) == (rule.kind is not Kind.NORMAL), rule.name
        assert ("faults" in rule.budgets) == (rule.kind is Kind.FAULT and rule.budgets != ("kill",)), rule.name


@pytest.mark.parametrize(("name", "mode"), WORLDS)
def test_a_rule_has_a_sentence(name: str, mode: str) -> None:
    for rule in world_of(name, mode, {}).rules:
        assert rule.sentence.endswith("."), rule.name


def test_a_mishap_has_a_sentence_and_a_name_of_its_own() -> None:
    assert all(mishap.sentence for mishap in MISHAPS)
    assert len({mishap.name for mishap in MISHAPS}) == len(MISHAPS)


# ------------------------------------------------------------------ every rule is taken somewhere


class Row(NamedTuple):
    """With these budgets, and no others, the rules are taken that the patterns match."""

    mode: str
    budgets: Mapping[str, int]
    rules: tuple[str, ...]
    worlds: tuple[str, ...] = (OPERATOR,)
    slow: bool = False


BOTH = (OPERATOR, OURS)
POD = {"faults": 1, "node": 1, "pending": 1, "program": 1, "write": 1, "job_deletion": 1, "kill": 1}
"""All that can befall a pod."""
OF_POD = ("pod * dies", "lost pod *", "node of *", "pod * unschedulable", "Job * by hand", "program *", "write of *")

ROWS = (
    Row("snapshot", {}, ("handler begins", "worker *s", "worker goes on")),
    Row("snapshot", {}, ("shell decides", "shell performs"), (OURS,)),
    Row("snapshot", {}, ("Job backup starts", "Job backup ends", "pod backup goes on"), BOTH),
    Row("snapshot", {"kill": 1}, ("Job backup goes", "clock ticks", "pod backup dies"), BOTH),
    Row("snapshot", {"kill": 1}, ("handler goes on",)),
    Row("snapshot", {"kill": 1, "faults": 1, "api": 1}, ("handler: *", "worker: *")),
    Row("snapshot", {"faults": 1, "api": 1}, ("shell: *",), (OURS,)),
    Row("snapshot", {"faults": 1, "crash": 1}, ("operator restarts",), BOTH),
    Row("snapshot", {"faults": 1, "slow": 1}, ("operator is slow",), BOTH),
    Row("snapshot", {"faults": 1, "lag": 1}, ("Backup is delivered", "informer lags"), BOTH),
    Row("snapshot", {"faults": 1, "lag": 1}, ("Job * is delivered", "informer lags behind *")),
    Row("snapshot", {"faults": 1, "cluster": 1}, ("cluster *",), BOTH),
    Row("snapshot", {"edit": 1}, ("user switches retries off", "user spoils the timeout"), BOTH),
    Row("snapshot", {"delete": 1}, ("user deletes",), BOTH),
    Row("snapshot", POD, tuple(each.replace("*", "backup*") for each in OF_POD), BOTH),
    Row("snapshot", {"delete": 1}, ("Job clean *s", "pod clean goes on")),
    Row("snapshot", {**POD, "delete": 1}, tuple(each.replace("*", "clean*") for each in OF_POD)),
    Row("log", {}, ("handler begins", "worker *s", "worker goes on", "tracker looks", "clock ticks")),
    Row("log", {}, ("Job log-start starts", "Job log-start ends", "pod log-start goes on")),
    Row("log", {"faults": 1, "api": 1}, ("worker: *",)),
    Row("log", {"faults": 1, "crash": 1}, ("operator restarts",)),
    Row("log", {"faults": 1, "slow": 1}, ("operator is slow",)),
    Row("log", {"faults": 1, "lag": 1}, ("* is delivered", "informer lags*")),
    Row("log", {"faults": 1, "cluster": 1}, ("cluster *",)),
    Row("log", {"faults": 1, "pd": 1}, ("* looks in vain",)),
    Row("log", {"faults": 1, "task_error": 1, "task": 1}, ("task pauses with an error", "somebody resumes after *")),
    Row("log", {"task": 2}, ("somebody * by hand",)),
    Row("log", {"task": 1}, ("Job log-resume starts", "Job log-resume ends", "pod log-resume goes on")),
    Row("log", {"edit": 1}, ("user wishes log-*",)),
    Row("log", {"edit": 1}, ("Job log-pause starts", "Job log-pause ends", "pod log-pause goes on")),
    Row("log", {"edit": 1}, ("Job log-stop starts", "Job log-stop ends", "pod log-stop goes on")),
    Row("log", {"edit": 1, "truncate": 1}, ("user wishes a *", "Job log-truncate starts", "pod log-truncate goes on")),
    Row("log", {"edit": 1, "truncate": 1}, ("Job log-truncate ends",)),
    Row("log", {"delete": 1}, ("user deletes", "Job stop *s", "pod stop goes on", "Job clean *s", "pod clean goes on")),
    Row("log", {"kill": 1}, ("companion acts",), (BESIDE,)),
    Row("log", {"kill": 1, "faults": 2, "slow": 1, "crash": 1}, ("companion is slow", "companion goes on"), (BESIDE,)),
    Row("log", {"kill": 1, "faults": 2, "slow": 1, "crash": 1}, ("companion forgets",), (BESIDE,)),
    Row("log", {"faults": 2, "pending": 1, "crash": 1}, ("companion dies",), (BESIDE,)),
    Row("log", {"kill": 1, "faults": 1, "pd": 1}, ("companion looks in vain",), (BESIDE,)),
    Row("log", POD, ("Job log-start goes", *(each.replace("*", "log-start*") for each in OF_POD))),
)  # fmt: skip
SLOT_ROWS = tuple(
    Row("log", {**POD, **before}, (f"Job {slot} goes", *(each.replace("*", f"{slot}*") for each in OF_POD)), slow=True)
    for slot, before in {
        "log-pause": {"edit": 1},
        "log-resume": {"task": 1},
        "log-stop": {"edit": 1},
        "log-truncate": {"edit": 1, "truncate": 1},
        STOP: {"delete": 1},
        CLEAN: {"delete": 1},
    }.items()
)

NEVER: Mapping[tuple[str, str], Mapping[str, str]] = {
    (OPERATOR, "log"): {"handler goes on": "the handler of a log backup asks nobody: it only enqueues",
                        "handler: *": "the handler of a log backup asks nobody: it only enqueues"},
    (OURS, "snapshot"): {"* clean *": "our decision removes no data"},
    (BESIDE, "log"): {"handler goes on": "it is the operator's", "handler: *": "it is the operator's"},
}  # fmt: skip
"""Rules that are never taken, with the reason."""

CLEANS = Wish(retries=1, timeout="2m", clean="Delete")


def _cases() -> Iterator[Any]:
    """Rows that are explored together."""
    found: dict[tuple[str, str, tuple[tuple[str, int], ...]], list[Row]] = {}
    for row in (*ROWS, *SLOT_ROWS):
        for name in row.worlds:
            found.setdefault((name, row.mode, tuple(sorted(row.budgets.items()))), []).append(row)
    for (name, mode, budgets), rows in found.items():
        marks = [pytest.mark.exhaustive] * any(row.slow for row in rows)
        told = " ".join(f"{budget}{amount}" for budget, amount in budgets) or "nothing"
        yield pytest.param(name, mode, dict(budgets), rows, id=f"{name}-{mode}-{told}", marks=marks)


@pytest.mark.parametrize(("name", "mode", "budgets", "rows"), list(_cases()))
def test_with_these_budgets_the_rules_are_taken(
    name: str, mode: str, budgets: Mapping[str, int], rows: list[Row]
) -> None:
    wish = CLEANS._replace(policy="once") if name == BESIDE else CLEANS
    world = world_of(name, mode, budgets, wish=wish)
    taken = explored(world).fired
    for row in rows:
        for pattern in row.rules:
            meant = _matching(pattern, world)
            assert meant, pattern
            assert meant <= taken, pattern


@pytest.mark.parametrize(("name", "mode"), WORLDS)
def test_a_rule_is_taken_under_some_budgets_or_has_a_reason_why_it_never_is(name: str, mode: str) -> None:
    """Beside the companion the operator's rules are what they are without it."""
    world = world_of(name, mode, {})
    names = {name, OPERATOR} if name == BESIDE else {name}
    rows = [row for row in (*ROWS, *SLOT_ROWS) if names & set(row.worlds) and row.mode == mode]
    taken = set().union(*(_matching(pattern, world) for row in rows for pattern in row.rules))
    never = set().union(*(_matching(pattern, world) for pattern in NEVER.get((name, mode), {})))
    assert taken | never == {rule.name for rule in world.rules}
    assert not taken & never


@pytest.mark.parametrize(
    ("name", "mode", "budgets"),
    [(OPERATOR, "log", {"edit": 1, "faults": 1, "api": 1}), (OURS, "snapshot", {"delete": 1, "kill": 1})],
    ids=["log", "ours"],
)
def test_what_is_never_taken_is_not(name: str, mode: str, budgets: Mapping[str, int]) -> None:
    world = world_of(name, mode, budgets, wish=CLEANS)
    never = set().union(*(_matching(pattern, world) for pattern in NEVER[(name, mode)]))
    assert not explored(world).fired & never


def _matching(pattern: str, world: World) -> set[str]:
    return set(fnmatch.filter([rule.name for rule in world.rules], pattern))


# ------------------------------------------------------------------ several backups


@pytest.mark.parametrize(("name", "mode"), [(OPERATOR, "snapshot"), (OURS, "snapshot")])
def test_two_backups_to_which_nothing_happens_have_all_pairs_of_states_and_steps(name: str, mode: str) -> None:
    one, two = explore(world_of(name, mode, {})), explore(world_of(name, mode, {}, backups=2))
    assert two.states == one.states**2
    assert two.transitions == 2 * one.states * one.transitions


def test_two_backups_share_a_budget() -> None:
    world = world_of(OPERATOR, "snapshot", {"kill": 1}, backups=2)
    walk = Walk(world)
    for component in (0, 1):
        walk.take("worker begins", component=component).take("worker goes on", component=component)
        walk.take("Job backup starts", component=component)
    assert walk.ways("pod backup dies", 1)
    walk.take("pod backup dies", component=0)
    assert not walk.ways("pod backup dies", 1)


@pytest.mark.parametrize("rules", [("user spoils the timeout",), ("worker begins", "worker goes on")], ids=str)
def test_a_write_of_one_backup_makes_no_copy_of_another_one_stale(rules: tuple[str, ...]) -> None:
    walk = Walk(world_of(OPERATOR, "snapshot", {"faults": 1, "lag": 1, "edit": 1}, backups=2))
    walk.take("informer lags", component=0)
    for rule in rules:
        walk.take(rule, component=1)
    assert walk.view(1)["backup"] != walk.view(0)["backup"]
    assert walk.view(0)["cached backup"].held.current


def test_the_informer_that_catches_up_with_one_backup_leaves_the_handler_of_another_its_object() -> None:
    walk = Walk(world_of(OPERATOR, "snapshot", {"kill": 1, "faults": 1, "lag": 1}, backups=2))
    walk.take("worker begins").take("worker goes on").take("Job backup starts").take("pod backup dies")
    walk.take("Job backup ends").take("handler begins")
    walk.take("informer lags", component=1).take("Backup is delivered", component=1)
    assert walk["handler"].there


def test_a_crash_ends_what_the_operator_does_for_every_backup() -> None:
    walk = Walk(world_of(OPERATOR, "snapshot", {"faults": 1, "crash": 1}, backups=2))
    walk.take("worker begins", component=0).take("worker begins", component=1).take("operator restarts")
    assert [walk.view(index)["worker"] for index in (0, 1)] == [None, None]
    assert [walk.view(index)["job backup"].stage for index in (0, 1)] == ["created", "created"]


def test_a_minute_passes_for_all_backups_and_only_when_the_operator_is_busy_with_none() -> None:
    walk = Walk(world_of(OPERATOR, "snapshot", {"kill": 1}, backups=2))
    walk.take("worker begins").take("worker goes on").take("Job backup starts").take("pod backup dies")
    walk.take("Job backup ends").take("handler begins").take("handler goes on").take("handler goes on")
    assert walk.ways("clock ticks")
    walk.take("worker begins", component=1)
    assert not walk.ways("clock ticks")


@pytest.mark.parametrize("mode", OF_MODE)
def test_backups_are_independent_where_nothing_is_shared(mode: str) -> None:
    """What one of them does changes no part of the other."""
    walk = Walk(world_of(OPERATOR, mode, {}, backups=2))
    before = {slot: value for slot, value in walk.state.items() if slot[1] == 1}
    while able := sorted(walk.able() - {"clock ticks"}):
        walk.take(able[0])
        if len(walk.states) > 30:
            break
    assert {slot: value for slot, value in walk.state.items() if slot[1] == 1} == before
