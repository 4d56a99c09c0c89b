"""The device and the versions, and how fast the device multiplies large matrices in each precision."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import torch

from benchmarks.gpu.rows import Check, Row, left_out, measured
from benchmarks.gpu.settings import PRECISIONS, Settings
from genkit import __version__
from genkit.core.torch_defaults import standard_defaults
from genkit.engine.precision import set_float32_products

PACKAGES = ("accelerate", "numpy", "safetensors", "triton")
DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
SIZE, TINY_SIZE, PRODUCTS = 8192, 128, 10


def checks(settings: Settings) -> Iterator[Check]:
    """Yield the device and the versions, and the rates of products."""
    yield Check("environment", lambda: [measured("environment", "", **environment(settings))])
    for precision in PRECISIONS:
        yield Check(f"products in {precision}", partial(_rate_row, settings, precision))


def environment(settings: Settings) -> dict[str, Any]:
    """Return the device and the versions."""
    facts: dict[str, Any] = {
        "genkit": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        **{name: _version(name) for name in PACKAGES},
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": settings.device,
    }
    if settings.device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        facts |= {
            "gpu": properties.name,
            "gpus": torch.cuda.device_count(),
            "gpu_memory_gb": round(properties.total_memory / 1e9, 1),
            "compute_capability": f"{properties.major}.{properties.minor}",
            "driver": _driver(),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "nccl": ".".join(map(str, torch.cuda.nccl.version())) if torch.distributed.is_nccl_available() else None,
        }
    return facts


def synchronise(device: str) -> None:
    """Wait until the device has done all its work."""
    if device == "cuda":
        torch.cuda.synchronize()


def product_rate(settings: Settings, precision: str) -> float:
    """Return the floating-point operations a second of a large product, an upper bound for a step."""
    size = TINY_SIZE if settings.tiny else SIZE
    with standard_defaults():  # restores the precision of products
        set_float32_products(precision)
        a, b = (torch.randn(size, size, device=settings.device, dtype=DTYPES[precision]) for _ in "ab")
        seconds = []
        for _ in range(3 + PRODUCTS):
            synchronise(settings.device)
            start = perf_counter()
            torch.mm(a, b)
            synchronise(settings.device)
            seconds.append(perf_counter() - start)
    return 2 * size**3 / median(seconds[3:])


def _rate_row(settings: Settings, precision: str) -> Iterator[Row]:
    if why := settings.refuses(precision):
        yield left_out("large product", precision, why)
    else:
        yield measured("large product", precision, tflop_per_s=product_rate(settings, precision) / 1e12)


def _version(package: str) -> str | None:
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return None


def _driver() -> str | None:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.split()[0]
    return None
