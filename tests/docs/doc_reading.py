"""Reads the documentation: its pages, their examples, their links and what can be linked to. Runs nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]

_HTML_ANCHOR = re.compile(r'<a id="([^"]+)"')
_HTML_LINK = re.compile(r'(?:href|src|srcset)="([^"]+)"')


class Block(NamedTuple):
    """A fenced block: its language, the 1-based line of its first line of text, and that text."""

    language: str
    line: int
    text: str


class Session(NamedTuple):
    """A command of a console block, its 1-based line, and the output that the page shows."""

    line: int
    command: str
    shown: list[str]


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


@cache
def tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text_of(page))


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks in these languages."""
    fences = (token for token in tokens(page) if token.type == "fence" and token.map is not None)
    return [
        Block(token.info.strip(), token.map[0] + 2, token.content)
        for token in fences
        if token.map is not None and token.info.strip() in languages
    ]


def sessions(page: Path) -> Iterator[list[Session]]:
    """The commands of each console block: what follows `$ ` (a line that ends in a backslash goes on), and its output.

    A line before the first command belongs to none, and is an error of the page.
    """
    for block in blocks(page, "console"):
        found: list[Session] = []
        for number, line in enumerate(block.text.splitlines(), block.line):
            if line.startswith("$ "):
                found.append(Session(number, line.removeprefix("$ "), []))
            elif not found:
                raise ValueError(f"{page}:{number}: a console block begins with a command")
            elif found[-1].command.endswith("\\") and not found[-1].shown:
                found[-1] = found[-1]._replace(command=f"{found[-1].command}\n{line}")
            else:
                found[-1].shown.append(line)
        yield found


def links(page: Path) -> Iterator[str]:
    """The targets of all links and pictures of a page."""
    for token in _flat(tokens(page)):
        for name in ("href", "src"):
            if name in token.attrs:
                yield str(token.attrs[name])
        if token.type.startswith("html"):
            yield from _HTML_LINK.findall(token.content)


def anchors(page: Path) -> set[str]:
    """What a link to the page can end in: its headings as GitHub names them, and the anchors that it sets itself."""
    found: set[str] = set()
    seen: Counter[str] = Counter()
    listed = tokens(page)
    for number, token in enumerate(listed):
        if token.type == "heading_open":
            slug = _slug(listed[number + 1])
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    html = (token.content for token in _flat(listed) if token.type.startswith("html"))
    return found | {anchor for text in html for anchor in _HTML_ANCHOR.findall(text)}


def _slug(heading: Token) -> str:
    """GitHub's: lower case, punctuation gone, spaces to hyphens."""
    text = "".join(token.content for token in heading.children or () if token.type in ("text", "code_inline"))
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def _flat(listed: list[Token]) -> Iterator[Token]:
    for token in listed:
        yield token
        yield from token.children or ()
