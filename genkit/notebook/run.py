"""A run as an object: its results, its log, its pictures, its data and its trained model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Literal

import PIL.Image
from torch import Tensor

from genkit.console.captured import html_of, text_of
from genkit.console.output import Console
from genkit.core.result import EvaluationRecord
from genkit.errors import UsageError, warn_user
from genkit.evaluation.protocol_lines import shown_weights
from genkit.notebook.arguments import checked_arguments
from genkit.notebook.changes import Changes, changes_of
from genkit.notebook.computing import computing
from genkit.notebook.log import Log
from genkit.notebook.memory import MemoryData, data_of_run
from genkit.notebook.messages import naming_arguments
from genkit.notebook.numbers import whole_number
from genkit.notebook.pictures import newest_picture
from genkit.notebook.recipe import EditableRecipe
from genkit.notebook.results import Results
from genkit.notebook.run_data import RunData
from genkit.notebook.trained_model import TrainedModel, load
from genkit.recipe.text.document import read
from genkit.recipe.text.overrides import overrides_within
from genkit.runs.on_disk.pictures_of_run import pictures_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_state import RunState, state_of
from genkit.runs.report.write_report import write_report
from genkit.runs.results_report import print_results
from genkit.runs.trained_models.fit_prior import fit_prior
from genkit.runs.training.evaluate_during_training import evaluations_of, newest_evaluation
from genkit.storage.os_errors import describe_os_error
from genkit.storage.user_path import user_path


class Run:
    """A run on disk, finished or not. Everything is read from its folder when it is asked for."""

    def __init__(self, path: Path, memory: MemoryData | None = None):
        self._folder = RunFolder(path)
        self.memory = memory  # the samples of a run that was trained on samples in memory

    @property
    def path(self) -> Path:
        """The run folder."""
        return self._folder.path

    def __fspath__(self) -> str:
        """Return the path, so that a run can be passed where a path is expected."""
        return str(self.path)

    @property
    def recipe(self) -> EditableRecipe:
        """The recipe with all overrides and defaults. Raises `UsageError` if it cannot be read."""
        return EditableRecipe(read(self._folder.resolved))

    @property
    def finished(self) -> bool:
        """Whether the run has been trained to its end; `genkit.resume` continues one that has not."""
        return self._folder.finished

    @property
    def state(self) -> RunState:
        """The state: "running", "finished", "failed", "incomplete", "stopped" or "not started"."""
        return state_of(self._folder)

    @property
    def results(self) -> Results:
        """The results after the last step by label; of an unfinished run, those of its newest evaluation, if any."""
        newest = newest_evaluation(self._folder)
        return Results(newest.results if newest else (), self._shown_weights)

    @property
    def evaluations(self) -> Sequence[EvaluationRecord]:
        """The evaluations during training, which the table ``[evaluate]`` of the recipe asks for."""
        return evaluations_of(self._folder)

    @property
    def log(self) -> Log:
        """The losses, schedules and learning rates by step. Raises `UsageError` if the file is damaged."""
        return Log(self._folder.lines())

    @property
    def pictures(self) -> dict[str, list[Path]]:
        """The files of the pictures by kind, such as "samples" or "curves", the newest last."""
        return pictures_of(self._folder)

    @checked_arguments()
    def show(self, kind: str) -> PIL.Image.Image:
        """Return the newest picture of a kind, which a notebook displays; `pictures` lists the kinds.

        Raises `UsageError`, which names the kinds, if the run has no such picture.
        """
        return newest_picture(self._folder, kind)

    @checked_arguments()
    def report(self, path: str | PathLike[str] | None = None) -> Path:
        """Write the run as one page of HTML, by default report.html in its folder, and return the path.

        A run writes it when it ends. Raises `UsageError` if the file cannot be written.
        """
        place = self._folder.report if path is None else user_path(path)
        try:
            return write_report(self._folder, place)
        except OSError as error:
            raise UsageError(f"{place}: cannot be written: {describe_os_error(error, place)}.") from None

    @cached_property
    def data(self) -> RunData:
        """The data that the run was trained on. Raises `UsageError` if they are missing or have changed."""
        with self.reading_data():
            return RunData.open(self.path)

    def row_trained_on(self, x: Tensor) -> int | None:
        """Return the first row of samples, (n, *shape), that was trained on, of those in memory or read by `data`."""
        row = None if self.memory is None else self.memory.row_trained_on(x)
        known = self.__dict__.get("data")  # None unless a program has read the data
        return row if row is not None or known is None else known.trained_on.first_in(x)

    def load(self, weights: Literal["raw", "ema"] | None = None, device: str | None = None) -> TrainedModel:
        """Return the trained model: see `genkit.load`."""
        return load(self.path, weights, device)

    @naming_arguments()
    @checked_arguments()
    @computing("fit_prior()", "Give a smaller number of samples, or fewer components.")
    def fit_prior(
        self,
        components: int = 10,
        number: int | None = None,
        out: str | PathLike[str] | None = None,
        *,
        set: Changes = (),
    ) -> Path:
        """Fit a mixture of Gaussians to codes of the training data; return the model folder that has it as its prior.

        Args:
            components: Number of Gaussians, with full covariances.
            number: Most samples to encode, chosen at random; by default all, or 10,000 draws of data without end.
            out: The model folder; by default ``fitted`` in the run. It replaces an earlier fit, and no other file.
            set: Changes of keys of the data, such as "data.path=pictures" or {"data.path": "pictures"}.

        `genkit.load` and `genkit.evaluate` take the folder; the run stays as it is. Raises `UsageError` if the run has
        not finished, if its model has no encoder, and if its data are missing or too few.
        """
        components = whole_number(components, "fit_prior(): components", 1)
        number = None if number is None else whole_number(number, "fit_prior(): number", 1)
        place = None if out is None else user_path(out)
        with self.reading_data():
            of_data = overrides_within(("data",), changes_of(set), "data.path=pictures", "A fit")
            fitted = fit_prior(self.path, components, number, place, of_data)
        for remark in fitted.remarks:
            warn_user(remark)
        return fitted.folder

    def reading_data(self) -> AbstractContextManager[None]:
        """Return a context in which the data of the run can be read, also those in memory. It raises `UsageError`."""
        return data_of_run(self.path, self.memory)

    def __repr__(self) -> str:
        return text_of(self._print)

    def _repr_html_(self) -> str:
        return html_of(self._print)

    @property
    def _shown_weights(self) -> str:
        return shown_weights(read(self._folder.resolved).tables)

    def _print(self, console: Console) -> None:
        lines = self._folder.lines()
        step = f"step {lines[-1]['step']}" if lines else "no step logged"
        state: str = self.state
        if state not in (RunState.FINISHED, RunState.RUNNING):
            state = f"not finished ({state}); genkit.resume continues it"
        console.print(f"run {self.path}: {step}, {state}")
        print_results(list(self.results.values()), self._shown_weights, console)


@checked_arguments()
def open_run(run: Run | str | PathLike[str], *, data: MemoryData | None = None) -> Run:
    """Return the run in a folder, finished or not.

    `data` are the samples of a run that was trained on samples in memory. Raises `UsageError` if the folder is not a
    run, or if `data` are not the samples of the run.
    """
    known = run.memory if isinstance(run, Run) else None
    folder = RunFolder.open(user_path(run))
    opened = Run(folder.path, data if data is not None else known)
    with opened.reading_data():
        return opened
