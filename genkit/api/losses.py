"""Losses and their phases, actions and targets; errors, divergences and optimisers."""

from genkit.bases.losses.repulsion import low_kl_of_samples
from genkit.bases.losses.vae import VAE
from genkit.core.batch import Batch
from genkit.core.elbo import energy, negative_elbo, same_for_all_rows
from genkit.core.loss import Action, Loss, LossWithActions, LossWithRemark, LossWithTargets, Phase, PhaseLoss, Remark
from genkit.core.squared_error import SquaredError, squared_error
from genkit.core.targets import follow, make_targets
from genkit.core.types import Divergence, Link, Optimiser, ReconstructionError

__all__ = [
    "VAE",
    "Action",
    "Batch",
    "Divergence",
    "Link",
    "Loss",
    "LossWithActions",
    "LossWithRemark",
    "LossWithTargets",
    "Optimiser",
    "Phase",
    "PhaseLoss",
    "ReconstructionError",
    "Remark",
    "SquaredError",
    "energy",
    "follow",
    "low_kl_of_samples",
    "make_targets",
    "negative_elbo",
    "same_for_all_rows",
    "squared_error",
]
