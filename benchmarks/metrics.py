"""Time and memory of image metrics: distances of features, similarity of pictures, memory of an evaluation.

Features and pictures are artificial, because only their number and size matter. Memory is measured in a new process for
each number of samples, so that a peak of one number cannot hide the peak of another.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import threading
from dataclasses import dataclass
from time import perf_counter, sleep
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.data import own_memory
from genkit.api import Autoencoder, DiagNormal, Evaluation, Features, PositiveInt
from genkit.bases.metrics.features import settings_of
from genkit.console.output import Console
from genkit.engine.malloc import keep_freed_memory
from genkit.evaluation.compute_metrics import evaluate
from genkit.parts.datasets.stand_in import StandIn
from genkit.parts.extractors.pixels import Pixels
from genkit.parts.metrics.density_coverage import CoverageMetric, DensityMetric
from genkit.parts.metrics.frechet import FrechetDistance
from genkit.parts.metrics.kernel import KernelDistance
from genkit.parts.metrics.posterior import ActiveUnits, PosteriorKL
from genkit.parts.metrics.precision_recall import PrecisionMetric, RecallMetric
from genkit.parts.metrics.psnr import PSNR
from genkit.parts.metrics.reconstruction import ReconstructionErrorMetric
from genkit.parts.metrics.sliced_wasserstein import SlicedWasserstein
from genkit.parts.metrics.ssim import SSIM
from genkit.parts.models.small_conv import SmallConv

SAMPLES, WIDTH = 5_000, 2_048
PICTURES, SHAPE = 1_000, (3, 128, 128)
TARGETS = {"frechet-distance": "30", "psnr": "20 with ssim", "ssim": "20 with psnr"}  # seconds on two cores
FEW, EVALUATED = (
    1_000,
    (4_000, 16_000, 64_000),
)  # samples; memory must not depend on their number once they fill a chunk


def of_features(metric: Any) -> float:
    """Return the seconds that a metric takes, given the features."""
    shared = {}
    for seed, side in enumerate(("reference", "generated")):
        rows = np.random.default_rng(seed).standard_normal((SAMPLES, WIDTH), np.float32)
        shared["features", side, settings_of(metric.features)] = Features(np.maximum(rows, 0) * (1 + 0.1 * seed))
    return seconds(metric, Evaluation(nn.Identity(), None, (), (), shared))


class Posterior(nn.Module):
    def forward(self, x: Tensor) -> DiagNormal:
        return DiagNormal(x, x)


class Dim(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 0.9 * x + 0.02


def of_pictures(metric: Any) -> float:
    """Return the seconds that a metric takes, with pictures and reconstructions that take almost no time."""
    x = torch.rand(PICTURES, *SHAPE, generator=torch.Generator().manual_seed(0))
    model = Autoencoder(Posterior(), Dim(), 1, SHAPE)
    return seconds(metric, Evaluation(model, StandIn(shape=SHAPE), (), x.split(85)))


def seconds(metric: Any, evaluation: Evaluation) -> float:
    start = perf_counter()
    value = metric.compute(evaluation)
    took = perf_counter() - start
    assert math.isfinite(value), (metric, value)
    return took


@dataclass(frozen=True)
class Coarse(Pixels):
    """Extractor of few features, each the mean over a part of the picture."""

    side: PositiveInt = 4

    def width(self, shape: tuple[int, ...]) -> int:
        return shape[0] * self.side**2

    def __call__(self, x: Tensor, /) -> Tensor:
        return F.adaptive_avg_pool2d(x, self.side).flatten(1)


def memory_of(samples: int) -> float:
    """Return the largest growth of this process during an evaluation, in MB, without page cache."""
    data = StandIn(shape=(1, 32, 32), size=samples)
    model = SmallConv(latent_dim=8, data_shape=data.shape)
    few = StandIn(shape=(1, 32, 32), size=FEW)
    evaluate(metrics_of(FEW), few, lambda weights: model, 0)  # loads all modules

    before, peak, done = own_memory() or 0.0, 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, own_memory() or 0.0)
            sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    results = evaluate(metrics_of(samples), data, lambda weights: model, 0)
    done.set()
    watcher.join()
    assert all(result.value is not None for result in results), results
    return peak - before


def metrics_of(samples: int) -> dict[str, Any]:
    return {
        "frechet-distance": FrechetDistance(Coarse(), samples=samples),
        "kernel-distance": KernelDistance(Coarse(), samples=samples, subsets=10, subset_size=500),
        "precision": PrecisionMetric(Coarse(), samples=samples),
        "recall": RecallMetric(Coarse(), samples=samples),
        "density": DensityMetric(Coarse(), samples=samples),
        "coverage": CoverageMetric(Coarse(), samples=samples),
        "sliced-wasserstein": SlicedWasserstein(samples=samples),
        "psnr": PSNR(samples=samples),
        "ssim": SSIM(samples=samples),
        "reconstruction-error": ReconstructionErrorMetric(samples=samples),
        "active-units": ActiveUnits(samples=samples),
        "posterior-kl": PosteriorKL(samples=samples),
    }


def measure() -> list[tuple[str, float]]:
    """Return the name of each metric and its seconds."""
    of_features_only = {
        "frechet-distance": FrechetDistance,
        "kernel-distance": KernelDistance,
        "precision": PrecisionMetric,
        "recall": RecallMetric,
        "density": DensityMetric,
        "coverage": CoverageMetric,
    }
    rows = [(name, of_features(metric(Pixels(), samples=SAMPLES))) for name, metric in of_features_only.items()]
    return [*rows, ("psnr", of_pictures(PSNR())), ("ssim", of_pictures(SSIM()))]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.memory_of is not None:  # without keep_freed_memory, which makes the memory vary by 64 MB
        print(memory_of(given.memory_of))
        return
    keep_freed_memory()  # as the commands do

    rows = measure()
    command = [sys.executable, "-m", "benchmarks.metrics", f"--threads={given.threads}", "--memory-of"]
    grown = {n: float(subprocess.check_output([*command, str(n)], text=True)) for n in EVALUATED}
    if given.json:
        facts = {"threads": given.threads, "torch": torch.__version__, "targets_s": TARGETS}
        print(json.dumps({**facts, "seconds": dict(rows), "grown_mb": grown}))
        return
    console = Console()
    console.table(
        f"Metrics, {SAMPLES:,} against {SAMPLES:,} samples of {WIDTH:,} given features, and {PICTURES:,} "
        f"pictures of {SHAPE[1]} x {SHAPE[2]}, {given.threads} thread(s)",
        ("metric", "seconds", "target"),
        [(name, f"{took:.1f}", TARGETS.get(name, "")) for name, took in rows],
    )
    console.table(
        f"Memory of an evaluation by {len(metrics_of(FEW))} metrics",
        ("samples", "grown, MB"),
        [(f"{samples:,}", f"{grew:.0f}") for samples, grew in grown.items()],
    )


if __name__ == "__main__":
    main()
