"""Data sets, which a recipe names in [data].

A new data set is a file here, and one `Entry` below.
"""

from genkit.hooks import Entry

SOFT_INTRO_VAE = "https://arxiv.org/abs/2012.13253"

ENTRIES = (
    Entry(
        "8-gaussians",
        "genkit.parts.datasets.eight_gaussians:EightGaussians",
        "Eight Gaussians on a circle",
        SOFT_INTRO_VAE,
    ),
    Entry(
        "25-gaussians",
        "genkit.parts.datasets.twenty_five_gaussians:TwentyFiveGaussians",
        "Twenty-five Gaussians on a square grid",
        SOFT_INTRO_VAE,
    ),
    Entry("2-spirals", "genkit.parts.datasets.two_spirals:TwoSpirals", "Two spirals around the origin", SOFT_INTRO_VAE),
    Entry(
        "checkerboard",
        "genkit.parts.datasets.checkerboard:Checkerboard",
        "Uniform on every other square of a 4 x 4 board",
        SOFT_INTRO_VAE,
    ),
    Entry("rings", "genkit.parts.datasets.rings:Rings", "Four concentric rings", SOFT_INTRO_VAE),
    Entry("stand-in", "genkit.parts.datasets.stand_in:StandIn", "Synthetic samples of any shape", "genkit"),
    Entry("in-memory", "genkit.parts.datasets.in_memory:InMemory", "Samples that a program in Python holds", ""),
    Entry(
        "digits", "genkit.parts.datasets.digits:Digits", "5,000 digits of MNIST, part of the package", "CC BY-SA 3.0"
    ),
    Entry(
        "stroke-digits",
        "genkit.parts.datasets.stroke_digits:StrokeDigits",
        "The packaged digits with a pasted stroke and its mask",
        "CC BY-SA 3.0",
    ),
    Entry("mnist", "genkit.parts.datasets.mnist:MNIST", "MNIST, from idx files or a hub id", "LeCun et al. 1998"),
    Entry(
        "fashion-mnist",
        "genkit.parts.datasets.fashion_mnist:FashionMNIST",
        "Fashion-MNIST, from idx files or a hub id",
        "https://arxiv.org/abs/1708.07747",
    ),
    Entry(
        "cifar10",
        "genkit.parts.datasets.cifar10:CIFAR10",
        "CIFAR-10, from .bin files or a hub id",
        "Krizhevsky 2009",
    ),
    Entry(
        "svhn",
        "genkit.parts.datasets.svhn:SVHN",
        "SVHN, from a folder of pictures or a hub id",
        "http://ufldl.stanford.edu/housenumbers",
    ),
    Entry(
        "celeba",
        "genkit.parts.datasets.celeba:CelebA",
        "CelebA, from a folder of pictures",
        "https://arxiv.org/abs/1411.7766",
    ),
    Entry(
        "lsun",
        "genkit.parts.datasets.lsun:LSUN",
        "A class of LSUN, from a folder of pictures or a hub id",
        "https://arxiv.org/abs/1506.03365",
    ),
    Entry(
        "image-folder",
        "genkit.parts.datasets.image_folder:ImageFolder",
        "Pictures of any size and format in a folder",
        "",
    ),
    Entry(
        "masked-folder",
        "genkit.parts.datasets.masked_folder:MaskedFolder",
        "Pictures in a folder, with masks of their abnormal pixels",
        "",
    ),
    Entry("image-arrays", "genkit.parts.datasets.image_arrays:ImageArrays", "Pictures in a .npy or .npz file", ""),
    Entry(
        "hub-images",
        "genkit.parts.datasets.hub_images:HubImages",
        "Pictures of a hub id, or of Arrow or parquet files",
        "",
    ),
    Entry(
        "hub-stream",
        "genkit.parts.datasets.hub_stream:HubStream",
        "Pictures of a hub id or of parquet files, streamed",
        "",
    ),
)
