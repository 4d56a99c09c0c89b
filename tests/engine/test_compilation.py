"""Compiled networks: the same training, the same checkpoints, and a run that outlives a failed compilation."""

import copy
import random
import re
import shutil
import warnings
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.messages import assert_names
from support.tiny_recipes import assert_same_bits, tensors_of, tiny_plan, train_all
from torch import nn

import genkit
from genkit.core.model import GAN
from genkit.engine import compilation
from genkit.engine.compilation import MOST_KINDS, CompiledChildren
from genkit.engine.distributed import World
from genkit.engine.state import initial_state
from genkit.errors import GenkitWarning, PartFailed
from genkit.recipe.tables import Evaluate, Report, Train, Use
from genkit.runs.training import checkpoint

TRAIN = Train(steps=12, batch_size=8)


class Backend:
    """Backend of `torch.compile` that runs the graph as it is, and counts the graphs that it is given."""

    def __init__(self, prepare=lambda: None):
        self.graphs = 0
        self.prepare = prepare

    def __call__(self, graph, inputs):
        self.graphs += 1
        self.prepare()
        return graph.forward


@pytest.fixture(autouse=True)
def _restored():
    with torch._functorch.config.patch(donated_buffer=True):
        yield


@pytest.fixture
def use(monkeypatch):
    """Compile with another backend than torch's own."""

    def use(backend):
        monkeypatch.setattr(compilation, "BACKEND", backend)
        return backend

    return use


def fails():
    raise ImportError("no C++ compiler\n\nlong explanation")


def draw():
    random.random(), np.random.random(), torch.rand(1)


class Net(nn.Module):
    """Network with a buffer that every training step changes, and a graph on either side of a break."""

    def __init__(self, inputs=2, outputs=2):
        super().__init__()
        self.norm = nn.BatchNorm1d(inputs)
        self.linear = nn.Linear(inputs, outputs)
        self.calls = 0

    def forward(self, x):
        y = self.norm(x)
        torch._dynamo.graph_break()
        return self.linear(y)


def gan():
    torch.manual_seed(0)
    return GAN(Net(), Net(), 2, (2,))


@contextmanager
def no_failure():
    """Fail if a compilation fails: the run would go on uncompiled, and compute the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", GenkitWarning)
        yield


# The same training


def test_a_compiled_run_computes_the_same_and_leaves_no_trace_in_its_tensors(use):
    use("aot_eager")  # differentiates as torch's own backend does, and computes as the uncompiled network
    with no_failure():
        compiled, records = train_all(tiny_plan(train=replace(TRAIN, compile=True)))
    plain, expected = train_all(tiny_plan(train=TRAIN))
    assert_same_bits(tensors_of(compiled), tensors_of(plain))
    assert all(torch.equal(a.terms[name], b.terms[name]) for a, b in zip(records, expected) for name in b.terms)


def test_the_recipe_decides_what_is_compiled(use):
    backend = use(Backend())
    train_all(tiny_plan(train=replace(TRAIN, compile=False)))
    assert backend.graphs == 0
    state, _ = train_all(tiny_plan(train=replace(TRAIN, compile=True)))
    assert backend.graphs >= 2
    assert not any("forward" in vars(child) for child in state.average.model.children())


def test_without_the_key_a_resolved_recipe_is_as_it_was():
    assert "compile" not in tiny_plan(train=TRAIN).resolved["train"]
    assert tiny_plan(train=replace(TRAIN, compile=False)).resolved["train"]["compile"] is False


def test_full_precision_runs_neither_compiled_nor_in_mixed_precision(use):
    backend = use(Backend())
    plan = tiny_plan(train=replace(TRAIN, precision="bf16", compile=True))
    state = initial_state(plan, World("bf16"))
    x = torch.randn(3, 2)
    with state.full_precision():
        whole = state.model.encoder(x).mu
        assert backend.graphs == 0
    half = state.model.encoder(x).mu
    assert backend.graphs == 1
    assert whole.dtype == half.dtype == torch.float32 and not torch.equal(whole, half)
    copied = copy.deepcopy(tiny_plan(train=TRAIN).build_model())
    copied.load_state_dict(state.model.state_dict())
    assert torch.equal(copied.encoder(x).mu, whole)


@pytest.mark.parametrize("then", [True, None])
def test_checkpoints_of_compiled_and_uncompiled_runs_are_alike(then, use, tmp_path):
    use("aot_eager")
    first, _ = train_all(tiny_plan(train=replace(TRAIN, compile=then)))
    checkpoint.save(first, tmp_path / "saved")
    other = initial_state(tiny_plan(train=replace(TRAIN, compile=None if then else True)), World())
    checkpoint.load(other, tmp_path / "saved")
    assert_same_bits(tensors_of(other), tensors_of(first))


def test_a_graph_that_a_later_phase_uses_again_survives_the_next_compilation(use):
    use("aot_eager")
    model, x = GAN(nn.Linear(2, 2), nn.Linear(2, 2), 2, (2,)), torch.randn(4, 2)
    CompiledChildren(model)
    carried = model.generator(model.critic(x))
    carried.sum().backward(inputs=list(model.critic.parameters()), retain_graph=True)
    score = model.critic(carried)  # of another kind than x: it has a gradient
    score.sum().backward(inputs=list(model.generator.parameters()))
    assert model.generator.weight.grad is not None


@pytest.mark.trains
def test_pictures_and_metrics_are_computed_uncompiled(use, tmp_path, never_collapsed):
    recipe = replace(CASES["vae, mlp"], metrics={"modes": Use("modes", samples=100)}, report=Report(draw_every=2))
    recipe = replace(recipe, train=replace(recipe.train, compile=True), evaluate=Evaluate(every=3))
    backend = use(Backend())
    with no_failure():
        train_all(genkit.make_plan(recipe))
    trained, backend.graphs = backend.graphs, 0
    with no_failure():
        run = genkit.train(recipe, runs=tmp_path)
    assert backend.graphs == trained > 0
    names = genkit.load(run.path).module.state_dict()
    assert names.keys() == genkit.make_plan(recipe).build_model().state_dict().keys()


# Failures


@pytest.mark.parametrize("backend", [Backend(fails), "no-such-backend"])
def test_a_run_that_cannot_be_compiled_goes_on_from_the_same_step(backend, use):
    use(backend)
    with pytest.warns(GenkitWarning) as caught:
        state, records = train_all(tiny_plan(train=replace(TRAIN, compile=True)))
    assert len(caught) == 1
    assert_names(caught[0].message, "[train] compile", "uncompiled", "CXX")
    plain, _ = train_all(tiny_plan(train=TRAIN))
    assert len(records) == 12
    assert_same_bits(tensors_of(state), tensors_of(plain))


def test_the_warning_has_the_reason(use):
    use(Backend(fails))
    with pytest.warns(GenkitWarning) as caught:
        train_all(tiny_plan(train=replace(TRAIN, compile=True)))
    assert "no C++ compiler" in str(caught[0].message) and "long explanation" not in str(caught[0].message)


def test_messages(use, golden):
    text = []
    for error in (OSError("no C++ compiler"), RuntimeError("x" * 1000)):

        def fail(graph, inputs, error=error):
            raise error

        use(fail)
        model = gan()
        CompiledChildren(model)
        with pytest.warns(GenkitWarning) as caught:
            model.critic(torch.randn(4, 2))
        text.append(re.sub("backend=.* raised", "backend='B' raised", str(caught[0].message)))
    golden("compilation", "\n".join(text) + "\n")


@pytest.mark.parametrize("fails_at", ["the second graph", "the backward"])
def test_a_failure_midway_leaves_the_buffers_and_numbers_of_an_uncompiled_network(fails_at, use):
    from torch._dynamo.backends.common import aot_autograd

    if fails_at == "the second graph":
        backend = Backend(lambda: fails() if backend.graphs == 2 else None)
        use(backend)
    else:
        use(aot_autograd(fw_compiler=lambda graph, inputs: graph, bw_compiler=lambda graph, inputs: fails()))
    plain, compiled, x = gan(), gan(), torch.randn(4, 2)
    CompiledChildren(compiled)
    with pytest.warns(GenkitWarning):
        outputs = [model.critic(model.generator(x)).sum() for model in (plain, compiled)]
    for total in outputs:
        total.backward()
    assert torch.equal(*outputs)
    assert_same_bits(compiled.state_dict(), plain.state_dict())
    for a, b in zip(plain.parameters(), compiled.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)


def test_a_mistake_of_the_network_is_its_own(use):
    use(Backend())
    model = gan()
    CompiledChildren(model)
    with warnings.catch_warnings(), pytest.raises(RuntimeError, match="3|mat1"):
        warnings.simplefilter("error")
        model.critic.linear(torch.randn(4, 3))
        model.critic(torch.randn(4, 3))


def penalised(phase):
    """Return a phase whose loss has a second derivative, and does not say so."""

    def loss(model, batch):
        assert "z" not in batch.carry, "left by the attempt before"
        result = phase.loss(model, batch)
        z = batch.carry["z"] = batch.z.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(model.decoder(z).sum(), z, create_graph=True)
        return result._replace(total=result.total + gradient.square().mean())

    return replace(phase, loss=loss)


def test_a_step_that_cannot_be_compiled_is_repeated_uncompiled(use):
    use("aot_eager")

    def train(compiled):
        plan = tiny_plan(train=replace(TRAIN, compile=compiled))
        return train_all(replace(plan, phases=(penalised(plan.phases[0]), *plan.phases[1:])))

    with pytest.warns(GenkitWarning) as caught:
        state, records = train(True)
    assert len(caught) == 1
    assert_names(caught[0].message, "[train] compile", "double backward", "batch.full_precision()")
    plain, expected = train(None)
    assert_same_bits(tensors_of(state), tensors_of(plain))
    assert [record.step for record in records] == list(range(1, 13))
    assert all(torch.equal(a.terms[name], b.terms[name]) for a, b in zip(records, expected) for name in b.terms)


def test_a_step_that_fails_after_its_first_update_names_the_key(use):
    use("aot_eager")
    plan = tiny_plan(train=replace(TRAIN, compile=True))
    plan = replace(plan, phases=(*plan.phases[:2], penalised(plan.phases[2])))
    with pytest.raises(PartFailed) as caught:
        train_all(plan)
    assert_names(caught.value, "step 6", "[loss]", "[train] compile")


def test_a_mistake_of_a_loss_is_reported_as_it_is_uncompiled(use):
    use("aot_eager")

    def loss(model, batch):
        raise ValueError("bad")

    messages = []
    for compiled in (True, None):
        plan = tiny_plan(train=replace(TRAIN, compile=compiled))
        with warnings.catch_warnings(), pytest.raises(PartFailed) as caught:
            warnings.simplefilter("error", GenkitWarning)
            train_all(replace(plan, phases=(replace(plan.phases[0], loss=loss),)))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


# Global generators


def test_numbers_that_the_compiler_draws_are_not_held_against_a_part(use):
    backend = use(Backend(draw))
    with no_failure():
        train_all(tiny_plan(train=replace(TRAIN, compile=True)))
    assert backend.graphs


def test_numbers_that_a_failing_compiler_draws_are_not_held_against_a_part(use):
    use(Backend(lambda: (draw(), fails())))
    with pytest.warns(GenkitWarning, match="no C\\+\\+ compiler"):
        train_all(tiny_plan(train=replace(TRAIN, compile=True)))


def test_a_network_that_draws_is_still_found(use):
    use(Backend())
    plan = tiny_plan(train=replace(TRAIN, compile=True))
    state = initial_state(plan, World())
    state.model.decoder.append(nn.Dropout(0.5))
    from genkit.engine.loop import train_steps

    with pytest.raises(PartFailed) as caught:
        list(train_steps(plan, state, World()))
    assert_names(caught.value, "torch")


# Recompilations


def test_a_child_is_compiled_for_a_few_kinds_of_inputs_only(use):
    backend = use(Backend())
    model = GAN(nn.Linear(2, 2), nn.Linear(2, 2), 2, (2,))
    CompiledChildren(model)
    with pytest.warns(GenkitWarning) as caught:
        for _ in range(2):
            for rows in range(1, MOST_KINDS + 5):
                model.generator(torch.randn(rows, 2))
    assert backend.graphs == MOST_KINDS
    assert len(caught) == 1
    assert_names(caught[0].message, "[train] compile", "generator")


def test_modes_and_gradients_are_kinds_that_are_compiled_once(use):
    backend = use(Backend())
    model = GAN(nn.Linear(2, 2), nn.Linear(2, 2), 2, (2,))
    CompiledChildren(model)
    for _ in range(3):
        model.critic(torch.randn(4, 2))
        model.critic(torch.randn(4, 2, requires_grad=True))
        with torch.no_grad():
            model.critic(torch.randn(4, 2))
    assert backend.graphs == 3


def test_children_of_one_class_do_not_share_the_limit_of_torch(use):
    backend = use(Backend())
    model = GAN(nn.Linear(2, 2), nn.Linear(2, 2), 2, (2,))
    CompiledChildren(model)
    for rows in range(1, MOST_KINDS):
        model.critic(model.generator(torch.randn(rows, 2)))
    assert backend.graphs == 2 * (MOST_KINDS - 1)


# With torch's own compiler


def case(model, loss, children, data="8-gaussians", precision="fp32"):
    # A large eps: otherwise Adam makes a step of full size of a gradient that is nothing but a rounding error.
    return genkit.Recipe(
        title="compiled",
        data=Use(data),
        model=model,
        loss=loss,
        optimiser={child: Use("adam", lr=1e-3, eps=1e-3) for child in children},
        train=Train(steps=6, batch_size=8, precision=precision),
    )


AUTOENCODER, ADVERSARIAL = ("encoder", "decoder"), ("generator", "critic")
MLP, MLP_GAN = Use("mlp", width=32, layers=1), Use("mlp-gan", width=32, layers=1)
CONV = Use("introvae-conv", latent_dim=4, channels=(8, 8), norm="batch")
CONV_GAN = Use("dcgan", latent_dim=4, channels=(8, 8))
LOSSES = [Use("vae"), Use("soft-introvae", warmup_steps=2), Use("as-introvae", warmup_steps=2)]
CASES = {
    **{f"{loss.name}, mlp": case(MLP, loss, AUTOENCODER) for loss in LOSSES},
    # Batch norms enlarge rounding errors: 4e-5 of a total in float32.
    **{f"{loss.name}, conv": case(CONV, loss, AUTOENCODER, "digits", "fp64") for loss in LOSSES},
    "wgan-gp, mlp": case(MLP_GAN, Use("wgan-gp", n_critic=2), ADVERSARIAL),
    "wgan-gp, conv": case(CONV_GAN, Use("wgan-gp", n_critic=2), ADVERSARIAL, "digits"),
}


@pytest.fixture(scope="module")
def compiler_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("inductor")))
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("compiler_cache")
@pytest.mark.skipif(not (shutil.which("c++") or shutil.which("g++")), reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("recipe", CASES.values(), ids=CASES)
def test_torchs_own_compiler_computes_the_same_totals(recipe):
    with no_failure():
        _, compiled = train_all(genkit.make_plan(replace(recipe, train=replace(recipe.train, compile=True))))
    _, plain = train_all(genkit.make_plan(recipe))
    for a, b in zip(compiled, plain, strict=True):
        totals = [name for name in b.terms if name.endswith("/total")]
        for name in totals:
            torch.testing.assert_close(a.terms[name], b.terms[name], rtol=1e-5, atol=1e-5)
