"""MkDocs hook: replaces `{{ name("argument") }}` in a page by text that is generated from the code.

It also says which code needs more room, which stays in one line, and marks tables of keys
(`on_page_content`).

    {{ keys("losses", "vae") }}            a table of the keys of a part, by kind and name
    {{ table_keys("train") }}              a table of the keys of a recipe's own table
    {{ file_keys("TableSpec") }}           a table of the keys of a table of results, or of a space
    {{ docstring("genkit.bases.losses.vae") }}   the docstring of a module
    {{ parts("metrics") }}                 a table of all parts of a kind
    {{ commands() }}                       the reference of the command line

A mistake in a macro fails the build.
"""

from __future__ import annotations

import ast
import html
import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MACRO = re.compile(r"^\{\{ (\w+)\((.*)\) \}\}$", re.MULTILINE)
BLOCK = re.compile(
    r'<div class="((?:language-\w+ )?highlight)">((?:(?!</div>).)*?<code>(.*?)</code></pre>)',
    re.DOTALL,
)
COLUMNS = 100  # that fit into a block on a screen of 1,280 pixels
KEYS = re.compile(r"<table>(?=\s*<thead>\s*<tr>\s*<th>key</th>\s*<th>takes</th>)")
SHORT = re.compile(r"<code>([^<\n]{1,28})</code>(?!</pre>)")  # fits into a line of a phone


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the macros of a page; MkDocs calls this before it renders the page."""
    # A block `console` holds commands that tests do not run. The highlighter of that name takes
    # lines without a prompt for output.
    return expand(markdown).replace("```console\n", "```bash\n")


def on_page_content(content: str, **_: Any) -> str:
    """Sort the code and the tables of a page; MkDocs calls this with the HTML of a page."""
    content = KEYS.sub("<table data-keys>", content)
    return SHORT.sub(r'<code class="short">\1</code>', sorted_blocks(content))


def sorted_blocks(content: str) -> str:
    """Give a block with long lines the class `wide`, one of a single line the class `message`."""

    def sort(match: re.Match[str]) -> str:
        lines = html.unescape(re.sub(r"<[^>]+>", "", match[3])).rstrip().splitlines()
        columns = max(map(len, lines), default=0)
        if columns <= COLUMNS:
            return match[0]
        if len(lines) == 1:
            return f'<div class="{match[1]} message">{match[2]}'
        return f'<div class="{match[1]} wide" style="--columns: {columns}">{match[2]}'

    return BLOCK.sub(sort, content)


def expand(markdown: str) -> str:
    """Replace every macro that has a line of its own. Raises `KeyError` for an unknown macro."""

    def replace(match: re.Match[str]) -> str:
        arguments = ast.literal_eval(f"({match[2]},)") if match[2] else ()
        return MACROS[match[1]](*arguments)

    return MACRO.sub(replace, markdown)


def keys(kind: str, name: str) -> str:
    """Return the table of the keys that a part takes."""
    from genkit.recipe.binding.part_fields import SUPPLIED
    from genkit.recipe.installed.registry import load_registry

    return _key_table(load_registry().find(kind, name).load(), without=SUPPLIED.get(kind, ()))


def table_keys(table: str) -> str:
    """Return the keys of a table of a recipe: "train", "ema", or "recipe" for the top level."""
    from genkit.recipe import tables

    targets = {
        target.__name__.lower(): target
        for target in vars(tables).values()
        if inspect.isclass(target)
    }
    return _key_table(targets[table])


def file_keys(name: str) -> str:
    """Return the keys of a table of results or of a space of a search, by the name of a class."""
    from genkit.tables import spec
    from genkit.tuning import space

    return _key_table(getattr(spec, name, None) or getattr(space, name))


def docstring(module: str) -> str:
    """Return the docstring of a module; its indented blocks are code blocks of the page."""
    return inspect.cleandoc(importlib.import_module(module).__doc__ or "")


def parts(kind: str) -> str:
    """Return a table of all installed parts of a kind."""
    from genkit.recipe.installed.registry import load_registry

    found = load_registry().of_kind(kind)
    rows = [(f"`{part.entry.name}`", part.entry.summary, part.owner.distribution) for part in found]
    return _markdown(("name", "what it is", "distribution"), rows)


def commands() -> str:
    """Return the reference of all commands, as typer writes it, with whole summaries."""
    command = [sys.executable, "-m", "typer", "genkit.cli", "utils", "docs", "--name", "genkit"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    text = re.sub(r"^#+ `genkit`\n", "", done.stdout.lstrip(), count=1)
    text = re.sub(r"^(\* `[^`]*`): ", r"\1: ", text, flags=re.MULTILINE)
    return _with_summaries(text)


def _with_summaries(text: str) -> str:
    """Complete the summaries that typer cuts off; each is below the heading of its group."""
    import typer

    from genkit.cli import app

    root = group = typer.main.get_command(app)
    lines = []
    for line in text.splitlines():
        if heading := re.match(r"#+ `genkit (.+)`$", line):
            group = root
            for name in heading[1].split():
                group = group.commands[name]
        listed = re.match(r"\* `([\w-]+)`:.*\.\.\.$", line)
        if listed and listed[1] in getattr(group, "commands", ()):
            line = f"* `{listed[1]}`: {group.commands[listed[1]].get_short_help_str(limit=200)}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _key_table(target: Callable[..., Any], without: Sequence[str] = ()) -> str:
    from genkit.recipe.binding.expected import expected
    from genkit.recipe.binding.part_fields import parameters_of

    rows = []
    for key, parameter in parameters_of(target).items():
        if key not in without:
            rows.append(
                (f"`{key}`", _takes(parameter.hint, expected), _default(parameter), parameter.doc)
            )
    return _markdown(("key", "takes", "default", "meaning"), rows) if rows else "It has no keys."


def _takes(hint: Any, expected: Callable[[Any], str]) -> str:
    return re.sub(r'"([^"]*)"', r'`"\1"`', expected(hint))


def _default(parameter: Any) -> str:
    from genkit.core.constant_schedule import ConstantSchedule

    if parameter.required:
        return "required"
    default = parameter.default
    if default is None or default == {}:
        return "none"
    if isinstance(default, ConstantSchedule):
        return f"`{default.value:g}`"
    if isinstance(default, bool | str | int | float | list | tuple):
        return f"`{json.dumps(default)}`"
    name = _name_of(default)
    return f"`{name}`" if name else "the defaults of its keys"


def _name_of(part: Any) -> str:
    from genkit.hooks import KINDS
    from genkit.recipe.installed.registry import load_registry

    wanted = f"{type(part).__module__}:{type(part).__qualname__}"
    registry = load_registry()
    named = [
        each.entry.name
        for kind in KINDS
        for each in registry.of_kind(kind)
        if each.entry.target == wanted
    ]
    return named[0] if named else ""


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


MACROS: Mapping[str, Callable[..., str]] = {
    "keys": keys,
    "table_keys": table_keys,
    "file_keys": file_keys,
    "docstring": docstring,
    "parts": parts,
    "commands": commands,
}
