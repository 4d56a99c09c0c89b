"""Completion in a shell, through the protocol of typer: what is offered after the words that are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import TINY, genkit, write_recipe
from typer.main import get_command

from genkit.cli import app
from genkit.recipe.text.shipped import shipped_recipes, shipped_spaces, shipped_tables
from genkit.storage.names import ABOUT, RAW, RESOLVED

TABLE = 'title = "t"\nmetrics = ["modes"]\nseeds = [0]\n[rows.a]\n[columns.b]\nrecipe = "tiny.toml"\n'


@pytest.fixture
def offered(isolated, monkeypatch) -> Callable[[str], list[str]]:
    """Return what bash offers after a line, whose last word is incomplete."""
    monkeypatch.setenv("_GENKIT_COMPLETE", "complete_bash")

    def after(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("COMP_WORDS", "\n".join(words))
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        result = genkit()
        assert result.err == ""
        return result.out.split()

    return after


def make_run(path: Path) -> Path:
    """Write the files by which a run and its model folder are known."""
    (path / "final").mkdir(parents=True)
    (path / RESOLVED).write_text(TINY + '[metrics.mine]\nuse = "modes"\n')
    (path / "recipe.toml").write_text(TINY)
    for name in (RAW, ABOUT):
        (path / "final" / name).write_text("{}")
    return path


def test_recipes_are_offered_also_from_folders_below_and_no_other_file(isolated, offered):
    write_recipe(isolated)
    (isolated / "more" / "faces").mkdir(parents=True)
    write_recipe(isolated / "more" / "faces")
    (isolated / "table.toml").write_text(TABLE)
    (isolated / "pyproject.toml").write_text('[project]\nname = "x"\n')
    (isolated / "two words.toml").write_text(TINY)
    (isolated / ".hidden").mkdir()
    write_recipe(isolated / ".hidden")
    (isolated / "notes.txt").write_text(TINY)
    make_run(isolated / "runs" / "0001-tiny-s0")
    for command in ("run", "plan", "data check"):
        assert offered(f"genkit {command} ") == ["tiny.toml", "more/faces/tiny.toml", *shipped_recipes()]
    assert offered("genkit run m") == ["more/faces/tiny.toml"]
    assert offered("genkit run more/faces/ti") == ["more/faces/tiny.toml"]
    assert offered(f"genkit run {isolated}/t") == [f"{isolated}/tiny.toml"]
    assert offered("genkit run .hidden/") == [".hidden/tiny.toml"]
    assert offered("genkit run no/such/folder") == []
    (isolated / "edited.toml").write_text("[data\n")  # may become a recipe
    assert offered("genkit run e") == ["edited.toml"]


def test_runs_and_models_are_offered(isolated, offered):
    for name in ("runs/0001-a-s0", "runs/0002-b-s0", "elsewhere/deep/0001-c-s0"):
        make_run(isolated / name)
    (isolated / "runs" / "again").mkdir()
    runs = ["elsewhere/deep/0001-c-s0", "runs/0001-a-s0", "runs/0002-b-s0"]
    for command in ("resume", "figures", "eval", "sample", "compare runs/0001-a-s0"):
        assert sorted(offered(f"genkit {command} ")) == runs
    assert offered("genkit resume runs/0002") == ["runs/0002-b-s0"]
    assert offered("genkit sample runs/0001-a-s0/") == ["runs/0001-a-s0/final"]
    assert offered("genkit resume runs/0001-a-s0/") == []


def test_tables_and_shipped_recipes_are_offered_by_name(isolated, offered):
    (isolated / "mine.toml").write_text(TABLE)
    write_recipe(isolated)
    assert sorted(offered("genkit table show ")) == sorted([*shipped_tables(), "mine.toml"])
    assert offered("genkit table show m") == ["mnist_cpu", "mine.toml"]
    assert offered("genkit run as_introvae_dig") == ["as_introvae_digits"]
    assert offered("genkit convert x --recipe as_introvae_dig") == ["as_introvae_digits"]
    (isolated / "search.toml").write_text('metric = "modes"\n[keys."train.steps"]\nvalues = [1, 2]\n')
    assert offered("genkit tune tiny.toml --space ") == [*shipped_spaces(), "search.toml"]
    assert offered("genkit recipes copy ") == sorted([*shipped_recipes(), *shipped_spaces()])


def test_parts_plugins_and_choices_are_offered(offered):
    assert set(offered("genkit plugins show early")) == {"early-stopping"}
    assert offered("genkit plugins show precis") == ["precision"]
    assert {"all", "none", "introvae"} <= set(offered("genkit --plugins "))
    assert set(offered("genkit --plugins introvae,")) >= {"introvae,reversed", "introvae,soft-introvae"}
    assert offered("genkit plugins check intro") == ["introvae"]
    assert offered("genkit score x --data y --score maha") == ["mahalanobis"]
    assert "introvae,introvae" not in offered("genkit --plugins introvae,")
    assert offered("genkit sample x --weights ") == ["raw", "ema"]
    assert offered("genkit table show x --format l") == ["latex"]
    assert offered("genkit eval x --batch-norm r") == ["running", "recalibrated"]


def test_every_option_of_a_few_names_offers_them(offered):
    found = dict(options_of(get_command(app)))
    choices = {f"{command} {option}": metavar for (command, option), metavar in found.items() if "|" in metavar}
    assert {"interpolate --between", "encode --split", "schema --kind"} <= choices.keys()
    for words, metavar in choices.items():
        assert set(offered(f"genkit {words} ")) >= set(metavar.strip("[]").split("|")) - {"NAME,..."}, words


def options_of(command, words=()):
    """Yield the words before each option with a value, its name, and its metavar."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from options_of(inner, (*words, name))
    for parameter in command.params:
        if parameter.opts[0].startswith("-") and not getattr(parameter, "is_flag", False):
            yield (" ".join(words), max(parameter.opts, key=len)), parameter.metavar or ""


def test_scores_are_offered_and_the_keys_of_the_data(isolated, offered):
    make_run(isolated / "run")
    for command in ("score", "anomaly"):
        assert offered(f"genkit {command} run --data x --score maha") == ["mahalanobis"]
        assert offered(f"genkit {command} run --data x --set da") == ["data.use="]


def test_classes_of_the_model_are_offered_after_those_that_are_typed(isolated, offered):
    run = make_run(isolated / "run")
    facts = {"classes": {"names": ["cat", "cow", "dog"], "frequencies": [0.5, 0.25, 0.25]}}
    (run / "final" / ABOUT).write_text(json.dumps(facts))
    for path in ("run", "run/final"):
        assert offered(f"genkit sample {path} --label c") == ["cat", "cow"]
    assert offered("genkit sample run --label cat,") == ["cat,cow", "cat,dog"]
    assert offered("genkit sample lost --label ") == offered("genkit sample --label ") == []
    (run / "final" / ABOUT).write_text("[1")
    assert offered("genkit sample run --label ") == []


def test_cells_of_the_table_are_offered(isolated, offered):
    (isolated / "mine.toml").write_text(TABLE + '[columns.c]\nrecipe = "x"\n[rows.d]\ncolumns = ["c"]\n')
    for command in ("table train", "table reproduce", "table"):
        assert offered(f"genkit {command} mine.toml --only ") == ["a", "d"]
        assert offered(f"genkit {command} mine.toml --only a/") == ["a/b", "a/c"]
        assert offered(f"genkit {command} mine.toml --only d/") == ["d/c"]
    assert "C1" in offered("genkit table train table1 --only C")
    assert offered("genkit table train lost.toml --only ") == []


def test_labels_of_the_run_are_offered_and_then_all_metrics(isolated, offered):
    make_run(isolated / "run")
    assert offered("genkit eval run --metrics m") == ["modes", "mine"]
    assert offered("genkit eval run --metrics mine,m") == ["mine,modes"]
    assert offered("genkit eval run --metrics ps") == ["psnr"]
    assert "active-units" in offered("genkit eval lost --metrics a")


def test_keys_of_the_recipe_are_offered_and_those_of_every_recipe(isolated, offered):
    write_recipe(isolated)
    make_run(isolated / "run")
    assert offered("genkit run tiny.toml --set optimiser.e") == ["optimiser.encoder.use=", "optimiser.encoder.lr="]
    assert "train.precision=" in offered("genkit plan tiny.toml --set train.")
    assert "data.use=" in offered("genkit run as_introvae_digits --set data.")
    assert "ema.decay=" in offered("genkit run --set ema")
    assert {key.partition(".")[0] for key in offered("genkit eval run --set ")} == {"data", "metrics"}
    assert offered("genkit reconstruct run --set ") == ["data.use="]


@pytest.mark.trains
def test_completion_imports_nothing_slow(isolated):
    write_recipe(isolated)
    make_run(isolated / "run")
    program = (
        "import os, sys\nfrom genkit.__main__ import main\nos.environ['_GENKIT_COMPLETE'] = 'complete_bash'\n"
        "for line in ('run ', 'resume ', 'plugins show ', 'eval run --metrics ', 'run tiny.toml --set ', 'table '):\n"
        "    words = ['genkit', *line.split(' ')]\n"
        "    os.environ |= {'COMP_WORDS': '\\n'.join(words), 'COMP_CWORD': str(len(words) - 1)}\n"
        "    try: main()\n    except SystemExit as end: assert not end.code\n"
        "slow = {'torch', 'numpy', 'matplotlib', 'accelerate', 'datasets'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=isolated, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert {"tiny.toml", "run", "modes", "train.steps=", "table1"} <= set(done.stdout.split())


def test_kinds(offered):
    assert offered("genkit schema --kind ta") == ["table"]
    assert offered("genkit schema --kind s") == ["space"]
    assert offered("genkit plugins new mine --kind s") == ["schedule", "score"]
