"""The commands of a tutorial run, in order, with the recipe that the page shows; trainings and numbers are smaller."""

import glob
import json
import re
import shlex
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.commands import genkit

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.trains

# What makes a tutorial short: its numbers, and overrides of its runs.
SMALLER = {"--number 2000": "--number 200", "--number 100": "--number 20"}
RUN = ("train={steps=4, batch_size=8}", "loss.warmup_steps=2", "model.channels=[4]", "data.hold_out=0.4")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)


def smaller(line):
    for long, short in SMALLER.items():
        line = line.replace(long, short)
    words = shlex.split(line)
    assert words[0] == "genkit", line
    if words[1] == "run":
        words += [word for override in RUN for word in ("--set", override)]
    return words[1:]


@pytest.mark.skipif(
    not all(map(find_spec, ("genkit_soft_introvae", "genkit_as_introvae"))), reason="a plugin is not installed"
)
def test_the_tutorial_of_anomalies(isolated, own_cache, monkeypatch):
    monkeypatch.delenv("GENKIT_PLUGINS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (isolated / "recipes").symlink_to(ROOT / "recipes")
    (recipe,) = blocks("anomaly-tutorial.md", "toml")
    (isolated / "mine.toml").write_text(recipe)
    lines = [line for block in blocks("anomaly-tutorial.md", "sh") for line in block.splitlines()]
    assert len(lines) == 6
    for line in lines:
        result = genkit(*smaller(line))
        assert result.code == 0, (line, result.err)
    run = isolated / "runs" / "0001-mine-s0"
    for made in ("scores-error-ema-of-odd.csv", "scores-error-ema-of-odd.png", "anomaly-error-ema-of-odd.png"):
        assert (run / made).is_file()
    assert len((run / "scores-error-ema-of-odd.csv").read_text().splitlines()) > 20


@pytest.mark.skipif(
    not all(map(find_spec, ("genkit_soft_introvae", "genkit_as_introvae"))), reason="a plugin is not installed"
)
def test_the_tutorial_of_own_images(isolated, own_cache, monkeypatch):
    monkeypatch.delenv("GENKIT_PLUGINS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (isolated / "recipes").symlink_to(ROOT / "recipes")
    (recipe,) = blocks("own-images.md", "toml")
    (isolated / "pictures.toml").write_text(recipe)
    lines = [line for block in blocks("own-images.md", "sh") for line in block.splitlines()]
    printed = {}
    for line in lines:
        result = genkit(*smaller(line))
        assert result.code == 0, (line, result.err)
        printed[line.split()[1]] = result.out
    run = isolated / "runs" / "0001-pictures-s0"
    assert {"psnr", "ssim"} == {result["label"] for result in json.loads((run / "results.json").read_text())}
    assert {"active-units", "posterior-kl"} <= set(printed["eval"].split())
    assert (isolated / "data.png").is_file()
    drawn = {path.stem.partition("-")[0] for path in run.glob("*.png")}
    assert {"samples", "reconstructions", "paths"} <= drawn, drawn


@pytest.mark.skipif(
    not all(map(find_spec, ("genkit_soft_introvae", "genkit_as_introvae"))), reason="a plugin is not installed"
)
def test_the_tutorial_that_compares_methods(isolated, monkeypatch):
    monkeypatch.setenv("GENKIT_PLUGINS", "all")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (table,) = blocks("compare-tutorial.md", 'toml title="losses.toml"')
    for long, short in {
        "seeds = [0, 1, 2]": "seeds = [0]",
        "{ steps = 300, batch_size = 32 }": "{ steps = 4, batch_size = 8 }",
        "channels = [8, 16]": "channels = [4]",
        "warmup_steps = 100": "warmup_steps = 2\nset.metrics.frechet-digits.samples = 200",
    }.items():
        assert long in table
        table = table.replace(long, short)
    (isolated / "losses.toml").write_text(table)
    columns = tomllib.loads(table)["columns"]
    printed = {}
    for line in (line for block in blocks("compare-tutorial.md", "sh") for line in block.splitlines()):
        words = [word for part in shlex.split(line)[1:] for word in (sorted(glob.glob(part)) or [part])]
        result = genkit(*words)
        assert result.code == 0, (line, result.err)
        printed[" ".join(words[:2])] = result.out
    assert all(column["title"] in printed["table show"] for column in columns.values())
    assert len(list((isolated / "runs").glob("*-s0"))) == len(columns) == 3
    assert [folder.name for folder in (isolated / "runs" / "again").glob("*-s0")]
    assert (isolated / "curves.png").is_file()
