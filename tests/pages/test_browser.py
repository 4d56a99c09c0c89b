"""Pages in a real browser, without a network: at phone and desktop width, in both themes, with the keyboard alone."""

import json
import shutil
from pathlib import Path

import pytest
from support.browser import SIZES, broken_pictures, draw_all, fits, serious_violations
from support.commands import IMAGES, TINY, genkit, write_recipe
from support.kill_and_resume import new_run
from support.tiny_recipes import tiny_recipe

from genkit.runs.run_folder import RunFolder
from genkit.runs.write_report import write_report

pytestmark = pytest.mark.trains

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}"


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """Return the pages of runs on images and on points, of one that has not begun, and of one with hostile texts."""
    root = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setenv("GENKIT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        for name, text in (("images", IMAGES), ("points", TINY)):
            options = ("--set", "report.draw_every=2", "--set", "report.log_every=1")
            assert genkit("run", write_recipe(root, text), "-q", "--runs", name, *options).code == 0
        runs = {name: RunFolder(root / name / "0001-tiny-s0") for name in ("images", "points")}
        runs["empty"] = new_run(root / "empty", tiny_recipe())
        runs["hostile"] = RunFolder(shutil.copytree(runs["points"].path, root / "hostile"))
        _make_hostile(runs["hostile"])
        runs["late"] = RunFolder(shutil.copytree(runs["points"].path, root / "late"))
        _start_a_phase_later(runs["late"])
        return {name: write_report(folder) for name, folder in runs.items()}


def _make_hostile(folder: RunFolder) -> None:
    """Put a hostile text into the title, the terms, the metrics and their protocols, and NaN into the log."""
    resolved = folder.resolved.read_text(encoding="utf-8")
    folder.resolved.write_text(resolved.replace('title = "tiny"', f"title = {json.dumps(HOSTILE)}"), encoding="utf-8")
    lines = [
        {**line, f"a/{HOSTILE}": float("nan"), f"a/{HOSTILE}_b": 1.0, "b/gone": float("inf"), f"a/{HOSTILE}_c": 2.0}
        for line in folder.lines()
    ]
    folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = json.loads(folder.results.read_text())
    for result in results:
        result["label"], result["protocol"]["details"] = HOSTILE, {HOSTILE: HOSTILE}
    folder.results.write_text(json.dumps(results))


def _start_a_phase_later(folder: RunFolder) -> None:
    """Let a phase start after half of the log, and let the best of several evaluations be in the first half."""
    lines = [{"step": step, "t": step / 40, "early/total": 1 / step} for step in range(1, 41)]
    lines = [{**line, "late/total": 0.1} if line["step"] > 20 else line for line in lines]
    lines = [{**line, "later/total": 0.1} if line["step"] > 22 else line for line in lines]
    folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (result,) = json.loads(folder.results.read_text())[:1]
    values = [(10, 3.0), (20, 1.0), (30, 2.0), (40, 2.5)]
    records = [{"step": step, "results": [{**result, "better": "lower", "value": value}]} for step, value in values]
    folder.evaluations.path.write_text("".join(json.dumps(record) + "\n" for record in records))


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


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["images", "empty", "hostile"])
def test_a_page_passes_the_accessibility_checker(pages, view, name, theme):
    page = view(pages[name], "desktop", theme)
    draw_all(page)
    assert serious_violations(page) == {}


def test_the_keyboard_alone_reaches_and_moves_everything(pages, view):
    page = view(pages["images"])
    draw_all(page)
    page.evaluate("scrollTo(0, 0)")
    reached = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("(e => e.id || e.className || `${e.tagName} ${e.type ?? ''}`)(document.activeElement)")
        )
    for control in ("theme", "skip", "INPUT range", "SUMMARY ", "BUTTON button", "wide", "A "):
        assert any(control in each for each in reached), control

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
    page.wait_for_timeout(300)
    first, last = (int(text) for text in page.locator(".axis output").all_inner_texts())  # steps are whole
    assert 1 < first < last < 5 and page.evaluate("String(getSelection())") == ""


def test_the_console_stays_empty_where_rings_and_phases_are_out_of_view(pages, view):
    page = view(pages["late"])
    draw_all(page)
    labels = page.locator(".time-axis .plot svg text", has_text="late starts")
    assert labels.count() > 0 and not _overlapping_labels(page)
    start, end = page.locator(".axis input").first, page.locator(".axis input").last

    def ring():
        return page.evaluate(
            "[...document.querySelectorAll('.time-axis svg .mark-symbol path')]"
            ".filter(each => each.getAttribute('stroke') === 'var(--text)')"
            ".filter(each => each.getAttribute('opacity') !== '0').length"
        )

    assert ring() == 1
    start.focus()
    page.keyboard.press("End")  # the best evaluation, and the start of the phase, are before the axis
    page.wait_for_timeout(300)
    assert float(page.locator(".axis output").first.inner_text()) > 20 and ring() == labels.count() == 0
    start.focus()
    page.keyboard.press("Home")
    end.focus()
    page.keyboard.press("Home")  # and now they are after it; `view` demands that nothing was said in the console
    page.wait_for_timeout(300)
    assert float(page.locator(".axis output").last.inner_text()) < 20 and ring() == labels.count() == 0


@pytest.mark.parametrize("size", SIZES)
def test_labels_of_phases_that_start_close_to_each_other_do_not_overlap(pages, view, size):
    page = view(pages["late"], size)
    draw_all(page)
    assert page.locator(".time-axis .plot svg text", has_text="later starts").count() > 0
    assert not _overlapping_labels(page)
    page.locator(".axis input").last.focus()
    for _ in range(40):  # to the first steps after the phases start
        page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(300)
    assert not _overlapping_labels(page) and fits(page)


def _overlapping_labels(page) -> list[list[str]]:
    """Return the pairs of labels of phases, in any chart, whose boxes overlap."""
    return page.evaluate("""() => [...document.querySelectorAll(".time-axis .plot svg")].flatMap(svg => {
        const labels = [...svg.querySelectorAll("text")].filter(each => / starts? after step/.test(each.textContent));
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


def test_a_page_without_its_script_has_all_numbers_and_pictures(pages, browser):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(pages["images"].as_uri())
    assert page.locator(".slider .picture:visible").count() == page.locator(".slider .picture").count() > 2
    page.locator("summary").first.click()
    assert page.get_by_role("rowheader", name="/total").first.is_visible()
    context.close()
