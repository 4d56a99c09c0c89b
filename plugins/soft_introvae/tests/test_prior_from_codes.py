"""Start of a mixture from codes of the data: each component from a sample of its own, in as many steps as they take."""

import math

import pytest
import torch
from genkit_soft_introvae.learnt_prior import SoftIntroVAEPrior

from genkit.api import DiagNormal, Mixture
from genkit.recipe.plan import make_plan
from genkit.testing import assert_loss_is_lawful, batch_of, small_autoencoder

LATENT, AT = 3, 2


def model_with(components):
    model = small_autoencoder((2,), LATENT)
    model.prior = Mixture(components=components, learnt=True, latent_dim=LATENT).double()
    return model


def batch_at(step, size):
    x = torch.randn(size, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(step))
    return batch_of(x, LATENT, step=step)


def start(loss, model, step, size):
    (codes, *_) = loss.actions()
    with torch.no_grad():
        codes.do(model, batch_at(step, size).in_phase("codes"))


@pytest.mark.parametrize(("components", "size"), [(10, 4), (8, 4), (9, 4), (4, 4), (3, 4), (1, 4), (5, 1)])
def test_each_component_becomes_the_posterior_of_a_sample_of_its_own(components, size):
    model, loss = model_with(components), SoftIntroVAEPrior(prior_from_codes=AT)
    (codes,) = (action.for_batches(model, size) for action in loss.actions())
    steps = [step for step in range(20) if codes.due(step)]
    assert steps == list(range(AT, AT + math.ceil(components / size)))
    for number, step in enumerate(steps):
        before = model.prior.means.clone()
        start(loss, model, step, size)
        moved = (model.prior.means != before).any(dim=1).nonzero().flatten().tolist()
        assert moved == list(range(number * size, min((number + 1) * size, components)))
    with torch.no_grad():
        q = model.encoder(torch.cat([batch_at(step, size).x for step in steps]))
    torch.testing.assert_close(model.prior.means, q.mu[:components], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(model.prior.logvars, q.logvar[:components], rtol=1e-12, atol=1e-12)


def test_processes_set_the_same_components_and_a_trial_in_any_step_works():
    loss = SoftIntroVAEPrior(prior_from_codes=AT, bound_logvars=False)
    for step in (0, AT, AT + 1, AT + 2):
        assert_loss_is_lawful(loss, model_with(10), batch_at(step, 4))


def test_start_from_leaves_the_other_components_as_they_are():
    prior = Mixture(components=5, latent_dim=2)
    before = prior.means.clone()
    q = DiagNormal(torch.full((4, 2), 7.0), torch.full((4, 2), -3.0))
    prior.start_from(q, first=3)
    assert torch.equal(prior.means, torch.cat([before[:3], q.mu[:2]]))
    assert prior.logvars.tolist() == [[0.0, 0.0]] * 3 + [[-3.0, -3.0]] * 2


def plan_of(*, components=10, batch_size=4, **keys):
    return make_plan(
        {
            "title": "from codes",
            "data": {"use": "8-gaussians"},
            "model": {
                "use": "mlp",
                "width": 4,
                "layers": 1,
                "prior": {"use": "mixture", "components": components, "learnt": True},
            },
            "loss": {"use": "soft-introvae-prior", "prior_from_codes": AT, **keys},
            "optimiser": {child: {"use": "adam", "lr": 1e-3} for child in ("encoder", "decoder", "prior")},
            "train": {"steps": 30, "batch_size": batch_size},
        }
    )


def actions_of(plan):
    return {action.name: (action.start, action.stop) for action in plan.actions}


def test_the_plan_knows_the_steps_that_the_components_take():
    assert actions_of(plan_of()) == {"codes": (AT, AT + 3)}
    assert actions_of(plan_of(batch_size=10)) == {"codes": (AT, AT + 1)}
    assert actions_of(plan_of(components=100, batch_size=32, warmup_steps=5))["codes"] == (AT, AT + 4)


def test_bounds_that_would_be_set_before_all_components_are_refused():
    assert actions_of(plan_of(warmup_steps=AT + 2)) == {"codes": (AT, AT + 3), "bounds": (AT + 2, AT + 3)}
    with pytest.raises(Exception, match=rf"10 components take 3 steps .* warmup_steps = {AT + 2} "):
        plan_of(warmup_steps=AT + 1)
    assert actions_of(plan_of(warmup_steps=AT + 1, bound_logvars=False)) == {"codes": (AT, AT + 3)}
    assert actions_of(plan_of(warmup_steps=AT + 1, train_prior=False)) == {"codes": (AT, AT + 3)}
    assert "bounds" in actions_of(plan_of(components=4, warmup_steps=AT - 1))  # one step, as ever
