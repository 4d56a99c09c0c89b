"""Laws of the entry of a part, whatever its kind: what a user reads about it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genkit.hooks import Entry
from genkit.plugin_check.member_names import misspelt_members
from genkit.recipe.binding.part_fields import SUPPLIED, parameters_of
from genkit.recipe.installed.registry import Part
from genkit.testing.law import Law

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MOST = 100  # characters of a summary: `genkit plugins` prints it in a table


def entry_laws(part: Part, owners: Sequence[str]) -> list[Law]:
    """Return the laws of an entry; `owners` are all distributions that supply a part of this kind and name."""
    trial = _Trial(part, owners)
    return [
        Law("entry", trial.entry, "Write Entry(name, target, summary, source) as genkit.hooks.Entry documents"),
        Law("its name is not taken", trial.name, "Choose another name: no recipe can use a name with two owners"),
        Law("its keys are explained", trial.keys, 'Annotate the key: Annotated[T, Doc("What it means.")]'),
        Law(
            "docstring",
            trial.docstring,
            "Say in the docstring of the class what the part is; give its equation or source",
        ),
        Law(
            "names of members",
            trial.members,
            "genkit looks for members of a part by name: rename it, or begin the name of a helper with an underscore",
        ),
    ]


@dataclass(frozen=True)
class _Trial:
    part: Part
    owners: Sequence[str]

    def entry(self) -> None:
        entry: Entry = self.part.entry
        assert NAME.fullmatch(entry.name), f"the name {entry.name!r} is not in kebab-case"
        assert entry.summary.strip() and entry.summary.isprintable(), "the summary is empty, or not one line"
        assert len(entry.summary) <= MOST, f"the summary has {len(entry.summary)} characters, more than {MOST}"
        assert entry.source.strip(), "the source is empty: name the paper, an address, or `closed form`"

    def name(self) -> None:
        others = [owner for owner in self.owners if owner != str(self.part.owner)]
        twice = others or len(self.owners) > 1
        assert not twice, f'"{self.part.entry.name}" is also supplied by {" and ".join(others) or self.owners[0]}'

    def keys(self) -> None:
        supplied = SUPPLIED.get(self.part.kind, ())
        parameters = {key: each for key, each in parameters_of(self.part.load()).items() if key not in supplied}
        unexplained = [key for key, each in parameters.items() if not each.doc.strip()]
        assert not unexplained, f"{', '.join(unexplained)} without a Doc"
        untidy = [key for key, each in parameters.items() if not (each.doc[0].isupper() and each.doc.endswith("."))]
        assert not untidy, f"the Doc of {', '.join(untidy)} is no sentence with a capital letter and a full stop"

    def members(self) -> None:
        target: Any = self.part.load()
        for name, meant in misspelt_members(self.part.kind, target) if inspect.isclass(target) else ():
            raise AssertionError(
                f"{name} is no member of {self.part.kind}, and nothing calls it. Did you mean {' or '.join(meant)}?"
            )

    def docstring(self) -> None:
        target: Any = self.part.load()
        text = vars(target).get("__doc__") if inspect.isclass(target) else inspect.getdoc(target)
        generated = f"{getattr(target, '__name__', '')}("  # by @dataclass, if the class has none
        assert text and text.strip() and not text.startswith(generated), "the class has no docstring"
