"""The weights of an exported folder, and those of any folder with a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from genkit.errors import UsageError
from genkit.storage.exported_folder import AGAIN, check_files, is_exported, read_config
from genkit.storage.listing import exists
from genkit.storage.names import ABOUT, RAW
from genkit.storage.os_errors import ABSENT, unreadable
from genkit.storage.weights import check_which, copy_by_name, model_folder, read_weights

OTHER_WARM_START = "Set train.warm_start_weights to {weights}, or give another model."


def is_exported_only(folder: Path) -> bool:
    """Return whether a folder is exported, and no model folder of a run. Raises `UsageError` if that is not known."""
    return is_exported(folder) and not exists(folder / ABOUT)


def read_exported(folder: Path, config: Mapping[str, Any], which: str, remedy: str) -> dict[str, Tensor]:
    """Return the "raw" or "ema" weights of an exported folder with this config.

    Raises `UsageError`, which ends with the remedy if the folder has the others only.
    """
    check_which(which)
    if which != config["weights"]:
        raise UsageError(f"{folder}: exported with the {config['weights']} weights only. {remedy}")
    try:
        return load_file(folder / RAW)
    except (*ABSENT, SafetensorError) as error:
        raise UsageError(f"{folder / RAW}: cannot be read as safetensors ({error}). {AGAIN}") from None
    except OSError as error:
        raise unreadable(folder / RAW, error) from None


def fill_weights(model: nn.Module, path: Path, which: str) -> None:
    """Copy the weights of a finished run, a model folder or an exported folder into a model, for a warm start.

    Each file of an exported folder is checked first. Raises `UsageError` if there are no such weights, or if they
    belong to another network.
    """
    folder = model_folder(path)
    if not is_exported_only(folder):
        copy_by_name(model, read_weights(folder, which, OTHER_WARM_START.format(weights="raw")), path)
        return
    config = read_config(folder)
    check_files(folder, config)
    copy_by_name(model, read_exported(folder, config, which, OTHER_WARM_START.format(**config)), path)
