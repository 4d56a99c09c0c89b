"""Prepared pictures compared with the published loader, which decodes and resizes each picture for each batch.

Both sides return batches of the same folder, each in its own order, with flips, as float numbers in [0, 1]. First both
read the same pictures without flips, to show that they are equal. Then the cost of preparing is measured, in passes of
Pillow over all pictures with one process a core, and the memory that a pass over the prepared pictures adds. Last, the
share of the time that the steps of a small training wait for their data, with and without a worker, for the prepared
pictures and for a stream of the same files.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks.cases import Case, Networks
from benchmarks.interleaved import CLOCKS, Side, compare, with_engine
from genkit.bases.datasets.image_set import ImageSet
from genkit.bases.pictures.folder_source import FolderSource, list_files
from genkit.bases.pictures.prepare import prepare
from genkit.bases.pictures.store import Store
from genkit.bases.pictures.transform import Transform
from genkit.console.output import Console
from genkit.core.cores import available_cores
from genkit.core.data_order import indices_of_step
from genkit.core.noise import Noise, Rows
from genkit.engine.distributed import World
from genkit.engine.state import initial_state
from genkit.parts.datasets.image_folder import ImageFolder
from genkit.recipe.tables import Use

TARGET = 40  # images/s of the prepared pictures, relative to the published loader
LONGEST = 50  # steps of a training whose waiting is measured
MADE, SIDE = 2000, 128  # number and side of the pictures that are made if no folder is given


class AsPublished(torch.utils.data.Dataset):
    """Loader of the published code: open, convert, resize, flip, convert to a tensor; one picture at a time."""

    def __init__(self, files: FolderSource, resolution: int, flip: bool = True):
        self.paths = [files.folder / file.name for file in files.files]
        self.resolution, self.flip = resolution, flip

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        picture = Image.open(self.paths[index]).convert("RGB")
        picture = picture.resize((self.resolution, self.resolution), Image.Resampling.BICUBIC)
        if self.flip and torch.rand(1).item() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().float().div(255)  # as ToTensor does


def published(files: FolderSource, resolution: int, batch_size: int) -> Iterator[Tensor]:
    loader = DataLoader(AsPublished(files, resolution), batch_size, shuffle=True, drop_last=True, num_workers=0)
    while True:
        yield from loader


def prepared(data: ImageSet, batch_size: int) -> Iterator[Tensor]:
    step = 0
    while True:
        indices = indices_of_step(0, step, batch_size, data.size)
        yield data.batch(indices, Noise(0, step, "data", Rows.all(batch_size))).x
        step += 1


def make_pictures(folder: Path, number: int = MADE) -> Path:
    """Write smooth pictures as JPEG. Decoding them takes as long as decoding photographs of the same size."""
    rng = np.random.default_rng(0)
    for index in range(number):
        coarse = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{index:05d}.jpg", quality=90)
    return folder


def difference(store: Store, files: FolderSource, resolution: int, number: int = 64) -> float:
    """Return the largest difference between the pixels of both sides, over the first pictures."""
    loader = AsPublished(files, resolution, flip=False)
    number = min(number, len(files))
    ours = torch.from_numpy(np.array(store.arrays.images[:number])).float() / 255
    return (ours - torch.stack([loader[index] for index in range(number)])).abs().max().item()


def seconds(do: Callable[[], Any]) -> float:
    start = perf_counter()
    do()
    return perf_counter() - start


def one_pass(files: FolderSource, resolution: int, batch_size: int) -> None:
    """Decode and resize every picture once, with one process a core."""
    for _ in DataLoader(AsPublished(files, resolution), batch_size, num_workers=available_cores()):
        pass


def own_memory() -> float | None:
    """Return the memory of this process without page cache, in MB; None if the system does not report it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    kilobytes = next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), None)
    return None if kilobytes is None else kilobytes / 1e3


def grown(data: ImageSet, batch_size: int) -> float | None:
    """Return the MB that the process grows by while it reads every prepared picture once, after ten batches."""
    batches, warm = prepared(data, batch_size), own_memory()
    for step in range(10 + data.size // batch_size):
        if step == 10:
            warm = own_memory()
        next(batches)
    now = own_memory()
    return None if now is None or warm is None else now - warm


def measure(folder: Path, resolution: int, batch_size: int, steps: int, clock: str, cache: Path) -> dict[str, Any]:
    files, transform = list_files(folder), Transform(resolution, resolution, 3)
    passed = seconds(lambda: one_pass(files, resolution, batch_size))
    preparing = seconds(lambda: prepare(lambda: list_files(folder), transform, cache))
    store = prepare(lambda: list_files(folder), transform, cache)

    data = ImageFolder(path=folder, resolution=resolution, flip=True, store=cache)
    took = compare(
        Side(prepared(data, batch_size), CLOCKS[clock]),
        Side(published(files, resolution, batch_size), CLOCKS[clock]),
        steps,
    )
    return {
        "batch": batch_size,
        "published_per_s": 1e3 * batch_size / took.second_ms,
        "prepared_per_s": 1e3 * batch_size / took.first_ms,
        "ratio": took.ratio,
        "low": took.low,
        "high": took.high,
        "pass_s": passed,
        "preparing_s": preparing,
        "preparing_in_passes": preparing / passed,
        "grown_mb": grown(data, batch_size),
        "store_mb": store.nbytes / 1e6,
        "difference": difference(store, files, resolution),
        "waiting": waiting(data, stream_of(files, cache / "stream"), batch_size, min(steps, LONGEST)),
    }


def stream_of(files: FolderSource, folder: Path) -> Use:
    """Write the files as one parquet file for each split, and return the data set that decodes them."""
    from datasets import Dataset, Features
    from datasets import Image as Pictures

    folder.mkdir()
    table = Dataset.from_dict({"image": [str(files.folder / file.name) for file in files.files]})
    for split in ("train", "test"):
        table.cast(Features({"image": Pictures()})).to_parquet(folder / f"{split}.parquet", batch_size=64)
    return Use("hub-stream", hub=str(folder))


def waiting(prepared: ImageFolder, stream: Use, batch_size: int, steps: int) -> dict[str, float]:
    """Return the share of their time that steps wait for data, by the data and the number of workers."""
    shares = {}
    pictures = Use("image-folder", path=str(prepared.path), store=str(prepared.store))
    for name, use in {"prepared": pictures, "stream": stream}.items():
        for workers in (0, 1):
            data = Use(use.name, **use.arguments, resolution=prepared.resolution, flip=True)
            networks = Networks(name, data, Use("small-conv", latent_dim=16, channels=(16, 32)))
            plan, world = Case("vae", networks, batch_size, {}).plan(steps), World()
            training = with_engine(plan, initial_state(plan, world), world, workers)
            for _ in training:
                pass
            shares[f"{name}, {workers} workers"] = training.waiting
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.data", description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        help=f"folder of pictures; by default {MADE:,} pictures of smooth noise are made",
    )
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--steps", type=int, default=100, help="timed batches of each side")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: for a machine that others use too")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or make_pictures(Path(scratch))
        for batch_size in given.batch:
            with tempfile.TemporaryDirectory() as cache:
                rows.append(measure(folder, given.resolution, batch_size, given.steps, given.clock, Path(cache)))
    if given.json:
        facts = {"resolution": given.resolution, "steps": given.steps, "threads": given.threads, "clock": given.clock}
        print(
            json.dumps(
                {**facts, "cores": available_cores(), "target": TARGET, "torch": torch.__version__, "rows": rows}
            )
        )
        return
    console = Console()
    console.table(
        f"Reading ({given.clock}), median of {given.steps}, {given.threads} thread(s); target: ratio >= {TARGET}",
        ("batch", "as published, images/s", "prepared, images/s", "ratio", "95 % interval", "difference"),
        [
            (
                str(row["batch"]),
                f"{row['published_per_s']:,.0f}",
                f"{row['prepared_per_s']:,.0f}",
                f"{row['ratio']:.1f}",
                f"{row['low']:.1f} to {row['high']:.1f}",
                f"{row['difference']:.1e}",
            )
            for row in rows
        ],
    )
    console.table(
        f"Preparing (wall), {available_cores()} core(s), and the memory that a pass over the prepared pictures adds",
        ("one pass of Pillow, s", "preparing, s", "passes", "grown, MB", "pictures, MB"),
        [
            (
                f"{row['pass_s']:.2f}",
                f"{row['preparing_s']:.2f}",
                f"{row['preparing_in_passes']:.2f}",
                "unknown" if row["grown_mb"] is None else f"{row['grown_mb']:.1f}",
                f"{row['store_mb']:.1f}",
            )
            for row in rows
        ],
    )

    console.table(
        "Share of their time (wall) that the steps of a small training wait for data",
        ("batch", *rows[0]["waiting"]),
        [(str(row["batch"]), *(f"{share:.1%}" for share in row["waiting"].values())) for row in rows],
    )


if __name__ == "__main__":
    main()
