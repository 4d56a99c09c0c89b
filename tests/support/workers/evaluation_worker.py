"""Script for one or more processes: evaluates models, and writes the results and how often each process has helped."""

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import torch
from support.tiny_recipes import assert_same_bits

from genkit.api import Evaluation, EvaluationProtocol, Metric, ModelMetric
from genkit.core.metric import BatchNormMode
from genkit.core.result import Result
from genkit.engine.distributed import World
from genkit.engine.led_by_main import led_by_main
from genkit.engine.state import TrainState, initial_state
from genkit.errors import UsageError
from genkit.evaluation import draws
from genkit.evaluation.compute_metrics import evaluate, evaluated_objects
from genkit.evaluation.in_state import InState
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import EMA, Recipe, Train, Use

FEW = {"samples": 300}
FEATURES = {**FEW, "features": {"use": "digits"}}
MASKED = {"other": {"use": "stroke-digits"}, "other_samples": 300}
OF_IMAGES = {
    "reconstruction-error": {},
    "psnr": {"split": "train", "samples": 500},
    "ssim": FEW,
    "active-units": {},
    "posterior-kl": {"of": "rec"},
    "frechet-distance": FEATURES,
    "kernel-distance": {**FEATURES, "subset_size": 100, "subsets": 3},
    "precision": FEATURES,
    "recall": {**FEATURES, "weights": "ema"},
    "density": FEATURES,
    "coverage": {**FEW, "features": {"use": "pixels"}},
    "sliced-wasserstein": {**FEW, "projections": 20},
    "class-imbalance": {**FEW, "split": "train", "weights": "ema"},
    "pixel-auroc": {**MASKED, "score": {"use": "features"}},
    "pixel-auprc": {**MASKED, "smooth": 1.5},
    "dice": {**MASKED, "fpr": 0.05, "samples": 300},
}
OF_POINTS = {
    **{name: {"samples": 5_000} for name in ("modes", "high-quality", "reference-kl", "reference-jsd")},
    **{name: {"samples": 50_000} for name in ("histogram-kl", "histogram-jsd")},
    "gnelbo": {"samples": 3_000},
    "posterior-kl": {"of": "fake"},
    "log-likelihood": {"samples": 1_500, "draws": 5},
    **{
        name: {"other": {"use": "rings"}, "samples": 2_500, "other_samples": 1_200, "score": {"use": score}}
        for name, score in {"auroc": "elbo", "auprc": "mahalanobis", "fpr-at-tpr": "log-likelihood"}.items()
    },
}
OF_CLASSES = {
    "label-accuracy": FEW,
    "posterior-kl": {**FEW, "weights": "ema"},
    "class-imbalance": FEW,
    "linear-probe": {"samples": 200, "fit_samples": 300},
    "knn-probe": {"samples": 200, "fit_samples": 300},
}
CHUNK = 97  # neither the samples of a split nor the chunks divide by the number of processes


@dataclass(frozen=True)
class Own(ModelMetric):
    """Base class of metrics of a plugin."""

    samples: int = 400
    better = None

    def protocol(self, data, model):
        return EvaluationProtocol(self.samples, data.held_out().split, self.weights, self.batch_norm)


class Draws(Own):
    def compute(self, evaluation: Evaluation) -> float:
        mean = sum(chunk.sum() for chunk in evaluation.generated)
        return mean + torch.randn(()) + evaluation.model.sample(torch.randn(3, evaluation.model.latent_dim)).sum()


class Interleaved(Own):
    def compute(self, evaluation: Evaluation) -> float:
        encoded = evaluation.parallel_map(evaluation.model.encoder, evaluation.reference)
        return sum((x.sum() * q.mu.sum()) for x, q in zip(evaluation.generated, encoded, strict=True))


class LeavesEarly(Own):
    def compute(self, evaluation: Evaluation) -> float:
        first = next(iter(evaluation.generated)).mean()
        return first + sum(evaluation.parallel_map(lambda x: x.mean(), evaluation.reference))


class Refuses(Own):
    def compute(self, evaluation: Evaluation) -> float:
        return sum(evaluation.parallel_map(refuse_third, range(5)))


def refuse_third(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number


class LacksFile(Own):
    def compute(self, evaluation: Evaluation) -> float:
        return sum(evaluation.parallel_map(lack_second, range(5)))


def lack_second(number: int) -> int:
    if number == 1:
        raise UsageError("no file")
    return number


OWN = {kind.__name__: kind() for kind in (Draws, Interleaved, LeavesEarly, Refuses)}


def plan_of(data: str, model: Use, metrics: dict[str, dict]) -> Plan:
    """Return a plan; it is not trained."""
    adam = Use("adam", lr=1e-3)
    recipe = Recipe(
        title="evaluated",
        data=Use(data),
        model=model,
        loss=Use("vae"),
        optimiser={"encoder": adam, "decoder": adam},
        train=Train(steps=1, batch_size=8),
        ema=EMA(decay=0.5),
        metrics={name: Use(name, **keys) for name, keys in metrics.items()},
    )
    return make_plan(recipe, registry=load_registry(), try_step=False)


def state_of(plan: Plan, world: World) -> TrainState:
    """Return a state with running statistics, and EMA weights that differ from the raw ones."""
    state = initial_state(plan, world)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _ in range(3):
            x = torch.rand(8, *plan.data.shape, generator=generator)
            state.model.decoder(state.model.encoder(x).mu)
            for parameter in state.model.parameters():
                parameter += 0.02 * torch.randn(parameter.shape, generator=generator)
            state.average.update()
    return state


def evaluated(plan: Plan, metrics: Mapping[str, Metric], mode: BatchNormMode | None, world: World) -> list[Result]:
    """Return the results on all processes. Assert that the model is as before."""
    state = state_of(plan, world)
    before = {name: tensor.clone() for name, tensor in state.model.state_dict().items()}
    results = led_by_main(
        world,
        lambda parallel_map: evaluate(metrics, plan.data, state.weights, 0, mode, parallel_map),
        lambda: evaluated_objects(plan.data, state.weights),
    )
    assert state.model.training and torch.is_grad_enabled()
    assert_same_bits(dict(state.model.state_dict()), before)
    return results


def main() -> None:
    """Write the results of each evaluation, and the number of functions that each process has computed."""
    out, world, helped = Path(sys.argv[1]), World(), Counter()
    out.mkdir(parents=True, exist_ok=True)
    call = InState.__call__

    def counted(self, item):
        helped["calls"] += 1
        return call(self, item)

    images = plan_of("digits", Use("introvae-conv", latent_dim=4, channels=(4, 8), norm="batch"), OF_IMAGES)
    points = plan_of("8-gaussians", Use("mlp", width=16), OF_POINTS)
    per_class = Use("per-class", classes=10, spread=3.0)
    classes = plan_of("digits", Use("small-conv", channels=(4, 8), hidden=16, prior=per_class), OF_CLASSES)
    few = {name: {"samples": 2} for name in ("psnr", "reconstruction-error", "active-units")}
    cases = {
        "images": (images, {**images.metrics, **OWN}, None, CHUNK),
        "points": (points, points.metrics, None, 1000),
        "classes": (classes, {**classes.metrics, **OWN}, None, CHUNK),
        "few": (images, plan_of("digits", images.recipe.model, few).metrics, None, 1),
        "batch": (images, {**OWN, "psnr": images.metrics["psnr"]}, "batch", CHUNK),
        "recalibrated": (images, {**OWN, "psnr": images.metrics["psnr"]}, "recalibrated", CHUNK),
    }
    with patch.object(InState, "__call__", counted):
        for name, (plan, metrics, mode, chunk) in cases.items():
            with patch.object(draws, "CHUNK", chunk):
                results = evaluated(plan, metrics, mode, world)
            found = {result.label: [result.value, result.reason] for result in results}
            (out / f"{name}-{world.rank}.json").write_text(json.dumps(found))
        try:
            evaluated(points, {"it": LacksFile()}, None, world)
        except UsageError as error:
            assert str(error) == "no file"
        else:
            raise AssertionError("went on")
    (out / f"calls-{world.rank}.json").write_text(json.dumps(helped["calls"]))
    world.close()
    # Not by the interpreter: very rarely a thread of torch's aborts its end, after all results are written.
    os._exit(0)


main()
