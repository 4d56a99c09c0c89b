"""What a score of a model depends on, and what a user may not expect of it, for commands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from genkit.bases.metrics.scoring import details_of_model
from genkit.core.model import Autoencoder
from genkit.core.part_name import part_name
from genkit.core.prior import StandardNormal
from genkit.core.score import Score
from genkit.runs.trained_models.trained import Trained

WEIGHTS = ("beta_rec", "beta_kl")
"""Keys that the score elbo and the losses of variational autoencoders share."""


def describe_score(score: Score, model: Autoencoder) -> str:
    """Return the score with its keys, what the model implies, its error unless squared, and its prior unless N(0, I).

    Such as ``log-likelihood (draws 5), implied variance 2, error of the model l1``.
    """
    details = dict(details_of_model(score, model))
    if not isinstance(model.prior, StandardNormal):
        details["prior"] = model.prior.description
    shown = [f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in details.items()]
    return ", ".join([part_name(score), *shown])


def facts_of_score(score: Score, model: Autoencoder) -> dict[str, Any]:
    """Return the same in the types of JSON, with the error and the prior of every model."""
    return {
        "score": part_name(score),
        "implied": dict(score.implied(model)),
        "error": part_name(model.reconstruction_error),
        "prior": model.prior.description,
    }


def remark_on_weights(name: str, score: Score, trained: Trained, overrides: Sequence[str]) -> str:
    """Return that a score weighs error and KL in another ratio than the loss of the run; empty if it does not.

    The ratio decides the order of the scores. `overrides` are the user's choices, such as ``score.beta_kl=1``. A weight
    of the loss that follows a schedule or that its recipe does not have is compared with nothing.
    """
    loss = trained.document.tables.get("loss")
    chosen = {override.partition("=")[0].strip().removeprefix("score.") for override in overrides}
    if not isinstance(loss, Mapping) or chosen & {*WEIGHTS}:
        return ""
    of_score: list[Any] = [getattr(score, key, None) for key in WEIGHTS]
    of_loss: list[Any] = [loss.get(key) for key in WEIGHTS]
    if not all(isinstance(value, (int, float)) for value in (*of_score, *of_loss)):
        return ""
    if min(of_loss) < 0:  # of a run from before genkit refused it, as the score does
        return ""
    if math.isclose(of_loss[0] * of_score[1], of_loss[1] * of_score[0]):
        return ""
    shown = " and ".join(f"{key} {value:g}" for key, value in zip(WEIGHTS, of_score, strict=True))
    options = " ".join(f"--set score.{key}={value:g}" for key, value in zip(WEIGHTS, of_loss, strict=True))
    return (
        f"--score {name}: weighs with {shown}, and [loss] of the run with another ratio. For the bound that "
        f"the run was trained on, add {options}"
    )
