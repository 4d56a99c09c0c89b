"""Trials of single parts before a run: each is used once, as a run uses it, and what it returns is checked.

Every function raises `ValueError` with the class, its file and line. Other exceptions are bugs of the part.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from genkit.core.condition import LABEL
from genkit.core.dataset import Dataset
from genkit.core.model import GAN, Autoencoder, Model
from genkit.core.noise import Noise, Rows
from genkit.core.types import (
    Action,
    DiagNormal,
    Loss,
    LossWithActions,
    LossWithRemark,
    LossWithTargets,
    Optimiser,
    Phase,
    Remark,
)
from genkit.part_code import code_of
from genkit.recipe.draw_finder import refusing_global_draws
from genkit.recipe.part_interface import check_interface

NO_NOISE_IN_NETWORKS = (
    "Networks are given no random numbers, so they must not draw any, and dropout is not supported. Draw in the loss, "
    "with batch.randn or batch.rand."
)
NO_GLOBAL_DRAWS_IN_PRIORS = "Draw with the argument: noise.randn and noise.rand."
NO_NOISE_IN_OPTIMISERS = "An optimiser is given no random numbers, so it must not draw any."


def shape_of(data: Dataset) -> tuple[int, ...]:
    """Return the shape of one sample. Raises `ValueError` unless it is a tuple of positive integers."""
    shape: Any = data.shape
    if not isinstance(shape, (tuple, list)) or not shape or not all(isinstance(n, int) and n > 0 for n in shape):
        raise ValueError(f"{code_of(data)}: shape is {shape!r}. Return (D,) for points, (C, H, W) for images")
    return tuple(shape)


def try_data(data: Dataset) -> bool:
    """Check what a data set and its held-out split say about themselves. No sample is read. Return True."""
    shape_of(data)
    _check_facts(data)
    held_out: Any = data.held_out()
    try:
        check_interface("datasets", held_out)
    except TypeError as error:
        text = "Return the held-out split; a density, whose samples never repeat, returns itself"
        raise ValueError(f"{code_of(data)}: held_out returned a {type(held_out).__name__}. {text}") from error
    _check_facts(held_out)
    if shape_of(held_out) != shape_of(data):
        raise ValueError(
            f"{code_of(data)}: samples have the shape {shape_of(data)}, held-out samples {shape_of(held_out)}"
        )
    return True


def _check_facts(data: Any) -> None:
    unmet = data.unmet()
    if not isinstance(unmet, (tuple, list)) or not all(isinstance(text, str) for text in unmet):
        raise ValueError(
            f"{code_of(data)}: unmet returned {unmet!r}. Return a tuple of messages; () if nothing is missing"
        )
    if not isinstance(data.split, str):
        raise ValueError(f'{code_of(data)}: split is {data.split!r}. Return "train", "test" or "drawn"')
    if unmet:  # only reading the data would show their size
        return
    size = data.size
    if size is not None and (not isinstance(size, int) or size < 0):
        raise ValueError(f"{code_of(data)}: size is {size!r}. Return the number of samples, or None for a density")


def try_phases(loss: Loss) -> tuple[Phase, ...]:
    """Return the phases of a loss, after a check of their fields."""
    phases: Any = loss.phases()
    if not isinstance(phases, (tuple, list)) or not phases or not all(isinstance(phase, Phase) for phase in phases):
        found = "nothing" if phases in (None, (), []) else f"a {type(phases).__name__}"
        raise ValueError(f"{code_of(loss)}: phases returned {found}. Return a tuple of Phase")
    for phase in phases:
        subject = f'{code_of(loss)}: phase "{phase.name}"'
        if isinstance(phase.updates, str) or not phase.updates:
            raise ValueError(f'{subject}: updates is {phase.updates!r}. Give a tuple of names, such as ("encoder",)')
        if not callable(phase.loss):
            raise ValueError(f"{subject}: loss is a {type(phase.loss).__name__}. Give a function of model and batch")
        if phase.every < 1:
            raise ValueError(f"{subject}: every is {phase.every}. Give a positive integer")
    names = [phase.name for phase in phases]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f'{code_of(loss)}: two phases have the name "{min(twice)}". Give each its own')
    return tuple(phases)


def actions_of(loss: Loss) -> Any:
    """Return what a loss gives as its actions; none for most losses."""
    return loss.actions() if isinstance(loss, LossWithActions) else ()


def try_actions(loss: Loss, phases: tuple[Phase, ...]) -> tuple[Action, ...]:
    """Return the actions of a loss, after a check of their fields."""
    actions: Any = actions_of(loss)
    if not isinstance(actions, (tuple, list)) or not all(isinstance(action, Action) for action in actions):
        found = "nothing" if actions is None else f"a {type(actions).__name__}"
        raise ValueError(f"{code_of(loss)}: actions returned {found}. Return a tuple of Action, () for none")
    names = [turn.name for turn in (*phases, *actions)]
    for action in actions:
        subject = f'{code_of(loss)}: action "{action.name}"'
        if not callable(action.do):
            raise ValueError(f"{subject}: do is a {type(action.do).__name__}. Give a function of model and batch")
        if action.every < 1:
            raise ValueError(f"{subject}: every is {action.every}. Give a positive integer")
        if isinstance(action.resets, str):
            raise ValueError(f'{subject}: resets is {action.resets!r}. Give a tuple of names, such as ("decoder",)')
        if action.before is not None and action.before not in (known := [phase.name for phase in phases]):
            raise ValueError(f'{subject}: before is "{action.before}". Give the name of a phase: {", ".join(known)}')
        if names.count(action.name) > 1:
            raise ValueError(f"{subject}: the name of another action or phase. Give each its own")
    return tuple(actions)


def targets_of(loss: Loss) -> Any:
    """Return the children whose targets a loss reads; none for most losses."""
    return loss.targets() if isinstance(loss, LossWithTargets) else ()


def try_targets(loss: Loss, model: Model) -> tuple[str, ...]:
    """Return the children whose targets a loss reads, after a check that the model has them."""
    targets: Any = targets_of(loss)
    if not isinstance(targets, (tuple, list)) or not all(isinstance(name, str) for name in targets):
        raise ValueError(
            f'{code_of(loss)}: targets returned {targets!r}. Return a tuple of names, such as ("decoder",)'
        )
    children = [name for name, _ in model.named_children()]
    for name in targets:
        if name not in children:
            raise ValueError(
                f'{code_of(loss)}: targets has "{name}", no child of the model; it has {" and ".join(children)}'
            )
    return tuple(dict.fromkeys(targets))


def try_remark(loss: Loss) -> bool:
    """Ask a loss that makes remarks for one on no terms, as at the first line of a log. Return True."""
    if isinstance(loss, LossWithRemark):
        remark: Any = loss.remark({})
        if remark is not None and not isinstance(remark, Remark):
            raise ValueError(f"{code_of(loss)}: remark returned a {type(remark).__name__}. Return a Remark, or None")
    return True


def try_optimiser(optimiser: Optimiser) -> None:
    """Let the optimiser update a single weight."""
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    built: Any = optimiser.build([weight])
    if not isinstance(built, torch.optim.Optimizer):
        raise ValueError(
            f"{code_of(optimiser)}: build returned a {type(built).__name__}. Return a torch.optim.Optimizer"
        )
    for t in (0.0, 0.25, 0.5, 0.75, 1.0):
        if not (math.isfinite(optimiser.lr(t)) and optimiser.lr(t) >= 0):
            raise ValueError(f"the learning rate is {optimiser.lr(t)} at t = {t}; it must be finite and not negative")
    clip: Any = optimiser.clip_norm
    if clip is not None and (not isinstance(clip, (int, float)) or clip <= 0):
        raise ValueError(f"{code_of(optimiser)}: clip_norm is {clip!r}. Return a positive number, or None")
    step: Any = built.step
    try:
        with refusing_global_draws(optimiser, NO_NOISE_IN_OPTIMISERS):
            step()
    except TypeError as error:
        raise ValueError(
            f"{code_of(optimiser)}: {type(built).__name__}.step() failed: {error}. An optimiser that needs a closure, "
            "such as L-BFGS, is not supported: a step computes each gradient once"
        ) from None
    for name, value in built.state.get(weight, {}).items():
        if not isinstance(value, (Tensor, int, float)):
            raise ValueError(
                f'{code_of(optimiser)}: its state "{name}" is a {type(value).__name__}. A checkpoint holds only '
                "tensors and numbers for each parameter"
            )


def try_model(model: Model, data_shape: tuple[int, ...], batch_size: int) -> bool:
    """Pass a batch without content through the networks of a model on the meta device. Return True."""
    device = torch.device("meta")
    latent: Any = getattr(model, "latent_dim", None)
    if not isinstance(latent, int) or latent < 1:
        raise ValueError(f"{code_of(model)}: latent_dim is {latent!r}. Set it to the size L of the latent code")
    if tuple(getattr(model, "data_shape", ())) != data_shape:
        raise ValueError(f"{code_of(model)}: data_shape is not {data_shape}. Set it to the data_shape that it is given")
    z = Noise(0, 0, "trial", Rows.all(batch_size), device).randn("z", latent)
    x = torch.empty(batch_size, *data_shape, device=device)
    given = model.given(labels_without_content(model, batch_size))
    with torch.no_grad(), refusing_global_draws(model, NO_NOISE_IN_NETWORKS), given:
        _expect(model, "sample(z)", model.sample(z), (batch_size, *data_shape))
        if isinstance(model, Autoencoder):
            _expect_posterior(model, model.encoder(x), (batch_size, latent))
            _expect(model, "decoder(z)", model.decoder(z), (batch_size, *data_shape))
        elif isinstance(model, GAN):
            _expect(model, "generator(z)", model.generator(z), (batch_size, *data_shape))
            _expect(model, "critic(x)", model.critic(x), (batch_size,))
    return True


def try_prior(model: Model, batch_size: int) -> bool:
    """Ask the prior of a model for codes, densities and divergences without content. Return True."""
    prior, device = model.prior, torch.device("meta")
    description: Any = prior.description
    if not isinstance(description, str) or not description.isprintable():
        raise ValueError(f"{code_of(prior)}: description is {description!r}. Return the name of the prior, on one line")
    noise = Noise(0, 0, "trial", Rows.all(batch_size), device)
    shape = (batch_size, model.latent_dim)
    q = DiagNormal(torch.empty(shape, device=device), torch.empty(shape, device=device))
    given = model.given(labels_without_content(model, batch_size))
    with torch.no_grad(), refusing_global_draws(prior, NO_GLOBAL_DRAWS_IN_PRIORS), given:
        z = prior.sample(noise)
        _expect(prior, "sample(noise)", z, shape)
        _expect(prior, "log_prob(z)", prior.log_prob(z), (batch_size,))
        _expect(prior, "kl(q, noise)", prior.kl(q, noise), (batch_size,))
        _expect(
            prior, "kl(q, noise), with one row of noise", prior.kl(q, replace(noise, rows=Rows.all(1))), (batch_size,)
        )
    return True


def labels_without_content(model: Model, size: int) -> dict[str, Tensor]:
    """Return the condition of `size` rows on the meta device; nothing for a model that is not conditional."""
    return {} if model.condition_classes is None else {LABEL: torch.empty(size, dtype=torch.int64, device="meta")}


def try_error(model: Model, data_shape: tuple[int, ...]) -> bool:
    """Compare two samples without content by the reconstruction error of a model on the meta device. Return True."""
    if not isinstance(model, Autoencoder):
        raise ValueError(f"a {type(model).__name__} has no reconstructions, so this key has no effect. Remove it")
    x, output = torch.empty(2, 2, *data_shape, device="meta")
    error: Any = model.reconstruction_error
    if error.link not in ("identity", "sigmoid"):
        raise ValueError(f'{code_of(error)}: link is {error.link!r}. Return "identity", or "sigmoid" for logits')
    found: Any = model.error(x, output)
    if not isinstance(found, Tensor) or found.shape != (2,):
        shape = f"the shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"type {type(found).__name__}"
        raise ValueError(f"{code_of(error)}: the error of 2 samples has {shape}. Return one number a sample, (B,)")
    return True


def _expect_posterior(model: Autoencoder, found: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(found, DiagNormal):
        raise ValueError(
            f"{code_of(model)}: encoder(x) returned a {type(found).__name__}, expected a DiagNormal. "
            "genkit.api.Posterior as the last layer makes one"
        )
    _expect(model, "encoder(x).mu", found.mu, shape)
    _expect(model, "encoder(x).logvar", found.logvar, shape)


def _expect(part: object, call: str, found: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(found, Tensor):
        raise ValueError(f"{code_of(part)}: {call} returned a {type(found).__name__}, expected a tensor {shape}")
    if found.shape != shape:
        raise ValueError(f"{code_of(part)}: {call} has the shape {tuple(found.shape)}, expected {shape}")
