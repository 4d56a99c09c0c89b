"""The commands of the tutorial of plugins run, in order, with the changes of the code that the page shows.

A block `sh` is run and a block `diff` applied; a block `console` needs the network, and is not run.
"""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from genkit.scaffold.kinds import TEMPLATES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "own-plugin.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
OFFLINE = ("--no-deps", "--no-build-isolation", "--no-index", "-q")
NOT_RUN = {"mypy"}  # it takes a minute; a slow test in tests/scaffold runs it
NEEDED = ("hatchling", "ruff")


@dataclass
class Shell:
    """The shell of an author: a working folder, and a folder into which packages are installed."""

    folder: Path
    site: Path

    def run(self, line: str) -> None:
        """Run a line of the page, without the network and with a short training. Raises `AssertionError`."""
        name, *words = shlex.split(line)
        if name == "cd":
            self.folder /= words[0]
        elif name not in NOT_RUN:
            self._python(name, *self._changed(name, words))

    def _changed(self, name: str, words: list[str]) -> list[str]:
        if (
            name == "pip" and words[0] == "install"
        ):  # the folder of the package is before `site` on the path, as with -e
            return ["install", *OFFLINE, "--target", str(self.site), "."]
        if name == "pip":
            return [*words, *OFFLINE]
        if name == "pytest":
            return ["-q", "-p", "no:cacheprovider", "tests/test_loss.py"]
        short = ["--set", "train={steps=2, batch_size=8}", "--quiet"] if words[0] == "run" else []
        return [*words, *short]

    def _python(self, *words: str) -> None:
        path = os.pathsep.join(map(str, (ROOT, self.folder, self.site)))
        variables = {"PYTHONPATH": path, "GENKIT_PLUGINS": "all", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)


def apply(diff: str, folder: Path) -> None:
    """Replace the lines of a diff in the one file that has the old ones."""
    lines = diff.splitlines(keepends=True)
    old, new = ("".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +"))
    (path,) = (path for path in folder.rglob("*.py") if old in path.read_text(encoding="utf-8"))
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.trains
@pytest.mark.skipif(not all(map(importlib.util.find_spec, NEEDED)), reason=f"needs {' and '.join(NEEDED)}")
def test_the_tutorial_of_plugins(tmp_path):
    shell = Shell(tmp_path, tmp_path / "site")
    for language, text in BLOCKS:
        if language == "diff":
            apply(text, shell.folder)
        for line in text.splitlines() if language == "sh" else ():
            shell.run(line)
    assert [language for language, _ in BLOCKS].count("diff") == 3
    assert [path.name for path in (shell.folder / "dist").iterdir()] == [
        "genkit_torch_free_bits-0.1.0-py3-none-any.whl"
    ]
    assert "free = 1.0" in next(shell.folder.glob("runs/0001-*/recipe.resolved.toml")).read_text(encoding="utf-8")
    for place in re.findall(r"^\| `([\w./-]+)` \| ", PAGE.partition("All names")[0], re.MULTILINE):
        assert (tmp_path / place).exists(), place


def test_the_tutorial_lists_the_part_of_each_kind():
    rows = dict(
        re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.partition("`--kind` | part")[2].partition("\n## ")[0], re.M)
    )
    assert rows.keys() == {kind.value for kind in TEMPLATES}
    for kind, template in TEMPLATES.items():
        assert rows[kind].lower().startswith(template.summary.lower()), kind
