"""Sets of pictures: sources that list and open pictures, splits, the transform to bytes, masks, and shared recipe keys.

Names here are short, so they are in this module only and not in `genkit.api`, which has the base classes of sets.
"""

from genkit.bases.datasets.picture_keys import (
    BackgroundKey,
    ChannelsKey,
    ClassesKey,
    ColumnKey,
    ConfigKey,
    CropKey,
    FilterKey,
    FlipKey,
    GroupsKey,
    HubKey,
    OnBadKey,
    PercentilesKey,
    ResolutionKey,
    SplitKey,
    StoreKey,
    WindowKey,
    check_groups,
    check_one_place,
)
from genkit.bases.pictures.array_picture import ArrayPicture, Layout
from genkit.bases.pictures.bad_pictures import BadPicture, BadPictureError, bad_pictures_error
from genkit.bases.pictures.decode import decode
from genkit.bases.pictures.folder_source import FolderSource, list_files
from genkit.bases.pictures.folder_splits import existing_folder, split_of_folder
from genkit.bases.pictures.group_split import split_by_group
from genkit.bases.pictures.groups import read_groups
from genkit.bases.pictures.hf_datasets import data_files, find_columns
from genkit.bases.pictures.hub_folder import unmet_hub
from genkit.bases.pictures.hub_splits import split_of_hub
from genkit.bases.pictures.idx import read_idx
from genkit.bases.pictures.levels import Levels
from genkit.bases.pictures.listed_pictures import DecodesInBatches, ListedPictures
from genkit.bases.pictures.masks import Masks, Missing, no_masks, pair_masks, refuse_masks_among_pictures
from genkit.bases.pictures.numpy_files import read_array
from genkit.bases.pictures.parquet_files import list_row_groups, open_parquet
from genkit.bases.pictures.parquet_stream import FileOrderSource, ParquetStream, Window
from genkit.bases.pictures.source import (
    HELD_OUT_SHARE,
    Pictures,
    Share,
    Source,
    SourceOfFiles,
    SourceWithClasses,
    SourceWithRemarks,
    Subset,
    count,
    split_by_name,
    whole_source,
)
from genkit.bases.pictures.threads import map_in_threads
from genkit.bases.pictures.transform import Transform, transform_of

__all__ = [
    "HELD_OUT_SHARE",
    "ArrayPicture",
    "BackgroundKey",
    "BadPicture",
    "BadPictureError",
    "ChannelsKey",
    "ClassesKey",
    "ColumnKey",
    "ConfigKey",
    "CropKey",
    "DecodesInBatches",
    "FileOrderSource",
    "FilterKey",
    "FlipKey",
    "FolderSource",
    "GroupsKey",
    "HubKey",
    "Layout",
    "Levels",
    "ListedPictures",
    "Masks",
    "Missing",
    "OnBadKey",
    "ParquetStream",
    "PercentilesKey",
    "Pictures",
    "ResolutionKey",
    "Share",
    "Source",
    "SourceOfFiles",
    "SourceWithClasses",
    "SourceWithRemarks",
    "SplitKey",
    "StoreKey",
    "Subset",
    "Transform",
    "Window",
    "WindowKey",
    "bad_pictures_error",
    "check_groups",
    "check_one_place",
    "count",
    "data_files",
    "decode",
    "existing_folder",
    "find_columns",
    "list_files",
    "list_row_groups",
    "map_in_threads",
    "no_masks",
    "open_parquet",
    "pair_masks",
    "read_array",
    "read_groups",
    "read_idx",
    "refuse_masks_among_pictures",
    "split_by_group",
    "split_by_name",
    "split_of_folder",
    "split_of_hub",
    "transform_of",
    "unmet_hub",
    "whole_source",
]
