"""JSON inside a script element of HTML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

# "</script>" and "<!--" would end or change the element; U+2028 and U+2029 end a line of older JavaScript.
ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def script_json(value: Any) -> Markup:
    """Return a value as JSON that is safe in a script element. Raises `ValueError` for a number that is not finite."""
    from markupsafe import Markup

    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(ESCAPED))
