"""Every key of every data set has a sentence of documentation."""

import pytest

from genkit.parts import builtin
from genkit.recipe.binding.part_fields import parameters_of
from genkit.recipe.installed.registry import Owner, Registry

REGISTRY = Registry()
REGISTRY.register(builtin, Owner("genkit", "genkit-torch", "0.1.0"))
DATA_SETS = [pytest.param(part, id=part.entry.name) for part in REGISTRY.of_kind("datasets")]


def test_the_data_sets_of_genkit_are_registered():
    names = {part.entry.name for part in REGISTRY.of_kind("datasets")}
    assert {"8-gaussians", "digits", "mnist", "svhn", "image-folder", "hub-stream", "stand-in"} <= names


@pytest.mark.parametrize("part", DATA_SETS)
def test_every_key_is_documented_by_a_sentence(part):
    for key, parameter in parameters_of(part.load()).items():
        assert parameter.doc, f"{key} has no Doc"
        assert parameter.doc[0].isupper() and parameter.doc.endswith("."), f"{key}: {parameter.doc}"
