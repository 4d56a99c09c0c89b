"""One training run that a table needs: a cell, a seed and the name of its run folder."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.recipe.changed_keys import changed_keys, with_weight
from genkit.recipe.plan import Plan
from genkit.recipe.resolved import as_tables
from genkit.recipe.text.whole_text import check_whole
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.storage.os_errors import describe_os_error
from genkit.tables.cells import Cell


@dataclass(frozen=True)
class Experiment:
    """A cell of a table with one seed."""

    cell: Cell
    seed: int
    plan: Plan  # of the cell, with the seed of its recipe; made without a dry run

    def __str__(self) -> str:
        """Return ``ROW/COLUMN/SEED``, as ``--only`` takes it."""
        return f"{self.cell}/{self.seed}"

    @property
    def recipe(self) -> dict[str, Any]:
        """The keys that decide the weights, defaults included, without the seed.

        A default that other keys decide is left out: these keys are in the digest, and results that were kept before
        resolved recipes had such defaults stay current.
        """
        keys = as_tables(key for key in self.plan.keys if not key.dependent)
        deciding = with_weight(keys, self.plan.stopping)
        del deciding["seed"]  # it is in the name of the run folder
        return deciding

    @property
    def recipe_digest(self) -> str:
        """Digest of `recipe`, 12 hexadecimal digits. Cells with equal digests share their runs."""
        text = json.dumps(self.recipe, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()

    @property
    def run(self) -> str:
        """The name of the run folder."""
        return f"{self.cell.recipe.stem}-{self.recipe_digest}-s{self.seed}"

    def open_folder(self, runs: Path) -> RunFolder:
        """Return the run folder under `runs`; a new one is created with the recipe in it.

        Raises `UsageError` if it cannot be created, or holds another recipe.
        """
        folder = RunFolder(runs / self.run)
        try:
            if not folder.resolved.is_file():
                folder.begin(self.plan.document, {**self.plan.resolved, "seed": self.seed}, self.plan.notes)
            text = folder.resolved.read_text(encoding="utf-8")
            check_whole(text)
            found = tomllib.loads(text)
        except OSError as error:
            reason = describe_os_error(error, folder.path)
            raise UsageError(f"{folder.path}: cannot be created: {reason}. Choose another --runs.") from None
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{folder.resolved}: damaged ({error}). Delete the run folder, or move it away.") from None
        stopping = self.plan.stopping
        expected = with_weight(self.plan.resolved, stopping) | {"seed": self.seed}
        found = with_weight(found, stopping)
        before_dependent_defaults = {**self.recipe, "seed": self.seed}
        if found != before_dependent_defaults and (changes := changed_keys(expected, found)):
            raise UsageError(
                f"{folder.resolved}: differs from the recipe that the folder is named after: {'; '.join(changes)}. "
                "Delete the run folder, or move it away."
            )
        return folder
