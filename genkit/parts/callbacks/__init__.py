"""Built-in callbacks that a recipe may name in ``[callbacks.LABEL]``.

A new callback is a file here, and one `Entry` below.
"""

from genkit.hooks import Entry

ENTRIES = (
    Entry(
        "early-stopping",
        "genkit.parts.callbacks.early_stopping:EarlyStopping",
        "Stop a run when a metric no longer improves",
        "https://doi.org/10.1007/3-540-49430-8_3",
    ),
)
