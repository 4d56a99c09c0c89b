"""The figures that a run ends with, named as papers use them.

    samples.png           images drawn from the prior: Figures 3, 4 and 7 to 9 of AS-IntroVAE
    reconstructions.png   held-out images and their reconstructions: Figure 5
    stability.png         the same latent codes at a few steps: Figure 6
    ../curves.png         what the run has logged

https://arxiv.org/abs/2206.13903. Of points in the plane there is only the last: their samples and density, Figure 2,
are the last picture under samples/.
"""

from __future__ import annotations

from pathlib import Path

from genkit.core.latent_paths import mean_squared_error
from genkit.core.model import Autoencoder, Model, evaluating
from genkit.core.noise import Noise
from genkit.draw.panels import save_sections
from genkit.draw.preview import RECONSTRUCTIONS, SAMPLES
from genkit.draw.reconstructions import note_of, save_reconstructions
from genkit.draw.samples import save_samples
from genkit.evaluation.samples import codes, describe_samples, in_chunks, select_samples
from genkit.recipe.plan import Plan
from genkit.recipe.schedule_probe import schedule_keys
from genkit.runs.curves import sections_of
from genkit.runs.evaluate_during_training import evaluations_of
from genkit.runs.run_folder import RunFolder
from genkit.runs.stability_strip import beyond_the_end, save_strip, strip_captions


def save_figures(plan: Plan, folder: RunFolder, model: Model, which: str, noise: Noise) -> list[Path]:
    """Write the figures that suit the data and the model, as it is at the end of the run; return their paths.

    With the `noise` of the previews they show the same latent codes and held-out samples.
    """
    title = f"{plan.recipe.title}: step {plan.steps}, {which} weights"
    written = []
    if len(model.data_shape) == 3:
        with evaluating(model):
            images = in_chunks(model.sample, codes(SAMPLES, model, noise), model.data_shape)
            note = f"{SAMPLES} samples: draws of the prior, decoded."
            written += save_samples(folder.figures / "samples.png", images, title, note)
            if isinstance(model, Autoencoder):
                held_out = plan.data.held_out()
                x = select_samples(RECONSTRUCTIONS, model, held_out, noise).x
                outputs = in_chunks(model.reconstruct, x, model.data_shape)
                note = note_of(f"{len(x)} {describe_samples(len(x), held_out)}", mean_squared_error(x.cpu(), outputs))
                written += save_reconstructions(folder.figures / "reconstructions.png", x.cpu(), outputs, title, note)

    rows = {caption: folder.row(step) for step, caption in strip_captions(plan).items()}
    note = f"The same latent codes at each step, {which} weights." + beyond_the_end(plan)
    written += save_strip(folder.figures / "stability.png", rows, plan.recipe.title, note)

    begins = sorted({phase.start for phase in plan.phases if 0 < phase.start < plan.steps})
    sections = sections_of(folder.lines(), evaluations_of(folder), schedule_keys(plan.loss), begins)
    save_sections(folder.curves, sections, plan.recipe.title)
    return [*written, folder.curves]
