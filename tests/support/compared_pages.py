"""Pages of comparisons and of tables for tests in a browser: of tiny runs, long names, and hostile texts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from genkit.runs.comparison.compare import compare
from genkit.runs.comparison.report_of_comparison import comparison_page
from genkit.tables.open_table import OpenTable
from genkit.tables.report_of_table import table_page
from support.commands import IMAGES, TINY, genkit, write_recipe
from support.run_folders import result, write_run
from support.tables import current_run

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


def write_compared_pages(root: Path, cache: Path) -> dict[str, Path]:
    """Return pages of comparisons, of ten runs, of images and points, and hostile ones; and of a hostile table."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setenv("GENKIT_CACHE", str(cache))
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
        for length in (3, 6):
            write_run(root / "lengths" / f"of-{length}", tables='[data]\nuse = "x"\n', steps=range(1, length + 1))
        made = {
            "lengths": comparison_page(compare(sorted((root / "lengths").iterdir()))),
            "ten": comparison_page(compare([*copies, points])),
            "hostile": comparison_page(compare(sorted((root / "hostile").iterdir()))),
            "pair": comparison_page(compare([points, _numbered_copy(points)])),
            "apart": comparison_page(compare([copies[0], points])),
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
