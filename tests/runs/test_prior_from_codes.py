"""Runs whose mixture starts from codes of several batches: killed within these steps, and with micro-batches."""

import pytest
import torch
from safetensors.torch import load_file
from support.kill_and_resume import Killed, KillingCallback
from support.tiny_parts import registry_with
from support.tiny_recipes import assert_same_bits, tiny_recipe, train_all

from genkit.engine.distributed import World
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Checkpoint, Report, Train, Use
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.train import train_in_folder

pytestmark = pytest.mark.trains

genkit_soft_introvae = pytest.importorskip("genkit_soft_introvae")
ADAM = Use("adam", lr=1e-2)


def plan_of(*, learnt=True, **train):
    recipe = tiny_recipe(
        model=Use("tiny", prior=Use("mixture", components=10, learnt=learnt)),
        loss=Use("soft-introvae-prior", warmup_steps=7, prior_from_codes=3),
        optimiser={child: ADAM for child in ("encoder", "decoder", "prior")[: 2 + learnt]},
        train=Train(steps=9, batch_size=4, **train),
        checkpoint=Checkpoint(every=1),
        report=Report(log_every=1),
    )
    return make_plan(recipe, registry=registry_with(genkit_soft_introvae))


def run_of(root, *kills):
    """Return the folder of a run that is killed after each of these steps, and resumed."""
    plan = plan_of()
    folder = RunFolder.create(root / "runs", plan.document, dict(plan.resolved))
    for step in kills:
        with pytest.raises(Killed):
            train_in_folder(plan, folder, World(), KillingCallback(step))
    train_in_folder(plan, folder, World())
    return folder


def test_a_run_that_is_killed_while_the_components_are_set_resumes_to_the_same_bits(tmp_path):
    whole, killed = run_of(tmp_path / "whole"), run_of(tmp_path / "killed", 4, 5)
    for name in ("model.safetensors", "ema.safetensors"):
        assert_same_bits(load_file(killed.final / name), load_file(whole.final / name))
    assert killed.metrics.read_bytes() == whole.metrics.read_bytes()


def test_micro_batches_set_the_components_that_whole_batches_set():
    whole, parts = (
        train_all(plan_of(learnt=False, precision="fp64", accumulate=n))[0].model.prior.means for n in (1, 2)
    )
    start = plan_of(learnt=False, precision="fp64").build_model().prior.means
    assert (whole != start.to(whole)).any(dim=1).all()
    torch.testing.assert_close(whole, parts, rtol=1e-9, atol=1e-9)
