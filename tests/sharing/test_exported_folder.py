"""Exported folders: the same bits as from the run, and a refusal of everything that is not as it was written."""

import json
import pickle
import sys

import numpy as np
import pytest
import torch
from support.commands import IMAGES, TINY
from support.commands import genkit as command
from support.messages import assert_names
from support.models import MODELS, write_model
from support.permissions import without_access

import genkit
from genkit.errors import UsageError
from genkit.storage.exported_folder import VERSION, sealed
from genkit.storage.weights import digest


def refused(*arguments):
    """Return the message of a command that refuses, and that has printed no result."""
    code, out, err = command(*arguments)
    assert (code, out) == (2, "") and len(err.strip().splitlines()) <= 2, (code, out, err)
    return err


def equal(one, other):
    return one is other is None or torch.equal(one, other)


@pytest.fixture
def exported(tmp_path):
    write_model(tmp_path / "model", ema=True, overrides=["ema.decay=0.5"])
    return genkit.export(tmp_path / "model", tmp_path / "shared")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("weights", ["raw", "ema"])
def test_an_exported_model_has_the_bits_of_the_run(name, weights, tmp_path):
    write_model(tmp_path / "model", MODELS[name], ema=True)
    about = json.loads((tmp_path / "model" / "about.json").read_text())
    if "classes" in about:  # other frequencies and names than those that a model without facts has
        about["classes"] = {"frequencies": [0.75, 0.25] + [0.0] * 8, "names": [*"abcdefghij"]}
        (tmp_path / "model" / "about.json").write_text(json.dumps(about))
    before = genkit.load(tmp_path / "model", weights)
    folder = genkit.export(tmp_path / "model", tmp_path / "shared", weights)
    (tmp_path / "model").rename(tmp_path / "gone")
    after = genkit.load(folder.rename(tmp_path / "moved"))
    assert after.weights == weights and after.class_names == before.class_names and after.dtype == before.dtype
    state = before.module.state_dict()
    assert all(torch.equal(state[key], value) for key, value in after.module.state_dict().items())
    label = 3 if before.module.needs_class else None
    x = before.sample(5, seed=2)
    for call in (
        lambda model: model.sample(5, seed=2),
        lambda model: model.draw_labels(5),
        lambda model: model.encode(x, label),
        lambda model: model.posterior(x, label).logvar,
        lambda model: model.reconstruct(x, label),
    ):
        assert equal(call(before), call(after))
    assert not torch.equal(
        before.sample(5), genkit.load(tmp_path / "gone", {"raw": "ema", "ema": "raw"}[weights]).sample(5)
    )


def test_the_default_is_the_ema_weights(tmp_path):
    write_model(tmp_path / "with", ema=True)
    write_model(tmp_path / "without")
    assert genkit.load(genkit.export(tmp_path / "with")).weights == "ema"
    assert genkit.load(genkit.export(tmp_path / "without")).weights == "raw"
    assert (tmp_path / "with" / "export-ema").is_dir() and (tmp_path / "without" / "export-raw").is_dir()


def test_float64_is_kept(tmp_path):
    write_model(tmp_path / "model", overrides=["train.precision=fp64"])
    model = genkit.load(genkit.export(tmp_path / "model", tmp_path / "shared"))
    assert model.dtype == torch.float64 and torch.equal(model.sample(3), genkit.load(tmp_path / "model").sample(3))


def test_commands_take_an_exported_folder(exported, tmp_path):
    for name, folder in (("a", tmp_path / "model"), ("b", exported)):
        assert command("sample", folder, "-n", 5, "--out", tmp_path / f"{name}-s.npy").code == 0
        assert command("reconstruct", folder, "-n", 4, "--out", tmp_path / f"{name}-r.npz").code == 0
        assert command("interpolate", folder, "-n", 2, "--out", tmp_path / f"{name}-i.npz").code == 0
        assert command("encode", folder, "-n", 6, "--out", tmp_path / f"{name}-e.npy").code == 0
    for file in ("s.npy", "e.npy"):
        assert np.array_equal(np.load(tmp_path / f"a-{file}"), np.load(tmp_path / f"b-{file}"))
    for file, key in (("r.npz", "reconstruction"), ("i.npz", "decoded")):
        assert np.array_equal(np.load(tmp_path / f"a-{file}")[key], np.load(tmp_path / f"b-{file}")[key])


def test_an_evaluation_is_of_the_weights_of_the_folder_and_refuses_others(exported, tmp_path):
    found, expected = (
        command("eval", folder, *more, "--json")
        for folder, *more in (
            (exported,),
            (tmp_path / "model", "--set", "metrics.modes.weights=ema"),
        )
    )
    assert found.code == expected.code == 0
    assert json.loads(found.out)["results"] == json.loads(expected.out)["results"]
    assert "ema weights" not in command("eval", exported).out.partition("how each number is made")[0]
    assert command("eval", exported, "--weights", "ema", "--json").out == found.out
    assert_names(refused("eval", exported, "--weights", "raw"), exported, "genkit export RUN --weights raw")
    assert_names(refused("eval", exported, "--set", "metrics.modes.weights=raw"), exported, "modes", "--metrics")
    assert_names(refused("eval", exported, "--batch-norm", "batch"), exported, "--batch-norm")


@pytest.mark.parametrize("command_name", ["figures", "resume", "compare"])
def test_commands_that_need_a_run_refuse_the_folder(command_name, exported):
    what = "a model, without the logs" if command_name == "compare" else "not a run folder"
    assert_names(refused(command_name, exported), exported, what)


def test_other_weights_than_those_of_the_folder_are_refused(exported):
    assert_names(refused("sample", exported, "--weights", "raw"), exported, "ema")
    with pytest.raises(UsageError):
        genkit.load(exported, "raw")


FILES = ["model.safetensors", "samples.png"]


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_refused(name, exported):
    path = exported / name
    content = bytearray(path.read_bytes())
    for place in (0, len(content) // 2, len(content) - 1):
        content[place] ^= 1
        path.write_bytes(content)
        assert_names(refused("sample", exported), path, "SHA-256")
        content[place] ^= 1
    path.write_bytes(content[:-1])
    assert_names(refused("sample", exported), path, f"{len(content):,}", "bytes")
    path.write_bytes(content)
    assert command("sample", exported, "-n", 2, "--out", exported.parent / "a.npy").code == 0


@pytest.mark.parametrize("name", [*FILES, "README.md", "config.json"])
def test_a_missing_file_is_refused(name, exported):
    (exported / name).unlink()
    assert_names(refused("sample", exported), exported, name, "incomplete")


@pytest.mark.parametrize("name", [*FILES, "config.json"])
def test_a_hidden_file_is_not_called_missing(name, exported, monkeypatch):
    without_access(monkeypatch, exported / name)
    with pytest.raises(UsageError) as error:
        genkit.load(exported)
    assert_names(error.value, exported / name, "cannot be read")


def test_the_card_is_the_authors_and_other_files_are_never_read(exported):
    (exported / "README.md").write_text("license: mit")
    (exported / "evil.pkl").write_bytes(pickle.dumps(print))
    (exported / ".gitattributes").write_text("*.safetensors filter=lfs")
    assert genkit.load(exported).sample(1).shape == (1, 2)


def test_nothing_is_unpickled(exported, monkeypatch):
    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("a pickle is read"))
    genkit.load(exported).sample(1)


def config_with(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(sealed({**json.loads(path.read_text()), **changes})))


@pytest.mark.parametrize(
    ("before", "after"),
    [('"ema"', '"raw"'), ('"width"', '"Width"'), ('"step": 7', '"step": 8')],
    ids=["value", "key", "number"],
)
def test_a_changed_config_is_refused(before, after, exported):
    path = exported / "config.json"
    content = path.read_text()
    assert before in content
    path.write_text(content.replace(before, after, 1))
    assert_names(refused("sample", exported), path, "SHA-256")
    path.write_text(json.dumps(json.loads(content), indent=5))  # the layout says nothing
    assert genkit.load(exported).weights == "ema"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"format": "other"}, "format"),
        ({"version": VERSION + 1, "genkit": "9.9"}, "9.9"),
        ({"version": "1"}, "version"),
        ({"weights": "best"}, "weights"),
        ({"files": {}}, "model.safetensors"),
        ({"facts": {}}, "data_shape"),
        ({"facts": {"data_shape": [-1]}}, "data_shape"),
        ({"recipe": {}}, "model"),
        ({"recipe": []}, "recipe"),
        ({"recipe": {"model": {"use": "mlp", "width": 17}}}, "another network"),
        ({"recipe": {"model": {"use": "mlq"}}}, "mlp"),
    ],
    ids=["format", "newer", "version", "weights", "files", "facts", "shape", "no-model", "list", "width", "name"],
)
def test_a_config_that_is_wrong_is_refused(changes, named, exported):
    config_with(exported, **changes)
    assert_names(refused("sample", exported), exported, named)


@pytest.mark.parametrize("name", ["../model/ema.safetensors", "/etc/hostname", ".hidden", "a/b", "", "config.json"])
def test_a_config_that_lists_files_elsewhere_is_refused(name, exported):
    files = json.loads((exported / "config.json").read_text())["files"]
    config_with(exported, files={**files, name: {"size": 0, "sha256": ""}})
    assert_names(refused("sample", exported), "config.json", repr(name))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000], ids=["empty", "cut", "list", "bytes", "deep"]
)
def test_a_damaged_config_is_refused(content, exported):
    (exported / "config.json").write_bytes(content)
    assert_names(refused("sample", exported), exported / "config.json")


@pytest.mark.parametrize("depth", [700, 950])
def test_a_config_that_is_nested_too_deeply_is_refused_although_its_digest_fits(depth, exported):
    nested = 1
    for _ in range(depth):
        nested = [nested]
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)  # others may write what this process cannot
    try:
        config_with(exported, results=nested)
    finally:
        sys.setrecursionlimit(before)
    assert_names(refused("sample", exported), exported / "config.json", "nested")


def test_tensors_of_another_network_are_refused_although_the_digest_fits(exported, tmp_path):
    write_model(tmp_path / "other", IMAGES)
    weights = tmp_path / "other" / "model.safetensors"
    files = json.loads((exported / "config.json").read_text())["files"]
    for content in (weights.read_bytes(), b"no tensors"):
        (exported / "model.safetensors").write_bytes(content)
        facts = {"size": len(content), "sha256": digest(exported / "model.safetensors")}
        config_with(exported, files={**files, "model.safetensors": facts})
        assert_names(refused("sample", exported), exported)


def test_a_missing_plugin_is_named(tmp_path, monkeypatch):
    recipe = TINY.replace('use = "mlp"\nwidth = 16', 'use = "mlp-gan"').replace('use = "vae"', 'use = "wgan-gp"')
    recipe = recipe.replace("optimiser.encoder", "optimiser.generator").replace("optimiser.decoder", "optimiser.critic")
    plan = write_model(tmp_path / "model", recipe)
    [owner] = {line.split("(")[1].rstrip(")") for line in plan.owners if line.startswith("model:")}
    folder = genkit.export(tmp_path / "model", tmp_path / "shared")
    assert owner.replace(" ", "==") in (folder / "README.md").read_text()
    assert genkit.load(folder).sample(2).shape == (2, 2)
    monkeypatch.setenv("GENKIT_PLUGINS", "none")
    assert_names(refused("sample", folder), folder / "config.json", *owner.split())
