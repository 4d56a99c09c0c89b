"""Assertions for the tests of a plugin: what genkit assumes of losses, errors, scores, priors and more."""

from genkit.testing.callbacks import RecordedRun, assert_callback_is_lawful
from genkit.testing.errors import assert_error_is_lawful
from genkit.testing.extractors import assert_features_are_lawful
from genkit.testing.losses import (
    assert_gradients_reach_updates,
    assert_processes_agree,
    assert_schedules_follow_the_run,
    phase_gradients,
    take_step,
)
from genkit.testing.models import batch_of, small_autoencoder
from genkit.testing.priors import assert_prior_is_lawful
from genkit.testing.scores import assert_score_is_lawful

__all__ = [
    "RecordedRun",
    "assert_callback_is_lawful",
    "assert_error_is_lawful",
    "assert_features_are_lawful",
    "assert_gradients_reach_updates",
    "assert_prior_is_lawful",
    "assert_processes_agree",
    "assert_schedules_follow_the_run",
    "assert_score_is_lawful",
    "batch_of",
    "phase_gradients",
    "small_autoencoder",
    "take_step",
]
