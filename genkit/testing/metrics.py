"""Laws of metrics."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from genkit.core.dataset import Dataset
from genkit.core.global_generators import seeded_generators
from genkit.core.metric import Evaluation, Metric
from genkit.core.model import Model, NetworkBuilder, evaluating
from genkit.evaluation.compute_metrics import AFTER_A_FIX, NO_NUMBER, evaluate, protocol_of
from genkit.evaluation.draws import draws, labels_of, read
from genkit.evaluation.value_scale import value_scale
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.models.conditional import ConditionalAutoencoder
from genkit.parts.models.mlp import MLP
from genkit.parts.models.small_conv import SmallConv
from genkit.recipe.binding.part_interface import check_interface
from genkit.testing.examples import first_accepted
from genkit.testing.law import Law, hold
from genkit.testing.variants import variants

CLOSE = 1e-3  # of a number on itself: float32 features, and images rounded to 8 bits
SEED = 0


def assert_metric_is_lawful(metric: Metric, data: Dataset | None = None, model: Model | None = None) -> None:
    """Assert what an evaluation assumes of a metric, for this training data and a model of samples of their shape.

    - It returns the same finite number twice, and changes nothing in the model.
    - Its protocol is complete: a setting that changes the number changes the protocol.
    - Its number for the reference samples in place of generated ones is its declared ``value_on_itself:
      ClassVar[float]``, such as 0 for a distance. Nothing is assumed of a metric that declares none.
    - Its number is not better than the best of its declared ``value_scale: ClassVar[tuple[float, float]]``, whose ends
      are in the direction of `better`, or than the total that ``out_of: ClassVar[str]`` names.

    Without data and model it is tried on points, on digits, and on digits with a conditional model, each untrained; the
    first that it does not refuse counts. Let it use few samples: it is evaluated several times.
    """
    if data is None or model is None:
        data, model = first_accepted(_examples(), lambda example: _Trial(metric, *example).evaluates())
    hold(metric, _Trial(metric, data, model).laws())


def _examples() -> Iterator[tuple[Dataset, Model]]:
    points, digits = EightGaussians(), Digits()
    keys: dict[str, Any] = {"latent_dim": 4, "channels": (4, 8), "hidden": 8, "norm": "none"}
    with seeded_generators(SEED):
        yield points, MLP(latent_dim=2, width=16, layers=1, data_shape=points.shape)
        yield digits, SmallConv(**keys, data_shape=digits.shape)
        yield (
            digits,
            ConditionalAutoencoder(network=NetworkBuilder(SmallConv, keys), classes=10, data_shape=digits.shape),
        )


@dataclass(frozen=True)
class _Trial:
    metric: Metric
    data: Dataset
    model: Model

    def laws(self) -> list[Law]:
        return [
            Law(
                "a protocol and a number",
                self.evaluates,
                "Implement genkit.api.Metric: `compute` returns one finite float, and raises ValueError if the number "
                "would be meaningless",
                basic=True,
            ),
            Law("changes nothing", self.changes_nothing, "Read the model only: genkit sets its mode and its weights"),
            Law("the same number again", self.again, "Keep no state in the metric, and sort nothing by its address"),
            Law(
                "a complete protocol",
                self.complete,
                "Write every setting that the number depends on into EvaluationProtocol: `details` takes any",
            ),
            Law(
                "its number on itself if declared",
                self.on_itself,
                "Compare the formula with its source, or correct `value_on_itself`",
            ),
            Law(
                "its scale if declared",
                self.on_its_scale,
                "Let `value_scale` be the number of a model without merit and the best possible one, and `out_of` "
                "the detail of the protocol that has the total of what is counted",
            ),
        ]

    def evaluates(self) -> None:
        check_interface("metrics", self.metric)
        with evaluating(self.model):
            split = protocol_of(self.metric, self.data, self.model).split
        splits = dict.fromkeys((self.data.split, self.data.held_out().split))
        assert split in splits, f'the protocol has the split "{split}"; the data have {" and ".join(splits)}'
        value_of(self.metric, self.data, copy.deepcopy(self.model))  # a change of it is found by the next law

    def again(self) -> None:
        first, second = (value_of(self.metric, self.data, self.model) for _ in range(2))
        assert first == second, f"two evaluations of one model return {first!r} and {second!r}"
        with evaluating(self.model):
            protocols = [protocol_of(self.metric, self.data, self.model) for _ in range(2)]
        assert protocols[0] == protocols[1], "two calls return other protocols"

    def changes_nothing(self) -> None:
        before = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        modes = [module.training for module in self.model.modules()]
        value_of(self.metric, self.data, self.model)
        after = self.model.state_dict()
        assert after.keys() == before.keys(), f"the model has other tensors: {', '.join(after.keys() ^ before.keys())}"
        for name, tensor in after.items():
            assert tensor.equal(before[name]), f"{name} of the model has changed"
        assert [module.training for module in self.model.modules()] == modes, "the mode of a layer has changed"

    def complete(self) -> None:
        with evaluating(self.model):
            protocol = protocol_of(self.metric, self.data, self.model)
        for key in ("weights", "batch_norm"):
            asked, found = getattr(self.metric, key, None), getattr(protocol, key)
            assert asked in (None, found), f"{key} = {asked!r}, but the protocol has {found!r}"
        value = value_of(self.metric, self.data, self.model)
        for key, other in variants(self.metric):
            try:
                with evaluating(self.model):
                    changed = protocol_of(other, self.data, self.model)
                if changed.comparable == protocol.comparable:
                    number = value_of(other, self.data, self.model)
                    assert number == value, (
                        f"{key} = {getattr(other, key)!r} in place of {getattr(self.metric, key)!r} changes the number "
                        f"from {value:g} to {number:g}, but not the protocol"
                    )
            except ValueError:  # the metric refuses this value, or this value for this data
                continue

    def on_itself(self) -> None:
        wanted = getattr(type(self.metric), "value_on_itself", None)
        if wanted is None:
            return
        with evaluating(self.model), seeded_generators(SEED):
            protocol = protocol_of(self.metric, self.data, self.model)
            data = self.data if protocol.split == self.data.split else self.data.held_out()
            _, reference = draws(self.model, data, protocol.samples, SEED)
            reader = partial(read, self.model, seed=SEED, labelled=False)
            value = float(
                self.metric.compute(
                    Evaluation(self.model, data, reference, reference, {}, self.data, reader, labels=labels_of)
                )
            )
        assert abs(value - wanted) <= CLOSE * max(abs(wanted), 1), (
            f"value_on_itself is {wanted:g}, but the number for the reference samples themselves is {value:g}"
        )

    def on_its_scale(self) -> None:
        with evaluating(self.model):
            protocol = protocol_of(self.metric, self.data, self.model)
        if (out_of := getattr(type(self.metric), "out_of", None)) is not None:
            total = protocol.details.get(out_of)
            assert isinstance(total, int) and total > 0, f"out_of is {out_of!r}, but the protocol has {total!r} there"
        if (scale := value_scale(self.metric, protocol)) is None:
            return
        sign = {"lower": -1, "higher": 1, None: 0}[self.metric.better]
        assert all(map(math.isfinite, scale)) and sign * scale.best > sign * scale.worst, (
            f"value_scale is {scale.worst:g}, {scale.best:g}, but better is {self.metric.better!r}"
        )
        value = value_of(self.metric, self.data, self.model)
        assert sign * value <= sign * scale.best + CLOSE * abs(scale.best - scale.worst), (
            f"the number is {value:g}, better than the best of its scale, {scale.best:g}"
        )


def value_of(metric: Metric, data: Dataset, model: Model) -> float:
    """Return the number of a metric. Raises `ValueError` if it refuses, `AssertionError` if it returns no number."""
    (result,) = evaluate({"metric": metric}, data, lambda weights: model, SEED)
    bug = AFTER_A_FIX in result.reason or result.reason.startswith(NO_NUMBER)
    assert not bug, result.reason.removesuffix(f". {AFTER_A_FIX}")
    if result.value is None:
        raise ValueError(result.reason)
    return result.value
