"""A key that a narrow column may break after its full stops and underscores."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup


def breakable(key: str) -> Markup:
    """Return a key as HTML that may break after ``.`` and ``_``; copied text is the key."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(piece) for piece in re.split(r"(?<=[._])", key))
