"""The page of a run: what it says of a run in any state, and that it never costs a training."""

import base64
import html
import io
import json
import os
import re
import shlex
import shutil
import tomllib
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
import tomli_w
from support.commands import IMAGES, TINY, genkit, refused, write_recipe
from support.kill_and_resume import new_run, train_and_kill, train_on
from support.messages import assert_names
from support.tiny_recipes import tiny_recipe

from genkit.core.metric import EvaluationProtocol
from genkit.core.result import Result
from genkit.draw.panels import Panel, Section
from genkit.errors import GenkitWarning, UsageError
from genkit.pages.pictures import PictureBudget
from genkit.pages.render import PAGE_BYTES
from genkit.recipe.tables import Checkpoint
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_state import RunState
from genkit.runs.report import write_report
from genkit.runs.report.report_about import ABOUT_TOTAL
from genkit.runs.report.report_charts import chart_groups
from genkit.runs.report.report_of_run import report_of_run
from genkit.runs.report.report_phases import phase_starts
from genkit.runs.report.report_pictures import OLDER, pictures_of_report
from genkit.storage.picture_title import title_of

pytestmark = [pytest.mark.usefixtures("isolated"), pytest.mark.trains]

HOSTILE = "</script><script>alert(1)</script>\"'{{ 7 * 7 }}"


def trained(folder: Path, text: str, *overrides: str) -> RunFolder:
    asked = [argument for override in overrides for argument in ("--set", override)]
    result = genkit("run", write_recipe(folder, text), "-q", *asked)
    assert result.code == 0, result.err
    return RunFolder(folder / "runs" / "0001-tiny-s0")


def page_of(folder: RunFolder) -> str:
    assert genkit("report", folder.path).code == 0
    return folder.report.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Return a function that copies a finished run on images."""
    import shutil

    root = tmp_path_factory.mktemp("images")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setenv("GENKIT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        run = trained(root, IMAGES)

    def copied(place: Path) -> RunFolder:
        shutil.copytree(run.path, place / "run")
        return RunFolder(place / "run")

    return copied


def test_a_run_writes_its_page_when_it_ends_with_everything_that_it_has_made(images, tmp_path):
    folder = images(tmp_path)
    page = folder.report.read_text(encoding="utf-8")
    assert len(page) < 3_000_000 and "<dd>finished</dd>" in page
    results = json.loads(folder.results.read_text())
    assert all(result["label"] in page and f"{result['value']:.5g}" in page for result in results)
    logged = {key for line in folder.lines() for key in line if "/" in key}
    assert logged and all(f">{key}<" in page for key in logged)
    embedded = {_pixels(base64.b64decode(text)) for text in re.findall(r"base64,([A-Za-z0-9+/=]+)", page)}
    pictures = [*folder.samples.glob("*.png"), folder.figures / "stability.png", folder.figures / "traversal.png"]
    titled = [(path.read_bytes(), title_of(PIL.Image.open(path))) for path in pictures]
    assert len(pictures) >= 5 and {_pixels(content, title.height) for content, title in titled} <= embedded
    assert all(html.escape(title.title) in page and html.escape(title.note) in page for _, title in titled)
    assert "genkit run runs/0001-tiny-s0/recipe.resolved.toml" in page


def _pixels(content: bytes, top: int = 0) -> bytes:
    """Return the pixels of a picture below its first rows."""
    return np.asarray(PIL.Image.open(io.BytesIO(content)).convert("RGB"))[top:].tobytes()


def test_the_page_of_a_finished_run_is_a_function_of_its_folder(images, tmp_path):
    folder = images(tmp_path)
    assert page_of(folder) == page_of(folder)
    assert report_of_run(folder).state is RunState.FINISHED


def test_what_the_protocols_of_metrics_share_is_said_once(images, tmp_path):
    folder = images(tmp_path / "run")
    results = [Result(split, 2.0, "lower", EvaluationProtocol(77, split, "raw")) for split in ("here", "elsewhere")]
    folder.results.write_text(json.dumps([result.as_dict() for result in results]))
    lines = dict(report_of_run(folder).protocols)
    assert lines == {"all": "77 samples, raw weights", "here": "here split", "elsewhere": "elsewhere split"}
    shown = page_of(folder).split('<section id="pictures"')[0]
    assert shown.count("77 samples") == shown.count("elsewhere split") == 1


def test_what_the_model_makes_stands_before_the_curves_and_once(images, tmp_path):
    folder = images(tmp_path)
    made, others, newest = report_of_run(folder).pictures
    assert newest == 5
    assert [series.title for series in made] == ["Samples through time", "Reconstructions through time"]
    assert all(series.pictures[-1].label == "step 5" for series in made)
    titles = ["First samples through time", "Stability over the training", "Traversal after the last step"]
    assert [series.title for series in others] == titles
    assert [series.is_described for series in others] == [False, True, True], "their notes say what they show"
    page = folder.report.read_text(encoding="utf-8")
    places = [page.index(f'<section id="{name}"') for name in ("metrics", "pictures", "curves", "more-pictures")]
    assert places == sorted(places) and places[1] < page.index("Samples through time") < places[2]
    for path in folder.samples.glob("step-00000005-samples.png"):
        path.rename(path.with_name("step-00000004-samples.png"))
    titles = [series.title for series in report_of_run(folder).pictures.made]
    assert titles == ["Samples after the last step", "Samples through time", "Reconstructions through time"]


def test_the_rows_of_the_stability_strip_are_a_series_before_and_after_the_end(images, tmp_path):
    folder = images(tmp_path)
    steps = sorted(int(path.stem.partition("-")[2]) for path in folder.strip.iterdir())

    def series():
        (found,) = (each for each in report_of_run(folder).pictures.others if each.title.startswith("First samples"))
        return found.pictures

    def is_older() -> bool:
        return OLDER in report_of_run(folder).pictures.others[0].about

    assert not is_older(), "its newest row is of the step of the newest samples"
    finished = series()
    assert len(steps) > 2 and [picture.label for picture in finished] == [f"step {step}" for step in steps]
    for picture, step in zip(finished, steps, strict=True):
        shown = PIL.Image.open(io.BytesIO(base64.b64decode(picture.source.partition(",")[2])))
        images_of_step = np.load(folder.row(step))
        number, _, side, _ = images_of_step.shape
        scale = shown.height // (side + 2)
        cells = np.asarray(shown)[::scale, ::scale].reshape(side + 2, number, side + 2).transpose(1, 0, 2)
        assert (cells[:, 1:-1, 1:-1] == images_of_step[:, 0]).all()
    shutil.rmtree(folder.figures)
    assert series() == finished
    for path in sorted(folder.strip.iterdir())[1:]:
        path.unlink()
    assert is_older() and len(series()) == 1  # all that there is; with the figure it would repeat its only row


def test_the_strip_comes_first_if_it_is_newer_than_the_previews(images, tmp_path):
    folder = images(tmp_path)
    shutil.rmtree(folder.figures)
    for path in folder.samples.iterdir():
        if not path.name.startswith("step-00000000-"):
            path.unlink()
    shown = report_of_run(folder).pictures
    titles = ["First samples through time", "Samples at step 0", "Reconstructions at step 0"]
    assert [series.title for series in shown.made] == titles and not shown.others
    newest = max(int(path.stem.partition("-")[2]) for path in folder.strip.iterdir())
    assert [(series.pictures[0].label, "each step" in series.about) for series in shown.made[1:]] == [("", False)] * 2
    assert "each step" in shown.made[0].about
    assert shown.newest == newest > 0 and shown.made[0].pictures[-1].label == f"step {newest}"


def test_a_series_says_how_many_of_its_pictures_are_smaller(images, tmp_path):
    folder = images(tmp_path)
    assert not any(series.notes for series in report_of_run(folder).pictures.made)
    budget = PictureBudget(sum(path.stat().st_size for path in folder.samples.iterdir()) // 2)
    series = pictures_of_report(folder, budget).made[0]
    smaller = sum(picture.smaller for picture in series.pictures)
    assert smaller and [f" {smaller} of these {len(series.pictures)} " in note for note in series.notes] == [True]


def test_points_in_the_plane_stand_before_the_curves(tmp_path):
    folder = trained(tmp_path, TINY)
    report = report_of_run(folder)
    assert [series.title for series in report.pictures.made] == ["Points through time"]
    assert [series.title for series in report.pictures.others] == ["Stability over the training"]
    assert report.has_more_pictures and not report_of_run(new_run(tmp_path / "new", tiny_recipe())).has_more_pictures


def test_a_hostile_title_is_text(tmp_path):
    folder = trained(tmp_path, TINY, f"title={json.dumps(HOSTILE)}")
    page = folder.report.read_text(encoding="utf-8")
    assert "<script>alert" not in page and "{{ 7 * 7 }}" in page and "&lt;script&gt;alert(1)" in page


def test_runs_that_have_not_ended_have_a_page(tmp_path):
    folder = new_run(tmp_path, tiny_recipe(checkpoint=Checkpoint(every=4)))
    empty = report_of_run(folder)
    assert empty.state is RunState.NOT_STARTED and not (empty.groups or empty.metrics or empty.times)
    write_report.write_report(folder)
    train_and_kill(folder, 6)
    with folder.locked():
        assert report_of_run(folder).state is RunState.RUNNING
    assert report_of_run(folder).state is RunState.STOPPED
    train_on(folder)
    finished = report_of_run(folder)
    assert finished.state is RunState.FINISHED and finished.facts["step"] == "12 of 12" and finished.times


def test_the_page_names_what_is_damaged_and_shows_the_rest(images, tmp_path):
    folder = images(tmp_path)
    whole = report_of_run(folder)
    folder.metrics.write_text('{"step": 1}\n???\n')
    folder.results.write_text("[")
    folder.timing.write_text("{}")
    (folder.figures / "traversal.png").write_bytes(b"no picture")
    (folder.figures / "stability.png").unlink()
    report = report_of_run(folder)
    assert any("metrics.jsonl" in remark for remark in report.remarks)
    assert any("results.json" in remark for remark in report.remarks)
    assert any("traversal.png" in remark for remark in report.picture_remarks)
    assert not report.groups and not report.metrics and not report.times
    assert report.recipe == whole.recipe and report.pictures.made == whole.pictures.made
    assert "no picture" not in page_of(folder)


def _about(folder: RunFolder, **facts: object) -> None:
    path = folder.final / "about.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def _table_as_number(folder: RunFolder, name: str) -> None:
    tables = {**tomllib.loads(folder.resolved.read_text()), name: 3}
    folder.resolved.write_text(tomli_w.dumps(tables))


def _log(folder: RunFolder, text: str) -> None:
    with folder.metrics.open("a") as file:
        file.write(f'{{"step": 6, "t": 0.9, "autoencoder/rec": {text}}}\n')


STRANGE = {
    "parts": lambda folder: _about(folder, parts=None),
    "number of parts": lambda folder: _about(folder, parts=3),
    "huge integer": lambda folder: _log(folder, "1" + 400 * "0"),
    **{name: partial(_table_as_number, name=name) for name in ("train", "loss", "data", "metrics", "report", "seed")},
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_value_in_a_file_costs_what_it_is_part_of_and_no_more(images, tmp_path, name):
    folder = images(tmp_path)
    STRANGE[name](folder)
    report = report_of_run(folder)
    page_of(folder)
    assert report.pictures.made and report.facts["state"]
    if name in ("parts", "huge integer", "train"):
        assert_names("".join(report.remarks), "damaged", f"{folder.path}")


def test_a_page_of_many_curves_and_large_pictures_keeps_to_its_size(images, tmp_path):
    folder = images(tmp_path)
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(2000, 60)) * 1e-3
    with folder.metrics.open("w") as log:
        for number, row in enumerate(rows):
            terms = {f"autoencoder/q{term}": value for term, value in enumerate(row.tolist())}
            log.write(json.dumps({"step": 100 * number + 1, "t": number / 2000, **terms}) + "\n")
    for step in range(4):
        noise = generator.integers(0, 255, (900, 900, 3), dtype=np.uint8)
        PIL.Image.fromarray(noise).save(folder.samples / f"step-{step:08d}-samples.png", compress_level=0)
    page = page_of(folder)
    assert 2_000_000 < len(page.encode()) <= PAGE_BYTES


def test_a_value_that_is_not_finite_is_a_gap_and_is_said(images, tmp_path):
    folder = images(tmp_path)
    lines = folder.lines()
    key = next(key for key in lines[0] if key.endswith("/total"))
    for line in lines[1:]:
        line[key] = float("nan")
    folder.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = report_of_run(folder)
    notes = [note for group in report.groups for chart in group.charts for note in chart.notes]
    assert len(notes) == 1 and any("not finite" in remark for remark in report.remarks)
    page_of(folder)


def test_keys_that_differ_from_their_default_are_marked(tmp_path):
    folder = trained(tmp_path, TINY, "report.log_every=2", "report.draw_every=7", "checkpoint.keep=3")
    recipe = report_of_run(folder).recipe
    keys = {(table.name, key.name): key for table in recipe.tables for key in table.keys}
    assert keys["report", "log_every"].differs and keys["train", "steps"].differs
    assert keys["report", "draw_every"].differs and keys["report", "draw_every"].default == "1000"
    assert not keys["checkpoint", "keep"].differs, "the value is that of the default"
    assert not keys["train", "accumulate"].differs


def test_the_command_trains_the_same_run_whatever_the_options_were(tmp_path):
    options = ("seed=0", "report.draw_every=", "metrics.modes={}")  # a default, a key that is removed, an empty table
    text = "seed = 7\n" + TINY.replace("seed = 0\n", "") + "\n[report]\ndraw_every = 3\n"
    asked = [argument for option in options for argument in ("--set", option)]
    assert genkit("run", write_recipe(tmp_path, text), "-q", *asked).code == 0
    (path,) = Path("runs").glob("0001-*")
    program, *words = shlex.split(report_of_run(RunFolder(path)).recipe.again)
    assert program == "genkit" and genkit(*words, "-q", "--runs", "again").code == 0
    (again,) = Path("again").glob("0001-*")
    for name in ("recipe.resolved.toml", "metrics.jsonl", "results.json", "final/model.safetensors"):
        assert (again / name).read_bytes() == (path / name).read_bytes(), name


def test_the_command_names_no_folder_of_the_machine(images, tmp_path):
    folder = RunFolder(images(tmp_path).path.rename(tmp_path / "a run"))
    words = shlex.split(report_of_run(folder).recipe.again)
    assert words == ["genkit", "run", f"{tmp_path.name}/a run/recipe.resolved.toml"]


def test_a_page_that_cannot_be_written_does_not_fail_the_training(tmp_path, monkeypatch):
    def fail(*given, **named):
        raise RuntimeError("no page today")

    monkeypatch.setattr(write_report, "report_page", fail)
    folder = new_run(tmp_path, tiny_recipe())
    with pytest.warns(GenkitWarning, match="no page today"):
        train_on(folder)
    assert folder.finished and not folder.report.exists()


def test_a_training_inside_the_handling_of_another_error_has_its_page(tmp_path):
    folder = new_run(tmp_path, tiny_recipe())
    try:
        raise UsageError("another folder")
    except UsageError:
        train_on(folder)
    assert folder.finished and folder.report.is_file()


def test_a_wrong_call_writes_no_page(tmp_path):
    folder = new_run(tmp_path, tiny_recipe())

    world = SimpleNamespace(is_main=True)
    with pytest.raises(UsageError), write_report.report_at_end(folder, world, print):
        raise UsageError("no")
    assert not folder.report.exists()
    with pytest.raises(RuntimeError), write_report.report_at_end(folder, world, print):
        raise RuntimeError("no")
    assert folder.report.is_file()


def test_the_command_names_its_file_and_refuses_other_names(images, tmp_path):
    folder = images(tmp_path)
    folder.report.unlink()
    facts = json.loads(genkit("report", folder.path, "--json").out)
    assert facts == {"run": str(folder.path), "report": str(folder.report)} and folder.report.is_file()
    assert genkit("report", folder.path, "--out", "page.html").out.split() == ["report", "page.html"]
    assert Path("page.html").read_bytes() == folder.report.read_bytes()
    assert_names(refused("report", folder.path, "--out", "page.png"), "--out page.png", ".html")
    assert_names(refused("report", tmp_path / "absent"), f"{tmp_path / 'absent'}")
    before = {path.name for path in folder.path.iterdir()}
    if os.geteuid() != 0:
        folder.path.chmod(0o500)
        assert_names(refused("report", folder.path), f"{folder.report}", "--out")
        folder.path.chmod(0o700)
    assert {path.name for path in folder.path.iterdir()} == before


def test_a_phase_begins_after_the_last_line_without_it():
    lines = [{"step": step, "vae/kl": 1.0} for step in (100, 200)]
    lines += [{"step": step, "encoder/kl": 1.0, "decoder/kl": 1.0, "lr/encoder": 1e-3} for step in (300, 400)]
    assert phase_starts(lines) == {"encoder, decoder from step 200–300": 200}
    lines.insert(2, {"step": 201, "decoder/kl": 1.0})
    assert phase_starts(lines) == {
        "decoder after step 200": 200,
        "encoder from step 201–300": 201,
    }
    del lines[2]
    assert phase_starts(lines[2:]) == phase_starts([]) == {}


def test_a_name_has_one_look_in_all_charts_of_a_group():
    curve = [(1, 1.0), (2, 2.0)]
    panels = [
        Panel("kl, encoder", {"real": curve, "rec": curve, "fake": curve}),
        Panel("kl, decoder", {"fake": curve, "rec": curve}),
        Panel("alone", {"": curve}),
    ]
    (group,) = chart_groups([Section("terms", panels)], {})
    whole, some, alone = (dict(chart.legend) for chart in group.charts)
    assert {name: whole[name] for name in some} == some and len(set(whole.values())) == 3 and not alone


def test_a_total_that_is_no_sum_of_its_terms_is_explained():
    charts = [Panel("total", {"vae": [(1, 1.0), (2, 2.0)]}), Panel("rec", {"vae": [(1, 1.0), (2, 2.0)]})]
    (with_total,), (without,) = (chart_groups([Section("terms", each)], {}) for each in (charts, charts[1:]))
    assert with_total.about == [ABOUT_TOTAL] and without.about == []
