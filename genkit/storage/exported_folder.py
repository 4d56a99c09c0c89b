"""Exported folders: a model for others, with a config that names each other file, its size and its SHA-256.

    FOLDER/
        config.json          recipe, facts, weights, metrics, version of the format, `files`, and a digest of all
                             this; written last
        model.safetensors    the weights
        README.md            model card; its author edits it, so its bytes are not compared
        samples.png          samples, where they can be drawn
        encoder.onnx, ...    networks for other programs, if they were asked for

Files that the config does not name are never read, so a copy from a hub may hold more.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.storage.json_tables import Counts, parse_json, table_of
from genkit.storage.listing import exists
from genkit.storage.names import CARD, CONFIG, RAW
from genkit.storage.not_finite import with_not_finite
from genkit.storage.os_errors import ABSENT, unreadable
from genkit.storage.regular_file import check_regular
from genkit.storage.weights import digest

FORMAT = "genkit-model"
VERSION = 2  # it has `not_finite`, by JSON pointer; a config without numbers that are not finite is of version 1
SEAL = "sha256"  # the key of the digest of a config
PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")  # a file in the folder itself, and no hidden one
AGAIN = "Copy or download the folder again, or export the run again with `genkit export RUN`."
REQUIRED = {"genkit": str, "weights": str, "recipe": dict, "facts": dict, "files": dict, "results": list}


def is_exported(folder: Path) -> bool:
    """Return whether a folder has the config of an exported model. Raises `UsageError` if this cannot be found out."""
    return exists(folder / CONFIG)


def files_of(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what the config says of files in a folder: size in bytes, and SHA-256. Raises `OSError`."""
    return {name: {"size": (folder / name).stat().st_size, "sha256": digest(folder / name)} for name in sorted(names)}


def sealed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with the SHA-256 of all else that it says, so that a change is noticed."""
    said = {key: value for key, value in config.items() if key != SEAL}
    text = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return {**said, SEAL: hashlib.sha256(text.encode()).hexdigest()}


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config of an exported folder. Raises `UsageError` unless this genkit can read it."""
    path = folder / CONFIG
    try:
        check_regular(path)
        config = table_of(parse_json(path.read_bytes()), {})
        if config.get("format") != FORMAT:
            raise UsageError(f'{path}: not a model that genkit exported (no "format": "{FORMAT}"). {AGAIN}')
        version = table_of(config, {"version": int})["version"]
        if version > VERSION:
            raise UsageError(
                f"{path}: version {version} of the format, which genkit {config.get('genkit', '?')} wrote; this genkit "
                f"reads versions up to {VERSION}. Update genkit-torch."
            )
        if config.get(SEAL) != sealed(config)[SEAL]:
            raise UsageError(f"{path}: changed since it was exported (another SHA-256). {AGAIN}")
        table_of(config, REQUIRED, {"not_finite": dict})
        config = with_not_finite(config, config.get("not_finite") or {})
        table_of(config["facts"], {"data_shape": Counts}, {"step": int, "data": dict, "parts": list, "classes": dict})
        _check_listed(config)
    except ABSENT:
        raise UsageError(f"{path}: not found, so the folder is incomplete. {AGAIN}") from None
    except ValueError as error:
        raise UsageError(f"{path}: damaged ({error}). {AGAIN}") from None
    except RecursionError:  # what json parses can be too deep for what is done with it
        raise UsageError(f"{path}: damaged (nested too deeply). {AGAIN}") from None
    except OSError as error:
        raise unreadable(path, error) from None
    return config


def check_files(folder: Path, config: Mapping[str, Any]) -> None:
    """Raise `UsageError` unless each file of the config is there, with its size and its SHA-256."""
    for name, facts in config["files"].items():
        path = folder / name
        try:
            check_regular(path)
            size = path.stat().st_size
            if name == CARD:
                continue
            if size != facts["size"]:
                raise UsageError(f"{path}: has {size:,} bytes, expected {facts['size']:,}: cut or changed. {AGAIN}")
            if digest(path) != facts["sha256"]:
                raise UsageError(f"{path}: changed since it was exported (another SHA-256). {AGAIN}")
        except ABSENT:
            raise UsageError(f"{path}: not found, so the folder is incomplete. {AGAIN}") from None
        except OSError as error:
            raise unreadable(path, error) from None


def _check_listed(config: Mapping[str, Any]) -> None:
    """Raise `ValueError` unless the config lists the weights and only files of the folder itself."""
    if config["weights"] not in ("raw", "ema"):
        raise ValueError('weights: expected "raw" or "ema"')
    if RAW not in config["files"]:
        raise ValueError(f"files: {RAW} is not listed")
    for name, facts in config["files"].items():
        if not PLAIN_NAME.fullmatch(name) or name == CONFIG:
            raise ValueError(f"files: {name!r} is no name of a file in the folder")
        table_of(facts, {"size": int, "sha256": str})
