"""The priors that were fitted to the codes of a run, and the commands that sample from them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.runs.on_disk.model_facts import FIT, facts_in
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.report.report_recipe import shown_path
from genkit.runs.trained_models.saved_model import find_model
from genkit.storage.listing import names_in

NOT_KNOWN = "–"
EARLIER = "earlier"  # the fact of a fit on the prior that it replaces


@dataclass(frozen=True)
class ShownFit:
    """A fitted prior as a report shows it."""

    folder: str
    step: str  # of the weights whose codes it was fitted to; empty if it is not known
    components: str  # how many Gaussians the mixture has
    samples: str  # whose codes they are: "60,000 samples of the train split"
    fits: Sequence[tuple[str, ...]]  # of each file of weights: its name, iterations, and two log-likelihoods; then
    # the log-likelihoods of the prior before, if they are known
    has_earlier: bool  # whether those of a prior before are among them
    sample: str  # the command that samples from it


def folders_of_fits(folder: RunFolder) -> list[Path]:
    """Return the model folders with a fitted prior in a run: RUN/fitted, RUN/fitted-best, and those named by a user.

    Raises `UsageError` if a folder cannot be read.
    """
    return [path for name in sorted(names_in(folder.path)) if FIT in facts_in(path := folder.path / name)]


def shown_fit(path: Path, run: RunFolder) -> ShownFit:
    """Return the fitted prior of a model folder of `folders_of_fits`, as its facts describe it.

    Raises `UsageError` and what a damaged folder leads to: `ValueError`, `LookupError` and `TypeError`.
    """
    facts = facts_in(path)
    prior = find_model(path).recipe.tables["model"]["prior"]
    shown = str(shown_path(run.path) / path.name)
    return ShownFit(
        folder=shown,
        step=str(facts.get("step", "")),
        components=str(prior["components"]),
        samples=", ".join(dict.fromkeys(str(fit["samples"]) for fit in facts[FIT].values())),
        fits=[row for weights, fit in facts[FIT].items() for row in _rows(weights, fit)],
        has_earlier=any(fit.get(EARLIER) for fit in facts[FIT].values()),
        sample=f"genkit sample {shlex.quote(shown)}",
    )


def _rows(weights: str, fit: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the row of a fit, and that of the prior that it replaces: folders of older versions do not have it."""
    yield weights, f"{fit['iterations']}" + ("" if fit["converged"] else ", not converged"), *_likelihoods(fit)
    if earlier := fit.get(EARLIER):
        yield f"{weights}, before: {earlier['description']}", NOT_KNOWN, *_likelihoods(earlier)


def _likelihoods(facts: Mapping[str, Any]) -> tuple[str, str]:
    held_out = facts["held_out_log_likelihood"]
    return f"{facts['log_likelihood']:.2f}", NOT_KNOWN if held_out is None else f"{held_out:.2f}"
