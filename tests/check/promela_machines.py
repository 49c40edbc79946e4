"""The graph of a machine whose guards may say anything: its own compiled code, asked with every answer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsm.kernel import Configuration, Event, Machine


@dataclass
class ConfigurationGraph:
    """Every reachable configuration, and every (configuration, event with its guards' answers, next configuration)."""

    configurations: set[Configuration]
    edges: set[tuple[Configuration, str, Configuration]] = field(default_factory=set)


def configurations_of(machine: Machine) -> ConfigurationGraph:
    """By the compiler's own functions, with guards that are told what to say and actions that do nothing."""
    said: dict[str, bool] = {}
    code = _free(machine, said)
    graph, waiting = ConfigurationGraph({machine.initial}), [machine.initial]
    while waiting:
        source = waiting.pop()
        for event in machine.enabled(source):
            rule = code[f"c{machine.configurations.index(source)}_{event}"]
            for answers in answers_of(machine, event):
                said.update(answers)
                taken = rule(None, Event(event, 0))
                if taken is None:
                    continue
                target = taken[0][0]
                graph.edges.add((source, label(event, answers), target))
                if target not in graph.configurations:
                    graph.configurations.add(target)
                    waiting.append(target)
    return graph


def answers_of(machine: Machine, event: str) -> Iterator[Mapping[str, bool]]:
    """Whatever the guards on an event's edges may say together."""
    edges = [edge for edge in machine.transitions if edge.event == event]
    guards = sorted({guard.removeprefix("not ") for edge in edges for guard in edge.guards})
    for answers in itertools.product((True, False), repeat=len(guards)):
        yield dict(zip(guards, answers, strict=True))


def label(event: str, answers: Mapping[str, bool]) -> str:
    """An event with its guards' answers, as a remark in the text says it."""
    said = ", ".join(name if yes else f"not {name}" for name, yes in answers.items())
    return f"{event} [{said}]" if said else event


def _free(machine: Machine, said: Mapping[str, bool]) -> dict[str, Any]:
    """The machine's generated functions, with other guards and actions."""
    code = dict(machine.next_of.__globals__)
    for name in code:
        if name.startswith("if_"):
            code[name] = _answering(said, name.removeprefix("if_"))
        elif name.startswith("do_"):
            code[name] = lambda context, event: (context, ())
    exec(machine.source, code)  # the compiler's own text
    return code


def _answering(said: Mapping[str, bool], guard: str) -> Callable[[Any, Event], bool]:
    return lambda context, event: said[guard]
