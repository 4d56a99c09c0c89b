"""Conditions of a model: what a block sets and restores, what it refuses, and how classes are drawn."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import pytest
import torch
from support.messages import assert_names
from support.tiny_parts import Numbered, TinyAutoencoder

from genkit.core.condition import LABEL, ClassFacts, Conditional, class_facts, draw_labels
from genkit.core.dataset import LabelledDataset, Samples
from genkit.core.noise import Noise, Rows
from genkit.evaluation.samples import decoded_codes, in_chunks, labels_in_turn
from genkit.parts.priors.per_class import PerClass

NOISE = Noise(5, 0, "any", Rows.all(20_000), dtype=torch.float64)


class ByClass(Conditional):
    """Network that adds the class of each row."""

    def __init__(self, classes: int = 3):
        super().__init__()
        self.classes = classes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        labels = self.labels_of(len(x), x.device)
        return x if labels is None else x + labels[:, None]


@dataclass(frozen=True)
class Labelled(Numbered):
    """Forty points with given labels."""

    given: tuple[int, ...] = (0,) * 10 + (1,) * 20 + (2,) * 10
    names: tuple[str, ...] = ()
    shape: tuple[int, ...] = field(default=(2,), init=False)

    def has_labels(self) -> bool:
        return True

    def class_labels(self) -> torch.Tensor:
        return torch.tensor(self.given)

    def class_names(self) -> tuple[str, ...]:
        return self.names

    def batch(self, indices, noise) -> Samples:
        return Samples(super().batch(indices, noise).x, {LABEL: self.class_labels()[indices]})


def model(**changes) -> TinyAutoencoder:
    made = TinyAutoencoder(data_shape=(2,)).double()
    made.prior = PerClass(classes=3, latent_dim=2, **changes).double()
    return made


def labels(*numbers: int) -> dict[str, torch.Tensor]:
    return {LABEL: torch.tensor(numbers)}


def test_a_block_sets_the_condition_of_all_modules_and_restores_the_one_before():
    made = model()
    made.decoder = torch.nn.Sequential(ByClass(), made.decoder)
    modules = [made.prior, made.decoder[0]]
    assert made.condition_classes == 3 and all(module.labels is None for module in modules)
    with made.given(labels(0, 1)):
        with made.given(labels(2)):
            assert [module.labels.tolist() for module in modules] == [[2], [2]]
        with made.given(None):
            assert all(module.labels is None for module in modules)
        assert [module.labels.tolist() for module in modules] == [[0, 1], [0, 1]]
    assert all(module.labels is None for module in modules)


def test_an_exception_resets_the_condition():
    made = model()
    with pytest.raises(KeyError), made.given(labels(1)):
        raise KeyError
    assert made.prior.labels is None


def test_a_model_that_is_not_conditional_ignores_and_draws_nothing():
    made = TinyAutoencoder(data_shape=(2,))
    with made.given({}), made.given(labels(7, -3)), made.given(None):
        assert made.condition_classes is None
    assert made.draw_condition(NOISE) == {} and labels_in_turn(5, made) is None


@pytest.mark.parametrize(
    ("extra", "names"),
    [
        ({}, ('extra["label"]', "none")),
        ({"age": torch.zeros(2)}, ('extra["label"]', "age")),
        (labels(0, 3), ("0 to 3", "classes 0 to 2", "[model]", "[model.prior]")),
        (labels(-1, 1), ("-1 to 1", "classes 0 to 2")),
        ({LABEL: torch.zeros(2)}, ("float32", "(2,)")),
        ({LABEL: torch.zeros(2, 3, dtype=torch.int64)}, ("(2, 3)", "(B,)")),
    ],
)
def test_labels_that_are_no_classes_are_refused(extra, names):
    made = model()
    with pytest.raises(ValueError) as caught, made.given(extra):
        pass
    assert_names(caught.value, *names)
    assert made.prior.labels is None


def test_parts_with_different_numbers_of_classes_are_refused():
    made = model()
    made.decoder = torch.nn.Sequential(ByClass(4), made.decoder)
    with pytest.raises(ValueError) as caught:
        _ = made.condition_classes
    assert_names(caught.value, "3 and 4", "`classes`")


def test_a_copy_has_a_condition_of_its_own():
    made = model()
    other = copy.deepcopy(made)
    with made.given(labels(1)):
        assert other.prior.labels is None
    assert not [name for name in made.state_dict() if "label" in name]


def test_classes_are_drawn_with_their_frequencies_and_never_one_without_a_sample():
    frequencies = (0.0, 0.2, 0.0, 0.3, 0.5, 0.0)
    drawn = draw_labels(frequencies, NOISE)
    shares = torch.bincount(drawn, minlength=6) / len(drawn)
    torch.testing.assert_close(shares.double(), torch.tensor(frequencies).double(), atol=0.012, rtol=0)
    assert (shares[[0, 2, 5]] == 0).all()
    part = Noise(5, 0, "any", Rows(100, 300, 20_000), dtype=torch.float64)
    assert torch.equal(draw_labels(frequencies, part), drawn[100:300])


def test_a_class_of_no_samples_is_not_drawn_even_where_rounding_leaves_a_gap():
    class Highest:
        def rand(self, tag):
            return torch.tensor([0.0, 1.0])  # the largest number below 1 rounds to it

    assert draw_labels((0.0, 0.1, 0.2, 0.7, 0.0), Highest()).tolist() == [1, 3]


def test_the_facts_of_the_classes_are_those_of_the_data():
    assert isinstance(Labelled(), LabelledDataset) and not isinstance(Numbered(), LabelledDataset)
    assert class_facts(Labelled(), 3) == ClassFacts((0.25, 0.5, 0.25), ("0", "1", "2"))
    assert class_facts(Labelled(names=("cat", "dog")), 4) == ClassFacts(
        (0.25, 0.5, 0.25, 0.0), ("cat", "dog", "2", "3")
    )
    assert class_facts(Numbered(), 2) == ClassFacts.equal(2) == ClassFacts((0.5, 0.5), ("0", "1"))
    with pytest.raises(ValueError, match="0 to 2"):
        class_facts(Labelled(), 2)


def test_a_few_rows_at_a_time_have_their_own_labels():
    made, network = model(), ByClass()
    made.decoder = torch.nn.Sequential(network, made.decoder)
    x, extra = torch.zeros(40, 1, 2, 2), {LABEL: torch.arange(40) % 3}  # chunks of 16 images
    found = in_chunks(lambda rows: network(rows.flatten(1)), x, (1, 2, 2), made.given_rows(extra))
    assert found[:, 0].tolist() == [float(n % 3) for n in range(40)]


def test_shown_samples_have_the_labels_that_are_asked_for():
    made = model(means=((50.0, 50.0), (0.0, 0.0), (-50.0, -50.0)))
    made.decoder = torch.nn.Identity()
    noise = Noise(3, 0, "any", Rows.all(1))
    in_turn = labels_in_turn(12, made, 2)
    assert in_turn.tolist() == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]
    codes = decoded_codes(12, made, noise, in_turn)
    assert (-(codes[:, 0] / 50).round() + 1).tolist() == in_turn.tolist()
    assert torch.equal(decoded_codes(12, made, noise, in_turn, first=3), codes[:3])
    made.class_facts = ClassFacts((0.0, 1.0, 0.0), ("a", "b", "c"))
    assert decoded_codes(500, made, noise).abs().max() < 10  # all of class 1
