"""Messages about recipes and plugins as a user reads them, in golden files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.faulty_parts import GOOD, FaultyPlugin, with_loss
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_plan

from genkit.errors import UsageError
from genkit.hooks import Entry, hookimpl
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Train, Use

# What is wrong, what is replaced in the recipe, and by what.
CHANGES = [
    ("unknown key", "warmup_steps", "warmup_stps"),
    ("unknown table", "[ema]", "[emma]"),
    ("unknown key without a near miss", "warmup_steps", "zzz"),
    ("unknown part", '"blob"', '"blub"'),
    ("name of another kind", '"blob"', '"tiny"'),
    ("no use", '[model]\nuse = "tiny"', "[model]"),
    ("use is a number", 'use = "linear"\nstop = 0.5', "use = 7"),
    ("missing key", "batch_size = 8", ""),
    ("missing schedule", "lr = 0.01\n", ""),
    ("missing table", '[data]\nuse = "blob"', ""),
    ("missing optimiser, and one without effect", "[optimiser.decoder]", "[optimiser.critic]"),
    ("key of the data set", '[model]\nuse = "tiny"', '[model]\nuse = "tiny"\ndata_shape = [3]'),
    ("text for a number", "warmup_steps = 4", 'warmup_steps = "4"'),
    ("number for a text", 'title = "tiny"', "title = 3"),
    ("out of bounds", "decay = 0.9", "decay = 1.5"),
    ("not finite", "decay = 0.9", "decay = nan"),
    ("neither steps nor epochs", "steps = 12\n", ""),
    ("table for a number", "decay = 0.9", "decay = { a = 1 }"),
]
METRICS = ("data.use=8-gaussians", "metrics={modes={}, kl={use='posterior-kl'}}")
OVERRIDES = [
    ("train.steps=many",),
    ("train.epochs=3",),
    ("train.precision=fp8",),
    ("train.warm_start=3",),
    ("train.accumulate=3",),
    ("train.accumulate=2",),
    ("seed=-1",),
    ("report.strip_steps=5",),
    ("report.strip_steps=[1, 0]",),
    ("report={strip_steps=[1], strip_epochs=[1]}",),
    ("optimiser.encoder.betas=[1]",),
    ("optimiser.encoder.betas=[0.9, 1.5]",),
    ("optimiser.encoder.lr=true",),
    ("optimiser.encoder.lr=cosine",),
    ("optimiser=3",),
    ("data=[1]",),
    ("train=3",),
    ("ema.decai=0.5",),
    ("metrics.modes=3",),
    ("evaluate.every=3",),
    (
        "data.use=8-gaussians",
        "metrics={modes={}, kl={use='posterior-kl'}}",
        "evaluate={every=3, metrics=['modes', 'mods']}",
    ),
    (*METRICS, "evaluate={every=3, best='mods'}"),
    (*METRICS, "evaluate={every=3, best='kl'}"),
    (
        "data.use=8-gaussians",
        "metrics={modes={}, kl={use='posterior-kl'}}",
        "evaluate={every=3, metrics=['kl'], best='modes'}",
    ),
    ("seed",),
    ("train.steps.x=1",),
    ("train..steps=1",),
]
LOSSES = [
    'use = "vanishes"',
    'use = "crashes"\nweight = "linear"',
    'use = "asks-a-critic"',
    'use = "misspells"',
    'use = "late-coupling"\nweight = "tiny"',
    'use = "typed"\nlayer = 3',
    *(
        f'use = "misshapen"\nhow = "{how}"'
        for how in ("vector", "number", "detached", "float-term", "vector-term", "attached-term", "bare")
    ),
]


@pytest.fixture
def refusal(tmp_path, monkeypatch):
    """Return a function that gives the message with which a recipe is refused."""
    monkeypatch.chdir(tmp_path)

    def refuse(text: str, *overrides: str) -> str:
        (tmp_path / "r.toml").write_text(text)
        with pytest.raises(UsageError) as refused:
            make_plan("r.toml", overrides=overrides, registry=registry_with(FaultyPlugin()))
        return str(refused.value)

    return refuse


@pytest.mark.trains
def test_messages_about_a_recipe(refusal, golden):
    found = []
    for what, old, new in CHANGES:
        assert old in GOOD
        found.append(f"# {what}\n{refusal(GOOD.replace(old, new))}")
    for overrides in OVERRIDES:
        options = " ".join(f"--set {override!r}" for override in overrides)
        found.append(f"# {options}\n{refusal(GOOD, *overrides)}")
    golden("recipe/mistakes", "\n\n".join(found) + "\n")


def test_messages_about_a_part(refusal, golden):
    found = [f"# {keys.splitlines()}\n{refusal(with_loss(keys))}" for keys in LOSSES]
    no_model = GOOD.replace('[model]\nuse = "tiny"', '[model]\nuse = "no-model"')
    found.append(f"# a class that is not a model\n{refusal(no_model)}")
    golden("recipe/faulty_parts", "\n\n".join(found) + "\n")


def files(folder) -> Iterator[tuple[str, object]]:
    """Yield files that are no recipes, each with what it is."""
    contents = {"empty.toml": b"", "binary.toml": b"\x89PNG\xff\xfe\x00", "broken.toml": b"a = 1\nb = = 2\n"}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        yield name, name
    (folder / "run").mkdir()
    yield "a folder", "run"
    (folder / "run" / "recipe.resolved.toml").write_text("")
    yield "a run folder", "run"
    yield "no file", "none.toml"
    yield "no file, with the name of a shipped recipe", "vae_8gaussians.toml"


def test_messages_about_a_file(tmp_path, monkeypatch, golden):
    monkeypatch.chdir(tmp_path)
    found = []
    for what, path in files(tmp_path):
        with pytest.raises(UsageError) as refused:
            make_plan(path, registry=registry_with())
        found.append(f"# {what}\n{refused.value}")
    golden("recipe/files", "\n\n".join(found) + "\n")


class Clash:
    genkit_hooks = 1

    @hookimpl
    def genkit_datasets(self):
        yield Entry("blob", "elsewhere:Blob", "", "")


class Unloadable:
    genkit_hooks = 1

    @hookimpl
    def genkit_datasets(self):
        yield Entry("moons", "no_such_module:Moons", "", "")


class OtherHooks:
    genkit_hooks = 2


class NoHooks:
    pass


class NoEntries:
    genkit_hooks = 1

    @hookimpl
    def genkit_losses(self):
        yield ("a", "b")


def test_messages_about_a_plugin(monkeypatch, golden):
    found = []
    for what, name, plugins in [
        ("two owners of a name", "blob", (Clash(),)),
        ("no module", "moons", (Unloadable(),)),
        ("plugins that were not loaded", "other", (OtherHooks(), NoHooks(), NoEntries())),
    ]:
        with pytest.raises(UsageError) as refused:
            registry_with(*plugins).find("datasets", name).load()
        found.append(f"# {what}\n{refused.value}")
    monkeypatch.setenv("GENKIT_PLUGINS", "no-such-plugin")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: ())
    with pytest.raises(UsageError) as refused:
        load_registry()
    found.append(f"# a plugin that is not installed\n{refused.value}")
    golden("recipe/plugins", "\n\n".join(found) + "\n")


def test_messages_about_what_is_absent(tmp_path, monkeypatch, golden):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    found = []
    for train in (
        Train(steps=2, batch_size=8, warm_start=tmp_path / "nowhere"),
        Train(steps=2, batch_size=8, precision="fp16"),
        Train(steps=2, batch_size=8, precision="tf32"),
        Train(steps=2, batch_size=48),
    ):
        with pytest.raises(UsageError) as refused:
            tiny_plan(data=Use("numbered"), train=train).check_met()
        found.append(str(refused.value))
    for data, train in (("blob", Train(epochs=2, batch_size=8)), ("numbered", Train(epochs=2, batch_size=48))):
        with pytest.raises(UsageError) as refused:
            _ = tiny_plan(data=Use(data), train=train).steps
        found.append(str(refused.value))
    golden("recipe/absent", "\n\n".join(found) + "\n")


def test_remarks(refusal, golden, tmp_path):
    (tmp_path / "r.toml").write_text(with_loss('use = "misses"'))
    found = list(make_plan(tmp_path / "r.toml", registry=registry_with(FaultyPlugin())).dry_run.remarks)
    found += tiny_plan(data=Use("digits", split="test"), model=Use("small-conv"), loss=Use("vae")).dry_run.remarks
    golden("recipe/remarks", "\n".join(found) + "\n")
