"""The files of one command, under one name: complete or absent, and never in place of other results.

A default name that is taken by files of other content gets the next number, as in ``scores-elbo-raw-of-odd-2``: a call
with other options, other pictures or a longer training does not replace what an earlier call has written. The same call
writes the same bytes, so it keeps the name. Files that ``--out`` names are replaced, all of them: one that this call
does not write would belong to an earlier one. Several processes may write the same names.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path

from genkit.cli.places.destination import Destination, output_stem
from genkit.cli.places.outputs import refused_if_unwritable
from genkit.errors import UsageError

PREFIX = 60  # characters of the name in that of the hidden folder


class OutputFiles:
    """Files that are written to a hidden folder first, and get their names when all of them are complete."""

    def __init__(self, out: Destination | None, default: Path, endings: Sequence[str], option: str = "--out"):
        """Choose the name: `out`, the value of `option`, or else the default one.

        `endings` are those of the files, such as ``-maps.npy``; that of a name in `out` is replaced. Raises
        `UsageError` for a name that ends like a file of another type.
        """
        self._remedy = f" Choose another place with {option}."
        self.stem = output_stem(out, default, endings, option)
        self.endings = tuple(endings)
        self.written: list[Path] = []
        self._may_replace = out is not None and not out.is_folder

    @property
    def place(self) -> Path:
        """The file, if it is one, or else the name without an ending: what messages name."""
        return self._named(self.stem)[0] if len(self.endings) == 1 else self.stem

    @contextmanager
    def writing(self) -> Iterator[list[Path]]:
        """Yield the paths to write to, one for each ending; a file may be left out. Then `written` has the final paths.

        New folders are removed again if the block raises. An `OSError` becomes a `UsageError`, which is also raised,
        before anything is written, if a folder has one of the names.
        """
        if self._may_replace and (folders := [path for path in self._named(self.stem) if path.is_dir()]):
            raise UsageError(f"{folders[0]}: cannot be written: it is a folder.{self._remedy}")
        parent = self.stem.parent
        missing = [folder for folder in (parent, *parent.parents) if not folder.exists()]
        try:
            with refused_if_unwritable(self.place, remedy=self._remedy):
                parent.mkdir(parents=True, exist_ok=True)
                # A folder of its own: two calls with the same default name may run at the same time.
                draft = Path(tempfile.mkdtemp(".partial", f".{self.stem.name[:PREFIX]}.", parent))
                drafts = self._named(draft / self.stem.name)
                try:
                    yield drafts
                    self._name_drafts(drafts)
                finally:
                    shutil.rmtree(draft, ignore_errors=True)
        except BaseException:
            with suppress(OSError):
                for folder in missing:  # the innermost first
                    folder.rmdir()
            raise

    def _name_drafts(self, drafts: Sequence[Path]) -> None:
        """Move the files to the first name that may be used."""
        for stem in chain([self.stem], (self.stem.with_name(f"{self.stem.name}-{number}") for number in count(2))):
            pairs = [(draft, final) for draft, final in zip(drafts, self._named(stem), strict=True) if draft.exists()]
            if self._may_replace or _claimed(pairs):
                break
        for draft, final in pairs:
            os.replace(draft, final)
        self.written = [final for _, final in pairs]
        for left in set(self._named(stem)) - set(self.written) if self._may_replace else ():
            left.unlink(missing_ok=True)

    def _named(self, stem: Path) -> list[Path]:
        return [stem.with_name(stem.name + ending) for ending in self.endings]


def name_in_files(name: str, place: Path) -> str:
    """Return the name of a set of pictures as part of a file name: without the ending of a file, ``-`` for ``/``."""
    return (name.removesuffix(place.suffix) if place.is_file() else name).replace("/", "-")


def picture_file(out: Destination | None, default: Path) -> OutputFiles:
    """Return the one PNG file of a command. Raises `UsageError` unless the name ends in .png."""
    if out is not None and not out.is_folder and out.path.suffix.lower() != ".png":
        raise UsageError(f"--out {out}: not the name of a PNG file. Give a name that ends in .png.")
    return OutputFiles(out, default, [".png"])


def page_file(out: Destination, default: Path, option: str = "--out") -> OutputFiles:
    """Return the one HTML file of a command. Raises `UsageError` unless the name ends in .html."""
    if not out.is_folder and out.path.suffix.lower() != ".html":
        raise UsageError(f"{option} {out}: not the name of an HTML file. Give a name that ends in .html.")
    return OutputFiles(out, default, [".html"], option)


def _claimed(pairs: Sequence[tuple[Path, Path]]) -> bool:
    """Return whether the names are free, or those of files of the same content; a free name is then an empty file."""
    claimed = []
    for draft, final in pairs:
        try:
            final.touch(exist_ok=False)  # in one step, since another process may want the same name
            claimed.append(final)
        except FileExistsError:
            if not final.is_file() or not filecmp.cmp(draft, final, shallow=False):
                for path in claimed:
                    path.unlink()
                return False
    return True
