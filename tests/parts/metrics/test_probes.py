"""Probes: classifiers written out in another way, closed forms, and data that no number can be given for."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from support.messages import assert_names
from torch import Tensor, nn

from genkit.api import GAN, Autoencoder, Conditional, DiagNormal, Samples
from genkit.bases.metrics.probe import LabelledCodes, wilson_interval
from genkit.evaluation.compute_metrics import evaluate, protocol_of
from genkit.evaluation.draws import labels_of, read
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.metrics.knn_probe import KNNProbe
from genkit.parts.metrics.linear_probe import LinearProbe, fit_logistic_regression
from genkit.parts.models.small_conv import SmallConv


@dataclass(frozen=True)
class Labelled:
    """Points in the plane with given labels: x = (label, number of the sample) with noise that depends on both."""

    train: tuple[int, ...]
    test: tuple[int, ...]
    split: str = "train"
    spread: float = 0.0
    form: str = "label"  # of `extra`

    @property
    def shape(self):
        return (2,)

    @property
    def labels(self):
        return torch.tensor(self.train if self.split == "train" else self.test)

    @property
    def size(self):
        return len(self.labels)

    def unmet(self):
        return ()

    def held_out(self):
        return replace(self, split="test")

    def batch(self, indices: Tensor, noise) -> Samples:
        labels = self.labels[indices]
        x = torch.stack([labels.double() + self.spread * torch.sin(7.0 * indices), torch.cos(3.0 * indices)], dim=1)
        extra = {"label": labels, "float": labels.double()}
        return Samples(x, {"label": extra[self.form]} if self.form in extra else {})


class Identity(nn.Module):
    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale, dtype=torch.float64))

    def forward(self, x):
        return DiagNormal(self.scale * x, torch.zeros_like(x))


def identity(scale=1.0):
    return Autoencoder(Identity(scale), nn.Identity(), 2, (2,))


def accuracy(probe, data, model=None):
    (result,) = evaluate({"probe": probe}, data, lambda _: model or identity(), 0)
    assert result.value is not None, result.reason
    assert result.interval[0] <= result.value <= result.interval[1]
    return result.value


def reason(probe, data, model=None):
    (result,) = evaluate({"probe": probe}, data, lambda _: model or identity(), 0)
    assert result.value is None
    return result.reason


PROBES = [LinearProbe(), KNNProbe()]
THREE = (0, 1, 2) * 20
BLURRED = Labelled(THREE, THREE[::-1], spread=1.5)


def codes_of(data):
    """Return standardised codes and labels of both splits, by numpy."""
    fit, test = ([*data.batch(torch.arange(60), None).x.numpy()] for data in (data, data.held_out()))
    mean, std = np.mean(fit, axis=0), np.std(fit, axis=0)
    return (fit - mean) / std, np.array(data.train), (test - mean) / std, np.array(data.test)


@pytest.mark.parametrize("k", [1, 4, 5, 60])
def test_the_nearest_neighbours_vote_as_they_do_one_by_one(k):
    fit, fit_labels, test, test_labels = codes_of(BLURRED)
    right = 0
    for code, label in zip(test, test_labels, strict=True):
        nearest = sorted((math.dist(code, other), number) for number, other in enumerate(fit))[:k]
        votes, sums = Counter(), Counter()
        for distance, number in nearest:
            votes[fit_labels[number]] += 1
            sums[fit_labels[number]] += distance
        right += min(votes, key=lambda each: (-votes[each], sums[each], each)) == label
    assert accuracy(KNNProbe(k=k), BLURRED) == right / 60
    assert 0.2 < right / 60 < 1  # neither all right nor all wrong


def vote(fit, classes, k):
    number = max(classes) + 1
    fit, none = torch.tensor(fit, dtype=torch.float64)[:, None], torch.tensor([0])
    codes = LabelledCodes(fit, torch.tensor(classes), torch.zeros(1, 1).double(), none, number)
    return KNNProbe(k=k).predict(codes).item()


def test_ties_of_votes_and_of_distances_follow_the_stated_rules():
    assert vote([1.0, 3.0, -1.5, -2.0], [0, 0, 1, 1], k=4) == 1  # two votes each; sums of 4 and 3.5
    assert vote([1.0, 3.0, -2.0, -2.0], [1, 1, 0, 0], k=4) == 0  # equal sums: the lowest label
    assert vote([2.0, 1.0, -1.0], [0, 1, 0], k=1) == 1  # equal distances: the first that is read
    assert vote([2.0, -1.0, 1.0], [0, 0, 1], k=1) == 0
    assert vote([9.0, 8.0, 0.1], [0, 0, 1], k=3) == 0  # votes count before distances


@pytest.mark.parametrize("l2", [1e-3, 0.1])
def test_the_logistic_regression_is_the_minimum_that_newtons_method_finds(l2):
    fit, labels, *_ = codes_of(BLURRED)
    x, onehot = np.c_[fit, np.ones(len(fit))], np.eye(3)[labels]
    penalty = l2 * np.kron(np.eye(3), np.diag([1.0, 1.0, 0.0]))
    w = np.zeros((3, 3))
    for _ in range(50):
        p = np.exp(x @ w.T)
        p /= p.sum(axis=1, keepdims=True)
        gradient = ((p - onehot).T @ x / len(x)).ravel() + penalty @ w.ravel()
        hessian = penalty.copy()
        for row, share in zip(x, p, strict=True):
            hessian += np.kron(np.diag(share) - np.outer(share, share), np.outer(row, row)) / len(x)
        w -= np.linalg.lstsq(hessian, gradient, rcond=1e-12)[0].reshape(3, 3)
    weight, bias = fit_logistic_regression(torch.tensor(fit), torch.tensor(labels), 3, l2)
    np.testing.assert_allclose(weight.numpy(), w[:, :2], atol=1e-6)
    np.testing.assert_allclose((bias - bias.mean()).numpy(), w[:, 2] - w[:, 2].mean(), atol=1e-6)
    _, _, test, test_labels = codes_of(BLURRED)
    expected = ((test @ w[:, :2].T + w[:, 2]).argmax(axis=1) == test_labels).mean()
    assert accuracy(LinearProbe(l2=l2), BLURRED) == expected and 0.4 < expected < 1


@pytest.mark.parametrize("probe", PROBES, ids=repr)
def test_classes_that_codes_separate_are_all_right_whatever_their_labels_and_scale(probe):
    assert accuracy(probe, Labelled(THREE, THREE)) == 1
    assert accuracy(probe, Labelled(tuple(10 * n + 3 for n in THREE), (23, 3, 13))) == 1
    assert accuracy(probe, BLURRED, identity(1e-6)) == accuracy(probe, BLURRED, identity(1e3))


@pytest.mark.parametrize("probe", PROBES, ids=repr)
def test_the_protocol_names_the_classifier_and_the_samples_that_it_is_fitted_to(probe):
    protocol = protocol_of(probe, BLURRED, identity())
    assert (protocol.samples, protocol.split) == (60, "test") and "60 samples of the train split" in str(protocol)
    fewer = protocol_of(replace(probe, samples=20, fit_samples=30), BLURRED, identity())
    assert fewer.samples == 20 and "30 samples of the train split" in str(fewer)
    assert fewer.comparable != protocol.comparable
    key = {"l2": 0.5} if isinstance(probe, LinearProbe) else {"k": 2}
    assert protocol_of(replace(probe, **key), BLURRED, identity()).comparable != protocol.comparable


@pytest.mark.parametrize("probe", PROBES, ids=repr)
def test_what_cannot_be_probed_is_refused(probe):
    assert_names(reason(probe, Labelled((4,) * 9, (4,) * 9)), "4")  # one class
    assert_names(reason(probe, Labelled(THREE, (0, 1, 7))), "7", "fit_samples")
    assert_names(reason(probe, Labelled(THREE, THREE, form="none")), "label")
    assert_names(reason(probe, Labelled(THREE, THREE, form="float")), "float64")
    assert_names(reason(probe, BLURRED, identity(math.nan)), "finite")
    assert_names(reason(probe, BLURRED, identity(0.0)), "same code")


class KnowsTheClass(Conditional):
    classes = 3

    def forward(self, x):
        return DiagNormal(x, x)


@pytest.mark.parametrize("probe", PROBES, ids=repr)
def test_what_can_be_known_before_the_training_is_refused_then(probe):
    def refused(probe, data, model=None, *names):
        with pytest.raises(ValueError) as error:
            protocol_of(probe, data, model or identity())
        assert_names(str(error.value), *names)

    refused(probe, BLURRED, GAN(nn.Linear(2, 2), nn.Linear(2, 1), 2, (2,)), "the model")
    refused(probe, EightGaussians(), None, "labels")
    refused(probe, BLURRED.held_out(), None, 'split = "train"')
    refused(replace(probe, samples=61), BLURRED, None, "samples", "60")
    refused(replace(probe, fit_samples=61), BLURRED, None, "fit_samples", "60")
    refused(replace(probe, fit_samples=1), BLURRED, None, "fit_samples")
    model = identity()
    model.encoder = nn.Sequential(KnowsTheClass())
    refused(probe, BLURRED, model, "class")
    if isinstance(probe, KNNProbe):
        refused(replace(probe, k=61), BLURRED, None, "k = 61", "60")


@pytest.mark.parametrize("data", [Digits(), Digits(classes=(3, 8)), BLURRED], ids=["digits", "two classes", "points"])
def test_the_labels_are_those_of_the_samples_that_are_read(data):
    model = identity() if data is BLURRED else SmallConv(latent_dim=2, data_shape=(1, 28, 28))
    chunks = read(model, data, 50, 0)  # a random part of the split
    expected = torch.cat([chunks.chunk.samples(*place).extra["label"] for place in chunks.places()])
    assert torch.equal(labels_of(data, 50), expected) and len(expected.unique()) > 1


def test_the_interval_is_wilsons():
    """Its ends are the shares p with |right/N - p| = q·sqrt(p(1 - p)/N)."""
    for right, number in ((0, 10), (7, 10), (10, 10), (930, 1000)):
        for end in wilson_interval(right, number):
            share = float(Fraction(right, number))
            expected = 1.959963984540054 * math.sqrt(end * (1 - end) / number)
            assert abs(share - end) == pytest.approx(expected, abs=1e-9)
    assert wilson_interval(0, 10)[0] == 0 and wilson_interval(10, 10)[1] == 1
