"""A prior fitted to the codes of the training data, in a model folder that differs from its source in the prior only.

The codes are draws z ~ q(z|x), one for each sample, since samples of the model are decoded from draws as well. Raw and
EMA weights encode differently, so each gets a prior that is fitted to its own codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w
import torch
from torch import Tensor

from genkit.console.output import progress_count
from genkit.core.condition import Conditional
from genkit.core.model import Autoencoder
from genkit.core.noise import Noise, Rows
from genkit.core.torch_defaults import standard_defaults
from genkit.errors import UsageError
from genkit.recipe.binding.bind_model import PRIOR
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.text.whole_text import with_mark
from genkit.runs.on_disk.model_facts import FIT
from genkit.runs.on_disk.not_a_run_folder import run_around
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.unfinished import way_on
from genkit.runs.report.write_report import renew_report
from genkit.runs.trained_models.fit_facts import FitFacts, earlier_prior
from genkit.runs.trained_models.fit_mixture import fit_mixture, mean_log_likelihood
from genkit.runs.trained_models.fitted_folder import copy_other_files, place_of_fit, refuse_to_replace
from genkit.runs.trained_models.saved_model import CheckpointedModel, ExportedModel, SavedModel, find_model
from genkit.runs.trained_models.trained import Trained, open_data, open_trained
from genkit.runs.user_pictures.encode_samples import MOST_NAMED, encoded, set_to_encode
from genkit.storage.atomic import new_folder
from genkit.storage.names import RECIPE
from genkit.storage.os_errors import describe_os_error
from genkit.storage.sole_writer import sole_writer
from genkit.storage.text_files import write_text
from genkit.storage.weights import write_model_folder

FULL_MIXTURE = "full-mixture"
GAP = 1.0  # most nats for each latent dimension by which held-out codes are less likely, without a remark


@dataclass(frozen=True)
class FittedPrior:
    """A model folder with a fitted prior."""

    folder: Path
    fits: Mapping[str, FitFacts]  # by weights: "raw", and "ema" if there are EMA weights
    remarks: tuple[str, ...]  # what the user should know of the fits


@standard_defaults()
def fit_prior(
    path: Path,
    components: int = 10,
    number: int | None = None,
    out: Path | None = None,
    overrides: tuple[str, ...] = (),
) -> FittedPrior:
    """Fit a mixture of Gaussians with full covariances to codes of the train split; write the model with it as prior.

    Args:
        path: A finished run, or a model folder such as ``RUN/best``.
        components: Number of Gaussians.
        number: Most samples to encode of each split, chosen at random; by default all, or 10,000 draws of data without
            end.
        out: The model folder to write; by default ``RUN/fitted``, see `place_of_fit`. It replaces an earlier fit when
            it is complete, and keeps other files of its folder. The report of a run around it is written again.
        overrides: Keys of ``[data]``, such as ``"data.path=mnist"``.

    Raises `UsageError`, and leaves everything as it was, if the run has not finished, if its model has no encoder or a
    prior for each class, if its data are missing or have changed, if the codes are too few or not finite, and if `out`
    is something else than an earlier fit.
    """
    saved = find_model(path)
    _refuse_other_models(path, saved)
    label = "" if out is None else "--out "
    out = out if out is not None else place_of_fit(path, saved.place, saved.facts)
    refuse_to_replace(out)
    models, fits = {}, {}
    for weights in ("raw", *(("ema",) if saved.has_ema else ())):
        trained = open_trained(path, weights)
        fits[weights] = _fit(path, trained, components, number, overrides)
        models[weights] = trained.model
    recipe = _with_fitted_prior(saved.recipe.tables, components)
    about = {
        **saved.facts,
        "parts": _parts(saved.facts.get("parts") or ()),
        FIT: {weights: asdict(fit) for weights, fit in fits.items()},
    }
    try:
        with sole_writer(out), new_folder(out) as folder:
            write_text(folder / RECIPE, with_mark(tomli_w.dumps(recipe)))
            write_model_folder(folder, models["raw"], models.get("ema"), about)
            refuse_to_replace(out)  # somebody may have written there in the meantime
            kept = copy_other_files(out, folder)
    except OSError as error:
        reason = describe_os_error(error, out)
        raise UsageError(f"{label}{out}: cannot be written: {reason}. Choose another place with --out.") from None
    remarks = [_remark(weights, fit, models[weights].latent_dim) for weights, fit in fits.items()]
    if (run := run_around(out)) is not None:
        renew_report(RunFolder(run), lambda text: remarks.append(text.rstrip(".")))  # it shows the fits of a run
    if kept:
        shown = ", ".join(kept[:MOST_NAMED]) + ", ..." * (len(kept) > MOST_NAMED)
        remarks.append(f"{out}: files from before this fit were kept, which may show an earlier one: {shown}")
    return FittedPrior(out, fits, tuple(filter(None, remarks)))


def _fit(path: Path, trained: Trained, components: int, number: int | None, overrides: tuple[str, ...]) -> FitFacts:
    """Give the model a prior that is fitted to its codes. Raises `UsageError`."""
    codes, samples = _codes(path, trained, "train", number, overrides)
    try:
        # Nobody knows how many iterations it takes, so no time left is estimated.
        with progress_count(f"fitting the prior, {trained.weights} weights: iterations", None) as progress:
            fit = fit_mixture(codes, components, trained.seed, progress)
    except ValueError as error:
        raise UsageError(
            f"{path}: {error}. Give more samples with --number or fewer Gaussians with --components."
        ) from None
    held_out = _held_out_codes(path, trained, number, overrides)
    facts = FitFacts(
        codes=len(codes),
        samples=samples,
        iterations=fit.iterations,
        converged=fit.converged,
        log_likelihood=fit.log_likelihood,
        held_out_codes=len(held_out),
        held_out_log_likelihood=mean_log_likelihood(fit.prior, held_out) if len(held_out) else None,
        smallest=min(fit.codes_of_components),
        earlier=earlier_prior(trained.model.prior, codes, held_out),
    )
    trained.model.prior = fit.prior.to(codes)  # in place: the fit has the dtype of the model from here on
    return facts


def _codes(
    path: Path, trained: Trained, split: str, number: int | None, overrides: tuple[str, ...]
) -> tuple[Tensor, str]:
    """Return a draw z ~ q(z|x) for each sample of a split, (N, L), and a description of the samples."""
    model = trained.model
    if not isinstance(model, Autoencoder):
        raise UsageError(
            f"{path}: the model, {type(model).__name__}, has no encoder, so there are no codes to fit a prior to."
        )
    if isinstance(model.prior, Conditional):
        raise UsageError(
            f"{path}: its prior, {model.prior.description}, has a density for each class, and a fitted one would have "
            'none for them. Fit a model without [model.prior] use = "per-class".'
        )
    samples = set_to_encode(path, trained, None, split, number, overrides)
    means, deviations = [], []
    with progress_count(f"encoding the {split} split, {trained.weights} weights", len(samples)) as progress:
        for chunk, posterior in encoded(model, samples):
            means.append(posterior.mu)
            deviations.append((0.5 * posterior.logvar).exp())
            progress(len(chunk.names))
    mu = torch.cat(means)
    noise = Noise(trained.seed, 0, f"fit-prior/{split}", Rows.all(len(mu)), dtype=mu.dtype)
    codes = mu.addcmul_(torch.cat(deviations), noise.randn("z", model.latent_dim))
    if not torch.linalg.vector_norm(codes, dtype=torch.float64).isfinite():
        raise UsageError(
            f"{path}: codes of the {split} split, {trained.weights} weights, are not finite or too large to square. "
            "Use weights of a training that did not diverge."
        )
    return codes, samples.described


def _held_out_codes(path: Path, trained: Trained, number: int | None, overrides: tuple[str, ...]) -> Tensor:
    data = open_data(path, overrides).held_out()
    if data.size == 0:
        return torch.empty(0, trained.model.latent_dim)
    return _codes(path, trained, "test", number, overrides)[0]


def _refuse_other_models(path: Path, saved: SavedModel) -> None:
    """Raise `UsageError` unless the weights are in a model folder."""
    if isinstance(saved, CheckpointedModel):
        raise UsageError(
            f"{path}: has not finished, so its codes will change. {way_on(RunFolder(path))} Or give a model folder, "
            "such as RUN/best."
        )
    if isinstance(saved, ExportedModel):
        raise UsageError(
            f"{path}: an exported folder. Fit the prior of its run, with `genkit fit-prior RUN`, and export RUN/fitted."
        )


def _with_fitted_prior(tables: Mapping[str, Any], components: int) -> dict[str, Any]:
    """Return a recipe with the fitted prior, and without the optimiser of a learnt one, which would have no effect."""
    model = {**tables["model"], PRIOR: {"use": FULL_MIXTURE, "components": components}}
    recipe = {**tables, "model": model}
    if isinstance(optimisers := tables.get("optimiser"), Mapping):
        recipe["optimiser"] = {child: table for child, table in optimisers.items() if child != PRIOR}
    return recipe


def _parts(lines: Sequence[str]) -> list[str]:
    """Return the lines of the suppliers of a model, with that of the fitted prior in place of those of another one."""
    part = next(part for part in load_registry().of_kind("priors") if part.entry.name == FULL_MIXTURE)
    replaced = (f"model.{PRIOR}:", f"model.{PRIOR}.", f"optimiser.{PRIOR}:", f"optimiser.{PRIOR}.")
    kept = [line for line in lines if not line.startswith(replaced)]
    return [*kept, f"model.{PRIOR}: {part.entry.name} ({part.owner})"]


def _remark(weights: str, fit: FitFacts, latent_dim: int) -> str:
    """Return what the user should know of a fit; empty if nothing is unusual."""
    if not fit.converged:
        return f"{weights} weights: the fit has not converged in {fit.iterations:,} iterations"
    if fit.smallest < latent_dim + 1:
        return (
            f"{weights} weights: a Gaussian has {fit.smallest:.1f} codes only, too few for a covariance in "
            f"{latent_dim} dimensions. Use fewer Gaussians, or more codes"
        )
    if fit.held_out_log_likelihood is not None:
        gap = fit.log_likelihood - fit.held_out_log_likelihood
        if gap > GAP * latent_dim:
            return (
                f"{weights} weights: held-out codes are {gap:.0f} nats less likely than those of the fit, which "
                "describes single codes. Use fewer Gaussians, or more codes"
            )
    return ""
