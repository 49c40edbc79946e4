"""Everything this package raises on purpose, in one small tree.

FsmError
├── InputError          something that was read is not what it should be; says where and what was expected
├── UsageError          the caller asked for something that does not exist or contradicts itself
├── ChartError          a chart that cannot be compiled; raised while it is imported
├── DeclarationError    a world, a rule or a property that contradicts itself
└── NotEnabled          an event that the machine does not accept in its present configuration
"""

from __future__ import annotations

from dataclasses import dataclass


class FsmError(Exception):
    """Root of the tree: catching it catches everything the package raises on purpose."""


@dataclass(frozen=True)
class Place:
    """Where something stands: a file, a 1-based line in it, and a path inside the object."""

    file: str = ""
    line: int = 0
    path: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (where, self.path) if part)


class InputError(FsmError):
    """An input that cannot be used. `problem` says what was found, `expected` what would have been right."""

    def __init__(self, problem: str, *, expected: str = "", place: Place | None = None) -> None:
        self.problem = problem
        self.expected = expected
        self.place = place or Place()
        super().__init__(problem, expected, place)

    def __str__(self) -> str:
        text = f"{self.place}: {self.problem}" if str(self.place) else self.problem
        return f"{text}; expected {self.expected}" if self.expected else text


class UsageError(FsmError):
    """A request that names something unknown or contradicts itself."""


class ChartError(FsmError):
    """A chart that cannot be compiled, and the reason."""


class DeclarationError(FsmError):
    """A world, a rule or a property that contradicts itself, and the reason."""


class NotEnabled(FsmError):
    """The machine does not accept the event in this configuration; `enabled` names the events it does accept."""

    def __init__(self, event: str, configuration: tuple[str, ...], enabled: tuple[str, ...]) -> None:
        self.event = event
        self.configuration = configuration
        self.enabled = enabled
        super().__init__(event, configuration, enabled)

    def __str__(self) -> str:
        accepted = ", ".join(self.enabled) or "none"
        return f"{self.event} is not enabled in {{{', '.join(self.configuration)}}}; enabled: {accepted}"
