"""``genkit eval RUN``: the metrics of a finished run, again or others."""

from __future__ import annotations

import json as json_format

from genkit.cli.options import Json, Overrides, RunPath


def evaluate(run: RunPath, overrides: Overrides = None, json: Json = False) -> None:
    """Compute the metrics of a finished run; `--set metrics.LABEL.KEY=VALUE` changes or adds one."""
    from genkit.engine.evaluate import evaluate as compute
    from genkit.folder import RunFolder
    from genkit.loading import load
    from genkit.plan import make_plan
    from genkit.report.results import print_results
    from genkit.report.terminal import Voice

    folder = RunFolder.open(run)
    plan = make_plan(folder.resolved, overrides=tuple(overrides or ()))
    plan.check_met()
    models = {which: load(folder.path, which) for which in {m.weights for m in plan.protocols.values()} | {"raw"}}
    results = compute(plan.metrics, plan.data, models.__getitem__, plan.recipe.seed)
    if json:
        print(json_format.dumps({"run": str(folder.path), "results": [result.as_dict() for result in results]}))
        return
    print_results(results, Voice())
