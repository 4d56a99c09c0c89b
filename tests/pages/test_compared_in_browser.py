"""The pages of comparisons and of tables in a real browser: screens, themes, the keyboard, and hostile texts."""

import json
import shutil
from pathlib import Path

import pytest
from support.browser import SIZES, broken_pictures, draw_all, fits, serious_violations, unreached_by_tab
from support.commands import IMAGES, TINY, genkit, write_recipe
from support.run_folders import result, write_run
from support.tables import current_run

from genkit.runs.compare import compare
from genkit.runs.report_of_comparison import comparison_page
from genkit.tables.open_table import OpenTable
from genkit.tables.report_of_table import table_page

pytestmark = pytest.mark.trains

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>'{{ 7 * 7 }}"
TABLE = """\
title = TEXT
metrics = ["modes", "high-quality"]
seeds = [0]
[columns.narrow]
title = TEXT
recipe = "tiny.toml"
set.metrics.high-quality = {}
[columns.wide]
recipe = "tiny.toml"
set.model.width = 32
set.metrics.high-quality = {}
[rows.a]
title = TEXT
[rows.b]
set.train.steps = 9
columns = ["wide"]
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """Return pages of comparisons, of ten runs, of images and points, and hostile ones; and of a hostile table."""
    root = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setenv("GENKIT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        for name, text in (("images", IMAGES), ("points", TINY)):
            options = ("--set", "report.log_every=1", "--set", "report.draw_every=5")
            assert genkit("run", write_recipe(root, text), "-q", "--runs", name, *options).code == 0
        images, points = (root / name / "0001-tiny-s0" for name in ("images", "points"))
        copies = [Path(shutil.copytree(images, root / "ten" / f"run-with-a-long-name-{number}")) for number in range(9)]
        for number in (1, 2):
            write_run(
                root / "hostile" / f"{HOSTILE.replace('/', '|')}{number}",
                title=HOSTILE,
                tables=f"[data]\nuse = {json.dumps(HOSTILE)}\n[loss]\nx = {number}\n",
                steps=(1, 2, 3),
                results=[result(HOSTILE, number, "lower")],
            )
        made = {
            "ten": comparison_page(compare([*copies, points])),
            "hostile": comparison_page(compare(sorted((root / "hostile").iterdir()))),
            "pair": comparison_page(compare([points, _numbered_copy(points)])),
            "table": table_page(_table(root)),
            "tied": table_page(_tied_table(root)),
            "wide-table": table_page(_wide_table(root)),
        }
    written = {name: root / f"{name}.html" for name in made}
    for name, content in made.items():
        written[name].write_bytes(content)
    return written


def _table(root: Path) -> OpenTable:
    (root / "table.toml").write_text(TABLE.replace("TEXT", json.dumps(HOSTILE)))
    table = OpenTable(root / "table.toml")
    table.kept = {str(each): current_run(each, 1.0 + number) for number, each in enumerate(table.experiments)}
    return table


def _numbered_copy(run: Path) -> Path:
    return Path(shutil.copytree(run, run.with_name("0002-tiny-s0")))


def _tied_table(root: Path) -> OpenTable:
    """Return a table whose three columns of several words are tied, and whose fourth is worse."""
    titles = ["AS-IntroVAE with D = 0", "reversed AE (RA)", "WGAN-GP", "VAE"]
    columns = "".join(
        f'[columns.c{n}]\ntitle = "{title}"\nrecipe = "tiny.toml"\nset.model.width = {8 + n}\n'
        for n, title in enumerate(titles)
    )
    (root / "tied.toml").write_text(f'title = "tied"\nmetrics = ["modes"]\nseeds = [0, 1, 2]\n{columns}[rows.a]\n')
    table = OpenTable(root / "tied.toml")
    values = {"c0": (4, 5, 6), "c1": (5, 6, 7), "c2": (4, 6, 7), "c3": (1, 2, 3)}
    table.kept = {str(each): current_run(each, values[each.cell.column][each.seed]) for each in table.experiments}
    return table


def _wide_table(root: Path) -> OpenTable:
    """Return a table with six columns of published numbers, as wide as that of a paper."""
    columns = "".join(f'[columns.column-{n}]\nrecipe = "tiny.toml"\nset.model.width = {8 + n}\n' for n in range(6))
    published = "".join(f"cells.a.column-{n} = {{ modes = 7.25 }}\n" for n in range(6))
    note = f"Six columns. Call `genkit table show wide.toml --only a`. {'They are all the same. ' * 9}"
    head = f'title = "wide"\nnote = "{note}"\nmetrics = ["modes"]\nseeds = [0, 1]\n'
    text = f'{head}{columns}[rows.a]\ntitle = "C1: 0.5"\n'
    (root / "wide.toml").write_text(f'{text}[published]\nsource = "a paper"\n{published}')
    table = OpenTable(root / "wide.toml")
    table.kept = {str(each): current_run(each, 1.5 + number) for number, each in enumerate(table.experiments)}
    return table


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
@pytest.mark.parametrize("name", ["ten", "hostile", "table", "wide-table"])
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
    assert {"a", "button", "summary", "div"} | ({"input"} if name == "ten" else set()) <= set(kinds)
    assert page.locator("details:not([open])").count() == 0


def test_charts_of_one_run_are_drawn_when_they_are_opened(pages, view):
    page = view(pages["ten"])
    folded = page.locator("#curves .time-axis details")
    assert folded.count() == 1 and "0001-tiny-s0" in folded.inner_text()
    assert folded.locator(".plot svg").count() == 0 < folded.locator(".plot").count()
    folded.locator("summary").press("Enter")
    page.wait_for_function(
        "[...document.querySelectorAll('#curves details .plot')].every(each => each.clientWidth > 200)"
    )
    draw_all(page)
    assert folded.locator(".plot svg .mark-line path").count() == folded.locator(".plot").count()


def test_on_a_phone_heads_have_numbers_of_runs_and_readers_hear_the_names(pages, view):
    page = view(pages["pair"], "phone")
    heads = page.locator("#metrics thead th")
    assert heads.last.bounding_box()["height"] < 40
    assert [each.strip() for each in page.locator("#metrics thead .short").all_inner_texts()] == ["0001", "0002"]
    tree = page.locator("#metrics thead").aria_snapshot()
    assert "0001-tiny-s0" in tree and "0002-tiny-s0" in tree
    wide = view(pages["pair"])
    assert not any(each.is_visible() for each in wide.locator(".short").all())


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


def test_the_strongest_colour_of_a_heat_map_is_the_best_number(pages, view):
    page = view(pages["table"])
    colour = "cell => getComputedStyle(cell).backgroundColor"
    cells = page.locator(".heat .filled")
    numbers = [float(cells.nth(number).inner_text().split()[0]) for number in range(cells.count())]
    colours = [cells.nth(number).evaluate(colour) for number in range(cells.count())]
    strong = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--heat-1')")
    best = page.evaluate(
        "c => { const e = document.createElement('i'); e.style.background = `color-mix(in srgb, ${c}, ${c})`;"
        " document.body.append(e); return getComputedStyle(e).backgroundColor; }",
        strong,
    )
    assert len(numbers) == 3 and colours[numbers.index(max(numbers))] == best and colours.count(best) == 1
    assert page.locator(".heat .missing").inner_text() == "no cell"


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
    right = page.locator("#results .verdict").first.evaluate("each => each.getBoundingClientRect().right")
    assert right <= frame.bounding_box()["x"] + frame.bounding_box()["width"] + 1
