"""A page in a browser: sizes of screens, drawing of all charts, and what an accessibility checker finds."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

SIZES = {"phone": (360, 740), "desktop": (1280, 900)}


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
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    return {
        each["id"]: [node["html"] for node in each["nodes"][:3]]
        for each in found
        if each["impact"] in ("serious", "critical") or each["id"] == "landmark-unique"
    }
