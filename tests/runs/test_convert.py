"""`genkit convert`: a published checkpoint computes here what it computed there, or is refused with the reason."""

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from support.commands import genkit, write_recipe
from torch import nn

from genkit import load
from genkit.runs.convert.tensor_names import our_names

RECIPE = """\
title = "published"

[data]
use = "digits"

[model]
use = "introvae-conv"
latent_dim = 3
channels = {channels}
norm = "batch"

[loss]
use = "vae"

[optimiser.encoder]
use = "adam"
lr = 1e-3

[optimiser.decoder]
use = "adam"
lr = 1e-3

[train]
steps = 1
batch_size = 4
"""


# The published network, restated: its attribute names, and `is not` where it stands there.


class Block(nn.Module):
    def __init__(self, inc, outc):
        super().__init__()
        self.conv_expand = nn.Conv2d(inc, outc, 1, bias=False) if inc is not outc else None
        self.conv1, self.bn1 = nn.Conv2d(inc, outc, 3, padding=1, bias=False), nn.BatchNorm2d(outc)
        self.conv2, self.bn2 = nn.Conv2d(outc, outc, 3, padding=1, bias=False), nn.BatchNorm2d(outc)

    def forward(self, x):
        kept = x if self.conv_expand is None else self.conv_expand(x)
        branch = self.bn2(self.conv2(nn.functional.leaky_relu(self.bn1(self.conv1(x)), 0.2)))
        return nn.functional.leaky_relu(branch + kept, 0.2)


class PublishedEncoder(nn.Module):
    def __init__(self, colours, latent_dim, channels, side):
        super().__init__()
        cc, size = channels[0], side // 2
        stem = (nn.Conv2d(colours, cc, 5, 1, 2, bias=False), nn.BatchNorm2d(cc), nn.LeakyReLU(0.2), nn.AvgPool2d(2))
        self.main = nn.Sequential(*stem)
        for ch in channels[1:]:
            self.main.add_module(f"res_in_{size}", Block(cc, ch))
            self.main.add_module(f"down_to_{size // 2}", nn.AvgPool2d(2))
            cc, size = ch, size // 2
        self.main.add_module(f"res_in_{size}", Block(cc, cc))
        self.shape = (int(cc), size, size)
        self.fc = nn.Linear(int(cc) * size * size, 2 * latent_dim)

    def forward(self, x):
        return self.fc(self.main(x).flatten(1)).chunk(2, dim=1)


class PublishedDecoder(nn.Module):
    def __init__(self, colours, latent_dim, channels, shape):
        super().__init__()
        self.shape, cc, size = shape, channels[-1], 4  # 4 whatever the shape is
        self.fc = nn.Sequential(nn.Linear(latent_dim, int(np.prod(shape))), nn.ReLU())
        self.main = nn.Sequential()
        for ch in channels[::-1]:
            self.main.add_module(f"res_in_{size}", Block(cc, ch))
            self.main.add_module(f"up_to_{2 * size}", nn.Upsample(scale_factor=2, mode="nearest"))
            cc, size = ch, 2 * size
        self.main.add_module(f"res_in_{size}", Block(cc, cc))
        self.main.add_module("predict", nn.Conv2d(cc, colours, 5, 1, 2))

    def forward(self, z):
        return self.main(self.fc(z).unflatten(1, self.shape))


class Published(nn.Module):
    def __init__(self, channels, latent_dim=3, colours=1, side=28):
        super().__init__()
        self.encoder = PublishedEncoder(colours, latent_dim, channels, side)
        self.decoder = PublishedDecoder(colours, latent_dim, channels, self.encoder.shape)


def trained(channels, seed=0, **changes) -> Published:
    """Return a published network whose running statistics are no longer those of the start."""
    torch.manual_seed(seed)
    network = Published(channels, **changes)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.num_batches_tracked.add_(17)
                module.weight.uniform_(0.8, 1.2)
                module.bias.normal_(0, 0.1)
    return network.eval()


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_PLUGINS", "none")


def save(network, prefix=("", ""), **beside) -> str:
    """Save as the published code does; `prefix` stands before all names, and after the child's."""
    before, within = prefix
    tensors = {
        before + (name.replace(".", f".{within}", 1)): value for name, value in network.state_dict().items()
    }  # fmt: skip
    torch.save({"epoch": 150, "model": tensors, **beside}, "published.pth")
    return "published.pth"


def recipe(channels) -> Path:
    return write_recipe(Path(), RECIPE.format(channels=[int(channel) for channel in channels]))


def converted(channels, file="published.pth", *overrides) -> dict:
    asked = [argument for override in overrides for argument in ("--set", override)]
    said = genkit("convert", file, "--recipe", recipe(channels), "--out", "folder", "--json", *asked)
    assert said.code == 0, said.err
    return json.loads(said.out)


def refused(channels, file="published.pth", *overrides) -> str:
    asked = [argument for override in overrides for argument in ("--set", override)]
    said = genkit("convert", file, "--recipe", recipe(channels), "--out", "folder", *asked)
    assert (said.code, said.out) == (2, "") and not Path("folder").exists(), said
    return said.err


def assert_computes_the_same(network):
    # In double precision, where no rounding hides a difference: the weights are those of the file, bit for bit.
    model, network = load("folder").double(), network.double()
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(3, 1, 28, 28, generator=generator, dtype=torch.float64)
    z = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        mu, logvar = network.encoder(x)
        posterior = model.encoder(x)
        for ours, published in (
            (posterior.mu, mu),
            (posterior.logvar, logvar),
            (model.sample(z), network.decoder(z)),
            (model.reconstruct(x), network.decoder(mu)),
        ):
            torch.testing.assert_close(ours, published, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize(
    "prefix",
    [("", ""), ("module.", ""), ("", "module."), ("module.", "module.")],
    ids=["plain", "all", "child", "both"],
)
def test_a_published_checkpoint_computes_what_it_computed(prefix):
    network = trained([4, 6])
    save(network, prefix)
    facts = converted([4, 6])
    assert facts["tensors"] == len(network.state_dict()) and facts["epoch"] == 150 and facts["left_out"] == []
    assert facts["values"] == sum(value.numel() for value in network.state_dict().values())
    assert_computes_the_same(network)
    for name, buffer in load("folder").named_buffers():
        assert not name.endswith("num_batches_tracked") or buffer.item() == 17


def test_equal_channels_read_from_a_command_line_have_a_shortcut_of_their_own():
    read = [int(text) for text in ("257", "257")]  # two objects, as `is not` sees them
    network = trained(read)
    assert network.encoder.main.res_in_14.conv_expand is not None
    assert network.decoder.main.res_in_8.conv_expand is not None
    save(network)
    told = refused(read)
    assert "its encoder.main.res_in_14.conv_expand.weight, of the shape (257, 257, 1, 1), has no place there" in told
    assert 'channels = [257, 257], latent_dim = 3, shortcut = "also-above-256"' in told
    converted(read, "published.pth", "model.shortcut=also-above-256")
    assert_computes_the_same(network)


def test_equal_channels_written_in_the_code_have_none():
    number = 257
    network = trained([number, number])
    save(network)
    assert "it has no encoder.main.res_0.shortcut.weight" in refused(
        [257, 257], "published.pth", "model.shortcut=also-above-256"
    )
    converted([257, 257])
    assert_computes_the_same(network)


def test_a_bare_state_dict_and_a_half_precise_one_are_checkpoints_too():
    network = trained([4, 6]).half().float()
    torch.save(network.half().state_dict(), "published.pth")
    assert converted([4, 6])["epoch"] is None
    assert_computes_the_same(network.float())


def test_a_double_checkpoint_stays_double():
    network = trained([4, 6]).double()
    save(network)
    converted([4, 6])
    model, z = load("folder"), torch.zeros(1, 3, dtype=torch.float64)
    torch.testing.assert_close(model.sample(z), network.decoder(z), atol=1e-12, rtol=0)


def test_what_is_not_taken_over_is_named():
    save(trained([4, 6]), iteration=3, optimizer_e={"lr": 1e-3})
    assert converted([4, 6])["left_out"] == ["iteration", "optimizer_e"]
    said = genkit("convert", "published.pth", "--recipe", recipe([4, 6]), "--out", "other")
    assert "left out  iteration, optimizer_e" in said.out
    assert said.out.endswith("folder    other\nnext      genkit sample other\n")


def test_a_converted_folder_is_one_for_every_command():
    save(trained([4, 6]))
    converted([4, 6])
    for command in ("sample", "reconstruct", "interpolate"):
        said = genkit(command, "folder", "-n", 2, "--out", command)
        assert said.code == 0, said.err
    start = ("--set", "train.warm_start=folder", "-q")
    assert genkit("run", "tiny.toml", *start).code == 0
    about = json.loads(Path("folder/about.json").read_text())
    assert about["epoch"] == 150 and about["converted"]["file"] == "published.pth"


@pytest.mark.parametrize(
    ("channels", "overrides", "expected"),
    [
        (
            [4, 8],
            [],
            "res_in_14.conv_expand.weight has the shape (6, 4, 1, 1), and the network has (8, 4, 1, 1) there",
        ),
        ([6, 6], [], "its encoder.main.0.weight has the shape (4, 1, 5, 5), and the network has (6, 1, 5, 5) there"),
        ([4, 6], ["model.latent_dim=5"], "its encoder.fc.weight has the shape (6, 294), and the network has (10, 294)"),
        ([4], [], "its encoder.main.res_in_14.conv_expand.weight, of the shape (6, 4, 1, 1), has no place there"),
        ([4, 6], ["model.norm=group"], 'is introvae-conv with norm = "group"; the published checkpoints are of'),
        ([4, 6], ["model.use=mlp", "model.channels=", "model.norm="], "is mlp; the published checkpoints are of"),
    ],
)
def test_a_checkpoint_of_another_network_is_told_by_its_first_difference(channels, overrides, expected):
    save(trained([4, 6]))
    told = refused(channels, "published.pth", *overrides)
    assert expected in told and told.count("\n") == 1
    if "is of another network" in told:
        assert "By its shapes it was made with channels = [4, 6], latent_dim = 3, for images of 1 channels." in told


@pytest.mark.parametrize("name", ["encoder.fc.bias", "decoder.main.res_in_8.bn2.running_var"])
def test_a_tensor_that_is_missing_or_surplus_is_told(name):
    network = trained([4, 6])
    tensors = network.state_dict()
    gone = tensors.pop(name)
    torch.save(tensors, "published.pth")
    assert f"it has no {our_names(network.state_dict())[name]}" in refused([4, 6])
    torch.save({**network.state_dict(), "encoder.extra": gone}, "published.pth")
    assert "its encoder.extra, of the shape" in refused([4, 6])


def test_two_networks_in_one_file_are_refused():
    tensors = trained([4, 6]).state_dict()
    torch.save(tensors | {f"module.{name}": value for name, value in tensors.items()}, "published.pth")
    assert "holds encoder.main.0.weight twice, once as module.encoder.main.0.weight" in refused([4, 6])


def test_values_that_are_not_finite_are_refused():
    network = trained([4, 6])
    network.decoder.main.predict.bias.data.fill_(float("nan"))
    save(network)
    assert "decoder.main.predict.bias holds values that are not finite" in refused([4, 6])


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("sprung"),))


def test_a_file_that_is_no_checkpoint_is_told_and_none_of_it_is_run():
    assert "none.pth: cannot be read: No such file" in refused([4, 6], "none.pth")
    Path("page.pth").write_text("<html>not found</html>")
    assert "page.pth: is no checkpoint of torch: expected a file that `torch.save` wrote" in refused([4, 6], "page.pth")
    Path("empty.pth").write_bytes(b"")
    assert "empty.pth: is empty" in refused([4, 6], "empty.pth")
    Path("trap.pth").write_bytes(pickle.dumps({"model": Trap()}, protocol=2))
    assert "genkit runs no code of a checkpoint" in refused([4, 6], "trap.pth")
    torch.save({"model": Trap()}, "trap.pth")
    told = refused([4, 6], "trap.pth")
    assert "genkit runs no code of a checkpoint" in told and "weights_only" not in told
    np.savez("arrays.npz", x=np.zeros(3))
    assert "arrays.npz: is no checkpoint of torch, or is damaged" in refused([4, 6], "arrays.npz")
    assert not Path("sprung").exists()
    torch.save([1, 2], "list.pth")
    assert "holds a list; expected a state dict" in refused([4, 6], "list.pth")
    torch.save({"epoch": 3}, "epoch.pth")
    assert "holds no state dict: its entry 'epoch' is no named tensor" in refused([4, 6], "epoch.pth")
    torch.save({0: torch.zeros(1)}, "number.pth")
    assert "its entry 0 is no named tensor" in refused([4, 6], "number.pth")
    save(trained([4, 6]))
    whole = Path("published.pth").read_bytes()
    Path("cut.pth").write_bytes(whole[: len(whole) // 2])
    assert "cut.pth: is a checkpoint that was cut short" in refused([4, 6], "cut.pth")
    with zipfile.ZipFile("published.pth") as archive:
        last = max((e for e in archive.infolist() if "/data/" in e.filename), key=lambda entry: entry.file_size)
    start = last.header_offset
    start += 30 + len(last.filename) + int.from_bytes(whole[start + 28 : start + 30], "little")
    flipped = bytearray(whole)
    flipped[start + last.file_size // 2] ^= 0x40
    Path("flipped.pth").write_bytes(flipped)
    assert f"flipped.pth: is damaged: the checksum of its entry {last.filename}" in refused([4, 6], "flipped.pth")


def test_a_folder_that_is_there_is_not_overwritten(tmp_path):
    save(trained([4, 6]))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").write_text("")
    for place in ("taken", "taken/mine"):
        said = genkit("convert", "published.pth", "--recipe", recipe([4, 6]), "--out", place)
        assert said.code == 2 and "is there already, and is not overwritten" in said.err
    assert genkit("convert", "published.pth", "--recipe", recipe([4, 6]), "--out", "deep/er").code == 0


def test_blocks_are_counted_by_falling_size_in_the_encoder_and_rising_size_in_the_decoder():
    names = our_names(
        ["encoder.main.res_in_8.bn1.weight", "encoder.main.res_in_16.conv1.weight", "module.decoder.module.fc.0.bias"]
        + [f"decoder.main.res_in_{size}.conv_expand.weight" for size in (16, 4, 128)]
    )
    assert list(names.values()) == [
        "encoder.main.res_1.norm1.weight", "encoder.main.res_0.conv1.weight", "decoder.fc.0.bias",
        *(f"decoder.main.res_{number}.shortcut.weight" for number in (1, 0, 2)),
    ]  # fmt: skip
