"""The page of a comparison: the same codes and samples for all runs, and what is absent is said."""

import base64
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.commands import IMAGES, TINY, genkit, refused, write_recipe
from support.messages import assert_names
from support.run_folders import result, write_run

import genkit as genkit_package
from genkit.pages.chart import value_text
from genkit.runs.comparison.compare import compare
from genkit.runs.comparison.compared_names import short_names
from genkit.runs.comparison.report_of_comparison import FEW, WHAT_IS_TRAINED, comparison_page, report_of_comparison
from genkit.runs.comparison.standing import Standing
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.report.report_of_run import report_of_run
from genkit.runs.trained_models.collapse import Reconstructed, joint_remarks

pytestmark = [pytest.mark.trains, pytest.mark.usefixtures("isolated")]

ERROR = "\n[metrics.error]\nuse = 'reconstruction-error'\nsamples = 64\n[report]\nlog_every = 1\n"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}"
PLAIN = " ".join(["plain"] * len(HOSTILE.split()))  # as many words, which a heading keeps whole


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the folders of runs: two on images, one with fewer latent dimensions, and two on points."""
    root = tmp_path_factory.mktemp("runs")
    found = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setenv("GENKIT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        for name, text, *overrides in (
            ("images", IMAGES),
            ("faster", IMAGES, "optimiser.encoder.lr=1e-2", "optimiser.decoder.lr=1e-2"),
            ("narrow", IMAGES, "model.latent_dim=3"),
            ("points", TINY),
            ("wide", TINY, "model.width=24"),
        ):
            sets = [part for override in overrides for part in ("--set", override)]
            written = genkit("run", write_recipe(root, text + ERROR), "-q", "--runs", root / name, *sets)
            assert written.code == 0, written.err
            found[name] = (root / name / "0001-tiny-s0").rename(root / name / name)
    return found


def report(runs, *names):
    return report_of_comparison(compare([runs[name] for name in names]))


def pixels(picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.source.split(",")[1]))))


def table(found, title):
    return next(each for each in found.pictures.tables if each.title.startswith(title))


def numbers(found):
    return [curve.cells for curve in found.curves.numbers]


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["0001-vae", "0002-vae"], ["0001", "0002"]),
        (["0001-vae", "0001-introvae"], ["0001-vae", "0001-introvae"]),
        (["0001-vae", "0001-as-introvae-8gaussians-s1"], ["run 1", "run 2"]),
        (["0001-vae", "a-name-without-any-number"], ["run 1", "run 2"]),
    ],
    ids=["numbers", "short-names", "same-number", "no-number"],
)
def test_a_short_name_tells_a_run_from_the_others(names, short):
    assert list(short_names(names).values()) == short and list(short_names(names)) == names


def test_a_remark_on_the_training_is_once_on_the_page_with_its_runs(runs, tmp_path):
    def trained(name, *overrides):
        sets = [part for override in overrides for part in ("--set", override)]
        assert genkit("run", write_recipe(tmp_path, TINY), "-q", "--runs", tmp_path / name, *sets).code == 0
        return (tmp_path / name / "0001-tiny-s0").rename(tmp_path / name / name)

    still = [trained(name, "optimiser.encoder.lr=0") for name in ("still", "calm")]
    of_pair = [each for each in report_of_comparison(compare(still)).remarks if "[optimiser.encoder]" in each]
    of_three = report_of_comparison(compare([*still, runs["points"]])).remarks
    assert len(of_pair) == 1 and "still" not in of_pair[0]
    (remark,) = (each for each in of_three if "[optimiser.encoder]" in each)
    assert remark.startswith("still, calm: ")


def test_a_collapsed_run_is_named_above_its_numbers(runs, tmp_path):
    folders = [copied(runs, name, tmp_path / name) for name in ("points", "wide")]
    for folder, share in zip(folders, (0.9, 0.01), strict=True):
        about = folder / "final" / "about.json"
        facts = json.loads(about.read_text("utf-8"))
        facts["reconstructed_variance"] = {"share": share, "samples": 64, "weights": "raw"}
        about.write_text(json.dumps(facts), encoding="utf-8")
    comparison = compare(folders)
    report = report_of_comparison(comparison)
    for remarks in (report.remarks, comparison.remarks, comparison.as_dict()["remarks"]):
        (remark,) = (each for each in remarks if "docs/collapse.md" in each)
        assert remark.startswith("wide: ")
    assert [run["reconstructed_variance"]["collapsed"] for run in comparison.as_dict()["runs"]] == [False, True]
    standings = {cell.standing for line in report.metrics for cell in line.cells[1:] if cell.value != "–"}
    assert standings == {Standing.COLLAPSED}
    assert not any(cell.standing is Standing.COLLAPSED for line in report.metrics for cell in line.cells[:1])
    assert "Collapsed:" in " ".join(report.about_metrics)
    printed = genkit("compare", *folders, "--out", tmp_path / "c.png").out
    assert "remark: wide: the model has collapsed" in " ".join(printed.split()) and "(collapsed)" in printed


def test_runs_that_have_collapsed_share_one_remark_with_their_shares():
    few, none, little = (Reconstructed(share, 64, "raw") for share in (0.012, -0.1, 0.1))
    fine, average = Reconstructed(0.5, 64, "raw"), Reconstructed(0.012, 64, "ema")
    assert joint_remarks({"a": fine}) == [] and joint_remarks({"a": few, "b": fine}) == [f"a: {few.remark}."]
    both, other, alone = joint_remarks({"a": few, "b": little, "c": none, "d": fine, "e": average, "f": little})
    assert both.startswith("a, c: the models have collapsed") and "1.2% and 0.0% of" in both and few.advice not in both
    assert other.startswith("b, f: ") and "10.0% and 10.0% of" in other and "have collapsed" not in other
    assert other.endswith(f" {few.advice}."), "the advice is given once, in the last remark that has it"
    assert alone == f"e: {average.remark}." and few.advice not in alone


def test_a_schedule_jumps_at_its_milestone_and_not_at_the_next_logged_step(tmp_path):
    rate = 'lr = { use = "multistep", value = 1e-3, milestones = [0.6] }'
    recipe = write_recipe(tmp_path, TINY.replace("lr = 1e-3", rate).replace("steps = 5", "steps = 40"))
    folders = []
    for seed in ("0", "1"):
        sets = ("--set", f"seed={seed}", "--set", "report.log_every=20")
        assert genkit("run", recipe, "-q", "--runs", tmp_path / seed, *sets).code == 0
        folders.append(tmp_path / seed / f"0001-tiny-s{seed}")
    (chart,) = (chart for chart in all_charts(report_of_comparison(compare(folders))) if chart.title.startswith("lr/"))
    at = next(step for step in range(1, 41) if (step - 1) / 40 >= 0.6)
    points = {point["x"]: point["y"] for point in chart.spec["data"]["values"]}
    assert points == {20: 1e-3, at - 1: 1e-3, at: pytest.approx(1e-4), 40: pytest.approx(1e-4)}


def test_a_column_of_samples_has_the_latent_code_that_the_run_itself_has_drawn(runs):
    samples = table(report(runs, "images", "faster"), "Samples")
    for row in samples.rows:
        newest = sorted((runs[row.name] / "strip").iterdir())[-1]  # written by the run while it trained
        drawn = np.load(newest)[:, 0]
        assert len(drawn) == 8 < len(row.tiles)
        assert all(np.array_equal(pixels(tile.picture), image) for tile, image in zip(row.tiles, drawn))
    assert "except" not in samples.about and not any("own codes" in row.note for row in samples.rows)


def test_a_run_with_other_codes_says_so_and_shows_its_own(runs):
    samples = table(report(runs, "images", "narrow", "faster"), "Samples")
    notes = {row.name: row.note for row in samples.rows}
    assert "own codes" in notes["narrow"] and "3 dimensions" in notes["narrow"] and "narrow" in samples.about
    assert "own codes" not in notes["images"] + notes["faster"]


def test_another_prior_of_the_same_dimension_has_its_own_codes(runs, tmp_path):
    recipe = write_recipe(tmp_path, TINY + "[model.prior]\nuse = 'mixture'\ncomponents = 3\n")
    assert genkit("run", recipe, "-q", "--runs", tmp_path / "mixture").code == 0
    other = tmp_path / "mixture" / "0001-tiny-s0"
    squares = report_of_comparison(compare([runs["points"], other])).pictures.squares[0].squares
    assert "own codes" not in squares[0].note and "own codes" in squares[1].note and "prior" in squares[1].note


def test_reconstructions_are_of_the_same_samples_with_their_errors(runs):
    rows = table(report(runs, "images", "faster"), "Held-out").rows
    assert [row.name for row in rows] == ["", "images", "faster"]
    inputs = np.stack([pixels(tile.picture) for tile in rows[0].tiles]) / 255
    for row in rows[1:]:
        outputs = np.stack([pixels(tile.picture) for tile in row.tiles]) / 255
        errors = ((inputs - outputs) ** 2).mean(axis=(1, 2))
        assert [float(tile.text) for tile in row.tiles] == pytest.approx(errors, rel=0.02)  # of 8-bit pixels
        assert float(re.search(r"error ([\d.e-]+)", row.note)[1]) == pytest.approx(errors.mean(), rel=0.02)
    assert rows[1].tiles[0].text != rows[2].tiles[0].text


def test_recipes_differ_first_and_metrics_share_a_line_only_if_comparable(runs, never_collapsed):
    found = report(runs, "images", "faster")
    assert [line.name for line in found.deciding] == ["optimiser.encoder.lr", "optimiser.decoder.lr"]
    assert found.first == found.deciding and not found.folded
    page = comparison_page(compare([runs["images"], runs["faster"]])).decode()
    places = [page.index(f'<section id="{name}"') for name in ("recipes", "metrics", "pictures", "curves", "training")]
    assert places == sorted(places)
    (line,) = found.metrics
    kept = [json.loads((runs[name] / "results.json").read_text())[0]["value"] for name in ("images", "faster")]
    assert [cell.value for cell in line.cells] == [f"{value:.5g}" for value in kept]
    best = [cell.standing is Standing.LOWEST for cell in line.cells]
    assert best == [value == min(kept) for value in kept]
    mixed = report(runs, "images", "points").metrics
    assert len(mixed) == 3 and all([cell.value for cell in line.cells].count("–") == 1 for line in mixed)


def test_what_is_trained_comes_first_and_many_other_keys_are_folded_with_their_number(runs):
    found = report(runs, "points", "images")
    first = [line.name for line in found.first]
    trained = [name for name in first if name in WHAT_IS_TRAINED]
    assert {"loss.use", "model.use", "data.use"} & set(trained) and first[: len(trained)] == trained
    assert trained == sorted(trained, key=WHAT_IS_TRAINED.index) and len(first) <= FEW
    of_all = {line.name for line in found.deciding if "–" not in line.cells}
    others = first[len(trained) :]
    assert set(others) <= of_all and (of_all <= set(first) or len(first) == FEW), "a key of all runs is not hidden"
    shown = [*first, *(line.name for _, lines in found.folded for line in lines)]
    assert sorted(shown) == sorted(compare([runs["points"], runs["images"]]).differences), "each key once"
    assert [int(heading.split()[-1]) for heading, _ in found.folded] == [len(lines) for _, lines in found.folded]
    assert len(found.folded[0][1]) + len(first) == len(found.deciding) > FEW
    page = comparison_page(compare([runs["points"], runs["images"]])).decode()
    places = [page.index(f'<section id="{name}"') for name in ("recipes", "metrics", "pictures", "curves", "keys")]
    assert places == sorted(places)
    keys = page[places[-1] : page.index('<section id="training"')]
    assert all(f"<details><summary>{heading}</summary>" in keys for heading, _ in found.folded)


def test_images_and_points_have_headings_of_their_own(runs):
    mixed = report(runs, "images", "points", "narrow")
    page = comparison_page(compare([runs["images"], runs["points"], runs["narrow"]])).decode()
    images, points = page.index(">Images</h3>"), page.index(">Points in the plane</h3>")
    assert images < page.index("<h4>Held-out reconstructions</h4>") < points < page.index("<strong>Density</strong>")
    notes = {row.name: row.note for row in table(mixed, "Samples").rows}
    assert "own codes" not in notes["images"] and "3 dimensions instead of 4" in notes["narrow"]
    alone = report(runs, "points", "images")
    assert table(alone, "Samples").title == "Samples" and "own codes" not in table(alone, "Samples").rows[0].note
    assert "codes" not in alone.pictures.squares[0].about and "scale" not in alone.pictures.squares[0].about
    assert ">Images</h3>" not in comparison_page(compare([runs["images"], runs["faster"]])).decode()


def all_charts(found):
    """Return the charts in the order of the page."""
    parts = (*found.curves.groups, *found.curves.of_one_run, *found.curves.folded)
    return [chart for part in parts for chart in part.charts]


def colours(chart):
    return chart.spec["layer"][0]["encoding"]["color"]["scale"]["range"]


def test_a_run_looks_the_same_in_every_chart_of_several_runs_and_in_its_charts_of_one_curve(runs):
    found = report(runs, "images", "faster", "points")
    looks = {run.name: run.look for run in found.runs}
    charts = [chart for group in found.curves.groups for chart in group.charts]
    assert len(set(looks.values())) == 3 and charts
    for chart in charts:
        assert chart.legend and all(look == looks[name] for name, look in chart.legend)
        assert colours(chart) == [look.colour for _, look in chart.legend]
    (alone,) = found.curves.of_one_run
    single = [chart for chart in alone.charts if len(colours(chart)) == 1]
    assert alone.name == "points" and single and not any(chart.legend for chart in single)
    assert all(colours(chart) == [looks["points"].colour] for chart in single)


def test_terms_share_a_chart_on_the_same_data_only_and_those_of_one_run_are_folded(runs):
    def shared(found):
        groups = [group for group in found.curves.groups if group.heading != "Schedules"]
        return [{name for name, _ in chart.legend} for group in groups for chart in group.charts]

    pair = report(runs, "images", "faster")
    assert shared(pair) and not pair.curves.of_one_run
    mixed = report(runs, "points", "images", "faster")
    assert shared(mixed) == [{"images", "faster"}] * len(shared(pair))
    (alone,) = mixed.curves.of_one_run
    assert alone.name == "points" and not mixed.curves.opens_single_runs
    page = comparison_page(compare([runs[name] for name in ("points", "images", "faster")])).decode()
    curves = page[page.index('<section id="curves"') : page.index('<section id="keys"')]
    assert "<details open" not in curves and "The curves in numbers</summary>" in curves
    folded = curves[curves.index("<details>") : curves.index("</details>")]
    assert folded.count("<figure") == len(alone.charts) and f"points: {len(alone.charts)} chart" in folded


def test_curves_of_one_run_have_the_charts_of_its_own_page(runs):
    (alone, _) = report(runs, "points", "images").curves.of_one_run
    own = [group for group in report_of_run(RunFolder(runs["points"])).groups if group.heading != "Schedules"]
    assert [(group.heading, [chart.title for chart in group.charts]) for group in alone.groups] == [
        (group.heading, [chart.title for chart in group.charts]) for group in own
    ]
    assert [chart.spec["data"] for chart in alone.charts] == [
        chart.spec["data"] for group in own for chart in group.charts
    ]


def test_each_curve_in_numbers_knows_its_chart(runs):
    for names in (("points", "images", "faster"), ("points", "images"), ("images", "narrow")):
        found = report(runs, *names)
        charts = all_charts(found)
        places = [curve.place for curve in found.curves.numbers]
        assert {int(place.split(":")[0]) for place in places} == set(range(len(charts)))
        for curve in found.curves.numbers:
            chart, number = map(int, curve.place.split(":"))
            values = [row["y"] for row in charts[chart].spec["data"]["values"] if row["s"] == str(number)]
            assert (value_text(values[0]), value_text(values[-1])) == tuple(curve.cells[2:4])
            lines = [RunFolder(runs[name]).lines() for name in ([curve.cells[1]] if curve.cells[1] else names)]
            keys = [key.partition(": ")[0] for key in curve.cells[0].split(", ")]
            logged = [[line[key] for line in of_run if key in line] for of_run in lines for key in keys]
            assert logged and all(each == pytest.approx(values, rel=1e-6) for each in logged)


def test_runs_without_anything_in_common_have_their_charts_open_and_the_schedules_folded(runs):
    apart = report(runs, "images", "points")
    assert [run.name for run in apart.curves.of_one_run] == ["images", "points"]
    assert not apart.curves.groups and apart.curves.opens_single_runs
    assert apart.curves.folded and all(group.heading.startswith("Schedules") for group in apart.curves.folded)
    assert not any(line.shared for line in apart.metrics) and "no two runs share one" in apart.about_metrics[0]
    page = comparison_page(compare([runs["images"], runs["points"]])).decode()
    assert page.count("<details open><summary>") == 2


def test_equal_quantities_share_a_chart_and_schedules_of_all_runs_are_drawn_once(runs):
    same = report(runs, "images", "narrow").curves
    (chart,) = (chart for group in same.folded for chart in group.charts)
    assert chart.title == "lr/encoder, lr/decoder" and len(colours(chart)) == 1 and not chart.legend
    (line,) = (curve.cells[:2] for curve in same.numbers if curve.cells[0].startswith("lr/"))
    assert line == ("lr/encoder, lr/decoder", "")
    different = report(runs, "images", "faster").curves
    titles = [chart.title for chart in different.groups[-1].charts]
    assert different.groups[-1].heading == "Schedules" and titles == ["lr/encoder, lr/decoder"] and not different.folded


def test_different_data_are_named_in_titles_and_a_run_only_where_names_are_equal(tmp_path):
    def titles(**tables):
        folders = [write_run(tmp_path / name, tables=text, steps=(1, 2)).path for name, text in tables.items()]
        return [title for title, *_ in numbers(report_of_comparison(compare(folders)))]

    digits, others = '[data]\nuse = "digits"\n', '[data]\nuse = "digits"\nclasses = [1]\n'
    assert titles(a=digits, b=digits) == ["vae/total"] * 2
    assert titles(c=digits, d='[data]\nuse = "rings"\n') == ["vae/total"] * 2, "each of one run only"
    assert titles(e=digits, f=others, g=others) == [*["vae/total: digits of f"] * 2, "vae/total"]
    assert titles(h=digits, i="", j="") == [*["vae/total: data of i"] * 2, "vae/total"]
    assert titles(k='[data]\nuse = "rings"\n', l=digits, m=digits) == [*["vae/total: digits"] * 2, "vae/total"]


def pair_in_order(runs, names, headings):
    """Return the headings in the order in which they are on the page of two runs."""
    return sorted(headings, key=comparison_page(compare([runs[name] for name in names])).decode().index)


def test_what_several_runs_share_comes_first(runs):
    found = report(runs, "points", "images", "faster")
    shared = [line.shared for line in found.metrics]
    assert shared == sorted(shared, reverse=True) and set(shared) == {True, False}
    assert [sum(cell.value != "–" for cell in line.cells) > 1 for line in found.metrics] == shared
    page = comparison_page(compare([runs[name] for name in ("points", "images", "faster")])).decode()
    assert page.count(">Of one run only<") == 1
    order = [">Images</h3>", ">Points in the plane</h3>"]
    assert sorted(order, key=page.index) == order
    other = comparison_page(compare([runs[name] for name in ("images", "points", "wide")])).decode()
    assert sorted(order, key=other.index) == order[::-1]
    firsts = {"images": order, "points": order[::-1]}  # as many of each: the kind of the first run
    for names in (("images", "points"), ("points", "images")):
        assert pair_in_order(runs, names, order) == firsts[names[0]]


def test_heads_of_columns_have_the_number_of_a_run_where_there_is_little_room(tmp_path):
    def short(*names):
        for name in names:
            if not (tmp_path / name).exists():
                write_run(tmp_path / name, steps=(1, 2))
        return [run.short for run in report_of_comparison(compare([tmp_path / name for name in names])).runs]

    assert short("0001-a-s0", "0012-b-s1") == ["0001", "0012"]
    assert short("0001-a-s0", "12345-b") == ["0001", "12345"]
    assert short("0001-a-s0", "0001-b-s0") == ["0001-a-s0", "0001-b-s0"], "not distinct"
    assert short("0001-a-s0", "mine") == ["0001-a-s0", "mine"], "not all have one"


def test_every_curve_has_its_numbers(runs):
    found = report(runs, "images", "faster")
    for name in ("images", "faster"):
        lines = [json.loads(line) for line in (runs[name] / "metrics.jsonl").read_text().splitlines()]
        (key,) = [key for key in lines[0] if key.endswith("encoder/total") or key == "vae/total"][:1]
        values = [line[key] for line in lines if key in line]
        (row,) = (row for row in numbers(found) if row[:2] == (key, name))
        ends = [values[0], values[-1], min(values), max(values)]
        assert [float(text) for text in row[2:]] == pytest.approx(ends, rel=1e-3)


def test_the_note_of_the_metrics_explains_the_words_that_occur(tmp_path):
    def about(*values):
        folders = []
        for number, value in enumerate(values):
            folders.append(tmp_path / f"{values}{number}")
            write_run(folders[-1], steps=(1, 2), results=[result("error", value, "lower")])
        return {text.split()[0].strip(":") for text in report_of_comparison(compare(folders)).about_metrics}

    assert about(1.0, 2.0) == {"Values", "Lowest", "The"} and about(1.0, 1.0) == {"Values", "Tied"}


def test_points_have_squares_of_one_scale(runs):
    found = report(runs, "points", "wide")
    assert [row.title for row in found.pictures.squares] == ["Samples", "Density", "Held-out reconstructions"]
    assert all([square.name for square in row.squares] == ["points", "wide"] for row in found.pictures.squares)
    assert not found.pictures.remarks and not found.pictures.tables
    grey = [(pixels(square.picture)[..., :3] == 170).all(axis=2) for square in found.pictures.squares[0].squares]
    union = grey[0] | grey[1]
    assert (grey[0] & grey[1]).sum() > 0.5 * union.sum() > 0, "the data are at the same places"


def copied(runs, name, place) -> Path:
    return Path(shutil.copytree(runs[name], place))


def test_what_is_absent_is_said_and_the_rest_is_shown(runs, tmp_path):
    without_model, other_part, other_data = (
        copied(runs, "images", tmp_path / name) for name in ("without-model", "other-part", "other-data")
    )
    for name in ("final", "checkpoints", "best"):
        shutil.rmtree(without_model / name, ignore_errors=True)
    for recipe in (other_part / "recipe.resolved.toml", other_part / "final" / "recipe.toml"):
        recipe.write_text(recipe.read_text().replace('"small-conv"', '"not-installed"'))
    for about in (other_data / "final" / "about.json", *other_data.glob("checkpoints/*/state.json")):
        text = about.read_text()
        about.write_text(re.sub(r'("pixel_digest": ")\w{4}', r"\g<1>0000", text))
    found = report_of_comparison(compare([runs["images"], without_model, other_part, other_data]))
    assert [row.name for row in table(found, "Samples").rows] == ["images", "other-data"]
    assert [row.name for row in table(found, "Held-out").rows] == ["", "images"]
    for name in ("without-model", "other-part", "other-data"):
        (remark,) = (each for each in found.pictures.remarks if each.startswith(name))
        assert len(remark) > len(name) + 20
    assert "not-installed" in next(each for each in found.pictures.remarks if each.startswith("other-part"))
    assert found.curves.groups and found.metrics


def test_runs_without_anything_have_a_page(tmp_path):
    for name in ("a", "b"):
        write_run(tmp_path / name)
    found = report_of_comparison(compare([tmp_path / "a", tmp_path / "b"]))
    assert not (found.curves.groups or found.metrics or found.pictures.tables or found.deciding)
    assert len(found.pictures.remarks) == 2
    assert b"<section" in comparison_page(compare([tmp_path / "a", tmp_path / "b"]))


class Tags(HTMLParser):
    """Counts the tags of a page, and keeps the names of its attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = {}, set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.attributes |= {name for name, _ in attrs}


def test_hostile_names_titles_keys_and_metrics_are_text(tmp_path):
    def page(text, folder):
        quoted = json.dumps(text)
        for number in (1, 2):
            write_run(
                tmp_path / folder / f"{text.replace('/', '|')}{number}",
                title=text,
                tables=f"[data]\nuse = {quoted}\nkey = {number}\n[loss]\n{quoted} = {quoted}\nx{number} = {quoted}\n",
                steps=(1, 2, 3),
                results=[result(text, number, "lower")],
            )
        return comparison_page(compare(sorted((tmp_path / folder).iterdir()))).decode()

    harmless, hostile = page(PLAIN, "one"), page(HOSTILE, "two")
    assert Tags(hostile).tags == Tags(harmless).tags
    assert not [name for name in Tags(hostile).attributes if name.startswith("on")]
    assert "{{ 7 * 7 }}" in hostile and "<img src=x" not in hostile and "<script>alert" not in hostile


def test_ten_runs_fit_into_a_page_and_eleven_are_refused(runs, tmp_path):
    folders = [copied(runs, "images", tmp_path / f"run-{number}") for number in range(11)]
    page = comparison_page(compare(folders[:10]))
    assert len(page) < 3_000_000 and page == comparison_page(compare(folders[:10]))
    found = report_of_comparison(compare(folders[:10]))
    assert len({run.look for run in found.runs}) == 10
    message = refused("compare", *folders, "--html")
    assert_names(message, "11", "10")
    assert not list(Path().glob("comparison*"))


def test_the_command_and_python_write_the_same_page(runs, tmp_path):
    pair = runs["points"], runs["wide"]
    shown = genkit("compare", *pair, "--html")
    assert shown.code == 0 and "page      comparison.html" in shown.out and not Path("comparison.png").exists()
    assert genkit("compare", "--html", *pair, "--json").code == 0, "a run is not the name of the page"
    both = genkit("compare", *pair, "--html", "own.html", "--out", "own.png", "--json")
    assert json.loads(both.out)["page"] == "own.html" and Path("own.png").exists()
    assert genkit("compare", *pair, "--html=pages/").code == 0
    written = genkit_package.compare(*pair).report(tmp_path / "python.html")
    pages = {
        path.read_bytes()
        for path in (Path("comparison.html"), Path("own.html"), Path("pages/comparison.html"), written)
    }
    assert len(pages) == 1 and len(list(Path().glob("*.html"))) == 3
    assert_names(refused("compare", *pair, "--html=page.txt"), "--html", ".html")
    assert_names(refused("compare", *pair, "--html", "--out", "page.html"), "--out", ".png")
