"""Built-in reconstruction errors, for the key `error` of the table [model] of a recipe.

A new error is a file here, and one `Entry` below. The default, `squared`, is
`genkit.core.squared_error`, since a model has it without a recipe too.
"""

from genkit.hooks import Entry

ENTRIES = (
    Entry("squared", "genkit.core.squared_error:SquaredError", "Squared error; the default", "closed form"),
    Entry("l1", "genkit.parts.errors.l1:L1", "Absolute error", "closed form"),
    Entry(
        "bce",
        "genkit.parts.errors.bce:BCE",
        "Binary cross-entropy of images; the decoder returns logits",
        "closed form",
    ),
    Entry(
        "ssim",
        "genkit.parts.errors.ssim:SSIM",
        "Structural dissimilarity of images",
        "https://doi.org/10.1109/TIP.2003.819861",
    ),
    Entry(
        "features",
        "genkit.parts.errors.features:Features",
        "Difference of features of the model's own encoder",
        "https://arxiv.org/abs/1801.03924",
    ),
    Entry("weighted", "genkit.parts.errors.weighted:Weighted", "Weighted sum of errors", ""),
)
