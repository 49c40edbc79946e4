"""A controller that keeps its state in Kubernetes objects only: written by the adapter, and read by it again."""

from __future__ import annotations

import copy
import random
from itertools import product
from typing import Any

from fsm.adapter import lifecycle_of
from fsm.kernel import Event, MachineState, step
from fsm.machines import LogContext, RunContext
from fsm.rules import current_command
from tests.adapter.worlds import WORLDS

TALES = ("reason", "message", "sync_error")
"""Texts that nobody but the objects can tell; what a story says instead is not looked for."""


def facts_of(state: MachineState) -> Any:
    """A state without tales. Of a deleted log backup only the configuration: Clean takes the place of its phase."""
    context: RunContext | LogContext = state.context
    if isinstance(context, LogContext) and "deleting" in state.configuration:
        return state.configuration
    if isinstance(context, RunContext):
        context = context._replace(records=tuple(each._replace(reason="", original="") for each in context.records))
    else:
        context = context._replace(job="")  # of a command that is taken up again the machine does not know the Job
    return state.configuration, context._replace(**dict.fromkeys(TALES, ""))


class ReadBack:
    """One Backup of a mode, with its Jobs, kept in step by `tests/adapter/worlds.py`.

    The machine only says what is to be written: before each event the state is read from the objects anew.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.reset()

    def reset(self) -> None:
        self.world = WORLDS[self.mode](random.Random(0))
        if self.mode == "log":
            self.world.spec |= {"logSubcommand": "log-start"}
        self.at = self.world.start() if self.mode == "volume-snapshot" else self.world.lifecycle.machine.start()

    def read(self) -> MachineState:
        return lifecycle_of(self.world.backup()).state_of(self.world.observation(self.at))

    def state(self) -> Any:
        return facts_of(self.read())

    def possible(self, event: Event) -> bool:
        """Whether operator, cluster and user can let it happen, and the Backup, which has one wish, can say it."""
        if event.name not in self.world.candidates(self.at):
            return False
        if event.name == "wish_changed" and self._wished(event.subject) is None:
            return False
        later = copy.copy(self)
        later.world = copy.copy(self.world)
        later.world.jobs, later.world.spec = dict(self.world.jobs), dict(self.world.spec)
        later.send(event)
        return self.mode != "log" or "deleting" in later.at.configuration or later.wish == later.at.context.command

    @property
    def wish(self) -> str:
        """The command that spec and status ask for."""
        return current_command(self.world.backup())

    def _wished(self, command: str) -> dict[str, Any] | None:
        """A spec that asks for this command now."""
        if command == self.at.context.command:
            return None
        for wish, until in product(("log-start", "log-stop", "log-pause"), (None, "700")):
            spec = {"backupMode": "log", "logSubcommand": wish, **({"logTruncateUntil": until} if until else {})}
            if current_command(self.world.backup().with_(spec=self.world.backup().spec.from_json(spec))) == command:
                return spec
        return None

    def send(self, event: Event) -> None:
        told = event
        if event.name == "wish_changed":
            self.world.spec = self._wished(event.subject) or self.world.spec
        elif event.name != "completed":
            said = self.world.event(self.at, event.name, event.at)
            told = event._replace(reason=said.reason, message=said.message)
        after = step(self.world.lifecycle.machine, self.at, told).after
        self.world.happened(self.at, told, after)
        self.at = after
