"""The page of a run with the keyboard alone."""

import math

import pytest
from support.browser import SIZES, draw_all, kinds_of_frames, unreached_by_tab, wait_until

from genkit.pages.chart import value_text
from genkit.runs.on_disk.run_folder import RunFolder

pytestmark = pytest.mark.trains


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["images", "points", "empty"])
def test_tab_reaches_everything(pages, view, name, size):
    page = view(pages[name], size)
    draw_all(page)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = false; })")
    assert unreached_by_tab(page) == []
    kinds = page.evaluate("[...new Set([...reached].map(each => each.localName))]")
    expected = {"a", "button", "input", "summary", "pre"} if name != "empty" else {"a", "button"}
    assert expected | kinds_of_frames(page) <= set(kinds) and page.locator("details:not([open])").count() == 0


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
    assert page.locator(".slider").first.locator("label").inner_text().split() == ["Step", "0"], "said once"

    page.locator(".axis input").first.focus()
    axis = page.locator(".time-axis .plot svg")

    def drawn():
        return [axis.nth(number).inner_html() for number in range(axis.count())]

    def labels():
        return [sorted(axis.nth(number).locator("text").all_text_contents()) for number in range(axis.count())]

    whole, labels_of_whole = drawn(), labels()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    assert len(whole) > 3
    wait_until(page, lambda: all(a != b for a, b in zip(whole, drawn())))
    page.get_by_role("button", name="Whole run").press("Enter")
    wait_until(page, lambda: labels() == labels_of_whole)
    assert page.locator(".axis output").first.inner_text() == "1"


def test_what_is_copied_is_announced(pages, view):
    page = view(pages["images"])
    copyable = page.locator(".copyable").first
    status, button = copyable.get_by_role("status"), copyable.get_by_role("button")
    assert status.count() == 1 and status.inner_text() == ""
    button.press("Enter")
    page.wait_for_function("status => status.textContent !== ''", arg=status.element_handle())
    assert status.text_content() == button.text_content() != "Copy"
    assert all(axis.get_attribute("aria-valuetext").startswith("step ") for axis in page.locator(".axis input").all())


def _column(page) -> dict[str, str]:
    """Return the values at the chosen step, of the curves in numbers, by the name of the row."""
    rows = page.locator("#numbers tbody tr").all()
    return {row.locator("th").inner_text(): row.locator(".number").first.inner_text() for row in rows}


@pytest.mark.parametrize("size", SIZES)
def test_the_keyboard_reads_the_values_at_each_step(pages, view, size):
    page = view(pages["images"], size)
    draw_all(page)
    page.locator("#numbers summary").press("Enter")
    slider = page.get_by_label("Values at step")
    slider.focus()
    page.keyboard.press("Home")
    lines = RunFolder(pages["images"].parent).lines()
    assert len(lines) > 4
    for line in lines:
        assert page.locator("#numbers thead .number").first.inner_text() == f"at step {line['step']}"
        assert slider.get_attribute("aria-valuetext") == f"step {line['step']}"
        shown = {key: value_text(value) for key, value in line.items() if "/" in key}
        assert _column(page) == shown and len(shown) > 4
        assert page.locator("#curves figcaption", has_text="total").locator(".at").inner_text() == shown["vae/total"]
        page.keyboard.press("ArrowRight")


def test_a_curve_without_a_value_at_the_step_names_the_next_step_with_one_or_has_not_begun(pages, view):
    page = view(pages["late"])
    draw_all(page)
    page.locator("#numbers summary").press("Enter")
    slider = page.get_by_label("Values at step")
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(11):  # to step 12
        page.keyboard.press("ArrowRight")
    (metric,) = (name for name in _column(page) if "/" not in name)
    assert _column(page) == {
        **{metric: "3 (step 10)", "early/total": value_text(1 / 12)},
        **dict.fromkeys(["late/total", "later/total"], "–"),  # which begin at steps 21 and 23
    }
    rule = page.locator(".time-axis .plot svg .mark-rule line[stroke='var(--link)']")
    assert rule.count() == page.locator(".time-axis .plot").count()
    assert {rule.nth(number).get_attribute("opacity") for number in range(rule.count())} == {"1"}


def test_a_value_that_is_not_finite_is_named_and_no_number(pages, view):
    page = view(pages["hostile"])
    page.locator("#numbers summary").press("Enter")
    assert _column(page)["b/gone"] == "not finite"


def test_a_click_into_a_chart_chooses_the_step_and_a_drag_does_not(pages, view):
    page = view(pages["late"])
    draw_all(page)
    output = page.locator(".axis label", has_text="Values at").locator("output")
    plot = page.locator(".time-axis .plot").first
    plot.scroll_into_view_if_needed()
    box, place = plot.bounding_box(), 0.5
    assert output.inner_text() == "40"
    page.mouse.click(box["x"] + box["width"] * place, box["y"] + 90)
    chosen = int(output.inner_text())
    assert 10 < chosen < 30
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 90)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 90, steps=5)
    page.mouse.up()
    assert int(output.inner_text()) == chosen and float(page.locator(".axis output").first.inner_text()) > 1


def test_numbers_of_the_script_are_those_of_the_page(pages, view):
    page = view(pages["points"])
    values = [
        sign * digits * 10.0**power for sign in (1, -1) for digits in (1, 1.23456789, 9.9996) for power in range(-9, 12)
    ]
    values += [0.0, 100.0, 12340.0, 99999.6, math.pi]
    assert page.evaluate("all => all.map(numberText)", values) == [value_text(value) for value in values]
