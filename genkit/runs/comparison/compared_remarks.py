"""Remarks on compared runs, such as a collapse or phases that never ran: each once, with the runs it is about."""

from __future__ import annotations

from collections.abc import Sequence

from genkit.runs.comparison.compared_run import ComparedRun
from genkit.runs.report.report_remarks import remarks_on_recipe
from genkit.runs.trained_models.collapse import joint_remarks


def remarks_on_collapse(runs: Sequence[ComparedRun]) -> list[str]:
    """Return which runs have collapsed, or reconstruct little. Raises `UsageError` if a model folder is damaged."""
    measured = {run.name: run.reconstructed for run in runs if run.reconstructed is not None}
    return joint_remarks(measured)


def remarks_on_plans(runs: Sequence[ComparedRun]) -> list[str]:
    """Return what the plans of the runs remark, each remark after the names of its runs.

    A run whose parts cannot be made here has none.
    """
    of_remark: dict[str, list[str]] = {}
    for run in runs:
        for remark in remarks_on_recipe(run.plan) if run.plan else ():
            of_remark.setdefault(remark, []).append(run.name)
    everyone = "Both runs" if len(runs) == 2 else "All runs"
    return [
        f"{everyone if len(names) == len(runs) else ', '.join(names)}: {remark}" for remark, names in of_remark.items()
    ]
