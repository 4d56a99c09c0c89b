"""Scores of many samples or pixels, and the numbers that rank them: AUROC, average precision, Dice, with intervals.

Names here are in this module only and not in `genkit.api`.
"""

from genkit.bases.metrics.map_chunks import MaskedChunk, WithMasks, masked_maps, raw_maps, require_smooth
from genkit.bases.metrics.other_data import require_shape, samples_of_other, split_of_other
from genkit.bases.metrics.picture_bootstrap import PixelReplicates, pixel_replicates, with_picture_interval
from genkit.bases.metrics.pixel_ranking import (
    PixelValues,
    best_dice,
    dice,
    dice_above,
    edges_above,
    pixel_threshold,
    pixel_values,
    require_few_pixels,
)
from genkit.bases.metrics.ranking import REPLICATES, Statistic, auroc, average_precision, fpr_at_tpr, with_interval
from genkit.bases.metrics.same_samples import refuse_normal, refuse_trained_on
from genkit.bases.metrics.scoring import (
    MOST_SAMPLES,
    check_fit,
    details_of_model,
    drawn_in_replicates,
    fitted_score,
    groups_in,
    known_size,
    raw_scores,
    read_samples,
    scores_of,
    scores_of_both,
)
from genkit.bases.metrics.threshold import samples_above, threshold_at

__all__ = [
    "MOST_SAMPLES",
    "REPLICATES",
    "MaskedChunk",
    "PixelReplicates",
    "PixelValues",
    "Statistic",
    "WithMasks",
    "auroc",
    "average_precision",
    "best_dice",
    "check_fit",
    "details_of_model",
    "dice",
    "dice_above",
    "drawn_in_replicates",
    "edges_above",
    "fitted_score",
    "fpr_at_tpr",
    "groups_in",
    "known_size",
    "masked_maps",
    "pixel_replicates",
    "pixel_threshold",
    "pixel_values",
    "raw_maps",
    "raw_scores",
    "read_samples",
    "refuse_normal",
    "refuse_trained_on",
    "require_few_pixels",
    "require_shape",
    "require_smooth",
    "samples_above",
    "samples_of_other",
    "scores_of",
    "scores_of_both",
    "split_of_other",
    "threshold_at",
    "with_interval",
    "with_picture_interval",
]
