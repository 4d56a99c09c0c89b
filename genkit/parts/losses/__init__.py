"""Built-in training objectives, for the table [loss] of a recipe.

A new loss is a file here, and one `Entry` below.
"""

from genkit.hooks import Entry

ENTRIES = (Entry("vae", "genkit.bases.losses.vae:VAE", "Variational autoencoder", "https://arxiv.org/abs/1312.6114"),)
