"""The classes that ``--label`` asks for: numbers or names, separated by commas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genkit.errors import UsageError
from genkit.near_miss import near_miss

if TYPE_CHECKING:
    from genkit.core.condition import ClassFacts
    from genkit.core.model import Model

MOST_ROWS = 16  # classes that are shown if none is asked for
MOST_NAMES = 20  # of the known classes in a message


def parse_labels(text: str, model: Model, run: object) -> list[int]:
    """Return the labels in the order of the text. Raises `UsageError` for a class that the model does not have."""
    facts = model.class_facts
    if model.condition_classes is None or facts is None:
        raise UsageError(
            f"--label {text}: the model of {run} is not conditional, so its samples have no classes. Leave out "
            '--label, or train a model with [model.prior] use = "per-class".'
        )
    labels = [label_of(name.strip(), facts, f"--label {text}") for name in text.split(",")]
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise UsageError(f"--label {text}: names the class {facts.names[twice[0]]} twice. Name each class once.")
    return labels


def first_classes(model: Model) -> list[int] | None:
    """Return the labels that are shown if none is asked for; None for a model that is not conditional."""
    number = model.condition_classes
    return None if number is None else list(range(min(number, MOST_ROWS)))


def names_of(labels: Sequence[int], model: Model) -> tuple[str, ...]:
    """Return the names of classes of a conditional model."""
    assert model.class_facts is not None  # of a loaded model
    return tuple(model.class_facts.names[label] for label in labels)


def label_of(name: str, facts: ClassFacts, asked: str) -> int:
    """Return the label of a class that is given by its name, or by its number unless names are numbers.

    Raises `UsageError`, which begins with what has `asked`, for a class that there is not.
    """
    if name in facts.names:
        return facts.names.index(name)
    numbered = not any(each.isdigit() for each in facts.names)
    if numbered and name.isdecimal() and name.isascii() and int(name) < len(facts.names):
        return int(name)
    raise UsageError(f'{asked}: no class "{name}".{_known(name, facts.names)}')


def _known(name: str, names: Sequence[str]) -> str:
    if len(names) > MOST_NAMES:
        return f" The model has {len(names)} classes, 0 to {len(names) - 1}."
    return f" Known: {', '.join(names)}." if name.isdecimal() else near_miss(name, names)
