"""What the parts of a plugin import: this module and torch, nothing else of genkit.

Its counterpart for a plugin's ``__init__`` is `genkit.hooks`, which imports no torch.
"""

from typing import Annotated

from annotated_types import Ge, Gt, Interval

from genkit.engine.batch import Batch
from genkit.engine.noise import Noise, Rows
from genkit.losses.vae import VAE
from genkit.mathematics import kl_to_prior, negative_elbo, squared_error
from genkit.model import GAN, Autoencoder, Model
from genkit.schedules.constant import Constant
from genkit.types import (
    Dataset,
    DiagNormal,
    Divergence,
    Draws,
    Evaluation,
    EvaluationProtocol,
    Loss,
    Metric,
    Phase,
    PhaseLoss,
    Samples,
    Schedule,
)

# Types of fields, checked when a recipe is read.
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Fraction = Annotated[float, Interval(ge=0, le=1)]
Count = Annotated[int, Gt(0)]  # 1, 2, 3, ...
Steps = Annotated[int, Ge(0)]  # 0, 1, 2, ...

__all__ = [
    "GAN",
    "VAE",
    "Autoencoder",
    "Batch",
    "Constant",
    "Count",
    "Dataset",
    "DiagNormal",
    "Divergence",
    "Draws",
    "Evaluation",
    "EvaluationProtocol",
    "Fraction",
    "Loss",
    "Metric",
    "Model",
    "Noise",
    "NonNegative",
    "Phase",
    "PhaseLoss",
    "Positive",
    "Rows",
    "Samples",
    "Schedule",
    "Steps",
    "kl_to_prior",
    "negative_elbo",
    "squared_error",
]
