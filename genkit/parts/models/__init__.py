"""Built-in networks, for the table [model] of a recipe.

A new network is a file here, and one `Entry` below.
"""

from genkit.hooks import Entry

SOFT_INTRO_VAE = "https://arxiv.org/abs/2012.13253"

ENTRIES = (
    Entry(
        "mlp",
        "genkit.parts.models.mlp:MLP",
        "Fully connected autoencoder, as published in two dimensions",
        SOFT_INTRO_VAE,
    ),
    Entry(
        "small-conv", "genkit.parts.models.small_conv:SmallConv", "Convolutional autoencoder for small images", "genkit"
    ),
    Entry(
        "introvae-conv",
        "genkit.parts.models.introvae_conv:IntroVAEConv",
        "Residual autoencoder, as published for images",
        SOFT_INTRO_VAE,
    ),
    Entry(
        "modern-conv",
        "genkit.parts.models.modern_conv:ModernConv",
        "Residual autoencoder with current layers",
        "genkit",
    ),
    Entry(
        "conditional",
        "genkit.parts.models.conditional:ConditionalAutoencoder",
        "Any autoencoder, given the class of each sample",
        "https://arxiv.org/abs/2012.13253",
    ),
)
