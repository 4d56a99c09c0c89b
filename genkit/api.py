"""What the parts of a plugin import: this module and torch, nothing else of genkit.

Its counterpart for a plugin's ``__init__`` is `genkit.hooks`, which imports no torch.
"""

from genkit.batch import Batch
from genkit.fields import Count, Fraction, NonNegative, Positive, Steps
from genkit.losses.vae import VAE
from genkit.mathematics import kl_to_prior, negative_elbo, squared_error
from genkit.metrics.features import Features, features_of, protocol_of
from genkit.metrics.of_model import OfModel
from genkit.model import GAN, Autoencoder, Model
from genkit.models.halving import image_shape, smallest_map
from genkit.models.linear import Linear
from genkit.models.norm import Norm, norm_layer
from genkit.models.posterior import Posterior
from genkit.noise import Noise, Rows
from genkit.schedules.constant import Constant
from genkit.types import (
    Dataset,
    DiagNormal,
    Divergence,
    Draws,
    Evaluation,
    EvaluationProtocol,
    Extractor,
    Loss,
    Metric,
    Optimiser,
    Phase,
    PhaseLoss,
    Samples,
    Schedule,
)

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
    "Extractor",
    "Features",
    "Fraction",
    "Linear",
    "Loss",
    "Metric",
    "Model",
    "Noise",
    "NonNegative",
    "Norm",
    "OfModel",
    "Optimiser",
    "Phase",
    "PhaseLoss",
    "Positive",
    "Posterior",
    "Rows",
    "Samples",
    "Schedule",
    "Steps",
    "features_of",
    "image_shape",
    "kl_to_prior",
    "negative_elbo",
    "norm_layer",
    "protocol_of",
    "smallest_map",
    "squared_error",
]
