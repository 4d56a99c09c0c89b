"""`genkit convert`: a converted checkpoint computes what the published network computes, or is refused."""

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from support.commands import genkit, write_recipe
from support.commands import refused as command_refused
from support.messages import assert_names
from torch import nn

from genkit.runs.convert.tensor_names import our_names
from genkit.runs.trained_models.load import load

pytestmark = [pytest.mark.usefixtures("isolated"), pytest.mark.trains]

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


# The published network, written again with its attribute names and its `is not`.


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
        self.shape, cc, size = shape, channels[-1], 4  # 4 for every shape
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
    """Return a published network with running statistics different from the initial ones."""
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


def save(network, prefix=("", ""), **other_entries) -> str:
    """Save as the published code does; `prefix` has a prefix of all names, and one after the name of the child."""
    before, within = prefix
    tensors = {
        before + (name.replace(".", f".{within}", 1)): value for name, value in network.state_dict().items()
    }  # fmt: skip
    torch.save({"epoch": 150, "model": tensors, **other_entries}, "published.pth")
    return "published.pth"


def recipe(channels) -> Path:
    return write_recipe(Path(), RECIPE.format(channels=[int(channel) for channel in channels]))


def converted(channels, file="published.pth", *overrides) -> dict:
    asked = [argument for override in overrides for argument in ("--set", override)]
    result = genkit("convert", file, "--recipe", recipe(channels), "--out", "folder", "--json", *asked)
    assert result.code == 0, result.err
    return json.loads(result.out)


def refused(channels, file="published.pth", *overrides) -> str:
    asked = [argument for override in overrides for argument in ("--set", override)]
    message = command_refused("convert", file, "--recipe", recipe(channels), "--out", "folder", *asked)
    assert not Path("folder").exists() and message.count("\n") == 1, message
    return message


def assert_computes_the_same(network):
    # In double precision, rounding hides no difference: the weights equal those of the file to the bit.
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
def test_a_converted_checkpoint_computes_what_the_published_network_computes(prefix):
    network = trained([4, 6])
    save(network, prefix)
    facts = converted([4, 6])
    assert facts["tensors"] == len(network.state_dict()) and facts["epoch"] == 150 and facts["left_out"] == []
    assert facts["values"] == sum(value.numel() for value in network.state_dict().values())
    assert_computes_the_same(network)
    for name, buffer in load("folder").named_buffers():
        assert not name.endswith("num_batches_tracked") or buffer.item() == 17


def test_equal_channels_read_from_a_command_line_have_a_shortcut():
    read = [int(text) for text in ("257", "257")]  # two objects, so `is not` is true
    network = trained(read)
    assert network.encoder.main.res_in_14.conv_expand is not None
    assert network.decoder.main.res_in_8.conv_expand is not None
    save(network)
    message = refused(read)
    assert_names(message, "published.pth: ", "encoder.main.res_in_14.conv_expand.weight", "(257, 257, 1, 1)")
    assert_names(message, 'channels = [257, 257], latent_dim = 3, shortcut = "also-above-256"')
    converted(read, "published.pth", "model.shortcut=also-above-256")
    assert_computes_the_same(network)


def test_equal_channels_written_in_the_code_have_no_shortcut():
    number = 257
    network = trained([number, number])
    save(network)
    message = refused([257, 257], "published.pth", "model.shortcut=also-above-256")
    assert_names(message, "published.pth: ", "the network has encoder.main.res_0.shortcut.weight")
    converted([257, 257])
    assert_computes_the_same(network)


def test_a_bare_state_dict_in_half_precision_can_be_converted():
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


def test_entries_that_are_left_out_are_named():
    save(trained([4, 6]), iteration=3, optimizer_e={"lr": 1e-3})
    assert converted([4, 6])["left_out"] == ["iteration", "optimizer_e"]
    result = genkit("convert", "published.pth", "--recipe", recipe([4, 6]), "--out", "other")
    assert "left out  iteration, optimizer_e" in result.out
    assert result.out.endswith("folder    other\nnext      genkit sample other\n")


@pytest.mark.trains
def test_all_commands_accept_a_converted_model_folder():
    save(trained([4, 6]))
    converted([4, 6])
    for command in ("sample", "reconstruct", "interpolate"):
        result = genkit(command, "folder", "-n", 2, "--out", command)
        assert result.code == 0, result.err
    start = ("--set", "train.warm_start=folder", "-q")
    assert genkit("run", "tiny.toml", *start).code == 0
    about = json.loads(Path("folder/about.json").read_text())
    assert about["epoch"] == 150 and about["converted"]["file"] == "published.pth"


@pytest.mark.parametrize(
    ("channels", "overrides", "tensor", "shapes"),
    [
        ([4, 8], [], "encoder.main.res_in_14.conv_expand.weight", ["(6, 4, 1, 1)", "(8, 4, 1, 1)"]),
        ([6, 6], [], "encoder.main.0.weight", ["(4, 1, 5, 5)", "(6, 1, 5, 5)"]),
        ([4, 6], ["model.latent_dim=5"], "encoder.fc.weight", ["(6, 294)", "(10, 294)"]),
        ([4], [], "encoder.main.res_in_14.conv_expand.weight", ["(6, 4, 1, 1)", "the network does not"]),
    ],
)
def test_a_checkpoint_of_another_network_is_refused_with_the_first_difference(channels, overrides, tensor, shapes):
    save(trained([4, 6]))
    message = refused(channels, "published.pth", *overrides)
    assert_names(message, "published.pth: ", "[model] of tiny.toml", f" {tensor}", *shapes)
    assert_names(message, "channels = [4, 6], latent_dim = 3, for images with 1 channel.")


@pytest.mark.parametrize(
    ("overrides", "found"),
    [
        (["model.norm=group"], 'use = "introvae-conv", norm = "group"'),
        (["model.use=mlp", "model.channels=", "model.norm="], 'use = "mlp"'),
    ],
)
def test_a_recipe_of_a_network_that_was_not_published_is_refused(overrides, found):
    save(trained([4, 6]))
    message = refused([4, 6], "published.pth", *overrides)
    assert_names(message, f"tiny.toml [model]: {found}", 'use = "introvae-conv", norm = "batch"')


@pytest.mark.parametrize("name", ["encoder.fc.bias", "decoder.main.res_in_8.bn2.running_var"])
def test_a_missing_tensor_and_an_additional_tensor_are_named(name):
    network = trained([4, 6])
    tensors = network.state_dict()
    removed = tensors.pop(name)
    torch.save(tensors, "published.pth")
    assert_names(refused([4, 6]), f"the network has {our_names(network.state_dict())[name]},", tuple(removed.shape))
    torch.save({**network.state_dict(), "encoder.extra": removed}, "published.pth")
    assert_names(refused([4, 6]), "the checkpoint has encoder.extra,", tuple(removed.shape))


def test_two_networks_in_one_file_are_refused():
    tensors = trained([4, 6]).state_dict()
    torch.save(tensors | {f"module.{name}": value for name, value in tensors.items()}, "published.pth")
    assert_names(refused([4, 6]), "published.pth: ", "encoder.main.0.weight,", "module.encoder.main.0.weight")


def test_values_that_are_not_finite_are_refused():
    network = trained([4, 6])
    network.decoder.main.predict.bias.data.fill_(float("nan"))
    save(network)
    assert_names(refused([4, 6]), "published.pth: ", "decoder.main.predict.bias", "not finite")


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("sprung"),))


def test_no_code_of_a_checkpoint_is_run():
    Path("trap.pth").write_bytes(pickle.dumps({"model": Trap()}, protocol=2))
    assert_names(refused([4, 6], "trap.pth"), "trap.pth: ", "does not run code")
    torch.save({"model": Trap()}, "trap.pth")
    message = refused([4, 6], "trap.pth")
    assert_names(message, "trap.pth: ", "does not run code")
    assert "weights_only" not in message
    assert not Path("sprung").exists()


def test_a_file_that_is_not_a_checkpoint_is_refused():
    assert_names(refused([4, 6], "none.pth"), "none.pth: ", "No such file")
    Path("page.pth").write_text("<html>not found</html>")
    assert_names(refused([4, 6], "page.pth"), "page.pth: not a torch checkpoint.", "`torch.save`")
    Path("empty.pth").write_bytes(b"")
    assert_names(refused([4, 6], "empty.pth"), "empty.pth: empty file")
    np.savez("arrays.npz", x=np.zeros(3))
    assert_names(refused([4, 6], "arrays.npz"), "arrays.npz: not a torch checkpoint, or damaged")


def test_a_checkpoint_without_a_state_dict_is_refused():
    torch.save([1, 2], "list.pth")
    assert_names(refused([4, 6], "list.pth"), "list.pth: ", "a list", "state dict")
    torch.save({"epoch": 3}, "epoch.pth")
    assert_names(refused([4, 6], "epoch.pth"), "epoch.pth: no state dict", "'epoch'")
    torch.save({0: torch.zeros(1)}, "number.pth")
    assert_names(refused([4, 6], "number.pth"), "number.pth: no state dict", "entry 0 ")
    torch.save({"model": {}}, "nothing.pth")
    assert_names(refused([4, 6], "nothing.pth"), "nothing.pth: no state dict", "empty")


def test_a_damaged_checkpoint_is_refused():
    save(trained([4, 6]))
    whole = Path("published.pth").read_bytes()
    Path("cut.pth").write_bytes(whole[: len(whole) // 2])
    assert_names(refused([4, 6], "cut.pth"), "cut.pth: incomplete checkpoint")
    with zipfile.ZipFile("published.pth") as archive:
        last = max((e for e in archive.infolist() if "/data/" in e.filename), key=lambda entry: entry.file_size)
    start = last.header_offset
    start += 30 + len(last.filename) + int.from_bytes(whole[start + 28 : start + 30], "little")
    flipped = bytearray(whole)
    flipped[start + last.file_size // 2] ^= 0x40
    Path("flipped.pth").write_bytes(flipped)
    assert_names(refused([4, 6], "flipped.pth"), "flipped.pth: damaged", "checksum", last.filename)


def test_an_existing_folder_is_not_overwritten(tmp_path):
    save(trained([4, 6]))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").write_text("")
    for place, reason in (("taken", "not overwritten"), ("taken/mine", "is a file")):
        message = command_refused("convert", "published.pth", "--recipe", recipe([4, 6]), "--out", place)
        assert_names(message, f"--out {place}: ", reason)
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
