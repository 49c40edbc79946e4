"""Every link of README and docs leads somewhere."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from doc_reading import IDS, PAGES, ROOT, anchors, links, text_of

ELSEWHERE = ("https://", "http://", "mailto:")


def dead(page: Path, target: str) -> str | None:
    """What is wrong with a link, None where nothing is."""
    if target.startswith(ELSEWHERE):
        return None
    name, _, anchor = unquote(target).partition("#")
    path = (page.parent / name).resolve() if name else page
    if not path.is_relative_to(ROOT):
        return f"{target} leads out of the repository"
    if not path.exists():
        return f"{target} does not exist"
    if anchor and (path.suffix != ".md" or anchor not in anchors(path)):
        return f"{target}: there is no such anchor"
    return None


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_of_a_page_leads_to_a_file_and_an_anchor_that_exist(page: Path) -> None:
    assert [fault for target in links(page) if (fault := dead(page, target))] == []


@pytest.mark.parametrize("page", PAGES[1:], ids=IDS[1:])
def test_every_page_is_reached_from_the_map(page: Path) -> None:
    """From `docs/index.md`, in one step or over the page of a machine."""
    index = ROOT / "docs" / "index.md"
    reached = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}
    assert page == index or page in reached, "add it to docs/index.md"


def test_no_page_names_a_place_on_somebodys_machine() -> None:
    places = ("/home/", "/work/", "/tmp/", "/Users/")
    assert [(page.name, place) for page in PAGES for place in places if place in text_of(page)] == []


def test_links_lead_to_files_that_are_in_the_repository() -> None:
    """What git ignores is there today and gone on a fresh clone."""
    targets = {
        str((page.parent / target.partition("#")[0]).resolve().relative_to(ROOT))
        for page in PAGES
        for target in links(page)
        if not target.startswith((*ELSEWHERE, "#")) and dead(page, target) is None
    }
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    ignored = subprocess.run(
        ["git", "check-ignore", "--", *sorted(targets)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ignored.stdout.splitlines() == []


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("index.md#no-such-heading", "no such anchor"),
        ("no-such-page.md", "does not exist"),
        ("../../elsewhere.md", "out of the repository"),
        ("machines/job.md#state-created", None),
        ("https://example.org", None),
    ],
)
def test_a_dead_link_is_noticed(target: str, fault: str | None) -> None:
    found = dead(ROOT / "docs" / "index.md", target)
    assert (found is None) if fault is None else (found is not None and fault in found)
