"""All pictures of compared runs, and what is absent and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genkit.pages.pictures import PictureBudget
from genkit.runs.comparison.compare import Comparison
from genkit.runs.comparison.compared_data import data_titles
from genkit.runs.comparison.compared_models import HELD_OUT, ComparedModels, ModelOutputs, run_models
from genkit.runs.comparison.compared_squares import POINTS, SquareRow, rows_of_squares
from genkit.runs.comparison.compared_tiles import TileTable, table_of_reconstructions, table_of_samples, tiles_of_a_run


@dataclass(frozen=True)
class ComparedPictures:
    """Tables of images, rows of squares, and remarks on what is absent."""

    tables: Sequence[TileTable]
    squares: Sequence[SquareRow]
    remarks: Sequence[str]
    points_first: bool  # whether more runs are on points than on images, or as many and the first run is

    @property
    def single_squares(self) -> bool:
        """Whether only one run is on points, so that its pictures have room beside each other."""
        return len({square.name for row in self.squares for square in row.squares}) == 1


def pictures_of_comparison(comparison: Comparison, budget: PictureBudget) -> ComparedPictures:
    """Run the models and return their pictures, as far as the budget allows. Nothing is written."""
    tiles = tiles_of_a_run(len(comparison.runs))
    models = run_models(comparison, lambda shape: tiles if len(shape) == 3 else POINTS)
    images, points, remarks = [], [], list(models.remarks)
    for each in models.outputs:
        match tuple(each.samples.shape[1:]):
            case (2,):
                points.append(each)
            case (1 | 3, _, _):
                images.append(each)
            case shape:
                text = " × ".join(map(str, shape))
                remarks.append(f"{each.run.name}: no pictures, since its samples have the shape {text}.")
    squares = rows_of_squares(points, budget) if points else []
    sets = _sets_of_same_samples(comparison, models, images)
    tables = [table_of_samples(images, budget, 1 / (1 + len(sets)))] if images else []
    titles = data_titles(comparison, {data for data, _, _ in sets})
    for number, (data, about, same) in enumerate(sets):
        title = "Held-out reconstructions" + (f": {titles[data]}" if len(sets) > 1 else "")
        tables.append(table_of_reconstructions(title, about, same, budget, 1 / (len(sets) - number)))
    begins_with_points = bool(points) and models.outputs[0] is points[0]
    points_first = len(points) + begins_with_points > len(images)  # as many of each: the kind of the first run
    return ComparedPictures(tables, squares, [*remarks, *budget.remarks], points_first)


def _sets_of_same_samples(
    comparison: Comparison, models: ComparedModels, images: Sequence[ModelOutputs]
) -> list[tuple[str, str, list[ModelOutputs]]]:
    """Return the runs with reconstructions in sets of the same held-out samples.

    With each set come the first run that has these data, and what the samples are.
    """
    sets: dict[tuple[str, tuple[int, ...]], list[ModelOutputs]] = {}
    for each in images:
        if each.reconstructions is not None:
            key = (comparison.data_of(each.run, HELD_OUT), tuple(each.samples.shape[1:]))
            sets.setdefault(key, []).append(each)
    return [(data, models.described[data], same) for (data, _), same in sets.items()]
