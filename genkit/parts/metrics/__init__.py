"""Metrics that a recipe chooses in [metrics.LABEL].

A new metric is a file here, and one `Entry` below.
"""

from genkit.hooks import Entry

SOFT_INTRO_VAE = "https://arxiv.org/abs/2012.13253"
IWAE = "https://arxiv.org/abs/1509.00519"
FID = "https://arxiv.org/abs/1706.08500"
PRECISION_RECALL = "https://arxiv.org/abs/1904.06991"
DENSITY_COVERAGE = "https://arxiv.org/abs/2002.09797"

ENTRIES = (
    Entry("modes", "genkit.parts.metrics.modes:Modes", "Number of modes of a mixture that are covered", ""),
    Entry("high-quality", "genkit.parts.metrics.modes:HighQuality", "Share of samples close to a mode", ""),
    Entry("histogram-kl", "genkit.parts.metrics.histogram:HistogramKL", "KL(data || model) of histograms, nats", ""),
    Entry(
        "histogram-jsd",
        "genkit.parts.metrics.histogram:HistogramJSD",
        "Jensen-Shannon divergence of histograms, nats",
        "",
    ),
    Entry("reference-kl", "genkit.parts.metrics.published_2d:ReferenceKL", 'The published 2-D "KL"', SOFT_INTRO_VAE),
    Entry("reference-jsd", "genkit.parts.metrics.published_2d:ReferenceJSD", 'The published 2-D "JSD"', SOFT_INTRO_VAE),
    Entry(
        "gnelbo",
        "genkit.parts.metrics.gnelbo:GridNormalisedELBO",
        "The published grid-normalised ELBO of 2-D points",
        SOFT_INTRO_VAE,
    ),
    Entry(
        "reconstruction-error",
        "genkit.parts.metrics.reconstruction:ReconstructionErrorMetric",
        "Mean squared error of reconstructions, or another error",
        "",
    ),
    Entry("psnr", "genkit.parts.metrics.psnr:PSNR", "Peak signal-to-noise ratio of reconstructions, dB", ""),
    Entry(
        "ssim",
        "genkit.parts.metrics.ssim:SSIM",
        "Structural similarity of reconstructions",
        "https://doi.org/10.1109/TIP.2003.819861",
    ),
    Entry("active-units", "genkit.parts.metrics.posterior:ActiveUnits", "Number of latent dimensions in use", IWAE),
    Entry(
        "posterior-kl",
        "genkit.parts.metrics.posterior:PosteriorKL",
        "Mean KL(q(z|x) || p), p the prior of the model, nats",
        "closed form",
    ),
    Entry(
        "linear-probe",
        "genkit.parts.metrics.linear_probe:LinearProbe",
        "Accuracy of a logistic regression on codes",
        "convex optimisation",
    ),
    Entry(
        "knn-probe", "genkit.parts.metrics.knn_probe:KNNProbe", "Accuracy of the nearest training codes", "closed form"
    ),
    Entry("frechet-distance", "genkit.parts.metrics.frechet:FrechetDistance", "Fréchet distance of features", FID),
    Entry("fid", "genkit.parts.metrics.frechet:FID", "Fréchet Inception distance, with the published network", FID),
    Entry(
        "kernel-distance",
        "genkit.parts.metrics.kernel:KernelDistance",
        "Squared MMD of features, polynomial kernel",
        "https://arxiv.org/abs/1801.01401",
    ),
    Entry(
        "precision",
        "genkit.parts.metrics.precision_recall:PrecisionMetric",
        "Share of samples close to data (fidelity)",
        PRECISION_RECALL,
    ),
    Entry(
        "recall",
        "genkit.parts.metrics.precision_recall:RecallMetric",
        "Share of data close to samples (diversity)",
        PRECISION_RECALL,
    ),
    Entry(
        "density",
        "genkit.parts.metrics.density_coverage:DensityMetric",
        "Mean number of balls around data that contain a sample, over k (fidelity)",
        DENSITY_COVERAGE,
    ),
    Entry(
        "coverage",
        "genkit.parts.metrics.density_coverage:CoverageMetric",
        "Share of data whose ball contains a sample (diversity)",
        DENSITY_COVERAGE,
    ),
    Entry(
        "sliced-wasserstein",
        "genkit.parts.metrics.sliced_wasserstein:SlicedWasserstein",
        "Wasserstein-2 distance of projections onto random lines",
        "https://doi.org/10.1007/s10851-014-0506-3",
    ),
    Entry(
        "auroc",
        "genkit.parts.metrics.detection:AUROC",
        "Area under the ROC curve of a score, against a second data set",
        "https://doi.org/10.1148/radiology.143.1.7063747",
    ),
    Entry(
        "auprc",
        "genkit.parts.metrics.detection:AUPRC",
        "Average precision of a score, against a second data set",
        "",
    ),
    Entry(
        "fpr-at-tpr",
        "genkit.parts.metrics.detection:FPRAtTPR",
        "False positive rate of a score at a true positive rate, against a second data set",
        "",
    ),
    Entry(
        "pixel-auroc",
        "genkit.parts.metrics.localisation:PixelAUROC",
        "Area under the ROC curve of the pixels of maps, against masks",
        "",
    ),
    Entry(
        "pixel-auprc",
        "genkit.parts.metrics.localisation:PixelAUPRC",
        "Average precision of the pixels of maps, against masks",
        "",
    ),
    Entry("dice", "genkit.parts.metrics.localisation:Dice", "Dice coefficient of maps and masks", ""),
    Entry(
        "log-likelihood",
        "genkit.parts.metrics.log_likelihood:LogLikelihoodMetric",
        "Mean importance-weighted log-likelihood of data, nats",
        IWAE,
    ),
    Entry(
        "class-imbalance",
        "genkit.parts.metrics.class_imbalance:ClassImbalance",
        "Total variation distance of the class frequencies of digits",
        "",
    ),
    Entry(
        "label-accuracy",
        "genkit.parts.metrics.label_accuracy:LabelAccuracy",
        "Share of generated digits that are of the class they were drawn for",
        "",
    ),
)
