"""The recipe that the weights of a run were trained with. A checkpoint keeps it, and a resume compares it.

Without it, a resume with another seed, loss or learning rate would go on in silence, and the model folder would state a
recipe that never trained its weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from genkit.errors import UsageError
from genkit.recipe.changed_keys import changed_keys, with_weight
from genkit.recipe.plan import Plan
from genkit.recipe.resolved import as_tables
from genkit.recipe.tables import PLACES_OF_DATA
from genkit.recipe.text.document import read
from genkit.runs.on_disk.early_end import last_step
from genkit.runs.on_disk.model_facts import facts_in
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.storage.listing import exists
from genkit.storage.names import RECIPE


def recipe_of_weights(plan: Plan) -> dict[str, Any]:
    """Return the keys of a plan that decide the weights, defaults included, as values that JSON can store."""
    return _as_json(with_weight(plan.resolved, plan.stopping))


def check_recipe_of_checkpoint(plan: Plan, folder: RunFolder, facts: Mapping[str, Any]) -> None:
    """Compare a plan with the facts of a checkpoint of `folder`. Raises `UsageError` that names the keys that differ.

    A checkpoint of an earlier version of genkit does not know its recipe; only its step is compared then.
    """
    step, recipe = facts["step"], facts.get("recipe")
    if step > plan.steps or (step != plan.steps and _steps(recipe) == step):
        raise _ended(plan, folder, step)
    if recipe is not None:
        stopping = {*plan.stopping, *recipe.get("callbacks", {})}  # it keeps only those that may stop the run
        _check_keys(plan, folder, with_weight(recipe, stopping), facts.get("data") or {})


def check_recipe_of_finished(plan: Plan, folder: RunFolder) -> None:
    """Compare a plan with the model folder of a finished run. Raises `UsageError` as for a checkpoint."""
    facts = facts_in(folder.final)
    if facts and facts["step"] != last_step(plan, folder):
        raise _ended(plan, folder, facts["step"])
    if exists(folder.final / RECIPE):
        trained = _as_json(read(folder.final / RECIPE).tables)
        _check_keys(plan, folder, with_weight(trained, plan.stopping), facts.get("data") or {})


def _check_keys(plan: Plan, folder: RunFolder, then: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    # A default that `then` does not have is of a key that a later version of the part has introduced.
    known = as_tables(key for key in plan.keys if not key.is_default or _has(then, key.path))
    now = _as_json(with_weight(known, plan.stopping))
    if data.keys() - {"samples", "held_out"}:  # a fingerprint of the samples themselves, which a resume compares
        then, now = _without_places(then), _without_places(now)
    if changes := changed_keys(_without_compile(then), _without_compile(now)):
        raise UsageError(
            f"{folder.resolved}: differs from the recipe that the weights of this run were trained with: "
            f"{'; '.join(changes)}. Change it back to continue the run, or start a new run with "
            f"`genkit run {folder.resolved}`."
        )


def _ended(plan: Plan, folder: RunFolder, step: int) -> UsageError:
    key = "steps" if plan.recipe.train.steps is not None else "epochs"
    trained = "ended after" if step < plan.steps else "was trained for"
    return UsageError(
        f"{folder.resolved} [train] {key}: the run {trained} {step} steps, the recipe asks for {plan.steps}. "
        "Schedules depend on the length of a run, so it cannot change. Change it back; or start a new run from the "
        f'weights of this one, with train.warm_start = "{folder.path}".'
    )


def _without_places(recipe: Mapping[str, Any]) -> dict[str, Any]:
    data = recipe.get("data")
    kept = {key: value for key, value in data.items() if key not in PLACES_OF_DATA} if isinstance(data, dict) else data
    return {**recipe, "data": kept}


def _without_compile(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe without the key that changes the last digits only, as the number of threads does."""
    train = recipe.get("train")
    if not isinstance(train, Mapping):
        return dict(recipe)
    return {**recipe, "train": {key: value for key, value in train.items() if key != "compile"}}


def _steps(recipe: Mapping[str, Any] | None) -> int | None:
    train = (recipe or {}).get("train")
    return train.get("steps") if isinstance(train, Mapping) else None


def _has(tables: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(tables, Mapping) or name not in tables:
            return False
        tables = tables[name]
    return True


def _as_json(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe as JSON gives it back, so that a stored one and a new one can be compared."""
    plain: dict[str, Any] = json.loads(json.dumps(recipe, default=str))
    return plain
