"""Built-in scores: how abnormal each sample is to a trained autoencoder.

A new score is a file here, and one `Entry` below.
"""

from genkit.hooks import Entry

IWAE = "https://arxiv.org/abs/1509.00519"

ENTRIES = (
    Entry("elbo", "genkit.parts.scores.elbo:ELBO", "Negative evidence lower bound", "closed form"),
    Entry("error", "genkit.parts.scores.elbo:Error", "Reconstruction error", "closed form"),
    Entry("kl", "genkit.parts.scores.elbo:KL", "KL divergence of the posterior, nats", "closed form"),
    Entry(
        "log-likelihood",
        "genkit.parts.scores.log_likelihood:LogLikelihood",
        "Negative importance-weighted log-likelihood, nats",
        IWAE,
    ),
    Entry(
        "features",
        "genkit.parts.scores.features:Features",
        "Difference to the reconstruction in features of the model's own encoder",
        "https://arxiv.org/abs/1801.03924",
    ),
    Entry(
        "mahalanobis",
        "genkit.parts.scores.mahalanobis:Mahalanobis",
        "Squared Mahalanobis distance of the code from those of training data",
        "https://arxiv.org/abs/1807.03888",
    ),
)
