"""Keys in the wrong table: the message names the table that has them."""

from types import SimpleNamespace

import pytest
from support.faulty_parts import GOOD, problems_of
from support.messages import assert_names

from genkit.errors import UsageError
from genkit.near_miss import MOST_CLOSE
from genkit.recipe.binding.misplaced_keys import hint_of_unknown, keys_of_recipe
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.text.document import Document
from genkit.recipe.text.nested import leaves
from genkit.recipe.text.overrides import with_override

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("train.checkpoint_every=5", "checkpoint.every?"),  # the name of the table before it
        ("checkpoint_every=5", "checkpoint.every?"),
        ("train.checkpoint_evry=5", "checkpoint.every?"),  # misspelled, too
        ("train.ema-decay=0.5", "ema.decay?"),
        ("train.log_every=5", "report.log_every?"),
        ("steps=5", "train.steps?"),
        ("train.seed=5", "seed above all tables?"),
        ("train.ema=1", "[ema]?"),
        ("train.lr=0.1", "optimiser.encoder.lr or optimiser.decoder.lr?"),
        ("train.warmup_steps=3", "loss.warmup_steps?"),  # a key of a part
        ("ema.batch_size=3", "train.batch_size?"),
        ("train.stpes=3", "mean steps?"),  # a near miss in its own table
        ("ema.zzz=3", "Known: decay."),
    ],
)
def test_a_key_is_looked_for_in_all_tables(tmp_path, override, meant):
    problems = problems_of(tmp_path, GOOD, override)
    (problem,) = [each for each in problems if "unknown key" in each.text]
    assert_names(problem.text, meant)


def test_a_short_misspelled_name_is_looked_for_in_its_own_table_only():
    assert "Known" in hint_of_unknown("el", ["steps"], ("train",), [("optimiser", "lr")])
    assert "Known" in hint_of_unknown("evry", ["steps"], ("train",), [("checkpoint", "every")])
    assert "optimiser.lr" in hint_of_unknown("lr", ["steps"], ("train",), [("optimiser", "lr")])


def test_a_key_of_its_own_table_is_suggested_once():
    hint = hint_of_unknown("batch-size", ["batch_size"], ("train",), [("train", "batch_size")])
    assert hint == " Did you mean batch_size?"
    tables = {"train": {"batch_size": 5}}
    with pytest.raises(UsageError) as refused:
        with_override(Document(tables), "train.batch-size=")
    assert "train.batch_size" not in str(refused.value).split("Did you mean")[1]


def test_a_message_suggests_few_keys():
    keys = [("optimiser", str(number), "lr") for number in range(100)]
    assert hint_of_unknown("lr", [], ("train",), keys).count(" or ") + 1 == MOST_CLOSE


class Faulty:
    """A part whose module cannot be imported."""

    def load(self):
        raise ImportError("half of it")


class Stand:
    """A part with one key."""

    def __init__(self, width: int = 1):
        self.width = width

    def load(self):
        return Stand


@pytest.mark.parametrize(("parts", "known"), [([Faulty()], False), ([Stand(), Faulty()], True)])
def test_a_part_that_cannot_be_loaded_has_no_keys_and_of_a_clash_the_first_has(parts, known):
    registry = SimpleNamespace(parts={("losses", "x"): parts})
    assert (("loss", "width") in keys_of_recipe(Document({"loss": "x"}), registry)) is known


@pytest.mark.parametrize(
    ("override", "meant"),
    [("stop=", "loss.weight.stop?"), ("train.ema_decay=", "ema.decay?"), ("train.stesp=", "mean steps?")],
)
def test_a_key_to_remove_is_looked_for_among_the_written_ones(override, meant):
    tables = {"train": {"steps": 1}, "ema": {"decay": 0.5}, "loss": {"weight": {"use": "linear", "stop": 1}}}
    with pytest.raises(UsageError) as refused:
        with_override(Document(tables), override)
    assert_names(refused.value, f"--set {override}: ", meant)


def test_the_keys_of_a_recipe_are_all_that_it_writes_and_those_with_defaults(tmp_path):
    document = Document(
        {
            "title": "t",
            "data": "8-gaussians",
            "model": {"use": "mlp", "width": 3},
            "loss": {"use": "nothing-of-that-name"},
            "optimiser": {"encoder": {"use": "adam", "lr": 1}, "decoder": 5},
            "metrics": {"modes": {"samples": 3}},
            "train": {"steps": 5},
        }
    )
    keys = set(keys_of_recipe(document, load_registry()))
    written = {path for path, _ in leaves(document.tables) if path[-1] != "use"} - {("optimiser", "decoder")}
    assert written <= keys
    assert {("train", "batch_size"), ("checkpoint", "every"), ("optimiser", "encoder", "eps")} <= keys
    assert ("model", "data_shape") not in keys
