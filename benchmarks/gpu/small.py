"""Small cases: every method, on points of the plane and on pictures, with everything that a step can have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from benchmarks.gpu.settings import Settings
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import EMA, Recipe, Train, Use

METHODS = ("vae", "introvae", "soft-introvae", "as-introvae", "wgan-gp")
KINDS = ("plane", "pictures")
STEPS = 20  # length of the runs, which schedules depend on; the first ones are taken


@dataclass(frozen=True)
class Small:
    """A method on a kind of data."""

    method: str
    kind: str
    tiny: bool

    @property
    def name(self) -> str:
        """The name in a table."""
        return f"{self.method}, {self.kind}"

    def plan(self, precision: str) -> Plan:
        """Return the plan. Its dry run is the same in every precision, and is made once."""
        return with_train(_plan(self), precision=precision)


def with_train(plan: Plan, **changes: Any) -> Plan:
    """Return a plan with other keys of [train] that change neither shapes nor costs, without another dry run."""
    return replace(plan, recipe=replace(plan.recipe, train=replace(plan.recipe.train, **changes)))


def small_cases(settings: Settings, *, few: bool = False) -> Iterator[Small]:
    """Yield the cases whose loss is installed; with `few`, each method on one kind of data, in turn."""
    installed = {part.entry.name for part in load_registry().of_kind("losses")}
    for number, method in enumerate(METHODS):
        if method in installed:
            kinds = (KINDS[number % len(KINDS)],) if few else KINDS
            yield from (Small(method, kind, settings.tiny) for kind in kinds)


@cache
def _plan(case: Small) -> Plan:
    children = ("generator", "critic") if case.method == "wgan-gp" else ("encoder", "decoder")
    return make_plan(
        Recipe(
            title=case.name,
            data=Use("8-gaussians") if case.kind == "plane" else Use("stand-in", shape=(3, 16, 16)),
            model=Use(_network(case), **_size(case)),
            loss=Use(case.method, **({"n_critic": 2} if case.method == "wgan-gp" else {})),
            optimiser={children[0]: Use("adam", lr=1e-3), children[1]: Use("adamw", lr=1e-3, clip_norm=1.0)},
            train=Train(steps=STEPS, batch_size=8 if case.tiny else 64),
            ema=EMA(0.9),
        )
    )


def _network(case: Small) -> str:
    if case.method == "wgan-gp":
        return "mlp-gan" if case.kind == "plane" else "dcgan"
    return "mlp" if case.kind == "plane" else "introvae-conv"


def _size(case: Small) -> dict[str, Any]:
    if case.kind == "plane":
        return {"width": 16 if case.tiny else 64}
    return {"latent_dim": 4, "channels": (4, 8) if case.tiny else (32, 64), "norm": "batch"}
