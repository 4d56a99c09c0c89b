"""Conditional networks: the published concatenation, labels of each row, and what is refused without a class."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import assert_same_bits, tensors_of, train_all
from torch import nn

from genkit.core.condition import LABEL
from genkit.core.model import NetworkBuilder
from genkit.core.noise import Noise, Rows
from genkit.core.score import require_score
from genkit.engine.batches import batches_of_step
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.state import initial_state
from genkit.errors import RecipeError
from genkit.evaluation.compute_metrics import evaluate
from genkit.evaluation.samples import decoded_codes, labels_in_turn, latent_codes
from genkit.parts.metrics.posterior import PosteriorKL
from genkit.parts.metrics.psnr import PSNR
from genkit.parts.models.conditional import ConditionalAutoencoder
from genkit.parts.models.mlp import MLP
from genkit.parts.models.small_conv import SmallConv
from genkit.parts.scores.elbo import KL
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import EMA, Recipe, Train, Use
from genkit.runs.training.stability_strip import save_strip_row

ADAM = Use("adam", lr=1e-2)
NETWORK = Use("small-conv", channels=[2, 4], hidden=8, latent_dim=3)
SHAPE, CLASSES = (1, 8, 8), 4
LABELS = torch.tensor([3, 0, 1, 1, 2])


def model(classes: int = CLASSES, *, std: float = 0.3) -> ConditionalAutoencoder:
    torch.manual_seed(0)
    network = NetworkBuilder(SmallConv, {"channels": (2, 4), "hidden": 8, "latent_dim": 3})
    made = ConditionalAutoencoder(network=network, classes=classes, data_shape=SHAPE).double()
    if std:
        nn.init.normal_(made.encoder.shift.weight, std=std)
    return made.eval()


def images(rows: int = len(LABELS)) -> torch.Tensor:
    return torch.rand(rows, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def plan_of(model: Use, data: Use | None = None, **train) -> Plan:
    recipe = Recipe(
        title="conditional",
        data=data or Use("digits"),
        model=model,
        loss=Use("vae"),
        optimiser={"encoder": ADAM, "decoder": ADAM},
        train=Train(**{"steps": 4, "batch_size": 8, **train}),
        ema=EMA(0.5),
    )
    return make_plan(recipe, registry=registry_with())


CONDITIONAL = Use("conditional", classes=10, network=NETWORK)


def test_the_shift_is_the_published_concatenation_before_the_last_layer():
    made, x = model(), images()
    *layers, last, posterior = made.encoder.network
    features = nn.Sequential(*layers)(x)
    joined = nn.Linear(8 + CLASSES, 6).double()
    with torch.no_grad():
        joined.weight.copy_(torch.cat([last.weight, made.encoder.shift.weight], dim=1))
        joined.bias.copy_(last.bias)
    one_hot = nn.functional.one_hot(LABELS, CLASSES).double()
    expected = posterior(joined(torch.cat([features, one_hot], dim=1)))
    with made.given({LABEL: LABELS}):
        found = made.encoder(x)
    torch.testing.assert_close(found.mu, expected.mu)
    torch.testing.assert_close(found.logvar, expected.logvar)
    assert found.mu.shape == (5, 3)


def test_the_decoder_reads_the_code_beside_the_one_hot_vector():
    made, z = model(), torch.randn(5, 3, dtype=torch.float64)
    one_hot = nn.functional.one_hot(LABELS, CLASSES).double()
    with made.given({LABEL: LABELS}):
        found = made.decoder(z)
    torch.testing.assert_close(found, made.decoder.network(torch.cat([z, one_hot], dim=1)))
    assert made.latent_dim == 3 and made.decoder.network[0].in_features == 3 + CLASSES


def test_each_row_depends_on_its_own_label_only():
    made, x = model(), images()
    with made.given({LABEL: LABELS}):
        together = made.encoder(x).mu
    alone = [made.encode(x[row : row + 1], {LABEL: LABELS[row : row + 1]}).mu for row in range(5)]
    torch.testing.assert_close(together, torch.cat(alone))
    other = made.encode(x, {LABEL: (LABELS + 1) % CLASSES}).mu
    assert not torch.isclose(other, together).all(dim=1).any()


def test_an_untrained_encoder_is_that_of_the_network():
    torch.manual_seed(0)
    base = SmallConv(channels=(2, 4), hidden=8, latent_dim=3, data_shape=SHAPE).double()
    made = model(std=0)
    assert torch.equal(made.encode(images(), {LABEL: LABELS}).mu, base.encoder(images()).mu)


def test_encode_and_decode_set_the_condition_of_any_model():
    made, z = model(), torch.randn(5, 3, dtype=torch.float64)
    with made.given({LABEL: LABELS}):
        inside = made.decode(z), made.sample(z)
    assert torch.equal(made.decode(z, {LABEL: LABELS}), inside[0]) and torch.equal(*inside)
    plain = MLP(latent_dim=3, width=4, layers=0, data_shape=(2,))
    x = torch.randn(5, 2)
    assert torch.equal(plain.encode(x, {LABEL: LABELS}).mu, plain.encode(x).mu)
    assert torch.equal(plain.decode(x.repeat(1, 2)[:, :3], {}), plain.sample(x.repeat(1, 2)[:, :3]))


@pytest.mark.parametrize("child", ["encoder", "decoder"])
def test_without_a_class_a_network_refuses(child):
    made = model()
    assert made.needs_class and made.condition_classes == CLASSES
    network, inputs = getattr(made, child), images() if child == "encoder" else torch.zeros(5, 3).double()
    for given, names in ((None, ("needs the class",)), ({LABEL: LABELS[:2]}, ("5 rows", "labels of 2"))):
        with pytest.raises(ValueError) as caught, made.given(given):
            network(inputs)
        assert_names(caught.value, type(network).__name__, *names)


def test_a_copy_reads_its_own_condition():
    made = model()
    other = copy.deepcopy(made)
    with other.given({LABEL: LABELS}), pytest.raises(ValueError, match="needs the class"):
        made.encoder(images())
    assert torch.equal(other.encode(images(), {LABEL: LABELS}).mu, made.encode(images(), {LABEL: LABELS}).mu)


def test_both_networks_learn_the_class_and_micro_batches_add_up():
    one, four = (train_all(plan_of(CONDITIONAL, accumulate=parts, precision="fp64"))[0] for parts in (1, 4))
    for name, tensor in tensors_of(one).items():
        torch.testing.assert_close(tensors_of(four)[name], tensor, rtol=1e-8, atol=1e-11, msg=name)
    assert one.model.encoder.shift.weight.any() and one.average.model.encoder.shift.weight.any()


def test_a_resumed_run_has_the_bits_of_one_that_was_not_stopped():
    plan, world = plan_of(CONDITIONAL), World()
    state = initial_state(plan, world)
    steps = train_steps(plan, state, world)
    next(steps)
    steps.close()
    for _ in train_steps(plan, state, world):
        pass
    assert_same_bits(tensors_of(state), tensors_of(train_all(plan)[0]))


def test_the_precision_bf16_trains():
    state, _ = train_all(plan_of(CONDITIONAL, precision="bf16"))
    assert all(tensor.isfinite().all() for tensor in state.model.state_dict().values())


def test_the_forward_is_given_the_labels_so_that_compiled_code_does_not_keep_them():
    plan, world = plan_of(CONDITIONAL), World()
    state = initial_state(plan, world)
    (batch,) = batches_of_step(plan, state, world)
    seen, encoder = [], state.model.encoder
    forward = encoder.forward
    encoder.forward = lambda x, labels: (seen.append(labels), forward(x, labels))[1]  # as the compilation does
    with state.model.given(batch.extra):
        encoder(batch.x)
    assert torch.equal(seen[0], batch.extra[LABEL])


def test_metrics_read_the_labels_of_each_chunk():
    plan = plan_of(CONDITIONAL)
    made = train_all(plan)[0].model.eval()
    metrics = {"psnr": PSNR(samples=64), "kl": PosteriorKL(samples=64), "fake": PosteriorKL(samples=64, of="fake")}
    results = evaluate(metrics, plan.data, {"raw": made, "ema": made}.__getitem__, 0)
    assert all(result.value is not None for result in results), results
    assert made.encoder.labels is None


def test_shown_samples_and_the_rows_of_the_strip_have_their_labels(tmp_path):
    made, noise = model(), Noise(3, 0, "any", Rows.all(1))
    labels = labels_in_turn(40, made)
    codes = latent_codes(40, made, noise)
    expected = [made.decode(codes[row : row + 1], {LABEL: labels[row : row + 1]}) for row in range(40)]
    torch.testing.assert_close(decoded_codes(40, made, noise, labels), torch.cat(expected))
    torch.testing.assert_close(decoded_codes(40, made, noise, labels, first=7), torch.cat(expected[:7]))
    save_strip_row(tmp_path / "row.npy", made, noise)
    assert np.load(tmp_path / "row.npy").shape == (8, *SHAPE)


def test_scores_are_refused():
    with pytest.raises(ValueError) as caught:
        require_score(KL(), model())
    assert_names(caught.value, "class", "per-class")


@pytest.mark.parametrize(
    ("network", "path", "names"),
    [
        (Use("small-conv", chanels=[2]), ("model", "network", "chanels"), ("channels",)),
        (Use("small-con"), ("model", "network", "use"), ("small-conv",)),
        (Use("small-conv", data_shape=[1]), ("model", "network", "data_shape"), ("data set",)),
        (3, ("model", "network"), ("found 3",)),
        (Use("small-conv", prior=Use("normal")), ("model", "network", "prior"), ("unknown key",)),
    ],
)
def test_mistakes_in_the_inner_network_are_named_at_their_place(network, path, names):
    with pytest.raises(RecipeError) as caught:
        plan_of(Use("conditional", classes=10, network=network))
    (problem,) = caught.value.problems
    assert problem.place.path == path
    assert_names(problem.text, *names)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (Use("conditional", classes=10, network=CONDITIONAL), ("network", "latent_dim")),
        (Use("conditional", classes=10, network=NETWORK, prior=Use("per-class", classes=5)), ("5 and 10", "classes")),
    ],
)
def test_networks_that_do_not_fit_are_refused(model, names):
    with pytest.raises(RecipeError) as caught:
        plan_of(model)
    assert_names(caught.value, *names)


def test_the_recipe_holds_all_keys_of_the_inner_network():
    resolved = plan_of(CONDITIONAL).resolved["model"]
    assert resolved["network"]["norm"] == "group" and resolved["network"]["use"] == "small-conv"
    assert "prior" not in resolved
