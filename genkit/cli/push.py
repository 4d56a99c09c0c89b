"""``genkit push FOLDER ORG/NAME``: an exported folder, uploaded to the hub."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.arguments.options import Json
from genkit.cli.completion.complete_paths import complete_run_or_model
from genkit.cli.places.inputs import print_remark
from genkit.storage.user_path import user_path


def push(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            parser=user_path,
            autocompletion=complete_run_or_model,
            help="Exported folder, made by `genkit export`.",
        ),
    ],
    repository: Annotated[str, typer.Argument(metavar="ORG/NAME", help="Repository on the hub; made if it is new.")],
    private: Annotated[bool, typer.Option("--private", help="Let only its owners see the repository.")] = False,
    message: Annotated[str | None, typer.Option("--message", metavar="TEXT", help="Message of the commit.")] = None,
    json: Json = False,
) -> None:
    """Upload an exported folder to the Hugging Face Hub.

    The folder is checked first. The files that its config names are uploaded in one commit. It needs a token:
    `hf auth login` stores one, and the variable HF_TOKEN holds one. HF_ENDPOINT names another hub.
    """
    from genkit.sharing.push import push as push_folder

    pushed = push_folder(folder, repository, private=private, message=message)
    for remark in pushed.remarks:
        print_remark(remark)
    if json:
        print(json_format.dumps({"url": pushed.url, "commit": pushed.commit, "files": list(pushed.files)}))
    else:
        print(f"pushed    {', '.join(pushed.files)}\nurl       {pushed.url}\ncommit    {pushed.commit}")
        print(f'next      genkit sample {repository}\n          genkit.load("{repository}") in Python')
