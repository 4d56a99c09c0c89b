"""Training of the runs of a search in processes."""

from pathlib import Path

import pytest
from support.commands import TINY
from support.searches import plan_in

from genkit.console.output import Console
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.tables.train_missing import RunSettings
from genkit.tuning.train_runs import ProcessTrainer


@pytest.mark.trains
def test_a_run_that_must_stop_saves_a_checkpoint_and_is_not_finished(isolated):
    recipe = TINY.replace("steps = 5", "steps = 1_000_000") + "\n[evaluate]\nevery = 20\n"
    plan = plan_in(isolated, recipe=recipe)
    params = {"loss.beta_kl": 0.5, "model.width": 8}
    runs = plan.experiments_of(0, params, plan.plan_trial(params))[:1]
    [experiment] = runs
    trainer = ProcessTrainer(RunSettings(Path("runs"), 1, 1, Console(silent=True)))
    seen = []

    def must_stop(asked):
        assert asked is experiment
        seen.append([record.step for record in trainer.evaluations(asked)])
        return bool(seen[-1])

    assert trainer.evaluations(experiment) == []
    [ended] = trainer.train(lambda: runs.pop() if runs else None, must_stop)
    assert ended.run == experiment.run
    assert ended.code == 130
    assert seen[-1][0] == 20
    assert all(not steps for steps in seen[:-1])  # it is not asked again once it is to stop
    folder = RunFolder(Path("runs", experiment.run))
    assert folder.saved_steps()[-1] >= 20
    assert not folder.finished
    assert trainer.measured(experiment) is None
