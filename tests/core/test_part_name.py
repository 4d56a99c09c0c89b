"""Names of parts with their settings, as the protocol of a number shows them."""

from dataclasses import dataclass
from pathlib import Path

from genkit.core.part_name import part_name


@dataclass(frozen=True)
class KeptDigits:
    classes: tuple[int, ...] = ()
    path: Path = Path("a/digits")
    scale: float = 0.5
    inner: object = None


def test_a_name_has_the_settings_and_is_read_as_a_recipe():
    assert part_name(KeptDigits()) == "kept-digits (classes [], path digits, scale 0.5)"
    assert part_name(KeptDigits((8,), inner=KeptDigits()), brief=True) == (
        "kept-digits (classes [8], inner kept-digits (classes [], path digits, scale 0.5))"
    )
