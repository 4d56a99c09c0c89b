"""Script that draws charts: Vega, Vega-Lite and vega-embed, from `vl-convert-python`.

Making the script takes seconds, so it is stored in the cache folder under the version of the package.
"""

from __future__ import annotations

import contextlib
import functools
from importlib.metadata import version

from genkit.errors import UsageError
from genkit.storage.atomic import write_file
from genkit.storage.cache import cache_folder

PACKAGE = "vl-convert-python"
SNIPPET = "window.vegaEmbed = vegaEmbed;"  # all that a page calls


@functools.cache
def vega_script() -> str:
    """Return the script, which defines ``vegaEmbed``. It is made once, and works if the cache cannot be written.

    Raises `importlib.metadata.PackageNotFoundError` if the package is not installed.
    """
    name = f"vega-{version(PACKAGE)}.js"
    try:
        path = cache_folder() / "pages" / name
        script = path.read_text(encoding="utf-8")
        if _is_script(script):
            return script
    except (OSError, UnicodeError, UsageError):
        pass
    script = _make()
    with contextlib.suppress(OSError, UsageError):
        path = cache_folder() / "pages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, script.encode())
    return script


def _make() -> str:
    import vl_convert

    script = vl_convert.javascript_bundle(SNIPPET)
    if not _is_script(script):
        raise ValueError(f"{PACKAGE}: its script cannot be put into a page")
    return script


def _is_script(text: str) -> bool:
    """Return whether a text is the whole script, and does not end the script element around it."""
    lowered = text.lower()
    return "vegaEmbed" in text and len(text) > 100_000 and "</script" not in lowered and "<!--" not in text
