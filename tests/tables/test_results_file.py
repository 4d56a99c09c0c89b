"""The results file: what is written is read back, nothing is lost, and damaged files are refused."""

import json
import shutil
import threading
from dataclasses import replace

import pytest
from PIL import Image
from support.messages import assert_names
from support.tables import current_run, experiments_in, made_up_result, made_up_run

from genkit.core.result import Result
from genkit.errors import UsageError
from genkit.recipe.text.shipped import recipes_folder
from genkit.tables.cell_result import CellResult
from genkit.tables.results_file import ResultsFile

pytestmark = pytest.mark.trains


def test_results_are_read_back(tmp_path):
    results_file = ResultsFile(tmp_path / "deep" / "t.json", "t.toml")
    assert results_file.read() == {}
    given = {
        "a/x/0": made_up_run(3.0, made_with={"threads": 1}),
        "a/x/1": made_up_run(None),
        "a/y/0": made_up_run(1.0, "d2", failure="NaN"),
    }
    result = replace(made_up_result(0.9), interval=(0.8, 0.95))
    given["a/y/1"] = replace(made_up_run(0.9, "d2"), results={"modes": result})
    for name, result in given.items():
        results_file.add(name, result)
    assert results_file.read() == given
    content = json.loads(results_file.path.read_text())
    assert set(content["recipes"]) == {"d1", "d2"} and len(content["protocols"]) == 1


@pytest.mark.parametrize("path", sorted((recipes_folder() / "tables").glob("*.json")), ids=lambda path: path.stem)
def test_a_shipped_results_file_is_written_byte_for_byte_as_it_was_read(path, tmp_path):
    table = f"{path.stem}.toml"
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    name, result = next(iter(ResultsFile(copy, table).read().items()))
    ResultsFile(copy, table).add(name, result)
    assert copy.read_bytes() == path.read_bytes()


def test_equal_ends_that_an_older_version_kept_are_no_interval(tmp_path):
    results_file = ResultsFile(tmp_path / "t.json", "t.toml")
    for number, low in enumerate((1.0, 0.9)):
        result = replace(made_up_result(1.0), interval=(low, 1.0))
        results_file.add(f"a/x/{number}", replace(made_up_run(1.0), results={"modes": result}))
    kept = results_file.read()
    assert [kept[name].results["modes"].interval for name in ("a/x/0", "a/x/1")] == [None, (0.9, 1.0)]


def test_nothing_is_lost_when_several_add_at_once(tmp_path):
    def add(first):
        for number in range(first, 40, 4):
            ResultsFile(tmp_path / "t.json", "t.toml").add(f"a/x/{number}", made_up_run(float(number)))

    workers = [threading.Thread(target=add, args=(first,)) for first in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    kept = ResultsFile(tmp_path / "t.json", "t.toml").read()
    values = {name: result.results["modes"].value for name, result in kept.items()}
    assert values == {f"a/x/{number}": float(number) for number in range(40)}
    assert [path.name for path in tmp_path.iterdir()] == ["t.json"]  # neither a lock nor a part of it


def test_the_results_of_another_table_are_not_overwritten(tmp_path):
    ResultsFile(tmp_path / "t.json", "t.toml").add("a/x/0", made_up_run(1.0))
    before = (tmp_path / "t.json").read_bytes()
    with pytest.raises(UsageError) as refused:
        ResultsFile(tmp_path / "t.json", "other.toml").add("a/x/0", made_up_run(2.0))
    assert_names(refused.value, f"{tmp_path / 't.json'}: ", "t.toml", "other.toml", "--cells")
    assert (tmp_path / "t.json").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "names"),
    [
        *((text, ["damaged"]) for text in ("", "{}", '{"format": 1}', "[1]", "<<<<<<< HEAD\n{}")),
        ('{"format": 9}', ["format 9"]),
    ],
)
def test_a_damaged_file_is_refused_and_stays(tmp_path, text, names):
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(UsageError) as refused:
        ResultsFile(path, "t.toml").add("a/x/0", made_up_run(1.0))
    assert_names(refused.value, f"{path}: ", *names)
    assert path.read_text() == text


def refused_with(path, place, value):
    """Return the message of reading a file with one value replaced; None in `place` is the first key there."""
    ResultsFile(path, "t.toml").add("a/x/0", made_up_run(1.0))
    inner = content = json.loads(path.read_text())
    for key in place[:-1]:
        inner = inner[key if key is not None else next(iter(inner))]
    inner[place[-1]] = value
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError) as refused:
        ResultsFile(path, "t.toml").read()
    return str(refused.value)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("recipes", "d1"), "x"),
        (("protocols", None, "details"), 3),
        (("protocols", None, "samples"), "5000"),
        (("cells", "a/x/0", "run"), 5),
        (("cells", "a/x/0", "failure"), None),
        (("cells", "a/x/0", "made_with"), []),
        (("cells", "a/x/0", "results", "modes", "better"), "up"),
        *((("cells", "a/x/0", "results", "modes", "value"), value) for value in ("text", True)),
        *((("cells", "a/x/0", "results", "modes", "value"), float(value)) for value in ("nan", "inf")),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(tmp_path, place, value):
    message = refused_with(tmp_path / "t.json", place, value)
    assert_names(message, f"{tmp_path / 't.json'}: damaged", "version control")


def test_a_result_is_current_while_recipe_and_protocols_are_the_same(table_file):
    experiment = experiments_in(table_file())[0]
    run = current_run(experiment, 1.0)
    assert run.is_current(experiment)
    assert not replace(run, recipe={**run.recipe, "ema": {"decay": 0.9}}).is_current(experiment)
    assert not replace(run, recipe={**run.recipe, "ema": {"decay": 0.9}}, failure="NaN").is_current(experiment)
    assert not replace(run, results={}).is_current(experiment)
    assert not replace(run, results={"modes": made_up_result(1.0)}).is_current(experiment)
    assert replace(run, results={}, failure="NaN").is_current(experiment)


def test_a_result_stays_current_where_its_pictures_are_missing(tmp_path):
    pictures, other = tmp_path / "pictures", tmp_path / "other"
    for folder in (pictures, other):
        folder.mkdir()
        for number in range(30):
            Image.new("RGB", (32, 32), (8 * number, 99, 0)).save(folder / f"{number:02}.png")

    def planned(metric=""):
        (tmp_path / "t.toml").write_text(f"""
title = "pictures"
metrics = ["psnr", "by-error"]
seeds = [0]
[columns.vae]
title = "VAE"
recipe = "{recipes_folder() / "as_introvae_faces64_cpu.toml"}"
set.data = {{ path = "{pictures}", resolution = 32 }}
set.model.channels = [4, 8]
set.train.batch_size = 4
[rows.one]
title = "one"
set.metrics.by-error = {{ use = "auroc", score = "error", other = {{ use = "image-folder", path = "{other}", \
resolution = 32 }} }}
{metric}
""")
        return experiments_in(tmp_path / "t.toml")[0]

    known = planned()
    results = {label: Result(label, 1.0, None, protocol) for label, protocol in known.plan.protocols.items()}
    kept = CellResult(known.run, known.recipe_digest, known.recipe, results)
    assert kept.is_current(known)
    shutil.rmtree(pictures)
    shutil.rmtree(other)
    missing = planned()
    assert missing.plan.unmet and missing.plan.protocols != known.plan.protocols  # the numbers of samples are unknown
    assert kept.is_current(missing)
    assert not kept.is_current(planned("set.metrics.psnr = { samples = 3 }"))
    assert not kept.is_current(planned('set.metrics.psnr = { weights = "raw" }'))
