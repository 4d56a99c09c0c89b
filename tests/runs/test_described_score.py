"""Remarks on the weights of a score, and what a score of a model depends on."""

import pytest
from support.messages import assert_names
from torch import nn

from genkit.parts.scores.elbo import ELBO, KL
from genkit.recipe.text.document import read
from genkit.runs.trained_models.trained import Trained
from genkit.runs.user_pictures.described_score import remark_on_weights

pytestmark = pytest.mark.fast


def trained_with(tmp_path, loss: str) -> Trained:
    (tmp_path / "r.toml").write_text(f"[loss]\n{loss}\n")
    return Trained(nn.Identity(), "raw", "", read(tmp_path / "r.toml"), "")


@pytest.mark.parametrize(
    ("loss", "score", "given", "advised"),
    [
        ("beta_rec = 1.0\nbeta_kl = 0.5", ELBO(), (), ("score.beta_rec=1", "score.beta_kl=0.5")),
        ("beta_rec = 2.0\nbeta_kl = 0", ELBO(), (), ("score.beta_rec=2", "score.beta_kl=0")),
        ("beta_rec = 1.0\nbeta_kl = -0.5", ELBO(), (), None),  # which the score refuses
        ("beta_rec = 0.5\nbeta_kl = 0.5", ELBO(), (), None),  # the same order of scores
        ("beta_rec = 0.3\nbeta_kl = 0.1", ELBO(3.0, 1.0), (), None),
        ("beta_rec = 1.0\nbeta_kl = 0.5", ELBO(), ("beta_kl",), None),
        ("beta_rec = 1.0\nbeta_kl = 0.5", KL(), (), None),
        ('beta_rec = 1.0\nbeta_kl = { use = "linear" }', ELBO(), (), None),
        ('use = "own"', ELBO(), (), None),
    ],
)
def test_only_weights_of_another_ratio_that_nobody_chose_are_remarked(tmp_path, loss, score, given, advised):
    remark = remark_on_weights("elbo", score, trained_with(tmp_path, loss), given)
    assert bool(remark) is (advised is not None)
    assert_names(remark, *(("--score elbo", "[loss]", *advised) if advised else ()))
