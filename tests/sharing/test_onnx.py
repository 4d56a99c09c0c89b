"""Networks in ONNX: ONNX Runtime computes from the files what torch computes from the weights, for any batch."""

import re
from importlib.util import find_spec
from math import prod
from pathlib import Path

import pytest
import torch
from support.commands import IMAGES, TINY
from support.commands import genkit as command
from support.messages import assert_names
from support.models import CONDITIONAL, MODELS, write_model
from torch import nn

import genkit
from genkit.core.diag_normal import DiagNormal
from genkit.core.model import Autoencoder
from genkit.core.noise import Noise, Rows
from genkit.errors import UsageError
from genkit.runs.trained_models.fit_prior import fit_prior
from genkit.sharing import onnx_networks

pytestmark = [
    pytest.mark.trains,  # each export takes seconds
    pytest.mark.skipif(
        not all(map(find_spec, onnx_networks.PACKAGES)), reason="the packages of genkit-torch[onnx] are not installed"
    ),
]
GAN = (
    TINY.replace('use = "mlp"\nwidth = 16', 'use = "mlp-gan"')
    .replace('use = "vae"', 'use = "wgan-gp"')
    .replace("optimiser.encoder", "optimiser.generator")
    .replace("optimiser.decoder", "optimiser.critic")
)
CONVOLUTIONAL = 'use = "{}"\nlatent_dim = 2\nchannels = [4, 8]\nnorm = "{}"'


def convolutional(name, norm):
    """Return the recipe of a network that people train, at its smallest."""
    small = 'use = "small-conv"\nlatent_dim = 4\nchannels = [4]\nhidden = 8'
    return IMAGES.replace(small, CONVOLUTIONAL.format(name, norm))


NETWORKS = {
    **{name: MODELS[name] for name in ("logits", "conditional", "per-class")},
    "introvae-conv, batch norm": convolutional("introvae-conv", "batch"),
    "modern-conv, group norm": convolutional("modern-conv", "group"),
    "conditional introvae-conv, group norm": CONDITIONAL.replace(
        'use = "mlp"\nlatent_dim = 3\nwidth = 8\nlayers = 1', CONVOLUTIONAL.format("introvae-conv", "group")
    ),
}
CONSTANTS = 10  # floats of a file that are no weights, such as the ε of a norm
PAGE = Path(__file__).parents[2] / "docs" / "share.md"


def run_onnx(path, **inputs):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    assert [each.name for each in session.get_inputs()] == list(inputs)
    outputs = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    return dict(zip([each.name for each in session.get_outputs()], map(torch.from_numpy, outputs)))


def weights_in(path):
    """Return the number of floats that a file stores."""
    import onnx

    stored = onnx.load(path).graph.initializer
    return sum(prod(each.dims) for each in stored if each.data_type == onnx.TensorProto.FLOAT)


def close(found, expected):
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_files_compute_what_the_model_computes(name, tmp_path):
    write_model(tmp_path / "model", NETWORKS[name])
    folder = genkit.export(tmp_path / "model", tmp_path / "shared", onnx=True)
    model = genkit.load(folder)
    for rows in (1, 4, 7):
        x, z = torch.rand(rows, *model.data_shape), torch.randn(rows, model.latent_dim)
        labels = torch.arange(rows) % 10 if model.module.needs_class else None
        given = {} if labels is None else {"label": labels}
        encoded = run_onnx(folder / "encoder.onnx", x=x, **given)
        posterior = model.posterior(x, labels)
        close(encoded["mu"], posterior.mu)
        close(encoded["logvar"], posterior.logvar)
        decoded = run_onnx(folder / "decoder.onnx", z=z, **given)
        close(decoded["sample"], model.decode(z, labels))
        if name == "logits":
            assert decoded["sample"].min() >= 0 and decoded["sample"].max() <= 1
    for network in ("encoder", "decoder"):
        own = sum(value.numel() for value in getattr(model.module, network).state_dict().values())
        assert 0.9 * own < weights_in(folder / f"{network}.onnx") < own + CONSTANTS


def test_a_fitted_prior_stays_outside_the_files(tmp_path):
    write_model(tmp_path / "run" / "final", IMAGES)
    (tmp_path / "run" / "recipe.resolved.toml").write_bytes((tmp_path / "run" / "final" / "recipe.toml").read_bytes())
    fitted = fit_prior(tmp_path / "run", components=3, number=100).folder
    folder = genkit.export(fitted, tmp_path / "shared", onnx=True)
    model = genkit.load(folder)
    z = model.module.prior.sample(Noise(0, 0, "codes", Rows.all(5)))
    assert weights_in(folder / "decoder.onnx") < sum(map(torch.numel, model.module.decoder.parameters())) + CONSTANTS
    close(run_onnx(folder / "decoder.onnx", z=z)["sample"], model.decode(z))


def test_a_model_without_an_encoder_has_a_decoder_only(tmp_path):
    import onnx

    write_model(tmp_path / "model", GAN)
    folder = genkit.export(tmp_path / "model", tmp_path / "shared", onnx=True)
    assert {path.name for path in folder.glob("*.onnx*")} == {"decoder.onnx"}
    model = genkit.load(folder)
    z = torch.randn(3, model.latent_dim)
    close(run_onnx(folder / "decoder.onnx", z=z)["sample"], model.decode(z))
    opsets = {each.domain: each.version for each in onnx.load(folder / "decoder.onnx").opset_import}
    assert opsets[""] == onnx_networks.OPSET and f"opset {opsets['']}" in (folder / "README.md").read_text()
    (folder / "decoder.onnx").unlink()
    with pytest.raises(UsageError, match=r"decoder\.onnx"):
        genkit.load(folder)


def test_the_code_of_the_page_runs_without_genkit(tmp_path, monkeypatch):
    write_model(tmp_path / "model", MODELS["images"])
    monkeypatch.chdir(tmp_path)
    genkit.export("model", "digits-model", onnx=True)
    [code] = re.findall(r'```python title="encode and decode"\n(.*?)```', PAGE.read_text(), re.S)
    assert "genkit" not in code
    names = {}
    exec(code, names)
    x = torch.zeros(2, 1, 28, 28)
    close(torch.from_numpy(names["reconstructions"]), genkit.load("digits-model").reconstruct(x))
    assert names["samples"].shape == (16, 1, 28, 28)


@pytest.mark.parametrize("amount", [1e-2, float("nan")], ids=["other", "nan"])
def test_a_file_that_computes_something_else_is_not_kept(amount, tmp_path, monkeypatch):
    export = torch.onnx.export

    def export_changed(network, *arguments, **options):
        parameter = list(network.parameters())[-1]
        with torch.no_grad():
            before = parameter.clone()
            parameter.add_(amount)
            export(network, *arguments, **options)
            parameter.copy_(before)

    monkeypatch.setattr(torch.onnx, "export", export_changed)
    write_model(tmp_path / "model")
    code, out, err = command("export", tmp_path / "model", "--onnx", "--out", tmp_path / "a")
    assert (code, out) == (2, "") and {path.name for path in tmp_path.iterdir()} == {"model"}
    assert_names(err, "--onnx", "decoder.onnx", "torch")


class Odd(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Fixed(nn.Module):
    def forward(self, x):
        return x + len(x)


class Encoder(nn.Linear):
    def forward(self, x):
        return DiagNormal(*super().forward(x).chunk(2, dim=1))


@pytest.mark.parametrize(
    ("module", "names"), [(Odd, ["decoder.1", "Odd"]), (Fixed, ["x.shape[0]"])], ids=["branch", "rows"]
)
def test_a_module_that_cannot_be_exported_is_refused(module, names, tmp_path):
    decoder = nn.Sequential(nn.Linear(2, 2), module())
    model = Autoencoder(Encoder(2, 4), decoder, latent_dim=2, data_shape=(2,))
    with pytest.raises(UsageError) as error:
        onnx_networks.write_networks(model, tmp_path)
    assert_names(error.value, "--onnx", "decoder.onnx", *names)


def test_a_missing_package_is_named_before_anything_is_done(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_networks, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name))
    code, out, err = command("export", tmp_path / "nothing", "--onnx")
    assert (code, out) == (2, "")
    assert_names(err, "onnxruntime", "genkit-torch[onnx]")
    assert "onnxscript" not in err
