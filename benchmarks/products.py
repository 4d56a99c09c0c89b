"""Fully connected layer of genkit compared with that of torch: forward, and backward to input, weight and bias.

Both have the same weights and input, and their results must agree before they are timed. torch's layer multiplies
through MKL, genkit's through oneDNN. Which of them is faster depends on the processor.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.interleaved import CLOCKS, Side, compare
from genkit.console.output import Console
from genkit.core.layers.linear import Linear
from genkit.engine.malloc import keep_freed_memory

SIZES = ((512, 256, 256), (512, 512, 512), (64, 4096, 512), (128, 6272, 64))  # batch size, inputs, outputs
TOLERANCE = 1e-5  # relative


def training(layer: nn.Module, x: Tensor, upstream: Tensor) -> Callable[[], tuple[Tensor, ...]]:
    def step() -> tuple[Tensor, ...]:
        y = layer(x)
        return (y.detach(), *torch.autograd.grad(y, (x, *layer.parameters()), upstream))

    return step


def measure(batch_size: int, inputs: int, outputs: int, steps: int) -> dict[str, float]:
    """Compare the two layers at one size. Raises `SystemExit` if they do not agree."""
    theirs, ours = nn.Linear(inputs, outputs), Linear(inputs, outputs)
    ours.load_state_dict(theirs.state_dict())
    x, upstream = torch.randn(batch_size, inputs, requires_grad=True), torch.randn(batch_size, outputs)
    ours_step, theirs_step = training(ours, x, upstream), training(theirs, x, upstream)
    for a, b in zip(ours_step(), theirs_step(), strict=True):
        if not (differ := ((a - b).norm() / b.norm()).item()) <= TOLERANCE:
            raise SystemExit(f"{inputs} -> {outputs}: the layers differ by {differ:.1e}")
    clock = CLOCKS["wall"]
    took = compare(Side(iter(ours_step, None), clock), Side(iter(theirs_step, None), clock), steps)
    flops = 3 * 2 * batch_size * inputs * outputs
    return {
        "batch_size": batch_size,
        "inputs": inputs,
        "outputs": outputs,
        "torch_ms": took.second_ms,
        "genkit_ms": took.first_ms,
        "ratio": took.ratio,
        "low": took.low,
        "high": took.high,
        "torch_gflop_per_s": flops / took.second_ms / 1e6,
        "genkit_gflop_per_s": flops / took.first_ms / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.products", description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200, help="timed steps of each side")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_freed_memory()
    torch.manual_seed(0)
    measured = [measure(*size, given.steps) for size in SIZES]
    if given.json:
        print(json.dumps({"steps": given.steps, "threads": given.threads, "rows": measured}))
        return
    rows = [
        (
            f"{row['batch_size']} x {row['inputs']} -> {row['outputs']}",
            f"{row['torch_ms']:.2f}",
            f"{row['genkit_ms']:.2f}",
            f"{row['ratio']:.2f}",
            f"{row['low']:.2f} to {row['high']:.2f}",
            f"{row['torch_gflop_per_s']:.0f}",
            f"{row['genkit_gflop_per_s']:.0f}",
        )
        for row in measured
    ]
    columns = ("layer", "torch, ms", "genkit, ms", "ratio", "95 % interval", "torch, GFLOP/s", "genkit, GFLOP/s")
    Console().table(f"Forward and backward, median of {given.steps}, {given.threads} thread(s)", columns, rows)


if __name__ == "__main__":
    main()
