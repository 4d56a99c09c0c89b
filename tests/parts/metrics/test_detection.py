"""AUROC, AUPRC and FPR at TPR of a score, and the test log-likelihood: values by hand, protocols, refusals."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
import torch
from support.messages import assert_names
from support.tiny_parts import Blob, Numbered, TinyAutoencoder
from torch import Tensor, nn

from genkit.api import GAN, Noise, Rows, Samples, Score
from genkit.bases.metrics.scoring import score_of_chunk
from genkit.core.likelihood import log_likelihood
from genkit.core.result import Result
from genkit.core.sample_noise import noise_of_samples
from genkit.errors import RecipeError
from genkit.evaluation.compute_metrics import evaluate, protocol_of
from genkit.evaluation.draws import draws
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.errors.l1 import L1
from genkit.parts.metrics.detection import AUPRC, AUROC, FPRAtTPR
from genkit.parts.metrics.gnelbo import GridNormalisedELBO
from genkit.parts.metrics.log_likelihood import LogLikelihoodMetric
from genkit.parts.scores.elbo import KL, Error
from genkit.parts.scores.mahalanobis import Mahalanobis
from genkit.recipe.plan import make_plan

METRICS = [AUROC, AUPRC, FPRAtTPR]
FAR = Blob(spread=3.0)


def model() -> TinyAutoencoder:
    torch.manual_seed(0)
    return TinyAutoencoder(data_shape=(2,)).double()


def result_of(metric, data=Blob()) -> Result:  # noqa: B008, a frozen data set
    autoencoder = model()
    (result,) = evaluate({"x": metric}, data, lambda weights: autoencoder, seed=0)
    return result


def test_the_area_is_that_of_all_pairs_of_scores():
    result = result_of(AUROC(FAR, Error(), samples=300, other_samples=200))
    normal, abnormal = (torch.cat([*draws(model(), data, total, 0)[1]]) for data, total in ((Blob(), 300), (FAR, 200)))
    n, a = ((x - model().reconstruct(x)).square().sum(dim=1) for x in (normal, abnormal))
    wins = (a[:, None] > n).double() + 0.5 * (a[:, None] == n).double()
    assert result.value == pytest.approx(wins.mean().item(), rel=1e-9)
    low, high = result.interval
    assert 0.6 < low < result.value < high <= 1


def test_metrics_of_one_score_share_its_scores():
    calls = []

    class Counted(Raw):
        def __call__(self, model, x, noise, /):
            calls.append(len(x))
            return super().__call__(model, x, noise)

    metrics = {each.__name__: each(FAR, Counted(), samples=30, other_samples=20) for each in METRICS}
    metrics["other set"] = AUROC(Blob(spread=2.0), Counted(), samples=30, other_samples=20)
    autoencoder = model()
    evaluate(metrics, Blob(), lambda weights: autoencoder, seed=0)
    assert calls == [30, 20, 20]


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_has_a_value_an_interval_and_a_direction(metric):
    result = result_of(metric(FAR, Error(), samples=100, other_samples=100))
    assert result.interval[0] <= result.value <= result.interval[1]
    assert (result.better == "lower") == (metric is FPRAtTPR)
    worse = result_of(metric(Blob(spread=0.2), Error(), samples=100, other_samples=100)).value
    assert (worse < result.value) == (metric is not FPRAtTPR)


def test_the_protocol_names_both_data_sets_the_score_and_the_weights():
    protocol = protocol_of(FPRAtTPR(FAR, KL(), samples=70, other_samples=30, tpr=0.9), Blob(), model())
    assert (protocol.samples, protocol.split, protocol.weights) == (70, "drawn", "raw")
    assert protocol.details["data"] == "blob"
    assert_names(protocol.details["other"], "blob (spread 3)", "30 samples of the drawn split")
    assert protocol.details["score"] == "kl" and protocol.details["tpr"] == 0.9
    assert_names(protocol, "1000 bootstrap replicates")


def test_the_protocol_names_the_error_of_the_model_and_compares_models_of_different_errors():
    squared, absolute = model(), model()
    absolute.reconstruction_error = L1()
    a, b = (protocol_of(AUROC(FAR), Blob(), each) for each in (squared, absolute))
    assert "error of the model" not in a.details and b.details["error of the model"] == "l1"
    assert a.comparable == b.comparable != protocol_of(AUROC(FAR, KL()), Blob(), squared).comparable
    a, b = (protocol_of(GridNormalisedELBO(), EightGaussians(), each) for each in (squared, absolute))
    assert "error" not in a.details and b.details["error"] == "l1" and a.comparable != b.comparable


def test_a_fitted_score_reads_the_training_data():
    result = result_of(AUROC(FAR, Mahalanobis(samples=200), samples=100, other_samples=100))
    assert result.value is not None and result.value > 0.6
    assert_names(result.protocol, "mahalanobis (samples 200)")


def test_the_log_likelihood_is_the_mean_of_the_bound_with_its_interval():
    result = result_of(LogLikelihoodMetric(samples=50, draws=7, variance=0.8))
    x = torch.cat([*draws(model(), Blob(), 50, 0)[1]])
    found = log_likelihood(model(), x, 7, 0.8, noise_of_samples(0, "score", x))
    assert result.value == pytest.approx(found.mean().item(), rel=1e-9)
    half = 1.96 * found.std().item() / 50**0.5
    assert result.interval == pytest.approx((result.value - half, result.value + half), rel=1e-4)
    assert_names(result.protocol, "50 samples", "draws 7", "error squared-error", "variance 0.8", "unit nats")
    assert protocol_of(LogLikelihoodMetric(), Blob(), model()).details["variance"] == 0.5


@dataclass(frozen=True)
class InPairs(Numbered):
    """Forty points, of which two in a row are a group."""

    @property
    def has_groups(self) -> bool:
        return True

    def sample_groups(self) -> list[str]:
        return [f"g{index // 2}" for index in range(self.size)]

    def held_out(self) -> InPairs:
        return self


@dataclass(frozen=True)
class Alone(InPairs):
    """Forty points, each a group."""

    def sample_groups(self) -> list[str]:
        return [str(index) for index in range(self.size)]


def test_the_interval_of_the_log_likelihood_is_over_groups():
    metric = LogLikelihoodMetric(samples=40, split="train", draws=5)
    plain, alone, pairs = (result_of(metric, data) for data in (Numbered(), Alone(), InPairs()))
    assert plain.value == alone.value == pairs.value
    assert alone.interval == pytest.approx(plain.interval)
    x = torch.cat([*draws(model(), InPairs(), 40, 0)[1]])
    found = log_likelihood(model(), x, 5, 0.5, noise_of_samples(0, "score", x))
    means = found.reshape(20, 2).mean(dim=1)  # of groups of one size, the mean of their means is that of all
    half = 1.96 * means.std().item() / 20**0.5
    assert pairs.interval == pytest.approx((pairs.value - half, pairs.value + half), rel=1e-4)
    for result, what in ((plain, "of samples"), (pairs, "of groups")):
        assert_names(result.protocol.details["interval"], "95 %", what)
    assert plain.protocol.comparable == replace(pairs.protocol.comparable)


def test_a_result_with_an_interval_comes_back_and_one_without_is_stored_as_before():
    result = result_of(AUROC(FAR, Error(), samples=20, other_samples=20))
    assert Result.from_dict(result.as_dict()) == result
    without = replace(result, interval=None)
    assert "interval" not in without.as_dict() and Result.from_dict(without.as_dict()) == without


# Refusals


@dataclass(frozen=True)
class Holds(Blob):
    """Density with one value in all samples, of another shape or size if asked."""

    value: float = 0.0
    shape: tuple[int, ...] = (2,)
    size: int | None = None
    split: str = field(default="test", init=False)

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        return Samples(torch.full((len(indices), *self.shape), self.value))


@dataclass(frozen=True)
class Raw(Score):
    """The first component of a sample, or infinity."""

    infinite: bool = False

    def __call__(self, model, x: Tensor, noise: Noise, /) -> Tensor:
        return x[:, 0] / (0 if self.infinite else 1)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("other", "keys", "names"),
    [
        (Holds(shape=(3, 8, 8)), {}, ("`other`", "(3, 8, 8)", "(2,)")),
        (Holds(size=0), {}, ("`other`", "no samples", "other_split")),
        (Holds(size=5), {"other_samples": 6}, ("other_samples = 6", "5 samples")),
        (Blob(), {}, ("`other`", "same", "[data]")),
    ],
)
def test_another_data_set_that_makes_no_number_is_refused_by_the_plan(metric, other, keys, names):
    with pytest.raises(ValueError) as refused:
        protocol_of(metric(other, **keys), Blob(), model())
    assert_names(refused.value, *names)


@pytest.mark.parametrize("metric", [AUROC(FAR), LogLikelihoodMetric()])
def test_a_gan_is_refused(metric):
    with pytest.raises(ValueError, match="no encoder"):
        protocol_of(metric, Blob(), GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (2,)))


def test_a_score_that_is_fitted_to_more_samples_than_there_are_is_refused():
    with pytest.raises(ValueError, match="40") as refused:
        protocol_of(AUROC(FAR, Mahalanobis(samples=41)), Numbered(), model())
    assert_names(refused.value, "41", "samples = 40")


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        (AUROC(Holds(value=float("nan")), Error()), ("some values of the other data set", "not finite")),
        (AUROC(FAR, Raw(infinite=True), samples=10), ("scores of 10 of 10", "the data", "not finite")),
    ],
)
def test_values_that_are_not_finite_are_refused_in_place_of_a_number(metric, names):
    result = result_of(metric)
    assert result.value is None and result.interval is None
    assert_names(result.reason, *names)


def test_images_of_another_range_are_refused():
    x = torch.full((3, 1, 4, 4), 255.0)
    with pytest.raises(ValueError, match="0, 1") as refused:
        score_of_chunk(model(), Raw(), "the other data set", x)
    assert_names(refused.value, "the other data set", "255")


def test_equal_scores_are_no_detection():
    assert result_of(AUROC(Holds(value=1.0), Raw(), samples=10), Holds(value=1.0, size=40)).value == 0.5


# Recipes

DIGITS = {
    "title": "digits",
    "data": {"use": "digits"},
    "model": {"use": "small-conv", "channels": [4, 4], "hidden": 8},
    "loss": {"use": "vae"},
    "optimiser": {"encoder": {"use": "adam", "lr": 0.1}, "decoder": {"use": "adam", "lr": 0.1}},
    "train": {"steps": 2, "batch_size": 8},
}


def with_metric(**keys):
    return {**DIGITS, "metrics": {"ood": {"use": "auroc", **keys}}}


@pytest.mark.parametrize(("error", "variance"), [("squared", 0.5), ("l1", 2.0), ("bce", None)])
def test_the_protocol_names_the_variance_that_the_error_implies(error, variance):
    other = {"use": "stand-in", "shape": [1, 28, 28], "size": 300}
    recipe = with_metric(other=other, score={"use": "log-likelihood"})
    details = make_plan({**recipe, "model": {**recipe["model"], "error": error}}).protocols["ood"].details
    assert details.get("implied variance") == variance
    likelihood = {"use": "log-likelihood", "samples": 300}
    of_metric = make_plan({**recipe, "model": {**recipe["model"], "error": error}, "metrics": {"x": likelihood}})
    assert of_metric.protocols["x"].details["variance"] == (variance or "none")


def test_a_variance_that_is_set_is_named_once_and_an_implied_one_is_a_property_of_the_model():
    other = {"use": "stand-in", "shape": [1, 28, 28], "size": 300}
    own = make_plan(with_metric(other=other, score={"use": "log-likelihood", "variance": 0.3})).protocols["ood"]
    assert_names(own.details["score"], "variance 0.3")
    assert not any(name.startswith("implied") for name in own.details)
    recipe = with_metric(other=other, score={"use": "log-likelihood"})
    l1 = make_plan({**recipe, "model": {**recipe["model"], "error": "l1"}}).protocols["ood"]
    assert l1 != make_plan(recipe).protocols["ood"] and l1.comparable == make_plan(recipe).protocols["ood"].comparable


def test_a_recipe_names_the_other_data_set_and_the_score():
    other = {"use": "stand-in", "shape": [1, 28, 28], "size": 300}
    plan = make_plan(with_metric(other=other, score={"use": "log-likelihood", "draws": 3}))
    assert_names(plan.protocols["ood"], "1,000 samples", "other stand-in", "score log-likelihood (draws 3)")
    assert plan.protocols["ood"].details["implied variance"] == 0.5
    assert plan.resolved["metrics"]["ood"]["score"] == {"use": "log-likelihood", "draws": 3}
    assert plan.resolved["metrics"]["ood"]["other"]["use"] == "stand-in"
    assert make_plan(plan.resolved).metrics == plan.metrics
    assert make_plan(with_metric(other=other)).resolved["metrics"]["ood"]["score"]["use"] == "elbo"


def test_pictures_of_another_size_are_refused_at_the_metric():
    with pytest.raises(RecipeError) as refused:
        make_plan(with_metric(other={"use": "stand-in", "shape": [3, 32, 32]}))
    assert_names(refused.value, "[metrics] ood", "(3, 32, 32)", "(1, 28, 28)")


def test_missing_files_of_the_other_data_set_are_unmet(tmp_path):
    plan = make_plan(with_metric(other={"use": "fashion-mnist", "path": str(tmp_path / "nowhere")}))
    assert_names(plan.unmet, "[metrics.ood.other] path", "nowhere")


def test_a_class_that_was_left_out_can_be_the_other_data_set():
    recipe = with_metric(other={"use": "digits", "classes": [9]}, score="kl")
    plan = make_plan({**recipe, "data": {"use": "digits", "classes": [0, 1, 2, 3, 4, 5, 6, 7, 8]}})
    assert_names(plan.protocols["ood"], "900 samples", "digits (split test, classes [9]), 100 samples")
    labels = plan.data.batch(torch.arange(plan.data.size), Noise(0, 0, "x", Rows.all(plan.data.size))).extra["label"]
    assert plan.data.size == 4500 and labels.unique().tolist() == [*range(9)]
    assert "classes" not in make_plan(DIGITS).resolved["data"]


def test_a_class_without_pictures_is_refused():
    with pytest.raises(RecipeError) as refused:
        make_plan({**DIGITS, "data": {"use": "digits", "classes": [10]}})
    assert_names(refused.value, "data", "classes", "10", "0, 1, 2")
