"""Built-in optimisers, for the tables [optimiser.CHILD] of a recipe.

A new optimiser is a file here, and one `Entry` below.
"""

from genkit.hooks import Entry

ENTRIES = (
    Entry("adam", "genkit.parts.optimisers.adam:Adam", "Adam", "https://arxiv.org/abs/1412.6980"),
    Entry(
        "adamw",
        "genkit.parts.optimisers.adam:AdamW",
        "Adam with decoupled weight decay",
        "https://arxiv.org/abs/1711.05101",
    ),
)
