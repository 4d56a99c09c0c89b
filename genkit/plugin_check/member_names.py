"""Methods whose names are wrong: genkit asks a part for optional members by name, so a wrong name is never called."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from genkit.core.dataset import (
    FingerprintedSource,
    GroupedDataset,
    LabelledDataset,
    MaskedDataset,
    NamedDataset,
    TwoStepDataset,
)
from genkit.core.known_data import BoxedDataset, DigitsDataset, MultimodalDataset, PlaceholderDataset
from genkit.core.loss import LossWithActions, LossWithRemark, LossWithTargets, LossWithTermTexts
from genkit.core.model import GAN, Autoencoder, Model
from genkit.core.prior import Prior
from genkit.core.types import DependentDefaults
from genkit.near_miss import closest
from genkit.recipe.binding.part_interface import INTERFACES

OPTIONAL: Mapping[str, tuple[type, ...]] = {
    "losses": (LossWithActions, LossWithRemark, LossWithTargets, LossWithTermTexts),
    "datasets": (
        *(FingerprintedSource, GroupedDataset, LabelledDataset, MaskedDataset, NamedDataset, TwoStepDataset),
        *(BoxedDataset, DigitsDataset, MultimodalDataset, PlaceholderDataset),
    ),
    "models": (Model, Autoencoder, GAN),
    "priors": (Prior,),
}


def misspelt_members(kind: str, target: type) -> Iterator[tuple[str, list[str]]]:
    """Yield each method of a class that nothing in its package calls, with the members that its name is close to.

    Members that the class defines itself are not meant.
    """
    own = {name for name, value in vars(target).items() if _is_method(value) and not name.startswith("_")}
    interfaces = (*OPTIONAL.get(kind, ()), *([INTERFACES[kind]] if kind in INTERFACES else []), DependentDefaults)
    known = {name for each in interfaces for name in _names(each)}
    similar = {name: meant for name in sorted(own - known) if (meant := closest(name, known - own))}
    source = _source_around(target) if similar else ""
    for name, meant in similar.items():
        if source and not re.search(rf"\.{name}\b", source):
            yield name, meant


def _names(interface: type) -> set[str]:
    return {name for name in (*vars(interface), *inspect.get_annotations(interface)) if not name.startswith("_")}


def _is_method(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, (property, classmethod, staticmethod))


def _source_around(target: type) -> str:
    """Return the source of all modules beside that of a class, which may call its methods; empty if it has no file."""
    try:
        file = Path(inspect.getfile(target))
    except (TypeError, OSError):
        return ""
    files = file.parent.rglob("*.py") if (file.parent / "__init__.py").is_file() else (file,)
    return "\n".join(each.read_text(encoding="utf-8", errors="replace") for each in files)
