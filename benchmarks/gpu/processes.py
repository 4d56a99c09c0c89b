"""Two processes, on one GPU and on two, compared with one process: the weights after some steps.

NCCL refuses two processes on one GPU, so they talk through gloo there, which copies through main memory; the row says
what NCCL answered.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist

from benchmarks import processes
from benchmarks.gpu.rows import Check, Row, at_most, left_out, measured
from benchmarks.gpu.settings import Settings, on_device
from genkit.engine.distributed import World

CASES = (
    *("vae", "introvae", "soft-introvae", "as-introvae", "wgan-gp, a critic of five updates"),
    *("images, norm sync-batch", "EMA, clipping and AdamW"),
)
TINY_CASES = ("as-introvae",)
SECONDS = 90.0  # that a group may take


class GroupFailed(Exception):
    """The processes of a group have stopped with an error."""


def checks(settings: Settings) -> Iterator[Check]:
    """Yield the groups that this machine can form, and why it cannot form the others."""
    yield Check("gloo", partial(compare_with_one, settings, "gloo", one_device=True))
    if settings.device == "cuda":
        yield Check("nccl, one GPU", partial(nccl_on_one_gpu, settings))
        yield Check("nccl, two GPUs", partial(nccl_on_two_gpus, settings))


def nccl_on_one_gpu(settings: Settings) -> Iterator[Row]:
    """Yield what NCCL answers to two processes on one GPU."""
    what = "nccl, 2 processes, 1 GPU"
    with TemporaryDirectory() as folder:
        try:
            train(settings, 2, Path(folder), "nccl", TINY_CASES, one_device=True)
        except GroupFailed as error:
            yield left_out("nccl", what, f"refused: {error}")
        else:
            yield measured("nccl", what, note="not refused")


def nccl_on_two_gpus(settings: Settings) -> Iterator[Row]:
    """Yield the comparison with one process, where each process has its own GPU."""
    if torch.cuda.device_count() < 2:
        yield left_out("nccl", "nccl, 2 processes, 2 GPUs", f"{torch.cuda.device_count()} GPU here")
        return
    yield from compare_with_one(settings, "nccl", one_device=False)


def compare_with_one(settings: Settings, backend: str, *, one_device: bool) -> Iterator[Row]:
    """Yield a row for each case and precision."""
    cases = TINY_CASES if settings.tiny else CASES
    with TemporaryDirectory() as folder:
        one, two = (Path(folder) / name for name in ("one", "two"))
        with on_device(settings.device):
            train_here(one, processes.STEPS, cases)
        train(settings, 2, two, backend, cases, one_device=one_device)
        for case in cases:
            rounding = processes.difference(one / f"{case}-fp64", one / f"{case}-fp32")
            for precision in processes.PRECISIONS:
                apart = processes.difference(one / f"{case}-{precision}", two / f"{case}-{precision}")
                bound = processes.bound_of({"precision": precision, "rounding": rounding})
                where = "1 device" if one_device else "2 devices"
                yield at_most(case, f"{backend}, 2 processes, {where}, {precision}", apart, bound, rounding=rounding)


def train_here(out: Path, steps: int, cases: Sequence[str]) -> None:
    """Train the cases in this process, and write their states to `out`."""
    for case in cases:
        for precision in processes.PRECISIONS:
            processes.weights_of(processes.CASES[case].plan(precision), None, steps, out / f"{case}-{precision}")
    World().close()


def train(settings: Settings, size: int, out: Path, backend: str, cases: Sequence[str], *, one_device: bool) -> None:
    """Train the cases on `size` processes, and write their states to `out`. Raises `GroupFailed`."""
    steps = processes.STEPS - settings.mistake
    command = [sys.executable, "-m", "benchmarks.gpu.processes", str(out), str(steps), backend, *cases]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    with on_device(settings.device):
        members = [
            subprocess.Popen(
                command,
                env={**os.environ, **group, "RANK": str(rank), "LOCAL_RANK": str(0 if one_device else rank)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(size)
        ]
    try:
        said = [member.communicate(timeout=SECONDS)[1] for member in members]
    except subprocess.TimeoutExpired:
        raise GroupFailed(f"no end after {SECONDS:.0f} s") from None
    finally:
        for member in members:
            member.kill()
    if any(member.returncode for member in members):
        raise GroupFailed(" | ".join(filter(None, map(reason_in, said))))


def reason_in(stderr: str) -> str:
    """Return the line of an output that names the error; NCCL's own words, if there are any."""
    lines = stderr.strip().splitlines()
    for word in ("Duplicate GPU", "Error", "ProcessLost", ""):
        if found := [line for line in lines if word in line]:
            return found[-1].strip()
    return ""


def main() -> None:
    """Train in this member of a group."""
    out, steps, backend, *cases = sys.argv[1:]
    if backend == "gloo":  # genkit itself chooses NCCL on a GPU, but trains on a group that the program has formed
        dist.init_process_group(backend)
    train_here(Path(out), int(steps), cases)
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
