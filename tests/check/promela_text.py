"""Reads the Promela that we write, and runs it: a judge of the text where no SPIN is installed.

Only the subset that is written is understood; anything else is an error. A model is its variables and options (all
processes together) and its never claims, of which those that end in a violation can be asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Values = dict[str, int]

_TOKEN = re.compile(r"\s*(/\*.*?\*/|->|::|==|!=|&&|\|\||\w+|[-(){};:=!])")
_TYPES = ("bit", "byte", "short", "int")


class AssertionFailedError(Exception):
    """The model came to an assertion that does not hold."""


@dataclass(frozen=True)
class Option:
    """One `:: d_step { guard -> statements }`, with the remark before it."""

    process: str
    label: str
    guard: Callable[[Values], int]
    run: Callable[[Values], None]


@dataclass
class Model:
    """A model that was read. `told`: by part, the words for each number."""

    initial: Values = field(default_factory=dict)
    options: list[Option] = field(default_factory=list)
    claims: dict[str, Callable[[Values], int]] = field(default_factory=dict)
    told: dict[str, dict[int, str]] = field(default_factory=dict)

    def after(self, values: Values) -> Iterator[tuple[Option, Values]]:
        """Every option that can be taken, and where it leads."""
        for option in self.options:
            if option.guard(values):
                changed = dict(values)
                option.run(changed)
                yield option, changed


Edge = tuple[tuple[int, ...], str, tuple[int, ...]]


@dataclass(frozen=True)
class Walked:
    """All that can be reached: states as tuples in the order of the variables, and every option taken, repeats kept."""

    states: set[tuple[int, ...]]
    edges: list[Edge]
    violated: set[str]


def walked(model: Model) -> Walked:
    """Every reachable state. AssertionFailedError where the model says that something is wrong with it."""
    start = tuple(model.initial.values())
    seen, waiting, edges, violated = {start}, [start], [], set()
    while waiting:
        state = waiting.pop()
        values = dict(zip(model.initial, state, strict=True))
        violated |= {name for name, bad in model.claims.items() if bad(values)}
        for option, changed in model.after(values):
            target = tuple(changed.values())
            edges.append((state, option.label, target))
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return Walked(seen, edges, violated)


def read(text: str) -> Model:
    """The model of a text."""
    return _Reader(text).model()


class _Reader:
    """A recursive descent over the tokens."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            assert found, f"no Promela that we write: {text[at : at + 40]!r}"
            self.tokens.append(found[1])
            at = found.end()
        self.at = 0
        self.remark = ""

    def peek(self) -> str:
        while self.at < len(self.tokens) and self.tokens[self.at].startswith("/*"):
            self.remark = self.tokens[self.at][2:-2].strip()
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.peek()
        assert not expected or token in expected, f"{token!r} where {expected} was expected, at token {self.at}"
        self.at += 1
        return token

    def words(self, *expected: str) -> None:
        for each in expected:
            self.take(each)

    def model(self) -> Model:
        model = Model()
        while self.peek():
            if self.peek() in _TYPES:
                self.variable(model)
            elif self.take("active", "never") == "active":
                self.process(model)
            else:
                self.claim(model)
        return model

    def variable(self, model: Model) -> None:
        part, _, words = self.remark.partition(":")
        numbered = re.findall(r"(\d+) = (.*?)(?=, \d+ = |$)", words)
        self.take(*_TYPES)
        name = self.take()
        self.take("=")
        model.initial[name] = int(self.take())
        model.told[part] = {int(number): word for number, word in numbered}
        self.take(";")

    def process(self, model: Model) -> None:
        self.take("proctype")
        name = self.take()
        self.words("(", ")", "{", "end", ":", "do")
        while self.peek() == "::":
            label = self.remark
            self.words("::", "d_step", "{")
            model.options.append(Option(name, label, *self.option()))
            self.take("}")
        self.words("od", "}")

    def claim(self, model: Model) -> None:
        name = self.take()
        self.take("{")
        if self.peek() == "do":
            self.words("do", "::")
            bad = self.asked(self.condition())
            self.take("->")
            if self.take("break", "goto") == "break":
                self.words("::", "else", "od", "}")
                model.claims[name] = bad
                return
        while self.take() != "}":  # a claim of liveness: nothing that one state could violate
            pass

    # ---------------------------------------------------------- into Python, in which a state is the dictionary v

    def option(self) -> tuple[Callable[[Values], int], Callable[[Values], None]]:
        guard = self.condition()
        self.take("->")
        lines = "\n".join(["def run(v):", *self.statements(" ")])
        made: dict[str, Any] = {"AssertionFailedError": AssertionFailedError}
        exec(lines, made)  # nothing but what the tokens of this reader were turned into
        return self.asked(guard), made["run"]

    def asked(self, condition: str) -> Callable[[Values], int]:
        function: Callable[[Values], int] = eval(f"lambda v: int({condition})")
        return function

    def statements(self, indent: str) -> list[str]:
        lines = self.statement(indent)
        while self.peek() == ";":
            self.take(";")
            lines += self.statement(indent)
        return lines

    def statement(self, indent: str) -> list[str]:
        word = self.take()
        if word == "skip":
            return [f"{indent}pass"]
        if word == "if":
            return self.choice(indent)
        if word == "assert":
            self.words("(", "false", ")")
            return [f"{indent}raise AssertionFailedError(v)"]
        self.take("=")
        return [f"{indent}v[{word!r}] = {self.condition()}"]

    def choice(self, indent: str) -> list[str]:
        """The cases of every if that we write exclude each other, and the last one is else."""
        lines, word = [], "if"
        while self.peek() == "::":
            self.take("::")
            if self.peek() == "else":
                self.take("else")
                lines.append(f"{indent}else:")
            else:
                lines.append(f"{indent}{word} {self.condition()}:")
            self.take("->")
            lines += self.statements(indent + " ")
            word = "elif"
        self.take("fi")
        return lines

    def condition(self) -> str:
        """Operators of equal rank; brackets tell the rest apart, as in all that we write."""
        parts = [self.operand()]
        operator = self.peek()
        while operator in ("&&", "||") and self.peek() == operator:
            self.take()
            parts.append(self.operand())
        return {"&&": " and ", "||": " or "}.get(operator, "").join(parts)

    def operand(self) -> str:
        found = self.atom()
        return f"{found} {self.take()} {self.atom()}" if self.peek() in ("==", "!=") else found

    def atom(self) -> str:
        word = self.take()
        if word == "!":
            return f"(not {self.atom()})"
        if word == "(":
            inner = self.condition()
            if self.take(")", "->") == ")":
                return f"({inner})"
            yes = self.condition()
            self.take(":")
            no = self.condition()
            self.take(")")
            return f"({yes} if {inner} else {no})"
        if word.isdigit():
            return word
        return {"true": "True", "false": "False"}.get(word, f"v[{word!r}]")
