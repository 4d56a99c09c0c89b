"""One line of a notebook that changes while a cell runs.

The bar of rich needs ipywidgets in a notebook. This line needs what every notebook has.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def line_in_notebook() -> Iterator[Callable[[str, float], None]]:
    """Yield a function that shows a text beside a bar; it takes the text and the share that is done, in [0, 1]."""
    from IPython.display import HTML, display

    handle = display(HTML(""), display_id=True)

    def show(text: str, share: float) -> None:
        bar = f'<progress value="{share:.4f}" max="1"></progress>'
        handle.update(HTML(f"{bar} <code>{html.escape(text)}</code>"))

    yield show
