"""Upload of an exported folder to the hub."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit import __version__
from genkit.errors import UsageError
from genkit.sharing.card import tags_of
from genkit.sharing.hub_errors import LOGIN, hub_errors
from genkit.sharing.pull import REPOSITORY
from genkit.storage.exported_folder import check_files, is_exported, read_config
from genkit.storage.listing import exists
from genkit.storage.names import CARD, CONFIG

PLACEHOLDER = "ORG/NAME"  # of the card


@dataclass(frozen=True)
class Pushed:
    """A commit on the hub."""

    url: str  # of the repository
    commit: str
    files: tuple[str, ...]
    remarks: tuple[str, ...]  # what the author should know


def push(
    folder: Path, repository: str, *, private: bool = False, message: str | None = None, token: str | None = None
) -> Pushed:
    """Upload the files that the config of an exported folder names, in one commit; make the repository if it is new.

    Args:
        folder: The exported folder. It is checked first.
        repository: The name on the hub, ORG/NAME.
        private: Whether only its owners may see it. An existing public repository is then refused.
        message: The message of the commit.
        token: A token of the hub; by default the stored one, or that of HF_TOKEN.

    The card gets the name of the repository in place of ORG/NAME. Raises `UsageError`.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    if not REPOSITORY.fullmatch(repository):
        raise UsageError(f"{repository}: expected the name of a repository on the hub, ORG/NAME.")
    if not exists(folder):
        raise UsageError(f"{folder}: not found. `genkit export RUN` makes a folder to push.")
    if not is_exported(folder):
        raise UsageError(f"{folder}: not an exported folder (no {CONFIG}). `genkit export RUN` makes one.")
    config = read_config(folder)
    files = sorted([CONFIG, *config["files"]])
    for path in (folder / name for name in files):
        if path.is_symlink():  # of a folder from somebody else, it could publish any file of this machine
            raise UsageError(f"{path}: a link, which is not uploaded. Put the file itself in its place.")
    check_files(folder, config)
    card, remarks = _card_for(folder / CARD, config) if CARD in config["files"] else (b"", [])
    if token is None and get_token() is None:
        raise UsageError(f"{repository}: no token of the hub. {LOGIN}")
    content = {CARD: card.replace(PLACEHOLDER.encode(), repository.encode())}
    with hub_errors(repository):
        api = HfApi(token=token, library_name="genkit", library_version=__version__)
        url = api.create_repo(repository, private=private or None, exist_ok=True)
        if private and not api.model_info(repository).private:
            raise UsageError(f"{repository}: exists and is public. Leave out --private, or choose another name.")
        with warnings.catch_warnings(record=True) as caught:  # of the hub, about the metadata
            warnings.simplefilter("always", UserWarning)
            commit = api.create_commit(
                repository,
                [CommitOperationAdd(name, content.get(name, folder / name)) for name in files],
                commit_message=message or f"Upload a model of genkit {config['genkit']}",
            )
    for warning in caught:
        if warning.category is UserWarning:
            remarks.append(f"{repository}: {' '.join(str(warning.message).split())}")
        else:  # the recording has kept it from the user
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return Pushed(str(url), commit.oid, tuple(files), tuple(remarks))


def _card_for(path: Path, config: Mapping[str, Any]) -> tuple[bytes, list[str]]:
    """Return the card to upload, and what its author should know.

    One without metadata gets those that are facts: without them, hubs do not know which library loads the model.
    Raises `UsageError` for metadata that hubs cannot read.
    """
    from huggingface_hub import ModelCardData, metadata_load

    try:
        metadata = metadata_load(path)  # `ModelCard` would print a warning where there is none
        licensed = bool(metadata and metadata.get("license"))
    except Exception as error:  # of the YAML library below huggingface_hub
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{path}: its metadata cannot be read: {reason}. Correct the lines between `---`.") from None
    remarks = [] if licensed else [f"{path}: names no licence in its metadata"]
    content = path.read_bytes()
    if metadata is None:
        facts = ModelCardData(library_name="genkit", tags=tags_of(config["recipe"]))
        content = f"---\n{facts.to_yaml()}\n---\n\n".encode() + content
        remarks.append(f"{path}: has no metadata; the card on the hub gets library_name and tags")
    return content, remarks
