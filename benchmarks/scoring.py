"""Pictures that genkit scores in a second, compared with a bare forward of the networks that the score needs.

genkit's side is the scoring path of metrics: it reads a chunk of the data set, checks it, computes the score with the
noise of its samples, and checks the scores. The bare side runs the networks on a chunk in memory, as often as the
score needs them, in pieces of the size that is fastest on a CPU, and nothing else. Chunks of both sides are timed
alternately, in one process. Memory is the peak of a new process for each number of pictures.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.interleaved import CLOCKS, Side, compare, options
from genkit.api import Autoencoder, Evaluation, Noise, Samples, Score
from genkit.bases.metrics.scoring import fitted_score, score_of_chunk, scores_of
from genkit.console.output import Console
from genkit.core.global_generators import seeded_generators
from genkit.core.model import evaluating
from genkit.engine.malloc import keep_freed_memory
from genkit.evaluation.draws import CHUNK, draws, rows_of_chunk
from genkit.parts.models.introvae_conv import IntroVAEConv
from genkit.parts.models.small_conv import SmallConv
from genkit.parts.scores.elbo import ELBO, KL, Error
from genkit.parts.scores.features import Features
from genkit.parts.scores.log_likelihood import LogLikelihood
from genkit.parts.scores.mahalanobis import Mahalanobis

TARGET = 0.9  # rate of genkit / rate of the bare networks
CHUNKS = 8  # timed
PIECE = 128  # pictures in one call of the bare side
FEW, MANY = 4 * CHUNK, 40 * CHUNK  # pictures; the peak of memory must be the same
DRAWS = 5
SCORES: dict[str, Score] = {
    "kl": KL(),
    "error": Error(),
    "elbo": ELBO(),
    "log-likelihood": LogLikelihood(draws=DRAWS, variance=0.5),
    "features": Features(),
    "mahalanobis": Mahalanobis(samples=CHUNK),
}


@dataclass(frozen=True)
class Repeated:
    """Any number of pictures: the same stored bytes again and again, so that only scores take more memory."""

    shape: tuple[int, int, int]
    size: int
    split: str = "train"

    def unmet(self) -> tuple[str, ...]:
        return ()

    def held_out(self) -> Repeated:
        return replace(self, split="test")

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        stored = picture_bytes(self.shape)
        return Samples(stored[indices % len(stored)].to(noise.device, noise.dtype) / 255)


@cache
def picture_bytes(shape: tuple[int, int, int]) -> Tensor:
    """Return the stored pictures, (CHUNK, C, H, W) uint8."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (CHUNK, *shape), generator=generator, dtype=torch.uint8)


def bare(name: str, model: Autoencoder) -> Callable[[Tensor], Any]:
    """Return the forward passes that a score needs."""
    if name in ("kl", "mahalanobis"):
        return model.encoder
    if name in ("error", "elbo"):
        return model.reconstruct
    if name == "features":
        return lambda x: (model.features(x), model.features(model.reconstruct(x)))

    def encode_once_and_decode_often(x: Tensor) -> Any:
        mu = model.encoder(x).mu
        return [model.decoder(mu) for _ in range(DRAWS)]

    return encode_once_and_decode_often


def networks() -> Autoencoder:
    """Return the networks of `as_introvae_cifar10_cpu`."""
    with seeded_generators(0):
        return IntroVAEConv(data_shape=(3, 32, 32), latent_dim=128, channels=(16, 32, 64), norm="group")


def evaluation_of(model: Autoencoder, samples: int) -> Evaluation:
    data = Repeated(model.data_shape, samples)
    read = lambda some, total: draws(model, some, total, 0)[1]  # noqa: E731
    return Evaluation(model, data, *draws(model, data, samples, 0), training=data, read=read)


def measure(name: str, model: Autoencoder, chunks: int, clock: Callable[[], int]) -> dict[str, Any]:
    """Return the row of one score. Both sides first take one chunk, which is not timed."""
    rows = rows_of_chunk(model.data_shape)
    evaluation = evaluation_of(model, rows * (chunks + 1))
    x, forward = next(iter(evaluation.reference)), bare(name, model)
    with evaluating(model):
        score = fitted_score(SCORES[name], evaluation)
        ours = evaluation.parallel_map(partial(score_of_chunk, model, score, "the data"), evaluation.reference)
        took = compare(Side(forever(forward, x), clock), Side(ours, clock), chunks, warmup=1)
    return {
        "score": name,
        "bare_per_s": 1e3 * rows / took.first_ms,
        "genkit_per_s": 1e3 * rows / took.second_ms,
        "ratio": 1 / took.ratio,
        "low": 1 / took.high,
        "high": 1 / took.low,
    }


def forever(forward: Callable[[Tensor], Any], x: Tensor) -> Iterator[None]:
    while True:
        for piece in x.split(PIECE):
            forward(piece)
        yield


def peak_of(samples: int) -> float:
    """Return the peak memory of this process in MB, after it has scored so many pictures."""
    model = SmallConv(latent_dim=8, data_shape=(1, 32, 32))
    evaluation = evaluation_of(model, samples)
    with evaluating(model):
        assert len(scores_of(SCORES["elbo"], evaluation, evaluation.reference, "the data")) == samples
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    if sys.argv[1:2] == ["--peak-of"]:
        torch.set_num_threads(1)
        print(peak_of(int(sys.argv[2])))
        return
    given = options("scoring", __doc__.splitlines()[0], dict.fromkeys(SCORES, "vae"), threads=1)
    keep_freed_memory()  # as the commands do
    chunks, model = given.steps or CHUNKS, networks()
    measured = [measure(name, model, chunks, CLOCKS[given.clock]) for name in given.cases]
    command = [sys.executable, "-m", "benchmarks.scoring", "--peak-of"]
    peaks = {n: float(subprocess.check_output([*command, str(n)], text=True)) for n in (FEW, MANY)}
    if given.json:
        facts = {"chunks": chunks, "threads": given.threads, "clock": given.clock, "target": TARGET}
        print(json.dumps({**facts, "torch": torch.__version__, "rows": measured, "peak_mb": peaks}))
        return
    console = Console()
    console.table(
        f"Pictures a second ({given.clock}), networks of CIFAR-10 on a CPU, {chunks} chunks of {CHUNK}, "
        f"{given.threads} thread(s); target: ratio >= {TARGET}",
        ("score", "bare", "genkit", "ratio", "95 % interval"),
        [
            (
                row["score"],
                f"{row['bare_per_s']:.0f}",
                f"{row['genkit_per_s']:.0f}",
                f"{row['ratio']:.3f}",
                f"{row['low']:.3f} to {row['high']:.3f}",
            )
            for row in measured
        ],
    )
    rows = [(f"{samples:,}", f"{peak:.0f}") for samples, peak in peaks.items()]
    console.table("Peak memory of scoring", ("pictures", "MB"), rows)


if __name__ == "__main__":
    main()
