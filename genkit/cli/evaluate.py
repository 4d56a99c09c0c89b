"""``genkit eval RUN``: the metrics of a finished run, again or others."""

from __future__ import annotations

import json as json_format

from genkit.cli.options import Json, Overrides, RunPath, only

READ = ("metrics", "data", "seed")  # what an evaluation reads of a recipe; the rest is as it was trained


def evaluate(run: RunPath, overrides: Overrides = None, json: Json = False) -> None:
    """Compute the metrics of a finished run; `--set metrics.LABEL.KEY=VALUE` changes or adds one."""
    from genkit.errors import Interrupted
    from genkit.folder import RunFolder
    from genkit.loading import evaluate_run
    from genkit.plan import make_plan
    from genkit.report.results import print_results
    from genkit.report.terminal import Voice

    folder = RunFolder.open(run)
    plan = make_plan(folder.resolved, overrides=only(READ, overrides, "an evaluation"))
    try:
        results = evaluate_run(folder.path, plan, plan.recipe.seed)
    except KeyboardInterrupt:
        raise Interrupted("stopped while numbers were computed; the same command computes them all.") from None
    if json:
        print(json_format.dumps({"run": str(folder.path), "results": [result.as_dict() for result in results]}))
        return
    voice = Voice()
    print_results(results, voice)
    if not results:
        voice.say("The recipe asks for no metric; --set metrics.NAME={} computes one. `genkit plugins` lists them.")
