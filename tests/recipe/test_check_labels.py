"""Labels of the data and classes of a conditional model, compared before a run."""

import pytest

from genkit.core.known_data import known_labels
from genkit.errors import RecipeError
from genkit.parts.datasets.cifar10 import CIFAR10
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.mnist import MNIST
from genkit.parts.datasets.rings import Rings
from genkit.parts.datasets.stand_in import StandIn
from genkit.recipe.plan import make_plan
from genkit.recipe.text.shipped import recipes_folder

pytestmark = pytest.mark.fast


def plan_of(recipe: str, *changes: str):
    return make_plan(recipes_folder() / f"{recipe}.toml", overrides=changes, try_step=False)


@pytest.mark.parametrize(
    ("recipe", "key"), [("vae_conditional_digits", "model.classes"), ("vae_per_class_digits", "model.prior.classes")]
)
def test_a_model_of_too_few_classes_is_refused_before_a_run(recipe, key):
    with pytest.raises(RecipeError) as refused:
        plan_of(recipe, f"{key}=5")
    (problem,) = refused.value.problems
    assert ".".join(problem.place.path) == key and problem.place.file == "--set"
    for changes in ((f"{key}=10",), (f"{key}=5", "data.classes=[0,4]")):
        assert plan_of(recipe, *changes)


def test_labels_are_known_without_reading(tmp_path):
    assert [*known_labels(MNIST(path=tmp_path))] == [*known_labels(Digits())] == [*range(10)]
    assert [*known_labels(Digits(classes=(7, 2)))] == [*known_labels(MNIST(path=tmp_path, classes=(7, 2)))] == [2, 7]
    for unknown in (CIFAR10(path=tmp_path), Rings(), StandIn(shape=(1, 28, 28), classes=3)):
        assert not known_labels(unknown)
