"""Forms in ASCII of characters that the encoding of an output lacks, such as ``beta`` for ``β``.

Importing this module registers the error handler `ASCII_FORMS` of encodings.
"""

from __future__ import annotations

import codecs
import unicodedata

ASCII_FORMS = "genkit-ascii-forms"
FORMS = {
    **{"↑": "(higher is better)", "↓": "(lower is better)", "→": "->", "←": "<-", "†": "#"},
    **{"±": "+/-", "×": "x", "·": "*", "–": "-", "—": "-", "−": "-", "…": "...", "≈": "~", "≤": "<=", "≥": ">="},
    **{"≠": "!=", "²": "^2", "³": "^3", "½": "1/2", "¼": "1/4", "√": "sqrt", "∞": "inf", "‖": "||", "∈": " in "},
    **{"“": '"', "”": '"', "‘": "'", "’": "'"},
}
GREEK = "GREEK SMALL LETTER ", "GREEK CAPITAL LETTER "


def written_in(text: str, encoding: str) -> str:
    """Return a text in characters that the encoding has."""
    return text.encode(encoding, ASCII_FORMS).decode(encoding)


def ascii_form(character: str) -> str:
    """Return a character in ASCII: a form of its own, the name of a Greek letter, a letter without its accent, or ?."""
    if character in FORMS:
        return FORMS[character]
    name = unicodedata.name(character, "")
    if name.startswith(GREEK) and " WITH " not in name:
        letter = name.split()[-1].lower()
        return letter.capitalize() if character.isupper() else letter
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(ascii_form, error.object[error.start : error.end])), error.end


codecs.register_error(ASCII_FORMS, _replace)
