"""The end of a run: its metrics, its figures and its model folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from genkit.core.metric import ParallelMap
from genkit.core.model import Autoencoder
from genkit.core.result import Result
from genkit.runs.trained_models.collapse import FACT, reconstructed_held_out
from genkit.runs.training.evaluate_during_training import evaluate_end
from genkit.runs.training.figures import save_figures
from genkit.runs.training.live_run import LiveRun
from genkit.runs.training.model_folder import replace_model
from genkit.storage.text_files import write_json


def finish(run: LiveRun, remark: Callable[[str], object], parallel_map: ParallelMap) -> list[Result]:
    """Evaluate, draw, and write results.json and the model folder; a resume repeats all of it after an interruption.

    See `LiveRun.led_by_main` for `parallel_map`, and for the precision of the networks. `remark` takes what is said of
    a picture that cannot be drawn and that nothing depends on.
    """
    results = evaluate_end(run, parallel_map)
    save_figures(run.plan, run.folder, run.shown_model, run.shown_weights, run.picture_noise, remark)
    write_json(run.folder.results, [result.as_dict() for result in results])
    replace_model(run, run.folder.final, _facts_of_reconstructions(run, remark))
    return results


def _facts_of_reconstructions(run: LiveRun, remark: Callable[[str], object]) -> dict[str, Any]:
    """Return how much of the variance between held-out samples is reconstructed; nothing of a model without encoder.

    An error becomes a `remark`, as that of a picture: no result depends on it.
    """
    model = run.shown_model
    if not isinstance(model, Autoencoder):
        return {}
    try:
        found = reconstructed_held_out(model, run.plan.data.held_out(), run.picture_noise, run.shown_weights)
    except Exception as error:  # whatever a network or the data raise
        remark(f"{run.folder.path}: held-out samples were not reconstructed: {str(error) or type(error).__name__}.")
        return {}
    return {FACT: found.as_dict()}
