"""Documentation of the keys of all registered metrics and extractors."""

import re

import pytest
from support.tiny_parts import registry_with

from genkit.parts.metrics.sliced_wasserstein import Projections
from genkit.recipe.binding.part_fields import parameters_of

PARTS = {
    f"{kind} {part.entry.name}": part.load()
    for kind in ("metrics", "extractors")
    for part in registry_with().of_kind(kind)
} | {"projections of sliced-wasserstein": Projections}


@pytest.mark.parametrize("name", PARTS)
def test_every_key_has_a_sentence_that_documents_it(name):
    documented = {key: parameter.doc for key, parameter in parameters_of(PARTS[name]).items()}
    assert all(re.fullmatch(r"[A-Z0-9].+\.", doc) for doc in documented.values()), documented


def test_all_metrics_and_extractors_are_checked():
    assert {"metrics fid", "metrics modes", "extractors inception", "extractors pixels"} <= PARTS.keys()
