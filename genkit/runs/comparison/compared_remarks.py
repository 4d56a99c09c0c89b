"""Remarks on the training of compared runs, such as phases that never ran: each once, with the runs it is about."""

from __future__ import annotations

from collections.abc import Sequence

from genkit.runs.comparison.compared_run import ComparedRun
from genkit.runs.on_disk.model_facts import facts_in
from genkit.runs.report.report_remarks import remarks_on_collapse, remarks_on_recipe


def remarks_on_training(runs: Sequence[ComparedRun]) -> list[str]:
    """Return what the plans and the ends of the runs remark, each remark after the names of its runs.

    A run whose parts cannot be made here has no remark on its plan. Raises `UsageError` if a folder cannot be read.
    """
    of_remark: dict[str, list[str]] = {}
    for run in runs:
        of_plan = remarks_on_recipe(run.plan) if run.plan else ()
        for remark in (*of_plan, *remarks_on_collapse(facts_in(run.folder.final))):
            of_remark.setdefault(remark, []).append(run.name)
    everyone = "Both runs" if len(runs) == 2 else "All runs"
    return [
        f"{everyone if len(names) == len(runs) else ', '.join(names)}: {remark}" for remark, names in of_remark.items()
    ]
