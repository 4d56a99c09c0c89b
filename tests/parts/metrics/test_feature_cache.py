"""The cache of features of data: what is kept, damaged files, concurrent use, and a full or unwritable folder."""

import errno
import os
import tempfile
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from support.evaluations import evaluation_of, normal
from support.messages import assert_names

from genkit.api import features_of
from genkit.errors import UsageError
from genkit.evaluation.compute_metrics import evaluate
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.extractors.pixels import Pixels
from genkit.parts.metrics.density_coverage import CoverageMetric, DensityMetric
from genkit.parts.metrics.frechet import FrechetDistance
from genkit.parts.metrics.precision_recall import PrecisionMetric, RecallMetric
from genkit.parts.models.mlp import MLP


@dataclass(frozen=True)
class Counting(Pixels):
    """Pixels that count calls, with weights, so that their features are cached."""

    seen: list = field(default_factory=list, compare=False, repr=False)
    weights: str = "a" * 64
    power: int = 1

    name = "counting"

    @property
    def digest(self):
        return self.weights

    def __call__(self, x):
        self.seen.append(len(x))
        return x.flatten(1) ** self.power


@pytest.fixture
def folder(own_cache, tmp_path):
    """Return the folder of cached features of this test."""
    return tmp_path / "cache" / "features"


def reference_features(extractor, x):
    return features_of(evaluation_of(x, x), "reference", extractor).rows


# Within one evaluation


def test_metrics_of_the_same_features_share_them():
    model, extractor = MLP(latent_dim=2, width=8, layers=1, data_shape=(2,)), Counting(weights="")
    requested = {
        m.__name__: m(extractor, samples=100)
        for m in (FrechetDistance, PrecisionMetric, RecallMetric, DensityMetric, CoverageMetric)
    }
    results = evaluate(requested, EightGaussians(), lambda weights: model, 0)
    assert all(result.value is not None for result in results)
    assert sum(extractor.seen) == 200
    requested["more"] = FrechetDistance(extractor, samples=150)
    evaluate(requested, EightGaussians(), lambda weights: model, 0)
    assert sum(extractor.seen) == 200 + 200 + 300  # other samples are extracted again


def test_extractors_of_one_name_with_other_settings_do_not_share_features():
    x, y = normal(60, 2), normal(60, 2, seed=1)
    evaluation, squares = evaluation_of(x, y), Counting(power=2)
    for side, samples in (("generated", x), ("reference", y)):  # in the evaluation, and in the cache
        features_of(evaluation, side, Counting())
        assert np.array_equal(features_of(evaluation, side, squares).rows, samples**2)
    assert not torch.equal(
        *(PrecisionMetric(f, 60).balls(evaluation, "reference").squared_radii for f in (Counting(), squares))
    )


# Files


def test_a_cache_file_depends_on_samples_and_weights(folder):
    x, extractor = normal(120, 3), Counting()
    first = reference_features(extractor, x)
    assert sum(extractor.seen) == 120 and len(list(folder.glob("*.f32"))) == 1
    assert np.array_equal(reference_features(extractor, x), first) and sum(extractor.seen) == 120
    other = x.clone()
    other[77, 1] += 1e-6
    for changed, of in ((other, extractor), (x[:100], extractor), (x, Counting(extractor.seen, "b" * 64))):
        before = sum(extractor.seen)
        reference_features(of, changed)
        assert sum(extractor.seen) == before + len(changed)
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize("leftover", ["dead.partial", ".dead.f32.partial"])
def test_a_truncated_file_is_replaced_and_partial_files_of_killed_processes_are_deleted(folder, leftover):
    x, extractor = normal(120, 3), Counting()
    first = np.array(reference_features(extractor, x))
    (path,) = folder.glob("*.f32")
    os.truncate(path, 100)
    (folder / leftover).write_bytes(b"half")
    assert np.array_equal(reference_features(extractor, x), first)
    assert [p.suffix for p in folder.iterdir() if p.suffix != ".lock"] == [".f32"]


def test_a_flipped_bit_is_detected(folder):
    x, extractor = normal(120, 3), Counting()
    first = np.array(reference_features(extractor, x))
    (path,) = folder.glob("*.f32")
    for place in (0, 700, len(path.read_bytes()) - 1):
        content = bytearray(path.read_bytes())
        content[place] ^= 0x40
        path.write_bytes(content)
        assert np.array_equal(reference_features(extractor, x), first)


@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize("weights", ["", "a" * 64])
def test_an_extractor_with_a_wrong_width_is_refused(own_cache, width, weights):
    @dataclass(frozen=True)
    class Misstating(Counting):
        def width(self, data_shape):
            return width

    x = normal(120, 3)
    with pytest.raises(ValueError) as refused:
        features_of(evaluation_of(x, x), "reference", Misstating(weights=weights))
    assert_names(refused.value, '"counting"', "(50, 3)", f"(50, {width})", "width")


def test_an_interrupted_extraction_leaves_no_file(folder):
    @dataclass(frozen=True)
    class Interrupted(Counting):
        def __call__(self, x):
            raise KeyboardInterrupt

    for side in ("generated", "reference"):
        with pytest.raises(KeyboardInterrupt):
            features_of(evaluation_of(normal(60, 2), normal(60, 2)), side, Interrupted())
    assert [p for p in folder.iterdir() if p.suffix != ".lock"] == []


def test_only_one_of_several_threads_extracts(own_cache):
    extractor, x, found = Counting(), normal(200, 3), []
    threads = [threading.Thread(target=lambda: found.append(reference_features(extractor, x))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and all(np.array_equal(found[0], other) for other in found)
    assert sum(extractor.seen) == 200


def test_generated_features_leave_no_file(folder):
    features = features_of(evaluation_of(normal(60, 2), normal(60, 2)), "generated", Counting())
    assert not list(folder.iterdir()) and features.rows.shape == (60, 2)


def test_kept_features_are_read_where_their_lock_cannot_be_taken(folder):
    x, extractor = normal(120, 3), Counting()
    first = reference_features(extractor, x)
    (lock,) = folder.glob("*.lock")
    lock.unlink(missing_ok=True)
    lock.mkdir()  # raises OSError for the lock, as the file of another user does
    assert np.array_equal(reference_features(extractor, x), first) and sum(extractor.seen) == 120


@pytest.mark.parametrize("side", ["generated", "reference"])
def test_features_are_not_kept_where_the_cache_cannot_be_written(tmp_path, monkeypatch, side):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GENKIT_CACHE", str(tmp_path / "file"))
    x = normal(60, 2)
    with pytest.warns(UserWarning) as warned:
        assert np.array_equal(features_of(evaluation_of(x, x), side, Counting()).rows, x)
    assert_names(warned[0].message, tmp_path / "file" / "features", os.strerror(errno.ENOTDIR), "GENKIT_CACHE")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(UsageError) as refused, pytest.warns(UserWarning):
        features_of(evaluation_of(x, x), side, Counting())
    assert_names(refused.value, tmp_path / "file", os.strerror(errno.ENOTDIR), "GENKIT_CACHE")


def test_features_are_not_kept_where_the_home_folder_is_unknown(without_home):
    x = normal(60, 2)
    with pytest.warns(UserWarning, match="GENKIT_CACHE"):
        assert np.array_equal(reference_features(Counting(), x), x)
