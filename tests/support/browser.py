"""A page in a browser: sizes of screens, drawing of all charts, and what an accessibility checker finds."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

SIZES = {"phone": (360, 740), "desktop": (1280, 900)}


PATIENCE = 300_000  # milliseconds, on a busy machine


def wait_until(page: Any, holds: Callable[[], object]) -> None:
    """Wait until a condition holds: the browser draws a moment after a key. Raises `AssertionError` after minutes."""
    for _ in range(PATIENCE // 100):
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError("the page does not come to this")


def draw_all(page: Any) -> None:
    """Open what is folded around charts, scroll to each chart, and wait until all are drawn."""
    page.evaluate("document.querySelectorAll('details:has(.plot)').forEach(each => { each.open = true; })")
    for plot in page.query_selector_all(".plot"):
        plot.scroll_into_view_if_needed()
        page.wait_for_function("plot => plot.querySelector('svg') !== null", arg=plot)


def fits(page: Any) -> bool:
    """Return whether the page is not wider than the screen."""
    width, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return width <= shown


def broken_pictures(page: Any) -> int:
    """Return the number of pictures that the browser cannot show."""
    return page.evaluate("[...document.images].filter(each => !each.complete || each.naturalWidth === 0).length")


def serious_violations(page: Any) -> dict[str, list[str]]:
    """Return the serious violations of accessibility, with all details open, by rule: the elements.

    Landmarks of equal names, which are a moderate one, are among them: a screen reader lists them.
    """
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    page.add_style_tag(content=".wide { background: none !important }")  # axe judges no contrast over a gradient
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    return {
        each["id"]: [node["html"] for node in each["nodes"][:3]]
        for each in found
        if each["impact"] in ("serious", "critical") or each["id"] == "landmark-unique"
    }


def kinds_of_frames(page: Any) -> set[str]:
    """Return the kind of element of the frames of a page that scroll, which Tab reaches; empty if none does."""
    scrolls = "[...document.querySelectorAll('.wide')].some(each => each.scrollWidth > each.clientWidth + 1)"
    return {"div"} if page.evaluate(scrolls) else set()


def unreached_by_tab(page: Any) -> list[str]:
    """Return the HTML of what a page offers to the keyboard and Tab does not reach, from its top to its end.

    Enter opens each folded part on the way. What a reader can press, move, open or scroll must be reached if it is
    visible and not switched off. `window.reached` of the page is the set of what was.
    """
    page.evaluate("""() => {
        const offered = "a[href], button, input, select, textarea, summary, audio, video, iframe, [tabindex]";
        const scrolls = (each) => ["auto", "scroll"].includes(getComputedStyle(each).overflowX)
            && each.scrollWidth > each.clientWidth + 1;
        const usable = (each) => (each.getAttribute("tabindex") !== "-1" || scrolls(each)) && !each.disabled
            && each.checkVisibility({visibilityProperty: true});
        window.unreached = () => [...document.querySelectorAll("body *")]
            .filter((each) => (each.matches(offered) || scrolls(each)) && usable(each) && !reached.has(each))
            .map((each) => each.outerHTML.slice(0, 200));
        window.reached = new Set();
        document.activeElement.blur();
        scrollTo(0, 0);
    }""")
    for _ in range(5000):
        page.keyboard.press("Tab")
        here, folded = page.evaluate("""() => {
            const here = document.activeElement, first = !reached.has(here) && here !== document.body;
            reached.add(here);
            return [first, here.matches("details:not([open]) > summary")];
        }""")
        if not here:
            return page.evaluate("unreached()")
        if folded:
            page.keyboard.press("Enter")
    raise AssertionError("Tab does not come to an end")
