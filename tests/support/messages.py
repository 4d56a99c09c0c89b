"""Assertions about messages. Tests assert what a message names; only golden files contain whole sentences."""

from __future__ import annotations

import re
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"


def assert_names(message: object, *names: object) -> None:
    """Assert that a message contains all `names`: a place, a key, a value, a command, a suggestion."""
    missing = [str(name) for name in names if str(name) not in str(message)]
    assert not missing, f"{missing} not named in: {message}"


class Golden:
    """Comparison of text with the file `tests/golden/NAME.txt`, which ``--regenerate-golden`` writes first."""

    def __init__(self, regenerate: bool, replacements: dict[str, str]):
        self._regenerate, self._replacements = regenerate, replacements

    def __call__(self, name: str, text: str) -> None:
        """Compare text with a golden file, after replacing everything that depends on the machine."""
        for found, replacement in self._replacements.items():
            text = text.replace(found, replacement)
        text = re.sub(r"\b\d+(\.\d+)? [kMGT]?B free", "N GB free", text)
        text = re.sub(r"(\.py, line )\d+", r"\1N", text)
        path = GOLDEN / f"{name}.txt"
        if self._regenerate:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        expected = path.read_text(encoding="utf-8") if path.is_file() else ""
        assert text == expected, f"{path} differs; if the new text is right: pytest --regenerate-golden"
