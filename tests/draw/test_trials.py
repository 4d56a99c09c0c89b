"""The picture of a search."""

import hashlib

import pytest
from PIL import Image

from genkit.draw.trials import DrawnKey, DrawnTrial, save_trials

RANGE, LISTED = DrawnKey("loss.beta_neg", log=True), DrawnKey("model.norm", ['"none"', '"batch"'])
PARAMS = {"loss.beta_neg": 12.5, "model.norm": '"batch"'}
TRIALS = {
    "none": [],
    "one": [DrawnTrial(PARAMS, 3.0, 0.5, "best")],
    "lost-only": [DrawnTrial(PARAMS, None, kind="lost")],
    "all-kinds": [
        DrawnTrial(PARAMS, 3.0, 0.5, "best"),
        DrawnTrial({**PARAMS, "loss.beta_neg": 250.0}, 4.0, 0.25),
        DrawnTrial({**PARAMS, "loss.beta_neg": 1.0}, 9.0, kind="pruned"),
        DrawnTrial(PARAMS, None, kind="lost"),
    ],
}


def drawn(path, keys, trials, note="note"):
    save_trials(path, keys, trials, "frechet_$x$", "50 % of $5", note)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("keys", [[RANGE], [RANGE, LISTED], [LISTED, RANGE, RANGE, RANGE]], ids=["1", "2", "4"])
@pytest.mark.parametrize("trials", TRIALS)
def test_any_search_is_drawn_the_same_each_time(tmp_path, keys, trials):
    first = drawn(tmp_path / "a.png", keys, TRIALS[trials])
    assert drawn(tmp_path / "b.png", keys, TRIALS[trials]) == first
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width >= 600


def test_each_trial_its_spread_and_its_kind_are_seen(tmp_path):
    base = TRIALS["all-kinds"]
    pictures = {drawn(tmp_path / "p.png", [RANGE], base)}
    for number, trial in enumerate(base):
        pictures.add(drawn(tmp_path / "p.png", [RANGE], base[:number] + base[number + 1 :]))
        if trial.spread:
            wider = DrawnTrial(trial.params, trial.value, 2 * trial.spread, trial.kind)
            pictures.add(drawn(tmp_path / "p.png", [RANGE], [*base[:number], wider, *base[number + 1 :]]))
    assert len(pictures) == 1 + 4 + 2
