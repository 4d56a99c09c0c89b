"""The experiments of a table, and mistakes that only the plans of its cells show."""

import tomllib

import pytest
import tomli_w
from support.messages import assert_names
from support.tables import experiments_in

from genkit.errors import UsageError
from genkit.recipe.changed_keys import changed_keys
from genkit.recipe.text.shipped import recipes_folder
from genkit.tables.planning import dry_run_cells
from genkit.tables.results_file import ResultsFile
from genkit.tables.selection import select_experiments

pytestmark = pytest.mark.trains

SHIPPED = sorted((recipes_folder() / "tables").glob("*.toml"))


def refused_plans(path):
    with pytest.raises(UsageError) as refused:
        experiments_in(path)
    return str(refused.value)


def test_the_problems_of_all_cells_are_reported_at_once(table_file):
    path = table_file(
        ('recipe = "tiny.toml"\nignore', 'recipe = "absent.toml"\nignore'), ("beta_rec = 2.0", "beta = 2.0")
    )
    assert_names(refused_plans(path), "a/narrow", "absent.toml", "b/wide", "loss", "beta")


def test_a_mistake_in_an_override_is_reported_with_its_line_in_the_table_and_its_cells(table_file):
    path = table_file(("set.loss.beta_kl = 0.5", "set.loss.beta_kll = 0.5"), ("width = 32", "width = -1"))
    lines = refused_plans(path).splitlines()
    assert len(lines) == len(set(lines)) == 2, lines
    unknown = next(line for line in lines if "beta_kll" in line)
    assert unknown.startswith(f"{path}:16 [rows.a.set.loss] beta_kll: unknown key")
    assert 'ignore = ["loss.beta_kll"]' in unknown and unknown.endswith("In a/narrow, a/wide.")
    assert any(line.startswith(f"{path}:12 [columns.wide.set.model] width: ") for line in lines)


def test_a_metric_that_no_recipe_has_is_refused(table_file):
    path = table_file(('metrics = ["modes"]', 'metrics = ["modes", "kl"]'))
    assert_names(refused_plans(path), f"{path}:2 metrics: ", 'a metric "kl"')


def test_a_recipe_may_be_the_name_of_a_shipped_one_and_a_file_beside_the_table_goes_first(table_file, tmp_path):
    same_protocol = "set.metrics.modes.samples = 100"
    path = table_file(
        ('recipe = "tiny.toml"\nset', f'recipe = "vae_{{row}}"\n{same_protocol}\nset'),
        ("[rows.b]", "[rows.8gaussians]"),
        ('columns = ["wide"]', f'[columns.c]\nrecipe = "vae_8gaussians"\n{same_protocol}'),
    )
    (tmp_path / "vae_a").write_bytes((tmp_path / "tiny.toml").read_bytes())
    recipes = {str(each.cell): each.cell.recipe for each in experiments_in(path)}
    shipped = recipes_folder() / "vae_8gaussians.toml"
    assert recipes["a/c"] == recipes["8gaussians/wide"] == shipped and recipes["a/wide"] == tmp_path / "vae_a"
    (tmp_path / "vae_8gaussians").mkdir()
    assert_names(refused_plans(path), "vae_8gaussians: a folder")


def test_a_removal_that_no_recipe_needs_is_refused(table_file):
    path = table_file(("width = 32", 'width = 32\nset.train.stesp = ""'), ("set.train.steps = 9", 'set.ema.dcay = ""'))
    lines = refused_plans(path).splitlines()
    assert len(lines) == 2
    assert_names(lines[0], f"{path}:", "[rows.", "ema.dcay")
    assert_names(lines[1], f"{path}:13 [columns.wide.set.train] stesp: ", "mean steps?")
    only_in_column = [("width = 32", "width = 32\nset.report.log_every = 3"), ("= 9", '= 9\nset.report.log_every = ""')]
    experiments_in(table_file(*only_in_column, ('title = "B_2"', 'title = "B_2"\nset.model.width = ""')))


def test_different_protocols_in_one_line_are_refused(table_file):
    path = table_file(("set.model.width = 32", "set.model.width = 32\nset.metrics.modes.samples = 200"))
    assert_names(refused_plans(path), f"{path}:2 metrics: a/narrow and a/wide", '"modes"', "100", "200")
    same_protocol = 'm = { use = "%s", samples = 100 }'
    path = table_file(
        ('metrics = ["modes"]', 'metrics = ["m"]'),
        ('recipe = "tiny.toml"\nignore', f'recipe = "tiny.toml"\nset.metrics.{same_protocol % "modes"}\nignore'),
        ("set.model.width = 32", f"set.metrics.{same_protocol % 'high-quality'}"),
        ("{ modes = 8.0 }", "{ m = 8.0 }"),
    )
    assert_names(refused_plans(path), "modes of 100 samples", "high-quality of 100 samples")


def test_every_cell_has_every_seed(table_file):
    names = [str(experiment) for experiment in experiments_in(table_file())]
    assert names == ["a/narrow/0", "a/narrow/1", "a/wide/0", "a/wide/1", "b/wide/0", "b/wide/1"]


def digest_with(table_file, *lines):
    path = table_file(("set.model.width = 32", "\n".join(["set.model.width = 32", *lines])))
    return experiments_in(path)[2].recipe_digest


def test_the_digest_of_a_recipe_depends_on_the_keys_that_decide_the_weights_and_on_no_others(table_file):
    plain = digest_with(table_file)
    for without_effect in (
        'set.title = "x"',
        "set.report.log_every = 3",
        "set.checkpoint.keep = 1",
        "set.metrics.high-quality.samples = 9",
    ):
        assert digest_with(table_file, without_effect) == plain
    effects = ("set.train.batch_size = 32", "set.optimiser.encoder.lr = 1e-4", "set.ema.decay = 0.5")
    assert len({plain, *(digest_with(table_file, effect) for effect in effects)}) == 4


def test_cells_with_the_same_recipe_share_a_run(table_file):
    both = experiments_in(
        table_file(('columns = ["wide"]', ""), ("set.train.steps = 9\n", ""), ("set.train.steps = 7\n", ""))
    )
    runs = {str(experiment): experiment.run for experiment in both}
    assert runs["a/narrow/0"] != runs["a/narrow/1"] and runs["a/narrow/0"] != runs["b/narrow/0"]
    ignored = experiments_in(
        table_file(
            ('columns = ["wide"]', ""),
            ("set.train.steps = 9\n", ""),
            ('"loss.beta_kl"', '"loss.beta_kl", "loss.beta_rec"'),
        )
    )
    runs = {str(experiment): experiment.run for experiment in ignored}
    assert runs["a/narrow/0"] == runs["b/narrow/0"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_table_plans_and_its_runs_have_the_names_of_the_kept_ones(path):
    experiments = experiments_in(path)
    assert experiments
    kept = ResultsFile(path.with_suffix(".json"), path.name).read()
    measured = [each for each in experiments if str(each) in kept]
    assert {str(each) for each in measured} == kept.keys() and all(
        kept[str(each)].is_current(each) for each in measured
    )
    assert [kept[str(each)].run for each in measured] == [each.run for each in measured]


@pytest.mark.slow
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_dry_run_of_a_shipped_table_passes(path):
    dry_run_cells(experiments_in(path), path)


def test_changed_keys_are_named():
    before = {"loss": {"use": "vae", "beta_kl": 0.5}, "model": {"width": 16}}
    after = {"loss": {"use": "vae", "beta_kl": 0.3}, "model": {"width": 16}, "ema": {"decay": 0.9}}
    assert changed_keys(before, after) == ["ema absent -> {'decay': 0.9}", "loss.beta_kl 0.5 -> 0.3"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a/narrow/1", ["a/narrow/1"]),
        ("a/narrow", ["a/narrow/0", "a/narrow/1"]),
        ("b", ["b/wide/0", "b/wide/1"]),
        ("*/wide/0", ["a/wide/0", "b/wide/0"]),
    ],
)
def test_a_pattern_selects_runs(table_file, pattern, names):
    assert [str(each) for each in select_experiments(experiments_in(table_file()), [pattern])] == names


def test_a_pattern_that_matches_nothing_is_refused(table_file):
    with pytest.raises(UsageError) as refused:
        select_experiments(experiments_in(table_file()), ["c/wide"])
    assert_names(refused.value, "--only c/wide: ", "a/narrow/0", "mean a/wide or b/wide?")


def test_a_default_that_other_keys_decide_is_in_the_run_folder_and_not_in_the_digest(table_file, tmp_path):
    loss = ('"tiny.toml"\nignore = ["loss.beta_kl"]', '"tiny.toml"\nset.loss.use = "as-introvae"')
    experiment = experiments_in(table_file(loss))[0]
    assert "divergence" not in experiment.recipe["loss"]
    folder = experiment.open_folder(tmp_path / "runs")
    resolved = tomllib.loads(folder.resolved.read_text())
    assert resolved["loss"]["divergence"]["bandwidth"] == 0.61
    for left_out in ("divergence", "c"):  # as runs that were made before have it
        del resolved["loss"][left_out]
    folder.resolved.write_text(tomli_w.dumps(resolved))
    assert experiment.open_folder(tmp_path / "runs").path == folder.path
    resolved["loss"]["divergence"] = {"use": "zero"}
    folder.resolved.write_text(tomli_w.dumps(resolved))
    with pytest.raises(UsageError) as refused:
        experiment.open_folder(tmp_path / "runs")
    assert_names(refused.value, "loss.divergence.use as-distance -> zero")


def test_a_run_folder_that_holds_another_recipe_than_its_name_says_is_refused(table_file, tmp_path):
    experiment = experiments_in(table_file())[0]
    resolved = experiment.open_folder(tmp_path / "runs").resolved
    assert experiment.open_folder(tmp_path / "runs").resolved == resolved
    resolved.write_text(resolved.read_text().replace("width = 16", "width = 17"))
    with pytest.raises(UsageError) as refused:
        experiment.open_folder(tmp_path / "runs")
    assert_names(refused.value, f"{resolved}: ", "model.width 16 -> 17", "Delete")
    resolved.write_text("x = [")
    with pytest.raises(UsageError) as refused:
        experiment.open_folder(tmp_path / "runs")
    assert_names(refused.value, f"{resolved}: ", "damaged", "Delete")
