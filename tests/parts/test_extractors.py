"""What makes features of samples."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.pictures import SHARED, needs_shared
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

from genkit.api import Extractor, ModelMetric, features_of, protocol_of
from genkit.errors import RecipeError, UsageError
from genkit.hooks import Entry, hookimpl
from genkit.parts.datasets.digits import Digits
from genkit.parts.extractors import digits, inception, train_digits
from genkit.parts.extractors.digit_network import DigitNetwork
from genkit.parts.extractors.digits import DigitFeatures
from genkit.parts.extractors.inception import Inception
from genkit.parts.extractors.inception_network import Convolution, InceptionNetwork, average, maximum
from genkit.parts.extractors.pixels import Pixels
from genkit.parts.metrics.class_imbalance import ClassImbalance
from genkit.parts.metrics.frechet import FrechetDistance
from genkit.parts.metrics.sliced_wasserstein import Projections
from genkit.recipe.plan import make_plan, unmet_extractors
from genkit.recipe.tables import Use
from genkit.runs.load import evaluate_run
from genkit.testing import assert_features_are_lawful


def images(number, *shape, seed=0):
    return torch.rand(number, *shape, generator=torch.Generator().manual_seed(seed))


def packaged():
    return train_digits.tensors_of(Digits(split="test"))


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Return a file of random weights that passes for the published one."""
    torch.manual_seed(0)
    network = InceptionNetwork()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    path = tmp_path / inception.FILE
    old = {name: tensor for name, tensor in network.state_dict().items() if "num_batches" not in name}
    head = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    torch.save(old | head, path, _use_new_zipfile_serialization=False)  # as files of that year are
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


# Laws


@pytest.mark.parametrize("shape", [(2,), (7,), (1, 5, 6), (3, 8, 8)])
@pytest.mark.parametrize("extractor", [Pixels(), Projections(12)])
def test_features_without_weights_are_lawful(extractor, shape):
    assert_features_are_lawful(extractor, images(5, *shape))
    assert extractor.digest == ""


@pytest.mark.parametrize("side", [28, 32, 64])
def test_features_of_digits_are_lawful(side):
    assert_features_are_lawful(DigitFeatures(), images(6, 1, side, side))


def test_features_of_inception_are_lawful(published):
    assert_features_are_lawful(Inception(published), images(2, 3, 20, 30))


def test_the_laws_tell_what_is_broken():
    @dataclass(frozen=True)
    class Coupled(Pixels):
        def __call__(self, x):
            return x.flatten(1) - x.flatten(1).mean(dim=0)

    @dataclass(frozen=True)
    class Short(Pixels):
        def width(self, shape):
            return 3

    for broken in (Coupled(), Short()):
        with pytest.raises(AssertionError):
            assert_features_are_lawful(broken, images(4, 2))


def test_what_makes_other_features_is_called_something_else():
    assert_features_are_lawful(Squares(2), images(4, 2), Squares(2), Squares(3))

    @dataclass(frozen=True)
    class Nameless(Squares):
        name = "squares"

    assert_features_are_lawful(Nameless(2), images(4, 2), Nameless(2))
    with pytest.raises(AssertionError, match="makes other features than .* both say"):
        assert_features_are_lawful(Nameless(2), images(4, 2), Nameless(3))


# Pixels


def test_pixels_are_the_sample_itself():
    x = images(3, 1, 4, 5)
    assert torch.equal(Pixels()(x), x.reshape(3, 20)) and Pixels().width((1, 4, 5)) == 20


# Digits


def test_the_classifier_knows_the_packaged_test_digits():
    x, labels = packaged()
    features = torch.cat([DigitFeatures()(chunk) for chunk in x.split(250)])
    found = DigitFeatures().probabilities(features)
    assert torch.allclose(found.sum(dim=1), torch.ones(len(x)))
    assert (found.argmax(dim=1) == labels).double().mean() >= 0.99


@needs_shared
def test_the_classifier_knows_5000_digits_that_it_was_not_trained_on():
    with np.load(SHARED / "mnist" / "mnist_test_a.npz") as held:
        x, labels = torch.from_numpy(held["images"])[:, None].float() / 255, torch.from_numpy(held["labels"]).long()
    assert train_digits.accuracy(DigitFeatures().network, x, labels) >= 0.996


def test_digits_of_another_size_are_resized_and_still_known():
    x, labels = packaged()
    large = F.interpolate(x[:200], (40, 40), mode="bilinear", align_corners=False)
    found = DigitFeatures().probabilities(DigitFeatures()(large)).argmax(dim=1)
    assert (found == labels[:200]).double().mean() >= 0.97
    assert DigitFeatures().resize((1, 28, 28)) == ""
    assert DigitFeatures().resize((1, 40, 40)) == "bilinear, antialiased, to 28 x 28"


@pytest.mark.parametrize(("shape", "found"), [((3, 28, 28), "colour images"), ((2,), "no images")])
def test_what_are_no_grey_images_is_refused(shape, found):
    with pytest.raises(ValueError, match=f'"digits" reads grey images.* are {found}: choose'):
        DigitFeatures().width(shape)


def test_the_weights_are_small_and_those_that_the_protocol_names(tmp_path, monkeypatch):
    assert digits.FILE.stat().st_size < 400_000
    assert hashlib.sha256(digits.FILE.read_bytes()).hexdigest() == DigitFeatures().digest
    changed = bytearray(digits.FILE.read_bytes())
    changed[-1] ^= 1
    monkeypatch.setattr(digits, "FILE", tmp_path / "digits.safetensors")
    for content in (bytes(changed), b""):
        digits.FILE.write_bytes(content)
        with pytest.raises(UsageError, match="not the weights that genkit was published with .* Install genkit-torch"):
            DigitFeatures()(images(1, 1, 28, 28))
        ((path, told),) = unmet_extractors({"frechet-digits": FrechetDistance(DigitFeatures())})
        assert path == ("metrics", "frechet-digits", "features") and "Install genkit-torch again" in told
        monkeypatch.setattr(ClassImbalance, "classifier", DigitFeatures())  # one that has not been read
        assert list(unmet_extractors({"classes": ClassImbalance()})) == [(("metrics", "classes"), told)]


def test_the_norms_of_the_training_are_folded_without_a_trace():
    torch.manual_seed(0)
    network = DigitNetwork(norms=True)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low, high in ((module.running_mean, -1, 1), (module.running_var, 0.5, 2)):
                tensor.uniform_(low, high)
    x = images(4, 1, 28, 28)
    expected = network.eval()(x)
    torch.testing.assert_close(train_digits.folded(network)(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("epochs", "accuracy"), [(1, 0.0), (8, 0.3)])
def test_the_training_learns_and_is_a_function_of_its_seed(monkeypatch, epochs, accuracy):
    monkeypatch.setattr(train_digits, "EPOCHS", epochs)
    monkeypatch.setattr(train_digits, "BATCH", 32)
    x, labels = packaged()

    def trained():
        torch.manual_seed(0)
        return train_digits.train(x[:256], labels[:256], torch.Generator().manual_seed(0))

    first = trained()
    assert train_digits.accuracy(first, x, labels) > accuracy
    if epochs == 1:
        assert torch.equal(first(x[:8]), trained()(x[:8]))


# Inception


def test_the_network_has_the_published_size_and_names():
    network = InceptionNetwork()
    assert sum(p.numel() for p in network.parameters()) == 21_785_568
    names = set(network.state_dict())
    assert len({name.rsplit(".", 2)[0] for name in names}) == 94  # convolutions, each with its norm
    for name, shape in {
        "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
        "Mixed_5b.branch5x5_2.bn.running_var": (64,),
        "Mixed_6c.branch7x7dbl_4.conv.weight": (160, 160, 7, 1),
        "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
        "Mixed_7c.branch3x3dbl_3b.conv.weight": (384, 384, 3, 1),
        "Mixed_7c.branch_pool.conv.weight": (192, 2048, 1, 1),
    }.items():
        assert tuple(network.state_dict()[name].shape) == shape


def test_the_pools_are_those_of_the_published_network():
    network, ones = InceptionNetwork(), torch.ones(1, 1, 4, 4)
    assert torch.equal(average(ones), ones)  # zeros that pad are not counted
    blocks = {name: block.pool for name, block in network.named_children() if not isinstance(block, Convolution)}
    assert blocks["Mixed_7b"] is average and blocks["Mixed_7c"] is maximum
    assert len(blocks) == 11 and sum(pool is average for pool in blocks.values()) == 8


def test_images_are_resized_and_scaled_as_stated(published):
    extractor, x = Inception(published), images(1, 3, 50, 40)
    resized = F.interpolate(x, (299, 299), mode="bilinear", align_corners=False, antialias=False)
    with torch.no_grad():
        expected = extractor.network(2 * resized - 1)
    torch.testing.assert_close(extractor(x), expected, rtol=1e-5, atol=1e-6)
    assert extractor.resize((3, 50, 40)) == "bilinear, without antialiasing, to 299 x 299"


def test_grey_images_are_read_as_three_equal_channels_and_it_is_said(published):
    extractor, grey = Inception(published), images(2, 1, 20, 20)
    torch.testing.assert_close(extractor(grey), extractor(grey.repeat(1, 3, 1, 1)))
    assert extractor.resize((1, 20, 20)).endswith("grey as three equal channels")
    assert extractor.width((1, 20, 20)) == 2048


def test_weights_that_are_absent_or_others_are_unmet_and_never_used(tmp_path, published):
    absent, other = Inception(tmp_path / "none.pth"), tmp_path / "other.pth"
    assert "none.pth is not there. Get pt_inception-2015-12-05-6726825d.pth" in absent.unmet()[0]
    content = bytearray(published.read_bytes())
    content[-1] ^= 1
    for wrong in (bytes(content), b"PK not weights"):
        other.write_bytes(wrong)
        (told,) = Inception(other).unmet()
        assert "does not hold the published Inception weights, or was changed: its SHA-256 is" in told
        with pytest.raises(UsageError, match="does not hold the published"):
            Inception(other)(images(1, 3, 8, 8))
    assert "cannot be read: Is a directory" in Inception(tmp_path).unmet()[0]
    assert Inception(published).unmet() == ()


def test_the_hash_is_that_of_the_published_file():
    assert inception.SHA256.startswith(inception.FILE.removesuffix(".pth").rpartition("-")[2])
    with pytest.raises(ValueError, match='"inception" reads grey images and colour images, and .* no images'):
        Inception("x").width((2,))


# As parts


@dataclass(frozen=True)
class Squares:
    power: int = 2

    digest = ""

    @property
    def name(self):
        return f"powers of {self.power}"

    def unmet(self):
        return ("squares are sold out. Buy some.",) if self.power == 9 else ()

    def resize(self, shape):
        return ""

    def width(self, shape):
        return shape[0]

    def __call__(self, x):
        return x**self.power


@dataclass(frozen=True)
class Mean(ModelMetric):
    features: Extractor = Squares()
    samples: int = 50
    split: str = "test"
    better = None

    def protocol(self, data, model):
        return protocol_of(self, self.features, data, {})

    def compute(self, evaluation):
        return next(iter(features_of(evaluation, "reference", self.features))).mean().item()


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_extractors(self):
        yield Entry("squares", f"{__name__}:Squares", "", "")

    @hookimpl
    def genkit_metrics(self):
        yield Entry("mean", f"{__name__}:Mean", "", "")


def plan_with(**metric):
    return make_plan(tiny_recipe(metrics={"mean": Use("mean", **metric)}), registry=registry_with(Plugin()))


@pytest.mark.parametrize(
    ("written", "bound"),
    [
        ({}, Squares()),
        ({"features": "squares"}, Squares()),
        ({"features": {"use": "squares", "power": 3}}, Squares(3)),
        ({"features": "pixels"}, Pixels()),
    ],
)
def test_an_extractor_is_a_part_within_a_metric(written, bound):
    plan = plan_with(**written)
    assert plan.metrics["mean"].features == bound
    again = make_plan(plan.resolved, registry=registry_with(Plugin()))
    assert again.metrics == plan.metrics
    assert plan.protocols["mean"].extractor == bound.name


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("square", r"\[metrics.mean.features\] use: no extractor is called \"square\". Did you mean squares"),
        (
            {"use": "squares", "powr": 3},
            r"\[metrics.mean.features\] powr: unknown key .* Did you mean power",
        ),
        (3, r"\[metrics.mean\] features: found 3, expected a table"),
        ("digits", r"\[metrics\] mean: \"digits\" reads grey images"),
    ],
)
def test_a_mistake_in_an_extractor_is_told_with_its_place(written, told):
    with pytest.raises(RecipeError, match=told):
        plan_with(features=written)


def test_what_an_extractor_lacks_is_unmet_as_data_are(tmp_path):
    plan = plan_with(features={"use": "squares", "power": 9})
    assert plan.unmet == ("[metrics.mean.features] squares are sold out. Buy some.",)
    with pytest.raises(UsageError, match="sold out"):
        plan.check_met()
    with pytest.raises(UsageError, match="sold out"):
        evaluate_run(tmp_path, plan, 0)
