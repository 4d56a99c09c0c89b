"""Figures drawn at the end of a run, under the names that papers use.

    samples.png           images drawn from the prior: Figures 3, 4 and 7 to 9 of AS-IntroVAE
    reconstructions.png   held-out images and their reconstructions: Figure 5
    stability.png         the same latent codes at a few steps: Figure 6
    traversal.png         images along the latent dimensions of greatest effect
    codes.npy, codes.json codes of held-out samples, and draws of the prior, in two dimensions, for report.html
    ../curves.png         the logged terms and metrics over the steps

The figures are numbered as in AS-IntroVAE, https://arxiv.org/abs/2206.13903. Runs on points in the plane have only the
strip, the codes and the curves; their samples and density, Figure 2, are the last picture in samples/.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from genkit.core.model import Autoencoder, Model, evaluating
from genkit.core.noise import Noise
from genkit.core.reconstruction_error import mean_squared_error
from genkit.draw.image_grid import save_image_grid
from genkit.draw.panels import save_curve_panels
from genkit.draw.preview import RECONSTRUCTIONS, SAMPLES, sample_rows
from genkit.draw.reconstructions import reconstruction_note, save_reconstructions
from genkit.draw.samples import save_samples
from genkit.evaluation.reconstruct import reconstruct_samples
from genkit.evaluation.samples import decoded_codes, describe_samples, select_samples
from genkit.recipe.plan import Plan
from genkit.recipe.trial.schedule_probe import schedule_keys
from genkit.runs.on_disk.early_end import last_step
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.report.curves import sections_of
from genkit.runs.report.report_schedules import lines_of_curves
from genkit.runs.training.evaluate_during_training import evaluations_of
from genkit.runs.training.latent_figures import save_codes, save_traversal
from genkit.runs.training.stability_strip import save_strip, strip_captions, unreached_rows
from genkit.storage.os_errors import describe_os_error


def save_figures(
    plan: Plan, folder: RunFolder, model: Model, which: str, noise: Noise, remark: Callable[[str], object]
) -> list[Path]:
    """Write the figures of a finished run; return their paths.

    `model` has the weights after the last step, and `which` is their name, "raw" or "ema". With the `noise` of the
    previews, the figures show the same latent codes and held-out samples as the previews. An error of the traversal or
    of the codes becomes a `remark`. Raises `OSError` if another file cannot be written.
    """
    last = last_step(plan, folder)
    title = f"{plan.recipe.title}: step {last}, {which} weights"
    written = []
    if len(model.data_shape) == 3:
        with evaluating(model):
            written += _save_samples(folder.figures / "samples.png", model, noise, title)
            if isinstance(model, Autoencoder):
                path = folder.figures / "reconstructions.png"
                written += _save_reconstructions(path, plan, model, noise, title)
            path = folder.figures / "traversal.png"
            written += _unless_it_fails(path, partial(save_traversal, path, model, noise, title), remark)
    if isinstance(model, Autoencoder):
        with evaluating(model):
            path = folder.figures / "codes.npy"
            written += _unless_it_fails(path, lambda: save_codes(path, model, plan.data.held_out(), noise), remark)
    written += _save_stability_strip(folder, plan, which)
    _save_curves(folder, plan)
    return [*written, folder.curves]


def _unless_it_fails(path: Path, save: Callable[[], list[Path]], remark: Callable[[str], object]) -> list[Path]:
    """Return what `save` writes; nothing, with a remark, if it fails: no result depends on the picture at `path`."""
    try:
        return save()
    except Exception as error:  # whatever a network, the data or a library raises, also that memory is full
        reason = describe_os_error(error, path) if isinstance(error, OSError) else str(error) or type(error).__name__
        remark(f"{path}: not drawn: {reason}. Nothing else depends on it.")
        return []


def _save_samples(path: Path, model: Model, noise: Noise, title: str) -> list[Path]:
    if model.condition_classes is None:
        images = decoded_codes(SAMPLES, model, noise)
        return save_samples(path, images, title, f"{SAMPLES} samples: draws of the prior, decoded.")
    rows = sample_rows(model, noise)
    number = sum(len(row.images) for row in rows)
    save_image_grid(path, rows, title, f"{number} samples: draws of the prior, decoded; a row for each class.")
    return [path]


def _save_reconstructions(path: Path, plan: Plan, model: Autoencoder, noise: Noise, title: str) -> list[Path]:
    held_out = plan.data.held_out()
    selected = select_samples(RECONSTRUCTIONS, model, held_out, noise)
    x, outputs = selected.x, reconstruct_samples(model, selected.x, selected.extra)
    note = reconstruction_note(f"{len(x)} {describe_samples(len(x), held_out)}", mean_squared_error(x.cpu(), outputs))
    return save_reconstructions(path, x.cpu(), outputs, title, note)


def _save_stability_strip(folder: RunFolder, plan: Plan, which: str) -> list[Path]:
    rows = {caption: folder.row(step) for step, caption in strip_captions(plan).items()}
    note = f"The same latent codes at each step, {which} weights." + unreached_rows(plan, last_step(plan, folder))
    return save_strip(folder.figures / "stability.png", rows, plan.recipe.title, note)


def _save_curves(folder: RunFolder, plan: Plan) -> None:
    lines = lines_of_curves(folder.lines(), plan, plan.steps)
    begins = sorted({phase.start for phase in plan.phases if 0 < phase.start < plan.steps})
    sections = sections_of(lines, evaluations_of(folder), schedule_keys(plan.loss), begins)
    save_curve_panels(folder.curves, sections, plan.recipe.title)
