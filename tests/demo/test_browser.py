"""The demo in a real browser: what a user does, without a console error and without a request to another machine."""

import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support.browser import PATIENCE, serious_violations

import genkit

pytestmark = pytest.mark.trains

pytest.importorskip("gradio", reason="needs the extra `demo`")
playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `browser`")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("needs Chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def address(digits):
    """Return the address of a demo in a process of its own. Assert that Ctrl-C ends it at once."""
    command = [sys.executable, "-m", "genkit", "demo", str(digits.path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    demo = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        found = re.match(r"http://127\.0\.0\.1:\d+", demo.stdout.readline())
        assert found, demo.communicate(timeout=900)[1]
        yield found[0]
        demo.send_signal(signal.SIGINT)
        out, errors = demo.communicate(timeout=900)
        assert (demo.returncode, out.strip()) == (0, "stopped") and re.fullmatch("opening .*\n", errors), errors
    finally:
        if demo.poll() is None:
            demo.kill()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser, address):
    """Return the page. Assert that no console error was printed and that no request left this machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    wrong = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    local = (address, "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(local) else wrong.append(request.url))
    page.goto(address)
    yield page
    context.close()
    assert wrong == []


def shown(page):
    """Return the addresses of the pictures that can be seen, as soon as there are any."""
    page.wait_for_selector("figure img >> visible=true")
    return [image.get_attribute("src") for image in page.locator("figure img >> visible=true").all()]


def change_of(page, before):
    """Wait until the first picture is another one, and return the pictures."""
    condition = "old => [...document.querySelectorAll('figure img')].some(i => i.offsetParent && i.src !== old)"
    page.wait_for_function(condition, arg=before[0])
    return shown(page)


def test_two_seeds_draw_two_pictures(page):
    first = shown(page)
    page.get_by_label("Seed", exact=True).fill("1")
    second = change_of(page, first)
    page.get_by_label("Seed", exact=True).fill("0")
    assert change_of(page, second) == first


def test_a_picture_has_its_number_and_a_text_has_a_message(page, digits, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 70, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (tmp_path / "notes.png").write_text("not a picture")
    page.get_by_role("tab", name="Reconstruct").click()
    number = page.locator("table.scores tr", has_text="error").locator("td").first
    number.wait_for()  # that of a held-out sample
    page.locator("input[type=file] >> nth=0").set_input_files(tmp_path / "noise.png")
    expected = genkit.score(digits, tmp_path / "noise.png", "error").scores.item()
    playwright.expect(number).to_have_text(f"{expected:.6g}", timeout=PATIENCE)
    assert len(shown(page)) == 3

    page.get_by_role("button", name="Clear").first.click()
    page.locator("input[type=file] >> nth=0").set_input_files(tmp_path / "notes.png")
    alert = page.get_by_role("alert").filter(has_text="notes.png")
    alert.wait_for()
    assert page.locator("figure img >> visible=true").count() == 0


def test_a_slider_moves_a_sample_and_keys_reach_it(page):
    shown(page)
    tab = page.get_by_role("tab", name="Draw")
    tab.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    if page.get_by_role("tab", name="Directions").get_attribute("aria-selected") != "true":
        page.get_by_role("tab", name="Directions").focus()
        page.keyboard.press("Enter")
    slider = page.get_by_role("slider", name="Direction 1").first
    slider.wait_for()
    start, there, *_ = shown(page)
    assert start == there
    for _ in range(40):  # to the slider with the keyboard alone
        page.keyboard.press("Tab")
        if slider.evaluate("element => element === document.activeElement"):
            break
    else:
        pytest.fail("the keyboard does not reach the slider")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    second = "[...document.querySelectorAll('figure.single img')].filter(i => i.offsetParent)[1]"
    page.wait_for_function(f"old => {second} && {second}.src !== old", arg=there)
    assert shown(page)[0] == start


def test_the_page_keeps_its_width_from_tab_to_tab(page):
    shown(page)
    widths = set()
    for name in ("Draw", "Reconstruct", "Walk", "Directions"):
        page.get_by_role("tab", name=name).click()
        widths.add(page.locator("main").evaluate("main => main.clientWidth"))
    assert len(widths) == 1 and widths.pop() > 1000


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_checker_of_accessibility_finds_nothing_serious_in_any_tab(page, theme):
    shown(page)
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("dark => document.body.classList.contains('dark') === dark", arg=theme == "dark")
    for name in ("Draw", "Reconstruct", "Walk", "Directions"):
        page.get_by_role("tab", name=name).click()
        shown(page)
        for _ in range(200):  # while Gradio draws, what was there before is pale
            if (found := serious_violations(page)) == {}:
                break
            page.wait_for_timeout(500)
        assert found == {}, name


def test_a_phone_has_room_for_all_tabs_and_the_focus_can_be_seen(page):
    page.set_viewport_size({"width": 375, "height": 760})
    page.reload()
    shown(page)
    page.wait_for_function("document.querySelectorAll('[role=tab]').length === 4")
    walk = page.get_by_role("tab", name="Walk")
    walk.focus()
    page.keyboard.press("Enter")
    slider = page.locator("input[type=range] >> visible=true").first
    slider.focus()
    page.keyboard.press("ArrowRight")  # the browser shows the focus of a slider to users of the keyboard
    assert slider.evaluate("each => getComputedStyle(each).outlineWidth") == "2px"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_walk_shows_its_path_and_the_sample_at_the_position_of_the_slider(page):
    def changed(place, before):
        picture = f"[...document.querySelectorAll('figure img')].filter(i => i.offsetParent)[{place}]"
        page.wait_for_function(f"old => {picture} && {picture}.src !== old", arg=before)
        return shown(page)

    (drawn,) = shown(page)
    page.get_by_role("tab", name="Walk").click()
    position = page.get_by_role("slider", name="Position").first
    position.wait_for()
    middle, path = changed(0, drawn)
    position.focus()
    page.keyboard.press("Home")
    start, same_path = changed(0, middle)
    assert same_path == path
    page.get_by_label("End: seed").fill("0")  # that of the start
    same_start, point = changed(1, path)
    assert same_start == start
    page.get_by_label("End: seed").fill("1")
    assert changed(1, point) == [start, path]
    position.focus()
    page.keyboard.press("End")
    end, same_path = changed(0, start)
    assert same_path == path and end != middle
