"""Messages and notes of genkit.draw, compared with tests/golden/draw.txt."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from genkit.draw.image_grid import GridRow, draw_image_grid
from genkit.draw.panels import DENSE, Panel, Section, panel_notes
from genkit.draw.reconstructions import reconstruction_note
from genkit.draw.samples import numbers


def refusal_of(*images: Tensor) -> str:
    with pytest.raises(ValueError) as error:
        draw_image_grid([GridRow("", row) for row in images], "title")
    return str(error.value)


def notes_of(panels: Sequence[Panel], begins: Sequence[int] = ()) -> str:
    return " ".join(panel_notes([Section("heading", panels, begins)]))


def test_messages(golden) -> None:
    curve = [(step, 1.0) for step in range(DENSE + 1)]
    messages = {
        "A grid without images": refusal_of(),
        "A grid of points": refusal_of(torch.zeros(4, 2)),
        "A grid of images with two channels": refusal_of(torch.zeros(1, 2, 8, 8)),
        "A grid of images of two shapes": refusal_of(torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 8, 8)),
        "The note of reconstructions": reconstruction_note("32 samples of the test split", 0.0123456),
        "The numbers of the samples in a row": f"{numbers(8, 8)}, or {numbers(16, 1)} for one sample",
        "The notes of panels": notes_of([Panel("loss", {"": curve}, best=[(5, 1.0)])], begins=[10]),
        "The notes of panels without marks": notes_of([Panel("loss", {"": curve[:5]})]),
    }
    golden("draw", "\n".join(f"{case}:\n    {message}".rstrip() for case, message in messages.items()) + "\n")
