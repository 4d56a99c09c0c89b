"""Upload of an exported folder to the hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genkit import __version__
from genkit.errors import UsageError
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
    card = (folder / CARD).read_bytes() if CARD in config["files"] else b""
    remarks = [] if _names_licence(folder / CARD, card) else [f"{folder / CARD}: names no licence in its metadata"]
    if token is None and get_token() is None:
        raise UsageError(f"{repository}: no token of the hub. {LOGIN}")
    content = {CARD: card.replace(PLACEHOLDER.encode(), repository.encode())}
    with hub_errors(repository):
        api = HfApi(token=token, library_name="genkit", library_version=__version__)
        url = api.create_repo(repository, private=private or None, exist_ok=True)
        if private and not api.model_info(repository).private:
            raise UsageError(f"{repository}: exists and is public. Leave out --private, or choose another name.")
        commit = api.create_commit(
            repository,
            [CommitOperationAdd(name, content.get(name, folder / name)) for name in files],
            commit_message=message or f"Upload a model of genkit {config['genkit']}",
        )
    return Pushed(str(url), commit.oid, tuple(files), tuple(remarks))


def _names_licence(path: Path, content: bytes) -> bool:
    """Return whether a card names a licence. Raises `UsageError` for metadata that hubs cannot read."""
    from huggingface_hub import ModelCard

    try:
        card = ModelCard(content.decode("utf-8"), ignore_metadata_errors=True)
    except Exception as error:  # of the YAML library below huggingface_hub
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{path}: its metadata cannot be read: {reason}. Correct the lines between `---`.") from None
    return bool(card.data.get("license"))
