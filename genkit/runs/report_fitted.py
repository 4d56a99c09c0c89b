"""The prior that was fitted to the codes of a run, and the command that samples from it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genkit.pages.chart import value_text
from genkit.runs.fitted_folder import NAME
from genkit.runs.model_facts import FIT, facts_in
from genkit.runs.report_recipe import shown_path
from genkit.runs.run_folder import RunFolder
from genkit.runs.saved_model import find_model

NOT_KNOWN = "–"


@dataclass(frozen=True)
class ShownFit:
    """A fitted prior as a report shows it."""

    folder: str
    components: str  # how many Gaussians the mixture has
    fits: Sequence[tuple[str, ...]]  # of each file of weights: its name, samples, iterations, and two log-likelihoods
    sample: str  # the command that samples from it


def fitted_prior(folder: RunFolder) -> ShownFit | None:
    """Return the prior in RUN/fitted, as its facts describe it; None if there is none.

    Raises `UsageError` and `ValueError` if the folder is damaged.
    """
    path = folder.path / NAME
    fits = facts_in(path).get(FIT)
    if fits is None:
        return None
    prior = find_model(path).recipe.tables["model"]["prior"]
    shown = str(shown_path(folder.path) / NAME)
    return ShownFit(
        folder=shown,
        components=str(prior["components"]),
        fits=[(weights, *_facts(fit)) for weights, fit in fits.items()],
        sample=f"genkit sample {shlex.quote(shown)}",
    )


def _facts(fit: Mapping[str, Any]) -> tuple[str, ...]:
    iterations = f"{fit['iterations']}" + ("" if fit["converged"] else ", not converged")
    held_out = fit["held_out_log_likelihood"]
    return (
        str(fit["samples"]),
        iterations,
        value_text(fit["log_likelihood"]),
        NOT_KNOWN if held_out is None else value_text(held_out),
    )
