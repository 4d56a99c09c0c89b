"""Messages of the command line, compared whole: the mistakes that a newcomer is most likely to make."""

import re
import shlex
from pathlib import Path

import pytest
from support.commands import genkit, install, write_recipe
from support.pictures import write_folder

from genkit import __version__
from genkit.engine.distributed import World
from genkit.errors import Diverged, Interrupted, RunError
from genkit.recipe.plan import make_plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.live_run import LiveRun
from genkit.runs.training.model_folder import write_model

pytestmark = pytest.mark.trains

# A recipe with one mistake each; the command is `genkit run NAME.toml`.
WRONG_RECIPES = {
    "misspelt_key": ("width = 16", "widht = 16"),
    "misspelt_part": ('use = "vae"', 'use = "vea"'),
    "misspelt_table": ("[metrics.modes]", "[metric.modes]"),
    "wrong_type": ("width = 16", 'width = "wide"'),
    "out_of_range": ("width = 16", "width = 0"),
    "missing_table": ('[loss]\nuse = "vae"\n', ""),
    "missing_optimiser": ("[optimiser.decoder]", "[optimiser.generator]"),
    "no_length": ("steps = 5\n", ""),
    "not_toml": ("width = 16", "width = sixteen"),
    "plugin_not_installed": ('use = "vae"', 'use = "soft-introvae"'),
}
PICTURES = '[data]\nuse = "image-folder"\npath = "pictures"\nresolution = 32\n'

COMMANDS = """
genkit trian tiny.toml
genkit run
genkit run missing.toml
genkit run vae_mnist.toml
genkit run pictures
{wrong_recipes}
genkit run tiny.toml --set steps
genkit run tiny.toml --set train.stpes=500
genkit run tiny.toml --set train.steps=many
genkit run tiny.toml -q --runs tiny.toml
genkit run tiny.toml --processes 3
genkit --plugins halff run tiny.toml
genkit run no_data.toml
genkit run no_pictures.toml
genkit run runs/0001-tiny-s0
genkit resume runs/0001
genkit resume pictures
genkit resume tiny.toml
genkit eval runs/0001-tiny-s0 --metrics mods
genkit eval runs/0001-tiny-s0 --set metrics.modes.sampels=10
genkit eval runs/0001-tiny-s0 --set model.width=8
genkit eval runs/0001-tiny-s0 --batch-norm runing
genkit eval runs/0001-tiny-s0 --batch-norm batch
genkit sample runs/0001-tiny-s0 --weights ema
genkit sample runs/0001-tiny-s0 --weights best
genkit sample runs/0001-tiny-s0 --grid 8
genkit sample runs/0001-tiny-s0 --grid 2x4
genkit sample runs/0001-tiny-s0 --grid 2x4 --number 9
genkit sample runs/0001-tiny-s0 --label 3
genkit sample runs/0001-tiny-s0 --out tiny.toml/samples
genkit sample unfinished
genkit reconstruct runs/0001-tiny-s0 --data pictures
genkit interpolate runs/0001-tiny-s0 --path sperical
genkit interpolate runs/0001-tiny-s0 --between prior
genkit interpolate runs/0001-tiny-s0 --between samples --data pictures
genkit interpolate runs/0001-tiny-s0 --number 1 --data pictures --set data.split=train
genkit figures unfinished
genkit compare runs/0001-tiny-s0
genkit compare runs/0001-tiny-s0 unfinished --out curves.jpg
genkit data show tiny.toml
genkit data check no_pictures.toml
genkit plugins show mpl
genkit recipes copy vae_8gaussian
genkit recipes copy vae_8gaussians tiny.toml
"""


@pytest.fixture
def workplace(isolated, own_cache, monkeypatch):
    """Make recipes, an empty folder of pictures, a plugin that is not loaded, and two runs without training them."""
    install(isolated / "site", "genkit-torch-half", "half", "")
    monkeypatch.syspath_prepend(isolated / "site")
    text = write_recipe(isolated).read_text()
    for name, (old, new) in WRONG_RECIPES.items():
        assert old in text, name
        Path(f"{name}.toml").write_text(text.replace(old, new, 1))
    data = '[data]\nuse = "8-gaussians"\n'
    images = text.replace('"mlp"\nwidth = 16', '"small-conv"').partition("[metrics.modes]")[0]
    Path("no_pictures.toml").write_text(images.replace(data, PICTURES))
    Path("no_data.toml").write_text(images.replace(data, '[data]\nuse = "mnist"\npath = "mnist"\n'))
    Path("pictures").mkdir()
    plan = make_plan("tiny.toml")
    finished = RunFolder.create(Path("runs"), plan.document, dict(plan.resolved))
    write_model(LiveRun.open(plan, finished, World()), finished.final, {})
    finished.results.write_text("[]")
    RunFolder(Path("unfinished")).begin(plan.document, dict(plan.resolved))


def answer(command: str) -> str:
    """Return the command, what it prints and its exit code; of a call that does not parse, only the error."""
    result = genkit(*shlex.split(command)[1:])
    lines = [line.rstrip() for line in f"{result.out}{result.err}".strip().splitlines()]
    if lines[0].startswith("Usage: "):
        lines = lines[-1:]
    text = "\n".join([f"$ {command}", *lines, f"exit code {result.code}", ""])
    return text.replace(f"genkit-torch {__version__}", "genkit-torch VERSION")


def test_mistakes_of_a_newcomer(workplace, golden, monkeypatch):
    wrong_recipes = "\n".join(f"genkit run {name}.toml" for name in WRONG_RECIPES)
    answers = []
    for command in COMMANDS.format(wrong_recipes=wrong_recipes).strip().splitlines():
        monkeypatch.setenv("GENKIT_PLUGINS", "none")  # `--plugins` sets it
        answers.append(answer(command))
        assert answers[-1].endswith("exit code 2\n"), answers[-1]
    golden("cli_mistakes", "\n".join(answers))


ENDS = {
    "interrupted": Interrupted("stopped after step 3 of 5; the state is saved."),
    "interrupted twice": KeyboardInterrupt(),
    "diverged": Diverged("training diverged."),
    "unreadable data": RunError("stopped after step 3 of 5; the state is saved: the reason"),
    "full disk": OSError(28, "No space left on device"),
    "out of memory": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
}


def test_ends_of_a_run(isolated, monkeypatch, golden):
    write_recipe(isolated)
    answers = []
    for name, error in ENDS.items():

        def fail(*arguments, error=error, **options):
            raise error

        monkeypatch.setattr("genkit.cli.training.train_in_folder", fail)
        result = genkit("run", "tiny.toml", "-q", "--runs", name.replace(" ", "-"))
        assert result.code and not result.out
        answers.append(f"# {name}\n{result.err.rstrip()}\nexit code {result.code}\n")
    golden("cli_ends_of_a_run", "\n".join(answers))


def test_output_of_data_commands(isolated, own_cache, golden):
    images = write_recipe(isolated).read_text().replace('"mlp"\nwidth = 16', '"small-conv"').partition("[metrics")[0]
    Path("faces.toml").write_text(images.replace('[data]\nuse = "8-gaussians"\n', PICTURES + "hold_out = 0.3\n"))
    write_folder(Path("pictures"), 24)
    Path("pictures/copy.png").write_bytes(Path("pictures/0003.png").read_bytes())
    Path("pictures/notes.txt").write_text("")
    Path("pictures/text.png").write_text("not a picture")
    commands = (
        "genkit data check faces.toml",
        "genkit data prepare faces.toml",
        "genkit data prepare faces.toml --set data.on_bad=skip",
        "genkit data check tiny.toml",
        "genkit data prepare tiny.toml",
    )
    golden("cli_data", re.sub(r"[0-9a-f]{24}", "FINGERPRINT", "\n".join(map(answer, commands))))
