"""Networks in ONNX: the encoder, and the decoder with the step from its output to samples. The batch may have any size.

A file is kept only if ONNX Runtime computes from it what torch computes, to `TOLERANCE`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genkit.core.model import Autoencoder, Model, evaluating
from genkit.errors import UsageError
from genkit.sharing.network_functions import (
    DecoderFunction,
    EncoderFunction,
    Inputs,
    NetworkFunction,
    codes_of,
    samples_of,
)
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
        written = {DECODER: _write(DecoderFunction(model), codes_of(model), folder / DECODER)}
        if isinstance(model, Autoencoder):
            written[ENCODER] = _write(EncoderFunction(model.encoder), samples_of(model), folder / ENCODER)
    return written


def _write(network: NetworkFunction, draw: Inputs, path: Path) -> dict[str, Any]:
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


def _checked(network: NetworkFunction, inputs: Inputs, path: Path) -> dict[str, Any]:
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


def _difference(network: NetworkFunction, session: Any, given: Sequence[Tensor]) -> float:
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
