"""The page of a run with the keyboard alone."""

import pytest
from support.browser import SIZES, draw_all, unreached_by_tab

pytestmark = pytest.mark.trains


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["images", "points", "empty"])
def test_tab_reaches_everything(pages, view, name, size):
    page = view(pages[name], size)
    draw_all(page)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = false; })")
    assert unreached_by_tab(page) == []
    kinds = page.evaluate("[...new Set([...reached].map(each => each.localName))]")
    expected = {"a", "button", "input", "summary", "pre", "div"} if name != "empty" else {"a", "button"}
    assert expected <= set(kinds) and page.locator("details:not([open])").count() == 0


def test_what_tab_does_not_reach_is_found(pages, view):
    page = view(pages["empty"])
    page.evaluate("document.querySelector('nav').inert = true")
    unreached = unreached_by_tab(page)
    assert unreached and all(each.startswith("<a href") for each in unreached)


def test_the_keyboard_alone_moves_everything(pages, view):
    page = view(pages["images"])
    draw_all(page)
    slider = page.locator(".slider input").first
    before = page.locator(".slider").first.locator(".picture:visible img").get_attribute("src")
    slider.focus()
    page.keyboard.press("Home")
    pictures = page.locator(".slider").first.locator(".picture:visible img")
    assert pictures.count() == 1 and pictures.get_attribute("src") != before
    assert slider.get_attribute("aria-valuetext") == "step 0"

    page.locator(".axis input").first.focus()
    axis = page.locator(".time-axis .plot svg")
    whole = [axis.nth(number).inner_html() for number in range(axis.count())]
    labels = [sorted(axis.nth(number).locator("text").all_text_contents()) for number in range(axis.count())]
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    zoomed = [axis.nth(number).inner_html() for number in range(axis.count())]
    assert len(whole) > 3 and all(a != b for a, b in zip(whole, zoomed))
    page.get_by_role("button", name="Whole run").press("Enter")
    page.wait_for_timeout(300)
    shown = [sorted(axis.nth(number).locator("text").all_text_contents()) for number in range(axis.count())]
    assert shown == labels
    assert page.locator(".axis output").first.inner_text() == "1"
