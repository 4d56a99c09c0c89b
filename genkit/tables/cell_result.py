"""The kept result of one run of a table, and whether it is current."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genkit.core.result import Result
from genkit.evaluation.data_fingerprint import same_images
from genkit.recipe.binding.data_keys import without_data_counts
from genkit.tables.experiment import Experiment


@dataclass(frozen=True)
class CellResult:
    """The results of one run, as the results file keeps them."""

    run: str  # the name of the run folder
    digest: str  # of the recipe
    recipe: Mapping[str, Any]  # the keys that decide the weights, without the seed
    results: Mapping[str, Result]  # by label of the metric; empty if the run failed
    failure: str = ""  # why training cannot finish; empty if it finished
    made_with: Mapping[str, Any] = field(default_factory=dict)  # parts, versions, threads, fingerprint of the data

    def has_recipe_of(self, experiment: Experiment) -> bool:
        """Return whether the run was trained with the recipe that the table has now."""
        return self.recipe == experiment.recipe

    def has_protocol_of(self, experiment: Experiment, label: str) -> bool:
        """Return whether the metric was measured by the protocol that the table has now."""
        if label not in self.results:
            return False
        plan = experiment.plan
        kept, planned = self.results[label].protocol.comparable, plan.protocols[label].comparable
        if plan.unmet:  # data may be missing here, which changes the numbers of samples in the planned protocol
            metric = plan.metrics[label]
            kept, planned = without_data_counts(metric, kept), without_data_counts(metric, planned)
        return kept == planned

    def is_current(self, experiment: Experiment) -> bool:
        """Return whether nothing needs to be trained or measured for this experiment."""
        labels = experiment.plan.metrics
        return self.has_recipe_of(experiment) and (
            bool(self.failure) or all(self.has_protocol_of(experiment, label) for label in labels)
        )

    def has_other_data(self, other: CellResult, split: str) -> bool:
        """Return whether a data split differs between two runs, so that numbers measured on it cannot be compared."""
        same = same_images(self.made_with.get("data", {}), other.made_with.get("data", {}), split)
        return self.recipe.get("data") != other.recipe.get("data") if same is None else not same
