"""The vectors of the handover as turns: each run of the operator with what it had before it.

Nothing here is computed by our operator. What was before a run is what the vector gave, set, or the Go program left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fsm.conform.compare import normalised
from fsm.conform.times import resolved
from fsm.model import Backup
from fsm.rules import current_command, is_already_truncated, is_requeued, is_synced
from tests.conformance.go_vectors import FILES, lines

(FILE,) = (each for each in FILES if each.name.startswith("handover."))

RETRY_STATUS = "backup-fsm.dev/log-retry-status"
RETRY_POLICY = "backup-fsm.dev/log-retry-policy"

Json = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """A vector: the Backup before and after the one update, and the runs that follow it."""

    vector: Json

    @property
    def id(self) -> str:
        return str(self.vector["id"])

    @property
    def before(self) -> Json:
        return dict(self.vector["given"]["server"]["backup"])

    @cached_property
    def writes(self) -> list[Json]:
        """The Backup as others than the operator wrote it, in order; the first is the update that is judged."""
        sets = (each["set"].get("server", {}) for each in self.vector["when"] if "set" in each)
        return [each["backup"] for each in sets if "backup" in each]

    @property
    def update(self) -> Json:
        return self.writes[0]

    @cached_property
    def is_handover(self) -> bool:
        """Not a mend, which says that a command is complete."""
        return any(phase == "RetryFailed" for phase in phases_of(self.update).values())

    @cached_property
    def handed(self) -> str:
        """The command that is handed over, "" in a mend."""
        return current_command(modelled(self.update)) if self.is_handover else ""

    @cached_property
    def job(self) -> Json | None:
        """The earlier attempt's Job."""
        return next(iter(self.vector["given"]["server"]["jobs"]), None)

    @cached_property
    def turns(self) -> list[Turn]:
        return list(_turns(self))


@dataclass(frozen=True)
class Turn:
    """A run of the operator, what its caches and the API server held before it, and its outcome."""

    story: Story
    index: int
    happening: Json
    outcome: Json
    cache: Json
    server: Json

    @property
    def id(self) -> str:
        return f"{self.story.id} run {self.index}"

    @property
    def run(self) -> str:
        return str(self.happening["run"])

    @property
    def later(self) -> list[Turn]:
        return self.story.turns[self.index + 1 :]

    @cached_property
    def backup(self) -> Backup:
        """What the cache holds."""
        return modelled(self.cache["backup"])

    @property
    def status(self) -> Json:
        return dict(self.cache["backup"]["status"])

    @property
    def command(self) -> str:
        return current_command(self.backup)

    @property
    def phase(self) -> str:
        """Of the current command."""
        return phases_of(self.cache["backup"]).get(self.command, "")

    @property
    def is_synced(self) -> bool:
        return is_synced(self.backup, self.command)

    @property
    def is_covered(self) -> bool:
        return self.command == "log-truncate" and is_already_truncated(self.backup)

    @property
    def waits_for_start(self) -> bool:
        return is_requeued(self.backup)

    @property
    def job(self) -> Json | None:
        """The cached Job of the current command."""
        return next((each for each in self.cache["jobs"] if each["metadata"]["name"] == self.job_name), None)

    @property
    def job_name(self) -> str:
        return f"backup-{self.cache['backup']['metadata']['name']}-{self.command}"

    @property
    def calls(self) -> list[str]:
        """Every call with the Job that it names."""
        return [" ".join(filter(None, (each["call"], _job_in(each)))) for each in self.outcome["calls"]]

    @property
    def job_calls(self) -> list[str]:
        return [each for each in self.calls if each.split()[1] == "jobs"]

    @property
    def answer(self) -> tuple[str, list[str]]:
        """How the run ended, and what the queue was told."""
        return self.outcome["result"], self.outcome["queue"]

    @property
    def written(self) -> Json:
        """The stored status afterwards."""
        return dict(self.outcome["server"]["backup"]["status"])

    @property
    def changes_nothing(self) -> bool:
        """No call that writes, and the stored status stays as it was."""
        writes = [each for each in self.calls if not each.startswith("get ")]
        return not writes and normalised(self.written) == normalised(self.server["backup"]["status"])


def _turns(story: Story) -> Iterator[Turn]:
    server = dict(story.vector["given"]["server"])
    cache = {**server, **story.vector["given"]["cache"]}
    outcomes = enumerate(story.vector["then"])
    for each in story.vector["when"]:
        if "set" in each:
            server = {**server, **each["set"].get("server", {})}
            cache = {**cache, **each["set"].get("cache", {})}
        elif "refresh" in each:
            cache = {**cache, **{name: server[name] for name in each["refresh"]}}
        else:
            index, outcome = next(outcomes)
            yield Turn(story, index, each, outcome, cache, server)
            known = {job["metadata"]["name"]: job for job in server["jobs"]}
            jobs = [known.get(name, {"metadata": {"name": name}}) for name in outcome["server"]["jobs"]]
            server = {**server, "backup": _left(server, outcome["server"]), "jobs": jobs}
            cache = {**cache, "backup": _left(cache, outcome["cached"])}


def _left(before: Json, outcome: Json) -> Json:
    return {**before["backup"], "status": outcome["backup"]["status"]}


def _job_in(call: Json) -> str:
    return str(call["job"]["name"] if "job" in call else call.get("name", "") if call["call"] == "delete jobs" else "")


def modelled(backup: Json) -> Backup:
    return Backup.from_json(resolved(backup))


def phases_of(backup: Json) -> dict[str, str]:
    """The phase of each command that has a status."""
    subs = backup["status"].get("logSubCommandStatuses") or {}
    return {name: sub.get("phase", "") for name, sub in subs.items()}


def annotations_of(backup: Json) -> dict[str, str]:
    return dict(backup["metadata"].get("annotations") or {})


def is_finished(job: Json) -> bool:
    conditions = job.get("status", {}).get("conditions") or ()
    return any(each["type"] in ("Failed", "Complete") and each["status"] == "True" for each in conditions)


def is_deleting(job: Json) -> bool:
    return "deletionTimestamp" in job["metadata"]


STORIES = [Story(json.loads(line)) for line in lines(FILE)]
