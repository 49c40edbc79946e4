"""The vectors of the rules: the functions of `fsm.rules` by name, what they are given, how their value is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

import msgspec
from pydantic.alias_generators import to_camel

from fsm import rules
from fsm.conform.shape import ClusterInShort, Part
from fsm.conform.times import START, TIME_NAMES, rendered
from fsm.errors import InputError
from fsm.model import Backup, BackupStatus, Condition, Phase, parse_ts, seconds_of

# ------------------------------------------------------------------ what they are given


class OfBackup(Part, frozen=True):
    backup: Backup


class OfCommand(Part, frozen=True):
    backup: Backup
    command: str


class OfPhase(Part, frozen=True):
    backup: Backup
    phase: Phase


class OfText(Part, frozen=True):
    text: str


class OfSpec(Part, frozen=True):
    backup: Backup
    cluster: ClusterInShort | None = None


class OfStatus(Part, frozen=True):
    status: BackupStatus
    condition: Condition | None = None


_HINTS = get_type_hints(rules.Update)
_DEFAULTS = {each.name: each.default for each in fields(rules.Update) if each.name != "reading"}
_TIMES = [name for name in _DEFAULTS if to_camel(name) in TIME_NAMES]

UpdateGiven = msgspec.defstruct(
    "UpdateGiven",
    [(name, str | None if name in _TIMES else _HINTS[name], default) for name, default in _DEFAULTS.items()],
    bases=(Part,),
    rename=to_camel,
    frozen=True,
    forbid_unknown_fields=True,
)
"""The fields of `fsm.rules.Update` in camelCase, times as texts."""


class OfUpdate(Part, frozen=True):
    backup: Backup
    condition: Condition | None = None
    update: UpdateGiven | None = None  # type: ignore[valid-type]  # made of the fields that Update has


def _update(given: Any) -> rules.Update:
    said: dict[str, Any] = msgspec.structs.asdict(given)
    return rules.Update(**said | {name: seconds_of(said[name]) for name in _TIMES if said[name] is not None})


# ------------------------------------------------------------------ what they yield


def _parsed_ts(given: OfText) -> Any:
    """A TSO does not fit every program's numbers, so it is a text."""
    try:
        return str(parse_ts(given.text))
    except InputError as error:
        return {"error": error.problem}


def _validated(given: OfSpec) -> str | None:
    """No cluster at all is one that is nothing; `validate_spec` would take None for one that is not known."""
    cluster = rules.Cluster() if given.cluster is None else given.cluster.whole.validated
    return rules.validate_spec(given.backup, cluster)


def _with_condition(given: OfStatus) -> Any:
    status, changed = rules.update_condition(given.status, given.condition, START)
    return {"changed": changed, "status": status.to_json()}


def _updated(given: OfUpdate) -> Any:
    update = None if given.update is None else _update(given.update)
    backup, changed = rules.updated(given.backup, given.condition, update, START)
    return {"changed": changed, "status": backup.status.to_json()}


# ------------------------------------------------------------------ the table


@dataclass(frozen=True, slots=True)
class Rule:
    """The shape of its arguments, and the function of them."""

    given: type[Part]
    function: Callable[[Any], Any]

    def outcome(self, given: Part) -> dict[str, Any]:
        """As `then` has it."""
        return {"value": rendered(self.function(given))}


_OF_BACKUP: tuple[Callable[[Backup], Any], ...] = (
    rules.current_command,
    rules.job_name,
    rules.init_job_name,
    rules.is_already_truncated,
    rules.is_clean,
    rules.is_clean_candidate,
    rules.is_clean_failed,
    rules.is_log_on_track,
    rules.is_log_paused,
    rules.is_log_running,
    rules.is_log_started,
    rules.is_log_stopped,
    rules.is_restart,
    rules.is_volume_complete,
    rules.is_volume_failed,
    rules.is_volume_initialize_complete,
    rules.is_volume_initialize_failed,
    rules.is_volume_initialized,
    rules.is_volume_snapshots_created,
    rules.needs_retained_data,
)
_OF_NAME: tuple[Callable[[str], str], ...] = (rules.clean_job_name, rules.stop_job_name)


def _of_backup(function: Callable[[Backup], Any]) -> Rule:
    return Rule(OfBackup, lambda given: function(given.backup))


def _of_name(function: Callable[[str], str]) -> Rule:
    return Rule(OfBackup, lambda given: function(given.backup.metadata.name))


RULES: dict[str, Rule] = {
    **{each.__name__: _of_backup(each) for each in _OF_BACKUP},
    **{each.__name__: _of_name(each) for each in _OF_NAME},
    "is_synced": Rule(OfCommand, lambda given: rules.is_synced(given.backup, given.command)),
    "is_on": Rule(OfPhase, lambda given: rules.is_on(given.backup, given.phase)),
    "parse_ts": Rule(OfText, _parsed_ts),
    "validate_spec": Rule(OfSpec, _validated),
    "update_condition": Rule(OfStatus, _with_condition),
    "updated": Rule(OfUpdate, _updated),
}
"""By the names that vectors use."""
