"""Tables of images of compared runs: samples of the same latent codes, and reconstructions of the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genkit.draw.tile import tile
from genkit.pages.chart import value_text
from genkit.pages.pictures import AskedPicture, Picture, PictureBudget
from genkit.runs.comparison.compared_models import ModelOutputs

FEW_RUNS, TILES_OF_FEW, TILES_OF_MANY = 5, 12, 8


@dataclass(frozen=True)
class Tile:
    """One image with a line below it."""

    picture: Picture | None  # None if the page has no room for it
    text: str = ""


@dataclass(frozen=True)
class TileRow:
    """The images of one run, or the inputs of all."""

    name: str  # of a run; empty for inputs
    note: str
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class TileTable:
    """Images of several runs, one row a run; the images of a column belong together."""

    title: str
    about: str
    headings: Sequence[str]
    rows: Sequence[TileRow]


def tiles_of_a_run(runs: int) -> int:
    """Return how many images of each run a table has."""
    return TILES_OF_FEW if runs <= FEW_RUNS else TILES_OF_MANY


def table_of_samples(images: Sequence[ModelOutputs], budget: PictureBudget, share: float) -> TileTable:
    """Return the samples of each run, with a `share` of what is left of the budget."""
    title = "Samples of the same latent codes" if len(images) > 1 else "Samples"
    asked = [
        AskedPicture(tile(sample), f"Sample {number} of {each.run.name}")
        for each in images
        for number, sample in enumerate(each.samples)
    ]
    shown = iter(_taken(budget, asked, share, title))
    rows = []
    for each in images:
        texts = each.classes or [""] * len(each.samples)
        note = described(each) if len(images) > 1 else each.weights
        rows.append(TileRow(each.run.name, note, [Tile(next(shown), text) for text in texts]))
    own = [each.run.name for each in images if each.own_codes]
    except_own = f", except in {', '.join(own)}" if own else ""
    about = "Draws of the prior, decoded."
    if len(images) > 1:
        about += f" A column has the same latent code in all runs{except_own}."
    return TileTable(title, about, [f"code {number}" for number in range(len(rows[0].tiles))], rows)


def table_of_reconstructions(
    title: str, about: str, same: Sequence[ModelOutputs], budget: PictureBudget, share: float
) -> TileTable:
    """Return the held-out samples that these runs share, and the reconstructions of each."""
    inputs = same[0].inputs
    assert inputs is not None  # runs with reconstructions have inputs
    asked = [AskedPicture(tile(x), f"Held-out sample {number}") for number, x in enumerate(inputs.x)]
    asked += [
        AskedPicture(tile(output), f"Reconstruction of sample {number} by {each.run.name}")
        for each in same
        for number, output in enumerate(() if each.reconstructions is None else each.reconstructions)
    ]
    shown = iter(_taken(budget, asked, share, title))
    rows = [TileRow("", "", [Tile(next(shown)) for _ in inputs.x])]
    for each in same:
        error = "" if each.error is None else f"mean squared error {value_text(each.error)} of these {len(inputs.x)}; "
        tiles = [Tile(next(shown), value_text(of_image)) for of_image in each.errors]
        rows.append(TileRow(each.run.name, error + each.weights, tiles))
    numbers = range(len(inputs.x)) if inputs.indices is None else inputs.indices.tolist()
    text = f"{about}, decoded from the posterior mean. Below each reconstruction: its mean squared error."
    return TileTable(title, text, [f"sample {number}" for number in numbers], rows)


def described(outputs: ModelOutputs) -> str:
    """Return the weights of a run, and what is special about its codes."""
    return "; ".join(filter(None, (outputs.weights, outputs.own_codes)))


def _taken(budget: PictureBudget, asked: Sequence[AskedPicture], share: float, title: str) -> list[Picture | None]:
    """Return the pictures in the order of `asked`, with None for those that were left out; one remark for all."""
    before = len(budget.remarks)
    taken = {picture.text: picture for picture in budget.take(list(asked), share)}
    del budget.remarks[before:]
    absent, smaller = len(asked) - len(taken), sum(picture.smaller for picture in taken.values())
    if absent:
        are = "is" if absent == 1 else "are"
        budget.remarks.append(
            f"{title}: {absent} of {len(asked)} images {are} left out, since the page would be too large."
        )
    if smaller:
        have = "has" if smaller == 1 else "have"
        of_all = f"{smaller} of {len(asked)} images"
        budget.remarks.append(f"{title}: {of_all} {have} fewer pixels than those of the models.")
    return [taken.get(each.text) for each in asked]
