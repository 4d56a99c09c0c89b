"""Assertions for the tests of a plugin: the laws of each kind of part, and what the tests of a loss need besides."""

from genkit.recipe.binding.part_fields import with_schedules
from genkit.testing.callbacks import RecordedRun, assert_callback_is_lawful
from genkit.testing.datasets import assert_dataset_is_lawful
from genkit.testing.divergences import assert_divergence_is_lawful
from genkit.testing.errors import assert_error_is_lawful
from genkit.testing.extractors import assert_extractor_is_lawful, assert_features_are_lawful
from genkit.testing.loss_laws import assert_loss_is_lawful
from genkit.testing.losses import (
    assert_gradients_reach_updates,
    assert_processes_agree,
    assert_schedules_follow_the_run,
    phase_gradients,
    take_step,
)
from genkit.testing.metrics import assert_metric_is_lawful
from genkit.testing.models import batch_for, batch_of, small_autoencoder, small_gan
from genkit.testing.networks import assert_model_is_lawful
from genkit.testing.optimisers import assert_optimiser_is_lawful
from genkit.testing.priors import assert_prior_is_lawful
from genkit.testing.schedules import assert_schedule_is_lawful
from genkit.testing.scores import assert_score_is_lawful

__all__ = [
    "RecordedRun",
    "assert_callback_is_lawful",
    "assert_dataset_is_lawful",
    "assert_divergence_is_lawful",
    "assert_error_is_lawful",
    "assert_extractor_is_lawful",
    "assert_features_are_lawful",
    "assert_gradients_reach_updates",
    "assert_loss_is_lawful",
    "assert_metric_is_lawful",
    "assert_model_is_lawful",
    "assert_optimiser_is_lawful",
    "assert_prior_is_lawful",
    "assert_processes_agree",
    "assert_schedule_is_lawful",
    "assert_schedules_follow_the_run",
    "assert_score_is_lawful",
    "batch_for",
    "batch_of",
    "phase_gradients",
    "small_autoencoder",
    "small_gan",
    "take_step",
    "with_schedules",
]
