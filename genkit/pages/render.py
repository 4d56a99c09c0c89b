"""HTML of a page, from a template: style, script and charts are inside, and nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.pages.script_json import script_json
from genkit.pages.vega import vega_script
from genkit.pages.visible_text import breakable, visible, with_code

if TYPE_CHECKING:
    from jinja2 import Environment

ASSETS = Path(__file__).with_name("assets")
STYLES = ("theme.css", "style.css", "tables.css", "phone.css", "print.css")  # in this order: later ones overrule
PAGE_BYTES = 3_000_000  # of a page, at most, if its pictures keep their budget


def render_page(template: str, title: str, values: Mapping[str, Any], *, charts: bool = True) -> bytes:
    """Return the page that `template`, the name of a file in `assets/`, makes of `values`; UTF-8.

    A page without `charts` is smaller by the script that draws them, 0.9 MB. Raises what `vega_script` raises, and
    `jinja2.UndefinedError` if the template asks for a value that is not there.
    """
    from markupsafe import Markup

    page_script, chart_script = _asset("page.js"), _asset("charts.js")
    scripts = [page_script, *([vega_script(), chart_script] if charts else [])]
    text = (
        _environment()
        .get_template(template)
        .render(
            page_title=title,
            policy=_policy(scripts),
            style=Markup("".join(map(_asset, STYLES))),
            scripts=[Markup(script) for script in scripts],
            **values,
        )
    )
    return text.encode("utf-8", "backslashreplace")  # a name of a file may hold half of a surrogate pair


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _policy(scripts: list[str]) -> str:
    """Return a Content-Security-Policy that allows these scripts, inline styles and pictures, and no network."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    sources = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    environment.filters["script_json"] = script_json
    environment.filters["breakable"] = breakable
    environment.filters["with_code"] = with_code
    return environment
