"""The notebook of the documentation: it runs, is short, uses public names alone, and stores no output."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import genkit

FILE = Path(__file__).parents[2] / "docs" / "notebooks" / "digits.ipynb"
MOST_LINES = 25


def notebook():
    return nbformat.read(FILE, as_version=4)


def test_the_notebook_is_short_and_stores_no_output():
    code = [cell for cell in notebook().cells if cell.cell_type == "code"]
    assert not [cell for cell in code if cell.outputs or cell.execution_count]
    assert sum(len(cell.source.splitlines()) for cell in code) <= MOST_LINES


def test_the_notebook_uses_public_names_alone():
    tree = ast.parse("\n".join(cell.source for cell in notebook().cells if cell.cell_type == "code"))
    imported = [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    used = {node.attr for node in attributes if ast.unparse(node.value) == "genkit"}
    assert imported == ["genkit"]
    assert {"read_recipe", "plan", "train", "evaluate", "compare"} <= used <= {*genkit.__all__}
    assert not [node.attr for node in attributes if node.attr.startswith("_")]


@pytest.mark.trains
def test_the_notebook_runs(tmp_path):
    found = notebook()
    NotebookClient(found, timeout=900, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in found.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output.output_type == "error"]
    shown = [output["data"] for output in outputs if "data" in output]
    assert sum("image/png" in data for data in shown) == 3
    assert sum("<table>" in data.get("text/html", "") for data in shown) >= 4
    assert any("step 100/100" in data.get("text/html", "") for data in shown)  # the progress
    assert len(list((tmp_path / "runs").glob("0*"))) == 2
