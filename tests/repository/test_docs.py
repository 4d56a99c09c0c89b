"""The documentation says what the code does: its recipes plan, its Python runs, its tables name every key."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import tomli_w
import typer

from genkit import hooks
from genkit.cli import app
from genkit.console.output import Console
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.state import initial_state
from genkit.engine.threads import choose_threads
from genkit.engine.workers import choose_workers
from genkit.errors import RecipeError
from genkit.evaluation.compute_metrics import evaluate
from genkit.hooks import ENTRY_POINT_GROUP, HOOKS_VERSION, KINDS
from genkit.parts import builtin
from genkit.parts.datasets.hub_stream import HubStream
from genkit.recipe.binding.part_fields import parameters_of
from genkit.recipe.installed.registry import Owner, Registry
from genkit.recipe.plan import Plan, make_plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.plan_report import print_plan
from genkit.runs.training.evaluate_during_training import evaluations_of
from genkit.runs.training.train import train_in_folder

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
METHODS = {"vae", "introvae", "soft-introvae", "as-introvae", "reversed", "wgan-gp"}
# The plugins in this checkout, which a page may use without being installed in every environment.
PLUGIN_OF = {
    "introvae": "introvae",
    "soft-introvae": "soft-introvae",
    "as-introvae": "as-introvae",
    "as-distance": "as-introvae",
    "curriculum-c": "as-introvae",
    "reversed": "reversed",
    "sigmoid-squared": "reversed",
    "reversed-map": "reversed",
    "wgan-gp": "wgan-gp",
    "mlp-gan": "wgan-gp",
    "dcgan": "wgan-gp",
    "resnet-gan": "wgan-gp",
}


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    fence = re.compile(r'^```(\w+)(?: title="([^"]*)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
    text = page.read_text(encoding="utf-8")
    for found in fence.finditer(text):
        line = text[: found.start()].count("\n") + 1
        yield Block(page, line, found[1], found[2] or "", found[3])


BLOCKS = [block for page in [ROOT / "README.md", *PAGES] for block in blocks_of(page)]
PYTHON = [block for block in BLOCKS if block.language == "python"]
TOML = [block for block in BLOCKS if block.language == "toml"]
RECIPES = [block for block in TOML if "data" in tomllib.loads(block.text) and not block.title]


def headings_of(*pages: Path) -> list[str]:
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    return re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)


def skip_unless_installed(text: str) -> None:
    installed = {point.name for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)}
    named = {name for name in re.findall(r'"([^"]+)"', text) if name in PLUGIN_OF}
    if missing := {PLUGIN_OF[name] for name in named} - installed:
        pytest.skip(f"needs the plugin {' and '.join(sorted(missing))}")


def plan_of(text: str, folder: Path, registry: Registry | None = None) -> Plan:
    (folder / "recipe.toml").write_text(text, encoding="utf-8")
    return make_plan(folder / "recipe.toml", registry=registry)


# Generated text


def load_macros() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_macros", DOCS / "_macros.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MACROS = load_macros()
USES = {use for page in PAGES for use in MACROS.MACRO.findall(page.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_macros_of_a_page_expand(page):
    text = page.read_text(encoding="utf-8")
    skip_unless_installed(text)
    assert "{{" not in MACROS.expand(text.replace("{{ commands() }}", ""))


def test_long_lines_of_a_block_get_room():
    block = '<div class="language-text highlight"><pre><span></span><code>{}</code></pre></div>'
    short, long = (
        "a" * 100,
        '<span class="x">' + "a" * 99 + "</span>&lt;&gt;",
    )  # 101 letters
    sorted_blocks = MACROS.sorted_blocks
    assert sorted_blocks(block.format(short)) == block.format(short)
    assert 'class="language-text highlight message"' in sorted_blocks(block.format(long))
    table = sorted_blocks(block.format(f"{short}\n{long}\n"))
    assert 'class="language-text highlight wide" style="--columns: 101"' in table and f"{short}\n{long}" in table
    both = sorted_blocks(block.format(short) + "<p>text</p>" + block.format(f"{long}\n{long}\n"))
    assert both.startswith(block.format(short)) and both.count("wide") == 1


def test_commands_that_no_test_runs_are_highlighted_as_commands():
    assert MACROS.on_page_markdown("```console\ngenkit doctor\n```\n") == "```bash\ngenkit doctor\n```\n"


def test_short_code_stays_in_one_line():
    page = "<p><code>--quiet</code> <code>genkit resume runs/0001-my-recipe-s0</code></p><pre><code>a\n</code></pre>"
    short = MACROS.on_page_content(page)
    assert short == page.replace("<code>--quiet", '<code class="short">--quiet')


def test_tables_of_keys_are_marked():
    markdown = pytest.importorskip("markdown").Markdown(extensions=["tables"])
    keys, other = markdown.convert(MACROS.keys("losses", "vae")), markdown.convert(MACROS.parts("losses"))
    assert "<table data-keys>" in MACROS.on_page_content(keys)
    assert "<table>" in MACROS.on_page_content(other)


def test_every_picture_is_shown():
    text = "".join(page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *PAGES])
    shown = {name.rpartition("/")[2] for name in re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", text)}
    kept = {path.name: path for path in (DOCS / "images").rglob("*.png")}
    assert kept.keys() == shown
    assert not {name for name, path in kept.items() if path.stat().st_size > 400_000}


def commands(group: Any = None, prefix: str = "genkit") -> Iterator[str]:
    for name, command in (group or typer.main.get_command(app)).commands.items():
        yield f"{prefix} {name}"
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")


@pytest.mark.trains  # typer writes the reference in a process of its own
def test_the_reference_has_every_command():
    assert ("commands", "") in USES
    text = MACROS.commands()
    assert set(commands()) <= set(re.findall(r"^#+ `(.+)`$", text, re.MULTILINE))
    summaries = dict(re.findall(r"^\* `([\w-]+)`: (.+)$", text, re.MULTILINE))
    assert {"run", "plan", "new"} <= summaries.keys() and not [text for text in summaries.values() if "..." in text]


def test_the_readme_says_what_every_command_does():
    section = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("## What genkit can do")[2].partition("\n## ")[0]
    )
    named = {
        word for cell in re.findall(r"^\| (.*?) \|", section, re.MULTILINE) for word in re.findall(r"[a-z-]+", cell)
    }
    missing = [name for name in typer.main.get_command(app).commands if name not in named]
    assert len(named) > 20 and missing == []


def test_every_part_has_a_table_of_its_keys_on_some_page():
    registry = Registry()
    registry.register(builtin, Owner("genkit", "genkit-torch", "0"))
    for name in sorted({PLUGIN_OF[name] for name in PLUGIN_OF}):
        if importlib.util.find_spec(module := f"genkit_{name.replace('-', '_')}"):
            registry.register(importlib.import_module(module), Owner(name, name, "0"))
    shown = {ast.literal_eval(arguments) for macro, arguments in USES if macro == "keys"}
    missing = {
        key for key in registry.parts if parameters_of(registry.find(*key).load()).keys() - {"data_shape"}
    } - shown
    assert not missing


def test_every_table_of_a_recipe_has_its_keys_on_a_page():
    shown = {ast.literal_eval(arguments) for macro, arguments in USES if macro == "table_keys"}
    assert {"recipe", "train", "ema", "checkpoint", "report", "evaluate"} <= shown


def test_every_table_of_a_table_of_results_has_its_keys_on_a_page():
    shown = {ast.literal_eval(arguments) for macro, arguments in USES if macro == "file_keys"}
    assert {"TableSpec", "RowSpec", "ColumnSpec", "PublishedNumbers", "SpaceSpec", "KeySpec"} <= shown


def test_a_key_table_has_the_type_default_and_doc_of_every_key():
    rows = {row.split(" | ")[0]: row for row in MACROS.keys("datasets", "hub-stream").splitlines()[2:]}
    assert rows.keys() == {f"| `{key}`" for key in parameters_of(HubStream)}
    assert '`"refuse"`' in rows["| `on_bad`"] and parameters_of(HubStream)["on_bad"].doc in rows["| `on_bad`"]


def test_a_default_is_a_value_a_name_or_a_text():
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|", MACROS.table_keys("recipe"), re.MULTILINE))
    assert rows["seed"] == "`0`" and rows["ema"] == "none" and rows["title"] == "required"
    assert rows["checkpoint"] == rows["report"] == "the defaults of its keys"


def test_every_page_is_in_the_navigation():
    configuration = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"[\w/-]+\.md", configuration.split("nav:")[1]))
    assert listed == {page.relative_to(DOCS).as_posix() for page in PAGES}


def test_the_first_page_leads_to_every_page():
    linked = set(re.findall(r"\]\(([\w/-]+\.md)", (DOCS / "index.md").read_text(encoding="utf-8")))
    assert linked == {page.relative_to(DOCS).as_posix() for page in PAGES} - {"index.md"}


def test_the_table_of_hooks_has_every_hook():
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[`genkit_(\w+)`\]\(plugin-kinds\.md#genkit_(\w+)-iterableentry\)", text, re.MULTILINE)
    assert sorted(listed) == sorted((kind, kind) for kind in KINDS)
    assert {f"`genkit_{kind}() -> Iterable[Entry]`" for kind in KINDS} <= set(headings_of(DOCS / "plugin-kinds.md"))


def test_every_method_has_a_page():
    assert {page.stem for page in (DOCS / "methods").glob("*.md")} == METHODS


# Recipes


@pytest.mark.trains
@pytest.mark.parametrize("block", RECIPES, ids=lambda block: block.name)
def test_a_recipe_in_the_docs_plans(block, tmp_path):
    skip_unless_installed(block.text)
    assert plan_of(block.text, tmp_path).phases


@pytest.mark.parametrize(
    "block", [b for b in TOML if "data" not in tomllib.loads(b.text) and not b.title], ids=lambda block: block.name
)
def test_a_fragment_fits_into_a_recipe(block, tmp_path):
    """A fragment replaces the tables that it names in a recipe of its method."""
    skip_unless_installed(block.text)
    fragment = tomllib.loads(block.text)
    if "project" in fragment:
        return
    inner = fragment.get("loss", {})
    is_part_of_a_loss = "loss" in fragment and "use" not in inner
    method = "as-introvae" if is_part_of_a_loss else inner.get("use", "vae")
    skip_unless_installed(f'"{method}"')
    page = DOCS / "methods" / f"{method}.md"
    tables = tomllib.loads(next(b.text for b in blocks_of(page) if b.language == "toml" and "[data]" in b.text))
    merged = tables | fragment
    if is_part_of_a_loss:
        merged["loss"] = tables["loss"] | inner
    assert plan_of(tomli_w.dumps(merged), tmp_path).phases


def test_the_errors_of_the_bad_recipe_are_those_that_are_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = [block for block in BLOCKS if block.page.name == "recipes.md"]
    bad = next(number for number, block in enumerate(page) if block.title == "bad.toml")
    Path("bad.toml").write_text(page[bad].text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        make_plan("bad.toml")
    assert str(caught.value).splitlines() == page[bad + 1].text.splitlines()


OF_PAGES = {method: f"{method.replace('-', '_')}_8gaussians" for method in ("vae", "introvae", "as-introvae")}


@pytest.mark.parametrize(("method", "name"), [*OF_PAGES.items(), ("reversed", "reversed_digits")])
def test_the_recipe_of_a_methods_page_is_the_shipped_one_but_for_metrics(method, name):
    (text,) = (b.text for b in RECIPES if b.page == DOCS / "methods" / f"{method}.md")
    shipped = tomllib.loads((ROOT / "recipes" / f"{name}.toml").read_text())
    described = tomllib.loads(text)
    assert described | {"metrics": None, "seed": 0} == shipped | {"metrics": None}


def test_the_plan_that_is_shown_is_the_plan_of_the_shipped_recipe(capsys, monkeypatch):
    skip_unless_installed('"as-introvae"')
    monkeypatch.delenv("OMP_NUM_THREADS")
    shown = next(b.text for b in BLOCKS if b.page.name == "first-run.md" and "phases of a step" in b.text)
    plan = make_plan(ROOT / "recipes" / "as_introvae_8gaussians_fast.toml")
    print_plan(plan, choose_threads(plan), choose_workers(plan, 1), Console())
    printed = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert {" ".join(line.split()) for line in shown.splitlines()} - {"..."} <= printed


def test_the_mistake_that_the_readme_shows_gives_the_message_that_it_shows(tmp_path, monkeypatch):
    recipe, message = (
        next(b.text for b in BLOCKS if b.page.name == "README.md" and b.text.startswith(start))
        for start in ("title = ", "error: ")
    )
    skip_unless_installed(recipe)
    wrong, right = re.findall("If you write `(.+)` instead of `(.+)`", (ROOT / "README.md").read_text())[0]
    (tmp_path / "digits.toml").write_text(recipe.replace(right, wrong))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError) as caught:
        make_plan("digits.toml")
    assert f"error: {caught.value}" == message.strip()


# Python


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.name)
def test_python_in_the_docs_compiles(block):
    compile(block.text, block.name, "exec")


@pytest.mark.parametrize(
    "block", [b for b in PYTHON if b.page.name in ("recipes.md", "engine.md")], ids=lambda block: block.name
)
def test_python_in_the_docs_runs(block, capsys):
    exec(compile(block.text, block.name, "exec"), {"__name__": "docs"})
    shown = re.search(r"print\(.*\)  # (.+)$", block.text, re.MULTILINE)
    assert shown is None or capsys.readouterr().out.strip() == shown[1]


@pytest.mark.trains
def test_the_page_about_python_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    skip_unless_installed('use = "as-introvae"')
    monkeypatch.chdir(tmp_path)
    shown: list[str] = []
    names: dict[str, Any] = {"__name__": "docs"}
    blocks = [block for block in PYTHON if block.page.name == "from-python.md"]
    for block in blocks:
        text = block.text.replace("train.steps=60", "train.steps=4").replace("warmup_steps=30", "warmup_steps=2")
        exec(compile(text, block.name, "exec"), names)
        shown += re.findall(r"print\(plan.*\)  # (.+)$", text, re.MULTILINE)
        for name, shape in re.findall(r"^(\w+) = .*?# (\(\d[\d, ]*\))", text, re.MULTILINE):
            assert str(tuple(names[name].shape)) == shape, f"{block.name}: {name}"
    assert len(blocks) >= 6 and shown[0].replace("60", "4") in capsys.readouterr().out


@pytest.fixture
def plugin_files(tmp_path, monkeypatch):
    """Return the modules that the pages of plugins define, each a file of that name on the path."""
    pages = ("plugins.md", "plugin-kinds.md", "plugin-tests.md")
    files = [block for block in PYTHON if block.page.name in pages and block.title]
    for block in files:
        (tmp_path / block.title).write_text(block.text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    names = [block.title.removesuffix(".py") for block in files]
    yield {name: importlib.import_module(name) for name in names}
    for name in names:
        sys.modules.pop(name, None)


def registry_of(modules: dict[str, ModuleType]) -> Registry:
    registry = Registry()
    registry.register(builtin, Owner("genkit", "genkit-torch", "0"))
    for name, module in modules.items():
        if hasattr(module, "genkit_hooks"):
            registry.register(module, Owner(name, name, "0.1.0"))
    assert not registry.broken
    return registry


def titled(page: str, title: str) -> str:
    return next(block.text for block in BLOCKS if block.page.name == page and block.title == title)


def test_the_plugins_of_the_docs_supply_all_kinds(plugin_files):
    owned = {kind: registry_of(plugin_files).of_kind(kind) for kind in KINDS}
    assert all(any(part.owner.distribution != "genkit-torch" for part in parts) for parts in owned.values())


def test_the_plugins_of_the_docs_train_together(plugin_files, tmp_path):
    plan = plan_of(titled("plugin-kinds.md", "all.toml"), tmp_path, registry_of(plugin_files))
    assert not plan.dry_run.remarks
    world = World()
    state = initial_state(plan, world)
    losses = [record.terms["dvae/total"].item() for record in train_steps(plan, state, world)]
    assert len(losses) == plan.steps and losses[-1] < losses[0]
    (result,) = evaluate(plan.metrics, plan.data, state.weights, 0)
    assert result.value is not None and result.value >= 0


@pytest.mark.trains
def test_the_callback_of_the_docs_stops_a_run(plugin_files, tmp_path):
    plan = plan_of(titled("plugin-kinds.md", "all.toml"), tmp_path, registry_of(plugin_files))
    folder = RunFolder.create(tmp_path / "runs", plan.document, dict(plan.resolved))
    train_in_folder(plan, folder, World(), report=pytest.fail)
    values = [(record.step, record.value("mean-shift")) for record in evaluations_of(folder)]
    reached = [step for step, value in values if value <= 0.92]
    assert reached == [values[-1][0]] and reached[0] < plan.steps == 100, values


def test_the_action_of_the_docs_starts_the_prior_from_codes(plugin_files, tmp_path):
    plan = plan_of(titled("plugin-kinds.md", "start.toml"), tmp_path, registry_of(plugin_files))
    state = initial_state(plan, World())
    means = {}
    for record in train_steps(plan, state, World()):
        means[record.step] = state.model.prior.means.detach().clone()
    moved = {step: (means[step] - means[step - 1]).abs().max().item() for step in (20, 21, 22)}
    assert moved[21] > 0.1 > 10 * max(moved[20], moved[22])


def test_the_first_plugin_of_the_docs_plans_with_its_recipe(plugin_files, tmp_path):
    recipe = titled("plugins.md", "steps.toml")
    skip_unless_installed(recipe)
    registry = registry_of({"genkit_steps": plugin_files["genkit_steps"]})
    registry.register(
        importlib.import_module("genkit_as_introvae"), Owner("as-introvae", "genkit-torch-as-introvae", "0")
    )
    assert plan_of(recipe, tmp_path, registry).loss.c(0.6) == 1.0


def test_the_pyproject_of_the_docs_names_the_module(plugin_files):
    project = tomllib.loads(titled("plugins.md", "pyproject.toml"))
    (module,) = project["project"]["entry-points"][ENTRY_POINT_GROUP].values()
    assert module in plugin_files
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["include"] == [f"{module}.py"]


def test_the_tests_of_the_docs_pass(plugin_files):
    tests = {name: test for name, test in vars(plugin_files["test_dvae"]).items() if name.startswith("test_")}
    assert len(tests) >= 3
    for test in tests.values():
        test()


# The docstrings of the hooks


def plugin_in(docstring: str) -> str:
    """Return the plugin module that a hook's docstring holds: from its first import to the end of its indentation."""
    lines = inspect.cleandoc(docstring).splitlines()
    start = next(number for number, line in enumerate(lines) if line.lstrip().startswith("from genkit.hooks"))
    indent = len(lines[start]) - len(lines[start].lstrip())
    module = []
    for line in lines[start:]:
        if line.strip() and len(line) - len(line.lstrip()) < indent:
            break
        module.append(line[indent:])
    return "\n".join(module)


@pytest.mark.parametrize("kind", KINDS)
def test_the_docstring_of_a_hook_is_a_working_plugin(kind):
    text = plugin_in(getattr(hooks, f"genkit_{kind}").__doc__)
    assert len(ast.parse(text).body) == 3  # an import, the version, the hook
    module = ModuleType("my_plugin")
    exec(compile(text, kind, "exec"), vars(module))
    assert module.genkit_hooks == HOOKS_VERSION

    registry = Registry()
    registry.register(module, Owner("my-plugin", "my-plugin", "1.0"))
    assert not registry.broken
    (part,) = registry.of_kind(kind)
    assert all(part.entry) and re.fullmatch(r"[\w.]+:\w+", part.entry.target)
