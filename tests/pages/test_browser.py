"""Pages in a real browser, without a network: at phone and desktop width, in both themes."""

import itertools
import json

import pytest
from support.browser import SIZES, broken_pictures, draw_all, fits, serious_violations, wait_until
from support.run_pages import HOSTILE

from genkit.pages.chart import value_text
from genkit.runs.on_disk.run_folder import RunFolder

pytestmark = pytest.mark.trains


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["images", "points", "empty", "hostile"])
def test_a_page_shows_all_charts_and_fits_the_screen(pages, view, name, size):
    page = view(pages[name], size)
    draw_all(page)
    assert fits(page)
    charts = page.locator(".plot svg")
    assert charts.count() == page.locator(".plot").count() and (charts.count() > 3) == (name != "empty")
    for number in range(charts.count()):
        assert charts.nth(number).locator("path").count() > 0
    assert broken_pictures(page) == 0
    if name == "hostile":
        assert page.title().startswith(HOSTILE) and page.locator("h1").inner_text().startswith(HOSTILE)


def test_on_a_phone_no_button_lies_on_a_command_and_a_wide_picture_scrolls(pages, view):
    page = view(pages["points"], "phone")
    command = page.locator(".copyable").first
    text, button = command.locator("pre").bounding_box(), command.locator("button").bounding_box()
    assert text["y"] + text["height"] <= button["y"]
    frame = page.locator("#pictures .across .picture:visible .wide").first
    assert frame.evaluate("frame => frame.scrollWidth > 1.5 * frame.clientWidth") and fits(page)
    middle = "frame => frame.scrollLeft + frame.clientWidth / 2 - frame.scrollWidth / 2"
    assert abs(frame.evaluate(middle)) <= 1, "the samples stand in the middle"
    assert page.locator("#more-pictures .wide").first.evaluate("frame => frame.scrollLeft") == 0
    arrow = "frame => getComputedStyle(frame, '::after').content.includes('→')"
    left = "frame => getComputedStyle(frame, '::before').content.includes('←')"
    assert frame.evaluate(arrow) and frame.evaluate(left), "it says so, on both sides"
    titles = page.locator(".picture:visible > .title")
    assert titles.count() == page.locator(".picture:visible > .wide").count() > 1
    for number in range(titles.count()):  # it does not scroll with the picture, so it is whole
        box = titles.nth(number).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= SIZES["phone"][0]
    assert all(text.startswith("tiny") for text in titles.all_inner_texts())
    frame.evaluate("frame => { frame.scrollLeft = frame.scrollWidth; }")
    wait_until(page, lambda: not frame.evaluate(arrow))
    page.set_viewport_size({"width": 1280, "height": 900})
    wait_until(page, lambda: page.locator(".picture .wide.more").count() == 0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["images", "empty", "hostile"])
def test_a_page_passes_the_accessibility_checker(pages, view, name, theme):
    page = view(pages[name], "desktop", theme)
    draw_all(page)
    assert serious_violations(page) == {}


def test_dragging_across_a_chart_moves_all_of_them(pages, view):
    page = view(pages["images"])
    draw_all(page)
    box = page.locator(".time-axis .plot").first.bounding_box()
    page.locator(".time-axis .plot").first.scroll_into_view_if_needed()
    box = page.locator(".time-axis .plot").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 80, steps=5)
    page.mouse.up()

    def is_zoomed():
        first, last = (int(text) for text in page.locator(".axis output").all_inner_texts()[:2])  # steps are whole
        return 1 < first < last < 5

    wait_until(page, is_zoomed)
    assert page.evaluate("String(getSelection())") == ""


def test_dots_and_rings_are_back_in_their_places_after_the_axis_was_narrower(pages, view):
    page = view(pages["late"])
    draw_all(page)

    def places():
        symbols = page.locator(".time-axis svg .mark-symbol path")
        return [symbols.nth(number).get_attribute("transform") for number in range(symbols.count())]

    whole = places()
    assert len(whole) > 1
    for name, key in (("From step", "End"), ("to step", "Home")):
        page.get_by_label(name).focus()
        page.keyboard.press(key)
        wait_until(page, lambda: places() != whole)
        page.get_by_role("button", name="Whole run").press("Enter")
        wait_until(page, lambda: places() == whole)


@pytest.mark.parametrize("size", SIZES)
def test_lines_reach_the_end_of_a_chart_whose_axis_is_narrower(pages, view, size):
    page = view(pages["late"], size)
    draw_all(page)

    def widths():
        return page.evaluate(
            "[...document.querySelectorAll('.time-axis .plot svg')].map((svg) => ["
            "svg.querySelector('.background').getBBox().width, svg.querySelector('clipPath rect').getBBox().width])"
        )

    whole = widths()
    assert len(whole) > 1 and all(plot == clip > 100 for plot, clip in whole)
    page.get_by_label("to step").focus()
    for _ in range(7):
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(50)
        assert widths() == whole


def test_the_console_stays_empty_where_rings_and_phases_are_out_of_view(pages, view):
    page = view(pages["late"])
    draw_all(page)
    labels = page.locator(".time-axis .plot svg text", has_text="late after step")
    assert labels.count() > 0 and not _overlapping_labels(page)
    start, end = page.get_by_label("From step"), page.get_by_label("to step")

    def ring():
        return page.evaluate(
            "[...document.querySelectorAll('.time-axis svg .mark-symbol path')]"
            ".filter(each => each.getAttribute('stroke') === 'var(--text)')"
            ".filter(each => each.getAttribute('opacity') !== '0').length"
        )

    wait_until(page, lambda: ring() == 1)
    start.focus()
    page.keyboard.press("End")  # the best evaluation, and the start of the phase, are before the axis
    assert float(page.locator(".axis output").first.inner_text()) > 20
    wait_until(page, lambda: ring() == labels.count() == 0)
    start.focus()
    page.keyboard.press("Home")
    end.focus()
    page.keyboard.press("Home")  # and now they are after it; `view` demands that nothing was said in the console
    assert float(page.locator(".axis output").nth(1).inner_text()) < 20
    page.wait_for_timeout(300)  # there were none before, either
    wait_until(page, lambda: ring() == labels.count() == 0)


@pytest.mark.parametrize("size", SIZES)
def test_labels_of_phases_that_start_close_to_each_other_do_not_overlap(pages, view, size):
    page = view(pages["late"], size)
    draw_all(page)
    assert page.locator(".time-axis .plot svg text", has_text="later after step").count() > 0
    assert not _overlapping_labels(page)
    page.get_by_label("to step").focus()
    ends = [int(page.locator(".axis output").nth(1).inner_text())]
    for _ in range(40):  # to the first steps after the phases start
        page.keyboard.press("ArrowLeft")
        ends.append(int(page.locator(".axis output").nth(1).inner_text()))
    assert all(after < before for before, after in itertools.pairwise(ends[:10]))
    page.wait_for_timeout(300)  # to draw the last steps; what is drawn before has no overlaps, either
    wait_until(page, lambda: not _overlapping_labels(page) and fits(page))


def _overlapping_labels(page) -> list[list[str]]:
    """Return the pairs of labels of phases, in any chart, whose boxes overlap."""
    return page.evaluate("""() => [...document.querySelectorAll(".time-axis .plot svg")].flatMap(svg => {
        const texts = [...svg.querySelectorAll("text")];
        const labels = texts.filter(each => / (after|from) step/.test(each.textContent));
        const boxes = labels.map(each => each.getBoundingClientRect());
        return labels.flatMap((each, i) => labels.slice(i + 1).filter((_, k) => {
            const a = boxes[i], b = boxes[i + 1 + k];
            return a.left < b.right && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1;
        }).map(other => [each.textContent, other.textContent]));
    })""")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_paper_has_what_is_folded(pages, browser, script):
    context = browser.new_context(java_script_enabled=script, offline=True)
    page = context.new_page()
    page.goto(pages["images"].as_uri())
    folded = page.locator("details > :not(summary)")
    assert folded.count() > 2 and not any(folded.nth(number).is_visible() for number in range(folded.count()))
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 900})
    assert all(folded.nth(number).bounding_box()["height"] > 10 for number in range(folded.count()))
    context.close()


def test_printing_draws_all_charts_and_folds_again_what_was_folded(pages, view):
    page = view(pages["images"])
    page.evaluate("""addEventListener("afterprint", () => {
        const drawn = ".plot:has(svg .mark-line path, svg .mark-symbol path)";
        window.printed = [".plot", drawn].map(each => document.querySelectorAll(each).length);
    })""")
    assert page.pdf().startswith(b"%PDF")
    plots, drawn = page.evaluate("window.printed")
    assert drawn == plots > 3
    assert page.locator("details[open]").count() == 0 < page.locator("details").count()


def test_the_button_changes_the_theme_and_charts_follow(pages, view):
    page = view(pages["images"], theme="light")
    draw_all(page)
    colour = "getComputedStyle(document.querySelector('.time-axis .plot svg .mark-line path')).stroke"
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(f"[{colour}, {paper}]")
    page.locator("#theme").press("Enter")
    after = page.evaluate(f"[{colour}, {paper}]")
    assert before[0] != after[0] and before[1] != after[1]
    page.emulate_media(media="print")
    assert page.evaluate(f"[{colour}, {paper}]") == before, "paper is white in any theme"


@pytest.mark.parametrize(("name", "metrics", "pictures"), [("images", 0, 6), ("points", 1, 3)])
def test_a_page_without_its_script_has_all_numbers_and_pictures(pages, browser, name, metrics, pictures):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(pages[name].as_uri())
    for folded in page.locator("summary").all():
        folded.click()
    folder = RunFolder(pages[name].parent)
    lines, results = folder.lines(), json.loads(folder.results.read_text())
    numbers = {row.locator("th").inner_text(): row.inner_text() for row in page.locator("#curves tbody tr").all()}
    keys = {key for line in lines for key in line if "/" in key}
    assert numbers.keys() >= keys and len(keys) > 4
    for key in keys:
        values = [line[key] for line in lines if key in line]
        shown = (value_text(each) for each in (values[0], values[-1], min(values), max(values)))
        assert numbers[key].split("\t")[1:] == list(shown)
    cards = page.locator(".card:visible").all_inner_texts()
    assert len(cards) == len(results) == metrics
    assert all(card.split("\n\n")[0] == result["label"] for card, result in zip(cards, results))
    assert all(f"{result['value']:.5g}" in card for card, result in zip(cards, results))
    assert page.locator(".times tbody tr .number:visible").count() > 4
    images = page.locator("img")
    assert images.count() >= pictures and all(image.is_visible() for image in images.all())
    assert page.locator(".slider .picture:visible").count() == page.locator(".slider .picture").count() > 2
    context.close()
