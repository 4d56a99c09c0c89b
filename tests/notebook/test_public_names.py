"""The names that `import genkit` exports: listed, typed, and imported on first use."""

import inspect
import subprocess
import sys

import pytest

import genkit
import genkit.notebook

FUNCTIONS = [name for name in genkit.__all__ if inspect.isfunction(getattr(genkit, name))]


def test_every_name_is_listed_and_can_be_imported():
    assert sorted(genkit.__all__) == sorted(genkit._EXPORTS) and set(genkit.__all__) <= set(dir(genkit))
    assert {"train", "resume", "plan", "load", "data_from", "evaluate", "compare", "open_run"} <= set(FUNCTIONS)
    with pytest.raises(AttributeError):
        genkit.trian  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_is_typed_and_documented(name):
    function = getattr(genkit, name)
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty and inspect.getdoc(function)
    assert all(each.annotation is not inspect.Parameter.empty for each in signature.parameters.values())


@pytest.mark.trains
def test_the_import_brings_no_torch():
    heavy = "[m for m in ('torch', 'numpy', 'rich', 'pydantic', 'PIL', 'pandas') if m in sys.modules]"
    code = f"import sys, genkit; dir(genkit); print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=900)
    assert done.stdout.strip() == "[]", done
