"""Metrics, extractors and scores: their protocols, base classes and helpers."""

from genkit.bases.extractors.require_images import require_image
from genkit.bases.metrics.extraction import features_of_chunk
from genkit.bases.metrics.features import Features, Side, TwoSampleMetric, features_of, protocol_of
from genkit.bases.metrics.histogram_2d import BINS, box_details, box_half_width, box_text, cell_counts, collect_points
from genkit.bases.metrics.knn import NeighbourBalls, NeighbourMetric, nearest_squared_distances
from genkit.bases.metrics.model_metric import ModelMetric
from genkit.bases.metrics.probe import LabelledCodes, Probe
from genkit.bases.metrics.reconstruction import ReconstructionMetric, is_image_data, of_reconstructions
from genkit.bases.metrics.split import Split, require_split, split_and_samples, split_and_size
from genkit.core.estimate import Estimate
from genkit.core.gaussian_moments import GaussianMoments, fit_gaussian
from genkit.core.likelihood import log_likelihood
from genkit.core.maps import smoothed, spread_positions, summed_over_channels
from genkit.core.metric import (
    ERROR,
    BatchNormMode,
    Draws,
    Evaluation,
    EvaluationProtocol,
    Extractor,
    Metric,
    ParallelMap,
)
from genkit.core.moments import RunningMoments
from genkit.core.part_name import part_name
from genkit.core.score import Score, require_map, require_score

__all__ = [
    "BINS",
    "ERROR",
    "BatchNormMode",
    "Draws",
    "Estimate",
    "Evaluation",
    "EvaluationProtocol",
    "Extractor",
    "Features",
    "GaussianMoments",
    "LabelledCodes",
    "Metric",
    "ModelMetric",
    "NeighbourBalls",
    "NeighbourMetric",
    "ParallelMap",
    "Probe",
    "ReconstructionMetric",
    "RunningMoments",
    "Score",
    "Side",
    "Split",
    "TwoSampleMetric",
    "box_details",
    "box_half_width",
    "box_text",
    "cell_counts",
    "collect_points",
    "features_of",
    "features_of_chunk",
    "fit_gaussian",
    "is_image_data",
    "log_likelihood",
    "nearest_squared_distances",
    "of_reconstructions",
    "part_name",
    "protocol_of",
    "require_image",
    "require_map",
    "require_score",
    "require_split",
    "smoothed",
    "split_and_samples",
    "split_and_size",
    "spread_positions",
    "summed_over_channels",
]
