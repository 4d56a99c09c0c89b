"""The protocols of several numbers in few lines: what they share is said once, and then only what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

Place = TypeVar("Place", bound=Hashable)
Settings = Mapping[str, str]  # `EvaluationProtocol.settings`
Text = tuple[str, ...]  # texts of settings
Describe = Callable[[Mapping[Text, Sequence[Place]]], Mapping[Text, str]]

ALL, UNLESS_NOTED = "all", "unless noted"


class ProtocolLine(NamedTuple):
    """Some settings, and the numbers that have them."""

    of: str  # names of metrics, places, or both: "modes in MNIST; CIFAR-10"
    settings: str


def protocol_lines(protocols: Mapping[tuple[str, Place], Settings], describe: Describe[Place]) -> list[ProtocolLine]:
    """Return the settings of all numbers, each number known by its metric and its place, such as a cell or a run.

    A number has the settings of each line that names its metric, its place, or all. A later line overrules an earlier
    one: "100 samples" replaces "5000 samples". `describe` gets the places of a metric by what is special about them,
    and returns a name for each group of places.
    """
    labels = list(dict.fromkeys(label for label, _ in protocols))
    usual = _usual(list(protocols.values()))
    unusual = {
        number: tuple(text for name, text in settings.items() if usual.get(name) != text)
        for number, settings in protocols.items()
    }
    lines = []
    if usual:
        noted = any(settings[name] != text for settings in protocols.values() for name, text in usual.items())
        of = labels[0] if len(labels) == 1 else UNLESS_NOTED if noted else ALL
        lines.append(ProtocolLine(of, ", ".join(usual.values())))
    shared = {label: _shared([text for (other, _), text in unusual.items() if other == label]) for label in labels}
    by_text: dict[Text, list[str]] = {}
    for label, text in shared.items():
        by_text.setdefault(text, []).append(label)
    lines += [ProtocolLine(", ".join(of), ", ".join(text)) for text, of in by_text.items() if text]
    special = {
        (label, place): tuple(each for each in text if each not in shared[label])
        for (label, place), text in unusual.items()
    }
    return lines + _lines_of_places(special, describe)


def _lines_of_places(special: Mapping[tuple[str, Place], Text], describe: Describe[Place]) -> list[ProtocolLine]:
    """Return a line for what is special about some places; metrics with the same places and settings share it."""
    labels: dict[tuple[str, Text], list[str]] = {}
    places: dict[tuple[str, Text], Sequence[Place]] = {}
    for label in dict.fromkeys(label for label, _ in special):
        by_text: dict[Text, list[Place]] = {}
        for (other, place), text in special.items():
            if other == label:
                by_text.setdefault(text, []).append(place)
        names = describe(by_text)
        for text, of_text in by_text.items():
            if text:
                labels.setdefault((names[text], text), []).append(label)
                places[names[text], text] = of_text
    lines = []
    for (name, text), of in labels.items():
        there = dict.fromkeys(label for label, place in special if place in places[name, text])
        every = len(of) > 1 and len(of) == len(there)
        lines.append(ProtocolLine(name if every else f"{', '.join(of)} in {name}", ", ".join(text)))
    return lines


def _usual(protocols: Sequence[Settings]) -> dict[str, str]:
    """Return the settings that all protocols have, those of them with a value that more than half of these have."""
    usual = {}
    for name in protocols[0] if protocols else ():
        texts = Counter(settings[name] for settings in protocols if name in settings)
        text, count = texts.most_common(1)[0]
        if texts.total() == len(protocols) and count > len(protocols) / 2:
            usual[name] = text
    return usual


def _shared(texts: Sequence[Text]) -> Text:
    return tuple(each for each in texts[0] if all(each in other for other in texts))
