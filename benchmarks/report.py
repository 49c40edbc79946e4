"""Findings as a table for people, or as JSON data. Measures nothing."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Finding, Settings

_SCALES = {"ns": ("ns", "µs", "ms", "s"), "B": ("B", "kB", "MB", "GB"), "ms": ("ms", "s")}


def quantity(value: float, unit: str) -> str:
    """A number with a scale that can be read: 1234 "ns/event" is "1.23 µs/event"."""
    base, _, per = unit.partition("/")
    *larger, last = _SCALES[base]
    for scale in larger:
        if value < 1000:
            return _written(value, scale, per)
        value /= 1000
    return _written(value, last, per)


def _written(value: float, scale: str, per: str) -> str:
    return f"{value:.3g} {scale}{'/' + per if per else ''}"


def _ratio(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}x" if value >= 20 else f"{value:.2f}x"


def _wanted(finding: Finding) -> str:
    if finding.limit is not None:
        return f"≤ {quantity(finding.limit, finding.unit)}"
    return "" if finding.wanted is None else f"≥ {_ratio(finding.wanted)}"


def _row(finding: Finding) -> tuple[str, ...]:
    other = "" if finding.other is None else quantity(finding.other, finding.unit)
    verdict = {True: "yes", False: "NO", None: ""}[finding.met]
    ours = quantity(finding.ours, finding.unit)
    return finding.subject, ours, finding.against, other, _ratio(finding.ratio), _wanted(finding), verdict


def print_table(benchmark: str, doc: str, findings: Iterable[Finding], console: Console) -> None:
    """One benchmark: what it measures, and a row a comparison. The ratio says how many times better the subject is."""
    table = Table(title=f"{benchmark}: {doc}", title_justify="left", title_style="bold")
    for heading in ("subject", "takes", "against", "takes", "ratio", "wanted", "met"):
        table.add_column(heading, justify="right" if heading in ("takes", "ratio", "wanted") else "left")
    for finding in findings:
        table.add_row(*_row(finding))
    console.print(table)


def heading(settings: Settings) -> str:
    """Under which conditions the numbers were taken."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, seed {settings.seed}, {settings.rounds} rounds{', quick' if settings.quick else ''}"


def as_json(settings: Settings, findings: Iterable[Finding]) -> str:
    """Everything as one JSON object; `met` is null where nothing was wanted."""
    rows: list[dict[str, Any]] = [{**asdict(finding), "met": finding.met} for finding in findings]
    return json.dumps({"settings": asdict(settings), "findings": rows}, indent=2)
