"""Trained models as objects: the right shapes, dtypes and values, compared with the network itself."""

import warnings

import numpy as np
import pytest
import torch
from support.commands import genkit as command
from support.pictures import noise_picture, write_picture

import genkit
from genkit.core.condition import ClassFacts
from genkit.errors import UsageError
from genkit.notebook.labels import labels_of_rows

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def model(run):
    return run.load()


@pytest.fixture(scope="module")
def x(run):
    return run.data.held_out()[0:16]


def test_a_model_computes_what_its_network_computes(model, x):
    network = model.module
    with torch.no_grad():
        posterior = network.encoder(x)
        torch.testing.assert_close(model.encode(x), posterior.mu)
        torch.testing.assert_close(model.posterior(x).logvar, posterior.logvar)
        torch.testing.assert_close(model.decode(posterior.mu), network.sample(posterior.mu))
        torch.testing.assert_close(model.reconstruct(x), network.reconstruct(x))
    assert not model.encode(x).requires_grad and next(network.parameters()).requires_grad


def test_the_input_may_be_any_array(model, x):
    pixels = (x * 255).round().to(torch.uint8)
    codes = model.encode(x)
    for same in (x.numpy(), x.double(), x.numpy().astype(">f8"), pixels, pixels.numpy(), x.requires_grad_()):
        torch.testing.assert_close(model.encode(same), codes)
    assert model.encode(x[:0]).shape == (0, model.latent_dim) and model.encode(x).dtype == model.dtype == torch.float32


def test_a_read_only_array_is_taken_without_a_warning_of_torch(model, x):
    frozen = x.detach().numpy().copy()
    frozen.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(model.encode(frozen), model.encode(x))


def test_numbers_and_seeds_may_be_those_of_numpy_and_torch(model):
    expected = model.sample(3, seed=2)
    assert torch.equal(model.sample(np.int64(3), seed=torch.tensor(2)), expected)
    assert torch.equal(model.interpolate_draws(np.int32(2), np.int32(3)), model.interpolate_draws(2, 3))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda m: m.sample(3, seed=-1), "seed = -1"),
        (lambda m: m.sample(3, seed=None), "seed = None"),
        (lambda m: m.sample(3, seed=1.5), "seed = 1.5"),
        (lambda m: m.sample("3"), "number = '3'"),
        (lambda m: m.sample(torch.zeros(2, 4)), "`decode`"),
        (lambda m: m.interpolate_draws(0), "number = 0"),
        (lambda m: m.interpolate_draws(2.5), "number = 2.5"),
        (lambda m: m.interpolate_draws(2, 3, seed=-1), "seed = -1"),
        (lambda m: m.interpolate_draws(2, 1), "steps = 1"),
        (lambda m: m.draw_labels(2, -1), "seed = -1"),
        (lambda m: m.read_pictures("nowhere", 0), "number = 0"),
        (lambda m: m.decode(torch.zeros(2, 4, dtype=torch.uint8)), "torch.uint8"),
        (lambda m: m.decode([[0, 0, 0, 0]]), "floats"),
        (lambda m: m.encode(torch.zeros(2, 28, 28, 1)), "x.permute(0, 3, 1, 2)"),
        (lambda m: m.encode(np.zeros((28, 28, 1))), "x.transpose(2, 0, 1)[None]"),
        (lambda m: m.encode(np.zeros((2, 28, 28))), "x[:, None]"),
        (lambda m: m.encode(np.zeros((28, 28))), "x[None, None]"),
        (lambda m: m.encode(np.zeros((1, 28, 28))), "x[None]"),
        (lambda m: m.encode(np.zeros((2, 1, 32, 32))), "`read_pictures`"),
        (lambda m: m.interpolate(np.zeros((1, 28, 28)), np.zeros((2, 1, 28, 28))), "a: found the shape (1, 28, 28)"),
        (lambda m: m.interpolate(np.zeros((2, 1, 28, 28)), np.zeros((1, 28, 28))), "b: found the shape (1, 28, 28)"),
    ],
)
def test_what_a_user_may_mistake_is_refused_with_the_remedy(model, call, named):
    with pytest.raises(UsageError) as refusal:
        call(model)
    assert named in str(refusal.value)


def test_the_remedies_of_shapes_lead_to_what_the_network_takes(model, x):
    x = x.detach()
    expected, one = model.encode(x), model.encode(x[:1])
    last = x.permute(0, 2, 3, 1)
    torch.testing.assert_close(model.encode(last.permute(0, 3, 1, 2)), expected)
    torch.testing.assert_close(model.encode(last[0].numpy().transpose(2, 0, 1)[None]), one)
    torch.testing.assert_close(model.encode(x[:, 0][:, None]), expected)
    torch.testing.assert_close(model.encode(x[0, 0][None, None]), one)


@pytest.mark.parametrize(("scale", "warned"), [(1.0, False), (1.4, False), (255.0, True), (-3.0, True)])
def test_images_far_outside_their_range_are_warned_of(model, x, scale, warned):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for call in (model.encode, model.posterior, model.reconstruct):
            call(scale * x)
        model.interpolate(scale * x[0], x[1])
    assert len(caught) == 4 * warned and {each.filename for each in caught} <= {__file__}
    assert all("255" in str(each.message) for each in caught) is (scale == 255 or not warned)


def test_pictures_are_read_as_the_command_reads_them(run, model, tmp_path):
    for number in (10, 2, 1):
        write_picture(tmp_path / "mine" / f"{number}.png", noise_picture(40, 30, 3, number))
    command("reconstruct", run.path, "--data", tmp_path / "mine", "--out", tmp_path / "r")
    with pytest.warns(genkit.GenkitWarning, match="grey"):
        x = model.read_pictures(tmp_path / "mine")
    with np.load(tmp_path / "r.npz") as arrays:
        assert np.array_equal(x, arrays["input"])  # also their order, 1, 2, 10
        torch.testing.assert_close(model.reconstruct(x), torch.from_numpy(arrays["reconstruction"]))
    with pytest.warns(genkit.GenkitWarning):
        assert torch.equal(model.read_pictures(tmp_path / "mine", number=2), x[:2])
    for place in (tmp_path / "nowhere", tmp_path / "r.npz"):
        with pytest.raises(UsageError, match=f"^pictures {place}"):
            model.read_pictures(place)


def test_points_are_no_pictures(points):
    with pytest.raises(UsageError, match="not pictures"):
        points.load().read_pictures("nowhere")


def test_samples_are_those_of_the_command(run, model, tmp_path):
    assert command("sample", run.path, "-n", 5, "--seed", 3, "--out", tmp_path / "s.npy").code == 0
    assert np.array_equal(model.sample(5, seed=3).numpy(), np.load(tmp_path / "s.npy"))
    assert model.sample().shape == (16, 1, 28, 28) and not torch.equal(model.sample(5, seed=4), model.sample(5, seed=3))


def test_paths_begin_and_end_at_the_codes(run, model, x, tmp_path):
    path = model.interpolate(x[0], x[1], steps=5, path="linear")
    mid = model.encode(x[:2]).mean(0, keepdim=True)
    torch.testing.assert_close(path[[0, -1]], model.reconstruct(x[:2]))
    torch.testing.assert_close(path[2], model.decode(mid)[0])
    assert model.interpolate(x[:3], x[3:6]).shape == (3, 8, 1, 28, 28)
    options = ("--between", "samples", "-n", 2, "--steps", 4, "--out", tmp_path / "p.npz")
    assert command("interpolate", run.path, *options).code == 0
    with np.load(tmp_path / "p.npz") as arrays:
        assert np.array_equal(model.interpolate_draws(2, 4).numpy(), arrays["decoded"])


def test_the_weights_are_those_that_are_asked_for(run, model, x):
    raw = run.load("raw")
    assert (model.weights, raw.weights) == ("ema", "raw") and "ema" in repr(model)
    assert not torch.equal(raw.encode(x), model.encode(x))
    assert torch.equal(genkit.load(run.path / "final", "ema").encode(x), model.encode(x))


def test_a_model_of_float64_computes_in_float64(points):
    model, x = points.load(), points.data[0:4]
    for each in (model.encode(x), model.sample(3), model.reconstruct(x.float()), model.decode(model.encode(x))):
        assert each.dtype == torch.float64 == model.dtype
    assert model.weights == "raw" and model.interpolate(x[0], x[1]).shape == (8, 2)


SETTINGS = {"meta": lambda: torch.device("meta"), "inference": torch.inference_mode, "autocast": torch.autocast}


@pytest.mark.parametrize("setting", ["meta", "inference", "autocast"])
def test_settings_of_the_program_change_nothing(run, model, x, setting):
    arguments = ("cpu", torch.bfloat16) if setting == "autocast" else ()
    expected, sampled = model.encode(x), model.sample(3)
    with SETTINGS[setting](*arguments):
        again = run.load()
        assert torch.equal(again.encode(x).cpu(), expected) and torch.equal(again.sample(3).cpu(), sampled)


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.encode(torch.zeros(1, 28, 28)),
        lambda model: model.encode(torch.zeros(2, 1, 28, 29)),
        lambda model: model.encode(torch.full((1, 1, 28, 28), torch.nan)),
        lambda model: model.encode(np.full((1, 1, 28, 28), 1e39)),
        lambda model: model.encode(torch.zeros(1, 1, 28, 28, dtype=torch.int64)),
        lambda model: model.encode("zeros"),
        lambda model: model.decode(torch.zeros(3)),
        lambda model: model.sample(torch.zeros(3, 4)),
        lambda model: model.sample(0),
        lambda model: model.sample(3, label=1),
        lambda model: model.interpolate(torch.zeros(2, 1, 28, 28), torch.zeros(3, 1, 28, 28)),
        lambda model: model.interpolate(torch.zeros(1, 28, 28), torch.zeros(1, 28, 28), steps=1),
        lambda model: model.interpolate(torch.zeros(1, 28, 28), torch.zeros(1, 28, 28), path="sphericl"),
    ],
    ids=[
        "one",
        "shape",
        "nan",
        "too large",
        "integers",
        "text",
        "codes",
        "tensor",
        "none",
        "label",
        "unequal",
        "steps",
        "path",
    ],
)
def test_what_cannot_be_computed_is_refused(model, call):
    with pytest.raises(UsageError):
        call(model)


def test_unknown_weights_and_devices_are_refused(run, points):
    for options in ({"weights": "best"}, {"device": "nowhere"}, {"device": "cuda:77"}):
        with pytest.raises(UsageError, match="load"):
            run.load(**options)
    with pytest.raises(UsageError):
        points.load("ema")


# Classes


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    keys = {"train.steps": 3, "train.batch_size": 8, "metrics": None}
    recipe = genkit.read_recipe("vae_conditional_digits").set(keys)
    return genkit.train(recipe, tmp_path_factory.mktemp("conditional"), progress=False)


def test_a_conditional_model_takes_classes_by_name_or_number(conditional, tmp_path):
    model, x = conditional.load(), conditional.data.held_out()[0:4]
    labels = conditional.data.held_out().labels[:4]
    assert len(model.class_names) == 10
    assert command("sample", conditional.path, "--label", "3", "-n", 4, "--out", tmp_path / "s.npz").code == 0
    with np.load(tmp_path / "s.npz") as arrays:
        drawn = torch.from_numpy(arrays["sample"])
    for label in (3, "3", [3] * 4, torch.full((4,), 3), np.full(4, 3)):
        assert torch.equal(model.sample(4, label=label), drawn)
    assert torch.equal(model.sample(4), model.sample(4, label=model.draw_labels(4)))
    codes = model.encode(x, label=labels)
    torch.testing.assert_close(model.decode(codes, labels), model.reconstruct(x, labels.tolist()))
    with torch.no_grad(), model.module.given({"label": labels}):
        torch.testing.assert_close(codes, model.module.encoder(x).mu)
    assert model.interpolate_draws(2, 3).shape == (2, 3, 1, 28, 28)
    for call in (lambda: model.encode(x), lambda: model.sample(2, label=[1]), lambda: model.sample(2, label="cat")):
        with pytest.raises(UsageError, match="label"):
            call()
    with pytest.raises(UsageError, match=r"^posterior\(\)"):
        model.posterior(x)


@pytest.mark.fast
def test_an_integer_is_the_number_of_a_class_and_a_text_its_name():
    model = torch.nn.Linear(1, 1)
    model.condition_classes, model.class_facts = 3, ClassFacts((0.5, 0.25, 0.25), ("1", "10", "2"))

    def labels(label):
        return labels_of_rows(model, label, 2, "f()").tolist()

    for numbers in (torch.tensor([1, 2]), np.array([1, 2], np.uint8), [1, np.int64(2)], (1, 2)):
        assert labels(numbers) == [1, 2]
    for names in (["1", "2"], np.array(["1", "2"])):
        assert labels(names) == [0, 2]
    assert labels(1) == labels(torch.tensor(1)) == labels("10") == labels(["10", 1]) == [1, 1]
    for wrong in (3, -1, 10, "0", True, 1.0, [True, False], torch.tensor([0.0, 1.0]), [[0, 1], [1, 2]], None):
        with pytest.raises(UsageError, match=r"^f\(\): label"):
            labels([wrong] * 2 if wrong is None else wrong)


@pytest.mark.parametrize("number", [10**15, 10**30])
def test_memory_that_is_not_enough_is_an_error_of_genkit(model, number):
    many = f"{number:,}"
    for draw in (model.sample, model.interpolate_draws):
        with pytest.raises(UsageError, match=f"{many} (samples|paths).*out of memory.*at a time"):
            draw(number)
    huge = np.broadcast_to(np.float32(0), (10**14, *model.data_shape))  # it has no memory of its own
    for compute in (model.encode, model.posterior, model.reconstruct, lambda x: model.interpolate(x, x)):
        with pytest.raises(UsageError, match=r"^\w+\(\): out of memory.*\. Pass fewer"):
            compute(huge)
    with pytest.raises(UsageError, match="decode.*out of memory"):
        model.decode(np.broadcast_to(np.float32(0), (10**14, model.latent_dim)))


@pytest.mark.parametrize("name", ["evaluate", "score", "anomaly_maps"])
def test_functions_of_a_run_say_so_too(name, run, x, monkeypatch):
    def fail(*given, **options):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000000 bytes.")

    for work in ("evaluation.evaluate_run", "scoring.load"):
        monkeypatch.setattr(f"genkit.notebook.{work}", fail)
    with pytest.raises(UsageError, match=rf"^{name}\(\): out of memory: .*4 MB"):
        getattr(genkit, name)(run, *(() if name == "evaluate" else (x,)))
