"""Remarks in Python: warnings with the texts of the commands, at the line of the program that calls."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from support.commands import IMAGES
from support.commands import genkit as command
from support.models import write_model
from support.pictures import noise_picture, write_picture

import genkit
from genkit.errors import GenkitWarning, warn_user
from genkit.notebook.messages import naming_arguments, with_arguments

pytestmark = pytest.mark.fast

OTHER_RATIO = IMAGES.replace('use = "vae"', 'use = "vae"\nbeta_rec = 1.0\nbeta_kl = 0.5')


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_model(tmp_path / "model", OTHER_RATIO)
    return tmp_path / "model"


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    """Return a folder of pictures in colour, and one of normal pictures, which are larger than those of the model."""
    for number in range(4):
        write_picture(tmp_path / "mine" / f"{number}.png", noise_picture(28, 28, 3, number))
        write_picture(tmp_path / "normal" / f"{number}.png", noise_picture(40, 30, 1, number + 9))
    return tmp_path / "mine", tmp_path / "normal"


def remarks_of(call) -> tuple[list[str], set[str]]:
    """Return the texts of the warnings of genkit, and the files that they are at."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    of_genkit = [each for each in caught if each.category is GenkitWarning]
    return [str(each.message) for each in of_genkit], {each.filename for each in of_genkit}


@pytest.mark.parametrize(
    ("name", "function", "score"), [("score", genkit.score, "elbo"), ("anomaly", genkit.anomaly_maps, "error")]
)
def test_what_a_command_remarks_is_a_warning_at_the_line_of_the_caller(name, function, score, model, pictures):
    mine, normal = pictures
    options = ["--data", mine, "--normal", normal, "--score", score, "--fpr", "0.5"]
    printed = command(name, model, *options, "--out", model.parent / "out")
    assert printed.code == 0, printed.err
    expected = [with_arguments(line.removeprefix("remark: ")) for line in printed.err.splitlines()]
    texts, files = remarks_of(lambda: function(model, mine, score, normal=normal, fpr=0.5))
    assert texts == expected and len(texts) >= 2 and files == {__file__}
    assert all("--" not in text for text in texts)
    if name == "score":
        assert 'add set=["score.beta_rec=1", "score.beta_kl=0.5"]' in texts[-1]
        texts, _ = remarks_of(lambda: function(model, mine, normal=normal, fpr=0.5, set=["score.beta_kl=1"]))
        assert texts == expected[:-1]  # the user has chosen the ratio


def test_arrays_are_taken_as_they_are_without_a_remark(model, never_collapsed):
    x = np.random.default_rng(0).random((8, 1, 28, 28), np.float32)
    assert remarks_of(lambda: genkit.score(model, x, "error", normal=x, fpr=0.5)) == ([], set())


def test_a_warning_passes_decorators_and_genkit_itself():
    @naming_arguments()
    def decorated():
        warn_user("a remark")

    assert remarks_of(decorated) == (["a remark"], {__file__})
    labels = np.full(20, 99)
    data = np.zeros((20, 2))
    texts, files = remarks_of(lambda: genkit.data_from(data, labels=labels, held_out=data, held_out_labels=labels))
    assert len(texts) == 1 and files == {__file__}
