"""The pages of comparisons and of tables in a real browser: screens, themes, the keyboard, and hostile texts."""

from pathlib import Path

import pytest
from support.browser import (
    SIZES,
    broken_pictures,
    draw_all,
    fits,
    kinds_of_frames,
    serious_violations,
    unreached_by_tab,
)
from support.compared_pages import HOSTILE, write_compared_pages

from genkit.pages.chart import value_text
from genkit.runs.on_disk.run_folder import RunFolder

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """Return pages of comparisons and of tables, by name."""
    return write_compared_pages(tmp_path_factory.mktemp("compared"), tmp_path_factory.getbasetemp() / "cache")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["ten", "hostile", "table", "wide-table"])
def test_a_page_fits_the_screen_and_shows_all_charts_and_pictures(pages, view, name, size):
    page = view(pages[name], size)
    draw_all(page)
    assert fits(page) and broken_pictures(page) == 0
    assert page.locator(".plot svg").count() == page.locator(".plot").count()
    assert (page.locator("img").count() > 80) == (name == "ten")
    if name == "table":
        assert page.title() == HOSTILE


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["ten", "apart", "hostile", "table", "wide-table"])
def test_a_page_passes_the_accessibility_checker(pages, view, name, theme):
    page = view(pages[name], "desktop", theme)
    draw_all(page)
    assert serious_violations(page) == {}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["ten", "table", "wide-table"])
def test_tab_reaches_everything(pages, view, name, size):
    page = view(pages[name], size)
    assert page.locator("details").count() > 0 == page.locator("details[open]").count()
    assert unreached_by_tab(page) == []
    kinds = page.evaluate("[...new Set([...reached].map(each => each.localName))]")
    assert {"a", "button", "summary"} | kinds_of_frames(page) | ({"input"} if name == "ten" else set()) <= set(kinds)
    assert page.locator("details:not([open])").count() == 0


@pytest.mark.parametrize("name", ["table", "wide-table"])
@pytest.mark.parametrize("pixels", [60, 150, 9999])
def test_no_part_of_a_number_hides_below_the_names_on_a_phone(pages, view, pixels, name):
    page = view(pages[name], "phone")
    moved = page.evaluate(
        """async (pixels) => {
        const frame = document.querySelector(".wide"), most = frame.scrollWidth - frame.clientWidth;
        frame.scrollBy(pixels, 0);
        await new Promise((done) => setTimeout(done, 800));
        const end = frame.querySelector("tbody th:not([colspan])").getBoundingClientRect().right;
        const boxes = [...frame.querySelectorAll("tbody td")].map((each) => each.getBoundingClientRect());
        const cut = boxes.filter((box) => box.left < end - 1 && box.right > end + 1).length;
        return {most, at: frame.scrollLeft, cut};
    }""",
        pixels,
    )
    at_the_end = moved["at"] > moved["most"] - 2
    assert moved["cut"] == 0 or at_the_end  # the last columns stop at the end of the table
    assert at_the_end or pixels < moved["most"]


def test_charts_of_one_run_are_drawn_when_they_are_opened(pages, view):
    page = view(pages["ten"])
    folded = page.locator("#curves .time-axis details").filter(has_text="0001-tiny-s0")
    assert folded.count() == 1 and folded.get_attribute("open") is None
    assert folded.locator(".plot svg").count() == 0 < folded.locator(".plot").count()
    folded.locator("summary").press("Enter")
    page.wait_for_function(
        "[...document.querySelectorAll('#curves details[open] .plot')].every(each => each.clientWidth > 200)"
    )
    draw_all(page)
    assert folded.locator(".plot svg .mark-line path").count() == folded.locator(".plot").count()


def test_charts_of_runs_without_anything_in_common_are_open(pages, view):
    page = view(pages["apart"])
    folds = page.locator("#curves .time-axis details")
    assert [each.get_attribute("open") is not None for each in folds.all()] == [True, True, False]
    assert folds.last.locator("summary").inner_text().startswith("Schedules")
    draw_all(page)
    for plot in page.locator("#curves .plot").all():
        assert plot.locator("svg .mark-line path").count() > 0


@pytest.mark.parametrize("name", ["pair", "ten", "apart"])
def test_every_curve_in_numbers_has_a_chart(pages, view, name):
    page = view(pages[name])
    page.locator("#numbers summary").press("Enter")
    rows = page.locator("#numbers tbody tr")
    cells = page.locator("#numbers tbody tr td.number:nth-of-type(2)").all_inner_texts()
    assert len(cells) == rows.count() > 0 and "no chart" not in cells


@pytest.mark.parametrize("name", ["pair", "ten"])
def test_the_keyboard_reads_the_values_of_each_run_at_a_step(pages, view, name):
    page, root = view(pages[name]), pages[name].parent
    page.locator("#numbers summary").press("Enter")
    page.get_by_label("Values at step").press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator("#numbers thead .number").first.inner_text() == "at step 2"
    compared = 0
    for row in page.locator("#numbers tbody tr[data-curve*=':']").all():
        key, (run, at, *_) = row.locator("th").inner_text().partition(":")[0], row.locator("td").all_inner_texts()
        named = "0001-tiny-s0" if name == "pair" else "run-with-a-long-name-1"
        run = named if run == "all runs" else run
        folder = root / "ten" / run if name == "ten" and run != "0001-tiny-s0" else root / "points" / run
        compared += 1
        assert at == value_text(RunFolder(folder).lines()[1][key.partition(", ")[0]])
    assert compared >= 6
    charts = page.locator("#curves figure").all()
    shown = [len(list(filter(None, each.locator(".at").all_text_contents()))) for each in charts]
    alone = [each.locator("xpath=ancestor::details").count() for each in charts]
    curves = [each.locator(".legend li").count() or 1 for each in charts]
    wanted = [number if one or name == "pair" else 0 for one, number in zip(alone, curves, strict=True)]
    assert shown == wanted, "of ten runs, none is named"


def test_the_link_to_the_other_keys_opens_them(pages, view):
    page = view(pages["apart"])
    folded = page.locator("#keys details")
    assert folded.count() > 0 == page.locator("#keys details[open]").count()
    page.locator("a[href='#keys']", has_text="other keys").press("Enter")
    assert page.locator("#keys details[open]").count() == folded.count()


def test_after_the_end_of_a_shorter_run_its_last_value_is_shown_with_its_step(pages, view):
    page = view(pages["lengths"])
    draw_all(page)
    page.locator("#numbers summary").press("Enter")
    lines = {name: RunFolder(pages["lengths"].parent / "lengths" / name).lines() for name in ("of-3", "of-6")}
    rows = page.locator("#numbers tbody tr[data-curve*=':']").all()
    shown = {tuple(row.locator("th, td").all_inner_texts()[:3]) for row in rows}  # at the last step of all
    last = {name: (line[-1], "" if name == "of-6" else " (step 3)") for name, line in lines.items()}
    assert shown == {
        (key, name, value_text(value) + step)
        for name, (line, step) in last.items()
        for key, value in line.items()
        if "/" in key
    }
    assert any(" (step 3)" in text for text in page.locator("#curves .legend .at").all_text_contents())


def test_on_a_phone_heads_have_numbers_of_runs_and_readers_hear_the_names(pages, view):
    page = view(pages["pair"], "phone")
    heads = page.locator("#metrics thead th")
    assert heads.last.bounding_box()["height"] < 40
    assert [each.strip() for each in page.locator("#metrics thead .short").all_inner_texts()] == ["0001", "0002"]
    tree = page.locator("#metrics thead").aria_snapshot()
    assert "0001-tiny-s0" in tree and "0002-tiny-s0" in tree
    wide = view(pages["pair"])
    assert not any(each.is_visible() for each in wide.locator(".short").all())


def test_on_a_phone_a_run_with_a_long_name_is_counted_and_no_name_breaks(pages, view):
    page = view(pages["ten"], "phone")
    assert page.locator(".legend.runs li").nth(1).inner_text() == "run 2: run-with-a-long-name-1"
    page.locator("#numbers summary").press("Enter")
    runs = page.locator("#numbers td.run")
    assert {each.strip() for each in runs.locator(".short").all_inner_texts()} == {f"run {n}" for n in range(1, 11)}
    top, bottom = ("each => each.getBoundingClientRect()." + side for side in ("top", "bottom"))
    assert all(each.locator(".short").evaluate(top) < each.locator("svg").evaluate(bottom) for each in runs.all()[:12])


def test_names_in_the_column_best_do_not_break(pages, view):
    page = view(pages["tied"])
    names = page.locator("#results .verdict span")
    assert names.count() == 3 and "tied" in page.locator("#results .verdict").first.inner_text()
    assert all(len(names.nth(number).evaluate("each => each.getClientRects()")) == 1 for number in range(names.count()))


def test_a_run_has_one_colour_in_legends_tables_and_curves(pages, view):
    page = view(pages["ten"])
    draw_all(page)
    legend = page.locator(".legend.runs line")
    stroke = "line => getComputedStyle(line).stroke + line.getAttribute('stroke-dasharray')"
    looks = [legend.nth(number).evaluate(stroke) for number in range(legend.count())]
    assert len(set(looks)) == 10
    heads = page.locator("#metrics thead line, #training thead line")
    assert [heads.nth(number).evaluate(stroke) for number in range(10)] == looks
    first = page.locator("#curves .plot svg .mark-line path").first
    assert first.evaluate("path => getComputedStyle(path).stroke") in looks[0]


def test_the_keyboard_chooses_the_metric_of_the_heat_map(pages, view):
    page = view(pages["table"])
    assert page.locator(".choice select").count() == 0, "a single metric needs no choice"
    page.evaluate(
        "document.querySelector('.choice').append(document.querySelector('.option').cloneNode(true));"
        "document.querySelector('.choice .option:last-child').dataset.label = 'second';"
        "choice(document.querySelector('.choice'))"
    )
    page.locator(".choice select").focus()
    page.keyboard.press("ArrowDown")
    shown = page.locator(".option:visible")
    assert shown.count() == 1 and shown.get_attribute("data-label") == "second"
    page.emulate_media(media="print")
    assert page.locator(".option:visible").count() == 2


def test_the_colour_of_a_heat_map_grows_with_the_number_on_the_scale_that_the_page_names(pages, view):
    page = view(pages["table"])
    colour = "cell => getComputedStyle(cell).backgroundColor"
    cells = page.locator(".heat .filled")
    numbers = [float(cells.nth(number).inner_text().split()[0]) for number in range(cells.count())]
    colours = [cells.nth(number).evaluate(colour) for number in range(cells.count())]
    mixed = page.evaluate(
        "all => all.map(n => { const e = document.createElement('i'); document.body.append(e);"
        " e.style.background = `color-mix(in srgb, var(--heat-1) ${100 * n / 8}%, var(--heat-0))`;"
        " return getComputedStyle(e).backgroundColor; })",
        numbers,
    )
    assert len(set(numbers)) == 3 and colours == mixed and len(set(colours)) == 3
    assert page.locator(".ramp").inner_text().split()[-1] == "8", "modes of 8"
    assert page.locator(".heat .missing").inner_text() == "not in the table"
    assert page.locator("#results .absent").inner_text() == "not in the table"


@pytest.mark.parametrize("size", SIZES)
def test_the_first_column_of_a_frame_stays_when_it_is_scrolled(pages, view, size):
    page = view(pages["wide-table"], size)
    frame = page.locator("#results .wide")
    assert frame.evaluate("each => each.scrollWidth > each.clientWidth") == (size == "phone")
    frame.evaluate("each => { each.scrollLeft = each.scrollWidth; }")
    edge = frame.bounding_box()["x"]
    lefts = page.locator("#results .metric, #results .row-title span").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().left)"
    )
    assert lefts and all(abs(left - edge) < 2 for left in lefts)
    last = "#results tbody tr:last-child > :last-child" if size != "phone" else "#results .number:nth-last-child(2)"
    right = page.locator(last).last.evaluate("each => each.getBoundingClientRect().right")
    assert 0 < right <= frame.bounding_box()["x"] + frame.bounding_box()["width"] + 1


@pytest.mark.parametrize("size", SIZES)
def test_a_verdict_stands_once_and_on_a_phone_in_the_column_that_stays(pages, view, size):
    page = view(pages["tied"], size)
    below, beside = page.locator("#results .metric .verdict-here"), page.locator("#results .verdict")
    assert (below.is_visible(), beside.is_visible()) == ((True, False) if size == "phone" else (False, True))
    assert page.locator("#results thead th").last.is_visible() == (size != "phone")
    assert below.text_content().split() == [
        "tied:",
        *["AS-IntroVAE", "with", "D", "=", "0,", "reversed", "AE", "(RA),", "WGAN-GP"],
    ]
