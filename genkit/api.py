"""Public interface for the parts of a plugin: the only module of genkit that they import.

The ``__init__`` module of a plugin imports `genkit.hooks` instead, which does not import torch.
"""

from genkit.bases.losses.vae import VAE
from genkit.bases.metrics.features import Features, features_of, protocol_of
from genkit.bases.metrics.model_metric import ModelMetric
from genkit.bases.priors.mixture import Mixture
from genkit.core.augmentation import cutout, shift
from genkit.core.batch import Batch
from genkit.core.callback import Callback, PlanView, RunView, StopTraining
from genkit.core.condition import ClassFacts, Conditional
from genkit.core.constant_schedule import ConstantSchedule
from genkit.core.dataset import (
    Dataset,
    FingerprintedSource,
    LabelledDataset,
    MaskedDataset,
    Raw,
    Samples,
    TwoStepDataset,
)
from genkit.core.elbo import negative_elbo
from genkit.core.estimate import Estimate
from genkit.core.field_types import Doc, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, UnitInterval
from genkit.core.layers.norm import Norm, norm_layer
from genkit.core.layers.posterior import Posterior
from genkit.core.layers.shapes import image_shape, smallest_map
from genkit.core.maps import smoothed, spread_positions
from genkit.core.metric import Draws, Evaluation, EvaluationProtocol, Extractor, Metric
from genkit.core.model import GAN, Autoencoder, Model
from genkit.core.noise import Noise, Rows
from genkit.core.prior import Prior, StandardNormal, kl_to_prior, require_standard_normal
from genkit.core.result import EvaluationRecord, Result
from genkit.core.score import Score
from genkit.core.squared_error import SquaredError, squared_error
from genkit.core.targets import follow, make_targets
from genkit.core.two_steps import batch_in_two_steps
from genkit.core.types import (
    Action,
    DiagNormal,
    Divergence,
    Loss,
    LossWithActions,
    LossWithRemark,
    LossWithTargets,
    Optimiser,
    Phase,
    PhaseLoss,
    ReconstructionError,
    Remark,
    Schedule,
)

__all__ = [
    "GAN",
    "VAE",
    "Action",
    "Autoencoder",
    "Batch",
    "Callback",
    "ClassFacts",
    "Conditional",
    "ConstantSchedule",
    "Dataset",
    "DiagNormal",
    "Divergence",
    "Doc",
    "Draws",
    "Estimate",
    "Evaluation",
    "EvaluationProtocol",
    "EvaluationRecord",
    "Extractor",
    "Features",
    "FingerprintedSource",
    "LabelledDataset",
    "Loss",
    "LossWithActions",
    "LossWithRemark",
    "LossWithTargets",
    "MaskedDataset",
    "Metric",
    "Mixture",
    "Model",
    "ModelMetric",
    "Noise",
    "NonNegativeFloat",
    "NonNegativeInt",
    "Norm",
    "Optimiser",
    "Phase",
    "PhaseLoss",
    "PlanView",
    "PositiveFloat",
    "PositiveInt",
    "Posterior",
    "Prior",
    "Raw",
    "ReconstructionError",
    "Remark",
    "Result",
    "Rows",
    "RunView",
    "Samples",
    "Schedule",
    "Score",
    "SquaredError",
    "StandardNormal",
    "StopTraining",
    "TwoStepDataset",
    "UnitInterval",
    "batch_in_two_steps",
    "cutout",
    "features_of",
    "follow",
    "image_shape",
    "kl_to_prior",
    "make_targets",
    "negative_elbo",
    "norm_layer",
    "protocol_of",
    "require_standard_normal",
    "shift",
    "smallest_map",
    "smoothed",
    "spread_positions",
    "squared_error",
]

# Old names. They are kept for one version, so that plugins written for version 0.1 can still be imported.
Constant = ConstantSchedule
Count = PositiveInt
Fraction = UnitInterval
NonNegative = NonNegativeFloat
OfModel = ModelMetric
Positive = PositiveFloat
Steps = NonNegativeInt
