"""Built-in divergences between batches of diagonal Gaussians.

A new divergence is a file here, and one `Entry` below.
"""

from genkit.hooks import Entry

ENTRIES = (
    Entry("kl", "genkit.parts.divergences.kl:KL", "Kullback-Leibler divergence, per sample", "closed form"),
    Entry("zero", "genkit.parts.divergences.zero:Zero", "Always zero, to remove a divergence", "ablation"),
)
