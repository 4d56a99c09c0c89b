"""Every key of a part explains itself: `genkit plugins show` and the documentation print its `Doc`."""

import pytest

from genkit.recipe.binding.part_fields import SUPPLIED, parameters_of
from genkit.recipe.installed.registry import Part, load_registry

KINDS = (
    "models",
    "priors",
    "losses",
    "divergences",
    "schedules",
    "optimisers",
    "callbacks",
    "errors",
    "scores",
    "metrics",
)
PARTS = [part for kind in KINDS for part in load_registry().of_kind(kind)]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.entry.name)
def test_every_key_has_a_sentence(part: Part):
    docs = {
        key: parameter.doc
        for key, parameter in parameters_of(part.load()).items()
        if key not in SUPPLIED.get(part.kind, ())
    }
    assert [key for key, doc in docs.items() if not (doc[:1].isupper() and doc.endswith("."))] == []
