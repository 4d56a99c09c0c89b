"""Trained models: encode, decode, reconstruct, sample and interpolate, in the dtype and on the device of the model."""

from __future__ import annotations

import sys
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from genkit.bases.pictures.user_pictures import read_user_pictures
from genkit.core.condition import LABEL
from genkit.core.diag_normal import DiagNormal
from genkit.core.model import Autoencoder, Model
from genkit.errors import UsageError, warn_user
from genkit.evaluation.reconstruct import reconstruct_samples
from genkit.evaluation.samples import in_chunks
from genkit.notebook.arguments import checked_arguments
from genkit.notebook.arrays import codes_tensor, inputs_tensor, warn_of_range
from genkit.notebook.computing import computing
from genkit.notebook.device import usable_device
from genkit.notebook.labels import Labels, labels_of_rows
from genkit.notebook.messages import naming_arguments, with_arguments
from genkit.notebook.numbers import whole_number
from genkit.runs.trained_models.interpolate import choose_path, interpolate_prior, interpolate_samples
from genkit.runs.trained_models.trained import Trained, draw_labels, draw_samples, levels_of, open_trained
from genkit.sharing.pull import find_folder
from genkit.storage.user_path import user_path

PathKind = Literal["spherical", "linear"]


class TrainedModel:
    """A trained model. Inputs are arrays or tensors of any device; results are tensors on the CPU.

    Networks compute on `device` in `dtype`, a few rows at a time, without gradients. `module` is the network itself,
    for code that needs gradients or tensors on the device. A conditional model takes the class of each row as `label`:
    its number, an integer in the order of `class_names`, or its name, a text; one for all rows, or one for each.
    """

    def __init__(self, trained: Trained, device: torch.device):
        self.trained = trained  # the model with its recipe and its title
        self.module: Model = trained.model.to(device)
        self.device = device

    @property
    def weights(self) -> str:
        """Which weights these are: "raw", as trained, or "ema"."""
        return self.trained.weights

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights, and of results."""
        return next(self.module.parameters()).dtype

    @property
    def latent_dim(self) -> int:
        """The dimension of the codes."""
        return self.module.latent_dim

    @property
    def data_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.module.data_shape)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes of a conditional model; empty for any other model."""
        facts = self.module.class_facts
        return facts.names if facts is not None else ()

    @computing("sample()", "Draw fewer at a time.")
    def sample(self, number: int = 16, seed: int = 0, label: Labels = None) -> Tensor:
        """Return samples, (number, *data_shape), as `genkit sample` draws them: draws of the prior, decoded.

        Without `label` the classes of a conditional model have the frequencies of the training data. Raises
        `UsageError`.
        """
        if isinstance(number, Tensor) and number.dim():
            raise UsageError("sample(): number: found codes, expected a number of samples. `decode` decodes codes.")
        number, seed = whole_number(number, "sample(): number", 1), whole_number(seed, "sample(): seed", 0)
        labels = labels_of_rows(self.module, label, number, "sample()")
        return draw_samples(self.trained, number, seed, labels)

    @computing("encode()")
    def encode(self, x: Any, label: Labels = None) -> Tensor:
        """Return the codes of samples, (n, latent_dim): the means of the posterior. Raises `UsageError`."""
        return self._posterior(x, label, "encode()").mu

    @computing("posterior()")
    def posterior(self, x: Any, label: Labels = None) -> DiagNormal:
        """Return the mean and the logarithm of the variance of the posterior of samples, each (n, latent_dim)."""
        return self._posterior(x, label, "posterior()")

    def _posterior(self, x: Any, label: Labels, what: str) -> DiagNormal:
        model, x = self._autoencoder(what), self._samples(x, f"{what}: x")
        extra = self._given(label, len(x), what)

        def both(chunk: Tensor) -> Tensor:
            return torch.cat(model.encoder(chunk), dim=1)

        with torch.no_grad():
            mu, logvar = in_chunks(both, x, self.data_shape, model.given_rows(extra)).chunk(2, dim=1)
        return DiagNormal(mu, logvar)

    @computing("decode()", "Pass fewer codes at a time.")
    def decode(self, z: Any, label: Labels = None) -> Tensor:
        """Return the samples, (n, *data_shape), that codes z, (n, latent_dim), decode to. Raises `UsageError`."""
        codes = codes_tensor(z, self.latent_dim, self.dtype, "decode(): z").to(self.device)
        given = self.module.given_rows(self._given(label, len(codes), "decode()"))
        with torch.no_grad():
            return in_chunks(self.module.sample, codes, self.data_shape, given)

    @computing("reconstruct()")
    def reconstruct(self, x: Any, label: Labels = None) -> Tensor:
        """Return the reconstructions of samples, (n, *data_shape), from the means of the posterior."""
        model, x = self._autoencoder("reconstruct()"), self._samples(x, "reconstruct(): x")
        return reconstruct_samples(model, x, self._given(label, len(x), "reconstruct()"))

    @computing("interpolate()")
    def interpolate(self, a: Any, b: Any, steps: int = 8, path: PathKind | None = None) -> Tensor:
        """Return decoded paths between the codes of samples a and b, both ends included.

        Args:
            a: Samples, (n, *data_shape), or a single one, (*data_shape).
            b: As many samples.
            steps: Number of codes on a path, 2 or more.
            path: "spherical", an arc, the default for the prior N(0, I), or "linear".

        Returns (n, steps, *data_shape); (steps, *data_shape) for single samples. Raises `UsageError`.
        """
        model = self._autoencoder("interpolate()")
        if model.needs_class:
            raise UsageError("interpolate(): the networks need the class of each sample. Use `interpolate_draws`.")
        steps = whole_number(steps, "interpolate(): steps", 2)
        single = self._is_single(a) and self._is_single(b)
        first, second = (
            self._samples(each[None] if single else each, f"interpolate(): {name}")
            for each, name in ((a, "a"), (b, "b"))
        )
        if len(first) != len(second):
            raise UsageError(f"interpolate(): {len(first)} samples a, {len(second)} samples b. Give as many of both.")
        chosen = choose_path(path, model, "path=")
        decoded = interpolate_samples(model, torch.cat([first, second]), chosen, steps).decoded
        return decoded[0] if single else decoded

    @computing("interpolate_draws()", "Draw fewer at a time.")
    def interpolate_draws(self, number: int = 8, steps: int = 8, seed: int = 0, path: PathKind | None = None) -> Tensor:
        """Return decoded paths between draws of the prior, (number, steps, *data_shape), as `genkit interpolate`."""
        number = whole_number(number, "interpolate_draws(): number", 1)
        steps = whole_number(steps, "interpolate_draws(): steps", 2)
        seed = whole_number(seed, "interpolate_draws(): seed", 0)
        return interpolate_prior(self.module, number, choose_path(path, self.module, "path="), steps, seed).decoded

    @naming_arguments()
    def read_pictures(self, pictures: str | PathLike[str], number: int | None = None) -> Tensor:
        """Return pictures as the model takes them, (n, *data_shape), in [0, 1]: of a file, a folder, or a .npy or .npz.

        They are turned upright, cropped at the centre, resized, and made grey or colour, as by `genkit reconstruct`, in
        natural order of their names, at most `number` of them; a warning says what that changes. Raises `UsageError`.
        """
        most = sys.maxsize if number is None else whole_number(number, "read_pictures(): number", 1)
        x, _, read = read_user_pictures(user_path(pictures), most, self.data_shape, levels_of(self.trained))
        for line in read.remark().splitlines():
            warn_user(with_arguments(line))
        return x.to(self.dtype)

    def draw_labels(self, number: int, seed: int = 0) -> Tensor | None:
        """Return the classes that `sample` draws with this number and seed, (number,); None unless conditional."""
        number, seed = whole_number(number, "draw_labels(): number", 1), whole_number(seed, "draw_labels(): seed", 0)
        labels = draw_labels(self.module, number, seed)
        return None if labels is None else labels.cpu()

    @classmethod
    @checked_arguments()
    def from_pretrained(
        cls,
        name: str | PathLike[str],
        revision: str | None = None,
        token: str | None = None,
        cache_dir: str | PathLike[str] | None = None,
        device: str | torch.device | None = None,
    ) -> TrainedModel:
        """Return the model of a folder, or of a repository ORG/NAME on the hub: see `genkit.load`. Raises `UsageError`.

        Args:
            name: A folder that exists, or the name of a repository.
            revision: A branch, a tag or a commit of the repository; by default the newest one.
            token: A token of the hub; by default the one that ``hf auth login`` has stored, or that of HF_TOKEN.
            cache_dir: Where downloads are kept; by default the cache of huggingface_hub.
            device: Where the networks compute; the CPU by default.
        """
        place = usable_device(device, "from_pretrained(): device")
        return _open(find_folder(name, revision, token, cache_dir), None, place)

    def __repr__(self) -> str:
        title, network = self.trained.title, type(self.module).__name__
        return (
            f"<{network}, {title}; samples {self.data_shape}, codes ({self.latent_dim},), {self.device}, {self.dtype}>"
        )

    def _autoencoder(self, what: str) -> Autoencoder:
        if not isinstance(self.module, Autoencoder):
            raise UsageError(f"{what}: {type(self.module).__name__} has no encoder. `sample` and `decode` need none.")
        return self.module

    def _samples(self, x: Any, name: str) -> Tensor:
        inputs = inputs_tensor(x, self.data_shape, self.dtype, name)
        warn_of_range(inputs, name)
        return inputs.to(self.device)

    def _is_single(self, x: Any) -> bool:
        return tuple(getattr(x, "shape", ())) == self.data_shape

    def _given(self, label: Labels, number: int, what: str) -> dict[str, Tensor]:
        labels = labels_of_rows(self.module, label, number, what)
        if labels is None and self.module.needs_class:
            raise UsageError(f"{what}: the networks of the model need the class of each row. Pass `label`.")
        return {} if labels is None else {LABEL: labels}


@checked_arguments()
def load(
    path: str | PathLike[str], weights: Literal["raw", "ema"] | None = None, device: str | torch.device | None = None
) -> TrainedModel:
    """Return the trained model of a run, a model folder, an exported folder, or a repository on the hub.

    Args:
        path: A run, a model folder such as ``RUN/final``, or an exported folder. A run that has not finished has the
            weights of its newest checkpoint. A text ORG/NAME that is no folder here is a repository on the hub.
        weights: "raw", as trained, or "ema"; by default the EMA weights if there are any, as the commands choose.
        device: Where the networks compute, such as "cuda"; the CPU by default.

    Loading needs the plugin that supplies the model, but neither the data nor the loss. Raises `UsageError` if `path`
    has no model, if its recipe or its weights cannot be read, and for a device that is missing.
    """
    if weights not in (None, "raw", "ema"):
        raise UsageError(f'load(): weights = {weights!r}; expected "raw", "ema" or None.')
    place = usable_device(device, "load(): device")
    return _open(find_folder(path), weights, place)


def _open(folder: Path, weights: str | None, device: torch.device) -> TrainedModel:
    with naming_arguments():
        trained = open_trained(folder, weights)
    if trained.remark:
        warn_user(trained.remark)
    return TrainedModel(trained, device)
