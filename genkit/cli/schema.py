"""``genkit schema``: a JSON schema of recipes, of tables of results or of spaces of searches, for editors."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.arguments.choice import choice
from genkit.cli.completion.complete_names import one_of
from genkit.cli.places.destination import Destination, destination


class Kind(StrEnum):
    """The kinds of files that have a schema."""

    RECIPE = "recipe"
    TABLE = "table"
    SPACE = "space"


FILES = {  # in a folder that --out names
    Kind.RECIPE: "genkit.schema.json",
    Kind.TABLE: "genkit-table.schema.json",
    Kind.SPACE: "genkit-space.schema.json",
}


def schema(
    kind: Annotated[
        Kind,
        typer.Option(
            "--kind",
            metavar=f"[{'|'.join(Kind)}]",
            parser=choice(Kind),
            autocompletion=one_of(*Kind),
            help="Files that the schema describes.",
        ),
    ] = Kind.RECIPE,
    out: Annotated[
        Destination | None,
        typer.Option(
            "--out", metavar="FILE", parser=destination, help="File to write, or its folder; by default it is printed."
        ),
    ] = None,
) -> None:
    """Write a JSON schema of recipes, for editors.

    It has the parts that are installed. An editor that reads it completes keys and names of parts, and marks
    mistakes. It then needs one comment at the top of a recipe, which this command prints. Run the command again
    after you have installed or updated a plugin.
    """
    from genkit.recipe.installed.registry import load_registry
    from genkit.recipe.schema.schema_of_recipe import schema_of_recipe
    from genkit.tables.schema_of_table import schema_of_table
    from genkit.tuning.schema_of_space import schema_of_space

    file = None if out is None else out.path / FILES[kind] if out.is_folder else out.path
    if file is not None:
        _refuse_other_file(file)
    registry = load_registry()
    makers = {Kind.RECIPE: schema_of_recipe, Kind.TABLE: schema_of_table, Kind.SPACE: schema_of_space}
    made = makers[kind](registry)
    for part, reason in made.left_out.items():
        print(f"left out: {part}: {reason}", file=sys.stderr)
    for broken in registry.broken:
        print(f"left out: plugin {broken}", file=sys.stderr)
    text = json.dumps(made.schema, indent=1, ensure_ascii=False)
    if file is None:
        print(text)
        return
    _write(file, text)
    print(f"{file}: written. The first line of a {kind} in the same folder:\n#:schema ./{file.name}")


def _refuse_other_file(out: Path) -> None:
    """Raise `UsageError` for a file that exists and is not a schema that genkit wrote."""
    from genkit.errors import UsageError
    from genkit.recipe.schema.schema_of_recipe import is_schema_of_genkit
    from genkit.storage.os_errors import describe_os_error

    if not out.is_file():
        return
    try:
        found = json.loads(out.read_bytes())
    except ValueError:
        found = None
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be read: {describe_os_error(error, out)}.") from None
    if not is_schema_of_genkit(found):
        raise UsageError(f"--out {out}: exists, and is not a schema of genkit. Name another file.")


def _write(out: Path, text: str) -> None:
    from genkit.cli.places.output_files import OutputFiles

    with OutputFiles(Destination(out, is_folder=False), out, [out.suffix]).writing() as [draft]:
        draft.write_text(f"{text}\n", encoding="utf-8")
