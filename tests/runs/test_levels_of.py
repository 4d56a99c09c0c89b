"""The levels of a trained model's pictures: user pictures are read with them."""

from dataclasses import dataclass

import pytest
from support.tiny_parts import registry_with

from genkit.api import PictureSet
from genkit.api.pictures import Levels
from genkit.errors import RecipeError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.text.document import Document
from genkit.runs.trained_models.trained import Trained, levels_of


@dataclass(frozen=True, kw_only=True)
class Scans(PictureSet):
    """Pictures of one scanner, whose levels are known."""

    @property
    def levels(self):
        return Levels(window=(-1000, 400))

    def source(self):
        raise AssertionError("the pictures are not listed")


class Plugin:
    genkit_hooks = 1

    @hookimpl
    def genkit_datasets(self):
        yield Entry("scans", f"{__name__}:Scans", "", "")


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr("genkit.runs.trained_models.build_parts.load_registry", lambda: registry_with(Plugin()))


def levels_in(**data):
    return levels_of(Trained(None, "raw", "", Document({"data": data}), ""))


def test_a_data_set_of_a_plugin_has_levels_that_its_recipe_does_not_name():
    assert levels_in(use="scans", resolution=4) == Levels(window=(-1000, 400))


def test_a_recipe_declares_levels_or_has_none():
    folder = {"use": "image-folder", "path": "nowhere", "resolution": 4}
    assert levels_in(**folder) is None
    assert levels_in(**folder, percentiles=(1, 99)) == Levels(percentiles=(1, 99))
    assert levels_in(use="digits") is None


def test_data_of_a_plugin_that_is_not_installed_are_needed_only_for_declared_levels():
    assert levels_in(use="gone", resolution=4) is None
    with pytest.raises(RecipeError) as refused:
        levels_in(use="gone", window=(0, 1))
    assert "[data] use" in str(refused.value)
