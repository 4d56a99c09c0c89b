"""The distributions that supplied the parts of a run, a line each, for users who read it without its plugins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import NamedTuple

LINE = re.compile(r"(\S+): (\S+) \((\S+) (\S+)\)")  # optimiser.encoder: adam (genkit-torch 0.1.0)


class Supplier(NamedTuple):
    """What supplied the part of a table."""

    part: str
    distribution: str
    version: str

    @property
    def remedy(self) -> str:
        """How to get the part again."""
        return (
            f"The run had it from {self.distribution} {self.version}. Install it with "
            f'`pip install "{self.distribution}=={self.version}"`.'
        )


def suppliers_in(lines: Iterable[object]) -> Mapping[str, Supplier]:
    """Return the suppliers by table, such as ``optimiser.encoder``, from lines that `Plan.owners` has written."""
    found = (LINE.fullmatch(line) for line in lines if isinstance(line, str))
    return {match[1]: Supplier(match[2], match[3], match[4]) for match in found if match}


def suppliers_in_comments(text: str) -> Mapping[str, Supplier]:
    """Return the suppliers in the comments at the top of a resolved recipe; none in another recipe."""
    comments = takewhile(lambda line: line.startswith("#"), text.splitlines())
    return suppliers_in(comment.removeprefix("# ") for comment in comments)
