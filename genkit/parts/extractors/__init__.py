"""Feature extractors for metrics: networks, and the sample itself.

A new extractor is a file here, and one `Entry` below.
"""

from genkit.hooks import Entry

FID = "https://arxiv.org/abs/1706.08500"

ENTRIES = (
    Entry("pixels", "genkit.parts.extractors.pixels:Pixels", "The sample itself, flattened", ""),
    Entry(
        "digits", "genkit.parts.extractors.digits:DigitFeatures", "64 features of a packaged digit classifier", "genkit"
    ),
    Entry(
        "inception",
        "genkit.parts.extractors.inception:Inception",
        "2,048 features of the Inception network of FID",
        FID,
    ),
)
