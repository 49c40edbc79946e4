"""The page of a story in a browser: what is shown at each step, and how one walks through them.

Needs playwright and a Chromium; without them these tests are skipped, and those of the page's text still hold.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from story_examples import STORIES, SWALLOWED, TWO_AT_ONCE, UNSETTLED, beginning_of, said_by, step, story_of

from fsm.check.html import html_of
from fsm.check.story import Story
from fsm.check.wording import groups_of

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OFFLINE = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

each_story = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
Show = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        own = Path(driver.chromium.executable_path)
        found = next(filter(None, map(shutil.which, NAMES)), str(own) if own.exists() else None)
        if found is None:
            pytest.skip("no Chromium was found on PATH")
        browser = driver.chromium.launch(executable_path=found, args=list(OFFLINE))
        yield browser
        browser.close()


class Tab:
    """A page of the browser, what went wrong in it, and what it asked for."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.page = browser.new_context(**options).new_page()
        self.problems: list[str] = []
        self.requests: set[str] = set()
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("request", lambda request: self.requests.add(request.url.split("#")[0]))


@pytest.fixture(scope="module")
def tab(browser: Any) -> Tab:
    return Tab(browser)


@pytest.fixture
def show(tab: Tab, tmp_path: Path) -> Iterator[Show]:
    """Opens the page of a story; at the end nothing may have failed in it, and nothing else have been asked for."""
    tab.requests.clear()
    opened: set[str] = set()

    def show(story: Story, hash: str = "", width: int = 1280, height: int = 800, scheme: str = "light") -> Any:  # noqa: A002
        path = tmp_path / f"{len(opened)}.html"
        path.write_text(html_of(story), encoding="utf-8")
        opened.add(path.as_uri())
        tab.page.set_viewport_size({"width": width, "height": height})
        tab.page.emulate_media(color_scheme=scheme, media="screen")
        tab.page.goto(path.as_uri() + hash)
        return tab.page

    yield show
    assert not tab.problems
    assert tab.requests == opened


def position(page: Any) -> int:
    """The chosen step; rows, address, heading and focus agree on it."""
    [chosen] = page.locator(".step[aria-current=step]").all()
    href = chosen.get_attribute("href")
    assert page.locator(".step[tabindex='0']").evaluate_all("rows => rows.map(row => row.hash)") == [href]
    at = int(href.removeprefix("#step="))
    heading = page.locator("#where").inner_text()
    assert heading == ("At the beginning" if at == 0 else f"After step {at} of {page.locator('.step').count() - 1}")
    return at


CELLS = """rows => rows.map(row => [row.dataset.part, row.dataset.fact, [...row.cells].slice(1).map(cell => ({
  value: (cell.querySelector("ins") || cell).textContent.replace("≠", ""),
  old: cell.querySelector("del") && cell.querySelector("del").textContent,
  differs: cell.classList.contains("differs") && cell.textContent.includes("≠")}))])"""


def facts_shown(page: Any, caches: dict[str, str | None]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every cell of the state by part and fact."""
    shown = {}
    for part, fact, cells in page.locator("#facts tbody tr").evaluate_all(CELLS):
        for name, cell in zip((part, caches[part]), cells, strict=caches[part] is not None):
            shown[name, fact] = cell
    return shown


@each_story
def test_at_every_step_the_whole_state_is_shown_with_what_changed_and_what_the_cache_does_not_know(
    story: Story, show: Show
) -> None:
    page = show(story)
    caches = {group.part: group.cached for group in groups_of(story)}
    untold = {
        (group.part, fact) for group in groups_of(story) for fact in {*group.facts} - {*group.compared} if group.cached
    }
    assert story is not SWALLOWED or untold == {("job", "filled by")}
    compared = {(group.part, fact): group.cached for group in groups_of(story) for fact in group.compared}
    for at, state in enumerate(story.states):
        before = story.states[max(at - 1, 0)]
        shown = facts_shown(page, caches)
        value = {key: state.get(key[0], {}).get(key[1], "–" if key in untold else "absent") for key in shown}
        old = {key: before.get(key[0], {}).get(key[1], "–" if key in untold else "absent") for key in shown}
        assert {(part, fact) for part, own in state.items() for fact in own} <= set(shown)
        assert {key: cell["value"] for key, cell in shown.items()} == value
        assert {key: cell["old"] for key, cell in shown.items() if cell["old"] is not None} == {
            key: old[key] for key in shown if old[key] != value[key]
        }
        differing = {key for key, cached in compared.items() if value[key] != value[cached, key[1]]}
        assert {key for key, cell in shown.items() if cell["differs"]} == differing | {
            (compared[key], key[1]) for key in differing
        }
        page.keyboard.press("ArrowRight")
    assert position(page) == (len(story.steps) if story is not UNSETTLED else 7)


def test_a_cache_that_tells_no_fact_of_its_part_is_not_compared(show: Show) -> None:
    start = {"backup": {"phase": "Running", "age": "1"}, "cached backup": {"copy": "up to date"}}
    lags = {"backup": {"phase": "Failed"}, "cached backup": {"copy": "lags", "phase": "Running"}}
    there = {"cached backup": {"copy": "up to date", "phase": ""}}
    about = {
        name: getattr(TWO_AT_ONCE, name) for name in ("world", "property", "sentence", "form", "budgets", "options")
    }
    story = story_of(start, [step("A", "a", "a", lags), step("B", "b", "b", there)], components=1, **about)
    page = show(story)
    for shown, differing in [
        ({"phase": ("Running", "–"), "age": ("1", "–"), "copy": ("–", "up to date")}, set()),
        ({"phase": ("Failed", "Running"), "age": ("1", "absent"), "copy": ("–", "lags")}, {"phase", "age"}),
        ({"phase": ("Failed", "–"), "age": ("1", "–"), "copy": ("–", "up to date")}, set()),
    ]:
        cells = facts_shown(page, {"backup": "cached backup"})
        both = {fact: (cells["backup", fact], cells["cached backup", fact]) for fact in shown}
        assert {fact: (live["value"], cached["value"]) for fact, (live, cached) in both.items()} == shown
        assert {fact for fact, pair in both.items() if any(cell["differs"] for cell in pair)} == differing
        page.keyboard.press("j")


def test_keys_walk_through_the_steps(show: Show) -> None:
    page = show(SWALLOWED)
    for key, at in [
        ("ArrowLeft", 0), ("ArrowRight", 1), ("ArrowDown", 2), ("j", 3), ("k", 2), ("ArrowUp", 1), ("ArrowLeft", 0),
        ("End", 21), ("j", 21), ("Home", 0), ("l", 21), ("Control+k", 21), ("x", 21),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert (key, position(page)) == (key, at)
        assert page.evaluate("location.hash") == f"#step={at}" or at == 0
        assert page.evaluate("document.activeElement.hash") == f"#step={at}" or key == "ArrowLeft"


def test_after_the_last_step_of_a_loop_its_first_comes_again(show: Show) -> None:
    page = show(UNSETTLED)
    for key, at in [("l", 7), ("End", 12), ("ArrowRight", 7), ("ArrowLeft", 6)]:
        page.keyboard.press(key)
        assert position(page) == at
    page.locator(".outcome a").click()
    assert position(page) == 7


def test_without_a_loop_its_key_does_nothing(show: Show) -> None:
    page = show(TWO_AT_ONCE, "#step=4")
    page.keyboard.press("l")
    assert position(page) == 4


@pytest.mark.parametrize(("hash_", "at"), [("", 0), ("#step=7", 7), ("#step=99", 10), ("#step=x", 0), ("#other", 0)])
def test_a_link_opens_its_step(show: Show, hash_: str, at: int) -> None:
    page = show(TWO_AT_ONCE, hash_)
    assert position(page) == at
    page.evaluate("location.hash = '#step=3'")
    page.wait_for_function("document.querySelector('.step[aria-current]').hash === '#step=3'")
    assert position(page) == 3


def test_a_click_or_a_button_chooses_a_step(show: Show) -> None:
    page = show(TWO_AT_ONCE)
    page.locator(".step").nth(4).click()
    assert position(page) == 4
    for name, at in [("next", 5), ("back", 4), ("last", 10), ("first", 0)]:
        page.locator(f"#{name}").click()
        assert position(page) == at
    assert page.locator("#back").is_disabled()
    assert page.locator("#next").is_enabled()


def test_the_lane_of_the_chosen_step_stands_out(show: Show) -> None:
    page = show(SWALLOWED, "#step=18")
    assert page.locator(".names li.on").all_inner_texts() == ["API server"]
    rows, heads = (page.locator(place).bounding_box() for place in (".step[aria-current] .dot", ".names li.on"))
    assert abs(rows["x"] + rows["width"] / 2 - heads["x"]) < 20


def test_help_opens_and_closes_and_keeps_the_keys_to_itself(show: Show) -> None:
    page = show(SWALLOWED)
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    assert position(page) == 0
    page.locator("#ask").click()
    page.get_by_role("button", name="Close").click()
    assert not page.locator("dialog").is_visible()


WALK = """() => {
  const box = place => document.querySelector(place).getBoundingClientRect();
  return [...document.querySelectorAll(".step")].slice(1).map(() => {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
    const row = box(".step[aria-current]"), heads = box("#heads"), panel = box("#panel");
    return { top: row.top - heads.bottom, bottom: (panel.left > 0 ? innerHeight : panel.top) - row.top - 20,
      wide: document.documentElement.scrollWidth - innerWidth };
  });
}"""


@pytest.mark.parametrize("width", [360, 768, 1024, 1440])
def test_nothing_is_wider_than_the_screen_and_the_chosen_step_is_in_sight(show: Show, width: int) -> None:
    for story in STORIES.values():
        seen = show(story, width=width, height=740).evaluate(WALK)
        assert len(seen) == len(story.steps)
        assert all(each["top"] >= -1 and each["bottom"] >= 0 and each["wide"] <= 0 for each in seen)


@pytest.mark.parametrize("width", [360, 1280])
def test_a_text_without_spaces_is_not_wider_than_the_screen_either(show: Show, width: int) -> None:
    page = show(said_by("x" * 400), "#step=1", width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#heads").bounding_box()["height"] < 200
    assert page.locator(".part").first.bounding_box()["width"] < width


def test_on_a_small_screen_the_state_can_be_folded_away(show: Show) -> None:
    page = show(SWALLOWED, width=390, height=800)
    assert page.locator("#facts").is_visible()
    page.locator("#fold").click()
    assert not page.locator("#facts").is_visible()
    assert page.locator("#fold").get_attribute("aria-expanded") == "false"


def test_a_dark_screen_gets_a_dark_page(show: Show) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    assert show(SWALLOWED, scheme="light").evaluate(ground) == "rgb(255, 255, 255)"
    assert show(SWALLOWED, scheme="dark").evaluate(ground) == "rgb(13, 17, 23)"


def test_on_paper_all_steps_and_the_whole_state_are_there(show: Show) -> None:
    page = show(SWALLOWED, "#step=18", width=794)
    page.emulate_media(media="print")
    assert page.locator("#panel").evaluate("panel => getComputedStyle(panel).position") == "static"
    assert page.locator("#facts").evaluate("facts => facts.scrollHeight <= facts.clientHeight + 1")
    assert not any(button.is_visible() for button in page.locator("button").all())


def test_without_a_script_the_steps_can_be_read(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "story.html"
    path.write_text(html_of(SWALLOWED), encoding="utf-8")
    page = Tab(browser, java_script_enabled=False).page
    page.goto(path.as_uri())
    assert page.get_by_text("refuses to delete the Job (500 InternalError)").is_visible()
    assert page.get_by_text("The state at each step is shown by a script").is_visible()


@pytest.mark.parametrize(
    "text",
    [
        "</script><script>document.title = 'taken'</script>",
        "<img src=x onerror=\"document.title = 'taken'\">",
        "__proto__",
    ],
)
def test_no_text_of_a_story_is_run(show: Show, text: str) -> None:
    page = show(said_by(text), "#step=1")
    assert page.title() == f"Violated: {text}"
    assert page.locator("#where").inner_text() == "After step 1 of 2"
    assert page.locator("#facts ins").first.inner_text() == text + text


def test_a_story_without_steps_shows_its_only_state(show: Show) -> None:
    story = beginning_of(UNSETTLED)
    page = show(story)
    page.keyboard.press("j")
    assert position(page) == 0
    caches = {group.part: group.cached for group in groups_of(story)}
    assert facts_shown(page, caches)["queue", "waiting"]["value"] == "nobody"
