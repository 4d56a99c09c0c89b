"""Pictures during training: previews under samples/, and the rows of the stability strip under strip/."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from genkit.core.callback import Callback, RunView
from genkit.draw.preview import save_previews
from genkit.runs.on_disk.step_names import name_of_step
from genkit.runs.training.live_run import LiveRun, Tell
from genkit.runs.training.stability_strip import save_strip_row, strip_captions


class PictureDrawer(Callback):
    """Draws previews every `report.draw_every` steps and after the last step, on the main process."""

    def __init__(self, run: LiveRun, tell: Tell):
        self._run, self._tell = run, tell
        self._strip_steps = strip_captions(run.plan)

    def started(self, run: RunView) -> None:
        """Draw the untrained model."""
        if run.step == 0:
            self._draw(0)

    def stepped(self, step: int) -> None:
        """Draw what is due."""
        if self._is_due(step):
            self._draw(step)
        if step in self._strip_steps:
            self._run.world.on_main(self._save_strip_row)

    def stopped(self, step: int, reason: str) -> None:
        """Draw the previews of the last step, unless `stepped` has drawn them."""
        if not self._is_due(step):
            self._draw(step)

    def _is_due(self, step: int) -> bool:
        return self._run.is_due(step, self._run.plan.recipe.report.draw_every)

    def _draw(self, step: int) -> None:
        previews = self._run.world.on_main(partial(self._save_previews, step))
        self._tell("drawn", step, previews)

    def _save_previews(self, step: int) -> list[Path]:
        run = self._run
        title = f"{run.plan.recipe.title}: step {step}, {run.shown_weights} weights"
        with run.state.full_precision():
            folder, stem = run.folder.samples, name_of_step(step)
            return save_previews(folder, stem, title, run.shown_model, run.plan.data, run.picture_noise)

    def _save_strip_row(self) -> None:
        run = self._run
        with run.state.full_precision():
            save_strip_row(run.folder.row(run.state.step), run.shown_model, run.picture_noise)
