"""Mark at the end of the recipes that genkit writes: a file that was cut short lacks it.

TOML that is cut between two keys is valid TOML, so its syntax does not tell a whole file from the first part of one.
The first line announces the mark, because files of earlier versions and of users have none. The mark survives changes
of keys, which a digest would not.
"""

from __future__ import annotations

MARK = "# End of the recipe."
ANNOUNCEMENT = f'# A whole file has the line "{MARK}".'


class CutShort(ValueError):
    """TOML that announces a mark and does not have it."""


def with_mark(text: str) -> str:
    """Return a TOML text with the mark, and with the line that announces it."""
    return f"{ANNOUNCEMENT}\n{text.rstrip()}\n{MARK}\n"


def check_whole(text: str) -> None:
    """Raise `CutShort` if a TOML text announces a mark and does not have it."""
    if not text.startswith(ANNOUNCEMENT):
        return
    if MARK not in (line.rstrip() for line in text.split("\n")):
        raise CutShort(f'cut short: it has no line "{MARK}"')
