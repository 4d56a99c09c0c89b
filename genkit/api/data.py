"""Data sets: their protocols, base classes, and what a batch of samples is."""

from genkit.bases.datasets.density import DensitySet
from genkit.bases.datasets.folder_or_hub import FolderOrHub
from genkit.bases.datasets.image_set import FLIP, Arrays, ImageSet, finished_images, raw_images
from genkit.bases.datasets.keys_only import KeysOnly
from genkit.bases.datasets.levelled_set import LevelledSet
from genkit.bases.datasets.mixture import GaussianMixture
from genkit.bases.datasets.picture_set import PictureSet
from genkit.bases.datasets.published_set import PublishedSet
from genkit.core.augmentation import cutout, shift
from genkit.core.condition import LABEL, ClassFacts
from genkit.core.dataset import (
    MASK,
    Dataset,
    FingerprintedSource,
    GroupedDataset,
    LabelledDataset,
    MaskedDataset,
    NamedDataset,
    Raw,
    Samples,
    TwoStepDataset,
)
from genkit.core.known_data import (
    BoxedDataset,
    DigitsDataset,
    MultimodalDataset,
    PlaceholderDataset,
    box_of_plane,
    modes_of,
)
from genkit.core.noise import Noise, Rows, seed_of
from genkit.core.two_steps import batch_in_two_steps

__all__ = [
    "FLIP",
    "LABEL",
    "MASK",
    "Arrays",
    "BoxedDataset",
    "ClassFacts",
    "Dataset",
    "DensitySet",
    "DigitsDataset",
    "FingerprintedSource",
    "FolderOrHub",
    "GaussianMixture",
    "GroupedDataset",
    "ImageSet",
    "KeysOnly",
    "LabelledDataset",
    "LevelledSet",
    "MaskedDataset",
    "MultimodalDataset",
    "NamedDataset",
    "Noise",
    "PictureSet",
    "PlaceholderDataset",
    "PublishedSet",
    "Raw",
    "Rows",
    "Samples",
    "TwoStepDataset",
    "batch_in_two_steps",
    "box_of_plane",
    "cutout",
    "finished_images",
    "modes_of",
    "raw_images",
    "seed_of",
    "shift",
]
