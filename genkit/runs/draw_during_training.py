"""Pictures during training: previews under samples/, and the rows of the stability strip under strip/."""

from __future__ import annotations

from pathlib import Path

from genkit.draw.preview import save_previews
from genkit.engine.loop import StepRecord
from genkit.runs.run import Run
from genkit.runs.stability_strip import save_strip_row, strip_captions


class PictureDrawer:
    """Draws previews every `report.draw_every` steps and after the last step, on the main process."""

    def __init__(self, run: Run):
        self._run = run
        self._strip_steps = strip_captions(run.plan)

    def before_training(self) -> list[Path]:
        """Draw the untrained model. Return the previews."""
        return self._draw() if self._run.state.step == 0 else []

    def after_step(self, record: StepRecord) -> list[Path]:
        """Draw what is due. Return the previews."""
        due = self._run.is_due(record.step, self._run.plan.recipe.report.draw_every)
        previews = self._draw() if due else []
        if record.step in self._strip_steps:
            self._save_strip_row()
        return previews

    def _draw(self) -> list[Path]:
        run = self._run
        if not run.world.is_main:
            return []
        step = run.state.step
        title = f"{run.plan.recipe.title}: step {step}, {run.shown_weights} weights"
        with run.state.full_precision():
            folder, stem = run.folder.samples, f"step-{step:08d}"
            return save_previews(folder, stem, title, run.shown_model, run.plan.data, run.picture_noise)

    def _save_strip_row(self) -> None:
        run = self._run
        if run.world.is_main:
            with run.state.full_precision():
                save_strip_row(run.folder.row(run.state.step), run.shown_model, run.picture_noise)
