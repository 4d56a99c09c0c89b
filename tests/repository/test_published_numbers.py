"""Numbers of the recipes that repeat a published experiment, beside their sources.

A recipe may change in many ways without a failing test: it would still have a plan and train. These tables state the
published numbers a second time, so that none of them changes by accident.
"""

import tomllib
from functools import cache
from typing import Any, NamedTuple

import pytest

from genkit.recipe.text.shipped import recipes_folder


@cache
def recipe(name: str) -> dict[str, Any]:
    return tomllib.loads((recipes_folder() / f"{name}.toml").read_text(encoding="utf-8"))


class Row(NamedTuple):
    """Arguments of one line of a command, in its order."""

    epochs: int
    beta_kl: float
    beta_rec: float
    beta_neg: float
    latent_dim: int
    batch_size: int
    margin: float | None = None


# train.sh of https://github.com/LOUEY233/AS-IntroVAE, e1f60d8: the rows of "Ours", "SVAE" and "IVAE", with --lr 2e-4 in
# every row, and without --num_vae, so no warm-up.
TRAIN_SH = {
    "as_introvae_celeba256": Row(150, 0.5, 1.0, 1024, 256, 32),
    "as_introvae_celeba128": Row(150, 0.5, 1.0, 256, 256, 32),
    "as_introvae_oxford": Row(150, 1.0, 1.0, 256, 128, 32),
    "as_introvae_cifar10": Row(150, 1.0, 1.0, 256, 128, 64),
    "as_introvae_mnist": Row(100, 1.0, 1.0, 256, 32, 128),
    "soft_introvae_celeba256": Row(150, 0.5, 1.0, 1024, 256, 16),
    "soft_introvae_celeba128": Row(150, 0.5, 1.0, 256, 128, 32),
    "soft_introvae_oxford": Row(150, 1.0, 1.0, 0.5, 128, 32),
    "soft_introvae_lsun_classroom128": Row(150, 1.0, 1.0, 256, 128, 32),
    "soft_introvae_cifar10": Row(100, 1.0, 1.0, 256, 128, 64),
    "soft_introvae_mnist": Row(50, 1.0, 1.0, 256, 32, 128),
    "introvae_celeba256": Row(150, 1.0, 0.05, 0.5, 256, 16, 120),
    "introvae_celeba128": Row(150, 1.0, 0.05, 0.5, 128, 32, 100),
    "introvae_oxford": Row(150, 1.0, 0.05, 0.5, 128, 32, 100),
    "introvae_lsun_classroom128": Row(150, 1.0, 0.05, 0.5, 128, 32, 100),
    "introvae_cifar10": Row(100, 1.0, 0.05, 0.5, 64, 64, 10),
    "introvae_mnist": Row(50, 1.0, 0.05, 0.5, 32, 128, 10),
}

# The recommended hyper-parameters in soft_intro_vae/README.md of https://github.com/taldatech/soft-intro-vae-pytorch.
# It recommends no number of epochs for these two: 250 is the default of its command, 200 that of its example for MNIST.
SOFT_README = {
    "soft_introvae_svhn": Row(250, 1.0, 1.0, 256, 128, 32),
    "soft_introvae_fashion_mnist": Row(200, 1.0, 1.0, 256, 32, 128),
}

# A_VAE.py, S_VAE.py and I_VAE.py of AS-IntroVAE, and train_soft_intro_vae.py of Soft-IntroVAE: channels by data set.
CHANNELS = {
    "mnist": [64, 128],
    "fashion-mnist": [64, 128],
    "cifar10": [64, 128, 256],
    "svhn": [64, 128, 256],
    128: [64, 128, 256, 512, 512],
    256: [64, 128, 256, 512, 512, 512],
}

# The same files: how a picture becomes a sample. CIFAR-10, MNIST and SVHN are not changed.
PICTURES = {
    "celeba": {"filter": "bicubic", "flip": True},
    "image-folder": {"filter": "bicubic", "flip": True},
    "lsun": {"filter": "bilinear"},
}

OF_IMAGES = TRAIN_SH | SOFT_README

# Variants of Soft-IntroVAE on CIFAR-10, each with the keys that the variant adds. All else is that of the method.
VARIANTS = {
    "soft_introvae_augmented_cifar10": (Row(1000, 1.0, 1.0, 256, 128, 32), {"cutout": 0.5, "shift": 0.125}),
    "soft_introvae_bootstrap_cifar10": (Row(250, 1.0, 1.0, 256, 128, 32), {"gamma_r": 1.0, "target_every": 1562}),
}


@pytest.mark.parametrize("name", OF_IMAGES)
def test_a_recipe_of_images_has_the_published_numbers(name: str) -> None:
    found, row = recipe(name), OF_IMAGES[name]
    loss, model, train = found["loss"], found["model"], found["train"]
    weights = (loss["beta_kl"], loss["beta_rec"], loss["beta_neg"])
    assert Row(train["epochs"], *weights, model["latent_dim"], train["batch_size"], loss.get("margin")) == row
    assert loss["use"] == name.partition("introvae")[0].replace("_", "-") + "introvae"
    assert set(train) == {"epochs", "batch_size"} and "warmup_steps" not in loss
    # Adam at a constant 2e-4 with torch's betas: the published milestone, 350, is after the last epoch.
    adam = {"use": "adam", "lr": 2e-4}
    assert found["optimiser"] == {"encoder": adam, "decoder": adam}


@pytest.mark.parametrize("name", OF_IMAGES)
def test_a_recipe_of_images_has_the_published_network_and_pictures(name: str) -> None:
    found = recipe(name)
    data, model = found["data"], found["model"]
    assert model["channels"] == CHANNELS[data.get("resolution", data["use"])]
    assert (model["use"], model["norm"]) == ("introvae-conv", "batch")
    expected = PICTURES.get(data["use"], {})
    assert {key: data[key] for key in ("filter", "flip", "crop") if key in data} == expected


@pytest.mark.parametrize("name", [name for name in TRAIN_SH if name.startswith("as_")])
def test_as_introvae_has_the_ramp_of_the_paper_and_the_published_average(name: str) -> None:
    """c = min(5t, 1), Eq. 7; the average of A_VAE.py has a decay of 0.999. No key changes the default variant."""
    found = recipe(name)
    assert found["loss"]["c"] == {"use": "curriculum-c"}
    assert found["loss"]["divergence"] == {"use": "as-distance", "form": "marginal"}
    assert not found["loss"].keys() & {"variant", "gamma_r", "pair", "distance_weight"}
    assert found["ema"] == {"decay": 0.999}


def test_the_main_recipe_states_its_length() -> None:
    """150 epochs of the 162,770 training pictures. The published code reads all 202,599, and incomplete batches."""
    text = (recipes_folder() / "as_introvae_celeba256.toml").read_text(encoding="utf-8")
    for pictures, steps in ((162_770, 150 * (162_770 // 32)), (202_599, 150 * -(-202_599 // 32))):
        assert f"{pictures:,}" in text and f"{steps:,}" in text


TRAINING_PICTURES = {"mnist": 60_000, "cifar10": 50_000, "celeba": 162_770}


@pytest.mark.parametrize(
    "name",
    [
        path.stem
        for path in recipes_folder().glob("*.toml")
        if "evaluate" in (found := recipe(path.stem)) and "callbacks" not in found and "epochs" in found["train"]
    ],
)
def test_a_long_run_is_evaluated_ten_times(name: str) -> None:
    """A run that its evaluations may stop needs more of them. Runs of steps are short."""
    found = recipe(name)
    pictures = TRAINING_PICTURES.get(found["data"]["use"], 6_700)  # a folder has any number
    steps = found["train"]["epochs"] * (pictures // found["train"]["batch_size"])
    assert steps // found["evaluate"]["every"] == 10


class Wgan(NamedTuple):
    """Network and numbers of WGAN-GP."""

    network: str
    penalty: float
    lr: Any
    betas: list[float]
    steps: int  # updates of the critic
    batch_size: int
    latent_dim: int
    channels: list[int] | None


FALLING = {"use": "linear", "start": 2e-4, "stop": 0.0}
# Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, Algorithm 1: λ = 10 (5 here for colours, in [0, 1]),
# n_critic = 5, lr 1e-4, betas 0 and .9, batch 64; and https://github.com/igul222/improved_wgan_training: gan_mnist.py
# (200,000 iterations), gan_cifar_resnet.py (lr 2e-4, falling to 0 in 100,000 iterations), gan_toy.py (λ = .1, betas .5
# and .9, two latent dimensions). Choices of genkit: channels of CelebA, the batch of 256 x 256, batch and steps of the
# points.
WGAN = {
    "wgan_gp_mnist": Wgan("dcgan", 10.0, 1e-4, [0.0, 0.9], 5 * 200_000, 64, 128, [64, 128, 256]),
    "wgan_gp_cifar10": Wgan("resnet-gan", 5.0, FALLING, [0.0, 0.9], 5 * 100_000, 64, 128, [128, 128, 128]),
    "wgan_gp_celeba128": Wgan("resnet-gan", 5.0, 1e-4, [0.0, 0.9], 5 * 200_000, 64, 128, [64, 128, 256, 512, 512]),
    "wgan_gp_celeba256": Wgan("resnet-gan", 5.0, 1e-4, [0.0, 0.9], 5 * 200_000, 32, 128, [64, 128, 256, 512, 512, 512]),
    "wgan_gp_8gaussians_published": Wgan("mlp-gan", 0.1, 1e-4, [0.5, 0.9], 30_000, 512, 2, None),
}


@pytest.mark.parametrize("name", WGAN)
def test_wgan_gp_has_the_published_numbers(name: str) -> None:
    found = recipe(name)
    loss, model, train = found["loss"], found["model"], found["train"]
    critic, generator = found["optimiser"]["critic"], found["optimiser"]["generator"]
    assert critic == generator and loss["n_critic"] == 5
    row = (loss["penalty"], critic["lr"], critic["betas"], train["steps"], train["batch_size"], model["latent_dim"])
    assert Wgan(model["use"], *row, model.get("channels")) == WGAN[name]
    assert loss["use"] == "wgan-gp"
    assert found["data"] == recipe(name.replace("wgan_gp", "as_introvae"))["data"]
    assert model.get("norm") == ("none" if name == "wgan_gp_mnist" else None)  # gan_mnist.py has no norm


# The recommendations for Soft-IntroVAE in train_soft_intro_vae_2d.py of
# https://github.com/taldatech/soft-intro-vae-pytorch; the margin is that of MNIST and CIFAR-10 in train.sh.
# tests/repository/test_shipped_recipes.py has the protocol, and the weights of the other densities.
def test_vae_and_introvae_have_the_published_weights_on_8_gaussians() -> None:
    weights = {"beta_rec": 0.2, "beta_kl": 0.3}
    assert recipe("vae_8gaussians_published")["loss"] == {"use": "vae", **weights}
    introvae = {"use": "introvae", **weights, "beta_neg": 0.9, "margin": 10.0, "warmup_steps": 2000}
    assert recipe("introvae_8gaussians_published")["loss"] == introvae


@pytest.mark.parametrize("data", ["mnist", "cifar10"])
def test_the_vae_of_images_is_as_introvae_with_another_loss(data: str) -> None:
    """No source has this row. Network, optimiser, batch and epochs are those of AS-IntroVAE; the weights are 1."""
    vae, other = recipe(f"vae_{data}"), recipe(f"as_introvae_{data}")
    assert all(vae[table] == other[table] for table in ("data", "model", "optimiser", "train"))
    assert vae["loss"] == {"use": "vae", "beta_rec": 1.0, "beta_kl": 1.0}


# https://github.com/ci-ber/RA: the configuration for brain MRI, and its network.
def test_the_reversed_autoencoder_has_the_published_numbers() -> None:
    found = recipe("reversed_slices128")
    assert (found["data"]["resolution"], found["data"]["channels"]) == (128, 1)
    network = {"use": "introvae-conv", "latent_dim": 128, "channels": CHANNELS[128], "norm": "batch"}
    assert found["model"] == {**network, "error": "sigmoid-squared"}
    weights = {"embedding": 0.005, "beta_rec": 0.5, "beta_kl": 1.0, "beta_neg": 128.0}
    assert found["loss"] == {"use": "reversed", **weights}
    assert found["optimiser"] == {child: {"use": "adam", "lr": 5e-5} for child in ("encoder", "decoder")}
    assert found["train"] == {"epochs": 1500, "batch_size": 8}
    assert found["callbacks"] == {"patience": {"use": "early-stopping", "metric": "mse", "patience": 500}}
    assert found["metrics"] == {"mse": {"use": "reconstruction-error"}}


def test_every_recipe_of_a_published_row_is_in_a_table() -> None:
    """The others are genkit's own: quick ones, those for a CPU, and the packaged digits."""
    stems = {path.stem for path in recipes_folder().glob("*.toml")}
    own = {
        stem for stem in stems if stem.endswith(("_cpu", "_fast", "_8gaussians", "_digits")) or stem.startswith("vae_")
    }
    in_the_plane = {stem for stem in stems if stem.endswith("_published")}
    published = OF_IMAGES.keys() | VARIANTS.keys() | WGAN.keys() | {"reversed_slices128"}
    assert stems - own - in_the_plane == published - in_the_plane


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_differs_from_its_method_by_its_own_keys(name: str) -> None:
    found, method = recipe(name), recipe("soft_introvae_cifar10")
    row, keys = VARIANTS[name]
    assert all(found[table] == method[table] for table in ("data", "model", "optimiser"))
    assert found["train"] == {"epochs": row.epochs, "batch_size": row.batch_size}
    assert found["loss"].pop("use") in ("soft-introvae", "soft-introvae-bootstrap")
    assert {"use": "soft-introvae", **found["loss"]} == method["loss"] | keys
