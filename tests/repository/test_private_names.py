"""Private names of libraries change without notice: genkit, its plugins and the benchmarks use none by accident."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("genkit", "plugins", "benchmarks") for path in (CHECKOUT / folder).rglob("*.py"))
PUBLIC = {"_asdict", "_fields", "_make", "_replace", "_exit"}  # of a named tuple, and of os
DATA = {"__MACOSX", "_images", "_labels", "_mask"}  # texts that name files and arrays
ALLOWED = {
    # torch documents the class under this path ("Extending PyTorch") and has it under no other.
    "genkit/core/torch_operations.py": {"torch.utils._python_dispatch"},
    # torch's error for a second backward of a compiled graph names this setting, and there is no public one.
    "genkit/core/torch_defaults.py": {"torch._functorch.config"},
    # No public name identifies the content of a table without reading all of it.
    "genkit/bases/pictures/hf_source.py": {"_fingerprint"},
    # Accelerate keeps settings for the whole process and has no public way to restore those of the host program.
    "genkit/engine/host_accelerate.py": {"_shared_state"},
    # The same class of torch, and its names for the operations that wait for a GPU.
    "benchmarks/gpu/synchronisation.py": {"torch.utils._python_dispatch", "_local_scalar_dense", "_unique2"},
}


def private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name.strip("_") != ""


def defined(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a file defines: functions, classes, variables and the attributes of its objects."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            yield node.attr


def used(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that a file imports, reads as an attribute, or may pass to ``getattr``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value.isidentifier() and private(node.value):
                yield node.value
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names if private(each.name))
            yield from [str(node.module)] if any(map(private, str(node.module).split("."))) else []
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names if any(map(private, each.name.split("."))))


def foreign(text: str) -> set[str]:
    tree = ast.parse(text)
    return set(used(tree)) - set(defined(tree)) - PUBLIC - DATA


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_no_private_name_of_a_library_is_used(path: Path) -> None:
    file = path.relative_to(CHECKOUT).as_posix()
    found = foreign(path.read_text(encoding="utf-8")) - ALLOWED.get(file, set())
    assert not found, f"{file}: use a public name instead of {sorted(found)}, or allow it in ALLOWED with the reason"


@pytest.mark.parametrize("file", ALLOWED)
def test_every_allowed_name_is_still_used(file: str) -> None:
    found = foreign((CHECKOUT / file).read_text(encoding="utf-8")) if (CHECKOUT / file).exists() else set()
    assert ALLOWED[file] <= found, f"{file}: remove {sorted(ALLOWED[file] - found)} from ALLOWED"


@pytest.mark.parametrize(
    "line, name",
    [
        ("import torch._dynamo", "torch._dynamo"),
        ("from torch.utils._python_dispatch import X", "torch.utils._python_dispatch"),
        ("from torch.nn.modules.batchnorm import _BatchNorm", "torch.nn.modules.batchnorm._BatchNorm"),
        ("torch._foreach_lerp_(a, b, 1)", "_foreach_lerp_"),
        ("key = x.untyped_storage()._cdata", "_cdata"),
        ("getattr(typer.main, '_get_command')", "_get_command"),
    ],
)
def test_private_names_are_found(line: str, name: str) -> None:
    assert foreign(f"self._own = 1\nself._own\na._replace(b=1)\n__version__\n{line}") == {name}
