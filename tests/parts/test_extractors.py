"""Feature extractors: their laws, their weights, and their place in a recipe."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.messages import assert_names
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
from genkit.parts.extractors.inception_network import ConvNormReLU, InceptionNetwork, average_pool, max_pool
from genkit.parts.extractors.pixels import Pixels
from genkit.parts.metrics.class_imbalance import ClassImbalance
from genkit.parts.metrics.frechet import FrechetDistance
from genkit.parts.metrics.sliced_wasserstein import Projections
from genkit.recipe.machine.missing import unmet_extractors
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Use
from genkit.runs.trained_models.evaluate_run import evaluate_run
from genkit.testing import assert_features_are_lawful

pytestmark = pytest.mark.trains


def images(number, *shape, seed=0):
    return torch.rand(number, *shape, generator=torch.Generator().manual_seed(seed))


def packaged_digits():
    return train_digits.load_digits(Digits(split="test"))


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Return a file of random weights whose hash is accepted as the published one."""
    torch.manual_seed(0)
    network = InceptionNetwork()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    path = tmp_path / inception.FILE
    old = {name: tensor for name, tensor in network.state_dict().items() if "num_batches" not in name}
    head = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    torch.save(old | head, path, _use_new_zipfile_serialization=False)  # the format of the published file
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


def test_the_laws_detect_broken_extractors():
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


def test_extractors_of_different_features_need_different_names():
    assert_features_are_lawful(Squares(2), images(4, 2), Squares(2), Squares(3))

    @dataclass(frozen=True)
    class Nameless(Squares):
        name = "squares"

    assert_features_are_lawful(Nameless(2), images(4, 2), Nameless(2))
    with pytest.raises(AssertionError, match=r"Nameless\(.*other features than.*Nameless\("):
        assert_features_are_lawful(Nameless(2), images(4, 2), Nameless(3))


# Pixels


def test_pixels_are_the_flattened_sample():
    x = images(3, 1, 4, 5)
    assert torch.equal(Pixels()(x), x.reshape(3, 20)) and Pixels().width((1, 4, 5)) == 20


# Digits


def test_the_classifier_recognises_the_packaged_test_digits():
    x, labels = packaged_digits()
    features = torch.cat([DigitFeatures()(chunk) for chunk in x.split(250)])
    found = DigitFeatures().probabilities(features)
    assert torch.allclose(found.sum(dim=1), torch.ones(len(x)))
    assert (found.argmax(dim=1) == labels).double().mean() >= 0.99


@needs_shared
def test_the_classifier_recognises_5000_digits_that_it_was_not_trained_on():
    with np.load(SHARED / "mnist" / "mnist_test_a.npz") as held:
        x, labels = torch.from_numpy(held["images"])[:, None].float() / 255, torch.from_numpy(held["labels"]).long()
    assert train_digits.accuracy(DigitFeatures().network, x, labels) >= 0.996


def test_resized_digits_are_recognised():
    x, labels = packaged_digits()
    large = F.interpolate(x[:200], (40, 40), mode="bilinear", align_corners=False)
    found = DigitFeatures().probabilities(DigitFeatures()(large)).argmax(dim=1)
    assert (found == labels[:200]).double().mean() >= 0.97
    assert DigitFeatures().resize((1, 28, 28)) == ""
    assert DigitFeatures().resize((1, 40, 40)) == "bilinear, antialiased, to 28 x 28"


@pytest.mark.parametrize(("shape", "found"), [((3, 28, 28), "colour images"), ((2,), "not images")])
def test_samples_that_are_not_grey_images_are_refused(shape, found):
    with pytest.raises(ValueError) as refused:
        DigitFeatures().width(shape)
    assert_names(refused.value, '"digits"', "grey images", f"{shape} are {found}", '"pixels"')


def test_changed_or_missing_weights_are_refused(tmp_path, monkeypatch):
    assert digits.FILE.stat().st_size < 400_000
    assert hashlib.sha256(digits.FILE.read_bytes()).hexdigest() == DigitFeatures().digest
    changed = bytearray(digits.FILE.read_bytes())
    changed[-1] ^= 1
    monkeypatch.setattr(digits, "FILE", tmp_path / "digits.safetensors")
    for content in (bytes(changed), b""):
        digits.FILE.write_bytes(content)
        with pytest.raises(UsageError) as refused:
            DigitFeatures()(images(1, 1, 28, 28))
        assert_names(refused.value, digits.FILE, hashlib.sha256(digits.FILE.read_bytes()).hexdigest()[:8])
        ((path, problem),) = unmet_extractors({"frechet-digits": FrechetDistance(DigitFeatures())})
        assert path == ("metrics", "frechet-digits", "features") and problem == str(refused.value)
        assert_names(problem, "Reinstall genkit-torch")
        monkeypatch.setattr(ClassImbalance, "classifier", DigitFeatures())  # one that has not read the file yet
        assert list(unmet_extractors({"classes": ClassImbalance()})) == [(("metrics", "classes"), problem)]


def test_folding_batch_norms_keeps_the_function():
    torch.manual_seed(0)
    network = DigitNetwork(norms=True)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low, high in ((module.running_mean, -1, 1), (module.running_var, 0.5, 2)):
                tensor.uniform_(low, high)
    x = images(4, 1, 28, 28)
    expected = network.eval()(x)
    torch.testing.assert_close(train_digits.fold_batch_norms(network)(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("epochs", "accuracy"), [(1, 0.0), (8, 0.3)])
def test_training_learns_and_depends_only_on_its_seed(monkeypatch, epochs, accuracy):
    monkeypatch.setattr(train_digits, "EPOCHS", epochs)
    monkeypatch.setattr(train_digits, "BATCH_SIZE", 32)
    x, labels = packaged_digits()

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


def test_the_pools_are_as_in_the_published_network():
    network, ones = InceptionNetwork(), torch.ones(1, 1, 4, 4)
    assert torch.equal(average_pool(ones), ones)  # padding is not counted
    blocks = {name: block.pool for name, block in network.named_children() if not isinstance(block, ConvNormReLU)}
    assert blocks["Mixed_7b"] is average_pool and blocks["Mixed_7c"] is max_pool
    assert len(blocks) == 11 and sum(pool is average_pool for pool in blocks.values()) == 8


def test_images_are_resized_and_scaled_as_the_protocol_states(published):
    extractor, x = Inception(published), images(1, 3, 50, 40)
    resized = F.interpolate(x, (299, 299), mode="bilinear", align_corners=False, antialias=False)
    with torch.no_grad():
        expected = extractor.network(2 * resized - 1)
    torch.testing.assert_close(extractor(x), expected, rtol=1e-5, atol=1e-6)
    assert extractor.resize((3, 50, 40)) == "bilinear, without antialiasing, to 299 x 299"


def test_grey_images_are_read_as_three_equal_channels(published):
    extractor, grey = Inception(published), images(2, 1, 20, 20)
    torch.testing.assert_close(extractor(grey), extractor(grey.repeat(1, 3, 1, 1)))
    assert extractor.resize((1, 20, 20)).endswith("grey as three equal channels")
    assert extractor.width((1, 20, 20)) == 2048


def test_missing_or_changed_inception_weights_are_unmet_and_never_used(tmp_path, published):
    other = tmp_path / "other.pth"
    (missing,) = Inception(tmp_path / "none.pth").unmet()
    assert_names(missing, f"path: {tmp_path / 'none.pth'}", "not found", "pt_inception-2015-12-05-6726825d.pth")
    content = bytearray(published.read_bytes())
    content[-1] ^= 1
    for wrong in (bytes(content), b"PK not weights"):
        other.write_bytes(wrong)
        (problem,) = Inception(other).unmet()
        assert_names(problem, f"path: {other}", hashlib.sha256(wrong).hexdigest()[:8], "pytorch-fid")
        with pytest.raises(UsageError) as refused:
            Inception(other)(images(1, 3, 8, 8))
        assert str(refused.value) == problem
    (unreadable,) = Inception(tmp_path).unmet()
    assert_names(unreadable, f"path: {tmp_path}", "Is a directory")
    assert Inception(published).unmet() == ()


def test_the_hash_agrees_with_the_published_file_name_and_points_are_refused():
    assert inception.SHA256.startswith(inception.FILE.removesuffix(".pth").rpartition("-")[2])
    with pytest.raises(ValueError) as refused:
        Inception("x").width((2,))
    assert_names(refused.value, '"inception"', "grey images", "colour images", "(2,) are not images", '"pixels"')


# In recipes


@dataclass(frozen=True)
class Squares:
    power: int = 2

    digest = ""

    @property
    def name(self):
        return f"powers of {self.power}"

    def unmet(self):
        return ("squares.bin not found. Download it.",) if self.power == 9 else ()

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
def test_an_extractor_is_a_key_of_a_metric(written, bound):
    plan = plan_with(**written)
    assert plan.metrics["mean"].features == bound
    again = make_plan(plan.resolved, registry=registry_with(Plugin()))
    assert again.metrics == plan.metrics
    assert plan.protocols["mean"].extractor == bound.name


@pytest.mark.parametrize(
    ("written", "path", "names"),
    [
        ("square", ("metrics", "mean", "features", "use"), ('"square"', "Did you mean squares")),
        (
            {"use": "squares", "powr": 3},
            ("metrics", "mean", "features", "powr"),
            ("unknown key", "Did you mean power"),
        ),
        (3, ("metrics", "mean", "features"), ("found 3", "a table")),
        ("digits", ("metrics", "mean"), ('"digits"', "grey images")),
    ],
)
def test_a_mistake_in_an_extractor_is_reported_with_its_place(written, path, names):
    with pytest.raises(RecipeError) as refused:
        plan_with(features=written)
    (problem,) = refused.value.problems
    assert problem.place.path == path
    assert_names(problem.text, *names)


def test_missing_files_of_an_extractor_are_unmet(tmp_path):
    plan = plan_with(features={"use": "squares", "power": 9})
    (unmet,) = plan.unmet
    assert_names(unmet, "[metrics.mean.features]", "squares.bin not found. Download it.")
    with pytest.raises(UsageError, match="squares.bin"):
        plan.check_met()
    with pytest.raises(UsageError, match="squares.bin"):
        evaluate_run(tmp_path, plan, 0)
