"""A new package passes ruff, whatever its name."""

import importlib.util
import subprocess
import sys

import pytest

from genkit.recipe.installed.registry import Registry
from genkit.scaffold.kinds import Kind, with_needed
from genkit.scaffold.names import LONGEST, PluginName
from genkit.scaffold.write import write_plugin

pytestmark = pytest.mark.trains


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff comes with the extra lint")
def test_every_package_is_as_ruff_writes_it(tmp_path):
    longest = "a-name-that-has-forty-characters-exactly"
    assert len(longest) == LONGEST
    for name in ("z", longest):
        for kind in Kind:
            write_plugin(PluginName(name), with_needed((kind,)), tmp_path / name / kind, Registry())
        write_plugin(PluginName(name), tuple(Kind), tmp_path / name / "all", Registry())
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stdout
