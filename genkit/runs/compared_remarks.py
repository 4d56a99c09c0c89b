"""Remarks on the training of compared runs, such as phases that never ran: each once, with the runs it is about."""

from __future__ import annotations

from collections.abc import Sequence

from genkit.runs.compared_run import ComparedRun
from genkit.runs.report_remarks import plan_of, remarks_on_recipe


def remarks_on_training(runs: Sequence[ComparedRun]) -> list[str]:
    """Return what the plans of the runs remark, each remark after the names of its runs.

    A run whose parts cannot be made here has none.
    """
    of_remark: dict[str, list[str]] = {}
    for run in runs:
        plan = plan_of(run.folder.resolved)
        for remark in remarks_on_recipe(plan) if plan else ():
            of_remark.setdefault(remark, []).append(run.name)
    everyone = "Both runs" if len(runs) == 2 else "All runs"
    return [
        f"{everyone if len(names) == len(runs) else ', '.join(names)}: {remark}" for remark, names in of_remark.items()
    ]
