"""Networks in ONNX: the encoder, and the decoder with the step from its output to samples. The batch may have any size.

A file is kept only if ONNX Runtime computes from it what torch computes, to `TOLERANCE`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genkit.core.condition import Conditional
from genkit.core.model import Autoencoder, Model, evaluating
from genkit.errors import UsageError
from genkit.runs.trained import draw_codes, draw_labels
from genkit.storage.names import DECODER, ENCODER

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
OPSET = 18
TOLERANCE = 1e-4  # of |a - b| / max(1, |b|)
TRACED, COMPARED = 3, (1, 2, 5)  # rows of the batch that is traced, and of those that are compared


def require_packages() -> None:
    """Raise `UsageError` unless the packages of ``--onnx`` are installed."""
    if lacking := [name for name in PACKAGES if find_spec(name) is None]:
        raise UsageError(f"--onnx needs {' and '.join(lacking)}: run pip install 'genkit-torch[onnx]'.")


def write_networks(model: Model, folder: Path) -> dict[str, dict[str, Any]]:
    """Write decoder.onnx, and encoder.onnx of an autoencoder; return what is known of each file, by name.

    The decoder maps ``z``, (B, L), to ``sample``, (B, *data_shape); the encoder ``x``, (B, *data_shape), to ``mu`` and
    ``logvar``, each (B, L). Networks that need the class of each row take ``label`` too, (B,) int64. Raises
    `UsageError` for a network that cannot be exported, or whose file computes something else.
    """
    with evaluating(model):
        written = {DECODER: _write(_Decoder(model), _codes(model), folder / DECODER)}
        if isinstance(model, Autoencoder):
            written[ENCODER] = _write(_Encoder(model.encoder), _samples(model), folder / ENCODER)
    return written


class _Network(nn.Module):
    """A network as a function of tensors: the class of each row is an input, where a module asks for it."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __init__(self, network: nn.Module, inside: nn.Module):
        super().__init__()
        self.network = network
        self.conditional = any(isinstance(module, Conditional) for module in inside.modules())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return (*self.inputs, *(["label"] if self.conditional else []))

    def compute(self, rows: Tensor) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def forward(self, rows: Tensor, label: Tensor | None = None) -> tuple[Tensor, ...]:
        with _labels(self.network, label):
            return self.compute(rows)


class _Encoder(_Network):
    inputs, outputs = ("x",), ("mu", "logvar")

    def __init__(self, encoder: nn.Module):
        super().__init__(encoder, encoder)

    def compute(self, rows: Tensor) -> tuple[Tensor, ...]:
        posterior = self.network(rows)
        return posterior.mu, posterior.logvar


class _Decoder(_Network):
    inputs, outputs = ("z",), ("sample",)

    def __init__(self, model: Model):
        prior = [module for module in model.children() if module is not model.prior]
        super().__init__(model, nn.ModuleList(prior))
        self.sample = model.sample

    def compute(self, rows: Tensor) -> tuple[Tensor, ...]:
        return (self.sample(rows),)


@contextmanager
def _labels(network: nn.Module, label: Tensor | None) -> Iterator[None]:
    """Give the modules the class of each row, as `Model.given` does, but without a look at values that are traced."""
    modules = [module for module in network.modules() if isinstance(module, Conditional)]
    before = [module.labels for module in modules]
    for module in modules:
        module.labels = label
    try:
        yield
    finally:
        for module, old in zip(modules, before, strict=True):
            module.labels = old


Inputs = Callable[[int], tuple[Tensor, ...]]  # a number of rows to the inputs of a network: the rows, and their labels


def _codes(model: Model) -> Inputs:
    def draw(number: int) -> tuple[Tensor, ...]:
        labels = draw_labels(model, number, 0)
        with model.given(None if labels is None else {"label": labels}):
            codes = draw_codes(model, number, 0)
        return (codes,) if labels is None else (codes, labels)

    return draw


def _samples(model: Model) -> Inputs:
    """Draw samples of the model, each second one with noise, so that the encoder sees values it may not expect."""

    def draw(number: int) -> tuple[Tensor, ...]:
        codes, *labels = _codes(model)(number)
        with _labels(model, labels[0] if labels else None):
            x = model.sample(codes)
        generator = torch.Generator().manual_seed(number)
        x[1::2] += 0.1 * torch.randn(x[1::2].shape, generator=generator, dtype=torch.float64).to(x)
        return (x, *labels)

    return draw


def _write(network: _Network, draw: Inputs, path: Path) -> dict[str, Any]:
    def inputs(number: int) -> tuple[Tensor, ...]:
        return draw(number)[: len(network.names)]

    batch = torch.export.Dim("batch")
    traced = inputs(TRACED)
    running: list[str] = []
    try:
        with _quiet(), _watched(network, running):
            torch.onnx.export(
                network,
                traced,
                str(path),
                input_names=list(network.names),
                output_names=list(network.outputs),
                dynamic_shapes=({0: batch},) * len(traced),
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # of torch.export, of onnxscript, or of the network itself
        place = f" in {running[-1]}" if running else ""
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UsageError(
            f"--onnx: {path.name} cannot be written: {type(error).__name__}{place}: {reason}. Leave out --onnx, or "
            "change the network."
        ) from error
    return _checked(network, inputs, path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter, which warns of operators of packages that no network uses."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _watched(network: nn.Module, running: list[str]) -> Iterator[None]:
    """Keep in `running` the modules whose forward is running: after an error the last one is where it happened."""
    with ExitStack() as hooks:
        for name, module in network.named_modules():
            label = f"{name} ({type(module).__name__})"
            started = module.register_forward_pre_hook(lambda _, __, label=label: running.append(label))
            ended = module.register_forward_hook(lambda _, __, ___: running.pop() and None)
            hooks.callback(started.remove)
            hooks.callback(ended.remove)
        yield


def _checked(network: _Network, inputs: Inputs, path: Path) -> dict[str, Any]:
    """Return the inputs, outputs and opset of a file, and its largest difference from torch. Raises `UsageError`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        _check_batch(session, path)
        differences = [_difference(network, session, inputs(number)) for number in COMPARED]
    except UsageError:
        raise
    except Exception as error:  # onnxruntime has no public class of its errors
        reason = str(error).partition("\n")[0]
        raise UsageError(f"--onnx: {path.name}: ONNX Runtime cannot run it: {reason}. Leave out --onnx.") from error
    largest = max(differences)
    if not all(difference <= TOLERANCE for difference in differences):  # also where one is not a number
        raise UsageError(
            f"--onnx: {path.name}: ONNX Runtime computes something else than torch: the difference is {largest:.1e}, "
            f"above {TOLERANCE:.0e}. Leave out --onnx."
        )
    return {
        "inputs": [_described(each) for each in session.get_inputs()],
        "outputs": [_described(each) for each in session.get_outputs()],
        "opset": OPSET,
        "difference": largest,
    }


def _check_batch(session: Any, path: Path) -> None:
    """Raise `UsageError` if a file takes one number of rows only: those of the batch that was traced."""
    if any(isinstance(each.shape[0], int) for each in session.get_inputs()):
        raise UsageError(
            f"--onnx: {path.name}: the network takes batches of {TRACED} rows only, since its code turns the number of "
            "rows into a constant. Use x.shape[0] in place of len(x) in the network, or leave out --onnx."
        )


def _difference(network: _Network, session: Any, given: Sequence[Tensor]) -> float:
    with torch.no_grad():
        expected = network(*given)
    fed: Mapping[str, Any] = {name: tensor.numpy() for name, tensor in zip(network.names, given, strict=True)}
    found = [torch.from_numpy(each) for each in session.run(list(network.outputs), fed)]
    return max(
        float(((a - b).abs() / b.abs().clamp(min=1)).max()) if a.shape == b.shape else float("inf")
        for a, b in zip(found, expected, strict=True)
    )


def _described(value: Any) -> str:
    kind = str(value.type).removeprefix("tensor(").removesuffix(")")
    return f"{value.name} {kind} ({', '.join(map(str, value.shape))})"
