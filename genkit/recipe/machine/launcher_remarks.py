"""Settings of `accelerate launch` and `accelerate config` that differ from the recipe. The recipe decides."""

from __future__ import annotations

from collections.abc import Iterator

from genkit.launched import launcher_setting
from genkit.recipe.tables import Train

NOTHING = ("", "no")  # what `accelerate launch` passes if nobody asked for anything


def launcher_remarks(train: Train) -> list[str]:
    """Return a line for each setting of the launcher that this recipe overrules, with the key to change."""
    return [
        f"the launcher asks for {asked} (ACCELERATE_{name}={launcher_setting(name)}), but the recipe decides: {kept}"
        for name, asked, kept in _differences(train)
    ]


def _differences(train: Train) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each setting that differs, what it asks for, and the key of the recipe."""
    precision = launcher_setting("MIXED_PRECISION")
    if precision not in (*NOTHING, train.precision):
        yield "MIXED_PRECISION", "another precision", f'[train] precision = "{train.precision}"'
    backend = launcher_setting("DYNAMO_BACKEND")
    if backend not in NOTHING and not (train.compile and backend == "inductor"):
        kept = "true, with inductor" if train.compile else "false"
        yield "DYNAMO_BACKEND", "torch.compile", f"[train] compile = {kept}"
    steps = launcher_setting("GRADIENT_ACCUMULATION_STEPS")
    if steps not in (*NOTHING, "1", str(train.accumulate)):
        yield "GRADIENT_ACCUMULATION_STEPS", "accumulation", f"[train] accumulate = {train.accumulate}"
