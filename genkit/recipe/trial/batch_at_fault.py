"""Batch sizes with which no step can be tried: the mistake is the size, not the part in which the step fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from genkit.recipe.checks import Finding
from genkit.recipe.tables import Recipe

ORDINARY = 256  # samples of a micro-batch with which a step of any loss can be tried
# What the dry run says of a step that is too long, and torch and Python of a tensor that is too large.
TOO_LARGE = re.compile("more than [0-9,]+ operations|overflow|index-sized", re.IGNORECASE)


def batch_at_fault(
    recipe: Recipe, findings: Sequence[Finding], works_with: Callable[[Recipe], bool]
) -> tuple[Finding, ...]:
    """Return what is wrong with the batch size if the `findings` of a step are due to it; nothing if they are not.

    They are if they tell of a size, and if a step `works_with` an ordinary batch.
    """
    train = recipe.train
    micro = train.batch_size // train.accumulate
    if micro <= ORDINARY or not any(TOO_LARGE.search(finding.text) for finding in findings):
        return ()
    if not works_with(replace(recipe, train=replace(train, batch_size=ORDINARY * train.accumulate))):
        return ()
    text = (
        f"with accumulate = {train.accumulate:,}, a step has {micro:,} samples at once, too many to be tried. "
        "Use a smaller batch_size, or a larger accumulate."
    )
    return (Finding(("train", "batch_size"), text),)
