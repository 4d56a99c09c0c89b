"""The laws of a part, by its kind: the same functions of `genkit.testing` that the tests of a plugin call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch

from genkit import testing
from genkit.core.diag_normal import DiagNormal
from genkit.core.noise import Noise, Rows
from genkit.errors import GenkitError, PartMistake
from genkit.near_miss import ended
from genkit.part_code import code_of, is_refusal
from genkit.plugin_check.around import Around, Make
from genkit.plugin_check.build_part import NotChecked
from genkit.plugin_check.loss_check import check_loss
from genkit.recipe.plan import make_plan
from genkit.recipe.trial.try_data import try_data
from genkit.testing.examples import first_accepted
from genkit.testing.variants import variants

LATENT_DIMS = (2, 1, 3)  # for priors, whose density is compared with kernels
SMALL, LARGE = (1, 2, 3), (512, 64, 8, 4)  # latent dimensions for divergences: the first of each that is not refused
FEW = 100  # samples of a metric, which is computed several times


def assert_lawful(kind: str, make: Make, around: Around) -> None:
    """Assert the laws of a kind for the part that `make` constructs. Raises `NotChecked` if something is missing."""
    CHECKS[kind](make, around)


def _check_divergence(make: Make, around: Around) -> None:
    divergence = make()

    def use(size: int) -> None:
        q = DiagNormal(*(Noise(0, 0, "q", Rows.all(2)).randn(tag, size) for tag in ("mu", "logvar")))
        divergence(q, q)

    small, large = (first_accepted(sizes, use) for sizes in (SMALL, LARGE))
    testing.assert_divergence_is_lawful(divergence, latent_dims=(small, large))


def _check_model(make: Make, around: Around) -> None:
    def use(shape: tuple[int, ...]) -> None:
        with torch.device("meta"):
            make(data_shape=shape)

    shape = first_accepted(around.shapes(), use)
    testing.assert_model_is_lawful(lambda: make(data_shape=shape))


def _check_prior(make: Make, around: Around) -> None:
    size = first_accepted(LATENT_DIMS, lambda size: make(latent_dim=size))
    try:
        prior = make(latent_dim=size)
    except ValueError as error:
        if not is_refusal(error):
            raise
        text = str(error).rstrip(".")
        raise NotChecked(
            f"it refuses 2, 1 and 3 latent dimensions, with which densities are checked: {text}. Let it take one of "
            "them, or set what it needs with --set prior.NAME.KEY=VALUE"
        ) from None
    testing.assert_prior_is_lawful(prior.double())


def _check_dataset(make: Make, around: Around) -> None:
    data = make()
    try:
        try_data(data)
    except PartMistake:  # the law of its facts reports it
        pass
    else:
        _refuse_unmet(data, (*data.unmet(), *data.held_out().unmet()))
    testing.assert_dataset_is_lawful(data)


def _check_extractor(make: Make, around: Around) -> None:
    extractor = make()
    _refuse_unmet(extractor, extractor.unmet())
    others = [other for _, other in variants(extractor) if not other.unmet()]
    testing.assert_extractor_is_lawful(extractor, None, *others)


def _check_metric(make: Make, around: Around) -> None:
    metric = make()
    names = [item.name for item in fields(metric) if item.name.endswith("samples")] if is_dataclass(metric) else []
    numbers = {name: getattr(metric, name) for name in names}
    fewer = {name: min(value or FEW, FEW) for name, value in numbers.items() if isinstance(value, (int, type(None)))}
    for few in (fewer, {name: number for name, number in fewer.items() if name == "samples"}):
        try:
            metric = replace(metric, **few)
        except ValueError:  # too few for it
            continue
        break
    testing.assert_metric_is_lawful(metric)


def _check_callback(make: Make, around: Around) -> None:
    callback = make()
    _refuse_unmet(callback, callback.unmet())
    if around.recipe is None:
        testing.assert_callback_is_lawful(callback)
        return
    try:
        plan = make_plan(around.recipe, registry=around.registry, try_step=False)
    except GenkitError:
        testing.assert_callback_is_lawful(callback)
        return
    testing.assert_callback_is_lawful(callback, plan)


CHECKS: dict[str, Callable[[Make, Around], None]] = {
    "models": _check_model,
    "priors": _check_prior,
    "losses": lambda make, around: check_loss(make(), around),
    "errors": lambda make, around: testing.assert_error_is_lawful(make()),
    "divergences": _check_divergence,
    "schedules": lambda make, around: testing.assert_schedule_is_lawful(make()),
    "datasets": _check_dataset,
    "metrics": _check_metric,
    "scores": lambda make, around: testing.assert_score_is_lawful(make()),
    "optimisers": lambda make, around: testing.assert_optimiser_is_lawful(make()),
    "extractors": _check_extractor,
    "callbacks": _check_callback,
}


def _refuse_unmet(part: object, unmet: Any) -> None:
    if not isinstance(unmet, (tuple, list)) or not all(isinstance(text, str) for text in unmet):
        raise PartMistake(f"{code_of(part)}: unmet returned {unmet!r}. Return a tuple of messages, () for nothing")
    if unmet:
        raise NotChecked(f"{ended(' '.join(unmet))} Supply what it needs, or other keys with --set, and check again")
