"""Metrics of a trained model, and runs side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Literal

import PIL.Image

from genkit.console.captured import html_of, text_of
from genkit.core.global_generators import restored_generators
from genkit.core.metric import BatchNormMode
from genkit.errors import UsageError, warn_user
from genkit.notebook.arguments import checked_arguments
from genkit.notebook.changes import Changes, changes_of
from genkit.notebook.computing import computing
from genkit.notebook.memory import MemoryData, data_of_run
from genkit.notebook.messages import naming_arguments
from genkit.notebook.results import Results
from genkit.notebook.run import Run
from genkit.recipe.text.overrides import overrides_within
from genkit.runs.comparison.compare import Comparison
from genkit.runs.comparison.compare import compare as compare_folders
from genkit.runs.comparison.comparison_report import print_comparison, save_comparison
from genkit.runs.comparison.report_of_comparison import comparison_page
from genkit.runs.trained_models.evaluate_run import TABLES, evaluate_run, evaluation_plan
from genkit.runs.trained_models.saved_model import find_model
from genkit.sharing.pull import find_folder
from genkit.storage.atomic import write_file
from genkit.storage.os_errors import describe_os_error
from genkit.storage.user_path import user_path


@naming_arguments()
@checked_arguments(metrics='Keys of metrics are changes: set={"metrics.psnr.samples": 100}.')
@computing("evaluate()", "Use fewer samples, such as set={'metrics.psnr.samples': 100}.")
@restored_generators()
def evaluate(
    run: Run | str | PathLike[str],
    metrics: Sequence[str] | str | None = None,
    *,
    set: Changes = (),
    batch_norm: BatchNormMode | None = None,
    weights: Literal["raw", "ema"] | None = None,
    data: MemoryData | None = None,
) -> Results:
    """Return metrics of a run or of a model folder, as `genkit eval` computes them. Nothing is written.

    Args:
        run: A run, finished or not, a model folder, an exported folder, or ORG/NAME, a model on the hub.
        metrics: Labels of metrics of its recipe, or names of other metrics; by default all of its recipe.
        set: Changes of keys for this evaluation, such as "metrics.psnr.samples=100", several such texts, or a mapping
            such as {"metrics.psnr.samples": 100, "seed": 1}. An evaluation reads only metrics, data and seed of the
            recipe.
        batch_norm: The statistics of batch norm, "running", "batch" or "recalibrated"; by default those of each metric.
        weights: "raw" or "ema", for all metrics but those to which `set` gives others; by default those that the key
            `weights` of each metric names, raw without it. An exported folder is evaluated with the weights it has.
        data: The samples of a run that was trained on samples in memory; a `Run` keeps them.

    A metric that is refused has no value, and a `reason`. Raises `UsageError` for unknown metrics, for a key that has
    no effect, for weights that the model does not have, and if the data are missing or differ from those of the run.
    """
    path = find_folder(run)
    data = data if data is not None or not isinstance(run, Run) else run.memory
    names = [metrics] if isinstance(metrics, str) else metrics
    changes = overrides_within(TABLES, changes_of(set), "metrics.psnr.samples=100", "An evaluation")
    with data_of_run(path, data):
        plan = evaluation_plan(path, changes, names, weights)
        saved = find_model(path)
        if saved.remark:
            warn_user(saved.remark)
        results = evaluate_run(path, plan, plan.recipe.seed, [batch_norm] if batch_norm else ())
        return Results(results, saved.shown_weights)


class ReadableComparison(Comparison):
    """Runs side by side. The representation is what `genkit compare` prints, also in a notebook."""

    def show(self) -> PIL.Image.Image:
        """Return the picture of the curves of all runs, which a notebook displays."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "comparison.png"
            save_comparison(path, self)
            with PIL.Image.open(path) as image:
                image.load()
                return image

    @checked_arguments()
    def report(self, path: str | PathLike[str] = "comparison.html") -> Path:
        """Write the comparison as one page of HTML, as `genkit compare --html` does, and return the path.

        The models are loaded and run on the same latent codes and held-out samples. Raises `UsageError` for more than
        ten runs, and if the file cannot be written.
        """
        place = user_path(path)
        page = comparison_page(self)
        try:
            write_file(place, page)
        except OSError as error:
            raise UsageError(f"{place}: cannot be written: {describe_os_error(error, place)}.") from None
        return place

    def __repr__(self) -> str:
        return text_of(partial(print_comparison, self))

    def _repr_html_(self) -> str:
        return html_of(partial(print_comparison, self))


@checked_arguments()
def compare(*runs: Run | str | PathLike[str]) -> ReadableComparison:
    """Return two or more runs side by side: the keys in which their recipes differ, and the comparable numbers.

    Neither the data nor the plugins of the runs are needed. Raises `UsageError` for fewer than two runs, if one is
    given twice, and if a file of a run is damaged.
    """
    if len(runs) < 2:
        raise UsageError("compare(): needs at least two runs: genkit.compare(run_a, run_b).")
    return ReadableComparison(compare_folders([user_path(run) for run in runs]).runs)
