"""Assertions for the tests of a plugin: what genkit assumes of losses, errors, scores, priors and more."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from genkit.core.batch import Batch
from genkit.core.callback import Callback, StopTraining
from genkit.core.constant_schedule import ConstantSchedule
from genkit.core.global_generators import seeded_generators
from genkit.core.metric import Extractor
from genkit.core.model import Autoencoder, Model
from genkit.core.noise import Noise, Rows
from genkit.core.prior import Prior, StandardNormal
from genkit.core.result import EvaluationRecord
from genkit.core.sample_noise import noise_of_samples
from genkit.core.score import Score
from genkit.core.types import Action, DiagNormal, Loss, Phase, ReconstructionError, turns_of
from genkit.recipe.costs import USE_THE_NOISE
from genkit.recipe.draw_finder import refusing_global_draws
from genkit.recipe.phase_result import checked_result
from genkit.recipe.plan import Plan
from genkit.recipe.try_parts import actions_of


def batch_of(
    x: Tensor,
    latent_dim: int,
    *,
    seed: int = 0,
    step: int = 0,
    t: float = 0.0,
    prior: Prior | None = None,
    targets: Mapping[str, nn.Module] | None = None,
) -> Batch:
    """Return the batch that the training loop makes from samples x, (B, *data_shape), with x's dtype and device.

    `prior` is that of the model, by default N(0, I). `targets` are the target networks by child.
    """
    noise = Noise(seed, step, "prior", Rows.all(len(x)), x.device, x.dtype)
    return Batch(x=x, t=t, noise=noise, targets=targets or {}, prior=prior or StandardNormal(latent_dim=latent_dim))


class _SmallEncoder(nn.Module):
    def __init__(self, size: int, latent_dim: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(size, 8), nn.Tanh(), nn.Linear(8, 2 * latent_dim))

    def forward(self, x: Tensor) -> DiagNormal:
        return DiagNormal(*self.net(x).chunk(2, dim=1))


def small_autoencoder(data_shape: tuple[int, ...], latent_dim: int, *, seed: int = 0) -> Autoencoder:
    """Return an autoencoder in float64 whose networks have one hidden layer of eight units."""
    with seeded_generators(seed):
        size = math.prod(data_shape)
        decoder = nn.Sequential(nn.Linear(latent_dim, 8), nn.Tanh(), nn.Linear(8, size), nn.Unflatten(1, data_shape))
        return Autoencoder(_SmallEncoder(size, latent_dim), decoder, latent_dim, data_shape).double()


def phase_gradients(phase: Phase, model: Model, batch: Batch) -> dict[str, Tensor | None]:
    """Return the gradients of a phase's total, by name of the parameter, for the children that the phase updates.

    The gradient of a parameter that the total does not depend on is None. Raises `ValueError` if the phase returns what
    is no `PhaseLoss` of scalars, or draws from a global random generator.
    """
    names = [name for name, _ in model.named_parameters() if name.split(".")[0] in phase.updates]
    parameters = dict(model.named_parameters())
    with refusing_global_draws(phase.loss, USE_THE_NOISE):
        total = checked_result(phase, phase.loss(model, batch.in_phase(phase.name))).total
    gradients = torch.autograd.grad(
        total, [parameters[name] for name in names], retain_graph=bool(batch.carry), allow_unused=True
    )
    return dict(zip(names, gradients, strict=True))


def assert_gradients_reach_updates(loss: Loss, model: Model, batch: Batch, *, step: int) -> None:
    """Assert that every phase due in `step` has a gradient for every parameter of the children that it updates."""
    for phase in loss.phases():
        if phase.due(step):
            missed = [name for name, gradient in phase_gradients(phase, model, batch).items() if gradient is None]
            assert not missed, f"phase {phase.name!r}: no gradient for {missed}, which the phase updates"


def take_step(
    loss: Loss, model: Model, optimisers: Mapping[str, torch.optim.Optimizer], batch: Batch, *, step: int = 0
) -> None:
    """Take one step as the training loop does; `optimisers` has that of each child of the model by name."""
    for turn in turns_of(loss.phases(), actions_of(loss)):
        if not turn.due(step):
            continue
        if isinstance(turn, Action):
            with torch.no_grad():
                turn.do(model, batch.in_phase(turn.name))
            for child in turn.resets:
                optimisers[child].state.clear()
            continue
        for name, gradient in phase_gradients(turn, model, batch).items():
            model.get_parameter(name).grad = gradient
        for child in turn.updates:
            if any(True for _ in model.get_submodule(child).parameters()):  # a prior may have none
                optimisers[child].step()


def assert_schedules_follow_the_run(loss: Loss, model: Model, batch: Batch, *keys: str) -> None:
    """Assert that the phases read the schedules of these keys at `batch.t`, the progress of the run, and use each.

    The phases start at a quarter of the run, so their own progress is different. The batch must have a `t` above 0.
    """

    def totals(schedules: Mapping[str, Callable[[float], float]]) -> dict[str, float]:
        probed: Any = replace(loss, **schedules)  # type: ignore[type-var]  # a loss is a dataclass
        given = replace(batch, carry={})
        return {p.name: p.loss(model, given.in_phase(p.name, start=0.25)).total.item() for p in probed.phases()}

    ramps = {key: _Ramp(0.3 * (number + 1)) for number, key in enumerate(keys)}
    constants = {key: ConstantSchedule(ramp(batch.t)) for key, ramp in ramps.items()}
    now = totals(constants)
    assert totals(ramps) == now, f"a phase reads one of {keys} at another time than batch.t"
    for key, ramp in ramps.items():
        assert totals({**constants, key: ConstantSchedule(ramp(0.0))}) != now, f"{key}: no phase uses its value"


class _Ramp:
    def __init__(self, start: float) -> None:
        self.start = start

    def __call__(self, t: float, /) -> float:
        return self.start + t


def assert_processes_agree(loss: Loss, model: Model, batch: Batch, *, step: int = 0) -> None:
    """Assert that two processes, with half of the batch each, have the totals and gradients of one process.

    A gather returns the rows of both processes, with gradient. The batch has an even number of rows; make model and
    batch in float64.
    """
    phases = [phase for phase in loss.phases() if phase.due(step)]
    one = _totals(phases, model, batch)
    calls: tuple[list[Tensor], list[Tensor]] = ([], [])
    for rank in (0, 1):  # the first pass records what a process gathers, the second answers with the rows of both

        def record(x: Tensor, rank: int = rank) -> Tensor:
            calls[rank].append(x)
            return torch.cat([x, x])

        _totals(phases, model, _half(batch, rank, record))
    both = [torch.cat(pair) for pair in zip(*calls, strict=True)]
    halves = []
    for rank in (0, 1):
        answers = iter(both)

        def answer(x: Tensor, answers: Iterator[Tensor] = answers) -> Tensor:
            return next(answers)

        halves.append(_totals(phases, model, _half(batch, rank, answer)))
    accuracy = 1e4 * torch.finfo(batch.x.dtype).eps
    for phase, alone, first, second in zip(phases, one, *halves, strict=True):
        weights = [weight for child in phase.updates for weight in model.get_submodule(child).parameters()]
        together = (first + second) / 2
        gradients = [
            [*torch.autograd.grad(total, weights, retain_graph=True, materialize_grads=True)]
            for total in (together, alone)
        ]
        for ours, theirs in zip([together, *gradients[0]], [alone, *gradients[1]], strict=True):
            difference, size = (ours - theirs).abs().max().item(), theirs.abs().max().item()
            assert difference <= accuracy * max(size, 1), (
                f'phase "{phase.name}": two processes differ by {difference:g} from one. '
                "Gather the rows before a batch statistic"
            )


def _totals(phases: Sequence[Phase], model: Model, batch: Batch) -> list[Tensor]:
    """Return the totals of phases that follow each other in one step."""
    batch = replace(batch, carry={})
    return [phase.loss(model, batch.in_phase(phase.name)).total for phase in phases]


def _half(batch: Batch, rank: int, gather: Callable[[Tensor], Tensor]) -> Batch:
    """Return the rows of one of two processes."""
    size = len(batch.x) // 2
    own = slice(rank * size, (rank + 1) * size)
    noise = replace(batch.noise, rows=Rows(own.start, own.stop, 2 * size))
    extra = {name: values[own] for name, values in batch.extra.items()}
    return replace(batch, x=batch.x[own], noise=noise, extra=extra, carry={}, rank=rank, gather_rows=gather)


def assert_error_is_lawful(error: ReconstructionError, model: Autoencoder, x: Tensor) -> None:
    """Assert what losses and metrics assume of a reconstruction error, on samples x, (B, *data_shape), B >= 2.

    - It is one finite number a sample, (B,), and a second call returns the same numbers.
    - The error of a sample does not depend on the other samples of the batch.
    - Its gradient with respect to the decoder's output, and to a target, is finite.
    - No sample has a smaller error than x itself, if the decoder returns samples.
    - It sums over a sample: x beside itself has twice the error of x. Only channels can be put side by side, so this is
      checked for images, unless the error reads the networks of the model, which have a fixed number of channels.
    - If it has a map, the sum of the map is the error.
    """
    output = model.decoder(model.encoder(x).mu).detach().requires_grad_()
    target, measure = x.clone().requires_grad_(), error.of(model)
    errors = measure(target, output)
    assert errors.shape == (len(x),), f"error: the shape is {tuple(errors.shape)}, expected {(len(x),)}"
    assert errors.isfinite().all(), "error: not finite"
    torch.testing.assert_close(measure(target, output), errors, rtol=0, atol=0)
    alone = torch.cat([measure(*pair) for pair in zip(target.split(1), output.split(1), strict=True)])
    torch.testing.assert_close(alone, errors, rtol=1e-4, atol=1e-4)
    for name, gradient in zip(("target", "output"), torch.autograd.grad(errors.sum(), [target, output]), strict=True):
        assert gradient.isfinite().all(), f"error: its gradient with respect to the {name} is not finite"
    if error.link == "identity":
        assert (measure(x, x) <= errors).all(), "error: x has a larger error than another sample"
        (gradient,) = torch.autograd.grad(measure(x, y := x.clone().requires_grad_()).sum(), y)
        assert gradient.isfinite().all(), "error: its gradient is not finite where there is no difference"
    if measure is error and x.dim() == 4:
        twice = measure(torch.cat([target, target], dim=1), torch.cat([output, output], dim=1))
        torch.testing.assert_close(twice, 2 * errors, rtol=1e-4, atol=1e-4)
    if x.dim() == 4:
        _assert_map_adds_up(partial(error.map, model, target, output), errors)


def assert_score_is_lawful(score: Score, model: Autoencoder, x: Tensor) -> None:
    """Assert what metrics assume of a score, on samples x, (B, *data_shape), B >= 2. A score that asks is fitted to x.

    - The model can give it. It is one finite number a sample, (B,).
    - The score of a sample does not depend on the other samples, nor on its place among them.
    - A second call returns the same scores, and x is unchanged.
    - If it has a map, the sum of the map is the score.
    """
    before = x.clone()
    with torch.no_grad():
        score.check(model)
        fitted = score.fitted(model, x.split(max(len(x) // 2, 1)))
        together, again = (fitted(model, x, noise_of_samples(0, "score", x)) for _ in range(2))
        alone = torch.cat([fitted(model, row, noise_of_samples(0, "score", row)) for row in x.flip(0).split(1)]).flip(0)
    assert together.shape == (len(x),), f"score: the shape is {tuple(together.shape)}, expected {(len(x),)}"
    assert together.isfinite().all(), "score: not finite"
    torch.testing.assert_close(again, together, rtol=0, atol=0)
    torch.testing.assert_close(x, before, rtol=0, atol=0)
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-4)
    if x.dim() == 4:
        with torch.no_grad():
            _assert_map_adds_up(partial(fitted.map, model, x, noise_of_samples(0, "score", x)), together)


def _assert_map_adds_up(make: Callable[[], Tensor], total: Tensor) -> None:
    try:
        found = make()
    except ValueError:  # it has no map
        return
    assert found.dim() == 3, f"map: the shape is {tuple(found.shape)}, expected (B, H, W)"
    torch.testing.assert_close(found.sum(dim=(1, 2)), total, rtol=1e-4, atol=1e-4, check_dtype=False)


def assert_prior_is_lawful(prior: Prior, *, rows: int = 20_000) -> None:
    """Assert what genkit assumes of a prior with at most three latent dimensions and a density without jumps.

    - Its codes are finite, (B, L), and a function of the noise: equal noise gives equal codes, and n processes draw
      what one does.
    - Its log-density is one number a code, for any leading dimensions, and finite at its own codes.
    - Codes follow the density: E_z[r(z)/p(z)] = 1 for another density r, to 5 %. `rows` is the number of codes.
    - KL(q || p) is finite, one number a row, with a finite gradient, and no smaller than the mean of
      log q(z) - log p(z) over draws of q.
    - `frozen` has the same density, whose gradient reaches codes and no parameter.
    - `description` can be printed.
    """
    assert prior.description and prior.description.isprintable(), f"description: {prior.description!r}"
    assert prior.latent_dim <= 3, f"latent_dim: {prior.latent_dim} is too many for this test; give 3 or fewer"
    noise = Noise(0, 0, "prior", Rows.all(rows), dtype=torch.float64)
    half = rows // 2
    with torch.no_grad():
        z, again = prior.sample(noise), prior.sample(noise)
        parts = [prior.sample(replace(noise, rows=part)) for part in (Rows(0, half, rows), Rows(half, rows, rows))]
        log_p, stacked = prior.log_prob(z), prior.log_prob(z[:6].reshape(2, 3, -1))
    assert z.shape == (rows, prior.latent_dim), f"sample: the shape is {tuple(z.shape)}"
    assert z.isfinite().all(), "sample: not finite"
    assert torch.equal(again, z), "sample: equal noise gives other codes. Draw from the noise only"
    torch.testing.assert_close(torch.cat(parts), z, rtol=1e-6, atol=1e-6)
    assert log_p.shape == (rows,), f"log_prob: the shape is {tuple(log_p.shape)}, expected {(rows,)}"
    assert stacked.shape == (2, 3), f"log_prob: the shape is {tuple(stacked.shape)} for codes (2, 3, L)"
    assert log_p.isfinite().all(), "log_prob: not finite at the prior's own codes"
    torch.testing.assert_close(stacked.flatten(), log_p[:6], rtol=1e-6, atol=1e-6)
    _assert_codes_follow_density(z, log_p)
    _assert_kl_is_no_smaller(prior, z)
    _assert_frozen(prior, z[:8])


def _assert_codes_follow_density(z: Tensor, log_p: Tensor) -> None:
    """Compare with kernels around some of the codes, as wide as half the distance to the nearest of these."""
    centres, others, log_p = z[:500], z[500:], log_p[500:]
    nearest = torch.cdist(centres, centres).topk(2, largest=False).values[:, 1]
    width = 0.5 * nearest.median()
    squares = (torch.cdist(others, centres) / width).square()
    normaliser = z.shape[1] * (width.log() + 0.5 * math.log(2 * math.pi)) + math.log(len(centres))
    ratio = ((-0.5 * squares).logsumexp(dim=1) - normaliser - log_p).exp().mean().item()
    assert abs(ratio - 1) < 0.05, f"log_prob: codes do not follow it: the mean of r(z)/p(z) is {ratio:.3f}, not 1"


def _assert_kl_is_no_smaller(prior: Prior, z: Tensor) -> None:
    rows = torch.ones(4000, 1, dtype=z.dtype)
    for mean, logvar in ((z[0], -1.0), (z[1], 0.5), (z.mean(dim=0) + 2 * z.std(dim=0), -3.0)):
        q = DiagNormal((rows * mean).requires_grad_(), (logvar * rows).repeat(1, len(mean)).requires_grad_())
        kl = prior.kl(q, Noise(0, 0, "kl", Rows.all(len(rows)), dtype=z.dtype))
        assert kl.shape == (len(rows),), f"kl: the shape is {tuple(kl.shape)}, expected {(len(rows),)}"
        assert kl.isfinite().all(), "kl: not finite"
        for gradient in torch.autograd.grad(kl.sum(), [q.mu, q.logvar]):
            assert gradient.isfinite().all(), "kl: its gradient is not finite"
        with torch.no_grad():
            eps = Noise(0, 1, "draws", Rows.all(len(rows)), dtype=z.dtype).randn("eps", len(mean))
            log_q = -0.5 * (eps.square() + q.logvar + math.log(2 * math.pi)).sum(dim=1)
            sampled = log_q - prior.log_prob(q.mu + (0.5 * q.logvar).exp() * eps)
            least = sampled.mean() - 5 * ((sampled.var() + kl.var()) / len(rows)).sqrt() - 1e-4
        assert kl.mean() >= least, f"kl: {kl.mean():.3f} nats, less than {sampled.mean():.3f} over draws of q"


def _assert_frozen(prior: Prior, z: Tensor) -> None:
    frozen, z = prior.frozen(), z.clone().requires_grad_()
    value = frozen.log_prob(z)
    torch.testing.assert_close(value, prior.log_prob(z), rtol=0, atol=0)
    gradients = torch.autograd.grad(value.sum(), [z, *prior.parameters()], allow_unused=True)
    assert gradients[0] is not None, "frozen: no gradient reaches the codes"
    assert all(each is None for each in gradients[1:]), "frozen: a gradient reaches a parameter of the prior"


@dataclass
class RecordedRun:
    """Run whose log and evaluations are given, as a callback sees it (`genkit.core.callback.RunView`)."""

    plan: Plan
    folder: Path
    log: Sequence[Mapping[str, float]]  # lines with their "step"
    records: Sequence[EvaluationRecord]
    step: int = 0

    def lines(self) -> Sequence[Mapping[str, float]]:
        """Return the lines up to the current step."""
        return [line for line in self.log if line["step"] <= self.step]

    def evaluations(self) -> Sequence[EvaluationRecord]:
        """Return the evaluations up to the current step."""
        return [record for record in self.records if record.step <= self.step]

    def model(self, weights: Literal["raw", "ema"] | None = None) -> Model:
        """Return the initial model of the plan."""
        with seeded_generators(0):
            return self.plan.build_model().requires_grad_(False).eval()


def assert_callback_is_lawful(
    callback: Callback,
    plan: Plan,
    folder: Path,
    *,
    log: Sequence[Mapping[str, float]] = (),
    records: Sequence[EvaluationRecord] = (),
) -> None:
    """Assert what a run assumes of a callback, in a run with this plan, log and evaluations.

    - It fits the plan, and can be copied: each run follows a copy.
    - It changes nothing that it is given.
    - It can be closed as soon as it has started.
    - It raises `StopTraining` only if `stops` is true. It then stops a run that is resumed at any step where it stops
      the run that was not interrupted, although a resume repeats the evaluation of its checkpoint.
    """
    callback.check(plan)
    assert all(text.isprintable() for text in callback.unmet()), f"unmet: {callback.unmet()}"
    opened = copy.deepcopy(callback)
    opened.started(RecordedRun(plan, folder, log, records))
    opened.closed()
    last = max((*(int(line["step"]) for line in log), *(record.step for record in records)), default=1)
    before = copy.deepcopy((log, records))
    stopped = _stop_of(callback, RecordedRun(plan, folder, log, records), last)
    assert (log, records) == before, "the callback has changed a line or a result that it was given"
    for start in range(1, last if stopped is None else stopped):
        resumed = _stop_of(callback, RecordedRun(plan, folder, log, records, start), last)
        assert resumed == stopped, (
            f"a run that is resumed at step {start} stops at {resumed}, the uninterrupted one at {stopped}. Decide "
            "from run.lines() and run.evaluations()"
        )


def _stop_of(callback: Callback, run: RecordedRun, last: int) -> int | None:
    """Return the step at which a copy of the callback stops the run, which goes on from its present step."""
    following, start = copy.deepcopy(callback), run.step
    following.started(run)
    try:
        for step in range(start, last + 1):
            run.step = step
            if step > start:
                for line in run.log:
                    if line["step"] == step:
                        following.logged(step, line)
                following.stepped(step)
            for record in run.records:
                if record.step == step:
                    following.evaluated(step, record.results)
        following.finished(last, ())
    except StopTraining as stop:
        assert type(callback).stops, f"{stop}: only a callback whose `stops` is true may raise StopTraining"
        following.stopped(run.step, str(stop))
        return run.step
    finally:
        following.closed()
    return None


def assert_features_are_lawful(extractor: Extractor, x: Tensor, *others: Extractor) -> None:
    """Assert what metrics assume of an extractor, on samples x, (B, *shape), B >= 2.

    - `unmet` is empty, `name` and `resize` are printable, `digest` is a SHA-256 or empty.
    - Features have the shape (B, F) with F = `width`, are finite, and carry no gradient.
    - A second call returns the same features, and x is unchanged.
    - The features of a sample do not depend on the other samples of the batch.
    - Each of `others`, the same extractor with other settings, differs in `name`, `digest` or `resize` if it makes
      different features. Tables rely on it to keep numbers from different features apart.
    """
    shape, before = tuple(x.shape[1:]), x.clone()
    assert not extractor.unmet(), f"unmet: {extractor.unmet()}"
    assert extractor.name and extractor.name.isprintable(), f"name: {extractor.name!r} is empty or not printable"
    assert not extractor.digest or (len(extractor.digest) == 64 and int(extractor.digest, 16)), (
        f"digest: {extractor.digest!r} is not a SHA-256 in hexadecimal digits"
    )
    assert extractor.resize(shape).isprintable(), f"resize: {extractor.resize(shape)!r} is not printable"

    features, width = extractor(x), extractor.width(shape)
    assert features.shape == (len(x), width), (
        f"width: states {width} features a sample, but the features have the shape {tuple(features.shape)}"
    )
    assert features.isfinite().all(), "features: not finite"
    assert not features.requires_grad, "features: carry a gradient; compute them under torch.no_grad()"
    torch.testing.assert_close(extractor(x), features, rtol=0, atol=0)
    torch.testing.assert_close(x, before, rtol=0, atol=0)
    alone = torch.cat([extractor(row) for row in x.flip(0).split(1)]).flip(0)
    torch.testing.assert_close(alone, features, rtol=1e-4, atol=1e-4 * features.abs().max().item())
    for other in others:
        if other.width(shape) != width or not torch.equal(other(x), features):
            label, other_label = ((each.name, each.digest, each.resize(shape)) for each in (extractor, other))
            assert label != other_label, (
                f"{other!r} makes other features than {extractor!r}, but both have name, digest and resize {label}"
            )
