"""The progress of a run on the console, as a callback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from genkit.console.output import Console
from genkit.console.run_progress import SilentProgress
from genkit.core.callback import Callback, RunView
from genkit.core.result import Result
from genkit.evaluation.protocol_lines import shown_weights, weights_note


class ProgressOnConsole(Callback):
    """A bar on a terminal, otherwise a line every few seconds; the results of each evaluation."""

    def __init__(self, console: Console):
        self._console, self._open = console, ExitStack()
        self._progress = SilentProgress()
        self._line: Mapping[str, float] | None = None  # of the current step
        self._shown = "raw"  # weights that the pictures are of

    def started(self, run: RunView) -> None:
        """Show the progress from here on."""
        self._shown = shown_weights(run.plan.resolved)
        self._progress = self._open.enter_context(self._console.progress(run.plan.steps))

    def logged(self, step: int, line: Mapping[str, float]) -> None:
        """Keep the line of a step until the step is reported."""
        self._line = line

    def stepped(self, step: int) -> None:
        """Report a completed step."""
        self._progress.update(step, self._line)
        self._line = None

    def remarked(self, step: int, text: str) -> None:
        """Report the remark of the loss."""
        self._progress.remarked(text)

    def evaluated(self, step: int, results: Sequence[Result]) -> None:
        """Report the results of an evaluation, and of which weights they are if the pictures are of others."""
        notes = {result.label: weights_note(result.protocol.weights, self._shown) for result in results}
        self._progress.evaluated(step, results, notes)

    def closed(self) -> None:
        """End the bar."""
        self._open.close()
