"""Models, and what their networks share."""

from genkit.core.condition import Conditional
from genkit.core.constant_features import constant_features
from genkit.core.diag_normal import DiagNormal
from genkit.core.layers.levels import outputs_of
from genkit.core.layers.norm import Norm, norm_layer
from genkit.core.layers.posterior import LOGVAR_MAX, LOGVAR_MIN, Posterior
from genkit.core.layers.shapes import image_shape, smallest_map
from genkit.core.model import GAN, Autoencoder, Model, NetworkBuilder, evaluating

__all__ = [
    "GAN",
    "LOGVAR_MAX",
    "LOGVAR_MIN",
    "Autoencoder",
    "Conditional",
    "DiagNormal",
    "Model",
    "NetworkBuilder",
    "Norm",
    "Posterior",
    "constant_features",
    "evaluating",
    "image_shape",
    "norm_layer",
    "outputs_of",
    "smallest_map",
]
