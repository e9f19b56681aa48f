"""The page in a real browser: what it loads, what the keyboard reaches, what a screen reader is told, how it looks where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support import chromium
from tests.unit.report.cells import golden_report, many
from tests.unit.report.test_report_html import report as hostile_report

from profile_smoke.report import html

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser

_ATTACK = "<img src=x onerror=alert(1)></script><script>alert(2)</script>" + "w" * 300
_TAB, _ENTER = 9, 13
_OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
_VISIBLE_FOCUSABLE = """
[...document.querySelectorAll('a[href], button, input, summary, [tabindex="0"]')]
  .filter((each) => each.checkVisibility({ visibilityProperty: true })).length"""
_COLOURS = """
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const both = [luminance(rgba(one)), luminance(rgba(other))].sort((a, b) => a - b);
    return (both[1] + 0.05) / (both[0] + 0.05);
  };"""
_NAMES_ON_BARS = f"""
(() => {{{_COLOURS}
  return [...document.querySelectorAll('text.phase')].map((text) => [
    text.textContent,
    contrast(
      getComputedStyle(text).fill,
      getComputedStyle(text.closest('.bar').querySelector('rect.' + text.textContent)).fill,
    ),
  ]);
}})()"""
_POOR = f"""
(() => {{{_COLOURS}
  const behind = (element) => {{
    for (let each = element; each; each = each.parentElement) {{
      const colour = getComputedStyle(each).backgroundColor;
      if (rgba(colour)[3] === 255) return colour;
    }}
    return 'white';
  }};
  const poor = {{}};
  let looked = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {{
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest('svg, script, .hidden') || !element.checkVisibility()) continue;
    looked += 1;
    const ratio = contrast(getComputedStyle(element).color, behind(element));
    if (ratio < 4.5) poor[`${{element.tagName}}.${{element.className}}`] = ratio;
  }}
  return {{ looked, poor }};
}})()"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    reports = {"real": golden_report(), "hostile": hostile_report(_ATTACK), "many": many(golden_report())}
    for name, each in reports.items():
        (folder / f"{name}.html").write_text(html.render(each), "utf-8")
    return {name: folder / f"{name}.html" for name in reports}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    with chromium.browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture
def browser(started: chromium.Browser) -> chromium.Browser:
    """A desktop's browser in the light scheme, whatever the test before has made of it."""
    started.scripts(run=True)
    started.look(width=1100)
    return started


def named(browser: chromium.Browser, role: str) -> list[str]:
    return [node["name"] for node in browser.accessible() if node["role"] == role]


def focused(browser: chromium.Browser) -> Any:
    return browser.evaluate(
        "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
    )


@pytest.mark.parametrize("name", ["real", "hostile", "many"])
def test_nothing_is_loaded_and_nothing_goes_wrong(
    browser: chromium.Browser, pages: dict[str, Path], name: str
) -> None:
    """One request, for the page itself; no script fails, no policy is violated, and no attack is carried out."""
    browser.open(pages[name], "#cell-1")
    browser.evaluate(_OPEN_ALL)
    browser.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")
    wrong = ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")
    requests = [
        event["params"]["request"]["url"].split("#")[0]
        for event in browser.events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert requests == [pages[name].as_uri()]
    assert [event["params"] for event in browser.events if event["method"] in wrong] == []
    assert browser.evaluate("document.querySelectorAll('img, iframe, script[src]').length") == 0


def test_what_got_in_all_the_same_would_run_nothing(
    browser: chromium.Browser, pages: dict[str, Path]
) -> None:
    """The policy takes no markup and no handler that did not pass the page's own gate, and the browser says so."""
    browser.open(pages["real"])
    for attempt in (
        "document.body.innerHTML += '<b>x</b>'",
        "document.body.setAttribute('onclick', 'ran = 1')",
    ):
        refused = f"(() => {{ try {{ {attempt}; return ''; }} catch (error) {{ return error.name; }} }})()"
        assert browser.evaluate(refused) == "TypeError"
    assert any(event["method"] == "Log.entryAdded" for event in browser.events)


def test_everything_that_can_be_used_has_a_name(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    """Links, buttons, fields, folds and pictures; the matrix has heads for its rows and columns."""
    browser.open(pages["real"])
    browser.evaluate(_OPEN_ALL)
    nodes = browser.accessible()
    roles = {"link", "button", "searchbox", "DisclosureTriangle", "image", "region", "table"}
    found = [node for node in nodes if node["role"] in roles]
    assert {node["role"] for node in found} == roles
    assert [node for node in found if not node["name"]] == []
    result = golden_report()
    assert {cell.scenario for cell in result.cells} <= set(named(browser, "columnheader"))
    assert {cell.profile.name for cell in result.cells} <= set(named(browser, "rowheader"))
    assert named(browser, "main") != []


def test_a_screen_reader_hears_the_verdicts(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    """A mark's name is its cell and what became of it; a fold's has the verdict, too."""
    browser.open(pages["real"])
    links, folds = named(browser, "link"), named(browser, "DisclosureTriangle")
    for cell in golden_report().cells:
        assert any(name.startswith(f"{cell.id}: {cell.verdict}") for name in links)
        assert any(cell.id in name and cell.verdict in name for name in folds)


def test_the_keyboard_reaches_everything(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    """Tab by tab, as many stops as there are things to use; each shows that it has the focus."""
    browser.open(pages["real"])
    stops = browser.evaluate(_VISIBLE_FOCUSABLE)
    assert stops > 10
    seen: list[str] = []
    for _ in range(stops):
        browser.press("Tab", _TAB)
        seen.append(focused(browser))
        assert browser.evaluate("document.activeElement.matches(':focus-visible')")
        assert browser.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2
    assert seen[0] == "Skip to the cells"
    browser.press("Tab", _TAB)
    assert browser.evaluate(
        "document.activeElement === document.body || document.activeElement.className === 'skip'"
    )


def test_a_mark_leads_into_its_cell(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    """Enter on it opens the cell and moves the focus there, so that reading goes on in it."""
    browser.open(pages["real"])
    last = len(golden_report().cells)
    for _ in range(2):
        browser.evaluate(f"document.querySelector('a[href=\"#cell-{last}\"]').focus()")
        browser.press("Enter", _ENTER)
        browser.evaluate("new Promise((done) => setTimeout(done, 0))")
        assert browser.evaluate(f"document.getElementById('cell-{last}').closest('details').open")
        assert browser.evaluate("document.activeElement.id") == f"cell-{last}"
        browser.evaluate(f"document.getElementById('cell-{last}').closest('details').open = false")


@pytest.mark.parametrize("width", [320, 390, 1100])
@pytest.mark.parametrize("name", ["real", "hostile"])
def test_no_page_is_wider_than_its_window(
    browser: chromium.Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    """What is wide scrolls within itself, however long a word is; what is tapped is large enough (WCAG 2.5.8)."""
    browser.look(width=width)
    browser.open(pages[name])
    browser.evaluate(_OPEN_ALL)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    small = """[...document.querySelectorAll('a.tile, button, input, summary')].filter((each) => {
        const box = each.getBoundingClientRect();
        return each.checkVisibility() && (box.width < 24 || box.height < 24);
    }).length"""
    assert browser.evaluate(small) == 0


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1100])
def test_every_text_is_legible(
    browser: chromium.Browser, pages: dict[str, Path], *, dark: bool, width: int
) -> None:
    """As it is computed, element by element, in both schemes: at least 4.5 to 1 (WCAG AA)."""
    browser.look(width=width, dark=dark)
    browser.open(pages["real"])
    browser.evaluate(_OPEN_ALL)
    found = browser.evaluate(_POOR)
    assert found["looked"] > 100
    assert found["poor"] == {}


@pytest.mark.parametrize("dark", [False, True])
def test_bars_say_which_phase_it_is(browser: chromium.Browser, pages: dict[str, Path], *, dark: bool) -> None:
    """In the bar itself, in a colour that stands out from it."""
    browser.look(width=1100, dark=dark)
    browser.open(pages["real"])
    names = browser.evaluate(_NAMES_ON_BARS)
    assert {"create", "start", "probes", "stop"} <= {name for name, _ in names}
    assert min(ratio for _, ratio in names) >= 4.5


def test_the_scheme_and_the_wish_for_stillness_are_followed(
    browser: chromium.Browser, pages: dict[str, Path]
) -> None:
    """Both are the user's, told by the system."""
    found = []
    for dark in (False, True):
        browser.look(width=1100, dark=dark, still=dark)
        browser.open(pages["real"])
        found.append(
            (
                browser.evaluate("getComputedStyle(document.body).backgroundColor"),
                browser.evaluate("getComputedStyle(document.documentElement).scrollBehavior"),
            )
        )
    (light, smooth), (night, still) = found
    assert light != night
    assert (smooth, still) == ("smooth", "auto")


@pytest.mark.parametrize("name", ["real", "many"])
def test_without_scripts_everything_is_there(
    browser: chromium.Browser, pages: dict[str, Path], name: str
) -> None:
    """Also where there are hundreds of cells; the browser itself opens the cell that is led to."""
    browser.scripts(run=False)
    browser.open(pages[name], "#cell-2")
    assert browser.evaluate("document.getElementById('cell-2').closest('details').open")
    texts = browser.evaluate(
        "[...document.querySelectorAll('.body')].map((each) => each.querySelector('.lead')?.textContent || '')"
    )
    assert len(texts) == browser.evaluate("document.querySelectorAll('.cell').length")
    assert all(texts)
    assert not browser.evaluate("document.getElementById('tools').checkVisibility()")


def test_of_hundreds_of_cells_those_are_made_that_are_looked_at(
    browser: chromium.Browser, pages: dict[str, Path]
) -> None:
    """By a link to one, by opening one; with all that it has."""
    browser.open(pages["many"], "#cell-345")
    assert browser.evaluate("document.querySelectorAll('*').length") < 15_000
    made = "document.querySelectorAll('.body > .lead').length"
    assert browser.evaluate(made) == 1
    assert browser.evaluate("document.activeElement.id") == "cell-345"
    browser.evaluate("document.getElementById('cell-7').closest('details').querySelector('summary').click()")
    browser.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")
    assert browser.evaluate(made) == 2
    assert browser.evaluate(
        "document.querySelector('#cell-7 .command .copy') !== null || !navigator.clipboard"
    )


def test_the_filter_leaves_what_is_asked_for(browser: chromium.Browser, pages: dict[str, Path]) -> None:
    """By words and by verdicts; how many are left is told, also to a screen reader."""
    browser.open(pages["many"])
    shown = "document.querySelectorAll('.cell:not([hidden])').length"
    browser.evaluate("document.querySelector('#tools input').focus()")
    browser.call("Input.insertText", text="p3/ t1")
    words = browser.evaluate(shown)
    assert 0 < words < 600
    assert browser.evaluate("document.querySelector('[role=status]').textContent") == f"{words} of 600 cells"
    browser.evaluate("document.querySelector('#tools button').click()")
    assert 0 < browser.evaluate(shown) < words
    assert browser.evaluate("document.querySelector('#tools button').getAttribute('aria-pressed')") == "true"
    hidden = "[...document.querySelectorAll('.group[hidden]')].every((each) => !each.querySelector('.cell:not([hidden])'))"
    assert browser.evaluate(hidden)
