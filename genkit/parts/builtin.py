"""Built-in parts of genkit, supplied through the same hooks as the parts of plugins.

A new part is a file under `genkit/parts/KIND/`, and one `Entry` here.
"""

from __future__ import annotations

from collections.abc import Iterator

from genkit.hooks import Entry, hookimpl

genkit_hooks = 1

SOFT_INTRO_VAE = "https://arxiv.org/abs/2012.13253"
AS_INTRO_VAE = "https://arxiv.org/abs/2206.13903"
IWAE = "https://arxiv.org/abs/1509.00519"
FID = "https://arxiv.org/abs/1706.08500"
PRECISION_RECALL = "https://arxiv.org/abs/1904.06991"
DENSITY_COVERAGE = "https://arxiv.org/abs/2002.09797"


@hookimpl
def genkit_models() -> Iterator[Entry]:
    """Supply networks for points and for images."""
    yield Entry(
        "mlp",
        "genkit.parts.models.mlp:MLP",
        "Fully connected autoencoder, as published in two dimensions",
        SOFT_INTRO_VAE,
    )
    yield Entry(
        "small-conv", "genkit.parts.models.small_conv:SmallConv", "Convolutional autoencoder for small images", "genkit"
    )
    yield Entry(
        "introvae-conv",
        "genkit.parts.models.introvae_conv:IntroVAEConv",
        "Residual autoencoder, as published for images",
        SOFT_INTRO_VAE,
    )
    yield Entry(
        "modern-conv",
        "genkit.parts.models.modern_conv:ModernConv",
        "Residual autoencoder with current layers",
        "genkit",
    )
    yield Entry(
        "conditional",
        "genkit.parts.models.conditional:ConditionalAutoencoder",
        "Any autoencoder, given the class of each sample",
        "https://arxiv.org/abs/2012.13253",
    )


@hookimpl
def genkit_priors() -> Iterator[Entry]:
    """Supply N(0, I), mixtures of Gaussians, and a Gaussian for each class."""
    yield Entry("normal", "genkit.core.prior:StandardNormal", "N(0, I), the default of every model", "")
    yield Entry(
        "mixture",
        "genkit.bases.priors.mixture:Mixture",
        "Mixture of diagonal Gaussians, fixed or learnt",
        "https://arxiv.org/abs/2408.13805",
    )
    yield Entry("per-class", "genkit.parts.priors.per_class:PerClass", "Gaussian for each class, fixed or learnt", "")


@hookimpl
def genkit_losses() -> Iterator[Entry]:
    """Supply the baseline."""
    yield Entry("vae", "genkit.bases.losses.vae:VAE", "Variational autoencoder", "https://arxiv.org/abs/1312.6114")


@hookimpl
def genkit_errors() -> Iterator[Entry]:
    """Supply errors of reconstructions."""
    yield Entry("squared", "genkit.core.squared_error:SquaredError", "Squared error; the default", "closed form")
    yield Entry("l1", "genkit.parts.errors.l1:L1", "Absolute error", "closed form")
    yield Entry(
        "bce",
        "genkit.parts.errors.bce:BCE",
        "Binary cross-entropy of images; the decoder returns logits",
        "closed form",
    )
    yield Entry(
        "ssim",
        "genkit.parts.errors.ssim:SSIM",
        "Structural dissimilarity of images",
        "https://doi.org/10.1109/TIP.2003.819861",
    )
    yield Entry(
        "features",
        "genkit.parts.errors.features:Features",
        "Difference of features of the model's own encoder",
        "https://arxiv.org/abs/1801.03924",
    )
    yield Entry("weighted", "genkit.parts.errors.weighted:Weighted", "Weighted sum of errors", "")


@hookimpl
def genkit_divergences() -> Iterator[Entry]:
    """Supply divergences with a closed form."""
    yield Entry("kl", "genkit.parts.divergences.kl:KL", "Kullback-Leibler divergence, per sample", "closed form")
    yield Entry("zero", "genkit.parts.divergences.zero:Zero", "Always zero, to remove a divergence", "ablation")


@hookimpl
def genkit_schedules() -> Iterator[Entry]:
    """Supply schedules of weights and learning rates."""
    yield Entry("constant", "genkit.core.constant_schedule:ConstantSchedule", "Constant value", "")
    yield Entry("linear", "genkit.parts.schedules.linear:LinearSchedule", "Straight line between two values", "")
    yield Entry(
        "cosine",
        "genkit.parts.schedules.cosine:CosineSchedule",
        "Half a cosine between two values",
        "https://arxiv.org/abs/1608.03983",
    )
    yield Entry(
        "multistep",
        "genkit.parts.schedules.multistep:MultistepSchedule",
        "Value multiplied by a factor at milestones",
        SOFT_INTRO_VAE,
    )


@hookimpl
def genkit_datasets() -> Iterator[Entry]:
    """Densities in two dimensions, published image sets, and user pictures."""
    yield Entry(
        "8-gaussians",
        "genkit.parts.datasets.eight_gaussians:EightGaussians",
        "Eight Gaussians on a circle",
        SOFT_INTRO_VAE,
    )
    yield Entry(
        "25-gaussians",
        "genkit.parts.datasets.twenty_five_gaussians:TwentyFiveGaussians",
        "Twenty-five Gaussians on a square grid",
        SOFT_INTRO_VAE,
    )
    yield Entry(
        "2-spirals", "genkit.parts.datasets.two_spirals:TwoSpirals", "Two spirals around the origin", SOFT_INTRO_VAE
    )
    yield Entry(
        "checkerboard",
        "genkit.parts.datasets.checkerboard:Checkerboard",
        "Uniform on every other square of a 4 x 4 board",
        SOFT_INTRO_VAE,
    )
    yield Entry("rings", "genkit.parts.datasets.rings:Rings", "Four concentric rings", SOFT_INTRO_VAE)
    yield Entry("stand-in", "genkit.parts.datasets.stand_in:StandIn", "Synthetic samples of any shape", "genkit")
    yield Entry("in-memory", "genkit.parts.datasets.in_memory:InMemory", "Samples that a program in Python holds", "")
    yield Entry(
        "digits", "genkit.parts.datasets.digits:Digits", "5,000 digits of MNIST, part of the package", "CC BY-SA 3.0"
    )
    yield Entry(
        "stroke-digits",
        "genkit.parts.datasets.stroke_digits:StrokeDigits",
        "The packaged digits with a pasted stroke and its mask",
        "CC BY-SA 3.0",
    )
    yield Entry("mnist", "genkit.parts.datasets.mnist:MNIST", "MNIST, from idx files or a hub id", "LeCun et al. 1998")
    yield Entry(
        "fashion-mnist",
        "genkit.parts.datasets.fashion_mnist:FashionMNIST",
        "Fashion-MNIST, from idx files or a hub id",
        "https://arxiv.org/abs/1708.07747",
    )
    yield Entry(
        "cifar10",
        "genkit.parts.datasets.cifar10:CIFAR10",
        "CIFAR-10, from .bin files or a hub id",
        "Krizhevsky 2009",
    )
    yield Entry(
        "svhn",
        "genkit.parts.datasets.svhn:SVHN",
        "SVHN, from a folder of pictures or a hub id",
        "http://ufldl.stanford.edu/housenumbers",
    )
    yield Entry(
        "celeba",
        "genkit.parts.datasets.celeba:CelebA",
        "CelebA, from a folder of pictures",
        "https://arxiv.org/abs/1411.7766",
    )
    yield Entry(
        "lsun",
        "genkit.parts.datasets.lsun:LSUN",
        "A class of LSUN, from a folder of pictures or a hub id",
        "https://arxiv.org/abs/1506.03365",
    )
    yield Entry(
        "image-folder",
        "genkit.parts.datasets.image_folder:ImageFolder",
        "Pictures of any size and format in a folder",
        "",
    )
    yield Entry(
        "masked-folder",
        "genkit.parts.datasets.masked_folder:MaskedFolder",
        "Pictures in a folder, with masks of their abnormal pixels",
        "",
    )
    yield Entry("image-arrays", "genkit.parts.datasets.image_arrays:ImageArrays", "Pictures in a .npy or .npz file", "")
    yield Entry(
        "hub-images",
        "genkit.parts.datasets.hub_images:HubImages",
        "Pictures of a hub id, or of Arrow or parquet files",
        "",
    )
    yield Entry(
        "hub-stream",
        "genkit.parts.datasets.hub_stream:HubStream",
        "Pictures of a hub id or of parquet files, streamed",
        "",
    )


@hookimpl
def genkit_metrics() -> Iterator[Entry]:
    """Metrics of points, reconstructions, posteriors and features."""
    yield Entry("modes", "genkit.parts.metrics.modes:Modes", "Number of modes of a mixture that are covered", "")
    yield Entry("high-quality", "genkit.parts.metrics.modes:HighQuality", "Share of samples close to a mode", "")
    yield Entry(
        "histogram-kl", "genkit.parts.metrics.histogram:HistogramKL", "KL(data || model) of histograms, nats", ""
    )
    yield Entry(
        "histogram-jsd",
        "genkit.parts.metrics.histogram:HistogramJSD",
        "Jensen-Shannon divergence of histograms, nats",
        "",
    )
    yield Entry(
        "reference-kl", "genkit.parts.metrics.published_2d:ReferenceKL", 'The published 2-D "KL"', SOFT_INTRO_VAE
    )
    yield Entry(
        "reference-jsd", "genkit.parts.metrics.published_2d:ReferenceJSD", 'The published 2-D "JSD"', SOFT_INTRO_VAE
    )
    yield Entry(
        "gnelbo",
        "genkit.parts.metrics.gnelbo:GridNormalisedELBO",
        "The published grid-normalised ELBO of 2-D points",
        SOFT_INTRO_VAE,
    )
    yield Entry(
        "reconstruction-error",
        "genkit.parts.metrics.reconstruction:ReconstructionErrorMetric",
        "Mean squared error of reconstructions, or another error",
        "",
    )
    yield Entry("psnr", "genkit.parts.metrics.psnr:PSNR", "Peak signal-to-noise ratio of reconstructions, dB", "")
    yield Entry(
        "ssim",
        "genkit.parts.metrics.ssim:SSIM",
        "Structural similarity of reconstructions",
        "https://doi.org/10.1109/TIP.2003.819861",
    )
    yield Entry(
        "active-units", "genkit.parts.metrics.posterior:ActiveUnits", "Number of latent dimensions in use", IWAE
    )
    yield Entry(
        "posterior-kl", "genkit.parts.metrics.posterior:PosteriorKL", "Mean KL(q(z|x) || N(0, I)), nats", "closed form"
    )
    yield Entry(
        "linear-probe",
        "genkit.parts.metrics.linear_probe:LinearProbe",
        "Accuracy of a logistic regression on codes",
        "convex optimisation",
    )
    yield Entry(
        "knn-probe", "genkit.parts.metrics.knn_probe:KNNProbe", "Accuracy of the nearest training codes", "closed form"
    )
    yield Entry("frechet-distance", "genkit.parts.metrics.frechet:FrechetDistance", "Fréchet distance of features", FID)
    yield Entry(
        "fid", "genkit.parts.metrics.frechet:FID", "Fréchet Inception distance, with the published network", FID
    )
    yield Entry(
        "kernel-distance",
        "genkit.parts.metrics.kernel:KernelDistance",
        "Squared MMD of features, polynomial kernel",
        "https://arxiv.org/abs/1801.01401",
    )
    yield Entry(
        "precision",
        "genkit.parts.metrics.precision_recall:PrecisionMetric",
        "Share of samples close to data (fidelity)",
        PRECISION_RECALL,
    )
    yield Entry(
        "recall",
        "genkit.parts.metrics.precision_recall:RecallMetric",
        "Share of data close to samples (diversity)",
        PRECISION_RECALL,
    )
    yield Entry(
        "density",
        "genkit.parts.metrics.density_coverage:DensityMetric",
        "Mean number of balls around data that contain a sample, over k (fidelity)",
        DENSITY_COVERAGE,
    )
    yield Entry(
        "coverage",
        "genkit.parts.metrics.density_coverage:CoverageMetric",
        "Share of data whose ball contains a sample (diversity)",
        DENSITY_COVERAGE,
    )
    yield Entry(
        "sliced-wasserstein",
        "genkit.parts.metrics.sliced_wasserstein:SlicedWasserstein",
        "Wasserstein-2 distance of projections onto random lines",
        "https://doi.org/10.1007/s10851-014-0506-3",
    )
    yield Entry(
        "auroc",
        "genkit.parts.metrics.detection:AUROC",
        "Area under the ROC curve of a score, against a second data set",
        "https://doi.org/10.1148/radiology.143.1.7063747",
    )
    yield Entry(
        "auprc",
        "genkit.parts.metrics.detection:AUPRC",
        "Average precision of a score, against a second data set",
        "",
    )
    yield Entry(
        "fpr-at-tpr",
        "genkit.parts.metrics.detection:FPRAtTPR",
        "False positive rate of a score at a true positive rate, against a second data set",
        "",
    )
    yield Entry(
        "pixel-auroc",
        "genkit.parts.metrics.localisation:PixelAUROC",
        "Area under the ROC curve of the pixels of maps, against masks",
        "",
    )
    yield Entry(
        "pixel-auprc",
        "genkit.parts.metrics.localisation:PixelAUPRC",
        "Average precision of the pixels of maps, against masks",
        "",
    )
    yield Entry("dice", "genkit.parts.metrics.localisation:Dice", "Dice coefficient of maps and masks", "")
    yield Entry(
        "log-likelihood",
        "genkit.parts.metrics.log_likelihood:LogLikelihoodMetric",
        "Mean importance-weighted log-likelihood of data, nats",
        IWAE,
    )
    yield Entry(
        "class-imbalance",
        "genkit.parts.metrics.class_imbalance:ClassImbalance",
        "Total variation distance of the class frequencies of digits",
        "",
    )
    yield Entry(
        "label-accuracy",
        "genkit.parts.metrics.label_accuracy:LabelAccuracy",
        "Share of generated digits that are of the class they were drawn for",
        "",
    )


@hookimpl
def genkit_scores() -> Iterator[Entry]:
    """Scores of how abnormal a sample is."""
    yield Entry("elbo", "genkit.parts.scores.elbo:ELBO", "Negative evidence lower bound", "closed form")
    yield Entry("error", "genkit.parts.scores.elbo:Error", "Reconstruction error", "closed form")
    yield Entry("kl", "genkit.parts.scores.elbo:KL", "KL divergence of the posterior, nats", "closed form")
    yield Entry(
        "log-likelihood",
        "genkit.parts.scores.log_likelihood:LogLikelihood",
        "Negative importance-weighted log-likelihood, nats",
        IWAE,
    )
    yield Entry(
        "features",
        "genkit.parts.scores.features:Features",
        "Difference to the reconstruction in features of the model's own encoder",
        "https://arxiv.org/abs/1801.03924",
    )
    yield Entry(
        "mahalanobis",
        "genkit.parts.scores.mahalanobis:Mahalanobis",
        "Squared Mahalanobis distance of the code from those of training data",
        "https://arxiv.org/abs/1807.03888",
    )


@hookimpl
def genkit_extractors() -> Iterator[Entry]:
    """Feature extractors: the sample itself, a digit classifier, and the Inception network of FID."""
    yield Entry("pixels", "genkit.parts.extractors.pixels:Pixels", "The sample itself, flattened", "")
    yield Entry(
        "digits", "genkit.parts.extractors.digits:DigitFeatures", "64 features of a packaged digit classifier", "genkit"
    )
    yield Entry(
        "inception",
        "genkit.parts.extractors.inception:Inception",
        "2,048 features of the Inception network of FID",
        FID,
    )


@hookimpl
def genkit_optimisers() -> Iterator[Entry]:
    """Supply Adam and AdamW."""
    yield Entry("adam", "genkit.parts.optimisers.adam:Adam", "Adam", "https://arxiv.org/abs/1412.6980")
    yield Entry(
        "adamw",
        "genkit.parts.optimisers.adam:AdamW",
        "Adam with decoupled weight decay",
        "https://arxiv.org/abs/1711.05101",
    )


@hookimpl
def genkit_callbacks() -> Iterator[Entry]:
    """Supply early stopping."""
    yield Entry(
        "early-stopping",
        "genkit.parts.callbacks.early_stopping:EarlyStopping",
        "Stop a run when a metric no longer improves",
        "https://doi.org/10.1007/3-540-49430-8_3",
    )
