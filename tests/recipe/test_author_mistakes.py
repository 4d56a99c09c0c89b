"""Mistakes of a plugin's author that the plan finds: each names its table, its owner, and its place in the code."""

import pytest
import torch
from support.author_mistakes import PLUGIN, DrawsInTorch, MistakenPlugin, TermCalledTotal
from support.messages import assert_names
from support.tiny_parts import TinyAutoencoder, registry_with
from support.tiny_recipes import tiny_recipe

from genkit.errors import RecipeError
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Use
from genkit.testing import assert_gradients_reach_updates, batch_of

LR = {"lr": 0.01}
OPTIMISER = ("optimiser", "encoder")
METRIC = ("metrics", "m")


def in_table(path: tuple[str, ...], use: Use) -> dict:
    good = {"encoder": Use("adam", **LR), "decoder": Use("adam", **LR)}
    return {
        "loss": lambda: {"loss": use},
        "model": lambda: {"model": use},
        "data": lambda: {"data": use},
        "optimiser": lambda: {"optimiser": good | {"encoder": use}},
        "metrics": lambda: {"metrics": {"m": use}},
    }[path[0]]()


MISTAKES = [
    (("loss",), Use("DrawsInTorch"), ("randn_like", "batch.randn", "line")),
    (("loss",), Use("DrawsOnTheCPU"), ("DrawsOnTheCPU", "line", "batch.randn", "device=")),
    (("loss",), Use("DrawsInNumPy"), ("NumPy", "batch.rand")),
    (("loss",), Use("DrawsInPython"), ("Python", "batch.rand")),
    (("loss",), Use("NoDataclass"), ("NoDataclass", "line", "@dataclass(frozen=True)")),
    (("loss",), Use("Unannotated"), ("Unannotated", "line", '"beta"', "beta: float")),
    (("loss",), Use("Undecorated"), ("Undecorated", "line", '"beta"', "@dataclass(frozen=True)")),
    (("loss",), Use("NoPhases"), ("NoPhases", "line", "no phases", "genkit.api.Loss")),
    (("loss",), Use("ReturnsNoPhases"), ("ReturnsNoPhases", "line", "tuple of Phase")),
    (("loss",), Use("UpdatesAString"), ("UpdatesAString", "line", 'phase "only"', "updates", "'encoder'")),
    (("loss",), Use("SamePhaseTwice"), ("SamePhaseTwice", "line", '"only"')),
    (("loss",), Use("TermCalledTotal"), ("TermCalledTotal.compute", "line", '"total"')),
    (("loss",), Use("Misspelt"), ("Misspelt", "line", "AttributeError", "extras")),
    (("loss",), Use("Exits"), ("Exits", "line", "SystemExit: 0")),
    (("loss",), Use("UsesValues"), ("UsesValues", "line", "RuntimeError")),
    (("loss",), Use("TakesTheLogarithmOfZero"), ("TakesTheLogarithmOfZero", "line", "math domain error")),
    (("loss", "weight"), Use("WithSchedule", weight="NotCallable"), ("NotCallable", "line", "__call__")),
    (("model",), Use("Dropout"), ("dropout", "line", "batch.randn")),
    (("model",), Use("EncoderOfTensors"), ("EncoderOfTensors", "line", "encoder(x)", "DiagNormal", "Posterior")),
    (("model",), Use("WrongLatent"), ("WrongLatent", "line", "encoder(x).mu", "(8, 3)", "(8, 2)")),
    (("model",), Use("WrongOutput"), ("WrongOutput", "line", "sample(z)", "(8, 3)", "(8, 2)")),
    (("model",), Use("CrashingEncoder"), ("CrashingEncoder", "line", "KeyError: 'weights'")),
    (("model",), Use("NoModel"), ("NoModel", "line", "Autoencoder")),
    (("data",), Use("NoHeldOut"), ("NoHeldOut", "line", "no held_out", "genkit.api.Dataset")),
    (("data",), Use("HeldOutIsNone"), ("HeldOutIsNone", "line", "held_out", "NoneType")),
    (("data",), Use("ShapeIsANumber"), ("ShapeIsANumber", "line", "shape is 2", "(D,)")),
    (("data",), Use("ShapeFails"), ("ShapeFails", "line", "AttributeError", "arrays")),
    (("data",), Use("UnmetIsAString"), ("UnmetIsAString", "line", "unmet", "'no data'", "tuple")),
    (OPTIMISER, Use("NoClipNorm", **LR), ("NoClipNorm", "line", "no clip_norm", "genkit.api.Optimiser")),
    (OPTIMISER, Use("NeedsAClosure", **LR), ("NeedsAClosure", "line", "LBFGS", "closure")),
    (OPTIMISER, Use("BuildsNothing", **LR), ("BuildsNothing", "line", "build", "NoneType")),
    (OPTIMISER, Use("ClipsAtZero", **LR), ("ClipsAtZero", "line", "clip_norm", "0.0")),
    (OPTIMISER, Use("DrawsInAnOptimiser", **LR), ("randn_like", "line")),
    (METRIC, Use("NoBetter"), ("NoBetter", "line", "no better", "genkit.api.Metric")),
    (METRIC, Use("SmallerIsBetter"), ("SmallerIsBetter", "line", "'smaller'", '"lower"')),
    (METRIC, Use("NoProtocol"), ("NoProtocol", "line", "int", "EvaluationProtocol")),
    (METRIC, Use("BestWeights"), ("BestWeights", "line", "'best'", '"raw"')),
]


def plan_with(**changes):
    return make_plan(tiny_recipe(**changes), registry=registry_with(MistakenPlugin()))


def message_of(path, use) -> tuple[tuple[str, ...], str, str]:
    with pytest.raises(RecipeError) as refused:
        plan_with(**{"loss": Use("Good"), **in_table(path, use)})
    (problem,) = refused.value.problems
    return problem.place.path, problem.text, problem.owner


@pytest.mark.parametrize(("path", "use", "names"), MISTAKES, ids=[use.name for _, use, _ in MISTAKES])
def test_a_mistake_of_an_author_is_refused_by_the_plan(path, use, names):
    place, text, owner = message_of(path, use)
    assert (place, owner) == (path, PLUGIN)
    assert_names(text, "author_mistakes" if "line" in names else "", *names)


def test_the_messages(golden):
    golden(
        "recipe/author_mistakes", "\n\n".join(f"# {use.name}\n{message_of(path, use)[1]}" for path, use, _ in MISTAKES)
    )


def test_the_parts_without_a_mistake_are_accepted():
    assert plan_with(loss=Use("Good"), metrics={"m": Use("Metric")}).phases


@pytest.mark.parametrize(
    ("kind", "names"), [(DrawsInTorch, ("randn_like", "batch.randn")), (TermCalledTotal, ("total",))]
)
def test_the_tests_of_a_plugin_find_its_mistakes(kind, names):
    model = TinyAutoencoder(data_shape=(2,))
    with pytest.raises(ValueError) as refused:
        assert_gradients_reach_updates(kind(), model, batch_of(torch.zeros(4, 2), 2), step=0)
    assert_names(refused.value, kind.__name__, "author_mistakes.py, line", *names)
