"""The protocols of several numbers in few lines: what they share is said once, and then only what differs.

Which weights a number is of is also said beside it, where the pictures are of other weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

Place = TypeVar("Place", bound=Hashable)
Settings = Mapping[str, str]  # `EvaluationProtocol.settings`
Text = tuple[str, ...]  # texts of settings
Names = tuple[str, ...]  # of places, or of metrics

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
    one: "100 samples" replaces "5000 samples". `namings` return the name of a place, which several places may share: of
    its row, of its column, and last its own. A setting is said of a row if all places of the row have it, and so on. A
    line begins with what the lines beside it do not say, since readers compare lines by their beginnings.
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
        number: {name: text for name, text in settings.items() if usual.get(name) != text and text not in shared[label]}
        for number, settings in protocols.items()
        for label in number[:1]
    }
    return lines + _lines_of_places(special, namings)


def _lines_of_places(
    special: Mapping[tuple[str, Place], Settings], namings: Sequence[Callable[[Place], str]]
) -> list[ProtocolLine]:
    """Return a line for what is special about some places; metrics and settings of the same places share it."""
    labels: dict[tuple[Names, str], list[str]] = {}  # by the places, and the text of a setting there
    for label in dict.fromkeys(label for label, _ in special):
        there = {place: settings for (other, place), settings in special.items() if other == label}
        for name in dict.fromkeys(name for settings in there.values() for name in settings):
            by_text: dict[str, list[Place]] = {}
            for place, settings in there.items():
                if name in settings:
                    by_text.setdefault(settings[name], []).append(place)
            for text, places in by_text.items():
                labels.setdefault((_names_of(places, list(there), namings), text), []).append(label)
    texts: dict[tuple[Names, Names], list[str]] = {}
    for (names, text), measured in labels.items():
        texts.setdefault((names, tuple(measured)), []).append(text)
    lines: list[tuple[str, Text]] = []
    for (names, of), together in texts.items():
        here = {label for label, place in special if any(naming(place) in names for naming in namings)}
        where = "; ".join(names)
        every = len(of) > 1 and len(of) == len(here)
        lines.append((where if every else f"{', '.join(of)} in {where}", tuple(together)))
    return _rarest_first(lines)


def _names_of(chosen: Sequence[Place], places: Sequence[Place], namings: Sequence[Callable[[Place], str]]) -> Names:
    """Return names for the chosen of some places: those of the first naming that names no other place, if it can.

    Else a name of each naming stands for as many of them as it can, and what is left has names of the last naming.
    """
    others = [place for place in places if place not in set(chosen)]
    taken = {naming(place) for place in others for naming in namings}
    for naming in namings[:-1]:
        names = tuple(dict.fromkeys(map(naming, chosen)))
        if taken.isdisjoint(names):
            return names
    found: dict[str, None] = {}
    left = list(chosen)
    for naming in namings[:-1]:
        found |= dict.fromkeys(name for place in left if (name := naming(place)) not in taken)
        left = [place for place in left if naming(place) in taken]
    return (*found, *dict.fromkeys(map(namings[-1], left)))


def _rarest_first(lines: Sequence[tuple[str, Text]]) -> list[ProtocolLine]:
    """Return the lines; each begins with the texts that the fewest of them have, which otherwise keep their order."""
    number = Counter(each for _, text in lines for each in text)
    return [ProtocolLine(of, ", ".join(sorted(text, key=number.__getitem__))) for of, text in lines]


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
