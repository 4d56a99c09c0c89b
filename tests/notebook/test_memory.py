"""Training on arrays and tensors: what is accepted, the same bits as from files, resumes, and refusals."""

import warnings

import numpy as np
import pytest
import torch
from support.commands import IMAGES, TINY, refused
from support.commands import genkit as command

import genkit
from genkit.core.noise import Noise, Rows
from genkit.errors import GenkitWarning, Interrupted, UsageError
from genkit.parts.datasets.digits import FILE
from genkit.parts.datasets.in_memory import InMemory, samples_held

X = np.random.default_rng(0).integers(0, 256, (40, 1, 28, 28), dtype=np.uint8)
LABELS = np.arange(40) % 10


def batch_of(data, indices, split="train"):
    with samples_held(data.held):
        keys = {key: value for key, value in data.held.table.items() if key != "use"}
        part = InMemory(**{**keys, "shape": tuple(keys["shape"])})
    part = part if split == "train" else part.held_out()
    return part.batch(torch.tensor(indices), Noise(0, 0, "x", Rows.all(len(indices))))


def test_samples_and_labels_are_split_by_the_row_and_kept():
    data = genkit.data_from(X, LABELS, 0.3)
    train, test = data.held.train, data.held.test
    assert len(train.x) + len(test.x) == 40 and 0 < len(test.x) < 25
    expected = torch.from_numpy(X).flatten(1).double()
    assert sorted(map(bytes, torch.cat([train.x, test.x]).numpy())) == sorted(map(bytes, X))
    for split in (train, test):
        rows = [(expected == each.flatten().double()).all(1).nonzero().item() for each in split.x]
        assert split.labels.tolist() == LABELS[rows].tolist() and rows == sorted(rows)
    found = batch_of(data, [2, 0], "test")
    assert (
        torch.equal(found.x, test.x[[2, 0]].float() / 255)
        and found.extra["label"].tolist() == test.labels[[2, 0]].tolist()
    )


@pytest.mark.parametrize("kind", ["uint8", "float16", "float32", "float64", "torch", "strided"])
def test_values_are_in_the_unit_range_whatever_the_type(kind):
    given = {"uint8": X, "torch": torch.from_numpy(X).requires_grad_(False), "strided": X[:, :, ::-1]}.get(kind)
    given = (X / 255).astype(kind) if given is None else given
    x = batch_of(
        genkit.data_from(given, held_out=X[:2] if given.dtype in (np.uint8, torch.uint8) else given[:2]), [3]
    ).x
    expected = (X[:, :, ::-1] if kind == "strided" else X)[3] / 255
    np.testing.assert_allclose(x[0].numpy(), expected, atol=1e-3 if kind == "float16" else 1e-7)


def test_the_samples_are_copied_and_the_fingerprint_sees_each_of_them():
    given = X.copy()
    data = genkit.data_from(given, LABELS)
    given[:] = 0
    assert data.held.train.x.any()
    others = [X[::-1], X + 1, X[:39], (X / 255).astype(np.float32)]
    fingerprints = {genkit.data_from(other, LABELS[: len(other)]).held.fingerprint for other in others}
    fingerprints |= {genkit.data_from(X, labels).held.fingerprint for labels in (None, LABELS, LABELS[::-1])}
    assert len(fingerprints) == 7 and genkit.data_from(X, LABELS).held.fingerprint == data.held.fingerprint


WRONG = {
    "nan": (np.where(np.arange(80).reshape(40, 2) == 7, np.nan, 0.5), {}, "row 3"),
    "infinite": (np.full((40, 2), np.inf), {}, "not finite"),
    "beyond float32": (np.where(np.arange(80).reshape(40, 2) == 7, 1e39, 0.5), {}, "row 3"),
    "range": (X.astype(np.float32), {}, "Divide them by 255"),
    "negative": (X / 127.5 - 1, {}, r"Scale them to \[0, 1\]"),
    "no channel": (X[:, 0], {}, r"x\[:, None\]"),
    "channels last": (np.zeros((9, 28, 28, 3), np.uint8), {}, r"transpose\(0, 3, 1, 2\)"),
    "channels last, torch": (torch.zeros(9, 28, 28, 3), {}, r"permute\(0, 3, 1, 2\)"),
    "integers": (X.astype(np.int64), {}, "astype"),
    "integers, torch": (torch.zeros(9, 1, 28, 28, dtype=torch.int64), {}, r"\.float\(\)"),
    "booleans": (X > 3, {}, "float"),
    "complex": (X.astype(np.complex64), {}, "numbers"),
    "text": ("pictures", {}, "numbers"),
    "objects": (np.array([None] * 4), {}, "numbers"),
    "nothing": (np.zeros((0, 2)), {}, "at least one"),
    "share": (X, {"held_out": 1.5}, "held_out = 1.5"),
    "no share": (X, {"held_out": 0}, "held_out = 0"),
    "tiny share": (X, {"held_out": 1e-9}, "empty"),
    "held-out shape": (X, {"held_out": X[:, :, :14]}, "same shape"),
    "labels": (X, {"labels": LABELS[:3]}, r"\(40,\)"),
    "names as labels": (X, {"labels": ["cat", "dog"] * 20}, r"numpy\.unique"),
    "names of NumPy": (X, {"labels": np.array(["cat", "dog"] * 20, object)}, r"numpy\.unique"),
    "names of held-out samples": (
        X,
        {"labels": LABELS, "held_out": X[:1], "held_out_labels": ["cat"]},
        r"numpy\.unique",
    ),
    "float labels": (X, {"labels": LABELS / 2}, "integers"),
    "negative labels": (X, {"labels": LABELS - 1}, "from 0"),
    "labels of one split": (X, {"labels": LABELS, "held_out": X[:4]}, "held_out_labels"),
    "labels with a share": (X, {"held_out_labels": LABELS}, "share"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_data_is_refused_with_what_to_do(name):
    given, options, remedy = WRONG[name]
    with pytest.raises(UsageError, match=remedy) as refusal:
        genkit.data_from(given, **options)
    assert str(refusal.value).startswith("data_from()")


@pytest.mark.parametrize(
    ("labels", "warned"), [([10**6] * 40, True), (LABELS * 3, True), (LABELS, False), (LABELS * 2, False)]
)
def test_a_warning_says_that_most_classes_are_empty(labels, warned):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = genkit.data_from(X, labels)
    assert [each.category for each in caught] == [GenkitWarning] * warned and data.held.table["labelled"]
    assert all(each.filename == __file__ and str(each.message).startswith("data_from(): labels: ") for each in caught)
    assert np.array_equal(np.unique(["b", "a", "b"], return_inverse=True)[1], [1, 0, 1])  # what the message advises


@pytest.mark.parametrize("labels", [LABELS, None], ids=["labels", "none"])
def test_a_plan_of_data_in_memory_shows_them(recipe, labels):
    data = genkit.data_from(X, labels, 0.3)
    plan = genkit.plan(recipe, data=data)
    for shown in (repr(plan), plan._repr_html_()):
        assert "in-memory" in shown and data.held.fingerprint in shown and "data_from()" in shown
    assert plan.memory is genkit.plan(plan).memory is data and not plan.lacks


def test_what_is_no_data_in_memory_is_refused():
    recipe = genkit.read_recipe({"title": "t"})
    for wrong in (X, "data"):
        with pytest.raises(UsageError, match="data_from"):
            genkit.plan(recipe, data=wrong)


# Runs


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "images.toml").write_text(IMAGES)
    keys = {"train.steps": 8, "train.batch_size": 8, "checkpoint.every": 3, "report.log_every": 1, "metrics.psnr": {}}
    return genkit.read_recipe(folder / "images.toml").set(keys)


@pytest.fixture(scope="module")
def data():
    return genkit.data_from(X, LABELS, 0.3)


@pytest.fixture(scope="module")
def whole(recipe, data, tmp_path_factory):
    return genkit.train(recipe, tmp_path_factory.mktemp("memory"), data=data, progress=False)


class StopAt(genkit.Callback):
    """Interrupts the training, as Ctrl-C or the stop button of a notebook does."""

    def __init__(self, step):
        self.step = step

    def stepped(self, step):
        if step == self.step:
            import signal

            signal.raise_signal(signal.SIGINT)


def files_of(run) -> dict[str, bytes]:
    names = ("metrics.jsonl", "results.json", "final/model.safetensors", "figures/samples.png")
    return {name: (run.path / name).read_bytes() for name in names}


def test_digits_in_memory_give_the_batches_of_the_packaged_ones(recipe):
    with np.load(FILE) as arrays:
        train, test = ([arrays[f"{split}_{what}"] for what in ("images", "labels")] for split in ("train", "test"))
    data = genkit.data_from(train[0][:, None], train[1], test[0][:, None], held_out_labels=test[1])
    held, packaged = (genkit.plan(recipe, data=each).data for each in (data, None))
    for ours, expected in ((held, packaged), (held.held_out(), packaged.held_out())):
        assert ours.size == expected.size and ours.shape == expected.shape
        rows, noise = torch.tensor([3, 0, 999]), Noise(0, 5, "data", Rows.all(3))
        found, wanted = ours.batch(rows, noise), expected.batch(rows, noise)
        assert torch.equal(found.x, wanted.x) and torch.equal(found.extra["label"], wanted.extra["label"])
        assert torch.equal(ours.class_labels(), expected.class_labels())


@pytest.mark.trains
def test_a_run_that_is_interrupted_goes_on_to_the_same_bits(recipe, data, whole, tmp_path):
    import signal

    before = signal.getsignal(signal.SIGINT), torch.get_rng_state()
    with pytest.raises(Interrupted, match=r"step 6 .* genkit\.resume\('.*', data=\.\.\.\)"):
        genkit.train(recipe, tmp_path, data=data, callbacks=[StopAt(5)], progress=False)
    assert signal.getsignal(signal.SIGINT) is before[0] and torch.equal(torch.get_rng_state(), before[1])
    (path,) = tmp_path.glob("0001-*")
    unfinished = genkit.open_run(path, data=data)
    assert not unfinished.finished and unfinished.log[-1]["step"] == 6 and "not finished" in repr(unfinished)
    with pytest.warns(genkit.GenkitWarning, match="step 6"):
        assert unfinished.load().sample(2).shape == (2, 1, 28, 28)
    resumed = genkit.resume(unfinished, progress=False)
    assert resumed.finished and files_of(resumed) == files_of(whole)


@pytest.mark.trains
def test_other_data_are_refused_and_nothing_changes(recipe, data, whole, tmp_path):
    with pytest.raises(Interrupted):
        genkit.train(recipe, tmp_path, data=data, callbacks=[StopAt(5)], progress=False)
    (path,) = tmp_path.glob("0001-*")
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    shorter, relabelled = genkit.data_from(X[:30], held_out=0.3), genkit.data_from(X, LABELS[::-1], 0.3)
    refusals = [
        (None, "data_from"),
        (shorter, "then, .* now"),
        (relabelled, "labels differ"),
        (X, "genkit.data_from"),
    ]
    for other, reason in refusals:
        with pytest.raises(UsageError, match=reason):
            genkit.resume(path, data=other, progress=False)
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


@pytest.mark.trains
def test_a_run_on_data_in_memory_is_read_with_them(whole, data):
    run = genkit.open_run(whole.path, data=data)
    assert torch.equal(run.data.held_out()[0:4], data.held.test.x[:4] / 255) and run.data.labels.tolist()
    assert genkit.evaluate(run, ["psnr"])["psnr"] == whole.results["psnr"]
    for path in (whole.path, whole.path / "final"):
        assert genkit.evaluate(path, data=data)["psnr"] == whole.results["psnr"]
    without = genkit.open_run(whole.path)
    assert without.load().encode(run.data[0:2]).shape[0] == 2  # a model needs no data
    for call in (lambda: without.data, lambda: genkit.evaluate(whole.path)):
        with pytest.raises(UsageError, match="data_from"):
            call()


@pytest.mark.trains
def test_a_plan_keeps_its_samples_for_the_run(recipe, data, whole, tmp_path):
    run = genkit.train(genkit.plan(recipe, data=data), tmp_path, progress=False)
    assert run.memory is data and files_of(run) == files_of(whole) and len(run.data) == len(data.held.train.x)
    with pytest.raises(Interrupted, match="data="):
        genkit.train(genkit.plan(recipe, data=data), tmp_path, callbacks=[StopAt(5)], progress=False)


@pytest.mark.trains
def test_samples_that_were_trained_on_are_not_scored(whole, data):
    train, held_out = data.held.train.x, data.held.test.x
    found = genkit.score(whole, held_out, "error", fpr=0.5)
    assert found.normal.shape == found.scores.shape
    for x in (train[3:4], train[3:4] / 255, torch.cat([held_out / 255, train[5:6].double() / 255])):
        with pytest.raises(UsageError, match=f"^pictures: .* row {len(x) - 1}"):
            genkit.score(whole, x, "error", fpr=0.5)
        with pytest.raises(UsageError, match="^normal"):
            genkit.anomaly_maps(whole, held_out, normal=x)


@pytest.mark.trains
def test_a_command_says_that_the_data_are_in_python(whole, data, recipe, tmp_path):
    with pytest.raises(Interrupted):
        genkit.train(recipe, tmp_path, data=data, callbacks=[StopAt(4)], progress=False)
    (unfinished,) = tmp_path.glob("0001-*")
    for arguments in (("resume", unfinished), ("eval", whole.path), ("reconstruct", whole.path)):
        assert "genkit.resume(RUN, data=" in refused(*arguments)
    assert command("sample", whole.path, "-n", 2, "--out", tmp_path / "s").code == 0


@pytest.mark.trains
def test_points_in_memory_are_trained_on(tmp_path):
    points = np.random.default_rng(1).normal(size=(64, 2)) * 3
    (tmp_path / "points.toml").write_text(TINY)
    recipe = genkit.read_recipe(tmp_path / "points.toml").set({"metrics.modes": None})
    run = genkit.train(recipe, tmp_path / "runs", data=genkit.data_from(points), progress=False)
    kept = np.concatenate([run.data[:].numpy(), run.data.held_out()[:].numpy()])
    np.testing.assert_allclose(np.sort(kept, 0), np.sort(points, 0), rtol=1e-6)
