"""Models on the hub, in the cache of huggingface_hub; and whether a text names a folder or a repository."""

from __future__ import annotations

from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

from genkit import __version__
from genkit.errors import UsageError
from genkit.runs.on_disk.not_a_run_folder import REPOSITORY, RUNS, may_be_on_hub, runs_like
from genkit.sharing.hub_errors import hub_errors, is_unreachable
from genkit.storage.exported_folder import check_files, read_config
from genkit.storage.listing import exists
from genkit.storage.names import ABOUT, CONFIG, RESOLVED
from genkit.storage.user_path import user_path

PLACES = "Give a run, a model folder, an exported folder, or ORG/NAME, a model on the hub."
SHADOWED = (
    "The hub is not asked for it, since there is a folder {path.parent}. Correct the name, or call genkit in another "
    "folder if it is a model on the hub."
)


def find_folder(
    given: str | PathLike[str],
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | PathLike[str] | None = None,
) -> Path:
    """Return the folder of a model: `given` itself if it exists, else, for a text ORG/NAME, that of the hub's model.

    Any other text is a path. So is FOLDER/NAME where FOLDER exists here, and runs/NAME, such as a mistyped run: nothing
    is asked of the hub. Raises `UsageError` if there is no such folder.
    """
    path = user_path(given)
    named = isinstance(given, str) and REPOSITORY.fullmatch(given) is not None
    if exists(path):
        if revision is not None:
            raise UsageError(f'{path}: a folder has no revisions, but revision = "{revision}". Leave it out.')
        if not path.is_dir():
            raise UsageError(f"{path}: a file, not the folder of a model. {_instead_of_file(path)}")
        return path
    if not named or not may_be_on_hub(path):
        shadowed = named and path.parent != RUNS and not exists(path.parent / RESOLVED)
        raise UsageError(
            f"{path}: not found.{runs_like(path, models=True)} {SHADOWED.format(path=path) if shadowed else PLACES}"
        )
    assert isinstance(given, str)
    try:
        return pull(given, revision, token, cache_dir)
    except UsageError as error:
        raise UsageError(f"{error} There is no folder {path} either.{runs_like(path, models=True)}") from None


def _instead_of_file(path: Path) -> str:
    """Return what to give in place of a file."""
    if path.suffix == ".toml":
        return f"If it is a recipe, start a run with `genkit run {path}`."
    if any(exists(path.parent / facts) for facts in (ABOUT, CONFIG)):
        return f"Give its folder, {path.parent}."
    return PLACES


def pull(
    repository: str,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | PathLike[str] | None = None,
) -> Path:
    """Return the folder of a model on the hub, with the files that its config names; the cache keeps them.

    The config is read before anything else is downloaded, and all files are of its commit. Where the hub cannot be
    reached, the cache must have all of them. Raises `UsageError` for what is no model of genkit, for files that are not
    as they were exported, and for every error of the hub.
    """
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download

    client: dict[str, Any] = {"library_name": "genkit", "library_version": __version__, "token": token}
    asked = {"repo_id": repository, "revision": revision, "cache_dir": cache_dir, **client}
    with hub_errors(repository):
        try:
            HfApi(**client).model_info(repository, revision=revision)
        except Exception as error:
            if not is_unreachable(error):
                raise
            asked["local_files_only"] = True  # at once: a download would try again and again, for half a minute
        snapshot = Path(hf_hub_download(filename=CONFIG, **asked)).parent
        config = read_config(snapshot)
        asked["revision"] = snapshot.name  # the commit, which the cache names its folders by
        names = [CONFIG, *config["files"]]
        with suppress(UsageError):  # all of it is in the cache: no progress bar, and nothing more to ask
            check_files(snapshot, config)
            return snapshot
        folder = Path(snapshot_download(allow_patterns=names, **asked))
        try:
            check_files(folder, config)
        except UsageError:  # the cache is damaged, or the hub is
            check_files(Path(snapshot_download(allow_patterns=names, force_download=True, **asked)), config)
    return folder
