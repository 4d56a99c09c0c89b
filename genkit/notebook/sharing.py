"""Models for others from Python: `genkit.export` and `genkit.push`."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Literal

from genkit.errors import warn_user
from genkit.notebook.arguments import checked_arguments
from genkit.notebook.messages import naming_arguments
from genkit.sharing.export import export as export_model
from genkit.sharing.push import push as push_folder
from genkit.storage.user_path import user_path


@checked_arguments()
def export(
    run: str | PathLike[str],
    out: str | PathLike[str] | None = None,
    weights: Literal["raw", "ema"] | None = None,
    *,
    onnx: bool = False,
) -> Path:
    """Export the model of a run, or of a model folder, into a new folder for others, and return the folder.

    Args:
        run: A run, finished or not, or a model folder such as ``RUN/final``.
        out: The new folder; by default ``export-WEIGHTS`` in the run.
        weights: "raw" or "ema"; by default the EMA weights, if there are any.
        onnx: Whether to write encoder and decoder in ONNX too; it needs ``genkit-torch[onnx]``.

    Raises `UsageError` if the model cannot be exported, or if the folder exists.
    """
    with naming_arguments():
        exported = export_model(user_path(run), None if out is None else user_path(out), weights, onnx=onnx)
    for remark in exported.remarks:
        warn_user(remark)
    return exported.folder.absolute()


@checked_arguments()
def push(
    folder: str | PathLike[str],
    repository: str,
    *,
    private: bool = False,
    message: str | None = None,
    token: str | None = None,
) -> str:
    """Upload an exported folder to the hub, and return the address of its repository.

    Args:
        folder: The exported folder, as `genkit.export` returns it.
        repository: The name on the hub, ORG/NAME. It is made if it is new.
        private: Whether only its owners may see it. An existing public repository is then refused.
        message: The message of the commit.
        token: A token of the hub; by default the one that ``hf auth login`` has stored, or that of HF_TOKEN.

    Raises `UsageError`, also for every error of the hub.
    """
    pushed = push_folder(user_path(folder), repository, private=private, message=message, token=token)
    for remark in pushed.remarks:
        warn_user(remark)
    return pushed.url
