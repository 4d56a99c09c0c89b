"""Names of a new plugin: all follow from the name that the author gives.

For `my-method` the distribution is `genkit-torch-my-method` and the package `genkit_my_method`. The entry point, each
part and the folder are `my-method`; the classes are `MyMethodLoss`, `MyMethodModel`, and so on.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from genkit.errors import UsageError

LONGEST = 40  # characters; a line of the package with the name three times still has fewer than 120
RESERVED = ("all", "none", "genkit")  # `--plugins` means something else by them
PREFIXES = ("genkit-torch-", "genkit-")


@dataclass(frozen=True)
class PluginName:
    """Name of a new plugin: lower-case words, with hyphens between them.

    Raises `UsageError` for another text, a keyword of Python, a reserved name, and one that is too long.
    """

    name: str

    def __post_init__(self) -> None:
        if problem := _problem(self.name):
            raise UsageError(f"NAME {self.name}: {problem}")

    @property
    def distribution(self) -> str:
        """The name for pip."""
        return f"genkit-torch-{self.name}"

    @property
    def package(self) -> str:
        """The name for `import`."""
        return f"genkit_{self.name.replace('-', '_')}"

    def class_of(self, kind: str) -> str:
        """Return the name of the class of the part of a kind."""
        return "".join(word.capitalize() for word in (*self.name.split("-"), kind))


def _problem(name: str) -> str:
    """Return what is wrong with a name, and what to do; empty for a good one."""
    for prefix in PREFIXES:
        if name.startswith(prefix) and _is_kebab(short := name.removeprefix(prefix)):
            return f"genkit adds {PREFIXES[0]} to the name of the distribution. Write {short}."
    if not _is_kebab(name):
        close = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()).strip("-")
        example = close if _is_kebab(close) else "my-method"
        return (
            "no name of a plugin. Write lower-case letters, digits and hyphens, and begin with a letter, such as "
            f"{example}."
        )
    if name in RESERVED:
        return f"reserved, since `genkit --plugins {name}` means something else. Choose another name."
    if keyword.iskeyword(name) or keyword.iskeyword(name.capitalize()):
        return "a keyword of Python. Choose another name."
    if len(name) > LONGEST:
        return f"{len(name)} characters. Choose a name of at most {LONGEST}."
    return ""


def _is_kebab(text: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", text) is not None
