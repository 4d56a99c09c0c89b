"""The protocols of several numbers in few lines: what they share is said once, and then only what differs.

Which weights a number is of is also said beside it, where the pictures are of other weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

Place = TypeVar("Place", bound=Hashable)
Settings = Mapping[str, str]  # `EvaluationProtocol.settings`
Text = tuple[str, ...]  # texts of settings

ALL, UNLESS_NOTED = "all", "unless noted"


def shown_weights(recipe: Mapping[str, Any]) -> str:
    """Return the weights that pictures, scores, maps and exported models are of: "ema" if the recipe has ``[ema]``."""
    return "ema" if "ema" in recipe else "raw"


def weights_note(weights: str, shown: str) -> str:
    """Return what stands beside a number of these weights, "raw" or "ema"; empty if they are those that are shown."""
    return "" if weights == shown else f"{weights} weights"


class ProtocolLine(NamedTuple):
    """Some settings, and the numbers that have them."""

    of: str  # names of metrics, places, or both: "modes in MNIST; CIFAR-10"
    settings: str


def protocol_lines(
    protocols: Mapping[tuple[str, Place], Settings], *namings: Callable[[Place], str]
) -> list[ProtocolLine]:
    """Return the settings of all numbers, each number known by its metric and its place, such as a cell or a run.

    A number has the settings of each line that names its metric, its place, or all. A later line overrules an earlier
    one: "100 samples" replaces "5000 samples". `namings` return the name of a place, which several places may share.
    A metric is described with the first of them that gives no name to two places with different settings, else with the
    last. A line begins with what the lines beside it do not say, since readers compare lines by their beginnings.
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
    lines += _rarest_first([(", ".join(of), text) for text, of in by_text.items() if text])
    special = {
        (label, place): tuple(each for each in text if each not in shared[label])
        for (label, place), text in unusual.items()
    }
    return lines + _lines_of_places(special, namings)


def _lines_of_places(
    special: Mapping[tuple[str, Place], Text], namings: Sequence[Callable[[Place], str]]
) -> list[ProtocolLine]:
    """Return a line for what is special about some places; metrics with the same places and settings share it."""
    labels: dict[tuple[Callable[[Place], str], Text, Text], list[str]] = {}
    for label in dict.fromkeys(label for label, _ in special):
        by_text: dict[Text, list[Place]] = {}
        for (other, place), text in special.items():
            if other == label:
                by_text.setdefault(text, []).append(place)
        naming = next((each for each in namings if _tells_apart(each, by_text.values())), namings[-1])
        for text, places in by_text.items():
            if text:
                names = tuple(dict.fromkeys(map(naming, places)))
                labels.setdefault((naming, names, text), []).append(label)
    lines: list[tuple[str, Text]] = []
    for (naming, names, text), of in labels.items():
        there = {label for label, place in special if naming(place) in names}
        where = "; ".join(names)
        every = len(of) > 1 and len(of) == len(there)
        lines.append((where if every else f"{', '.join(of)} in {where}", text))
    return _rarest_first(lines)


def _rarest_first(lines: Sequence[tuple[str, Text]]) -> list[ProtocolLine]:
    """Return the lines; each begins with the texts that the fewest of them have, which otherwise keep their order."""
    number = Counter(each for _, text in lines for each in text)
    return [ProtocolLine(of, ", ".join(sorted(text, key=number.__getitem__))) for of, text in lines]


def _tells_apart(naming: Callable[[Place], str], groups: Iterable[Sequence[Place]]) -> bool:
    """Return whether no name is that of places in two groups."""
    names = [set(map(naming, places)) for places in groups]
    return sum(map(len, names)) == len(set().union(*names))


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
