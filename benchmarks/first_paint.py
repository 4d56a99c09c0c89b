"""Time from opening a page of a file to its first paint, in headless Chromium without a network."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
LOADS = 5  # of each page, in contexts of their own; the first one also fills the caches of the browser
PAINTED = """() => new Promise(done => {
    const look = () => {
        const [entry] = performance.getEntriesByName('first-contentful-paint');
        entry ? done(entry.startTime) : requestAnimationFrame(look);
    };
    look();
})"""


def first_paints(pages: list[Path], loads: int = LOADS) -> dict[str, float] | None:
    """Return the median seconds to the first contentful paint of each page, by name; None without a browser.

    It needs the extra `browser` and Chromium or Chrome on the PATH.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return None
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=browser, args=list(FLAGS))
        try:
            return {path.name: statistics.median(_paint(opened, path) for _ in range(loads)) for path in pages}
        finally:
            opened.close()


def _paint(browser, path: Path) -> float:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    try:
        page = context.new_page()
        page.goto(path.resolve().as_uri())
        return page.evaluate(PAINTED) / 1000
    finally:
        context.close()
