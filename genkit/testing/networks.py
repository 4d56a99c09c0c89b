"""Laws of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genkit.core.condition import LABEL
from genkit.core.global_generators import seeded_generators
from genkit.core.model import GAN, Autoencoder, Model
from genkit.core.noise import Noise, Rows
from genkit.part_code import refuses_its_input
from genkit.recipe.trial.try_model import try_model
from genkit.testing.law import Law, assert_finite, assert_same, hold

ROWS = 4


def assert_model_is_lawful(make: Callable[[], Model]) -> None:
    """Assert what genkit assumes of a network, which `make` constructs: ``lambda: MyNet(width=8, data_shape=(2,))``.

    - Its outputs have the shapes of `genkit.api.Autoencoder` or `genkit.api.GAN`, also on torch's meta device.
    - Each parameter belongs to one child, by which phases and optimisers name it.
    - Its initial weights are drawn from torch's generator: the seed of a run decides them.
    - The state of one instance, loaded into another, gives the same outputs.
    - In evaluation mode the output of a row is the same whatever the other rows are, also alone, and a call changes
      nothing in the model.
    - Outputs are finite, and so are their gradients, which reach every parameter.
    - It can be converted to float64.

    A conditional model is given the class of each row.
    """
    trial = _Trial(make)
    hold(
        _class_of(make),
        (
            Law(
                "shapes",
                trial.shapes,
                "Return what genkit.api.Autoencoder or genkit.api.GAN documents; use no tensor values in Python and "
                "draw nothing",
                basic=True,
            ),
            Law(
                "children",
                trial.children,
                "Assign every layer to a child of the model, such as `encoder`; give no parameter to two of them",
            ),
            Law(
                "initial weights from the seed",
                trial.initial_weights,
                "Draw initial weights with torch, from its global generator and no other",
            ),
            Law(
                "state round trip",
                trial.state_round_trip,
                "Register each tensor that decides an output as a parameter, or as a buffer with register_buffer",
            ),
            Law(
                "each row by itself",
                trial.rows,
                "In evaluation mode use no statistic of the batch; handle a batch of one row, also where you squeeze",
            ),
            Law("evaluation changes nothing", trial.evaluation, "Update buffers only `if self.training`"),
            Law(
                "gradients", trial.gradients, "Use each layer in forward; remove layers and operations without gradient"
            ),
            Law("converts to float64", trial.float64, "Make tensors in the dtype and on the device of the input"),
        ),
    )


@dataclass(frozen=True)
class _Trial:
    make: Callable[[], Model]

    def shapes(self) -> None:
        with torch.device("meta"):
            model = self.built()
        assert isinstance(model, Model), f"it is a {type(model).__name__}, not derived from genkit.api.Model"
        data_shape = tuple(getattr(model, "data_shape", ()))
        assert data_shape, "data_shape is not set"
        try_model(model, data_shape, ROWS)
        try_model(model.eval(), data_shape, 1)
        for name, found in _outputs(self.built()).items():
            assert_finite(found, name)
        _check_features(self.built().eval())

    def children(self) -> None:
        model = self.built()
        own = [name for name, _ in model.named_parameters(recurse=False)]
        assert not own, f"{', '.join(own)} belong to the model itself, so no phase can name them"
        owners: dict[int, str] = {}
        for child, module in model.named_children():
            for name, parameter in module.named_parameters():
                first = owners.setdefault(id(parameter), child)
                assert first == child, f"{child}.{name} is also a parameter of {first}: two optimisers would change it"

    def initial_weights(self) -> None:
        first, again, other = (self.built(seed).state_dict() for seed in (0, 0, 1))
        for name, tensor in first.items():
            assert_same(again[name], tensor, f"{name}, built twice with one seed")
        changed = [name for name, tensor in first.items() if not torch.equal(other[name], tensor)]
        assert changed, "no weight depends on the seed of torch"

    def state_round_trip(self) -> None:
        model, other = self.built(0), self.built(1)
        _outputs(model.train())  # running statistics are part of the state
        other.load_state_dict(model.state_dict())
        expected = _outputs(model.eval())
        for name, found in _outputs(other.eval()).items():
            assert_same(found, expected[name], f"{name} of the instance with the loaded state")

    def rows(self) -> None:
        model = self.built()
        _outputs(model.train())
        model.eval()
        together, order = _outputs(model), torch.arange(ROWS).flip(0)
        alone = [_outputs(model, torch.tensor([row])) for row in range(ROWS)]
        moved = _outputs(model, order)
        for name, expected in together.items():
            near = 1e-4 * max(expected.abs().max().item(), 1e-3)
            assert_same(torch.cat([each[name] for each in alone]), expected, f"{name} of single rows", atol=near)
            assert_same(moved[name], expected[order], f"{name} of rows in another order", atol=near)

    def evaluation(self) -> None:
        model = self.built()
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        first, second = _outputs(model.eval()), _outputs(model)
        for name, expected in first.items():
            assert_same(second[name], expected, f"{name} of a second call")
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, before[name]), f"{name} has changed"

    def gradients(self) -> None:
        model = self.built().train()
        total = torch.stack([output.square().sum() for output in _outputs(model, gradient=True).values()]).sum()
        named = {name: each for name, each in model.named_parameters() if not name.startswith("prior.")}
        reached: dict[str, bool] = {}  # by child: whether any of its gradients is not 0
        for name, gradient in zip(named, torch.autograd.grad(total, [*named.values()], allow_unused=True), strict=True):
            assert gradient is not None, f"no gradient reaches {name}"
            assert_finite(gradient, f"the gradient of {name}")
            child = name.partition(".")[0]
            reached[child] = reached.get(child, False) or bool(gradient.any())
        still = [child for child, moves in reached.items() if not moves]
        assert not still, f"every gradient of {', '.join(still)} is 0"

    def float64(self) -> None:
        for name, output in _outputs(self.built().double().eval()).items():
            assert output.dtype == torch.float64, f"{name} is {output.dtype}"

    def built(self, seed: int = 0) -> Model:
        with seeded_generators(seed):
            return self.make()


def _class_of(make: Callable[[], Model]) -> object:
    """Return the class of the model, for the place in a message; the function itself if it fails."""
    try:
        with torch.device("meta"):
            return type(make())
    except Exception:
        return make


def _check_features(model: Model) -> None:
    """Check the features of an autoencoder that has some. Raises `AssertionError`."""
    if not isinstance(model, Autoencoder) or type(model).features is Autoencoder.features:
        return
    noise = Noise(0, 0, "model", Rows.all(ROWS))
    try:
        with torch.no_grad(), model.given(_condition(model, torch.arange(ROWS))):
            levels: Any = model.features(noise.rand("x", *model.data_shape))
    except ValueError as error:
        if refuses_its_input(error):  # its layers have none
            return
        raise
    assert isinstance(levels, Sequence) and levels, f"features returned a {type(levels).__name__}, expected a list"
    for level in levels:
        assert isinstance(level, Tensor), f"features returned a {type(level).__name__} among tensors"
        assert level.dim() > 1 and len(level) == ROWS, (
            f"features returned the shape {tuple(level.shape)}, expected ({ROWS}, channels, ...)"
        )


def _condition(model: Model, rows: Tensor) -> dict[str, Tensor] | None:
    """Return the class of each of these rows; None for a model that is not conditional."""
    classes = model.condition_classes
    return None if classes is None else {LABEL: (torch.arange(ROWS) % classes)[rows]}


def _outputs(model: Model, rows: Tensor | None = None, *, gradient: bool = False) -> Mapping[str, Tensor]:
    """Return the outputs of the networks of a model for these of `ROWS` samples and codes, by name."""
    rows = torch.arange(ROWS) if rows is None else rows
    weight = next(model.parameters())
    noise = Noise(0, 0, "model", Rows.all(ROWS), weight.device, weight.dtype)
    x, z = noise.rand("x", *model.data_shape)[rows], noise.randn("z", model.latent_dim)[rows]
    with torch.set_grad_enabled(gradient), model.given(_condition(model, rows)):
        found = {"sample(z)": model.sample(z)}
        if isinstance(model, Autoencoder):
            posterior = model.encoder(x)
            found |= {"encoder(x).mu": posterior.mu, "encoder(x).logvar": posterior.logvar}
            found |= {"decoder(z)": model.decoder(z)}
        elif isinstance(model, GAN):
            found |= {"generator(z)": model.generator(z), "critic(x)": model.critic(x)}
    return found
