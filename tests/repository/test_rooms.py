"""Rules about imports, read from the source: each room imports only the rooms before it."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "genkit"
PLUGINS = sorted(path.parent for path in (CHECKOUT / "plugins").glob("*/genkit_*/__init__.py"))
PLUGIN_PARTS = sorted(path for plugin in PLUGINS for path in plugin.rglob("*.py") if path.name != "__init__.py")
# Bottom up: a module imports only its own room and rooms further left. The picture in docs/architecture.md shows these.
ROOMS = (
    *("errors", "near_miss", "part_code", "launched", "hooks", "console", "storage", "core", "bases", "api"),
    *("evaluation", "draw", "pages", "parts", "recipe", "testing", "plugin_check", "scaffold"),
    *("engine", "runs", "tables", "tuning", "sharing", "notebook", "demo", "cli"),
)
BUILT_IN_PARTS = sorted(path for path in (PACKAGE / "parts").glob("*/**/*.py") if path.name != "__init__.py")
PLACEHOLDER = re.compile(r"your_part|[A-Z]{3}")  # genkit/parts/KIND/your_part.py
FACES = {"__init__", "__main__"}  # for notebooks and the shell
ENGINE = sorted((PACKAGE / "engine").glob("*.py"))
BLIND_FILES = (
    *(
        "recipe/plan.py",
        "recipe/binding/bind_recipe.py",
        "recipe/checks.py",
        "recipe/metric_checks.py",
        "recipe/trial/dry_run.py",
        "recipe/trial/dry_run_remarks.py",
    ),
    *("recipe/trial/measured_step.py", "runs/training/train.py"),
)
METHOD_BLIND = [*ENGINE, *(PACKAGE / name for name in BLIND_FILES)]


def label(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def module_name(path: Path) -> str:
    parts = path.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def at_module_level(tree: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements that an import of the module runs, but for those that only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            continue
        if isinstance(node, ast.stmt):
            yield node
        yield from at_module_level(node)


@cache  # most files are asked for by many tests
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def code_of(path: Path) -> str:
    """Return the code of a file without comments."""
    return ast.unparse(tree_of(path))


@cache
def imported(path: Path, *, anywhere: bool = True) -> frozenset[str]:
    """Return the modules that a file imports; of ``from a import b`` both ``a`` and ``a.b``."""
    tree = tree_of(path)
    names: set[str] = set()
    for node in ast.walk(tree) if anywhere else at_module_level(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def file_of(module: str) -> Path | None:
    path = CHECKOUT.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if module.startswith("genkit") and file.is_file()), None)


def closure(start: Path) -> dict[str, Path]:
    """Return every module that an import of `start` brings in, and the file of genkit that asks for it."""
    found: dict[str, Path] = {}
    waiting, seen = [start], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imported(path, anywhere=False):
            found.setdefault(name, path)
            packages = [name.rsplit(".", n)[0] for n in range(name.count(".") + 1)]
            waiting += [file for package in packages if (file := file_of(package))]
    return found


def top(module: str) -> str:
    return module.partition(".")[0]


def test_the_reader_of_imports_sees_what_it_should(tmp_path):
    (tmp_path / "x.py").write_text(
        "import a.b\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import c\nelse:\n    import d\n"
        "try:\n    import e\nexcept ImportError:\n    pass\nclass K:\n    import f\ndef g():\n    from h import i\n"
    )
    assert imported(tmp_path / "x.py", anywhere=False) - {"typing", "typing.TYPE_CHECKING"} <= {"a.b", "d", "e", "f"}
    assert {"a.b", "e", "f"} <= imported(tmp_path / "x.py", anywhere=False)
    assert {"c", "h", "h.i"} <= imported(tmp_path / "x.py")
    assert "torch" in {top(name) for name in closure(PACKAGE / "api" / "__init__.py")}
    assert len(PLUGINS) >= 4 and len(PLUGIN_PARTS) >= 5 and len(ENGINE) >= 8 and len(BUILT_IN_PARTS) >= 50


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_each_room_imports_only_the_rooms_before_it():
    order = {name: number for number, name in enumerate(ROOMS)}
    upward = []
    for path in PACKAGE.rglob("*.py"):
        if (here := room_of(path)) in FACES:
            continue
        for name in imported(path):
            there = name.split(".")[1] if name.startswith("genkit.") else ""
            if there in FACES or (there in order and order[there] > order[here]):
                upward.append(f"{label(path)} imports {name}")
    assert not upward, "\n".join(upward)


def test_the_architecture_page_lists_the_imports_of_each_room():
    text = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
    listed = {
        room: set(re.findall(r"\w+", rooms)) for room, rooms in re.findall(r"^\| `(\w+)` \|([\w, ]*)\|$", text, re.M)
    }
    assert tuple(listed) == ROOMS
    found: dict[str, set[str]] = {room: set() for room in ROOMS}
    for path in PACKAGE.rglob("*.py"):
        if (here := room_of(path)) in found:
            found[here] |= {name.split(".")[1] for name in imported(path) if name.startswith("genkit.")} - {here}
    assert listed == {room: rooms & set(ROOMS) for room, rooms in found.items()}


def test_every_file_that_the_documentation_names_exists():
    for page in [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *(CHECKOUT / "docs").rglob("*.md")]:
        named = re.findall(
            r"`((?:genkit|tests|plugins|benchmarks|recipes)/[\w/.-]+)`", page.read_text(encoding="utf-8")
        )
        missing = [path for path in named if not (CHECKOUT / path).exists() and not PLACEHOLDER.search(path)]
        assert not missing, f"{label(page)} names {missing}"


def test_every_file_belongs_to_a_room_and_every_room_says_what_it_is():
    assert {room_of(path) for path in PACKAGE.rglob("*.py")} == {*ROOMS, *FACES}
    for path in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(tree_of(path)), f"{label(path)} has no docstring"


EARLY = [
    *(PACKAGE / f"{name}.py" for name in ("__init__", "__main__", "hooks", "errors")),
    *(PACKAGE / "core" / f"{name}.py" for name in ("types", "loss", "diag_normal", "field_types")),
    *(PACKAGE / "recipe" / f"{name}.py" for name in ("text/document", "text/shipped", "installed/registry", "tables")),
    PACKAGE / "parts" / "builtin.py",
    *sorted(
        path for path in (PACKAGE / "cli").rglob("*.py") if not path.stem.startswith(("show_", "training", "launch"))
    ),
]


@pytest.mark.parametrize("path", EARLY, ids=label)
def test_what_is_imported_early_imports_no_torch(path):
    brought = {top(name): asked for name, asked in closure(path).items()}
    assert "torch" not in brought, f"{brought['torch']} imports it"
    assert not {"numpy", "accelerate", "safetensors", "matplotlib", "datasets"} & brought.keys()


@pytest.mark.parametrize("path", [PACKAGE / "__main__.py", PACKAGE / "cli" / "__init__.py"], ids=label)
def test_the_help_needs_neither_pydantic_nor_rich(path):
    assert not {"pydantic", "rich"} & {top(name) for name in closure(path)}


@pytest.mark.parametrize("path", [plugin / "__init__.py" for plugin in PLUGINS], ids=label)
def test_the_module_of_a_plugin_imports_only_the_hooks(path):
    foreign = {name for name in imported(path) if top(name) not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("genkit.hooks")} == set()


def modules_that_a_plugin_declares(project: Path) -> set[str]:
    """Return the top modules of the dependencies in a plugin's pyproject.toml, without genkit itself."""
    dependencies = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {re.split(r"[<>=!~\[ ]", dependency)[0] for dependency in dependencies} - {"genkit-torch"}
    renamed = {"scikit-image": "skimage"}
    return {renamed.get(name, name.replace("genkit-torch-", "genkit-").replace("-", "_")) for name in names}


@pytest.mark.parametrize("path", PLUGIN_PARTS, ids=label)
def test_the_parts_of_a_plugin_import_only_the_interface_and_what_the_plugin_declares(path):
    plugins, plugin, own = path.relative_to(CHECKOUT).parts[:3]
    declared = modules_that_a_plugin_declares(CHECKOUT / plugins / plugin)
    allowed = {"annotated_types", own, *declared, *sys.stdlib_module_names}
    foreign = {name for name in imported(path) if top(name) not in allowed}
    assert {name for name in foreign if name != "genkit.api" and not name.startswith("genkit.api.")} - {
        "genkit"
    } == set()


@pytest.mark.parametrize("path", BUILT_IN_PARTS, ids=label)
def test_a_built_in_part_imports_what_a_part_of_a_plugin_may_import(path):
    """The public interface, other parts of the same package, and libraries: a plugin has no more."""
    of_genkit = {name for name in imported(path) if top(name) == "genkit"}
    assert {name for name in of_genkit if not f"{name}.".startswith(("genkit.api.", "genkit.parts."))} == set()


@pytest.mark.parametrize("path", METHOD_BLIND, ids=label)
def test_the_engine_imports_no_part(path):
    for name in imported(path):
        assert not top(name).startswith("genkit_"), name
        if top(name) == "genkit" and "." in name:
            assert name.split(".")[1] not in {"parts", "tables", "cli"}, name


@pytest.mark.parametrize("path", ENGINE, ids=label)
def test_the_engine_does_not_know_how_it_is_reported(path):
    assert not {
        name
        for name in imported(path)
        if name.startswith(("genkit.draw", "genkit.console", "genkit.cli", "genkit.runs"))
    }


@cache
def names_of_parts() -> set[str]:
    """Return the name of every part of genkit and of the plugins beside it, as their hooks write them."""
    names = set()
    for path in [*(PACKAGE / "parts").glob("*/__init__.py"), *(plugin / "__init__.py" for plugin in PLUGINS)]:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Entry":
                assert isinstance(node.args[0], ast.Constant)
                names.add(node.args[0].value)
    return names


@pytest.mark.parametrize("path", METHOD_BLIND, ids=label)
def test_the_engine_spells_the_name_of_no_part(path):
    names = names_of_parts()
    assert {"mlp", "vae", "adam", "soft-introvae", "wgan-gp"} <= names
    strings = {
        node.value for node in ast.walk(tree_of(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not strings & names


HOMES = {
    "torch.distributed": {
        *("genkit/core/collectives.py", "genkit/engine/distributed.py"),
        "genkit/engine/process_group.py",  # where the processes find each other
    },
    "_shared_state": {"genkit/engine/host_accelerate.py"},
    "_reset_state": set(),
}


@pytest.mark.parametrize("name", HOMES)
def test_few_files_know_the_processes_and_one_the_state_of_accelerate(name):
    """A part exchanges rows through its batch and the layers of genkit, so an exchange has one place to be changed."""
    paths = [*PACKAGE.rglob("*.py"), *PLUGIN_PARTS]
    code = {label(path): code_of(path) for path in paths}
    found = {
        place
        for place, text in code.items()
        if re.search(rf"\b{name}\b(?!\.run)", re.sub('""".*?"""', "", text, flags=re.S))
    }
    assert found == HOMES[name]
